//! All there is to an entity but its key, to be put under a key.

use super::super::{CommandError, Data};
use crate::engine::{Entity, FieldExpire, Key, KeyExpire, Millis, Mutation};

/// All there is to an entity but its key.
pub struct Image {
    expire_at: Option<Millis>,
    body: Body,
}

enum Body {
    String(Vec<u8>),
    Hash(Fields),
}

/// Fields in the order in which the hash gave them, so that the copy has the same shape. Their
/// bytes lie one after the other: name, value, name, value.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

struct Span {
    start: usize,
    name_end: usize,
    end: usize,
    expire_at: Option<Millis>,
}

impl Image {
    pub fn of(entity: &Entity<'_>) -> Image {
        let expire_at = entity.expire_at();
        let body = match entity.hash() {
            None => Body::String(entity.string().unwrap_or_default().to_vec()),
            Some(hash) => {
                let mut fields = Fields::default();
                hash.for_each(|field| {
                    let append_value = |bytes: &mut Vec<u8>| field.value.append_to(bytes);
                    fields.push(field.name, append_value, field.expire_at);
                });
                Body::Hash(fields)
            }
        };
        Image { expire_at, body }
    }

    pub fn string(value: Vec<u8>, expire_at: Option<Millis>) -> Image {
        Image {
            expire_at,
            body: Body::String(value),
        }
    }

    /// A hash of names, values and when they expire; `None` if there are none.
    pub fn hash<'n>(
        fields: impl Iterator<Item = (&'n [u8], &'n [u8], Option<Millis>)>,
        expire_at: Option<Millis>,
    ) -> Option<Image> {
        let mut copied = Fields::default();
        for (name, value, field_expire_at) in fields {
            copied.push(
                name,
                |bytes| bytes.extend_from_slice(value),
                field_expire_at,
            );
        }
        let body = (!copied.spans.is_empty()).then_some(Body::Hash(copied))?;
        Some(Image { expire_at, body })
    }

    /// Look at each field, and let it expire when `check` says.
    pub fn check_fields(
        &mut self,
        mut check: impl FnMut(&[u8], &[u8], Option<Millis>) -> Result<Option<Millis>, CommandError>,
    ) -> Result<(), CommandError> {
        let Body::Hash(fields) = &mut self.body else {
            return Ok(());
        };
        for at in 0..fields.spans.len() {
            let Some(span) = fields.spans.get(at) else {
                break;
            };
            let expire_at = check(fields.name(span), fields.value(span), span.expire_at)?;
            if let Some(span) = fields.spans.get_mut(at) {
                span.expire_at = expire_at;
            }
        }
        Ok(())
    }

    /// Make the key this entity, whatever it was. For [`super::super::declared`] only, which knows
    /// what is declared of the key.
    pub fn put(&self, data: &mut Data<'_>, key: Key<'_>) {
        match &self.body {
            Body::String(value) => {
                let expire = self.expire_at.map_or(KeyExpire::Clear, KeyExpire::At);
                data.commit(&Mutation::StringSet { key, value, expire });
            }
            Body::Hash(fields) => {
                data.commit(&Mutation::Delete { key });
                fields.put(data, key);
                if self.expire_at.is_some() {
                    let at = self.expire_at;
                    data.commit(&Mutation::Expire { key, at });
                }
            }
        }
    }
}

impl Fields {
    fn push(
        &mut self,
        name: &[u8],
        append_value: impl FnOnce(&mut Vec<u8>),
        expire_at: Option<Millis>,
    ) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len();
        append_value(&mut self.bytes);
        self.spans.push(Span {
            start,
            name_end,
            end: self.bytes.len(),
            expire_at,
        });
    }

    fn name(&self, span: &Span) -> &[u8] {
        self.bytes
            .get(span.start..span.name_end)
            .unwrap_or_default()
    }

    fn value(&self, span: &Span) -> &[u8] {
        self.bytes.get(span.name_end..span.end).unwrap_or_default()
    }

    fn put(&self, data: &mut Data<'_>, key: Key<'_>) {
        let pairs: Vec<_> = self
            .spans
            .iter()
            .map(|span| (self.name(span), self.value(span)))
            .collect();
        data.commit(&Mutation::HashSet {
            key,
            fields: &pairs,
            expire: FieldExpire::Clear,
        });
        let mut stamped: Vec<&Span> = self
            .spans
            .iter()
            .filter(|span| span.expire_at.is_some())
            .collect();
        stamped.sort_by_key(|span| span.expire_at);
        for group in stamped.chunk_by(|a, b| a.expire_at == b.expire_at) {
            let names: Vec<_> = group.iter().map(|span| self.name(span)).collect();
            data.commit(&Mutation::HashExpire {
                key,
                fields: &names,
                at: group.first().and_then(|span| span.expire_at),
            });
        }
    }
}
