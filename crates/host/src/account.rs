//! Whom a process is to belong to: names to numbers, and whether we may.

#![allow(unsafe_code, reason = "the system's list of users has no safe wrapper")]

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;

use crate::error::Error;

/// More groups than this are not handed over.
const GROUPS_MAX: usize = 256;
/// One entry of the list of users; longer ones are refused.
const ENTRY: usize = 64 << 10;
/// What a change of user needs: CAP_SETGID and CAP_SETUID.
const CAPABILITIES: u64 = 1 << 6 | 1 << 7;

/// A user as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name; the number where it has none.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The group of its processes.
    pub gid: u32,
    /// All its groups.
    pub groups: Vec<u32>,
    /// Its home; `/` where it has none.
    pub home: String,
    /// Its shell.
    pub shell: String,
}

/// Finds a user: `name`, `uid`, `name:group` or `uid:gid`.
///
/// # Errors
/// There is no such user or group, or the system cannot say.
pub fn find(text: &str) -> Result<Account, Error> {
    let unknown = |why| Error::User { user: text.to_owned(), why };
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let mut account = match by_name(user) {
        Some(account) => account,
        None => match user.parse() {
            Ok(uid) => by_number(uid)
                .or_else(|| group.is_some().then(|| nameless(uid)))
                .ok_or_else(|| unknown("there is no user with this number; with a group (uid:gid) it needs no name"))?,
            Err(_) => return Err(unknown("there is no such user; see `getent passwd`")),
        },
    };
    if let Some(group) = group {
        account.gid = match group_by_name(group) {
            Some(gid) => gid,
            None => {
                group.parse().map_err(|_| unknown("there is no such group; see `getent group`"))?
            }
        };
        if !account.groups.contains(&account.gid) {
            account.groups.push(account.gid);
        }
    }
    if account.groups.len() > GROUPS_MAX {
        return Err(unknown("it is in more than 256 groups"));
    }
    Ok(account)
}

/// Finds a user for a new process. `None` when it is our own user and nothing has to change.
pub(crate) fn to_become(text: &str) -> Result<Option<Account>, Error> {
    let account = find(text)?;
    let ours = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    if ours == (account.uid, account.gid) {
        return Ok(None);
    }
    if !may_become_others() {
        return Err(Error::User {
            user: text.to_owned(),
            why: "only a daemon that runs as root may start processes of other users; run it as \
                  root, or leave `user` out",
        });
    }
    Ok(Some(account))
}

fn may_become_others() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|word| u64::from_str_radix(word.trim(), 16).ok());
    effective.map_or(rustix::process::geteuid().is_root(), |effective| {
        effective & CAPABILITIES == CAPABILITIES
    })
}

fn nameless(uid: u32) -> Account {
    let (name, home, shell) = (uid.to_string(), "/".to_owned(), "/bin/sh".to_owned());
    Account { name, uid, gid: u32::MAX, groups: Vec::new(), home, shell }
}

fn by_name(name: &str) -> Option<Account> {
    let name = CString::new(name).ok()?;
    entry(|entry, room, found| {
        // SAFETY: the name is NUL-terminated; entry, room and result are valid for writes.
        unsafe { libc::getpwnam_r(name.as_ptr(), entry, room.as_mut_ptr(), room.len(), found) }
    })
}

fn by_number(uid: u32) -> Option<Account> {
    entry(|entry, room, found| {
        // SAFETY: entry, room and result are valid for writes.
        unsafe { libc::getpwuid_r(uid, entry, room.as_mut_ptr(), room.len(), found) }
    })
}

fn entry(
    ask: impl FnOnce(*mut libc::passwd, &mut [c_char], *mut *mut libc::passwd) -> libc::c_int,
) -> Option<Account> {
    let mut room: Vec<c_char> = vec![0; ENTRY];
    let mut entry = MaybeUninit::uninit();
    let mut found = std::ptr::null_mut();
    if ask(entry.as_mut_ptr(), &mut room, &raw mut found) != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the system filled the entry, since it gave a result.
    let entry = unsafe { entry.assume_init() };
    // SAFETY: the strings of an entry are NUL-terminated and lie in `room`.
    let text =
        |pointer: *mut c_char| unsafe { CStr::from_ptr(pointer).to_string_lossy().into_owned() };
    let mut groups = vec![0; GROUPS_MAX + 1];
    let mut count = GROUPS_MAX as libc::c_int + 1;
    // SAFETY: there is room for `count` groups; the name is NUL-terminated.
    let all = unsafe {
        libc::getgrouplist(entry.pw_name, entry.pw_gid, groups.as_mut_ptr(), &raw mut count)
    };
    // Too many: the list stays too long and is refused by `find`.
    if all >= 0 {
        groups.truncate(usize::try_from(count).unwrap_or(0));
    }
    Some(Account {
        name: text(entry.pw_name),
        uid: entry.pw_uid,
        gid: entry.pw_gid,
        groups,
        home: text(entry.pw_dir),
        shell: text(entry.pw_shell),
    })
}

fn group_by_name(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut room: Vec<c_char> = vec![0; ENTRY];
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: the name is NUL-terminated; entry, room and result are valid for writes. The entry
    // is read only when the system filled it.
    unsafe {
        let (room, len) = (room.as_mut_ptr(), room.len());
        let asked = libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), room, len, &raw mut found);
        (asked == 0 && !found.is_null()).then(|| entry.assume_init().gr_gid)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test says where")]
mod tests {
    use super::find;

    #[test]
    fn users_are_found_by_name_and_number_with_and_without_a_group() {
        let root = find("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0) && root.home.starts_with('/'));
        assert_eq!(find("0").unwrap(), root);
        let other = find("0:12345").unwrap();
        assert_eq!((other.uid, other.gid), (0, 12_345));
        assert!(other.groups.contains(&12_345));
        assert_eq!(find("4000000001:7").unwrap().uid, 4_000_000_001);
        for bad in ["", "nobody-here", "root:no-group", "4000000001", "root\0"] {
            assert!(find(bad).is_err(), "{bad}");
        }
    }
}
