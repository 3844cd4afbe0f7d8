//! What the tests of units share.

#![allow(clippy::disallowed_methods, reason = "a seed is handed in by the environment")]

use crate::harness::{Home, is_alive};
use orkestra_engine::{RealWorld, World};
use orkestra_store::{Filter, Options, Store, UnitRow};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A unit's lines in YAML, on one line: `name: { … }`.
pub(crate) fn unit(name: &str, script: &str, rest: &str) -> String {
    let script = serde_json::to_string(script).expect("text");
    let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
    format!("  {name}: {{ command: [\"/bin/sh\", \"-c\", {script}]{rest} }}\n")
}

/// A configuration of these units.
pub(crate) fn units(units: &[String]) -> String {
    format!("units:\n{}", units.concat())
}

/// A process that does nothing.
pub(crate) const SLEEP: &str = "exec sleep 1000000";

/// The time of an event in milliseconds.
pub(crate) fn at_ms(event: &Value) -> i64 {
    let at: jiff::Timestamp = event["at"].as_str().expect("a time").parse().expect("RFC 3339");
    at.as_millisecond()
}

/// Events about one unit, oldest first.
pub(crate) fn of(home: &Home, name: &str, kind: &str) -> Vec<Value> {
    let lines = home.ok(&["events", "--json", "-n", "1000", "--kind", kind, "--subject", name]);
    lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

/// The store of a home whose daemon is down.
pub(crate) fn store(home: &Home) -> Store {
    let (ids, clock) = (Arc::new(|| RealWorld.uuid()), Arc::new(|| RealWorld.now().at));
    Store::open(Options::new(home.data(), ids, clock)).expect("the store opens")
}

/// Events of a home whose daemon is down: (kind, subject, milliseconds, body).
pub(crate) fn journal(home: &Home) -> Vec<(String, String, i64, Value)> {
    let all = Filter { limit: 100_000, ..Filter::default() };
    let events = store(home).read_blocking(move |read| read.events(&all)).expect("events");
    events
        .into_iter()
        .map(|event| {
            let body = event.body.unwrap_or_default();
            (event.kind, event.subject, event.at.as_millisecond(), body)
        })
        .collect()
}

/// Changes a unit's row behind the back of a daemon that is down.
pub(crate) fn edit_row(home: &Home, name: &str, edit: impl FnOnce(&mut Value)) {
    let store = store(home);
    let wanted = name.to_owned();
    let row = store.read_blocking(move |read| read.unit(&wanted)).expect("a row").expect("a unit");
    let mut body: Value = serde_json::from_str(&row.body).expect("JSON");
    edit(&mut body);
    let row = UnitRow { body: body.to_string(), ..row };
    store.write_blocking(move |tx| tx.put_unit(&row)).expect("the row is written");
}

/// The same for the state within the row.
pub(crate) fn edit_state(home: &Home, name: &str, key: &str, value: Value) {
    edit_row(home, name, |body| {
        assert!(body["state"].get(key).is_some(), "the row has no state.{key}: {body}");
        body["state"][key] = value;
    });
}

/// The parent of a process, if it is there.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// Whether it is a shim: the one that holds a unit, not a part of its tree.
pub(crate) fn is_shim(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.starts_with(b"orkestra-shim\0"))
}

/// Waits until every process of the home belongs to the tree of a unit that `status` knows as
/// running: nothing is left over, and nothing runs twice. Only for homes whose units settle.
pub(crate) fn no_orphan(home: &Home) {
    home.wait("every process to belong to a unit", || {
        let status = home.status();
        let leaders: BTreeSet<i32> = status["units"]
            .as_array()
            .expect("units")
            .iter()
            .filter_map(|unit| unit["pid"].as_i64().map(|pid| pid as i32))
            .collect();
        let shims: BTreeSet<i32> = leaders.iter().filter_map(|pid| parent(*pid)).collect();
        if shims.len() != leaders.len() {
            return None;
        }
        let owned = |mut pid: i32| {
            while pid > 1 {
                if shims.contains(&pid) {
                    return true;
                }
                match parent(pid) {
                    Some(above) => pid = above,
                    // It ended while we looked.
                    None => return true,
                }
            }
            false
        };
        home.processes().into_iter().all(owned).then_some(())
    });
}

/// Waits until no process of the home is left.
pub(crate) fn nobody_left(home: &Home) {
    home.wait("all processes to be gone", || home.processes().is_empty().then_some(()));
}

/// Waits until no unit is on its way anywhere; the units then.
pub(crate) fn settled(home: &Home) -> Vec<Value> {
    home.wait("all units to settle", || {
        let status = home.status();
        let units = status["units"].as_array().expect("units").clone();
        let moving = |unit: &Value| {
            let state = unit["state"].as_str().expect("a state");
            ["starting", "stopping", "backing_off"].contains(&state)
        };
        (!units.iter().any(moving)).then_some(units)
    })
}

/// The journal verifies.
pub(crate) fn verified(home: &Home) {
    home.ok(&["audit", "verify"]);
}

/// A process that is none of Orkestra's business; ends with the value.
pub(crate) struct Stranger(Child);

impl Stranger {
    pub(crate) fn new(home: &Home) -> Self {
        let mut sleep = home.command("sleep");
        Self(sleep.arg("1000000").stdout(Stdio::null()).spawn().expect("a stranger"))
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    pub(crate) fn lives(&self) -> bool {
        is_alive(self.pid())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Seeded chance (SplitMix64): a failed test names its seed, and `ORKESTRA_SEED` repeats it.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Self {
        let given = std::env::var("ORKESTRA_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("randomness"));
        eprintln!("the seed is ORKESTRA_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        of.get(self.below(of.len() as u64) as usize).expect("not empty")
    }

    pub(crate) fn pause(&mut self, up_to_ms: u64) {
        std::thread::sleep(Duration::from_micros(self.below(up_to_ms * 1000 + 1)));
    }
}
