//! One entry of a log file: `<RFC 3339 time> stdout|stderr F|P <bytes>`.

use super::Stream;

/// The shim's limit for one entry. A shorter part means that the unit paused there.
pub(super) const FULL_PART: usize = 16 << 10;

/// A parsed entry.
pub(super) struct Entry<'a> {
    pub(super) stamp: &'a [u8],
    pub(super) stream: Stream,
    /// `P`: the line goes on.
    pub(super) part: bool,
    pub(super) bytes: &'a [u8],
}

/// Parses an entry without its line end; `None` for anything that is not one.
pub(super) fn parse(line: &[u8]) -> Option<Entry<'_>> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let stamp = fields.next()?;
    let stream = match fields.next()? {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    let tag = fields.next()?;
    // Tags may grow (`P:x`); the first letter decides.
    let part = match tag.first()? {
        b'P' => true,
        b'F' => false,
        _ => return None,
    };
    Some(Entry { stamp, stream, part, bytes: fields.next().unwrap_or_default() })
}

/// Microseconds since 1970; zero for a stamp that is none.
pub(super) fn micros(stamp: &[u8]) -> u64 {
    std::str::from_utf8(stamp)
        .ok()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .and_then(|time| u64::try_from(time.as_microsecond()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{micros, parse};

    #[test]
    fn entries_keep_their_bytes() {
        let entry = parse(b"2026-01-02T03:04:05.000006Z stderr P  a b\0\xff ").unwrap();
        assert_eq!((entry.bytes, entry.part), (&b" a b\0\xff "[..], true));
        assert_eq!(micros(entry.stamp), 1_767_323_045_000_006);
        assert!(parse(b"torn").is_none());
        assert_eq!(parse(b"x stdout F ").unwrap().bytes, b"");
    }
}
