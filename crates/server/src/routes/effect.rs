//! What is done in the outer world, and a person's word on what nobody knows (Law 4).

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{EffectList, EffectSettle, EffectView, Need};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::id::EffectId;
use orkestra_engine::{Settled, effect_title};
use orkestra_store::EffectState;
use serde::Deserialize;

/// Effects of one answer.
const LIST_MAX: usize = 1_000;

const ALL: [EffectState; 5] = [
    EffectState::Recorded,
    EffectState::Begun,
    EffectState::Done,
    EffectState::Failed,
    EffectState::Unknown,
];

/// Which effects.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `recorded`, `begun`, `done`, `failed`, `unknown`, or `all`; without it those that are not done.
    state: Option<String>,
    /// At most so many, up to 1000 [100].
    limit: Option<usize>,
}

/// Effects in the outer world, the newest first.
#[utoipa::path(get, path = "/api/v1/effects", params(Which),
    responses((status = 200, body = EffectList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<EffectList>, Problem> {
    let states: Vec<EffectState> = match which.state.as_deref() {
        None => ALL.into_iter().filter(|state| *state != EffectState::Done).collect(),
        Some("all") => ALL.to_vec(),
        Some(word) => match EffectState::parse(word) {
            Some(state) => vec![state],
            None => return Err(Problem::bad_request(format!("{word:?} is no state of an effect"))),
        },
    };
    let limit = which.limit.unwrap_or(100).min(LIST_MAX);
    let effects = app.engine.effects(&states, limit).await?;
    let unknown = app.engine.effects(&[EffectState::Unknown], LIST_MAX).await?.len();
    Ok(Json(EffectList { effects: effects.iter().map(EffectView::from).collect(), unknown }))
}

fn no_effect(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "ORK-0703", format!("there is no effect {id}"))
        .hint("orkestra effect list --all shows the effects.")
}

/// The effect of an id, or of the end of one.
async fn find(app: &App, id: &str) -> Result<EffectId, Problem> {
    if let Ok(id) = id.parse() {
        return Ok(id);
    }
    let end = id.to_ascii_lowercase();
    if end.len() < 4 {
        return Err(no_effect(id));
    }
    let effects = app.engine.effects(&ALL, LIST_MAX).await?;
    let mut found = effects.into_iter().filter(|effect| effect.id.to_string().ends_with(&end));
    match (found.next(), found.next()) {
        (Some(effect), None) => Ok(effect.id),
        (Some(_), Some(_)) => {
            Err(no_effect(id).hint("More than one effect ends like this; write more of the id."))
        }
        (None, _) => Err(no_effect(id)),
    }
}

/// A person says what became of an effect whose outcome is unknown, or lets one be tried again
/// that is unknown or failed; the end of its id is enough. Sent twice, the second is refused.
#[utoipa::path(post, path = "/api/v1/effects/{id}/settle", params(("id" = String, Path)),
    request_body = EffectSettle,
    responses((status = 200, body = EffectView), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn settle(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(word): Body<EffectSettle>,
) -> Result<Json<EffectView>, Problem> {
    let effect = find(&app, &id).await?;
    match app.engine.settle_effect(effect, word.how.into(), actor.0).await? {
        Settled::Yes(row) => Ok(Json(EffectView::from(&row))),
        Settled::Missing => Err(no_effect(&id)),
        Settled::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, "ORK-0704", why)
            .hint("orkestra effect list shows how far each effect is.")),
    }
}

/// What waits for a person's word, as one entry.
pub(super) async fn need(app: &App) -> Result<Option<Need>, Problem> {
    let unknown = app.engine.effects(&[EffectState::Unknown], LIST_MAX).await?;
    let Some(oldest) = unknown.last() else { return Ok(None) };
    let title = match unknown.len() {
        1 => format!("Nobody knows whether this happened: {}", effect_title(oldest)),
        LIST_MAX.. => format!("Nobody knows of {LIST_MAX} effects or more whether they happened."),
        count => format!("Nobody knows of {count} effects whether they happened."),
    };
    Ok(Some(Need {
        kind: "effect_unknown".to_owned(),
        subject: if unknown.len() == 1 { oldest.id.to_string() } else { "outbox".to_owned() },
        title,
        since: Some(oldest.created_at.to_string()),
        action: "orkestra effect list".to_owned(),
    }))
}
