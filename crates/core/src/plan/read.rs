//! A plan in an agent's words: found, read, and looked at.

use super::{Plan, PlanComment, PlannedTask, TASKS_MAX};
use crate::evidence::Wanted;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Of one text of a plan no more is taken, in bytes.
const TEXT_BYTES_MAX: usize = 32 * 1024;

/// Problems that are told at once; more would only hide them.
const PROBLEMS_MAX: usize = 20;

/// The longest key of a task.
const KEY_CHARS_MAX: usize = 60;

const PRIORITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// What is wrong, each in a sentence.
pub type Problems = Vec<String>;

/// The plan in an agent's last words, for these agents.
///
/// # Errors
/// There is none, it cannot be read, or it cannot be carried out: why, in words.
pub fn parse(text: &str, agents: &[String]) -> Result<Plan, Problems> {
    let value = object_with(text, "tasks")
        .map_err(|why| vec![why])?
        .ok_or_else(|| vec![
            "there is no plan in the answer: it must end with one block ```json … ``` that holds the plan, an object with \"tasks\"".to_owned(),
        ])?;
    read(&value, agents)
}

/// A plan that is JSON already, for these agents.
///
/// # Errors
/// As [`parse`].
pub fn read(value: &Value, agents: &[String]) -> Result<Plan, Problems> {
    let (plan, mut found) = plan_of(value);
    if found.is_empty() {
        found = problems(&plan, agents);
    }
    if found.is_empty() { Ok(plan) } else { Err(found) }
}

/// What an agent says about a plan.
///
/// # Errors
/// Its words hold no such answer: why, in words.
pub fn comment_of(text: &str) -> Result<PlanComment, String> {
    let missing = || {
        "there is no answer in its words: they must end with one block ```json … ``` that holds {\"agrees\": …, \"suggestions\": […]}".to_owned()
    };
    let value = object_with(text, "agrees")?.ok_or_else(missing)?;
    let object = value.as_object().ok_or_else(missing)?;
    let agrees = match object.get("agrees") {
        Some(Value::Bool(agrees)) => *agrees,
        _ => return Err("\"agrees\" must be true or false".to_owned()),
    };
    let mut reader = Reader { place: "the answer".to_owned(), object, problems: Vec::new() };
    let suggestions = reader.list("suggestions");
    match reader.problems.pop() {
        Some(problem) => Err(problem),
        None if !agrees && suggestions.is_empty() => {
            Err("it does not agree, and suggests nothing".to_owned())
        }
        None => Ok(PlanComment { agrees, suggestions }),
    }
}

/// The JSON object with this field in an agent's words: of the last fenced block that is JSON, else of
/// the last line that is, else of the whole text. A block that is meant as JSON and cannot be read is
/// an error, since an older one must not stand for it.
fn object_with(text: &str, field: &str) -> Result<Option<Value>, String> {
    let has = |value: &Value| value.get(field).is_some();
    for block in fenced(text).into_iter().rev() {
        match serde_json::from_str::<Value>(block.text) {
            Ok(value) if has(&value) => return Ok(Some(value)),
            // An example, a configuration: something else that is shown.
            Ok(_) => {}
            Err(_) if !block.is_json && !block.text.contains(&format!("\"{field}\"")) => {}
            Err(error) => return Err(format!("the JSON block cannot be read: {error}")),
        }
    }
    let lines = text.lines().rev().map(str::trim).filter(|line| line.starts_with('{'));
    for line in lines {
        if let Ok(value) = serde_json::from_str::<Value>(line)
            && has(&value)
        {
            return Ok(Some(value));
        }
    }
    let whole = text.trim();
    if !whole.starts_with('{') {
        return Ok(None);
    }
    match serde_json::from_str::<Value>(whole) {
        Ok(value) => Ok(has(&value).then_some(value)),
        Err(error) if whole.contains(&format!("\"{field}\"")) => {
            Err(format!("the JSON cannot be read: {error}"))
        }
        Err(_) => Ok(None),
    }
}

struct Block<'a> {
    is_json: bool,
    text: &'a str,
}

