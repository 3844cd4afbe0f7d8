//! Interpreters, and programs whose options or scripts run others.

use super::Place;
use super::argv::versionless;
use super::option::arguments;
use super::shell::{Flow, Walk};
use super::word::Arg;

/// Interpreters: the options that take code on the command line.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("ipython", &["-c"]),
    ("jython", &["-c"]),
    ("perl", &["-e", "-E", "-M", "-m"]),
    ("ruby", &["-e", "-r"]),
    ("jruby", &["-e"]),
    ("irb", &["-e"]),
    ("node", &["-e", "-p", "--eval", "--print", "-pe", "-r", "--require", "--import", "--loader"]),
    ("nodejs", &["-e", "-p", "--eval", "--print"]),
    ("bun", &["-e", "--eval", "-p", "--print"]),
    ("deno", &["--eval"]),
    ("tsx", &["-e"]),
    ("ts-node", &["-e", "-p"]),
    ("php", &["-r", "-B", "-R", "-E"]),
    ("lua", &["-e", "-l"]),
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

/// Modules of Python that only compute.
const PURE_MODULES: &[&str] = &[
    "json",
    "sys",
    "math",
    "re",
    "datetime",
    "string",
    "collections",
    "itertools",
    "functools",
    "statistics",
    "textwrap",
    "decimal",
    "fractions",
    "hashlib",
    "base64",
    "uuid",
    "time",
    "random",
    "platform",
    "calendar",
    "operator",
    "bisect",
    "heapq",
    "typing",
    "dataclasses",
    "enum",
    "pprint",
    "unicodedata",
    "struct",
    "binascii",
    "html",
    "secrets",
    "colorsys",
    "cmath",
    "zlib",
    "difflib",
    "ast",
];

/// Words of Python, Perl, Ruby and JavaScript with which code can reach the machine, in the forms that inline code uses.
const REACHING: &[&str] = &[
    "os",
    "_os",
    "subprocess",
    "exec",
    "eval",
    "compile",
    "open",
    "file",
    "getattr",
    "setattr",
    "delattr",
    "globals",
    "locals",
    "vars",
    "import_module",
    "importlib",
    "builtins",
    "breakpoint",
    "input",
    "modules",
    "system",
    "popen",
    "spawn",
    "fork",
    "remove",
    "unlink",
    "rmtree",
    "rmdir",
    "rename",
    "write_text",
    "write_bytes",
    "socket",
    "urllib",
    "requests",
    "shutil",
    "ctypes",
    "pty",
    "pickle",
    "marshal",
    "shelve",
    "codecs",
    "io",
    "pathlib",
    "Path",
    "tempfile",
    "signal",
    "threading",
    "multiprocessing",
    "asyncio",
    "runpy",
    "code",
    "inspect",
    "gc",
    "tarfile",
    "zipfile",
    "glob",
    "fileinput",
    "sqlite3",
    "http",
    "ftplib",
    "smtplib",
    "telnetlib",
    "webbrowser",
    "attrgetter",
    "methodcaller",
    "settrace",
    "setprofile",
    "addaudithook",
    "meta_path",
    "path_hooks",
    "path",
    "displayhook",
    "excepthook",
    "stdout.buffer",
    "_getframe",
    "f_globals",
    "mro",
    "subclasses",
];

