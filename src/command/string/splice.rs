//! `APPEND` and `SETRANGE`: changing a part of a string.

use super::super::args::integer;
use super::super::{CommandError, Context};
use crate::engine::{KeyExpire, Mutation, VALUE_BYTES_MAX};
use crate::resp::Args;

/// Refuse a string that would become too long.
fn check_len(offset: usize, bytes: usize) -> Result<(), CommandError> {
    match offset.checked_add(bytes) {
        Some(len) if len <= VALUE_BYTES_MAX => Ok(()),
        _ => Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into()),
    }
}

pub fn append(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (key, bytes) = (ctx.key(args.at(1)), args.at(2));
    let offset = ctx.data.string(&key)?.map(<[u8]>::len);
    let len = match offset {
        Some(offset) => {
            check_len(offset, bytes.len())?;
            ctx.data
                .commit(&Mutation::StringWrite { key, offset, bytes })
        }
        // A write of nothing creates nothing, but this command creates even an empty string.
        None => {
            ctx.data.commit(&Mutation::StringSet {
                key,
                value: bytes,
                expire: KeyExpire::Clear,
            });
            bytes.len() as u64
        }
    };
    ctx.out.integer(len as i64);
    Ok(())
}

pub fn setrange(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let offset = integer(args.at(2))?;
    let offset =
        usize::try_from(offset).map_err(|_| CommandError::from("ERR offset is out of range"))?;
    let (key, bytes) = (ctx.key(args.at(1)), args.at(3));
    let len = ctx.data.string(&key)?.map_or(0, <[u8]>::len);
    if bytes.is_empty() {
        ctx.out.integer(len as i64);
        return Ok(());
    }
    check_len(offset, bytes.len())?;
    let len = ctx
        .data
        .commit(&Mutation::StringWrite { key, offset, bytes });
    ctx.out.integer(len as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sum_of_lengths_overflows() {
        assert!(check_len(VALUE_BYTES_MAX, 0).is_ok());
        assert!(check_len(VALUE_BYTES_MAX - 1, 1).is_ok());
        for (offset, bytes) in [
            (VALUE_BYTES_MAX, 1),
            (1, VALUE_BYTES_MAX),
            (1 << 31, 1),
            (1 << 32, 1),
            (i64::MAX as usize, 1),
            (usize::MAX, 1),
            (usize::MAX, usize::MAX),
        ] {
            assert!(check_len(offset, bytes).is_err());
        }
    }
}
