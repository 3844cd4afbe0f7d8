//! What people may do with the life of a run: halt it, let it go on, answer it.

use crate::error::Error;
use crate::evidence::place;
use crate::handle::Handle;
use crate::message::Message;
use orkestra_core::id::RunId;
use orkestra_core::run::{Answer, Run, RunInput, RunState, Wait};

impl Handle {
    pub(crate) async fn stored_run(&self, id: RunId) -> Result<Run, Error> {
        let row = self.store.read(move |read| read.run(id)).await.map_err(Error::Store)?;
        let row = row.ok_or_else(|| Error::UnknownRun(id.to_string()))?;
        crate::run::from_row(&row)
    }

    /// A person halts a run: its processes are frozen, or it waits until it is resumed.
    ///
    /// # Errors
    /// Unknown run, or one that does not work now.
    pub async fn pause_run(&self, id: RunId, actor: &str) -> Result<Run, Error> {
        let run = self.run_input(id, RunInput::Pause, actor).await?;
        match &run.state {
            RunState::Paused { .. } | RunState::Suspended { .. } => Ok(run),
            _ => Err(refused(&run, "Only a run that works can be paused.")),
        }
    }

    /// A person lets a run go on: from a pause, from a wait, or after it failed.
    ///
    /// # Errors
    /// Unknown run, one that goes on already, or one that waits for an answer.
    pub async fn resume_run(&self, id: RunId, actor: &str) -> Result<Run, Error> {
        let _one_at_a_time = self.view.taking_up.lock().await;
        let before = self.stored_run(id).await?;
        match &before.state {
            RunState::Suspended { wait: Wait::Approvals } => {
                let advice = "Answer what it asked: orkestra approval list shows it.";
                return Err(refused(&before, advice));
            }
            RunState::Reported | RunState::Verified => {
                return Err(refused(&before, "Its agent is done; begin a new run."));
            }
            RunState::Running { .. } | RunState::Starting { .. } | RunState::Preparing => {
                return Err(refused(&before, "It goes on already."));
            }
            RunState::Stopping { .. } => {
                return Err(refused(&before, "Wait until its processes have ended."));
            }
            RunState::Paused { .. }
            | RunState::Suspended { .. }
            | RunState::Refuted { .. }
            | RunState::Failed { .. }
            | RunState::Cancelled => {}
        }
        if before.is_over() && before.worktree.is_none() {
            return Err(refused(&before, "It never had a place to work; begin a new run."));
        }
        if !before.is_over() {
            return self.run_input(id, RunInput::Resume, actor).await;
        }
        let (run, actor) = (Box::new(before), actor.to_owned());
        let input = RunInput::Resume;
        self.ask(|reply| Message::TakeUpRun { run, input, actor, reply: Some(reply) }).await
    }

    /// Tells a run more. One that is at work gets it when its present attempt is over; one that is
    /// over goes on in its own worktree, and in the vendor's conversation where that is known. The
    /// same key twice is one instruction.
    ///
    /// # Errors
    /// Unknown run, one that was cancelled or thrown away or never had a place to work, a full disk.
    pub async fn instruct(
        &self,
        id: RunId,
        text: String,
        key: String,
        actor: &str,
    ) -> Result<Run, Error> {
        let _one_at_a_time = self.view.taking_up.lock().await;
        let before = self.stored_run(id).await?;
        if before.instructions.iter().any(|known| known.key == key) {
            return Ok(before);
        }
        if !before.takes_instructions() {
            return Err(refused(&before, "It cannot be told more; begin a new run."));
        }
        if before.is_over()
            && let Err(why) = place::ready(&before).await
        {
            return Err(refused(&before, &format!("It cannot go on: {why}")));
        }
        let (run, input, actor) =
            (Box::new(before), RunInput::Instruct { text, key }, actor.to_owned());
        self.ask(|reply| Message::TakeUpRun { run, input, actor, reply: Some(reply) }).await
    }

    /// A key that nobody used.
    pub fn fresh_key(&self) -> String {
        self.world.uuid().to_string()
    }

    /// A person answers a run that asks what to do.
    ///
    /// # Errors
    /// Unknown run, or one that asks nothing.
    pub async fn answer_run(&self, id: RunId, answer: Answer, actor: &str) -> Result<Run, Error> {
        let before = self.stored_run(id).await?;
        if !matches!(before.state, RunState::Suspended { wait: Wait::Person { .. } }) {
            return Err(refused(&before, "It asks nothing that could be answered so."));
        }
        self.run_input(id, RunInput::Answer(answer), actor).await
    }

    async fn run_input(&self, id: RunId, input: RunInput, actor: &str) -> Result<Run, Error> {
        let known = self.stored_run(id).await?;
        if known.is_over() {
            return Ok(known);
        }
        let actor = actor.to_owned();
        self.ask(|reply| Message::Run { id, input, actor, reply: Some(reply) }).await
    }
}

fn refused(run: &Run, advice: &str) -> Error {
    Error::RunRefused(format!(
        "run {} is {}: {} {advice}",
        run.id.short(),
        run.state_word(),
        run.why()
    ))
}
