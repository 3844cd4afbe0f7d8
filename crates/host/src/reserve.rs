//! The reserve file: room on the disk that is freed when the disk is full, so that the daemon
//! can still write down what happens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use crate::error::{Doing, Error};

/// Makes sure that the file holds `bytes` of real blocks.
pub fn ensure(path: &Path, bytes: u64) -> Result<(), Error> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .doing_at("open", path)?;
    let facts = file.metadata().doing_at("look at", path)?;
    // A sparse file would reserve nothing; blocks are counted in 512 bytes.
    if facts.len() >= bytes && facts.blocks().saturating_mul(512) >= bytes {
        return Ok(());
    }
    let filled = match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(&file, bytes),
        result => result.map_err(Into::into),
    };
    if filled.is_err() {
        // A half reserve at a full disk does harm: give it back.
        let _ = file.set_len(0);
    }
    filled.and_then(|()| file.sync_all()).doing_at("reserve room in", path)
}

fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    let block = vec![0_u8; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        file.write_all(block.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    Ok(())
}

/// Gives the room back. No reserve is no error.
pub fn release(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).doing_at("remove", path)
        }
        _ => Ok(()),
    }
}
