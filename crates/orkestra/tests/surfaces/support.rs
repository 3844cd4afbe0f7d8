//! What the tests of surfaces share: a repository to work for, a raw client for server-sent
//! events, a follower of the command line, and the programs that are built beside the binary.

use crate::harness::{Home, ORKESTRA, PATIENCE, text};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A unit that does nothing but live.
pub(crate) const IDLE: &str = "units:\n  web:\n    command: [sleep, \"100000\"]\n";

/// The folder of the whole project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

/// A program of `orkestra-fakes`, built beside the binary.
pub(crate) fn fake(name: &str) -> String {
    let path = Path::new(ORKESTRA).with_file_name(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo xtask test` builds it, and so does `cargo build -p orkestra-fakes`",
        path.display()
    );
    path.display().to_string()
}

/// A git repository with one commit.
pub(crate) fn repository(home: &Home) -> PathBuf {
    let target = home.dir.join("target");
    std::fs::create_dir(&target).expect("the target");
    git(home, &target, &["init", "--quiet", "--initial-branch", "main"]);
    std::fs::write(target.join("README"), "a target\n").expect("a file");
    git(home, &target, &["add", "-A"]);
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    git(home, &target, &[&who[..], &["commit", "--quiet", "-m", "start"]].concat());
    target
}

/// What git says.
pub(crate) fn git(home: &Home, folder: &Path, args: &[&str]) -> String {
    let mut command = home.command("git");
    let output = command.current_dir(folder).args(args).output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

/// The whole journal after a place, oldest first.
pub(crate) fn journal(home: &Home, after: u64) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = after;
    loop {
        let page =
            home.api("GET", &format!("/api/v1/journal?order=asc&limit=1000&after={after}"), "");
        let page = page.json();
        let events = page["events"].as_array().expect("events").clone();
        let Some(last) = events.last() else { return all };
        after = last["seq"].as_u64().expect("a place");
        all.extend(events);
    }
}

/// The newest place in the journal.
pub(crate) fn head(home: &Home) -> u64 {
    home.api("GET", "/api/v1/journal?limit=1", "").json()["head"].as_u64().expect("a head")
}

/// One server-sent event.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Message {
    pub(crate) fn seq(&self) -> u64 {
        self.data["seq"].as_u64().unwrap_or_else(|| panic!("no event: {self:?}"))
    }
}

/// A client of server-sent events that is nothing but a socket.
pub(crate) struct Sse {
    stream: TcpStream,
    messages: Receiver<Message>,
}

impl Sse {
    /// Connects; `last` is the `Last-Event-ID`.
    pub(crate) fn open(home: &Home, path: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", home.port())).expect("a connection");
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n",
            home.port(),
            home.token()
        );
        if let Some(last) = last {
            request += &format!("Last-Event-ID: {last}\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).expect("the request is sent");
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut status = String::new();
        reader.read_line(&mut status).expect("a status line");
        assert!(status.contains(" 200 "), "{status}");
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
            line.clear();
        }
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut buffer = String::new();
            while let Some(chunk) = chunk(&mut reader) {
                buffer.push_str(&chunk);
                while let Some(end) = buffer.find("\n\n") {
                    let rest = buffer.split_off(end + 2);
                    let block = std::mem::replace(&mut buffer, rest);
                    if let Some(message) = message(&block)
                        && sender.send(message).is_err()
                    {
                        return;
                    }
                }
            }
        });
        Self { stream, messages }
    }

    /// The next message.
    pub(crate) fn next(&self) -> Message {
        self.messages.recv_timeout(PATIENCE).expect("the stream goes on")
    }

    /// The next message if one comes in this time.
    pub(crate) fn next_within(&self, time: Duration) -> Option<Message> {
        self.messages.recv_timeout(time).ok()
    }

    /// Cuts the connection.
    pub(crate) fn cut(self) {
        let _gone_already = self.stream.shutdown(Shutdown::Both);
    }
}

/// One chunk of a chunked answer; `None` at its end.
fn chunk(reader: &mut impl BufRead) -> Option<String> {
    let mut size = String::new();
    reader.read_line(&mut size).ok()?;
    let size = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0)?;
    let mut bytes = vec![0; size + 2];
    reader.read_exact(&mut bytes).ok()?;
    bytes.truncate(size);
    Some(text(&bytes))
}

fn message(block: &str) -> Option<Message> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::to_owned)
    };
    Some(Message {
        id: field("id").unwrap_or_default(),
        event: field("event").unwrap_or_default(),
        data: serde_json::from_str(&field("data")?).expect("data is JSON"),
    })
}

/// A command that goes on, and the JSON lines that it prints.
pub(crate) struct Follower {
    child: Child,
    lines: Receiver<Value>,
}

impl Follower {
    /// Starts `orkestra ARGS`.
    pub(crate) fn start(home: &Home, args: &[&str]) -> Self {
        let mut command = home.command(ORKESTRA);
        let mut child = command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line.
    pub(crate) fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("it prints on")
    }

    /// The next line if one comes in this time.
    pub(crate) fn next_within(&self, time: Duration) -> Option<Value> {
        self.lines.recv_timeout(time).ok()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A direct connection to the journal's file, as somebody with bad intentions has it.
pub(crate) fn database(home: &Home) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(home.data().join("state.db")).expect("state.db");
    connection.busy_timeout(PATIENCE).expect("a limit");
    connection
}
