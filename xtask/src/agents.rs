//! The real agent programs that tests drive against a scripted model: pinned, since their output is
//! their own and changes often, and kept in the target folder. They come by npm once; after that
//! no network is needed.

use crate::program::{Program, target_dir};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// An agent program from npm.
struct Agent {
    /// Its folder below `target/tools`.
    name: &'static str,
    package: &'static str,
    version: &'static str,
    /// The variable that tells tests where it is.
    variable: &'static str,
    /// Where its program may lie below `node_modules`; the first that is there counts.
    programs: &'static [&'static str],
    /// A script that makes it run. The client may refuse to run install scripts of packages, so it
    /// is run by hand.
    script: Option<&'static str>,
}

/// Every one of them, and what for: adapters (claude, codex, gemini), the open protocol (opencode).
const AGENTS: [Agent; 4] = [
    Agent {
        name: "claude",
        package: "@anthropic-ai/claude-code",
        version: "2.1.329",
        variable: "ORKESTRA_TEST_CLAUDE",
        programs: &[".bin/claude"],
        script: Some("@anthropic-ai/claude-code/install.cjs"),
    },
    Agent {
        name: "codex",
        package: "@openai/codex",
        version: "0.169.0",
        variable: "ORKESTRA_TEST_CODEX",
        programs: &[".bin/codex"],
        script: None,
    },
    Agent {
        name: "gemini",
        package: "@google/gemini-cli",
        version: "0.61.0",
        variable: "ORKESTRA_TEST_GEMINI",
        programs: &[".bin/gemini"],
        script: None,
    },
    Agent {
        name: "opencode",
        package: "opencode-ai",
        version: "1.18.33",
        variable: "ORKESTRA_TEST_OPENCODE",
        programs: &[
            "opencode-linux-x64/bin/opencode",
            "opencode-linux-arm64/bin/opencode",
            "opencode-darwin-arm64/bin/opencode",
            "opencode-darwin-x64/bin/opencode",
        ],
        script: None,
    },
];

/// Installs what is missing, and says where each is.
pub(crate) fn install() -> Result<Vec<(&'static str, PathBuf)>> {
    AGENTS.iter().map(|agent| Ok((agent.variable, agent.install()?))).collect()
}

/// Installs what is missing and prints where each is, for a shell: `eval "$(cargo xtask agents)"`.
pub(crate) fn print() -> Result<()> {
    for (variable, program) in install()? {
        println!("export {variable}='{}'", program.display());
    }
    Ok(())
}

impl Agent {
    fn install(&self) -> Result<PathBuf> {
        let folder = target_dir()?.join("tools").join(self.name);
        if let Some(program) = self.working(&folder) {
            return Ok(program);
        }
        let package = format!("{}@{}", self.package, self.version);
        eprintln!("Installing {package} for tests …");
        std::fs::create_dir_all(&folder)?;
        // Its words go to standard error: what this prints is for a shell.
        Program::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--silent",
                "--prefix",
            ])
            .arg(&folder)
            .arg(&package)
            .read()?;
        if let Some(script) = self.script {
            Program::new("node").arg(folder.join("node_modules").join(script)).read()?;
        }
        let Some(program) = self.working(&folder) else {
            bail!("{package} was installed below {} but does not run", folder.display());
        };
        Ok(program)
    }

    /// Its program, if it is there and says that it is of the pinned version.
    fn working(&self, folder: &Path) -> Option<PathBuf> {
        let modules = folder.join("node_modules");
        let program = self.programs.iter().map(|path| modules.join(path)).find(|p| p.exists())?;
        let said = Program::new(&program).arg("--version").read().context("its version").ok()?;
        said.contains(self.version).then_some(program)
    }
}
