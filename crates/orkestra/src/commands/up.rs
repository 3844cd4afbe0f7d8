//! `orkestra up`.

use super::{Context, Outcome};
use crate::cli::{Json, Up};
use crate::config::{Telemetry, render_all};
use crate::daemon;
use crate::exit::{Code, Failure};
use crate::telemetry::{self, Traces};
use crate::terminal;
use orkestra_server::client::Client;
use orkestra_server::wire::{LinkView, StatusView};
use std::path::Path;
use std::time::Duration;

/// How long a daemon in the background may take until it answers.
const READY: Duration = Duration::from_secs(60);

pub(super) async fn run(context: Context, args: Up) -> Outcome {
    let loaded = context.load()?;
    if !loaded.warnings.is_empty() {
        terminal::complain(render_all(&loaded.warnings, terminal::error_has_color()).trim_end());
    }
    if args.detach {
        return detach(&context, &loaded.settings.home, args.json).await;
    }
    let traces = log_to_stderr(&context, &loaded.settings.telemetry)?;
    let file = loaded.file.clone();
    let daemon = daemon::start(context, loaded).await?;
    match file {
        Some(file) => terminal::complain(&format!("Orkestra runs by {file}.")),
        None => {
            terminal::complain("Orkestra runs without a configuration; `orkestra init` writes one.")
        }
    }
    tell(args.json, std::process::id(), &daemon.login_url()?);
    terminal::complain(
        "The link logs one browser in; `orkestra dashboard` prints another. Ctrl-C ends all.",
    );
    let ended = daemon.run().await;
    traces.end().await;
    ended?;
    Ok(Code::Success)
}

/// Prints where the dashboard is, on one line, so that whoever started us can wait for it.
fn tell(json: Json, pid: u32, url: &str) {
    terminal::print(&if json.json {
        serde_json::json!({"pid": pid, "dashboard": url}).to_string()
    } else {
        format!("Dashboard: {url}")
    });
}

fn log_to_stderr(context: &Context, telemetry: &Telemetry) -> Result<Traces, Failure> {
    let filter =
        context.surroundings.env.get("ORKESTRA_LOG").map_or("warn,orkestra=info", |v| v.as_str());
    telemetry::start(filter, terminal::error_has_color(), telemetry)
}

/// Starts ourselves again without a terminal, and waits until it answers.
async fn detach(context: &Context, home: &Path, json: Json) -> Outcome {
    if let Ok(Some(pid)) = orkestra_host::home::holder(home) {
        return Err(Failure::new(
            Code::Refused,
            format!("a daemon (process {pid}) runs on {}", home.display()),
        )
        .hint("orkestra status shows it; orkestra down ends it"));
    }
    let program = std::env::current_exe().map_err(|error| Failure::of(&error))?;
    let mut argv =
        [&*program.to_string_lossy(), "keep", "up", "--background"].map(str::to_owned).to_vec();
    argv.extend(["--home".to_owned(), home.to_string_lossy().into_owned()]);
    if let Some(file) = &context.config_flag {
        let file = context.surroundings.cwd.join(file);
        argv.extend(["--config".to_owned(), file.to_string_lossy().into_owned()]);
    }
    if let Some(port) = context.port_flag {
        argv.extend(["--port".to_owned(), port.to_string()]);
    }
    let logs = home.join("logs");
    std::fs::create_dir_all(&logs).map_err(|error| {
        Failure::new(Code::Failure, format!("{} cannot be made: {error}", logs.display()))
    })?;
    let log = logs.join("daemon.log");
    let begin = std::fs::metadata(&log).map_or(0, |facts| facts.len());
    let env: Vec<_> = context.surroundings.env.clone().into_iter().collect();
    let keeper = orkestra_host::program::spawn_detached(&argv, &env, &log)?;
    let deadline = tokio::time::Instant::now() + READY;
    while tokio::time::Instant::now() < deadline {
        if let Ok(client) = Client::new(home)
            && let Ok(status) = client.get::<StatusView>("/api/v1/status").await
            && orkestra_host::keeper::parent(status.daemon.pid) == Some(keeper)
        {
            let pid = status.daemon.pid;
            let link: LinkView = client.post("/api/v1/login/link", &()).await?;
            tell(json, pid, &link.url);
            terminal::complain(&format!(
                "The daemon is process {pid}, kept by process {keeper}; its log is {}.",
                log.display()
            ));
            return Ok(Code::Success);
        }
        if orkestra_host::program::child_has_ended(keeper) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = std::fs::read(&log).unwrap_or_default();
    let said = said.get(usize::try_from(begin).unwrap_or(0)..).unwrap_or_default();
    let said = String::from_utf8_lossy(said);
    Err(Failure::new(Code::Failure, format!("the daemon did not come up:\n{}", said.trim_end())))
}
