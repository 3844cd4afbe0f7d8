//! `orkestra import`: units from the configuration of another supervisor.

use super::{Context, Outcome};
use crate::cli::Import;
use crate::exit::{Code, Failure};
use crate::import::{Around, Imported, Peer, Source, import, yaml};
use crate::terminal;
use orkestra_host::program;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// A bigger file is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How long a JavaScript file may take to say what it exports.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn run(context: Context, args: Import) -> Outcome {
    let mut sources = Vec::new();
    for file in &args.files {
        let path = std::path::absolute(context.surroundings.cwd.join(file))
            .map_err(|error| Failure::of(&error))?;
        let is_script =
            path.extension().is_some_and(|kind| kind == "js" || kind == "cjs" || kind == "mjs");
        let text = if args.from == Peer::Pm2 && is_script {
            exported(&context, &path).await?
        } else {
            read(&path)?
        };
        sources.push(Source { path, text });
    }
    let around = Around {
        env: &context.surroundings.env,
        home: context.surroundings.user_home.as_deref(),
        read: &|path| read(path).ok(),
    };
    let imported = import(args.from, &sources, &around)
        .map_err(|what| Failure::new(Code::Configuration, what))?;
    let from: Vec<_> = sources.iter().map(|source| source.path.display().to_string()).collect();
    tell(&context, &args, &imported, &yaml(&imported, &from))
}

fn tell(context: &Context, args: &Import, imported: &Imported, text: &str) -> Outcome {
    if let Some(out) = &args.out {
        write_new(&context.surroundings.cwd.join(out), text)?;
    }
    if args.json.json {
        let names: Vec<_> = imported.units.iter().map(|unit| &unit.name).collect();
        let file = args.out.as_ref().map(|out| out.display().to_string());
        terminal::print_json(&serde_json::json!({
            "units": names, "notes": imported.notes, "file": file, "yaml": text,
        }));
        return Ok(Code::Success);
    }
    match &args.out {
        None => {
            terminal::print(text.trim_end());
        }
        Some(out) => {
            let count = imported.units.len();
            let units = if count == 1 { "1 unit".to_owned() } else { format!("{count} units") };
            terminal::complain(&format!(
                "Wrote {units} to {}. Next: orkestra config check",
                out.display()
            ));
        }
    }
    for note in &imported.notes {
        terminal::complain(&format!("note: {}", terminal::harmless(note)));
    }
    Ok(Code::Success)
}

/// Only a new file, and only for its owner: it may hold secrets of the old one.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let what = format!("{} is there already and is left as it is", path.display());
            Failure::new(Code::Refused, what).hint("Name a new file with --out")
        } else {
            Failure::new(Code::Failure, format!("{} cannot be written: {error}", path.display()))
        }
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Err(error) => {
            let code = match error.kind() {
                std::io::ErrorKind::NotFound => Code::NotFound,
                _ => Code::Failure,
            };
            Err(Failure::new(code, format!("{} cannot be read: {error}", path.display())))
        }
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
            Err(Failure::new(Code::Configuration, format!("{} is too big", path.display())))
        }
        Ok(_) => Ok(text),
    }
}

/// What a JavaScript file exports, as JSON: only node knows.
async fn exported(context: &Context, path: &Path) -> Result<String, Failure> {
    let search = context.surroundings.env.get("PATH").cloned().unwrap_or_default();
    let Some(node) = program::find_program("node", &search) else {
        let what = format!("{} is JavaScript, and node is not installed", path.display());
        return Err(Failure::new(Code::Failure, what)
            .hint("Write it as JSON: { \"apps\": [ … ] }, or run this where node is"));
    };
    // Not process.argv: the path is a word of its own after the script.
    let script = "import(require('url').pathToFileURL(process.argv[1]))\
                  .then(m => process.stdout.write(JSON.stringify(m.default ?? m)))";
    let argv: Vec<String> =
        [node.display().to_string().as_str(), "-e", script, &path.display().to_string()]
            .map(str::to_owned)
            .to_vec();
    let env: Vec<_> = context.surroundings.env.clone().into_iter().collect();
    let cwd = path.parent().unwrap_or(Path::new("/"));
    let limit = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let said = program::run_captured(&argv, &env, cwd, SCRIPT_PATIENCE, limit).await?;
    if !said.success() || said.truncated {
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        return Err(Failure::new(
            Code::Configuration,
            format!("{}: node cannot tell what it exports:\n{}", path.display(), why.trim_end()),
        ));
    }
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}
