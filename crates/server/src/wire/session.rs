//! Sessions on the wire.

use super::RunView;
use orkestra_core::plan::{Plan, PlannedTask, Roles};
use orkestra_core::session::{Comment, Criterion, Session, Share, ShareOf};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One goal for several agents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// The end of its id, as people type it.
    pub short: String,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// What is to be reached.
    pub goal: String,
    /// The agents that were named, in the person's order.
    pub agents: Vec<String>,
    /// The repository.
    pub target: String,
    /// `planning`, `plan_review`, `awaiting_person`, `working`, `merging`, `checking`, `paused`,
    /// `verified`, `failed`, `cancelled`.
    pub state: String,
    /// Why, in one sentence.
    pub why: String,
    /// What the person is asked, while it is.
    pub question: Option<SessionQuestion>,
    /// How often the person is asked: `high`, `medium`, `low`.
    pub involvement: String,
    /// Whether the other agents review the plan before any work.
    pub plan_review: bool,
    /// Whether only the plan was wanted.
    pub plan_only: bool,
    /// Whether nobody is there to be asked.
    pub headless: bool,
    /// Whether the person's own branch is moved at the end.
    pub merge: bool,
    /// What all may cost together, in US dollars.
    pub budget_usd: Option<f64>,
    /// Who has which role.
    pub roles: RolesView,
    /// Whose plan it is: an agent, `template` or a person.
    pub planned_by: Option<String>,
    /// How many tasks it has.
    pub tasks_count: usize,
    /// The branch on which its work is brought together.
    pub branch: String,
    /// The commit where that branch begins.
    pub base: String,
    /// Who took it although not every point of done held.
    pub waived_by: Option<String>,
    /// The commit to which the person's own branch was moved.
    pub delivered: Option<String>,
    /// Who began it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
    /// When its tasks began.
    pub began_at: Option<String>,
    /// When it was over.
    pub ended_at: Option<String>,
}

/// A question to the person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionQuestion {
    /// `plan`, `no_plan`, `merge`, `not_done`, `end`.
    pub about: String,
    /// In words.
    pub text: String,
    /// Since when (RFC 3339).
    pub since: String,
}

/// Who has which role, and how many of the three are there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RolesView {
    /// 1: all three; 2: no reviewer; 3: no implementer; 4: no architect; 5: one agent alone.
    pub tier: u8,
    /// Agents that are there.
    pub there: Vec<String>,
    /// Agents that are not.
    pub missing: Vec<AbsentView>,
    /// Who designs.
    pub architect: String,
    /// Who writes the code.
    pub implementer: String,
    /// Who looks for faults.
    pub reviewer: String,
    /// Who takes over what, a sentence each.
    pub notes: Vec<String>,
}

/// An agent that was named and is not there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AbsentView {
    /// Its name.
    pub agent: String,
    /// In words.
    pub why: String,
}

impl From<&Roles> for RolesView {
    fn from(roles: &Roles) -> Self {
        Self {
            tier: roles.tier,
            there: roles.there.clone(),
            missing: roles
                .missing
                .iter()
                .map(|absent| AbsentView { agent: absent.agent.clone(), why: absent.why.clone() })
                .collect(),
            architect: roles.architect.clone(),
            implementer: roles.implementer.clone(),
            reviewer: roles.reviewer.clone(),
            notes: roles.notes.clone(),
        }
    }
}

