//! What commands do with the network.

use super::Place;
use super::option::{Arguments, arguments};
use super::path::Finding;
use super::shell::{Flow, Walk};
use super::word::{Arg, TAME};
use std::net::IpAddr;

const CURL_VALUES: &[&str] = &[
    "-o",
    "-d",
    "-H",
    "-X",
    "-u",
    "-F",
    "-T",
    "-A",
    "-e",
    "-b",
    "-c",
    "-D",
    "-m",
    "-x",
    "-K",
    "-E",
    "-w",
    "-r",
    "-y",
    "-Y",
    "-z",
    "-C",
    "-Q",
    "-t",
    "-P",
    "-U",
    "--output",
    "--data",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--data-ascii",
    "--header",
    "--request",
    "--user",
    "--form",
    "--form-string",
    "--upload-file",
    "--user-agent",
    "--referer",
    "--cookie",
    "--cookie-jar",
    "--dump-header",
    "--max-time",
    "--proxy",
    "--config",
    "--cert",
    "--key",
    "--cacert",
    "--write-out",
    "--range",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "--connect-timeout",
    "--url",
    "--resolve",
    "--interface",
    "--output-dir",
    "--json",
    "--oauth2-bearer",
    "--unix-socket",
    "--abstract-unix-socket",
    "--trace",
    "--trace-ascii",
    "--netrc-file",
    "--limit-rate",
    "--max-redirs",
    "--stderr",
    "--proto",
    "--proto-redir",
    "--tls-max",
    "--ciphers",
    "--engine",
    "--libcurl",
    "--etag-save",
    "--etag-compare",
    "--hsts",
    "--connect-to",
    "--variable",
];
const WGET_VALUES: &[&str] = &[
    "-O",
    "-o",
    "-a",
    "-P",
    "-U",
    "-e",
    "-i",
    "-t",
    "-T",
    "-w",
    "-Q",
    "-A",
    "-R",
    "-D",
    "-I",
    "-X",
    "-l",
    "--output-document",
    "--post-data",
    "--post-file",
    "--body-data",
    "--body-file",
    "--method",
    "--header",
    "--user",
    "--password",
    "--user-agent",
    "--input-file",
    "--directory-prefix",
    "--tries",
    "--timeout",
    "--execute",
    "--use-askpass",
    "--save-cookies",
    "--load-cookies",
    "--base",
    "--ca-certificate",
];
/// Options of both that send something.
const SENDING: &[&str] = &[
    "-d",
    "-F",
    "-T",
    "--data",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--data-ascii",
    "--form",
    "--form-string",
    "--upload-file",
    "--json",
    "--post-data",
    "--post-file",
    "--body-data",
    "--body-file",
];

