//! What is not shown: values whose names sound like secrets.

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "[hidden]";

/// Words that make a name sound like a secret, wherever they stand in it.
const PARTS: [&str; 7] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY"];
/// Words that do so only as a whole word.
const WORDS: [&str; 9] =
    ["KEY", "KEYS", "AUTH", "AUTHORIZATION", "PASS", "PWD", "PAT", "COOKIE", "SALT"];

/// Whether the name of a variable or option sounds like a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    // PWD is the working directory.
    upper != "PWD"
        && upper != "OLDPWD"
        && (PARTS.iter().any(|part| upper.contains(part))
            || words(name).any(|word| WORDS.contains(&word.as_str())))
}

/// The words of `snake_case`, `kebab-case` and `camelCase`, in capitals.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_ascii_lowercase();
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_uppercase());
        }
    }
    words.into_iter()
}

/// The value of a variable as it may be shown.
pub(crate) fn value(name: &str, text: &str) -> String {
    // Where a secret is, is none.
    if orkestra_core::secret::is_reference(text) {
        return text.to_owned();
    }
    if is_secret(name) { HIDDEN.to_owned() } else { url(text) }
}

/// Program and arguments as they may be shown: what follows `--token` or `--token=` is hidden.
pub(crate) fn command(words: &[String]) -> Vec<String> {
    let mut hide_next = false;
    words
        .iter()
        .map(|word| {
            if std::mem::take(&mut hide_next) && !word.starts_with('-') {
                return HIDDEN.to_owned();
            }
            let (option, given) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (word.as_str(), None),
            };
            let spaced = option.contains(char::is_whitespace);
            match given {
                Some(_) if !spaced && is_secret(option) => format!("{option}={HIDDEN}"),
                None if option.starts_with('-') && is_secret(option) => {
                    hide_next = true;
                    url(word)
                }
                _ => url(word),
            }
        })
        .collect()
}

/// Hides the password in `scheme://user:password@host`.
fn url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|c: char| "/ \t\"'?#".contains(c)).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@').map(|(login, host)| (login.split_once(':'), host)) {
            Some((Some((user, _)), host)) => {
                out.push_str(&format!("{user}:{HIDDEN}@{host}"));
            }
            _ => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// A line of the file as it may be shown: from the first value whose key sounds like a secret to
/// the line's end, every character but blanks becomes a `*`, so that columns stay.
pub(crate) fn line(text: &str) -> String {
    let mut from = None;
    for (colon, _) in text.match_indices([':', '=']) {
        let (before, after) = text.split_at(colon);
        let key: String = before
            .trim_end()
            .trim_end_matches(['"', '\''])
            .chars()
            .rev()
            .take_while(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c))
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let value = after.get(1..).unwrap_or_default();
        if is_secret(&key) && !value.trim().is_empty() && !value.trim_start().starts_with('#') {
            from = Some(colon + 1);
            break;
        }
    }
    let Some(from) = from else { return text.to_owned() };
    let (kept, secret) = text.split_at(from);
    let stars = secret.chars().map(|c| if c.is_whitespace() { c } else { '*' });
    kept.chars().chain(stars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets_by_their_names() {
        for name in [
            "TOKEN",
            "GITHUB_TOKEN",
            "apiKey",
            "OPENAI_API_KEY",
            "api-key",
            "APIKEY",
            "DbPassword",
            "PGPASSWORD",
            "CLIENT_SECRET",
            "MYSQL_PWD",
            "SESSION_COOKIE",
            "KEY",
            "GH_PAT",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["PATH", "PWD", "HOME", "KEYBOARD", "MONKEY", "PORT", "AUTHOR", "PASSENGERS"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn hides_values_and_keeps_columns() {
        assert_eq!(value("A_TOKEN", "abc"), "[hidden]");
        assert_eq!(value("DSN", "pg://u:p%40@h:1/db"), "pg://u:[hidden]@h:1/db");
        assert_eq!(value("A", "see https://example.org:8/x"), "see https://example.org:8/x");
        let words =
            ["x", "--token", "abc", "--api-key=abc", "A_SECRET=1", "--key", "-v", "--level=2"];
        let shown = command(&words.map(str::to_owned));
        assert_eq!(
            shown,
            [
                "x",
                "--token",
                "[hidden]",
                "--api-key=[hidden]",
                "A_SECRET=[hidden]",
                "--key",
                "-v",
                "--level=2"
            ]
        );
        assert_eq!(line("  A: { API_KEY: \"a b\", B: 1 }"), "  A: { API_KEY: ** *** ** * *");
        assert_eq!(line("  secrets:"), "  secrets:");
        assert_eq!(line("  command: x"), "  command: x");
    }
}
