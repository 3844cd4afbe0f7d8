//! Runs: how long until an agent is at work, how fast its words become events, what an idle one costs.

use super::figure::{Bound, Figure, median};
use super::machine::{self, Fifo, ms};
use super::site::{PATIENCE, Site, Tools};
use crate::program::{Program, target_dir};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How often an agent is started.
const STARTS: usize = 20;
/// How often a real agent program is started.
const CLI_STARTS: usize = 5;
/// How many lines the talkative agent prints.
const LINES: usize = 50_000;
/// How many runs rest at once.
const RESTING: usize = 20;

/// All figures about runs.
pub(super) fn agents(tools: &Tools) -> Result<Vec<Figure>> {
    let mut site = Site::new(tools, "agents", "")?;
    let stamps = Fifo::stamps(&site.pipe("stamps"))?;
    let by_hand = Fifo::stamps(&site.pipe("by-hand"))?;
    let target = site.file("target");
    repository(&target)?;
    let child = tools.child.display().to_string();
    let command = |words: &[&str]| serde_json::to_string(words).unwrap_or_default();
    let rest = command(&[&child, "stamp", &stamps.shown()]);
    let talk = command(&[&child, "lines", &LINES.to_string()]);
    // The sandbox is as it is for everybody, but the pipe may be written.
    let write = command(&[&site.pipe("").display().to_string()]);
    let mut yaml = format!(
        "listen: {{ port: 0 }}\nagents:\n  rest: {{ kind: script, command: {rest}, sandbox: {{ write: {write} }} }}\n  \
         talk: {{ kind: script, command: {talk} }}\n"
    );
    let claude = Claude::find(&site)?;
    if let Some(claude) = &claude {
        yaml.push_str(&claude.configuration());
    }
    std::fs::write(site.file("orkestra.yaml"), yaml)?;
    site.up()?;
    let target = target.display().to_string();
    let mut figures = vec![first_words(&site, &target, tools, &stamps, &by_hand)?];
    if let Some(claude) = &claude {
        figures.push(claude.first_line(&site, &target)?);
    }
    figures.push(events(&site, &target)?);
    figures.push(resting(&site, &target, &stamps)?);
    site.verify()?;
    site.down()?;
    Ok(figures)
}

/// A repository with one commit.
fn repository(target: &Path) -> Result<()> {
    std::fs::create_dir_all(target)?;
    std::fs::write(target.join("README"), "A place to work.\n")?;
    let who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
    for words in
        [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "begin"]]
    {
        Program::new("git").arg("-C").arg(target).args(who).args(words).run()?;
    }
    Ok(())
}

fn run(site: &Site<'_>, agent: &str, target: &str) -> Result<String> {
    let printed = site.orkestra(&[
        "run",
        "--agent",
        agent,
        "--target",
        target,
        "--evidence",
        "none",
        "--detach",
        "--json",
        "go",
    ])?;
    let line = printed.lines().next().context("nothing was printed")?;
    let run: Value = serde_json::from_str(line).context(printed.clone())?;
    Ok(run["id"].as_str().context("no id")?.to_owned())
}

/// From `orkestra run` to the agent's `main`, beside starting it by hand.
fn first_words(
    site: &Site<'_>,
    target: &str,
    tools: &Tools,
    stamps: &Fifo,
    by_hand: &Fifo,
) -> Result<Figure> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let began = machine::now_ns();
        let id = run(site, "rest", target)?;
        ours.push(ms(stamps.next(PATIENCE)?.ns.saturating_sub(began)));
        site.orkestra(&["run", "stop", &id])?;
        let began = machine::now_ns();
        let mut child = Command::new(&tools.child)
            .args(["stamp", &by_hand.shown()])
            .stdin(Stdio::null())
            .spawn()?;
        floors.push(ms(by_hand.next(PATIENCE)?.ns.saturating_sub(began)));
        child.kill()?;
        child.wait()?;
    }
    Ok(Figure::new("run to the agent's main", "ms", median(&ours), Bound::None)
        .floor(median(&floors))
        .note("command, worktree, sandbox, three commits; floor: the program alone"))
}

/// Lines of an agent until they come out of the event stream.
fn events(site: &Site<'_>, target: &str) -> Result<Figure> {
    let mut command = site.command();
    command.args(["events", "--follow", "--json", "-n", "1", "--kind", "run.text,run.ended"]);
    let mut reader = Reading::begin(command)?;
    let id = run(site, "talk", target)?;
    let (mut seen, mut first) = (0_usize, None);
    loop {
        let event: Value = serde_json::from_str(&reader.line()?)?;
        if event["subject"] != id.as_str() {
            continue;
        }
        if event["kind"] == "run.ended" {
            break;
        }
        seen += 1;
        first.get_or_insert_with(machine::now_ns);
    }
    let took = ms(machine::now_ns() - first.context("no event came")?) / 1e3;
    if seen != LINES {
        bail!("{seen} of {LINES} lines came out of the event stream");
    }
    Ok(Figure::new("agent's lines as events", "1/s", seen as f64 / took, Bound::None).note(
        format!("{LINES} lines, each an event in the journal, by the event stream; none lost"),
    ))
}

