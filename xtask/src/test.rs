//! Running tests: Rust, dashboard, browser; the long loops; measurements.

use crate::program::{Program, target_dir};
use crate::{promises, setup};
use anyhow::{Result, bail};

/// Everything, as continuous integration runs it.
pub(crate) fn all() -> Result<()> {
    let tools = setup::for_tests()?;
    let web = crate::program::root().join("web");
    Program::new("npm").args(["run", "build"]).dir(&web).run()?;
    // The fakes are programs that tests start, so they must be there before.
    Program::cargo()
        .args(["build", "--package", "orkestra", "--package", "orkestra-fakes"])
        .run()?;
    let (rust, mut lines) = Program::cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .envs(&tools.agents)
        .watch()?;
    let (check, _) = Program::new("npm").args(["run", "check"]).dir(&web).watch()?;
    let (unit, counted) =
        Program::new("npm").args(["test"]).dir(&web).env("NO_COLOR", "1").watch()?;
    lines.extend(counted);
    let (browser, seen) = Program::new("npm")
        .args(["run", "e2e"])
        .dir(&web)
        .env("ORKESTRA_BIN", target_dir()?.join("debug").join("orkestra"))
        .env("ORKESTRA_CHROMIUM", &tools.chromium)
        .env("CI", "true")
        .watch()?;
    lines.extend(seen);
    promises::keep(&lines)?;
    let parts = [
        ("Rust", rust),
        ("types and lints of the dashboard", check),
        ("the dashboard's own", unit),
        ("the browser's", browser),
    ];
    let failed: Vec<&str> = parts.iter().filter(|(_, ok)| !ok).map(|(name, _)| *name).collect();
    promises::print()?;
    let (passed, bad) = count(&lines);
    println!("{passed} passed, {bad} failed");
    if !failed.is_empty() {
        bail!("tests failed: {}", failed.join(", "));
    }
    Ok(())
}

/// How many tests passed and failed, from the closing lines of the runners: cargo's
/// `test result: …`, Vitest's `Tests …`, Playwright's `11 passed (50.8s)`.
fn count(lines: &[String]) -> (u64, u64) {
    let before = |line: &str, word: &str| {
        let head = line.split(word).next().filter(|head| head.len() < line.len())?;
        head.split_whitespace().next_back()?.parse::<u64>().ok()
    };
    let mut counted = (0, 0);
    for line in lines {
        let plain = line.trim();
        let closes = plain.starts_with("test result:")
            || plain.starts_with("Tests ")
            || plain
                .split_whitespace()
                .nth(1)
                .is_some_and(|word| matches!(word, "passed" | "failed"));
        if closes {
            counted.0 += before(plain, " passed").unwrap_or(0);
            counted.1 += before(plain, " failed").unwrap_or(0);
        }
    }
    counted
}

/// The long loops, on the release binary.
pub(crate) fn soak() -> Result<()> {
    let tools = setup::for_tests()?;
    Program::cargo()
        .args(["build", "--release", "--package", "orkestra", "--package", "orkestra-fakes"])
        .run()?;
    Program::cargo()
        .args(["test", "--release", "--package", "orkestra", "--", "--ignored", "soak_"])
        .args(["--test-threads", "1", "--nocapture"])
        .envs(&tools.agents)
        .run()
}

/// The API document, from the server's own routes.
pub(crate) fn write_openapi() -> Result<()> {
    Program::cargo()
        .args(["test", "--package", "orkestra", "--test", "surfaces", "openapi"])
        .env("ORKESTRA_UPDATE", "1")
        .run()
}

#[cfg(test)]
mod tests {
    #[test]
    fn closing_lines_of_all_runners_are_counted() {
        let lines = [
            "test result: ok. 44 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out",
            "test cli::passed ... ok",
            "      Tests  24 passed (24)",
            "  11 passed (50.8s)",
            "  2 failed",
        ];
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(super::count(&lines), (79, 3));
    }
}
