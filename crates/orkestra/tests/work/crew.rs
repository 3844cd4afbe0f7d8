//! Agents that are scripts and work together: they plan, look at plans, review and write files, each as
//! the prompt that Orkestra really sends tells it. What they answer lies on a desk.

use crate::harness::Home;
use crate::support::{git, repository};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// What each agent does: it finds out what it is asked, keeps the prompt, waits while it is held, and then
/// writes the files that the prompt names, or gives the first answer whose word is in the prompt.
const SCRIPT: &str = r#"#!/bin/sh
prompt=$(cat)
case "$prompt" in
  *"Your last answer could not be carried out"*) kind=again ;;
  *"Merge what is right of it into the plan"*) kind=revise ;;
  *"Divide the goal below into tasks"*) kind=plan ;;
  *"Say what you think of the plan"*) kind=comment ;;
  *"Another agent did the work below"*) kind=review ;;
  *) kind=work ;;
esac
n=1
while ! mkdir "$DESK/seen/$NAME.$kind.$n" 2> /dev/null; do n=$((n + 1)); done
printf '%s\n' "$prompt" > "$DESK/seen/$NAME.$kind.$n/prompt"
while [ -e "$DESK/hold.$kind" ]; do sleep 0.05; done
echo '{"type":"usage","fresh_input":1000,"output":100}'
if [ "$kind" = work ]; then
  printf '%s\n' "$prompt" | sed -n 's/^.*DO write \([^ ]*\) \(.*\)$/\1 \2/p' | while read -r path words; do
    mkdir -p "$(dirname "$path")"
    printf '%s\n' "$words" > "$path"
  done
  printf "%s\n" "$prompt" | sed -n "s/^.*DO remove \\([^ ]*\\)$/\\1/p" | while read -r path; do rm -f "$path"; done
  case "$prompt" in *"DO fail"*)
    [ -e "$DESK/mended" ] || { echo '{"type":"ended","ok":false,"error":"told to fail"}'; exit 1; } ;;
  esac
  echo '{"type":"ended","ok":true,"summary":"done"}'
  exit 0
fi
for answer in "$DESK/answers/$kind--"*; do
  word=${answer##*--}
  case "$prompt" in *"$word"*) cat "$answer"; exit 0 ;; esac
done
echo "I do not know."
"#;

/// A daemon with such agents, and a repository.
pub(crate) struct Crew {
    pub(crate) home: Home,
    pub(crate) target: PathBuf,
    agents: Vec<String>,
}

impl Crew {
    /// With these agents, and whatever else the configuration says.
    pub(crate) fn new(agents: &[&str], rest: Value) -> Self {
        let mut home = Home::new("");
        for folder in ["desk/answers", "desk/seen"] {
            std::fs::create_dir_all(home.dir.join(folder)).expect("a folder");
        }
        let program = home.script("agent.sh", SCRIPT).display().to_string();
        let desk = home.dir.join("desk").display().to_string();
        let one = |name: &&str| {
            let agent = json!({"kind": "script", "command": [program],
                "env": {"NAME": name, "DESK": desk}});
            ((*name).to_owned(), agent)
        };
        let list: serde_json::Map<String, Value> = agents.iter().map(one).collect();
        let mut yaml = json!({"agents": list, "sandbox": {"write": [desk]}});
        let more = rest.as_object().expect("an object").clone();
        yaml.as_object_mut().expect("an object").extend(more);
        home.configure(&yaml.to_string());
        home.up();
        let target = repository(&home);
        let agents = agents.iter().map(|name| (*name).to_owned()).collect();
        let crew = Self { home, target, agents };
        // Answers with other words come before it, in the order of the alphabet.
        crew.answers("comment", "what you think", &json!({"agrees": true, "suggestions": []}));
        let approved = json!({"verdict": "approved", "summary": "It does what was asked for.",
            "issues": [], "recommendations": []});
        crew.answers("review", "the work below", &approved);
        crew
    }

    /// What is answered to prompts of a kind with this word in them, as JSON.
    pub(crate) fn answers(&self, kind: &str, word: &str, answer: &Value) {
        self.says(kind, word, &format!("As asked:\n```json\n{answer:#}\n```"));
    }

