//! What an agent says becomes events, each recorded once by its place in the stream.

use super::decide::{Turn, draft};
use super::{Limit, RunState, Streamed, Then};
use crate::agent::{AgentEvent, Usage};
use serde_json::{Value, json};

impl Turn<'_, '_> {
    /// The agent said something while it works.
    pub(super) fn heard(&mut self, records: Vec<Streamed>, offset: u64) -> bool {
        let changes = self.streamed(records, offset);
        if !self.out.streamed.is_empty() {
            if let Some(since) = self.out.run.silent_since.take() {
                self.event("run.heard", "daemon", json!({"silent_since": since}));
            }
            self.check_tokens();
        }
        changes
    }

    /// Records what the agent said. A stream that is read again, as after a crash of the daemon,
    /// is counted once: lines that begin before the committed offset are known.
    ///
    /// The offset alone may move without an event: it is a cursor, not a state, and lines without
    /// events (token deltas) would otherwise be read again for ever.
    pub(super) fn streamed(&mut self, records: Vec<Streamed>, offset: u64) -> bool {
        let at = self.moment.at;
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
            run.last_event_at = Some(at);
            // What it costs says nothing about whether it goes on.
            if !matches!(event, AgentEvent::Usage(_)) {
                run.after_result = matches!(event, AgentEvent::ToolResult { .. });
            }
            if let Some(attempt) = run.attempts.last_mut() {
                attempt.events += 1;
            }
            match &event {
                AgentEvent::Usage(usage) => {
                    add(&mut run.usage, usage);
                    if let Some(attempt) = run.attempts.last_mut() {
                        attempt.tokens = attempt.tokens.saturating_add(tokens_of(usage));
                        add_of_model(&mut attempt.usage, usage);
                    }
                    self.out.usage.push(usage.clone());
                }
                AgentEvent::Ended(ended) => run.ended = Some(ended.clone()),
                AgentEvent::Raw { .. } => run.raw_lines += 1,
                AgentEvent::Started { session_id: Some(session), .. } => {
                    run.session_id.clone_from(session);
                    run.conversation_told = true;
                    if let Some(attempt) = run.attempts.last_mut() {
                        attempt.session_id.clone_from(session);
                    }
                }
                AgentEvent::Started { .. }
                | AgentEvent::Text { .. }
                | AgentEvent::Thinking { .. }
                | AgentEvent::Plan { .. }
                | AgentEvent::ToolCall { .. }
                | AgentEvent::ToolResult { .. }
                | AgentEvent::FileChange { .. }
                | AgentEvent::PermissionRequest { .. }
                | AgentEvent::PermissionDenied(_)
                | AgentEvent::Call(_)
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
            let draft = draft(&self.out.run, event.kind(), &actor, body);
            self.out.streamed.push((offset, index, draft));
        }
        self.out.run.offset = committed.max(offset);
        any || offset > committed
    }

    /// Ends a run that used more tokens than it may.
    fn check_tokens(&mut self) {
        let run = &self.out.run;
        let Some(max) = run.limits.tokens else { return };
        let used = run.tokens().saturating_sub(run.tokens_before);
        let RunState::Running { instance, .. } = run.state else { return };
        if used > max {
            self.limit_event(Limit::Tokens, used, max);
            let why = format!("It used {used} tokens, more than the {max} that it may use.");
            self.stop(instance, Then::Failed { limit: Limit::Tokens, why });
        }
    }
}

impl super::Run {
    /// Tokens of all classes so far.
    pub fn tokens(&self) -> u64 {
        self.usage.as_ref().map_or(0, tokens_of)
    }

    /// What all attempts so far reported of this conversation, one for each model.
    pub(super) fn used_in(&self, session_id: &str) -> Vec<Usage> {
        let mut sums = Vec::new();
        let same = |attempt: &&super::Attempt| attempt.session_id == session_id;
        for usage in self.attempts.iter().filter(same).flat_map(|attempt| &attempt.usage) {
            add_of_model(&mut sums, usage);
        }
        sums
    }
}

fn tokens_of(usage: &Usage) -> u64 {
    [usage.fresh_input, usage.cache_read, usage.cache_write, usage.output]
        .into_iter()
        .fold(0, u64::saturating_add)
}

/// Adds to the sum of the same model.
fn add_of_model(sums: &mut Vec<Usage>, usage: &Usage) {
    match sums.iter_mut().find(|sum| sum.model == usage.model) {
        Some(sum) => add_to(sum, usage),
        None => sums.push(usage.clone()),
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
    add_to(sum, usage);
}

fn add_to(sum: &mut Usage, usage: &Usage) {
    sum.fresh_input = sum.fresh_input.saturating_add(usage.fresh_input);
    sum.cache_read = sum.cache_read.saturating_add(usage.cache_read);
    sum.cache_write = sum.cache_write.saturating_add(usage.cache_write);
    sum.output = sum.output.saturating_add(usage.output);
    sum.cost_usd = match (sum.cost_usd, usage.cost_usd) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    };
}
