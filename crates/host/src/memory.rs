//! What the allocator keeps for itself.
//!
//! glibc gives each thread an arena of its own and hands little back: a daemon that started a
//! thousand units kept twice what it used. See docs/adr/0015.

#![allow(unsafe_code, reason = "the allocator's settings have no safe wrapper")]

/// Lets threads share two arenas. To be called before any other thread is there.
pub fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a setting of the allocator, by numbers.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Hands back to the system what is free.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the allocator's own locks and touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}
