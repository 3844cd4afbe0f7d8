//! What is old is taken away: by hand, and by the built-in job (MISSION row 42).

use crate::harness::Home;
use crate::support::{fake, git, repository};
use serde_json::Value;
use std::path::Path;

/// Makes a file or folder look as if nobody had touched it for hours.
fn age(path: &Path) {
    let file = std::fs::File::open(path).expect("it opens");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    file.set_modified(then).expect("its time");
}

/// Puts a log into a folder of `logs/`, hours old.
fn old_log(home: &Home, folder: &str, file: &str) -> std::path::PathBuf {
    let folder = home.data().join("logs").join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let log = folder.join(file);
    std::fs::write(&log, "it was\n").expect("a log");
    age(&log);
    age(&folder);
    log
}

/// A run that ended, and its worktree.
fn ended_run(home: &Home, target: &Path) -> (String, std::path::PathBuf) {
    let target = target.display().to_string();
    let run = home.json(&["run", "do it", "--target", &target, "--detach"]);
    let id = run["id"].as_str().expect("an id").to_owned();
    home.wait("the run's end", || {
        home.json(&["run", "show", &id])["ended_at"].is_string().then_some(())
    });
    let worktree = home.data().join("worktrees").join(&id);
    assert!(worktree.is_dir());
    (id, worktree)
}

fn names(pruned: &Value, what: &str) -> Vec<String> {
    let items = pruned["items"].as_array().expect("items");
    let these = items.iter().filter(|item| item["what"] == what);
    these.map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What the trash holds, by the ends of the names.
fn in_trash(home: &Home, ending: &str) -> usize {
    let all = std::fs::read_dir(home.data().join("trash")).expect("the trash");
    all.flatten().filter(|one| one.file_name().to_string_lossy().ends_with(ending)).count()
}

const KEEP: &str = "retention: { logs: 1h, worktrees: 1ms, trash: 1h }\n";
const UNIT: &str = "units:\n  web: { command: [sleep, \"1000000\"] }\n";

fn agent() -> String {
    format!("agents:\n  helper: {{ kind: script, command: [\"{}\"] }}\n", fake("fake-agent"))
}

#[test]
fn what_is_old_goes_to_the_trash_and_a_dry_run_only_says_so() {
    let mut home = Home::new(&format!("{KEEP}{UNIT}{}", agent()));
    home.up();
    home.pid("web");
    let target = repository(&home);
    let (clean, clean_tree) = ended_run(&home, &target);
    let (_, dirty_tree) = ended_run(&home, &target);
    std::fs::write(dirty_tree.join("work.txt"), "not committed\n").expect("a file");
    let (_, loose_tree) = ended_run(&home, &target);
    git(&home, &loose_tree, &["checkout", "--quiet", "--detach"]);
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    let commit = ["commit", "--quiet", "--allow-empty", "-m", "on no branch"];
    git(&home, &loose_tree, &[&who[..], &commit].concat());

    let gone_unit = old_log(&home, "left", "1.log");
    let gone_job = old_log(&home, "job@left", "1.log");
    let young = home.data().join("logs/young");
    std::fs::create_dir_all(&young).expect("a folder");
    std::fs::write(young.join("1.log"), "just now\n").expect("a log");
    let trash = home.data().join("trash");
    std::fs::create_dir_all(&trash).expect("the trash");
    std::fs::write(trash.join("1000-log-ancient"), "x").expect("a file");
    // What a restore replaced has its time in words, and lies there as long.
    for (name, old) in [("restore-20200101T000000Z", true), ("restore-of-today", false)] {
        std::fs::create_dir_all(trash.join(name)).expect("a folder");
        if old {
            let folder = std::fs::File::open(trash.join(name)).expect("the folder");
            folder.set_modified(std::time::UNIX_EPOCH).expect("another time");
        }
    }

    let first = home.events("*")[0]["seq"].clone();
    let would = home.json(&["prune", "--dry-run"]);
    assert!(home.events("prune.done").is_empty(), "a dry run tells nothing");
    assert!(clean_tree.exists() && gone_unit.exists() && gone_job.exists());
    assert!(trash.join("1000-log-ancient").exists());
    assert_eq!(names(&would, "log"), ["job@left", "left"], "{would}");
    assert_eq!(names(&would, "worktree"), [clean.as_str()], "{would}");
    assert_eq!(names(&would, "trash"), ["1000-log-ancient", "restore-20200101T000000Z"], "{would}");

    let done = home.json(&["prune"]);
    assert_eq!((&done["items"], &done["counts"]), (&would["items"], &would["counts"]), "{done}");
    assert!(!clean_tree.exists() && !gone_unit.exists() && !gone_job.exists());
    assert!(!trash.join("1000-log-ancient").exists());
    assert!(!trash.join("restore-20200101T000000Z").exists());
    assert!(trash.join("restore-of-today").exists());
    assert!(dirty_tree.join("work.txt").exists(), "nobody's work is taken away");
    assert!(loose_tree.exists(), "no branch leads to what was committed there");
    assert!(young.exists() && home.data().join("logs/web").is_dir());
    for ending in [format!("worktree-{clean}"), "log-left".to_owned(), "log-job@left".to_owned()] {
        assert_eq!(in_trash(&home, &ending), 1, "{ending}");
    }

    // The repository lists the worktree no more, and has its branch still.
    let listed = git(&home, &target, &["worktree", "list"]);
    assert!(!listed.contains(&clean) && !listed.contains("prunable"), "{listed}");
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(git(&home, &target, &["branch", "--list"]).lines().count() >= 4);

    // It is told once, the journal lost nothing, and there is nothing more to do.
    let told = home.events("prune.done");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["body"]["counts"], done["counts"]);
    assert_eq!(home.events("*")[0]["seq"], first);
    assert!(!home.data().join("archive").exists());
    let again = home.json(&["prune"]);
    assert_eq!(again["items"].as_array().map(Vec::len), Some(0), "{again}");
    home.ok(&["audit", "verify"]);
}

#[test]
fn the_built_in_job_prunes() {
    let mut home = Home::new(&format!("{KEEP}{UNIT}"));
    home.up();
    let gone = old_log(&home, "left", "1.log");
    home.ok(&["job", "run", "prune"]);
    let told = home.wait("it to be done", || home.events("prune.done").into_iter().next());
    assert_eq!(told["body"]["counts"]["log"], 1, "{told}");
    assert!(!gone.exists());
    let finished = home.wait("the job's end", || {
        home.events("job.finished").into_iter().find(|event| event["subject"] == "prune")
    });
    assert!(finished["body"].to_string().contains("1 log"), "{finished}");
}
