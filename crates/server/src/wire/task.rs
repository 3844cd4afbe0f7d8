//! Tasks, on the wire.

use super::RunView;
use jiff::Timestamp;
use orkestra_core::prompt::Role;
use orkestra_core::task::{Other, Others, Task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

fn at(time: Timestamp) -> String {
    time.to_string()
}

/// A task as others see it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskLink {
    /// Its id.
    pub id: String,
    /// The end of its id: what people type.
    pub short: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: String,
}

impl From<&Task> for TaskLink {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.to_string(),
            short: task.id.short(),
            title: task.title.clone(),
            state: task.state.word().to_owned(),
        }
    }
}

/// What a task depends on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DependView {
    /// The task's id.
    pub task: String,
    /// `hard` (it must be verified), `soft` (it should be), `over` (it must be over).
    pub kind: String,
    /// The end of its id.
    pub short: String,
    /// Its title, if it is there.
    pub title: Option<String>,
    /// Its state, if it is there.
    pub state: Option<String>,
}

/// Who holds a task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClaimView {
    /// `daemon`, or `worker:NAME`.
    pub owner: String,
    /// The agent or worker that does it.
    pub agent: String,
    /// The number that whatever is said about it must carry.
    pub fence: u64,
    /// The run that does it.
    pub run: Option<String>,
    /// The process that holds it.
    pub pid: Option<u32>,
    /// Since when (RFC 3339).
    pub at: String,
    /// The last sign of life (RFC 3339).
    pub seen_at: String,
    /// When it is over without another one (RFC 3339).
    pub expires_at: Option<String>,
    /// What its holder told last.
    pub note: Option<String>,
}

/// A handing over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HandoverView {
    /// Who had it.
    pub from: Option<String>,
    /// Who gets it.
    pub to: String,
    /// What the next one has to know.
    pub note: Option<String>,
    /// When (RFC 3339).
    pub at: String,
    /// Who did it.
    pub by: String,
}

/// An agent that should not do a task again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AvoidView {
    /// The agent.
    pub agent: String,
    /// In words.
    pub why: String,
}

/// A role: somebody's part among others.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleView {
    /// In one word or two.
    pub name: String,
    /// What it has to see to.
    #[serde(default)]
    pub responsibilities: Vec<String>,
    /// What it has to hand over.
    #[serde(default)]
    pub deliverables: Vec<String>,
    /// `low`, `medium`, `high`.
    #[serde(default)]
    pub complexity: Option<String>,
    /// A number or a range.
    #[serde(default)]
    pub estimated_tokens: Option<String>,
    /// What else it has to know.
    #[serde(default)]
    pub context: Option<String>,
}

impl From<&Role> for RoleView {
    fn from(role: &Role) -> Self {
        Self {
            name: role.name.clone(),
            responsibilities: role.responsibilities.clone(),
            deliverables: role.deliverables.clone(),
            complexity: role.complexity.clone(),
            estimated_tokens: role.estimated_tokens.clone(),
            context: role.context.clone(),
        }
    }
}

impl From<RoleView> for Role {
    fn from(role: RoleView) -> Self {
        Self {
            name: role.name,
            responsibilities: role.responsibilities,
            deliverables: role.deliverables,
            complexity: role.complexity,
            estimated_tokens: role.estimated_tokens,
            context: role.context,
        }
    }
}

/// When a pattern makes its next task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecursView {
    /// In words.
    pub schedule: String,
    /// The next time (RFC 3339).
    pub next_at: Option<String>,
    /// The newest task that it made.
    pub last: Option<String>,
    /// How many it made.
    pub made: u64,
}

