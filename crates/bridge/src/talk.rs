//! Our own loop: the model is asked, its calls are done, until it has nothing more to call.

use crate::ask::{Action, Answer, Expense, Gate};
use crate::call;
use crate::conversation::Conversation;
use crate::model::{
    Call, Client, Endpoint, Failure, Part, Question, Reply, Stop, ToolResult, Turn,
};
use crate::output::say;
use crate::retry;
use crate::settings::Limits;
use crate::tool::{self, Done, Workshop, bounded};
use orkestra_core::agent::{AgentEvent, Denial, Ended, ModelCall, Usage};
use orkestra_host::tool::end_marked;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod room;

/// Of a refused call's reason, this much is told to the model.
const REASON_BYTES: usize = 2_000;

/// The longest command.
const SHELL_MAX: Duration = Duration::from_secs(600);

/// What a conversation needs.
#[derive(Debug)]
pub struct Talk {
    /// Where the model is.
    pub endpoint: Endpoint,
    /// How often it may be asked.
    pub limits: Limits,
    /// The id of the conversation.
    pub session: String,
    /// The file in which it is kept; a resumed one goes on there.
    pub conversation: PathBuf,
    /// Whether to go on with what lies there.
    pub resume: bool,
    /// The worktree.
    pub cwd: PathBuf,
    /// Who says what is allowed; without it only what changes nothing outside the worktree's files
    /// is.
    pub gate: Option<Arc<dyn Gate>>,
    /// The environment of tools: without keys and tokens.
    pub env: Vec<(String, String)>,
    /// How often the model may answer.
    pub max_turns: u32,
    /// How much of the conversation the model may be sent, in tokens.
    pub context: u64,
}

/// Has the conversation and prints what happens; the last line is `ended`. Returns whether it came
/// to a regular end.
pub async fn run(talk: Talk, prompt: &str) -> bool {
    let mark = format!("{}-{}", talk.session, std::process::id());
    let began = Instant::now();
    let mut state = State { denials: Vec::new(), turns: 0, last_text: String::new() };
    let outcome = tokio::select! {
        outcome = converse(&talk, prompt, &mark, &mut state) => outcome,
        () = terminated() => {
            // The tool's future is gone and its group with it; what left the group has the mark.
            end_marked(&mark).await;
            Err(End::of("interrupted", "it was told to stop"))
        }
    };
    let duration_ms = u64::try_from(began.elapsed().as_millis()).ok();
    let (denials, turns) = (state.denials, Some(state.turns));
    let ended = match outcome {
        Ok(stop_reason) => Ended {
            ok: true,
            summary: state.last_text,
            stop_reason: Some(stop_reason),
            denials,
            turns,
            duration_ms,
            ..Ended::default()
        },
        Err(end) => Ended {
            ok: false,
            summary: state.last_text,
            error: Some(end.why),
            stop_reason: Some(end.word),
            api_status: end.status,
            denials,
            turns,
            duration_ms,
        },
    };
    let ok = ended.ok;
    say(&AgentEvent::Ended(ended));
    ok
}

/// Waits for the order to stop.
pub(crate) async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (term, int) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    match (term, int) {
        (Ok(mut term), Ok(mut int)) => {
            tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        }
        // Without handlers the signal ends us the hard way.
        _ => std::future::pending().await,
    }
}

struct State {
    denials: Vec<Denial>,
    turns: u32,
    last_text: String,
}

/// Why a conversation ended without its regular end.
struct End {
    word: String,
    why: String,
    status: Option<u16>,
}

impl End {
    fn of(word: &str, why: impl Into<String>) -> Self {
        Self { word: word.to_owned(), why: why.into(), status: None }
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        Self::of("conversation", format!("the conversation cannot be written down: {error}"))
    }
}

