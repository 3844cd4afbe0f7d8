use crate::id::InstanceId;
use crate::job::schedule::Schedule;
use crate::job::spec::{Action, JobName, JobSpec, Missed, Overlap, Retry};
use crate::job::{Asked, Decision, Hand, Input, Job, Jobs, Order, Outcome, Trigger};
use crate::span::Span;
use crate::unit::{Exit, Found, Now, Supply};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

struct Ids(u128, f64);

impl Supply for Ids {
    fn instance(&mut self) -> InstanceId {
        self.0 += 1;
        InstanceId::new(Uuid::from_u128(self.0))
    }

    fn draw(&mut self) -> f64 {
        self.1
    }
}

struct World {
    jobs: Jobs,
    now: Now,
    ids: Ids,
    kinds: Vec<String>,
    living: Vec<(JobName, InstanceId)>,
    begun: u64,
}

fn job_name() -> JobName {
    "a".parse().unwrap()
}

fn spec(schedule: Schedule) -> JobSpec {
    JobSpec {
        schedule,
        jitter: 0.0,
        action: Action::Command {
            command: vec!["true".to_owned()],
            env: BTreeMap::new(),
            cwd: "/".to_owned(),
        },
        overlap: Overlap::Skip,
        missed: Missed::Once,
        timeout: None,
        retry: Retry::NONE,
        immediate: false,
        enabled: true,
    }
}

fn every(secs: u64) -> JobSpec {
    spec(Schedule::Every { span: Span::from_secs(secs) })
}

fn cron(expr: &str, zone: &str) -> JobSpec {
    spec(Schedule::Cron { expr: expr.to_owned(), zone: zone.to_owned() })
}

impl World {
    fn at(start: &str) -> Self {
        Self {
            jobs: Jobs::default(),
            now: Now { at: start.parse().unwrap(), boot_ms: 5_000 },
            ids: Ids(0, 0.5),
            kinds: Vec::new(),
            living: Vec::new(),
            begun: 0,
        }
    }

    fn with(start: &str, spec: JobSpec) -> Self {
        let mut world = Self::at(start);
        world.configure(spec);
        world.kinds.clear();
        world
    }

    fn configure(&mut self, spec: JobSpec) {
        self.put(Input::Configure { specs: BTreeMap::from([(job_name(), spec)]) });
    }

    fn put(&mut self, input: Input) -> Decision {
        let decision = self.jobs.decide(input, "person:cli", self.now, &mut self.ids).unwrap();
        self.jobs.apply(&decision);
        self.kinds.extend(decision.events.iter().map(|draft| draft.kind.clone()));
        for order in &decision.orders {
            match order {
                Order::Begin { name, instance, .. } => {
                    self.living.push((name.clone(), *instance));
                    self.begun += 1;
                }
                Order::Stop { .. } => {}
                Order::Release { instance } => self.living.retain(|(_, id)| id != instance),
            }
        }
        decision
    }

    fn wait(&mut self, secs: f64) {
        self.step(secs);
        self.now.boot_ms += (secs * 1_000.0) as u64;
        self.put(Input::Tick { may_start: true });
    }

    /// The clock on the wall alone.
    fn step(&mut self, secs: f64) {
        let by = SignedDuration::from_millis((secs * 1_000.0) as i64);
        self.now.at = self.now.at.checked_add(by).unwrap();
    }

    fn exit(&mut self, code: i32) {
        let (name, instance) = self.living[0].clone();
        let exit = exit(code, self.now.at);
        self.put(Input::Exited { name, instance, exit });
    }

    fn ask(&mut self, force: bool) -> Asked {
        self.put(Input::Run { name: job_name(), force }).asked.unwrap()
    }

    fn job(&self) -> &Job {
        &self.jobs.jobs["a"]
    }

    fn kinds(&mut self) -> Vec<String> {
        std::mem::take(&mut self.kinds)
    }
}

fn exit(code: i32, at: Timestamp) -> Exit {
    Exit {
        code: Some(code),
        signal: None,
        reason: "exited".to_owned(),
        detail: None,
        at,
        uptime_ms: 0,
        killed: false,
        survivors: 0,
        last_lines: Vec::new(),
    }
}

const START: &str = "2026-11-20T12:00:00Z";

#[test]
fn a_period_is_kept_without_drift() {
    let mut world = World::with(START, every(2));
    for _ in 0..60 {
        world.wait(0.1);
        if !world.living.is_empty() {
            world.exit(0);
        }
    }
    assert_eq!(world.begun, 3);
    assert_eq!(world.kinds(), ["job.started", "job.finished"].repeat(3));
    assert_eq!(world.job().next_at.unwrap().to_string(), "2026-11-20T12:00:08Z");
}

