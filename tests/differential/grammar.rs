//! What is sent: a grammar over every command that both sides know.
//!
//! Keys and fields are few, so that commands meet each other's effects; arguments are often odd.
//! Relative times are far ahead, zero or past, never near, so that no reply depends on how fast
//! the machine is. Under GT and LT they are drawn so widely that two never fall together.

use crate::support::Rng;

/// In a template: capitals are sent as they are; a single small letter stands for an argument
/// (see `Grammar::argument`); `{a|b c}` is one of its alternatives, `[a|b]` one or none, and a `+`
/// after either repeats it up to four times.
struct Template {
    weight: usize,
    text: &'static str,
    /// Unknown to Redis 7.0, or answered otherwise by it.
    new: bool,
}

const fn old(weight: usize, text: &'static str) -> Template {
    let new = false;
    Template { weight, text, new }
}

const fn new(weight: usize, text: &'static str) -> Template {
    let new = true;
    Template { weight, text, new }
}

const TEMPLATES: &[Template] = &[
    // Hashes.
    old(12, "HSET k {f v}+"),
    old(3, "HMSET k {f v}+"),
    old(3, "HSETNX k f v"),
    old(6, "HGET k f"),
    old(8, "HMGET k {f}+"),
    old(5, "HGETALL k"),
    old(2, "HKEYS k"),
    old(2, "HVALS k"),
    old(3, "HLEN k"),
    old(3, "HEXISTS k f"),
    old(3, "HSTRLEN k f"),
    old(6, "HDEL k {f}+"),
    old(6, "HINCRBY k f i"),
    old(5, "HINCRBYFLOAT k f x"),
    old(5, "HRANDFIELD k [n|n WITHVALUES]"),
    old(5, "HSCAN k c [MATCH p] [COUNT n]"),
    new(2, "HSCAN k c [MATCH p] [COUNT n] NOVALUES"),
    // Field expiry.
    new(5, "HEXPIRE k s [NX|XX] FIELDS g"),
    new(3, "HEXPIRE k w {GT|LT} FIELDS g"),
    new(5, "HPEXPIRE k m [NX|XX] FIELDS g"),
    new(3, "HPEXPIRE k u {GT|LT} FIELDS g"),
    new(4, "HEXPIREAT k a [NX|XX|GT|LT] FIELDS g"),
    new(4, "HPEXPIREAT k b [NX|XX|GT|LT] FIELDS g"),
    new(3, "HTTL k FIELDS g"),
    new(3, "HPTTL k FIELDS g"),
    new(3, "HEXPIRETIME k FIELDS g"),
    new(3, "HPEXPIRETIME k FIELDS g"),
    new(4, "HPERSIST k FIELDS g"),
    new(6, "HGETEX k [EX s|PX m|EXAT a|PXAT b|PERSIST] FIELDS g"),
    new(5, "HGETDEL k FIELDS g"),
    new(
        8,
        "HSETEX k [FNX|FXX] [EX s|PX m|EXAT a|PXAT b|KEEPTTL] FIELDS h",
    ),
    new(2, "HSETEX k [EX s|KEEPTTL] [FNX|FXX] FIELDS h [EX s]"),
    // Strings.
    old(8, "SET k v"),
    old(
        6,
        "SET k v [NX|XX] [GET] [EX s|PX m|EXAT a|PXAT b|KEEPTTL] [GET|NX|XX]",
    ),
    old(6, "GET k"),
    old(2, "SETNX k v"),
    old(2, "SETEX k s v"),
    old(2, "PSETEX k m v"),
    old(2, "GETSET k v"),
    old(2, "GETDEL k"),
    old(3, "GETEX k [EX s|PX m|EXAT a|PXAT b|PERSIST]"),
    old(4, "MGET {k}+"),
    old(3, "MSET {k v}+"),
    old(3, "MSETNX {k v}+"),
    old(3, "APPEND k v"),
    old(3, "STRLEN k"),
    old(3, "GETRANGE k i i"),
    old(1, "SUBSTR k i i"),
    old(2, "SETRANGE k j v"),
    old(3, "INCR k"),
    old(3, "DECR k"),
    old(4, "INCRBY k i"),
    old(4, "DECRBY k i"),
    old(4, "INCRBYFLOAT k x"),
    // Keys.
    old(5, "DEL {k}+"),
    old(3, "UNLINK {k}+"),
    old(4, "EXISTS {k}+"),
    old(2, "TOUCH {k}+"),
    old(4, "TYPE k"),
    old(5, "EXPIRE k s [NX|XX]"),
    old(3, "EXPIRE k w {GT|LT}"),
    old(4, "PEXPIRE k m [NX|XX]"),
    old(3, "PEXPIRE k u {GT|LT}"),
    old(4, "EXPIREAT k a [NX|XX|GT|LT] [NX|XX|GT|LT]"),
    old(4, "PEXPIREAT k b [NX|XX|GT|LT] [NX|XX|GT|LT]"),
    old(4, "TTL k"),
    old(4, "PTTL k"),
    old(3, "EXPIRETIME k"),
    old(3, "PEXPIRETIME k"),
    old(4, "PERSIST k"),
    old(3, "RENAME k k"),
    old(3, "RENAMENX k k"),
    old(3, "COPY k k [DB d] [REPLACE]"),
    old(2, "MOVE k d"),
    old(1, "SWAPDB d d"),
    old(2, "KEYS p"),
    old(
        3,
        "SCAN c [MATCH p] [COUNT n] [TYPE HASH|TYPE STRING|TYPE LIST|TYPE v]",
    ),
    old(1, "RANDOMKEY"),
    old(2, "DBSIZE"),
    old(3, "DUMP k"),
    old(4, "RESTORE k q y [REPLACE] [ABSTTL] [IDLETIME j|FREQ j]"),
    old(3, "OBJECT ENCODING k"),
    old(
        1,
        "OBJECT {FREQ k|IDLETIME k|REFCOUNT k|NOSUCH k|ENCODING|HELP}",
    ),
    old(1, "MEMORY {USAGE k|USAGE k SAMPLES j|NOSUCH}"),
    // Transactions.
    old(3, "MULTI"),
    old(4, "EXEC"),
    old(2, "DISCARD"),
    old(3, "WATCH {k}+"),
    old(2, "UNWATCH"),
    // Connections and the server.
    old(2, "PING [v]"),
    old(2, "ECHO v"),
    old(3, "SELECT d"),
    old(1, "HELLO {1|4|v|2|3|3 SETNAME f|2 SETNAME}"),
    // Redis 8.2 forgets the reply of a failing AUTH that is not the first of a pipeline, so AUTH is
    // in `conversations` only.
    old(1, "RESET"),
    old(
        1,
        "CLIENT {GETNAME|SETNAME f|ID|NO-EVICT ON|NO-EVICT v|REPLY ON|REPLY v|NOSUCH v}",
    ),
    old(
        1,
        "CLIENT {TRACKING OFF|KILL v|KILL NOSUCH v|LIST TYPE v|UNPAUSE|GETREDIR}",
    ),
    new(
        1,
        "CLIENT {SETINFO LIB-NAME f|SETINFO LIB-VER 1.2|SETINFO f f|NO-TOUCH OFF|NO-TOUCH v}",
    ),
    old(1, "COMMAND {COUNT|NOSUCH|INFO v|LIST FILTERBY NOSUCH v}"),
    new(
        1,
        "COMMAND GETKEYS {v|GET k|MSET k v k v|HSET k f v|PING|GET}",
    ),
    old(
        1,
        "CONFIG {GET v|GET MAXCLIENTS|GET|SET v v|NOSUCH|GET P v}",
    ),
    old(1, "PUBLISH v v"),
    old(1, "PUBSUB {CHANNELS|CHANNELS p|NUMSUB v v|NUMPAT|NOSUCH}"),
    old(1, "{FLUSHDB|FLUSHALL} [SYNC|ASYNC|v]"),
    old(1, "{ROLE|TIME|READONLY|READWRITE|ASKING}"),
    old(1, "{NOSUCHCOMMAND v k f|GETT k|v v v|HGETALLL k v v v}"),
    old(1, "SLOWLOG {LEN|GET|GET j|GET v|RESET|NOSUCH|HELP}"),
    old(
        1,
        "LATENCY {LATEST|RESET|RESET v|HISTORY v|NOSUCH|HISTORY|HELP}",
    ),
    old(1, "CLUSTER {INFO|MYID|NOSUCH|KEYSLOT k}"),
];

