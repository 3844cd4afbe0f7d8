//! Real repositories: what git merges cleanly lost nothing, and what was lost is found.

#![allow(clippy::disallowed_methods, reason = "tests make repositories")]

use super::step::compare;
use crate::evidence::look::identity;
use orkestra_core::overlap::Loss;
use orkestra_host::merge::{self as work, Moved, Replayed};
use orkestra_host::program::{Captured, run_captured};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs git as a person would, whatever runtime this is called from.
fn git_in(dir: &Path, args: &[&str]) -> Captured {
    let argv: Vec<String> =
        ["/usr/bin/env", "git"].iter().chain(args).map(|word| (*word).to_owned()).collect();
    let env = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("GIT_EDITOR", "true"),
        ("HOME", "/nonexistent"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run_captured(&argv, &env, dir, Duration::from_secs(60), 1 << 20)).unwrap()
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

struct Repository {
    dir: tempfile::TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { dir: tempfile::tempdir().unwrap() };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn git(&self, args: &[&str]) -> String {
        let who =
            ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let output = git_in(self.path(), &[&who[..], args].concat());
        assert!(output.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path: PathBuf = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    async fn replay(&self, base: &str, source: &str, onto: &str) -> Replayed {
        work::replay(self.path(), base, source, onto, &identity("test")).await.unwrap()
    }
}

/// Numbers by chance that are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Some lines are changed, removed, or put in.
fn edited(lines: &[String], chance: &mut Chance) -> Vec<String> {
    let words = ["}", "x = 1", "", "return", "a", "b"];
    let mut lines = lines.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(lines.len());
        let word = words[chance.below(words.len())].to_owned();
        match chance.below(3) {
            0 => lines[at] = word,
            1 => lines.insert(at, word),
            _ => drop(lines.remove(at)),
        }
    }
    lines
}

#[tokio::test]
async fn what_git_merges_cleanly_lost_nothing() {
    let repository = Repository::new();
    let mut chance = Chance(7);
    let mut clean = 0;
    for round in 0..40 {
        let words = ["}", "{", "let a = 1;", "let b = 2;", "", "call();"];
        let base: Vec<String> =
            (0..30).map(|_| words[chance.below(words.len())].to_owned()).collect();
        repository.write("f", text(&base));
        repository.write("g", text(&base));
        let from = repository.commit("base");
        repository.git(&["checkout", "-q", "-B", "ours"]);
        repository.write("f", text(&edited(&base, &mut chance)));
        repository.write("only", format!("{round}"));
        repository.commit("one");
        repository.write("f2", text(&edited(&base, &mut chance)));
        let ours = repository.commit("two");
        repository.git(&["checkout", "-q", "-B", "theirs", &from]);
        repository.write("f", text(&edited(&base, &mut chance)));
        repository.write("g", text(&edited(&base, &mut chance)));
        let theirs = repository.commit("theirs");
        repository.git(&["checkout", "-q", "main"]);
        let Replayed::Done(made) = repository.replay(&from, &ours, &theirs).await else { continue };
        clean += 1;
        let lost = compare(repository.path(), [&from, &ours, &theirs, &made], false).await.unwrap();
        assert_eq!(lost, [], "round {round}");
        // The same work upon the same commit is the same commit.
        assert_eq!(repository.replay(&from, &ours, &theirs).await, Replayed::Done(made));
    }
    assert!(clean > 5, "only {clean} were clean");
}

#[tokio::test]
async fn a_renamed_file_that_the_other_side_edited_keeps_both_and_a_dropped_line_is_found() {
    let repository = Repository::new();
    let lines: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    repository.write("old.txt", text(&lines));
    repository.write("pic", [0u8, 1, 2]);
    let base = repository.commit("base");
    repository.git(&["mv", "old.txt", "new.txt"]);
    let mut ours = lines.clone();
    ours[2] = "ours".to_owned();
    repository.write("new.txt", text(&ours));
    let ours_tip = repository.commit("renamed");
    repository.git(&["checkout", "-q", "-b", "theirs", &base]);
    let mut theirs = lines;
    theirs[25] = "theirs".to_owned();
    repository.write("old.txt", text(&theirs));
    let onto = repository.commit("edited");
    let Replayed::Done(made) = repository.replay(&base, &ours_tip, &onto).await else {
        panic!("a conflict")
    };
    let sides = [base.as_str(), &ours_tip, &onto, &made];
    assert_eq!(compare(repository.path(), sides, false).await.unwrap(), []);
    let author = repository.git(&["log", "-1", "--format=%an|%cn|%s", &made]);
    assert_eq!(author, "t|Orkestra test|renamed");
    // Somebody settles it and drops what the others did.
    repository.git(&["checkout", "-q", "--detach", &made]);
    let kept = std::fs::read_to_string(repository.path().join("new.txt")).unwrap();
    assert!(kept.contains("ours") && kept.contains("theirs"), "{kept}");
    repository.write("new.txt", kept.replace("theirs\n", ""));
    let broken = repository.commit("dropped");
    for free in [false, true] {
        let sides = [base.as_str(), &ours_tip, &onto, &broken];
        let lost = compare(repository.path(), sides, free).await.unwrap();
        let missing = Loss::Missing { path: "new.txt".to_owned(), line: "theirs".to_owned() };
        assert_eq!(lost, [missing]);
    }
}

#[tokio::test]
async fn pictures_of_both_sides_are_unsure_and_conflicts_name_their_files() {
    let repository = Repository::new();
    repository.write("pic", [0u8, 1, 2]);
    repository.write("a b/c", "x\n");
    let base = repository.commit("base");
    repository.write("pic", [0u8, 1, 3]);
    repository.write("a b/c", "ours\n");
    let ours = repository.commit("ours");
    repository.git(&["checkout", "-q", "-b", "theirs", &base]);
    repository.write("pic", [0u8, 1, 4]);
    repository.write("a b/c", "theirs\n");
    let theirs = repository.commit("theirs");
    let Replayed::Conflict { files, commit } = repository.replay(&base, &ours, &theirs).await
    else {
        panic!("no conflict")
    };
    assert_eq!((files, commit), (vec!["a b/c".to_owned(), "pic".to_owned()], ours.clone()));
    // Whoever takes one picture drops the other: a person decides.
    let lost = compare(repository.path(), [&base, &ours, &theirs, &theirs], true).await.unwrap();
    assert!(lost.contains(&Loss::Unsure { path: "pic".to_owned() }), "{lost:?}");
}

#[tokio::test]
async fn a_branch_moves_only_from_where_it_was_looked_at_and_never_over_what_is_not_committed() {
    let repository = Repository::new();
    repository.write("f", "one\n");
    let first = repository.commit("first");
    repository.write("f", "two\n");
    repository.write(".gitignore", "secret\n");
    let second = repository.commit("second");
    repository.write("f", "three\n");
    repository.write("new", "x\n");
    repository.git(&["add", "-A"]);
    repository.write("secret", "theirs\n");
    repository.git(&["add", "-f", "secret"]);
    let third = repository.commit("third");
    repository.git(&["branch", "aside", &first]);
    let path = repository.path();
    // Not checked out anywhere: compared with the old tip.
    assert_eq!(work::forward(path, "aside", &second, &third).await.unwrap(), Moved::Elsewhere);
    assert_eq!(work::forward(path, "aside", &first, &second).await.unwrap(), Moved::Done);
    assert_eq!(work::forward(path, "aside", &first, &second).await.unwrap(), Moved::Done, "again");
    assert_eq!(
        work::forward(path, "aside", &second, &first).await.unwrap(),
        Moved::Elsewhere,
        "back"
    );
    // Checked out: changed, untracked and ignored files are in the way.
    repository.git(&["reset", "-q", "--hard", &second]);
    for (file, content) in [("f", "mine\n"), ("new", "mine\n"), ("secret", "mine\n")] {
        repository.write(file, content);
        let moved = work::forward(path, "main", &second, &third).await.unwrap();
        assert!(matches!(moved, Moved::InTheWay(_)), "{file}: {moved:?}");
        assert_eq!(std::fs::read_to_string(path.join(file)).unwrap(), "mine\n");
        assert_eq!(repository.git(&["rev-parse", "main"]), second);
        if file == "f" {
            repository.git(&["checkout", "-q", "f"])
        } else {
            std::fs::remove_file(path.join(file)).unwrap();
            String::new()
        };
    }
    repository.write("mine", "stays\n");
    assert_eq!(work::forward(path, "main", &second, &third).await.unwrap(), Moved::Done);
    assert_eq!(std::fs::read_to_string(path.join("f")).unwrap(), "three\n");
    // Back again, and what is not committed stays.
    assert_eq!(work::back(path, "main", &third, &second).await.unwrap(), Moved::Done);
    assert!(path.join("mine").exists() && !path.join("new").exists());
    // A rebase of it is under way: it is somebody else's now.
    repository.write("f", "four\n");
    let fourth = repository.commit("fourth");
    repository.git(&["checkout", "-q", "-b", "work", &fourth]);
    repository.write("f", "five\n");
    repository.commit("five");
    assert!(!git_in(path, &["rebase", "-q", &third]).success(), "it has a conflict");
    let tip = repository.git(&["rev-parse", "work"]);
    let moved = work::back(path, "work", &tip, &fourth).await.unwrap();
    assert!(matches!(moved, Moved::InTheWay(_)), "{moved:?}");
}
