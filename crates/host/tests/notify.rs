//! What processes say about themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use orkestra_host::instance::{Adopted, InstanceEvent, Launch, Notice, Notify, adopt};
use support::{Home, exit, next};

fn send(name: &str, text: &str) {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).unwrap(),
        None => SocketAddr::from_pathname(name).unwrap(),
    };
    UnixDatagram::unbound().unwrap().send_to_addr(text.as_bytes(), &address).unwrap();
}

/// Not a test: what the tests below start as a unit.
#[test]
#[ignore = "a program for the tests"]
fn speaks() {
    let Ok(text) = std::env::var("SAY") else { return };
    let socket = std::env::var("NOTIFY_SOCKET").unwrap();
    if std::env::var("BY_CHILD").is_ok() && std::env::var("IS_CHILD").is_err() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "speaks", "--ignored"]).env("IS_CHILD", "1");
        child.status().unwrap();
        return;
    }
    for text in text.split('|') {
        send(&socket, text);
    }
    std::thread::sleep(Duration::from_secs(1000));
}

fn speaking(home: &Home, who: Notify, by_child: bool, text: &str) -> Launch {
    let mut launch = home.sh("");
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    launch.argv = [&program, "--exact", "speaks", "--ignored"].map(str::to_owned).to_vec();
    launch.notify = Some(who);
    launch.env.push(("SAY".to_owned(), text.to_owned()));
    if by_child {
        launch.env.push(("BY_CHILD".to_owned(), "1".to_owned()));
    }
    launch
}

async fn end(running: &mut support::Running) {
    running.handle.stop(Duration::ZERO, None).await;
    exit_after_notices(running).await;
    running.handle.release().await.unwrap();
}

async fn exit_after_notices(running: &mut support::Running) {
    while !matches!(next(&mut running.events).await, InstanceEvent::Exited(_)) {}
}

#[tokio::test]
async fn the_leader_speaks_and_a_later_daemon_hears_what_still_holds() {
    let home = Home::new();
    let said = "MAINPID=1\nSTATUS=wärm\tup\nEXTEND_TIMEOUT_USEC=5000000\nWATCHDOG=1|READY=1";
    let launch = speaking(&home, Notify::Main, false, said);
    let mut running = home.start(&launch).await;
    let mut heard = Vec::new();
    while heard.last() != Some(&Notice::Ready) {
        let InstanceEvent::Notice(notice) = next(&mut running.events).await else { continue };
        heard.push(notice);
    }
    assert!(heard.contains(&Notice::Watchdog), "{heard:?}");
    assert!(heard.contains(&Notice::Extend(Duration::from_secs(5))), "{heard:?}");
    assert!(heard.contains(&Notice::Status("wärm up".to_owned())), "{heard:?}");

    let adopted = adopt(&home.run_dir(), &launch.instance, 8).await.unwrap();
    let Adopted::Alive { mut events, handle, .. } = adopted else { panic!("{adopted:?}") };
    let status = InstanceEvent::Notice(Notice::Status("wärm up".to_owned()));
    assert_eq!(next(&mut events).await, status);
    assert_eq!(next(&mut events).await, InstanceEvent::Notice(Notice::Ready));
    handle.stop(Duration::ZERO, None).await;
    exit(&mut events).await;
    handle.release().await.unwrap();
}

#[tokio::test]
async fn a_child_speaks_only_where_all_may_and_strangers_never() {
    let home = Home::new();
    let mut all = home.start(&speaking(&home, Notify::All, true, "READY=1")).await;
    assert_eq!(next(&mut all.events).await, InstanceEvent::Notice(Notice::Ready));
    end(&mut all).await;

    let mut main = home.start(&speaking(&home, Notify::Main, true, "READY=1|READY=1")).await;
    let refused = next(&mut main.events).await;
    assert!(
        matches!(refused, InstanceEvent::Notice(Notice::Refused { pid }) if pid != main.pid),
        "{refused:?}"
    );
    end(&mut main).await;

    let launch = speaking(&home, Notify::All, false, "STATUS=here");
    let mut watched = home.start(&launch).await;
    assert!(matches!(next(&mut watched.events).await, InstanceEvent::Notice(Notice::Status(_))));
    send(home.run_dir().join(&launch.instance).join("notify").to_str().unwrap(), "READY=1");
    let stranger = std::process::id();
    let refused = InstanceEvent::Notice(Notice::Refused { pid: stranger });
    assert_eq!(next(&mut watched.events).await, refused);
    end(&mut watched).await;
}
