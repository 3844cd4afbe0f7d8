//! What agents are good at, and what a task asks for, in one vocabulary (MISSION 2.4; defect B17:
//! the specialty table and the keyword table of system 004 shared no names).

use std::collections::BTreeSet;

/// What the makers of a kind of agent are known for (MISSION 2.4). Codex is a coder like Copilot,
/// whatever its maker's chat is good at; a script and an ACP agent say themselves what they can.
pub fn default_strengths(kind: &str) -> &'static [&'static str] {
    match kind {
        "gemini" | "google" => {
            &["firebase", "google_cloud", "database_design", "scaling", "cost_optimization"]
        }
        "openai" => {
            &["copywriting", "marketing", "creative_content", "content_review", "tone_validation"]
        }
        "claude" | "anthropic" => {
            &["documentation", "code_review", "architecture", "testing", "debugging"]
        }
        "codex" | "github" => {
            &["coding", "refactoring", "api_design", "system_maintenance", "deployment"]
        }
        "xai" => &["research", "analysis", "problem_solving", "innovation", "creative_solutions"],
        _ => &[],
    }
}

/// How many tasks an agent of this kind works on at once, if nobody says otherwise (MISSION 2.4,
/// the shell's list); nothing for kinds that are not in it: then only the limit for all holds.
pub fn default_parallel(kind: &str) -> Option<u32> {
    match kind {
        "claude" | "anthropic" | "gemini" | "google" => Some(2),
        "openai" | "codex" => Some(3),
        "xai" => Some(1),
        "github" => Some(5),
        _ => None,
    }
}

/// The place in the list by which ties are broken: gemini, chatgpt, claude, copilot, grok; then all
/// others, by name (MISSION 2.4).
pub(super) fn list_place(kind: &str) -> usize {
    match kind {
        "gemini" | "google" => 0,
        "openai" | "codex" => 1,
        "claude" | "anthropic" => 2,
        "github" => 3,
        "xai" => 4,
        _ => 5,
    }
}

/// The kinds of agents that the selector by load takes for a domain; nothing means all (MISSION 2.4).
pub(super) fn capable_for(domain: &str) -> &'static [&'static str] {
    const COPILOT_CLAUDE: &[&str] = &["github", "codex", "claude", "anthropic"];
    const CLAUDE_CHATGPT: &[&str] = &["claude", "anthropic", "openai"];
    const GEMINI_COPILOT: &[&str] = &["gemini", "google", "github", "codex"];
    match domain {
        "technical" | "code" | "bug_fix" | "feature" | "refactor" | "test" => COPILOT_CLAUDE,
        "content" | "documentation" | "creative" => CLAUDE_CHATGPT,
        "firebase" | "cloud" | "architecture" => GEMINI_COPILOT,
        _ => &[],
    }
}

/// The same word however it is written: `Code Review`, `code-review`.
pub fn normal(word: &str) -> String {
    let lower = word.trim().to_lowercase();
    lower.chars().map(|c| if c == ' ' || c == '-' { '_' } else { c }).collect()
}

/// The specialties that a kind of task, a tag, a need, or a word of its title stands for.
fn specialties(word: &str) -> &'static [&'static str] {
    match word {
        "code" | "coding" | "feature" | "implement" | "implementation" | "program" => &["coding"],
        "refactor" | "refactoring" | "cleanup" => &["refactoring"],
        "api" | "endpoint" | "endpoints" => &["api_design"],
        "maintenance" | "upgrade" | "update" => &["system_maintenance"],
        "deploy" | "deployment" | "release" => &["deployment"],
        "bug" | "bug_fix" | "debug" | "debugging" | "fix" => &["debugging"],
        "test" | "tests" | "testing" => &["testing"],
        "doc" | "docs" | "document" | "documentation" | "readme" => &["documentation"],
        "review" | "code_review" => &["code_review"],
        "architecture" | "design" => &["architecture"],
        "firebase" => &["firebase"],
        "cloud" | "gcp" => &["google_cloud"],
        "database" | "schema" | "sql" => &["database_design"],
        "scale" | "scaling" | "scalability" => &["scaling"],
        "cost" | "costs" => &["cost_optimization"],
        "content" => &["copywriting", "creative_content"],
        "copy" | "copywriting" => &["copywriting"],
        "marketing" | "campaign" => &["marketing"],
        "blog" | "story" | "slogan" | "creative" => &["creative_content"],
        "tone" => &["tone_validation"],
        "research" | "investigate" => &["research"],
        "analysis" | "analyse" | "analyze" => &["analysis"],
        "problem" => &["problem_solving"],
        "innovation" | "brainstorm" => &["innovation"],
        "idea" | "ideas" => &["creative_solutions"],
        _ => &[],
    }
}

/// What a task asks for: its kind, its tags and needs, and the words of its title, each word as a
/// whole. The text of the task says too much to be counted.
pub fn wanted(kind: &str, tags: &[String], needs: &[String], title: &str) -> BTreeSet<String> {
    let mut wanted = BTreeSet::new();
    let said = std::iter::once(kind).chain(tags.iter().chain(needs).map(String::as_str));
    for word in said.map(normal).filter(|word| !word.is_empty()) {
        wanted.extend(specialties(&word).iter().map(|name| (*name).to_owned()));
        wanted.insert(word);
    }
    for word in title.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase) {
        wanted.extend(specialties(&word).iter().map(|name| (*name).to_owned()));
    }
    wanted
}
