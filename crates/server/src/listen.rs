//! Listening: one loopback port for browsers and programs, one Unix socket for the command line.

use crate::error::Error;
use crate::guard::{self, Allowed};
use crate::login::Logins;
use crate::{Configuration, dashboard, routes};
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use orkestra_engine::{FutureKind, Futures, Handle};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tracing::Instrument;

/// The largest request body.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What the server is given.
pub struct Options {
    /// The engine.
    pub engine: Handle,
    /// Who may use it.
    pub logins: Logins,
    /// The configuration.
    pub configuration: Arc<dyn Configuration>,
    /// Where to listen: a loopback address; port 0 takes a free one.
    pub address: SocketAddr,
    /// The data folder, for the socket.
    pub home: PathBuf,
    /// The version of this program.
    pub version: String,
}

/// What the server is once it listens.
#[derive(Debug, Clone)]
pub struct Running {
    /// Where browsers find it.
    pub url: String,
    /// The port.
    pub port: u16,
}

/// What handlers get.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) engine: Handle,
    pub(crate) logins: Logins,
    pub(crate) configuration: Arc<dyn Configuration>,
    pub(crate) futures: Futures,
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) started_at: jiff::Timestamp,
    pub(crate) started_boot_ms: u64,
}

/// Listens and serves until its futures are cancelled.
///
/// # Errors
/// The port is taken, or the socket cannot be made.
pub async fn serve(options: Options, futures: &Futures) -> Result<Running, Error> {
    let address = options.address;
    let listener = TcpListener::bind(address).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            Error::PortTaken(address)
        } else {
            Error::Listen { address: address.to_string(), source }
        }
    })?;
    let local = listener
        .local_addr()
        .map_err(|source| Error::Listen { address: address.to_string(), source })?;
    let url = format!("http://{local}");
    let now = options.engine.now();
    let app = App {
        engine: options.engine,
        logins: options.logins.clone(),
        configuration: options.configuration,
        futures: futures.clone(),
        url: url.clone(),
        version: options.version,
        started_at: now.at,
        started_boot_ms: now.boot_ms,
    };
    let for_agents = crate::agents::router(app.clone());
    let inner = router(app);
    let outer = inner
        .clone()
        .layer(middleware::from_fn_with_state(Allowed::loopback(local.port()), guard::hosts))
        .layer(middleware::from_fn(guard::headers));
    spawn(futures, listener, outer);
    let socket = unix_listener(&options.home)?;
    // Nobody but the owner can reach the socket, and no browser can: no host rules there.
    spawn(futures, socket, inner);
    spawn(futures, crate::agents::listener(&options.home)?, for_agents);
    Ok(Running { url, port: local.port() })
}

fn spawn<L>(futures: &Futures, listener: L, router: Router)
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    futures.spawn(FutureKind::Service, async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "The server has ended.");
        }
    });
}

pub(crate) fn file_error(path: &std::path::Path, source: std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}

fn unix_listener(home: &std::path::Path) -> Result<UnixListener, Error> {
    let path = home.join(crate::client::SOCKET);
    let fail = |source| file_error(&path, source);
    // The home's lock is held, so a socket that is there belongs to nobody.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
        Ok(()) | Err(_) => {}
    }
    orkestra_host::socket::bind_private(&path).map_err(|error| fail(std::io::Error::other(error)))
}

fn router(app: App) -> Router {
    let logins = app.logins.clone();
    let api = routes::protected(app.clone())
        .layer(middleware::from_fn_with_state(logins, guard::logged_in));
    routes::open(app)
        .merge(api)
        .fallback(dashboard::file)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(guard::problems))
        .layer(middleware::from_fn(traced))
}

/// One span for each request, until its answer begins: a stream goes on after it.
async fn traced(request: Request, next: Next) -> Response {
    // By the route and not by what was asked for: names would be without bound.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("dashboard", |path| path.as_str());
    let span = tracing::trace_span!(target: "orkestra_trace", "http",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = tracing::field::Empty);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", i64::from(response.status().as_u16()));
    response
}
