//! A plain folder as it was before somebody worked in it: copied first, compared and put back later.
//!
//! Everything in the folder counts, also what a project would ignore: an agent may change it all. So
//! there are hard limits, and a folder beyond them is refused.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// How much a snapshot may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files, links and folders.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// What a folder may hold to be worked in without git.
pub const LIMITS: Limits = Limits { entries: 20_000, bytes: 1 << 30 };

/// The deepest folder below the first.
const DEPTH_MAX: usize = 200;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too many files.
    #[error("{} holds more than {most} files and folders", folder.display())]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// The limit.
        most: u64,
    },
    /// Too many bytes.
    #[error("{} holds more than {} MiB", folder.display(), most >> 20)]
    TooLarge {
        /// The folder.
        folder: PathBuf,
        /// The limit.
        most: u64,
    },
    /// Something cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { path: path.to_owned(), source }
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Files, links and folders.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Sockets, pipes and devices: they are neither copied nor compared.
    pub left_out: u64,
}

/// Something below a folder.
#[derive(Debug, Clone)]
struct Entry {
    facts: Metadata,
}

/// Everything below a folder, by path; links are not followed.
fn walk(folder: &Path, limits: Limits) -> Result<(BTreeMap<PathBuf, Entry>, Taken), Error> {
    let mut found = BTreeMap::new();
    let mut taken = Taken::default();
    let mut open = vec![(PathBuf::new(), 0)];
    while let Some((below, depth)) = open.pop() {
        let here = folder.join(&below);
        for entry in fs::read_dir(&here).map_err(at(&here))? {
            let entry = entry.map_err(at(&here))?;
            let (whole, path) = (entry.path(), below.join(entry.file_name()));
            let facts = fs::symlink_metadata(&whole).map_err(at(&whole))?;
            let kind = facts.file_type();
            if !kind.is_dir() && !kind.is_file() && !kind.is_symlink() {
                taken.left_out += 1;
                continue;
            }
            taken.entries += 1;
            taken.bytes += if kind.is_file() { facts.len() } else { 0 };
            if taken.entries > limits.entries || depth > DEPTH_MAX {
                return Err(Error::TooMany { folder: folder.to_owned(), most: limits.entries });
            }
            if taken.bytes > limits.bytes {
                return Err(Error::TooLarge { folder: folder.to_owned(), most: limits.bytes });
            }
            if kind.is_dir() {
                open.push((path.clone(), depth + 1));
            }
            found.insert(path, Entry { facts });
        }
    }
    Ok((found, taken))
}

/// Copies a folder; `to` is made and appears only when it is whole. Where the file system can, the
/// copies share their room with the originals.
///
/// # Errors
/// It is too large, or something cannot be read.
pub fn take(from: &Path, to: &Path, limits: Limits) -> Result<Taken, Error> {
    let (entries, taken) = walk(from, limits)?;
    let part = to.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(at(&part))?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&part).map_err(at(&part))?;
    for (path, entry) in &entries {
        copy(&from.join(path), &part.join(path), &entry.facts)?;
    }
    // Folders get their own rights last: some may not be written to.
    for (path, entry) in entries.iter().rev().filter(|(_, entry)| entry.facts.is_dir()) {
        let folder = part.join(path);
        // The owner must be able to look at it and to remove it.
        let mode = entry.facts.permissions().mode() | 0o700;
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).map_err(at(&folder))?;
    }
    fs::rename(&part, to).map_err(at(to))?;
    Ok(taken)
}

fn copy(from: &Path, to: &Path, facts: &Metadata) -> Result<(), Error> {
    let kind = facts.file_type();
    if kind.is_dir() {
        return fs::create_dir(to).map_err(at(to));
    }
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(at(from))?;
        return symlink(target, to).map_err(at(to));
    }
    fs::copy(from, to).map_err(at(from))?;
    Ok(())
}

/// A file or link that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Below the folder.
    pub path: PathBuf,
    /// `A` added, `M` modified, `D` removed, `T` became something else.
    pub status: char,
}

