//! What is checked of a run, and what it changed, on the wire.

use orkestra_core::evidence::{Evidence, Source, Verdict};
use orkestra_host::diff::{Diff, FileDiff};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What must be found before a run's "done" is believed, and what was.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// `waiting` (the agent has not said that it is done), `checking`, `verified`, `refuted`, or
    /// `unchecked` when nothing is to be checked.
    pub state: String,
    /// Who wants it: `default`, `asked` (whoever began the run), `project` (its `.orkestra.yaml`).
    pub source: String,
    /// Which round of checks this is; 0 before the first.
    pub round: u32,
    /// The checks in their order.
    pub checks: Vec<CheckView>,
    /// The commit that Orkestra made of what the agent had left uncommitted.
    pub commit: Option<String>,
}

/// One check.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// As it is written: `changed`, `file:PATH`, `command:LINE`.
    pub check: String,
    /// What is asked, in one sentence.
    pub asks: String,
    /// Whether it passed; `null` while it is not made.
    pub passed: Option<bool>,
    /// What was found, in one sentence.
    pub detail: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The end of a command's output.
    pub output: Option<String>,
}

impl From<&Evidence> for EvidenceView {
    fn from(evidence: &Evidence) -> Self {
        let checks = evidence.checks().iter().enumerate().map(|(index, check)| {
            let result = evidence.results.get(index);
            CheckView {
                check: check.to_string(),
                asks: check.in_words(),
                passed: result.map(|result| result.passed),
                detail: result.map(|result| result.detail.clone()),
                duration_ms: result.map(|result| result.duration_ms),
                output: result.and_then(|result| result.output.clone()),
            }
        });
        let source = evidence.contract.as_ref().map_or(Source::Default, |contract| contract.source);
        Self {
            state: evidence_word(evidence).to_owned(),
            source: match source {
                Source::Default => "default",
                Source::Asked => "asked",
                Source::Project => "project",
            }
            .to_owned(),
            round: evidence.round,
            checks: checks.collect(),
            commit: evidence.commit.clone(),
        }
    }
}

/// Where the checks of a run are.
pub(crate) fn evidence_word(evidence: &Evidence) -> &'static str {
    match (evidence.checking, evidence.verdict, evidence.checks().is_empty()) {
        (true, _, _) => "checking",
        (false, Some(Verdict::Verified), _) => "verified",
        (false, Some(Verdict::Refuted), _) => "refuted",
        (false, None, true) if evidence.contract.is_some() => "unchecked",
        (false, None, _) => "waiting",
    }
}

/// How many checks there are and how they went, for lists.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct ChecksCount {
    /// All.
    pub all: usize,
    /// Made and passed.
    pub passed: usize,
    /// Made and failed.
    pub failed: usize,
}

impl From<&Evidence> for ChecksCount {
    fn from(evidence: &Evidence) -> Self {
        let failed = evidence.failed().count();
        let passed = evidence.results.len().saturating_sub(failed);
        Self { all: evidence.checks().len(), passed, failed }
    }
}

/// What a run changed, line by line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiffView {
    /// The run.
    pub run: String,
    /// Against what: `commit`, or `snapshot` for a target without git.
    pub against: String,
    /// The commit that the run began from.
    pub base: Option<String>,
    /// Files that differ, by path.
    pub files: Vec<FileDiffView>,
    /// Lines that are new, in all files.
    pub added: u64,
    /// Lines that are gone, in all files.
    pub removed: u64,
    /// Whether files or lines are left out, since there is too much.
    pub cut: bool,
}

/// One file that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FileDiffView {
    /// Its path now.
    pub path: String,
    /// Its path before, when it was renamed or copied.
    pub old_path: Option<String>,
    /// `added`, `modified`, `removed`, `renamed`, `copied`, `retyped`.
    pub status: String,
    /// Whether it is no text; then it has no hunks.
    pub binary: bool,
    /// Lines that are new.
    pub added: u32,
    /// Lines that are gone.
    pub removed: u32,
    /// Whether some of its lines are left out.
    pub cut: bool,
    /// Places where lines differ.
    pub hunks: Vec<HunkView>,
}

/// A place where lines differ.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HunkView {
    /// The first line before, from 1.
    pub old_start: u32,
    /// Lines before.
    pub old_lines: u32,
    /// The first line now, from 1.
    pub new_start: u32,
    /// Lines now.
    pub new_lines: u32,
    /// What the place is in, for example the head of a function.
    pub heading: String,
    /// The lines. The first character is a space (the same), `+` (new) or `-` (gone).
    pub lines: Vec<String>,
}

impl DiffView {
    /// As the wire has it.
    pub fn new(run: &str, base: Option<String>, diff: Diff) -> Self {
        Self {
            run: run.to_owned(),
            against: if base.is_some() { "commit" } else { "snapshot" }.to_owned(),
            base,
            added: diff.files.iter().map(|file| u64::from(file.added)).sum(),
            removed: diff.files.iter().map(|file| u64::from(file.removed)).sum(),
            cut: diff.cut,
            files: diff.files.into_iter().map(file_view).collect(),
        }
    }
}

fn file_view(file: FileDiff) -> FileDiffView {
    let hunks = file.hunks.into_iter().map(|hunk| HunkView {
        old_start: hunk.old_start,
        old_lines: hunk.old_lines,
        new_start: hunk.new_start,
        new_lines: hunk.new_lines,
        heading: hunk.heading,
        lines: hunk.lines.into_iter().map(|line| format!("{}{}", line.mark, line.text)).collect(),
    });
    FileDiffView {
        status: match file.status {
            'A' => "added",
            'D' => "removed",
            'R' => "renamed",
            'C' => "copied",
            'T' => "retyped",
            _ => "modified",
        }
        .to_owned(),
        hunks: hunks.collect(),
        path: file.path,
        old_path: file.old_path,
        binary: file.binary,
        added: file.added,
        removed: file.removed,
        cut: file.cut,
    }
}

/// A plain folder is to be put back as it was before a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// Also what somebody changed after the run.
    #[serde(default)]
    pub force: bool,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UndoView {
    /// Files that are as before the run.
    pub restored: Vec<String>,
    /// Files that somebody changed after the run; they were left as they are.
    pub conflicts: Vec<String>,
    /// Where the replaced files are now.
    pub kept_in: Option<String>,
}

/// What became of a run's work that was thrown away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiscardView {
    /// The command that brings its branch back; `null` when there was none.
    pub to_get_it_back: Option<String>,
}
