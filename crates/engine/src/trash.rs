//! The trash of the house: what is taken away without anybody's order goes there first, and stays for
//! a while (`retention.trash`).

use std::io;
use std::path::{Path, PathBuf};

/// Moves a file or folder into `trash/` under a name that tells when and what; where it is now.
pub(crate) fn take_away(home: &Path, path: &Path, kind: &str, at_ms: i64) -> io::Result<PathBuf> {
    let trash = home.join("trash");
    make_private(&trash)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut target = trash.join(format!("{at_ms}-{kind}-{name}"));
    let mut again = 0;
    while target.exists() {
        again += 1;
        target = trash.join(format!("{at_ms}-{again}-{kind}-{name}"));
    }
    std::fs::rename(path, &target)?;
    Ok(target)
}

/// When something was put into the trash, by its name.
pub(crate) fn since_ms(name: &str) -> Option<i64> {
    name.split_once('-')?.0.parse().ok()
}

fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// How many bytes a file or folder holds; links are not followed.
pub(crate) fn size(path: &Path) -> u64 {
    let Ok(facts) = std::fs::symlink_metadata(path) else { return 0 };
    if !facts.is_dir() {
        return facts.len();
    }
    let entries = std::fs::read_dir(path).map(|entries| entries.flatten().collect::<Vec<_>>());
    entries.unwrap_or_default().iter().map(|entry| size(&entry.path())).sum()
}

/// How long ago a file or folder was changed last; nothing when that is unknown.
pub(crate) fn age_ms(path: &Path) -> Option<u64> {
    let changed = std::fs::symlink_metadata(path).and_then(|facts| facts.modified()).ok()?;
    u64::try_from(changed.elapsed().ok()?.as_millis()).ok()
}

/// What is in a folder; nothing when it is not there.
pub(crate) fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(folder)
        .map(|entries| {
            let named = |entry: std::fs::DirEntry| {
                Some((entry.file_name().into_string().ok()?, entry.path()))
            };
            entries.flatten().filter_map(named).collect()
        })
        .unwrap_or_default();
    found.sort();
    found
}
