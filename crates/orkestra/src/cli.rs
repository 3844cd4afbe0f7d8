//! The command line: `noun verb`, plus a few short verbs.

mod agent;
mod approval;
mod bridge;
mod check;
mod context;
mod gate;
mod job;
mod merge;
mod money;
mod project;
mod review;
mod session;
mod ship;
mod task;
mod top;
mod vote;

pub(crate) use agent::*;
pub(crate) use approval::*;
pub(crate) use bridge::Bridge;
pub(crate) use check::*;
pub(crate) use context::*;
pub(crate) use gate::*;
pub(crate) use job::*;
pub(crate) use merge::*;
pub(crate) use money::*;
pub(crate) use project::*;
pub(crate) use review::*;
pub(crate) use session::*;
pub(crate) use ship::*;
pub(crate) use task::*;
pub(crate) use top::Top;
pub(crate) use vote::*;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Keeps your programs and AI agents running and remembers everything.
///
/// Start it with `orkestra up`. It reads orkestra.yaml, keeps what is named there alive, and
/// shows it in a browser. Everything that happens is in its journal.
#[derive(Debug, Parser)]
#[command(name = "orkestra", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The data folder [default: $ORKESTRA_HOME or ~/.orkestra]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// The configuration [default: $ORKESTRA_CONFIG, ./orkestra.yaml or ~/.orkestra/orkestra.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Every verb; one file each in `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the daemon and everything it keeps running
    Up(Up),
    /// End the daemon, and with it everything it keeps running
    Down(Down),
    /// Show what needs you, what runs and what rests
    Status(Json),
    /// Watch units live, and start, stop and restart them by keys
    Top(Top),
    /// Check whether everything Orkestra needs is there
    Doctor(Json),
    /// Show how the house is: disk, memory, database, journal, units; the exit code says it too
    Health(Health),
    /// Take away what is older than the configuration wants it kept
    Prune(Prune),
    /// Show alerts and settle them
    #[command(subcommand)]
    Alert(Alert),
    /// Show who is told of alerts, and test it
    #[command(subcommand)]
    Notify(Notify),
    /// Put verified work into a branch, and see what is in the way
    Merge(Merge),
    /// Show what is done in the outer world, and settle what nobody knows the outcome of
    #[command(subcommand)]
    Effect(Effect),
    /// Show what agents ask you, and what was answered
    #[command(subcommand)]
    Approval(Approval),
    /// Let an agent do what it asked
    Approve(Approve),
    /// Do not let an agent do what it asked
    Deny(Deny),
    /// Say what agents may do and why, and take back rules that you made by wider approvals
    #[command(subcommand)]
    Gate(Gate),
    /// Write a first orkestra.yaml
    Init(Init),
    /// Give an agent a task, or look at such runs
    ///
    /// Subcommand words win: `orkestra run -- list` asks an agent to "list".
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Run(Run),
    /// Name a repository and who works there, and begin, halt and end its sessions
    #[command(subcommand)]
    Project(Project),
    /// Look at sessions, goals that several agents work on, and say what is to become of them
    #[command(subcommand)]
    Session(Session),
    /// Look after the queue of work: make, change, take, hand over and cancel tasks
    #[command(subcommand)]
    Task(Task),
    /// Look at what others say of an agent's work, ask for it, and decide
    #[command(subcommand)]
    Review(Review),
    /// Start, stop and look at units
    #[command(subcommand)]
    Unit(Unit),
    /// Look at and run what is done on a timetable
    #[command(subcommand)]
    Job(Job),
    /// Show what a unit wrote
    Logs(Logs),
    /// Show the journal
    Events(Events),
    /// Verify, export and anchor the journal
    #[command(subcommand)]
    Audit(Audit),
    /// Show and check the configuration
    #[command(subcommand)]
    Config(Config),
    /// Make, list, verify and put back backups
    #[command(subcommand)]
    Backup(Backup),
    /// Keep the work as it is now, and put it back as it was
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Replace a running daemon by this program; what runs goes on
    Upgrade(Upgrade),
    /// Look whether the secrets of the configuration are there
    #[command(subcommand)]
    Secret(Secret),
    /// Show which agents can be started here
    Agents(Json),
    /// Look at agents one by one, try them, hold them back and let them go on
    #[command(subcommand)]
    Agent(Agent),
    /// Show what agents used and what it cost
    Usage(Usage),
    /// Look at issues of GitHub that become runs
    #[command(subcommand, name = "github")]
    GitHub(GitHub),
    /// Say what agents may spend
    #[command(subcommand)]
    Budget(BudgetVerb),
    /// Decide questions by a rule, with ballots that are kept
    #[command(subcommand)]
    Vote(Vote),
    /// Show track records, and whether several are better than one
    Stats(Json),
    /// Print a link that logs a browser in once
    Dashboard(Json),
    /// Print a script that completes commands in your shell
    Completions(Completions),
    /// Print the manual page, or write all pages into a folder
    Man(Man),
    /// Write units from the configuration of another supervisor
    Import(Import),
    /// Let systemd or launchd start the daemon and keep it running
    #[command(subcommand)]
    Service(Service),
    /// Ask before a tool call; started by agents
    #[command(hide = true)]
    AgentHook(AgentHook),
    /// Speak for an agent that has no program of its own; started by the daemon
    #[command(hide = true, name = "agent-bridge")]
    Bridge(Bridge),
    /// Keep the daemon running; started by `up --detach`
    #[command(hide = true)]
    Keep(Keep),
}

