//! `orkestra agent-bridge`: the process of agents that have no program of their own, and of those
//! that speak the Agent Client Protocol. The daemon starts it under a shim; see `orkestra_bridge`.

use super::{Context, Outcome};
use crate::cli::Bridge;
use crate::exit::{Code, Failure};
use orkestra_agents::Kind;
use orkestra_bridge::{Settings, Unusable, acp, endpoint, key_names, say_refusal, talk};
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

/// A prompt is never longer.
const PROMPT_BYTES: u64 = 16 * 1024 * 1024;

pub(super) async fn run(context: Context, args: Bridge) -> Outcome {
    // Before anything is read that others must not see.
    orkestra_host::tool::keep_private();
    let mut prompt = String::new();
    std::io::stdin()
        .take(PROMPT_BYTES)
        .read_to_string(&mut prompt)
        .map_err(|error| Failure::of(&error))?;
    let env = &context.surroundings.env;
    let cwd = context.surroundings.cwd.clone();
    let ok = match args.kind {
        Kind::Acp => {
            let child = acp::Child {
                command: args.command,
                env: environment(env, args.kind),
                cwd,
                add_dirs: args.add_dir,
                session: args.resume.then_some(args.session),
                model: args.model,
                mode: args.mode,
                gate: super::asking::of(env),
            };
            acp::run(child, &prompt).await
        }
        _ => match endpoint(&settings(&args), env) {
            Ok((endpoint, limits)) => {
                let talk = talk::Talk {
                    endpoint,
                    limits,
                    session: args.session,
                    conversation: args.conversation,
                    resume: args.resume,
                    cwd,
                    gate: super::asking::of(env),
                    env: environment(env, args.kind),
                    max_turns: args.max_turns,
                    context: args.context,
                };
                talk::run(talk, &prompt).await
            }
            Err(why) => {
                let status = matches!(why, Unusable::NoKey { .. }).then_some(401);
                say_refusal(&why.to_string(), status);
                false
            }
        },
    };
    Ok(if ok { Code::Success } else { Code::Failure })
}

fn settings(args: &Bridge) -> Settings {
    Settings {
        kind: args.kind,
        agent: args.agent.clone(),
        model: args.model.clone(),
        base_url: args.base_url.clone(),
        timeout: args.timeout_ms.map(Duration::from_millis),
        per_minute: args.rate_limit,
        parallel: args.parallel,
        max_tokens: args.max_tokens,
        temperature: args.temperature_milli.map(|milli| f64::from(milli) / 1000.0),
        slots: args.slots.clone(),
    }
}

/// What tools and ACP agents inherit. A run's token is for the bridge alone; keys of models are
/// too, but an ACP agent calls its model itself.
fn environment(env: &BTreeMap<String, String>, kind: Kind) -> Vec<(String, String)> {
    // A token of GitHub is also what `git` and `gh` work with.
    let keys = |of: &Kind| *of == kind || *of != Kind::Github;
    let kinds: Vec<Kind> = Kind::APIS.into_iter().filter(keys).collect();
    let is_key = |name: &str| kinds.iter().any(|kind| key_names(*kind).contains(&name));
    env.iter()
        .filter(|(name, _)| !name.starts_with("ORKESTRA_") || *name == "ORKESTRA_INSTANCE")
        .filter(|(name, _)| kind == Kind::Acp || !is_key(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
