//! One sentence per event for people; programs read the body.

mod agent;
mod approval;
mod budget;
mod evidence;
mod job;
mod merge;
mod review;
mod run;
mod session;
mod task;
mod vote;
mod work;

use orkestra_core::event::Event;
use orkestra_core::span::Span;
use orkestra_core::unit::Verdict;
use serde_json::Value;

/// The longest quotation from a body, in characters.
const QUOTE_MAX: usize = 160;

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(body: &Value, key: &str) -> u64 {
    body.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn quote(text: &str) -> String {
    quote_up_to(text, QUOTE_MAX)
}

fn quote_up_to(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    let cut: String = line.chars().take(max).collect();
    format!("{cut}…")
}

fn exit_words(body: &Value) -> String {
    if let Some(words) = Verdict::in_words(text(body, "reason")) {
        return words.to_owned();
    }
    match (body.get("code").and_then(Value::as_i64), text(body, "signal_name")) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, "") => match text(body, "reason") {
            "shim_lost" => "lost its shim and was killed".to_owned(),
            "lost" => "ended while nobody watched".to_owned(),
            other => format!("ended ({other})"),
        },
        (None, signal) => format!("was killed by signal {signal}"),
    }
}

/// What happened, in one sentence. An event of a kind that this version does not know is told by
/// its kind.
pub fn sentence(event: &Event) -> String {
    let Some(body) = &event.body else { return "This event was erased.".to_owned() };
    let subject = &event.subject;
    if event.kind.starts_with("job.") {
        return job::sentence(event, body);
    }
    if let Some(told) = evidence::sentence(event, body) {
        return told;
    }
    if let Some(told) = merge::sentence(event, body) {
        return told;
    }
    if event.kind.starts_with("run.") {
        return run_sentence(event, body);
    }
    match event.kind.as_str() {
        kind if kind.starts_with("daemon.") => daemon_sentence(kind, body),
        kind if kind.starts_with("alert.") => alert_sentence(kind, body),
        kind if kind.starts_with("approval.") || kind.starts_with("gate.") => {
            approval::sentence(event, body)
        }
        kind if kind.starts_with("agent.") => agent::sentence(event, body),
        kind if kind.starts_with("task.") => task::sentence(event, body),
        kind if kind.starts_with("review.") => review::sentence(event, body),
        kind if kind.starts_with("issue.") => budget::issue(event, body),
        kind if kind.starts_with("vote.") => vote::sentence(event, body),
        kind if kind.starts_with("budget.") => budget::sentence(event, body),
        kind if kind.starts_with("project.") => session::project(event, body),
        kind if kind.starts_with("session.") => session::sentence(event, body),
        kind if kind.starts_with("effect.") => effect_sentence(kind, body),
        "health.changed" => health_sentence(body),
        kind if kind.starts_with("work.") => work::sentence(event, body),
        "prune.done" => format!(
            "Pruned: {} of what was old enough, {} freed.",
            body.get("counts")
                .and_then(Value::as_object)
                .map_or(0, |counts| { counts.values().filter_map(Value::as_u64).sum::<u64>() }),
            orkestra_core::health::bytes(number(body, "bytes"))
        ),
        "health.repaired" => {
            let repairs = body.get("repairs").and_then(Value::as_array).map_or(0, Vec::len);
            let first = body.pointer("/repairs/0").map(|one| text(one, "what")).unwrap_or_default();
            format!("{repairs} left over from a crash mended, first: {first}.")
        }
        "health.integrity_checked" => match number(body, "problems") {
            0 => format!("All {} events of the journal verified.", number(body, "events")),
            1 => format!("The journal has a problem: {}.", quote(text(body, "first"))),
            many => format!("The journal has {many} problems: {}.", quote(text(body, "first"))),
        },
        "journal.gap" => format!(
            "The journal could not be written for a while: {} events were written late, {} lost.",
            number(body, "queued"),
            number(body, "dropped")
        ),
        "event.erased" => "An event was erased.".to_owned(),
        "unit.configured" if body.get("new") == Some(&Value::Bool(true)) => {
            format!("{subject} is new in the configuration.")
        }
        "unit.configured" => format!("The configuration of {subject} changed."),
        "unit.removed" => format!("{subject} left the configuration."),
        "unit.start_requested" => format!("{} asked to start {subject}.", who(event)),
        "unit.stop_requested" => format!("{} asked to stop {subject}.", who(event)),
        "unit.restart_requested" => format!("{} asked to restart {subject}.", who(event)),
        "unit.signalled" => {
            format!("{} sent signal {} to {subject}.", who(event), text(body, "signal"))
        }
        "unit.waiting" => format!("{subject} waits for what it starts after."),
        "unit.starting" => {
            format!("{subject} is being started (life {}).", number(body, "generation"))
        }
        "unit.started" => format!("{subject} runs as process {}.", number(body, "pid")),
        "unit.adopted" => format!("{subject} lives on as process {}.", number(body, "pid")),
        "unit.start_failed" => {
            // What to do stands at its end.
            format!("{subject} could not be started: {}.", quote_up_to(text(body, "detail"), 400))
        }
        "unit.exited" => format!(
            "{subject} {} after {}.",
            exit_words(body),
            Span::from_ms(number(body, "uptime_ms")).roughly()
        ),
        "unit.restart_scheduled" => format!(
            "{subject} restarts in {} (restart {}).",
            Span::from_ms(number(body, "delay_ms")).roughly(),
            number(body, "restarts")
        ),
        "unit.stopping" => format!("{subject} is being stopped."),
        "unit.stopped" => format!("{subject} is stopped."),
        "unit.failed" => format!("{subject} failed. {}", text(body, "why")),
        "unit.lost" => format!("{subject} was lost ({}).", text(body, "why")),
        "unit.stray_stopped" => {
            "A process that no unit or run is known for was stopped.".to_owned()
        }
        _ => watch_sentence(event, body),
    }
}

