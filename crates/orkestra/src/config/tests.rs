//! Whole configurations in, settings or problems out.

use super::*;
use orkestra_agents::Kind as AgentKind;
use orkestra_core::signal::Signal;
use orkestra_core::span::Span;
use orkestra_core::unit::backoff::{Backoff, StartLimit};
use orkestra_core::unit::hook::Hooks;
use orkestra_core::unit::probe::{Http, Probe, Probes};
use orkestra_core::unit::spec::{
    Condition, FullDisk, Kind as UnitKind, Limits, Logs, OnFailed, Policy, Restart, Stop,
};
use serde_json::json;

mod table;

/// A machine with a home folder, a working directory and an environment.
struct Machine {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
    config: Option<PathBuf>,
    flags: Overrides,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("user/.orkestra")).unwrap();
        std::fs::create_dir_all(dir.path().join("work")).unwrap();
        Self { dir, env: BTreeMap::new(), config: None, flags: Overrides::default() }
    }

    /// With this text as `orkestra.yaml` in the working directory.
    fn with(text: &str) -> Self {
        let machine = Self::new();
        machine.write("work/orkestra.yaml", text);
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(path), text).unwrap();
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    fn load(&self) -> Result<Loaded, Errors> {
        load(&Inputs {
            config_flag: self.config.clone(),
            cwd: self.path("work"),
            home_dir: Some(self.path("user")),
            env: &self.env,
            flags: self.flags.clone(),
        })
    }

    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|errors| panic!("{}", errors.render(false)))
    }

    /// `line:column message` of each problem.
    fn problems(&self) -> Vec<String> {
        let problems = match self.load() {
            Ok(loaded) => loaded.warnings,
            Err(errors) => errors.problems,
        };
        problems.iter().map(brief).collect()
    }
}

fn brief(problem: &Problem) -> String {
    let number = |n: Option<usize>| n.map_or("-".to_owned(), |n| n.to_string());
    let mut text =
        format!("{}:{} {}", number(problem.line()), number(problem.column()), problem.message);
    if let Some(hint) = &problem.hint {
        text.push_str(&format!(" ({hint})"));
    }
    text
}

#[test]
fn no_file_means_defaults() {
    let machine = Machine::new();
    let loaded = machine.loaded();
    assert_eq!(loaded.path, None);
    assert_eq!(loaded.settings.home, machine.path("user/.orkestra"));
    assert_eq!(loaded.settings.address().to_string(), "127.0.0.1:8000");
    assert!(loaded.settings.units.is_empty() && loaded.settings.agents.is_empty());
    assert_eq!(
        loaded.candidates,
        [machine.path("work/orkestra.yaml"), machine.path("user/.orkestra/orkestra.yaml")]
    );
    let shown = show(&loaded, true);
    let shown: Vec<&str> = shown.lines().skip(1).map(str::trim_end).collect();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(shown[0]), "listen.host = 127.0.0.1 # default");
    assert_eq!(words(shown[1]), "listen.port = 8000 # default");
    for text in ["", "\n", "# nothing\n", "null\n", "units:\nagents:\nenv:\nlisten:\n", "---\n"] {
        let with_file = Machine::with(text).loaded().settings;
        assert_eq!((with_file.port, with_file.units.len()), (8000, 0), "{text:?}");
    }
}

const WHOLE: &str = r#"
listen: { port: 0, host: "::1" }
env: { A: 1, B: no }
units:
  db:
    command: exec postgres -D data
  web.api:
    command: [python3, -m, http.server, 9001, 1.10, yes, ""]
    cwd: ./site/.
    env: { A: 0x10, C: "", D: true, E: 1.50 }
    enabled: false
    after: { db: started }
    restart: { policy: on-failure, profile: gentle, initial: 1, factor: 3, max: 1m, jitter: 0, reset_after: 10m, limit: 3, success_codes: [3], start_limit: { within: 10s } }
    user: app:www
    probes:
      ready: { http: "http://127.0.0.1:1/x", status: 204, log: up+, within: 5s }
      live: { exec: [./check], every: 2s, failures: 1 }
    limits: { memory: 512MB, cpu: 150%, open_files: 64, run_time: 1h }
    hooks: { failed: [./tell], timeout: 1s }
    on_failed: stop-dependents
    stop: { signal: sigint, grace: 500ms }
    logs: { max_size: 64MiB, keep: 9, full: drop }
  tilde: { command: [x], cwd: ~/y, after: [db], restart: never }
  bare: { command: [x], cwd: "~", after: db, restart: { profile: few, limit: none } }
agents:
  helper: { kind: script, command: ["./agent.sh", -v] }
  claude: { kind: claude, model: 4.10, args: [--x], env: { K: 1 }, permission_mode: plan }
"#;

