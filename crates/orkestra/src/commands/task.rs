//! `orkestra task …`: the queue of work.

mod show;
mod why;

use super::{Context, Outcome, encode};
use crate::cli::{ClaimTask, CreateTask, EditTask, ListTasks, ReportTask, Task};
use crate::exit::{Code, Failure};
use crate::terminal::{self, harmless};
use orkestra_server::client::Client;
use orkestra_server::wire::{
    AssignRequest, CancelRequest, ClaimAnswer, ClaimRequest, DependRequest, HandoverRequest,
    HeartbeatRequest, ReportRequest, TaskDetail, TaskEdit, TaskGraph, TaskList, TaskRequest,
    TaskView, TasksRequest, WhyView,
};
use serde::Serialize;
use std::io::Read;
use std::path::Path;

/// The longest text read from standard input or a file.
const TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;

const API: &str = "/api/v1/tasks";

pub(super) async fn run(context: Context, args: Task) -> Outcome {
    match args {
        Task::Create(args) => create(&context, *args, None).await,
        Task::Delegate { id, new } => create(&context, *new, Some(id)).await,
        Task::List(args) => list(&context, args).await,
        Task::Show(args) => {
            let path = format!("{API}/{}", encode(&args.id));
            let detail: TaskDetail = context.client()?.get(&path).await?;
            if args.json.json {
                terminal::print_json(&detail);
            } else {
                terminal::print(&show::detail(&detail));
            }
            Ok(Code::Success)
        }
        Task::Why(args) => {
            let path = format!("{API}/{}/why", encode(&args.id));
            let found: WhyView = context.client()?.get(&path).await?;
            if args.json.json {
                terminal::print_json(&found);
            } else {
                terminal::print(&why::text(&found));
            }
            Ok(Code::Success)
        }
        Task::Edit(args) => {
            let json = args.json.json;
            let (id, edit) = edit(*args);
            say(&context, &id, "edit", &edit, json).await
        }
        Task::Assign { id, to, json } => {
            say(&context, &id, "assign", &AssignRequest { agent: to }, json.json).await
        }
        Task::Ready(args) => say(&context, &args.id, "unshelve", &(), args.json.json).await,
        Task::Shelve(args) => say(&context, &args.id, "shelve", &(), args.json.json).await,
        Task::Claim(args) => claim(&context, args).await,
        Task::Heartbeat { id, fence, note, json } => {
            let request = HeartbeatRequest { fence, note };
            say(&context, &id, "heartbeat", &request, json.json).await
        }
        Task::Checks(args) => super::check::checks(context, args).await,
        Task::Verify(args) => super::check::verify(context, args).await,
        Task::Log(args) => super::check::log(context, args).await,
        Task::Doctor(args) => super::check::doctor(context, args).await,
        Task::Report(args) => report(&context, args).await,
        Task::Retry(args) => say(&context, &args.id, "retry", &(), args.json.json).await,
        Task::Cancel { id, why, json } => {
            say(&context, &id, "cancel", &CancelRequest { why }, json.json).await
        }
        Task::Graph { id, format, session, json } => {
            let query = match (id, session) {
                (Some(id), _) => format!("?task={}", encode(&id)),
                (None, Some(session)) => format!("?session={}", encode(&session)),
                (None, None) => String::new(),
            };
            let graph: TaskGraph = context.client()?.get(&format!("{API}/graph{query}")).await?;
            if json.json {
                terminal::print_json(&graph);
            } else if graph.tasks.is_empty() {
                terminal::complain("There is no such task.");
            } else {
                terminal::print(&show::graph(&graph, format));
            }
            Ok(Code::Success)
        }
        Task::Handover { id, to, note, json } => {
            say(&context, &id, "handover", &HandoverRequest { to, note }, json.json).await
        }
    }
}

/// A verb about one task, and how the task is then.
async fn say(
    context: &Context,
    id: &str,
    verb: &str,
    body: &impl Serialize,
    json: bool,
) -> Outcome {
    let path = format!("{API}/{}/{verb}", encode(id));
    let task: TaskView = context.client()?.post(&path, body).await?;
    tell(&task, json);
    Ok(Code::Success)
}

fn tell(task: &TaskView, json: bool) {
    if json {
        terminal::print_json(task);
    } else {
        terminal::print(&show::line(task));
    }
}

fn depends(hard: Vec<String>, soft: Vec<String>, over: Vec<String>) -> Vec<DependRequest> {
    let of = |tasks: Vec<String>, kind: &'static str| {
        tasks.into_iter().map(move |task| DependRequest { task, kind: Some(kind.to_owned()) })
    };
    of(hard, "hard").chain(of(soft, "soft")).chain(of(over, "over")).collect()
}

/// A text from standard input or a file.
fn text_of(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(TEXT_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(TEXT_BYTES_MAX).read_to_string(&mut text))
    };
    let wrong =
        |error| Failure::new(Code::Failure, format!("cannot read {}: {error}", path.display()));
    read.map_err(wrong)?;
    Ok(text)
}

