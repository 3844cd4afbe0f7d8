//! What the process was given by its surroundings: the only place that reads the environment.

use orkestra_host::service::announce::{Announcer, VARIABLES};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment, working directory and home of the user.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// Variables whose names and values are UTF-8; others are passed on by nobody.
    pub(crate) env: BTreeMap<String, String>,
    /// The working directory.
    pub(crate) cwd: PathBuf,
    /// The user's home.
    pub(crate) user_home: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn of_process() -> Self {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let user_home = env.get("HOME").filter(|home| home.starts_with('/')).map(PathBuf::from);
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Self { env, cwd, user_home }
    }

    /// Whoever wants to know from us how we are.
    pub(crate) fn announcer(&self) -> Announcer {
        let value = |name: &str| self.env.get(name).map(String::as_str);
        Announcer::new(value("NOTIFY_SOCKET"), value("WATCHDOG_USEC"), value("WATCHDOG_PID"))
    }

    /// The environment that units and agents inherit: ours without what concerns this daemon.
    pub(crate) fn for_units(&self) -> Vec<(String, String)> {
        self.env
            .iter()
            .filter(|(name, _)| !name.starts_with("ORKESTRA_"))
            .filter(|(name, _)| !VARIABLES.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}
