//! pm2's ecosystem files, as JSON or YAML. JavaScript was turned into JSON before.

use super::{Imported, Source, Unit, duration, words};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// More copies than this are a mistake.
const COPIES_MAX: u64 = 1_000;

/// pm2's program for a kind of file.
const INTERPRETERS: [(&str, &str); 9] = [
    ("js", "node"),
    ("cjs", "node"),
    ("mjs", "node"),
    ("ts", "bun"),
    ("py", "python3"),
    ("sh", "bash"),
    ("rb", "ruby"),
    ("pl", "perl"),
    ("php", "php"),
];

pub(super) fn import(sources: &[Source]) -> Result<Imported, String> {
    let mut imported = Imported::default();
    for source in sources {
        let value = parse(source)?;
        let apps = match value {
            Value::Array(apps) => apps,
            Value::Object(mut map) => match map.remove("apps") {
                Some(apps) => {
                    for key in map.keys() {
                        imported.note(format!("{key}: there is nothing like it here"));
                    }
                    match apps {
                        Value::Array(apps) => apps,
                        one => vec![one],
                    }
                }
                None => vec![Value::Object(map)],
            },
            _ => return Err(source.wrong(1, "expected apps")),
        };
        for app in apps {
            let Value::Object(app) = app else {
                return Err(source.wrong(1, "an app is an object"));
            };
            app_units(source, &app, &mut imported)?;
        }
    }
    Ok(imported)
}

fn parse(source: &Source) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_str(&source.text) {
        return Ok(value);
    }
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&source.text, options)
        .map_err(|error| source.wrong(1, &format!("neither JSON nor YAML: {error}")))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(on) => on.to_string(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(list) => Some(list.iter().map(text).collect()),
        Value::String(line) => words::split(line),
        _ => None,
    }
}

fn app_units(
    source: &Source,
    app: &Map<String, Value>,
    imported: &mut Imported,
) -> Result<(), String> {
    let script = app.get("script").or_else(|| app.get("exec")).map(text).unwrap_or_default();
    if script.is_empty() {
        return Err(source.wrong(1, "an app has no script"));
    }
    let name = app.get("name").map(text).unwrap_or_else(|| {
        Path::new(&script).file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    });
    let mut notes = Vec::new();
    let mut unit = Unit::new(&name, command(app, &script, &name, &mut notes));
    let cwd = source.folder().join(app.get("cwd").map(text).unwrap_or_default());
    let cwd: std::path::PathBuf = cwd.components().collect();
    unit.set("cwd", cwd.display().to_string(), &mut notes);
    // pm2 asks with INT and kills after 1.6 s.
    unit.set("stop.signal", "INT", &mut notes);
    for (key, value) in app {
        setting(&mut unit, key, value, &mut notes);
    }
    let copies = match app.get("instances") {
        None => 1,
        Some(value) => value.as_u64().or_else(|| text(value).parse().ok()).unwrap_or_else(|| {
            notes.push(format!("{name}: instances: {value} is one here; write how many"));
            1
        }),
    };
    if copies > COPIES_MAX {
        return Err(source.wrong(1, &format!("{name}: at most {COPIES_MAX} instances")));
    }
    let counted = app.get("increment_var").map(text);
    for copy in 0..copies.max(1) {
        let mut unit = unit.clone();
        if copies > 1 {
            unit.name = format!("{name}-{copy}");
        }
        let mut env: BTreeMap<_, _> = variables(app.get("env"));
        if let Some(counted) = &counted
            && let Some(first) = env.get(counted).and_then(|first| first.parse::<u64>().ok())
        {
            env.insert(counted.clone(), (first + copy).to_string());
        }
        if app.contains_key("instances") {
            let variable = app.get("instance_var").map_or("NODE_APP_INSTANCE".to_owned(), text);
            env.insert(variable, copy.to_string());
        }
        unit.env(&env);
        imported.units.push(unit);
    }
    for note in notes {
        imported.note(note);
    }
    Ok(())
}

