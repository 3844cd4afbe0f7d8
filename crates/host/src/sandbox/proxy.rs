//! The way out of a sandbox that has no network of its own.
//!
//! It runs outside, in the process that made the sandbox, and lives as long as the sandbox: it
//! goes on while the daemon is away. The process inside opens the listening sockets in its own
//! network and hands them over, so nothing inside has to be trusted or kept running. Whoever
//! connects speaks HTTP to a proxy (`CONNECT`, or a request with a whole address), or to a port of
//! this machine's loopback that the list names. What is not on the list is refused and written
//! down.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::hosts::{self, Hosts};

/// Connections at once.
const CONNECTIONS: usize = 128;
/// A request's head is not longer.
const HEAD_BYTES: usize = 32 << 10;
/// How long a client may take to say what it wants, and a host to answer the call.
const PATIENCE: Duration = Duration::from_secs(30);
/// The record of refusals does not grow beyond.
const RECORD_BYTES: u64 = 1 << 20;

/// What all connections share.
pub(super) struct Proxy {
    pub(super) hosts: Hosts,
    /// Where refusals are written down: a line of JSON each.
    pub(super) refusals: Option<PathBuf>,
}

/// What a listening socket inside stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// The proxy itself.
    Proxy,
    /// A port of this machine.
    Port(String, u16),
}

impl Proxy {
    /// Serves one listening socket for as long as it is there.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, door: Door) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let client = match listener.accept().await {
                Ok((client, _)) => client,
                Err(_) => {
                    // Out of descriptors, most likely: it passes.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (proxy, door) = (Arc::clone(&self), door.clone());
            tokio::spawn(async move {
                // A broken connection concerns only the two who had it.
                let _ended = match door {
                    Door::Proxy => proxy.proxied(client).await,
                    Door::Port(host, port) => proxy.forwarded(client, &host, port).await,
                };
                drop(place);
            });
        }
    }

    async fn forwarded(&self, mut client: TcpStream, host: &str, port: u16) -> io::Result<()> {
        let mut server = match self.connect(host, port).await {
            Ok(server) => server,
            Err(_) => return Ok(()),
        };
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
    }

    async fn proxied(&self, mut client: TcpStream) -> io::Result<()> {
        let (head, rest) = match timeout(PATIENCE, read_head(&mut client)).await {
            Ok(Ok(Some(read))) => read,
            Ok(Ok(None)) => {
                return answer(&mut client, "400 Bad Request", "not a request to a proxy").await;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        let Some(request) = Request::parse(&head) else {
            return answer(&mut client, "400 Bad Request", "not a request to a proxy").await;
        };
        let mut server = match self.connect(&request.host, request.port).await {
            Ok(server) => server,
            Err(Failed::Refused(why)) => return answer(&mut client, "403 Forbidden", &why).await,
            Err(Failed::Unreachable(why)) => {
                return answer(&mut client, "502 Bad Gateway", &why).await;
            }
        };
        match &request.forward {
            None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
            Some(head) => server.write_all(head).await?,
        }
        server.write_all(&rest).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Failed> {
        if !self.hosts.allow(host, port) {
            let why = format!("{host}:{port} is not on the list of hosts of this sandbox");
            self.note(host, port, "not on the list");
            return Err(Failed::Refused(why));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let looked_up = timeout(PATIENCE, lookup_host((bare, port))).await;
        let addresses: Vec<SocketAddr> = match looked_up {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(Failed::Unreachable(format!("{host}: {error}"))),
            Err(_) => return Err(Failed::Unreachable(format!("{host}: no answer"))),
        };
        let (good, bad): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| self.hosts.may_lead_to(host, address.ip()));
        if good.is_empty() && !bad.is_empty() {
            self.note(host, port, "its name leads to this machine");
            return Err(Failed::Refused(format!("the name {host} leads to this machine")));
        }
        let mut last = "it has no address".to_owned();
        for address in good {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _slower = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = "no answer".to_owned(),
            }
        }
        Err(Failed::Unreachable(format!("{host}:{port}: {last}")))
    }

    /// Writes a refusal down; the run goes on without, should the disk be full.
    fn note(&self, host: &str, port: u16, why: &str) {
        let Some(path) = &self.refusals else { return };
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let host: String = host.chars().take(255).collect();
        let line = serde_json::json!({
            "at": u64::try_from(at).unwrap_or(u64::MAX), "host": host, "port": port, "why": why,
        });
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let Ok(mut file) = file else { return };
        if file.metadata().is_ok_and(|facts| facts.len() < RECORD_BYTES) {
            let _lost = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

enum Failed {
    Refused(String),
    Unreachable(String),
}

/// Reads to the empty line; also what came after it. `None` when it is too long or ends before.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let len = client.read(&mut chunk).await?;
        if len == 0 {
            return Ok(None);
        }
        head.extend_from_slice(chunk.get(..len).unwrap_or_default());
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            let rest = head.split_off(end + 4);
            return Ok(Some((head, rest)));
        }
        if head.len() > HEAD_BYTES {
            return Ok(None);
        }
    }
}

async fn answer(client: &mut TcpStream, status: &str, why: &str) -> io::Result<()> {
    let body = format!("Orkestra's sandbox: {why}\n");
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await
}

/// What a client of the proxy wants.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    host: String,
    port: u16,
    /// The head to send on; a tunnel has none.
    forward: Option<Vec<u8>>,
}

impl Request {
    fn parse(head: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !version.starts_with("HTTP/1.") {
            return None;
        }
        if method == "CONNECT" {
            let (host, port) = hosts::split(target)?;
            return Some(Self { host: host.to_owned(), port: port?, forward: None });
        }
        let rest = target.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return None;
        }
        let (host, port) = hosts::split(authority)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        // One request for each connection: the next may be for another host.
        let mut forward = format!("{method} {path} {version}\r\nConnection: close\r\n");
        let kept = lines.filter(|line| !line.is_empty()).filter(|line| {
            let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            !matches!(
                name.as_str(),
                "connection" | "proxy-connection" | "proxy-authorization" | "keep-alive"
            )
        });
        for line in kept {
            forward.push_str(line);
            forward.push_str("\r\n");
        }
        forward.push_str("\r\n");
        let port = port.unwrap_or(80);
        Some(Self { host: host.to_owned(), port, forward: Some(forward.into_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_a_proxy_are_understood() {
        let tunnel =
            Request::parse(b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!((tunnel.host.as_str(), tunnel.port, tunnel.forward), ("example.org", 443, None));
        let plain =
            b"GET http://h:81/a?b HTTP/1.1\r\nHost: h\r\nProxy-Connection: x\r\nA: b\r\n\r\n";
        let plain = Request::parse(plain).unwrap();
        assert_eq!((plain.host.as_str(), plain.port), ("h", 81));
        let forward = String::from_utf8(plain.forward.unwrap()).unwrap();
        assert_eq!(forward, "GET /a?b HTTP/1.1\r\nConnection: close\r\nHost: h\r\nA: b\r\n\r\n");
        for bad in [
            "GET / HTTP/1.1\r\n\r\n",
            "CONNECT example.org HTTP/1.1\r\n\r\n",
            "GET http://u@h/ HTTP/1.1\r\n\r\n",
            "GET http://h/ x HTTP/1.1\r\n\r\n",
            "\x16\x03\r\n\r\n",
        ] {
            assert_eq!(Request::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
