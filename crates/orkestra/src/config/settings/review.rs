//! Reads how work is reviewed.

use super::super::Origin;
use super::super::keys::review::REVIEWS;
use super::super::problem::Problem;
use super::super::reader::{self, Bad, Fields, Reader};
use orkestra_core::review::{Kind, Rules};

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> Rules {
    let base = Rules::default();
    let from = || Origin::Default;
    let f = reader.section(top.get("reviews"), top.path.join("reviews"), &REVIEWS);
    Rules {
        deadline: reader.value(&f, "deadline", (base.deadline, from()), reader::span),
        again_after: reader.value(&f, "again_after", (base.again_after, from()), reader::span),
        silence: reader.value(&f, "silence", (base.silence, from()), reader::span),
        gap: reader.value(&f, "gap", (base.gap, from()), reader::span),
        rounds: reader.value(&f, "rounds", (base.rounds, from()), number),
        reviewers: reader.value(&f, "reviewers", (base.reviewers, from()), number),
        max_words: reader.value(&f, "max_words", (base.max_words, from()), number),
        triggers: triggers(&f, reader).unwrap_or(base.triggers),
    }
}

/// `none` is no limit.
fn number(text: &str) -> Result<u32, Bad> {
    reader::limit(text).map(|limit| limit.unwrap_or(u32::MAX))
}

fn triggers(f: &Fields<'_>, reader: &mut Reader) -> Option<Vec<Kind>> {
    let path = f.path.join("triggers");
    let Some(node) = f.get("triggers") else {
        reader.origin(&path, Origin::Default);
        return None;
    };
    reader.origin(&path, Origin::of(&node.place));
    let words = reader.strings(node, &path)?;
    let mut kinds = Vec::new();
    for word in words {
        match Rules::TRIGGERS.into_iter().find(|kind| kind.word() == word) {
            Some(kind) => kinds.push(kind),
            None => {
                let known: Vec<&str> = Rules::TRIGGERS.iter().map(|kind| kind.word()).collect();
                let message = format!("{word:?} opens no reviews by itself");
                let problem = Problem::at(node.place.clone(), message).key(path.text());
                reader.report(problem.hint(format!("write some of {}", known.join(", "))));
            }
        }
    }
    Some(kinds)
}
