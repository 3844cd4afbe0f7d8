//! Verified completion on the real binary: an agent's word, what is found, and the verdict; targets
//! without git; what is done with a run's work afterwards.

use crate::harness::{Home, text};
use crate::support::{git, repository};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A home whose agent `helper` does what this shell script says; its daemon runs.
fn with_script(script: &str) -> (Home, PathBuf) {
    with_agent(script, "")
}

/// The same with more words about the agent.
fn with_agent(script: &str, more: &str) -> (Home, PathBuf) {
    let mut home = Home::new("");
    let agent = home.script("agent.sh", &format!("#!/bin/sh\n{script}\n"));
    home.configure(&format!(
        "agents:\n  helper: {{ kind: script, command: [\"{}\"]{more} }}\n",
        agent.display()
    ));
    home.up();
    let target = repository(&home);
    (home, target)
}

/// Runs the agent to the end of its checks; the exit code and what is known then.
fn run(home: &Home, target: &Path, evidence: &[&str]) -> (i32, Value) {
    let target = target.display().to_string();
    let mut words = vec!["run", "do it", "--target", &target, "--headless", "--json"];
    for item in evidence {
        words.extend(["--evidence", item]);
    }
    let output = home.run(&words);
    let run: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)));
    let run = home.json(&["run", "show", run["id"].as_str().expect("an id")]);
    (output.status.code().expect("an exit code"), run)
}

fn checks(run: &Value) -> Vec<(String, Option<bool>)> {
    let checks = run["evidence"]["checks"].as_array().expect("checks");
    let told = |check: &Value| {
        (check["check"].as_str().expect("its words").to_owned(), check["passed"].as_bool())
    };
    checks.iter().map(told).collect()
}

fn kinds(home: &Home, id: &str) -> Vec<String> {
    let events = home.events("run.*").into_iter().filter(|event| event["subject"] == id);
    events.map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
}

fn id(run: &Value) -> &str {
    run["id"].as_str().expect("an id")
}

fn begin(home: &Home, target: &Path, evidence: &[&str]) -> String {
    let target = target.display().to_string();
    let mut words = vec!["run", "do it", "--target", &target, "--detach"];
    for item in evidence {
        words.extend(["--evidence", item]);
    }
    home.json(&words)["id"].as_str().expect("an id").to_owned()
}

fn wait_over(home: &Home, id: &str) -> Value {
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", id]);
        run["ended_at"].is_string().then_some(run)
    })
}

#[test]
fn honest_work_is_committed_and_verified() {
    let (home, target) = with_script("echo made > made.txt; echo no > ignored.log");
    std::fs::write(target.join(".gitignore"), "*.log\n").expect("a file");
    git(&home, &target, &["add", "-A"]);
    git(
        &home,
        &target,
        &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "ignore"],
    );
    let (code, run) = run(&home, &target, &[]);
    assert_eq!((code, &run["state"]), (0, &json!("verified")), "{run:#}");
    assert_eq!(
        checks(&run),
        [("changed".to_owned(), Some(true)), ("clean".to_owned(), Some(true))]
    );
    assert_eq!(run["files_changed"], json!([{"path": "made.txt", "status": "A"}]));
    // What the agent left is on its branch, in Orkestra's name, with the run's id.
    let branch = run["branch"].as_str().expect("a branch");
    assert_eq!(git(&home, &target, &["show", &format!("{branch}:made.txt")]), "made");
    let message = git(&home, &target, &["log", "-1", "--format=%an %ae %B", branch]);
    assert!(message.contains("Orkestra run") && message.contains(id(&run)), "{message}");
    assert_eq!(
        git(&home, &target, &["ls-tree", "--name-only", branch]),
        ".gitignore\nREADME\nmade.txt"
    );
    let kinds = kinds(&home, id(&run));
    let order: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let tail = [
        "run.reported",
        "run.checks_begun",
        "run.committed",
        "run.files_changed",
        "run.checked",
        "run.checked",
        "run.verified",
        "run.ended",
    ];
    assert!(order.ends_with(&tail), "{order:?}");
    assert!(home.status()["needs_you"].as_array().is_some_and(Vec::is_empty));
    home.ok(&["audit", "verify"]);
}

