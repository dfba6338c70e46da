//! COMMAND: the table, for clients.

use super::args::is;
use super::registry::{self, Entry};
use super::table::{Command, acl, flag};
use super::{CommandError, Context, help};
use crate::glob;
use crate::resp::{Args, Output};

const FLAGS: u32 = flag::LOADING | flag::STALE;

const SUB: Command = Command {
    flags: FLAGS,
    acl: acl::SLOW | acl::CONNECTION,
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "command",
    arity: -1,
    since: "2.8.13",
    summary: "Returns detailed information about all commands.",
    complexity: "O(N) where N is the total number of Redis commands",
    handler: info_all,
    subcommands: COMMAND,
    ..SUB
}];

const COMMAND: &[Command] = &[
    Command {
        name: "count",
        since: "2.8.13",
        summary: "Returns a count of commands.",
        handler: count,
        ..SUB
    },
    Command {
        name: "info",
        arity: -2,
        since: "2.8.13",
        summary: "Returns information about one, multiple or all commands.",
        complexity: "O(N) where N is the number of commands to look up",
        handler: info,
        ..SUB
    },
    Command {
        name: "docs",
        arity: -2,
        since: "7.0.0",
        summary: "Returns documentary information about one, multiple or all commands.",
        complexity: "O(N) where N is the number of commands to look up",
        handler: docs,
        ..SUB
    },
    Command {
        name: "list",
        arity: -2,
        since: "7.0.0",
        summary: "Returns a list of command names.",
        complexity: "O(N) where N is the total number of Redis commands",
        handler: list,
        ..SUB
    },
    Command {
        name: "getkeys",
        arity: -3,
        since: "2.8.13",
        summary: "Extracts the key names from an arbitrary command.",
        complexity: "O(N) where N is the number of arguments to the command",
        handler: getkeys,
        ..SUB
    },
    Command {
        name: "getkeysandflags",
        arity: -3,
        since: "7.0.0",
        summary: "Extracts the key names and access flags for an arbitrary command.",
        complexity: "O(N) where N is the number of arguments to the command",
        handler: getkeysandflags,
        ..SUB
    },
    Command {
        acl: acl::SLOW | acl::CONNECTION,
        ..Command::help("server", "5.0.0", help::command)
    },
];

fn count(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.integer(registry::commands().count() as i64);
    Ok(())
}

fn info_all(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.array(registry::commands().count());
    registry::commands().for_each(|entry| write_info(entry, ctx.out));
    Ok(())
}

fn info(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = args.from(2);
    if names.is_empty() {
        return info_all(ctx, args);
    }
    ctx.out.array(names.len());
    for name in names.iter() {
        match registry::find_full(name) {
            Some(entry) => write_info(entry, ctx.out),
            None => ctx.out.null(),
        }
    }
    Ok(())
}

fn write_names(bits: u32, names: &[(u32, &str)], out: &mut Output) {
    let set = || names.iter().filter(|(bit, _)| bits & bit != 0);
    out.set(set().count());
    set().for_each(|(_, name)| out.simple(name));
}

fn write_info(entry: &Entry, out: &mut Output) {
    let Command {
        arity,
        flags,
        keys,
        acl,
        ..
    } = *entry.command;
    out.array(10);
    out.bulk(entry.name.as_bytes());
    out.integer(i64::from(arity));
    write_names(flags, flag::NAMES, out);
    out.integer(i64::from(keys.first));
    out.integer(i64::from(keys.last));
    out.integer(i64::from(keys.step));
    write_names(acl, acl::NAMES, out);
    // Tips.
    out.set(0);
    write_key_specs(entry, out);
    out.set(entry.subcommands().len());
    entry
        .subcommands()
        .iter()
        .for_each(|sub| write_info(sub, out));
}

/// What a command does to its keys, in Redis's words.
fn key_flags(entry: &Entry) -> [&'static str; 2] {
    match entry.has(flag::WRITE) {
        true => ["RW", "update"],
        false => ["RO", "access"],
    }
}

