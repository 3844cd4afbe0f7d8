//! When a job is due: every so often, or by a cron pattern in a named zone.
//!
//! A cron pattern speaks of times on a clock on the wall. Where the clock jumps ahead, the times
//! that it jumps over count together as one, right after the jump; where it is put back, a time
//! that comes twice counts once, when it comes first (DESIGN: time).

use crate::span::Span;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The zones that are built in: a schedule means the same on every machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The shortest period.
pub const PERIOD_MIN: Span = Span::from_secs(1);

/// Civil times that may be passed over for one answer: those of the longest hour that repeats, in
/// seconds, and room.
const PASSED_MAX: usize = 3 * 3_600;

/// When something is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Schedule {
    /// At a fixed rate, counted from when it was set.
    Every {
        /// The period.
        span: Span,
    },
    /// By the clock on the wall of a zone.
    Cron {
        /// Five fields, or six with seconds first.
        expr: String,
        /// An IANA name, for example `Europe/Berlin`.
        zone: String,
    },
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron pattern.
    #[error("{expr:?} is not a cron pattern: {why}")]
    Pattern {
        /// As written, cut short.
        expr: String,
        /// In words.
        why: String,
    },
    /// A pattern that no day fulfils.
    #[error("{expr:?} never comes: no date fulfils it")]
    Never {
        /// As written, cut short.
        expr: String,
    },
    /// No such zone.
    #[error("{zone:?} is not a time zone")]
    Zone {
        /// As written, cut short.
        zone: String,
    },
    /// A period that is too short.
    #[error("the shortest period is 1 s")]
    TooOften,
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The zone of this name.
pub fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    // The database takes any case; one spelling is enough.
    match ZONES.get(name) {
        Ok(zone) if zone.iana_name() == Some(name) || name == "UTC" => Ok(zone),
        Ok(_) | Err(_) => Err(ScheduleError::Zone { zone: cut(name) }),
    }
}

/// All names of zones, for hints.
pub fn zone_names() -> Vec<String> {
    ZONES.available().map(|name| name.to_string()).collect()
}

fn pattern(expr: &str) -> Result<Cron, ScheduleError> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(expr).map_err(|error| ScheduleError::Pattern {
        expr: cut(expr),
        why: error.to_string().trim_end_matches('.').to_owned(),
    })
}

impl Schedule {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, now: Timestamp) -> Result<(), ScheduleError> {
        match self {
            Self::Every { span } if *span < PERIOD_MIN => Err(ScheduleError::TooOften),
            Self::Every { .. } => Ok(()),
            Self::Cron { expr, zone: name } => {
                zone(name)?;
                pattern(expr)?;
                match self.next(now, now) {
                    Some(_) => Ok(()),
                    None => Err(ScheduleError::Never { expr: cut(expr) }),
                }
            }
        }
    }

    /// The first time that is due strictly after `after`. What comes every so often is counted from
    /// `anchor`, so that it does not drift. `None` when nothing is due any more.
    pub fn next(&self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { span } => {
                let period = i128::from(span.ms().max(1)) * 1_000_000;
                let passed = after.as_nanosecond() - anchor.as_nanosecond();
                let periods = passed.div_euclid(period) + 1;
                Timestamp::from_nanosecond(anchor.as_nanosecond() + periods * period).ok()
            }
            Self::Cron { expr, zone: name } => {
                let (cron, zone) = (pattern(expr).ok()?, zone(name).ok()?);
                let mut civil = zone.to_datetime(after);
                for _ in 0..PASSED_MAX {
                    civil = next_civil(&cron, civil)?;
                    let at = instant(&zone, civil)?;
                    if at > after {
                        return Some(at);
                    }
                }
                None
            }
        }
    }

    /// The last time that was due after `from` and not after `now`, with how many there were;
    /// counted up to `most`.
    pub fn passed(
        &self,
        from: Timestamp,
        now: Timestamp,
        anchor: Timestamp,
        most: u64,
    ) -> (u64, Option<Timestamp>) {
        if let Self::Every { span } = self {
            let period = i128::from(span.ms().max(1)) * 1_000_000;
            let place =
                |at: Timestamp| (at.as_nanosecond() - anchor.as_nanosecond()).div_euclid(period);
            let (before, last) = (place(from), place(now));
            let count = u64::try_from((last - before).max(0)).unwrap_or(u64::MAX);
            let at = anchor.as_nanosecond() + last * period;
            let at = Timestamp::from_nanosecond(at).ok().filter(|_| count > 0);
            return (count.min(most), at);
        }
        let walk = |from: Timestamp, most: u64| {
            let (mut count, mut last, mut at) = (0, None, from);
            while count < most
                && let Some(next) = self.next(at, anchor).filter(|next| *next <= now)
            {
                (at, last) = (next, Some(next));
                count += 1;
            }
            (count, last)
        };
        let (count, last) = walk(from, most);
        if count < most {
            return (count, last);
        }
        // Many were passed: the newest is sought near the end.
        let near = [1, 24, 32 * 24].into_iter().find_map(|hours| {
            let near = now.checked_sub(SignedDuration::from_hours(hours)).ok()?;
            walk(near.max(from), u64::MAX).1
        });
        (count, near.or(last))
    }

    /// How long it is from a due time to the one after it.
    pub fn period(&self, due: Timestamp, anchor: Timestamp) -> Span {
        if let Self::Every { span } = self {
            return *span;
        }
        let ms = self.next(due, anchor).map(|next| next.duration_since(due).as_millis());
        Span::from_ms(ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(u64::MAX))
    }

    /// For people: `every 10 min`, `At 02:30 (Europe/Berlin)`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Every { span } => {
                let words = span.roughly();
                let short = words.trim_end_matches(" 0 min").trim_end_matches(" 0 h");
                format!("every {short}")
            }
            Self::Cron { expr, zone } => match pattern(expr) {
                Ok(cron) => {
                    let words = cron.describe();
                    format!("{} ({zone})", words.trim_end_matches('.'))
                }
                Err(_) => format!("{expr} ({zone})"),
            },
        }
    }
}

/// The first civil time after this one that the pattern names. It is asked as if in UTC, where each
/// civil time comes once.
fn next_civil(cron: &Cron, after: DateTime) -> Option<DateTime> {
    let after = TimeZone::UTC.to_zoned(after).ok()?;
    cron.find_next_occurrence(&after, false).ok().map(|next| next.datetime())
}

/// The one instant that stands for a civil time.
fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        // It comes twice: the first counts.
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        // It is jumped over: the jump itself, which is the last one not after this instant.
        AmbiguousOffset::Gap { before, .. } => {
            let inside = before.to_timestamp(civil).ok()?;
            let just_after = inside.checked_add(SignedDuration::from_nanos(1)).ok()?;
            zone.preceding(just_after).next().map(|jump| jump.timestamp())
        }
    }
}
