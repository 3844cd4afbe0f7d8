//! How bubblewrap is asked for a view of the machine that has only what the tree allows.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::spec::Spec;
use super::tree::Access;

/// Folders for passing files of everybody: the process gets its own.
pub(super) const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];

/// The options, without the program and the command.
pub(super) fn options(spec: &Spec, cwd: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut add = |option: &str, paths: &[&Path]| {
        words.push(option.into());
        words.extend(paths.iter().map(|path| path.as_os_str().to_owned()));
    };
    // `/sys` shows the devices of the network namespace that it was mounted in, read-only.
    add("--ro-bind", &[Path::new("/"), Path::new("/")]);
    add("--dev", &[Path::new("/dev")]);
    add("--proc", &[Path::new("/proc")]);
    let mut emptied: Vec<PathBuf> = Vec::new();
    for (path, access) in spec.tree.entries() {
        let Ok(facts) = path.symlink_metadata() else { continue };
        if path == Path::new("/") || path.starts_with("/dev") || path.starts_with("/proc") {
            continue;
        }
        if SHARED.iter().any(|shared| Path::new(shared) == path) {
            add("--bind", &[&spec.tmp, path]);
            continue;
        }
        let around = spec.tree.around(path);
        match access {
            Access::Hidden if around == Access::Hidden => {}
            Access::Hidden if facts.is_dir() => {
                add("--tmpfs", &[path]);
                emptied.push(path.to_owned());
            }
            // A device that is bound without the right to be one cannot be opened.
            Access::Hidden => add("--ro-bind", &[Path::new("/dev/null"), path]),
            Access::Read if around == Access::Read => {}
            // A branch may be packed between our look and bubblewrap's.
            Access::Read => add("--ro-bind-try", &[path, path]),
            Access::Write => add("--bind", &[path, path]),
        }
    }
    // After all that had to be made in them.
    for path in &emptied {
        add("--remount-ro", &[path]);
    }
    for word in [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--die-with-parent",
        "--as-pid-1",
    ] {
        add(word, &[]);
    }
    if spec.network.is_cut() {
        add("--unshare-net", &[]);
    }
    add("--cap-drop", &[Path::new("ALL")]);
    add("--chdir", &[cwd]);
    words
}
