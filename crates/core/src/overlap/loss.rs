//! Whether a merge lost a line of either side, or brought one back.
//!
//! A file that only one side changed must be as that side left it, byte for byte. Where both changed
//! it, lines are counted: what a side added or removed must show in the result as often. Files that
//! a rename ties together are looked at together.

use super::{Block, SLACK};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is under a path: git's name for the content, and the mode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// The blob.
    pub id: String,
    /// `100644`, `100755`, `120000` (a link), `160000` (a submodule).
    pub mode: String,
}

impl Content {
    fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }
}

/// A file that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path now.
    pub path: String,
    /// Its path before, when it was renamed.
    pub old_path: Option<String>,
    /// Before; nothing when it is new.
    pub before: Option<Content>,
    /// Now; nothing when it is gone.
    pub after: Option<Content>,
}

/// Files whose lines must be read to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Their paths: one, or those that renames tie together.
    pub paths: BTreeSet<String>,
    /// What is under them in the base, on our side, on theirs, and in the result: the blobs' names.
    pub base: Vec<String>,
    /// Ours.
    pub ours: Vec<String>,
    /// Theirs.
    pub theirs: Vec<String>,
    /// The result.
    pub result: Vec<String>,
}

/// What is wrong with a result, or cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Loss {
    /// A line that a side added is not there.
    Missing {
        /// In which file.
        path: String,
        /// Its text, shortened.
        line: String,
    },
    /// A line that a side removed is there again, or one is there too often.
    Back {
        /// In which file.
        path: String,
        /// Its text, shortened.
        line: String,
    },
    /// A file is not as the only side that changed it left it.
    Differs {
        /// Which file.
        path: String,
    },
    /// Both sides changed what has no lines: pictures, links, submodules, or what is too large.
    Unsure {
        /// Which file.
        path: String,
    },
}

impl Loss {
    /// In words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Missing { path, line } => format!("{path}: this line is missing: {line}"),
            Self::Back { path, line } => format!("{path}: this line is there again: {line}"),
            Self::Differs { path } => {
                format!("{path}: it is not as the only side that changed it left it")
            }
            Self::Unsure { path } => {
                format!("{path}: both sides changed it, and it cannot be compared by lines")
            }
        }
    }
}

/// Lines told of one file at most, and characters of one.
const LINES_MAX: usize = 50;
const LINE_CHARS: usize = 200;

/// What each path became: before and after.
type Side = BTreeMap<String, (Option<Content>, Option<Content>)>;

fn side(changes: &[Change]) -> Side {
    let mut side = Side::new();
    for change in changes {
        match &change.old_path {
            Some(old) => {
                side.insert(old.clone(), (change.before.clone(), None));
                let known = side.entry(change.path.clone()).or_insert((None, None));
                known.1.clone_from(&change.after);
            }
            None => {
                side.insert(change.path.clone(), (change.before.clone(), change.after.clone()));
            }
        }
    }
    side
}

