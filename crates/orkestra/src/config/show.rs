//! The effective configuration as text and as JSON, secrets hidden.

use super::reader::{KeyPath, show_size};
use super::{Loaded, Origin, Settings, keys, redact};
use orkestra_agents::user_hook::UserHook;
use orkestra_agents::{AgentSpec, ApiSpec};
use orkestra_connectors::Notification;
use orkestra_core::budget::{Budget, Limit};
use orkestra_core::gate::{Decision, Policy};
use orkestra_core::health::Thresholds;
use orkestra_core::job::schedule::Schedule;
use orkestra_core::job::spec::{Action, JobSpec};
use orkestra_core::review;
use orkestra_core::run::LimitsSpec;
use orkestra_core::span::Span;
use orkestra_core::task::Rules;
use orkestra_core::unit::probe::Probe;
use orkestra_core::unit::spec::UnitSpec;
use orkestra_engine::{GitHubSpec, Money, Retention, VoteSpec};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Every effective value as a tree with the file's keys, and `home`; secrets hidden.
pub(crate) fn values(settings: &Settings) -> Value {
    let units: Map<String, Value> =
        settings.units.iter().map(|(name, unit)| (name.to_string(), unit_value(unit))).collect();
    let agents: Map<String, Value> =
        settings.agents.iter().map(|(name, agent)| (name.clone(), agent_value(agent))).collect();
    let jobs: Map<String, Value> =
        settings.jobs.iter().map(|(name, job)| (name.to_string(), job_value(job))).collect();
    json!({
        "home": settings.home.display().to_string(),
        "listen": { "host": settings.host.to_string(), "port": settings.port },
        "env": variables(&settings.env),
        "units": units,
        "agents": agents,
        "notifications": notifications(&settings.upkeep.notifications),
        "jobs": jobs,
        "github": github(settings.upkeep.github.as_ref()),
        "sessions": {
            "involvement": settings.upkeep.sessions.involvement,
            "plan_tries": settings.upkeep.sessions.plan_tries,
            "plan_rounds": settings.upkeep.sessions.plan_rounds,
        },
        "sandbox": settings.upkeep.sandbox,
        "budgets": budgets(&settings.upkeep.money),
        "prices": prices(&settings.upkeep.money),
        "money": { "zone": settings.upkeep.money.books.zone.iana_name().unwrap_or("UTC") },
        "retention": retention(&settings.upkeep.retention),
        "checks": settings.upkeep.checks,
        "snapshots": {
            "every": settings.upkeep.snapshots.every,
            "keep": settings.upkeep.snapshots.keep,
        },
        "approvals": { "expire": settings.upkeep.approvals_expire },
        "health": thresholds(&settings.upkeep.thresholds),
        "tasks": tasks(&settings.upkeep.tasks),
        "reviews": reviews(&settings.upkeep.reviews),
        "gate": gate(&settings.upkeep.gate),
        "votes": votes(&settings.upkeep.votes),
        "telemetry": {
            "otlp": settings.telemetry.otlp.as_deref().unwrap_or("none"),
            "service_name": settings.telemetry.service_name,
        },
    })
}

fn votes(spec: &VoteSpec) -> Value {
    let weights: Map<String, Value> = spec
        .weights
        .iter()
        .map(|(domain, row)| {
            let row: Vec<String> = row.iter().map(|(name, w)| format!("{name} {w}")).collect();
            (domain.clone(), json!(row.join(", ")))
        })
        .collect();
    json!({"deadline": spec.deadline, "quorum": spec.quorum, "preamble": spec.preamble,
        "mediator": spec.mediator, "weights": weights})
}

fn unit_value(unit: &UnitSpec) -> Value {
    let after: Map<String, Value> =
        unit.after.iter().map(|(name, condition)| (name.to_string(), json!(condition))).collect();
    let backoff = &unit.restart.backoff;
    json!({
        "command": redact::command(&unit.command),
        "cwd": unit.cwd,
        "env": variables(&unit.env),
        "enabled": unit.enabled,
        "after": after,
        "restart": {
            "policy": unit.restart.policy,
            "profile": unit.restart.profile,
            "initial": backoff.initial,
            "factor": number(backoff.factor),
            "max": backoff.max,
            "jitter": number(backoff.jitter),
            "reset_after": backoff.reset_after,
            "limit": backoff.limit,
            "success_codes": unit.restart.success_codes,
            "start_limit": unit.restart.start_limit.map_or_else(
                || json!({}),
                |limit| json!({"count": limit.count, "within": limit.within}),
            ),
        },
        "stop": unit.stop,
        "logs": {
            "max_size": show_size(unit.logs.max_bytes),
            "keep": unit.logs.keep,
            "full": unit.logs.full,
        },
        "kind": unit.kind,
        "user": unit.user,
        "probes": {
            "ready": unit.probes.ready.as_ref().map_or_else(|| json!({}), |p| probe(p, true)),
            "live": unit.probes.live.as_ref().map_or_else(|| json!({}), |p| probe(p, false)),
        },
        "limits": {
            "memory": unit.limits.memory.map(show_size),
            "cpu": unit.limits.cpu.map(|percent| format!("{percent}%")),
            "open_files": unit.limits.open_files,
            "run_time": unit.limits.run_time,
        },
        "hooks": {
            "start": unit.hooks.start.as_deref().map(redact::command),
            "ready": unit.hooks.ready.as_deref().map(redact::command),
            "exit": unit.hooks.exit.as_deref().map(redact::command),
            "failed": unit.hooks.failed.as_deref().map(redact::command),
            "timeout": unit.hooks.timeout,
        },
        "on_failed": unit.on_failed,
    })
}

