//! Writing fields as their views say: of their types, and for so long.

use crate::command::error::printable;
use crate::command::{CommandError, Context};
use crate::engine::{FieldExpire, Key, Mutation};
use smallvec::SmallVec;

pub type Pairs<'a> = SmallVec<[(&'a [u8], &'a [u8]); 64]>;

/// What becomes of the expiry of fields.
#[derive(Clone, Copy)]
pub enum Expire {
    /// What their views say, from now on; this where they say nothing.
    Declared(FieldExpire),
    /// This, whatever views say.
    Given(FieldExpire),
}

/// Set the fields; answers how many are new. If a value is not of the type that is declared, none
/// is set.
pub fn set_fields(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    fields: &[(&[u8], &[u8])],
    expire: Expire,
) -> Result<u64, CommandError> {
    let (Expire::Declared(otherwise) | Expire::Given(otherwise)) = expire;
    let views = ctx.instance.views.seen(&mut ctx.session.views);
    let Some(of_key) = views.and_then(|views| views.declarations().of_key(key.name)) else {
        let expire = otherwise;
        let set = Mutation::HashSet {
            key,
            fields,
            expire,
        };
        return Ok(ctx.data.commit(&set));
    };
    // Fields that expire alike.
    let mut groups: SmallVec<[(FieldExpire, Pairs<'_>); 2]> = SmallVec::new();
    for (name, value) in fields {
        let declared = of_key.field(name);
        if let Some(declared) = declared {
            declared.check(value).map_err(|reason| refused(&reason))?;
        }
        let ttl = declared.and_then(|declared| declared.ttl);
        let expire = match (expire, ttl) {
            (Expire::Declared(_), Some(ttl)) => FieldExpire::At(ctx.data.now + ttl),
            _ => otherwise,
        };
        match groups.iter_mut().find(|(other, _)| *other == expire) {
            Some((_, pairs)) => pairs.push((name, value)),
            None => groups.push((expire, Pairs::from_slice(&[(*name, *value)]))),
        }
    }
    let mut added = 0;
    for (expire, fields) in groups {
        let fields = &fields;
        added += ctx.data.commit(&Mutation::HashSet {
            key,
            fields,
            expire,
        });
    }
    Ok(added)
}

fn refused(reason: &str) -> CommandError {
    format!("ERR FS.VIEW {}", printable(reason.as_bytes(), reason.len())).into()
}