#[test]
fn jitter_delays_by_a_share_of_the_period_and_does_not_add_up() {
    let mut world = World::with(START, JobSpec { jitter: 0.1, ..every(100) });
    assert_eq!(world.job().next_at.unwrap().to_string(), "2026-11-20T12:01:45Z");
    world.wait(104.9);
    assert_eq!(world.begun, 0);
    world.wait(0.2);
    assert_eq!(world.begun, 1);
    assert_eq!(world.job().next_at.unwrap().to_string(), "2026-11-20T12:03:25Z");
}

#[test]
fn overlap_skip_leaves_a_time_out() {
    let mut world = World::with(START, every(10));
    world.wait(10.0);
    world.wait(10.0);
    assert_eq!(world.kinds(), ["job.started", "job.skipped"]);
    assert!(matches!(world.ask(true), Asked::Skipped { .. }));
    world.exit(0);
    world.wait(10.0);
    assert_eq!(world.begun, 2);
}

#[test]
fn overlap_queue_keeps_one() {
    let mut world = World::with(START, JobSpec { overlap: Overlap::Queue, ..every(10) });
    for _ in 0..3 {
        world.wait(10.0);
    }
    assert_eq!(world.kinds(), ["job.started", "job.queued", "job.skipped"]);
    world.exit(0);
    assert_eq!(world.kinds(), ["job.finished", "job.started"]);
    world.exit(0);
    assert_eq!((world.begun, world.living.len()), (2, 0));
}

#[test]
fn overlap_restart_ends_the_old_one_first() {
    let mut world = World::with(START, JobSpec { overlap: Overlap::Restart, ..every(10) });
    world.wait(10.0);
    world.wait(10.0);
    assert_eq!(world.kinds(), ["job.started", "job.queued", "job.stopping"]);
    assert_eq!(world.begun, 1);
    world.exit(143);
    assert_eq!(world.kinds(), ["job.stopped", "job.started"]);
    assert_eq!((world.begun, world.job().failures), (2, 0));
}

#[test]
fn what_ran_just_now_is_skipped_unless_forced() {
    let mut world = World::with(START, every(3_600));
    assert_eq!(world.ask(false), Asked::Started { number: 1 });
    world.exit(0);
    world.wait(59.0);
    let Asked::Skipped { why } = world.ask(false) else { panic!() };
    assert_eq!(why, "run 1 ended 59 s ago");
    assert_eq!(world.ask(true), Asked::Started { number: 2 });
    world.exit(0);
    world.wait(61.0);
    assert_eq!(world.ask(false), Asked::Started { number: 3 });
    // A time of the schedule that comes right after gives way too.
    let mut world = World::with(START, every(600));
    world.wait(580.0);
    world.ask(false);
    world.exit(0);
    world.wait(20.0);
    assert_eq!(world.kinds(), ["job.started", "job.finished", "job.skipped"]);
    // But not because the one before took nearly the whole period.
    world.wait(600.0);
    world.wait(590.0);
    world.exit(0);
    world.wait(10.0);
    assert_eq!(world.kinds(), ["job.started", "job.finished", "job.started"]);
}

#[test]
fn missed_times_run_once_at_waking() {
    for (missed, kinds) in
        [(Missed::Once, &["job.missed", "job.started"][..]), (Missed::Skip, &["job.missed"][..])]
    {
        let spec = JobSpec { missed, ..cron("*/10 * * * *", "UTC") };
        let mut world = World::with("2026-11-20T12:00:30Z", spec);
        // An hour of sleep: the machine's own clock counts it too.
        world.wait(3_735.0);
        assert_eq!(world.kinds(), kinds);
        if missed == Missed::Once {
            assert_eq!(world.job().current.as_ref().unwrap().record.trigger, Trigger::Missed);
            world.exit(0);
        }
        world.wait(1.0);
        let begun = u64::from(missed == Missed::Once);
        assert_eq!(world.begun, begun);
        assert_eq!(world.job().next_at.unwrap().to_string(), "2026-11-20T13:10:00Z");
    }
}

#[test]
fn across_the_change_of_the_clock_a_nightly_job_runs_once_a_night() {
    for (from, zone) in [
        ("2026-03-25T12:00:00Z", "Europe/Berlin"),
        ("2026-10-22T12:00:00Z", "Europe/Berlin"),
        ("2026-03-05T12:00:00Z", "America/New_York"),
        ("2026-10-29T12:00:00Z", "America/New_York"),
        ("2026-04-02T12:00:00Z", "Australia/Lord_Howe"),
        ("2026-10-01T12:00:00Z", "Australia/Lord_Howe"),
    ] {
        for expr in ["30 2 * * *", "30 1 * * *", "15 2 * * *"] {
            let mut world = World::with(from, cron(expr, zone));
            for _ in 0..7 * 24 * 60 {
                world.wait(60.0);
                if !world.living.is_empty() {
                    world.exit(0);
                }
            }
            assert_eq!(world.begun, 7, "{expr} in {zone} from {from}");
        }
    }
}

