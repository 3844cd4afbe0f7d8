//! Issues of GitHub that become runs.

use crate::Problem;
use crate::listen::App;
use crate::wire::{GitHubStatus, IssueView};
use axum::Json;
use axum::extract::State;

/// Issues of one answer.
const ISSUES_MAX: usize = 200;

/// Which issues became runs, and how it went the last time that it was looked.
#[utoipa::path(get, path = "/api/v1/github", responses((status = 200, body = GitHubStatus)))]
pub(crate) async fn status(State(app): State<App>) -> Result<Json<GitHubStatus>, Problem> {
    let poll = app.engine.github_poll();
    let issues = app.engine.issues(ISSUES_MAX).await?;
    Ok(Json(GitHubStatus {
        repo: app.engine.upkeep().github.map(|spec| spec.repository.repo),
        at: poll.at.map(|at| at.to_string()),
        trouble: poll.trouble,
        next_at: poll.next_at.map(|at| at.to_string()),
        issues: issues.iter().map(IssueView::from).collect(),
    }))
}
