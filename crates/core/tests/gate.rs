//! The gate's tables: what must not be allowed, what must be, and what becomes of the first when it is disguised.

#![allow(clippy::unwrap_used, reason = "a failing test says where")]

use orkestra_core::gate::{Action, Decision, Policy, Ruling, Scope};

/// A worktree in a person's home; one in the folder for temporary files; as some people work, the home itself; and,
/// as tests do, everything in the folder for temporary files.
fn scopes() -> [Scope; 4] {
    let home = "/home/user";
    [
        Scope::new("/home/user/work", home, "/home/user/.orkestra"),
        Scope::new("/tmp/run-7/work", home, "/home/user/.orkestra"),
        Scope::new(home, home, "/home/user/.orkestra"),
        Scope::new("/tmp/home/work", "/tmp/home", "/tmp/home/.orkestra"),
    ]
}

fn rule_in(line: &str, scope: &Scope) -> Ruling {
    let action = Action::Command { line: line.to_owned(), cwd: scope.worktree.clone() };
    Policy::default().rule(&action, scope)
}

fn rule(line: &str) -> Ruling {
    let [scope, ..] = scopes();
    rule_in(line, &scope)
}

fn lines(text: &'static str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| line.replace('␤', "\n"))
        .collect()
}

fn dangerous() -> Vec<String> {
    lines(include_str!("data/gate/dangerous.txt"))
}

fn harmless() -> Vec<String> {
    lines(include_str!("data/gate/harmless.txt"))
}

/// Reports every line that is ruled wrongly; at least 98 of 100 must be right.
fn right(name: &str, table: &[String], wanted: impl Fn(Decision) -> bool) {
    for scope in scopes() {
        let mut wrong = 0;
        for line in table {
            let ruling = rule_in(line, &scope);
            if !wanted(ruling.decision) {
                wrong += 1;
                println!(
                    "  {} [{}: {}]: {line}",
                    ruling.decision.word(),
                    ruling.rule,
                    ruling.reason
                );
            }
        }
        println!("{name} in {}: {} lines, {wrong} wrong", scope.worktree.display(), table.len());
        assert!(wrong * 50 <= table.len(), "{name}: {wrong} of {} are wrong", table.len());
    }
}

#[test]
fn row_071_dangerous_lines_are_not_allowed() {
    let table = dangerous();
    assert!(table.len() >= 150);
    right("dangerous", &table, |decision| decision != Decision::Allow);
}

#[test]
fn row_071_harmless_lines_are_allowed() {
    let table = harmless();
    assert!(table.len() >= 100);
    right("harmless", &table, |decision| decision == Decision::Allow);
}

/// A small generator with a seed: the same lines on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % most
    }
}

/// The words of a line outside of quotes, which a disguise may change without changing what the line means.
fn plain_words(line: &str) -> Vec<(usize, usize)> {
    if line.contains(['\'', '"', '`', '$', '\\', '\n', '(', '{', '<', '#']) {
        return Vec::new();
    }
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in line.char_indices().chain([(line.len(), ' ')]) {
        if letter.is_ascii_alphanumeric() || "/.-_".contains(letter) {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            words.push((from, at));
        }
    }
    words
}

