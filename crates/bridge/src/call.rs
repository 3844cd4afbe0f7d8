//! One question to one model, within the agent's limits.

use crate::model::{Client, Endpoint, Failure, Fault, Question, Reply, Turn};
use crate::settings::Limits;
use orkestra_host::slot::{self, Slots};
use std::time::{Duration, Instant};

/// How a call went, for the books.
#[derive(Debug)]
pub struct Called {
    /// How long it took, waiting for its turn not included.
    pub took: Duration,
    /// What came of it.
    pub outcome: Result<Reply, Failure>,
}

/// Asks once, as soon as the agent's limits allow it.
pub async fn once(
    client: &Client,
    endpoint: &Endpoint,
    limits: &Limits,
    question: &Question<'_>,
) -> Called {
    let slots = limits.folder.clone().map(|folder| Slots {
        folder,
        per_minute: limits.per_minute,
        parallel: limits.parallel,
    });
    let place = match &slots {
        None => None,
        Some(slots) => match slots.enter().await {
            Ok(place) => Some(place),
            Err(error) => {
                // Without a count the limit could be broken, so nothing is asked.
                let why = format!("the agent's calls cannot be counted: {}", words(&error));
                let outcome = Err(Failure::new(Fault::Refused, why));
                return Called { took: Duration::ZERO, outcome };
            }
        },
    };
    let began = Instant::now();
    let outcome = client.ask(endpoint, question).await;
    let took = began.elapsed();
    drop::<Option<slot::Place>>(place);
    Called { took, outcome }
}

/// Asks a model one thing, without tools and without asking again.
pub async fn ask(client: &Client, endpoint: &Endpoint, limits: &Limits, prompt: &str) -> Called {
    let turns = [Turn::User { text: prompt.to_owned() }];
    let question = Question { system: "", turns: &turns, tools: &[] };
    once(client, endpoint, limits, &question).await
}

fn words(error: &orkestra_host::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
