//! Row 13 and the done line "under a real systemd": what `orkestra service` writes passes its
//! managers' own verifiers, and under a real user manager killing and stopping the daemon keeps
//! and removes units as promised.

use crate::harness::{Home, ORKESTRA, is_alive, signal, text};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A folder whose name has all that is special to systemd, to a shell and to XML.
const AWKWARD: &str = "a b%c\"d'e$f<g>&h\\i=j";

/// The binary under an awkward path, and a configuration beside it.
fn awkward(home: &Home) -> (PathBuf, PathBuf) {
    let folder = home.dir.join(AWKWARD);
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("orkestra");
    std::fs::copy(ORKESTRA, &program).unwrap();
    let config = folder.join("my orkestra.yaml");
    std::fs::write(&config, "units:\n  a: { command: [sleep, '100000'], stop: { grace: 10m } }\n")
        .unwrap();
    (program, config)
}

fn printed(home: &Home, program: &Path, config: &Path, extra: &[&str]) -> String {
    let run = || {
        home.command(&program.display().to_string())
            .args(["service", "install", "--print", "--home"])
            .arg(home.dir.join(AWKWARD).join("home"))
            .arg("--config")
            .arg(config)
            .args(extra)
            .output()
    };
    // The copy is "busy" while a child of another test, not executed yet, has it open for writing.
    let output = home.wait("the copy to be free", || match run() {
        Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => None,
        output => Some(output.unwrap()),
    });
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn row_013_systemd_units_pass_systemds_own_verifier() {
    let home = Home::new("");
    let (program, config) = awkward(&home);
    for scope in ["--user", "--system"] {
        let unit = printed(&home, &program, &config, &[scope, "--for", "systemd"]);
        for line in [
            "Type=notify",
            "NotifyAccess=main",
            "KillMode=process",
            "Delegate=yes",
            "Restart=on-failure",
            "WatchdogSec=60",
            "TimeoutStopSec=630",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line} is missing:\n{unit}");
        }
        let file = home.dir.join("orkestra.service");
        std::fs::write(&file, &unit).unwrap();
        let verified = home
            .command("systemd-analyze")
            .env("XDG_RUNTIME_DIR", &home.dir)
            .args(["verify", "--man=no", scope])
            .arg(&file)
            .output();
        let Ok(verified) = verified else {
            eprintln!("SKIPPED: systemd-analyze is not installed, so the unit was not verified");
            return;
        };
        let said = text(&verified.stderr);
        assert!(verified.status.success(), "{scope}: {said}\n{unit}");
        let about_us: Vec<_> =
            said.lines().filter(|line| line.contains("orkestra.service")).collect();
        assert!(about_us.is_empty(), "{scope}: {about_us:?}\n{unit}");
    }
}

#[test]
fn row_013_launchd_lists_are_read_by_a_real_parser() {
    let home = Home::new("");
    let (program, config) = awkward(&home);
    let list = printed(&home, &program, &config, &["--for", "launchd", "--name", "mine"]);
    let file = home.dir.join("orkestra.plist");
    std::fs::write(&file, &list).unwrap();
    let script =
        "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let output = home.command("python3").args(["-c", script]).arg(&file).output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: python3 is not installed, so the property list was not parsed");
        return;
    };
    assert!(output.status.success(), "{}\n{list}", text(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let data = home.dir.join(AWKWARD).join("home").display().to_string();
    assert_eq!(
        read["ProgramArguments"],
        serde_json::json!([program, "up", "--home", data, "--config", config])
    );
    assert_eq!(read["Label"], "orkestra.mine");
    assert_eq!(read["EnvironmentVariables"]["ORKESTRA_HOME"], data);
    for key in ["RunAtLoad", "AbandonProcessGroup"] {
        assert_eq!(read[key], true, "{key}");
    }
    assert_eq!(read["KeepAlive"]["SuccessfulExit"], false);
    assert_eq!(read["ExitTimeOut"], 630);
}

#[test]
fn row_013_what_is_not_ours_is_left_alone() {
    let home = Home::new("");
    let file = home.dir.join(".config/systemd/user/orkestra.service");
    home.fails(&["service", "uninstall"], 6);
    home.fails(&["service", "status"], 6);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "[Service]\nExecStart=/bin/true\n").unwrap();
    home.fails(&["service", "install"], 4);
    home.fails(&["service", "uninstall"], 4);
    assert!(std::fs::read_to_string(&file).unwrap().contains("/bin/true"));
    home.fails(&["service", "install", "--name", "a/b"], 2);
}

