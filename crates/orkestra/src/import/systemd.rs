//! Service units of systemd.

use super::{Around, Imported, Source, Unit, duration, words};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

mod exec;

/// The settings of one file: section, key, value, in their order.
struct File<'a> {
    source: &'a Source,
    /// The unit's name without `.service`.
    name: String,
    settings: Vec<(String, String, String)>,
}

impl File<'_> {
    /// All values of a key; an empty one forgets those before it.
    fn all(&self, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (_, _, value) in self.settings.iter().filter(|(_, name, _)| name == key) {
            if value.is_empty() { values.clear() } else { values.push(value.as_str()) }
        }
        values
    }

    fn last(&self, key: &str) -> Option<&str> {
        self.all(key).last().copied()
    }
}

pub(super) fn import(sources: &[Source], around: &Around<'_>) -> Result<Imported, String> {
    let mut imported = Imported::default();
    let files: Vec<File<'_>> =
        sources.iter().map(|source| parse(source, around)).collect::<Result<_, _>>()?;
    let kinds: BTreeMap<String, String> = files
        .iter()
        .map(|file| (file.name.clone(), file.last("Type").unwrap_or("simple").to_owned()))
        .collect();
    for file in &files {
        let mut notes = Vec::new();
        let unit = unit(file, &kinds, around, &mut notes)?;
        imported.units.push(unit);
        for note in notes {
            imported.note(note);
        }
    }
    Ok(imported)
}

fn parse<'a>(source: &'a Source, around: &Around<'_>) -> Result<File<'a>, String> {
    let file_name = source.file_name();
    let name = file_name.strip_suffix(".service").unwrap_or(&file_name).to_owned();
    let (mut settings, mut section) = (Vec::new(), String::new());
    let (mut whole, mut begun) = (String::new(), 0);
    for (index, line) in source.text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) || (trimmed.is_empty() && whole.is_empty()) {
            continue;
        }
        if whole.is_empty() {
            begun = index + 1;
        }
        if let Some(part) = trimmed.strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            continue;
        }
        whole.push_str(trimmed);
        let line = std::mem::take(&mut whole);
        if let Some(inner) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inner.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=') {
            let value = specifiers(value.trim(), &name, around);
            settings.push((section.clone(), key.trim().to_owned(), value));
        } else {
            return Err(source.wrong(begun, "expected [Section] or Key=value"));
        }
    }
    Ok(File { source, name, settings })
}

/// `%n`, `%N`, `%p`, `%i`, `%h`, `%%`; others stay as they are.
fn specifiers(text: &str, name: &str, around: &Around<'_>) -> String {
    let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('n') => out.extend([name, ".service"]),
            Some('N') => out.push_str(name),
            Some('p') => out.push_str(prefix),
            Some('i' | 'I') => out.push_str(instance),
            Some('h') => out.push_str(&around.home.unwrap_or(Path::new("/root")).to_string_lossy()),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    out
}

fn unit(
    file: &File<'_>,
    kinds: &BTreeMap<String, String>,
    around: &Around<'_>,
    notes: &mut Vec<String>,
) -> Result<Unit, String> {
    let env = environment(file, around, notes);
    let kind = file.last("Type").unwrap_or("simple");
    let argv = exec::command(file, &env, notes)?;
    let mut unit = Unit::new(&file.name, argv);
    unit.about = file.last("Description").map(str::to_owned);
    let name = file.name.clone();
    let cwd = file.last("WorkingDirectory").unwrap_or("/");
    let cwd = match cwd.strip_prefix('-').unwrap_or(cwd) {
        "~" => "~/",
        other => other,
    };
    unit.set("cwd", cwd, notes);
    unit.env(&env);
    match kind {
        "oneshot" => unit.set("kind", "oneshot", notes),
        "notify" | "notify-reload" => unit.set("probes.ready", json!({"notify": "main"}), notes),
        "forking" => notes.push(format!(
            "{name}: Type=forking: Orkestra holds programs in the foreground; take away the option that puts it into the background"
        )),
        "dbus" => notes.push(format!("{name}: Type=dbus: it counts as started when it runs")),
        _ => {}
    }
    let user = match (file.last("User"), file.last("Group")) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (Some(user), None) => Some(user.to_owned()),
        (None, Some(_)) => {
            notes.push(format!("{name}: Group without User: there is nothing like it here"));
            None
        }
        (None, None) => None,
    };
    if let Some(user) = user {
        unit.set("user", user, notes);
    }
    restart(&mut unit, file, notes);
    stop(&mut unit, file, notes);
    limits(&mut unit, file, notes);
    after(&mut unit, file, kinds, notes);
    rest(file, notes);
    Ok(unit)
}

