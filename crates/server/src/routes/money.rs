//! What agents cost, what they may cost, and how often they were called.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    BudgetList, BudgetOverride, BudgetSet, BudgetView, CallLog, CallStatsView, CallView, UsageList,
    UsageSumView,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use orkestra_core::budget::{Budget, Limit, Scope};
use orkestra_core::money::Usd;
use orkestra_core::span::Span;
use orkestra_core::unit::spec::UnitName;
use orkestra_engine::BudgetChange;
use orkestra_store::{UsageBy, UsageFilter};
use serde::Deserialize;

/// Groups of one answer.
const GROUPS_MAX: usize = 1_000;

/// Calls of one answer.
const CALLS_MAX: usize = 1_000;

/// Without another word the call log is counted over so many days.
const CALLS_DAYS: i64 = 30;

/// Which part of the books.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `agent`, `model`, `run` or `day` [agent].
    by: Option<String>,
    /// From this time on (RFC 3339), or so long ago (`7d`).
    since: Option<String>,
    /// Of this run only, by its whole id.
    run: Option<String>,
    /// Of this agent only.
    agent: Option<String>,
    /// Of this model only; `claude-opus-*` for all that begin so.
    model: Option<String>,
    /// At most so many groups, up to 1000 [100].
    limit: Option<usize>,
}

/// A time, or how long ago.
fn since(app: &App, text: &str) -> Result<Timestamp, Problem> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let wrong = || {
        let detail = format!("{text:?} is neither a time such as 2026-11-21T08:00:00Z nor 7d");
        Problem::bad_request(detail)
    };
    let span: Span = text.parse().map_err(|_| wrong())?;
    let ms = i64::try_from(span.ms()).map_err(|_| wrong())?;
    app.engine.now().at.checked_sub(SignedDuration::from_millis(ms)).map_err(|_| wrong())
}

/// The books: tokens of four classes and their cost, summed up.
#[utoipa::path(get, path = "/api/v1/usage", params(Which),
    responses((status = 200, body = UsageList), (status = 400, body = Problem)))]
pub(crate) async fn usage(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<UsageList>, Problem> {
    let word = which.by.as_deref().unwrap_or("agent");
    let by = match word {
        "agent" => UsageBy::Agent,
        "model" => UsageBy::Model,
        "run" => UsageBy::Run,
        "day" => UsageBy::Day,
        other => {
            let detail = format!("{other:?} is not agent, model, run or day");
            return Err(Problem::bad_request(detail));
        }
    };
    let from = which.since.as_deref().map(|text| since(&app, text)).transpose()?;
    let run = which.run.as_deref().map(str::parse).transpose();
    let run = run.map_err(|_| Problem::bad_request("run is not the whole id of a run"))?;
    let limit = which.limit.unwrap_or(100).min(GROUPS_MAX);
    let (agent, model) = (which.agent, which.model);
    let filter = UsageFilter { since: from, until: None, run, agent, model };
    let read = app.engine.store().read(move |read| read.usage_by(by, &filter, limit + 1)).await?;
    let cut = read.len() > limit;
    let groups: Vec<UsageSumView> = read.iter().take(limit).map(UsageSumView::new).collect();
    Ok(Json(UsageList {
        by: word.to_owned(),
        since: from.map(|from| from.to_string()),
        zone: app.engine.zone(),
        total: UsageSumView::total(&groups),
        groups,
        cut,
    }))
}

async fn list_of(app: &App) -> Result<BudgetList, Problem> {
    let states = app.engine.budgets().await?;
    let at = app.engine.now().at;
    let budgets = states.iter().map(|state| BudgetView::at(state, at)).collect();
    Ok(BudgetList { budgets })
}

/// All budgets as they stand now; one of each run stands once for each run that is not over.
#[utoipa::path(get, path = "/api/v1/budgets", responses((status = 200, body = BudgetList)))]
pub(crate) async fn budgets(State(app): State<App>) -> Result<Json<BudgetList>, Problem> {
    list_of(&app).await.map(Json)
}

fn missing(name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "ORK-0804", format!("there is no budget {name:?}"))
        .hint("orkestra budget list shows all budgets.")
}

/// Tells what became of a change, with the budgets as they stand then.
async fn changed(app: &App, name: &str, change: BudgetChange) -> Result<Json<BudgetList>, Problem> {
    match change {
        BudgetChange::Done => {
            let mut list = list_of(app).await?;
            list.budgets.retain(|budget| budget.name == name);
            Ok(Json(list))
        }
        BudgetChange::Missing => Err(missing(name)),
        BudgetChange::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, "ORK-0805", why)
            .hint("orkestra budget list shows where each budget is from.")),
    }
}

