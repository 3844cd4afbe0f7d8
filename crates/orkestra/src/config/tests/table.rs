//! The table of keys, the reader, the schema and the document know the same.

use super::super::keys::{self, Key, ROOT, Section, Ty};
use super::*;

/// Each key of the table, with the path and the text of a file that sets it to its example.
fn every_key() -> Vec<(String, String, &'static Key)> {
    fn walk(
        section: &'static Section,
        path: &str,
        wrap: &dyn Fn(String) -> String,
        out: &mut Vec<(String, String, &'static Key)>,
    ) {
        for key in section.keys {
            let path = format!("{path}{}", key.name);
            out.push((path.clone(), wrap(format!("{}: {}", key.name, key.example)), key));
            match key.ty {
                Ty::Section(inner) => {
                    // A probe needs a way of asking, and a status an address.
                    let wrap = |text: String| {
                        let also = match key.name {
                            "ready" | "live" if text.starts_with("status") => {
                                ", http: \"http://h/\""
                            }
                            "ready" | "live" if !text.starts_with("tcp") => ", tcp: \"h:1\"",
                            _ => "",
                        };
                        wrap(format!("{}: {{ {text}{also} }}", key.name))
                    };
                    walk(inner, &format!("{path}."), &wrap, out);
                }
                Ty::Units(inner) => {
                    let wrap = |text: String| {
                        let command = if text.starts_with("command") { "" } else { ", command: x" };
                        format!("units: {{ db: {{ command: x }}, x: {{ {text}{command} }} }}")
                    };
                    walk(inner, "units.x.", &wrap, out);
                }
                Ty::Jobs(inner) => {
                    let wrap = |text: String| {
                        let is = |keys: &[&str]| keys.iter().any(|key| text.starts_with(key));
                        let when = match () {
                            () if is(&["every", "cron"]) => "",
                            () if is(&["zone"]) => ", cron: 0 8 * * *",
                            () => ", every: 10m",
                        };
                        let what = match () {
                            () if is(&["command", "run", "builtin"]) => "",
                            () if is(&["agent", "target"]) => ", run: hello",
                            () => ", command: x",
                        };
                        format!("jobs: {{ x: {{ {text}{when}{what} }} }}")
                    };
                    walk(inner, "jobs.x.", &wrap, out);
                }
                Ty::Agents(inner) => {
                    let wrap = |text: String| {
                        // Some keys are for models behind an API only; they take all others.
                        let kind = if text.starts_with("kind") { "" } else { ", kind: openai" };
                        format!("agents: {{ x: {{ {text}{kind} }} }}")
                    };
                    walk(inner, "agents.x.", &wrap, out);
                }
                Ty::Named(inner) if key.name == "notifications" => {
                    let wrap = |text: String| {
                        let kind = if text.starts_with("kind") { "" } else { ", kind: webhook" };
                        let url = if text.starts_with("url") { "" } else { ", url: http://h/" };
                        format!("notifications: {{ x: {{ {text}{kind}{url} }} }}")
                    };
                    walk(inner, "notifications.x.", &wrap, out);
                }
                Ty::Named(inner) if key.name == "checks" => {
                    let wrap = |text: String| {
                        let command = if text.starts_with("command") { "" } else { ", command: x" };
                        format!("checks: {{ x: {{ {text}{command} }} }}")
                    };
                    walk(inner, "checks.x.", &wrap, out);
                }
                Ty::Named(inner) if key.name == "prices" => {
                    let wrap = |text: String| {
                        let input = if text.starts_with("input") { "" } else { ", input: 1" };
                        let output = if text.starts_with("output") { "" } else { ", output: 1" };
                        format!("prices: {{ x: {{ {text}{input}{output} }} }}")
                    };
                    walk(inner, "prices.x.", &wrap, out);
                }
                Ty::Named(inner) if key.name == "budgets" => {
                    let wrap = |text: String| {
                        let per = if text.starts_with("per") { "" } else { ", per: day" };
                        let has = text.starts_with("usd") || text.starts_with("tokens");
                        let usd = if has { "" } else { ", usd: 1" };
                        format!("budgets: {{ x: {{ {text}{per}{usd} }} }}")
                    };
                    walk(inner, "budgets.x.", &wrap, out);
                }
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    walk(&ROOT, "", &|text| text, &mut out);
    out
}

/// Every key of the table is read (its origin is then the file), its documented default holds,
/// the schema has it, and docs/configuration.md explains it.
#[test]
fn table_reader_schema_and_document_know_the_same_keys() {
    let docs = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/configuration.md"
    ))
    .unwrap();
    let schema = schema();
    let empty =
        Machine::with("units: { x: { command: x } }\nagents: { x: { kind: claude } }").loaded();
    let mut pointers = Vec::new();
    for (path, text, key) in every_key() {
        let loaded = Machine::with(&text).loaded();
        assert_eq!(loaded.warnings, [], "{text}");
        let is_file = |origin: &Origin| matches!(origin, Origin::File { .. });
        let read = loaded.origins.iter().any(|(key, origin)| {
            (*key == path || key.starts_with(&format!("{path}."))) && is_file(origin)
        });
        assert!(read, "{path} is not read from {text}");
        let in_docs = path.replace(".x.", ".NAME.");
        assert!(docs.contains(&format!("`{in_docs}`")), "docs/configuration.md lacks {in_docs}");
        if let (Some(value), false) = (
            show::leaves(&empty.values).into_iter().find(|(k, _)| *k == path).map(|(_, v)| v),
            key.default.is_empty() || key.default.starts_with("the "),
        ) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(shown.replace("null", "none"), key.default, "default of {path}");
        }
        let pointer = path
            .split('.')
            .fold(String::new(), |p, name| match name {
                "x" => format!("{p}/additionalProperties"),
                name => format!("{p}/properties/{name}"),
            })
            .replace("/restart/properties", "/restart/anyOf/1/properties")
            .replace("/sandbox/properties", "/sandbox/anyOf/1/properties")
            .replace("/retry/properties", "/retry/anyOf/1/properties");
        assert!(schema.pointer(&pointer).is_some(), "the schema lacks {pointer}");
        pointers.push(pointer);
    }
    let mut in_schema = Vec::new();
    properties(&schema, "", &mut in_schema);
    // A list of an agent's hooks is one value: what stands in it are no keys of the configuration.
    in_schema.retain(|pointer| !pointer.contains("/hooks/additionalProperties/items/"));
    in_schema.sort();
    pointers.sort();
    assert_eq!(in_schema, pointers);
}

/// The pointer of every property in a schema.
fn properties(schema: &Value, path: &str, out: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (name, value) in map {
                let path = format!("{path}/{}", name.replace('/', "~1"));
                if path.contains("/properties/") && path.rsplit('/').nth(1) == Some("properties") {
                    out.push(path.clone());
                }
                properties(value, &path, out);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                properties(value, &format!("{path}/{index}"), out);
            }
        }
        _ => {}
    }
}

