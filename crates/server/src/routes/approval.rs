//! Questions and a person's answers, and the rules that wider answers made.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    Answered, ApprovalDetail, ApprovalList, ApprovalView, ApproveRequest, DenyRequest,
    GateRuleList, GateRuleView, Need,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orkestra_core::approval::{self, Approval, Scope, State as ApprovalState};
use orkestra_core::id::{ApprovalId, GrantId, RunId};
use orkestra_core::span::Span;
use orkestra_engine::Yes;
use orkestra_store::ApprovalFilter;
use serde::Deserialize;

/// What was asked before is shown up to here.
const HISTORY_MAX: usize = 10;

/// Questions shown among what needs a person.
const NEEDS_MAX: usize = 100;

/// The longest word to an answer, in bytes.
const NOTE_BYTES_MAX: usize = 4 * 1024;

/// Which approvals.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `pending` (without it), `approved`, `used`, `denied`, `expired`, `withdrawn`, or `all`.
    state: Option<String>,
    /// Only of this run; the end of its id is enough.
    run: Option<String>,
    /// At most so many, 1 to 500 [100].
    limit: Option<usize>,
    /// Only older than this approval.
    before: Option<String>,
}

/// Approvals, the newest first.
#[utoipa::path(get, path = "/api/v1/approvals", params(Which),
    responses((status = 200, body = ApprovalList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<ApprovalList>, Problem> {
    let states = match which.state.as_deref() {
        None => vec![ApprovalState::Pending.as_str().to_owned()],
        Some("all") => Vec::new(),
        Some(word) => match ApprovalState::parse(word) {
            Some(state) => vec![state.as_str().to_owned()],
            None => {
                return Err(Problem::bad_request(format!("{word:?} is no state of an approval")));
            }
        },
    };
    let before: Option<ApprovalId> = which
        .before
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| Problem::bad_request("before is not an approval's id"))?;
    let run: Option<RunId> = match which.run {
        Some(text) => Some(super::run::find(&app, &text).await?.id),
        None => None,
    };
    let limit = which.limit.unwrap_or(100).clamp(1, 500);
    let approvals = app.engine.approvals(ApprovalFilter { states, run, before, limit }).await?;
    let next = match approvals.last() {
        Some(last) if approvals.len() == limit => Some(last.id.to_string()),
        _ => None,
    };
    let pending = app.engine.approvals_pending().await?;
    let approvals = approvals.iter().map(|one| view(&app, one)).collect();
    Ok(Json(ApprovalList { approvals, next, pending }))
}

fn view(app: &App, approval: &Approval) -> ApprovalView {
    ApprovalView::new(approval, app.engine.secrets())
}

/// The approval whose id is this or ends like this.
async fn find(app: &App, text: &str) -> Result<Approval, Problem> {
    let mut found = app.engine.approvals_named(text).await?;
    match (found.pop(), found.len()) {
        (Some(approval), 0) => Ok(approval),
        (Some(_), more) => Err(Problem::bad_request(format!(
            "{} approvals have an id that ends in {text}; give more of it",
            more + 1
        ))),
        (None, _) => {
            let unknown = approval::Rejection::Unknown(text.to_owned());
            Err(orkestra_engine::Error::from(unknown).into())
        }
    }
}

/// One approval with all that a person needs to answer it; the end of its id is enough.
#[utoipa::path(get, path = "/api/v1/approvals/{id}", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ApprovalDetail>, Problem> {
    let approval = find(&app, &id).await?;
    let alike = app.engine.approvals_like(&approval, HISTORY_MAX * 4).await?;
    let (together, history): (Vec<_>, Vec<_>) = alike
        .into_iter()
        .partition(|other| other.state == ApprovalState::Pending && other.group == approval.group);
    let history = history.iter().take(HISTORY_MAX).map(|one| view(&app, one)).collect();
    Ok(Json(ApprovalDetail {
        together: together.iter().map(|one| one.id.to_string()).collect(),
        history,
        cli: format!("orkestra approval show {}", approval.id.short()),
        approval: view(&app, &approval),
    }))
}

fn note_of(note: Option<String>) -> Result<Option<String>, Problem> {
    match note {
        Some(note) if note.len() > NOTE_BYTES_MAX => {
            Err(Problem::bad_request(format!("the note is longer than {NOTE_BYTES_MAX} bytes")))
        }
        Some(note) if note.trim().is_empty() => Ok(None),
        note => Ok(note),
    }
}

async fn answered(
    app: &App,
    id: ApprovalId,
    changed: Vec<Approval>,
) -> Result<Json<Answered>, Problem> {
    let (own, others): (Vec<_>, Vec<_>) = changed.into_iter().partition(|one| one.id == id);
    let approval = match own.first() {
        Some(approval) => view(app, approval),
        // The same answer again: it is as it was.
        None => view(app, &find(app, &id.to_string()).await?),
    };
    Ok(Json(Answered { approval, others: others.iter().map(|one| view(app, one)).collect() }))
}

