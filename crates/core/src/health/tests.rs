use super::*;

fn facts() -> Facts {
    Facts {
        disk: Some(Room { free: 100 * GB, total: 500 * GB }),
        memory: Some(Room { free: 8 * GB, total: 16 * GB }),
        load: Some((1.5, 4)),
        database_bytes: Some(20 * MB),
        daemon: Some(Daemon {
            uptime_ms: 90_000,
            rss: Some(40 * MB),
            descriptors: Some((50, 1024)),
            writing: Writing::Ok,
            integrity: None,
            units: Units { all: 2, running: 2, ..Units::default() },
            jobs_failing: Vec::new(),
            outbox: Outbox::default(),
            agents: None,
        }),
    }
}

fn level(report: &Report, name: &str) -> Level {
    report.checks.iter().find(|check| check.name == name).map_or(Level::Unknown, |c| c.level)
}

fn with(change: impl FnOnce(&mut Facts)) -> Report {
    let mut facts = facts();
    change(&mut facts);
    report(&facts, &Thresholds::DEFAULT)
}

fn daemon(change: impl FnOnce(&mut Daemon)) -> Report {
    with(|facts| {
        if let Some(daemon) = &mut facts.daemon {
            change(daemon);
        }
    })
}

#[test]
fn all_is_well() {
    let report = with(|_| {});
    assert_eq!(report.level, Level::Ok);
    assert!(report.checks.iter().all(|check| check.level == Level::Ok && check.advice.is_none()));
    assert_eq!(report.checks.len(), 12);
}

#[test]
fn row_041_eight_gigabytes_warn_and_four_are_critical() {
    let cases = [
        (10 * GB + 1, Level::Ok),
        (10 * GB, Level::Warning),
        (8 * GB, Level::Warning),
        (5 * GB + 1, Level::Warning),
        (5 * GB, Level::Critical),
        (4 * GB, Level::Critical),
        (0, Level::Critical),
    ];
    for (free, expected) in cases {
        for total in [50 * GB, 500 * GB, 8_000 * GB] {
            let report = with(|facts| facts.disk = Some(Room { free, total }));
            assert_eq!(level(&report, "disk"), expected, "{free} of {total}");
            assert_eq!(report.level, expected, "{free} of {total}");
        }
    }
}

#[test]
fn a_small_disk_is_measured_by_its_share_unless_it_is_configured() {
    // A fifth of 20 GB is 4 GB, a tenth is 2 GB.
    for (free, expected) in
        [(5 * GB, Level::Ok), (4 * GB, Level::Warning), (2 * GB, Level::Critical)]
    {
        let report = with(|facts| facts.disk = Some(Room { free, total: 20 * GB }));
        assert_eq!(level(&report, "disk"), expected, "{free}");
    }
    let configured =
        Thresholds { disk_warning: Some(10 * GB), disk_critical: Some(GB), ..Thresholds::DEFAULT };
    let mut facts = facts();
    facts.disk = Some(Room { free: 9 * GB, total: 20 * GB });
    assert_eq!(level(&report(&facts, &configured), "disk"), Level::Warning);
    // A warning that was set below the critical figure is raised to it.
    let wrong = Thresholds { disk_warning: Some(GB), ..configured };
    let wrong = Thresholds { disk_critical: Some(10 * GB), ..wrong };
    assert_eq!(level(&report(&facts, &wrong), "disk"), Level::Critical);
}

#[test]
fn every_other_figure_has_its_threshold() {
    let memory = |free| with(|facts| facts.memory = Some(Room { free, total: 100 * GB }));
    assert_eq!(level(&memory(10 * GB), "memory"), Level::Ok);
    assert_eq!(level(&memory(10 * GB - 1), "memory"), Level::Warning);
    assert_eq!(level(&memory(3 * GB), "memory"), Level::Warning);
    assert_eq!(level(&memory(3 * GB - 1), "memory"), Level::Critical);
    let load = |load| with(|facts| facts.load = Some((load, 4)));
    assert_eq!(level(&load(16.0), "load"), Level::Ok);
    assert_eq!(level(&load(16.5), "load"), Level::Warning);
    let size = |bytes| with(|facts| facts.database_bytes = Some(bytes));
    assert_eq!(level(&size(500 * MB), "database"), Level::Ok);
    assert_eq!(level(&size(501 * MB), "database"), Level::Warning);
    let descriptors = |used| daemon(|daemon| daemon.descriptors = Some((used, 1000)));
    assert_eq!(level(&descriptors(800), "descriptors"), Level::Ok);
    assert_eq!(level(&descriptors(801), "descriptors"), Level::Warning);
    let rss = |bytes| daemon(|daemon| daemon.rss = Some(bytes));
    assert_eq!(level(&rss(500 * MB), "daemon memory"), Level::Ok);
    assert_eq!(level(&rss(501 * MB), "daemon memory"), Level::Warning);
    let full = daemon(|daemon| daemon.writing = Writing::Full);
    assert_eq!(level(&full, "journal"), Level::Critical);
    let unknown = daemon(|daemon| daemon.outbox.unknown = 1);
    assert_eq!(level(&unknown, "outbox"), Level::Warning);
    let failing = daemon(|daemon| daemon.jobs_failing = vec!["nightly".to_owned()]);
    assert_eq!(level(&failing, "jobs"), Level::Warning);
}

#[test]
fn troubled_units_are_named_but_not_by_the_hundred() {
    let report = daemon(|daemon| {
        daemon.units.failed = (0..100).map(|n| format!("u{n}")).collect();
        daemon.units.crashing = vec!["web".to_owned()];
    });
    let units = report.checks.iter().find(|check| check.name == "units").map(|c| c.says.clone());
    assert_eq!(
        units.as_deref(),
        Some("2 of 2 run. Failed: u0, u1, u2, u3, u4, 95 more. Crashing again and again: web.")
    );
    assert_eq!(report.level, Level::Warning);
}

#[test]
fn integrity_tells_when_it_was_checked() {
    let at = Timestamp::UNIX_EPOCH;
    let clean = Integrity { at, problems: 0, first: None, events: 7 };
    let bad =
        Integrity { problems: 2, first: Some("event 3 is missing".to_owned()), at, events: 7 };
    let says = |integrity: Integrity| {
        let report = daemon(|daemon| daemon.integrity = Some(integrity));
        report.checks.into_iter().find(|c| c.name == "integrity").map(|c| (c.level, c.says))
    };
    assert_eq!(
        says(clean),
        Some((Level::Ok, "All 7 events verified (1970-01-01 00:00 UTC).".to_owned()))
    );
    let bad = says(bad);
    assert_eq!(
        bad,
        Some((
            Level::Critical,
            "2 problems in the journal (1970-01-01 00:00 UTC): event 3 is missing".to_owned()
        ))
    );
}

#[test]
fn a_daemon_that_is_down_is_critical_and_what_nobody_measured_is_unknown() {
    let down = with(|facts| facts.daemon = None);
    assert_eq!((down.level, down.checks.len()), (Level::Critical, 5));
    let blind = with(|facts| {
        facts.disk = None;
        facts.load = None;
    });
    assert_eq!(blind.level, Level::Unknown);
    assert_eq!(level(&blind, "load"), Level::Unknown);
}

#[test]
fn sizes_are_for_people() {
    for (count, text) in [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_500, "1.5 kB"),
        (20 * MB, "20 MB"),
        (8 * GB, "8.0 GB"),
    ] {
        assert_eq!(bytes(count), text);
    }
}