#[test]
fn a_liar_is_refuted_and_needs_a_person() {
    let (home, target) = with_script("true");
    let (code, run) = run(&home, &target, &[]);
    assert_eq!((code, &run["state"]), (13, &json!("refuted")), "{run:#}");
    assert!(run["why"].as_str().is_some_and(|why| why.contains("Nothing differs")), "{run:#}");
    assert_eq!(run["checks"], json!({"all": 2, "passed": 1, "failed": 1}));
    let needs = &home.status()["needs_you"][0];
    assert_eq!((&needs["kind"], &needs["subject"]), (&json!("run_refuted"), &run["id"]));
    let (code, run) = self::run(&home, &target, &["none"]);
    assert_eq!((code, &run["state"]), (0, &json!("reported")), "{run:#}");
    assert_eq!(run["evidence"]["state"], "unchecked");
    assert!(run["why"].as_str().is_some_and(|why| why.contains("unchecked")), "{run:#}");
    let shown = home.ok(&["run", "show", id(&run)]);
    assert!(shown.contains("unchecked"), "{shown}");
}

#[test]
fn each_kind_of_check_says_what_it_found() {
    let (home, target) = with_script(
        "echo '{\"type\":\"tool_call\",\"id\":\"1\",\"name\":\"Write\",\"input\":{}}'\n\
         echo '{\"type\":\"tool_result\",\"id\":\"1\",\"output\":\"ok\"}'\n\
         echo '{\"type\":\"tool_call\",\"id\":\"2\",\"name\":\"Bash\",\"input\":{}}'\n\
         echo '{\"type\":\"tool_result\",\"id\":\"2\",\"output\":\"no\",\"is_error\":true}'\n\
         echo hello > a.txt; git add a.txt; git -c user.name=a -c user.email=a@a commit -qm mine\n\
         echo left > b.txt; ln -s /etc/passwd out",
    );
    // "hello\n"
    let digest = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let cases = [
        ("commits:1", true),
        ("commits:2", false),
        ("file:a.txt#contains=ell", true),
        ("file:a.txt#contains=bye", false),
        (&format!("file:a.txt#sha256={digest}"), true),
        ("file:missing.txt", false),
        ("file:out", false),
        ("tool:Write", true),
        ("tool:Bash", false),
        ("tool:Edit", false),
        ("command:test -f b.txt", true),
        ("command:echo broken >&2; exit 3", false),
        ("command:no-such-program-anywhere", false),
    ];
    let wanted: Vec<&str> = cases.iter().map(|(check, _)| *check).collect();
    let (code, run) = run(&home, &target, &wanted);
    assert_eq!(code, 13, "{run:#}");
    let expected: Vec<_> =
        cases.iter().map(|(check, passed)| ((*check).to_owned(), Some(*passed))).collect();
    assert_eq!(checks(&run), expected, "{run:#}");
    let outputs = run["evidence"]["checks"].as_array().expect("checks");
    assert_eq!(outputs[11]["output"], "broken");
    assert!(outputs[12]["detail"].as_str().is_some_and(|said| said.contains("127")));
    assert_eq!(outputs.len(), cases.len());
}

