//! Unix sockets by short names: an address holds 108 bytes, a data folder's path may be longer, so
//! the folder is opened and the socket is named through its descriptor.

use crate::error::{Doing, Error};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

fn short(path: &Path) -> Result<(OwnedFd, PathBuf), Error> {
    let unusable = Error::Unusable { what: "the socket's path", why: "it names no file" };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(unusable);
    };
    let flags =
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, rustix::fs::Mode::empty())
        .map_err(std::io::Error::from)
        .doing_at("open", folder)?;
    let through = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok((folder, through))
}

/// Listens at `path`, which only its owner may reach.
///
/// # Errors
/// The folder is not there, or something is at `path` already.
pub fn bind_private(path: &Path) -> Result<UnixListener, Error> {
    let (_folder, through) = short(path)?;
    let listener = UnixListener::bind(&through).doing_at("listen at", path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .doing_at("protect", path)?;
    Ok(listener)
}

/// Connects to `path`.
///
/// # Errors
/// Nobody listens there.
pub async fn connect(path: &Path) -> Result<UnixStream, Error> {
    let (_folder, through) = short(path)?;
    UnixStream::connect(&through).await.doing_at("connect to", path)
}
