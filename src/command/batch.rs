//! `FS.BATCH`: the batches of views come in, are published, looked at, rolled back and retired.
//!
//! Publishing is one change of all shards together with the record of the version: both are there
//! after a crash, or neither.

use super::args::{integer, is};
use super::auth::USER;
use super::error::printable;
use super::table::{Command, acl, container, flag};
use super::view::{SHOWS, SINCE};
use super::{CommandError, Context, help};
use crate::batch::{Allowed, Coming, Ready, Record, Refusal, Uploads, Versions, Views, guard};
use crate::engine::{Batch, FieldExpire, Keyspace, Mutation, SYSTEM_DB};
use crate::instance::{Instance, Session, Work};
use crate::resp::{Args, Output};
use serde_json::Value;
use std::sync::Arc;

/// Bytes of what a loader tells of a batch.
const FACTS_BYTES_MAX: usize = 64 * 1024;

pub const NO_STORAGE: &str =
    "ERR batches are kept in files: the server keeps data in memory only (appendonly no)";

const CHANGES: Command = Command {
    flags: flag::WRITE | flag::NO_MULTI,
    acl: acl::WRITE | acl::SLOW | acl::DANGEROUS,
    ..SHOWS
};

pub const COMMANDS: &[Command] = &[Command {
    name: "fs.batch",
    arity: -2,
    flags: 0,
    group: "views",
    since: SINCE,
    summary: "A container for commands about the batches of views.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: &[
        Command {
            name: "abort",
            arity: 3,
            summary: "Gives up a batch that this connection began.",
            handler: abort,
            ..CHANGES
        },
        Command {
            name: "begin",
            arity: 3,
            summary: "Begins the file of a batch; tells what it must be made for.",
            handler: begin,
            ..CHANGES
        },
        Command::help("views", SINCE, help::batch),
        Command {
            name: "list",
            arity: -2,
            summary: "Returns the versions that are kept, of a view or of all.",
            complexity: "O(N) where N is the number of versions",
            handler: list,
            ..SHOWS
        },
        Command {
            name: "publish",
            arity: -3,
            flags: CHANGES.flags | flag::ALL_SHARDS,
            summary: "Ends the file of a batch, and lets it count, all at once.",
            complexity: "O(N) where N is the number of rows, without holding up others",
            handler: publish,
            starts: Some(start_publish),
            ..CHANGES
        },
        Command {
            name: "retire",
            arity: 4,
            flags: CHANGES.flags | flag::ALL_SHARDS,
            summary: "Forgets a version that is not the current one.",
            handler: retire,
            ..CHANGES
        },
        Command {
            name: "rollback",
            arity: -3,
            flags: CHANGES.flags | flag::ALL_SHARDS,
            summary: "Publishes an earlier version again.",
            complexity: "O(N) where N is the number of bytes of the version, which are looked at \
                without holding up others",
            handler: rollback,
            starts: Some(start_rollback),
            ..CHANGES
        },
        Command {
            name: "status",
            arity: -2,
            summary: "Returns what is known of the current batch of a view, or of each.",
            complexity: "O(N) where N is the number of versions",
            handler: status,
            ..SHOWS
        },
        Command {
            name: "write",
            arity: 5,
            summary: "Appends to the file of a batch, which has so many bytes.",
            complexity: "O(N) where N is the number of bytes",
            handler: write,
            starts: Some(start_write),
            ..CHANGES
        },
    ],
    ..Command::SUB
}];

fn uploads(instance: &Instance) -> Result<&Arc<Uploads>, CommandError> {
    let storage = instance.storage();
    Ok(&storage.ok_or(NO_STORAGE)?.uploads)
}

/// The number of a batch, a version, or an offset.
fn count(arg: &[u8]) -> Result<u64, CommandError> {
    u64::try_from(integer(arg)?).map_err(|_| CommandError::NotAnInteger)
}

