//! Issues of GitHub become runs, and what became of a run is told on its issue (ADR 0027).
//!
//! An issue's key is the request key of its run, so that one issue is one run however often it is
//! seen, also when the daemon dies between the two. The comment goes through the outbox.

use crate::effect;
use crate::error::Error;
use crate::handle::{Handle, NewRun};
use crate::spawn::{FutureKind, Futures};
use jiff::Timestamp;
use orkestra_connectors::{GitHub, Repository, Sent, Trouble};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::issue::{Issue, State, Taken, Told, comment, mark};
use orkestra_core::money::Usd;
use orkestra_core::run::{Belongs, Run};
use orkestra_core::span::Span;
use orkestra_store::{EffectRow, Error as StoreError, IssueRow, Read, UsageBy, UsageFilter, Write};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Telling on an issue what became of its run.
pub(crate) const COMMENT: &str = "github.comment";

/// Who gives the work.
const ACTOR: &str = "github";

/// Issues of one state that are looked at in one go.
const PAGE: usize = 500;

/// When something goes wrong, the wait doubles up to this.
const WAIT_MAX: Duration = Duration::from_secs(900);

/// Ends of runs are looked for so long after something was committed.
const GATHER: Duration = Duration::from_millis(300);

/// Which issues become runs, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct GitHubSpec {
    /// Where they are.
    pub repository: Repository,
    /// The label that makes an issue work for an agent.
    pub label: String,
    /// Who may write such issues; nobody named: whom the repository knows.
    pub authors: Vec<String>,
    /// The agent; the first that is free without it.
    pub agent: Option<String>,
    /// The clone in which they are done.
    pub target: PathBuf,
    /// How often it is looked.
    pub every: Span,
}

/// How it went the last time that it was looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitHubPoll {
    /// When.
    pub at: Option<Timestamp>,
    /// What went wrong, in words.
    pub trouble: Option<String>,
    /// When it is looked again.
    pub next_at: Option<Timestamp>,
}

fn parse(row: &IssueRow) -> Result<Taken, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged {
        what: format!("the issue {} cannot be read: {error}", row.key),
    })
}

fn put(
    tx: &mut dyn Write,
    taken: &Taken,
    kind: &str,
    actor: &str,
    more: Value,
) -> Result<(), StoreError> {
    let body =
        serde_json::to_string(taken).map_err(|error| StoreError::Invalid(error.to_string()))?;
    tx.put_issue(&IssueRow {
        key: taken.issue.key(),
        state: taken.state.as_str().to_owned(),
        run: taken.run,
        body,
        updated_at: Timestamp::UNIX_EPOCH,
    })?;
    let mut told = json!({"title": taken.issue.title, "author": taken.issue.author,
        "url": taken.issue.url, "run": taken.run});
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    let draft = Draft::new(kind, Topic::Issue, &taken.issue.place(), actor, told);
    tx.append(&[draft.because(Cause::Root)]).map(|_| ())
}

/// Looks for issues and for ends of their runs until the daemon goes.
pub(crate) fn watch(handle: &Handle, futures: &Futures) {
    let mut service = Service {
        handle: handle.clone(),
        github: GitHub::default(),
        spec: None,
        due: Instant::now(),
        etag: None,
        since: None,
        failures: 0,
    };
    futures.spawn(FutureKind::Service, async move {
        let mut head = service.handle.store.head_watch();
        loop {
            service.turn().await;
            let due = match service.spec {
                Some(_) => service.due,
                None => Instant::now() + WAIT_MAX,
            };
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() { return }
                    tokio::time::sleep(GATHER).await;
                    head.mark_unchanged();
                }
                () = service.handle.view.github.changed.notified() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
    });
}

struct Service {
    handle: Handle,
    github: GitHub,
    spec: Option<GitHubSpec>,
    due: Instant,
    etag: Option<String>,
    since: Option<String>,
    failures: u32,
}