#[test]
fn a_command_that_hangs_is_ended_with_its_whole_tree() {
    let (home, target) = with_script("echo made > made.txt");
    let hang = "command@1s:trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" & while :; do sleep 1; done";
    let (code, run) = run(&home, &target, &[hang]);
    assert_eq!((code, &run["state"]), (13, &json!("refuted")), "{run:#}");
    let detail = run["evidence"]["checks"][0]["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("longer than"), "{detail}");
    home.wait("no process", || home.processes().is_empty().then_some(()));
}

#[test]
fn checks_of_a_killed_daemon_are_made_again_and_the_run_ends_once() {
    let (mut home, target) =
        with_script("echo made > made.txt; printf 'count\\ngo\\n' > .gitignore");
    // In the worktree: a command that checks can write nowhere else.
    let wait = "command@5m:echo x >> count; while [ ! -f go ]; do sleep 0.1; done";
    let id = begin(&home, &target, &["changed", wait]);
    let worktree = home.data().join("worktrees").join(&id);
    let (go, count) = (worktree.join("go"), worktree.join("count"));
    for round in 1..=2 {
        home.wait("the check", || {
            let begun = std::fs::read_to_string(&count).unwrap_or_default().lines().count();
            (begun >= round).then_some(())
        });
        let run = home.json(&["run", "show", &id]);
        assert_eq!(
            (&run["state"], &run["evidence"]["state"]),
            (&json!("reported"), &json!("checking"))
        );
        home.kill_daemon();
        home.up();
    }
    std::fs::write(&go, "").expect("the sign");
    let run = wait_over(&home, &id);
    assert_eq!(
        (&run["state"], &run["evidence"]["round"]),
        (&json!("verified"), &json!(3)),
        "{run:#}"
    );
    let kinds = kinds(&home, &id);
    let count = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((count("run.ended"), count("run.verified"), count("run.reported")), (1, 1, 1));
    assert_eq!((count("run.checks_begun"), count("run.committed")), (3, 1));
    assert!(home.events("unit.stray_stopped").is_empty());
    home.wait("no process", || home.processes().is_empty().then_some(()));
    home.ok(&["audit", "verify"]);
}

#[test]
fn the_projects_own_tests_count_and_cannot_be_changed_by_the_agent() {
    let (home, target) = with_script(
        "case \"$(cat)\" in *) ;; esac\n\
         if [ -f good ]; then echo fine > result; else printf 'test:\\n\\ttrue\\n' > Makefile; fi",
    );
    std::fs::write(target.join("Makefile"), "test:\n\tgrep -q fine result\n").expect("a file");
    std::fs::write(target.join("good"), "").expect("a file");
    git(&home, &target, &["add", "-A"]);
    git(
        &home,
        &target,
        &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "tests"],
    );
    if !home.command("make").arg("--version").output().is_ok_and(|said| said.status.success()) {
        panic!("make is needed for this test");
    }
    let (code, good) = run(&home, &target, &[]);
    assert_eq!(code, 0, "{good:#}");
    assert_eq!(checks(&good)[2], ("tests (make test)".to_owned(), Some(true)));

    git(&home, &target, &["rm", "--quiet", "good"]);
    git(
        &home,
        &target,
        &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "now it cheats"],
    );
    let (code, cheat) = run(&home, &target, &[]);
    assert_eq!(code, 13, "{cheat:#}");
    let detail = cheat["evidence"]["checks"][2]["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("Makefile") && detail.contains("not the one"), "{detail}");

    // What the project asks for takes the place of the default.
    std::fs::write(target.join(".orkestra.yaml"), "evidence: [\"file:result\"]\n").expect("a file");
    git(&home, &target, &["add", "-A"]);
    git(
        &home,
        &target,
        &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "ask"],
    );
    let (code, asked) = run(&home, &target, &[]);
    assert_eq!((code, &asked["evidence"]["source"]), (13, &json!("project")), "{asked:#}");
    assert_eq!(checks(&asked), [("file:result".to_owned(), Some(false))]);
}

