//! What every back end must do, written against `Read` and `Write` only.

mod approval;
mod effect;
mod job;
mod money;
mod review;
mod routing;
mod sample;
mod task;
mod vote;

use crate::home::{Home, big, caused, draft};
use jiff::{Timestamp, ToSpan};
use orkestra_core::event::{Cause, Draft, EventRef, Topic};
use orkestra_core::id::{AlertId, EventId, InstanceId, RunId};
use orkestra_store::{
    AlertRow, EffectState, Error, EventKey, Filter, InstanceRow, LoginRow, Owner, RunRow, Store,
    Tokens, UnitRow, UsageRow,
};
use serde_json::json;
use uuid::Uuid;

type Case = fn(&Store);

/// Runs every case on a fresh store of the back end.
pub(crate) fn conformance(open: impl Fn() -> Store) {
    let cases: &[(&str, Case)] = &[
        ("an empty journal", empty),
        ("append and read back", append),
        ("filters", filters),
        ("causes", causes),
        ("wrong causes", wrong_causes),
        ("a failed command leaves nothing", failed_command),
        ("a command sees its own writes", own_writes),
        ("body limits and blobs", bodies),
        ("units", units),
        ("instances", instances),
        ("runs", runs),
        ("stream marks", stream_marks),
        ("usage", usage),
        ("outbox", effect::outbox),
        ("outbox recovery", effect::outbox_recovery),
        ("cursors, settings, term, epoch", settings),
        ("logins", logins),
        ("jobs", job::jobs),
        ("samples", sample::samples),
        ("alerts", alerts),
        ("approvals", approval::approvals),
        ("reviews", review::reviews),
        ("routing", routing::routing),
        ("votes", vote::votes),
        ("tasks", task::tasks),
    ];
    for (name, case) in cases {
        eprintln!("conformance: {name}");
        let store = open();
        case(&store);
        let report = store.read_blocking(|r| r.verify(&mut |_| {})).unwrap();
        assert!(report.is_clean(), "{name}: {report:?}");
    }
}

#[test]
fn sqlite() {
    let homes = std::cell::RefCell::new(Vec::new());
    conformance(|| {
        let home = Home::new();
        let store = home.open();
        homes.borrow_mut().push(home);
        store
    });
}

fn append_all(store: &Store, drafts: Vec<Draft>) -> Vec<EventRef> {
    store.write_blocking(move |tx| tx.append(&drafts)).unwrap().value
}

