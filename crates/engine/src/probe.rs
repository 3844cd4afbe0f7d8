//! Asking units whether they do their work: one task for each living process that has probes. A
//! task reports only changes that lasted; the single answers are kept in memory for people.

use crate::handle::View;
use crate::message::Message;
use crate::options::Options;
use crate::spawn::{FutureKind, Futures};
use jiff::Timestamp;
use orkestra_core::id::InstanceId;
use orkestra_core::unit::probe::{Check, Probe, Question, Streak};
use orkestra_core::unit::spec::{UnitName, UnitSpec};
use orkestra_core::unit::{Input, State, Unit};
use orkestra_host::output::LogReader;
use orkestra_host::{probe as ask, program};
use regex::bytes::Regex;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Answers that are kept for each unit.
const HISTORY: usize = 60;
/// Until it is ready for the first time, a process is asked at least this often.
const IMPATIENT: Duration = Duration::from_secs(1);
/// What a probing program may say.
const SAID_MAX: usize = 4 << 10;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// When it was known.
    pub at: Timestamp,
    /// What was asked.
    pub question: Question,
    /// Yes or no.
    pub passed: bool,
    /// By which way of asking, or why not.
    pub why: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// The newest answers of each unit, and when each life last said that it lives.
#[derive(Default)]
pub(crate) struct Answers {
    newest: Mutex<HashMap<UnitName, VecDeque<Answer>>>,
    watchdogs: Mutex<HashMap<InstanceId, Instant>>,
}

impl Answers {
    /// The newest answers of a unit, oldest first.
    pub(crate) fn of(&self, name: &str) -> Vec<Answer> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.get(name).map(|answers| answers.iter().cloned().collect()).unwrap_or_default()
    }

    /// What was heard last about a question.
    pub(crate) fn last(&self, name: &UnitName, question: Question) -> Option<String> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let of_question = newest.get(name)?.iter().rev().find(|a| a.question == question)?;
        Some(of_question.why.clone())
    }

    fn add(&self, name: &UnitName, answer: Answer) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = newest.entry(name.clone()).or_default();
        while answers.len() >= HISTORY {
            answers.pop_front();
        }
        answers.push_back(answer);
    }

    fn forget(&self, name: &UnitName) {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// A process said WATCHDOG=1.
    pub(crate) fn lives(&self, instance: InstanceId) {
        let mut watchdogs = self.watchdogs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = watchdogs.get_mut(&instance) {
            *at = Instant::now();
        }
    }

    fn watch(&self, instance: InstanceId) {
        let mut watchdogs = self.watchdogs.lock().unwrap_or_else(PoisonError::into_inner);
        watchdogs.insert(instance, Instant::now());
    }

    fn unwatch(&self, instance: InstanceId) {
        self.watchdogs.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance);
    }

    fn silent_for(&self, instance: InstanceId) -> Duration {
        let watchdogs = self.watchdogs.lock().unwrap_or_else(PoisonError::into_inner);
        watchdogs.get(&instance).map(Instant::elapsed).unwrap_or_default()
    }
}

/// The futures that ask.
pub(crate) struct Probers {
    options: Options,
    outbox: mpsc::Sender<Message>,
    futures: Futures,
    view: Arc<View>,
    asking: BTreeMap<UnitName, Asking>,
}

struct Asking {
    instance: InstanceId,
    spec: UnitSpec,
    token: CancellationToken,
}

impl Probers {
    pub(crate) fn new(
        options: Options,
        outbox: mpsc::Sender<Message>,
        futures: Futures,
        view: Arc<View>,
    ) -> Self {
        Self { options, outbox, futures, view, asking: BTreeMap::new() }
    }

