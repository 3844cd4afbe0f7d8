//! The words of `orkestra vote` and `orkestra stats`.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Questions that are decided by a rule.
#[derive(Debug, Subcommand)]
pub(crate) enum Vote {
    /// Open a vote
    Open(Box<OpenVote>),
    /// Ask several agents one question: answers alone, refined after reading the others, one text of all
    Ask(AskVote),
    /// Give a ballot as a person, or bring that of somebody outside; it is never changed
    Cast(CastVote),
    /// End a vote now with the ballots that are there; one that asks you is left undecided
    Close(OneVote),
    /// Decide what the voters could not
    Decide {
        /// Its id; the end of it is enough
        id: String,
        /// The option
        #[arg(long)]
        option: String,
        /// Why, in one sentence
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Show a vote: ballots, reasons, weights, rounds, outcome
    Show(OneVote),
    /// List votes, the newest first
    List {
        /// Only those in this state; `decided` is the list of decisions
        #[arg(long, value_enum, default_value_t = VoteState::All)]
        state: VoteState,
        /// How many at most
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Count the kept ballots again, round by round, and say whether the outcome is the same
    Replay(OneVote),
    /// Look whether ballots, rules and outcomes are as they were written, of one vote or of all
    Verify {
        /// Its id; all votes without it
        id: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Say afterwards whether what was decided was right
    Mark {
        /// Its id; the end of it is enough
        id: String,
        /// Whether it was
        #[arg(value_enum)]
        word: MarkWord,
        /// When it was wrong: the option that would have been right
        #[arg(long)]
        instead: Option<String>,
        /// Why, in one sentence
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Apply a rule to ballots from a file; needs no daemon
    Tally {
        /// The election as JSON; - is standard input
        file: PathBuf,
        #[command(flatten)]
        json: Json,
    },
}

/// In which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VoteState {
    /// In any
    All,
    /// It goes on
    Open,
    /// You are asked
    Asking,
    /// Something was decided
    Decided,
}

impl VoteState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Open => "open",
            Self::Asking => "asking",
            Self::Decided => "decided",
        }
    }
}

/// A judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MarkWord {
    /// It was right
    Right,
    /// It was wrong
    Wrong,
}

#[derive(Debug, Args)]
pub(crate) struct OneVote {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Electorate {
    /// Agents that vote: a,b,c
    #[arg(long, value_delimiter = ',')]
    pub(crate) agents: Vec<String>,
    /// People who vote: ann,bob
    #[arg(long, value_delimiter = ',')]
    pub(crate) people: Vec<String>,
    /// Voters outside, whose ballots you bring
    #[arg(long, value_delimiter = ',')]
    pub(crate) others: Vec<String>,
    /// The project in which agents look [default: the present folder]
    #[arg(long)]
    pub(crate) target: Option<PathBuf>,
    /// How long a round lasts at most (30m, 1h); as configured without it
    #[arg(long, value_name = "TIME")]
    pub(crate) deadline: Option<String>,
    /// The same key opens one vote, however often it is sent
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Wait until it is over
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct OpenVote {
    /// The question
    pub(crate) question: String,
    /// An option, as TEXT or ID=TEXT; two or more
    #[arg(long = "option", required = true)]
    pub(crate) options: Vec<String>,
    /// unanimous, supermajority, majority, plurality, ranked, weighted, or two_thirds: at least two
    /// thirds agree, or a person is asked
    #[arg(long, default_value = "majority")]
    pub(crate) method: String,
    /// The share that is needed: 0.66, 66%, 2/3
    #[arg(long)]
    pub(crate) threshold: Option<String>,
    /// How many must take part: 60%, 3/5, or 3 voters
    #[arg(long)]
    pub(crate) quorum: Option<String>,
    /// An emergency: everybody must take part
    #[arg(long, conflicts_with = "quorum")]
    pub(crate) emergency: bool,
    /// It is about safety: any voter may veto
    #[arg(long)]
    pub(crate) security: bool,
    /// The field of knowledge; weights are from its row of the table
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// From where weights are
    #[arg(long, value_name = "FROM", value_parser = ["one", "domain", "record"])]
    pub(crate) weights: Option<String>,
    /// The weight of one voter: NAME=2.0
    #[arg(long = "weight", value_name = "NAME=W")]
    pub(crate) weight: Vec<String>,
    /// How many rounds at most, 1 to 10; voters see each other's reasons from the second on
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: u32,
    /// What decides between equals, in this order: expertise,creator,random or person
    #[arg(long, value_delimiter = ',')]
    pub(crate) tie_break: Vec<String>,
    /// What is done when the threshold is not reached, in this order: runoff,mediation,person; none
    #[arg(long, value_delimiter = ',')]
    pub(crate) on_deadlock: Vec<String>,
    /// Who gave the task: the second tie-break
    #[arg(long)]
    pub(crate) creator: Option<String>,
    /// The agent that mediates; it must not vote
    #[arg(long)]
    pub(crate) mediator: Option<String>,
    /// What else voters must know
    #[arg(long)]
    pub(crate) detail: Option<String>,
    /// What it is about: `task_assignment`, conflict, emergency, decision …
    #[arg(long, default_value = "decision")]
    pub(crate) kind: String,
    /// A related file
    #[arg(long = "file")]
    pub(crate) files: Vec<String>,
    /// The vote that is asked anew
    #[arg(long)]
    pub(crate) follows: Option<String>,
    /// The task that it is about, by its whole id
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// The session that it is part of, by its whole id
    #[arg(long)]
    pub(crate) session: Option<String>,
    #[command(flatten)]
    pub(crate) who: Electorate,
}

#[derive(Debug, Args)]
pub(crate) struct AskVote {
    /// The question
    pub(crate) question: String,
    /// What else they must know
    #[arg(long)]
    pub(crate) detail: Option<String>,
    /// How many passes, 1 to 10
    #[arg(long, default_value_t = 2)]
    pub(crate) rounds: u32,
    /// Who makes one text of all answers [default: the first agent]
    #[arg(long)]
    pub(crate) synthesis: Option<String>,
    /// A related file
    #[arg(long = "file")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) who: Electorate,
}

#[derive(Debug, Args)]
pub(crate) struct CastVote {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    /// Whose ballot it is; the only person among the voters without it
    #[arg(long)]
    pub(crate) voter: Option<String>,
    /// One option
    #[arg(long, group = "says")]
    pub(crate) option: Option<String>,
    /// Options, the best first: a,b,c
    #[arg(long, value_delimiter = ',', group = "says")]
    pub(crate) ranking: Option<Vec<String>>,
    /// Take part without a choice
    #[arg(long, group = "says")]
    pub(crate) abstain: bool,
    /// No, for safety's sake
    #[arg(long, group = "says")]
    pub(crate) veto: bool,
    /// An answer in words, to an open question
    #[arg(long, group = "says")]
    pub(crate) answer: Option<String>,
    /// Why, in one sentence
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// How sure you are, 0 to 100
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) confidence: Option<u8>,
    #[command(flatten)]
    pub(crate) json: Json,
}
