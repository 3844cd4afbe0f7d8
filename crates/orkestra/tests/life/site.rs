//! A daemon with agents that are scripts of the shell, some of them in the guise of a vendor's.

use crate::harness::Home;
use crate::support::repository;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Prints numbered texts for ever, and has a process in a session of its own that counts beside.
pub(crate) const TICKER: &str = r#"#!/bin/sh
cat > /dev/null
setsid sh -c 'while :; do echo x >> beside; sleep 0.05; done' > /dev/null 2>&1 < /dev/null &
i=0
while :; do
  i=$((i + 1))
  echo "{\"type\":\"text\",\"text\":\"tick $i\"}"
  sleep 0.05
done
"#;

/// A daemon and what its runs work for.
pub(crate) struct Site {
    pub(crate) home: Home,
    pub(crate) target: PathBuf,
}

impl Site {
    /// With these agents: name, kind, script, and what else its configuration says.
    pub(crate) fn new(agents: &[(&str, &str, &str, Value)]) -> Self {
        let mut home = Home::new("");
        let mut list = serde_json::Map::new();
        for (name, kind, script, rest) in agents {
            let program = home.script(&format!("{name}.sh"), script);
            let mut agent = json!({"kind": kind, "command": [program.display().to_string()]});
            let rest = rest.as_object().expect("an object").clone();
            agent.as_object_mut().expect("an object").extend(rest);
            list.insert((*name).to_owned(), agent);
        }
        home.configure(&json!({"agents": list}).to_string());
        home.up();
        let target = repository(&home);
        Self { home, target }
    }

    /// With one agent of kind `script`.
    pub(crate) fn script(script: &str, rest: Value) -> Self {
        Self::new(&[("helper", "script", script, rest)])
    }

    /// Begins a run; its id.
    pub(crate) fn begin(&self, agent: &str, flags: &[&str]) -> String {
        let target = self.target.display().to_string();
        let fixed = ["run", "go", "--agent", agent, "--target", &target, "--detach"];
        let run = self.home.json(&[&fixed[..], flags].concat());
        run["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn show(&self, id: &str) -> Value {
        self.home.json(&["run", "show", id])
    }

    /// Waits until the run is in this state.
    pub(crate) fn wait_state(&self, id: &str, state: &str) -> Value {
        self.home.wait(&format!("{id} to be {state}"), || {
            let run = self.show(id);
            (run["state"] == state).then_some(run)
        })
    }

    /// Waits until it is over.
    pub(crate) fn wait_over(&self, id: &str) -> Value {
        self.home.wait("the run's end", || {
            let run = self.show(id);
            run["ended_at"].is_string().then_some(run)
        })
    }

    /// Waits until its agent has said so many texts.
    pub(crate) fn wait_texts(&self, id: &str, count: usize) -> usize {
        self.home.wait("texts", || {
            let texts = texts(&self.show(id)).len();
            (texts >= count).then_some(texts)
        })
    }

    /// The journal's events of this kind about a run.
    pub(crate) fn told(&self, id: &str, kind: &str) -> Vec<Value> {
        self.home.events(kind).into_iter().filter(|event| event["subject"] == id).collect()
    }
}

/// The texts of a run's stream.
pub(crate) fn texts(run: &Value) -> Vec<String> {
    let stream = run["stream"].as_array().expect("a stream");
    let texts = stream.iter().filter(|event| event["type"] == "text");
    texts.map(|event| event["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The texts are 1, 2, 3 … without a gap or a repeat.
pub(crate) fn ticks_are_whole(run: &Value) -> usize {
    let texts = texts(run);
    for (index, text) in texts.iter().enumerate() {
        assert_eq!(text, &format!("tick {}", index + 1), "lost or doubled");
    }
    texts.len()
}
