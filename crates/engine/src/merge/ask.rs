//! What people and the rest of the daemon may ask of merges.

use super::{parse, put};
use crate::error::Error;
use crate::handle::Handle;
use crate::instance::describe;
use orkestra_core::id::{MergeId, RunId};
use orkestra_core::merge::{Input, Merge, State, create};
use orkestra_core::run::{Run, RunState};
use orkestra_core::session::{Session, SessionState};
use orkestra_host::git;
use orkestra_host::merge::{self as work, Moved};
use orkestra_store::Write;
use std::path::{Path, PathBuf};

/// Whose work is put in.
enum Whose {
    Run(Box<Run>),
    Session(Box<Session>),
}

fn refused(why: String) -> Error {
    Error::MergeRefused(why)
}

impl Handle {
    /// Puts the work of a run, a task or a session into a branch: the one that is named, else for a
    /// part of a session that session's, else the one that is checked out in the target. Asking again
    /// while it is under way gives that merge.
    ///
    /// # Errors
    /// Nothing has such an id, the work is not verified, there is no such branch.
    pub async fn merge(&self, of: &str, into: Option<String>, actor: &str) -> Result<Merge, Error> {
        let mut merge = match self.whose(of).await? {
            Whose::Run(run) => {
                let from = mergeable(&run)?;
                let mut merge = blank(self, &run.target, from, actor);
                (merge.run, merge.task) = (Some(run.id), run.belongs.task);
                merge.session = run.belongs.session;
                if let Some(session) = run.belongs.session {
                    merge.into = self.session(session).await?.branch;
                }
                merge
            }
            Whose::Session(session) => {
                if session.state != SessionState::Verified {
                    return Err(refused(format!(
                        "session {} is {}. Only the result of a verified one is put in.",
                        session.id.short(),
                        session.state.word()
                    )));
                }
                of_session(self, &session, actor)
            }
        };
        let target = PathBuf::from(&merge.target);
        match into {
            Some(into) => merge.into = into,
            None if merge.into.is_empty() => {
                merge.into = work::branch_of(&target).await.ok_or_else(|| {
                    refused(format!(
                        "no branch is checked out in {}. Say which: orkestra merge {of} --into BRANCH",
                        merge.target
                    ))
                })?;
            }
            None => {}
        }
        if merge.into == merge.from {
            return Err(refused(format!("{} is its own branch", merge.into)));
        }
        let tip = git::tip_of(&target, &merge.into).await;
        if tip.map_err(|error| refused(describe(&error)))?.is_none() {
            let (into, target) = (&merge.into, &merge.target);
            return Err(refused(format!("there is no branch {into} in {target}")));
        }
        let actor = actor.to_owned();
        let written = self.store.write(move |tx| begin(tx, merge.clone(), &actor)).await;
        written.map(|done| done.value).map_err(Error::Store)
    }

    /// What this is the end of the id of.
    async fn whose(&self, text: &str) -> Result<Whose, Error> {
        let wanted = text.to_owned();
        let read = self.store.read(move |read| {
            let runs = read.run_by_suffix(&wanted)?;
            Ok((runs, read.task_by_suffix(&wanted)?, read.session_by_suffix(&wanted)?))
        });
        let (runs, tasks, sessions) = read.await.map_err(Error::Store)?;
        match (runs.as_slice(), tasks.as_slice(), sessions.as_slice()) {
            ([run], [], []) => Ok(Whose::Run(Box::new(crate::run::from_row(run)?))),
            ([], [task], []) => {
                let task = crate::task::parse(task).map_err(Error::Store)?;
                let Some(run) = task.runs.last() else {
                    return Err(refused(format!("nobody worked on {} yet", task.named())));
                };
                Ok(Whose::Run(Box::new(self.stored_run(*run).await?)))
            }
            ([], [], [session]) => {
                let session = crate::session::from_row(session).map_err(Error::Store)?;
                Ok(Whose::Session(Box::new(session)))
            }
            ([], [], []) => Err(Error::UnknownRun(text.to_owned())),
            _ => Err(refused(format!("several ids end in {text}; give more of it"))),
        }
    }

    /// The merge whose id is this or ends like this.
    ///
    /// # Errors
    /// None, or several.
    pub async fn find_merge(&self, text: &str) -> Result<Merge, Error> {
        let wanted = text.to_owned();
        let rows = self.store.read(move |read| read.merge_by_suffix(&wanted)).await;
        match rows.map_err(Error::Store)?.as_slice() {
            [row] => parse(row).map_err(Error::Store),
            [] => Err(Error::UnknownMerge(text.to_owned())),
            several => Err(refused(format!(
                "{} merges have an id that ends in {text}; give more of it",
                several.len()
            ))),
        }
    }