fn text<'a>(arg: &'a [u8], what: &str) -> Result<&'a str, CommandError> {
    str::from_utf8(arg).map_err(|_| format!("ERR {what} is not UTF-8").into())
}

fn refused(refusal: impl Into<Refusal>) -> CommandError {
    let Refusal { code, reason } = refusal.into();
    format!("{code} {}", printable(reason.as_bytes(), reason.len())).into()
}

/// Have a task done by the thread of uploads, and wait for it.
pub(super) fn begin_work(
    instance: &Instance,
    session: &Session,
    task: impl FnOnce(&Uploads, &Keyspace, u64) -> Result<u64, Refusal> + Send + 'static,
) -> Option<Arc<Work>> {
    let (work, client) = (Arc::new(Work::new()), session.client.clone());
    let done = work.clone();
    uploads(instance).ok()?.ask(move |uploads, keyspace| {
        let _ = done.set(task(uploads, keyspace, client.id));
        client.wake();
    });
    Some(work)
}

/// What became of it.
pub(super) fn end_work(ctx: &mut Context<'_>) -> Result<u64, CommandError> {
    uploads(ctx.instance)?;
    let work = ctx.session.work.take();
    match work.as_ref().and_then(|work| work.get()) {
        Some(Ok(answer)) => Ok(*answer),
        Some(Err(refusal)) => Err(refused(refusal.clone())),
        None => Err(CommandError::Syntax),
    }
}

fn begin(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let name = text(args.at(2), "the name of the view")?;
    in_force(ctx, name)?;
    let begun = uploads(ctx.instance)?.begin(ctx.session.client.id);
    let number = begun.map_err(refused)?;
    let keyspace = &ctx.instance.keyspace;
    ctx.out.map(3);
    entry(ctx.out, "number", number);
    ctx.out.bulk(b"seed");
    ctx.out.bulk(format!("{:016x}", keyspace.seed()).as_bytes());
    entry(ctx.out, "shards", keyspace.shard_count() as u64);
    Ok(())
}

fn start_write(instance: &Instance, session: &Session, args: Args<'_>) -> Option<Arc<Work>> {
    let (number, offset) = (count(args.at(2)).ok()?, count(args.at(3)).ok()?);
    let chunk = args.at(4).to_vec();
    begin_work(instance, session, move |uploads, _, client| {
        uploads.write(number, client, offset, &chunk)
    })
}

fn write(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    count(args.at(2)).and(count(args.at(3)))?;
    let bytes = end_work(ctx)?;
    ctx.out.integer(bytes as i64);
    Ok(())
}

fn abort(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let number = count(args.at(2))?;
    let (client, keyspace) = (ctx.session.client.id, &ctx.instance.keyspace);
    let known = uploads(ctx.instance)?.give_up(number, client, keyspace);
    ctx.out.integer(i64::from(known));
    Ok(())
}

fn start_publish(instance: &Instance, session: &Session, args: Args<'_>) -> Option<Arc<Work>> {
    let number = count(args.at(2)).ok()?;
    let (registry, now) = (instance.views.registry(), session.now);
    begin_work(instance, session, move |uploads, keyspace, client| {
        let registry = &registry;
        uploads.prepare(number, client, keyspace, &Views { registry, now })?;
        Ok(number)
    })
}

