//! Writing fields as their views say: of their types, and for so long. The one door of commands
//! into hashes.
//!
//! Invariants
//! - Fields get under a key by [`set_fields`] or by [`put`], and by nothing else.
//! - What is refused has changed nothing: all fields are checked before the first is set.

use super::error::printable;
use super::keys::Image;
use super::{CommandError, Context};
use crate::engine::{FieldExpire, Key, Millis, Mutation};
use crate::view::OfKey;
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
        let lives_until = admit(&of_key, name, value, ctx.data.now)?;
        let expire = match (expire, lives_until) {
            (Expire::Declared(_), Some(at)) => FieldExpire::At(at),
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

/// An entity that may get under a key.
pub struct Admitted<'k> {
    key: Key<'k>,
    image: Image,
}

/// Whether an entity from elsewhere may get under this key: its values must be of the types that
/// are declared there, and live as long as is declared if they have no time to live of their own.
pub fn admitted<'k>(
    ctx: &mut Context<'_>,
    key: Key<'k>,
    mut image: Image,
) -> Result<Admitted<'k>, CommandError> {
    let now = ctx.data.now;
    let views = ctx.instance.views.seen(&mut ctx.session.views);
    if let Some(of_key) = views.and_then(|views| views.declarations().of_key(key.name)) {
        image.check_fields(|name, value, expire_at| {
            Ok(expire_at.or(admit(&of_key, name, value, now)?))
        })?;
    }
    Ok(Admitted { key, image })
}

/// Make the key this entity, whatever it was.
pub fn put(ctx: &mut Context<'_>, entity: &Admitted<'_>) {
    entity.image.put(&mut ctx.data, entity.key);
}

/// Whether a field may have this value; until when it lives if nothing else is said.
fn admit(
    of_key: &OfKey<'_>,
    name: &[u8],
    value: &[u8],
    now: Millis,
) -> Result<Option<Millis>, CommandError> {
    let Some(declared) = of_key.field(name) else {
        return Ok(None);
    };
    declared.check(value).map_err(|reason| refused(&reason))?;
    Ok(declared.ttl.map(|ttl| now.saturating_add(ttl)))
}

fn refused(reason: &str) -> CommandError {
    format!("ERR FS.VIEW {}", printable(reason.as_bytes(), reason.len())).into()
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::instance::{Instance, Peer};
    use crate::resp::{Output, write_request};
    use crate::server::Session;
    use std::sync::Arc;

    const NOW: u64 = 1_700_000_000_000;

    struct Client {
        session: Session,
    }

    impl Client {
        fn new() -> Client {
            let instance = Arc::new(Instance::new(Config::default(), 1, NOW));
            let session = Session::open(&instance, Peer::default(), 0, NOW);
            Client {
                session: session.unwrap(),
            }
        }

        fn call(&mut self, words: &[&str]) -> String {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            let mut request = Vec::new();
            write_request(&mut request, &words);
            let mut out = Output::new();
            self.session.feed(NOW, &request, &mut out);
            String::from_utf8_lossy(out.as_slice()).into_owned()
        }
    }

    /// What a view says of a key holds for whatever gets there, from wherever.
    #[test]
    fn an_entity_from_another_key_goes_by_the_view() {
        for way in ["RENAME", "RENAMENX", "COPY"] {
            let mut c = Client::new();
            let views = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nttl = '1h'\n\
                         feature.n = { type = 'int64' }";
            c.call(&["FS.VIEW", "APPLY", views]);
            c.call(&["HSET", "other", "n", "abc"]);
            let refused = c.call(&[way, "other", "e:1"]);
            assert_eq!(
                refused, "-ERR FS.VIEW v.n: \"abc\" is not an int64\r\n",
                "{way}"
            );
            assert_eq!(c.call(&["EXISTS", "other", "e:1"]), ":1\r\n", "{way}");
            c.call(&["HSET", "other", "n", "7"]);
            c.call(&[way, "other", "e:1"]);
            let lives = c.call(&["HPTTL", "e:1", "FIELDS", "1", "n"]);
            assert_eq!(lives, "*1\r\n:3600000\r\n", "{way}");
        }
    }
}
