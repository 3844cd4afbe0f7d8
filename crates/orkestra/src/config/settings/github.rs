//! Reads which issues become runs.

use super::super::Origin;
use super::super::keys::github::GITHUB;
use super::super::reader::{self, Bad, Fields, Reader};
use super::Folders;
use orkestra_connectors::{Repository, check_url};
use orkestra_core::span::Span;
use orkestra_engine::GitHubSpec;

pub(super) const BASE_URL: &str = "https://api.github.com";

pub(super) fn read(
    top: &Fields<'_>,
    folders: &Folders<'_>,
    reader: &mut Reader,
) -> Option<GitHubSpec> {
    let f = reader.section(top.get("github"), top.path.join("github"), &GITHUB);
    let repo = reader.value(&f, "repo", (None, Origin::Default), |text| repo(text).map(Some));
    let base = (BASE_URL.to_owned(), Origin::Default);
    let base_url = reader.value(&f, "base_url", base, |text| match check_url(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => {
            Err(Bad::new(text, "an address", "an address such as https://api.github.com").hint(why))
        }
    });
    let token = reader.optional(&f, "token");
    let label = ("orkestra".to_owned(), Origin::Default);
    let label = reader.value(&f, "label", label, reader::texts);
    let authors_path = f.path.join("authors");
    let authors = match f.get("authors") {
        None => {
            reader.origin(&authors_path, Origin::Default);
            Vec::new()
        }
        Some(node) => {
            reader.origin(&authors_path, Origin::of(&node.place));
            reader.strings(node, &authors_path).unwrap_or_default()
        }
    };
    let agent = reader.optional(&f, "agent");
    let target = reader.optional(&f, "target");
    let every = (Span::from_secs(60), Origin::Default);
    let every = reader.value(&f, "every", every, |text| {
        let span = reader::span(text)?;
        let bad = || Bad::new(text, "often enough to be kind", "at least 100ms");
        if span.ms() < 100 { Err(bad()) } else { Ok(span) }
    });
    let target = match target {
        Some(target) => match (target.strip_prefix("~/"), folders.user) {
            (Some(rest), Some(user)) => user.join(rest),
            _ => folders.config.join(target),
        },
        None => folders.config.to_path_buf(),
    };
    let repository = Repository { repo: repo?, base_url, token };
    Some(GitHubSpec { repository, label, authors, agent, target, every })
}

/// `OWNER/NAME`, as GitHub spells names: it becomes part of an address.
fn repo(text: &str) -> Result<String, Bad> {
    let name = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty() && part.chars().all(fits) && part != "." && part != ".."
    };
    match text.split_once('/') {
        Some((owner, repo)) if name(owner) && name(repo) => Ok(text.to_owned()),
        _ => Err(Bad::new(text, "a repository", "OWNER/NAME, such as acme/tools")),
    }
}
