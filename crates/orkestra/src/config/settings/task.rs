//! Reads how tasks are given out and tried again.

use super::super::Origin;
use super::super::keys::task::{BREAKER, RETRY, TASKS};
use super::super::reader::{self, Bad, Fields, Reader};
use orkestra_core::breaker;
use orkestra_core::task::{Retry, Rules};

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> Rules {
    let base = Rules::default();
    let from = || Origin::Default;
    let f = reader.section(top.get("tasks"), top.path.join("tasks"), &TASKS);
    let again = reader.section(f.get("retry"), f.path.join("retry"), &RETRY);
    let opens = reader.section(f.get("breaker"), f.path.join("breaker"), &BREAKER);
    Rules {
        auto: reader.value(&f, "auto", (base.auto, from()), reader::boolean),
        running_max: reader.value(&f, "running_max", (base.running_max, from()), number),
        lease: reader.value(&f, "lease", (base.lease, from()), reader::span),
        retry: Retry {
            tries: reader.value(&again, "tries", (base.retry.tries, from()), number),
            initial: reader.value(&again, "initial", (base.retry.initial, from()), reader::span),
            factor: reader.value(&again, "factor", (base.retry.factor, from()), reader::factor),
            max: reader.value(&again, "max", (base.retry.max, from()), reader::span),
        },
        stuck_after: reader.value(&f, "stuck_after", (base.stuck_after, from()), reader::span),
        breaker: breaker::Limits {
            failures: reader.value(&opens, "failures", (base.breaker.failures, from()), number),
            open_ms: {
                let usual = orkestra_core::span::Span::from_ms(base.breaker.open_ms);
                reader.value(&opens, "open_for", (usual, from()), reader::span).ms()
            },
        },
    }
}

/// `none` is no limit.
fn number(text: &str) -> Result<u32, Bad> {
    reader::limit(text).map(|limit| limit.unwrap_or(u32::MAX))
}