#[test]
#[allow(clippy::too_many_lines, reason = "one file with every key, and what it becomes")]
fn a_whole_file_is_read() {
    let machine = Machine::with(WHOLE);
    let settings = machine.loaded().settings;
    let work = machine.path("work");
    assert_eq!(settings.address().to_string(), "[::1]:0");
    let unit = |name: &str| settings.units.get(name).unwrap();
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let map = |list: &[(&str, &str)]| {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let after_db = BTreeMap::from([("db".parse().unwrap(), Condition::Started)]);
    assert_eq!(
        *unit("db"),
        UnitSpec {
            command: strings(&["/bin/sh", "-c", "exec postgres -D data"]),
            env: map(&[("A", "1"), ("B", "no")]),
            cwd: work.display().to_string(),
            enabled: true,
            after: BTreeMap::new(),
            restart: Restart {
                policy: Policy::Always,
                profile: "default".into(),
                backoff: Backoff::DEFAULT,
                success_codes: Vec::new(),
                start_limit: None,
            },
            stop: Stop { signal: Signal::TERM, grace: Span::from_secs(5) },
            logs: Logs { max_bytes: 10_000_000, keep: 5, full: FullDisk::Block },
            kind: UnitKind::Service,
            user: None,
            probes: Probes::default(),
            limits: Limits::default(),
            hooks: Hooks::default(),
            on_failed: OnFailed::Ignore,
        }
    );
    assert_eq!(
        *unit("web.api"),
        UnitSpec {
            command: strings(&["python3", "-m", "http.server", "9001", "1.10", "yes", ""]),
            env: map(&[("A", "0x10"), ("B", "no"), ("C", ""), ("D", "true"), ("E", "1.50")]),
            cwd: work.join("site").display().to_string(),
            enabled: false,
            after: after_db.clone(),
            restart: Restart {
                policy: Policy::OnFailure,
                profile: "gentle".into(),
                backoff: Backoff {
                    initial: Span::from_secs(1),
                    factor: 3.0,
                    max: Span::from_secs(60),
                    jitter: 0.0,
                    reset_after: Span::from_secs(600),
                    limit: Some(3),
                },
                success_codes: vec![3],
                start_limit: Some(StartLimit { count: 5, within: Span::from_secs(10) }),
            },
            stop: Stop { signal: Signal::INT, grace: Span::from_ms(500) },
            logs: Logs { max_bytes: 64 << 20, keep: 9, full: FullDisk::Drop },
            kind: UnitKind::Service,
            user: Some("app:www".into()),
            probes: Probes {
                ready: Some(Probe {
                    http: Some(Http { url: "http://127.0.0.1:1/x".into(), status: Some(204) }),
                    log: Some("up+".into()),
                    within: Span::from_secs(5),
                    ..asks_nothing()
                }),
                live: Some(Probe {
                    exec: Some(strings(&["./check"])),
                    every: Span::from_secs(2),
                    failures: 1,
                    ..asks_nothing()
                }),
            },
            limits: Limits {
                memory: Some(512_000_000),
                cpu: Some(150.0),
                open_files: Some(64),
                run_time: Some(Span::from_secs(3600)),
            },
            hooks: Hooks {
                failed: Some(strings(&["./tell"])),
                timeout: Span::from_secs(1),
                ..Hooks::default()
            },
            on_failed: OnFailed::StopDependents,
        }
    );
    assert_eq!(unit("tilde").cwd, machine.path("user/y").display().to_string());
    assert_eq!(unit("tilde").after, after_db);
    assert_eq!(unit("tilde").restart.policy, Policy::Never);
    assert_eq!(unit("bare").cwd, machine.path("user").display().to_string());
    assert_eq!(unit("bare").after, after_db);
    assert_eq!(unit("bare").restart.backoff, Backoff::DEFAULT);
    assert_eq!(
        settings.agents["helper"],
        AgentSpec {
            command: strings(&[&work.join("agent.sh").display().to_string(), "-v"]),
            ..AgentSpec::new(AgentKind::Script)
        }
    );
    assert_eq!(
        settings.agents["claude"],
        AgentSpec {
            model: Some("4.10".into()),
            args: strings(&["--x"]),
            env: map(&[("K", "1")]),
            permission_mode: Some("plan".into()),
            ..AgentSpec::new(AgentKind::Claude)
        }
    );
}

/// A probe as it is without any key.
fn asks_nothing() -> Probe {
    Probe {
        exec: None,
        http: None,
        tcp: None,
        log: None,
        notify: None,
        delay: None,
        every: Span::from_secs(10),
        timeout: Span::from_secs(3),
        failures: 3,
        successes: 1,
        within: Span::from_secs(60),
    }
}

/// Each wrong file with everything that is said about it.
const WRONG: &[(&str, &[&str])] = &[
    // Names of keys.
    ("prot: 1", &["1:1 unknown key \"prot\""]),
    ("unit: {}", &["1:1 unknown key \"unit\" (did you mean \"units\"?)"]),
    ("port: 1", &["1:1 unknown key \"port\" (\"port\" belongs under \"listen\")"]),
    ("home: x", &["1:1 unknown key \"home\" (the data folder is set by --home or ORKESTRA_HOME)"]),
    ("services: {}", &["1:1 unknown key \"services\" (did you mean \"units\"?)"]),
    (
        "units:\n  web:\n    comand: [x]\n",
        &[
            "2:3 the unit \"web\" has no command (add, for example, command: [\"./server\", \"--verbose\"])",
            "3:5 unknown key \"comand\" (did you mean \"command\"?)",
        ],
    ),
    (
        "units: {a: {command: x, depends_on: b}}",
        &["1:25 unknown key \"depends_on\" (did you mean \"after\"?)"],
    ),
    (
        "units: {a: {command: x, grace: 5s}}",
        &["1:25 unknown key \"grace\" (\"grace\" belongs under \"stop\")"],
    ),
    (
        "units: {a: {command: x, stop: {gracce: 5s}}}",
        &["1:32 unknown key \"gracce\" (did you mean \"grace\"?)"],
    ),
    (
        "units: {a: {command: x}}\nunits: {}",
        &["2:1 the key \"units\" stands here a second time (the first one is on line 1)"],
    ),
    (
        "units:\n  a: {command: x}\n  b: {command: x}\n  a: {command: y}",
        &["4:3 the key \"a\" stands here a second time (the first one is on line 2)"],
    ),
    ("units: {-a: {command: x}}", &["1:9 \"-a\" cannot be the name of a unit"]),
    ("units: {a/b: {command: x}}", &["1:9 \"a/b\" cannot be the name of a unit"]),
    ("agents: {\"\": {kind: claude}}", &["1:10 \"\" cannot be the name of an agent"]),
    // Shapes.
    ("- a", &["1:1 the configuration cannot be a list"]),
    ("hello", &["1:1 the configuration cannot be the text \"hello\""]),
    ("units: [a]", &["1:8 units cannot be a list (write name: value)"]),
    ("units: {a: {command: x, stop: TERM}}", &["1:31 stop cannot be the text \"TERM\""]),
    ("units: {a: {command: {b: c}}}", &["1:22 units.a.command cannot be a mapping"]),
    ("env: [A=1]", &["1:6 env cannot be a list (write name: value)"]),
    ("env: {A: [1]}", &["1:10 env.A is a list"]),
    (
        "env: {A: , B: ~}",
        &[
            "1:7 env.A has no value (write \"\" for an empty text, and quote the word null)",
            "1:12 env.B has no value (write \"\" for an empty text, and quote the word null)",
        ],
    ),
    ("env: {A=B: 1}", &["1:7 \"A=B\" is not a name of a variable"]),
    // Values.
    ("listen: {port: 65536}", &["1:16 \"65536\" is not a port"]),
    ("listen: {port: http}", &["1:16 \"http\" is not a port"]),
    ("listen: {port: [1]}", &["1:16 listen.port cannot be a list"]),
    ("listen:\n  port:\n", &["2:3 listen.port has no value (remove the key to get the default)"]),
    (
        "listen: {host: 0.0.0.0}",
        &[
            "1:16 \"0.0.0.0\" is not an address that this version serves (Orkestra listens on the loopback address only; for another machine, tunnel to it by ssh -L)",
        ],
    ),
    ("units: {a: {command: x, enabled: yes}}", &["1:34 \"yes\" is not true or false (write true)"]),
    ("units: {a: {command: x, enabled: maybe}}", &["1:34 \"maybe\" is not true or false"]),
    ("units: {a: {command: x, cwd: \"\"}}", &["1:30 the text is empty or has a NUL byte"]),
    ("units: {a: {command: x, stop: {grace: 5x}}}", &["1:39 \"5x\" is not a length of time"]),
    (
        "units: {a: {command: x, stop: {signal: TERMINATE}}}",
        &["1:40 \"TERMINATE\" is not a signal"],
    ),
    (
        "units: {a: {command: x, restart: on_failure}}",
        &["1:34 \"on_failure\" is not a policy (did you mean \"on-failure\"?)"],
    ),
    ("units: {a: {command: x, restart: {profile: soft}}}", &["1:44 \"soft\" is not a profile"]),
    ("units: {a: {command: x, restart: {factor: 0.5}}}", &["1:43 \"0.5\" is not a factor"]),
    ("units: {a: {command: x, restart: {factor: .nan}}}", &["1:43 \".nan\" is not a factor"]),
    ("units: {a: {command: x, restart: {factor: NaN}}}", &["1:43 \"NaN\" is not a factor"]),
    (
        "units: {a: {command: x, restart: {jitter: 10%}}}",
        &["1:43 \"10%\" is not a share (write 0.1)"],
    ),
    (
        "units: {a: {command: x, restart: {limit: 0}}}",
        &["1:42 \"0\" is not a limit (policy: never does not restart at all)"],
    ),
    (
        "units: {a: {command: x, restart: {initial: 1h}}}",
        &[
            "1:44 the first wait (1h) is longer than the longest (30s) (set both restart.initial and restart.max)",
        ],
    ),
    (
        "units: {a: {command: x, logs: {max_size: 10 apples}}}",
        &["1:42 \"10 apples\" is not a size"],
    ),
    (
        "units: {a: {command: x, logs: {max_size: 10}}}",
        &["1:42 \"10\" is not a size that a log file can have (the least is 1KB, the most 1000GB)"],
    ),
    (
        "units: {a: {command: x, kind: oneshot, restart: always}}",
        &["1:49 a oneshot unit that is always restarted would run for ever"],
    ),
    (
        "units: {a: {command: x, probes: {ready: {every: 1s}}}}",
        &["1:41 the probe does not say how to ask"],
    ),
    (
        "units: {a: {command: x, probes: {live: {http: \"https://h/\"}}}}",
        &[
            "1:47 \"https://h/\" is not an address to ask (probes speak plain HTTP; use exec: [curl, -fsS, …] for TLS)",
        ],
    ),
    (
        "units: {a: {command: x, probes: {live: {tcp: \"nowhere\"}}}}",
        &["1:46 \"nowhere\" is not an address"],
    ),
    (
        "units: {a: {command: x, probes: {ready: {log: \"(\"}}}}",
        &["1:47 \"(\" is not a regular expression (unclosed group)"],
    ),
    (
        "units: {a: {command: x, probes: {ready: {tcp: \"h:1\", every: 1ms}}}}",
        &["1:61 a probe cannot ask that often"],
    ),
    (
        "units: {a: {command: x, limits: {memory: 10KB}}}",
        &["1:42 \"10KB\" is not a limit of memory (no program starts with less than 1MB)"],
    ),
    ("units: {a: {command: x, limits: {cpu: 0%}}}", &["1:39 \"0%\" is not a percentage"]),
    (
        "units: {a: {command: x, restart: {success_codes: [256]}}}",
        &["1:51 \"256\" is not an exit code"],
    ),
    (
        "units: {a: {command: x, after: {b: reddy}}, b: {command: x}}",
        &["1:36 \"reddy\" is not a condition (did you mean \"ready\"?)"],
    ),
    ("units: {a: {command: x, logs: {keep: 0}}}", &["1:38 \"0\" is not a number of files"]),
    (
        "units: {a: {command: x, logs: {full: blok}}}",
        &["1:38 \"blok\" is not a choice for full (did you mean \"block\"?)"],
    ),
    // Commands.
    ("units: {a: {command: []}}", &["1:22 the command is empty"]),
    ("units: {a: {command: \" \"}}", &["1:22 \" \" is not a command"]),
    ("units: {a: {command: [\"\", b]}}", &["1:23 the program's name is empty"]),
    ("units: {a: {command: [x, \"a\\0b\"]}}", &["1:26 a NUL byte cannot be passed to a program"]),
    (
        "units: {a: {command: [x, ~]}}",
        &[
            "1:26 a value in units.a.command is missing (quote the word null; write \"\" for an empty text)",
        ],
    ),
    (
        "units: {a: {command: [x, b: c]}}",
        &["1:26 this is a mapping (quote a text that contains `: ` or begins with a bracket)"],
    ),
    (
        "units: {a: }",
        &[
            "1:9 the unit \"a\" has no command (add, for example, command: [\"./server\", \"--verbose\"])",
        ],
    ),
    // Dependencies.
    (
        "units: {db: {command: x}, a: {command: x, after: {bd: started}}}",
        &["1:51 there is no unit \"bd\" (did you mean \"db\"?)"],
    ),
    (
        "units: {a: {command: x, after: {zebra: started}}}",
        &["1:33 there is no unit \"zebra\" (the units are: a)"],
    ),
    (
        "units: {b: {command: x}, a: {command: x, after: {b: finished}}}",
        &["1:53 \"finished\" is not a condition"],
    ),
    ("units: {a: {command: x, after: [a]}}", &["1:33 a waits for itself (remove one of these)"]),
    (
        "units:\n  a: {command: x, after: [b]}\n  b: {command: x, after: [c]}\n  c: {command: x, after: [a]}\n  d: {command: x, after: e}\n  e: {command: x, after: d}\n",
        &[
            "2:27 units wait for each other in a circle: a → b → c → a (remove one of these)",
            "5:26 units wait for each other in a circle: d → e → d (remove one of these)",
        ],
    ),
    (
        "units: {b: {command: x, enabled: false}, a: {command: x, after: b}}",
        &["1:65 a waits for b, which is not enabled (it starts when a person starts the other)"],
    ),
    // Agents.
    (
        "agents: {a: {}}",
        &["1:10 the agent \"a\" has no kind (add kind: claude, or kind: script and a command)"],
    ),
    ("agents: {a: {kind: claud}}", &["1:20 \"claud\" is not a kind (did you mean \"claude\"?)"]),
    (
        "agents: {a: {kind: script}}",
        &["1:10 the agent \"a\" has no command (add, for example, command: [\"./agent.sh\"])"],
    ),
    (
        "agents: {a: {kind: script, command: ./a.sh -v}}",
        &["1:37 agents.a.command is a text (write [\"./a.sh\", \"-v\"])"],
    ),
    // YAML itself.
    ("units: [a", &["1:8 this bracket is not closed"]),
    ("env: {A: \"b}", &["1:10 this quote is not closed"]),
    ("env:\n\tA: 1", &["2:2 a tab cannot indent (indent with spaces)"]),
    (
        "env: a: b",
        &[
            "1:7 a `:` cannot stand here (quote a text that contains `: `, and check the indentation)",
        ],
    ),
    (
        "env:\n  A: 1\n B: 2",
        &[
            "3:2 this does not fit to the lines above (keys of the same mapping begin in the same column)",
        ],
    ),
    ("env: {A: *b}", &["1:10 no `&b` comes before this `*b` (quote a text that begins with `*`)"]),
    ("env: {A: &a [*a]}", &["1:14 this alias stands inside what it repeats"]),
    (
        "env: {A: !secret b}",
        &["1:18 the tag !secret has no meaning here (quote a text that begins with `!`)"],
    ),
    (
        "env: {A: %b}",
        &["1:10 unexpected character: `%' (quote a text that begins with such a character)"],
    ),
    (
        "? [a]\n: b",
        &[
            "1:3 a list or a mapping cannot be a key (quote a text that begins with `{`, `[` or `?`)",
        ],
    ),
    (
        "env: {}\n---\nenv: {}",
        &["2:1 a second document begins here (a configuration is one document; remove this `---`)"],
    ),
    ("env: {<<: 1}", &["1:11 only mappings can be merged by `<<`"]),
];

#[test]
fn wrong_files_are_told_to_the_line_and_column() {
    for (text, expected) in WRONG {
        assert_eq!(Machine::with(text).problems(), *expected, "{text}");
    }
}

#[test]
fn deep_and_unfolding_files_are_refused() {
    let deep = format!("{}x{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(Machine::with(&deep).problems(), ["1:33 more than 32 levels inside each other"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    assert_eq!(
        Machine::with(&bomb).problems().last().unwrap(),
        "5:40 aliases unfold to more than 100000 values"
    );
    let many: String = (0..60_000).map(|n| format!("k{n}: 1\n")).collect();
    assert_eq!(Machine::with(&many).problems().len(), 200);
}

#[test]
fn files_that_cannot_be_read() {
    let machine = Machine::new();
    machine.write("work/orkestra.yaml", b"env:\n  A: \xff\n");
    assert_eq!(machine.problems(), ["-:- the file is not UTF-8: there is another byte on line 2"]);
    machine.write("work/orkestra.yaml", vec![b'#'; (1 << 20) + 1]);
    assert_eq!(machine.problems(), ["-:- the file is bigger than 1024 KiB"]);
    machine.write("work/orkestra.yaml", "\u{feff}listen: {port: 1}\n");
    assert_eq!(machine.loaded().settings.port, 1);

    let mut machine = Machine::new();
    machine.config = Some("nowhere.yaml".into());
    assert_eq!(
        machine.load().unwrap_err().render(false),
        "error: the file nowhere.yaml does not exist\n  = help: --config names it; `orkestra init` writes a first one\n\n1 error in the configuration\n"
    );
    let machine = Machine::new().env("ORKESTRA_CONFIG", ".");
    assert_eq!(machine.problems(), ["-:- this is a folder, not a file"]);
    let no_home = load(&Inputs {
        config_flag: None,
        cwd: "/".into(),
        home_dir: None,
        env: &BTreeMap::new(),
        flags: Overrides::default(),
    });
    assert_eq!(
        no_home.unwrap_err().to_string(),
        "no folder for the data is known, since HOME is not set"
    );
}

/// Flag beats environment beats file beats default, for every subset of the layers.
#[test]
fn precedence_of_the_layers() {
    for layers in 0_u32..16 {
        let has = |bit: u32| layers & (1 << bit) != 0;
        let mut machine =
            if has(0) { Machine::with("listen:\n  port: 1001\n") } else { Machine::new() };
        if has(1) {
            machine = machine.env("ORKESTRA__LISTEN__PORT", "1002");
        }
        if has(2) {
            machine = machine.env("ORKESTRA_PORT", "1003");
        }
        machine.flags.port = has(3).then_some(1004);
        let expected = match 4_u32.saturating_sub(layers.leading_zeros() - 28) {
            0 => (8000, Origin::Default),
            1 => (1001, Origin::File { line: 2, column: 9 }),
            2 => (1002, Origin::Env("ORKESTRA__LISTEN__PORT".into())),
            3 => (1003, Origin::Env("ORKESTRA_PORT".into())),
            _ => (1004, Origin::Flag("--port".into())),
        };
        let loaded = machine.loaded();
        assert_eq!((loaded.settings.port, loaded.origins["listen.port"].clone()), expected);
        assert_eq!(loaded.values["listen"]["port"], json!(expected.0));
    }
}

#[test]
fn which_file_and_which_home() {
    let mut machine = Machine::new();
    let port = |machine: &Machine| machine.loaded().settings.port;
    machine.write("user/.orkestra/orkestra.yaml", "listen: {port: 1}");
    assert_eq!(port(&machine), 1);
    std::fs::create_dir(machine.path("data")).unwrap();
    machine.write("data/orkestra.yaml", "listen: {port: 2}");
    machine.env.insert("ORKESTRA_HOME".into(), machine.path("data").display().to_string());
    assert_eq!(port(&machine), 2);
    machine.write("work/orkestra.yaml", "listen: {port: 3}");
    assert_eq!(port(&machine), 3);
    machine.write("work/env.yaml", "listen: {port: 4}");
    machine.env.insert("ORKESTRA_CONFIG".into(), "env.yaml".into());
    assert_eq!(port(&machine), 4);
    machine.write("flag.yaml", "listen: {port: 5}\nunits: {a: {command: x, cwd: b}}");
    machine.config = Some("../flag.yaml".into());
    let loaded = machine.loaded();
    assert_eq!(loaded.settings.port, 5);
    assert_eq!(loaded.settings.home, machine.path("data"));
    assert_eq!(loaded.origins["home"], Origin::Env("ORKESTRA_HOME".into()));
    let cwd = machine.path("work/../b").display().to_string();
    assert_eq!(loaded.settings.units["a"].cwd, cwd);
    machine.flags.home = Some("there".into());
    let loaded = machine.loaded();
    assert_eq!(loaded.settings.home, machine.path("work/there"));
    assert_eq!(loaded.origins["home"], Origin::Flag("--home".into()));
}

#[test]
fn the_environment_sets_single_values() {
    let text = "units:\n  my-web:\n    command: x\n    restart: never\n  b: {command: y}\n";
    let loaded = Machine::with(text)
        .env("ORKESTRA__UNITS__MY_WEB__RESTART__MAX", "1m")
        .env("ORKESTRA__UNITS__MY_WEB__ENABLED", "false")
        .env("ORKESTRA__UNITS__MY_WEB__ENV__Some__Name", "v")
        .env("ORKESTRA__UNITS__B__RESTART", "on-failure")
        .env("ORKESTRA__UNITS__B__COMMAND", "echo hi")
        .env("ORKESTRA__ENV__EMPTY", "")
        .loaded();
    assert_eq!(loaded.warnings, []);
    let web = &loaded.settings.units["my-web"];
    assert_eq!((web.restart.policy, web.restart.backoff.max), (Policy::Never, Span::from_secs(60)));
    assert!(!web.enabled);
    assert_eq!(web.env["Some__Name"], "v");
    assert_eq!(web.env["EMPTY"], "");
    let b = &loaded.settings.units["b"];
    assert_eq!((b.restart.policy, b.command[2].as_str()), (Policy::OnFailure, "echo hi"));
    assert_eq!(
        loaded.origins["units.my-web.restart.max"],
        Origin::Env("ORKESTRA__UNITS__MY_WEB__RESTART__MAX".into())
    );
    assert_eq!(loaded.origins["units.my-web.restart.policy"], Origin::File { line: 4, column: 14 });
}

#[test]
fn unused_and_wrong_variables_are_told() {
    let machine = Machine::with("units: {web: {command: x, after: []}}")
        .env("ORKESTRA_LOG", "debug")
        .env("ORKESTRA_UNIT", "x")
        .env("ORKESTRA_PROT", "1")
        .env("ORKESTRA__LISTEN__PROT", "1")
        .env("ORKESTRA__LISTEN", "1")
        .env("ORKESTRA__UNITS__WBE__CWD", "1")
        .env("ORKESTRA__UNITS__WEB__AFTER__X", "1")
        .env("ORKESTRA__UNITS__WEB__CWD__X", "1");
    assert_eq!(
        machine.problems(),
        [
            "-:- ORKESTRA_PROT is not a setting (did you mean ORKESTRA_PORT?)",
            "-:- ORKESTRA__LISTEN is not a setting (name one of its keys: HOST, PORT)",
            "-:- ORKESTRA__LISTEN__PROT is not a setting (did you mean PORT?)",
            "-:- ORKESTRA__UNITS__WBE__CWD is not a setting (did you mean WEB?)",
            "-:- ORKESTRA__UNITS__WEB__AFTER__X is not a setting (only single values can be set by the environment)",
            "-:- ORKESTRA__UNITS__WEB__CWD__X is not a setting (units.web.cwd has no keys)",
        ]
    );
    assert!(machine.load().is_ok());
    let errors = Machine::new().env("ORKESTRA_PORT", "http").load().unwrap_err();
    assert_eq!(
        errors.problems[0].render(false),
        "error: \"http\" is not a port\n --> environment variable ORKESTRA_PORT\n  = expected a number from 0 to 65535\n"
    );
    assert_eq!(Machine::new().env("ORKESTRA_PORT", "").loaded().settings.port, 8000);
}

#[test]
fn problems_look_like_a_compilers() {
    let machine = Machine::with(
        "# a comment\nunits:\n  web:\n    comand: [\"x\"]\n    env: { API_KEY: hunter2, B: [] }\n",
    );
    let errors = machine.load().unwrap_err();
    assert_eq!(
        errors.render(false),
        r#"error: the unit "web" has no command
 --> orkestra.yaml:3:3
  |
3 |   web:
  |   ^^^
  = help: add, for example, command: ["./server", "--verbose"]

error: unknown key "comand"
 --> orkestra.yaml:4:5
  |
4 |     comand: ["x"]
  |     ^^^^^^ expected one of: command, cwd, env, enabled, after, restart, stop, logs, kind, user, probes, limits, hooks, on_failed
  = help: did you mean "command"?

error: units.web.env.B is a list
 --> orkestra.yaml:5:33
  |
5 |     env: { API_KEY: ******** ** ** *
  |                                 ^ expected a text

3 errors in the configuration
"#
    );
    assert_eq!(
        errors.to_string(),
        "orkestra.yaml:3:3: the unit \"web\" has no command (and 2 more errors)"
    );
    assert_eq!(
        errors.to_json()[1],
        json!({
            "severity": "error",
            "file": "orkestra.yaml",
            "line": 4,
            "column": 5,
            "source": null,
            "key": "units.web.comand",
            "message": "unknown key \"comand\"",
            "expected": "one of: command, cwd, env, enabled, after, restart, stop, logs, kind, user, probes, limits, hooks, on_failed",
            "hint": "did you mean \"command\"?",
        })
    );
    let colored = errors.problems[1].render(true);
    assert!(colored.starts_with("\x1b[1;31merror\x1b[0m"), "{colored:?}");
}

#[test]
fn long_lines_are_cropped_and_cannot_steer_the_terminal() {
    let text = format!("env: {{ A: \"{}\", 'B=': 1, C: {} }}\n", "x".repeat(300), "y".repeat(300));
    let rendered = Machine::with(&text).load().unwrap_err().problems[0].render(false);
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(lines[3].chars().count() < 140, "{rendered}");
    let caret = lines[4].find('^').unwrap();
    assert_eq!(lines[3].chars().skip(caret).take(4).collect::<String>(), "'B='");
    let text = "env: { A: \"\u{85}\", B: [] }\n";
    let rendered = Machine::with(text).load().unwrap_err().render(false);
    assert!(!rendered.contains('\u{85}'), "{rendered:?}");
}

#[test]
fn shows_what_holds_and_why() {
    let text = "env: { API_TOKEN: abc, DSN: \"pg://u:p@h/d\" }\nunits:\n  web:\n    command: [x, --password=p, b c]\n    restart: { profile: gentle, max: 1m }\n    logs: { max_size: 1024KB }\nagents:\n  a: { kind: claude, env: { ANTHROPIC_API_KEY: k } }\n";
    let machine = Machine::with(text).env("ORKESTRA_HOME", "/data");
    let loaded = machine.loaded();
    let shown = show(&loaded, true).replace(&machine.path("work").display().to_string(), "/work");
    // What is about the house itself has defaults only, and a test of its own.
    let ours = |line: &&str| {
        ["home", "listen.", "env.", "units.", "agents."].iter().any(|key| line.starts_with(key))
    };
    let squeezed: Vec<String> = shown
        .lines()
        .filter(ours)
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        squeezed,
        [
            "home = /data # from environment ORKESTRA_HOME",
            "listen.host = 127.0.0.1 # default",
            "listen.port = 8000 # default",
            "env.API_TOKEN = [hidden] # from orkestra.yaml:1",
            "env.DSN = pg://u:[hidden]@h/d # from orkestra.yaml:1",
            "units.web.command = [\"x\",\"--password=[hidden]\",\"b c\"] # from orkestra.yaml:4",
            "units.web.cwd = /work # default",
            "units.web.env.API_TOKEN = [hidden] # from orkestra.yaml:1",
            "units.web.env.DSN = pg://u:[hidden]@h/d # from orkestra.yaml:1",
            "units.web.enabled = true # default",
            "units.web.restart.policy = always # default",
            "units.web.restart.profile = gentle # from orkestra.yaml:5",
            "units.web.restart.initial = 2s # profile gentle",
            "units.web.restart.factor = 2 # profile gentle",
            "units.web.restart.max = 1m # from orkestra.yaml:5",
            "units.web.restart.jitter = 0.1 # profile gentle",
            "units.web.restart.reset_after = 1h # profile gentle",
            "units.web.restart.limit = none # profile gentle",
            "units.web.restart.success_codes = [] # default",
            "units.web.stop.signal = TERM # default",
            "units.web.stop.grace = 5s # default",
            "units.web.logs.max_size = 1024KB # from orkestra.yaml:6",
            "units.web.logs.keep = 5 # default",
            "units.web.logs.full = block # default",
            "units.web.kind = service # default",
            "units.web.user = none # default",
            "units.web.limits.memory = none # default",
            "units.web.limits.cpu = none # default",
            "units.web.limits.open_files = none # default",
            "units.web.limits.run_time = none # default",
            "units.web.hooks.start = none # default",
            "units.web.hooks.ready = none # default",
            "units.web.hooks.exit = none # default",
            "units.web.hooks.failed = none # default",
            "units.web.hooks.timeout = 10s # default",
            "units.web.on_failed = ignore # default",
            "agents.a.kind = claude # from orkestra.yaml:8",
            "agents.a.command = [] # default",
            "agents.a.model = none # default",
            "agents.a.args = [] # default",
            "agents.a.env.ANTHROPIC_API_KEY = [hidden] # from orkestra.yaml:8",
            "agents.a.permission_mode = none # default",
            "agents.a.capabilities = [] # default",
            r#"agents.a.strengths = ["documentation","code_review","architecture","testing","debugging"] # default"#,
            "agents.a.parallel = 2 # default",
            "agents.a.hooks = none # default",
            "agents.a.sandbox.mode = require # default",
            "agents.a.sandbox.network = open # default",
            "agents.a.sandbox.hosts = [] # default",
            "agents.a.sandbox.write = [] # default",
            "agents.a.sandbox.hide = [] # default",
            "agents.a.limits.time = 1h # default",
            "agents.a.limits.memory = 2GiB # default",
            "agents.a.limits.tokens = none # default",
            "agents.a.limits.output = 512MiB # default",
            "agents.a.limits.silence = 15m # default",
            "agents.a.limits.stall = 10m # default",
        ]
    );
    assert!(!show(&loaded, false).contains('#'));
    let all = show_json(&loaded, true);
    for secret in ["abc", "u:p@", "=p\"", ": \"k\""] {
        assert!(!all.to_string().contains(secret), "{secret}");
    }
    assert_eq!(
        all["origins"]["units.web.restart.initial"],
        json!({"kind": "profile", "at": "gentle"})
    );
    assert_eq!(all["origins"]["env.DSN"], json!({"kind": "file", "at": {"line": 1, "column": 29}}));
    assert_eq!(get(&loaded, "units.web.restart.max"), Ok(&json!("1m")));
    assert_eq!(get(&loaded, "listen"), Ok(&json!({"host": "127.0.0.1", "port": 8000})));
    assert_eq!(
        get(&loaded, "listen.prot"),
        Err("there is no value \"listen.prot\"; did you mean \"listen.port\"?".to_owned())
    );
}

#[test]
fn every_value_has_an_origin_and_every_origin_a_value() {
    let loaded = Machine::with(
        "env: {A: 1}\nunits: {a.b: {command: x, env: {B: 2}}, c: {command: [x], after: [a.b], restart: never}}\nagents: {a: {kind: claude}}\n",
    )
    .loaded();
    let keys: Vec<String> = show::leaves(&loaded.values).into_iter().map(|(k, _)| k).collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(sorted, loaded.origins.keys().cloned().collect::<Vec<_>>());
    assert!(keys.contains(&"units.\"a.b\".env.B".to_owned()));
}

#[test]
fn the_example_works_and_so_does_what_it_comments_out() {
    let loaded = Machine::with(example()).loaded();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.settings.units.keys().map(UnitName::as_str).collect::<Vec<_>>(), ["hello"]);
    assert!(loaded.settings.agents.is_empty());
    // A commented key begins with `# key:`; prose has no colon there.
    let uncommented: String = example()
        .lines()
        .map(|line| {
            let trimmed = line.trim_start();
            let code = trimmed.strip_prefix("# ").filter(|rest| {
                let key = rest.trim_start().split(':').next().unwrap_or_default();
                rest.contains(':') && !key.is_empty() && !key.contains(' ') && !rest.contains("://")
            });
            match code {
                Some(rest) => {
                    let indent = &line[..line.len() - trimmed.len()];
                    format!("{indent}{rest}\n")
                }
                None => format!("{line}\n"),
            }
        })
        .collect();
    let loaded = Machine::with(&uncommented).loaded();
    assert_eq!(loaded.settings.units.len(), 2, "{uncommented}");
    assert_eq!(loaded.settings.agents.len(), 2, "{uncommented}");
}

#[test]
fn what_takes_a_restart_of_the_daemon() {
    let settings = |text: &str| Machine::with(text).loaded().settings;
    let mut old = settings("listen: {port: 1}\nunits: {a: {command: x}}");
    let new = settings("listen: {port: 2}\nunits: {a: {command: y}}");
    old.home.clone_from(&new.home);
    assert_eq!(old.needs_daemon_restart(&new), ["listen.port"]);
    let mut same = settings("listen: {port: 2}");
    same.home.clone_from(&new.home);
    assert_eq!(new.needs_daemon_restart(&same), Vec::<&str>::new());
}
