//! `DUMP` and `RESTORE`: values as Redis moves them from server to server.

use super::args::{TimeForm, integer, is};
use super::declared::{self, admitted};
use super::keys::Image;
use super::table::{Command, Keys, acl, flag};
use super::{CommandError, Context};
use crate::engine::{Entity, Millis, Mutation};
use crate::rdb::{self, HashWriter, Value};
use crate::resp::Args;

pub const COMMANDS: &[Command] = &[
    Command {
        name: "dump",
        arity: 2,
        flags: flag::READONLY,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::READ | acl::SLOW,
        group: "generic",
        since: "2.6.0",
        summary: "Returns a serialized representation of the value stored at a key.",
        complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is the \
            number of Redis objects composing the value and M their average size. For small \
            string values the time complexity is thus O(1)+O(1*M) where M is small, so simply \
            O(1).",
        handler: dump,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "restore",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM,
        keys: Keys::ONE,
        acl: acl::KEYSPACE | acl::WRITE | acl::SLOW | acl::DANGEROUS,
        group: "generic",
        since: "2.6.0",
        summary: "Creates a key from the serialized representation of a value.",
        complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the \
            serialized value, where N is the number of Redis objects composing the value and M \
            their average size. For small string values the time complexity is thus O(1)+O(1*M) \
            where M is small, so simply O(1). However for sorted set values the complexity is \
            O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
        handler: restore,
        starts: None,
        subcommands: &[],
    },
];

fn dump(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    match ctx.data.get(&key) {
        None => ctx.out.null(),
        Some(entity) => ctx.out.bulk(&payload(&entity)),
    }
    Ok(())
}

fn payload(entity: &Entity<'_>) -> Vec<u8> {
    let Some(hash) = entity.hash() else {
        return rdb::dump_string(entity.string().unwrap_or_default());
    };
    let (mut count, mut expire_min) = (0, None);
    hash.for_each(|field| {
        count += 1;
        expire_min = expire_min.into_iter().chain(field.expire_at).min();
    });
    let mut writer = HashWriter::new(count, expire_min);
    let mut value = Vec::new();
    hash.for_each(|field| {
        value.clear();
        field.value.append_to(&mut value);
        writer.field(field.name, &value, field.expire_at);
    });
    writer.finish()
}

#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
}

impl Options {
    /// `IDLETIME` and `FREQ`, which are for eviction, are checked and otherwise do nothing.
    fn parse(args: Args<'_>) -> Result<Options, CommandError> {
        let mut options = Options::default();
        let (mut idle_given, mut frequency_given) = (false, false);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if is(arg, "replace") {
                options.replace = true;
            } else if is(arg, "absttl") {
                options.absolute = true;
            } else if is(arg, "idletime") && args.len() > 0 && !frequency_given {
                if integer(args.next().unwrap_or_default())? < 0 {
                    return Err("ERR Invalid IDLETIME value, must be >= 0".into());
                }
                idle_given = true;
            } else if is(arg, "freq") && args.len() > 0 && !idle_given {
                if !(0..=255).contains(&integer(args.next().unwrap_or_default())?) {
                    return Err("ERR Invalid FREQ value, must be >= 0 and <= 255".into());
                }
                frequency_given = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// When the key expires. A moment beyond all time has passed, as in Redis, which wraps around.
fn expiry(ttl: i64, absolute: bool, now: Millis) -> Option<Millis> {
    let form = if absolute {
        TimeForm::PXAT
    } else {
        TimeForm::PX
    };
    let moment = form.moment(ttl, now).and_then(|at| at.try_into().ok());
    (ttl != 0).then_some(moment.unwrap_or(0))
}

fn restore(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let options = Options::parse(args.from(4))?;
    let key = ctx.key(args.at(1));
    let now = ctx.data.now;
    if !options.replace && ctx.data.get(&key).is_some() {
        return Err("BUSYKEY Target key name already exists.".into());
    }
    let ttl = integer(args.at(2))?;
    if ttl < 0 {
        return Err("ERR Invalid TTL value, must be >= 0".into());
    }
    let value = rdb::parse(args.at(3)).map_err(|error| format!("ERR {error}"))?;
    let expire_at = expiry(ttl, options.absolute, now);
    let image = match value {
        _ if expire_at.is_some_and(|at| at <= now) => None,
        Value::String(value) => Some(Image::string(value, expire_at)),
        Value::Hash(fields) => {
            let live = fields
                .iter()
                .filter(|field| field.expire_at.is_none_or(|at| at > now))
                .map(|field| (field.name, field.value, field.expire_at));
            Image::hash(live, expire_at)
        }
    };
    match image {
        Some(image) => {
            let entity = admitted(ctx, key, image)?;
            declared::put(ctx, &entity);
        }
        // Nothing is left of the value by now: nothing takes the place of the key.
        None => {
            ctx.data.commit(&Mutation::Delete { key });
        }
    }
    ctx.out.simple("OK");
    Ok(())
}
