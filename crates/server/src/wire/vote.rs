//! Votes, on the wire.

use orkestra_core::vote::{Absent, Ballot, Fault, RoundCount, Says, Tally, Vote, VoterKind};
use orkestra_engine::{Replayed, Side, Verified, VoteStats};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One option of a vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteOptionView {
    /// What ballots name it by.
    pub id: String,
    /// What it is.
    pub text: String,
    /// Who proposed it.
    pub proposed_by: Option<String>,
    /// What it got in the last round that was counted.
    pub votes: Option<u64>,
    /// The weight of that.
    pub weight: Option<f64>,
}

/// Who may vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoterView {
    /// The name.
    pub name: String,
    /// `agent`, `person`, `external`.
    pub kind: String,
    /// How much its word counts.
    pub weight: f64,
    /// From where that is: `one`, `domain cloud`, `record 3:1`, `given`.
    pub weight_from: String,
}

/// The vote before this one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteLinkView {
    /// Its id.
    pub vote: String,
    /// `runoff`, `compromise`, `revote`.
    pub kind: String,
}

/// What was decided.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteDecisionView {
    /// The option.
    pub option: String,
    /// What it is.
    pub text: String,
    /// `rule`, or a person.
    pub by: String,
    /// Why.
    pub why: String,
    /// When (RFC 3339).
    pub at: String,
    /// The later vote in which it was decided.
    pub vote: Option<String>,
}

/// A person's judgement on what was decided.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteMarkView {
    /// Whether it was right.
    pub right: bool,
    /// What would have been.
    pub instead: Option<String>,
    /// Why.
    pub why: Option<String>,
    /// Who says so.
    pub by: String,
    /// When (RFC 3339).
    pub at: String,
}

/// The rule of a vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteRuleView {
    /// `unanimous`, `supermajority`, `majority`, `plurality`, `ranked`, `weighted`.
    pub method: String,
    /// The share that is needed, where the method has one.
    pub threshold: Option<String>,
    /// How many must take part: a share or a number.
    pub quorum: String,
    /// What decides between equals, in this order.
    pub tie_break: Vec<String>,
    /// What is done when the threshold is not reached, in this order.
    pub on_deadlock: Vec<String>,
    /// How many rounds there are at most.
    pub rounds: u32,
    /// Whether any voter may veto.
    pub security: bool,
    /// In one sentence.
    pub says: String,
}

/// A voter from whom no ballot comes in a round.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteAbsentView {
    /// Who.
    pub voter: String,
    /// In which round.
    pub round: u32,
    /// Why.
    pub why: String,
}

/// A vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteView {
    /// Its id.
    pub id: String,
    /// The end of its id, for people.
    pub short: String,
    /// `options`, or `question` when an answer in words is asked for.
    pub form: String,
    /// The question.
    pub question: String,
    /// What else is to be known.
    pub detail: Option<String>,
    /// What it is about.
    pub kind: String,
    /// The field of knowledge.
    pub domain: Option<String>,
    /// The options.
    pub options: Vec<VoteOptionView>,
    /// By which rule.
    pub rule: VoteRuleView,
    /// Who may vote.
    pub electorate: Vec<VoterView>,
    /// Who gave the task, for the second tie-break.
    pub creator: Option<String>,
    /// The project in which agents look.
    pub target: Option<String>,
    /// The task that it is about.
    pub task: Option<String>,
    /// The session that it is part of.
    pub session: Option<String>,
    /// Who mediates.
    pub mediator: Option<String>,
    /// `open`, `mediating`, `closed`.
    pub state: String,
    /// The round, from 1.
    pub round: u32,
    /// When the round ends at the latest (RFC 3339).
    pub deadline: String,
    /// Ballots cast so far, over all rounds.
    pub cast: u32,
    /// What each round came to.
    pub tallies: Vec<TallyView>,
    /// Who changed its mind.
    pub changes: Vec<VoteChangeView>,
    /// Who gives no ballot.
    pub absent: Vec<VoteAbsentView>,
    /// `decided`, `failed`, `no_quorum`, `deadlock`, `tie`; nothing while it is open.
    pub outcome: Option<String>,
    /// Why, in one sentence.
    pub why: Option<String>,
    /// How far all agree: `unanimous`, `strong`, `majority`, `split`, `failed`.
    pub level: Option<String>,
    /// What was decided; nothing when it failed.
    pub decided: Option<VoteDecisionView>,
    /// What a person is asked.
    pub asks: Option<String>,
    /// The answer that was made of all, of a question.
    pub synthesis: Option<String>,
    /// The vote before it.
    pub follows: Option<VoteLinkView>,
    /// The vote after it.
    pub next: Option<String>,
    /// A person's judgement.
    pub mark: Option<VoteMarkView>,
    /// The last link of its chain of hashes.
    pub hash: String,
    /// Who opened it.
    pub opened_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// When it was over (RFC 3339).
    pub closed_at: Option<String>,
}

