//! Ballots → outcome, for all six methods. Pure, exact, and the same each time.

use super::ballot::Says;
use super::ranked;
use super::rule::{Method, Rule, TieBreak, Weight};
use super::weighted::{Level, level};
use serde::{Deserialize, Serialize};

/// How a vote ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// One option has won.
    Decided,
    /// No option reached what the rule asks for, or somebody vetoed: nothing is decided.
    Failed,
    /// Too few took part: nothing is decided.
    NoQuorum,
    /// No option of three or more reached what the rule asks for: a run-off can help.
    Deadlock,
    /// Options are equal, and nothing decides between them.
    Tie,
}

impl Outcome {
    /// The word in files, commands and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Failed => "failed",
            Self::NoQuorum => "no_quorum",
            Self::Deadlock => "deadlock",
            Self::Tie => "tie",
        }
    }
}

/// Why an option was eliminated rather than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elimination {
    /// It alone had the fewest.
    Fewest,
    /// Of those with the fewest it had the fewest in an earlier round.
    EarlierRounds,
    /// Of those that were always equal it stands last in the list of options.
    Order,
}

/// What an instant run-off took out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eliminated {
    /// Which option.
    pub option: String,
    /// Why this one.
    pub by: Elimination,
    /// All that had the fewest, when there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<String>,
}

/// One counting; only an instant run-off has more than one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundCount {
    /// From 1.
    pub round: u32,
    /// Votes by option, in the order of the options; those that are out are missing.
    pub votes: Vec<(String, u64)>,
    /// Ballots that name no option that is left.
    pub exhausted: u64,
    /// Who goes.
    pub eliminated: Option<Eliminated>,
}

/// What one option got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Which option.
    pub option: String,
    /// Heads; in an instant run-off those of the first round.
    pub votes: u64,
    /// Their weight.
    pub weight: Weight,
}

/// How a tie was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// By what.
    pub by: TieBreak,
    /// Whose choice it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voter: Option<String>,
    /// The lot, in billionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<u64>,
}

/// What was counted, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How it ended.
    pub outcome: Outcome,
    /// The option that has won; only when it is decided.
    pub winner: Option<String>,
    /// How far the electorate agrees, by the weight of all (MISSION 2.1).
    pub level: Level,
    /// Voters who may vote.
    pub electorate: u64,
    /// Voters who took part, abstentions included.
    pub participated: u64,
    /// Voters who chose.
    pub chose: u64,
    /// How many must take part.
    pub quorum: u64,
    /// What each option got, in the order of the options.
    pub scores: Vec<Score>,
    /// Each counting.
    pub rounds: Vec<RoundCount>,
    /// Options that were equal at the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<String>,
    /// How that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_break: Option<Broken>,
    /// Who said no for safety's sake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vetoed_by: Vec<String>,
    /// In one sentence.
    pub why: String,
}

/// A ballot as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct Cast<'a> {
    /// Who.
    pub voter: &'a str,
    /// What.
    pub says: &'a Says,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub struct Count<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The options by id, in their order.
    pub options: &'a [String],
    /// Who may vote, with what weight.
    pub electorate: &'a [(String, Weight)],
    /// One ballot at most of each voter.
    pub ballots: &'a [Cast<'a>],
    /// Who gave the task: the second tie-break.
    pub creator: Option<&'a str>,
    /// A lot from 0 up to a billion: the third tie-break. Without it no lot is drawn.
    pub draw: Option<u64>,
}

/// Lots are drawn from so many.
pub const LOTS: u64 = 1_000_000_000;

