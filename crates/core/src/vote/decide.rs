//! What becomes of a vote: pure decisions on its row and its ballots.

use super::ballot::{Ballot, Says, first_link};
use super::rule::{Method, Remedy, Rule};
use super::tally::{Cast, Count, Outcome, Tally};
use super::weighted::Level;
use super::{
    Absent, Change, Choice, Context, Decided, Form, Link, LinkKind, Mark, OPTIONS_MAX, State,
    TEXT_MAX, VOTERS_MAX, Vote, Voter,
};
use crate::event::{Cause, Draft, Topic};
use crate::id::{RunId, SessionId, TaskId, VoteId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// So often a mediator is asked before a person is.
const MEDIATIONS_MAX: u32 = 2;

/// Why something cannot be done with a vote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// When, by whom, and what chance and the makers of ids give.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Now (UTC).
    pub at: Timestamp,
    /// Who does it.
    pub actor: &'a str,
    /// A lot from 0 up to [`super::LOTS`]; it is written down only if it decides.
    pub draw: u64,
    /// The id of a vote that follows, if one does.
    pub fresh: VoteId,
}

/// What happens to a vote.
#[derive(Debug, Clone, PartialEq)]
pub enum VoteInput {
    /// A ballot.
    Cast {
        /// Whose.
        voter: String,
        /// What it says.
        says: Says,
        /// Why.
        reason: String,
        /// How sure, 0 to 100.
        confidence: Option<u8>,
        /// The run that gave it.
        run: Option<RunId>,
    },
    /// From this voter none will come in this round.
    Absent {
        /// Whose.
        voter: String,
        /// Why.
        why: String,
    },
    /// The deadline may have come.
    Due,
    /// A person ends it now; one that asks a person is left undecided.
    Close,
    /// A person decides what the voters could not.
    Decide {
        /// The option.
        option: String,
        /// Why.
        why: String,
    },
    /// The mediator's proposal; of a question: the text made of all.
    Proposed {
        /// The proposal.
        text: String,
        /// The run that gave it.
        run: Option<RunId>,
    },
    /// The mediator gave nothing that can be used.
    NoProposal {
        /// Why.
        why: String,
    },
    /// A person's judgement on what was decided.
    Mark {
        /// Whether it was right.
        right: bool,
        /// What would have been.
        instead: Option<String>,
        /// Why.
        why: Option<String>,
    },
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// The vote as it is now.
    pub vote: Vote,
    /// A ballot to keep.
    pub ballot: Option<Ballot>,
    /// What happened, in order.
    pub events: Vec<Draft>,
    /// A vote that follows, with what happened to it.
    pub next: Option<(Box<Vote>, Vec<Draft>)>,
}

/// A vote to open.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Its id.
    pub id: VoteId,
    /// What is asked for.
    pub form: Form,
    /// The question.
    pub question: String,
    /// What else is to be known.
    pub detail: Option<String>,
    /// What it is about.
    pub kind: String,
    /// The field of knowledge.
    pub domain: Option<String>,
    /// The options.
    pub options: Vec<Choice>,
    /// The rule.
    pub rule: Rule,
    /// Who may vote.
    pub electorate: Vec<Voter>,
    /// Who gave the task.
    pub creator: Option<String>,
    /// The project.
    pub target: Option<String>,
    /// The task.
    pub task: Option<TaskId>,
    /// The session.
    pub session: Option<SessionId>,
    /// How long a round lasts at most, in milliseconds.
    pub deadline_ms: u64,
    /// Who mediates.
    pub mediator: Option<String>,
    /// What agents are told beside the question.
    pub context: Context,
    /// The vote before it.
    pub follows: Option<Link>,
    /// Opening twice with one key opens one.
    pub request_key: Option<String>,
}

