//! Procfiles: `name: command`, one per line, with the `.env` beside it.

use super::{Around, Imported, Source, Unit, words};
use std::collections::BTreeMap;

/// foreman's first port, and its distance from one process type to the next.
const PORT: u32 = 5_000;
const PORT_STEP: u32 = 100;

pub(super) fn import(sources: &[Source], around: &Around<'_>) -> Result<Imported, String> {
    let mut imported = Imported::default();
    for source in sources {
        let env_file = source.folder().join(".env");
        let env = (around.read)(&env_file).map(|text| words::variables(&text)).unwrap_or_default();
        if !env.is_empty() {
            imported.note(format!(
                "the variables of {} stand in the clear in this file: keep it to yourself (chmod 600)",
                env_file.display()
            ));
        }
        let mut number = 0;
        for (index, line) in source.text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, command) = line
                .split_once(':')
                .map(|(name, command)| (name.trim(), command.trim()))
                .filter(|(name, command)| is_name(name) && !command.is_empty())
                .ok_or_else(|| source.wrong(index + 1, "expected NAME: COMMAND"))?;
            let unit = unit(name, command, &env, number, source, &mut imported);
            imported.units.push(unit);
            number += 1;
        }
    }
    Ok(imported)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

fn unit(
    name: &str,
    command: &str,
    env: &BTreeMap<String, String>,
    number: u32,
    source: &Source,
    imported: &mut Imported,
) -> Unit {
    let argv = match words::split(command) {
        Some(words) if !words::needs_shell(command) => words,
        _ => ["sh", "-c", command].map(str::to_owned).to_vec(),
    };
    let mut unit = Unit::new(name, argv);
    let mut notes = Vec::new();
    unit.set("cwd", source.folder().display().to_string(), &mut notes);
    let mut env = env.clone();
    if command.contains("PORT") || env.contains_key("PORT") {
        let base = env.get("PORT").and_then(|port| port.parse().ok()).unwrap_or(PORT);
        let port = base.saturating_add(number * PORT_STEP).min(u32::from(u16::MAX));
        env.insert("PORT".to_owned(), port.to_string());
        notes.push(format!("{name}: PORT is {port}, as foreman would have chosen"));
    }
    unit.env(&env);
    if name == "release" {
        unit.set("restart.policy", "never", &mut notes);
        notes.push("release: Heroku runs it once before the others; here it begins with them, so let others wait for it with after, or run it by hand".to_owned());
    }
    for note in notes {
        imported.note(note);
    }
    unit
}
