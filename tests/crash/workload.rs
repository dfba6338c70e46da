//! Load from eight clients, and what became of it.

use crate::history::Outcome;
use crate::oracle::Group;
use crate::sequence::Sequence;
use crate::signals::{Signals, Writing};
use crate::support::{Address, Connection, Rng};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

const WRITERS: usize = 7;
/// Requests of one burst of the pipelining client.
const BURST: usize = 50;
/// What `everysec` may lose, as README says.
const EVERYSEC_MAY_LOSE: Duration = Duration::from_secs(2);
/// A reply may be on its way for so long.
const SLACK: Duration = Duration::from_millis(250);
/// Bounds a hang.
const WAIT: Duration = Duration::from_secs(60);

struct Writer {
    rng: Rng,
    groups: Vec<Group>,
}

/// See the module.
pub struct Load {
    writers: Vec<Writer>,
    sequence: Sequence,
    /// Acknowledged so far, in all runs.
    pub acked: usize,
}

/// What was acknowledged until then `everysec` must have kept if the power is cut at `end`.
pub fn everysec_keeps(end: Instant) -> Option<Instant> {
    end.checked_sub(EVERYSEC_MAY_LOSE + SLACK)
}

/// Counts what is acknowledged, and says once that there was enough.
struct Count<'a> {
    signals: &'a Signals,
    acked: AtomicUsize,
    enough: usize,
    tell: Sender<()>,
}

impl Count<'_> {
    fn add(&self, n: usize, was_dead: bool) {
        assert!(!was_dead, "acknowledged, though it was sent too late");
        let before = self.acked.fetch_add(n, Relaxed);
        if before < self.enough && before + n >= self.enough {
            let _ = self.tell.send(());
        }
    }
}

impl Load {
    pub fn new(seed: u64) -> Load {
        let writer = |i| Writer {
            rng: Rng::new(seed ^ (i as u64) << 32),
            groups: Group::all(i),
        };
        Load {
            writers: (0..WRITERS).map(writer).collect(),
            sequence: Sequence::default(),
            acked: 0,
        }
    }

    /// Write until the server goes away. Once `enough` writes were acknowledged `end` is called,
    /// which is to make it go, while the writing goes on.
    pub fn run(&mut self, address: &Address, enough: usize, end: impl FnOnce()) {
        self.run_with(&Signals::default(), address, enough, end);
    }

    /// The same, but the clients also heed, and give, the signals.
    pub fn run_with(
        &mut self,
        signals: &Signals,
        address: &Address,
        enough: usize,
        end: impl FnOnce(),
    ) {
        let (tell, told) = channel();
        let acked = AtomicUsize::new(0);
        let count = Count {
            signals,
            acked,
            enough,
            tell,
        };
        let (count, writers, sequence) = (&count, &mut self.writers, &mut self.sequence);
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for writer in writers.iter_mut() {
                let writing = signals.writing();
                threads.push(scope.spawn(move || writer.write(address, count, writing)));
            }
            let writing = signals.writing();
            threads.push(scope.spawn(move || count_up(sequence, address, count, writing)));
            told.recv_timeout(WAIT).expect("enough is acknowledged");
            end();
            for thread in threads {
                let ended: io::Result<()> = thread.join().expect("a client");
                let is_right = ended.is_err() || signals.is_over();
                assert!(is_right, "clients write until the end");
            }
        });
        self.acked += count.acked.load(Relaxed);
    }

    /// What was acknowledged between these may be lost, what came later does not count.
    pub fn may_lose(&mut self, since: Instant, end: Instant) {
        self.sequence.may_lose(since, end);
        self.groups().for_each(|group| group.may_lose(since, end));
    }

    fn groups(&mut self) -> impl Iterator<Item = &mut Group> {
        let writers = self.writers.iter_mut();
        writers.flat_map(|writer| &mut writer.groups)
    }

    /// Compare what a server has with what it must have.
    pub fn check(&mut self, c: &mut Connection) -> Outcome {
        let mut outcome = self.sequence.check(c);
        self.groups().for_each(|group| outcome.add(group.check(c)));
        outcome
    }
}

impl Writer {
    fn write(&mut self, address: &Address, count: &Count, _writing: Writing) -> io::Result<()> {
        let mut c = Connection::open(address)?;
        while !count.signals.is_over() {
            let at = self.rng.below(self.groups.len());
            let group = &mut self.groups[at];
            let (request, replies) = group.issue(&mut self.rng);
            let was_dead = count.signals.is_dead();
            c.send(&request)?;
            for _ in 0..replies {
                count.signals.admit(&c.read()?.value)?;
            }
            group.acknowledge();
            count.add(1, was_dead);
        }
        Ok(())
    }
}

fn count_up(
    sequence: &mut Sequence,
    address: &Address,
    count: &Count,
    _writing: Writing,
) -> io::Result<()> {
    let mut c = Connection::open(address)?;
    while !count.signals.is_over() {
        let was_dead = count.signals.is_dead();
        c.send(&sequence.issue(BURST as u64))?;
        for _ in 0..BURST {
            count.signals.admit(&c.read()?.value)?;
            sequence.acknowledge();
            count.add(1, was_dead);
        }
    }
    Ok(())
}
