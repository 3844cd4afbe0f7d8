//! The lines that daemon and shim exchange; `crates/shim/src/control.rs` is the other side.

use std::path::Path;

use super::{Exit, Notice, StartFailure};

/// The protocol's version. Changes only add.
pub(super) const VERSION: u32 = 1;

/// What a shim says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Hello {
        instance: String,
    },
    Starting,
    Running {
        pid: u32,
        start_time: u64,
    },
    Stopping {
        pid: u32,
        start_time: u64,
    },
    Started {
        pid: u32,
        start_time: u64,
    },
    Failed(StartFailure),
    Output {
        stdout: u64,
        stderr: u64,
    },
    Exited(Exit),
    Notice(Notice),
    Refused {
        term: u64,
    },
    NotEnded,
    /// An older shim does not know the word.
    CannotFreeze,
    /// Said by a newer shim: not for us.
    Unknown,
}

/// What the process said, passed on.
fn notice(text: &str) -> Option<Notice> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match word {
        "ready" => Notice::Ready,
        "reloading" => Notice::Reloading,
        "stopping" => Notice::Stopping,
        "watchdog" => Notice::Watchdog,
        "status" => Notice::Status(rest.to_owned()),
        "extend" => Notice::Extend(std::time::Duration::from_micros(rest.parse().ok()?)),
        "refused" => Notice::Refused { pid: rest.parse().ok()? },
        _ => return None,
    })
}

pub(super) fn parse(line: &str) -> Said {
    if let Some(text) = line.strip_prefix("notice ") {
        return notice(text).map_or(Said::Unknown, Said::Notice);
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let words = words.as_slice();
    let (words, is_state) = match words {
        ["state", rest @ ..] => (rest, true),
        all => (all, false),
    };
    let two = |a: &str, b: &str| a.parse::<u64>().ok().zip(b.parse::<u64>().ok());
    let process = |a: &str, b: &str| a.parse::<u32>().ok().zip(b.parse::<u64>().ok());
    let said = match words {
        ["hello", _version, instance, ..] => Some(Said::Hello { instance: (*instance).into() }),
        ["starting", ..] if is_state => Some(Said::Starting),
        ["running", pid, start, ..] if is_state => {
            process(pid, start).map(|(pid, start_time)| Said::Running { pid, start_time })
        }
        ["stopping", pid, start, ..] if is_state => {
            process(pid, start).map(|(pid, start_time)| Said::Stopping { pid, start_time })
        }
        ["started", pid, start, ..] => {
            process(pid, start).map(|(pid, start_time)| Said::Started { pid, start_time })
        }
        ["failed", stage, errno, ..] => {
            errno.parse().ok().map(|errno| Said::Failed(StartFailure::new(stage, errno)))
        }
        ["output", stdout, stderr, ..] => {
            two(stdout, stderr).map(|(stdout, stderr)| Said::Output { stdout, stderr })
        }
        ["exited", pairs @ ..] => exit(pairs.iter().copied()).map(Said::Exited),
        ["refused", term, ..] => term.parse().ok().map(|term| Said::Refused { term }),
        ["error", "not-ended", ..] => Some(Said::NotEnded),
        ["error", "unknown", "freeze", ..] => Some(Said::CannotFreeze),
        _ => None,
    };
    said.unwrap_or(Said::Unknown)
}

/// Reads `key=value` words; a record without an ending is none.
fn exit<'a>(pairs: impl Iterator<Item = &'a str>) -> Option<Exit> {
    let mut exit = Exit {
        code: None,
        signal: None,
        failure: None,
        reason: String::new(),
        killed: false,
        survivors: 0,
        at: 0,
        dropped: 0,
    };
    let (mut stage, mut errno) = (None, 0);
    for (key, value) in pairs.filter_map(|pair| pair.split_once('=')) {
        match key {
            "code" => exit.code = value.parse().ok(),
            "signal" => exit.signal = value.parse().ok(),
            "failed" => stage = Some(value),
            "errno" => errno = value.parse().ok()?,
            "reason" => exit.reason = value.to_owned(),
            "killed" => exit.killed = value == "1",
            "survivors" => exit.survivors = value.parse().ok()?,
            "at" => exit.at = value.parse().ok()?,
            "dropped" => exit.dropped = value.parse().ok()?,
            _ => {}
        }
    }
    exit.failure = stage.map(|stage| StartFailure::new(stage, errno));
    let complete = exit.code.is_some() || exit.signal.is_some() || exit.failure.is_some();
    complete.then_some(exit)
}

/// The record a shim left. It is written whole or not at all.
pub(super) fn read_exit(dir: &Path) -> Option<Exit> {
    let text = std::fs::read_to_string(dir.join("exit")).ok()?;
    exit(text.lines())
}

#[cfg(test)]
mod tests {
    use super::{Notice, Said, parse};

    #[test]
    fn unknown_verbs_and_keys_are_ignored() {
        assert_eq!(parse("sung a song"), Said::Unknown);
        assert_eq!(parse("started x 1"), Said::Unknown);
        assert_eq!(parse("notice sung"), Said::Unknown);
        assert_eq!(parse("notice ready"), Said::Notice(Notice::Ready));
        let status = Notice::Status("two  words".to_owned());
        assert_eq!(parse("notice status two  words"), Said::Notice(status));
        let Said::Exited(exit) = parse(
            "exited code=3 reason=stopped killed=1 survivors=0 at=12 log_seq=4 dropped=5 news=1",
        ) else {
            panic!("not an exit")
        };
        assert_eq!((exit.code, exit.killed, exit.at, exit.dropped), (Some(3), true, 12, 5));
        assert_eq!(parse("exited reason=stopped"), Said::Unknown);
        assert!(matches!(parse("state exited signal=9 reason=x killed=0"), Said::Exited(_)));
    }
}
