//! Secrets by reference: what a value in the configuration says about where the real one is.
//!
//! Only the reference is ever stored or shown. The value is read when a process is started, and
//! lives in its environment alone.

use std::fmt;

/// Stands before a text that would otherwise be read as a reference.
const LITERAL: &str = "literal:";

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// `env:NAME`: a variable of the daemon's own environment.
    Env(String),
    /// `file:PATH`: a file, absolute or below `~/`; one newline at its end is no part of it.
    File(String),
    /// `op://vault/item/field`: an item of 1Password, read by its command line program `op`.
    Op(String),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Op(address) => f.write_str(address),
        }
    }
}

/// A value as it stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// The value itself.
    Literal(&'a str),
    /// Where the value is.
    Secret(Reference),
}

/// A text that begins like a reference and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; if the text itself is meant, write {LITERAL}{text}")]
pub struct ReferenceError {
    what: &'static str,
    text: String,
}

/// Reads a value. What begins with `env:`, `file:` or `op://` is a reference; `file://` begins an
/// address and stays a text; after `literal:` everything is a text.
///
/// # Errors
/// It begins like a reference and is none.
pub fn parse(text: &str) -> Result<Value<'_>, ReferenceError> {
    let wrong = |what| ReferenceError { what, text: text.chars().take(120).collect() };
    if let Some(rest) = text.strip_prefix(LITERAL) {
        return Ok(Value::Literal(rest));
    }
    let reference = if let Some(name) = text.strip_prefix("env:") {
        let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            return Err(wrong(
                "env: must be followed by the name of a variable, as in env:API_KEY",
            ));
        }
        Reference::Env(name.to_owned())
    } else if let Some(path) = text.strip_prefix("file:") {
        if path.starts_with("//") {
            return Ok(Value::Literal(text));
        }
        if !(path.starts_with('/') || path.starts_with("~/")) || path.contains('\0') {
            return Err(wrong("file: must be followed by a path that begins with / or ~/"));
        }
        Reference::File(path.to_owned())
    } else if let Some(address) = text.strip_prefix("op://") {
        let parts = address.split('?').next().unwrap_or_default().split('/');
        let count = parts.clone().count();
        let good = (3..=4).contains(&count)
            && parts.clone().all(|part| !part.trim().is_empty())
            && !address.contains(char::is_control);
        if !good {
            return Err(wrong("a secret of 1Password is op://VAULT/ITEM/FIELD"));
        }
        Reference::Op(text.to_owned())
    } else {
        return Ok(Value::Literal(text));
    };
    Ok(Value::Secret(reference))
}

/// Whether a value says where a secret is, so that it may be shown as it stands.
pub fn is_reference(text: &str) -> bool {
    matches!(parse(text), Ok(Value::Secret(_)))
}

#[cfg(test)]
mod tests {
    use super::{Reference, Value, parse};

    #[test]
    fn references_are_told_from_texts() {
        let secret = |text: &str| match parse(text) {
            Ok(Value::Secret(reference)) => {
                assert_eq!(reference.to_string(), text, "it is shown as it was written");
                reference
            }
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(secret("env:API_KEY"), Reference::Env("API_KEY".into()));
        assert_eq!(secret("file:/run/secrets/db"), Reference::File("/run/secrets/db".into()));
        assert_eq!(secret("file:~/.token"), Reference::File("~/.token".into()));
        assert!(matches!(secret("op://Private/GitHub/credential"), Reference::Op(_)));
        assert!(matches!(secret("op://Private/My item/section/field"), Reference::Op(_)));
        assert!(matches!(secret("op://a/b/otp?attribute=otp"), Reference::Op(_)));
        for text in ["", "abc", "environment", "file:///etc/x", "https://op://", "ENV:X"] {
            assert_eq!(parse(text), Ok(Value::Literal(text)), "{text}");
        }
        assert_eq!(parse("literal:env:X"), Ok(Value::Literal("env:X")));
        assert_eq!(parse("literal:literal:"), Ok(Value::Literal("literal:")));
    }

    #[test]
    fn what_looks_like_a_reference_and_is_none_is_refused_with_the_way_out() {
        for text in [
            "env:",
            "env:a b",
            "env:1X",
            "file:",
            "file:./dev.db",
            "op://",
            "op://a/b",
            "op://a//c",
            "op://a/b/c/d/e",
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.ends_with(&format!("write literal:{text}")), "{error}");
        }
    }
}
