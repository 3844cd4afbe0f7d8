//! A run by the daemon.

use crate::harness::{Home, living, text};
use crate::place::ATTACKS;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn git(home: &Home, folder: &Path, args: &[&str]) {
    let output = home.command("git").current_dir(folder).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", text(&output.stderr));
}

fn target(home: &Home) -> PathBuf {
    let target = home.dir.join("target");
    std::fs::create_dir(&target).unwrap();
    git(home, &target, &["init", "--quiet", "--initial-branch", "main"]);
    git(home, &target, &["config", "user.name", "t"]);
    git(home, &target, &["config", "user.email", "t@example.org"]);
    git(home, &target, &["commit", "--quiet", "--allow-empty", "-m", "start"]);
    target
}

fn begin(home: &Home, target: &Path) -> String {
    let target = target.display().to_string();
    let run = home.json(&["run", "attack", "--agent", "attacker", "--target", &target, "--detach"]);
    run["id"].as_str().unwrap().to_owned()
}

fn over(home: &Home, id: &str) -> Value {
    home.wait("the run's end", || {
        let run = home.json(&["run", "show", id]);
        run["ended_at"].is_string().then_some(run)
    })
}

/// Everything that an agent printed.
fn said(run: &Value) -> String {
    let stream = run["stream"].as_array().unwrap().iter();
    stream.map(|event| format!("{event}\n")).collect()
}

/// A home whose agent is this script.
fn with_attacker(script: &str, sandbox: &str) -> Home {
    let home = Home::new("");
    home.script("attacker.sh", script);
    home.configure(&format!(
        "agents:\n  attacker: {{ kind: script, command: [./attacker.sh], sandbox: {sandbox} }}\n"
    ));
    home
}

/// A write outside of the allowed folders is refused by the system, whatever the way to it, and so are the network when it is
/// cut, the operator's token, secrets, and signals to others; stopping leaves no process.
#[test]
fn row_070_an_agent_cannot_leave_its_sandbox() {
    let mut home = with_attacker("exit 1", "{ network: none }");
    std::fs::create_dir_all(home.dir.join("outside")).unwrap();
    std::fs::create_dir_all(home.dir.join(".ssh")).unwrap();
    std::fs::write(home.dir.join(".ssh/id"), "treasure").unwrap();
    std::fs::write(home.dir.join("outside/file"), "treasure").unwrap();
    home.up();
    let (dir, data) = (home.dir.display().to_string(), home.data().display().to_string());
    let (daemon, port) = (home.daemon_pid(), home.port());
    let script = format!(
        "#!/bin/bash\ncat > /dev/null\nset -- {dir} {daemon}\n{}\n\
         for file in secrets/token state.db orkestra.lock; do \
           cat {data}/$file >/dev/null 2>&1 && came_through \"read $file\"; done\n\
         cat {dir}/.ssh/id >/dev/null 2>&1 && came_through ssh\n\
         (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && came_through tcp\n\
         echo work > made; git add -A; git commit -qm work && echo committed\n\
         echo \"stands on $ORKESTRA_SANDBOX\"\n\
         (sleep 600 & disown)\nsetsid sleep 600 &\nwhile :; do sleep 1; done\n",
        ATTACKS.replace("exit 9", "")
    );
    home.script("attacker.sh", &script);
    let target = target(&home);
    let id = begin(&home, &target);
    let run = home.wait("the attacks", || {
        let run = home.json(&["run", "show", &id]);
        assert!(run["ended_at"].is_null(), "{run}");
        said(&run).contains("stands on").then_some(run)
    });
    let said = said(&run);
    assert!(!said.contains("CAME THROUGH"), "{said}");
    assert!(said.contains("committed") && said.contains("own files"), "{said}");
    assert!(said.contains("stands on bubblewrap"), "{said}");
    // Each process of the run has its id in its environment.
    let mine = || living(|environment| environment.contains(&id));
    assert!(!mine().is_empty());
    home.ok(&["run", "stop", &id]);
    over(&home, &id);
    home.wait("no process is left", || mine().is_empty().then_some(()));
    assert_eq!(home.status()["daemon"]["pid"], daemon, "the daemon lives");
    let names: Vec<_> = std::fs::read_dir(home.dir.join("outside")).unwrap().collect();
    assert_eq!(names.len(), 1);
    assert_eq!(std::fs::read_to_string(home.dir.join("outside/file")).unwrap(), "treasure");
}

#[test]
fn without_a_sandbox_only_by_word_and_a_rung_that_is_missing_is_told() {
    let script = "#!/bin/sh\ncat >/dev/null\necho \"stands on $ORKESTRA_SANDBOX\"\n";
    let mut home = with_attacker(script, "\"off\"");
    home.up();
    let target = target(&home);
    let id = begin(&home, &target);
    let run = over(&home, &id);
    assert!(said(&run).contains("stands on off"), "{}", said(&run));
    let doctor = home.run(&["doctor"]);
    let doctor = text(&doctor.stdout);
    assert!(doctor.contains("switched off in the configuration for attacker"), "{doctor}");
    // Without bubblewrap in the PATH: the next rung, and doctor says why.
    let mut home = with_attacker(script, "{ mode: require }");
    let bin = home.dir.join("bin");
    std::fs::create_dir(&bin).unwrap();
    for program in ["sh", "cat", "git", "sed", "env", "bash"] {
        let found = ["/usr/bin", "/bin", "/usr/local/bin"].map(|dir| Path::new(dir).join(program));
        let found = found.into_iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(found, bin.join(program)).unwrap();
    }
    home.env.push(("PATH".to_owned(), bin.display().to_string()));
    home.up();
    let target = self::target(&home);
    let id = begin(&home, &target);
    let run = over(&home, &id);
    assert!(said(&run).contains("stands on landlock"), "{}", said(&run));
    let doctor = text(&home.run(&["doctor"]).stdout);
    assert!(doctor.contains("bwrap is not in the PATH"), "{doctor}");
    // A list of hosts cannot be kept there: the agent is not started.
    home.down();
    home.configure(
        "agents:\n  attacker: { kind: script, command: [./attacker.sh], sandbox: { hosts: [example.org] } }\n",
    );
    home.up();
    let id = begin(&home, &target);
    let run = over(&home, &id);
    assert_eq!(run["state"], "failed", "{run}");
    assert!(run.to_string().contains("needs bubblewrap"), "{run}");
}
