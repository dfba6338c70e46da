//! When two replies count as equal. The rule is: byte for byte. All exceptions are here.

use crate::support::{Reply, Value};

/// How the replies of a command are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Bytes,
    /// An array or set in any order.
    Unordered,
    /// Pairs in any order.
    UnorderedPairs,
    /// `SCAN`: the cursor, and the elements in any order.
    Scan,
    /// `HSCAN`: the same with pairs.
    ScanPairs,
    /// Integers that may differ by so many, if neither is negative.
    Near(i64),
    /// Only that both are errors (equal ones), nil, or of the same type and length.
    Shape,
    /// Only the type of the whole reply.
    Type,
}

/// What a command's name and arguments are, for choosing; `slack_ms` is how far the two servers'
/// clocks may have been apart, in effect, when they carried out the same command.
fn how(words: &[Vec<u8>], slack_ms: i64) -> How {
    let word = |i: usize| -> String {
        let word = words.get(i).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(word).to_ascii_uppercase()
    };
    match word(0).as_str() {
        "HGETALL" => How::UnorderedPairs,
        "HKEYS" | "HVALS" | "KEYS" => How::Unordered,
        // A pattern among the names: Redis has more of them.
        "CONFIG" if word(1) == "GET" && words.iter().any(|w| w.contains(&b'*')) => How::Type,
        // Compared field by field in `command_table.rs`.
        "COMMAND" if matches!(word(1).as_str(), "" | "INFO" | "LIST") => How::Type,
        // All at once, or else each server has its own cursors.
        "SCAN" if small_count(words) || word(1) != "0" => How::Type,
        "HSCAN" if small_count(words) || word(2) != "0" => How::Type,
        "SCAN" => How::Scan,
        "HSCAN" if words.iter().any(|w| w.eq_ignore_ascii_case(b"NOVALUES")) => How::Scan,
        "HSCAN" => How::ScanPairs,
        "TTL" | "EXPIRETIME" | "HTTL" | "HEXPIRETIME" => How::Near(1 + slack_ms / 1000),
        "PTTL" | "PEXPIRETIME" | "HPTTL" | "HPEXPIRETIME" => How::Near(50 + slack_ms),
        // Random members: that they are members is tested in `random_members_are_members`.
        "RANDOMKEY" | "HRANDFIELD" => How::Shape,
        // Compared by restoring them on the other side.
        "DUMP" => How::Type,
        // These tell of the server itself.
        // What has expired counts until it is removed.
        "DBSIZE" => How::Near(3),
        "HELLO" | "INFO" | "TIME" | "ROLE" => How::Type,
        "OBJECT" if matches!(word(1).as_str(), "IDLETIME" | "REFCOUNT" | "FREQ") => How::Type,
        "SLOWLOG" if matches!(word(1).as_str(), "LEN" | "GET") => How::Type,
        "LATENCY" if word(1) == "LATEST" => How::Type,
        _ if word(1) == "HELP" && words.len() == 2 => How::Type,
        "MEMORY" if word(1) == "USAGE" => How::Type,
        "CLIENT" if matches!(word(1).as_str(), "ID" | "INFO" | "LIST") => How::Type,
        "COMMAND" if matches!(word(1).as_str(), "COUNT" | "DOCS") => How::Type,
        "CLUSTER" if matches!(word(1).as_str(), "INFO" | "MYID") => How::Type,
        _ => How::Bytes,
    }
}

fn small_count(words: &[Vec<u8>]) -> bool {
    let at = words.iter().rposition(|w| w.eq_ignore_ascii_case(b"COUNT"));
    let count = at.and_then(|at| words.get(at + 1));
    let count = count.and_then(|w| std::str::from_utf8(w).ok()?.parse::<i64>().ok());
    // Without COUNT ten are looked at; the grammar keeps to fewer elements than a hundred.
    count.is_none_or(|n| n < 100)
}

