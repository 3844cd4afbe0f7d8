//! Short helper programs and small questions about the machine.

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::error::{Doing, Error};
use crate::spawn::{Spawn, spawn};

/// What a helper program said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its output, at most as long as allowed.
    pub stdout: Vec<u8>,
    /// Its errors, at most as long as allowed.
    pub stderr: Vec<u8>,
    /// It said more than was allowed.
    pub truncated: bool,
}

impl Captured {
    /// It ended with code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Finds an executable in a PATH; a name with a slash is looked up as it is.
pub fn find_program(name: &str, path_var: &str) -> Option<PathBuf> {
    let usable = |path: &Path| {
        path.metadata().is_ok_and(|facts| facts.is_file())
            && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
            && path.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| usable(path));
    }
    if name.is_empty() {
        return None;
    }
    std::env::split_paths(path_var).map(|dir| dir.join(name)).find(|path| usable(path))
}

/// Runs a helper program to its own end, with exactly this environment; whom it leaves behind is not
/// waited for. When it takes longer than
/// `limit`, its whole group is killed. At most `max_bytes` of each output are kept.
pub async fn run_captured(
    argv: &[String],
    env: &[(String, String)],
    cwd: &Path,
    limit: Duration,
    max_bytes: usize,
) -> Result<Captured, Error> {
    run_captured_as(None, argv, env, cwd, limit, max_bytes).await
}

/// The same with an input for the program to read, or not to read.
pub async fn run_fed(
    input: &[u8],
    argv: &[String],
    env: &[(String, String)],
    cwd: &Path,
    limit: Duration,
    max_bytes: usize,
) -> Result<Captured, Error> {
    use std::io::{Seek, Write};
    // A file in memory and not a pipe: who does not read it holds nobody up.
    let file = rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(io::Error::from)
        .doing("make an input")?;
    let mut file = File::from(file);
    file.write_all(input).and_then(|()| file.rewind()).doing("fill an input")?;
    captured(None, Stdio::from(file), argv, env, cwd, limit, max_bytes).await
}

/// The same as another user (`name` or `name:group`), without any further groups; for a daemon
/// that runs as root.
pub async fn run_captured_as(
    user: Option<&str>,
    argv: &[String],
    env: &[(String, String)],
    cwd: &Path,
    limit: Duration,
    max_bytes: usize,
) -> Result<Captured, Error> {
    captured(user, Stdio::null(), argv, env, cwd, limit, max_bytes).await
}

async fn captured(
    user: Option<&str>,
    stdin: Stdio,
    argv: &[String],
    env: &[(String, String)],
    cwd: &Path,
    limit: Duration,
    max_bytes: usize,
) -> Result<Captured, Error> {
    let account = user.map(crate::account::to_become).transpose()?.flatten();
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Error::Unusable { what: "the command", why: "it is empty" });
    };
    #[allow(clippy::disallowed_methods, reason = "this crate is the one that may")]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(env.iter().map(|(key, value)| (key, value)))
        .current_dir(cwd)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(account) = &account {
        // The standard library drops the groups of root with that.
        command.uid(account.uid).gid(account.gid);
    }
    let mut child = command.spawn().doing_at("run", Path::new(program))?;
    // Dropped before the end, it takes the whole group along, not only the program itself.
    let group = Group(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut said = [Said::default(), Said::default()];
    let [out, err] = &mut said;
    let finished = timeout(limit, async {
        let mut reading = pin!(async {
            tokio::join!(capture(stdout, max_bytes, out), capture(stderr, max_bytes, err))
        });
        tokio::select! {
            biased;
            _ = &mut reading => child.wait().await,
            ended = child.wait() => {
                // Whom it left behind may hold its output for ever.
                let _held = timeout(AFTERWORD, &mut reading).await;
                ended
            }
        }
        .doing_at("wait for", Path::new(program))
    })
    .await;
    if let Ok(result) = finished {
        group.forget();
        let [stdout, stderr] = said;
        return result.map(|status| Captured {
            code: status.code(),
            signal: status.signal(),
            truncated: stdout.more || stderr.more,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
        });
    }
    drop(group);
    let _ = child.wait().await;
    Err(Error::TimedOut { program: program.clone(), seconds: limit.as_secs() })
}

/// A process group that is killed when this is dropped: its leader is not reaped before.
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
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// How long what a program wrote is still read after its own end.
const AFTERWORD: Duration = Duration::from_millis(200);

/// One output so far.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    more: bool,
}

