//! Sessions: one goal for several agents (ADR 0031).
//!
//! What people and the reconciler say of a session is decided by the core inside one command of the
//! store, with the row and its events. What is to be done in the world follows from the row: [`step`]
//! looks at it.

pub(crate) mod done;
mod judged;
mod plan;
mod share;
mod step;
mod work;

pub(crate) use step::watch;
pub(crate) use work::{consumer, waits_for_merge};

use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::SessionId;
use orkestra_core::plan::{Named, Roles};
use orkestra_core::session::{
    Ctx, Decision, Involvement, Planning, Session, SessionInput, SessionState, Wishes,
};
use orkestra_store::{Error as StoreError, Read, SessionRow, Write};
use serde_json::json;
use std::path::PathBuf;

/// The longest goal, in bytes.
const GOAL_BYTES_MAX: usize = 256 * 1024;

/// Agents of one session.
const AGENTS_MAX: usize = 20;

/// What the configuration says about sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionsSpec {
    /// How often a planner is asked for one plan.
    pub plan_tries: u32,
    /// How many rounds of review a plan has at most.
    pub plan_rounds: u32,
    /// How often the person is asked when nothing is said.
    pub involvement: Involvement,
}

impl Default for SessionsSpec {
    fn default() -> Self {
        Self { plan_tries: 3, plan_rounds: 2, involvement: Involvement::Low }
    }
}

/// A session as asked for.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// What is to be reached.
    pub goal: String,
    /// The agents, in the person's order.
    pub agents: Vec<String>,
    /// The repository.
    pub target: PathBuf,
    /// What else the person wishes.
    pub wishes: Wishes,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// Asking twice with one key makes one session.
    pub request_key: Option<String>,
}

pub(crate) fn from_row(row: &SessionRow) -> Result<Session, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the session {} cannot be read: {error}", row.id),
    })
}

/// One session, in a command or a question.
pub(crate) fn load(
    read: &(impl Read + ?Sized),
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    read.session(id)?.as_ref().map(from_row).transpose()
}

/// Writes a session and what happened to it; the newest event becomes the cause of what follows.
fn put(tx: &mut dyn Write, mut session: Session, events: &[Draft]) -> Result<Session, StoreError> {
    if let Some(last) = tx.append(events)?.last().copied() {
        session.latest = Some(last);
    }
    let body =
        serde_json::to_string(&session).map_err(|error| StoreError::Invalid(error.to_string()))?;
    tx.put_session(&SessionRow {
        id: session.id,
        state: session.state.word().to_owned(),
        project: session.project.clone(),
        request_key: session.request_key.clone(),
        body,
        created_at: session.created_at,
        updated_at: session.updated_at,
    })?;
    Ok(session)
}

/// What a decision needs beside the session.
#[derive(Clone)]
pub(crate) struct Around {
    pub(crate) now: jiff::Timestamp,
    pub(crate) actor: String,
    pub(crate) spec: SessionsSpec,
    /// For its tasks.
    pub(crate) by: crate::task::By,
}

/// Decides on a session inside a command: the session as it is then, or why not, in words.
pub(crate) fn apply(
    tx: &mut dyn Write,
    id: SessionId,
    input: SessionInput,
    around: &Around,
) -> Result<Result<Session, Error>, StoreError> {
    let Some(session) = load(tx, id)? else {
        return Ok(Err(Error::UnknownSession(id.to_string())));
    };
    let ctx = Ctx {
        now: around.now,
        actor: &around.actor,
        plan_tries: around.spec.plan_tries,
        plan_rounds: around.spec.plan_rounds,
    };
    match session.decide(input, &ctx) {
        Err(refusal) => Ok(Err(Error::SessionRefused(refusal.0))),
        Ok(None) => Ok(Ok(session)),
        Ok(Some(decision)) => carry(tx, decision, around).map(Ok),
    }
}

