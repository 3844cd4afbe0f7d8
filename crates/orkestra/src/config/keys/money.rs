//! The keys about money.

use super::Ty::{Text, Word};
use super::{Key, Section};
use orkestra_core::budget::Window;

/// How money is counted.
pub(crate) const MONEY: Section = Section {
    name: "money",
    short: None,
    keys: &[Key {
        name: "zone",
        ty: Text,
        default: "UTC",
        example: "Europe/Berlin",
        doc: "Where days, weeks and months of the books and budgets begin, by the zone's IANA name.",
    }],
};

/// What a model costs.
pub(crate) const PRICE: Section = Section {
    name: "a price",
    short: None,
    keys: &[
        Key {
            name: "input",
            ty: Text,
            default: "",
            example: "2.50",
            doc: "Dollars for a million tokens of input that no cache had.",
        },
        Key {
            name: "output",
            ty: Text,
            default: "",
            example: "10",
            doc: "Dollars for a million tokens of output.",
        },
        Key {
            name: "cache_read",
            ty: Text,
            default: "the price of input",
            example: "0.25",
            doc: "Dollars for a million tokens of input read from the vendor's cache.",
        },
        Key {
            name: "cache_write",
            ty: Text,
            default: "the price of input",
            example: "3.125",
            doc: "Dollars for a million tokens of input written into the vendor's cache.",
        },
    ],
};

/// What may be spent.
pub(crate) const BUDGET: Section = Section {
    name: "a budget",
    short: None,
    keys: &[
        Key {
            name: "scope",
            ty: Text,
            default: "all",
            example: "agent claude",
            doc: "What it is about: all, run (each run on its own), agent NAME, or model NAME (a * at its end means all that begin so).",
        },
        Key {
            name: "per",
            ty: Word(Window::WORDS),
            default: "",
            example: "day",
            doc: "Over which time it is counted; run goes with scope run.",
        },
        Key {
            name: "usd",
            ty: Text,
            default: "none",
            example: "20",
            doc: "How many dollars; either this or tokens.",
        },
        Key {
            name: "tokens",
            ty: Text,
            default: "none",
            example: "5000000",
            doc: "How many tokens of all classes; either this or usd.",
        },
    ],
};