/// A task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// The end of its id: what people type.
    pub short: String,
    /// In one line.
    pub title: String,
    /// What is to be done.
    pub prompt: String,
    /// What kind of work it is.
    pub kind: String,
    /// `low`, `medium`, `high`, `critical`.
    pub priority: String,
    /// `backlog`, `waiting`, `blocked`, `ready`, `claimed`, `running`, `reported`, `in_review`,
    /// `verified`, `refuted`, `failed`, `cancelled`.
    pub state: String,
    /// The one of six states: `pending`, `in_progress`, `completed`, `failed`, `blocked`, `cancelled`.
    pub six: String,
    /// Why it is there, in one sentence.
    pub why: Option<String>,
    /// Its session.
    pub session: Option<String>,
    /// The task that it is a part of.
    pub parent: Option<String>,
    /// The pattern that made it.
    pub pattern: Option<String>,
    /// The phase of its plan.
    pub phase: Option<String>,
    /// Its part among others.
    pub role: Option<RoleView>,
    /// What must be done before.
    pub depends: Vec<DependView>,
    /// What who does it must be able to do.
    pub needs: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What must be found before "done" is believed.
    pub evidence: Vec<String>,
    /// Files that it reads, in the folder where the work begins.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// The repository or folder.
    pub target: Option<String>,
    /// From which commit or branch the work begins.
    pub base: Option<String>,
    /// Who has to do it.
    pub assigned: Option<String>,
    /// Who has it.
    pub agent: Option<String>,
    /// Who should not do it again.
    pub avoid: Vec<AvoidView>,
    /// 0, 50 or 100.
    pub autonomy: u8,
    /// `required` or `none`; what the session or configuration says without it.
    pub review: Option<String>,
    /// Who holds it.
    pub claim: Option<ClaimView>,
    /// The newest fencing number.
    pub fence: u64,
    /// Attempts that went wrong.
    pub tries: u32,
    /// So many may.
    pub tries_max: u32,
    /// Not claimed before (RFC 3339).
    pub not_before: Option<String>,
    /// Whether all its attempts went wrong.
    pub poison: bool,
    /// Its runs, the oldest first.
    pub runs: Vec<String>,
    /// What who did it said at the end.
    pub result: Option<String>,
    /// From whom to whom it was handed.
    pub handovers: Vec<HandoverView>,
    /// What it reaches.
    pub milestone: Option<String>,
    /// How long it is thought to take.
    pub estimate: Option<String>,
    /// When it comes again, for a pattern.
    pub recurs: Option<RecursView>,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// The commit in which its work was merged.
    pub merged: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for (RFC 3339).
    pub created_at: String,
    /// When something about it last changed (RFC 3339).
    pub updated_at: String,
    /// When work on it first began (RFC 3339).
    pub started_at: Option<String>,
    /// When it was over (RFC 3339).
    pub ended_at: Option<String>,
}

impl TaskView {
    /// Of a task; `others` are those that it depends on.
    pub fn of(task: &Task, others: &Others) -> Self {
        let claim = task.claim.as_ref();
        Self {
            id: task.id.to_string(),
            short: task.id.short(),
            title: task.title.clone(),
            prompt: task.prompt.clone(),
            kind: task.kind.clone(),
            priority: task.priority.word().to_owned(),
            state: task.state.word().to_owned(),
            six: task.state.six().to_owned(),
            why: task.why.clone(),
            session: task.session.map(|id| id.to_string()),
            parent: task.parent.map(|id| id.to_string()),
            pattern: task.pattern.map(|id| id.to_string()),
            phase: task.phase.clone(),
            role: task.role.as_ref().map(RoleView::from),
            depends: depends(task, others),
            needs: task.needs.clone(),
            tags: task.tags.clone(),
            evidence: task.evidence.clone(),
            inputs: task.inputs.clone(),
            target: task.target.clone(),
            base: task.base.clone(),
            assigned: task.assigned.clone(),
            agent: claim.map(|claim| claim.agent.clone()).or_else(|| task.assigned.clone()),
            avoid: task
                .avoid
                .iter()
                .map(|avoid| AvoidView { agent: avoid.agent.clone(), why: avoid.why.clone() })
                .collect(),
            autonomy: task.autonomy,
            review: task.review.map(|review| review.word().to_owned()),
            claim: claim.map(|claim| ClaimView {
                owner: claim.owner.clone(),
                agent: claim.agent.clone(),
                fence: claim.fence,
                run: claim.run.map(|run| run.to_string()),
                pid: claim.pid,
                at: at(claim.at),
                seen_at: at(claim.seen_at),
                expires_at: claim.expires_at.map(at),
                note: claim.note.clone(),
            }),
            fence: task.fence,
            tries: task.tries,
            tries_max: task.tries_max,
            not_before: task.not_before.map(at),
            poison: task.poison,
            runs: task.runs.iter().map(|run| run.to_string()).collect(),
            result: task.result.clone(),
            handovers: task
                .handovers
                .iter()
                .map(|one| HandoverView {
                    from: one.from.clone(),
                    to: one.to.clone(),
                    note: one.note.clone(),
                    at: at(one.at),
                    by: one.by.clone(),
                })
                .collect(),
            milestone: task.milestone.clone(),
            estimate: task.estimate.clone(),
            recurs: task.recurs.as_ref().map(|recurs| RecursView {
                schedule: recurs.schedule.in_words(),
                next_at: recurs.next_at.map(at),
                last: recurs.last.map(|id| id.to_string()),
                made: recurs.made,
            }),
            budget_usd: task.budget_usd,
            merged: task.merged.clone(),
            created_by: task.created_by.clone(),
            created_at: at(task.created_at),
            updated_at: at(task.updated_at),
            started_at: task.started_at.map(at),
            ended_at: task.ended_at.map(at),
        }
    }
}