impl Service {
    async fn turn(&mut self) {
        let spec = self.handle.upkeep().github;
        if spec != self.spec {
            // Another repository, label or list of authors: everything is looked at anew.
            (self.etag, self.since, self.failures) = (None, None, 0);
            (self.due, self.spec) = (Instant::now(), spec);
        }
        if let Err(error) = answer(&self.handle).await {
            tracing::warn!(%error, "Ends of runs for issues cannot be told now.");
        }
        let Some(spec) = self.spec.clone() else { return };
        if Instant::now() < self.due {
            return;
        }
        let trouble = match self.poll(&spec).await {
            Ok(()) => None,
            Err(trouble) => Some(trouble),
        };
        let every = Duration::from_millis(spec.every.ms());
        let wait = match &trouble {
            None => {
                self.failures = 0;
                every
            }
            Some(trouble) => {
                self.failures = self.failures.saturating_add(1);
                let grown = every.saturating_mul(1 << self.failures.min(10)).min(WAIT_MAX);
                match trouble {
                    Trouble::Later { wait: Some(wait), .. } => (*wait).max(every),
                    Trouble::Later { .. } | Trouble::Refused(_) => grown.max(every),
                }
            }
        };
        self.due = Instant::now() + wait;
        let at = self.handle.now().at;
        let next_at = jiff::SignedDuration::try_from(wait).ok();
        let next_at = next_at.and_then(|wait| at.checked_add(wait).ok());
        let trouble = trouble.map(|trouble| trouble.why().to_owned());
        if let Some(why) = &trouble {
            tracing::warn!(repo = spec.repository.repo, why, "Issues cannot be looked at.");
        }
        let poll = GitHubPoll { at: Some(at), trouble, next_at };
        *self.handle.view.github.poll.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
            poll;
    }

    async fn poll(&mut self, spec: &GitHubSpec) -> Result<(), Trouble> {
        let of = with_token(&self.handle, &spec.repository).await?;
        let (since, etag) = (self.since.as_deref(), self.etag.as_deref());
        let found = self.github.issues(&of, &spec.label, since, etag).await?;
        if let Some(found) = found {
            for issue in &found.issues {
                see(&self.handle, spec, issue).await.map_err(later)?;
            }
            // Only when all of them are written down: else they are asked for again.
            self.etag = found.etag;
            if found.newest > self.since {
                // The address is another one now, and so is its answer.
                (self.since, self.etag) = (found.newest, None);
            }
        }
        let waiting = self.handle.store.read(|read| read.issues(Some("waiting"), PAGE)).await;
        for row in waiting.map_err(|error| later(Error::Store(error)))? {
            let taken = parse(&row).map_err(|error| later(Error::Store(error)))?;
            begin(&self.handle, spec, taken).await.map_err(later)?;
        }
        Ok(())
    }
}

fn later(error: Error) -> Trouble {
    Trouble::Later { why: error.to_string(), wait: None }
}

async fn with_token(handle: &Handle, of: &Repository) -> Result<Repository, Trouble> {
    let mut of = of.clone();
    if let Some(token) = &mut of.token {
        let resolved = handle.secrets().resolve("github", token).await;
        *token = resolved.map_err(|missing| Trouble::Later {
            why: format!("its token is missing: {}. {}", missing.why, missing.hint),
            wait: None,
        })?;
    }
    Ok(of)
}

/// An issue was seen: the first time it is written down whether it becomes a run.
async fn see(handle: &Handle, spec: &GitHubSpec, issue: &Issue) -> Result<(), Error> {
    let refusal = issue.refusal(&spec.label, &spec.authors);
    let issue = issue.clone();
    let written = handle.store.write(move |tx| {
        let known = tx.issue(&issue.key())?.map(|row| parse(&row)).transpose()?;
        // One that was refused may carry the label now, or its author may be allowed.
        if known.as_ref().is_some_and(|known| known.state != State::Refused || refusal.is_some()) {
            return Ok(());
        }
        // What the label does not call is nothing to write down.
        if issue.is_pull {
            return Ok(());
        }
        let (state, kind) = match &refusal {
            Some(_) => (State::Refused, "issue.refused"),
            None => (State::Waiting, "issue.taken"),
        };
        let why = json!({"why": refusal});
        let taken = Taken { issue, state, run: None, why: refusal };
        put(tx, &taken, kind, ACTOR, why)
    });
    written.await.map(|_| ()).map_err(Error::Store)
}

/// Begins the run of an issue. When that cannot be done now, the issue waits, and says why.
async fn begin(handle: &Handle, spec: &GitHubSpec, mut taken: Taken) -> Result<(), Error> {
    let new = NewRun {
        prompt: taken.issue.prompt(),
        agent: spec.agent.clone(),
        target: spec.target.clone(),
        request_key: Some(taken.issue.key()),
        evidence: Vec::new(),
        raw: false,
        budget_usd: None,
        limits: orkestra_core::run::LimitsSpec::default(),
        belongs: Belongs::default(),
        base: None,
        role: None,
    };
    match handle.create_run(new, ACTOR).await {
        Ok(run) => {
            (taken.run, taken.state, taken.why) = (Some(run.id), State::Running, None);
            let written =
                handle.store.write(move |tx| put(tx, &taken, "issue.begun", ACTOR, json!({})));
            written.await.map(|_| ()).map_err(Error::Store)
        }
        Err(Error::Closing) => Err(Error::Closing),
        Err(error) => {
            let why = Some(error.to_string());
            if taken.why == why {
                return Ok(());
            }
            taken.why = why;
            let body = json!({"why": taken.why});
            let written =
                handle.store.write(move |tx| put(tx, &taken, "issue.waiting", ACTOR, body));
            written.await.map(|_| ()).map_err(Error::Store)
        }
    }
}

