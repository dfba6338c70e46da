//! Lists and embeddings: many values as the bytes of one.
//!
//! Packed is little-endian, one item after the other; JSON has no spaces. A list comes as a list
//! column, as JSON in a text (CSV has nothing else), or packed in a column of bytes.
//!
//! Invariants
//! - An item is never null, and of its declared type.
//! - An embedding has as many numbers as it is declared to have.

use super::convert::{self, Reason, Target, Value};
use super::text;
use crate::view::{Encoding, Scalar, TimeUnit};

/// Writes the items of one list to the end of a buffer.
pub struct ListWriter<'a> {
    out: &'a mut Vec<u8>,
    encoding: Encoding,
    item: Item,
    dim: Option<u32>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Item {
    Scalar(Scalar),
    /// Of an embedding.
    Single,
}

impl<'a> ListWriter<'a> {
    /// `None` if `target` is neither a list nor an embedding.
    pub fn begin(target: Target, out: &'a mut Vec<u8>) -> Option<ListWriter<'a>> {
        let (item, encoding, dim) = match target {
            Target::List { item, encoding } => (Item::Scalar(item), encoding, None),
            Target::Embedding { dim, encoding } => (Item::Single, encoding, Some(dim)),
            Target::Key | Target::Scalar(_) | Target::Time(_) => return None,
        };
        if encoding == Encoding::Json {
            out.push(b'[');
        }
        Some(ListWriter {
            out,
            encoding,
            item,
            dim,
            count: 0,
        })
    }

    pub fn push(&mut self, value: Value) -> Result<(), Reason> {
        if self.encoding == Encoding::Json && self.count > 0 {
            self.out.push(b',');
        }
        self.count += 1;
        match self.encoding {
            Encoding::Packed => self.push_packed(value),
            Encoding::Json => self.push_json(value),
        }
    }

    fn push_packed(&mut self, value: Value) -> Result<(), Reason> {
        let out = &mut self.out;
        match self.item {
            Item::Single => out.extend(convert::float32(value)?.to_le_bytes()),
            Item::Scalar(Scalar::Int64) => out.extend(convert::int64(value)?.to_le_bytes()),
            Item::Scalar(Scalar::Timestamp) => {
                out.extend(convert::timestamp(value, TimeUnit::Millis)?.to_le_bytes());
            }
            Item::Scalar(Scalar::Float64) => out.extend(convert::float64(value)?.to_le_bytes()),
            Item::Scalar(Scalar::Float32) => out.extend(convert::float32(value)?.to_le_bytes()),
            Item::Scalar(Scalar::Bool) => out.push(u8::from(convert::boolean(value)?)),
            // A view that packs texts is refused when it is read.
            Item::Scalar(Scalar::String | Scalar::Bytes) => {
                return Err(value.misfit("packed item"));
            }
        }
        Ok(())
    }

    fn push_json(&mut self, value: Value) -> Result<(), Reason> {
        match self.item {
            Item::Single | Item::Scalar(Scalar::Float32) => {
                let number = convert::float32(value)?;
                finite(value, number.is_finite())?;
                text::single(number, self.out);
            }
            Item::Scalar(Scalar::Float64) => {
                finite(value, convert::float64(value)?.is_finite())?;
                convert::scalar(value, Scalar::Float64, self.out)?;
            }
            Item::Scalar(Scalar::Bool) => {
                let is = convert::boolean(value)?;
                self.out.extend(if is { &b"true"[..] } else { b"false" });
            }
            Item::Scalar(scalar @ (Scalar::Int64 | Scalar::Timestamp)) => {
                convert::scalar(value, scalar, self.out)?;
            }
            Item::Scalar(scalar @ (Scalar::String | Scalar::Bytes)) => {
                let mut bytes = Vec::new();
                convert::scalar(value, scalar, &mut bytes)?;
                let text = str::from_utf8(&bytes).map_err(|_| value.misfit("UTF-8"))?;
                // Writing to a vector cannot fail.
                let _ = serde_json::to_writer(&mut *self.out, text);
            }
        }
        Ok(())
    }

    pub fn end(self) -> Result<(), Reason> {
        if self.encoding == Encoding::Json {
            self.out.push(b']');
        }
        match self.dim {
            Some(dim) if usize::try_from(dim) != Ok(self.count) => {
                Err(format!("{} numbers, not the {dim} of dim", self.count))
            }
            _ => Ok(()),
        }
    }
}

/// JSON has neither NaN nor infinity.
fn finite(value: Value, is: bool) -> Result<(), Reason> {
    match is {
        true => Ok(()),
        false => Err(value.misfit("number of JSON")),
    }
}

/// A list that comes as one value: JSON in a text, or packed bytes.
pub fn from_value(value: Value, target: Target, out: &mut Vec<u8>) -> Result<(), Reason> {
    let misfit = || value.misfit(&target.name());
    match value {
        Value::Text(json) => {
            let items: Vec<serde_json::Value> =
                serde_json::from_slice(json).map_err(|_| misfit())?;
            let mut list = ListWriter::begin(target, out).ok_or_else(misfit)?;
            for item in &items {
                list.push(json_item(item).ok_or_else(misfit)?)?;
            }
            list.end()
        }
        Value::Bytes(packed) => {
            let mut list = ListWriter::begin(target, out).ok_or_else(misfit)?;
            unpack(packed, target, &mut list).ok_or_else(misfit)??;
            list.end()
        }
        _ => Err(misfit()),
    }
}

fn json_item(item: &serde_json::Value) -> Option<Value<'_>> {
    match item {
        serde_json::Value::Bool(is) => Some(Value::Bool(*is)),
        serde_json::Value::String(text) => Some(Value::Text(text.as_bytes())),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Some(Value::Int(number)),
            (_, Some(number)) => Some(Value::Unsigned(number)),
            _ => number.as_f64().map(Value::Double),
        },
        _ => None,
    }
}