/// Sets of paths that belong together since some side renamed one to the other.
fn groups(sides: [&[Change]; 3]) -> Vec<BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for change in sides.into_iter().flatten() {
        let names = [Some(&change.path), change.old_path.as_ref()];
        let known: BTreeSet<usize> =
            names.into_iter().flatten().filter_map(|name| place.get(name).copied()).collect();
        let mut all: BTreeSet<String> = names.into_iter().flatten().cloned().collect();
        for old in known {
            if let Some(group) = groups.get_mut(old) {
                all.append(group);
            }
        }
        let at = groups.len();
        for name in &all {
            place.insert(name.clone(), at);
        }
        groups.push(all);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// What is wrong already by the files' names alone, and which files must be read. `free`: the result
/// was made by the author of our side, who may have changed it further; then only what the other
/// side did, and what both touched, is looked at.
pub fn sort_out(
    ours: &[Change],
    theirs: &[Change],
    result: &[Change],
    free: bool,
) -> (Vec<Loss>, Vec<Look>) {
    let (our, their, end) = (side(ours), side(theirs), side(result));
    let (mut losses, mut looks) = (Vec::new(), Vec::new());
    for group in groups([ours, theirs, result]) {
        let before = |path: &String| {
            let known = [&our, &their, &end].into_iter().find_map(|side| side.get(path));
            known.and_then(|(before, _)| before.clone())
        };
        let after = |side: &Side, path: &String| match side.get(path) {
            Some((_, after)) => after.clone(),
            None => before(path),
        };
        let changed = |side: &Side| group.iter().any(|path| after(side, path) != before(path));
        let is_like = |side: &Side| group.iter().all(|path| after(&end, path) == after(side, path));
        let (we, they) = (changed(&our), changed(&their));
        if free && !they {
            continue;
        }
        // As the only side left it that changed it; or as both left it, who did the same.
        let kept = match (we, they) {
            (false, false) => !changed(&end),
            (true, false) => is_like(&our),
            (false, true) => is_like(&their),
            (true, true) => is_like(&our) && is_like(&their),
        };
        if kept {
            continue;
        }
        let contents = |side: &Side| group.iter().filter_map(|path| after(side, path)).collect();
        let base: Vec<Content> = group.iter().filter_map(before).collect();
        let (mine, yours, made): (Vec<Content>, Vec<Content>, Vec<Content>) =
            (contents(&our), contents(&their), contents(&end));
        let name = || group.iter().next().cloned().unwrap_or_default();
        if !(we && they) && !free {
            losses.push(Loss::Differs { path: name() });
        } else if [&base, &mine, &yours, &made].into_iter().flatten().all(Content::is_file) {
            let ids = |list: Vec<Content>| list.into_iter().map(|one| one.id).collect();
            looks.push(Look {
                base: ids(base),
                ours: ids(mine),
                theirs: ids(yours),
                result: ids(made),
                paths: group,
            });
        } else {
            losses.push(Loss::Unsure { path: name() });
        }
    }
    (losses, looks)
}

/// How often each line was added and removed, and how often near a change of the other side.
#[derive(Default)]
struct Counts<'a> {
    added: BTreeMap<&'a str, i64>,
    removed: BTreeMap<&'a str, i64>,
    added_near: BTreeMap<&'a str, i64>,
    removed_near: BTreeMap<&'a str, i64>,
}

fn count<'a>(blocks: &[&'a Block], other: &[&Block]) -> Counts<'a> {
    let mut counts = Counts::default();
    for block in blocks {
        let near = other.iter().any(|one| block.stretch().is_within(one.stretch(), SLACK));
        for line in &block.added {
            *counts.added.entry(line).or_default() += 1;
            *counts.added_near.entry(line).or_default() += i64::from(near);
        }
        for line in &block.removed {
            *counts.removed.entry(line).or_default() += 1;
            *counts.removed_near.entry(line).or_default() += i64::from(near);
        }
    }
    counts
}

/// Compares what both sides did with what the result has; all three against the same base. `path`
/// names the file in what is found. `free` as for [`sort_out`].
///
/// How often a line is there more or less than in the base does not depend on how a difference is
/// told. Two sides may have made the same change, and it is told differently for each: then it is
/// there once, which is possible only for lines changed near each other.
pub fn judge(
    path: &str,
    ours: &[Block],
    theirs: &[Block],
    result: &[Block],
    free: bool,
) -> Vec<Loss> {
    // What both did alike at the same place is one change.
    let theirs: Vec<&Block> = theirs.iter().filter(|block| !ours.contains(block)).collect();
    let (ours, result): (Vec<&Block>, Vec<&Block>) =
        (ours.iter().collect(), result.iter().collect());
    let (our, their, end) = (count(&ours, &theirs), count(&theirs, &ours), count(&result, &[]));
    let of = |map: &BTreeMap<&str, i64>, line: &str| map.get(line).copied().unwrap_or(0);
    let lines: BTreeSet<&str> = [&our, &their, &end]
        .into_iter()
        .flat_map(|counts| counts.added.keys().chain(counts.removed.keys()))
        .copied()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut losses = Vec::new();
    for line in lines {
        let sum = of(&our.added, line) + of(&their.added, line)
            - of(&our.removed, line)
            - of(&their.removed, line);
        let twice_added = of(&our.added_near, line).min(of(&their.added_near, line));
        let twice_removed = of(&our.removed_near, line).min(of(&their.removed_near, line));
        let has = of(&end.added, line) - of(&end.removed, line);
        let shown = || line.chars().take(LINE_CHARS).collect::<String>();
        if has < sum - twice_added {
            // What the author took away of the common text is the author's decision, unless somebody
            // added it.
            let somebodys = of(&our.added, line) + of(&their.added, line) > 0;
            if somebodys || !free {
                losses.push(Loss::Missing { path: path.to_owned(), line: shown() });
            }
        } else if has > sum + twice_removed {
            let somebodys = of(&our.removed, line) + of(&their.removed, line) > 0;
            if somebodys || !free {
                losses.push(Loss::Back { path: path.to_owned(), line: shown() });
            }
        }
        if losses.len() >= LINES_MAX {
            break;
        }
    }
    losses
}
