//! Whole databases: `FLUSHDB`, `FLUSHALL`, `SWAPDB`. All shards are locked.

use super::super::args::{int, is};
use super::super::{CommandError, Context};
use crate::engine::{Db, Mutation};
use crate::resp::Args;

const OUT_OF_RANGE: &str = "ERR DB index is out of range";

/// The database that an argument names.
pub fn index(ctx: &Context<'_>, arg: &[u8]) -> Result<Db, CommandError> {
    existing(ctx, int(arg)?)
}

fn existing(ctx: &Context<'_>, index: i32) -> Result<Db, CommandError> {
    Db::try_from(index)
        .ok()
        .filter(|db| *db < ctx.instance.keyspace.databases())
        .ok_or(OUT_OF_RANGE.into())
}

pub fn flushdb(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let db = Some(ctx.session.db);
    flush(ctx, args, db)
}

pub fn flushall(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    flush(ctx, args, None)
}

/// `ASYNC` and `SYNC` make no difference: keys go at once, their memory after the locks.
fn flush(ctx: &mut Context<'_>, args: Args<'_>, db: Option<Db>) -> Result<(), CommandError> {
    match args.len() {
        1 => {}
        2 if is(args.at(1), "sync") || is(args.at(1), "async") => {}
        _ => return Err(CommandError::Syntax),
    }
    ctx.data.commit(&Mutation::Flush { db });
    ctx.out.simple("OK");
    Ok(())
}

pub fn swapdb(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let a = int(args.at(1)).map_err(|_| CommandError::from("ERR invalid first DB index"))?;
    let b = int(args.at(2)).map_err(|_| CommandError::from("ERR invalid second DB index"))?;
    let (a, b) = (existing(ctx, a)?, existing(ctx, b)?);
    if a != b {
        ctx.data.commit(&Mutation::SwapDb { a, b });
    }
    ctx.out.simple("OK");
    Ok(())
}
