//! The conversation in a file, as it goes: one JSON object per line, each on the disk before what
//! follows from it is done. So a bridge that is killed in the middle can be taken up again.

use crate::model::{Call, Part, ToolResult, Turn};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What a model is told of a call that was begun and has no end.
const INTERRUPTED: &str = "Interrupted: this call was begun and its process was killed before it \
    answered. It may have taken effect, wholly or in part. It was not repeated. Look at what is \
    there before you decide whether to repeat it.";

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    /// A person said something.
    User { text: String },
    /// The model answered.
    Model { parts: Vec<Part> },
    /// A tool is about to run.
    Begun { id: String },
    /// It answered.
    Done(ToolResult),
}

/// A conversation that is written down.
#[derive(Debug)]
pub(crate) struct Conversation {
    file: File,
    turns: Vec<Turn>,
    /// Calls of the last answer that were begun.
    begun: BTreeSet<String>,
    /// And what came of them.
    done: BTreeMap<String, ToolResult>,
}

impl Conversation {
    /// A new one; what lies at the path is replaced.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = file.open(path)?;
        let (turns, begun, done) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Ok(Self { file, turns, begun, done })
    }

    /// The one that lies at the path; `None` when there is none or nothing in it.
    pub(crate) fn resume(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (turns, begun, done) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        let mut conversation = Self { file, turns, begun, done };
        let mut good = 0_u64;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line that was cut by the kill was never acted upon.
            if !line.ends_with(b"\n") {
                break;
            }
            let Ok(parsed) = serde_json::from_slice::<Line>(line) else { break };
            good += line.len() as u64;
            conversation.take(parsed);
        }
        conversation.file.set_len(good)?;
        conversation.file.seek(SeekFrom::End(0))?;
        Ok((!conversation.turns.is_empty()).then_some(conversation))
    }

    /// What was said so far.
    pub(crate) fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// The first thing that a person said.
    pub(crate) fn first_prompt(&self) -> Option<&str> {
        self.turns.iter().find_map(|turn| match turn {
            Turn::User { text } => Some(text.as_str()),
            Turn::Model { .. } | Turn::Tools { .. } => None,
        })
    }

    /// A person says something.
    pub(crate) fn user(&mut self, text: &str) -> io::Result<()> {
        self.write(Line::User { text: text.to_owned() })
    }

    /// The model answered.
    pub(crate) fn model(&mut self, parts: &[Part]) -> io::Result<()> {
        self.write(Line::Model { parts: parts.to_vec() })
    }

    /// A tool is about to run.
    pub(crate) fn begun(&mut self, id: &str) -> io::Result<()> {
        self.write(Line::Begun { id: id.to_owned() })
    }

    /// It answered.
    pub(crate) fn done(&mut self, result: ToolResult) -> io::Result<()> {
        self.write(Line::Done(result))
    }

    /// Calls of the last answer that have no result yet, in their order; with each, whether it was
    /// begun.
    pub(crate) fn open_calls(&self) -> Vec<(Call, bool)> {
        let Some(Turn::Model { parts }) = self.turns.last() else { return Vec::new() };
        parts
            .iter()
            .filter_map(|part| match part {
                Part::Call(call) if !self.done.contains_key(&call.id) => {
                    Some((call.clone(), self.begun.contains(&call.id)))
                }
                Part::Call(_) | Part::Text { .. } | Part::Thinking { .. } => None,
            })
            .collect()
    }

    /// The answer to a call that was begun by a process that is gone.
    pub(crate) fn interrupted(call: &Call) -> ToolResult {
        let (id, name) = (call.id.clone(), call.name.clone());
        ToolResult { id, name, output: INTERRUPTED.to_owned(), is_error: true }
    }

    fn write(&mut self, line: Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(&line).map_err(io::Error::other)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.take(line);
        Ok(())
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::User { text } => self.turns.push(Turn::User { text }),
            Line::Model { parts } => {
                self.begun.clear();
                self.done.clear();
                self.turns.push(Turn::Model { parts });
            }
            Line::Begun { id } => {
                self.begun.insert(id);
            }
            Line::Done(result) => {
                self.done.insert(result.id.clone(), result);
                self.answer();
            }
        }
    }

    /// When all calls of the last answer are answered, that is a turn.
    fn answer(&mut self) {
        let Some(Turn::Model { parts }) = self.turns.last() else { return };
        let calls = parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call.id.clone()),
            Part::Text { .. } | Part::Thinking { .. } => None,
        });
        let results: Option<Vec<_>> = calls.map(|id| self.done.get(&id).cloned()).collect();
        if let Some(results) = results {
            self.turns.push(Turn::Tools { results });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(id: &str) -> Part {
        let (name, input) = ("shell".to_owned(), json!({"command": "make"}));
        Part::Call(Call { id: id.to_owned(), name, input, signature: None })
    }

    fn result(id: &str) -> ToolResult {
        let (name, output) = ("shell".to_owned(), "ok".to_owned());
        ToolResult { id: id.to_owned(), name, output, is_error: false }
    }

    #[test]
    fn a_killed_conversation_goes_on_where_it_was_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/conversation.jsonl");
        assert!(Conversation::resume(&path).unwrap().is_none());
        let mut whole = Conversation::begin(&path).unwrap();
        whole.user("go").unwrap();
        whole.model(&[Part::Text { text: "I will".into() }, call("1"), call("2")]).unwrap();
        whole.begun("1").unwrap();
        whole.done(result("1")).unwrap();
        whole.begun("2").unwrap();
        let turns = whole.turns().to_vec();
        drop(whole);
        let bytes = std::fs::read(&path).unwrap();

        let mut again = Conversation::resume(&path).unwrap().unwrap();
        assert_eq!(again.turns(), turns);
        assert_eq!(again.first_prompt(), Some("go"));
        let open = again.open_calls();
        assert_eq!(open.len(), 1);
        assert!(open[0].0.id == "2" && open[0].1, "{open:?}");
        again.done(Conversation::interrupted(&open[0].0)).unwrap();
        assert!(again.open_calls().is_empty());
        let Some(Turn::Tools { results }) = again.turns().last() else { panic!() };
        assert!(!results[0].is_error && results[1].output.contains("not repeated"));

        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let Some(mut cut_off) = Conversation::resume(&path).unwrap() else { continue };
            let before = cut_off.turns().len();
            cut_off.user("and then").unwrap();
            let after = Conversation::resume(&path).unwrap().unwrap();
            assert_eq!(after.turns().len(), before + 1, "cut at {cut}");
        }
    }
}
