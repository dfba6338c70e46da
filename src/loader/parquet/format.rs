//! What the values of a column mean: Parquet's physical and logical types as [`Value`]s.
//!
//! | Parquet | value |
//! |---|---|
//! | BOOLEAN | bool |
//! | INT32, INT64, signed or unsigned | integer |
//! | TIME | time of day |
//! | FLOAT, DOUBLE, FLOAT16 | float |
//! | DECIMAL of any physical type | decimal, every digit of its scale |
//! | DATE | date |
//! | TIMESTAMP, INT96 | timestamp, in milliseconds rounded down |
//! | UUID | UUID |
//! | STRING, ENUM, JSON | text |
//! | other byte arrays | bytes |

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::schema::types::ColumnDescriptor;

use super::super::convert::{Target, Value};
use super::super::text;
use crate::view::Scalar;

/// How the values of a column are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    Unsigned,
    Decimal { scale: usize },
    Date,
    Timestamp { per_milli: i64 },
    TimeOfDay { nanos: i64 },
    Text,
    Uuid,
    Half,
}

impl Format {
    /// The newer annotation decides if the column has both.
    pub fn of(column: &ColumnDescriptor) -> Result<Format, String> {
        let format = match column.logical_type_ref() {
            Some(LogicalType::Integer(integer)) if !integer.is_signed => Format::Unsigned,
            Some(LogicalType::Decimal(decimal)) => Format::decimal(decimal.scale)?,
            Some(LogicalType::Date) => Format::Date,
            Some(LogicalType::Timestamp(timestamp)) => Format::Timestamp {
                per_milli: match timestamp.unit {
                    TimeUnit::MILLIS => 1,
                    TimeUnit::MICROS => 1000,
                    TimeUnit::NANOS => 1_000_000,
                },
            },
            Some(LogicalType::Time(time)) => Format::TimeOfDay {
                nanos: match time.unit {
                    TimeUnit::MILLIS => 1_000_000,
                    TimeUnit::MICROS => 1000,
                    TimeUnit::NANOS => 1,
                },
            },
            Some(LogicalType::Uuid) => Format::Uuid,
            Some(LogicalType::Float16) => Format::Half,
            Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => Format::Text,
            Some(_) => Format::Plain,
            None => match column.converted_type() {
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64 => Format::Unsigned,
                ConvertedType::DECIMAL => Format::decimal(column.type_scale())?,
                ConvertedType::DATE => Format::Date,
                ConvertedType::TIMESTAMP_MILLIS => Format::Timestamp { per_milli: 1 },
                ConvertedType::TIMESTAMP_MICROS => Format::Timestamp { per_milli: 1000 },
                ConvertedType::TIME_MILLIS => Format::TimeOfDay { nanos: 1_000_000 },
                ConvertedType::TIME_MICROS => Format::TimeOfDay { nanos: 1000 },
                ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Format::Text,
                _ => Format::Plain,
            },
        };
        match format.fits(column.physical_type()) {
            true => Ok(format),
            false => Err("its annotation does not fit its type".to_owned()),
        }
    }

    fn decimal(scale: i32) -> Result<Format, String> {
        match usize::try_from(scale) {
            Ok(scale) if scale <= text::DECIMAL_SCALE_MAX => Ok(Format::Decimal { scale }),
            _ => Err(format!("a decimal of scale {scale}")),
        }
    }

    fn fits(self, physical: Type) -> bool {
        match self {
            Format::Plain => true,
            Format::Unsigned | Format::TimeOfDay { .. } => {
                matches!(physical, Type::INT32 | Type::INT64)
            }
            Format::Decimal { .. } => !matches!(
                physical,
                Type::BOOLEAN | Type::INT96 | Type::FLOAT | Type::DOUBLE
            ),
            Format::Date => physical == Type::INT32,
            Format::Timestamp { .. } => physical == Type::INT64,
            Format::Text => matches!(physical, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY),
            Format::Uuid | Format::Half => physical == Type::FIXED_LEN_BYTE_ARRAY,
        }
    }

    /// What a column is if no view declares it: a type that takes all of its values.
    pub fn natural(self, physical: Type) -> Scalar {
        match (self, physical) {
            (Format::Plain, Type::BOOLEAN) => Scalar::Bool,
            (Format::Plain, Type::INT32 | Type::INT64) => Scalar::Int64,
            (Format::Unsigned, Type::INT32) => Scalar::Int64,
            (Format::Plain, Type::FLOAT) | (Format::Half, _) => Scalar::Float32,
            (Format::Plain, Type::DOUBLE) => Scalar::Float64,
            (Format::Timestamp { .. }, _) | (Format::Plain, Type::INT96) => Scalar::Timestamp,
            (Format::Plain, _) => Scalar::Bytes,
            (Format::Unsigned | Format::Decimal { .. } | Format::Date, _)
            | (Format::Text | Format::Uuid | Format::TimeOfDay { .. }, _) => Scalar::String,
        }
    }
}

