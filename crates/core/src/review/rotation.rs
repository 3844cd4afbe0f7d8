//! Who reviews: never the author, another vendor if there is one, and each in turn (MISSION 2.6).

/// Somebody who could review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name in the configuration.
    pub agent: String,
    /// Whose model it is: agents of one vendor think alike.
    pub vendor: String,
    /// How many reviews it was given lately.
    pub reviews: u64,
}

/// The order of MISSION 2.6, for those who reviewed equally often.
const ORDER: [&str; 5] = ["claude", "chatgpt", "grok", "gemini", "copilot"];

/// The name in that order under which a vendor goes.
fn place(vendor: &str) -> usize {
    let name = match vendor {
        "anthropic" => "claude",
        "openai" => "chatgpt",
        "xai" => "grok",
        "google" => "gemini",
        "github" => "copilot",
        other => other,
    };
    ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len())
}

/// Chooses at most `want` of the candidates, the best first; `tried` are those who were asked for this
/// review already.
pub fn choose(
    mut candidates: Vec<Candidate>,
    author: &str,
    vendor: &str,
    tried: &[String],
    want: usize,
) -> Vec<String> {
    candidates.retain(|one| one.agent != author && !tried.contains(&one.agent));
    candidates.sort_by(|a, b| {
        let key = |one: &Candidate| (one.vendor == vendor, one.reviews, place(&one.vendor));
        key(a).cmp(&key(b)).then_with(|| a.agent.cmp(&b.agent))
    });
    candidates.into_iter().take(want).map(|one| one.agent).collect()
}
