//! A data folder of its own for each test, and the real `orkestra` binary on it.
//!
//! Everything is real: processes, SQLite, sockets. The environment is built from nothing, so what
//! is installed or configured on the machine changes no test. When a test fails, its folder is
//! kept and named.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]
#![allow(clippy::disallowed_methods, reason = "tests run the binary from outside")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const ORKESTRA: &str = env!("CARGO_BIN_EXE_orkestra");

/// How long anything may take on a busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One test's data folder, configuration and daemon.
pub struct Home {
    root: Option<tempfile::TempDir>,
    /// The folder that holds everything of this test.
    pub dir: PathBuf,
    /// Variables for the daemon and the commands, on top of PATH and HOME.
    pub env: Vec<(String, String)>,
    daemon: Option<Child>,
    /// The dashboard's address, without the login.
    pub url: String,
    /// The code of the login link that `up` printed.
    pub login: String,
}

impl Home {
    /// A fresh folder with this configuration; `listen.port` is 0 unless it says otherwise.
    pub fn new(yaml: &str) -> Self {
        let root = tempfile::Builder::new().prefix("orkestra-test-").tempdir().expect("a folder");
        let dir = root.path().canonicalize().expect("its path");
        let home = Self {
            root: Some(root),
            dir,
            env: Vec::new(),
            daemon: None,
            url: String::new(),
            login: String::new(),
        };
        home.configure(yaml);
        home
    }

    /// Replaces the configuration as an editor does: a new file is renamed over the old one.
    pub fn configure(&self, yaml: &str) {
        let fresh = self.dir.join("orkestra.yaml.new");
        std::fs::write(&fresh, yaml).expect("the configuration");
        std::fs::rename(&fresh, self.config()).expect("the configuration in place");
    }

    /// The configuration's path.
    pub fn config(&self) -> PathBuf {
        self.dir.join("orkestra.yaml")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// A command with the hermetic environment, in the test's folder.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.dir)
            .env("ORKESTRA_HOME", self.data())
            .env("LANG", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    /// Runs `orkestra ARGS` to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(ORKESTRA).args(args).output().expect("orkestra runs")
    }

    /// Runs it and expects success; what it printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "orkestra {args:?} failed ({}):\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs it with `--json` and reads what it printed.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let printed = self.ok(&args);
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{args:?}: {e}: {printed}"))
    }

