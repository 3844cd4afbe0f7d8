//! Draws the view: what needs somebody, the units, or one unit with what it writes. What does not
//! fit is left out from the right: reasons first, names last.

use super::view::{Over, SORTS, Sort, View};
use crate::terminal::{self, Color, harmless, shorten};
use jiff::Timestamp;
use orkestra_server::wire::{StatusView, UnitView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color as Ink, Modifier, Style};
use ratatui::text::Span;

/// Lines for what needs somebody.
const NEEDS: usize = 3;

/// Smaller than this nothing can be told.
const LEAST: (u16, u16) = (20, 5);

/// Room for a state with its mark.
const STATE: u16 = 14;
const UP: u16 = 12;
const RESTARTS: u16 = 8;
const CPU: u16 = 6;
const MEMORY: u16 = 8;
/// Shorter names get this much too.
const NAME_MIN: usize = 10;
/// A reason in less room says nothing.
const WHY_MIN: u16 = 12;

/// Writes into a part of the screen.
struct Pen<'a> {
    buffer: &'a mut Buffer,
    color: bool,
}

impl Pen<'_> {
    fn style(&self, color: Color) -> Style {
        if !self.color {
            return Style::new();
        }
        Style::new().fg(match color {
            Color::Grey => Ink::DarkGray,
            Color::Blue => Ink::Blue,
            Color::Amber => Ink::Yellow,
            Color::Green => Ink::Green,
            Color::Red => Ink::Red,
        })
    }

    /// Writes at most so many columns; where it ended.
    fn put(&mut self, x: u16, y: u16, text: &str, most: u16, style: Style) -> u16 {
        let area = self.buffer.area;
        if y >= area.bottom() || x >= area.right() {
            return x;
        }
        let most = most.min(area.right() - x);
        let text = if Span::raw(text).width() > usize::from(most) {
            shorten(text, usize::from(most))
        } else {
            text.to_owned()
        };
        self.buffer.set_stringn(x, y, text, usize::from(most), style).0
    }

    /// Words with a colour each, one behind the other.
    fn line(&mut self, area: Rect, y: u16, words: &[(String, Style)]) {
        let mut x = area.x;
        for (text, style) in words {
            x = self.put(x, y, text, area.right().saturating_sub(x), *style);
        }
    }

    fn bold(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

/// How high a frame is that shows every unit.
pub(super) fn whole_height(view: &View) -> u16 {
    let needs = view.status.as_ref().map_or(0, |status| status.needs_you.len().min(NEEDS) + 1);
    u16::try_from(view.rows().len() + needs + 5).unwrap_or(u16::MAX).max(LEAST.1)
}

/// Draws everything.
pub(super) fn page(view: &mut View, now: Timestamp, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen { buffer, color: view.color };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        pen.put(area.x, area.y, "too small", area.width, Style::new());
        return;
    }
    let Some(status) = view.status.clone() else {
        pen.put(area.x, area.y, "connecting…", area.width, Style::new());
        return;
    };
    let age = u64::try_from(now.duration_since(view.at).as_millis()).unwrap_or(0);
    let mut y = area.y;
    header(&mut pen, view, &status, age, Rect { y, height: 1, ..area });
    y += 1;
    if view.open.is_none() {
        y = needs(&mut pen, &status, area, y);
    }
    y += 1;
    let body = Rect { y, height: area.bottom().saturating_sub(y + 1), ..area };
    match view.open.clone() {
        Some(name) => unit(&mut pen, view, &name, (now, age), body),
        None => units(&mut pen, view, (now, age), body),
    }
    footer(&mut pen, view, now, Rect { y: area.bottom() - 1, height: 1, ..area });
    if view.over == Over::Help {
        help(&mut pen, area);
    }
}

