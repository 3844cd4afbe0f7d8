//! Which system calls a sandboxed process may not make.
//!
//! Everything else is allowed: agents are whole worlds (Node, Bun, compilers, browsers). What is
//! refused reaches over the sandbox (namespaces, mounts, tracing, keys), is a door that the other
//! mechanisms do not watch (io_uring, user faults, BPF), or a kind of socket that none of
//! them can judge.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, sock_filter,
};

use crate::error::Error;

/// Calls that fail with `EPERM`.
const REFUSED: &[i64] = &[
    // Other processes' memory and registers.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_userfaultfd,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_quotactl,
    // Keys of the session.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Mounts, roots and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Files by a handle instead of a path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
];

/// Calls that look unknown to the kernel, so that programs take their older way: io_uring works
/// beside this filter, and the arguments of clone3 are in memory, where no filter can see them.
const UNKNOWN: &[i64] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_clone3,
];

/// New namespaces by `clone`.
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Writing into somebody's terminal, as if it were typed.
const TIOCSTI: u64 = 0x5412;
/// The same for the console.
const TIOCLINUX: u64 = 0x541C;

/// The low bits of a socket's type say what it is.
const SOCKET_TYPE: u64 = 0xF;

/// The old way to raw frames, which asks for them as a kind of internet socket.
const SOCK_PACKET: i32 = 10;

/// System calls of the x32 world, which no rule here would know.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// Which sockets of the internet there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inet {
    /// TCP and UDP.
    All,
    /// TCP only: in a network of its own, or where the ports are ruled.
    Tcp,
    /// None.
    None,
}

fn condition(index: u8, op: Op, value: u64) -> Result<SeccompCondition, Error> {
    SeccompCondition::new(index, Len::Dword, op, value).map_err(broken)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, Error> {
    SeccompRule::new(conditions).map_err(broken)
}

fn broken(error: seccompiler::BackendError) -> Error {
    Error::System {
        doing: "make the filter of system calls",
        path: None,
        source: std::io::Error::other(error),
    }
}

/// Sockets: of the families that are let through only the plain kinds.
fn sockets(inet: Inet) -> Result<Vec<SeccompRule>, Error> {
    let (unix, v4, v6) = (libc::AF_UNIX as u64, libc::AF_INET as u64, libc::AF_INET6 as u64);
    let mut families = vec![unix, libc::AF_NETLINK as u64];
    if inet != Inet::None {
        families.extend([v4, v6]);
    }
    // VSOCK, packet, Bluetooth, AF_ALG and all that may come.
    let others = families.iter().map(|family| condition(0, Op::Ne, *family));
    let mut rules = vec![rule(others.collect::<Result<_, _>>()?)?];
    // Of netlink only the kind that lists interfaces and addresses.
    rules.push(rule(vec![
        condition(0, Op::Eq, libc::AF_NETLINK as u64)?,
        condition(2, Op::Ne, libc::NETLINK_ROUTE as u64)?,
    ])?);
    let kinds: &[i32] = match inet {
        Inet::All => &[libc::SOCK_RAW, SOCK_PACKET, libc::SOCK_RDM],
        _ => &[libc::SOCK_DGRAM, libc::SOCK_RAW, SOCK_PACKET, libc::SOCK_RDM],
    };
    for family in [v4, v6] {
        for kind in kinds {
            let kind = condition(1, Op::MaskedEq(SOCKET_TYPE), *kind as u64)?;
            rules.push(rule(vec![condition(0, Op::Eq, family)?, kind])?);
        }
    }
    Ok(rules)
}

/// The filters, in the order in which they are to be loaded.
pub(super) fn programs(inet: Inet) -> Result<Vec<BpfProgram>, Error> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    refused.insert(libc::SYS_socket, sockets(inet)?);
    // Any of the flags: one rule for each.
    let mut clones = Vec::new();
    for bit in (0..32).map(|bit| 1_i32 << bit).filter(|bit| NAMESPACES & bit != 0) {
        let bit = u64::from(bit.cast_unsigned());
        clones.push(rule(vec![condition(0, Op::MaskedEq(bit), bit)?])?);
    }
    refused.insert(libc::SYS_clone, clones);
    let typing = [TIOCSTI, TIOCLINUX].map(|request| rule(vec![condition(1, Op::Eq, request)?]));
    refused.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?);
    let unknown = UNKNOWN.iter().map(|call| (*call, Vec::new())).collect();
    Ok(vec![program(unknown, libc::ENOSYS)?, program(refused, libc::EPERM)?])
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, Error> {
    let errno = SeccompAction::Errno(errno.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into().map_err(broken)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, arch).map_err(broken)?;
    let rules: BpfProgram = filter.try_into().map_err(broken)?;
    let mut program = guard();
    program.extend(rules);
    Ok(program)
}

/// Refuses the numbers of x32 before the rules are asked.
#[cfg(target_arch = "x86_64")]
fn guard() -> BpfProgram {
    let instruction = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    vec![
        // The number of the call is the first word of what a filter sees.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn guard() -> BpfProgram {
    Vec::<sock_filter>::new()
}
