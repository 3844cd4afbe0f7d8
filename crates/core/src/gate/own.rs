//! Rules that somebody wrote: words of a command, or a path, host or tool.

use super::option::arguments;
use super::shell::{Hit, Walk};
use super::word::Arg;
use super::{Decision, OwnRule, Place, Policy, Ruling, Scope};
use std::path::Path;

/// Programs that only look, for a policy that does not allow what it does not know.
const HARMLESS: &[&str] = &[
    "ls",
    "cat",
    "head",
    "tail",
    "wc",
    "sort",
    "uniq",
    "cut",
    "tr",
    "grep",
    "egrep",
    "fgrep",
    "rg",
    "diff",
    "cmp",
    "comm",
    "file",
    "stat",
    "du",
    "df",
    "date",
    "echo",
    "printf",
    "true",
    "false",
    ":",
    "test",
    "[",
    "pwd",
    "cd",
    "pushd",
    "popd",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "seq",
    "sleep",
    "which",
    "type",
    "command",
    "id",
    "whoami",
    "uname",
    "hostname",
    "nproc",
    "find",
    "tree",
    "jq",
    "exit",
    "return",
    "break",
    "continue",
    "shift",
    "local",
    "export",
    "set",
    "read",
    "wait",
    "column",
    "nl",
    "tac",
    "rev",
    "fold",
    "expr",
    "let",
    "mkdir",
    "touch",
    "git",
    "less",
    "more",
    "md5sum",
    "sha256sum",
    "xxd",
    "od",
];

/// Whether `name` only looks.
pub(super) fn harmless(name: &str) -> bool {
    HARMLESS.contains(&name)
}

/// `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Whether the words of a command rule match. What forbids looks for its words anywhere, in order, so that no option hides them; what allows
/// wants them at the beginning, and nothing that is not known.
fn command(pattern: &str, decision: Decision, name: &str, args: &[Arg]) -> bool {
    let mut words = pattern.split_whitespace();
    if !words.next().is_some_and(|first| matches(first, name)) {
        return false;
    }
    let mut words = words.peekable();
    if decision == Decision::Allow {
        let given = arguments(args, &["-C"], false);
        let plain: Vec<&str> = args.iter().filter_map(Arg::text).collect();
        let operands = given.words();
        let words: Vec<&str> = words.collect();
        let begins = |list: &[&str]| {
            words.len() <= list.len()
                && words.iter().zip(list).all(|(word, text)| matches(word, text))
        };
        return args.iter().all(|arg| arg.text().is_some())
            && (begins(&plain) || begins(&operands));
    }
    for arg in args {
        let Some(word) = words.peek() else { break };
        if arg.any(|text| matches(word, text)) || arg.open && arg.values.is_empty() {
            words.next();
        }
    }
    words.peek().is_none()
}

/// Applies the own rules to a command, of which the built-in rules found `walk.hits[before..]`. First what denies, then what asks, then what allows:
/// that takes away what a built-in rule would have asked, and nothing that one denies.
pub(super) fn apply(
    walk: &mut Walk<'_>,
    name: &str,
    args: &[Arg],
    place: Option<Place>,
    before: usize,
) {
    let of = |decision: Decision| {
        walk.policy
            .own
            .iter()
            .find(move |rule| {
                rule.decision == decision && command(&rule.pattern, decision, name, args)
            })
            .map(|rule| rule.pattern.clone())
    };
    let said =
        |rule: String, decision: Decision| Hit { rule, decision, what: String::new(), place };
    if let Some(rule) = of(Decision::Deny) {
        walk.hits.push(said(rule, Decision::Deny));
    } else if let Some(rule) = of(Decision::Ask) {
        walk.hits.push(said(rule, Decision::Ask));
    } else if let Some(rule) = of(Decision::Allow) {
        let asked = walk.hits.len();
        let mut index = 0;
        walk.hits.retain(|hit| {
            index += 1;
            let stays = index <= before || hit.decision == Decision::Deny;
            stays || hit.decision == Decision::Allow
        });
        if walk.hits.len() < asked {
            walk.hits.push(said(rule, Decision::Allow));
        }
    }
}

/// What the own rules say of a path, host or tool; `kind` is the word before the colon.
pub(super) fn other(policy: &Policy, kind: &str, text: &str, scope: &Scope) -> Option<Ruling> {
    let rule = |decision: Decision| -> Option<&OwnRule> {
        policy.own.iter().find(|rule| {
            rule.decision == decision
                && rule.pattern.split_once(':').is_some_and(|(word, pattern)| {
                    word == kind && wanted(pattern, text, kind, scope)
                })
        })
    };
    [Decision::Deny, Decision::Ask, Decision::Allow].into_iter().find_map(rule).map(|rule| Ruling {
        decision: rule.decision,
        rule: rule.pattern.clone(),
        reason: "a rule of the configuration".to_owned(),
        span: None,
    })
}

fn wanted(pattern: &str, text: &str, kind: &str, scope: &Scope) -> bool {
    if kind == "fetch" || kind == "tool" {
        return matches(pattern, text);
    }
    let expanded = match pattern.strip_prefix("~/") {
        Some(rest) => scope.home.join(rest),
        None => scope.worktree.join(pattern),
    };
    matches(&expanded.display().to_string(), text) || Path::new(text).starts_with(&expanded)
}

/// Whether a rule's text has a form that the gate understands; if not, why.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    let pattern = pattern.trim();
    if pattern.is_empty() {
        return Err(
            "a rule needs the words of a command, or read:, write:, delete:, fetch: or tool: with a pattern",
        );
    }
    match pattern.split_once(':') {
        Some(("read" | "write" | "delete" | "fetch" | "tool", rest)) if rest.trim().is_empty() => {
            Err("a pattern is missing after the colon")
        }
        _ if pattern.contains(['|', ';', '&', '<', '>', '`', '$', '\n']) => {
            Err("a rule names one command by its words; it is not shell")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text) in [
            ("git", "git"),
            ("*", "x"),
            ("agent/*", "agent/7"),
            ("*.rs", "a.rs"),
            ("a*b*c", "axxbyyc"),
            ("mcp__*", "mcp__x__y"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("git", "gitk"), ("agent/*", "agen"), ("*.rs", "a.rst"), ("a*b*c", "acb"), ("", "x")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
