//! Clock, randomness and ids: handed in, so that tests can step them.

use orkestra_core::id::InstanceId;
use orkestra_core::unit::{Now, Supply};
use uuid::Uuid;

/// Where time, chance and fresh ids come from.
pub trait World: Send + Sync {
    /// The time on the wall and since boot.
    fn now(&self) -> Now;
    /// A fresh UUID, version 7.
    fn uuid(&self) -> Uuid;
    /// A random number from 0 up to 1.
    fn draw(&self) -> f64;
}

/// The machine's own clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealWorld;

impl World for RealWorld {
    fn now(&self) -> Now {
        Now { at: jiff::Timestamp::now(), boot_ms: orkestra_host::clock::boot_ms() }
    }

    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn draw(&self) -> f64 {
        // 53 bits are what a double holds; a failing source of randomness only costs the jitter.
        getrandom::u64().map_or(0.5, |bits| (bits >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Lends a `World` to the core.
pub(crate) struct Lent<'a>(pub(crate) &'a dyn World);

impl Supply for Lent<'_> {
    fn instance(&mut self) -> InstanceId {
        InstanceId::new(self.0.uuid())
    }

    fn draw(&mut self) -> f64 {
        self.0.draw()
    }
}
