//! Opening a vote: who votes with what weight, by which rule, with what context.

use super::{body, from_row, moment, put};
use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::id::{SessionId, TaskId, VoteId};
use orkestra_core::span::Span;
use orkestra_core::vote::{
    self, Choice, Context, Form, Link, LinkKind, Opening, Refusal, Rule, Vote, Voter, VoterKind,
    Weight,
};
use orkestra_host::git::search;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The project is looked through for no longer (MISSION 2.1).
const SEARCH: Duration = Duration::from_secs(5);

/// Lines that are shown (MISSION 2.1).
const FOUND_MAX: usize = 10;

/// Related files and commits that are shown (MISSION 2.1).
const FEW: usize = 5;

/// From where weights are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightsFrom {
    /// By domain when there is one, else all the same.
    #[default]
    Usual,
    /// All the same.
    One,
    /// By the domain's row of the table.
    Domain,
    /// By how often each was right.
    Record,
}

/// A voter as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVoter {
    /// The name.
    pub name: String,
    /// How it votes.
    pub kind: VoterKind,
    /// Its weight, when it is given.
    pub weight: Option<Weight>,
}

/// A vote as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVote {
    /// What is asked for.
    pub form: Form,
    /// The question.
    pub question: String,
    /// What else is to be known.
    pub detail: Option<String>,
    /// What it is about.
    pub kind: String,
    /// The field of knowledge.
    pub domain: Option<String>,
    /// The options.
    pub options: Vec<Choice>,
    /// The rule.
    pub rule: Rule,
    /// Who may vote.
    pub voters: Vec<NewVoter>,
    /// From where weights are that are not given.
    pub weights_from: WeightsFrom,
    /// Who gave the task, for the second tie-break.
    pub creator: Option<String>,
    /// The project in which agents look.
    pub target: Option<PathBuf>,
    /// Related files.
    pub files: Vec<String>,
    /// The task.
    pub task: Option<TaskId>,
    /// The session.
    pub session: Option<SessionId>,
    /// How long a round lasts; as configured without it.
    pub deadline: Option<Span>,
    /// Who mediates, or makes one text of all answers.
    pub mediator: Option<String>,
    /// The vote that is asked anew.
    pub follows: Option<VoteId>,
    /// Opening twice with one key opens one.
    pub request_key: Option<String>,
}

impl Handle {
    /// Opens a vote. Asking again with the same key gives the vote that was opened.
    ///
    /// # Errors
    /// It makes no sense, an agent is not there, or the store cannot be written.
    pub async fn open_vote(&self, new: NewVote, actor: &str) -> Result<Vote, Error> {
        if let Some(key) = new.request_key.clone() {
            let row = self.store.read(move |read| read.vote_by_key(&key)).await;
            if let Some(row) = row.map_err(Error::Store)? {
                return from_row(&row).map_err(Error::Store);
            }
        }
        let follows = match new.follows {
            Some(id) => {
                let before = self.vote(id).await?;
                may_follow(&before, &new)?;
                Some(Link { vote: id, kind: LinkKind::Revote })
            }
            None => None,
        };
        let asks_agents = new.voters.iter().any(|voter| voter.kind == VoterKind::Agent);
        let target = match &new.target {
            Some(target) if asks_agents => {
                let place = crate::evidence::place::preflight(&self.home, target).await;
                let place = place.map_err(Error::Target)?;
                Some((place.folder, place.has_git))
            }
            Some(target) => Some((target.clone(), false)),
            None if asks_agents => {
                return Err(Error::VoteRefused(
                    "agents need a project to look at: name a target".to_owned(),
                ));
            }
            None => None,
        };
        let electorate = self.electorate(&new).await?;
        let mediator = self.mediator(&new)?;
        let context = match &target {
            Some((folder, has_git)) if asks_agents => {
                let text = format!("{} {}", new.question, new.detail.as_deref().unwrap_or(""));
                gather(folder, *has_git, &text, &new.files).await
            }
            _ => Context { files: new.files.clone(), ..Context::default() },
        };
        let deadline = new.deadline.unwrap_or(self.upkeep().votes.deadline);
        let opening = Opening {
            id: VoteId::new(self.world.uuid()),
            form: new.form,
            question: new.question,
            detail: new.detail,
            kind: new.kind,
            domain: new.domain,
            options: new.options,
            rule: new.rule,
            electorate,
            creator: new.creator,
            target: target.map(|(folder, _)| folder.to_string_lossy().into_owned()),
            task: new.task,
            session: new.session,
            deadline_ms: deadline.ms(),
            mediator,
            context,
            follows,
            request_key: new.request_key,
        };
        let (vote, events) = vote::open(opening, &moment(self.world.as_ref(), actor))
            .map_err(|Refusal(why)| Error::VoteRefused(why))?;
        let secrets = self.secrets().clone();
        let kept = vote.clone();
        let written = self.store.write(move |tx| {
            // The same key may have come twice at once.
            if let Some(key) = &kept.request_key
                && let Some(row) = tx.vote_by_key(key)?
            {
                return from_row(&row);
            }
            body(&kept)?;
            put(tx, &secrets, kept.clone(), events)?;
            Ok(kept)
        });
        Ok(written.await.map_err(Error::Store)?.value)
    }

