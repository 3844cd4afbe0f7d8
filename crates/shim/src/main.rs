//! The shim holds one instance of one unit: its lock, its pipes and its exit status.
//!
//! It outlives the daemon, so that the daemon may crash or be upgraded while units go on. It
//! decides nothing: it never restarts, it only starts once, stops when told, and remembers.
//! `crates/host` spawns it and speaks its protocol.

#![cfg_attr(orkestra_bare, no_std)]
#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code, reason = "tests look at the pure parts only"))]

mod control;
mod holder;
mod kernel;
mod leader;
mod log;
mod notice;
mod options;
mod output;
mod program;
mod record;
mod sys;
mod text;
mod tree;

#[cfg(not(test))]
mod entry {
    #![allow(unsafe_code, reason = "the kernel hands over raw words")]

    use crate::options::{Options, Words};
    use core::ffi::CStr;

    /// The whole life. `count` words begin at `argv`; null follows, then the environment.
    ///
    /// # Safety
    /// As the kernel lays them out at the start of a program.
    pub(crate) unsafe fn run(count: usize, argv: Words) -> i32 {
        // SAFETY: the kernel gives `count` NUL-terminated strings that live as long as we do.
        let words = (1..count).map(|at| unsafe { CStr::from_ptr(*argv.add(at)) });
        let Some(mut options) = Options::parse(words) else { return 100 };
        // argv[0] was not among the words.
        options.command += 1;
        // SAFETY: the environment stands behind the null that ends the words.
        let environment = unsafe { argv.add(count + 1) };
        crate::holder::hold(&options, argv, environment)
    }

    /// Where it is built as part of the workspace (`cargo check`, lints), with a C library.
    #[cfg(not(orkestra_bare))]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn main(count: core::ffi::c_int, argv: Words) -> core::ffi::c_int {
        // SAFETY: a C library hands over what the kernel gave it.
        unsafe { run(usize::try_from(count).unwrap_or(0), argv) }
    }
}
