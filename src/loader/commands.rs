//! The commands that a row becomes on any server that speaks Redis's protocol: HSET, then its times
//! to live.
//!
//! Invariants
//! - A row is one HSET with all its features; a row without any is no command.
//! - Only features that the row has get times to live, and all that the view declares.

use super::sink::Row;
use crate::client::{ClientError, Connection, Failure};
use crate::view::View;

/// How times to live are set.
enum Expiry {
    None,
    /// HPEXPIREAT: milliseconds, and the features that live so long.
    Fields(Vec<(u64, Vec<usize>)>),
    /// PEXPIREAT of the key.
    Key(u64),
}

/// See the module.
pub struct Commands {
    /// Names of the features.
    names: Vec<Vec<u8>>,
    expiry: Expiry,
}

/// One of the commands of a row.
pub struct Command<'a> {
    pub name: &'static str,
    /// The name first.
    pub arguments: &'a [&'a [u8]],
    /// Of times to live: when they end, in milliseconds since the epoch.
    pub due: Option<i64>,
    /// None of the row follows.
    pub is_last: bool,
}

impl Commands {
    /// `by_key`: the longest time to live of the features is that of the key as a whole.
    pub fn of_view(view: &View, by_key: bool) -> Commands {
        let names = view.features.iter().map(|f| f.name.clone().into_bytes());
        Commands {
            names: names.collect(),
            expiry: Expiry::of(view, by_key),
        }
    }

    /// Learn now whether the server can do it, rather than at the first row.
    pub fn check(&self, connection: &mut Connection) -> Result<(), Failure> {
        if !matches!(self.expiry, Expiry::Fields(_)) {
            return Ok(());
        }
        match connection.call(&[b"HPEXPIREAT"]) {
            Err(ClientError::Refused { server, text, .. }) if text.contains("unknown command") => {
                Err(Failure::lasting(format!(
                    "{server} does not know HPEXPIREAT, so features cannot have times to live of \
                     their own (Redis 7.4 and Fieldstone can); with --key-ttl keys get one"
                )))
            }
            Err(lost @ ClientError::Lost { .. }) => Err(lost.into()),
            // Without arguments it is refused in any case.
            _ => Ok(()),
        }
    }

    /// Give the commands of a row to `send`, one after the other; says whether there are any.
    pub fn of_row(
        &self,
        row: &Row,
        mut send: impl FnMut(Command) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut arguments: Vec<&[u8]> = Vec::with_capacity(2 + 2 * self.names.len());
        arguments.extend([b"HSET".as_slice(), row.key]);
        for (name, cell) in self.names.iter().zip(row.cells) {
            if let Some(cell) = cell {
                arguments.extend([name.as_slice(), cell]);
            }
        }
        if arguments.len() == 2 {
            return Ok(false);
        }
        let mut left = match &self.expiry {
            Expiry::None => 0,
            Expiry::Key(_) => 1,
            Expiry::Fields(groups) => groups.iter().filter(|group| has_any(row, group)).count(),
        };
        send(Command {
            name: "HSET",
            arguments: &arguments,
            due: None,
            is_last: left == 0,
        })?;
        match &self.expiry {
            Expiry::None => {}
            Expiry::Key(ttl) => {
                let mut number = itoa::Buffer::new();
                let due = due(row, *ttl);
                send(Command {
                    name: "PEXPIREAT",
                    arguments: &[b"PEXPIREAT", row.key, number.format(due).as_bytes()],
                    due: Some(due),
                    is_last: true,
                })?;
            }
            Expiry::Fields(groups) => {
                for group in groups.iter().filter(|group| has_any(row, group)) {
                    left -= 1;
                    let (mut number, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
                    let due = due(row, group.0);
                    let present = || group.1.iter().filter(|feature| has(row, **feature));
                    let count = count.format(present().count()).as_bytes();
                    let at = number.format(due).as_bytes();
                    let mut arguments: Vec<&[u8]> =
                        vec![b"HPEXPIREAT", row.key, at, b"FIELDS", count];
                    let names = present().filter_map(|feature| self.names.get(*feature));
                    arguments.extend(names.map(Vec::as_slice));
                    send(Command {
                        name: "HPEXPIREAT",
                        arguments: &arguments,
                        due: Some(due),
                        is_last: left == 0,
                    })?;
                }
            }
        }
        Ok(true)
    }
}

impl Expiry {
    fn of(view: &View, by_key: bool) -> Expiry {
        let mut groups: Vec<(u64, Vec<usize>)> = Vec::new();
        let mut forever = false;
        for (number, feature) in view.features.iter().enumerate() {
            match view.ttl_of(feature) {
                None => forever = true,
                Some(ttl) => match groups.iter_mut().find(|(other, _)| *other == ttl) {
                    Some((_, features)) => features.push(number),
                    None => groups.push((ttl, vec![number])),
                },
            }
        }
        let longest = groups.iter().map(|(ttl, _)| *ttl).max();
        match longest {
            None => Expiry::None,
            Some(_) if by_key && forever => Expiry::None,
            Some(longest) if by_key => Expiry::Key(longest),
            Some(_) => Expiry::Fields(groups),
        }
    }
}

fn has(row: &Row, feature: usize) -> bool {
    row.cells.get(feature).is_some_and(Option::is_some)
}

fn has_any(row: &Row, (_, features): &(u64, Vec<usize>)) -> bool {
    features.iter().any(|feature| has(row, *feature))
}

/// When what lives for `ttl` is gone. Redis refuses times before 1970.
fn due(row: &Row, ttl: u64) -> i64 {
    row.at.saturating_add_unsigned(ttl).max(1)
}
