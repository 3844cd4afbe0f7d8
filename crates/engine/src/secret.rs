//! Secrets by reference: read when a process is started, given to it alone, and kept out of
//! everything that is written or told.
//!
//! Values are remembered in memory only, to recognise them where a program repeats them.

use crate::instance::describe;
use orkestra_core::secret::{self, Reference, Value as Meant};
use orkestra_host::secret::OpFailure;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Semaphore;

/// Shorter values are not looked for: they would be found in words that are no secrets.
const NEEDLE_BYTES_MIN: usize = 8;

/// Values remembered at most; beyond it the shortest go.
const NEEDLES_MAX: usize = 2_000;

/// 1Password's program is asked by so many at once.
const OP_SLOTS: usize = 4;

/// What a person sees of a line that a unit printed last.
const LINE_CHARS_MAX: usize = 400;

/// What stands in the place of output whose secrets are not known.
const NOT_SHOWN: &str =
    "(not shown: this daemon does not know the secrets that the unit was started with)";

/// Why a secret is not there, and what to do. Neither names a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: String,
    /// There is no password manager on this machine that could be asked.
    pub no_manager: bool,
}

impl Missing {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into(), no_manager: false }
    }
}

/// One reference and whether its value is there; never the value.
#[derive(Debug, Clone)]
pub struct CheckedSecret {
    /// The unit or agent that needs it.
    pub of: String,
    /// The variable it is for.
    pub variable: String,
    /// Where it should be.
    pub reference: String,
    /// What is wrong with it, if anything is.
    pub missing: Option<Missing>,
    /// What a careful person would change.
    pub note: Option<String>,
}

struct Found {
    value: String,
    note: Option<String>,
}

#[derive(Default)]
struct Known {
    /// Name and value, the longest value first, so that no part of one is left.
    needles: Vec<(String, String)>,
    /// The newest value of each variable and reference in this daemon's life.
    learned: BTreeMap<(String, String), String>,
}

struct Inner {
    env: Vec<(String, String)>,
    op: Semaphore,
    known: RwLock<Known>,
}

