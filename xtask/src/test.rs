//! Running tests: Rust, dashboard, browser; the long loops; measurements.

use crate::program::{Program, target_dir};
use crate::{rows, setup};
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
        .env("ORKESTRA_TEST_CLAUDE", &tools.claude)
        .watch()?;
    let (check, _) = Program::new("npm").args(["run", "check"]).dir(&web).watch()?;
    let (unit, _) = Program::new("npm").args(["test"]).dir(&web).watch()?;
    let (browser, seen) = Program::new("npm")
        .args(["run", "e2e"])
        .dir(&web)
        .env("ORKESTRA_BIN", target_dir()?.join("debug").join("orkestra"))
        .env("ORKESTRA_CHROMIUM", &tools.chromium)
        .env("CI", "true")
        .watch()?;
    lines.extend(seen);
    rows::keep(&lines)?;
    let parts = [
        ("Rust", rust),
        ("types and lints of the dashboard", check),
        ("the dashboard's own", unit),
        ("the browser's", browser),
    ];
    let failed: Vec<&str> = parts.iter().filter(|(_, ok)| !ok).map(|(name, _)| *name).collect();
    rows::print()?;
    if !failed.is_empty() {
        bail!("tests failed: {}", failed.join(", "));
    }
    println!("All tests passed.");
    Ok(())
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
        .env("ORKESTRA_TEST_CLAUDE", &tools.claude)
        .run()
}

/// Figures with a floor of the same run beside them.
pub(crate) fn bench() -> Result<()> {
    println!("— Commits per second, beside the database alone —");
    Program::cargo()
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            "orkestra-store",
            "--example",
            "commits",
        ])
        .run()?;
    println!("— Output of units, and from a kill to its notice —");
    Program::cargo()
        .args([
            "test",
            "--release",
            "--quiet",
            "--package",
            "orkestra-host",
            "--test",
            "logs",
            "--",
        ])
        .args(["--ignored", "--nocapture", "--test-threads", "1"])
        .run()
}

/// The API document, from the server's own routes.
pub(crate) fn write_openapi() -> Result<()> {
    Program::cargo()
        .args(["test", "--package", "orkestra", "--test", "surfaces", "openapi"])
        .env("ORKESTRA_UPDATE", "1")
        .run()
}
