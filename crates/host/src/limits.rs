//! The daemon's own limits.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// A limit on open files: (soft, hard). `u64::MAX` is "none".
pub type NoFile = (u64, u64);

/// Raises the daemon's limit of open files to the hard limit and returns the original.
///
/// Units get the original: programs that use `select` break above 1024 descriptors.
pub fn raise_nofile() -> NoFile {
    static ORIGINAL: OnceLock<NoFile> = OnceLock::new();
    *ORIGINAL.get_or_init(|| {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
        (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX))
    })
}
