//! Running a command line.

use super::{Done, OUTPUT_BYTES, Workshop, word};
use orkestra_host::tool::{Order, run as run_order};
use serde_json::Value;
use std::time::Duration;

const USUAL: Duration = Duration::from_secs(120);

pub(super) async fn run(shop: &Workshop, input: &Value, mark: &str) -> Done {
    let line = match word(input, "command") {
        Ok(line) => line,
        Err(why) => return Done::failed(why),
    };
    let wanted = input.get("timeout_seconds").and_then(Value::as_u64).map(Duration::from_secs);
    let limit = wanted.unwrap_or(USUAL).clamp(Duration::from_secs(1), shop.shell_max);
    let order = Order {
        argv: ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
        env: shop.env.clone(),
        cwd: shop.root.clone(),
        mark: mark.to_owned(),
    };
    let ran = match run_order(&order, limit, OUTPUT_BYTES).await {
        Ok(ran) => ran,
        Err(error) => return Done::failed(format!("The command could not be started: {error}.")),
    };
    let mut output = String::from_utf8_lossy(&ran.head).into_owned();
    if ran.left_out > 0 {
        output.push_str(&format!("\n[… {} bytes left out …]\n", ran.left_out));
    }
    output.push_str(&String::from_utf8_lossy(&ran.tail));
    if !output.is_empty() && !output.ends_with('\n') {
        output.push('\n');
    }
    let end = match (ran.timed_out, ran.code, ran.signal) {
        (true, ..) => format!("[killed: it took longer than {} s]", limit.as_secs()),
        (false, Some(code), _) => format!("[exit code {code}]"),
        (false, None, Some(signal)) => format!("[killed by signal {signal}]"),
        (false, None, None) => "[nobody knows how it ended]".to_owned(),
    };
    output.push_str(&end);
    Done { output, is_error: ran.timed_out || ran.code != Some(0), changed: None }
}
