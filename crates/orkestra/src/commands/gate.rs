//! `orkestra gate`: what the gate does with a command, and its rules.

use super::{Context, Outcome};
use crate::cli::{Gate, GateCheck, Json};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint, shorten, table};
use orkestra_core::gate::{Action, Decision, Policy, Ruling, Scope, rules};
use orkestra_server::wire::{GateRuleList, GateRuleView};
use serde_json::json;
use std::io::{BufRead, Write};
use std::path::PathBuf;

pub(super) async fn run(context: Context, args: Gate) -> Outcome {
    match args {
        Gate::Check(args) => check(&context, &args),
        Gate::Rules(args) => list(&context, args).await,
        Gate::Forget { id, json } => {
            let path = format!("/api/v1/gate/rules/{}/forget", super::encode(&id));
            let rule: GateRuleView = context.client()?.post(&path, &()).await?;
            if json.json {
                terminal::print_json(&rule);
            } else {
                let what = terminal::harmless(&rule.what);
                terminal::complain(&format!("{} is asked again.", shorten(&what, 80)));
            }
            Ok(Code::Success)
        }
    }
}

fn check(context: &Context, args: &GateCheck) -> Outcome {
    let settings = context.load()?.settings;
    let policy = settings.upkeep.gate;
    let cwd = match &args.dir {
        Some(folder) => context.surroundings.cwd.join(folder),
        None => context.surroundings.cwd.clone(),
    };
    let home = context.surroundings.user_home.clone();
    // Without a home there is nobody whose keys could be named.
    let home = home.unwrap_or_else(|| PathBuf::from("/nonexistent"));
    let scope = Scope::new(cwd.clone(), home, settings.home);
    let rule = |line: &str| {
        policy.rule(&Action::Command { line: line.to_owned(), cwd: cwd.clone() }, &scope)
    };
    if args.stdin {
        return each_line(rule);
    }
    let ruling = rule(&args.command.join(" "));
    if args.json.json {
        terminal::print_json(&ruling);
    } else {
        let color = color(ruling.decision);
        let reason = terminal::harmless(&ruling.reason);
        terminal::print(&format!(
            "{}  {} ({})",
            paint(color, ruling.decision.word()),
            reason,
            terminal::harmless(&ruling.rule),
        ));
    }
    Ok(code(ruling.decision))
}

/// One line of JSON for each line: a program on the other side may wait for each answer.
fn each_line(rule: impl Fn(&str) -> Ruling) -> Outcome {
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(Code::Failure, format!("standard {what} cannot be used: {error}"))
    };
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).map_err(|error| failed("input", error))? == 0 {
            return Ok(Code::Success);
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.strip_suffix('\n').unwrap_or(&line);
        let ruling = rule(line.strip_suffix('\r').unwrap_or(line));
        let answer = json!(ruling).to_string();
        let written = writeln!(output, "{answer}").and_then(|()| output.flush());
        match written {
            Ok(()) => {}
            // Nobody listens any more.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                return Ok(Code::Success);
            }
            Err(error) => return Err(failed("output", error)),
        }
    }
}

fn code(decision: Decision) -> Code {
    match decision {
        Decision::Allow => Code::Success,
        Decision::Ask => Code::GateAsks,
        Decision::Deny => Code::GateDenies,
    }
}

fn color(decision: Decision) -> Color {
    match decision {
        Decision::Allow => Color::Green,
        Decision::Ask => Color::Amber,
        Decision::Deny => Color::Red,
    }
}

/// The rules that people made, from the daemon; none without one, since they hold only there.
async fn made_rules(context: &Context) -> Result<Option<GateRuleList>, Failure> {
    let asked = match context.client() {
        Ok(client) => client.get::<GateRuleList>("/api/v1/gate/rules").await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match asked {
        Ok(list) => Ok(Some(list)),
        Err(failure) if failure.code == Code::NotRunning => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn list(context: &Context, args: Json) -> Outcome {
    let policy: Policy = context.load()?.settings.upkeep.gate;
    let people = made_rules(context).await?;
    let decided =
        |rule: &rules::BuiltIn| policy.changed.get(rule.name).copied().unwrap_or(rule.decision);
    if args.json {
        let own = policy.own.iter();
        let own: Vec<_> =
            own.map(|rule| json!({"rule": rule.pattern, "decision": rule.decision})).collect();
        let built_in: Vec<_> = rules::RULES
            .iter()
            .map(|rule| {
                json!({
                    "rule": rule.name,
                    "decision": decided(rule),
                    "default": rule.decision,
                    "reason": rule.reason,
                })
            })
            .collect();
        terminal::print_json(&json!({
            "rules": people.map(|list| list.rules),
            "default": policy.default,
            "configured": own,
            "built_in": built_in,
        }));
        return Ok(Code::Success);
    }
    match &people {
        None => terminal::complain("No daemon runs: rules that people made are not shown."),
        Some(list) if list.rules.is_empty() => terminal::complain("Nobody has made a rule."),
        Some(list) => {
            terminal::print(&made(&list.rules));
        }
    }
    let mut rows: Vec<Vec<String>> = policy
        .own
        .iter()
        .map(|rule| {
            let word = paint(color(rule.decision), rule.decision.word());
            vec![terminal::harmless(&rule.pattern), word, "from the configuration".to_owned()]
        })
        .collect();
    rows.extend(rules::RULES.iter().map(|rule| {
        let decision = decided(rule);
        let changed = if decision == rule.decision { "" } else { " (changed)" };
        vec![
            rule.name.to_owned(),
            format!("{}{changed}", paint(color(decision), decision.word())),
            rule.reason.to_owned(),
        ]
    }));
    terminal::print(&table(&["RULE", "DECIDES", "WHY"], &rows));
    terminal::complain(&format!("Everything else: {}.", policy.default.word()));
    Ok(Code::Success)
}

/// Rules that people made.
fn made(rules: &[GateRuleView]) -> String {
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            let of = match (&rule.run, &rule.agent) {
                (Some(run), _) => format!("run {}", run.get(28..).unwrap_or(run)),
                (None, Some(agent)) => terminal::harmless(agent),
                (None, None) => "any agent".to_owned(),
            };
            let until = rule.until.as_deref().map_or_else(
                || "the run's end".to_owned(),
                |until| until.get(..19).unwrap_or(until).replace('T', " "),
            );
            vec![
                rule.short.clone(),
                rule.scope.clone(),
                of,
                until,
                rule.by.clone(),
                shorten(&terminal::harmless(&rule.what), 60),
            ]
        })
        .collect();
    table(&["RULE", "SCOPE", "OF", "UNTIL (UTC)", "BY", "ALLOWS"], &rows)
}
