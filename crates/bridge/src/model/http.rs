//! Asking over HTTP: limits of time and size, and what a refusal means.

use super::{Endpoint, Failure, Fault, Question, Reply, Wire, sse, text, wire};
use reqwest::header::HeaderMap;
use reqwest::redirect;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};

/// A whole answer is never longer.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// One event of a stream is never longer.
const EVENT_BYTES: usize = 32 * 1024 * 1024;

/// Of a refusal, this much is read.
const REFUSAL_BYTES: usize = 64 * 1024;

/// Of a refusal, this much is told.
const REFUSAL_CHARS: usize = 500;

/// Asks models; its connections and certificates are shared.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
}

impl Client {
    /// With fresh connections.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, String> {
        // One TLS for all of Orkestra: rustls with ring. Who was first has installed it already.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            // A key must not wander to where nobody wanted it.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("orkestra/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(|inner| Self { inner })
            .map_err(|error| cause(&error))
    }

    /// Asks once.
    ///
    /// # Errors
    /// There is no whole answer.
    pub async fn ask(
        &self,
        endpoint: &Endpoint,
        question: &Question<'_>,
    ) -> Result<Reply, Failure> {
        let Wire { url, headers, body, mut assembly } = wire(endpoint, question);
        let whole = Instant::now() + endpoint.timeout * super::WHOLE;
        let silence = || (Instant::now() + endpoint.timeout).min(whole);
        let mut request = self.inner.post(&url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let sent = timeout_at(silence(), request.body(body.to_string()).send()).await;
        let mut answer = match sent {
            Err(_) => return Err(silent(endpoint)),
            Ok(Err(error)) if error.is_builder() => {
                let why = "the address or the key cannot be used in a request";
                return Err(Failure::new(Fault::Refused, why));
            }
            Ok(Err(error)) => {
                let why = format!("the model cannot be reached: {}", cause(&error));
                return Err(Failure::new(Fault::Passing, why));
            }
            Ok(Ok(answer)) => answer,
        };
        let status = answer.status().as_u16();
        if !answer.status().is_success() {
            let headers = answer.headers().clone();
            let said = read_all(&mut answer, REFUSAL_BYTES, silence()).await.unwrap_or_default();
            let said = serde_json::from_slice(&said)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&said).into_owned()));
            return Err(failure_of(status, &said, retry_after(&headers)));
        }
        let streamed = answer
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !streamed {
            let all =
                read_all(&mut answer, ANSWER_BYTES, whole).await.ok_or_else(|| silent(endpoint))?;
            let value = serde_json::from_slice(&all).map_err(Failure::broken)?;
            assembly.whole(&value)?;
            return assembly.finish();
        }
        let (mut splitter, mut total) = (sse::Splitter::default(), 0_usize);
        // Signs of life that say nothing do not lengthen the wait: a model that holds its
        // connection open for ever hangs all the same.
        let mut deadline = silence();
        loop {
            let chunk = match timeout_at(deadline, answer.chunk()).await {
                Err(_) => return Err(silent(endpoint)),
                Ok(Err(error)) => {
                    let why = format!("the connection broke: {}", cause(&error));
                    return Err(Failure::broken(why));
                }
                Ok(Ok(None)) => return assembly.finish(),
                Ok(Ok(Some(chunk))) => chunk,
            };
            total = total.saturating_add(chunk.len());
            for event in splitter.push(&chunk) {
                let data = match event.data.as_str() {
                    "[DONE]" => Value::String(event.data),
                    text => serde_json::from_str(text).map_err(Failure::broken)?,
                };
                let name = event.name.as_deref();
                if name != Some("ping") {
                    deadline = silence();
                }
                if assembly.event(name, &data)? {
                    return assembly.finish();
                }
            }
            if total > ANSWER_BYTES || splitter.pending() > EVENT_BYTES {
                return Err(Failure::new(Fault::Refused, "the answer is too long"));
            }
        }
    }
}

fn silent(endpoint: &Endpoint) -> Failure {
    let message = format!("no answer within {} s", endpoint.timeout.as_secs_f64());
    Failure::new(Fault::Silent, message)
}

async fn read_all(
    answer: &mut reqwest::Response,
    max: usize,
    deadline: Instant,
) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < max {
        match timeout_at(deadline, answer.chunk()).await.ok()? {
            Ok(Some(chunk)) => all.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) if all.is_empty() => return None,
            Err(_) => break,
        }
    }
    Some(all)
}