/// What the daemon itself did.
fn daemon_sentence(kind: &str, body: &Value) -> String {
    match kind {
        "daemon.started" if text(body, "after") == "crash" => format!(
            "The daemon {} started as process {}; the one before had not ended in good order.",
            text(body, "version"),
            number(body, "pid")
        ),
        "daemon.started" => format!(
            "The daemon {} started as process {}.",
            text(body, "version"),
            number(body, "pid")
        ),
        "daemon.stopping" if body.get("keep_units") == Some(&Value::Bool(true)) => {
            "The daemon goes down; units go on.".to_owned()
        }
        "daemon.stopping" => "The daemon goes down with its units.".to_owned(),
        "daemon.stopped" => "The daemon has ended in good order.".to_owned(),
        "daemon.logged_in" => format!("A browser logged in by {}.", text(body, "by")),
        "daemon.logged_out" => "A browser logged out.".to_owned(),
        "daemon.config_reloaded" => "The configuration was read again.".to_owned(),
        "daemon.backed_up" => format!(
            "A backup was made up to event {}: {}.",
            number(body, "seq"),
            quote(text(body, "path"))
        ),
        "daemon.restored" => format!(
            "A backup up to event {} was put back; {} effects wait for a person.",
            number(body, "seq"),
            number(body, "held")
        ),
        "daemon.upgraded" => {
            format!("The daemon was upgraded from {} to {}.", text(body, "from"), text(body, "to"))
        }
        "daemon.config_refused" => {
            format!("A wrong configuration was refused: {}.", quote(text(body, "first")))
        }
        other => format!("{other}."),
    }
}

/// What probes, limits and hooks say.
fn watch_sentence(event: &Event, body: &Value) -> String {
    let subject = &event.subject;
    match event.kind.as_str() {
        "unit.ready" => format!(
            "{subject} is ready, {} after its start.",
            Span::from_ms(number(body, "after_ms")).roughly()
        ),
        "unit.not_ready" => {
            format!("{subject} is not ready: {}.", because(body))
        }
        "unit.healthy" => format!("{subject} passes its liveness probe."),
        "unit.unhealthy" => format!("{subject} fails its liveness probe: {}.", because(body)),
        "unit.reloading" => format!("{subject} loads its configuration again."),
        "unit.said" => format!("{subject} says: {}", quote(text(body, "status"))),
        "unit.time_extended" => {
            format!("{subject} asked for more time: {}.", text(body, "by"))
        }
        "unit.limit_exceeded" => {
            format!("{subject} went beyond its limit of {}.", text(body, "limit").replace('_', " "))
        }
        "unit.hook_ran" => format!("The {} hook of {subject} ran.", text(body, "hook")),
        "unit.hook_failed" => {
            let how = match body.get("code").and_then(Value::as_i64) {
                Some(code) => format!("code {code}"),
                None => quote(text(body, "why")),
            };
            format!("The {} hook of {subject} failed: {how}.", text(body, "hook"))
        }
        other => format!("{subject}: {other}."),
    }
}

fn alert_sentence(kind: &str, body: &Value) -> String {
    let title = quote(text(body, "title"));
    match kind {
        "alert.raised" => format!("Alert ({}): {title}", text(body, "level")),
        "alert.repeated" => format!("Still so, {} times by now: {title}", number(body, "count")),
        "alert.settled" => format!("A person has seen to it: {title}"),
        "alert.resolved" => format!("No alert any more: {title} {}", text(body, "why")),
        other => format!("{other}: {title}"),
    }
}

fn effect_sentence(kind: &str, body: &Value) -> String {
    let to = text(body, "to");
    let why = quote(text(body, "why"));
    match kind {
        "effect.recorded" => format!("{to} is to be told."),
        "effect.begun" => format!("Telling {to} (try {}).", number(body, "attempt")),
        "effect.done" => format!("{to} was told: {why}."),
        "effect.failed" => format!("{to} could not be told: {why}."),
        "effect.retried" => format!("{to} could not be told yet and is tried again: {why}."),
        "effect.unknown" => format!("Nobody knows whether this was done: {why}."),
        "effect.settled" => settled_sentence(body),
        other => format!("{other}."),
    }
}

