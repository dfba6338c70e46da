//! When keys expire: the `EXPIRE` and `TTL` families.

use super::args::{TimeForm, integer, is};
use super::error::printable;
use super::table::{Command, Keys, acl, flag};
use super::{CommandError, Context};
use crate::engine::{Millis, Mutation};
use crate::resp::Args;

pub const COMMANDS: &[Command] = &[
    Command {
        name: "expire",
        arity: -3,
        flags: flag::WRITE | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::WRITE | acl::FAST,
        group: "generic",
        since: "1.0.0",
        summary: "Sets the expiration time of a key in seconds.",
        complexity: "O(1)",
        handler: expire,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "pexpire",
        arity: -3,
        flags: flag::WRITE | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::WRITE | acl::FAST,
        group: "generic",
        since: "2.6.0",
        summary: "Sets the expiration time of a key in milliseconds.",
        complexity: "O(1)",
        handler: pexpire,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "expireat",
        arity: -3,
        flags: flag::WRITE | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::WRITE | acl::FAST,
        group: "generic",
        since: "1.2.0",
        summary: "Sets the expiration time of a key to a Unix timestamp.",
        complexity: "O(1)",
        handler: expireat,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "pexpireat",
        arity: -3,
        flags: flag::WRITE | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::WRITE | acl::FAST,
        group: "generic",
        since: "2.6.0",
        summary: "Sets the expiration time of a key to a Unix milliseconds timestamp.",
        complexity: "O(1)",
        handler: pexpireat,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "ttl",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::READ | acl::FAST,
        group: "generic",
        since: "1.0.0",
        summary: "Returns the expiration time in seconds of a key.",
        complexity: "O(1)",
        handler: ttl,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "pttl",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::READ | acl::FAST,
        group: "generic",
        since: "2.6.0",
        summary: "Returns the expiration time in milliseconds of a key.",
        complexity: "O(1)",
        handler: pttl,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "expiretime",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::READ | acl::FAST,
        group: "generic",
        since: "7.0.0",
        summary: "Returns the expiration time of a key as a Unix timestamp.",
        complexity: "O(1)",
        handler: expiretime,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "pexpiretime",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::READ | acl::FAST,
        group: "generic",
        since: "7.0.0",
        summary: "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        complexity: "O(1)",
        handler: pexpiretime,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "persist",
        arity: 2,
        flags: flag::WRITE | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::WRITE | acl::FAST,
        group: "generic",
        since: "2.2.0",
        summary: "Removes the expiration time of a key.",
        complexity: "O(1)",
        handler: persist,
        starts: None,
        subcommands: &[],
    },
];

/// Bytes of an unknown option that the error shows.
const SHOWN_BYTES_MAX: usize = 128;

/// On what the command depends: `NX`, `XX`, `GT`, `LT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Conditions {
    missing: bool,
    present: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Conditions, CommandError> {
        let mut conditions = Conditions::default();
        for arg in args.iter() {
            let condition = match () {
                () if is(arg, "nx") => &mut conditions.missing,
                () if is(arg, "xx") => &mut conditions.present,
                () if is(arg, "gt") => &mut conditions.greater,
                () if is(arg, "lt") => &mut conditions.less,
                () => {
                    let arg = printable(arg, SHOWN_BYTES_MAX);
                    return Err(format!("ERR Unsupported option {arg}").into());
                }
            };
            *condition = true;
        }
        let Conditions {
            missing,
            present,
            greater,
            less,
        } = conditions;
        if missing && (present || greater || less) {
            let line = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(line.into());
        }
        if greater && less {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(conditions)
    }

    /// Whether a key that expires at `current` may expire at `at`. No expiry is the latest of all.
    fn allow(self, current: Option<Millis>, at: i64) -> bool {
        let current = current.map(|c| i64::try_from(c).unwrap_or(i64::MAX));
        (!self.missing || current.is_none())
            && (!self.present || current.is_some())
            && (!self.greater || current.is_some_and(|current| at > current))
            && (!self.less || current.is_none_or(|current| at < current))
    }
}

