//! Projects on the wire.

use super::SessionView;
use orkestra_core::project::Project;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A name for a folder, who works there, and how.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its repository.
    pub folder: String,
    /// Who works on it.
    pub agents: Vec<String>,
    /// How often the person is asked; as configured without it.
    pub involvement: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

impl From<&Project> for ProjectView {
    fn from(project: &Project) -> Self {
        Self {
            name: project.name.clone(),
            description: project.description.clone(),
            folder: project.folder.clone(),
            agents: project.agents.clone(),
            involvement: project.involvement.map(|word| word.word().to_owned()),
            created_by: project.created_by.clone(),
            created_at: project.created_at.to_string(),
            updated_at: project.updated_at.to_string(),
        }
    }
}

/// All projects.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProjectList {
    /// They, by name.
    pub projects: Vec<ProjectView>,
    /// The one that is meant when none is named.
    pub current: Option<String>,
}

/// A project with what is done in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProjectDetail {
    /// The project.
    #[serde(flatten)]
    pub project: ProjectView,
    /// Its sessions, the newest first.
    pub sessions: Vec<SessionView>,
}

/// A project that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectRequest {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its repository, an absolute path.
    pub folder: String,
    /// Who works on it.
    pub agents: Vec<String>,
    /// How often the person is asked: `high`, `medium`, `low`.
    #[serde(default)]
    pub involvement: Option<String>,
}

/// What of a project is set anew; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectChange {
    /// What it is for.
    pub description: Option<String>,
    /// Its repository, an absolute path.
    pub folder: Option<String>,
    /// Who works on it.
    pub agents: Option<Vec<String>>,
    /// How often the person is asked: `high`, `medium`, `low`.
    pub involvement: Option<String>,
}

/// How a project's work is to begin.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectStart {
    /// A goal of its own; without it what was stopped goes on, or what the project is for is the goal.
    pub goal: Option<String>,
    /// Whether the other agents review the plan before any work.
    pub plan_review: bool,
    /// Whether it waits for the person once it has a plan.
    pub plan_only: bool,
}
