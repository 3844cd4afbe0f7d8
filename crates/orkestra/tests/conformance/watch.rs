//! What tests of cases look at: files that units write, and the story that the journal tells.

use crate::harness::Home;
use crate::support::of;
use std::path::PathBuf;

/// No second process of the same unit may run: it is told, and ends.
pub(crate) const ALONE: &str = r#"exec 9>>"$ORKESTRA_UNIT.lock"
flock -n 9 || { echo "$ORKESTRA_UNIT" >> violations; exit 3; }
"#;

/// What a unit wrote into a file of the test's folder; nothing when it is not there.
pub(crate) fn written(home: &Home, file: &str) -> String {
    std::fs::read_to_string(home.dir.join(file)).unwrap_or_default()
}

/// Waits until a unit made a file.
pub(crate) fn wait_file(home: &Home, file: &str) -> PathBuf {
    let path = home.dir.join(file);
    home.wait(&format!("the file {file}"), || path.exists().then_some(()));
    path
}

/// Waits for a process id in a file of the test's folder.
pub(crate) fn pid_in(home: &Home, file: &str) -> i32 {
    home.wait(&format!("a process id in {file}"), || written(home, file).trim().parse().ok())
}

/// Makes a file that units wait for.
pub(crate) fn touch(home: &Home, file: &str) {
    std::fs::write(home.dir.join(file), "").expect("a file");
}

/// The kinds of all events about a unit without `unit.`, oldest first.
pub(crate) fn story(home: &Home, name: &str) -> Vec<String> {
    of(home, name, "unit.*")
        .iter()
        .map(|event| event["kind"].as_str().unwrap_or_default().replace("unit.", ""))
        .collect()
}

/// How often something is told of a unit.
pub(crate) fn count(home: &Home, name: &str, kind: &str) -> usize {
    of(home, name, kind).len()
}

/// Numbers in the bodies of events, in order.
pub(crate) fn numbers(home: &Home, name: &str, kind: &str, key: &str) -> Vec<i64> {
    let events = of(home, name, kind);
    events.iter().filter_map(|event| event["body"][key].as_i64()).collect()
}

/// Units that ran twice at the same time.
pub(crate) fn no_violation(home: &Home) {
    assert_eq!(written(home, "violations"), "", "units that ran twice at the same time");
}

/// Waits until a unit runs as another process than before.
pub(crate) fn wait_other(home: &Home, name: &str, old: i32) -> i32 {
    home.wait(&format!("a new process of {name}"), || {
        let unit = home.unit(name);
        let pid = unit["pid"].as_i64()? as i32;
        (unit["state"] == "running" && pid != old).then_some(pid)
    })
}
