//! Daemons come and go, instances stay.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use std::time::Duration;

use orkestra_host::instance::{Adopted, InstanceEvent, State, adopt, list_instances, stop_marked};
use support::{Home, exit, is_alive, next, parent};

fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn a_new_daemon_adopts_the_same_process_and_sees_it_end() {
    let home = Home::new();
    let running = home.start(&home.sh("while :; do date; sleep 0.01; done")).await;
    let (pid, instance) = (running.pid, running.instance.clone());
    drop(running);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(is_alive(pid));
    assert_eq!(list_instances(&home.run_dir()).unwrap().join(" "), instance);
    let Adopted::Alive { state, handle, mut events } =
        adopt(&home.run_dir(), &instance, 8).await.unwrap()
    else {
        panic!("not alive")
    };
    assert!(matches!(state, State::Running { pid: same, .. } if same == pid));
    handle.stop(Duration::from_secs(5), None).await;
    assert_eq!(exit(&mut events).await.reason, "stopped");
    handle.release().await.unwrap();
    assert_eq!(list_instances(&home.run_dir()).unwrap(), [""; 0]);
}

#[tokio::test]
async fn an_exit_is_kept_for_the_next_daemon_until_it_is_released() {
    let home = Home::new();
    let running = home.start(&home.sh("sleep 0.2; exit 9")).await;
    let (pid, instance) = (running.pid, running.instance.clone());
    drop(running);
    support::eventually("the end", || (!is_alive(pid)).then_some(())).await;
    for term in [8, 9] {
        // Looking does not use it up.
        tokio::time::sleep(Duration::from_millis(30)).await;
        match adopt(&home.run_dir(), &instance, term).await.unwrap() {
            Adopted::Exited { exit, .. } => assert_eq!(exit.code, Some(9)),
            other => panic!("{other:?}"),
        }
    }
    let Adopted::Exited { handle, .. } = adopt(&home.run_dir(), &instance, 10).await.unwrap()
    else {
        panic!("gone")
    };
    handle.release().await.unwrap();
    assert!(matches!(adopt(&home.run_dir(), &instance, 11).await.unwrap(), Adopted::Missing));
}

