//! Commands with a meaning of their own: those of the shell, and a few small programs.

use super::Place;
use super::option::arguments;
use super::shell::{Flow, Walk};
use super::word::{Arg, TAME};
use super::wrapper::substitute;
use std::path::Path;

impl Walk<'_> {
    pub(super) fn change_folder(&mut self, rest: &[Arg]) {
        let target = rest.iter().find(|arg| !arg.option());
        let text = target
            .filter(|arg| !arg.is("-") && !arg.glob && !arg.open)
            .and_then(|arg| if arg.values.len() == 1 { arg.values.first() } else { None });
        let folder = match text {
            None if rest.is_empty() => {
                self.strayed = true;
                Some(self.scope.home.clone())
            }
            Some(text) => self.located(text),
            None => None,
        };
        if let (Some(text), Some(folder)) = (text, &folder) {
            // In a home folder, whoever goes there by name may mean what is not the run's.
            self.strayed = self.strays(text, folder)
                || super::path::common(self.scope)
                    && folder.starts_with(&self.scope.worktree)
                    && (text.starts_with('/') || text.contains(".."));
        }
        self.cwd = folder;
    }

    /// `echo` and `printf`: their output is known if their words are.
    pub(super) fn talk(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        if name == "printf" {
            if let [option, variable, ..] = rest
                && option.is("-v")
            {
                for text in &variable.values {
                    self.embedded(text, place);
                }
                return Flow::Nothing;
            }
            let texts: Option<Vec<&str>> =
                rest.iter().filter(|arg| !arg.is("--")).map(Arg::text).collect();
            return match texts.as_deref().and_then(|words| words.split_first()) {
                Some((format, words)) => Flow::Text(formatted(format, words)),
                None => self.uncertain(rest),
            };
        }
        let words: Vec<&Arg> = rest
            .iter()
            .skip_while(|arg| {
                arg.any(|text| {
                    text.len() > 1
                        && text.starts_with('-')
                        && text.chars().skip(1).all(|letter| "neE".contains(letter))
                })
            })
            .collect();
        let escapes = rest
            .iter()
            .take(rest.len() - words.len())
            .any(|arg| arg.any(|text| text.contains('e')));
        let texts: Option<Vec<&str>> = words.iter().map(|arg| arg.text()).collect();
        match texts {
            Some(texts) => {
                let line = texts.join(" ");
                let line =
                    if escapes { super::word::ansi(&line.replace("\\'", "'")) } else { line };
                Flow::Text(line + "\n")
            }
            None => self.uncertain(rest),
        }
    }

    pub(super) fn uncertain(&self, rest: &[Arg]) -> Flow {
        rest.iter().filter_map(|arg| arg.flow.clone()).fold(
            Flow::Unknown,
            |flow, other| match other {
                Flow::Download | Flow::Decoded => other,
                _ => flow,
            },
        )
    }

    pub(super) fn cat(&mut self, rest: &[Arg]) -> Flow {
        let operands: Vec<&Arg> = rest.iter().filter(|arg| !arg.option() && !arg.is("-")).collect();
        if operands.is_empty() {
            return self.input.clone();
        }
        operands.iter().fold(Flow::Nothing, |flow, arg| flow.join(self.content(arg)))
    }

    pub(super) fn find(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        let expression =
            |arg: &Arg| arg.any(|text| text.starts_with('-') || text == "(" || text == "!");
        let leading = rest
            .iter()
            .take_while(|arg| ["-H", "-L", "-P"].iter().any(|option| arg.is(option)))
            .count();
        let mut starts: Vec<Arg> =
            rest.iter().skip(leading).take_while(|arg| !expression(arg)).cloned().collect();
        if !name.contains("find") || name == "fdfind" {
            // fd: the pattern comes first.
            starts = arguments(rest, &["-e", "-t", "-d", "-E", "-S", "-g"], false)
                .operands
                .into_iter()
                .skip(1)
                .collect();
        }
        if starts.is_empty() {
            starts.push(Arg::known(".", place));
        }
        let flow = self.names_below(&starts);
        let roots = if let Flow::Files(roots) = &flow { roots.clone() } else { Vec::new() };
        let found = Arg {
            values: roots
                .iter()
                .map(|root| root.join(TAME.to_string()).display().to_string())
                .collect(),
            open: roots.is_empty(),
            flow: Some(flow.clone()),
            ..Arg::known("", place)
        };
        let mut args = rest.iter().peekable();
        while let Some(arg) = args.next() {
            let text = arg.values.first().map(String::as_str).unwrap_or_default();
            match text {
                "-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "-X" | "--exec"
                | "--exec-batch" => {
                    let fd = !text.starts_with("-exec") && !text.starts_with("-ok");
                    let mut command: Vec<Arg> = Vec::new();
                    for word in args.by_ref() {
                        if word.is(";") || (word.is("+") && !fd) {
                            break;
                        }
                        command.push(substitute(word, "{}", &found));
                    }
                    if fd && !command.iter().any(|word| word.flow.is_some()) {
                        command.push(found.clone());
                    }
                    self.inside(&command, place);
                }
                "-delete" => self.deletes(&found),
                "-fprint" | "-fprint0" | "-fls" | "-fprintf" => {
                    if let Some(file) = args.next() {
                        self.writes(file);
                    }
                }
                _ => {}
            }
        }
        flow
    }

    /// Names of files below these. Below a relative name of the worktree they are the run's own, which is remembered by a second mark: where the run
    /// works in a home folder, what is named from the root may be somebody else's.
    pub(super) fn names_below(&self, starts: &[Arg]) -> Flow {
        let mut roots = Vec::new();
        for arg in starts {
            for text in &arg.values {
                match self.located(text) {
                    Some(path) if self.strays(text, &path) => return Flow::Unknown,
                    Some(path)
                        if !text.starts_with('/')
                            && !self.strayed
                            && path.starts_with(&self.scope.worktree) =>
                    {
                        roots.push(path.join(TAME.to_string()));
                    }
                    Some(path) => roots.push(path),
                    None => return Flow::Unknown,
                }
            }
            if arg.open {
                return Flow::Unknown;
            }
        }
        Flow::Files(roots)
    }

    pub(super) fn kill(&mut self, rest: &[Arg], place: Option<Place>) {
        let mut hard = false;
        let mut signal_next = false;
        let mut targets = Vec::new();
        for (index, arg) in rest.iter().enumerate() {
            let text = arg.values.first().map(String::as_str).unwrap_or_default();
            if signal_next {
                signal_next = false;
                hard |= text == "9" || text.to_uppercase().ends_with("KILL");
            } else if ["-s", "-n", "--signal"].contains(&text) {
                signal_next = true;
            } else if text == "-l" || text == "-L" {
                return;
            } else if index == 0 && text.starts_with('-') && text != "-1"
                || text.starts_with("--signal=")
            {
                hard |= text.ends_with('9') || text.to_uppercase().ends_with("KILL");
            } else if text != "--" && !(index == 0 && text == "-1" && rest.len() > 1) {
                targets.push(arg);
            }
        }
        for arg in targets {
            let others = |text: &str| ["0", "1", "-1", "-0", "+1", "01"].contains(&text);
            if arg.any(others) {
                self.hit("kill-others", arg.shown.clone(), place);
            } else if arg.text().is_none()
                && !arg.raw.contains("$!")
                && !arg.raw.starts_with('%')
                && !self.own_process(arg)
            {
                self.hit("computed-operand", arg.raw.clone(), arg.place);
            }
        }
        let _ = hard;
    }

    /// `PID=$!` … `kill $PID`.
    pub(super) fn own_process(&self, arg: &Arg) -> bool {
        !arg.open
            && !arg.values.is_empty()
            && arg.values.iter().all(|text| *text == TAME.to_string())
            && arg.raw.contains('$')
            && !arg.raw.contains("$((")
            && !arg.raw.contains("$[")
    }

    pub(super) fn dd(&mut self, rest: &[Arg]) -> Flow {
        let mut written = false;
        for arg in rest {
            for text in &arg.values {
                if text.starts_with("of=") {
                    written = true;
                    let target =
                        super::option::tail(&Arg { values: vec![text.clone()], ..arg.clone() }, 3);
                    if text.len() > 3 || arg.open {
                        self.writes(&target);
                    }
                }
            }
            if arg.values.is_empty() {
                self.hit("computed-operand", arg.shown.clone(), arg.place);
            }
        }
        if written { Flow::Nothing } else { self.tainted(Flow::Unknown) }
    }

    pub(super) fn builtin(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
        match name {
            // `enable -f FILE` loads code, `hash -p` renames a program, `bind -x` runs one.
            "enable" | "hash" | "bind"
                if rest.iter().any(|arg| {
                    arg.any(|text| {
                        text.starts_with("-f") || text.starts_with("-p") || text.starts_with("-x")
                    })
                }) =>
            {
                self.hit("hidden-command", name, place);
            }
            "mapfile" | "readarray" | "complete" => {
                let given =
                    arguments(rest, &["-C", "-c", "-d", "-n", "-O", "-s", "-u", "-F", "-W"], false);
                for text in given.values(&["-C"]).cloned().collect::<Vec<_>>() {
                    self.text_of(&text);
                }
            }
            _ => {}
        }
    }

    pub(super) fn orkestra(&mut self, rest: &[Arg], place: Option<Place>) {
        let harmless = rest.iter().all(|arg| {
            ["--version", "--help", "help", "version", "-h", "-V"].iter().any(|word| arg.is(word))
        }) || rest
            .first()
            .is_some_and(|arg| arg.is("help") || arg.is("completions"))
            || rest.iter().take(2).filter_map(Arg::text).eq(["gate", "check"]);
        if !harmless {
            self.hit("orkestra", "", place);
        }
    }

    pub(super) fn name_part(&self, name: &str, rest: &[Arg]) -> Flow {
        let operands: Vec<&Arg> = rest.iter().filter(|arg| !arg.option()).collect();
        let Some(first) = operands.first() else { return Flow::Unknown };
        match first.text() {
            Some(text) if name == "dirname" => {
                Flow::Text(Path::new(text).parent().map_or(".".to_owned(), |parent| {
                    if parent.as_os_str().is_empty() {
                        ".".to_owned()
                    } else {
                        parent.display().to_string()
                    }
                }))
            }
            Some(text) => {
                let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
                let suffix = operands.get(1).and_then(|arg| arg.text());
                Flow::Text(
                    suffix.and_then(|suffix| last.strip_suffix(suffix)).unwrap_or(last).to_owned(),
                )
            }
            // A name without a slash, of whatever.
            None if name == "basename" && !first.any(|text| text.ends_with("..")) => Flow::Tame,
            None => Flow::Unknown,
        }
    }
}

/// What `printf` makes, as far as it takes texts and characters.
pub(super) fn formatted(format: &str, words: &[&str]) -> String {
    let format = super::word::ansi(&format.replace("\\'", "'"));
    let mut words = words.iter();
    let mut out = String::new();
    loop {
        let mut letters = format.chars();
        let mut used = false;
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            let kind = letters
                .by_ref()
                .find(|letter| letter.is_ascii_alphabetic() || *letter == '%')
                .unwrap_or('%');
            match kind {
                '%' => out.push('%'),
                'b' => {
                    used = true;
                    out.push_str(&super::word::ansi(words.next().unwrap_or(&"")));
                }
                'c' => {
                    used = true;
                    out.extend(words.next().and_then(|word| word.chars().next()));
                }
                _ => {
                    used = true;
                    out.push_str(words.next().unwrap_or(&""));
                }
            }
        }
        if !used || words.len() == 0 {
            return out;
        }
    }
}
