//! The home, helper programs, git: the small services of the host.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use orkestra_host::home::{HomeLock, holder};
use orkestra_host::{Error, boot, git, limits, machine, program};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn path_env() -> Vec<(String, String)> {
    vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]
}

#[test]
fn one_daemon_per_home_and_the_second_learns_which() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("deep/home");
    assert_eq!(holder(&home).unwrap(), None);
    let lock = HomeLock::acquire(&home).unwrap();
    for folder in ["", "run", "secrets", "logs", "worktrees", "runs", "blobs"] {
        let facts = std::fs::metadata(home.join(folder)).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o777, 0o700);
    }
    let Err(Error::HomeLocked { pid, .. }) = HomeLock::acquire(&home) else {
        panic!("two daemons")
    };
    assert_eq!(pid, std::process::id());
    assert_eq!(holder(&home).unwrap(), Some(pid));
    drop(lock);
    let deadline = Instant::now() + support::PATIENCE;
    while holder(&home).unwrap().is_some() {
        assert!(Instant::now() < deadline);
    }
    drop(HomeLock::acquire(&home).unwrap());
}

/// A daemon that is killed while it starts a program leaves its lock to that child for a moment.
#[test]
fn a_lock_that_a_dead_daemon_left_behind_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let lock = HomeLock::acquire(dir.path()).unwrap();
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    std::fs::write(dir.path().join("orkestra.lock"), format!("{}\n", ended.id())).unwrap();
    let child = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(lock);
    });
    drop(HomeLock::acquire(dir.path()).unwrap());
    child.join().unwrap();
}

#[test]
fn a_home_that_cannot_be_written_is_named_with_what_to_do() {
    let error = HomeLock::acquire(Path::new("/proc/orkestra-home")).unwrap_err();
    println!("{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = HomeLock::acquire(&file.path().join("home")).unwrap_err();
    assert!(matches!(error, Error::HomeNotWritable { .. }), "{error}");
    assert!(error.to_string().contains("ORKESTRA_HOME"));
}

#[tokio::test]
async fn a_unit_does_not_inherit_the_homes_lock() {
    let home = support::Home::new();
    let place = home.path("home");
    let lock = HomeLock::acquire(&place).unwrap();
    let mut running = home.start(&home.sh("exec sleep 1000")).await;
    drop(lock);
    // Other tests fork meanwhile, and their children hold everything until they exec.
    support::eventually("a free lock", || holder(&place).unwrap().is_none().then_some(())).await;
    assert!(support::is_alive(running.pid));
    running.handle.stop(Duration::ZERO, None).await;
    running.exit().await;
}

#[tokio::test]
async fn helper_programs_are_captured_bounded_in_time_and_size() {
    let root = Path::new("/");
    let second = Duration::from_secs(10);
    let run = |script: &'static str, limit, max| async move {
        program::run_captured(&words(&["sh", "-c", script]), &path_env(), root, limit, max).await
    };
    let done = run("echo out; echo err >&2; exit 3", second, 100).await.unwrap();
    assert_eq!((done.code, done.truncated), (Some(3), false));
    assert_eq!((&done.stdout[..], &done.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    let done = run("seq 100000", second, 10).await.unwrap();
    assert_eq!((done.stdout.len(), done.truncated, done.success()), (10, true, true));
    let began = Instant::now();
    let slow = run("sleep 1000 & sleep 1000", Duration::from_millis(100), 10).await;
    assert!(matches!(slow, Err(Error::TimedOut { .. })), "{slow:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "a child held the pipe");
    let none = program::run_captured(&words(&["/no/such"]), &[], root, second, 1).await;
    assert_eq!(none.unwrap_err().errno(), Some(2));
}

#[test]
fn programs_are_found_on_the_path_only_when_executable() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sh"), "").unwrap();
    let path = format!("{}:/bin", dir.path().display());
    assert_eq!(program::find_program("sh", &path).unwrap(), Path::new("/bin/sh"));
    assert_eq!(program::find_program("/bin/sh", "").unwrap(), Path::new("/bin/sh"));
    for none in ["", "no-such-program", "/bin"] {
        assert_eq!(program::find_program(none, &path), None);
    }
}

#[tokio::test]
async fn a_detached_program_has_its_own_session_and_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let argv = words(&["/bin/sh", "-c", "echo $$; cut -d' ' -f6 /proc/$$/stat; ls -l /proc/$$/fd"]);
    let pid = program::spawn_detached(&argv, &path_env(), &log).unwrap();
    let text = support::eventually("its log", || {
        std::fs::read_to_string(&log).ok().filter(|text| text.contains("2 -> "))
    })
    .await;
    let own: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(own, [pid.to_string(), pid.to_string()], "{text}");
}

#[test]
fn the_machine_answers() {
    assert_eq!(boot::boot_id().unwrap().len(), 36);
    assert!(boot::start_time(std::process::id()).unwrap() > 0);
    assert_eq!(boot::start_time(u32::MAX), None);
    let (soft, hard) = limits::raise_nofile();
    assert!(soft <= hard && limits::raise_nofile() == (soft, hard));
    assert!(machine::disk_free(Path::new("/")).unwrap().free > 0);
    assert!(!program::is_network_fs(Path::new("/")).unwrap());
    assert!(program::memory_of(std::process::id()).unwrap() > 100_000);
}

#[tokio::test]
async fn worktrees_are_made_on_new_branches_and_tell_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().canonicalize().unwrap().join("repo");
    std::fs::create_dir(&repo).unwrap();
    assert!(matches!(git::repository_of(&repo).await, Err(git::Error::NotARepository { .. })));
    let run = |script: &str| {
        let done = Command::new("sh").args(["-c", script]).current_dir(&repo).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    run("git init -q . && git config user.email a@b && git config user.name a");
    assert!(matches!(git::head(&repo).await, Err(git::Error::NoCommit { .. })));
    run("echo 1 > a; echo 2 > b; mkdir sub; git add . && git commit -qm one");
    assert_eq!(git::repository_of(&repo.join("sub")).await.unwrap(), repo);
    assert_eq!(git::head(&repo).await.unwrap().len(), 40);
    assert_eq!(git::dirty_count(&repo).await.unwrap(), 0);
    let tree = dir.path().join("tree with spaces");
    git::add_worktree(&repo, &tree, "run/1", "HEAD").await.unwrap();
    std::fs::write(tree.join("a"), "changed").unwrap();
    std::fs::create_dir(tree.join("new")).unwrap();
    std::fs::write(tree.join("new/ü file"), "x").unwrap();
    let changed = git::changed_files(&tree).await.unwrap();
    let seen: Vec<(&str, &str)> =
        changed.iter().map(|file| (file.status.as_str(), file.path.as_str())).collect();
    assert_eq!(seen, [(" M", "a"), ("??", "new/ü file")]);
    assert_eq!(git::dirty_count(&repo).await.unwrap(), 0);
    let again = git::add_worktree(&repo, &dir.path().join("other"), "run/1", "HEAD").await;
    assert!(matches!(again, Err(git::Error::BranchTaken { .. })), "{again:?}");
    git::remove_worktree(&repo, &tree).await.unwrap();
    assert!(!tree.exists());
}
