//! What this machine has to hold an agent with, and what it lacks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::confine;
use crate::program::{find_program, run_captured};

/// How strong a sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Namespaces by bubblewrap, with Landlock and seccomp inside.
    Bubblewrap,
    /// Landlock and seccomp alone.
    Landlock,
}

impl Rung {
    /// The word for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
        }
    }
}

/// Landlock without this cannot keep files from being cut off (Linux 6.2).
pub const LANDLOCK_NEEDED: u32 = 3;
/// Landlock with this keeps signals and abstract sockets inside (Linux 6.12).
const LANDLOCK_SCOPES: u32 = 6;
/// Landlock with this rules which sockets in files can be reached.
const LANDLOCK_SOCKETS: u32 = 9;

/// A trial of bubblewrap takes some 20 ms.
const TRIAL: Duration = Duration::from_secs(20);

/// What there is, each with the reason if it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// The program `bwrap`, tried out.
    pub bubblewrap: Result<PathBuf, String>,
    /// The version of Landlock's interface.
    pub landlock: Result<u32, String>,
    /// Filters of system calls.
    pub seccomp: Result<(), String>,
}

impl Ladder {
    /// Looks at this machine. bubblewrap is searched in the PATH given, and really run.
    pub async fn probe(path: &str) -> Self {
        let landlock = confine::landlock_abi().map_err(|error| match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) => {
                "it is switched off in this kernel (add landlock to the kernel's lsm= option)"
                    .to_owned()
            }
            Some(libc::ENOSYS) => {
                "this kernel does not have it (Linux 5.13 or newer, built with it)".to_owned()
            }
            _ => format!("it cannot be used here: {error}"),
        });
        let seccomp = confine::seccomp_works().map_err(|error| {
            format!("this kernel does not offer filters of system calls: {error}")
        });
        Self { bubblewrap: bubblewrap(path).await, landlock, seccomp }
    }

    /// The strongest rung that can be stood on, or why there is none.
    pub fn best(&self) -> Result<Rung, Refused> {
        let inner = self.seccomp.is_ok() && self.landlock.is_ok();
        if inner && self.bubblewrap.is_ok() {
            return Ok(Rung::Bubblewrap);
        }
        let new_enough = self.landlock.as_ref().is_ok_and(|abi| *abi >= LANDLOCK_NEEDED);
        if inner && new_enough { Ok(Rung::Landlock) } else { Err(self.refuse()) }
    }

    /// What this rung does not keep from happening on this machine; sentences for people.
    pub fn lacks(&self, rung: Rung) -> Vec<&'static str> {
        let abi = self.landlock.as_ref().copied().unwrap_or(0);
        let mut lacks = Vec::new();
        if rung == Rung::Landlock {
            lacks.push("hosts of the network cannot be told apart: only open or none");
            lacks.push("names of files and the list of processes can be seen");
            lacks.push("settings inside the worktree are not write-protected");
            if abi < LANDLOCK_SOCKETS {
                lacks.push("Unix sockets of other programs of this user can be connected to");
            }
            if abi < LANDLOCK_SCOPES {
                lacks.push("other processes of this user can be signalled (Linux before 6.12)");
            }
        } else if abi < LANDLOCK_SCOPES {
            lacks.push("with the network open, abstract Unix sockets can be connected to");
        }
        lacks
    }

    fn refuse(&self) -> Refused {
        let mut why = Vec::new();
        if let Err(reason) = &self.bubblewrap {
            why.push(format!("bubblewrap: {reason}"));
        }
        match &self.landlock {
            Err(reason) => why.push(format!("Landlock: {reason}")),
            Ok(abi) if *abi < LANDLOCK_NEEDED => why.push(format!(
                "Landlock: version {abi} is too old without bubblewrap (version {LANDLOCK_NEEDED}, \
                 Linux 6.2)"
            )),
            Ok(_) => {}
        }
        if let Err(reason) = &self.seccomp {
            why.push(format!("seccomp: {reason}"));
        }
        Refused::NoRung { why: why.join("; ") }
    }
}

