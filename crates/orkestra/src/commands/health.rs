//! `orkestra health`: how the house is, for people and, by its exit code, for scripts.

use super::{Context, Outcome};
use crate::cli::Health;
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint};
use orkestra_core::health::Thresholds;
use orkestra_server::client;
use orkestra_server::wire::HealthReport;

pub(super) async fn run(context: Context, args: Health) -> Outcome {
    let report = match asked(&context, args.check).await {
        Ok(report) => report,
        // The machine can be looked at without a daemon; that none runs is a finding of its own.
        Err(client::Error::NotRunning { .. }) => alone(&context)?,
        Err(error) => return Err(error.into()),
    };
    if args.json.json {
        terminal::print_json(&report);
    } else {
        terminal::print(&text(&report));
    }
    Ok(match report.level.as_str() {
        "critical" => Code::HealthCritical,
        "warning" => Code::HealthWarning,
        _ => Code::Success,
    })
}

async fn asked(context: &Context, check: bool) -> Result<HealthReport, client::Error> {
    let not_running = || client::Error::NotRunning { home: context.home().unwrap_or_default() };
    let client = context.client().map_err(|failure| match failure.code {
        Code::NotRunning => not_running(),
        _ => client::Error::Broken(failure.message.into()),
    })?;
    if check {
        client.post("/api/v1/health/check", &()).await
    } else {
        client.get("/api/v1/health").await
    }
}

fn alone(context: &Context) -> Result<HealthReport, Failure> {
    let home = context.home()?;
    let thresholds =
        context.load().map_or(Thresholds::DEFAULT, |loaded| loaded.settings.upkeep.thresholds);
    let report = orkestra_engine::from_outside(&home, &thresholds);
    Ok(HealthReport::of(&report, jiff::Timestamp::now().to_string()))
}

fn text(report: &HealthReport) -> String {
    let mut lines = Vec::new();
    for check in &report.checks {
        let mark = match check.level.as_str() {
            "ok" => paint(Color::Green, "✓"),
            "warning" => paint(Color::Amber, "!"),
            "critical" => paint(Color::Red, "✗"),
            _ => paint(Color::Grey, "?"),
        };
        lines.push(format!("{mark} {:<14} {}", check.name, terminal::harmless(&check.says)));
        if let Some(advice) = &check.advice {
            lines.push(format!("  {:<14} {}", "", paint(Color::Grey, advice)));
        }
    }
    if !report.repairs.is_empty() {
        lines.push(paint(Color::Grey, "Mended"));
    }
    for one in &report.repairs {
        let at = one.at.get(..16).unwrap_or(&one.at).replace('T', " ");
        let (name, done) = (terminal::harmless(&one.name), terminal::harmless(&one.done));
        lines.push(format!("  {at} UTC  {} {name}: {done}", one.what));
    }
    lines.join("\n")
}
