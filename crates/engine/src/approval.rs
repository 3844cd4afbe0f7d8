//! Asking and answering: agents ask through the dispatcher, people answer through it, and each
//! step is a row and an event of one commit (ADR 0025).

pub(crate) mod gate;
mod hook;
mod token;

pub use token::RunKey;

use crate::commit::Batch;
use crate::dispatch::{Dispatcher, Gathered, answer_now, answer_with};
use crate::error::Error;
use crate::handle::Handle;
use crate::message::{Message, Reply};
use gate::Judged;
use orkestra_agents::Kind;
use orkestra_core::approval::{
    self, Approval, Approvals, Ask, Decision, Grant, Input, Scope, Verdict,
};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::{ApprovalId, GrantId, InstanceId, RunId};
use orkestra_core::run::{Run, RunInput};
use orkestra_store::{
    ApprovalFilter, ApprovalRow, Error as StoreError, GateRuleRow, Read, Store, Write,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;

/// Hooks that run at once; others wait.
pub(crate) const HOOKS_AT_ONCE: usize = 16;

/// Calls of one run that may wait for an answer at once.
const WAITING_MAX: usize = 64;

/// Violations of one run that are told apart by their call, so that none is counted twice.
const VIOLATIONS_KNOWN_MAX: usize = 10_000;

/// A text of an event is cut here.
const TOLD_MAX: usize = 400;

/// Where agents ask: in a folder of its own, which a sandbox may show them.
pub fn agent_socket(home: &Path) -> PathBuf {
    home.join("agents").join("s").join("ask")
}

/// What one life of a run's agent is given so that it can ask.
pub(crate) fn environment(
    home: &Path,
    run: RunId,
    instance: InstanceId,
) -> Result<[(String, String); 3], String> {
    let key = RunKey::open(home).map_err(|error| format!("its token cannot be made: {error}"))?;
    Ok([
        ("ORKESTRA_RUN".to_owned(), run.to_string()),
        ("ORKESTRA_RUN_TOKEN".to_owned(), key.token(run, instance)),
        ("ORKESTRA_AGENT_SOCKET".to_owned(), agent_socket(home).to_string_lossy().into_owned()),
    ])
}

/// The command line that vendors' hooks start, for the shell.
pub(crate) fn hook_command(kind: Kind) -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let program = program.to_str()?;
    // After an upgrade the file has its old name again.
    let program = program.strip_suffix(" (deleted)").unwrap_or(program);
    let quoted = program.replace('\'', "'\\''");
    Some(format!("'{quoted}' agent-hook --vendor {kind}"))
}

/// A tool call that an agent is about to make.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The tool, in the vendor's words.
    pub tool: String,
    /// The vendor's id of the call.
    pub id: String,
    /// The arguments.
    pub input: Value,
    /// Where it would happen; the worktree when nobody says.
    pub cwd: Option<String>,
}

/// What an asking agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whether it may.
    pub allow: bool,
    /// Why, in one sentence.
    pub reason: String,
    /// By whose answer.
    pub approval: Option<ApprovalId>,
}

impl Told {
    pub(crate) fn allow(reason: impl Into<String>) -> Self {
        Self { allow: true, reason: reason.into(), approval: None }
    }

    pub(crate) fn deny(reason: impl Into<String>) -> Self {
        Self { allow: false, reason: reason.into(), approval: None }
    }
}

/// A call on its way through the dispatcher.
pub(crate) struct Asked {
    pub(crate) run: RunId,
    pub(crate) instance: InstanceId,
    pub(crate) call: ToolCall,
    pub(crate) judged: Judged,
}

/// One that waits for a person.
pub(crate) struct Waiting {
    asked: Box<Asked>,
    reply: oneshot::Sender<Result<Told, Error>>,
}

/// What the dispatcher knows of questions.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) approvals: Approvals,
    waiting: BTreeMap<ApprovalId, Vec<Waiting>>,
    violations: BTreeSet<(RunId, String)>,
}

impl Desk {
    /// Those of runs that are not over, and the rules that hold.
    pub(crate) async fn load(store: &Store, runs: &BTreeMap<RunId, Run>) -> Result<Self, Error> {
        let active: Vec<RunId> = runs.keys().copied().collect();
        let (rows, rules) = store
            .read(move |read| {
                let states = vec!["pending".to_owned(), "approved".to_owned()];
                let filter =
                    ApprovalFilter { states, limit: usize::MAX, ..ApprovalFilter::default() };
                let mut rows = read.approvals(&filter)?;
                for run in active {
                    let filter = ApprovalFilter {
                        run: Some(run),
                        limit: usize::MAX,
                        ..ApprovalFilter::default()
                    };
                    rows.extend(read.approvals(&filter)?);
                }
                Ok((rows, read.gate_rules()?))
            })
            .await
            .map_err(Error::Store)?;
        let mut approvals = Approvals::default();
        for row in rows {
            approvals.items.insert(row.id, from_row(&row)?);
        }
        for row in rules {
            approvals.grants.insert(row.id, rule_from_row(&row)?);
        }
        Ok(Self { approvals, ..Self::default() })
    }

