//! `orkestra session …`, and `orkestra run` with several agents.

mod follow;
mod show;

use super::{Context, Outcome, encode};
use crate::cli::{NewRun, OneSession, Session};
use crate::exit::{Code, Failure};
use crate::terminal::{self, shorten, state, table};
use follow::Show;
use orkestra_server::client::Client;
use orkestra_server::wire::{
    SessionApproval, SessionDetail, SessionList, SessionPlanRequest, SessionRequest, SessionView,
};
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// The longest plan that is read.
const PLAN_BYTES_MAX: u64 = 1024 * 1024;

pub(super) async fn run(context: Context, args: Session) -> Outcome {
    let client = context.client()?;
    match args {
        Session::List { limit, json } => {
            let path = format!("/api/v1/sessions?limit={}", limit.clamp(1, 200));
            let list: SessionList = client.get(&path).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.sessions.is_empty() {
                terminal::complain(
                    "No sessions yet. Begin one: orkestra run \"the goal\" --agents claude,codex,gemini",
                );
            } else {
                terminal::print(&sessions(&list.sessions));
            }
            Ok(Code::Success)
        }
        Session::Show(OneSession { id, json }) => {
            let detail = detail(&client, &id).await?;
            if json.json {
                terminal::print_json(&detail);
            } else {
                terminal::print(&show::detail(&detail));
            }
            Ok(Code::Success)
        }
        Session::Summary(OneSession { id, json }) => {
            let detail = detail(&client, &id).await?;
            if json.json {
                terminal::print_json(&detail);
            } else {
                terminal::print(&show::summary(&detail));
            }
            Ok(Code::Success)
        }
        Session::Plan { id, edit: None, json } => {
            let detail = detail(&client, &id).await?;
            match (&detail.plan, json.json) {
                (Some(plan), true) => terminal::print_json(plan),
                (Some(plan), false) => terminal::print(&show::plan(plan)),
                (None, _) => {
                    return Err(Failure::new(Code::Refused, "the session has no plan yet")
                        .hint(format!("orkestra session show {id} says where it is")));
                }
            };
            Ok(Code::Success)
        }
        Session::Plan { id, edit: Some(file), json } => {
            let plan = read_plan(&context, &file)?;
            let request = SessionPlanRequest { plan };
            say(&client, &id, "plan", &request, json.json).await
        }
        Session::Approve { id, anyway, json } => {
            say(&client, &id, "approve", &SessionApproval { anyway }, json.json).await
        }
        Session::Pause(one) => say(&client, &one.id, "pause", &(), one.json.json).await,
        Session::Resume(one) => say(&client, &one.id, "resume", &(), one.json.json).await,
        Session::Stop(one) => say(&client, &one.id, "stop", &(), one.json.json).await,
        Session::Log { id, follow, json } => {
            let detail = detail(&client, &id).await?;
            let show = if json { Show::Json } else { Show::Words };
            follow::log(&client, &detail.session, show, follow).await
        }
    }
}

async fn detail(client: &Client, id: &str) -> Result<SessionDetail, Failure> {
    Ok(client.get(&format!("/api/v1/sessions/{}", encode(id))).await?)
}

async fn say(
    client: &Client,
    id: &str,
    verb: &str,
    body: &impl serde::Serialize,
    json: bool,
) -> Outcome {
    let path = format!("/api/v1/sessions/{}/{verb}", encode(id));
    let session: SessionView = client.post(&path, body).await?;
    if json {
        terminal::print_json(&session);
    } else {
        terminal::complain(&format!(
            "{}  {}  {}",
            session.short,
            state(&session.state),
            terminal::harmless(&session.why)
        ));
    }
    Ok(Code::Success)
}

fn read_plan(context: &Context, file: &Path) -> Result<Map<String, Value>, Failure> {
    let failed = |why: String| Failure::new(Code::Usage, why);
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin()
            .take(PLAN_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| failed(format!("standard input cannot be read: {error}")))?;
    } else {
        let path = context.surroundings.cwd.join(file);
        text = std::fs::read_to_string(&path)
            .map_err(|error| failed(format!("{} cannot be read: {error}", path.display())))?;
    }
    serde_json::from_str(&text).map_err(|error| {
        failed(format!("the plan is no JSON object: {error}"))
            .hint("orkestra session plan ID --json prints one to begin with")
    })
}

/// A table of sessions.
pub(super) fn sessions(sessions: &[SessionView]) -> String {
    let rows: Vec<Vec<String>> = sessions
        .iter()
        .map(|session| {
            vec![
                session.short.clone(),
                state(&session.state),
                session.agents.join(","),
                session.tasks_count.to_string(),
                shorten(&session.goal, 50),
                shorten(&session.why, 60),
            ]
        })
        .collect();
    table(&["SESSION", "STATE", "AGENTS", "TASKS", "GOAL", "WHY"], &rows)
}

/// `orkestra run GOAL --agents …`: begins a session and follows it.
pub(super) async fn begin(context: &Context, goal: String, args: &NewRun) -> Outcome {
    let target = args.target.as_ref().map_or_else(
        || context.surroundings.cwd.clone(),
        |target| context.surroundings.cwd.join(target),
    );
    let names = args.together.agents.iter().map(|name| name.trim());
    let names = names.filter(|name| !name.is_empty());
    let request = SessionRequest {
        goal,
        agents: names.map(|name| super::agent::by_path(context, name)).collect(),
        target: target.to_string_lossy().into_owned(),
        plan_review: args.together.plan_review,
        plan_only: args.together.plan_only,
        involvement: args.together.involvement.map(|word| word.word().to_owned()),
        headless: args.headless,
        merge: args.together.merge,
        budget_usd: args.budget,
        evidence: args.evidence.clone(),
        project: None,
    };
    let client = context.client()?;
    // The key makes one session of a request that is sent twice because its answer was lost.
    let key = uuid::Uuid::now_v7().to_string();
    let session: SessionView = client.post_once("/api/v1/sessions", &request, Some(&key)).await?;
    if args.detach {
        if args.json {
            terminal::print_json(&session);
        } else {
            terminal::print(&session.short);
        }
        return Ok(Code::Success);
    }
    let show = if args.json { Show::Json } else { Show::Words };
    follow(&client, &session, show, args.headless).await
}

/// Follows a session to its end, or to where it needs a person, and says what came of it.
pub(super) async fn follow(
    client: &Client,
    session: &SessionView,
    show: Show,
    headless: bool,
) -> Outcome {
    if show == Show::Words {
        terminal::complain(&format!(
            "Session {} of {}. Ctrl-C leaves it running; orkestra session stop {} ends it.",
            session.short,
            session.agents.join(", "),
            session.short
        ));
        if session.roles.tier > 1 {
            terminal::complain(&show::tier(&session.roles));
        }
    }
    follow::watch(client, session, show, headless).await?;
    let detail = detail(client, &session.id).await?;
    if show == Show::Words {
        terminal::print(&format!("\n{}", show::summary(&detail)));
    } else if headless {
        terminal::print_json(&detail);
    }
    Ok(code_of(&detail))
}

/// How the end of a session is told to scripts.
fn code_of(detail: &SessionDetail) -> Code {
    match detail.session.state.as_str() {
        "verified" => Code::Success,
        "failed" => Code::Refuted,
        "cancelled" => Code::RunFailed,
        // Only the plan was wanted, and it is there.
        "awaiting_person"
            if detail.session.plan_only
                && detail.session.began_at.is_none()
                && detail.plan.is_some() =>
        {
            Code::Success
        }
        _ => Code::NeedsPerson,
    }
}
