//! Whether a session is done: the six points are looked at, each with what was found.

use super::step::{DAEMON, say};
use super::work;
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use orkestra_core::approval;
use orkestra_core::plan::Plan;
use orkestra_core::run::{Belongs, LimitsSpec, Purpose, Run, RunState, Wait};
use orkestra_core::session::{DoneFacts, FileThere, Seen, Session, SessionInput, criteria};
use orkestra_core::task::{Task, TaskState};
use orkestra_host::git;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A program that does nothing: only the checks are wanted.
const NOBODY: &str = "true";

/// Looks whether a session is done; the checks of its merged work come first.
pub(super) async fn look(handle: &Handle, session: &Session) -> Result<(), Error> {
    let target = PathBuf::from(&session.target);
    let tip = git::tip_of(&target, &session.branch).await;
    let tip = tip.map_err(|error| Error::Target(error.to_string()))?;
    let integration = match &tip {
        None => Some(Err(format!("The branch {} is gone.", session.branch))),
        Some(tip) => {
            let key = format!("session:{}:check:{}", session.id, session.checks);
            integration(handle, session, tip, key).await?
        }
    };
    let Some(integration) = integration else { return Ok(()) };
    let facts = facts(handle, session, tip.as_deref(), integration).await?;
    say(handle, session.id, SessionInput::Checked(criteria(&facts))).await.map(|_| ())
}

/// What the merged work must pass: what the person named, else every command and file of the plan; the
/// project's own tests come to it when the checks are fixed.
fn evidence(session: &Session) -> Vec<String> {
    if !session.wishes.evidence.is_empty() {
        return session.wishes.evidence.clone();
    }
    let mut all = vec!["clean".to_owned()];
    for item in
        session.plan.iter().flat_map(|plan: &Plan| &plan.tasks).flat_map(|task| &task.evidence)
    {
        let whole = item.starts_with("command") || item.starts_with("file:");
        if whole && !all.contains(item) && all.len() < orkestra_core::evidence::CHECKS_MAX - 1 {
            all.push(item.clone());
        }
    }
    all
}

/// What the checks of the merged work say at this commit; nothing while they are made. The same key is
/// the same round. They are made in a worktree of
/// their own, as those of any run are.
pub(crate) async fn integration(
    handle: &Handle,
    session: &Session,
    tip: &str,
    key: String,
) -> Result<Option<Seen>, Error> {
    let known = key.clone();
    let row = handle.store.read(move |read| read.run_by_key(&known)).await.map_err(Error::Store)?;
    let Some(run) = row.as_ref().map(crate::run::from_row).transpose()? else {
        let Some(program) = orkestra_host::program::find_program(NOBODY, &handle.path) else {
            return Ok(Some(Err(
                "The program true is not here, and the checks need it.".to_owned()
            )));
        };
        let new = NewRun {
            prompt: "Nothing is to be done: only the checks are made.".to_owned(),
            agent: Some(format!("script:{}", program.display())),
            target: PathBuf::from(&session.target),
            request_key: Some(key),
            evidence: evidence(session),
            raw: true,
            budget_usd: None,
            limits: LimitsSpec::default(),
            belongs: Belongs {
                purpose: Purpose::Check,
                session: Some(session.id),
                ..Belongs::default()
            },
            base: Some(tip.to_owned()),
            role: None,
        };
        return match handle.create_run(new, DAEMON).await {
            Ok(_) => Ok(None),
            Err(Error::Target(why)) => Ok(Some(Err(format!("{why}.")))),
            Err(error) => Err(error),
        };
    };
    if !run.is_over() {
        return Ok(None);
    }
    let count = run.evidence.checks().len();
    let seen = match &run.state {
        RunState::Verified => {
            Ok(format!("The merged work passed {count} checks (run {}).", run.id.short()))
        }
        RunState::Refuted { why } | RunState::Failed { why } => {
            Err(format!("The merged work does not pass (run {}): {why}", run.id.short()))
        }
        _ => Err(format!("The checks of the merged work ended without a verdict: {}", run.why())),
    };
    if let Err(error) = handle.discard_run(run.id, DAEMON).await {
        tracing::debug!(%error, run = %run.id, "The worktree of a check stays.");
    }
    Ok(Some(seen))
}

