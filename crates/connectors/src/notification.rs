//! What a channel is, and what each kind of channel is told.

use orkestra_core::health::Level;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Discord refuses longer texts.
const DISCORD_CHARS_MAX: usize = 1_900;

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// JSON to any address, signed if there is a secret.
    Webhook,
    /// An incoming webhook of Slack, or of what understands the same.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// A notice on this machine's desktop, by `notify-send`.
    Desktop,
}

impl Kind {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Desktop => "desktop",
        }
    }
}

/// A channel. Its address and secret stay in the configuration; rows and events name it only.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// How.
    pub kind: Kind,
    /// Where to; none for the desktop.
    pub url: Option<String>,
    /// Signs what is sent.
    pub secret: Option<String>,
    /// Headers to add.
    pub headers: BTreeMap<String, String>,
    /// Nothing below this is sent.
    pub min_level: Level,
}

impl std::fmt::Debug for Notification {
    // Address, secret and headers may each be what lets others in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notification").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What a channel is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same for every try: whoever receives it twice knows it by this.
    pub key: String,
    /// The machine that speaks.
    pub host: String,
    /// The alert, as `Alert::message` tells it.
    pub alert: Value,
    /// Whether it is only a test.
    pub test: bool,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was taken.
    Done(String),
    /// It may be taken later.
    Later(String),
    /// It will never be taken like this.
    Refused(String),
    /// It may have been taken, and nobody can find out: a person is asked.
    Unknown(String),
}

impl Message {
    fn text<'a>(&'a self, name: &str) -> &'a str {
        self.alert.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// One line for people.
    fn line(&self) -> String {
        let mark = match self.text("level") {
            "critical" => "critical",
            _ => "warning",
        };
        let test = if self.test { "test, " } else { "" };
        format!("[{}] {test}{mark}: {}", self.host, self.text("title"))
    }

    /// The body for a kind of webhook.
    pub(crate) fn body(&self, kind: Kind) -> Value {
        match kind {
            Kind::Webhook | Kind::Desktop => json!({
                "type": if self.test { "test" } else { "alert" },
                "key": self.key,
                "host": self.host,
                "alert": self.alert,
            }),
            Kind::Slack => {
                // Slack reads these three as marks.
                let line =
                    self.line().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                json!({"text": format!("{line}\n`{}`", self.text("action").replace('`', "'"))})
            }
            Kind::Discord => {
                let text = format!("{}\n`{}`", self.line(), self.text("action").replace('`', "'"));
                let text: String = text.chars().take(DISCORD_CHARS_MAX).collect();
                // Nobody is called by a name that stands in a log line.
                json!({"content": text, "allowed_mentions": {"parse": []}})
            }
        }
    }
}

/// The program and its arguments that show a message on the desktop.
pub fn desktop_command(message: &Message) -> Vec<String> {
    let urgency = if message.text("level") == "critical" { "critical" } else { "normal" };
    let title = if message.test { "Orkestra (test)" } else { "Orkestra" };
    let body = format!("{}\n{}", message.text("title"), message.text("action"));
    // The body is read as markup.
    let body = body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    ["notify-send", "--app-name=Orkestra", &format!("--urgency={urgency}"), "--", title, &body]
        .map(str::to_owned)
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            key: "k".to_owned(),
            host: "box".to_owned(),
            alert: json!({"level": "critical", "title": "a <b> failed", "action": "do `x`"}),
            test: false,
        }
    }

    #[test]
    fn each_kind_is_told_in_its_own_words() {
        let message = message();
        let json = message.body(Kind::Webhook);
        assert_eq!((&json["type"], &json["key"]), (&"alert".into(), &"k".into()));
        assert_eq!(json["alert"]["title"], "a <b> failed");
        assert_eq!(
            message.body(Kind::Slack),
            json!({"text": "[box] critical: a &lt;b&gt; failed\n`do 'x'`"})
        );
        assert_eq!(
            message.body(Kind::Discord)["content"],
            "[box] critical: a <b> failed\n`do 'x'`"
        );
        assert_eq!(message.body(Kind::Discord)["allowed_mentions"]["parse"], json!([]));
        let command = desktop_command(&message);
        assert_eq!(command[2..4], ["--urgency=critical", "--"]);
        assert_eq!(command[5], "a &lt;b&gt; failed\ndo `x`");
    }

    #[test]
    fn a_channel_never_shows_its_secrets() {
        let channel = Notification {
            kind: Kind::Webhook,
            url: Some("https://hooks.example/T0KEN".to_owned()),
            secret: Some("hush".to_owned()),
            headers: BTreeMap::new(),
            min_level: Level::Warning,
        };
        let shown = format!("{channel:?}");
        assert!(!shown.contains("T0KEN") && !shown.contains("hush"), "{shown}");
    }
}
