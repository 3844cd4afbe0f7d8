//! supervisord's ini files.

use super::{Around, Imported, Source, Unit, duration, words};
use serde_json::json;
use std::collections::BTreeMap;

/// More copies than this are a mistake.
const COPIES_MAX: u32 = 1_000;

/// One section with its settings, in their order.
struct Section {
    name: String,
    line: usize,
    settings: Vec<(String, String)>,
}

impl Section {
    fn get(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub(super) fn import(sources: &[Source], around: &Around<'_>) -> Result<Imported, String> {
    let mut imported = Imported::default();
    for source in sources {
        for section in sections(source)? {
            match section.name.split_once(':').map(|(kind, name)| (kind.trim(), name.trim())) {
                Some(("program", name)) => {
                    program(source, &section, name, around, &mut imported)?;
                }
                Some((kind, name)) => {
                    imported.note(format!("[{kind}:{name}]: there is nothing like it here"))
                }
                None => other(source, &section, around, &mut imported)?,
            }
        }
    }
    Ok(imported)
}

fn other(
    source: &Source,
    section: &Section,
    around: &Around<'_>,
    imported: &mut Imported,
) -> Result<(), String> {
    for (key, value) in &section.settings {
        match (section.name.as_str(), key.as_str()) {
            ("supervisord", "environment") => {
                let names = names(source, "", around);
                let text =
                    expand(value, &names).map_err(|error| source.wrong(section.line, &error))?;
                imported.env.extend(environment(&text));
            }
            ("include", "files") => {
                imported
                    .note(format!("[include] files={value}: name these files in the same call"));
            }
            (name, key) => imported.note(format!("[{name}] {key}: about supervisord itself")),
        }
    }
    Ok(())
}

/// Sections as Python's configparser reads them, with comments after ` ;`.
fn sections(source: &Source) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for (index, raw) in source.text.lines().enumerate() {
        let line = raw.split(" ;").next().unwrap_or(raw).split("\t;").next().unwrap_or(raw);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (name, settings) = (name.trim().to_owned(), Vec::new());
            sections.push(Section { name, line: index + 1, settings });
            continue;
        }
        let section = sections
            .last_mut()
            .ok_or_else(|| source.wrong(index + 1, "a setting before the first [section]"))?;
        if line.starts_with(char::is_whitespace)
            && let Some((_, value)) = section.settings.last_mut()
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = trimmed
            .split_once(['=', ':'])
            .ok_or_else(|| source.wrong(index + 1, "expected KEY=VALUE"))?;
        section.settings.push((key.trim().to_lowercase(), value.trim().to_owned()));
    }
    Ok(sections)
}

type Names = BTreeMap<String, String>;

fn names(source: &Source, program: &str, around: &Around<'_>) -> Names {
    let mut names: Names =
        around.env.iter().map(|(name, value)| (format!("ENV_{name}"), value.clone())).collect();
    names.insert("here".to_owned(), source.folder().display().to_string());
    names.insert("program_name".to_owned(), program.to_owned());
    names.insert("group_name".to_owned(), program.to_owned());
    names.insert("process_num".to_owned(), "0".to_owned());
    if let Some(host) = around.env.get("HOSTNAME") {
        names.insert("host_node_name".to_owned(), host.clone());
    }
    names
}

/// `%(name)s`, `%(name)02d` and `%%`, as Python does it.
fn expand(text: &str, names: &Names) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        if let Some(tail) = tail.strip_prefix("%%") {
            out.push('%');
            rest = tail;
            continue;
        }
        let broken = || format!("{text:?}: write %% for a percent sign");
        let (name, tail) =
            tail.strip_prefix("%(").and_then(|tail| tail.split_once(')')).ok_or_else(broken)?;
        let end = tail.find(['s', 'd']).ok_or_else(broken)?;
        let (format, tail) = tail.split_at(end);
        let value = names.get(name).ok_or_else(|| match name.strip_prefix("ENV_") {
            Some(variable) => format!(
                "%({name})s is not known here; set the variable {variable} for this command"
            ),
            None => format!("%({name})s is not known here"),
        })?;
        let width: usize =
            if format.is_empty() { 0 } else { format.parse().map_err(|_| broken())? };
        let pad = if format.starts_with('0') { '0' } else { ' ' };
        let missing = width.min(20).saturating_sub(value.chars().count());
        out.extend(std::iter::repeat_n(pad, missing));
        out.push_str(value);
        rest = tail.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

