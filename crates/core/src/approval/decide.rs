//! What follows from an input to approvals.

use super::{
    AGENT_FOR, Answer, Approval, Approvals, Ask, CALLS_MAX, Decision, EXPIRE_AFTER, FOR_MAX, Grant,
    Input, Matches, PENDING_MAX, RULE_FOR, Rejection, Scope, State, Verdict,
};
use crate::event::{Cause, Draft, Topic};
use crate::id::{ApprovalId, GrantId, RunId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a text in an event may be long; the row has the whole.
const TOLD_MAX: usize = 400;

impl Approvals {
    /// What follows from `input`. `fresh` gives new ids.
    ///
    /// # Errors
    /// An answer that cannot be taken. Asking is never refused: it is answered with a verdict.
    pub fn decide(
        &self,
        input: Input,
        actor: &str,
        at: Timestamp,
        fresh: &mut dyn FnMut() -> Uuid,
    ) -> Result<Decision, Rejection> {
        let mut turn =
            Turn { known: self, out: Decision::default(), actor, at, fresh, made: Vec::new() };
        match input {
            Input::Ask(ask) => {
                let verdict = turn.ask(*ask);
                turn.out.verdict = Some(verdict);
            }
            Input::Approve { id, hash, scope, lasts, note, all } => {
                turn.approve(id, &hash, scope, lasts, note, all)?;
            }
            Input::Deny { id, hash, note, all } => turn.deny(id, &hash, note, all)?,
            Input::Sweep => turn.sweep(),
            Input::RunOver { run } => turn.run_over(run),
            Input::Forget { id } => turn.forget(id)?,
        }
        Ok(turn.out)
    }
}

struct Turn<'a> {
    known: &'a Approvals,
    out: Decision,
    actor: &'a str,
    at: Timestamp,
    fresh: &'a mut dyn FnMut() -> Uuid,
    /// Which approval each event is about.
    made: Vec<ApprovalId>,
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(TOLD_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl Turn<'_> {
    fn event(&mut self, approval: &Approval, verb: &str, actor: &str, more: Value) {
        let mut body = json!({"run": approval.run, "agent": approval.agent,
            "tool": approval.tool, "what": cut(&approval.what()), "hash": approval.hash});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let cause = match self.made.iter().rposition(|id| *id == approval.id) {
            Some(earlier) => Cause::Earlier(earlier),
            None => approval.latest.map_or(Cause::Root, Cause::Event),
        };
        let kind = format!("approval.{verb}");
        let subject = approval.id.to_string();
        self.out
            .events
            .push(Draft::new(&kind, Topic::Approval, &subject, actor, body).because(cause));
        self.made.push(approval.id);
    }

    fn put(&mut self, approval: Approval) {
        self.out.changed.insert(approval.id, approval);
    }

    /// As it is by now, in this very turn.
    fn now(&self, id: ApprovalId) -> Option<&Approval> {
        self.out.changed.get(&id).or_else(|| self.known.items.get(&id))
    }

    fn ask(&mut self, ask: Ask) -> Verdict {
        let same: Vec<Approval> = self
            .known
            .items
            .values()
            .filter(|item| item.run == ask.run && item.hash == ask.hash)
            .cloned()
            .collect();
        // The call that was let through asks again when it did not hear the answer.
        if let Some(used) = same.iter().find(|item| {
            item.state == State::Used && item.used_by.as_deref() == Some(ask.call.as_str())
        }) {
            return allowed(used);
        }
        for item in &same {
            if item.state.is_open() && item.expires_at <= self.at {
                self.expire(item.clone());
            }
        }
        let same: Vec<Approval> =
            same.iter().filter_map(|item| self.now(item.id)).cloned().collect();
        if let Some(approved) = same.iter().find(|item| item.state == State::Approved) {
            let mut used = approved.clone();
            used.state = State::Used;
            used.used_by = Some(ask.call.clone());
            used.ended_at = Some(self.at);
            let actor = format!("agent:{}", used.agent);
            self.event(&used, "used", &actor, json!({"call": ask.call}));
            let verdict = allowed(&used);
            self.put(used);
            return verdict;
        }
        let grant = self.known.grants.values().find(|grant| grant.allows(&ask, self.at));
        // A no holds for this run, until a person makes a rule: who is asked until they are tired
        // says yes in the end.
        if let Some(denied) = same.iter().rev().find(|item| item.state == State::Denied)
            && grant.is_none_or(|grant| denied.ended_at.is_some_and(|at| grant.at < at))
        {
            return refused(denied);
        }
        if let Some(expired) = same.iter().rev().find(|item| {
            item.state == State::Expired && item.calls.contains(&ask.call) && !ask.call.is_empty()
        }) {
            return refused(expired);
        }
        if let Some(grant) = grant {
            let body = json!({"run": ask.run, "agent": ask.agent, "tool": ask.tool,
                "what": cut(&grant.what), "hash": ask.hash, "call": ask.call});
            let actor = format!("agent:{}", ask.agent);
            let draft =
                Draft::new("gate.allowed", Topic::Gate, &grant.id.to_string(), &actor, body);
            self.out.events.push(draft.because(ask.because.map_or(Cause::Root, Cause::Event)));
            self.made.push(grant.approval);
            let reason = format!("Allowed by the rule {} of {}.", grant.id.short(), grant.by);
            return Verdict::Allow { approval: None, reason };
        }
        if let Some(pending) = same.iter().find(|item| item.state == State::Pending) {
            let mut again = pending.clone();
            if !again.calls.contains(&ask.call) {
                if again.calls.len() >= CALLS_MAX {
                    again.calls.remove(0);
                }
                again.calls.push(ask.call.clone());
                let actor = format!("agent:{}", again.agent);
                self.event(&again, "repeated", &actor, json!({"call": ask.call}));
                self.put(again);
            }
            return Verdict::Wait { approval: pending.id };
        }
        if self.known.pending_of(ask.run).count() >= PENDING_MAX {
            let reason = format!("{PENDING_MAX} questions of this run wait for a person already.");
            return Verdict::Deny { approval: None, reason };
        }
        self.request(ask)
    }

    fn request(&mut self, ask: Ask) -> Verdict {
        let id = ApprovalId::new((self.fresh)());
        let wait = self.known.expire_after.unwrap_or(EXPIRE_AFTER);
        let approval = Approval {
            id,
            run: ask.run,
            agent: ask.agent,
            worktree: ask.worktree,
            tool: ask.tool,
            input: ask.input,
            cwd: ask.cwd,
            hash: ask.hash,
            group: ask.group,
            reasons: ask.reasons,
            state: State::Pending,
            asked_at: self.at,
            expires_at: later(self.at, wait),
            calls: vec![ask.call.clone()],
            answer: None,
            used_by: None,
            ended_at: None,
            latest: ask.because,
        };
        let actor = format!("agent:{}", approval.agent);
        let rules: Vec<_> = approval.reasons.iter().map(|reason| &reason.rule).collect();
        let why = approval.reasons.first().map(|reason| reason.reason.clone());
        let more = json!({"call": ask.call, "rules": rules, "reason": why,
            "expires_at": approval.expires_at, "outward": approval.is_outward()});
        self.event(&approval, "requested", &actor, more);
        self.put(approval);
        Verdict::Wait { approval: id }
    }

    /// The one that is answered, if it is what the person saw and can still be answered. `None`:
    /// the very same answer was given before.
    fn answered(
        &self,
        id: ApprovalId,
        hash: &str,
        same: impl Fn(&Approval) -> bool,
    ) -> Result<Option<Approval>, Rejection> {
        let known = self.known.items.get(&id);
        let approval = known.ok_or_else(|| Rejection::Unknown(id.to_string()))?;
        if approval.hash != hash {
            return Err(Rejection::Changed);
        }
        if same(approval) {
            return Ok(None);
        }
        if approval.state.is_open() && approval.expires_at <= self.at {
            return Err(Rejection::Over { state: State::Expired });
        }
        Ok(Some(approval.clone()))
    }

    /// It and, if they are wanted too, the same questions of other runs.
    fn group(&self, first: &Approval, all: bool) -> Vec<Approval> {
        let others = self.known.items.values().filter(|item| {
            all && item.id != first.id
                && item.group == first.group
                && item.state == State::Pending
                && item.expires_at > self.at
        });
        std::iter::once(first).chain(others).cloned().collect()
    }

    fn approve(
        &mut self,
        id: ApprovalId,
        hash: &str,
        scope: Scope,
        lasts: Option<SignedDuration>,
        note: Option<String>,
        all: bool,
    ) -> Result<(), Rejection> {
        let Some(first) = self.answered(id, hash, |known| {
            matches!(known.state, State::Approved | State::Used)
                && known.answer.as_ref().is_some_and(|answer| answer.scope == scope)
        })?
        else {
            return Ok(());
        };
        if first.state != State::Pending {
            return Err(Rejection::Over { state: first.state });
        }
        check_time(lasts)?;
        let items = self.group(&first, all);
        for item in &items {
            let allowed = item.scopes();
            if !allowed.contains(&scope) {
                let why = if item.is_outward() {
                    "it reaches the outer world, so each time is asked"
                } else {
                    "no rule can be made of it"
                };
                return Err(Rejection::Scope { allowed, why: why.to_owned() });
            }
        }
        let answer = Answer { by: self.actor.to_owned(), at: self.at, scope, note };
        for item in items {
            let grant = self.grant(&item, scope, lasts);
            self.say_yes(item, answer.clone(), lasts, grant.as_ref());
            if let Some(grant) = grant {
                self.make(grant);
            }
        }
        self.settle_matched(&answer);
        Ok(())
    }

    fn say_yes(
        &mut self,
        mut item: Approval,
        answer: Answer,
        lasts: Option<SignedDuration>,
        grant: Option<&Grant>,
    ) {
        let unused_for = self.known.expire_after.unwrap_or(EXPIRE_AFTER);
        let until = match (answer.scope, lasts) {
            (Scope::Once, Some(lasts)) => lasts,
            _ => unused_for,
        };
        item.state = State::Approved;
        item.expires_at = later(self.at, until);
        let more = json!({"scope": answer.scope, "until": item.expires_at,
            "note": answer.note.as_deref().map(cut), "rule": grant.map(|grant| grant.id)});
        item.answer = Some(answer);
        self.event(&item, "approved", self.actor, more);
        self.put(item);
    }

    /// The rule that a wider answer makes.
    fn grant(
        &mut self,
        item: &Approval,
        scope: Scope,
        lasts: Option<SignedDuration>,
    ) -> Option<Grant> {
        let (run, agent, matches, usual) = match scope {
            Scope::Once => return None,
            Scope::Task => {
                let hash = item.hash.clone();
                (Some(item.run), None, Matches::Action { hash }, None)
            }
            Scope::Agent => {
                let group = item.group.clone();
                (None, Some(item.agent.clone()), Matches::Group { group }, Some(AGENT_FOR))
            }
            Scope::Rule => {
                let mut rules: Vec<_> = item
                    .reasons
                    .iter()
                    .map(|reason| (reason.rule.clone(), reason.head.clone()))
                    .collect();
                rules.sort();
                rules.dedup();
                (None, None, Matches::Rules { rules }, Some(RULE_FOR))
            }
        };
        let heads: Vec<&str> = item.reasons.iter().map(|reason| reason.head.as_str()).collect();
        let what = match scope {
            Scope::Rule => heads.join("; "),
            Scope::Once | Scope::Task | Scope::Agent => item.what(),
        };
        Some(Grant {
            id: GrantId::new((self.fresh)()),
            scope,
            run,
            agent,
            matches,
            what,
            approval: item.id,
            by: self.actor.to_owned(),
            at: self.at,
            until: lasts.or(usual).map(|lasts| later(self.at, lasts)),
        })
    }

    fn make(&mut self, grant: Grant) {
        // The same rule for several questions of a group is one rule.
        if self.out.granted.values().any(|made| {
            made.matches == grant.matches && made.run == grant.run && made.agent == grant.agent
        }) {
            return;
        }
        let cause = self.made.iter().rposition(|id| *id == grant.approval);
        let body = json!({"scope": grant.scope, "run": grant.run, "agent": grant.agent,
            "what": cut(&grant.what), "until": grant.until, "approval": grant.approval});
        let draft =
            Draft::new("gate.rule_made", Topic::Gate, &grant.id.to_string(), self.actor, body);
        self.out.events.push(draft.because(cause.map_or(Cause::Root, Cause::Earlier)));
        self.made.push(grant.approval);
        self.out.granted.insert(grant.id, grant);
    }

    /// Whatever else waits and is matched by a new rule is answered by it.
    fn settle_matched(&mut self, answer: &Answer) {
        let grants: Vec<Grant> = self.out.granted.values().cloned().collect();
        let waiting: Vec<Approval> = self
            .known
            .items
            .values()
            .filter(|item| item.state == State::Pending && item.expires_at > self.at)
            .filter(|item| !self.out.changed.contains_key(&item.id))
            .cloned()
            .collect();
        for item in waiting {
            let ask = as_asked(&item);
            if let Some(grant) = grants.iter().find(|grant| grant.allows(&ask, self.at)) {
                self.say_yes(item, answer.clone(), None, Some(grant));
            }
        }
    }

    fn deny(
        &mut self,
        id: ApprovalId,
        hash: &str,
        note: Option<String>,
        all: bool,
    ) -> Result<(), Rejection> {
        let Some(first) = self.answered(id, hash, |known| known.state == State::Denied)? else {
            return Ok(());
        };
        if !first.state.is_open() {
            return Err(Rejection::Over { state: first.state });
        }
        for mut item in self.group(&first, all) {
            item.state = State::Denied;
            item.ended_at = Some(self.at);
            item.answer = Some(Answer {
                by: self.actor.to_owned(),
                at: self.at,
                scope: Scope::Once,
                note: note.clone(),
            });
            self.event(&item, "denied", self.actor, json!({"note": note.as_deref().map(cut)}));
            self.put(item);
        }
        Ok(())
    }

    fn expire(&mut self, mut item: Approval) {
        let was = item.state;
        item.state = State::Expired;
        item.ended_at = Some(self.at);
        self.event(&item, "expired", "daemon", json!({"was": was}));
        self.put(item);
    }

    fn sweep(&mut self) {
        let over: Vec<Approval> = self
            .known
            .items
            .values()
            .filter(|item| item.state.is_open() && item.expires_at <= self.at)
            .cloned()
            .collect();
        for item in over {
            self.expire(item);
        }
        self.revoke("expired", |grant, at| grant.until.is_some_and(|until| until <= at));
    }

    fn run_over(&mut self, run: RunId) {
        let open: Vec<Approval> = self
            .known
            .items
            .values()
            .filter(|item| item.run == run && item.state.is_open())
            .cloned()
            .collect();
        for mut item in open {
            item.state = State::Withdrawn;
            item.ended_at = Some(self.at);
            self.event(&item, "withdrawn", "daemon", json!({}));
            self.put(item);
        }
        self.revoke("run_over", |grant, _| grant.run == Some(run));
    }

    fn forget(&mut self, id: GrantId) -> Result<(), Rejection> {
        if !self.known.grants.contains_key(&id) {
            return Err(Rejection::UnknownGrant(id.to_string()));
        }
        self.revoke("forgotten", |grant, _| grant.id == id);
        Ok(())
    }

    fn revoke(&mut self, why: &str, which: impl Fn(&Grant, Timestamp) -> bool) {
        for grant in self.known.grants.values().filter(|grant| which(grant, self.at)) {
            let body = json!({"why": why, "what": cut(&grant.what), "scope": grant.scope});
            let actor = if why == "forgotten" { self.actor } else { "daemon" };
            self.out.events.push(Draft::new(
                "gate.rule_ended",
                Topic::Gate,
                &grant.id.to_string(),
                actor,
                body,
            ));
            self.made.push(grant.approval);
            self.out.revoked.push(grant.id);
        }
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn check_time(lasts: Option<SignedDuration>) -> Result<(), Rejection> {
    match lasts {
        Some(lasts) if lasts <= SignedDuration::ZERO => {
            Err(Rejection::Time("an answer must hold for some time".to_owned()))
        }
        Some(lasts) if lasts > FOR_MAX => {
            Err(Rejection::Time("an answer holds for 30 days at most".to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

fn as_asked(item: &Approval) -> Ask {
    Ask {
        run: item.run,
        agent: item.agent.clone(),
        worktree: item.worktree.clone(),
        tool: item.tool.clone(),
        call: String::new(),
        input: Value::Null,
        cwd: item.cwd.clone(),
        hash: item.hash.clone(),
        group: item.group.clone(),
        reasons: item.reasons.clone(),
        because: None,
    }
}

fn allowed(item: &Approval) -> Verdict {
    let by = item.answer.as_ref().map_or("a person", |answer| answer.by.as_str());
    let reason = format!("Approved by {by}.");
    Verdict::Allow { approval: Some(item.id), reason }
}

/// What the model reads when a person said no, or nobody said anything.
pub(super) fn refused(item: &Approval) -> Verdict {
    let note = item.answer.as_ref().and_then(|answer| answer.note.as_deref());
    let reason = match (item.state, note) {
        (State::Denied, Some(note)) => format!("A person denied this: {note}"),
        (State::Denied, None) => "A person denied this.".to_owned(),
        (State::Expired, _) => "Nobody answered in time, so it is denied.".to_owned(),
        (State::Withdrawn, _) => "The run is over.".to_owned(),
        (State::Pending | State::Approved | State::Used, _) => "It is not approved.".to_owned(),
    };
    Verdict::Deny { approval: Some(item.id), reason }
}

impl Approval {
    /// What an agent that waits for this is told once it is over; `None` while it is not, and when
    /// a yes waits to be used.
    pub fn refusal(&self) -> Option<Verdict> {
        match self.state {
            State::Denied | State::Expired | State::Withdrawn => Some(refused(self)),
            State::Pending | State::Approved | State::Used => None,
        }
    }
}
