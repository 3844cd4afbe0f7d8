//! Agents are asked, mediators too, and deadlines are kept: what the rows of open votes say is
//! carried out. The key of a run names vote, round and voter, so that asking again asks once.

use super::{ballots_of, from_row};
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use crate::run;
use crate::spawn::{FutureKind, Futures};
use jiff::Timestamp;
use orkestra_core::run::{Belongs, LimitsSpec, Purpose, Run, RunState};
use orkestra_core::vote::{
    Ballot, Form, Given, Says, State, Vote, VoteInput, VoterKind, ask, mediate, read_ballot,
    read_proposal, synthesize,
};
use orkestra_store::{Error as StoreError, VotesIn};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Open votes that are looked at in one go.
const PAGE: usize = 200;

/// What happened is looked at so long after something was committed.
const GATHER: Duration = Duration::from_millis(200);

/// A run that could not begin is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// An agent that is not there for so long gives no ballot.
const GIVE_UP: Duration = Duration::from_secs(60);

/// The wall's clock may be set meanwhile: while a vote is open it is looked at this often.
const LOOK: Duration = Duration::from_secs(30);

/// Without anything open.
const IDLE: Duration = Duration::from_secs(3_600);

/// Keeps votes going until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let mut service = Service { handle: handle.clone(), refused: BTreeMap::new() };
    futures.spawn(FutureKind::Service, async move {
        let mut head = service.handle.store.head_watch();
        loop {
            let wait = match service.turn().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "Votes cannot be looked at now.");
                    AGAIN
                }
            };
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    });
}

/// What is to be done about a run that is asked for.
struct Wanted {
    key: String,
    agent: String,
    prompt: String,
    purpose: Purpose,
}

struct Service {
    handle: Handle,
    /// Runs that could not begin: when first, and when it is tried again.
    refused: BTreeMap<String, (Instant, Instant)>,
}

impl Service {
    /// One look at all open votes; how long until the next.
    async fn turn(&mut self) -> Result<Duration, Error> {
        let read = self.handle.store.read(|read| {
            let mut open: Vec<(Vote, Vec<Ballot>)> = Vec::new();
            for row in read.votes(VotesIn::Open, PAGE, None)? {
                open.push((from_row(&row)?, ballots_of(read, row.id)?));
            }
            Ok(open)
        });
        let open = read.await.map_err(Error::Store)?;
        let mut wait = IDLE;
        for (vote, ballots) in &open {
            wait = wait.min(LOOK);
            match vote.state {
                State::Open => {
                    let left = left(self.handle.now().at, vote.deadline);
                    if left.is_zero() {
                        stop_runs(&self.handle, vote, "daemon").await;
                        self.input(vote, VoteInput::Due, "daemon").await?;
                        // What follows is looked at once it is committed.
                        continue;
                    }
                    wait = wait.min(left);
                    self.ask_voters(vote, ballots).await?;
                }
                State::Mediating => self.ask_mediator(vote, ballots).await?,
                State::Closed => {}
            }
        }
        let now = Instant::now();
        self.refused
            .retain(|key, _| open.iter().any(|(vote, _)| key.contains(&vote.id.to_string())));
        if let Some(next) = self.refused.values().map(|(_, next)| *next).min() {
            wait = wait.min(next.saturating_duration_since(now).max(Duration::from_millis(50)));
        }
        Ok(wait)
    }

