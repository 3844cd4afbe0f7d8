//! What a run may read and write, by name. Names are resolved without looking at the disk: a symbolic link that leads out is the sandbox's to stop.

use super::{Decision, Scope, rules};
use std::path::{Component, Path, PathBuf};

/// What a rule found: its name, and what exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The name of a built-in rule.
    pub(super) rule: &'static str,
    /// What was found; empty when the rule's reason says it all.
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(rule: &'static str, what: impl Into<String>) -> Self {
        debug_assert!(rules::known(rule), "{rule} is not in the table");
        Self { rule, what: what.into() }
    }

    /// What the rule says where nobody changed it.
    pub(super) fn decision(&self) -> Decision {
        rules::decision(self.rule)
    }
}

/// Files and folders of a person's home that hold keys, credentials or traces of them.
const SECRETS: &[&str] = &[
    ".ssh",
    ".orkestra",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".kube",
    ".docker/config.json",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".git-credentials",
    ".config/git/credentials",
    ".config/gh",
    ".config/hub",
    ".config/glab-cli",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".mozilla",
    ".thunderbird",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/microsoft-edge",
    "Library/Keychains",
    "Library/Cookies",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Firefox",
    ".claude/.credentials.json",
    ".claude.json",
    ".codex/auth.json",
    ".gemini/oauth_creds.json",
    ".gemini/google_accounts.json",
    ".config/op",
    ".op",
    ".bitwarden",
    ".config/Bitwarden CLI",
    ".vault-token",
    ".terraform.d/credentials.tfrc.json",
    ".terraformrc",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".pgpass",
    ".my.cnf",
    ".s3cfg",
    ".boto",
    ".config/rclone",
    ".rclone.conf",
    ".electrum",
    ".bitcoin",
    ".ethereum",
    ".config/solana",
    ".local/share/signal-cli",
    ".config/Signal",
    ".age",
    ".config/sops",
    ".fly",
    ".config/doctl",
    ".heroku",
    ".huggingface/token",
    ".cache/huggingface/token",
    ".config/anthropic",
    ".config/openai",
    ".Xauthority",
];

/// The same, of the machine.
const SYSTEM_SECRETS: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/krb5.keytab",
    "/etc/wireguard",
    "/etc/NetworkManager/system-connections",
    "/run/secrets",
    "/var/run/secrets",
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd",
    "/var/lib/docker",
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/proc/kcore",
];

/// Files that a shell or a session reads at its start.
const STARTUP: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".inputrc",
    ".xinitrc",
    ".xsession",
    ".xprofile",
    ".config/fish",
    ".config/autostart",
    ".config/systemd",
    ".local/share/systemd",
    ".config/environment.d",
    "Library/LaunchAgents",
    ".vimrc",
    ".config/nvim",
    ".emacs",
    ".emacs.d",
    ".gitconfig",
    ".config/git",
    ".tmux.conf",
    ".screenrc",
    ".pam_environment",
    ".local/bin",
    ".cargo/config.toml",
    ".cargo/config",
    ".cargo/bin",
    ".pip",
    ".config/pip",
    ".condarc",
    ".pythonrc.py",
    ".irbrc",
    ".gdbinit",
    ".ackrc",
];

/// Devices that everybody may write: they keep nothing.
const HARMLESS_DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/stdin",
    "/dev/tty",
];

/// What in a project decides what is run later, by people's tools or by continuous integration.
const CONTROL: &[&str] = &[
    ".github/workflows",
    ".github/actions",
    ".gitlab-ci.yml",
    ".circleci",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker",
    ".woodpecker.yml",
    "Jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    ".buildkite",
    ".husky",
    ".githooks",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".claude",
    ".codex",
    ".gemini",
    ".cursor",
    ".windsurf",
    ".aider.conf.yml",
    ".opencode",
    ".mcp.json",
    ".vscode",
    ".idea",
    ".envrc",
    ".devcontainer",
    ".gitmodules",
    ".gitattributes",
    "orkestra.yaml",
];

/// The name without `.`, `..` and doubled slashes, from `folder` if it is relative. Names that the kernel makes for "my root" and "my folder"
/// are replaced by what they mean.
pub(super) fn resolve(path: &Path, folder: &Path) -> PathBuf {
    let plain = tidy(&folder.join(path));
    let parts: Vec<String> = plain
        .components()
        .skip(1)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.first().is_some_and(|first| first == "proc") && parts.len() >= 3 {
        // /proc/self/task/7/root is as good as /proc/self/root.
        let at = if parts.get(2).is_some_and(|word| word == "task") { 4 } else { 2 };
        let rest: PathBuf = parts.iter().skip(at + 1).collect();
        match parts.get(at).map(String::as_str) {
            Some("root") => return resolve(&Path::new("/").join(rest), Path::new("/")),
            Some("cwd") => return resolve(&tidy(folder).join(rest), Path::new("/")),
            _ => {}
        }
    }
    plain
}

fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                out.pop();
            }
            Component::RootDir => out = PathBuf::from("/"),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

/// Whether `path` is `folder` or below it: by components, so that `/work-evil` is not below `/work`, and without regard to the case of ASCII
/// letters, since some file systems have none.
fn within(path: &Path, folder: &Path) -> bool {
    let mut parts = path.components();
    folder.components().all(|expected| {
        parts.next().is_some_and(|part| part.as_os_str().eq_ignore_ascii_case(expected.as_os_str()))
    })
}

/// Whether `path` is exactly within `folder` as written.
fn inside(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder)
}

/// The home folder that `path` is in, of this person or of any other, and the part below it.
fn below_home(path: &Path, scope: &Scope) -> Option<(PathBuf, PathBuf)> {
    if let Ok(rest) = path.strip_prefix(&scope.home) {
        return Some((scope.home.clone(), rest.to_owned()));
    }
    for homes in ["/home", "/Users"] {
        if let Ok(rest) = path.strip_prefix(homes) {
            let mut parts = rest.components();
            let person = parts.next()?;
            return Some((Path::new(homes).join(person), parts.as_path().to_owned()));
        }
    }
    path.strip_prefix("/root").ok().map(|rest| (PathBuf::from("/root"), rest.to_owned()))
}

/// Whether `path` is in `folder` and not in a worktree that lies there itself.
fn shielded(path: &Path, folder: &Path, scope: &Scope) -> bool {
    within(path, folder) && !(inside(path, &scope.worktree) && within(&scope.worktree, folder))
}

/// Whether `path` is one of these files or folders of somebody's home.
fn of_home(path: &Path, list: &[&str], scope: &Scope) -> bool {
    below_home(path, scope).is_some_and(|(home, rest)| {
        list.iter().any(|entry| {
            within(&rest, Path::new(entry)) && shielded(path, &home.join(entry), scope)
        })
    })
}

/// Whether the run works in a folder of the system, or above all homes: then "in its folder" says nothing.
pub(super) fn broad(scope: &Scope) -> bool {
    let system = [
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/proc",
        "/run",
        "/sbin",
        "/sys",
        "/usr",
        "/var",
        "/Users",
        "/System",
        "/Library",
        "/Applications",
        "/usr/local",
        "/usr/bin",
        "/var/lib",
        "/private",
    ];
    system.iter().any(|folder| scope.worktree == Path::new(folder))
}

/// Whether the run works in a folder that others use too: a person's home, or that for temporary files. What it names by a relative name is its own
/// there; what it names from the root is perhaps somebody else's.
pub(super) fn common(scope: &Scope) -> bool {
    broad(scope)
        || within(&scope.home, &scope.worktree)
        || ["/tmp", "/opt", "/srv", "/root"]
            .iter()
            .any(|folder| scope.worktree == Path::new(folder))
}

/// The run's own folder and what it may write, even where they lie in a hidden folder.
fn own(path: &Path, scope: &Scope) -> bool {
    // A home that lies in the folder for temporary files is still somebody's home.
    let of_person = |folder: &Path| {
        within(&scope.home, folder) && (within(path, &scope.home) || within(&scope.home, path))
    };
    inside(path, &scope.worktree)
        || scope.write.iter().any(|folder| {
            inside(path, folder) && !within(folder, &scope.data) && !of_person(folder)
        })
}

/// May `path` (resolved) be read?
pub(super) fn read(path: &Path, scope: &Scope) -> Option<Finding> {
    let shown = path.display().to_string();
    if shielded(path, &scope.data, scope) {
        return Some(Finding::new("own-data", shown));
    }
    let host_key =
        within(path, Path::new("/etc/ssh")) && shown.contains("_key") && !shown.ends_with(".pub");
    let of_root =
        within(path, Path::new("/root")) && !inside(path, &scope.home) && !own(path, scope);
    let system = SYSTEM_SECRETS.iter().any(|entry| shielded(path, Path::new(entry), scope));
    if scope.hidden.iter().any(|folder| shielded(path, folder, scope))
        || of_home(path, SECRETS, scope)
        || host_key
        || of_root
        || system
        || process_secret(path)
        || disk(path)
    {
        return Some(Finding::new("secret", shown));
    }
    (inside(path, &scope.worktree) && project_secret(path))
        .then(|| Finding::new("project-secret", shown))
}

/// Environment and memory of processes.
fn process_secret(path: &Path) -> bool {
    inside(path, Path::new("/proc"))
        && path.file_name().is_some_and(|name| {
            ["environ", "mem", "auxv", "cmdline", "maps", "pagemap"]
                .iter()
                .any(|word| name == *word)
        })
        && path.components().count() >= 4
        && path != Path::new("/proc/self/maps")
}

