//! Interpreters, and programs whose options or scripts run others.

use super::Place;
use super::argv::versionless;
use super::file::named;
use super::launch::has_long;
use super::option::{arguments, tail};
use super::pure::{expression, python_only_computes, quoted_texts, script_only_computes};
use super::shell::{Flow, Walk};
use super::word::Arg;

/// Interpreters: the options that take code on the command line.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("ipython", &["-c"]),
    ("jython", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("jruby", &["-e"]),
    ("irb", &["-e"]),
    ("node", &["-e", "-p", "--eval", "--print", "-pe"]),
    ("nodejs", &["-e", "-p", "--eval", "--print"]),
    ("bun", &["-e", "--eval", "-p", "--print"]),
    ("deno", &["--eval"]),
    ("tsx", &["-e"]),
    ("ts-node", &["-e", "-p"]),
    ("php", &["-r", "-B", "-R", "-E"]),
    ("lua", &["-e"]),
    ("luajit", &["-e"]),
    ("r", &["-e"]),
    ("rscript", &["-e"]),
    ("julia", &["-e", "-E", "--eval"]),
    ("ghc", &["-e"]),
    ("runghc", &["-e"]),
    ("ocaml", &["-e"]),
    ("scala", &["-e"]),
    ("groovy", &["-e"]),
    ("elixir", &["-e", "--eval"]),
    ("erl", &["-eval"]),
    ("iex", &["-e"]),
    ("guile", &["-c"]),
    ("racket", &["-e"]),
    ("sbcl", &["--eval"]),
    ("clojure", &["-e", "-M"]),
    ("pwsh", &["-c", "-command", "-e", "-encodedcommand", "-ec"]),
    ("powershell", &["-c", "-command", "-e", "-encodedcommand", "-ec"]),
    ("nim", &["--eval"]),
    ("raku", &["-e"]),
    ("swift", &["-e"]),
    ("jshell", &[]),
    ("cmd", &["/c"]),
    ("tclsh", &[]),
    ("expect", &["-c"]),
    ("gjs", &["-c"]),
    ("qjs", &["-e"]),
    ("escript", &[]),
    ("crystal", &["eval"]),
];

/// Programs, and beginnings of arguments by which they run another program.
const LAUNCHING: &[(&str, &[&str])] = &[
    ("vim|vi|nvim|view|ex|less|more|man|emacs|ed", &["+!", "+:!", "+:call", "-P", "--pager"]),
    ("sort", &["--compress-program"]),
    ("rg", &["--pre=", "--pre "]),
    ("bat|batcat|delta", &["--pager"]),
    ("zip", &["-T", "--unzip-command"]),
    ("openssl", &["-engine", "-provider-path", "s_client", "s_server"]),
    ("ssh-keygen", &["-D"]),
    ("gcc|g++|cc|clang", &["-fplugin", "-wrapper", "-B/"]),
    ("cargo", &["--config"]),
    ("go", &["-toolexec", "-exec", "--toolexec", "--exec"]),
    ("pytest|py.test", &["-c/", "--rootdir=/"]),
    ("tcpdump", &["-z"]),
    ("rsync|unison", &["--rsh"]),
    ("java|javaw", &["-javaagent", "-agent", "-XX:OnOutOfMemoryError", "-XX:OnError"]),
];

/// Folders that anybody may write.
pub(super) const SHARED: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

/// Interpreters that run what they read from their input.
#[rustfmt::skip]
const READ_INPUT: &[&str] = &[
    "python", "perl", "ruby", "node", "nodejs", "php", "lua", "pypy", "julia", "r", "pwsh", "powershell", "bun", "tclsh", "expect", "guile", "jshell",
];

/// Where code is, on the command line of an interpreter.
enum Source {
    /// On the command line; nothing if it is missing.
    Inline(Option<Arg>),
    /// A module of Python, with its arguments.
    Module(Option<Arg>, Vec<Arg>),
    /// A file, or standard input.
    Script(Option<Arg>),
}

