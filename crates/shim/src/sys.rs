//! The system calls the shim needs, each with an errno instead of an exception.
//!
//! Everything here is a direct call: the shim has no runtime and must not allocate,
//! because a process that holds a unit while memory is short has to go on working.

#![allow(unsafe_code, reason = "this module is the shim's border to the kernel")]

pub(crate) use crate::kernel::Errno;
use crate::kernel::{arg, call};
use core::ffi::{CStr, c_int};
use core::mem::{MaybeUninit, size_of, zeroed};
use core::ptr::null;

/// The number of a descriptor.
pub(crate) type RawFd = c_int;

/// A descriptor that is ours, closed when it is dropped.
pub(crate) struct OwnedFd(RawFd);

impl OwnedFd {
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        // SAFETY: no pointers, and nobody else has this number.
        let _ = unsafe { call(libc::SYS_close, [arg(self.0)]) };
    }
}

/// What a call gave as a descriptor; nobody else knows it.
fn own(result: Result<usize, Errno>) -> Result<OwnedFd, Errno> {
    result.map(|fd| OwnedFd(fd as RawFd))
}

fn done(result: Result<usize, Errno>) -> Result<(), Errno> {
    result.map(|_| ())
}

/// Takes over a descriptor which the daemon left for us at a fixed number.
pub(crate) fn inherited(fd: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: plain fcntl; fails with EBADF when the number is not open.
    unsafe { call(libc::SYS_fcntl, [arg(fd), arg(libc::F_SETFD), arg(libc::FD_CLOEXEC)])? };
    Ok(OwnedFd(fd))
}

fn clock(id: libc::clockid_t) -> libc::timespec {
    // SAFETY: timespec is plain data and the call fills it.
    unsafe {
        let mut time: libc::timespec = zeroed();
        let _ = call(libc::SYS_clock_gettime, [arg(id), &raw mut time as usize]);
        time
    }
}

/// Wall clock in microseconds since 1970.
pub(crate) fn now_micros() -> u64 {
    let time = clock(libc::CLOCK_REALTIME);
    (time.tv_sec as u64).wrapping_mul(1_000_000).wrapping_add(time.tv_nsec as u64 / 1_000)
}

/// Monotonic milliseconds: every deadline of the shim, so that setting the clock moves none.
pub(crate) fn now_ms() -> u64 {
    let time = clock(libc::CLOCK_MONOTONIC);
    (time.tv_sec as u64).wrapping_mul(1_000).wrapping_add(time.tv_nsec as u64 / 1_000_000)
}

/// Memory outside stack and heap: pages cost nothing until touched and can be given back.
pub(crate) fn map_bytes(len: usize) -> Result<&'static mut [u8], Errno> {
    let access = arg(libc::PROT_READ | libc::PROT_WRITE);
    let kind = arg(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a fresh private anonymous mapping, never unmapped, referenced only here.
    unsafe {
        let memory = call(libc::SYS_mmap, [0, len, access, kind, arg(-1), 0])?;
        Ok(core::slice::from_raw_parts_mut(memory as *mut u8, len))
    }
}

/// Like [`map_bytes`], for lists of process ids.
pub(crate) fn map_pids(len: usize) -> Result<&'static mut [i32], Errno> {
    let bytes = map_bytes(len * size_of::<i32>())?;
    // SAFETY: a mapping is page-aligned, zero is a valid i32, and the length fits.
    Ok(unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast::<i32>(), len) })
}

/// Gives the pages of a mapping back; it reads as zeroes afterwards.
pub(crate) fn forget_pages(memory: &mut [u8]) {
    let (from, len) = (memory.as_mut_ptr() as usize, memory.len());
    // SAFETY: only called with whole mappings made by `map_bytes`; zeroes are valid bytes.
    let _ = unsafe { call(libc::SYS_madvise, [from, len, arg(libc::MADV_DONTNEED)]) };
}

