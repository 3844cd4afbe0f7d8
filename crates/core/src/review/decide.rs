//! What follows from an input to a review.

use super::verdict::Opinion;
use super::{
    Action, Decision, Kind, PersonsAnswer, PersonsWord, Review, ReviewState, Rules, Seat, decide,
    request,
};
use crate::event::{Cause, Draft, Topic};
use crate::id::RunId;
use crate::span::Span;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// With what a decision is made.
#[derive(Debug, Clone, Copy)]
pub struct Ctx<'a> {
    /// Who.
    pub actor: &'a str,
    /// When (UTC).
    pub at: Timestamp,
    /// What the configuration says.
    pub rules: &'a Rules,
}

/// Something that happened to a review.
#[derive(Debug, Clone, PartialEq)]
pub enum ReviewInput {
    /// These are asked.
    Assign {
        /// Agents.
        reviewers: Vec<String>,
    },
    /// Nobody is there who could be asked.
    NoReviewer {
        /// In words.
        why: String,
    },
    /// A reviewer's run was begun.
    Began {
        /// Which seat.
        seat: usize,
        /// The run.
        run: RunId,
    },
    /// A reviewer cannot be asked, or ended without an answer.
    Missing {
        /// Which seat.
        seat: usize,
        /// In words.
        why: String,
    },
    /// A reviewer answered.
    Answered {
        /// Which seat.
        seat: usize,
        /// What it said, or why that is no verdict.
        answer: Result<Opinion, String>,
    },
    /// Its time is over.
    Due,
    /// The author has what it was told.
    HandedBack,
    /// The author cannot be told.
    NotHandedBack {
        /// In words.
        why: String,
    },
    /// The author is halted, or was not at work.
    Halted,
    /// A person decides.
    Person {
        /// What.
        answer: PersonsAnswer,
        /// In its own words.
        note: Option<String>,
    },
    /// Nobody needs it any more.
    Withdraw {
        /// In words.
        why: String,
    },
}

/// What is to be done beside the review itself, in the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its work is right: the task is done, if this review decides that.
    Approved,
    /// The author goes on: the task is at work again.
    GoesOn,
    /// The work is given up.
    GivenUp {
        /// In words.
        why: String,
    },
    /// Another review of the same work is opened.
    Again,
}

/// What follows from an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Turned {
    /// The review as it is then.
    pub review: Review,
    /// What happened.
    pub events: Vec<Draft>,
    /// What else is to be done.
    pub outcome: Option<Outcome>,
}

/// What follows from something that opens a review.
pub fn open(review: Review, actor: &str) -> Turned {
    let body = json!({"trigger": review.trigger.kind.word(), "text": review.trigger.text,
        "run": review.run, "author": review.author, "attempt": review.attempt, "task": review.task,
        "session": review.session, "round": review.round, "focus": review.focus,
        "deadline": review.deadline, "number": review.number});
    let cause = review.latest.map_or(Cause::Root, Cause::Event);
    let event = Draft::new("review.opened", Topic::Review, &review.id.to_string(), actor, body);
    Turned { events: vec![event.because(cause)], review, outcome: None }
}

impl Review {
    /// What follows from `input`; `None` when it is late or changes nothing.
    pub fn turn(&self, input: ReviewInput, ctx: &Ctx<'_>) -> Option<Turned> {
        let mut turn = Turn { review: self.clone(), events: Vec::new(), outcome: None, ctx };
        turn.take(input).then(|| {
            turn.review.updated_at = ctx.at;
            Turned { review: turn.review, events: turn.events, outcome: turn.outcome }
        })
    }
}

struct Turn<'a> {
    review: Review,
    events: Vec<Draft>,
    outcome: Option<Outcome>,
    ctx: &'a Ctx<'a>,
}

