//! CONFIG.

use super::error::printable;
use super::table::{Command, acl, container, flag};
use super::{CommandError, Context, help};
use crate::config::{Foreign, Setting, find, find_foreign, foreign_settings, settings};
use crate::glob;
use crate::resp::Args;

const SUB: Command = Command {
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::SLOW | acl::DANGEROUS,
    since: "2.0.0",
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "config",
    arity: -2,
    flags: 0,
    acl: acl::SLOW,
    since: "2.0.0",
    summary: "A container for server configuration commands.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: CONFIG,
    ..Command::SUB
}];

const CONFIG: &[Command] = &[
    Command {
        name: "get",
        arity: -3,
        summary: "Returns the effective values of configuration parameters.",
        complexity: "O(N) when N is the number of configuration parameters provided",
        handler: get,
        ..SUB
    },
    Command {
        name: "set",
        arity: -4,
        summary: "Sets configuration parameters in-flight.",
        complexity: "O(N) when N is the number of configuration parameters provided",
        handler: set,
        ..SUB
    },
    Command {
        name: "resetstat",
        summary: "Resets the server's statistics.",
        handler: resetstat,
        ..SUB
    },
    Command {
        name: "rewrite",
        since: "2.8.0",
        summary: "Persists the effective configuration to file.",
        handler: rewrite,
        ..SUB
    },
    Command::help("server", "5.0.0", help::config),
];

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let config = ctx.instance.config.read();
    let mut found: Vec<(&[u8], String)> = Vec::new();
    for pattern in args.from(2).iter() {
        // A plain name comes back as it was written, as in Redis.
        let plain = !pattern
            .iter()
            .any(|byte| matches!(byte, b'*' | b'?' | b'['));
        let mut take = |name: &'static str, value: &dyn Fn() -> String| {
            let name = name.as_bytes();
            let asked = !name.is_empty() && glob::matches_ignore_case(pattern, name);
            let is_same = |(other, _): &(&[u8], _)| other.eq_ignore_ascii_case(name);
            if asked && !found.iter().any(is_same) {
                found.push((if plain { pattern } else { name }, value()));
            }
        };
        for setting in settings() {
            for name in [setting.name, setting.alias] {
                take(name, &|| setting.get(&config));
            }
        }
        for foreign in foreign_settings().filter(|one| one.is_shown()) {
            take(foreign.name, &|| config.foreign(foreign).to_owned());
        }
    }
    ctx.out.map(found.len());
    for (name, value) in found {
        ctx.out.bulk(name);
        ctx.out.bulk(value.as_bytes());
    }
    Ok(())
}

/// All of them or, if one is refused, none.
fn set(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let args = args.from(2);
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let mut chosen: Vec<(&Setting, &str)> = Vec::with_capacity(args.len() / 2);
    let mut foreign: Vec<(&Foreign, &str)> = Vec::new();
    for at in (0..args.len()).step_by(2) {
        let name = printable(args.at(at), usize::MAX);
        // What is wrong with the name comes first.
        let value = || str::from_utf8(args.at(at + 1)).map_err(|_| failed(&name, "not UTF-8"));
        if let Some(one) = find_foreign(&name).filter(|one| one.is_shown()) {
            if foreign.iter().any(|(other, _)| other.name == one.name) {
                return Err(failed(&name, "duplicate parameter"));
            }
            foreign.push((one, value()?));
            continue;
        }
        let Some(setting) = find(&name) else {
            let line = "ERR Unknown option or number of arguments for CONFIG SET";
            return Err(format!("{line} - '{name}'").into());
        };
        // Tools set `appendonly` to what it is anyway.
        let same = setting.get(&ctx.instance.config.read()).as_bytes() == args.at(at + 1);
        if !setting.changes && !same {
            return Err(failed(&name, "can't set immutable config"));
        }
        if chosen.iter().any(|(other, _)| other.name == setting.name) {
            return Err(failed(&name, "duplicate parameter"));
        }
        chosen.push((setting, value()?));
    }
    ctx.instance.reconfigure(|config| {
        for (setting, value) in chosen {
            let set = setting.set_text(config, value);
            set.map_err(|reason| failed(setting.name, &reason))?;
        }
        for (one, value) in foreign {
            let set = config.set_foreign(one, value);
            set.map_err(|reason| failed(one.name, &reason))?;
        }
        if config.saves_without_log() {
            let reason = "checkpoints rest upon the log: it needs appendonly yes";
            return Err(failed("save", reason));
        }
        Ok::<(), CommandError>(())
    })?;
    ctx.out.simple("OK");
    Ok(())
}

fn failed(name: &str, reason: &str) -> CommandError {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}").into()
}

fn resetstat(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let expired = ctx.instance.keyspace.expired();
    ctx.instance.stats.reset(expired);
    ctx.out.simple("OK");
    Ok(())
}

fn rewrite(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    match ctx.instance.rewrite_config() {
        None => Err("ERR The server is running without a config file".into()),
        Some(Err(error)) => Err(format!("ERR Rewriting config file: {error}").into()),
        Some(Ok(())) => {
            ctx.out.simple("OK");
            Ok(())
        }
    }
}