fn kinds(store: &Store, filter: Filter) -> Vec<String> {
    let events = store.read_blocking(move |r| r.events(&filter)).unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn run_id(n: u128) -> RunId {
    RunId::new(Uuid::from_u128(n))
}

fn empty(store: &Store) {
    let (head, events, anchor) = store
        .read_blocking(|r| Ok((r.head()?, r.events(&Filter::default())?, r.anchor()?)))
        .unwrap();
    assert_eq!((head.seq, head.epoch, head.floor), (0, 1, 0));
    assert_eq!((events, anchor), (vec![], None));
    assert_eq!(*store.head_watch().borrow(), 0);
}

fn append(store: &Store) {
    let drafts = vec![
        Draft { version: 3, ..draft("unit.started", "web") },
        Draft::new("daemon.started", Topic::Daemon, "", "daemon", json!({"ü": [1, null, "\u{0}"]})),
    ];
    let sent = drafts.clone();
    let committed = store.write_blocking(move |tx| tx.append(&sent)).unwrap();
    let places: Vec<_> = committed.events.iter().map(|place| (place.seq, place.event)).collect();
    assert_eq!(places, [(1, committed.value[0]), (2, committed.value[1])]);
    assert_eq!(*store.head_watch().borrow(), 2);
    let events = store.read_blocking(|r| r.events(&Filter::default())).unwrap();
    for (event, draft) in events.iter().zip(&drafts) {
        assert_eq!(event.node, store.node());
        assert_eq!(
            (&event.kind, event.version, event.topic.as_str(), &event.subject, &event.actor),
            (&draft.kind, draft.version, draft.topic.as_str(), &draft.subject, &draft.actor)
        );
        assert_eq!(event.body.as_ref(), Some(&draft.body));
        assert_eq!((event.cause, event.chain, event.hop), (None, event.id, 0));
    }
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
    let id = events[1].id;
    let (by_id, by_seq, none) = store
        .read_blocking(move |r| {
            Ok((r.event(EventKey::Id(id))?, r.event(EventKey::Seq(2))?, r.event(EventKey::Seq(3))?))
        })
        .unwrap();
    assert_eq!((by_id.as_ref(), by_seq.as_ref(), none), (Some(&events[1]), Some(&events[1]), None));
}

fn filters(store: &Store) {
    for (kind, subject) in [
        ("unit.started", "a"),
        ("unit.exited", "a"),
        ("unitary.x", "b"),
        ("unit", "c"),
        ("unit.exited", "b"),
    ] {
        append_all(store, vec![draft(kind, subject)]);
    }
    let third = store.read_blocking(|r| r.event(EventKey::Seq(3))).unwrap().unwrap();
    let f = Filter::default;
    let list = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
    let check = |filter, expected: &[&str]| assert_eq!(kinds(store, filter), expected);
    check(Filter { after_seq: Some(3), ..f() }, &["unit", "unit.exited"]);
    check(Filter { before_seq: Some(2), ..f() }, &["unit.started"]);
    check(
        Filter { kinds: list(&["unit.*"]), limit: 2, newest_first: true, ..f() },
        &["unit.exited", "unit.exited"],
    );
    check(
        Filter { kinds: list(&["unit*", "x"]), after_seq: Some(2), ..f() },
        &["unitary.x", "unit", "unit.exited"],
    );
    check(Filter { kinds: list(&["unit"]), ..f() }, &["unit"]);
    check(Filter { kinds: list(&["*"]), limit: 1, ..f() }, &["unit.started"]);
    check(
        Filter { kinds: list(&["unit.started", "unitary.x"]), ..f() },
        &["unit.started", "unitary.x"],
    );
    check(Filter { subject: Some("a".to_owned()), ..f() }, &["unit.started", "unit.exited"]);
    check(Filter { topic: Some("run".to_owned()), ..f() }, &[]);
    check(Filter { topic: Some("' OR 1=1 --".to_owned()), ..f() }, &[]);
    check(Filter { since: Some(third.at), ..f() }, &["unitary.x", "unit", "unit.exited"]);
    check(Filter { chain: Some(third.id), ..f() }, &["unitary.x"]);
    check(Filter { limit: 0, ..f() }, &[]);
}

fn causes(store: &Store) {
    let first = append_all(store, vec![draft("a", "web"), draft("other", "web")])[0];
    let rest = append_all(
        store,
        vec![
            caused("b", Cause::Event(first)),
            caused("c", Cause::Earlier(0)),
            caused("d", Cause::Earlier(0)),
        ],
    );
    assert_eq!(rest.iter().map(|place| place.hop).collect::<Vec<_>>(), [1, 2, 2]);
    assert!(rest.iter().all(|place| place.chain == first.id));
    let (c, chain) = (rest[1].id, first.id);
    let (up, all) =
        store.read_blocking(move |r| Ok((r.cause_chain(c)?, r.chain(chain, 10)?))).unwrap();
    assert_eq!(up.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(
        all.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c", "d"]
    );
    assert_eq!(all[2].cause, Some(rest[0].id));
    assert_eq!(all[2].reference(), rest[1]);
}

fn wrong_causes(store: &Store) {
    let nobody = EventId::new(Uuid::from_u128(1));
    let unknown = EventRef { id: nobody, chain: nobody, hop: 7 };
    let result = store.write_blocking(move |tx| tx.append(&[caused("x", Cause::Event(unknown))]));
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
    let result = store.write_blocking(|tx| tx.append(&[caused("x", Cause::Earlier(0))]));
    assert!(matches!(result, Err(Error::Invalid(_))), "{result:?}");
    assert_eq!(kinds(store, Filter::default()), Vec::<String>::new());
}

fn failed_command(store: &Store) {
    append_all(store, vec![draft("before", "web")]);
    let result = store.write_blocking(|tx| {
        tx.append(&[draft("never", "web")])?;
        tx.put_unit(&unit("never", "running"))?;
        Err::<(), _>(Error::refused(std::fmt::Error))
    });
    assert!(matches!(result, Err(Error::Refused(_))), "{result:?}");
    let result = store.write_blocking(|tx| {
        tx.append(&[draft("never", "web")])?;
        if tx.head()?.seq > 0 {
            panic!("on purpose");
        }
        Ok(())
    });
    assert!(matches!(&result, Err(Error::Panicked(text)) if text == "on purpose"), "{result:?}");
    let after = store.write_blocking(|tx| tx.append(&[draft("after", "web")])).unwrap();
    assert_eq!(after.events[0].seq, 2);
    assert_eq!(kinds(store, Filter::default()), ["before", "after"]);
    assert_eq!(store.read_blocking(|r| r.units()).unwrap(), []);
}

fn own_writes(store: &Store) {
    store
        .write_blocking(|tx| {
            tx.append(&[draft("a", "web")])?;
            tx.put_unit(&unit("web", "running"))?;
            assert_eq!(tx.head()?.seq, 1);
            assert_eq!(tx.events(&Filter::default())?.len(), 1);
            assert_eq!(tx.units()?.len(), 1);
            Ok(())
        })
        .unwrap();
}

fn bodies(store: &Store) {
    let places =
        append_all(store, vec![big("small", 100), big("large", 20_000), big("again", 20_000)]);
    let events = store.read_blocking(|r| r.events(&Filter::default())).unwrap();
    assert_eq!(events[1].body, Some(json!({"text": "x".repeat(20_000)})));
    let result = store.write_blocking(|tx| tx.append(&[big("huge", 5 << 20)]));
    assert!(matches!(result, Err(Error::TooLarge { limit: 4_194_304, .. })), "{result:?}");
    // Two events share a body: erasing one must leave it to the other.
    let (large, again) = (places[1].id, places[2].id);
    store.write_blocking(move |tx| tx.erase(large, "asked", "person:test")).unwrap();
    let events = store.read_blocking(|r| r.events(&Filter::default())).unwrap();
    assert_eq!((events[1].body.is_none(), events[2].body.is_some()), (true, true));
    assert_eq!(
        (events[3].kind.as_str(), events[3].subject.clone()),
        ("event.erased", large.to_string())
    );
    let twice = store.write_blocking(move |tx| tx.erase(large, "asked", "person:test"));
    assert!(matches!(twice, Err(Error::Conflict(_))), "{twice:?}");
    store.write_blocking(move |tx| tx.erase(again, "asked", "person:test")).unwrap();
    let word = events[3].id;
    let result = store.write_blocking(move |tx| tx.erase(word, "hide", "person:test"));
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

fn unit(name: &str, state: &str) -> UnitRow {
    UnitRow { name: name.to_owned(), state: state.to_owned(), body: "{}".to_owned() }
}

fn units(store: &Store) {
    store
        .write_blocking(|tx| {
            tx.put_unit(&unit("b", "stopped"))?;
            tx.put_unit(&unit("a", "running"))?;
            tx.put_unit(&unit("b", "failed"))
        })
        .unwrap();
    let (all, b) = store.read_blocking(|r| Ok((r.units()?, r.unit("b")?))).unwrap();
    assert_eq!(all, [unit("a", "running"), unit("b", "failed")]);
    assert_eq!(b, Some(unit("b", "failed")));
    let removed =
        store.write_blocking(|tx| Ok((tx.remove_unit("a")?, tx.remove_unit("a")?))).unwrap();
    assert_eq!(removed.value, (true, false));
}

fn instances(store: &Store) {
    let row = |n: u128, owner: Owner| InstanceRow {
        id: InstanceId::new(Uuid::from_u128(n)),
        owner,
        generation: 3,
        boot_id: "boot".to_owned(),
        pid: None,
        start_time: None,
        state: "starting".to_owned(),
        created_at: time(i64::try_from(n).unwrap()),
        ended_at: None,
    };
    let first = row(1, Owner::Unit("web".to_owned()));
    let second = row(2, Owner::Run(run_id(9)));
    let running = InstanceRow {
        pid: Some(42),
        start_time: Some(4711),
        state: "running".to_owned(),
        ..first.clone()
    };
    let ended = InstanceRow { ended_at: Some(time(50)), ..second.clone() };
    let rows = [first, second.clone(), running.clone()];
    store.write_blocking(move |tx| rows.iter().try_for_each(|row| tx.put_instance(row))).unwrap();
    assert_eq!(
        store.read_blocking(|r| r.instances_open()).unwrap(),
        [running.clone(), second.clone()]
    );
    let put = ended.clone();
    store.write_blocking(move |tx| tx.put_instance(&put)).unwrap();
    let owner = ended.owner.clone();
    let (open, one, of) = store
        .read_blocking(move |r| {
            Ok((r.instances_open()?, r.instance(second.id)?, r.instances_of(&owner, 5)?))
        })
        .unwrap();
    assert_eq!((open, one, of), (vec![running], Some(ended.clone()), vec![ended]));
}

fn run_row(n: u128, key: Option<&str>) -> RunRow {
    RunRow {
        id: run_id(n),
        agent: "x".to_owned(),
        state: "running".to_owned(),
        prompt: "do it".to_owned(),
        target: Some("/src".to_owned()),
        worktree: None,
        session_id: None,
        offset: 0,
        body: "{}".to_owned(),
        created_at: time(0),
        updated_at: time(0),
        request_key: key.map(str::to_owned),
        task: None,
        session: None,
    }
}

fn runs(store: &Store) {
    let rows = [run_row(0xab1, Some("k")), run_row(0xab2, None), run_row(0xcb2, None)];
    let put = rows.clone();
    store.write_blocking(move |tx| put.iter().try_for_each(|row| tx.put_run(row))).unwrap();
    let moved = RunRow { offset: 77, state: "ended".to_owned(), ..rows[0].clone() };
    let put = moved.clone();
    store.write_blocking(move |tx| tx.put_run(&put)).unwrap();
    let conflict = store.write_blocking(|tx| tx.put_run(&run_row(0xdd, Some("k"))));
    assert!(matches!(conflict, Err(Error::Conflict(_))), "{conflict:?}");
    let ids =
        |rows: Vec<RunRow>| rows.iter().map(|row| row.id.uuid().as_u128()).collect::<Vec<_>>();
    store
        .read_blocking(move |r| {
            assert_eq!(r.run(run_id(0xab1))?, Some(moved.clone()));
            assert_eq!(r.run_by_key("k")?, Some(moved));
            assert_eq!(r.run_by_key("other")?, None);
            assert_eq!(ids(r.runs(2, None)?), [0xcb2, 0xab2]);
            assert_eq!(ids(r.runs(2, Some(run_id(0xab2)))?), [0xab1]);
            assert_eq!(ids(r.run_by_suffix("AB1")?), [0xab1]);
            assert_eq!(ids(r.run_by_suffix("b2")?), [0xcb2, 0xab2]);
            assert_eq!(ids(r.run_by_suffix("0000-000000000cb2")?), [0xcb2]);
            for none in ["", "%", "x1", "ff"] {
                assert_eq!(ids(r.run_by_suffix(none)?), [0; 0]);
            }
            assert_eq!(ids(r.runs_in(&["running", "paused"])?), [0xab2, 0xcb2]);
            assert_eq!(ids(r.runs_in(&[])?), [0; 0]);
            Ok(())
        })
        .unwrap();
}

fn stream_marks(store: &Store) {
    let mark = |run: u128, attempt, offset, index| {
        store
            .write_blocking(move |tx| tx.mark_stream(run_id(run), attempt, offset, index))
            .unwrap()
            .value
    };
    assert!(mark(1, 1, 0, 0));
    assert!(!mark(1, 1, 0, 0));
    assert!(mark(1, 1, 0, 1) && mark(1, 1, 5, 0) && mark(1, 2, 0, 0) && mark(2, 1, 0, 0));
    let undone = store.write_blocking(|tx| {
        tx.mark_stream(run_id(3), 1, 0, 0)?;
        Err::<(), _>(Error::Closed)
    });
    assert!(undone.is_err());
    assert!(mark(3, 1, 0, 0), "a mark is rolled back with its event");
}

fn usage(store: &Store) {
    let row = |run: u128, model: &str, cost| UsageRow {
        run: run_id(run),
        attempt: 1,
        agent: if run == 1 { "claude" } else { "codex" }.to_owned(),
        model: model.to_owned(),
        day: "2027-01-15".to_owned(),
        priced: "table".to_owned(),
        tokens: Tokens { fresh_input: 1, cache_read: 2, cache_write: 3, output: 4 },
        cost_micros: cost,
    };
    let put = |row: UsageRow| store.write_blocking(move |tx| tx.put_usage(&row)).unwrap();
    put(row(1, "m", Some(10)));
    let between = time(1_000_000);
    put(row(1, "m", None));
    put(row(2, "n", Some(5)));
    let (one, totals, none) = store
        .read_blocking(move |r| {
            Ok((r.usage(run_id(1))?, r.usage_totals(time(-10))?, r.usage_totals(between)?))
        })
        .unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].tokens, Tokens { fresh_input: 2, cache_read: 4, cache_write: 6, output: 8 });
    assert_eq!((one[0].cost_micros, one[0].rows_without_price), (10, 1));
    assert_eq!(totals.iter().map(|sum| sum.cost_micros).collect::<Vec<_>>(), [10, 5]);
    assert_eq!(none, []);
    money::books(store);
    money::promises(store);
    money::calls(store);
}

fn settings(store: &Store) {
    append_all(store, vec![draft("a", "web")]);
    let terms = store
        .write_blocking(|tx| {
            tx.set_meta("k", "v")?;
            tx.set_cursor("search", 1)?;
            tx.record_effect(&effect::new_effect(1, "{}"))?;
            Ok((tx.raise_term()?, tx.raise_term()?))
        })
        .unwrap();
    assert_eq!(terms.value, (1, 2));
    let own = store.write_blocking(|tx| tx.set_meta("store.term", "9"));
    assert!(matches!(own, Err(Error::Invalid(_))), "{own:?}");
    let beyond = store.write_blocking(|tx| tx.set_cursor("search", 2));
    assert!(matches!(beyond, Err(Error::Invalid(_))), "{beyond:?}");
    let raised = store.write_blocking(|tx| {
        tx.append(&[draft("restored", "web")])?;
        tx.raise_epoch()
    });
    assert_eq!(raised.unwrap().value, 2);
    store
        .read_blocking(|r| {
            assert_eq!((r.meta("k")?, r.meta("none")?), (Some("v".to_owned()), None));
            assert_eq!((r.cursor("search")?, r.cursor("new")?), (1, 0));
            assert_eq!((r.term()?, r.epoch()?), (2, 2));
            assert_eq!(r.effects(Some(EffectState::Unknown), 9)?.len(), 1);
            Ok(())
        })
        .unwrap();
}

fn logins(store: &Store) {
    let row = |n: u8, seconds: i64| LoginRow {
        id_hash: vec![n; 32],
        kind: "dashboard".to_owned(),
        created_at: time(0),
        last_seen: time(0),
        expires_at: time(0) + seconds.seconds(),
    };
    let pruned = store
        .write_blocking(move |tx| {
            tx.put_login(&row(1, 10))?;
            tx.put_login(&row(2, 20))?;
            tx.put_login(&row(3, 30))?;
            assert!(tx.remove_login(&[3; 32])?);
            assert!(!tx.remove_login(&[3; 32])?);
            tx.prune_logins(time(10))
        })
        .unwrap();
    assert_eq!(pruned.value, 1);
    let (gone, there) =
        store.read_blocking(|r| Ok((r.login(&[1; 32])?, r.login(&[2; 32])?))).unwrap();
    assert_eq!((gone, there), (None, Some(row(2, 20))));
}

fn alerts(store: &Store) {
    let row = |n: u128, state: &str, seconds: i64| AlertRow {
        id: AlertId::new(Uuid::from_u128(n)),
        key: "unit_failed:web".to_owned(),
        state: state.to_owned(),
        level: "critical".to_owned(),
        body: "{}".to_owned(),
        first_at: time(0) + seconds.seconds(),
        last_at: time(0) + seconds.seconds(),
    };
    store
        .write_blocking(move |tx| {
            tx.put_alert(&row(1, "open", 1))?;
            tx.put_alert(&row(1, "resolved", 1))?;
            tx.put_alert(&row(2, "resolved", 2))?;
            tx.put_alert(&row(3, "settled", 3))
        })
        .unwrap();
    // Of one key at most one is not over.
    let second = store.write_blocking(move |tx| tx.put_alert(&row(4, "open", 4)));
    assert!(second.is_err(), "{second:?}");
    let (newest, over, all, one) = store
        .read_blocking(|r| {
            Ok((
                r.alert_of("unit_failed:web")?,
                r.alerts(&["resolved"], 9)?,
                r.alerts(&["open", "settled", "resolved"], 2)?,
                r.alert(AlertId::new(Uuid::from_u128(1)))?,
            ))
        })
        .unwrap();
    assert_eq!(newest, Some(row(3, "settled", 3)));
    assert_eq!(over, [row(2, "resolved", 2), row(1, "resolved", 1)]);
    assert_eq!(all, [row(3, "settled", 3), row(2, "resolved", 2)]);
    assert_eq!(one, Some(row(1, "resolved", 1)));
    let pruned = store.write_blocking(|tx| tx.prune_alerts(time(0) + 2.seconds())).unwrap();
    assert_eq!(pruned.value, 1);
}