impl Count<'_> {
    fn weight_of(&self, voter: &str) -> Weight {
        let known = self.electorate.iter().find(|(name, _)| name == voter);
        known.map_or(Weight::micros(0), |(_, weight)| *weight)
    }

    fn at(&self, option: &str) -> Option<usize> {
        self.options.iter().position(|known| known == option)
    }

    /// The options that a ballot names, the best first, by their places.
    fn named(&self, says: &Says) -> Vec<usize> {
        match says {
            Says::Choice { option } => self.at(option).into_iter().collect(),
            Says::Ranking { options } => options.iter().filter_map(|one| self.at(one)).collect(),
            Says::Abstain | Says::Veto | Says::Answer { .. } => Vec::new(),
        }
    }

    /// Counts.
    pub fn tally(&self) -> Tally {
        let choices: Vec<(&str, Vec<usize>)> = self
            .ballots
            .iter()
            .map(|ballot| (ballot.voter, self.named(ballot.says)))
            .filter(|(_, named)| !named.is_empty())
            .collect();
        let mut scores: Vec<Score> = self
            .options
            .iter()
            .map(|option| Score { option: option.clone(), votes: 0, weight: Weight::micros(0) })
            .collect();
        for (voter, named) in &choices {
            if let Some(score) = named.first().and_then(|first| scores.get_mut(*first)) {
                score.votes += 1;
                let sum = score.weight.in_micros() + self.weight_of(voter).in_micros();
                score.weight = Weight::micros(sum);
            }
        }
        let electorate = self.electorate.len() as u64;
        let mut tally = Tally {
            outcome: Outcome::Failed,
            winner: None,
            level: Level::Failed,
            electorate,
            participated: self.ballots.len() as u64,
            chose: choices.len() as u64,
            quorum: self.rule.quorum.needed(electorate),
            rounds: vec![RoundCount {
                round: 1,
                votes: scores.iter().map(|s| (s.option.clone(), s.votes)).collect(),
                exhausted: 0,
                eliminated: None,
            }],
            scores,
            tied: Vec::new(),
            tie_break: None,
            vetoed_by: Vec::new(),
            why: String::new(),
        };
        if self.rule.security {
            let vetoes = self.ballots.iter().filter(|ballot| matches!(ballot.says, Says::Veto));
            tally.vetoed_by = vetoes.map(|ballot| ballot.voter.to_owned()).collect();
        }
        if !tally.vetoed_by.is_empty() {
            tally.why =
                format!("vetoed by {}: a new proposal is needed", tally.vetoed_by.join(", "));
        } else if tally.participated < tally.quorum {
            tally.outcome = Outcome::NoQuorum;
            tally.why = format!(
                "{} of {electorate} took part, {} are needed",
                tally.participated, tally.quorum
            );
        } else if choices.is_empty() {
            tally.why = "nobody chose an option".to_owned();
        } else {
            self.apply(&choices, &mut tally);
        }
        tally
    }

    fn apply(&self, choices: &[(&str, Vec<usize>)], tally: &mut Tally) {
        let mut tied = Vec::new();
        if self.rule.method == Method::Ranked {
            let rankings: Vec<Vec<usize>> =
                choices.iter().map(|(_, named)| named.clone()).collect();
            let (ended, rounds) = ranked::count(self.options, &rankings);
            tally.rounds = rounds;
            match ended {
                ranked::Ended::Winner(at) => tied.push(at),
                ranked::Ended::Tie(several) => tied = several,
                ranked::Ended::Nobody => {}
            }
        } else {
            tied = self.leading(tally);
        }
        match tied.as_slice() {
            [] => {
                tally.outcome =
                    if self.options.len() >= 3 { Outcome::Deadlock } else { Outcome::Failed };
                tally.why = self.missed(tally);
            }
            [winner] => self.won(*winner, choices, tally),
            several => {
                tally.tied =
                    several.iter().filter_map(|at| self.options.get(*at).cloned()).collect();
                match self.broken(several, choices) {
                    Some((winner, broken)) => {
                        tally.tie_break = Some(broken);
                        self.won(winner, choices, tally);
                    }
                    None => {
                        tally.outcome = Outcome::Tie;
                        tally.why = format!("{} are equal", tally.tied.join(" and "));
                    }
                }
            }
        }
    }

    /// The options that reach what the rule asks for and have the most; several are a tie.
    fn leading(&self, tally: &Tally) -> Vec<usize> {
        let threshold = self.rule.effective_threshold();
        let weighted = self.rule.method == Method::Weighted;
        let amount = |score: &Score| -> u128 {
            if weighted { score.weight.in_micros().into() } else { score.votes.into() }
        };
        let whole: u128 = if weighted { self.all_weights() } else { tally.chose.into() };
        let most = tally.scores.iter().map(amount).max().unwrap_or(0);
        if most == 0 {
            return Vec::new();
        }
        let top: Vec<usize> = (0..tally.scores.len())
            .filter(|at| tally.scores.get(*at).is_some_and(|score| amount(score) == most))
            .collect();
        let passes = match (self.rule.method, threshold) {
            (Method::Unanimous, _) => most == whole,
            (Method::Majority, Some(share)) => {
                // Two that have just half each: equal, and whoever decides makes it more than half.
                share.is_exceeded(most, whole)
                    || (top.len() == 2 && most * 2 == whole && share.is_reached(1, 2))
            }
            (Method::Supermajority | Method::Weighted, Some(share)) => {
                share.is_reached(most, whole)
            }
            _ => true,
        };
        if passes { top } else { Vec::new() }
    }

    fn all_weights(&self) -> u128 {
        self.electorate.iter().map(|(_, weight)| u128::from(weight.in_micros())).sum()
    }

    fn missed(&self, tally: &Tally) -> String {
        let weighted = self.rule.method == Method::Weighted;
        let best = tally
            .scores
            .iter()
            .max_by_key(|score| if weighted { score.weight.in_micros() } else { score.votes });
        let Some(best) = best else { return "there is no option".to_owned() };
        let needs = self.rule.in_words();
        if weighted {
            let all = self.all_weights() as f64 / 1e6;
            format!("the best, {}, has {} of {all} ({needs})", best.option, best.weight)
        } else {
            format!("the best, {}, has {} of {} ({needs})", best.option, best.votes, tally.chose)
        }
    }

    fn won(&self, winner: usize, choices: &[(&str, Vec<usize>)], tally: &mut Tally) {
        let Some(option) = self.options.get(winner) else { return };
        // In an instant run-off those count for it whose ballot does in the last round.
        let left: Vec<usize> = tally
            .rounds
            .last()
            .map(|round| round.votes.iter().filter_map(|(name, _)| self.at(name)).collect())
            .unwrap_or_default();
        let behind: u128 = choices
            .iter()
            .filter(|(_, named)| named.iter().find(|at| left.contains(at)) == Some(&winner))
            .map(|(voter, _)| u128::from(self.weight_of(voter).in_micros()))
            .sum();
        tally.outcome = Outcome::Decided;
        tally.level = level(behind, self.all_weights());
        tally.winner = Some(option.clone());
        tally.why = match &tally.tie_break {
            None => format!("{option} has won"),
            Some(Broken { by, voter: Some(voter), .. }) => {
                format!("{} were equal; {voter} decides ({})", tally.tied.join(" and "), by.word())
            }
            Some(Broken { by, .. }) => {
                format!("{} were equal; decided by {}", tally.tied.join(" and "), by.word())
            }
        };
    }

    fn broken(&self, tied: &[usize], choices: &[(&str, Vec<usize>)]) -> Option<(usize, Broken)> {
        // Among the tied a ballot stands for the one that it names first.
        let best = |named: &[usize]| named.iter().copied().find(|at| tied.contains(at));
        for by in &self.rule.tie_break {
            let found = match by {
                TieBreak::Expertise => self.expert(choices, &best),
                TieBreak::Creator => choices
                    .iter()
                    .find(|(voter, _)| Some(*voter) == self.creator)
                    .and_then(|(voter, named)| Some((best(named)?, Some((*voter).to_owned())))),
                TieBreak::Random => self.draw.and_then(|draw| {
                    let at = draw.min(LOTS - 1) * tied.len() as u64 / LOTS;
                    Some((*tied.get(usize::try_from(at).ok()?)?, None))
                }),
                TieBreak::Person => return None,
            };
            if let Some((winner, voter)) = found {
                let draw = (*by == TieBreak::Random).then_some(self.draw).flatten();
                return Some((winner, Broken { by: *by, voter, draw }));
            }
        }
        None
    }

    /// The choice of who has the highest weight of those who chose one of the tied. When all have
    /// the same weight there is no expert; when several have the highest, they must agree.
    fn expert(
        &self,
        choices: &[(&str, Vec<usize>)],
        best: &dyn Fn(&[usize]) -> Option<usize>,
    ) -> Option<(usize, Option<String>)> {
        let first = self.electorate.first().map(|(_, weight)| *weight);
        if self.electorate.iter().all(|(_, weight)| Some(*weight) == first) {
            return None;
        }
        let voices: Vec<(&str, usize, Weight)> = choices
            .iter()
            .filter_map(|(voter, named)| Some((*voter, best(named)?, self.weight_of(voter))))
            .collect();
        let highest = voices.iter().map(|(_, _, weight)| *weight).max()?;
        let mut experts = voices.iter().filter(|(_, _, weight)| *weight == highest);
        let (name, option, _) = experts.next()?;
        experts.all(|(_, other, _)| other == option).then(|| (*option, Some((*name).to_owned())))
    }
}

impl Tally {
    /// The two best options, for a run-off: by what the method counts, then in the order of the
    /// options.
    pub fn best_two(&self, method: Method) -> Vec<String> {
        let mut order: Vec<&Score> = self.scores.iter().collect();
        // The sort is stable: equals stay in the order of the options.
        order.sort_by_key(|score| {
            std::cmp::Reverse(match method {
                Method::Weighted => score.weight.in_micros(),
                _ => score.votes,
            })
        });
        order.into_iter().take(2).map(|score| score.option.clone()).collect()
    }
}
