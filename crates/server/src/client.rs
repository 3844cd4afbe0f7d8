//! The API's client for the command line: HTTP over the Unix socket in the data folder.

mod agent;

pub use agent::AgentClient;

use crate::login::CLIENT_HEADER;
use crate::problem::Problem;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The socket's name in the data folder.
pub const SOCKET: &str = "orkestra.sock";

/// Why the daemon did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("no daemon runs on {}", .home.display())]
    NotRunning {
        /// The data folder.
        home: PathBuf,
    },
    /// The token cannot be read.
    #[error("cannot read the token {}", .path.display())]
    Token {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The daemon refused.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// The connection broke.
    #[error("the connection to the daemon broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer cannot be understood.
    #[error("the daemon's answer cannot be understood")]
    Answer(#[source] serde_json::Error),
}

/// Speaks to one daemon.
#[derive(Debug, Clone)]
pub struct Client {
    home: PathBuf,
    token: String,
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Broken(Box::new(error))
}

impl Client {
    /// For the daemon of this data folder.
    ///
    /// # Errors
    /// No daemon has ever run there, or its token cannot be read.
    pub fn new(home: &Path) -> Result<Self, Error> {
        let path = home.join("secrets").join("token");
        match std::fs::read_to_string(&path) {
            Ok(token) => Ok(Self { home: home.to_owned(), token: token.trim().to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NotRunning { home: home.to_owned() })
            }
            Err(source) => Err(Error::Token { path, source }),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        extra: &[(&str, &str)],
    ) -> Result<Response<Incoming>, Error> {
        let socket = self.home.join(SOCKET);
        let stream = orkestra_host::socket::connect(&socket)
            .await
            .map_err(|_| Error::NotRunning { home: self.home.clone() })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It drives this one exchange and ends with it.
        tokio::spawn(async move {
            let _ended = connection.await;
        });
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CLIENT_HEADER, "cli");
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request =
            request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
        let problem = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
            Problem::new(status, "ORK-0001", String::from_utf8_lossy(&bytes).into_owned())
        });
        Err(Error::Refused(Box::new(problem)))
    }

    async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, Error> {
        let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
        serde_json::from_slice(&bytes).map_err(Error::Answer)
    }

    /// Asks.
    ///
    /// # Errors
    /// No daemon, a refusal, or a broken connection.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        Self::read(self.send(Method::GET, path, None, &[]).await?).await
    }

    /// Commands.
    ///
    /// # Errors
    /// No daemon, a refusal, or a broken connection.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.post_once(path, body, None).await
    }

    /// Commands something that must happen once, however often it is sent.
    ///
    /// # Errors
    /// No daemon, a refusal, or a broken connection.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: Option<&str>,
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(Error::Answer)?;
        let extra: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        Self::read(self.send(Method::POST, path, Some(body), &extra).await?).await
    }

    /// Follows a stream of server-sent events.
    ///
    /// # Errors
    /// No daemon, a refusal, or a broken connection.
    pub async fn follow(&self, path: &str, last_event_id: Option<&str>) -> Result<Messages, Error> {
        let extra: Vec<_> = last_event_id.map(|id| ("last-event-id", id)).into_iter().collect();
        let response = self.send(Method::GET, path, None, &extra).await?;
        Ok(Messages { body: response.into_body(), buffer: Vec::new() })
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The cursor to resume from.
    pub id: Option<String>,
    /// Its kind.
    pub event: String,
    /// Its data.
    pub data: String,
}

/// Server-sent events as they come.
#[derive(Debug)]
pub struct Messages {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Messages {
    /// The next one; `None` when the daemon ended the stream.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let block = std::mem::replace(&mut self.buffer, rest);
                if let Some(message) = parse(&String::from_utf8_lossy(&block)) {
                    return Ok(Some(message));
                }
                continue;
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.buffer.extend_from_slice(&bytes);
                    }
                }
            }
        }
    }
}

/// One block; `None` for a comment.
fn parse(block: &str) -> Option<Message> {
    let mut message = Message { id: None, event: "message".to_owned(), data: String::new() };
    let mut any = false;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => message.id = Some(value.to_owned()),
            "event" => message.event = value.to_owned(),
            "data" => {
                if any {
                    message.data.push('\n');
                }
                any = true;
                message.data.push_str(value);
            }
            _ => {}
        }
    }
    any.then_some(message)
}
