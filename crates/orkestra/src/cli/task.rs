//! The words of `orkestra task`.

use super::Json;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Pieces of work in a queue.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Put a task into the queue
    Create(Box<CreateTask>),
    /// Show the tasks, by state
    List(ListTasks),
    /// Show one task: where it is and why, what is around it, and its attempts
    Show(OneTask),
    /// Show who was chosen for a task, who was passed over, and why
    Why(OneTask),
    /// Change a task; what is not said stays
    Edit(Box<EditTask>),
    /// Say who has to do a task, or that anybody may
    Assign {
        /// Its id; the end of it is enough
        id: String,
        /// The agent or worker; nobody in particular without it
        #[arg(long, value_name = "NAME")]
        to: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Take a task out of the backlog
    Ready(OneTask),
    /// Put a task into the backlog: it is not worked on
    Shelve(OneTask),
    /// Take a task to work on it, as a worker of your own
    Claim(ClaimTask),
    /// Say that you still work on a task: its claim holds on
    Heartbeat {
        /// Its id; the end of it is enough
        id: String,
        /// The number that the claim gave
        #[arg(long)]
        fence: u64,
        /// How far you are
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Say how your work on a task ended
    Report(ReportTask),
    /// Show the checks before and after a task, as they were made last
    Checks(super::TaskChecks),
    /// Make the checks of a task now, and its evidence again; exit code 13 when they stop it
    Verify(super::TaskVerify),
    /// Show all that happened to a task: itself, its runs, reviews and votes, in order
    Log(super::TaskLog),
    /// Look whether tasks, sessions, reviews and votes fit together, and mend what is safe; exit code 9 when something is left
    Doctor(super::TaskDoctor),
    /// Have a task tried again that failed, was refuted or cancelled, or waits for its next attempt
    Retry(OneTask),
    /// Give a task up; what works on it is ended
    Cancel {
        /// Its id; the end of it is enough
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Show which tasks wait for which
    Graph {
        /// A task: all that it depends on and all that depends on it; all open tasks without it
        id: Option<String>,
        /// As lines for people, or for Graphviz
        #[arg(long, value_enum, default_value = "text")]
        format: GraphFormat,
        /// Only tasks of this session
        #[arg(long, value_name = "ID", conflicts_with = "id")]
        session: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Give a task to somebody else, who is told what was done before
    Handover {
        /// Its id; the end of it is enough
        id: String,
        /// The agent or worker
        #[arg(long, value_name = "NAME")]
        to: String,
        /// What the next one has to know
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Give a part of a task to somebody else as a task of its own, for which the first one waits
    Delegate {
        /// The task that waits; the end of its id is enough
        id: String,
        #[command(flatten)]
        new: Box<CreateTask>,
    },
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Lines for people
    Text,
    /// For Graphviz: orkestra task graph --format dot | dot -Tsvg
    Dot,
}

#[derive(Debug, Args)]
pub(crate) struct OneTask {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ListTasks {
    /// Only in these states, by commas
    #[arg(long, value_name = "STATES")]
    pub(crate) state: Option<String>,
    /// Those that are over, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Only of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only for this agent or worker
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct CreateTask {
    /// What is to be done; `-` reads it from standard input
    #[arg(required_unless_present = "from")]
    pub(crate) prompt: Option<String>,
    /// Many tasks at once, all or none: a file with a JSON list, `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub(crate) from: Option<PathBuf>,
    /// In one line [default: the first line of what is to be done]
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// What kind of work it is: code, documentation, test, research … or any word
    #[arg(long, value_name = "WORD")]
    pub(crate) kind: Option<String>,
    /// low, medium, high or critical
    #[arg(long, short, value_name = "WORD")]
    pub(crate) priority: Option<String>,
    /// Only after this task is verified; may be given again
    #[arg(long, value_name = "ID")]
    pub(crate) after: Vec<String>,
    /// Better after this task; a warning if it begins before
    #[arg(long, value_name = "ID")]
    pub(crate) after_soft: Vec<String>,
    /// Only when this task is over, however it ended
    #[arg(long, value_name = "ID")]
    pub(crate) when_over: Vec<String>,
    /// Who has to do it
    #[arg(long = "agent", visible_alias = "to", value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// What who does it must be able to do; may be given again
    #[arg(long, value_name = "WORD")]
    pub(crate) needs: Vec<String>,
    /// A word to find it by; may be given again
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    /// A file that it reads, in the folder where the work begins; may be given again
    #[arg(long = "input", value_name = "FILE")]
    pub(crate) inputs: Vec<String>,
    /// What must be found before "done" is believed, as with `run --evidence`; may be given again
    #[arg(long, value_name = "WHAT")]
    pub(crate) evidence: Vec<String>,
    /// The repository or folder [default: this folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) target: Option<PathBuf>,
    /// From which commit or branch the work begins
    #[arg(long, value_name = "COMMIT")]
    pub(crate) base: Option<String>,
    /// Whether another agent judges it: required or none
    #[arg(long, value_name = "WORD")]
    pub(crate) review: Option<String>,
    /// So many attempts may go wrong
    #[arg(long, value_name = "N")]
    pub(crate) tries: Option<u32>,
    /// The task that it is a part of
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    /// What it reaches
    #[arg(long, value_name = "TEXT")]
    pub(crate) milestone: Option<String>,
    /// What it may cost, in US dollars
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<f64>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) not_before: Option<String>,
    /// Make such a task again and again, so often (10m, 1h)
    #[arg(long, value_name = "TIME", conflicts_with = "cron")]
    pub(crate) every: Option<String>,
    /// Make such a task at these times: "30 2 * * *"
    #[arg(long, value_name = "PATTERN")]
    pub(crate) cron: Option<String>,
    /// The zone of --cron [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "cron")]
    pub(crate) zone: Option<String>,
    /// Into the backlog: it is not worked on until `task ready`
    #[arg(long)]
    pub(crate) backlog: bool,
    /// Asking again with the same key gives the same task
    #[arg(long, value_name = "TEXT")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct EditTask {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    /// In one line
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// What is to be done
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// What kind of work it is
    #[arg(long, value_name = "WORD")]
    pub(crate) kind: Option<String>,
    /// low, medium, high or critical
    #[arg(long, short, value_name = "WORD")]
    pub(crate) priority: Option<String>,
    /// Only after these tasks are verified: instead of all that it depends on now
    #[arg(long, value_name = "ID")]
    pub(crate) after: Vec<String>,
    /// Better after these tasks
    #[arg(long, value_name = "ID")]
    pub(crate) after_soft: Vec<String>,
    /// Only when these tasks are over
    #[arg(long, value_name = "ID")]
    pub(crate) when_over: Vec<String>,
    /// It depends on nothing any more
    #[arg(long, conflicts_with_all = ["after", "after_soft", "when_over"])]
    pub(crate) no_dependencies: bool,
    /// What who does it must be able to do: instead of what stands there
    #[arg(long, value_name = "WORD")]
    pub(crate) needs: Vec<String>,
    /// Words to find it by: instead of what stands there
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    /// What must be found before "done" is believed: instead of what stands there
    #[arg(long, value_name = "WHAT")]
    pub(crate) evidence: Vec<String>,
    /// Whether another agent judges it: required or none
    #[arg(long, value_name = "WORD")]
    pub(crate) review: Option<String>,
    /// So many attempts may go wrong
    #[arg(long, value_name = "N")]
    pub(crate) tries: Option<u32>,
    /// What it reaches
    #[arg(long, value_name = "TEXT")]
    pub(crate) milestone: Option<String>,
    /// What it may cost, in US dollars
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<f64>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ClaimTask {
    /// Its id; the end of it is enough
    #[arg(required_unless_present = "next")]
    pub(crate) id: Option<String>,
    /// The first one of the queue that fits
    #[arg(long, conflicts_with = "id")]
    pub(crate) next: bool,
    /// Your name
    #[arg(long, value_name = "NAME")]
    pub(crate) worker: String,
    /// How long the claim holds without a heartbeat [default: tasks.lease]
    #[arg(long, value_name = "TIME")]
    pub(crate) lease: Option<String>,
    /// What you are able to do, for --next; may be given again
    #[arg(long, value_name = "WORD")]
    pub(crate) can: Vec<String>,
    /// Your process on this machine: when it is gone, so is the claim
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Only of this session, for --next
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ReportTask {
    /// Its id; the end of it is enough
    pub(crate) id: String,
    /// The number that the claim gave
    #[arg(long)]
    pub(crate) fence: u64,
    /// It is done: what was done
    #[arg(long, value_name = "TEXT")]
    pub(crate) result: Option<String>,
    /// It is not done, and why
    #[arg(long, value_name = "WHY", conflicts_with = "result")]
    pub(crate) failed: Option<String>,
    /// With --failed: it makes no sense to try again
    #[arg(long, requires = "failed")]
    pub(crate) no_retry: bool,
    /// You give it back, without fault, and why
    #[arg(long, value_name = "WHY", conflicts_with_all = ["result", "failed"])]
    pub(crate) release: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}
