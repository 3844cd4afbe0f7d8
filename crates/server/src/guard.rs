//! What every request must pass before it is routed: the right host, the right origin, and a login
//! (MISSION row 83; DESIGN: surfaces).

use crate::login::{Logins, Who};
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The names under which this server may be called. A page of another name that resolves to this
/// machine (DNS rebinding) is refused, as is any foreign page that posts here.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    hosts: Arc<Vec<String>>,
    origins: Arc<Vec<String>>,
}

impl Allowed {
    pub(crate) fn loopback(port: u16) -> Self {
        let hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .map(|name| format!("{name}:{port}"))
            .collect();
        let origins = hosts.iter().map(|host| format!("http://{host}")).collect();
        Self { hosts: Arc::new(hosts), origins: Arc::new(origins) }
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// Refuses a foreign host or origin. It stands before routing, so not even "not found" is told.
pub(crate) async fn hosts(
    State(allowed): State<Allowed>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let named = only(headers, &header::HOST)
        .map(str::to_owned)
        .or_else(|| request.uri().authority().map(ToString::to_string));
    let known = named
        .as_deref()
        .is_some_and(|host| allowed.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)));
    if !known {
        let detail = format!("this server is not called {:?}", named.unwrap_or_default());
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, "ORK-0103", detail)
            .hint("Use the address that orkestra up prints.")
            .into_response();
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = only(headers, &header::ORIGIN).unwrap_or_default();
        if !allowed.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            let detail = format!("pages of {origin:?} may not use this server");
            return Problem::new(StatusCode::FORBIDDEN, "ORK-0104", detail).into_response();
        }
    }
    next.run(request).await
}

/// Refuses whoever has not logged in, whatever they ask for below `/api`.
pub(crate) async fn logged_in(
    State(logins): State<Logins>,
    mut request: Request,
    next: Next,
) -> Response {
    match logins.who(request.headers()).await {
        Some(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        None => Problem::new(StatusCode::UNAUTHORIZED, "ORK-0101", "this needs a login")
            .hint("Run `orkestra dashboard` for a link, or send the token of the data folder.")
            .into_response(),
    }
}

/// What a refusal of the framework may say about itself.
const DETAIL_BYTES_MAX: usize = 4 * 1024;

/// Gives every refusal below `/api` the form of a problem, also those that no handler made: a body
/// that is no JSON, a parameter of the wrong type, a method that there is not, a panic.
pub(crate) async fn problems(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json");
    if !is_api || is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let body =
        axum::body::to_bytes(response.into_body(), DETAIL_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&body).trim().to_owned();
    let detail = if said.is_empty() {
        status.canonical_reason().unwrap_or("refused").to_lowercase()
    } else {
        said
    };
    let code = if status.is_server_error() { "ORK-0001" } else { "ORK-0002" };
    let mut response = Problem::new(status, code, detail).into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// Headers for every answer: nothing foreign is loaded, nothing is framed, nothing is guessed.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let is_get = request.method() == Method::GET;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
             form-action 'self'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(header::HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_api || !is_get {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

impl Who {
    /// The actor that events name.
    pub(crate) fn actor(&self) -> &'static str {
        match self {
            Self::Browser => "person:dashboard",
            Self::Cli => "person:cli",
            Self::Token => "person:api",
        }
    }
}

/// Who acts, for handlers; only there behind the login check.
pub(crate) struct Actor(pub(crate) &'static str);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Who>()
            .map(|who| Self(who.actor()))
            .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "ORK-0101", "this needs a login"))
    }
}
