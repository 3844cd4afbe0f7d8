//! How sessions are shown to people.

use crate::terminal::{Color, harmless, paint, shorten, state, table};
use orkestra_server::wire::{PlanView, RolesView, SessionDetail, ShareView};

/// Which tier it is, and who takes over what.
pub(super) fn tier(roles: &RolesView) -> String {
    let what = match roles.tier {
        1 => "every role has an agent of its own",
        2 => "nobody only reviews",
        3 => "the implementer is not there",
        4 => "the architect is not there",
        _ => "one agent works alone",
    };
    let mut lines = vec![format!("tier {}: {what}", roles.tier)];
    for absent in &roles.missing {
        lines.push(format!("  {} is not there: {}", absent.agent, shorten(&absent.why, 120)));
    }
    lines.extend(roles.notes.iter().map(|note| format!("  {}", harmless(note))));
    lines.join("\n")
}

/// A plan as a list of tasks.
pub(super) fn plan(plan: &PlanView) -> String {
    let mut lines = Vec::new();
    if !plan.summary.is_empty() {
        lines.push(format!("{}\n", harmless(&plan.summary)));
    }
    for task in &plan.tasks {
        let agent = task.agent.as_deref().unwrap_or("any agent");
        let phase = task.phase.as_ref().map(|phase| format!(", {phase}")).unwrap_or_default();
        lines.push(format!(
            "{}  {} [{}, {}, {}{phase}]",
            paint(Color::Blue, &harmless(&task.key)),
            harmless(&task.title),
            harmless(&task.role),
            harmless(agent),
            task.priority,
        ));
        if !task.depends.is_empty() {
            lines.push(format!("    after {}", harmless(&task.depends.join(", "))));
        }
        for file in &task.deliverables {
            lines.push(format!("    gives {}", harmless(file)));
        }
        for check in &task.evidence {
            lines.push(format!("    check {}", harmless(check)));
        }
    }
    lines.join("\n")
}

fn tasks(detail: &SessionDetail) -> Option<String> {
    if detail.tasks.is_empty() {
        return None;
    }
    let rows: Vec<Vec<String>> = detail
        .tasks
        .iter()
        .map(|task| {
            vec![
                harmless(&task.key),
                state(&task.state),
                harmless(task.agent.as_deref().unwrap_or("–")),
                harmless(task.role.as_deref().unwrap_or("–")),
                shorten(&task.title, 50),
                shorten(task.why.as_deref().unwrap_or_default(), 60),
            ]
        })
        .collect();
    Some(table(&["TASK", "STATE", "AGENT", "ROLE", "TITLE", "WHY"], &rows))
}

fn shares(detail: &SessionDetail) -> Option<String> {
    if detail.shares.iter().all(|share| share.percent == 0.0) {
        return None;
    }
    let wanted = |share: &ShareView| {
        let range = format!("{:.0}–{:.0} %", share.low, share.high);
        if share.fits { range } else { paint(Color::Amber, &format!("{range}: off")) }
    };
    let rows: Vec<Vec<String>> = detail
        .shares
        .iter()
        .map(|share| {
            vec![
                harmless(&share.agent),
                harmless(&share.roles.join(", ")),
                share.tasks.to_string(),
                share.tokens.to_string(),
                format!("{:.1} %", share.percent),
                wanted(share),
                format!("${:.4}", share.cost_usd),
            ]
        })
        .collect();
    let of = format!("SHARE OF {}", detail.shares_of.to_uppercase());
    Some(table(&["AGENT", "ROLES", "TASKS", "TOKENS", &of, "PLANNED", "COST"], &rows))
}

fn points(detail: &SessionDetail) -> Option<String> {
    if detail.criteria.is_empty() {
        return None;
    }
    let lines: Vec<String> = detail
        .criteria
        .iter()
        .map(|point| {
            let mark =
                if point.holds { paint(Color::Green, "✓") } else { paint(Color::Red, "✗") };
            format!("{mark} {:<12} {}", point.point, harmless(&point.why))
        })
        .collect();
    Some(format!("Done:\n{}", lines.join("\n")))
}