    fn waiting_of(&self, run: RunId) -> usize {
        self.waiting.values().flatten().filter(|one| one.asked.run == run).count()
    }

    /// Those who hung up do not wait.
    fn tidy(&mut self) {
        for list in self.waiting.values_mut() {
            list.retain(|one| !one.reply.is_closed());
        }
        self.waiting.retain(|_, list| !list.is_empty());
    }
}

/// A stored approval.
pub(crate) fn from_row(row: &ApprovalRow) -> Result<Approval, Error> {
    serde_json::from_str(&row.body).map_err(|error| {
        let what = format!("approval {} cannot be read: {error}", row.id);
        Error::Store(StoreError::Damaged { what })
    })
}

fn rule_from_row(row: &GateRuleRow) -> Result<Grant, Error> {
    serde_json::from_str(&row.body).map_err(|error| {
        let what = format!("rule {} cannot be read: {error}", row.id);
        Error::Store(StoreError::Damaged { what })
    })
}

fn body<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn to_row(approval: &Approval) -> Result<ApprovalRow, StoreError> {
    let first = approval.reasons.first();
    Ok(ApprovalRow {
        id: approval.id,
        run: approval.run,
        agent: approval.agent.clone(),
        state: approval.state.as_str().to_owned(),
        alike: approval.group.clone(),
        head: first.map(|reason| reason.head.clone()).unwrap_or_default(),
        rule: first.map(|reason| reason.rule.clone()).unwrap_or_default(),
        body: body(approval)?,
        asked_at: approval.asked_at,
    })
}

/// The part of a commit that is about questions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    changed: BTreeMap<ApprovalId, Approval>,
    granted: BTreeMap<GrantId, Grant>,
    revoked: BTreeSet<GrantId>,
}

impl Answers {
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.granted.is_empty() && self.revoked.is_empty()
    }

    pub(crate) fn add(&mut self, decision: &Decision) {
        self.changed.extend(decision.changed.clone());
        for id in &decision.revoked {
            self.granted.remove(id);
            self.revoked.insert(*id);
        }
        self.granted.extend(decision.granted.clone());
    }

    /// Later ones take the place of earlier ones.
    pub(crate) fn then(&mut self, later: &Self) {
        self.changed.extend(later.changed.clone());
        for id in &later.revoked {
            self.granted.remove(id);
        }
        self.revoked.extend(&later.revoked);
        self.granted.extend(later.granted.clone());
    }

    /// Writes the rows; `latest` are the newest events of this commit.
    pub(crate) fn write(
        &self,
        tx: &mut dyn Write,
        latest: &BTreeMap<ApprovalId, orkestra_core::event::EventRef>,
    ) -> Result<(), StoreError> {
        for (id, approval) in &self.changed {
            let mut approval = approval.clone();
            approval.latest = latest.get(id).copied().or(approval.latest);
            tx.put_approval(&to_row(&approval)?)?;
        }
        for id in &self.revoked {
            tx.remove_gate_rule(*id)?;
        }
        for grant in self.granted.values() {
            tx.put_gate_rule(&GateRuleRow {
                id: grant.id,
                scope: grant.scope.as_str().to_owned(),
                run: grant.run,
                agent: grant.agent.clone(),
                until: grant.until,
                body: body(grant)?,
            })?;
        }
        Ok(())
    }
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(TOLD_MAX).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

impl Dispatcher {
    /// How long until time changes something about questions.
    pub(crate) fn questions_due_in(&self) -> Option<Duration> {
        let deadline = self.desk.approvals.next_deadline()?;
        let left = deadline.duration_since(self.options.world.now().at);
        // A clock that was set does not make it sleep for long.
        let left = Duration::try_from(left).unwrap_or_default();
        Some(left.clamp(Duration::from_millis(50), Duration::from_secs(30)))
    }