#[test]
fn git_is_not_led_astray_by_what_an_agent_writes_into_its_worktree() {
    // In its sandbox it could not write that file: this is about us, when somebody took it away.
    let (home, target) = with_agent(
        "mkdir -p evil; git init -q --bare evil/repo 2>/dev/null\n\
         printf '#!/bin/sh\\ntouch %s/stolen\\n' \"$(dirname \"$0\")\" > evil/run.sh; chmod +x evil/run.sh\n\
         git --git-dir=evil/repo config core.fsmonitor \"$PWD/evil/run.sh\"\n\
         git --git-dir=evil/repo config core.bare false\n\
         echo \"gitdir: $PWD/evil/repo\" > .git",
        ", sandbox: { mode: off }",
    );
    let (_, run) = run(&home, &target, &["changed", "clean"]);
    assert!(!home.dir.join("stolen").exists(), "nothing of the agent's was started: {run:#}");
    assert_eq!(checks(&run)[0], ("changed".to_owned(), Some(true)), "{run:#}");
    let branch = run["branch"].as_str().expect("a branch");
    let files = git(&home, &target, &["ls-tree", "-r", "--name-only", branch]);
    assert!(
        files.contains("evil/run.sh"),
        "it is committed to the repository that it was made of: {files}"
    );
}

#[test]
fn a_run_can_be_verified_again_and_its_new_verdict_counts() {
    let (home, target) = with_script("echo made > made.txt");
    let (code, refuted) = run(&home, &target, &["file:more.txt"]);
    assert_eq!(code, 13);
    let worktree = PathBuf::from(refuted["worktree"].as_str().expect("a worktree"));
    std::fs::write(worktree.join("more.txt"), "by a person").expect("a file");
    let said = home.ok(&["run", "verify", id(&refuted)]);
    assert!(said.contains("more.txt"), "{said}");
    let now = home.json(&["run", "show", id(&refuted)]);
    assert_eq!((&now["state"], &now["evidence"]["round"]), (&json!("verified"), &json!(2)));
    assert_eq!(now["ended_at"], refuted["ended_at"], "it ended once");
    let kinds = kinds(&home, id(&now));
    assert_eq!(kinds.iter().filter(|kind| *kind == "run.ended").count(), 1);
    // Also when its worktree is gone: it is made again of its branch.
    std::fs::remove_dir_all(&worktree).expect("removed");
    home.ok(&["run", "verify", id(&refuted)]);
    assert!(worktree.join("more.txt").is_file());
    let (_, unchecked) = run(&home, &target, &["none"]);
    let said = home.fails(&["run", "verify", id(&unchecked)], 4);
    assert!(said.contains("ORK-0503"), "{said}");
}