fn comments(detail: &SessionDetail) -> Option<String> {
    if detail.comments.is_empty() {
        return None;
    }
    let mut lines = vec!["Of the plan they said:".to_owned()];
    for comment in &detail.comments {
        let said = match (comment.agrees, &comment.trouble) {
            (None, trouble) => format!("nothing: {}", trouble.as_deref().unwrap_or_default()),
            (Some(_), _) if comment.suggestions.is_empty() => "agreed".to_owned(),
            (Some(_), _) => comment.suggestions.join("; "),
        };
        lines.push(format!(
            "  {} (round {}): {}",
            comment.agent,
            comment.round,
            shorten(&said, 200)
        ));
    }
    Some(lines.join("\n"))
}

fn head(detail: &SessionDetail) -> String {
    let session = &detail.session;
    let mut lines = vec![
        format!("Session {}  {}", session.short, state(&session.state)),
        format!("> {}", harmless(session.goal.trim_end())),
        harmless(&session.why),
    ];
    lines.push(format!("branch  {}", session.branch));
    if let Some(commit) = &session.delivered {
        lines.push(format!("merged  into your branch as {}", commit.get(..12).unwrap_or(commit)));
    }
    if let Some(by) = &session.waived_by {
        lines.push(format!("taken   by {} although not every point of done held", harmless(by)));
    }
    lines.push(tier(&session.roles));
    lines.join("\n")
}

fn next(detail: &SessionDetail) -> Option<String> {
    let session = &detail.session;
    let id = &session.short;
    Some(match session.question.as_ref()?.about.as_str() {
        "plan" => format!(
            "orkestra session plan {id} shows the plan; orkestra session approve {id} begins; plan {id} --edit FILE replaces it; stop {id} ends it."
        ),
        "no_plan" => format!(
            "orkestra session approve {id} divides the work by roles; plan {id} --edit FILE gives it a plan; stop {id} ends it."
        ),
        "not_done" => format!(
            "Mend it, then orkestra session resume {id} looks again; approve {id} --anyway takes it as it is; stop {id} ends it."
        ),
        "merge" => format!("Mend it, then orkestra session resume {id}; stop {id} ends it."),
        _ => format!("orkestra session approve {id} ends it; stop {id} leaves it."),
    })
}

/// All of it.
pub(super) fn detail(detail: &SessionDetail) -> String {
    let mut parts = vec![head(detail)];
    parts.extend(comments(detail));
    if detail.tasks.is_empty() {
        parts.extend(detail.plan.as_ref().map(plan));
    }
    parts.extend(tasks(detail));
    parts.extend(shares(detail));
    parts.extend(points(detail));
    parts.extend(next(detail));
    parts.join("\n\n")
}

/// What came of it.
pub(super) fn summary(detail: &SessionDetail) -> String {
    let session = &detail.session;
    let cost: f64 = detail.shares.iter().map(|share| share.cost_usd).sum();
    let tokens: u64 = detail.shares.iter().map(|share| share.tokens).sum();
    let mut parts = vec![head(detail)];
    parts.extend(tasks(detail));
    if detail.tasks.is_empty() {
        parts.extend(detail.plan.as_ref().map(plan));
    }
    parts.extend(shares(detail));
    parts.extend(points(detail));
    let runs = detail.runs.len();
    parts.push(format!("{runs} runs, {tokens} tokens, ${cost:.4}"));
    if session.state == "verified" && session.delivered.is_none() {
        parts.push(format!(
            "The work is on the branch {}; orkestra merge {} moves your own branch to it.",
            session.branch, session.short
        ));
    }
    parts.extend(next(detail));
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_told_with_who_takes_over() {
        let roles = RolesView {
            tier: 2,
            there: vec!["a".into()],
            missing: vec![orkestra_server::wire::AbsentView {
                agent: "codex".into(),
                why: "its program is not here".into(),
            }],
            architect: "a".into(),
            implementer: "a".into(),
            reviewer: "a".into(),
            notes: vec!["Without codex, a looks for faults.".into()],
        };
        let text = tier(&roles);
        assert!(text.starts_with("tier 2"), "{text}");
        assert!(text.contains("codex is not there: its program is not here"), "{text}");
    }
}