fn header(pen: &mut Pen<'_>, view: &View, status: &StatusView, age: u64, area: Rect) {
    let daemon = &status.daemon;
    let count = |state: &str| status.units.iter().filter(|unit| unit.state == state).count();
    let mut totals: Vec<(String, String, Style)> = Vec::new();
    let needs = status.needs_you.len();
    if needs > 0 {
        let verb = if needs == 1 { "needs" } else { "need" };
        let style = pen.style(Color::Amber);
        totals.push((format!("  ! {needs}"), format!(" {verb} you"), style));
    }
    for (word, color) in [
        ("running", Color::Blue),
        ("backing_off", Color::Amber),
        ("failed", Color::Red),
        ("stopped", Color::Grey),
    ] {
        let number = count(word);
        if number > 0 {
            let mark = format!("  {} {number}", terminal::mark(word).0);
            totals.push((mark, format!(" {}", word.replace('_', " ")), pen.style(color)));
        }
    }
    let mut words = vec![(format!("orkestra {}", daemon.version), pen.bold())];
    if view.connected {
        let up = terminal::duration(whole_seconds(daemon.uptime_ms + age));
        let about = format!(" · {} · up {up}", harmless(&daemon.host));
        words.push((about, Style::new()));
    } else {
        words.push((" · connecting…".to_owned(), pen.style(Color::Amber)));
    }
    if daemon.store != "ok" {
        words.push((format!(" · journal {}", daemon.store), pen.style(Color::Red)));
    }
    let width = |words: &[(String, Style)]| -> usize {
        words.iter().map(|(text, _)| Span::raw(text).width()).sum()
    };
    let long = totals.iter().map(|(mark, word, style)| (format!("{mark}{word}"), *style));
    let short = totals.iter().map(|(mark, _, style)| (mark.clone(), *style));
    let (left, room) = (width(&words), usize::from(area.width));
    for mut totals in [long.collect::<Vec<_>>(), short.collect()] {
        let right = width(&totals);
        if left + right <= room {
            words.push((" ".repeat(room - left - right), Style::new()));
            words.append(&mut totals);
            break;
        }
    }
    pen.line(area, area.y, &words);
}

/// What waits for a person; nothing is said at length when nothing does.
fn needs(pen: &mut Pen<'_>, status: &StatusView, area: Rect, y: u16) -> u16 {
    let all = &status.needs_you;
    if all.is_empty() {
        let words = [("✓ Nothing needs you.".to_owned(), pen.style(Color::Green))];
        pen.line(area, y, &words);
        return y + 1;
    }
    // In a low window the units have the right of way.
    let most = if area.height < 16 { 1 } else { NEEDS };
    let amber = pen.style(Color::Amber);
    for (index, need) in all.iter().take(most).enumerate() {
        let subject = match need.kind.as_str() {
            "run_failed" | "run_refuted" => {
                need.subject.rsplit('-').next().unwrap_or(&need.subject)
            }
            // Its title names what it is about.
            "alert" => "alert",
            _ => &need.subject,
        };
        let more = all.len().saturating_sub(most);
        let last = index + 1 == most && more > 0;
        let tail = if last { format!("  (and {more} more)") } else { String::new() };
        let line = Rect { width: area.width.saturating_sub(tail.len() as u16), ..area };
        let row = y + index as u16;
        let words = [
            ("! ".to_owned(), amber),
            (format!("{}: ", harmless(subject)), pen.bold()),
            (harmless(&need.title), Style::new()),
        ];
        pen.line(line, row, &words);
        pen.put(line.right(), row, &tail, tail.len() as u16, amber);
    }
    y + all.len().min(most) as u16
}

/// Full seconds: tenths that jump are no help to the eye.
fn whole_seconds(ms: u64) -> u64 {
    if ms < 1_000 { ms } else { ms / 1_000 * 1_000 }
}

/// How long it has lived, or until it is tried again.
fn up_of(unit: &UnitView, (now, age): (Timestamp, u64)) -> String {
    if let Some(ms) = unit.uptime_ms {
        return terminal::duration(whole_seconds(ms + age));
    }
    let next = unit.next_start_at.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
    match next.map(|at| at.duration_since(now).as_millis()) {
        Some(ms) if ms > 0 => {
            let ms = u64::try_from(ms).unwrap_or(0).div_ceil(1_000) * 1_000;
            format!("in {}", terminal::duration(ms))
        }
        Some(_) => "now".to_owned(),
        None => "–".to_owned(),
    }
}