pub(crate) fn read(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: pointer and length describe a valid, writable buffer.
    unsafe { call(libc::SYS_read, [arg(fd.0), buffer.as_mut_ptr() as usize, buffer.len()]) }
}

pub(crate) fn write(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: pointer and length describe a valid buffer.
    unsafe { call(libc::SYS_write, [arg(fd.0), bytes.as_ptr() as usize, bytes.len()]) }
}

/// Sends without ever blocking and without SIGPIPE.
pub(crate) fn send(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    let flags = arg(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    let (data, len) = (bytes.as_ptr() as usize, bytes.len());
    // SAFETY: pointer and length describe a valid buffer.
    unsafe { call(libc::SYS_sendto, [arg(fd.0), data, len, flags, 0, 0]) }
}

/// Receives without ever blocking.
pub(crate) fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let (data, len) = (buffer.as_mut_ptr() as usize, buffer.len());
    // SAFETY: pointer and length describe a valid, writable buffer.
    unsafe { call(libc::SYS_recvfrom, [arg(fd.0), data, len, arg(libc::MSG_DONTWAIT), 0, 0]) }
}

pub(crate) fn open_at(
    dir: RawFd,
    path: &CStr,
    flags: c_int,
    mode: libc::mode_t,
) -> Result<OwnedFd, Errno> {
    let flags = arg(flags | libc::O_CLOEXEC);
    // SAFETY: the path is NUL-terminated.
    own(unsafe { call(libc::SYS_openat, [arg(dir), path.as_ptr() as usize, flags, mode as usize]) })
}

pub(crate) fn unlink_at(dir: RawFd, path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path is NUL-terminated.
    done(unsafe { call(libc::SYS_unlinkat, [arg(dir), path.as_ptr() as usize, 0]) })
}

pub(crate) fn rename_at(dir: RawFd, from: &CStr, to: &CStr) -> Result<(), Errno> {
    let (from, to) = (from.as_ptr() as usize, to.as_ptr() as usize);
    // SAFETY: both paths are NUL-terminated.
    done(unsafe { call(libc::SYS_renameat2, [arg(dir), from, arg(dir), to, 0]) })
}

pub(crate) fn make_dir(path: &CStr) -> Result<(), Errno> {
    let mode = 0o700;
    // SAFETY: the path is NUL-terminated.
    done(unsafe { call(libc::SYS_mkdirat, [arg(libc::AT_FDCWD), path.as_ptr() as usize, mode]) })
}

pub(crate) fn sync(fd: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: no pointers.
    done(unsafe { call(libc::SYS_fsync, [arg(fd.0)]) })
}

pub(crate) fn truncate(fd: &OwnedFd, len: u64) -> Result<(), Errno> {
    // SAFETY: no pointers.
    done(unsafe { call(libc::SYS_ftruncate, [arg(fd.0), len as usize]) })
}

/// What the shim asks about an open file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) size: u64,
    pub(crate) links: u64,
    pub(crate) identity: (u64, u64),
}

pub(crate) fn facts(fd: &OwnedFd) -> Result<FileFacts, Errno> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: stat points to enough room, in the kernel's layout; it is read only after success.
    let stat = unsafe {
        call(libc::SYS_fstat, [arg(fd.0), stat.as_mut_ptr() as usize])?;
        stat.assume_init()
    };
    #[allow(clippy::useless_conversion, reason = "32 bits on other processors")]
    Ok(FileFacts {
        size: stat.st_size.cast_unsigned(),
        links: u64::from(stat.st_nlink),
        identity: (stat.st_dev, stat.st_ino),
    })
}

/// Fills the buffer from a place of a file; `None` when it cannot be filled.
pub(crate) fn read_at<'a>(fd: &OwnedFd, buffer: &'a mut [u8], place: u64) -> Option<&'a [u8]> {
    let (data, len) = (buffer.as_mut_ptr() as usize, buffer.len());
    // SAFETY: the buffer has room for its own length.
    let read = unsafe { call(libc::SYS_pread64, [arg(fd.0), data, len, place as usize]) };
    (read == Ok(len)).then_some(buffer)
}