#[test]
fn a_target_without_git_is_worked_in_and_can_be_put_back() {
    let (home, _) =
        with_script("echo more >> kept.txt; rm gone.txt; mkdir new; echo new > new/file");
    let plain = home.dir.join("plain");
    std::fs::create_dir(&plain).expect("a folder");
    std::fs::write(plain.join("kept.txt"), "first\n").expect("a file");
    std::fs::write(plain.join("gone.txt"), "it was here\n").expect("a file");
    let (code, run) = run(&home, &plain, &[]);
    assert_eq!(
        (code, &run["state"], &run["plain"]),
        (0, &json!("verified"), &json!(true)),
        "{run:#}"
    );
    assert_eq!(run["worktree"], plain.canonicalize().expect("a path").display().to_string());
    assert_eq!(run["branch"], Value::Null);
    assert_eq!(checks(&run), [("changed".to_owned(), Some(true))]);
    let diff = home.json(&["run", "diff", id(&run)]);
    assert_eq!(diff["against"], "snapshot");
    let files: Vec<_> = diff["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| {
            (file["path"].as_str().expect("a path"), file["status"].as_str().expect("a word"))
        })
        .collect();
    assert_eq!(files, [("gone.txt", "removed"), ("kept.txt", "modified"), ("new/file", "added")]);

    // What a person changed since is left, and said.
    std::fs::write(plain.join("kept.txt"), "a person's\n").expect("a file");
    let output = home.run(&["run", "undo", id(&run), "--json"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let undone: Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(undone["conflicts"], json!(["kept.txt"]), "{undone}");
    assert_eq!(
        std::fs::read_to_string(plain.join("gone.txt")).expect("it is back"),
        "it was here\n"
    );
    assert!(!plain.join("new").exists());
    assert_eq!(std::fs::read_to_string(plain.join("kept.txt")).expect("it"), "a person's\n");
    let undone = home.json(&["run", "undo", id(&run), "--force"]);
    assert_eq!(std::fs::read_to_string(plain.join("kept.txt")).expect("it"), "first\n");
    let aside = PathBuf::from(undone["kept_in"].as_str().expect("where"));
    assert_eq!(std::fs::read_to_string(aside.join("kept.txt")).expect("it"), "a person's\n");
    assert_eq!(home.json(&["run", "diff", id(&run)])["files"], json!([]));
    // Checks that need git are refused before anything is done.
    let shown = plain.display().to_string();
    let said = home.fails(&["run", "x", "--target", &shown, "--evidence", "clean"], 4);
    assert!(said.contains("needs a git repository"), "{said}");
}

#[test]
fn a_folder_that_is_too_dear_for_a_snapshot_is_refused_and_left_alone() {
    let (home, _) = with_script("echo never > never.txt");
    let data = home.data().display().to_string();
    let said = home.fails(&["run", "x", "--target", &data], 4);
    assert!(said.contains("data folder"), "{said}");
    let large = home.dir.join("large");
    std::fs::create_dir(&large).expect("a folder");
    for number in 0..20_001 {
        std::fs::File::create(large.join(number.to_string())).expect("a file");
    }
    let (code, run) = run(&home, &large, &[]);
    assert_eq!((code, &run["state"]), (8, &json!("failed")), "{run:#}");
    assert!(run["why"].as_str().is_some_and(|why| why.contains("20000")), "{run:#}");
    assert!(!large.join("never.txt").exists());
}

#[test]
fn work_that_is_thrown_away_can_be_got_back() {
    let (home, target) = with_script("echo made > made.txt");
    let (_, run) = run(&home, &target, &[]);
    let (worktree, branch) = (
        PathBuf::from(run["worktree"].as_str().expect("a worktree")),
        run["branch"].as_str().expect("a branch").to_owned(),
    );
    let diff = home.json(&["run", "diff", id(&run)]);
    let discarded = home.json(&["run", "discard", id(&run)]);
    assert!(!worktree.exists());
    assert_eq!(git(&home, &target, &["branch", "--list", &branch]), "");
    assert_eq!(git(&home, &target, &["worktree", "list"]).lines().count(), 1);
    assert_eq!(home.json(&["run", "diff", id(&run)]), diff, "it can still be looked at");
    let command = discarded["to_get_it_back"].as_str().expect("a command");
    let words: Vec<&str> = command.split(' ').skip(3).collect();
    git(&home, &target, &words);
    assert_eq!(git(&home, &target, &["show", &format!("{branch}:made.txt")]), "made");
    let said = home.fails(&["run", "undo", id(&run)], 4);
    assert!(said.contains("worktree of its own"), "{said}");
}

#[test]
fn a_diff_shows_renames_pictures_and_lines_also_while_nothing_is_committed() {
    let (home, target) = with_script(
        "git mv long.txt renamed.txt; echo end >> renamed.txt; printf '\\0\\1' > picture; echo one > fresh.txt",
    );
    let lines: String = (0..40).map(|number| format!("line {number}\n")).collect();
    std::fs::write(target.join("long.txt"), lines).expect("a file");
    git(&home, &target, &["add", "-A"]);
    git(
        &home,
        &target,
        &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "long"],
    );
    for evidence in ["none", "changed"] {
        let (_, run) = run(&home, &target, &[evidence]);
        let diff = home.json(&["run", "diff", id(&run)]);
        let file = |path: &str| {
            let files = diff["files"].as_array().expect("files");
            files
                .iter()
                .find(|file| file["path"] == path)
                .unwrap_or_else(|| panic!("{diff:#}"))
                .clone()
        };
        let renamed = file("renamed.txt");
        assert_eq!(
            (&renamed["status"], &renamed["old_path"]),
            (&json!("renamed"), &json!("long.txt"))
        );
        assert_eq!((&renamed["added"], &renamed["removed"]), (&json!(1), &json!(0)));
        assert_eq!(
            (&file("picture")["binary"], &file("fresh.txt")["added"]),
            (&json!(true), &json!(1))
        );
        assert_eq!(file("fresh.txt")["hunks"][0]["lines"], json!(["+one"]));
        assert_eq!(diff["cut"], false);
        let shown = home.ok(&["run", "diff", id(&run)]);
        assert!(shown.contains("long.txt → renamed.txt") && shown.contains("+end"), "{shown}");
    }
}

