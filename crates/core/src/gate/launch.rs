//! Programs whose options, scripts or input run other programs.

use super::Place;
use super::option::arguments;
use super::pure::quoted_texts;
use super::reach::{Reach, sed_reach, without_regexes, writes_in_awk};
use super::shell::{Flow, Walk};
use super::word::Arg;

impl Walk<'_> {
    pub(super) fn awk(&mut self, rest: &[Arg], place: Option<Place>) {
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

    pub(super) fn sed(&mut self, rest: &[Arg], place: Option<Place>) {
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

    pub(super) fn tar(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
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
                    let packs =
                        |text: &str| known.contains(&text.split(' ').next().unwrap_or(text));
                    let packer =
                        text.starts_with("--use-compress-program") || text.starts_with("-I");
                    let harmless = if value.is_empty() {
                        rest.iter().any(|arg| arg.any(packs))
                    } else {
                        packs(value)
                    };
                    if !(packer && harmless) {
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
        let absolute = rest.iter().enumerate().any(|(index, arg)| {
            arg.any(|text| {
                text == "--absolute-names"
                    || text == "--absolute-paths"
                    || (index == 0 || text.starts_with('-') && !text.starts_with("--"))
                        && text.contains('P')
                        && !text.contains(['/', '.'])
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

    pub(super) fn make(&mut self, rest: &[Arg], place: Option<Place>) {
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
    pub(super) fn run_file(&mut self, arg: &Arg, place: Option<Place>) {
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

    pub(super) fn packages(&mut self, name: &str, rest: &[Arg], place: Option<Place>) {
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

    pub(super) fn database(&mut self, rest: &[Arg], place: Option<Place>) {
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
}

pub(super) fn has_long(rest: &[Arg], option: &str) -> bool {
    rest.iter().any(|arg| {
        arg.any(|text| {
            text == option || text.strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
        })
    })
}