#[test]
fn a_clock_that_is_put_back_neither_repeats_nor_stops_a_job() {
    let mut world = World::with("2026-11-20T02:00:00Z", cron("30 2 * * *", "UTC"));
    world.wait(1_800.0);
    world.exit(0);
    // By a little: not again.
    world.step(-600.0);
    world.wait(700.0);
    assert_eq!(world.begun, 1);
    // By a year: it does not wait for a year.
    world.step(-365.0 * 86_400.0);
    world.wait(1.0);
    assert!(world.kinds().contains(&"job.rescheduled".to_owned()));
    world.wait(86_400.0);
    assert_eq!(world.begun, 2);
    let mut world = World::with(START, every(600));
    world.step(-86_400.0);
    world.wait(601.0);
    world.wait(601.0);
    assert_eq!(world.begun, 1);
}

#[test]
fn a_job_that_takes_too_long_is_ended_and_failed() {
    let timeout = Some(Span::from_secs(5));
    let mut world = World::with(START, JobSpec { timeout, ..every(10) });
    world.wait(10.0);
    assert_eq!(world.jobs.idle_ms(world.now), Some(5_000));
    // The clock on the wall has no part in it.
    world.step(-4.0);
    world.wait(5.0);
    world.exit(143);
    assert_eq!(world.kinds(), ["job.started", "job.stopping", "job.failed"]);
    let last = world.job().last.clone().unwrap();
    let why = "It took longer than 5 s and was ended.".to_owned();
    assert_eq!(last.outcome, Some(Outcome::Failed { why }));
}

#[test]
fn failures_are_counted_and_tried_again_as_often_as_said() {
    let retry = Retry { times: 2, wait: Span::from_secs(30) };
    let mut world = World::with(START, JobSpec { retry, ..every(3_600) });
    world.ask(false);
    for attempt in 1..=3 {
        assert_eq!(world.job().current.as_ref().unwrap().record.attempt, attempt);
        world.exit(1);
        assert_eq!(world.job().failures, attempt);
        world.wait(29.0);
        assert!(world.living.is_empty());
        world.wait(1.5);
    }
    assert!(world.living.is_empty());
    assert_eq!(world.begun, 3);
    world.ask(true);
    world.exit(0);
    assert_eq!(world.job().failures, 0);
}

#[test]
fn disabled_jobs_wait_for_nobody_and_can_be_asked() {
    let mut world = World::with(START, every(10));
    world.put(Input::Disable { name: job_name() });
    world.put(Input::Disable { name: job_name() });
    world.wait(100.0);
    assert_eq!((world.begun, world.jobs.idle_ms(world.now)), (0, None));
    assert_eq!(world.ask(false), Asked::Started { number: 1 });
    world.exit(0);
    // What a person said outlives the configuration.
    world.configure(every(20));
    assert_eq!(world.job().hand, Hand::Disabled);
    assert_eq!(world.job().next_at, None);
    world.kinds.clear();
    world.put(Input::Enable { name: job_name() });
    assert_eq!(world.kinds(), ["job.enabled"]);
    world.wait(20.0);
    assert_eq!(world.begun, 2);
}

#[test]
fn immediate_jobs_run_when_new_and_at_each_start() {
    let spec = JobSpec { immediate: true, ..every(3_600) };
    let mut world = World::at(START);
    world.configure(spec.clone());
    assert_eq!(world.kinds(), ["job.configured", "job.started"]);
    world.exit(0);
    world.configure(spec.clone());
    assert_eq!(world.kinds(), ["job.finished"]);
    world.wait(120.0);
    world.jobs.awake = false;
    world.configure(spec);
    assert_eq!(world.kinds(), ["job.started"]);
}

#[test]
fn a_removed_job_is_ended_before_it_goes() {
    let mut world = World::with(START, every(10));
    world.wait(10.0);
    world.put(Input::Configure { specs: BTreeMap::new() });
    assert!(world.job().leaving);
    assert!(
        world
            .jobs
            .decide(Input::Run { name: job_name(), force: true }, "", world.now, &mut world.ids)
            .is_err()
    );
    world.exit(143);
    assert_eq!(world.kinds(), ["job.started", "job.removed", "job.stopping", "job.stopped"]);
    assert!(world.jobs.jobs.is_empty());
}