impl Turn<'_> {
    fn take(&mut self, input: ReviewInput) -> bool {
        let state = self.review.state;
        match input {
            ReviewInput::Assign { reviewers } => {
                state == ReviewState::Open && self.assign(reviewers)
            }
            ReviewInput::NoReviewer { why } => {
                state == ReviewState::Open && self.review.seats.is_empty() && self.nobody(why)
            }
            ReviewInput::Began { seat, run } => state == ReviewState::Open && self.began(seat, run),
            ReviewInput::Missing { seat, why } => {
                state == ReviewState::Open && self.missing(seat, why)
            }
            ReviewInput::Answered { seat, answer } => {
                state == ReviewState::Open && self.answered(seat, answer)
            }
            ReviewInput::Due => self.due(),
            ReviewInput::HandedBack => state == ReviewState::HandingBack && self.handed_back(),
            ReviewInput::NotHandedBack { why } => {
                state == ReviewState::HandingBack && self.ask_person(why)
            }
            ReviewInput::Halted => {
                let why = self.review.why.clone();
                state == ReviewState::Halting && self.ask_person(why)
            }
            ReviewInput::Person { answer, note } => {
                state != ReviewState::Closed && self.person(answer, note)
            }
            ReviewInput::Withdraw { why } => state != ReviewState::Closed && self.withdraw(why),
        }
    }

    fn tell(&mut self, kind: &str, actor: &str, mut body: Value) {
        if let Some(body) = body.as_object_mut() {
            body.insert("run".to_owned(), json!(self.review.run));
            body.insert("task".to_owned(), json!(self.review.task));
            body.insert("session".to_owned(), json!(self.review.session));
        }
        let cause = match self.events.len().checked_sub(1) {
            Some(last) => Cause::Earlier(last),
            None => self.review.latest.map_or(Cause::Root, Cause::Event),
        };
        let subject = self.review.id.to_string();
        self.events.push(Draft::new(kind, Topic::Review, &subject, actor, body).because(cause));
    }

    fn assign(&mut self, reviewers: Vec<String>) -> bool {
        let author = self.review.author.clone();
        let known = |seat: &[Seat], name: &String| seat.iter().any(|s| s.reviewer == *name);
        // Whatever was chosen: nobody judges its own work.
        let fresh: Vec<String> = reviewers
            .into_iter()
            .filter(|name| *name != author && !known(&self.review.seats, name))
            .collect();
        if fresh.is_empty() {
            return false;
        }
        self.tell("review.assigned", "daemon", json!({"reviewers": fresh}));
        for reviewer in fresh {
            self.review.seats.push(Seat {
                reviewer,
                run: None,
                asked_at: self.ctx.at,
                answered_at: None,
                opinion: None,
                missing: None,
                sent_back: None,
            });
        }
        let names: Vec<&str> = self.review.seats.iter().map(|s| s.reviewer.as_str()).collect();
        self.review.why = format!("{} reviews it.", names.join(" and "));
        true
    }

    fn nobody(&mut self, why: String) -> bool {
        let decision = decide(&[], &self.again(), self.ctx.at);
        self.tell("review.no_reviewer", "daemon", json!({"why": why}));
        self.decided(decision);
        // To look for a reviewer again is no use: a person is asked at once.
        self.ask_person(why)
    }

    fn began(&mut self, seat: usize, run: RunId) -> bool {
        let Some(place) = self.review.seats.get_mut(seat).filter(|s| s.run.is_none()) else {
            return false;
        };
        place.run = Some(run);
        let reviewer = place.reviewer.clone();
        self.tell("review.began", "daemon", json!({"reviewer": reviewer, "review_run": run}));
        true
    }

    /// One who is asked and has not answered.
    fn awaited(&mut self, seat: usize) -> Option<&mut Seat> {
        self.review.seats.get_mut(seat).filter(|seat| !seat.is_settled())
    }

    fn missing(&mut self, seat: usize, why: String) -> bool {
        let at = self.ctx.at;
        let Some(place) = self.awaited(seat) else { return false };
        place.missing = Some(why.clone());
        place.answered_at = Some(at);
        let body = json!({"reviewer": place.reviewer, "review_run": place.run, "why": why});
        self.tell("review.no_verdict", "daemon", body);
        self.settle();
        true
    }

    fn answered(&mut self, seat: usize, answer: Result<Opinion, String>) -> bool {
        let (at, max) = (self.ctx.at, self.review.max_words);
        let Some(place) = self.awaited(seat) else { return false };
        let wrong = match &answer {
            Err(why) => Some(why.clone()),
            Ok(opinion) if opinion.words > max => {
                Some(format!("it has {} words, and may have {max}", opinion.words))
            }
            Ok(_) => None,
        };
        // What is wrong about its form can be mended, once.
        if let (Some(why), None) = (&wrong, &place.sent_back) {
            place.sent_back = Some(why.clone());
            let body = json!({"reviewer": place.reviewer, "review_run": place.run, "why": why});
            self.tell("review.sent_back", "daemon", body);
            return true;
        }
        let opinion = match answer {
            Err(why) => return self.missing(seat, why),
            Ok(opinion) => opinion.shorten(max),
        };
        place.answered_at = Some(at);
        let actor = format!("agent:{}", place.reviewer);
        let body = json!({"reviewer": place.reviewer, "review_run": place.run,
            "verdict": opinion.verdict.word(), "summary": opinion.summary, "issues": opinion.issues,
            "recommendations": opinion.recommendations, "words": opinion.words,
            "cut": opinion.cut});
        place.opinion = Some(opinion);
        self.tell("review.verdict", &actor, body);
        self.settle();
        true
    }

    fn again(&self) -> String {
        self.ctx.rules.again_after.roughly()
    }

    /// Decides once all have answered.
    fn settle(&mut self) {
        if self.review.seats.iter().any(|seat| !seat.is_settled()) {
            return;
        }
        let verdicts: Vec<_> = self
            .review
            .seats
            .iter()
            .map(|seat| seat.opinion.as_ref().map(|opinion| opinion.verdict))
            .collect();
        let decision = decide(&verdicts, &self.again(), self.ctx.at);
        self.decided(decision.clone());
        self.follow(decision);
    }

    fn decided(&mut self, decision: Decision) {
        let body = json!({"action": decision.action.word(), "reason": decision.reason,
            "next_steps": decision.next_steps, "rule": decision.rule, "round": self.review.round,
            "by": decision.by});
        let actor = if decision.by == "policy" { "daemon" } else { self.ctx.actor };
        self.tell("review.decided", actor, body);
        self.review.why = format!("{}: {}.", decision.action.word(), decision.reason);
        self.review.decisions.push(decision);
    }

    /// What the rules' decision leads to.
    fn follow(&mut self, decision: Decision) {
        let last_round = self.review.round >= self.ctx.rules.rounds;
        match decision.action {
            Action::Continue => self.close(Some(Outcome::Approved)),
            Action::StopAndEscalate | Action::PauseAndClarify => {
                self.review.state = ReviewState::Halting;
                self.review.due_at = None;
            }
            Action::LogWarning if last_round => {
                let rounds = self.review.round;
                let why = format!("{} after {rounds} rounds", decision.reason);
                self.ask_person(why);
            }
            // One concern goes back to who can mend it.
            Action::LogWarning if decision.rule == Some(3) => {
                // A run that nobody gave as part of a task goes on only when a person says so.
                if self.review.task.is_none() {
                    self.ask_person(decision.reason);
                    return;
                }
                self.hand_back(None);
            }
            Action::LogWarning => self.watch(),
        }
    }

    fn hand_back(&mut self, note: Option<&str>) {
        self.review.instruction = Some(request::concern(&self.review, note));
        self.review.state = ReviewState::HandingBack;
        self.review.due_at = None;
        self.outcome = Some(Outcome::GoesOn);
    }

    fn handed_back(&mut self) -> bool {
        self.tell("review.handed_back", "daemon", json!({"author": self.review.author}));
        self.watch();
        true
    }

    fn watch(&mut self) {
        self.review.state = ReviewState::Watching;
        self.review.due_at = Some(later(self.ctx.at, self.ctx.rules.again_after));
    }

    fn close(&mut self, outcome: Option<Outcome>) {
        self.review.state = ReviewState::Closed;
        self.review.due_at = None;
        self.outcome = outcome;
    }

    fn ask_person(&mut self, why: String) -> bool {
        let body = json!({"why": why, "author": self.review.author,
            "verdict": self.review.verdict_word(),
            "action": self.review.decision().map(|decision| decision.action.word())});
        self.tell("review.needs_person", "daemon", body);
        self.review.state = ReviewState::NeedsPerson;
        self.review.due_at = None;
        self.review.why = format!("A person decides: {}.", why.trim_end_matches('.'));
        true
    }

    fn due(&mut self) -> bool {
        let at = self.ctx.at;
        match self.review.state {
            ReviewState::Open if at >= self.review.deadline => {
                let open: Vec<usize> = (0..self.review.seats.len())
                    .filter(|seat| self.awaited(*seat).is_some())
                    .collect();
                if open.is_empty() {
                    let why = "nobody was free to review it in time".to_owned();
                    return self.nobody(why);
                }
                for seat in open {
                    self.missing(seat, "it did not answer in time".to_owned());
                }
                true
            }
            ReviewState::Watching if self.review.due_at.is_some_and(|due| at >= due) => {
                let why = "it is reviewed again".to_owned();
                self.tell("review.closed", "daemon", json!({"why": why}));
                self.close(Some(Outcome::Again));
                true
            }
            ReviewState::Open
            | ReviewState::Watching
            | ReviewState::HandingBack
            | ReviewState::Halting
            | ReviewState::NeedsPerson
            | ReviewState::Closed => false,
        }
    }

    fn person(&mut self, answer: PersonsAnswer, note: Option<String>) -> bool {
        let actor = self.ctx.actor.to_owned();
        self.tell("review.answered", &actor, json!({"answer": answer.word(), "note": note}));
        let at = self.ctx.at;
        self.review.person =
            Some(PersonsWord { answer, note: note.clone(), by: actor.clone(), at });
        let (action, next) = match answer {
            PersonsAnswer::Approve => (Action::Continue, "the work is taken as it is"),
            PersonsAnswer::Concern => (Action::LogWarning, "the author gets the concern"),
            PersonsAnswer::Stop => (Action::StopAndEscalate, "the work is given up"),
        };
        let said = note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        let reason = format!("a person decided{said}");
        let next_steps = vec![next.to_owned()];
        self.decided(Decision {
            action,
            reason: reason.clone(),
            next_steps,
            rule: None,
            by: actor,
            at,
        });
        match answer {
            PersonsAnswer::Approve => {
                // A person decides also what a reviewer could not.
                self.close(Some(Outcome::Approved));
            }
            PersonsAnswer::Concern => self.hand_back(note.as_deref()),
            PersonsAnswer::Stop => self.close(Some(Outcome::GivenUp { why: reason })),
        }
        true
    }

    fn withdraw(&mut self, why: String) -> bool {
        self.tell("review.closed", "daemon", json!({"why": why}));
        self.review.why = why;
        self.close(None);
        true
    }
}

fn later(at: Timestamp, span: Span) -> Timestamp {
    let wait = SignedDuration::from_millis(i64::try_from(span.ms()).unwrap_or(i64::MAX));
    at.checked_add(wait).unwrap_or(at)
}

impl Kind {
    /// Whether reviews of this kind are opened by what an agent says, and hence must not come too
    /// close together.
    pub fn is_of_agent(self) -> bool {
        matches!(self, Self::Milestone | Self::Blocker | Self::Request)
    }
}