/// The innermost reason, without the address: a key may stand in it.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if std::ptr::addr_eq(inner, std::ptr::from_ref(error)) {
        return "the request cannot be made".to_owned();
    }
    inner.to_string()
}

/// What a refusal means.
pub(super) fn failure_of(status: u16, said: &Value, wait: Option<Duration>) -> Failure {
    let error = said.get("error").or_else(|| said.pointer("/0/error")).unwrap_or(said);
    let words = text(error, "/message").or(error.as_str()).or_else(|| text(said, "/message"));
    let words = words.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().take(REFUSAL_CHARS).collect();
    let kind = ["/code", "/type", "/status"].map(|pointer| text(error, pointer).unwrap_or(""));
    let kind = kind.join(" ");
    let fault = fault_of(status, &format!("{kind} {}", quota(error)), &words);
    let message = if words.is_empty() {
        format!("the API answered {status}")
    } else {
        format!("the API answered {status}: {words}")
    };
    let retry_after = wait.or_else(|| retry_info(error));
    Failure { fault, status: Some(status), message, retry_after }
}

/// What a status means. Some say 429 for an empty purse too, which no waiting fills.
pub(super) fn fault_of(status: u16, kind: &str, words: &str) -> Fault {
    const SPENT: [&str; 7] = [
        "insufficient_quota",
        "billing",
        "credit",
        "spend_limit",
        "usage_limit",
        "spend limit",
        "PerDay",
    ];
    match status {
        429 if SPENT.iter().any(|word| kind.contains(word) || words.contains(word)) => {
            Fault::Refused
        }
        429 => Fault::Busy,
        408 | 409 | 425 | 500..=599 => Fault::Passing,
        _ => Fault::Refused,
    }
}

/// Gemini tells which quota is used up in a detail.
fn quota(error: &Value) -> String {
    let details = error.get("details").and_then(Value::as_array);
    let ids = details.into_iter().flatten().flat_map(|detail| {
        let violations = detail.get("violations").and_then(Value::as_array);
        violations.into_iter().flatten().filter_map(|one| text(one, "/quotaId"))
    });
    ids.collect::<Vec<_>>().join(" ")
}

/// Gemini tells how long to wait in a detail: `"1.5s"`.
fn retry_info(error: &Value) -> Option<Duration> {
    let details = error.get("details").and_then(Value::as_array)?;
    let delay = details.iter().find_map(|detail| text(detail, "/retryDelay"))?;
    seconds(delay.strip_suffix('s')?)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

/// `Retry-After` in seconds or as a date, or in milliseconds as some say it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(ms) = value("retry-after-ms").and_then(|text| text.trim().parse().ok()) {
        return Some(Duration::from_millis(ms));
    }
    let text = value("retry-after")?;
    seconds(text).or_else(|| {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let now = jiff::Timestamp::try_from(SystemTime::now()).ok()?;
        u64::try_from(at.as_second() - now.as_second()).ok().map(Duration::from_secs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_says_whether_asking_again_helps() {
        for (status, kind, fault) in [
            (400, "", Fault::Refused),
            (401, "", Fault::Refused),
            (402, "", Fault::Refused),
            (403, "", Fault::Refused),
            (404, "", Fault::Refused),
            (429, "rate_limit_exceeded", Fault::Busy),
            (429, "insufficient_quota", Fault::Refused),
            (500, "", Fault::Passing),
            (503, "", Fault::Passing),
            (529, "", Fault::Passing),
        ] {
            assert_eq!(fault_of(status, kind, ""), fault, "{status} {kind}");
        }
    }

    #[test]
    fn the_time_to_wait_is_found_in_headers_and_in_details() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "2".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(2)));
        headers.insert("retry-after-ms", "1500".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_millis(1500)));
        headers.clear();
        headers.insert("retry-after", "Fri, 01 Jan 2038 00:00:00 GMT".parse().unwrap());
        assert!(retry_after(&headers).is_some_and(|wait| wait > Duration::from_secs(3600)));
        let gemini = json!({"error": {"code": 429, "message": "slow", "details": [
            {"@type": "x/google.rpc.RetryInfo", "retryDelay": "1.5s"},
        ]}});
        let failure = failure_of(429, &gemini, None);
        assert_eq!(failure.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(failure.fault, Fault::Busy);
        assert_eq!(failure.message, "the API answered 429: slow");
        let spent = json!({"error": {"message": "no more", "details": [
            {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]},
        ]}});
        assert_eq!(failure_of(429, &spent, None).fault, Fault::Refused);
    }
}
