//! The thread of checkpoints, and what one does.

use super::files::Files;
use super::manifest::{Base, LayerLine, Manifest, NAME};
use super::open::Keeps;
use super::policy::{self, LayersNow, Limits};
use super::scrub::Scrub;
use super::status::{Outcome, Status};
use super::{catalog, manifest};
use crate::background;
use crate::clock;
use crate::engine::{FrozenShard, Keyspace, Published};
use crate::io::{Disk, Residency, log};
use crate::rowfile::{self, RowFile};
use crate::wal::Log;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How often the thread looks whether there is something to do.
const TICK: Duration = Duration::from_millis(100);

/// Names of layers that are counted then.
const COUNTED_A_TICK: usize = 20_000;

/// Shards are published together until their files have so many bytes.
const GROUP_BYTES: u64 = 16 << 20;

/// After a checkpoint that failed, the next one that nobody asked for.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Told whether it was done.
type Then = Box<dyn FnOnce(bool) + Send>;

#[derive(Default)]
struct Control {
    wanted: bool,
    /// Somebody waits: no pace is kept.
    hurry: bool,
    stop: bool,
    /// For the next one that begins.
    waiting: Vec<Then>,
}

/// See the module.
pub struct Checkpoints {
    disk: Arc<dyn Disk>,
    log: Arc<Log>,
    limits: Mutex<Limits>,
    residency: Residency,
    keeps: Keeps,
    control: Mutex<Control>,
    wake: Condvar,
    pub status: Status,
}

/// What the thread keeps.
pub struct Work {
    pub files: Files,
    /// Shards that were frozen and could not be written.
    pending: BTreeMap<usize, FrozenShard>,
    /// Bytes of the log that the last checkpoint covers and that are still there.
    log_bytes_left: u64,
}

impl Work {
    pub fn new(files: Files) -> Work {
        Work {
            files,
            pending: BTreeMap::new(),
            log_bytes_left: 0,
        }
    }
}

/// A shard whose file is written and does not count yet.
struct Written {
    shard: usize,
    frozen: FrozenShard,
    /// Numbers of the files that it takes the place of.
    folded: Vec<u64>,
    file: Option<Arc<RowFile>>,
}

#[derive(Default)]
struct Group {
    written: Vec<Written>,
    /// Shards without a change, and the LSNs up to which that is so.
    clean: Vec<(usize, u64)>,
    bytes: u64,
}

impl Checkpoints {
    pub fn new(
        disk: Arc<dyn Disk>,
        log: Arc<Log>,
        limits: Limits,
        residency: Residency,
        keeps: Keeps,
        files: &Files,
    ) -> Checkpoints {
        let (_, newest) = files.manifest.lsns();
        let status = Status::new(files.manifest.saved_at, newest);
        status.files.store(files.open.len() as u64, Relaxed);
        status.file_bytes.store(files.bytes(), Relaxed);
        Checkpoints {
            disk,
            log,
            limits: Mutex::new(limits),
            residency,
            keeps,
            control: Mutex::default(),
            wake: Condvar::new(),
            status,
        }
    }

    pub fn set_limits(&self, limits: Limits) {
        *self.limits.lock() = limits;
    }

    /// Ask for a checkpoint; false: one is running.
    pub fn request(&self) -> bool {
        if self.status.is_running() {
            return false;
        }
        self.control.lock().wanted = true;
        self.wake.notify_one();
        true
    }

    /// Ask for a checkpoint that begins from now on, as fast as can be, and be told of its end.
    pub fn request_and_then(&self, then: Then) {
        let mut control = self.control.lock();
        (control.wanted, control.hurry) = (true, true);
        control.waiting.push(then);
        self.wake.notify_one();
    }

    /// End the thread: a checkpoint that is under way is given up.
    pub fn stop(&self) {
        self.control.lock().stop = true;
        self.wake.notify_one();
    }

    /// Changes since the last checkpoint began.
    pub fn changes(&self) -> u64 {
        let (appended, _) = self.log.positions();
        appended.saturating_sub(self.status.saved_lsn.load(Relaxed))
    }

