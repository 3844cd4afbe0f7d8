//! A daemon with one real agent program, and the model that it talks to.

use crate::harness::Home;
use crate::support::{fake, repository};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A real agent program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    Claude,
    Codex,
    Gemini,
}

impl Agent {
    pub(crate) const ALL: [Self; 3] = [Self::Claude, Self::Codex, Self::Gemini];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
        }
    }

    /// Where it is; `cargo xtask test` installs it and says where.
    pub(crate) fn program(self) -> String {
        let variable = format!("ORKESTRA_TEST_{}", self.name().to_uppercase());
        let path = std::env::var(&variable).unwrap_or_default();
        assert!(
            Path::new(&path).exists(),
            "{variable} names no program ({path:?}): run `cargo xtask test`, or first \
             `eval \"$(cargo xtask agents)\"`, which install it"
        );
        path
    }

    /// The model to name, where one must be named.
    pub(crate) fn model(self) -> Option<&'static str> {
        match self {
            Self::Claude => None,
            Self::Codex => Some("gpt-5.1-codex"),
            Self::Gemini => Some("gemini-3.8-flash"),
        }
    }

    /// Arguments that lead it to the scripted model.
    pub(crate) fn args(self, url: &str) -> Vec<String> {
        if self != Self::Codex {
            return Vec::new();
        }
        let provider = format!(
            "model_providers.fake={{name=\"fake\",base_url=\"{url}/v1\",wire_api=\"responses\",\
             env_key=\"FAKE_KEY\",request_max_retries=1,stream_max_retries=1}}"
        );
        ["-c", "model_provider=\"fake\"", "-c", &provider].map(str::to_owned).to_vec()
    }

    /// Variables that lead it there, with a dummy key and a folder of its own. It tries a failed
    /// request once more, and not for minutes.
    pub(crate) fn env(self, home: &Home, url: &str) -> BTreeMap<String, String> {
        let vendor = home.dir.join("vendor").display().to_string();
        let key = "sk-test-not-a-key";
        let list = match self {
            Self::Claude => vec![
                ("ANTHROPIC_BASE_URL", url),
                ("ANTHROPIC_API_KEY", key),
                ("CLAUDE_CODE_MAX_RETRIES", "1"),
                ("CLAUDE_CONFIG_DIR", &vendor),
            ],
            Self::Codex => vec![("FAKE_KEY", key), ("CODEX_HOME", &vendor)],
            Self::Gemini => vec![
                ("HOME", vendor.as_str()),
                ("GEMINI_API_KEY", key),
                ("GOOGLE_GEMINI_BASE_URL", url),
            ],
        };
        list.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Makes the folder for what the vendor keeps, with settings where it needs some.
    pub(crate) fn furnish(self, home: &Home) -> PathBuf {
        let vendor = home.dir.join("vendor");
        std::fs::create_dir_all(vendor.join(".gemini")).expect("the vendor's folder");
        let settings = json!({
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"maxAttempts": 2},
        });
        let file = vendor.join(".gemini/settings.json");
        std::fs::write(file, settings.to_string()).expect("its settings");
        vendor
    }

    /// Its configuration; JSON is YAML too.
    fn yaml(self, home: &Home, url: &str) -> String {
        let agent = self.entry(home, url);
        // Where some push to: the sandbox lets nobody write there by itself.
        let remote = home.dir.join("remote.git").display().to_string();
        json!({"agents": {self.name(): agent}, "sandbox": {"write": [remote]}}).to_string()
    }

    /// What its configuration says of it.
    pub(crate) fn entry(self, home: &Home, url: &str) -> Value {
        let mut agent = json!({
            "kind": self.name(),
            "command": [self.program()],
            "args": self.args(url),
            "env": self.env(home, url),
        });
        if let Some(model) = self.model() {
            agent["model"] = json!(model);
        }
        if self == Self::Codex {
            // Its own sandbox does not work with a home below the temporary folder.
            agent["permission_mode"] = json!("danger-full-access");
        }
        agent
    }
}

/// A model server that says what its script tells it.
pub(crate) struct Model {
    child: Child,
    pub(crate) url: String,
    log: PathBuf,
}

impl Model {
    pub(crate) fn start(home: &Home, script: &Value) -> Self {
        let file = home.dir.join("script.json");
        std::fs::write(&file, script.to_string()).expect("the script");
        let log = home.dir.join("requests.jsonl");
        let mut command = home.command(&fake("fake-model"));
        command.arg("--script").arg(&file).arg("--log").arg(&log);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("fake-model starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, url, log }
    }

    /// The requests with tools, oldest first: what the agent asked the model.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["tools"].as_u64() > Some(0))
            .collect()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Everything of one test.
pub(crate) struct Site {
    pub(crate) agent: Agent,
    pub(crate) home: Home,
    pub(crate) target: PathBuf,
    model: Model,
}

impl Site {
    /// A running daemon with this agent on this script, and a repository.
    pub(crate) fn new(agent: Agent, script: &Value) -> Self {
        let mut home = Home::new("");
        agent.furnish(&home);
        std::fs::create_dir(home.dir.join("remote.git")).expect("a folder");
        let model = Model::start(&home, script);
        home.configure(&agent.yaml(&home, &model.url));
        home.up();
        let target = repository(&home);
        Self { agent, home, target, model }
    }

    /// What the agent asked the model: the requests with tools, oldest first.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.model.requests()
    }

    /// Begins a run; its id.
    pub(crate) fn begin(&self, prompt: &str) -> String {
        let target = self.target.display().to_string();
        let name = self.agent.name();
        let run =
            self.home.json(&["run", prompt, "--agent", name, "--target", &target, "--detach"]);
        run["id"].as_str().expect("an id").to_owned()
    }

    /// The run as soon as its agent has ended; a later attempt may follow.
    pub(crate) fn wait_agent(&self, id: &str) -> Value {
        self.home.wait("the agent's end", || {
            let run = self.home.json(&["run", "show", id]);
            let over = run["ended_at"].is_string() || !of(&run, "ended").is_empty();
            over.then_some(run)
        })
    }

    /// The run when it is over.
    pub(crate) fn wait_over(&self, id: &str) -> Value {
        self.home.wait("the run's end", || {
            let run = self.home.json(&["run", "show", id]);
            run["ended_at"].is_string().then_some(run)
        })
    }
}

/// The events of a run's stream of this type.
pub(crate) fn of<'a>(run: &'a Value, kind: &str) -> Vec<&'a Value> {
    let stream = run["stream"].as_array().expect("a stream");
    stream.iter().filter(|event| event["type"] == kind).collect()
}
