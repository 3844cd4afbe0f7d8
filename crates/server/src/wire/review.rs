//! Wire types of reviews.

use orkestra_core::review::{Decision, Issue, Opinion, Review, Seat};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What others say of an agent's work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// Its id.
    pub id: String,
    /// The end of its id, as people see and type it.
    pub short: String,
    /// Its number within its session, or within its run; from 1.
    pub number: u32,
    /// What opened it.
    pub trigger: ReviewTriggerView,
    /// The author's run.
    pub run: String,
    /// The author.
    pub author: String,
    /// The attempt of the author's run that is judged.
    pub attempt: u32,
    /// The task whose work it is.
    pub task: Option<String>,
    /// The session of that task.
    pub session: Option<String>,
    /// Whether an approval ends the task.
    pub decides: bool,
    /// Which round it is, from 1.
    pub round: u32,
    /// At what the reviewer shall look above all.
    pub focus: Option<String>,
    /// `open`, `handing_back`, `halting`, `watching`, `needs_person`, `closed`.
    pub state: String,
    /// In one sentence.
    pub why: String,
    /// The verdict of all in one word: `approved`, `concerns`, `blocker`, `no_verdict`; nothing while
    /// it is open.
    pub verdict: Option<String>,
    /// Who is asked.
    pub seats: Vec<SeatView>,
    /// Who does not answer by then gave no verdict (RFC 3339).
    pub deadline: String,
    /// When its work is reviewed again, unless that happens before (RFC 3339).
    pub due_at: Option<String>,
    /// What was decided: by the rules, then by a person.
    pub decisions: Vec<DecisionView>,
    /// What a person said.
    pub person: Option<PersonsWordView>,
    /// What the author was told of it.
    pub instruction: Option<String>,
    /// When it was opened (RFC 3339).
    pub created_at: String,
    /// When it changed last (RFC 3339).
    pub updated_at: String,
}

/// What opened a review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewTriggerView {
    /// `reported`, `milestone`, `blocker`, `request`, `person`, `silence`, `again`.
    pub kind: String,
    /// What the author said of a blocker or of what it wants looked at.
    pub text: Option<String>,
    /// Who or what it was.
    pub by: String,
}

/// Somebody who is asked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeatView {
    /// The agent.
    pub reviewer: String,
    /// Its run.
    pub run: Option<String>,
    /// When it was asked (RFC 3339).
    pub asked_at: String,
    /// When it answered, or its time was over (RFC 3339).
    pub answered_at: Option<String>,
    /// What it said.
    pub opinion: Option<OpinionView>,
    /// Why there is no verdict of it.
    pub missing: Option<String>,
    /// Why its first answer was given back to it.
    pub sent_back: Option<String>,
}

/// What a reviewer said.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpinionView {
    /// `approved`, `concerns`, `blocker`.
    pub verdict: String,
    /// Why, in short.
    pub summary: String,
    /// What it found.
    pub issues: Vec<ReviewIssueView>,
    /// What it would do.
    pub recommendations: Vec<String>,
    /// How many words it had as it was given.
    pub words: usize,
    /// Whether it was longer than it may be, and is shortened here.
    pub cut: bool,
}

/// Something that a reviewer found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewIssueView {
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// What it is.
    pub description: String,
    /// In which file.
    pub file: Option<String>,
    /// In which line of it.
    pub line: Option<u32>,
}

/// What was decided, and why.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// The review.
    pub review: String,
    /// `CONTINUE`, `LOG_WARNING`, `PAUSE_AND_CLARIFY`, `STOP_AND_ESCALATE`.
    pub action: String,
    /// Why, in one sentence.
    pub reason: String,
    /// What comes next, in words.
    pub next_steps: Vec<String>,
    /// Which of the four rules; none when a person decided or there was no verdict.
    pub rule: Option<u8>,
    /// `policy`, or a person.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
}

/// What a person said about a review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonsWordView {
    /// `approve`, `concern`, `stop`.
    pub answer: String,
    /// In its own words.
    pub note: Option<String>,
    /// Who.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
}

