//! What differs, file by file and line by line: between commits, in a worktree, between two folders.

use crate::git::{self, Checkout};
use crate::inside;
use std::path::Path;

/// Files that are listed.
pub const FILES_MAX: usize = 2_000;
/// Lines that are told of one file.
pub const LINES_MAX: usize = 4_000;
/// Bytes of lines that are told of all files together.
pub const BYTES_MAX: usize = 4 << 20;
/// The longest line that is told whole, in characters.
const LINE_MAX: usize = 2_000;
/// The largest file that is read to be compared.
const READ_MAX: u64 = 1 << 20;

/// All that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// In the order of their paths.
    pub files: Vec<FileDiff>,
    /// Whether files or lines are left out, since there is too much.
    pub cut: bool,
}

/// One file that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path now.
    pub path: String,
    /// Its path before, when it was renamed or copied.
    pub old_path: Option<String>,
    /// `A` added, `M` modified, `D` removed, `R` renamed, `C` copied, `T` became a link or file.
    pub status: char,
    /// Whether it is no text.
    pub binary: bool,
    /// Lines that are new.
    pub added: u32,
    /// Lines that are gone.
    pub removed: u32,
    /// Whether its lines are left out, or some of them.
    pub cut: bool,
    /// Where lines differ.
    pub hunks: Vec<Hunk>,
}

/// A place where lines differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hunk {
    /// The first line before, from 1.
    pub old_start: u32,
    /// Lines before.
    pub old_lines: u32,
    /// The first line now, from 1.
    pub new_start: u32,
    /// Lines now.
    pub new_lines: u32,
    /// What git says the place is in: a function's head, mostly.
    pub heading: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `' '` the same, `'+'` new, `'-'` gone.
    pub mark: char,
    /// Its text, without the end of the line.
    pub text: String,
}

const COMMON: [&str; 5] =
    ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"];

pub(crate) fn list_of<'a>(base: &'a str, to: Option<&'a str>) -> Vec<&'a str> {
    let mut words = COMMON.to_vec();
    words.extend(["-M", "--raw", "--no-abbrev", "-z", base]);
    words.extend(to);
    words.push("--");
    words
}

pub(crate) fn patch_of<'a>(base: &'a str, to: Option<&'a str>) -> Vec<&'a str> {
    let mut words = COMMON.to_vec();
    words.extend(["-M", "-p", "-U3", "--src-prefix=a/", "--dst-prefix=b/", base]);
    words.extend(to);
    words.push("--");
    words
}

/// What differs in a worktree from a commit, files that git does not know yet among it.
///
/// # Errors
/// Git cannot tell.
pub async fn of_checkout(checkout: &Checkout, base: &str) -> Result<Diff, git::Error> {
    let (list, patch) = checkout.patch(base).await?;
    let mut diff = read(&list, &patch.stdout, patch.truncated);
    let mut room = Room::left_by(&diff);
    let untracked = checkout.uncommitted().await?.into_iter().filter(|file| file.status == "??");
    for file in untracked {
        let new = inside::read(checkout.work(), &file.path, READ_MAX);
        diff.files.push(compared(file.path, None, Some(new), &mut room));
    }
    diff.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(shortened(diff, &room))
}

/// What differs between two commits.
///
/// # Errors
/// Git cannot tell.
pub async fn between(repository: &Path, base: &str, to: &str) -> Result<Diff, git::Error> {
    let (list, patch) = git::patch_between(repository, base, to).await?;
    let diff = read(&list, &patch.stdout, patch.truncated);
    let room = Room::left_by(&diff);
    Ok(shortened(diff, &room))
}