impl Opening {
    fn problem(&self) -> Option<String> {
        if self.question.trim().is_empty() {
            return Some("a vote needs a question".into());
        }
        let mut texts = vec![self.question.as_str(), self.detail.as_deref().unwrap_or_default()];
        texts.extend(self.options.iter().map(|option| option.text.as_str()));
        if texts.iter().any(|text| text.len() > TEXT_MAX) {
            return Some(format!("question, detail and options have {TEXT_MAX} bytes at most"));
        }
        let least = if self.form == Form::Options { 2 } else { 0 };
        if self.options.len() < least {
            return Some("a vote needs two options or more".into());
        }
        if self.options.len() > OPTIONS_MAX {
            return Some(format!("a vote has {OPTIONS_MAX} options at most"));
        }
        if self.electorate.is_empty() || self.electorate.len() > VOTERS_MAX {
            return Some(format!("a vote has 1 to {VOTERS_MAX} voters"));
        }
        let mut ids = BTreeSet::new();
        if let Some(twice) = self.options.iter().find(|one| !ids.insert(one.id.as_str())) {
            return Some(format!("the option {:?} stands twice", twice.id));
        }
        if self.options.iter().any(|one| one.id.trim().is_empty()) {
            return Some("an option has no name".into());
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.electorate.iter().find(|one| !names.insert(one.name.as_str())) {
            return Some(format!("the voter {:?} stands twice", twice.name));
        }
        if self.deadline_ms == 0 {
            return Some("a vote without time cannot be voted on".into());
        }
        self.rule.problem(self.electorate.len())
    }
}

fn after(at: Timestamp, ms: u64) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Opens a vote: its row, and what happened.
///
/// # Errors
/// It makes no sense; why, in words.
pub fn open(opening: Opening, now: &Moment<'_>) -> Result<(Vote, Vec<Draft>), Refusal> {
    if let Some(problem) = opening.problem() {
        return refuse(problem);
    }
    let deadline = after(now.at, opening.deadline_ms);
    let mut vote = Vote {
        id: opening.id,
        form: opening.form,
        question: opening.question,
        detail: opening.detail,
        kind: opening.kind,
        domain: opening.domain,
        options: opening.options,
        rule: opening.rule,
        electorate: opening.electorate,
        creator: opening.creator,
        target: opening.target,
        task: opening.task,
        session: opening.session,
        deadline_ms: opening.deadline_ms,
        mediator: opening.mediator,
        context: opening.context,
        follows: opening.follows,
        next: None,
        state: State::Open,
        round: 1,
        round_at: now.at,
        deadline,
        cast: 0,
        first: String::new(),
        last: String::new(),
        absent: Vec::new(),
        tallies: Vec::new(),
        changes: Vec::new(),
        outcome: None,
        why: None,
        decided: None,
        asks: None,
        mediations: 0,
        synthesis: None,
        mark: None,
        request_key: opening.request_key,
        latest: None,
        opened_by: now.actor.to_owned(),
        created_at: now.at,
        closed_at: None,
    };
    vote.first = first_link(&vote);
    vote.last.clone_from(&vote.first);
    let weights: serde_json::Map<String, Value> =
        vote.electorate.iter().map(|one| (one.name.clone(), json!(one.weight))).collect();
    let body = json!({"question": vote.question, "kind": vote.kind, "domain": vote.domain,
        "options": vote.option_ids(), "rule": vote.rule, "in_words": vote.rule.in_words(),
        "weights": weights, "deadline": vote.deadline, "follows": vote.follows,
        "form": vote.form, "hash": vote.first, "task": vote.task, "session": vote.session});
    let event = draft("vote.opened", &vote, now.actor, body);
    Ok((vote, vec![event]))
}

fn draft(kind: &str, vote: &Vote, actor: &str, body: Value) -> Draft {
    Draft::new(kind, Topic::Vote, &vote.id.to_string(), actor, body)
}

/// What the ballots of one round come to.
pub fn replay(vote: &Vote, ballots: &[Ballot], round: u32, draw: Option<u64>) -> Tally {
    let (options, electorate) = (vote.option_ids(), vote.weights());
    let cast: Vec<Cast<'_>> = ballots
        .iter()
        .filter(|ballot| ballot.round == round)
        .map(|ballot| Cast { voter: &ballot.voter, says: &ballot.says })
        .collect();
    Count {
        rule: &vote.rule,
        options: &options,
        electorate: &electorate,
        ballots: &cast,
        creator: vote.creator.as_deref(),
        draw,
    }
    .tally()
}

/// A vote that is being changed.
struct Turn<'a> {
    vote: Vote,
    ballots: Vec<Ballot>,
    ballot: Option<Ballot>,
    events: Vec<Draft>,
    next: Option<(Box<Vote>, Vec<Draft>)>,
    now: &'a Moment<'a>,
}

