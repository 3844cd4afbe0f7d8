//! What commands do to files.

use super::option::{Arguments, arguments, tail};
use super::path::{self, Finding};
use super::shell::{Flow, Walk};
use super::table::{FILES, READERS, RECURSIVE, Role, TALKERS, WRITING_OPTIONS};
use super::word::{Arg, TAME};
use std::path::Path;

/// Whether `name` is one of `names`, which stand side by side with `|`.
pub(super) fn named(names: &str, name: &str) -> bool {
    names.split('|').any(|one| one == name)
}

/// Parts of names that only secrets have; for paths of which the beginning is not known.
const TELLING: &[&str] = &[
    "/.ssh",
    "/.aws/",
    "/.gnupg",
    "/etc/shadow",
    "id_rsa",
    "id_ed25519",
    "/.netrc",
    "/.git-credentials",
    "/.kube/config",
    "/.orkestra/",
    "/environ",
];

impl Walk<'_> {
    /// A file is written whose name is `arg`.
    pub(super) fn writes(&mut self, arg: &Arg) {
        self.touches(arg, false);
    }

    /// A file or folder is removed.
    pub(super) fn deletes(&mut self, arg: &Arg) {
        self.touches(arg, true);
    }

    fn touches(&mut self, arg: &Arg, delete: bool) {
        if let Some(Flow::Files(roots)) = &arg.flow
            && arg.values.is_empty()
        {
            for root in roots.clone() {
                self.touched(&root.join(TAME.to_string()), delete, arg);
            }
            return;
        }
        for value in &arg.values {
            match self.located(value) {
                // A glob at the root of something is that something.
                Some(path) if self.strays(value, &path) => {
                    let rule = if delete { "delete-outside" } else { "write-outside" };
                    self.hit(rule, path.display().to_string(), arg.place);
                }
                Some(path) => {
                    let own = value.contains(&format!("{TAME}/{TAME}"));
                    let named = (value.starts_with('/') && !own) || self.strayed;
                    if named && path::common(self.scope) && path.starts_with(&self.scope.worktree) {
                        self.hit("broad-folder", path.display().to_string(), arg.place);
                    }
                    self.touched(&path, delete, arg);
                }
                None => self.hit(
                    "computed-operand",
                    format!("the folder of {value} is not known"),
                    arg.place,
                ),
            }
        }
        if arg.open {
            self.hit("computed-operand", arg.shown.clone(), arg.place);
        }
    }

    /// Whether a relative name leads out of the worktree. The folder for temporary files may be written, but whoever means it names it: a worktree
    /// may lie in it, beside those of others.
    pub(super) fn strays(&self, text: &str, path: &Path) -> bool {
        let from_inside = self.strayed
            || self.cwd.as_ref().is_some_and(|cwd| cwd.starts_with(&self.scope.worktree));
        !text.starts_with('/') && from_inside && !path.starts_with(&self.scope.worktree)
    }

    fn touched(&mut self, path: &Path, delete: bool, arg: &Arg) {
        if delete && path::is_root_of_scope(path, self.scope) {
            return self.hit("delete-everything", path.display().to_string(), arg.place);
        }
        if let Some(found) = path::write(path, self.scope) {
            let rule =
                if delete && found.rule == "write-outside" { "delete-outside" } else { found.rule };
            self.found(Finding { rule, ..found }, arg.place);
        }
    }

    /// A file is read whose name is `arg`.
    pub(super) fn reads(&mut self, arg: &Arg) {
        self.looks(arg, false, true);
    }

    fn looks(&mut self, arg: &Arg, recursive: bool, project: bool) {
        if let Some(Flow::Files(roots)) = &arg.flow {
            for root in roots.clone() {
                if path::covers_hidden(&root, self.scope) {
                    self.hit("secret-nearby", root.display().to_string(), arg.place);
                }
            }
        }
        for value in &arg.values {
            if value.len() > 4_096 || value.contains('\n') {
                continue;
            }
            if let Some(path) = self.located(value) {
                if let Some(found) = path::read(&path, self.scope)
                    && (project || found.rule != "project-secret")
                {
                    self.found(found, arg.place);
                } else if (recursive || arg.glob)
                    && (value.starts_with('/') || !path.starts_with(&self.scope.worktree))
                    && path::covers_hidden(&globless(&path), self.scope)
                {
                    self.hit("secret-nearby", path.display().to_string(), arg.place);
                }
            } else if TELLING.iter().any(|part| value.contains(part)) {
                self.hit("secret", value.clone(), arg.place);
            }
        }
        if arg.open && TELLING.iter().any(|part| arg.shown.contains(part)) {
            self.hit("secret", arg.shown.clone(), arg.place);
        }
    }

    /// Every argument of every program may name a file that is read. Programs that only print their arguments are left out.
    pub(super) fn looked_at(&mut self, name: &str, args: &[Arg]) {
        if TALKERS.contains(&name) {
            return;
        }
        let project = READERS.contains(&name);
        let recursive = RECURSIVE.iter().any(|(names, options)| {
            named(names, name)
                && (options.is_empty()
                    || args.iter().any(|arg| {
                        arg.any(|text| {
                            options.contains(&text)
                                || text.len() > 1
                                    && text.starts_with('-')
                                    && !text.starts_with("--")
                                    && options.iter().any(|option| {
                                        option.len() == 2
                                            && text.contains(option.get(1..).unwrap_or("-"))
                                    })
                        })
                    }))
        });
        for arg in args {
            self.looks(arg, recursive && !arg.option(), project);
            for text in &arg.values {
                // `--key=FILE`, `if=FILE`, `@FILE`, `-iFILE`, `host:FILE`, `file://FILE`.
                let starts = [
                    text.find('=').map(|at| at + 1),
                    text.find('@').map(|at| at + 1),
                    text.find(':').map(|at| at + 1),
                    text.find("file://").map(|at| at + 7),
                    (text.starts_with('-') && text.len() > 2).then_some(2),
                ];
                for at in starts.into_iter().flatten() {
                    if text.get(at..).is_some_and(|rest| {
                        rest.starts_with(['/', '.', '~']) || rest.contains("/.")
                    }) {
                        let part = tail(
                            &Arg { values: vec![text.clone()], open: false, ..arg.clone() },
                            at,
                        );
                        self.looks(&self.with_home(&part), recursive, project);
                    }
                }
            }
        }
    }

    /// Many programs expand `~` themselves, behind an `=`.
    fn with_home(&self, arg: &Arg) -> Arg {
        let values = arg
            .values
            .iter()
            .map(|text| match text.strip_prefix("~/") {
                Some(rest) => self.scope.home.join(rest).display().to_string(),
                None => text.clone(),
            })
            .collect();
        Arg { values, ..arg.clone() }
    }

    /// Programs whose arguments are files: removed, written, copied.
    pub(super) fn files(&mut self, name: &str, args: &[Arg]) {
        for (names, options) in WRITING_OPTIONS {
            if named(names, name) {
                let given = arguments(args, options, false);
                for value in given.values(options) {
                    if !value.is("-") {
                        self.writes(value);
                    }
                }
            }
        }
        let Some((_, role, valued)) = FILES.iter().find(|(program, ..)| *program == name) else {
            return;
        };
        let mut given = arguments(args, valued, false);
        let target = given.values(&["-t", "--target-directory"]).next().cloned();
        match role {
            Role::Remove => {
                for arg in &given.operands {
                    self.deletes(arg);
                }
            }
            Role::Write => {
                for arg in &given.operands {
                    self.writes(arg);
                }
                if name == "tee" || name == "sponge" {
                    let input = self.input.clone();
                    let append = given.has(&["-a", "--append"]);
                    for path in given
                        .operands
                        .iter()
                        .filter_map(|arg| self.located(arg.text()?))
                        .collect::<Vec<_>>()
                    {
                        self.remember(path, &input, append);
                    }
                }
            }
            Role::WriteRest => self.mode(name, &given),
            Role::Copy | Role::Move => {
                let target = match target {
                    Some(target) => Some(target),
                    None if given.operands.len() > 1 => given.operands.pop(),
                    // `ln -s FILE` makes a link in the folder that it is in.
                    None => None,
                };
                if let Some(target) = &target {
                    self.writes(target);
                    self.copied(&given, target);
                }
                for arg in &given.operands {
                    if *role == Role::Move {
                        self.deletes(arg);
                    } else if name == "ln" || name == "link" {
                        self.linked(arg);
                    }
                }
                if name == "install" || name == "cp" {
                    self.rights(given.values(&["-m", "--mode"]).cloned().collect());
                }
            }
        }
    }

    /// What a copy of a fresh file is.
    fn copied(&mut self, given: &Arguments, target: &Arg) {
        let [source] = given.operands.as_slice() else { return };
        let content = match source
            .text()
            .and_then(|text| self.located(text))
            .filter(|path| self.fresh.contains_key(path))
        {
            Some(_) => self.content(source),
            None => match &source.flow {
                Some(flow) => flow.clone(),
                None => return,
            },
        };
        if let Some(path) = target.text().and_then(|text| self.located(text)) {
            self.remember(path, &content, false);
        }
    }

    /// A link to what may not be written is a way to write it later.
    fn linked(&mut self, arg: &Arg) {
        for value in &arg.values {
            if let Some(path) = self.located(value) {
                let hidden = path::covers_hidden(&path, self.scope) || path == Path::new("/");
                let key = path::write(&path, self.scope).filter(|found| {
                    found.rule != "write-outside" && found.rule != "project-control"
                });
                if hidden || key.is_some() {
                    self.hit("secret-nearby", path.display().to_string(), arg.place);
                }
            }
        }
    }

    /// `chmod`, `chown` and their kin.
    fn mode(&mut self, name: &str, given: &Arguments) {
        // A mode may look like an option: `chmod -x file`, `chmod -R 777 .`.
        let mode_as_option = given.options.iter().any(|one| {
            name == "chmod"
                && one.name.len() > 1
                && one.name.chars().skip(1).all(|letter| "rwxstX".contains(letter))
                && one.value.is_none()
        });
        let (first, rest) = match given.operands.split_first() {
            Some((first, rest))
                if !mode_as_option && !given.has(&["--reference", "-m", "-x", "-M", "-X"]) =>
            {
                (Some(first), rest)
            }
            _ => (None, given.operands.as_slice()),
        };
        for arg in rest {
            self.writes(arg);
        }
        if name == "chown" || name == "chgrp" {
            let rule = if given.has(&["-R", "--recursive"]) { "change-owner" } else { "sudo" };
            self.hit(rule, "", first.and_then(|arg| arg.place));
        } else if let Some(first) = first {
            self.rights(vec![first.clone()]);
        }
    }

    fn rights(&mut self, modes: Vec<Arg>) {
        for mode in modes {
            if mode.open || mode.values.iter().any(|text| text.contains(TAME)) {
                self.hit("computed-operand", mode.shown.clone(), mode.place);
            }
            for text in &mode.values {
                let octal = u32::from_str_radix(text.trim_start_matches(['+', '=']), 8).ok();
                let everybody = octal.is_some_and(|bits| bits & 0o002 != 0)
                    || text.split(',').any(|clause| {
                        let who: String =
                            clause.chars().take_while(|letter| "ugoa".contains(*letter)).collect();
                        let what = clause.get(who.len()..).unwrap_or_default();
                        (who.is_empty() || who.contains(['o', 'a']))
                            && what.starts_with(['+', '='])
                            && what.contains('w')
                            && !(who.is_empty() && what == "+w")
                    });
                let other_user = octal.is_some_and(|bits| bits & 0o6000 != 0)
                    || text
                        .split(',')
                        .any(|clause| clause.contains(['+', '=']) && clause.contains('s'));
                if everybody {
                    self.hit("world-writable", text.clone(), mode.place);
                }
                if other_user {
                    self.hit("set-user-id", text.clone(), mode.place);
                }
            }
        }
    }
}

/// The path up to its first part with a wildcard.
fn globless(path: &Path) -> std::path::PathBuf {
    path.components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect()
}
