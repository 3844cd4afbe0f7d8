//! `orkestra`: flags, configuration, composition, exit codes.

mod cli;
mod commands;
mod config;
mod daemon;
mod exit;
mod surroundings;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(&format!("error: the runtime cannot be started: {error}"));
            return exit::Code::Failure.into();
        }
    };
    let surroundings = surroundings::Surroundings::of_process();
    let code = runtime.block_on(commands::run(cli, surroundings));
    // What still blocks (a read of a dead disk, say) must not keep the program from ending.
    runtime.shutdown_background();
    code
}
