//! The keys about sessions.

use super::Ty::{Count, Word};
use super::{Key, Section};

/// How goals are planned by several agents.
pub(crate) const SESSIONS: Section = Section {
    name: "sessions",
    short: None,
    keys: &[
        Key {
            name: "involvement",
            ty: Word(&["high", "medium", "low"]),
            default: "low",
            example: "medium",
            doc: "How often a person is asked: after every round, after every second one and at the end, or only at the end.",
        },
        Key {
            name: "plan_tries",
            ty: Count,
            default: "3",
            example: "5",
            doc: "How often a planner is asked for one plan before it is given up.",
        },
        Key {
            name: "plan_rounds",
            ty: Count,
            default: "2",
            example: "5",
            doc: "How many rounds of review a plan has at most, when a review was asked for.",
        },
    ],
};