/// Blocks between lines of three or more backticks.
fn fenced(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, bool, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let word = line.trim();
        let ticks = word.chars().take_while(|c| *c == '`').count();
        match open {
            None if ticks >= 3 => {
                let info = word.trim_start_matches('`').trim();
                open = Some((at + line.len(), info.eq_ignore_ascii_case("json"), ticks));
            }
            Some((from, is_json, length)) if ticks >= length && word.len() == ticks => {
                blocks.push(Block { is_json, text: text.get(from..at).unwrap_or("") });
                open = None;
            }
            _ => {}
        }
        at += line.len();
    }
    // A block that the end cut off is still what was meant.
    if let Some((from, is_json, _)) = open {
        blocks.push(Block { is_json, text: text.get(from..).unwrap_or("") });
    }
    blocks
}

/// Fields of one object, with what is wrong about them.
struct Reader<'a> {
    place: String,
    object: &'a Map<String, Value>,
    problems: Problems,
}

impl Reader<'_> {
    fn wrong(&mut self, field: &str, what: &str) {
        self.problems.push(format!("{}: \"{field}\" {what}", self.place));
    }

    /// A text that may be left out.
    fn text(&mut self, field: &str) -> Option<String> {
        match self.object.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.len() > TEXT_BYTES_MAX => {
                self.wrong(field, &format!("is longer than {TEXT_BYTES_MAX} bytes"));
                None
            }
            Some(Value::String(text)) => {
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_owned())
            }
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => {
                self.wrong(field, "must be a text");
                None
            }
        }
    }

    fn needed(&mut self, field: &str) -> String {
        let before = self.problems.len();
        let text = self.text(field);
        if text.is_none() && self.problems.len() == before {
            self.wrong(field, "is missing");
        }
        text.unwrap_or_default()
    }

    /// A list of texts that may be left out.
    fn list(&mut self, field: &str) -> Vec<String> {
        let items = match self.object.get(field) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= TASKS_MAX => items,
            Some(Value::Array(_)) => {
                self.wrong(field, &format!("has more than {TASKS_MAX} items"));
                return Vec::new();
            }
            Some(_) => {
                self.wrong(field, "must be a list of texts");
                return Vec::new();
            }
        };
        let texts: Vec<String> = items
            .iter()
            .filter_map(Value::as_str)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .collect();
        if texts.len() < items.len() {
            self.wrong(field, "must be a list of texts, none of them empty");
        }
        texts
    }
}

/// The plan in a JSON object, as far as it can be read, and what of it cannot.
pub fn plan_of(value: &Value) -> (Plan, Problems) {
    let Some(object) = value.as_object() else {
        return (Plan::default(), vec!["the plan must be an object".to_owned()]);
    };
    let mut reader = Reader { place: "the plan".to_owned(), object, problems: Vec::new() };
    let summary = reader.text("summary").unwrap_or_default();
    let mut problems = reader.problems;
    let mut tasks = Vec::new();
    match object.get("tasks") {
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().take(TASKS_MAX + 1).enumerate() {
                match item.as_object() {
                    Some(object) => tasks.push(task(index, object, &mut problems)),
                    None => problems.push(format!("task {} must be an object", index + 1)),
                }
            }
        }
        _ => problems.push("the plan: \"tasks\" must be a list".to_owned()),
    }
    problems.truncate(PROBLEMS_MAX);
    (Plan { summary, tasks }, problems)
}

fn task(index: usize, object: &Map<String, Value>, problems: &mut Problems) -> PlannedTask {
    let place = match object.get("key").and_then(Value::as_str) {
        Some(key) => format!("task {key:?}"),
        None => format!("task {}", index + 1),
    };
    let mut reader = Reader { place, object, problems: Vec::new() };
    let task = PlannedTask {
        key: reader.needed("key"),
        title: reader.needed("title"),
        prompt: reader.needed("prompt"),
        role: reader.needed("role"),
        agent: reader.text("agent"),
        responsibilities: reader.list("responsibilities"),
        deliverables: reader.list("deliverables"),
        hands_over: reader.list("hands_over"),
        evidence: reader.list("evidence"),
        depends: reader.list("depends"),
        needs: reader.list("needs"),
        priority: reader.text("priority").unwrap_or_else(super::medium).to_lowercase(),
        kind: reader.text("kind").unwrap_or_else(super::code),
        complexity: reader.text("complexity"),
        estimated_tokens: reader.text("estimated_tokens"),
        phase: reader.text("phase"),
    };
    problems.append(&mut reader.problems);
    task
}