fn depends(task: &Task, others: &Others) -> Vec<DependView> {
    let one = |on: &orkestra_core::task::Depend| {
        let other: Option<&Other> = others.get(&on.task);
        DependView {
            task: on.task.to_string(),
            kind: on.kind.word().to_owned(),
            short: on.task.short(),
            title: other.map(|other| other.title.clone()),
            state: other.map(|other| other.state.word().to_owned()),
        }
    };
    task.depends.iter().map(one).collect()
}

/// A page of tasks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// In the order in which they were asked for.
    pub tasks: Vec<TaskView>,
    /// For `after` of the next page, when there is one.
    pub next: Option<String>,
    /// How many are in each state, of the session if one was asked for.
    pub counts: BTreeMap<String, u64>,
}

/// One task, and what is around it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// Those that depend on it.
    pub dependents: Vec<TaskLink>,
    /// Its parts, and what a pattern made.
    pub children: Vec<TaskLink>,
    /// Its runs, the oldest first.
    pub runs_detail: Vec<RunView>,
    /// What the next attempt is told of those before.
    pub context: Option<String>,
    /// The same from the command line.
    pub cli: String,
}

/// Tasks and what they depend on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskGraph {
    /// The tasks.
    pub tasks: Vec<TaskView>,
}

/// A dependency as asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DependRequest {
    /// A task's id, or the end of it, or the key of one that is asked for at the same time.
    pub task: String,
    /// `hard` (the default), `soft` or `over`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A task as asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskRequest {
    /// By which others that are asked for at the same time name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// In one line; the first line of the prompt without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is to be done.
    pub prompt: String,
    /// What kind of work it is [code].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `low`, `medium`, `high`, `critical` [medium].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// The task that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The phase of its plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Its part among others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleView>,
    /// What must be done before.
    pub depends: Vec<DependRequest>,
    /// What who does it must be able to do.
    pub needs: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What must be found before "done" is believed.
    pub evidence: Vec<String>,
    /// Files that it reads, in the folder where the work begins; without them nobody begins.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// The repository or folder; an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// From which commit or branch the work begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Who has to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// 0, 50 or 100 [100].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autonomy: Option<u8>,
    /// `required` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// So many attempts may go wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries_max: Option<u32>,
    /// Not claimed before (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// What it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// How long it is thought to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<String>,
    /// It is a pattern, and makes a task so often (10m, 1h).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// It is a pattern, and makes a task then: a cron pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The zone of the cron pattern [UTC].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What it may cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// It must not be worked on yet.
    pub backlog: bool,
}

/// Many tasks, which may name each other by their keys: all of them or none.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TasksRequest {
    /// The tasks.
    pub tasks: Vec<TaskRequest>,
}

/// What is changed about a task; what is not said stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskEdit {
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What kind of work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Its phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Its part among others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleView>,
    /// What must be done before; all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends: Option<Vec<DependRequest>>,
    /// What who does it must be able to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<String>>,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// What must be found before "done" is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<String>>,
    /// The repository or folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// 0, 50 or 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autonomy: Option<u8>,
    /// `required` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// So many attempts may go wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries_max: Option<u32>,
    /// What it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// How long it is thought to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<String>,
    /// What it may cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
}

/// Who has to do a task.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssignRequest {
    /// The agent; anybody without it.
    pub agent: Option<String>,
}

/// A worker outside wants to work.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimRequest {
    /// Its name.
    pub worker: String,
    /// How long it holds the task without a sign of life (10m).
    pub lease: Option<String>,
    /// What it is able to do.
    pub can: Vec<String>,
    /// Its process on this machine: when it is gone, so is the claim.
    pub pid: Option<u32>,
    /// Only tasks of this session; for the next one.
    pub session: Option<String>,
}

/// The task that was claimed; nothing when none fits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClaimAnswer {
    /// The task; `task.claim.fence` is the number that whatever is said about it must carry.
    pub task: Option<TaskView>,
    /// What is known of earlier attempts.
    pub context: Option<String>,
}

/// A sign of life.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// The claim's number.
    pub fence: u64,
    /// How far it is, in words.
    #[serde(default)]
    pub note: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// The claim's number.
    pub fence: u64,
    /// It is done: what was done, in words.
    #[serde(default)]
    pub result: Option<String>,
    /// It is not done, and why.
    #[serde(default)]
    pub failed: Option<String>,
    /// It is given back without fault, and why.
    #[serde(default)]
    pub release: Option<String>,
    /// With `failed`: it makes no sense to try again.
    #[serde(default)]
    pub no_retry: bool,
}

/// Why.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CancelRequest {
    /// In words.
    pub why: Option<String>,
}

/// Somebody else is to do a task.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoverRequest {
    /// Who.
    pub to: String,
    /// What the next one has to know.
    #[serde(default)]
    pub note: Option<String>,
}
