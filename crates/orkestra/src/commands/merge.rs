//! `orkestra merge …`: verified work comes into a branch.

use super::{Context, Outcome, encode};
use crate::cli::{Merge, MergeVerb};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint, shorten, table};
use orkestra_server::client::{Client, Error};
use orkestra_server::wire::{
    MergeList, MergeRequest, MergeRetry, MergeView, OverlapList, OverlapView,
};
use std::time::Duration;

/// How often a merge is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A daemon may be away for so many looks.
const AWAY_MAX: u32 = 150;

fn path(id: &str, verb: &str) -> String {
    format!("/api/v1/merges/{}/{verb}", encode(id))
}

pub(super) async fn run(context: Context, args: Merge) -> Outcome {
    let client = context.client()?;
    let Some(verb) = args.verb else {
        let Some(of) = args.of else {
            return Err(Failure::new(Code::Usage, "whose work? orkestra merge RUN"));
        };
        let request = MergeRequest { of, into: args.into };
        let merge: MergeView = client.post("/api/v1/merges", &request).await?;
        return follow(&client, merge, args.detach, args.json.json).await;
    };
    match verb {
        MergeVerb::List { limit, json } => {
            let list: MergeList = client.get(&format!("/api/v1/merges?limit={limit}")).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.merges.is_empty() {
                terminal::complain("There are no merges. orkestra merge RUN puts a run's work in.");
            } else {
                terminal::print(&rows(&list.merges));
            }
            Ok(Code::Success)
        }
        MergeVerb::Show { id, json } => {
            let merge = client.get(&format!("/api/v1/merges/{}", encode(&id))).await?;
            tell(&merge, json.json);
            Ok(Code::Success)
        }
        MergeVerb::Retry { id, accept, detach, json } => {
            let merge = client.post(&path(&id, "retry"), &MergeRetry { accept }).await?;
            follow(&client, merge, detach, json.json).await
        }
        MergeVerb::Cancel { id, json } => {
            let merge: MergeView = client.post(&path(&id, "cancel"), &()).await?;
            tell(&merge, json.json);
            Ok(Code::Success)
        }
        MergeVerb::Undo { id, json } => {
            let merge: MergeView = client.post(&path(&id, "undo"), &()).await?;
            tell(&merge, json.json);
            Ok(Code::Success)
        }
        MergeVerb::Overlaps { json } => {
            let list: OverlapList = client.get("/api/v1/overlaps").await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.overlaps.is_empty() {
                terminal::complain("No two runs changed the same file.");
            } else {
                for overlap in &list.overlaps {
                    terminal::print(&line_of(overlap, None));
                }
            }
            Ok(Code::Success)
        }
    }
}

/// Waits until it is over or a person has to look, also over a daemon that dies and comes back.
async fn follow(client: &Client, merge: MergeView, detach: bool, json: bool) -> Outcome {
    let (mut merge, mut away) = (merge, 0);
    while !detach && !matches!(merge.state.as_str(), "merged" | "person" | "refused" | "undone") {
        tokio::time::sleep(LOOK).await;
        match client.get::<MergeView>(&format!("/api/v1/merges/{}", encode(&merge.id))).await {
            Ok(now) => (merge, away) = (now, 0),
            Err(Error::NotRunning { .. } | Error::Broken(_)) if away < AWAY_MAX => away += 1,
            Err(error) => return Err(error.into()),
        }
    }
    tell(&merge, json);
    Ok(match merge.state.as_str() {
        "person" => Code::NeedsPerson,
        "refused" => Code::Refused,
        _ => Code::Success,
    })
}

fn state(merge: &MergeView) -> String {
    match merge.state.as_str() {
        "merged" => paint(Color::Green, "✓ merged"),
        "person" => paint(Color::Amber, "? waits for you"),
        "refused" => paint(Color::Grey, "given up"),
        "conflict" => paint(Color::Amber, "its author is told"),
        other => paint(Color::Grey, other),
    }
}

fn tell(merge: &MergeView, json: bool) {
    if json {
        terminal::print_json(merge);
        return;
    }
    let (from, into) = (harmless(&merge.from), harmless(&merge.into));
    terminal::print(&format!("Merge {}  {}  {from} → {into}", merge.short, state(merge)));
    if let Some(why) = &merge.why {
        terminal::print(&harmless(why));
    }
    for file in &merge.conflicts {
        terminal::print(&format!("  {} {}", paint(Color::Red, "conflict"), harmless(file)));
    }
    for loss in &merge.losses {
        terminal::print(&format!("  {} {}", paint(Color::Red, "lost"), harmless(&loss.says)));
    }
    let short = &merge.short;
    match (merge.state.as_str(), &merge.commit) {
        ("merged", Some(commit)) => {
            let commit = commit.get(..12).unwrap_or(commit);
            terminal::print(&format!("{into} ends in {commit} or contains it."));
            terminal::complain(&format!("To take it out again: orkestra merge undo {short}"));
        }
        ("person", _) => {
            let accept = if merge.losses.is_empty() { "" } else { " --accept to take it as it is" };
            terminal::complain(&format!(
                "When it is mended: orkestra merge retry {short}{accept}. To give it up: orkestra merge \
                 cancel {short}"
            ));
        }
        _ => {}
    }
}

fn rows(merges: &[MergeView]) -> String {
    let rows: Vec<Vec<String>> = merges
        .iter()
        .map(|merge| {
            vec![
                merge.short.clone(),
                state(merge),
                shorten(&harmless(&merge.from), 40),
                shorten(&harmless(&merge.into), 40),
                merge.created_at.get(..19).unwrap_or(&merge.created_at).replace('T', " "),
                shorten(&harmless(merge.why.as_deref().unwrap_or_default()), 60),
            ]
        })
        .collect();
    table(&["MERGE", "STATE", "FROM", "INTO", "ASKED (UTC)", "WHY"], &rows)
}

/// Where two runs meet, in one line; seen from one of them, if it is named.
pub(super) fn line_of(overlap: &OverlapView, from: Option<&str>) -> String {
    let short = |id: &str| id.get(id.len().saturating_sub(8)..).unwrap_or(id).to_owned();
    let mark = match overlap.level.as_str() {
        "hot" => paint(Color::Red, "hot "),
        _ => paint(Color::Amber, "soft"),
    };
    let place = |file: &orkestra_server::wire::MetView| {
        let lines: Vec<String> = file
            .lines
            .iter()
            .map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
            .collect();
        let path = harmless(&file.path);
        if lines.is_empty() { path } else { format!("{path}:{}", lines.join(",")) }
    };
    let files: Vec<String> = overlap.files.iter().map(place).collect();
    let files = shorten(&files.join(" "), 160);
    let named = |id: &str, agent: &str| format!("{} ({})", short(id), harmless(agent));
    let (one, other) =
        (named(&overlap.one, &overlap.one_agent), named(&overlap.other, &overlap.other_agent));
    match from {
        Some(from) if from == overlap.one => format!("{mark} with {other}: {files}"),
        Some(_) => format!("{mark} with {one}: {files}"),
        None => format!("{mark} {one} and {other}: {files}"),
    }
}
