//! `HSETEX`: set fields with an expiry, on condition.

use super::fields;
use crate::command::args::{TimeForm, integer, is};
use crate::command::declared::{Expire, set_fields};
use crate::command::error::printable;
use crate::command::{CommandError, Context};
use crate::engine::{FieldExpire, Millis, Mutation};
use crate::resp::Args;

/// Which fields must be there already.
#[derive(Clone, Copy, PartialEq)]
enum Condition {
    None,
    Some,
}

struct Options<'a> {
    condition: Option<Condition>,
    expire: Option<FieldExpire>,
    /// Names and values.
    pairs: Args<'a>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, now: Millis) -> Result<Options<'a>, CommandError> {
        let mut options = Options {
            condition: None,
            expire: None,
            pairs: args.from(args.len()),
        };
        let mut at = 2;
        while at < args.len() {
            let arg = args.at(at);
            at += 1;
            if is(arg, "fields") {
                options.pairs = pairs(args.from(at))?;
                return Ok(options);
            } else if is(arg, "fnx") || is(arg, "fxx") {
                if options.condition.is_some() {
                    return Err("ERR Only one of FXX or FNX arguments can be specified".into());
                }
                let none = is(arg, "fnx");
                options.condition = Some(if none {
                    Condition::None
                } else {
                    Condition::Some
                });
            } else if let Some(form) = TimeForm::option(arg) {
                options.only_expiry()?;
                let moment = fields::moment(args.at(at), form, now, "hsetex")?;
                options.expire = Some(FieldExpire::At(moment));
                at += 1;
            } else if is(arg, "keepttl") {
                options.only_expiry()?;
                options.expire = Some(FieldExpire::Keep);
            } else {
                let shown = printable(arg, arg.len());
                return Err(format!("ERR unknown argument: {shown}").into());
            }
        }
        Err(CommandError::arity("hsetex"))
    }

    fn only_expiry(&self) -> Result<(), CommandError> {
        match self.expire {
            None => Ok(()),
            Some(_) => Err(
                "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be \
                            specified"
                    .into(),
            ),
        }
    }
}

/// The names and values after `FIELDS`.
fn pairs(args: Args<'_>) -> Result<Args<'_>, CommandError> {
    if args.len() < 3 {
        return Err(CommandError::arity("hsetex"));
    }
    let count = integer(args.at(0))
        .ok()
        .and_then(|n| i32::try_from(n).ok())
        .filter(|n| *n > 0);
    let count = count.ok_or("ERR invalid number of fields")?;
    let pairs = args.from(1);
    if usize::try_from(count).ok().and_then(|n| n.checked_mul(2)) != Some(pairs.len()) {
        return Err(CommandError::arity("hsetex"));
    }
    Ok(pairs)
}

pub fn hsetex(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let now = ctx.data.now;
    let options = Options::parse(args, now)?;
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    let pairs: Vec<(&[u8], &[u8])> = (0..options.pairs.len())
        .step_by(2)
        .map(|i| (options.pairs.at(i), options.pairs.at(i + 1)))
        .collect();
    let is_there = |name: &[u8]| {
        let found = hash.as_ref().and_then(|hash| hash.get(name));
        found.is_some()
    };
    let holds = match options.condition {
        None => true,
        Some(Condition::None) => !pairs.iter().any(|(name, _)| is_there(name)),
        Some(Condition::Some) => pairs.iter().all(|(name, _)| is_there(name)),
    };
    drop(hash);
    ctx.out.integer(i64::from(holds));
    if !holds {
        return Ok(());
    }
    let clear = Expire::Declared(FieldExpire::Clear);
    let expire = options.expire.map_or(clear, Expire::Given);
    set_fields(ctx, key, &pairs, expire)?;
    if matches!(expire, Expire::Given(FieldExpire::At(at)) if at <= now) {
        // Set and gone at once, as in Redis.
        let fields: Vec<&[u8]> = pairs.iter().map(|(name, _)| *name).collect();
        let fields = &fields;
        ctx.data.commit(&Mutation::HashDelete { key, fields });
    }
    Ok(())
}
