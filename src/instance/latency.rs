//! The latency monitor: when an event took longer than `latency-monitor-threshold`.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};

/// Samples kept of an event, one a second, as in Redis.
const SAMPLES_MAX: usize = 160;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub at_seconds: u64,
    pub millis: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Event {
    pub samples: VecDeque<Sample>,
    pub max_millis: u64,
}

#[derive(Default)]
pub struct Latency {
    events: Mutex<BTreeMap<&'static str, Event>>,
}

impl Latency {
    pub fn add(&self, event: &'static str, sample: Sample) {
        let mut events = self.events.lock();
        let event = events.entry(event).or_default();
        event.max_millis = event.max_millis.max(sample.millis);
        match event.samples.back_mut() {
            Some(last) if last.at_seconds == sample.at_seconds => {
                last.millis = last.millis.max(sample.millis);
            }
            _ => event.samples.push_back(sample),
        }
        if event.samples.len() > SAMPLES_MAX {
            event.samples.pop_front();
        }
    }

    /// Every event that has samples.
    pub fn events(&self) -> Vec<(&'static str, Event)> {
        let events = self.events.lock();
        events
            .iter()
            .map(|(name, event)| (*name, event.clone()))
            .collect()
    }

    /// Forget one event, or all; answers how many there were.
    pub fn reset(&self, event: Option<&str>) -> usize {
        let mut events = self.events.lock();
        match event {
            Some(event) => usize::from(events.remove(event).is_some()),
            None => std::mem::take(&mut *events).len(),
        }
    }
}
