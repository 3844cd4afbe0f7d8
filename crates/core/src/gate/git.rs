//! What `git` is asked to do: it pushes, it rewrites what other worktrees share, and many of its options and settings run programs.

use super::Place;
use super::file::named;
use super::option::arguments;
use super::shell::{Flow, Walk};
use super::word::Arg;

/// Settings whose value is a program, or leads to one. `*` stands for any part.
const RUNNING_SETTINGS: &[&str] = &[
    "core.pager",
    "core.editor",
    "core.sshcommand",
    "core.fsmonitor",
    "core.hookspath",
    "core.askpass",
    "core.gitproxy",
    "core.attributesfile",
    "core.alternaterefscommand",
    "alias.*",
    "pager.*",
    "diff.external",
    "diff.*.command",
    "diff.*.textconv",
    "merge.*.driver",
    "filter.*",
    "credential.*",
    "gpg.program",
    "gpg.*.program",
    "sequence.editor",
    "difftool.*",
    "mergetool.*",
    "diff.tool",
    "merge.tool",
    "browser.*",
    "web.browser",
    "man.*",
    "include.path",
    "includeif.*",
    "protocol.*",
    "remote.*.uploadpack",
    "remote.*.receivepack",
    "remote.*.vcs",
    "url.*",
    "sendemail.*",
    "interactive.difffilter",
    "trailer.*",
    "uploadpack.packobjectshook",
    "init.templatedir",
    "submodule.*.update",
    "http.proxy",
    "http.sslverify",
    "imap.tunnel",
    "guitool.*",
    "instaweb.*",
    "ssh.variant",
    "receive.*",
    "fetch.recursesubmodules",
    "core.worktree",
    "core.gitdir",
    "safe.directory",
];

/// Verbs, their first word, options of which one must be there, and the rule. The first that matches counts.
const VERBS: &[(&str, &str, &[&str], &str)] = &[
    ("push|send-email|request-pull|imap-send|send-pack|svn|p4", "", &[], "push"),
    ("lfs", "push", &[], "push"),
    ("remote", "add|set-url|rename|remove|rm|set-head|update|prune", &[], "git-settings"),
    ("submodule", "add|set-url", &[], "git-settings"),
    ("credential|credential-store|credential-cache", "", &[], "secret"),
    ("branch", "", &["-d", "-D", "--delete", "--force", "-f", "-M"], "shared-history"),
    ("tag", "", &["-d", "--delete", "--force", "-f"], "shared-history"),
    ("stash", "drop|clear", &[], "shared-history"),
    ("reflog", "expire|delete", &[], "shared-history"),
    ("worktree", "remove|prune|move|repair|add", &[], "shared-history"),
    ("gc", "", &["--prune"], "shared-history"),
    (
        "update-ref|prune|filter-branch|filter-repo|replace|pack-refs|repack|unpack-objects|fast-import",
        "",
        &[],
        "shared-history",
    ),
    (
        "hook|daemon|instaweb|gui|citool|web--browse|shell|http-backend|remote-ext",
        "",
        &[],
        "hidden-command",
    ),
];

/// Verbs, and those of their options that name a program or settings.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("clone", &["--upload-pack", "-u", "--template", "--config", "-c"]),
    ("fetch|pull|ls-remote|fetch-pack", &["--upload-pack"]),
    ("push|send-pack", &["--receive-pack", "--exec"]),
    ("archive", &["--exec", "--remote"]),
    ("rebase", &["--exec", "-x"]),
    ("difftool|mergetool", &["--extcmd", "-x", "--tool"]),
    ("init", &["--template"]),
    ("grep", &["--open-files-in-pager"]),
];

/// Verbs that change the repository or the files in it.
#[rustfmt::skip]
const CHANGES: &[&str] = &[
    "clean", "reset", "checkout", "restore", "rm", "mv", "commit", "merge", "rebase", "pull", "apply", "am", "cherry-pick", "revert", "switch", "stash", "add", "gc", "branch", "tag",
];