/// `A="1",B='two',C=three`
fn environment(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (mut part, mut quote, mut parts) = (String::new(), None, Vec::new());
    for c in text.chars() {
        match (quote, c) {
            (None, ',' | '\n') => parts.push(std::mem::take(&mut part)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) => part.push(c),
        }
    }
    parts.push(part);
    for part in parts {
        if let Some((name, value)) = part.split_once('=') {
            found.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

fn program(
    source: &Source,
    section: &Section,
    program: &str,
    around: &Around<'_>,
    imported: &mut Imported,
) -> Result<(), String> {
    let wrong = |what: String| source.wrong(section.line, &what);
    let number = |key: &str, default: u32| match section.get(key) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| wrong(format!("{key}: {text:?} is no number"))),
    };
    let copies: u32 = number("numprocs", 1)?;
    if copies > COPIES_MAX {
        return Err(wrong(format!("numprocs: at most {COPIES_MAX}")));
    }
    let first: u32 = number("numprocs_start", 0)?;
    let default =
        if copies > 1 { "%(program_name)s_%(process_num)02d" } else { "%(program_name)s" };
    let pattern = section.get("process_name").unwrap_or(default);
    let mut notes = Vec::new();
    for copy in first..first.saturating_add(copies) {
        let mut names = names(source, program, around);
        names.insert("process_num".to_owned(), copy.to_string());
        names.insert("numprocs".to_owned(), copies.to_string());
        let expanded = |text: &str| expand(text, &names).map_err(&wrong);
        let line = section.get("command").ok_or_else(|| wrong("it has no command".to_owned()))?;
        let argv = words::split(&expanded(line)?)
            .filter(|words| !words.is_empty())
            .ok_or_else(|| wrong("a quote in the command is not closed".to_owned()))?;
        let mut unit = Unit::new(&expanded(pattern)?, argv);
        unit.set("stop.grace", "10s", &mut notes);
        let mut restart = false;
        for (key, value) in &section.settings {
            let value = expanded(value)?;
            restart |= matches!(key.as_str(), "autorestart");
            setting(&mut unit, key, &value, &mut notes);
        }
        if !restart {
            unit.set("restart.policy", "on-failure", &mut notes);
        }
        imported.units.push(unit);
    }
    for note in notes {
        // Copies say the same; once is enough.
        let said = note.split_once(": ").map_or(note.as_str(), |(_, what)| what);
        imported.note(format!("{program}: {said}"));
    }
    Ok(())
}

fn setting(unit: &mut Unit, key: &str, value: &str, notes: &mut Vec<String>) {
    let name = unit.name.clone();
    let on = matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1");
    let mut note = |what: &str| notes.push(format!("{name}: {key}: {what}"));
    match key {
        // Trees are always stopped whole, and both streams are always kept in order.
        "command" | "process_name" | "numprocs" | "numprocs_start" | "stopasgroup"
        | "killasgroup" | "redirect_stderr" => {}
        "directory" => unit.set("cwd", value, notes),
        "environment" => unit.env(&environment(value)),
        "autostart" if !on => unit.set("enabled", false, notes),
        "autostart" => {}
        "autorestart" => {
            let policy = match value.to_ascii_lowercase().as_str() {
                "unexpected" => "on-failure",
                _ if on => "always",
                _ => "never",
            };
            unit.set("restart.policy", policy, notes);
        }
        "startretries" => match value.parse::<u32>() {
            Ok(0) => {
                note("0 tries are not known; the unit is tried for ever unless policy is never")
            }
            Ok(tries) => unit.set("restart.limit", tries, notes),
            Err(_) => note("is no number"),
        },
        "startsecs" => match value.parse::<u64>() {
            Ok(0) | Err(_) => {
                note("0 has no counterpart: a start counts as soon as the process runs")
            }
            Ok(seconds) => unit.set("restart.reset_after", duration::span(seconds * 1000), notes),
        },
        "exitcodes" => {
            let codes: Vec<i32> =
                value.split(',').filter_map(|code| code.trim().parse().ok()).collect();
            if codes != [0] {
                unit.set("restart.success_codes", json!(codes), notes);
            }
        }
        "stopsignal" => unit.set("stop.signal", value.trim_start_matches("SIG"), notes),
        "stopwaitsecs" => match value.parse::<u64>() {
            Ok(seconds) => unit.set("stop.grace", duration::span(seconds * 1000), notes),
            Err(_) => note("is no number"),
        },
        "user" => unit.set("user", value, notes),
        "stdout_logfile_maxbytes" => match duration::size(value).filter(|size| size != "0") {
            Some(size) => unit.set("logs.max_size", size, notes),
            None => note("logs are always kept in files of a limited size"),
        },
        "stdout_logfile_backups" => match value.parse::<u32>() {
            Ok(backups) => unit.set("logs.keep", backups.saturating_add(1).min(1000), notes),
            Err(_) => note("is no number"),
        },
        "stdout_logfile" | "stderr_logfile" => {
            note("output is kept by Orkestra and shown by orkestra logs");
        }
        "priority" => note("starts are not numbered; where a unit needs another, use after"),
        "umask" => note("units have the daemon's umask"),
        _ => note("there is nothing like it here"),
    }
}
