//! Who gets a task (DESIGN: routing; MISSION 2.4; ADR 0030): the one to whom a person gave it, else
//! the best by track record, else by the score; another one when that one cannot.
//!
//! All that is looked at is handed in, and all that was looked at is handed out: the choice names
//! each agent with its score and why it was passed over.

mod score;
mod specialty;
#[cfg(test)]
mod tests;

pub use score::{Record, penalty, suitability, weighted_load};
pub use specialty::{default_parallel, default_strengths, normal, wanted};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A track record counts from so many runs of one kind of task on.
pub const RECORD_MIN: u64 = 3;

/// Records that are closer than this say nothing: then the score decides.
pub const RECORD_NEAR: f64 = 0.1;

/// By what an agent is chosen when nobody named one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The best track record at this kind of task; where records say nothing, the score.
    #[default]
    Record,
    /// The score of MISSION 2.4 alone.
    Score,
    /// The least load for its success, among those that are taken for the domain.
    Load,
}

impl Policy {
    /// The words of the configuration.
    pub const WORDS: [&'static str; 3] = ["record", "score", "load"];

    /// The policy of that word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "record" => Some(Self::Record),
            "score" => Some(Self::Score),
            "load" => Some(Self::Load),
            _ => None,
        }
    }

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Score => "score",
            Self::Load => "load",
        }
    }
}

/// What a task asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its kind: `code`, `documentation`, or any word.
    pub kind: String,
    /// Specialties, by [`wanted`].
    pub specialties: BTreeSet<String>,
    /// What an agent must have.
    pub needs: Vec<String>,
    /// The agent that somebody named.
    pub assigned: Option<String>,
    /// Agents that are passed over while there is another one, and why.
    pub avoid: Vec<(String, String)>,
    /// The agents that take part, when not all do.
    pub among: Option<Vec<String>>,
}

/// One agent as it is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agent {
    /// Its name in the configuration.
    pub name: String,
    /// Its kind: `claude`, `script`.
    pub kind: String,
    /// What it is good at.
    pub strengths: Vec<String>,
    /// What else it has: needs are looked for here and among its strengths.
    pub capabilities: Vec<String>,
    /// Tasks at once; nothing for no limit of its own.
    pub parallel: Option<u32>,
    /// Tasks whose run is under way.
    pub active: u32,
    /// Tasks that it holds without a run yet.
    pub locked: u32,
    /// Its record over all kinds of tasks.
    pub overall: Record,
    /// Its record at this kind of task.
    pub record: Record,
    /// Why it gets no work at all now.
    pub out: Option<Reason>,
}

/// Why an agent is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// It cannot be started here.
    Missing {
        /// In words.
        why: String,
    },
    /// A person or its vendor's rate limit holds it back.
    Held {
        /// In words.
        why: String,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// Its budget is used up.
    Budget {
        /// In words.
        why: String,
    },
    /// It failed too often; it is tried again at that time.
    Breaker {
        /// When.
        until: Timestamp,
    },
    /// It failed too often, and one run tries whether it works again.
    Trial,
    /// It has as much work as it may.
    Busy {
        /// Tasks that it has.
        has: u32,
        /// Tasks that it may have.
        may: u32,
    },
    /// It lacks what the task needs.
    Lacks {
        /// What.
        needs: Vec<String>,
    },
    /// It tried before.
    Avoided {
        /// In words.
        why: String,
    },
    /// The task was given to another.
    Assigned {
        /// To whom.
        to: String,
    },
    /// It takes no part in the session.
    Apart,
    /// The selector by load does not take it for this kind of task.
    Domain,
}

impl Reason {
    /// In one sentence for people.
    pub fn in_words(&self) -> String {
        let clock = |at: &Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        match self {
            Self::Missing { why } | Self::Budget { why } => why.clone(),
            Self::Held { why, until: Some(until) } => {
                format!("It is held back until {}: {why}", clock(until))
            }
            Self::Held { why, until: None } => format!("It is held back: {why}"),
            Self::Breaker { until } => {
                format!("It failed too often; it is tried again at {}.", clock(until))
            }
            Self::Trial => {
                "It failed too often, and one run tries whether it works again.".to_owned()
            }
            Self::Busy { has, may } => format!("It has {has} tasks and may have {may} at once."),
            Self::Lacks { needs } => format!("It lacks what the task needs: {}.", needs.join(", ")),
            Self::Avoided { why } => format!("It tried before: {why}"),
            Self::Assigned { to } => format!("The task was given to {to}."),
            Self::Apart => "It takes no part in the session.".to_owned(),
            Self::Domain => "The selector by load does not take it for this kind.".to_owned(),
        }
    }

    /// Whether work for others makes it free by itself, so that the task may wait for it.
    fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Whether somebody else is to do the work of an agent that was named: its breaker is open. One
    /// that is only held back or busy is waited for.
    fn fails_over(&self) -> bool {
        matches!(self, Self::Breaker { .. } | Self::Trial | Self::Avoided { .. })
    }
}

