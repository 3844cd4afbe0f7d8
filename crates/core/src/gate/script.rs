//! Texts and files that a shell runs: `sh -c`, `eval`, `source`, scripts, standard input.

use super::Place;
use super::shell::{Flow, Fresh, Walk};
use super::table::SHELLS;
use super::word::{Arg, TAME};
use super::wrapper::joined;
use std::path::Path;

impl Walk<'_> {
    /// A program that is named with its folder.
    pub(super) fn program_at(&mut self, program: &str, place: Option<Place>) {
        match self.located(program) {
            Some(path) => match self.fresh.get(&path).cloned() {
                Some(Fresh::Download) => self.hit("download-and-run", program, place),
                Some(Fresh::Decoded) => self.hit("decode-and-run", program, place),
                Some(Fresh::Text(text)) => {
                    self.script_text(&text, place);
                }
                Some(Fresh::Unknown) => self.hit("written-and-run", program, place),
                None => self.foreign(&path, place),
            },
            None => self.hit("computed-command", program, place),
        }
    }

    /// A script whose text is known: a shell's is judged, another language's is code.
    pub(super) fn script_text(&mut self, text: &str, place: Option<Place>) -> Flow {
        let first = text.lines().next().unwrap_or_default();
        if first.starts_with("#!") && !SHELLS.iter().any(|shell| first.trim_end().ends_with(shell))
        {
            self.code(first, text, place);
            return Flow::Unknown;
        }
        self.nested(text, place)
    }

    /// A file that is run: it must not be one that somebody else can have put there.
    pub(super) fn foreign(&mut self, path: &Path, place: Option<Place>) {
        if path.starts_with(&self.scope.worktree) {
            return;
        }
        let shared = ["/tmp", "/var/tmp", "/dev/shm", "/proc", "/dev/fd"]
            .iter()
            .any(|folder| path.starts_with(folder))
            || self.scope.write.iter().any(|folder| path.starts_with(folder));
        let sibling = path.starts_with(self.scope.data.join("worktrees"))
            || self.scope.worktree.parent().is_some_and(|parent| {
                parent != Path::new("/")
                    && path.starts_with(parent)
                    && !path.starts_with(self.scope.home.join(".cargo"))
            });
        if shared && !path.starts_with(&self.scope.home) || sibling {
            self.hit("foreign-code", path.display().to_string(), place);
        }
    }

    /// A text that a shell runs in a process of its own.
    pub(super) fn text_of(&mut self, arg: &Arg) -> Flow {
        let mut flow = Flow::Nothing;
        if arg.open || arg.values.iter().any(|text| text.contains(TAME)) {
            self.computed(arg);
            flow = Flow::Unknown;
        }
        for text in &arg.values {
            flow = flow.join(self.nested(text, arg.place));
        }
        flow
    }

    pub(super) fn eval(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        match joined(rest) {
            Some(text) => self.inner(&text, place),
            None => {
                for arg in rest.iter().filter(|arg| arg.text().is_none()) {
                    self.computed(arg);
                }
                // What is known of it is judged too.
                let known: Vec<&str> =
                    rest.iter().filter_map(|arg| arg.values.first().map(String::as_str)).collect();
                if known.len() == rest.len() && !known.iter().any(|text| text.contains(TAME)) {
                    self.nested(&known.join(" "), place);
                }
                Flow::Unknown
            }
        }
    }

    pub(super) fn source(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        match rest.first() {
            Some(script) => self.script(script, true, place),
            None => Flow::Nothing,
        }
    }

    /// A file that a shell runs.
    pub(super) fn script(&mut self, arg: &Arg, here: bool, place: Option<Place>) -> Flow {
        if arg.is("-") || arg.is("/dev/stdin") || arg.is("/proc/self/fd/0") || arg.is("/dev/fd/0") {
            return self.shell_input(place);
        }
        let Some(text) = arg.text() else {
            self.computed(arg);
            return Flow::Unknown;
        };
        let content = match self.content(arg) {
            // Nobody knows it better than its name.
            Flow::Unknown | Flow::Nothing if arg.flow.is_none() => match self.located(text) {
                Some(path) => {
                    if self.fresh.contains_key(&path) {
                        self.hit("written-and-run", text, place);
                    } else if text.contains('/') || !here {
                        self.foreign(&path, place);
                    }
                    return Flow::Unknown;
                }
                None => return Flow::Unknown,
            },
            content => content,
        };
        match content {
            Flow::Text(script) if here => self.inner(&script, place),
            Flow::Text(script) => self.script_text(&script, place),
            other => {
                self.runs(&other, place);
                Flow::Unknown
            }
        }
    }

    /// A shell reads its commands from its input.
    pub(super) fn shell_input(&mut self, place: Option<Place>) -> Flow {
        match self.input.clone() {
            Flow::Text(text) => {
                let before = std::mem::replace(&mut self.input, Flow::Unknown);
                let flow = self.nested(&text, place);
                self.input = before;
                flow
            }
            other => {
                self.runs(&other, place);
                Flow::Unknown
            }
        }
    }

    /// Something that is not known is run by a shell.
    pub(super) fn runs(&mut self, flow: &Flow, place: Option<Place>) {
        match flow {
            Flow::Nothing => {}
            Flow::Download => self.hit("download-and-run", "", place),
            Flow::Decoded => self.hit("decode-and-run", "", place),
            _ => self.hit("shell-input", "", place),
        }
    }

    pub(super) fn shell(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        let mut args = rest.iter();
        let mut reads_text = false;
        let mut from_input = false;
        while let Some(arg) = args.clone().next() {
            if !(arg.option() || arg.any(|text| text.starts_with('+') && text.len() > 1)) {
                break;
            }
            args.next();
            let text = arg.values.first().map(String::as_str).unwrap_or_default();
            match text {
                "--" => break,
                "--rcfile" | "--init-file" => {
                    if let Some(file) = args.next() {
                        self.script(file, false, place);
                    }
                }
                "-o" | "+o" | "-O" | "+O" => {
                    args.next();
                }
                "--command" => reads_text = true,
                _ if text.starts_with("--") => {}
                _ => {
                    reads_text |= text.starts_with('-') && text.contains('c');
                    from_input |= text.starts_with('-') && text.contains('s');
                    if text.ends_with('o') && text.len() > 2 {
                        args.next();
                    }
                }
            }
            if arg.open {
                self.computed(arg);
            }
        }
        match args.next() {
            Some(text) if reads_text => {
                let after: Vec<Arg> = args.cloned().collect();
                self.looked_at("", &after);
                self.text_of(text)
            }
            Some(script) if !from_input => self.script(script, false, place),
            _ => self.shell_input(place),
        }
    }
}
