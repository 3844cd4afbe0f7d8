//! The tools of our own loop. All work in the run's worktree; outside of it they refuse, and the
//! sandbox would too.

mod edit;
mod files;
mod shell;

use crate::model::{Call, ToolSpec};
use orkestra_core::agent::FileChange;
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// What a tool may answer, in bytes; more is cut in the middle.
pub(crate) const OUTPUT_BYTES: usize = 48 * 1024;

/// A file that is read or written is never larger.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Where tools work.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    /// The worktree, as the system names it.
    pub(crate) root: PathBuf,
    /// The environment of commands: ours without keys and tokens.
    pub(crate) env: Vec<(String, String)>,
    /// The longest time of a command.
    pub(crate) shell_max: Duration,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// What the model is told.
    pub(crate) output: String,
    /// It failed.
    pub(crate) is_error: bool,
    /// A file that was changed.
    pub(crate) changed: Option<(String, FileChange)>,
}

impl Done {
    fn said(output: impl Into<String>) -> Self {
        Self { output: output.into(), is_error: false, changed: None }
    }

    pub(crate) fn failed(output: impl Into<String>) -> Self {
        Self { output: output.into(), is_error: true, changed: None }
    }
}

/// What the model is told of the tools.
pub(crate) fn specs() -> Vec<ToolSpec> {
    let schema = |properties: Value, required: &[&str]| json!({"type": "object", "properties": properties, "required": required});
    let path = json!({"type": "string", "description": "Relative to the working directory."});
    vec![
        ToolSpec {
            name: "shell",
            about: "Runs a command line with /bin/sh in the working directory and answers its \
                output and exit code. Whatever it starts is ended when it ends.",
            schema: schema(
                json!({
                    "command": {"type": "string"},
                    "timeout_seconds": {"type": "integer", "description": "120 without it."},
                }),
                &["command"],
            ),
        },
        ToolSpec {
            name: "read_file",
            about: "Answers the text of a file, or some lines of it.",
            schema: schema(
                json!({
                    "path": path,
                    "first_line": {"type": "integer", "description": "From 1."},
                    "lines": {"type": "integer", "description": "How many."},
                }),
                &["path"],
            ),
        },
        ToolSpec {
            name: "write_file",
            about: "Writes a whole file; missing folders are made.",
            schema: schema(
                json!({"path": path, "content": {"type": "string"}}),
                &["path", "content"],
            ),
        },
        ToolSpec {
            name: "edit_file",
            about: "Replaces a text in a file by another. The old text must stand there exactly \
                once, unless all is true.",
            schema: schema(
                json!({
                    "path": path,
                    "old": {"type": "string"},
                    "new": {"type": "string"},
                    "all": {"type": "boolean"},
                }),
                &["path", "old", "new"],
            ),
        },
        ToolSpec {
            name: "list_dir",
            about: "Lists a folder: names, folders with a slash at their end, sizes in bytes.",
            schema: schema(json!({"path": path}), &[]),
        },
    ]
}

impl Workshop {
    /// Does what a call wants; its permission is the caller's business.
    pub(crate) async fn run(&self, call: &Call, mark: &str) -> Done {
        if !call.input.is_object() {
            return Done::failed("The arguments are no JSON object.");
        }
        match call.name.as_str() {
            "shell" => shell::run(self, &call.input, mark).await,
            "read_file" | "write_file" | "edit_file" | "list_dir" => {
                let (shop, call) = (self.clone(), call.clone());
                let done = tokio::task::spawn_blocking(move || shop.file(&call));
                done.await.unwrap_or_else(|_| Done::failed("The tool failed."))
            }
            name => {
                let names: Vec<_> = specs().iter().map(|spec| spec.name).collect();
                Done::failed(format!("There is no tool {name:?}, only {}.", names.join(", ")))
            }
        }
    }

    fn file(&self, call: &Call) -> Done {
        let done = match call.name.as_str() {
            "read_file" => files::read(self, &call.input),
            "write_file" => files::write(self, &call.input),
            "edit_file" => edit::edit(self, &call.input),
            _ => files::list(self, &call.input),
        };
        done.unwrap_or_else(Done::failed)
    }

    /// A path of the model's as one in the worktree. Links are followed before it is judged.
    fn path(&self, input: &Value) -> Result<PathBuf, String> {
        let given = input.get("path").and_then(Value::as_str).unwrap_or(".");
        let given = Path::new(if given.is_empty() { "." } else { given });
        let mut path = PathBuf::new();
        for part in self.root.join(given).components() {
            match part {
                Component::ParentDir => {
                    path.pop();
                }
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => path.push(part),
            }
            // Each step as it really is, so that neither a link nor `..` behind one leads out.
            if let Ok(real) = path.canonicalize() {
                path = real;
            } else if path.symlink_metadata().is_ok() {
                return Err(format!("{} is a link that leads nowhere.", given.display()));
            }
        }
        if path.starts_with(&self.root) {
            return Ok(path);
        }
        Err(format!(
            "{} is outside the working directory {}, where nothing may be done.",
            given.display(),
            self.root.display()
        ))
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

fn word<'a>(input: &'a Value, key: &str) -> Result<&'a str, String> {
    input
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("The argument {key:?} is missing."))
}

/// Text that is too long is cut in the middle.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let head = text.get(..text.floor_char_boundary(max / 2)).unwrap_or_default();
    let from = text.ceil_char_boundary(text.len() - max / 2);
    let tail = text.get(from..).unwrap_or_default();
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}\n[… {left_out} bytes left out …]\n{tail}")
}

#[cfg(test)]
mod tests;
