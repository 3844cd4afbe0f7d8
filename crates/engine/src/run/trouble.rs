//! What went wrong in an attempt: the adapter's view, weighed with what this run may have.

use orkestra_agents::recovery::{Action, Issue, diagnose};
use orkestra_agents::{Kind, ProcessExit};
use orkestra_core::agent::AgentEvent;
use orkestra_core::run::{Changes, Fault, Trouble};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Events kept to find out what went wrong; it is the end of an attempt that tells.
const KEPT_MAX: usize = 400;

/// Arguments of tools that are kept: only paths tell something here, and texts are long.
const PATHS: [&str; 4] = ["file_path", "path", "dir_path", "notebook_path"];

/// The events of an attempt that may tell what went wrong.
#[derive(Default)]
pub(super) struct Signs {
    events: VecDeque<AgentEvent>,
}

impl Signs {
    /// Takes note of an event.
    pub(super) fn note(&mut self, event: &AgentEvent) {
        let sign = match event {
            AgentEvent::ToolCall { id, name, input, parent } => AgentEvent::ToolCall {
                id: id.clone(),
                name: name.clone(),
                input: paths_of(input),
                parent: parent.clone(),
            },
            AgentEvent::ToolResult { is_error: true, .. }
            | AgentEvent::PermissionDenied(_)
            | AgentEvent::Error { .. }
            | AgentEvent::Ended(_) => event.clone(),
            _ => return,
        };
        if self.events.len() >= KEPT_MAX {
            self.events.pop_front();
        }
        self.events.push_back(sign);
    }

    /// What went wrong, if it is known; `place` says what a run may have.
    pub(super) fn trouble(
        &mut self,
        kind: Kind,
        stderr: &str,
        exit: ProcessExit,
        place: &Place,
    ) -> Option<Trouble> {
        let found = diagnose(kind, self.events.make_contiguous(), stderr, exit)?;
        let fault = match found.issue {
            Issue::DirScopeError
            | Issue::FsPermError
            | Issue::GitTrustError
            | Issue::GitCheckError
            | Issue::SandboxError => Fault::Permission,
            Issue::PermissionDenied => Fault::Other,
            Issue::AuthRequired => Fault::Login,
            Issue::QuotaExceeded => Fault::Quota,
            Issue::RateLimited => Fault::RateLimit,
            Issue::Overloaded | Issue::ApiError => Fault::Unavailable,
            Issue::ConnectionLost => Fault::Broken,
            Issue::SessionLost | Issue::SessionInUse => Fault::SessionLost,
        };
        let (after_ms, changes) = match found.action {
            Action::Wait { after_ms } => (after_ms, None),
            Action::Ask => (None, None),
            Action::Chmod { path } => (None, place.chmod(&path)),
            Action::Relaunch(relaunch) => (None, place.relaunch(&relaunch)),
        };
        let (pattern, words) = (found.pattern, found.words);
        Some(Trouble { fault, pattern, words, after_ms, changes })
    }
}

fn paths_of(input: &Value) -> Value {
    let kept: Map<String, Value> =
        PATHS.iter().filter_map(|key| Some(((*key).to_owned(), input.get(key)?.clone()))).collect();
    Value::Object(kept)
}

/// Where a run works, and what it may be given beside.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The folder in which it works.
    pub(super) worktree: PathBuf,
    /// Folders in which it may work beside.
    pub(super) allowed: Vec<PathBuf>,
}

impl Place {
    /// A path inside the worktree is made writable; others are nobody's business here.
    fn chmod(&self, path: &Path) -> Option<Changes> {
        let path = self.worktree.join(path);
        let real = path.canonicalize().ok()?;
        let home = self.worktree.canonicalize().ok()?;
        let chmod = vec![real.to_str()?.to_owned()];
        real.starts_with(home).then_some(Changes { chmod, ..Changes::default() })
    }

    fn relaunch(&self, relaunch: &orkestra_agents::recovery::Relaunch) -> Option<Changes> {
        let mut add_dirs = Vec::new();
        for folder in &relaunch.add_dirs {
            let real = self.worktree.join(folder).canonicalize().ok()?;
            let inside =
                |root: &PathBuf| root.canonicalize().is_ok_and(|root| real.starts_with(root));
            if !self.allowed.iter().chain([&self.worktree]).any(inside) {
                return None;
            }
            add_dirs.push(real.to_str()?.to_owned());
        }
        Some(Changes { add_dirs, skip_trust: relaunch.skip_trust, ..Changes::default() })
    }
}

/// Makes paths writable for their owner; those that are gone need nothing.
pub(super) fn make_writable(paths: &[String], worktree: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let home = worktree.canonicalize()?;
    for path in paths {
        let Ok(real) = Path::new(path).canonicalize() else { continue };
        // A link may have been put there since.
        if !real.starts_with(&home) {
            continue;
        }
        let found = real.metadata()?;
        let more = if found.is_dir() { 0o700 } else { 0o600 };
        let mut permissions = found.permissions();
        permissions.set_mode(permissions.mode() | more);
        std::fs::set_permissions(&real, permissions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use orkestra_agents::recovery::Relaunch;

    #[test]
    fn only_what_the_run_may_have_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["work/sub", "target", "other"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("work/sub/file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("other"), root.join("work/link")).unwrap();
        let place = Place { worktree: root.join("work"), allowed: vec![root.join("target")] };
        let wish = |path: &str| Relaunch { add_dirs: vec![root.join(path)], ..Relaunch::default() };
        let given = |path: &str| place.relaunch(&wish(path)).map(|changes| changes.add_dirs);
        assert_eq!(given("target"), Some(vec![root.join("target").display().to_string()]));
        assert!(given("work/sub").is_some());
        for bad in ["other", "work/link", "work/../other", "missing"] {
            assert_eq!(given(bad), None, "{bad}");
        }
        assert!(place.chmod(Path::new("sub/file")).is_some());
        assert_eq!(place.chmod(&root.join("work/link")), None);
        assert_eq!(place.chmod(&root.join("other")), None);
    }
}
