//! The next step of one merge: what git and the run say, and what follows from it.

use crate::error::Error;
use crate::evidence::{look, place};
use crate::handle::Handle;
use crate::instance::describe;
use crate::message::Message;
use orkestra_core::id::RunId;
use orkestra_core::merge::{First, Input, Merge, ROUNDS_MAX, State};
use orkestra_core::overlap::{Block, Change, Content, Loss, judge, sort_out};
use orkestra_core::run::{CheckInput, Run, RunInput, RunState, Worktree};
use orkestra_host::git;
use orkestra_host::merge::{self as work, Moved, Replayed};
use std::path::Path;

/// Files told to a person or an agent.
const FILES_MAX: usize = 50;

/// Git's own lock: who has it is at work just now.
const LOCK: &str = "index.lock";

/// What follows from a look; nothing while it has to wait.
type Step = Result<Option<Input>, Stop>;

/// Why a step cannot be made.
enum Stop {
    /// A person has to look.
    Person(String),
    /// Somebody else's git is at work there; it is tried again.
    Later,
    /// The daemon cannot now.
    Error(Error),
}

impl From<git::Error> for Stop {
    fn from(error: git::Error) -> Self {
        let why = describe(&error);
        if why.contains(LOCK) {
            return Self::Later;
        }
        Self::Person(why)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn stopped(why: String) -> Input {
    Input::Stopped { why, files: Vec::new(), losses: Vec::new() }
}

/// What follows for this merge now; nothing while it has to wait.
///
/// # Errors
/// The daemon cannot look, or is going down; it is tried again.
pub(super) async fn next(handle: &Handle, merge: &Merge) -> Result<Option<Input>, Error> {
    let step = match merge.state {
        State::Waiting => waiting(handle, merge).await,
        State::Rebasing => rebasing(handle, merge).await,
        State::Checking => checking(handle, merge).await,
        State::Conflict => conflict(handle, merge).await,
        State::Person | State::Merged | State::Refused | State::Undone => Ok(None),
    };
    match step {
        Ok(input) => Ok(input),
        Err(Stop::Person(why)) => Ok(Some(stopped(why))),
        Err(Stop::Later) => {
            tracing::debug!(merge = %merge.id, "Git is at work there just now; it is tried again.");
            Ok(None)
        }
        Err(Stop::Error(error)) => Err(error),
    }
}

/// The tip of the branch that work is put into.
async fn tip(merge: &Merge) -> Result<String, Stop> {
    let found = git::tip_of(Path::new(&merge.target), &merge.into).await?;
    found.ok_or_else(|| Stop::Person(format!("there is no branch {} any more.", merge.into)))
}

/// What was wanted is so already: a daemon died between doing it and writing it down.
async fn is_in(merge: &Merge, tip: &str) -> Result<Option<Input>, Stop> {
    let (Some(result), Some(onto)) = (&merge.result, &merge.onto) else { return Ok(None) };
    if result == onto || !work::contains(Path::new(&merge.target), tip, result).await? {
        return Ok(None);
    }
    Ok(Some(Input::Done { commit: result.clone(), before: onto.clone() }))
}

/// Its run, with its worktree.
async fn run_of(handle: &Handle, merge: &Merge) -> Result<Option<(Run, Worktree)>, Stop> {
    let Some(id) = merge.run else { return Ok(None) };
    let run = handle.stored_run(id).await?;
    let worktree = run.worktree.clone().filter(|worktree| !worktree.is_plain());
    let worktree =
        worktree.ok_or_else(|| Stop::Person("its run has no worktree of its own.".to_owned()))?;
    Ok(Some((run, worktree)))
}

/// Whether the run's work may be put in; nothing while it is not known yet.
fn is_good(run: &Run) -> Option<Result<(), String>> {
    if !run.is_over() {
        return None;
    }
    Some(match run.state {
        RunState::Verified => Ok(()),
        // Whoever asked for no evidence gets no verdict.
        RunState::Reported if run.evidence.checks().is_empty() => Ok(()),
        _ => Err(format!("its run is {}: {}", run.state_word(), run.why())),
    })
}

async fn waiting(handle: &Handle, merge: &Merge) -> Step {
    let target = Path::new(&merge.target);
    if merge.into.is_empty() {
        return Ok(Some(match work::branch_of(target).await {
            Some(into) => Input::Named { into },
            None => stopped(format!("no branch is checked out in {}.", merge.target)),
        }));
    }
    let onto = tip(merge).await?;
    if let Some(done) = is_in(merge, &onto).await? {
        return Ok(Some(done));
    }
    if merge.rounds >= ROUNDS_MAX {
        let why = format!("the branch {} moved {} times meanwhile.", merge.into, merge.rounds);
        return Ok(Some(stopped(why)));
    }
    if let Some((run, _)) = run_of(handle, merge).await? {
        match is_good(&run) {
            None => return Ok(None),
            Some(Err(why)) => return Ok(Some(stopped(why))),
            Some(Ok(())) => {}
        }
    }
    let source = git::tip_of(target, &merge.from).await?;
    let Some(source) = source else {
        return Ok(Some(stopped(format!("there is no branch {} any more.", merge.from))));
    };
    if work::contains(target, &onto, &source).await? {
        return Ok(Some(Input::Done { commit: source, before: onto }));
    }
    let base = work::merge_base(target, &source, &onto).await?;
    let committer = look::identity(&merge.id.short());
    let result = if base == onto {
        source.clone()
    } else {
        match work::replay(target, &base, &source, &onto, &committer).await? {
            Replayed::Done(result) => result,
            Replayed::Conflict { files, .. } => {
                let first = First { base, source };
                return Ok(Some(in_conflict(merge, files, first)));
            }
        }
    };
    if let Some(losses) = lost(merge, [&base, &source, &onto, &result]).await?
        && !merge.accepted
    {
        let why = format!(
            "putting it upon {} would lose something, first: {}",
            merge.into,
            losses.first().map(Loss::in_words).unwrap_or_default()
        );
        return Ok(Some(Input::Stopped { why, files: Vec::new(), losses }));
    }
    // So that git never tidies away what it was before.
    git::keep_commit(target, &format!("merges/{}/source", merge.id), &source).await?;
    git::keep_commit(target, &format!("merges/{}/result", merge.id), &result).await?;
    Ok(Some(Input::Planned { base, source, onto, result }))
}

fn in_conflict(merge: &Merge, mut files: Vec<String>, first: First) -> Input {
    files.truncate(FILES_MAX);
    let list = files.join(", ");
    if merge.may_tell() {
        let why = format!("{} changed in the same places meanwhile: {list}.", merge.into);
        return Input::Told { why, files, first: Some(first) };
    }
    let why = format!("both sides changed the same places of {list}.");
    Input::Stopped { why, files, losses: Vec::new() }
}

fn change(entry: work::Entry) -> Change {
    let content = |pair: Option<(String, String)>| pair.map(|(mode, id)| Content { id, mode });
    Change {
        path: entry.path,
        old_path: entry.old_path,
        before: content(entry.before),
        after: content(entry.after),
    }
}

/// What the result lost of either side; nothing when all is there. Work that met a conflict before is
/// compared as it was then: its author settled the conflict and may have added to it.
async fn lost(
    merge: &Merge,
    [base, source, onto, result]: [&String; 4],
) -> Result<Option<Vec<Loss>>, Stop> {
    let free = merge.first.is_some();
    let (base, source) = match &merge.first {
        Some(first) => (&first.base, &first.source),
        None => (base, source),
    };
    if result == source {
        return Ok(None);
    }
    let target = Path::new(&merge.target);
    let losses = compare(target, [base, source, onto, result], free).await?;
    Ok((!losses.is_empty()).then_some(losses))
}

/// What is wrong with a result: the base, our side, their side, and what was made of them.
pub(super) async fn compare(
    target: &Path,
    [base, source, onto, result]: [&str; 4],
    free: bool,
) -> Result<Vec<Loss>, git::Error> {
    let list = async |to: &str| {
        let entries = work::changes(target, base, to).await?;
        Ok::<Vec<Change>, git::Error>(entries.into_iter().map(change).collect())
    };
    let (ours, theirs, made) = (list(source).await?, list(onto).await?, list(result).await?);
    let (mut losses, looks) = sort_out(&ours, &theirs, &made, free);
    for found in looks {
        let path = found.paths.iter().next().cloned().unwrap_or_default();
        let mut texts = Vec::new();
        for ids in [&found.base, &found.ours, &found.theirs, &found.result] {
            texts.push(work::look(target, ids).await?);
        }
        let texts: Option<Vec<String>> = texts.into_iter().collect();
        let Some([old, our, their, new]) = texts.as_deref().and_then(|all| all.as_array::<4>())
        else {
            losses.push(Loss::Unsure { path });
            continue;
        };
        let (ours, theirs, made) = (blocks(old, our), blocks(old, their), blocks(old, new));
        losses.extend(judge(&path, &ours, &theirs, &made, free));
    }
    losses.truncate(FILES_MAX);
    Ok(losses)
}

fn blocks(old: &str, new: &str) -> Vec<Block> {
    work::blocks_of(old, new)
        .into_iter()
        .map(|place| Block { start: place.start, removed: place.removed, added: place.added })
        .collect()
}

async fn rebasing(handle: &Handle, merge: &Merge) -> Step {
    let now = tip(merge).await?;
    if let Some(done) = is_in(merge, &now).await? {
        return Ok(Some(done));
    }
    let (Some(source), Some(onto), Some(result)) = (&merge.source, &merge.onto, &merge.result)
    else {
        return Ok(Some(Input::Again { why: "it is not known what it was put upon.".to_owned() }));
    };
    let Some((run, worktree)) = run_of(handle, merge).await? else {
        return Ok(Some(Input::Placed));
    };
    if worktree.base == *onto {
        // Its evidence was looked at there, or is.
        return Ok(Some(Input::Placed));
    }
    if !run.is_over() {
        return Ok(Some(Input::Again { why: "its run goes on.".to_owned() }));
    }
    place::ready(&run).await.map_err(Stop::Person)?;
    let checkout = look::checkout(&run, &worktree).await.map_err(Stop::Person)?;
    if checkout.branch().await.as_deref() != Some(worktree.branch.as_str()) {
        return Err(Stop::Person(format!(
            "its worktree is not on its branch {} any more.",
            worktree.branch
        )));
    }
    let target = Path::new(&merge.target);
    let head = git::tip_of(target, &worktree.branch).await?;
    if head.as_ref() != Some(result) {
        let left = look::identity(&merge.id.short());
        let message = "What was left in the worktree after the checks";
        // What nobody committed was not checked: it is kept aside, and not put in.
        if let Some(commit) = checkout.commit_all(&left, message).await? {
            git::keep_commit(target, &format!("merges/{}/left", merge.id), &commit).await?;
        } else if head.as_ref() != Some(source) {
            let kept = format!("refs/orkestra/merges/{}/left", merge.id);
            if git::commit_of(target, &kept).await? != head {
                return Ok(Some(Input::Again { why: "its branch changed meanwhile.".to_owned() }));
            }
        }
    }
    checkout.put_on(result).await?;
    handle.rebase_run(run.id, onto, source, result).await?;
    Ok(Some(Input::Placed))
}

async fn checking(handle: &Handle, merge: &Merge) -> Step {
    let now = tip(merge).await?;
    if let Some(done) = is_in(merge, &now).await? {
        return Ok(Some(done));
    }
    let (Some(onto), Some(result)) = (&merge.onto, &merge.result) else {
        return Ok(Some(Input::Again { why: "it is not known what it was put upon.".to_owned() }));
    };
    let target = Path::new(&merge.target);
    if let Some((run, _)) = run_of(handle, merge).await? {
        match is_good(&run) {
            None => return Ok(None),
            Some(Ok(())) => {}
            Some(Err(why)) => return Ok(Some(refuted(merge, &run, &why))),
        }
        if git::tip_of(target, &merge.from).await?.as_ref() != Some(result) {
            return Ok(Some(Input::Again { why: "its branch changed meanwhile.".to_owned() }));
        }
    } else if let Some(session) = merge.session.filter(|_| merge.source.as_ref() != Some(result)) {
        // What the session was verified with holds upon what is there now, too, or a person is asked.
        let session = handle.session(session).await?;
        let key = format!("merge:{}:check:{}", merge.id, merge.rounds);
        match crate::session::done::integration(handle, &session, result, key).await? {
            None => return Ok(None),
            Some(Ok(_)) => {}
            Some(Err(why)) => return Ok(Some(stopped(format!("upon {}: {why}", merge.into)))),
        }
    }
    git::keep_commit(target, &format!("merges/{}/before", merge.id), onto).await?;
    match work::forward(target, &merge.into, onto, result).await? {
        Moved::Done => Ok(Some(Input::Done { commit: result.clone(), before: onto.clone() })),
        Moved::Elsewhere => {
            Ok(Some(Input::Again { why: format!("the branch {} moved meanwhile.", merge.into) }))
        }
        Moved::InTheWay(said) if said.contains(LOCK) => Err(Stop::Later),
        Moved::InTheWay(said) => {
            let why = format!(
                "what is not committed is in the way where {} is checked out. Commit or put aside what \
                 git names, and: orkestra merge retry {}. Git says: {said}",
                merge.into,
                merge.id.short()
            );
            Ok(Some(stopped(why)))
        }
    }
}

/// Its evidence does not hold upon what was merged meanwhile.
fn refuted(merge: &Merge, run: &Run, why: &str) -> Input {
    let files = Vec::new();
    if merge.may_tell() && matches!(run.state, RunState::Refuted { .. }) {
        let why = format!("upon {} its evidence is not found any more: {why}", merge.into);
        return Input::Told { why, files, first: None };
    }
    stopped(format!("upon {}, {why}", merge.into))
}

/// Its author puts its work upon what is there now, by itself.
async fn conflict(handle: &Handle, merge: &Merge) -> Step {
    let Some((run, _)) = run_of(handle, merge).await? else {
        return Ok(Some(stopped("both sides changed the same places.".to_owned())));
    };
    let key = format!("merge:{}:{}:{}", merge.id, merge.rounds, merge.told);
    let told = run.instructions.iter().find(|known| known.key == key);
    let Some(told) = told else {
        let onto = tip(merge).await?;
        let text = instruction(merge, &onto);
        return match handle.instruct(run.id, text, key, "merge").await {
            Ok(_) => Ok(None),
            Err(Error::RunRefused(why)) => {
                Ok(Some(stopped(format!("its author cannot be told of the conflict: {why}"))))
            }
            Err(error) => Err(error.into()),
        };
    };
    if told.attempt.is_none() {
        return Ok(None);
    }
    Ok(match is_good(&run) {
        None => None,
        Some(Ok(())) => Some(Input::Again { why: "its author is done with it.".to_owned() }),
        Some(Err(why)) => Some(stopped(format!("after it was told of the conflict, {why}"))),
    })
}

/// What its author is told.
fn instruction(merge: &Merge, onto: &str) -> String {
    let why = merge.why.clone().unwrap_or_default();
    let files = if merge.conflicts.is_empty() {
        String::new()
    } else {
        format!("\n\nFiles with conflicts:\n- {}", merge.conflicts.join("\n- "))
    };
    format!(
        "Your work cannot be put into the branch {into} as it is: {why}{files}\n\n\
         Put it upon the commit {onto} yourself, in this worktree:\n\
         1. git rebase {onto}\n\
         2. Settle each conflict so that what both sides meant is kept. Every line that the others \
         added must still be there: it is checked line by line afterwards.\n\
         3. git add the files, git -c core.editor=true rebase --continue, until the rebase is over.\n\
         4. See that everything still works, and commit what you had to change.\n\n\
         Stay on your own branch, and do not touch any other branch. Then say in a few words how you \
         settled each conflict.",
        into = merge.into,
    )
}

impl Handle {
    /// The work of a run was put upon another commit: what it changed is told from there on, and its
    /// evidence is looked at again.
    async fn rebase_run(&self, id: RunId, base: &str, from: &str, to: &str) -> Result<Run, Error> {
        let _one_at_a_time = self.view.taking_up.lock().await;
        let run = self.stored_run(id).await?;
        let has = run.worktree.as_ref().is_some_and(|worktree| worktree.base == base);
        if has || !run.is_over() {
            return Ok(run);
        }
        let input = RunInput::Check(CheckInput::Rebased {
            base: base.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        });
        self.ask(|reply| Message::TakeUpRun {
            run: Box::new(run),
            input,
            actor: "merge".to_owned(),
            reply: Some(reply),
        })
        .await
    }
}
