//! `orkestra down`.

use super::{Context, Outcome};
use crate::cli::Down;
use crate::exit::{Code, Failure};
use crate::terminal;
use orkestra_server::wire::{ShutdownRequest, StatusView};
use std::time::Duration;

/// Longer than the longest grace that a daemon gives its units.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(context: Context, args: Down) -> Outcome {
    let client = context.client()?;
    let status: StatusView = client.get("/api/v1/status").await?;
    let request = ShutdownRequest { keep_units: args.keep_units };
    let _: serde_json::Value = client.post("/api/v1/shutdown", &request).await?;
    // The home's lock says when it is over: it is held to the very end.
    let home = context.home()?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while orkestra_host::home::holder(&home)?.is_some() {
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::new(Code::Failure, "the daemon is still going down")
                .hint("orkestra status shows what it waits for"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let running = status.units.iter().filter(|unit| unit.pid.is_some()).count();
    if args.json.json {
        let body = serde_json::json!({"pid": status.daemon.pid, "keep_units": args.keep_units, "units": running});
        terminal::print_json(&body);
        return Ok(Code::Success);
    }
    let units = if running == 1 { "1 unit".to_owned() } else { format!("{running} units") };
    terminal::complain(&match (args.keep_units, running) {
        (true, _) => format!("The daemon has ended; what runs goes on: {units}."),
        (false, 0) => "The daemon has ended.".to_owned(),
        (false, _) => format!("The daemon has ended, and {units} with it."),
    });
    Ok(Code::Success)
}