impl Walk<'_> {
    /// Programs that speak to the network. Nothing if `name` is none of them.
    pub(super) fn network(
        &mut self,
        name: &str,
        rest: &[Arg],
        place: Option<Place>,
    ) -> Option<Flow> {
        match name {
            "curl" | "wget" | "http" | "https" | "xh" | "aria2c" | "lynx" | "links" | "w3m"
            | "fetch" | "axel" | "wget2" | "curlie" => Some(self.fetch(name, rest, place)),
            "nc" | "ncat" | "netcat" | "socat" => {
                let shells = |text: &str| {
                    ["sh", "bash", "/sh", "/bash", "cmd.exe"]
                        .iter()
                        .any(|shell| text.ends_with(shell))
                        || text.to_lowercase().contains("exec:")
                        || text.to_lowercase().contains("system:")
                };
                if rest.iter().any(|arg| {
                    arg.any(|text| {
                        ["-e", "-c", "--exec", "--sh-exec", "--lua-exec"].contains(&text)
                            || shells(text)
                    })
                }) {
                    self.hit("reverse-shell", name, place);
                }
                Some(Flow::Download)
            }
            "dig" | "nslookup" | "host" | "ping" | "ping6" | "traceroute" | "drill" | "getent"
            | "whois" | "tracepath" | "mtr" => {
                // A name that is made when it runs can carry data out.
                for arg in rest.iter().filter(|arg| arg.open) {
                    self.hit("computed-address", arg.shown.clone(), arg.place);
                }
                Some(Flow::Unknown)
            }
            "ssh" | "scp" | "rsync" | "sftp" => Some(self.other_machine(name, rest, place)),
            _ => None,
        }
    }

    /// `ssh` and what copies by it; that it is asked about at all stands in the table.
    fn other_machine(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        let given = arguments(
            rest,
            &[
                "-o",
                "-e",
                "-S",
                "-i",
                "-p",
                "-P",
                "-l",
                "-F",
                "-J",
                "-L",
                "-R",
                "-D",
                "-b",
                "-c",
                "-m",
                "--rsh",
                "--rsync-path",
                "--exclude",
                "--include",
                "--exclude-from",
                "--files-from",
                "-f",
                "--filter",
            ],
            false,
        );
        for option in given.values(&["-o"]).flat_map(|arg| &arg.values) {
            let key = option.to_lowercase();
            if [
                "proxycommand",
                "localcommand",
                "knownhostscommand",
                "permitlocalcommand",
                "include",
            ]
            .iter()
            .any(|word| key.starts_with(word))
            {
                self.hit("hidden-command", option.clone(), place);
            }
        }
        if given.has(&["-S", "-F", "--rsync-path"])
            || name == "rsync"
                && given
                    .values(&["-e", "--rsh"])
                    .any(|arg| !arg.any(|text| text == "ssh" || text.starts_with("ssh -p")))
        {
            self.hit("hidden-command", name, place);
        }
        if name == "rsync" || name == "scp" {
            let remote = |text: &str| {
                text.contains("::")
                    || text.starts_with("rsync://")
                    || text
                        .find(':')
                        .is_some_and(|at| !text.get(..at).unwrap_or_default().contains('/'))
            };
            if given.operands.iter().any(|arg| arg.any(remote) || arg.open && arg.values.is_empty())
            {
                self.hit("remote", name, place);
            } else if let Some(target) = given.operands.last().filter(|_| given.operands.len() > 1)
            {
                self.writes(target);
                if given.has(&["--remove-source-files"]) {
                    for arg in given.operands.iter().take(given.operands.len() - 1) {
                        self.deletes(arg);
                    }
                }
            }
            return Flow::Unknown;
        }
        Flow::Download
    }

    fn fetch(&mut self, name: &str, rest: &[Arg], place: Option<Place>) -> Flow {
        let valued = if name == "curl" || name == "curlie" { CURL_VALUES } else { WGET_VALUES };
        let given = arguments(rest, valued, false);
        let mut addresses: Vec<Arg> = given.operands.clone();
        addresses.extend(given.values(&["--url", "-x", "--proxy"]).cloned());
        let mut local = !addresses.is_empty();
        for address in &addresses {
            local &= !address.open && address.values.iter().all(|text| loopback(text));
            self.address(address);
        }
        if given.has(&[
            "-K",
            "--config",
            "-i",
            "--input-file",
            "-e",
            "--execute",
            "--use-askpass",
            "--unix-socket",
            "--engine",
        ]) && !(name == "curl"
            && given.has(&["-i", "-e"])
            && !given.has(&["-K", "--config", "--unix-socket", "--engine"]))
        {
            self.hit("hidden-command", name, place);
        }
        let method = given.values(&["-X", "--request", "--method"]).next();
        let sends = given.has(SENDING)
            || method
                .is_some_and(|arg| !["GET", "HEAD", "OPTIONS"].iter().any(|word| arg.is(word)))
            || ["http", "https", "xh"].contains(&name)
                && addresses.iter().any(|arg| {
                    ["POST", "PUT", "PATCH", "DELETE"].iter().any(|word| arg.is(word))
                        || arg.any(|text| {
                            text.contains(":=") || text.contains('=') && !text.contains("://")
                        })
                });
        if sends && !local {
            self.hit("upload", name, place);
        }
        self.downloaded(name, &given, local)
    }

    /// Where the answer goes.
    fn downloaded(&mut self, name: &str, given: &Arguments, local: bool) -> Flow {
        let flow = if local { Flow::Unknown } else { Flow::Download };
        let mut to_file = false;
        let folder = given
            .values(&["-P", "--directory-prefix", "--output-dir", "-d", "--dir"])
            .next()
            .filter(|_| name != "curl")
            .and_then(|arg| arg.text())
            .map(str::to_owned);
        for target in given
            .values(&["-o", "--output", "-O", "--output-document", "--out"])
            .cloned()
            .collect::<Vec<_>>()
        {
            let wget_log = name == "wget" && given.values(&["-o"]).any(|arg| arg.raw == target.raw);
            if target.is("-") || wget_log {
                continue;
            }
            to_file = true;
            if let Some(path) = target.text().and_then(|text| self.located(text)) {
                self.remember(path, &flow, false);
            }
        }
        let by_name = name == "wget" && !given.has(&["-O", "--output-document"])
            || name == "aria2c"
            || name == "axel"
            || name == "curl" && given.has(&["-O", "--remote-name", "-J", "--remote-name-all"]);
        if by_name {
            to_file = true;
            for address in &given.operands {
                let last = address
                    .text()
                    .and_then(|text| text.split(['?', '#']).next())
                    .and_then(|text| text.rsplit('/').next())
                    .map(str::to_owned);
                let name = match (&folder, last) {
                    (Some(folder), Some(last)) => format!("{folder}/{last}"),
                    (None, Some(last)) => last,
                    _ => continue,
                };
                if let Some(path) = self.located(&name) {
                    self.remember(path, &flow, false);
                }
            }
        }
        if to_file
            && !given.values(&["-O", "-o", "--output", "--output-document"]).any(|arg| arg.is("-"))
        {
            Flow::Nothing
        } else {
            flow
        }
    }

    /// An address that is called.
    fn address(&mut self, arg: &Arg) {
        for text in &arg.values {
            if text.contains(TAME)
                && text
                    .split("://")
                    .nth(1)
                    .unwrap_or(text)
                    .split('/')
                    .next()
                    .is_some_and(|host| host.contains(TAME))
            {
                self.hit("computed-address", text.clone(), arg.place);
            } else if let Some(found) =
                address(text).filter(|found| found.rule == "metadata-service")
            {
                self.found(found, arg.place);
            } else if let Some(path) = text.strip_prefix("file://") {
                self.reads(&Arg::known(path, arg.place));
            }
        }
        if arg.open {
            self.hit("computed-address", arg.shown.clone(), arg.place);
        }
    }
}