/// What a person said of an effect.
fn settled_sentence(body: &Value) -> String {
    let (kind, to) = (text(body, "kind"), text(body, "to"));
    let (done, not, again) = if kind == "notify" {
        (format!("{to} was told"), format!("{to} was not told"), format!("{to} is told again"))
    } else {
        (
            format!("{kind} was done"),
            format!("{kind} was not done"),
            format!("{kind} is done again"),
        )
    };
    match text(body, "as") {
        "done" => format!("A person says: {done}."),
        "failed" => format!("A person says: {not}; it is not tried again."),
        _ => format!("A person decides: {again}."),
    }
}

/// Which checks changed, and the first of them in words.
fn health_sentence(body: &Value) -> String {
    let checks = body.get("checks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let one = |check: &Value| {
        format!("{} is {}: {}", text(check, "name"), text(check, "to"), quote(text(check, "says")))
    };
    match checks {
        [] => "The health of the house changed.".to_owned(),
        [check] => format!("Health: {}", one(check)),
        [check, rest @ ..] => format!("Health: {} And {} more changed.", one(check), rest.len()),
    }
}

/// A reason, if there is one.
fn because(body: &Value) -> String {
    match text(body, "why") {
        "" => "nothing was heard of it".to_owned(),
        why => quote(why.trim_end_matches('.')),
    }
}

/// Who acted, at the beginning of a sentence.
fn who(event: &Event) -> String {
    match event.actor.split_once(':') {
        Some(("person", place)) => format!("A person ({place})"),
        Some(("agent", name)) => format!("The agent {name}"),
        Some(_) | None => match event.actor.as_str() {
            "config" => "The configuration".to_owned(),
            "daemon" => "The daemon".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn run_sentence(event: &Event, body: &Value) -> String {
    if let Some(sentence) = run::sentence(event, body) {
        return sentence;
    }
    match event.kind.as_str() {
        "run.created" => {
            format!("{} is asked: {}", text(body, "agent"), quote(text(body, "prompt")))
        }
        "run.prepared" => "The run's worktree is ready.".to_owned(),
        "run.started" => format!("The agent works as process {}.", number(body, "pid")),
        "run.adopted" => format!("The agent works on as process {}.", number(body, "pid")),
        "run.start_repeated" => "The agent had not been started yet and is started now.".to_owned(),
        "run.cancel_requested" => format!("{} cancelled the run.", who(event)),
        "run.ended" => format!("The run ended: {}. {}", text(body, "state"), text(body, "why")),
        "run.agent_started" => format!("The agent is up ({}).", text(body, "model")),
        "run.text" => quote(text(body, "text")),
        "run.thinking" => format!("Thinking: {}", quote(text(body, "text"))),
        "run.tool_call" => {
            let input = body.get("input").map(ToString::to_string).unwrap_or_default();
            format!("Calls {} {}", text(body, "name"), quote(&input))
        }
        "run.tool_result" => {
            let failed = body.get("is_error") == Some(&Value::Bool(true));
            format!("{}: {}", if failed { "Failed" } else { "Result" }, quote(text(body, "output")))
        }
        "run.file_change" => format!("File {} {}.", text(body, "path"), text(body, "change")),
        "run.usage" => format!(
            "Used {} input and {} output tokens.",
            number(body, "fresh_input") + number(body, "cache_read") + number(body, "cache_write"),
            number(body, "output")
        ),
        "run.progress" => format!("Progress: {}", quote(text(body, "text"))),
        "run.blocker" => format!("It is blocked: {}", quote(text(body, "text"))),
        "run.finding" => format!("Finding: {}", quote(text(body, "text"))),
        "run.review_request" => format!("It asks for a review: {}", quote(text(body, "text"))),
        "run.model_call" if body.get("ok").and_then(Value::as_bool) == Some(true) => {
            format!("The model answered after {} ms.", number(body, "ms"))
        }
        "run.model_call" => {
            format!("A call of the model failed ({}).", text(body, "error"))
        }
        "run.milestone" => format!("Milestone: {}", quote(text(body, "text"))),
        "run.question" => format!("Asks: {}", quote(text(body, "text"))),
        "run.retry" => format!("The model's API failed ({}); trying again.", text(body, "error")),
        "run.error" | "run.warning" => quote(text(body, "message")),
        "run.plan" => {
            let steps = body.get("items").and_then(Value::as_array).map_or(0, Vec::len);
            format!("Plans {steps} steps.")
        }
        "run.permission_request" => format!("Asks for leave to use {}.", text(body, "tool")),
        "run.permission_denied" => format!("Was refused the use of {}.", text(body, "tool")),
        "run.raw" => format!("Not understood: {}", quote(text(body, "preview"))),
        "run.agent_ended" => match text(body, "error") {
            "" => "The agent says it is done.".to_owned(),
            error => format!("The agent failed: {}", quote(error)),
        },
        other => format!("{other}."),
    }
}