/// One disguise of `line`. Each keeps what the shell does, or makes the line one that no shell runs; neither may be allowed.
fn disguised(line: &str, draw: &mut Draw) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let words = plain_words(line);
    let one_line = !line.contains('\n');
    match draw.below(17) {
        // Quotes, a backslash or nothing in the middle of a word.
        0..=3 if !words.is_empty() => {
            let (from, to) = words[draw.below(words.len())];
            let word = &line[from..to];
            let keyword = [
                "for", "do", "done", "if", "then", "fi", "in", "while", "case", "esac", "function",
                "coproc",
            ];
            if keyword.contains(&word)
                || line[..from].ends_with(['=', '+', '>', '&', '~'])
                || line[to..].starts_with('=')
            {
                return format!("true; {line}");
            }
            let at = draw.below(word.len());
            let (head, tail) = word.split_at(at);
            let changed = match draw.below(7) {
                0 => format!("'{word}'"),
                1 => format!("\"{word}\""),
                2 => format!("{head}''{tail}"),
                3 => format!("{head}\"\"{tail}"),
                4 => format!("{head}\\{tail}"),
                5 => format!("{head}'{tail}'"),
                _ => format!(
                    "$'{}'",
                    word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>()
                ),
            };
            format!("{}{changed}{}", &line[..from], &line[to..])
        }
        // A part of a word in a variable.
        4 if !words.is_empty() => {
            let (from, to) = words[0];
            let word = &line[from..to];
            if from > 0
                || line[to..].starts_with('=')
                || ["for", "if", "while", "case", "function", "coproc"].contains(&word)
            {
                return format!(":; {line}");
            }
            let (head, tail) = word.split_at(draw.below(word.len()));
            format!("a={head}; b={tail}; $a$b{}", &line[to..])
        }
        // A space that is none.
        5 if line.contains(' ') => {
            let spaces: Vec<usize> = line.match_indices(' ').map(|(at, _)| at).collect();
            let at = spaces[draw.below(spaces.len())];
            let space = ["\u{a0}", "\u{2003}", "\u{3000}", "\u{200b} ", " \u{202e}"][draw.below(5)];
            format!("{}{space}{}", &line[..at], &line[at + 1..])
        }
        // White space that means nothing.
        6 if !words.is_empty() => line.replace(' ', "  \t "),
        7 if !words.is_empty() => line.replace(' ', " \\\n "),
        8 => format!("{}{line}", "true; ".repeat(60)),
        9 => format!("echo start\n\n{line}"),
        10 if one_line => format!("echo start && {{ {line}\n}}"),
        11 => format!("(\n{line}\n)"),
        12 => format!("if true; then\n{line}\nfi"),
        13 => format!("bash -c {}", quoted(line)),
        14 => format!("eval {}", quoted(line)),
        15 => {
            let wrap = [
                "timeout 9",
                "nohup",
                "nice -n 5",
                "env A=b",
                "setsid",
                "stdbuf -o0",
                "command",
                "exec",
                "time",
            ];
            format!("{} sh -c {}", wrap[draw.below(wrap.len())], quoted(line))
        }
        _ => format!("bash <<'THE_END'\n{line}\nTHE_END"),
    }
}

#[test]
fn no_disguise_of_a_dangerous_line_is_allowed() {
    let table: Vec<String> =
        dangerous().into_iter().filter(|line| rule(line).decision != Decision::Allow).collect();
    let mut draw = Draw(0x5eed_1234_abcd_0001);
    let mut allowed = Vec::new();
    let mut made = 0;
    while made < 1_500 {
        let mut line = table[draw.below(table.len())].clone();
        // Some wear two coats.
        for _ in 0..=draw.below(2) {
            line = disguised(&line, &mut draw);
        }
        made += 1;
        if rule(&line).decision == Decision::Allow {
            allowed.push(line);
        }
    }
    for line in &allowed {
        println!("  allowed: {line:?}");
    }
    assert!(allowed.is_empty(), "{} of {made} disguises are allowed", allowed.len());
}

#[test]
fn what_is_too_long_or_cannot_be_read_is_not_allowed() {
    let cases = [
        ("x".repeat(100_000), Decision::Deny),
        ("true; ".repeat(20_000), Decision::Deny),
        (format!("{}rm -rf /", "true; ".repeat(60)), Decision::Deny),
        (format!("{}{}", "(".repeat(3_000), ")".repeat(3_000)), Decision::Deny),
        (format!("{}true{}", "( ".repeat(500), " )".repeat(500)), Decision::Allow),
        (format!("{}id{}", "$(".repeat(300), ")".repeat(300)), Decision::Ask),
        ("echo ".to_owned() + &"a ".repeat(25_000), Decision::Deny),
        ("(".repeat(20), Decision::Ask),
        ("((".repeat(12), Decision::Ask),
        (format!("echo {}", "{a,".repeat(14)), Decision::Ask),
        (format!("echo {}x{}", "{".repeat(14), "}".repeat(14)), Decision::Ask),
        (format!("echo {}x{}", "${".repeat(16), "}".repeat(16)), Decision::Ask),
        ("if true".to_owned(), Decision::Ask),
        ("echo 'open".to_owned(), Decision::Ask),
        ("echo ~99999999999999999999999/x".to_owned(), Decision::Ask),
        ("echo {1..99999999999999999999}".to_owned(), Decision::Ask),
        ("echo x 99999999999>y".to_owned(), Decision::Ask),
        ("x=aa; ".to_owned() + &"x=$x$x$x$x; ".repeat(100) + "$x", Decision::Ask),
        ("sh -c '".to_owned() + &"eval ".repeat(40) + "id'", Decision::Allow),
    ];
    for (line, expected) in cases {
        let ruling = rule(&line);
        let shown: String = line.chars().take(60).collect();
        assert!(ruling.decision >= expected, "{shown}: {ruling:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_ruled_without_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        rule(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_shell_like_text_is_ruled_without_a_panic(text in "([a-z/~]{0,4}|[$({`\\[<>|&;!\\\\'\"})\\]*=# \n]|rm|if|for|do|done|case|esac|in|fi|then|<<E|E|\\$\\{|\\$\\(\\(|\\)\\)|[0-9]{1,12}){0,40}") {
        rule(&text);
    }
}