    /// Something that happened meanwhile may have made it void: that is no trouble.
    async fn input(&self, vote: &Vote, input: VoteInput, actor: &str) -> Result<(), Error> {
        match self.handle.vote_input(vote.id, input, actor).await {
            Ok(_) => Ok(()),
            Err(Error::VoteRefused(why)) => {
                tracing::debug!(vote = %vote.id, why, "An input of a vote came too late.");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn ask_voters(&mut self, vote: &Vote, ballots: &[Ballot]) -> Result<(), Error> {
        let agents: Vec<String> = vote
            .waits_for(ballots)
            .filter(|voter| voter.kind == VoterKind::Agent)
            .map(|voter| voter.name.clone())
            .collect();
        for name in agents {
            let wanted = Wanted {
                key: vote.run_key(&name),
                agent: name.clone(),
                prompt: String::new(),
                purpose: Purpose::Vote,
            };
            let run = match self.run(&wanted.key).await? {
                Some(run) => run,
                None => {
                    let preamble = self.handle.upkeep().votes.preamble;
                    let prompt = ask(vote, &name, ballots, &preamble);
                    if let Some(why) = self.begin(vote, Wanted { prompt, ..wanted }).await? {
                        let input = VoteInput::Absent { voter: name, why };
                        self.input(vote, input, "daemon").await?;
                    }
                    continue;
                }
            };
            if !run.is_over() {
                continue;
            }
            let actor = format!("agent:{}", run.agent);
            let input = match self.answer(&run).await {
                Err(why) => VoteInput::Absent { voter: name, why },
                Ok(answer) => match read_ballot(vote, &answer) {
                    Ok(Given { says, reason, confidence }) => {
                        let run = Some(run.id);
                        VoteInput::Cast { voter: name, says, reason, confidence, run }
                    }
                    // Present, but nothing that could be counted: never a vote.
                    Err(reason) => VoteInput::Cast {
                        voter: name,
                        says: Says::Abstain,
                        reason,
                        confidence: None,
                        run: Some(run.id),
                    },
                },
            };
            self.input(vote, input, &actor).await?;
        }
        Ok(())
    }

    async fn ask_mediator(&mut self, vote: &Vote, ballots: &[Ballot]) -> Result<(), Error> {
        let Some(mediator) = vote.mediator.clone() else {
            let why = "there is no mediator".to_owned();
            return self.input(vote, VoteInput::NoProposal { why }, "daemon").await;
        };
        let key = vote.mediation_key();
        let Some(run) = self.run(&key).await? else {
            let preamble = self.handle.upkeep().votes.preamble;
            let prompt = match vote.form {
                Form::Options => mediate(vote, ballots, &preamble),
                Form::Question => synthesize(vote, ballots, &preamble),
            };
            let wanted = Wanted { key, agent: mediator, prompt, purpose: Purpose::Mediation };
            if let Some(why) = self.begin(vote, wanted).await? {
                self.input(vote, VoteInput::NoProposal { why }, "daemon").await?;
            }
            return Ok(());
        };
        if !run.is_over() {
            return Ok(());
        }
        let proposal = match self.answer(&run).await {
            Ok(answer) => read_proposal(vote, &answer).map(|proposal| proposal.text),
            Err(why) => Err(why),
        };
        let input = match proposal {
            Ok(text) => VoteInput::Proposed { text, run: Some(run.id) },
            Err(why) => VoteInput::NoProposal { why },
        };
        self.input(vote, input, &format!("agent:{}", run.agent)).await
    }

    async fn run(&self, key: &str) -> Result<Option<Run>, Error> {
        let key = key.to_owned();
        let row = self.handle.store.read(move |read| read.run_by_key(&key)).await;
        row.map_err(Error::Store)?.map(|row| run::from_row(&row)).transpose()
    }

    /// Begins a run. When that cannot be done now it is tried again; why not, once nobody expects
    /// it any more.
    async fn begin(&mut self, vote: &Vote, wanted: Wanted) -> Result<Option<String>, Error> {
        let now = Instant::now();
        if self.refused.get(&wanted.key).is_some_and(|(_, next)| now < *next) {
            return Ok(None);
        }
        let Some(target) = &vote.target else {
            return Ok(Some("the vote names no project in which an agent could look".to_owned()));
        };
        let new = NewRun {
            prompt: wanted.prompt,
            agent: Some(wanted.agent),
            target: PathBuf::from(target),
            request_key: Some(wanted.key.clone()),
            evidence: vec!["none".to_owned()],
            raw: true,
            budget_usd: None,
            limits: LimitsSpec::default(),
            belongs: Belongs {
                purpose: wanted.purpose,
                task: vote.task,
                session: vote.session,
                review: None,
                vote: Some(vote.id),
            },
            base: None,
            role: None,
        };
        let error = match self.handle.create_run(new, "daemon").await {
            Ok(_) => {
                self.refused.remove(&wanted.key);
                return Ok(None);
            }
            Err(Error::Closing) => return Err(Error::Closing),
            Err(error) => error,
        };
        let (first, _) = *self.refused.entry(wanted.key.clone()).or_insert((now, now));
        self.refused.insert(wanted.key, (first, now + AGAIN));
        let hopeless = matches!(error, Error::NoAgent(_));
        tracing::info!(%error, vote = %vote.id, "A voter cannot be asked now.");
        Ok((hopeless && now.duration_since(first) >= GIVE_UP).then(|| error.to_string()))
    }

    /// What an agent said at its end.
    async fn answer(&self, run: &Run) -> Result<String, String> {
        match &run.state {
            RunState::Reported | RunState::Verified | RunState::Refuted { .. } => {
                let said = run.ended.as_ref().map(|ended| ended.summary.clone());
                said.filter(|text| !text.trim().is_empty())
                    .ok_or_else(|| "its run ended without an answer".to_owned())
            }
            _ => Err(format!("its run is {}: {}", run.state_word(), run.why())),
        }
    }
}

fn left(now: Timestamp, deadline: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or_default()
}

/// Runs whose ballots come too late are ended.
pub(super) async fn stop_runs(handle: &Handle, vote: &Vote, actor: &str) {
    let keys: Vec<String> = vote
        .electorate
        .iter()
        .filter(|voter| voter.kind == VoterKind::Agent)
        .map(|voter| vote.run_key(&voter.name))
        .chain([vote.mediation_key()])
        .collect();
    let read = handle.store.read(move |read| {
        let mut runs = Vec::new();
        for key in &keys {
            let Some(row) = read.run_by_key(key)? else { continue };
            let run: Run = serde_json::from_str(&row.body)
                .map_err(|error| StoreError::Damaged { what: error.to_string() })?;
            if !run.is_over() {
                runs.push(run.id);
            }
        }
        Ok(runs)
    });
    for id in read.await.unwrap_or_default() {
        if let Err(error) = handle.cancel_run(id, actor).await {
            tracing::debug!(%error, run = %id, "A voter's run could not be ended.");
        }
    }
}
