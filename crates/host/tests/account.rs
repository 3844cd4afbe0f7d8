//! Processes of other users.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: a failure is a panic"
)]

mod support;

use orkestra_host::Error;
use orkestra_host::output::Stream;
use support::{Home, all_lines, texts};

fn is_root() -> bool {
    orkestra_host::account::find("root").unwrap().uid
        == std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
}

#[tokio::test]
async fn a_unit_of_another_user_has_its_numbers_and_its_environment() {
    if !is_root() {
        // Nobody but root may do this; the refusal has a test of its own.
        return;
    }
    let home = Home::new();
    let user = orkestra_host::account::find("nobody").unwrap();
    let mut launch =
        home.sh("id -u; id -g; id -G; echo $HOME $USER $LOGNAME; echo told >/dev/stderr");
    launch.cwd = "/".into();
    launch.user = Some("nobody:0".into());
    let exit = home.run(&launch).await;
    assert_eq!(exit.code, Some(0));
    let lines = all_lines(&home.logs());
    let out = texts(&lines, Stream::Stdout);
    assert_eq!(out[..2], [user.uid.to_string(), "0".to_owned()]);
    let groups: Vec<u32> = out[2].split(' ').map(|group| group.parse().unwrap()).collect();
    assert!(user.groups.iter().chain([&0]).all(|group| groups.contains(group)), "{groups:?}");
    assert_eq!(out[3], format!("{} nobody nobody", user.home));
    assert_eq!(texts(&lines, Stream::Stderr), ["told"]);
}

#[tokio::test]
async fn a_unit_of_another_user_hears_signals_and_dies_with_its_shim() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    let mut launch = home.sh("trap 'exit 7' USR1; echo up; while :; do sleep 0.05; done");
    launch.cwd = "/".into();
    launch.user = Some("nobody".into());
    let mut running = home.start(&launch).await;
    let mut follower = home.logs().follow(Default::default()).unwrap();
    follower.next().await.unwrap();
    running.handle.signal(10).await;
    assert_eq!(running.exit().await.code, Some(7));
    running.handle.release().await.unwrap();

    let mut launch = home.sh("exec sleep 1000");
    launch.cwd = "/".into();
    launch.user = Some("nobody".into());
    let running = home.start(&launch).await;
    let shim = support::parent(running.pid);
    let shim = rustix::process::Pid::from_raw(i32::try_from(shim).unwrap()).unwrap();
    rustix::process::kill_process(shim, rustix::process::Signal::KILL).unwrap();
    support::eventually("the death of the unit", || {
        (!support::is_alive(running.pid)).then_some(())
    })
    .await;
    drop(running);
    std::fs::remove_dir_all(home.run_dir()).unwrap();
    std::fs::create_dir(home.run_dir()).unwrap();
}

#[tokio::test]
async fn an_unknown_user_is_told_before_anything_starts() {
    let home = Home::new();
    let mut launch = home.sh("true");
    launch.user = Some("nobody-here".into());
    let error = home.launcher.launch(&launch).unwrap_err();
    assert!(matches!(error, Error::User { .. }), "{error}");
    assert!(error.to_string().contains("there is no such user"), "{error}");
    assert!(!home.run_dir().join(&launch.instance).exists());
}
