//! One column of a row group: typed values of the Parquet crate in, text out.
//!
//! | Parquet | text |
//! |---|---|
//! | BOOLEAN | `1`, `0` |
//! | INT32, INT64, signed or unsigned; TIME | the integer |
//! | FLOAT, DOUBLE, FLOAT16 | the shortest text that reads back the same |
//! | DECIMAL of any physical type | every digit of its scale |
//! | DATE | `YYYY-MM-DD` |
//! | TIMESTAMP, INT96 | milliseconds since 1970-01-01, rounded down |
//! | UUID | `8-4-4-4-12` |
//! | other byte arrays: STRING, ENUM, JSON, BSON, INTERVAL | the bytes |

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int96};
use parquet::schema::types::ColumnDescriptor;

use super::super::source::{Cells, TextCells};
use super::super::text;

/// How the values of a column become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    Unsigned,
    Decimal { scale: usize },
    Date,
    Timestamp { per_milli: i64 },
    Uuid,
    Half,
}

impl Format {
    /// The newer annotation decides if the column has both.
    pub fn of(column: &ColumnDescriptor) -> Result<Format, String> {
        Ok(match column.logical_type_ref() {
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
            Some(LogicalType::Uuid) => Format::Uuid,
            Some(LogicalType::Float16) => Format::Half,
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
                _ => Format::Plain,
            },
        })
    }

    fn decimal(scale: i32) -> Result<Format, String> {
        match usize::try_from(scale) {
            Ok(scale) if scale <= text::DECIMAL_SCALE_MAX => Ok(Format::Decimal { scale }),
            _ => Err(format!("a decimal of scale {scale}")),
        }
    }
}

/// A column of the row group that is being read.
pub struct Column {
    reader: ColumnReader,
    optional: bool,
    format: Format,
}

impl Column {
    pub fn new(reader: ColumnReader, optional: bool, format: Format) -> Column {
        Column {
            reader,
            optional,
            format,
        }
    }

    /// The next `rows` rows: fewer are an error.
    pub fn read(&mut self, rows: usize) -> Result<Box<dyn Cells>, String> {
        let format = self.format;
        let optional = self.optional;
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => {
                as_text(take(reader, rows, optional)?, |v, out| {
                    out.push(if v { b'1' } else { b'0' });
                    Ok(())
                })
            }
            ColumnReader::Int32ColumnReader(reader) => {
                as_text(take(reader, rows, optional)?, |v, out| {
                    int32(v, format, out)
                })
            }
            ColumnReader::Int64ColumnReader(reader) => {
                as_text(take(reader, rows, optional)?, |v, out| {
                    int64(v, format, out)
                })
            }
            ColumnReader::Int96ColumnReader(reader) => {
                as_text(take(reader, rows, optional)?, |v, out| int96(&v, out))
            }
            ColumnReader::FloatColumnReader(reader) => {
                as_text(take(reader, rows, optional)?, |v, out| {
                    text::float(v, out);
                    Ok(())
                })
            }
            ColumnReader::DoubleColumnReader(reader) => {
                as_text(take(reader, rows, optional)?, |v, out| {
                    text::float(v, out);
                    Ok(())
                })
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                as_bytes(take(reader, rows, optional)?, format)
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                as_bytes(take(reader, rows, optional)?, format)
            }
        }
    }

    /// Check that the row group's rows were all there is.
    pub fn end(&mut self) -> Result<(), String> {
        let more = match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => has_more(reader),
            ColumnReader::Int32ColumnReader(reader) => has_more(reader),
            ColumnReader::Int64ColumnReader(reader) => has_more(reader),
            ColumnReader::Int96ColumnReader(reader) => has_more(reader),
            ColumnReader::FloatColumnReader(reader) => has_more(reader),
            ColumnReader::DoubleColumnReader(reader) => has_more(reader),
            ColumnReader::ByteArrayColumnReader(reader) => has_more(reader),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => has_more(reader),
        }?;
        if more {
            return Err("has more values than the row group has rows".to_owned());
        }
        Ok(())
    }
}

