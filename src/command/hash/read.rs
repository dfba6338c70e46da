//! Reading hashes.

use super::{reply_found, reply_value};
use crate::command::args::{cursor, integer, is};
use crate::command::{CommandError, Context};
use crate::engine::{Field, Hash, Places};
use crate::glob;
use crate::resp::{Args, Output, label};

/// Fields that `HSCAN` visits if it is not told how many.
const COUNT_DEFAULT: usize = 10;

pub fn hget(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    reply_found(ctx.out, hash.and_then(|hash| hash.get(args.at(2))));
    Ok(())
}

pub fn hmget(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let names = args.from(2);
    let Some(hash) = ctx.data.hash(&key)? else {
        ctx.out.array(names.len());
        names.iter().for_each(|_| ctx.out.null());
        return Ok(());
    };
    reply_many(ctx.out, &hash, (names, &mut ctx.session.places));
    Ok(())
}

/// Reply with the values of these fields.
pub fn reply_many(out: &mut Output, hash: &Hash<'_>, (names, places): (Args<'_>, &mut Places)) {
    out.array(names.len());
    hash.get_many(names.iter(), places, |value| reply_found(out, value));
}

/// Reply with the names and values of a hash.
pub fn reply_pairs(out: &mut Output, places: &mut Places, hash: Option<Hash<'_>>) {
    let len = hash.as_ref().map_or(0, |hash| hash.len());
    out.map(len);
    let Some(hash) = hash else {
        return;
    };
    // As many as were announced: replies behind this one must be told from it, even if the row is
    // damaged.
    let mut left = len;
    let labelled = hash.read_labelled(label, places, |label, value| {
        if left == 0 {
            return;
        }
        left -= 1;
        if let Err(plain) = value.short(|text, len| out.labelled(label, text, len)) {
            out.label(label);
            out.bulk_apart(plain);
        }
    });
    if !labelled {
        hash.for_each(|field| {
            if left > 0 {
                left -= 1;
                out.bulk(field.name);
                reply_value(out, field.value);
            }
        });
    }
    (0..left * 2).for_each(|_| out.null());
}

/// Reply with the name or the value of each field, as `part` writes it.
fn reply_each(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    part: fn(&mut Output, Field<'_>),
) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    let mut left = hash.as_ref().map_or(0, |hash| hash.len());
    ctx.out.array(left);
    if let Some(hash) = hash {
        hash.for_each(|field| {
            if left > 0 {
                left -= 1;
                part(ctx.out, field);
            }
        });
    }
    (0..left).for_each(|_| ctx.out.null());
    Ok(())
}

pub fn hgetall(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    reply_pairs(ctx.out, &mut ctx.session.places, hash);
    Ok(())
}

pub fn hkeys(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_each(ctx, args, |out, field| out.bulk(field.name))
}

pub fn hvals(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_each(ctx, args, |out, field| reply_value(out, field.value))
}

pub fn hlen(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let len = ctx.data.hash(&key)?.map_or(0, |hash| hash.len());
    ctx.out.integer(len as i64);
    Ok(())
}

pub fn hexists(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let found = ctx.data.hash(&key)?.and_then(|hash| hash.get(args.at(2)));
    ctx.out.integer(i64::from(found.is_some()));
    Ok(())
}

pub fn hstrlen(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let found = ctx.data.hash(&key)?.and_then(|hash| hash.get(args.at(2)));
    ctx.out.integer(found.map_or(0, |value| value.len()) as i64);
    Ok(())
}

struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    values: bool,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: Args<'a>) -> Result<ScanOptions<'a>, CommandError> {
        let mut options = ScanOptions {
            pattern: None,
            count: COUNT_DEFAULT,
            values: true,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if is(arg, "novalues") {
                options.values = false;
                continue;
            }
            let value = args.next().ok_or(CommandError::Syntax)?;
            if is(arg, "count") {
                options.count = usize::try_from(integer(value)?).unwrap_or(0);
                if options.count == 0 {
                    return Err(CommandError::Syntax);
                }
            } else if is(arg, "match") {
                options.pattern = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

pub fn hscan(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let start = cursor(args.at(2))?;
    let key = ctx.key(args.at(1));
    // As Redis: the options of a scan of nothing are not looked at.
    let Some(hash) = ctx.data.hash(&key)? else {
        ctx.out.array(2);
        ctx.out.bulk(b"0");
        ctx.out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3))?;
    let mut found: Vec<Field<'_>> = Vec::new();
    let next = hash.scan(start, options.count, &mut |field| {
        if options
            .pattern
            .is_none_or(|pattern| glob::matches(pattern, field.name))
        {
            found.push(field);
        }
    });
    ctx.out.array(2);
    ctx.out.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.out
        .array(found.len() * if options.values { 2 } else { 1 });
    for field in found {
        ctx.out.bulk(field.name);
        if options.values {
            reply_value(ctx.out, field.value);
        }
    }
    Ok(())
}