    /// What the thread does, until it is told to stop.
    pub fn run(&self, keyspace: &Keyspace, files: Files) {
        background::yield_to_serving();
        let mut work = Work::new(files);
        let mut scrub = Scrub::default();
        let mut ended = clock::monotonic();
        loop {
            let (wanted, waiting) = {
                let mut control = self.control.lock();
                if !control.wanted && !control.stop {
                    self.wake.wait_for(&mut control, TICK);
                }
                if control.stop {
                    return;
                }
                let waiting = std::mem::take(&mut control.waiting);
                (std::mem::take(&mut control.wanted), waiting)
            };
            keyspace.count_layers(COUNTED_A_TICK);
            let since = clock::monotonic().saturating_duration_since(ended);
            let failed = matches!(*self.status.last.lock(), Outcome::Failed(_));
            let may = !self.log.has_failed() && (!failed || since >= RETRY_AFTER);
            let is_due = || {
                let limits = self.limits.lock();
                let log_bytes = self.log.bytes().saturating_sub(work.log_bytes_left);
                limits.is_due(log_bytes, since.as_secs(), self.changes())
            };
            let folds = || {
                let showing = keyspace.showing();
                let oldest = showing.iter().map(|layer| layer.at).min().unwrap_or(0);
                let layers = LayersNow {
                    count: showing.len(),
                    bytes: showing.iter().map(|layer| layer.batch.bytes).sum(),
                    oldest_millis: clock::wall_millis().saturating_sub(oldest),
                };
                let limits = self.limits.lock();
                limits.is_fold_due(layers, work.files.bytes())
            };
            let takes_up = may && folds();
            if wanted || takes_up || (may && is_due()) {
                let done = self.checkpoint(&mut work, keyspace, takes_up);
                ended = clock::monotonic();
                waiting.into_iter().for_each(|then| then(done));
                let mut control = self.control.lock();
                control.hurry = !control.waiting.is_empty();
            } else {
                let rate = self.limits.lock().rate;
                let what = (&mut work.files, keyspace, self.keeps);
                scrub.step(what, &*self.disk, rate, TICK, (&self.status, &self.log));
            }
        }
    }

    /// Do one; answers whether it was done.
    pub(super) fn checkpoint(&self, work: &mut Work, keyspace: &Keyspace, takes_up: bool) -> bool {
        let status = &self.status;
        let (began, lsn) = (clock::monotonic(), self.log.positions().0);
        status.began_at.store(clock::wall_millis(), Relaxed);
        status.shards_done.store(0, Relaxed);
        status.bytes_written.store(0, Relaxed);
        status.running.store(true, Relaxed);
        let result = self.all_shards(work, keyspace, takes_up);
        let took = clock::monotonic().saturating_duration_since(began);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        status.took_millis.store(millis, Relaxed);
        status.files.store(work.files.open.len() as u64, Relaxed);
        status.file_bytes.store(work.files.bytes(), Relaxed);
        let done = result.is_ok();
        match result {
            Ok(()) => {
                status.saved_lsn.store(lsn, Relaxed);
                status.saves.fetch_add(1, Relaxed);
                status.saved_at.store(work.files.manifest.saved_at, Relaxed);
                log::notice(format_args!(
                    "Checkpoint: {} bytes written in {millis} ms, up to LSN {lsn}",
                    status.bytes_written.load(Relaxed)
                ));
                *status.last.lock() = Outcome::Done;
            }
            Err(error) => {
                log::warning(format_args!("The checkpoint failed: {error}"));
                *status.last.lock() = Outcome::Failed(error.to_string());
            }
        }
        status.running.store(false, Relaxed);
        done
    }

    fn all_shards(&self, work: &mut Work, keyspace: &Keyspace, takes_up: bool) -> io::Result<()> {
        let mut pace = Pace::new(self);
        if takes_up {
            self.verify_layers(keyspace, &mut pace)?;
        }
        // What an earlier one could not write; then everything, as of now.
        let pending: Vec<usize> = work.pending.keys().copied().collect();
        self.shards(work, keyspace, &pending, false, &mut pace)?;
        let all: Vec<usize> = (0..keyspace.shard_count()).collect();
        let log_bytes = self.log.bytes();
        self.shards(work, keyspace, &all, takes_up, &mut pace)?;
        let (oldest, _) = work.files.manifest.lsns();
        self.forget_layers(work, keyspace, oldest)?;
        // What was logged meanwhile is for the next one.
        work.log_bytes_left = log_bytes.saturating_sub(self.log.trim(oldest)?);
        self.remove_batches(keyspace, oldest);
        Ok(())
    }

