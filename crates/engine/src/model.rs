//! Questions to models' APIs without a run: a connection test, or one prompt to several at once.
//!
//! Each agent is asked by itself: one that fails or hangs holds up nobody else (MISSION row 86).

use crate::error::Error;
use crate::handle::Handle;
use crate::message::Message;
use orkestra_agents::{AgentSpec, Kind};
use orkestra_bridge::model::Client;
use orkestra_bridge::{Settings, call, endpoint};
use orkestra_core::agent::Usage;
use orkestra_core::event::{Draft, Topic};
use orkestra_core::id::RunId;
use orkestra_core::money::Tokens;
use orkestra_store::CallRow;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// Where all runs of an agent count its calls.
pub fn agent_slots(home: &Path, agent: &str) -> PathBuf {
    home.join("agents").join("slots").join(agent)
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The agent.
    pub agent: String,
    /// Its kind.
    pub kind: Option<Kind>,
    /// The model, as it names itself.
    pub model: Option<String>,
    /// What it said.
    pub content: Option<String>,
    /// What that took.
    pub usage: Option<Usage>,
    /// How long, without waiting for its turn.
    pub duration: Duration,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// Whether it was called at all.
    pub called: bool,
}

impl Asked {
    fn failed(agent: &str, kind: Option<Kind>, error: impl Into<String>) -> Self {
        Self {
            agent: agent.to_owned(),
            kind,
            model: None,
            content: None,
            usage: None,
            duration: Duration::ZERO,
            error: Some(error.into()),
            status: None,
            called: false,
        }
    }
}

impl Handle {
    /// Asks these agents the same, all at once; without names, all that are a model's API. The
    /// answers come in the order of the names.
    ///
    /// # Errors
    /// The daemon has gone down.
    pub async fn ask_models(
        &self,
        prompt: &str,
        names: &[String],
        actor: &str,
    ) -> Result<Vec<Asked>, Error> {
        let agents = self.agent_specs();
        let names: Vec<String> = if names.is_empty() {
            let apis = agents.iter().filter(|(_, spec)| spec.kind.is_api());
            apis.map(|(name, _)| name.clone()).collect()
        } else {
            names.to_vec()
        };
        let questions = names.into_iter().map(|name| {
            let spec = agents.get(&name).cloned();
            async move {
                match spec {
                    None => Asked::failed(&name, None, format!("there is no agent {name:?}")),
                    Some(spec) => self.ask_model(&name, &spec, prompt).await,
                }
            }
        });
        let answers = futures::future::join_all(questions).await;
        let called =
            answers.iter().filter(|asked| asked.called).map(|asked| self.booked(asked, actor));
        let called: Vec<_> = called.collect();
        if !called.is_empty() {
            self.inbox.send(Message::Called(called)).await.map_err(|_| Error::Closing)?;
            // Whoever asked may look at the books now.
            self.ping().await?;
        }
        Ok(answers)
    }

    /// The event and the line of the call log.
    fn booked(&self, asked: &Asked, actor: &str) -> (Draft, CallRow) {
        let tokens = asked.usage.as_ref().map_or(0, |usage| Tokens::from(usage).total());
        let body = json!({
            "model": asked.model,
            "ok": asked.error.is_none(),
            "status": asked.status,
            "ms": u64::try_from(asked.duration.as_millis()).unwrap_or(u64::MAX),
            "tokens": tokens,
            "error": asked.error,
        });
        let call = CallRow {
            key: format!("ask:{}", self.world.uuid()),
            agent: asked.agent.clone(),
            run: RunId::new(Uuid::nil()),
            at: self.world.now().at,
            ms: u64::try_from(asked.duration.as_millis()).unwrap_or(u64::MAX),
            ok: asked.error.is_none(),
            status: match asked.status {
                Some(status) if asked.error.is_some() => status.to_string(),
                _ if asked.error.is_some() => "failed".to_owned(),
                _ => "ok".to_owned(),
            },
            tokens,
        };
        (Draft::new("agent.called", Topic::Agent, &asked.agent, actor, body), call)
    }

    async fn ask_model(&self, name: &str, spec: &AgentSpec, prompt: &str) -> Asked {
        let failed = |error: String| Asked::failed(name, Some(spec.kind), error);
        if !spec.kind.is_api() {
            let kind = spec.kind;
            return failed(format!(
                "an agent of kind {kind} is no model's API and works only in runs (orkestra run)"
            ));
        }
        let mut env: BTreeMap<String, String> = self.view.env.iter().cloned().collect();
        let own = spec.variables();
        env.extend(own.clone());
        let mut env: Vec<(String, String)> = env.into_iter().collect();
        if let Err(why) = self.view.secrets.fill_beside(&own, &mut env).await {
            return failed(why);
        }
        let env: BTreeMap<String, String> = env.into_iter().collect();
        let settings = settings(&self.home, name, spec);
        let (endpoint, limits) = match endpoint(&settings, &env) {
            Ok(found) => found,
            Err(why) => return failed(why.to_string()),
        };
        let client = match Client::new() {
            Ok(client) => client,
            Err(why) => return failed(why),
        };
        let called = call::ask(&client, &endpoint, &limits, prompt).await;
        let mut asked = Asked {
            agent: name.to_owned(),
            kind: Some(spec.kind),
            model: Some(endpoint.model.clone()),
            content: None,
            usage: None,
            duration: called.took,
            error: None,
            status: Some(200),
            called: true,
        };
        match called.outcome {
            Ok(reply) => {
                asked.content = Some(self.secrets().redact(&reply.text()).into_owned());
                asked.model = reply.usage.model.clone().or(asked.model);
                asked.usage = Some(reply.usage);
            }
            Err(failure) => {
                asked.status = failure.status;
                asked.error = Some(self.secrets().redact(&failure.message).into_owned());
            }
        }
        asked
    }
}

fn settings(home: &Path, name: &str, spec: &AgentSpec) -> Settings {
    let api = &spec.api;
    Settings {
        kind: spec.kind,
        agent: name.to_owned(),
        model: spec.model.clone(),
        base_url: api.base_url.clone(),
        timeout: api.timeout_ms.map(Duration::from_millis),
        per_minute: api.rate_limit,
        parallel: api.parallel,
        max_tokens: api.max_tokens,
        temperature: api.temperature_milli.map(|milli| f64::from(milli) / 1000.0),
        slots: Some(agent_slots(home, name)),
    }
}