    /// Who votes, with what weight.
    async fn electorate(&self, new: &NewVote) -> Result<Vec<Voter>, Error> {
        let found = self.agents().found;
        let from = match (new.weights_from, &new.domain) {
            (WeightsFrom::Usual, Some(_)) => WeightsFrom::Domain,
            (WeightsFrom::Usual, None) => WeightsFrom::One,
            (from, _) => from,
        };
        let records = match from {
            WeightsFrom::Record => self.vote_stats().await?.votes.voters,
            _ => BTreeMap::new(),
        };
        let mut electorate = Vec::new();
        for voter in &new.voters {
            let agent = found.iter().find(|agent| agent.name == voter.name);
            if voter.kind == VoterKind::Agent && agent.is_none() {
                let names: Vec<&str> = found.iter().map(|agent| agent.name.as_str()).collect();
                return Err(Error::NoAgent(format!(
                    "there is no agent {} that can be started; there are: {}",
                    voter.name,
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                )));
            }
            let kind = agent.map(|agent| agent.spec.kind.to_string());
            let (weight, weight_from) = match (voter.weight, from) {
                (Some(weight), _) => (weight, "given".to_owned()),
                (None, WeightsFrom::Domain) => {
                    let domain = new.domain.as_deref().unwrap_or("general");
                    let weight = self.domain_weight(domain, &voter.name, kind.as_deref())?;
                    (weight, format!("domain {domain}"))
                }
                (None, WeightsFrom::Record) => {
                    let record = records.get(&voter.name).copied().unwrap_or_default();
                    (record.weight(), format!("record {}:{}", record.right, record.wrong))
                }
                (None, WeightsFrom::One | WeightsFrom::Usual) => (Weight::ONE, "one".to_owned()),
            };
            let (name, kind) = (voter.name.clone(), voter.kind);
            electorate.push(Voter { name, kind, weight, weight_from });
        }
        Ok(electorate)
    }

    /// The configuration's weight comes before the table's.
    fn domain_weight(&self, domain: &str, name: &str, kind: Option<&str>) -> Result<Weight, Error> {
        let configured = self.upkeep().votes.weights;
        let own = configured.get(&domain.to_ascii_lowercase());
        if let Some(weight) = own.and_then(|own| own.get(name)) {
            return Ok(*weight);
        }
        match (vote::of_domain(domain, name, kind), own) {
            (Some(weight), _) => Ok(weight),
            // A domain of the configuration's own: who is not named there counts once.
            (None, Some(_)) => Ok(Weight::ONE),
            (None, None) => Err(Error::VoteRefused(format!(
                "there are no weights for the domain {domain:?}; there are {}",
                vote::domains().join(", ")
            ))),
        }
    }