fn carry(tx: &mut dyn Write, decision: Decision, around: &Around) -> Result<Session, StoreError> {
    let session = put(tx, decision.session, &decision.events)?;
    if decision.cancel_tasks {
        work::cancel(tx, &session, around)?;
    }
    if decision.make_tasks { work::make(tx, &session, around) } else { Ok(session) }
}

impl Handle {
    pub(crate) fn around(&self, actor: &str) -> Around {
        Around {
            now: self.now().at,
            actor: actor.to_owned(),
            spec: self.upkeep().sessions,
            by: self.by(actor),
        }
    }

    /// Which of these agents are there, and who does what. An agent is there when its program is, it
    /// has its login if it needs one, and nothing holds it back.
    ///
    /// # Errors
    /// A name that nothing here has, or nobody is there.
    pub fn roles(&self, agents: &[String]) -> Result<Roles, Error> {
        let discovery = self.agents();
        let mut named: Vec<Named<'_>> = Vec::new();
        for name in agents {
            let by_path = self.agent_by_path(name).transpose()?;
            let found = by_path
                .as_ref()
                .or_else(|| discovery.found.iter().find(|found| found.name == *name));
            let Some(found) = found else {
                let configured = discovery.missing.iter().any(|missing| missing.name == *name);
                let installable =
                    orkestra_agents::discover::INSTALLED.iter().find(|kind| kind.as_str() == name);
                if !configured && installable.is_none() {
                    return Err(Error::NoAgent(
                        discovery.choose(Some(name)).err().unwrap_or_default(),
                    ));
                }
                let kind = installable.map_or("script", |kind| kind.as_str());
                named.push((name, kind, Some("its program is not here".to_owned())));
                continue;
            };
            let kind = found.spec.kind.as_str();
            named.push((name, kind, self.absence(found)));
        }
        Roles::of(&named).ok_or_else(|| {
            let whys: Vec<String> = named
                .iter()
                .map(|(name, _, why)| format!("{name}: {}", why.as_deref().unwrap_or_default()))
                .collect();
            Error::NoAgent(format!("none of the agents can work now. {}", whys.join("; ")))
        })
    }

    /// Why an agent that was found cannot work now.
    fn absence(&self, found: &orkestra_agents::discover::Found) -> Option<String> {
        // Whoever gives it arguments or variables of its own may let it in in another way.
        let by_itself = found.spec.args.is_empty() && found.spec.env.is_empty();
        let login = self.login_of(&found.spec).filter(|login| by_itself && !login.found);
        if let Some(login) = login {
            return Some(format!("it is not logged in: {}", login.what));
        }
        if let Some(pause) = self.agent_hold(&found.name) {
            return Some(format!("it is held back {}: {}", pause.until_in_words(), pause.why));
        }
        self.budget_hold(&found.name, found.spec.model.as_deref(), None).map(|state| state.why())
    }

