//! Runs: one attempt at a piece of work by one agent (DESIGN: agents, tasks, decisions).
//!
//! This is the first, thin life of a run: prepared, started, streamed, ended. An agent's own
//! "done" makes it `reported`, never more: checks come with their own issue.

use crate::agent::{AgentEvent, Ended, Usage};
use crate::event::{Cause, Draft, EventRef, Topic};
use crate::id::{InstanceId, RunId};
use crate::unit::Exit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// A person cancelled it; its processes are being ended.
    Stopping {
        /// Which life.
        instance: InstanceId,
        /// The agent's process id, when it ran.
        pid: Option<u32>,
    },
    /// The agent says it is done.
    Reported,
    /// It ended without a regular end.
    Failed {
        /// In words.
        why: String,
    },
    /// A person cancelled it.
    Cancelled,
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
    /// Bytes of the raw stream whose events are committed.
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
}

impl Run {
    /// Whether nothing more will happen to it.
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Reported | RunState::Failed { .. } | RunState::Cancelled)
    }

    /// The life that has, or may have, processes.
    pub fn instance(&self) -> Option<InstanceId> {
        match self.state {
            RunState::Starting { instance }
            | RunState::Running { instance, .. }
            | RunState::Stopping { instance, .. } => Some(instance),
            RunState::Preparing
            | RunState::Reported
            | RunState::Failed { .. }
            | RunState::Cancelled => None,
        }
    }

    /// The state's word.
    pub fn state_word(&self) -> &'static str {
        match self.state {
            RunState::Preparing => "preparing",
            RunState::Starting { .. } => "starting",
            RunState::Running { .. } => "running",
            RunState::Stopping { .. } => "stopping",
            RunState::Reported => "reported",
            RunState::Failed { .. } => "failed",
            RunState::Cancelled => "cancelled",
        }
    }

    /// Why it is in this state, in one sentence for people.
    pub fn why(&self) -> String {
        match &self.state {
            RunState::Preparing => "Its worktree is being made.".to_owned(),
            RunState::Starting { .. } => "Its agent is being started.".to_owned(),
            RunState::Running { .. } => "The agent works.".to_owned(),
            RunState::Stopping { .. } => "Being cancelled.".to_owned(),
            RunState::Reported => match self.ended.as_ref().map_or(0, |ended| ended.denials.len()) {
                0 => "The agent says it is done; nothing has checked it.".to_owned(),
                n => format!("The agent says it is done, but {n} of its tool calls were refused."),
            },
            RunState::Failed { why } => why.clone(),
            RunState::Cancelled => "Cancelled by hand.".to_owned(),
        }
    }
}

/// Something that happened to a run, or is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RunInput {
    /// The worktree is there; `instance` is the life to start.
    Prepared {
        /// Where.
        worktree: Worktree,
        /// A fresh id.
        instance: InstanceId,
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
        /// Where the stream has been read to.
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
    },
    /// A person cancels it.
    Cancel,
    /// The daemon died before the agent was started: nothing is lost, start it with this life.
    StartAgain {
        /// A fresh id.
        instance: InstanceId,
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
    /// Its exit is committed.
    Release {
        /// Which life.
        instance: InstanceId,
    },
}

/// What follows from one input.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDecision {
    /// The run as it is then.
    pub run: Run,
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

/// What follows from somebody asking for a run.
pub fn create(run: Run, actor: &str) -> RunDecision {
    let body = json!({"agent": run.agent, "kind": run.kind, "prompt": run.prompt,
        "target": run.target});
    let event = draft(&run, "run.created", actor, body).because(Cause::Root);
    let orders = vec![RunOrder::Prepare];
    RunDecision { run, events: vec![event], streamed: Vec::new(), usage: Vec::new(), orders }
}

