//! Requests: a command of the table and arguments.
//!
//! ```text
//! command:  name u16, count u8, arguments
//! argument: how u8 [more]: see `argument`
//! ```
//!
//! A command is told by a checksum of its name, so that an input keeps its meaning when commands
//! are added. A count of 32 and more stands for the fewest arguments that the command takes.

use super::super::input::Input;
use crate::command::table::TABLE;
use crate::rdb::seal;
use std::sync::OnceLock;

/// Arguments that mean something to some command. New ones go to the end.
const POOL: &[&[u8]] = &[
    b"k",
    b"h",
    b"s",
    b"k2",
    b"h2",
    b"",
    b"a",
    b"b",
    b"c",
    b"d",
    b"field-of-some-length",
    b"0",
    b"1",
    b"2",
    b"3",
    b"-1",
    b"10",
    b"100",
    b"1000",
    b"-1000",
    b"1.5",
    b"-0.1",
    b"1e3",
    b"inf",
    b"nan",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"12345678",
    b"FIELDS",
    b"FVS",
    b"NX",
    b"XX",
    b"GT",
    b"LT",
    b"FNX",
    b"FXX",
    b"EX",
    b"PX",
    b"EXAT",
    b"PXAT",
    b"KEEPTTL",
    b"PERSIST",
    b"GET",
    b"WITHVALUES",
    b"MATCH",
    b"COUNT",
    b"NOVALUES",
    b"TYPE",
    b"hash",
    b"string",
    b"*",
    b"?",
    b"[a-b]*",
    b"REPLACE",
    b"DB",
    b"ABSTTL",
    b"IDLETIME",
    b"FREQ",
    b"ASYNC",
    b"SYNC",
    b"ON",
    b"OFF",
    b"SKIP",
    b"SETNAME",
    b"AUTH",
    b"default",
    b"WRITE",
    b"ALL",
    b"ID",
    b"ADDR",
    b"SKIPME",
    b"yes",
    b"no",
    b"NOSAVE",
    b"ABORT",
    b"SAVE",
    b"lib-name",
    b"lib-ver",
    b"requirepass",
    b"maxmemory",
    b"slowlog-log-slower-than",
    b"slowlog-max-len",
    b"hz",
    b"timeout",
    b"maxmemory-policy",
    b"client-output-buffer-limit",
    b"normal 0 0 0",
    b"latency-monitor-threshold",
    b"everything",
    b"commandstats",
    b"get",
    b"hset",
    b"client|list",
    b"FILTERBY",
    b"PATTERN",
    b"ACLCAT",
    b"\x00\r\n\xff",
    b"0.000000000000000001",
    b"value of some length, not too short",
    b"1700000000",
    b"1700000000000",
    b"1700000100000",
    b"281474976710656",
    b"70368744177664",
    b"view.v={entity='e',key='{k}',ttl='9s',feature={a={type='int64',ttl='5s'},b={type='bool'}}}",
    b"view.v={entity='e',key='h{k}',feature={a={type='string'},c={type='list<int64>'}}}",
    b"view.w={entity='e',key='{k}',ttl='1ms',feature={c={type='float64'}}}",
    b"v",
    b"DRYRUN",
    b"AUTHOR",
    b"VERSION",
];

/// `SETRANGE` takes so much memory, and `HRANDFIELD` writes so many fields, as it is told.
const NUMBER_MAX: i64 = 1 << 16;

struct Named {
    mark: u16,
    words: Vec<&'static str>,
    /// Words and arguments.
    least: usize,
}

/// Commands and subcommands by the checksums of their names.
fn commands() -> &'static [Named] {
    static COMMANDS: OnceLock<Vec<Named>> = OnceLock::new();
    COMMANDS.get_or_init(|| {
        let mut all = Vec::new();
        let mut add = |words: Vec<&'static str>, arity: i8| {
            let mark = (crc32fast::hash(words.join(" ").as_bytes()) >> 16) as u16;
            let least = usize::from(arity.unsigned_abs());
            all.push(Named { mark, words, least });
        };
        for command in TABLE.iter().copied().flatten() {
            add(vec![command.name], command.arity);
            for sub in command.subcommands {
                add(vec![command.name, sub.name], sub.arity);
            }
        }
        all.sort_by_key(|named| named.mark);
        all
    })
}

pub fn read(input: &mut Input<'_>, now: u64) -> Vec<Vec<u8>> {
    let (mark, count) = (input.u16(), usize::from(input.u8()));
    let commands = commands();
    let at = commands.partition_point(|named| named.mark < mark);
    let named = &commands[at % commands.len()];
    let count = match count {
        0..32 => count,
        _ => named.least.saturating_sub(named.words.len()),
    };
    let words = named.words.iter().map(|word| word.as_bytes().to_vec());
    let mut request: Vec<Vec<u8>> = words.collect();
    request.extend((0..count).map(|_| argument(input, now)));
    bound(&mut request);
    request
}

fn argument(input: &mut Input<'_>, now: u64) -> Vec<u8> {
    let text = |n: i64| n.to_string().into_bytes();
    match input.u8() {
        0xf8 => text(input.u64().cast_signed()),
        0xf9 => text(i64::from(input.u8().cast_signed())),
        // A moment, near or far, past or to come; in milliseconds or seconds.
        0xfa => text(now.cast_signed() + i64::from(input.u16().cast_signed())),
        0xfb => text((now / 1000).cast_signed() + i64::from(input.u8().cast_signed())),
        0xfc => seal(input.bytes().to_vec(), 12),
        0xfd => vec![input.u8(); usize::from(input.u16()) % 4096],
        0xfe => input.bytes().to_vec(),
        at => POOL[usize::from(at) % POOL.len()].to_vec(),
    }
}

/// Whether this word of a request is one of these.
fn is(request: &[Vec<u8>], at: usize, words: &[&str]) -> bool {
    let word = request.get(at).map(Vec::as_slice).unwrap_or_default();
    words
        .iter()
        .any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
}

/// Keep numbers small where they are sizes, and replies about the table of commands short.
fn bound(request: &mut Vec<Vec<u8>>) {
    let of_all = request.len() == 1 || request.len() == 2 && is(request, 1, &["info", "docs"]);
    if is(request, 0, &["command"]) && of_all {
        request.resize(2, b"info".to_vec());
        request.push(b"hset".to_vec());
    }
    if !is(request, 0, &["setrange", "hrandfield"]) {
        return;
    }
    for arg in request.iter_mut().skip(2) {
        let number = str::from_utf8(arg)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        if let Some(n) = number.filter(|n| (NUMBER_MAX..1 << 32).contains(&n.saturating_abs())) {
            *arg = (n % NUMBER_MAX).to_string().into_bytes();
        }
    }
}

/// The request before with another key.
pub fn again(last: &[Vec<u8>], input: &mut Input<'_>) -> Vec<Vec<u8>> {
    let mut request = match last {
        [] => vec![b"ping".to_vec()],
        last => last.to_vec(),
    };
    let key = POOL[usize::from(input.u8()) % 5];
    if let Some(arg) = request.get_mut(1) {
        *arg = key.to_vec();
    }
    bound(&mut request);
    request
}

/// Whether replies may be more or fewer than requests from now on.
pub fn is_loose(request: &[Vec<u8>]) -> bool {
    let streams = [
        "subscribe",
        "psubscribe",
        "unsubscribe",
        "punsubscribe",
        "monitor",
    ];
    is(request, 0, &streams) || is(request, 0, &["client"]) && is(request, 1, &["reply"])
}
