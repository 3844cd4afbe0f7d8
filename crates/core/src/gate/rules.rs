//! The built-in rules: name, what they decide, and why. What makes a command fall under a rule is in the tables beside the code that looks.

use super::Decision;

/// A built-in rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name, by which the configuration changes it (`gate.rules`).
    pub name: &'static str,
    /// What it decides, if nobody changed it.
    pub decision: Decision,
    /// Why: a clause that can stand after the command.
    pub reason: &'static str,
}

const fn deny(name: &'static str, reason: &'static str) -> BuiltIn {
    BuiltIn { name, decision: Decision::Deny, reason }
}

const fn ask(name: &'static str, reason: &'static str) -> BuiltIn {
    BuiltIn { name, decision: Decision::Ask, reason }
}

/// All of them.
pub const RULES: &[BuiltIn] = &[
    // About reading the command at all.
    deny("too-long", "the command is too long, too deep or has too many parts to be judged"),
    ask("unreadable", "the command cannot be read as shell"),
    ask(
        "hidden-characters",
        "the command has characters that a person cannot see or that look like others",
    ),
    ask("computed-command", "which program runs is known only when it runs"),
    ask("computed-operand", "what this dangerous command works on is known only when it runs"),
    // Files.
    deny("delete-outside", "removes files outside of the run's folder"),
    deny("write-outside", "writes outside of the run's folder"),
    ask(
        "broad-folder",
        "writes in a home folder or a folder of the system, since the run works there",
    ),
    ask("delete-everything", "removes the run's whole folder"),
    deny("device", "writes to a device"),
    deny("keys", "changes keys or credentials"),
    deny("startup-files", "changes what a shell or session runs at its start"),
    deny("own-data", "touches Orkestra's own data"),
    deny("secret", "reads keys, credentials or other people's files"),
    ask("secret-nearby", "reads a whole folder in which keys or credentials lie"),
    ask("project-secret", "reads or hands on credentials of the project"),
    ask("project-control", "changes what continuous integration, agents or editors run later"),
    ask("git-internals", "changes git's own files, such as hooks"),
    deny("world-writable", "makes files writable for everybody"),
    deny("change-owner", "changes the owner of files"),
    ask("set-user-id", "gives a program the rights of another user"),
    // The machine.
    deny("disk", "formats, partitions or wipes a disk"),
    deny("power", "stops or restarts the machine"),
    deny("system", "changes the machine itself"),
    deny("stop-service", "stops services of the machine"),
    ask("service", "changes services of the machine"),
    deny("kill-others", "kills processes of others"),
    ask("kill-by-name", "kills processes by their name"),
    deny("fork-bomb", "starts copies of itself without end"),
    deny("sudo-delete", "removes files as another user"),
    ask("sudo", "runs as another user"),
    ask("persistence", "arranges that something runs later, when nobody watches"),
    ask("traces", "removes traces of what was done"),
    // Code from elsewhere.
    deny("download-and-run", "runs what was just downloaded"),
    deny("decode-and-run", "runs what was just decoded"),
    ask("shell-input", "a shell runs what it reads from its input"),
    ask("inline-code", "an interpreter runs code that the gate cannot judge"),
    ask("hidden-command", "an option or setting of this program runs another program"),
    ask("environment", "changes a variable that decides which programs run"),
    ask("written-and-run", "runs a file that this command has just written"),
    ask("foreign-code", "loads or runs code from outside of the run's folder"),
    deny("reverse-shell", "connects a shell to the network"),
    // The outer world.
    ask("push", "sends commits to others"),
    ask("publish", "publishes, for all to see"),
    ask("install", "installs software"),
    ask("container", "starts or changes containers"),
    deny("container-escape", "gives a container the machine"),
    ask("remote", "works on another machine"),
    ask("cloud", "changes things in a cloud or cluster"),
    ask("upload", "sends data to the network"),
    deny("metadata-service", "asks the machine's metadata service, which hands out credentials"),
    ask("computed-address", "which address is called is known only when it runs"),
    ask("message", "sends a message to people"),
    ask("database", "removes data from a database"),
    ask(
        "shared-history",
        "removes or rewrites history that the repository shares with other worktrees",
    ),
    ask("git-settings", "changes git's settings for everybody or its remotes"),
    deny("orkestra", "uses Orkestra with the rights of its operator"),
    ask("unknown-tool", "a tool whose effect is not known"),
    ask("local-address", "fetches an address that is not a page of the web"),
];

/// The rule of that name.
pub fn find(name: &str) -> Option<&'static BuiltIn> {
    RULES.iter().find(|rule| rule.name == name)
}

pub(super) fn known(name: &str) -> bool {
    find(name).is_some()
}

/// What a built-in rule decides; a name that is not in the table asks.
pub(super) fn decision(name: &str) -> Decision {
    find(name).map_or(Decision::Ask, |rule| rule.decision)
}
