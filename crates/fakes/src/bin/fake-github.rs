//! `fake-github`: a tracker on loopback that speaks the shape of GitHub's REST interface.

use clap::Parser;
use tokio::net::TcpListener;

/// A tracker for tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What who asks must send
    #[arg(long, default_value = "fake-token")]
    token: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    println!("http://{}", listener.local_addr()?);
    orkestra_fakes::github::serve(listener, arguments.token).await?;
    Ok(())
}