#[test]
fn every_word_of_the_table_is_known() {
    for (path, _, key) in every_key() {
        let Ty::Word(words) = key.ty else { continue };
        for word in words {
            if let Some(name) = path.strip_prefix("notifications.x.") {
                let kind = if name == "kind" { "" } else { ", kind: webhook" };
                let text = format!("{name}: {word}{kind}, url: http://h/");
                let loaded =
                    Machine::with(&format!("notifications: {{ x: {{ {text} }} }}")).loaded();
                assert_eq!(get(&loaded, &path).unwrap(), &json!(word), "{path}");
                continue;
            }
            if let Some(name) = path.strip_prefix("checks.x.") {
                let text = format!("checks: {{ x: {{ command: x, {name}: {word} }} }}");
                assert_eq!(get(&Machine::with(&text).loaded(), &path).unwrap(), &json!(word));
                continue;
            }
            if let Some(name) = path.strip_prefix("sessions.") {
                let loaded = Machine::with(&format!("sessions: {{ {name}: {word} }}")).loaded();
                assert_eq!(get(&loaded, &path).unwrap(), &json!(word), "{path}");
                continue;
            }
            if path == "gate.default" {
                let loaded = Machine::with(&format!("gate: {{ default: {word} }}")).loaded();
                assert_eq!(get(&loaded, &path).unwrap(), &json!(word), "{path}");
                continue;
            }
            if let Some(name) = path.strip_prefix("sandbox.") {
                let loaded = Machine::with(&format!("sandbox: {{ {name}: {word} }}")).loaded();
                assert_eq!(get(&loaded, &path).unwrap(), &json!(word), "{path}");
                continue;
            }
            if let Some(name) = path.strip_prefix("agents.x.sandbox.") {
                let sandbox = format!("sandbox: {{ {name}: {word} }}");
                let text = format!("agents: {{ x: {{ kind: claude, {sandbox} }} }}");
                assert_eq!(get(&Machine::with(&text).loaded(), &path).unwrap(), &json!(word));
                continue;
            }
            if path == "budgets.x.per" {
                let scope = if *word == "run" { "run" } else { "all" };
                let text = format!("scope: {scope}, per: {word}, usd: 1");
                let loaded = Machine::with(&format!("budgets: {{ x: {{ {text} }} }}")).loaded();
                assert_eq!(get(&loaded, &path).unwrap(), &json!(word), "{path}");
                continue;
            }
            if let Some(key) = path.strip_prefix("jobs.x.") {
                let what = if key == "builtin" { "" } else { ", command: x" };
                let text = format!("jobs: {{ x: {{ every: 1h, {key}: {word}{what} }} }}");
                assert_eq!(get(&Machine::with(&text).loaded(), &path).unwrap(), &json!(word));
                continue;
            }
            if path.contains(".probes.") || path.matches('.').count() == 2 {
                let (name, tail) = path.rsplit_once('.').unwrap();
                let text = match name.rsplit('.').next().unwrap() {
                    "x" => format!("{tail}: {word}"),
                    probe => format!("probes: {{ {probe}: {{ {tail}: {word} }} }}"),
                };
                if !path.starts_with("agents") {
                    let text = format!("units: {{ x: {{ command: x, {text} }} }}");
                    let loaded = Machine::with(&text).loaded();
                    assert_eq!(get(&loaded, &path).unwrap(), &json!(word), "{path}");
                    continue;
                }
            }
            let agent = path.starts_with("agents");
            let text = match path.as_str() {
                "agents.x.kind" => format!("agents: {{ x: {{ kind: {word}, command: [x] }} }}"),
                path => {
                    let (section, key) = path.rsplit_once('.').unwrap();
                    let section = section.rsplit('.').next().unwrap();
                    format!("units: {{ x: {{ command: x, {section}: {{ {key}: {word} }} }} }}")
                }
            };
            let loaded = Machine::with(&text).loaded();
            let value = get(&loaded, &path).unwrap();
            assert_eq!(value, &json!(word), "{path} {agent}");
        }
    }
    let profiles = Backoff::PROFILES.map(|(name, _)| name);
    let words = keys::RESTART.key("profile").map(|key| key.ty);
    assert!(matches!(words, Some(Ty::Word(words)) if words == profiles));
    let builtins = orkestra_engine::BUILTINS.iter().map(|builtin| builtin.as_str());
    assert_eq!(builtins.collect::<Vec<_>>(), keys::job::BUILTINS);
    let kinds = AgentKind::ALL.map(AgentKind::as_str);
    let words = keys::AGENT.key("kind").map(|key| key.ty);
    assert!(matches!(words, Some(Ty::Word(words)) if words == kinds));
}