    /// Runs it and expects this exit code; what it said on standard error.
    pub fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "orkestra {args:?} said: {said}");
        said
    }

    /// Starts the daemon in the foreground of a process of ours and waits until it serves.
    pub fn up(&mut self) {
        self.up_with(&["--port", "0"]);
    }

    /// The same with other flags.
    pub fn up_with(&mut self, flags: &[&str]) {
        assert!(self.daemon.is_none(), "the daemon runs already");
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.dir.join("daemon.log"))
            .expect("the daemon's log");
        let mut child = self
            .command(ORKESTRA)
            .arg("up")
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        self.daemon = Some(child);
        let link = line.trim().strip_prefix("Dashboard: ").unwrap_or_else(|| {
            panic!("the daemon did not come up: {line:?}\n{}", self.daemon_log());
        });
        let (url, login) = link.split_once("/#login=").expect("a login link");
        (self.url, self.login) = (url.to_owned(), login.to_owned());
    }

    /// What the daemons of this test said.
    pub fn daemon_log(&self) -> String {
        std::fs::read_to_string(self.dir.join("daemon.log")).unwrap_or_default()
    }

    /// The daemon's process id.
    pub fn daemon_pid(&self) -> i32 {
        self.daemon.as_ref().map(|child| child.id() as i32).expect("a daemon")
    }

    /// Sends a signal to the daemon.
    pub fn signal_daemon(&self, name: &str) {
        signal(self.daemon_pid(), name);
    }

    /// Kills the daemon as power failure would: no goodbye.
    pub fn kill_daemon(&mut self) {
        let mut child = self.daemon.take().expect("a daemon");
        child.kill().expect("it is killed");
        child.wait().expect("it is reaped");
    }

    /// Waits for the daemon to end by itself; its exit code.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        let mut child = self.daemon.take().expect("a daemon");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the daemon does not end:\n{}", self.daemon_log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// `orkestra down`, and the end of the process.
    pub fn down(&mut self) {
        self.ok(&["down"]);
        assert_eq!(self.wait_for_end(), Some(0), "{}", self.daemon_log());
    }

    /// `orkestra status --json`.
    pub fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// One unit of the status.
    pub fn unit(&self, name: &str) -> Value {
        let status = self.status();
        let units = status["units"].as_array().expect("units").clone();
        units
            .into_iter()
            .find(|unit| unit["name"] == name)
            .unwrap_or_else(|| panic!("no unit {name} in {status}"))
    }

    /// Waits until a unit is in a state; the unit then.
    pub fn wait_state(&self, name: &str, state: &str) -> Value {
        self.wait(&format!("{name} to be {state}"), || {
            let unit = self.unit(name);
            (unit["state"] == state).then_some(unit)
        })
    }

    /// The pid of a unit that runs.
    pub fn pid(&self, name: &str) -> i32 {
        let unit = self.wait_state(name, "running");
        unit["pid"].as_i64().expect("a pid") as i32
    }

    /// Waits for something to be so, with patience for a busy machine.
    pub fn wait<T>(&self, what: &str, mut so: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = so() {
                return value;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", self.daemon_log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All events of these kinds, oldest first (1000 at most); every kind with `*`.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.ok(&["events", "--json", "-n", "1000", "--kind", kind])
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect()
    }

    /// The operator's token.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.data().join("secrets/token")).expect("the token")
    }

    /// The port that the daemon listens on.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// One HTTP request, written by hand so that every header can be wrong.
    pub fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request += &format!("Host: 127.0.0.1:{}\r\n", self.port());
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut bytes = Vec::new();
        let _reset_after_the_answer = stream.read_to_end(&mut bytes);
        Reply::parse(&text(&bytes))
    }

    /// The same with the operator's token.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token());
        self.http(method, path, &[("Authorization", &bearer)], body)
    }

    /// A program in the test's folder, ready to be run.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.dir.join(name);
        std::fs::write(&path, text).expect("the script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        path
    }

    /// Every living process of this home's units and runs, shims included, the daemon not: their
    /// environment names the test's folder.
    pub fn processes(&self) -> Vec<i32> {
        let path = self.dir.display().to_string();
        let daemon = self.daemon.as_ref().map(|child| child.id() as i32);
        let marked =
            |environ: &str| environ.contains("ORKESTRA_INSTANCE=") && environ.contains(&path);
        living(marked).into_iter().filter(|pid| Some(*pid) != daemon).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        // Whatever a failed test left: its processes carry the path of its folder.
        for _ in 0..20 {
            let path = self.dir.display().to_string();
            let left = living(|environ| environ.contains(&path));
            if left.is_empty() {
                break;
            }
            for pid in left {
                signal(pid, "KILL");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if std::thread::panicking()
            && let Some(root) = self.root.take()
        {
            eprintln!("the test's folder is kept: {}", root.keep().display());
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, rest) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { unchunk(rest) } else { rest.to_owned() };
        Self { status, head: head.to_owned(), body }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

fn unchunk(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
        if size == 0 || tail.len() < size {
            break;
        }
        body.push_str(tail.get(..size).unwrap_or_default());
        rest = tail.get(size + 2..).unwrap_or_default();
    }
    body
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends a signal by its name; a process that is gone is no error.
pub fn signal(pid: i32, name: &str) {
    let signal = match name {
        "KILL" => rustix::process::Signal::KILL,
        "TERM" => rustix::process::Signal::TERM,
        "INT" => rustix::process::Signal::INT,
        "HUP" => rustix::process::Signal::HUP,
        "STOP" => rustix::process::Signal::STOP,
        "CONT" => rustix::process::Signal::CONT,
        other => panic!("add signal {other}"),
    };
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    let _gone = rustix::process::kill_process(pid, signal);
}

/// Whether a process lives: it is there and no zombie.
pub fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

/// Living processes whose environment is like this.
pub fn living(like: impl Fn(&str) -> bool) -> Vec<i32> {
    let own = std::process::id() as i32;
    std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own && is_alive(*pid))
        .filter(|pid| {
            std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ"))
                .is_ok_and(|environ| like(&text(&environ)))
        })
        .collect()
}

/// The shim that holds a unit's process: its parent.
pub fn parent_of(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its stat");
    let after = stat.rsplit(')').next().expect("fields");
    after.split_whitespace().nth(1).and_then(|ppid| ppid.parse().ok()).expect("a parent")
}