/// `[AUTHOR name] [FACTS json]`, for a rollback `[VERSION n]`, to publish `[ALLOW-EMPTY]
/// [ALLOW-SHRINK]`.
struct Options<'a> {
    author: &'a str,
    facts: Value,
    version: Option<u64>,
    allow_empty: bool,
    allow_shrink: bool,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, CommandError> {
        let mut options = Options {
            author: USER,
            facts: Value::Object(serde_json::Map::new()),
            version: None,
            allow_empty: false,
            allow_shrink: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if is(arg, "allow-empty") {
                options.allow_empty = true;
                continue;
            }
            if is(arg, "allow-shrink") {
                options.allow_shrink = true;
                continue;
            }
            let value = args.next().ok_or(CommandError::Syntax)?;
            if is(arg, "author") {
                options.author = text(value, "the author")?;
            } else if is(arg, "facts") {
                let small = value.len() <= FACTS_BYTES_MAX;
                let facts = serde_json::from_slice(value).ok().filter(Value::is_object);
                let facts = facts.filter(|_| small);
                options.facts = facts.ok_or("ERR FACTS is a JSON object of 64 KiB at most")?;
            } else if is(arg, "version") {
                options.version = Some(count(value)?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// The view of this name must be in force; answers all features that it ever had.
fn in_force(ctx: &Context<'_>, name: &str) -> Result<Vec<String>, CommandError> {
    let registry = ctx.instance.views.registry();
    let view = registry.get(name).filter(|view| view.view.is_some());
    let none = || format!("ERR no such view '{}'", printable(name.as_bytes(), 128));
    let view = view.ok_or_else(|| CommandError::from(none()))?;
    Ok(view.features_ever.iter().cloned().collect())
}

/// Whether a batch may count: it is of its view as that is now, and takes nothing from the view
/// that nobody wants taken.
fn may_publish(
    ctx: &Context<'_>,
    ready: &Ready,
    options: &Options<'_>,
) -> Result<(), CommandError> {
    let batch = &ready.batch;
    let known = in_force(ctx, &batch.view)?;
    let foreign = batch
        .names()
        .find(|name| !known.iter().any(|k| k.as_bytes() == *name));
    if let Some(name) = foreign {
        let name = String::from_utf8_lossy(name);
        let reason = format!("feature {name:?} is not of view {}", batch.view);
        return Err(refused(reason));
    }
    let registry = ctx.instance.views.registry();
    if registry.get(&batch.view).map(|now| &now.view) != Some(&ready.view) {
        let view = &batch.view;
        return Err(refused(Refusal {
            code: "TRYAGAIN",
            reason: format!("view {view} was changed while its batch came in: load it again"),
        }));
    }
    let versions = Versions::load(&ctx.data.locked, &ctx.instance.keyspace, &batch.view);
    let coming = Coming {
        entities: batch.entries() as u64,
        live: ready.live,
        replaces: batch.replace,
        before: versions.before(&ready.key, batch.db),
    };
    let allowed = Allowed {
        empty: options.allow_empty,
        shrink: options.allow_shrink,
    };
    let guarded = guard(&coming, allowed);
    guarded.map_err(|reason| refused(format!("view {}: {reason}", batch.view)))
}

fn publish(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let number = count(args.at(2))?;
    let prepared = end_work(ctx);
    let client = ctx.session.client.id;
    let options = Options::parse(args.from(3)).and_then(|options| match options.version {
        Some(_) => Err(CommandError::Syntax),
        None => Ok(options),
    });
    prepared?;
    let ready = uploads(ctx.instance)?.publish(number, client);
    let ready = ready.ok_or_else(|| refused(format!("you load no batch {number}")))?;
    let checked = options.and_then(|options| may_publish(ctx, &ready, &options).map(|()| options));
    let options = checked.inspect_err(|_| {
        ctx.instance.keyspace.forget_batch(number);
        if let Ok(uploads) = uploads(ctx.instance) {
            uploads.remove(number);
        }
    })?;
    let Ready {
        batch, key, bytes, ..
    } = ready;
    let view = batch.view.to_string();
    let mut versions = Versions::load(&ctx.data.locked, &ctx.instance.keyspace, &view);
    let record = Record {
        number,
        version: versions.next,
        replace: batch.replace,
        db: batch.db,
        key,
        entities: batch.entries() as u64,
        bytes,
        author: options.author.to_owned(),
        facts: options.facts,
        ..Record::default()
    };
    versions.next += 1;
    let version = record.version;
    commit(ctx, &batch, record, versions);
    ctx.out.map(3);
    entry(ctx.out, "version", version);
    entry(ctx.out, "number", number);
    entry(ctx.out, "entities", batch.entries() as u64);
    Ok(())
}

/// Publish a batch, as what is kept of it will say; versions that are out of date are forgotten.
fn commit(ctx: &mut Context<'_>, batch: &Arc<Batch>, mut record: Record, mut versions: Versions) {
    let (at, number) = (ctx.data.now, record.number);
    record.published_at = at;
    record.publications += 1;
    ctx.data.commit(&Mutation::Publish { batch, at });
    versions.records.retain(|other| other.number != number);
    let place = versions
        .records
        .partition_point(|r| r.version < record.version);
    versions.records.insert(place, record.clone());
    versions.current = Some(number);
    let (keeps, age) = {
        let config = ctx.instance.config.read();
        (config.batch_versions, config.batch_versions_age)
    };
    let since = match age {
        0 => 0,
        age => at.saturating_sub(age.saturating_mul(1000)),
    };
    let key = Versions::key(&batch.view);
    let key = ctx.instance.keyspace.key(SYSTEM_DB, key.as_bytes());
    let (name, value) = (number.to_string(), record.text());
    let next = versions.next.to_string();
    let fields: &[(&[u8], &[u8])] = &[
        (name.as_bytes(), value.as_bytes()),
        (b"current", name.as_bytes()),
        (b"next", next.as_bytes()),
    ];
    let expire = FieldExpire::Clear;
    ctx.data.commit(&Mutation::HashSet {
        key,
        fields,
        expire,
    });
    let outdated = versions.outdated(keeps, since);
    forget(ctx, &batch.view, &outdated);
}

/// Forget versions; their files go once nothing needs them.
fn forget(ctx: &mut Context<'_>, view: &str, numbers: &[u64]) {
    if numbers.is_empty() {
        return;
    }
    let key = Versions::key(view);
    let key = ctx.instance.keyspace.key(SYSTEM_DB, key.as_bytes());
    let names: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let fields: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let fields = &fields;
    ctx.data.commit(&Mutation::HashDelete { key, fields });
}

fn start_rollback(instance: &Instance, session: &Session, args: Args<'_>) -> Option<Arc<Work>> {
    let name = str::from_utf8(args.at(2)).ok()?.to_owned();
    let version = Options::parse(args.from(3)).ok()?.version;
    begin_work(instance, session, move |uploads, keyspace, _| {
        uploads.verify(keyspace, &name, version)
    })
}

fn rollback(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let name = text(args.at(2), "the name of the view")?;
    let options = Options::parse(args.from(3))?;
    uploads(ctx.instance)?;
    in_force(ctx, name)?;
    let verified = end_work(ctx)?;
    let versions = Versions::load(&ctx.data.locked, &ctx.instance.keyspace, name);
    let record = versions.to_roll_back(options.version).map_err(refused)?;
    let record = record.clone();
    let batch = ctx.instance.keyspace.batch(record.number);
    let batch = batch.filter(|batch| batch.number == verified);
    let batch = batch.ok_or("ERR the versions of the view have changed meanwhile: try again")?;
    let version = record.version;
    let author = options.author.to_owned();
    commit(ctx, &batch, Record { author, ..record }, versions);
    ctx.out.map(2);
    entry(ctx.out, "version", version);
    entry(ctx.out, "number", batch.number);
    Ok(())
}

fn retire(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let name = text(args.at(2), "the name of the view")?;
    let version = count(args.at(3))?;
    uploads(ctx.instance)?;
    let versions = Versions::load(&ctx.data.locked, &ctx.instance.keyspace, name);
    let record = versions.of_version(version);
    let record = record.ok_or("ERR no such version of the view is kept")?;
    if versions.current == Some(record.number) {
        return Err("ERR this version is the current one".into());
    }
    forget(ctx, name, &[record.number]);
    ctx.out.simple("OK");
    Ok(())
}

fn entry(out: &mut Output, name: &str, value: u64) {
    out.bulk(name.as_bytes());
    out.integer(value as i64);
}

fn entry_text(out: &mut Output, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}

/// The versions of the view that is named, or of all.
fn versions(ctx: &Context<'_>, args: Args<'_>) -> Result<Vec<(String, Versions)>, CommandError> {
    let mut all = Versions::load_all(&ctx.data.locked);
    match args.len() {
        2 => Ok(all),
        3 => {
            let name = text(args.at(2), "the name of the view")?;
            all.retain(|(view, _)| view == name);
            if all.is_empty() {
                in_force(ctx, name)?;
            }
            Ok(all)
        }
        _ => Err(CommandError::Syntax),
    }
}

fn show(ctx: &mut Context<'_>, view: &str, record: &Record, state: &str, more: usize) {
    let out = &mut *ctx.out;
    out.map(12 + more);
    entry_text(out, "view", view);
    entry(out, "version", record.version);
    entry_text(out, "state", state);
    entry(out, "number", record.number);
    entry_text(out, "mode", record.mode());
    entry(out, "db", u64::from(record.db));
    entry_text(out, "key", &record.key);
    entry(out, "entities", record.entities);
    entry(out, "bytes", record.bytes);
    entry(out, "published_at", record.published_at);
    entry_text(out, "author", &record.author);
    entry_text(out, "facts", &record.facts.to_string());
}

/// Whether a batch is read beside the files of checkpoints.
fn is_layer(ctx: &Context<'_>, number: u64) -> bool {
    let tables = ctx.data.locked.layers();
    tables.iter().any(|layer| layer.batch.number == number)
}

/// Whether the newest row of a batch is older than some feature of its view is to live: the values
/// are still served where the view says so, and else have begun to expire.
fn is_stale(ctx: &Context<'_>, view: &str, record: &Record) -> bool {
    let registry = ctx.instance.views.registry();
    let Some(view) = registry.get(view).and_then(|view| view.view.as_ref()) else {
        return false;
    };
    let ttls = view
        .features
        .iter()
        .filter_map(|feature| view.ttl_of(feature));
    let newest = record.facts.get("event_time_max").and_then(Value::as_u64);
    let newest = newest.unwrap_or(record.published_at);
    ttls.min()
        .is_some_and(|ttl| newest.saturating_add(ttl) <= ctx.data.now)
}

fn list(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let all = versions(ctx, args)?;
    ctx.out
        .array(all.iter().map(|(_, v)| v.records.len()).sum());
    for (view, versions) in &all {
        for record in &versions.records {
            let batch = ctx.instance.keyspace.batch(record.number);
            let state = match versions.current == Some(record.number) {
                true => "current",
                false if batch.is_none_or(|batch| batch.is_damaged()) => "damaged",
                false => "kept",
            };
            show(ctx, view, record, state, 0);
        }
    }
    Ok(())
}

fn status(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let all = versions(ctx, args)?;
    let current = all.iter().filter_map(|(view, versions)| {
        let record = versions.find(versions.current?)?;
        Some((view, versions, record))
    });
    let current: Vec<_> = current.collect();
    ctx.out.array(current.len());
    for (view, versions, record) in current {
        let layer = is_layer(ctx, record.number);
        let now = ctx.data.now;
        let stale = is_stale(ctx, view, record);
        show(ctx, view, record, "current", 6);
        entry_text(ctx.out, "folded", if layer { "no" } else { "yes" });
        entry(ctx.out, "age_ms", now.saturating_sub(record.published_at));
        entry_text(ctx.out, "stale", if stale { "yes" } else { "no" });
        entry(ctx.out, "publications", record.publications);
        entry(ctx.out, "versions", versions.records.len() as u64);
        let bytes = versions.records.iter().map(|record| record.bytes).sum();
        entry(ctx.out, "disk_bytes", bytes);
    }
    Ok(())
}
