//! A reviewer's answer, read by its structure and never by its words.
//!
//! The answer is JSON, in the last fenced block or on a line of its own. What is not exactly that is no
//! verdict, with a reason that the reviewer can be told.

use super::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It may stay so.
    #[serde(alias = "info", alias = "minor")]
    Low,
    /// It should be mended.
    #[serde(alias = "moderate")]
    Medium,
    /// It must be mended.
    #[serde(alias = "major")]
    High,
    /// Nothing may go on with it.
    #[serde(alias = "blocker")]
    Critical,
}

impl Severity {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Something that a reviewer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub description: String,
    /// In which file, relative to the worktree.
    #[serde(default)]
    pub file: Option<String>,
    /// In which line of it.
    #[serde(default)]
    pub line: Option<u32>,
}

/// What a reviewer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// Its verdict.
    pub verdict: Verdict,
    /// Why, in short.
    pub summary: String,
    /// What it found.
    pub issues: Vec<Issue>,
    /// What it would do.
    pub recommendations: Vec<String>,
    /// How many words it had as it was given.
    pub words: usize,
    /// Whether it was longer than it may be, and is shortened here.
    pub cut: bool,
}

/// As it is written.
#[derive(Deserialize)]
struct Written {
    verdict: String,
    summary: String,
    #[serde(default)]
    issues: Vec<Issue>,
    #[serde(default)]
    recommendations: Vec<String>,
}

/// The form, as reviewers are told.
pub const FORM: &str = r#"{"verdict": "approved" | "concerns" | "blocker", "summary": "…", "issues": [{"severity": "low" | "medium" | "high" | "critical", "description": "…", "file": "path", "line": 1}], "recommendations": ["…"]}"#;

/// Issues and recommendations that are read at most.
const ITEMS_MAX: usize = 50;

/// Reads a verdict.
///
/// # Errors
/// There is none, in words for whoever wrote it.
pub fn parse(text: &str) -> Result<Opinion, String> {
    let found = last_json(text).ok_or(
        "there is no JSON object with a verdict, in a ```json block or on a line of its own",
    )?;
    let written: Written = serde_json::from_str(found)
        .map_err(|error| format!("the JSON is not as it was asked for: {error}"))?;
    let verdict = match written.verdict.trim().to_ascii_lowercase().as_str() {
        "approved" => Verdict::Approved,
        "concerns" => Verdict::Concerns,
        "blocker" => Verdict::Blocker,
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(format!("the verdict {other:?} is none of approved, concerns, blocker"));
        }
    };
    if written.issues.len() > ITEMS_MAX || written.recommendations.len() > ITEMS_MAX {
        return Err(format!("there are more than {ITEMS_MAX} issues or recommendations"));
    }
    if written.issues.iter().any(|issue| issue.description.trim().is_empty()) {
        return Err("an issue has no description".to_owned());
    }
    let critical = written.issues.iter().any(|issue| issue.severity == Severity::Critical);
    if verdict == Verdict::Approved && critical {
        return Err(
            "it is approved with a critical issue: say which of the two you mean".to_owned()
        );
    }
    if verdict != Verdict::Approved
        && written.summary.trim().is_empty()
        && written.issues.is_empty()
    {
        return Err("it says neither in a summary nor in an issue what is wrong".to_owned());
    }
    let Written { summary, issues, recommendations, .. } = written;
    let mut opinion = Opinion { verdict, summary, issues, recommendations, words: 0, cut: false };
    opinion.words = opinion.count();
    Ok(opinion)
}

impl Opinion {
    fn count(&self) -> usize {
        let texts = self.issues.iter().map(|issue| &issue.description);
        let texts = texts.chain([&self.summary]).chain(&self.recommendations);
        texts.map(|text| text.split_whitespace().count()).sum()
    }

    /// Shortens it to so many words: the summary first, then issues by how bad they are, then
    /// recommendations. The verdict stays.
    pub fn shorten(mut self, max: usize) -> Self {
        if self.words <= max {
            return self;
        }
        let mut left = max;
        self.issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
        // Half of it at most is summary, so that what is to be mended is not lost for it.
        self.summary = take(&self.summary, max / 2, &mut left);
        for issue in &mut self.issues {
            issue.description = take(&issue.description, max, &mut left);
        }
        self.issues.retain(|issue| !issue.description.is_empty());
        for text in &mut self.recommendations {
            *text = take(text, max, &mut left);
        }
        self.recommendations.retain(|text| !text.is_empty());
        self.cut = true;
        self
    }
}

/// The first words of a text, with a mark when some are left out.
fn take(text: &str, max: usize, left: &mut usize) -> String {
    let most = max.min(*left);
    let words: Vec<&str> = text.split_whitespace().collect();
    let taken = words.get(..most.min(words.len())).unwrap_or_default();
    *left -= taken.len();
    match (taken.is_empty(), taken.len() < words.len()) {
        (true, _) => String::new(),
        (false, true) => format!("{} …", taken.join(" ")),
        (false, false) => text.trim().to_owned(),
    }
}

/// The last JSON object of a text that has a verdict: a fenced block, a whole line, or all of it.
fn last_json(text: &str) -> Option<&str> {
    let mut found = None;
    let mut fence: Option<(usize, bool)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (begin, trimmed) = (at, line.trim());
        at += line.len();
        match (fence, trimmed.strip_prefix("```")) {
            (None, Some(language)) => {
                let language = language.trim().to_ascii_lowercase();
                fence = Some((at, language.is_empty() || language == "json"));
            }
            (Some((from, is_json)), Some(_)) => {
                let block = text.get(from..begin).filter(|_| is_json);
                found = block.filter(|block| has_verdict(block)).or(found);
                fence = None;
            }
            // Lines of a block are part of the block.
            (Some(_), None) => {}
            (None, None) => found = Some(trimmed).filter(|line| has_verdict(line)).or(found),
        }
    }
    // One that was not closed ends with the text.
    if let Some((from, true)) = fence {
        found = text.get(from..).filter(|block| has_verdict(block)).or(found);
    }
    found.or_else(|| Some(text.trim()).filter(|text| has_verdict(text)))
}

fn has_verdict(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{')
        && serde_json::from_str::<Value>(text).is_ok_and(|value| value.get("verdict").is_some())
}
