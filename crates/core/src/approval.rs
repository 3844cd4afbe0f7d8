//! Approvals: an agent asks whether it may do something, and a person answers (DESIGN law 5).
//!
//! An approval is bound to the hash of exactly what was asked. It is used once, or it is denied, or
//! it expires closed. A wider answer makes a [`Grant`], a rule that is listed and can be taken back;
//! never for what reaches the outer world.

mod action;
mod decide;
#[cfg(test)]
mod tests;
mod visible;

pub use action::{canonical, group_of, hash_of};
pub use visible::{hidden_in, visible, visible_value};

use crate::event::{Draft, EventRef};
use crate::id::{ApprovalId, GrantId, RunId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long a question waits for its answer, when the configuration says nothing else.
pub const EXPIRE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long a rule of scope `agent` holds when nobody says how long.
pub const AGENT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How long a rule of scope `rule` holds when nobody says how long.
pub const RULE_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The longest time for which a rule can be made.
pub const FOR_MAX: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Questions of one run that may wait at once: a person could not look at more.
pub const PENDING_MAX: usize = 32;

/// Calls remembered of one approval.
const CALLS_MAX: usize = 64;

/// Why something is asked: one rule of the gate that wants a person's word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name.
    pub rule: String,
    /// In one sentence.
    pub reason: String,
    /// The part of the call that the rule is about, as it was understood: `git push origin main`.
    pub part: String,
    /// The part's command: `pip install`. Empty when there is none; then no rule is made of it.
    pub head: String,
    /// It reaches the outer world: each time is asked.
    pub outward: bool,
}

/// How far an answer reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This call, once.
    Once,
    /// The same action in this run.
    Task,
    /// The same action by this agent, in whatever run.
    Agent,
    /// Whatever the same rule asks about the same command, by any agent.
    Rule,
}

impl Scope {
    /// The word on the command line and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Rule => "rule",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Once, Self::Task, Self::Agent, Self::Rule]
            .into_iter()
            .find(|scope| scope.as_str() == text)
    }
}

/// Where an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for a person.
    Pending,
    /// A person said yes; it was not used yet.
    Approved,
    /// It let its one call through.
    Used,
    /// A person said no.
    Denied,
    /// Nobody answered in time, or a yes was not used in time.
    Expired,
    /// Its run is over.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Approved, Self::Used, Self::Denied, Self::Expired, Self::Withdrawn];

    /// The word in rows and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Used => "used",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether something can still happen to it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Approved => true,
            Self::Used | Self::Denied | Self::Expired | Self::Withdrawn => false,
        }
    }
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How far it reaches.
    pub scope: Scope,
    /// What they wrote to it.
    pub note: Option<String>,
}

/// One question and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Which one.
    pub id: ApprovalId,
    /// The run that asks.
    pub run: RunId,
    /// Its agent.
    pub agent: String,
    /// Its worktree.
    pub worktree: String,
    /// The tool, in the vendor's words.
    pub tool: String,
    /// The arguments: exactly these are approved.
    pub input: Value,
    /// Where it would happen.
    pub cwd: String,
    /// Names all of the above: SHA-256 of its canonical form, in hexadecimal.
    pub hash: String,
    /// The same of all runs that ask the same thing, each in its own worktree.
    pub group: String,
    /// Why it is asked.
    pub reasons: Vec<Reason>,
    /// Where it is.
    pub state: State,
    /// When it was asked (UTC).
    pub asked_at: Timestamp,
    /// Until when it can be answered; of an approved one: used.
    pub expires_at: Timestamp,
    /// The vendor's ids of the calls that asked it.
    pub calls: Vec<String>,
    /// The answer.
    pub answer: Option<Answer>,
    /// The call that it let through.
    pub used_by: Option<String>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Its newest event, as cause of what follows.
    pub latest: Option<EventRef>,
}

impl Approval {
    /// Whether it reaches the outer world, so that only one call can be approved at a time.
    pub fn is_outward(&self) -> bool {
        self.reasons.iter().any(|reason| reason.outward)
    }

    /// What would be done, in one line: the parts that are asked about, or the tool.
    pub fn what(&self) -> String {
        let parts: Vec<&str> = self
            .reasons
            .iter()
            .map(|reason| reason.part.as_str())
            .filter(|part| !part.is_empty())
            .collect();
        if parts.is_empty() { self.tool.clone() } else { parts.join("; ") }
    }

    /// Scopes that a person may choose.
    pub fn scopes(&self) -> Vec<Scope> {
        if self.is_outward() {
            return vec![Scope::Once];
        }
        let mut scopes = vec![Scope::Once, Scope::Task, Scope::Agent];
        if !self.reasons.is_empty() && self.reasons.iter().all(|reason| !reason.head.is_empty()) {
            scopes.push(Scope::Rule);
        }
        scopes
    }
}

/// What a rule that a person made matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Matches {
    /// Exactly this action.
    Action {
        /// Its hash.
        hash: String,
    },
    /// This action in whatever worktree.
    Group {
        /// Its group.
        group: String,
    },
    /// Whatever these rules of the gate ask about these commands.
    Rules {
        /// Rule and command, as in [`Reason`].
        rules: Vec<(String, String)>,
    },
}

/// A rule that a person made with a wider answer: what it matches is not asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which one.
    pub id: GrantId,
    /// `task`, `agent` or `rule`.
    pub scope: Scope,
    /// Only in this run.
    pub run: Option<RunId>,
    /// Only by this agent.
    pub agent: Option<String>,
    /// What it matches.
    pub matches: Matches,
    /// What a person sees of it.
    pub what: String,
    /// The question that it answered.
    pub approval: ApprovalId,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when it holds; of scope `task` at most until the run is over.
    pub until: Option<Timestamp>,
}

