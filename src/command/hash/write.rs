//! Changing hashes.

use crate::command::args::{integer, parse_integer};
use crate::command::declared::{Expire, Pairs, set_fields};
use crate::command::{CommandError, Context, float};
use crate::engine::{FieldExpire, Mutation};
use crate::resp::Args;
use smallvec::SmallVec;

/// As `HSET` leaves a field, and as an increment leaves it.
const CLEARED: Expire = Expire::Declared(FieldExpire::Clear);
const KEPT: Expire = Expire::Declared(FieldExpire::Keep);

/// Set the pairs that follow the key; answers how many fields are new.
fn set_pairs(ctx: &mut Context<'_>, args: Args<'_>, command: &str) -> Result<u64, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::arity(command));
    }
    let key = ctx.key(args.at(1));
    ctx.data.hash(&key)?;
    let fields: Pairs<'_> = (2..args.len())
        .step_by(2)
        .map(|i| (args.at(i), args.at(i + 1)))
        .collect();
    set_fields(ctx, key, &fields, CLEARED)
}

pub fn hset(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let added = set_pairs(ctx, args, "hset")?;
    ctx.out.integer(added as i64);
    Ok(())
}

pub fn hmset(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_pairs(ctx, args, "hmset")?;
    ctx.out.simple("OK");
    Ok(())
}

pub fn hsetnx(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let missing = ctx
        .data
        .hash(&key)?
        .is_none_or(|hash| hash.get(args.at(2)).is_none());
    if missing {
        set_fields(ctx, key, &[(args.at(2), args.at(3))], CLEARED)?;
    }
    ctx.out.integer(i64::from(missing));
    Ok(())
}

pub fn hdel(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let mut gone = 0;
    if ctx.data.hash(&key)?.is_some() {
        let fields: SmallVec<[&[u8]; 16]> = args.from(2).iter().collect();
        gone = ctx.data.commit(&Mutation::HashDelete {
            key,
            fields: &fields,
        });
    }
    ctx.out.integer(gone as i64);
    Ok(())
}

pub fn hincrby(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let increment = integer(args.at(3))?;
    let key = ctx.key(args.at(1));
    let current = ctx.data.hash(&key)?.and_then(|hash| hash.get(args.at(2)));
    let current = match current {
        Some(value) => parse_integer(&value.to_vec()).ok_or("ERR hash value is not an integer")?,
        None => 0,
    };
    let sum = current
        .checked_add(increment)
        .ok_or("ERR increment or decrement would overflow")?;
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(sum).as_bytes();
    set_fields(ctx, key, &[(args.at(2), text)], KEPT)?;
    ctx.out.integer(sum);
    Ok(())
}

pub fn hincrbyfloat(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let increment = float::parse(args.at(3)).ok_or(CommandError::NotAFloat)?;
    if increment.is_infinite() {
        return Err("ERR value is NaN or Infinity".into());
    }
    let key = ctx.key(args.at(1));
    let current = ctx.data.hash(&key)?.and_then(|hash| hash.get(args.at(2)));
    let current = match current {
        Some(value) => float::parse(&value.to_vec()).ok_or("ERR hash value is not a float")?,
        None => float::Float::ZERO,
    };
    let sum = current.plus(increment)?.to_string();
    set_fields(ctx, key, &[(args.at(2), sum.as_bytes())], KEPT)?;
    ctx.out.bulk(sum.as_bytes());
    Ok(())
}
