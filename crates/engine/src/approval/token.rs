//! Tokens of runs: with one an agent may ask, and nothing else (ADR 0025).
//!
//! A token names a run and one life of its agent, and proves both by a code under the home's run
//! key. Nothing of it is stored: it is void as soon as that life is over, since the dispatcher
//! compares the life that it names with the one that the run has.

use hmac::{Hmac, KeyInit, Mac};
use orkestra_core::id::{InstanceId, RunId};
use sha2::Sha256;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// What every token begins with, so that people and scanners of secrets know it.
const PREFIX: &str = "orkrun1";

/// The key under which the home's run tokens are made.
#[derive(Clone)]
pub struct RunKey(Arc<[u8; 32]>);

impl std::fmt::Debug for RunKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunKey(hidden)")
    }
}

impl RunKey {
    /// Reads `secrets/run-key` of the home, or makes it.
    ///
    /// # Errors
    /// The file cannot be read or made, or there is no randomness.
    pub fn open(home: &Path) -> std::io::Result<Self> {
        let folder = home.join("secrets");
        let path = folder.join("run-key");
        let mut key = [0_u8; 32];
        match std::fs::File::open(&path) {
            Ok(mut file) => {
                if file.read_exact(&mut key).is_ok() {
                    return Ok(Self(Arc::new(key)));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        std::fs::create_dir_all(&folder)?;
        // Under another name first: a crash must not leave half a key.
        let draft = folder.join("run-key.new");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        Ok(Self(Arc::new(key)))
    }

    fn code(&self, run: RunId, instance: InstanceId) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).ok()?;
        code.update(b"orkestra run token 1");
        code.update(run.uuid().as_bytes());
        code.update(instance.uuid().as_bytes());
        Some(code)
    }

    /// The token of one life of a run's agent.
    pub fn token(&self, run: RunId, instance: InstanceId) -> String {
        let code = self.code(run, instance).map(|code| code.finalize().into_bytes());
        let code: String = code.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
        format!("{PREFIX}_{}_{}_{code}", run.uuid().simple(), instance.uuid().simple())
    }

    /// Whose token this is; `None` when it is none of ours. The comparison takes the same time
    /// wherever the codes differ.
    pub fn read(&self, token: &str) -> Option<(RunId, InstanceId)> {
        let mut parts = token.trim().split('_');
        let (prefix, run, instance, code) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if prefix != PREFIX || parts.next().is_some() {
            return None;
        }
        let run = RunId::new(Uuid::try_parse(run).ok()?);
        let instance = InstanceId::new(Uuid::try_parse(instance).ok()?);
        let said: Option<Vec<u8>> = (0..code.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(code.get(at..at + 2)?, 16).ok())
            .collect();
        self.code(run, instance)?.verify_slice(&said?).ok()?;
        Some((run, instance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_run_and_life_and_home_only() {
        let (home, other) = (RunKey(Arc::new([1; 32])), RunKey(Arc::new([2; 32])));
        let run = RunId::new(Uuid::from_u128(7));
        let (first, second) =
            (InstanceId::new(Uuid::from_u128(8)), InstanceId::new(Uuid::from_u128(9)));
        let token = home.token(run, first);
        assert_eq!(home.read(&token), Some((run, first)));
        assert_eq!(home.read(&format!("  {token}\n")), Some((run, first)));
        assert_eq!(other.read(&token), None);
        let forged =
            token.replace(&first.uuid().simple().to_string(), &second.uuid().simple().to_string());
        assert_eq!(home.read(&forged), None);
        let cut = token.get(..token.len() - 2).unwrap();
        for bad in ["", "orkrun1", "orkrun1___", cut, &format!("{token}00"), &format!("{token}_")] {
            assert_eq!(home.read(bad), None, "{bad}");
        }
    }
}
