//! From an error's text to its class, and from the class to what is done about it (MISSION 2.8: the
//! table of ten; ADR 0034).
//!
//! The text is what a program or a vendor printed, so it is read by whole words: "4290 ms" is no 429,
//! and a lock that was not had in time is not any timeout.

use serde::{Deserialize, Serialize};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The vendor's limit of requests: 429.
    RateLimit,
    /// The login is not accepted: 401.
    Unauthorized,
    /// A file is not there.
    MissingFile,
    /// Something that should be JSON is not.
    BadJson,
    /// A lock was not had in time.
    LockTimeout,
    /// Something took too long.
    Timeout,
    /// The disk is full.
    DiskFull,
    /// The system said no.
    Permission,
    /// A program is not there.
    MissingCommand,
    /// Memory is used up.
    OutOfMemory,
}

/// What the table says to do (MISSION 2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Wait, longer each time.
    ExponentialBackoff,
    /// Read the credentials anew.
    ReloadCredentials,
    /// Make the file.
    CreateFile,
    /// Take the last good version.
    RestoreBackup,
    /// Take the lock from whoever is dead.
    ForceUnlock,
    /// Try once more.
    Retry,
    /// Remove what is temporary.
    CleanTemporary,
    /// Mend the permissions.
    FixPermissions,
    /// Tell a person; nothing by itself.
    TellPerson,
    /// Start the agent anew.
    Restart,
}

/// What the engine does for it, as far as it may by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The next try comes after a pause that grows.
    Wait,
    /// The next try is told what was wrong.
    Again,
    /// The next try goes to another agent, if there is one.
    OtherAgent,
    /// Nothing more happens until a person has looked.
    AskPerson,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It goes away.
    Low,
    /// It needs something to be done.
    Medium,
    /// Work stands still.
    High,
    /// All work stands still.
    Critical,
}

impl ErrorClass {
    /// All ten, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::RateLimit,
        Self::Unauthorized,
        Self::MissingFile,
        Self::BadJson,
        Self::LockTimeout,
        Self::Timeout,
        Self::DiskFull,
        Self::Permission,
        Self::MissingCommand,
        Self::OutOfMemory,
    ];

    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Unauthorized => "unauthorized",
            Self::MissingFile => "missing_file",
            Self::BadJson => "bad_json",
            Self::LockTimeout => "lock_timeout",
            Self::Timeout => "timeout",
            Self::DiskFull => "disk_full",
            Self::Permission => "permission",
            Self::MissingCommand => "missing_command",
            Self::OutOfMemory => "out_of_memory",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }

    /// What the table says.
    pub fn strategy(self) -> Strategy {
        match self {
            Self::RateLimit => Strategy::ExponentialBackoff,
            Self::Unauthorized => Strategy::ReloadCredentials,
            Self::MissingFile => Strategy::CreateFile,
            Self::BadJson => Strategy::RestoreBackup,
            Self::LockTimeout => Strategy::ForceUnlock,
            Self::Timeout => Strategy::Retry,
            Self::DiskFull => Strategy::CleanTemporary,
            Self::Permission => Strategy::FixPermissions,
            Self::MissingCommand => Strategy::TellPerson,
            Self::OutOfMemory => Strategy::Restart,
        }
    }

    /// What the engine does by itself. It makes no files and changes no permissions in a person's
    /// folders, so those two end as a word to the next try and a question.
    pub fn step(self) -> Step {
        match self {
            Self::RateLimit | Self::Timeout | Self::LockTimeout => Step::Wait,
            Self::MissingFile | Self::BadJson => Step::Again,
            Self::OutOfMemory => Step::OtherAgent,
            Self::Unauthorized | Self::DiskFull | Self::Permission | Self::MissingCommand => {
                Step::AskPerson
            }
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::RateLimit | Self::Timeout => Severity::Low,
            Self::MissingFile | Self::BadJson | Self::LockTimeout => Severity::Medium,
            Self::Unauthorized | Self::Permission | Self::MissingCommand => Severity::High,
            Self::DiskFull | Self::OutOfMemory => Severity::Critical,
        }
    }

    /// What to do, for a person, in one sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::RateLimit => "The vendor limits requests; it is tried again after a pause.",
            Self::Unauthorized => {
                "The login is not accepted: log the agent in again, then retry the task."
            }
            Self::MissingFile => "A file is missing: the next try is told to make it.",
            Self::BadJson => {
                "Something is not valid JSON: the next try is told; a snapshot or a backup has the last good state."
            }
            Self::LockTimeout => {
                "A lock was not had in time: a claim whose holder is dead is taken from it."
            }
            Self::Timeout => "It took too long; it is tried again.",
            Self::DiskFull => {
                "The disk is full: free space (`orkestra prune`), then retry the task."
            }
            Self::Permission => {
                "The system said no: mend the permissions of what it names, then retry the task."
            }
            Self::MissingCommand => {
                "A program is missing: install it where the agent can find it, then retry the task."
            }
            Self::OutOfMemory => {
                "Memory was used up: it is started anew, by another agent if there is one."
            }
        }
    }
}

impl Strategy {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::ExponentialBackoff => "exponential_backoff",
            Self::ReloadCredentials => "reload_credentials",
            Self::CreateFile => "create_file",
            Self::RestoreBackup => "restore_backup",
            Self::ForceUnlock => "force_unlock",
            Self::Retry => "retry",
            Self::CleanTemporary => "clean_temporary",
            Self::FixPermissions => "fix_permissions",
            Self::TellPerson => "tell_person",
            Self::Restart => "restart",
        }
    }
}

impl Step {
    /// The word in rows, events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Again => "again",
            Self::OtherAgent => "other_agent",
            Self::AskPerson => "ask_person",
        }
    }
}

