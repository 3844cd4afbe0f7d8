//! Programs that only start another: they are taken off, and what they start is judged.

use super::Place;
use super::option::arguments;
use super::shell::{Flow, Walk};
use super::table::{RUNNERS, SHELLS, WRAPPERS};
use super::word::{Arg, TAME};

impl Walk<'_> {
    /// Programs that only start another. Nothing if `name` is none.
    pub(super) fn wrapper(
        &mut self,
        name: &str,
        rest: &[Arg],
        place: Option<Place>,
    ) -> Option<Flow> {
        match name {
            "env" | "genv" => return Some(self.env(rest, place)),
            "xargs" | "gxargs" => return Some(self.xargs(rest, place)),
            "sudo" | "doas" | "gosu" | "su-exec" | "please" | "run0" | "pkexec" => {
                return Some(self.sudo(name, rest, place));
            }
            "su" | "runuser" | "sg" => return Some(self.su(rest, place)),
            "busybox" | "toybox" | "coreutils" => {
                let inner: Vec<Arg> = rest.iter().skip_while(|arg| arg.option()).cloned().collect();
                return Some(self.inside(&inner, place));
            }
            "eval" => return Some(self.eval(rest, place)),
            "source" | "." => return Some(self.source(rest, place)),
            "trap" => return Some(self.trap(rest)),
            "alias" | "abbr" => return Some(self.alias(rest)),
            "script" => return Some(self.script_file(rest)),
            "flock" => return Some(self.flock(rest, place)),
            _ => {}
        }
        if SHELLS.contains(&name) {
            return Some(self.shell(rest, place));
        }
        self.runner(name, rest, place).or_else(|| self.listed_wrapper(name, rest, place))
    }

    fn trap(&mut self, rest: &[Arg]) -> Flow {
        let action = rest.iter().find(|arg| !["--", "-p", "-l"].iter().any(|word| arg.is(word)));
        match action {
            Some(arg) if !arg.is("-") => self.text_of(arg),
            _ => Flow::Nothing,
        }
    }

    fn alias(&mut self, rest: &[Arg]) -> Flow {
        for arg in rest {
            match arg.text() {
                Some(text) => {
                    if let Some((_, command)) = text.split_once('=') {
                        self.nested(command, arg.place);
                    }
                }
                None => self.computed(arg),
            }
        }
        Flow::Nothing
    }

    /// `script -c COMMAND FILE`.
    fn script_file(&mut self, rest: &[Arg]) -> Flow {
        let valued = ["-c", "--command", "-T", "-O", "-I", "-B", "-E", "-m"];
        let given = arguments(rest, &valued, false);
        for text in given.values(&["-c", "--command"]) {
            self.text_of(text);
        }
        for file in &given.operands {
            self.writes(file);
        }
        Flow::Unknown
    }

    /// `flock FILE COMMAND`, `flock FILE -c TEXT`.
    fn flock(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        let given = arguments(rest, &["-w", "--wait", "--timeout", "-E"], true);
        match given.operands.get(1..) {
            Some([option, text, ..]) if option.is("-c") || option.is("--command") => {
                self.text_of(text)
            }
            Some(command) => self.inside(command, place),
            None => Flow::Nothing,
        }
    }

    /// `uv run COMMAND` and its kin.
    fn runner(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Option<Flow> {
        let (_, word, valued) = RUNNERS.iter().find(|(program, word, valued)| {
            let first =
                || arguments(rest, valued, true).operands.first().is_some_and(|arg| arg.is(word));
            *program == name && (word.is_empty() || first())
        })?;
        let mut operands = arguments(rest, valued, true).operands;
        if !word.is_empty() {
            operands.remove(0);
            operands = arguments(&operands, valued, true).operands;
        }
        let outer = if name == "nix" { self.plain(name, rest, place) } else { Flow::Nothing };
        Some(outer.join(self.inside(&operands, place)))
    }

    fn listed_wrapper(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Option<Flow> {
        let (_, valued, before) = WRAPPERS.iter().find(|(program, ..)| *program == name)?;
        let given = arguments(rest, valued, true);
        // `command -v`, `builtin`, `exec` alone: nothing is started.
        if given.operands.is_empty() || name == "command" && given.has(&["-v", "-V"]) {
            return Some(Flow::Tame);
        }
        if ["nsenter", "unshare", "capsh", "setpriv"].contains(&name) {
            self.hit("sudo", name, place);
        }
        self.files(name, rest);
        let operands: Vec<Arg> = given.operands.into_iter().skip(*before).collect();
        // `cross-env A=b CMD`
        let operands = self.settings(operands);
        Some(match name {
            // Each of its words is a command.
            "hyperfine" => {
                for arg in &operands {
                    self.text_of(arg);
                }
                Flow::Unknown
            }
            "parallel" => {
                let words: Vec<Arg> =
                    operands.iter().take_while(|arg| !arg.is(":::")).cloned().collect();
                match joined(&words) {
                    Some(text) => {
                        self.nested(&text, place);
                    }
                    None => self.hit("computed-command", "", place),
                }
                let inner: Vec<Arg> = operands
                    .into_iter()
                    .filter(|arg| !arg.is(":::"))
                    .chain([Arg::unknown(place)])
                    .collect();
                self.inside(&inner, place)
            }
            // These hand their words to a shell, as one text.
            "watch" | "entr" | "cross-env-shell" => match joined(&operands) {
                Some(text) => self.nested(&text, place),
                None => self.inside(&operands, place),
            },
            _ => self.inside(&operands, place),
        })
    }

    /// The words of a command that another starts.
    pub(super) fn inside(&mut self, args: &[Arg], place: Option<Place>) -> Flow {
        if args.is_empty() {
            return Flow::Nothing;
        }
        self.deeper(place, |walk| walk.argv(args))
    }

    /// Takes `NAME=VALUE` off the front, and judges it.
    pub(super) fn settings(&mut self, mut args: Vec<Arg>) -> Vec<Arg> {
        while let Some(arg) = args.first() {
            // Of a value that is not known, the name still is.
            let text = arg.values.first().unwrap_or(&arg.shown);
            let Some(name) = text.split_once('=').map(|(name, _)| name.to_owned()) else { break };
            if name.is_empty() || name.contains(['/', '-', '\u{FFFD}']) {
                break;
            }
            let arg = args.remove(0);
            let value = super::option::tail(&arg, name.len() + 1);
            self.environment(&name, &value, arg.place);
        }
        args
    }

    pub(super) fn env(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        let valued =
            ["-u", "--unset", "-C", "--chdir", "-S", "--split-string", "-P", "-a", "--argv0"];
        let given = arguments(rest, &valued, true);
        for folder in given.values(&["-C", "--chdir"]) {
            self.cwd = folder.text().and_then(|text| self.located(text));
        }
        let operands = self.settings(given.operands.clone());
        let split: Vec<Arg> = given.values(&["-S", "--split-string"]).cloned().collect();
        if let Some(text) = split.first() {
            let Some(line) = text.text() else {
                self.computed(text);
                return Flow::Unknown;
            };
            let mut words: Vec<Arg> = self.fold_words(line, place);
            words.extend(operands);
            let words = self.settings(words);
            return self.inside(&words, place);
        }
        if operands.is_empty() { Flow::Unknown } else { self.inside(&operands, place) }
    }

    /// The words of a text, as a shell would split it; programs that split themselves do much the same.
    pub(super) fn fold_words(&mut self, line: &str, place: Option<Place>) -> Vec<Arg> {
        let mut out = Vec::new();
        for word in
            brush_parser::uncached_tokenize_str(line, &brush_parser::TokenizerOptions::default())
                .unwrap_or_default()
        {
            if let brush_parser::Token::Word(word, _) = word {
                out.extend(self.fold(&word, place));
            }
        }
        out
    }

    pub(super) fn sudo(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        self.hit("sudo", name, place);
        let valued = [
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group",
            "--chdir", "--chroot",
        ];
        let given = arguments(rest, &valued, true);
        if given.has(&["-e", "--edit"]) {
            self.hit("system", "edits a file as another user", place);
        }
        let mut operands = self.settings(given.operands);
        if ["gosu", "su-exec"].contains(&name) && !operands.is_empty() {
            operands.remove(0);
        }
        let inner = operands
            .iter()
            .find_map(|arg| arg.text())
            .map(|text| text.rsplit('/').next().unwrap_or(text).to_owned());
        if inner.is_some_and(|inner| {
            ["rm", "rmdir", "unlink", "shred", "srm", "truncate"].contains(&inner.as_str())
        }) {
            self.hit("sudo-delete", "", place);
        }
        self.inside(&operands, place)
    }

    pub(super) fn su(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        self.hit("sudo", "", place);
        let given =
            arguments(rest, &["-c", "--command", "-s", "--shell", "-g", "-G", "-u", "-w"], false);
        for text in given.values(&["-c", "--command"]).cloned().collect::<Vec<_>>() {
            self.text_of(&text);
        }
        Flow::Unknown
    }

    pub(super) fn xargs(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        let valued = [
            "-a",
            "-d",
            "-E",
            "-I",
            "-L",
            "-n",
            "-P",
            "-s",
            "--arg-file",
            "--delimiter",
            "--eof",
            "--replace",
            "--max-lines",
            "--max-args",
            "--max-procs",
            "--max-chars",
            "-J",
            "-R",
            "-S",
        ];
        let given = arguments(rest, &valued, true);
        let from_file = given.has(&["-a", "--arg-file"]);
        let mark = given
            .values(&["-I", "-J", "--replace"])
            .find_map(|arg| arg.text())
            .map(str::to_owned)
            .or_else(|| given.has(&["-i", "--replace"]).then(|| "{}".to_owned()));
        let added: Vec<Arg> = match (&self.input, from_file) {
            (Flow::Text(text), false) => {
                // With another mark than white space between the words, each part is one word.
                let lines =
                    given.has(&["-0", "--null", "-d", "--delimiter", "-I", "--replace", "-i"]);
                let words: Vec<&str> = if lines {
                    text.split(['\n', '\0']).filter(|word| !word.is_empty()).collect()
                } else {
                    text.split_whitespace().collect()
                };
                let bare = |word: &str| word.trim_matches(['"', '\'']).to_owned();
                words.into_iter().map(|word| Arg::known(bare(word), place)).collect()
            }
            (flow @ Flow::Files(roots), false) => {
                let values = roots
                    .iter()
                    .map(|root| root.join(TAME.to_string()).display().to_string())
                    .collect();
                vec![Arg { values, flow: Some(flow.clone()), ..Arg::known("", place) }]
            }
            (flow, _) => vec![Arg { flow: Some(flow.clone()), ..Arg::unknown(place) }],
        };
        let mut command = given.operands;
        if command.is_empty() {
            return self.input.clone();
        }
        match mark {
            Some(mark) => {
                for one in &added {
                    let replaced: Vec<Arg> =
                        command.iter().map(|arg| substitute(arg, &mark, one)).collect();
                    self.inside(&replaced, place);
                }
            }
            None => {
                command.extend(added);
                self.inside(&command, place);
            }
        }
        Flow::Unknown
    }
}

/// The words of a command as one text, if all are known.
pub(super) fn joined(args: &[Arg]) -> Option<String> {
    let words: Option<Vec<&str>> = args.iter().map(Arg::text).collect();
    words.map(|words| words.join(" "))
}

/// `arg` with `mark` replaced by what `by` can be.
pub(super) fn substitute(arg: &Arg, mark: &str, by: &Arg) -> Arg {
    if mark.is_empty() || !arg.any(|text| text.contains(mark)) {
        return arg.clone();
    }
    let values: Vec<String> = arg
        .values
        .iter()
        .flat_map(|text| by.values.iter().map(move |value| text.replace(mark, value)))
        .collect();
    let whole = arg.is(mark);
    Arg {
        open: arg.open || by.open,
        flow: if whole { by.flow.clone() } else { None },
        shown: arg.shown.replace(mark, &by.shown),
        values,
        ..arg.clone()
    }
}
