//! `orkestra project …`.

use super::{Context, Outcome, encode, session};
use crate::cli::{OneProject, Project, ProjectFacts};
use crate::exit::{Code, Failure};
use crate::terminal::{self, harmless, shorten, state, table};
use orkestra_server::client::Client;
use orkestra_server::wire::{
    AgentList, ProjectChange, ProjectDetail, ProjectList, ProjectRequest, ProjectStart,
    ProjectView, SessionView,
};
use std::path::Path;

fn path(name: Option<&str>, verb: &str) -> String {
    // A hyphen means the one that was made or loaded last.
    format!("/api/v1/projects/{}{verb}", encode(name.unwrap_or("-")))
}

pub(super) async fn run(context: Context, args: Project) -> Outcome {
    let client = context.client()?;
    match args {
        Project::New { name, facts, json } => {
            let project = new(&context, &client, name, facts).await?;
            shown(&project, json.json);
        }
        Project::List(json) => {
            let list: ProjectList = client.get("/api/v1/projects").await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.projects.is_empty() {
                terminal::complain(
                    "No projects yet. Make one: orkestra project new NAME --description \"what it is for\"",
                );
            } else {
                terminal::print(&projects(&list));
            }
        }
        Project::Load { name, json } => {
            let detail: ProjectDetail = client.post(&path(Some(&name), "/load"), &()).await?;
            status(&detail, json.json);
        }
        Project::Status(OneProject { name, json }) => {
            let detail: ProjectDetail = client.get(&path(name.as_deref(), "")).await?;
            status(&detail, json.json);
        }
        Project::Stop(OneProject { name, json }) => {
            let detail: ProjectDetail = client.post(&path(name.as_deref(), "/stop"), &()).await?;
            status(&detail, json.json);
        }
        Project::Reset { name, force, json } => {
            if !force {
                return Err(Failure::new(
                    Code::Usage,
                    "this ends every session of the project and cancels its tasks",
                )
                .hint("Say it again with --force; the journal keeps all of it."));
            }
            let detail: ProjectDetail = client.post(&path(name.as_deref(), "/reset"), &()).await?;
            status(&detail, json.json);
        }
        Project::Start { project, goal, plan_review, plan_only, json } => {
            let request = ProjectStart { goal, plan_review, plan_only };
            let begun: SessionView =
                client.post(&path(project.as_deref(), "/start"), &request).await?;
            if json.json {
                terminal::print_json(&begun);
            } else {
                terminal::print(&begun.short);
                terminal::complain(&format!(
                    "Session {} is {}. orkestra session log {} --follow shows what happens.",
                    begun.short,
                    state(&begun.state),
                    begun.short
                ));
            }
        }
        Project::Config { name, facts, json } => {
            let project = config(&context, &client, name.as_deref(), facts).await?;
            shown(&project, json.json);
        }
    }
    Ok(Code::Success)
}

fn absolute(context: &Context, folder: &Path) -> String {
    context.surroundings.cwd.join(folder).to_string_lossy().into_owned()
}

async fn new(
    context: &Context,
    client: &Client,
    name: String,
    facts: ProjectFacts,
) -> Result<ProjectView, Failure> {
    let description = facts.description.ok_or_else(|| {
        Failure::new(Code::Usage, "a project needs a description")
            .hint("Say what it is for: --description \"…\"")
    })?;
    let agents = if facts.agents.is_empty() {
        let there: AgentList = client.get("/api/v1/agents").await?;
        there.agents.into_iter().filter(|agent| agent.found).map(|agent| agent.name).collect()
    } else {
        facts.agents.iter().map(|name| super::agent::by_path(context, name)).collect()
    };
    let request = ProjectRequest {
        name,
        description,
        folder: absolute(context, &facts.folder.unwrap_or_default()),
        agents,
        involvement: facts.involvement.map(|word| word.word().to_owned()),
    };
    Ok(client.post("/api/v1/projects", &request).await?)
}

async fn config(
    context: &Context,
    client: &Client,
    name: Option<&str>,
    facts: ProjectFacts,
) -> Result<ProjectView, Failure> {
    let change = ProjectChange {
        description: facts.description,
        folder: facts.folder.map(|folder| absolute(context, &folder)),
        agents: (!facts.agents.is_empty()).then(|| {
            facts.agents.iter().map(|name| super::agent::by_path(context, name)).collect()
        }),
        involvement: facts.involvement.map(|word| word.word().to_owned()),
    };
    Ok(client.post(&path(name, "/config"), &change).await?)
}

fn shown(project: &ProjectView, json: bool) {
    if json {
        terminal::print_json(project);
    } else {
        terminal::print(&words(project));
    }
}

fn words(project: &ProjectView) -> String {
    format!(
        "{}\n> {}\nfolder       {}\nagents       {}\ninvolvement  {}",
        harmless(&project.name),
        harmless(&project.description),
        harmless(&project.folder),
        harmless(&project.agents.join(", ")),
        project.involvement.as_deref().unwrap_or("as configured"),
    )
}

fn status(detail: &ProjectDetail, json: bool) {
    if json {
        terminal::print_json(detail);
        return;
    }
    let mut parts = vec![words(&detail.project)];
    if detail.sessions.is_empty() {
        parts.push("No session yet: orkestra project start".to_owned());
    } else {
        parts.push(session::sessions(&detail.sessions));
    }
    terminal::print(&parts.join("\n\n"));
}

fn projects(list: &ProjectList) -> String {
    let rows: Vec<Vec<String>> = list
        .projects
        .iter()
        .map(|project| {
            let here = list.current.as_ref() == Some(&project.name);
            vec![
                if here { "*".to_owned() } else { String::new() },
                project.name.clone(),
                shorten(&project.description, 50),
                project.agents.join(","),
                shorten(&project.folder, 60),
            ]
        })
        .collect();
    table(&["", "PROJECT", "WHAT FOR", "AGENTS", "FOLDER"], &rows)
}
