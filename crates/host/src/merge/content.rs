//! What differs, as [`orkestra_core::overlap`] compares it: by content, and by lines without context.

use crate::git::{Checkout, Error, quiet};
use crate::program::Captured;
use std::path::Path;
use std::time::Duration;

/// A file larger than this is not compared by lines.
const FILE_MAX: usize = 8 << 20;

/// Of what differs in a worktree no more is read.
const LINES_MAX: usize = 20_000;

const ASK: Duration = Duration::from_secs(120);

/// What is under a path: git's name for it, and its mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path now.
    pub path: String,
    /// Its path before, when it was renamed.
    pub old_path: Option<String>,
    /// Mode and name before; nothing when it is new.
    pub before: Option<(String, String)>,
    /// Mode and name now; nothing when it is gone.
    pub after: Option<(String, String)>,
}

/// A place where lines differ: how many lines stand before it, which are gone, and which are new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Lines before it in the older text.
    pub start: u32,
    /// Lines that are gone.
    pub removed: Vec<String>,
    /// Lines that are new.
    pub added: Vec<String>,
}

/// A file of a worktree that differs, and which lines of the older text that is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Its path.
    pub path: String,
    /// First (from 0) and how many.
    pub lines: Vec<(u32, u32)>,
    /// Lines cannot be told.
    pub whole: bool,
}

async fn ask(repository: &Path, arguments: &[&str]) -> Result<Captured, Error> {
    let answer = quiet(repository, &[], arguments, ASK).await?;
    if answer.success() {
        return Ok(answer);
    }
    let command = arguments.first().copied().unwrap_or_default().to_owned();
    let message = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
    Err(Error::Refused { command, message })
}

/// The files that differ between two commits.
///
/// # Errors
/// Git cannot tell, or there are too many to tell.
pub async fn changes(repository: &Path, from: &str, to: &str) -> Result<Vec<Entry>, Error> {
    let arguments =
        ["diff-tree", "-r", "-M", "--raw", "--no-abbrev", "--no-ext-diff", "-z", from, to, "--"];
    let answer = ask(repository, &arguments).await?;
    if answer.truncated {
        return Err(Error::TooMuch { command: "diff-tree".to_owned() });
    }
    let mut fields = answer.stdout.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut entries = Vec::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let head = String::from_utf8_lossy(head).into_owned();
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [mode_before, mode_after, before, after, status] = words.as_slice() else { continue };
        let known =
            |mode: &str, id: &str| (mode != "000000").then(|| (mode.to_owned(), id.to_owned()));
        let first = String::from_utf8_lossy(path).into_owned();
        let (path, old_path) = if status.starts_with('R') {
            let second = fields.next().unwrap_or_default();
            (String::from_utf8_lossy(second).into_owned(), Some(first))
        } else {
            (first, None)
        };
        let (before, after) = (known(mode_before, before), known(mode_after, after));
        entries.push(Entry { path, old_path, before, after });
    }
    Ok(entries)
}

/// The text under these names, one after the other; nothing when it is no text or too large.
///
/// # Errors
/// Git cannot tell.
pub async fn look(repository: &Path, blobs: &[String]) -> Result<Option<String>, Error> {
    let mut all = String::new();
    for blob in blobs {
        let answer = ask(repository, &["cat-file", "blob", blob]).await?;
        if answer.truncated || answer.stdout.len() > FILE_MAX || answer.stdout.contains(&0) {
            return Ok(None);
        }
        let Ok(text) = String::from_utf8(answer.stdout) else { return Ok(None) };
        all.push_str(&text);
        if !all.ends_with('\n') {
            all.push('\n');
        }
    }
    Ok(Some(all))
}

/// Where two texts differ.
pub fn blocks_of(old: &str, new: &str) -> Vec<Place> {
    let diff = similar::TextDiff::configure().timeout(Duration::from_secs(10)).diff_lines(old, new);
    let mut places: Vec<Place> = Vec::new();
    let line = |text: &str| text.strip_suffix('\n').unwrap_or(text).to_owned();
    let (mut at, mut open) = (0u32, false);
    for change in diff.iter_all_changes() {
        let tag = change.tag();
        if tag == similar::ChangeTag::Equal {
            at = at.saturating_add(1);
            open = false;
            continue;
        }
        if !open {
            places.push(Place { start: at, ..Place::default() });
            open = true;
        }
        let Some(place) = places.last_mut() else { continue };
        if tag == similar::ChangeTag::Delete {
            place.removed.push(line(change.value()));
            at = at.saturating_add(1);
        } else {
            place.added.push(line(change.value()));
        }
    }
    places
}

