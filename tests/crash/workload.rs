//! Load from eight clients, and what became of it.

use crate::oracle::Group;
use crate::sequence::Sequence;
use crate::support::{Address, Connection, Rng};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};

const WRITERS: usize = 7;
/// Requests of one burst of the pipelining client.
const BURST: usize = 50;

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

/// Counts what is acknowledged, and says once that there was enough.
struct Count {
    acked: AtomicUsize,
    enough: usize,
    tell: Sender<()>,
}

impl Count {
    fn add(&self, n: usize) {
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
        let (tell, told) = channel();
        let acked = AtomicUsize::new(0);
        let count = Count {
            acked,
            enough,
            tell,
        };
        let (count, writers, sequence) = (&count, &mut self.writers, &mut self.sequence);
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for writer in writers.iter_mut() {
                threads.push(scope.spawn(move || writer.write(address, count)));
            }
            threads.push(scope.spawn(move || count_up(sequence, address, count)));
            told.recv().expect("enough is acknowledged");
            end();
            for thread in threads {
                let ended = thread.join().expect("a client");
                let _: io::Error = ended.expect_err("clients write until the end");
            }
        });
        self.acked += count.acked.load(Relaxed);
    }

    /// Compare what a server has with what it must have.
    pub fn check(&mut self, c: &mut Connection) {
        self.sequence.check(c);
        let groups = self
            .writers
            .iter_mut()
            .flat_map(|writer| &mut writer.groups);
        groups.for_each(|group| group.check(c));
    }
}

impl Writer {
    fn write(&mut self, address: &Address, count: &Count) -> io::Result<()> {
        let mut c = Connection::open(address)?;
        loop {
            let at = self.rng.below(self.groups.len());
            let group = &mut self.groups[at];
            let (request, replies) = group.issue(&mut self.rng);
            c.send(&request)?;
            for _ in 0..replies {
                let reply = c.read()?.value;
                assert!(!reply.is_error(), "{}", reply.text());
            }
            group.acknowledge();
            count.add(1);
        }
    }
}

fn count_up(sequence: &mut Sequence, address: &Address, count: &Count) -> io::Result<()> {
    let mut c = Connection::open(address)?;
    loop {
        c.send(&sequence.issue(BURST as u64))?;
        for _ in 0..BURST {
            let reply = c.read()?.value;
            assert!(!reply.is_error(), "{}", reply.text());
            sequence.acknowledge();
        }
        count.add(BURST);
    }
}
