//! `orkestra run …`.

use super::life::{self, Word};
use super::{Context, Outcome, encode, events, evidence, merge, status};
use crate::cli::{NewRun, Run, RunLog, RunVerb};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint, shorten, state};
use orkestra_server::client::Client;
use orkestra_server::wire::{
    EventView, JournalPage, OverlapList, RunDetail, RunEvent, RunList, RunRequest, RunView,
};
use serde_json::{Map, Value};
use std::io::Read;

/// The longest prompt read from standard input.
const PROMPT_BYTES_MAX: u64 = 1024 * 1024;

pub(super) async fn run(context: Context, args: Run) -> Outcome {
    match args.verb {
        None => begin(context, args.new).await,
        Some(RunVerb::List { limit, json }) => {
            let path = format!("/api/v1/runs?limit={}", limit.clamp(1, 500));
            let client = context.client()?;
            let list: RunList = client.get(&path).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.runs.is_empty() {
                terminal::complain("No runs yet. Begin one: orkestra run \"what to do\"");
            } else {
                terminal::print(&status::runs(list.runs.iter()));
                let met: OverlapList = client.get("/api/v1/overlaps").await?;
                for overlap in &met.overlaps {
                    terminal::complain(&merge::line_of(overlap, None));
                }
            }
            Ok(Code::Success)
        }
        Some(RunVerb::Show { id, json }) => {
            let path = format!("/api/v1/runs/{}", encode(&id));
            let detail: RunDetail = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&detail);
            } else {
                show(&detail);
            }
            Ok(Code::Success)
        }
        Some(RunVerb::Stop { id, json }) => life::say(&context, &id, Word::Stop, json.json).await,
        Some(RunVerb::Pause { id, json }) => life::say(&context, &id, Word::Pause, json.json).await,
        Some(RunVerb::Resume { id, json }) => {
            life::say(&context, &id, Word::Resume, json.json).await
        }
        Some(RunVerb::Answer { id, answer, json }) => {
            life::say(&context, &id, Word::Answer(answer), json.json).await
        }
        Some(RunVerb::Tell { id, text, key, json }) => {
            let text = from_stdin_or(text, "the text")?;
            life::say(&context, &id, Word::Tell(text, key), json.json).await
        }
        Some(RunVerb::Review(args)) => super::review::start(context, args).await,
        Some(RunVerb::Log(args)) => log(context, args).await,
        Some(RunVerb::Verify { id, no_wait, json }) => {
            evidence::verify(context, &id, no_wait, json.json).await
        }
        Some(RunVerb::Diff { id, stat, json }) => {
            evidence::diff(context, &id, stat, json.json).await
        }
        Some(RunVerb::Undo { id, force, json }) => {
            evidence::undo(context, &id, force, json.json).await
        }
        Some(RunVerb::Discard { id, json }) => evidence::discard(context, &id, json.json).await,
    }
}

/// The text itself, or all of standard input in place of `-`.
fn from_stdin_or(text: String, what: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    std::io::stdin().take(PROMPT_BYTES_MAX).read_to_string(&mut text).map_err(|error| {
        Failure::new(Code::Usage, format!("{what} cannot be read from standard input: {error}"))
    })?;
    Ok(text)
}

async fn begin(context: Context, args: NewRun) -> Outcome {
    let limits = life::limits_of(&args)?;
    let prompt =
        args.prompt.clone().ok_or_else(|| Failure::new(Code::Usage, "there is no prompt"))?;
    let prompt = from_stdin_or(prompt, "the prompt")?;
    if !args.together.agents.is_empty() {
        return super::session::begin(&context, prompt, &args).await;
    }
    let target = args.target.map_or_else(
        || context.surroundings.cwd.clone(),
        |target| context.surroundings.cwd.join(target),
    );
    let client = context.client()?;
    let request = RunRequest {
        prompt,
        agent: args.agent.map(|name| super::agent::by_path(&context, &name)),
        target: Some(target.to_string_lossy().into_owned()),
        limits,
        evidence: args.evidence,
        raw: args.raw,
        budget_usd: args.budget,
    };
    // The key makes one run of a request that is sent twice because its answer was lost.
    let key = uuid::Uuid::now_v7().to_string();
    let run: RunView = client.post_once("/api/v1/runs", &request, Some(&key)).await?;
    if args.detach {
        if args.json {
            terminal::print_json(&run);
        } else {
            terminal::print(&run.short);
        }
        return Ok(Code::Success);
    }
    if !args.json && !args.headless {
        terminal::complain(&format!(
            "Run {} by {}. Ctrl-C leaves it running; orkestra run stop {} cancels it.",
            run.short, run.agent, run.short
        ));
    }
    let show = match (args.headless, args.json) {
        (true, _) => Show::Nothing,
        (false, true) => Show::Json,
        (false, false) => Show::Words,
    };
    watch(&client, &run.id, show, None).await?;
    let detail: RunDetail = client.get(&format!("/api/v1/runs/{}", encode(&run.id))).await?;
    let code = evidence::code_of(&detail.run);
    match show {
        Show::Json => {}
        Show::Nothing if args.json => {
            terminal::print_json(&detail.run);
        }
        Show::Nothing => {
            terminal::print(&summary(&detail));
        }
        Show::Words => terminal::complain(&summary(&detail)),
    }
    if code == Code::NeedsPerson {
        let short = &detail.run.short;
        terminal::complain(&format!(
            "It waits for a person; it goes on when it has its answer: orkestra run show {short}"
        ));
    }
    Ok(code)
}