/// Which columns there are, with their widths.
struct Columns {
    name: u16,
    up: bool,
    /// Processor and memory, once somebody was sampled.
    usage: bool,
    restarts: bool,
    why: u16,
}

impl Columns {
    fn fit(rows: &[&UnitView], width: u16) -> Self {
        let longest = rows.iter().map(|unit| unit.name.len()).max().unwrap_or(0).max(NAME_MIN);
        let longest = u16::try_from(longest).unwrap_or(u16::MAX);
        let room = width.saturating_sub(2);
        // The name gets what it needs, but leaves room for the state.
        let name = longest.min((room / 3).max(16)).min(room.saturating_sub(STATE + 1).max(6));
        let mut left = room.saturating_sub(name + 1 + STATE);
        let up = left >= UP;
        left = left.saturating_sub(if up { UP + 1 } else { 0 });
        let sampled = rows.iter().any(|unit| unit.usage.is_some());
        let usage = sampled && left >= CPU + MEMORY + 2;
        left = left.saturating_sub(if usage { CPU + MEMORY + 2 } else { 0 });
        let restarts = up && left >= RESTARTS;
        left = left.saturating_sub(if restarts { RESTARTS + 1 } else { 0 });
        Self { name, up, usage, restarts, why: if left >= WHY_MIN { left } else { 0 } }
    }
}

fn units(pen: &mut Pen<'_>, view: &mut View, clock: (Timestamp, u64), area: Rect) {
    view.page = usize::from(area.height.saturating_sub(1)).max(1);
    let position = view.position();
    let count = view.rows().len();
    // The chosen row is in sight, and no room is left empty while rows are above.
    view.top = view.top.min(position).max((position + 1).saturating_sub(view.page));
    view.top = view.top.min(count.saturating_sub(view.page));
    let rows = view.rows();
    if rows.is_empty() {
        let text = if view.filter.is_empty() {
            "No units are configured; `orkestra init` writes a first orkestra.yaml.".to_owned()
        } else {
            format!("No unit has {:?} in its name. Esc shows all.", view.filter)
        };
        pen.put(area.x, area.y, &text, area.width, Style::new());
        return;
    }
    let columns = Columns::fit(&rows, area.width);
    head(pen, view, &columns, area);
    for (index, unit) in rows.iter().enumerate().skip(view.top).take(view.page) {
        let y = area.y + 1 + (index - view.top) as u16;
        let chosen = index == position;
        row(pen, unit, chosen, &columns, clock, Rect { y, height: 1, ..area });
        if chosen || !view.connected {
            // What is shown of a daemon that is away is old.
            let modifier = if chosen { Modifier::REVERSED } else { Modifier::DIM };
            pen.buffer
                .set_style(Rect { y, height: 1, ..area }, Style::new().add_modifier(modifier));
        }
    }
}

fn head(pen: &mut Pen<'_>, view: &View, columns: &Columns, area: Rect) {
    let grey = pen.style(Color::Grey).add_modifier(Modifier::BOLD);
    let arrow = if view.reverse { "↑" } else { "↓" };
    let title = |sort: Sort, text: &str| {
        if view.sort == sort { format!("{text}{arrow}") } else { text.to_owned() }
    };
    let mut x = area.x + 2;
    pen.put(x, area.y, &title(Sort::Name, "UNIT"), columns.name, grey);
    x += columns.name + 1;
    pen.put(x, area.y, &title(Sort::State, "STATE"), STATE, grey);
    x += STATE;
    if columns.usage {
        pen.put(x, area.y, &title(Sort::Cpu, "CPU"), CPU, grey);
        pen.put(x + CPU + 1, area.y, &title(Sort::Memory, "MEMORY"), MEMORY, grey);
        x += CPU + MEMORY + 2;
    }
    if columns.up {
        pen.put(x, area.y, &title(Sort::Up, "UP"), UP, grey);
        x += UP + 1;
    }
    if columns.restarts {
        pen.put(x, area.y, &title(Sort::Restarts, "RESTARTS"), RESTARTS + 1, grey);
        x += RESTARTS + 1;
    }
    if columns.why > 0 {
        // One more, since an arrow may stand behind the column before it.
        pen.put(x + 1, area.y, "WHY", columns.why, grey);
    }
}

