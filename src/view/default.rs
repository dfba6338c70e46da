//! Default values: from TOML to the bytes that would be stored, and back.

use super::write::quote;
use super::{Encoding, Scalar, Type};
use toml::de::{DeArray, DeFloat, DeValue};

enum Item {
    Int(i64),
    Float(f64),
    Single(f32),
    Bool(bool),
    Text(String),
}

/// What would be stored, or why the value does not fit the type.
pub fn stored(kind: Type, encoding: Encoding, value: &DeValue<'_>) -> Result<Vec<u8>, String> {
    match (kind, value) {
        (Type::Scalar(scalar), _) => Ok(match item(scalar, value)? {
            Item::Int(n) => n.to_string().into_bytes(),
            Item::Float(x) => format!("{x:?}").into_bytes(),
            Item::Single(x) => format!("{x:?}").into_bytes(),
            Item::Bool(b) => vec![if b { b'1' } else { b'0' }],
            Item::Text(text) => text.into_bytes(),
        }),
        (Type::List(scalar), DeValue::Array(items)) => list(scalar, encoding, items),
        (Type::Embedding { dim }, DeValue::Array(items)) => embedding(dim, encoding, items),
        _ => Err(format!("{} is not an array", value.type_str())),
    }
}

fn item(scalar: Scalar, value: &DeValue<'_>) -> Result<Item, String> {
    let item = match (scalar, value) {
        (Scalar::Int64 | Scalar::Timestamp, DeValue::Integer(n)) => {
            i64::from_str_radix(n.as_str(), n.radix())
                .ok()
                .map(Item::Int)
        }
        (Scalar::Float64, DeValue::Integer(_) | DeValue::Float(_)) => {
            double(value).map(Item::Float)
        }
        (Scalar::Float32, DeValue::Integer(_) | DeValue::Float(_)) => {
            single(value).map(Item::Single)
        }
        (Scalar::Bool, DeValue::Boolean(b)) => Some(Item::Bool(*b)),
        (Scalar::String | Scalar::Bytes, DeValue::String(text)) => {
            Some(Item::Text(text.clone().into_owned()))
        }
        _ => None,
    };
    item.ok_or_else(|| format!("{} is not of type {}", shown_value(value), scalar.name()))
}

fn shown_value(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quote(text),
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(x) => x.to_string(),
        DeValue::Boolean(b) => b.to_string(),
        other => other.type_str().to_owned(),
    }
}

fn double(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(n) if n.radix() == 10 => n.as_str().parse().ok(),
        DeValue::Float(x) => x.as_str().parse().ok().filter(|n| fits(*n, x)),
        _ => None,
    }
}

/// Without rounding twice.
fn single(value: &DeValue<'_>) -> Option<f32> {
    let number: f32 = match value {
        DeValue::Integer(n) if n.radix() == 10 => n.as_str().parse().ok()?,
        DeValue::Float(x) => x.as_str().parse().ok().filter(|n| fits(f64::from(*n), x))?,
        _ => return None,
    };
    // There is one that is written.
    Some(if number.is_nan() { f32::NAN } else { number })
}

fn fits(number: f64, text: &DeFloat<'_>) -> bool {
    !number.is_infinite() || text.as_str().contains("inf")
}

fn list(scalar: Scalar, encoding: Encoding, items: &DeArray<'_>) -> Result<Vec<u8>, String> {
    let items = items.iter().map(|value| item(scalar, value.get_ref()));
    let items: Vec<Item> = items.collect::<Result<_, _>>()?;
    if encoding == Encoding::Packed {
        let pack = |item: &Item| match item {
            Item::Int(n) => n.to_le_bytes().to_vec(),
            Item::Float(x) => x.to_le_bytes().to_vec(),
            Item::Single(x) => x.to_le_bytes().to_vec(),
            Item::Bool(b) => vec![u8::from(*b)],
            Item::Text(text) => text.clone().into_bytes(),
        };
        return Ok(items.iter().flat_map(pack).collect());
    }
    let text = |item: &Item| match item {
        Item::Int(n) => Ok(n.to_string()),
        Item::Float(x) => json_number(*x, format!("{x:?}")),
        Item::Single(x) => json_number(f64::from(*x), format!("{x:?}")),
        Item::Bool(b) => Ok(b.to_string()),
        Item::Text(text) => Ok(quote(text)),
    };
    let texts: Vec<String> = items.iter().map(text).collect::<Result<_, _>>()?;
    Ok(format!("[{}]", texts.join(",")).into_bytes())
}

fn embedding(dim: u32, encoding: Encoding, items: &DeArray<'_>) -> Result<Vec<u8>, String> {
    if usize::try_from(dim) != Ok(items.len()) {
        return Err(format!("{} numbers are not the {dim} of dim", items.len()));
    }
    let number = |value: &DeValue<'_>| {
        let number = single(value);
        number.ok_or_else(|| format!("{} is not a number of 32 bits", shown_value(value)))
    };
    let numbers = items.iter().map(|value| number(value.get_ref()));
    let numbers: Vec<f32> = numbers.collect::<Result<_, _>>()?;
    if encoding == Encoding::Packed {
        return Ok(numbers.iter().flat_map(|x| x.to_le_bytes()).collect());
    }
    let texts = numbers
        .iter()
        .map(|x| json_number(f64::from(*x), format!("{x:?}")));
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    Ok(format!("[{}]", texts.join(",")).into_bytes())
}

fn json_number(number: f64, text: String) -> Result<String, String> {
    match number.is_finite() {
        true => Ok(text),
        false => Err(format!("JSON has no number {text}")),
    }
}

/// What was stored as TOML. The JSON that is written here is TOML as well.
pub fn shown(kind: Type, encoding: Encoding, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match (kind, encoding) {
        (Type::Scalar(Scalar::Int64 | Scalar::Timestamp), _) => text.into_owned(),
        (Type::Scalar(Scalar::Float64 | Scalar::Float32), _) => text.replace("NaN", "nan"),
        (Type::Scalar(Scalar::Bool), _) => (text == "1").to_string(),
        (Type::Scalar(Scalar::String | Scalar::Bytes), _) => quote(&text),
        (Type::List(_) | Type::Embedding { .. }, Encoding::Json) => text.into_owned(),
        (Type::List(Scalar::Float64), _) => unpacked(bytes, |item| {
            float(format!("{:?}", f64::from_le_bytes(item)))
        }),
        (Type::List(Scalar::Float32), _) => unpacked(bytes, |item| {
            float(format!("{:?}", f32::from_le_bytes(item)))
        }),
        (Type::List(Scalar::Bool), _) => unpacked(bytes, |[item]: [u8; 1]| (item == 1).to_string()),
        (Type::List(_), _) => unpacked(bytes, |item| i64::from_le_bytes(item).to_string()),
        (Type::Embedding { .. }, _) => unpacked(bytes, |item| {
            float(format!("{:?}", f32::from_le_bytes(item)))
        }),
    }
}

fn float(text: String) -> String {
    text.replace("NaN", "nan")
}

fn unpacked<const N: usize>(bytes: &[u8], show: impl Fn([u8; N]) -> String) -> String {
    let items: Vec<String> = bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|item| show(*item))
        .collect();
    format!("[{}]", items.join(","))
}
