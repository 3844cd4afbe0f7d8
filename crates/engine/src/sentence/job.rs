//! Sentences about jobs.

use super::{number, quote, text, who};
use orkestra_core::event::Event;
use orkestra_core::span::Span;
use serde_json::Value;

pub(super) fn sentence(event: &Event, body: &Value) -> String {
    let (job, run) = (&event.subject, number(body, "number"));
    let took = || Span::from_ms(number(body, "took_ms")).roughly();
    match event.kind.as_str() {
        "job.configured" if body.get("new") == Some(&Value::Bool(true)) => {
            format!("The job {job} is new in the configuration: {}.", text(body, "schedule"))
        }
        "job.configured" => format!("The configuration of the job {job} changed."),
        "job.removed" => format!("The job {job} left the configuration."),
        "job.enabled" => format!("{} let {job} keep its schedule.", who(event)),
        "job.disabled" => format!("{} took {job} off its schedule.", who(event)),
        "job.rescheduled" => format!("{job} has another time: {}.", text(body, "why")),
        "job.missed" => {
            let then = match body.get("runs") {
                Some(Value::Bool(true)) => "it runs once now",
                _ => "they are left out",
            };
            let count = number(body, "count");
            let times = if count == 1 { "time" } else { "times" };
            format!("{job} missed {count} {times}; {then}.")
        }
        "job.started" => match text(body, "trigger") {
            "schedule" => format!("{job} begins run {run}."),
            "missed" => format!("{job} begins run {run}, since it missed its time."),
            "retry" => {
                format!("{job} begins run {run}: attempt {}.", number(body, "attempt"))
            }
            "immediate" => format!("{job} begins run {run} at once."),
            _ => format!("{} runs {job} (run {run}).", who(event)),
        },
        "job.start_repeated" => format!("Run {run} of {job} had not begun yet and begins now."),
        "job.adopted" => format!("Run {run} of {job} lives on."),
        "job.run_created" => format!("{job} asked an agent."),
        "job.queued" => format!("{job} runs again after run {}.", number(body, "behind")),
        "job.skipped" => format!("{job} was skipped: {}.", quote(text(body, "why"))),
        "job.stopping" => format!("Run {run} of {job} is being ended ({}).", text(body, "why")),
        "job.stopped" => format!("Run {run} of {job} was ended. {}", text(body, "why")),
        "job.finished" => match text(body, "summary") {
            "" => format!("{job} is done after {}.", took()),
            summary => format!("{job} is done after {}: {}", took(), quote(summary)),
        },
        "job.failed" => match number(body, "failures") {
            0 | 1 => format!("{job} failed. {}", quote(text(body, "why"))),
            failures => {
                format!("{job} failed, {failures} times in a row. {}", quote(text(body, "why")))
            }
        },
        other => format!("{job}: {other}."),
    }
}