/// A user manager of systemd of our own: in a mount namespace with a cgroup of version 2.
struct UserManager {
    child: Child,
    runtime: PathBuf,
}

/// Mounts a cgroup tree, makes a subtree, and becomes the manager in it. systemctl believes in a
/// manager only where /run/systemd/system is.
const BECOME_MANAGER: &str = r#"
set -e
mount --make-rprivate /
mkdir -p "$XDG_RUNTIME_DIR/cg"
mount -t cgroup2 none "$XDG_RUNTIME_DIR/cg"
own="$XDG_RUNTIME_DIR/cg/orkestra-test-$$"
mkdir "$own"
echo $$ > "$own/cgroup.procs"
umount -R /sys/fs/cgroup || true
mount --bind "$XDG_RUNTIME_DIR/cg" /sys/fs/cgroup
mount -t tmpfs none /run
mkdir -p /run/systemd/system
exec "$1" --user --log-level=info --log-target=console --unit=default.target
"#;

/// Removes its cgroups again.
const FORGET_MANAGER: &str = r#"
mount --make-rprivate /
mount -t cgroup2 none "$XDG_RUNTIME_DIR/cg"
find "$XDG_RUNTIME_DIR/cg/orkestra-test-$1" -depth -type d -exec rmdir {} +
"#;

impl UserManager {
    /// The manager, or why there can be none.
    fn start(home: &Home) -> Result<Self, String> {
        let program = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .ok_or("systemd is not installed")?;
        if !rustix::process::geteuid().is_root() {
            return Err("a manager of our own needs root".to_owned());
        }
        let runtime = home.dir.join("runtime");
        std::fs::create_dir(&runtime).unwrap();
        let log = std::fs::File::create(home.dir.join("manager.log")).unwrap();
        let mut child = command(home, &runtime, "unshare")
            .args(["-m", "sh", "-c", BECOME_MANAGER, "sh", program])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let said = std::fs::read_to_string(home.dir.join("manager.log")).unwrap_or_default();
            if let Some(status) = child.try_wait().unwrap() {
                return Err(format!("the manager ended ({status}): {said}"));
            }
            let answer = within(home, &runtime, child.id(), "systemctl")
                .args(["--user", "is-system-running"])
                .output();
            let answer = answer.map(|output| text(&output.stdout)).unwrap_or_default();
            if matches!(answer.trim(), "running" | "degraded" | "starting") {
                return Ok(Self { child, runtime });
            }
            if std::time::Instant::now() > deadline {
                let _gone = child.kill();
                let _reaped = child.wait();
                return Err(format!("the manager does not answer ({answer:?}): {said}"));
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// `orkestra ARGS` where the manager is.
    fn orkestra(&self, home: &Home, words: &[&str]) -> String {
        let output = within(home, &self.runtime, self.child.id(), ORKESTRA).args(words).output();
        let output = output.unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}\n{}", self.log(home));
        text(&output.stdout)
    }

    fn systemctl(&self, home: &Home, words: &[&str]) -> String {
        let output = within(home, &self.runtime, self.child.id(), "systemctl")
            .args(["--user", "--no-pager"])
            .args(words)
            .output()
            .unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "systemctl {words:?}: {said}\n{}", self.log(home));
        said
    }

    fn property(&self, home: &Home, name: &str) -> String {
        let said = self.systemctl(home, &["show", "orkestra", &format!("--property={name}")]);
        said.trim().split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default()
    }

