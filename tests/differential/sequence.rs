//! Running one sequence of commands on both servers, and making a failing one short.

use crate::compare::equal;
use crate::support::{Connection, Reply, Server, Value, display, encode, reply};
use std::time::Instant;

pub type Words = Vec<Vec<u8>>;

#[derive(Clone)]
pub struct Step {
    /// Which of the two connections sends it.
    pub connection: usize,
    pub words: Words,
    /// Send what is collected, and wait for all its replies, before going on.
    pub flush: bool,
    /// Compare the whole state of both servers after it.
    pub check: bool,
}

/// The two servers, and the commands that both know.
pub struct Pair {
    pub subject: Server,
    pub oracle: Server,
    pub protocol: u8,
    /// Both have per-field expiry.
    pub field_expiry: bool,
    /// Payloads may be carried across both ways.
    pub cross_restore: bool,
}

/// The first place where the replies differ.
pub struct Difference {
    pub words: Words,
    pub ours: String,
    pub oracle: String,
}

impl Difference {
    fn new(words: &Words, ours: String, oracle: String) -> Difference {
        let words = words.clone();
        Difference {
            words,
            ours,
            oracle,
        }
    }
}

/// Databases that the grammar uses.
const DATABASES: usize = 3;

/// One connection to each server, and what they have queued.
struct Link {
    ours: Connection,
    oracle: Connection,
    /// Commands queued since MULTI.
    queued: Option<Vec<Words>>,
    /// The oracle is Redis 7.0.
    older: bool,
}

impl Link {
    fn open(pair: &Pair) -> Link {
        let mut link = Link {
            ours: pair.subject.connect(),
            oracle: pair.oracle.connect(),
            queued: None,
            older: pair.oracle.name == "redis 7.0",
        };
        for side in [&mut link.ours, &mut link.oracle] {
            let hello = side.line(&format!("HELLO {}", pair.protocol));
            assert!(!hello.is_error(), "HELLO: {hello:?}");
        }
        link
    }

    /// Send `commands` in one piece to both and compare the replies.
    fn batch(&mut self, commands: &[Words], slack_ms: &mut i64) -> Result<Vec<Reply>, Difference> {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| encode(words)).collect();
        let start = Instant::now();
        for side in [&mut self.oracle, &mut self.ours] {
            // A failure to send shows as a missing reply.
            let _ = side.send(&bytes);
        }
        let mut pairs = Vec::new();
        for words in commands {
            let (ours, oracle) = (self.ours.read(), self.oracle.read());
            let oracle = oracle.unwrap_or_else(|e| {
                panic!("the oracle gives no reply to {}: {e}", print_words(words))
            });
            let ours = ours.map_err(|e| {
                let wanted = display(&oracle.raw);
                Difference::new(words, format!("no reply: {e}"), wanted)
            })?;
            pairs.push((ours, oracle));
        }
        // Set on one side at the start of a batch and read on the other at the end of a later one.
        *slack_ms = (*slack_ms).max(2 * start.elapsed().as_millis() as i64);
        let mut replies = Vec::new();
        for (words, (ours, oracle)) in commands.iter().zip(pairs) {
            let queued = self.note_queued(words, &oracle.value);
            if !equal(words, &queued, &ours, &oracle, *slack_ms, self.older) {
                return Err(Difference::new(
                    words,
                    display(&ours.raw),
                    display(&oracle.raw),
                ));
            }
            replies.push(oracle);
        }
        Ok(replies)
    }

    /// Keep book of MULTI; the commands that an EXEC runs.
    fn note_queued(&mut self, words: &Words, reply: &Value) -> Vec<Words> {
        let is = |name: &str| words[0].eq_ignore_ascii_case(name.as_bytes());
        if reply.bytes() == b"QUEUED" {
            self.queued.get_or_insert_default().push(words.clone());
        } else if is("EXEC") || is("DISCARD") || is("RESET") {
            return self.queued.take().unwrap_or_default();
        }
        Vec::new()
    }
}

