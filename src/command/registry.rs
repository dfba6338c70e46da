//! Finding commands: the table flattened, with a number for each command and subcommand.
//!
//! Built once, from [`super::table::TABLE`].

use super::CommandError;
use super::error::printable;
use super::table::{Command, TABLE};
use crate::instance::CommandId;
use crate::resp::Args;
use std::ops::Range;
use std::sync::OnceLock;

/// A command or a subcommand.
pub struct Entry {
    pub id: CommandId,
    pub command: &'static Command,
    /// `get`, `client|id`.
    pub name: String,
    /// It is a subcommand.
    pub is_sub: bool,
    subcommands: Range<usize>,
}

impl Entry {
    pub fn has(&self, flag: u32) -> bool {
        self.command.flags & flag != 0
    }

    pub fn subcommands(&self) -> &'static [Entry] {
        all().get(self.subcommands.clone()).unwrap_or_default()
    }

    /// Its subcommand of this name, in any case of letters.
    pub fn find_sub(&self, name: &[u8]) -> Option<&'static Entry> {
        let mut subs = self.subcommands().iter();
        subs.find(|sub| sub.command.name.as_bytes().eq_ignore_ascii_case(name))
    }
}

struct Registry {
    entries: Vec<Entry>,
    /// Open addressing by [`hash`]; 0: empty, else the number of an entry, plus 1.
    slots: Box<[u16; SLOTS]>,
}

/// A power of two, several times the number of commands, so that probes are short.
const SLOTS: usize = 1024;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

#[inline]
fn registry() -> &'static Registry {
    REGISTRY.get_or_init(Registry::build)
}

/// Cheap, and the same for both cases of a letter.
#[inline]
fn hash(name: &[u8]) -> usize {
    let start = 0xcbf2_9ce4_8422_2325u64;
    let mixed = name.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(byte | 0x20)).wrapping_mul(0x0100_0000_01b3)
    });
    (mixed ^ (mixed >> 32)) as usize % SLOTS
}

impl Registry {
    fn build() -> Registry {
        let mut entries: Vec<Entry> = Vec::new();
        let mut slots = Box::new([0; SLOTS]);
        for command in TABLE.iter().flat_map(|family| family.iter()) {
            let mut slot = hash(command.name.as_bytes());
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = entries.len() as u16 + 1;
            let (at, subs) = (entries.len(), command.subcommands.len());
            entries.push(Entry {
                id: at as CommandId,
                command,
                name: command.name.to_owned(),
                is_sub: false,
                subcommands: at + 1..at + 1 + subs,
            });
            for sub in command.subcommands {
                entries.push(Entry {
                    id: entries.len() as CommandId,
                    command: sub,
                    name: format!("{}|{}", command.name, sub.name),
                    is_sub: true,
                    subcommands: 0..0,
                });
            }
        }
        Registry { entries, slots }
    }
}

/// Every command, each followed by its subcommands.
pub fn all() -> &'static [Entry] {
    &registry().entries
}

/// The commands without the subcommands.
pub fn commands() -> impl Iterator<Item = &'static Entry> {
    all().iter().filter(|entry| !entry.is_sub)
}

/// The command or subcommand of this number.
#[inline]
pub fn entry(id: CommandId) -> Option<&'static Entry> {
    all().get(usize::from(id))
}

/// The command of this name, in any case of letters.
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Entry> {
    let registry = registry();
    let mut slot = hash(name);
    loop {
        let at = usize::from(registry.slots[slot]).checked_sub(1)?;
        let entry = registry.entries.get(at)?;
        if entry.command.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(entry);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// The command of this name, in any case of letters.
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    find(name).map(|entry| entry.command)
}

/// The command or, as `client|id`, the subcommand of this name.
pub fn find_full(name: &[u8]) -> Option<&'static Entry> {
    let mut parts = name.splitn(2, |b| *b == b'|');
    let entry = find(parts.next()?)?;
    match parts.next() {
        Some(sub) => entry.find_sub(sub),
        None => Some(entry),
    }
}

