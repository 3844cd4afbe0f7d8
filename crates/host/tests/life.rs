//! An instance from launch to release: start failures, stops, trees.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use std::time::{Duration, Instant};

use orkestra_host::Error;
use orkestra_host::instance::{Adopted, InstanceEvent, Output, adopt};
use support::{Home, is_alive, next, parent};

#[tokio::test]
async fn exit_codes_and_signals_are_reported() {
    let home = Home::new();
    let exit = home.run(&home.sh("exit 42")).await;
    assert_eq!((exit.code, exit.signal, exit.reason.as_str()), (Some(42), None, "exited"));
    assert!(!exit.killed && exit.survivors == 0 && exit.dropped == 0);
    for signal in [6, 9, 11, 15] {
        let exit = home.run(&home.sh(&format!("kill -{signal} $$"))).await;
        assert_eq!((exit.code, exit.signal), (None, Some(signal)));
    }
    assert_eq!(std::fs::read_dir(home.run_dir()).unwrap().count(), 0, "folders are left");
}

#[tokio::test]
async fn a_unit_gets_exactly_its_environment_limits_and_clean_signals() {
    let home = Home::new();
    let mut launch = home.sh("env; echo nofile $(ulimit -Sn) $(ulimit -Hn); ls -l /proc/self/fd; \
         grep -E '^Sig(Blk|Ign)' /proc/self/status; cat");
    launch.env.push(("WITH".into(), "a % = sign\nand a line".into()));
    launch.nofile = Some((256, 512));
    let exit = home.run(&launch).await;
    assert_eq!(exit.code, Some(0), "stdin is at its end, so cat ends");
    let lines = support::all_lines(&home.logs());
    let out = support::texts(&lines, orkestra_host::output::Stream::Stdout).join("\n");
    for wanted in ["WITH=a % = sign\nand a line", "ORKESTRA_UNIT=test", "nofile 256 512"] {
        assert!(out.contains(wanted), "{wanted} is not in {out}");
    }
    assert!(out.contains(&format!("ORKESTRA_INSTANCE={}", launch.instance)));
    assert!(!out.contains("CARGO"), "the daemon's environment leaked: {out}");
    for wanted in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"] {
        assert!(out.contains(wanted), "{wanted} is not in {out}");
    }
    let descriptors = out.lines().filter(|line| line.contains(" -> ")).count();
    assert_eq!(descriptors, 4, "0, 1, 2 and the listing itself: {out}");
}

#[tokio::test]
async fn a_start_that_fails_says_where_and_why() {
    let home = Home::new();
    std::fs::write(home.path("data"), "not a program").unwrap();
    let cases = [
        (Some("/no/such/program"), "/", "exec", 2),
        (Some("no-such-program"), "/", "exec", 2),
        (Some(home.path("data").to_str().unwrap()), "/", "exec", 13),
        (None, "/no/such/folder", "cwd", 2),
    ]
    .map(|(program, cwd, stage, errno)| (program.map(str::to_owned), cwd, stage, errno));
    for (program, cwd, stage, errno) in cases {
        let mut launch = home.sh("true");
        launch.cwd = cwd.into();
        if let Some(program) = program {
            launch.argv = vec![program];
        }
        let (handle, mut events) = home.launcher.launch(&launch).unwrap();
        let InstanceEvent::Failed(failure) = next(&mut events).await else { panic!("it started") };
        assert_eq!((failure.stage.as_str(), failure.errno), (stage, errno), "{failure:?}");
        handle.release().await.unwrap();
    }
    let mut launch = home.sh("true");
    launch.stdin = Some("/no/such/input".into());
    let (_handle, mut events) = home.launcher.launch(&launch).unwrap();
    assert!(matches!(next(&mut events).await, InstanceEvent::Failed(f) if f.stage == "stdin"));
    launch.instance += "-2";
    launch.output =
        Output::Raw { stdout: "/no/such/o".into(), stderr: "/no/such/e".into(), cap: 1 };
    let (_handle, mut events) = home.launcher.launch(&launch).unwrap();
    assert!(matches!(next(&mut events).await, InstanceEvent::Failed(f) if f.stage == "output"));
}

