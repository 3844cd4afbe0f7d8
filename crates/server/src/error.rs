//! Why the server cannot serve.

use std::net::SocketAddr;

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken.
    #[error("port {} is taken by another program; choose one with --port or listen.port", .0.port())]
    PortTaken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The token or the socket in the data folder cannot be made.
    #[error("cannot make {path}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