fn row(
    pen: &mut Pen<'_>,
    unit: &UnitView,
    chosen: bool,
    columns: &Columns,
    clock: (Timestamp, u64),
    area: Rect,
) {
    let (y, plain) = (area.y, Style::new());
    pen.put(area.x, y, if chosen { "▸" } else { " " }, 1, plain);
    let mut x = area.x + 2;
    pen.put(x, y, &unit.name, columns.name, plain);
    x += columns.name + 1;
    let (mark, color) = terminal::mark(&unit.state);
    let color = match (unit.state.as_str(), unit.health.as_str()) {
        ("running", "healthy") => Color::Green,
        ("running", "degraded" | "unhealthy") => Color::Amber,
        _ => color,
    };
    let style = pen.style(color);
    pen.put(x, y, &format!("{mark} {}", unit.state.replace('_', " ")), STATE, style);
    x += STATE;
    if columns.usage {
        let sample = unit.usage.as_ref();
        let cpu = sample.map_or_else(|| "–".to_owned(), |s| format!("{:.1} %", s.cpu_percent));
        let memory = sample.map_or_else(|| "–".to_owned(), |s| terminal::bytes(s.rss_bytes));
        pen.put(x, y, &cpu, CPU, plain);
        pen.put(x + CPU + 1, y, &memory, MEMORY, plain);
        x += CPU + MEMORY + 2;
    }
    if columns.up {
        pen.put(x, y, &up_of(unit, clock), UP, plain);
        x += UP + 1;
    }
    if columns.restarts {
        let many = if unit.restarts > 0 { pen.style(Color::Amber) } else { plain };
        pen.put(x, y, &unit.restarts.to_string(), RESTARTS, many);
        x += RESTARTS + 1;
    }
    if columns.why > 0 {
        let why = if unit.why == "Running." { "" } else { &unit.why };
        pen.put(x + 1, y, &harmless(why), columns.why.saturating_sub(1), plain);
    }
}

/// One unit, with the last lines that it wrote.
fn unit(pen: &mut Pen<'_>, view: &mut View, name: &str, clock: (Timestamp, u64), area: Rect) {
    let Some(unit) = view.unit(name).cloned() else {
        let text = format!("{name} is not in the configuration any more. Esc goes back.");
        pen.put(area.x, area.y, &text, area.width, Style::new());
        return;
    };
    let (mark, color) = terminal::mark(&unit.state);
    let (bold, grey, ink) = (pen.bold(), pen.style(Color::Grey), pen.style(color));
    let state = format!("  {mark} {}  ", unit.state.replace('_', " "));
    let words = [(unit.name.clone(), bold), (state, ink), (harmless(&unit.why), Style::new())];
    pen.line(area, area.y, &words);
    let process = unit.pid.map_or_else(|| "–".to_owned(), |pid| pid.to_string());
    let facts = format!(
        "process {process} · up {} · restarts {} · health {}",
        up_of(&unit, clock),
        unit.restarts,
        unit.health
    );
    pen.put(area.x, area.y + 1, &facts, area.width, Style::new());
    let command = format!("$ {}", harmless(&unit.command.join(" ")));
    pen.put(area.x, area.y + 2, &command, area.width, grey);
    let mut y = area.y + 3;
    if let Some(exit) = unit.last_exit.as_ref().filter(|_| area.height > 8) {
        let text = format!("last end: it {}, {}", exit.words, ago(&exit.at, clock.0));
        pen.put(area.x, y, &harmless(&text), area.width, Style::new());
        y += 1;
    }
    let below = if view.back > 0 { format!(" {} lines below ", view.back) } else { String::new() };
    let rule = "─".repeat(usize::from(area.width).saturating_sub(below.chars().count() + 2));
    pen.put(area.x, y, &format!("──{below}{rule}"), area.width, grey);
    y += 1;
    let room = usize::from(area.bottom().saturating_sub(y));
    view.page = room.max(1);
    let end = view.lines.len().saturating_sub(view.back);
    let begin = end.saturating_sub(room);
    if view.lines.is_empty() {
        pen.put(area.x, y, "It has written nothing.", area.width, grey);
    }
    for (row, line) in view.lines.range(begin..end).enumerate() {
        let style = if line.stream == "stderr" { pen.style(Color::Amber) } else { Style::new() };
        let text = harmless(&line.text).replace('\t', "    ");
        let at = y + row as u16;
        pen.buffer.set_stringn(area.x, at, text, usize::from(area.width), style);
    }
}