impl Vote {
    /// What follows from an input.
    ///
    /// # Errors
    /// It makes no sense now; why, in words.
    pub fn decide(
        &self,
        ballots: &[Ballot],
        input: VoteInput,
        now: &Moment<'_>,
    ) -> Result<Move, Refusal> {
        let mut turn = Turn {
            vote: self.clone(),
            ballots: ballots.to_vec(),
            ballot: None,
            events: Vec::new(),
            next: None,
            now,
        };
        match input {
            VoteInput::Cast { voter, says, reason, confidence, run } => {
                turn.cast(voter, says, reason, confidence, run)?;
                turn.end_round_if_complete();
            }
            VoteInput::Absent { voter, why } => {
                turn.absent(voter, why)?;
                turn.end_round_if_complete();
            }
            VoteInput::Due => {
                if self.state == State::Open && now.at >= self.deadline {
                    turn.end_round("deadline", false);
                }
            }
            VoteInput::Close => turn.close_by_hand()?,
            VoteInput::Decide { option, why } => turn.decide_by_hand(&option, why)?,
            VoteInput::Proposed { text, run } => turn.proposed(text, run)?,
            VoteInput::NoProposal { why } => turn.no_proposal(&why)?,
            VoteInput::Mark { right, instead, why } => turn.mark(right, instead, why)?,
        }
        for index in 1..turn.events.len() {
            if let Some(event) = turn.events.get_mut(index) {
                event.cause = Cause::Earlier(index - 1);
            }
        }
        if let (Some(latest), Some(first)) = (self.latest, turn.events.first_mut()) {
            first.cause = Cause::Event(latest);
        }
        Ok(Move { vote: turn.vote, ballot: turn.ballot, events: turn.events, next: turn.next })
    }

    /// What is wrong with a ballot of this vote, in words.
    pub fn ballot_problem(&self, says: &Says) -> Option<String> {
        let known = |id: &String| {
            (self.option(id).is_none()).then(|| {
                format!("there is no option {id:?}; there are {}", self.option_ids().join(", "))
            })
        };
        match (self.form, says) {
            (Form::Question, Says::Answer { text, .. }) => {
                text.trim().is_empty().then(|| "the answer is empty".to_owned())
            }
            (Form::Question, Says::Abstain) => None,
            (Form::Question, _) => Some("it is an open question: it wants an answer".into()),
            (Form::Options, Says::Answer { .. }) => Some("it wants one of the options".into()),
            (Form::Options, Says::Choice { option }) => known(option),
            (Form::Options, Says::Ranking { options }) => {
                let mut seen = BTreeSet::new();
                options
                    .iter()
                    .find_map(known)
                    .or_else(|| options.is_empty().then(|| "the ranking is empty".to_owned()))
                    .or_else(|| {
                        let twice = options.iter().find(|one| !seen.insert(one.as_str()));
                        twice.map(|twice| format!("the ranking has {twice:?} twice"))
                    })
            }
            (Form::Options, Says::Abstain) => None,
            (Form::Options, Says::Veto) => (!self.rule.security)
                .then(|| "only a vote about safety can be vetoed; abstain instead".to_owned()),
        }
    }
}

