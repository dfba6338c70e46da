//! Files of batches on their way in, and the thread that writes them: no client waits for the disk
//! but the one that loads.
//!
//! Invariants
//! - A file is written by the client that began it, from its beginning to its end.
//! - Work is done in the order in which it was asked for, a piece at a time.

use super::record::Versions;
use super::refusal::Refusal;
use super::rules::Rules;
use crate::checkpoint::{Loading, batches};
use crate::engine::{Access, Batch, Db, Keyspace, Millis, RowRule, ShardSet};
use crate::io::{Append, Disk, Residency, log};
use crate::rowfile::{self, batch};
use crate::view::{Registry, View};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Files under way at once.
const UPLOADS_MAX: usize = 64;

type Task = Box<dyn FnOnce(&Uploads, &Keyspace) + Send>;

/// A batch whose file is whole, safe and right.
#[derive(Clone, Debug)]
pub struct Ready {
    pub batch: Arc<Batch>,
    /// The template of its keys.
    pub key: String,
    /// Of its file.
    pub bytes: u64,
    /// The view that its rows were compared with, as it was then; `None`: it is of our own making.
    pub view: Option<Arc<View>>,
    /// Rows of which something was alive then.
    pub live: u64,
}

/// What the rows of a batch are compared with, and as of when.
pub struct Views<'v> {
    pub registry: &'v Registry,
    pub now: Millis,
}

/// Look at all rows, on all cores: nothing else of this client is to be done.
fn look_through(keyspace: &Keyspace, batch: &Batch, rule: &RowRule<'_>) -> Result<(), String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        crate::background::yield_to_serving();
        loop {
            let shard = next.fetch_add(1, Relaxed);
            if shard >= keyspace.shard_count() {
                return Ok(());
            }
            keyspace.look_through(batch, shard, rule)?;
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut threads = threads.into_iter();
        threads.try_for_each(|thread| match thread.join() {
            Ok(looked) => looked,
            Err(_) => Err("a row could not be looked at".to_owned()),
        })
    })
}

/// See the module.
pub struct Uploads {
    disk: Arc<dyn Disk>,
    residency: Residency,
    next: AtomicU64,
    files: Mutex<BTreeMap<u64, Upload>>,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    stops: bool,
}

struct Upload {
    /// Who writes it.
    client: u64,
    state: State,
}

enum State {
    Writing {
        out: Box<dyn Append>,
        bytes: u64,
    },
    /// In the hands of a task.
    Taken,
    Ready(Ready),
}