impl Walk<'_> {
    /// Rules on programs that run code, or other programs by their options.
    pub(super) fn languages(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
        let plain = versionless(name);
        let entry = INTERPRETERS.iter().find(|(program, _)| *program == plain || *program == name);
        if let Some((_, options)) = entry {
            self.interpreter(plain, options, rest, place);
        }
        let runs = LAUNCHING.iter().any(|(names, starts)| {
            named(names, name)
                && rest
                    .iter()
                    .any(|arg| arg.any(|text| starts.iter().any(|start| text.starts_with(start))))
        });
        if runs {
            self.hit("hidden-command", name, place);
        }
        match name {
            "awk" | "gawk" | "mawk" | "nawk" | "original-awk" | "goawk" => self.awk(rest, place),
            "sed" | "gsed" | "ssed" => self.sed(rest, place),
            "tar" | "bsdtar" | "gtar" | "cpio" | "star" => self.tar(name, rest, place),
            "make" | "gmake" | "bmake" | "just" | "task" | "ninja" => self.make(rest, place),
            "npx" | "bunx" | "pnpx" | "pnpm" | "yarn" | "npm" | "bun" | "deno" => {
                self.packages(name, rest, place)
            }
            "sqlite3" | "psql" | "mysql" | "mariadb" | "duckdb" | "sqlcmd" | "sqlplus" => {
                self.database(rest, place)
            }
            "ed" | "ex" if matches!(self.input, Flow::Text(_) | Flow::Unknown) => {
                self.hit("hidden-command", name, place);
            }
            "dc" | "bc" if matches!(&self.input, Flow::Text(text) if text.contains('!')) => {
                self.hit("hidden-command", name, place);
            }
            "split" if has_long(rest, "--filter") => {
                let given = arguments(rest, &["--filter"], false);
                for text in given.values(&["--filter"]).cloned().collect::<Vec<_>>() {
                    self.text_of(&text);
                }
            }
            "7z" | "7za" => {
                for arg in rest.iter().filter(|arg| arg.any(|text| text.starts_with("-o"))) {
                    self.writes(&tail(arg, 2));
                }
            }
            "convert" | "magick" => {
                if let Some(target) = rest.last().filter(|_| rest.len() > 1) {
                    self.writes(target);
                }
            }
            _ => {}
        }
    }

    fn interpreter(&mut self, plain: &str, options: &[&str], rest: &[Arg], place: Option<Place>) {
        let url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        match source(plain, options, rest) {
            Source::Inline(Some(code)) => self.inline(plain, &code, place),
            Source::Inline(None) => self.hit("inline-code", plain, place),
            Source::Module(module, after) => self.module(module.as_ref(), &after, place),
            Source::Script(Some(arg)) if arg.is("eval") && plain == "deno" => {
                self.hit("inline-code", plain, place);
            }
            // Their first word says what is done; what they run is not told from it.
            Source::Script(Some(_))
                if ["deno", "bun", "nim", "swift", "crystal", "clojure"].contains(&plain) =>
            {
                if rest.iter().any(|arg| arg.any(url)) {
                    self.hit("download-and-run", plain, place);
                }
            }
            Source::Script(Some(arg)) if !arg.is("-") && !arg.is("/dev/stdin") => {
                self.code_file(plain, &arg, place);
            }
            // Without a script it reads its input.
            Source::Script(_) => match self.input.clone() {
                Flow::Nothing => {}
                Flow::Text(code) => self.inline(plain, &Arg::known(code, place), place),
                Flow::Download => self.hit("download-and-run", plain, place),
                Flow::Decoded => self.hit("decode-and-run", plain, place),
                _ if READ_INPUT.contains(&plain) => self.hit("shell-input", plain, place),
                _ => {}
            },
        }
    }

    fn code_file(&mut self, plain: &str, arg: &Arg, place: Option<Place>) {
        match (self.content(arg), arg.flow.is_some()) {
            (Flow::Download, _) => self.hit("download-and-run", plain, place),
            (Flow::Decoded, _) => self.hit("decode-and-run", plain, place),
            // What it has just written into a file is what it may as well have written before.
            (Flow::Text(code), true) => self.inline(plain, &Arg::known(code, place), place),
            (_, true) => self.hit("inline-code", plain, place),
            _ => match arg.text().and_then(|text| self.located(text)) {
                Some(path) => {
                    let shared = SHARED.iter().any(|folder| path.starts_with(folder));
                    if shared
                        && !path.starts_with(&self.scope.worktree)
                        && !self.fresh.contains_key(&path)
                    {
                        self.hit("foreign-code", path.display().to_string(), place);
                    }
                }
                None => self.computed(arg),
            },
        }
    }

    /// A script in another language than the shell's, with its first line.
    pub(super) fn code(&mut self, first: &str, text: &str, place: Option<Place>) {
        let program = first
            .trim_start_matches("#!")
            .split(['/', ' '])
            .rfind(|word| !word.is_empty() && !word.starts_with('-'))
            .unwrap_or_default()
            .to_owned();
        self.inline(versionless(&program), &Arg::known(text, place), place);
    }

    fn inline(&mut self, plain: &str, code: &Arg, place: Option<Place>) {
        let Some(text) = code.text() else {
            let rule = match code.flow {
                Some(Flow::Download) => "download-and-run",
                Some(Flow::Decoded) => "decode-and-run",
                _ => "inline-code",
            };
            return self.hit(rule, plain, place);
        };
        let pure = match plain {
            "python" | "pypy" => python_only_computes(text),
            "node" | "nodejs" | "bun" | "deno" => script_only_computes(text),
            "perl" | "ruby" | "php" | "lua" | "julia" | "r" | "rscript" => expression(text),
            _ => false,
        };
        if pure {
            return;
        }
        self.hit("inline-code", plain, place);
        // Commands in its texts are judged as far as they can be read, since what denies is stronger than what asks.
        for inner in quoted_texts(text)
            .into_iter()
            .filter(|inner| inner.len() > 3 && inner.contains([' ', '/', ':']))
            .take(20)
        {
            let before = self.hits.len();
            self.nested(&inner, place);
            let mut index = 0;
            self.hits.retain(|hit| {
                index += 1;
                index <= before
                    || hit.decision == super::Decision::Deny
                        && hit.rule != "secret"
                        && hit.rule != "too-long"
            });
        }
    }

    /// `python -m MODULE`.
    fn module(&mut self, module: Option<&Arg>, rest: &[Arg], place: Option<Place>) {
        let Some(name) = module.and_then(Arg::text) else {
            return self.hit("computed-command", "", place);
        };
        match name {
            "pip" | "pipx" | "ensurepip" | "twine" | "uv" | "poetry" | "conda" => {
                let args: Vec<Arg> =
                    [Arg::known(name, place)].into_iter().chain(rest.iter().cloned()).collect();
                if name == "ensurepip" {
                    self.hit("install", name, place);
                }
                self.deeper(place, |walk| walk.argv(&args));
            }
            "http.server" | "SimpleHTTPServer"
                if !rest.iter().any(|arg| {
                    arg.any(|text| text.contains("127.0.0.1") || text.contains("localhost"))
                }) =>
            {
                self.hit("upload", "serves the folder to the network", place)
            }
            "smtpd" | "aiosmtpd" | "pyftpdlib" => self.hit("upload", name, place),
            "timeit" | "code" | "pdb" | "trace" | "runpy" | "cProfile"
                if name == "timeit" || name == "code" =>
            {
                for arg in rest.iter().filter(|arg| !arg.option()) {
                    self.inline("python", arg, place);
                }
            }
            _ => {}
        }
    }

    pub(super) fn texts_that_deny(&mut self, inner: &str, place: Option<Place>) {
        let before = self.hits.len();
        self.nested(inner, place);
        let mut index = 0;
        self.hits.retain(|hit| {
            index += 1;
            index <= before || hit.decision == super::Decision::Deny
        });
    }
}