impl Run {
    /// What follows from `input`; `None` when it is late or changes nothing.
    pub fn decide(&self, input: RunInput, actor: &str, at: Timestamp) -> Option<RunDecision> {
        let mut turn = Turn {
            out: RunDecision {
                run: self.clone(),
                events: Vec::new(),
                streamed: Vec::new(),
                usage: Vec::new(),
                orders: Vec::new(),
            },
            actor,
            at,
        };
        let changes = match input {
            RunInput::Prepared { worktree, instance } => turn.prepared(worktree, instance),
            RunInput::Refused { why } => turn.refused(why),
            RunInput::Started { instance, pid, adopted } => turn.started(instance, pid, adopted),
            RunInput::Streamed { instance, records, offset } => {
                self.instance() == Some(instance) && turn.streamed(records, offset)
            }
            RunInput::Exited { instance, exit, records, files } => {
                if self.instance() == Some(instance) {
                    turn.exited(instance, exit, records, files);
                } else {
                    turn.out.orders.push(RunOrder::Release { instance });
                }
                true
            }
            RunInput::Cancel => turn.cancel(),
            RunInput::StartAgain { instance } => turn.start_again(instance),
        };
        changes.then_some(turn.out)
    }
}

struct Turn<'a> {
    out: RunDecision,
    actor: &'a str,
    at: Timestamp,
}

fn draft(run: &Run, kind: &str, actor: &str, body: Value) -> Draft {
    let cause = run.latest.map_or(Cause::Root, Cause::Event);
    Draft::new(kind, Topic::Run, &run.id.to_string(), actor, body).because(cause)
}

