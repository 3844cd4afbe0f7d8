//! Rules on one command with its arguments: takes off what only starts another command, and looks at the rest.

use super::file::named;
use super::option::arguments;
use super::own;
use super::shell::{Flow, Walk};
use super::table::COMMANDS;
use super::word::{Arg, TAME};
use super::{Decision, Place};

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

    /// A command that starts no other as its main work.
    pub(super) fn plain(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        // The last file of a copy is written, not read.
        let read = if ["cp", "mv", "install"].contains(&name) && rest.len() > 1 {
            rest.split_last().map_or(rest, |(_, read)| read)
        } else {
            rest
        };
        self.looked_at(name, read);
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
        let here = [Arg::known(".", None)];
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
                let paths: Vec<Arg> = operands().into_iter().skip(1).collect();
                self.names_below(if paths.is_empty() { &here } else { &paths })
            }
            "ls" => {
                let paths = operands();
                self.names_below(if paths.is_empty() { &here } else { &paths })
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
    pub(super) fn tainted(&self, otherwise: Flow) -> Flow {
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
            let is = named(names, name)
                || named(names, versionless(name))
                || family.starts_with("mk") && named(names, family);
            if !is {
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
