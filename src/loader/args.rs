//! The command line of `fieldstone load`.

use std::path::PathBuf;

use encoding_rs::Encoding;

use super::delimited::{FloatKeys, TextOptions};
use super::storage::Condition;
use crate::client::ServerArgs;
use crate::view::duration;

const MEMORY_BYTES_MIN: u64 = 16 << 20;

/// Load a day's export into a server: `fieldstone load VIEW [SOURCE]`.
///
/// The view says what the columns of the export are; without a view, --key makes each row of one
/// file a hash: `fieldstone load --key 'A:plane:{tailnum}' planes.parquet`.
///
/// Exit codes: 0, all was loaded; 1, it failed and may do better later (the server is away, the
/// export is not there yet, a disk is full); 2, it would fail again (the command line, the view,
/// the export).
#[derive(clap::Args)]
pub struct LoadArgs {
    /// The view, and where its export lies: a Parquet or CSV file, a folder of them, Hive
    /// partitions, or the same under s3://, gs://, az://, file://. Default: the view's own source
    #[arg(value_name = "VIEW [SOURCE]", num_args = 1..=2, required = true)]
    pub what: Vec<String>,
    #[command(flatten)]
    pub server: ServerArgs,
    /// Write to this server with HSET and HPEXPIREAT, row by row, instead of publishing a batch:
    /// any Redis. redis://, rediss:// or a unix socket; FIELDSTONE_TO_AUTH may hold the password
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// Take the view from this file rather than from the server
    #[arg(long, value_name = "FILE")]
    pub views: Option<PathBuf>,
    /// What becomes of entities that are not in the export; `--to` can only upsert
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Take times of rows before 1990 or after tomorrow, which are of another unit mostly
    #[arg(long)]
    pub any_time: bool,
    /// Read and check everything, send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Send nothing: show the commands that the first N rows would become, for redis-cli
    #[arg(long, value_name = "N", conflicts_with = "dry_run",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub show: Option<u64>,
    /// Publish an export without rows, or of which everything has expired
    #[arg(long)]
    pub allow_empty: bool,
    /// Replace a version by one with fewer than half of its entities
    #[arg(long)]
    pub allow_shrink: bool,
    /// A part of the key that is no column; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Only the Hive partitions with this value (none: the null partition); may be repeated
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = condition)]
    pub conditions: Vec<Condition>,
    /// Features without a column have no values, instead of ending the load
    #[arg(long)]
    pub allow_missing: bool,
    /// Rows that may not fit before the load ends with exit code 2
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_rejects: u64,
    /// Where rows that do not fit are told, as JSON lines. Default: VIEW.rejects.jsonl
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// What the load may take in memory: a number with K, M or G
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = memory)]
    pub memory: u64,
    /// With --to: a file that says how far the load came; a second run goes on from there
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// With --to: times to live are the keys' (PEXPIREAT), for servers without HPEXPIREAT
    #[arg(long)]
    pub key_ttl: bool,
    /// With --to: most requests sent without having been answered
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub in_flight: u16,
    #[command(flatten)]
    pub text: TextArgs,
    /// Without a view: the key of a row; {column} stands for the row's value
    #[arg(long, value_name = "TEMPLATE", help_heading = "Without a view")]
    pub key: Option<String>,
    /// Time to live of what is written: a number with ms, s, m, h or d
    #[arg(long, requires = "key", value_parser = duration, help_heading = "Without a view")]
    pub ttl: Option<u64>,
    /// Write column OLD as feature NEW; may be repeated
    #[arg(long, value_name = "OLD=NEW", requires = "key", value_parser = pair,
        help_heading = "Without a view")]
    pub rename: Vec<(String, String)>,
    /// Columns that are not written
    #[arg(
        long,
        value_name = "COLUMN",
        num_args = 1,
        value_delimiter = ',',
        requires = "key",
        help_heading = "Without a view"
    )]
    pub drop: Vec<String>,
    /// Write the columns of the key as features too
    #[arg(long, requires = "key", help_heading = "Without a view")]
    pub keep_key_columns: bool,
}

/// How text files are written, where it is not as most programs do.
#[derive(clap::Args)]
#[command(next_help_heading = "CSV and other text")]
pub struct TextArgs {
    /// What is between fields: a character, or `tab`. Default: a comma; in .tsv files a tab
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub delimiter: Option<u8>,
    /// What fields are quoted by: a character, or `none`
    #[arg(long, value_name = "CHAR", default_value = "\"")]
    pub quote: String,
    /// What stands before a quote within quotes, as `\` in files of Spark. Default: quotes are
    /// written twice
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub escape: Option<u8>,
    /// What the text is in: utf-8, utf-16le, latin-1, or another name of the WHATWG's list. A mark
    /// at the beginning of a file is obeyed
    #[arg(long, value_name = "NAME", default_value = "utf-8")]
    pub encoding: String,
    /// The text of an unquoted field that is a null. Default: none, so that an empty field is one
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub null: String,
    /// A quoted field with that text is a null too, and no empty text
    #[arg(long)]
    pub quoted_null: bool,
    /// What a part of a key such as 1.0 is. Default: the row does not fit
    #[arg(long, value_enum)]
    pub float_keys: Option<FloatKeys>,
}

impl TextArgs {
    pub fn options(&self) -> Result<TextOptions, String> {
        let quote = match self.quote.as_str() {
            "none" | "" => None,
            text => Some(character(text).map_err(|e| format!("--quote: {e}"))?),
        };
        let name = match self.encoding.to_ascii_lowercase().as_str() {
            "latin-1" | "latin_1" => "latin1".to_owned(),
            other => other.to_owned(),
        };
        let encoding = Encoding::for_label(name.as_bytes())
            .ok_or_else(|| format!("--encoding: {} is not known", self.encoding))?;
        Ok(TextOptions {
            delimiter: self.delimiter,
            quote,
            escape: self.escape,
            encoding,
            null: self.null.clone().into_bytes(),
            quoted_null: self.quoted_null,
            float_keys: self.float_keys,
        })
    }
}

/// One character that takes one byte, and ends no line.
fn character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [b'\n' | b'\r'] => Err("a line ends with it".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("it must be one ASCII character, or tab".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// They lose the view's features
    Replace,
    /// They keep them
    Upsert,
}

pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err("must be two texts with = between them".to_owned()),
    }
}

/// The value may be empty: nulls.
pub fn condition(text: &str) -> Result<Condition, String> {
    match text.split_once('=') {
        Some((column, value)) if !column.is_empty() => Ok(Condition {
            column: column.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("must be a column, =, and its value (none: null)".to_owned()),
    }
}

fn memory(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("a number with K, M or G".to_owned()),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(1 << shift));
    match bytes {
        Some(bytes) if bytes >= MEMORY_BYTES_MIN => Ok(bytes),
        _ => Err(format!("must be at least {}M", MEMORY_BYTES_MIN >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(memory("1G"), Ok(1 << 30));
        assert_eq!(memory("64mb"), Ok(64 << 20));
        assert_eq!(memory("20000000"), Ok(20_000_000));
        for bad in ["", "G", "1", "1T", "99999999999G", "-1G", "15M"] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }
}
