//! The tree → settings: every section is read here, and what they say about each other checked.

mod check;
mod gate;
mod github;
mod hooks;
mod job;
mod money;
mod review;
mod sandbox;
mod session;
mod task;
mod telemetry;
mod upkeep;
mod vote;

pub(crate) use telemetry::Telemetry;

use super::keys::{self, AGENT, Key, ROOT, Section, Ty};
use super::problem::Problem;
use super::reader::{self, Fields, KeyPath, Reader, quote};
use super::unit::{Dependency, Unit};
use super::yaml::{Entry, Kind, Node};
use super::{Origin, Settings};
use orkestra_agents::{AgentSpec, ApiSpec, Kind as AgentKind};
use orkestra_core::run::LimitsSpec;
use orkestra_core::sandbox::SandboxSpec;
use orkestra_core::unit::graph::{self, After, GraphError};
use orkestra_core::unit::spec::{Condition, UnitName, UnitSpec};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

/// Where relative paths begin.
pub(crate) struct Folders<'a> {
    /// The folder of the file.
    pub(crate) config: &'a Path,
    /// The folder that `~/` stands for.
    pub(crate) user: Option<&'a Path>,
    /// The data folder.
    pub(crate) data: &'a Path,
}

/// Reads the whole tree. The settings are only good when the reader has no error.
pub(crate) fn read(root: Option<&Node>, folders: &Folders<'_>, reader: &mut Reader) -> Settings {
    let top = reader.section(root, KeyPath::default(), &ROOT);
    let (host, port) = listen(&top, reader);
    let env_path = top.path.join("env");
    let env = reader.variables(top.get("env"), &env_path);
    let units_path = top.path.join("units");
    let unit_nodes = reader.named(top.get("units"), &units_path);
    let mut units = BTreeMap::new();
    let mut afters = Vec::new();
    for entry in unit_nodes {
        let Some(name) = name(entry, &units_path, "unit", reader) else { continue };
        let mut unit = Unit { name: &name, entry, folders, reader, common: &env };
        let path = units_path.join(&entry.key);
        let (spec, after) = unit.read(path);
        afters.push((name.clone(), after));
        if let Some(spec) = spec {
            units.insert(name, spec);
        }
    }
    check_after(&afters, &units, reader);
    let sandbox = sandbox::read(&top, &SandboxSpec::default(), folders, reader);
    let agents = agents(&top, &sandbox, folders, reader);
    let jobs = job::read(&top, folders, &env, reader);
    let mut upkeep = upkeep::read(&top, sandbox, reader);
    upkeep.github = github::read(&top, folders, reader);
    upkeep.votes = vote::read(&top, reader);
    let telemetry = telemetry::read(&top, reader);
    Settings {
        home: folders.data.to_path_buf(),
        host,
        port,
        env,
        units,
        agents,
        jobs,
        upkeep,
        telemetry,
    }
}

fn listen(top: &Fields<'_>, reader: &mut Reader) -> (IpAddr, u16) {
    let fields =
        reader.section(top.get("listen"), top.path.join("listen"), section(&ROOT, "listen"));
    let host = (IpAddr::from([127, 0, 0, 1]), Origin::Default);
    (
        reader.value(&fields, "host", host, reader::host),
        reader.value(&fields, "port", (super::DEFAULT_PORT, Origin::Default), reader::port),
    )
}