impl Turn<'_> {
    fn event(&mut self, kind: &str, actor: &str, body: Value) {
        let mut draft = draft(&self.out.run, kind, actor, body);
        if let Some(last) = self.out.events.len().checked_sub(1) {
            draft = draft.because(Cause::Earlier(last));
        }
        self.out.events.push(draft);
    }

    fn prepared(&mut self, worktree: Worktree, instance: InstanceId) -> bool {
        if self.out.run.state != RunState::Preparing {
            return false;
        }
        let body = json!({"worktree": worktree, "instance": instance});
        self.event("run.prepared", "daemon", body);
        self.out.run.worktree = Some(worktree);
        self.out.run.state = RunState::Starting { instance };
        self.out.orders.push(RunOrder::Launch { instance });
        true
    }

    fn refused(&mut self, why: String) -> bool {
        if self.out.run.is_over() {
            return false;
        }
        self.finish(RunState::Failed { why });
        true
    }

    fn started(&mut self, instance: InstanceId, pid: u32, adopted: bool) -> bool {
        let kind = if adopted { "run.adopted" } else { "run.started" };
        let body = json!({"instance": instance, "pid": pid});
        match self.out.run.state {
            RunState::Starting { instance: current } if current == instance => {
                self.event(kind, "daemon", body);
                self.out.run.started_at.get_or_insert(self.at);
                self.out.run.state = RunState::Running { instance, pid };
                true
            }
            RunState::Running { instance: current, .. } if current == instance && adopted => {
                self.event(kind, "daemon", body);
                self.out.run.state = RunState::Running { instance, pid };
                true
            }
            RunState::Stopping { instance: current, .. } if current == instance => {
                self.out.run.state = RunState::Stopping { instance, pid: Some(pid) };
                if adopted {
                    self.out.orders.push(RunOrder::Stop { instance });
                }
                true
            }
            RunState::Preparing
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Stopping { .. }
            | RunState::Reported
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    fn streamed(&mut self, records: Vec<Streamed>, offset: u64) -> bool {
        let actor = format!("agent:{}", self.out.run.agent);
        let moves = offset > self.out.run.offset;
        let any = !records.is_empty();
        for Streamed { offset, index, event } in records {
            let run = &mut self.out.run;
            run.events += 1;
            run.last_event_at = Some(self.at);
            match &event {
                AgentEvent::Usage(usage) => {
                    add(&mut run.usage, usage);
                    self.out.usage.push(usage.clone());
                }
                AgentEvent::Ended(ended) => run.ended = Some(ended.clone()),
                AgentEvent::Raw { .. } => run.raw_lines += 1,
                AgentEvent::Started { .. }
                | AgentEvent::Text { .. }
                | AgentEvent::Thinking { .. }
                | AgentEvent::Plan { .. }
                | AgentEvent::ToolCall { .. }
                | AgentEvent::ToolResult { .. }
                | AgentEvent::FileChange { .. }
                | AgentEvent::PermissionRequest { .. }
                | AgentEvent::PermissionDenied(_)
                | AgentEvent::Milestone { .. }
                | AgentEvent::Question { .. }
                | AgentEvent::Retry { .. }
                | AgentEvent::Error { .. }
                | AgentEvent::Warning { .. } => {}
            }
            let body = serde_json::to_value(&event).unwrap_or(Value::Null);
            let draft = draft(run, event.kind(), &actor, body);
            self.out.streamed.push((offset, index, draft));
        }
        self.out.run.offset = self.out.run.offset.max(offset);
        moves || any
    }

    fn exited(
        &mut self,
        instance: InstanceId,
        exit: Exit,
        records: Vec<Streamed>,
        files: Option<Vec<ChangedFile>>,
    ) {
        let offset = self.out.run.offset;
        self.streamed(records, offset);
        self.out.orders.push(RunOrder::Release { instance });
        let cancelled = matches!(self.out.run.state, RunState::Stopping { .. });
        let run = &mut self.out.run;
        run.files = files;
        run.exit = Some(exit.clone());
        let state = match run.ended.as_ref() {
            Some(ended) if ended.ok => RunState::Reported,
            _ if cancelled => RunState::Cancelled,
            Some(ended) => RunState::Failed {
                why: ended.error.clone().unwrap_or_else(|| format!("The agent {}.", exit.in_words())),
            },
            None => RunState::Failed { why: format!("The agent {}.", exit.in_words()) },
        };
        self.finish(state);
    }

    fn cancel(&mut self) -> bool {
        match self.out.run.state {
            RunState::Preparing => {
                self.event("run.cancel_requested", self.actor, json!({}));
                self.finish(RunState::Cancelled);
                true
            }
            RunState::Starting { instance } => {
                self.event("run.cancel_requested", self.actor, json!({}));
                self.out.run.state = RunState::Stopping { instance, pid: None };
                self.out.orders.push(RunOrder::Stop { instance });
                true
            }
            RunState::Running { instance, pid } => {
                self.event("run.cancel_requested", self.actor, json!({}));
                self.out.run.state = RunState::Stopping { instance, pid: Some(pid) };
                self.out.orders.push(RunOrder::Stop { instance });
                true
            }
            RunState::Stopping { .. }
            | RunState::Reported
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    fn start_again(&mut self, instance: InstanceId) -> bool {
        match self.out.run.state {
            RunState::Starting { instance: earlier } => {
                self.event("run.start_repeated", "daemon", json!({"instance": instance}));
                self.out.run.state = RunState::Starting { instance };
                self.out.orders.push(RunOrder::Release { instance: earlier });
                self.out.orders.push(RunOrder::Launch { instance });
                true
            }
            RunState::Stopping { instance: earlier, .. } => {
                self.out.orders.push(RunOrder::Release { instance: earlier });
                self.finish(RunState::Cancelled);
                true
            }
            RunState::Preparing
            | RunState::Running { .. }
            | RunState::Reported
            | RunState::Failed { .. }
            | RunState::Cancelled => false,
        }
    }

    fn finish(&mut self, state: RunState) {
        self.out.run.state = state;
        self.out.run.ended_at = Some(self.at);
        let run = &self.out.run;
        let body = json!({
            "state": run.state_word(),
            "why": run.why(),
            "summary": run.ended.as_ref().map(|ended| &ended.summary),
            "usage": run.usage,
            "events": run.events,
            "raw_lines": run.raw_lines,
            "files": run.files,
            "exit": run.exit.as_ref().map(|exit| json!({"code": exit.code,
                "signal": exit.signal, "reason": exit.reason})),
        });
        self.event("run.ended", "daemon", body);
    }
}

/// Adds up over models; a sum over several models has no model of its own.
fn add(total: &mut Option<Usage>, usage: &Usage) {
    let Some(sum) = total else {
        *total = Some(usage.clone());
        return;
    };
    if sum.model != usage.model {
        sum.model = None;
    }
    sum.fresh_input += usage.fresh_input;
    sum.cache_read += usage.cache_read;
    sum.cache_write += usage.cache_write;
    sum.output += usage.output;
    sum.cost_usd = match (sum.cost_usd, usage.cost_usd) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    };
}
