//! Starting an agent for an attempt: the one place where its command line, its environment and
//! its folder come together, and where they are wrapped.

use super::story;
use super::trouble::make_writable;
use super::{GRACE, Runs, attempt_folder, say};
use crate::evidence::place;
use crate::instance::describe;
use crate::options::Agents;
use crate::sandbox::{Enclosure, enclose};
use crate::spawn::FutureKind;
use crate::vendor;
use orkestra_agents::{AgentSpec, BridgePlace, RunRequest, command, discover};
use orkestra_core::id::InstanceId;
use orkestra_core::run::{Run, RunInput};
use orkestra_host::instance::{Launch, Output};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Runs {
    pub(super) fn launch(&mut self, run: &Run, instance: InstanceId, spec: &AgentSpec) {
        let (id, outbox) = (run.id, self.actors.outbox.clone());
        let actor = self.actor(run, instance);
        let mut launch = match self.launch_of(run, instance, spec) {
            Ok(launch) => launch,
            Err(why) => return self.refuse(id, why),
        };
        let launcher = Arc::clone(&self.actors.launcher);
        let enclosure = Enclosure::of(&self.actors.options, run, spec);
        let (secrets, env) = (self.actors.secrets.clone(), spec.variables());
        let store = self.actors.options.store.clone();
        let of = run.clone();
        let tells = run.attempt().is_some_and(|attempt| attempt.number > 1 && !attempt.resume);
        self.actors.futures.spawn(FutureKind::Run, async move {
            // A new conversation about work that was begun is told what was done.
            if let (true, Some(prompt)) = (tells, &launch.stdin)
                && let Err(error) = append(prompt, &story::of(&store, id).await)
            {
                tracing::warn!(run = %id, %error, "The prompt could not be made longer.");
            }
            if let (Some(prompt), Some(before)) =
                (&launch.stdin, crate::summary::of(&store, &of).await)
                && let Err(error) = append(prompt, &before)
            {
                tracing::warn!(run = %id, %error, "The prompt could not be made longer.");
            }
            if let Err(why) = secrets.fill(&env, &mut launch.env).await {
                let why = format!("Its agent could not be started: {why}.");
                return say(&outbox, id, RunInput::Refused { why }).await;
            }
            if let Some(enclosure) = enclosure
                && let Err(why) = enclose(&enclosure, &mut launch).await
            {
                let why = format!("Its agent was not started: {why}.");
                return say(&outbox, id, RunInput::Refused { why }).await;
            }
            match launcher.launch(&launch) {
                Ok((handle, events)) => actor.follow(handle, events).await,
                Err(error) => {
                    let why = format!("Its agent could not be started: {}.", describe(&error));
                    say(&outbox, id, RunInput::Refused { why }).await;
                }
            }
        });
    }

    fn launch_of(
        &self,
        run: &Run,
        instance: InstanceId,
        spec: &AgentSpec,
    ) -> Result<Launch, String> {
        let worktree = run.worktree.as_ref().ok_or("The run has no worktree.")?;
        let folder = attempt_folder(&self.actors.options.home, run);
        let mut request = request_of(run, instance, Path::new(&worktree.path));
        request.folder = Some(folder.join("vendor"));
        request.sandboxed = spec.sandbox.holds();
        let home = &self.actors.options.home;
        request.bridge = Some(BridgePlace {
            program: self.actors.options.program.clone(),
            agent: run.agent.clone(),
            // One for all attempts: a later one goes on with the conversation of an earlier one.
            folder: home.join("runs").join(run.id.to_string()).join("bridge"),
            slots: crate::agent_slots(home, &run.agent),
        });
        request.hook = crate::approval::hook_command(spec.kind);
        vendor::read_settings(&mut request, spec, &self.actors.options.env);
        let mut invocation = command(spec, &request).map_err(|error| describe(&error))?;
        let path = self.actors.options.env.iter().find(|(name, _)| name == "PATH");
        let path = spec.env.get("PATH").or(path.map(|(_, value)| value)).map(String::as_str);
        vendor::native(spec, &mut invocation, path);
        vendor::furnish(&invocation)
            .map_err(|error| format!("its vendor's settings cannot be written: {error}"))?;
        let stdin = folder.join("prompt");
        write_private(&folder, &stdin, invocation.stdin.as_deref().unwrap_or_default())
            .map_err(|error| format!("{} cannot be written: {error}", stdin.display()))?;
        make_writable(&run.changes.chmod, Path::new(&worktree.path))
            .map_err(|error| format!("a file cannot be made writable: {error}"))?;
        let mut env = invocation.environment(spec.kind, self.actors.options.env.iter().cloned());
        env.insert("ORKESTRA_RUN".to_owned(), run.id.to_string());
        env.insert("ORKESTRA_ATTEMPT".to_owned(), run.attempt_number().to_string());
        let charter = place::charter(&self.actors.options.home, run.id);
        env.insert("ORKESTRA_CHARTER".to_owned(), charter.to_string_lossy().into_owned());
        env.extend(crate::approval::environment(&self.actors.options.home, run.id, instance)?);
        Ok(Launch {
            name: format!("run-{}", run.id.short()),
            instance: instance.to_string(),
            term: self.actors.term,
            argv: invocation.argv,
            env: env.into_iter().collect(),
            cwd: invocation.cwd,
            stop_signal: invocation.stop_signal.number(),
            grace: GRACE,
            output: Output::Raw {
                stdout: folder.join("stdout"),
                stderr: folder.join("stderr"),
                cap: run.limits.output,
            },
            stdin: Some(stdin),
            nofile: Some(self.actors.options.nofile),
            user: None,
            notify: None,
            watchdog: None,
        })
    }

    /// The agent as configured; one that is only found on this machine has the sandbox for all.
    pub(super) fn spec_of(&self, run: &Run, agents: &Agents) -> Result<AgentSpec, String> {
        let sandbox = self.actors.options.upkeep.sandbox.clone();
        match agents.get(&run.agent) {
            Some(spec) => Ok(spec.clone()),
            None if run.agent == run.kind => {
                Ok(AgentSpec { sandbox, ..AgentSpec::new(super::kind_of(run)) })
            }
            None => discover::by_path(&run.agent)
                .map(|spec| AgentSpec { sandbox, ..spec })
                .ok_or_else(|| format!("The agent {:?} is not configured any more.", run.agent)),
        }
    }
}

/// What the vendor's adapter is told of an attempt.
fn request_of(run: &Run, instance: InstanceId, worktree: &Path) -> RunRequest {
    let attempt = run.attempt();
    let resume = attempt.filter(|attempt| attempt.resume).map(|attempt| attempt.session_id.clone());
    let say = attempt.and_then(|attempt| attempt.say.clone());
    RunRequest {
        prompt: say.or_else(|| run.given.clone()).unwrap_or_else(|| run.prompt.clone()),
        // One that goes on has the vendor's id, which need not be a UUID.
        session_id: run.session_id.parse().unwrap_or_else(|_| instance.uuid()),
        worktree: worktree.to_owned(),
        resume,
        add_dirs: run.changes.add_dirs.iter().map(PathBuf::from).collect(),
        ..RunRequest::default()
    }
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(file)?.write_all(text.as_bytes())
}

/// A prompt may hold secrets: only the owner may read it.
fn write_private(folder: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(bytes)
}
