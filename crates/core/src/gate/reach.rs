//! What scripts of sed and awk reach beside their input.

/// An awk program without its texts and regular expressions, in which `|` and `>` mean nothing.
pub(super) fn without_regexes(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    let mut before = '(';
    while let Some(letter) = letters.next() {
        let regex = letter == '/' && "(,{;!~&|=\n".contains(before);
        if letter == '"' || regex {
            while let Some(inner) = letters.next() {
                if inner == '\\' {
                    letters.next();
                } else if inner == letter {
                    break;
                }
            }
            out.push('"');
            before = '"';
        } else {
            out.push(letter);
            if !letter.is_whitespace() {
                before = letter;
            }
        }
    }
    out
}

/// `print … > "file"`: an output redirection and not a comparison.
pub(super) fn writes_in_awk(bare: &str) -> bool {
    bare.split([';', '}', '\n']).any(|statement| {
        let at = statement.find("print");
        at.and_then(|at| statement.get(at..)).is_some_and(|rest| {
            let mut depth = 0;
            rest.chars().any(|letter| {
                match letter {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                letter == '>' && depth <= 0
            })
        })
    })
}

/// What a sed script reaches beside its input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Nothing,
    Command,
    File(String),
}

/// Looks for the commands `e`, `w`, `W` and the flags `e` and `w` of `s`.
pub(super) fn sed_reach(script: &str) -> Reach {
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches([';', '{', '}', ' ', '\t', '\n']);
        // Addresses.
        loop {
            let before = rest;
            rest = rest.trim_start_matches(|letter: char| {
                letter.is_ascii_digit() || "$,~+! \t".contains(letter)
            });
            for (start, custom) in [("/", false), ("\\", true)] {
                if let Some(after) = rest.strip_prefix(start) {
                    let mark = if custom { after.chars().next().unwrap_or('/') } else { '/' };
                    let after = if custom {
                        after.get(mark.len_utf8()..).unwrap_or_default()
                    } else {
                        after
                    };
                    rest = past(after, mark);
                    rest = rest.trim_start_matches(['I', 'M']);
                }
            }
            if rest == before {
                break;
            }
        }
        let Some(command) = rest.chars().next() else { return Reach::Nothing };
        let after = rest.get(command.len_utf8()..).unwrap_or_default();
        match command {
            's' => {
                let Some(mark) = after.chars().next() else { return Reach::Nothing };
                let body = past(after.get(mark.len_utf8()..).unwrap_or_default(), mark);
                let body = past(body, mark);
                let flags: String =
                    body.chars().take_while(|letter| letter.is_ascii_alphanumeric()).collect();
                if let Some(at) = flags.find('w') {
                    let file = body.get(at + 1..).unwrap_or_default();
                    return Reach::File(file.lines().next().unwrap_or_default().trim().to_owned());
                }
                if flags.contains('e') {
                    return Reach::Command;
                }
                rest = body.get(flags.len()..).unwrap_or_default();
            }
            'y' => {
                let Some(mark) = after.chars().next() else { return Reach::Nothing };
                rest = past(past(after.get(mark.len_utf8()..).unwrap_or_default(), mark), mark);
            }
            'e' => return Reach::Command,
            'w' | 'W' => {
                return Reach::File(after.lines().next().unwrap_or_default().trim().to_owned());
            }
            'a' | 'i' | 'c' | 'r' | 'R' | ':' | 'b' | 't' | 'T' | '#' => {
                let Some(end) = after
                    .find('\n')
                    .or_else(|| if "btT:".contains(command) { after.find(';') } else { None })
                else {
                    return Reach::Nothing;
                };
                rest = after.get(end + 1..).unwrap_or_default();
            }
            _ => rest = after,
        }
    }
}

/// What stands after the next `mark` that is not escaped.
fn past(text: &str, mark: char) -> &str {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == mark {
            return text.get(at + mark.len_utf8()..).unwrap_or_default();
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sed_scripts_are_read() {
        for script in [
            "s/a/b/",
            "s/a/b/g;s|c|d|",
            "1,3p",
            "/x/d",
            "$!N;P;D",
            "s/we/ew/",
            "y/abc/xyz/",
            "/start/,/end/{s/a/e/;d}",
            "s,/e,/w,g",
        ] {
            assert_eq!(sed_reach(script), Reach::Nothing, "{script}");
        }
        for script in ["1e id", "s/a/id/e", "/x/e", "e", "s/a/b/;e id", "$!{s/x/y/ge}"] {
            assert_eq!(sed_reach(script), Reach::Command, "{script}");
        }
        assert_eq!(sed_reach("w /etc/x"), Reach::File("/etc/x".to_owned()));
        assert_eq!(sed_reach("s/a/b/w out"), Reach::File("out".to_owned()));
    }
}