#[rustfmt::skip]
const KEYS: &[&[u8]] = &[
    b"k1", b"k2", b"k3", b"k4", b"k5", b"", b"\x00k\r\n\xff", b"A:user:1", b"k[1]",
];
#[rustfmt::skip]
const FIELDS: &[&[u8]] = &[
    b"f1", b"f2", b"f3", b"f4", b"f5", b"f6", b"", b"\xc3\x28\x00\r", b"\r\n", b"12",
    b"a name of more than sixty-four bytes, so that it does not fit in a small entry at all",
];
#[rustfmt::skip]
const INTEGERS: &[&[u8]] = &[
    b"0", b"1", b"-1", b"2", b"10", b"100", b"-7", b"9223372036854775807",
    b"-9223372036854775808", b"9223372036854775806", b"4611686018427387904", b"2147483647",
];
#[rustfmt::skip]
const ODD: &[&[u8]] = &[
    b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"0x10", b"1e3", b"1.5", b"abc", b"\x00\x01", b"--1",
    b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"nan", b"inf",
    b"-inf", b"infinity", b"1e400", b"-1e400", b"1e-400", b"99999999999999999999", b"-", b".",
    b"FIELDS", b"EX", b"*", b"4294967296", b"281474976710655", b"281474976710656",
];
#[rustfmt::skip]
const FLOATS: &[&[u8]] = &[
    b"0", b"1", b"-1", b"0.5", b"-0.25", b"10.75", b"3.0e3", b"1e17", b"-2.5e-3", b"100",
    b"5.0", b"123456.789", b"-1e10",
];
#[rustfmt::skip]
const TEXTS: &[&[u8]] = &[
    b"", b"0", b"1", b"-5", b"12", b"a", b"hello world", b"\x00\xff\r\n", b"0.10", b"1.0", b"-0.0",
    b"007", b"+3", b"1e5", b"3.14159", b"9223372036854775807", b"-9223372036854775808",
    b"2026-11-21T00:00:00Z", b"0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstu",
    b"nan", b"inf", b"true", b"false", b"123456789012345678901234567890", b"-12.5", b"5.", b".5",
];
#[rustfmt::skip]
const PATTERNS: &[&[u8]] = &[
    b"*", b"k*", b"k?", b"k[1-3]", b"k[^1]", b"f[5-1]*", b"\\k1", b"", b"**", b"*1", b"f*1", b"[",
    b"k[", b"k[1", b"\\", b"k\\", b"?*?", b"*[12]", b"*\r\n*", b"[^", b"k[\\]1]", b"nothing", b"k1",
];
/// Far ahead, and past; seconds.
#[rustfmt::skip]
const SECONDS: &[&[u8]] = &[b"1000", b"86400", b"100000", b"3600", b"0", b"-1", b"-100"];
#[rustfmt::skip]
const MILLISECONDS: &[&[u8]] = &[b"1000000", b"86400000", b"3600001", b"0", b"-1", b"-100000"];
#[rustfmt::skip]
const TIMES: &[&[u8]] = &[b"4102444800", b"4102444801", b"5000000000", b"1", b"0", b"-1"];
#[rustfmt::skip]
const TIMES_MS: &[&[u8]] = &[b"4102444800000", b"4102444800001", b"5000000000999", b"1", b"0"];
#[rustfmt::skip]
const COUNTS: &[&[u8]] = &[
    b"1", b"2", b"5", b"10", b"1000", b"-1", b"-3", b"-10", b"0", b"1000", b"100",
];
#[rustfmt::skip]
const COUNTS_ODD: &[&[u8]] = &[b"-9223372036854775808", b"9223372036854775807"];

