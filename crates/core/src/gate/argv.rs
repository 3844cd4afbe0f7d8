//! Rules on one command with its arguments: takes off what only starts another command, and looks at the rest.

use super::file::named;
use super::option::arguments;
use super::own;
use super::shell::{Flow, Fresh, Walk};
use super::table::{COMMANDS, RUNNERS, SHELLS, WRAPPERS};
use super::word::{Arg, TAME};
use super::{Decision, Place};
use std::path::{Path, PathBuf};

/// Options of many programs that take a value and may stand before the word that says what is done.
const BEFORE_WORDS: &[&str] = &[
    "-n",
    "--namespace",
    "--context",
    "--prefix",
    "--manifest-path",
    "-R",
    "--repo",
    "-C",
    "--cwd",
    "-H",
    "--host",
    "--config",
    "--profile",
    "--region",
    "--kubeconfig",
    "-w",
    "--workspace",
    "--filter",
    "--directory",
    "--project",
    "--chdir",
    "--color",
    "-Z",
];

impl Walk<'_> {
    /// Judges a command whose words are `args`, and says what it puts out.
    pub(super) fn argv(&mut self, args: &[Arg]) -> Flow {
        self.step();
        let Some((first, rest)) = args.split_first() else { return Flow::Nothing };
        let bracket = first.is("[") || first.is("[[");
        let unclear = first.open
            || (first.glob && !bracket)
            || first.values.iter().any(|text| text.contains(TAME));
        if unclear {
            self.computed(first);
            if first.values.is_empty() {
                self.looked_at("", rest);
                return Flow::Unknown;
            }
        }
        let mut flow = Flow::Nothing;
        for program in &first.values {
            flow = flow.join(self.program_named(program, rest, first.place));
        }
        flow
    }

    /// A command that is known only when it runs.
    pub(super) fn computed(&mut self, arg: &Arg) {
        let rule = match arg.flow {
            Some(Flow::Download) => "download-and-run",
            Some(Flow::Decoded) => "decode-and-run",
            _ => "computed-command",
        };
        self.hit(rule, arg.shown.clone(), arg.place);
    }

    fn program_named(&mut self, program: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        if program.contains('/') {
            self.program_at(program, place);
        }
        let name = program.rsplit('/').next().unwrap_or(program).to_lowercase();
        let name = name.strip_suffix(".exe").unwrap_or(&name).to_owned();
        if let Some(flow) = self.wrapper(&name, rest, place) {
            return flow;
        }
        let before = self.hits.len();
        let flow = self.plain(&name, rest, place);
        own::apply(self, &name, rest, place, before);
        flow
    }

    /// A program that is named with its folder.
    fn program_at(&mut self, program: &str, place: Option<Place>) {
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
    fn script_text(&mut self, text: &str, place: Option<Place>) -> Flow {
        let first = text.lines().next().unwrap_or_default();
        if first.starts_with("#!") && !SHELLS.iter().any(|shell| first.trim_end().ends_with(shell))
        {
            self.code(first, text, place);
            return Flow::Unknown;
        }
        self.nested(text, place)
    }

    /// A file that is run: it must not be one that somebody else can have put there.
    fn foreign(&mut self, path: &Path, place: Option<Place>) {
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
        if shared || sibling {
            self.hit("foreign-code", path.display().to_string(), place);
        }
    }

    /// Programs that only start another. Nothing if `name` is none.
    fn wrapper(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Option<Flow> {
        match name {
            "env" | "genv" => return Some(self.env(rest, place)),
            "xargs" | "gxargs" => return Some(self.xargs(rest, place)),
            "find" | "gfind" => return None,
            "sudo" | "doas" | "gosu" | "su-exec" | "please" | "run0" | "pkexec" => {
                return Some(self.sudo(name, rest, place));
            }
            "su" | "runuser" | "sg" => return Some(self.su(rest, place)),
            "busybox" | "toybox" | "exec" | "coreutils" if name != "exec" => {
                let inner: Vec<Arg> = rest.iter().skip_while(|arg| arg.option()).cloned().collect();
                return Some(self.inside(&inner, place));
            }
            "eval" => return Some(self.eval(rest, place)),
            "source" | "." => return Some(self.source(rest, place)),
            "trap" => {
                let action =
                    rest.iter().find(|arg| !arg.is("--") && !arg.is("-p") && !arg.is("-l"));
                return Some(action.map_or(Flow::Nothing, |arg| {
                    if arg.is("-") { Flow::Nothing } else { self.text_of(arg) }
                }));
            }
            "alias" | "abbr" => {
                for arg in rest {
                    match (arg.text(), arg.text().and_then(|text| text.split_once('='))) {
                        (_, Some((_, command))) => {
                            self.nested(command, arg.place);
                        }
                        (None, _) => self.computed(arg),
                        _ => {}
                    }
                }
                return Some(Flow::Nothing);
            }
            "script" => {
                let given = arguments(
                    rest,
                    &["-c", "--command", "-T", "-O", "-I", "-B", "-E", "-m"],
                    false,
                );
                for text in given.values(&["-c", "--command"]).cloned().collect::<Vec<_>>() {
                    self.text_of(&text);
                }
                for file in &given.operands {
                    self.writes(file);
                }
                return Some(Flow::Unknown);
            }
            "flock" => {
                let given = arguments(rest, &["-w", "--wait", "--timeout", "-E"], true);
                let mut operands = given.operands;
                if operands.is_empty() {
                    return Some(Flow::Nothing);
                }
                operands.remove(0);
                if operands.first().is_some_and(|arg| arg.is("-c") || arg.is("--command")) {
                    return Some(
                        operands.get(1).map_or(Flow::Nothing, |arg| self.text_of(&arg.clone())),
                    );
                }
                return Some(self.inside(&operands, place));
            }
            _ => {}
        }
        if SHELLS.contains(&name) {
            return Some(self.shell(rest, place));
        }
        if let Some((_, word, valued)) = RUNNERS.iter().find(|(program, word, valued)| {
            *program == name
                && (word.is_empty()
                    || arguments(rest, valued, true)
                        .operands
                        .first()
                        .is_some_and(|arg| arg.is(word)))
        }) {
            let mut operands = arguments(rest, valued, true).operands;
            if !word.is_empty() {
                operands.remove(0);
                operands = arguments(&operands, valued, true).operands;
            }
            let outer = if name == "nix" { self.plain(name, rest, place) } else { Flow::Nothing };
            return Some(outer.join(self.inside(&operands, place)));
        }
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
        let text = match name {
            // These hand their words to a shell, as one text.
            "watch" | "hyperfine" | "entr" | "parallel" | "cross-env-shell" => joined(&operands),
            _ => None,
        };
        Some(match text {
            Some(text) if name == "parallel" => {
                self.nested(text.split(":::").next().unwrap_or(&text), place);
                let inner: Vec<Arg> = operands
                    .into_iter()
                    .filter(|arg| !arg.is(":::"))
                    .chain([Arg::unknown(place)])
                    .collect();
                self.inside(&inner, place)
            }
            Some(text) if name == "hyperfine" => operands
                .iter()
                .fold(Flow::Nothing, |flow, arg| {
                    flow.join(arg.text().map_or(Flow::Unknown, |one| self.nested(one, place)))
                })
                .join({
                    let _ = text;
                    Flow::Unknown
                }),
            Some(text) => self.nested(&text, place),
            None => self.inside(&operands, place),
        })
    }

    /// The words of a command that another starts.
    fn inside(&mut self, args: &[Arg], place: Option<Place>) -> Flow {
        if args.is_empty() {
            return Flow::Nothing;
        }
        self.deeper(place, |walk| walk.argv(args))
    }

    /// Takes `NAME=VALUE` off the front, and judges it.
    fn settings(&mut self, mut args: Vec<Arg>) -> Vec<Arg> {
        while let Some(arg) = args.first() {
            let setting = arg
                .values
                .first()
                .and_then(|text| text.split_once('='))
                .map(|(name, _)| name.to_owned());
            let Some(name) = setting.filter(|name| !name.is_empty() && !name.contains(['/', '-']))
            else {
                break;
            };
            let arg = args.remove(0);
            let value = super::option::tail(&arg, name.len() + 1);
            self.environment(&name, &value, arg.place);
        }
        args
    }

    fn env(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
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
    fn fold_words(&mut self, line: &str, place: Option<Place>) -> Vec<Arg> {
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

    fn sudo(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
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

    fn su(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        self.hit("sudo", "", place);
        let given =
            arguments(rest, &["-c", "--command", "-s", "--shell", "-g", "-G", "-u", "-w"], false);
        for text in given.values(&["-c", "--command"]).cloned().collect::<Vec<_>>() {
            self.text_of(&text);
        }
        Flow::Unknown
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

    fn eval(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
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

    fn source(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        match rest.first() {
            Some(script) => self.script(script, true, place),
            None => Flow::Nothing,
        }
    }

    /// A file that a shell runs.
    fn script(&mut self, arg: &Arg, here: bool, place: Option<Place>) -> Flow {
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
    fn shell_input(&mut self, place: Option<Place>) -> Flow {
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

    fn shell(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
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

    fn xargs(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
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
            (Flow::Text(text), false) => text
                .split_whitespace()
                .map(|word| Arg::known(word.trim_matches(['"', '\'']), place))
                .collect(),
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

    /// A command that starts no other as its main work.
    fn plain(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        self.looked_at(name, rest);
        self.by_table(name, rest, place);
        self.files(name, rest);
        match name {
            "cd" | "pushd" | "chdir" => self.change_folder(rest),
            "popd" => self.cwd = None,
            "pwd" => {
                return self
                    .cwd
                    .as_ref()
                    .map_or(Flow::Unknown, |folder| Flow::Text(folder.display().to_string()));
            }
            "echo" | "printf" => return self.talk(name, rest, place),
            "cat" => return self.cat(rest),
            "find" | "gfind" | "fd" | "fdfind" | "bfs" => return self.find(name, rest, place),
            "kill" | "tkill" => self.kill(rest, place),
            "dd" => return self.dd(rest),
            "export" | "declare" | "typeset" | "local" | "readonly" | "setenv" | "set" | "setx" => {
                let rest: Vec<Arg> = rest.iter().filter(|arg| !arg.option()).cloned().collect();
                for arg in &rest {
                    self.settings(vec![arg.clone()]);
                    if let Some(text) = arg.text() {
                        self.embedded(text, place);
                    }
                }
            }
            "let" | "test" | "[" | "read" | "unset" | "wait" => {
                for text in rest.iter().flat_map(|arg| &arg.values) {
                    if self.embedded(text, place) {
                        break;
                    }
                }
                if name == "unset" && rest.iter().any(|arg| arg.is("HISTFILE")) {
                    self.hit("traces", "", place);
                }
            }
            "shopt" | "enable" | "hash" | "complete" | "bind" | "mapfile" | "readarray"
            | "ulimit" => self.builtin(name, rest, place),
            "orkestra" => self.orkestra(rest, place),
            "mktemp" => {
                let folder = if rest.iter().any(|arg| {
                    arg.any(|text| {
                        text.starts_with("-p") || text.starts_with("--tmpdir") || text.contains('/')
                    })
                }) {
                    None
                } else {
                    Some(&self.scope.temp)
                };
                return folder.map_or(Flow::Unknown, |folder| {
                    Flow::Text(folder.join(TAME.to_string()).display().to_string())
                });
            }
            "basename" | "dirname" => return self.name_part(name, rest),
            "date" | "nproc" | "uname" | "id" | "whoami" | "hostname" | "wc" | "uuidgen"
            | "md5sum" | "sha256sum" | "sha1sum" | "expr" | "arch" | "getconf" | "stat" | "seq"
            | "jobs" | "pgrep" | "which" | "type" | "cut" | "tr"
                if matches!(self.input, Flow::Nothing) || ["wc", "date"].contains(&name) =>
            {
                return Flow::Tame;
            }
            _ => {}
        }
        if let Some(flow) = self.network(name, rest, place) {
            return flow;
        }
        if name == "git" {
            return self.git(rest, place);
        }
        self.languages(name, rest, place);
        if self.policy.default != Decision::Allow && !own::harmless(name) {
            self.hits.push(super::shell::Hit {
                rule: "default".to_owned(),
                decision: self.policy.default,
                what: name.to_owned(),
                place,
            });
        }
        self.output(name, rest)
    }

    /// What a program puts out that neither reads the network nor starts anything.
    fn output(&mut self, name: &str, rest: &[Arg]) -> Flow {
        let operands = || {
            arguments(rest, &["-n", "-c", "-k", "-t", "-f", "-d", "-e", "-C", "-m"], false).operands
        };
        match name {
            "base64" | "base32" | "basenc" | "gbase64"
                if rest.iter().any(|arg| {
                    arg.any(|text| ["-d", "-D", "--decode", "-di", "-id"].contains(&text))
                }) =>
            {
                self.tainted(Flow::Decoded)
            }
            "xxd" | "uudecode" | "gunzip" | "zcat" | "bzcat" | "xzcat" | "zstdcat" | "lz4cat"
            | "unxz" | "bunzip2" | "openssl" | "gpg" | "age" | "rev" | "tr" | "iconv" | "hex"
            | "ascii85" | "uncompress" => self.tainted(Flow::Decoded),
            "gzip" | "xz" | "bzip2" | "zstd"
                if rest
                    .iter()
                    .any(|arg| arg.any(|text| text.starts_with('-') && text.contains('d'))) =>
            {
                self.tainted(Flow::Decoded)
            }
            "grep" | "egrep" | "fgrep" | "rg" | "ag" | "ack"
                if rest.iter().any(|arg| {
                    arg.any(|text| {
                        text == "--files"
                            || text == "--files-with-matches"
                            || text.starts_with('-')
                                && !text.starts_with("--")
                                && text.contains('l')
                    })
                }) =>
            {
                let paths: Vec<PathBuf> =
                    operands().iter().skip(1).filter_map(|arg| self.located(arg.text()?)).collect();
                if paths.is_empty() {
                    Flow::Files(self.cwd.iter().cloned().collect())
                } else {
                    Flow::Files(paths)
                }
            }
            "ls" => {
                let paths: Vec<PathBuf> =
                    operands().iter().filter_map(|arg| self.located(arg.text()?)).collect();
                if paths.is_empty() {
                    self.cwd.clone().map_or(Flow::Unknown, |folder| Flow::Files(vec![folder]))
                } else {
                    Flow::Files(paths)
                }
            }
            // What these let through is what came in.
            "grep" | "egrep" | "fgrep" | "rg" | "sort" | "uniq" | "head" | "tail" | "tee"
            | "pv" | "sponge" | "shuf" | "nl" | "column" | "less" | "more" => {
                match (&self.input, name) {
                    (Flow::Files(_) | Flow::Download | Flow::Decoded, _) => self.input.clone(),
                    (Flow::Text(_), "tee" | "pv" | "sponge" | "less" | "more") => {
                        self.input.clone()
                    }
                    _ => Flow::Unknown,
                }
            }
            _ => self.tainted(Flow::Unknown),
        }
    }

    /// What came from the network stays so, whatever it goes through.
    fn tainted(&self, otherwise: Flow) -> Flow {
        match self.input {
            Flow::Download => Flow::Download,
            Flow::Decoded => Flow::Decoded,
            _ => otherwise,
        }
    }

    fn by_table(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
        if rest.len() == 1
            && rest.iter().any(|arg| {
                ["--version", "--help", "-h", "-V", "version", "help"]
                    .iter()
                    .any(|word| arg.is(word))
            })
        {
            return;
        }
        let family = name.split('.').next().unwrap_or(name);
        let given = arguments(rest, BEFORE_WORDS, false);
        for (names, words, options, rule) in COMMANDS {
            if !named(names, name)
                && !(named(names, family) && family.starts_with("mk"))
                && !named(names, versionless(name))
            {
                continue;
            }
            let option = options.is_empty()
                || rest.iter().any(|arg| {
                    arg.any(|text| {
                        options.contains(&text)
                            || options.iter().any(|option| {
                                option.starts_with("--")
                                    && text
                                        .strip_prefix(option)
                                        .is_some_and(|rest| rest.starts_with('='))
                            })
                    })
                });
            let words = words.is_empty()
                || *words == "*"
                || words.split(',').any(|alternative| {
                    let late = !rule.is_empty() && rest.first().is_some_and(Arg::option);
                    (0..=usize::from(late)).any(|start| {
                        matches_words(alternative, &given.operands, start, !rule.is_empty())
                    })
                });
            if option && words {
                if let Some(rule) = super::rules::find(rule) {
                    self.hit(rule.name, name, place);
                }
                return;
            }
        }
    }

    fn change_folder(&mut self, rest: &[Arg]) {
        let target = rest.iter().find(|arg| !arg.option());
        self.cwd = match target {
            None if rest.is_empty() => Some(self.scope.home.clone()),
            Some(arg) if !arg.is("-") && !arg.glob => arg
                .text()
                .or(arg
                    .values
                    .first()
                    .filter(|_| arg.values.len() == 1 && !arg.open)
                    .map(String::as_str))
                .and_then(|text| self.located(text)),
            _ => None,
        };
    }

    /// `echo` and `printf`: their output is known if their words are.
    fn talk(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
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

    fn uncertain(&self, rest: &[Arg]) -> Flow {
        rest.iter().filter_map(|arg| arg.flow.clone()).fold(
            Flow::Unknown,
            |flow, other| match other {
                Flow::Download | Flow::Decoded => other,
                _ => flow,
            },
        )
    }

    fn cat(&mut self, rest: &[Arg]) -> Flow {
        let operands: Vec<&Arg> = rest.iter().filter(|arg| !arg.option() && !arg.is("-")).collect();
        if operands.is_empty() {
            return self.input.clone();
        }
        operands.iter().fold(Flow::Nothing, |flow, arg| flow.join(self.content(arg)))
    }

    fn find(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
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
        let known: Option<Vec<PathBuf>> = starts
            .iter()
            .flat_map(|arg| {
                let open = arg.open || arg.values.is_empty();
                arg.values.iter().map(|text| self.located(text)).chain(open.then_some(None))
            })
            .collect();
        let roots = known.clone().unwrap_or_default();
        let flow = known.map_or(Flow::Unknown, Flow::Files);
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

    fn kill(&mut self, rest: &[Arg], place: Option<Place>) {
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
    fn own_process(&self, arg: &Arg) -> bool {
        !arg.open
            && !arg.values.is_empty()
            && arg.values.iter().all(|text| *text == TAME.to_string())
            && arg.raw.contains('$')
            && !arg.raw.contains("$((")
            && !arg.raw.contains("$[")
    }

    fn dd(&mut self, rest: &[Arg]) -> Flow {
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

    fn builtin(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
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

    fn orkestra(&mut self, rest: &[Arg], place: Option<Place>) {
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

    fn name_part(&self, name: &str, rest: &[Arg]) -> Flow {
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

/// `python3.11` is `python`; `pip3` is `pip`.
pub(super) fn versionless(name: &str) -> &str {
    name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-')
}

/// Whether the operands begin with these words; each position may have alternatives.
fn matches_words(alternative: &str, operands: &[Arg], start: usize, unknown: bool) -> bool {
    alternative.split(' ').enumerate().all(|(index, words)| {
        operands.get(start + index).is_some_and(|arg| {
            arg.any(|text| named(words, &text.to_lowercase()))
                || unknown && arg.open && arg.values.is_empty()
        })
    })
}

/// The words of a command as one text, if all are known.
fn joined(args: &[Arg]) -> Option<String> {
    let words: Option<Vec<&str>> = args.iter().map(Arg::text).collect();
    words.map(|words| words.join(" "))
}

/// `arg` with `mark` replaced by what `by` can be.
fn substitute(arg: &Arg, mark: &str, by: &Arg) -> Arg {
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

/// What `printf` makes, as far as it takes texts and characters.
fn formatted(format: &str, words: &[&str]) -> String {
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