    /// An agent asks.
    pub(crate) fn take_ask(
        &mut self,
        asked: Box<Asked>,
        reply: Reply<Told>,
        gathered: &mut Gathered,
    ) {
        // An answer that nobody could remember would be given twice.
        if let Some(error) = self.refused_now() {
            return answer_now(reply, error);
        }
        let Some(run) = self.runs.get(&asked.run) else {
            return answer_now(reply, Error::RunOver(asked.run.to_string()));
        };
        if run.instance() != Some(asked.instance) {
            return answer_now(reply, Error::RunOver(asked.run.to_string()));
        }
        match &asked.judged {
            Judged::Allow { noted } => {
                if let Some(rule) = noted {
                    let draft = note_of(run, &asked.call, "gate.allowed", rule);
                    gathered.batch.note(vec![draft]);
                }
                answer_with(reply, Told::allow("The gate allows it."), gathered);
            }
            Judged::Deny { rule, reason, command } => {
                let told = Told::deny(format!("Denied by the gate ({rule}): {reason}"));
                let input = RunInput::Violated {
                    rule: rule.clone(),
                    reason: reason.clone(),
                    command: cut(command),
                    tool: asked.call.tool.clone(),
                    call: asked.call.id.clone(),
                };
                if self.is_new_violation(asked.run, &asked.call.id) {
                    self.take_run(asked.run, input, "daemon", None, gathered);
                }
                answer_with(reply, told, gathered);
            }
            Judged::Ask { reasons } => {
                let ask = ask_of(run, &asked.call, reasons.clone());
                self.take_question(ask, asked, reply, gathered);
            }
        }
    }

    /// The same call asked again after a break is one violation.
    fn is_new_violation(&mut self, run: RunId, call: &str) -> bool {
        let known = &mut self.desk.violations;
        if known.len() >= VIOLATIONS_KNOWN_MAX {
            known.clear();
        }
        call.is_empty() || known.insert((run, call.to_owned()))
    }

    fn take_question(
        &mut self,
        ask: Ask,
        asked: Box<Asked>,
        reply: Reply<Told>,
        gathered: &mut Gathered,
    ) {
        let actor = format!("agent:{}", ask.agent);
        let decision = match self.decide_approval(Input::Ask(Box::new(ask)), &actor, gathered) {
            Ok(decision) => decision,
            Err(error) => return answer_now(reply, error),
        };
        let told = match decision.verdict {
            Some(Verdict::Allow { approval, reason }) => Told { allow: true, reason, approval },
            Some(Verdict::Deny { approval, reason }) => Told { allow: false, reason, approval },
            Some(Verdict::Wait { approval }) => {
                self.desk.tidy();
                if self.desk.waiting_of(asked.run) >= WAITING_MAX {
                    let why = format!("{WAITING_MAX} calls of this run wait already.");
                    return answer_with(reply, Told::deny(why), gathered);
                }
                if let Some(reply) = reply {
                    let waiting = self.desk.waiting.entry(approval).or_default();
                    waiting.push(Waiting { asked, reply });
                }
                return;
            }
            None => Told::deny("It was not understood."),
        };
        // What was let through is let through once, so it must be durable before it is done.
        if let Some(reply) = reply {
            gathered.durable_answers.push(Box::new(move |result| {
                let _asker_gone = reply.send(result.map(|()| told));
            }));
        }
    }

    /// A person answers, a rule is taken back.
    pub(crate) fn take_approval(
        &mut self,
        input: Input,
        actor: &str,
        reply: Reply<Vec<Approval>>,
        gathered: &mut Gathered,
    ) {
        if reply.is_some()
            && let Some(error) = self.refused_now()
        {
            return answer_now(reply, error);
        }
        match self.decide_approval(input, actor, gathered) {
            Ok(decision) => {
                let changed: Vec<Approval> = decision.changed.values().cloned().collect();
                if let Some(reply) = reply {
                    gathered.durable_answers.push(Box::new(move |result| {
                        let _asker_gone = reply.send(result.map(|()| changed));
                    }));
                }
            }
            Err(error) => answer_now(reply, error),
        }
    }

    fn decide_approval(
        &mut self,
        input: Input,
        actor: &str,
        gathered: &mut Gathered,
    ) -> Result<Decision, Error> {
        let at = self.options.world.now().at;
        self.desk.approvals.expire_after = self.view.approvals_expire();
        let world = std::sync::Arc::clone(&self.options.world);
        let decision = self.desk.approvals.decide(input, actor, at, &mut || world.uuid())?;
        self.desk.approvals.apply(&decision);
        gathered.batch.approvals(&decision);
        for approval in decision.changed.values() {
            self.tell_run_of_approval(approval, gathered);
            self.wake_askers(approval, gathered);
        }
        Ok(decision)
    }

