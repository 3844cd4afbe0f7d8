//! The keys about reviews.

use super::Ty::{Limit, Span, Strings};
use super::{Key, Section};

/// How work is reviewed.
pub(crate) const REVIEWS: Section = Section {
    name: "reviews",
    short: None,
    keys: &[
        Key {
            name: "deadline",
            ty: Span,
            default: "10m",
            example: "5m",
            doc: "How long reviewers may take; who takes longer gave no verdict.",
        },
        Key {
            name: "again_after",
            ty: Span,
            default: "10m",
            example: "5m",
            doc: "When work is reviewed again that had a concern, or no verdict.",
        },
        Key {
            name: "silence",
            ty: Span,
            default: "15m",
            example: "30m",
            doc: "Silence of an agent at a task that opens a review.",
        },
        Key {
            name: "gap",
            ty: Span,
            default: "2m",
            example: "10m",
            doc: "The shortest time between two reviews of a run because of the same kind of its events.",
        },
        Key {
            name: "rounds",
            ty: Limit,
            default: "3",
            example: "2",
            doc: "After so many rounds with a concern or without a verdict a person decides.",
        },
        Key {
            name: "reviewers",
            ty: Limit,
            default: "1",
            example: "2",
            doc: "How many agents are asked for each review, if so many are there.",
        },
        Key {
            name: "max_words",
            ty: Limit,
            default: "200",
            example: "300",
            doc: "How many words a review may have.",
        },
        Key {
            name: "triggers",
            ty: Strings,
            default: r#"["reported","milestone","blocker","request","silence"]"#,
            example: "[reported, blocker]",
            doc: "What opens reviews by itself; a person's wish always does.",
        },
    ],
};
