//! Exit codes (docs/exit-codes.md) and how an error is told.

use crate::config::Errors;
use crate::terminal;
use orkestra_server::client;
use std::process::ExitCode;

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done.
    Success = 0,
    /// Failed for a reason that has no code of its own.
    Failure = 1,
    /// The command line makes no sense (clap's own code).
    Usage = 2,
    /// No daemon runs.
    NotRunning = 3,
    /// Refused: it makes no sense now, or somebody else is at it.
    Refused = 4,
    /// The configuration is wrong.
    Configuration = 5,
    /// There is no such unit, run or event.
    NotFound = 6,
    /// The journal does not verify.
    Tampered = 7,
    /// The run ended, but not well.
    RunFailed = 8,
    /// `health`: something needs a look in the next days.
    HealthWarning = 9,
    /// `health`: something needs a look now.
    HealthCritical = 10,
    /// `gate check`: a person would be asked.
    GateAsks = 11,
    /// `gate check`: it would be denied.
    GateDenies = 12,
    /// The agent says it is done, and a check says that it is not.
    Refuted = 13,
    /// The run waits for a person.
    NeedsPerson = 14,
    /// The worker's claim on a task is lost.
    ClaimLost = 15,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed: what, why, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error with all that is behind it.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(Code::Failure, chain(error))
    }

    /// Tells it on standard error.
    pub(crate) fn tell(&self) -> ExitCode {
        let error = terminal::paint_error("error");
        if self.message.starts_with("error") {
            terminal::complain(self.message.trim_end());
        } else {
            terminal::complain(&format!("{error}: {}", self.message.trim_end()));
        }
        if let Some(hint) = &self.hint {
            terminal::complain(&format!("  hint: {hint}"));
        }
        self.code.into()
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        match &error {
            client::Error::NotRunning { .. } => {
                Self::new(Code::NotRunning, error.to_string()).hint("Start it with: orkestra up")
            }
            client::Error::Refused(problem) => {
                let code = match problem.code.as_str() {
                    "ORK-0201" | "ORK-0502" | "ORK-0601" | "ORK-0701" | "ORK-0702" | "ORK-0703"
                    | "ORK-0802" | "ORK-0804" | "ORK-0901" | "ORK-0905" | "ORK-0951"
                    | "ORK-1001" | "ORK-1101" | "ORK-1104" | "ORK-1201" | "ORK-1301"
                    | "ORK-1601" | "ORK-0003" => Code::NotFound,
                    "ORK-0202" | "ORK-0203" | "ORK-0301" | "ORK-0302" | "ORK-0501" | "ORK-0503"
                    | "ORK-0704" | "ORK-0801" | "ORK-0803" | "ORK-0805" | "ORK-0902"
                    | "ORK-0903" | "ORK-0904" | "ORK-0906" | "ORK-0952" | "ORK-1002"
                    | "ORK-1004" | "ORK-1005" | "ORK-1102" | "ORK-1103" | "ORK-1105"
                    | "ORK-1202" | "ORK-1302" | "ORK-1602" => Code::Refused,
                    "ORK-0401" => Code::Configuration,
                    "ORK-1003" => Code::ClaimLost,
                    _ => Code::Failure,
                };
                let mut message = format!("{} ({})", problem.detail, problem.code);
                for error in &problem.errors {
                    let (line, column) = (error.line.unwrap_or(0), error.column.unwrap_or(0));
                    message += &format!("\n  {}:{line}:{column}: {}", error.file, error.message);
                }
                Self { code, message, hint: problem.hint.clone() }
            }
            client::Error::Token { .. } | client::Error::Broken(_) | client::Error::Answer(_) => {
                Self::of(&error)
            }
        }
    }
}

impl From<Errors> for Failure {
    fn from(errors: Errors) -> Self {
        Self::new(Code::Configuration, errors.render(terminal::error_has_color()))
    }
}

impl From<orkestra_host::Error> for Failure {
    fn from(error: orkestra_host::Error) -> Self {
        Self::of(&error)
    }
}
