//! The first process of an agent's own world, made by bubblewrap. It opens the doors to the
//! proxy, gives up its rights, starts the agent, and ends with it, and so does everything else in there.

#![allow(unsafe_code, reason = "the mask of signals has no safe wrapper")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, WaitOptions, wait};

use super::confine::{Confinement, confine};
use super::filter::Inet;
use super::hosts::Hosts;
use super::outside::{FDS_MAX, Message, inherited};
use super::spec::{Network, Spec};
use super::tree::{Access, Tree};
use super::{NO_PROGRAM, bubblewrap};

/// The whole life of the process.
pub(super) fn run(control: &str, spec: &str, command: &[OsString]) -> Result<u8, String> {
    let spec: Spec = serde_json::from_str(spec).map_err(|error| error.to_string())?;
    let control = inherited(control).ok_or("the connection to the outside is missing")?;
    let mut env = spec.env.clone();
    if let Network::Hosts(entries) = &spec.network {
        let hosts = Hosts::parse(entries).map_err(|error| error.to_string())?;
        let port = open_doors(&control, &hosts)
            .map_err(|error| format!("no way to the network could be opened: {error}"))?;
        env.extend(proxy_variables(port));
    }
    let inet = if spec.network.is_cut() { Inet::Tcp } else { Inet::All };
    let tree = tree(&spec);
    let confinement = Confinement { tree: &tree, own_devices: true, inet, no_tcp: false };
    confine(&confinement).map_err(|error| error.to_string())?;
    hear_signals();
    tell(&control, &Message::Ready, &[]).map_err(|error| error.to_string())?;
    Ok(agent(&control, &env, command))
}

/// The agent gets its signals as they are by default; the first process of a world is not ended by
/// any that it has no handler for.
fn hear_signals() {
    // SAFETY: the set is made before it is used.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// The view that bubblewrap made has the fine lines; Landlock holds the coarse ones a second time.
fn tree(spec: &Spec) -> Tree {
    let mut tree = Tree::default();
    tree.set(PathBuf::from("/"), Access::Read);
    for (path, _) in spec.tree.entries().filter(|(_, access)| *access == Access::Write) {
        tree.set(path.to_owned(), Access::Write);
    }
    for shared in bubblewrap::SHARED {
        tree.set(PathBuf::from(shared), Access::Write);
    }
    tree
}

/// Starts the agent and waits for it, and for all who are left to this process meanwhile.
fn agent(control: &OwnedFd, env: &BTreeMap<String, String>, command: &[OsString]) -> u8 {
    let Some((program, arguments)) = command.split_first() else { return NO_PROGRAM };
    #[allow(clippy::disallowed_methods, reason = "this crate is the one that may")]
    let mut agent = Command::new(program);
    let child = match agent.args(arguments).envs(env).spawn() {
        Ok(child) => child,
        Err(error) => {
            let why = format!("{}: {error}", program.to_string_lossy());
            let _outside_gone = tell(control, &Message::NotStarted(why), &[]);
            return NO_PROGRAM;
        }
    };
    let agent = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == agent => {
                let status = ExitStatus::from_raw(status.as_raw());
                if let Some(signal) = status.signal() {
                    let _outside_gone = tell(control, &Message::Signal(signal), &[]);
                    return u8::try_from(128 + signal).unwrap_or(u8::MAX);
                }
                return u8::try_from(status.code().unwrap_or(1)).unwrap_or(u8::MAX);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return NO_PROGRAM,
        }
    }
}

/// Opens the listening sockets in this network and hands them to the process outside, which
/// serves them. Returns the port of the proxy.
fn open_doors(control: &OwnedFd, hosts: &Hosts) -> io::Result<u16> {
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = proxy.local_addr()?.port();
    let mut names = vec![None];
    let mut sockets = vec![proxy];
    for (name, port) in hosts.loopback() {
        let addresses: Vec<SocketAddr> = match name.parse() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()],
        };
        let mut opened = None;
        for address in addresses {
            match TcpListener::bind(address) {
                Ok(socket) => {
                    opened = Some(());
                    names.push(Some((name.clone(), port)));
                    sockets.push(socket);
                }
                // Named twice, or there is no IPv6 here.
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        || error.raw_os_error() == Some(libc::EADDRNOTAVAIL)
                        || error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {}
                Err(error) => return Err(error),
            }
        }
        if opened.is_none() && port < 1024 {
            return Err(io::Error::from_raw_os_error(libc::EACCES));
        }
    }
    if sockets.len() > FDS_MAX {
        return Err(io::Error::other("the list has too many ports of this machine"));
    }
    tell(control, &Message::Doors(names), &sockets)?;
    Ok(port)
}

/// Says something to the process outside, with descriptors.
fn tell(control: &OwnedFd, message: &Message, sockets: &[TcpListener]) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("too many descriptors"));
    }
    sendmsg(control, &[IoSlice::new(&text)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// How programs find a proxy; both spellings are in use.
fn proxy_variables(port: u16) -> Vec<(String, String)> {
    let proxy = format!("http://127.0.0.1:{port}");
    let own = "localhost,127.0.0.1,::1".to_owned();
    let mut variables = vec![("NODE_USE_ENV_PROXY".to_owned(), "1".to_owned())];
    for (name, value) in
        [("HTTP_PROXY", &proxy), ("HTTPS_PROXY", &proxy), ("ALL_PROXY", &proxy), ("NO_PROXY", &own)]
    {
        variables.push((name.to_owned(), value.clone()));
        variables.push((name.to_ascii_lowercase(), value.clone()));
    }
    variables
}
