//! Merges, and where the work of runs meets, on the wire.

use orkestra_core::merge::Merge;
use orkestra_core::overlap::{Loss, Met};
use orkestra_engine::Overlap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Work that is put into a branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MergeView {
    /// Its id.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// The run whose work it is; `null` for a whole session's.
    pub run: Option<String>,
    /// Its task.
    pub task: Option<String>,
    /// Its session.
    pub session: Option<String>,
    /// The repository.
    pub target: String,
    /// The branch whose commits are put in.
    pub from: String,
    /// The branch that they are put into.
    pub into: String,
    /// `waiting`, `rebasing`, `checking`, `conflict` (its author was told), `person` (look at it),
    /// `merged`, `refused` (given up), `undone`.
    pub state: String,
    /// Why, in words.
    pub why: Option<String>,
    /// The newest commit of the work before it was put upon the branch.
    pub source: Option<String>,
    /// What it is put upon; the branch's tip before, when it is in.
    pub onto: Option<String>,
    /// The commit that the branch ends in, when it is in.
    pub commit: Option<String>,
    /// Files that both sides changed in the same place.
    pub conflicts: Vec<String>,
    /// What would be lost.
    pub losses: Vec<LossView>,
    /// Who wants it.
    pub by: String,
    /// When it was asked for (RFC 3339).
    pub created_at: String,
    /// When it was over (RFC 3339).
    pub ended_at: Option<String>,
    /// The same by command.
    pub cli: String,
}

/// Something that a result lacks, or has although a side removed it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LossView {
    /// `missing`, `back`, `differs`, `unsure`.
    pub kind: String,
    /// Which file.
    pub path: String,
    /// Which line, if it is about one.
    pub line: Option<String>,
    /// In words.
    pub says: String,
}

/// Merges, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MergeList {
    /// The page.
    pub merges: Vec<MergeView>,
}

/// A merge as asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// Whose work: the id of a run, a task or a session, or its end.
    pub of: String,
    /// Into which branch; without it the one that is checked out in the target, and for a part of a
    /// session that session's own.
    #[serde(default)]
    pub into: Option<String>,
}

/// A person lets a merge be tried again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRetry {
    /// Whether its result is taken as it is, although something of a side is missing in it.
    #[serde(default)]
    pub accept: bool,
}

/// A file that two runs changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MetView {
    /// Its path.
    pub path: String,
    /// Whether both changed the same lines.
    pub hot: bool,
    /// First and last line of where both began, from 1; none for a whole file.
    pub lines: Vec<(u32, u32)>,
}

/// Two runs whose work meets, and is not merged yet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverlapView {
    /// The run that began first.
    pub one: String,
    /// The other.
    pub other: String,
    /// The first one's task.
    pub one_task: Option<String>,
    /// The other one's task.
    pub other_task: Option<String>,
    /// The agent of the first.
    pub one_agent: String,
    /// The agent of the other.
    pub other_agent: String,
    /// The repository.
    pub target: String,
    /// `soft`: the same file. `hot`: the same lines.
    pub level: String,
    /// Where.
    pub files: Vec<MetView>,
}

/// Where the work of runs meets now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverlapList {
    /// All of them, the newest runs first.
    pub overlaps: Vec<OverlapView>,
}

impl From<&Merge> for MergeView {
    fn from(merge: &Merge) -> Self {
        let text = |id: Option<String>| id;
        Self {
            id: merge.id.to_string(),
            short: merge.id.short(),
            run: text(merge.run.map(|id| id.to_string())),
            task: text(merge.task.map(|id| id.to_string())),
            session: text(merge.session.map(|id| id.to_string())),
            target: merge.target.clone(),
            from: merge.from.clone(),
            into: merge.into.clone(),
            state: merge.state.as_str().to_owned(),
            why: merge.why.clone(),
            source: merge.source.clone(),
            onto: merge.onto.clone(),
            commit: merge.result.clone(),
            conflicts: merge.conflicts.clone(),
            losses: merge.losses.iter().map(LossView::from).collect(),
            by: merge.by.clone(),
            created_at: merge.created_at.to_string(),
            ended_at: merge.ended_at.map(|at| at.to_string()),
            cli: format!("orkestra merge show {}", merge.id.short()),
        }
    }
}

impl From<&Loss> for LossView {
    fn from(loss: &Loss) -> Self {
        let (kind, path, line) = match loss {
            Loss::Missing { path, line } => ("missing", path, Some(line.clone())),
            Loss::Back { path, line } => ("back", path, Some(line.clone())),
            Loss::Differs { path } => ("differs", path, None),
            Loss::Unsure { path } => ("unsure", path, None),
        };
        Self { kind: kind.to_owned(), path: path.clone(), line, says: loss.in_words() }
    }
}

impl From<&Met> for MetView {
    fn from(met: &Met) -> Self {
        let hot = met.level == orkestra_core::overlap::Level::Hot;
        Self { path: met.path.clone(), hot, lines: met.lines.clone() }
    }
}

impl From<&Overlap> for OverlapView {
    fn from(overlap: &Overlap) -> Self {
        Self {
            one: overlap.one.to_string(),
            other: overlap.other.to_string(),
            one_task: overlap.one_task.map(|id| id.to_string()),
            other_task: overlap.other_task.map(|id| id.to_string()),
            one_agent: overlap.agents.0.clone(),
            other_agent: overlap.agents.1.clone(),
            target: overlap.target.clone(),
            level: overlap.level.as_str().to_owned(),
            files: overlap.files.iter().map(MetView::from).collect(),
        }
    }
}