/// The host of an address, without user and port.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    };
    host.trim_end_matches('.').to_lowercase()
}

/// An address in numbers, also in the forms that programs accept but people do not write: `0x7f.1`, `2130706433`.
fn numeric(host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address);
    }
    let parts: Option<Vec<u32>> = host
        .split('.')
        .map(|part| match part.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
            None => part.parse().ok(),
        })
        .collect();
    let parts = parts?;
    let (last, head) = parts.split_last()?;
    if parts.len() > 4 {
        return None;
    }
    let mut bits = *last;
    for (index, part) in head.iter().enumerate() {
        bits |= part.checked_shl(24 - 8 * u32::try_from(index).ok()?)?;
    }
    Some(IpAddr::V4(bits.into()))
}

fn loopback(url: &str) -> bool {
    let host = host(url);
    host == "localhost"
        || host.ends_with(".localhost")
        || numeric(&host).is_some_and(|address| address.is_loopback() || address.is_unspecified())
}

/// What is wrong with fetching `url`.
pub(super) fn address(url: &str) -> Option<Finding> {
    let host = host(url);
    if ["metadata.google.internal", "metadata", "instance-data", "metadata.azure.com"]
        .contains(&host.as_str())
    {
        return Some(Finding::new("metadata-service", host));
    }
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_lowercase());
    match numeric(&host) {
        Some(IpAddr::V4(address))
            if address.octets() == [169, 254, 169, 254]
                || address.octets() == [100, 100, 100, 200]
                || address.octets() == [169, 254, 170, 2] =>
        {
            return Some(Finding::new("metadata-service", host));
        }
        Some(IpAddr::V6(address))
            if address.to_string() == "fd00:ec2::254"
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|v4| v4.octets() == [169, 254, 169, 254]) =>
        {
            return Some(Finding::new("metadata-service", host));
        }
        Some(IpAddr::V4(address))
            if address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified() =>
        {
            return Some(Finding::new("local-address", host));
        }
        Some(IpAddr::V6(_)) => return Some(Finding::new("local-address", host)),
        _ => {}
    }
    let odd = !matches!(scheme.as_deref(), Some("http" | "https"))
        || host.is_empty()
        || host == "localhost"
        || host.ends_with(".localhost")
        || host.ends_with(".local")
        || host.ends_with(".internal");
    odd.then(|| Finding::new("local-address", url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_however_they_are_written() {
        for url in [
            "http://169.254.169.254/latest",
            "http://0xA9FEA9FE/",
            "http://2852039166/",
            "http://metadata.google.internal/x",
            "http://a@169.254.169.254:80/",
            "http://[::ffff:169.254.169.254]/",
        ] {
            assert_eq!(address(url).map(|found| found.rule), Some("metadata-service"), "{url}");
        }
        for url in [
            "http://127.0.0.1:8000/",
            "http://localhost/",
            "file:///etc/passwd",
            "http://10.0.0.1/",
            "ftp://example.org",
            "gopher://x",
            "http://[::1]/",
        ] {
            assert_eq!(address(url).map(|found| found.rule), Some("local-address"), "{url}");
        }
        assert_eq!(address("https://docs.rs/serde"), None);
    }
}