pub struct Grammar {
    pub rng: Rng,
    templates: Vec<&'static Template>,
    payloads: Vec<Vec<u8>>,
}

impl Grammar {
    /// `known` says whether both sides know a command; `payloads` are DUMPs to restore.
    pub fn new(
        rng: Rng,
        newer: bool,
        known: impl Fn(&str) -> bool,
        payloads: Vec<Vec<u8>>,
    ) -> Grammar {
        let fits = |t: &&Template| (newer || !t.new) && known(name_of(t.text));
        Grammar {
            rng,
            templates: TEMPLATES.iter().filter(fits).collect(),
            payloads,
        }
    }

    pub fn command(&mut self) -> Vec<Vec<u8>> {
        let total = self.templates.iter().map(|t| t.weight).sum();
        let mut left = self.rng.below(total);
        let mut chosen = self.templates[0];
        for template in &self.templates {
            if left < template.weight {
                chosen = template;
                break;
            }
            left -= template.weight;
        }
        let mut words = Vec::new();
        self.expand(chosen.text, &mut words);
        self.disturb(&mut words);
        words
    }

    /// A transaction, mostly a proper one.
    pub fn transaction(&mut self) -> Vec<Vec<Vec<u8>>> {
        let mut commands = vec![vec![b"MULTI".to_vec()]];
        for _ in 0..self.rng.below(6) {
            commands.push(self.command());
        }
        let end: &[u8] = if self.rng.percent(85) {
            b"EXEC"
        } else {
            b"DISCARD"
        };
        commands.push(vec![end.to_vec()]);
        commands
    }

