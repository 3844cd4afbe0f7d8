//! Which inherited variables are kept from agents: those that look like secrets and are not of the
//! agent's own vendor. An agent reads its environment, and so does every command that it runs.

use crate::Kind;

/// Ends of names that secrets have.
const ENDS: [&str; 10] = [
    "_TOKEN",
    "_KEY",
    "_SECRET",
    "_PASSWORD",
    "_PASSWD",
    "_PASS",
    "_CREDENTIALS",
    "_PAT",
    "_PIN",
    "_COOKIE",
];

/// Words that only secrets have within their names.
const WITHIN: [&str; 5] = ["SECRET", "PASSWORD", "PASSWD", "PRIVATE_KEY", "ACCESS_KEY"];

/// Whole names.
const WHOLE: [&str; 5] = ["TOKEN", "PASSWORD", "SECRET", "PGPASSWORD", "MYSQL_PWD"];

/// Whether a variable of this name mostly holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ENDS.iter().any(|end| name.ends_with(end))
        || WITHIN.iter().any(|word| name.contains(word))
        || WHOLE.contains(&name.as_str())
}

/// Whether an inherited variable is kept from agents of this kind. Who wants one to have it names it
/// in the agent's `env`: `{ NAME: "env:NAME" }`.
pub fn is_withheld(kind: Kind, name: &str) -> bool {
    is_secret(name) && !own(kind).iter().any(|prefix| name.starts_with(prefix))
}

/// How the names of a vendor's own variables begin.
fn own(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Claude | Kind::Anthropic => &["ANTHROPIC_", "CLAUDE_"],
        Kind::Codex | Kind::Openai => &["OPENAI_", "CODEX_", "CHATGPT_", "AZURE_OPENAI_"],
        Kind::Gemini | Kind::Google => &["GEMINI_", "GOOGLE_"],
        Kind::Github => &["GITHUB_", "GH_", "COPILOT_"],
        Kind::Xai => &["XAI_", "GROK_"],
        // It speaks with whichever model it is set up for.
        Kind::Acp => &[
            "ANTHROPIC_",
            "CLAUDE_",
            "OPENAI_",
            "AZURE_OPENAI_",
            "GEMINI_",
            "GOOGLE_",
            "XAI_",
            "GROK_",
            "OPENROUTER_",
            "MISTRAL_",
            "GROQ_",
            "DEEPSEEK_",
            "OPENCODE_",
        ],
        Kind::Script => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names_and_a_vendor_has_its_own() {
        for name in [
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "NPM_TOKEN",
            "npm_config_password",
            "STRIPE_API_KEY",
            "PGPASSWORD",
            "DB_PASS",
            "GH_PAT",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ] {
            assert!(is_withheld(Kind::Script, name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "LANG",
            "TERM",
            "KEYBOARD",
            "CARGO_HOME",
            "MONKEY",
            "TOKENIZERS_PARALLELISM",
            "SSH_AUTH_SOCK",
        ] {
            assert!(!is_secret(name), "{name}");
        }
        assert!(!is_withheld(Kind::Claude, "ANTHROPIC_API_KEY"));
        assert!(is_withheld(Kind::Claude, "OPENAI_API_KEY"));
        assert!(!is_withheld(Kind::Acp, "OPENAI_API_KEY"));
    }
}
