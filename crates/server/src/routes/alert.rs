//! Alerts, and who is told of them.

use crate::Problem;
use crate::extract::{Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{AlertList, AlertView, NotificationList, NotificationTest, NotificationView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::alert::{Alert, State as AlertState};
use serde::Deserialize;
use utoipa::IntoParams;

/// Alerts of one answer.
const LIST_MAX: usize = 1_000;

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `open`, `settled`, `resolved`, or `all`; without it those that are not over.
    state: Option<String>,
    /// At most so many, up to 1000 [100].
    limit: Option<usize>,
}

/// Alerts, the newest first.
#[utoipa::path(get, path = "/api/v1/alerts",
    responses((status = 200, body = AlertList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<AlertList>, Problem> {
    let states = match which.state.as_deref() {
        None => vec![AlertState::Open, AlertState::Settled],
        Some("all") => vec![AlertState::Open, AlertState::Settled, AlertState::Resolved],
        Some(word) => match AlertState::parse(word) {
            Some(state) => vec![state],
            None => return Err(Problem::bad_request(format!("{word:?} is no state of an alert"))),
        },
    };
    let limit = which.limit.unwrap_or(100).min(LIST_MAX);
    let alerts = app.engine.alerts(&states, limit).await?;
    let open = app.engine.alerts(&[AlertState::Open], LIST_MAX).await?.len();
    Ok(Json(AlertList { alerts: alerts.iter().map(AlertView::from).collect(), open }))
}

/// The alert of an id, or of the end of one.
async fn find(app: &App, id: &str) -> Result<Alert, Problem> {
    let unknown = || {
        Problem::new(StatusCode::NOT_FOUND, "ORK-0701", format!("there is no alert {id}"))
            .hint("orkestra alert list --all shows the alerts.")
    };
    if let Ok(id) = id.parse() {
        return app.engine.alert(id).await?.ok_or_else(unknown);
    }
    let end = id.to_ascii_lowercase();
    if end.len() < 4 {
        return Err(unknown());
    }
    let all = [AlertState::Open, AlertState::Settled, AlertState::Resolved];
    let alerts = app.engine.alerts(&all, LIST_MAX).await?;
    let mut found = alerts.into_iter().filter(|alert| alert.id.to_string().ends_with(&end));
    match (found.next(), found.next()) {
        (Some(alert), None) => Ok(alert),
        (Some(_), Some(_)) => {
            Err(unknown().hint("More than one alert ends like this; write more of the id."))
        }
        (None, _) => Err(unknown()),
    }
}

/// One alert; the end of its id is enough.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", params(("id" = String, Path)),
    responses((status = 200, body = AlertView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<AlertView>, Problem> {
    Ok(Json(AlertView::from(&find(&app, &id).await?)))
}

/// A person has seen to it. One that is settled or over stays as it is.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/settle", params(("id" = String, Path)),
    responses((status = 200, body = AlertView), (status = 404, body = Problem)))]
pub(crate) async fn settle(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<AlertView>, Problem> {
    let alert = find(&app, &id).await?;
    let settled = app.engine.settle_alert(alert.id, actor.0).await?;
    Ok(Json(AlertView::from(settled.as_ref().unwrap_or(&alert))))
}

/// Who is told of alerts.
#[utoipa::path(get, path = "/api/v1/notifications",
    responses((status = 200, body = NotificationList)))]
pub(crate) async fn notifications(State(app): State<App>) -> Json<NotificationList> {
    let notifications = app.engine.upkeep().notifications;
    let notifications = notifications
        .into_iter()
        .map(|(name, channel)| NotificationView {
            name,
            kind: channel.kind.as_str().to_owned(),
            min_level: channel.min_level.as_str().to_owned(),
            available: app.engine.can_notify(&channel),
        })
        .collect();
    Json(NotificationList { notifications })
}

/// Sends a test message as an alert would be sent, and says what became of it.
#[utoipa::path(post, path = "/api/v1/notifications/{name}/test", params(("name" = String, Path)),
    responses((status = 200, body = NotificationTest), (status = 404, body = Problem)))]
pub(crate) async fn test(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<NotificationTest>, Problem> {
    match app.engine.test_notification(&name).await? {
        Some(tested) => Ok(Json(NotificationTest {
            done: tested.done,
            why: tested.why,
            effect: tested.effect.to_string(),
        })),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "ORK-0702",
            format!("there is no notification {name}"),
        )
        .hint("orkestra notify list shows them; they are configured under `notifications`.")),
    }
}
