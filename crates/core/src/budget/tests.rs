use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn two_dollars() -> Budget {
    Budget {
        name: "daily".into(),
        scope: Scope::All,
        window: Window::Day,
        limit: Limit::Usd(usd("2.00")),
    }
}

#[test]
fn the_fifth_call_of_fifty_cents_under_two_dollars_does_not_start() {
    let budget = two_dollars();
    let now = at("2026-11-21T08:00:00Z");
    let half = Estimate { usd: Some(usd("0.50")), tokens: 1000 };
    let mut measure = Measure::default();
    for call in 1..=4 {
        assert_eq!(refusal(&budget, measure, half, None, now), None, "call {call}");
        // It is promised while it is under way, and booked then.
        let under_way = Measure { reserved: 500_000, ..measure };
        assert_eq!(under_way.spent + under_way.reserved, call * 500_000);
        measure.spent += 500_000;
    }
    let why = refusal(&budget, measure, half, None, now).unwrap();
    assert!(why.contains("used up") && why.contains("$2.00 of $2.00"), "{why}");
    // The same when all five are asked for before any has been booked.
    let promised = Measure { reserved: 2_000_000, ..Measure::default() };
    assert!(refusal(&budget, promised, half, None, now).unwrap().contains("promised"));
    // What is known to be too dear does not start although something is left.
    let left = Measure { spent: 1_800_000, ..Measure::default() };
    let why = refusal(&budget, left, half, None, now).unwrap();
    assert!(why.contains("too small") && why.contains("$0.50"), "{why}");
    assert_eq!(refusal(&budget, left, Estimate::default(), None, now), None);
}

#[test]
fn an_override_lets_go_on_until_its_time() {
    let budget = two_dollars();
    let spent = Measure { spent: 2_000_000, ..Measure::default() };
    let lifted = Override {
        until: at("2026-11-21T09:00:00Z"),
        why: "release day".into(),
        by: "person:cli".into(),
        at: at("2026-11-21T08:00:00Z"),
    };
    let (before, after) = (at("2026-11-21T08:59:59Z"), at("2026-11-21T09:00:00Z"));
    for (lifted, now, over) in
        [(None, before, true), (Some(&lifted), before, false), (Some(&lifted), after, true)]
    {
        assert_eq!(is_over(budget.limit, spent, lifted, now), over);
        assert_eq!(refusal(&budget, spent, Estimate::default(), lifted, now).is_some(), over);
    }
    let less = Measure { spent: 1_999_999, ..Measure::default() };
    assert!(!is_over(budget.limit, less, None, before));
}

#[test]
fn each_share_is_reached_at_its_place() {
    let of = |spent| reached(Limit::Tokens(1000), spent).collect::<Vec<_>>();
    assert_eq!(of(499), [0; 0]);
    assert_eq!(of(500), [50]);
    assert_eq!(of(899), [50, 75]);
    assert_eq!(of(1000), [50, 75, 90, 100]);
    assert_eq!(reached(Limit::Tokens(0), 0).count(), 4, "of nothing nothing may be spent");
    assert_eq!((percent(Limit::Tokens(1000), 999), percent(Limit::Tokens(0), 0)), (99, 100));
}

