//! `orkestra service …`

use super::{Context, Outcome};
use crate::cli::{Json, Service as Verb, ServiceManager, WhichService};
use crate::exit::{Code, Failure};
use crate::terminal;
use orkestra_host::service::{self, Manager, Places, Service};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Beyond the longest grace: for the last words of shims, the last commit, and runs.
const STOP_SPARE_SECONDS: u64 = 30;
/// A stop is never given less, since the configuration changes after the service is written.
const STOP_SECONDS_MIN: u64 = 90;

pub(super) async fn run(context: Context, args: Verb) -> Outcome {
    match args {
        Verb::Install { which, run_as, print, manager, no_start, json } => {
            let service = described(&context, &which, run_as)?;
            let manager = match manager {
                Some(ServiceManager::Systemd) => Manager::Systemd,
                Some(ServiceManager::Launchd) => Manager::Launchd,
                None => of_this_machine(),
            };
            if print {
                let text = service.text(manager);
                if json.json {
                    terminal::print_json(&json!({"service": service.name, "text": text}));
                } else {
                    terminal::print(text.trim_end());
                }
                return Ok(Code::Success);
            }
            install(&context, &service, manager, no_start, json).await
        }
        Verb::Uninstall { which, json } => {
            let service = described(&context, &which, None)?;
            uninstall(&context, &service, of_this_machine(), json).await
        }
        Verb::Status { which, json } => {
            let service = described(&context, &which, None)?;
            status(&context, &service, of_this_machine(), json).await
        }
    }
}

fn of_this_machine() -> Manager {
    if cfg!(target_os = "macos") { Manager::Launchd } else { Manager::Systemd }
}

/// The service as this call describes it.
fn described(
    context: &Context,
    which: &WhichService,
    run_as: Option<String>,
) -> Result<Service, Failure> {
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if which.name.is_empty() || which.name.len() > 63 || !which.name.chars().all(ok) {
        let what = format!("{:?} is not a name for a service", which.name);
        return Err(
            Failure::new(Code::Usage, what).hint("Use 1 to 63 letters, digits, '.', '_' or '-'")
        );
    }
    let program = std::env::current_exe().map_err(|error| Failure::of(&error))?;
    // A wrong configuration is not what stands in the way of asking or removing.
    let loaded = context.load().ok();
    let grace = loaded.as_ref().map_or(0, |loaded| {
        loaded.settings.units.values().map(|unit| unit.stop.grace.ms()).max().unwrap_or(0)
    });
    let config =
        loaded.and_then(|loaded| loaded.path).map(|path| context.surroundings.cwd.join(path));
    // A manager's own PATH lacks what the person who installs this has: node, agents.
    let env = context.surroundings.env.get("PATH").map(|path| ("PATH".to_owned(), path.clone()));
    Ok(Service {
        name: which.name.clone(),
        system: which.system,
        run_as,
        program,
        home: context.home()?,
        config,
        env: env.into_iter().collect(),
        stop_seconds: (grace.div_ceil(1000) + STOP_SPARE_SECONDS).max(STOP_SECONDS_MIN),
    })
}

fn path(context: &Context, service: &Service, manager: Manager) -> Result<PathBuf, Failure> {
    let places = Places {
        user_home: context.surroundings.user_home.clone(),
        config_home: context
            .surroundings
            .env
            .get("XDG_CONFIG_HOME")
            .filter(|path| path.starts_with('/'))
            .map(PathBuf::from),
    };
    service.path(manager, &places).ok_or_else(|| {
        Failure::new(Code::Failure, "HOME is not set, so there is no place for a user's service")
    })
}

fn environment(context: &Context) -> Vec<(String, String)> {
    context.surroundings.env.clone().into_iter().collect()
}

/// One call of the manager's tool that has to succeed.
async fn must(
    context: &Context,
    service: &Service,
    manager: Manager,
    words: &[&str],
) -> Result<(), Failure> {
    let said = service::tool(service, manager, words, &environment(context)).await?;
    if said.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&said.stderr).into_owned();
    let failure = Failure::new(
        Code::Failure,
        format!("{} failed: {}", words.join(" "), terminal::harmless(why.trim())),
    );
    Err(match manager {
        Manager::Systemd if service.system => {
            failure.hint("journalctl -u NAME shows more; this needs root")
        }
        Manager::Systemd => failure.hint(
            "journalctl --user -u NAME shows more; without a session of yours there is no user manager: loginctl enable-linger",
        ),
        Manager::Launchd => failure.hint("launchctl print shows more"),
    })
}

