//! What the daemon asked for, read from `key=value … -- command`.

use core::ffi::{CStr, c_char};

use crate::text::number;

/// A list of words as the kernel gives and takes it: addresses, then null.
pub(crate) type Words = *const *const c_char;

/// What to do with output while the disk is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Stop reading, so that the unit waits: nothing is lost.
    Block,
    /// Go on, count what is lost, and say so in the log.
    Drop,
}

/// Where the unit's output goes.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    Log { dir: &'static CStr, seq: u64, max: u64, keep: u64, full: WhenFull },
    Raw { stdout: &'static CStr, stderr: &'static CStr, cap: u64 },
}

/// Everything the shim was told.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) instance: &'static CStr,
    pub(crate) term: u64,
    pub(crate) cwd: &'static CStr,
    pub(crate) stop_signal: i32,
    pub(crate) grace_ms: u64,
    pub(crate) output: Output,
    pub(crate) stdin: &'static CStr,
    pub(crate) nofile: Option<(u64, u64)>,
    /// User, group, and all groups as numbers with commas between.
    pub(crate) user: Option<(u32, u32, &'static CStr)>,
    /// The name of the socket for notices (with `@` instead of a path: abstract), and whether all
    /// processes may send.
    pub(crate) notify: Option<(&'static CStr, bool)>,
    /// Where the unit's own command starts in argv.
    pub(crate) command: usize,
}

impl Options {
    /// Reads the options; keys of a newer daemon are ignored.
    pub(crate) fn parse(arguments: impl Iterator<Item = &'static CStr>) -> Option<Self> {
        let (mut instance, mut cwd, mut stdin) = (c"", c"/", c"/dev/null");
        let (mut term, mut stop_signal, mut grace_ms) = (0, libc::SIGTERM, 5_000);
        let (mut raw, mut dir, mut stdout, mut stderr) = (false, c"", c"", c"");
        let (mut seq, mut max, mut keep, mut cap) = (1, 10 << 20, 5, u64::MAX);
        let (mut full, mut soft, mut hard, mut command) = (WhenFull::Block, None, None, None);
        let (mut notify, mut notify_all) = (None, false);
        let (mut uid, mut gid, mut groups) = (None, None, c"");
        for (index, argument) in arguments.enumerate() {
            let bytes = argument.to_bytes_with_nul();
            if bytes == b"--\0" {
                command = Some(index + 1);
                break;
            }
            let Some(split) = bytes.iter().position(|byte| *byte == b'=') else { continue };
            let (key, value) = (bytes.get(..split)?, bytes.get(split + 1..)?);
            let value = CStr::from_bytes_with_nul(value).ok()?;
            let count = number(value.to_bytes());
            match key {
                b"instance" => instance = value,
                b"term" => term = count?,
                b"cwd" => cwd = value,
                b"stop_signal" => stop_signal = i32::try_from(count?).ok()?,
                b"grace_ms" => grace_ms = count?,
                b"mode" => raw = value == c"raw",
                b"log_dir" => dir = value,
                b"log_seq" => seq = count?,
                b"log_max" => max = count?,
                b"log_keep" => keep = count?,
                b"full" if value == c"drop" => full = WhenFull::Drop,
                b"stdout" => stdout = value,
                b"stderr" => stderr = value,
                b"cap" => cap = count?,
                b"stdin" => stdin = value,
                b"nofile_soft" => soft = count,
                b"nofile_hard" => hard = count,
                b"notify_socket" => notify = Some(value),
                b"notify" => notify_all = value == c"all",
                b"uid" => uid = Some(u32::try_from(count?).ok()?),
                b"gid" => gid = Some(u32::try_from(count?).ok()?),
                b"groups" => groups = value,
                _ => {}
            }
        }
        let output = if raw {
            Output::Raw { stdout, stderr, cap }
        } else {
            Output::Log { dir, seq: seq.max(1), max, keep: keep.max(1), full }
        };
        Some(Self {
            instance,
            term,
            cwd,
            stop_signal,
            grace_ms,
            output,
            stdin,
            nofile: soft.zip(hard),
            user: uid.zip(gid).map(|(uid, gid)| (uid, gid, groups)),
            notify: notify.map(|name| (name, notify_all)),
            command: command?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Output, WhenFull};

    #[test]
    fn unknown_keys_are_ignored_and_the_command_is_found() {
        let words = [c"name=a", c"term=7", c"news=1", c"mode=log", c"full=drop", c"--", c"ls"];
        let options = Options::parse(words.into_iter()).unwrap();
        assert_eq!((options.term, options.command), (7, 6));
        assert!(matches!(options.output, Output::Log { full: WhenFull::Drop, .. }));
        assert!(Options::parse([c"name=a"].into_iter()).is_none());
    }
}
