//! Asking for a plan, and for what others think of it.

use super::step::{DAEMON, say};
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use orkestra_core::id::RunId;
use orkestra_core::plan::{self, Ask, comment_of, parse};
use orkestra_core::prompt::Role;
use orkestra_core::run::{Belongs, LimitsSpec, Purpose, Run, RunState};
use orkestra_core::session::{Comment, Session, SessionInput};
use orkestra_host::git;
use orkestra_store::Filter;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Texts of an agent that are looked through for its answer, the newest ones.
const TEXTS_MAX: usize = 200;

/// Of an agent's words so much is read, in bytes, from their end.
const WORDS_MAX: usize = 512 * 1024;

/// How often one is asked what it thinks of a plan.
const COMMENT_TRIES: u32 = 2;

/// A run that is asked something and changes nothing.
fn question(
    session: &Session,
    agent: &str,
    purpose: Purpose,
    prompt: String,
    role: Role,
) -> NewRun {
    NewRun {
        prompt,
        agent: Some(agent.to_owned()),
        target: PathBuf::from(&session.target),
        request_key: None,
        evidence: vec!["none".to_owned()],
        raw: false,
        budget_usd: session.wishes.budget_usd,
        limits: LimitsSpec::default(),
        belongs: Belongs { purpose, session: Some(session.id), ..Belongs::default() },
        base: Some(session.base.clone()),
        role: Some(role),
    }
}

async fn run_of(handle: &Handle, key: &str) -> Result<Option<Run>, Error> {
    let key = key.to_owned();
    let row = handle.store.read(move |read| read.run_by_key(&key)).await.map_err(Error::Store)?;
    row.as_ref().map(crate::run::from_row).transpose()
}

/// What a run's agent said, from its beginning as far as it is kept.
pub(super) async fn words_of(handle: &Handle, run: &Run) -> Result<String, Error> {
    let filter = Filter {
        topic: Some("run".to_owned()),
        subject: Some(run.id.to_string()),
        kinds: vec!["run.text".to_owned()],
        limit: TEXTS_MAX,
        newest_first: true,
        ..Filter::default()
    };
    let events = handle.store.read(move |read| read.events(&filter)).await.map_err(Error::Store)?;
    let texts: Vec<String> = events
        .iter()
        .rev()
        .filter_map(|event| event.body.as_ref()?.get("text").and_then(Value::as_str))
        .map(str::to_owned)
        .collect();
    let mut words = texts.join("\n");
    if let Some(summary) = run.ended.as_ref().map(|ended| ended.summary.as_str())
        && !words.contains(summary)
    {
        words = format!("{words}\n{summary}");
    }
    let from = words.floor_char_boundary(words.len().saturating_sub(WORDS_MAX));
    Ok(words.get(from..).unwrap_or_default().to_owned())
}

/// How a question's run went: nothing while it is under way, its words, or why there are none.
async fn outcome(handle: &Handle, run: &Run) -> Result<Option<Result<String, String>>, Error> {
    if !run.is_over() {
        return Ok(None);
    }
    Ok(Some(match &run.state {
        RunState::Failed { why } => Err(why.clone()),
        RunState::Cancelled => Err("its run was cancelled".to_owned()),
        _ => Ok(words_of(handle, run).await?),
    }))
}

/// Its answer was read: the worktree goes, and the branch with it; both can be got back.
async fn put_away(handle: &Handle, id: RunId) {
    if let Err(error) = handle.discard_run(id, DAEMON).await {
        tracing::debug!(%error, run = %id, "The worktree of an answer stays.");
    }
}

/// Who is asked for the plan: who made the one that is there, else the architect, else whoever is there;
/// nobody who could not.
fn planner(session: &Session) -> Option<String> {
    let by = session.planned_by.clone().filter(|by| session.roles.there.contains(by));
    let all = by.into_iter().chain(session.roles.planners());
    let failed = &session.planning.failed;
    all.into_iter().find(|name| !failed.contains(name))
}

/// The plan is asked for, or its answer is taken.
pub(super) async fn ask(handle: &Handle, session: &Session) -> Result<(), Error> {
    let asked = session.planning.asked;
    let key = format!("session:{}:plan:{asked}", session.id);
    let Some(run) = run_of(handle, &key).await? else {
        return begin(handle, session, key).await;
    };
    let by = run.agent.clone();
    let Some(outcome) = outcome(handle, &run).await? else { return Ok(()) };
    let input = match outcome {
        Err(why) => SessionInput::PlannerFailed { asked, by, why },
        Ok(words) => {
            let answer = parse(&words, &session.roles.there);
            let words = answer.is_err().then_some(words);
            SessionInput::Planned { asked, by, run: Some(run.id), answer, words }
        }
    };
    let said = match say(handle, session.id, input).await {
        // Its tasks cannot be made: the planner is told.
        Err(Error::RefusedTask(refusal)) => {
            let (answer, words) = (Err(vec![refusal.to_string()]), None);
            let by = run.agent.clone();
            let input = SessionInput::Planned { asked, by, run: Some(run.id), answer, words };
            say(handle, session.id, input).await
        }
        said => said,
    };
    said?;
    put_away(handle, run.id).await;
    Ok(())
}

