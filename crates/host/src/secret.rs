//! Where secrets are kept outside: files, and 1Password through its own program. Which reference
//! means which of them, and what becomes of the value, is the engine's.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Doing, Error};
use crate::program::{find_program, run_captured};

/// Larger values do not belong into an environment.
const BYTES_MAX: usize = 64 * 1024;

/// How long 1Password may take, a dialogue on its screen included.
const OP_LIMIT: Duration = Duration::from_secs(10);

/// What its program may say about a failure.
const COMPLAINT_MAX: usize = 200;

/// A secret from a file.
#[derive(Debug)]
pub struct FromFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Users other than its owner may read it.
    pub open_to_others: bool,
}

/// Reads a file that is meant to be small and regular: a pipe without a writer would hold up
/// whoever waits for it.
pub fn read_file(path: &Path) -> Result<FromFile, Error> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .doing_at("open", path)?;
    let facts = file.metadata().doing_at("look at", path)?;
    if !facts.is_file() {
        return Err(Error::Unusable { what: "the secret's file", why: "it is no regular file" });
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).doing_at("read", path)?;
    if bytes.len() > BYTES_MAX {
        return Err(Error::Unusable { what: "the secret's file", why: "it is larger than 64 KiB" });
    }
    let open_to_others = facts.permissions().mode() & 0o044 != 0;
    Ok(FromFile { bytes, open_to_others })
}

/// Why 1Password gave nothing.
#[derive(Debug)]
pub enum OpFailure {
    /// Its program is not installed.
    Absent,
    /// Nobody is signed in, or the session is over.
    SignedOut,
    /// It did not answer in time.
    Silent {
        /// How long it was given.
        seconds: u64,
    },
    /// Something else, in its own words.
    Refused(String),
}

/// 1Password's program, if it is in this PATH.
pub fn find_op(path_var: &str) -> Option<PathBuf> {
    find_program("op", path_var)
}

/// Reads one item of 1Password. The address is no secret, and is one word of the command line.
pub async fn read_op(address: &str, env: &[(String, String)]) -> Result<Vec<u8>, OpFailure> {
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    let program = find_op(path.unwrap_or_default()).ok_or(OpFailure::Absent)?;
    let argv = [&program.to_string_lossy(), "read", "--no-newline", address].map(str::to_owned);
    let said = run_captured(&argv, env, Path::new("/"), OP_LIMIT, BYTES_MAX).await;
    let said = said.map_err(|error| match error {
        Error::TimedOut { seconds, .. } => OpFailure::Silent { seconds },
        other => OpFailure::Refused(other.to_string()),
    })?;
    if said.success() {
        if said.truncated {
            return Err(OpFailure::Refused("the value is larger than 64 KiB".to_owned()));
        }
        return Ok(said.stdout);
    }
    Err(complaint(&String::from_utf8_lossy(&said.stderr), said.code))
}

/// What a living process was started with, so that secrets which an earlier daemon gave it can be
/// recognised. `None` when the process is not of this instance, or may not be looked into.
pub fn environment_of(pid: u32, instance: &str) -> Option<Vec<(String, String)>> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mark = format!("ORKESTRA_INSTANCE={instance}");
    let variables: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    if !variables.contains(&mark.as_bytes()) {
        return None;
    }
    let pairs = variables.iter().filter_map(|variable| {
        let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(pairs.collect())
}

fn complaint(text: &str, code: Option<i32>) -> OpFailure {
    let lower = text.to_ascii_lowercase();
    let signed_out = [
        "signed in",
        "sign in",
        "signin",
        "session expired",
        "no account",
        "no accounts",
        "authorization",
        "unauthorized",
    ];
    if signed_out.iter().any(|words| lower.contains(words)) {
        return OpFailure::SignedOut;
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    // `[ERROR] 2026/11/21 08:00:00 could not …`
    let line = line.map(|line| match line.strip_prefix("[ERROR] ") {
        Some(rest) => rest.splitn(3, ' ').last().unwrap_or(rest),
        None => line,
    });
    let line = line.map(|line| line.chars().take(COMPLAINT_MAX).collect());
    OpFailure::Refused(line.unwrap_or_else(|| match code {
        Some(code) => format!("it ended with code {code}"),
        None => "it was killed".to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::{OpFailure, complaint, read_file};

    #[test]
    fn what_op_says_is_understood() {
        let signed_out = "[ERROR] 2026/11/21 08:00:00 You are not currently signed in. Please run \
            `op signin --help` for instructions";
        assert!(matches!(complaint(signed_out, Some(1)), OpFailure::SignedOut));
        let expired =
            "[ERROR] 2026/11/21 08:00:00 session expired, sign in to create a new session";
        assert!(matches!(complaint(expired, Some(1)), OpFailure::SignedOut));
        let missing =
            "[ERROR] 2026/11/21 08:00:00 could not read secret op://a/b/c: no such item\n";
        match complaint(missing, Some(1)) {
            OpFailure::Refused(line) => {
                assert_eq!(line, "could not read secret op://a/b/c: no such item");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(complaint("", Some(6)), OpFailure::Refused(line) if line.contains('6')));
    }

    #[test]
    fn only_small_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "abc\n").unwrap();
        assert_eq!(read_file(&path).unwrap().bytes, b"abc\n");
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(read_file(&path).is_err());
        assert!(read_file(dir.path()).is_err());
    }
}
