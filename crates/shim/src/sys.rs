//! The system calls the shim needs, each with an errno instead of an exception.
//!
//! Everything here is a direct call: the shim never starts std's runtime and must not allocate,
//! because a process that holds a unit while memory is short has to go on working.

#![allow(unsafe_code, reason = "this module is the shim's border to the kernel")]

use core::ffi::{CStr, c_int};
use core::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An errno value.
pub(crate) type Errno = c_int;

pub(crate) fn errno() -> Errno {
    // SAFETY: errno's location is always valid for the calling thread.
    unsafe { *libc::__errno_location() }
}

fn check(result: c_int) -> Result<c_int, Errno> {
    if result < 0 { Err(errno()) } else { Ok(result) }
}

fn check_len(result: isize) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| errno())
}

fn own(fd: c_int) -> Result<OwnedFd, Errno> {
    let fd = check(fd)?;
    // SAFETY: the kernel just handed us this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes over a descriptor which the daemon left for us at a fixed number.
pub(crate) fn inherited(fd: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: plain fcntl; fails with EBADF when the number is not open.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    own(fd)
}

fn clock(id: libc::clockid_t) -> libc::timespec {
    // SAFETY: timespec is plain data and clock_gettime fills it.
    unsafe {
        let mut time: libc::timespec = zeroed();
        libc::clock_gettime(id, &raw mut time);
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
    // SAFETY: a fresh private anonymous mapping, never unmapped, referenced only here.
    unsafe {
        let memory = libc::mmap(
            core::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if memory == libc::MAP_FAILED {
            return Err(errno());
        }
        Ok(core::slice::from_raw_parts_mut(memory.cast::<u8>(), len))
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
    // SAFETY: only called with whole mappings made by `map_bytes`; zeroes are valid bytes.
    unsafe {
        libc::madvise(memory.as_mut_ptr().cast(), memory.len(), libc::MADV_DONTNEED);
    }
}

pub(crate) fn read(fd: &impl AsRawFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: pointer and length describe a valid, writable buffer.
    check_len(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

pub(crate) fn write(fd: &impl AsRawFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: pointer and length describe a valid buffer.
    check_len(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Sends without ever blocking and without SIGPIPE.
pub(crate) fn send(fd: &impl AsRawFd, bytes: &[u8]) -> Result<usize, Errno> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: pointer and length describe a valid buffer.
    check_len(unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Receives without ever blocking.
pub(crate) fn receive(fd: &impl AsRawFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let (data, len) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: pointer and length describe a valid, writable buffer.
    check_len(unsafe { libc::recv(fd.as_raw_fd(), data, len, libc::MSG_DONTWAIT) })
}

pub(crate) fn open_at(
    dir: RawFd,
    path: &CStr,
    flags: c_int,
    mode: libc::mode_t,
) -> Result<OwnedFd, Errno> {
    // SAFETY: the path is NUL-terminated.
    own(unsafe { libc::openat(dir, path.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

pub(crate) fn unlink_at(dir: RawFd, path: &CStr) -> Result<c_int, Errno> {
    // SAFETY: the path is NUL-terminated.
    check(unsafe { libc::unlinkat(dir, path.as_ptr(), 0) })
}

pub(crate) fn rename_at(dir: RawFd, from: &CStr, to: &CStr) -> Result<c_int, Errno> {
    // SAFETY: both paths are NUL-terminated.
    check(unsafe { libc::renameat(dir, from.as_ptr(), dir, to.as_ptr()) })
}

pub(crate) fn make_dir(path: &CStr) -> Result<c_int, Errno> {
    // SAFETY: the path is NUL-terminated.
    check(unsafe { libc::mkdir(path.as_ptr(), 0o700) })
}

pub(crate) fn sync(fd: &impl AsRawFd) -> Result<c_int, Errno> {
    // SAFETY: no pointers.
    check(unsafe { libc::fsync(fd.as_raw_fd()) })
}

pub(crate) fn truncate(fd: &impl AsRawFd, len: u64) -> Result<c_int, Errno> {
    // SAFETY: no pointers.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), len.cast_signed()) })
}

/// What the shim asks about an open file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) size: u64,
    pub(crate) links: u64,
    pub(crate) identity: (u64, u64),
}

pub(crate) fn facts(fd: &impl AsRawFd) -> Result<FileFacts, Errno> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: stat points to enough room; it is read only after success.
    let stat = unsafe {
        check(libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()))?;
        stat.assume_init()
    };
    Ok(FileFacts {
        size: stat.st_size.cast_unsigned(),
        links: stat.st_nlink,
        identity: (stat.st_dev, stat.st_ino),
    })
}

/// Fills the buffer from a place of a file; `None` when it cannot be filled.
pub(crate) fn read_at<'a>(fd: &impl AsRawFd, buffer: &'a mut [u8], place: u64) -> Option<&'a [u8]> {
    // SAFETY: the buffer has room for its own length.
    let len = unsafe {
        libc::pread(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), place.cast_signed())
    };
    (usize::try_from(len) == Ok(buffer.len())).then_some(buffer)
}

/// Bytes waiting in a pipe.
pub(crate) fn waiting(fd: &impl AsRawFd) -> usize {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD stores one int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    if result < 0 { 0 } else { usize::try_from(count).unwrap_or(0) }
}

/// A pipe: (read end, non-blocking; write end, blocking as programs expect).
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut ends = [0; 2];
    // SAFETY: pipe2 fills both descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let (reader, writer) = (own(ends[0])?, own(ends[1])?);
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    Ok((reader, writer))
}

/// A large pipe lets a chatty unit run on without one wake-up per line. Refusal is no error:
/// ordinary users have a limit over all their pipes.
pub(crate) fn resize_pipe(fd: &impl AsRawFd, bytes: c_int) {
    // SAFETY: no pointers.
    unsafe {
        libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, bytes);
    }
}

pub(crate) fn epoll() -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers.
    own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

/// Registers, re-arms or forgets a descriptor.
pub(crate) fn epoll_set(
    epoll: &OwnedFd,
    operation: c_int,
    fd: &impl AsRawFd,
    events: c_int,
    tag: u64,
) -> Result<c_int, Errno> {
    let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: tag };
    // SAFETY: the event outlives the call.
    check(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), operation, fd.as_raw_fd(), &raw mut event) })
}

pub(crate) fn epoll_wait(
    epoll: &OwnedFd,
    events: &mut [libc::epoll_event],
    timeout_ms: c_int,
) -> usize {
    let room = c_int::try_from(events.len()).unwrap_or(1);
    // SAFETY: the slice has room for `room` events.
    let count =
        unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), room, timeout_ms) };
    usize::try_from(count).unwrap_or(0)
}

