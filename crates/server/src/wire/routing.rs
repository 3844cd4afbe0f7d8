//! Who gets a task, and why, on the wire.

use orkestra_core::routing::{Candidate, Choice};
use orkestra_engine::Why;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a task went to whom it went, or waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    /// The task.
    pub task: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: String,
    /// Why it is in this state, in one sentence.
    pub why: Option<String>,
    /// What holds it back although somebody could do it, in one sentence.
    pub held: Option<String>,
    /// Who would get it now; only while it is ready.
    pub now: Option<ChoiceView>,
    /// The choices that were made for it, the newest first.
    pub made: Vec<ChoiceView>,
}

/// A choice among agents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChoiceView {
    /// The claim that it led to; none while it led to none.
    pub fence: Option<u64>,
    /// When it was made (RFC 3339).
    pub at: Option<String>,
    /// Who; nobody when the task waits.
    pub agent: Option<String>,
    /// What decided: `assigned`, `only`, `record`, `score`, `load`, `failover`, `nobody`.
    pub rule: String,
    /// In one sentence.
    pub sentence: String,
    /// Everybody who was looked at, the best first.
    pub candidates: Vec<CandidateView>,
}

/// One agent as it was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CandidateView {
    /// Who.
    pub agent: String,
    /// Its strengths that are asked for.
    pub matching: Vec<String>,
    /// How suitable it is: 50, and 15 for each of them, up to 100.
    pub score: u32,
    /// What is taken off for its load.
    pub penalty: u32,
    /// The score without the penalty.
    pub rating: i64,
    /// Its runs at this kind of task that were verified.
    pub verified: u64,
    /// All its runs at this kind of task.
    pub runs: u64,
    /// The smoothed share of verified ones, from 0 to 1.
    pub rate: f64,
    /// Tasks that it had.
    pub load: u32,
    /// Why it was passed over, in one sentence; nothing when it could have got the task.
    pub excluded: Option<String>,
}

impl From<&Candidate> for CandidateView {
    fn from(of: &Candidate) -> Self {
        Self {
            agent: of.agent.clone(),
            matching: of.matching.clone(),
            score: of.score,
            penalty: of.penalty,
            rating: of.rating,
            verified: of.record.verified,
            runs: of.record.all(),
            rate: (of.rate * 1000.0).round() / 1000.0,
            load: of.load,
            excluded: of.excluded.as_ref().map(orkestra_core::routing::Reason::in_words),
        }
    }
}

impl ChoiceView {
    fn new(choice: &Choice, fence: Option<u64>, at: Option<jiff::Timestamp>) -> Self {
        Self {
            fence,
            at: at.map(|at| at.to_string()),
            agent: choice.agent.clone(),
            rule: choice.rule.word().to_owned(),
            sentence: choice.sentence.clone(),
            candidates: choice.why.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Why> for WhyView {
    fn from(why: &Why) -> Self {
        let made = why.made.iter();
        Self {
            task: why.task.id.to_string(),
            title: why.task.title.clone(),
            state: why.task.state.word().to_owned(),
            why: why.task.why.clone(),
            held: why.held.clone(),
            now: why.now.as_ref().map(|choice| ChoiceView::new(choice, None, None)),
            made: made
                .map(|(fence, at, choice)| ChoiceView::new(choice, Some(*fence), Some(*at)))
                .collect(),
        }
    }
}
