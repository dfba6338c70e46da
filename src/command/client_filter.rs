//! Which clients `CLIENT LIST` and `CLIENT KILL` mean.

use super::CommandError;
use super::args::{is, parse_integer};
use super::auth::USER;
use super::error::printable;
use crate::instance::{Class, Client, Session};
use crate::resp::Args;

#[derive(Debug, Default)]
pub struct Filter {
    /// One of these; empty: any.
    pub ids: Vec<u64>,
    pub addr: Option<String>,
    pub laddr: Option<String>,
    /// A class, or `None` within for `MASTER`, which no client is.
    pub class: Option<Option<Class>>,
    /// Connected for at least so many seconds.
    pub age_seconds_min: Option<u64>,
    pub skip_me: bool,
}

impl Filter {
    pub fn accepts(&self, client: &Client, me: &Session) -> bool {
        let age_seconds = me.now.saturating_sub(client.created_at) / 1000;
        (self.ids.is_empty() || self.ids.contains(&client.id))
            && self
                .addr
                .as_ref()
                .is_none_or(|addr| *addr == client.peer.addr)
            && self
                .laddr
                .as_ref()
                .is_none_or(|laddr| *laddr == client.peer.laddr)
            && self.class.is_none_or(|class| class == Some(client.class()))
            && self.age_seconds_min.is_none_or(|min| age_seconds >= min)
            && !(self.skip_me && client.id == me.client.id)
    }
}

fn class(arg: &[u8]) -> Result<Option<Class>, CommandError> {
    match arg {
        arg if is(arg, "normal") => Ok(Some(Class::Normal)),
        arg if is(arg, "pubsub") => Ok(Some(Class::PubSub)),
        arg if is(arg, "replica") || is(arg, "slave") => Ok(Some(Class::Replica)),
        arg if is(arg, "master") => Ok(None),
        _ => Err(format!("ERR Unknown client type '{}'", printable(arg, 128)).into()),
    }
}

/// The arguments of `CLIENT LIST`.
pub fn of_list(args: Args<'_>) -> Result<Filter, CommandError> {
    let mut filter = Filter::default();
    if args.is_empty() {
        return Ok(filter);
    }
    if args.len() == 2 && is(args.at(0), "type") {
        filter.class = Some(class(args.at(1))?);
        return Ok(filter);
    }
    if args.len() < 2 || !is(args.at(0), "id") {
        return Err(CommandError::Syntax);
    }
    for id in args.from(1).iter() {
        let id = parse_integer(id).and_then(|id| u64::try_from(id).ok());
        filter
            .ids
            .push(id.filter(|id| *id > 0).ok_or("ERR Invalid client ID")?);
    }
    Ok(filter)
}

/// The arguments of the new form of `CLIENT KILL`.
pub fn of_kill(args: Args<'_>) -> Result<Filter, CommandError> {
    let mut filter = Filter {
        skip_me: true,
        ..Filter::default()
    };
    for i in (0..args.len()).step_by(2) {
        let (option, value) = (args.at(i), args.get(i + 1).ok_or(CommandError::Syntax)?);
        let text = || String::from_utf8_lossy(value).into_owned();
        if is(option, "id") {
            let id = parse_integer(value).and_then(|id| u64::try_from(id).ok());
            let id = id.filter(|id| *id > 0);
            filter.ids = vec![id.ok_or("ERR client-id should be greater than 0")?];
        } else if is(option, "maxage") {
            let age = parse_integer(value).ok_or("ERR maxage is not an integer or out of range")?;
            let age = u64::try_from(age).ok().filter(|age| *age > 0);
            filter.age_seconds_min = Some(age.ok_or("ERR maxage should be greater than 0")?);
        } else if is(option, "type") {
            filter.class = Some(class(value)?);
        } else if is(option, "addr") {
            filter.addr = Some(text());
        } else if is(option, "laddr") {
            filter.laddr = Some(text());
        } else if is(option, "user") {
            if value != USER.as_bytes() {
                return Err(format!("ERR No such user '{}'", printable(value, 128)).into());
            }
        } else if is(option, "skipme") {
            filter.skip_me = match value {
                value if is(value, "yes") => true,
                value if is(value, "no") => false,
                _ => return Err(CommandError::Syntax),
            };
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(filter)
}