fn environment(
    file: &File<'_>,
    around: &Around<'_>,
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for line in file.all("Environment") {
        for word in words::split(line).unwrap_or_default() {
            if let Some((name, value)) = word.split_once('=') {
                env.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    for path in file.all("EnvironmentFile") {
        let optional = path.starts_with('-');
        let path = path.trim_start_matches('-');
        match (around.read)(Path::new(path)) {
            Some(text) => {
                env.extend(words::variables(&text));
                notes.push(format!(
                    "{}: the variables of {path} were read now and stand in the clear in this file: keep it to yourself (chmod 600)",
                    file.name
                ));
            }
            None if optional => {}
            None => notes.push(format!("{}: EnvironmentFile={path} cannot be read", file.name)),
        }
    }
    env
}

fn time(file: &File<'_>, key: &str, notes: &mut Vec<String>) -> Option<Option<u64>> {
    let text = file.last(key)?;
    let time = duration::systemd_time(text).ok();
    if time.is_none() {
        notes.push(format!("{}: {key}={text}: not understood", file.name));
    }
    time
}

fn restart(unit: &mut Unit, file: &File<'_>, notes: &mut Vec<String>) {
    let word = file.last("Restart").unwrap_or("no");
    let policy = match word {
        "always" => "always",
        "on-failure" => "on-failure",
        "on-abnormal" | "on-abort" | "on-watchdog" => {
            notes.push(format!(
                "{}: Restart={word}: every failure is followed by a restart",
                unit.name
            ));
            "on-failure"
        }
        "on-success" => {
            notes.push(format!("{}: Restart=on-success: there is nothing like it here", unit.name));
            "never"
        }
        _ => "never",
    };
    unit.set("restart.policy", policy, notes);
    if policy != "never" {
        let wait = time(file, "RestartSec", notes).flatten().unwrap_or(100);
        let longest = time(file, "RestartMaxDelaySec", notes).flatten();
        unit.set("restart.initial", duration::span(wait), notes);
        unit.set("restart.max", duration::span(longest.unwrap_or(wait).max(wait)), notes);
        if longest.is_none() {
            unit.set("restart.factor", 1, notes);
        }
    }
    let codes: Vec<i32> = file
        .all("SuccessExitStatus")
        .iter()
        .flat_map(|line| line.split_whitespace())
        .filter_map(|word| {
            let code = word.parse().ok();
            if code.is_none() {
                notes.push(format!(
                    "{}: SuccessExitStatus={word}: only numbers are known",
                    unit.name
                ));
            }
            code
        })
        .collect();
    if !codes.is_empty() {
        unit.set("restart.success_codes", json!(codes), notes);
    }
    let burst = file.last("StartLimitBurst").and_then(|burst| burst.parse::<u32>().ok());
    let interval = ["StartLimitIntervalSec", "StartLimitInterval"]
        .iter()
        .find_map(|key| time(file, key, notes));
    if interval == Some(Some(0)) {
        return;
    }
    if burst.is_some() || interval.is_some() {
        let within = duration::span(interval.flatten().unwrap_or(10_000));
        let limit = json!({"count": burst.unwrap_or(5), "within": within});
        unit.set("restart.start_limit", limit, notes);
    }
}

fn stop(unit: &mut Unit, file: &File<'_>, notes: &mut Vec<String>) {
    if let Some(signal) = file.last("KillSignal") {
        unit.set("stop.signal", signal.trim_start_matches("SIG"), notes);
    }
    let given = time(file, "TimeoutStopSec", notes).or_else(|| time(file, "TimeoutSec", notes));
    let grace = match given {
        // systemd's own default.
        None => 90_000,
        Some(Some(ms)) => ms,
        Some(None) => {
            notes.push(format!("{}: TimeoutStopSec=infinity: an hour here", unit.name));
            3_600_000
        }
    };
    unit.set("stop.grace", duration::span(grace), notes);
    match file.last("KillMode") {
        None | Some("control-group" | "mixed") => {}
        Some(other) => notes.push(format!(
            "{}: KillMode={other}: all of a unit's processes are always ended",
            unit.name
        )),
    }
}

fn limits(unit: &mut Unit, file: &File<'_>, notes: &mut Vec<String>) {
    let name = unit.name.clone();
    if let Some(text) = file.last("MemoryMax").or_else(|| file.last("MemoryLimit"))
        && text != "infinity"
    {
        match duration::size(text) {
            Some(size) => unit.set("limits.memory", size, notes),
            None => notes.push(format!("{name}: MemoryMax={text}: write bytes")),
        }
    }
    if let Some(text) = file.last("LimitNOFILE") {
        match text.split(':').next().unwrap_or(text).parse::<u64>() {
            Ok(files) => unit.set("limits.open_files", files, notes),
            Err(_) => notes.push(format!("{name}: LimitNOFILE={text}: not a number")),
        }
    }
    if let Some(Some(ms)) = time(file, "RuntimeMaxSec", notes) {
        unit.set("limits.run_time", duration::span(ms), notes);
    }
}

fn after(
    unit: &mut Unit,
    file: &File<'_>,
    kinds: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
) {
    for key in ["After", "Requires", "Wants", "BindsTo", "PartOf", "Requisite"] {
        for value in file.all(key) {
            for other in value.split_whitespace() {
                let known = other.strip_suffix(".service").filter(|name| kinds.contains_key(*name));
                let Some(known) = known.filter(|name| *name != file.name) else {
                    notes.push(format!(
                        "{}: {key}={other}: not among the files of this call",
                        file.name
                    ));
                    continue;
                };
                if matches!(key, "BindsTo" | "PartOf") {
                    notes.push(format!(
                        "{}: {key}={other}: only the order of starting and stopping is kept",
                        file.name
                    ));
                }
                let richer = crate::config::is_unit_key("probes.ready");
                let condition = match kinds.get(known).map(String::as_str) {
                    Some("notify" | "notify-reload") if richer => "ready",
                    Some("oneshot") if richer => "completed",
                    _ => "started",
                };
                let after = unit.fields.entry("after").or_insert_with(|| json!({}));
                if let Some(after) = after.as_object_mut() {
                    after.insert(known.to_owned(), json!(condition));
                }
            }
        }
    }
}

/// What was looked at above.
const KNOWN: [&str; 34] = [
    "ExecStart",
    "Type",
    "Description",
    "WorkingDirectory",
    "User",
    "Group",
    "Environment",
    "EnvironmentFile",
    "Restart",
    "RestartSec",
    "RestartMaxDelaySec",
    "SuccessExitStatus",
    "StartLimitBurst",
    "StartLimitIntervalSec",
    "StartLimitInterval",
    "KillSignal",
    "TimeoutStopSec",
    "TimeoutSec",
    "KillMode",
    "MemoryMax",
    "MemoryLimit",
    "LimitNOFILE",
    "RuntimeMaxSec",
    "After",
    "Requires",
    "Wants",
    "BindsTo",
    "PartOf",
    "Requisite",
    "NotifyAccess",
    "WantedBy",
    "RequiredBy",
    "SendSIGKILL",
    "DefaultDependencies",
];

fn rest(file: &File<'_>, notes: &mut Vec<String>) {
    for (section, key, value) in &file.settings {
        if KNOWN.contains(&key.as_str()) || value.is_empty() {
            continue;
        }
        let name = &file.name;
        notes.push(match key.as_str() {
            "ExecReload" => format!(
                "{name}: ExecReload={value}: orkestra unit signal {name} HUP sends a signal"
            ),
            "ExecStartPre" | "ExecStartPost" | "ExecStop" | "ExecStopPost" | "ExecCondition" => {
                format!("{name}: {key}={value}: make it a part of the command, or a unit of its own that this one waits for")
            }
            "WatchdogSec" => format!("{name}: WatchdogSec={value}: probes.live is the counterpart"),
            "TimeoutStartSec" => {
                format!("{name}: TimeoutStartSec={value}: probes.ready.within is the counterpart")
            }
            "StandardOutput" | "StandardError" | "SyslogIdentifier" => {
                format!("{name}: {key}: output is kept by Orkestra and shown by orkestra logs")
            }
            _ => format!("{name}: [{section}] {key}: there is nothing like it here"),
        });
    }
}
