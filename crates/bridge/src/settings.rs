//! What the bridge is told: by arguments first, then by the variables that others use.

use crate::model::{Endpoint, base_url};
use orkestra_agents::{API_KEY as KEY, Kind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The longest silence of a model (system 004).
const TIMEOUT: Duration = Duration::from_secs(60);

/// Calls in any minute (system 004).
const PER_MINUTE: u32 = 50;

/// Calls at the same time.
const PARALLEL: u32 = 8;

/// The longest answer, in tokens.
const MAX_TOKENS: u32 = 8_192;

/// Who the agent is and what it may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it is spoken to.
    pub kind: Kind,
    /// Its name in the configuration; its limits hold for all runs of this name.
    pub agent: String,
    /// Its model; without it the vendor's own variable, else the kind's.
    pub model: Option<String>,
    /// Another address than the vendor's.
    pub base_url: Option<String>,
    /// The longest silence of a model.
    pub timeout: Option<Duration>,
    /// Calls in any minute; 0 for no limit.
    pub per_minute: Option<u32>,
    /// Calls at the same time; 0 for no limit.
    pub parallel: Option<u32>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// Where all runs of this agent count their calls.
    pub slots: Option<PathBuf>,
}

/// How often an agent's model may be asked, by all its runs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The folder in which they are counted; without it only this process counts.
    pub folder: Option<PathBuf>,
    /// Calls in any minute; 0 for no limit.
    pub per_minute: u32,
    /// Calls at the same time; 0 for no limit.
    pub parallel: u32,
}

/// Why a model cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The kind is no model's API.
    #[error("an agent of kind {0} is no model's API")]
    NoApi(Kind),
    /// There is no key.
    #[error(
        "no key: set api_key of the agent in orkestra.yaml, or one of {names} where the daemon starts"
    )]
    NoKey {
        /// Variables that were looked for.
        names: String,
    },
    /// There is no model.
    #[error("no model: set model of the agent in orkestra.yaml")]
    NoModel,
}

/// Variables in which a kind's key may be, the first one that is there counts. After our own and
/// the vendor's stands the name that system 004 gave it.
pub fn key_names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Anthropic => &[KEY, "ANTHROPIC_API_KEY", "CLAUDE_API_KEY"],
        Kind::Openai => &[KEY, "OPENAI_API_KEY", "CHATGPT_API_KEY"],
        Kind::Google => &[KEY, "GEMINI_API_KEY", "GOOGLE_API_KEY"],
        Kind::Github => &[KEY, "GITHUB_TOKEN", "GH_TOKEN", "COPILOT_API_KEY"],
        Kind::Xai => &[KEY, "XAI_API_KEY", "GROK_API_KEY"],
        _ => &[KEY],
    }
}

/// The beginnings of variables with settings, such as `CLAUDE_MODEL` (system 004).
fn prefixes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Anthropic => &["ANTHROPIC", "CLAUDE"],
        Kind::Openai => &["OPENAI", "CHATGPT"],
        Kind::Google => &["GEMINI", "GOOGLE"],
        Kind::Github => &["GITHUB_MODELS", "COPILOT"],
        Kind::Xai => &["XAI", "GROK"],
        _ => &[],
    }
}

/// The model that is asked when nobody names one.
fn usual_model(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Anthropic => Some("claude-sonnet-4-5"),
        Kind::Openai => Some("gpt-5.1"),
        Kind::Google => Some("gemini-3.8-flash"),
        Kind::Github => Some("openai/gpt-4.1"),
        Kind::Xai => Some("grok-4"),
        _ => None,
    }
}