impl Walk<'_> {
    /// Rules on programs that run code, or other programs by their options.
    pub(super) fn languages(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
        let plain = versionless(name);
        let entry = INTERPRETERS.iter().find(|(program, _)| *program == plain || *program == name);
        if let Some((_, options)) = entry {
            self.interpreter(plain, options, rest, place);
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
            "vim" | "vi" | "nvim" | "view" | "ex" | "less" | "more" | "man" | "emacs" | "ed" => {
                if rest.iter().any(|arg| {
                    arg.any(|text| {
                        text.starts_with("+!")
                            || text.starts_with("+:!")
                            || text.starts_with('+') && text.contains('!')
                            || text == "-P"
                            || text.starts_with("--pager")
                    })
                }) {
                    self.hit("hidden-command", name, place);
                }
                if matches!(self.input, Flow::Text(_) | Flow::Unknown)
                    && ["ed", "ex"].contains(&name)
                {
                    self.hit("hidden-command", name, place);
                }
            }
            "sort" if has_long(rest, "--compress-program") => {
                self.hit("hidden-command", name, place)
            }
            "split" if has_long(rest, "--filter") => {
                for text in arguments(rest, &["--filter"], false)
                    .values(&["--filter"])
                    .cloned()
                    .collect::<Vec<_>>()
                {
                    self.text_of(&text);
                }
            }
            "rg" if has_long(rest, "--pre") => self.hit("hidden-command", name, place),
            "bat" | "batcat" | "delta" if has_long(rest, "--pager") => {
                self.hit("hidden-command", name, place)
            }
            "zip"
                if rest.iter().any(|arg| {
                    arg.any(|text| text.starts_with("-T") || text == "--unzip-command")
                }) =>
            {
                self.hit("hidden-command", name, place)
            }
            "7z" | "7za"
                if rest.iter().any(|arg| {
                    arg.any(|text| text.starts_with("-o/") || text.starts_with("-o.."))
                }) =>
            {
                self.hit("write-outside", name, place)
            }
            "openssl"
                if rest.iter().any(|arg| {
                    arg.is("-engine")
                        || arg.is("-provider-path")
                        || arg.is("s_client")
                        || arg.is("s_server")
                }) =>
            {
                self.hit("hidden-command", name, place)
            }
            "ssh-keygen" if rest.iter().any(|arg| arg.is("-D")) => {
                self.hit("hidden-command", name, place)
            }
            "gcc" | "g++" | "cc" | "clang"
                if rest.iter().any(|arg| {
                    arg.any(|text| {
                        text.starts_with("-fplugin")
                            || text.starts_with("-wrapper")
                            || text.starts_with("-B/")
                    })
                }) =>
            {
                self.hit("hidden-command", name, place)
            }
            "cargo" if rest.iter().any(|arg| arg.any(|text| text.starts_with("--config"))) => {
                self.hit("hidden-command", name, place)
            }
            "go" if rest.iter().any(|arg| {
                arg.any(|text| {
                    text.starts_with("-toolexec")
                        || text.starts_with("-exec")
                        || text.starts_with("--toolexec")
                })
            }) =>
            {
                self.hit("hidden-command", name, place)
            }
            "pytest" | "py.test"
                if rest.iter().any(|arg| {
                    arg.any(|text| text.starts_with("-c/") || text.starts_with("--rootdir=/"))
                }) =>
            {
                self.hit("hidden-command", name, place)
            }
            "dc" | "bc" if matches!(&self.input, Flow::Text(text) if text.contains('!')) => {
                self.hit("hidden-command", name, place)
            }
            "rsync" | "unison" if has_long(rest, "--rsh") => {
                self.hit("hidden-command", name, place)
            }
            "tcpdump" if rest.iter().any(|arg| arg.any(|text| text.starts_with("-z"))) => {
                self.hit("hidden-command", name, place)
            }
            "ffmpeg" | "convert" | "magick" => {
                if let Some(target) = rest.last().filter(|_| rest.len() > 1 && name != "ffmpeg") {
                    self.writes(&target.clone());
                }
            }
            "java" | "javaw"
                if rest.iter().any(|arg| {
                    arg.any(|text| {
                        text.starts_with("-javaagent")
                            || text.starts_with("-agent")
                            || text.contains("OnOutOfMemoryError")
                            || text.contains("OnError")
                    })
                }) =>
            {
                self.hit("hidden-command", name, place)
            }
            _ => {}
        }
    }

    fn interpreter(&mut self, plain: &str, options: &[&str], rest: &[Arg], place: Option<Place>) {
        let mut args = rest.iter();
        let mut operand = None;
        let mut module = false;
        while let Some(arg) = args.next() {
            let text = arg.values.first().map(String::as_str).unwrap_or_default();
            let lower = if plain == "pwsh" || plain == "powershell" {
                text.to_lowercase()
            } else {
                text.to_owned()
            };
            let short = lower.starts_with('-') && !lower.starts_with("--");
            let inline = options.iter().find(|option| {
                lower == **option
                    || option.starts_with("--") && lower.starts_with(&format!("{option}="))
                    || short
                        && option.len() == 2
                        && lower.len() > 2
                        && option.chars().nth(1).is_some_and(|letter| {
                            // `-c"code"`, `-ne`, `-lane`, `-pi -e`: a letter of a cluster.
                            lower
                                .chars()
                                .skip(1)
                                .take_while(|one| one.is_ascii_alphabetic() || *one == '0')
                                .any(|one| one == letter)
                        })
            });
            if let Some(option) = inline {
                let code = if lower.ends_with(option.trim_start_matches('-')) {
                    args.next().cloned()
                } else {
                    Some(arg.clone())
                };
                match code {
                    Some(code) => self.inline(plain, &code, place),
                    None => self.hit("inline-code", plain, place),
                }
                return;
            }
            if plain == "perl"
                && short
                && lower.contains('i')
                && !lower.contains('I')
                && lower.len() < 8
            {
                continue;
            }
            if lower == "-m" && plain.starts_with("py") {
                module = true;
                operand = args.next();
                break;
            }
            if text == "-" || arg.open || !text.starts_with('-') {
                operand = Some(arg);
                break;
            }
        }
        if module {
            let after: Vec<Arg> = args.cloned().collect();
            self.module(operand, &after, place);
            return;
        }
        match operand {
            Some(arg) if arg.is("eval") && plain == "deno" => self.hit("inline-code", plain, place),
            Some(arg)
                if plain == "deno"
                    || plain == "bun"
                    || plain == "nim"
                    || plain == "swift"
                    || plain == "crystal"
                    || plain == "clojure" =>
            {
                if arg.any(|text| text.starts_with("http://") || text.starts_with("https://"))
                    || rest.iter().any(|arg| {
                        arg.any(|text| text.starts_with("http://") || text.starts_with("https://"))
                    })
                {
                    self.hit("download-and-run", plain, place);
                }
            }
            Some(arg) if !arg.is("-") && !arg.is("/dev/stdin") => {
                match (self.content(arg), arg.flow.is_some()) {
                    (Flow::Download, _) => self.hit("download-and-run", plain, place),
                    (Flow::Decoded, _) => self.hit("decode-and-run", plain, place),
                    // What it has just written into a file is what it may as well have written before.
                    (Flow::Text(code), true) => self.inline(plain, &Arg::known(code, place), place),
                    (_, true) => self.hit("inline-code", plain, place),
                    _ => {
                        if let Some(path) = arg.text().and_then(|text| self.located(text))
                            && ["/tmp", "/var/tmp", "/dev/shm"]
                                .iter()
                                .any(|folder| path.starts_with(folder))
                            && !path.starts_with(&self.scope.worktree)
                            && !self.fresh.contains_key(&path)
                        {
                            self.hit("foreign-code", path.display().to_string(), place);
                        } else if arg.text().is_none() {
                            self.computed(arg);
                        }
                    }
                }
            }
            // Without a script it reads its input.
            _ => match self.input.clone() {
                Flow::Nothing => {}
                Flow::Text(code) => self.inline(plain, &Arg::known(code, place), place),
                Flow::Download => self.hit("download-and-run", plain, place),
                Flow::Decoded => self.hit("decode-and-run", plain, place),
                _ if [
                    "python",
                    "perl",
                    "ruby",
                    "node",
                    "nodejs",
                    "php",
                    "lua",
                    "pypy",
                    "julia",
                    "r",
                    "pwsh",
                    "powershell",
                    "bun",
                    "tclsh",
                    "expect",
                    "guile",
                    "jshell",
                ]
                .contains(&plain) =>
                {
                    self.hit("shell-input", plain, place)
                }
                _ => {}
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

    fn awk(&mut self, rest: &[Arg], place: Option<Place>) {
        let given = arguments(
            rest,
            &[
                "-F",
                "-v",
                "-f",
                "-E",
                "-i",
                "-l",
                "-e",
                "--source",
                "--assign",
                "--file",
                "--field-separator",
                "--include",
                "--load",
                "--exec",
            ],
            false,
        );
        let from_file = given.has(&["-f", "--file", "-E", "--exec"]);
        if given.has(&["-l", "--load"])
            || given.values(&["-i", "--include"]).any(|arg| !arg.is("inplace"))
        {
            self.hit("hidden-command", "awk", place);
        }
        if given.values(&["-i", "--include"]).any(|arg| arg.is("inplace")) {
            for arg in given.operands.iter().skip(1) {
                self.writes(arg);
            }
        }
        if from_file {
            return;
        }
        let programs: Vec<Arg> = given
            .values(&["-e", "--source"])
            .cloned()
            .chain(given.operands.first().cloned())
            .collect();
        for program in programs {
            match program.text() {
                None => self.hit("inline-code", "awk", place),
                Some(text) => {
                    let bare = without_regexes(text);
                    let runs = bare.contains("system")
                        || bare.contains('|')
                            && !bare.replace("||", "").is_empty()
                            && bare.replace("||", "").contains('|')
                        || bare.contains("getline") && bare.contains('<')
                        || bare.contains("@load")
                        || bare.contains("/inet");
                    if runs {
                        self.hit("inline-code", "awk", place);
                        for inner in quoted_texts(text) {
                            self.texts_that_deny(&inner, place);
                        }
                    } else if writes_in_awk(&bare) {
                        self.hit("inline-code", "awk writes files", place);
                    }
                }
            }
        }
    }

    fn texts_that_deny(&mut self, inner: &str, place: Option<Place>) {
        let before = self.hits.len();
        self.nested(inner, place);
        let mut index = 0;
        self.hits.retain(|hit| {
            index += 1;
            index <= before || hit.decision == super::Decision::Deny
        });
    }

    fn sed(&mut self, rest: &[Arg], place: Option<Place>) {
        let given =
            arguments(rest, &["-e", "-f", "-l", "--expression", "--file", "--line-length"], false);
        let in_place = given.options.iter().any(|one| {
            one.name == "-i"
                || one.name.starts_with("--in-place")
                || one.name.starts_with("-i") && !one.name.starts_with("--")
        });
        let mut scripts: Vec<Arg> = given.values(&["-e", "--expression"]).cloned().collect();
        let mut files = given.operands.as_slice();
        if scripts.is_empty()
            && !given.has(&["-f", "--file"])
            && let Some((first, others)) = files.split_first()
        {
            scripts.push(first.clone());
            files = others;
        }
        if in_place {
            for arg in files {
                self.writes(arg);
            }
        }
        for script in scripts {
            let texts: Vec<&String> = script.values.iter().collect();
            if texts.is_empty() {
                // Only a part is not known, mostly a word in a replacement.
                if script.shown.starts_with('\u{FFFD}') || script.shown.ends_with(['e', 'w']) {
                    self.hit("computed-operand", script.shown.clone(), place);
                }
                continue;
            }
            for text in texts {
                match sed_reach(text) {
                    Reach::Nothing => {}
                    Reach::Command => self.hit("hidden-command", "sed", place),
                    Reach::File(file) => self.writes(&Arg::known(file, place)),
                }
            }
        }
    }

    fn tar(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
        let programs = [
            "--checkpoint-action",
            "--to-command",
            "--use-compress-program",
            "-I",
            "--rsh-command",
            "--rmt-command",
            "--info-script",
            "--new-volume-script",
            "-F",
        ];
        for arg in rest {
            for text in &arg.values {
                let known =
                    ["zstd", "pigz", "xz", "gzip", "bzip2", "lz4", "pbzip2", "zstdmt", "pixz"];
                let program = programs.iter().find_map(|option| text.strip_prefix(option));
                if let Some(value) = program {
                    let value = value.trim_start_matches('=');
                    if !(text.starts_with("--use-compress-program") || text.starts_with("-I"))
                        || !value.is_empty()
                            && !known.contains(&value.split(' ').next().unwrap_or(value))
                    {
                        self.hit("hidden-command", text.clone(), place);
                    } else if value.is_empty()
                        && !rest.iter().any(|arg| {
                            arg.any(|text| known.contains(&text.split(' ').next().unwrap_or(text)))
                        })
                    {
                        self.hit("hidden-command", text.clone(), place);
                    }
                }
            }
        }
        let extracts = rest.iter().enumerate().any(|(index, arg)| {
            arg.any(|text| {
                text == "--extract"
                    || text == "--get"
                    || (index == 0 || text.starts_with('-') && !text.starts_with("--"))
                        && text.contains('x')
                        && !text.contains('/')
                        && !text.contains('.')
            })
        });
        let absolute = rest.iter().any(|arg| {
            arg.any(|text| {
                text == "--absolute-names"
                    || text == "--absolute-paths"
                    || text.starts_with('-') && !text.starts_with("--") && text.contains('P')
            })
        });
        if extracts && absolute {
            self.hit("write-outside", "unpacks absolute names", place);
        }
        if extracts && self.cwd.is_none() {
            self.hit("computed-operand", name, place);
        }
        if !extracts && name != "cpio" {
            let given = arguments(
                rest,
                &["-f", "--file", "-C", "--directory", "-T", "-X", "--exclude"],
                false,
            );
            for file in given
                .values(&["-f", "--file"])
                .filter(|arg| !arg.is("-"))
                .cloned()
                .collect::<Vec<_>>()
            {
                let creates = rest.iter().enumerate().any(|(index, arg)| {
                    arg.any(|text| {
                        text == "--create"
                            || (index == 0 || text.starts_with('-') && !text.starts_with("--"))
                                && text.contains('c')
                                && !text.contains('/')
                    })
                });
                if creates {
                    self.writes(&file);
                }
            }
        }
    }

    fn make(&mut self, rest: &[Arg], place: Option<Place>) {
        let given = arguments(
            rest,
            &[
                "-f",
                "--file",
                "--makefile",
                "-C",
                "--directory",
                "-E",
                "--eval",
                "-I",
                "-j",
                "-l",
                "-o",
                "-W",
                "-d",
                "--justfile",
                "-t",
            ],
            false,
        );
        for file in
            given.values(&["-f", "--file", "--makefile", "--justfile"]).cloned().collect::<Vec<_>>()
        {
            if file.is("-") || file.is("/dev/stdin") || file.flow.is_some() {
                self.hit("shell-input", "make", place);
            } else {
                self.run_file(&file, place);
            }
        }
        for folder in given.values(&["-C", "--directory"]).cloned().collect::<Vec<_>>() {
            self.run_file(&folder, place);
        }
        if given.has(&["--eval", "-E"]) && !given.has(&["-e"]) {
            self.hit("hidden-command", "--eval", place);
        }
        for arg in &given.operands {
            if arg.any(|text| {
                ["SHELL", "MAKEFLAGS", ".SHELLFLAGS", "MAKEFILES"].iter().any(|name| {
                    text.split_once('=')
                        .is_some_and(|(key, _)| key.trim_end_matches([':', '+', '?', '!']) == *name)
                }) || text
                    .split_once('=')
                    .is_some_and(|(_, value)| value.contains("$(shell") || value.contains("`"))
            }) {
                self.hit("hidden-command", arg.shown.clone(), place);
            }
        }
    }

    /// A file or folder by which something is run.
    fn run_file(&mut self, arg: &Arg, place: Option<Place>) {
        match arg.text().and_then(|text| self.located(text)) {
            Some(path) => match self.content(arg) {
                Flow::Download => self.hit("download-and-run", arg.shown.clone(), place),
                Flow::Decoded => self.hit("decode-and-run", arg.shown.clone(), place),
                _ if !path.starts_with(&self.scope.worktree) => {
                    self.hit("foreign-code", path.display().to_string(), place)
                }
                _ => {}
            },
            None => self.computed(arg),
        }
    }

    fn packages(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
        let given = arguments(rest, &["-c", "--call", "-p", "--package", "-w", "--prefix"], false);
        for text in given.values(&["-c", "--call"]).cloned().collect::<Vec<_>>() {
            if name == "npx" || name == "npm" {
                self.text_of(&text);
            }
        }
        let foreign = |text: &str| {
            text.starts_with("http://")
                || text.starts_with("https://")
                || text.starts_with("git+")
                || text.starts_with("git@")
                || text.starts_with("github:")
                || text.starts_with("file:/")
                || text.ends_with(".tgz") && text.contains("://")
        };
        if rest.iter().any(|arg| arg.any(foreign)) {
            self.hit("foreign-code", name, place);
        }
        if rest.iter().any(|arg| {
            arg.any(|text| text.starts_with("--script-shell") || text.starts_with("--node-options"))
        }) {
            self.hit("hidden-command", name, place);
        }
        let words: Vec<&str> = given.words();
        if matches!(
            words.as_slice(),
            ["config" | "set" | "c", "set" | "delete" | "edit", ..] | ["set", ..]
        ) && name != "bun"
        {
            self.hit("environment", "", place);
        }
    }

    fn database(&mut self, rest: &[Arg], place: Option<Place>) {
        let mut texts: Vec<String> = rest.iter().flat_map(|arg| arg.values.clone()).collect();
        if let Flow::Text(text) = &self.input {
            texts.push(text.clone());
        }
        for text in texts {
            let upper = text.to_uppercase();
            let words: Vec<&str> = upper
                .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .filter(|word| !word.is_empty())
                .collect();
            if text.contains("\\!")
                || text.contains(".shell")
                || text.contains(".system")
                || upper.contains("FROM PROGRAM")
                || upper.contains("TO PROGRAM")
                || text.contains(".load")
                || upper.contains("LOAD_EXTENSION")
                || text.trim_start().starts_with("system ")
                || upper.contains("INTO OUTFILE")
                || upper.contains("XP_CMDSHELL")
                || text.contains(".import \"|")
                || text.contains(".output |")
            {
                self.hit("hidden-command", text.clone(), place);
            }
            let removes = words.windows(2).any(|pair| {
                matches!(
                    pair,
                    ["DROP", "DATABASE" | "TABLE" | "SCHEMA" | "USER" | "ROLE" | "INDEX" | "VIEW"]
                        | ["TRUNCATE", _]
                        | ["DELETE", "FROM"]
                )
            }) && !(words.contains(&"DELETE") && words.contains(&"WHERE"));
            if removes {
                self.hit("database", text, place);
            }
        }
    }

    /// A variable of the environment is set: for this shell, or for what it starts.
    pub(super) fn environment(&mut self, name: &str, value: &Arg, place: Option<Place>) {
        for text in &value.values {
            self.embedded(text, place);
        }
        let tame = |words: &[&str]| {
            !value.open && value.values.iter().all(|text| words.contains(&text.as_str()))
        };
        let starts = |prefix: &str| name.starts_with(prefix);
        let pager = ["cat", "less", "more", "", "true", ":", "less -R", "less -FRX"];
        let risky = match name {
            "PATH" => !self.known_path(value),
            "PAGER" | "MANPAGER" | "GIT_PAGER" | "LESS" | "SYSTEMD_PAGER" | "DELTA_PAGER"
            | "BAT_PAGER" | "GH_PAGER" | "AWS_PAGER" => name != "LESS" && !tame(&pager),
            "EDITOR" | "VISUAL" | "GIT_EDITOR" | "GIT_SEQUENCE_EDITOR" => {
                !tame(&["true", ":", "cat", "vi", "vim", "nano", ""])
            }
            "LD_PRELOAD"
            | "LD_LIBRARY_PATH"
            | "LD_AUDIT"
            | "LD_CONFIG"
            | "BASH_ENV"
            | "ENV"
            | "ZDOTDIR"
            | "PROMPT_COMMAND"
            | "PS0"
            | "PS1"
            | "PS2"
            | "PS4"
            | "SHELLOPTS"
            | "BASHOPTS"
            | "IFS"
            | "CDPATH"
            | "GLOBIGNORE"
            | "FIGNORE"
            | "PYTHONSTARTUP"
            | "PYTHONHOME"
            | "PYTHONINSPECT"
            | "PYTHONBREAKPOINT"
            | "PYTHONUSERBASE"
            | "PERL5OPT"
            | "PERL5LIB"
            | "PERLLIB"
            | "PERL5DB"
            | "RUBYOPT"
            | "RUBYLIB"
            | "JAVA_TOOL_OPTIONS"
            | "_JAVA_OPTIONS"
            | "JDK_JAVA_OPTIONS"
            | "MAVEN_OPTS"
            | "GRADLE_OPTS"
            | "LESSOPEN"
            | "LESSCLOSE"
            | "BROWSER"
            | "SSH_ASKPASS"
            | "SUDO_ASKPASS"
            | "GCONV_PATH"
            | "NLSPATH"
            | "HOSTALIASES"
            | "RUSTC_WRAPPER"
            | "RUSTC_WORKSPACE_WRAPPER"
            | "RUSTC"
            | "CARGO_BUILD_RUSTC_WRAPPER"
            | "MAKEFILES"
            | "MAKEFLAGS"
            | "MFLAGS"
            | "SHELL"
            | "TAR_OPTIONS"
            | "RSYNC_RSH"
            | "CVS_RSH"
            | "TERMINFO"
            | "TERMCAP"
            | "INPUTRC"
            | "WGETRC"
            | "CURL_HOME"
            | "OPENSSL_CONF"
            | "OPENSSL_MODULES"
            | "SSL_CERT_FILE"
            | "SSL_CERT_DIR"
            | "HISTFILE"
            | "HISTCONTROL"
            | "ERL_FLAGS"
            | "R_PROFILE"
            | "R_PROFILE_USER"
            | "LUA_INIT"
            | "NODE_PATH"
            | "PHPRC"
            | "PHP_INI_SCAN_DIR"
            | "DOCKER_HOST"
            | "KUBECONFIG"
            | "ANTHROPIC_BASE_URL"
            | "OPENAI_BASE_URL"
            | "HOME"
            | "USERPROFILE"
            | "XDG_CONFIG_HOME"
            | "NPM_CONFIG_SCRIPT_SHELL"
            | "npm_config_script_shell"
            | "NPM_CONFIG_REGISTRY"
            | "npm_config_registry"
            | "PIP_INDEX_URL"
            | "PIP_EXTRA_INDEX_URL"
            | "CARGO_HOME"
            | "GOFLAGS"
            | "GOPROXY"
            | "GONOSUMCHECK" => {
                !(name == "IFS"
                    && value.values.iter().all(|text| {
                        ["", "\n", ",", ":", "\t", " ", "\n\t", " \t\n", "=", "|", ";", "/", "."]
                            .contains(&text.as_str())
                    })
                    && !value.open)
                    && !(name == "HISTFILE" && tame(&[]))
                    && !(name == "PS1" || name == "PS2")
                    || (name == "PS1" || name == "PS2")
                        && value.any(|text| text.contains("$(") || text.contains('`'))
                    || name == "PS4" && value.any(|text| text.contains("$(") || text.contains('`'))
            }
            "NODE_OPTIONS" => {
                value.open
                    || value.any(|text| {
                        [
                            "-r",
                            "--require",
                            "--import",
                            "--loader",
                            "--experimental-loader",
                            "--inspect",
                        ]
                        .iter()
                        .any(|word| {
                            text.split([' ', '=']).any(|part| {
                                part == *word || word.starts_with("--") && part.starts_with(word)
                            })
                        })
                    })
            }
            "RUSTFLAGS" | "CARGO_ENCODED_RUSTFLAGS" | "CFLAGS" | "CXXFLAGS" | "LDFLAGS" => {
                value.open && name == "RUSTFLAGS"
                    || value.any(|text| {
                        text.contains("linker=")
                            || text.contains("-fplugin")
                            || text.contains("-wrapper")
                    })
            }
            "PYTHONPATH" => value.any(|text| {
                text.split(':').any(|part| {
                    part.starts_with("/tmp")
                        || part.starts_with("/var/tmp")
                        || part.starts_with("/dev/shm")
                })
            }),
            _ if starts("DYLD_") || starts("BASH_FUNC_") => true,
            _ if starts("GIT_") => {
                let harmless = starts("GIT_AUTHOR_")
                    || starts("GIT_COMMITTER_")
                    || starts("GIT_MERGE_")
                    || starts("GIT_TRACE") && tame(&["0", "1", "2", "true", "false"])
                    || [
                        "GIT_TERMINAL_PROMPT",
                        "GIT_PAGER_IN_USE",
                        "GIT_OPTIONAL_LOCKS",
                        "GIT_LFS_SKIP_SMUDGE",
                        "GIT_CEILING_DIRECTORIES",
                        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
                        "GIT_SHA",
                        "GIT_COMMIT",
                        "GIT_BRANCH",
                        "GIT_TAG",
                        "GIT_REF",
                        "GIT_REPO",
                        "GIT_ROOT",
                        "GIT_HASH",
                        "GIT_REV",
                        "GIT_VERSION",
                        "GIT_USER",
                        "GIT_STATUS",
                        "GIT_URL",
                        "GIT_DATE",
                    ]
                    .contains(&name);
                !harmless
            }
            _ if starts("CARGO_TARGET_")
                && (name.ends_with("_RUNNER") || name.ends_with("_LINKER")) =>
            {
                true
            }
            _ => false,
        };
        if risky {
            self.hit("environment", name, place);
        }
    }

    /// `PATH` may keep what it has and get folders into which only the person installs programs, or the project's own.
    fn known_path(&self, value: &Arg) -> bool {
        let shown =
            if value.values.is_empty() { vec![value.shown.clone()] } else { value.values.clone() };
        let home = self.scope.home.display().to_string();
        let mine = [
            ".cargo/bin",
            ".local/bin",
            "go/bin",
            ".npm-global/bin",
            ".bun/bin",
            ".deno/bin",
            ".rbenv",
            ".pyenv",
            ".nvm",
            ".volta/bin",
            ".asdf",
            ".local/share",
            ".rustup",
            ".poetry/bin",
            ".yarn/bin",
            ".dotnet",
            ".juliaup",
            ".ghcup/bin",
            ".opam",
        ];
        value.raw.contains("$PATH")
            || value.raw.contains("${PATH")
            || !value.open && !value.values.is_empty()
        // and every part must be known
        && true
            && !shown.is_empty()
            && shown.iter().all(|text| {
                text.split(':').all(|part| {
                    part.contains('\u{FFFD}') && part.chars().count() == 1
                        || ["/usr", "/bin", "/sbin", "/opt", "/nix/store", "/snap/bin", "/Applications"].iter().any(|folder| part == *folder || part.starts_with(&format!("{folder}/")))
                        || mine.iter().any(|folder| part.starts_with(&format!("{home}/{folder}")))
                        || part.ends_with("node_modules/.bin") && !part.starts_with("/tmp")
                })
            })
    }
}

fn has_long(rest: &[Arg], option: &str) -> bool {
    rest.iter().any(|arg| {
        arg.any(|text| {
            text == option || text.strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
        })
    })
}

/// Whether Python code only computes and prints. A list of what is allowed, not of what is forbidden, as far as modules go.
fn python_only_computes(code: &str) -> bool {
    if code.contains("__")
        && !code
            .replace("__version__", "")
            .replace("__file__", "")
            .replace("__name__", "")
            .replace("__main__", "")
            .replace("__doc__", "")
            .contains("__")
    {
        // Only harmless ones.
    } else if code.contains("__") {
        return false;
    }
    let words: Vec<&str> = code
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    if !code.is_ascii() && words.iter().any(|word| !word.is_ascii()) && !code.contains(['"', '\''])
    {
        return false;
    }
    let version_only = code.contains("__version__") && words.len() <= 8;
    for line in code.split(['\n', ';']) {
        let line = line.trim();
        let modules = if let Some(list) = line.strip_prefix("import ") {
            list.split(',')
                .map(|one| one.split_whitespace().next().unwrap_or_default())
                .collect::<Vec<_>>()
        } else if let Some(list) = line.strip_prefix("from ") {
            vec![list.split_whitespace().next().unwrap_or_default()]
        } else {
            continue;
        };
        if !modules.iter().all(|module| {
            PURE_MODULES.contains(&module.split('.').next().unwrap_or(module))
                || version_only && !REACHING.contains(module)
        }) {
            return false;
        }
    }
    // `import` somewhere else than at the beginning of a statement is not followed.
    let imports = words.iter().filter(|word| **word == "import").count();
    let seen = code
        .split(['\n', ';'])
        .filter(|line| line.trim().starts_with("import ") || line.trim().starts_with("from "))
        .count();
    imports == seen && !words.iter().any(|word| REACHING.contains(word))
}

/// Whether JavaScript is an expression without access to anything.
fn script_only_computes(code: &str) -> bool {
    let words: Vec<&str> = code
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '$'))
        .filter(|word| !word.is_empty())
        .collect();
    let allowed_process = code
        .replace("process.version", "")
        .replace("process.versions", "")
        .replace("process.platform", "")
        .replace("process.arch", "");
    let reaches = [
        "require",
        "import",
        "eval",
        "Function",
        "constructor",
        "globalThis",
        "global",
        "fetch",
        "WebAssembly",
        "Bun",
        "Deno",
        "module",
        "this",
        "self",
        "Reflect",
        "__proto__",
        "prototype",
        "binding",
        "mainModule",
        "root",
    ];
    let package = regular_require(code);
    !allowed_process.contains("process")
        && !code.contains('`')
        && !code.contains("[\"")
        && !code.contains("['")
        && (package || !words.iter().any(|word| reaches.contains(word)))
}