#[tokio::test]
async fn a_failed_start_is_kept_for_the_next_daemon_too() {
    let home = Home::new();
    let mut launch = home.sh("true");
    launch.argv = vec!["/no/such/program".into()];
    drop(home.launcher.launch(&launch).unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    match adopt(&home.run_dir(), &launch.instance, 8).await.unwrap() {
        Adopted::Exited { exit, handle } => {
            assert_eq!(exit.failure.unwrap().stage, "exec");
            handle.release().await.unwrap();
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_older_daemon_is_refused_and_a_newer_one_takes_over() {
    let home = Home::new();
    let mut running = home.start(&home.sh("exec sleep 1000")).await;
    match adopt(&home.run_dir(), &running.instance, 6).await.unwrap() {
        Adopted::Superseded { term } => assert_eq!(term, 7),
        other => panic!("{other:?}"),
    }
    let Adopted::Alive { handle, mut events, .. } =
        adopt(&home.run_dir(), &running.instance, 9).await.unwrap()
    else {
        panic!("not alive")
    };
    // The first daemon has lost it: it hears so, and its orders go nowhere.
    assert_eq!(next(&mut running.events).await, InstanceEvent::Superseded { term: 9 });
    running.handle.stop(Duration::ZERO, None).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_alive(running.pid));
    handle.stop(Duration::ZERO, None).await;
    assert!(exit(&mut events).await.killed || !is_alive(running.pid));
    handle.release().await.unwrap();
}

#[tokio::test]
async fn a_killed_shim_takes_its_leader_along_and_the_rest_is_found_by_its_mark() {
    let home = Home::new();
    let script = "setsid sh -c 'echo $$ > far; exec sleep 1000' & exec sleep 1000";
    let mut running = home.start(&home.sh(script)).await;
    let far = home.pid_in("far").await;
    kill(parent(running.pid));
    assert_eq!(next(&mut running.events).await, InstanceEvent::Lost);
    support::eventually("the leader's end", || (!is_alive(running.pid)).then_some(())).await;
    assert!(is_alive(far));
    assert!(matches!(
        adopt(&home.run_dir(), &running.instance, 8).await.unwrap(),
        Adopted::Lost { .. }
    ));
    assert_eq!(stop_marked(&running.instance).await.unwrap(), 1);
    assert!(!is_alive(far));
    assert_eq!(stop_marked(&running.instance).await.unwrap(), 0);
    running.handle.release().await.unwrap();
    assert!(!home.run_dir().join(&running.instance).exists());
}

#[tokio::test]
async fn a_shim_killed_after_the_end_has_left_the_exit_on_disk() {
    let home = Home::new();
    let mut running = home.start(&home.sh("sleep 0.1; exit 4")).await;
    let shim = parent(running.pid);
    running.exit().await;
    let record = home.run_dir().join(&running.instance).join("exit");
    support::eventually("the record", || record.exists().then_some(())).await;
    let instance = running.instance.clone();
    drop(running);
    kill(shim);
    support::eventually("the shim's end", || (!is_alive(shim)).then_some(())).await;
    match adopt(&home.run_dir(), &instance, 8).await.unwrap() {
        Adopted::Exited { exit, handle } => {
            assert_eq!(exit.code, Some(4));
            handle.release().await.unwrap();
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_folder_with_a_strangers_pid_leads_to_no_signal() {
    let home = Home::new();
    let mut stranger = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let dir = home.run_dir().join("faked");
    std::fs::create_dir(&dir).unwrap();
    for name in ["lock", "pid", "s"] {
        std::fs::write(dir.join(name), format!("{}\n", stranger.id())).unwrap();
    }
    let Adopted::Lost { handle } = adopt(&home.run_dir(), "faked", 8).await.unwrap() else {
        panic!("alive")
    };
    handle.stop(Duration::ZERO, None).await;
    handle.signal(9).await;
    assert_eq!(stop_marked("faked").await.unwrap(), 0);
    handle.release().await.unwrap();
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_stopped_shim_is_unreachable_and_found_again() {
    let home = Home::new();
    let running = home.start(&home.sh("exec sleep 1000")).await;
    let (instance, shim) = (running.instance.clone(), parent(running.pid));
    drop(running);
    let signal = |name: &str| {
        std::process::Command::new("kill").args([name, &shim.to_string()]).status().unwrap()
    };
    signal("-STOP");
    let Adopted::Unreachable { handle, mut events } =
        adopt(&home.run_dir(), &instance, 8).await.unwrap()
    else {
        panic!("it answered")
    };
    signal("-CONT");
    loop {
        match next(&mut events).await {
            InstanceEvent::Unreachable => {}
            InstanceEvent::Started { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    handle.stop(Duration::ZERO, None).await;
    exit(&mut events).await;
    handle.release().await.unwrap();
}

#[tokio::test]
async fn output_goes_on_over_a_change_of_daemons() {
    let home = Home::new();
    let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done";
    let running = home.start(&home.sh(script)).await;
    let instance = running.instance.clone();
    drop(running);
    let mut term = 8;
    let exit = loop {
        match adopt(&home.run_dir(), &instance, term).await.unwrap() {
            Adopted::Exited { exit, handle } => {
                handle.release().await.unwrap();
                break exit;
            }
            Adopted::Alive { .. } => term += 1,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(exit.code, Some(0));
    let lines = support::all_lines(&home.logs());
    let numbers = support::texts(&lines, orkestra_host::output::Stream::Stdout);
    assert_eq!(numbers, (1..=3000).map(|n| n.to_string()).collect::<Vec<_>>());
}