    fn mediator(&self, new: &NewVote) -> Result<Option<String>, Error> {
        let found = self.agents().found;
        let is_there = |name: &str| found.iter().any(|agent| agent.name == name);
        let votes = |name: &str| new.voters.iter().any(|voter| voter.name == name);
        let named = new.mediator.clone().or_else(|| self.upkeep().votes.mediator);
        if new.form == Form::Question {
            let first = new.voters.iter().find(|voter| voter.kind == VoterKind::Agent);
            return Ok(new.mediator.clone().or_else(|| first.map(|voter| voter.name.clone())));
        }
        match named {
            Some(name) if new.mediator.is_some() && !is_there(&name) => {
                Err(Error::NoAgent(format!("there is no agent {name} that could mediate")))
            }
            Some(name) if new.mediator.is_some() && votes(&name) => Err(Error::VoteRefused(
                format!("{name} votes, so it is not neutral enough to mediate"),
            )),
            Some(name) if is_there(&name) && !votes(&name) => Ok(Some(name)),
            // Nobody is asked without need: who has no project has no agent to ask.
            _ if new.target.is_none() => Ok(None),
            _ => Ok(found.iter().map(|agent| agent.name.clone()).find(|name| !votes(name))),
        }
    }
}

/// After a veto only a new proposal may be voted on.
fn may_follow(before: &Vote, new: &NewVote) -> Result<(), Error> {
    if before.is_open() {
        return Err(Error::VoteRefused("the vote that is to be asked anew goes on".to_owned()));
    }
    let vetoed = before.tallies.last().is_some_and(|tally| !tally.vetoed_by.is_empty());
    let has_new = new
        .options
        .iter()
        .any(|option| !before.options.iter().any(|known| known.text == option.text));
    if vetoed && !has_new {
        return Err(Error::VoteRefused(
            "it was vetoed: a new proposal must be among the options".to_owned(),
        ));
    }
    Ok(())
}

/// What the project has to say: lines with words of the question, related files, the newest commits.
async fn gather(folder: &Path, has_git: bool, text: &str, files: &[String]) -> Context {
    let words = search::words(text, 8);
    let looked = search::search(folder, &words, has_git, 200, SEARCH);
    let hits = match tokio::time::timeout(SEARCH, looked).await {
        Ok(Ok(hits)) => hits,
        Ok(Err(error)) => {
            tracing::debug!(%error, "A project could not be looked through for a vote.");
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    let mut related: Vec<String> = files.to_vec();
    for hit in &hits {
        if related.len() >= FEW.max(files.len()) {
            break;
        }
        if !related.contains(&hit.path) {
            related.push(hit.path.clone());
        }
    }
    let found = hits
        .iter()
        .take(FOUND_MAX)
        .map(|hit| format!("{}:{}: {}", hit.path, hit.line, hit.text))
        .collect();
    let commits = if has_git {
        search::newest_commits(folder, FEW, SEARCH).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    Context { found, files: related, commits }
}

/// Opens a vote as part of another commit, among voters whose weights are known. Nothing is looked
/// up in the world.
#[allow(dead_code, reason = "for consumers of the journal that put something to the vote")]
pub(crate) fn open_in(
    tx: &mut dyn orkestra_store::Write,
    world: &Arc<dyn crate::world::World>,
    secrets: &crate::secret::Secrets,
    opening: Opening,
    actor: &str,
) -> Result<Result<Vote, String>, orkestra_store::Error> {
    match vote::open(opening, &moment(world.as_ref(), actor)) {
        Err(Refusal(why)) => Ok(Err(why)),
        Ok((vote, events)) => {
            put(tx, secrets, vote.clone(), events)?;
            Ok(Ok(vote))
        }
    }
}
