//! What a process does to itself, never to be undone: no capabilities, no new privileges, Landlock,
//! seccomp. All its descendants have the same.

#![allow(unsafe_code, reason = "prctl, capset and a question to Landlock have no safe wrapper")]

use std::ffi::c_ulong;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
    Scope,
};

use super::filter::{self, Inet};
use super::tree::{Access, Tree};
use crate::error::{Doing, Error};

/// The newest version of Landlock that this knows how to use.
const ABI_KNOWN: ABI = ABI::V9;

/// Devices that any program may use.
const DEVICES: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

/// What a process gives up.
pub(super) struct Confinement<'a> {
    /// What may be done with which path.
    pub(super) tree: &'a Tree,
    /// `/dev` holds nothing but harmless devices.
    pub(super) own_devices: bool,
    /// Which sockets it may make.
    pub(super) inet: Inet,
    /// It may neither connect nor listen by TCP.
    pub(super) no_tcp: bool,
}

/// The version of Landlock's interface.
pub(super) fn landlock_abi() -> io::Result<u32> {
    /// `LANDLOCK_CREATE_RULESET_VERSION`: a question, nothing is made.
    const VERSION: c_ulong = 1;
    // SAFETY: with this flag the kernel takes no pointer.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, core::ptr::null::<u8>(), 0_usize, VERSION)
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u32::try_from(answer).unwrap_or(0))
}

/// Whether filters of system calls can be loaded and can answer with an error.
pub(super) fn seccomp_works() -> io::Result<()> {
    /// `SECCOMP_GET_ACTION_AVAIL`.
    const AVAILABLE: c_ulong = 2;
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads one word.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, AVAILABLE, 0_usize, &raw const action) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives it all up. Only in a process with one thread.
pub(super) fn confine(what: &Confinement<'_>) -> Result<(), Error> {
    no_core_files();
    drop_capabilities()?;
    no_new_privileges()?;
    restrict_paths(what)?;
    for program in filter::programs(what.inet)? {
        seccompiler::apply_filter(&program)
            .map_err(io::Error::other)
            .doing("load the filter of system calls")?;
    }
    Ok(())
}

/// A dump would be written wherever the system's pattern says, with all that was in memory.
fn no_core_files() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is valid; lowering a limit always works.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
    }
}

fn no_new_privileges() -> Result<(), Error> {
    let (one, zero): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: plain numbers.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, one, zero, zero, zero) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()).doing("give up new privileges"),
    }
}

/// Takes away what root has beyond being the owner of root's files, for good.
fn drop_capabilities() -> Result<(), Error> {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    let zero: c_ulong = 0;
    for capability in 0..64_u64 {
        // SAFETY: plain numbers. Fails beyond the last capability and for who has none.
        unsafe {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, zero, zero, zero);
        }
    }
    let header = Header { version: VERSION, pid: 0 };
    let none = [[0_u32; 3]; 2];
    // SAFETY: plain numbers; header and sets have the layout of version 3.
    let dropped = unsafe {
        let clear = c_ulong::from(libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned());
        libc::prctl(libc::PR_CAP_AMBIENT, clear, zero, zero, zero);
        libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr())
    };
    if dropped != 0 {
        return Err(io::Error::last_os_error()).doing("give up capabilities");
    }
    // Root would get everything of the bounding set back with the next program.
    if rustix::process::geteuid().is_root() && bounding_set() != 0 {
        let left = io::Error::from_raw_os_error(libc::EPERM);
        return Err(left).doing("give up the capabilities of root");
    }
    Ok(())
}

fn bounding_set() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    set.and_then(|word| u64::from_str_radix(word.trim(), 16).ok()).unwrap_or(u64::MAX)
}

fn restrict_paths(what: &Confinement<'_>) -> Result<(), Error> {
    let doing = "set up Landlock";
    let mut rules = ruleset(what).map_err(io::Error::other).doing(doing)?;
    for (path, access) in what.tree.grants(&mut list) {
        let rights = match access {
            Access::Hidden => continue,
            Access::Read => AccessFs::from_read(ABI_KNOWN) | AccessFs::ResolveUnix,
            Access::Write => AccessFs::from_all(ABI_KNOWN),
        };
        rules = grant(rules, &path, rights).doing_at("permit", &path)?;
    }
    // Names are no secret: without this no program could look around on its way to a folder.
    rules = grant(rules, Path::new("/"), AccessFs::ReadDir.into()).doing(doing)?;
    let device = AccessFs::from_file(ABI_KNOWN) | AccessFs::ReadDir;
    if what.own_devices {
        rules = grant(rules, Path::new("/dev"), AccessFs::from_all(ABI_KNOWN)).doing(doing)?;
    } else {
        for path in DEVICES.map(Path::new) {
            rules = grant(rules, path, device).doing_at("permit", path)?;
        }
    }
    // What was handed over may be opened again by its name (/dev/stdin, /dev/stderr), but not
    // emptied: it is the record of the run.
    for (path, right) in [
        ("/dev/stdin", AccessFs::ReadFile),
        ("/dev/stdout", AccessFs::WriteFile),
        ("/dev/stderr", AccessFs::WriteFile),
    ] {
        let path = Path::new(path);
        if path.metadata().is_ok_and(|facts| facts.is_file()) {
            rules = grant(rules, path, right.into()).doing_at("permit", path)?;
        }
    }
    let status: RestrictionStatus =
        rules.restrict_self().map_err(io::Error::other).doing("enter Landlock")?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS)).doing("enter Landlock");
    }
    Ok(())
}

fn ruleset(what: &Confinement<'_>) -> Result<RulesetCreated, landlock::RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_KNOWN))?
        .scope(Scope::from_all(ABI_KNOWN))?;
    if what.no_tcp {
        rules = rules.handle_access(AccessNet::from_all(ABI_KNOWN))?;
    }
    rules.create()
}

/// Adds a rule; what has gone meanwhile needs none.
fn grant(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    let file: File = match OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) || error.raw_os_error() == Some(libc::ENXIO) =>
        {
            return Ok(rules);
        }
        Err(error) => return Err(error),
    };
    let rights =
        if file.metadata()?.is_dir() { rights } else { rights & AccessFs::from_file(ABI_KNOWN) };
    if rights.is_empty() {
        return Ok(rules);
    }
    rules.add_rule(PathBeneath::new(file.as_fd(), rights)).map_err(io::Error::other)
}

/// What is in a folder, without links: what a link leads to has a rule of its own, or none.
fn list(folder: &Path) -> Vec<(PathBuf, bool)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.flatten().filter_map(|entry| {
        let kind = entry.file_type().ok()?;
        (!kind.is_symlink()).then(|| (entry.path(), kind.is_dir()))
    });
    entries.collect()
}
