//! `orkestra agent-hook`: what an agent program starts before it uses a tool. It asks the daemon
//! over the agents' socket and waits, however long a person takes and even while the daemon is
//! away. Whatever goes wrong is a no.

use crate::cli::AgentHook;
use crate::surroundings::Surroundings;
use crate::terminal;
use orkestra_agents::Kind;
use orkestra_agents::hook::{self, Answer, Decision, HookCall, HookEvent};
use orkestra_server::client::{self, AgentClient};
use orkestra_server::wire::{AskAnswer, AskRequest, HookRequest};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// Vendors send whole files in a call.
const INPUT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The whole life of a hook.
pub(super) async fn process(surroundings: &Surroundings, args: &AgentHook) -> ExitCode {
    let answer = answered(surroundings, args).await.unwrap_or_else(|why| hook::refusal(&why));
    if !answer.stdout.is_empty() {
        terminal::print(&answer.stdout);
    }
    if !answer.stderr.is_empty() {
        terminal::complain(answer.stderr.trim_end());
    }
    ExitCode::from(answer.code)
}

async fn answered(surroundings: &Surroundings, args: &AgentHook) -> Result<Answer, String> {
    let kind: Kind = args.vendor.parse().map_err(|error| format!("{error}"))?;
    let variable = |name: &str| {
        let missing = || format!("{name} is not set: this is for agents that Orkestra started.");
        surroundings.env.get(name).cloned().ok_or_else(missing)
    };
    let socket = PathBuf::from(variable("ORKESTRA_AGENT_SOCKET")?);
    let client = AgentClient::new(socket, variable("ORKESTRA_RUN_TOKEN")?);
    let mut input = Vec::new();
    std::io::stdin()
        .take(INPUT_BYTES_MAX + 1)
        .read_to_end(&mut input)
        .map_err(|error| format!("The call cannot be read: {error}."))?;
    if input.len() as u64 > INPUT_BYTES_MAX {
        return Err("The call is too large to be judged.".to_owned());
    }
    let call = hook::read(kind, &input).map_err(|error| format!("{error}."))?;
    if call.event == HookEvent::PreToolUse {
        let told = ask(&client, call).await.map_err(|error| refusal(&error))?;
        let decision = if told.allows() { Decision::Allow } else { Decision::Deny };
        return Ok(hook::answer(kind, decision, &told.reason));
    }
    let request =
        HookRequest { event: call.event.as_str().to_owned(), tool: call.tool, payload: call.all };
    match client.hook(&request).await {
        Ok(told) if told.allows() => Ok(hook::noted()),
        Ok(told) => Err(told.reason),
        // What only tells something does not stop the agent.
        Err(_over) => Ok(hook::noted()),
    }
}

async fn ask(client: &AgentClient, call: HookCall) -> Result<AskAnswer, client::Error> {
    // A vendor that names no call asks by one process for each: this one is the call.
    let tool_id = call.tool_id.unwrap_or_else(|| format!("hook-{}", uuid::Uuid::now_v7()));
    client
        .ask(&AskRequest {
            tool: call.tool.unwrap_or_default(),
            tool_id,
            input: call.input,
            cwd: call.cwd,
            event: Some(call.event.as_str().to_owned()),
        })
        .await
}

fn refusal(error: &client::Error) -> String {
    format!("Orkestra does not allow it: {}.", crate::exit::chain(error))
}