/// Bytes waiting in a pipe.
pub(crate) fn waiting(fd: &OwnedFd) -> usize {
    let mut count: c_int = 0;
    let room = &raw mut count as usize;
    // SAFETY: FIONREAD stores one int.
    match unsafe { call(libc::SYS_ioctl, [arg(fd.0), libc::FIONREAD as usize, room]) } {
        Ok(_) => usize::try_from(count).unwrap_or(0),
        Err(_) => 0,
    }
}

/// A pipe: (read end, non-blocking; write end, blocking as programs expect).
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut ends: [c_int; 2] = [0; 2];
    // SAFETY: the call fills both numbers; the second is set on the first of them.
    unsafe {
        call(libc::SYS_pipe2, [ends.as_mut_ptr() as usize, arg(libc::O_CLOEXEC)])?;
        let (reader, writer) = (OwnedFd(ends[0]), OwnedFd(ends[1]));
        call(libc::SYS_fcntl, [arg(reader.0), arg(libc::F_SETFL), arg(libc::O_NONBLOCK)])?;
        Ok((reader, writer))
    }
}

/// A large pipe lets a chatty unit run on without one wake-up per line. Refusal is no error:
/// ordinary users have a limit over all their pipes.
pub(crate) fn resize_pipe(fd: &OwnedFd, bytes: c_int) {
    // SAFETY: no pointers.
    let _ = unsafe { call(libc::SYS_fcntl, [arg(fd.0), arg(libc::F_SETPIPE_SZ), arg(bytes)]) };
}

pub(crate) fn epoll() -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers.
    own(unsafe { call(libc::SYS_epoll_create1, [arg(libc::EPOLL_CLOEXEC)]) })
}

/// Registers, re-arms or forgets a descriptor.
pub(crate) fn epoll_set(
    epoll: &OwnedFd,
    operation: c_int,
    fd: &OwnedFd,
    events: c_int,
    tag: u64,
) -> Result<(), Errno> {
    let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: tag };
    let event = &raw mut event as usize;
    // SAFETY: the event outlives the call.
    done(unsafe { call(libc::SYS_epoll_ctl, [arg(epoll.0), arg(operation), arg(fd.0), event]) })
}

pub(crate) fn epoll_wait(
    epoll: &OwnedFd,
    events: &mut [libc::epoll_event],
    timeout_ms: c_int,
) -> usize {
    let (room, timeout) = (events.as_mut_ptr() as usize, arg(timeout_ms));
    let arguments = [arg(epoll.0), room, events.len(), timeout, 0, SIGNALS];
    // SAFETY: the slice has room for its own length; no signals are named.
    unsafe { call(libc::SYS_epoll_pwait, arguments) }.unwrap_or(0)
}

/// The size of the kernel's set of signals, which has a bit for each.
const SIGNALS: usize = size_of::<u64>();

/// Which signals wait until they are asked for.
pub(crate) fn block_signals(which: u64) {
    let set = &raw const which as usize;
    // SAFETY: the set has the size that is said.
    let _ = unsafe { call(libc::SYS_rt_sigprocmask, [arg(libc::SIG_SETMASK), set, 0, SIGNALS]) };
}

/// What happens on a signal: nothing, or what the system does by itself.
pub(crate) fn on_signal(signal: c_int, ignored: bool) {
    // Handler, flags, restorer and mask, all zero but the handler.
    let action: [usize; 4] = [usize::from(ignored), 0, 0, 0];
    let action = action.as_ptr() as usize;
    // SAFETY: the kernel reads an action of this size, without a handler to call.
    let _ = unsafe { call(libc::SYS_rt_sigaction, [arg(signal), action, 0, SIGNALS]) };
}

