//! Rules of the house that no compiler knows, as tests.

use crate::program::root;
use std::path::{Path, PathBuf};

/// Who may use whom: a crate may use only those named (DESIGN: the house).
const HOUSE: [(&str, &[&str]); 11] = [
    ("core", &[]),
    ("shim", &[]),
    ("store", &["core"]),
    ("host", &[]),
    ("agents", &["core"]),
    ("connectors", &["core"]),
    ("bridge", &["core", "host", "agents"]),
    ("engine", &["core", "store", "host", "agents", "connectors", "bridge"]),
    ("server", &["core", "store", "host", "engine"]),
    ("orkestra", &["core", "store", "host", "agents", "connectors", "bridge", "engine", "server"]),
    ("fakes", &[]),
];

/// A file longer than this cannot be read in one sitting.
const LINES_MAX: usize = 1_000;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | "dist" | ".git") {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["crates", "xtask", "web/src", "web/e2e"] {
        files(&root().join(folder), &mut found);
    }
    found.retain(|path| {
        path.extension().is_some_and(|kind| kind == "rs" || kind == "ts" || kind == "tsx")
    });
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn crates_use_only_those_below_them() {
    for (name, allowed) in HOUSE {
        let manifest = text(&root().join("crates").join(name).join("Cargo.toml"));
        let uses = manifest.split("[dependencies]").nth(1).unwrap();
        let uses = uses.split("\n[").next().unwrap();
        for line in uses.lines() {
            if let Some(other) = line.trim().strip_prefix("orkestra-") {
                let other = other.split(['.', ' ', '=']).next().unwrap();
                assert!(allowed.contains(&other), "crate {name} may not use {other}");
            }
        }
    }
    let crates = std::fs::read_dir(root().join("crates")).unwrap().count();
    assert_eq!(crates, HOUSE.len(), "a new crate needs its place in the house");
}

#[test]
fn only_the_store_speaks_sql_and_only_the_host_spawns() {
    for path in sources() {
        // From the root on: the folder of the checkout may have any name.
        let shown = format!("/{}", path.strip_prefix(root()).unwrap().display());
        let product = shown.contains("/crates/") && shown.contains("/src/");
        if !product || shown.contains("/fakes/") {
            continue;
        }
        let code = text(&path);
        if !shown.contains("/store/") {
            assert!(!code.contains("rusqlite"), "{shown}: SQL lives in the store");
        }
        if !shown.contains("/host/") && !shown.contains("/shim/") {
            assert!(!code.contains("unsafe {"), "{shown}: unsafe lives in the host");
            assert!(!code.contains("process::Command"), "{shown}: only the host spawns");
        }
        if shown.contains("/core/") {
            for word in ["Timestamp::now", "Instant::now", "SystemTime", "async fn", "std::fs"] {
                assert!(!code.contains(word), "{shown}: the core is pure, but there is {word}");
            }
        }
    }
}

#[test]
fn files_are_short_and_well_named() {
    for path in sources() {
        let lines = text(&path).lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
        let stem = path.file_stem().unwrap().to_string_lossy().to_lowercase();
        for word in ["util", "utils", "helper", "helpers", "common", "misc", "manager"] {
            assert_ne!(stem, word, "{}: name the thing", path.display());
        }
    }
}

#[test]
fn nothing_names_one_machine_or_a_registry() {
    let mut found = Vec::new();
    files(&root(), &mut found);
    // Put together here, so that this file does not name them itself.
    let words = [
        ["/wo", "rk/ma"].concat(),
        ["registry.npm", "js.org"].concat(),
        ["static.crates", ".io"].concat(),
    ];
    // In a second worktree `.git` is a file that names the first one.
    for path in found.into_iter().filter(|path| !path.ends_with(".git")) {
        let Ok(content) = std::fs::read_to_string(&path) else { continue };
        for word in &words {
            assert!(!content.contains(word.as_str()), "{} names {word}", path.display());
        }
    }
}

#[test]
fn error_pages_and_documents_are_linked_to_files_that_exist() {
    let mut pages = Vec::new();
    files(&root().join("docs"), &mut pages);
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        pages.push(root().join(name));
    }
    for page in pages.iter().filter(|page| page.extension().is_some_and(|kind| kind == "md")) {
        let folder = page.parent().unwrap();
        for link in text(page).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(folder.join(target).exists(), "{} links to {target}", page.display());
        }
    }
}