/// Votes, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteList {
    /// The page.
    pub votes: Vec<VoteView>,
    /// Where the next page begins: `before=` this.
    pub next: Option<String>,
}

/// One ballot.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BallotView {
    /// Its place in the chain, from 1.
    pub number: u32,
    /// In which round.
    pub round: u32,
    /// Whose.
    pub voter: String,
    /// One option.
    pub choice: Option<String>,
    /// Options, the best first.
    pub ranking: Option<Vec<String>>,
    /// Present, without a choice.
    pub abstain: bool,
    /// No, for safety's sake.
    pub veto: bool,
    /// The answer, of a question.
    pub answer: Option<String>,
    /// What changed in the answer, in the voter's words.
    pub changed: Option<String>,
    /// Why.
    pub reason: String,
    /// How sure, 0 to 100.
    pub confidence: Option<u8>,
    /// When (RFC 3339).
    pub at: String,
    /// Who brought it.
    pub by: String,
    /// The run that gave it.
    pub run: Option<String>,
    /// The hash before it.
    pub before: String,
    /// Its own hash.
    pub hash: String,
}

/// One counting.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RoundCountView {
    /// From 1.
    pub round: u32,
    /// Votes by option; those that are out are missing.
    pub votes: BTreeMap<String, u64>,
    /// Ballots that name no option that is left.
    pub exhausted: u64,
    /// The option that goes.
    pub eliminated: Option<String>,
    /// All that had the fewest, when there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<String>,
    /// Why this one of them: `earlier_rounds`, `order`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How a tie was broken.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TieBreakView {
    /// `expertise`, `creator`, `random`.
    pub by: String,
    /// Whose choice it was.
    pub voter: Option<String>,
    /// The lot, from 0 up to 1.
    pub draw: Option<f64>,
}

/// What one option got.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScoreView {
    /// Which option.
    pub option: String,
    /// Heads.
    pub votes: u64,
    /// Their weight.
    pub weight: f64,
}

/// What the ballots of one round came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TallyView {
    /// `decided`, `failed`, `no_quorum`, `deadlock`, `tie`.
    pub outcome: String,
    /// The option that has won; only when it is decided.
    pub winner: Option<String>,
    /// How far all agree.
    pub level: String,
    /// Voters who may vote.
    pub electorate: u64,
    /// Voters who took part, abstentions included.
    pub participated: u64,
    /// Voters who chose.
    pub chose: u64,
    /// How many must take part.
    pub quorum: u64,
    /// What each option got.
    pub scores: Vec<ScoreView>,
    /// Each counting; only an instant run-off has several.
    pub rounds: Vec<RoundCountView>,
    /// Options that were equal at the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<String>,
    /// How that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_break: Option<TieBreakView>,
    /// Who vetoed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vetoed_by: Vec<String>,
    /// In one sentence.
    pub why: String,
}

/// A voter who changed its mind.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteChangeView {
    /// Who.
    pub voter: String,
    /// In which round.
    pub round: u32,
    /// What it said before.
    pub from: String,
    /// What it says now.
    pub to: String,
}

/// What agents were told beside the question.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteContextView {
    /// Lines of the project.
    pub found: Vec<String>,
    /// Related files.
    pub files: Vec<String>,
    /// The newest commits.
    pub commits: Vec<String>,
}

/// A vote with everything about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteDetail {
    /// The vote.
    #[serde(flatten)]
    pub vote: VoteView,
    /// Its ballots, in the order in which they were cast.
    pub ballots: Vec<BallotView>,
    /// What agents were told beside the question.
    pub context: VoteContextView,
    /// The command that shows it.
    pub cli: String,
}

/// An option, as asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteOptionRequest {
    /// What ballots name it by.
    pub id: String,
    /// What it is; the id without it.
    #[serde(default)]
    pub text: Option<String>,
    /// Who proposed it.
    #[serde(default)]
    pub proposed_by: Option<String>,
}