/// A person says yes to what they saw. The same answer again changes nothing.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/approve", params(("id" = String, Path)),
    request_body = ApproveRequest,
    responses((status = 200, body = Answered), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn approve(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<ApproveRequest>,
) -> Result<Json<Answered>, Problem> {
    let approval = find(&app, &id).await?;
    let scope = match request.scope.as_deref() {
        None => Scope::Once,
        Some(word) => Scope::parse(word).ok_or_else(|| {
            Problem::bad_request(format!(
                "{word:?} is no scope; expected once, task, agent or rule"
            ))
        })?,
    };
    let lasts = match request.lasts.as_deref() {
        None => None,
        Some(text) => {
            let span: Span = text.parse().map_err(|_| {
                Problem::bad_request(format!(
                    "{text:?} is no length of time; expected, for example, 1h"
                ))
            })?;
            let ms = i64::try_from(span.ms()).unwrap_or(i64::MAX);
            Some(jiff::SignedDuration::from_millis(ms))
        }
    };
    let yes = Yes { scope, lasts, note: note_of(request.note)? };
    let id = approval.id;
    let changed = app.engine.approve(id, request.hash, yes, request.all, actor.0).await?;
    answered(&app, id, changed).await
}

/// A person says no; the agent is told why. The same answer again changes nothing.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/deny", params(("id" = String, Path)),
    request_body = DenyRequest,
    responses((status = 200, body = Answered), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn deny(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(request): Body<DenyRequest>,
) -> Result<Json<Answered>, Problem> {
    let id = find(&app, &id).await?.id;
    let note = note_of(request.note)?;
    let changed = app.engine.deny(id, request.hash, note, request.all, actor.0).await?;
    answered(&app, id, changed).await
}

/// Rules that people made by wider answers and that hold.
#[utoipa::path(get, path = "/api/v1/gate/rules", responses((status = 200, body = GateRuleList)))]
pub(crate) async fn rules(State(app): State<App>) -> Result<Json<GateRuleList>, Problem> {
    let rules = app.engine.gate_rules().await?;
    Ok(Json(GateRuleList { rules: rules.iter().map(GateRuleView::from).collect() }))
}

/// A person takes a rule back; the end of its id is enough.
#[utoipa::path(post, path = "/api/v1/gate/rules/{id}/forget", params(("id" = String, Path)),
    responses((status = 200, body = GateRuleView), (status = 404, body = Problem)))]
pub(crate) async fn forget(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<GateRuleView>, Problem> {
    let end: String = id.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    let rules = app.engine.gate_rules().await?;
    let mut found = rules
        .iter()
        .filter(|rule| end.len() >= 4 && rule.id.uuid().simple().to_string().ends_with(&end));
    let rule = match (found.next(), found.next()) {
        (Some(rule), None) => rule,
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request(format!(
                "several rules have an id that ends in {id}; give more of it"
            )));
        }
        (None, _) => {
            let unknown = approval::Rejection::UnknownGrant(id);
            return Err(orkestra_engine::Error::from(unknown).into());
        }
    };
    let id: GrantId = rule.id;
    app.engine.forget_rule(id, actor.0).await?;
    Ok(Json(GateRuleView::from(rule)))
}

/// Questions among what needs a person; the same question of several runs is one.
pub(crate) async fn needs(app: &App) -> Result<Vec<Need>, Problem> {
    let states = vec![ApprovalState::Pending.as_str().to_owned()];
    let filter = ApprovalFilter { states, limit: NEEDS_MAX, ..ApprovalFilter::default() };
    let mut needs: Vec<(String, usize, Need)> = Vec::new();
    // The newest come first; of a group the newest is named.
    for approval in app.engine.approvals(filter).await? {
        if let Some((_, count, _)) = needs.iter_mut().find(|(group, _, _)| *group == approval.group)
        {
            *count += 1;
            continue;
        }
        let shown = view(app, &approval);
        let why = shown.reasons.first().map(|reason| reason.reason.clone()).unwrap_or_default();
        let need = Need {
            kind: "approval".to_owned(),
            subject: shown.id,
            title: format!("{} asks: {} ({why})", shown.agent, shown.what),
            since: Some(shown.asked_at),
            action: format!("orkestra approve {}", shown.short),
        };
        needs.push((approval.group, 1, need));
    }
    Ok(needs
        .into_iter()
        .map(|(_, count, mut need)| {
            if count > 1 {
                need.title = format!("{} (asked by {count} runs)", need.title);
                need.action += " --all";
            }
            need
        })
        .collect())
}

/// What a rejected answer is on the wire.
pub(crate) fn problem(rejection: &approval::Rejection) -> Problem {
    use approval::Rejection;
    let detail = rejection.to_string();
    match rejection {
        Rejection::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, "ORK-0901", detail)
            .hint("orkestra approval list --all shows the approvals."),
        Rejection::UnknownGrant(_) => Problem::new(StatusCode::NOT_FOUND, "ORK-0905", detail)
            .hint("orkestra gate rules shows the rules that people made."),
        Rejection::Over { .. } => Problem::new(StatusCode::CONFLICT, "ORK-0902", detail)
            .hint("If the agent still needs it, it asks again."),
        Rejection::Changed => Problem::new(StatusCode::CONFLICT, "ORK-0903", detail)
            .hint("Look at it again: orkestra approval show ID. Nothing was approved."),
        Rejection::Scope { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-0904", detail)
                .hint("Leave the scope out to approve it once.")
        }
        Rejection::Time(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "ORK-0904", detail)
            .hint("For example: --for 1h"),
    }
}
