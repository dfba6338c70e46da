//! MEMORY.

use super::args::{is, parse_integer};
use super::table::{Command, Keys, acl, container, flag};
use super::{CommandError, Context, help};
use crate::resp::Args;

const SUB: Command = Command {
    flags: 0,
    since: "4.0.0",
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "memory",
    arity: -2,
    summary: "A container for memory diagnostics commands.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: MEMORY,
    ..SUB
}];

const MEMORY: &[Command] = &[
    Command {
        name: "usage",
        arity: -3,
        flags: flag::READONLY,
        keys: Keys {
            first: 2,
            last: 2,
            step: 1,
        },
        acl: acl::READ | acl::SLOW,
        summary: "Estimates the memory usage of a key.",
        complexity: "O(N) where N is the number of samples.",
        handler: usage,
        ..SUB
    },
    Command {
        name: "stats",
        flags: flag::ALL_SHARDS,
        summary: "Returns details about memory usage.",
        handler: stats,
        ..SUB
    },
    Command {
        name: "doctor",
        summary: "Outputs a memory problems report.",
        handler: doctor,
        ..SUB
    },
    Command {
        name: "purge",
        summary: "Asks the allocator to release memory.",
        complexity: "Depends on how much memory is allocated, could be slow",
        handler: purge,
        ..SUB
    },
    Command::help("server", "4.0.0", help::memory),
];

fn usage(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    for i in (3..args.len()).step_by(2) {
        let samples = args.get(i + 1).ok_or(CommandError::Syntax)?;
        if !is(args.at(i), "samples") {
            return Err(CommandError::Syntax);
        }
        if parse_integer(samples).ok_or(CommandError::NotAnInteger)? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    let key = ctx.key(args.at(2));
    match ctx.data.get(&key).map(|entity| entity.memory_usage()) {
        Some(bytes) => ctx.out.integer(bytes as i64),
        None => ctx.out.null(),
    }
    Ok(())
}

fn stats(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let dataset = ctx.instance.keyspace.used_memory();
    let samples = &ctx.instance.stats.samples;
    let resident = samples.resident_bytes.get();
    let databases = ctx.instance.identity.databases;
    let keys: usize = (0..databases).map(|db| ctx.data.locked.count(db).0).sum();
    let out = &mut *ctx.out;
    out.map(6);
    out.bulk(b"peak.allocated");
    out.integer(samples.used_memory_peak.get().max(dataset as u64) as i64);
    out.bulk(b"total.allocated");
    out.integer(dataset as i64);
    out.bulk(b"keys.count");
    out.integer(keys as i64);
    out.bulk(b"keys.bytes-per-key");
    out.integer(dataset.checked_div(keys).unwrap_or_default() as i64);
    out.bulk(b"dataset.bytes");
    out.integer(dataset as i64);
    out.bulk(b"fragmentation");
    out.double(resident as f64 / dataset.max(1) as f64);
    Ok(())
}

fn doctor(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let used = ctx.instance.keyspace.used_memory() as u64;
    let max = ctx.instance.live.maxmemory();
    let text: &[u8] = match max {
        max if max > 0 && used > max => b"Writes are refused: used memory is above 'maxmemory'.\n",
        _ => b"No problem with memory was found.\n",
    };
    ctx.out.verbatim(text);
    Ok(())
}

fn purge(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.simple("OK");
    Ok(())
}