/// A voter, as asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoterRequest {
    /// The name.
    pub name: String,
    /// `agent`, `person`, `external`.
    pub kind: String,
    /// Its weight.
    #[serde(default)]
    pub weight: Option<f64>,
}

/// A vote, as asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteRequest {
    /// The question.
    pub question: String,
    /// `options` [options], or `question` for answers in words.
    #[serde(default)]
    pub form: Option<String>,
    /// What else is to be known.
    #[serde(default)]
    pub detail: Option<String>,
    /// What it is about [decision].
    #[serde(default)]
    pub kind: Option<String>,
    /// The field of knowledge, for weights.
    #[serde(default)]
    pub domain: Option<String>,
    /// The options.
    #[serde(default)]
    pub options: Vec<VoteOptionRequest>,
    /// `unanimous`, `supermajority`, `majority` [majority], `plurality`, `ranked`, `weighted`, or
    /// `two_thirds`: at least two thirds agree, or a person is asked.
    #[serde(default)]
    pub method: Option<String>,
    /// The share that is needed: `0.66`, `66 %`, `2/3`.
    #[serde(default)]
    pub threshold: Option<String>,
    /// How many must take part: a share, or a number of voters [as configured].
    #[serde(default)]
    pub quorum: Option<String>,
    /// An emergency: everybody must take part.
    #[serde(default)]
    pub emergency: bool,
    /// It is about safety: any voter may veto.
    #[serde(default)]
    pub security: bool,
    /// What decides between equals [expertise, creator, random].
    #[serde(default)]
    pub tie_break: Option<Vec<String>>,
    /// What is done when the threshold is not reached [runoff, mediation, person].
    #[serde(default)]
    pub on_deadlock: Option<Vec<String>>,
    /// Rounds, 1 to 10 [1; 2 for answers in words].
    #[serde(default)]
    pub rounds: Option<u32>,
    /// Who may vote.
    pub voters: Vec<VoterRequest>,
    /// From where weights are that are not given: `one`, `domain`, `record`.
    #[serde(default)]
    pub weights_from: Option<String>,
    /// Who gave the task, for the second tie-break.
    #[serde(default)]
    pub creator: Option<String>,
    /// The project in which agents look.
    #[serde(default)]
    pub target: Option<String>,
    /// Related files.
    #[serde(default)]
    pub files: Vec<String>,
    /// The task that it is about, by its whole id.
    #[serde(default)]
    pub task: Option<String>,
    /// The session that it is part of, by its whole id.
    #[serde(default)]
    pub session: Option<String>,
    /// How long a round lasts (`1h`) [as configured].
    #[serde(default)]
    pub deadline: Option<String>,
    /// Who mediates, or makes one text of all answers.
    #[serde(default)]
    pub mediator: Option<String>,
    /// The vote that is asked anew.
    #[serde(default)]
    pub follows: Option<String>,
}

/// A ballot, as brought by a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BallotRequest {
    /// Whose; the only person among the voters without it.
    #[serde(default)]
    pub voter: Option<String>,
    /// One option.
    #[serde(default)]
    pub option: Option<String>,
    /// Options, the best first.
    #[serde(default)]
    pub ranking: Option<Vec<String>>,
    /// Present, without a choice.
    #[serde(default)]
    pub abstain: bool,
    /// No, for safety's sake.
    #[serde(default)]
    pub veto: bool,
    /// An answer in words, of a question.
    #[serde(default)]
    pub answer: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// How sure, 0 to 100.
    #[serde(default)]
    pub confidence: Option<u8>,
}

/// What a person decides where the voters could not.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteDecideRequest {
    /// The option.
    pub option: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A person's judgement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteMarkRequest {
    /// Whether it was right.
    pub right: bool,
    /// When it was wrong: what would have been right.
    #[serde(default)]
    pub instead: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteFaultView {
    /// The vote.
    pub vote: String,
    /// The ballot's place in the chain; nothing when it is about the vote itself.
    pub ballot: Option<u32>,
    /// What is wrong.
    pub what: String,
}

/// What looking through votes came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteVerifyView {
    /// Whether all is as it was written.
    pub ok: bool,
    /// Votes that were looked at.
    pub votes: usize,
    /// Ballots that were looked at.
    pub ballots: usize,
    /// What is not as it was written.
    pub faults: Vec<VoteFaultView>,
}

/// One round, as it was kept and as it is counted now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayedRound {
    /// From 1.
    pub round: u32,
    /// As it was kept.
    pub kept: Option<TallyView>,
    /// As it is counted now.
    pub counted: TallyView,
    /// Whether both are equal.
    pub same: bool,
}

