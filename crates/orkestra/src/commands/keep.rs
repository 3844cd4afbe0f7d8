//! The keeper of `up --detach`.

use crate::cli::Keep;
use crate::exit::Failure;
use crate::surroundings::Surroundings;
use crate::terminal;
use orkestra_host::{keeper, service};
use std::process::ExitCode;

/// The whole life of the keeper.
pub(crate) fn process(surroundings: &Surroundings, args: &Keep) -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Failure::of(&error).tell(),
    };
    let mut argv = vec![program.to_string_lossy().into_owned()];
    argv.extend(args.words.iter().cloned());
    let env: Vec<_> = surroundings.env.clone().into_iter().collect();
    match keeper::keep(&argv, &env, &service::HOPELESS, terminal::complain) {
        Ok(code) => ExitCode::from(code),
        Err(error) => Failure::of(&error).tell(),
    }
}