/// What differs between two folders in these files (`A`, `M`, `D` and the path).
pub fn of_folders(old: &Path, new: &Path, files: &[(char, String)]) -> Diff {
    let mut room = Room { bytes: BYTES_MAX, short: false };
    let mut diff = Diff::default();
    for (status, path) in files.iter().take(FILES_MAX) {
        let before = (*status != 'A').then(|| inside::read(old, path, READ_MAX));
        let now = (*status != 'D').then(|| inside::read(new, path, READ_MAX));
        diff.files.push(compared(path.clone(), before, now, &mut room));
    }
    diff.cut = files.len() > FILES_MAX;
    shortened(diff, &room)
}

fn shortened(mut diff: Diff, room: &Room) -> Diff {
    diff.cut |= room.short || diff.files.len() > FILES_MAX;
    diff.files.truncate(FILES_MAX);
    diff
}

/// How much may still be told.
struct Room {
    bytes: usize,
    short: bool,
}

impl Room {
    fn left_by(diff: &Diff) -> Self {
        let lines = diff.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
        let used: usize = lines.map(|line| line.text.len() + 1).sum();
        Self { bytes: BYTES_MAX.saturating_sub(used), short: diff.cut }
    }

    /// Whether a line still has its place.
    fn takes(&mut self, bytes: usize) -> bool {
        let fits = self.bytes >= bytes;
        self.short |= !fits;
        self.bytes = self.bytes.saturating_sub(bytes);
        fits
    }
}

/// A file whose two contents are known, or are not there.
fn compared(
    path: String,
    old: Option<std::io::Result<Vec<u8>>>,
    new: Option<std::io::Result<Vec<u8>>>,
    room: &mut Room,
) -> FileDiff {
    let status = match (&old, &new) {
        (None, _) => 'A',
        (_, None) => 'D',
        _ => 'M',
    };
    let mut file = FileDiff { path, status, ..FileDiff::default() };
    let content = |side: Option<std::io::Result<Vec<u8>>>| match side {
        None => Ok(Vec::new()),
        Some(read) => read,
    };
    let (Ok(old), Ok(new)) = (content(old), content(new)) else {
        // Too large, a link, or not readable: that it differs is all that is told.
        file.cut = true;
        room.short = true;
        return file;
    };
    let text = |bytes: &[u8]| {
        (!bytes.contains(&0)).then(|| String::from_utf8(bytes.to_vec()).ok()).flatten()
    };
    let (Some(old), Some(new)) = (text(&old), text(&new)) else {
        file.binary = true;
        return file;
    };
    let lines = similar::TextDiff::configure()
        .timeout(std::time::Duration::from_secs(2))
        .diff_lines(&old, &new);
    for group in lines.grouped_ops(3) {
        let mut hunk = Hunk::default();
        let range = |first: Option<std::ops::Range<usize>>,
                     last: Option<std::ops::Range<usize>>| {
            let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
            let (start, count) = (first.start, last.end.saturating_sub(first.start));
            let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            (number(if count == 0 { start } else { start + 1 }), number(count))
        };
        (hunk.old_start, hunk.old_lines) =
            range(group.first().map(|op| op.old_range()), group.last().map(|op| op.old_range()));
        (hunk.new_start, hunk.new_lines) =
            range(group.first().map(|op| op.new_range()), group.last().map(|op| op.new_range()));
        for op in &group {
            for change in lines.iter_changes(op) {
                let mark = match change.tag() {
                    similar::ChangeTag::Equal => ' ',
                    similar::ChangeTag::Delete => '-',
                    similar::ChangeTag::Insert => '+',
                };
                add_line(&mut file, &mut hunk, mark, change.value(), room);
            }
        }
        file.hunks.push(hunk);
    }
    file
}

/// Adds a line, counted in any case, told if there is room.
fn add_line(file: &mut FileDiff, hunk: &mut Hunk, mark: char, text: &str, room: &mut Room) {
    match mark {
        '+' => file.added += 1,
        '-' => file.removed += 1,
        _ => {}
    }
    let told: usize = file.hunks.iter().map(|hunk| hunk.lines.len()).sum();
    if told + hunk.lines.len() >= LINES_MAX || !room.takes(text.len().min(LINE_MAX) + 1) {
        file.cut = true;
        room.short = true;
        return;
    }
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let short: String = text.chars().take(LINE_MAX).collect();
    file.cut |= short.len() < text.len();
    hunk.lines.push(Line { mark, text: short });
}

