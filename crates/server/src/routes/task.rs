//! Tasks.

use crate::problem::Problem;
use axum::http::StatusCode;
use orkestra_core::task::Refusal;

/// Why something cannot be done with a task, as clients get it.
pub(crate) fn problem(refusal: &Refusal) -> Problem {
    let new = |status, code| Problem::new(status, code, refusal.to_string());
    match refusal {
        Refusal::Unknown(_) => {
            new(StatusCode::NOT_FOUND, "ORK-1001").hint("orkestra task list shows the tasks.")
        }
        Refusal::State { .. }
        | Refusal::Taken { .. }
        | Refusal::NotYet { .. }
        | Refusal::Unfit { .. } => new(StatusCode::CONFLICT, "ORK-1002"),
        Refusal::Lost { .. } => new(StatusCode::CONFLICT, "ORK-1003").hint(
            "Stop working on it: somebody else may be at it. orkestra task claim takes one anew.",
        ),
        Refusal::UnknownDependency { .. } | Refusal::Cycle { .. } => {
            new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-1004")
        }
        Refusal::Invalid(_) => new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-1005"),
    }
}
