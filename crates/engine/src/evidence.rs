//! From an agent's word to a verdict: commits what it left, looks at what is there, makes the checks
//! of the run's contract, and tells the dispatcher each result.
//!
//! One task per round. A result counts once it is committed; a round that is not the newest any more
//! is given up at the next word. Checks change nothing, so a round that a dead daemon began is begun
//! anew.

mod command;
pub(crate) mod look;
pub(crate) mod place;
mod verify;

use crate::instance::describe;
use crate::message::Message;
use crate::options::Options;
use crate::secret::Secrets;
use crate::spawn::{FutureKind, Futures};
use command::Outcome;
pub(crate) use command::{At, Command, Commands};
use orkestra_core::evidence::{Check, CheckResult, Ran, judge};
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::run::{ChangedFile, CheckInput, Run, RunInput, RunState, Worktree};
use orkestra_host::instance::Launcher;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The rounds that are under way, by run, each with the word to give it up.
type Rounds = Arc<Mutex<HashMap<RunId, (u32, CancellationToken)>>>;

/// Makes checks.
pub(crate) struct Checks {
    options: Options,
    term: u64,
    launcher: Arc<Launcher>,
    outbox: mpsc::Sender<Message>,
    futures: Futures,
    secrets: Secrets,
    rounds: Rounds,
}

impl Checks {
    pub(crate) fn new(
        options: Options,
        term: u64,
        launcher: Arc<Launcher>,
        outbox: mpsc::Sender<Message>,
        futures: Futures,
        secrets: Secrets,
    ) -> Self {
        Self { options, term, launcher, outbox, futures, secrets, rounds: Rounds::default() }
    }

    /// With what other commands are started that are no run's.
    pub(crate) fn commands(&self) -> Commands {
        Commands {
            options: self.options.clone(),
            term: self.term,
            launcher: Arc::clone(&self.launcher),
        }
    }

    /// Lives that begin from now on are of this term.
    pub(crate) fn raise_term(&mut self, term: u64) {
        self.term = term;
    }

    /// Begins a round; an earlier one of the same run is given up.
    pub(crate) fn begin(&self, run: &Run, round: u32) {
        let given_up = CancellationToken::new();
        let earlier = self.lock().insert(run.id, (round, given_up.clone()));
        if let Some((_, earlier)) = earlier {
            earlier.cancel();
        }
        let task = Round {
            run: run.clone(),
            round,
            given_up,
            options: self.options.clone(),
            outbox: self.outbox.clone(),
            secrets: self.secrets.clone(),
            commands: Commands {
                options: self.options.clone(),
                term: self.term,
                launcher: Arc::clone(&self.launcher),
            },
        };
        let (rounds, id) = (Arc::clone(&self.rounds), run.id);
        self.futures.spawn(FutureKind::Run, async move {
            task.make().await;
            let mut rounds = rounds.lock().unwrap_or_else(PoisonError::into_inner);
            if rounds.get(&id).is_some_and(|(newest, _)| *newest == round) {
                rounds.remove(&id);
            }
        });
    }

    /// Gives the round of a run up; the process that a check has is ended.
    pub(crate) fn give_up(&self, id: RunId) {
        if let Some((_, given_up)) = self.lock().remove(&id) {
            given_up.cancel();
        }
    }

    /// Gives all rounds up: the next daemon begins them anew.
    pub(crate) fn give_all_up(&self) {
        for (_, (_, given_up)) in self.lock().drain() {
            given_up.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, (u32, CancellationToken)>> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What differs where a run worked, when its agent has ended.
pub(crate) struct End {
    pub(crate) options: Options,
    pub(crate) run: Run,
}

impl End {
    /// The files; nothing when nobody can tell.
    pub(crate) async fn files(&self) -> Option<Vec<ChangedFile>> {
        self.run.worktree.as_ref()?;
        look::files(&self.options, &self.run).await
    }
}

/// One round of checks.
struct Round {
    run: Run,
    round: u32,
    given_up: CancellationToken,
    options: Options,
    outbox: mpsc::Sender<Message>,
    secrets: Secrets,
    commands: Commands,
}

impl Round {
    async fn make(mut self) {
        let checks = self.run.evidence.checks().to_vec();
        let ready = place::ready(&self.run).await;
        let (committed, problem) = match &ready {
            Ok(()) => match look::commit(&self.run).await {
                Ok(commit) => (commit, None),
                Err(why) => (None, Some(why)),
            },
            Err(why) => (None, Some(why.clone())),
        };
        let round = self.round;
        if let Some(commit) = committed
            && !self.say(CheckInput::Committed { round, commit }).await
        {
            return;
        }
        let facts = match &ready {
            Ok(()) => look::facts(&self.options, &self.run, problem).await,
            Err(why) => orkestra_core::evidence::Facts::unknown(why),
        };
        if let Some(files) = look::files(&self.options, &self.run).await {
            // A change of nothing is no change; the word that follows is heard all the same.
            self.say(CheckInput::Looked { round, files }).await;
        }
        for (index, check) in checks.into_iter().enumerate() {
            let began = Instant::now();
            let Some(outcome) = self.run_command(index, &check).await else { return };
            if outcome.is_some() && self.run.worktree.as_ref().is_some_and(Worktree::is_plain) {
                // What tests leave behind in a plain folder is of the run, too.
                let _listed = look::files(&self.options, &self.run).await;
            }
            let (passed, detail) = judge(&check, &facts, outcome.as_ref().map(|o| &o.ran));
            let told = |text: String| self.secrets.redact(&text).into_owned();
            let result = CheckResult {
                check,
                passed,
                detail: told(detail),
                duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                output: outcome.as_ref().map(|outcome| told(outcome.output.clone())),
            };
            let goes_on = self.say(CheckInput::Judged { round, index, result }).await;
            if let Some(outcome) = outcome {
                outcome.release().await;
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Runs a check's command, if it is one; nothing when the round was given up.
    async fn run_command(&mut self, index: usize, check: &Check) -> Option<Option<Outcome>> {
        let Some((line, limit_ms)) = check.command() else { return Some(None) };
        let instance = InstanceId::new(self.options.world.uuid());
        // Written down before it lives: whatever happens, the next daemon finds and ends it.
        let began = CheckInput::Began { round: self.round, index, instance };
        if !self.say(began).await {
            return None;
        }
        let command = Command { instance, index, line, limit_ms };
        let outcome = self.commands.run(&self.run, &command, &self.given_up).await;
        match outcome {
            Ok(outcome) => outcome.map(Some),
            Err(error) => Some(Some(Outcome::never(Ran::Lost(describe(&error))))),
        }
    }

    /// Tells the dispatcher; whether this round is still the one.
    async fn say(&mut self, input: CheckInput) -> bool {
        if self.given_up.is_cancelled() {
            return false;
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Run {
            id: self.run.id,
            input: RunInput::Check(input),
            actor: "daemon".to_owned(),
            reply: Some(reply),
        };
        if self.outbox.send(message).await.is_err() {
            return false;
        }
        let Ok(Ok(run)) = answer.await else { return false };
        let goes_on = run.state == RunState::Reported
            && run.evidence.checking
            && run.evidence.round == self.round;
        self.run = run;
        goes_on
    }
}
