//! What agents are told before their next work, and what they noted.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{InboxRead, InboxView, NoteBody, NoteView, NoticeView};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

/// Which notices.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those that were not read.
    unread: Option<bool>,
    /// At most so many, up to 200 [50].
    limit: Option<usize>,
}

/// The notices of an agent, the newest first; looking at them does not mark them as read.
#[utoipa::path(get, path = "/api/v1/agents/{name}/inbox", params(("name" = String, Path), Which),
    responses((status = 200, body = InboxView)))]
pub(crate) async fn inbox(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<InboxView>, Problem> {
    super::agent::known(&app, &name)?;
    let limit = which.limit.unwrap_or(50).clamp(1, 200);
    let inbox = app.engine.inbox(&name, which.unread.unwrap_or(false), limit).await?;
    let notices = inbox.notices.into_iter().map(NoticeView::from).collect();
    Ok(Json(InboxView { agent: name, unread: inbox.unread, notices }))
}

/// Marks all notices of an agent as read: they do not go into its next prompt.
#[utoipa::path(post, path = "/api/v1/agents/{name}/inbox/read", params(("name" = String, Path)),
    responses((status = 200, body = InboxRead)))]
pub(crate) async fn read(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<InboxRead>, Problem> {
    super::agent::known(&app, &name)?;
    Ok(Json(InboxRead { read: app.engine.read_inbox(&name, &actor.0).await? }))
}

/// What an agent noted last.
#[utoipa::path(get, path = "/api/v1/agents/{name}/note", params(("name" = String, Path)),
    responses((status = 200, body = NoteView)))]
pub(crate) async fn note(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<NoteView>, Problem> {
    super::agent::known(&app, &name)?;
    let found = app.engine.agent_note(&name).await?;
    let at = found.as_ref().map(|(_, at)| at.to_string());
    Ok(Json(NoteView { agent: name, note: found.map(|(note, _)| note.into()), at }))
}

/// Writes down what an agent understood; it takes the place of its earlier note, and the agent is
/// reminded of it when it comes back to a task.
#[utoipa::path(post, path = "/api/v1/agents/{name}/note", params(("name" = String, Path)),
    request_body = NoteBody, responses((status = 200, body = NoteView)))]
pub(crate) async fn set_note(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(body): Body<NoteBody>,
) -> Result<Json<NoteView>, Problem> {
    super::agent::known(&app, &name)?;
    let new = orkestra_core::notice::Note::from(body);
    if let Some(problem) = new.problem() {
        return Err(Problem::bad_request(problem));
    }
    app.engine.note_of_agent(&name, new, &actor.0).await?;
    note(State(app), Path(name)).await
}