impl From<&Session> for SessionView {
    fn from(session: &Session) -> Self {
        let wishes = &session.wishes;
        Self {
            id: session.id.to_string(),
            short: session.id.short(),
            project: session.project.clone(),
            goal: session.goal.clone(),
            agents: session.agents.clone(),
            target: session.target.clone(),
            state: session.state.word().to_owned(),
            why: session.why(),
            question: session.asked().map(|question| SessionQuestion {
                about: question.about.word().to_owned(),
                text: question.text.clone(),
                since: question.since.to_string(),
            }),
            involvement: wishes.involvement.word().to_owned(),
            plan_review: wishes.plan_review,
            plan_only: wishes.plan_only,
            headless: wishes.headless,
            merge: wishes.merge,
            budget_usd: wishes.budget_usd,
            roles: RolesView::from(&session.roles),
            planned_by: session.planned_by.clone(),
            tasks_count: session.tasks.len(),
            branch: session.branch.clone(),
            base: session.base.clone(),
            waived_by: session.waived_by.clone(),
            delivered: session.delivered.clone(),
            created_by: session.created_by.clone(),
            created_at: session.created_at.to_string(),
            updated_at: session.updated_at.to_string(),
            began_at: session.began_at.map(|at| at.to_string()),
            ended_at: session.ended_at.map(|at| at.to_string()),
        }
    }
}

/// Sessions, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// They.
    pub sessions: Vec<SessionView>,
    /// The id after which the next page begins.
    pub next: Option<String>,
}

/// A session with all that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionDetail {
    /// The session.
    #[serde(flatten)]
    pub session: SessionView,
    /// Its plan, once there is one.
    pub plan: Option<PlanView>,
    /// What was wrong with the planner's last answer, while it is asked again.
    pub plan_problems: Vec<String>,
    /// What agents said about the plan.
    pub comments: Vec<CommentView>,
    /// Its tasks: which key of the plan became which task.
    pub tasks: Vec<TaskLinkView>,
    /// The points of done, as they were looked at last.
    pub criteria: Vec<CriterionView>,
    /// Of what the shares are shares: `tokens` or `tasks`.
    pub shares_of: String,
    /// Who did how much.
    pub shares: Vec<ShareView>,
    /// Its runs, the oldest first.
    pub runs: Vec<RunView>,
    /// What a person would type.
    pub cli: String,
}

/// A goal divided into tasks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// How the goal is reached.
    pub summary: String,
    /// What is to be done.
    pub tasks: Vec<PlannedTaskView>,
}

/// One task of a plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedTaskView {
    /// What others call it in `depends`.
    pub key: String,
    /// In a few words.
    pub title: String,
    /// What its agent is asked.
    pub prompt: String,
    /// In which role.
    pub role: String,
    /// Who does it.
    pub agent: Option<String>,
    /// What its agent has to see to.
    pub responsibilities: Vec<String>,
    /// Files that must be there afterwards.
    pub deliverables: Vec<String>,
    /// What else it hands over, in words.
    pub hands_over: Vec<String>,
    /// What else must be found before its "done" is believed.
    pub evidence: Vec<String>,
    /// Keys of tasks that must be verified before it begins.
    pub depends: Vec<String>,
    /// Capabilities that its agent must have.
    pub needs: Vec<String>,
    /// `low`, `medium`, `high`, `critical`.
    pub priority: String,
    /// What kind of work it is.
    pub kind: String,
    /// How hard it is thought to be.
    pub complexity: Option<String>,
    /// How many tokens it is thought to take.
    pub estimated_tokens: Option<String>,
    /// To which phase it belongs.
    pub phase: Option<String>,
}

impl From<&PlannedTask> for PlannedTaskView {
    fn from(task: &PlannedTask) -> Self {
        Self {
            key: task.key.clone(),
            title: task.title.clone(),
            prompt: task.prompt.clone(),
            role: task.role.clone(),
            agent: task.agent.clone(),
            responsibilities: task.responsibilities.clone(),
            deliverables: task.deliverables.clone(),
            hands_over: task.hands_over.clone(),
            evidence: task.evidence.clone(),
            depends: task.depends.clone(),
            needs: task.needs.clone(),
            priority: task.priority.clone(),
            kind: task.kind.clone(),
            complexity: task.complexity.clone(),
            estimated_tokens: task.estimated_tokens.clone(),
            phase: task.phase.clone(),
        }
    }
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        Self {
            summary: plan.summary.clone(),
            tasks: plan.tasks.iter().map(PlannedTaskView::from).collect(),
        }
    }
}

