//! `/metrics` on the real binary, read by a parser that is as strict as the specification of
//! OpenMetrics 1.0.

use crate::harness::Home;
use crate::support::IDLE;
use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// One metric with all its lines.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    unit: String,
    samples: Vec<Sample>,
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `{a="b",c="d"}` and what follows it.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut found = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Ok((found, text)) };
    if let Some(rest) = rest.strip_prefix('}') {
        return Ok((found, rest));
    }
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("no value")?;
        if !is_name(name) {
            return Err(format!("{name:?} is no label"));
        }
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().ok_or("no end of a value")? {
                (at, '"') => break at,
                (_, '\\') => match chars.next().ok_or("no end of an escape")?.1 {
                    'n' => value.push('\n'),
                    c @ ('"' | '\\') => value.push(c),
                    c => return Err(format!("unknown escape {c:?}")),
                },
                (_, c) => value.push(c),
            }
        };
        if found.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label {name} stands twice"));
        }
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((found, after));
        }
        rest = rest.strip_prefix(',').ok_or("no comma between labels")?;
    }
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = labels(rest)?;
    let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        value if value.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            value.parse().map_err(|_| format!("{value:?} is no number"))?
        }
        value => return Err(format!("{value:?} is no number")),
    };
    if !is_name(name) {
        return Err(format!("{name:?} is no name"));
    }
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// Endings that lines of a kind may have.
fn endings(kind: &str) -> Result<&'static [&'static str], String> {
    match kind {
        "gauge" => Ok(&[""]),
        "counter" => Ok(&["_total"]),
        "info" => Ok(&["_info"]),
        "histogram" => Ok(&["_bucket", "_sum", "_count"]),
        kind => Err(format!("unknown kind {kind:?}")),
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("no end mark")?;
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    for line in body.split_terminator('\n') {
        let at = |error: String| format!("{error}: {line}");
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (word, name, value) = (words.next(), words.next(), words.next());
            let name = name.ok_or_else(|| at("no name".to_owned()))?;
            if name != current {
                if families.contains_key(name) {
                    return Err(at("a family in two places".to_owned()));
                }
                current = name.to_owned();
            }
            let family = families.entry(current.clone()).or_default();
            if !family.samples.is_empty() {
                return Err(at("a description behind a value".to_owned()));
            }
            let value = value.ok_or_else(|| at("no value".to_owned()))?;
            let field = match word {
                Some("HELP") => &mut family.help,
                Some("TYPE") => &mut family.kind,
                Some("UNIT") => &mut family.unit,
                _ => return Err(at("unknown word".to_owned())),
            };
            if !field.is_empty() {
                return Err(at("it stands twice".to_owned()));
            }
            value.clone_into(field);
            continue;
        }
        let sample = sample(line).map_err(at)?;
        let family = families.get_mut(&current).ok_or_else(|| at("no family".to_owned()))?;
        let ending = sample.name.strip_prefix(&current).ok_or_else(|| at("stray".to_owned()))?;
        if !endings(&family.kind).map_err(at)?.contains(&ending) {
            return Err(at(format!("{} has no {ending:?}", family.kind)));
        }
        if !seen.insert((sample.name.clone(), sample.labels.clone())) {
            return Err(at("a series stands twice".to_owned()));
        }
        family.samples.push(sample);
    }
    for (name, family) in &families {
        if family.help.is_empty() || family.kind.is_empty() || family.samples.is_empty() {
            return Err(format!("{name} is not whole: {family:?}"));
        }
        if !family.unit.is_empty() && !name.ends_with(&format!("_{}", family.unit)) {
            return Err(format!("{name} does not end with its unit {}", family.unit));
        }
        if family.kind == "histogram" {
            histogram(name, family)?;
        }
    }
    Ok(families)
}

fn histogram(name: &str, family: &Family) -> Result<(), String> {
    let of = |ending: &'static str| {
        let wanted = format!("{name}{ending}");
        family.samples.iter().filter(move |sample| sample.name == wanted)
    };
    let mut last = (f64::NEG_INFINITY, 0.0);
    for bucket in of("_bucket") {
        let end = match bucket.labels.get("le").map(String::as_str) {
            Some("+Inf") => f64::INFINITY,
            Some(end) => end.parse().map_err(|_| format!("{end:?} is no end"))?,
            None => return Err(format!("{bucket:?} has no end")),
        };
        if end <= last.0 || bucket.value < last.1 {
            return Err(format!("{bucket:?} is out of order"));
        }
        last = (end, bucket.value);
    }
    let count = of("_count").next().ok_or("no count")?.value;
    if last == (f64::INFINITY, count) { Ok(()) } else { Err(format!("{last:?} is not {count}")) }
}