/// What keeps a plan from being carried out.
pub(super) fn problems(plan: &Plan, agents: &[String]) -> Problems {
    let mut problems = Vec::new();
    if plan.tasks.is_empty() {
        problems.push("the plan has no task".to_owned());
    }
    if plan.tasks.len() > TASKS_MAX {
        problems.push(format!("the plan has more than {TASKS_MAX} tasks"));
    }
    let mut keys = BTreeSet::new();
    for task in &plan.tasks {
        if !keys.insert(task.key.as_str()) {
            problems.push(format!("two tasks have the key {:?}", task.key));
        }
    }
    for task in &plan.tasks {
        look_at(task, &keys, agents, &mut problems);
    }
    if let Some(path) = cycle(plan) {
        problems.push(format!("tasks wait for each other in a circle: {}", path.join(" → ")));
    }
    problems.truncate(PROBLEMS_MAX);
    problems
}

fn look_at(task: &PlannedTask, keys: &BTreeSet<&str>, agents: &[String], problems: &mut Problems) {
    let place = format!("task {:?}", task.key);
    let fits = |key: &str| {
        key.chars().count() <= KEY_CHARS_MAX
            && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if !fits(&task.key) {
        problems.push(format!(
            "{place}: a key has letters, digits, - _ and . only, at most {KEY_CHARS_MAX}"
        ));
    }
    if let Some(agent) = task.agent.as_ref().filter(|agent| !agents.contains(agent)) {
        problems.push(format!(
            "{place}: there is no agent {agent:?}; there are: {}",
            agents.join(", ")
        ));
    }
    for key in &task.depends {
        if !keys.contains(key.as_str()) {
            problems.push(format!("{place}: it depends on {key:?}, and no task has this key"));
        }
    }
    for path in &task.deliverables {
        if let Some(why) = path_problem(path) {
            problems.push(format!("{place}: the deliverable {path:?} {why}"));
        }
    }
    for item in &task.evidence {
        if let Err(error) = item.parse::<Wanted>() {
            problems.push(format!("{place}: {error}"));
        }
    }
    if !PRIORITIES.contains(&task.priority.as_str()) {
        problems.push(format!(
            "{place}: the priority {:?} is none of {}",
            task.priority,
            PRIORITIES.join(", ")
        ));
    }
}

fn path_problem(path: &str) -> Option<&'static str> {
    let parts = || path.split('/');
    if path.starts_with('/') || path.starts_with('~') {
        return Some("must be relative to the repository's top");
    }
    if parts().any(|part| part == "..") {
        return Some("must stay in the repository: no \"..\"");
    }
    if parts().any(|part| part == ".git") {
        return Some("must not be in .git");
    }
    if path.contains(['\0', '\n', '#', '*']) || path.contains('\\') {
        return Some("must be the plain path of one file");
    }
    if path.ends_with('/') {
        return Some("must be a file and not a folder");
    }
    None
}

/// The keys of a circle, the first one again at its end.
fn cycle(plan: &Plan) -> Option<Vec<String>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for task in &plan.tasks {
        // The way from the task, each with how many of its dependencies were looked at.
        let mut way: Vec<(&str, usize)> = vec![(&task.key, 0)];
        while let Some((key, next)) = way.last().copied() {
            let follows = plan.task(key).and_then(|task| task.depends.get(next));
            let Some(follows) = follows else {
                done.insert(key);
                way.pop();
                continue;
            };
            if let Some(last) = way.last_mut() {
                last.1 += 1;
            }
            if let Some(from) = way.iter().position(|(key, _)| key == follows) {
                let mut path: Vec<String> =
                    way.iter().skip(from).map(|(key, _)| (*key).to_owned()).collect();
                path.push(follows.clone());
                return Some(path);
            }
            if !done.contains(follows.as_str()) && plan.task(follows).is_some() {
                way.push((follows, 0));
            }
        }
    }
    None
}
