//! The gate's tables: what must not be allowed, what must be, and what becomes of the first when it is disguised.

use orkestra_core::gate::{Action, Decision, Policy, Ruling, Scope};

fn scope() -> Scope {
    Scope::new("/home/user/work", "/home/user", "/home/user/.orkestra")
}

fn rule(line: &str) -> Ruling {
    let action = Action::Command { line: line.to_owned(), cwd: "/home/user/work".into() };
    Policy::default().rule(&action, &scope())
}

fn lines(text: &'static str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| line.replace('␤', "\n"))
        .collect()
}

fn dangerous() -> Vec<String> {
    lines(include_str!("data/gate/dangerous.txt"))
}

fn harmless() -> Vec<String> {
    lines(include_str!("data/gate/harmless.txt"))
}

/// Reports every line that is ruled wrongly; at least 98 of 100 must be right.
fn right(name: &str, table: &[String], wanted: impl Fn(Decision) -> bool) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|line| {
            let ruling = rule(line);
            (!wanted(ruling.decision)).then(|| {
                format!("{} [{}: {}]: {line}", ruling.decision.word(), ruling.rule, ruling.reason)
            })
        })
        .collect();
    println!("{name}: {} lines, {} wrong", table.len(), wrong.len());
    for line in &wrong {
        println!("  {line}");
    }
    assert!(
        wrong.len() * 50 <= table.len(),
        "{name}: {} of {} are wrong",
        wrong.len(),
        table.len()
    );
}

#[test]
fn row_071_dangerous_lines_are_not_allowed() {
    let table = dangerous();
    assert!(table.len() >= 150);
    right("dangerous", &table, |decision| decision != Decision::Allow);
}

#[test]
fn row_071_harmless_lines_are_allowed() {
    let table = harmless();
    assert!(table.len() >= 100);
    right("harmless", &table, |decision| decision == Decision::Allow);
}
