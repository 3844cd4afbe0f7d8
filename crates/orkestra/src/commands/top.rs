//! `orkestra top`: the house in a terminal, live.
//!
//! `view` holds what is shown and decides what a key means, `draw` draws it, `live` asks the daemon.
//! Neither of the first two knows the terminal, the clock or the daemon, so that they can be tested.

mod draw;
mod live;
mod screen;
#[cfg(test)]
mod tests;
mod view;

use super::{Context, Outcome};
use crate::cli::Top;
use crate::exit::{Code, Failure};
use crate::terminal;
use jiff::Timestamp;
use live::{Live, News};
use orkestra_server::wire::StatusView;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use screen::{Input, Screen};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use view::{Order, View};

/// Countdowns and ages move on this often.
const TICK: Duration = Duration::from_secs(1);

/// Without events the daemon is asked this often: memory and load change without them.
const REFRESH_TICKS: u32 = 2;

/// A storm of events does not ask the daemon more often than this.
const CALM: Duration = Duration::from_millis(200);

/// How wide a frame is when it goes to no terminal.
const WIDTH: u16 = 120;

pub(super) async fn run(context: Context, args: Top) -> Outcome {
    let client = context.client()?;
    let status: StatusView = client.get("/api/v1/status").await?;
    if args.json.json {
        terminal::print_json(&status);
        return Ok(Code::Success);
    }
    let mut view = View::new(terminal::has_color());
    view.filter.clone_from(&args.filter);
    view.refresh(status, Timestamp::now());
    if args.once {
        view.color = false;
        terminal::print(&once(&mut view));
        return Ok(Code::Success);
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::new(Code::Usage, "orkestra top needs a terminal")
            .hint("orkestra top --once prints one frame as text"));
    }
    let broken = |error: std::io::Error| {
        Failure::new(Code::Failure, format!("the terminal cannot be used: {error}"))
    };
    // Listened to before the screen is taken, so that no signal leaves it as it is.
    let mut ends = Ends::listen().map_err(broken)?;
    let mut screen = Screen::take().map_err(broken)?;
    let mut live = Live::start(client);
    let shown = stay(&mut view, &mut screen, &mut live, &mut ends).await;
    drop(screen);
    shown.map_err(broken)?;
    Ok(Code::Success)
}

/// One frame that has room for every unit.
fn once(view: &mut View) -> String {
    let width = screen::width().unwrap_or(WIDTH);
    let area = Rect::new(0, 0, width, draw::whole_height(view));
    let mut buffer = Buffer::empty(area);
    draw::page(view, Timestamp::now(), area, &mut buffer);
    screen::text(&buffer)
}

/// The signals that end it.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Ends {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Shows and obeys until somebody quits.
async fn stay(
    view: &mut View,
    screen: &mut Screen,
    live: &mut Live,
    ends: &mut Ends,
) -> std::io::Result<()> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut stale = 0;
    loop {
        screen.draw(|area, buffer| draw::page(view, Timestamp::now(), area, buffer))?;
        tokio::select! {
            () = ends.next() => return Ok(()),
            input = screen.next() => match input {
                None => return Ok(()),
                Some(Input::Resized) => {}
                Some(Input::Key(key)) => match view.key(key) {
                    None => {}
                    Some(Order::Quit) => return Ok(()),
                    Some(Order::Act(verb, name)) => live.act(verb, &name),
                    Some(Order::Open(name)) => live.open(&name),
                    Some(Order::Close) => live.close(),
                },
            },
            news = live.next() => match news {
                News::Status(status) => view.refresh(*status, Timestamp::now()),
                News::Connected => {
                    view.connected = true;
                    live.ask(Duration::ZERO);
                }
                News::Lost => view.connected = false,
                News::Changed => live.ask(CALM),
                News::Lines(name, lines) => view.add_lines(&name, lines),
                News::Said(said) => view.say(said, Timestamp::now()),
            },
            _ = ticks.tick() => {
                stale += 1;
                if stale >= REFRESH_TICKS {
                    stale = 0;
                    live.ask(Duration::ZERO);
                }
            }
        }
    }
}
