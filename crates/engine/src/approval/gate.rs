//! The gate before a call: what the policy rules on each of its actions, as one judgement.

use super::ToolCall;
use crate::handle::Handle;
use orkestra_agents::tool;
use orkestra_core::approval::Reason;
use orkestra_core::gate::{Action, Decision, Place, Policy, Ruling, Scope, is_blind, is_outward};
use orkestra_core::run::Run;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the gate says to a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judged {
    /// Do it.
    Allow {
        /// The rule that allowed it, when it was not the default.
        noted: Option<String>,
    },
    /// Never.
    Deny {
        /// The rule.
        rule: String,
        /// Why, in one sentence.
        reason: String,
        /// What it is about.
        command: String,
    },
    /// A person is asked.
    Ask {
        /// Why.
        reasons: Vec<Reason>,
    },
}

/// The gate has an answer in a thousandth of this, but for lines that are made to take long.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the gate says to a call of this run. What cannot be judged in time is denied.
pub(crate) async fn judge(handle: &Handle, run: &Run, call: &ToolCall) -> Judged {
    let (judged_by, known, asked) = (handle.clone(), run.clone(), call.clone());
    let judging = tokio::task::spawn_blocking(move || judge_now(&judged_by, &known, &asked));
    match tokio::time::timeout(PATIENCE, judging).await {
        Ok(Ok(judged)) => judged,
        Ok(Err(_)) | Err(_) => Judged::Deny {
            rule: "unreadable".to_owned(),
            reason: "it cannot be judged in time; say it in a simpler way".to_owned(),
            command: call.tool.clone(),
        },
    }
}

fn judge_now(handle: &Handle, run: &Run, call: &ToolCall) -> Judged {
    let Some(worktree) = run.worktree.as_ref().map(|place| PathBuf::from(&place.path)) else {
        let reason = "the run has no folder yet".to_owned();
        return Judged::Deny { rule: "no-folder".to_owned(), reason, command: call.tool.clone() };
    };
    let variable = |wanted: &str| {
        let found = handle.view.env.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| PathBuf::from(value))
    };
    let home = variable("HOME").unwrap_or_else(|| PathBuf::from("/"));
    let mut scope = Scope::new(&worktree, home, &handle.home);
    if let Some(temp) = variable("TMPDIR") {
        scope.write.push(temp.clone());
        scope.temp = temp;
    }
    let cwd = call.cwd.as_ref().map_or_else(|| worktree.clone(), PathBuf::from);
    judged(&handle.gate_policy(), &scope, call, &cwd)
}

fn judged(policy: &Policy, scope: &Scope, call: &ToolCall, cwd: &Path) -> Judged {
    let actions = tool::actions(&call.tool, &call.input, cwd);
    let mut reasons: Vec<Reason> = Vec::new();
    let mut noted = None;
    for action in &actions {
        // Whoever allows it by a rule of theirs: what reaches the outer world is known by the
        // built-in rules.
        let outward = built_in().rulings(action, scope).iter().any(|one| is_outward(&one.rule));
        for ruling in policy.rulings(action, scope) {
            match ruling.decision {
                Decision::Deny => {
                    return Judged::Deny {
                        command: part_of(action, None),
                        rule: ruling.rule,
                        reason: ruling.reason,
                    };
                }
                Decision::Ask => {
                    let reason = reason_of(action, ruling, outward);
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                }
                Decision::Allow if ruling.rule != "default" => noted = Some(ruling.rule),
                Decision::Allow => {}
            }
        }
    }
    if reasons.is_empty() { Judged::Allow { noted } } else { Judged::Ask { reasons } }
}

fn built_in() -> Policy {
    Policy::default()
}

fn reason_of(action: &Action, ruling: Ruling, outward: bool) -> Reason {
    let part = part_of(action, ruling.span);
    let head = if is_blind(&ruling.rule) { String::new() } else { head_of(action, &part) };
    Reason { rule: ruling.rule, reason: ruling.reason, part, head, outward }
}

/// The part of an action that a ruling is about.
fn part_of(action: &Action, span: Option<Place>) -> String {
    match action {
        Action::Command { line, .. } => match span {
            Some(span) => simple_command(line, span),
            None => line.clone(),
        },
        Action::Read { path } => format!("read {}", path.display()),
        Action::Write { path } => format!("write {}", path.display()),
        Action::Delete { path } => format!("delete {}", path.display()),
        Action::Fetch { url } => format!("fetch {url}"),
        Action::Tool { name, .. } => name.clone(),
    }
}

/// The rest of the command in which a place lies: up to what ends a command, quotes apart. This is
/// for a person's eyes; what is approved is the whole call.
fn simple_command(line: &str, place: Place) -> String {
    let least = place.end.saturating_sub(place.start);
    let (mut quote, mut escaped) = (None, false);
    let mut part = String::new();
    for (index, c) in line.chars().skip(place.start).enumerate() {
        if !escaped
            && quote.is_none()
            && index >= least
            && matches!(c, ';' | '|' | '&' | '\n' | ')')
        {
            break;
        }
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', None | Some('"')) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        part.push(c);
    }
    part.trim_end().to_owned()
}

/// What a wider answer to it would name: the command's first words, or the whole of another action.
fn head_of(action: &Action, part: &str) -> String {
    if !matches!(action, Action::Command { .. }) {
        return part.to_owned();
    }
    let plain = |word: &&str| {
        word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '+'))
    };
    let mut words = part.split_whitespace();
    let Some(first) = words.next().filter(plain) else { return String::new() };
    let starts = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    match words.next().filter(plain).filter(starts) {
        Some(second) => format!("{first} {second}"),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(command: &str) -> Judged {
        let scope = Scope::new("/w", "/home/me", "/home/me/.orkestra");
        let call = ToolCall {
            tool: "Bash".to_owned(),
            id: "1".to_owned(),
            input: json!({"command": command}),
            cwd: None,
        };
        judged(&Policy::default(), &scope, &call, Path::new("/w"))
    }

    fn reasons(command: &str) -> Vec<Reason> {
        match judge(command) {
            Judged::Ask { reasons } => reasons,
            other => panic!("{command}: {other:?}"),
        }
    }

    #[test]
    fn a_call_is_judged_by_all_its_parts() {
        assert_eq!(judge("ls -l"), Judged::Allow { noted: None });
        assert!(matches!(judge("rm -rf /"), Judged::Deny { .. }));
        assert!(matches!(judge("pip install x; rm -rf /"), Judged::Deny { .. }));
        let push = reasons("git push origin main");
        assert!(push.iter().all(|reason| reason.outward), "{push:?}");
        assert_eq!((push[0].rule.as_str(), push[0].head.as_str()), ("push", "git push"));
        let install = reasons("pip install requests");
        assert_eq!((install[0].head.as_str(), install[0].outward), ("pip install", false));
        // One part that reaches out makes the whole call one that is asked each time.
        assert!(reasons("pip install x && git push").iter().all(|reason| reason.outward));
        assert!(reasons("$TOOL push").iter().all(|reason| reason.head.is_empty()));
    }
}