/// What differs in a folder from its snapshot, by path. Folders count only by what is in them.
///
/// # Errors
/// Something cannot be read.
pub fn changes(snapshot: &Path, now: &Path) -> Result<Vec<Change>, Error> {
    let no_limit = Limits { entries: u64::MAX, bytes: u64::MAX };
    let (old, _) = walk(snapshot, no_limit)?;
    let (new, _) = walk(now, no_limit)?;
    let mut found = Vec::new();
    let is_thing = |entry: &Entry| !entry.facts.is_dir();
    for (path, before) in &old {
        let status = match new.get(path) {
            None => is_thing(before).then_some('D'),
            Some(after) if before.facts.file_type() != after.facts.file_type() => Some('T'),
            Some(_) if before.facts.is_dir() => None,
            Some(after) => {
                let same =
                    same(&snapshot.join(path), &before.facts, &now.join(path), &after.facts)?;
                (!same).then_some('M')
            }
        };
        found.extend(status.map(|status| Change { path: path.clone(), status }));
    }
    let added = new.iter().filter(|(path, entry)| is_thing(entry) && !old.contains_key(*path));
    found.extend(added.map(|(path, _)| Change { path: path.clone(), status: 'A' }));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn same(old: &Path, before: &Metadata, new: &Path, after: &Metadata) -> Result<bool, Error> {
    if before.is_symlink() {
        return Ok(fs::read_link(old).map_err(at(old))? == fs::read_link(new).map_err(at(new))?);
    }
    let may_run = |facts: &Metadata| facts.permissions().mode() & 0o111 != 0;
    if before.len() != after.len() || may_run(before) != may_run(after) {
        return Ok(false);
    }
    let mut sides = [(old, [0; 16 << 10]), (new, [0; 16 << 10])];
    let [mut first, mut second] =
        [File::open(old).map_err(at(old))?, File::open(new).map_err(at(new))?];
    let [(_, a), (_, b)] = &mut sides;
    loop {
        let count = first.read(a).map_err(at(old))?;
        if count == 0 {
            return Ok(true);
        }
        let (a, b) = (a.get(..count).unwrap_or_default(), b.get_mut(..count).unwrap_or_default());
        second.read_exact(b).map_err(at(new))?;
        if a != b {
            return Ok(false);
        }
    }
}

/// What is at a path, in a word that is the same for the same: `absent`, `folder`, `link:…`, or the
/// digest of a file's content and whether it may be run.
///
/// # Errors
/// It cannot be read.
pub fn fingerprint(path: &Path) -> Result<String, Error> {
    let facts = match fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok("absent".to_owned());
        }
        Err(error) => return Err(at(path)(error)),
    };
    if facts.is_dir() {
        return Ok("folder".to_owned());
    }
    if facts.is_symlink() {
        let target = fs::read_link(path).map_err(at(path))?;
        return Ok(format!(
            "link:{}",
            digest(&mut target.as_os_str().as_bytes()).map_err(at(path))?
        ));
    }
    if !facts.is_file() {
        return Ok("other".to_owned());
    }
    let mut file = File::open(path).map_err(at(path))?;
    let may_run = if facts.permissions().mode() & 0o111 == 0 { "file" } else { "program" };
    Ok(format!("{may_run}:{}", digest(&mut file).map_err(at(path))?))
}

/// The SHA-256 of all that can be read, in lower case hexadecimal digits.
///
/// # Errors
/// It cannot be read.
pub fn digest(from: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hasher.update(chunk.get(..count).unwrap_or_default());
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Puts one file or link back as the snapshot has it; what is there now is moved to `aside` first.
///
/// # Errors
/// Something cannot be read or written; then what was there is in `aside`, or still there.
pub fn restore(snapshot: &Path, now: &Path, path: &Path, aside: &Path) -> Result<(), Error> {
    let (from, to) = (snapshot.join(path), now.join(path));
    inner_folders(now, path)?;
    if fs::symlink_metadata(&to).is_ok() {
        let kept = aside.join(path);
        let folder = kept.parent().unwrap_or(aside);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
        move_to(&to, &kept)?;
    }
    match fs::symlink_metadata(&from) {
        Ok(facts) if facts.is_dir() => fs::create_dir(&to).map_err(at(&to))?,
        Ok(facts) => {
            let folder = to.parent().unwrap_or(now);
            fs::create_dir_all(folder).map_err(at(folder))?;
            // Never half a file under its name, whenever this ends.
            let part = folder.join(format!(".orkestra-{}", std::process::id()));
            let _left_by_another = fs::remove_file(&part);
            copy(&from, &part, &facts)?;
            fs::rename(&part, &to).map_err(at(&to))?;
        }
        Err(_) => {
            // It was added: what it was put into goes too, when that was not there either.
            let mut folder = path.parent();
            while let Some(below) = folder.filter(|below| !below.as_os_str().is_empty()) {
                if snapshot.join(below).exists() || fs::remove_dir(now.join(below)).is_err() {
                    break;
                }
                folder = below.parent();
            }
        }
    }
    Ok(())
}

/// Refuses a way that leads over a link: it could lead anywhere by now.
fn inner_folders(root: &Path, path: &Path) -> Result<(), Error> {
    let mut here = root.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        here.push(part);
        if fs::symlink_metadata(&here).is_ok_and(|facts| facts.is_symlink()) {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is a link by now");
            return Err(Error::Io { path: here, source });
        }
    }
    Ok(())
}

