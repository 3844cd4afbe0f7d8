//! What is there: facts for the checks, and the files that differ.

use super::place;
use crate::instance::describe;
use crate::options::Options;
use orkestra_core::evidence::{Check, Facts, FileFacts, Looked, ToolFacts, declared_in};
use orkestra_core::run::{ChangedFile, Run, Worktree};
use orkestra_host::git::{Checkout, Identity};
use orkestra_host::{inside, snapshot};
use orkestra_store::Filter;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file in which a text is looked for may have so many bytes.
const SEARCHED_MAX: u64 = 64 << 20;

/// Files of one list at most.
const FILES_MAX: usize = 5_000;

/// Events that are read at once when tool calls are counted.
const EVENTS: usize = 1_000;

/// Whose commits are made for a run.
pub(super) fn ours(run: &Run) -> Identity {
    identity(&format!("run {}", run.id.short()))
}

/// Who commits for Orkestra; the address tells these commits from all others.
pub(crate) fn identity(of: &str) -> Identity {
    Identity { name: format!("Orkestra {of}"), email: "run@orkestra.localhost".to_owned() }
}

/// The run's worktree as git knows it.
pub(crate) async fn checkout(run: &Run, worktree: &Worktree) -> Result<Checkout, String> {
    let (target, work) = (Path::new(&run.target), Path::new(&worktree.path));
    Checkout::of(target, work).await.map_err(|error| describe(&error))
}

/// Commits what the agent left, on the run's branch only.
pub(super) async fn commit(run: &Run) -> Result<Option<String>, String> {
    let Some(worktree) = run.worktree.as_ref().filter(|worktree| !worktree.is_plain()) else {
        return Ok(None);
    };
    let checkout = checkout(run, worktree).await?;
    let branch = checkout.branch().await;
    if branch.as_deref() != Some(worktree.branch.as_str()) {
        return Err(format!(
            "the worktree is on {}, not on the run's branch {}",
            branch.as_deref().unwrap_or("no branch"),
            worktree.branch
        ));
    }
    let message = format!(
        "What run {} by {} left uncommitted\n\nCommitted by Orkestra before its checks.\n\nOrkestra-Run: {}",
        run.id.short(),
        run.agent,
        run.id
    );
    checkout.commit_all(&ours(run), &message).await.map_err(|error| describe(&error))
}

/// Gathers what the run's checks need. `not_committed` is why the agent's work could not be
/// committed.
pub(super) async fn facts(options: &Options, run: &Run, not_committed: Option<String>) -> Facts {
    let Some(worktree) = &run.worktree else { return Facts::unknown("the run has no worktree.") };
    let mut facts = Facts::unknown("there is no git.");
    facts.changed = match changed(options, run).await {
        Ok(files) => Ok(files.into_iter().map(|file| file.path).collect()),
        Err(why) => Err(why),
    };
    if !worktree.is_plain() {
        match checkout(run, worktree).await {
            Ok(checkout) => {
                facts.uncommitted = match not_committed {
                    Some(why) => Err(format!("what the agent left could not be committed: {why}.")),
                    None => uncommitted(&checkout).await,
                };
                let count = checkout.commits(&worktree.base, &worktree.branch, &ours(run)).await;
                facts.commits = count.map_err(|error| describe(&error));
            }
            Err(why) => (facts.uncommitted, facts.commits) = (Err(why.clone()), Err(why)),
        }
    }
    let checks = run.evidence.checks();
    if checks.iter().any(|check| matches!(check, Check::Tool { .. })) {
        match tools(options, run).await {
            Ok(tools) => facts.tools = tools,
            Err(error) => tracing::error!(%error, "Tool calls of a run cannot be counted."),
        }
    }
    let (root, checks) = (PathBuf::from(&worktree.path), checks.to_vec());
    let read = tokio::task::spawn_blocking(move || {
        let files: BTreeMap<String, Looked<FileFacts>> = checks
            .iter()
            .filter(|check| matches!(check, Check::File { .. }))
            .map(|check| (check.to_string(), file(&root, check)))
            .collect();
        let declared = checks.iter().find_map(|check| match check {
            Check::Tests { declared_in: name, .. } => Some(name.clone()),
            _ => None,
        });
        let tests = declared.map(|name| {
            let found = place::project(&root)?;
            Ok(declared_in(&found.folder, &name).map(|declared| declared.text))
        });
        (files, tests)
    });
    if let Ok((files, tests)) = read.await {
        facts.files = files;
        facts.tests_text = tests.unwrap_or(Ok(None));
    }
    facts
}

async fn uncommitted(checkout: &Checkout) -> Looked<Vec<String>> {
    let files = checkout.uncommitted().await.map_err(|error| describe(&error))?;
    Ok(files.into_iter().map(|file| file.path).collect())
}

