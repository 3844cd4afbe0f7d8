//! Who may use the API: the operator's token, one-time links, and browser sessions.
//!
//! Only hashes of session secrets are stored. The token lies in `secrets/token` of the data
//! folder, readable by its owner alone: whoever can read it owns the data anyway.

use crate::error::Error;
use axum::http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use orkestra_core::event::{Draft, Topic};
use orkestra_store::{LoginRow, Store, Write};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// The session cookie's name.
pub(crate) const COOKIE: &str = "orkestra_session";

/// The header by which the command line names itself, for the journal only.
pub(crate) const CLIENT_HEADER: &str = "x-orkestra-client";

/// How long a link may lie around.
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Links that may wait at once; the oldest goes.
const LINKS_MAX: usize = 32;

/// How long a browser stays logged in.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// A browser with a session.
    Browser,
    /// The command line, with the token.
    Cli,
    /// Anything else with the token.
    Token,
}

/// Cheap to clone; methods only.
#[derive(Clone)]
pub struct Logins {
    store: Store,
    token: Arc<String>,
    links: Arc<Mutex<HashMap<[u8; 32], Timestamp>>>,
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits in hexadecimal.
fn secret() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::File {
        path: "a secret".to_owned(),
        source: std::io::Error::other(error),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Logins {
    /// Reads the operator's token from `secrets/token`, or makes one.
    ///
    /// # Errors
    /// The file cannot be read or made.
    pub fn open(home: &Path, store: Store) -> Result<Self, Error> {
        let path = home.join("secrets").join("token");
        let fail = |source| Error::File { path: path.display().to_string(), source };
        let token = match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 32 => text.trim().to_owned(),
            Ok(_) | Err(_) => {
                let token = secret()?;
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create(true).truncate(true).mode(0o600);
                let mut file = options.open(&path).map_err(fail)?;
                std::io::Write::write_all(&mut file, token.as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(fail)?;
                token
            }
        };
        Ok(Self { store, token: Arc::new(token), links: Arc::default() })
    }

    /// A code for one login by link, kept in memory: it dies with the daemon.
    ///
    /// # Errors
    /// No randomness.
    pub fn link_code(&self) -> Result<String, Error> {
        let code = secret()?;
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if links.len() >= LINKS_MAX
            && let Some(oldest) = links.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key)
        {
            links.remove(&oldest);
        }
        links.insert(hash(&code), Timestamp::now());
        Ok(code)
    }

    /// Uses a code up; whether it was good.
    pub(crate) fn take_code(&self, code: &str) -> bool {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let made = links.remove(&hash(code));
        made.is_some_and(|at| Timestamp::now().duration_since(at) < LINK_LIFE)
    }

    pub(crate) fn is_token(&self, token: &str) -> bool {
        hash(token).ct_eq(&hash(&self.token)).into()
    }

    /// A session for a browser that has proved itself; the cookie's value.
    /// Logins that are over are forgotten on this occasion.
    pub(crate) async fn begin(&self, by: &'static str) -> Result<String, crate::problem::Problem> {
        let cookie = secret().map_err(|error| {
            crate::problem::Problem::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                "ORK-0001",
                error.to_string(),
            )
        })?;
        let now = Timestamp::now();
        let row = LoginRow {
            id_hash: hash(&cookie).to_vec(),
            kind: "browser".to_owned(),
            created_at: now,
            last_seen: now,
            expires_at: now + SESSION_LIFE,
        };
        let command = move |tx: &mut dyn Write| {
            tx.prune_logins(now)?;
            tx.put_login(&row)?;
            tx.append(&[told("daemon.logged_in", json!({"by": by}))])?;
            Ok(())
        };
        self.store.write(command).await?;
        Ok(cookie)
    }

    /// Ends the session of this request.
    pub(crate) async fn end(&self, headers: &HeaderMap) -> Result<(), crate::problem::Problem> {
        if let Some(cookie) = cookie(headers) {
            let id = hash(&cookie).to_vec();
            let command = move |tx: &mut dyn Write| {
                if tx.remove_login(&id)? {
                    tx.append(&[told("daemon.logged_out", json!({}))])?;
                }
                Ok(())
            };
            self.store.write(command).await?;
        }
        Ok(())
    }

    pub(crate) async fn who(&self, headers: &HeaderMap) -> Option<Who> {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if let Some(token) = bearer {
            let cli = headers.get(CLIENT_HEADER).is_some_and(|client| client == "cli");
            return self.is_token(token.trim()).then_some(if cli { Who::Cli } else { Who::Token });
        }
        let id = hash(&cookie(headers)?).to_vec();
        let row = self.store.read(move |read| read.login(&id)).await.ok()??;
        (row.expires_at > Timestamp::now()).then_some(Who::Browser)
    }
}

/// Who came in and went is part of who did what.
fn told(kind: &str, body: Value) -> Draft {
    Draft::new(kind, Topic::Daemon, "login", Who::Browser.actor(), body)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

/// The cookie that keeps a browser logged in: not readable by scripts, never sent from elsewhere.
pub(crate) fn set_cookie(value: &str) -> String {
    let age = if value.is_empty() { 0 } else { SESSION_LIFE.as_secs() };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}")
}
