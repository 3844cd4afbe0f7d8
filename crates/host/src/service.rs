//! Orkestra as a service of the machine's own supervisor: units of systemd, agents of launchd.
//!
//! The manager holds only the daemon. Units are held by shims, which live on when the daemon dies
//! and are taken over by the next one; so the manager must neither kill them with the daemon nor
//! take them for its own.

pub mod announce;

use crate::error::{Doing, Error};
use crate::program::{Captured, find_program, run_captured};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every file of ours has this line, and only such files are replaced or removed.
pub const MARK: &str = "Written by `orkestra service install`";
/// The daemon says that it turns twice in this time, or the manager starts it again.
const WATCHDOG_SECONDS: u64 = 60;
/// Adopting many units takes a while.
const START_SECONDS: u64 = 300;
/// Exit codes after which another start would fail in the same way: wrong usage, refused, wrong
/// configuration.
pub const HOPELESS: [u8; 3] = [2, 4, 5];
/// The manager's tools answer at once, but for a stop, which waits for the units.
const TOOL_PATIENCE: Duration = Duration::from_secs(600);
const TOOL_BYTES_MAX: usize = 64 * 1024;

/// Which supervisor holds the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Linux.
    Systemd,
    /// macOS.
    Launchd,
}

/// What is installed.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, without any suffix.
    pub name: String,
    /// For the whole machine, or for one user.
    pub system: bool,
    /// The user that a system service runs as; root without it.
    pub run_as: Option<String>,
    /// This program.
    pub program: PathBuf,
    /// The data folder.
    pub home: PathBuf,
    /// The configuration, if one was named or found.
    pub config: Option<PathBuf>,
    /// Variables that the daemon and its units get, such as PATH.
    pub env: Vec<(String, String)>,
    /// How long a stop of everything may take.
    pub stop_seconds: u64,
}

/// Where services live, from the environment.
#[derive(Debug, Clone)]
pub struct Places {
    /// The user's home.
    pub user_home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, if it is set.
    pub config_home: Option<PathBuf>,
}

impl Service {
    /// Words after the program, for one of its verbs.
    fn arguments(&self, verb: &str) -> Vec<String> {
        let mut words: Vec<_> = verb.split(' ').map(str::to_owned).collect();
        words.extend(["--home".to_owned(), self.home.display().to_string()]);
        if let Some(config) = self.config.as_ref().filter(|_| verb == "up") {
            words.extend(["--config".to_owned(), config.display().to_string()]);
        }
        words
    }

    /// The unit for systemd.
    pub fn systemd(&self) -> String {
        let line = |verb: &str| {
            let mut line = exec_path(&self.program.display().to_string());
            for word in self.arguments(verb) {
                line.push(' ');
                line += &exec_word(&word);
            }
            line
        };
        let mut out = format!("# {MARK}.\n[Unit]\n");
        out += "Description=Orkestra keeps programs and AI agents running\n";
        if self.system {
            out += "Wants=network-online.target\nAfter=network-online.target\n";
        }
        out += "\n[Service]\nType=notify\nNotifyAccess=main\n";
        let _never = writeln!(out, "ExecStart={}", line("up"));
        // It is also carried out after a daemon that ended by itself, and finds none then.
        let _never = writeln!(out, "ExecStop=-{}", line("down"));
        let _never = writeln!(out, "ExecReload={}", line("config reload"));
        let _never = writeln!(out, "WatchdogSec={WATCHDOG_SECONDS}");
        out += "Restart=on-failure\nRestartSec=1\n";
        let hopeless: Vec<_> = HOPELESS.iter().map(ToString::to_string).collect();
        let _never = writeln!(out, "RestartPreventExitStatus={}", hopeless.join(" "));
        out += "# Units outlive the daemon, and the next one takes them over.\nKillMode=process\nDelegate=yes\n";
        let _never = writeln!(out, "TimeoutStartSec={START_SECONDS}");
        let _never = writeln!(out, "TimeoutStopSec={}", self.stop_seconds);
        if let Some(user) = self.run_as.as_ref().filter(|_| self.system) {
            let _never = writeln!(out, "User={}", user.replace('%', "%%"));
        }
        for (name, value) in &self.env {
            let _never = writeln!(out, "Environment={}", quoted(&format!("{name}={value}")));
        }
        let home = quoted(&format!("ORKESTRA_HOME={}", self.home.display()));
        let _never = writeln!(out, "Environment={home}");
        let target = if self.system { "multi-user.target" } else { "default.target" };
        let _never = write!(out, "\n[Install]\nWantedBy={target}\n");
        out
    }

