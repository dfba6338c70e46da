//! The `FIELDS numfields field ...` part that the family shares, and its times.

use crate::command::CommandError;
use crate::command::args::{TimeForm, integer, is};
use crate::engine::Millis;
use crate::resp::Args;

/// The latest expiry of a field, milliseconds since the epoch (Redis's limit).
const EXPIRY_MAX: i64 = (1 << 46) - 1;

/// The names after `FIELDS numfields`, which is where `args` begins; `not_a_number` is what the
/// command says of a count that is none.
pub fn parse<'a>(args: Args<'a>, not_a_number: &'static str) -> Result<Args<'a>, CommandError> {
    if !is(args.at(0), "fields") {
        let text = "ERR Mandatory argument FIELDS is missing or not at the right position";
        return Err(text.into());
    }
    let count = integer(args.at(1))
        .ok()
        .and_then(|n| usize::try_from(n).ok());
    let count = count.filter(|&n| n > 0).ok_or(not_a_number)?;
    let names = args.from(2);
    if names.len() != count {
        return Err("ERR The `numfields` parameter must match the number of arguments".into());
    }
    Ok(names)
}

/// The moment that a command or its option gives.
pub fn moment(
    arg: &[u8],
    form: TimeForm,
    now: Millis,
    command: &str,
) -> Result<Millis, CommandError> {
    let amount = integer(arg)?;
    if amount < 0 {
        return Err("ERR invalid expire time, must be >= 0".into());
    }
    form.moment(amount, now)
        .filter(|at| *at <= EXPIRY_MAX)
        .and_then(|at| Millis::try_from(at).ok())
        .ok_or_else(|| CommandError::invalid_expire(command))
}
