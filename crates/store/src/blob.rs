//! Content-addressed files for large bodies: `blobs/ab/abcdef…`, named by their SHA-256.
//!
//! A blob is on the disk before the row that names it is committed, and is unlinked only after the
//! commit that stops naming it. A crash can leave a file too many, never one too few.

use crate::error::Error;
use crate::value::hex;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The folder of blobs.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

pub(crate) type Address = [u8; 32];

impl Blobs {
    pub(crate) fn new(home: &Path) -> Self {
        Self { folder: home.join("blobs") }
    }

    /// Writes the bytes durably and returns their address.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<Address, Error> {
        let address: Address = Sha256::digest(bytes).into();
        let (shelf, path) = self.place(&address);
        // A file of that name may be damaged or belong to a commit that never came: compare, don't trust.
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(address);
        }
        let temporary = path.with_extension("new");
        let written = make_folder(&shelf)
            .and_then(|()| write_durably(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| sync_folder(&shelf))
            .and_then(|()| sync_folder(&self.folder));
        written.map_err(|error| {
            // Frees the space again when the disk was full.
            let _ = fs::remove_file(&temporary);
            Error::file("writing a blob", &error)
        })?;
        Ok(address)
    }

    /// The bytes; `None` when the file is gone.
    pub(crate) fn get(&self, address: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(self.place(address).1) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("reading a blob", &error)),
        }
    }

    /// Unlinks the file; it is no error when it is gone already.
    pub(crate) fn remove(&self, address: &[u8]) -> Result<(), Error> {
        let (shelf, path) = self.place(address);
        match fs::remove_file(path).and_then(|()| sync_folder(&shelf)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::file("removing a blob", &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn place(&self, address: &[u8]) -> (PathBuf, PathBuf) {
        let name = hex(address);
        let shelf = self.folder.join(name.get(..2).unwrap_or("00"));
        let path = shelf.join(name);
        (shelf, path)
    }
}

/// Makes a folder that only its owner may enter.
pub(crate) fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a rename in the folder survive a power cut.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
