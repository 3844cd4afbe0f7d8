//! What follows from an input to a run.

use super::{ChangedFile, Run, RunDecision, RunInput, RunOrder, RunState, Streamed, Worktree};
use crate::agent::{AgentEvent, Usage};
use crate::event::{Cause, Draft, Topic};
use crate::id::InstanceId;
use crate::unit::Exit;
use jiff::Timestamp;
use serde_json::{Value, json};

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
        match self.out.run.state {
            RunState::Preparing => self.finish(RunState::Failed { why }),
            RunState::Starting { instance } => {
                self.out.orders.push(RunOrder::Release { instance });
                self.finish(RunState::Failed { why });
            }
            RunState::Stopping { instance, pid: None } => {
                self.out.orders.push(RunOrder::Release { instance });
                self.finish(RunState::Cancelled);
            }
            // What runs was not refused; its own exit ends it.
            RunState::Running { .. }
            | RunState::Stopping { pid: Some(_), .. }
            | RunState::Reported
            | RunState::Failed { .. }
            | RunState::Cancelled => return false,
        }
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
            RunState::Stopping { instance: current, pid: known }
                if current == instance && (known.is_none() || adopted) =>
            {
                // It ran for a moment, and the journal says so; the stop goes on.
                self.event(kind, "daemon", body);
                self.out.run.started_at.get_or_insert(self.at);
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

    /// Records what the agent said. A stream that is read again, as after a crash of the daemon,
    /// is counted once: lines that begin before the committed offset are known.
    ///
    /// The offset alone may move without an event: it is a cursor, not a state, and lines without
    /// events (token deltas) would otherwise be read again for ever.
    fn streamed(&mut self, records: Vec<Streamed>, offset: u64) -> bool {
        let actor = format!("agent:{}", self.out.run.agent);
        let committed = self.out.run.offset;
        let mut any = false;
        for Streamed { offset, index, event } in records {
            if offset < committed {
                continue;
            }
            any = true;
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
                | AgentEvent::Progress { .. }
                | AgentEvent::Blocker { .. }
                | AgentEvent::Finding { .. }
                | AgentEvent::ReviewRequest { .. }
                | AgentEvent::Question { .. }
                | AgentEvent::Retry { .. }
                | AgentEvent::Error { .. }
                | AgentEvent::Warning { .. } => {}
            }
            let body = serde_json::to_value(&event).unwrap_or(Value::Null);
            let draft = draft(run, event.kind(), &actor, body);
            self.out.streamed.push((offset, index, draft));
        }
        self.out.run.offset = committed.max(offset);
        any || offset > committed
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
                why: ended
                    .error
                    .clone()
                    .unwrap_or_else(|| format!("The agent {}.", exit.in_words())),
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
    sum.fresh_input = sum.fresh_input.saturating_add(usage.fresh_input);
    sum.cache_read = sum.cache_read.saturating_add(usage.cache_read);
    sum.cache_write = sum.cache_write.saturating_add(usage.cache_write);
    sum.output = sum.output.saturating_add(usage.output);
    sum.cost_usd = match (sum.cost_usd, usage.cost_usd) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    };
}
