use crate::job::schedule::{Schedule, ScheduleError, zone};
use crate::span::Span;
use jiff::Timestamp;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cron(expr: &str, zone: &str) -> Schedule {
    Schedule::Cron { expr: expr.to_owned(), zone: zone.to_owned() }
}

fn first(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let mut at = at(after);
    let mut all = Vec::new();
    for _ in 0..count {
        at = schedule.next(at, at).unwrap();
        all.push(at.to_string());
    }
    all
}

#[test]
fn a_time_that_does_not_exist_runs_once_after_the_gap() {
    // (pattern, zone, after, due)
    let cases = [
        // 02:30 is jumped over on 2026-03-29; the clock goes from 02:00 to 03:00 at 01:00Z.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        // Three that do not exist and one that does are one.
        (
            "15,30,45 2 * * *",
            "Europe/Berlin",
            "2026-03-29T00:50:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z"],
        ),
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        ),
        // Half an hour only: 02:00 to 02:30 at 15:30Z.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "45 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:45:00Z", "2026-10-04T15:45:00Z"],
        ),
        // A whole day that did not exist: Samoa left out 2011-12-30.
        (
            "0 12 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00:00Z",
            ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z"],
        ),
    ];
    for (expr, zone, after, due) in cases {
        assert_eq!(first(&cron(expr, zone), after, 2), due, "{expr} in {zone}");
    }
}

#[test]
fn a_time_that_comes_twice_runs_once() {
    let cases = [
        // 02:30 comes at 00:30Z and again at 01:30Z.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T00:00:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
        // Also when it is asked for in the middle of the second time.
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-25T01:10:00Z",
            ["2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"],
        ),
    ];
    for (expr, zone, after, due) in cases {
        assert_eq!(first(&cron(expr, zone), after, 2), due, "{expr} in {zone}");
    }
}

#[test]
fn plain_times() {
    let utc = |expr: &str| first(&cron(expr, "UTC"), "2026-11-20T12:00:00Z", 1).remove(0);
    assert_eq!(utc("0 8 * * 1-5"), "2026-11-23T08:00:00Z");
    assert_eq!(utc("0 0 29 2 *"), "2028-02-29T00:00:00Z");
    assert_eq!(utc("*/10 * * * * *"), "2026-11-20T12:00:10Z");
    assert_eq!(utc("@daily"), "2026-11-21T00:00:00Z");
    assert_eq!(utc("0 0 L * *"), "2026-11-30T00:00:00Z");
}

#[test]
fn what_is_no_schedule_is_refused() {
    let now = at("2026-11-20T12:00:00Z");
    for expr in ["", "nonsense", "* * * *", "61 * * * *", "* * * * * * 2030"] {
        let refused = cron(expr, "UTC").check(now);
        assert!(matches!(refused, Err(ScheduleError::Pattern { .. })), "{expr}: {refused:?}");
    }
    assert!(matches!(cron("0 0 30 2 *", "UTC").check(now), Err(ScheduleError::Never { .. })));
    for zone in ["", "Mars/Olympus", "CEST", "europe/berlin", "+02:00"] {
        let refused = cron("* * * * *", zone).check(now);
        assert!(matches!(refused, Err(ScheduleError::Zone { .. })), "{zone}: {refused:?}");
    }
    for zone in ["UTC", "Europe/Berlin", "Etc/UTC", "America/Argentina/Ushuaia"] {
        assert_eq!(cron("* * * * *", zone).check(now), Ok(()), "{zone}");
    }
    let short = Schedule::Every { span: Span::from_ms(999) };
    assert_eq!(short.check(now), Err(ScheduleError::TooOften));
}

#[test]
fn what_passed_is_counted_and_the_newest_known() {
    let anchor = at("2026-11-20T00:00:00Z");
    let every = Schedule::Every { span: Span::from_secs(600) };
    let passed = every.passed(anchor, at("2026-11-20T01:05:00Z"), anchor, 1_000);
    assert_eq!(passed, (6, Some(at("2026-11-20T01:00:00Z"))));
    assert_eq!(every.passed(anchor, at("2026-11-20T00:05:00Z"), anchor, 1_000), (0, None));
    let minutely = cron("* * * * *", "UTC");
    let passed = minutely.passed(anchor, at("2027-11-20T00:00:30Z"), anchor, 1_000);
    assert_eq!(passed, (1_000, Some(at("2027-11-20T00:00:00Z"))));
    let yearly = cron("0 0 1 1 *", "UTC");
    let passed = yearly.passed(anchor, at("2029-06-20T00:00:00Z"), anchor, 1_000);
    assert_eq!(passed, (3, Some(at("2029-01-01T00:00:00Z"))));
}

#[test]
fn schedules_in_words() {
    let words = [
        (Schedule::Every { span: Span::from_secs(600) }, "every 10 min"),
        (Schedule::Every { span: Span::from_secs(3_600) }, "every 1 h"),
        (Schedule::Every { span: Span::from_secs(86_400) }, "every 1 d"),
    ];
    for (schedule, text) in words {
        assert_eq!(schedule.in_words(), text);
    }
    let text = cron("30 2 * * *", "Europe/Berlin").in_words();
    assert!(text.contains("02:30") && text.ends_with("(Europe/Berlin)"), "{text}");
}

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kathmandu",
];

const PATTERNS: [&str; 7] = [
    "30 2 * * *",
    "*/15 * * * *",
    "0 0 * * *",
    "15,45 1-3 * * *",
    "5 * * * 0",
    "59 23 L * *",
    "* 2 * * *",
];

proptest! {
    #[test]
    fn next_is_later_and_no_civil_time_runs_twice(
        zone_index in 0..ZONES.len(),
        pattern in 0..PATTERNS.len(),
        start in 1_293_840_000_i64..1_830_000_000,
    ) {
        let (name, expr) = (ZONES[zone_index], PATTERNS[pattern]);
        let (schedule, tz) = (cron(expr, name), zone(name).unwrap());
        let mut now = Timestamp::from_second(start).unwrap();
        let mut seen: Option<jiff::civil::DateTime> = None;
        for _ in 0..40 {
            let next = schedule.next(now, now).unwrap();
            prop_assert!(next > now);
            let civil = tz.to_datetime(next);
            prop_assert!(seen.is_none_or(|before| before < civil), "{civil} in {name}");
            // Whoever asks from in between is told the same.
            let between = Timestamp::from_second((now.as_second() + next.as_second()) / 2).unwrap();
            if between > now && between < next {
                prop_assert_eq!(schedule.next(between, between).unwrap(), next);
            }
            (seen, now) = (Some(civil), next);
        }
    }

    #[test]
    fn a_period_does_not_drift(
        ms in 1_000_u64..10_000_000, late in prop::collection::vec(0_i64..999, 1..20),
    ) {
        let every = Schedule::Every { span: Span::from_ms(ms) };
        let anchor = at("2026-11-20T00:00:00Z");
        let mut now = anchor;
        for (index, late) in late.iter().enumerate() {
            let due = every.next(now, anchor).unwrap();
            let expected = anchor.as_millisecond() + ms as i64 * (index as i64 + 1);
            prop_assert_eq!(due.as_millisecond(), expected);
            now = due.checked_add(jiff::SignedDuration::from_millis(*late)).unwrap();
        }
    }
}
