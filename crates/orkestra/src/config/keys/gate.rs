//! The keys about what agents may do.

use super::Ty::{Strings, Variables, Word};
use super::{Key, Section};

/// What agents may do.
pub(crate) const GATE: Section = Section {
    name: "gate",
    short: None,
    keys: &[
        Key {
            name: "default",
            ty: Word(&["allow", "ask", "deny"]),
            default: "allow",
            example: "ask",
            doc: "What holds for a command that no rule knows.",
        },
        Key {
            name: "deny",
            ty: Strings,
            default: "[]",
            example: "[terraform destroy, \"write:infra/*\"]",
            doc: "Commands, paths, hosts and tools that are never allowed.",
        },
        Key {
            name: "ask",
            ty: Strings,
            default: "[]",
            example: "[npm install, \"tool:WebSearch\"]",
            doc: "Those that a person is asked about.",
        },
        Key {
            name: "allow",
            ty: Strings,
            default: "[]",
            example: "[git push origin agent/*]",
            doc: "Those that nobody is asked about; what a built-in rule denies stays denied.",
        },
        Key {
            name: "rules",
            ty: Variables,
            default: "{}",
            example: "{ inline-code: allow, push: deny }",
            doc: "Built-in rules, by name, that decide differently.",
        },
    ],
};
