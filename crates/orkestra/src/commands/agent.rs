//! `orkestra agent …`: agents one by one.

use super::{Context, Outcome};
use crate::cli::{Agent, Json};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint, table};
use orkestra_core::span::Span;
use orkestra_server::wire::{
    AgentAnswer, AgentAnswers, AgentAsk, AgentFactsView, AgentHeld, AgentPause, AgentProbe, CallLog,
};

pub(super) async fn run(context: Context, args: Agent) -> Outcome {
    match args {
        Agent::Ask { prompt, agents, json } => {
            let prompt = match prompt.as_str() {
                "-" => {
                    let mut text = String::new();
                    std::io::Read::read_to_string(&mut std::io::stdin(), &mut text)
                        .map_err(|error| Failure::of(&error))?;
                    text
                }
                _ => prompt,
            };
            let ask = AgentAsk { prompt: Some(prompt), agents };
            return answers(&context.client()?.post("/api/v1/agents/ask", &ask).await?, json, true);
        }
        Agent::Test { names, json } => {
            let ask = AgentAsk { prompt: None, agents: names };
            return answers(
                &context.client()?.post("/api/v1/agents/ask", &ask).await?,
                json,
                false,
            );
        }
        Agent::List(json) => return super::agents::run(context, json).await,
        Agent::Show { name, json } => {
            let name = by_path(&context, &name);
            let path = format!("/api/v1/agents/{}", super::encode(&name));
            let facts: AgentFactsView = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&facts);
            } else {
                show(&facts);
            }
        }
        Agent::Probe { name, json } => {
            let name = by_path(&context, &name);
            let path = format!("/api/v1/agents/{}/probe", super::encode(&name));
            let probe: AgentProbe = context.client()?.post(&path, &()).await?;
            if json.json {
                terminal::print_json(&probe);
            } else {
                probed(&probe);
            }
            return Ok(if probe.ok { Code::Success } else { Code::RunFailed });
        }
        Agent::Pause { name, span, why, json } => {
            let path = format!("/api/v1/agents/{}/pause", super::encode(&name));
            let held = context.client()?.post(&path, &AgentPause { span, why }).await?;
            tell(&held, json);
        }
        Agent::Stats { name, since, lines, json } => {
            let mut path = format!("/api/v1/calls?limit={lines}");
            for (key, value) in [("agent", &name), ("since", &since)] {
                if let Some(value) = value {
                    path += &format!("&{key}={}", super::encode(value));
                }
            }
            let log: CallLog = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&log);
            } else if log.agents.is_empty() {
                terminal::complain("No agent was called yet.");
            } else {
                stats(&log);
            }
        }
        Agent::Inbox(args) => return super::notice::inbox(context, args).await,
        Agent::Note(args) => return super::notice::note(context, args).await,
        Agent::Resume { name, json } => {
            let path = format!("/api/v1/agents/{}/resume", super::encode(&name));
            let held = context.client()?.post(&path, &()).await?;
            tell(&held, json);
        }
    }
    Ok(Code::Success)
}

/// The agent that is meant: a program's path is meant from the current folder.
pub(super) fn by_path(context: &Context, name: &str) -> String {
    match name.strip_prefix("script:") {
        Some(path) => {
            let path = path.strip_prefix("./").unwrap_or(path);
            format!("script:{}", context.surroundings.cwd.join(path).display())
        }
        None => name.to_owned(),
    }
}

fn show(facts: &AgentFactsView) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |key: &str, value: String| rows.push(vec![key.to_owned(), value]);
    add("name", harmless(&facts.name));
    add("kind", facts.kind.clone());
    add("program", harmless(&facts.program));
    if let Some(model) = &facts.model {
        add("model", harmless(model));
    }
    match (&facts.version, &facts.version_problem) {
        (Some(version), _) => {
            let measured = facts.measured_with.as_deref().filter(|known| known != version);
            let note = measured.map(|v| format!(" (measured with {v})")).unwrap_or_default();
            add("version", format!("{}{note}", harmless(version)));
        }
        (None, Some(problem)) => {
            add("version", paint(Color::Red, &harmless(problem)));
        }
        (None, None) => {}
    }
    if let Some(login) = &facts.login {
        let (color, mark) =
            if login.found { (Color::Green, "✓") } else { (Color::Amber, "not found.") };
        add("login", format!("{} {}", paint(color, mark), harmless(&login.what)));
    }
    add("can", facts.abilities.join(", "));
    if !facts.strengths.is_empty() {
        add("good at", harmless(&facts.strengths.join(", ")));
    }
    if let Some(parallel) = facts.parallel {
        add("tasks at once", parallel.to_string());
    }
    if let Some(hold) = &facts.hold {
        add("held", harmless(&hold.why));
    }
    if let Some(tasks) = &facts.tasks {
        if tasks.breaker != "closed" {
            let until = tasks.open_until.as_deref().map(|until| until.get(..19).unwrap_or(until));
            let until = until.map(|at| format!(" until {} UTC", at.replace('T', " ")));
            let why = harmless(tasks.why.as_deref().unwrap_or_default());
            let word = tasks.breaker.replace('_', " ");
            let text = format!("{word}{}: {why}", until.unwrap_or_default());
            add("breaker", paint(Color::Red, &text));
        }
        if tasks.runs > 0 {
            let lately = format!("{} ({} of {} bad in 24 h)", tasks.health, tasks.bad, tasks.runs);
            add("tasks", lately);
        }
        for of in &tasks.records {
            let all = of.verified + of.refuted + of.failed;
            let rate = (of.rate * 100.0).round();
            add(
                &format!("at {}", of.kind),
                format!("{} of {all} verified ({rate} %)", of.verified),
            );
        }
    }
    terminal::print(&table(&["", ""], &rows));
}