#[test]
fn after_a_crash_of_the_daemon_nothing_runs_twice() {
    let cases = [
        (Found::Alive { pid: 5, started_boot_ms: 1 }, &["job.adopted"][..], 1),
        (Found::Exited(exit(0, START.parse().unwrap())), &["job.finished"][..], 0),
        (Found::NeverStarted, &["job.start_repeated"][..], 2),
        (Found::OtherBoot, &["job.failed"][..], 1),
    ];
    for (found, kinds, living) in cases {
        let mut world = World::with(START, every(3_600));
        world.ask(false);
        world.kinds.clear();
        world.jobs.awake = false;
        let (name, instance) = world.living[0].clone();
        world.wait(5_000.0);
        assert_eq!(world.begun, 1, "before the configuration is known");
        world.put(Input::Recovered { name, instance, found });
        assert_eq!(world.kinds(), kinds);
        assert_eq!(world.living.len(), living);
    }
}

#[test]
fn nothing_begins_on_the_way_down_or_on_a_full_disk() {
    let mut world = World::with(START, every(10));
    world.step(10.0);
    world.put(Input::Tick { may_start: false });
    assert_eq!(world.begun, 0);
    world.put(Input::Tick { may_start: true });
    assert_eq!(world.begun, 1);
    world.put(Input::CloseAll);
    world.wait(10.0);
    world.exit(143);
    world.wait(10.0);
    assert_eq!(world.kinds(), ["job.started", "job.stopping", "job.stopped"]);
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u32),
    Clock(i32),
    Exit(u8),
    Ask(bool),
    Enable(bool),
    Crash(u8),
    Configure(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u32..100_000).prop_map(Step::Wait),
        1 => (-200_000_i32..200_000).prop_map(Step::Clock),
        6 => (0_u8..3).prop_map(Step::Exit),
        2 => any::<bool>().prop_map(Step::Ask),
        1 => any::<bool>().prop_map(Step::Enable),
        1 => (0_u8..4).prop_map(Step::Crash),
        1 => (0_u8..4).prop_map(Step::Configure),
    ]
}

fn variant(number: u8) -> JobSpec {
    let retry = Retry { times: 1, wait: Span::from_secs(3) };
    let timeout = Some(Span::from_secs(20));
    match number {
        0 => every(10),
        1 => JobSpec { overlap: Overlap::Queue, retry, jitter: 0.3, ..every(61) },
        2 => JobSpec { overlap: Overlap::Restart, timeout, ..cron("* * * * *", "Europe/Berlin") },
        _ => JobSpec { immediate: true, missed: Missed::Skip, ..every(1) },
    }
}

proptest! {
    #[test]
    fn whatever_happens_one_runs_at_a_time_and_the_next_time_is_known(
        first in 0_u8..4, steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut world = World::with("2026-10-25T00:00:00Z", variant(first));
        for step in steps {
            match step {
                Step::Wait(ms) => world.wait(f64::from(ms) / 1_000.0),
                Step::Clock(secs) => {
                    world.step(f64::from(secs));
                    world.put(Input::Tick { may_start: true });
                }
                Step::Exit(code) if !world.living.is_empty() => world.exit(i32::from(code)),
                Step::Exit(_) => {}
                Step::Ask(force) => drop(world.ask(force)),
                Step::Enable(true) => drop(world.put(Input::Enable { name: job_name() })),
                Step::Enable(false) => drop(world.put(Input::Disable { name: job_name() })),
                Step::Configure(number) => world.configure(variant(number)),
                Step::Crash(how) => {
                    world.jobs.awake = false;
                    if let Some((name, instance)) = world.living.first().cloned() {
                        let found = match how {
                            0 => Found::Alive { pid: 1, started_boot_ms: 1 },
                            1 => Found::Exited(exit(1, world.now.at)),
                            2 => Found::NeverStarted,
                            _ => Found::OtherBoot,
                        };
                        if how > 1 {
                            world.living.clear();
                        }
                        world.put(Input::Recovered { name, instance, found });
                    }
                    let spec = world.job().spec.clone();
                    world.configure(spec);
                }
            }
            prop_assert!(world.living.len() <= 1, "two at once");
            let job = world.job();
            prop_assert_eq!(job.current.is_some(), !world.living.is_empty());
            prop_assert_eq!(job.is_enabled(), job.next_at.is_some());
            prop_assert!(job.queued.is_none() || job.current.is_some());
            let text = serde_json::to_string(job).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Job>(&text).unwrap(), job);
        }
    }
}