/// What a run costs beside its agent.
fn resting(site: &Site<'_>, target: &str, stamps: &Fifo) -> Result<Figure> {
    let daemon = site.pid()?;
    let before = machine::pss_kb(daemon).context("no PSS")?;
    let ids = (0..RESTING).map(|_| run(site, "rest", target)).collect::<Result<Vec<_>>>()?;
    let leaders: Vec<u32> = stamps.take(RESTING, PATIENCE)?.iter().map(|stamp| stamp.pid).collect();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let grown = machine::pss_kb(daemon).context("no PSS")? - before;
    let others = site.processes();
    // Inside a sandbox the agent has another number: it is known by its command line.
    let beside = others.iter().filter(|(pid, line)| {
        **pid != daemon && !leaders.contains(pid) && !line.contains("stamp")
            || line.contains("orkestra")
    });
    let held: f64 = beside
        .filter(|(pid, _)| **pid != daemon)
        .filter_map(|(pid, _)| machine::pss_kb(*pid))
        .sum();
    for id in &ids {
        site.orkestra(&["run", "stop", id])?;
    }
    let each = (held + grown.max(0.0)) / RESTING as f64;
    Ok(Figure::new("memory per idle run", "KB", each, Bound::None).note(format!(
        "shim, sandbox and the daemon's share, without the agent; {RESTING} runs, daemon grew by {grown:.0} KB"
    )))
}

/// A program whose output is read line by line.
struct Reading {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Reading {
    fn begin(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::with_capacity(1 << 20, child.stdout.take().context("no output")?);
        Ok(Self { child, lines })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("it ended too soon");
        }
        Ok(line)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The real program, where the tests have installed it, and a model server that answers it.
struct Claude {
    program: PathBuf,
    url: String,
    _server: Reading,
}

impl Claude {
    fn find(site: &Site<'_>) -> Result<Option<Self>> {
        let program = target_dir()?.join("tools/claude/node_modules/.bin/claude");
        if !program.exists() {
            eprintln!("Claude Code is not there (`cargo xtask test` installs it): left out.");
            return Ok(None);
        }
        Program::cargo()
            .args(["build", "--release", "--quiet", "--package", "orkestra-fakes", "--bins"])
            .run()?;
        let script = site.file("model.json");
        let turn = serde_json::json!({"blocks": [{"text": "Hello."}]});
        // Each start asks a few times.
        let turns = vec![turn; CLI_STARTS * 8];
        std::fs::write(&script, serde_json::json!({"turns": turns}).to_string())?;
        let mut command = Command::new(target_dir()?.join("release/fake-model"));
        command.arg("--script").arg(&script).stdin(Stdio::null());
        let mut server = Reading::begin(command)?;
        let said = server.line()?;
        let url = said.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.context(format!("fake-model said {said:?}"))?.to_owned();
        Ok(Some(Self { program, url, _server: server }))
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("ANTHROPIC_BASE_URL", self.url.clone()),
            ("ANTHROPIC_API_KEY", "not-a-key".to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        ]
    }

    fn configuration(&self) -> String {
        let variables: serde_json::Map<String, Value> = self
            .variables()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let command = serde_json::to_string(&[&self.program]).unwrap_or_default();
        let env = Value::Object(variables);
        format!("  claude: {{ kind: claude, command: {command}, env: {env} }}\n")
    }

    /// From `orkestra run` to the program's first line, beside starting it by hand.
    fn first_line(&self, site: &Site<'_>, target: &str) -> Result<Figure> {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..CLI_STARTS {
            let mut command = site.command();
            command.args([
                "events",
                "--follow",
                "--json",
                "-n",
                "1",
                "--kind",
                "run.agent_started,run.ended",
            ]);
            let mut reader = Reading::begin(command)?;
            let began = machine::now_ns();
            let id = run(site, "claude", target)?;
            loop {
                let event: Value = serde_json::from_str(&reader.line()?)?;
                if event["subject"] == id.as_str() {
                    if event["kind"] == "run.ended" {
                        bail!("the run ended without a word: {event}");
                    }
                    break;
                }
            }
            ours.push(ms(machine::now_ns() - began));
            site.orkestra(&["run", "stop", &id])?;
            floors.push(self.by_hand(site, target)?);
        }
        Ok(Figure::new("run to Claude Code's first event", "ms", median(&ours), Bound::None)
            .floor(median(&floors))
            .note("floor: the program by hand, to its first byte"))
    }

    fn by_hand(&self, site: &Site<'_>, target: &str) -> Result<f64> {
        let mut command = Command::new(&self.program);
        command
            .args(["-p", "go", "--output-format", "stream-json", "--verbose"])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &site.dir)
            .envs(self.variables())
            .current_dir(target)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let began = machine::now_ns();
        let mut child = command.spawn()?;
        let mut byte = [0];
        child.stdout.take().context("no output")?.read_exact(&mut byte)?;
        let took = ms(machine::now_ns() - began);
        let _gone = child.kill();
        child.wait()?;
        Ok(took)
    }
}
