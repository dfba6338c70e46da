//! `SET` and its relatives.

use super::super::args::{TimeForm, is};
use super::super::{CommandError, Context};
use super::options::Expiry;
use super::read::reply;
use crate::engine::{Key, KeyExpire, Millis, Mutation};
use crate::resp::Args;

/// `NX`: only if the key is missing; `XX`: only if it is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Missing,
    Present,
}

struct SetOptions<'a> {
    condition: Option<Condition>,
    get: bool,
    expiry: Expiry<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(args: Args<'a>) -> Result<SetOptions<'a>, CommandError> {
        let mut options = SetOptions {
            condition: None,
            get: false,
            expiry: Expiry::Unsaid,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if is(arg, "nx") {
                options.require(Condition::Missing)?;
            } else if is(arg, "xx") {
                options.require(Condition::Present)?;
            } else if is(arg, "get") {
                options.get = true;
            } else if is(arg, "keepttl") {
                options.expiry = options.expiry.then(Expiry::Keep)?;
            } else {
                let form = TimeForm::option(arg).ok_or(CommandError::Syntax)?;
                let time = args.next().ok_or(CommandError::Syntax)?;
                options.expiry = options.expiry.then(Expiry::At(form, time))?;
            }
        }
        Ok(options)
    }

    fn require(&mut self, condition: Condition) -> Result<(), CommandError> {
        match self.condition.replace(condition) {
            Some(other) if other != condition => Err(CommandError::Syntax),
            _ => Ok(()),
        }
    }
}

/// Make the key this string. One that has expired already is a change all the same; the next to
/// look removes it.
fn store(ctx: &mut Context<'_>, key: Key<'_>, value: &[u8], expire: KeyExpire) {
    ctx.data.commit(&Mutation::StringSet { key, value, expire });
}

pub fn set(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (key, value) = (ctx.key(args.at(1)), args.at(2));
    let options = SetOptions::parse(args.from(3))?;
    let expire = match options.expiry {
        Expiry::At(form, time) => KeyExpire::At(form.positive_moment(time, ctx.data.now, "set")?),
        Expiry::Keep => KeyExpire::Keep,
        Expiry::Unsaid | Expiry::Persist => KeyExpire::Clear,
    };
    if options.get {
        reply(ctx, &key)?;
    }
    let met = match options.condition {
        None => true,
        Some(condition) => ctx.data.get(&key).is_some() == (condition == Condition::Present),
    };
    if met {
        store(ctx, key, value, expire);
    }
    match (options.get, met) {
        (true, _) => {}
        (false, true) => ctx.out.simple("OK"),
        (false, false) => ctx.out.null(),
    }
    Ok(())
}

pub fn setex(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expiring(ctx, args, TimeForm::EX, "setex")
}

pub fn psetex(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expiring(ctx, args, TimeForm::PX, "psetex")
}

fn set_expiring(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    form: TimeForm,
    command: &str,
) -> Result<(), CommandError> {
    let at = form.positive_moment(args.at(2), ctx.data.now, command)?;
    let key = ctx.key(args.at(1));
    store(ctx, key, args.at(3), KeyExpire::At(at));
    ctx.out.simple("OK");
    Ok(())
}

pub fn setnx(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let missing = ctx.data.get(&key).is_none();
    if missing {
        store(ctx, key, args.at(2), KeyExpire::Clear);
    }
    ctx.out.integer(i64::from(missing));
    Ok(())
}

/// Set keys and values that alternate; of a key given twice the last value stays.
fn set_pairs(ctx: &mut Context<'_>, pairs: Args<'_>) {
    for at in (0..pairs.len()).step_by(2) {
        let key = ctx.key(pairs.at(at));
        store(ctx, key, pairs.at(at + 1), KeyExpire::Clear);
    }
}

pub fn mset(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::arity("mset"));
    }
    set_pairs(ctx, args.from(1));
    ctx.out.simple("OK");
    Ok(())
}

pub fn msetnx(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::arity("msetnx"));
    }
    let pairs = args.from(1);
    let any = pairs
        .iter()
        .step_by(2)
        .any(|name| ctx.data.get(&ctx.key(name)).is_some());
    if !any {
        set_pairs(ctx, pairs);
    }
    ctx.out.integer(i64::from(!any));
    Ok(())
}

pub fn getset(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    reply(ctx, &key)?;
    store(ctx, key, args.at(2), KeyExpire::Clear);
    Ok(())
}

pub fn getdel(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    if reply(ctx, &key)? {
        ctx.data.commit(&Mutation::Delete { key });
    }
    Ok(())
}

pub fn getex(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let expiry = parse_getex(args.from(2))?;
    let key = ctx.key(args.at(1));
    if !reply(ctx, &key)? {
        return Ok(());
    }
    let at: Option<Millis> = match expiry {
        Expiry::Unsaid | Expiry::Keep => return Ok(()),
        Expiry::Persist => {
            let entity = ctx.data.locked.get(&key, ctx.data.now);
            if entity.is_none_or(|entity| entity.expire_at().is_none()) {
                return Ok(());
            }
            None
        }
        Expiry::At(form, time) => Some(form.positive_moment(time, ctx.data.now, "getex")?),
    };
    let expired = at.is_some_and(|at| at <= ctx.data.now);
    ctx.data.commit(&if expired {
        Mutation::Delete { key }
    } else {
        Mutation::Expire { key, at }
    });
    Ok(())
}

fn parse_getex(args: Args<'_>) -> Result<Expiry<'_>, CommandError> {
    let mut expiry = Expiry::Unsaid;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let option = if is(arg, "persist") {
            Expiry::Persist
        } else {
            let form = TimeForm::option(arg).ok_or(CommandError::Syntax)?;
            Expiry::At(form, args.next().ok_or(CommandError::Syntax)?)
        };
        expiry = expiry.then(option)?;
    }
    Ok(expiry)
}