    /// Damage is never copied from the file of a batch either.
    fn verify_layers(&self, keyspace: &Keyspace, pace: &mut Pace<'_>) -> io::Result<()> {
        let showing = keyspace.showing();
        let batches: BTreeMap<u64, _> = showing
            .iter()
            .map(|layer| (layer.batch.number, &layer.batch))
            .collect();
        for (number, batch) in batches {
            let damaged = |error| self.damaged(&rowfile::batch::name(number), &error);
            let file = super::batches::sealed(batch).map_err(damaged)?;
            self.verify(&file, &rowfile::batch::name(number), pace)?;
        }
        Ok(())
    }

    fn verify(&self, file: &RowFile, name: &str, pace: &mut Pace<'_>) -> io::Result<()> {
        for chunk in 0..file.chunks() {
            let verified = file.verify(chunk);
            verified.map_err(|error| self.damaged(name, &error))?;
            pace.keep(0)?;
        }
        Ok(())
    }

    /// Layers that were folded are named no more.
    fn forget_layers(&self, work: &mut Work, keyspace: &Keyspace, oldest: u64) -> io::Result<()> {
        let mut manifest = work.files.manifest.clone();
        let published = keyspace.published(oldest);
        let ids: Vec<(u64, u64)> = published.iter().map(|one| one.layer.id()).collect();
        let is_needed = |layer: &LayerLine| ids.contains(&(layer.lsn, layer.number));
        manifest.layers.retain(is_needed);
        if manifest != work.files.manifest {
            self.disk.replace(NAME, manifest.text().as_bytes())?;
            work.files.manifest = manifest;
        }
        Ok(())
    }

    /// Remove the files of batches that nothing needs or keeps.
    fn remove_batches(&self, keyspace: &Keyspace, oldest_lsn: u64) {
        if keyspace.unused_batches(oldest_lsn).is_empty() {
            return;
        }
        let kept = (self.keeps)(keyspace);
        // What is not kept now is not published again: this is to be asked after it. And it must
        // not be kept after a crash either.
        let unused = keyspace.unused_batches(oldest_lsn);
        let (last, _) = self.log.positions();
        let gone: Vec<u64> = unused.into_iter().filter(|n| !kept.contains(n)).collect();
        if gone.is_empty() || !self.log.make_durable(last) {
            return;
        }
        for number in gone {
            keyspace.forget_batch(number);
            self.remove(&rowfile::batch::name(number));
        }
    }

    fn shards(
        &self,
        work: &mut Work,
        keyspace: &Keyspace,
        shards: &[usize],
        takes_up: bool,
        pace: &mut Pace<'_>,
    ) -> io::Result<()> {
        let mut group = Group::default();
        for (n, &shard) in shards.iter().enumerate() {
            let (lsn, frozen) = match work.pending.remove(&shard) {
                Some(frozen) => (frozen.lsn, Some(frozen)),
                None => keyspace.freeze(shard, takes_up),
            };
            match frozen {
                None => group.clean.push((shard, lsn)),
                Some(frozen) => match self.write(work, keyspace, shard, &frozen, pace) {
                    Ok((folded, file)) => {
                        group.bytes += file.as_ref().map_or(0, |file| file.bytes.len() as u64);
                        group.written.push(Written {
                            shard,
                            frozen,
                            folded,
                            file,
                        });
                    }
                    Err(error) => {
                        work.pending.insert(shard, frozen);
                        self.give_up(work, group);
                        return Err(error);
                    }
                },
            }
            let is_last = n + 1 == shards.len();
            if group.bytes >= GROUP_BYTES || is_last {
                let is_whole = is_last && shards.len() == keyspace.shard_count();
                self.publish(work, keyspace, std::mem::take(&mut group), is_whole)?;
                self.status.shards_done.store(n as u64 + 1, Relaxed);
            }
        }
        Ok(())
    }