impl Grant {
    /// Whether it holds at this time and allows this. Nothing that reaches the outer world is.
    fn allows(&self, ask: &Ask, at: Timestamp) -> bool {
        if self.until.is_some_and(|until| until <= at)
            || self.run.is_some_and(|run| run != ask.run)
            || self.agent.as_ref().is_some_and(|agent| *agent != ask.agent)
            || ask.reasons.iter().any(|reason| reason.outward)
        {
            return false;
        }
        match &self.matches {
            Matches::Action { hash } => *hash == ask.hash,
            Matches::Group { group } => *group == ask.group,
            Matches::Rules { rules } => {
                !ask.reasons.is_empty()
                    && ask.reasons.iter().all(|reason| {
                        rules
                            .iter()
                            .any(|(rule, head)| *rule == reason.rule && *head == reason.head)
                    })
            }
        }
    }
}

/// A tool call that the gate wants asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The run.
    pub run: RunId,
    /// Its agent.
    pub agent: String,
    /// Its worktree.
    pub worktree: String,
    /// The tool.
    pub tool: String,
    /// The vendor's id of the call: the same one asked again is the same question.
    pub call: String,
    /// The arguments.
    pub input: Value,
    /// Where it would happen.
    pub cwd: String,
    /// [`hash_of`] all this.
    pub hash: String,
    /// [`group_of`] all this.
    pub group: String,
    /// Why it is asked.
    pub reasons: Vec<Reason>,
    /// The run's newest event.
    pub because: Option<EventRef>,
}

/// What happens to approvals.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An agent asks.
    Ask(Box<Ask>),
    /// A person says yes.
    Approve {
        /// To what.
        id: ApprovalId,
        /// The hash of what they saw.
        hash: String,
        /// How far.
        scope: Scope,
        /// For how long.
        lasts: Option<SignedDuration>,
        /// What they write to it.
        note: Option<String>,
        /// Also to the same question of other runs.
        all: bool,
    },
    /// A person says no.
    Deny {
        /// To what.
        id: ApprovalId,
        /// The hash of what they saw.
        hash: String,
        /// What they write to it; the agent is told.
        note: Option<String>,
        /// Also to the same question of other runs.
        all: bool,
    },
    /// Time goes by.
    Sweep,
    /// A run is over.
    RunOver {
        /// Which.
        run: RunId,
    },
    /// A person takes a rule back.
    Forget {
        /// Which.
        id: GrantId,
    },
}

/// What an asking agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Do it.
    Allow {
        /// By this answer, if by one.
        approval: Option<ApprovalId>,
        /// Why, in one sentence.
        reason: String,
    },
    /// Do not do it.
    Deny {
        /// By this answer, if by one.
        approval: Option<ApprovalId>,
        /// Why, in one sentence; the model reads it.
        reason: String,
    },
    /// Wait for the answer to this.
    Wait {
        /// The question.
        approval: ApprovalId,
    },
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is none.
    #[error("there is no approval {0}")]
    Unknown(String),
    /// There is no such rule.
    #[error("there is no rule {0}")]
    UnknownGrant(String),
    /// What was seen is not what is asked.
    #[error("what you answered is not what is asked: the hash differs")]
    Changed,
    /// It is over.
    #[error("this approval is {state} already", state = state.as_str())]
    Over {
        /// How.
        state: State,
    },
    /// A wider answer is not possible.
    #[error("this can be approved for {} only: {why}", allowed.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "))]
    Scope {
        /// What is possible.
        allowed: Vec<Scope>,
        /// Why not more.
        why: String,
    },
    /// The time is no time for this.
    #[error("{0}")]
    Time(String),
}

/// What follows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Approvals that are other than before.
    pub changed: BTreeMap<ApprovalId, Approval>,
    /// Rules that are new.
    pub granted: BTreeMap<GrantId, Grant>,
    /// Rules that are gone.
    pub revoked: Vec<GrantId>,
    /// What the journal tells.
    pub events: Vec<Draft>,
    /// What the asking agent is told; of `Ask` only.
    pub verdict: Option<Verdict>,
}

impl Decision {
    /// Whether nothing is other than before.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// Questions that are open or belong to a run that is not over, and the rules that hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Approvals {
    /// Questions.
    pub items: BTreeMap<ApprovalId, Approval>,
    /// Rules.
    pub grants: BTreeMap<GrantId, Grant>,
    /// How long a question waits.
    pub expire_after: Option<SignedDuration>,
}

impl Approvals {
    /// Takes over what was decided.
    pub fn apply(&mut self, decision: &Decision) {
        for (id, approval) in &decision.changed {
            if approval.state == State::Withdrawn {
                self.items.remove(id);
            } else {
                self.items.insert(*id, approval.clone());
            }
        }
        for (id, grant) in &decision.granted {
            self.grants.insert(*id, grant.clone());
        }
        for id in &decision.revoked {
            self.grants.remove(id);
        }
    }

    /// Forgets what belongs to a run that is over; rows stay.
    pub fn drop_run(&mut self, run: RunId) {
        self.items.retain(|_, approval| approval.run != run);
    }

    /// When time changes something next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let open = self.items.values().filter(|item| item.state.is_open());
        let open = open.map(|item| item.expires_at);
        open.chain(self.grants.values().filter_map(|grant| grant.until)).min()
    }

    /// Questions of a run that wait for a person.
    pub fn pending_of(&self, run: RunId) -> impl Iterator<Item = &Approval> {
        self.items.values().filter(move |item| item.run == run && item.state == State::Pending)
    }
}
