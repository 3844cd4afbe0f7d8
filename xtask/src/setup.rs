//! What a fresh machine lacks: the dashboard's packages, and for tests a browser and real agent
//! programs. Everything comes by the machine's own package clients.

use crate::agents;
use crate::program::{Program, root};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The oldest Node that builds the dashboard.
const NODE_MAJOR_MIN: u32 = 20;

/// Whether a program can be found.
pub(crate) fn found(program: &str) -> bool {
    which(program).is_some()
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn node_major() -> Option<u32> {
    let version = found("node").then(|| Program::new("node").arg("--version").read().ok())??;
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Builds the dashboard, when there is Node; without it the binary serves a page that says so.
pub(crate) fn dashboard() -> Result<()> {
    match node_major() {
        Some(major) if major >= NODE_MAJOR_MIN => {
            packages()?;
            Program::new("npm").args(["run", "build"]).dir(root().join("web")).run()
        }
        Some(major) => {
            println!(
                "Node {major} is too old for the dashboard (needs {NODE_MAJOR_MIN}); going on without it."
            );
            Ok(())
        }
        None => {
            println!("Node.js is not there; going on without the dashboard.");
            Ok(())
        }
    }
}

/// Installs the dashboard's packages when they are missing or older than the lock file.
pub(crate) fn packages() -> Result<()> {
    let web = root().join("web");
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    let wanted = modified(&web.join("package-lock.json"));
    if installed.is_some() && installed >= wanted {
        return Ok(());
    }
    println!("Installing the dashboard's packages …");
    Program::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(web).run()
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    path.metadata().and_then(|facts| facts.modified()).ok()
}

/// What tests need beside Rust.
pub(crate) fn for_tests() -> Result<Tools> {
    match node_major() {
        Some(major) if major >= NODE_MAJOR_MIN => {}
        _ => bail!(
            "tests need Node.js {NODE_MAJOR_MIN} or newer: the dashboard is tested in a browser"
        ),
    }
    if !found("git") {
        bail!("tests need git: agents work in worktrees");
    }
    packages()?;
    bubblewrap()?;
    Ok(Tools { chromium: chromium()?, agents: agents::install()? })
}

/// Programs that tests drive.
pub(crate) struct Tools {
    pub(crate) chromium: PathBuf,
    /// Agent programs: the variable that tells tests where one is, and where it is.
    pub(crate) agents: Vec<(&'static str, PathBuf)>,
}

/// Agents are held by it; the tests of the sandbox fail without.
fn bubblewrap() -> Result<()> {
    if found("bwrap") {
        return Ok(());
    }
    if !found("apt-get") {
        bail!("tests need bubblewrap; install it with this machine's package manager");
    }
    println!("Installing bubblewrap …");
    apt_install(&["bubblewrap"])
}

/// Installs packages of the system.
fn apt_install(names: &[&str]) -> Result<()> {
    let sudo = !is_root() && found("sudo");
    let apt = || if sudo { Program::new("sudo").arg("apt-get") } else { Program::new("apt-get") };
    let quiet = |program: Program| program.env("DEBIAN_FRONTEND", "noninteractive");
    quiet(apt()).args(["update", "-qq"]).run()?;
    quiet(apt()).args(["install", "-y", "-qq", "--no-install-recommends"]).args(names).run()
}

fn chromium() -> Result<PathBuf> {
    let look = || ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|p| which(p));
    if let Some(path) = look() {
        return Ok(path);
    }
    if !found("apt-get") {
        bail!("tests need Chromium; install it with this machine's package manager");
    }
    println!("Installing Chromium …");
    apt_install(&["chromium", "fonts-dejavu-core"])?;
    look().context("Chromium was installed but is not found")
}

fn is_root() -> bool {
    let user = Program::new("id").arg("-u").read().unwrap_or_default();
    user.trim() == "0"
}
