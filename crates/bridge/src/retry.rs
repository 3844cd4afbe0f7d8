//! When a failed call is made again.

use crate::model::{Failure, Fault};
use std::time::Duration;

/// How often a call is made at most.
pub(crate) const ATTEMPTS: u32 = 6;

/// Longer than this nobody waits with a process: the run ends with the status, and the daemon
/// knows until when the agent must pause.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

const FIRST: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(30);

/// How long to wait after this failure of attempt number `attempt` (from 1); `None` to give up.
/// `draw` is between 0 and 1. What the vendor wants us to wait is the least.
pub(crate) fn wait(failure: &Failure, attempt: u32, draw: f64) -> Option<Duration> {
    match failure.fault {
        Fault::Refused => return None,
        Fault::Busy | Fault::Passing | Fault::Silent | Fault::Broken => {}
    }
    // One that hung for its whole time is asked once more only: each try costs as long again.
    let attempts = if failure.fault == Fault::Silent { 2 } else { ATTEMPTS };
    if attempt >= attempts {
        return None;
    }
    let grown = FIRST.saturating_mul(1 << (attempt - 1).min(10)).min(MAX);
    // Between half and whole, so that many do not come back at the same moment.
    let own = grown.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0);
    let least = failure.retry_after.unwrap_or_default();
    if least > LONGEST_WAIT {
        return None;
    }
    // A little above the vendor's word, since clocks differ.
    let least = if least.is_zero() { least } else { least + own.mul_f64(0.1) };
    Some(own.max(least))
}

/// A number between 0 and 1.
pub(crate) fn draw() -> f64 {
    let number = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(fault: Fault, retry_after: Option<u64>) -> Failure {
        let retry_after = retry_after.map(Duration::from_secs);
        Failure { fault, status: None, message: String::new(), retry_after }
    }

    #[test]
    fn waits_grow_and_end_and_are_never_shorter_than_the_vendor_wants() {
        let passing = failure(Fault::Passing, None);
        let waits: Vec<_> = (1..).map_while(|attempt| wait(&passing, attempt, 1.0)).collect();
        let seconds: Vec<_> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16]);
        assert_eq!(wait(&passing, 1, 0.0), Some(Duration::from_millis(500)));
        assert_eq!(wait(&failure(Fault::Refused, Some(1)), 1, 0.5), None);
        let told = wait(&failure(Fault::Busy, Some(20)), 1, 0.0).unwrap();
        assert!(told >= Duration::from_secs(20), "{told:?}");
        assert_eq!(wait(&failure(Fault::Busy, Some(3600)), 1, 0.0), None);
        assert_eq!(wait(&failure(Fault::Silent, None), 2, 0.0), None);
    }
}
