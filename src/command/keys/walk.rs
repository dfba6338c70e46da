//! Looking over a whole database: `SCAN`, `KEYS`, `RANDOMKEY`, `DBSIZE`. All shards are locked.

use super::super::args::{cursor, integer, is};
use super::super::{CommandError, Context};
use super::presence::kind_name;
use crate::glob;
use crate::resp::{Args, Output};

/// Keys that `SCAN` visits if it is not told how many.
const COUNT_DEFAULT: usize = 10;
/// Keys that `KEYS` visits in one step.
const KEYS_STEP: usize = 4096;

/// Names gathered before their number is known.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    fn reply(&self, out: &mut Output) {
        out.array(self.ends.len());
        let mut start = 0;
        for &end in &self.ends {
            out.bulk(self.bytes.get(start..end).unwrap_or_default());
            start = end;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    count: usize,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: Args<'a>) -> Result<ScanOptions<'a>, CommandError> {
        let mut options = ScanOptions {
            pattern: None,
            kind: None,
            count: COUNT_DEFAULT,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if is(arg, "novalues") {
                return Err("ERR NOVALUES option can only be used in HSCAN".into());
            }
            let value = args.next().ok_or(CommandError::Syntax)?;
            if is(arg, "count") {
                let count = usize::try_from(integer(value)?).unwrap_or(0);
                if count == 0 {
                    return Err(CommandError::Syntax);
                }
                options.count = count;
            } else if is(arg, "match") {
                options.pattern = Some(value);
            } else if is(arg, "type") {
                options.kind = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

pub fn scan(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let start = cursor(args.at(1))?;
    let options = ScanOptions::parse(args.from(2))?;
    let mut names = Names::default();
    let next = ctx.data.locked.scan(
        ctx.session.db,
        start,
        options.count,
        ctx.data.now,
        &mut |name, entity| {
            let kind = options
                .kind
                .is_none_or(|kind| is(kind, kind_name(entity.kind())));
            if kind && options.pattern.is_none_or(|p| glob::matches(p, name)) {
                names.push(name);
            }
        },
    );
    ctx.out.array(2);
    ctx.out.bulk(itoa::Buffer::new().format(next).as_bytes());
    names.reply(ctx.out);
    Ok(())
}

pub fn keys(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let pattern = args.at(1);
    let mut names = Names::default();
    let mut at = 0;
    loop {
        at = ctx.data.locked.scan(
            ctx.session.db,
            at,
            KEYS_STEP,
            ctx.data.now,
            &mut |name, _| {
                if glob::matches(pattern, name) {
                    names.push(name);
                }
            },
        );
        if at == 0 {
            break;
        }
    }
    names.reply(ctx.out);
    Ok(())
}

pub fn randomkey(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let random = crate::instance::random();
    let name = ctx
        .data
        .locked
        .random_key(ctx.session.db, random, ctx.data.now);
    match name {
        Some(name) => ctx.out.bulk(&name),
        None => ctx.out.null(),
    }
    Ok(())
}

pub fn dbsize(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let (keys, _) = ctx.data.locked.count(ctx.session.db);
    ctx.out.integer(keys as i64);
    Ok(())
}
