//! `orkestra config …`.

use super::{Context, Outcome};
use crate::cli::Config;
use crate::config::{get, render_all, schema, show, show_json};
use crate::exit::{Code, Failure};
use crate::terminal;
use orkestra_server::wire::ReloadView;
use serde_json::json;

pub(super) async fn run(context: Context, args: Config) -> Outcome {
    match args {
        Config::Show { origin, json } => {
            let loaded = context.load()?;
            if json.json {
                terminal::print_json(&show_json(&loaded, origin));
            } else {
                terminal::print(show(&loaded, origin).trim_end());
            }
            Ok(Code::Success)
        }
        Config::Get { key, json } => {
            let loaded = context.load()?;
            let value = get(&loaded, &key).map_err(|error| Failure::new(Code::NotFound, error))?;
            match value.as_str() {
                Some(text) if !json.json => terminal::print(text),
                Some(_) | None => terminal::print_json(value),
            };
            Ok(Code::Success)
        }
        Config::Check(args) => check(&context, args.json),
        Config::Path(args) => {
            let loaded = context.load()?;
            let path = loaded.path.as_ref().map(|path| path.display().to_string());
            if args.json {
                let looked: Vec<_> =
                    loaded.candidates.iter().map(|p| p.display().to_string()).collect();
                terminal::print_json(&json!({"path": path, "looked_at": looked}));
                return Ok(Code::Success);
            }
            match path {
                Some(path) => {
                    terminal::print(&path);
                    Ok(Code::Success)
                }
                None => Err(Failure::new(Code::NotFound, "there is no configuration file")
                    .hint("orkestra init writes one; without it the defaults hold")),
            }
        }
        // It is JSON anyway.
        Config::Schema(_) => {
            terminal::print_json(&schema());
            Ok(Code::Success)
        }
        Config::Reload(args) => {
            let reload: ReloadView = context.client()?.post("/api/v1/config/reload", &()).await?;
            if args.json {
                terminal::print_json(&reload);
            } else if reload.changed.is_empty() {
                terminal::complain("Nothing changed.");
            } else {
                terminal::complain(&format!("Changed: {}.", reload.changed.join(", ")));
            }
            Ok(Code::Success)
        }
    }
}

fn check(context: &Context, as_json: bool) -> Outcome {
    match context.load() {
        Ok(loaded) => {
            if as_json {
                let warnings: Vec<_> =
                    loaded.warnings.iter().map(crate::config::Problem::to_json).collect();
                terminal::print_json(&json!({"ok": true, "errors": [], "warnings": warnings}));
                return Ok(Code::Success);
            }
            if !loaded.warnings.is_empty() {
                terminal::complain(
                    render_all(&loaded.warnings, terminal::error_has_color()).trim_end(),
                );
            }
            let settings = &loaded.settings;
            let file = loaded.file.as_deref().unwrap_or("no file (defaults)");
            terminal::print(&format!(
                "{file} is right: {} units, {} agents.",
                settings.units.len(),
                settings.agents.len()
            ));
            Ok(Code::Success)
        }
        Err(errors) if as_json => {
            terminal::print_json(&json!({"ok": false, "errors": errors.to_json()}));
            Ok(Code::Configuration)
        }
        Err(errors) => Err(errors.into()),
    }
}
