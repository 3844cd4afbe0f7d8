//! Which hosts a sandboxed process may reach.

use std::net::IpAddr;

use super::ladder::Refused;

/// Ports of an entry that names none.
const WEB: [u16; 2] = [80, 443];

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// In small letters; without the star and its dot when `below`.
    name: String,
    /// Any name that ends with it.
    below: bool,
    port: Option<u16>,
}

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hosts(Vec<Entry>);

impl Hosts {
    /// Reads the entries.
    pub(super) fn parse(entries: &[String]) -> Result<Self, Refused> {
        let entries = entries
            .iter()
            .map(|entry| parse_entry(entry).ok_or_else(|| Refused::Host { entry: entry.clone() }));
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// Whether this host and port are on the list.
    pub(super) fn allow(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        self.0.iter().any(|entry| {
            let named = if entry.below {
                host.strip_suffix(&entry.name).is_some_and(|rest| rest.ends_with('.'))
            } else {
                host == entry.name
            };
            named && entry.port.map_or_else(|| WEB.contains(&port), |wanted| wanted == port)
        })
    }

    /// Ports of this machine's loopback that are on the list, with the name used there.
    pub(super) fn loopback(&self) -> Vec<(String, u16)> {
        let entries = self.0.iter().filter(|entry| is_loopback(&entry.name) && !entry.below);
        entries.filter_map(|entry| Some((entry.name.clone(), entry.port?))).collect()
    }

    /// Whether an address that a name has turned out to have may be reached. A name that somebody
    /// else gives an address must not lead to this machine; an entry that is an address, or
    /// `localhost`, may.
    pub(super) fn may_lead_to(&self, host: &str, address: IpAddr) -> bool {
        let host = normal(host);
        let meant = is_loopback(&host) || host.parse::<IpAddr>().is_ok();
        meant || !(is_own(address))
    }
}

/// Small letters, no dot at the end, no brackets.
fn normal(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.map_or(host.clone(), str::to_owned)
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// This machine, the link, nobody, everybody: also in the form of IPv6.
fn is_own(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
        }
    }
}

fn parse_entry(text: &str) -> Option<Entry> {
    let (host, port) = split(text)?;
    let (below, name) = match host.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, host),
    };
    let name = normal(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let address = name.parse::<IpAddr>().is_ok();
    let named = !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.');
    let port_needed = is_loopback(&name) && port.is_none();
    ((address && !below) || named && !port_needed)
        .then_some(Entry { name, below, port })
        .filter(|_| !port_needed)
}

/// `host`, `host:port`, `[v6]:port`, `v6`.
pub(super) fn split(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => {
            if host.contains(':') && !host.starts_with('[') {
                return None;
            }
            Some((host, Some(port.parse().ok().filter(|port| *port != 0)?)))
        }
        None => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> Hosts {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Hosts::parse(&entries).unwrap()
    }

    #[test]
    fn names_ports_and_stars() {
        let hosts = hosts(&[
            "example.org",
            "*.Example.net",
            "db.example:5432",
            "[::1]:9",
            "127.0.0.1:9999",
        ]);
        for (host, port, allowed) in [
            ("example.org", 443, true),
            ("EXAMPLE.org.", 80, true),
            ("example.org", 22, false),
            ("www.example.org", 443, false),
            ("a.b.example.net", 443, true),
            ("example.net", 443, false),
            ("badexample.net", 443, false),
            ("example.org.evil.test", 443, false),
            ("db.example", 5432, true),
            ("db.example", 443, false),
            ("127.0.0.1", 9999, true),
            ("127.0.0.1", 80, false),
            ("[::1]", 9, true),
        ] {
            assert_eq!(hosts.allow(host, port), allowed, "{host}:{port}");
        }
        assert_eq!(hosts.loopback(), [("::1".to_owned(), 9), ("127.0.0.1".to_owned(), 9999)]);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for entry in
            ["", "http://x", "a b", "x:0", "x:99999", "localhost", "127.0.0.1", "*.", "a/b", "u@h"]
        {
            let refused = Hosts::parse(&[entry.to_owned()]).unwrap_err();
            assert!(refused.to_string().contains("is no host"), "{entry}");
        }
    }

    #[test]
    fn a_name_does_not_lead_to_this_machine() {
        let hosts = hosts(&["example.org", "127.0.0.1:1"]);
        for (host, address, may) in [
            ("example.org", "93.184.216.34", true),
            ("example.org", "10.0.0.1", true),
            ("example.org", "127.0.0.1", false),
            ("example.org", "::ffff:127.0.0.1", false),
            ("example.org", "169.254.169.254", false),
            ("example.org", "0.0.0.0", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("localhost", "::1", true),
        ] {
            assert_eq!(hosts.may_lead_to(host, address.parse().unwrap()), may, "{host} {address}");
        }
    }
}
