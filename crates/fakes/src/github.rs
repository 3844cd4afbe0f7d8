//! A tracker that speaks the shape of GitHub's REST interface, as far as issues and comments go.
//!
//! What tests need beside it lies below `/_`: `POST /_/issues` adds an issue, `POST /_/swallow` lets
//! the next comment be kept and its answer never come, `POST /_/limit` answers so many questions with
//! 429, `GET /_/seen` tells what was asked.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

#[derive(Default)]
struct Tracker {
    issues: Vec<Value>,
    comments: Vec<(u64, Value)>,
    /// Grows with every change.
    changes: u64,
    swallow: bool,
    limited: u64,
    lists: u64,
    unchanged: u64,
    posts: u64,
}

type Shared = Arc<Mutex<Tracker>>;

fn lock(tracker: &Shared) -> MutexGuard<'_, Tracker> {
    tracker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers until the task is dropped. Who asks must send this token.
pub async fn serve(listener: TcpListener, token: String) -> std::io::Result<()> {
    let tracker = Shared::default();
    let api = Router::new()
        .route("/repos/{owner}/{repo}/issues", get(list))
        .route("/repos/{owner}/{repo}/issues/{number}/comments", get(comments).post(comment))
        .layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                let wanted = format!("Bearer {token}");
                async move {
                    let given = request.headers().get(header::AUTHORIZATION);
                    match given.and_then(|given| given.to_str().ok()) == Some(wanted.as_str()) {
                        true => next.run(request).await,
                        false => {
                            (StatusCode::UNAUTHORIZED, Json(json!({"message": "Bad credentials"})))
                                .into_response()
                        }
                    }
                }
            },
        ));
    let control = Router::new()
        .route("/_/issues", post(add))
        .route("/_/swallow", post(swallow))
        .route("/_/limit", post(limit))
        .route("/_/seen", get(seen));
    axum::serve(listener, api.merge(control).with_state(tracker)).await
}

async fn list(
    State(tracker): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut tracker = lock(&tracker);
    if tracker.limited > 0 {
        tracker.limited -= 1;
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response();
    }
    tracker.lists += 1;
    let text = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    let etag = format!("\"{}-{}-{}\"", tracker.changes, text("page"), text("since"));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known == Some(etag.as_str()) {
        tracker.unchanged += 1;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let number = |key: &str, default| text(key).parse::<usize>().unwrap_or(default);
    let (page, per_page) = (number("page", 1), number("per_page", 30).clamp(1, 100));
    let mut issues: Vec<Value> = tracker
        .issues
        .iter()
        .filter(|issue| {
            let labels = issue["labels"].as_array().map_or(&[][..], Vec::as_slice);
            let labelled = labels.iter().any(|label| label["name"] == text("labels"));
            labelled && issue["updated_at"].as_str() >= Some(text("since"))
        })
        .cloned()
        .collect();
    issues.sort_by_key(|issue| std::cmp::Reverse(issue["updated_at"].to_string()));
    let issues: Vec<Value> =
        issues.into_iter().skip((page.max(1) - 1) * per_page).take(per_page).collect();
    let mut response = Json(issues).into_response();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

async fn comments(
    State(tracker): State<Shared>,
    Path((_, _, number)): Path<(String, String, u64)>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Vec<Value>> {
    let number_of = |key: &str, default| {
        query.get(key).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default)
    };
    let (page, per_page) = (number_of("page", 1).max(1), number_of("per_page", 30).clamp(1, 100));
    let tracker = lock(&tracker);
    let of = tracker.comments.iter().filter(|(on, _)| *on == number);
    Json(of.map(|(_, c)| c.clone()).skip((page - 1) * per_page).take(per_page).collect())
}

async fn comment(
    State(tracker): State<Shared>,
    Path((owner, repo, number)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let (comment, swallow) = {
        let mut tracker = lock(&tracker);
        tracker.posts += 1;
        let id = tracker.comments.len() + 1;
        let url = format!("https://github.example/{owner}/{repo}/issues/{number}#comment-{id}");
        let comment = json!({"id": id, "body": body["body"], "html_url": url});
        tracker.comments.push((number, comment.clone()));
        (comment, std::mem::take(&mut tracker.swallow))
    };
    if swallow {
        std::future::pending::<()>().await;
    }
    (StatusCode::CREATED, Json(comment)).into_response()
}

/// An issue as a test wants it; what is missing is filled in.
async fn add(State(tracker): State<Shared>, Json(mut issue): Json<Value>) -> Json<Value> {
    let mut tracker = lock(&tracker);
    tracker.changes += 1;
    let number = issue["number"].as_u64().unwrap_or(tracker.issues.len() as u64 + 1);
    let fields = json!({
        "number": number,
        "body": "",
        "state": "open",
        "html_url": format!("https://github.example/acme/tools/issues/{number}"),
        "user": {"login": "ann"},
        "author_association": "MEMBER",
        "labels": [{"name": "orkestra"}],
        "updated_at": format!("2026-11-21T08:{:02}:{:02}Z", tracker.changes / 60, tracker.changes % 60),
    });
    if let (Some(issue), Value::Object(fields)) = (issue.as_object_mut(), fields) {
        for (key, value) in fields {
            issue.entry(key).or_insert(value);
        }
    }
    tracker.issues.retain(|known| known["number"] != number);
    tracker.issues.push(issue.clone());
    Json(issue)
}

async fn swallow(State(tracker): State<Shared>) {
    lock(&tracker).swallow = true;
}

async fn limit(State(tracker): State<Shared>, Json(count): Json<u64>) {
    lock(&tracker).limited = count;
}

async fn seen(State(tracker): State<Shared>) -> Json<Value> {
    let tracker = lock(&tracker);
    let comments: Vec<Value> = tracker
        .comments
        .iter()
        .map(|(on, comment)| json!({"on": on, "body": comment["body"]}))
        .collect();
    Json(json!({"comments": comments, "posts": tracker.posts, "lists": tracker.lists,
        "unchanged": tracker.unchanged}))
}
