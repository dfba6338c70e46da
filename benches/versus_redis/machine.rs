//! The machine that this runs on: what it is, its cores, how busy it is.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// The cores that this process may use.
pub fn cores() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("an affinity");
    let may_use = |core: &usize| set.is_set(*core).unwrap_or(false);
    (0..CpuSet::count()).filter(may_use).collect()
}

/// Keep this thread, and what it starts from now on, on these cores.
pub fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core).expect("a core");
    }
    sched_setaffinity(Pid::from_raw(0), &set).expect("a core of this machine");
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

/// Processor, memory, kernel.
pub fn describe() -> String {
    let unknown = || "unknown".to_owned();
    let processor = line_of("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let memory = line_of("/proc/meminfo", "MemTotal").unwrap_or_else(unknown);
    let kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| unknown());
    format!(
        "{processor}, {} cores, {:.0} GiB, Linux {}",
        cores().len(),
        kib / f64::from(1 << 20),
        kernel.trim()
    )
}

/// What all cores have done since the machine was started, without idling.
pub fn busy() -> Duration {
    let text = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .map(|n| n.parse().expect("ticks"))
        .collect();
    // user nice system (idle iowait) irq softirq steal
    let busy: u64 = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|at| ticks.get(*at))
        .sum();
    // In hundredths of a second on every Linux.
    Duration::from_millis(busy * 10)
}
