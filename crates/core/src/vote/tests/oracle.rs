//! Ten thousand random elections, counted by definitions that are written here a second time, and by
//! the crate `vote` where it has the method.

use super::super::*;
use std::collections::BTreeMap;

/// A small generator of our own: the same elections each time.
struct Chance(u64);

impl Chance {
    fn up_to(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % most as u64).unwrap()
    }
}

#[derive(Debug)]
struct Random {
    options: Vec<String>,
    electorate: Vec<(String, Weight)>,
    /// By voter; nothing for who is silent, an empty ranking for who abstains.
    rankings: Vec<Option<Vec<usize>>>,
    /// In hundredths.
    threshold: usize,
    /// In hundredths.
    quorum: usize,
}

fn random(chance: &mut Chance, complete: bool) -> Random {
    let options: Vec<String> = (0..2 + chance.up_to(4)).map(|n| format!("o{n}")).collect();
    let voters = 1 + chance.up_to(12);
    let electorate = (0..voters)
        .map(|n| (format!("v{n}"), Weight::micros(500_000 * (1 + chance.up_to(4) as u64))))
        .collect();
    let rankings = (0..voters)
        .map(|_| {
            let mut left: Vec<usize> = (0..options.len()).collect();
            let mut ranking = Vec::new();
            while !left.is_empty() {
                ranking.push(left.remove(chance.up_to(left.len())));
            }
            if complete {
                return Some(ranking);
            }
            match chance.up_to(10) {
                0 => None,
                1 => Some(Vec::new()),
                _ => {
                    ranking.truncate(1 + chance.up_to(options.len()));
                    Some(ranking)
                }
            }
        })
        .collect();
    let threshold = 51 + chance.up_to(49);
    Random { options, electorate, rankings, threshold, quorum: 10 * chance.up_to(11) }
}

impl Random {
    fn count(&self, method: Method) -> Tally {
        let mut rule = Rule::of(method);
        rule.tie_break = Vec::new();
        rule.quorum = Quorum::Share(Share::percent(self.quorum as u64));
        if matches!(method, Method::Supermajority | Method::Weighted) {
            rule.threshold = Some(Share::percent(self.threshold as u64));
        }
        let says: Vec<(String, Says)> = self
            .rankings
            .iter()
            .zip(&self.electorate)
            .filter_map(|(ranking, (voter, _))| {
                let names: Vec<String> =
                    ranking.as_ref()?.iter().map(|at| self.options[*at].clone()).collect();
                let says = match (names.first(), method) {
                    (None, _) => Says::Abstain,
                    (Some(_), Method::Ranked) => Says::Ranking { options: names },
                    (Some(first), _) => Says::Choice { option: first.clone() },
                };
                Some((voter.clone(), says))
            })
            .collect();
        let ballots: Vec<Cast<'_>> =
            says.iter().map(|(voter, says)| Cast { voter, says }).collect();
        Count {
            rule: &rule,
            options: &self.options,
            electorate: &self.electorate,
            ballots: &ballots,
            creator: None,
            draw: None,
        }
        .tally()
    }

    /// The definitions of MISSION 2.1 in the plainest way: floating hundredths of small whole
    /// numbers, each option looked at on its own.
    fn expected(&self, method: Method) -> (Outcome, Option<String>) {
        let part = self.rankings.iter().flatten().count();
        let chosen: Vec<&Vec<usize>> =
            self.rankings.iter().flatten().filter(|ranking| !ranking.is_empty()).collect();
        if part * 100 < self.quorum * self.electorate.len() {
            return (Outcome::NoQuorum, None);
        }
        if chosen.is_empty() {
            return (Outcome::Failed, None);
        }
        let missed = if self.options.len() > 2 { Outcome::Deadlock } else { Outcome::Failed };
        let heads = |option: usize| chosen.iter().filter(|ranking| ranking[0] == option).count();
        let halves = |option: usize| -> usize {
            self.rankings
                .iter()
                .zip(&self.electorate)
                .filter(|(ranking, _)| {
                    ranking.as_ref().and_then(|ranking| ranking.first()) == Some(&option)
                })
                .map(|(_, (_, weight))| usize::try_from(weight.in_micros() / 500_000).unwrap())
                .sum()
        };
        let all_halves: usize = self
            .electorate
            .iter()
            .map(|(_, weight)| usize::try_from(weight.in_micros() / 500_000).unwrap())
            .sum();
        let every = 0..self.options.len();
        let good: Vec<usize> = match method {
            Method::Unanimous => every.filter(|o| heads(*o) == chosen.len()).collect(),
            Method::Supermajority => {
                every.filter(|o| heads(*o) * 100 >= self.threshold * chosen.len()).collect()
            }
            Method::Majority => {
                let won: Vec<usize> =
                    every.clone().filter(|o| heads(*o) * 2 > chosen.len()).collect();
                let half: Vec<usize> = every.filter(|o| heads(*o) * 2 == chosen.len()).collect();
                if half.len() == 2 { half } else { won }
            }
            Method::Plurality => {
                let most = every.clone().map(heads).max().unwrap();
                every.filter(|o| heads(*o) == most).collect()
            }
            Method::Weighted => {
                every.filter(|o| halves(*o) * 100 >= self.threshold * all_halves).collect()
            }
            Method::Ranked => return self.run_off(&chosen, missed),
        };
        match good.as_slice() {
            [] => (missed, None),
            [one] => (Outcome::Decided, Some(self.options[*one].clone())),
            _ => (Outcome::Tie, None),
        }
    }

