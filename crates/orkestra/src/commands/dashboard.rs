//! `orkestra dashboard`: a link that logs a browser in once.

use super::{Context, Outcome};
use crate::cli::Json;
use crate::exit::Code;
use crate::terminal;
use orkestra_server::wire::LinkView;

pub(super) async fn run(context: Context, args: Json) -> Outcome {
    let link: LinkView = context.client()?.post("/api/v1/login/link", &()).await?;
    if args.json {
        terminal::print_json(&link);
    } else {
        terminal::print(&link.url);
    }
    Ok(Code::Success)
}
