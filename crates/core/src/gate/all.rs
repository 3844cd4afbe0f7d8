//! All that the policy says to an action, for whoever asks a person: each part that needs a word.

use super::{Action, Decision, Policy, Ruling, Scope, ruling, shell};

/// Rules about what reaches the outer world. A person is asked each time (DESIGN law 5).
const OUTWARD: &[&str] =
    &["push", "publish", "remote", "cloud", "upload", "message", "computed-address"];

/// Rules that say that the gate does not know what would happen: no wider answer can be made of
/// them.
const BLIND: &[&str] = &[
    "too-long",
    "unreadable",
    "hidden-characters",
    "computed-command",
    "computed-operand",
    "computed-address",
    "shell-input",
    "inline-code",
    "hidden-command",
    "written-and-run",
];

/// Whether a rule is about the outer world.
pub fn is_outward(rule: &str) -> bool {
    OUTWARD.contains(&rule)
}

/// Whether a rule says that what would happen is not known.
pub fn is_blind(rule: &str) -> bool {
    BLIND.contains(&rule)
}

impl Policy {
    /// Everything that speaks against an action, in the order of the line; only what allows it, when
    /// nothing does. The strictest of them is what [`Policy::rule`] names.
    pub fn rulings(&self, action: &Action, scope: &Scope) -> Vec<Ruling> {
        let Action::Command { line, cwd } = action else {
            return vec![self.rule(action, scope)];
        };
        let hits = shell::judge(self, scope, line, &scope.worktree.join(cwd));
        let against: Vec<Ruling> = hits
            .iter()
            .filter(|hit| hit.decision != Decision::Allow)
            .map(|hit| ruling(&hit.rule, hit.decision, &hit.what, hit.place))
            .collect();
        if against.is_empty() { vec![self.rule(action, scope)] } else { against }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn every_part_that_needs_a_word_is_named() {
        let scope = Scope::new("/w", "/home/me", "/home/me/.orkestra");
        let line = "pip install x && git push origin main";
        let action = Action::Command { line: line.to_owned(), cwd: PathBuf::from("/w") };
        let rulings = Policy::default().rulings(&action, &scope);
        let rules: Vec<&str> = rulings.iter().map(|ruling| ruling.rule.as_str()).collect();
        assert!(rules.contains(&"install") && rules.contains(&"push"), "{rulings:?}");
        assert!(rulings.iter().all(|ruling| ruling.decision == Decision::Ask), "{rulings:?}");
        let harmless = Action::Command { line: "ls".to_owned(), cwd: PathBuf::from("/w") };
        let rulings = Policy::default().rulings(&harmless, &scope);
        assert_eq!(
            rulings.iter().map(|ruling| ruling.decision).collect::<Vec<_>>(),
            [Decision::Allow]
        );
        assert!(OUTWARD.iter().chain(BLIND).all(|rule| super::super::rules::find(rule).is_some()));
    }
}
