//! When fields expire: `HTTL`, `HPTTL`, `HEXPIRETIME`, `HPEXPIRETIME`.

use super::fields;
use crate::command::{CommandError, Context};
use crate::engine::Millis;
use crate::resp::Args;

/// No such field, or no such key.
const MISSING: i64 = -2;
/// The field does not expire.
const NO_EXPIRY: i64 = -1;

fn reply_times(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    show: impl Fn(Millis, Millis) -> u64,
) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    let names = fields::parse(
        args.from(2),
        "ERR Number of fields must be a positive integer",
    )?;
    ctx.out.array(names.len());
    for name in names.iter() {
        let answer = match hash.as_ref().and_then(|hash| hash.expire_at(name)) {
            None => MISSING,
            Some(None) => NO_EXPIRY,
            Some(Some(at)) => show(at, ctx.data.now) as i64,
        };
        ctx.out.integer(answer);
    }
    Ok(())
}

pub fn httl(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    // Rounded up, as Redis does for fields: a field that lives has a second left.
    reply_times(ctx, args, |at, now| at.saturating_sub(now).div_ceil(1000))
}

pub fn hpttl(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_times(ctx, args, |at, now| at.saturating_sub(now))
}

pub fn hexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_times(ctx, args, |at, _| at.div_ceil(1000))
}

pub fn hpexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_times(ctx, args, |at, _| at)
}
