//! Running hooks: short programs beside a unit. One that is running when the daemon is killed is
//! killed with it or goes on alone, and is not run again: a hook runs at most once.

use crate::instance::describe;
use crate::message::Message;
use crate::options::Options;
use crate::probe::{last_line, resolved};
use crate::secret::Secrets;
use orkestra_core::signal::Signal;
use orkestra_core::unit::Input;
use orkestra_core::unit::hook::{Hooked, Moment};
use orkestra_core::unit::spec::{UnitName, UnitSpec};
use orkestra_host::program;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// What a hook may say.
const SAID_MAX: usize = 4 << 10;
/// So many hooks run at once; others wait.
const AT_ONCE: usize = 16;
/// So many run or wait; one more is not run, and that is said.
const PLACES: usize = 256;

/// A hook to run.
pub(crate) struct Hook {
    pub(crate) name: UnitName,
    pub(crate) moment: Moment,
    pub(crate) command: Vec<String>,
    pub(crate) timeout_ms: u64,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) generation: u64,
}

/// Runs hooks, not too many at once.
#[derive(Clone)]
pub(crate) struct Hooks {
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
    outbox: mpsc::Sender<Message>,
    secrets: Secrets,
}

impl Hooks {
    pub(crate) fn new(outbox: mpsc::Sender<Message>, secrets: Secrets) -> Self {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        Self { slots, places: Arc::new(Semaphore::new(PLACES)), outbox, secrets }
    }

    /// Runs a hook to its end and tells how it went.
    pub(crate) async fn run(self, hook: Hook, spec: UnitSpec, options: Options) {
        let hooked = match self.places.try_acquire() {
            Ok(_place) => {
                // The semaphore is never closed.
                let Ok(_slot) = self.slots.acquire().await else { return };
                self.filled(&hook, &spec, &options).await
            }
            Err(_full) => {
                let why = format!("{PLACES} hooks run or wait already, so it was not run");
                Hooked { code: None, why: Some(why), said: None }
            }
        };
        let (name, moment, generation) = (hook.name, hook.moment, hook.generation);
        let input = Input::Hooked { name, moment, generation, hooked };
        let message = Message::Unit { input, actor: "daemon".to_owned(), reply: None };
        let _closing = self.outbox.send(message).await;
    }

    /// Runs a hook with its secrets in its environment.
    async fn filled(&self, hook: &Hook, spec: &UnitSpec, options: &Options) -> Hooked {
        let mut env: BTreeMap<String, String> = options.env.iter().cloned().collect();
        env.extend(spec.env.clone());
        env.extend(hook.env.clone());
        let mut env: Vec<(String, String)> = env.into_iter().collect();
        match self.secrets.fill_beside(&spec.env, &mut env).await {
            Ok(()) => self.hooked(hook, &env, spec).await,
            Err(why) => Hooked { code: None, why: Some(why), said: None },
        }
    }

    async fn hooked(&self, hook: &Hook, env: &[(String, String)], spec: &UnitSpec) -> Hooked {
        let told = |line: String| self.secrets.redact(&line).into_owned();
        let cwd = PathBuf::from(&spec.cwd);
        let command = resolved(&hook.command, &cwd);
        let limit = Duration::from_millis(hook.timeout_ms);
        match program::run_captured(&command, env, &cwd, limit, SAID_MAX).await {
            Ok(captured) => Hooked {
                code: captured.code,
                why: captured
                    .signal
                    .map(|signal| format!("killed by signal {}", Signal::name_of(signal))),
                said: last_line(&captured.stderr).or_else(|| last_line(&captured.stdout)).map(told),
            },
            Err(error) => Hooked { code: None, why: Some(describe(&error)), said: None },
        }
    }
}
