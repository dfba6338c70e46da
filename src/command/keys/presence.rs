//! Whether keys are there, what they are, and removing them.

use super::super::{CommandError, Context};
use crate::engine::{Kind, Mutation};
use crate::resp::Args;

/// `DEL` and `UNLINK`; a key given twice counts once.
pub fn del(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut removed = 0;
    for name in args.from(1).iter() {
        let key = ctx.key(name);
        removed += ctx.data.commit(&Mutation::Delete { key });
    }
    ctx.out.integer(removed as i64);
    Ok(())
}

/// `EXISTS` and `TOUCH`; a key given twice counts twice.
pub fn exists(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = args.from(1);
    let found = names
        .iter()
        .filter(|name| ctx.data.get(&ctx.key(name)).is_some())
        .count();
    ctx.out.integer(found as i64);
    Ok(())
}

/// `TYPE`
pub fn kind(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(1));
    let kind = ctx.data.get(&key).map(|entity| entity.kind());
    ctx.out.simple(kind.map_or("none", kind_name));
    Ok(())
}

pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Hash => "hash",
        Kind::String => "string",
    }
}