/// `None` if the bytes are no whole number of items.
fn unpack(packed: &[u8], target: Target, list: &mut ListWriter) -> Option<Result<(), Reason>> {
    fn each<const N: usize>(
        packed: &[u8],
        list: &mut ListWriter,
        value: impl Fn([u8; N]) -> Value<'static>,
    ) -> Option<Result<(), Reason>> {
        let (items, rest) = packed.as_chunks::<N>();
        let mut items = items.iter();
        rest.is_empty()
            .then(|| items.try_for_each(|item| list.push(value(*item))))
    }
    match target {
        Target::Embedding { .. } => {
            each(packed, list, |item| Value::Single(f32::from_le_bytes(item)))
        }
        Target::List { item, .. } => match item {
            Scalar::Int64 | Scalar::Timestamp => {
                each(packed, list, |item| Value::Int(i64::from_le_bytes(item)))
            }
            Scalar::Float64 => each(packed, list, |item| Value::Double(f64::from_le_bytes(item))),
            Scalar::Float32 => each(packed, list, |item| Value::Single(f32::from_le_bytes(item))),
            Scalar::Bool => each(packed, list, |[item]| Value::Int(i64::from(item))),
            Scalar::String | Scalar::Bytes => None,
        },
        Target::Key | Target::Scalar(_) | Target::Time(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(item: Scalar, encoding: Encoding) -> Target {
        Target::List { item, encoding }
    }

    fn stored(value: Value, target: Target) -> Result<Vec<u8>, Reason> {
        let mut out = Vec::new();
        from_value(value, target, &mut out).map(|()| out)
    }

    #[test]
    fn json_and_packed_are_read_and_written() {
        use Encoding::{Json, Packed};
        let numbers = Value::Text(b" [1, -2] ");
        let packed: Vec<u8> = [1i64, -2].iter().flat_map(|n| n.to_le_bytes()).collect();
        let floats: Vec<u8> = [1f64, -2.0].iter().flat_map(|n| n.to_le_bytes()).collect();
        let singles: Vec<u8> = [1f32, -2.0].iter().flat_map(|n| n.to_le_bytes()).collect();
        for (value, target, want) in [
            (numbers, list(Scalar::Int64, Json), b"[1,-2]".to_vec()),
            (numbers, list(Scalar::Int64, Packed), packed.clone()),
            (numbers, list(Scalar::Float64, Packed), floats.clone()),
            (numbers, list(Scalar::Float64, Json), b"[1.0,-2.0]".to_vec()),
            (
                numbers,
                Target::Embedding {
                    dim: 2,
                    encoding: Packed,
                },
                singles.clone(),
            ),
            (
                Value::Bytes(&singles),
                Target::Embedding {
                    dim: 2,
                    encoding: Json,
                },
                b"[1.0,-2.0]".to_vec(),
            ),
            (
                Value::Bytes(&packed),
                list(Scalar::Int64, Packed),
                packed.clone(),
            ),
            (
                Value::Bytes(&floats),
                list(Scalar::Float64, Json),
                b"[1.0,-2.0]".to_vec(),
            ),
            (
                Value::Bytes(&[1, 0]),
                list(Scalar::Bool, Json),
                b"[true,false]".to_vec(),
            ),
            (
                Value::Text(b"[true,0]"),
                list(Scalar::Bool, Packed),
                vec![1, 0],
            ),
            (
                Value::Text(br#"["a\n","\u00e9"]"#),
                list(Scalar::String, Json),
                "[\"a\\n\",\"\u{e9}\"]".as_bytes().to_vec(),
            ),
            (
                Value::Text(b"[]"),
                list(Scalar::Bytes, Json),
                b"[]".to_vec(),
            ),
        ] {
            assert_eq!(stored(value, target), Ok(want), "{value:?} {target:?}");
        }
    }

    #[test]
    fn what_does_not_fit() {
        use Encoding::{Json, Packed};
        let of_two = Target::Embedding {
            dim: 2,
            encoding: Packed,
        };
        for (value, target, want) in [
            (Value::Text(b"[1]"), of_two, "1 numbers, not the 2 of dim"),
            (Value::Text(b"[1,[2]]"), of_two, "is no embedding of 2"),
            (Value::Text(b"[1,null]"), of_two, "is no embedding of 2"),
            (Value::Text(b"1"), of_two, "is no embedding of 2"),
            (Value::Text(b"[1"), of_two, "is no embedding of 2"),
            (Value::Bytes(&[0; 9]), of_two, "is no embedding of 2"),
            (
                Value::Int(1),
                of_two,
                "an integer \"1\" is no embedding of 2",
            ),
            (
                Value::Text(b"[1.5]"),
                list(Scalar::Int64, Json),
                "is no int64",
            ),
            (Value::Bytes(&[2]), list(Scalar::Bool, Json), "is no bool"),
            (
                Value::Bytes(&f64::NAN.to_le_bytes()),
                list(Scalar::Float64, Json),
                "is no number of JSON",
            ),
        ] {
            let reason = stored(value, target).unwrap_err();
            assert!(reason.contains(want), "{value:?} {target:?}: {reason}");
        }
        // Deeper than any stack: refused, not followed.
        let deep = "[".repeat(1_000_000);
        assert!(stored(Value::Text(deep.as_bytes()), of_two).is_err());
    }
}