pub type ShortWay<V> = fn(&V, &mut Vec<u8>) -> bool;

/// A physical type, and what its values mean. Decimals are written out in `scratch`.
pub trait Physical: DataType {
    fn value<'a>(
        value: &'a Self::T,
        format: Format,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String>;

    /// A short way from value to cell for what is most common; it says `false` where the long one
    /// has to be gone.
    fn short_way(_format: Format, _target: Target) -> Option<ShortWay<Self::T>> {
        None
    }

    /// The bytes, where they are the value.
    fn shared(_value: &Self::T) -> Option<&[u8]> {
        None
    }
}

impl Physical for BoolType {
    fn value<'a>(
        value: &'a bool,
        _format: Format,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        Ok(Value::Bool(*value))
    }
}

impl Physical for Int32Type {
    #[inline]
    fn value<'a>(
        value: &'a i32,
        format: Format,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        Ok(match format {
            Format::Unsigned => Value::Int(i64::from(value.cast_unsigned())),
            Format::Date => Value::Date(*value),
            _ => int64(i64::from(*value), format, scratch),
        })
    }
}

impl Physical for Int64Type {
    #[inline]
    fn value<'a>(
        value: &'a i64,
        format: Format,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        Ok(int64(*value, format, scratch))
    }

    fn short_way(format: Format, target: Target) -> Option<ShortWay<i64>> {
        let plain = (format, target) == (Format::Plain, Target::Scalar(Scalar::Int64));
        plain.then_some(|value, out| {
            text::integer(*value, out);
            true
        })
    }
}

fn int64(value: i64, format: Format, scratch: &mut Vec<u8>) -> Value<'_> {
    match format {
        Format::Unsigned => Value::Unsigned(value.cast_unsigned()),
        Format::Decimal { scale } => {
            scratch.clear();
            text::decimal(value, scale, scratch);
            Value::Decimal(scratch)
        }
        Format::Timestamp { per_milli } => Value::Timestamp(value.div_euclid(per_milli)),
        Format::TimeOfDay { nanos } => Value::TimeOfDay(value.saturating_mul(nanos)),
        _ => Value::Int(value),
    }
}

impl Physical for Int96Type {
    /// The timestamp of old Spark and Impala: nanoseconds of the day, then the Julian day.
    fn value<'a>(
        value: &'a Int96,
        _format: Format,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;
        let &[low, high, day] = value.data() else {
            return Err("an INT96 without a value".to_owned());
        };
        let nanos = u64::from(high) << 32 | u64::from(low);
        // The largest are 3.7e17 and 1.8e13: no overflow.
        let days = i64::from(day) - JULIAN_DAY_OF_EPOCH;
        let of_day = i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX);
        Ok(Value::Timestamp(days * text::DAY_MILLIS + of_day))
    }
}

impl Physical for FloatType {
    #[inline]
    fn value<'a>(
        value: &'a f32,
        _format: Format,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        Ok(Value::Single(*value))
    }
}

impl Physical for DoubleType {
    #[inline]
    fn value<'a>(
        value: &'a f64,
        _format: Format,
        _scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        Ok(Value::Double(*value))
    }

    fn short_way(_format: Format, target: Target) -> Option<ShortWay<f64>> {
        (target == Target::Scalar(Scalar::Float64)).then_some(|value, out| {
            text::double(*value, out);
            true
        })
    }
}

impl Physical for ByteArrayType {
    #[inline]
    fn value<'a>(
        value: &'a ByteArray,
        format: Format,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        bytes(value.as_ref(), format, scratch)
    }

    fn short_way(format: Format, target: Target) -> Option<ShortWay<ByteArray>> {
        let plain = (format, target) == (Format::Text, Target::Scalar(Scalar::String));
        plain.then_some(|value, out| {
            let bytes: &[u8] = value.as_ref();
            out.extend_from_slice(bytes);
            bytes.is_ascii()
        })
    }

    fn shared(value: &ByteArray) -> Option<&[u8]> {
        Some(value.as_ref())
    }
}

impl Physical for FixedLenByteArrayType {
    fn value<'a>(
        value: &'a FixedLenByteArray,
        format: Format,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Value<'a>, String> {
        bytes(value.as_ref(), format, scratch)
    }

    fn shared(value: &FixedLenByteArray) -> Option<&[u8]> {
        Some(value.as_ref())
    }
}

fn bytes<'a>(
    bytes: &'a [u8],
    format: Format,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, String> {
    Ok(match format {
        Format::Text => Value::Text(bytes),
        Format::Decimal { scale } => {
            scratch.clear();
            text::decimal_bytes(bytes, scale, scratch)?;
            Value::Decimal(scratch)
        }
        Format::Uuid => Value::Uuid(bytes),
        Format::Half => match bytes {
            &[low, high] => Value::Single(text::half(u16::from_le_bytes([low, high]))),
            other => return Err(format!("a 16-bit float of {} bytes", other.len())),
        },
        _ => Value::Bytes(bytes),
    })
}