    /// Those who wait for it hear of it: a yes lets one of them through.
    fn wake_askers(&mut self, approval: &Approval, gathered: &mut Gathered) {
        match (approval.state, approval.refusal()) {
            (approval::State::Approved, _) => {
                for waiting in self.desk.waiting.remove(&approval.id).unwrap_or_default() {
                    // The yes is for somebody who can still hear it.
                    if !waiting.reply.is_closed() {
                        self.take_ask(waiting.asked, Some(waiting.reply), gathered);
                    }
                }
            }
            (_, Some(Verdict::Deny { approval: by, reason })) => {
                for waiting in self.desk.waiting.remove(&approval.id).unwrap_or_default() {
                    let told = Told { allow: false, reason: reason.clone(), approval: by };
                    answer_with(Some(waiting.reply), told, gathered);
                }
            }
            (_, Some(Verdict::Allow { .. } | Verdict::Wait { .. }) | None) => {}
        }
    }

    /// A run that waits shows it, and one without a process goes on once it is answered.
    fn tell_run_of_approval(&mut self, approval: &Approval, gathered: &mut Gathered) {
        let (id, name) = (approval.run, approval.id.to_string());
        let input = match approval.state {
            approval::State::Pending => RunInput::Asked { approval: name },
            approval::State::Approved | approval::State::Used => {
                RunInput::Answered { approval: name, allow: true }
            }
            approval::State::Denied | approval::State::Expired => {
                RunInput::Answered { approval: name, allow: false }
            }
            // The run is over, and knows it.
            approval::State::Withdrawn => return,
        };
        self.take_run(id, input, "daemon", None, gathered);
    }

    /// Questions of a run that is over are withdrawn, in the same commit.
    pub(crate) fn tell_questions_of_run(&mut self, run: &Run, gathered: &mut Gathered) {
        if !run.is_over() {
            return;
        }
        let input = Input::RunOver { run: run.id };
        if let Err(error) = self.decide_approval(input, "daemon", gathered) {
            tracing::error!(run = %run.id, %error, "Its questions could not be withdrawn.");
        }
        self.desk.approvals.drop_run(run.id);
        self.desk.violations.retain(|(known, _)| *known != run.id);
    }

    /// Questions whose run ended while no daemon watched.
    pub(crate) fn withdraw_orphans(&mut self, gathered: &mut Gathered) {
        let items = self.desk.approvals.items.values();
        let grants = self.desk.approvals.grants.values().filter_map(|grant| grant.run);
        let orphans: BTreeSet<RunId> = items
            .map(|item| item.run)
            .chain(grants)
            .filter(|run| !self.runs.contains_key(run))
            .collect();
        for run in orphans {
            let input = Input::RunOver { run };
            let _nothing_refuses_it = self.decide_approval(input, "daemon", gathered);
            self.desk.approvals.drop_run(run);
        }
    }

    /// The newest event of each question is the cause of what follows.
    pub(crate) fn remember_questions(
        &mut self,
        latest: BTreeMap<ApprovalId, orkestra_core::event::EventRef>,
    ) {
        for (id, reference) in latest {
            if let Some(approval) = self.desk.approvals.items.get_mut(&id) {
                approval.latest = Some(reference);
            }
        }
    }
}

fn because(run: &Run) -> Cause {
    run.latest.map_or(Cause::Root, Cause::Event)
}

fn note_of(run: &Run, call: &ToolCall, kind: &str, rule: &str) -> Draft {
    let body = json!({"run": run.id, "agent": run.agent, "tool": call.tool, "call": call.id,
        "what": rule, "rule": rule});
    let actor = format!("agent:{}", run.agent);
    Draft::new(kind, Topic::Gate, rule, &actor, body).because(because(run))
}

fn ask_of(run: &Run, call: &ToolCall, reasons: Vec<approval::Reason>) -> Ask {
    let worktree = run.worktree.as_ref().map(|place| place.path.clone()).unwrap_or_default();
    let cwd = call.cwd.clone().unwrap_or_else(|| worktree.clone());
    Ask {
        run: run.id,
        agent: run.agent.clone(),
        hash: approval::hash_of(&run.agent, &worktree, &cwd, &call.tool, &call.input),
        group: approval::group_of(&worktree, &cwd, &call.tool, &call.input),
        worktree,
        tool: call.tool.clone(),
        call: call.id.clone(),
        input: call.input.clone(),
        cwd,
        reasons,
        because: run.latest,
    }
}

impl Batch {
    /// Adds what was decided about questions.
    pub(crate) fn approvals(&mut self, decision: &Decision) {
        self.answers.add(decision);
        self.note(decision.events.clone());
    }
}