/// Moves a file, link or folder, also to another disk.
fn move_to(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::rename(from, to) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        Err(error) => return Err(at(from)(error)),
    }
    let facts = fs::symlink_metadata(from).map_err(at(from))?;
    if facts.is_dir() {
        take(from, to, Limits { entries: u64::MAX, bytes: u64::MAX })?;
        return fs::remove_dir_all(from).map_err(at(from));
    }
    copy(from, to, &facts)?;
    fs::remove_file(from).map_err(at(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let (found, _) = walk(folder, LIMITS).unwrap();
        found.keys().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn what_was_changed_is_found_and_put_back() {
        let home = tempfile::tempdir().unwrap();
        let (work, snapshot, aside) =
            (home.path().join("work"), home.path().join("snapshot"), home.path().join("aside"));
        fs::create_dir_all(work.join("deep/er")).unwrap();
        fs::write(work.join("same"), "same").unwrap();
        fs::write(work.join("changed"), "before").unwrap();
        fs::write(work.join("deep/er/removed"), "removed").unwrap();
        fs::write(work.join("program"), "#!/bin/sh\n").unwrap();
        symlink("same", work.join("link")).unwrap();
        let taken = take(&work, &snapshot, LIMITS).unwrap();
        assert_eq!((taken.entries, taken.left_out), (7, 0));
        assert_eq!(changes(&snapshot, &work).unwrap(), []);
        let before = files(&work);

        fs::write(work.join("changed"), "after.").unwrap();
        fs::remove_dir_all(work.join("deep")).unwrap();
        fs::write(work.join("deep"), "a file now").unwrap();
        fs::create_dir_all(work.join("new/er")).unwrap();
        fs::write(work.join("new/er/file"), "new").unwrap();
        fs::set_permissions(work.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(work.join("link")).unwrap();
        symlink("changed", work.join("link")).unwrap();

        let found = changes(&snapshot, &work).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|change| format!("{} {}", change.status, change.path.display()))
            .collect();
        assert_eq!(
            told,
            ["M changed", "T deep", "D deep/er/removed", "M link", "A new/er/file", "M program"]
        );
        for change in &found {
            restore(&snapshot, &work, &change.path, &aside).unwrap();
        }
        assert_eq!(changes(&snapshot, &work).unwrap(), []);
        assert_eq!(files(&work), before);
        assert_eq!(fs::read_to_string(aside.join("changed")).unwrap(), "after.", "nothing is lost");
        assert_eq!(fs::read_to_string(aside.join("new/er/file")).unwrap(), "new");
    }

    #[test]
    fn too_large_a_folder_is_refused_before_it_is_copied() {
        let home = tempfile::tempdir().unwrap();
        let (work, snapshot) = (home.path().join("work"), home.path().join("snapshot"));
        fs::create_dir(&work).unwrap();
        for number in 0..5 {
            fs::write(work.join(number.to_string()), [0; 100]).unwrap();
        }
        let limits = |entries, bytes| Limits { entries, bytes };
        assert!(matches!(take(&work, &snapshot, limits(4, 999)), Err(Error::TooMany { .. })));
        assert!(matches!(take(&work, &snapshot, limits(9, 499)), Err(Error::TooLarge { .. })));
        assert!(!snapshot.exists());
        assert_eq!(take(&work, &snapshot, limits(5, 500)).unwrap().bytes, 500);
    }

    #[test]
    fn a_link_on_the_way_is_never_followed() {
        let home = tempfile::tempdir().unwrap();
        let (work, snapshot, out) =
            (home.path().join("work"), home.path().join("snapshot"), home.path().join("out"));
        fs::create_dir_all(work.join("in")).unwrap();
        fs::create_dir(&out).unwrap();
        fs::write(work.join("in/file"), "mine").unwrap();
        take(&work, &snapshot, LIMITS).unwrap();
        fs::remove_dir_all(work.join("in")).unwrap();
        symlink(&out, work.join("in")).unwrap();
        let aside = home.path().join("aside");
        assert!(restore(&snapshot, &work, Path::new("in/file"), &aside).is_err());
        assert_eq!(files(&out), Vec::<String>::new());
        // The link itself is put back as the folder that it was, and then its file.
        restore(&snapshot, &work, Path::new("in"), &aside).unwrap();
        restore(&snapshot, &work, Path::new("in/file"), &aside).unwrap();
        assert_eq!(fs::read_to_string(work.join("in/file")).unwrap(), "mine");
    }
}
