//! Where two pieces of work meet, and whether putting them together lost a line (ADR 0035).
//!
//! Pure over what git tells: which files differ, and in which lines. While two runs are at work, the
//! same file is *soft*, the same lines are *hot*. After a merge each line that a side added must be
//! there, and each that it removed must be gone; where that cannot be told, a person is asked.

mod loss;
#[cfg(test)]
mod tests;

pub use loss::{Change, Content, Look, Loss, judge, sort_out};

use serde::{Deserialize, Serialize};

/// Two changes so near to each other (in lines) may be the same change, told differently.
const SLACK: u32 = 3;

/// A place where lines differ, without any context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Lines before it in the older text.
    pub start: u32,
    /// Lines that are gone.
    pub removed: Vec<String>,
    /// Lines that are new.
    pub added: Vec<String>,
}

impl Block {
    /// The lines of the older text that it replaces.
    pub fn stretch(&self) -> Stretch {
        let lines = u32::try_from(self.removed.len()).unwrap_or(u32::MAX);
        Stretch { start: self.start, lines }
    }
}

/// Lines of a text, next to each other; none for a place between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    /// Lines before it.
    pub start: u32,
    /// So many.
    pub lines: u32,
}

impl Stretch {
    fn end(self) -> u32 {
        self.start.saturating_add(self.lines)
    }

    /// Whether git could not put both changes together by itself: they share a line or touch.
    pub fn touches(self, other: Self) -> bool {
        self.is_within(other, 0)
    }

    fn is_within(self, other: Self, slack: u32) -> bool {
        self.start <= other.end().saturating_add(slack)
            && other.start <= self.end().saturating_add(slack)
    }
}

/// A file that a run changed since where it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Relative to the repository.
    pub path: String,
    /// Lines of the common base that were changed.
    pub lines: Vec<Stretch>,
    /// The lines cannot be told: it is new, no text, or too large. All of it counts as changed.
    pub whole: bool,
}

/// How near two runs come to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The same file.
    Soft,
    /// The same lines.
    Hot,
}

impl Level {
    /// The word in rows, events and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hot => "hot",
        }
    }
}

/// A file that two runs changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// Which.
    pub path: String,
    /// How near they come there.
    pub level: Level,
    /// Lines of the common base that both changed: first and last, from 1. None for a whole file.
    #[serde(default)]
    pub lines: Vec<(u32, u32)>,
}

/// Places of one pair at most: more say nothing more.
const PLACES_MAX: usize = 20;

/// The files that both changed. `lines` of both are of the same base.
pub fn meet(one: &[Touched], other: &[Touched]) -> Vec<Met> {
    let mut met = Vec::new();
    for a in one {
        let Some(b) = other.iter().find(|b| b.path == a.path) else { continue };
        let mut lines: Vec<(u32, u32)> = Vec::new();
        for x in &a.lines {
            for y in b.lines.iter().filter(|y| x.touches(**y)) {
                let from = x.start.max(y.start).min(x.end().min(y.end()));
                let to = x.end().min(y.end()).max(from + 1);
                lines.push((from + 1, to));
            }
        }
        lines.sort_unstable();
        lines.dedup();
        lines.truncate(PLACES_MAX);
        let hot = !lines.is_empty() || a.whole || b.whole;
        let level = if hot { Level::Hot } else { Level::Soft };
        met.push(Met { path: a.path.clone(), level, lines });
    }
    met
}

/// The nearest that two runs come to each other; nothing when they share no file.
pub fn level_of(met: &[Met]) -> Option<Level> {
    met.iter().map(|met| met.level).max()
}

/// Lines of a newer text, told as lines of the older one that it was made from by `blocks` (in order):
/// so that changes of two texts can be compared by their common origin.
pub fn told_before(lines: &[Stretch], blocks: &[Block]) -> Vec<Stretch> {
    let place = |line: u32, is_end: bool| {
        // How far the newer text is ahead of the older one before this line.
        let mut ahead = 0i64;
        for block in blocks {
            let added = i64::try_from(block.added.len()).unwrap_or(i64::MAX);
            let removed = i64::from(block.stretch().lines);
            let begins = i64::from(block.start) + ahead;
            if i64::from(line) <= begins {
                break;
            }
            if i64::from(line) < begins + added {
                // In what was added: all that it replaced counts.
                let old = block.stretch();
                return if is_end { old.end() } else { old.start };
            }
            ahead += added - removed;
        }
        u32::try_from(i64::from(line) - ahead).unwrap_or(0)
    };
    lines
        .iter()
        .map(|one| {
            let (start, end) = (place(one.start, false), place(one.end(), true));
            Stretch { start, lines: end.saturating_sub(start) }
        })
        .collect()
}