    /// The same in any words.
    pub(crate) fn says(&self, kind: &str, word: &str, text: &str) {
        let line = json!({"type": "text", "text": text});
        let path = self.home.dir.join(format!("desk/answers/{kind}--{word}"));
        std::fs::write(path, format!("{line}\n")).expect("an answer");
    }

    /// Lets all prompts of a kind wait, or go on.
    pub(crate) fn hold(&self, kind: &str, hold: bool) {
        let path = self.home.dir.join(format!("desk/hold.{kind}"));
        if hold {
            std::fs::write(path, "").expect("a file");
        } else {
            std::fs::remove_file(path).expect("the file");
        }
    }

    /// The prompts of a kind that an agent got, in order.
    pub(crate) fn seen(&self, agent: &str, kind: &str) -> Vec<String> {
        (1..)
            .map(|n| self.home.dir.join(format!("desk/seen/{agent}.{kind}.{n}/prompt")))
            .map_while(|path| std::fs::read_to_string(path).ok())
            .collect()
    }

    /// How many prompts of a kind all got together.
    pub(crate) fn seen_by_all(&self, kind: &str) -> usize {
        self.agents.iter().map(|agent| self.seen(agent, kind).len()).sum()
    }

    /// Begins a session of all, in the background; its id.
    pub(crate) fn begin(&self, goal: &str, flags: &[&str]) -> String {
        let (target, agents) = (self.target.display().to_string(), self.agents.join(","));
        let fixed = ["run", goal, "--agents", &agents, "--target", &target, "--detach"];
        let session = self.home.json(&[&fixed[..], flags].concat());
        session["id"].as_str().expect("an id").to_owned()
    }

    /// Runs a session of all to its end as a script would; exit code and what it printed.
    pub(crate) fn run(&self, goal: &str, flags: &[&str]) -> (Option<i32>, String) {
        let (target, agents) = (self.target.display().to_string(), self.agents.join(","));
        let fixed = ["run", goal, "--agents", &agents, "--target", &target, "--headless"];
        let output = self.home.run(&[&fixed[..], flags].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    pub(crate) fn show(&self, id: &str) -> Value {
        self.home.json(&["session", "show", id])
    }

    /// The newest session's id.
    pub(crate) fn newest(&self) -> String {
        let list = self.home.json(&["session", "list"]);
        list["sessions"][0]["id"].as_str().expect("a session").to_owned()
    }

    /// Waits until the session is in this state. Sessions take many steps, on a machine that may be busy.
    pub(crate) fn wait(&self, id: &str, state: &str) -> Value {
        for _ in 0..4 {
            let deadline = std::time::Instant::now() + Duration::from_secs(55);
            while std::time::Instant::now() < deadline {
                let session = self.show(id);
                if session["state"] == state {
                    return session;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        panic!("the session is not {state}: {:#}\n{}", self.show(id), self.story(id));
    }

    /// What happened in a session, in words.
    pub(crate) fn story(&self, id: &str) -> String {
        self.home.ok(&["session", "log", id])
    }

    /// Events of a kind about a session.
    pub(crate) fn told(&self, id: &str, kind: &str) -> Vec<Value> {
        self.home.events(kind).into_iter().filter(|event| event["subject"] == id).collect()
    }

    /// What git says in the target.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.home, &self.target, args)
    }
}

/// A plan of tasks, each with what else it says.
pub(crate) fn plan(tasks: &[(&str, Value)]) -> Value {
    let one = |(key, more): &(&str, Value)| {
        let mut task = json!({"key": key, "title": format!("The {key}"),
            "prompt": format!("DO write {key}.txt made by the task {key}"),
            "role": "code_writer_implementer", "deliverables": [format!("{key}.txt")]});
        let more = more.as_object().expect("an object").clone();
        task.as_object_mut().expect("an object").extend(more);
        task
    };
    json!({"summary": "As it is done.", "tasks": tasks.iter().map(one).collect::<Vec<_>>()})
}
