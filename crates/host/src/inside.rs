//! Files below a folder that somebody else may have filled: no link leads out of it.

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

/// Opens a regular file for reading; links count as long as they stay inside.
///
/// # Errors
/// It is not there, is no regular file, or a link leads out of the folder.
pub fn open(folder: &Path, path: &str) -> io::Result<File> {
    let root = File::open(folder)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = openat2(
        &root,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
    );
    let file = match opened {
        Ok(descriptor) => File::from(descriptor),
        // A kernel or a sandbox without that call.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => resolved(folder, path)?,
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

/// The same by names; nobody may change the folder meanwhile.
fn resolved(folder: &Path, path: &str) -> io::Result<File> {
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let (folder, whole) = (folder.canonicalize()?, folder.join(path).canonicalize()?);
    if !plain || !whole.starts_with(&folder) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it leads out of the folder"));
    }
    File::open(whole)
}

/// The whole content of a file of at most so many bytes.
///
/// # Errors
/// As for [`open`], or it is larger.
pub fn read(folder: &Path, path: &str, most: u64) -> io::Result<Vec<u8>> {
    let file = open(folder, path)?;
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, "it is too large");
    if file.metadata()?.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Whether this user may make files in a folder.
pub fn may_write(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}