    /// Asks what is to be asked of a unit as it is now, and nothing else.
    pub(crate) fn follow(&mut self, name: &UnitName, unit: Option<&Unit>) {
        let wanted = unit.and_then(|unit| match &unit.state {
            State::Running { instance, .. } => {
                let probes = &unit.spec.probes;
                (probes.ready.is_some() || probes.live.is_some()).then_some((unit, *instance))
            }
            State::Stopped { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Failed { .. }
            | State::Stopping { .. } => None,
        });
        if let (Some(asking), Some((unit, instance))) = (self.asking.get(name), wanted)
            && asking.instance == instance
            && asking.spec == unit.spec
        {
            return;
        }
        if let Some(asking) = self.asking.remove(name) {
            asking.token.cancel();
            self.view.answers.unwatch(asking.instance);
        }
        if unit.is_none() {
            self.view.answers.forget(name);
        }
        if let Some((unit, instance)) = wanted {
            self.ask(unit, instance);
        }
    }

    fn ask(&mut self, unit: &Unit, instance: InstanceId) {
        let token = CancellationToken::new();
        let State::Running { started_boot_ms, ref checks, .. } = unit.state else { return };
        let told = |check: &Check| match check {
            Check::Passing => Some(true),
            Check::Failing { .. } => Some(false),
            Check::Unasked | Check::Waiting => None,
        };
        let (ready, live) = (told(&checks.ready), told(&checks.live));
        let prober = Arc::new(Prober {
            name: unit.name.clone(),
            instance,
            spec: unit.spec.clone(),
            started_boot_ms,
            log_dir: self.options.home.join("logs").join(unit.name.as_str()),
            options: self.options.clone(),
            outbox: self.outbox.clone(),
            view: Arc::clone(&self.view),
        });
        for (question, told) in [(Question::Ready, ready), (Question::Live, live)] {
            if prober.spec.probes.of(question).is_none() {
                continue;
            }
            let (prober, token) = (Arc::clone(&prober), token.clone());
            self.futures.spawn(FutureKind::Service, async move {
                let asking = prober.go_on_asking(question, told);
                let _superseded = token.run_until_cancelled(asking).await;
            });
        }
        let asking = Asking { instance, spec: unit.spec.clone(), token };
        self.asking.insert(unit.name.clone(), asking);
    }
}

/// Asks one life of one unit.
struct Prober {
    name: UnitName,
    instance: InstanceId,
    spec: UnitSpec,
    started_boot_ms: u64,
    log_dir: PathBuf,
    options: Options,
    outbox: mpsc::Sender<Message>,
    view: Arc<View>,
}

impl Prober {
    async fn go_on_asking(&self, question: Question, told: Option<bool>) {
        let Some(probe) = self.spec.probes.of(question) else { return };
        if question == Question::Live {
            // What is not ready yet is not expected to live up to anything.
            self.until_ready().await;
            if probe.notify.is_some() {
                self.view.answers.watch(self.instance);
            }
        }
        let known = told == Some(true);
        tokio::join!(
            self.ask_again_and_again(question, probe, told),
            self.wait_for_line(question, probe, known),
            self.wait_for_age(question, probe, known),
        );
    }

    async fn until_ready(&self) {
        let mut changed = self.view.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let ready = {
                let fleet = self.view.fleet.read().unwrap_or_else(PoisonError::into_inner);
                let checks = fleet.units.get(&self.name).and_then(Unit::checks);
                checks.is_some_and(|checks| checks.is_ready())
            };
            if ready || changed.changed().await.is_err() {
                return;
            }
        }
    }

    async fn ask_again_and_again(&self, question: Question, probe: &Probe, told: Option<bool>) {
        let watchdog = question == Question::Live && probe.notify.is_some();
        let asks = probe.exec.is_some() || probe.http.is_some() || probe.tcp.is_some() || watchdog;
        if !asks {
            return;
        }
        let every = Duration::from_millis(probe.every.ms().max(100));
        let mut streak = Streak::new(probe, told);
        let mut was_ready = told == Some(true);
        loop {
            let began = Instant::now();
            let answer = self.ask(question, probe).await;
            let (passed, why) = match &answer {
                Ok(by) => (true, (*by).to_owned()),
                Err(why) => (false, why.clone()),
            };
            self.note(question, passed, &why, began.elapsed());
            was_ready |= passed;
            if streak.take(passed).is_some() {
                self.say(question, passed, why).await;
            }
            let pause =
                if was_ready || question == Question::Live { every } else { every.min(IMPATIENT) };
            tokio::time::sleep(pause.saturating_sub(began.elapsed())).await;
        }
    }

