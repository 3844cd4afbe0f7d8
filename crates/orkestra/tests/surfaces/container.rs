//! Row 14: the container image. There is no container engine in the tests; the Dockerfile is read
//! for what it promises, and the binary is run as the image would run it: as process 1 of a
//! namespace, as a user that may write nothing but the data folder.

use crate::harness::{Home, ORKESTRA, is_alive, parent_of, signal, text};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

/// Instructions of the last stage, with continued lines joined.
fn last_stage() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Dockerfile");
    let file = std::fs::read_to_string(path).unwrap().replace("\\\n", " ");
    let mut stage = Vec::new();
    for line in
        file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "FROM" {
            stage.clear();
        }
        stage.push((word.to_owned(), rest.trim().to_owned()));
    }
    stage
}

#[test]
fn row_014_the_dockerfile_keeps_its_promises() {
    let stage = last_stage();
    let value = |word: &str| {
        let mut found =
            stage.iter().filter(|(known, _)| known == word).map(|(_, rest)| rest.as_str());
        found.next_back().unwrap_or_else(|| panic!("no {word} in {stage:?}"))
    };
    let user = value("USER").split(':').next().unwrap_or_default();
    assert!(user.parse::<u32>().is_ok_and(|id| id > 0), "not root, by number: {user}");
    assert_eq!(value("VOLUME"), "[\"/data\"]");
    assert_eq!(value("ENV"), "ORKESTRA_HOME=/data");
    assert_eq!(value("EXPOSE"), "8000");
    assert!(value("HEALTHCHECK").contains("CMD [\"orkestra\", \"status\""));
    assert_eq!(value("ENTRYPOINT"), "[\"orkestra\"]");
    let verbs: Vec<String> = serde_json::from_str(value("CMD")).expect("words");
    assert_eq!(verbs, ["up"]);
    // What the image is built from must be there.
    for (word, rest) in &stage {
        assert!(word != "COPY" || rest.starts_with("--from=build "), "{rest}");
    }
}

/// The namespace; it goes with `unshare`.
struct Container(Child);

impl Drop for Container {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Processes of all namespaces, with their parents and states.
fn processes() -> Vec<(i32, i32, String)> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let mut fields = stat.rsplit(')').next()?.split_whitespace();
            let state = fields.next()?.to_owned();
            Some((pid, fields.next()?.parse().ok()?, state))
        })
        .collect()
}

#[test]
fn row_014_as_process_1_and_nobody_it_answers_health_and_reaps_orphans() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: a namespace of our own needs root");
        return;
    }
    let mut home =
        Home::new("units:\n  a: { command: [sleep, '100000'], restart: { initial: 0 } }\n");
    let open = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    open(&home.dir);
    let program = home.dir.join("orkestra");
    std::fs::copy(ORKESTRA, &program).unwrap();
    open(&program);
    std::fs::create_dir(home.dir.join("root-owned")).unwrap();
    std::fs::create_dir(home.data()).unwrap();
    std::os::unix::fs::chown(home.data(), Some(10001), Some(10001)).unwrap();
    let child = home
        .command("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"])
        .args(["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs"])
        .arg(&program)
        .args(["up", "--port", "0"])
        .env("HOME", home.dir.join("root-owned"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut container = match child {
        Ok(child) => Container(child),
        Err(error) => {
            eprintln!("SKIPPED: unshare cannot be run: {error}");
            return;
        }
    };
    let mut line = String::new();
    BufReader::new(container.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let Some(link) = line.trim().strip_prefix("Dashboard: ") else {
        let said = container.0.stderr.take().map(std::io::read_to_string);
        let said = said.and_then(Result::ok).unwrap_or_default();
        assert!(said.contains("unshare") || said.contains("setpriv"), "{line}{said}");
        eprintln!("SKIPPED: no namespace could be made: {said}");
        return;
    };
    home.url = link.split("/#").next().unwrap_or_default().to_owned();
    let health = home.http("GET", "/health", &[], "");
    assert_eq!(health.status, 200, "{}", health.body);
    assert_eq!(home.status()["daemon"]["pid"], 1);
    home.wait_state("a", "running");

    // A shim is killed: its process is orphaned, and process 1 is who has to reap it.
    let daemon = home.wait("process 1", || {
        let unshare = container.0.id() as i32;
        processes().into_iter().find(|(_, parent, _)| *parent == unshare).map(|(pid, ..)| pid)
    });
    let shim = home.wait("the shim", || {
        processes().into_iter().find(|(_, parent, _)| *parent == daemon).map(|(pid, ..)| pid)
    });
    assert_eq!(parent_of(shim), daemon);
    let orphan = processes().into_iter().find(|(_, parent, _)| *parent == shim).unwrap().0;
    signal(shim, "KILL");
    home.wait("the orphan to be reaped", || {
        (!Path::new(&format!("/proc/{orphan}")).exists()).then_some(())
    });
    home.wait("no zombie", || {
        let left =
            processes().into_iter().any(|(_, parent, state)| parent == daemon && state == "Z");
        (!left).then_some(())
    });
    home.wait_state("a", "running");

    // As `docker stop` does it.
    signal(daemon, "TERM");
    home.wait("the end", || (!is_alive(daemon)).then_some(()));
    assert!(container.0.wait().unwrap().success(), "{}", text(b"it did not end in good order"));
}
