//! Hooks that a person configured for an agent: programs that are told what it does, and may say
//! no. They run here and not in the agent's sandbox: the agent can neither change nor stop them.

use super::{Told, ToolCall, cut};
use crate::error::Error;
use crate::handle::Handle;
use crate::instance::describe;
use orkestra_agents::hook::HookEvent;
use orkestra_agents::user_hook::{Said, UserHook, said};
use orkestra_core::event::{Cause, Draft, Topic};
use orkestra_core::id::{InstanceId, RunId};
use orkestra_core::run::Run;
use orkestra_host::program;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a hook may say.
const SAID_MAX: usize = 64 << 10;

impl Handle {
    /// The hooks before a tool call; an answer when one of them says no. They can only refuse: the
    /// gate is asked in any case.
    pub(super) async fn hooks_before(&self, run: &Run, call: &ToolCall) -> Option<Told> {
        let payload = json!({"tool_use_id": call.id, "tool_input": call.input, "cwd": call.cwd});
        let event = HookEvent::PreToolUse;
        self.run_hooks(run, event, Some(&call.tool), payload).await
    }

    /// An agent tells that something happened.
    ///
    /// # Errors
    /// The run is over or has another life; the event is not known.
    pub async fn hook(
        &self,
        run: RunId,
        instance: InstanceId,
        event: &str,
        tool: Option<&str>,
        payload: Value,
    ) -> Result<Told, Error> {
        let event = HookEvent::named(event).ok_or_else(|| Error::UnknownHook(event.to_owned()))?;
        let run = self.living_run(run, instance).await?;
        let told = self.run_hooks(&run, event, tool, payload).await;
        Ok(told.unwrap_or_else(|| Told::allow("No hook speaks against it.")))
    }

    async fn run_hooks(
        &self,
        run: &Run,
        event: HookEvent,
        tool: Option<&str>,
        payload: Value,
    ) -> Option<Told> {
        let hooks: Vec<UserHook> = {
            let agents = self.view.agents.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            let hooks = agents.get(&run.agent).map(|spec| spec.hooks.clone()).unwrap_or_default();
            hooks.into_iter().filter(|hook| hook.is_for(event, tool)).collect()
        };
        if hooks.is_empty() {
            return None;
        }
        let worktree = run.worktree.as_ref().map(|place| place.path.clone());
        let mut told = json!({"hook_event_name": event.as_str(), "session_id": run.session_id,
            "run": run.id, "agent": run.agent, "worktree": worktree, "target": run.target,
            "tool_name": tool});
        if let (Some(told), Value::Object(payload)) = (told.as_object_mut(), payload) {
            for (name, value) in payload {
                told.entry(name).or_insert(value);
            }
        }
        let input = told.to_string();
        for hook in hooks {
            if let Said::No { reason } = self.run_hook(run, &hook, input.as_bytes()).await {
                let reason = self.view.secrets.redact(&reason).into_owned();
                let name = hook.command.first().cloned().unwrap_or_default();
                let call = told.get("tool_use_id").cloned().unwrap_or_default();
                let body = json!({"event": event.as_str(), "tool": tool, "call": call,
                    "hook": name, "reason": cut(&reason)});
                let cause = run.latest.map_or(Cause::Root, Cause::Event);
                let id = run.id.to_string();
                let draft = Draft::new("run.hook_denied", Topic::Run, &id, "daemon", body);
                self.note(vec![draft.because(cause)]).await;
                return Some(Told::deny(format!("Denied by a hook: {reason}")));
            }
        }
        None
    }

    async fn run_hook(&self, run: &Run, hook: &UserHook, input: &[u8]) -> Said {
        // The semaphore is never closed.
        let Ok(_slot) = self.view.hook_slots.acquire().await else {
            return Said::No { reason: "The daemon goes down.".to_owned() };
        };
        let mut env = self.view.env.clone();
        env.push(("ORKESTRA_RUN".to_owned(), run.id.to_string()));
        env.push(("ORKESTRA_HOOK_EVENT".to_owned(), hook.event.as_str().to_owned()));
        // Not in the worktree, where the agent could leave things for the hook to trip over.
        let cwd = Some(PathBuf::from(&run.target)).filter(|target| target.is_dir());
        let cwd = cwd.unwrap_or_else(|| self.home.clone());
        let limit = Duration::from_millis(hook.timeout_ms);
        let mut command = hook.command.clone();
        if let Some(first) = command.first_mut()
            && let Some(found) = program::find_program(first, &self.path)
        {
            *first = found.to_string_lossy().into_owned();
        }
        match program::run_fed(input, &command, &env, Path::new(&cwd), limit, SAID_MAX).await {
            Ok(captured) => said(captured.code, &captured.stdout, &captured.stderr),
            Err(error) => Said::No { reason: format!("The hook failed: {}.", describe(&error)) },
        }
    }
}