/// `require('./package.json').version`: reading a value of the project.
fn regular_require(code: &str) -> bool {
    let Some(rest) = code.split_once("require(").map(|(_, rest)| rest) else { return false };
    let name = rest.split(')').next().unwrap_or_default().trim_matches(['"', '\'']);
    code.matches("require").count() == 1
        && name.starts_with("./")
        && name.ends_with(".json")
        && !name.contains("..")
        && !["eval", "Function", "constructor", "import", "fetch", "globalThis"]
            .iter()
            .any(|word| code.contains(word))
}

/// `print 2 + 2`: nothing but numbers, operators and printing.
fn expression(code: &str) -> bool {
    let words: Vec<&str> = code
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    !code.contains(['`', '$', '@', '<', '|', '&', '{'])
        && words.iter().all(|word| {
            word.chars().all(|letter| letter.is_ascii_digit() || letter == '_')
                || [
                    "print", "puts", "p", "echo", "say", "sum", "sqrt", "int", "abs", "cat",
                    "println", "n",
                ]
                .contains(word)
        })
}

/// The texts in quotes of a program in any language.
fn quoted_texts(code: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        if !['"', '\'', '`'].contains(&letter) {
            continue;
        }
        let mut text = String::new();
        while let Some(inner) = letters.next() {
            match inner {
                '\\' => text.extend(letters.next()),
                other if other == letter => break,
                other => text.push(other),
            }
        }
        if !text.is_empty() {
            out.push(text);
        }
    }
    out
}