    fn log(&self, home: &Home) -> String {
        std::fs::read_to_string(home.dir.join("manager.log")).unwrap_or_default()
    }
}

impl Drop for UserManager {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        let _removed = Command::new("unshare")
            .args(["-m", "sh", "-c", FORGET_MANAGER, "sh", &pid])
            .env("XDG_RUNTIME_DIR", &self.runtime)
            .output();
    }
}

/// A command in the manager's mount namespace.
fn within(home: &Home, runtime: &Path, manager: u32, program: &str) -> Command {
    let mut command = command(home, runtime, "nsenter");
    command.args(["-m", "-t", &manager.to_string(), "--", program]);
    command
}

fn command(home: &Home, runtime: &Path, program: &str) -> Command {
    let mut command = home.command(program);
    // Without a bus, systemctl speaks to the manager's own socket.
    command.env("XDG_RUNTIME_DIR", runtime).stdin(Stdio::null());
    command
}

#[test]
fn row_013_under_a_real_user_manager_units_are_kept_and_removed_as_promised() {
    let home = Home::new("");
    let manager = match UserManager::start(&home) {
        Ok(manager) => manager,
        Err(why) => {
            eprintln!("SKIPPED: no user manager of systemd could be started: {why}");
            return;
        }
    };
    home.configure(
        "listen: { port: 0 }\nunits:\n  a: { command: [sleep, '100000'] }\n  c: { command: 'env > seen; exec sleep 100000' }\n",
    );
    let config = home.config().display().to_string();
    manager.orkestra(&home, &["service", "install", "--config", &config]);
    let status = manager.orkestra(&home, &["service", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["active"], "active", "{status}");
    assert_eq!(status["enabled"], "enabled", "{status}");
    assert_eq!(status["status"], "Units: 2", "{status}");
    let first = manager.property(&home, "MainPID");
    assert_eq!(status["pid"], first.as_str());
    let units = [home.pid("a"), home.pid("c")];

    // What the manager says to the daemon is not said to its units.
    let seen = home.wait("its environment", || {
        std::fs::read_to_string(home.dir.join("seen")).ok().filter(|seen| seen.contains("PATH="))
    });
    for word in ["NOTIFY_SOCKET", "WATCHDOG", "INVOCATION_ID", "JOURNAL_STREAM"] {
        assert!(!seen.contains(word), "{word} leaks: {seen}");
    }

    // Killed: the manager starts another daemon, which takes the same processes over.
    signal(first.parse().unwrap(), "KILL");
    let second = home.wait("the next daemon", || {
        let pid = manager.property(&home, "MainPID");
        let active = manager.property(&home, "ActiveState") == "active";
        (active && pid != first && pid != "0").then_some(pid)
    });
    assert_eq!([home.pid("a"), home.pid("c")], units, "the same processes");
    assert!(is_alive(second.parse().unwrap()));
    let after: Vec<_> =
        home.events("daemon.started").iter().map(|e| e["body"]["after"].clone()).collect();
    assert_eq!(after, ["first", "crash"]);

    // A reload is told to the manager and done with.
    manager.systemctl(&home, &["reload", "orkestra"]);
    assert_eq!(manager.property(&home, "ActiveState"), "active");

    // Stopped: all units are gone, and nothing is started again.
    manager.systemctl(&home, &["stop", "orkestra"]);
    assert!(units.iter().all(|pid| !is_alive(*pid)), "{}", manager.log(&home));
    assert_eq!(manager.property(&home, "ActiveState"), "inactive");
    assert_eq!(manager.property(&home, "Result"), "success");

    manager.systemctl(&home, &["start", "orkestra"]);
    home.pid("a");
    manager.orkestra(&home, &["service", "uninstall"]);
    home.wait("the end of all", || home.processes().is_empty().then_some(()));
    assert!(!home.dir.join(".config/systemd/user/orkestra.service").exists());
    home.fails(&["service", "status"], 6);
}
