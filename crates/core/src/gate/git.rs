//! What `git` is asked to do: it pushes, it rewrites what other worktrees share, and many of its options and settings run programs.

use super::Place;
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
        let before = self.cwd.clone();
        for folder in given.values(&["-C", "--work-tree"]).cloned().collect::<Vec<_>>() {
            self.cwd = folder.text().and_then(|text| self.located(text));
        }
        let flow = match given.operands.split_first() {
            Some((verb, rest)) => match verb.text() {
                Some(word) => self.verb(&word.to_owned(), rest, place),
                None => {
                    self.computed(verb);
                    Flow::Unknown
                }
            },
            None => Flow::Unknown,
        };
        self.cwd = before;
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
        let has = |words: &[&str]| {
            rest.iter().any(|arg| {
                arg.any(|text| {
                    words.contains(&text)
                        || words.iter().any(|word| {
                            word.starts_with("--") && text.starts_with(&format!("{word}="))
                        })
                })
            })
        };
        let letter = |letter: char| {
            rest.iter().any(|arg| {
                arg.any(|text| {
                    text.starts_with('-') && !text.starts_with("--") && text.contains(letter)
                })
            })
        };
        let first = rest
            .iter()
            .find(|arg| !arg.option())
            .and_then(Arg::text)
            .unwrap_or_default()
            .to_owned();
        let outside = match &self.cwd {
            Some(folder) => {
                !folder.starts_with(&self.scope.worktree)
                    && !self.scope.write.iter().any(|write| folder.starts_with(write))
            }
            None => true,
        };
        // Options that name a program.
        let programs = [
            "--upload-pack",
            "-u",
            "--receive-pack",
            "--exec",
            "-x",
            "--extcmd",
            "--open-files-in-pager",
            "--ext-diff",
            "--template",
            "--config",
            "-c",
            "--tool",
            "--textconv",
            "--smtp-server",
        ];
        let of_verb: &[&str] = match verb {
            "clone" => &["--upload-pack", "-u", "--template", "--config", "-c"],
            "fetch" | "pull" | "ls-remote" | "fetch-pack" => &["--upload-pack"],
            "push" | "send-pack" => &["--receive-pack", "--exec"],
            "archive" => &["--exec", "--remote"],
            "rebase" => &["--exec", "-x"],
            "difftool" | "mergetool" => &["--extcmd", "-x", "--tool"],
            "init" => &["--template"],
            "grep" => &["--open-files-in-pager"],
            _ => &[],
        };
        debug_assert!(
            of_verb.iter().all(|option| programs.contains(option) || *option == "--remote")
        );
        if has(of_verb) {
            let given = arguments(rest, of_verb, false);
            let texts: Vec<Arg> = given.values(&["--exec", "-x", "--extcmd"]).cloned().collect();
            if verb == "rebase" && !texts.is_empty() {
                for text in texts {
                    self.text_of(&text);
                }
            } else {
                self.hit("hidden-command", verb, place);
            }
        }
        if verb == "grep" && rest.iter().any(|arg| arg.any(|text| text.starts_with("-O"))) {
            self.hit("hidden-command", verb, place);
        }
        if rest
            .iter()
            .any(|arg| arg.any(|text| text.starts_with("ext::") || text.contains("=ext::")))
        {
            self.hit("hidden-command", "ext::", place);
        }
        match verb {
            "push" | "send-email" | "request-pull" | "imap-send" | "send-pack" | "svn" | "p4"
            | "lfs"
                if verb != "lfs" || first == "push" =>
            {
                self.hit("push", verb, place)
            }
            "config" => {
                let words: Vec<&str> =
                    rest.iter().filter(|arg| !arg.option()).filter_map(Arg::text).collect();
                let words = if matches!(words.first(), Some(&("set" | "unset" | "get" | "list"))) {
                    words.get(1..).unwrap_or_default()
                } else {
                    &words
                };
                let reads = has(&[
                    "--get",
                    "--get-all",
                    "--list",
                    "-l",
                    "--get-regexp",
                    "get",
                    "list",
                    "--get-urlmatch",
                ]) || words.len() < 2
                    && !has(&[
                        "--unset",
                        "--unset-all",
                        "--edit",
                        "-e",
                        "--remove-section",
                        "unset",
                        "edit",
                    ]);
                if has(&["--global", "--system", "--file", "-f", "--edit", "-e"]) && !reads {
                    self.hit("git-settings", words.join(" "), place);
                } else if !reads && words.first().is_some_and(|key| running(key))
                    || rest.iter().any(|arg| arg.open)
                {
                    self.hit("hidden-command", words.join(" "), place);
                }
            }
            "remote"
                if ["add", "set-url", "rename", "remove", "rm", "set-head", "update", "prune"]
                    .contains(&first.as_str()) =>
            {
                self.hit("git-settings", first, place)
            }
            "credential" | "credential-store" | "credential-cache" => {
                self.hit("secret", verb, place)
            }
            "branch" if letter('D') || letter('d') || has(&["--delete", "--force", "-f", "-M"]) => {
                self.hit("shared-history", verb, place)
            }
            "tag" if letter('d') || has(&["--delete", "-f", "--force"]) => {
                self.hit("shared-history", verb, place)
            }
            "stash" if first == "drop" || first == "clear" => {
                self.hit("shared-history", first, place)
            }
            "reflog" if first == "expire" || first == "delete" => {
                self.hit("shared-history", first, place)
            }
            "worktree"
                if ["remove", "prune", "move", "repair", "add"].contains(&first.as_str()) =>
            {
                self.hit("shared-history", first, place)
            }
            "gc" if rest.iter().any(|arg| arg.any(|text| text.starts_with("--prune"))) => {
                self.hit("shared-history", verb, place)
            }
            "update-ref" | "prune" | "filter-branch" | "filter-repo" | "replace"
            | "symbolic-ref" | "pack-refs" | "repack" | "unpack-objects" | "fast-import"
                if verb != "symbolic-ref" || rest.len() > 1 =>
            {
                self.hit("shared-history", verb, place);
            }
            "checkout-index" | "archive" | "format-patch" | "bundle" | "clone" | "init" => {
                self.git_writes(verb, rest)
            }
            "submodule" if first == "foreach" => {
                let words: Vec<Arg> =
                    rest.iter().filter(|arg| !arg.option()).skip(1).cloned().collect();
                self.shell_words(&words, place);
            }
            "submodule" if first == "add" || first == "set-url" => {
                self.hit("git-settings", first, place)
            }
            "bisect" if first == "run" => {
                let words: Vec<Arg> =
                    rest.iter().skip_while(|arg| !arg.is("run")).skip(1).cloned().collect();
                return self.deeper(place, |walk| walk.argv(&words));
            }
            "hook" | "daemon" | "instaweb" | "gui" | "citool" | "web--browse" | "shell"
            | "http-backend" | "remote-ext" => self.hit("hidden-command", verb, place),
            "ls-files" | "grep" | "diff" if verb == "ls-files" || has(&["--name-only", "-l"]) => {
                return self.cwd.clone().map_or(Flow::Unknown, |folder| Flow::Files(vec![folder]));
            }
            "rev-parse" if has(&["--show-toplevel"]) => {
                return Flow::Text(self.scope.worktree.display().to_string());
            }
            "rev-parse" | "describe" | "rev-list" | "symbolic-ref" | "merge-base" => {
                return Flow::Tame;
            }
            _ => {}
        }
        let changes = [
            "clean",
            "reset",
            "checkout",
            "restore",
            "rm",
            "mv",
            "commit",
            "merge",
            "rebase",
            "pull",
            "apply",
            "am",
            "cherry-pick",
            "revert",
            "switch",
            "stash",
            "add",
            "gc",
            "branch",
            "tag",
        ];
        if outside && changes.contains(&verb) {
            let folder = self.cwd.as_ref().map_or_else(
                || "an unknown folder".to_owned(),
                |folder| folder.display().to_string(),
            );
            self.hit(
                if self.cwd.is_some() { "write-outside" } else { "computed-operand" },
                folder,
                place,
            );
        }
        Flow::Unknown
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