fn ago(at: &str, now: Timestamp) -> String {
    let ms = at.parse::<Timestamp>().map(|at| now.duration_since(at).as_millis());
    match ms.ok().and_then(|ms| u64::try_from(ms).ok()) {
        Some(ms) => format!("{} ago", terminal::duration(whole_seconds(ms))),
        None => format!("at {at}"),
    }
}

fn footer(pen: &mut Pen<'_>, view: &View, now: Timestamp, area: Rect) {
    let (amber, grey, red) =
        (pen.style(Color::Amber), pen.style(Color::Grey), pen.style(Color::Red));
    let (text, style) = match (&view.over, view.said(now)) {
        (Over::Confirm(verb, name), _) => (format!("{} {name}? y/n", verb.word()), amber),
        (Over::Filter, _) => (format!("/{}▏  enter: keep, esc: show all", view.filter), amber),
        (_, Some(said)) if said.failed => (harmless(&said.text), red),
        (_, Some(said)) => (harmless(&said.text), Style::new()),
        _ if view.open.is_some() => (
            "esc back  ↑↓ look back  G newest  s stop  S start  r restart  q quit".to_owned(),
            grey,
        ),
        _ => {
            let filter =
                if view.filter.is_empty() { String::new() } else { format!("[{}]  ", view.filter) };
            let keys = "q quit  ? help  ↵ open  / filter  1-6 sort  s stop  S start  r restart";
            (format!("{filter}{keys}"), grey)
        }
    };
    pen.put(area.x, area.y, &text, area.width, style);
}

const HELP: [(&str, &str); 12] = [
    ("↑ ↓  k j", "choose"),
    ("PgUp PgDn", "a page on"),
    ("g G", "first, last"),
    ("enter", "open: its last lines, live"),
    ("esc", "back; show all"),
    ("/", "only names with a text"),
    ("1 to 6", "sort: name state up restarts CPU RAM"),
    ("", "(the same again: the other way)"),
    ("s", "stop"),
    ("S", "start"),
    ("r", "restart"),
    ("q  ctrl-c", "quit; units go on"),
];

fn help(pen: &mut Pen<'_>, area: Rect) {
    let (width, height) = (48.min(area.width), (HELP.len() as u16 + 3).min(area.height));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let blank = " ".repeat(usize::from(width));
    for row in 0..height {
        pen.buffer.set_stringn(x, y + row, &blank, usize::from(width), style);
    }
    pen.put(x + 2, y, "Keys (any key closes)", width - 2, style.add_modifier(Modifier::BOLD));
    for (row, (keys, what)) in HELP.iter().enumerate() {
        let at = y + 2 + row as u16;
        if at >= y + height {
            break;
        }
        pen.put(x + 2, at, keys, 12, style);
        pen.put(x + 15, at, what, width.saturating_sub(16), style);
    }
}

// The keys `1` to `6` are named in the help and in the last line.
const _: () = assert!(SORTS.len() == 6);
