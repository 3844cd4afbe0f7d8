//! Reviews.

use super::run::find as find_run;
use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{ReviewAnswerRequest, ReviewDetail, ReviewList, ReviewRequest, ReviewView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use orkestra_core::id::{ReviewId, RunId, SessionId, TaskId};
use orkestra_core::review::{PersonsAnswer, Review, ReviewState};
use orkestra_store::ReviewFilter;
use serde::Deserialize;

/// The longest focus or note, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Reviews of one run that are shown with it.
const OF_RUN_MAX: usize = 100;

/// Which reviews.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `open` (nothing is decided for good yet), `needs_person`, or `all`.
    #[serde(default)]
    state: Option<String>,
    /// Of this author's run: its id, or the end of it.
    run: Option<String>,
    /// Of this task: its whole id.
    task: Option<String>,
    /// Of this session: its whole id.
    session: Option<String>,
    /// Opened before this one.
    before: Option<String>,
    /// At most so many, 1 to 500.
    #[serde(default = "fifty")]
    limit: usize,
}

fn fifty() -> usize {
    50
}

fn id_of<T: std::str::FromStr>(text: Option<&str>, what: &str) -> Result<Option<T>, Problem> {
    let parse = |text: &str| {
        text.parse().map_err(|_| Problem::bad_request(format!("{text:?} is no id of a {what}")))
    };
    text.map(parse).transpose()
}

/// The review whose id is this or ends like this.
async fn find(app: &App, text: &str) -> Result<ReviewId, Problem> {
    let wanted = text.to_owned();
    let rows = app.engine.store().read(move |read| read.review_by_suffix(&wanted)).await?;
    match rows.as_slice() {
        [row] => Ok(row.id),
        [] => Err(orkestra_engine::Error::UnknownReview(text.to_owned()).into()),
        several => Err(Problem::bad_request(format!(
            "{} reviews have an id that ends in {text}; give more of it",
            several.len()
        ))),
    }
}

/// All reviews of an author's run, the oldest first.
pub(super) async fn of_run(app: &App, run: RunId) -> Result<Vec<Review>, Problem> {
    let filter = ReviewFilter { run: Some(run), limit: OF_RUN_MAX, ..ReviewFilter::default() };
    let mut reviews = app.engine.reviews(filter).await?;
    reviews.reverse();
    Ok(reviews)
}

/// Reviews, the newest first.
#[utoipa::path(get, path = "/api/v1/reviews", params(Which),
    responses((status = 200, body = ReviewList), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<ReviewList>, Problem> {
    let states = match which.state.as_deref() {
        None | Some("all") => Vec::new(),
        Some("open") => ReviewState::UNDER_WAY.iter().map(|word| (*word).to_owned()).collect(),
        Some("needs_person") => vec![ReviewState::NeedsPerson.word().to_owned()],
        Some(_) => {
            return Err(Problem::bad_request("the state must be open, needs_person or all"));
        }
    };
    let run = match &which.run {
        Some(text) => Some(find_run(&app, text).await?.id),
        None => None,
    };
    let filter = ReviewFilter {
        states,
        run,
        task: id_of::<TaskId>(which.task.as_deref(), "task")?,
        session: id_of::<SessionId>(which.session.as_deref(), "session")?,
        before: id_of::<ReviewId>(which.before.as_deref(), "review")?,
        limit: which.limit.clamp(1, 500),
        ..ReviewFilter::default()
    };
    let limit = filter.limit;
    let reviews: Vec<ReviewView> =
        app.engine.reviews(filter).await?.iter().map(ReviewView::from).collect();
    let more = reviews.len() == limit;
    let next = reviews.last().filter(|_| more).map(|review| review.id.clone());
    Ok(Json(ReviewList { reviews, next }))
}

fn detail(app: &App, review: &Review) -> Result<ReviewDetail, Problem> {
    let stored = serde_json::to_value(review).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "ORK-0001", error.to_string())
    })?;
    Ok(ReviewDetail {
        review: ReviewView::from(review),
        file: app.engine.review_file(review).display().to_string(),
        stored,
        cli: format!("orkestra review show {}", review.id.short()),
    })
}

/// One review; the end of an id is enough.
#[utoipa::path(get, path = "/api/v1/reviews/{id}",
    responses((status = 200, body = ReviewDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ReviewDetail>, Problem> {
    let id = find(&app, &id).await?;
    let review = app.engine.review(id).await?;
    Ok(Json(detail(&app, &review)?))
}

/// Has a run's work reviewed by another agent. With an `Idempotency-Key`, asking again gives the same
/// review.
#[utoipa::path(post, path = "/api/v1/reviews", request_body = ReviewRequest,
    responses((status = 201, body = ReviewView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn start(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Body(request): Body<ReviewRequest>,
) -> Result<(StatusCode, Json<ReviewView>), Problem> {
    bounded(request.focus.as_deref(), "focus")?;
    let run = find_run(&app, &request.run).await?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let key = key.map_or_else(|| app.engine.fresh_key(), str::to_owned);
    let review = app.engine.start_review(run.id, request.focus, &key, actor.0).await?;
    Ok((StatusCode::CREATED, Json(ReviewView::from(&review))))
}

fn bounded(text: Option<&str>, what: &str) -> Result<(), Problem> {
    match text {
        Some(text) if text.len() > TEXT_BYTES_MAX => {
            let detail = format!("the {what} is longer than {TEXT_BYTES_MAX} bytes");
            Err(Problem::bad_request(detail))
        }
        _ => Ok(()),
    }
}

/// A person decides about a review.
#[utoipa::path(post, path = "/api/v1/reviews/{id}/answer", request_body = ReviewAnswerRequest,
    responses((status = 200, body = ReviewView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn answer(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<ReviewAnswerRequest>,
) -> Result<Json<ReviewView>, Problem> {
    bounded(request.note.as_deref(), "note")?;
    let answer = PersonsAnswer::parse(&request.answer)
        .ok_or_else(|| Problem::bad_request("the answer must be approve, concern or stop"))?;
    let id = find(&app, &id).await?;
    let review = app.engine.answer_review(id, answer, request.note, actor.0).await?;
    Ok(Json(ReviewView::from(&review)))
}
