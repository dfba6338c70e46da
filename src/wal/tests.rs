//! The log on a disk that crashes.
//!
//! The oracle: every change carries its number, the run that made it and a checksum, and the test
//! keeps what was appended. What a recovery replays must be the first so many of those, and at
//! least as many as were promised: all that was appended if the process ended, all that was
//! durable if the machine did.

mod append;
mod closing;
mod crash;
mod cut;
mod damage;
mod failure;
mod planted;

use super::{Damage, Log, Options, Policy, Recovered, State, recover, settle};
use crate::engine::Journal;
use crate::io::sim::{Crash, Planted, Random, SimDisk};
use std::sync::Arc;

const SEGMENT_BYTES: usize = 4096;

/// A change that tells which it is, and whether it is whole.
fn payload(lsn: u64, run: u64, len: usize) -> Vec<u8> {
    let mut payload = [lsn.to_le_bytes(), run.to_le_bytes()].concat();
    let mut random = Random(lsn ^ run << 32);
    payload.extend((0..len).map(|_| u8::try_from(random.draw() >> 56).unwrap()));
    // Ends in zeros now and then, which must not be mistaken for nothing.
    if lsn.is_multiple_of(3) {
        payload.extend([0; 24]);
    }
    let crc = crc32fast::hash(&payload).to_le_bytes();
    payload.splice(0..0, crc);
    payload
}

fn is_whole(payload: &[u8]) -> bool {
    let crc = payload.first_chunk().map(|crc| u32::from_le_bytes(*crc));
    payload.get(4..).map(crc32fast::hash) == crc
}

fn options(recovered: &Recovered, run: u64, policy: Policy) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        policy,
        next_lsn: recovered.last_lsn + 1,
        next_segment: recovered.last_segment + 1,
        kept: recovered.kept.clone(),
        signature: run.wrapping_mul(0x1234_5678_9abc_def1),
    }
}

/// Changes with their LSNs.
type Changes = Vec<(u64, Vec<u8>)>;

/// What was replayed, and how it ended.
fn replayed(disk: &SimDisk) -> (Changes, Result<Recovered, Damage>) {
    let mut all = Vec::new();
    let result = recover(disk, 0, |lsn, change| {
        all.push((lsn, change.to_vec()));
        is_whole(change)
    });
    (all, result)
}

/// Whether what was replayed is a beginning of what was issued, of `floor` changes at least.
fn judge(replayed: &[(u64, Vec<u8>)], issued: &[Vec<u8>], floor: u64) -> Result<(), String> {
    for (n, (lsn, change)) in replayed.iter().enumerate() {
        if *lsn != n as u64 + 1 {
            return Err(format!("LSN {lsn} came as number {}", n + 1));
        }
        if issued.get(n) != Some(change) {
            return Err(format!("LSN {lsn} is not what was appended"));
        }
    }
    match (replayed.len() as u64) < floor {
        true => Err(format!("{} of {floor} promised changes", replayed.len())),
        false => Ok(()),
    }
}

/// Recover and judge; damage is a violation, since nothing but crashes happened.
fn check(disk: &SimDisk, issued: &[Vec<u8>], floor: u64) -> Result<Recovered, String> {
    let (replayed, result) = replayed(disk);
    let found = result.map_err(|damage| damage.to_string())?;
    judge(&replayed, issued, floor)?;
    if found.last_lsn != replayed.len() as u64 {
        return Err(format!("the last LSN is said to be {}", found.last_lsn));
    }
    Ok(found)
}

/// A log that goes on from crash to crash.
struct Story {
    disk: Arc<SimDisk>,
    log: Arc<Log>,
    issued: Vec<Vec<u8>>,
    random: Random,
    policy: Policy,
    run: u64,
}

impl Story {
    fn on(disk: SimDisk, seed: u64, policy: Policy) -> Story {
        let disk = Arc::new(disk);
        let log = Log::start(disk.clone(), options(&Recovered::default(), seed, policy)).unwrap();
        let random = Random(seed);
        Story {
            disk,
            log,
            issued: Vec::new(),
            random,
            policy,
            run: seed,
        }
    }

    fn new(seed: u64, policy: Policy) -> Story {
        Story::on(SimDisk::planted(Planted::Nothing), seed, policy)
    }

    fn append(&mut self, len: usize) {
        let lsn = self.log.reserve();
        assert_eq!(lsn, self.issued.len() as u64 + 1);
        let change = payload(lsn, self.run, len);
        self.log.append(lsn, &change);
        self.issued.push(change);
    }

    /// Something that happens to a log.
    fn act(&mut self) {
        match self.random.below(21) {
            0..=14 => {
                let len = match self.random.below(30) {
                    0 => 2000 + self.random.below(8000),
                    1..=4 => 300 + self.random.below(900),
                    _ => self.random.below(100),
                };
                if self.log.accepts_change(len) {
                    self.append(len);
                }
            }
            15..=17 => self.log.sync(),
            // It may fail where the disk does; then it says less.
            18 => drop(self.log.close()),
            _ => self.log.prepare(),
        }
    }

    fn acts(&mut self, count: usize) {
        (0..count).for_each(|_| self.act());
    }

    /// Up to which LSN a crash of this kind must lose nothing.
    fn floor(&self, crash: Crash) -> u64 {
        let (appended, durable) = self.log.positions();
        match crash {
            Crash::Process => appended,
            Crash::Power => durable,
        }
    }

    fn some_crash(&mut self) -> (u64, Crash) {
        let crash = [Crash::Process, Crash::Power, Crash::Power][self.random.below(3)];
        (self.random.draw(), crash)
    }

    /// Crash, recover, go on.
    fn restart(self, seed: u64, crash: Crash) -> Result<Story, String> {
        let floor = self.floor(crash);
        self.restart_with(seed, crash, floor)
    }

    /// The same, when so much must be there.
    fn restart_with(mut self, seed: u64, crash: Crash, floor: u64) -> Result<Story, String> {
        let disk = Arc::new(self.disk.crash(seed, crash));
        settle(&*disk).map_err(|error| error.to_string())?;
        let found = check(&disk, &self.issued, floor)?;
        self.issued
            .truncate(usize::try_from(found.last_lsn).unwrap());
        self.run += 0x1_0000;
        let options = options(&found, self.run, self.policy);
        self.log = Log::start(disk.clone(), options).map_err(|error| error.to_string())?;
        for number in &found.empty {
            let name = super::segment_name(*number);
            crate::io::Disk::remove(&*disk, &name).map_err(|error| error.to_string())?;
        }
        self.disk = disk;
        Ok(self)
    }
}
