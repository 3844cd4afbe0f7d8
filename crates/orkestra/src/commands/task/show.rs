//! Tasks as people see them in a terminal.

use crate::cli::GraphFormat;
use crate::terminal::{Color, harmless, paint, shorten, table};
use orkestra_server::wire::{TaskDetail, TaskGraph, TaskList, TaskView};
use std::fmt::Write;

/// In which order states are shown.
const ORDER: [&str; 12] = [
    "running",
    "claimed",
    "reported",
    "in_review",
    "ready",
    "waiting",
    "blocked",
    "backlog",
    "refuted",
    "failed",
    "verified",
    "cancelled",
];

/// States that have no colour of their own elsewhere.
fn state(word: &str) -> String {
    let color = match word {
        "running" | "verified" => Color::Green,
        "claimed" | "reported" | "in_review" => Color::Amber,
        "blocked" | "refuted" | "failed" => Color::Red,
        _ => Color::Grey,
    };
    paint(color, &word.replace('_', " "))
}

fn time(text: &str) -> String {
    text.get(..19).unwrap_or(text).replace('T', " ")
}

/// `1a2b3c4d  ready  Title`.
pub(super) fn line(task: &TaskView) -> String {
    let why =
        task.why.as_deref().map(|why| format!("  {}", paint(Color::Grey, &shorten(why, 100))));
    let fence = task.claim.as_ref().map(|claim| format!("  fence {}", claim.fence));
    format!(
        "{}  {}  {}{}{}",
        task.short,
        state(&task.state),
        shorten(&task.title, 80),
        fence.unwrap_or_default(),
        why.unwrap_or_default()
    )
}

/// The tasks by state, like a board.
pub(super) fn board(list: &TaskList) -> String {
    let header = ["TASK", "PRIORITY", "KIND", "FOR", "TRIES", "TITLE"];
    let row = |task: &TaskView| {
        let why = task.why.as_deref().filter(|_| task.state != "reported");
        let why = why.map(|why| format!("  {}", paint(Color::Grey, &shorten(why, 70))));
        vec![
            task.short.clone(),
            task.priority.clone(),
            harmless(&task.kind),
            harmless(task.agent.as_deref().unwrap_or("-")),
            format!("{}/{}", task.tries, task.tries_max),
            format!("{}{}", shorten(&task.title, 60), why.unwrap_or_default()),
        ]
    };
    // One table, so that all states have the same columns.
    let mut rows = Vec::new();
    let mut groups = Vec::new();
    for word in ORDER {
        let of: Vec<&TaskView> = list.tasks.iter().filter(|task| task.state == word).collect();
        if of.is_empty() {
            continue;
        }
        let all = list.counts.get(word).copied().unwrap_or(of.len() as u64);
        groups.push((word, of.len(), all));
        rows.extend(of.into_iter().map(row));
    }
    let lines = table(&header, &rows);
    let mut lines = lines.lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for (word, shown, all) in groups {
        let more = if all > shown as u64 { format!(", {shown} shown") } else { String::new() };
        let _ = write!(text, "\n\n{} ({all}{more})", state(word));
        for row in lines.by_ref().take(shown) {
            let _ = write!(text, "\n{row}");
        }
    }
    if list.next.is_some() {
        text.push_str("\n\nThere are more: --limit, --state, or --json and `next`.");
    }
    text
}

