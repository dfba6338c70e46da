//! A disk in memory that crashes and fails, for tests.
//!
//! Invariants
//! - What is safe (synced bytes, names whose directory was synced) and what is only written are
//!   kept apart. The end of the process loses neither; a loss of power keeps of each sector that
//!   is not safe the old bytes, the new ones or a piece of both, and of each name likewise.
//! - A failed sync leaves its sectors marked clean, as file systems do: later syncs succeed and
//!   do not write them, unless they are written anew. Some have gone from memory by the time that
//!   the next process reads them.
//! - Everything follows from the seeds.

mod inode;
mod random;

pub use random::Random;

use super::{Append, Disk, Pages, Residency, Room, Syncer};
use bytes::Bytes;
use inode::{Inode, SECTOR_BYTES};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    Process,
    Power,
}

/// Calls that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Create,
    Append,
    Read,
    Replace,
    Sync,
    /// To the pages of a file of fixed length.
    Write,
}

/// Bugs to plant: tests must notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    #[default]
    Nothing,
    /// Syncs succeed and do nothing.
    NoSync,
    /// New names are called safe and are not.
    NoNames,
}

#[derive(Clone, Default)]
struct Files {
    inodes: Vec<Inode>,
    safe_names: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
    planted: Planted,
    /// Bytes that files may still take.
    space: Option<usize>,
    calls: BTreeMap<Call, u64>,
    /// The calls of a kind, counted from 0, that fail: from, up to and without.
    faults: BTreeMap<Call, (u64, u64)>,
    /// Steps until the process ends, in the middle of a call if need be.
    steps_left: Option<u64>,
    written_again: usize,
}

type Hook = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Shared {
    files: Mutex<Files>,
    at_append: Mutex<Option<Hook>>,
    syncs_held: Mutex<bool>,
    creates_held: Mutex<bool>,
    released: Condvar,
}

impl Shared {
    fn await_release(&self, held: &Mutex<bool>) {
        let mut held = held.lock();
        // One condition for two flags: others may be woken in vain.
        self.released.wait_while(&mut held, |held| *held);
    }
}

#[derive(Default)]
pub struct SimDisk(Arc<Shared>);

fn error(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}

