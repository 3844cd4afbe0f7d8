//! Asking a process whether it does its work: by a connection, by HTTP. (By a program:
//! `program::run_captured`.)

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Whether `host:port` accepts a connection in time.
///
/// # Errors
/// Why it does not, in words.
pub async fn tcp(address: &str, limit: Duration) -> Result<(), String> {
    connect(address, limit).await.map(drop)
}

async fn connect(address: &str, limit: Duration) -> Result<TcpStream, String> {
    match timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("{address} does not accept a connection: {error}")),
        Err(_) => Err(format!("{address} did not answer within {limit:?}")),
    }
}

/// Whether a GET of `http://…` is answered in time with this status, or any from 200 to 399.
/// Redirects are answers too, and are not followed. The body is not read.
///
/// # Errors
/// Why it is not, in words.
pub async fn http(url: &str, status: Option<u16>, limit: Duration) -> Result<(), String> {
    match timeout(limit, get(url, limit)).await {
        Err(_) => Err(format!("{url} did not answer within {limit:?}")),
        Ok(Err(why)) => Err(why),
        Ok(Ok(got)) => {
            let fine = status.map_or((200..400).contains(&got), |wanted| got == wanted);
            if fine { Ok(()) } else { Err(format!("{url} answered {got}")) }
        }
    }
}

async fn get(url: &str, limit: Duration) -> Result<u16, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is no address: {error}"))?;
    let host = uri.host().ok_or_else(|| format!("{url} names no host"))?;
    let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    let stream = connect(&address, limit).await?;
    let failed = |error: hyper::Error| format!("{url} did not answer: {error}");
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(failed)?;
    let authority = uri.authority().map_or(address.as_str(), |authority| authority.as_str());
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority)
        .header(USER_AGENT, "orkestra-probe")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| format!("{url} is no address: {error}"))?;
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    // The connection ends with this future: nothing goes on behind it. A server that answers and
    // closes at once may end the connection first; its answer is there then.
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ended = connection => answer.await,
    };
    answer.map(|answer| answer.status().as_u16()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const SECOND: Duration = Duration::from_secs(5);

    /// A server that answers each connection with these bytes, and its address.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn answers_are_judged_by_their_status() {
        let ok = server("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(http(&format!("http://{ok}/health?x=1"), None, SECOND).await, Ok(()));
        assert_eq!(http(&format!("http://{ok}"), Some(204), SECOND).await, Ok(()));
        let why = http(&format!("http://{ok}"), Some(200), SECOND).await.unwrap_err();
        assert!(why.ends_with("answered 204"), "{why}");
        let bad = server("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
        assert!(http(&format!("http://{bad}/"), None, SECOND).await.is_err());
        let mute = server("").await;
        assert!(http(&format!("http://{mute}/"), None, SECOND).await.is_err());
    }

    #[tokio::test]
    async fn silence_is_a_failure_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(tcp(&address, SECOND).await, Ok(()));
        let brief = Duration::from_millis(50);
        let why = http(&format!("http://{address}/"), None, brief).await.unwrap_err();
        assert!(why.contains("did not answer within"), "{why}");
        drop(listener);
        assert!(tcp(&address, SECOND).await.unwrap_err().contains("does not accept"));
    }
}