/// Blocks every signal, ignores those that ask the shim to go, and returns a descriptor that
/// becomes readable when a child changed.
pub(crate) fn take_signals() -> Result<OwnedFd, Errno> {
    // SAFETY: sets are initialised by sigfillset/sigemptyset before use.
    unsafe {
        let mut all: libc::sigset_t = zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, core::ptr::null_mut());
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE] {
            libc::signal(signal, libc::SIG_IGN);
        }
        // An inherited SIG_IGN for SIGCHLD would make the kernel reap the leader behind our back.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut child: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut child);
        libc::sigaddset(&raw mut child, libc::SIGCHLD);
        own(libc::signalfd(-1, &raw const child, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))
    }
}

/// Own session, own name, adoptive parent of every orphan below, and no tie to any directory.
pub(crate) fn become_holder() {
    // SAFETY: plain calls with constant, NUL-terminated strings. Errors change nothing we rely
    // on: setsid fails when the daemon's spawn already made the session.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_NAME, c"orkestra-shim".as_ptr());
        libc::umask(0o077);
        libc::chdir(c"/".as_ptr());
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if null >= 0 {
            // The daemon's terminal or pipe must not be kept open by a unit that outlives it.
            for fd in 0..3 {
                libc::dup2(null, fd);
            }
        }
        libc::close_range(6, libc::c_uint::MAX, 0);
    }
}

