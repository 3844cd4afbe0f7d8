//! Databases of other times and other programs: every released version opens, a newer one is refused.

use crate::home::{Home, big, draft};
use orkestra_core::event::{Cause, EventRef};
use orkestra_store::{Error, EventKey, Filter, Store, UnitRow, schema_version};
use std::fs;
use std::path::{Path, PathBuf};

fn data(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/v{version}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `cargo test -p orkestra-store make_data -- --ignored` writes the database of this version. Do it
/// once, at the release that brings the version; never again.
#[test]
#[ignore = "writes into tests/data"]
fn make_data() {
    let home = Home::new();
    let store = home.open();
    store
        .write_blocking(|tx| {
            let first: EventRef =
                tx.append(&[draft("unit.started", "web"), big("run", 17_000)])?[0];
            tx.append(&[draft("unit.exited", "web").because(Cause::Event(first))])?;
            tx.put_unit(&UnitRow {
                name: "web".to_owned(),
                state: "running".to_owned(),
                body: "{}".to_owned(),
            })?;
            tx.raise_term()
        })
        .unwrap();
    drop(store);
    let target = data(schema_version());
    let _ = fs::remove_dir_all(&target);
    copy(home.path(), &target);
}

#[test]
fn every_released_version_opens() {
    // A migration that no release had yet has no database.
    for version in (1..=schema_version()).filter(|version| data(*version).exists()) {
        let home = Home::new();
        copy(&data(version), home.path());
        let store = home.open();
        let report = store.read_blocking(|r| r.verify(&mut |_| {})).unwrap();
        assert!(report.is_clean(), "version {version}: {report:?}");
        let (events, units, term) = store
            .read_blocking(|r| Ok((r.events(&Filter::default())?, r.units()?, r.term()?)))
            .unwrap();
        assert_eq!((events.len(), units.len(), term), (3, 1, 1));
        assert!(events[1].body.as_ref().unwrap()["text"].as_str().unwrap().len() == 17_000);
        assert_eq!(events[2].cause, Some(events[0].id));
        store.write_blocking(|tx| tx.append(&[draft("a", "x")])).unwrap();
        let kept = home.path().join(format!("state.v{version}.db"));
        assert_eq!(kept.exists(), version < schema_version(), "{}", kept.display());
    }
}

#[test]
fn a_newer_database_is_refused_by_name_and_left_alone() {
    let home = Home::new();
    let store = home.open();
    drop(store);
    let known = schema_version();
    home.tamper()
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (?1, 'future', '2030-01-01T00:00:00Z', '1')",
            [known + 7],
        )
        .unwrap();
    let before = fs::read(home.path().join("state.db")).unwrap();
    let error = Store::open(home.options()).unwrap_err();
    assert!(matches!(error, Error::Newer { found, known: k } if (found, k) == (known + 7, known)));
    assert!(error.to_string().contains(&format!("schema version {}", known + 7)), "{error}");
    assert_eq!(fs::read(home.path().join("state.db")).unwrap(), before);
}

#[test]
fn what_is_not_ours_is_refused() {
    let home = Home::new();
    let file = home.path().join("state.db");
    home.tamper().execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
    assert!(matches!(Store::open(home.options()), Err(Error::Foreign(path)) if path == file));
    fs::write(&file, "no database at all, but long enough to be one".repeat(100)).unwrap();
    assert!(matches!(Store::open(home.options()), Err(Error::Damaged { .. })));
}

#[test]
fn damage_is_a_typed_error_and_never_a_panic() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[4096..8192].fill(0xAA),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.truncate(1000),
        |bytes| bytes.iter_mut().skip(16_384).step_by(97).for_each(|byte| *byte ^= 0x55),
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        let home = Home::new();
        let store = home.open();
        for n in 0..200 {
            store.write_blocking(move |tx| tx.append(&[draft("unit.x", &n.to_string())])).unwrap();
        }
        drop(store);
        let file = home.path().join("state.db");
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let noticed = match Store::open(home.options()) {
            Err(Error::Damaged { .. }) => true,
            Err(other) => panic!("damage {index}: {other:?}"),
            Ok(store) => match store.read_blocking(|r| r.verify(&mut |_| {})) {
                Err(Error::Damaged { .. }) => true,
                Err(other) => panic!("damage {index}: {other:?}"),
                Ok(report) => !report.is_clean(),
            },
        };
        assert!(noticed, "damage {index}");
    }
    let home = Home::new();
    drop(home.open());
    home.tamper().execute_batch("DELETE FROM head").unwrap();
    assert!(matches!(Store::open(home.options()), Err(Error::Damaged { .. })));
}

#[test]
fn reopening_keeps_node_and_events() {
    let home = Home::new();
    let store = home.open();
    let node = store.node();
    let place = store.write_blocking(|tx| tx.append(&[draft("a", "x")])).unwrap().value[0];
    drop(store);
    let store = home.open();
    assert_eq!(store.node(), node);
    assert_eq!(*store.head_watch().borrow(), 1);
    let event = store.read_blocking(move |r| r.event(EventKey::Id(place.id))).unwrap().unwrap();
    assert_eq!(event.reference(), place);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    fs::write(home.path().join("state.db"), "").unwrap();
    fs::set_permissions(home.path().join("state.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let store = home.open();
    store.write_blocking(|tx| tx.append(&[big("x", 20_000)])).unwrap();
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}