/// A scrape.
fn scrape(home: &Home) -> BTreeMap<String, Family> {
    let reply = home.api("GET", "/metrics", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    let head = reply.head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    parse(&reply.body).unwrap_or_else(|error| panic!("{error}\n{}", reply.body))
}

/// The one value with these labels.
fn value(families: &BTreeMap<String, Family>, family: &str, labels: &[(&str, &str)]) -> f64 {
    let family = families.get(family).unwrap_or_else(|| panic!("no {family}"));
    let wanted: BTreeMap<String, String> =
        labels.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let mut found = family.samples.iter().filter(|sample| sample.labels == wanted);
    let sample = found.next().unwrap_or_else(|| panic!("no {wanted:?} in {family:?}"));
    sample.value
}

#[test]
fn metrics_parse_and_say_how_units_and_the_daemon_are() {
    let mut home = Home::new(&format!(
        "{IDLE}  \"odd.name_1\":\n    command: [sleep, \"100000\"]\n    enabled: false\n  \
         bad:\n    command: [\"/bin/false\"]\n    restart: {{ initial: 50ms, limit: 2 }}\n\
         jobs:\n  tidy:\n    every: 1d\n    command: [\"/bin/true\"]\n"
    ));
    home.up();
    home.pid("web");
    home.wait_state("bad", "failed");
    let families = scrape(&home);
    let unit = |family: &str, name: &str| value(&families, family, &[("unit", name)]);
    let state = |name: &str, state: &str| {
        value(&families, "orkestra_unit_state", &[("unit", name), ("state", state)])
    };
    assert_eq!((state("web", "running"), state("web", "failed")), (1.0, 0.0));
    assert_eq!((state("bad", "failed"), state("odd.name_1", "stopped")), (1.0, 1.0));
    let states = &families["orkestra_unit_state"].samples;
    assert_eq!(states.len(), 3 * 6);
    assert_eq!(states.iter().map(|sample| sample.value).sum::<f64>(), 3.0);
    assert_eq!(families["orkestra_unit_health"].samples.len(), 3 * 4);
    assert_eq!(
        (unit("orkestra_unit_wanted", "web"), unit("orkestra_unit_starts", "web")),
        (1.0, 1.0)
    );
    assert_eq!(unit("orkestra_unit_wanted", "odd.name_1"), 0.0);
    assert_eq!(unit("orkestra_unit_restarts", "bad"), 2.0);
    assert!(unit("orkestra_unit_up_seconds", "web") >= 0.0);
    assert_eq!(families["orkestra_unit_up_seconds"].samples.len(), 1, "only what runs");

    let one = |family: &str| value(&families, family, &[]);
    assert_eq!(value(&families, "orkestra_store_state", &[("state", "ok")]), 1.0);
    assert!(one("orkestra_events") >= 5.0 && one("orkestra_commits") >= 3.0);
    assert_eq!(one("orkestra_commit_failures"), 0.0);
    assert!(one("orkestra_needs_you") >= 1.0, "the failed unit");
    assert!(one("orkestra_database_bytes") > 10_000.0);
    assert!(one("process_resident_memory_bytes") > 1e6 && one("process_open_fds") > 5.0);
    assert!(one("process_cpu_seconds") >= 0.0 && one("orkestra_uptime_seconds") > 0.0);
    assert!(value(&families, "orkestra_queue_capacity", &[("queue", "dispatcher")]) > 100.0);
    let build = &families["orkestra_build"].samples[0];
    assert_eq!(build.labels["version"], env!("CARGO_PKG_VERSION"));

    assert_eq!(value(&families, "orkestra_job_runs", &[("job", "tidy")]), 0.0);
    assert!(value(&families, "orkestra_job_next_run_seconds", &[("job", "tidy")]) > 1.7e9);
    assert_eq!(families["orkestra_alerts_open"].samples.len(), 2);

    home.wait("a sample", || {
        let after = scrape(&home);
        let memory = after.get("orkestra_unit_memory_bytes")?;
        assert_eq!(memory.samples.len(), 1, "only what runs");
        (memory.samples[0].value > 10_000.0).then_some(())
    });

    // Counters go up.
    home.ok(&["job", "run", "tidy"]);
    home.wait("a run of the job", || {
        let after = scrape(&home);
        let runs = value(&after, "orkestra_job_runs", &[("job", "tidy")]);
        let ended = after.get("orkestra_job_last_outcome").is_some_and(|family| {
            family.samples.iter().any(|s| s.labels["outcome"] == "succeeded" && s.value == 1.0)
        });
        (runs == 1.0 && ended).then_some(())
    });
    home.ok(&["unit", "restart", "web", "--no-wait"]);
    home.wait("a second start", || {
        let after = scrape(&home);
        (value(&after, "orkestra_unit_starts", &[("unit", "web")]) == 2.0).then_some(())
    });
}

#[test]
fn metrics_need_the_login_and_a_file_of_the_token_is_enough() {
    let mut home = Home::new(IDLE);
    home.up();
    let refused = home.http("GET", "/metrics", &[], "");
    assert_eq!((refused.status, refused.json()["code"].as_str()), (401, Some("ORK-0101")));
    let wrong = [("Authorization", "Bearer 0123")];
    assert_eq!(home.http("GET", "/metrics", &wrong, "").status, 401);
    assert_eq!(home.http("POST", "/metrics", &[], "").status, 401);
    // Prometheus takes the file's content without white space around it.
    let bearer = format!("Bearer {}", home.token().trim());
    let sent = [("Authorization", bearer.as_str()), ("Accept", "application/openmetrics-text")];
    assert_eq!(home.http("GET", "/metrics", &sent, "").status, 200);
}

#[test]
fn the_parser_of_these_tests_is_strict() {
    let good = "# HELP a A.\n# TYPE a gauge\na{b=\"c\\\"\"} 1\n# EOF\n";
    assert_eq!(parse(good).expect("it is right")["a"].samples[0].labels["b"], "c\"");
    for bad in [
        "# HELP a A.\n# TYPE a gauge\na 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# EOF\n",
        "# HELP a A.\n# TYPE a counter\na 1\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na one\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na{b=\"c\",b=\"c\"} 1\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\n\na 1\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
