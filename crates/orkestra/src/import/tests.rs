//! Real-life files of other supervisors, and single lines.

use super::{Around, Imported, Peer, Source, import, yaml};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(file)
}

fn translate(peer: Peer, sources: &[Source]) -> Result<Imported, String> {
    let env = BTreeMap::from([("USER".to_owned(), "ann".to_owned())]);
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let around = Around { env: &env, home: Some(Path::new("/home/ann")), read: &read };
    import(peer, sources, &around)
}

fn files(peer: Peer, names: &[&str]) -> Imported {
    let sources: Vec<_> = names
        .iter()
        .map(|name| {
            let path = data(name);
            Source { text: std::fs::read_to_string(&path).unwrap(), path }
        })
        .collect();
    translate(peer, &sources).unwrap()
}

fn line(peer: Peer, name: &str, text: &str) -> Result<Imported, String> {
    let path = Path::new("/somewhere").join(name);
    translate(peer, &[Source { path, text: text.to_owned() }])
}

fn field(imported: &Imported, unit: &str, pointer: &str) -> Value {
    let unit = imported.units.iter().find(|known| known.name == unit);
    let unit = unit.unwrap_or_else(|| panic!("no {pointer} in {imported:#?}"));
    Value::Object(unit.fields.clone()).pointer(pointer).cloned().unwrap_or_default()
}

fn names(imported: &Imported) -> Vec<&str> {
    imported.units.iter().map(|unit| unit.name.as_str()).collect()
}

fn noted(imported: &Imported, what: &str) -> bool {
    imported.notes.iter().any(|note| note.contains(what))
}

#[test]
fn a_procfile() {
    let rails = files(Peer::Procfile, &["rails/Procfile"]);
    assert_eq!(names(&rails), ["web", "worker", "css", "clock", "release"]);
    assert_eq!(
        field(&rails, "web", "/command"),
        json!(["sh", "-c", "bundle exec puma -C config/puma.rb -p $PORT"])
    );
    assert_eq!(field(&rails, "web", "/env/PORT"), "5000");
    assert_eq!(
        field(&rails, "worker", "/command"),
        json!(["bundle", "exec", "sidekiq", "-q", "default", "-q", "mailers"])
    );
    assert_eq!(field(&rails, "clock", "/command/0"), "sh");
    assert_eq!(field(&rails, "clock", "/env/GREETING"), "hello world");
    assert_eq!(field(&rails, "clock", "/env/DATABASE_URL"), "postgres://app:s3cret@localhost/app");
    assert_eq!(field(&rails, "clock", "/env/EMPTY"), "");
    assert_eq!(field(&rails, "release", "/restart/policy"), "never");
    assert_eq!(field(&rails, "css", "/cwd"), data("rails").display().to_string());
    assert!(!rails.notes.iter().any(|note| note.contains("s3cret")), "{:?}", rails.notes);

    let wrong = line(Peer::Procfile, "Procfile", "web: a\n\nnot a line\n").unwrap_err();
    assert!(wrong.contains("Procfile:3:"), "{wrong}");
    assert!(line(Peer::Procfile, "Procfile", "# nothing\n").is_err());
}

#[test]
fn supervisord_programs() {
    let site = files(Peer::Supervisord, &["supervisord/supervisord.conf"]);
    assert_eq!(names(&site), ["gunicorn", "celery_01", "celery_02", "celery_03", "oneshot"]);
    assert_eq!(site.env["TZ"], "Europe/Vienna");
    let here = data("supervisord").display().to_string();
    let command = json!([
        format!("{here}/venv/bin/gunicorn"),
        "site.wsgi:application",
        "--bind",
        "127.0.0.1:8001",
        "--access-logformat",
        "%(h)s %(r)s"
    ]);
    assert_eq!(field(&site, "gunicorn", "/command"), command);
    assert_eq!(field(&site, "gunicorn", "/env/NAME"), "gunicorn");
    assert_eq!(field(&site, "gunicorn", "/env/PYTHONUNBUFFERED"), "1");
    assert_eq!(field(&site, "gunicorn", "/stop"), json!({"grace": "30s", "signal": "QUIT"}));
    assert_eq!(field(&site, "gunicorn", "/logs"), json!({"max_size": "20MiB", "keep": 5}));
    assert_eq!(field(&site, "gunicorn", "/restart/policy"), "always");
    assert_eq!(field(&site, "gunicorn", "/restart/limit"), 3);
    assert_eq!(field(&site, "gunicorn", "/restart/reset_after"), "5s");
    assert_eq!(field(&site, "celery_02", "/command/6"), "worker02@ann");
    assert_eq!(field(&site, "celery_02", "/restart/policy"), "on-failure");
    assert_eq!(field(&site, "celery_02", "/stop/grace"), "10s");
    assert_eq!(field(&site, "oneshot", "/enabled"), false);
    assert_eq!(field(&site, "oneshot", "/command/2"), "echo \"set up\" && exit 0");
    for what in ["priority", "[group:site]", "[eventlistener:memmon]", "[include]", "pidfile"] {
        assert!(noted(&site, what), "{what}: {:#?}", site.notes);
    }

    for (text, said) in [
        ("[program:a]\ncommand=%(ENV_NOBODY)s\n", "ENV_NOBODY"),
        ("[program:a]\ncommand=run 100%\n", "%%"),
        ("[program:a]\nuser=x\n", "no command"),
        ("[program:a]\ncommand='open\n", "quote"),
        ("[program:a]\ncommand=x\nnumprocs=many\n", "number"),
        ("command=x\n", "section"),
    ] {
        let error = line(Peer::Supervisord, "a.conf", text).unwrap_err();
        assert!(error.contains(said), "{text:?}: {error}");
    }
}

