//! The terminal: taken, drawn on, and given back however the program ends.

use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::layout::Rect;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the thread that reads keys sleeps at most before it looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(200);

/// Keys that may wait; nobody types faster than they are obeyed.
const KEYS: usize = 64;

/// What the terminal says.
#[derive(Debug)]
pub(super) enum Input {
    Key(KeyEvent),
    Resized,
}

/// The whole screen. Given back when dropped, and by a hook when the program panics.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    inputs: mpsc::Receiver<Input>,
    over: Arc<AtomicBool>,
}

impl Screen {
    pub(super) fn take() -> std::io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let (sender, inputs) = mpsc::channel(KEYS);
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        // Reading a terminal blocks, and the runtime has one thread.
        std::thread::spawn(move || read(&sender, &seen));
        Ok(Self { terminal, inputs, over })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> std::io::Result<()> {
        self.terminal.draw(|frame| draw(frame.area(), frame.buffer_mut())).map(|_| ())
    }

    /// The next key; `None` when the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Input> {
        self.inputs.recv().await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        ratatui::restore();
    }
}

fn read(sender: &mpsc::Sender<Input>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let input = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let input = match input {
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => Input::Key(key),
            Ok(Event::Resize(..)) => Input::Resized,
            Ok(_) => continue,
            Err(_) => return,
        };
        if sender.blocking_send(input).is_err() {
            return;
        }
    }
}

/// How wide the terminal is, when standard output is one.
pub(super) fn width() -> Option<u16> {
    use std::io::IsTerminal;
    if !std::io::stdout().is_terminal() {
        return None;
    }
    ratatui::crossterm::terminal::size().ok().map(|(width, _)| width).filter(|width| *width > 0)
}

/// What is drawn, without its colours.
pub(super) fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let line = |y| {
        let mut text = String::new();
        let mut covered = 0;
        for x in area.left()..area.right() {
            // The second half of a wide character is an empty cell.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            covered = ratatui::text::Span::raw(symbol).width().saturating_sub(1);
            text.push_str(symbol);
        }
        text.trim_end().to_owned()
    };
    let lines: Vec<String> = (area.top()..area.bottom()).map(line).collect();
    lines.join("\n").trim_end().to_owned()
}
