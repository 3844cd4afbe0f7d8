//! A fleet with a fake host, a clock that is stepped, and the laws that hold after every decision.

use super::laws::Laws;
use crate::event::{Draft, EventRef};
use crate::id::{EventId, InstanceId};
use crate::span::Span;
use crate::unit::backoff::Backoff;
use crate::unit::hook::{Hooks, Moment};
use crate::unit::probe::Probes;
use crate::unit::spec::{
    Condition, FullDisk, Kind, Limits, Logs, OnFailed, Policy, Restart, Stop, UnitName, UnitSpec,
};
use crate::unit::{
    Decision, Exit, Fleet, Found, Input, Now, Order, Rejection, Rest, State, Supply, Then, Unit,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(super) fn name(text: &str) -> UnitName {
    text.parse().unwrap()
}

/// A unit that is always restarted, by the default profile without jitter, and ends in 5 s.
pub(super) fn spec() -> UnitSpec {
    UnitSpec {
        command: vec!["run".to_owned()],
        env: BTreeMap::new(),
        cwd: "/".to_owned(),
        enabled: true,
        after: BTreeMap::new(),
        restart: Restart {
            policy: Policy::Always,
            profile: "default".to_owned(),
            backoff: Backoff { jitter: 0.0, ..Backoff::DEFAULT },
            success_codes: Vec::new(),
            start_limit: None,
        },
        stop: Stop { signal: crate::signal::Signal::TERM, grace: Span::from_secs(5) },
        logs: Logs { max_bytes: 1, keep: 1, full: FullDisk::Block },
        kind: Kind::Service,
        user: None,
        probes: Probes::default(),
        limits: Limits::default(),
        hooks: Hooks::default(),
        on_failed: OnFailed::Ignore,
    }
}

pub(super) fn after(names: &[&str]) -> UnitSpec {
    let after = names.iter().map(|text| (name(text), Condition::Started)).collect();
    UnitSpec { after, ..spec() }
}

pub(super) fn disabled() -> UnitSpec {
    UnitSpec { enabled: false, ..spec() }
}

pub(super) fn with_policy(policy: Policy, backoff: Backoff) -> UnitSpec {
    let backoff = Backoff { jitter: 0.0, ..backoff };
    let restart = Restart { policy, profile: "p".to_owned(), backoff, ..spec().restart };
    UnitSpec { restart, ..spec() }
}

pub(super) fn with_command(command: &str) -> UnitSpec {
    UnitSpec { command: vec![command.to_owned()], ..spec() }
}

#[derive(Debug, Default)]
pub(super) struct Counter(u128);

impl Counter {
    pub(super) fn uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}

impl Supply for Counter {
    fn instance(&mut self) -> InstanceId {
        InstanceId::new(self.uuid())
    }

    fn draw(&mut self) -> f64 {
        0.5
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Launching,
    Alive,
}

#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) name: UnitName,
    pub(super) life: Life,
    pub(super) pid: u32,
    started_boot_ms: u64,
    /// Set by the order to stop: killed no later than this.
    pub(super) kill_at: Option<u64>,
}

#[derive(Debug, Clone)]
enum Timer {
    Wait(UnitName, u64),
    Alarm(UnitName, InstanceId),
    CloseWindow,
}

pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) now: Now,
    /// Processes that exist; one that ended is not here any more.
    pub(super) host: BTreeMap<InstanceId, Process>,
    /// Units that end only when they are killed.
    pub(super) stubborn: BTreeSet<UnitName>,
    pub(super) specs: BTreeMap<UnitName, UnitSpec>,
    /// Kinds of events since somebody looked.
    pub(super) journal: Vec<String>,
    pub(super) past: Vec<(UnitName, InstanceId)>,
    /// The daemon dies before it carries orders out.
    pub(super) loses_orders: bool,
    /// Hooks that were ordered since somebody looked.
    pub(super) hooks: Vec<(UnitName, Moment)>,
    /// A unit that gave up asked for it.
    pub(super) shut_down: bool,
    timers: Vec<(u64, Timer)>,
    laws: Laws,
    supply: Counter,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            fleet: Fleet::default(),
            now: Now { at: Timestamp::UNIX_EPOCH, boot_ms: 1_000_000_000 },
            host: BTreeMap::new(),
            stubborn: BTreeSet::new(),
            specs: BTreeMap::new(),
            journal: Vec::new(),
            past: Vec::new(),
            loses_orders: false,
            hooks: Vec::new(),
            shut_down: false,
            timers: Vec::new(),
            laws: Laws::default(),
            supply: Counter::default(),
        }
    }

    /// A world with these units, nothing carried out yet.
    pub(super) fn with(specs: &[(&str, UnitSpec)]) -> Self {
        let mut world = Self::new();
        world.configure(specs);
        world
    }

    /// The same with all running that can run, and the journal empty.
    pub(super) fn running(specs: &[(&str, UnitSpec)]) -> Self {
        let mut world = Self::with(specs);
        world.settle();
        world.events();
        world
    }

    pub(super) fn configure(&mut self, specs: &[(&str, UnitSpec)]) -> Decision {
        self.specs = specs.iter().map(|(text, spec)| (name(text), spec.clone())).collect();
        self.feed(Input::Configure { specs: self.specs.clone() })
    }

    /// Decides, checks the laws, commits and carries out.
    pub(super) fn tell(&mut self, input: Input) -> Result<Decision, Rejection> {
        let said = format!("{input:?}");
        let decision = self.fleet.decide(input, "person:test", self.now, &mut self.supply)?;
        self.laws.check(&self.fleet, &decision, &said);
        self.fleet.apply(&decision);
        for draft in &decision.events {
            self.commit(draft);
        }
        for order in &decision.orders {
            if !self.loses_orders {
                self.carry_out(order);
            }
        }
        Ok(decision)
    }

    /// The same for what cannot be refused.
    pub(super) fn feed(&mut self, input: Input) -> Decision {
        self.tell(input).unwrap()
    }

    fn commit(&mut self, draft: &Draft) {
        self.journal.push(format!("{}:{}", draft.subject, draft.kind.trim_start_matches("unit.")));
        let id = EventId::new(self.supply.uuid());
        if let Some(unit) = self.fleet.units.get_mut(draft.subject.as_str()) {
            unit.latest = Some(EventRef { id, chain: id, hop: 0 });
        }
    }

    fn carry_out(&mut self, order: &Order) {
        match order {
            Order::Launch { name, instance, .. } => {
                let doubled = self.host.values().any(|process| process.name == *name);
                assert!(!doubled, "two processes of {name}");
                self.past.push((name.clone(), *instance));
                let pid = 100 + u32::try_from(self.past.len()).unwrap();
                let process = Process {
                    name: name.clone(),
                    life: Life::Launching,
                    pid,
                    started_boot_ms: 0,
                    kill_at: None,
                };
                self.host.insert(*instance, process);
            }
            Order::Stop { instance, grace_ms, .. } => {
                let kill_at = self.now.boot_ms + grace_ms;
                if let Some(process) = self.host.get_mut(instance) {
                    // A later order may only shorten the time.
                    process.kill_at = Some(process.kill_at.map_or(kill_at, |at| at.min(kill_at)));
                }
            }
            Order::Release { instance } => {
                assert!(!self.host.contains_key(instance), "a living process was released");
            }
            Order::Signal { instance, .. } => assert!(self.host.contains_key(instance)),
            Order::Wait { name, generation, delay_ms } => {
                let timer = Timer::Wait(name.clone(), *generation);
                self.timers.push((self.now.boot_ms + delay_ms, timer));
            }
            Order::Alarm { name, instance, delay_ms } => {
                let timer = Timer::Alarm(name.clone(), *instance);
                self.timers.push((self.now.boot_ms + delay_ms, timer));
            }
            Order::Hook { name, moment, .. } => self.hooks.push((name.clone(), *moment)),
            Order::Shutdown { .. } => self.shut_down = true,
            Order::CloseWindow { delay_ms } => {
                self.timers.push((self.now.boot_ms + delay_ms, Timer::CloseWindow));
            }
        }
    }

    pub(super) fn unit(&self, text: &str) -> &Unit {
        &self.fleet.units[text]
    }

    /// The present life of a unit.
    pub(super) fn life(&self, text: &str) -> InstanceId {
        self.unit(text).instance().unwrap()
    }

    /// The host's word: the process runs.
    pub(super) fn up(&mut self, instance: InstanceId) -> Decision {
        let process = self.host.get_mut(&instance).unwrap();
        process.life = Life::Alive;
        process.started_boot_ms = self.now.boot_ms;
        let (name, pid) = (process.name.clone(), process.pid);
        self.feed(Input::Started { name, instance, pid })
    }

    /// The host's word: the process ended.
    pub(super) fn exits(&mut self, instance: InstanceId, exit: Exit) -> Decision {
        let process = self.host.remove(&instance).unwrap();
        self.feed(Input::Exited { name: process.name, instance, exit })
    }

    pub(super) fn exit(&self, code: i32) -> Exit {
        Exit {
            code: Some(code),
            signal: None,
            reason: "exited".to_owned(),
            detail: None,
            at: self.now.at,
            uptime_ms: 10,
            killed: false,
            survivors: 0,
            last_lines: Vec::new(),
        }
    }

    pub(super) fn killed(&self, signal: i32) -> Exit {
        Exit { code: None, signal: Some(signal), ..self.exit(0) }
    }

    pub(super) fn start_failed(&self) -> Exit {
        Exit { code: None, reason: "start_failed".to_owned(), uptime_ms: 0, ..self.exit(0) }
    }

    /// Processes that were asked to end do so, but for stubborn ones.
    pub(super) fn obey(&mut self) -> bool {
        let ending: Vec<_> = self
            .host
            .iter()
            .filter(|(_, p)| p.kill_at.is_some() && !self.stubborn.contains(&p.name))
            .map(|(instance, _)| *instance)
            .collect();
        for instance in &ending {
            self.exits(*instance, Exit { reason: "stopped".to_owned(), ..self.exit(0) });
        }
        !ending.is_empty()
    }

    /// Time passes; waits end and stubborn processes are killed when it is their turn.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.boot_ms + ms;
        loop {
            let timer = self.timers.iter().map(|(due, _)| *due).min();
            let kill = self.host.values().filter_map(|process| process.kill_at).min();
            let Some(due) = timer.into_iter().chain(kill).min().filter(|due| *due <= end) else {
                break;
            };
            self.step_to(due);
            if let Some(at) = self.timers.iter().position(|(when, _)| *when <= due) {
                match self.timers.remove(at).1 {
                    Timer::Wait(name, generation) => {
                        self.feed(Input::WaitOver { name, generation });
                    }
                    Timer::Alarm(name, instance) => {
                        self.feed(Input::Alarm { name, instance, last: None });
                    }
                    Timer::CloseWindow => {
                        self.feed(Input::CloseWindowOver);
                    }
                }
            } else {
                let found = self.host.iter().find(|(_, p)| p.kill_at.is_some_and(|at| at <= due));
                let instance = *found.unwrap().0;
                self.exits(instance, Exit { killed: true, ..self.killed(9) });
            }
        }
        self.step_to(end);
    }

    fn step_to(&mut self, boot_ms: u64) {
        let ms = boot_ms.saturating_sub(self.now.boot_ms);
        self.now.boot_ms += ms;
        self.now.at += SignedDuration::from_millis(i64::try_from(ms).unwrap());
    }

    /// The host answers every order until nothing is left to answer; an hour may pass.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let launching = self.host.iter().find(|(_, p)| p.life == Life::Launching);
            if let Some(instance) = launching.map(|(instance, _)| *instance) {
                self.up(instance);
            } else if !self.obey() {
                let pending = self.host.values().any(|p| p.kill_at.is_some());
                // Deadlines of what lives are no reason to go on.
                let waits = self.timers.iter().any(|(_, t)| !matches!(t, Timer::Alarm(..)));
                if !waits && !pending {
                    return;
                }
                self.pass(60_000);
            }
        }
        panic!("the fleet does not come to rest");
    }

    /// The daemon dies and comes again: `found` says what is left of each life.
    pub(super) fn reborn(&mut self, mut found: impl FnMut(&mut Self, InstanceId) -> Found) {
        self.fleet.closing = None;
        self.timers.clear();
        self.loses_orders = false;
        let lives: Vec<_> = self
            .fleet
            .units
            .values()
            .filter_map(|unit| unit.instance().map(|instance| (unit.name.clone(), instance)))
            .collect();
        for (name, instance) in lives {
            let found = found(self, instance);
            self.feed(Input::Recovered { name, instance, found });
        }
        for order in self.fleet.waits(self.now) {
            self.carry_out(&order);
        }
        self.feed(Input::Configure { specs: self.specs.clone() });
    }

    /// What is there of a life, by the host's own knowledge.
    pub(super) fn found(&self, instance: InstanceId) -> Found {
        match self.host.get(&instance) {
            None => Found::NeverStarted,
            Some(Process { life: Life::Launching, .. }) => Found::StillStarting,
            Some(process) => {
                Found::Alive { pid: process.pid, started_boot_ms: process.started_boot_ms }
            }
        }
    }

    /// A unit's state in short: `running`, `stopped(by_hand)`, `waiting(a,b)`, `stopping(start)`.
    pub(super) fn state(&self, text: &str) -> String {
        let Some(unit) = self.fleet.units.get(text) else { return "gone".to_owned() };
        match &unit.state {
            State::Stopped { rest } => format!("stopped({})", rest_word(*rest)),
            State::Starting { instance: Some(_), .. } => "starting".to_owned(),
            State::Starting { waiting_for, .. } => {
                let names: Vec<_> = waiting_for.iter().map(UnitName::as_str).collect();
                format!("waiting({})", names.join(","))
            }
            State::BackingOff { delay_ms, .. } => format!("backing_off({delay_ms})"),
            State::Stopping { then, .. } => format!("stopping({})", then_word(*then)),
            State::Running { .. } | State::Failed { .. } => unit.state_word().to_owned(),
        }
    }

    /// The states of all units by name.
    pub(super) fn states(&self) -> String {
        let names: Vec<_> = self.fleet.units.keys().map(UnitName::as_str).collect();
        names.iter().map(|n| format!("{n} {}", self.state(n))).collect::<Vec<_>>().join(", ")
    }

    /// The events since the last look, as `unit:kind`.
    pub(super) fn events(&mut self) -> String {
        std::mem::take(&mut self.journal).join(" ")
    }

    /// Plays steps such as `stop a; gone a; wait 1000`.
    pub(super) fn play(&mut self, script: &str) {
        for step in script.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            let words: Vec<&str> = step.split(' ').collect();
            match *words.as_slice() {
                ["start", n] => drop(self.feed(Input::Start { name: name(n) })),
                ["stop", n] => drop(self.feed(Input::Stop { name: name(n) })),
                ["restart", n] => drop(self.feed(Input::Restart { name: name(n) })),
                ["up", n] => drop(self.up(self.life(n))),
                ["exit", n, code] => {
                    drop(self.exits(self.life(n), self.exit(code.parse().unwrap())));
                }
                ["kill", n, signal] => {
                    drop(self.exits(self.life(n), self.killed(signal.parse().unwrap())));
                }
                ["fail", n] => drop(self.exits(self.life(n), self.start_failed())),
                ["healthy", n, code] => {
                    let exit = self.exit(code.parse().unwrap());
                    self.exits(self.life(n), Exit { uptime_ms: 3_600_000, ..exit });
                }
                ["gone", n] => {
                    let exit = Exit { reason: "stopped".to_owned(), ..self.killed(15) };
                    self.exits(self.life(n), exit);
                }
                ["wait", ms] => self.pass(ms.parse().unwrap()),
                ["close"] => drop(self.feed(Input::CloseAll)),
                ["obey"] => drop(self.obey()),
                ["settle"] => self.settle(),
                ["reborn"] => self.reborn(|world, instance| world.found(instance)),
                ref other => panic!("no such step: {other:?}"),
            }
        }
    }
}

fn rest_word(rest: Rest) -> &'static str {
    match rest {
        Rest::New => "new",
        Rest::ByHand => "by_hand",
        Rest::Disabled => "disabled",
        Rest::Down => "down",
        Rest::Finished => "finished",
    }
}

fn then_word(then: Then) -> &'static str {
    match then {
        Then::Judge(verdict) => verdict.word(),
        Then::Rest(rest) => rest_word(rest),
        Then::Start => "start",
        Then::Remove => "remove",
    }
}