#[test]
fn pm2_apps() {
    let apps = files(Peer::Pm2, &["pm2/ecosystem.json"]);
    assert_eq!(names(&apps), ["api-0", "api-1", "mail-worker", "npm"]);
    assert_eq!(
        field(&apps, "api-1", "/command"),
        json!([
            "node",
            "--max-old-space-size=512",
            "--enable-source-maps",
            "./dist/server.js",
            "--port",
            "3000"
        ])
    );
    assert_eq!(field(&apps, "api-1", "/env/PORT"), "3001");
    assert_eq!(field(&apps, "api-1", "/env/NODE_APP_INSTANCE"), "1");
    assert_eq!(field(&apps, "api-0", "/stop"), json!({"signal": "INT", "grace": "3s"}));
    assert_eq!(field(&apps, "api-0", "/restart/limit"), 10);
    assert_eq!(
        field(&apps, "mail-worker", "/command"),
        json!(["python3.11", "worker.py", "--queue", "mail high", "-v"])
    );
    let workers = data("pm2").join("workers").display().to_string();
    assert_eq!(field(&apps, "mail-worker", "/cwd"), workers);
    assert_eq!(field(&apps, "mail-worker", "/restart/initial"), "4s");
    assert_eq!(field(&apps, "npm", "/command"), json!(["npm", "start"]));
    for what in ["deploy", "env_production", "cluster", "cron_restart", "watch", "wait_ready"] {
        assert!(noted(&apps, what), "{what}: {:#?}", apps.notes);
    }

    let bots = files(Peer::Pm2, &["pm2/processes.yaml"]);
    assert_eq!(names(&bots), ["bot", "binary"]);
    assert_eq!(field(&bots, "bot", "/env/MODE"), "on");
    assert_eq!(field(&bots, "binary", "/enabled"), false);
    assert!(line(Peer::Pm2, "a.json", "{ apps: [").is_err());
    assert!(line(Peer::Pm2, "a.json", "[{\"name\": \"a\"}]").unwrap_err().contains("script"));
}

#[test]
fn systemd_services() {
    let shop = files(
        Peer::Systemd,
        &["systemd/shop-db.service", "systemd/shop-migrate.service", "systemd/shop.service"],
    );
    assert_eq!(names(&shop), ["shop-db", "shop-migrate", "shop"]);
    assert_eq!(field(&shop, "shop-db", "/stop"), json!({"signal": "INT", "grace": "5m20s"}));
    assert_eq!(field(&shop, "shop-db", "/restart/policy"), "never");
    assert_eq!(
        field(&shop, "shop-migrate", "/command/2"),
        "/srv/shop/bin/migrate && /srv/shop/bin/seed 'first run' 'it'\\''s done'"
    );
    assert_eq!(
        field(&shop, "shop", "/command"),
        json!([
            "/srv/shop/bin/server",
            "--port",
            "8080",
            "--threads",
            "4",
            "--name",
            "shop",
            "--rate",
            "100%",
            "--home",
            "$UNSET"
        ])
    );
    assert_eq!(field(&shop, "shop", "/env/GREETING"), "hello you");
    assert_eq!(field(&shop, "shop", "/restart/initial"), "2s");
    assert_eq!(field(&shop, "shop", "/restart/factor"), 1);
    assert_eq!(field(&shop, "shop", "/stop/grace"), "1m30s");
    let after = field(&shop, "shop", "/after");
    assert_eq!(after.as_object().map(serde_json::Map::len), Some(2), "{after}");
    for what in [
        "After=network.target",
        "ProtectSystem",
        "ExecReload",
        "RemainAfterExit",
        "ExecStartPre",
        "SIGKILL",
        "$UNSET",
        "WatchdogSec",
        "NoNewPrivileges",
        "shop-server",
    ] {
        assert!(noted(&shop, what), "{what}: {:#?}", shop.notes);
    }
    assert!(!noted(&shop, "env-that-is-not-there"), "an optional file that is absent");
    let forking = "[Service]\nType=forking\nExecStart=/usr/sbin/d\n";
    assert!(noted(&line(Peer::Systemd, "d.service", forking).unwrap(), "foreground"));
    assert!(line(Peer::Systemd, "d.service", "[Service]\n").unwrap_err().contains("ExecStart"));
}

#[test]
fn names_become_such_as_units_may_have() {
    let text = "{\"apps\": [{\"name\": \"a b\", \"script\": \"x\"}, {\"name\": \"a/b\", \"script\": \"x\"}]}";
    let imported = line(Peer::Pm2, "a.json", text).unwrap();
    assert_eq!(names(&imported), ["a-b", "a-b-2"]);
    assert!(noted(&imported, "a-b-2"));
}

#[test]
fn nothing_that_is_imported_can_leave_its_place_in_the_file() {
    let text = "[program:x]\ncommand=echo \"a: b # c\" '[x]' \"tab\there\" true null 1e3 ''\n\
                environment=A=\"x: y\",B=\"#no\",C=\"true\",D=\"0x10\",E=\"file:./dev.db\"\nodd=1\n";
    let imported = line(Peer::Supervisord, "a\n.conf", text).unwrap();
    let written = yaml(&imported, &["a\nb: c".to_owned()]);
    let read: Value = serde_saphyr::from_str_with_options(
        &written,
        serde_saphyr::options! { strict_booleans: true },
    )
    .unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(
        read.pointer("/units/x/command"),
        Some(&json!(["echo", "a: b # c", "[x]", "tab\there", "true", "null", "1e3", ""])),
        "{written}"
    );
    let env =
        json!({"A": "x: y", "B": "#no", "C": "true", "D": "0x10", "E": "literal:file:./dev.db"});
    assert_eq!(read.pointer("/units/x/env"), Some(&env), "{written}");
}