async fn create(context: &Context, args: CreateTask, parent: Option<String>) -> Outcome {
    let json = args.json.json;
    let key = args.key.clone();
    if let Some(from) = &args.from {
        if parent.is_some() {
            return Err(Failure::new(
                Code::Usage,
                "one task is delegated at a time: leave out --from",
            ));
        }
        return create_many(context, from, key.as_deref(), json).await;
    }
    let prompt = match args.prompt.as_deref() {
        Some("-") => text_of(Path::new("-"))?,
        prompt => prompt.unwrap_or_default().to_owned(),
    };
    let cwd = &context.surroundings.cwd;
    let target = args.target.map_or_else(|| cwd.clone(), |target| cwd.join(target));
    // A part of a task works where the whole does, unless it is said.
    let target =
        (parent.is_none() || target != *cwd).then(|| target.to_string_lossy().into_owned());
    let request = TaskRequest {
        title: args.title,
        prompt,
        kind: args.kind,
        priority: args.priority,
        depends: depends(args.after, args.after_soft, args.when_over),
        agent: args.agent,
        needs: args.needs,
        tags: args.tag,
        evidence: args.evidence,
        inputs: args.inputs,
        target,
        base: args.base,
        review: args.review,
        tries_max: args.tries,
        parent: args.parent,
        milestone: args.milestone,
        budget_usd: args.budget,
        not_before: args.not_before,
        every: args.every,
        cron: args.cron,
        zone: args.zone,
        backlog: args.backlog,
        ..TaskRequest::default()
    };
    let path = match &parent {
        Some(parent) => format!("{API}/{}/delegate", encode(parent)),
        None => API.to_owned(),
    };
    let task: TaskView = context.client()?.post_once(&path, &request, key.as_deref()).await?;
    tell(&task, json);
    Ok(Code::Success)
}

async fn create_many(context: &Context, from: &Path, key: Option<&str>, json: bool) -> Outcome {
    let wrong = |error: serde_json::Error| {
        Failure::new(Code::Usage, format!("{} is no list of tasks: {error}", from.display()))
            .hint("For example: [{\"key\": \"a\", \"prompt\": \"…\"}, {\"prompt\": \"…\", \"depends\": [{\"task\": \"a\"}]}]")
    };
    let mut tasks: Vec<TaskRequest> = serde_json::from_str(&text_of(from)?).map_err(wrong)?;
    let cwd = &context.surroundings.cwd;
    for task in &mut tasks {
        let target = task.target.as_deref().map_or_else(|| cwd.clone(), |target| cwd.join(target));
        task.target = Some(target.to_string_lossy().into_owned());
    }
    let path = format!("{API}/batch");
    let request = TasksRequest { tasks };
    let made: TaskGraph = context.client()?.post_once(&path, &request, key).await?;
    if json {
        terminal::print_json(&made);
    } else {
        for task in &made.tasks {
            terminal::print(&show::line(task));
        }
    }
    Ok(Code::Success)
}

fn edit(args: EditTask) -> (String, TaskEdit) {
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let depends = depends(args.after, args.after_soft, args.when_over);
    let depends = (args.no_dependencies || !depends.is_empty()).then_some(depends);
    let edit = TaskEdit {
        title: args.title,
        prompt: args.prompt,
        kind: args.kind,
        priority: args.priority,
        depends,
        needs: some(args.needs),
        tags: some(args.tag),
        evidence: some(args.evidence),
        review: args.review,
        tries_max: args.tries,
        milestone: args.milestone,
        budget_usd: args.budget,
        ..TaskEdit::default()
    };
    (args.id, edit)
}

async fn list(context: &Context, args: ListTasks) -> Outcome {
    let mut query = format!("?limit={}", args.limit.clamp(1, 1_000));
    let open = "backlog,waiting,blocked,ready,claimed,running,reported,in_review,refuted,failed";
    match (&args.state, args.all) {
        (Some(states), _) => query += &format!("&state={}", encode(states)),
        (None, false) => query += &format!("&state={open}"),
        (None, true) => {}
    }
    if let Some(session) = &args.session {
        query += &format!("&session={}", encode(session));
    }
    if let Some(agent) = &args.agent {
        query += &format!("&agent={}", encode(agent));
    }
    let list: TaskList = context.client()?.get(&format!("{API}{query}")).await?;
    if args.json.json {
        terminal::print_json(&list);
    } else if list.tasks.is_empty() {
        terminal::complain("No such tasks. Make one: orkestra task create \"what to do\"");
    } else {
        terminal::print(&show::board(&list));
    }
    Ok(Code::Success)
}

async fn claim(context: &Context, args: ClaimTask) -> Outcome {
    let request = ClaimRequest {
        worker: args.worker.clone(),
        lease: args.lease,
        can: args.can,
        pid: args.pid,
        session: args.session,
    };
    let path = match &args.id {
        Some(id) => format!("{API}/{}/claim", encode(id)),
        None => format!("{API}/claim"),
    };
    let client: Client = context.client()?;
    let answer: ClaimAnswer = client.post(&path, &request).await?;
    if args.json.json {
        terminal::print_json(&answer);
    }
    let Some(task) = &answer.task else {
        return Err(Failure::new(Code::NotFound, format!("no task is ready for {}", args.worker))
            .hint("orkestra task list shows what waits, and for what."));
    };
    if !args.json.json {
        let fence = task.claim.as_ref().map_or(task.fence, |claim| claim.fence);
        terminal::print(&show::line(task));
        terminal::complain(&format!(
            "Say that it is done: orkestra task report {} --fence {fence} --result \"what was done\"",
            task.short
        ));
        if let Some(context) = &answer.context {
            terminal::complain(&harmless(context));
        }
    }
    Ok(Code::Success)
}

async fn report(context: &Context, args: ReportTask) -> Outcome {
    let request = ReportRequest {
        fence: args.fence,
        result: args.result,
        failed: args.failed,
        release: args.release,
        no_retry: args.no_retry,
    };
    say(context, &args.id, "report", &request, args.json.json).await
}
