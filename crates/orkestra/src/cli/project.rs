//! The words of `orkestra project`.

use super::{Involvement, Json};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Make a project: a name for a repository, who works there, and how
    New {
        /// Its name
        name: String,
        #[command(flatten)]
        facts: ProjectFacts,
        #[command(flatten)]
        json: Json,
    },
    /// Let its work go on, or begin a session for a goal
    Start {
        /// Which one [default: the one that was made or loaded last]
        #[arg(long, short, value_name = "NAME")]
        project: Option<String>,
        /// A goal of its own [default: what was stopped goes on, else what the project is for]
        goal: Option<String>,
        /// The other agents review the plan before any work
        #[arg(long)]
        plan_review: bool,
        /// Only make the plan; `session approve` begins the work
        #[arg(long)]
        plan_only: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Mean this project from now on when none is named
    Load {
        /// Its name
        name: String,
        #[command(flatten)]
        json: Json,
    },
    /// Show all projects
    List(Json),
    /// Show a project and its sessions
    Status(OneProject),
    /// Halt every session of a project
    Stop(OneProject),
    /// End every session of a project with its tasks; the journal keeps all of it
    Reset {
        /// Which one [default: the one that was made or loaded last]
        name: Option<String>,
        /// Yes, end them
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Show how a project is set, or change it
    Config {
        /// Which one [default: the one that was made or loaded last]
        name: Option<String>,
        #[command(flatten)]
        facts: ProjectFacts,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OneProject {
    /// Which one [default: the one that was made or loaded last]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectFacts {
    /// What it is for; the goal of a session that names none
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Its repository [default: here]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Who works on it, with commas [default: all agents that can be started]
    #[arg(long, value_delimiter = ',', value_name = "AGENTS")]
    pub(crate) agents: Vec<String>,
    /// How often you are asked
    #[arg(long, value_enum)]
    pub(crate) involvement: Option<Involvement>,
}