/// Whether one of these options or words was given, also as `--option=value` or in a cluster of letters.
fn has(args: &[Arg], words: &[&str]) -> bool {
    args.iter().any(|arg| {
        arg.any(|text| {
            words.iter().any(|word| {
                let letter =
                    word.chars().nth(1).filter(|_| word.len() == 2 && word.starts_with('-'));
                text == *word
                    || word.starts_with("--")
                        && text.strip_prefix(word).is_some_and(|rest| rest.starts_with('='))
                    || letter.is_some_and(|letter| {
                        text.starts_with('-') && !text.starts_with("--") && text.contains(letter)
                    })
            })
        })
    })
}

fn running(setting: &str) -> bool {
    let setting = setting.to_lowercase();
    RUNNING_SETTINGS.iter().any(|pattern| match pattern.split_once('*') {
        Some((head, end)) => setting.starts_with(head) && setting.ends_with(end),
        None => setting == *pattern,
    })
}

impl Walk<'_> {
    pub(super) fn git(&mut self, rest: &[Arg], place: Option<Place>) -> Flow {
        let given = arguments(
            rest,
            &[
                "-C",
                "-c",
                "--git-dir",
                "--work-tree",
                "--namespace",
                "--exec-path",
                "--config-env",
                "--super-prefix",
            ],
            true,
        );
        for setting in given.values(&["-c", "--config-env"]).cloned().collect::<Vec<_>>() {
            self.setting(&setting, place);
        }
        for option in ["--exec-path", "--config-env", "--git-dir"] {
            if given.values(&[option]).next().is_some() {
                self.hit("hidden-command", option, place);
            }
        }
        let before = (self.cwd.clone(), self.strayed);
        for folder in given.values(&["-C", "--work-tree"]).cloned().collect::<Vec<_>>() {
            let located = folder.text().and_then(|text| self.located(text));
            if let (Some(text), Some(path)) = (folder.text(), &located) {
                self.strayed = self.strays(text, path);
            }
            self.cwd = located;
        }
        let flow = match given.operands.split_first() {
            Some((verb, rest)) => match verb.text() {
                Some(word) => self.verb(word, rest, place),
                None => {
                    self.computed(verb);
                    Flow::Unknown
                }
            },
            None => Flow::Unknown,
        };
        (self.cwd, self.strayed) = before;
        flow
    }

    fn setting(&mut self, setting: &Arg, place: Option<Place>) {
        match setting.text() {
            Some(text) => {
                let (key, value) = text.split_once('=').unwrap_or((text, ""));
                let tame =
                    ["cat", "less", "more", "true", ":", "", "false", "never", "0", "delta", "bat"]
                        .contains(&value)
                        && !key.to_lowercase().starts_with("alias.");
                if running(key) && !tame {
                    self.hit("hidden-command", text, place);
                }
            }
            None => self.hit("hidden-command", setting.shown.clone(), place),
        }
    }

    fn verb(&mut self, verb: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        self.programs_of(verb, rest, place);
        let first = rest.iter().find(|arg| !arg.option()).and_then(Arg::text);
        let first = first.unwrap_or_default();
        let rule = VERBS.iter().find(|(verbs, words, options, _)| {
            named(verbs, verb)
                && (words.is_empty() || named(words, first))
                && (options.is_empty() || has(rest, options))
        });
        if let Some(rule) = rule.and_then(|(.., rule)| super::rules::find(rule)) {
            self.hit(rule.name, format!("{verb} {first}").trim_end().to_owned(), place);
        }
        if CHANGES.contains(&verb) {
            self.changes_outside(place);
        }
        match verb {
            "config" => self.config(rest, place),
            "symbolic-ref" if rest.iter().filter(|arg| !arg.option()).count() > 1 => {
                self.hit("shared-history", verb, place);
            }
            "checkout-index" | "archive" | "format-patch" | "bundle" | "clone" | "init" => {
                self.git_writes(verb, rest);
            }
            "submodule" if first == "foreach" => {
                let words: Vec<Arg> =
                    rest.iter().filter(|arg| !arg.option()).skip(1).cloned().collect();
                self.shell_words(&words, place);
            }
            "bisect" if first == "run" => {
                let words: Vec<Arg> =
                    rest.iter().skip_while(|arg| !arg.is("run")).skip(1).cloned().collect();
                return self.deeper(place, |walk| walk.argv(&words));
            }
            "ls-files" => return self.names_below(&[Arg::known(".", place)]),
            "grep" | "diff" if has(rest, &["--name-only", "-l", "--files-with-matches"]) => {
                return self.names_below(&[Arg::known(".", place)]);
            }
            "rev-parse" if has(rest, &["--show-toplevel"]) => {
                return Flow::Text(self.scope.worktree.display().to_string());
            }
            "rev-parse" | "describe" | "rev-list" | "merge-base" => return Flow::Tame,
            _ => {}
        }
        Flow::Unknown
    }

    /// Options that name a program.
    fn programs_of(&mut self, verb: &str, rest: &[Arg], place: Option<Place>) {
        let options = PROGRAMS.iter().find(|(verbs, _)| named(verbs, verb));
        let options = options.map_or(&[] as &[&str], |(_, options)| options);
        if verb == "rebase" {
            let given = arguments(rest, options, false);
            for text in given.values(options).cloned().collect::<Vec<_>>() {
                self.text_of(&text);
            }
        } else if has(rest, options) {
            self.hit("hidden-command", verb, place);
        }
        let other = |text: &str| {
            text.starts_with("ext::")
                || text.contains("=ext::")
                || verb == "grep" && text.starts_with("-O")
        };
        if rest.iter().any(|arg| arg.any(other)) {
            self.hit("hidden-command", verb, place);
        }
    }

    fn config(&mut self, rest: &[Arg], place: Option<Place>) {
        let words: Vec<&str> =
            rest.iter().filter(|arg| !arg.option()).filter_map(Arg::text).collect();
        let words = match words.split_first() {
            Some((&("set" | "unset" | "get" | "list"), rest)) => rest,
            _ => &words,
        };
        let asks = ["--get", "--get-all", "--list", "-l", "--get-regexp", "--get-urlmatch"];
        let changes =
            ["--unset", "--unset-all", "--edit", "-e", "--remove-section", "unset", "edit"];
        let reads = has(rest, &asks)
            || has(rest, &["get", "list"])
            || words.len() < 2 && !has(rest, &changes);
        let global = ["--global", "--system", "--file", "-f", "--edit", "-e"];
        if has(rest, &global) && !reads {
            self.hit("git-settings", words.join(" "), place);
        } else if !reads && words.first().is_some_and(|key| running(key))
            || rest.iter().any(|arg| arg.open)
        {
            self.hit("hidden-command", words.join(" "), place);
        }
    }

    /// A change in a repository that is not the run's.
    fn changes_outside(&mut self, place: Option<Place>) {
        let Some(folder) = self.cwd.clone() else {
            return self.hit("computed-operand", "an unknown folder", place);
        };
        let temporary = self.scope.write.iter().any(|write| folder.starts_with(write));
        if !folder.starts_with(&self.scope.worktree) && (self.strayed || !temporary) {
            self.hit("write-outside", folder.display().to_string(), place);
        }
    }

    /// `git clone URL FOLDER`, `git archive -o FILE`, …
    fn git_writes(&mut self, verb: &str, rest: &[Arg]) {
        let given = arguments(
            rest,
            &[
                "-o",
                "--output",
                "--output-directory",
                "-b",
                "--branch",
                "--depth",
                "--prefix",
                "-j",
                "--reference",
                "--origin",
                "--format",
            ],
            false,
        );
        if verb != "clone" {
            for target in
                given.values(&["-o", "--output", "--output-directory"]).cloned().collect::<Vec<_>>()
            {
                self.writes(&target);
            }
        }
        let folder = match verb {
            "clone" => given.operands.get(1),
            "init" => given.operands.first(),
            "bundle" => given
                .operands
                .get(1)
                .filter(|_| given.operands.first().is_some_and(|arg| arg.is("create"))),
            _ => None,
        };
        if let Some(folder) = folder.cloned() {
            self.writes(&folder);
        }
    }

    /// Words that are handed to a shell as one text.
    fn shell_words(&mut self, words: &[Arg], place: Option<Place>) {
        let texts: Option<Vec<&str>> = words.iter().map(Arg::text).collect();
        match texts {
            Some(texts) => {
                self.nested(&texts.join(" "), place);
            }
            None => self.hit("computed-command", "", place),
        }
    }
}