    fn expand(&mut self, text: &'static str, words: &mut Vec<Vec<u8>>) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let len;
            if let Some(close) = match first {
                '{' => Some('}'),
                '[' => Some(']'),
                _ => None,
            } {
                let end = rest.find(close).expect("a closed group");
                let repeated = rest[end + 1..].starts_with('+');
                let wanted = first == '{' || self.rng.percent(40);
                let times = if repeated { 1 + self.rng.below(4) } else { 1 };
                for _ in 0..if wanted { times } else { 0 } {
                    let alternatives: Vec<&str> = rest[1..end].split('|').collect();
                    let alternative = *self.rng.pick(&alternatives);
                    self.expand(alternative, words);
                }
                len = end + 1 + usize::from(repeated);
            } else {
                len = rest.find([' ', '{', '[']).unwrap_or(rest.len());
                match &rest[..len] {
                    "" => {}
                    word if word.len() == 1 && word.as_bytes()[0].is_ascii_lowercase() => {
                        self.argument(word.as_bytes()[0], words)
                    }
                    word => words.push(word.as_bytes().to_vec()),
                }
            }
            rest = rest[len..].trim_start_matches(' ');
        }
    }

    fn argument(&mut self, letter: u8, words: &mut Vec<Vec<u8>>) {
        let odd = self.rng.percent(4);
        let from: &[&[u8]] = match letter {
            b'k' => KEYS,
            b'f' => FIELDS,
            b'v' => TEXTS,
            b'p' => PATTERNS,
            b'd' => &[b"0", b"1", b"2", b"1", b"16", b"-1", b"x"],
            // A negative idle time or frequency, and small others.
            b'j' => &[b"0", b"1", b"5", b"12", b"-1", b"256"],
            b'c' => &[b"0", b"0", b"0", b"0", b"x", b"-1", b"18446744073709551616"],
            b'q' => &[b"0", b"0", b"1000000", b"4102444800000", b"-1", b"x"],
            b'g' | b'h' => return self.fields(letter == b'h', words),
            b'y' => return self.payload(words),
            b'w' | b'u' => return words.push(self.wide(letter == b'u')),
            _ if odd => ODD,
            b'i' => INTEGERS,
            b'x' => FLOATS,
            b's' => SECONDS,
            b'm' => MILLISECONDS,
            b'a' => TIMES,
            b'b' => TIMES_MS,
            b'n' if self.rng.percent(3) => COUNTS_ODD,
            b'n' => COUNTS,
            other => panic!("no such letter in templates: {}", other as char),
        };
        let word = self.rng.pick(from).to_vec();
        words.push(word);
    }

    /// A relative time up to thirty years ahead that none other comes near.
    fn wide(&mut self, milliseconds: bool) -> Vec<u8> {
        let seconds = 1000 + self.rng.below(1_000_000_000);
        let time = if milliseconds {
            seconds * 1000
        } else {
            seconds
        };
        time.to_string().into_bytes()
    }

    /// `2 f1 f2`, or with values; now and then with a wrong number.
    fn fields(&mut self, values: bool, words: &mut Vec<Vec<u8>>) {
        let count = 1 + self.rng.below(4);
        let told = match self.rng.below(40) {
            0 => self.rng.pick(ODD).to_vec(),
            1 => (count + 1).to_string().into_bytes(),
            2 => (count - 1).to_string().into_bytes(),
            3 => self.rng.pick(INTEGERS).to_vec(),
            _ => count.to_string().into_bytes(),
        };
        words.push(told);
        for _ in 0..count {
            words.push(self.rng.pick(FIELDS).to_vec());
            if values {
                words.push(self.rng.pick(TEXTS).to_vec());
            }
        }
    }

    /// A DUMP, now and then damaged or cut.
    fn payload(&mut self, words: &mut Vec<Vec<u8>>) {
        let mut payload = self.rng.pick(&self.payloads).clone();
        let at = self.rng.below(payload.len());
        match self.rng.below(8) {
            0 => payload.truncate(at),
            1 => payload[at] ^= 1 << self.rng.below(8),
            _ => {}
        }
        words.push(payload);
    }

    /// Wrong arity, odd words in odd places, other cases of letters.
    fn disturb(&mut self, words: &mut Vec<Vec<u8>>) {
        match self.rng.below(50) {
            0 => {
                let keep = 1 + self.rng.below(words.len());
                words.truncate(keep);
            }
            1 => {
                let word = self.rng.pick(ODD).to_vec();
                words.push(word);
            }
            2 if words.len() > 1 => {
                let at = 1 + self.rng.below(words.len() - 1);
                words[at] = self.rng.pick(ODD).to_vec();
            }
            3 if words.len() > 1 => {
                let at = 1 + self.rng.below(words.len() - 1);
                let word = words[at].clone();
                words.insert(at, word);
            }
            4 | 5 => {
                let at = self.rng.below(words.len());
                words[at].make_ascii_lowercase();
            }
            _ => {}
        }
    }
}

/// The command of a template; of one that starts with a group, a command that everyone knows.
fn name_of(text: &str) -> &str {
    let name = text.split(' ').next().unwrap_or_default();
    if name.starts_with('{') { "PING" } else { name }
}

/// Commands of the grammar.
pub fn names() -> Vec<&'static str> {
    TEMPLATES.iter().map(|t| name_of(t.text)).collect()
}
