//! Sentences for work that is put into branches, and for where the work of runs meets.

use super::{quote, text};
use orkestra_core::event::Event;
use serde_json::Value;

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// What happened; nothing for other events.
pub(super) fn sentence(event: &Event, body: &Value) -> Option<String> {
    let (from, into) = (text(body, "from"), text(body, "into"));
    let files = || {
        let all = body.get("files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = all.iter().map(|file| text(file, "path")).collect();
        quote(&names.join(", "))
    };
    Some(match event.kind.as_str() {
        "merge.requested" => format!("{} wants {from} in {into}.", event.actor),
        "merge.named" => format!("{from} is to be put into {into}, which is checked out."),
        "merge.rebased" => {
            format!(
                "{from} was put upon {into} at {}; nothing was lost.",
                short(text(body, "onto"))
            )
        }
        "merge.checking" => format!("The evidence of {from} is looked at upon {into}."),
        "merge.conflict" => {
            format!("The author of {from} was told to put it upon {into}: {}", text(body, "why"))
        }
        "merge.stopped" => {
            format!("{from} cannot be put into {into} by itself: {}", text(body, "why"))
        }
        "merge.again" => format!("Putting {from} into {into} begins anew: {}", text(body, "why")),
        "merge.retried" => format!("{} lets {from} be put into {into} again.", event.actor),
        "merge.done" => format!("{from} is in {into}, at {}.", short(text(body, "commit"))),
        "merge.given_up" => format!("{from} is not put into {into}: {}.", text(body, "why")),
        "merge.undone" => {
            format!("{into} ends at {} again, without {from}.", short(text(body, "back_to")))
        }
        "run.rebased" => {
            format!(
                "Its work was put upon {}; its evidence is looked at again.",
                short(text(body, "base"))
            )
        }
        "run.merged" => format!("Its work is in {into}, at {}.", short(text(body, "commit"))),
        "run.overlap" | "task.overlap" => {
            let hot = body.get("hot").and_then(Value::as_bool) == Some(true);
            let what = if hot { "the same lines" } else { "the same file" };
            format!("{} changes {what}: {}", text(body, "with_agent"), files())
        }
        "run.overlap_gone" | "task.overlap_gone" => {
            format!("What {} changes does not meet it any more.", text(body, "with_agent"))
        }
        _ => return None,
    })
}
