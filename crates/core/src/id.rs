//! Typed identifiers: mixing two kinds does not compile.
//!
//! Ids are UUIDv7 and are handed in by whoever has a clock and randomness; the core never makes one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID (version 7, so that ids sort by time).
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            /// The last eight hexadecimal digits: what people see and type.
            /// The first digits of a UUIDv7 are its time and nearly equal for neighbours.
            pub fn short(self) -> String {
                let text = self.0.simple().to_string();
                text.get(24..).unwrap_or(&text).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

typed_id!(
    /// One immutable line of the journal.
    EventId
);
typed_id!(
    /// One life of one unit or run: one shim, one process tree.
    InstanceId
);
impl InstanceId {
    /// When the id was made, in milliseconds since 1970: just before this life began.
    pub fn born_ms(self) -> u64 {
        let Some(stamp) = self.0.get_timestamp() else { return 0 };
        let (seconds, nanos) = stamp.to_unix();
        seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000))
    }
}

typed_id!(
    /// One attempt at a piece of work by one agent.
    RunId
);
typed_id!(
    /// One entry of the outbox.
    EffectId
);
typed_id!(
    /// One alert.
    AlertId
);
typed_id!(
    /// One question to a person: may this be done?
    ApprovalId
);
typed_id!(
    /// One rule that a person made with a wider answer.
    GrantId
);
typed_id!(
    /// A piece of agent work.
    TaskId
);
typed_id!(
    /// One goal for several agents: its plan, tasks, reviews and decisions.
    SessionId
);
typed_id!(
    /// One verdict of somebody else on a piece of work.
    ReviewId
);
typed_id!(
    /// One question that is decided by a rule.
    VoteId
);
typed_id!(
    /// The rows of the work at one time.
    SnapshotId
);
typed_id!(
    /// One piece of work that is put into a branch.
    MergeId
);
typed_id!(
    /// The machine that wrote an event.
    NodeId
);
