//! `FS.VIEW`: views are declared, looked at and dropped. What they do to writes is in
//! [`super::hash`].

use super::args::{integer, is};
use super::auth::USER;
use super::error::printable;
use super::table::{Command, acl, container, flag};
use super::{CommandError, Context, batch, help};
use crate::engine::{FieldExpire, Mutation, Place, SYSTEM_DB};
use crate::instance::{Instance, Session, Work};
use crate::resp::{Args, Output};
use crate::rowfile::batch::Facts;
use crate::view::{By, CURRENT, Change, Registered, Version, View, read};
use std::sync::Arc;

/// Fieldstone's version, as they are no commands of Redis.
pub(super) const SINCE: &str = "0.1.0";

const CHANGES: Command = Command {
    flags: flag::WRITE | flag::ALL_SHARDS,
    acl: acl::WRITE | acl::SLOW | acl::DANGEROUS,
    ..SHOWS
};

/// A subcommand of theirs that changes nothing.
pub(super) const SHOWS: Command = Command {
    flags: flag::READONLY | flag::ALL_SHARDS,
    acl: acl::READ | acl::SLOW,
    group: "views",
    since: SINCE,
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "fs.view",
    arity: -2,
    flags: 0,
    group: "views",
    since: SINCE,
    summary: "A container for commands about feature views.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: &[
        Command {
            name: "apply",
            arity: -3,
            summary: "Declares views in TOML, all of a text or none; tells what changes.",
            complexity: "O(N) where N is the number of views and of their versions",
            handler: apply,
            ..CHANGES
        },
        Command {
            name: "drop",
            arity: -3,
            flags: CHANGES.flags | flag::NO_MULTI,
            summary: "Ends a view, and takes its features from all entities; its versions stay \
                      known.",
            starts: Some(start_drop),
            complexity: "O(N) where N is the number of views",
            handler: drop_view,
            ..CHANGES
        },
        Command {
            name: "get",
            arity: -3,
            summary: "Returns the declaration of a view, as of now or of a version.",
            complexity: "O(N) where N is the number of versions and features",
            handler: get,
            ..SHOWS
        },
        Command::help("views", SINCE, help::view),
        Command {
            name: "list",
            summary: "Returns what there is of views.",
            complexity: "O(N) where N is the number of views",
            handler: list,
            ..SHOWS
        },
    ],
    ..Command::SUB
}];

/// A refusal that quotes texts of clients.
fn refused(reason: &str) -> CommandError {
    format!("ERR {}", printable(reason.as_bytes(), reason.len())).into()
}

fn no_such_view(name: &[u8]) -> CommandError {
    format!("ERR no such view '{}'", printable(name, 128)).into()
}

/// An argument that is a text.
fn text<'a>(arg: &'a [u8], what: &str) -> Result<&'a str, CommandError> {
    str::from_utf8(arg).map_err(|_| format!("ERR {what} is not UTF-8").into())
}

/// What follows the text or the name.
struct Options<'a> {
    dry_run: bool,
    author: &'a str,
}