/// Writes down that a comment is to be made, for each run that is over.
async fn answer(handle: &Handle) -> Result<(), Error> {
    let read = handle.store.read(|read| {
        let mut over = Vec::new();
        for row in read.issues(Some("running"), PAGE)? {
            let Some(run) = row.run.map(|id| read.run(id)).transpose()?.flatten() else { continue };
            let run: Run = serde_json::from_str(&run.body).map_err(|error| {
                StoreError::Damaged { what: format!("a run cannot be read: {error}") }
            })?;
            if run.is_over() {
                let text = comment(run.id, &told(read, &run)?);
                over.push((parse(&row)?, run.id, text));
            }
        }
        Ok(over)
    });
    let over = read.await.map_err(Error::Store)?;
    if over.is_empty() {
        return Ok(());
    }
    let world = Arc::clone(&handle.world);
    let written = handle.store.write(move |tx| {
        for (mut taken, run, text) in over {
            let place = taken.issue.place();
            let body = json!({"to": place, "repo": taken.issue.repo,
                "number": taken.issue.number, "mark": mark(run), "text": text, "run": run});
            let key = format!("{COMMENT}:{place}:{run}");
            effect::record(tx, world.as_ref(), COMMENT, &key, &place, body.to_string(), None)?;
            taken.state = State::Answered;
            put(tx, &taken, "issue.answered", "daemon", json!({}))?;
        }
        Ok(())
    });
    written.await.map_err(Error::Store)?;
    handle.view.effects.notify_one();
    Ok(())
}

fn told(read: &dyn Read, run: &Run) -> Result<Told, StoreError> {
    let filter = UsageFilter { run: Some(run.id), ..UsageFilter::default() };
    let used = read.usage_by(UsageBy::Run, &filter, 1)?.pop();
    Ok(Told {
        state: run.state_word().to_owned(),
        why: run.why(),
        agent: run.agent.clone(),
        summary: run.ended.as_ref().map(|ended| ended.summary.clone()),
        branch: run.worktree.as_ref().map(|tree| tree.branch.clone()).filter(|b| !b.is_empty()),
        files: run.files.as_ref().map(Vec::len),
        cost: Usd(used.as_ref().map_or(0, |used| used.cost_micros)),
        unpriced: used.is_some_and(|used| used.rows_without_price > 0),
    })
}

/// Makes the comment of an effect, unless it is there already: after a crash or an answer that
/// never came nobody knows, so it is looked for before anything is written again.
pub(crate) async fn post(handle: &Handle, github: &GitHub, row: &EffectRow) -> Sent {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let Some(number) = body.get("number").and_then(Value::as_u64) else {
        return Sent::Refused("the effect names no issue".to_owned());
    };
    let Some(spec) = handle.upkeep().github.filter(|spec| spec.repository.repo == text("repo"))
    else {
        return Sent::Refused(format!("the configuration names {} no more", text("repo")));
    };
    let of = match with_token(handle, &spec.repository).await {
        Ok(of) => of,
        Err(trouble) => return Sent::Later(trouble.why().to_owned()),
    };
    if row.attempts > 0 {
        match github.find_comment(&of, number, text("mark")).await {
            Ok(Some(url)) => return Sent::Done(format!("it was there already: {url}")),
            Ok(None) => {}
            Err(Trouble::Later { why, .. }) => return Sent::Later(why),
            Err(Trouble::Refused(why)) => {
                return Sent::Unknown(format!("whether it is there cannot be found out: {why}"));
            }
        }
    }
    match github.comment(&of, number, text("text")).await {
        Ok(url) => Sent::Done(url),
        Err(Trouble::Later { why, .. }) => Sent::Later(why),
        Err(Trouble::Refused(why)) => Sent::Refused(why),
    }
}

impl Handle {
    /// Issues that were seen, the one that changed last first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn issues(&self, limit: usize) -> Result<Vec<Taken>, Error> {
        let read = self.store.read(move |read| {
            read.issues(None, limit)?.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        read.await.map_err(Error::Store)
    }

    /// How it went the last time that issues were looked for.
    pub fn github_poll(&self) -> GitHubPoll {
        let poll = self.view.github.poll.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        poll.clone()
    }
}

/// What readers see of it.
#[derive(Default)]
pub(crate) struct GitHubView {
    pub(crate) poll: std::sync::RwLock<GitHubPoll>,
    /// The configuration changed.
    pub(crate) changed: tokio::sync::Notify,
}