#[test]
fn a_log_goes_on_from_an_event_and_ends_with_the_run() {
    let (home, target) = with_script(
        "echo '{\"type\":\"text\",\"text\":\"first\"}'; echo made > made.txt; echo '{\"type\":\"text\",\"text\":\"second\"}'",
    );
    let id = begin(&home, &target, &[]);
    let said = home.ok(&["run", "log", "-f", &id, "--json"]);
    let events: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(events.last().expect("an end")["kind"], "run.ended");
    let first = events.iter().position(|event| event["body"]["text"] == "first").expect("it");
    let cursor = events[first]["cursor"].as_str().expect("a cursor");
    let rest = home.ok(&["run", "log", &id, "--json", "--after", cursor]);
    let rest: Vec<Value> =
        rest.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(rest, events[first + 1..], "nothing twice, nothing left out");
    let words = home.ok(&["run", "log", &id]);
    assert!(
        words.contains("first\n") && words.contains("second\n") && words.contains("✓ changed"),
        "{words}"
    );
}

#[test]
fn row_069_a_missing_target_is_an_error_and_a_missing_workspace_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let (home, target) = with_script("echo made > made.txt");
    let nowhere = home.dir.join("nowhere");
    let shown = nowhere.display().to_string();
    let said = home.fails(&["run", "x", "--target", &shown], 4);
    assert!(said.contains(&shown) && said.contains("does not exist"), "{said}");
    assert!(!nowhere.exists());
    let file = home.dir.join("file");
    std::fs::write(&file, "").expect("a file");
    let said = home.fails(&["run", "x", "--target", &file.display().to_string()], 4);
    assert!(said.contains("is no folder"), "{said}");
    // Root may write everywhere.
    let locked = home.dir.join("locked");
    std::fs::create_dir(&locked).expect("a folder");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).expect("its rights");
    if std::fs::write(locked.join("probe"), "").is_err() {
        let said = home.fails(&["run", "x", "--target", &locked.display().to_string()], 4);
        assert!(said.contains("cannot be written to"), "{said}");
    }
    assert_eq!(home.json(&["run", "list"])["runs"], json!([]));
    // The place where runs work is made when it is not there.
    let workspace = home.data().join("worktrees");
    let _not_made_yet = std::fs::remove_dir_all(&workspace);
    let (code, run) = run(&home, &target, &[]);
    assert_eq!(code, 0, "{run:#}");
    assert!(Path::new(run["worktree"].as_str().expect("a worktree")).starts_with(&workspace));
}

#[test]
fn row_082_run_headless_prints_a_summary_and_its_exit_code_is_the_verdict() {
    let (home, target) =
        with_script("echo '{\"type\":\"text\",\"text\":\"chatter\"}'; echo made > made.txt");
    let shown = target.display().to_string();
    let words = ["run", "task", "--headless", "--target", &shown];
    let output = home.run(&words);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(
        said.contains("verified") && said.contains("made.txt") && said.contains("✓ changed"),
        "{said}"
    );
    assert!(!said.contains("chatter"), "a summary, not the conversation: {said}");
    let output = home.run(&[&words[..], &["--evidence", "file:other.txt"]].concat());
    assert_eq!(output.status.code(), Some(13));
    assert!(text(&output.stdout).contains("refuted"));
    home.script("agent.sh", "#!/bin/sh\nexit 3\n");
    assert_eq!(home.run(&words).status.code(), Some(8));
}

