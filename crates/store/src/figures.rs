//! What the writer counts about itself, for whoever watches the daemon. Counting is a few additions
//! per commit; nothing of it is kept over a restart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the classes into which commits are sorted by how long they took, in microseconds.
/// An fsync takes some hundred microseconds on a good disk and some hundred milliseconds on a bad one.
const CLASSES: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Counted by the writer's thread, read by everybody.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    failed: AtomicU64,
    commands: AtomicU64,
    micros: AtomicU64,
    /// One for each class, and one for what took longer.
    classes: [AtomicU64; CLASSES.len() + 1],
}

/// What the store has done since it was opened, and what waits for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Groups that were committed: one transaction and one fsync each.
    pub commits: u64,
    /// Groups that could not be committed.
    pub failed: u64,
    /// Commands in the groups that were committed.
    pub commands: u64,
    /// How long all commits took together.
    pub took: Duration,
    /// Commits by how long they took: the upper end in seconds, and how many fell below it and
    /// above the one before. The last end is infinite.
    pub classes: Vec<(f64, u64)>,
    /// Commands that wait for the writer, and how many may.
    pub commands_waiting: (usize, usize),
    /// Reads that wait for a reader, and how many may.
    pub reads_waiting: (usize, usize),
}

impl Counts {
    pub(crate) fn committed(&self, commands: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = CLASSES.iter().position(|end| micros <= *end).unwrap_or(CLASSES.len());
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn figures(
        &self,
        commands_waiting: (usize, usize),
        reads_waiting: (usize, usize),
    ) -> Figures {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let ends = CLASSES.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let classes: Vec<(f64, u64)> = ends.zip(self.classes.iter().map(get)).collect();
        Figures {
            // The sum of the classes, so that the two agree also while the writer counts.
            commits: classes.iter().map(|(_, count)| count).sum(),
            failed: get(&self.failed),
            commands: get(&self.commands),
            took: Duration::from_micros(get(&self.micros)),
            classes,
            commands_waiting,
            reads_waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_falls_into_one_class() {
        let counts = Counts::default();
        for micros in [0, 250, 251, 999_999, 1_000_001, 60_000_000] {
            counts.committed(2, Duration::from_micros(micros));
        }
        counts.failed();
        let figures = counts.figures((1, 8), (0, 8));
        assert_eq!((figures.commits, figures.failed, figures.commands), (6, 1, 12));
        assert_eq!(figures.classes.len(), 13);
        assert_eq!(figures.classes[0], (0.000_25, 2));
        assert_eq!(figures.classes[1], (0.000_5, 1));
        assert_eq!(figures.classes[10], (1.0, 1));
        assert_eq!(figures.classes[11], (5.0, 1));
        assert_eq!(figures.classes[12], (f64::INFINITY, 1));
        assert_eq!(figures.took, Duration::from_micros(62_000_501));
    }
}