/// The command or subcommand that a request calls, with the right number of arguments.
#[inline]
pub fn resolve(args: Args<'_>) -> Result<&'static Entry, CommandError> {
    let mut entry = find(args.at(0)).ok_or_else(|| unknown_command(args))?;
    if !entry.command.subcommands.is_empty() && args.len() > 1 {
        entry = entry
            .find_sub(args.at(1))
            .ok_or_else(|| unknown_subcommand(entry, args))?;
    }
    if !entry.command.takes(args.len()) {
        return Err(CommandError::arity(&entry.name));
    }
    Ok(entry)
}

/// Bytes of names and arguments that the error shows.
const SHOWN_BYTES_MAX: usize = 128;

fn unknown_command(args: Args<'_>) -> CommandError {
    let mut shown = String::new();
    for arg in args.from(1).iter() {
        let used = shown.chars().count();
        if used >= SHOWN_BYTES_MAX {
            break;
        }
        let arg = printable(arg, SHOWN_BYTES_MAX - used);
        shown.push_str(&format!("'{arg}' "));
    }
    let name = printable(args.at(0), SHOWN_BYTES_MAX);
    format!("ERR unknown command '{name}', with args beginning with: {shown}").into()
}

fn unknown_subcommand(entry: &Entry, args: Args<'_>) -> CommandError {
    let sub = printable(args.at(1), SHOWN_BYTES_MAX);
    let name = entry.command.name.to_ascii_uppercase();
    format!("ERR unknown subcommand '{sub}'. Try {name} HELP.").into()
}

#[cfg(test)]
mod tests {
    use super::super::table::{acl, flag};
    use super::*;
    use crate::instance::stats::COMMANDS_MAX;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_lower_case_and_found_in_any_case() {
        let mut seen = HashSet::new();
        for entry in all() {
            assert!(
                seen.insert(entry.name.clone()),
                "{} is there twice",
                entry.name
            );
            assert_eq!(entry.name, entry.name.to_ascii_lowercase());
            let upper = entry.name.to_ascii_uppercase();
            assert_eq!(find_full(upper.as_bytes()).map(|e| e.id), Some(entry.id));
        }
        assert!(all().len() <= COMMANDS_MAX, "raise COMMANDS_MAX");
        assert!(all().len() * 2 < SLOTS, "raise SLOTS");
        assert!(find(b"").is_none() && find(b"nope").is_none());
    }

    #[test]
    fn keys_are_within_the_arity() {
        for entry in all() {
            let Command { arity, keys, .. } = entry.command;
            let least = usize::from(arity.unsigned_abs());
            let positions: Vec<usize> = keys.positions(least).collect();
            assert!(positions.iter().all(|p| *p < least), "{}", entry.name);
            assert_eq!(positions.is_empty(), keys.first == 0, "{}", entry.name);
        }
    }

    #[test]
    fn flags_and_categories_agree() {
        for entry in all() {
            let flags = entry.command.flags;
            let categories = entry.command.acl;
            let pairs = [
                (flag::WRITE, acl::WRITE),
                (flag::ADMIN, acl::ADMIN | acl::DANGEROUS),
                (flag::FAST, acl::FAST),
                (flag::BLOCKING, acl::BLOCKING),
            ];
            for (flag, categories_of_flag) in pairs {
                if flags & flag != 0 {
                    assert_eq!(
                        categories & categories_of_flag,
                        categories_of_flag,
                        "{}",
                        entry.name
                    );
                }
            }
            let speed = (flags & flag::FAST != 0, categories & acl::SLOW != 0);
            assert!(speed.0 != speed.1, "{} is fast or slow", entry.name);
            assert!(
                flags & flag::WRITE == 0 || flags & flag::READONLY == 0,
                "{}",
                entry.name
            );
        }
    }
}
