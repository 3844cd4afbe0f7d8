use super::*;
use proptest::prelude::*;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn prices() -> Prices {
    Prices::with(BTreeMap::new())
}

#[test]
fn amounts_are_read_and_shown() {
    for (text, micros, shown) in [
        ("2.50", 2_500_000, "$2.50"),
        ("$2", 2_000_000, "$2.00"),
        (".5", 500_000, "$0.50"),
        ("0.000125", 125, "$0.000125"),
        ("0.0008", 800, "$0.0008"),
        ("0", 0, "$0.00"),
    ] {
        assert_eq!(usd(text), Usd(micros), "{text}");
        assert_eq!(usd(text).to_string(), shown);
    }
    for wrong in ["", "-1", "1.2345678", "1e3", "two", ".", "1,50", "99999999999999999999"] {
        assert!(wrong.parse::<Usd>().is_err(), "{wrong}");
    }
    assert_eq!(Usd::from_dollars(0.011_139_999_999_999_999), Some(Usd(11_140)));
    for wrong in [f64::NAN, -0.1, f64::INFINITY, 1e300] {
        assert_eq!(Usd::from_dollars(wrong), None, "{wrong}");
    }
}

#[test]
fn the_table_is_dated_and_every_row_of_it_is_sane() {
    let prices = prices();
    let (read_on, source) = prices.origin();
    assert!(read_on.is_some_and(|on| on >= day("2026-10-01")) && source.len() > 20);
    let all = prices.all(day("2026-11-21"));
    assert!(all.len() >= 30, "{}", all.len());
    for (model, price, own) in all {
        assert!(!own);
        assert_eq!(plain(&model), model, "{model}");
        assert_eq!(undated(&model), None, "{model} is written without a date");
        assert!(price.cache_read <= price.input, "{model}: reading a cache is never dearer");
        assert!(price.input <= price.output, "{model}");
        assert!(price.output.0 > 0, "{model}");
    }
}

#[test]
fn a_date_in_the_name_does_not_matter_and_another_variant_does() {
    let prices = prices();
    let on = day("2026-11-21");
    let opus = prices.price("claude-opus-4-5", on).unwrap();
    for same in [
        "claude-opus-4-5-20251101",
        "anthropic/claude-opus-4-5",
        "claude-opus-4-5@20251101",
        "Claude-Opus-4-5-latest",
        "claude-opus-4-5[1m]",
    ] {
        assert_eq!(prices.price(same, on), Some(opus), "{same}");
    }
    for other in ["claude-opus-4-5-turbo", "claude-opus", "fake", "", "claude-opus-4-5-2025"] {
        assert_eq!(prices.price(other, on), None, "{other}");
    }
    assert_eq!(undated("gpt-4o-2024-08-06"), Some("gpt-4o"));
    assert_eq!(undated("gpt-5.2"), None);
}

#[test]
fn a_price_holds_from_its_day_on_and_the_configuration_beats_the_table() {
    let table = prices();
    let read = |on: &str| table.price("claude-sonnet-5-5", day(on)).unwrap().cache_read;
    assert_eq!((read("2026-10-06"), read("2026-10-07")), (usd("0.20"), usd("0.10")));
    assert_eq!(table.price("claude-sonnet-5-5", day("2020-01-01")), None);
    let price =
        Price { input: usd("1"), cache_read: usd("0"), cache_write: usd("1"), output: usd("2") };
    let own = Prices::with(BTreeMap::from([("Claude-Sonnet-5-5".to_owned(), price)]));
    assert_eq!(own.price("claude-sonnet-5-5-20260901", day("2020-01-01")), Some(price));
}

#[test]
fn the_vendors_word_comes_first_and_unknown_is_not_free() {
    let on = day("2026-11-21");
    let usage = |model: &str, cost_usd| Usage {
        model: Some(model.to_owned()),
        fresh_input: 1_000_000,
        cache_read: 1_000_000,
        cache_write: 1_000_000,
        output: 1_000_000,
        cost_usd,
    };
    let prices = prices();
    let cost = |model, said| prices.cost(&usage(model, said), on);
    assert_eq!(cost("claude-opus-4-5", Some(0.25)), (Some(usd("0.25")), Priced::Vendor));
    assert_eq!(cost("claude-opus-4-5", None), (Some(usd("36.75")), Priced::Table));
    assert_eq!(cost("claude-opus-4-5", Some(f64::NAN)), (Some(usd("36.75")), Priced::Table));
    assert_eq!(cost("nobody-knows", None), (None, Priced::Unknown));
    assert_eq!(cost("nobody-knows", Some(0.0)), (Some(Usd(0)), Priced::Vendor));
}

fn any_tokens(most: u64) -> impl Strategy<Value = Tokens> {
    (0..=most, 0..=most, 0..=most, 0..=most).prop_map(
        |(fresh_input, cache_read, cache_write, output)| Tokens {
            fresh_input,
            cache_read,
            cache_write,
            output,
        },
    )
}

fn any_price(most: u64) -> impl Strategy<Value = Price> {
    (0..=most, 0..=most, 0..=most, 0..=most).prop_map(|(input, cache_read, cache_write, output)| {
        Price {
            input: Usd(input),
            cache_read: Usd(cache_read),
            cache_write: Usd(cache_write),
            output: Usd(output),
        }
    })
}

fn add(a: Tokens, b: Tokens) -> Tokens {
    Tokens {
        fresh_input: a.fresh_input + b.fresh_input,
        cache_read: a.cache_read + b.cache_read,
        cache_write: a.cache_write + b.cache_write,
        output: a.output + b.output,
    }
}

proptest! {
    /// Each cost is rounded to within half a millionth, so parts and whole differ by as many halves
    /// as there are roundings, and never by more.
    #[test]
    fn the_parts_sum_up_to_the_whole(
        price in any_price(100_000_000),
        parts in proptest::collection::vec(any_tokens(10_000_000), 1..20),
    ) {
        let sum: u64 = parts.iter().map(|part| price.cost(*part).0).sum();
        let whole = price.cost(parts.iter().copied().fold(Tokens::default(), add)).0;
        prop_assert!(sum.abs_diff(whole) * 2 <= parts.len() as u64 + 1, "{sum} {whole}");
    }

    #[test]
    fn one_class_alone_costs_no_more_than_all_four(
        price in any_price(u64::MAX), tokens in any_tokens(u64::MAX),
    ) {
        let all = price.cost(tokens);
        let fresh = Tokens { fresh_input: tokens.fresh_input, ..Tokens::default() };
        prop_assert!(price.cost(fresh) <= all);
        prop_assert!(i64::try_from(all.0).is_ok(), "the database holds it");
        prop_assert!(tokens.total() >= tokens.output);
    }

    #[test]
    fn an_amount_comes_back_as_it_was_shown(micros in 0..=i64::MAX as u64) {
        prop_assert_eq!(Usd(micros).to_string().parse(), Ok(Usd(micros)));
        let json = serde_json::to_string(&Usd(micros)).unwrap();
        prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), Usd(micros));
    }
}
