//! What is shown, and what a key means. No terminal, no clock, no daemon.

use jiff::Timestamp;
use orkestra_server::wire::{LogLine, StatusView, UnitView};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Lines of a unit that are kept to be looked at.
const LINES_MAX: usize = 2_000;

/// How long an answer stays in the last line, in milliseconds.
const SAID_MS: i128 = 8_000;

/// The longest filter.
const FILTER_MAX: usize = 64;

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    State,
    Up,
    Restarts,
    Cpu,
    Memory,
}

/// In the order of the keys `1` to `6`.
pub(super) const SORTS: [Sort; 6] =
    [Sort::Name, Sort::State, Sort::Up, Sort::Restarts, Sort::Cpu, Sort::Memory];

/// What can be done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Start,
    Stop,
    Restart,
}

impl Verb {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// What somebody is asked or told, over the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Over {
    Nothing,
    Help,
    Filter,
    Confirm(Verb, String),
}

/// What follows from a key, beyond the view itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Quit,
    Act(Verb, String),
    Open(String),
    Close,
}

/// An answer to something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) failed: bool,
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct View {
    pub(super) color: bool,
    pub(super) connected: bool,
    pub(super) status: Option<StatusView>,
    /// When the status was so; ages grow from here.
    pub(super) at: Timestamp,
    pub(super) sort: Sort,
    pub(super) reverse: bool,
    pub(super) filter: String,
    pub(super) over: Over,
    /// By name, so that the choice stays with its unit when the order changes.
    pub(super) selected: Option<String>,
    /// The first row that is shown.
    pub(super) top: usize,
    /// Rows that fit, as last drawn.
    pub(super) page: usize,
    /// The unit that is open.
    pub(super) open: Option<String>,
    pub(super) lines: VecDeque<LogLine>,
    /// Lines below the last one that is shown; 0 follows.
    pub(super) back: usize,
    said: Option<(Said, Timestamp)>,
}

/// Percent of one core; nothing before anything.
fn cpu_of(unit: &UnitView) -> f64 {
    unit.usage.as_ref().map_or(-1.0, |sample| sample.cpu_percent)
}

fn memory_of(unit: &UnitView) -> Option<u64> {
    unit.usage.as_ref().map(|sample| sample.rss_bytes)
}

/// Most urgent first.
fn urgency(state: &str) -> usize {
    ["failed", "backing_off", "starting", "stopping", "running", "stopped"]
        .iter()
        .position(|word| *word == state)
        .unwrap_or(0)
}

impl View {
    pub(super) fn new(color: bool) -> Self {
        Self {
            color,
            connected: true,
            status: None,
            at: Timestamp::UNIX_EPOCH,
            sort: Sort::Name,
            reverse: false,
            filter: String::new(),
            over: Over::Nothing,
            selected: None,
            top: 0,
            page: 1,
            open: None,
            lines: VecDeque::new(),
            back: 0,
            said: None,
        }
    }

    pub(super) fn refresh(&mut self, status: StatusView, at: Timestamp) {
        self.connected = true;
        self.at = at;
        self.status = Some(status);
        self.keep_selection();
    }

    pub(super) fn say(&mut self, said: Said, now: Timestamp) {
        self.said = Some((said, now));
    }

    pub(super) fn said(&self, now: Timestamp) -> Option<&Said> {
        let (said, at) = self.said.as_ref()?;
        (now.duration_since(*at).as_millis() < SAID_MS).then_some(said)
    }

    pub(super) fn add_lines(&mut self, name: &str, lines: Vec<LogLine>) {
        if self.open.as_deref() != Some(name) {
            return;
        }
        // Who looks back goes on looking at the same lines.
        if self.back > 0 {
            self.back += lines.len();
        }
        self.lines.extend(lines);
        while self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        self.back = self.back.min(self.lines.len().saturating_sub(1));
    }

    /// The rows in their order.
    pub(super) fn rows(&self) -> Vec<&UnitView> {
        let filter = self.filter.to_lowercase();
        let units = self.status.iter().flat_map(|status| &status.units);
        let mut rows: Vec<&UnitView> =
            units.filter(|unit| unit.name.to_lowercase().contains(&filter)).collect();
        rows.sort_by(|a, b| {
            let order = match self.sort {
                Sort::Name => Ordering::Equal,
                Sort::State => urgency(&a.state).cmp(&urgency(&b.state)),
                Sort::Up => a.uptime_ms.unwrap_or(u64::MAX).cmp(&b.uptime_ms.unwrap_or(u64::MAX)),
                Sort::Restarts => b.restarts.cmp(&a.restarts),
                Sort::Cpu => cpu_of(b).total_cmp(&cpu_of(a)),
                Sort::Memory => memory_of(b).cmp(&memory_of(a)),
            };
            let order = order.then_with(|| a.name.cmp(&b.name));
            if self.reverse { order.reverse() } else { order }
        });
        rows
    }

