//! The shim holds one instance of one unit: its lock, its pipes and its exit status.
//!
//! It outlives the daemon, so that the daemon may crash or be upgraded while units go on. It
//! decides nothing: it never restarts, it only starts once, stops when told, and remembers.
//! `crates/host` spawns it and speaks its protocol.

#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code, reason = "tests look at the pure parts only"))]

mod control;
mod holder;
mod leader;
mod log;
mod notice;
mod options;
mod output;
mod record;
mod sys;
mod text;
mod tree;

/// Without std's runtime: no argument copies, no allocator, no second stack.
#[cfg(not(test))]
mod entry {
    #![allow(unsafe_code, reason = "the C entry point hands over raw argv")]

    use core::ffi::{CStr, c_char, c_int};

    #[unsafe(no_mangle)]
    extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
        let count = usize::try_from(argc).unwrap_or(0);
        // SAFETY: the kernel gives `argc` NUL-terminated strings that live as long as we do.
        let words = (1..count).map(|at| unsafe { CStr::from_ptr(*argv.add(at)) });
        match crate::options::Options::parse(words) {
            Some(mut options) => {
                // argv[0] was not among the words.
                options.command += 1;
                crate::holder::hold(&options, argv)
            }
            None => 100,
        }
    }
}