/// Why an agent is not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No rung of the ladder holds.
    #[error(
        "this machine cannot hold an agent in a sandbox ({why}). `orkestra doctor` says more; \
         `sandbox: {{ mode: \"off\" }}` in the configuration does without"
    )]
    NoRung {
        /// Each mechanism with its reason.
        why: String,
    },
    /// A list of hosts needs a network of its own.
    #[error(
        "a list of hosts for the network needs bubblewrap ({why}); without it the network can only be \
         open or none"
    )]
    HostsNeedBubblewrap {
        /// Why bubblewrap is not there.
        why: String,
    },
    /// An entry of the list of hosts cannot be used.
    #[error("{entry:?} is no host: write example.org, *.example.org, or host:port")]
    Host {
        /// The entry.
        entry: String,
    },
    /// A path that a sandbox cannot be made of.
    #[error("{} cannot be used in a sandbox: {why}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The program of the sandbox is gone.
    #[error(
        "the program {} is gone, and the sandbox is a part of it; restart the daemon",
        program.display()
    )]
    NoHelper {
        /// Our own program.
        program: PathBuf,
    },
    /// The agent's program is not there.
    #[error("cannot start {program}: no such program in the PATH")]
    NoProgram {
        /// As it was asked for.
        program: String,
    },
}

/// Finds bubblewrap and runs it with what a sandbox needs of it.
async fn bubblewrap(path: &str) -> Result<PathBuf, String> {
    let Some(program) = find_program("bwrap", path) else {
        return Err("bwrap is not in the PATH (install the package bubblewrap)".to_owned());
    };
    let options = "--ro-bind / / --dev /dev --proc /proc --unshare-user --unshare-pid \
                   --unshare-ipc --unshare-uts --unshare-net --cap-drop ALL --die-with-parent \
                   --as-pid-1 -- /bin/sh -c";
    let argv: Vec<String> = std::iter::once(program.to_string_lossy().into_owned())
        .chain(options.split_whitespace().map(str::to_owned))
        .chain(["exit 0".to_owned()])
        .collect();
    match run_captured(&argv, &[], Path::new("/"), TRIAL, 4096).await {
        Ok(answer) if answer.success() => Ok(program),
        Ok(answer) => {
            let said = String::from_utf8_lossy(&answer.stderr);
            let said = said.lines().next().unwrap_or("it said nothing").trim();
            let said = said.strip_prefix("bwrap: ").unwrap_or(said).to_owned();
            Err(format!("it does not work here: {said}{}", hint()))
        }
        Err(error) => Err(format!("it does not work here: {error}")),
    }
}

/// What usually is the reason, and what to do.
fn hint() -> &'static str {
    let setting = |name: &str| {
        let text = std::fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap_or_default();
        text.trim().to_owned()
    };
    if setting("user/max_user_namespaces") == "0" {
        " (user namespaces are switched off: sysctl user.max_user_namespaces)"
    } else if setting("kernel/unprivileged_userns_clone") == "0" {
        " (user namespaces are for root only: sysctl kernel.unprivileged_userns_clone=1)"
    } else if setting("kernel/apparmor_restrict_unprivileged_userns") == "1" {
        " (AppArmor forbids user namespaces to programs without a profile: give bwrap one)"
    } else {
        " (in a container, user namespaces are often forbidden)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(bubblewrap: bool, landlock: u32) -> Ladder {
        Ladder {
            bubblewrap: bubblewrap
                .then(|| PathBuf::from("/usr/bin/bwrap"))
                .ok_or_else(|| "away".to_owned()),
            landlock: if landlock > 0 { Ok(landlock) } else { Err("away".to_owned()) },
            seccomp: Ok(()),
        }
    }

    #[test]
    fn the_strongest_rung_that_holds_is_taken_and_none_is_said() {
        assert_eq!(ladder(true, 7).best(), Ok(Rung::Bubblewrap));
        assert_eq!(ladder(true, 1).best(), Ok(Rung::Bubblewrap));
        assert_eq!(ladder(false, 7).best(), Ok(Rung::Landlock));
        for weak in [ladder(false, 2), ladder(false, 0), ladder(true, 0)] {
            let refused = weak.best().unwrap_err().to_string();
            assert!(refused.contains("Landlock: "), "{refused}");
            assert!(refused.contains("mode: \"off\""), "{refused}");
        }
        let mut blind = ladder(true, 7);
        blind.seccomp = Err("away".to_owned());
        assert!(blind.best().unwrap_err().to_string().contains("seccomp: away"));
    }

    #[test]
    fn what_a_rung_lacks_depends_on_the_kernel() {
        assert!(ladder(true, 7).lacks(Rung::Bubblewrap).is_empty());
        let new = ladder(false, 7).lacks(Rung::Landlock);
        let old = ladder(false, 4).lacks(Rung::Landlock);
        assert!(!new.iter().any(|lack| lack.contains("signalled")), "{new:?}");
        assert!(old.iter().any(|lack| lack.contains("signalled")), "{old:?}");
    }
}
