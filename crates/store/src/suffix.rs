//! Finding a row by the end of its id: what people see and type (`RunId::short`).
//!
//! Rows keep the digits of their id in reverse beside it, so that an end is a beginning, which an
//! index finds.

use uuid::Uuid;

/// Enough to show that an end is ambiguous.
pub(crate) const MATCHES_MAX: i64 = 10;

/// What stands in the column `reversed`.
pub(crate) fn reversed(id: Uuid) -> String {
    id.simple().to_string().chars().rev().collect()
}

/// The range of `reversed` (from, and up to without it) in which ids with this end lie; hyphens do
/// not count. Nothing when the text can be the end of no id.
pub(crate) fn range(text: &str) -> Option<(String, String)> {
    let from: String =
        text.chars().rev().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    if from.is_empty() || !from.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    // 'g' follows the last hexadecimal digit.
    let to = format!("{from}g");
    Some((from, to))
}