impl<'a> Options<'a> {
    /// The arguments of `APPLY` and `DROP`: options, and a text or a name, which is returned as
    /// well. A name comes first, as a view may be called `author`; a text may come last, as
    /// `redis-cli -x` sends it.
    fn parse(args: Args<'a>, is_apply: bool) -> Result<(Options<'a>, &'a [u8]), CommandError> {
        let (mut dry_run, mut author, mut subject) = (false, USER, None);
        let mut args = args.from(2).iter();
        while let Some(arg) = args.next() {
            let is_option = subject.is_some() || (is_apply && args.len() > 0);
            if is_option && is(arg, "dryrun") && is_apply {
                dry_run = true;
            } else if is_option && is(arg, "author") && args.len() > 0 {
                author = text(args.next().unwrap_or_default(), "the author")?;
            } else if subject.is_none() {
                subject = Some(arg);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let subject = subject.ok_or(CommandError::Syntax)?;
        Ok((Options { dry_run, author }, subject))
    }
}

fn apply(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (options, declared) = Options::parse(args, true)?;
    let declared = text(declared, "the text")?;
    let declared = read(declared).map_err(|error| refused(&error.to_string()))?;
    let by = By {
        author: options.author,
        time: ctx.data.now,
    };
    let change = ctx.instance.views.registry().apply(declared, by);
    let change = change.map_err(|reason| refused(&reason))?;
    ctx.out.array(change.lines.len());
    change
        .lines
        .iter()
        .for_each(|line| ctx.out.bulk(line.as_bytes()));
    if !options.dry_run && !change.records.is_empty() {
        commit(ctx, change);
    }
    Ok(())
}

/// Batches without a row, which take the features of the view from all entities, are made first.
fn start_drop(instance: &Instance, session: &Session, args: Args<'_>) -> Option<Arc<Work>> {
    let (_, name) = Options::parse(args, false).ok()?;
    let name = str::from_utf8(name).ok()?;
    let registry = instance.views.registry();
    let registered = registry.get(name)?;
    let view = registered.view.as_ref()?;
    let names = registered.features_ever.iter();
    let mask = Facts {
        view: view.name.clone(),
        key: view.key.to_string(),
        replace: true,
        names: names.map(|name| name.as_bytes().to_vec()).collect(),
        catalog: vec![0, 0],
        places: vec![Place::default(); instance.keyspace.shard_count()],
        ..Facts::default()
    };
    batch::begin_work(instance, session, move |uploads, keyspace, client| {
        uploads.make_masks(client, keyspace, &mask)
    })
}

fn drop_view(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if ctx.instance.storage().is_some() && ctx.session.work.is_some() {
        batch::end_work(ctx)?;
    }
    let client = ctx.session.client.id;
    let masks = ctx
        .instance
        .storage()
        .map(|s| s.uploads.publish_all(client));
    let (options, subject) = Options::parse(args, false)?;
    let by = By {
        author: options.author,
        time: ctx.data.now,
    };
    let registry = ctx.instance.views.registry();
    let name = str::from_utf8(subject).ok();
    let change = name.and_then(|name| registry.without(name, by));
    let change = change.ok_or_else(|| no_such_view(subject))?;
    for mask in masks.iter().flatten() {
        let (batch, at) = (&mask.batch, ctx.data.now);
        ctx.data.commit(&Mutation::Publish { batch, at });
    }
    commit(ctx, change);
    ctx.out.simple("OK");
    Ok(())
}

/// Keep the versions of a change, and let them be in force.
fn commit(ctx: &mut Context<'_>, change: Change) {
    for record in &change.records {
        let key = ctx.instance.keyspace.key(SYSTEM_DB, record.key.as_bytes());
        let number = record.current.map(|number| number.to_string());
        let mut fields = vec![(record.field.as_bytes(), record.value.as_bytes())];
        fields.extend(number.iter().map(|n| (CURRENT.as_bytes(), n.as_bytes())));
        ctx.data.commit(&Mutation::HashSet {
            key,
            fields: &fields,
            expire: FieldExpire::Clear,
        });
        if record.current.is_none() {
            let fields = &[CURRENT.as_bytes()];
            ctx.data.commit(&Mutation::HashDelete { key, fields });
        }
    }
    ctx.instance.views.swap(change.registry);
}

/// A name and a value of a map.
fn entry(out: &mut Output, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}

fn number(out: &mut Output, name: &str, value: u64) {
    out.bulk(name.as_bytes());
    out.integer(value as i64);
}

fn list(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let registry = ctx.instance.views.registry();
    let in_force = registry.all().filter_map(|(_, view)| view.current());
    let views: Vec<(&View, &Version)> = in_force.collect();
    ctx.out.array(views.len());
    for (view, version) in views {
        ctx.out.map(6);
        entry(ctx.out, "name", &view.name);
        number(ctx.out, "version", version.number);
        entry(ctx.out, "entity", &view.entity);
        number(ctx.out, "features", view.features.len() as u64);
        number(ctx.out, "time", version.time);
        entry(ctx.out, "author", &version.author);
    }
    Ok(())
}

/// The version that `VERSION n` names, or the one in force, and its text.
fn version<'v>(
    view: &'v Registered,
    args: Args<'_>,
) -> Result<Option<(&'v Version, &'v str)>, CommandError> {
    let version = match args.len() {
        0 => view.current().map(|(_, version)| version),
        2 if is(args.at(0), "version") => {
            let number = integer(args.at(1))?;
            let mut versions = view.versions.iter();
            let version = versions.find(|version| i64::try_from(version.number) == Ok(number));
            Some(version.ok_or_else(|| CommandError::from("ERR no such version of the view"))?)
        }
        _ => return Err(CommandError::Syntax),
    };
    let Some(version) = version else {
        return Ok(None);
    };
    let text = version.text.as_deref();
    let text = text.ok_or("ERR this version dropped the view")?;
    Ok(Some((version, text)))
}

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let registry = ctx.instance.views.registry();
    let name = str::from_utf8(args.at(2)).unwrap_or_default();
    let none = || no_such_view(args.at(2));
    let view = registry.get(name).ok_or_else(none)?;
    let (version, text) = version(view, args.from(3))?.ok_or_else(none)?;
    let out = &mut *ctx.out;
    out.map(7);
    entry(out, "name", name);
    number(out, "version", version.number);
    number(out, "time", version.time);
    entry(out, "author", &version.author);
    entry(out, "text", text);
    out.bulk(b"features_ever");
    out.array(view.features_ever.len());
    let features = view.features_ever.iter();
    features.for_each(|feature| out.bulk(feature.as_bytes()));
    out.bulk(b"versions");
    out.array(view.versions.len());
    let versions = view.versions.iter();
    versions.for_each(|version| out.integer(version.number as i64));
    Ok(())
}
