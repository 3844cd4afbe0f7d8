//! `orkestra init`: a first orkestra.yaml.

use super::{Context, Outcome};
use crate::cli::Init;
use crate::config;
use crate::exit::{Code, Failure};
use crate::terminal;
use std::io::Write;

pub(super) fn run(context: &Context, args: &Init) -> Outcome {
    let path = context.surroundings.cwd.join(&args.file);
    let shown = args.file.display();
    // Only a new file: somebody's configuration is never overwritten.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(config::example().as_bytes()));
    match written {
        Ok(()) => {
            if args.json.json {
                terminal::print_json(&serde_json::json!({"file": path.display().to_string()}));
            } else {
                terminal::complain(&format!("Wrote {shown}. Next: orkestra up"));
            }
            Ok(Code::Success)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::new(
            Code::Refused,
            format!("{shown} is there already and is left as it is"),
        )
        .hint("orkestra config check says whether it is right")),
        Err(error) => {
            Err(Failure::new(Code::Failure, format!("{shown} cannot be written: {error}")))
        }
    }
}
