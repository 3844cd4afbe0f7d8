//! `orkestra man`: manual pages from the same command tree as the help.

use super::{Context, Outcome};
use crate::cli::{Cli, Man};
use crate::exit::{Code, Failure};
use crate::terminal;
use clap::CommandFactory;
use std::path::Path;

pub(super) fn run(context: &Context, args: &Man) -> Outcome {
    let mut tree = Cli::command();
    tree.build();
    match &args.dir {
        Some(dir) => write_all(&context.surroundings.cwd.join(dir), tree, args.json.json),
        None => {
            let page = render(tree)?;
            if args.json.json {
                let page = String::from_utf8_lossy(&page);
                terminal::print_json(&serde_json::json!({"page": page}));
            } else {
                terminal::print_bytes(&page);
            }
            Ok(Code::Success)
        }
    }
}

fn render(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command).manual("Orkestra");
    man.render(&mut page).map_err(|error| Failure::of(&error))?;
    Ok(page)
}

/// One page for each verb and each of its subverbs: `orkestra-unit-start.1`.
fn write_all(dir: &Path, tree: clap::Command, json: bool) -> Outcome {
    let fail = |what: &Path, error: std::io::Error| {
        Failure::new(Code::Failure, format!("{} cannot be written: {error}", what.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| fail(dir, error))?;
    let mut files = Vec::new();
    let mut left = vec![tree];
    while let Some(command) = left.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name()).replace(' ', "-");
        left.extend(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned());
        let path = dir.join(format!("{name}.1"));
        std::fs::write(&path, render(command)?).map_err(|error| fail(&path, error))?;
        files.push(path.display().to_string());
    }
    files.sort();
    if json {
        terminal::print_json(&serde_json::json!({"files": files}));
    } else {
        terminal::complain(&format!("Wrote {} pages to {}.", files.len(), dir.display()));
    }
    Ok(Code::Success)
}
