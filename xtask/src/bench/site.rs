//! A data folder with its daemon, as a user would have it, and the C programs beside it.

use super::machine;
use crate::program::{Program, root, target_dir};
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before the measurement is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The programs that are measured.
pub(crate) struct Tools {
    pub(crate) orkestra: PathBuf,
    pub(crate) child: PathBuf,
    pub(crate) floor: PathBuf,
    /// Where data folders are made.
    pub(crate) folder: PathBuf,
}

impl Tools {
    /// Builds what is missing. `folder` says where data lies; in the target folder by default,
    /// since a temporary folder may be memory, and memory has no fsync.
    pub(crate) fn build(folder: Option<&Path>, binary: Option<&Path>) -> Result<Self> {
        if binary.is_none() {
            Program::cargo()
                .args(["build", "--release", "--quiet", "--package", "orkestra"])
                .run()?;
        }
        let target = target_dir()?;
        let made = target.join("bench");
        std::fs::create_dir_all(&made)?;
        let compile = |name: &str| -> Result<PathBuf> {
            let program = made.join(name);
            let source = root().join("xtask/bench").join(format!("{name}.c"));
            // SQLite is compiled too, so there is a compiler.
            Program::new("cc")
                .args(["-O2", "-static", "-o"])
                .arg(&program)
                .arg(&source)
                .run()
                .context("a C compiler and a static C library are needed")?;
            Ok(program)
        };
        Ok(Self {
            orkestra: match binary {
                Some(binary) => std::path::absolute(binary)?,
                None => target.join("release").join("orkestra"),
            },
            child: compile("child")?,
            floor: compile("floor")?,
            folder: folder.map_or(made, Path::to_path_buf),
        })
    }
}

/// One data folder.
pub(crate) struct Site<'a> {
    tools: &'a Tools,
    pub(crate) dir: PathBuf,
    daemon: Option<Child>,
    keep: bool,
}

impl<'a> Site<'a> {
    pub(crate) fn new(tools: &'a Tools, name: &str, units: &str) -> Result<Self> {
        let dir = tools.folder.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("pipes"))?;
        let site = Self { tools, dir, daemon: None, keep: false };
        std::fs::write(
            site.dir.join("orkestra.yaml"),
            format!("listen: {{ port: 0 }}\nunits:\n{units}"),
        )?;
        Ok(site)
    }

    /// The folder stays when this is dropped.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A place for a pipe: not beside the configuration, where the daemon watches for changes.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        self.dir.join("pipes").join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// A command with an environment that says nothing of this machine.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.tools.orkestra);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.dir)
            .env("ORKESTRA_HOME", self.data())
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    /// Begins `orkestra up`; when it began.
    pub(crate) fn begin(&mut self) -> Result<u64> {
        let log =
            std::fs::OpenOptions::new().append(true).create(true).open(self.file("daemon.log"))?;
        let mut command = self.command();
        command.arg("up").stdout(Stdio::piped()).stderr(log);
        let began = machine::now_ns();
        self.daemon = Some(command.spawn().context("the daemon does not start")?);
        Ok(began)
    }

    /// Waits until it serves.
    pub(crate) fn serves(&mut self) -> Result<()> {
        let child = self.daemon.as_mut().context("no daemon was begun")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        if !line.starts_with("Dashboard:") {
            let said = std::fs::read_to_string(self.file("daemon.log")).unwrap_or_default();
            bail!("the daemon did not come up: {line:?}\n{said}");
        }
        Ok(())
    }

    pub(crate) fn up(&mut self) -> Result<u64> {
        let began = self.begin()?;
        self.serves()?;
        Ok(began)
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.daemon.as_ref().map(Child::id).context("no daemon runs")
    }

    /// Kills the daemon: no goodbye.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let mut child = self.daemon.take().context("no daemon runs")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Whether the daemon has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        let child = self.daemon.as_mut().context("no daemon runs")?;
        Ok(child.try_wait()?.is_some())
    }

    /// What a command prints.
    pub(crate) fn orkestra(&self, args: &[&str]) -> Result<String> {
        let output = self.command().args(args).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("orkestra {args:?}: {}: {said}", output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(crate) fn units(&self) -> Result<Vec<Value>> {
        let status: Value = serde_json::from_str(&self.orkestra(&["status", "--json"])?)?;
        Ok(status["units"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until all units run; the units.
    pub(crate) fn all_run(&self) -> Result<Vec<Value>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let units = self.units()?;
            if units.iter().all(|unit| unit["state"] == "running") {
                return Ok(units);
            }
            if Instant::now() > deadline {
                bail!("not all units came to run");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it and all it holds; how long the command took, in milliseconds.
    pub(crate) fn down(&mut self) -> Result<f64> {
        let began = machine::now_ns();
        self.orkestra(&["down"])?;
        let took = machine::ms(machine::now_ns() - began);
        if let Some(mut child) = self.daemon.take() {
            child.wait()?;
        }
        Ok(took)
    }

    /// The journal is whole.
    pub(crate) fn verify(&self) -> Result<()> {
        self.orkestra(&["audit", "verify"]).map(|_| ())
    }

    /// Every process that belongs to this folder, shims included, by pid: its command line.
    pub(crate) fn processes(&self) -> std::collections::BTreeMap<u32, String> {
        machine::marked(&["ORKESTRA_INSTANCE=", &format!("HOME={}\0", self.dir.display())])
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for pid in left.keys() {
                machine::kill(*pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if !self.keep {
            let _left = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A unit's line in YAML.
pub(crate) fn unit(name: &str, command: &[&str], rest: &str) -> String {
    let command = serde_json::to_string(command).unwrap_or_default();
    let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
    format!("  {name}: {{ command: {command}{rest} }}\n")
}

/// A running floor program.
pub(crate) struct Floor(Child);

impl Floor {
    pub(crate) fn start(tools: &Tools, args: &[&str]) -> Result<Self> {
        let mut command = Command::new(&tools.floor);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(command.spawn()?))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end everything, and waits for that.
    pub(crate) fn stop(mut self) -> Result<()> {
        machine::kill(self.pid(), Signal::TERM);
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            machine::kill(self.pid(), Signal::TERM);
            let _reaped = self.0.wait();
        }
    }
}
