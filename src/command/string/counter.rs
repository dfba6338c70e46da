//! `INCR` and its relatives.

use super::super::args::integer;
use super::super::{CommandError, Context, float};
use crate::engine::{KeyExpire, Mutation};
use crate::resp::Args;

pub fn incr(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    add(ctx, args.at(1), 1)
}

pub fn decr(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    add(ctx, args.at(1), -1)
}

pub fn incrby(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let by = integer(args.at(2))?;
    add(ctx, args.at(1), by)
}

pub fn decrby(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let by = integer(args.at(2))?
        .checked_neg()
        .ok_or(CommandError::from("ERR decrement would overflow"))?;
    add(ctx, args.at(1), by)
}

/// Add to the number under a key, which is 0 if there is none; its expiry stays.
fn add(ctx: &mut Context<'_>, name: &[u8], by: i64) -> Result<(), CommandError> {
    let key = ctx.key(name);
    let sum = ctx
        .data
        .string(&key)?
        .map_or(Ok(0), integer)?
        .checked_add(by)
        .ok_or(CommandError::from(
            "ERR increment or decrement would overflow",
        ))?;
    ctx.data.commit(&Mutation::StringSet {
        key,
        value: itoa::Buffer::new().format(sum).as_bytes(),
        expire: KeyExpire::Keep,
    });
    ctx.out.integer(sum);
    Ok(())
}

pub fn incrbyfloat(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let read = |text| float::parse(text).ok_or(CommandError::NotAFloat);
    let current = ctx
        .data
        .string(&key)?
        .map_or(Ok(float::Float::ZERO), read)?;
    let sum = current.plus(read(args.at(2))?)?.to_string();
    ctx.data.commit(&Mutation::StringSet {
        key,
        value: sum.as_bytes(),
        expire: KeyExpire::Keep,
    });
    ctx.out.bulk(sum.as_bytes());
    Ok(())
}