/// One agent as it was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: String,
    /// Its strengths that are asked for.
    pub matching: Vec<String>,
    /// 50 to 100.
    pub score: u32,
    /// What is taken off for its load.
    pub penalty: u32,
    /// The score without the penalty taken off; it may be below zero.
    pub rating: i64,
    /// Its record at this kind of task.
    pub record: Record,
    /// The smoothed share of good ones in it.
    pub rate: f64,
    /// Tasks that it has now.
    pub load: u32,
    /// Why it was passed over; nothing when it could have got the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Reason>,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Somebody named the agent.
    Assigned,
    /// It was the only one.
    Only,
    /// The track record.
    Record,
    /// The score.
    Score,
    /// The load.
    Load,
    /// Another one could not.
    Failover,
    /// There is none now.
    Nobody,
}

impl Rule {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Only => "only",
            Self::Record => "record",
            Self::Score => "score",
            Self::Load => "load",
            Self::Failover => "failover",
            Self::Nobody => "nobody",
        }
    }
}

/// Who gets a task, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Who; nobody when the task waits.
    pub agent: Option<String>,
    /// What decided.
    pub rule: Rule,
    /// In one sentence for people.
    pub sentence: String,
    /// Everybody who was looked at, the best first.
    pub why: Vec<Candidate>,
}

impl Choice {
    /// Whether nobody can ever take it as things are: not even when those at work are free again.
    pub fn is_stuck(&self) -> bool {
        let busy = |candidate: &Candidate| candidate.excluded.as_ref().is_some_and(Reason::is_busy);
        self.agent.is_none() && !self.why.iter().any(busy)
    }
}

/// Who gets it. The same facts give the same choice.
pub fn choose(wanted: &Wanted, agents: &[Agent], policy: Policy) -> Choice {
    let mut looked: Vec<(usize, Candidate)> = agents
        .iter()
        .map(|agent| (specialty::list_place(&agent.kind), look_at(wanted, agent, policy)))
        .collect();
    pass_over(wanted, &mut looked);
    let by_record = policy == Policy::Record
        && looked.iter().any(|(_, of)| of.excluded.is_none() && of.record.all() >= RECORD_MIN);
    let best = looked
        .iter()
        .filter(|(_, of)| of.excluded.is_none())
        .map(|(_, of)| of.rate)
        .fold(0.0, f64::max);
    let near = |of: &Candidate| of.rate + RECORD_NEAR + 1e-9 >= best;
    let loads: std::collections::BTreeMap<&str, f64> = agents
        .iter()
        .map(|agent| {
            let of = &agent.overall;
            let load = agent.active.saturating_add(agent.locked);
            let bad = of.refuted.saturating_add(of.failed);
            (agent.name.as_str(), weighted_load(load, of.verified, bad))
        })
        .collect();
    let load = |of: &Candidate| loads.get(of.agent.as_str()).copied().unwrap_or(0.0);
    looked.sort_by(|(place, one), (other_place, other)| {
        let free = one.excluded.is_some().cmp(&other.excluded.is_some());
        let record = match by_record && one.excluded.is_none() && other.excluded.is_none() {
            true => near(other).cmp(&near(one)),
            false => Ordering::Equal,
        };
        let merit = match policy {
            Policy::Load => load(one).total_cmp(&load(other)),
            Policy::Record | Policy::Score => other.rating.cmp(&one.rating),
        };
        free.then(record)
            .then(merit)
            .then(place.cmp(other_place))
            .then_with(|| one.agent.cmp(&other.agent))
    });
    let why: Vec<Candidate> = looked.into_iter().map(|(_, candidate)| candidate).collect();
    let rule = rule_of(wanted, &why, policy, by_record, &near);
    let first = why.first().filter(|candidate| candidate.excluded.is_none());
    let sentence = match first {
        Some(first) => in_words(wanted, first, rule),
        None => nobody(wanted, &why),
    };
    Choice { agent: first.map(|first| first.agent.clone()), rule, sentence, why }
}

fn look_at(wanted: &Wanted, agent: &Agent, policy: Policy) -> Candidate {
    let has: BTreeSet<String> =
        agent.strengths.iter().chain(&agent.capabilities).map(|word| normal(word)).collect();
    let strengths: BTreeSet<String> = agent.strengths.iter().map(|word| normal(word)).collect();
    let matching: Vec<String> = strengths.intersection(&wanted.specialties).cloned().collect();
    let load = agent.active.saturating_add(agent.locked);
    let bad = agent.overall.refuted.saturating_add(agent.overall.failed);
    let score = suitability(matching.len());
    let penalty = penalty(agent.active, agent.locked, agent.overall.verified, bad);
    let lacks = |need: &&String| {
        let need = normal(need);
        !has.contains(&need) && need != normal(&agent.kind) && need != normal(&agent.name)
    };
    let needs: Vec<String> = wanted.needs.iter().filter(lacks).cloned().collect();
    let capable = specialty::capable_for(&wanted.kind);
    let excluded = if wanted.among.as_ref().is_some_and(|among| !among.contains(&agent.name)) {
        Some(Reason::Apart)
    } else if !needs.is_empty() {
        Some(Reason::Lacks { needs })
    } else if let Some(out) = &agent.out {
        Some(out.clone())
    } else if policy == Policy::Load
        && wanted.assigned.is_none()
        && !capable.is_empty()
        && specialty::list_place(&agent.kind) < 5
        && !capable.contains(&agent.kind.as_str())
    {
        Some(Reason::Domain)
    } else {
        agent.parallel.filter(|may| load >= *may).map(|may| Reason::Busy { has: load, may })
    };
    Candidate {
        agent: agent.name.clone(),
        matching,
        score,
        penalty,
        rating: i64::from(score) - i64::from(penalty),
        record: agent.record,
        rate: agent.record.rate(),
        load,
        excluded,
    }
}

