//! The gate before a call: what the policy rules on each of its actions, as one judgement.

use super::ToolCall;
use crate::handle::Handle;
use orkestra_core::approval::Reason;
use orkestra_core::run::Run;

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

/// What the gate says to a call of this run.
pub(crate) fn judge(_handle: &Handle, _run: &Run, call: &ToolCall) -> Judged {
    Judged::Ask {
        reasons: vec![Reason {
            rule: "default".to_owned(),
            reason: "there is no policy yet".to_owned(),
            part: call.input.get("command").and_then(|c| c.as_str()).unwrap_or_default().to_owned(),
            head: String::new(),
            outward: true,
        }],
    }
}
