//! Hooks that a person configures for an agent (MISSION 3.5): a program that is told of an event,
//! and may say no to a tool call.

use crate::hook::HookEvent;
use serde::{Deserialize, Serialize};

/// How long a hook may take when nothing else is said, in milliseconds.
pub const TIMEOUT_MS: u64 = 60_000;

/// One hook of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserHook {
    /// When it runs.
    pub event: HookEvent,
    /// For which tools: names in the vendor's words, divided by `|`, each with `*` for any rest.
    /// Without it for all.
    #[serde(default)]
    pub matches: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
}

impl UserHook {
    /// Whether it runs for this event and tool.
    pub fn is_for(&self, event: HookEvent, tool: Option<&str>) -> bool {
        let Some(matches) = &self.matches else { return self.event == event };
        self.event == event
            && tool.is_some_and(|tool| {
                matches.split('|').any(|pattern| wildcard(pattern.trim(), tool))
            })
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn wildcard(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match name.find(part) {
            Some(at) => name = name.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    name.ends_with(last)
}

/// What a hook said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing against it.
    Nothing,
    /// No.
    No {
        /// Why.
        reason: String,
    },
}

/// What the end of a hook means: code 2, or `{"decision": "deny"}` on its output, is a no. Any other
/// failure is one too: a guard that is broken guards nothing.
pub fn said(code: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Said {
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let answer: Option<serde_json::Value> = serde_json::from_slice(stdout).ok();
    let field = |name: &str| {
        answer.as_ref().and_then(|answer| answer.get(name)?.as_str()).map(str::to_owned)
    };
    let decision = field("decision").or_else(|| {
        let specific = answer.as_ref()?.get("hookSpecificOutput")?;
        specific.get("permissionDecision")?.as_str().map(str::to_owned)
    });
    if matches!(decision.as_deref(), Some("deny" | "block")) {
        let specific = answer.as_ref().and_then(|answer| {
            answer.get("hookSpecificOutput")?.get("permissionDecisionReason")?.as_str()
        });
        let reason = field("reason").or_else(|| specific.map(str::to_owned));
        return Said::No { reason: reason.unwrap_or_else(|| "The hook says no.".to_owned()) };
    }
    match code {
        Some(0) => Said::Nothing,
        Some(2) => {
            let reason = words(stderr);
            let reason = if reason.is_empty() { "The hook says no.".to_owned() } else { reason };
            Said::No { reason }
        }
        Some(code) => Said::No { reason: format!("The hook failed with code {code}.") },
        None => Said::No { reason: "The hook was killed.".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_for_the_tools_that_it_names() {
        let hook = |matches: Option<&str>| UserHook {
            event: HookEvent::PreToolUse,
            matches: matches.map(str::to_owned),
            command: vec!["x".to_owned()],
            timeout_ms: TIMEOUT_MS,
        };
        for (matches, tool, expected) in [
            (None, Some("Bash"), true),
            (None, None, true),
            (Some("Bash"), Some("Bash"), true),
            (Some("Bash"), Some("BashOutput"), false),
            (Some("Bash"), None, false),
            (Some("Write|Edit"), Some("Edit"), true),
            (Some("mcp__*"), Some("mcp__mail__send"), true),
            (Some("mcp__*__send"), Some("mcp__mail__send"), true),
            (Some("mcp__*__send"), Some("mcp__mail__read"), false),
            (Some("*"), Some("anything"), true),
        ] {
            let hook = hook(matches);
            assert_eq!(hook.is_for(HookEvent::PreToolUse, tool), expected, "{matches:?} {tool:?}");
            assert!(!hook.is_for(HookEvent::PostToolUse, tool));
        }
    }

    #[test]
    fn only_a_hook_that_ends_well_lets_a_call_pass() {
        let no = |reason: &str| Said::No { reason: reason.to_owned() };
        for (code, stdout, stderr, expected) in [
            (Some(0), "", "", Said::Nothing),
            (Some(0), "fine", "a warning", Said::Nothing),
            (Some(0), r#"{"decision": "allow"}"#, "", Said::Nothing),
            (Some(2), "", "not here\n", no("not here")),
            (Some(2), "", "", no("The hook says no.")),
            (Some(0), r#"{"decision": "deny", "reason": "no"}"#, "", no("no")),
            (Some(0), r#"{"decision": "block"}"#, "", no("The hook says no.")),
            (
                Some(0),
                r#"{"hookSpecificOutput": {"permissionDecision": "deny", "permissionDecisionReason": "r"}}"#,
                "",
                no("r"),
            ),
            (Some(1), "", "broken", no("The hook failed with code 1.")),
            (None, "", "", no("The hook was killed.")),
        ] {
            assert_eq!(
                said(code, stdout.as_bytes(), stderr.as_bytes()),
                expected,
                "{stdout}{stderr}"
            );
        }
    }
}
