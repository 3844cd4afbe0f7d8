//! The machine's own clock: it counts from boot, through sleep, and no clock step moves it.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since boot, time asleep included.
pub fn boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let ms = i128::from(time.tv_sec) * 1_000 + i128::from(time.tv_nsec) / 1_000_000;
    u64::try_from(ms).unwrap_or(0)
}

/// A kernel start time, in ticks since boot, as milliseconds since boot.
pub fn start_time_ms(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000) / rustix::param::clock_ticks_per_second().max(1)
}