    /// Write what has changed in a shard, and what is folded with it.
    fn write(
        &self,
        work: &mut Work,
        keyspace: &Keyspace,
        shard: usize,
        frozen: &FrozenShard,
        pace: &mut Pace<'_>,
    ) -> io::Result<(Vec<u64>, Option<Arc<RowFile>>)> {
        let files = &mut work.files;
        let all = files.numbers(shard);
        let fold = match frozen.must_fold || frozen.is_empty() {
            true => all.len(),
            false => policy::fold(frozen.bytes() as u64, &files.sizes(shard)),
        };
        let folded: Vec<u64> = all.iter().copied().take(fold).collect();
        if frozen.is_empty() {
            return Ok((folded, None));
        }
        for file in folded.iter().filter_map(|number| files.open.get(number)) {
            self.verify(file, &rowfile::name(file.number), pace)?;
        }
        let number = files.take_number();
        let name = rowfile::name(number);
        let out = self.disk.append(&name)?;
        let mut bytes = 0;
        let mut keep = |written| {
            bytes += written as u64;
            pace.keep(written)
        };
        let folds = |number: u64| folded.contains(&number);
        let written = rowfile::Writer::new(out, number, &mut keep).and_then(|mut writer| {
            let tables = keyspace.write_frozen(frozen, &folds, &mut writer)?;
            writer.finish(shard as u32, frozen.lsn, &tables)
        });
        let opened = written.and_then(|len| {
            self.status.bytes_written.fetch_add(len, Relaxed);
            let bytes = self.disk.map(&name, self.residency)?;
            RowFile::open(bytes, number).map_err(io::Error::other)
        });
        match opened {
            Ok(file) => Ok((folded, Some(Arc::new(file)))),
            Err(error) => {
                // A part of it is of no use; on a full disk it would be in the way.
                let _ = self.disk.remove(&name);
                Err(error)
            }
        }
    }

    /// Tell of damage, once it is known: changes are refused from then on.
    fn damaged(&self, file: &str, error: &rowfile::Damage) -> io::Error {
        let text = format!("{file}: {error}");
        super::scrub::tell(&self.status, &self.log, &text);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }

    /// Forget files that were written and do not count; what they hold stays frozen.
    fn give_up(&self, work: &mut Work, group: Group) {
        for written in group.written {
            if let Some(file) = written.file {
                let _ = self.disk.remove(&rowfile::name(file.number));
            }
            work.pending.insert(written.shard, written.frozen);
        }
    }