fn probe(probe: &Probe, ready: bool) -> Value {
    let http = probe.http.as_ref();
    let mut value = json!({
        "exec": probe.exec.as_deref().map(redact::command),
        "http": http.map(|http| redact::value("http", &http.url)),
        "status": http.and_then(|http| http.status),
        "tcp": probe.tcp,
        "notify": probe.notify,
        "every": probe.every,
        "timeout": probe.timeout,
        "failures": probe.failures,
        "successes": probe.successes,
    });
    if let (true, Some(map)) = (ready, value.as_object_mut()) {
        map.insert("log".to_owned(), json!(probe.log));
        map.insert("delay".to_owned(), json!(probe.delay));
        map.insert("within".to_owned(), json!(probe.within));
    }
    value
}

fn agent_value(agent: &AgentSpec) -> Value {
    let mut value = json!({
        "kind": agent.kind,
        "command": redact::command(&agent.command),
        "model": agent.model,
        "args": redact::command(&agent.args),
        "env": variables(&agent.env),
        "permission_mode": agent.permission_mode,
        "capabilities": agent.capabilities,
        "strengths": agent.strengths(),
        "parallel": agent.parallel().map_or(json!("none"), |most| json!(most)),
        "hooks": hooks_value(&agent.hooks),
        "sandbox": agent.sandbox,
        "limits": limits_value(&agent.limits),
    });
    // Nothing of it means anything to another kind.
    if agent.kind.is_api()
        && let (Some(map), Value::Object(api)) = (value.as_object_mut(), api_value(&agent.api))
    {
        map.extend(api);
    }
    value
}

/// What holds for a run that asks for nothing else.
fn limits_value(spec: &LimitsSpec) -> Value {
    let limits = spec.limits();
    json!({
        "time": Span::from_ms(limits.runtime_ms),
        "memory": show_size(limits.memory),
        "tokens": limits.tokens,
        "output": show_size(limits.output),
        "silence": Span::from_ms(limits.silence_ms),
        "stall": Span::from_ms(limits.stall_ms),
    })
}

/// One value as a whole: hooks have no keys of their own.
fn hooks_value(hooks: &[UserHook]) -> Value {
    if hooks.is_empty() {
        return Value::Null;
    }
    let one = |hook: &UserHook| {
        json!({"event": hook.event.as_str(), "match": hook.matches,
            "command": redact::command(&hook.command), "timeout": Span::from_ms(hook.timeout_ms)})
    };
    hooks.iter().map(one).collect()
}

fn api_value(api: &ApiSpec) -> Value {
    json!({
        "base_url": api.base_url.as_deref().map(|url| redact::value("base_url", url)),
        "api_key": api.api_key.as_deref().map(|key| redact::value("api_key", key)),
        "timeout": Span::from_ms(api.timeout_ms.unwrap_or(60_000)),
        "rate_limit": limit(api.rate_limit, 50),
        "max_tokens": api.max_tokens.unwrap_or(8_192),
        "temperature": api.temperature_milli.map(|milli| f64::from(milli) / 1000.0),
    })
}

/// A limit as it is written in the file.
fn limit(limit: Option<u32>, usual: u32) -> Value {
    match limit.unwrap_or(usual) {
        0 => json!("none"),
        limit => json!(limit),
    }
}

/// Addresses of webhooks let in who knows them, so only their host is shown.
fn notifications(all: &BTreeMap<String, Notification>) -> Value {
    all.iter()
        .map(|(name, channel)| {
            let headers: Map<String, Value> =
                channel.headers.keys().map(|name| (name.clone(), json!(redact::HIDDEN))).collect();
            let value = json!({
                "kind": channel.kind.as_str(),
                "url": channel.url.as_deref().map(orkestra_connectors::shown_url),
                "secret": channel.secret.as_ref().map(|_| redact::HIDDEN),
                "headers": headers,
                "min_level": channel.min_level,
            });
            (name.clone(), value)
        })
        .collect()
}

