//! Errors on the wire: `application/problem+json` (RFC 9457) with a code that is documented in
//! `docs/errors/`.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Every code with its title; each has a page in `docs/errors/`, which a test checks.
pub const CODES: &[(&str, &str)] = &[
    ("ORK-0001", "Something inside Orkestra failed"),
    ("ORK-0002", "The request cannot be read"),
    ("ORK-0003", "There is no such address"),
    ("ORK-0101", "Not logged in"),
    ("ORK-0102", "The login link is used up or too old"),
    ("ORK-0103", "Host not allowed"),
    ("ORK-0104", "Origin not allowed"),
    ("ORK-0201", "No such unit"),
    ("ORK-0202", "The unit is not running"),
    ("ORK-0203", "The daemon is going down"),
    ("ORK-0301", "The disk is full"),
    ("ORK-0302", "The data folder cannot be written"),
    ("ORK-0401", "The configuration is wrong"),
    ("ORK-0501", "No agent can do it"),
    ("ORK-0502", "No such run"),
    ("ORK-0503", "It cannot be done with this run now"),
    ("ORK-0601", "No such job"),
    ("ORK-0701", "No such alert"),
    ("ORK-0702", "No such notification"),
    ("ORK-1301", "No such vote"),
    ("ORK-1302", "It cannot be done with this vote now"),
    ("ORK-0703", "No such effect"),
    ("ORK-0704", "The effect cannot be settled like this"),
    ("ORK-0801", "The agent is held back"),
    ("ORK-0802", "No such agent"),
    ("ORK-0803", "A budget is used up"),
    ("ORK-0804", "No such budget"),
    ("ORK-0805", "The budget cannot be changed like this"),
    ("ORK-0901", "No such approval"),
    ("ORK-0902", "The approval is over"),
    ("ORK-0903", "What was answered is not what is asked"),
    ("ORK-0904", "The approval cannot reach that far"),
    ("ORK-0905", "No such rule"),
    ("ORK-0906", "Not the token of a run that goes on"),
    ("ORK-0951", "No such merge"),
    ("ORK-0952", "It cannot be merged like this"),
    ("ORK-1001", "No such task"),
    ("ORK-1002", "It cannot be done with this task now"),
    ("ORK-1003", "The claim is lost"),
    ("ORK-1004", "The dependencies of the task make no sense"),
    ("ORK-1005", "The task makes no sense"),
    ("ORK-1101", "No such session"),
    ("ORK-1102", "It cannot be done with this session now"),
    ("ORK-1103", "The plan cannot be carried out"),
    ("ORK-1601", "No such snapshot"),
    ("ORK-1602", "The work cannot be put back now"),
    ("ORK-1104", "No such project"),
    ("ORK-1105", "The project makes no sense"),
    ("ORK-1201", "No such review"),
    ("ORK-1202", "It cannot be done with this review now"),
];

/// An error as clients get it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// `ORK-…`.
    pub code: String,
    /// What happened, in one sentence.
    pub detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is wrong with the configuration, for ORK-0401.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<crate::wire::ConfigProblem>,
}