/// What counting again came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteReplayView {
    /// The vote.
    pub vote: VoteView,
    /// Round by round.
    pub rounds: Vec<ReplayedRound>,
    /// Whether everything is equal.
    pub same: bool,
}

/// One voter's or agent's record.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteRecordView {
    /// The name.
    pub name: String,
    /// Its work that was verified.
    pub verified: u64,
    /// Refuted.
    pub refuted: u64,
    /// Failed.
    pub failed: u64,
    /// Votes in which it chose and that decided something.
    pub votes: u64,
    /// Of those that were marked: it chose what was right.
    pub right: u64,
    /// It chose what was wrong.
    pub wrong: u64,
    /// It took part without a choice.
    pub abstained: u64,
    /// How often it is right, smoothed.
    pub accuracy: f64,
    /// The weight that this gives.
    pub weight: f64,
}

/// Work of one side.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SideView {
    /// Verified.
    pub verified: u64,
    /// Refuted or failed.
    pub other: u64,
    /// The verified share; nothing without any.
    pub share: Option<f64>,
}

/// Track records, how votes compare with the best single voter, and whether several beat one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatsView {
    /// By name.
    pub records: Vec<VoteRecordView>,
    /// Votes that decided something.
    pub votes_decided: u64,
    /// Of those, marked right.
    pub votes_right: u64,
    /// Marked wrong.
    pub votes_wrong: u64,
    /// The share of marked votes that were right.
    pub votes_share: Option<f64>,
    /// The voter that would have been right most often.
    pub best_voter: Option<String>,
    /// Its share, of the marked votes in which it chose.
    pub best_share: Option<f64>,
    /// Work of one agent on its own.
    pub solo: SideView,
    /// Work in sessions of several agents.
    pub team: SideView,
    /// What the figures say, in one sentence each.
    pub says: Vec<String>,
}

impl VoteView {
    /// As clients see it.
    pub fn new(vote: &Vote) -> Self {
        let last = vote.tallies.last();
        let rule = &vote.rule;
        Self {
            id: vote.id.to_string(),
            short: vote.id.short(),
            form: vote.form.word().to_owned(),
            question: vote.question.clone(),
            detail: vote.detail.clone(),
            kind: vote.kind.clone(),
            domain: vote.domain.clone(),
            options: vote
                .options
                .iter()
                .map(|option| {
                    let score = last.and_then(|tally| {
                        tally.scores.iter().find(|score| score.option == option.id)
                    });
                    VoteOptionView {
                        id: option.id.clone(),
                        text: option.text.clone(),
                        proposed_by: option.proposed_by.clone(),
                        votes: score.map(|score| score.votes),
                        weight: score.map(|score| score.weight.number()),
                    }
                })
                .collect(),
            rule: VoteRuleView {
                method: rule.method.word().to_owned(),
                threshold: rule.effective_threshold().map(|share| share.to_string()),
                quorum: rule.quorum.to_string(),
                tie_break: rule.tie_break.iter().map(|one| one.word().to_owned()).collect(),
                on_deadlock: rule.on_deadlock.iter().map(|one| one.word().to_owned()).collect(),
                rounds: rule.rounds,
                security: rule.security,
                says: rule.in_words(),
            },
            electorate: vote
                .electorate
                .iter()
                .map(|voter| VoterView {
                    name: voter.name.clone(),
                    kind: voter.kind.word().to_owned(),
                    weight: voter.weight.number(),
                    weight_from: voter.weight_from.clone(),
                })
                .collect(),
            creator: vote.creator.clone(),
            target: vote.target.clone(),
            task: vote.task.map(|task| task.to_string()),
            session: vote.session.map(|session| session.to_string()),
            mediator: vote.mediator.clone(),
            state: vote.state.word().to_owned(),
            round: vote.round,
            deadline: vote.deadline.to_string(),
            cast: vote.cast,
            tallies: vote.tallies.iter().map(TallyView::from).collect(),
            changes: vote
                .changes
                .iter()
                .map(|change| VoteChangeView {
                    voter: change.voter.clone(),
                    round: change.round,
                    from: change.from.clone(),
                    to: change.to.clone(),
                })
                .collect(),
            absent: vote.absent.iter().map(VoteAbsentView::from).collect(),
            outcome: vote.outcome.map(|outcome| outcome.word().to_owned()),
            why: vote.why.clone(),
            level: last.map(|tally| tally.level.word().to_owned()),
            decided: vote.decided.as_ref().map(|decided| VoteDecisionView {
                option: decided.option.clone(),
                text: decided.text.clone(),
                by: decided.by.clone(),
                why: decided.why.clone(),
                at: decided.at.to_string(),
                vote: decided.vote.map(|vote| vote.to_string()),
            }),
            asks: vote.asks.clone(),
            synthesis: vote.synthesis.clone(),
            follows: vote.follows.map(|link| VoteLinkView {
                vote: link.vote.to_string(),
                kind: link.kind.word().to_owned(),
            }),
            next: vote.next.map(|next| next.to_string()),
            mark: vote.mark.as_ref().map(|mark| VoteMarkView {
                right: mark.right,
                instead: mark.instead.clone(),
                why: mark.why.clone(),
                by: mark.by.clone(),
                at: mark.at.to_string(),
            }),
            hash: vote.last.clone(),
            opened_by: vote.opened_by.clone(),
            created_at: vote.created_at.to_string(),
            closed_at: vote.closed_at.map(|at| at.to_string()),
        }
    }
}