/// Without a repository the other words are as they would be.
fn github(spec: Option<&GitHubSpec>) -> Value {
    let Some(spec) = spec else {
        return json!({"repo": null, "base_url": "https://api.github.com", "token": null,
            "label": "orkestra", "authors": "[]", "agent": null, "target": null, "every": "1m"});
    };
    // A reference is no secret; a token itself is.
    let token = spec.repository.token.as_deref().map(|token| redact::value("token", token));
    json!({
        "repo": spec.repository.repo,
        "base_url": spec.repository.base_url,
        "token": token,
        "label": spec.label,
        "authors": spec.authors,
        "agent": spec.agent,
        "target": spec.target,
        "every": spec.every,
    })
}

fn tasks(rules: &Rules) -> Value {
    let number = |number: u32| if number == u32::MAX { json!("none") } else { json!(number) };
    json!({
        "auto": rules.auto,
        "running_max": number(rules.running_max),
        "lease": rules.lease,
        "retry": {
            "tries": number(rules.retry.tries),
            "initial": rules.retry.initial,
            "factor": self::number(rules.retry.factor),
            "max": rules.retry.max,
        },
        "stuck_after": rules.stuck_after,
        "breaker": {
            "failures": number(rules.breaker.failures),
            "open_for": Span::from_ms(rules.breaker.open_ms),
        },
    })
}

fn reviews(rules: &review::Rules) -> Value {
    let number = |number: u32| if number == u32::MAX { json!("none") } else { json!(number) };
    json!({
        "deadline": rules.deadline,
        "again_after": rules.again_after,
        "silence": rules.silence,
        "gap": rules.gap,
        "rounds": number(rules.rounds),
        "reviewers": number(rules.reviewers),
        "max_words": number(rules.max_words),
        "triggers": rules.triggers,
    })
}

fn budgets(money: &Money) -> Value {
    let one = |budget: &Budget| {
        let (usd, tokens) = match budget.limit {
            Limit::Usd(usd) => (Some(usd), None),
            Limit::Tokens(tokens) => (None, Some(tokens)),
        };
        json!({"scope": budget.scope.to_string(), "per": budget.window, "usd": usd,
            "tokens": tokens})
    };
    money.budgets.iter().map(|(name, budget)| (name.clone(), one(budget))).collect()
}

fn prices(money: &Money) -> Value {
    let own = money.books.prices.own().iter();
    own.map(|(model, price)| (model.clone(), json!(price))).collect()
}

fn job_value(job: &JobSpec) -> Value {
    let mut value = json!({
        "jitter": number(job.jitter),
        "overlap": job.overlap,
        "missed": job.missed,
        "timeout": job.timeout,
        "retry": {
            "times": (job.retry.times > 0).then_some(job.retry.times),
            "wait": job.retry.wait,
        },
        "immediate": job.immediate,
        "enabled": job.enabled,
    });
    match &job.schedule {
        Schedule::Every { span } => value["every"] = json!(span),
        Schedule::Cron { expr, zone } => {
            value["cron"] = json!(expr);
            value["zone"] = json!(zone);
        }
    }
    match &job.action {
        Action::Command { command, env, cwd } => {
            value["command"] = json!(redact::command(command));
            value["env"] = variables(env);
            value["cwd"] = json!(cwd);
        }
        Action::Run { prompt, agent, target } => {
            value["run"] = json!(redact::line(prompt));
            value["agent"] = json!(agent);
            value["target"] = json!(target);
        }
        Action::Builtin { builtin } => value["builtin"] = json!(builtin),
    }
    value
}

fn retention(of: &Retention) -> Value {
    let keep = |span: Option<Span>| span.map_or_else(|| json!("forever"), |span| json!(span));
    json!({
        "logs": keep(of.logs),
        "journal": keep(of.journal),
        "blobs": keep(of.blobs),
        "worktrees": keep(of.worktrees),
        "trash": keep(of.trash),
        "alerts": keep(of.alerts),
    })
}

fn gate(policy: &Policy) -> Value {
    let of = |decision: Decision| -> Vec<&str> {
        let own = policy.own.iter().filter(|rule| rule.decision == decision);
        own.map(|rule| rule.pattern.as_str()).collect()
    };
    json!({
        "default": policy.default,
        "deny": of(Decision::Deny),
        "ask": of(Decision::Ask),
        "allow": of(Decision::Allow),
        "rules": policy.changed,
    })
}

