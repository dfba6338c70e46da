//! When a checkpoint is due, how fast it may be, and what it folds.
//!
//! Invariant: each file of a shard is at least [`FOLD_RATIO`] times as large as what lies above
//! it. So a shard is rewritten in proportion to what changed in it, and has few files.

/// A file is folded into a newer one unless it is so many times as large.
const FOLD_RATIO: u64 = 4;

/// Layers are folded once they have more than this part of the bytes of the files of rows.
const LAYERS_RATIO: u64 = 4;

/// Otherwise, after so many times the time that it takes, but not at once.
const FOLD_PAUSE: u64 = 4;
const FOLD_WAIT_MILLIS: u64 = 10_000;

/// Bytes a second that a checkpoint is expected to write if it may write as many as it can.
const UNLIMITED_RATE: u64 = 256 << 20;

/// The layers that show.
#[derive(Clone, Copy, Debug, Default)]
pub struct LayersNow {
    pub count: usize,
    /// Of their files.
    pub bytes: u64,
    /// How long ago the first of them was published.
    pub oldest_millis: u64,
}

/// Files of a shard: each is another place to look in.
pub const FILES_MAX: usize = 3;

/// A checkpoint is due after so many seconds, if there were so many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub seconds: u64,
    pub changes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `save`.
    pub rules: Vec<Rule>,
    /// A checkpoint is due after so many bytes of the log.
    pub log_bytes: u64,
    /// Bytes a second that are written or read in the background; 0: as fast as can be.
    pub rate: u64,
    /// More layers than these are folded.
    pub layers: usize,
}

impl Limits {
    /// Whether layers are to be folded into files of so many bytes.
    pub fn is_fold_due(&self, layers: LayersNow, file_bytes: u64) -> bool {
        let rate = match self.rate {
            0 => UNLIMITED_RATE,
            rate => rate,
        };
        let takes_millis = (file_bytes + layers.bytes).saturating_mul(1000) / rate;
        let waits_millis = takes_millis.saturating_mul(FOLD_PAUSE);
        layers.count > 0
            && (layers.count > self.layers
                || layers.bytes > file_bytes / LAYERS_RATIO
                || layers.oldest_millis >= waits_millis.max(FOLD_WAIT_MILLIS))
    }

    /// Whether a checkpoint is due, so many seconds and changes after the last.
    pub fn is_due(&self, log_bytes: u64, seconds: u64, changes: u64) -> bool {
        let by_time = |rule: &Rule| seconds >= rule.seconds && changes >= rule.changes.max(1);
        changes > 0 && (log_bytes > self.log_bytes || self.rules.iter().any(by_time))
    }
}

/// How many of the newest of these files, given by size, are folded into a new one with so many
/// bytes of its own.
pub fn fold(new_bytes: u64, files: &[u64]) -> usize {
    let (mut above, mut fold) = (new_bytes, 0);
    for (n, bytes) in files.iter().enumerate() {
        let left = files.len() - n;
        if *bytes >= above.saturating_mul(FOLD_RATIO) && left < FILES_MAX {
            break;
        }
        above += bytes;
        fold = n + 1;
    }
    fold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_against_what_changed_is_folded() {
        assert_eq!(fold(1, &[]), 0);
        assert_eq!(fold(10, &[100]), 0, "a tenth goes above");
        assert_eq!(fold(30, &[100]), 1);
        assert_eq!(fold(10, &[20, 1000]), 1, "as much as was above");
        assert_eq!(fold(10, &[30, 100]), 2, "and what is small against both");
        assert_eq!(
            fold(1, &[10, 100, 1000]),
            1,
            "there is no room for a fourth"
        );
    }

    #[test]
    fn files_stay_few_and_bytes_written_in_proportion() {
        let (mut files, mut written, changed) = (vec![1_000_000], 0, 10_000);
        for _ in 0..1000 {
            let fold = fold(changed, &files);
            // All changes are to rows that are there: a base does not grow.
            let bytes: u64 = files.drain(..fold).sum::<u64>() + changed;
            files.insert(0, bytes.min(1_000_000));
            written += bytes;
            assert!(files.len() <= FILES_MAX);
        }
        let factor = written / (1000 * changed);
        assert!(factor < 20, "{factor} times what changed");
    }

    #[test]
    fn layers_are_folded_when_they_are_many_or_large_or_old() {
        let limits = Limits {
            layers: 2,
            ..Limits::default()
        };
        let is_due = |count, bytes, oldest_millis, file_bytes| {
            let layers = LayersNow {
                count,
                bytes,
                oldest_millis,
            };
            limits.is_fold_due(layers, file_bytes)
        };
        assert!(!is_due(0, 0, 0, 0));
        assert!(!is_due(2, 100, 0, 400));
        assert!(is_due(3, 1, 0, 400));
        assert!(is_due(1, 101, 0, 400));
        assert!(is_due(1, 1, 0, 0));
        assert!(is_due(1, 1, 10_000, 400));
        // A second's work is done after four.
        let file_bytes = 100 * UNLIMITED_RATE;
        assert!(!is_due(1, 1, 399_999, file_bytes));
        assert!(is_due(1, 1, 400_001, file_bytes));
    }

    #[test]
    fn a_checkpoint_is_due_by_size_or_by_time_if_there_were_changes() {
        let rule = |seconds, changes| Rule { seconds, changes };
        let limits = Limits {
            rules: vec![rule(3600, 1), rule(60, 1000)],
            log_bytes: 100,
            rate: 0,
            layers: 2,
        };
        assert!(!limits.is_due(1000, 5000, 0));
        assert!(limits.is_due(101, 0, 1));
        assert!(!limits.is_due(100, 3599, 999));
        assert!(limits.is_due(0, 3600, 1));
        assert!(limits.is_due(0, 60, 1000));
    }
}