impl From<&Ballot> for BallotView {
    fn from(ballot: &Ballot) -> Self {
        let (choice, ranking) = match &ballot.says {
            Says::Choice { option } => (Some(option.clone()), None),
            Says::Ranking { options } => (None, Some(options.clone())),
            Says::Abstain | Says::Veto | Says::Answer { .. } => (None, None),
        };
        let (answer, changed) = match &ballot.says {
            Says::Answer { text, changed } => (Some(text.clone()), changed.clone()),
            _ => (None, None),
        };
        Self {
            number: ballot.number,
            round: ballot.round,
            voter: ballot.voter.clone(),
            choice,
            ranking,
            abstain: ballot.says == Says::Abstain,
            veto: ballot.says == Says::Veto,
            answer,
            changed,
            reason: ballot.reason.clone(),
            confidence: ballot.confidence,
            at: ballot.at.to_string(),
            by: ballot.by.clone(),
            run: ballot.run.map(|run| run.to_string()),
            before: ballot.before.clone(),
            hash: ballot.hash.clone(),
        }
    }
}

impl From<&RoundCount> for RoundCountView {
    fn from(round: &RoundCount) -> Self {
        use orkestra_core::vote::Elimination;
        let out = round.eliminated.as_ref();
        let by = out.and_then(|out| match out.by {
            Elimination::Fewest => None,
            Elimination::EarlierRounds => Some("earlier_rounds".to_owned()),
            Elimination::Order => Some("order".to_owned()),
        });
        Self {
            round: round.round,
            votes: round.votes.iter().cloned().collect(),
            exhausted: round.exhausted,
            eliminated: out.map(|out| out.option.clone()),
            tied: out.map(|out| out.tied.clone()).unwrap_or_default(),
            by,
        }
    }
}

impl From<&Tally> for TallyView {
    fn from(tally: &Tally) -> Self {
        Self {
            outcome: tally.outcome.word().to_owned(),
            winner: tally.winner.clone(),
            level: tally.level.word().to_owned(),
            electorate: tally.electorate,
            participated: tally.participated,
            chose: tally.chose,
            quorum: tally.quorum,
            scores: tally
                .scores
                .iter()
                .map(|score| ScoreView {
                    option: score.option.clone(),
                    votes: score.votes,
                    weight: score.weight.number(),
                })
                .collect(),
            rounds: tally.rounds.iter().map(RoundCountView::from).collect(),
            tied: tally.tied.clone(),
            tie_break: tally.tie_break.as_ref().map(|broken| TieBreakView {
                by: broken.by.word().to_owned(),
                voter: broken.voter.clone(),
                draw: broken.draw.map(|draw| draw as f64 / orkestra_core::vote::LOTS as f64),
            }),
            vetoed_by: tally.vetoed_by.clone(),
            why: tally.why.clone(),
        }
    }
}

impl VoteDetail {
    /// As clients see it.
    pub fn new(vote: &Vote, ballots: &[Ballot]) -> Self {
        Self {
            vote: VoteView::new(vote),
            ballots: ballots.iter().map(BallotView::from).collect(),
            context: VoteContextView {
                found: vote.context.found.clone(),
                files: vote.context.files.clone(),
                commits: vote.context.commits.clone(),
            },
            cli: format!("orkestra vote show {}", vote.id.short()),
        }
    }
}

