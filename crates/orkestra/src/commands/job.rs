//! `orkestra job …`.

use super::{Context, Outcome, encode, logs};
use crate::cli::{Job, OneJob, RunJob};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, paint, shorten, table};
use jiff::Timestamp;
use orkestra_server::wire::{JobAsked, JobDetail, JobList, JobRunRequest, JobRunView, JobView};
use std::time::Duration;

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(200);

/// Runs that `show` lists; `--json` has all that are kept.
const HISTORY: usize = 15;

pub(super) async fn run(context: Context, args: Job) -> Outcome {
    match args {
        Job::List(json) => {
            let list: JobList = context.client()?.get("/api/v1/jobs").await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.jobs.is_empty() {
                terminal::complain("No jobs are configured; docs/jobs.md shows how.");
            } else {
                terminal::print(&jobs(&list.jobs));
            }
            Ok(Code::Success)
        }
        Job::Show(OneJob { name, json }) => {
            let job: JobDetail = context.client()?.get(&address(&name, "")).await?;
            if json.json {
                terminal::print_json(&job);
            } else {
                terminal::print(&detail(&job));
            }
            Ok(Code::Success)
        }
        Job::Run(args) => begin(&context, args).await,
        Job::Enable(args) => switch(&context, args, "/enable").await,
        Job::Disable(args) => switch(&context, args, "/disable").await,
        Job::Logs(mut args) => {
            args.name = format!("job:{}", args.name);
            logs::run(context, args).await
        }
    }
}

fn address(name: &str, verb: &str) -> String {
    format!("/api/v1/jobs/{}{verb}", encode(name))
}

async fn switch(context: &Context, args: OneJob, verb: &str) -> Outcome {
    let job: JobView = context.client()?.post(&address(&args.name, verb), &()).await?;
    if args.json.json {
        terminal::print_json(&job);
    } else {
        let next = job
            .next_at
            .as_deref()
            .map_or_else(String::new, |at| format!("  next run {}", relative(at)));
        terminal::complain(&format!("{}  {}{next}", job.name, state(&job.state)));
    }
    Ok(Code::Success)
}

async fn begin(context: &Context, args: RunJob) -> Outcome {
    let client = context.client()?;
    let request = JobRunRequest { force: args.force };
    let asked: JobAsked = client.post(&address(&args.name, "/run"), &request).await?;
    let number = asked.number.filter(|_| args.wait);
    let Some(number) = number else {
        if args.json.json {
            terminal::print_json(&asked);
        } else {
            terminal::complain(&said(&asked));
        }
        return Ok(Code::Success);
    };
    loop {
        let job: JobDetail = client.get(&address(&args.name, "")).await?;
        let run = job.history.iter().find(|run| run.number == number);
        let Some(run) = run.filter(|run| run.outcome == "running") else {
            return ended(&args, number, run);
        };
        let _still_running = run;
        tokio::time::sleep(LOOK).await;
    }
}

/// What became of the wish, in words.
fn said(asked: &JobAsked) -> String {
    let name = &asked.job.name;
    match (asked.outcome.as_str(), asked.number, &asked.why) {
        ("started", Some(number), _) => format!("{name}: run {number} has begun"),
        ("queued", _, _) => format!("{name}: it follows the run that is under way"),
        (_, _, Some(why)) if why.contains("ended") && why.contains("ago") => {
            format!("skipped: {why}; --force runs it all the same")
        }
        (_, _, why) => format!("skipped: {}", why.as_deref().unwrap_or_default()),
    }
}

fn ended(args: &RunJob, number: u64, run: Option<&JobRunView>) -> Outcome {
    let name = &args.name;
    let Some(run) = run else {
        return Err(Failure::new(
            Code::NotFound,
            format!("run {number} of {name} is not known any more"),
        ));
    };
    if args.json.json {
        terminal::print_json(run);
    }
    if run.outcome == "succeeded" {
        if !args.json.json {
            let took = terminal::duration(run.took_ms);
            let summary = run.summary.as_deref().unwrap_or_default();
            terminal::complain(&format!("{name}: run {number} is done after {took}. {summary}"));
        }
        return Ok(Code::Success);
    }
    let why = run.why.as_deref().unwrap_or("It did not end well.");
    let mut failure = Failure::new(Code::RunFailed, format!("{name}: {why}"));
    let lines = run.exit.as_ref().map(|exit| exit.last_lines.as_slice()).unwrap_or_default();
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(|line| terminal::harmless(line)).collect();
        failure = failure.hint(format!("its last lines were:\n    {}", lines.join("\n    ")));
    }
    Err(failure)
}