/// The branch on which the session's work is brought together begins where the session began.
async fn make_branch(session: &Session) -> Result<(), Error> {
    let target = Path::new(&session.target);
    let failed = |error: git::Error| Error::Target(error.to_string());
    if git::tip_of(target, &session.branch).await.map_err(failed)?.is_none() {
        git::set_branch(target, &session.branch, &session.base).await.map_err(failed)?;
    }
    Ok(())
}

async fn begin(handle: &Handle, session: &Session, key: String) -> Result<(), Error> {
    if let Err(error) = make_branch(session).await {
        let why = format!("the branch {} cannot be made: {error}", session.branch);
        return say(handle, session.id, SessionInput::Fail { why }).await.map(|_| ());
    }
    let asked = session.planning.asked;
    let Some(agent) = planner(session) else {
        let why = "no agent is left that could plan".to_owned();
        let input = SessionInput::PlannerFailed { asked, by: session.roles.architect.clone(), why };
        return say(handle, session.id, input).await.map(|_| ());
    };
    let reviewed = session.planning.reviewed;
    let suggestions: Vec<(&str, &str)> = session
        .comments
        .iter()
        .filter(|comment| comment.round == reviewed)
        .flat_map(|comment| {
            comment.suggestions.iter().map(|text| (comment.agent.as_str(), text.as_str()))
        })
        .collect();
    let prompt = plan::ask(&Ask {
        goal: &session.goal,
        roles: &session.roles,
        problems: &session.planning.problems,
        refused: session.planning.refused.as_deref(),
        plan: session.plan.as_ref().filter(|_| session.planning.revising),
        suggestions: &suggestions,
    });
    let mut new = question(session, &agent, Purpose::Plan, prompt, plan::planner());
    new.request_key = Some(key);
    match handle.create_run(new, DAEMON).await {
        Ok(_) => Ok(()),
        Err(error) => cannot_begin(handle, session, agent, error).await,
    }
}

/// Another agent is asked when this one cannot work; what no agent can help is an error.
async fn cannot_begin(
    handle: &Handle,
    session: &Session,
    agent: String,
    error: Error,
) -> Result<(), Error> {
    let input = match error {
        Error::NoAgent(_) | Error::AgentHeld { .. } | Error::OverBudget(_) => {
            SessionInput::PlannerFailed {
                asked: session.planning.asked,
                by: agent,
                why: error.to_string(),
            }
        }
        Error::Target(why) => SessionInput::Fail { why },
        other => return Err(other),
    };
    say(handle, session.id, input).await.map(|_| ())
}

/// What the others think of the plan is asked, or their answers are taken.
pub(super) async fn review(handle: &Handle, session: &Session) -> Result<(), Error> {
    let Some(plan) = &session.plan else { return Ok(()) };
    let round = session.planning.reviewed.saturating_add(1);
    let answered: Vec<String> =
        session.comments_now().map(|comment| comment.agent.clone()).collect();
    for agent in session.plan_reviewers() {
        if answered.contains(&agent) {
            continue;
        }
        let prompt = || plan::review(&session.goal, plan, &session.roles);
        let Some(comment) = comment(handle, session, &agent, round, prompt).await? else {
            continue;
        };
        let run = comment.run;
        say(handle, session.id, SessionInput::Commented(comment)).await?;
        if let Some(run) = run {
            put_away(handle, run).await;
        }
    }
    Ok(())
}

/// What one agent thinks of the plan; nothing while it is asked.
async fn comment(
    handle: &Handle,
    session: &Session,
    agent: &str,
    round: u32,
    prompt: impl Fn() -> String,
) -> Result<Option<Comment>, Error> {
    let without = |run: Option<RunId>, trouble: String| Comment {
        round,
        agent: agent.to_owned(),
        run,
        agrees: None,
        suggestions: Vec::new(),
        trouble: Some(trouble),
    };
    for attempt in 1..=COMMENT_TRIES {
        let key = format!("session:{}:comment:{round}:{agent}:{attempt}", session.id);
        let Some(run) = run_of(handle, &key).await? else {
            let mut new =
                question(session, agent, Purpose::Review, prompt(), plan::plan_reviewer());
            new.request_key = Some(key);
            return match handle.create_run(new, DAEMON).await {
                Ok(_) => Ok(None),
                Err(
                    error @ (Error::NoAgent(_) | Error::AgentHeld { .. } | Error::OverBudget(_)),
                ) => Ok(Some(without(None, error.to_string()))),
                Err(error) => Err(error),
            };
        };
        let Some(outcome) = outcome(handle, &run).await? else { return Ok(None) };
        let trouble = match outcome.and_then(|words| comment_of(&words)) {
            Ok(said) => {
                return Ok(Some(Comment {
                    round,
                    agent: agent.to_owned(),
                    run: Some(run.id),
                    agrees: Some(said.agrees),
                    suggestions: said.suggestions,
                    trouble: None,
                }));
            }
            Err(trouble) => trouble,
        };
        if attempt == COMMENT_TRIES {
            return Ok(Some(without(Some(run.id), trouble)));
        }
    }
    Ok(None)
}
