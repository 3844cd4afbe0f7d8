//! Runs: a piece of work by one agent (DESIGN: agents, tasks, decisions; ADR 0023).
//!
//! A run has attempts: lives of its agent's process, one after the other, each with its own raw
//! stream. It is prepared, started, and works; it may be paused (its processes are frozen) or
//! suspended (it has no process and waits for somebody or for a time); it ends once. An agent's own
//! "done" makes it `reported`, never more: checks make it `verified` or `refuted`.

mod attempt;
mod belongs;
mod decide;
mod evidence;
mod instruct;
mod life;
mod limits;
mod recovery;
mod stream;
mod suspend;
#[cfg(test)]
mod tests;

pub use attempt::{Attempt, Begun, Changes, Fault, Next, Tries, Trouble};
pub use belongs::{Belongs, Purpose};
pub use decide::{Moment, create};
pub use evidence::CheckInput;
pub use instruct::Instruction;
pub use limits::{Limit, Limits, LimitsSpec};
pub use recovery::{FAULTS_MAX, RELAUNCHES_MAX, WAITS_MAX};
pub use suspend::GO_ON;

use crate::agent::{AgentEvent, Ended, Usage};
use crate::event::{Draft, EventRef};
use crate::evidence::{Contract, Evidence};
use crate::id::{InstanceId, RunId};
use crate::prompt::Role;
use crate::unit::Exit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a run is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Its worktree is being made.
    Preparing,
    /// Its process is being started.
    Starting {
        /// Which life.
        instance: InstanceId,
    },
    /// The agent works.
    Running {
        /// Which life.
        instance: InstanceId,
        /// The agent's process id; for display only.
        pid: u32,
    },
    /// A person halted it: its processes are there, and frozen.
    Paused {
        /// Which life.
        instance: InstanceId,
        /// The agent's process id; for display only.
        pid: u32,
    },
    /// It has no process and waits.
    Suspended {
        /// For what.
        wait: Wait,
    },
    /// Its processes are being ended.
    Stopping {
        /// Which life.
        instance: InstanceId,
        /// The agent's process id, when it ran.
        pid: Option<u32>,
        /// What it is then.
        #[serde(default)]
        then: Then,
    },
    /// The agent says it is done.
    Reported,
    /// It says so, and the checks agree.
    Verified,
    /// It says so, and a check disagrees.
    Refuted {
        /// In words.
        why: String,
    },
    /// It ended without a regular end.
    Failed {
        /// In words.
        why: String,
    },
    /// A person cancelled it.
    Cancelled,
}

impl RunState {
    /// The words of the states in which a run is not over.
    pub const ACTIVE: [&'static str; 7] =
        ["preparing", "starting", "running", "paused", "suspended", "stopping", "checking"];
}

/// For what a run without a process waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Wait {
    /// Answers to what its agent asked; `Run::waiting_for` lists them.
    Approvals,
    /// A time: the vendor's rate limit, or the pause before a repetition.
    Until {
        /// When it goes on (UTC).
        at: Timestamp,
        /// In words.
        why: String,
    },
    /// A person's Retry, Fixed or Abort.
    Person {
        /// What is asked, in words.
        question: String,
    },
    /// Its agent, which gets no work now.
    Agent {
        /// Until when; without it until somebody resumes the agent.
        until: Option<Timestamp>,
        /// In words.
        why: String,
    },
    /// A budget that is used up.
    Budget {
        /// In words.
        why: String,
    },
    /// A person who let it wait.
    Resume,
    /// The next daemon: this one was ended by a person while its agent worked.
    Daemon,
}

impl Wait {
    /// The word in events and on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Approvals => "approvals",
            Self::Until { .. } => "time",
            Self::Person { .. } => "person",
            Self::Agent { .. } => "agent",
            Self::Budget { .. } => "budget",
            Self::Resume => "resume",
            Self::Daemon => "daemon",
        }
    }

    /// In one sentence for people.
    pub fn why(&self) -> String {
        let clock = |at: &Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        match self {
            Self::Approvals => "It waits for an answer to what its agent asked.".to_owned(),
            Self::Until { at, why } => format!("It goes on at {}: {why}", clock(at)),
            Self::Person { question } => question.clone(),
            Self::Agent { until: Some(until), why } => {
                format!("Its agent is held back until {}: {why}", clock(until))
            }
            Self::Agent { until: None, why } => format!("Its agent is held back: {why}"),
            Self::Budget { why } => why.clone(),
            Self::Resume => "It waits until somebody resumes it.".to_owned(),
            Self::Daemon => "It goes on when Orkestra is up again.".to_owned(),
        }
    }
}

