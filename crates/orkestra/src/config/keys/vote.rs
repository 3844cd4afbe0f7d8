//! The keys about votes.

use super::Ty::{Span, Text, Variables};
use super::{Key, Section};

/// How it is voted.
pub(crate) const VOTES: Section = Section {
    name: "votes",
    short: None,
    keys: &[
        Key {
            name: "deadline",
            ty: Span,
            default: "1h",
            example: "30m",
            doc: "How long a round of a vote lasts at most, where the vote says nothing else.",
        },
        Key {
            name: "quorum",
            ty: Text,
            default: "60 %",
            example: "75 %",
            doc: "How many voters must take part, abstentions included: a share, or a number.",
        },
        Key {
            name: "preamble",
            ty: Text,
            default: "Do not lie. Protect life. Protect AI. Protect the Earth.",
            example: "Be honest.",
            doc: "What every agent is reminded of when it votes.",
        },
        Key {
            name: "mediator",
            ty: Text,
            default: "none",
            example: "claude",
            doc: "The agent that looks for a third way; without it the first that does not vote.",
        },
        Key {
            name: "weights",
            ty: Variables,
            default: "{}",
            example: "{ cloud: \"gemini 2, claude 1.5\" }",
            doc: "Weights by domain, above the built-in table: voters with their weights.",
        },
    ],
};
