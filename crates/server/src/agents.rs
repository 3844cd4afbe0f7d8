//! The socket for agents: they may ask whether they may do something, tell what happened, and
//! nothing else. It lies in a folder of its own, so that a sandbox can show an agent that folder
//! without the operator's socket and token (ADR 0025).
//!
//! Who asks proves by a run's token who it is. The operator's token is none, and a run's token
//! opens nothing else.

use crate::error::Error;
use crate::listen::{App, file_error};
use crate::problem::Problem;
use crate::wire::{AskAnswer, AskRequest, ExpenseOver, ExpenseRequest, HookRequest};
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::money::Tokens;
use orkestra_engine::{Told, ToolCall};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tower_http::catch_panic::CatchPanicLayer;

/// The largest question: agents write whole files by one call.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest name of a tool.
const NAME_BYTES_MAX: usize = 512;

/// Listens for agents, in a folder that only the owner may enter.
pub(crate) fn listener(home: &Path) -> Result<UnixListener, Error> {
    let path: PathBuf = orkestra_engine::agent_socket(home);
    let folder = path.parent().unwrap_or(home);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)))
        .map_err(|source| file_error(folder, source))?;
    // The home's lock is held, so a socket that is there belongs to nobody.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(file_error(&path, error));
        }
        Ok(()) | Err(_) => {}
    }
    orkestra_host::socket::bind_private(&path)
        .map_err(|error| file_error(&path, std::io::Error::other(error)))
}

/// All that an agent may ask for.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/v1/ask", post(ask))
        .route("/v1/hook", post(hook))
        .route("/v1/expense", post(expense))
        .route("/v1/expense/over", post(expense_over))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "ORK-0003", "there is no such address for agents")
}

/// The run that asks, proved by its token.
pub(crate) struct Asker {
    run: RunId,
    instance: InstanceId,
}

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        match token.and_then(|token| app.engine.run_of_token(token)) {
            Some((run, instance)) => Ok(Self { run, instance }),
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "ORK-0906",
                "this needs the token of a run that goes on",
            )),
        }
    }
}

fn told(told: Told) -> Json<AskAnswer> {
    Json(AskAnswer {
        decision: if told.allow { "allow" } else { "deny" }.to_owned(),
        reason: told.reason,
        approval: told.approval.map(|id| id.to_string()),
    })
}

/// May this be done? Answered when it is decided, which may take as long as a person takes.
async fn ask(
    State(app): State<App>,
    asker: Asker,
    Json(request): Json<AskRequest>,
) -> Result<Json<AskAnswer>, Problem> {
    if request.tool.is_empty()
        || request.tool.len() > NAME_BYTES_MAX
        || request.tool_id.len() > NAME_BYTES_MAX
    {
        return Err(Problem::bad_request("the tool has no name, or too long a one"));
    }
    let call = ToolCall {
        tool: request.tool,
        id: request.tool_id,
        input: request.input,
        cwd: request.cwd,
    };
    Ok(told(app.engine.ask_for(asker.run, asker.instance, call).await?))
}

/// Have the budgets room for this call?
async fn expense(
    State(app): State<App>,
    asker: Asker,
    Json(request): Json<ExpenseRequest>,
) -> Result<Json<AskAnswer>, Problem> {
    let ExpenseRequest { key, model, input, output } = request;
    if key.is_empty() || key.len() > NAME_BYTES_MAX || model.len() > NAME_BYTES_MAX {
        return Err(Problem::bad_request("the call has no key, or too long a one"));
    }
    let tokens = Tokens { fresh_input: input, output, ..Tokens::default() };
    let told = app.engine.may_spend(asker.run, asker.instance, key, model, tokens).await?;
    Ok(self::told(told))
}

/// A call took nothing that could be booked.
async fn expense_over(
    State(app): State<App>,
    asker: Asker,
    Json(request): Json<ExpenseOver>,
) -> Result<Json<AskAnswer>, Problem> {
    Ok(told(app.engine.call_over(asker.run, &request.key).await?))
}

/// Something happened; a hook of the configuration may say no to it.
async fn hook(
    State(app): State<App>,
    asker: Asker,
    Json(request): Json<HookRequest>,
) -> Result<Json<AskAnswer>, Problem> {
    let HookRequest { event, tool, payload } = request;
    Ok(told(app.engine.hook(asker.run, asker.instance, &event, tool.as_deref(), payload).await?))
}