/// A disk, below its file systems.
pub(super) fn disk(path: &Path) -> bool {
    let Ok(rest) = path.strip_prefix("/dev") else { return false };
    let name = rest.to_string_lossy();
    let starts = [
        "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "dm-", "md", "loop", "ram", "nbd", "zram",
        "disk", "rdisk", "mapper/", "block/", "sr", "mtd",
    ];
    starts.iter().any(|start| {
        name.strip_prefix(start).is_some_and(|rest| {
            start.ends_with('/')
                || *start == "disk"
                || rest.is_empty()
                || rest.starts_with(|letter: char| {
                    letter.is_ascii_alphanumeric()
                        || letter == '*'
                        || letter == '?'
                        || letter == '['
                })
        })
    })
}

/// Credentials that lie in projects.
fn project_secret(path: &Path) -> bool {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().to_lowercase()) else {
        return false;
    };
    let sample = ["example", "sample", "template", "dist", "test", "defaults"]
        .iter()
        .any(|word| name.ends_with(word));
    !sample
        && (name == ".env"
            || name.starts_with(".env.")
            || name == ".netrc"
            || name == ".npmrc"
            || name == ".pypirc"
            || name == ".git-credentials"
            || ["id_rsa", "id_ed25519", "id_ecdsa", "id_dsa"].contains(&name.as_str())
            || name == "credentials.json"
            || name.ends_with(".p12")
            || name.ends_with(".pfx")
            || name.ends_with(".keystore"))
}

/// Whether reading all below `path` would read what is hidden.
pub(super) fn covers_hidden(path: &Path, scope: &Scope) -> bool {
    if inside(path, &scope.worktree) && !common(scope) {
        return false;
    }
    within(&scope.home, path)
        || ["/home", "/Users"].iter().any(|homes| path == Path::new(homes))
        || within(&scope.data, path)
        || scope.hidden.iter().any(|folder| within(folder, path))
        || SYSTEM_SECRETS.iter().any(|entry| within(Path::new(entry), path))
        || below_home(path, scope)
            .is_some_and(|(_, rest)| SECRETS.iter().any(|entry| within(Path::new(entry), &rest)))
}

/// May `path` (resolved) be made, changed or removed?
pub(super) fn write(path: &Path, scope: &Scope) -> Option<Finding> {
    let shown = path.display().to_string();
    if HARMLESS_DEVICES.iter().any(|device| path == Path::new(device))
        || path.parent() == Some(Path::new("/dev/fd"))
        || path.parent() == Some(Path::new("/proc/self/fd"))
    {
        return None;
    }
    if inside(path, Path::new("/dev")) && !own(path, scope) {
        return Some(Finding::new("device", shown));
    }
    if shielded(path, &scope.data, scope) {
        return Some(Finding::new("own-data", shown));
    }
    if of_home(path, SECRETS, scope) {
        return Some(Finding::new("keys", shown));
    }
    if of_home(path, STARTUP, scope) {
        return Some(Finding::new("startup-files", shown));
    }
    if let Ok(rest) = path.strip_prefix(&scope.worktree) {
        return match write_inside(rest, &shown) {
            None if broad(scope) => Some(Finding::new("broad-folder", shown)),
            found => found,
        };
    }
    if own(path, scope) {
        return None;
    }
    Some(Finding::new("write-outside", shown))
}

/// A write in the worktree, `rest` being the name in it.
fn write_inside(rest: &Path, shown: &str) -> Option<Finding> {
    // Nested repositories count too: vendor/lib/.git/hooks is run by git as well.
    let parts: Vec<String> =
        rest.components().map(|part| part.as_os_str().to_string_lossy().to_lowercase()).collect();
    if let Some(at) = parts.iter().position(|part| part == ".git") {
        let guarded = match parts.get(at + 1).map(String::as_str) {
            None => true,
            Some(name) => [
                "hooks",
                "config",
                "config.worktree",
                "modules",
                "worktrees",
                "info",
                "objects",
                "refs",
            ]
            .contains(&name),
        };
        return guarded.then(|| Finding::new("git-internals", shown));
    }
    if CONTROL.iter().any(|entry| within(rest, Path::new(entry))) {
        return Some(Finding::new("project-control", shown));
    }
    None
}

/// Is `path` the very folder that the run works in or keeps its temporary files in? Removing it is another thing than removing what is in it.
pub(super) fn is_root_of_scope(path: &Path, scope: &Scope) -> bool {
    let all = path.file_name().is_some_and(|name| name == "*" || name == ".*");
    if all
        && path.parent().is_some_and(|folder| {
            scope.write.iter().any(|write| write == folder)
                || common(scope) && folder == scope.worktree
        })
    {
        return true;
    }
    path == scope.worktree || scope.write.iter().any(|folder| path == folder.as_path())
}
