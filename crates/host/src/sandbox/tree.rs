//! What may be done below each path: the entry nearest above a path decides for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a process may do with a path and all below it, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    /// It looks empty, or cannot be opened.
    Hidden,
    /// It can be read, and programs in it can be started.
    Read,
    /// Everything.
    Write,
}

/// Paths and what may be done with them. All are absolute, without `..` and links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tree {
    entries: BTreeMap<PathBuf, Access>,
    /// Folders to be written in which nothing new has to be made.
    closed: BTreeSet<PathBuf>,
}

impl Tree {
    /// Adds an entry. Of two for the same path the one that was said last holds.
    pub(crate) fn set(&mut self, path: PathBuf, access: Access) {
        self.entries.insert(path, access);
    }

    /// Nothing new has to be made in this folder itself, so that what is in it can be told apart.
    pub(crate) fn close(&mut self, path: PathBuf) {
        self.closed.insert(path);
    }

    /// The entry that decides for a path: its own, or the nearest above.
    pub(crate) fn access(&self, path: &Path) -> Access {
        let entry = path.ancestors().find_map(|above| self.entries.get(above));
        entry.copied().unwrap_or(Access::Hidden)
    }

    /// What would hold for a path without an entry of its own.
    pub(crate) fn around(&self, path: &Path) -> Access {
        path.parent().map_or(Access::Hidden, |parent| self.access(parent))
    }

    /// All entries; what is above comes before what is below.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Path, Access)> {
        self.entries.iter().map(|(path, access)| (path.as_path(), *access))
    }

    /// The path whose entry decides for a path.
    pub(crate) fn decider<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.ancestors().find(|above| self.entries.contains_key(*above))
    }

    /// Entries strictly below a path.
    fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a Path, Access)> {
        self.entries().filter(move |(entry, _)| *entry != path && entry.starts_with(path))
    }

    /// The same tree as a list of permissions for whole subtrees, for a system that can add
    /// rights below a folder but never take one away: a folder with something forbidden in it
    /// is replaced by what `list` finds in it (links left out; true means a folder). Whatever
    /// appears later in such a folder is not permitted. Reading below a path that may be written
    /// can be told apart in this way only where the folder is closed, else it is left as it is.
    pub(crate) fn grants(
        &self,
        list: &mut dyn FnMut(&Path) -> Vec<(PathBuf, bool)>,
    ) -> Vec<(PathBuf, Access)> {
        let mut grants = Vec::new();
        self.grant(Path::new("/"), self.access(Path::new("/")), true, list, &mut grants);
        grants
    }

    fn grant(
        &self,
        path: &Path,
        access: Access,
        folder: bool,
        list: &mut dyn FnMut(&Path) -> Vec<(PathBuf, bool)>,
        grants: &mut Vec<(PathBuf, Access)>,
    ) {
        let entries: Vec<_> =
            self.below(path).map(|(path, access)| (path.to_owned(), access)).collect();
        let closed = self.closed.contains(path);
        let forbidden = entries
            .iter()
            .any(|(_, below)| *below == Access::Hidden || (closed && *below < access));
        if access == Access::Hidden || !forbidden {
            if access != Access::Hidden {
                grants.push((path.to_owned(), access));
            }
            // What may be done in addition below, each part once.
            let mut done: Vec<&Path> = Vec::new();
            for (entry, below) in &entries {
                if *below > access && !done.iter().any(|above| entry.starts_with(above)) {
                    self.grant(entry, *below, true, list, grants);
                    done.push(entry);
                }
            }
            return;
        }
        if !folder {
            return;
        }
        for (child, folder) in list(path) {
            let access = self.entries.get(&child).copied().unwrap_or(access);
            self.grant(&child, access, folder, list, grants);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, Access)]) -> Tree {
        let mut tree = Tree::default();
        for (path, access) in entries {
            tree.set(PathBuf::from(path), *access);
        }
        tree
    }

    /// `/home/u` with `.ssh`, `.config` (with `gh` and `fish`) and `work`; `/bin`.
    fn list(path: &Path) -> Vec<(PathBuf, bool)> {
        let names: &[&str] = match path.to_str().unwrap() {
            "/" => &["bin", "home"],
            "/home" => &["u"],
            "/home/u" => &[".ssh", ".config", "work"],
            "/home/u/.config" => &["gh", "fish"],
            _ => &[],
        };
        names.iter().map(|name| (path.join(name), true)).collect()
    }

    fn shown(tree: &Tree) -> Vec<String> {
        let grants = tree.grants(&mut list);
        grants.iter().map(|(path, access)| format!("{} {access:?}", path.display())).collect()
    }

    #[test]
    fn the_nearest_entry_above_decides() {
        let tree = tree(&[("/", Access::Read), ("/h", Access::Hidden), ("/h/w", Access::Write)]);
        for (path, access) in [
            ("/etc/passwd", Access::Read),
            ("/h", Access::Hidden),
            ("/h/x", Access::Hidden),
            ("/h/w/a/b", Access::Write),
            ("/hx", Access::Read),
        ] {
            assert_eq!(tree.access(Path::new(path)), access, "{path}");
        }
        assert_eq!(tree.around(Path::new("/h/w")), Access::Hidden);
    }

    #[test]
    fn a_folder_with_something_hidden_is_permitted_piece_by_piece() {
        let tree = tree(&[
            ("/", Access::Read),
            ("/home/u/.ssh", Access::Hidden),
            ("/home/u/.config/gh", Access::Hidden),
            ("/home/u/work", Access::Write),
        ]);
        assert_eq!(shown(&tree), ["/bin Read", "/home/u/.config/fish Read", "/home/u/work Write"]);
    }

    #[test]
    fn what_is_permitted_below_something_hidden_is_found() {
        let tree = tree(&[
            ("/", Access::Read),
            ("/home/u", Access::Hidden),
            ("/home/u/work/a", Access::Read),
            ("/home/u/work/a/b", Access::Write),
        ]);
        assert_eq!(shown(&tree), ["/bin Read", "/home/u/work/a Read", "/home/u/work/a/b Write"]);
    }

    #[test]
    fn what_is_in_a_closed_folder_is_told_apart() {
        let mut tree = tree(&[("/home/u", Access::Write), ("/home/u/.config", Access::Read)]);
        assert_eq!(shown(&tree), ["/home/u Write"]);
        tree.close("/home/u".into());
        let expected = ["/home/u/.ssh Write", "/home/u/.config Read", "/home/u/work Write"];
        assert_eq!(shown(&tree), expected);
    }

    #[test]
    fn nothing_is_said_twice() {
        let tree = tree(&[
            ("/", Access::Read),
            ("/bin", Access::Read),
            ("/home/u/work", Access::Write),
            ("/home/u/work/.git", Access::Read),
        ]);
        assert_eq!(shown(&tree), ["/ Read", "/home/u/work Write"]);
    }
}