/// The daemon's view of secrets. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// With the environment that `env:` and 1Password's program are to see.
    pub fn new(env: Vec<(String, String)>) -> Self {
        let (op, known) = (Semaphore::new(OP_SLOTS), RwLock::new(Known::default()));
        Self { inner: Arc::new(Inner { env, op, known }) }
    }

    /// The value that a text of the configuration stands for. `name` is what it is shown as
    /// wherever it is found.
    ///
    /// # Errors
    /// It is not there; never a silent empty value.
    pub async fn resolve(&self, name: &str, text: &str) -> Result<String, Missing> {
        match secret::parse(text) {
            Ok(Meant::Literal(literal)) => Ok(literal.to_owned()),
            Ok(Meant::Secret(reference)) => {
                let found = self.fetch(&reference).await?;
                self.learn(name, text, &found.value);
                if let Some(note) = found.note {
                    tracing::warn!(variable = name, reference = text, "{note}");
                }
                Ok(found.value)
            }
            Err(error) => Err(Missing::new(error.to_string(), "Change it in the configuration")),
        }
    }

    /// Puts values in the place of the references of `spec` within the environment `env`.
    ///
    /// # Errors
    /// A sentence for the journal: which variable, what is wrong, what to do.
    pub(crate) async fn fill(
        &self,
        spec: &BTreeMap<String, String>,
        env: &mut [(String, String)],
    ) -> Result<(), String> {
        for (name, value) in env {
            // What was inherited is no configuration, whatever it looks like.
            let Some(text) = spec.get(name).filter(|text| *text == value) else { continue };
            *value = self.resolve(name, text).await.map_err(|missing| {
                format!("the secret {name} is missing: {}. {}", missing.why, missing.hint)
            })?;
        }
        Ok(())
    }

    /// The same for what runs beside a process, such as its probes: it gets the values that the
    /// process got, and nobody is asked each time.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub(crate) async fn fill_beside(
        &self,
        spec: &BTreeMap<String, String>,
        env: &mut [(String, String)],
    ) -> Result<(), String> {
        let mut rest = spec.clone();
        for (name, value) in env.iter_mut() {
            let key = (name.clone(), value.clone());
            let known = self.inner.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(learned) = known.learned.get(&key).filter(|_| spec.contains_key(name)) {
                rest.remove(name);
                value.clone_from(learned);
            }
        }
        self.fill(&rest, env).await
    }

    /// Whether each reference has a value now.
    pub async fn check(&self, env: &BTreeMap<String, String>, of: &str) -> Vec<CheckedSecret> {
        let mut checked = Vec::new();
        for (variable, text) in env {
            let found = match secret::parse(text) {
                Ok(Meant::Literal(_)) => continue,
                Ok(Meant::Secret(reference)) => self.fetch(&reference).await,
                Err(error) => {
                    Err(Missing::new(error.to_string(), "Change it in the configuration"))
                }
            };
            let (missing, note) = match found {
                Ok(found) => {
                    self.learn(variable, text, &found.value);
                    (None, found.note)
                }
                Err(missing) => (Some(missing), None),
            };
            let (of, variable, reference) = (of.to_owned(), variable.clone(), text.clone());
            checked.push(CheckedSecret { of, variable, reference, missing, note });
        }
        checked
    }

    async fn fetch(&self, reference: &Reference) -> Result<Found, Missing> {
        match reference {
            Reference::Env(name) => self.of_env(name),
            Reference::File(path) => self.of_file(path).await,
            Reference::Op(address) => self.of_op(address).await,
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let found = self.inner.env.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn of_env(&self, name: &str) -> Result<Found, Missing> {
        let value = self.variable(name).ok_or_else(|| {
            let hint = format!("Set {name} where orkestra is started, and start it again");
            Missing::new(format!("the daemon's environment has no {name}"), hint)
        })?;
        Ok(Found { value: value.to_owned(), note: None })
    }

    async fn of_file(&self, path: &str) -> Result<Found, Missing> {
        let place = match (path.strip_prefix("~/"), self.variable("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => PathBuf::from(path),
        };
        let read = tokio::task::spawn_blocking({
            let place = place.clone();
            move || orkestra_host::secret::read_file(&place)
        });
        let hint = || format!("Put the secret into {path}, readable by the user of the daemon");
        let read = match read.await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Err(Missing::new(describe(&error), hint())),
            Err(error) => return Err(Missing::new(describe(&error), hint())),
        };
        let note = read
            .open_to_others
            .then(|| format!("other users may read {path}; chmod 600 {path} would change that"));
        Ok(Found { value: text_of(read.bytes).map_err(|why| Missing::new(why, hint()))?, note })
    }

    async fn of_op(&self, address: &str) -> Result<Found, Missing> {
        let _slot = self.inner.op.acquire().await;
        let read = orkestra_host::secret::read_op(address, &self.inner.env).await;
        let bytes = read.map_err(|failure| match failure {
            OpFailure::Absent => Missing {
                no_manager: true,
                ..Missing::new(
                    "1Password's program op is not installed",
                    "Install the 1Password CLI and sign in, or use env:NAME or file:PATH instead",
                )
            },
            OpFailure::SignedOut => Missing::new(
                "1Password is signed out, or its session has expired",
                "Sign in (op signin), or start orkestra with OP_SERVICE_ACCOUNT_TOKEN set",
            ),
            OpFailure::Silent { seconds } => Missing::new(
                format!("1Password did not answer within {seconds} s"),
                "Unlock it, or start orkestra with OP_SERVICE_ACCOUNT_TOKEN set",
            ),
            OpFailure::Refused(words) => Missing::new(
                format!("1Password says: {words}"),
                format!("Try it by hand: op read '{address}' > /dev/null"),
            ),
        })?;
        let hint = || format!("Give {address} a value of text");
        Ok(Found { value: text_of(bytes).map_err(|why| Missing::new(why, hint()))?, note: None })
    }

    /// Remembers a value, so that it is recognised.
    fn learn(&self, name: &str, reference: &str, value: &str) {
        let mut known = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
        known.learned.insert((name.to_owned(), reference.to_owned()), value.to_owned());
        // A key of several lines is printed line by line.
        let lines = value.lines().map(str::trim).filter(|line| *line != value);
        for needle in std::iter::once(value).chain(lines) {
            let there = known.needles.iter().any(|(_, other)| other == needle);
            if needle.len() >= NEEDLE_BYTES_MIN && !there {
                if known.needles.len() >= NEEDLES_MAX {
                    known.needles.pop();
                }
                known.needles.push((name.to_owned(), needle.to_owned()));
            }
        }
        known.needles.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    }

    /// Learns what an earlier daemon gave to a process that lives on.
    pub(crate) fn learn_from_process(
        &self,
        spec: &BTreeMap<String, String>,
        pid: u32,
        instance: &str,
    ) {
        if !spec.values().any(|text| secret::is_reference(text)) {
            return;
        }
        let Some(env) = orkestra_host::secret::environment_of(pid, instance) else { return };
        for (name, value) in env {
            if let Some(text) = spec.get(&name).filter(|text| secret::is_reference(text)) {
                self.learn(&name, text, &value);
            }
        }
    }

    /// What a process with these references printed, as it may be told.
    pub(crate) fn tell(&self, spec: &BTreeMap<String, String>, lines: Vec<String>) -> Vec<String> {
        let known = self.inner.known.read().unwrap_or_else(PoisonError::into_inner);
        let all_known = spec
            .iter()
            .filter(|(_, text)| secret::is_reference(text))
            .all(|(name, text)| known.learned.contains_key(&(name.clone(), text.clone())));
        drop(known);
        if !all_known && !lines.is_empty() {
            return vec![NOT_SHOWN.to_owned()];
        }
        // Cut afterwards: half a secret would not be recognised.
        let told =
            lines.iter().map(|line| self.redact(line).chars().take(LINE_CHARS_MAX).collect());
        told.collect()
    }

    /// A text with `[secret NAME]` in the place of each known value.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.inner.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = Cow::Borrowed(text);
        for (name, value) in &known.needles {
            if out.contains(value.as_str()) {
                out = Cow::Owned(out.replace(value.as_str(), &format!("[secret {name}]")));
            }
        }
        out
    }

    /// Nothing is known yet, so nothing can be found.
    pub(crate) fn is_empty(&self) -> bool {
        self.inner.known.read().unwrap_or_else(PoisonError::into_inner).needles.is_empty()
    }

    /// The same for every text within a value.
    pub fn redact_value(&self, value: &mut Value) {
        if !self.is_empty() {
            self.redact_within(value);
        }
    }

    fn redact_within(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(told) = self.redact(text) {
                    *text = told;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_within(item)),
            Value::Object(map) => {
                let odd: Vec<String> = map
                    .keys()
                    .filter(|key| matches!(self.redact(key), Cow::Owned(_)))
                    .cloned()
                    .collect();
                for key in odd {
                    if let Some(item) = map.remove(&key) {
                        map.insert(self.redact(&key).into_owned(), item);
                    }
                }
                map.values_mut().for_each(|item| self.redact_within(item));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Bytes as the value of a variable: text, not empty, one newline at the end left out.
fn text_of(bytes: Vec<u8>) -> Result<String, &'static str> {
    let mut text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text")?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.contains('\0') {
        return Err("it contains a NUL byte");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Secrets, text_of};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn known_values_are_told_by_their_names() {
        let secrets = Secrets::new(Vec::new());
        let mut body = json!({"a": "x hunter2hunter2 y", "b": ["short"], "hunter2hunter2": 1});
        secrets.redact_value(&mut body);
        assert_eq!(body["b"][0], "short", "nothing is known yet");
        secrets.learn("PASSWORD", "env:P", "hunter2hunter2");
        secrets.learn("LONGER", "env:L", "hunter2hunter2hunter2");
        secrets.learn("PIN", "env:N", "short");
        secrets.redact_value(&mut body);
        let wanted = json!({"a": "x [secret PASSWORD] y", "b": ["short"], "[secret PASSWORD]": 1});
        assert_eq!(body, wanted);
        assert_eq!(secrets.redact("=hunter2hunter2hunter2"), "=[secret LONGER]");
        secrets.learn("KEY", "file:/k", "-----BEGIN-----\nabcdefghij\n");
        assert_eq!(secrets.redact("got abcdefghij"), "got [secret KEY]");
    }

    #[test]
    fn output_of_a_unit_whose_secrets_are_unknown_is_not_told() {
        let secrets = Secrets::new(Vec::new());
        let spec = BTreeMap::from([("P".to_owned(), "op://a/b/c".to_owned())]);
        let lines = || vec!["password is hunter2hunter2".to_owned()];
        assert!(secrets.tell(&spec, lines())[0].starts_with("(not shown"));
        assert_eq!(secrets.tell(&BTreeMap::new(), lines()), lines());
        secrets.learn("P", "op://a/b/c", "hunter2hunter2");
        assert_eq!(secrets.tell(&spec, lines()), ["password is [secret P]"]);
    }

    #[test]
    fn a_value_is_text_and_never_empty() {
        assert_eq!(text_of(b"abc\r\n".to_vec()).as_deref(), Ok("abc"));
        assert_eq!(text_of(b"a\nb\n\n".to_vec()).as_deref(), Ok("a\nb\n"));
        for bad in [&b""[..], b"\n", b"\xff", b"a\0b"] {
            assert!(text_of(bad.to_vec()).is_err());
        }
    }

    #[tokio::test]
    async fn only_what_is_configured_is_a_reference() {
        let secrets = Secrets::new(vec![("TOKEN".into(), "from the daemon".into())]);
        let spec: BTreeMap<String, String> = [("A", "env:TOKEN"), ("B", "literal:env:TOKEN")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        let mut env: Vec<(String, String)> = spec.clone().into_iter().collect();
        env.push(("C".into(), "env:TOKEN".into()));
        secrets.fill(&spec, &mut env).await.unwrap();
        let values: Vec<&str> = env.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["from the daemon", "env:TOKEN", "env:TOKEN"]);
        let spec = BTreeMap::from([("A".to_owned(), "env:NOBODY".to_owned())]);
        let mut env: Vec<(String, String)> = spec.clone().into_iter().collect();
        let why = secrets.fill(&spec, &mut env).await.unwrap_err();
        assert_eq!(
            why,
            "the secret A is missing: the daemon's environment has no NOBODY. \
            Set NOBODY where orkestra is started, and start it again"
        );
    }
}