    /// Merges, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn merges(&self, limit: usize) -> Result<Vec<Merge>, Error> {
        let read = self
            .store
            .read(move |read| read.merges(limit)?.iter().map(parse).collect::<Result<Vec<_>, _>>());
        read.await.map_err(Error::Store)
    }

    /// The merges of a run, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn merges_of_run(&self, run: RunId) -> Result<Vec<Merge>, Error> {
        let read = self.store.read(move |read| {
            read.merges_of_run(run)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// A merge that stopped at a person is tried again; with `accept` its result is taken as it is,
    /// although something of a side is missing in it.
    ///
    /// # Errors
    /// Unknown merge, or one that does not wait for a person.
    pub async fn retry_merge(
        &self,
        id: MergeId,
        accept: bool,
        actor: &str,
    ) -> Result<Merge, Error> {
        self.merge_input(id, Input::Retry { accept }, actor).await?.map_err(refused)
    }

    /// A merge is not wanted any more; the work stays on its branch.
    ///
    /// # Errors
    /// Unknown merge, or one that is over.
    pub async fn cancel_merge(&self, id: MergeId, actor: &str) -> Result<Merge, Error> {
        let why = format!("{actor} gave it up");
        self.merge_input(id, Input::GiveUp { why }, actor).await?.map_err(refused)
    }

    /// Takes a merge out again: its branch ends where it ended before. The work stays on its own
    /// branch, and its commits under `refs/orkestra/merges/`.
    ///
    /// # Errors
    /// Unknown merge, one that is not in, one upon which others were put, or what is not committed
    /// where the branch is checked out is in the way.
    pub async fn undo_merge(&self, id: MergeId, actor: &str) -> Result<Merge, Error> {
        let row = self.store.read(move |read| read.merge(id)).await.map_err(Error::Store)?;
        let merge = row.as_ref().map(parse).transpose().map_err(Error::Store)?;
        let merge = merge.ok_or_else(|| Error::UnknownMerge(id.to_string()))?;
        let short = merge.id.short();
        let (State::Merged, Some(result), Some(before)) = (merge.state, &merge.result, &merge.onto)
        else {
            let word = merge.state.as_str();
            return Err(refused(format!(
                "merge {short} is {word}. Only one that is in can be taken out again."
            )));
        };
        if result == before {
            return Err(refused(format!("merge {short} changed nothing: its work was in already")));
        }
        let target = Path::new(&merge.target);
        let moved = work::back(target, &merge.into, result, before).await;
        match moved.map_err(|error| refused(describe(&error)))? {
            Moved::Done => {}
            Moved::Elsewhere => {
                return Err(refused(format!(
                    "{into} does not end in merge {short} any more; what came after it would be lost. \
                     Undo later merges first, or make a commit that takes it back: git -C {target} \
                     revert {before}..{result}",
                    into = merge.into,
                    target = merge.target,
                )));
            }
            Moved::InTheWay(said) => {
                return Err(refused(format!(
                    "what is not committed is in the way where {} is checked out. Git says: {said}",
                    merge.into
                )));
            }
        }
        self.merge_input(id, Input::Undone, actor).await?.map_err(refused)
    }
}

/// The branch of a run whose work may be put in.
fn mergeable(run: &Run) -> Result<String, Error> {
    let short = run.id.short();
    let Some(worktree) = run.worktree.as_ref().filter(|worktree| !worktree.is_plain()) else {
        return Err(refused(format!(
            "run {short} has no branch of its own: it worked in {} itself",
            run.target
        )));
    };
    let advice = match run.state {
        RunState::Verified => return Ok(worktree.branch.clone()),
        RunState::Reported if run.is_over() && run.evidence.checks().is_empty() => {
            return Ok(worktree.branch.clone());
        }
        RunState::Refuted { .. } => format!(
            "Let it be mended (orkestra run tell {short} TEXT), or check it again: orkestra run verify \
             {short}"
        ),
        RunState::Failed { .. } | RunState::Cancelled => {
            "Only work that was found good is put in.".to_owned()
        }
        _ => "Wait for its end.".to_owned(),
    };
    Err(refused(format!("run {short} is {}: {} {advice}", run.state_word(), run.why())))
}

/// A merge that nobody asked for yet: no run, no branch to be put into.
pub(super) fn blank(handle: &Handle, target: &str, from: String, actor: &str) -> Merge {
    Merge {
        id: MergeId::new(handle.world.uuid()),
        run: None,
        task: None,
        session: None,
        target: target.to_owned(),
        from,
        into: String::new(),
        state: State::Waiting,
        why: None,
        base: None,
        source: None,
        onto: None,
        result: None,
        first: None,
        conflicts: Vec::new(),
        losses: Vec::new(),
        accepted: false,
        rounds: 0,
        told: 0,
        by: actor.to_owned(),
        created_at: handle.now().at,
        ended_at: None,
        latest: None,
    }
}

/// The result of a session.
pub(super) fn of_session(handle: &Handle, session: &Session, actor: &str) -> Merge {
    let mut merge = blank(handle, &session.target, session.branch.clone(), actor);
    merge.session = Some(session.id);
    merge
}

/// Writes a new merge, unless the same is under way.
pub(super) fn begin(
    tx: &mut dyn Write,
    merge: Merge,
    actor: &str,
) -> Result<Merge, orkestra_store::Error> {
    let rows = match (merge.run, merge.session) {
        (Some(run), _) => tx.merges_of_run(run)?,
        (None, Some(session)) => tx.merges_of_session(session)?,
        (None, None) => Vec::new(),
    };
    for row in rows {
        let known = parse(&row)?;
        if !known.state.is_over() && known.into == merge.into && known.run == merge.run {
            return Ok(known);
        }
    }
    let event = create(&merge, actor);
    put(tx, merge, &[event])
}