/// One task with all that is around it.
pub(super) fn detail(detail: &TaskDetail) -> String {
    let task = &detail.task;
    let mut lines =
        vec![format!("{}  {}  {}", task.short, state(&task.state), harmless(&task.title))];
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name:<10} {}", harmless(&value)));
        }
    };
    let list = |words: &[String]| (!words.is_empty()).then(|| words.join(", "));
    add("why", task.why.clone());
    add("kind", Some(format!("{}, priority {}", task.kind, task.priority)));
    add("session", task.session.clone());
    add("parent", task.parent.clone());
    add("phase", task.phase.clone());
    add("role", task.role.as_ref().map(|role| role.name.clone()));
    add("for", task.assigned.clone());
    add("needs", list(&task.needs));
    add("tags", list(&task.tags));
    add("evidence", list(&task.evidence));
    add("target", task.target.clone());
    add("milestone", task.milestone.clone());
    add(
        "recurs",
        task.recurs.as_ref().map(|recurs| {
            let next = recurs.next_at.as_deref().map_or_else(|| "never again".to_owned(), time);
            format!("{}; next {next}; {} made", recurs.schedule, recurs.made)
        }),
    );
    add(
        "held by",
        task.claim.as_ref().map(|claim| {
            let until = claim.expires_at.as_deref().map(|at| format!(", until {}", time(at)));
            format!(
                "{} ({}), fence {}{}",
                claim.owner,
                claim.agent,
                claim.fence,
                until.unwrap_or_default()
            )
        }),
    );
    add("tries", Some(format!("{} of {} went wrong", task.tries, task.tries_max)));
    add("not before", task.not_before.as_deref().map(time));
    add("made", Some(format!("{} by {}", time(&task.created_at), task.created_by)));
    add("over", task.ended_at.as_deref().map(time));
    add("merged", task.merged.clone());
    add("result", task.result.clone());
    for on in &task.depends {
        let title = on.title.as_deref().unwrap_or("(gone)");
        let state = on.state.as_deref().unwrap_or("?");
        add("after", Some(format!("{} {title} ({}, {state})", on.short, on.kind)));
    }
    for other in &detail.dependents {
        add("before", Some(format!("{} {} ({})", other.short, other.title, other.state)));
    }
    for child in &detail.children {
        add("part", Some(format!("{} {} ({})", child.short, child.title, child.state)));
    }
    for one in &task.handovers {
        let from = one.from.as_deref().unwrap_or("nobody");
        let note = one.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        add("handed", Some(format!("{} from {from} to {}{note}", time(&one.at), one.to)));
    }
    for one in &task.avoid {
        add("avoid", Some(format!("{}: {}", one.agent, one.why)));
    }
    for run in &detail.runs_detail {
        add("run", Some(format!("{} {} by {}: {}", run.short, run.state, run.agent, run.why)));
    }
    lines.push(String::new());
    lines.extend(harmless(&task.prompt).lines().map(|line| format!("    {line}")));
    lines.join("\n")
}

/// Which tasks wait for which.
pub(super) fn graph(graph: &TaskGraph, format: GraphFormat) -> String {
    match format {
        GraphFormat::Text => text(graph),
        GraphFormat::Dot => dot(graph),
    }
}

/// Each task below the first one that it depends on; one that was shown is not shown whole again.
fn text(graph: &TaskGraph) -> String {
    let known = |id: &str| graph.tasks.iter().any(|task| task.id == id);
    let mut shown = std::collections::BTreeSet::new();
    let mut lines = Vec::new();
    let roots = graph.tasks.iter().filter(|task| !task.depends.iter().any(|on| known(&on.task)));
    let mut open: Vec<(&TaskView, usize, &str)> = roots.map(|task| (task, 0, "")).collect();
    open.reverse();
    while let Some((task, depth, kind)) = open.pop() {
        let first = shown.insert(task.id.as_str());
        let again = if first { "" } else { "  (above)" };
        let kind =
            if kind.is_empty() || kind == "hard" { String::new() } else { format!(" [{kind}]") };
        let branch =
            if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
        lines.push(format!("{branch}{}{kind}{again}", line_short(task)));
        if !first {
            continue;
        }
        for next in graph.tasks.iter().rev() {
            if let Some(on) = next.depends.iter().find(|on| on.task == task.id) {
                open.push((next, depth + 1, on.kind.as_str()));
            }
        }
    }
    lines.join("\n")
}

fn line_short(task: &TaskView) -> String {
    format!("{}  {}  {}", task.short, state(&task.state), shorten(&task.title, 70))
}

/// For Graphviz: an arrow leads from a task to those that wait for it.
fn dot(graph: &TaskGraph) -> String {
    let quoted = |text: &str| {
        let text = harmless(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
        format!("\"{text}\"")
    };
    let mut out =
        String::from("digraph tasks {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    for task in &graph.tasks {
        let label = format!("{}\\n{}", shorten(&task.title, 40), task.state);
        // The break between the lines is Graphviz's own.
        let label = quoted(&label).replace("\\\\n", "\\n");
        let _ = writeln!(out, "  {} [label={label}];", quoted(&task.short));
    }
    for task in &graph.tasks {
        for on in &task.depends {
            let style = match on.kind.as_str() {
                "soft" => " [style=dashed]",
                "over" => " [style=dotted]",
                _ => "",
            };
            let _ = writeln!(out, "  {} -> {}{style};", quoted(&on.short), quoted(&task.short));
        }
    }
    out.push('}');
    out
}