/// Where and how the agent's model is asked, and how often.
///
/// # Errors
/// It cannot be asked, and what to do.
pub fn endpoint(
    settings: &Settings,
    env: &BTreeMap<String, String>,
) -> Result<(Endpoint, Limits), Unusable> {
    let kind = settings.kind;
    let usual = base_url(kind).ok_or(Unusable::NoApi(kind))?;
    let value = |name: &str| env.get(name).map(|value| value.trim()).filter(|v| !v.is_empty());
    let variable =
        |end: &str| prefixes(kind).iter().find_map(|prefix| value(&format!("{prefix}_{end}")));
    let number = |end: &str| variable(end).and_then(|text| text.parse::<u32>().ok());
    let key = key_names(kind).iter().find_map(|name| value(name)).map(str::to_owned);
    // A server of one's own may want none, so only the vendor's own address needs one.
    if key.is_none() && settings.base_url.is_none() {
        return Err(Unusable::NoKey { names: key_names(kind)[1..].join(", ") });
    }
    let model = settings.model.clone().or_else(|| variable("MODEL").map(str::to_owned));
    let model = model.or_else(|| {
        // At another address nobody knows what is served.
        let own = settings.base_url.is_some() && kind == Kind::Openai;
        usual_model(kind).filter(|_| !own).map(str::to_owned)
    });
    let seconds = |secs: u32| Duration::from_secs(u64::from(secs.max(1)));
    let endpoint = Endpoint {
        kind,
        base_url: settings.base_url.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned(),
        key,
        model: model.ok_or(Unusable::NoModel)?,
        max_tokens: settings.max_tokens.or_else(|| number("MAX_TOKENS")).unwrap_or(MAX_TOKENS),
        temperature: settings
            .temperature
            .or_else(|| variable("TEMPERATURE").and_then(|text| text.parse().ok())),
        timeout: settings.timeout.or_else(|| number("TIMEOUT").map(seconds)).unwrap_or(TIMEOUT),
    };
    let limits = Limits {
        folder: settings.slots.clone(),
        per_minute: settings.per_minute.or_else(|| number("RATE_LIMIT")).unwrap_or(PER_MINUTE),
        parallel: settings.parallel.unwrap_or(PARALLEL),
    };
    Ok((endpoint, limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: Kind) -> Settings {
        Settings {
            kind,
            agent: "a".to_owned(),
            model: None,
            base_url: None,
            timeout: None,
            per_minute: None,
            parallel: None,
            max_tokens: None,
            temperature: None,
            slots: None,
        }
    }

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_names_of_system_004_are_understood() {
        for (kind, name) in [
            (Kind::Anthropic, "CLAUDE"),
            (Kind::Openai, "CHATGPT"),
            (Kind::Google, "GEMINI"),
            (Kind::Github, "COPILOT"),
            (Kind::Xai, "GROK"),
        ] {
            let env: BTreeMap<String, String> = [
                ("API_KEY", "k"),
                ("MODEL", "m"),
                ("TEMPERATURE", "0.7"),
                ("MAX_TOKENS", "4000"),
                ("TIMEOUT", "5"),
                ("RATE_LIMIT", "7"),
            ]
            .into_iter()
            .map(|(end, value)| (format!("{name}_{end}"), value.to_owned()))
            .collect();
            let (endpoint, limits) = endpoint(&settings(kind), &env).unwrap();
            assert_eq!(endpoint.key.as_deref(), Some("k"), "{name}");
            assert_eq!((endpoint.model.as_str(), endpoint.max_tokens), ("m", 4000), "{name}");
            assert_eq!(endpoint.timeout, Duration::from_secs(5), "{name}");
            assert_eq!(endpoint.temperature, Some(0.7), "{name}");
            assert_eq!(limits.per_minute, 7, "{name}");
        }
    }

    #[test]
    fn without_a_key_only_an_own_address_works() {
        let refused = endpoint(&settings(Kind::Xai), &env(&[])).unwrap_err();
        assert!(refused.to_string().contains("XAI_API_KEY, GROK_API_KEY"), "{refused}");
        let mut own = settings(Kind::Openai);
        own.base_url = Some("http://127.0.0.1:11434/v1/".to_owned());
        assert_eq!(endpoint(&own, &env(&[])).unwrap_err(), Unusable::NoModel);
        own.model = Some("qwen3".to_owned());
        let (endpoint, limits) = endpoint(&own, &env(&[])).unwrap();
        assert_eq!(endpoint.base_url, "http://127.0.0.1:11434/v1");
        assert_eq!((endpoint.key, limits.per_minute), (None, 50));
    }
}
