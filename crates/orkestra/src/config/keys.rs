//! Every key of the file, once: the reader, the schema, the hints and the tests go by this table.

pub(crate) mod check;
pub(crate) mod gate;
pub(crate) mod github;
pub(crate) mod job;
pub(crate) mod money;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod session;
pub(crate) mod task;
pub(crate) mod telemetry;
mod unit;
pub(crate) mod upkeep;
pub(crate) mod vote;

pub(crate) use unit::{RESTART, UNIT};

use Ty::{
    Agents, Host, Limit, Port, Program, Section as Sub, Share, Span, Strings, Text, Units,
    Variables, Word,
};

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Section {
    /// What it is, as in "a unit".
    pub(crate) name: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
    /// The key that a plain text stands for: `restart: never` is `restart: { policy: never }`.
    pub(crate) short: Option<&'static str>,
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) ty: Ty,
    /// What holds without it; empty when it must be there, or is a section.
    pub(crate) default: &'static str,
    /// A value, as written in YAML.
    pub(crate) example: &'static str,
    /// One sentence for the schema.
    pub(crate) doc: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ty {
    /// 0 to 65535.
    Port,
    /// A loopback address.
    Host,
    /// Any text but the empty one.
    Text,
    /// true or false.
    Bool,
    /// A length of time.
    Span,
    /// A growth factor.
    Factor,
    /// 0 to 1.
    Share,
    /// A positive number or `none`.
    Limit,
    /// Bytes.
    Size,
    /// A number of files.
    Count,
    /// A signal's name.
    Signal,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of words, or one line for the shell.
    Command,
    /// A list of words.
    Program,
    /// A list of words, possibly empty.
    Strings,
    /// Names and texts.
    Variables,
    /// Hooks by event.
    Hooks,
    /// Units and conditions.
    After,
    /// Exit codes.
    Codes,
    /// A percentage of one core.
    Percent,
    /// An address for HTTP.
    Url,
    /// `host:port`.
    Address,
    /// A regular expression.
    Pattern,
    /// A status of HTTP.
    Status,
    /// A mapping with these keys.
    Section(&'static Section),
    /// Units by name.
    Units(&'static Section),
    /// Agents by name.
    Agents(&'static Section),
    /// A length of time, or `forever`.
    Keep,
    /// Others by name.
    Named(&'static Section),
    /// Jobs by name.
    Jobs(&'static Section),
    /// 0 to a half, or as percent.
    Chance,
}

impl Section {
    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

/// The whole file.
pub(crate) const ROOT: Section = Section {
    name: "the configuration",
    short: None,
    keys: &[
        Key {
            name: "listen",
            ty: Sub(&LISTEN),
            default: "",
            example: "{ port: 8000 }",
            doc: "Where the dashboard and the API are served.",
        },
        Key {
            name: "env",
            ty: Variables,
            default: "{}",
            example: "{ LANG: C.UTF-8 }",
            doc: "Environment variables for all units and jobs; their own win.",
        },
        Key {
            name: "units",
            ty: Units(&UNIT),
            default: "{}",
            example: "{ web: { command: [./server] } }",
            doc: "The processes to keep alive, by name.",
        },
        Key {
            name: "jobs",
            ty: Ty::Jobs(&job::JOB),
            default: "{}",
            example: "{ tidy: { every: 1h, command: [./tidy.sh] } }",
            doc: "What is done on a timetable, by name.",
        },
        Key {
            name: "agents",
            ty: Agents(&AGENT),
            default: "{}",
            example: "{ claude: { kind: claude } }",
            doc: "The agents that can be given work, by name.",
        },
        Key {
            name: "github",
            ty: Sub(&github::GITHUB),
            default: "",
            example: "{ repo: acme/tools, token: \"env:GITHUB_TOKEN\" }",
            doc: "Issues of GitHub that become runs.",
        },
        Key {
            name: "sessions",
            ty: Sub(&session::SESSIONS),
            default: "",
            example: "{ involvement: medium }",
            doc: "How several agents plan a goal.",
        },
        Key {
            name: "sandbox",
            ty: Sub(&sandbox::SANDBOX),
            default: "",
            example: "{ network: none }",
            doc: "The boundary around agents, where an agent says nothing else.",
        },
        Key {
            name: "budgets",
            ty: Ty::Named(&money::BUDGET),
            default: "{}",
            example: "{ daily: { per: day, usd: 20 } }",
            doc: "What agents may spend, by name; others are set by orkestra budget.",
        },
        Key {
            name: "prices",
            ty: Ty::Named(&money::PRICE),
            default: "{}",
            example: "{ my-model: { input: 1, output: 4 } }",
            doc: "What a million tokens of a model cost, by the model's name; above the built-in table.",
        },
        Key {
            name: "money",
            ty: Sub(&money::MONEY),
            default: "",
            example: "{ zone: Europe/Berlin }",
            doc: "How money is counted.",
        },
        Key {
            name: "notifications",
            ty: Ty::Named(&upkeep::NOTIFICATION),
            default: "{}",
            example: "{ ops: { kind: webhook, url: \"https://hooks.example/orkestra\" } }",
            doc: "Who is told of alerts, by name.",
        },
        Key {
            name: "retention",
            ty: Sub(&upkeep::RETENTION),
            default: "",
            example: "{ logs: 7d }",
            doc: "How long things are kept.",
        },
        Key {
            name: "checks",
            ty: Ty::Named(&check::CHECK),
            default: "{}",
            example: "{ lint: { command: make lint } }",
            doc: "Your own checks of tasks, by name.",
        },
        Key {
            name: "snapshots",
            ty: Sub(&check::SNAPSHOTS),
            default: "",
            example: "{ every: 1h }",
            doc: "When snapshots of the work are taken.",
        },
        Key {
            name: "approvals",
            ty: Sub(&upkeep::APPROVALS),
            default: "",
            example: "{ expire: 8h }",
            doc: "How agents ask a person.",
        },
        Key {
            name: "health",
            ty: Sub(&upkeep::HEALTH),
            default: "",
            example: "{ disk_warning: 20GB }",
            doc: "From where on a figure of the health report is too high or too low.",
        },
        Key {
            name: "reviews",
            ty: Sub(&review::REVIEWS),
            default: "",
            example: "{ rounds: 2 }",
            doc: "How the work of agents is reviewed by others.",
        },
        Key {
            name: "tasks",
            ty: Sub(&task::TASKS),
            default: "",
            example: "{ running_max: 3 }",
            doc: "How tasks are given out and tried again.",
        },
        Key {
            name: "gate",
            ty: Sub(&gate::GATE),
            default: "",
            example: "{ ask: [npm install] }",
            doc: "What agents may do without being asked, and what not at all.",
        },
        Key {
            name: "votes",
            ty: Sub(&vote::VOTES),
            default: "",
            example: "{ deadline: 30m }",
            doc: "How it is voted.",
        },
        Key {
            name: "telemetry",
            ty: Sub(&telemetry::TELEMETRY),
            default: "",
            example: "{ otlp: \"http://127.0.0.1:4318\" }",
            doc: "Where traces of the daemon's own work go.",
        },
    ],
};

const LISTEN: Section = Section {
    name: "listen",
    short: None,
    keys: &[
        Key {
            name: "host",
            ty: Host,
            default: "127.0.0.1",
            example: "localhost",
            doc: "The loopback address; this version serves no others.",
        },
        Key {
            name: "port",
            ty: Port,
            default: "8000",
            example: "8080",
            doc: "The TCP port; 0 takes any free one.",
        },
    ],
};

/// An agent.
pub(crate) const AGENT: Section = Section {
    name: "an agent",
    short: None,
    keys: &[
        Key {
            name: "kind",
            ty: Word(&[
                "script",
                "claude",
                "codex",
                "gemini",
                "acp",
                "anthropic",
                "openai",
                "google",
                "github",
                "xai",
            ]),
            default: "",
            example: "claude",
            doc: "What it is: a program (script), Claude Code, Codex, the Gemini CLI, an ACP agent, or a model behind an API.",
        },
        Key {
            name: "command",
            ty: Program,
            default: "the kind's own program",
            example: "[claude]",
            doc: "Program and first arguments; a script must have it.",
        },
        Key {
            name: "model",
            ty: Text,
            default: "none",
            example: "sonnet",
            doc: "The model to ask for; without it the agent program chooses.",
        },
        Key {
            name: "args",
            ty: Strings,
            default: "[]",
            example: "[--verbose]",
            doc: "Arguments added at the end.",
        },
        Key {
            name: "env",
            ty: Variables,
            default: "{}",
            example: "{ DEBUG: \"1\" }",
            doc: "Environment variables for this agent.",
        },
        Key {
            name: "permission_mode",
            ty: Text,
            default: "none",
            example: "acceptEdits",
            doc: "What it may do without asking, in the vendor's words.",
        },
        Key {
            name: "hooks",
            ty: Ty::Hooks,
            default: "none",
            example: "{ PreToolUse: [{ match: Bash, command: [guard] }] }",
            doc: "Programs that are told what the agent does, by event; before a tool call they may say no.",
        },
        Key {
            name: "limits",
            ty: Sub(&run::LIMITS),
            default: "",
            example: "{ time: 20m }",
            doc: "What each of its runs may use.",
        },
        Key {
            name: "base_url",
            ty: Text,
            default: "the vendor's",
            example: "\"http://127.0.0.1:11434/v1\"",
            doc: "Where the model's API is; only for kinds that are an API.",
        },
        Key {
            name: "api_key",
            ty: Text,
            default: "none",
            example: "\"env:MY_KEY\"",
            doc: "The key of the API, or where it is (env:, file:, op://).",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "1m",
            example: "90s",
            doc: "The longest silence of the model before a call is given up.",
        },
        Key {
            name: "rate_limit",
            ty: Limit,
            default: "50",
            example: "20",
            doc: "Calls in any minute, over all runs of the agent; none for no limit.",
        },
        Key {
            name: "parallel",
            ty: Limit,
            default: "the kind's",
            example: "2",
            doc: "Tasks at the same time; of a model's API calls too, over all its runs. none for no limit.",
        },
        Key {
            name: "max_tokens",
            ty: Limit,
            default: "8192",
            example: "4000",
            doc: "The longest answer of the model, in tokens.",
        },
        Key {
            name: "temperature",
            ty: Share,
            default: "the vendor's",
            example: "0.7",
            doc: "How freely the model chooses its words.",
        },
        Key {
            name: "capabilities",
            ty: Strings,
            default: "[]",
            example: "[rust, reviews]",
            doc: "What it is good for, in free words.",
        },
        Key {
            name: "strengths",
            ty: Strings,
            default: "the kind's",
            example: "[testing, debugging]",
            doc: "What it is good at: tasks that ask for it are rather given to it.",
        },
        Key {
            name: "sandbox",
            ty: Sub(&sandbox::SANDBOX),
            default: "",
            example: "{ network: none }",
            doc: "The boundary around it.",
        },
    ],
};

/// One hook of an agent; its place in the file is a list, so it is not in the tree of keys.
pub(crate) const HOOK: Section = Section {
    name: "a hook",
    short: None,
    keys: &[
        Key {
            name: "match",
            ty: Text,
            default: "none",
            example: "Bash",
            doc: "For which tools, divided by |, each with * for any rest; without it for all.",
        },
        Key {
            name: "command",
            ty: Program,
            default: "",
            example: "[./guard.sh]",
            doc: "Program and arguments; the call is on its input as JSON.",
        },
        Key {
            name: "timeout",
            ty: Span,
            default: "1m",
            example: "5s",
            doc: "How long it may take, 10 minutes at most; one that takes longer denies.",
        },
    ],
};

/// Other systems' names of our keys.
const SYNONYMS: &[(&str, &str)] = &[
    ("cmd", "command"),
    ("exec", "command"),
    ("run", "command"),
    ("program", "command"),
    ("script", "command"),
    ("environment", "env"),
    ("environ", "env"),
    ("working_directory", "cwd"),
    ("working_dir", "cwd"),
    ("workdir", "cwd"),
    ("directory", "cwd"),
    ("dir", "cwd"),
    ("depends_on", "after"),
    ("requires", "after"),
    ("needs", "after"),
    ("autostart", "enabled"),
    ("restart_policy", "restart"),
    ("stop_signal", "stop"),
    ("services", "units"),
    ("processes", "units"),
    ("daemons", "units"),
    ("server", "listen"),
    ("type", "kind"),
    ("arguments", "args"),
    ("timeout", "grace"),
    ("max_delay", "max"),
    ("healthcheck", "probes"),
    ("probe", "probes"),
    ("readiness", "ready"),
    ("readiness_probe", "ready"),
    ("liveness", "live"),
    ("liveness_probe", "live"),
    ("interval", "every"),
    ("period", "every"),
    ("runtime_max", "run_time"),
    ("nofile", "open_files"),
    ("exitcodes", "success_codes"),
    ("prompt", "run"),
    ("schedule", "cron"),
    ("timezone", "zone"),
    ("tz", "zone"),
];

/// What an unknown key was probably meant to be, as a hint.
pub(crate) fn hint(section: &Section, name: &str) -> Option<String> {
    let names = section.names();
    let lower = name.to_ascii_lowercase();
    if lower == "home" && section.key("units").is_some() {
        return Some("the data folder is set by --home or ORKESTRA_HOME".to_owned());
    }
    let synonym = SYNONYMS.iter().find(|(theirs, ours)| *theirs == lower && names.contains(ours));
    if let Some(ours) = nearest(&lower, &names) {
        return Some(format!("did you mean {ours:?}?"));
    }
    if let Some((_, ours)) = synonym {
        return Some(format!("did you mean {ours:?}?"));
    }
    section.keys.iter().find_map(|key| match key.ty {
        Sub(inner) if inner.key(&lower).is_some() => {
            Some(format!("{lower:?} belongs under {:?}", key.name))
        }
        _ => None,
    })
}

/// The candidate that is nearly the word, if one is.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&word, &c.to_lowercase()), *c))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
