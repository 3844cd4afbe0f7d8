//! Projects: a name for a folder, who works there, and how (MISSION 2.7, row 121). What is done in one is
//! done by its sessions.

use crate::session::Involvement;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest name.
const NAME_CHARS_MAX: usize = 60;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// What it is for; the goal of a session that names none.
    pub description: String,
    /// Its repository, an absolute path.
    pub folder: String,
    /// Who works on it.
    pub agents: Vec<String>,
    /// How often the person is asked; as configured without it.
    #[serde(default)]
    pub involvement: Option<Involvement>,
    /// Who made it.
    pub created_by: String,
    /// When (UTC).
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// What of a project is set anew; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectEdit {
    /// What it is for.
    pub description: Option<String>,
    /// Its repository.
    pub folder: Option<String>,
    /// Who works on it.
    pub agents: Option<Vec<String>>,
    /// How often the person is asked.
    pub involvement: Option<Involvement>,
}

impl Project {
    /// Why it cannot be; nothing when it can.
    pub fn problem(&self) -> Option<String> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty()
            || self.name.chars().count() > NAME_CHARS_MAX
            || !self.name.chars().all(fits)
            || self.name.starts_with(['-', '.'])
        {
            return Some(format!(
                "{:?} is no name for a project: letters, digits, - _ and . only, at most {NAME_CHARS_MAX}",
                self.name
            ));
        }
        if self.description.trim().is_empty() {
            return Some("a project needs a description: what it is for".to_owned());
        }
        if self.agents.is_empty() {
            return Some("a project needs an agent".to_owned());
        }
        None
    }

    /// As it is after an edit, and the names of what differs.
    pub fn edited(&self, edit: ProjectEdit) -> (Self, Vec<&'static str>) {
        let mut next = self.clone();
        if let Some(description) = edit.description {
            next.description = description;
        }
        if let Some(folder) = edit.folder {
            next.folder = folder;
        }
        if let Some(agents) = edit.agents {
            next.agents = agents;
        }
        if edit.involvement.is_some() {
            next.involvement = edit.involvement;
        }
        let mut changed = Vec::new();
        if next.description != self.description {
            changed.push("description");
        }
        if next.folder != self.folder {
            changed.push("folder");
        }
        if next.agents != self.agents {
            changed.push("agents");
        }
        if next.involvement != self.involvement {
            changed.push("involvement");
        }
        (next, changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_needs_a_name_a_description_and_an_agent() {
        let good = Project {
            name: "tea-house".into(),
            description: "Serve tea.".into(),
            folder: "/t".into(),
            agents: vec!["a".into()],
            involvement: None,
            created_by: "person:cli".into(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(good.problem(), None);
        for name in ["", "a b", "../x", "-x", "a/b"] {
            assert!(Project { name: name.into(), ..good.clone() }.problem().is_some(), "{name}");
        }
        assert!(Project { description: " ".into(), ..good.clone() }.problem().is_some());
        assert!(Project { agents: vec![], ..good.clone() }.problem().is_some());
        let edit = ProjectEdit { agents: Some(vec!["b".into()]), ..ProjectEdit::default() };
        let (next, changed) = good.edited(edit);
        assert_eq!((next.agents, changed), (vec!["b".to_owned()], vec!["agents"]));
    }
}
