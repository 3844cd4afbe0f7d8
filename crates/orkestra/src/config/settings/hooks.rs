//! Reads the hooks of an agent: `hooks: { PreToolUse: [{ match: Bash, command: [./guard] }] }`.

use super::super::Origin;
use super::super::keys::HOOK;
use super::super::problem::Problem;
use super::super::reader::{self, Fields, Reader, quote};
use super::super::yaml::Kind;
use super::program;
use orkestra_agents::hook::HookEvent;
use orkestra_agents::user_hook::{TIMEOUT_MS, UserHook};
use orkestra_core::span::Span;

/// No hook may hold an agent up longer.
const TIMEOUT_MOST_MS: u64 = 600_000;

pub(super) fn read(agent: &Fields<'_>, reader: &mut Reader) -> Vec<UserHook> {
    let path = agent.path.join("hooks");
    let Some(node) = agent.get("hooks") else {
        reader.origin(&path, Origin::Default);
        return Vec::new();
    };
    reader.origin(&path, Origin::of(&node.place));
    let mut hooks = Vec::new();
    for entry in reader.named(Some(node), &path) {
        let path = path.join(&entry.key);
        let known = HookEvent::ALL.into_iter().find(|event| event.as_str() == entry.key);
        let Some(event) = known else {
            let words: Vec<&str> = HookEvent::ALL.iter().map(|event| event.as_str()).collect();
            let message = format!("there is no event {}", quote(&entry.key));
            let problem = Problem::at(entry.place.clone(), message).key(path.text());
            reader.report(problem.expected(format!("one of: {}", words.join(", "))));
            continue;
        };
        let Kind::List(items) = &entry.value.kind else {
            reader.shape(&entry.value, &path, &path.text(), "a list of hooks");
            continue;
        };
        for item in items {
            let f = reader.section(Some(item), path.clone(), &HOOK);
            let command_path = f.path.join("command");
            let Some(node) = f.get("command") else {
                let problem = Problem::at(item.place.clone(), "a hook has no command");
                let hint = "add, for example, command: [\"./guard.sh\"]";
                reader.report(problem.key(command_path.text()).hint(hint));
                continue;
            };
            let command = program(node, &command_path, reader);
            let usual = (Span::from_ms(TIMEOUT_MS), Origin::Default);
            let timeout = reader.value(&f, "timeout", usual, reader::span);
            let matches = reader.optional(&f, "match");
            if let Some(command) = command {
                let timeout_ms = timeout.ms().clamp(1, TIMEOUT_MOST_MS);
                hooks.push(UserHook { event, matches, command, timeout_ms });
            }
        }
    }
    hooks
}