fn expire(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set(ctx, args, TimeForm::EX, "expire")
}

fn pexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set(ctx, args, TimeForm::PX, "pexpire")
}

fn expireat(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set(ctx, args, TimeForm::EXAT, "expireat")
}

fn pexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set(ctx, args, TimeForm::PXAT, "pexpireat")
}

fn set(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    form: TimeForm,
    command: &str,
) -> Result<(), CommandError> {
    let conditions = Conditions::parse(args.from(3))?;
    let now = ctx.data.now;
    let moment = form
        .moment(integer(args.at(2))?, now)
        .ok_or_else(|| CommandError::invalid_expire(command))?;
    let key = ctx.key(args.at(1));
    let Some(entity) = ctx.data.get(&key) else {
        ctx.out.integer(0);
        return Ok(());
    };
    let before = entity.expire_at();
    drop(entity);
    let allowed = conditions.allow(before, moment);
    if allowed {
        let at = Millis::try_from(moment).ok().filter(|at| *at > now);
        ctx.data.commit(&match at {
            None => Mutation::Delete { key },
            at => Mutation::Expire { key, at },
        });
    }
    ctx.out.integer(i64::from(allowed));
    Ok(())
}

fn ttl(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    get(ctx, args, TimeForm::EX)
}

fn pttl(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    get(ctx, args, TimeForm::PX)
}

fn expiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    get(ctx, args, TimeForm::EXAT)
}

fn pexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    get(ctx, args, TimeForm::PXAT)
}

fn get(ctx: &mut Context<'_>, args: Args<'_>, form: TimeForm) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let reply = match ctx.data.get(&key).map(|entity| entity.expire_at()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => shown(at, ctx.data.now, form),
    };
    ctx.out.integer(reply);
    Ok(())
}

/// A moment as a number; seconds are rounded to the nearest.
fn shown(at: Millis, now: Millis, form: TimeForm) -> i64 {
    let millis = if form.absolute {
        at
    } else {
        at.saturating_sub(now)
    };
    let number = if form.seconds {
        millis.saturating_add(500) / 1000
    } else {
        millis
    };
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn persist(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let expires = ctx.data.get(&key).and_then(|entity| entity.expire_at());
    if expires.is_some() {
        ctx.data.commit(&Mutation::Expire { key, at: None });
    }
    ctx.out.integer(i64::from(expires.is_some()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Conditions = Conditions {
        missing: false,
        present: false,
        greater: false,
        less: false,
    };

    #[test]
    fn no_expiry_is_later_than_any() {
        let nx = Conditions {
            missing: true,
            ..ANY
        };
        let gt = Conditions {
            greater: true,
            ..ANY
        };
        let lt = Conditions { less: true, ..ANY };
        assert!(ANY.allow(None, -1) && ANY.allow(Some(5), 5));
        assert!(nx.allow(None, 5) && !nx.allow(Some(5), 6));
        assert!(!gt.allow(None, i64::MAX) && gt.allow(Some(5), 6) && !gt.allow(Some(5), 5));
        assert!(lt.allow(None, i64::MAX) && lt.allow(Some(5), 4) && !lt.allow(Some(5), 5));
    }

    #[test]
    fn seconds_are_rounded() {
        assert_eq!(shown(10_499, 0, TimeForm::EX), 10);
        assert_eq!(shown(10_500, 0, TimeForm::EX), 11);
        assert_eq!(shown(10_500, 10_000, TimeForm::PX), 500);
        assert_eq!(
            shown(i64::MAX as u64, 7, TimeForm::EXAT),
            9_223_372_036_854_776
        );
        assert_eq!(shown(u64::MAX, 0, TimeForm::PXAT), i64::MAX);
    }
}
