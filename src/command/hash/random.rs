//! `HRANDFIELD`.

use super::reply_value;
use crate::command::args::{integer, is};
use crate::command::{CommandError, Context};
use crate::engine::{Field, Hash};
use crate::instance::random;
use crate::resp::{Args, Output, Protocol};

/// Most fields that one command picks with repetition. Redis has no such limit and writes until
/// the client's output limit closes the connection; here it is an error.
const PICKS_MAX: u64 = 1 << 20;

pub fn hrandfield(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() == 2 {
        let key = ctx.key(args.at(1));
        match ctx.data.hash(&key)?.and_then(|hash| hash.random(random())) {
            Some(field) => ctx.out.bulk(field.name),
            None => ctx.out.null(),
        }
        return Ok(());
    }
    let count = integer(args.at(2))?;
    if count == i64::MIN {
        let range = format!("{} and {}", -i64::MAX, i64::MAX);
        return Err(format!("ERR value is out of range, value must between {range}").into());
    }
    let values = args.len() == 4 && is(args.at(3), "withvalues");
    if args.len() > 4 || (args.len() == 4 && !values) {
        return Err(CommandError::Syntax);
    }
    if values && count.unsigned_abs() > (i64::MAX / 2).unsigned_abs() {
        return Err("ERR value is out of range".into());
    }
    let key = ctx.key(args.at(1));
    let Some(hash) = ctx.data.hash(&key)?.filter(|_| count != 0) else {
        ctx.out.array(0);
        return Ok(());
    };
    if count < 0 && count.unsigned_abs() > PICKS_MAX {
        return Err("ERR value is out of range".into());
    }
    let picked = if count > 0 {
        pick_distinct(&hash, usize::try_from(count).unwrap_or(usize::MAX))
    } else {
        (0..count.unsigned_abs())
            .map_while(|_| hash.random(random()))
            .collect()
    };
    reply(ctx.out, &picked, values);
    Ok(())
}

/// Up to `count` different fields, each as likely as any other.
fn pick_distinct<'a>(hash: &Hash<'a>, count: usize) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    let mut seen = 0;
    // Reservoir sampling: one walk, whatever the count.
    hash.for_each(|field| {
        seen += 1;
        if fields.len() < count {
            fields.push(field);
        } else {
            let at = ((u128::from(random()) * seen) >> 64) as usize;
            if let Some(place) = fields.get_mut(at) {
                *place = field;
            }
        }
    });
    fields
}

fn reply(out: &mut Output, picked: &[Field<'_>], values: bool) {
    let pairs = values && out.protocol == Protocol::Resp3;
    let flat = values && !pairs;
    out.array(picked.len() * if flat { 2 } else { 1 });
    for field in picked {
        if pairs {
            out.array(2);
        }
        out.bulk(field.name);
        if values {
            reply_value(out, field.value);
        }
    }
}
