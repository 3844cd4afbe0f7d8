//! Agents as folders: `agents/NAME/agent.yaml`, with the agent's program beside it.
//!
//! The manifest has the keys of an entry below `agents:`. Without a `kind` it is a `script`, and
//! without a `command` its program is the file `program` in the folder.

use super::problem::{self, Problem};
use super::reader::{KeyPath, Reader};
use super::settings;
use super::yaml::{self, Entry, Kind, Node, Place};
use orkestra_agents::AgentSpec;
use orkestra_core::sandbox::SandboxSpec;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The manifest's name.
const MANIFEST: &str = "agent.yaml";

/// The program of a manifest that names none.
const PROGRAM: &str = "program";

/// Where a default stands: in the first line, since it has no place of its own.
const START: Place = Place::File { line: 1, column: 1, width: 1 };

/// Adds the agents of all these folders; what is there already stays, and an earlier folder wins.
/// What is wrong names the manifest.
pub(super) fn read(
    bases: &[PathBuf],
    cwd: &Path,
    sandbox: &SandboxSpec,
    agents: &mut BTreeMap<String, AgentSpec>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for base in bases {
        let Ok(entries) = std::fs::read_dir(base) else { continue };
        let mut folders: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        folders.sort();
        for folder in folders {
            let manifest = folder.join(MANIFEST);
            let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
            if agents.contains_key(name) || !manifest.is_file() {
                continue;
            }
            let shown = problem::display_path(&manifest, cwd);
            let text = match std::fs::read_to_string(&manifest) {
                Ok(text) => text,
                Err(error) => {
                    problems.push(Problem::new(format!("{shown} cannot be read: {error}")));
                    continue;
                }
            };
            let (spec, mut found) = one(name, &text, &folder, sandbox);
            let lines: Vec<&str> = text.lines().collect();
            for problem in &mut found {
                problem.in_file(&shown, &lines);
            }
            problems.append(&mut found);
            if let Some(spec) = spec {
                agents.insert(name.to_owned(), spec);
            }
        }
    }
    problems
}

fn one(
    name: &str,
    text: &str,
    folder: &Path,
    sandbox: &SandboxSpec,
) -> (Option<AgentSpec>, Vec<Problem>) {
    let folders = settings::Folders { config: folder, user: None, data: folder };
    let (root, mut problems) = yaml::parse(text);
    let mut node = root.unwrap_or(Node { place: START, kind: Kind::Map(Vec::new()) });
    if node.is_null() {
        node.kind = Kind::Map(Vec::new());
    }
    if let Kind::Map(entries) = &mut node.kind {
        let mut default = |key: &str, value: Node| {
            if !entries.iter().any(|entry| entry.key == key) {
                entries.push(Entry { key: key.to_owned(), place: START, value });
            }
        };
        default("kind", Node::text("script", START));
        if folder.join(PROGRAM).is_file() {
            let program = Node::text(&format!("./{PROGRAM}"), START);
            default("command", Node { place: START, kind: Kind::List(vec![program]) });
        }
    }
    let entry = Entry { key: name.to_owned(), place: START, value: node };
    let mut reader = Reader::default();
    let path = KeyPath::default().join("agents");
    let mut spec = settings::name(&entry, &path, "agent", &mut reader)
        .and_then(|_| settings::agent(&entry, path.join(name), sandbox, &folders, &mut reader));
    if let Some(spec) = &mut spec {
        spec.resolve(folder);
    }
    problems.append(&mut reader.problems);
    (spec, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orkestra_agents::Kind as AgentKind;

    #[test]
    fn a_folder_with_a_manifest_is_an_agent_and_slips_name_its_file() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("agents");
        let make = |name: &str, text: &str, program: bool| {
            let folder = base.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(MANIFEST), text).unwrap();
            if program {
                std::fs::write(folder.join(PROGRAM), "#!/bin/sh\n").unwrap();
            }
        };
        make("plain", "", true);
        make("full", "kind: claude\nmodel: m\ncapabilities: [rust]\ncommand: [./x, -v]\n", false);
        make("known", "kind: nonsense\n", true);
        std::fs::create_dir_all(base.join("no-manifest")).unwrap();
        let known = AgentSpec::new(AgentKind::Claude);
        let mut agents = BTreeMap::from([("known".to_owned(), known.clone())]);
        let bases = [base.clone(), home.path().join("nowhere")];
        assert_eq!(read(&bases, home.path(), &SandboxSpec::default(), &mut agents), []);
        let names: Vec<&str> = agents.keys().map(String::as_str).collect();
        assert_eq!(names, ["full", "known", "plain"]);
        assert_eq!(agents["known"], known, "the file's own entry wins");
        assert_eq!(agents["plain"].kind, AgentKind::Script);
        assert_eq!(agents["plain"].command, [base.join("plain/program").display().to_string()]);
        assert_eq!(agents["full"].capabilities, ["rust"]);
        assert_eq!(agents["full"].command[0], base.join("full/x").display().to_string());

        make("slip", "kind: script\nmodle: m\n", true);
        let problems = read(&bases, home.path(), &SandboxSpec::default(), &mut agents);
        assert!(!problems.is_empty());
        assert!(problems[0].file.as_deref().is_some_and(|f| f.ends_with("slip/agent.yaml")));
        assert_eq!(problems[0].line(), Some(2), "{problems:?}");
    }
}
