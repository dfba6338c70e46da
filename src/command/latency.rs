//! LATENCY.

use super::registry::{self, Entry};
use super::table::{Command, acl, container, flag};
use super::{CommandError, Context, help};
use crate::instance::Event;
use crate::instance::stats::{CommandStats, bucket_micros};
use crate::resp::Args;
use std::fmt::Write;

const SUB: Command = Command {
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::SLOW | acl::DANGEROUS,
    since: "2.8.13",
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "latency",
    arity: -2,
    flags: 0,
    since: "2.8.13",
    summary: "A container for latency diagnostics commands.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: LATENCY,
    ..Command::SUB
}];

const LATENCY: &[Command] = &[
    Command {
        name: "latest",
        summary: "Returns the latest latency samples for all events.",
        handler: latest,
        ..SUB
    },
    Command {
        name: "history",
        arity: 3,
        summary: "Returns timestamp-latency samples for an event.",
        handler: history,
        ..SUB
    },
    Command {
        name: "reset",
        arity: -2,
        summary: "Resets the latency data for one or more events.",
        handler: reset,
        ..SUB
    },
    Command {
        name: "histogram",
        arity: -2,
        since: "7.0.0",
        summary: "Returns the cumulative distribution of latencies of a subset or all commands.",
        complexity: "O(N) where N is the number of commands with latency information being \
                     retrieved.",
        handler: histogram,
        ..SUB
    },
    Command {
        name: "doctor",
        summary: "Returns a human-readable latency analysis report.",
        handler: doctor,
        ..SUB
    },
    Command::help("server", "2.8.13", help::latency),
];

fn latest(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let events = ctx.instance.latency.events();
    ctx.out.array(events.len());
    for (name, event) in events {
        let last = event.samples.back().copied();
        ctx.out.array(4);
        ctx.out.bulk(name.as_bytes());
        ctx.out
            .integer(last.map_or(0, |sample| sample.at_seconds) as i64);
        ctx.out
            .integer(last.map_or(0, |sample| sample.millis) as i64);
        ctx.out.integer(event.max_millis as i64);
    }
    Ok(())
}

fn event_of(ctx: &Context<'_>, name: &[u8]) -> Option<Event> {
    let events = ctx.instance.latency.events();
    let found = events
        .into_iter()
        .find(|(event, _)| event.as_bytes() == name);
    found.map(|(_, event)| event)
}

fn history(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let event = event_of(ctx, args.at(2)).unwrap_or_default();
    ctx.out.array(event.samples.len());
    for sample in &event.samples {
        ctx.out.array(2);
        ctx.out.integer(sample.at_seconds as i64);
        ctx.out.integer(sample.millis as i64);
    }
    Ok(())
}

fn reset(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let latency = &ctx.instance.latency;
    let forgotten = match args.len() {
        2 => latency.reset(None),
        _ => {
            let names = args.from(2);
            let names = names
                .iter()
                .filter_map(|name| std::str::from_utf8(name).ok());
            names.map(|name| latency.reset(Some(name))).sum()
        }
    };
    ctx.out.integer(forgotten as i64);
    Ok(())
}

/// Of the commands that were called; a container stands for what it contains.
fn histogram(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let named = args.from(2);
    let mut entries: Vec<&Entry> = Vec::new();
    if named.is_empty() {
        entries.extend(registry::all());
    }
    for entry in named.iter().filter_map(registry::find_full) {
        entries.push(entry);
        entries.extend(entry.subcommands());
    }
    let stats = entries
        .into_iter()
        .map(|entry| (entry, ctx.instance.stats.command(entry.id)));
    let stats: Vec<(&Entry, CommandStats)> = stats.filter(|(_, s)| s.calls > 0).collect();
    ctx.out.map(stats.len());
    for (entry, stats) in stats {
        ctx.out.bulk(entry.name.as_bytes());
        ctx.out.map(2);
        ctx.out.bulk(b"calls");
        ctx.out.integer(stats.calls as i64);
        ctx.out.bulk(b"histogram_usec");
        let counts = stats.histogram.iter().enumerate();
        let filled: Vec<(usize, &u64)> = counts.filter(|(_, count)| **count > 0).collect();
        ctx.out.map(filled.len());
        let mut sum = 0;
        for (bucket, count) in filled {
            sum += count;
            ctx.out.integer(bucket_micros(bucket) as i64);
            ctx.out.integer(sum as i64);
        }
    }
    Ok(())
}

fn doctor(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let events = ctx.instance.latency.events();
    let mut text = String::new();
    if !ctx.instance.live.watches_latency() {
        text.push_str(
            "Latency monitoring is disabled. You may use \"CONFIG SET latency-monitor-threshold \
             <milliseconds>\" to enable it.\n",
        );
    } else if events.is_empty() {
        text.push_str("No latency spike was observed.\n");
    }
    for (name, event) in events {
        let count = event.samples.len() as u64;
        let sum: u64 = event.samples.iter().map(|sample| sample.millis).sum();
        let mean = sum.checked_div(count).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name}: {count} latency spikes, average {mean} ms, worst {} ms.",
            event.max_millis
        );
    }
    ctx.out.verbatim(text.as_bytes());
    Ok(())
}