#[tokio::test]
async fn an_instance_is_launched_only_once() {
    let home = Home::new();
    let launch = home.sh("sleep 1000");
    let mut running = home.start(&launch).await;
    assert!(matches!(home.launcher.launch(&launch), Err(Error::InstanceExists { .. })));
    assert!(matches!(running.handle.release().await, Err(Error::NotEnded)));
    assert!(is_alive(running.pid));
    running.handle.stop(Duration::from_secs(5), None).await;
    let exit = running.exit().await;
    assert_eq!((exit.signal, exit.reason.as_str(), exit.killed), (Some(15), "stopped", false));
    running.handle.release().await.unwrap();
    running.handle.release().await.unwrap();
}

#[tokio::test]
async fn the_stop_signal_is_the_units_own_unless_another_is_given() {
    let home = Home::new();
    for (given, own, code) in [(None, 2, 2), (Some(10), 2, 10), (None, 1, 1), (None, 12, 12)] {
        let mut launch = home
            .sh("for s in 1 2 10 12 15; do trap \"exit $s\" $s; done; touch ready; \
             while :; do sleep 0.01; done");
        launch.stop_signal = own;
        let _ = std::fs::remove_file(home.path("ready"));
        let mut running = home.start(&launch).await;
        support::eventually("traps", || home.path("ready").exists().then_some(())).await;
        running.handle.stop(Duration::from_secs(5), given).await;
        assert_eq!(running.exit().await.code, Some(code));
    }
}

/// A tree with everything that makes trees hard: other sessions, double forks, deaf processes.
const TREE: &str = r#"
    (trap "" TERM; echo $BASHPID > same-group; sleep 1000 & wait) &
    setsid sh -c 'echo $$ > own-session; exec sleep 1000' &
    setsid sh -c '(trap "" TERM INT HUP; sh -c "echo \$\$ > double-fork; exec sleep 1000" & ) & exit 0'
    sh -c 'trap "" TERM; echo $$ > deaf; sleep 1000; sleep 1000' &
"#;

#[tokio::test]
async fn a_stop_ends_the_whole_tree_within_one_grace() {
    let home = Home::new();
    let mut running = home.start(&home.sh(&format!("{TREE}\n exec sleep 1000"))).await;
    let mut pids = vec![running.pid];
    for name in ["own-session", "double-fork", "deaf"] {
        pids.push(home.pid_in(name).await);
    }
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    let began = Instant::now();
    running.handle.stop(Duration::from_millis(300), None).await;
    let exit = running.exit().await;
    assert!(began.elapsed() >= Duration::from_millis(295), "killed before the grace ended");
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    assert!(exit.killed && exit.survivors == 0);
    assert_eq!((exit.signal, exit.reason.as_str()), (Some(15), "stopped"));
    assert!(!pids.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()));
}

#[tokio::test]
async fn what_a_leader_leaves_behind_is_asked_and_then_killed_before_the_exit() {
    let home = Home::new();
    let script = format!(
        "{TREE}\n while ! [ -s deaf -a -s double-fork -a -s own-session ]; do \
                          sleep 0.01; done; exit 3"
    );
    let mut launch = home.sh(&script);
    launch.grace = Duration::from_millis(200);
    let mut running = home.start(&launch).await;
    let exit = running.exit().await;
    assert_eq!((exit.code, exit.reason.as_str(), exit.killed), (Some(3), "exited", true));
    for name in ["own-session", "double-fork", "deaf"] {
        assert!(!is_alive(home.pid_in(name).await), "{name} lives");
    }
}