    /// Instant run-off by names and maps, with the rule for the last place of docs/votes.md.
    fn run_off(&self, chosen: &[&Vec<usize>], missed: Outcome) -> (Outcome, Option<String>) {
        let mut left: Vec<usize> = (0..self.options.len()).collect();
        let mut history: Vec<BTreeMap<usize, usize>> = Vec::new();
        loop {
            let mut piles: BTreeMap<usize, usize> = left.iter().map(|o| (*o, 0)).collect();
            for ranking in chosen {
                if let Some(first) = ranking.iter().find(|o| left.contains(o)) {
                    *piles.get_mut(first).unwrap() += 1;
                }
            }
            let counted: usize = piles.values().sum();
            if counted == 0 {
                return (missed, None);
            }
            if let Some((winner, _)) = piles.iter().find(|(_, pile)| **pile * 2 > counted) {
                return (Outcome::Decided, Some(self.options[*winner].clone()));
            }
            if left.len() == 2 {
                return (Outcome::Tie, None);
            }
            history.push(piles);
            // The whole past of each, the newest first: the smallest goes, of equals the last.
            let past =
                |o: &usize| -> Vec<usize> { history.iter().rev().map(|piles| piles[o]).collect() };
            let smallest = left.iter().map(past).min().unwrap();
            let lowest: Vec<usize> = left.iter().copied().filter(|o| past(o) == smallest).collect();
            if lowest.len() == left.len() {
                return (Outcome::Tie, None);
            }
            let out = *lowest.last().unwrap();
            left.retain(|o| *o != out);
        }
    }
}

#[test]
fn all_six_methods_agree_with_the_definitions_on_ten_thousand_elections() {
    let mut chance = Chance(5);
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for number in 0..10_000 {
        let election = random(&mut chance, false);
        for method in Method::ALL {
            let tally = election.count(method);
            let expected = election.expected(method);
            assert_eq!(
                (tally.outcome, tally.winner.clone()),
                expected,
                "{number} {method:?} {election:?}"
            );
            assert_eq!(tally.winner.is_some(), tally.outcome == Outcome::Decided);
            *seen.entry((method.word(), tally.outcome.word())).or_default() += 1;
        }
    }
    // Each outcome that a method can have was met, so that nothing agrees by being empty.
    for (method, outcomes) in [
        ("unanimous", &["decided", "failed", "deadlock", "no_quorum"][..]),
        ("supermajority", &["decided", "failed", "deadlock", "no_quorum"]),
        ("majority", &["decided", "failed", "deadlock", "tie", "no_quorum"]),
        ("plurality", &["decided", "tie", "no_quorum"]),
        ("ranked", &["decided", "tie", "no_quorum"]),
        ("weighted", &["decided", "failed", "deadlock", "no_quorum"]),
    ] {
        for outcome in outcomes {
            assert!(seen.contains_key(&(method, outcome)), "{method} never {outcome}: {seen:?}");
        }
    }
}

#[test]
fn plurality_and_run_off_agree_with_the_crate_vote_on_ten_thousand_elections() {
    let mut chance = Chance(7);
    let (mut decided, mut tied) = (0, 0);
    for number in 0..10_000 {
        let election = Random { quorum: 0, ..random(&mut chance, true) };
        let profile: Vec<Vec<usize>> = election.rankings.iter().flatten().cloned().collect();
        let profile = ::vote::Preference::new(profile).expect("complete rankings");
        let name = |o: &usize| election.options[*o].clone();

        let mine = election.count(Method::Plurality);
        let theirs = ::vote::plurality(&profile);
        match theirs.winners() {
            [one] => assert_eq!(mine.winner, Some(name(one)), "{number}"),
            several => {
                let mut names: Vec<String> = several.iter().map(name).collect();
                names.sort();
                assert_eq!((mine.outcome, mine.tied), (Outcome::Tie, names), "{number}");
            }
        }

        let mine = election.count(Method::Ranked);
        let theirs = ::vote::instant_runoff(&profile);
        // It stops where several are lowest; up to there every count must be the same.
        for (own, other) in mine.rounds.iter().zip(theirs.rounds()) {
            let mut piles: Vec<(String, u64)> = other
                .tallies
                .groups()
                .iter()
                .flat_map(|group| {
                    let votes = u64::try_from(group.score).unwrap();
                    group.candidates.iter().map(move |o| (o, votes))
                })
                .map(|(o, votes)| (name(o), votes))
                .collect();
            piles.sort();
            assert_eq!(own.votes, piles, "{number}");
            if let Some(out) = &other.eliminated {
                assert_eq!(own.eliminated.as_ref().map(|out| out.option.clone()), Some(name(out)));
            }
        }
        match theirs.outcome() {
            ::vote::RunoffOutcome::Winner(one) => {
                decided += 1;
                assert_eq!(mine.winner, Some(name(one)), "{number}");
                assert_eq!(mine.rounds.len(), theirs.rounds().len(), "{number}");
            }
            ::vote::RunoffOutcome::EliminationTie(lowest) => {
                tied += 1;
                let last = &mine.rounds[theirs.rounds().len() - 1];
                if let Some(out) = &last.eliminated {
                    let names: Vec<String> = lowest.iter().map(name).collect();
                    assert!(names.contains(&out.option), "{number}: {out:?} {names:?}");
                    assert_ne!(out.by, Elimination::Fewest);
                } else {
                    assert_eq!(mine.outcome, Outcome::Tie, "{number}");
                }
            }
        }
    }
    assert!(decided > 2_000 && tied > 2_000, "{decided} {tied}");
}
