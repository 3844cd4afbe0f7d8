//! The journal: pages, one event with its causes, and the live stream.

use crate::Problem;
use crate::extract::{Path, Query};
use crate::listen::App;
use crate::wire::{EventDetail, EventView, JournalPage};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use jiff::Timestamp;
use orkestra_core::event::{Cursor, Event};
use orkestra_core::id::SessionId;
use orkestra_store::{EventKey, Filter};
use serde::Deserialize;

/// Events of a chain that are counted and looked through.
const CHAIN_MAX: usize = 1_000;

pub(crate) fn view_of(event: Event, epoch: u64) -> EventView {
    EventView {
        summary: orkestra_engine::sentence(&event),
        seq: event.seq,
        cursor: Cursor { epoch, seq: event.seq }.to_string(),
        id: event.id.to_string(),
        at: event.at.to_string(),
        kind: event.kind,
        topic: event.topic,
        subject: event.subject,
        actor: event.actor,
        cause: event.cause.map(|id| id.to_string()),
        chain: event.chain.to_string(),
        hop: event.hop,
        body: event.body,
    }
}

/// Which events.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only later than this place; for the stream a cursor, `EPOCH-SEQ`.
    after: Option<String>,
    /// Only earlier than this place.
    before: Option<u64>,
    /// At most so many, 1 to 1000.
    limit: Option<usize>,
    /// A kind, or a beginning with `*`; several with commas.
    kind: Option<String>,
    /// Only of this topic.
    topic: Option<String>,
    /// Only about this one.
    subject: Option<String>,
    /// Only the trail of a task: itself, its runs, reviews and votes; the end of its id is enough.
    task: Option<String>,
    /// Only the trail of a session: itself, its tasks, runs, reviews and votes.
    session: Option<String>,
    /// Only of an agent: about it, by it, or about a run of it.
    agent: Option<String>,
    /// Only then or later (RFC 3339).
    since: Option<String>,
    /// Only of this causal chain: all that follows from one event, such as a session's beginning.
    chain: Option<String>,
    /// `asc` or `desc`; newest first unless `after` is given.
    order: Option<String>,
}

impl Which {
    async fn filter(&self, app: &App) -> Result<Filter, Problem> {
        let since: Option<Timestamp> =
            self.since.as_deref().map(str::parse).transpose().map_err(|_| {
                Problem::bad_request("since is not a time such as 2026-11-21T08:00:00Z")
            })?;
        let chain = self.chain.as_deref().map(str::parse).transpose();
        let chain = chain.map_err(|_| Problem::bad_request("chain is not the id of a chain"))?;
        let kinds = self.kind.as_deref().unwrap_or_default().split(',');
        Ok(Filter {
            before_seq: self.before,
            kinds: kinds.filter(|kind| !kind.is_empty()).map(str::to_owned).collect(),
            topic: self.topic.clone(),
            subject: self.subject.clone(),
            task: match &self.task {
                Some(id) => Some(super::check::find(app, id).await?),
                None => None,
            },
            session: match &self.session {
                Some(id) => Some(session_of(app, id).await?),
                None => None,
            },
            agent: self.agent.clone(),
            since,
            chain,
            limit: self.limit.unwrap_or(100).clamp(1, 1_000),
            ..Filter::default()
        })
    }
}

async fn session_of(app: &App, text: &str) -> Result<SessionId, Problem> {
    let end = text.to_owned();
    let found = app.engine.store().read(move |read| read.session_by_suffix(&end)).await?;
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(Problem::bad_request(format!("there is no session {text}"))),
        _ => Err(Problem::bad_request(format!("more than one session ends like {text}"))),
    }
}

/// A page of the journal.
#[utoipa::path(get, path = "/api/v1/journal", params(Which),
    responses((status = 200, body = JournalPage)))]
pub(crate) async fn page(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<JournalPage>, Problem> {
    let mut filter = which.filter(&app).await?;
    // A place alone, or a whole cursor: both say how far somebody has read.
    let after = which.after.as_deref().map(|text| text.rsplit('-').next().unwrap_or(text).parse());
    filter.after_seq = after
        .transpose()
        .map_err(|_| Problem::bad_request("after is not a place in the journal"))?;
    filter.newest_first = match which.order.as_deref() {
        Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(Problem::bad_request("order is asc or desc")),
        None => filter.after_seq.is_none(),
    };
    let limit = filter.limit;
    let (events, head) =
        app.engine.store().read(move |read| Ok((read.events(&filter)?, read.head()?))).await?;
    let next = if events.len() == limit { events.last().map(|event| event.seq) } else { None };
    let cursor = Cursor { epoch: head.epoch, seq: head.seq }.to_string();
    let events = events.into_iter().map(|event| view_of(event, head.epoch)).collect();
    Ok(Json(JournalPage { events, next, head: head.seq, cursor }))
}

/// One event, by place or id, with what led to it and what it led to.
#[utoipa::path(get, path = "/api/v1/journal/{key}",
    responses((status = 200, body = EventDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(key): Path<String>,
) -> Result<Json<EventDetail>, Problem> {
    let wanted = match (key.parse::<u64>(), key.parse()) {
        (Ok(seq), _) => EventKey::Seq(seq),
        (Err(_), Ok(id)) => EventKey::Id(id),
        (Err(_), Err(_)) => return Err(Problem::bad_request("this is no event's place or id")),
    };
    let found = app
        .engine
        .store()
        .read(move |read| {
            let Some(event) = read.event(wanted)? else { return Ok(None) };
            let causes = read.cause_chain(event.id)?;
            let chain = read.chain(event.chain, CHAIN_MAX)?;
            Ok(Some((event, causes, chain, read.epoch()?)))
        })
        .await?;
    let Some((event, causes, chain, epoch)) = found else {
        let detail = format!("there is no event {key}");
        return Err(Problem::new(StatusCode::NOT_FOUND, "ORK-0003", detail));
    };
    let chain_size = chain.len();
    let id = event.id;
    let causes = causes.into_iter().filter(|cause| cause.id != id);
    let effects = chain.into_iter().filter(|effect| effect.cause == Some(id));
    Ok(Json(EventDetail {
        event: view_of(event, epoch),
        causes: causes.map(|event| view_of(event, epoch)).collect(),
        effects: effects.map(|event| view_of(event, epoch)).collect(),
        chain_size,
    }))
}

/// Events as they happen, as server-sent events: `id` is the cursor to resume from with
/// `Last-Event-ID`, `event` the kind, `data` the event. `reset` means: load everything anew.
#[utoipa::path(get, path = "/api/v1/events", params(Which),
    responses((status = 200, content_type = "text/event-stream", body = EventView)))]
pub(crate) async fn events(
    State(app): State<App>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let cursor: Option<Cursor> = last
        .filter(|text| !text.is_empty())
        .or(which.after.as_deref())
        .map(str::parse)
        .transpose()
        .map_err(|error: orkestra_core::event::CursorError| {
            Problem::bad_request(error.to_string())
        })?;
    let filter = which.filter(&app).await?;
    crate::sse::events(app, filter, cursor).await
}
