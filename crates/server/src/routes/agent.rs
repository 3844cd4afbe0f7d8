//! Agents: which can be started here.

use crate::Problem;
use crate::extract::{Body, Path};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    AgentAnswers, AgentAsk, AgentFactsView, AgentHeld, AgentList, AgentPause, AgentProbe,
    AgentView, HoldView, LoginView, UsageView,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::SignedDuration;
use orkestra_core::agent_state::AgentInput;
use orkestra_core::sandbox::SandboxSpec;
use orkestra_core::span::Span;

/// Which agents can be started here, and what to do when there is none.
#[utoipa::path(get, path = "/api/v1/agents", responses((status = 200, body = AgentList)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<AgentList>, Problem> {
    let discovery = app.engine.agents();
    let for_all = app.engine.upkeep().sandbox;
    let found = discovery.found.iter().map(|found| AgentView {
        name: found.name.clone(),
        kind: Some(found.spec.kind.to_string()),
        found: true,
        program: Some(found.program.display().to_string()),
        why: if found.configured {
            "Configured, and its program is there.".to_owned()
        } else {
            "Installed; it needs no configuration.".to_owned()
        },
        hold: None,
        stats: None,
        strengths: found.spec.strengths(),
        parallel: found.spec.parallel(),
        tasks: None,
        // One that is only installed has the sandbox for all.
        sandbox: Some(if found.configured {
            sandbox_word(&found.spec.sandbox)
        } else {
            sandbox_word(&for_all)
        }),
    });
    let missing = discovery.missing.iter().map(|missing| AgentView {
        name: missing.name.clone(),
        kind: None,
        found: false,
        program: missing.program.clone(),
        why: match &missing.program {
            Some(program) => format!("Its program {program} was not found."),
            None => "It has no command.".to_owned(),
        },
        hold: None,
        stats: None,
        strengths: Vec::new(),
        parallel: None,
        tasks: None,
        sandbox: None,
    });
    let mut agents: Vec<AgentView> = found.chain(missing).collect();
    let stats = super::money::all_stats(&app).await?;
    let work = app.engine.work_facts().await?;
    for agent in &mut agents {
        agent.tasks = work.get(&agent.name).map(Into::into);
        agent.hold = app.engine.agent_hold(&agent.name).as_ref().map(HoldView::from);
        agent.stats = stats.iter().find(|stats| stats.agent == agent.name).cloned();
    }
    let hint = discovery.choose(None).err();
    Ok(Json(AgentList { agents, hint }))
}

fn sandbox_word(sandbox: &SandboxSpec) -> String {
    if sandbox.holds() { "require" } else { "off" }.to_owned()
}

/// The longest question.
const PROMPT_BYTES_MAX: usize = 1024 * 1024;

/// Agents that are asked at once at most.
const ASKED_MAX: usize = 100;

/// What a connection test asks: a real call, as short as one can be.
const TEST: &str = "Answer with the one word: ok";

/// Asks models' APIs one thing, all at once: a prompt, or without one whether they answer. One that
/// fails is told in its place and holds up nobody else. Each is a real call that costs tokens.
#[utoipa::path(post, path = "/api/v1/agents/ask", request_body = AgentAsk,
    responses((status = 200, body = AgentAnswers), (status = 400, body = Problem)))]
pub(crate) async fn ask(
    State(app): State<App>,
    actor: Actor,
    Body(ask): Body<AgentAsk>,
) -> Result<Json<AgentAnswers>, Problem> {
    let prompt = ask.prompt.as_deref().unwrap_or(TEST);
    if prompt.trim().is_empty() || prompt.len() > PROMPT_BYTES_MAX {
        return Err(Problem::bad_request("the prompt is empty or too long"));
    }
    if ask.agents.len() > ASKED_MAX {
        return Err(Problem::bad_request(format!("at most {ASKED_MAX} agents at once")));
    }
    let answers = app.engine.ask_models(prompt, &ask.agents, &actor.0).await?;
    Ok(Json(AgentAnswers { answers: answers.into_iter().map(Into::into).collect() }))
}

pub(super) fn known(app: &App, name: &str) -> Result<(), Problem> {
    let discovery = app.engine.agents();
    let mut names = discovery
        .found
        .iter()
        .map(|found| found.name.as_str())
        .chain(discovery.missing.iter().map(|missing| missing.name.as_str()));
    if names.any(|known| known == name) {
        return Ok(());
    }
    let detail = format!("there is no agent {name:?}");
    Err(Problem::new(StatusCode::NOT_FOUND, "ORK-0802", detail)
        .hint("orkestra agents shows all agents."))
}

