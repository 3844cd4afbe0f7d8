//! One file per verb.

mod agent;
mod agent_hook;
mod agents;
mod alert;
mod approval;
mod asking;
mod audit;
mod backup;
mod bridge;
mod budget;
mod check;
mod completions;
mod config;
mod dashboard;
mod doctor;
mod down;
mod effect;
mod events;
mod evidence;
mod gate;
mod github;
mod health;
mod import;
mod init;
mod job;
pub(crate) mod keep;
mod life;
mod logs;
mod man;
mod merge;
mod notice;
mod project;
mod prune;
mod review;
mod run;
mod secret;
mod service;
mod session;
mod snapshot;
mod stats;
mod status;
mod task;
mod top;
mod unit;
mod up;
mod upgrade;
mod usage;
mod vote;
mod wait;

use crate::cli::{Cli, Command, Unit};
use crate::config::{Inputs, Loaded, Overrides, data_home, load};
use crate::exit::{Code, Failure};
use crate::surroundings::Surroundings;
use orkestra_server::client::Client;
use std::path::PathBuf;
use std::process::ExitCode;

/// How commands end.
pub(crate) type Outcome = Result<Code, Failure>;

/// What every command may use.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) surroundings: Surroundings,
    pub(crate) home_flag: Option<PathBuf>,
    pub(crate) config_flag: Option<PathBuf>,
    pub(crate) port_flag: Option<u16>,
}

impl Context {
    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            config_flag: self.config_flag.clone(),
            cwd: self.surroundings.cwd.clone(),
            home_dir: self.surroundings.user_home.clone(),
            env: &self.surroundings.env,
            flags: Overrides { home: self.home_flag.clone(), port: self.port_flag },
        }
    }

    /// Loads the configuration as `up` would.
    pub(crate) fn load(&self) -> Result<Loaded, crate::config::Errors> {
        load(&self.inputs())
    }

    /// The data folder; the file is not needed for it and may be wrong.
    pub(crate) fn home(&self) -> Result<PathBuf, Failure> {
        Ok(data_home(&self.inputs())?.0)
    }

    /// The daemon's client.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.home()?)?)
    }
}

/// Carries out one command.
pub(crate) async fn run(cli: Cli, surroundings: Surroundings) -> ExitCode {
    let port_flag = match &cli.command {
        Command::Up(up) => up.port,
        _ => None,
    };
    let context = Context { surroundings, home_flag: cli.home, config_flag: cli.config, port_flag };
    let outcome = match cli.command {
        // It ends as the unit did.
        Command::Unit(Unit::Wait(args)) => return wait::process(context, args).await,
        Command::AgentHook(args) => {
            return agent_hook::process(&context.surroundings, &args).await;
        }
        Command::Up(args) => up::run(context, args).await,
        Command::Down(args) => down::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Top(args) => top::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        Command::Prune(args) => prune::run(context, args).await,
        Command::Alert(args) => alert::run(context, args).await,
        Command::Notify(args) => alert::notify(context, args).await,
        Command::Merge(args) => merge::run(context, args).await,
        Command::Effect(args) => effect::run(context, args).await,
        Command::Approval(args) => approval::run(context, args).await,
        Command::Approve(args) => approval::approve(context, args).await,
        Command::Deny(args) => approval::deny(context, args).await,
        Command::Gate(args) => gate::run(context, args).await,
        Command::Health(args) => health::run(context, args).await,
        Command::Init(args) => init::run(&context, &args),
        Command::Review(args) => review::run(context, args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Project(args) => project::run(context, args).await,
        Command::Session(args) => session::run(context, args).await,
        Command::Job(args) => job::run(context, args).await,
        Command::Task(args) => task::run(context, args).await,
        Command::Unit(args) => unit::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Audit(args) => audit::run(context, args).await,
        Command::Config(args) => config::run(context, args).await,
        Command::Backup(args) => backup::run(context, args).await,
        Command::Snapshot(args) => snapshot::run(context, args).await,
        Command::Upgrade(args) => upgrade::run(context, args).await,
        Command::Secret(args) => secret::run(context, args).await,
        Command::Agent(args) => agent::run(context, args).await,
        Command::Usage(args) => usage::run(context, args).await,
        Command::GitHub(args) => github::run(context, args).await,
        Command::Budget(args) => budget::run(context, args).await,
        Command::Vote(args) => vote::run(context, args).await,
        Command::Stats(args) => stats::run(context, args).await,
        Command::Bridge(args) => bridge::run(context, args).await,
        Command::Agents(args) => agents::run(context, args).await,
        Command::Dashboard(args) => dashboard::run(context, args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&context, &args),
        Command::Import(args) => import::run(context, args).await,
        Command::Service(args) => service::run(context, args).await,
        // It was taken before there was a runtime.
        Command::Keep(args) => return keep::process(&context.surroundings, &args),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => failure.tell(),
    }
}

/// A text as one part of an address.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