impl Turn<'_> {
    fn tell(&mut self, kind: &str, body: Value) {
        let event = draft(kind, &self.vote, self.now.actor, body);
        self.events.push(event);
    }

    fn cast(
        &mut self,
        voter: String,
        says: Says,
        reason: String,
        confidence: Option<u8>,
        run: Option<RunId>,
    ) -> Result<(), Refusal> {
        let vote = &self.vote;
        if vote.state != State::Open {
            return refuse(format!("the vote is {}: it takes no ballot", vote.state.word()));
        }
        if vote.voter(&voter).is_none() {
            let names: Vec<&str> = vote.electorate.iter().map(|one| one.name.as_str()).collect();
            return refuse(format!("{voter} may not vote here; {} may", names.join(", ")));
        }
        if self.ballots.iter().any(|one| one.round == vote.round && one.voter == voter) {
            return refuse(format!(
                "{voter} has voted in round {} already, and a ballot is never changed",
                vote.round
            ));
        }
        if self.now.at >= vote.deadline {
            return refuse("the time of this vote is over");
        }
        if let Some(problem) = vote.ballot_problem(&says) {
            return refuse(problem);
        }
        self.keep(voter, says, reason, confidence, run);
        Ok(())
    }

    /// Puts a ballot at the end of the chain.
    fn keep(
        &mut self,
        voter: String,
        says: Says,
        reason: String,
        confidence: Option<u8>,
        run: Option<RunId>,
    ) {
        let ballot = Ballot {
            vote: self.vote.id,
            number: self.vote.cast.saturating_add(1),
            round: self.vote.round,
            voter,
            says,
            reason,
            confidence: confidence.map(|percent| percent.min(100)),
            at: self.now.at,
            by: self.now.actor.to_owned(),
            run,
            before: self.vote.last.clone(),
            hash: String::new(),
        }
        .sealed();
        let says = match &ballot.says {
            // It is whole in its row.
            Says::Answer { .. } => "an answer".to_owned(),
            other => other.in_words(),
        };
        let body = json!({"voter": ballot.voter, "round": ballot.round, "number": ballot.number,
            "says": says, "reason": short(&ballot.reason), "confidence": ballot.confidence,
            "run": ballot.run, "hash": ballot.hash});
        self.vote.cast = ballot.number;
        self.vote.last.clone_from(&ballot.hash);
        self.vote.absent.retain(|one| one.round != ballot.round || one.voter != ballot.voter);
        self.ballots.push(ballot.clone());
        self.ballot = Some(ballot);
        self.tell("vote.cast", body);
    }

    fn absent(&mut self, voter: String, why: String) -> Result<(), Refusal> {
        let round = self.vote.round;
        if self.vote.state != State::Open {
            return refuse("the vote is over");
        }
        if !self.vote.waits_for(&self.ballots).any(|one| one.name == voter) {
            return refuse(format!("nobody waits for a ballot of {voter}"));
        }
        self.tell("vote.absent", json!({"voter": voter, "round": round, "why": why}));
        self.vote.absent.push(Absent { voter, round, why });
        Ok(())
    }

    fn end_round_if_complete(&mut self) {
        let vetoed = self.vote.rule.security
            && self
                .ballots
                .iter()
                .any(|one| one.says == Says::Veto && one.round == self.vote.round);
        if vetoed || self.vote.waits_for(&self.ballots).next().is_none() {
            self.end_round("complete", false);
        }
    }

    /// Counts the round, and goes on or ends.
    fn end_round(&mut self, because: &str, by_hand: bool) {
        let round = self.vote.round;
        let before: Vec<(String, String)> = self
            .ballots
            .iter()
            .filter(|one| one.round + 1 == round)
            .map(|one| (one.voter.clone(), one.says.in_words()))
            .collect();
        if self.vote.form == Form::Options {
            for ballot in self.ballots.iter().filter(|one| one.round == round) {
                let says = ballot.says.in_words();
                if let Some((voter, was)) = before.iter().find(|(voter, _)| *voter == ballot.voter)
                    && *was != says
                {
                    let (voter, from) = (voter.clone(), was.clone());
                    self.vote.changes.push(Change { voter, round, from, to: says });
                }
            }
        }
        if self.vote.form == Form::Question {
            return self.end_pass(because, by_hand);
        }
        let tally = replay(&self.vote, &self.ballots, round, Some(self.now.draw));
        let agreed = tally.outcome == Outcome::Decided && tally.level == Level::Unanimous;
        let vetoed = !tally.vetoed_by.is_empty();
        let goes_on = round < self.vote.rule.rounds
            && !agreed
            && !vetoed
            && !by_hand
            && tally.participated > 0;
        self.vote.tallies.push(tally.clone());
        if goes_on {
            self.next_round();
        } else {
            self.close(&tally, because);
        }
    }

    fn next_round(&mut self) {
        let before = self.vote.round;
        self.vote.round += 1;
        self.vote.round_at = self.now.at;
        self.vote.deadline = after(self.now.at, self.vote.deadline_ms);
        let changes: Vec<&Change> =
            self.vote.changes.iter().filter(|change| change.round == before).collect();
        let body = json!({"round": self.vote.round, "of": self.vote.rule.rounds,
            "changes": changes, "deadline": self.vote.deadline});
        self.tell("vote.round_opened", body);
    }

    /// A pass of an open question is over.
    fn end_pass(&mut self, because: &str, by_hand: bool) {
        let round = self.vote.round;
        let answered = |one: &&Ballot| matches!(one.says, Says::Answer { .. });
        let answers = self.ballots.iter().filter(|one| one.round == round).filter(answered).count();
        if answers > 0 && round < self.vote.rule.rounds && !by_hand {
            return self.next_round();
        }
        let any = self.ballots.iter().filter(answered).count() > 0;
        if any && self.vote.mediator.is_some() && !by_hand {
            self.vote.state = State::Mediating;
            self.vote.mediations = 1;
            let body = json!({"by": self.vote.mediator, "form": self.vote.form, "try": 1});
            return self.tell("vote.mediating", body);
        }
        let why = if any { "the answers stand side by side" } else { "nobody answered" };
        let outcome = if any { Outcome::Decided } else { Outcome::Failed };
        self.end(outcome, why.to_owned(), because);
    }

    /// The row says that it is over, and an event says how.
    fn end(&mut self, outcome: Outcome, why: String, because: &str) {
        self.vote.state = State::Closed;
        self.vote.closed_at = Some(self.now.at);
        self.vote.outcome = Some(outcome);
        let last = self.vote.tallies.last();
        let rounds: Vec<Value> =
            last.map(|tally| tally.rounds.iter().map(round_body).collect()).unwrap_or_default();
        let body = json!({"outcome": outcome, "why": why, "because": because,
            "winner": last.and_then(|tally| tally.winner.clone()),
            "level": last.map(|tally| tally.level), "rounds": rounds,
            "tie_break": last.and_then(|tally| tally.tie_break.clone()),
            "question": short(&self.vote.question), "follows": self.vote.follows,
            "task": self.vote.task, "session": self.vote.session, "hash": self.vote.last});
        self.vote.why = Some(why);
        self.tell("vote.closed", body);
    }

    fn close(&mut self, tally: &Tally, because: &str) {
        self.end(tally.outcome, tally.why.clone(), because);
        match tally.outcome {
            Outcome::Decided => {
                if let Some(winner) = tally.winner.clone() {
                    self.decided(&winner, "rule", tally.why.clone());
                }
            }
            Outcome::NoQuorum => self.ask_person(format!("No quorum: {}.", tally.why)),
            Outcome::Tie => self.ask_person(format!("A tie: {}.", tally.why)),
            Outcome::Failed if !tally.vetoed_by.is_empty() => self.ask_person(format!(
                "It was {}. Open a vote on another one: --follows {}.",
                tally.why,
                self.vote.id.short()
            )),
            Outcome::Failed | Outcome::Deadlock => self.remedy(tally),
        }
    }

    fn decided(&mut self, option: &str, by: &str, why: String) {
        let text = self.vote.option(option).map_or_else(String::new, |one| one.text.clone());
        let body = json!({"option": option, "text": short(&text), "by": by, "why": why,
            "question": short(&self.vote.question), "task": self.vote.task,
            "session": self.vote.session});
        let (option, by, at) = (option.to_owned(), by.to_owned(), self.now.at);
        self.vote.decided = Some(Decided { option, text, by, why, at, vote: None });
        self.vote.asks = None;
        self.tell("vote.decided", body);
    }

    fn ask_person(&mut self, question: String) {
        if self.vote.rule.on_deadlock.contains(&Remedy::Person)
            || self.vote.rule.tie_break.contains(&super::TieBreak::Person)
        {
            self.tell(
                "vote.escalated",
                json!({"asks": question,
                "question": short(&self.vote.question)}),
            );
            self.vote.asks = Some(question);
        }
    }

    /// What comes after a threshold that was not reached: each remedy once, in the rule's order.
    fn remedy(&mut self, tally: &Tally) {
        let had = self.vote.follows.map(|link| link.kind);
        for remedy in self.vote.rule.on_deadlock.clone() {
            match remedy {
                Remedy::Runoff
                    if self.vote.options.len() >= 3
                        && matches!(had, None | Some(LinkKind::Revote)) =>
                {
                    let best = tally.best_two(self.vote.rule.method);
                    let options = self
                        .vote
                        .options
                        .iter()
                        .filter(|option| best.contains(&option.id))
                        .cloned()
                        .collect();
                    return self.follow(LinkKind::Runoff, options);
                }
                Remedy::Mediation
                    if had != Some(LinkKind::Compromise) && self.vote.mediator.is_some() =>
                {
                    self.vote.state = State::Mediating;
                    self.vote.closed_at = None;
                    self.vote.mediations = 1;
                    let body = json!({"by": self.vote.mediator, "form": self.vote.form, "try": 1});
                    return self.tell("vote.mediating", body);
                }
                Remedy::Person => {
                    return self.ask_person(format!("No option reached it: {}.", tally.why));
                }
                Remedy::Runoff | Remedy::Mediation => {}
            }
        }
    }

    /// Opens a vote on the same question with other options.
    fn follow(&mut self, kind: LinkKind, options: Vec<Choice>) {
        let vote = &self.vote;
        let opening = Opening {
            id: self.now.fresh,
            form: vote.form,
            question: vote.question.clone(),
            detail: vote.detail.clone(),
            kind: vote.kind.clone(),
            domain: vote.domain.clone(),
            options,
            rule: vote.rule.clone(),
            electorate: vote.electorate.clone(),
            creator: vote.creator.clone(),
            target: vote.target.clone(),
            task: vote.task,
            session: vote.session,
            deadline_ms: vote.deadline_ms,
            mediator: vote.mediator.clone(),
            context: vote.context.clone(),
            follows: Some(Link { vote: vote.id, kind }),
            request_key: None,
        };
        match open(opening, self.now) {
            Ok((next, events)) => {
                self.vote.next = Some(next.id);
                self.next = Some((Box::new(next), events));
            }
            // What it is made of was accepted once.
            Err(Refusal(why)) => self.ask_person(why),
        }
    }

    fn close_by_hand(&mut self) -> Result<(), Refusal> {
        match self.vote.state {
            State::Open => {
                self.end_round("person", true);
                Ok(())
            }
            State::Mediating => {
                self.end(Outcome::Failed, "a person ended the mediation".to_owned(), "person");
                Ok(())
            }
            State::Closed if self.vote.asks.is_some() => {
                let asked = self.vote.asks.take();
                self.tell("vote.left_undecided", json!({"asked": asked}));
                Ok(())
            }
            State::Closed => refuse("the vote is closed already"),
        }
    }

    fn decide_by_hand(&mut self, option: &str, why: String) -> Result<(), Refusal> {
        if self.vote.asks.is_none() {
            return refuse(match (&self.vote.decided, self.vote.state) {
                (Some(decided), _) => format!("it is decided: {}", decided.option),
                (None, State::Closed) => "nobody is asked to decide this vote".to_owned(),
                (None, _) => "its voters have not come to an end; close it first".to_owned(),
            });
        }
        if self.vote.tallies.last().is_some_and(|tally| !tally.vetoed_by.is_empty()) {
            return refuse("it was vetoed: only a new proposal can be voted on");
        }
        if self.vote.option(option).is_none() {
            let known = self.vote.option_ids().join(", ");
            return refuse(format!("there is no option {option:?}; there are {known}"));
        }
        let by = self.now.actor.to_owned();
        self.decided(option, &by, why);
        Ok(())
    }

    fn proposed(&mut self, text: String, run: Option<RunId>) -> Result<(), Refusal> {
        if self.vote.state != State::Mediating {
            return refuse("nobody waits for a proposal");
        }
        let by = self.vote.mediator.clone().unwrap_or_default();
        self.tell("vote.proposed", json!({"by": by, "text": short(&text), "run": run}));
        if self.vote.form == Form::Question {
            self.vote.round = self.vote.round.saturating_add(1);
            let says = Says::Answer { text: text.clone(), changed: None };
            self.keep(by, says, "made of all answers".to_owned(), None, run);
            self.vote.synthesis = Some(text);
            self.end(Outcome::Decided, "one text was made of all answers".to_owned(), "complete");
            return Ok(());
        }
        self.vote.state = State::Closed;
        self.vote.closed_at = Some(self.now.at);
        let mut options = self.vote.options.clone();
        if let (true, Some(tally)) = (options.len() > 2, self.vote.tallies.last()) {
            let best = tally.best_two(self.vote.rule.method);
            options.retain(|option| best.contains(&option.id));
        }
        let mut id = "compromise".to_owned();
        while options.iter().any(|option| option.id == id) {
            id.push('_');
        }
        options.push(Choice { id, text, proposed_by: Some(by) });
        self.follow(LinkKind::Compromise, options);
        Ok(())
    }

    fn no_proposal(&mut self, why: &str) -> Result<(), Refusal> {
        if self.vote.state != State::Mediating {
            return refuse("nobody waits for a proposal");
        }
        let by = self.vote.mediator.clone();
        if self.vote.mediations < MEDIATIONS_MAX {
            self.vote.mediations += 1;
            let body = json!({"by": by, "form": self.vote.form, "try": self.vote.mediations,
                "why": why});
            self.tell("vote.mediating", body);
            return Ok(());
        }
        if self.vote.form == Form::Question {
            let told = format!("the answers stand side by side, for {why}");
            self.end(Outcome::Decided, told, "complete");
            return Ok(());
        }
        self.vote.state = State::Closed;
        self.vote.closed_at = Some(self.now.at);
        self.ask_person(format!("No option reached it, and the mediator proposed nothing: {why}."));
        Ok(())
    }

    fn mark(
        &mut self,
        right: bool,
        instead: Option<String>,
        why: Option<String>,
    ) -> Result<(), Refusal> {
        if self.vote.decided.is_none() {
            return refuse("nothing was decided, so nothing was right or wrong");
        }
        if right && instead.is_some() {
            return refuse("what was right needs no other option instead");
        }
        if let Some(option) = &instead
            && self.vote.option(option).is_none()
        {
            return refuse(format!("there is no option {option:?}"));
        }
        let body = json!({"right": right, "instead": instead, "why": why,
            "question": short(&self.vote.question)});
        let (by, at) = (self.now.actor.to_owned(), self.now.at);
        self.vote.mark = Some(Mark { right, instead, why, by, at });
        self.tell("vote.marked", body);
        Ok(())
    }
}

fn round_body(round: &super::RoundCount) -> Value {
    let votes: serde_json::Map<String, Value> =
        round.votes.iter().map(|(option, votes)| (option.clone(), json!(votes))).collect();
    json!({"round": round.round, "votes": votes, "exhausted": round.exhausted,
        "eliminated": round.eliminated})
}

/// As much of a text as an event has.
fn short(text: &str) -> String {
    const MAX: usize = 500;
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    let cut: String = text.chars().take(MAX).collect();
    format!("{cut}…")
}

/// Whether a method wants rankings; all others take the first of one.
impl Method {
    /// Whether ballots are rankings.
    pub fn ranks(self) -> bool {
        self == Self::Ranked
    }
}