/// Passes over those who tried before, while there is another one, and those to whom the task was
/// not given, unless the one who was named fails.
fn pass_over(wanted: &Wanted, looked: &mut [(usize, Candidate)]) {
    let tried = |agent: &str| {
        wanted.avoid.iter().find(|(name, _)| name == agent).map(|(_, why)| why.clone())
    };
    // One who is at work is another one too: it is waited for.
    let other = looked.iter().any(|(_, of)| {
        tried(&of.agent).is_none() && of.excluded.as_ref().is_none_or(Reason::is_busy)
    });
    if other {
        for (_, of) in looked.iter_mut() {
            if let (None | Some(Reason::Busy { .. }), Some(why)) = (&of.excluded, tried(&of.agent))
            {
                of.excluded = Some(Reason::Avoided { why });
            }
        }
    }
    let Some(to) = &wanted.assigned else { return };
    let named = looked.iter().find(|(_, of)| of.agent == *to);
    let fails = named.is_some_and(|(_, of)| of.excluded.as_ref().is_some_and(Reason::fails_over));
    if fails {
        return;
    }
    for (_, of) in looked.iter_mut().filter(|(_, of)| of.agent != *to) {
        of.excluded = Some(Reason::Assigned { to: to.clone() });
    }
}

fn rule_of(
    wanted: &Wanted,
    why: &[Candidate],
    policy: Policy,
    by_record: bool,
    near: &dyn Fn(&Candidate) -> bool,
) -> Rule {
    let free: Vec<&Candidate> = why.iter().filter(|of| of.excluded.is_none()).collect();
    let Some(first) = free.first() else { return Rule::Nobody };
    match &wanted.assigned {
        Some(to) if *to == first.agent => return Rule::Assigned,
        Some(_) => return Rule::Failover,
        None => {}
    }
    // One whose breaker is open counts only where it would have got the task.
    let failed = |of: &Candidate| match &of.excluded {
        Some(Reason::Avoided { .. }) => true,
        Some(Reason::Breaker { .. } | Reason::Trial) => {
            of.rating > first.rating || (by_record && of.rate > first.rate)
        }
        _ => false,
    };
    if why.iter().any(failed) {
        return Rule::Failover;
    }
    if free.len() == 1 {
        return Rule::Only;
    }
    match policy {
        Policy::Load => Rule::Load,
        Policy::Record if by_record && free.iter().any(|of| !near(of)) => Rule::Record,
        Policy::Record | Policy::Score => Rule::Score,
    }
}

fn in_words(wanted: &Wanted, of: &Candidate, rule: Rule) -> String {
    let agent = &of.agent;
    let record = of.record.in_words();
    match rule {
        Rule::Assigned => format!("{agent}: the task was given to it."),
        Rule::Only => format!("{agent}: no other agent can take it now."),
        Rule::Record => format!(
            "{agent}: the best track record at {} tasks ({record}, {:.0} %).",
            wanted.kind,
            of.rate * 100.0
        ),
        Rule::Score => {
            let for_what = match of.matching.is_empty() {
                true => "no strength is asked for".to_owned(),
                false => of.matching.join(", "),
            };
            format!(
                "{agent}: the best score, {} = {} - {} ({for_what}; {} tasks at work).",
                of.rating, of.score, of.penalty, of.load
            )
        }
        Rule::Load => format!("{agent}: the least load for its success ({} tasks).", of.load),
        Rule::Failover => match &wanted.assigned {
            Some(to) if to != agent => {
                format!("{agent}, in place of {to}, which cannot do it now.")
            }
            _ => format!("{agent}, in place of another that failed."),
        },
        Rule::Nobody => String::new(),
    }
}

/// Why there is nobody.
fn nobody(wanted: &Wanted, why: &[Candidate]) -> String {
    if why.is_empty() {
        return "It waits, because no agent can be started here.".to_owned();
    }
    if let Some(to) = &wanted.assigned {
        let named = why.iter().find(|of| of.agent == *to);
        let reason = named.and_then(|of| of.excluded.as_ref()).map(Reason::in_words);
        return match reason {
            Some(reason) => format!("It waits for {to}, to whom it was given. {reason}"),
            None => format!("It waits for {to}, to whom it was given; no such agent is here."),
        };
    }
    let reasons: Vec<String> = why
        .iter()
        .filter_map(|of| {
            let reason = of.excluded.as_ref()?;
            (*reason != Reason::Apart).then(|| format!("{}: {}", of.agent, reason.in_words()))
        })
        .collect();
    format!("It waits, because no agent can take it now. {}", reasons.join(" "))
}
