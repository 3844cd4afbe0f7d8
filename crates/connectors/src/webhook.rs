//! Posting a message to an address.

use crate::notification::{Message, Notification, Sent};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, StatusCode, header, redirect};
use sha2::Sha256;
use std::sync::OnceLock;
use std::time::Duration;

/// The whole exchange may take this long.
const LIMIT: Duration = Duration::from_secs(10);

/// Of an answer that refuses, this much is kept for people.
const ANSWER_BYTES: usize = 300;

/// Posts messages; its connections and certificates are made at the first one.
#[derive(Debug, Default)]
pub struct Sender {
    client: OnceLock<Result<Client, String>>,
}

pub(crate) fn build() -> Result<Client, String> {
    // One TLS for all of Orkestra: rustls with ring. Who was first has installed it already.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(LIMIT)
        // A message must not wander to where nobody wanted it, with its signature and headers.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("orkestra/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| cause(&error))
}

/// The innermost reason, without the address: it may hold a secret.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", LIMIT.as_secs());
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if std::ptr::addr_eq(inner, std::ptr::from_ref(error)) {
        return "the request cannot be made".to_owned();
    }
    inner.to_string()
}

/// Whether messages could be posted to an address.
///
/// # Errors
/// Why not, without the address itself.
pub fn check_url(text: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" | "http" if url.has_host() => Ok(()),
        "https" | "http" => Err("it names no host".to_owned()),
        other => Err(format!("it begins with {other}:, not with https: or http:")),
    }
}

/// An address as it may be shown: path and query of a webhook are often its secret.
pub fn shown_url(text: &str) -> String {
    match reqwest::Url::parse(text) {
        Ok(url) => format!("{}/…", url.origin().ascii_serialization()),
        Err(_) => "…".to_owned(),
    }
}

/// The signature of a body: `sha256=` and 64 hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    let digits = mac.finalize().into_bytes();
    Some(digits.iter().fold("sha256=".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

impl Sender {
    /// Posts a message to a channel with an address.
    pub async fn post(&self, channel: &Notification, message: &Message) -> Sent {
        let client = match self.client.get_or_init(build) {
            Ok(client) => client,
            Err(why) => return Sent::Refused(format!("TLS cannot be set up: {why}")),
        };
        let Some(url) = &channel.url else {
            return Sent::Refused("the channel has no address".to_owned());
        };
        let body = message.body(channel.kind).to_string().into_bytes();
        let mut request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &message.key);
        for (name, value) in &channel.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = &channel.secret {
            match signature(secret, &body) {
                Some(signature) => request = request.header("X-Orkestra-Signature", signature),
                None => return Sent::Refused("the secret cannot sign".to_owned()),
            }
        }
        match request.body(body).send().await {
            Ok(answer) => judge(answer).await,
            Err(error) if error.is_builder() => {
                Sent::Refused("the address or a header cannot be used".to_owned())
            }
            Err(error) => Sent::Later(cause(&error)),
        }
    }
}

async fn judge(mut answer: reqwest::Response) -> Sent {
    let status = answer.status();
    if status.is_success() {
        return Sent::Done(format!("answered {}", status.as_u16()));
    }
    if status.is_redirection() {
        return Sent::Refused(format!(
            "answered {}: it points elsewhere, and messages do not follow",
            status.as_u16()
        ));
    }
    let mut said = Vec::new();
    while said.len() < ANSWER_BYTES
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        said.extend_from_slice(&chunk);
    }
    said.truncate(ANSWER_BYTES);
    let said = String::from_utf8_lossy(&said);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = match said.as_str() {
        "" => format!("answered {}", status.as_u16()),
        said => format!("answered {}: {said}", status.as_u16()),
    };
    let passing =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || passing.contains(&status) {
        Sent::Later(why)
    } else {
        Sent::Refused(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_others_sign() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?").as_deref(),
            Some("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }
}