/// For every verb (MISSION row 51).
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Json {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Go on in the background
    #[arg(long, short = 'd')]
    pub(crate) detach: bool,
    /// Set by --detach: print no login link, since the output goes to a log
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) background: bool,
    /// The port on this machine; 0 takes a free one [default: 8000]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// End the daemon only; units and agents go on and are taken over by the next `up`
    #[arg(long)]
    pub(crate) keep_units: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Also recompute the whole journal, and write down what changed
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only say what it would be
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// Show alerts that are not over, the newest first
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Show one alert
    Show {
        /// The alert's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Say that you have seen to it; it is told again if it gets worse, or is still so in an hour
    Settle {
        /// The alert's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Notify {
    /// Show who is told of alerts
    List(Json),
    /// Send a test message as an alert would be sent, and say what became of it
    Test {
        /// The notification's name in the configuration
        name: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Effect {
    /// Show effects that are not done, the newest first
    List {
        /// Also those that are done
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Say what became of an effect whose outcome is unknown, or let it be tried again
    Settle {
        /// The effect's id, or its end
        id: String,
        /// It happened; it did not and shall not; or do it again, even if that is twice
        #[arg(long = "as", value_enum)]
        how: SettleAs,
        #[command(flatten)]
        json: Json,
    },
}

/// What a person says of an effect.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum SettleAs {
    /// It happened
    Done,
    /// It did not happen, and shall not
    Failed,
    /// Do it again, even if that is twice
    Retry,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to write it
    #[arg(default_value = "orkestra.yaml")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(subcommand)]
    pub(crate) verb: Option<RunVerb>,
    #[command(flatten)]
    pub(crate) new: NewRun,
}

#[derive(Debug, Args)]
pub(crate) struct NewRun {
    /// What the agent is to do; `-` reads it from standard input
    #[arg(required = true)]
    pub(crate) prompt: Option<String>,
    /// Which agent [default: the first one that can be started]
    #[arg(long, short)]
    pub(crate) agent: Option<String>,
    /// What to work for: a git repository, of which the agent gets a worktree of its own, or a plain
    /// folder, of which a snapshot is taken first [default: here]
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) target: Option<PathBuf>,
    /// How long it may work (20m, 2h) [default: as its agent has it, else 1h]
    #[arg(long, value_name = "TIME")]
    pub(crate) max_time: Option<String>,
    /// Memory of all its processes (4GB) [default: as its agent has it, else 2GiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_memory: Option<String>,
    /// Tokens of all classes together [default: as its agent has it, else without limit]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_tokens: Option<u64>,
    /// What must be found before its "done" is believed: changed, clean, commits:N, file:PATH,
    /// command:LINE, tests, tool:NAME or none; can be given several times [default: something is
    /// changed and committed, and the project's tests pass if it declares any]
    #[arg(long, short, value_name = "CHECK")]
    pub(crate) evidence: Vec<String>,
    /// What it may cost, in US dollars
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<f64>,
    #[command(flatten)]
    pub(crate) together: Together,
    /// Give the agent the prompt as it is, and not as part of a task that names its evidence
    #[arg(long)]
    pub(crate) raw: bool,
    /// Show nothing but a summary at the end, and end when a person is needed
    #[arg(long, conflicts_with = "detach")]
    pub(crate) headless: bool,
    /// Do not wait for the end
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunVerb {
    /// Show runs, newest first
    List {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show a run and what its agent said and did
    Show {
        /// The run's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Show what a run's agent says and does, and on as it works
    Log(RunLog),
    /// Cancel a run; its worktree stays
    Stop {
        /// The run's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Halt a run: all its processes are frozen until it is resumed
    Pause {
        /// The run's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Let a run go on: from a pause, from a wait, or after it failed
    Resume {
        /// The run's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Tell a run more: it goes on in its worktree, or gets it when its present attempt is over
    Tell {
        /// The run's id, or its end
        id: String,
        /// What its agent is told; `-` reads it from standard input
        text: String,
        /// A word of yours: the same key twice is one instruction
        #[arg(long)]
        key: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Answer a run that asks what to do
    Answer {
        /// The run's id, or its end
        id: String,
        /// What to do
        answer: RunAnswer,
        #[command(flatten)]
        json: Json,
    },
    /// Have a run's work reviewed by another agent
    Review(StartReview),
    /// Make the checks of a run again, and show what they find
    Verify {
        /// The run's id, or its end
        id: String,
        /// Do not wait for the verdict
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Show what a run changed, line by line
    Diff {
        /// The run's id, or its end
        id: String,
        /// Only which files, and how many lines
        #[arg(long)]
        stat: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Put a target without git back as it was before the run; what you changed since stays
    Undo {
        /// The run's id, or its end
        id: String,
        /// Also what was changed after the run
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Throw a run's work away: worktree and branch go, and can be got back
    Discard {
        /// The run's id, or its end
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

/// What a person answers a run.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum RunAnswer {
    /// Try once more
    Retry,
    /// What was in the way is mended: go on
    Fixed,
    /// Give it up
    Abort,
}

#[derive(Debug, Args)]
pub(crate) struct RunLog {
    /// The run's id, or its end
    pub(crate) id: String,
    /// Go on as the agent works; ends with the run
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only what is later than this event, as `--json` names it in `cursor`
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Unit {
    /// Show all units
    List(Json),
    /// Show one unit with all there is to know
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        json: Json,
    },
    /// Start a unit
    Start(Named),
    /// Stop a unit; it stays stopped until it is started
    Stop(Named),
    /// Stop a unit and start it again
    Restart(Named),
    /// Wait until a unit's process has ended, and end with its exit code (255 for a signal)
    ///
    /// One that does not run has ended already: its last end counts. A restart by its policy is a
    /// new process and is not waited for.
    Wait(Wait),
    /// Send a signal to a unit's process
    Signal {
        /// Its name
        name: String,
        /// The signal: HUP, USR1, TERM …
        signal: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Its name
    pub(crate) name: String,
    /// How long to wait (30s, 5m); then the exit code is 124
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name
    pub(crate) name: String,
    /// Do not wait until it has settled
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The unit; `job:NAME` for a job
    pub(crate) name: String,
    /// Go on as it writes
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// How many lines from the end
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(crate) lines: usize,
    /// With the time of each line
    #[arg(long, short)]
    pub(crate) time: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on as events happen
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only of this kind; `unit.*` for all about units; several with commas
    #[arg(long, short)]
    pub(crate) kind: Option<String>,
    /// Only about this unit or run
    #[arg(long, short)]
    pub(crate) subject: Option<String>,
    /// Only the trail of this task: itself, its runs, reviews and votes
    #[arg(long, value_name = "ID")]
    pub(crate) task: Option<String>,
    /// Only the trail of this session: itself, its tasks, runs, reviews and votes
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only of this agent: about it, by it, or about a run of it
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only since: a time (2026-11-21T08:00:00Z) or a length of time (2h)
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// How many from the end
    #[arg(long, short = 'n', default_value_t = 30)]
    pub(crate) lines: usize,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Recompute the whole journal and say what does not match
    Verify {
        /// Also compare with the anchors in this file
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Write events as JSON lines that others can verify
    Export {
        /// JSON lines are all it writes, so this changes nothing
        #[arg(long)]
        json: bool,
        /// From this place in the journal
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// To this place [default: the newest]
        #[arg(long)]
        to: Option<u64>,
        /// Only the trail of this task, without the seals that verify a journal
        #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
        task: Option<String>,
        /// Where to [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the newest seal, to be kept where nobody can rewrite it
    Anchor {
        /// Add it to this file
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show the effective values
    Show {
        /// With where each comes from
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Print one effective value
    Get {
        /// Its key, for example units.web.restart.max
        key: String,
        #[command(flatten)]
        json: Json,
    },
    /// Check the file without applying it
    Check(Json),
    /// Print where the file is
    Path(Json),
    /// Print the file's JSON schema, for editors
    Schema(Json),
    /// Apply the changed file now (it is also watched)
    Reload(Json),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Say for each reference (env:, file:, op://) whether its value is there; never the value
    Check {
        /// Only those of this unit, agent or job
        name: Option<String>,
        /// Those of all units and agents, as without a name
        #[arg(long, conflicts_with = "name")]
        all: bool,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Make a backup of database, large bodies, configuration and vault; the daemon may run
    Create {
        /// The folder to make, or one that takes it in [default: backups/ in the data folder]
        #[arg(long, short, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// How many are kept in the data folder
        #[arg(long, default_value_t = 10)]
        keep: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show the backups in the data folder, newest first
    List(Json),
    /// Compare every file of a backup with its manifest
    Verify {
        /// Its folder, or its name in backups/
        backup: PathBuf,
        #[command(flatten)]
        json: Json,
    },
    /// Put a backup back; the daemon must be down. What was there goes to trash/
    Restore {
        /// Its folder, or its name in backups/
        backup: PathBuf,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// How long the new daemon may take until it answers, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}
