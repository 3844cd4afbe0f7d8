//! Reads the sandbox of agents, for all and for one.

use super::super::Origin;
use super::super::keys::sandbox::SANDBOX;
use super::super::problem::Problem;
use super::super::reader::{self, Fields, Reader};
use super::Folders;
use orkestra_core::sandbox::{Reach, SandboxSpec};
use orkestra_host::sandbox::check_hosts;
use std::path::Path;

/// The section `sandbox` of the file or of an agent; `above` holds where it says nothing, and its
/// paths in any case.
pub(super) fn read(
    fields: &Fields<'_>,
    above: &SandboxSpec,
    folders: &Folders<'_>,
    reader: &mut Reader,
) -> SandboxSpec {
    let f = reader.section(fields.get("sandbox"), fields.path.join("sandbox"), &SANDBOX);
    let mut list = |name: &str| {
        let path = f.path.join(name);
        match f.get(name) {
            None => {
                reader.origin(&path, Origin::Default);
                Vec::new()
            }
            Some(node) => {
                reader.origin(&path, Origin::of(&node.place));
                reader.strings(node, &path).unwrap_or_default()
            }
        }
    };
    let (hosts, write, hide) = (list("hosts"), list("write"), list("hide"));
    let word = reader::word(super::key(&SANDBOX, "mode"));
    let mode = reader.value(&f, "mode", (above.mode, Origin::Default), word);
    let default = if hosts.is_empty() { above.network } else { Reach::Hosts };
    let word = reader::word(super::key(&SANDBOX, "network"));
    let network = reader.value(&f, "network", (default, Origin::Default), word);
    if let (Some(node), Err(refused)) = (f.get("hosts"), check_hosts(&hosts)) {
        let problem = Problem::at(node.place.clone(), refused.to_string());
        reader.report(problem.key(f.path.join("hosts").text()));
    }
    if let (Some(node), false) = (f.get("hosts"), network == Reach::Hosts || hosts.is_empty()) {
        let problem = Problem::at(node.place.clone(), "a list of hosts goes with network: hosts");
        reader.report(problem.key(f.path.join("hosts").text()).hint("leave network out"));
    }
    let resolve = |paths: Vec<String>, above: &[String]| {
        let own = paths.iter().map(|path| resolve(path, folders).to_string_lossy().into_owned());
        above.iter().cloned().chain(own).collect()
    };
    SandboxSpec {
        mode,
        network,
        hosts: if hosts.is_empty() { above.hosts.clone() } else { hosts },
        write: resolve(write, &above.write),
        hide: resolve(hide, &above.hide),
    }
}

/// `~/` is the user's folder, everything else is meant from the file's.
fn resolve(path: &str, folders: &Folders<'_>) -> std::path::PathBuf {
    match (path.strip_prefix("~/"), folders.user) {
        (Some(rest), Some(user)) => user.join(rest),
        _ => folders.config.join(Path::new(path).strip_prefix("./").unwrap_or(Path::new(path))),
    }
}
