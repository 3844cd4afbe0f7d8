//! Looking for words in a project, and what was committed last: a small context, in little time.

use super::{Error, git};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// One line of a project that has words that were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Relative to the folder.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// The line, cut.
    pub text: String,
}

/// The most of one line.
const LINE_MAX: usize = 200;

/// Lines in any file below the folder that have some of the words, those with most of them first.
/// Files that git ignores are left out; without git all files are looked at. What is not found in
/// `limit` is not found.
///
/// # Errors
/// Git cannot be run, refused, or took too long.
pub async fn search(
    folder: &Path,
    words: &[String],
    has_git: bool,
    most: usize,
    limit: Duration,
) -> Result<Vec<Hit>, Error> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut arguments = vec!["grep", "-n", "-I", "-i", "-F", "-z", "--max-count=5"];
    if !has_git {
        arguments.push("--no-index");
    }
    for word in words {
        arguments.extend(["-e", word.as_str()]);
    }
    let answer = git(folder, &arguments, limit).await?;
    // Nothing found is code 1.
    if !answer.success() && answer.code != Some(1) {
        let message = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        return Err(Error::Refused { command: "grep".to_owned(), message });
    }
    let said = String::from_utf8_lossy(&answer.stdout);
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let mut hits: Vec<(usize, Hit)> = said
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, '\0');
            let (path, number, text) = (parts.next()?, parts.next()?, parts.next()?);
            let low = text.to_lowercase();
            let found = lower.iter().filter(|word| low.contains(word.as_str())).count();
            let text = text.trim().chars().take(LINE_MAX).collect();
            Some((found, Hit { path: path.to_owned(), line: number.parse().ok()?, text }))
        })
        .collect();
    // The sort is stable: equals stay in git's order.
    hits.sort_by_key(|(found, _)| std::cmp::Reverse(*found));
    Ok(hits.into_iter().take(most).map(|(_, hit)| hit).collect())
}

/// The newest commits: short hash and subject.
///
/// # Errors
/// Git cannot be run or refused.
pub async fn newest_commits(
    folder: &Path,
    most: usize,
    limit: Duration,
) -> Result<Vec<String>, Error> {
    let count = format!("-{most}");
    let answer = git(folder, &["log", &count, "--format=%h %s"], limit).await?;
    if !answer.success() {
        return Ok(Vec::new());
    }
    Ok(String::from_utf8_lossy(&answer.stdout)
        .lines()
        .map(|line| line.chars().take(LINE_MAX).collect())
        .collect())
}

/// The words of a question that are worth looking for: the longer ones, each once.
pub fn words(text: &str, most: usize) -> Vec<String> {
    const COMMON: [&str; 24] = [
        "about", "after", "also", "been", "before", "both", "could", "does", "from", "have",
        "into", "shall", "should", "that", "their", "them", "then", "there", "they", "this",
        "what", "when", "which", "with",
    ];
    let mut seen = BTreeSet::new();
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() >= 4 && !COMMON.contains(&word.as_str()))
        .filter(|word| seen.insert(word.clone()))
        .take(most)
        .collect()
}
