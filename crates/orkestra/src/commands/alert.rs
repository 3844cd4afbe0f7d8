//! `orkestra alert …` and `orkestra notify …`: what somebody should hear of, and how.

use super::{Context, Outcome};
use crate::cli::{Alert, Notify};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint, shorten, table};
use orkestra_server::wire::{AlertList, AlertView, NotificationList, NotificationTest};

pub(super) async fn run(context: Context, args: Alert) -> Outcome {
    let client = context.client()?;
    match args {
        Alert::List { all, json } => {
            let query = if all { "?state=all" } else { "" };
            let list: AlertList = client.get(&format!("/api/v1/alerts{query}")).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.alerts.is_empty() {
                terminal::complain("There are no alerts.");
            } else {
                terminal::print(&rows(&list.alerts));
            }
            Ok(Code::Success)
        }
        Alert::Show { id, json } => {
            let path = format!("/api/v1/alerts/{}", super::encode(&id));
            let alert: AlertView = client.get(&path).await?;
            if json.json {
                terminal::print_json(&alert);
            } else {
                terminal::print(&detail(&alert));
            }
            Ok(Code::Success)
        }
        Alert::Settle { id, json } => {
            let path = format!("/api/v1/alerts/{}/settle", super::encode(&id));
            let alert: AlertView = client.post(&path, &()).await?;
            if json.json {
                terminal::print_json(&alert);
            } else {
                terminal::complain(&format!("{}  {}", alert.short, state(&alert)));
            }
            Ok(Code::Success)
        }
    }
}

pub(super) async fn notify(context: Context, args: Notify) -> Outcome {
    let client = context.client()?;
    match args {
        Notify::List(json) => {
            let list: NotificationList = client.get("/api/v1/notifications").await?;
            if json.json {
                terminal::print_json(&list);
                return Ok(Code::Success);
            }
            if list.notifications.is_empty() {
                terminal::complain(
                    "Nobody is told of alerts; docs/alerts.md says how to change it.",
                );
                return Ok(Code::Success);
            }
            let rows: Vec<Vec<String>> = list
                .notifications
                .iter()
                .map(|one| {
                    let usable = if one.available {
                        paint(Color::Green, "✓")
                    } else {
                        paint(Color::Grey, "✗ notify-send is not installed")
                    };
                    vec![one.name.clone(), one.kind.clone(), one.min_level.clone(), usable]
                })
                .collect();
            terminal::print(&table(&["NAME", "KIND", "FROM", "USABLE"], &rows));
            Ok(Code::Success)
        }
        Notify::Test { name, json } => {
            let path = format!("/api/v1/notifications/{}/test", super::encode(&name));
            let test: NotificationTest = client.post(&path, &()).await?;
            let why = terminal::harmless(&test.why);
            if json.json {
                terminal::print_json(&test);
            } else if test.done {
                terminal::complain(&format!("{name} was told: {why}."));
            }
            if test.done {
                return Ok(Code::Success);
            }
            Err(Failure::new(Code::Failure, format!("{name} could not be told: {why}"))
                .hint("Look at its address and secret under `notifications` in the configuration."))
        }
    }
}

fn level(alert: &AlertView) -> String {
    match alert.level.as_str() {
        "critical" => paint(Color::Red, "✗ critical"),
        _ => paint(Color::Amber, "! warning"),
    }
}

fn state(alert: &AlertView) -> String {
    match alert.state.as_str() {
        "open" => paint(Color::Amber, "open"),
        "resolved" => paint(Color::Green, "resolved"),
        other => paint(Color::Grey, other),
    }
}

fn rows(alerts: &[AlertView]) -> String {
    let rows: Vec<Vec<String>> = alerts
        .iter()
        .map(|alert| {
            vec![
                alert.short.clone(),
                level(alert),
                state(alert),
                alert.count.to_string(),
                alert.last_at.get(..19).unwrap_or(&alert.last_at).replace('T', " "),
                shorten(&alert.title, 80),
            ]
        })
        .collect();
    table(&["ALERT", "LEVEL", "STATE", "TIMES", "LAST (UTC)", "WHAT"], &rows)
}

fn detail(alert: &AlertView) -> String {
    let mut lines = vec![
        format!("{}  {}  {}", alert.short, level(alert), state(alert)),
        terminal::harmless(&alert.title),
        format!("what     {} ({})", alert.what, terminal::harmless(&alert.subject)),
        format!("raised   {}", alert.first_at),
        format!("last     {}, {} times", alert.last_at, alert.count),
        format!("told     {} times", alert.deliveries),
    ];
    if let Some(who) = &alert.settled_by {
        lines.push(format!("settled  by {who}"));
    }
    if let Some(at) = &alert.ended_at {
        lines.push(format!("ended    {at}"));
    }
    lines.push(format!("do       {}", alert.action));
    lines.join("\n")
}
