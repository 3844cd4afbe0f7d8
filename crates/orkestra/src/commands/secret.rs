//! `orkestra secret`: whether what the configuration refers to is there. Values are never shown.

use super::{Context, Outcome};
use crate::cli::Secret;
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint};
use orkestra_core::job::spec::Action;
use orkestra_engine::{Secrets, names_secret_owner};
use orkestra_server::client;
use orkestra_server::wire::{SecretCheck, SecretList, SecretView};

pub(super) async fn run(context: Context, args: Secret) -> Outcome {
    let Secret::Check { name, all: _, json } = args;
    let list = match context.client() {
        Ok(client) => {
            match client.post("/api/v1/secrets/check", &SecretCheck { of: name.clone() }).await {
                // The daemon's own environment counts, but without one the shell's is a good guess.
                Err(client::Error::NotRunning { .. }) => here(&context, name.as_deref()).await?,
                answer => answer?,
            }
        }
        Err(_never_ran) => here(&context, name.as_deref()).await?,
    };
    if let (Some(name), true) = (&name, list.secrets.is_empty()) {
        refuse_unknown(&context, name)?;
    }
    if json.json {
        terminal::print_json(&list);
    } else {
        show(&list);
    }
    // Where no password manager is, its secrets cannot be said to be missing.
    let missing = list.secrets.iter().any(|secret| !secret.ok && !secret.no_manager);
    Ok(if missing { Code::NotFound } else { Code::Success })
}

/// Looks without a daemon, in the environment of this command.
async fn here(context: &Context, of: Option<&str>) -> Result<SecretList, Failure> {
    let settings = context.load()?.settings;
    let secrets = Secrets::new(context.surroundings.for_units());
    let units = settings.units.iter().map(|(name, unit)| (name.to_string(), &unit.env));
    let agents = settings.agents.iter().map(|(name, agent)| (name.clone(), &agent.env));
    let jobs = settings.jobs.iter().filter_map(|(name, job)| match &job.action {
        Action::Command { env, .. } => Some((format!("job:{name}"), env)),
        Action::Run { .. } | Action::Builtin { .. } => None,
    });
    let mut list = SecretList::default();
    let all = units.chain(agents).chain(jobs);
    for (name, env) in all.filter(|(name, _)| of.is_none_or(|of| names_secret_owner(of, name))) {
        let checked = secrets.check(env, &name).await;
        list.secrets.extend(checked.into_iter().map(SecretView::from));
    }
    Ok(list)
}

fn refuse_unknown(context: &Context, name: &str) -> Result<(), Failure> {
    let settings = context.load()?.settings;
    let job = name.strip_prefix("job:").unwrap_or(name);
    if settings.units.contains_key(name)
        || settings.agents.contains_key(name)
        || settings.jobs.contains_key(job)
    {
        return Ok(());
    }
    let message = format!("there is no unit, agent or job named {name}");
    Err(Failure::new(Code::NotFound, message).hint("orkestra secret check looks at all of them"))
}

fn show(list: &SecretList) {
    if list.secrets.is_empty() {
        terminal::print("No value of the configuration refers to a secret.");
    }
    for secret in &list.secrets {
        let mark = match (secret.ok, &secret.note) {
            (true, None) => paint(Color::Green, "✓"),
            (true, Some(_)) => paint(Color::Amber, "!"),
            (false, _) => paint(Color::Red, "✗"),
        };
        let (of, variable) = (harmless(&secret.of), harmless(&secret.variable));
        terminal::print(&format!("{mark} {of}: {variable} from {}", harmless(&secret.reference)));
        for line in [&secret.why, &secret.note, &secret.hint].into_iter().flatten() {
            terminal::print(&format!("    {}", harmless(line)));
        }
    }
}
