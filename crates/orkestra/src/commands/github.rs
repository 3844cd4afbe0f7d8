//! `orkestra github status`: issues that became runs.

use super::{Context, Outcome};
use crate::cli::GitHub;
use crate::exit::Code;
use crate::terminal::{self, shorten, table};
use orkestra_server::wire::GitHubStatus;

pub(super) async fn run(context: Context, args: GitHub) -> Outcome {
    let GitHub::Status(json) = args;
    let status: GitHubStatus = context.client()?.get("/api/v1/github").await?;
    if json.json {
        terminal::print_json(&status);
        return Ok(Code::Success);
    }
    let Some(repo) = &status.repo else {
        terminal::complain("No issues become runs; docs/github.md says how to change it.");
        return Ok(Code::Success);
    };
    let rows: Vec<Vec<String>> = status
        .issues
        .iter()
        .map(|issue| {
            let run = issue.run.as_deref().unwrap_or_default();
            vec![
                format!("#{}", issue.number),
                issue.state.clone(),
                run.get(run.len().saturating_sub(8)..).unwrap_or(run).to_owned(),
                shorten(&issue.title, 60),
                shorten(issue.why.as_deref().unwrap_or_default(), 60),
            ]
        })
        .collect();
    if !rows.is_empty() {
        terminal::print(&table(&["ISSUE", "STATE", "RUN", "TITLE", "WHY"], &rows));
    }
    match (&status.trouble, &status.at) {
        (Some(trouble), _) => {
            terminal::complain(&format!("{repo}: {}.", terminal::harmless(trouble)));
        }
        (None, Some(at)) => {
            let at = at.get(..19).unwrap_or(at).replace('T', " ");
            terminal::complain(&format!("{repo}: looked at {at} UTC."));
        }
        (None, None) => terminal::complain(&format!("{repo}: not looked at yet.")),
    }
    Ok(Code::Success)
}
