//! `orkestra run pause|resume|stop|tell|answer`, and the limits of a new run.

use super::{Context, Outcome, encode};
use crate::cli::{NewRun, RunAnswer};
use crate::config::reader;
use crate::exit::{Code, Failure};
use crate::terminal::{self, state};
use orkestra_server::wire::{RunAnswerRequest, RunInstructRequest, RunLimitsRequest, RunView};

/// A word that changes the life of a run.
pub(super) enum Word {
    Stop,
    Pause,
    Resume,
    Answer(RunAnswer),
    /// With a key of the person's own, if there is one.
    Tell(String, Option<String>),
}

/// Says it, and shows the run as it is then.
pub(super) async fn say(context: &Context, id: &str, word: Word, json: bool) -> Outcome {
    let client = context.client()?;
    let path = |verb: &str| format!("/api/v1/runs/{}/{verb}", encode(id));
    let run: RunView = match word {
        Word::Stop => client.post(&path("stop"), &()).await?,
        Word::Pause => client.post(&path("pause"), &()).await?,
        Word::Resume => client.post(&path("resume"), &()).await?,
        Word::Tell(text, key) => {
            // A request that is sent twice because its answer was lost is one instruction.
            let key = Some(key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string()));
            client.post(&path("instruct"), &RunInstructRequest { text, key }).await?
        }
        Word::Answer(answer) => {
            let answer = match answer {
                RunAnswer::Retry => "retry",
                RunAnswer::Fixed => "fixed",
                RunAnswer::Abort => "abort",
            };
            let request = RunAnswerRequest { answer: answer.to_owned() };
            client.post(&path("answer"), &request).await?
        }
    };
    if json {
        terminal::print_json(&run);
    } else {
        terminal::complain(&format!("{}  {}  {}", run.short, state(&run.state), run.why));
    }
    Ok(Code::Success)
}

/// The limits that the flags of a new run name.
pub(super) fn limits_of(args: &NewRun) -> Result<RunLimitsRequest, Failure> {
    let wrong = |flag: &str, text: &str, expected: &str| {
        Failure::new(Code::Usage, format!("{flag} {text:?} is not understood; expected {expected}"))
    };
    let time_ms = match &args.max_time {
        None => None,
        Some(text) => match reader::span(text) {
            Ok(span) if span.ms() > 0 => Some(span.ms()),
            _ => return Err(wrong("--max-time", text, "a time like 90s, 20m or 2h")),
        },
    };
    let memory = match &args.max_memory {
        None => None,
        Some(text) => match reader::memory(text) {
            Ok(bytes) => Some(bytes),
            Err(_) => return Err(wrong("--max-memory", text, "a size like 512MB or 4GB")),
        },
    };
    Ok(RunLimitsRequest { time_ms, memory, tokens: args.max_tokens })
}
