//! Signals by the names people use.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A POSIX signal, by its Linux number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

const NAMES: [(&str, i32); 17] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ABRT", 6),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("WINCH", 28),
];

/// Names of signals that only tell how a process died; nobody sends them by name.
const DEATH_NAMES: [(&str, i32); 7] =
    [("ILL", 4), ("TRAP", 5), ("BUS", 7), ("FPE", 8), ("XCPU", 24), ("XFSZ", 25), ("SYS", 31)];

impl Signal {
    /// SIGTERM.
    pub const TERM: Self = Self(15);
    /// SIGINT.
    pub const INT: Self = Self(2);
    /// SIGKILL.
    pub const KILL: Self = Self(9);

    /// The number.
    pub fn number(self) -> i32 {
        self.0
    }

    /// The name of any signal number without `SIG`, for example `KILL`; the number for one
    /// without a name.
    pub fn name_of(number: i32) -> String {
        NAMES
            .iter()
            .chain(&DEATH_NAMES)
            .find(|(_, n)| *n == number)
            .map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::name_of(self.0))
    }
}

/// A text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a signal; use one of {known}", known = known())]
pub struct SignalError {
    given: String,
}

fn known() -> String {
    NAMES.map(|(name, _)| name).join(", ")
}

impl FromStr for Signal {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        NAMES
            .iter()
            .find(|(known, number)| *known == name || number.to_string() == name)
            .map(|(_, number)| Self(*number))
            .ok_or_else(|| SignalError { given: text.chars().take(40).collect() })
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Signal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Signal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A signal's name, with or without SIG.",
            "type": "string",
            "examples": ["TERM", "INT", "HUP", "USR1"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for text in ["TERM", "sigterm", "SIGTERM", "15"] {
            assert_eq!(text.parse(), Ok(Signal::TERM));
        }
        assert_eq!(Signal::KILL.to_string(), "KILL");
        assert_eq!(Signal::name_of(31), "SYS");
        assert_eq!(Signal::name_of(40), "40");
        assert!("TERMINATE".parse::<Signal>().is_err());
        assert!("0".parse::<Signal>().is_err());
    }
}
