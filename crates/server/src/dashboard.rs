//! The dashboard's files, embedded; without them a page that says how to get them.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$ORKESTRA_WEB_DIST"]
struct Files;

/// What each error code means, where a problem's `type` points.
#[derive(RustEmbed)]
#[folder = "../../docs/errors"]
struct ErrorPages;

/// Files with a hash in their name never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(crate) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return not_found();
    }
    if let Some(code) = path.strip_prefix("docs/errors/") {
        return match ErrorPages::get(&format!("{code}.md")) {
            Some(file) => answer("page.md", file, &headers),
            None => not_found(),
        };
    }
    match Files::get(path) {
        Some(file) if !path.is_empty() => answer(path, file, &headers),
        // A page of the dashboard: it finds its way itself.
        Some(_) | None if !path.contains('.') => match Files::get("index.html") {
            Some(file) => answer("index.html", file, &headers),
            None => not_found(),
        },
        Some(_) | None => not_found(),
    }
}

fn answer(path: &str, file: rust_embed::EmbeddedFile, request: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash().iter().map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{hash}\"");
    if request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let cache = if path.starts_with("assets/") { FOR_EVER } else { "no-cache" };
    let kind = match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "md" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        "json" | "map" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, tag),
    ];
    (headers, Body::from(file.data.into_owned())).into_response()
}

fn not_found() -> Response {
    crate::problem::Problem::new(StatusCode::NOT_FOUND, "ORK-0003", "there is nothing here")
        .into_response()
}
