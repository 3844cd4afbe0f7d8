//! Variables that decide which programs run.

use super::Place;
use super::shell::Walk;
use super::word::Arg;

/// Variables that are asked about whatever they are set to.
#[rustfmt::skip]
const ALWAYS: &[&str] = &[
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_CONFIG", "BASH_ENV", "ENV", "ZDOTDIR", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "CDPATH", "GLOBIGNORE",
    "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "PYTHONBREAKPOINT", "PYTHONUSERBASE", "PERL5OPT", "PERL5LIB", "PERLLIB", "PERL5DB", "RUBYOPT", "RUBYLIB",
    "LESSOPEN", "LESSCLOSE", "BROWSER", "SSH_ASKPASS", "SUDO_ASKPASS", "GCONV_PATH", "NLSPATH", "HOSTALIASES", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC",
    "CARGO_BUILD_RUSTC_WRAPPER", "MAKEFILES", "TAR_OPTIONS", "RSYNC_RSH", "CVS_RSH", "TERMINFO", "TERMCAP", "INPUTRC", "WGETRC", "CURL_HOME", "OPENSSL_CONF", "OPENSSL_MODULES",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HISTFILE", "ERL_FLAGS", "R_PROFILE", "R_PROFILE_USER", "LUA_INIT", "NODE_PATH", "PHPRC", "PHP_INI_SCAN_DIR", "DOCKER_HOST", "KUBECONFIG",
    "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "HOME", "USERPROFILE", "XDG_CONFIG_HOME", "NPM_CONFIG_SCRIPT_SHELL", "npm_config_script_shell", "NPM_CONFIG_REGISTRY",
    "npm_config_registry", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "CARGO_HOME", "GOPROXY",
];

/// Variables that may have these values.
#[rustfmt::skip]
const UNLESS: &[(&[&str], &[&str])] = &[
    (&["PAGER", "MANPAGER", "GIT_PAGER", "SYSTEMD_PAGER", "DELTA_PAGER", "BAT_PAGER", "GH_PAGER", "AWS_PAGER"], &["cat", "less", "more", "", "true", ":", "less -R", "less -FRX"]),
    (&["EDITOR", "VISUAL", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"], &["true", ":", "cat", "vi", "vim", "nano", ""]),
    (&["IFS"], &["", "\n", ",", ":", "\t", " ", "\n\t", " \t\n", "=", "|", ";", "/", "."]),
    (&["SHELL"], &["/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/zsh", "/usr/bin/zsh"]),
    (&["MAKEFLAGS", "MFLAGS"], &["-j", "-j1", "-j2", "-j4", "-j8", "-j16", "-s", "-k", "--silent", "--no-print-directory"]),
];

/// Variables that are asked about if they contain one of these parts.
#[rustfmt::skip]
const PARTS: &[(&[&str], &[&str])] = &[
    (&["PS0", "PS1", "PS2", "PS4"], &["$(", "`"]),
    (&["NODE_OPTIONS"], &["-r ", "-r=", "--require", "--import", "--loader", "--experimental-loader", "--inspect"]),
    (&["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CFLAGS", "CXXFLAGS", "LDFLAGS"], &["linker=", "-fplugin", "-wrapper"]),
    (&["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "MAVEN_OPTS", "GRADLE_OPTS"], &["agent", "OnOutOfMemory", "OnError", "@"]),
    (&["GOFLAGS"], &["exec"]),
    (&["PYTHONPATH"], &["/tmp", "/dev/shm"]),
];

/// Variables of git, or of scripts about git, that start nothing.
#[rustfmt::skip]
const GIT_HARMLESS: &[&str] = &[
    "GIT_TERMINAL_PROMPT", "GIT_PAGER_IN_USE", "GIT_OPTIONAL_LOCKS", "GIT_LFS_SKIP_SMUDGE", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_SHA", "GIT_COMMIT",
    "GIT_BRANCH", "GIT_TAG", "GIT_REF", "GIT_REPO", "GIT_ROOT", "GIT_HASH", "GIT_REV", "GIT_VERSION", "GIT_USER", "GIT_STATUS", "GIT_URL", "GIT_DATE", "GIT_MERGE_AUTOEDIT",
];

/// Folders of a home into which only the person installs programs.
#[rustfmt::skip]
const MINE: &[&str] = &[
    ".cargo/bin", ".local/bin", "go/bin", ".npm-global/bin", ".bun/bin", ".deno/bin", ".rbenv", ".pyenv", ".nvm", ".volta/bin", ".asdf", ".local/share", ".rustup",
    ".poetry/bin", ".yarn/bin", ".dotnet", ".juliaup", ".ghcup/bin", ".opam",
];

impl Walk<'_> {
    /// A variable of the environment is set: for this shell, or for what it starts.
    pub(super) fn environment(&mut self, name: &str, value: &Arg, place: Option<Place>) {
        for text in &value.values {
            self.embedded(text, place);
        }
        let tame = |words: &[&str]| {
            !value.open && value.values.iter().all(|text| words.contains(&text.as_str()))
        };
        let unless = UNLESS.iter().find(|(names, _)| names.contains(&name));
        let parts = PARTS.iter().find(|(names, _)| names.contains(&name));
        let risky = match name {
            "PATH" => !self.known_path(value),
            _ if ALWAYS.contains(&name) => true,
            _ if let Some((_, words)) = unless => !tame(words),
            _ if let Some((_, parts)) = parts => {
                let shown = [&value.shown];
                let mut texts = value.values.iter().chain(shown);
                texts.any(|text| parts.iter().any(|part| text.contains(part)))
                    || value.open && ["NODE_OPTIONS", "RUSTFLAGS"].contains(&name)
            }
            _ if name.starts_with("DYLD_") || name.starts_with("BASH_FUNC_") => true,
            _ if name.starts_with("GIT_") => {
                !(name.starts_with("GIT_AUTHOR_")
                    || name.starts_with("GIT_COMMITTER_")
                    || name.starts_with("GIT_TRACE") && tame(&["0", "1", "2", "true", "false"])
                    || GIT_HARMLESS.contains(&name))
            }
            _ => {
                name.starts_with("CARGO_TARGET_")
                    && (name.ends_with("_RUNNER") || name.ends_with("_LINKER"))
            }
        };
        if risky {
            self.hit("environment", name, place);
        }
    }

    /// `PATH` may keep what it has and get folders into which only the person installs programs, or the project's own.
    pub(super) fn known_path(&self, value: &Arg) -> bool {
        let shown =
            if value.values.is_empty() { vec![value.shown.clone()] } else { value.values.clone() };
        let home = self.scope.home.display().to_string();
        (value.raw.contains("$PATH") || value.raw.contains("${PATH") || !value.open)
            && !shown.is_empty()
            && shown.iter().all(|text| {
                text.split(':').all(|part| {
                    part.contains('\u{FFFD}') && part.chars().count() == 1
                        || [
                            "/usr",
                            "/bin",
                            "/sbin",
                            "/opt",
                            "/nix/store",
                            "/snap/bin",
                            "/Applications",
                        ]
                        .iter()
                        .any(|folder| part == *folder || part.starts_with(&format!("{folder}/")))
                        || MINE.iter().any(|folder| part.starts_with(&format!("{home}/{folder}")))
                        || part.ends_with("node_modules/.bin") && !part.starts_with("/tmp")
                })
            })
    }
}