impl Severity {
    /// The word in events and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// For each class, runs of words by which it is told, the most telling classes first.
const WORDS: [(ErrorClass, &[&str]); 10] = [
    (
        ErrorClass::DiskFull,
        &["no space left on device", "enospc", "disk full", "disk is full", "disk quota exceeded"],
    ),
    (
        ErrorClass::OutOfMemory,
        &[
            "out of memory",
            "cannot allocate memory",
            "enomem",
            "oom",
            "memoryerror",
            "memory limit",
            "oomkilled",
            "memory_limit",
        ],
    ),
    (
        ErrorClass::RateLimit,
        &[
            "429",
            "rate limit",
            "rate limits",
            "rate limited",
            "rate_limit",
            "rate_limit_error",
            "too many requests",
        ],
    ),
    (
        ErrorClass::Unauthorized,
        &[
            "401",
            "unauthorized",
            "unauthorised",
            "invalid api key",
            "authentication required",
            "authentication failed",
            "authentication_error",
            "not logged in",
        ],
    ),
    (
        ErrorClass::LockTimeout,
        &[
            "lock timeout",
            "lock timed out",
            "lock wait timeout",
            "could not acquire lock",
            "cannot acquire lock",
            "database is locked",
            "timed out waiting for lock",
            "timed out waiting for the lock",
            "timeout waiting for lock",
            "waiting for file lock timed out",
        ],
    ),
    (
        ErrorClass::MissingCommand,
        &[
            "command not found",
            "executable file not found",
            "is not recognized as an internal or external command",
            "exit code 127",
            "exit status 127",
            "spawn enoent",
            "no such program",
            "not found in path",
        ],
    ),
    (
        ErrorClass::BadJson,
        &[
            "json parse",
            "json parsing",
            "parse json",
            "invalid json",
            "not valid json",
            "jsondecodeerror",
            "unexpected token",
            "unexpected end of json input",
            "json decode",
            "json syntax",
            "malformed json",
        ],
    ),
    (
        ErrorClass::Permission,
        &[
            "permission denied",
            "eacces",
            "eperm",
            "operation not permitted",
            "permissionerror",
            "access denied",
            "read only file system",
        ],
    ),
    (
        ErrorClass::MissingFile,
        &[
            "no such file or directory",
            "file not found",
            "enoent",
            "filenotfounderror",
            "cannot find the file",
            "does not exist",
        ],
    ),
    (
        ErrorClass::Timeout,
        &[
            "timeout",
            "timed out",
            "time out",
            "etimedout",
            "deadline exceeded",
            "took too long",
            "time limit",
        ],
    ),
];

/// The class of an error's text; nothing when it is none of the ten.
pub fn classify(text: &str) -> Option<ErrorClass> {
    let mut plain = String::with_capacity(text.len() + 2);
    plain.push(' ');
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' {
            plain.extend(c.to_lowercase());
        } else if !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain.push(' ');
    let stands = |words: &str| plain.contains(&format!(" {words} "));
    WORDS.iter().find(|(_, words)| words.iter().any(|words| stands(words))).map(|(class, _)| *class)
}

/// How often a class was met, and how often the task was verified afterwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Times that its strategy was taken up.
    pub tried: u64,
    /// Times that the next try of the task did not fail.
    pub healed: u64,
    /// Times that it failed again.
    pub failed: u64,
}

impl Tally {
    /// The share that was healed of those that are over, from 0 to 1; nothing while none is.
    pub fn success(&self) -> Option<f64> {
        let over = self.healed + self.failed;
        #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
        (over > 0).then(|| self.healed as f64 / over as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_ten_texts_maps_to_its_strategy() {
        let cases = [
            ("API Error: 429 {\"type\":\"rate_limit_error\"}", "rate_limit", "exponential_backoff"),
            ("HTTP 401: invalid x-api-key", "unauthorized", "reload_credentials"),
            ("cat: spec.md: No such file or directory", "missing_file", "create_file"),
            ("JSON parse error at line 3, column 7", "bad_json", "restore_backup"),
            ("Lock timeout: task_12 is held", "lock_timeout", "force_unlock"),
            ("the request timed out after 60 s", "timeout", "retry"),
            ("write: No space left on device (os error 28)", "disk_full", "clean_temporary"),
            ("mkdir: /srv: Permission denied", "permission", "fix_permissions"),
            ("sh: 1: pytest: command not found", "missing_command", "tell_person"),
            ("FATAL: JavaScript heap out of memory", "out_of_memory", "restart"),
        ];
        for ((text, class, strategy), expected) in cases.into_iter().zip(ErrorClass::ALL) {
            let found = classify(text).expect(text);
            assert_eq!(found, expected, "{text}");
            assert_eq!(found.word(), class);
            assert_eq!(found.strategy().word(), strategy);
            assert_eq!(ErrorClass::parse(class), Some(found));
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(classify("it took 4290 ms and printed 14012 lines"), None);
        assert_eq!(classify("a blooming zoom"), None);
        assert_eq!(classify("all is well"), None);
        assert_eq!(classify(""), None);
        // The more telling word wins over the more general one.
        assert_eq!(classify("timed out waiting for lock"), Some(ErrorClass::LockTimeout));
        assert_eq!(classify("database is locked (timeout)"), Some(ErrorClass::LockTimeout));
    }

    #[test]
    fn a_share_needs_something_that_is_over() {
        assert_eq!(Tally { tried: 2, healed: 0, failed: 0 }.success(), None);
        assert_eq!(Tally { tried: 4, healed: 3, failed: 1 }.success(), Some(0.75));
    }
}
