//! `orkestra`: flags, configuration, composition, exit codes.

mod cli;
mod commands;
mod config;
mod daemon;
mod exit;
mod import;
mod surroundings;
mod telemetry;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

/// Threads that may wait for a disk at once. A thousand units that start together would make
/// hundreds otherwise, each with a stack and a heap of its own.
const BLOCKING_THREADS: usize = 16;

fn main() -> ExitCode {
    // What runs in an agent's sandbox begins here: before any thread, and without a look at flags.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == orkestra_host::sandbox::VERB) {
        let words: Vec<_> = words.collect();
        return ExitCode::from(orkestra_host::sandbox::execute(&words, terminal::complain));
    }
    let cli = cli::Cli::parse();
    // The keeper has no use for threads; it only waits.
    if let cli::Command::Keep(args) = &cli.command {
        return commands::keep::process(&surroundings::Surroundings::of_process(), args);
    }
    orkestra_host::memory::share_arenas();
    let mut threads = match &cli.command {
        cli::Command::Up(_) => tokio::runtime::Builder::new_multi_thread(),
        // A command asks one question: threads would cost more than the answer.
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match threads.max_blocking_threads(BLOCKING_THREADS).enable_all().build() {
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