    /// Begins a session. Asking again with the same key gives the session that was begun.
    ///
    /// # Errors
    /// No agent is there, or the target is no git repository with a commit.
    pub async fn create_session(&self, new: NewSession, actor: &str) -> Result<Session, Error> {
        let refuse = |why: &str| Err(Error::SessionRefused(why.to_owned()));
        if new.goal.trim().is_empty() {
            return refuse("the goal is empty");
        }
        if new.goal.len() > GOAL_BYTES_MAX {
            return refuse("the goal is too long");
        }
        let mut agents: Vec<String> = Vec::new();
        for name in new.agents {
            if !agents.contains(&name) {
                agents.push(name);
            }
        }
        if agents.is_empty() || agents.len() > AGENTS_MAX {
            return refuse("a session needs 1 to 20 agents");
        }
        let roles = self.roles(&agents)?;
        let place = crate::evidence::place::preflight(&self.home, &new.target).await;
        let place = place.map_err(Error::Target)?;
        if !place.has_git {
            return Err(Error::Target(format!(
                "{} is no git repository; several agents need one, so that each has a worktree of its \
                 own: git init there, and commit once",
                place.folder.display()
            )));
        }
        let base = orkestra_host::git::head(&place.folder)
            .await
            .map_err(|error| Error::Target(error.to_string()))?;
        let id = SessionId::new(self.world.uuid());
        let now = self.now().at;
        let session = Session {
            id,
            project: new.project,
            goal: new.goal,
            agents,
            target: place.folder.to_string_lossy().into_owned(),
            wishes: new.wishes,
            request_key: new.request_key,
            state: SessionState::Planning,
            paused_from: None,
            halted: Vec::new(),
            over_budget: false,
            why: None,
            question: None,
            roles,
            planning: Planning { asked: 1, tries: 1, ..Planning::default() },
            plan: None,
            planned_by: None,
            comments: Vec::new(),
            tasks: Vec::new(),
            branch: Session::branch_of(id),
            base,
            criteria: Vec::new(),
            checks: 0,
            waived_by: None,
            delivered: None,
            created_by: actor.to_owned(),
            created_at: now,
            updated_at: now,
            began_at: None,
            ended_at: None,
            latest: None,
        };
        let actor = actor.to_owned();
        let written = self.store.write(move |tx| create(tx, session.clone(), &actor)).await;
        Ok(written.map_err(Error::Store)?.value)
    }

    /// What is said to a session; as it is then.
    ///
    /// # Errors
    /// Unknown session, or it makes no sense now.
    pub async fn session_input(
        &self,
        id: SessionId,
        input: SessionInput,
        actor: &str,
    ) -> Result<Session, Error> {
        let around = self.around(actor);
        let written = self.store.write(move |tx| apply(tx, id, input.clone(), &around)).await;
        written.map_err(crate::task::refused)?.value
    }

    /// One session.
    ///
    /// # Errors
    /// Unknown, or the store cannot be read.
    pub async fn session(&self, id: SessionId) -> Result<Session, Error> {
        let found = self.store.read(move |read| load(read, id)).await.map_err(Error::Store)?;
        found.ok_or_else(|| Error::UnknownSession(id.to_string()))
    }

    /// The session whose id is this or ends like this.
    ///
    /// # Errors
    /// None or several have such an id.
    pub async fn session_named(&self, text: &str) -> Result<Session, Error> {
        let wanted = text.to_owned();
        let rows = self.store.read(move |read| read.session_by_suffix(&wanted)).await;
        match rows.map_err(Error::Store)?.as_slice() {
            [row] => from_row(row).map_err(Error::Store),
            [] => Err(Error::UnknownSession(text.to_owned())),
            several => Err(Error::SessionRefused(format!(
                "{} sessions have an id that ends in {text}; give more of it",
                several.len()
            ))),
        }
    }

    /// Sessions, the newest first, on from the one before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions(
        &self,
        limit: usize,
        before: Option<SessionId>,
    ) -> Result<Vec<Session>, Error> {
        let read = self.store.read(move |read| {
            read.sessions(limit, before)?.iter().map(from_row).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// Sessions that are not over, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions_active(&self, limit: usize) -> Result<Vec<Session>, Error> {
        let read = self.store.read(move |read| {
            let rows = read.sessions_in(&SessionState::ACTIVE, limit)?;
            rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }
}

/// Writes a new session, unless its key has one.
fn create(tx: &mut dyn Write, session: Session, actor: &str) -> Result<Session, StoreError> {
    if let Some(key) = &session.request_key
        && let Some(known) = tx.session_by_key(key)?
    {
        return from_row(&known);
    }
    let body = json!({"goal": session.goal, "agents": session.agents, "target": session.target,
        "project": session.project, "tier": session.roles.tier, "roles": session.roles,
        "wishes": session.wishes, "branch": session.branch, "base": session.base});
    let draft = Draft::new("session.created", Topic::Session, &session.id.to_string(), actor, body);
    put(tx, session, &[draft.because(Cause::Root)])
}