    /// Make a group of shards count.
    fn publish(
        &self,
        work: &mut Work,
        keyspace: &Keyspace,
        group: Group,
        is_whole: bool,
    ) -> io::Result<()> {
        let prepared = self.prepare(work, keyspace, &group, is_whole);
        let (manifest, catalog_len) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.give_up(work, group);
                return Err(error);
            }
        };
        if let Err(error) = self.disk.replace(NAME, manifest.text().as_bytes()) {
            // If the new one may be there after a crash, so must be what it names.
            let found = self.disk.read(NAME).ok();
            let found = found.and_then(|bytes| Manifest::read(&bytes).ok());
            if found.is_some_and(|found| found != manifest) {
                self.give_up(work, group);
            } else {
                let frozen = group.written.into_iter().map(|w| (w.shard, w.frozen));
                work.pending.extend(frozen);
            }
            return Err(error);
        }
        let old = std::mem::replace(&mut work.files.manifest, manifest);
        work.files.catalog_len = catalog_len;
        let mut result = Ok(());
        for written in group.written {
            let folds = |number: u64| written.folded.contains(&number);
            let view = written.file.as_ref().map(|file| file.view());
            let (shard, frozen) = (written.shard, written.frozen);
            if let Err(error) = keyspace.install(shard, &frozen, &folds, view.as_ref()) {
                // It is in the manifest and cannot be read: the next attempt writes it again.
                work.pending.insert(shard, frozen);
                result = Err(error);
                continue;
            }
            for number in &written.folded {
                work.files.open.remove(number);
                self.remove(&rowfile::name(*number));
            }
            if let Some(file) = &written.file {
                work.files.open.insert(file.number, file.clone());
            }
        }
        if old.catalog != work.files.manifest.catalog && old.catalog != 0 {
            self.remove(&catalog::name(old.catalog));
        }
        result
    }

    /// Everything that must be safe before the manifest that is answered is.
    fn prepare(
        &self,
        work: &mut Work,
        keyspace: &Keyspace,
        group: &Group,
        is_whole: bool,
    ) -> io::Result<(manifest::Manifest, usize)> {
        let catalog_len = keyspace.catalog_len();
        let mut catalog = work.files.manifest.catalog;
        if catalog_len > work.files.catalog_len {
            catalog = work.files.take_number();
            let (name, bytes) = (
                catalog::name(catalog),
                catalog::seal(catalog, &keyspace.catalog()),
            );
            let mut out = self.disk.append(&name)?;
            if let Err(error) = out.write(&bytes).and_then(|()| out.sync()) {
                // A part of it is of no use; on a full disk it would be in the way.
                let _ = self.disk.remove(&name);
                return Err(error);
            }
        }
        let mut manifest = work.files.manifest.clone();
        manifest.catalog = catalog;
        let mut newest = 0;
        for (shard, lsn) in &group.clean {
            if let Some(base) = manifest.shards.get_mut(*shard) {
                base.lsn = *lsn;
                newest = newest.max(*lsn);
            }
        }
        for written in &group.written {
            if let Some(base) = manifest.shards.get_mut(written.shard) {
                let kept = base.files.iter().skip(written.folded.len());
                let new = written.file.iter().map(|file| file.number);
                *base = Base {
                    lsn: written.frozen.lsn,
                    files: new.chain(kept.copied()).collect(),
                };
                newest = newest.max(written.frozen.lsn);
            }
        }
        if is_whole {
            manifest.saved_at = clock::wall_millis();
        }
        let (oldest, _) = manifest.lsns();
        let published = keyspace.published(oldest);
        manifest.layers = published.iter().map(layer_line).collect();
        // None of them may be known before the change that published it is safe.
        let layers = manifest
            .layers
            .iter()
            .map(|layer| layer.lsn.max(layer.gone_lsn));
        let newest = layers.fold(newest, u64::max);
        if !self.log.make_durable(newest) {
            return Err(io::Error::other("the log has failed"));
        }
        self.disk.sync_names()?;
        Ok((manifest, catalog_len))
    }

    /// Remove a file that no manifest names any more.
    fn remove(&self, name: &str) {
        if let Err(error) = self.disk.remove(name) {
            // The next start tries again.
            log::warning(format_args!("{name} could not be removed: {error}"));
        }
    }
}

fn layer_line(one: &Published) -> LayerLine {
    LayerLine {
        number: one.layer.batch.number,
        lsn: one.layer.lsn,
        at: one.layer.at,
        gone_lsn: one.gone_lsn.unwrap_or(0),
    }
}

/// Keeps to the rate.
struct Pace<'c> {
    checkpoints: &'c Checkpoints,
    began: Instant,
    bytes: u64,
}

impl<'c> Pace<'c> {
    fn new(checkpoints: &'c Checkpoints) -> Pace<'c> {
        let began = clock::monotonic();
        Pace {
            checkpoints,
            began,
            bytes: 0,
        }
    }

    /// So many bytes were written: wait until they may have been. An error if it is all over.
    fn keep(&mut self, bytes: usize) -> io::Result<()> {
        self.bytes += bytes as u64;
        let rate = self.checkpoints.limits.lock().rate;
        let mut control = self.checkpoints.control.lock();
        let due = self.began + Duration::from_micros(self.bytes * 1_000_000 / rate.max(1));
        while rate > 0 && !control.hurry && !control.stop {
            let wait = due.saturating_duration_since(clock::monotonic());
            if wait.is_zero() {
                break;
            }
            self.checkpoints.wake.wait_for(&mut control, wait);
        }
        if control.stop {
            let text = "the server is stopping";
            return Err(io::Error::new(io::ErrorKind::Interrupted, text));
        }
        Ok(())
    }
}