/// Blocks every signal, ignores those that ask the shim to go, and returns a descriptor that
/// becomes readable when a child changed.
pub(crate) fn take_signals() -> Result<OwnedFd, Errno> {
    block_signals(u64::MAX);
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE] {
        on_signal(signal, true);
    }
    // An inherited SIG_IGN for SIGCHLD would make the kernel reap the leader behind our back.
    on_signal(libc::SIGCHLD, false);
    let child: u64 = 1 << (libc::SIGCHLD - 1);
    let flags = arg(libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
    // SAFETY: the set has the size that is said.
    own(unsafe { call(libc::SYS_signalfd4, [arg(-1), &raw const child as usize, SIGNALS, flags]) })
}

/// Own session, own name, adoptive parent of every orphan below, and no tie to any directory.
pub(crate) fn become_holder() {
    new_session();
    let name = c"orkestra-shim".as_ptr() as usize;
    // SAFETY: plain calls with constant, NUL-terminated strings. Errors change nothing we rely
    // on: setsid fails when the daemon's spawn already made the session.
    unsafe {
        let _ = call(libc::SYS_prctl, [arg(libc::PR_SET_CHILD_SUBREAPER), 1, 0, 0, 0]);
        let _ = call(libc::SYS_prctl, [arg(libc::PR_SET_NAME), name, 0, 0, 0]);
    }
    set_umask(0o077);
    let _ = change_dir(c"/");
    // The daemon's terminal or pipe must not be kept open by a unit that outlives it.
    if let Ok(null) = open_at(libc::AT_FDCWD, c"/dev/null", libc::O_RDWR, 0) {
        for fd in 0..3 {
            let _ = copy_to(null.0, fd);
        }
        // It may be one of the three itself, and belongs to nobody then.
        if null.0 < 3 {
            core::mem::forget(null);
        }
    }
    let _ = close_from(6, 0);
}

pub(crate) fn new_session() {
    // SAFETY: no pointers.
    let _ = unsafe { call(libc::SYS_setsid, []) };
}

pub(crate) fn set_umask(mask: libc::mode_t) {
    // SAFETY: no pointers.
    let _ = unsafe { call(libc::SYS_umask, [mask as usize]) };
}

pub(crate) fn change_dir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path is NUL-terminated.
    done(unsafe { call(libc::SYS_chdir, [path.as_ptr() as usize]) })
}

/// Makes `to` the same as `from`, open over exec. A copy onto itself would keep what it has.
pub(crate) fn copy_to(from: RawFd, to: RawFd) -> Result<(), Errno> {
    // SAFETY: no pointers.
    unsafe {
        if from == to {
            return done(call(libc::SYS_fcntl, [arg(from), arg(libc::F_SETFD), 0]));
        }
        done(call(libc::SYS_dup3, [arg(from), arg(to), 0]))
    }
}

/// Closes all descriptors from this one on, or (`CLOSE_RANGE_CLOEXEC`) at the next exec.
pub(crate) fn close_from(first: RawFd, flags: libc::c_uint) -> Result<(), Errno> {
    let last = libc::c_uint::MAX as usize;
    // SAFETY: no pointers.
    done(unsafe { call(libc::SYS_close_range, [arg(first), last, flags as usize]) })
}

pub(crate) fn own_pid() -> i32 {
    // SAFETY: always succeeds.
    unsafe { call(libc::SYS_getpid, []) }.unwrap_or(0) as i32
}

pub(crate) fn parent_pid() -> i32 {
    // SAFETY: always succeeds.
    unsafe { call(libc::SYS_getppid, []) }.unwrap_or(0) as i32
}