#[tokio::test]
async fn the_leader_is_reaped_last_so_that_its_pid_stays_taken() {
    let home = Home::new();
    let mut launch = home
        .sh("setsid sh -c 'trap \"\" TERM; echo $$ > deaf; sleep 1; sleep 1000' & \
                              while ! [ -s deaf ]; do sleep 0.01; done; exit 0");
    launch.grace = Duration::from_millis(700);
    let mut running = home.start(&launch).await;
    let left = home.pid_in("deaf").await;
    let shim = parent(running.pid);
    support::eventually("the leader's end", || (!is_alive(running.pid)).then_some(())).await;
    assert!(is_alive(left));
    let zombie = std::fs::read_to_string(format!("/proc/{}/stat", running.pid)).unwrap();
    assert!(zombie.contains(") Z "), "the leader is kept as a zombie: {zombie}");
    assert_eq!(parent(left), shim, "the shim adopted the orphan");
    running.exit().await;
    assert!(!std::path::Path::new(&format!("/proc/{}", running.pid)).exists());
    assert!(!is_alive(left));
}

#[tokio::test]
async fn a_second_stop_can_only_shorten_the_grace() {
    let home = Home::new();
    let mut running =
        home.start(&home.sh("trap '' TERM; touch ready; while :; do sleep 1; done")).await;
    support::eventually("the trap", || home.path("ready").exists().then_some(())).await;
    let began = Instant::now();
    running.handle.stop(Duration::from_secs(60), None).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_alive(running.pid));
    running.handle.stop(Duration::from_millis(50), None).await;
    running.handle.stop(Duration::from_secs(60), None).await;
    let exit = running.exit().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(exit.killed && exit.signal == Some(9));
}

#[tokio::test]
async fn ten_deaf_units_die_in_one_grace_and_a_growing_tree_too() {
    let home = Home::new();
    let mut units = Vec::new();
    for number in 0..10 {
        let script = format!("trap '' TERM; touch ready-{number}; while :; do sleep 0.01 & done");
        let script = if number < 8 {
            format!("trap '' TERM; touch ready-{number}; while :; do sleep 1; done")
        } else {
            // Forks as fast as it can, each child for a short while.
            script.replace("sleep 0.01 & ", "sleep 0.2 & sleep 0.01; ")
        };
        units.push(home.start(&home.sh(&script)).await);
        let ready = home.path(&format!("ready-{number}"));
        support::eventually("a unit", || ready.exists().then_some(())).await;
    }
    let began = Instant::now();
    for unit in &units {
        unit.handle.stop(Duration::from_millis(500), None).await;
    }
    for unit in &mut units {
        let exit = unit.exit().await;
        assert!(exit.killed && exit.survivors == 0);
    }
    assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_signal_reaches_the_leader_and_a_dead_one_needs_none() {
    let home = Home::new();
    let mut running =
        home.start(&home.sh("trap 'exit 5' USR1; touch ready; while :; do sleep 0.01; done")).await;
    support::eventually("the trap", || home.path("ready").exists().then_some(())).await;
    running.handle.signal(10).await;
    assert_eq!(running.exit().await.code, Some(5));
    running.handle.signal(10).await;
    running.handle.stop(Duration::ZERO, None).await;
    running.handle.release().await.unwrap();
    assert!(matches!(
        adopt(&home.run_dir(), &running.instance, 8).await.unwrap(),
        Adopted::Missing
    ));
}

#[tokio::test]
async fn shims_are_small_and_named() {
    let home = Home::new();
    let mut units = Vec::new();
    for _ in 0..20 {
        units.push(home.start(&home.sh("exec sleep 1000")).await);
    }
    let mut total = 0;
    for unit in &units {
        let shim = parent(unit.pid);
        let name = std::fs::read_to_string(format!("/proc/{shim}/comm")).unwrap();
        assert_eq!(name.trim(), "orkestra-shim");
        let rollup = std::fs::read_to_string(format!("/proc/{shim}/smaps_rollup")).unwrap();
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        total += pss.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
    }
    let each = total / units.len();
    println!("PSS of one of {} shims: {each} KB", units.len());
    assert!(each <= 150, "{each} KB");
    for unit in &mut units {
        unit.handle.stop(Duration::ZERO, None).await;
        unit.exit().await;
        unit.handle.release().await.unwrap();
    }
}