pub(crate) fn own_pid() -> i32 {
    // SAFETY: always succeeds.
    unsafe { libc::getpid() }
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
    // SAFETY: no pointers, then an initialised address and an int, each with its length.
    unsafe {
        let socket = own(libc::socket(libc::AF_UNIX, kind, 0))?;
        let on: c_int = 1;
        check(libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PASSCRED,
            (&raw const on).cast(),
            size_of::<c_int>() as libc::socklen_t,
        ))?;
        check(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len))?;
        Ok(socket)
    }
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
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        let len = check_len(libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags))?;
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
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers.
    let socket = own(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    let (address, _) = address(path)?;
    let len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the address is initialised and its length is right.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) })?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), 8) })?;
    Ok(socket)
}

/// Accepts one connection; only our own user and root may speak to a shim.
pub(crate) fn accept(listener: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: null address is allowed.
    let connection = own(unsafe {
        libc::accept4(listener.as_raw_fd(), core::ptr::null_mut(), core::ptr::null_mut(), flags)
    })?;
    // SAFETY: ucred is plain data, the length matches, and getuid always succeeds.
    let (peer, own_uid) = unsafe {
        let mut peer: libc::ucred = zeroed();
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        check(libc::getsockopt(
            connection.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut len,
        ))?;
        (peer.uid, libc::getuid())
    };
    if peer == 0 || peer == own_uid { Ok(connection) } else { Err(libc::EPERM) }
}

/// Watches files for writes.
pub(crate) fn watch_writes(paths: &[&CStr]) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers.
    let watch = own(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })?;
    for path in paths {
        // SAFETY: the path is NUL-terminated.
        check(unsafe {
            libc::inotify_add_watch(watch.as_raw_fd(), path.as_ptr(), libc::IN_MODIFY)
        })?;
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
        let id = libc::id_t::try_from(pid).ok()?;
        if libc::waitid(libc::P_PID, id, &raw mut info, flags) < 0 || info.si_pid() == 0 {
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
        if libc::waitid(libc::P_ALL, 0, &raw mut info, flags) < 0 {
            return None;
        }
        Some(info.si_pid()).filter(|pid| *pid != 0)
    }
}

pub(crate) fn kill(pid: i32, signal: c_int) {
    // SAFETY: no pointers. ESRCH is no error here: who just died needs no signal.
    unsafe {
        libc::kill(pid, signal);
    }
}

/// A descriptor for a process; signals through it can never reach a later owner of the pid.
pub(crate) fn pidfd(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers; the result is a descriptor or -1.
    own(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as c_int)
}

pub(crate) fn pidfd_signal(pidfd: &OwnedFd, signal: c_int) {
    let null = core::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed.
    unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, null, 0);
    }
}

/// Calls back with every entry of a directory of numbers (/proc, /proc/PID/task).
pub(crate) fn each_number(path: &CStr, mut found: impl FnMut(i32)) {
    let Ok(dir) = open_at(libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_DIRECTORY, 0) else {
        return;
    };
    let mut buffer = [0_u8; 2048];
    loop {
        // SAFETY: the kernel writes at most the given length.
        let filled = unsafe {
            libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len())
        };
        let Ok(filled) = usize::try_from(filled) else { return };
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

/// Position of a byte; libc's version is the one with vector instructions.
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    // SAFETY: pointer and length describe a valid buffer; the result points into it.
    unsafe {
        let hit = libc::memchr(bytes.as_ptr().cast(), c_int::from(byte), bytes.len());
        if hit.is_null() { None } else { Some(hit as usize - bytes.as_ptr() as usize) }
    }
}
