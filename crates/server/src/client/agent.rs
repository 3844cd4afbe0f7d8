//! The client of an agent: it asks over the socket for agents, and asks again with the same words
//! while the daemon is away, for as long as it lives.

use super::{Error, broken};
use crate::problem::Problem;
use crate::wire::{AskAnswer, AskRequest, ExpenseOver, ExpenseRequest, HookRequest};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// The first wait for a daemon that is away.
const AGAIN_FIRST: Duration = Duration::from_millis(200);

/// The longest.
const AGAIN_MOST: Duration = Duration::from_secs(5);

/// Asks for one run.
#[derive(Clone)]
pub struct AgentClient {
    socket: PathBuf,
    token: String,
}

impl std::fmt::Debug for AgentClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentClient").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl AgentClient {
    /// With what the agent was given: `ORKESTRA_AGENT_SOCKET` and `ORKESTRA_RUN_TOKEN`.
    pub fn new(socket: PathBuf, token: String) -> Self {
        Self { socket, token }
    }

    /// Asks whether a call may be made, and waits for the answer.
    ///
    /// # Errors
    /// The daemon refuses to answer: the run is over, or the question cannot be read. That it is
    /// away is no error: it is asked again.
    pub async fn ask(&self, request: &AskRequest) -> Result<AskAnswer, Error> {
        self.insist("/v1/ask", request).await
    }

    /// Tells what happened.
    ///
    /// # Errors
    /// As of [`Self::ask`].
    pub async fn hook(&self, request: &HookRequest) -> Result<AskAnswer, Error> {
        self.insist("/v1/hook", request).await
    }

    /// Asks whether the budgets have room for a call of a model.
    ///
    /// # Errors
    /// As of [`Self::ask`].
    pub async fn may_spend(&self, request: &ExpenseRequest) -> Result<AskAnswer, Error> {
        self.insist("/v1/expense", request).await
    }

    /// The call was made without anything to book.
    ///
    /// # Errors
    /// As of [`Self::ask`].
    pub async fn spent_nothing(&self, request: &ExpenseOver) -> Result<AskAnswer, Error> {
        self.insist("/v1/expense/over", request).await
    }

    async fn insist(&self, path: &str, request: &impl Serialize) -> Result<AskAnswer, Error> {
        let body = Bytes::from(serde_json::to_vec(request).map_err(Error::Answer)?);
        let mut again = AGAIN_FIRST;
        loop {
            match self.once(path, body.clone()).await {
                Ok(answer) => return Ok(answer),
                // It goes down, or cannot write just now: who asks has time.
                Err(Error::Refused(problem)) if problem.status < 500 => {
                    return Err(Error::Refused(problem));
                }
                Err(Error::Answer(error)) => return Err(Error::Answer(error)),
                Err(_away) => {
                    tokio::time::sleep(again).await;
                    again = (again * 2).min(AGAIN_MOST);
                }
            }
        }
    }

    async fn once(&self, path: &str, body: Bytes) -> Result<AskAnswer, Error> {
        let stream = orkestra_host::socket::connect(&self.socket).await.map_err(broken)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It drives this one exchange and ends with it.
        let driver = tokio::spawn(async move {
            let _ended = connection.await;
        });
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
        driver.abort();
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(Error::Answer);
        }
        let problem = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
            Problem::new(status, "ORK-0001", String::from_utf8_lossy(&bytes).into_owned())
        });
        Err(Error::Refused(Box::new(problem)))
    }
}