/// Where one file differs between two commits, told by counts only: of each place the lines before
/// it, those gone, and those new.
///
/// # Errors
/// Git cannot tell.
pub async fn blocks_of_ranges(
    repository: &Path,
    from: &str,
    to: &str,
    path: &str,
) -> Result<Vec<(u32, u32, u32)>, Error> {
    let mut arguments = PATCH.to_vec();
    arguments.extend([from, to, "--", path]);
    let answer = ask(repository, &arguments).await?;
    let said = String::from_utf8_lossy(&answer.stdout).into_owned();
    Ok(said.lines().filter_map(|line| line.strip_prefix("@@ ")).map(head_of).collect())
}

const PATCH: [&str; 9] = [
    "diff",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--ignore-submodules=dirty",
    "-U0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
];

/// `-12,3 +12,4 @@`: the lines before, those gone, those new.
fn head_of(text: &str) -> (u32, u32, u32) {
    let numbers = |text: &str| -> (u32, u32) {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        (start.parse().unwrap_or(0), count.parse().unwrap_or(0))
    };
    let mut words = text.split(' ');
    let mut side = |mark: char| {
        words.next().and_then(|word| word.strip_prefix(mark)).map(numbers).unwrap_or_default()
    };
    let ((start, gone), (_, new)) = (side('-'), side('+'));
    // Where nothing is gone git names the line before.
    (if gone == 0 { start } else { start.saturating_sub(1) }, gone, new)
}

/// What differs in a worktree from a commit, by lines of that commit; new files are told whole.
///
/// # Errors
/// Git cannot tell.
pub async fn touched(checkout: &Checkout, base: &str) -> Result<Vec<Lines>, Error> {
    let files = checkout.changed_since(base).await?;
    let mut arguments = PATCH.to_vec();
    arguments.extend([base, "--"]);
    let patch = checkout.read(&arguments).await?;
    let said = String::from_utf8_lossy(&patch.stdout).into_owned();
    let mut all: Vec<Lines> = files
        .iter()
        .map(|file| {
            let whole = matches!(file.status.as_str(), "?" | "A" | "T");
            Lines { path: file.path.clone(), lines: Vec::new(), whole }
        })
        .collect();
    // Names in a patch may be quoted; git lists files in the same order as the patch has them.
    let known = files.iter().enumerate().filter(|(_, file)| file.status != "?");
    // What became a link is told as gone and new.
    let tracked: Vec<usize> = known
        .flat_map(|(place, file)| {
            std::iter::repeat_n(place, if file.status == "T" { 2 } else { 1 })
        })
        .collect();
    let mut at = tracked.iter();
    let (mut file, mut left, mut count) = (None, (0u32, 0u32), 0usize);
    for line in said.lines() {
        if left.0 > 0 && line.starts_with('-') {
            left.0 -= 1;
            continue;
        }
        if left.1 > 0 && line.starts_with('+') {
            left.1 -= 1;
            continue;
        }
        if line.starts_with("diff --git ") {
            file = at.next().copied();
        } else if let Some(head) = line.strip_prefix("@@ ") {
            let (start, gone, new) = head_of(head);
            left = (gone, new);
            count += 1;
            if let Some(known) = file.and_then(|place| all.get_mut(place)).filter(|f| !f.whole) {
                known.lines.push((start, gone));
            }
        } else if line.starts_with("Binary files ")
            && let Some(known) = file.and_then(|place| all.get_mut(place))
        {
            known.whole = true;
        }
    }
    if patch.truncated || count > LINES_MAX {
        for known in all.iter_mut().filter(|known| known.lines.is_empty()) {
            known.whole = true;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_without_context() {
        let places = blocks_of("a\nb\nc\nd\n", "a\nB\nB2\nc\n");
        assert_eq!(places.len(), 2, "{places:?}");
        assert_eq!((places[0].start, places[0].removed.len(), places[0].added.len()), (1, 1, 2));
        assert_eq!((places[1].start, places[1].removed.as_slice()), (3, &["d".to_owned()][..]));
        assert_eq!(head_of("-12,3 +12,4 @@ fn x"), (11, 3, 4));
        assert_eq!(head_of("-5,0 +6,2 @@"), (5, 0, 2), "after line 5");
        assert_eq!(head_of("-1 +1 @@"), (0, 1, 1));
    }
}