/// Reads to the end but keeps at most `max` bytes, and notes whether there was more.
async fn capture(stream: Option<impl AsyncRead + Unpin>, max: usize, said: &mut Said) {
    let Some(mut stream) = stream else { return };
    let mut chunk = vec![0; 16 << 10];
    // An error ends the reading like the end: what counts is the exit status.
    while let Ok(len @ 1..) = stream.read(&mut chunk).await {
        let room = max - said.bytes.len();
        said.more |= len > room;
        said.bytes.extend_from_slice(chunk.get(..len.min(room)).unwrap_or_default());
    }
}

/// Starts a program of its own session that outlives us, its output added to a file. Returns its
/// pid. It is reaped by whoever inherits it, so this is for a process that ends soon itself.
pub fn spawn_detached(
    argv: &[String],
    env: &[(String, String)],
    log_file: &Path,
) -> Result<u32, Error> {
    let unusable = |_| Error::Unusable { what: "the command", why: "it contains a NUL byte" };
    let strings = |words: Vec<String>| {
        words.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>().map_err(unusable)
    };
    let words = strings(argv.to_vec())?;
    let env = strings(env.iter().map(|(key, value)| format!("{key}={value}")).collect())?;
    let Some(program) = words.first() else {
        return Err(Error::Unusable { what: "the command", why: "it is empty" });
    };
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(log_file)
        .doing_at("open", log_file)?;
    let null = File::open("/dev/null").doing("open /dev/null")?;
    let descriptors = [(null.as_fd(), 0), (log.as_fd(), 1), (log.as_fd(), 2)];
    spawn(&Spawn { program, argv: &words, env: &env, descriptors: &descriptors })
        .doing_at("start", Path::new(OsStr::from_bytes(program.to_bytes())))
}

/// Whether a path lies on a network file system, where locks and memory maps cannot be trusted.
pub fn is_network_fs(path: &Path) -> Result<bool, Error> {
    /// NFS, SMB, CIFS, SMB2, AFS, Ceph, 9P, Coda, Lustre, GFS2, OCFS2.
    const NETWORK: [u32; 11] = [
        0x6969,
        0x517B,
        0xFF53_4D42,
        0xFE53_4D42,
        0x5346_414F,
        0x00C3_6400,
        0x0102_1997,
        0x7375_7245,
        0x0BD0_0BD0,
        0x0116_1970,
        0x7461_636F,
    ];
    const FUSE: u32 = 0x6573_5546;
    let magic = rustix::fs::statfs(path).doing_at("look at the disk of", path)?.f_type as u32;
    if magic == FUSE {
        // FUSE carries local disks too; only the mount table knows which program serves it.
        let kind = mount_kind(path).doing_at("look at the disk of", path)?;
        let network = ["sshfs", "rclone", "s3fs", "davfs", "glusterfs", "ceph", "gvfs", "smb"];
        return Ok(network.iter().any(|name| kind.contains(name)));
    }
    Ok(NETWORK.contains(&magic))
}

/// The file system's name (`ext4`, `fuse.sshfs`) from the mount table.
fn mount_kind(path: &Path) -> io::Result<String> {
    let device = rustix::fs::stat(path)?.st_dev;
    let wanted = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    let found = table.lines().filter(|line| line.split(' ').nth(2) == Some(&wanted));
    Ok(found
        .filter_map(|line| line.split_once(" - ")?.1.split(' ').next())
        .next_back()
        .unwrap_or_default()
        .to_owned())
}

/// Resident memory of one process in bytes; `None` when it is gone.
pub fn memory_of(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// Whether a process that we started has ended; it is reaped then.
pub fn child_has_ended(pid: u32) -> bool {
    use rustix::process::{Pid, WaitOptions, waitpid};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return true };
    // An error means that it is no child of ours any more.
    !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
}

/// How a process was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its program; gone or replaced since, perhaps.
    pub program: PathBuf,
    /// Its name and arguments.
    pub argv: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Where it works.
    pub cwd: PathBuf,
}

/// How a process of the same user was started, so that another can take its place.
pub fn image_of(pid: u32) -> Result<Image, Error> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let words = |name: &str| {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).doing_at("read", &path)?;
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        Ok(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>())
    };
    let link = |name: &str| {
        let path = folder.join(name);
        std::fs::read_link(&path).doing_at("read", &path)
    };
    let env = words("environ")?
        .iter()
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // A program whose file was replaced is told with this at its end; the new file has its name.
    let program = link("exe")?;
    let program = match program.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(text) => PathBuf::from(text),
        None => program,
    };
    Ok(Image { program, argv: words("cmdline")?, env, cwd: link("cwd")? })
}
