//! Seals: the arithmetic that makes a change in the journal visible.
//!
//! * body digest = SHA-256(salt ‖ body). The salt is erased with the body, so that the digest left
//!   behind does not let anybody guess a short body.
//! * line = SHA-256("orkestra-event v1\n" ‖ header fields ‖ digest): names the one event that changed.
//! * seal = SHA-256("orkestra-seal v1\n" ‖ previous seal ‖ epoch ‖ from ‖ to ‖ at ‖ lines): one for each
//!   group commit, so that nobody can add, remove or reorder events without every later seal changing.
//!
//! Numbers are 8 bytes, big endian. A field is a letter for its type, its length and its bytes, so
//! that no two lists of fields have the same encoding, and a value of a wrong type is a change too.

use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

pub(crate) type Hash = [u8; 32];

/// The seal before the first one.
pub(crate) const GENESIS: Hash = [0; 32];

/// The columns of an event's header, in the order in which they are hashed, selected and exported.
pub(crate) const HEADER: [&str; 12] = [
    "seq", "id", "node", "at", "kind", "version", "topic", "subject", "actor", "cause", "chain",
    "hop",
];

pub(crate) fn body_digest(salt: &[u8], body: &[u8]) -> Hash {
    Sha256::new().chain_update(salt).chain_update(body).finalize().into()
}

pub(crate) fn line(header: [ValueRef<'_>; 12], digest: &[u8]) -> Hash {
    let mut hasher = Sha256::new_with_prefix(b"orkestra-event v1\n");
    for value in header {
        field(&mut hasher, value);
    }
    field(&mut hasher, ValueRef::Blob(digest));
    hasher.finalize().into()
}

fn field(hasher: &mut Sha256, value: ValueRef<'_>) {
    let number: [u8; 8];
    let (letter, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (b'n', &[]),
        ValueRef::Integer(integer) => {
            number = integer.to_be_bytes();
            (b'i', &number)
        }
        ValueRef::Real(real) => {
            number = real.to_bits().to_be_bytes();
            (b'r', &number)
        }
        ValueRef::Text(text) => (b't', text),
        ValueRef::Blob(blob) => (b'b', blob),
    };
    hasher.update([letter]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

/// What a seal says about its group of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) epoch: i64,
    pub(crate) at: i64,
}

pub(crate) fn seal(prev: &[u8], span: Span, lines: &[Hash]) -> Hash {
    let mut hasher = Sha256::new_with_prefix(b"orkestra-seal v1\n");
    hasher.update(prev);
    for number in [span.epoch, span.from, span.to, span.at] {
        hasher.update(number.to_be_bytes());
    }
    for line in lines {
        hasher.update(line);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_a_seal_says_is_in_its_hash() {
        let span = Span { from: 1, to: 2, epoch: 3, at: 4 };
        let lines = [[5; 32], [6; 32]];
        let hash = seal(&GENESIS, span, &lines);
        let others = [
            seal(&[1; 32], span, &lines),
            seal(&GENESIS, Span { from: 9, ..span }, &lines),
            seal(&GENESIS, Span { to: 9, ..span }, &lines),
            seal(&GENESIS, Span { epoch: 9, ..span }, &lines),
            seal(&GENESIS, Span { at: 9, ..span }, &lines),
            seal(&GENESIS, span, &lines[..1]),
            seal(&GENESIS, span, &[lines[1], lines[0]]),
        ];
        assert!(others.iter().all(|other| *other != hash));
    }

    #[test]
    fn fields_cannot_be_shifted_into_each_other() {
        let fill = [ValueRef::Null; 10];
        let header = |a: &'static str, b: &'static str| {
            let mut values = [ValueRef::Null; 12];
            values[..10].copy_from_slice(&fill);
            values[10] = ValueRef::Text(a.as_bytes());
            values[11] = ValueRef::Text(b.as_bytes());
            line(values, &GENESIS)
        };
        assert_ne!(header("ab", "c"), header("a", "bc"));
        assert_ne!(header("", "abc"), header("abc", ""));
    }
}
