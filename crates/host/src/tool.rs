//! Commands that the tools of a model start, and agent programs that are held by a pipe.
//!
//! Each has a process group of its own and a mark in its environment, which all that it starts
//! inherit. When it ends, or must end, the group is killed, and then whatever carries the mark.

use crate::error::{Doing, Error};
use crate::instance;
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// The variable that marks what a tool has started.
pub const MARK: &str = "ORKESTRA_TOOL";

/// How long output is still read after a command's own end: whom it left behind may hold it.
const AFTERWORD: Duration = Duration::from_millis(300);

/// A command to run.
#[derive(Debug, Clone)]
pub struct Order {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment, but for the mark.
    pub env: Vec<(String, String)>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// Something that no other order has.
    pub mark: String,
}

/// What came of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It took too long and was killed.
    pub timed_out: bool,
    /// The beginning of what it printed, both streams as they came.
    pub head: Vec<u8>,
    /// The end of what it printed, where that is more than the beginning.
    pub tail: Vec<u8>,
    /// Bytes between the two that were not kept.
    pub left_out: u64,
}

/// Runs a command to its end or to the limit, and ends all that it started. Dropped before, its
/// group is killed; what left the group has the mark for [`end_marked`].
///
/// # Errors
/// It cannot be started.
pub async fn run(order: &Order, limit: Duration, keep: usize) -> Result<Ran, Error> {
    let mut command = command(order)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing_at("run", Path::new(&order.argv[0]))?;
    let group = Group(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let deadline = Instant::now() + limit;
    let mut kept = Kept { half: keep / 2, ..Kept::default() };
    let status = {
        let mut reading = std::pin::pin!(read_both(stdout, stderr, &mut kept));
        let mut all_read = false;
        let ended = timeout_at(deadline, async {
            loop {
                tokio::select! {
                    () = &mut reading, if !all_read => all_read = true,
                    ended = child.wait() => break ended,
                }
            }
        })
        .await;
        match &ended {
            // It is reaped, so its group's number may be somebody else's.
            Ok(_) => group.forget(),
            Err(_) => drop(group),
        }
        // What it left behind holds the pipes.
        end_marked(&order.mark).await;
        if !all_read {
            let _held = timeout(AFTERWORD, &mut reading).await;
        }
        ended
    };
    let mut ran = Ran { timed_out: status.is_err(), ..Ran::default() };
    match status {
        Ok(status) => {
            use std::os::unix::process::ExitStatusExt;
            let status = status.doing("wait for a command")?;
            (ran.code, ran.signal) = (status.code(), status.signal());
        }
        Err(_) => {
            let _reaped = child.wait().await;
        }
    }
    (ran.head, ran.tail, ran.left_out) = kept.parts();
    Ok(ran)
}

/// A program that is spoken to by its standard input and output; its errors go where ours go.
#[derive(Debug)]
pub struct Spoken {
    child: Child,
    group: Group,
    mark: String,
    /// Its standard input.
    pub stdin: ChildStdin,
    /// Its standard output.
    pub stdout: ChildStdout,
}

/// Starts a program to speak with.
///
/// # Errors
/// It cannot be started.
pub fn speak(order: &Order) -> Result<Spoken, Error> {
    let mut command = command(order)?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .doing_at("run", Path::new(&order.argv[0]))?;
    let group = Group(child.id());
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => {
            Ok(Spoken { child, group, mark: order.mark.clone(), stdin, stdout })
        }
        _ => Err(Error::Unusable { what: "the program", why: "it has no pipes" }),
    }
}

impl Spoken {
    /// Lets it end by itself when its input ends, for at most `grace`, then kills it and all that
    /// it started. Its exit code, if it had one.
    pub async fn end(self, grace: Duration) -> Option<i32> {
        let Self { mut child, group, mark, stdin, stdout } = self;
        drop(stdin);
        drop(stdout);
        let ended = timeout(grace, child.wait()).await;
        match &ended {
            Ok(_) => group.forget(),
            Err(_) => drop(group),
        }
        end_marked(&mark).await;
        match ended {
            Ok(status) => status.ok()?.code(),
            Err(_) => {
                let _reaped = child.wait().await;
                None
            }
        }
    }

