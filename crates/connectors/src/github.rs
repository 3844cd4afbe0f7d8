//! GitHub's REST interface, as far as issues and comments need it.

use crate::webhook::{build, cause};
use orkestra_core::issue::Issue;
use reqwest::{Client, Response, StatusCode, header};
use serde::Deserialize;
use std::sync::OnceLock;
use std::time::Duration;

/// Issues and comments of one page; GitHub gives no more.
const PER_PAGE: usize = 100;

/// Pages that are read at most.
const PAGES_MAX: usize = 20;

/// An answer of more bytes is refused.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A repository whose issues are read.
#[derive(Clone, PartialEq, Eq)]
pub struct Repository {
    /// `OWNER/NAME`.
    pub repo: String,
    /// Where the interface is.
    pub base_url: String,
    /// Lets in; none for public repositories that are only read.
    pub token: Option<String>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("repo", &self.repo).finish_non_exhaustive()
    }
}

/// Why something could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It may go later, at the earliest after this.
    Later {
        /// In words.
        why: String,
        /// What the other side asked for.
        wait: Option<Duration>,
    },
    /// It will not go like this.
    Refused(String),
}

impl Trouble {
    /// In words.
    pub fn why(&self) -> &str {
        match self {
            Self::Later { why, .. } | Self::Refused(why) => why,
        }
    }
}

/// Issues that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issues {
    /// The one that changed last comes first.
    pub issues: Vec<Issue>,
    /// Names this answer; sent with the next question, the same answer costs nothing.
    pub etag: Option<String>,
    /// When the newest of them changed, as the other side says it.
    pub newest: Option<String>,
}