/// What was found at the end of a session.
async fn facts(
    handle: &Handle,
    session: &Session,
    tip: Option<&str>,
    integration: Seen,
) -> Result<DoneFacts, Error> {
    let tasks = handle.tasks(work::filter(session.id)).await?;
    let not_merged: BTreeSet<_> = work::not_merged(handle, &tasks).await?.into_iter().collect();
    let wanted = |task: &&Task| task.state != TaskState::Cancelled;
    let open_tasks = tasks
        .iter()
        .filter(wanted)
        .filter_map(|task| match task.state {
            TaskState::Verified if not_merged.contains(&task.id) => {
                Some(format!("the work of {} is not merged", task.named()))
            }
            TaskState::Verified => None,
            state => Some(format!("{} is {}", task.named(), state.word())),
        })
        .collect();
    let (approved, not_approved) = super::judged::of(handle, session, &tasks).await?;
    let runs = handle.runs_of_session(session.id).await?;
    Ok(DoneFacts {
        tasks: tasks.iter().filter(wanted).count(),
        open_tasks,
        approved,
        not_approved,
        files: files(session, tip).await?,
        integration: Some(integration),
        blockers: blockers(&tasks, &runs),
        permissions: permissions(handle, &runs).await?,
    })
}

async fn files(session: &Session, tip: Option<&str>) -> Result<Vec<FileThere>, Error> {
    let promised: Vec<(&str, &str)> = session
        .plan
        .iter()
        .flat_map(|plan| &plan.tasks)
        .flat_map(|task| task.deliverables.iter().map(|path| (path.as_str(), task.key.as_str())))
        .collect();
    let paths: Vec<&str> = promised.iter().map(|(path, _)| *path).collect();
    let there = match tip {
        Some(tip) if !paths.is_empty() => git::files_in(Path::new(&session.target), tip, &paths)
            .await
            .map_err(|error| Error::Target(error.to_string()))?,
        _ => BTreeSet::new(),
    };
    Ok(promised
        .into_iter()
        .map(|(path, task)| FileThere {
            path: path.to_owned(),
            task: task.to_owned(),
            there: there.contains(path),
        })
        .collect())
}

/// What keeps the session from its end: tasks that cannot go on, runs that wait for a person.
fn blockers(tasks: &[Task], runs: &[Run]) -> Vec<String> {
    let tasks = tasks
        .iter()
        .filter(|task| task.state == TaskState::Blocked || task.poison)
        .map(|task| format!("{} is blocked", task.named()));
    let runs = runs.iter().filter_map(|run| match &run.state {
        RunState::Suspended { wait: wait @ (Wait::Person { .. } | Wait::Budget { .. }) } => {
            Some(format!("run {} of {} waits: {}", run.id.short(), run.agent, wait.why()))
        }
        _ => None,
    });
    tasks.chain(runs).collect()
}

/// Permissions that agents of the session still wait for.
async fn permissions(handle: &Handle, runs: &[Run]) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for run in runs.iter().filter(|run| !run.is_over() && !run.waiting_for.is_empty()) {
        found.push(format!(
            "run {} of {} waits for {} answers",
            run.id.short(),
            run.agent,
            run.waiting_for.len()
        ));
    }
    let ids: BTreeSet<_> = runs.iter().map(|run| run.id).collect();
    let filter = orkestra_store::ApprovalFilter {
        states: vec![approval::State::Pending.as_str().to_owned()],
        limit: 500,
        ..orkestra_store::ApprovalFilter::default()
    };
    for approval in handle.approvals(filter).await? {
        if ids.contains(&approval.run) {
            found.push(format!("{} asks: {}", approval.agent, approval.what()));
        }
    }
    Ok(found)
}