/// Files that differ from where the run began.
async fn changed(options: &Options, run: &Run) -> Looked<Vec<ChangedFile>> {
    let worktree = run.worktree.as_ref().ok_or("the run has no worktree.")?;
    let Some(kept) = &worktree.snapshot else {
        let checkout = checkout(run, worktree).await?;
        let files = checkout.changed_since(&worktree.base).await;
        let files = files.map_err(|error| describe(&error))?;
        return Ok(files
            .into_iter()
            .map(|file| ChangedFile { path: file.path, status: file.status })
            .collect());
    };
    let (kept, now) = (PathBuf::from(kept), PathBuf::from(&worktree.path));
    // Later looks must not take what others did since for the run's own.
    let after = (run.ended_at.is_none()).then(|| place::after(&options.home, run.id));
    let compared = tokio::task::spawn_blocking(move || {
        let changes = snapshot::changes(&kept, &now).map_err(|error| describe(&error))?;
        if let Some(after) = after {
            place::remember(&after, &now, &changes).map_err(|error| describe(&error))?;
        }
        Ok::<_, String>(changes)
    });
    let changes: Vec<snapshot::Change> = compared.await.map_err(|error| describe(&error))??;
    Ok(changes
        .into_iter()
        .map(|change| ChangedFile {
            path: change.path.to_string_lossy().into_owned(),
            status: change.status.to_string(),
        })
        .collect())
}

/// Files that differ, for the run's own list; nothing when nobody can tell.
pub(crate) async fn files(options: &Options, run: &Run) -> Option<Vec<ChangedFile>> {
    match changed(options, run).await {
        Ok(mut files) => {
            files.truncate(FILES_MAX);
            Some(files)
        }
        Err(why) => {
            tracing::warn!(run = %run.id, why, "The changes of a run cannot be listed.");
            None
        }
    }
}

/// What is known of the file that a check asks for.
fn file(root: &Path, check: &Check) -> Looked<FileFacts> {
    use std::io::{ErrorKind, Read};
    let Check::File { path, contains, sha256 } = check else { return Ok(FileFacts::default()) };
    let failed = |error: std::io::Error| format!("{path}: {error}.");
    let mut file = match inside::open(root, path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(FileFacts::default());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut found = FileFacts { exists: true, ..FileFacts::default() };
    if let Some(text) = contains {
        let mut bytes = Vec::new();
        file.take(SEARCHED_MAX).read_to_end(&mut bytes).map_err(failed)?;
        let text = text.as_bytes();
        found.contains = text.is_empty() || bytes.windows(text.len()).any(|part| part == text);
    } else if sha256.is_some() {
        found.sha256 = Some(snapshot::digest(&mut file).map_err(failed)?);
    }
    Ok(found)
}

/// The agent's tool calls, from the journal: what it said, not what is left of it.
async fn tools(
    options: &Options,
    run: &Run,
) -> Result<BTreeMap<String, ToolFacts>, orkestra_store::Error> {
    let subject = run.id.to_string();
    options
        .store
        .read(move |read| {
            let kinds = ["run.tool_call", "run.tool_result", "run.permission_denied"];
            let mut filter = Filter {
                kinds: kinds.map(str::to_owned).to_vec(),
                subject: Some(subject.clone()),
                limit: EVENTS,
                ..Filter::default()
            };
            // Names of calls by their id, until their result is known.
            let mut open: BTreeMap<String, String> = BTreeMap::new();
            let mut tools: BTreeMap<String, ToolFacts> = BTreeMap::new();
            loop {
                let events = read.events(&filter)?;
                for event in &events {
                    let Some(body) = &event.body else { continue };
                    let text = |key: &str| body.get(key).and_then(|value| value.as_str());
                    match event.kind.as_str() {
                        "run.tool_call" => {
                            let name = text("name").unwrap_or_default().to_owned();
                            tools.entry(name.clone()).or_default().called += 1;
                            open.insert(text("id").unwrap_or_default().to_owned(), name);
                        }
                        "run.tool_result" => {
                            let name = open.remove(text("id").unwrap_or_default());
                            let failed = body.get("is_error").and_then(|value| value.as_bool());
                            if let (Some(name), Some(true)) = (name, failed) {
                                tools.entry(name).or_default().failed += 1;
                            }
                        }
                        _ => {
                            let name = text("tool_id").and_then(|id| open.remove(id));
                            if let Some(name) = name {
                                tools.entry(name).or_default().failed += 1;
                            }
                        }
                    }
                }
                match events.last() {
                    Some(last) if events.len() == EVENTS => filter.after_seq = Some(last.seq),
                    _ => return Ok(tools),
                }
            }
        })
        .await
}