/// Puts git's list and git's patch together; both have the files in the same order.
fn read(list: &[u8], patch: &[u8], patch_cut: bool) -> Diff {
    let mut diff = Diff { files: files_of(list), cut: patch_cut };
    let mut room = Room { bytes: BYTES_MAX, short: patch_cut };
    let text = String::from_utf8_lossy(patch);
    let mut file: Option<usize> = None;
    let mut hunk: Option<Hunk> = None;
    // Lines of a hunk that are still to come, before and now: a removed line that begins with "-- "
    // looks like a header otherwise.
    let mut left = (0u32, 0u32);
    let finish = |diff: &mut Diff, file: Option<usize>, hunk: &mut Option<Hunk>| {
        if let (Some(file), Some(hunk)) = (file.and_then(|at| diff.files.get_mut(at)), hunk.take())
        {
            file.hunks.push(hunk);
        }
    };
    for line in text.split('\n') {
        let Some(place) = file.filter(|at| *at < diff.files.len()) else {
            if file.is_none() && line.starts_with("diff --git ") {
                file = Some(0);
            }
            continue;
        };
        if let (Some(open), (1.., _) | (_, 1..)) = (hunk.as_mut(), left) {
            let mark = line.chars().next().unwrap_or(' ');
            match mark {
                '+' => left.1 = left.1.saturating_sub(1),
                '-' => left.0 = left.0.saturating_sub(1),
                '\\' => continue,
                _ => left = (left.0.saturating_sub(1), left.1.saturating_sub(1)),
            }
            let text = line.get(mark.len_utf8()..).unwrap_or_default();
            if let Some(current) = diff.files.get_mut(place) {
                add_line(current, open, mark, text, &mut room);
            }
        } else if line.starts_with("diff --git ") {
            finish(&mut diff, file, &mut hunk);
            file = Some(place + 1);
        } else if let Some(head) = line.strip_prefix("@@ ") {
            finish(&mut diff, file, &mut hunk);
            let next = head_of(head);
            left = (next.old_lines, next.new_lines);
            hunk = Some(next);
        } else if hunk.is_none()
            && (line.starts_with("Binary files ") || line == "GIT binary patch")
            && let Some(current) = diff.files.get_mut(place)
        {
            current.binary = true;
        }
    }
    finish(&mut diff, file, &mut hunk);
    if patch_cut {
        let first_unsure = file.unwrap_or(0);
        for file in diff.files.iter_mut().skip(first_unsure) {
            file.cut = true;
        }
    }
    diff.cut |= room.short;
    diff
}

/// `-12,3 +12,4 @@ fn main() {`
fn head_of(text: &str) -> Hunk {
    let (ranges, heading) = text.split_once(" @@").unwrap_or((text, ""));
    let mut hunk = Hunk { heading: heading.trim().chars().take(200).collect(), ..Hunk::default() };
    let numbers = |text: &str| {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        (start.parse().unwrap_or(0), count.parse().unwrap_or(0))
    };
    for range in ranges.split(' ') {
        if let Some(old) = range.strip_prefix('-') {
            (hunk.old_start, hunk.old_lines) = numbers(old);
        } else if let Some(new) = range.strip_prefix('+') {
            (hunk.new_start, hunk.new_lines) = numbers(new);
        }
    }
    hunk
}