/// Sets a budget, or changes one that was set by hand; sent twice it changes nothing.
#[utoipa::path(post, path = "/api/v1/budgets", request_body = BudgetSet,
    responses((status = 200, body = BudgetList), (status = 400, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn set(
    State(app): State<App>,
    actor: Actor,
    Body(wanted): Body<BudgetSet>,
) -> Result<Json<BudgetList>, Problem> {
    let bad = Problem::bad_request;
    if wanted.name.parse::<UnitName>().is_err() {
        let detail = format!("{:?} is no name: write letters, digits, . _ or -", wanted.name);
        return Err(bad(detail));
    }
    let scope: Scope = wanted.scope.as_deref().unwrap_or("all").parse().map_err(bad)?;
    let window = wanted.per.parse().map_err(bad)?;
    let limit = match (wanted.usd, wanted.tokens) {
        (Some(usd), None) => Limit::Usd(usd.parse::<Usd>().map_err(bad)?),
        (None, Some(tokens)) => Limit::Tokens(tokens),
        _ => return Err(bad("say either usd or tokens".to_owned())),
    };
    let budget = Budget { name: wanted.name.clone(), scope, window, limit };
    let change = app.engine.set_budget(budget, actor.0).await?;
    changed(&app, &wanted.name, change).await
}

/// Removes a budget that was set by hand.
#[utoipa::path(post, path = "/api/v1/budgets/{name}/remove", params(("name" = String, Path)),
    responses((status = 200, body = BudgetList), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn remove(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<BudgetList>, Problem> {
    let change = app.engine.remove_budget(&name, actor.0).await?;
    changed(&app, &name, change).await
}

/// Lets go on for a time what a budget stops; runs that wait for it go on.
#[utoipa::path(post, path = "/api/v1/budgets/{name}/override", params(("name" = String, Path)),
    request_body = BudgetOverride,
    responses((status = 200, body = BudgetList), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn lift(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(word): Body<BudgetOverride>,
) -> Result<Json<BudgetList>, Problem> {
    let until = match &word.span {
        None => None,
        Some(text) => {
            let wrong = || Problem::bad_request(format!("{text:?} is no length of time, like 1h"));
            let span: Span = text.parse().map_err(|_| wrong())?;
            let ms = i64::try_from(span.ms()).map_err(|_| wrong())?;
            let until = app.engine.now().at.checked_add(SignedDuration::from_millis(ms));
            Some(until.map_err(|_| wrong())?)
        }
    };
    let why = word.why.unwrap_or_default();
    if until.is_some() && why.trim().is_empty() {
        return Err(Problem::bad_request("say why: an override without a reason helps nobody"));
    }
    let change = app.engine.override_budget(&name, until, &why, actor.0).await?;
    changed(&app, &name, change).await
}

/// Which calls.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Calls {
    /// Of this agent, with its newest calls.
    agent: Option<String>,
    /// From this time on (RFC 3339), or so long ago (`7d`) [30d].
    since: Option<String>,
    /// At most so many calls, up to 1000 [20].
    limit: Option<usize>,
}

/// The call log: every attempt of a run and every call of a model's API, counted by agent.
#[utoipa::path(get, path = "/api/v1/calls", params(Calls),
    responses((status = 200, body = CallLog), (status = 400, body = Problem)))]
pub(crate) async fn calls(
    State(app): State<App>,
    Query(which): Query<Calls>,
) -> Result<Json<CallLog>, Problem> {
    let from = match which.since.as_deref() {
        Some(text) => since(&app, text)?,
        None => app.engine.now().at - SignedDuration::from_hours(24 * CALLS_DAYS),
    };
    let limit = which.limit.unwrap_or(20).min(CALLS_MAX);
    let mut agents = stats_since(&app, from).await?;
    let mut calls = Vec::new();
    if let Some(agent) = which.agent {
        agents.retain(|stats| stats.agent == agent);
        let rows = app.engine.store().read(move |read| read.calls(&agent, limit)).await?;
        calls = rows.iter().map(CallView::from).collect();
    }
    Ok(Json(CallLog { since: from.to_string(), agents, calls }))
}

async fn stats_since(app: &App, from: Timestamp) -> Result<Vec<CallStatsView>, Problem> {
    let read = app.engine.store().read(move |read| {
        let filter = UsageFilter { since: Some(from), ..UsageFilter::default() };
        Ok((read.call_stats(from)?, read.usage_by(UsageBy::Agent, &filter, GROUPS_MAX)?))
    });
    let (stats, usage) = read.await?;
    let with = |stats| {
        let stats: &orkestra_store::CallStats = stats;
        CallStatsView::new(stats, usage.iter().find(|group| group.key == stats.agent))
    };
    Ok(stats.iter().map(with).collect())
}

/// What the call log says of every agent, over the usual time.
pub(super) async fn all_stats(app: &App) -> Result<Vec<CallStatsView>, Problem> {
    let from = app.engine.now().at - SignedDuration::from_hours(24 * CALLS_DAYS);
    stats_since(app, from).await
}
