//! Issues of GitHub, on the wire.

use orkestra_core::issue::Taken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An issue that was seen.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IssueView {
    /// `OWNER/NAME`.
    pub repo: String,
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// Where people see it.
    pub url: String,
    /// `waiting`, `refused`, `running`, `answered`.
    pub state: String,
    /// Its run.
    pub run: Option<String>,
    /// Why it waits or was refused.
    pub why: Option<String>,
}

impl From<&Taken> for IssueView {
    fn from(taken: &Taken) -> Self {
        let issue = &taken.issue;
        Self {
            repo: issue.repo.clone(),
            number: issue.number,
            title: issue.title.clone(),
            author: issue.author.clone(),
            url: issue.url.clone(),
            state: taken.state.as_str().to_owned(),
            run: taken.run.map(|run| run.to_string()),
            why: taken.why.clone(),
        }
    }
}

/// Issues that become runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GitHubStatus {
    /// The repository; nothing when none is configured.
    pub repo: Option<String>,
    /// When it was looked last (RFC 3339).
    pub at: Option<String>,
    /// What went wrong then, in words.
    pub trouble: Option<String>,
    /// When it is looked again (RFC 3339).
    pub next_at: Option<String>,
    /// Issues that were seen, the one that changed last first.
    pub issues: Vec<IssueView>,
}