fn variables(value: Option<&Value>) -> BTreeMap<String, String> {
    match value {
        Some(Value::Object(map)) => {
            map.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn command(
    app: &Map<String, Value>,
    script: &str,
    name: &str,
    notes: &mut Vec<String>,
) -> Vec<String> {
    let suffix = Path::new(script).extension().map(|s| s.to_string_lossy().into_owned());
    let known = INTERPRETERS.iter().find(|(kind, _)| Some(*kind) == suffix.as_deref());
    let interpreter = app
        .get("interpreter")
        .or_else(|| app.get("exec_interpreter"))
        .map(text)
        .or_else(|| known.map(|(_, program)| (*program).to_owned()))
        .filter(|program| program != "none");
    let mut words = Vec::new();
    let mut given = |key: &str, words: &mut Vec<String>| match app.get(key).map(list) {
        Some(Some(list)) => words.extend(list),
        Some(None) => notes.push(format!("{name}: {key}: not understood")),
        None => {}
    };
    if let Some(interpreter) = interpreter {
        words.push(interpreter);
        for key in ["interpreter_args", "node_args", "interpreterArgs"] {
            given(key, &mut words);
        }
        words.push(script.to_owned());
    } else {
        // Without an interpreter, a name without a slash is looked up in PATH, as pm2 does.
        words.push(script.to_owned());
    }
    given("args", &mut words);
    words
}

fn setting(unit: &mut Unit, key: &str, value: &Value, notes: &mut Vec<String>) {
    let name = unit.name.clone();
    let mut note = |what: &str| notes.push(format!("{name}: {key}: {what}"));
    let ms = || value.as_u64().or_else(|| text(value).parse().ok()).map(duration::span);
    match key {
        "name" | "script" | "exec" | "args" | "cwd" | "interpreter" | "exec_interpreter"
        | "interpreter_args" | "interpreterArgs" | "node_args" | "env" | "instances"
        | "increment_var" | "instance_var" | "gid" | "treekill" | "time" => {}
        "autorestart" | "autostart" if value == &json!(true) => {}
        "autorestart" => unit.set("restart.policy", "never", notes),
        "autostart" => unit.set("enabled", false, notes),
        "restart_delay" => match ms() {
            Some(wait) => {
                unit.set("restart.initial", wait.clone(), notes);
                unit.set("restart.max", wait, notes);
                unit.set("restart.factor", 1, notes);
                unit.set("restart.jitter", 0, notes);
            }
            None => note("not understood"),
        },
        "exp_backoff_restart_delay" => match ms() {
            Some(wait) => {
                unit.set("restart.initial", wait, notes);
                unit.set("restart.factor", 1.5, notes);
                unit.set("restart.max", "15s", notes);
            }
            None => note("not understood"),
        },
        "max_restarts" => match value.as_u64() {
            Some(1..) => unit.set("restart.limit", value.clone(), notes),
            _ => note("not understood"),
        },
        "min_uptime" => match ms() {
            Some(time) => unit.set("restart.reset_after", time, notes),
            None => note("not understood; write milliseconds"),
        },
        "kill_timeout" => match ms() {
            Some(time) => unit.set("stop.grace", time, notes),
            None => note("not understood"),
        },
        "stop_exit_codes" => {
            let codes: Vec<i64> = match value {
                Value::Array(list) => list.iter().filter_map(Value::as_i64).collect(),
                one => one.as_i64().into_iter().collect(),
            };
            unit.set("restart.policy", "on-failure", notes);
            if codes.iter().any(|code| *code != 0) {
                unit.set("restart.success_codes", json!(codes), notes);
            }
            if !codes.contains(&0) {
                notes.push(format!("{name}: {key}: code 0 is not followed by a restart either"));
            }
        }
        "max_memory_restart" => match duration::size(&text(value)) {
            Some(size) => unit.set("limits.memory", size, notes),
            None => note("not understood"),
        },
        "user" | "uid" => unit.set("user", text(value), notes),
        "exec_mode" if text(value).starts_with("cluster") => note(
            "pm2's cluster shares one port; here each is a process of its own, so give each its own PORT",
        ),
        "exec_mode" => {}
        "watch" if value == &json!(false) => {}
        "watch" | "ignore_watch" | "watch_delay" | "watch_options" => {
            note("files are not watched; use the program's own watcher");
        }
        "wait_ready" | "listen_timeout" => {
            note("a readiness probe (probes.ready) is the counterpart of process.send('ready')");
        }
        "cron_restart" | "cron" => note("a job that restarts the unit is the counterpart"),
        "out_file" | "error_file" | "log_file" | "output" | "error" | "log" | "merge_logs"
        | "combine_logs" | "log_date_format" | "log_type" | "disable_logs" => {
            note("output is kept by Orkestra and shown by orkestra logs");
        }
        _ if key.starts_with("env_") => {
            note("only env was taken; a file of its own for each surrounding is the counterpart");
        }
        _ => note("there is nothing like it here"),
    }
}
