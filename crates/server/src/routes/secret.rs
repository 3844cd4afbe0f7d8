//! Secrets by reference: whether they are there. Their values are never told.

use crate::Problem;
use crate::extract::Body;
use crate::listen::App;
use crate::wire::{SecretCheck, SecretList, SecretView};
use axum::Json;
use axum::extract::State;
use orkestra_engine::CheckedSecret;

impl From<CheckedSecret> for SecretView {
    fn from(checked: CheckedSecret) -> Self {
        let CheckedSecret { of, variable, reference, missing, note } = checked;
        Self {
            of,
            variable,
            reference,
            ok: missing.is_none(),
            no_manager: missing.as_ref().is_some_and(|missing| missing.no_manager),
            why: missing.as_ref().map(|missing| missing.why.clone()),
            hint: missing.map(|missing| missing.hint),
            note,
        }
    }
}

/// Looks for the secrets that the configuration refers to. This asks the password manager, which
/// may ask a person, so it is no GET.
#[utoipa::path(post, path = "/api/v1/secrets/check", request_body = SecretCheck,
    responses((status = 200, body = SecretList)))]
pub(crate) async fn check(
    State(app): State<App>,
    Body(asked): Body<SecretCheck>,
) -> Result<Json<SecretList>, Problem> {
    let checked = app.engine.check_secrets(asked.of.as_deref()).await;
    Ok(Json(SecretList { secrets: checked.into_iter().map(SecretView::from).collect() }))
}
