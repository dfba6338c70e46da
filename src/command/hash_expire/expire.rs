//! Giving fields an expiry and taking it: `HEXPIRE` and its forms, `HPERSIST`.

use super::fields;
use crate::command::args::{TimeForm, is};
use crate::command::{CommandError, Context};
use crate::engine::{Hash, Millis, Mutation};
use crate::resp::Args;
use std::collections::HashSet;

/// What became of each field, Redis's codes.
const MISSING: i64 = -2;
const NO_EXPIRY: i64 = -1;
const REFUSED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

/// When the expiry of a field may be changed.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    HasNone,
    HasOne,
    Later,
    Earlier,
}

impl Condition {
    fn parse(arg: &[u8]) -> Option<Condition> {
        let known = [
            ("nx", Condition::HasNone),
            ("xx", Condition::HasOne),
            ("gt", Condition::Later),
            ("lt", Condition::Earlier),
        ];
        known
            .into_iter()
            .find(|(name, _)| is(arg, name))
            .map(|(_, condition)| condition)
    }

    /// Whether `before` may become `at`; a field without an expiry lives longest.
    fn holds(self, before: Option<Millis>, at: Millis) -> bool {
        match self {
            Condition::Always => true,
            Condition::HasNone => before.is_none(),
            Condition::HasOne => before.is_some(),
            Condition::Later => before.is_some_and(|before| at > before),
            Condition::Earlier => before.is_none_or(|before| at < before),
        }
    }
}

fn expire(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    form: TimeForm,
    command: &str,
) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    let now = ctx.data.now;
    let at = fields::moment(args.at(2), form, now, command)?;
    let given = Condition::parse(args.at(3));
    let rest = args.from(if given.is_some() { 4 } else { 3 });
    let names = fields::parse(rest, "ERR Parameter `numFields` should be greater than 0")?;
    let condition = given.unwrap_or(Condition::Always);
    ctx.out.array(names.len());
    let decided = decide(hash, names, condition, at, at <= now);
    decided
        .codes
        .into_iter()
        .for_each(|code| ctx.out.integer(code));
    if !decided.changed.is_empty() {
        let fields = &decided.changed;
        ctx.data.commit(&match at <= now {
            true => Mutation::HashDelete { key, fields },
            false => Mutation::HashExpire {
                key,
                fields,
                at: Some(at),
            },
        });
    }
    Ok(())
}

struct Decided<'a> {
    codes: Vec<i64>,
    /// Each name once.
    changed: Vec<&'a [u8]>,
}

/// What becomes of each field. A name given again sees what became of it before.
fn decide<'a>(
    hash: Option<Hash<'_>>,
    names: Args<'a>,
    condition: Condition,
    at: Millis,
    deletes: bool,
) -> Decided<'a> {
    let mut decided = Decided {
        codes: Vec::with_capacity(names.len()),
        changed: Vec::new(),
    };
    let mut changed = HashSet::new();
    for name in names.iter() {
        let before = match hash.as_ref().and_then(|hash| hash.expire_at(name)) {
            Some(_) if changed.contains(name) => (!deletes).then_some(Some(at)),
            before => before,
        };
        let code = match before {
            None => MISSING,
            Some(before) if !condition.holds(before, at) => REFUSED,
            Some(_) if deletes => DELETED,
            Some(_) => DONE,
        };
        if matches!(code, DONE | DELETED) && changed.insert(name) {
            decided.changed.push(name);
        }
        decided.codes.push(code);
    }
    decided
}

pub fn hexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    expire(ctx, args, TimeForm::EX, "hexpire")
}

pub fn hpexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    expire(ctx, args, TimeForm::PX, "hpexpire")
}

pub fn hexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    expire(ctx, args, TimeForm::EXAT, "hexpireat")
}

pub fn hpexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    expire(ctx, args, TimeForm::PXAT, "hpexpireat")
}

pub fn hpersist(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let hash = ctx.data.hash(&key)?;
    let names = fields::parse(
        args.from(2),
        "ERR Number of fields must be a positive integer",
    )?;
    let mut persisted = Vec::new();
    let mut seen = HashSet::new();
    ctx.out.array(names.len());
    for name in names.iter() {
        let code = match hash.as_ref().and_then(|hash| hash.expire_at(name)) {
            None => MISSING,
            Some(Some(_)) if seen.insert(name) => {
                persisted.push(name);
                DONE
            }
            Some(_) => NO_EXPIRY,
        };
        ctx.out.integer(code);
    }
    drop(hash);
    if !persisted.is_empty() {
        ctx.data.commit(&Mutation::HashExpire {
            key,
            fields: &persisted,
            at: None,
        });
    }
    Ok(())
}
