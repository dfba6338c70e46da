//! Reading fields and changing what becomes of them: `HGETEX`, `HGETDEL`.

use super::fields;
use crate::command::args::{TimeForm, is};
use crate::command::hash::reply_found;
use crate::command::{CommandError, Context};
use crate::engine::{Key, Mutation};
use crate::resp::Args;
use std::collections::HashSet;

const COUNT_ERROR: &str = "ERR Number of fields must be a positive integer";

/// Write the values of the fields; answers those that are there, each once. With `once`, a name
/// given again finds nothing: it was deleted.
fn reply_values<'a>(
    ctx: &mut Context<'_>,
    key: &Key<'_>,
    names: Args<'a>,
    once: bool,
) -> Result<Vec<&'a [u8]>, CommandError> {
    let hash = ctx.data.hash(key)?;
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    ctx.out.array(names.len());
    for name in names.iter() {
        let mut value = hash.as_ref().and_then(|hash| hash.get(name));
        if value.is_some() {
            if seen.insert(name) {
                found.push(name);
            } else if once {
                value = None;
            }
        }
        reply_found(ctx.out, value);
    }
    Ok(found)
}

pub fn hgetex(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    ctx.data.hash(&key)?;
    let now = ctx.data.now;
    let (change, rest) = if is(args.at(2), "persist") {
        (Some(None), args.from(3))
    } else if let Some(form) = TimeForm::option(args.at(2)) {
        (
            Some(Some(fields::moment(args.at(3), form, now, "hgetex")?)),
            args.from(4),
        )
    } else {
        (None, args.from(2))
    };
    // Only an option can leave too few, and Redis looks at its time first.
    if rest.len() < 2 {
        return Err(CommandError::arity("hgetex"));
    }
    let names = fields::parse(rest, COUNT_ERROR)?;
    let deletes = matches!(change, Some(Some(at)) if at <= now);
    let found = reply_values(ctx, &key, names, deletes)?;
    let Some(at) = change.filter(|_| !found.is_empty()) else {
        return Ok(());
    };
    let fields = &found[..];
    ctx.data.commit(&match deletes {
        true => Mutation::HashDelete { key, fields },
        false => Mutation::HashExpire { key, fields, at },
    });
    Ok(())
}

pub fn hgetdel(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    ctx.data.hash(&key)?;
    let names = fields::parse(args.from(2), COUNT_ERROR)?;
    let found = reply_values(ctx, &key, names, true)?;
    if !found.is_empty() {
        ctx.data.commit(&Mutation::HashDelete {
            key,
            fields: &found,
        });
    }
    Ok(())
}
