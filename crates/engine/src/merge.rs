//! Putting verified work into branches (ADR 0035).
//!
//! Rows say what is wanted and how far it is; a reconciler carries it out, one merge at a time for
//! each branch. Before it does anything it looks at git: what is in already is not put in again, so
//! that a daemon that dies anywhere leaves neither half a merge nor two.

mod ask;
mod auto;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use auto::{comes_first, consumer};

use crate::error::Error;
use crate::handle::Handle;
use crate::spawn::{FutureKind, Futures};
use crate::task::{self, By};
use jiff::Timestamp;
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::MergeId;
use orkestra_core::merge::{Decision, Input, Merge, State};
use orkestra_core::task::TaskInput;
use orkestra_store::{Error as StoreError, MergeRow, Write};
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

/// Merges that are looked at in one go; those behind wait for their turn anyway.
const PAGE: usize = 500;

/// While one is open it is looked this often, besides when something was committed.
const OPEN: Duration = Duration::from_secs(5);

/// When nothing is open.
const IDLE: Duration = Duration::from_secs(900);

/// Events of a burst are looked at together.
const GATHER: Duration = Duration::from_millis(100);

/// One merge goes so many steps in one go.
const STEPS: usize = 8;

/// Who carries merges out.
const ACTOR: &str = "daemon";

pub(crate) fn parse(row: &MergeRow) -> Result<Merge, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the merge {} cannot be read: {error}", row.id),
    })
}

/// Writes a merge and what happened to it.
fn put(tx: &mut dyn Write, mut merge: Merge, events: &[Draft]) -> Result<Merge, StoreError> {
    if let Some(first) = tx.append(events)?.first() {
        merge.latest = Some(*first);
    }
    let body =
        serde_json::to_string(&merge).map_err(|error| StoreError::Invalid(error.to_string()))?;
    tx.put_merge(&MergeRow {
        id: merge.id,
        run: merge.run,
        task: merge.task,
        session: merge.session,
        target: merge.target.clone(),
        branch: merge.into.clone(),
        state: merge.state.as_str().to_owned(),
        body,
        updated_at: Timestamp::UNIX_EPOCH,
    })?;
    Ok(merge)
}

/// What follows from an input to a merge, in the writer's transaction; the refusal in words when it
/// makes no sense now.
fn apply(
    tx: &mut dyn Write,
    id: MergeId,
    input: Input,
    by: &By,
) -> Result<Result<Merge, String>, StoreError> {
    let (actor, at) = (by.actor.as_str(), by.world.now().at);
    let Some(row) = tx.merge(id)? else { return Ok(Err(format!("there is no merge {id}"))) };
    let merge = parse(&row)?;
    let Decision { merge, mut events } = match merge.decide(input, actor, at) {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let (State::Merged, Some(run)) = (merge.state, merge.run) {
        let body = json!({"merge": merge.id, "into": merge.into, "commit": merge.result,
            "before": merge.onto});
        let draft = Draft::new("run.merged", Topic::Run, &run.to_string(), actor, body);
        events.push(draft.because(Cause::Earlier(0)));
    }
    let merge = put(tx, merge, &events)?;
    // A task knows the commit with which it came in.
    if let (State::Merged, Some(task), Some(commit)) = (merge.state, merge.task, &merge.result) {
        let cause = merge.latest.map_or_else(|| by.clone(), |cause| by.clone().because(cause));
        let told = task::apply(tx, task, TaskInput::Merged { commit: commit.clone() }, &cause)?;
        if let Err(refusal) = told {
            tracing::warn!(%refusal, %task, "A task cannot be told that its work is in.");
        }
    }
    auto::tell_session(tx, &merge, by)?;
    Ok(Ok(merge))
}

impl Handle {
    /// Carries an input to a merge into its row.
    async fn merge_input(
        &self,
        id: MergeId,
        input: Input,
        actor: &str,
    ) -> Result<Result<Merge, String>, Error> {
        let by = self.by(actor);
        let written = self.store.write(move |tx| apply(tx, id, input.clone(), &by)).await;
        written.map(|done| done.value).map_err(Error::Store)
    }
}

/// Carries merges out until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let handle = handle.clone();
    futures.spawn(FutureKind::Service, async move {
        let mut head = handle.store.head_watch();
        loop {
            let open = match turn(&handle).await {
                Ok(open) => open,
                Err(error) => {
                    tracing::warn!(%error, "Merges cannot be carried out now.");
                    true
                }
            };
            let period = if open { OPEN } else { IDLE };
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = tokio::time::sleep(period) => {}
            }
        }
    });
}

/// Goes on with each merge as far as it goes now; whether any is open.
async fn turn(handle: &Handle) -> Result<bool, Error> {
    let read = handle.store.read(|read| {
        read.merges_in(&State::OPEN, PAGE)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
    });
    let mut merges = read.await.map_err(Error::Store)?;
    auto::tell_stuck(handle).await?;
    let open = !merges.is_empty();
    // Those under way come before those that wait for their turn.
    let is_under_way = |merge: &Merge| matches!(merge.state, State::Rebasing | State::Checking);
    merges.sort_by_key(|merge| (!is_under_way(merge), merge.id));
    let mut taken: HashSet<(String, String)> = HashSet::new();
    for mut merge in merges {
        let branch = (merge.target.clone(), merge.into.clone());
        for _ in 0..STEPS {
            if merge.state == State::Waiting && taken.contains(&branch) {
                break;
            }
            let Some(input) = step::next(handle, &merge).await? else { break };
            match handle.merge_input(merge.id, input, ACTOR).await? {
                Ok(next) => merge = next,
                Err(late) => {
                    tracing::debug!(late, "A merge was changed by somebody else meanwhile.");
                    break;
                }
            }
            if merge.state.is_over() || merge.state == State::Person {
                break;
            }
        }
        if is_under_way(&merge) {
            taken.insert(branch);
        }
    }
    Ok(open)
}