fn probed(probe: &AgentProbe) {
    let name = harmless(&probe.name);
    let took = terminal::duration(probe.took_ms);
    if probe.ok {
        let answer = terminal::shorten(&probe.answer, 100);
        terminal::print(&format!("{name} answered in {took}: {answer}"));
    } else {
        let error = terminal::shorten(probe.error.as_deref().unwrap_or("it said nothing"), 400);
        let issue = probe.issue.as_deref().map(|issue| format!(" ({issue})")).unwrap_or_default();
        terminal::complain(&format!("{name} did not answer{issue}: {error}"));
    }
    let usage = &probe.usage;
    let cost = usage.cost_usd.map(|usd| format!(", ${usd:.4}")).unwrap_or_default();
    let input = usage.fresh_input + usage.cache_read + usage.cache_write;
    terminal::print(&format!("It used {input} input and {} output tokens{cost}.", usage.output));
}

fn tell(held: &AgentHeld, json: Json) {
    if json.json {
        terminal::print_json(held);
        return;
    }
    let name = harmless(&held.name);
    terminal::complain(&match &held.hold {
        None => format!("{name} gets work again."),
        Some(hold) => {
            let until = hold.until.as_deref().map_or_else(
                || "until it is resumed".to_owned(),
                |until| format!("until {}", until.get(..19).unwrap_or(until).replace('T', " ")),
            );
            format!("{name} gets no new work {until}: {}", harmless(&hold.why))
        }
    });
}

fn stats(log: &CallLog) {
    let rows: Vec<Vec<String>> = log
        .agents
        .iter()
        .map(|of| {
            let color = match of.health.as_str() {
                "healthy" => Color::Green,
                "degraded" => Color::Amber,
                "unhealthy" | "critical" => Color::Red,
                _ => Color::Grey,
            };
            vec![
                harmless(&of.agent),
                paint(color, &of.health),
                of.calls.to_string(),
                format!("{} ({} %)", of.errors, of.error_percent),
                terminal::duration(of.mean_ms),
                terminal::duration(of.p95_ms),
                of.tokens.to_string(),
                super::usage::cost(of.cost_usd, of.unpriced),
            ]
        })
        .collect();
    let head = ["AGENT", "HEALTH", "CALLS", "ERRORS", "MEAN", "P95", "TOKENS", "COST"];
    terminal::print(&table(&head, &rows));
    if log.calls.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = log
        .calls
        .iter()
        .map(|call| {
            vec![
                call.at.get(..19).unwrap_or(&call.at).replace('T', " "),
                call.run.get(call.run.len().saturating_sub(8)..).unwrap_or(&call.run).to_owned(),
                if call.ok { paint(Color::Green, "ok") } else { paint(Color::Red, &call.status) },
                terminal::duration(call.ms),
                call.tokens.to_string(),
            ]
        })
        .collect();
    terminal::print("");
    terminal::print(&table(&["ENDED (UTC)", "RUN", "HOW", "TOOK", "TOKENS"], &rows));
}

/// Each answer in its order. One that is missing makes the code 1, but only after all are told.
fn answers(all: &AgentAnswers, json: Json, whole: bool) -> Outcome {
    let failed = all.answers.iter().any(|answer| !answer.ok);
    if json.json {
        terminal::print_json(all);
    } else if all.answers.is_empty() {
        terminal::complain(
            "No agent is a model's API: add one to orkestra.yaml, for example\n  agents:\n    \
             local: { kind: openai, base_url: \"http://127.0.0.1:11434/v1\", model: qwen3 }",
        );
        return Ok(Code::NotFound);
    } else {
        for answer in &all.answers {
            tell_answer(answer, whole);
        }
    }
    Ok(if failed { Code::Failure } else { Code::Success })
}

fn tell_answer(answer: &AgentAnswer, whole: bool) {
    let mark = if answer.ok { paint(Color::Green, "✓") } else { paint(Color::Red, "✗") };
    let mut line = format!("{mark} {}", harmless(&answer.agent));
    if let Some(model) = &answer.model {
        line.push_str(&format!("  {}", harmless(model)));
    }
    line.push_str(&format!("  {}", Span::from_ms(answer.duration_ms).roughly()));
    if let Some(tokens) = &answer.tokens {
        line.push_str(&format!("  {} tokens", tokens.total));
    }
    if let Some(error) = &answer.error {
        line.push_str(&format!("  {}", harmless(error)));
    }
    terminal::print(&line);
    if let (true, Some(content)) = (whole, &answer.content) {
        let text: Vec<String> =
            content.lines().map(|line| format!("  {}", harmless(line))).collect();
        terminal::print(&text.join("\n"));
    }
}
