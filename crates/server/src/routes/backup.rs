//! Backups.

use crate::Problem;
use crate::extract::Body;
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{BackupList, BackupRequest, BackupView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_store::BackupFound;

/// How many are kept unless something else is said.
pub const BACKUPS_KEPT: usize = 10;

impl From<&BackupFound> for BackupView {
    fn from(found: &BackupFound) -> Self {
        let manifest = &found.manifest;
        Self {
            path: found.folder.display().to_string(),
            created_at: manifest.created_at.to_string(),
            version: manifest.version.clone(),
            schema: manifest.schema,
            epoch: manifest.epoch,
            seq: manifest.seq,
            seal: manifest.seal.clone(),
            files: manifest.files.len(),
            bytes: manifest.bytes(),
        }
    }
}

/// Backups in the data folder, the newest first.
#[utoipa::path(get, path = "/api/v1/backups", responses((status = 200, body = BackupList)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<BackupList>, Problem> {
    let place = app.engine.home().join(orkestra_engine::BACKUPS);
    let found = tokio::task::spawn_blocking(move || orkestra_store::list_backups(&place));
    let found =
        found.await.map_err(|_| Problem::bad_request("the backups could not be listed"))??;
    Ok(Json(BackupList { backups: found.iter().map(BackupView::from).collect() }))
}

/// Makes a backup while everything goes on: database, blobs, configuration, vault.
#[utoipa::path(post, path = "/api/v1/backups", request_body = BackupRequest,
    responses((status = 201, body = BackupView), (status = 400, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<BackupRequest>,
) -> Result<(StatusCode, Json<BackupView>), Problem> {
    let out = request.out.map(std::path::PathBuf::from);
    if out.as_ref().is_some_and(|out| out.is_relative()) {
        return Err(Problem::bad_request("`out` must be an absolute path"));
    }
    let (config, keep) = (app.configuration.path(), request.keep.unwrap_or(BACKUPS_KEPT));
    let made = app.engine.create_backup(out, config, &app.version, keep, actor.0).await?;
    Ok((StatusCode::CREATED, Json(BackupView::from(&made))))
}
