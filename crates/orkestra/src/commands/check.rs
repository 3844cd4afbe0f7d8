//! `orkestra task checks|verify|log|doctor`: how tasks are checked, what happened to one, and whether
//! the work fits together.

use super::{Context, Outcome, encode, events};
use crate::cli::{TaskChecks, TaskDoctor, TaskLog, TaskVerify};
use crate::exit::Code;
use crate::terminal::{self, Color, harmless, paint};
use orkestra_server::wire::{
    ChecksAnswer, ChecksMade, ChecksRequest, DiagnosisView, HealRequest, JournalPage,
    TaskChecksView,
};

pub(super) async fn checks(context: Context, args: TaskChecks) -> Outcome {
    let path = format!("/api/v1/tasks/{}/checks", encode(&args.id));
    let view: TaskChecksView = context.client()?.get(&path).await?;
    if args.json.json {
        terminal::print_json(&view);
        return Ok(Code::Success);
    }
    if view.pre.is_none() && view.post.is_none() {
        terminal::complain("No checks were made yet.");
    }
    for made in [&view.pre, &view.post].into_iter().flatten() {
        show(made);
    }
    for error in &view.errors {
        terminal::print(&paint(Color::Grey, "Errors of its runs"));
        let outcome = error.outcome.as_deref().unwrap_or("open");
        terminal::print(&format!(
            "  {} → {} ({}, {outcome}): {}",
            error.class,
            error.strategy,
            error.step,
            harmless(&error.advice)
        ));
    }
    Ok(Code::Success)
}

fn show(made: &ChecksMade) {
    let when = if made.phase == "pre" { "Before" } else { "After" };
    let at = made.at.get(..19).unwrap_or(&made.at).replace('T', " ");
    let agent = made.agent.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    terminal::print(&paint(Color::Grey, &format!("{when}{}, {at} UTC", harmless(&agent))));
    for one in &made.results {
        let mark = match one.level.as_str() {
            "pass" => paint(Color::Green, "✓"),
            "warning" => paint(Color::Amber, "!"),
            _ => paint(Color::Red, "✗"),
        };
        terminal::print(&format!(
            "{mark} {:<22} {:<9} {}",
            harmless(&one.check),
            one.level,
            harmless(&one.message)
        ));
    }
}

pub(super) async fn verify(context: Context, args: TaskVerify) -> Outcome {
    let path = format!("/api/v1/tasks/{}/checks", encode(&args.id));
    let phase = if args.before { "pre" } else { "post" };
    let request =
        ChecksRequest { phase: Some(phase.to_owned()), agent: args.agent, evidence: !args.before };
    let answer: ChecksAnswer = context.client()?.post(&path, &request).await?;
    if args.json.json {
        terminal::print_json(&answer);
    } else {
        show(&answer.checks);
        if let Some(run) = &answer.run {
            terminal::complain(&format!(
                "The evidence of its run is looked at again: orkestra run show {run}"
            ));
        }
        if let Some(why) = &answer.no_evidence {
            terminal::complain(&format!("No evidence is looked at again: {}.", harmless(why)));
        }
    }
    Ok(if answer.checks.stops { Code::Refuted } else { Code::Success })
}

pub(super) async fn log(context: Context, args: TaskLog) -> Outcome {
    let client = context.client()?;
    let mut after = 0;
    loop {
        let task = encode(&args.id);
        let path = format!("/api/v1/journal?order=asc&limit=1000&task={task}&after={after}");
        let page: JournalPage = client.get(&path).await?;
        for event in &page.events {
            after = event.seq;
            if !events::show(event, args.json) {
                return Ok(Code::Success);
            }
        }
        if page.next.is_none() {
            return Ok(Code::Success);
        }
    }
}

pub(super) async fn doctor(context: Context, args: TaskDoctor) -> Outcome {
    let request = HealRequest { dry_run: args.dry_run };
    let found: DiagnosisView = context.client()?.post("/api/v1/work/heal", &request).await?;
    if args.json.json {
        terminal::print_json(&found);
    } else {
        for fault in &found.faults {
            let mark = match &fault.mended {
                Some(_) => paint(Color::Green, "✓"),
                None => paint(Color::Amber, "!"),
            };
            let done = fault.mended.as_deref().map(|done| format!(" {done}")).unwrap_or_default();
            terminal::print(&format!(
                "{mark} {:<16} {}{}",
                fault.kind,
                harmless(&fault.says),
                harmless(&done)
            ));
        }
        for class in &found.classes {
            let share = match class.success {
                Some(share) => format!(", {:.0} % healed", share * 100.0),
                None => String::new(),
            };
            terminal::print(&format!(
                "  {:<16} met {} times, then {}{share}",
                class.class, class.tried, class.strategy
            ));
        }
        terminal::complain(&format!(
            "{} tasks looked at; {} found, {} left to you.",
            found.tasks,
            found.faults.len(),
            found.open
        ));
    }
    Ok(if found.open == 0 { Code::Success } else { Code::HealthWarning })
}
