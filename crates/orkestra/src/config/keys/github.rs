//! The keys about issues of GitHub.

use super::Ty::{Span, Strings, Text};
use super::{Key, Section};

/// Issues that become runs.
pub(crate) const GITHUB: Section = Section {
    name: "github",
    short: None,
    keys: &[
        Key {
            name: "repo",
            ty: Text,
            default: "none",
            example: "acme/tools",
            doc: "The repository whose issues become runs, as OWNER/NAME; without it none do.",
        },
        Key {
            name: "base_url",
            ty: Text,
            default: "https://api.github.com",
            example: "https://github.example/api/v3",
            doc: "Where GitHub's REST interface is.",
        },
        Key {
            name: "token",
            ty: Text,
            default: "none",
            example: "env:GITHUB_TOKEN",
            doc: "Lets in; it must be able to read issues and to comment. Best a reference to a secret.",
        },
        Key {
            name: "label",
            ty: Text,
            default: "orkestra",
            example: "agent",
            doc: "The label that makes an issue work for an agent.",
        },
        Key {
            name: "authors",
            ty: Strings,
            default: "[]",
            example: "[ann]",
            doc: "Who may write such issues; with nobody named, owner, members and collaborators.",
        },
        Key {
            name: "agent",
            ty: Text,
            default: "none",
            example: "claude",
            doc: "Which agent does it; without it the first that is free.",
        },
        Key {
            name: "target",
            ty: Text,
            default: "the folder of the file",
            example: "./tools",
            doc: "The clone of the repository in which it is done.",
        },
        Key {
            name: "every",
            ty: Span,
            default: "1m",
            example: "5m",
            doc: "How often it is looked for new issues.",
        },
    ],
};
