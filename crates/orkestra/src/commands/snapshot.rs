//! `orkestra snapshot …`: the work as it was, and putting it back.

use super::{Context, Outcome, encode};
use crate::cli::Snapshot;
use crate::exit::Code;
use crate::terminal::{self, table};
use orkestra_server::wire::{SnapshotDetail, SnapshotList, SnapshotRestored, SnapshotView};

pub(super) async fn run(context: Context, args: Snapshot) -> Outcome {
    let client = context.client()?;
    match args {
        Snapshot::Create(json) => {
            let made: SnapshotView = client.post("/api/v1/snapshots", &()).await?;
            if json.json {
                terminal::print_json(&made);
            } else {
                let (short, rows) = (&made.short, made.rows);
                terminal::print(&format!("Snapshot {short} holds {rows} rows."));
            }
        }
        Snapshot::List(json) => {
            let list: SnapshotList = client.get("/api/v1/snapshots").await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.snapshots.is_empty() {
                terminal::complain("There are no snapshots yet.");
            } else {
                let rows: Vec<Vec<String>> = list
                    .snapshots
                    .iter()
                    .map(|one| {
                        vec![
                            one.short.clone(),
                            time(&one.at),
                            one.reason.clone(),
                            one.rows.to_string(),
                        ]
                    })
                    .collect();
                terminal::print(&table(&["ID", "AT (UTC)", "WHY", "ROWS"], &rows));
            }
        }
        Snapshot::Show { id, json } => {
            let path = format!("/api/v1/snapshots/{}", encode(&id));
            let detail: SnapshotDetail = client.get(&path).await?;
            if json.json {
                terminal::print_json(&detail);
            } else {
                show(&detail.snapshot);
            }
        }
        Snapshot::Restore { id, json } => {
            let path = format!("/api/v1/snapshots/{}/restore", encode(&id));
            let done: SnapshotRestored = client.post(&path, &()).await?;
            if json.json {
                terminal::print_json(&done);
            } else {
                let (short, before) = (&done.snapshot.short, &done.before.short);
                terminal::print(&format!(
                    "The work is as it was at {} (snapshot {short}).",
                    time(&done.snapshot.at)
                ));
                if done.freed > 0 {
                    terminal::print(&format!(
                        "Tasks that somebody held then, and that may be claimed again: {}.",
                        done.freed
                    ));
                }
                terminal::print(&format!("To undo this: orkestra snapshot restore {before}"));
            }
        }
    }
    Ok(Code::Success)
}

fn time(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}

fn show(one: &SnapshotView) {
    let mut rows = vec![
        vec!["id".to_owned(), one.id.clone()],
        vec!["at".to_owned(), format!("{} UTC", time(&one.at))],
        vec!["why".to_owned(), one.reason.clone()],
        vec!["by".to_owned(), terminal::harmless(&one.by)],
        vec!["event".to_owned(), one.seq.to_string()],
    ];
    for (name, count) in one.counts.as_object().into_iter().flatten() {
        rows.push(vec![name.clone(), count.to_string()]);
    }
    terminal::print(&table(&["", ""], &rows));
}
