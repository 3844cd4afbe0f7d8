//! The JSON schema of the file, made from the table of keys, for editors and for documents.

use super::keys::{HOOK, Key, ROOT, Section, Ty};
use super::unit::CONDITIONS;
use serde_json::{Map, Value, json};

/// The pattern of unit and agent names.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";

/// The JSON schema (draft 2020-12) of `orkestra.yaml`.
pub(crate) fn schema() -> Value {
    let mut schema = section(&ROOT);
    if let Some(map) = schema.as_object_mut() {
        let mut head = Map::new();
        head.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        head.insert("title".to_owned(), json!("orkestra.yaml"));
        head.insert("description".to_owned(), json!("The configuration of Orkestra."));
        head.append(map);
        *map = head;
    }
    schema
}

fn section(section: &Section) -> Value {
    let properties: Map<String, Value> =
        section.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    });
    let required: Vec<&str> =
        section.keys.iter().filter(|k| is_required(k)).map(|k| k.name).collect();
    if let (false, Some(map)) = (required.is_empty(), schema.as_object_mut()) {
        map.insert("type".to_owned(), json!("object"));
        map.insert("required".to_owned(), json!(required));
    }
    schema
}

/// Whether a unit or agent is nothing without it.
fn is_required(key: &Key) -> bool {
    key.default.is_empty() && !matches!(key.ty, Ty::Section(_))
}

fn property(key: &Key) -> Value {
    let mut schema = of(key.ty);
    if let Some(map) = schema.as_object_mut() {
        let mut doc = key.doc.to_owned();
        if !key.default.is_empty() {
            doc.push_str(&format!(" Default: {}.", key.default));
        }
        doc.push_str(&format!(" Example: {}", key.example));
        map.insert("description".to_owned(), json!(doc));
    }
    schema
}

fn of(ty: Ty) -> Value {
    // Texts are taken as written, so a number or a boolean is as good as a text.
    let text = || json!({"type": ["string", "number", "boolean"]});
    match ty {
        Ty::Port => json!({"type": "integer", "minimum": 0, "maximum": 65535}),
        Ty::Host => json!({"enum": ["127.0.0.1", "::1", "localhost"]}),
        Ty::Text => text(),
        Ty::Bool => json!({"type": "boolean"}),
        Ty::Span => json!({
            "anyOf": [
                {"type": "string", "pattern": "^([0-9.]+(ms|s|m|h|d))+$|^[0-9.]+$"},
                {"type": "number", "minimum": 0},
            ],
            "examples": ["500ms", "5s", "1m30s", "1h"],
        }),
        Ty::Keep => json!({"anyOf": [of(Ty::Span), {"enum": ["forever"]}]}),
        Ty::Factor => json!({"type": "number", "minimum": 1, "maximum": 1000}),
        Ty::Share => json!({"type": "number", "minimum": 0, "maximum": 1}),
        Ty::Chance => json!({"anyOf": [
            {"type": "number", "minimum": 0, "maximum": 0.5},
            {"type": "string", "pattern": "^[0-9.]+ *%?$"},
        ]}),
        Ty::Limit => {
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"enum": ["none", null]}]})
        }
        Ty::Size => json!({
            "anyOf": [
                {"type": "string", "pattern": "^[0-9.]+ *([kKmMgG]|([kKmMgG][iI]?)?[bB])?$"},
                {"type": "integer", "minimum": 1000},
            ],
            "examples": ["512KB", "10MB", "1GiB"],
        }),
        Ty::Count => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
        Ty::Signal => json!({
            "type": ["string", "integer"],
            "examples": ["TERM", "INT", "HUP", "QUIT", "USR1", "KILL"],
        }),
        Ty::Word(words) => json!({"enum": words}),
        Ty::Command => json!({
            "anyOf": [{"type": "string", "minLength": 1}, of(Ty::Program)],
        }),
        Ty::Program => json!({"type": "array", "minItems": 1, "items": text()}),
        Ty::Strings => json!({"type": "array", "items": text()}),
        Ty::Hooks => json!({
            "type": ["object", "null"],
            "additionalProperties": {"type": "array", "items": section(&HOOK)},
        }),
        Ty::Variables => json!({
            "type": ["object", "null"],
            "propertyNames": {"minLength": 1, "pattern": "^[^=]+$"},
            "additionalProperties": text(),
        }),
        Ty::After => json!({
            "anyOf": [
                {
                    "type": ["object", "null"],
                    "propertyNames": {"pattern": NAME},
                    "additionalProperties": {"enum": CONDITIONS},
                },
                {"type": "array", "items": {"type": "string"}},
                {"type": "string"},
            ],
        }),
        Ty::Codes => json!({
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 255},
        }),
        Ty::Percent => json!({
            "anyOf": [
                {"type": "string", "pattern": "^([0-9.]+ *%?|none)$"},
                {"type": "number", "minimum": 1},
            ],
        }),
        Ty::Url => json!({"type": "string", "pattern": "^(http://.+|none)$"}),
        Ty::Address => json!({"type": "string", "pattern": "^(.+:[0-9]+|none)$"}),
        Ty::Pattern => json!({"type": "string", "minLength": 1}),
        Ty::Status => json!({
            "anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"enum": ["none"]}],
        }),
        Ty::Section(inner) => match inner.short.and_then(|name| inner.key(name)) {
            Some(short) => json!({"anyOf": [of(short.ty), section(inner)]}),
            None => section(inner),
        },
        Ty::Units(inner) | Ty::Agents(inner) | Ty::Named(inner) | Ty::Jobs(inner) => json!({
            "type": ["object", "null"],
            "propertyNames": {"pattern": NAME},
            "additionalProperties": section(inner),
        }),
    }
}
