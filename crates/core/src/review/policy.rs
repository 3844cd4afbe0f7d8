//! The four rules that turn verdicts into what is done (MISSION 1.2), with their two gaps decided.

use super::Verdict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is done after a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// The work goes on, or is done.
    Continue,
    /// It goes on and is watched: nothing is merged, and it is reviewed again.
    LogWarning,
    /// It stops until somebody has made clear what is wanted.
    PauseAndClarify,
    /// It stops, and a person decides.
    StopAndEscalate,
}

impl Action {
    /// The word in rows, events and on the wire, as MISSION 1.1 has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::LogWarning => "LOG_WARNING",
            Self::PauseAndClarify => "PAUSE_AND_CLARIFY",
            Self::StopAndEscalate => "STOP_AND_ESCALATE",
        }
    }
}

/// What was decided and why (MISSION 1.1: the decision record).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: String,
    /// What comes next, in words.
    pub next_steps: Vec<String>,
    /// Which of the four rules; none when a person decided, or no rule fits (no verdict).
    pub rule: Option<u8>,
    /// Who decided: `policy`, or a person.
    pub by: String,
    /// When (UTC).
    pub at: Timestamp,
}

/// Applies the rules in their order to the verdicts of one review; `None` is a reviewer that gave no
/// verdict: nothing that can be read, nothing in time, nothing at all. Without any verdict of theirs
/// the rules say nothing, and then nothing goes on: the original would have said CONTINUE.
pub fn decide(verdicts: &[Option<Verdict>], again_in: &str, at: Timestamp) -> Decision {
    let count = |wanted: Option<Verdict>| verdicts.iter().filter(|given| **given == wanted).count();
    let (blockers, concerns) = (count(Some(Verdict::Blocker)), count(Some(Verdict::Concerns)));
    let missing = count(None);
    let (action, rule, reason, next): (_, _, String, &[&str]) = if blockers > 0 {
        let reason = format!("{blockers} blocker{} detected", plural(blockers));
        (Action::StopAndEscalate, Some(1), reason, &["a person decides"])
    } else if concerns >= 2 {
        let reason = format!("{concerns} reviewers have concerns");
        let next = &["somebody makes clear what is wanted", "the author goes on then"];
        (Action::PauseAndClarify, Some(2), reason, next)
    } else if concerns == 1 {
        let reason = "1 reviewer has concerns".to_owned();
        (Action::LogWarning, Some(3), reason, &["the author gets the concern"])
    } else if verdicts.is_empty() {
        let reason = "nobody reviewed it".to_owned();
        (Action::LogWarning, None, reason, &["nothing is merged"])
    } else if missing > 0 {
        let reason = match verdicts.len() {
            1 => "no verdict was given".to_owned(),
            all => format!("{missing} of {all} reviewers gave no verdict"),
        };
        (Action::LogWarning, None, reason, &["nothing is merged"])
    } else {
        let reason = match verdicts.len() {
            1 => "the reviewer approved it".to_owned(),
            all => format!("all {all} reviewers approved it"),
        };
        (Action::Continue, Some(4), reason, &["the next review comes with the next trigger"])
    };
    let mut next_steps: Vec<String> = next.iter().map(|step| (*step).to_owned()).collect();
    if action == Action::LogWarning {
        next_steps.push(format!("it is reviewed again in {again_in}"));
    }
    Decision { action, reason, next_steps, rule, by: "policy".to_owned(), at }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