    /// The property list for launchd.
    pub fn launchd(&self) -> String {
        let text = |text: &str| format!("<string>{}</string>", escaped(text));
        let log = text(&self.home.join("logs/daemon.log").display().to_string());
        let mut words = vec![self.program.display().to_string()];
        words.extend(self.arguments("up"));
        let words: String = words.iter().map(|word| format!("\n    {}", text(word))).collect();
        let mut env = self.env.clone();
        env.push(("ORKESTRA_HOME".to_owned(), self.home.display().to_string()));
        let env: String = env
            .iter()
            .map(|(name, value)| format!("\n    <key>{}</key>{}", escaped(name), text(value)))
            .collect();
        let user = match self.run_as.as_ref().filter(|_| self.system) {
            Some(user) => format!("\n  <key>UserName</key>{}", text(user)),
            None => String::new(),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
             \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <!-- {MARK}. -->\n<plist version=\"1.0\">\n<dict>\n  \
             <key>Label</key>{label}\n  \
             <key>ProgramArguments</key>\n  <array>{words}\n  </array>\n  \
             <key>EnvironmentVariables</key>\n  <dict>{env}\n  </dict>{user}\n  \
             <key>RunAtLoad</key><true/>\n  \
             <key>KeepAlive</key>\n  <dict>\n    <key>SuccessfulExit</key><false/>\n  </dict>\n  \
             <key>AbandonProcessGroup</key><true/>\n  \
             <key>ExitTimeOut</key><integer>{stop}</integer>\n  \
             <key>StandardOutPath</key>{log}\n  \
             <key>StandardErrorPath</key>{log}\n</dict>\n</plist>\n",
            label = text(&self.label()),
            stop = self.stop_seconds,
        )
    }

    fn label(&self) -> String {
        format!("orkestra.{}", self.name)
    }

    /// The file's text.
    pub fn text(&self, manager: Manager) -> String {
        match manager {
            Manager::Systemd => self.systemd(),
            Manager::Launchd => self.launchd(),
        }
    }

    /// Where the file belongs.
    pub fn path(&self, manager: Manager, places: &Places) -> Option<PathBuf> {
        let home = places.user_home.as_ref();
        match (manager, self.system) {
            (Manager::Systemd, true) => {
                Some(PathBuf::from(format!("/etc/systemd/system/{}.service", self.name)))
            }
            (Manager::Systemd, false) => {
                let config = places.config_home.clone().or(home.map(|home| home.join(".config")))?;
                Some(config.join(format!("systemd/user/{}.service", self.name)))
            }
            (Manager::Launchd, true) => {
                Some(PathBuf::from(format!("/Library/LaunchDaemons/{}.plist", self.label())))
            }
            (Manager::Launchd, false) => {
                Some(home?.join(format!("Library/LaunchAgents/{}.plist", self.label())))
            }
        }
    }
}

/// In double quotes, as systemd reads them; `%` would begin a specifier.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '%' => out += "%%",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A word of a command line, in which `$` would begin a variable too.
fn exec_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { quoted(text).replace('$', "$$") }
}

/// The program itself. systemd refuses one with quotes or backslashes in its name, so such a one
/// is started by the shell, which gives way to it.
fn exec_path(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else if text.contains(['"', '\'', '\\']) || text.chars().any(char::is_control) {
        format!("/bin/sh -c \"exec \\\"$$0\\\" \\\"$$@\\\"\" {}", exec_word(text))
    } else {
        quoted(text)
    }
}

/// Text within XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether a file may be replaced or removed by us; nothing when there is none.
///
/// # Errors
/// It cannot be read.
pub fn is_ours(path: &Path) -> Result<Option<bool>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.contains(MARK))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing_at("read", path),
    }
}

/// Writes the file in one step.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).doing_at("make", folder)?;
    }
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).doing_at("write", &fresh)?;
    std::fs::rename(&fresh, path).doing_at("write", path)
}

/// Removes the file; one that is gone is no error.
///
/// # Errors
/// It cannot be removed.
pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing_at("remove", path)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Asks the manager's tool: `systemctl` or `launchctl`, for the user or the system.
///
/// # Errors
/// The tool is not there or does not answer.
pub async fn tool(
    service: &Service,
    manager: Manager,
    words: &[&str],
    env: &[(String, String)],
) -> Result<Captured, Error> {
    let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path);
    let name = match manager {
        Manager::Systemd => "systemctl",
        Manager::Launchd => "launchctl",
    };
    let program = find_program(name, path).ok_or(Error::Unusable {
        what: name,
        why: "it is not installed here; --print shows the service without installing it",
    })?;
    let mut argv = vec![program.display().to_string()];
    if manager == Manager::Systemd {
        argv.push("--no-pager".to_owned());
        if !service.system {
            argv.push("--user".to_owned());
        }
    }
    argv.extend(words.iter().map(|word| (*word).to_owned()));
    run_captured(&argv, env, Path::new("/"), TOOL_PATIENCE, TOOL_BYTES_MAX).await
}

impl Service {
    /// How launchd calls it: `gui/501/orkestra.orkestra`.
    pub fn launchd_target(&self) -> (String, String) {
        let domain = if self.system {
            "system".to_owned()
        } else {
            format!("gui/{}", rustix::process::getuid().as_raw())
        };
        let target = format!("{domain}/{}", self.label());
        (domain, target)
    }
}
