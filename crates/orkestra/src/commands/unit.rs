//! `orkestra unit …`.

use super::{Context, Outcome, status};
use crate::cli::{Named, Unit};
use crate::exit::{Code, Failure};
use crate::terminal::{self, state};
use orkestra_server::wire::{SignalRequest, UnitDetail, UnitList, UnitView};

/// A unit that lives so long after its start has not crashed at once (MISSION row 5).
const VERIFY_MS: u64 = 2_000;

pub(super) async fn run(context: Context, args: Unit) -> Outcome {
    let client = context.client()?;
    match args {
        Unit::List(json) => {
            let list: UnitList = client.get("/api/v1/units").await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.units.is_empty() {
                terminal::complain(
                    "No units are configured; `orkestra init` writes a first orkestra.yaml.",
                );
            } else {
                terminal::print(&status::units(&list.units));
            }
            Ok(Code::Success)
        }
        Unit::Show { name, json } => {
            let unit: UnitDetail = client.get(&address(&name, "")).await?;
            if json.json {
                terminal::print_json(&unit);
            } else {
                terminal::print(&detail(&unit));
            }
            Ok(Code::Success)
        }
        Unit::Start(named) => settle(&context, named, "start", &["running"]).await,
        Unit::Stop(named) => settle(&context, named, "stop", &["stopped"]).await,
        Unit::Restart(named) => settle(&context, named, "restart", &["running"]).await,
        // Ends in a way of its own, before it comes here.
        Unit::Wait(_) => Ok(Code::Success),
        Unit::Signal { name, signal, json } => {
            let unit: UnitView =
                client.post(&address(&name, "/signal"), &SignalRequest { signal }).await?;
            if json.json {
                terminal::print_json(&unit);
            } else {
                terminal::complain(&format!("{}: {}", unit.name, unit.why));
            }
            Ok(Code::Success)
        }
    }
}

/// A name as part of an address: whatever is typed stays one part of it.
fn address(name: &str, verb: &str) -> String {
    format!("/api/v1/units/{}{verb}", super::encode(name))
}

async fn settle(context: &Context, named: Named, verb: &str, wanted: &[&str]) -> Outcome {
    let wait = match (named.no_wait, verb) {
        (true, _) => String::new(),
        (false, "stop") => "?wait=true".to_owned(),
        (false, _) => format!("?wait=true&verify_ms={VERIFY_MS}"),
    };
    let path = address(&named.name, &format!("/{verb}{wait}"));
    let unit: UnitView = context.client()?.post(&path, &()).await?;
    if named.json.json {
        terminal::print_json(&unit);
    } else {
        terminal::complain(&format!("{}  {}  {}", unit.name, state(&unit.state), unit.why));
    }
    if named.no_wait || wanted.contains(&unit.state.as_str()) {
        return Ok(Code::Success);
    }
    let crashed = unit.last_exit.as_ref().filter(|_| unit.state == "backing_off");
    let message = match crashed {
        Some(exit) => {
            let how =
                if exit.uptime_ms < VERIFY_MS { "crashed at once" } else { "did not come up" };
            let after = terminal::duration(exit.uptime_ms);
            format!("{} {how}: it {} after {after}", unit.name, exit.words)
        }
        None => format!("{} is {}", unit.name, unit.state.replace('_', " ")),
    };
    let mut failure = Failure::new(Code::Failure, message);
    if let Some(exit) = &unit.last_exit
        && !exit.last_lines.is_empty()
    {
        let lines: Vec<String> =
            exit.last_lines.iter().map(|line| terminal::harmless(line)).collect();
        failure = failure.hint(format!("its last lines were:\n    {}", lines.join("\n    ")));
    }
    Err(failure)
}

/// The newest answers and what the probes ask.
fn probes(unit: &UnitDetail) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (name, probe) in &unit.probes {
        let said = match name.as_str() {
            "ready" => unit.unit.ready.as_deref(),
            _ => unit.unit.live.as_deref(),
        };
        let every = terminal::duration(probe.every_ms);
        let asks = probe.asks.join(" or ");
        rows.push((
            name.clone(),
            format!("{}: {asks}, every {every}", said.unwrap_or("no process")),
        ));
        let last = unit.answers.iter().rev().find(|answer| answer.question == *name);
        if let Some(answer) = last.filter(|answer| !answer.passed) {
            rows.push((String::new(), format!("| {}", terminal::harmless(&answer.why))));
        }
    }
    rows
}

fn limits(unit: &UnitDetail) -> String {
    let limits = &unit.limits;
    let mut words = Vec::new();
    words.extend(limits.memory.map(|bytes| format!("memory {}", terminal::bytes(bytes))));
    words.extend(limits.cpu.map(|percent| format!("CPU {percent} %")));
    words.extend(limits.open_files.map(|count| format!("{count} open files")));
    words.extend(limits.run_time_ms.map(|ms| format!("run time {}", terminal::duration(ms))));
    words.join(", ")
}

fn detail(unit: &UnitDetail) -> String {
    let view = &unit.unit;
    let mut lines =
        vec![format!("{}  {}", view.name, state(&view.state)), view.why.clone(), String::new()];
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{name:<12} {value}"));
        }
    };
    row("process", view.pid.map(|pid| pid.to_string()).unwrap_or_default());
    row("up", view.uptime_ms.map(terminal::duration).unwrap_or_default());
    row("restarts", view.restarts.to_string());
    row("next try", view.next_start_at.clone().unwrap_or_default());
    if let Some(exit) = &view.last_exit {
        row(
            "last end",
            format!("{} at {}, after {}", exit.words, exit.at, terminal::duration(exit.uptime_ms)),
        );
        for line in &exit.last_lines {
            row("", format!("| {}", terminal::harmless(line)));
        }
    }
    row("command", view.command.join(" "));
    row("folder", unit.cwd.clone());
    row("variables", unit.env_keys.join(", "));
    row("enabled", if view.enabled { "yes" } else { "no" }.to_owned());
    if let Some(usage) = &view.usage {
        let processes = match usage.processes {
            1 => "1 process".to_owned(),
            count => format!("{count} processes"),
        };
        let (cpu, memory) = (usage.cpu_percent, terminal::bytes(usage.rss_bytes));
        row("uses", format!("{cpu} % of a core, {memory}, {processes}"));
    }
    for (name, value) in probes(unit) {
        row(&name, value);
    }
    row("says", view.status.as_deref().map(terminal::harmless).unwrap_or_default());
    row("limits", limits(unit));
    row("user", unit.user.clone().unwrap_or_default());
    row("hooks", unit.hooks.join(", "));
    let conditions = view.after.iter().map(|(name, condition)| match condition.as_str() {
        "started" => name.clone(),
        condition => format!("{name} {condition}"),
    });
    row("after", conditions.collect::<Vec<_>>().join(", "));
    row("before", unit.dependents.join(", "));
    let restart = &unit.restart;
    row(
        "restart",
        format!(
            "{}, profile {}: {} growing ×{} to {}, ±{} %",
            restart.policy,
            restart.profile,
            terminal::duration(restart.initial_ms),
            restart.factor,
            terminal::duration(restart.max_ms),
            restart.jitter * 100.0
        ),
    );
    row(
        "stop",
        format!(
            "{}, then killed after {}",
            unit.stop.signal,
            terminal::duration(unit.stop.grace_ms)
        ),
    );
    row("logs", unit.log_dir.clone());
    lines.join("\n")
}