impl From<&Absent> for VoteAbsentView {
    fn from(absent: &Absent) -> Self {
        Self { voter: absent.voter.clone(), round: absent.round, why: absent.why.clone() }
    }
}

impl From<&Fault> for VoteFaultView {
    fn from(fault: &Fault) -> Self {
        Self { vote: fault.vote.to_string(), ballot: fault.ballot, what: fault.what.clone() }
    }
}

impl From<&Verified> for VoteVerifyView {
    fn from(verified: &Verified) -> Self {
        Self {
            ok: verified.faults.is_empty(),
            votes: verified.votes,
            ballots: verified.ballots,
            faults: verified.faults.iter().map(VoteFaultView::from).collect(),
        }
    }
}

impl From<&Replayed> for VoteReplayView {
    fn from(replayed: &Replayed) -> Self {
        let rounds =
            replayed.rounds.iter().zip(1_u32..).map(|((kept, counted), round)| ReplayedRound {
                round,
                kept: kept.as_ref().map(TallyView::from),
                counted: TallyView::from(counted),
                same: kept.as_ref() == Some(counted),
            });
        Self { vote: VoteView::new(&replayed.vote), rounds: rounds.collect(), same: replayed.same }
    }
}

impl From<Side> for SideView {
    fn from(side: Side) -> Self {
        Self { verified: side.verified, other: side.other, share: share(side.verified, side.other) }
    }
}

fn share(good: u64, bad: u64) -> Option<f64> {
    (good + bad > 0).then(|| good as f64 / (good + bad) as f64)
}

/// Figures below so many are no ground for a sentence.
const FEW: u64 = 5;

impl From<&VoteStats> for StatsView {
    fn from(stats: &VoteStats) -> Self {
        let mut names: Vec<&String> =
            stats.votes.voters.keys().chain(stats.agents.keys()).collect();
        names.sort();
        names.dedup();
        let records = names
            .into_iter()
            .map(|name| {
                let voted = stats.votes.voters.get(name).copied().unwrap_or_default();
                let worked = stats.agents.get(name).copied().unwrap_or_default();
                VoteRecordView {
                    name: name.clone(),
                    verified: worked.verified,
                    refuted: worked.refuted,
                    failed: worked.failed,
                    votes: voted.votes,
                    right: voted.right,
                    wrong: voted.wrong,
                    abstained: voted.abstained,
                    accuracy: voted.accuracy(),
                    weight: voted.weight().number(),
                }
            })
            .collect();
        let best = stats.votes.best.as_ref().and_then(|name| stats.votes.voters.get(name));
        let best_share = best.and_then(|best| share(best.right, best.wrong));
        let votes_share = share(stats.votes.right, stats.votes.wrong);
        let (solo, team) = (SideView::from(stats.solo), SideView::from(stats.team));
        let mut says = Vec::new();
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        if let (Some(votes), Some(one), Some(name)) = (votes_share, best_share, &stats.votes.best) {
            let marked = stats.votes.right + stats.votes.wrong;
            says.push(format!(
                "Votes were right in {} of {marked} marked; {name}, the best single voter, in {}.",
                percent(votes),
                percent(one)
            ));
            if marked < FEW {
                says.push(format!("{marked} marked votes are too few to learn from."));
            }
        } else {
            says.push("No vote was marked yet: orkestra vote mark ID right|wrong.".to_owned());
        }
        match (solo.share, team.share) {
            (Some(alone), Some(together)) => {
                says.push(format!(
                    "Work was verified in {} of cases by one agent, in {} in sessions of several.",
                    percent(alone),
                    percent(together)
                ));
                if (solo.verified + solo.other).min(team.verified + team.other) < FEW {
                    says.push("Those are too few to learn from.".to_owned());
                }
            }
            _ => says.push(
                "There is no work of both one agent and several yet, so they cannot be compared."
                    .to_owned(),
            ),
        }
        Self {
            records,
            votes_decided: stats.votes.decided,
            votes_right: stats.votes.right,
            votes_wrong: stats.votes.wrong,
            votes_share,
            best_voter: stats.votes.best.clone(),
            best_share,
            solo,
            team,
            says,
        }
    }
}

/// The word of a kind of voters.
pub fn voter_kind(word: &str) -> Option<VoterKind> {
    [VoterKind::Agent, VoterKind::Person, VoterKind::External]
        .into_iter()
        .find(|kind| kind.word() == word)
}