/// What becomes of a run whose processes are being ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
pub enum Then {
    /// A person cancelled it.
    #[default]
    Cancelled,
    /// It went over a limit.
    Failed {
        /// Which limit.
        limit: Limit,
        /// In words.
        why: String,
    },
    /// It waits without a process.
    Suspended {
        /// For what.
        wait: Wait,
    },
    /// Its agent is started anew.
    Recover {
        /// Why.
        trouble: Trouble,
    },
}

/// A person's answer to a run that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Try once more.
    Retry,
    /// What was in the way is mended: go on.
    Fixed,
    /// Give it up.
    Abort,
}

impl Answer {
    /// The word in commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Fixed => "fixed",
            Self::Abort => "abort",
        }
    }
}

/// The worktree of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// Its folder.
    pub path: String,
    /// The branch made for it.
    pub branch: String,
    /// The commit it began from.
    pub base: String,
    /// Changes in the target that are not committed and hence not in the worktree.
    pub uncommitted: u32,
    /// For a target without git, where the agent works in the target itself: the copy of it as it was
    /// before. Then there is no branch and no base, and both are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

impl Worktree {
    /// Whether the agent works in the target itself, since there is no git.
    pub fn is_plain(&self) -> bool {
        self.snapshot.is_some()
    }
}

/// A file that differs from the base commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Relative to the worktree.
    pub path: String,
    /// Git's letter: `A` added, `M` modified, `D` deleted, `?` not tracked.
    pub status: String,
}

/// One event with its place in the raw stream, which makes it recordable once.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// Where its line begins, in bytes; the end of the stream for events made at the end.
    pub offset: u64,
    /// Which event of that line, from 0.
    pub index: u32,
    /// The event.
    pub event: AgentEvent,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The agent's name in the configuration.
    pub agent: String,
    /// The agent's kind: `claude`, `script`.
    pub kind: String,
    /// What was asked.
    pub prompt: String,
    /// The repository it works for.
    pub target: String,
    /// Set by whoever asked, so that asking twice makes one run.
    pub request_key: Option<String>,
    /// The conversation's id, handed to agents that take one.
    pub session_id: String,
    /// Where it is.
    pub state: RunState,
    /// Where it works, once made.
    pub worktree: Option<Worktree>,
    /// Bytes of the raw stream whose events are committed: always the beginning of a line.
    pub offset: u64,
    /// Events committed from the stream.
    pub events: u64,
    /// Lines kept raw because they were not understood.
    pub raw_lines: u64,
    /// Tokens and money so far, over all models.
    pub usage: Option<Usage>,
    /// The agent's own end, once seen.
    pub ended: Option<Ended>,
    /// How its process ended.
    pub exit: Option<Exit>,
    /// What differs from the base commit, once it ended.
    pub files: Option<Vec<ChangedFile>>,
    /// When it was asked for (UTC).
    pub created_at: Timestamp,
    /// When the agent's process started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// The last sign of life.
    pub last_event_at: Option<Timestamp>,
    /// Its newest event that is not from the stream, as cause of what follows.
    pub latest: Option<EventRef>,
    /// The lives of its agent, the present one last; none for runs of versions that had one only.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
    /// What is changed about the next launch.
    #[serde(default)]
    pub changes: Changes,
    /// How often it was helped.
    #[serde(default)]
    pub tries: Tries,
    /// The attempt that is begun when it goes on, while it is suspended.
    #[serde(default)]
    pub next: Option<Next>,
    /// Approvals for which its agent waits, by id.
    #[serde(default)]
    pub waiting_for: Vec<String>,
    /// Tool calls that the gate denied.
    #[serde(default)]
    pub violations: u64,
    /// Working time before the present stretch of work, in milliseconds.
    #[serde(default)]
    pub worked_ms: u64,
    /// Since when its agent works without a break, while it does.
    #[serde(default)]
    pub working_since: Option<Timestamp>,
    /// Since when nothing was heard of it, once that was told.
    #[serde(default)]
    pub silent_since: Option<Timestamp>,
    /// Whether its agent told the id of its conversation.
    #[serde(default)]
    pub conversation_told: bool,
    /// Whether the last that was heard of it was a tool's result.
    #[serde(default)]
    pub after_result: bool,
    /// Tokens used before a person let it go on after its end: they do not count for the limit.
    #[serde(default)]
    pub tokens_before: u64,
    /// What must be found before its "done" is believed, and what was.
    #[serde(default)]
    pub evidence: Evidence,
    /// Whether the agent is given the prompt as it is, not as part of a task.
    #[serde(default)]
    pub raw: bool,
    /// What it may cost, in US dollars.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// What the agent was given word by word, once it is known.
    #[serde(default)]
    pub given: Option<String>,
    /// For what it was made.
    #[serde(default)]
    pub belongs: Belongs,
    /// The commit or branch of the target from which its worktree begins; its HEAD without it.
    #[serde(default)]
    pub base: Option<String>,
    /// Its part among others, if it has one.
    #[serde(default)]
    pub role: Option<Role>,
    /// What it was told after its prompt, in order.
    #[serde(default)]
    pub instructions: Vec<Instruction>,
    /// The model that its agent was configured with when it was made: Codex does not tell which one
    /// answers.
    #[serde(default)]
    pub model: Option<String>,
}

