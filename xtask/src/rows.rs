//! The capabilities that Orkestra promises (`rows.txt`), held against the tests that prove them.

use crate::program::{root, target_dir};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One promised capability.
struct Row {
    number: u32,
    capability: String,
    excuse: String,
}

fn rows() -> Result<Vec<Row>> {
    include_str!("../rows.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let mut parts = line.split('|').map(str::trim);
            let number = parts.next().unwrap_or_default().parse();
            Ok(Row {
                number: number.with_context(|| format!("rows.txt: {line}"))?,
                capability: parts.next().unwrap_or_default().to_owned(),
                excuse: parts.next().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

/// The row that a test's name begins with.
fn row_of(name: &str) -> Option<u32> {
    let at = name.find("row_")?;
    name.get(at + 4..at + 7)?.parse().ok()
}

fn results_file() -> Result<PathBuf> {
    Ok(target_dir()?.join("orkestra-rows.json"))
}

/// Keeps which row tests passed and failed, from what the runners printed.
pub(crate) fn keep(lines: &[String]) -> Result<()> {
    let mut results: BTreeMap<String, bool> = BTreeMap::new();
    for line in lines {
        let Some(row) = row_of(line) else { continue };
        let line = line.trim();
        let passed = (line.starts_with("test ") && line.ends_with("... ok"))
            || line.starts_with('✓')
            || line.starts_with("ok ");
        let failed = (line.starts_with("test ") && line.ends_with("FAILED"))
            || line.starts_with('✘')
            || line.starts_with("not ok ");
        if passed || failed {
            let all = results.entry(row.to_string()).or_insert(true);
            *all = *all && passed;
        }
    }
    std::fs::write(results_file()?, serde_json::to_vec_pretty(&results)?)?;
    Ok(())
}

/// Rows for which some test is written.
fn written() -> Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for folder in ["crates", "web/e2e"] {
        look(&root().join(folder), &mut found)?;
    }
    Ok(found)
}

fn look(folder: &Path, found: &mut BTreeSet<u32>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if path.is_dir() {
            if !matches!(name.as_deref(), Some("node_modules" | "target" | "dist")) {
                look(&path, found)?;
            }
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "ts") {
            let text = std::fs::read_to_string(&path)?;
            for (at, _) in text.match_indices("row_") {
                found.extend(row_of(text.get(at..).unwrap_or_default()));
            }
        }
    }
    Ok(())
}

/// Lists every row: passed, failed, not run, missing, or excused with a reason.
pub(crate) fn print() -> Result<()> {
    let results: BTreeMap<String, bool> = std::fs::read(results_file()?)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let written = written()?;
    let (mut counts, mut excused) = (BTreeMap::new(), BTreeMap::new());
    for row in rows()? {
        let state = match results.get(&row.number.to_string()) {
            Some(true) => "passed",
            Some(false) => "FAILED",
            None if written.contains(&row.number) => "not run",
            None if row.excuse.is_empty() => "MISSING",
            None => "excused",
        };
        *counts.entry(state).or_insert(0) += 1;
        if state == "excused" {
            *excused.entry(row.excuse).or_insert(0) += 1;
        } else {
            println!("{state:<8} row {:03}  {}", row.number, row.capability);
        }
    }
    for (reason, count) in excused {
        println!("excused  {count} rows: {reason}");
    }
    let counts: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    println!("{}", counts.join(", "));
    Ok(())
}