/// The address of a name, and its length; a name that begins with `@` is an abstract one.
fn address(name: &CStr) -> Result<(libc::sockaddr_un, libc::socklen_t), Errno> {
    // SAFETY: sockaddr_un is plain data.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = name.to_bytes();
    if bytes.len() >= address.sun_path.len() {
        return Err(libc::ENAMETOOLONG);
    }
    for (slot, byte) in address.sun_path.iter_mut().zip(bytes) {
        *slot = byte.cast_signed();
    }
    let family = size_of::<libc::sockaddr_un>() - address.sun_path.len();
    let mut len = family + bytes.len() + 1;
    if bytes.first() == Some(&b'@') {
        address.sun_path[0] = 0;
        // Here each byte counts, and there is none at the end.
        len -= 1;
    }
    Ok((address, len as libc::socklen_t))
}

/// A socket for datagrams whose senders the kernel names.
pub(crate) fn datagrams(name: &CStr) -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let (address, len) = address(name)?;
    let (level, option) = (arg(libc::SOL_SOCKET), arg(libc::SO_PASSCRED));
    let on: c_int = 1;
    let on = &raw const on as usize;
    let socket = socket(kind)?;
    // SAFETY: an int and an initialised address, each with its length.
    unsafe {
        call(libc::SYS_setsockopt, [arg(socket.0), level, option, on, size_of::<c_int>()])?;
        call(libc::SYS_bind, [arg(socket.0), &raw const address as usize, len as usize])?;
    }
    Ok(socket)
}

fn socket(kind: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers.
    own(unsafe { call(libc::SYS_socket, [arg(libc::AF_UNIX), arg(kind), 0]) })
}

/// One datagram and who sent it. There is room for the sender only, so that descriptors which
/// come along are closed by the kernel and never become ours.
pub(crate) fn receive_from(fd: &OwnedFd, buffer: &mut [u8]) -> Result<(usize, i32), Errno> {
    #[repr(C, align(8))]
    struct Room([u8; 32]);
    let mut room = Room([0; 32]);
    // SAFETY: message, vector and room are valid for the call; the header is read only when the
    // kernel wrote credentials there, and they fit.
    unsafe {
        let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut room).cast();
        message.msg_controllen = size_of::<Room>() as _;
        let flags = arg(libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC);
        let len = call(libc::SYS_recvmsg, [arg(fd.0), &raw mut message as usize, flags])?;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() || (*header).cmsg_type != libc::SCM_CREDENTIALS {
            return Ok((len, 0));
        }
        let sender: libc::ucred = core::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
        Ok((len, sender.pid))
    }
}

/// Listens on a Unix socket; the path is short because it goes through /proc/self/fd.
pub(crate) fn listen(path: &CStr) -> Result<OwnedFd, Errno> {
    let socket = socket(libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK)?;
    let (address, _) = address(path)?;
    let len = size_of::<libc::sockaddr_un>();
    // SAFETY: the address is initialised and its length is right.
    unsafe {
        call(libc::SYS_bind, [arg(socket.0), &raw const address as usize, len])?;
        call(libc::SYS_listen, [arg(socket.0), 8])?;
    }
    Ok(socket)
}