impl Pair {
    /// Run `steps` on empty servers.
    pub fn run(&self, steps: &[Step]) -> Result<(), Difference> {
        let mut links = [Link::open(self), Link::open(self)];
        let mut state = Link::open(self);
        for side in [&mut state.ours, &mut state.oracle] {
            assert_eq!(side.line("FLUSHALL").text(), "OK");
        }
        let mut slack_ms = 0;
        let mut batch: Vec<Words> = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            batch.push(step.words.clone());
            let next = steps.get(i + 1);
            if step.flush || next.is_none_or(|n| n.connection != step.connection) {
                links[step.connection].batch(&batch, &mut slack_ms)?;
                batch.clear();
            }
            if next.is_none() || step.check && batch.is_empty() {
                self.compare_state(&mut state, &mut slack_ms)?;
            }
        }
        if self.cross_restore {
            cross_restore(&mut state, &mut slack_ms)?;
        }
        Ok(())
    }

    /// Everything that is stored, and when it expires.
    fn compare_state(&self, link: &mut Link, slack_ms: &mut i64) -> Result<(), Difference> {
        for db in 0..DATABASES {
            let select = ["SELECT".into(), db.to_string().into_bytes()].to_vec();
            let found = link.batch(&[select, vec![b"KEYS".to_vec(), b"*".to_vec()]], slack_ms)?;
            let keys: Vec<Vec<u8>> = bulks(&found[1].value);
            let about = |name: &str, key: &Vec<u8>| vec![name.as_bytes().to_vec(), key.clone()];
            let types: Vec<Words> = keys.iter().map(|key| about("TYPE", key)).collect();
            let types = link.batch(&types, slack_ms)?;
            let mut asked = Vec::new();
            for (key, reply) in keys.iter().zip(types) {
                asked.push(about("PTTL", key));
                let hash = reply.value.text() == "hash";
                asked.push(about(if hash { "HGETALL" } else { "GET" }, key));
                if hash && self.field_expiry {
                    let fields = link.oracle.call(&about("HKEYS", key));
                    let mut ask = about("HPEXPIRETIME", key);
                    ask.push(b"FIELDS".to_vec());
                    ask.push(fields.items().len().to_string().into_bytes());
                    ask.extend(bulks(&fields));
                    asked.push(ask);
                }
            }
            link.batch(&asked, slack_ms)?;
        }
        Ok(())
    }

    /// A shorter sequence that still fails: halves, quarters, ... are left out while that works.
    pub fn shrink(&self, steps: Vec<Step>) -> (Vec<Step>, Option<Difference>) {
        let mut left = 400;
        let mut best = steps;
        // One command at a time shows the same in all but rare cases, and reads better.
        let mut apart = best.clone();
        apart
            .iter_mut()
            .for_each(|step| (step.flush, step.check) = (true, true));
        let mut last = self.run(&apart).err();
        if last.is_some() {
            best = apart;
        }
        let mut chunk = best.len().div_ceil(2);
        while chunk >= 1 && left > 0 {
            let mut at = 0;
            let mut shorter = false;
            while at < best.len() && left > 0 {
                left -= 1;
                let mut candidate = best.clone();
                candidate.drain(at..(at + chunk).min(best.len()));
                match self.run(&candidate) {
                    Err(difference) => {
                        (best, last, shorter) = (candidate, Some(difference), true);
                    }
                    Ok(()) => at += chunk,
                }
            }
            if chunk == 1 && !shorter {
                break;
            }
            chunk = (chunk / 2).max(1);
        }
        (best, last)
    }
}

/// What either server dumps, the other restores to the same value.
fn cross_restore(link: &mut Link, slack_ms: &mut i64) -> Result<(), Difference> {
    let select = ["SELECT", "0"].map(|w| w.as_bytes().to_vec()).to_vec();
    link.batch(&[select], slack_ms)?;
    let keys = bulks(&link.oracle.line("KEYS *"));
    for key in &keys {
        let dumps = [&mut link.ours, &mut link.oracle].map(|side| {
            let dump = side.call(&[b"DUMP".as_slice(), key]);
            dump.bytes().to_vec()
        });
        let copy = b"copy".to_vec();
        let restore = |payload: &[u8]| {
            let words: [&[u8]; 5] = [b"RESTORE", b"copy", b"0", payload, b"REPLACE"];
            words.map(<[u8]>::to_vec).to_vec()
        };
        // Carried across: each side restores what the other dumped.
        let [ours, theirs] = &dumps;
        let at_ours = link.ours.call(&restore(theirs));
        let at_theirs = link.oracle.call(&restore(ours));
        if at_ours.text() != "OK" || at_theirs.text() != "OK" {
            let words = vec![
                b"RESTORE".to_vec(),
                key.clone(),
                ours.clone(),
                theirs.clone(),
            ];
            let (a, b) = (at_ours.text(), at_theirs.text());
            return Err(Difference::new(&words, a, b));
        }
        let kind = link.oracle.call(&[b"TYPE".to_vec(), copy.clone()]).text();
        let get = if kind == "hash" { "HGETALL" } else { "GET" };
        let get = [get.as_bytes().to_vec(), copy].to_vec();
        let delete = ["DEL", "copy"].map(|w| w.as_bytes().to_vec()).to_vec();
        link.batch(&[get, delete], slack_ms)?;
    }
    Ok(())
}

fn bulks(value: &Value) -> Vec<Vec<u8>> {
    value
        .items()
        .iter()
        .map(|item| item.bytes().to_vec())
        .collect()
}

/// The sequence as lines to read or to paste into redis-cli.
pub fn print(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        text.push_str(&format!(
            "  [{}] {}\n",
            step.connection,
            print_words(&step.words)
        ));
    }
    text
}

pub fn print_words(words: &Words) -> String {
    words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &[u8]) -> String {
    let plain = !word.is_empty() && word.iter().all(|b| b.is_ascii_graphic() && *b != b'"');
    let text = reply::display(word);
    if plain { text } else { format!("\"{text}\"") }
}