    /// Its exit code, when it has ended already.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().ok()?.map(|status| status.code())
    }
}

/// Kills all that carries this mark.
pub async fn end_marked(mark: &str) {
    if let Err(error) = instance::stop_with(format!("{MARK}={mark}")).await {
        tracing::warn!(%error, "what a tool left behind may still be there");
    }
}

/// Keeps other processes of this user from reading our memory and environment, where keys are.
pub fn keep_private() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "our memory could not be made private");
    }
}

fn command(order: &Order) -> Result<Command, Error> {
    let Some((program, arguments)) = order.argv.split_first() else {
        return Err(Error::Unusable { what: "the command", why: "it is empty" });
    };
    #[allow(clippy::disallowed_methods, reason = "this crate is the one that may")]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(order.env.iter().map(|(key, value)| (key, value)))
        .env(MARK, &order.mark)
        .current_dir(&order.cwd)
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}

/// A process group that is killed when this is dropped: its leader is not reaped before.
#[derive(Debug)]
struct Group(Option<u32>);

impl Group {
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The beginning and the end of an output.
#[derive(Default)]
struct Kept {
    half: usize,
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    left_out: u64,
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    fn parts(self) -> (Vec<u8>, Vec<u8>, u64) {
        (self.head, self.tail.into(), self.left_out)
    }
}

async fn read_both(
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
    kept: &mut Kept,
) {
    let (mut stdout, mut stderr) = (stdout, stderr);
    let (mut out, mut err) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    while stdout.is_some() || stderr.is_some() {
        let (bytes, ended, is_out) = tokio::select! {
            read = next(&mut stdout, &mut out), if stdout.is_some() => (&out, read, true),
            read = next(&mut stderr, &mut err), if stderr.is_some() => (&err, read, false),
        };
        match ended {
            0 if is_out => stdout = None,
            0 => stderr = None,
            len => kept.take(bytes.get(..len).unwrap_or_default()),
        }
    }
}

async fn next(stream: &mut Option<impl AsyncRead + Unpin>, into: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(into).await.unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(script: &str, mark: &str) -> Order {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let env = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let mark = format!("{mark}-{}", std::process::id());
        Order { argv, env, cwd: PathBuf::from("/"), mark }
    }

    fn living(needle: &str) -> bool {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(needle))
        })
    }

    #[tokio::test]
    async fn what_is_printed_is_kept_from_both_ends() {
        let both = order("echo out; echo err >&2; exit 3", "a");
        let ran = run(&both, Duration::from_secs(30), 1000).await.unwrap();
        assert_eq!((ran.code, ran.timed_out, ran.left_out), (Some(3), false, 0));
        let text = String::from_utf8(ran.head).unwrap();
        assert!(text.contains("out\n") && text.contains("err\n"), "{text}");
        let many = order("seq 1 100000", "b");
        let ran = run(&many, Duration::from_secs(30), 100).await.unwrap();
        assert!(ran.head.starts_with(b"1\n2\n") && ran.tail.ends_with(b"100000\n"));
        assert_eq!(ran.head.len() + ran.tail.len(), 100);
        assert_eq!(ran.left_out, 588_895 - 100);
    }

    #[tokio::test]
    async fn nothing_that_a_command_started_outlives_it() {
        let began = Instant::now();
        // Nobody else's processes are meant, nor those of an earlier run of this test.
        let (one, two) =
            (format!("4711.{}", std::process::id()), format!("4712.{}", std::process::id()));
        let script = format!("setsid sleep {one} & sleep {one}");
        let ran = run(&order(&script, "c"), Duration::from_millis(500), 100).await.unwrap();
        assert!(ran.timed_out && ran.code.is_none());
        assert!(!living(&one), "the limit ends all");
        let left = order(&format!("setsid sleep {two} & echo up"), "d");
        let ran = run(&left, Duration::from_secs(60), 100).await.unwrap();
        assert_eq!((ran.code, ran.head.as_slice()), (Some(0), &b"up\n"[..]));
        assert!(!living(&two), "the end ends all");
        assert!(began.elapsed() < Duration::from_secs(50));
    }
}
