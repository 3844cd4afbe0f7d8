//! Text without a heap: fixed buffers, numbers and the time stamp of log lines.

use core::ffi::CStr;
use core::fmt;

/// A text of at most `N` bytes; what does not fit is cut.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) fn new(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self { bytes: [0; N], len: 0 };
        // Cutting is the only failure, and it is intended.
        let _ = fmt::Write::write_fmt(&mut text, arguments);
        text
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// As a C string (the last byte is kept free for the NUL).
    pub(crate) fn c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (N - 1).saturating_sub(self.len);
        let taken = text.len().min(room);
        let end = self.len + taken;
        if let (Some(target), Some(source)) =
            (self.bytes.get_mut(self.len..end), text.as_bytes().get(..taken))
        {
            target.copy_from_slice(source);
            self.len = end;
        }
        Ok(())
    }
}

/// Bytes shown as text where they are ours anyway (option values).
pub(crate) struct Shown(pub(crate) &'static CStr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or("?"))
    }
}

/// A decimal number, or nothing when there is any other byte.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Length of a time stamp: `2026-01-02T03:04:05.123456Z`.
pub(crate) const STAMP_LEN: usize = 27;

/// UTC with microseconds, as the Kubernetes log format wants it.
pub(crate) fn stamp(micros: u64) -> [u8; STAMP_LEN] {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date after Howard Hinnant: years begin in March, so leap days come last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);

    let mut out = *b"0000-00-00T00:00:00.000000Z";
    put(&mut out, 0..4, year);
    put(&mut out, 5..7, month);
    put(&mut out, 8..10, day);
    put(&mut out, 11..13, second / 3_600);
    put(&mut out, 14..16, second / 60 % 60);
    put(&mut out, 17..19, second % 60);
    put(&mut out, 20..26, fraction);
    out
}

fn put(out: &mut [u8], at: core::ops::Range<usize>, mut value: u64) {
    for slot in out.get_mut(at).unwrap_or_default().iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::{number, stamp};

    #[test]
    fn stamps_are_utc_with_microseconds() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z"),
            (4_107_542_400_000_001, "2100-03-01T00:00:00.000001Z"),
        ];
        for (micros, text) in cases {
            assert_eq!(std::str::from_utf8(&stamp(micros)).unwrap(), text);
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number(b"0042"), Some(42));
        for bad in [&b""[..], b"-1", b"1x", b"99999999999999999999999"] {
            assert_eq!(number(bad), None);
        }
    }
}