impl Uploads {
    /// Numbers begin behind all that the directory, or a record of it, has.
    pub fn new(disk: Arc<dyn Disk>, residency: Residency, last: u64) -> Uploads {
        Uploads {
            disk,
            residency,
            next: AtomicU64::new(last + 1),
            files: Mutex::default(),
            queue: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// What the thread does, until it is told to stop.
    pub fn run(&self, keyspace: &Keyspace) {
        crate::background::yield_to_serving();
        loop {
            let task = {
                let mut queue = self.queue.lock();
                while queue.tasks.is_empty() && !queue.stops {
                    self.wake.wait(&mut queue);
                }
                match queue.tasks.pop_front().filter(|_| !queue.stops) {
                    Some(task) => task,
                    None => return,
                }
            };
            task(self, keyspace);
        }
    }

    pub fn stop(&self) {
        self.queue.lock().stops = true;
        self.wake.notify_one();
    }

    /// Have something done by the thread.
    pub fn ask(&self, task: impl FnOnce(&Uploads, &Keyspace) + Send + 'static) {
        self.queue.lock().tasks.push_back(Box::new(task));
        self.wake.notify_one();
    }

    /// Begin a file; answers its number.
    pub fn begin(&self, client: u64) -> Result<u64, Refusal> {
        if self.files.lock().len() >= UPLOADS_MAX {
            let reason = format!("{UPLOADS_MAX} batches are being loaded already");
            return Err(Refusal::busy(reason));
        }
        let number = self.next.fetch_add(1, Relaxed);
        let out = self.disk.append(&batch::name(number));
        let out = out.map_err(|error| Refusal::of_disk(&error))?;
        let state = State::Writing { out, bytes: 0 };
        self.files.lock().insert(number, Upload { client, state });
        Ok(number)
    }

    fn take(&self, number: u64, client: u64) -> Result<State, Refusal> {
        let mut files = self.files.lock();
        let upload = files.get_mut(&number).filter(|one| one.client == client);
        let upload = upload.ok_or_else(|| format!("you load no batch {number}"))?;
        Ok(std::mem::replace(&mut upload.state, State::Taken))
    }

    /// Answers whether it is still under way.
    fn put(&self, number: u64, state: State) -> bool {
        match self.files.lock().get_mut(&number) {
            Some(upload) => upload.state = state,
            None => return false,
        }
        true
    }

    /// Append to a file that has `offset` bytes; answers how many it has then.
    pub fn write(
        &self,
        number: u64,
        client: u64,
        offset: u64,
        chunk: &[u8],
    ) -> Result<u64, Refusal> {
        match self.take(number, client)? {
            State::Writing { mut out, bytes } if bytes == offset => match out.write(chunk) {
                Ok(()) => {
                    let bytes = bytes + chunk.len() as u64;
                    self.put(number, State::Writing { out, bytes });
                    Ok(bytes)
                }
                Err(error) => {
                    // What of it was written is not known.
                    self.abort(number);
                    Err(Refusal::of_disk(&error))
                }
            },
            State::Writing { out, bytes } => {
                self.put(number, State::Writing { out, bytes });
                Err(format!("batch {number} has {bytes} bytes, not {offset}").into())
            }
            other => {
                self.put(number, other);
                Err(format!("batch {number} is whole already").into())
            }
        }
    }

    /// End a file: from then on it can be published, if its rows are as its view declares them.
    pub fn prepare(
        &self,
        number: u64,
        client: u64,
        keyspace: &Keyspace,
        views: &Views<'_>,
    ) -> Result<(), Refusal> {
        let State::Writing { mut out, bytes } = self.take(number, client)? else {
            return Err(format!("batch {number} is whole already").into());
        };
        let safe = out.sync().map_err(|error| Refusal::of_disk(&error));
        drop(out);
        let opened = safe.and_then(|()| self.open(number, bytes, keyspace, Some(views)));
        self.settle(number, opened, keyspace)
    }

    fn open(
        &self,
        number: u64,
        bytes: u64,
        keyspace: &Keyspace,
        views: Option<&Views<'_>>,
    ) -> Result<Ready, Refusal> {
        self.disk
            .sync_names()
            .map_err(|error| Refusal::of_disk(&error))?;
        let loading = Loading {
            residency: self.residency,
            verify: true,
        };
        let opened = batches::open(&*self.disk, keyspace, number, loading);
        let (file, batch) = opened.map_err(|error| match error {
            batches::Damage::Map(error) => Refusal::of_disk(&error),
            damage => damage.to_string().into(),
        })?;
        let (view, live) = match views {
            Some(views) => {
                let name = &file.facts.view;
                let registered = views.registry.get(name);
                let view = registered.and_then(|registered| registered.view.clone());
                let view = view.ok_or_else(|| format!("no such view '{}'", name.escape_debug()))?;
                let rules = Rules::of(view.clone(), &file.facts, views.now)?;
                look_through(keyspace, &batch, &|row| rules.check(row))?;
                (Some(view), rules.live())
            }
            None => {
                look_through(keyspace, &batch, &|_| Ok(()))?;
                (None, 0)
            }
        };
        let key = file.facts.key;
        Ok(Ready {
            batch,
            key,
            bytes,
            view,
            live,
        })
    }

    fn settle(
        &self,
        number: u64,
        opened: Result<Ready, Refusal>,
        keyspace: &Keyspace,
    ) -> Result<(), Refusal> {
        let refusal = match opened {
            Ok(ready) => match self.put(number, State::Ready(ready)) {
                true => return Ok(()),
                false => "it was given up".to_owned().into(),
            },
            Err(refusal) => refusal,
        };
        keyspace.forget_batch(number);
        self.abort(number);
        Err(refusal.told(|reason| format!("{}: {reason}", batch::name(number))))
    }

    /// Look at every byte of the version that a rollback is to publish, before it does; answers its
    /// number. `version`: `None` is the one before the current one.
    pub fn verify(
        &self,
        keyspace: &Keyspace,
        view: &str,
        version: Option<u64>,
    ) -> Result<u64, Refusal> {
        let mut shards = ShardSet::default();
        shards.insert_all(keyspace);
        let versions = Versions::load(&keyspace.lock(&shards, Access::Read), keyspace, view);
        let record = versions.to_roll_back(version)?;
        let (name, version) = (batch::name(record.number), record.version);
        let refused = |why: &str| {
            format!(
                "version {version} of view {view} cannot be published: {name} {why}; choose \
                 another version (FS.BATCH LIST), or load the export again"
            )
        };
        let batch = keyspace.batch(record.number);
        let batch = batch.ok_or_else(|| refused("cannot be read"))?;
        let sound = batches::sealed(&batch).and_then(|file| file.verify_all());
        sound.map_err(|error| {
            batch.note_damaged();
            log::warning(format_args!("Damaged: {name}: {error}"));
            refused(&format!("is damaged: {error}"))
        })?;
        Ok(record.number)
    }

    /// The batch of a file that is ready; it is no upload any more.
    pub fn publish(&self, number: u64, client: u64) -> Option<Ready> {
        let mut files = self.files.lock();
        let upload = files.get(&number).filter(|one| one.client == client)?;
        if !matches!(upload.state, State::Ready(_)) {
            return None;
        }
        match files.remove(&number)?.state {
            State::Ready(ready) => Some(ready),
            _ => None,
        }
    }

    /// The batches of files of a client that are ready; they are no uploads any more.
    pub fn publish_all(&self, client: u64) -> Vec<Ready> {
        let files = self.files.lock();
        let is_ready = |upload: &Upload| matches!(upload.state, State::Ready(_));
        let own = files
            .iter()
            .filter(|(_, one)| one.client == client && is_ready(one));
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        drop(files);
        own.into_iter()
            .filter_map(|number| self.publish(number, client))
            .collect()
    }

    /// Make a batch that takes features from all entities that have them, for each database that
    /// has any.
    pub fn make_masks(
        &self,
        client: u64,
        keyspace: &Keyspace,
        mask: &batch::Facts,
    ) -> Result<u64, Refusal> {
        let mut shards = ShardSet::default();
        shards.insert_all(keyspace);
        let used: Vec<Db> = {
            let locked = keyspace.lock(&shards, Access::Read);
            let databases = 0..keyspace.databases();
            databases.filter(|db| locked.count(*db).0 > 0).collect()
        };
        for db in used {
            let facts = batch::Facts { db, ..mask.clone() };
            self.make(client, keyspace, |out, number| {
                let mut pace = |_: usize| Ok(());
                let writer = rowfile::Writer::new(out, number, &mut pace)?;
                batch::finish(writer, &facts)
            })?;
        }
        Ok(0)
    }

    /// Give a file up.
    fn abort(&self, number: u64) {
        if self.files.lock().remove(&number).is_some() {
            self.remove(number);
        }
    }

    /// Give up a file of a client; answers whether there was one.
    pub fn give_up(&self, number: u64, client: u64, keyspace: &Keyspace) -> bool {
        let is_own = |upload: &Upload| upload.client == client;
        let known = self.files.lock().get(&number).is_some_and(is_own);
        if known {
            keyspace.forget_batch(number);
            self.abort(number);
        }
        known
    }

    /// Give up what a client that has gone began.
    pub fn leave(&self, client: u64, keyspace: &Keyspace) {
        let files = self.files.lock();
        let own = files.iter().filter(|(_, upload)| upload.client == client);
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        drop(files);
        for number in own {
            self.give_up(number, client, keyspace);
        }
    }

    /// Write a file of our own, and make it ready; answers its number.
    pub fn make(
        &self,
        client: u64,
        keyspace: &Keyspace,
        write: impl FnOnce(Box<dyn Append>, u64) -> io::Result<u64>,
    ) -> Result<u64, Refusal> {
        let number = self.next.fetch_add(1, Relaxed);
        let state = State::Taken;
        self.files.lock().insert(number, Upload { client, state });
        let out = self.disk.append(&batch::name(number));
        let written = out.and_then(|out| write(out, number));
        let written = written.map_err(|error| Refusal::of_disk(&error));
        let opened = written.and_then(|bytes| self.open(number, bytes, keyspace, None));
        self.settle(number, opened, keyspace)?;
        Ok(number)
    }

    /// Remove the file of a batch that is not known any more.
    pub fn remove(&self, number: u64) {
        let name = batch::name(number);
        if let Err(error) = self.disk.remove(&name) {
            // The next start tries again.
            log::warning(format_args!("{name} could not be removed: {error}"));
        }
    }
}