    /// The unit of this name.
    pub(super) fn unit(&self, name: &str) -> Option<&UnitView> {
        self.status.as_ref()?.units.iter().find(|unit| unit.name == name)
    }

    /// The row that is chosen.
    pub(super) fn position(&self) -> usize {
        let rows = self.rows();
        let place = rows.iter().position(|unit| Some(&unit.name) == self.selected.as_ref());
        place.unwrap_or(0)
    }

    fn keep_selection(&mut self) {
        let rows = self.rows();
        let there = rows.iter().any(|unit| Some(&unit.name) == self.selected.as_ref());
        if !there {
            self.selected = rows.first().map(|unit| unit.name.clone());
        }
    }

    fn select(&mut self, position: usize) {
        let rows = self.rows();
        let position = position.min(rows.len().saturating_sub(1));
        self.selected = rows.get(position).map(|unit| unit.name.clone());
    }

    fn sort_by(&mut self, sort: Sort) {
        self.reverse = self.sort == sort && !self.reverse;
        self.sort = sort;
    }

    /// What a key does here.
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Order> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            let ends = matches!(key.code, KeyCode::Char('c' | 'd'));
            return ends.then_some(Order::Quit);
        }
        match self.over.clone() {
            Over::Help => {
                self.over = Over::Nothing;
                None
            }
            Over::Filter => {
                self.type_filter(key.code);
                None
            }
            Over::Confirm(verb, name) => {
                self.over = Over::Nothing;
                let yes = matches!(key.code, KeyCode::Char('y' | 'Y') | KeyCode::Enter);
                yes.then_some(Order::Act(verb, name))
            }
            Over::Nothing => self.plain(key.code),
        }
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.over = Over::Nothing,
            KeyCode::Esc => {
                self.filter.clear();
                self.over = Over::Nothing;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.len() < FILTER_MAX => self.filter.push(c),
            _ => {}
        }
        self.keep_selection();
    }

    fn plain(&mut self, code: KeyCode) -> Option<Order> {
        match code {
            KeyCode::Char('q') => return Some(Order::Quit),
            KeyCode::Char('?' | 'h') => self.over = Over::Help,
            KeyCode::Char('s') => self.ask(Verb::Stop),
            KeyCode::Char('r') => self.ask(Verb::Restart),
            KeyCode::Char('S') => {
                return self.chosen().map(|name| Order::Act(Verb::Start, name));
            }
            code if self.open.is_some() => return self.look_back(code),
            KeyCode::Char('/') => self.over = Over::Filter,
            KeyCode::Char(digit @ '1'..='6') => {
                let place = usize::from(digit as u8 - b'1');
                if let Some(sort) = SORTS.get(place) {
                    self.sort_by(*sort);
                }
            }
            KeyCode::Enter | KeyCode::Right => {
                let name = self.chosen()?;
                self.open = Some(name.clone());
                self.lines.clear();
                self.back = 0;
                return Some(Order::Open(name));
            }
            KeyCode::Esc => {
                self.filter.clear();
                self.keep_selection();
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(self.position().saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(self.position() + 1),
            KeyCode::PageUp => self.select(self.position().saturating_sub(self.page)),
            KeyCode::PageDown => self.select(self.position().saturating_add(self.page)),
            KeyCode::Home | KeyCode::Char('g') => self.select(0),
            KeyCode::End | KeyCode::Char('G') => self.select(usize::MAX),
            _ => {}
        }
        None
    }

    /// Keys while a unit is open.
    fn look_back(&mut self, code: KeyCode) -> Option<Order> {
        let most = self.lines.len().saturating_sub(self.page.min(self.lines.len()));
        self.back = match code {
            KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => {
                self.open = None;
                self.lines.clear();
                return Some(Order::Close);
            }
            KeyCode::Up | KeyCode::Char('k') => self.back + 1,
            KeyCode::Down | KeyCode::Char('j') => self.back.saturating_sub(1),
            KeyCode::PageUp => self.back + self.page,
            KeyCode::PageDown => self.back.saturating_sub(self.page),
            KeyCode::Home | KeyCode::Char('g') => most,
            KeyCode::End | KeyCode::Char('G') => 0,
            _ => self.back,
        }
        .min(most);
        None
    }

    /// The unit that a key is about.
    fn chosen(&self) -> Option<String> {
        self.open.clone().or_else(|| self.selected.clone())
    }

    /// What ends something that runs is asked for first.
    fn ask(&mut self, verb: Verb) {
        if let Some(name) = self.chosen() {
            self.over = Over::Confirm(verb, name);
        }
    }
}
