//! Who reviews, and what it is shown.

use super::{of_run, parse};
use crate::error::Error;
use crate::handle::Handle;
use crate::session;
use crate::task;
use orkestra_core::review::{
    Candidate, DIFF_BYTES_MAX, Facts, Review, Verdict, choose, earlier_line,
};
use orkestra_core::routing::Reason;
use orkestra_core::run::Run;
use orkestra_host::diff::Diff;
use orkestra_store::ReviewFilter;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The newest reviews that are counted to see whose turn it is.
const TURNS: usize = 200;

/// Findings of earlier reviews that a reviewer is shown.
const EARLIER_MAX: usize = 10;

/// What is known of who could review.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Those who are free, the best first.
    pub(super) reviewers: Vec<String>,
    /// Why none is free, and whether that may change by itself.
    pub(super) nobody: Option<(String, bool)>,
}

/// Whose model an agent of this kind is; a program of anybody's own is like nobody else.
fn vendor<'a>(name: &'a str, kind: &'a str) -> &'a str {
    match kind {
        "claude" | "anthropic" => "anthropic",
        "codex" | "openai" => "openai",
        "gemini" | "google" => "google",
        "github" => "github",
        "xai" => "xai",
        _ => name,
    }
}

/// Looks who could review: everybody but the author who takes part in the session, or is there at all.
pub(super) async fn look(handle: &Handle, review: &Review, author: &Run) -> Result<Choice, Error> {
    let (newest, session) =
        (ReviewFilter { limit: TURNS, ..ReviewFilter::default() }, review.session);
    let read = handle.store.read(move |read| {
        let among = session.map(|id| session::load(read, id)).transpose()?.flatten();
        let among = among.map(|session| session.roles.there);
        let mut turns: BTreeMap<String, u64> = BTreeMap::new();
        for row in read.reviews(&newest)? {
            for seat in parse(&row)?.seats {
                *turns.entry(seat.reviewer).or_default() += 1;
            }
        }
        Ok((among, turns))
    });
    let (among, turns) = read.await.map_err(Error::Store)?;
    let takes_part = |name: &String| among.as_ref().is_none_or(|among| among.contains(name));
    let (mut free, mut later) = (Vec::new(), Vec::new());
    for agent in handle.workers() {
        if agent.name == review.author || !takes_part(&agent.name) {
            continue;
        }
        match &agent.out {
            None => free.push(Candidate {
                vendor: vendor(&agent.name, &agent.kind).to_owned(),
                reviews: turns.get(&agent.name).copied().unwrap_or(0),
                agent: agent.name,
            }),
            // It was not found: waiting does not help.
            Some(Reason::Missing { .. }) => {}
            Some(_) => later.push(agent.name),
        }
    }
    let tried: Vec<String> = review.seats.iter().map(|seat| seat.reviewer.clone()).collect();
    let want = usize::try_from(review.wanted).unwrap_or(1);
    let own = vendor(&author.agent, &author.kind);
    let reviewers = choose(free, &review.author, own, &tried, want);
    let nobody = reviewers.is_empty().then(|| match later.is_empty() {
        true => {
            let why = format!("there is no other agent than its author {}", review.author);
            (why, false)
        }
        false => (format!("{} gets no work now", later.join(" and ")), true),
    });
    Ok(Choice { reviewers, nobody })
}

/// What a reviewer is shown of an author's work.
pub(super) async fn facts(handle: &Handle, review: &Review, author: &Run) -> Result<Facts, Error> {
    let (diff, diff_cut) = match handle.diff_run(author).await {
        Ok(diff) => text_of(&diff),
        Err(error) => (format!("(the change cannot be shown: {error})"), false),
    };
    let (run, task, own) = (author.id, review.task, review.id);
    let read = handle.store.read(move |read| {
        let task = task.map(|id| task::load(read, id)).transpose()?.flatten();
        let mut earlier = Vec::new();
        for known in of_run(read, run, false)?.iter().filter(|known| known.id != own) {
            let found = known.opinions().filter(|(_, said)| said.verdict != Verdict::Approved);
            earlier.extend(found.map(|(who, said)| earlier_line(known.round, who, said)));
        }
        earlier.truncate(EARLIER_MAX);
        earlier.reverse();
        Ok((task.map(|task| task.prompt), earlier))
    });
    let (asked, earlier) = read.await.map_err(Error::Store)?;
    let results = author.evidence.results.iter().map(|result| {
        let word = if result.passed { "passed" } else { "failed" };
        format!("{}: {word}. {}", result.check, result.detail)
    });
    Ok(Facts {
        asked: asked.unwrap_or_else(|| author.prompt.clone()),
        evidence: results.collect(),
        diff,
        diff_cut,
        earlier,
        at_work: !author.is_over(),
    })
}

/// A change as people read it, up to what a request may hold.
fn text_of(diff: &Diff) -> (String, bool) {
    let (mut text, mut cut) = (String::new(), diff.cut);
    for file in &diff.files {
        if text.len() >= DIFF_BYTES_MAX {
            cut = true;
            let _ = writeln!(text, "{} {} (not shown)", file.status, file.path);
            continue;
        }
        let _ = writeln!(text, "--- {}", file.old_path.as_ref().unwrap_or(&file.path));
        let _ = writeln!(text, "+++ {} ({})", file.path, file.status);
        if file.binary {
            text.push_str("(no text)\n");
        }
        cut |= file.cut;
        for hunk in &file.hunks {
            let _ = writeln!(
                text,
                "@@ -{},{} +{},{} @@ {}",
                hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines, hunk.heading
            );
            for line in &hunk.lines {
                if text.len() >= DIFF_BYTES_MAX {
                    cut = true;
                    break;
                }
                let _ = writeln!(text, "{}{}", line.mark, line.text);
            }
        }
    }
    (text, cut)
}
