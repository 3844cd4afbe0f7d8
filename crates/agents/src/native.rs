//! Agents whose process is our own bridge: model APIs and ACP agents.
//!
//! The bridge prints events in our own words, so there is nothing to translate; but it is read as
//! strictly as others, since tools of its agent may write into the same stream.

use crate::ending::Ending;
use crate::event::{self, without_line_end};
use crate::invocation::API_KEY;
use crate::{Adapter, AgentSpec, Counts, Error, Invocation, Kind, ProcessExit, RunRequest};
use orkestra_core::agent::{AgentEvent, Ended, RawReason};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads what the bridge prints.
#[derive(Debug, Default)]
pub struct Native {
    counts: Counts,
    ending: Ending,
}

impl Adapter for Native {
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        self.counts.lines += 1;
        let line = without_line_end(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            self.counts.blank += 1;
            return Vec::new();
        }
        let event = match serde_json::from_slice::<AgentEvent>(line) {
            Ok(event) => event,
            Err(error) => {
                self.counts.raw += 1;
                let is_object = serde_json::from_slice::<Value>(line).is_ok_and(|v| v.is_object());
                let reason = if is_object { RawReason::Unknown } else { RawReason::Malformed };
                return vec![event::raw(reason, &error.to_string(), line)];
            }
        };
        match event {
            AgentEvent::Ended(ended) => {
                self.counts.ended += 1;
                self.ending.say(ended).into_iter().collect()
            }
            AgentEvent::Raw { .. } => {
                self.counts.raw += 1;
                vec![event]
            }
            AgentEvent::Text { ref text, .. } => {
                let reports = event::reports_in(text);
                std::iter::once(event).chain(reports).collect()
            }
            event => vec![event],
        }
    }

    fn finish(&mut self, exit: ProcessExit, stderr_tail: &str) -> Vec<AgentEvent> {
        // A bridge always has a last word; one that died without is no success.
        let silent = || Ended {
            error: Some("the bridge ended without a word".to_owned()),
            ..Ended::default()
        };
        self.ending.finish(exit, stderr_tail, silent)
    }

    fn reported(&self) -> Option<&Ended> {
        self.ending.said()
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }
}

/// How the bridge is started for an attempt.
pub(crate) fn command(spec: &AgentSpec, run: &RunRequest) -> Result<Invocation, Error> {
    let place = run.bridge.as_ref().ok_or(Error::NoBridge(spec.kind))?;
    if spec.kind == Kind::Acp && spec.command.is_empty() {
        return Err(Error::NoAcpCommand);
    }
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let session = run.resume.clone().unwrap_or_else(|| run.session_id.to_string());
    let mut argv = vec![path(&place.program), "agent-bridge".to_owned()];
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            argv.extend([format!("--{name}"), value]);
        }
    };
    let api = &spec.api;
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    add("kind", Some(spec.kind.to_string()));
    add("agent", Some(place.agent.clone()));
    add("session", Some(session));
    add("conversation", Some(path(&place.folder.join("conversation.jsonl"))));
    add("slots", Some(path(&place.slots)));
    add("model", spec.model.clone());
    add("mode", spec.permission_mode.clone());
    add("base-url", api.base_url.clone());
    add("timeout-ms", api.timeout_ms.map(|ms| ms.to_string()));
    add("rate-limit", number(api.rate_limit));
    add("parallel", number(api.parallel));
    add("max-tokens", number(api.max_tokens));
    add("temperature-milli", number(api.temperature_milli));
    for dir in &run.add_dirs {
        add("add-dir", Some(path(dir)));
    }
    if run.resume.is_some() {
        argv.push("--resume".to_owned());
    }
    if spec.kind == Kind::Acp {
        argv.push("--".to_owned());
        argv.extend(spec.command.iter().cloned());
    }
    argv.extend(spec.args.iter().cloned());
    let mut env_set = BTreeMap::from([("PWD".to_owned(), path(&run.worktree))]);
    env_set.extend(spec.variables());
    Ok(Invocation {
        argv,
        cwd: run.worktree.clone(),
        env_set,
        // A key of another agent that the daemon happened to inherit under our name.
        env_remove: vec![API_KEY.to_owned()],
        env_keep: Vec::new(),
        stdin: Some(run.prompt.clone().into_bytes()),
        stop_signal: spec.kind.stop_signal(),
        files: BTreeMap::new(),
        links: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BridgePlace;
    use std::path::PathBuf;

    #[test]
    fn every_line_is_an_event_or_raw_and_the_end_is_told_once() {
        let mut native = Native::default();
        let text = native.line(b"{\"type\":\"text\",\"text\":\"hi\",\"parent\":null}\n");
        assert_eq!(text, [AgentEvent::Text { text: "hi".into(), parent: None }]);
        for (line, reason) in [
            (&b"{\"type\":\"dance\"}"[..], RawReason::Unknown),
            (b"{\"type\":\"text\"}", RawReason::Unknown),
            (b"{\"type\":\"te", RawReason::Malformed),
            (b"noise", RawReason::Malformed),
        ] {
            let events = native.line(line);
            let [AgentEvent::Raw { reason: found, .. }] = &events[..] else { panic!("{events:?}") };
            assert_eq!(*found, reason);
        }
        assert!(native.line(b"\r\n").is_empty());
        let ended = Ended { ok: true, summary: "done".into(), ..Ended::default() };
        let line = serde_json::to_vec(&AgentEvent::Ended(ended.clone())).unwrap();
        assert!(native.line(&line).is_empty());
        assert_eq!(native.reported(), Some(&ended));
        let counts = native.counts();
        assert_eq!((counts.lines, counts.raw, counts.blank, counts.ended), (7, 4, 1, 1));
        assert_eq!(native.finish(ProcessExit::Code(0), ""), [AgentEvent::Ended(ended)]);
        assert!(native.finish(ProcessExit::Code(0), "").is_empty());
        let died = Native::default().finish(ProcessExit::Signal(9), "boom");
        assert!(matches!(&died[..], [AgentEvent::Ended(Ended { ok: false, .. })]));
    }

    #[test]
    fn a_key_is_in_the_environment_and_never_in_the_arguments() {
        let mut spec = AgentSpec::new(Kind::Openai);
        spec.api.api_key = Some("env:MY_KEY".to_owned());
        spec.api.rate_limit = Some(7);
        let mut run = RunRequest { prompt: "do".into(), ..RunRequest::default() };
        assert_eq!(crate::command(&spec, &run), Err(Error::NoBridge(Kind::Openai)));
        let place = |name: &str| PathBuf::from("/home").join(name);
        run.bridge = Some(BridgePlace {
            program: "/bin/orkestra".into(),
            agent: "local".into(),
            folder: place("run"),
            slots: place("slots"),
        });
        let invocation = crate::command(&spec, &run).unwrap();
        let line = invocation.argv.join(" ");
        assert!(
            line.starts_with("/bin/orkestra agent-bridge --kind openai --agent local"),
            "{line}"
        );
        assert!(line.contains("--rate-limit 7") && !line.contains("MY_KEY"), "{line}");
        assert_eq!(invocation.env_set[API_KEY], "env:MY_KEY");
        spec = AgentSpec::new(Kind::Acp);
        assert_eq!(crate::command(&spec, &run), Err(Error::NoAcpCommand));
        spec.command = vec!["opencode".into(), "acp".into()];
        run.resume = Some("ses_1".to_owned());
        let line = crate::command(&spec, &run).unwrap().argv.join(" ");
        assert!(line.ends_with("--resume -- opencode acp"), "{line}");
        assert!(line.contains("--session ses_1"), "{line}");
    }
}
