//! The developer's commands: set up, run, test, lint, measure. `cargo xtask help` lists them.
//!
//! This is the project's own shell script, in the project's own language. It is outside the
//! product: it may use the environment and start programs as it likes.

#![allow(clippy::disallowed_methods, reason = "xtask is no part of the product")]
#![allow(clippy::print_stdout, reason = "it talks to a developer")]

mod agents;
mod bench;
mod program;
mod promises;
mod setup;
mod soak;
mod test;
#[cfg(test)]
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use program::Program;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Orkestra's own commands for developers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up what is missing, build dashboard and binary, run Orkestra
    Up {
        /// Handed on to `orkestra up`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Set up what tests need, and run all of them
    Test,
    /// Build the dashboard and the release binary
    Build,
    /// Check formatting and lints
    Lint,
    /// List what is promised, capabilities and cases: passed, failed, missing, excused
    Rows,
    /// Run the long loops: crashes by the dozen, backoffs to the end; or crash for hours
    Soak(soak::Args),
    /// Measure, beside a floor of the same run
    Bench(bench::Args),
    /// Install the agent programs that tests drive, and print where they are:
    /// eval "$(cargo xtask agents)"
    Agents,
    /// Write docs/openapi.json anew
    Openapi,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Up { args } => {
            let binary = build()?;
            println!("Running {}", binary.display());
            Program::new(&binary).arg("up").args(args).run()
        }
        Command::Test => test::all(),
        Command::Build => build().map(|binary| println!("Built {}", binary.display())),
        Command::Lint => lint(),
        Command::Rows => promises::print(),
        Command::Soak(args) if args.is_long() => soak::run(&args),
        Command::Soak(_) => test::soak(),
        Command::Bench(args) => bench::run(&args),
        Command::Agents => agents::print(),
        Command::Openapi => test::write_openapi(),
    }
}

fn build() -> Result<std::path::PathBuf> {
    setup::dashboard()?;
    Program::cargo().args(["build", "--release", "--package", "orkestra"]).run()?;
    Ok(program::target_dir()?.join("release").join("orkestra"))
}

fn lint() -> Result<()> {
    Program::cargo().args(["fmt", "--all", "--", "--check"]).run()?;
    Program::cargo()
        .args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
        .run()?;
    if setup::found("cargo-deny") {
        // Advisories need a list from the network and change without us: not a gate here.
        Program::cargo().args(["deny", "check", "bans", "licenses", "sources"]).run()?;
    } else {
        println!("cargo-deny is not installed: licences and bans are left to who has it.");
    }
    Ok(())
}