/// A review with the file that it is kept in, too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewDetail {
    /// The review.
    #[serde(flatten)]
    pub review: ReviewView,
    /// Its file.
    pub file: String,
    /// What is stored of it, and in the file.
    pub stored: Value,
    /// The command that shows the same.
    pub cli: String,
}

/// A page of reviews.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewList {
    /// The newest first.
    pub reviews: Vec<ReviewView>,
    /// For `before`, when there are more.
    pub next: Option<String>,
}

/// A review that a person asks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// The run whose work is to be reviewed: its id, or the end of it.
    pub run: String,
    /// At what the reviewer shall look above all.
    #[serde(default)]
    pub focus: Option<String>,
}

/// What a person decides about a review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewAnswerRequest {
    /// `approve`: the work is taken as it is. `concern`: the author gets what was found, and the note.
    /// `stop`: the work is given up.
    pub answer: String,
    /// In your own words.
    #[serde(default)]
    pub note: Option<String>,
}

impl From<&Review> for ReviewView {
    fn from(review: &Review) -> Self {
        Self {
            id: review.id.to_string(),
            short: review.id.short(),
            number: review.number,
            trigger: ReviewTriggerView {
                kind: review.trigger.kind.word().to_owned(),
                text: review.trigger.text.clone(),
                by: review.trigger.by.clone(),
            },
            run: review.run.to_string(),
            author: review.author.clone(),
            attempt: review.attempt,
            task: review.task.map(|task| task.to_string()),
            session: review.session.map(|session| session.to_string()),
            decides: review.decides,
            round: review.round,
            focus: review.focus.clone(),
            state: review.state.word().to_owned(),
            why: review.why.clone(),
            verdict: review.verdict_word().map(str::to_owned),
            seats: review.seats.iter().map(SeatView::from).collect(),
            deadline: review.deadline.to_string(),
            due_at: review.due_at.map(|at| at.to_string()),
            decisions: DecisionView::of(review),
            person: review.person.as_ref().map(|word| PersonsWordView {
                answer: word.answer.word().to_owned(),
                note: word.note.clone(),
                by: word.by.clone(),
                at: word.at.to_string(),
            }),
            instruction: review.instruction.clone(),
            created_at: review.created_at.to_string(),
            updated_at: review.updated_at.to_string(),
        }
    }
}

impl From<&Seat> for SeatView {
    fn from(seat: &Seat) -> Self {
        Self {
            reviewer: seat.reviewer.clone(),
            run: seat.run.map(|run| run.to_string()),
            asked_at: seat.asked_at.to_string(),
            answered_at: seat.answered_at.map(|at| at.to_string()),
            opinion: seat.opinion.as_ref().map(OpinionView::from),
            missing: seat.missing.clone(),
            sent_back: seat.sent_back.clone(),
        }
    }
}

impl From<&Opinion> for OpinionView {
    fn from(opinion: &Opinion) -> Self {
        Self {
            verdict: opinion.verdict.word().to_owned(),
            summary: opinion.summary.clone(),
            issues: opinion.issues.iter().map(ReviewIssueView::from).collect(),
            recommendations: opinion.recommendations.clone(),
            words: opinion.words,
            cut: opinion.cut,
        }
    }
}

impl From<&Issue> for ReviewIssueView {
    fn from(issue: &Issue) -> Self {
        Self {
            severity: issue.severity.word().to_owned(),
            description: issue.description.clone(),
            file: issue.file.clone(),
            line: issue.line,
        }
    }
}

impl DecisionView {
    /// What was decided in a review, in order.
    pub(crate) fn of(review: &Review) -> Vec<Self> {
        let one = |decision: &Decision| Self {
            review: review.id.to_string(),
            action: decision.action.word().to_owned(),
            reason: decision.reason.clone(),
            next_steps: decision.next_steps.clone(),
            rule: decision.rule,
            by: decision.by.clone(),
            at: decision.at.to_string(),
        };
        review.decisions.iter().map(one).collect()
    }
}