/// Holds an agent back: it gets no new runs and no new attempts; what runs goes on.
#[utoipa::path(post, path = "/api/v1/agents/{name}/pause", params(("name" = String, Path)),
    request_body = AgentPause,
    responses((status = 200, body = AgentHeld), (status = 404, body = Problem)))]
pub(crate) async fn pause(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(pause): Body<AgentPause>,
) -> Result<Json<AgentHeld>, Problem> {
    known(&app, &name)?;
    let at = app.engine.now().at;
    let until = match &pause.span {
        None => None,
        Some(text) => {
            let span: Span = text.parse().map_err(|_| {
                Problem::bad_request(format!("{text:?} is no length of time, like 30m or 2h"))
            })?;
            let ms = i64::try_from(span.ms()).unwrap_or(i64::MAX);
            let until = at.checked_add(SignedDuration::from_millis(ms));
            Some(until.map_err(|_| Problem::bad_request(format!("{text:?} is too long")))?)
        }
    };
    let why = pause.why.unwrap_or_else(|| "Paused by hand.".to_owned());
    let state = app.engine.agent_input(&name, AgentInput::Pause { until, why }, actor.0).await?;
    Ok(Json(AgentHeld::at(&state, at)))
}

/// Lets an agent go on that a person or a rate limit held back.
#[utoipa::path(post, path = "/api/v1/agents/{name}/resume", params(("name" = String, Path)),
    responses((status = 200, body = AgentHeld), (status = 404, body = Problem)))]
pub(crate) async fn resume(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<AgentHeld>, Problem> {
    // One that left the configuration may still be let go.
    if app.engine.agent_hold(&name).is_none() {
        known(&app, &name)?;
    }
    let state = app.engine.agent_input(&name, AgentInput::Resume, actor.0).await?;
    Ok(Json(AgentHeld::at(&state, app.engine.now().at)))
}

/// One agent: where its program lies, what it says of its version, whether it has a login. Starts
/// the program for its version.
#[utoipa::path(get, path = "/api/v1/agents/{name}", params(("name" = String, Path)),
    responses((status = 200, body = AgentFactsView), (status = 409, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<AgentFactsView>, Problem> {
    let facts = app.engine.look_at_agent(&name).await?;
    let spec = &facts.found.spec;
    let work = app.engine.work_facts().await?;
    Ok(Json(AgentFactsView {
        hold: app.engine.agent_hold(&facts.found.name).as_ref().map(HoldView::from),
        name: facts.found.name.clone(),
        kind: spec.kind.to_string(),
        program: facts.found.program.display().to_string(),
        configured: facts.found.configured,
        model: spec.model.clone(),
        version: facts.version,
        version_problem: facts.version_problem,
        measured_with: facts.measured_with,
        login: facts.login.map(|login| LoginView { found: login.found, what: login.what }),
        abilities: facts.abilities,
        strengths: spec.strengths(),
        parallel: spec.parallel(),
        tasks: work.get(&facts.found.name).map(Into::into),
    }))
}

/// Asks an agent for one word, really: a model answers, and that costs what it costs.
#[utoipa::path(post, path = "/api/v1/agents/{name}/probe", params(("name" = String, Path)),
    responses((status = 200, body = AgentProbe), (status = 409, body = Problem)))]
pub(crate) async fn probe(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<AgentProbe>, Problem> {
    let probed = app.engine.probe_agent(&name, actor.0).await?;
    let sum = |part: fn(&orkestra_core::agent::Usage) -> u64| {
        probed.usage.iter().map(part).fold(0, u64::saturating_add)
    };
    let costs: Vec<f64> = probed.usage.iter().filter_map(|usage| usage.cost_usd).collect();
    let usage = UsageView {
        fresh_input: sum(|usage| usage.fresh_input),
        cache_read: sum(|usage| usage.cache_read),
        cache_write: sum(|usage| usage.cache_write),
        output: sum(|usage| usage.output),
        cost_usd: (!costs.is_empty()).then(|| costs.iter().sum()),
    };
    Ok(Json(AgentProbe {
        name,
        ok: probed.ended.ok,
        answer: probed.ended.summary,
        error: probed.ended.error,
        issue: probed.trouble.map(|trouble| trouble.issue.as_str().to_owned()),
        took_ms: probed.took_ms,
        usage,
    }))
}