/// What a person may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yes {
    /// How far.
    pub scope: Scope,
    /// For how long.
    pub lasts: Option<jiff::SignedDuration>,
    /// What they write to it.
    pub note: Option<String>,
}

impl Handle {
    /// Whose token this is, if it is one of a run of this home.
    pub fn run_of_token(&self, token: &str) -> Option<(RunId, InstanceId)> {
        self.view.run_key.read(token)
    }

    /// An agent asks whether it may make a tool call; answered when the gate, a rule or a person
    /// has decided, however long that takes.
    ///
    /// # Errors
    /// The run is over or has another life, the journal cannot be written, the daemon goes down.
    pub async fn ask_for(
        &self,
        run: RunId,
        instance: InstanceId,
        call: ToolCall,
    ) -> Result<Told, Error> {
        let known = self.living_run(run, instance).await?;
        if let Some(told) = self.hooks_before(&known, &call).await {
            return Ok(told);
        }
        let judged = gate::judge(self, &known, &call).await;
        let asked = Box::new(Asked { run, instance, call, judged });
        self.ask(|reply| Message::Ask { asked, reply: Some(reply) }).await
    }

    /// The run, if this is its present life.
    pub(crate) async fn living_run(&self, run: RunId, instance: InstanceId) -> Result<Run, Error> {
        let row = self.store.read(move |read| read.run(run)).await.map_err(Error::Store)?;
        let row = row.ok_or_else(|| Error::RunOver(run.to_string()))?;
        let known = crate::run::from_row(&row)?;
        if known.is_over() || known.instance() != Some(instance) {
            return Err(Error::RunOver(run.to_string()));
        }
        Ok(known)
    }

    /// What agents may do without asking.
    pub(crate) fn gate_policy(&self) -> orkestra_core::gate::Policy {
        self.upkeep().gate
    }

    /// A person says yes; all that changed by it. Saying the same again changes nothing.
    ///
    /// # Errors
    /// It is not there, not what they saw, over, or cannot be approved so far.
    pub async fn approve(
        &self,
        id: ApprovalId,
        hash: String,
        yes: Yes,
        all: bool,
        actor: &str,
    ) -> Result<Vec<Approval>, Error> {
        let Yes { scope, lasts, note } = yes;
        self.answer(Input::Approve { id, hash, scope, lasts, note, all }, actor).await
    }

    /// A person says no; all that changed by it.
    ///
    /// # Errors
    /// It is not there, not what they saw, or over.
    pub async fn deny(
        &self,
        id: ApprovalId,
        hash: String,
        note: Option<String>,
        all: bool,
        actor: &str,
    ) -> Result<Vec<Approval>, Error> {
        self.answer(Input::Deny { id, hash, note, all }, actor).await
    }

    /// A person takes a rule back.
    ///
    /// # Errors
    /// It is not there.
    pub async fn forget_rule(&self, id: GrantId, actor: &str) -> Result<(), Error> {
        self.answer(Input::Forget { id }, actor).await.map(|_| ())
    }

    async fn answer(&self, input: Input, actor: &str) -> Result<Vec<Approval>, Error> {
        let actor = actor.to_owned();
        self.ask(|reply| Message::Approval { input, actor, reply: Some(reply) }).await
    }

    /// Approvals, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn approvals(&self, filter: ApprovalFilter) -> Result<Vec<Approval>, Error> {
        let rows = self.store.read(move |read| read.approvals(&filter)).await;
        rows.map_err(Error::Store)?.iter().map(from_row).collect()
    }

    /// Approvals whose id ends like this, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn approvals_named(&self, text: &str) -> Result<Vec<Approval>, Error> {
        let text = text.to_owned();
        let rows = self.store.read(move |read| read.approval_by_suffix(&text)).await;
        rows.map_err(Error::Store)?.iter().map(from_row).collect()
    }

    /// What was asked like this before, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn approvals_like(
        &self,
        like: &Approval,
        most: usize,
    ) -> Result<Vec<Approval>, Error> {
        let like = to_row(like).map_err(Error::Store)?;
        let rows = self.store.read(move |read| read.approvals_like(&like, most)).await;
        rows.map_err(Error::Store)?.iter().map(from_row).collect()
    }

    /// How many questions wait for a person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn approvals_pending(&self) -> Result<u64, Error> {
        let pending = self.store.read(|read: &dyn Read| read.approvals_in("pending")).await;
        pending.map_err(Error::Store)
    }

    /// Rules that people made and that hold.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn gate_rules(&self) -> Result<Vec<Grant>, Error> {
        let rows = self.store.read(|read| read.gate_rules()).await;
        rows.map_err(Error::Store)?.iter().map(rule_from_row).collect()
    }
}