async fn converse(talk: &Talk, prompt: &str, mark: &str, state: &mut State) -> Result<String, End> {
    let root = talk.cwd.canonicalize().map_err(|error| {
        End::of("worktree", format!("{} cannot be used: {error}", talk.cwd.display()))
    })?;
    let client = Client::new().map_err(|why| End::of("tls", why))?;
    let mut conversation = open(talk, prompt)?;
    let tools = tool::specs();
    let system = system(&root);
    let shop = Workshop { root, env: talk.env.clone(), shell_max: SHELL_MAX };
    say(&AgentEvent::Started {
        session_id: Some(talk.session.clone()),
        model: Some(talk.endpoint.model.clone()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        tools: u32::try_from(tools.len()).ok(),
    });
    // Calls that an earlier process did not end.
    for (call, begun) in conversation.open_calls() {
        if begun {
            let result = Conversation::interrupted(&call);
            tell(&result);
            conversation.done(result)?;
        } else {
            perform(talk, &shop, &mut conversation, state, &call, mark).await?;
        }
    }
    loop {
        if state.turns >= talk.max_turns {
            let why = format!("the model answered {} times without an end", state.turns);
            return Err(End::of("max_turns", why));
        }
        let turns = room::fitted(conversation.turns(), &system, talk.context).ok_or_else(|| {
            let why = format!(
                "the conversation does not fit into {} tokens, even without the older results of \
                 tools",
                talk.context
            );
            End::of("context", why)
        })?;
        let question = Question { system: &system, turns: &turns, tools: &tools };
        let reply = insist(talk, &client, &question, &format!("{mark}-{}", state.turns)).await?;
        state.turns += 1;
        show(&reply, state);
        conversation.model(&reply.parts)?;
        let open = conversation.open_calls();
        if open.is_empty() {
            return ending(&reply);
        }
        for (call, _) in open {
            perform(talk, &shop, &mut conversation, state, &call, mark).await?;
        }
    }
}

fn open(talk: &Talk, prompt: &str) -> Result<Conversation, End> {
    let earlier = match talk.resume {
        true => Conversation::resume(&talk.conversation)?,
        false => None,
    };
    let Some(mut conversation) = earlier else {
        if talk.resume {
            let message = "There is no earlier conversation; it begins anew.".to_owned();
            say(&AgentEvent::Warning { message });
        }
        let mut conversation = Conversation::begin(&talk.conversation)?;
        conversation.user(prompt)?;
        return Ok(conversation);
    };
    // The same prompt again means: go on.
    let new = !prompt.trim().is_empty() && conversation.first_prompt() != Some(prompt);
    if new {
        // A word of a person comes after the results of tools, never between call and result.
        for (call, begun) in conversation.open_calls() {
            let result = if begun { Conversation::interrupted(&call) } else { not_run(&call) };
            tell(&result);
            conversation.done(result)?;
        }
        conversation.user(prompt)?;
    } else if matches!(conversation.turns().last(), Some(Turn::Model { .. }))
        && conversation.open_calls().is_empty()
    {
        conversation.user("Go on.")?;
    }
    Ok(conversation)
}

fn not_run(call: &Call) -> ToolResult {
    let output = "Not run: the process was ended before this call was begun.".to_owned();
    ToolResult { id: call.id.clone(), name: call.name.clone(), output, is_error: true }
}

fn system(root: &std::path::Path) -> String {
    format!(
        "You are a software agent that does a task by itself, with tools, in one folder.\n\
         Working directory: {}\n\
         Paths are relative to it, and nothing outside of it may be changed. Nobody answers \
         questions while you work: decide what a careful colleague would. A refused tool call says \
         why; do not try to get around it. When the task is done, say in a few sentences what you \
         did and what you could not do.",
        root.display()
    )
}

/// Asks until there is an answer or no sense in asking again.
async fn insist(
    talk: &Talk,
    client: &Client,
    question: &Question<'_>,
    name: &str,
) -> Result<Reply, End> {
    let mut attempt = 1;
    loop {
        let key = format!("{name}-{attempt}");
        may_spend(talk, question, &key).await?;
        let called = call::once(client, &talk.endpoint, &talk.limits, question).await;
        book(talk, &called);
        if let (Some(gate), Err(_)) = (&talk.gate, &called.outcome) {
            gate.spent_nothing(&key).await;
        }
        let failure = match called.outcome {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let Some(wait) = retry::wait(&failure, attempt, retry::draw()) else {
            return Err(given_up(&failure, attempt));
        };
        if failure.fault == crate::model::Fault::Broken {
            let (message, status) = (failure.message.clone(), failure.status);
            say(&AgentEvent::Error { message, status });
        }
        say(&AgentEvent::Retry {
            attempt,
            max_attempts: Some(retry::ATTEMPTS),
            delay_ms: u64::try_from(wait.as_millis()).ok(),
            status: failure.status,
            error: failure.fault.word().to_owned(),
        });
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

/// Nothing is asked of a model that no budget has room for.
async fn may_spend(talk: &Talk, question: &Question<'_>, key: &str) -> Result<(), End> {
    let Some(gate) = &talk.gate else { return Ok(()) };
    let (model, output) = (talk.endpoint.model.as_str(), u64::from(talk.endpoint.max_tokens));
    let input = room::size(question.turns, question.system);
    match gate.may_spend(Expense { key, model, input, output }).await {
        Answer::Allow => Ok(()),
        Answer::Deny { reason } => Err(End::of("budget", reason)),
    }
}

/// Each call is told, also a failed one, with what it used.
fn book(talk: &Talk, called: &call::Called) {
    let failure = called.outcome.as_ref().err();
    say(&AgentEvent::Call(ModelCall {
        model: Some(talk.endpoint.model.clone()),
        ok: failure.is_none(),
        status: failure.map_or(Some(200), |failure| failure.status),
        ms: u64::try_from(called.took.as_millis()).unwrap_or(u64::MAX),
        tokens: called.outcome.as_ref().map_or(0, |reply| total(&reply.usage)),
        error: failure.map(|failure| failure.fault.word().to_owned()),
    }));
    if let Ok(reply) = &called.outcome {
        say(&AgentEvent::Usage(reply.usage.clone()));
    }
}

fn total(usage: &Usage) -> u64 {
    let Usage { fresh_input, cache_read, cache_write, output, .. } = usage;
    [cache_read, cache_write, output]
        .into_iter()
        .fold(*fresh_input, |sum, n| sum.saturating_add(*n))
}

fn given_up(failure: &Failure, attempt: u32) -> End {
    let tries = if attempt > 1 { format!(" (tried {attempt} times)") } else { String::new() };
    let wait = failure
        .retry_after
        .map_or_else(String::new, |wait| format!("; it wants {} s to pass first", wait.as_secs()));
    End {
        word: failure.fault.word().to_owned(),
        why: format!("{}{wait}{tries}", failure.message),
        status: failure.status,
    }
}

fn show(reply: &Reply, state: &mut State) {
    for part in &reply.parts {
        match part {
            Part::Text { text } if text.trim().is_empty() => {}
            Part::Text { text } => {
                state.last_text = bounded(text, 4 * 1024);
                say(&AgentEvent::Text { text: text.clone(), parent: None });
            }
            Part::Thinking { text, .. } => {
                say(&AgentEvent::Thinking { text: text.clone(), parent: None });
            }
            Part::Call(call) => say(&AgentEvent::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                input: call.input.clone(),
                parent: None,
            }),
        }
    }
}

fn ending(reply: &Reply) -> Result<String, End> {
    let word = reply.stop.word();
    match &reply.stop {
        Stop::End | Stop::Calls if reply.text().trim().is_empty() => {
            Err(End::of(word, "the model ended with an empty answer"))
        }
        Stop::End | Stop::Calls => Ok(word.to_owned()),
        Stop::Length => {
            Err(End::of(word, "the answer was cut at its longest (max_tokens); raise it"))
        }
        Stop::Other(other) => Err(End::of(word, format!("the model's vendor ended it: {other}"))),
    }
}

fn tell(result: &ToolResult) {
    say(&AgentEvent::ToolResult {
        id: result.id.clone(),
        output: result.output.clone(),
        is_error: result.is_error,
        parent: None,
    });
}

/// Asks whether a call is allowed, and does it.
async fn perform(
    talk: &Talk,
    shop: &Workshop,
    conversation: &mut Conversation,
    state: &mut State,
    call: &Call,
    mark: &str,
) -> Result<(), End> {
    let done = match allowed(talk, shop, call).await {
        Answer::Deny { reason } => {
            let reason = bounded(&reason, REASON_BYTES);
            let denial = Denial {
                tool: call.name.clone(),
                tool_id: Some(call.id.clone()),
                input: call.input.clone(),
                message: Some(reason.clone()),
            };
            say(&AgentEvent::PermissionDenied(denial.clone()));
            state.denials.push(denial);
            Done::failed(format!("Refused: {reason}"))
        }
        Answer::Allow => {
            conversation.begun(&call.id)?;
            shop.run(call, mark).await
        }
    };
    if let Some((path, change)) = done.changed {
        say(&AgentEvent::FileChange { path, change, tool_id: Some(call.id.clone()) });
    }
    let (id, name) = (call.id.clone(), call.name.clone());
    let result = ToolResult { id, name, output: done.output, is_error: done.is_error };
    tell(&result);
    conversation.done(result)?;
    Ok(())
}

async fn allowed(talk: &Talk, shop: &Workshop, call: &Call) -> Answer {
    let Some(gate) = &talk.gate else {
        // Nobody can be asked: what stays in the worktree's files is harmless, the rest is not.
        return match call.name.as_str() {
            "shell" => Answer::Deny {
                reason: "Commands are not allowed here, since nobody can be asked: this agent was \
                    not started by Orkestra's daemon."
                    .to_owned(),
            },
            _ => Answer::Allow,
        };
    };
    let cwd = shop.root.to_string_lossy();
    let (tool, tool_id) = (call.name.as_str(), call.id.as_str());
    gate.ask(Action { tool, tool_id, input: &call.input, cwd: &cwd }).await
}