impl Run {
    /// Whether nothing more will happen to it, unless a person lets it go on.
    pub fn is_over(&self) -> bool {
        match self.state {
            RunState::Reported => !self.evidence.checking,
            RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => true,
            RunState::Preparing
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Paused { .. }
            | RunState::Suspended { .. }
            | RunState::Stopping { .. } => false,
        }
    }

    /// The life that has, or may have, processes.
    pub fn instance(&self) -> Option<InstanceId> {
        match self.state {
            RunState::Starting { instance }
            | RunState::Running { instance, .. }
            | RunState::Paused { instance, .. }
            | RunState::Stopping { instance, .. } => Some(instance),
            RunState::Preparing
            | RunState::Suspended { .. }
            | RunState::Reported
            | RunState::Verified
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => None,
        }
    }

    /// The process id of its agent, while it has one.
    pub fn pid(&self) -> Option<u32> {
        match self.state {
            RunState::Running { pid, .. } | RunState::Paused { pid, .. } => Some(pid),
            RunState::Stopping { pid, .. } => pid,
            _ => None,
        }
    }

    /// The present attempt, or the last one.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The number of the present attempt, or the last one; 1 for runs of versions without attempts.
    pub fn attempt_number(&self) -> u32 {
        self.attempt().map_or(1, |attempt| attempt.number)
    }

    /// The state's word.
    pub fn state_word(&self) -> &'static str {
        match self.state {
            RunState::Preparing => "preparing",
            RunState::Starting { .. } => "starting",
            RunState::Running { .. } => "running",
            RunState::Paused { .. } => "paused",
            RunState::Suspended { .. } => "suspended",
            RunState::Stopping { .. } => "stopping",
            RunState::Reported => "reported",
            RunState::Verified => "verified",
            RunState::Refuted { .. } => "refuted",
            RunState::Failed { .. } => "failed",
            RunState::Cancelled => "cancelled",
        }
    }

    /// The word of its row: as [`Run::state_word`], but for one whose checks are under way, so that a
    /// new daemon finds it.
    pub fn row_word(&self) -> &'static str {
        if self.state == RunState::Reported && self.evidence.checking {
            return "checking";
        }
        self.state_word()
    }

    /// Why it is in this state, in one sentence for people.
    pub fn why(&self) -> String {
        match &self.state {
            RunState::Preparing => "Its worktree is being made.".to_owned(),
            RunState::Starting { .. } => "Its agent is being started.".to_owned(),
            RunState::Running { .. } => match (self.waiting_for.len(), self.silent_since) {
                (0, None) => "The agent works.".to_owned(),
                (0, Some(since)) => format!(
                    "Nothing was heard of the agent since {}.",
                    since.strftime("%Y-%m-%d %H:%M:%S UTC")
                ),
                (1, _) => "The agent waits for an answer to what it asked.".to_owned(),
                (n, _) => format!("The agent waits for answers to {n} things that it asked."),
            },
            RunState::Paused { .. } => "Halted by hand.".to_owned(),
            RunState::Suspended { wait } => wait.why(),
            RunState::Stopping { then, .. } => match then {
                Then::Cancelled => "Being cancelled.".to_owned(),
                Then::Failed { why, .. } => format!("Being ended. {why}"),
                Then::Suspended { wait } => format!("Being halted. {}", wait.why()),
                Then::Recover { trouble } => format!("To be started anew: {}.", trouble.pattern),
            },
            RunState::Reported | RunState::Verified => {
                let words = self.evidence.in_words();
                match self.ended.as_ref().map_or(0, |ended| ended.denials.len()) {
                    0 => words,
                    1 => format!("{words} 1 of its tool calls was refused."),
                    n => format!("{words} {n} of its tool calls were refused."),
                }
            }
            RunState::Refuted { why } | RunState::Failed { why } => why.clone(),
            RunState::Cancelled => "Cancelled by hand.".to_owned(),
        }
    }

    /// Its working time so far, in milliseconds: pauses and waits do not count.
    pub fn worked_ms(&self, at: Timestamp) -> u64 {
        let present = match (&self.state, self.working_since.or(self.started_at)) {
            (RunState::Running { .. }, Some(since)) => since_ms(since, at),
            _ => 0,
        };
        self.worked_ms.saturating_add(present)
    }
}

