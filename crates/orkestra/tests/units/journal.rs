//! The journal under odd events.

use crate::harness::{Home, text};
use crate::support::verified;

#[test]
fn an_event_too_large_for_the_journal_does_not_hold_it_up() {
    let agent = r#"["/bin/sh", "-c", "echo first; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last"]"#;
    let mut home = Home::new(&format!("agents:\n  loud: {{ kind: script, command: {agent} }}\n"));
    let target = home.dir.join("target");
    std::fs::create_dir(&target).expect("a folder");
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    for args in [
        &["init", "--quiet"][..],
        &[&who[..], &["commit", "--quiet", "--allow-empty", "-m", "start"]].concat(),
    ] {
        let status = home.command("git").current_dir(&target).args(args).status();
        assert!(status.expect("git runs").success());
    }
    home.up();
    let path = target.display().to_string();
    let output =
        home.run(&["run", "go", "--agent", "loud", "--target", &path, "--evidence", "none"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let texts = home.events("run.text");
    let [first, large, last] = texts.as_slice() else { panic!("three texts: {}", texts.len()) };
    assert!(first.to_string().contains("first") && last.to_string().contains("last"));
    assert!(large["body"]["left_out"].is_string(), "{large}");
    assert!(large["body"]["bytes"].as_u64() > Some(5_000_000), "{large}");
    assert_eq!(home.status()["daemon"]["store"], "ok");
    verified(&home);
}
