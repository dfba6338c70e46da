//! `RENAME`, `RENAMENX`, `COPY`, `MOVE`: an entity goes under another key, its expiries with it.
//!
//! What is declared of the new key holds for what comes: types, and times to live.
//!
//! A key's hash does not depend on its database, so the shards locked for a key are also those of
//! the same name in another database.

use super::super::args::is;
use super::super::declared::{self, admitted};
use super::super::{CommandError, Context};
use super::database;
use super::image::Image;
use crate::engine::{Key, Mutation};
use crate::resp::Args;

const SAME_KEY: &str = "ERR source and destination objects are the same";

/// Take the entity from one key to the other, replacing what was there.
fn relocate(
    ctx: &mut Context<'_>,
    source: Key<'_>,
    target: Key<'_>,
    image: Image,
) -> Result<(), CommandError> {
    let entity = admitted(ctx, target, image)?;
    ctx.data.commit(&Mutation::Delete { key: source });
    declared::put(ctx, &entity);
    Ok(())
}

pub fn rename(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (source, target) = (ctx.key(args.at(1)), ctx.key(args.at(2)));
    let entity = ctx.data.get(&source).ok_or(CommandError::NoSuchKey)?;
    let image = Image::of(&entity);
    drop(entity);
    if source.name != target.name {
        relocate(ctx, source, target, image)?;
    }
    ctx.out.simple("OK");
    Ok(())
}

pub fn renamenx(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (source, target) = (ctx.key(args.at(1)), ctx.key(args.at(2)));
    let entity = ctx.data.get(&source).ok_or(CommandError::NoSuchKey)?;
    // The same name twice: there is such a key.
    let free = ctx.data.get(&target).is_none();
    let image = Image::of(&entity);
    drop(entity);
    if free {
        relocate(ctx, source, target, image)?;
    }
    ctx.out.integer(i64::from(free));
    Ok(())
}

pub fn copy(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (source, mut target) = (ctx.key(args.at(1)), ctx.key(args.at(2)));
    let mut replace = false;
    let mut options = args.from(3).iter();
    while let Some(option) = options.next() {
        if is(option, "replace") {
            replace = true;
        } else if is(option, "db") {
            let db = options.next().ok_or(CommandError::Syntax)?;
            target.db = database::index(ctx, db)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if (source.db, source.name) == (target.db, target.name) {
        return Err(SAME_KEY.into());
    }
    let image = match ctx.data.get(&source) {
        Some(entity) if replace || ctx.data.get(&target).is_none() => Image::of(&entity),
        _ => {
            ctx.out.integer(0);
            return Ok(());
        }
    };
    let entity = admitted(ctx, target, image)?;
    declared::put(ctx, &entity);
    ctx.out.integer(1);
    Ok(())
}

/// `MOVE`
pub fn move_key(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let source = ctx.key(args.at(1));
    let mut target = source;
    target.db = database::index(ctx, args.at(2))?;
    if source.db == target.db {
        return Err(SAME_KEY.into());
    }
    let image = match ctx.data.get(&source) {
        Some(entity) if ctx.data.get(&target).is_none() => Image::of(&entity),
        _ => {
            ctx.out.integer(0);
            return Ok(());
        }
    };
    relocate(ctx, source, target, image)?;
    ctx.out.integer(1);
    Ok(())
}
