//! Lengths of time and sizes as other supervisors write them, in our words.

/// Milliseconds in our words: `1m30s`, `500ms`.
pub(super) fn span(ms: u64) -> String {
    orkestra_core::span::Span::from_ms(ms).to_string()
}

/// A time of systemd (`5min 20s`, `100ms`, `30`) in milliseconds; nothing for `infinity`.
pub(super) fn systemd_time(text: &str) -> Result<Option<u64>, ()> {
    let text = text.trim();
    if text == "infinity" {
        return Ok(None);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| ())?;
        let tail = tail.trim_start();
        let word = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(word);
        let ms = match unit {
            "us" | "usec" => 0.001,
            "ms" | "msec" => 1.0,
            "" | "s" | "sec" | "second" | "seconds" => 1e3,
            "m" | "min" | "minute" | "minutes" => 6e4,
            "h" | "hr" | "hour" | "hours" => 3.6e6,
            "d" | "day" | "days" => 8.64e7,
            "w" | "week" | "weeks" => 6.048e8,
            _ => return Err(()),
        };
        total += number * ms;
        rest = tail.trim_start();
    }
    if text.is_empty() { Err(()) } else { Ok(Some(total as u64)) }
}

/// Bytes with a suffix, all of them powers of 1024 as peers have it, in our words.
pub(super) fn size(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = match suffix.trim().to_ascii_uppercase().trim_end_matches('B') {
        "" => "",
        "K" => "KiB",
        "M" => "MiB",
        "G" => "GiB",
        "T" => return Some(format!("{}GiB", number.checked_mul(1024)?)),
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}