/// What `diff --raw -z` says: `:MODE MODE ID ID STATUS`, the path, and a second one for renames.
fn files_of(list: &[u8]) -> Vec<FileDiff> {
    let mut fields = list.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut files = Vec::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let head = String::from_utf8_lossy(head);
        let status = head.rsplit(' ').next().and_then(|word| word.chars().next()).unwrap_or('M');
        let first = String::from_utf8_lossy(path).into_owned();
        let (path, old_path) = if matches!(status, 'R' | 'C') {
            let second = fields.next().unwrap_or_default();
            (String::from_utf8_lossy(second).into_owned(), Some(first))
        } else {
            (first, None)
        };
        files.push(FileDiff { path, old_path, status, ..FileDiff::default() });
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_look_like_headers_are_lines() {
        let list = b":100644 100644 0 0 M\0a.sql\0:000000 100644 0 0 A\0pic\0:100644 100644 0 0 R090\0old\0new name\0";
        let patch = b"diff --git a/a.sql b/a.sql\nindex 1..2 100644\n--- a/a.sql\n+++ b/a.sql\n@@ -1,3 +1,2 @@ fn x\n one\n--- a comment\n-two\n+++ b\n\\ No newline at end of file\ndiff --git a/pic b/pic\nnew file mode 100644\nBinary files /dev/null and b/pic differ\ndiff --git a/old b/new name\nsimilarity index 90%\nrename from old\nrename to new name\n@@ -2 +2 @@\n-x\n+y\n";
        let diff = read(list, patch, false);
        assert!(!diff.cut);
        let [sql, picture, renamed] = diff.files.as_slice() else { panic!("{diff:?}") };
        assert_eq!((sql.added, sql.removed, sql.hunks.len()), (1, 2, 1));
        let lines: Vec<_> =
            sql.hunks[0].lines.iter().map(|line| (line.mark, line.text.as_str())).collect();
        assert_eq!(lines, [(' ', "one"), ('-', "-- a comment"), ('-', "two"), ('+', "++ b")]);
        assert_eq!(sql.hunks[0].heading, "fn x");
        assert!(picture.binary && picture.status == 'A');
        assert_eq!((renamed.path.as_str(), renamed.old_path.as_deref()), ("new name", Some("old")));
        assert_eq!((renamed.hunks[0].old_start, renamed.hunks[0].new_lines), (2, 1));
    }

    #[test]
    fn two_folders_are_compared_line_by_line() {
        let home = tempfile::tempdir().unwrap();
        let (old, new) = (home.path().join("old"), home.path().join("new"));
        for folder in [&old, &new] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(old.join("a"), "1\n2\n3\n").unwrap();
        std::fs::write(new.join("a"), "1\nzwei\n3\n").unwrap();
        std::fs::write(new.join("b"), b"\0\x01").unwrap();
        std::fs::write(old.join("c"), "gone\n").unwrap();
        let files = [('M', "a".to_owned()), ('A', "b".to_owned()), ('D', "c".to_owned())];
        let diff = of_folders(&old, &new, &files);
        let [a, b, c] = diff.files.as_slice() else { panic!("{diff:?}") };
        assert_eq!((a.status, a.added, a.removed), ('M', 1, 1));
        assert_eq!((a.hunks[0].old_start, a.hunks[0].old_lines), (1, 3));
        assert!(b.binary && b.hunks.is_empty());
        assert_eq!((c.status, c.removed, c.added), ('D', 1, 0));
    }

    #[test]
    fn too_much_is_cut_and_says_so() {
        let home = tempfile::tempdir().unwrap();
        let old = home.path().join("old");
        std::fs::create_dir(&old).unwrap();
        std::fs::write(home.path().join("long"), "x\n".repeat(LINES_MAX + 10)).unwrap();
        std::fs::write(home.path().join("wide"), "x".repeat(LINE_MAX * 2)).unwrap();
        let diff =
            of_folders(&old, home.path(), &[('A', "long".to_owned()), ('A', "wide".to_owned())]);
        assert!(diff.cut);
        assert_eq!(diff.files[0].hunks[0].lines.len(), LINES_MAX);
        assert_eq!(diff.files[0].added as usize, LINES_MAX + 10, "counted all the same");
        assert!(diff.files[1].cut);
    }
}
