//! The API's addresses, one file per topic.

mod agent;
mod alert;
pub(crate) mod approval;
mod audit;
pub(crate) mod backup;
mod check;
mod config;
mod daemon;
mod effect;
mod evidence;
mod github;
mod health;
mod job;
pub(crate) mod journal;
mod life;
mod log;
mod login;
mod merge;
mod metrics;
mod money;
mod notice;
mod project;
mod review;
mod routing;
mod run;
mod sample;
mod secret;
mod session;
mod snapshot;
pub(crate) mod task;
mod unit;
mod vote;

use crate::listen::App;
use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Orkestra",
        description = "Keeps processes and AI agents running, and remembers everything. Every call \
            below /api needs a login: the session cookie, or `Authorization: Bearer TOKEN`. Errors \
            are application/problem+json with a code; docs/errors/ explains each.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(crate::Problem))
)]
struct Document;

/// Addresses for everybody: health, and logging in.
fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(daemon::health)).routes(routes!(login::login))
}

/// Addresses for who has logged in.
fn protected_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login::logout))
        .routes(routes!(login::link))
        .routes(routes!(daemon::status))
        .routes(routes!(daemon::shutdown))
        .routes(routes!(unit::list))
        .routes(routes!(unit::show))
        .routes(routes!(unit::start))
        .routes(routes!(unit::stop))
        .routes(routes!(unit::restart))
        .routes(routes!(unit::signal))
        .routes(routes!(sample::of_unit))
        .routes(routes!(sample::of_all))
        .routes(routes!(log::page))
        .routes(routes!(log::stream))
        .routes(routes!(run::list, run::create))
        .routes(routes!(run::show))
        .routes(routes!(run::stop))
        .routes(routes!(life::pause))
        .routes(routes!(life::resume))
        .routes(routes!(life::answer))
        .routes(routes!(life::instruct))
        .routes(routes!(review::list, review::start))
        .routes(routes!(review::show))
        .routes(routes!(review::answer))
        .routes(routes!(evidence::show))
        .routes(routes!(evidence::verify))
        .routes(routes!(evidence::diff))
        .routes(routes!(evidence::undo))
        .routes(routes!(evidence::discard))
        .routes(routes!(project::list, project::create))
        .routes(routes!(project::show))
        .routes(routes!(project::load))
        .routes(routes!(project::config))
        .routes(routes!(project::start))
        .routes(routes!(project::stop))
        .routes(routes!(project::reset))
        .routes(routes!(session::list, session::create))
        .routes(routes!(session::show))
        .routes(routes!(session::approve))
        .routes(routes!(session::plan))
        .routes(routes!(session::pause))
        .routes(routes!(session::resume))
        .routes(routes!(session::stop))
        .routes(routes!(task::list, task::create))
        .routes(routes!(task::batch))
        .routes(routes!(task::graph))
        .routes(routes!(task::claim_next))
        .routes(routes!(task::show))
        .routes(routes!(task::edit))
        .routes(routes!(task::assign))
        .routes(routes!(task::shelve))
        .routes(routes!(task::unshelve))
        .routes(routes!(task::retry))
        .routes(routes!(task::cancel))
        .routes(routes!(task::handover))
        .routes(routes!(task::delegate))
        .routes(routes!(task::claim))
        .routes(routes!(task::heartbeat))
        .routes(routes!(task::report))
        .routes(routes!(merge::list, merge::create))
        .routes(routes!(merge::show))
        .routes(routes!(merge::retry))
        .routes(routes!(merge::cancel))
        .routes(routes!(merge::undo))
        .routes(routes!(merge::overlaps))
        .routes(routes!(job::list))
        .routes(routes!(job::show))
        .routes(routes!(job::run))
        .routes(routes!(job::enable))
        .routes(routes!(job::disable))
        .routes(routes!(job::logs))
        .routes(routes!(job::log_stream))
        .routes(routes!(routing::why))
        .routes(routes!(agent::list))
        .routes(routes!(agent::ask))
        .routes(routes!(agent::show))
        .routes(routes!(agent::probe))
        .routes(routes!(agent::pause))
        .routes(routes!(agent::resume))
        .routes(routes!(notice::inbox))
        .routes(routes!(notice::read))
        .routes(routes!(notice::note, notice::set_note))
        .routes(routes!(check::show, check::make))
        .routes(routes!(check::heal))
        .routes(routes!(snapshot::list, snapshot::create))
        .routes(routes!(snapshot::show))
        .routes(routes!(snapshot::restore))
        .routes(routes!(money::usage))
        .routes(routes!(money::budgets, money::set))
        .routes(routes!(money::remove))
        .routes(routes!(money::lift))
        .routes(routes!(money::calls))
        .routes(routes!(github::status))
        .routes(routes!(journal::events))
        .routes(routes!(journal::page))
        .routes(routes!(journal::show))
        .routes(routes!(audit::verify))
        .routes(routes!(config::show))
        .routes(routes!(config::reload))
        .routes(routes!(alert::list))
        .routes(routes!(alert::show))
        .routes(routes!(alert::settle))
        .routes(routes!(alert::notifications))
        .routes(routes!(alert::test))
        .routes(routes!(approval::list))
        .routes(routes!(approval::show))
        .routes(routes!(approval::approve))
        .routes(routes!(approval::deny))
        .routes(routes!(approval::rules))
        .routes(routes!(approval::forget))
        .routes(routes!(effect::list))
        .routes(routes!(effect::settle))
        .routes(routes!(health::show))
        .routes(routes!(health::check))
        .routes(routes!(health::prune))
        .routes(routes!(vote::list, vote::open))
        .routes(routes!(vote::verify))
        .routes(routes!(vote::show))
        .routes(routes!(vote::cast))
        .routes(routes!(vote::close))
        .routes(routes!(vote::decide))
        .routes(routes!(vote::mark))
        .routes(routes!(vote::replay))
        .routes(routes!(vote::stats))
        .routes(routes!(secret::check))
        .routes(routes!(metrics::metrics))
        .routes(routes!(backup::list, backup::create))
}

pub(crate) fn open(app: App) -> Router {
    let (router, _) = open_routes().with_state(app).split_for_parts();
    router.method_not_allowed_fallback(wrong_method)
}

pub(crate) fn protected(app: App) -> Router {
    let document = openapi();
    let (router, _) = protected_routes().with_state(app).split_for_parts();
    router
        .route("/api/v1/openapi.json", axum::routing::get(move || async { axum::Json(document) }))
        // Below /api nothing else answers, and only who has logged in is told so.
        .route("/api/{*rest}", axum::routing::any(nothing))
        .method_not_allowed_fallback(wrong_method)
}

async fn nothing() -> crate::Problem {
    crate::Problem::new(
        axum::http::StatusCode::NOT_FOUND,
        "ORK-0003",
        "there is no such address in the API",
    )
    .hint("GET /api/v1/openapi.json lists all addresses.")
}

/// Answers a method that an address does not know.
async fn wrong_method() -> crate::Problem {
    let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    crate::Problem::new(status, "ORK-0002", "this address does not know this method")
        .hint("GET /api/v1/openapi.json lists all addresses.")
}

/// The API as an OpenAPI 3.1 document; committed as `docs/openapi.json`, which a test checks.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, mut document) = OpenApiRouter::<App>::with_openapi(Document::openapi())
        .merge(open_routes())
        .merge(protected_routes())
        .split_for_parts();
    document.info.version = "1".to_owned();
    document
}