impl Files {
    /// One more step; an error once the process has ended.
    fn step(&mut self) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => return Err(error("the process has ended")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn call(&mut self, call: Call) -> io::Result<()> {
        let count = self.calls.entry(call).or_default();
        *count += 1;
        let at = *count - 1;
        match self.faults.get(&call) {
            Some((from, to)) if (*from..*to).contains(&at) => Err(error("it failed, as planned")),
            _ => Ok(()),
        }
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn safe_names(&mut self) {
        if self.planted != Planted::NoNames {
            self.safe_names = self.names.clone();
        }
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>) -> usize {
        let written = bytes;
        self.inodes.push(Inode {
            written,
            ..Inode::default()
        });
        self.names.insert(name.to_owned(), self.inodes.len() - 1);
        self.inodes.len() - 1
    }
}

impl SimDisk {
    pub fn planted(planted: Planted) -> SimDisk {
        let disk = SimDisk::default();
        disk.0.files.lock().planted = planted;
        disk
    }

    /// The disk as it is after a crash now. This one goes on.
    pub fn crash(&self, seed: u64, crash: Crash) -> SimDisk {
        let mut files = self.0.files.lock().clone();
        let mut random = Random(seed);
        if crash == Crash::Power {
            let percent_new = [0, 25, 50, 75, 100][random.below(5)];
            for inode in &mut files.inodes {
                inode.written = inode.after_power_loss(&mut random, percent_new);
                inode.safe = inode.written.clone();
            }
            let both = files.names.keys().chain(files.safe_names.keys()).cloned();
            let mut names = BTreeMap::new();
            for name in both.collect::<BTreeSet<_>>() {
                let from = [&files.safe_names, &files.names][random.below(2)];
                names.extend(from.get_key_value(&name).map(|(k, v)| (k.clone(), *v)));
            }
            files.safe_names = names.clone();
            files.names = names;
        } else {
            for inode in &mut files.inodes {
                inode.forget_some(&mut random);
            }
        }
        (files.steps_left, files.space) = (None, None);
        files.faults.clear();
        let disk = SimDisk::default();
        *disk.0.files.lock() = files;
        disk
    }

    /// Fail so many calls of this kind after the next `after` ones.
    pub fn fail(&self, call: Call, after: u64, times: u64) {
        let mut files = self.0.files.lock();
        let from = files.calls.get(&call).copied().unwrap_or(0) + after;
        files
            .faults
            .insert(call, (from, from.saturating_add(times)));
    }

    pub fn set_space(&self, bytes: Option<usize>) {
        self.0.files.lock().space = bytes;
    }

    /// End the process after so many steps; a call takes one to four.
    pub fn end_after(&self, steps: u64) {
        self.0.files.lock().steps_left = Some(steps);
    }

    pub fn has_ended(&self) -> bool {
        self.0.files.lock().steps_left == Some(0)
    }

    /// Hold up syncs that begin or are under way, or let them go on.
    pub fn hold_syncs(&self, hold: bool) {
        *self.0.syncs_held.lock() = hold;
        self.0.released.notify_all();
    }

    /// Hold up the making of segments, or let it go on.
    pub fn hold_creates(&self, hold: bool) {
        *self.0.creates_held.lock() = hold;
        self.0.released.notify_all();
    }

    /// What else happens whenever a file is about to be made that is written from its beginning to
    /// its end.
    pub fn at_append(&self, hook: Option<Hook>) {
        *self.0.at_append.lock() = hook;
    }

    pub fn calls(&self, call: Call) -> u64 {
        self.0.files.lock().calls.get(&call).copied().unwrap_or(0)
    }

    /// Bytes that were written over themselves.
    pub fn written_again(&self) -> usize {
        self.0.files.lock().written_again
    }

    /// Change the bytes of a file behind everyone's back.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut files = self.0.files.lock();
        let inode = files.inode(name).unwrap();
        edit(&mut files.inodes[inode].written);
        files.inodes[inode].safe = files.inodes[inode].written.clone();
    }

    /// Put a file there behind everyone's back.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut files = self.0.files.lock();
        files.add(name, bytes);
        drop(files);
        self.edit(name, |_| ());
        self.0.files.lock().safe_names();
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let files = self.0.files.lock();
        let names = files.names.keys().filter(|name| !name.contains('/'));
        Ok(names.cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut files = self.0.files.lock();
        files.call(Call::Read)?;
        let inode = files.inode(name)?;
        Ok(files.inodes[inode].written.clone())
    }

    fn create(&self, name: &str, len: usize, _: Room) -> io::Result<Box<dyn Pages>> {
        self.0.files.lock().call(Call::Create)?;
        self.0.await_release(&self.0.creates_held);
        let mut files = self.0.files.lock();
        files.step()?;
        if files.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if let Some(space) = files.space {
            let left = space.checked_sub(len);
            files.space = Some(left.ok_or_else(|| io::Error::from(ErrorKind::StorageFull))?);
        }
        let inode = files.add(name, vec![0; len / 2]);
        files.step()?;
        files.inodes[inode].written.resize(len, 0);
        files.step()?;
        files.inodes[inode].sync(vec![0; len]);
        files.step()?;
        files.safe_names();
        let shared = self.0.clone();
        Ok(Box::new(SimFile { shared, inode, len }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.files.lock();
        files.call(Call::Replace)?;
        files.step()?;
        let temporary = format!("{name}.new");
        let inode = files.add(&temporary, bytes.to_vec());
        files.step()?;
        files.inodes[inode].sync(bytes.to_vec());
        files.step()?;
        files.names.remove(&temporary);
        files.names.insert(name.to_owned(), inode);
        files.step()?;
        files.safe_names();
        Ok(())
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let hook = self.0.at_append.lock().clone();
        if let Some(hook) = hook {
            hook();
        }
        let mut files = self.0.files.lock();
        files.call(Call::Create)?;
        files.step()?;
        if files.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = files.add(name, Vec::new());
        let (shared, len) = (self.0.clone(), 0);
        Ok(Box::new(SimFile { shared, inode, len }))
    }

    fn map(&self, name: &str, _: Residency) -> io::Result<Bytes> {
        self.read(name).map(Bytes::from)
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut files = self.0.files.lock();
        files.step()?;
        files.safe_names();
        Ok(())
    }

    fn write_again(&self, name: &str, from: usize, to: usize) -> io::Result<()> {
        let inode = self.0.files.lock().inode(name)?;
        let shared = self.0.clone();
        let mut file = SimFile {
            shared,
            inode,
            len: to,
        };
        let mut files = self.0.files.lock();
        files.written_again += to - from;
        let bytes = files.inodes[inode].written[from..to].to_vec();
        drop(files);
        Pages::write(&mut file, from, &bytes)?;
        Syncer::sync(&file)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut files = self.0.files.lock();
        files.step()?;
        let inode = files.inode(name)?;
        files.names.remove(name);
        let len = files.inodes[inode].written.len();
        files.space = files.space.map(|space| space + len);
        files.step()?;
        files.safe_names();
        Ok(())
    }

    fn keep_aside(&self, folder: &str, name: &str) -> io::Result<()> {
        let mut files = self.0.files.lock();
        files.step()?;
        let inode = files.inode(name)?;
        files.names.insert(format!("{folder}/{name}"), inode);
        files.step()?;
        let now = files.inodes[inode].written.clone();
        files.inodes[inode].sync(now);
        files.safe_names();
        Ok(())
    }
}

#[derive(Clone)]
struct SimFile {
    shared: Arc<Shared>,
    inode: usize,
    len: usize,
}

impl Append for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.shared.files.lock();
        files.step()?;
        files.call(Call::Append)?;
        if let Some(space) = files.space {
            let left = space.checked_sub(bytes.len());
            files.space = Some(left.ok_or_else(|| io::Error::from(ErrorKind::StorageFull))?);
        }
        files.inodes[self.inode].written.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Syncer::sync(self)
    }
}

impl Pages for SimFile {
    fn bytes(&self) -> usize {
        self.len
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.shared.files.lock();
        files.step()?;
        files.call(Call::Write)?;
        let inode = &mut files.inodes[self.inode];
        inode.written[at..at + bytes.len()].copy_from_slice(bytes);
        for sector in at / SECTOR_BYTES..=(at + bytes.len()) / SECTOR_BYTES {
            inode.given_up.remove(&sector);
        }
        Ok(())
    }

    fn syncer(&self) -> Arc<dyn Syncer> {
        Arc::new(self.clone())
    }
}

impl Syncer for SimFile {
    /// Makes safe what was written when it began, and no more.
    fn sync(&self) -> io::Result<()> {
        let mut files = self.shared.files.lock();
        files.step()?;
        if let Err(error) = files.call(Call::Sync) {
            files.inodes[self.inode].give_up();
            return Err(error);
        }
        let now = files.inodes[self.inode].written.clone();
        drop(files);
        self.shared.await_release(&self.shared.syncs_held);
        let mut files = self.shared.files.lock();
        if files.planted != Planted::NoSync {
            files.inodes[self.inode].sync(now);
        }
        Ok(())
    }
}
