//! Moving from another supervisor: what `orkestra import` writes is accepted and runs.

use crate::harness::{Home, text};
use std::path::Path;

fn data(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(file);
    path.display().to_string()
}

/// Imports into the test's own configuration, checks it, and starts it.
fn moved_into(mut home: Home, peer: &str, files: &[&str]) -> Home {
    std::fs::remove_file(home.config()).unwrap();
    let mut args = vec!["import", peer];
    args.extend(files);
    args.extend(["--out", "orkestra.yaml"]);
    home.ok(&args);
    home.ok(&["config", "check"]);
    // It is not written a second time.
    let said = home.fails(&args, 4);
    assert!(said.contains("left as it is"), "{said}");
    home.up();
    home
}

#[test]
fn import_of_a_procfile_runs() {
    let home = Home::new("");
    let app = home.dir.join("app");
    std::fs::create_dir(&app).unwrap();
    let procfile = "web: echo \"$GREETING on $PORT\"; exec sleep 100000\nworker: sleep 100000\n";
    std::fs::write(app.join("Procfile"), procfile).unwrap();
    std::fs::write(app.join(".env"), "GREETING='good day'\n").unwrap();
    let home = moved_into(home, "procfile", &["app/Procfile"]);
    home.pid("worker");
    let pid = home.pid("web");
    home.wait("its line", || home.ok(&["logs", "web"]).contains("good day on 5000").then_some(()));
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
    assert_eq!(cwd, app);
}

#[test]
fn import_of_supervisord_runs() {
    let home = Home::new("");
    let ini = "[supervisord]\nnodaemon=true\n\n[program:cat]\ncommand=/bin/sh -c \"echo copy \
               %(process_num)d of $LABEL; exec sleep 100000\"\nprocess_name=%(program_name)s_%(process_num)02d\n\
               numprocs=2\ndirectory=%(here)s\nenvironment=LABEL=\"one two\"\nautorestart=true\n\
               stopsignal=INT\nstopwaitsecs=3\n\n[program:rest]\ncommand=sleep 5\nautostart=false\n";
    std::fs::write(home.dir.join("s.conf"), ini).unwrap();
    let home = moved_into(home, "supervisord", &["s.conf"]);
    home.pid("cat_00");
    home.pid("cat_01");
    assert_eq!(home.unit("rest")["state"], "stopped");
    home.wait("its line", || {
        home.ok(&["logs", "cat_01"]).contains("copy 1 of one two").then_some(())
    });
}

#[test]
fn import_of_pm2_runs_also_from_javascript() {
    let home = Home::new("");
    home.script("server.sh", "echo \"port $PORT\"\nexec sleep 100000\n");
    let json = "{\"apps\": [{\"name\": \"api\", \"script\": \"server.sh\", \"interpreter\": \"sh\", \
                \"instances\": 2, \"increment_var\": \"PORT\", \"env\": {\"PORT\": 4000}}]}";
    std::fs::write(home.dir.join("ecosystem.json"), json).unwrap();
    let home = moved_into(home, "pm2", &["ecosystem.json"]);
    home.pid("api-0");
    home.pid("api-1");
    home.wait("its line", || home.ok(&["logs", "api-1"]).contains("port 4001").then_some(()));

    let file = data("pm2/ecosystem.config.js");
    let output = home.run(&["import", "pm2", &file]);
    let said = text(&output.stderr);
    if output.status.success() {
        assert!(text(&output.stdout).contains("PORT: \"3001\""), "{}", text(&output.stdout));
    } else {
        eprintln!("SKIPPED: JavaScript was not read: {said}");
        assert!(said.contains("node is not installed"), "{said}");
    }
}

#[test]
fn import_of_real_examples_is_accepted_by_config_check() {
    for (peer, files) in [
        ("procfile", &["rails/Procfile"][..]),
        ("pm2", &["pm2/ecosystem.json"]),
        ("pm2", &["pm2/processes.yaml"]),
        ("supervisord", &["supervisord/supervisord.conf"]),
        (
            "systemd",
            &["systemd/shop-db.service", "systemd/shop-migrate.service", "systemd/shop.service"],
        ),
    ] {
        let mut home = Home::new("");
        home.env.push(("USER".to_owned(), "ann".to_owned()));
        let files: Vec<_> = files.iter().map(|file| data(file)).collect();
        let mut args = vec!["import", peer];
        args.extend(files.iter().map(String::as_str));
        let output = home.run(&args);
        let (out, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{said}");
        home.configure(&out);
        home.ok(&["config", "check"]);
        // Each note stands in the file, and on standard error.
        for note in said.lines().filter_map(|line| line.strip_prefix("note: ")) {
            assert!(out.contains(&format!("# - {note}")), "{note} is missing in {out}");
        }
    }
}

#[test]
fn import_says_what_is_wrong() {
    let home = Home::new("");
    home.fails(&["import", "supervisord", "nothing.conf"], 6);
    std::fs::write(home.dir.join("Procfile"), "web\n").unwrap();
    let said = home.fails(&["import", "procfile", "Procfile"], 5);
    assert!(said.contains("Procfile:1:"), "{said}");
    home.fails(&["import", "initd", "Procfile"], 2);
}