/// One specification for all keys, even where Redis has one for each.
fn write_key_specs(entry: &Entry, out: &mut Output) {
    let keys = entry.command.keys;
    if keys.first == 0 {
        return out.set(0);
    }
    let (first, last) = (i64::from(keys.first), i64::from(keys.last));
    out.set(1);
    out.map(3);
    out.bulk(b"flags");
    out.set(2);
    key_flags(entry).iter().for_each(|name| out.simple(name));
    out.bulk(b"begin_search");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"index");
    out.bulk(b"spec");
    out.map(1);
    out.bulk(b"index");
    out.integer(first);
    out.bulk(b"find_keys");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"range");
    out.bulk(b"spec");
    out.map(3);
    out.bulk(b"lastkey");
    // Relative to the first key, unless it counts from the end.
    out.integer(if last < 0 { last } else { last - first });
    out.bulk(b"keystep");
    out.integer(i64::from(keys.step));
    out.bulk(b"limit");
    out.integer(0);
}

fn docs(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = args.from(2);
    let entries: Vec<&Entry> = match names.is_empty() {
        true => registry::commands().collect(),
        false => names.iter().filter_map(registry::find_full).collect(),
    };
    ctx.out.map(entries.len());
    entries
        .into_iter()
        .for_each(|entry| write_docs(entry, ctx.out));
    Ok(())
}

fn write_docs(entry: &Entry, out: &mut Output) {
    let command = entry.command;
    let subs = entry.subcommands();
    let complexity = usize::from(!command.complexity.is_empty());
    out.bulk(entry.name.as_bytes());
    out.map(3 + complexity + usize::from(!subs.is_empty()));
    out.bulk(b"summary");
    out.bulk(command.summary.as_bytes());
    out.bulk(b"since");
    out.bulk(command.since.as_bytes());
    out.bulk(b"group");
    out.bulk(command.group.as_bytes());
    if complexity > 0 {
        out.bulk(b"complexity");
        out.bulk(command.complexity.as_bytes());
    }
    if !subs.is_empty() {
        out.bulk(b"subcommands");
        out.map(subs.len());
        subs.iter().for_each(|sub| write_docs(sub, out));
    }
}

fn list(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let all = || registry::all().iter();
    let listed: Vec<&Entry> = match args.len() {
        2 => all().collect(),
        5 if is(args.at(2), "filterby") => {
            let (by, value) = (args.at(3), args.at(4));
            if is(by, "module") {
                Vec::new()
            } else if is(by, "aclcat") {
                all().filter(|entry| is_in_category(entry, value)).collect()
            } else if is(by, "pattern") {
                all()
                    .filter(|entry| glob::matches(value, entry.name.as_bytes()))
                    .collect()
            } else {
                return Err(CommandError::Syntax);
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    ctx.out.array(listed.len());
    listed
        .iter()
        .for_each(|entry| ctx.out.bulk(entry.name.as_bytes()));
    Ok(())
}

fn is_in_category(entry: &Entry, category: &[u8]) -> bool {
    let mut categories = acl::NAMES.iter();
    categories.any(|(bit, name)| entry.command.acl & bit != 0 && name.as_bytes()[1..] == *category)
}

/// The command that is asked about, and its keys.
fn keys_of(args: Args<'_>) -> Result<(&'static Entry, Vec<&[u8]>), CommandError> {
    let asked = args.from(2);
    let entry = registry::find(asked.at(0)).ok_or("ERR Invalid command specified")?;
    let sub = asked.get(1).and_then(|sub| entry.find_sub(sub));
    let entry = sub.unwrap_or(entry);
    if entry.command.keys.first == 0 {
        return Err("ERR The command has no key arguments".into());
    }
    if !entry.command.takes(asked.len()) {
        return Err("ERR Invalid number of arguments specified for command".into());
    }
    let positions = entry.command.keys.positions(asked.len());
    Ok((entry, positions.map(|at| asked.at(at)).collect()))
}

fn getkeys(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (_, keys) = keys_of(args)?;
    ctx.out.array(keys.len());
    keys.iter().for_each(|key| ctx.out.bulk(key));
    Ok(())
}

fn getkeysandflags(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (entry, keys) = keys_of(args)?;
    ctx.out.array(keys.len());
    for key in keys {
        ctx.out.array(2);
        ctx.out.bulk(key);
        ctx.out.set(2);
        key_flags(entry)
            .iter()
            .for_each(|name| ctx.out.simple(name));
    }
    Ok(())
}
