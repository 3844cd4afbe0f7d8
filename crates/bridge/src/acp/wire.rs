//! Messages over the pipes: bounded lines, and nothing that is not understood is lost.

use super::{Broken, broken};
use orkestra_core::agent::{AgentEvent, RawReason};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

/// A message is never longer; agents send pictures inside of them.
const LINE_BYTES: usize = 32 * 1024 * 1024;

/// What the agent said.
pub(super) enum Heard {
    /// The answer to a request of ours.
    Answer { id: u64, result: Result<Value, Value> },
    /// It wants an answer.
    Request { id: Value, method: String, params: Value },
    /// It tells something.
    Notice { method: String, params: Value },
    /// Something that is no message.
    Noise { event: AgentEvent },
}

/// Both pipes of the agent.
pub(super) struct Wire<'a> {
    stdin: &'a mut ChildStdin,
    stdout: BufReader<&'a mut ChildStdout>,
    /// What came of a line that is not whole yet: hearing may be interrupted at any moment.
    line: Vec<u8>,
    next: u64,
}

impl<'a> Wire<'a> {
    pub(super) fn new(stdin: &'a mut ChildStdin, stdout: &'a mut ChildStdout) -> Self {
        Self { stdin, stdout: BufReader::new(stdout), line: Vec::new(), next: 0 }
    }

    /// Asks; the number under which the answer will come.
    pub(super) async fn request(&mut self, method: &str, params: &Value) -> Result<u64, Broken> {
        let id = self.next;
        self.next += 1;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&message).await?;
        Ok(id)
    }

    /// Tells something that wants no answer.
    pub(super) async fn notify(&mut self, method: &str, params: &Value) -> Result<(), Broken> {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await
    }

    /// Answers a request of the agent.
    pub(super) async fn reply(&mut self, id: &Value, result: &Value) -> Result<(), Broken> {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result})).await
    }

    /// Answers a request that we never offered to do.
    pub(super) async fn unknown(&mut self, id: &Value) -> Result<(), Broken> {
        let error = json!({"code": -32601, "message": "this client does not offer that"});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error})).await
    }

    async fn send(&mut self, message: &Value) -> Result<(), Broken> {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        let sent = async {
            self.stdin.write_all(&line).await?;
            self.stdin.flush().await
        };
        sent.await.map_err(|error| broken("gone", format!("the agent does not listen: {error}")))
    }

    /// Waits for the next message. May be dropped at any moment without a loss.
    pub(super) async fn hear(&mut self) -> Result<Heard, Broken> {
        loop {
            let bytes = self.stdout.fill_buf().await;
            let bytes = bytes.map_err(|e| broken("gone", format!("the agent broke off: {e}")))?;
            if bytes.is_empty() {
                return Err(broken("gone", "the agent ended before its answer"));
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(bytes.len(), |at| at + 1);
            self.line.extend_from_slice(bytes.get(..len).unwrap_or_default());
            self.stdout.consume(len);
            if self.line.len() > LINE_BYTES {
                return Err(broken("protocol", "the agent sent a message without an end"));
            }
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return Ok(read(&line));
                }
            }
        }
    }
}

fn read(line: &[u8]) -> Heard {
    let noise = |reason, detail: String| {
        let head = line.get(..2_048).unwrap_or(line);
        let preview = String::from_utf8_lossy(head).trim_end().to_owned();
        let bytes = line.len() as u64;
        Heard::Noise { event: AgentEvent::Raw { reason, detail, preview, bytes } }
    };
    let mut message: Value = match serde_json::from_slice(line) {
        Ok(message) => message,
        Err(error) => return noise(RawReason::Malformed, error.to_string()),
    };
    let mut take = |key: &str| message.get_mut(key).map(Value::take);
    let (id, method) = (take("id"), take("method"));
    let method = method.and_then(|method| method.as_str().map(str::to_owned));
    match (id, method) {
        (Some(id), Some(method)) if !id.is_null() => {
            Heard::Request { id, method, params: take("params").unwrap_or_default() }
        }
        (_, Some(method)) => Heard::Notice { method, params: take("params").unwrap_or_default() },
        (Some(id), None) => {
            let result = match (take("error"), take("result")) {
                (Some(error), _) if !error.is_null() => Err(error),
                (_, result) => Ok(result.unwrap_or_default()),
            };
            match id.as_u64() {
                Some(id) => Heard::Answer { id, result },
                None => noise(RawReason::Unknown, "an answer to nothing that was asked".to_owned()),
            }
        }
        (None, None) => noise(RawReason::Unknown, "neither a call nor an answer".to_owned()),
    }
}