#[test]
fn windows_begin_by_the_clock_on_the_wall() {
    let zone = |name: &str| crate::job::schedule::zone(name).unwrap();
    let utc = TimeZone::UTC;
    let berlin = zone("Europe/Berlin");
    let check = |window: Window, zone: &TimeZone, now: &str, start: &str, end: &str| {
        let period = window.at(at(now), zone);
        assert_eq!(
            period,
            Period { start: Some(at(start)), end: Some(at(end)) },
            "{window:?} {now}"
        );
        assert!(period.start <= Some(at(now)) && Some(at(now)) < period.end);
    };
    // A Saturday.
    let now = "2026-11-21T08:17:36Z";
    check(Window::Hour, &utc, now, "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z");
    check(Window::Day, &utc, now, "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    check(Window::Week, &utc, now, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
    check(Window::Month, &utc, now, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    check(Window::Day, &berlin, now, "2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z");
    // The day on which the clocks go back has 25 hours, and its repeated hour is two hours.
    check(
        Window::Day,
        &berlin,
        "2026-10-25T12:00:00Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
    );
    check(
        Window::Hour,
        &berlin,
        "2026-10-25T00:30:00Z",
        "2026-10-25T00:00:00Z",
        "2026-10-25T01:00:00Z",
    );
    check(
        Window::Hour,
        &berlin,
        "2026-10-25T01:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-25T02:00:00Z",
    );
    let ever = Window::Total.at(at(now), &utc);
    assert_eq!((ever.start, ever.end), (None, None));
}

#[test]
fn words_come_back_and_wrong_ones_are_refused() {
    for text in ["all", "run", "agent claude", "model claude-opus-*"] {
        assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
    }
    for wrong in ["", "agent", "model a b", "everything"] {
        assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
    }
    for word in Window::WORDS {
        assert_eq!(word.parse::<Window>().unwrap().as_str(), *word);
    }
    assert!(names_model("claude-opus-*", "claude-opus-5-5") && !names_model("gpt-5", "gpt-5.2"));
    let mut budget = two_dollars();
    assert_eq!(budget.problem(), None);
    budget.window = Window::Run;
    assert!(budget.problem().is_some());
    budget.scope = Scope::Runs;
    assert_eq!(budget.problem(), None);
}

/// In 2003 the clocks of Newfoundland went back at 00:01, over midnight.
#[test]
fn a_day_whose_first_midnight_comes_twice_begins_once() {
    let zone = crate::job::schedule::zone("America/St_Johns").unwrap();
    let before = Window::Day.at(at("2003-10-26T02:29:59Z"), &zone);
    assert_eq!(before.end, Some(at("2003-10-26T02:30:00Z")));
    // 23:10 by the clock, for the second time.
    let again = Window::Day.at(at("2003-10-26T02:40:00Z"), &zone);
    assert_eq!(again.start, before.end);
    assert_eq!(Window::Day.at(at("2003-10-26T20:00:00Z"), &zone), again);
}

proptest! {
    #[test]
    fn what_may_begin_fits(
        limit in 0..10_000_u64, spent in 0..20_000_u64, reserved in 0..20_000_u64,
        tokens in 0..20_000_u64,
    ) {
        let budget = Budget { limit: Limit::Tokens(limit), ..two_dollars() };
        let (measure, estimate) =
            (Measure { spent, reserved, unpriced: 0 }, Estimate { usd: None, tokens });
        let now = at("2026-11-21T08:00:00Z");
        let may = refusal(&budget, measure, estimate, None, now).is_none();
        prop_assert_eq!(may, spent + reserved < limit && spent + reserved + tokens <= limit);
        prop_assert!(!may || !is_over(budget.limit, measure, None, now));
        prop_assert_eq!(
            is_over(budget.limit, measure, None, now),
            reached(budget.limit, spent).any(|share| share == 100)
        );
    }

    #[test]
    fn a_window_holds_its_moment_and_ends_where_the_next_begins(second in 0..4_000_000_000_i64) {
        let now = Timestamp::from_second(second).unwrap();
        for name in ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"] {
            let zone = crate::job::schedule::zone(name).unwrap();
            for window in [Window::Hour, Window::Day, Window::Week, Window::Month] {
                let period = window.at(now, &zone);
                let (start, end) = (period.start.unwrap(), period.end.unwrap());
                prop_assert!(start <= now && now < end, "{} {:?} {:?}", name, window, period);
                prop_assert_eq!(window.at(start, &zone), period);
                prop_assert_eq!(window.at(end, &zone).start, Some(end), "{} {:?}", name, window);
            }
        }
    }
}
