//! The way into the kernel, without a C library.
//!
//! A static C library asks the processor about its features at each start, with an instruction
//! that a virtual machine's host has to answer: 0.29 ms of the 0.40 ms that an empty static program
//! takes (measured under KVM), for each life of each unit. The shim needs nothing of that.
//!
//! Numbers and layouts come from the `libc` crate; none of its functions is called.

#![allow(unsafe_code, reason = "system calls and the entry point")]

use core::arch::asm;
use core::ffi::c_int;

/// An errno value.
pub(crate) type Errno = c_int;

#[cfg(target_arch = "x86_64")]
unsafe fn enter(number: i64, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the caller answers for the arguments; the kernel changes rcx, r11 and the result.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
unsafe fn enter(number: i64, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the caller answers for the arguments; the kernel changes only the result.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a[0] as isize => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4], in("x5") a[5],
            options(nostack),
        );
    }
    result
}

/// A system call with up to six arguments.
///
/// # Safety
/// The arguments are what this call expects; what they point to lives as long as the kernel uses it.
pub(crate) unsafe fn call<const N: usize>(
    number: i64,
    arguments: [usize; N],
) -> Result<usize, Errno> {
    let mut all = [0; 6];
    for (slot, argument) in all.iter_mut().zip(arguments) {
        *slot = argument;
    }
    // SAFETY: as the caller says.
    let result = unsafe { enter(number, all) };
    // The kernel's errors are -4095 to -1; addresses may look negative, too.
    if (-4095..0).contains(&result) { Err(-result as Errno) } else { Ok(result as usize) }
}

/// A signed argument as the kernel reads it.
pub(crate) const fn arg(value: c_int) -> usize {
    value as isize as usize
}

/// Ends this process at once.
pub(crate) fn exit(code: c_int) -> ! {
    loop {
        // SAFETY: no pointers; it does not come back.
        let _ = unsafe { call(libc::SYS_exit_group, [arg(code)]) };
    }
}

/// Starts a child that borrows this process's memory and stack until it has become another program
/// or ended; meanwhile this process waits. Nothing is copied, so it takes a third of a fork's time.
///
/// # Safety
/// This process has one thread and its signals are blocked. `child` changes nothing that this
/// process still needs, and does not come back. `top` is the end of its stack, a multiple of 16.
#[inline(never)]
pub(crate) unsafe fn spawn<T>(
    child: unsafe extern "C" fn(*const T) -> !,
    with: *const T,
    top: *mut u8,
) -> Result<i32, Errno> {
    let flags = (libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD) as usize;
    let result: isize;
    // SAFETY: the child begins on a stack of its own, with nothing to return to; the parent goes on
    // here with its own stack and registers.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags, in("rsi") top, in("rdx") 0, in("r10") 0, in("r8") 0,
            in("r12") with, in("r13") child,
            lateout("rcx") _, lateout("r11") _,
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            in("x8") libc::SYS_clone,
            inlateout("x0") flags as isize => result,
            in("x1") top, in("x2") 0, in("x3") 0, in("x4") 0,
            in("x20") with, in("x21") child,
            lateout("x30") _,
        );
    }
    if result < 0 { Err(-result as Errno) } else { Ok(result as i32) }
}

/// Without a C library: where the kernel begins, and what the compiler takes for granted.
#[cfg(orkestra_bare)]
mod bare {
    use core::arch::{asm, global_asm};
    use core::ffi::c_int;

    // The kernel leaves the number of arguments at the top of the stack, and their addresses above.
    #[cfg(target_arch = "x86_64")]
    global_asm!(
        ".globl _start",
        "_start:",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {begin}",
        "ud2",
        begin = sym begin,
    );
    #[cfg(target_arch = "aarch64")]
    global_asm!(
        ".globl _start",
        "_start:",
        "mov x29, xzr",
        "mov x30, xzr",
        "mov x0, sp",
        "bl {begin}",
        "brk 1",
        begin = sym begin,
    );

    unsafe extern "C" fn begin(top: *const usize) -> ! {
        // SAFETY: the kernel's layout: a count, then so many addresses, then null.
        let code = unsafe { crate::entry::run(*top, top.add(1).cast()) };
        super::exit(code)
    }

    #[panic_handler]
    fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
        // As an abort is seen from outside.
        super::exit(134)
    }

    // The four functions that compiled code calls by name. Assembler, since a loop in Rust would
    // be made into a call of itself.

    /// # Safety
    /// As C's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the direction flag is clear by the ABI.
        unsafe {
            asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as the caller says.
        unsafe {
            asm!("cbz {n}, 3f", "2:", "ldrb {b:w}, [{f}], #1", "strb {b:w}, [{t}], #1",
                "subs {n}, {n}, #1", "b.ne 2b", "3:", n = inout(reg) len => _,
                t = inout(reg) to => _, f = inout(reg) from => _, b = out(reg) _,
                options(nostack));
        }
        to
    }

    /// # Safety
    /// As C's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        if (to as usize).wrapping_sub(from as usize) >= len {
            // SAFETY: forwards nothing is overwritten before it is read.
            return unsafe { memcpy(to, from, len) };
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: backwards, from the last byte; the flag is cleared again.
        unsafe {
            asm!("std", "rep movsb", "cld", inout("rcx") len => _,
                inout("rdi") to.add(len).wrapping_sub(1) => _,
                inout("rsi") from.add(len).wrapping_sub(1) => _, options(nostack));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: backwards; `len` is not 0 here.
        unsafe {
            asm!("2:", "subs {n}, {n}, #1", "ldrb {b:w}, [{f}, {n}]", "strb {b:w}, [{t}, {n}]",
                "b.ne 2b", n = inout(reg) len => _, t = in(reg) to, f = in(reg) from,
                b = out(reg) _, options(nostack));
        }
        to
    }

    /// # Safety
    /// As C's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, byte: c_int, len: usize) -> *mut u8 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says.
        unsafe {
            asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8,
                options(nostack, preserves_flags));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as the caller says.
        unsafe {
            asm!("cbz {n}, 3f", "2:", "strb {b:w}, [{t}], #1", "subs {n}, {n}, #1", "b.ne 2b",
                "3:", n = inout(reg) len => _, t = inout(reg) to => _, b = in(reg) byte,
                options(nostack));
        }
        to
    }

    /// # Safety
    /// As C's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> c_int {
        let mut at = 0;
        while at < len {
            // SAFETY: both have `len` bytes. Volatile, so that no compiler finds a memcmp in here.
            let (x, y) = unsafe { (a.add(at).read_volatile(), b.add(at).read_volatile()) };
            if x != y {
                return c_int::from(x) - c_int::from(y);
            }
            at += 1;
        }
        0
    }

    /// # Safety
    /// As C's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> c_int {
        // SAFETY: the same.
        unsafe { memcmp(a, b, len) }
    }

    /// # Safety
    /// As C's.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn strlen(text: *const u8) -> usize {
        let mut len = 0;
        // SAFETY: the caller's text ends with a zero. Volatile for the same reason.
        while unsafe { text.add(len).read_volatile() } != 0 {
            len += 1;
        }
        len
    }
}
