//! Between the types of Rust and the values of SQLite.

use crate::error::Error;
use jiff::Timestamp;
use uuid::Uuid;

/// SQLite has signed integers only; what does not fit is refused, never wrapped.
pub(crate) fn int(value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::Invalid(format!("the number {value} is too large")))
}

pub(crate) fn natural(value: i64) -> Result<u64, Error> {
    u64::try_from(value).map_err(|_| Error::damaged(format!("{value} where a count was written")))
}

pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Microseconds: finer than any clock we read, and 290,000 years fit.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn timestamp(micros: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(micros)
        .map_err(|_| Error::damaged(format!("{micros} where a time was written")))
}

pub(crate) fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect(),
    )
}
