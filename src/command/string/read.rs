//! `GET`, `MGET`, `STRLEN`, `GETRANGE`.

use super::super::args::integer;
use super::super::{CommandError, Context};
use crate::engine::Key;
use crate::resp::Args;
use smallvec::SmallVec;

/// Reply with the string under `key`, or null; the answer is whether it is there.
pub fn reply(ctx: &mut Context<'_>, key: &Key<'_>) -> Result<bool, CommandError> {
    match ctx.data.string(key)? {
        Some(value) => {
            ctx.out.bulk(value);
            Ok(true)
        }
        None => {
            ctx.out.null();
            Ok(false)
        }
    }
}

pub fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    reply(ctx, &key).map(drop)
}

/// Keys of an `MGET` that are looked up at once.
const MGET_KEYS: usize = 128;

pub fn mget(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = args.from(1);
    ctx.out.array(names.len());
    let mut names = names.iter();
    while names.len() > 0 {
        let batch = names.by_ref().take(MGET_KEYS);
        let keys: SmallVec<[Key<'_>; MGET_KEYS]> = batch.map(|name| ctx.key(name)).collect();
        let out = &mut *ctx.out;
        ctx.data.get_batch(&keys, |entity| {
            match entity.and_then(|entity| entity.string()) {
                Some(value) => out.bulk(value),
                None => out.null(),
            }
            true
        });
    }
    Ok(())
}

pub fn strlen(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let len = ctx.data.string(&key)?.map_or(0, <[u8]>::len);
    ctx.out.integer(len as i64);
    Ok(())
}

pub fn getrange(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = ctx.key(args.at(1));
    let value = ctx.data.string(&key)?.unwrap_or_default();
    ctx.out.bulk(slice(value, start, end));
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative positions count from the end.
fn slice(value: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let len = value.len() as i64;
    let position = |at: i64| if at < 0 { (len + at).max(0) } else { at };
    let (start, end) = (position(start), position(end).min(len - 1));
    if start > end {
        return &[];
    }
    value.get(start as usize..=end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_redis_ranges() {
        for (start, end, expected) in [
            (0, 2, "abc"),
            (1, 1, "b"),
            (-2, -1, "bc"),
            (-100, 100, "abc"),
            (i64::MIN, i64::MAX, "abc"),
            // An end before the start is moved to it, if it is negative and the start is not.
            (0, i64::MIN, "a"),
            (-1, -5, ""),
            (2, 1, ""),
            (3, 3, ""),
            (i64::MAX, i64::MAX, ""),
        ] {
            assert_eq!(slice(b"abc", start, end), expected.as_bytes());
        }
        assert_eq!(slice(b"", 0, 0), b"");
        assert_eq!(slice(b"", -1, i64::MIN), b"");
    }
}