/// What is shown while a run works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    /// What its agent says and does.
    Words,
    /// Every event.
    Json,
    /// Nothing; nobody is there, so it is watched only until it needs somebody.
    Nothing,
}

/// Shows a run to its end, whatever happens to the daemon meanwhile; from its beginning, or from
/// what is later than a place.
async fn watch(
    client: &Client,
    id: &str,
    show: Show,
    after: Option<String>,
) -> Result<(), Failure> {
    let filter = format!("&subject={}", encode(id));
    let mut each = |event: &EventView| {
        let body = event.body.as_ref().and_then(Value::as_object);
        let open = match show {
            Show::Json => serde_json::to_string(event).is_ok_and(|line| terminal::print(&line)),
            Show::Words => tell(&event.kind, body),
            Show::Nothing => !needs_a_person(&event.kind, body),
        };
        open && event.kind != "run.ended"
    };
    let mut cursor = match after {
        Some(cursor) => cursor,
        // What happened before we listen is read first, and the rest follows from there.
        None => {
            let page = first(client, &filter).await?;
            if !page.events.iter().all(&mut each) {
                return Ok(());
            }
            page.events.last().map_or(page.cursor, |last| last.cursor.clone())
        }
    };
    events::follow(client, &filter, &mut cursor, &mut each).await
}

/// The beginning of what is in the journal about a run.
async fn first(client: &Client, filter: &str) -> Result<JournalPage, Failure> {
    Ok(client.get(&format!("/api/v1/journal?order=asc&limit=1000{filter}")).await?)
}

/// Whether nothing more happens until a person says something.
fn needs_a_person(kind: &str, body: Option<&Map<String, Value>>) -> bool {
    match kind {
        "run.waiting" => true,
        "run.suspended" => {
            // What goes on at a time needs nobody.
            body.and_then(|body| body.get("until")).is_none_or(Value::is_null)
        }
        _ => false,
    }
}

async fn log(context: Context, args: RunLog) -> Outcome {
    let client = context.client()?;
    let detail: RunDetail = client.get(&format!("/api/v1/runs/{}", encode(&args.id))).await?;
    let show = if args.json { Show::Json } else { Show::Words };
    // One that is over and was seen to its end has nothing more to tell.
    if args.follow && (detail.run.ended_at.is_none() || args.after.is_none()) {
        watch(&client, &detail.run.id, show, args.after).await?;
        return Ok(Code::Success);
    }
    let filter = format!("&subject={}", encode(&detail.run.id));
    let mut cursor = args.after.clone();
    loop {
        let after = cursor.map(|cursor| format!("&after={}", encode(&cursor))).unwrap_or_default();
        let path = format!("/api/v1/journal?order=asc&limit=1000{filter}{after}");
        let page: JournalPage = client.get(&path).await?;
        for event in &page.events {
            let body = event.body.as_ref().and_then(Value::as_object);
            let open = match show {
                Show::Json => serde_json::to_string(event).is_ok_and(|line| terminal::print(&line)),
                Show::Words | Show::Nothing => tell(&event.kind, body),
            };
            if !open {
                return Ok(Code::Success);
            }
        }
        match page.events.last() {
            Some(last) if page.events.len() == 1000 => cursor = Some(last.cursor.clone()),
            _ => return Ok(Code::Success),
        }
    }
}

