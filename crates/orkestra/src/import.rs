//! Units from the configuration of another supervisor: pure translation of texts.
//!
//! **Invariant:** nothing is dropped silently. What has no counterpart becomes a note, and notes
//! are printed and stand as comments at the top of what is written. **Invariant:** a note never
//! holds the value of a variable. A setting whose key this version's configuration does not have becomes a note as well.

mod duration;
mod pm2;
mod procfile;
mod supervisord;
mod systemd;
#[cfg(test)]
mod tests;
mod words;
mod write;

use crate::config::is_unit_key;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which supervisor a file is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// A Procfile of foreman or Heroku, with the .env beside it
    Procfile,
    /// An ini file of supervisord
    Supervisord,
    /// An ecosystem file of pm2: JSON, YAML, or JavaScript where node is installed
    Pm2,
    /// Service units of systemd; units named in the same call may wait for each other
    Systemd,
}

/// A file to translate.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Where it lies, absolute.
    pub(crate) path: PathBuf,
    /// What stands in it.
    pub(crate) text: String,
}

impl Source {
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn file_name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// An error with its place.
    fn wrong(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

/// What a translation may look at beside the files.
pub(crate) struct Around<'a> {
    /// The environment, for `%(ENV_x)s`.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// The user's home, for `%h`.
    pub(crate) home: Option<&'a Path>,
    /// Reads a file that a file names.
    pub(crate) read: &'a dyn Fn(&Path) -> Option<String>,
}

/// One unit in the making.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    /// What it is, for a comment.
    pub(crate) about: Option<String>,
    pub(crate) fields: Map<String, Value>,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Imported {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) units: Vec<Unit>,
    /// What has no counterpart, in words.
    pub(crate) notes: Vec<String>,
}

/// Translates files of one kind.
///
/// # Errors
/// A file cannot be understood; the message names file and line.
pub(crate) fn import(
    peer: Peer,
    sources: &[Source],
    around: &Around<'_>,
) -> Result<Imported, String> {
    let mut imported = match peer {
        Peer::Procfile => procfile::import(sources, around)?,
        Peer::Supervisord => supervisord::import(sources, around)?,
        Peer::Pm2 => pm2::import(sources)?,
        Peer::Systemd => systemd::import(sources, around)?,
    };
    imported.name_units();
    if imported.units.is_empty() {
        return Err("no unit was found in it".to_owned());
    }
    Ok(imported)
}

/// The result as a file.
pub(crate) fn yaml(imported: &Imported, from: &[String]) -> String {
    write::yaml(imported, from)
}

impl Imported {
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Names become such as units may have, each once; `after` follows.
    fn name_units(&mut self) {
        let mut taken: Vec<String> = Vec::new();
        let mut renamed: BTreeMap<String, String> = BTreeMap::new();
        for unit in &mut self.units {
            let base = unit_name(&unit.name);
            let mut name = base.clone();
            let mut number = 2;
            while taken.contains(&name) {
                name = format!("{}-{number}", base.chars().take(58).collect::<String>());
                number += 1;
            }
            taken.push(name.clone());
            if name != unit.name {
                renamed.insert(unit.name.clone(), name.clone());
                unit.name = name;
            }
        }
        for (old, new) in renamed {
            self.note(format!("{old:?} is called {new:?} here"));
            for unit in &mut self.units {
                if let Some(Value::Object(after)) = unit.fields.get_mut("after")
                    && let Some(condition) = after.remove(&old)
                {
                    after.insert(new.clone(), condition);
                }
            }
        }
    }
}

/// A name that a unit may have.
fn unit_name(text: &str) -> String {
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = text.chars().map(|c| if ok(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let name: String = name.chars().take(63).collect();
    if name.is_empty() { "unit".to_owned() } else { name }
}

impl Unit {
    fn new(name: &str, command: Vec<String>) -> Self {
        let mut unit = Self { name: name.to_owned(), ..Self::default() };
        unit.fields.insert("command".to_owned(), json!(command));
        unit
    }

    /// Sets a value by its key, such as `restart.policy`, if this version has it; else a note.
    fn set(&mut self, key: &str, value: impl Into<Value>, notes: &mut Vec<String>) {
        if !is_unit_key(key) {
            notes.push(format!("{}: {key} is not known to this version", self.name));
            return;
        }
        let mut words: Vec<&str> = key.split('.').collect();
        let Some(last) = words.pop() else { return };
        let mut place = &mut self.fields;
        for word in words {
            let inner = place.entry(word).or_insert_with(|| json!({}));
            let Value::Object(inner) = inner else { return };
            place = inner;
        }
        place.insert(last.to_owned(), value.into());
    }

    fn env(&mut self, env: &BTreeMap<String, String>) {
        if !env.is_empty() {
            let mut all = match self.fields.remove("env") {
                Some(Value::Object(all)) => all,
                _ => Map::new(),
            };
            all.extend(env.iter().map(|(name, value)| (name.clone(), json!(value))));
            self.fields.insert("env".to_owned(), Value::Object(all));
        }
    }
}
