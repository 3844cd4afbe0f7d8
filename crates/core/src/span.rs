//! Lengths of time as people write them in a configuration: `500ms`, `5s`, `2m`, `1h`, `1d`.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A length of time in whole milliseconds; written as `500ms`, `5s`, `1m30s`, `1h`, or a plain
/// number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    ms: u64,
}

/// No configured time is longer than this: 10 years.
const LONGEST_MS: u64 = 10 * 366 * 24 * 3_600_000;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Span {
    /// From milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self { ms }
    }

    /// From seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self { ms: secs * 1_000 }
    }

    /// In milliseconds.
    pub const fn ms(self) -> u64 {
        self.ms
    }

    /// For people: as exact as anybody wants to know, `849 ms`, `1.8 s`, `44 s`, `2 min 5 s`.
    pub fn roughly(self) -> String {
        let tenths = (self.ms + 50) / 100;
        let secs = (self.ms + 500) / 1_000;
        match self.ms {
            0..1_000 => format!("{} ms", self.ms),
            1_000..9_950 if !tenths.is_multiple_of(10) => {
                format!("{}.{} s", tenths / 10, tenths % 10)
            }
            1_000..59_500 => format!("{secs} s"),
            59_500..3_599_500 if secs.is_multiple_of(60) => format!("{} min", secs / 60),
            59_500..3_599_500 => format!("{} min {} s", secs / 60, secs % 60),
            3_599_500..86_399_500 => format!("{} h {} min", secs / 3_600, secs % 3_600 / 60),
            _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3_600),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ms == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.ms;
        for (name, size) in UNITS.iter().rev() {
            if rest >= *size {
                write!(f, "{}{name}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a length of time; write 500ms, 5s, 1m30s, 1h or 1d")]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpanError(text.chars().take(40).collect());
        let text = text.trim();
        if text.is_empty() {
            return Err(error());
        }
        let mut rest = text;
        let mut ms = 0.0_f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let unit = if unit.is_empty() && rest == text && tail.is_empty() { "s" } else { unit };
            let size = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?.1;
            ms += number.parse::<f64>().map_err(|_| error())? * size as f64;
            rest = tail;
        }
        if !ms.is_finite() || ms > LONGEST_MS as f64 {
            return Err(error());
        }
        Ok(Self { ms: ms.round() as u64 })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as 500ms, 5s, 1m30s or 1h")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, secs: u64) -> Result<Span, E> {
                self.visit_str(&secs.to_string())
            }

            fn visit_i64<E: de::Error>(self, secs: i64) -> Result<Span, E> {
                self.visit_str(&secs.to_string())
            }

            fn visit_f64<E: de::Error>(self, secs: f64) -> Result<Span, E> {
                self.visit_str(&secs.to_string())
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A length of time: 500ms, 5s, 1m30s, 1h, 1d, or a number of seconds.",
            "anyOf": [
                {"type": "string", "pattern": "^([0-9.]+(ms|s|m|h|d))+$"},
                {"type": "number", "minimum": 0}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("0", 0),
            ("5", 5_000),
            ("0.5", 500),
            ("500ms", 500),
            ("5s", 5_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1.5h", 5_400_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(text.parse(), Ok(Span::from_ms(ms)), "{text}");
        }
        for text in ["", "s", "5x", "five", "5 s", "-1s", "1e99s", "5s3", "..s", "99999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn tells_people_roughly() {
        for (ms, text) in [
            (0, "0 ms"),
            (849, "849 ms"),
            (1_000, "1 s"),
            (1_849, "1.8 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (43_431, "43 s"),
            (60_000, "1 min"),
            (125_000, "2 min 5 s"),
            (3_600_000, "1 h 0 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(Span::from_ms(ms).roughly(), text, "{ms}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for text in ["0s", "500ms", "5s", "1m30s", "1h", "2d3h"] {
            assert_eq!(text.parse::<Span>().map(|s| s.to_string()).as_deref(), Ok(text));
        }
    }
}