fn text<'a>(body: &'a Map<String, Value>, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// One event of a run for people; false when nobody reads any more.
fn tell(kind: &str, body: Option<&Map<String, Value>>) -> bool {
    let Some(body) = body else { return true };
    let line = match kind {
        "run.text" => harmless(text(body, "text")),
        "run.thinking" => paint(Color::Grey, &shorten(text(body, "text"), 200)),
        "run.tool_call" => {
            let input = body.get("input").map(ToString::to_string).unwrap_or_default();
            format!("{} {} {}", paint(Color::Blue, "→"), text(body, "name"), shorten(&input, 120))
        }
        "run.tool_result" => {
            let failed = body.get("is_error") == Some(&Value::Bool(true));
            let mark = if failed { paint(Color::Red, "✗") } else { paint(Color::Green, "←") };
            format!("{mark} {}", shorten(text(body, "output"), 160))
        }
        "run.milestone" => format!("{} {}", paint(Color::Green, "◆"), harmless(text(body, "text"))),
        "run.question" => format!("{} {}", paint(Color::Amber, "?"), harmless(text(body, "text"))),
        "run.permission_denied" => {
            format!("{} refused: {}", paint(Color::Amber, "!"), shorten(text(body, "tool"), 100))
        }
        "run.retry" | "run.error" | "run.warning" => {
            let message =
                if kind == "run.retry" { text(body, "error") } else { text(body, "message") };
            format!("{} {}", paint(Color::Amber, "!"), shorten(message, 200))
        }
        "run.suspended" | "run.attempt_ended" => {
            format!("{} {}", paint(Color::Amber, "…"), shorten(text(body, "why"), 300))
        }
        "run.paused" => paint(Color::Amber, "… paused"),
        "run.resumed" => paint(Color::Green, "… resumed"),
        "run.checked" => {
            let passed = body.get("passed") == Some(&Value::Bool(true));
            let mark = if passed { paint(Color::Green, "✓") } else { paint(Color::Red, "✗") };
            format!("{mark} {}  {}", harmless(text(body, "check")), harmless(text(body, "detail")))
        }
        "run.raw" => paint(Color::Grey, &format!("· {}", shorten(text(body, "preview"), 160))),
        _ => return true,
    };
    terminal::print(&line)
}

fn summary(detail: &RunDetail) -> String {
    let run = &detail.run;
    let mut lines = vec![format!("{}  {}", state(&run.state), run.why)];
    if let Some(usage) = &run.usage {
        let cost = usage.cost_usd.map(|usd| format!(", ${usd:.4}")).unwrap_or_default();
        lines.push(format!(
            "tokens    {} fresh, {} cache read, {} cache written, {} output{cost}",
            usage.fresh_input, usage.cache_read, usage.cache_write, usage.output
        ));
    }
    if !detail.evidence.checks.is_empty() || run.state == "reported" {
        lines.push(evidence::shown(&detail.evidence));
    }
    if let Some(worktree) = &run.worktree {
        let word = if run.plain { "folder  " } else { "worktree" };
        lines.push(format!("{word}  {worktree}"));
    }
    if let Some(branch) = &run.branch {
        lines.push(format!("branch    {branch}"));
    }
    for merge in &detail.merges {
        let into = harmless(&merge.into);
        lines.push(format!("merge     {}  {} into {into}", merge.short, merge.state));
    }
    let is_good = run.state == "verified" && run.branch.is_some();
    if is_good
        && detail.merges.iter().all(|merge| matches!(merge.state.as_str(), "refused" | "undone"))
    {
        lines.push(format!("merge it  orkestra merge {}", run.short));
    }
    for overlap in &detail.overlaps {
        lines.push(format!("overlap   {}", merge::line_of(overlap, Some(&run.id))));
    }
    if let Some(count) = run.uncommitted.filter(|count| *count > 0) {
        lines.push(format!(
            "note      {count} uncommitted changes of the target were not in the worktree"
        ));
    }
    for file in run.files_changed.iter().flatten() {
        lines.push(format!("  {} {}", file.status, harmless(&file.path)));
    }
    lines.join("\n")
}

fn show(detail: &RunDetail) {
    let run = &detail.run;
    terminal::print(&format!("Run {}  {}  {}", run.short, run.agent, run.created_at));
    terminal::print(&format!("> {}\n", harmless(&run.prompt)));
    if let Some(given) = detail.given.as_ref().filter(|given| **given != run.prompt) {
        terminal::print(&paint(Color::Grey, &format!("It was given:\n{}", harmless(given))));
    }
    if detail.stream_cut {
        terminal::complain(&format!(
            "(the beginning is left out; orkestra events --subject {} has all)",
            run.id
        ));
    }
    for RunEvent { event, .. } in &detail.stream {
        let body: Map<String, Value> = event.clone().into_iter().collect();
        let kind = format!("run.{}", text(&body, "type"));
        if !tell(&kind, Some(&body)) {
            return;
        }
    }
    for told in &detail.instructions {
        let mark = match (told.attempt, told.done) {
            (None, _) => "waits".to_owned(),
            (Some(number), false) => format!("attempt {number}"),
            (Some(number), true) => format!("attempt {number}, done"),
        };
        let line = format!("{} {} ({mark})", paint(Color::Blue, "»"), harmless(&told.text));
        terminal::print(&line);
    }
    terminal::print(&format!("\n{}", summary(detail)));
}