fn thresholds(of: &Thresholds) -> Value {
    // What holds without a figure depends on the disk; the table of keys says it in words.
    let disk = |name: &str, size: Option<u64>| {
        size.map(show_size).or_else(|| keys::upkeep::HEALTH.key(name).map(|k| k.default.to_owned()))
    };
    json!({
        "disk_warning": disk("disk_warning", of.disk_warning),
        "disk_critical": disk("disk_critical", of.disk_critical),
        "memory_warning": number(of.memory_warning),
        "memory_critical": number(of.memory_critical),
        "load_warning": number(of.load_warning),
        "database_warning": show_size(of.database_warning),
        "daemon_memory_warning": show_size(of.daemon_memory_warning),
        "descriptors_warning": number(of.descriptors_warning),
    })
}

fn variables(env: &BTreeMap<String, String>) -> Value {
    env.iter().map(|(name, value)| (name.clone(), json!(redact::value(name, value)))).collect()
}

/// 2 rather than 2.0.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e9 { json!(number as i64) } else { json!(number) }
}

/// Every value on its own, with its key; empty mappings are left out.
pub(crate) fn leaves(value: &Value) -> Vec<(String, &Value)> {
    fn walk<'a>(value: &'a Value, path: &KeyPath, out: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    walk(value, &path.join(key), out);
                }
            }
            leaf => out.push((path.text(), leaf)),
        }
    }
    let mut out = Vec::new();
    walk(value, &KeyPath::default(), &mut out);
    out
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => {
            let odd = text.is_empty() || text.trim() != text || text.contains(char::is_control);
            if odd { format!("{text:?}") } else { text.clone() }
        }
        other => other.to_string(),
    }
}

/// The effective values, one per line: `listen.port = 8000  # default`.
pub(crate) fn show(loaded: &Loaded, origin: bool) -> String {
    let rows: Vec<(String, String, Option<&Origin>)> = leaves(&loaded.values)
        .into_iter()
        .map(|(key, value)| {
            let origin = loaded.origins.get(&key);
            (key, inline(value), origin)
        })
        .collect();
    let key_width = rows.iter().map(|(key, _, _)| key.chars().count()).max().unwrap_or(0);
    // One long command shall not push all comments out of sight.
    let widths = rows.iter().map(|(_, value, _)| value.chars().count());
    let value_width = widths.filter(|width| *width <= 40).max().unwrap_or(0);
    let mut out = String::new();
    for (key, value, from) in rows {
        // Writing to a String cannot fail.
        let _ = match from.filter(|_| origin) {
            None => writeln!(out, "{key:key_width$} = {value}"),
            Some(from) => {
                let from = describe(from, loaded);
                writeln!(out, "{key:key_width$} = {value:value_width$}  # {from}")
            }
        };
    }
    out
}

/// The effective values for a program: the file, the values, with `origin` also where each came
/// from, and the warnings.
pub(crate) fn show_json(loaded: &Loaded, origin: bool) -> Value {
    let mut out = json!({
        "file": loaded.path.as_ref().map(|path| path.display().to_string()),
        "values": loaded.values,
        "warnings": loaded.warnings.iter().map(super::Problem::to_json).collect::<Vec<_>>(),
    });
    if let (true, Some(map)) = (origin, out.as_object_mut()) {
        let origins: Map<String, Value> =
            loaded.origins.iter().map(|(key, origin)| (key.clone(), json!(origin))).collect();
        map.insert("origins".to_owned(), Value::Object(origins));
    }
    out
}

/// One value or section by its key, for `config get`.
///
/// # Errors
/// A sentence with a suggestion when there is no such key.
pub(crate) fn get<'a>(loaded: &'a Loaded, key: &str) -> Result<&'a Value, String> {
    fn walk<'a>(value: &'a Value, path: &KeyPath, wanted: &str) -> Option<&'a Value> {
        value.as_object()?.iter().find_map(|(name, child)| {
            let path = path.join(name);
            if path.text() == wanted { Some(child) } else { walk(child, &path, wanted) }
        })
    }
    walk(&loaded.values, &KeyPath::default(), key).ok_or_else(|| {
        let leaves = leaves(&loaded.values);
        let names: Vec<&str> = leaves.iter().map(|(name, _)| name.as_str()).collect();
        match keys::nearest(key, &names) {
            Some(near) => format!("there is no value {key:?}; did you mean {near:?}?"),
            None => format!("there is no value {key:?}; `orkestra config show` lists them"),
        }
    })
}

fn describe(origin: &Origin, loaded: &Loaded) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::Profile(name) => format!("profile {name}"),
        Origin::File { line, .. } => {
            format!("from {}:{line}", loaded.file.as_deref().unwrap_or("orkestra.yaml"))
        }
        Origin::Env(name) => format!("from environment {name}"),
        Origin::Flag(name) => format!("from flag {name}"),
    }
}