#[test]
fn row_146_a_task_runs_in_its_own_worktree_with_its_charter_and_the_worktree_is_removed_after() {
    let mut home = Home::new("");
    let agent = home.script(
        "agent.sh",
        "#!/bin/sh\nhead -n 40 \"$ORKESTRA_CHARTER\" > seen.txt; pwd > where.txt; cat > prompt.txt\n",
    );
    home.configure(&format!(
        "agents:\n  helper: {{ kind: script, command: [\"{}\"] }}\nretention: {{ worktrees: 1ms }}\n",
        agent.display()
    ));
    home.up();
    let target = repository(&home);
    let (code, run) = run(&home, &target, &[]);
    assert_eq!(code, 0, "{run:#}");
    let worktree = PathBuf::from(run["worktree"].as_str().expect("a worktree"));
    let branch = run["branch"].as_str().expect("a branch");
    let of = |file: &str| git(&home, &target, &["show", &format!("{branch}:{file}")]);
    assert_eq!(of("where.txt"), worktree.display().to_string(), "its own folder");
    // The charter names the task, and what is checked; it is no file of the project.
    let seen = of("seen.txt");
    for part in ["# TASK", "# USER REQUEST", "do it", "# DELIVERABLES", branch] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert_eq!(of("prompt.txt"), "do it", "a script gets what was asked for as it was written");
    assert!(!target.join("charter.md").exists());
    home.ok(&["prune"]);
    assert!(!worktree.exists(), "removed after");
    assert_eq!(git(&home, &target, &["worktree", "list"]).lines().count(), 1);
    assert_eq!(of("where.txt"), worktree.display().to_string(), "its branch has the work");
    // And it can be had again.
    git(&home, &target, &["worktree", "add", "--quiet", &worktree.display().to_string(), branch]);
    assert!(worktree.join("where.txt").is_file());
}

#[test]
fn row_057_the_task_has_its_shape_and_names_what_will_be_checked() {
    let (home, target) = with_script("cp \"$ORKESTRA_CHARTER\" charter.txt");
    let shown = target.display().to_string();
    let words = [
        "run",
        "paint it blue",
        "--target",
        &shown,
        "--headless",
        "--json",
        "--budget",
        "2.5",
        "--evidence",
        "file:charter.txt",
    ];
    let output = home.run(&words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let run: Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(run["budget_usd"], 2.5);
    let branch = run["branch"].as_str().expect("a branch");
    let charter = git(&home, &target, &["show", &format!("{branch}:charter.txt")]);
    let order = [
        "# TASK",
        "# USER REQUEST",
        "paint it blue",
        "# RESPONSIBILITIES",
        "# DELIVERABLES",
        "The file charter.txt is there.",
        "# COMPLEXITY",
        "# ESTIMATED TOKENS",
        "2.50",
        "# REPORTS",
        "Begin work now.",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|part| charter.find(part).unwrap_or_else(|| panic!("{part}: {charter}")))
        .collect();
    assert!(places.is_sorted(), "{charter}");
    let kinds: Vec<String> = charter
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| event["type"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kinds, ["milestone", "progress", "blocker", "finding"]);
}

#[test]
fn a_command_that_checks_may_do_no_more_than_the_agent() {
    // An agent could write it into the project's own tests.
    let (home, target) = with_script("echo x > made.txt");
    let outside = home.dir.join("outside");
    let line = format!("command:touch {}", outside.display());
    let (_, run) = run(&home, &target, &["changed", &line]);
    assert!(checks(&run)[1].1.is_some(), "it ran: {run:#}");
    // Where temporary files lie it has a place of its own, and may think that it succeeded.
    assert!(!outside.exists(), "{run:#}");
}