/// A job's state with its mark.
fn state(word: &str) -> String {
    let (mark, color) = match word {
        "running" => ("●", Color::Blue),
        "stopping" => ("◐", Color::Blue),
        "retrying" => ("↻", Color::Amber),
        _ => ("○", Color::Grey),
    };
    paint(color, &format!("{mark} {word}"))
}

/// An outcome with its mark.
fn outcome(word: &str) -> String {
    let (mark, color) = match word {
        "succeeded" => ("✓", Color::Green),
        "failed" => ("✗", Color::Red),
        "running" => ("●", Color::Blue),
        _ => ("○", Color::Grey),
    };
    paint(color, &format!("{mark} {word}"))
}

/// A time as people say it: `in 4 min`, `2 min ago`.
fn relative(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return at.to_owned() };
    let ms = at.duration_since(Timestamp::now()).as_millis();
    let words = terminal::duration(u64::try_from(ms.unsigned_abs()).unwrap_or(u64::MAX));
    match ms {
        0.. => format!("in {words}"),
        _ => format!("{words} ago"),
    }
}

fn jobs(jobs: &[JobView]) -> String {
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|job| {
            let last = job.last.as_ref().map_or_else(
                || "–".to_owned(),
                |last| {
                    let when = last.ended_at.as_deref().unwrap_or(&last.started_at);
                    format!("{} {}", outcome(&last.outcome), relative(when))
                },
            );
            let next = job.next_at.as_deref().map_or_else(|| "–".to_owned(), relative);
            let why = match job.failures {
                0 => String::new(),
                _ => shorten(&job.why, 60),
            };
            vec![job.name.clone(), state(&job.state), job.schedule.clone(), last, next, why]
        })
        .collect();
    table(&["JOB", "STATE", "SCHEDULE", "LAST", "NEXT", "WHY"], &rows)
}

fn detail(job: &JobDetail) -> String {
    let view = &job.job;
    let mut lines =
        vec![format!("{}  {}", view.name, state(&view.state)), view.why.clone(), String::new()];
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{name:<12} {value}"));
        }
    };
    row("schedule", view.schedule.clone());
    row("cron", view.cron.clone().unwrap_or_default());
    if let Some(next) = &view.next_at {
        row("next run", format!("{} ({next})", relative(next)));
    }
    row("next try", view.retry_at.as_deref().map(relative).unwrap_or_default());
    row("enabled", if view.enabled { "yes" } else { "no" }.to_owned());
    row(&view.kind, shorten(&view.action, 200));
    row("agent", job.agent.clone().unwrap_or_default());
    row("folder", job.folder.clone().unwrap_or_default());
    row("variables", job.env_keys.join(", "));
    row("overlap", job.overlap.clone());
    row("missed", job.missed.clone());
    row("timeout", job.timeout_ms.map(terminal::duration).unwrap_or_default());
    if job.retry_times > 0 {
        let wait = terminal::duration(job.retry_wait_ms);
        row("retry", format!("{} times, after {wait}", job.retry_times));
    }
    if view.kind == "command" {
        row("logs", job.log_dir.clone());
    }
    if !job.history.is_empty() {
        let rows: Vec<Vec<String>> = job.history.iter().take(HISTORY).map(history_row).collect();
        lines.push(String::new());
        lines.push(table(&["RUN", "OUTCOME", "BEGAN", "TOOK", "BY", "WHAT"], &rows));
    }
    lines.join("\n")
}

fn history_row(run: &JobRunView) -> Vec<String> {
    let what = run.why.as_deref().or(run.summary.as_deref()).unwrap_or_default();
    let by = match run.trigger.as_str() {
        "asked" => run.actor.clone(),
        other => other.to_owned(),
    };
    vec![
        run.number.to_string(),
        outcome(&run.outcome),
        relative(&run.started_at),
        terminal::duration(run.took_ms),
        by,
        shorten(what, 60),
    ]
}