/// The section under a key of the table; the table's own test holds this.
pub(super) fn section(of: &'static Section, name: &str) -> &'static Section {
    match of.key(name).map(|key| key.ty) {
        Some(Ty::Section(section)) => section,
        _ => of,
    }
}

pub(super) fn key(of: &'static Section, name: &str) -> &'static Key {
    static NONE: Key = Key { name: "", ty: Ty::Text, default: "", example: "", doc: "" };
    of.key(name).unwrap_or(&NONE)
}

/// A unit's or an agent's name.
pub(super) fn name(
    entry: &Entry,
    path: &KeyPath,
    what: &str,
    reader: &mut Reader,
) -> Option<UnitName> {
    let name = entry.key.parse();
    if name.is_err() {
        let message =
            format!("{} cannot be the name of {} {what}", quote(&entry.key), article(what));
        let problem = Problem::at(entry.place.clone(), message).key(path.join(&entry.key).text());
        reader.report(problem.expected(
            "1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
        ));
    }
    name.ok()
}

fn article(what: &str) -> &'static str {
    if what.starts_with('a') { "an" } else { "a" }
}

/// A line for the shell: not blank, no NUL byte.
pub(super) struct Line(pub(super) String);

impl std::str::FromStr for Line {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let ok = !text.trim().is_empty() && !text.contains('\0');
        if ok { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

/// Program and arguments: at least a program.
pub(super) fn program(node: &Node, path: &KeyPath, reader: &mut Reader) -> Option<Vec<String>> {
    if let Kind::Scalar { text, .. } = &node.kind {
        let words: Vec<&str> = text.split_whitespace().collect();
        let problem = Problem::at(node.place.clone(), format!("{} is a text", path.text()));
        let problem = problem.key(path.text()).expected(reader::expectation(Ty::Program));
        reader.report(problem.hint(format!("write {}", quote_list(&words))));
        return None;
    }
    let words = reader.strings(node, path)?;
    let empty = match words.first().map(String::as_str) {
        None => Some((node, "the command is empty")),
        Some(program) if program.trim().is_empty() => {
            let first = match &node.kind {
                Kind::List(items) => items.first(),
                Kind::Map(_) | Kind::Scalar { .. } => None,
            };
            Some((first.unwrap_or(node), "the program's name is empty"))
        }
        Some(_) => None,
    };
    match empty {
        Some((node, message)) => {
            let problem = Problem::at(node.place.clone(), message).key(path.text());
            reader.report(problem.expected("a program and its arguments"));
            None
        }
        None => Some(words),
    }
}

/// Words as a YAML list.
fn quote_list(words: &[&str]) -> String {
    format!("[{}]", words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(", "))
}

/// Without `.` and doubled slashes; `..` stays, since it may follow a link.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// Names that do not exist, circles, and dependencies that will not be started.
fn check_after(
    afters: &[(UnitName, Vec<Dependency>)],
    units: &BTreeMap<UnitName, UnitSpec>,
    reader: &mut Reader,
) {
    let names: Vec<&str> = afters.iter().map(|(name, _)| name.as_str()).collect();
    let known: BTreeMap<&str, &[Dependency]> =
        afters.iter().map(|(name, deps)| (name.as_str(), deps.as_slice())).collect();
    let mut edges: BTreeMap<UnitName, BTreeMap<UnitName, Condition>> = BTreeMap::new();
    for (unit, dependencies) in afters {
        let targets = edges.entry(unit.clone()).or_default();
        for dependency in dependencies {
            if reader.is_full() {
                return;
            }
            if !known.contains_key(dependency.name.as_str()) {
                let message = format!("there is no unit {}", quote(&dependency.name));
                let mut problem = Problem::at(dependency.node.place.clone(), message)
                    .key(dependency.path.clone());
                problem.hint = match keys::nearest(&dependency.name, &names) {
                    Some(near) => Some(format!("did you mean {near:?}?")),
                    None => Some(format!("the units are: {}", listed(&names))),
                };
                reader.report(problem);
                continue;
            }
            if let Ok(name) = dependency.name.parse::<UnitName>() {
                let is = |name: &UnitName| units.get(name).is_none_or(|unit| unit.enabled);
                if is(unit) && !is(&name) {
                    let message = format!("{unit} waits for {name}, which is not enabled");
                    let problem = Problem::at(dependency.node.place.clone(), message)
                        .key(dependency.path.clone());
                    reader
                        .report(problem.hint("it starts when a person starts the other").warning());
                }
                targets.insert(name, Condition::Started);
            }
        }
    }
    check_circles(&known, edges, reader);
}

/// The first names of many.
fn listed(names: &[&str]) -> String {
    let more = if names.len() > 20 { ", …" } else { "" };
    format!("{}{more}", names.iter().take(20).copied().collect::<Vec<_>>().join(", "))
}

/// Reports a circle, cuts it and looks for the next one.
fn check_circles(
    known: &BTreeMap<&str, &[Dependency]>,
    mut edges: BTreeMap<UnitName, BTreeMap<UnitName, Condition>>,
    reader: &mut Reader,
) {
    for _ in 0..20 {
        let after: After<'_> = edges.iter().collect();
        let Err(GraphError::Cycle { path }) = graph::check(&after) else { return };
        let [first, second, ..] = path.as_slice() else { return };
        let written = known
            .get(first.as_str())
            .and_then(|dependencies| dependencies.iter().find(|d| d.name == second.as_str()));
        let (first, second) = (first.clone(), second.clone());
        if let Some(written) = written {
            let way = path.iter().map(UnitName::as_str).collect::<Vec<_>>().join(" → ");
            let message = if path.len() == 2 {
                format!("{first} waits for itself")
            } else {
                format!("units wait for each other in a circle: {way}")
            };
            let problem = Problem::at(written.node.place.clone(), message);
            reader.report(problem.key(written.path.clone()).hint("remove one of these"));
        }
        if let Some(targets) = edges.get_mut(&first) {
            targets.remove(&second);
        }
    }
}

fn agents(
    top: &Fields<'_>,
    sandbox: &SandboxSpec,
    folders: &Folders<'_>,
    reader: &mut Reader,
) -> BTreeMap<String, AgentSpec> {
    let path = top.path.join("agents");
    let mut agents = BTreeMap::new();
    for entry in reader.named(top.get("agents"), &path) {
        if name(entry, &path, "agent", reader).is_none() {
            continue;
        }
        if let Some(mut spec) = agent(entry, path.join(&entry.key), sandbox, folders, reader) {
            spec.resolve(folders.config);
            agents.insert(entry.key.clone(), spec);
        }
    }
    agents
}

/// What the runs of an agent may use; what is not said is left to the default.
fn run_limits(agent: &Fields<'_>, reader: &mut Reader) -> LimitsSpec {
    let path = agent.path.join("limits");
    let f = reader.section(agent.get("limits"), path, &keys::run::LIMITS);
    let unset = || (None, Origin::Default);
    let mut span = |name| {
        reader.value(&f, name, unset(), |text| reader::span(text).map(|span| Some(span.ms())))
    };
    let (runtime_ms, silence_ms, stall_ms) = (span("time"), span("silence"), span("stall"));
    LimitsSpec {
        runtime_ms,
        silence_ms,
        stall_ms,
        memory: reader.value(&f, "memory", unset(), |text| reader::memory(text).map(Some)),
        output: reader.value(&f, "output", unset(), |text| reader::memory(text).map(Some)),
        tokens: reader.value(&f, "tokens", unset(), |text| {
            reader::parsed(&text.replace('_', ""), "a number of tokens", "a whole number").map(Some)
        }),
    }
}

pub(super) fn agent(
    entry: &Entry,
    path: KeyPath,
    sandbox: &SandboxSpec,
    folders: &Folders<'_>,
    reader: &mut Reader,
) -> Option<AgentSpec> {
    let fields = reader.section(Some(&entry.value), path, &AGENT);
    let command_path = fields.path.join("command");
    let args_path = fields.path.join("args");
    let capabilities_path = fields.path.join("capabilities");
    let mut missing = |key: &str, hint: &str| {
        let message = format!("the agent {:?} has no {key}", entry.key);
        let problem = Problem::at(entry.place.clone(), message).key(fields.path.join(key).text());
        reader.report(problem.hint(hint));
    };
    let no_command = fields.get("command").is_none();
    let kind: Option<AgentKind> = match fields.get("kind") {
        None => {
            missing("kind", "add kind: claude, or kind: script and a command");
            None
        }
        Some(_) => {
            let word = reader::word(key(&AGENT, "kind"));
            reader.value(&fields, "kind", (None, Origin::Default), |text| word(text).map(Some))
        }
    };
    if kind == Some(AgentKind::Acp) && no_command {
        let message = format!("the agent {:?} has no command", entry.key);
        let problem = Problem::at(entry.place.clone(), message).key(command_path.text());
        reader.report(problem.hint("add, for example, command: [opencode, acp]"));
    }
    if kind == Some(AgentKind::Script) && no_command {
        let message = format!("the agent {:?} has no command", entry.key);
        let problem = Problem::at(entry.place.clone(), message).key(command_path.text());
        reader.report(problem.hint("add, for example, command: [\"./agent.sh\"]"));
    }
    let mut words = |name: &str, path: &KeyPath| match fields.get(name) {
        None => {
            reader.origin(path, Origin::Default);
            Vec::new()
        }
        Some(node) => {
            reader.origin(path, Origin::of(&node.place));
            let words = match name {
                "command" => program(node, path, reader),
                _ => reader.strings(node, path),
            };
            words.unwrap_or_default()
        }
    };
    let command = words("command", &command_path);
    let args = words("args", &args_path);
    let capabilities = words("capabilities", &capabilities_path);
    let strengths = words("strengths", &fields.path.join("strengths"));
    let strengths = fields.get("strengths").map(|_| strengths);
    let model = reader.optional(&fields, "model");
    let permission_mode = reader.optional(&fields, "permission_mode");
    let env = reader.variables(fields.get("env"), &fields.path.join("env"));
    let limits = run_limits(&fields, reader);
    let parallel = limit(&fields, "parallel", reader);
    let api = api(&fields, kind, parallel, reader);
    let hooks = hooks::read(&fields, reader);
    let sandbox = sandbox::read(&fields, sandbox, folders, reader);
    kind.map(|kind| AgentSpec {
        limits,
        kind,
        command,
        model,
        args,
        env,
        permission_mode,
        api,
        capabilities,
        strengths,
        parallel,
        hooks,
        sandbox,
        ..AgentSpec::new(kind)
    })
}

/// `none` is no limit, which is written 0; nothing for what is not said.
fn limit(fields: &Fields<'_>, name: &str, reader: &mut Reader) -> Option<u32> {
    let given = |text: &str| reader::limit(text).map(|limit| Some(limit.unwrap_or(0)));
    reader.value(fields, name, (None, Origin::Default), given)
}

/// What a model's API needs to know.
fn api(
    fields: &Fields<'_>,
    kind: Option<AgentKind>,
    parallel: Option<u32>,
    reader: &mut Reader,
) -> ApiSpec {
    const KEYS: [&str; 6] =
        ["base_url", "api_key", "timeout", "rate_limit", "max_tokens", "temperature"];
    for name in KEYS {
        if let (Some(node), Some(kind)) = (fields.get(name), kind)
            && !kind.is_api()
        {
            let path = fields.path.join(name).text();
            let message = format!("{path} means nothing to an agent of kind {kind}");
            let problem = Problem::at(node.place.clone(), message).key(path);
            reader
                .report(problem.hint("only kinds that are a model's API take it; use env or args"));
        }
    }
    if !kind.is_some_and(AgentKind::is_api) {
        return ApiSpec::default();
    }
    let rate_limit = limit(fields, "rate_limit", reader);
    let max_tokens = limit(fields, "max_tokens", reader).filter(|tokens| *tokens > 0);
    let span = |text: &str| reader::span(text).map(Some);
    let timeout = reader.value(fields, "timeout", (None, Origin::Default), span);
    let share = |text: &str| reader::share(text).map(Some);
    let temperature = reader.value(fields, "temperature", (None, Origin::Default), share);
    ApiSpec {
        base_url: web_address(fields, reader),
        api_key: secret_or_text(fields, reader),
        timeout_ms: timeout.map(|span| span.ms().max(1)),
        rate_limit,
        parallel,
        max_tokens,
        temperature_milli: temperature.map(|share| (share * 1000.0).round() as u32),
    }
}

fn web_address(fields: &Fields<'_>, reader: &mut Reader) -> Option<String> {
    reader.value(fields, "base_url", (None, Origin::Default), |text| {
        let web = text.starts_with("http://") || text.starts_with("https://");
        if web {
            return Ok(Some(text.to_owned()));
        }
        Err(reader::Bad::new(text, "an address", "http://… or https://…"))
    })
}

fn secret_or_text(fields: &Fields<'_>, reader: &mut Reader) -> Option<String> {
    let key = reader.optional(fields, "api_key")?;
    if let (Err(error), Some(node)) = (orkestra_core::secret::parse(&key), fields.get("api_key")) {
        let path = fields.path.join("api_key").text();
        reader.report(Problem::at(node.place.clone(), format!("{path}: {error}")).key(path));
        return None;
    }
    Some(key)
}
