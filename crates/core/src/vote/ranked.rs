//! Instant run-off (MISSION 2.1: ranked choice).
//!
//! In each round a ballot counts for the first of its options that is still there. Who has more than
//! half of the ballots that still count has won. Else the lowest is eliminated.
//!
//! When several are lowest, that one goes that had the fewest in the round before, or in the one
//! before that, and so on; when they were equal in all, the one that stands last in the list of
//! options. But when all that are left are equal, now and always, none is lower than another: that
//! is a tie, which the vote's order of tie-breaks decides.

use super::tally::{Elimination, RoundCount};

/// How an instant run-off ended; options by their place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Winner(usize),
    Tie(Vec<usize>),
    /// No ballot counts any more.
    Nobody,
}

/// Counts rankings; each is a list of places in the list of options, without repeats.
pub(super) fn count(options: &[String], rankings: &[Vec<usize>]) -> (Ended, Vec<RoundCount>) {
    let mut left: Vec<usize> = (0..options.len()).collect();
    let mut before: Vec<Vec<u64>> = Vec::new();
    let mut rounds = Vec::new();
    loop {
        let mut votes = vec![0_u64; options.len()];
        let mut counted = 0_u64;
        for ranking in rankings {
            if let Some(first) = ranking.iter().find(|option| left.contains(option)) {
                if let Some(votes) = votes.get_mut(*first) {
                    *votes += 1;
                }
                counted += 1;
            }
        }
        let of = |option: &usize| votes.get(*option).copied().unwrap_or(0);
        let mut round = RoundCount {
            round: u32::try_from(rounds.len() + 1).unwrap_or(u32::MAX),
            votes: left.iter().map(|at| (name(options, *at), of(at))).collect(),
            exhausted: rankings.len() as u64 - counted,
            eliminated: None,
        };
        let most = left.iter().copied().max_by_key(|at| of(at));
        let ended = match most {
            _ if counted == 0 => Some(Ended::Nobody),
            None => Some(Ended::Nobody),
            Some(most) if of(&most) * 2 > counted => Some(Ended::Winner(most)),
            Some(_) => None,
        };
        if let Some(ended) = ended {
            rounds.push(round);
            return (ended, rounds);
        }
        let lowest = left.iter().map(of).min().unwrap_or(0);
        let tied: Vec<usize> = left.iter().copied().filter(|at| of(at) == lowest).collect();
        let mut by = Elimination::Fewest;
        let mut last = tied.clone();
        for earlier in before.iter().rev() {
            if last.len() == 1 {
                break;
            }
            let of = |at: &usize| earlier.get(*at).copied().unwrap_or(0);
            let fewest = last.iter().map(of).min().unwrap_or(0);
            last.retain(|at| of(at) == fewest);
            by = Elimination::EarlierRounds;
        }
        // With two left none is lower than the other, whatever happened before: both are the end.
        if left.len() == 2 || last.len() == left.len() {
            rounds.push(round);
            return (Ended::Tie(left), rounds);
        }
        if last.len() > 1 {
            by = Elimination::Order;
        }
        let Some(out) = last.last().copied() else { return (Ended::Nobody, rounds) };
        round.eliminated = Some(super::tally::Eliminated {
            option: name(options, out),
            by: if tied.len() == 1 { Elimination::Fewest } else { by },
            tied: if tied.len() == 1 {
                Vec::new()
            } else {
                tied.iter().map(|at| name(options, *at)).collect()
            },
        });
        rounds.push(round);
        left.retain(|at| *at != out);
        before.push(votes);
    }
}

fn name(options: &[String], at: usize) -> String {
    options.get(at).cloned().unwrap_or_default()
}