#[derive(Deserialize)]
struct RawIssue {
    number: u64,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    user: Option<RawUser>,
    #[serde(default)]
    author_association: String,
    #[serde(default)]
    labels: Vec<RawLabel>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    pull_request: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RawUser {
    login: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawLabel {
    Name(String),
    Label { name: String },
}

#[derive(Deserialize)]
struct RawComment {
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    html_url: String,
}

impl RawIssue {
    fn into_issue(self, repo: &str) -> Issue {
        let name = |label| match label {
            RawLabel::Name(name) | RawLabel::Label { name } => name,
        };
        Issue {
            repo: repo.to_owned(),
            number: self.number,
            title: self.title,
            body: self.body.unwrap_or_default(),
            // GitHub calls an author whose account is gone "ghost".
            author: self.user.map_or_else(|| "ghost".to_owned(), |user| user.login),
            association: self.author_association,
            labels: self.labels.into_iter().map(name).collect(),
            url: self.html_url,
            is_pull: self.pull_request.is_some(),
        }
    }
}

/// Speaks with GitHub; its connections are made at the first question.
#[derive(Debug, Default)]
pub struct GitHub {
    client: OnceLock<Result<Client, String>>,
}

impl GitHub {
    fn client(&self) -> Result<&Client, Trouble> {
        let client = self.client.get_or_init(build).as_ref();
        client.map_err(|why| Trouble::Refused(format!("TLS cannot be set up: {why}")))
    }

    fn request(
        &self,
        of: &Repository,
        method: reqwest::Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<reqwest::RequestBuilder, Trouble> {
        let url = format!("{}/repos/{}{path}", of.base_url.trim_end_matches('/'), of.repo);
        let mut url = reqwest::Url::parse(&url)
            .map_err(|error| Trouble::Refused(format!("its address cannot be used: {error}")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .client()?
            .request(method, url)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28");
        if let Some(token) = &of.token {
            request = request.bearer_auth(token);
        }
        Ok(request)
    }

    /// Open issues with a label that changed since then, the last change first. `None`: nothing
    /// changed since the answer that `etag` names.
    ///
    /// # Errors
    /// They cannot be had, now or at all.
    pub async fn issues(
        &self,
        of: &Repository,
        label: &str,
        since: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Option<Issues>, Trouble> {
        let mut found = Issues { issues: Vec::new(), etag: None, newest: None };
        for page in 1..=PAGES_MAX {
            let (page_text, size) = (page.to_string(), PER_PAGE.to_string());
            let mut query = vec![
                ("labels", label),
                ("state", "open"),
                ("sort", "updated"),
                ("direction", "desc"),
                ("per_page", &size),
                ("page", &page_text),
            ];
            query.extend(since.map(|since| ("since", since)));
            let mut request = self.request(of, reqwest::Method::GET, "/issues", &query)?;
            if let (1, Some(etag)) = (page, etag) {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            let answer = sent(request).await?;
            if page == 1 {
                if answer.status() == StatusCode::NOT_MODIFIED {
                    return Ok(None);
                }
                let etag = answer.headers().get(header::ETAG);
                found.etag = etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned);
            }
            let issues: Vec<RawIssue> = read(answer).await?;
            let last = issues.len() < PER_PAGE;
            for issue in issues {
                // Times of one form sort as texts.
                found.newest = found.newest.max(issue.updated_at.clone());
                found.issues.push(issue.into_issue(&of.repo));
            }
            if last {
                break;
            }
        }
        Ok(Some(found))
    }

    /// Where the comment with this mark is, if there is one.
    ///
    /// # Errors
    /// It cannot be said, now or at all.
    pub async fn find_comment(
        &self,
        of: &Repository,
        number: u64,
        mark: &str,
    ) -> Result<Option<String>, Trouble> {
        for page in 1..=PAGES_MAX {
            let path = format!("/issues/{number}/comments");
            let (page, size) = (page.to_string(), PER_PAGE.to_string());
            let query = [("per_page", size.as_str()), ("page", page.as_str())];
            let answer = sent(self.request(of, reqwest::Method::GET, &path, &query)?).await?;
            let comments: Vec<RawComment> = read(answer).await?;
            let last = comments.len() < PER_PAGE;
            let marked = |one: &RawComment| one.body.as_deref().is_some_and(|b| b.contains(mark));
            if let Some(found) = comments.into_iter().find(marked) {
                return Ok(Some(found.html_url));
            }
            if last {
                return Ok(None);
            }
        }
        Err(Trouble::Refused(format!("it has more than {} comments", PAGES_MAX * PER_PAGE)))
    }

    /// Comments on an issue; where the comment is.
    ///
    /// # Errors
    /// It was refused, or nobody knows: with [`Trouble::Later`] it may have happened.
    pub async fn comment(
        &self,
        of: &Repository,
        number: u64,
        text: &str,
    ) -> Result<String, Trouble> {
        let path = format!("/issues/{number}/comments");
        let request = self.request(of, reqwest::Method::POST, &path, &[])?;
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(serde_json::json!({"body": text}).to_string());
        let comment: RawComment = read(sent(request).await?).await?;
        Ok(comment.html_url)
    }
}

async fn sent(request: reqwest::RequestBuilder) -> Result<Response, Trouble> {
    let answer = request.send().await.map_err(|error| match error.is_builder() {
        true => Trouble::Refused("the address or a header cannot be used".to_owned()),
        false => Trouble::Later { why: cause(&error), wait: None },
    })?;
    let status = answer.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(answer);
    }
    let number = |name: &str| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        value.trim().parse::<u64>().ok()
    };
    let spent = number("x-ratelimit-remaining") == Some(0);
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::FORBIDDEN && (spent || number("retry-after").is_some());
    let until_reset = || {
        let (reset, now) = (number("x-ratelimit-reset")?, date(&answer)?);
        Some(reset.saturating_sub(now))
    };
    let wait = number("retry-after").or_else(|| spent.then(until_reset).flatten());
    let wait = wait.map(Duration::from_secs);
    if limited {
        let why = format!("answered {}: too many questions", status.as_u16());
        return Err(Trouble::Later { why, wait });
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Err(Trouble::Later { why: format!("answered {}", status.as_u16()), wait });
    }
    Err(Trouble::Refused(match status {
        StatusCode::UNAUTHORIZED => "answered 401: the token is not taken".to_owned(),
        StatusCode::NOT_FOUND => {
            "answered 404: there is no such repository or issue, or the token may not see it"
                .to_owned()
        }
        StatusCode::FORBIDDEN => "answered 403: the token may not do this".to_owned(),
        other => format!("answered {}", other.as_u16()),
    }))
}

/// The other side's clock, in seconds since 1970: its reset is by that clock, and ours may differ.
fn date(answer: &Response) -> Option<u64> {
    let date = answer.headers().get(header::DATE)?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    u64::try_from(at.as_second()).ok()
}

async fn read<T: for<'de> Deserialize<'de>>(mut answer: Response) -> Result<T, Trouble> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Trouble::Refused("the answer is too large".to_owned())),
            Err(error) => return Err(Trouble::Later { why: cause(&error), wait: None }),
        }
    }
    serde_json::from_slice(&bytes).map_err(|error| Trouble::Later {
        why: format!("the answer cannot be read: {error}"),
        wait: None,
    })
}
