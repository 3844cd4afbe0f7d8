//! What Orkestra promises, held against the tests that prove it: capabilities (`rows.txt`) and the
//! cases that a supervisor must stand (`cases.txt`).

use crate::program::{root, target_dir};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A list of promises; the tests of one carry its word and number: `row_002_…`, `case_17_…`.
struct List {
    word: &'static str,
    digits: usize,
    text: &'static str,
}

const LISTS: [List; 2] = [
    List { word: "row", digits: 3, text: include_str!("../rows.txt") },
    List { word: "case", digits: 2, text: include_str!("../cases.txt") },
];

/// One promise.
struct Promise {
    number: u32,
    text: String,
    /// Why there is no test.
    excuse: String,
}

impl List {
    fn promises(&self) -> Result<Vec<Promise>> {
        self.text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| {
                let mut parts = line.split('|').map(str::trim);
                let number = parts.next().unwrap_or_default().parse();
                Ok(Promise {
                    number: number.with_context(|| format!("{}s.txt: {line}", self.word))?,
                    text: parts.next().unwrap_or_default().to_owned(),
                    excuse: parts.next().unwrap_or_default().to_owned(),
                })
            })
            .collect()
    }

    /// The number in a test's name, wherever the name begins in the line.
    fn number_in(&self, line: &str) -> Option<u32> {
        let begin = format!("{}_", self.word);
        line.match_indices(&begin).find_map(|(at, _)| {
            let rest = line.get(at + begin.len()..)?;
            let number = rest.get(..self.digits)?;
            let is_name = rest.get(self.digits..)?.starts_with('_');
            is_name.then(|| number.parse().ok()).flatten()
        })
    }

    fn key(&self, number: u32) -> String {
        let digits = self.digits;
        format!("{} {number:0digits$}", self.word)
    }

    /// Promises for which some test is written.
    fn written(&self) -> Result<BTreeSet<u32>> {
        let mut found = BTreeSet::new();
        for folder in ["crates", "web/e2e"] {
            self.look(&root().join(folder), &mut found)?;
        }
        Ok(found)
    }

    fn look(&self, folder: &Path, found: &mut BTreeSet<u32>) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if path.is_dir() {
                if !matches!(name.as_deref(), Some("node_modules" | "target" | "dist")) {
                    self.look(&path, found)?;
                }
            } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "ts") {
                let text = std::fs::read_to_string(&path)?;
                found.extend(text.lines().filter_map(|line| self.number_in(line)));
            }
        }
        Ok(())
    }
}

fn results_file() -> Result<PathBuf> {
    Ok(target_dir()?.join("orkestra-promises.json"))
}

/// Keeps which promises' tests passed and failed, from what the runners printed.
pub(crate) fn keep(lines: &[String]) -> Result<()> {
    let mut results: BTreeMap<String, bool> = BTreeMap::new();
    for line in lines {
        let line = line.trim();
        let passed = (line.starts_with("test ") && line.ends_with("... ok"))
            || line.starts_with('✓')
            || line.starts_with("ok ");
        let failed = (line.starts_with("test ") && line.ends_with("FAILED"))
            || line.starts_with('✘')
            || line.starts_with("not ok ");
        if !passed && !failed {
            continue;
        }
        for list in &LISTS {
            if let Some(number) = list.number_in(line) {
                let all = results.entry(list.key(number)).or_insert(true);
                *all = *all && passed;
            }
        }
    }
    std::fs::write(results_file()?, serde_json::to_vec_pretty(&results)?)?;
    Ok(())
}

/// Lists every promise: passed, failed, not run, missing, or excused with a reason.
pub(crate) fn print() -> Result<()> {
    let results: BTreeMap<String, bool> = std::fs::read(results_file()?)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    for list in &LISTS {
        print_list(list, &results)?;
    }
    Ok(())
}

fn print_list(list: &List, results: &BTreeMap<String, bool>) -> Result<()> {
    let written = list.written()?;
    let (mut counts, mut excused) = (BTreeMap::new(), BTreeMap::new());
    for promise in list.promises()? {
        let key = list.key(promise.number);
        let state = match results.get(&key) {
            Some(true) => "passed",
            Some(false) => "FAILED",
            None if written.contains(&promise.number) => "not run",
            None if promise.excuse.is_empty() => "MISSING",
            None => "excused",
        };
        *counts.entry(state).or_insert(0) += 1;
        if state == "excused" {
            *excused.entry(promise.excuse).or_insert(0) += 1;
        } else {
            println!("{state:<8} {key}  {}", promise.text);
        }
    }
    for (reason, count) in excused {
        println!("excused  {count} {}s: {reason}", list.word);
    }
    let counts: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    println!("{}s: {}", list.word, counts.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_from_where_the_name_begins() {
        let [rows, cases] = &LISTS;
        assert_eq!(rows.number_in("test basics::row_012_a_second_daemon ... ok"), Some(12));
        assert_eq!(cases.number_in("fn case_07_waits()"), Some(7));
        for other in ["edit_row(x)", "row_12_short", "case_NN_…", "lower_case_words", "case_07"] {
            assert_eq!(rows.number_in(other).or(cases.number_in(other)), None, "{other}");
        }
    }

    #[test]
    fn lists_are_numbered_without_a_gap_and_say_something() {
        for list in &LISTS {
            let promises = list.promises().unwrap();
            let numbers: Vec<u32> = promises.iter().map(|promise| promise.number).collect();
            let whole: Vec<u32> = (1..).take(numbers.len()).collect();
            assert_eq!(numbers, whole, "{}s.txt", list.word);
            assert!(promises.iter().all(|promise| !promise.text.is_empty()), "{}s.txt", list.word);
        }
    }

    #[test]
    fn each_promise_has_a_test_or_a_reason() {
        for list in &LISTS {
            let written = list.written().unwrap();
            for promise in list.promises().unwrap() {
                let tested = written.contains(&promise.number);
                let key = list.key(promise.number);
                assert!(tested || !promise.excuse.is_empty(), "{key}: neither test nor reason");
                // A reason next to a test is out of date.
                let both = list.word == "case" && tested && !promise.excuse.is_empty();
                assert!(!both, "{key} has a test and a reason why there is none");
            }
        }
    }
}
