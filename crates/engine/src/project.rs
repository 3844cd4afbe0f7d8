//! Projects: a name under which sessions are begun, halted and ended together.

use crate::error::Error;
use crate::handle::Handle;
use crate::session::NewSession;
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::project::{Project, ProjectEdit};
use orkestra_core::session::{Session, SessionInput, SessionState, Wishes};
use orkestra_store::{Error as StoreError, ProjectRow, Write};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Projects that are listed, and sessions of one that are looked at.
const MAX: usize = 500;

/// The setting that says which project is meant when none is named.
const CURRENT: &str = "project.current";

fn from_row(row: &ProjectRow) -> Result<Project, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the project {} cannot be read: {error}", row.name),
    })
}

fn put(
    tx: &mut dyn Write,
    project: &Project,
    kind: &str,
    actor: &str,
    body: Value,
) -> Result<(), StoreError> {
    let text =
        serde_json::to_string(project).map_err(|error| StoreError::Invalid(error.to_string()))?;
    tx.put_project(&ProjectRow {
        name: project.name.clone(),
        body: text,
        created_at: project.created_at,
        updated_at: project.updated_at,
    })?;
    tx.append(&[event(kind, &project.name, actor, body)]).map(|_| ())
}

fn event(kind: &str, name: &str, actor: &str, body: Value) -> Draft {
    Draft::new(kind, Topic::Project, name, actor, body).because(Cause::Root)
}

impl Handle {
    /// Makes a project; it is the one that is meant from then on when none is named.
    ///
    /// # Errors
    /// Its name is taken, or it makes no sense.
    pub async fn create_project(&self, project: Project, actor: &str) -> Result<Project, Error> {
        if let Some(problem) = project.problem() {
            return Err(Error::ProjectRefused(problem));
        }
        let actor = actor.to_owned();
        let written = self.store.write(move |tx| {
            if tx.project(&project.name)?.is_some() {
                return Ok(None);
            }
            let body = json!({"description": project.description, "folder": project.folder,
                "agents": project.agents, "involvement": project.involvement});
            put(tx, &project, "project.created", &actor, body)?;
            tx.set_meta(CURRENT, &project.name)?;
            Ok(Some(project.clone()))
        });
        written.await.map_err(Error::Store)?.value.ok_or_else(|| {
            Error::ProjectRefused("there is a project of this name already".to_owned())
        })
    }

    /// The project of this name; without one the one that was made or loaded last.
    ///
    /// # Errors
    /// There is none.
    pub async fn project(&self, name: Option<&str>) -> Result<Project, Error> {
        let name = name.map(str::to_owned);
        let read = self.store.read(move |read| {
            let name = match name {
                Some(name) => Some(name),
                None => read.meta(CURRENT)?,
            };
            let Some(name) = name else { return Ok(Err(String::new())) };
            match read.project(&name)?.as_ref().map(from_row).transpose()? {
                Some(project) => Ok(Ok(project)),
                None => Ok(Err(name)),
            }
        });
        read.await.map_err(Error::Store)?.map_err(Error::UnknownProject)
    }

    /// All projects by name, and the name of the one that is meant when none is named.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn projects(&self) -> Result<(Vec<Project>, Option<String>), Error> {
        let read = self.store.read(|read| {
            let all: Result<Vec<_>, _> = read.projects(MAX)?.iter().map(from_row).collect();
            Ok((all?, read.meta(CURRENT)?))
        });
        read.await.map_err(Error::Store)
    }

    /// From now on this project is meant when none is named.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn load_project(&self, name: &str, actor: &str) -> Result<Project, Error> {
        let project = self.project(Some(name)).await?;
        let (name, actor) = (project.name.clone(), actor.to_owned());
        let written = self.store.write(move |tx| {
            if tx.meta(CURRENT)?.as_ref() == Some(&name) {
                return Ok(());
            }
            tx.set_meta(CURRENT, &name)?;
            tx.append(&[event("project.loaded", &name, &actor, json!({}))]).map(|_| ())
        });
        written.await.map_err(Error::Store)?;
        Ok(project)
    }

    /// Changes a project; sessions that are under way stay as they are.
    ///
    /// # Errors
    /// There is none of this name, or it makes no sense then.
    pub async fn edit_project(
        &self,
        name: Option<&str>,
        edit: ProjectEdit,
        actor: &str,
    ) -> Result<Project, Error> {
        let known = self.project(name).await?;
        let (mut project, changed) = known.edited(edit);
        if changed.is_empty() {
            return Ok(known);
        }
        if let Some(problem) = project.problem() {
            return Err(Error::ProjectRefused(problem));
        }
        project.updated_at = self.now().at;
        let (next, actor) = (project.clone(), actor.to_owned());
        let written = self.store.write(move |tx| {
            let body = json!({"changed": changed, "description": next.description,
                "folder": next.folder, "agents": next.agents, "involvement": next.involvement});
            put(tx, &next, "project.configured", &actor, body)
        });
        written.await.map_err(Error::Store)?;
        Ok(project)
    }

    /// The sessions of a project, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions_of_project(&self, name: &str) -> Result<Vec<Session>, Error> {
        let name = name.to_owned();
        let read = self.store.read(move |read| {
            let rows = read.sessions_of_project(&name, MAX)?;
            rows.iter().map(crate::session::from_row).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// Lets a project's work begin: what was stopped goes on; without that, or with a goal of its own, a
    /// session begins for the goal, or for what the project is for.
    ///
    /// # Errors
    /// No agent is there, or its folder is no repository.
    pub async fn start_project(
        &self,
        name: Option<&str>,
        goal: Option<String>,
        wishes: Wishes,
        actor: &str,
    ) -> Result<Session, Error> {
        let project = self.project(name).await?;
        if goal.is_none() {
            let sessions = self.sessions_of_project(&project.name).await?;
            let mut going = None;
            for session in sessions.iter().filter(|session| !session.state.is_over()) {
                going = Some(if session.state == SessionState::Paused {
                    self.session_input(session.id, SessionInput::Resume, actor).await?
                } else {
                    session.clone()
                });
            }
            if let Some(session) = going {
                return Ok(session);
            }
        }
        let involvement = project.involvement.unwrap_or(wishes.involvement);
        let new = NewSession {
            goal: goal.unwrap_or(project.description),
            agents: project.agents,
            target: PathBuf::from(project.folder),
            wishes: Wishes { involvement, ..wishes },
            project: Some(project.name),
            request_key: None,
        };
        self.create_session(new, actor).await
    }

    /// Halts every session of a project.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn stop_project(&self, name: Option<&str>, actor: &str) -> Result<Project, Error> {
        self.each_session(name, &SessionInput::Pause, actor).await
    }

    /// Ends every session of a project with its tasks; the journal keeps all of it.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn reset_project(&self, name: Option<&str>, actor: &str) -> Result<Project, Error> {
        let project = self.each_session(name, &SessionInput::Stop, actor).await?;
        let (name, actor) = (project.name.clone(), actor.to_owned());
        let written = self.store.write(move |tx| {
            tx.append(&[event("project.reset", &name, &actor, json!({}))]).map(|_| ())
        });
        written.await.map_err(Error::Store)?;
        Ok(project)
    }

    async fn each_session(
        &self,
        name: Option<&str>,
        input: &SessionInput,
        actor: &str,
    ) -> Result<Project, Error> {
        let project = self.project(name).await?;
        for session in self.sessions_of_project(&project.name).await? {
            if !session.state.is_over() {
                self.session_input(session.id, input.clone(), actor).await?;
            }
        }
        Ok(project)
    }
}