/// Milliseconds from one time to another; none when the clock went back.
fn since_ms(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

/// Something that happened to a run, or is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RunInput {
    /// The worktree is there.
    Prepared {
        /// Where.
        worktree: Worktree,
        /// What will be checked; it depends on what the project declares.
        contract: Contract,
        /// What the agent is given.
        given: String,
    },
    /// It could not be prepared or started.
    Refused {
        /// In words.
        why: String,
    },
    /// The agent's process runs.
    Started {
        /// Which life.
        instance: InstanceId,
        /// Its process id.
        pid: u32,
        /// Whether an earlier daemon started it.
        adopted: bool,
    },
    /// The agent said something.
    Streamed {
        /// Which life.
        instance: InstanceId,
        /// What, in order.
        records: Vec<Streamed>,
        /// Where the stream has been read to, up to the end of a whole line.
        offset: u64,
    },
    /// The process ended, its tree is empty and its stream was read to the end.
    Exited {
        /// Which life.
        instance: InstanceId,
        /// How.
        exit: Exit,
        /// What the end itself makes known.
        records: Vec<Streamed>,
        /// What differs in the worktree.
        files: Option<Vec<ChangedFile>>,
        /// What went wrong, if that was recognised.
        trouble: Option<Trouble>,
    },
    /// Somebody tells it more: it goes on after its end, or does so when its present attempt is over.
    Instruct {
        /// What its agent is told.
        text: String,
        /// The same key twice is one instruction.
        key: String,
    },
    /// Something about its checks.
    Check(CheckInput),
    /// A person cancels it.
    Cancel,
    /// The daemon died before the agent was started: nothing is lost, start it with a new life.
    StartAgain,
    /// A person halts it.
    Pause,
    /// Its processes cannot be frozen.
    NotFrozen {
        /// Which life.
        instance: InstanceId,
        /// In words.
        why: String,
    },
    /// A person lets it go on: from a pause, from a wait, or after its end.
    Resume,
    /// Time went by, or its agent is free again: a suspended run looks whether it can go on.
    Wake,
    /// A person answers a run that asks.
    Answer(Answer),
    /// How it is while it works; asked every few seconds.
    Measured {
        /// Which life.
        instance: InstanceId,
        /// Resident memory of its tree, in bytes, when it could be measured.
        memory: Option<u64>,
    },
    /// A budget is used up: its processes are ended, and it waits until a person lets it go on.
    OverBudget {
        /// In words.
        why: String,
    },
    /// The daemon goes down, and with it the agent's processes. The work is not given up: it goes on
    /// with the next daemon.
    Close,
    /// No budget has room for what its agent would do next: its processes are ended, and a person is
    /// asked.
    TooDear {
        /// In words.
        why: String,
    },
    /// Its agent asks a person for an approval.
    Asked {
        /// The approval's id.
        approval: String,
    },
    /// An approval of it was answered, or expired.
    Answered {
        /// The approval's id.
        approval: String,
        /// Whether the agent may.
        allow: bool,
    },
    /// The gate denied a tool call.
    Violated {
        /// The rule.
        rule: String,
        /// In words.
        reason: String,
        /// What the agent wanted, shortened.
        command: String,
        /// The tool, in the vendor's words.
        tool: String,
        /// The vendor's id of the call.
        call: String,
    },
}

/// What the host is to do once the decision is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOrder {
    /// Make the worktree.
    Prepare,
    /// Start the agent.
    Launch {
        /// Which life.
        instance: InstanceId,
    },
    /// End its tree.
    Stop {
        /// Which life.
        instance: InstanceId,
    },
    /// Halt its tree.
    Freeze {
        /// Which life.
        instance: InstanceId,
    },
    /// Let its tree go on.
    Thaw {
        /// Which life.
        instance: InstanceId,
    },
    /// Send `Wake` at this time.
    Wake {
        /// When (UTC).
        at: Timestamp,
    },
    /// Its agent gets no work until then: the vendor wants it to wait.
    Limit {
        /// Until when (UTC).
        until: Timestamp,
        /// In words.
        why: String,
    },
    /// Its exit is committed.
    Release {
        /// Which life.
        instance: InstanceId,
    },
    /// Make its checks.
    Check {
        /// Which round: one that is not the newest any more is given up.
        round: u32,
    },
    /// Make no more checks, and end the process that one has.
    GiveChecksUp,
}

/// What follows from one input.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDecision {
    /// The run as it is then.
    pub run: Run,
    /// The attempt that `streamed` and `usage` belong to; `run` may have begun another already.
    pub attempt: u32,
    /// Events of its life.
    pub events: Vec<Draft>,
    /// Events of the agent, each to be recorded once by its place in the stream; they come
    /// before `events` in the journal, since an end follows what was said.
    pub streamed: Vec<(u64, u32, Draft)>,
    /// Usage to be added to the books.
    pub usage: Vec<Usage>,
    /// To be carried out after the commit.
    pub orders: Vec<RunOrder>,
}