/// What an agent said about the plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CommentView {
    /// In which round, from 1.
    pub round: u32,
    /// Who.
    pub agent: String,
    /// Its run.
    pub run: Option<String>,
    /// Whether it agrees; nothing when its answer could not be had.
    pub agrees: Option<bool>,
    /// What should be otherwise.
    pub suggestions: Vec<String>,
    /// Why its answer could not be had.
    pub trouble: Option<String>,
}

impl From<&Comment> for CommentView {
    fn from(comment: &Comment) -> Self {
        Self {
            round: comment.round,
            agent: comment.agent.clone(),
            run: comment.run.map(|run| run.to_string()),
            agrees: comment.agrees,
            suggestions: comment.suggestions.clone(),
            trouble: comment.trouble.clone(),
        }
    }
}

/// Which task a key of the plan became.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskLinkView {
    /// Its key in the plan.
    pub key: String,
    /// The task's id.
    pub id: String,
    /// In one line.
    pub title: String,
    /// Where it is, as with tasks.
    pub state: String,
    /// Why, in one sentence.
    pub why: Option<String>,
    /// Who holds it, has to do it, or did it.
    pub agent: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// The phase of the plan.
    pub phase: Option<String>,
    /// The commit in which its work was merged.
    pub merged: Option<String>,
}

/// One of the six points of done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CriterionView {
    /// `tasks`, `review`, `files`, `integration`, `blockers`, `permissions`.
    pub point: String,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in one sentence.
    pub why: String,
}

impl From<&Criterion> for CriterionView {
    fn from(criterion: &Criterion) -> Self {
        Self {
            point: criterion.point.word().to_owned(),
            holds: criterion.holds,
            why: criterion.why.clone(),
        }
    }
}

/// What one agent did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShareView {
    /// Who.
    pub agent: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Tokens of all classes.
    pub tokens: u64,
    /// Tasks.
    pub tasks: u32,
    /// What it cost, in US dollars, as far as that is known.
    pub cost_usd: f64,
    /// Its share, in per cent of all.
    pub percent: f64,
    /// From where on the share is as it should be, in per cent.
    pub low: f64,
    /// And up to where.
    pub high: f64,
    /// Whether it is.
    pub fits: bool,
}

impl From<&Share> for ShareView {
    fn from(share: &Share) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
        let cost_usd = share.cost_micros as f64 / 1e6;
        Self {
            agent: share.agent.clone(),
            roles: share.roles.clone(),
            tokens: share.tokens,
            tasks: share.tasks,
            cost_usd,
            percent: share.percent,
            low: share.low,
            high: share.high,
            fits: share.fits,
        }
    }
}

/// The word of what shares are of.
pub(crate) fn shares_word(of: ShareOf) -> &'static str {
    match of {
        ShareOf::Tokens => "tokens",
        ShareOf::Tasks => "tasks",
    }
}

/// A session that is to begin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// What is to be reached.
    pub goal: String,
    /// The agents, by name.
    pub agents: Vec<String>,
    /// The repository, an absolute path.
    pub target: String,
    /// Whether the other agents review the plan before any work.
    #[serde(default)]
    pub plan_review: bool,
    /// Whether it waits for the person once it has a plan.
    #[serde(default)]
    pub plan_only: bool,
    /// How often the person is asked: `high`, `medium`, `low`; as configured without it.
    #[serde(default)]
    pub involvement: Option<String>,
    /// Nobody is there to be asked.
    #[serde(default)]
    pub headless: bool,
    /// Whether the person's own branch is moved at the end.
    #[serde(default)]
    pub merge: bool,
    /// What all may cost together, in US dollars.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// What is checked on the merged work; the project's own tests without it.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The project that it belongs to.
    #[serde(default)]
    pub project: Option<String>,
}

/// A person's yes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionApproval {
    /// Also when not every point of done holds.
    pub anyway: bool,
}

/// A plan that a person wrote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionPlanRequest {
    /// The plan, as `session plan --json` shows it.
    #[schema(value_type = Object)]
    pub plan: Map<String, Value>,
}
