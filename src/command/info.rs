//! INFO: sections and their order are Redis's.

use super::info_sections as section;
use super::table::{Command, acl, flag};
use super::{CommandError, Context};
use crate::resp::Args;
use std::fmt::{Display, Write};

pub const COMMANDS: &[Command] = &[Command {
    name: "info",
    arity: -1,
    // It counts keys.
    flags: flag::LOADING | flag::STALE | flag::ALL_SHARDS | flag::UNSYNCED,
    acl: acl::SLOW | acl::DANGEROUS,
    since: "1.0.0",
    summary: "Returns information and statistics about the server.",
    handler: info,
    ..Command::SUB
}];

/// The text of INFO as it grows.
#[derive(Default)]
pub struct Text(String);

impl Text {
    pub fn field(&mut self, name: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    /// A size twice: in bytes, and as people read it.
    pub fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human(bytes));
    }
}

/// `2.51M`
fn human(bytes: u64) -> String {
    let mut scaled = bytes as f64 / 1024.0;
    for unit in ["K", "M", "G"] {
        if bytes < 1024 {
            return format!("{bytes}B");
        }
        if scaled < 1024.0 {
            return format!("{scaled:.2}{unit}");
        }
        scaled /= 1024.0;
    }
    format!("{scaled:.2}T")
}

struct Section {
    title: &'static str,
    /// Shown by INFO without arguments.
    default: bool,
    write: fn(&Context<'_>, &mut Text),
}

const SECTIONS: &[Section] = &[
    shown("Server", section::server),
    shown("Clients", section::clients),
    shown("Memory", section::memory),
    shown("Persistence", super::info_persistence::persistence),
    shown("Stats", section::stats),
    shown("Replication", section::replication),
    shown("CPU", section::cpu),
    hidden("Commandstats", section::commandstats),
    shown("Errorstats", section::errorstats),
    hidden("Latencystats", section::latencystats),
    shown("Cluster", section::cluster),
    shown("Keyspace", section::keyspace),
];

const fn shown(title: &'static str, write: fn(&Context<'_>, &mut Text)) -> Section {
    Section {
        title,
        default: true,
        write,
    }
}

const fn hidden(title: &'static str, write: fn(&Context<'_>, &mut Text)) -> Section {
    Section {
        title,
        default: false,
        write,
    }
}

fn info(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = args.from(1);
    let is_named = |name: &str| {
        names
            .iter()
            .any(|arg| arg.eq_ignore_ascii_case(name.as_bytes()))
    };
    let all = is_named("all") || is_named("everything");
    let default = names.is_empty() || is_named("default");
    let mut text = Text::default();
    for section in SECTIONS {
        if all || (default && section.default) || is_named(section.title) {
            let gap = if text.0.is_empty() { "" } else { "\r\n" };
            let _ = write!(text.0, "{gap}# {}\r\n", section.title);
            (section.write)(ctx, &mut text);
        }
    }
    ctx.out.verbatim(text.0.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_as_people_read_them() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1536), "1.50K");
        assert_eq!(human(2_631_925), "2.51M");
        assert_eq!(human(25_276_502_016), "23.54G");
        assert_eq!(human(5 << 40), "5.00T");
    }
}
