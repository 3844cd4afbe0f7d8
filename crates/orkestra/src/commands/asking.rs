//! Whom the bridge asks: the daemon, over the agents' socket.

use orkestra_bridge::ask::{Action, Answer, Expense, Gate, Later};
use orkestra_server::client::AgentClient;
use orkestra_server::client::Error;
use orkestra_server::wire::{AskAnswer, AskRequest, ExpenseOver, ExpenseRequest};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// The daemon as the bridge sees it: it asks again while the daemon is away.
#[derive(Debug)]
struct Daemon(AgentClient);

impl Gate for Daemon {
    fn ask<'a>(&'a self, action: Action<'a>) -> Later<'a> {
        Box::pin(async move {
            let request = AskRequest {
                tool: action.tool.to_owned(),
                tool_id: action.tool_id.to_owned(),
                input: action.input.clone(),
                cwd: Some(action.cwd.to_owned()),
                event: None,
            };
            read(self.0.ask(&request).await)
        })
    }

    fn may_spend<'a>(&'a self, expense: Expense<'a>) -> Later<'a> {
        Box::pin(async move {
            let request = ExpenseRequest {
                key: expense.key.to_owned(),
                model: expense.model.to_owned(),
                input: expense.input,
                output: expense.output,
            };
            read(self.0.may_spend(&request).await)
        })
    }

    fn spent_nothing<'a>(&'a self, key: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            // A promise that is not taken back is void by itself after some minutes.
            let _void_later = self.0.spent_nothing(&ExpenseOver { key: key.to_owned() }).await;
        })
    }
}

fn read(answer: Result<AskAnswer, Error>) -> Answer {
    match answer {
        Ok(answer) if answer.allows() => Answer::Allow,
        Ok(answer) => Answer::Deny { reason: answer.reason },
        Err(error) => Answer::Deny { reason: format!("Orkestra refuses to answer: {error}") },
    }
}

/// The daemon that the environment names, if it names one.
pub(super) fn of(env: &BTreeMap<String, String>) -> Option<Arc<dyn Gate>> {
    let value = |name: &str| env.get(name).filter(|value| !value.is_empty()).cloned();
    let socket = PathBuf::from(value("ORKESTRA_AGENT_SOCKET")?);
    Some(Arc::new(Daemon(AgentClient::new(socket, value("ORKESTRA_RUN_TOKEN")?))))
}