/// An awk program without its texts and regular expressions, in which `|` and `>` mean nothing.
fn without_regexes(text: &str) -> String {
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
fn writes_in_awk(bare: &str) -> bool {
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
enum Reach {
    Nothing,
    Command,
    File(String),
}

/// Looks for the commands `e`, `w`, `W` and the flags `e` and `w` of `s`.
fn sed_reach(script: &str) -> Reach {
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
    let mut class = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            '[' if mark != '[' => class = true,
            ']' => class = false,
            other if other == mark && (!class || mark == '/' && false || mark != '/') => {
                return text.get(at + mark.len_utf8()..).unwrap_or_default();
            }
            other if other == mark && class => {
                return text.get(at + mark.len_utf8()..).unwrap_or_default();
            }
            _ => {}
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

    #[test]
    fn python_that_only_computes_is_told_from_the_rest() {
        for code in [
            "print(2+2)",
            "import json,sys; print(json.load(sys.stdin)['name'])",
            "import numpy; print(numpy.__version__)",
            "from datetime import date\nprint(date.today())",
        ] {
            assert!(python_only_computes(code), "{code}");
        }
        for code in [
            "import os",
            "print(open('/etc/passwd').read())",
            "__import__('o'+'s')",
            "import sys; sys.modules['os']",
            "exec('x')",
            "().__class__",
            "import requests",
            "if 1: import os",
        ] {
            assert!(!python_only_computes(code), "{code}");
        }
    }
}
