//! Logging in and out.

use crate::Problem;
use crate::extract::Body;
use crate::listen::App;
use crate::login::set_cookie;
use crate::wire::{LinkView, LoginRequest};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

fn with_cookie(value: &str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&set_cookie(value)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Logs a browser in, by the code of a link (good once) or by the token.
#[utoipa::path(post, path = "/api/v1/login", request_body = LoginRequest, security(()),
    responses((status = 204, description = "the session cookie is set"),
        (status = 401, body = Problem)))]
pub(crate) async fn login(
    State(app): State<App>,
    Body(request): Body<LoginRequest>,
) -> Result<Response, Problem> {
    let by_code = request.code.as_deref().is_some_and(|code| app.logins.take_code(code));
    let by_token = request.token.as_deref().is_some_and(|token| app.logins.is_token(token.trim()));
    if by_code || by_token {
        let by = if by_code { "link" } else { "token" };
        return Ok(with_cookie(&app.logins.begin(by).await?));
    }
    let problem = if request.code.is_some() {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "ORK-0102",
            "this login link was used already, is too old, or is of an earlier daemon",
        )
        .hint("Run `orkestra dashboard` for a new link.")
    } else {
        Problem::new(StatusCode::UNAUTHORIZED, "ORK-0101", "that is not the token")
            .hint("The token lies in secrets/token of the data folder.")
    };
    Err(problem)
}

/// Ends the browser's session.
#[utoipa::path(post, path = "/api/v1/logout", responses((status = 204)))]
pub(crate) async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.logins.end(&headers).await?;
    Ok(with_cookie(""))
}

/// Makes a link that logs a browser in once.
#[utoipa::path(post, path = "/api/v1/login/link", responses((status = 200, body = LinkView)))]
pub(crate) async fn link(State(app): State<App>) -> Result<Json<LinkView>, Problem> {
    let code = app.logins.link_code().map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "ORK-0001", error.to_string())
    })?;
    Ok(Json(LinkView { url: format!("{}/#login={code}", app.url) }))
}