/// Finds the code on the command line of an interpreter.
fn source(plain: &str, options: &[&str], rest: &[Arg]) -> Source {
    let mut args = rest.iter();
    while let Some(arg) = args.next() {
        let text = arg.values.first().map(String::as_str).unwrap_or_default();
        let lower = match plain {
            "pwsh" | "powershell" => text.to_lowercase(),
            _ => text.to_owned(),
        };
        let cluster = || {
            let letters = lower.chars().skip(1);
            letters.take_while(|one| one.is_ascii_alphabetic() || *one == '0')
        };
        let short = lower.starts_with('-') && !lower.starts_with("--") && lower.len() > 2;
        let inline = options.iter().find(|option| {
            lower == **option
                || option.starts_with("--") && lower.starts_with(&format!("{option}="))
                // `-c"code"`, `-ne`, `-lane`: a letter of a cluster.
                || short
                    && option.len() == 2
                    && option.chars().nth(1).is_some_and(|letter| cluster().any(|one| one == letter))
        });
        if let Some(option) = inline {
            let next = lower.ends_with(option.trim_start_matches('-'));
            return Source::Inline(if next { args.next().cloned() } else { Some(arg.clone()) });
        }
        if lower == "-m" && plain.starts_with("py") {
            return Source::Module(args.next().cloned(), args.cloned().collect());
        }
        if text == "-" || arg.open || !text.starts_with('-') {
            return Source::Script(Some(arg.clone()));
        }
    }
    Source::Script(None)
}
