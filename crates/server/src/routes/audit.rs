//! Verifying the journal.

use crate::Problem;
use crate::listen::App;
use crate::wire::{AuditProblem, AuditView};
use axum::Json;
use axum::extract::State;

/// Recomputes every body, header and seal of the journal and says what does not match.
#[utoipa::path(get, path = "/api/v1/audit", responses((status = 200, body = AuditView)))]
pub(crate) async fn verify(State(app): State<App>) -> Result<Json<AuditView>, Problem> {
    let (report, anchor) =
        app.engine.store().read(|read| Ok((read.verify(&mut |_| {})?, read.anchor()?))).await?;
    let problems = report.first_bad.iter().map(|problem| AuditProblem {
        seq: problem.seq,
        id: problem.id.map(|id| id.to_string()),
        kind: problem.kind.clone(),
        what: problem.what.clone(),
    });
    Ok(Json(AuditView {
        ok: report.is_clean(),
        events: report.events,
        seals: report.seals,
        problems: problems.collect(),
        newest_seal: anchor.unwrap_or_default(),
        checked_at: app.engine.now().at.to_string(),
    }))
}