    /// One asking: the first way that passes decides.
    async fn ask(&self, question: Question, probe: &Probe) -> Result<&'static str, String> {
        let limit = Duration::from_millis(probe.timeout.ms().max(1));
        let mut failed = Vec::new();
        if question == Question::Live && probe.notify.is_some() {
            let silent = self.view.answers.silent_for(self.instance);
            if silent.as_millis() <= u128::from(probe.every.ms()) {
                return Ok("WATCHDOG=1");
            }
            failed.push(format!("it has not said WATCHDOG=1 for {} s", silent.as_secs()));
        }
        if let Some(command) = &probe.exec {
            match self.exec(command, limit).await {
                Ok(()) => return Ok("exec"),
                Err(why) => failed.push(why),
            }
        }
        if let Some(http) = &probe.http {
            match ask::http(&http.url, http.status, limit).await {
                Ok(()) => return Ok("http"),
                Err(why) => failed.push(why),
            }
        }
        if let Some(address) = &probe.tcp {
            match ask::tcp(address, limit).await {
                Ok(()) => return Ok("tcp"),
                Err(why) => failed.push(why),
            }
        }
        Err(failed.join("; "))
    }

    async fn exec(&self, command: &[String], limit: Duration) -> Result<(), String> {
        let mut env: BTreeMap<String, String> = self.options.env.iter().cloned().collect();
        env.extend(self.spec.env.clone());
        env.insert("ORKESTRA_UNIT".to_owned(), self.name.to_string());
        let mut env: Vec<(String, String)> = env.into_iter().collect();
        let secrets = &self.view.secrets;
        secrets.fill_beside(&self.spec.env, &mut env).await?;
        let cwd = Path::new(&self.spec.cwd);
        let command: Vec<String> = resolved(command, cwd);
        let user = self.spec.user.as_deref();
        match program::run_captured_as(user, &command, &env, cwd, limit, SAID_MAX).await {
            Ok(captured) if captured.success() => Ok(()),
            Ok(captured) => {
                let how = match (captured.code, captured.signal) {
                    (Some(code), _) => format!("its probe exited with code {code}"),
                    (None, Some(signal)) => format!("its probe was killed by signal {signal}"),
                    (None, None) => "its probe ended".to_owned(),
                };
                match last_line(&captured.stderr).or_else(|| last_line(&captured.stdout)) {
                    Some(said) => Err(format!("{how}: {}", secrets.redact(&said))),
                    None => Err(how),
                }
            }
            Err(error) => Err(crate::instance::describe(&error)),
        }
    }

    /// A line of this life's output that matches.
    async fn wait_for_line(&self, question: Question, probe: &Probe, known: bool) {
        let Some(pattern) = probe.log.as_ref().filter(|_| !known) else { return };
        // The configuration has checked it.
        let Ok(pattern) = Regex::new(pattern) else { return };
        let began = Instant::now();
        if self.line_came(&pattern).await {
            self.note(question, true, "log", began.elapsed());
            self.say(question, true, "log".to_owned()).await;
        }
    }

    async fn line_came(&self, pattern: &Regex) -> bool {
        // The id of a life is made just before it starts, and holds the time.
        let born_ms = self.instance.born_ms();
        let reader = LogReader::new(self.log_dir.clone());
        let Ok(start) = reader.start() else { return false };
        let Ok(mut follower) = reader.follow(start) else { return false };
        while let Ok(page) = follower.next().await {
            let ours = page.lines.iter().filter(|line| line.at_micros / 1_000 >= born_ms);
            if ours.into_iter().any(|line| pattern.is_match(&line.bytes)) {
                return true;
            }
        }
        false
    }

    async fn wait_for_age(&self, question: Question, probe: &Probe, known: bool) {
        let Some(delay) = probe.delay.filter(|_| !known) else { return };
        let age = self.options.world.now().boot_ms.saturating_sub(self.started_boot_ms);
        tokio::time::sleep(Duration::from_millis(delay.ms().saturating_sub(age))).await;
        self.note(question, true, "delay", Duration::ZERO);
        self.say(question, true, "delay".to_owned()).await;
    }

    fn note(&self, question: Question, passed: bool, why: &str, took: Duration) {
        let at = self.options.world.now().at;
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let answer = Answer { at, question, passed, why: why.to_owned(), took_ms };
        self.view.answers.add(&self.name, answer);
    }

    async fn say(&self, question: Question, passing: bool, why: String) {
        let input = Input::Probed {
            name: self.name.clone(),
            instance: self.instance,
            question,
            passing,
            why,
        };
        let message = Message::Unit { input, actor: "daemon".to_owned(), reply: None };
        let _closing = self.outbox.send(message).await;
    }
}

/// The last line that a program said, for people.
pub(crate) fn last_line(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(400).collect())
}

/// A program that is named relative to the unit's folder is looked for there, as a shell there
/// would.
pub(crate) fn resolved(command: &[String], cwd: &Path) -> Vec<String> {
    let mut command = command.to_vec();
    if let Some(program) = command.first_mut()
        && program.contains('/')
        && !program.starts_with('/')
    {
        *program = cwd.join(&*program).to_string_lossy().into_owned();
    }
    command
}