fn take<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
) -> Result<Vec<Option<T::T>>, String> {
    let mut levels = Vec::new();
    let mut values = Vec::new();
    let (got, _, _) = reader
        .read_records(rows, Some(&mut levels), None, &mut values)
        .map_err(|e| e.to_string())?;
    if got != rows {
        return Err(format!("ends {} rows early", rows.saturating_sub(got)));
    }
    let mut values = values.into_iter();
    let cells: Vec<Option<T::T>> = if optional {
        let cell = |level| if level == 1 { values.next() } else { None };
        levels.into_iter().map(cell).collect()
    } else {
        values.map(Some).collect()
    };
    if cells.len() != rows {
        return Err(format!("has {} values for {rows} rows", cells.len()));
    }
    Ok(cells)
}

fn has_more<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<bool, String> {
    let mut levels = Vec::new();
    let read = reader.read_records(1, Some(&mut levels), None, &mut Vec::new());
    read.map(|(got, _, _)| got > 0).map_err(|e| e.to_string())
}

fn as_text<V>(
    values: Vec<Option<V>>,
    write: impl Fn(V, &mut Vec<u8>) -> Result<(), String>,
) -> Result<Box<dyn Cells>, String> {
    let mut cells = TextCells::default();
    for value in values {
        match value {
            Some(value) => cells.push(|out| write(value, out))?,
            None => cells.push_null(),
        }
    }
    Ok(Box::new(cells))
}

/// Bytes that go out as they are keep sharing the page they were read from.
fn as_bytes<V>(values: Vec<Option<V>>, format: Format) -> Result<Box<dyn Cells>, String>
where
    V: AsRef<[u8]> + 'static,
{
    match format {
        Format::Decimal { scale } => {
            as_text(values, |v, out| text::decimal_bytes(v.as_ref(), scale, out))
        }
        Format::Uuid => as_text(values, |v, out| {
            text::uuid(v.as_ref(), out);
            Ok(())
        }),
        Format::Half => as_text(values, |v, out| match v.as_ref() {
            &[low, high] => {
                text::float(text::half(u16::from_le_bytes([low, high])), out);
                Ok(())
            }
            other => Err(format!("a 16-bit float of {} bytes", other.len())),
        }),
        _ => Ok(Box::new(values)),
    }
}

fn int32(value: i32, format: Format, out: &mut Vec<u8>) -> Result<(), String> {
    match format {
        Format::Unsigned => text::display(value.cast_unsigned(), out),
        Format::Date => text::date(value, out),
        _ => return int64(i64::from(value), format, out),
    }
    Ok(())
}

fn int64(value: i64, format: Format, out: &mut Vec<u8>) -> Result<(), String> {
    match format {
        Format::Unsigned => text::display(value.cast_unsigned(), out),
        Format::Decimal { scale } => text::decimal(value, scale, out),
        Format::Timestamp { per_milli } => text::display(value.div_euclid(per_milli), out),
        _ => text::display(value, out),
    }
    Ok(())
}

/// The timestamp of old Spark and Impala: nanoseconds of the day, then the Julian day.
fn int96(value: &Int96, out: &mut Vec<u8>) -> Result<(), String> {
    const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;
    const MILLIS_PER_DAY: i64 = 86_400_000;
    let &[low, high, day] = value.data() else {
        return Err("an INT96 without a value".to_owned());
    };
    let nanos = u64::from(high) << 32 | u64::from(low);
    // The largest are 3.7e17 and 1.8e13: no overflow.
    let days = i64::from(day) - JULIAN_DAY_OF_EPOCH;
    let millis = days * MILLIS_PER_DAY + i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX);
    text::display(millis, out);
    Ok(())
}

/// Whether `format` can be the text of values stored as `physical`.
pub fn fits(format: Format, physical: Type) -> bool {
    match format {
        Format::Plain => true,
        Format::Unsigned => matches!(physical, Type::INT32 | Type::INT64),
        Format::Decimal { .. } => !matches!(
            physical,
            Type::BOOLEAN | Type::INT96 | Type::FLOAT | Type::DOUBLE
        ),
        Format::Date => physical == Type::INT32,
        Format::Timestamp { .. } => physical == Type::INT64,
        Format::Uuid | Format::Half => physical == Type::FIXED_LEN_BYTE_ARRAY,
    }
}
