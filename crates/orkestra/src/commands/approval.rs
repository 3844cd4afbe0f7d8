//! `orkestra approval …`, `orkestra approve` and `orkestra deny`: what agents ask, and your answer.

use super::{Context, Outcome};
use crate::cli::{Approval, Approve, Deny};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint, shorten, table};
use orkestra_server::wire::{
    Answered, ApprovalDetail, ApprovalList, ApprovalView, ApproveRequest, DenyRequest,
};

pub(super) async fn run(context: Context, args: Approval) -> Outcome {
    let client = context.client()?;
    match args {
        Approval::List { all, json } => {
            let query = if all { "?state=all" } else { "" };
            let list: ApprovalList = client.get(&format!("/api/v1/approvals{query}")).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.approvals.is_empty() {
                terminal::complain("No agent waits for you.");
            } else {
                terminal::print(&rows(&list.approvals));
            }
        }
        Approval::Show { id, json } => {
            let path = format!("/api/v1/approvals/{}", super::encode(&id));
            let detail: ApprovalDetail = client.get(&path).await?;
            if json.json {
                terminal::print_json(&detail);
            } else {
                terminal::print(&shown(&detail));
            }
        }
    }
    Ok(Code::Success)
}

/// `orkestra approve ID`.
pub(super) async fn approve(context: Context, args: Approve) -> Outcome {
    let client = context.client()?;
    let path = format!("/api/v1/approvals/{}", super::encode(&args.id));
    let seen: ApprovalDetail = client.get(&path).await?;
    let seen = seen.approval;
    if let Some(hash) = &args.hash
        && (hash.len() < 8 || !seen.hash.starts_with(&hash.to_ascii_lowercase()))
    {
        let why = format!("{} asks for something else: its hash is {}", seen.short, seen.hash);
        return Err(Failure::new(Code::Refused, why)
            .hint(format!("Look at it again: orkestra approval show {}", seen.short)));
    }
    // What is approved is what is told here.
    if !args.json.json {
        terminal::complain(&question(&seen));
    }
    let request = ApproveRequest {
        hash: seen.hash.clone(),
        scope: Some(args.scope.as_str().to_owned()),
        lasts: args.lasts,
        note: args.note,
        all: args.all,
    };
    let path = format!("/api/v1/approvals/{}/approve", seen.id);
    let answered: Answered = client.post(&path, &request).await?;
    tell(&answered, args.json.json);
    Ok(Code::Success)
}

/// `orkestra deny ID`.
pub(super) async fn deny(context: Context, args: Deny) -> Outcome {
    let client = context.client()?;
    let path = format!("/api/v1/approvals/{}", super::encode(&args.id));
    let seen: ApprovalDetail = client.get(&path).await?;
    let seen = seen.approval;
    let request = DenyRequest { hash: seen.hash, note: args.reason, all: args.all };
    let path = format!("/api/v1/approvals/{}/deny", seen.id);
    let answered: Answered = client.post(&path, &request).await?;
    tell(&answered, args.json.json);
    Ok(Code::Success)
}

fn tell(answered: &Answered, json: bool) {
    if json {
        terminal::print_json(answered);
        return;
    }
    for one in std::iter::once(&answered.approval).chain(&answered.others) {
        let what = shorten(&terminal::harmless(&one.what), 70);
        terminal::complain(&format!("{}  {}  {what}", one.short, state(one)));
    }
}

fn state(approval: &ApprovalView) -> String {
    let color = match approval.state.as_str() {
        "pending" => Color::Amber,
        "approved" | "used" => Color::Green,
        "denied" => Color::Red,
        _ => Color::Grey,
    };
    paint(color, &approval.state)
}

fn time(text: &str) -> String {
    text.get(..19).unwrap_or(text).replace('T', " ")
}

fn rows(approvals: &[ApprovalView]) -> String {
    let rows: Vec<Vec<String>> = approvals
        .iter()
        .map(|one| {
            let alike = approvals
                .iter()
                .filter(|other| other.group == one.group && one.state == other.state);
            let alike = match alike.count() {
                0 | 1 => String::new(),
                count => format!(" (asked by {count} runs: --all)"),
            };
            vec![
                one.short.clone(),
                state(one),
                terminal::harmless(&one.agent),
                one.run_short.clone(),
                time(&one.asked_at),
                format!("{}{alike}", shorten(&terminal::harmless(&one.what), 80)),
            ]
        })
        .collect();
    table(&["APPROVAL", "STATE", "AGENT", "RUN", "ASKED (UTC)", "WHAT"], &rows)
}

/// What a person must see before they answer.
fn question(one: &ApprovalView) -> String {
    let mut lines = vec![
        format!("{}  {}", one.short, state(one)),
        format!("agent    {} (run {})", terminal::harmless(&one.agent), one.run_short),
        format!("tool     {}", terminal::harmless(&one.tool)),
        format!("in       {}", terminal::harmless(&one.cwd)),
        String::new(),
    ];
    lines.extend(terminal::harmless(&one.text).lines().map(|line| format!("    {line}")));
    lines.push(String::new());
    for reason in &one.reasons {
        let part = terminal::harmless(&reason.part);
        let part = if part.is_empty() { String::new() } else { format!("{part}: ") };
        let outward = if reason.outward { "; reaches the outer world" } else { "" };
        let why = terminal::harmless(&reason.reason);
        lines.push(format!("asked    {part}{why} (rule {}{outward})", reason.rule));
    }
    for (what, count) in &one.hidden {
        let warning = format!("hidden   {what}, {count} times");
        lines.push(paint(Color::Red, &warning));
    }
    lines.push(format!("hash     {}", one.hash));
    lines.join("\n")
}

fn shown(detail: &ApprovalDetail) -> String {
    let one = &detail.approval;
    let mut lines = vec![question(one)];
    lines.push(format!("asked at {}", time(&one.asked_at)));
    match (&one.answer, one.state.as_str()) {
        (None, "pending") => {
            lines.push(format!("until    {}, then it is denied", time(&one.expires_at)));
        }
        (Some(answer), _) => {
            let note = answer
                .note
                .as_deref()
                .map_or_else(String::new, |note| format!(": {}", terminal::harmless(note)));
            let by = format!("answered by {}, {}{note}", answer.by, time(&answer.at));
            lines.push(format!("{by} (scope {})", answer.scope));
        }
        (None, _) => {}
    }
    if let Some(ended) = &one.ended_at {
        lines.push(format!("over     {}", time(ended)));
    }
    if !detail.together.is_empty() {
        lines.push(format!(
            "{} other runs ask the same; --all answers them too",
            detail.together.len()
        ));
    }
    if !detail.history.is_empty() {
        lines.push(String::new());
        lines.push("before".to_owned());
        for past in &detail.history {
            let by = past.answer.as_ref().map_or("nobody", |answer| answer.by.as_str());
            lines.push(format!(
                "  {}  {}  by {by}  {}",
                time(&past.asked_at),
                state(past),
                shorten(&terminal::harmless(&past.what), 60)
            ));
        }
    }
    if one.state == "pending" {
        lines.push(String::new());
        lines.push(format!("orkestra approve {}   orkestra deny {}", one.short, one.short));
        lines.push(format!("scopes: {}", one.scopes.join(", ")));
    }
    lines.join("\n")
}