async fn install(
    context: &Context,
    service: &Service,
    manager: Manager,
    no_start: bool,
    args: Json,
) -> Outcome {
    // A wrong configuration would make a service that cannot start.
    let _right = context.load()?;
    let path = path(context, service, manager)?;
    let before = service::is_ours(&path)?;
    if before == Some(false) {
        return Err(Failure::new(
            Code::Refused,
            format!("{} is there, and Orkestra did not write it", path.display()),
        )
        .hint("Choose another name with --name, or remove it"));
    }
    if before.is_none()
        && !no_start
        && let Some(pid) = orkestra_host::home::holder(&service.home)?
    {
        return Err(Failure::new(
            Code::Refused,
            format!("a daemon (process {pid}) runs on {}", service.home.display()),
        )
        .hint("orkestra down --keep-units ends it; the service takes its units over"));
    }
    service::write(&path, &service.text(manager))?;
    let unit = format!("{}.service", service.name);
    match manager {
        Manager::Systemd => {
            must(context, service, manager, &["daemon-reload"]).await?;
            must(context, service, manager, &["enable", &unit]).await?;
            if !no_start {
                must(context, service, manager, &["start", &unit]).await?;
            }
        }
        Manager::Launchd => {
            if !no_start {
                let (domain, _) = service.launchd_target();
                let file = path.display().to_string();
                must(context, service, manager, &["bootstrap", &domain, &file]).await?;
            }
        }
    }
    if args.json {
        terminal::print_json(&json!({"service": service.name, "file": path.display().to_string(),
            "started": !no_start}));
    } else {
        let word = if before.is_some() { "Rewrote" } else { "Wrote" };
        terminal::complain(&format!("{word} {}.", path.display()));
        if !no_start {
            terminal::complain("The service runs; orkestra status shows what it keeps running.");
        }
        if manager == Manager::Systemd && !service.system {
            terminal::complain(
                "So that it runs without you being logged in: loginctl enable-linger",
            );
        }
    }
    Ok(Code::Success)
}

fn not_installed(path: &Path) -> Failure {
    Failure::new(Code::NotFound, format!("there is no service at {}", path.display()))
        .hint("orkestra service install writes one")
}

async fn uninstall(context: &Context, service: &Service, manager: Manager, args: Json) -> Outcome {
    let path = path(context, service, manager)?;
    match service::is_ours(&path)? {
        None => return Err(not_installed(&path)),
        Some(false) => {
            return Err(Failure::new(
                Code::Refused,
                format!("{} was not written by Orkestra and is left as it is", path.display()),
            ));
        }
        Some(true) => {}
    }
    let unit = format!("{}.service", service.name);
    match manager {
        Manager::Systemd => {
            must(context, service, manager, &["disable", "--now", &unit]).await?;
            service::remove(&path)?;
            must(context, service, manager, &["daemon-reload"]).await?;
        }
        Manager::Launchd => {
            let (_, target) = service.launchd_target();
            must(context, service, manager, &["bootout", &target]).await?;
            service::remove(&path)?;
        }
    }
    if args.json {
        terminal::print_json(&json!({"service": service.name, "file": path.display().to_string()}));
    } else {
        terminal::complain(&format!("Stopped the service and removed {}.", path.display()));
    }
    Ok(Code::Success)
}

/// What systemd says of a unit, in its own words.
const PROPERTIES: [(&str, &str); 5] = [
    ("ActiveState", "active"),
    ("SubState", "detail"),
    ("UnitFileState", "enabled"),
    ("MainPID", "pid"),
    ("StatusText", "status"),
];

async fn status(context: &Context, service: &Service, manager: Manager, args: Json) -> Outcome {
    let path = path(context, service, manager)?;
    if service::is_ours(&path)?.is_none() {
        if args.json {
            terminal::print_json(&json!({"service": service.name, "installed": false}));
            return Ok(Code::NotFound);
        }
        return Err(not_installed(&path));
    }
    let unit = format!("{}.service", service.name);
    let said = match manager {
        Manager::Systemd => {
            let names: Vec<_> = PROPERTIES.iter().map(|(theirs, _)| *theirs).collect();
            let names = format!("--property={}", names.join(","));
            service::tool(service, manager, &["show", &unit, &names], &environment(context)).await?
        }
        Manager::Launchd => {
            let (_, target) = service.launchd_target();
            service::tool(service, manager, &["print", &target], &environment(context)).await?
        }
    };
    if !said.success() {
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        return Err(Failure::new(
            Code::Failure,
            format!("the manager does not answer: {}", terminal::harmless(why.trim())),
        ));
    }
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('='))
            .unwrap_or_default()
            .trim()
    };
    let mut shown = json!({"service": service.name, "installed": true,
        "file": path.display().to_string()});
    for (theirs, ours) in PROPERTIES {
        if let Some(shown) = shown.as_object_mut() {
            shown.insert(ours.to_owned(), json!(value(theirs)));
        }
    }
    let runs = match manager {
        Manager::Systemd => value("ActiveState") == "active",
        Manager::Launchd => value("state") == "running",
    };
    if args.json {
        terminal::print_json(&shown);
    } else {
        terminal::print(&format!(
            "{}: {} ({}), {}",
            unit,
            value("ActiveState"),
            value("SubState"),
            value("UnitFileState")
        ));
        terminal::print(&format!("  file     {}", path.display()));
        terminal::print(&format!("  process  {}", value("MainPID")));
        terminal::print(&format!("  says     {}", terminal::harmless(value("StatusText"))));
    }
    Ok(if runs { Code::Success } else { Code::NotRunning })
}
