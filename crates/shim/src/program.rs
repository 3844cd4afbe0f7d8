//! Becoming another program: finds it as a shell would.

#![allow(unsafe_code, reason = "lists of words as the kernel takes them")]

use core::ffi::{CStr, c_char};

use crate::kernel::call;
use crate::options::Words;
use crate::sys::Errno;

/// Where programs are looked for when the environment does not say.
const PATH: &[u8] = b"/bin:/usr/bin";
/// The longest path, with its end.
const PATH_MAX: usize = 4096;

/// Becomes the first of `argv`, and comes back only with the reason why not. A name without a
/// slash is looked for in the environment's `PATH`; a file of no known format is a script of
/// `/bin/sh` (both as POSIX has it for `execvp`).
///
/// # Safety
/// Both lists end with null and have NUL-terminated words; the word before `argv` is writable and
/// not needed any more.
pub(crate) unsafe fn execute(argv: Words, environment: Words) -> Errno {
    // SAFETY: as the caller says.
    let Some(name) = (unsafe { word(argv) }).filter(|name| !name.is_empty()) else {
        return libc::ENOENT;
    };
    if name.to_bytes().contains(&b'/') {
        // SAFETY: the same.
        return unsafe { try_file(name, argv, environment) };
    }
    // SAFETY: the same.
    let folders = unsafe { variable(environment, b"PATH=") }.unwrap_or(PATH);
    let mut refused = false;
    for folder in folders.split(|byte| *byte == b':') {
        let mut room = [0; PATH_MAX];
        let Some(file) = join(&mut room, folder, name.to_bytes()) else { continue };
        // SAFETY: the same.
        match unsafe { try_file(file, argv, environment) } {
            libc::EACCES => refused = true,
            libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
            errno => return errno,
        }
    }
    if refused { libc::EACCES } else { libc::ENOENT }
}

/// # Safety
/// As [`execute`].
unsafe fn try_file(file: &CStr, argv: Words, environment: Words) -> Errno {
    let path = file.as_ptr() as usize;
    let start = |path: usize, argv: Words| {
        // SAFETY: words and lists are NUL-terminated.
        unsafe { call(libc::SYS_execve, [path, argv as usize, environment as usize]) }
            .err()
            .unwrap_or(libc::EIO)
    };
    match start(path, argv) {
        libc::ENOEXEC => {
            // SAFETY: the shell takes the place of the word before, the file that of the first.
            let argv = unsafe {
                argv.cast_mut().write(file.as_ptr());
                argv.sub(1).cast_mut().write(c"/bin/sh".as_ptr());
                argv.sub(1)
            };
            start(c"/bin/sh".as_ptr() as usize, argv)
        }
        errno => errno,
    }
}

/// The word at this place of a list.
///
/// # Safety
/// The place is null or has a NUL-terminated word.
unsafe fn word<'a>(place: Words) -> Option<&'a CStr> {
    // SAFETY: as the caller says.
    unsafe {
        let word: *const c_char = *place;
        (!word.is_null()).then(|| CStr::from_ptr(word))
    }
}

/// # Safety
/// The list ends with null and has NUL-terminated words.
unsafe fn variable<'a>(mut environment: Words, name: &[u8]) -> Option<&'a [u8]> {
    // SAFETY: as the caller says; the end is not passed.
    unsafe {
        while let Some(entry) = word(environment) {
            if let Some(value) = entry.to_bytes().strip_prefix(name) {
                return Some(value);
            }
            environment = environment.add(1);
        }
    }
    None
}

/// `folder/name`; an empty folder is where we are. `None` when it is too long.
fn join<'a>(room: &'a mut [u8; PATH_MAX], folder: &[u8], name: &[u8]) -> Option<&'a CStr> {
    let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    let mut len = 0;
    for piece in [folder, slash, name, b"\0"] {
        room.get_mut(len..len + piece.len())?.copy_from_slice(piece);
        len += piece.len();
    }
    CStr::from_bytes_with_nul(room.get(..len)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{PATH_MAX, join};

    #[test]
    fn a_folder_and_a_name_make_a_path() {
        let mut room = [0; PATH_MAX];
        assert_eq!(join(&mut room, b"/bin", b"ls"), Some(c"/bin/ls"));
        assert_eq!(join(&mut room, b"", b"ls"), Some(c"ls"));
        assert_eq!(join(&mut room, &[b'a'; PATH_MAX], b"ls"), None);
        assert_eq!(
            join(&mut room, &[b'a'; PATH_MAX - 4], b"ls").map(|p| p.count_bytes()),
            Some(4095)
        );
    }
}