impl Problem {
    /// A problem with this code; the title comes from `CODES`.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let title = CODES.iter().find(|(known, _)| *known == code).map_or("", |(_, title)| title);
        Self {
            kind: format!("/docs/errors/{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            hint: None,
            errors: Vec::new(),
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A job that is not there.
    pub fn no_job(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ORK-0601", detail)
            .hint("orkestra job list shows all jobs.")
    }

    /// A request that makes no sense.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ORK-0002", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<orkestra_engine::Error> for Problem {
    fn from(error: orkestra_engine::Error) -> Self {
        use orkestra_core::job;
        use orkestra_core::unit::Rejection;
        use orkestra_engine::Error;
        let detail = error.to_string();
        match error {
            Error::Rejected(Rejection::Unknown { similar, .. }) => {
                let problem = Self::new(StatusCode::NOT_FOUND, "ORK-0201", detail);
                match similar.first() {
                    Some(name) => problem.hint(format!("Did you mean {name}?")),
                    None => problem.hint("orkestra unit list shows all units."),
                }
            }
            Error::Rejected(Rejection::NotRunning { name, .. }) => {
                Self::new(StatusCode::CONFLICT, "ORK-0202", detail)
                    .hint(format!("Start it first: orkestra unit start {name}"))
            }
            Error::RejectedJob(job::Rejection::Unknown { similar, .. }) => {
                let problem = Self::no_job(detail);
                match similar.first() {
                    Some(name) => problem.hint(format!("Did you mean {name}?")),
                    None => problem,
                }
            }
            Error::RejectedJob(job::Rejection::Closing)
            | Error::Rejected(Rejection::Closing)
            | Error::Closing => Self::new(StatusCode::SERVICE_UNAVAILABLE, "ORK-0203", detail),
            Error::StoreFull => Self::new(StatusCode::INSUFFICIENT_STORAGE, "ORK-0301", detail)
                .hint("Make room on the disk; Orkestra notices by itself."),
            Error::StoreUnwritable => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "ORK-0302", detail)
                    .hint("Make the data folder writable again; Orkestra notices by itself.")
            }
            Error::RejectedApproval(rejection) => crate::routes::approval::problem(&rejection),
            Error::UnknownHook(_) => Self::bad_request(detail),
            Error::VoteRefused(_) => Self::new(StatusCode::CONFLICT, "ORK-1302", detail),
            Error::UnknownVote(_) => Self::new(StatusCode::NOT_FOUND, "ORK-1301", detail)
                .hint("orkestra vote list shows the votes."),
            Error::RunOver(_) => Self::new(StatusCode::UNAUTHORIZED, "ORK-0906", detail),
            Error::Store(source) => Self::from(source),
            Error::NoAgent(_) | Error::Target(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-0501", detail)
            }
            Error::AgentHeld { agent, .. } => Self::new(StatusCode::CONFLICT, "ORK-0801", detail)
                .hint(format!("orkestra agent resume {agent} lets it go on.")),
            Error::OverBudget(_) => Self::new(StatusCode::CONFLICT, "ORK-0803", detail)
                .hint("orkestra budget list shows all budgets; orkestra budget override NAME lets go on for a time."),
            Error::RefusedTask(refusal) => crate::routes::task::problem(&refusal),
            Error::RunRefused(_) => Self::new(StatusCode::CONFLICT, "ORK-0503", detail),
            Error::UnknownSession(_) => Self::new(StatusCode::NOT_FOUND, "ORK-1101", detail)
                .hint("orkestra session list shows the sessions."),
            Error::SessionRefused(_) => Self::new(StatusCode::CONFLICT, "ORK-1102", detail),
            Error::UnknownProject(_) => Self::new(StatusCode::NOT_FOUND, "ORK-1104", detail)
                .hint("orkestra project list shows the projects."),
            Error::ProjectRefused(_) => Self::new(StatusCode::CONFLICT, "ORK-1105", detail),
            Error::PlanRefused(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-1103", detail)
            }
            Error::Work(_) => Self::new(StatusCode::CONFLICT, "ORK-1602", detail),
            Error::UnknownMerge(_) => Self::new(StatusCode::NOT_FOUND, "ORK-0951", detail)
                .hint("orkestra merge list shows the merges."),
            Error::MergeRefused(_) => Self::new(StatusCode::CONFLICT, "ORK-0952", detail),
            Error::ReviewRefused(_) => Self::new(StatusCode::CONFLICT, "ORK-1202", detail),
            Error::UnknownReview(_) => Self::new(StatusCode::NOT_FOUND, "ORK-1201", detail)
                .hint("orkestra review list shows the reviews."),
            Error::UnknownRun(_) => Self::new(StatusCode::NOT_FOUND, "ORK-0502", detail)
                .hint("orkestra run list shows the runs."),
        }
    }
}

impl From<orkestra_store::Error> for Problem {
    fn from(error: orkestra_store::Error) -> Self {
        match error {
            orkestra_store::Error::Full => return orkestra_engine::Error::StoreFull.into(),
            orkestra_store::Error::ReadOnly => {
                return orkestra_engine::Error::StoreUnwritable.into();
            }
            _ => {}
        }
        tracing::error!(%error, "The store failed.");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "ORK-0001", error.to_string())
            .hint("The daemon's log says more: orkestra doctor shows where it is.")
    }
}