/// Accepts one connection; only our own user and root may speak to a shim.
pub(crate) fn accept(listener: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = arg(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    let (level, option) = (arg(libc::SOL_SOCKET), arg(libc::SO_PEERCRED));
    // SAFETY: a null address is allowed; ucred is plain data and its length is said.
    unsafe {
        let connection = own(call(libc::SYS_accept4, [arg(listener.0), 0, 0, flags]))?;
        let mut peer: libc::ucred = zeroed();
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        let (room, size) = (&raw mut peer as usize, &raw mut len as usize);
        call(libc::SYS_getsockopt, [arg(connection.0), level, option, room, size])?;
        let own_uid = call(libc::SYS_getuid, [])?;
        if peer.uid == 0 || peer.uid as usize == own_uid {
            Ok(connection)
        } else {
            Err(libc::EPERM)
        }
    }
}

/// Watches files for writes.
pub(crate) fn watch_writes(paths: &[&CStr]) -> Result<OwnedFd, Errno> {
    let flags = arg(libc::IN_CLOEXEC | libc::IN_NONBLOCK);
    // SAFETY: no pointers.
    let watch = own(unsafe { call(libc::SYS_inotify_init1, [flags]) })?;
    for path in paths {
        let (path, mask) = (path.as_ptr() as usize, libc::IN_MODIFY as usize);
        // SAFETY: the path is NUL-terminated.
        unsafe { call(libc::SYS_inotify_add_watch, [arg(watch.0), path, mask])? };
    }
    Ok(watch)
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Code(i32),
    Signal(i32),
}

/// Asks after one dead child. `keep` leaves it as a zombie, so that its pid stays taken.
pub(crate) fn dead(pid: i32, keep: bool) -> Option<Ending> {
    let flags = libc::WEXITED | libc::WNOHANG | if keep { libc::WNOWAIT } else { 0 };
    // SAFETY: siginfo is plain data, zeroed so that "nobody" reads as pid 0.
    unsafe {
        let mut info: libc::siginfo_t = zeroed();
        let (room, flags) = (&raw mut info as usize, arg(flags));
        call(libc::SYS_waitid, [libc::P_PID as usize, arg(pid), room, flags, 0]).ok()?;
        if info.si_pid() == 0 {
            return None;
        }
        Some(match info.si_code {
            libc::CLD_EXITED => Ending::Code(info.si_status()),
            _ => Ending::Signal(info.si_status()),
        })
    }
}

/// Any dead child, left as a zombie.
pub(crate) fn any_dead() -> Option<i32> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: as in `dead`.
    unsafe {
        let mut info: libc::siginfo_t = zeroed();
        let (room, flags) = (&raw mut info as usize, arg(flags));
        call(libc::SYS_waitid, [libc::P_ALL as usize, 0, room, flags, 0]).ok()?;
        Some(info.si_pid()).filter(|pid| *pid != 0)
    }
}

pub(crate) fn kill(pid: i32, signal: c_int) {
    // SAFETY: no pointers. ESRCH is no error here: who just died needs no signal.
    let _ = unsafe { call(libc::SYS_kill, [arg(pid), arg(signal)]) };
}

/// A descriptor for a process; signals through it can never reach a later owner of the pid.
pub(crate) fn pidfd(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers.
    own(unsafe { call(libc::SYS_pidfd_open, [arg(pid), 0]) })
}

pub(crate) fn pidfd_signal(pidfd: &OwnedFd, signal: c_int) {
    let info = null::<libc::siginfo_t>() as usize;
    // SAFETY: a null siginfo is allowed.
    let _ = unsafe { call(libc::SYS_pidfd_send_signal, [arg(pidfd.0), arg(signal), info, 0]) };
}

/// Calls back with every entry of a directory of numbers (/proc, /proc/PID/task).
pub(crate) fn each_number(path: &CStr, mut found: impl FnMut(i32)) {
    let Ok(dir) = open_at(libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_DIRECTORY, 0) else {
        return;
    };
    let mut buffer = [0_u8; 2048];
    loop {
        let (room, len) = (buffer.as_mut_ptr() as usize, buffer.len());
        // SAFETY: the kernel writes at most the given length.
        let filled = unsafe { call(libc::SYS_getdents64, [arg(dir.0), room, len]) };
        let Ok(filled) = filled else { return };
        if filled == 0 {
            return;
        }
        let mut rest = buffer.get(..filled).unwrap_or_default();
        // Layout of a record: inode 8, offset 8, length 2, type 1, then the name.
        while let (Some(&[low, high]), Some(_)) = (rest.get(16..18), rest.get(19)) {
            let len = usize::from(u16::from_ne_bytes([low, high]));
            let name = rest.get(19..len).unwrap_or_default();
            let digits = name.split(|byte| *byte == 0).next().unwrap_or_default();
            if let Some(number) = crate::text::number(digits) {
                found(number as i32);
            }
            rest = rest.get(len.max(1)..).unwrap_or_default();
        }
    }
}

/// Position of a byte.
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    memchr::memchr(byte, bytes)
}