/// Whether the two replies to `words` are equal. For EXEC, `queued` are the commands whose replies
/// it holds;
/// `older` says that the oracle is Redis 7.0.
pub fn equal(
    words: &[Vec<u8>],
    queued: &[Vec<Vec<u8>>],
    ours: &Reply,
    oracle: &Reply,
    slack_ms: i64,
    older: bool,
) -> bool {
    if ours.raw == oracle.raw {
        return true;
    }
    let (a, b) = (&ours.value, &oracle.value);
    if let (Value::Array(x), Value::Array(y)) = (a, b)
        && words[0].eq_ignore_ascii_case(b"EXEC")
    {
        return x.len() == y.len()
            && x.len() == queued.len()
            && queued.iter().zip(x.iter().zip(y)).all(|(words, (x, y))| {
                x == y || alike(how(words, slack_ms), x, y) || allowed(words, x, y, older)
            });
    }
    alike(how(words, slack_ms), a, b) || allowed(words, a, b, older)
}

fn alike(how: How, a: &Value, b: &Value) -> bool {
    if a.is_error() || b.is_error() || a.is_nil() || b.is_nil() {
        return a == b;
    }
    let same_type = std::mem::discriminant(a) == std::mem::discriminant(b);
    let (x, y) = (a.items(), b.items());
    same_type
        && match how {
            How::Bytes => a == b,
            How::Unordered => sorted(x, 1) == sorted(y, 1),
            How::UnorderedPairs => sorted(x, 2) == sorted(y, 2),
            // More than one call is needed, and each server has its own cursors.
            How::Scan | How::ScanPairs
                if x.len() == 2 && [&x[0], &y[0]].iter().any(|c| c.bytes() != b"0") =>
            {
                true
            }
            How::Scan | How::ScanPairs => {
                let step = if how == How::Scan { 1 } else { 2 };
                x.len() == 2
                    && y.len() == 2
                    && x[0] == y[0]
                    && sorted(x[1].items(), step) == sorted(y[1].items(), step)
            }
            How::Near(by) => near(a, b, by),
            How::Shape => {
                x.len() == y.len() && x.iter().zip(y).all(|(x, y)| alike(How::Shape, x, y))
            }
            How::Type => true,
        }
}

fn near(a: &Value, b: &Value, by: i64) -> bool {
    match (a, b) {
        (Value::Integer(x), Value::Integer(y)) => {
            x == y || (*x >= 0 && *y >= 0 && x.abs_diff(*y) <= by.unsigned_abs())
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| near(x, y, by))
        }
        _ => a == b,
    }
}

fn sorted(items: &[Value], step: usize) -> Vec<&[Value]> {
    let mut groups: Vec<&[Value]> = items.chunks(step).collect();
    groups.sort();
    groups
}

/// Differences that are meant to be, each with its reason. Keep this short.
fn allowed(words: &[Vec<u8>], ours: &Value, oracle: &Value, older: bool) -> bool {
    let is = |name: &str| words[0].eq_ignore_ascii_case(name.as_bytes());
    // Redis 7.0 takes a negative cursor and refuses leading spaces; we follow 8.2, which does not.
    let cursor = [ours, oracle]
        .iter()
        .any(|reply| reply.bytes() == b"ERR invalid cursor");
    // What a string was made by is not kept: after APPEND Redis says `raw` of a short one, too.
    let both = |names: &[&str]| {
        let replies = [ours, oracle].map(Value::bytes);
        replies
            .iter()
            .all(|r| names.iter().any(|name| name.as_bytes() == *r))
    };
    // What has expired may still be measured in Redis.
    if is("MEMORY") && !ours.is_error() && !oracle.is_error() {
        return true;
    }
    // Nor what a hash once contained.
    let hashes = ["listpack", "listpackex", "hashtable"];
    if is("OBJECT") && (both(&["raw", "embstr", "int"]) || both(&hashes)) {
        return true;
    }
    // 7.0 embeds longer strings in their objects.
    older && (cursor && (is("SCAN") || is("HSCAN")) || is("OBJECT") && !ours.is_error())
}
