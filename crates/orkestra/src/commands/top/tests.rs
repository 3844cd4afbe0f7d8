//! Frames as they are drawn, and keys.

use super::draw;
use super::view::{Order, Over, Said, Verb, View};
use jiff::Timestamp;
use orkestra_server::wire::{LogLine, StatusView};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn unit(name: &str, state: &str, more: &Value) -> Value {
    let mut unit = json!({"name": name, "state": state, "health": "unknown", "why": "Running.",
        "enabled": true, "held": false, "since": "2026-11-21T11:00:00Z", "restarts": 0,
        "command": ["./server", "--port", "80"], "after": {}, "generation": 1, "kind": "service"});
    for (key, value) in more.as_object().unwrap() {
        unit[key] = value.clone();
    }
    unit
}

fn status() -> StatusView {
    let units = json!([
        unit("api", "running", &json!({"pid": 7, "uptime_ms": 65_400, "health": "healthy"})),
        unit(
            "bad",
            "failed",
            &json!({"why": "It exited with code 1, after 2 restarts in a row.",
            "restarts": 2})
        ),
        unit("rest", "stopped", &json!({"why": "Not enabled in the configuration."})),
        unit(
            "worker",
            "backing_off",
            &json!({"why": "It exited with code 1; restart 4 follows.",
            "restarts": 12, "next_start_at": "2026-11-21T12:00:31.5Z"})
        ),
    ]);
    let status = json!({
        "daemon": {"pid": 1, "version": "0.1.0", "home": "/home/o", "config": null,
            "url": "http://127.0.0.1:8000", "started_at": "2026-11-21T09:00:00Z",
            "uptime_ms": 10_800_000, "epoch": 1, "head": 9, "host": "vm", "node": "n",
            "store": "ok"},
        "needs_you": [{"kind": "unit_failed", "subject": "bad", "title": "It exited with code 1.",
            "since": null, "action": "orkestra unit start bad"}],
        "units": units, "runs": [], "alerts_open": 0});
    serde_json::from_value(status).unwrap()
}

fn view() -> View {
    let mut view = View::new(false);
    view.refresh(status(), now());
    view
}

/// What is on a screen of this size.
fn frame(view: &mut View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|f| draw::page(view, now(), f.area(), f.buffer_mut())).unwrap();
    super::screen::text(terminal.backend().buffer()).lines().map(str::to_owned).collect()
}

fn press(view: &mut View, code: KeyCode) -> Option<Order> {
    view.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn write(view: &mut View, text: &str) -> Option<Order> {
    let mut last = None;
    for c in text.chars() {
        last = press(view, KeyCode::Char(c));
    }
    last
}

#[test]
fn eighty_columns_show_all_there_is() {
    let lines = frame(&mut view(), 80, 24);
    let expected = [
        "orkestra 0.1.0 · vm · up 3 h 0 min  ! 1  ● 1  ↻ 1  ✗ 1  ○ 1",
        "! bad: It exited with code 1.",
        "",
        "  UNIT↓      STATE         UP           RESTARTS  WHY",
        "▸ api        ● running     1 min 5 s    0",
        "  bad        ✗ failed      –            2         It exited with code 1, after …",
        "  rest       ○ stopped     –            0         Not enabled in the configurat…",
        "  worker     ↻ backing off in 32 s      12        It exited with code 1; restar…",
    ];
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&lines[0]), squeezed(expected[0]));
    assert_eq!(lines[1..8], expected[1..], "{lines:#?}");
    assert_eq!(lines.len(), 24);
    assert!(lines[23].starts_with("q quit  ? help"), "{lines:#?}");
}

#[test]
fn what_units_use_has_columns_once_it_is_known() {
    let mut used = status();
    let usage = json!({"at": "2026-11-21T12:00:00Z", "cpu_percent": 12.34,
        "rss_bytes": 52_400_000, "processes": 2, "descriptors": 9});
    used.units[0].usage = serde_json::from_value(usage).unwrap();
    let mut view = view();
    view.refresh(used, now());
    write(&mut view, "5");
    let lines = frame(&mut view, 80, 12);
    assert_eq!(lines[3], "  UNIT       STATE         CPU↓   MEMORY   UP           RESTARTS  WHY");
    assert_eq!(lines[4], "▸ api        ● running     12.3 % 52 MB    1 min 5 s    0");
    assert_eq!(view.rows()[0].name, "api", "who uses most stands first");
    write(&mut view, "6");
    assert_eq!(view.rows()[0].name, "api");
}

#[test]
fn narrow_windows_lose_reasons_first_and_names_last() {
    let columns = |width| {
        let lines = frame(&mut view(), width, 12);
        lines.iter().find(|line| line.contains("UNIT")).cloned().unwrap_or_default()
    };
    assert!(columns(80).contains("WHY"));
    assert!(!columns(60).contains("WHY") && columns(60).contains("RESTARTS"));
    assert!(!columns(46).contains("RESTARTS") && columns(46).contains("UP"));
    assert!(!columns(34).contains("UP") && columns(34).contains("STATE"));
    for (width, height) in [(20, 5), (21, 6), (40, 10), (19, 9), (3, 1), (1, 1), (200, 60)] {
        for over in
            [Over::Nothing, Over::Help, Over::Filter, Over::Confirm(Verb::Stop, "api".into())]
        {
            let mut view = view();
            view.over = over;
            frame(&mut view, width, height);
            view.open = Some("bad".to_owned());
            frame(&mut view, width, height);
        }
    }
    assert_eq!(frame(&mut view(), 19, 9), ["too small"]);
}

#[test]
fn colours_are_for_who_wants_them() {
    let inks = |color: bool| {
        let mut view = view();
        view.color = color;
        let mut terminal = Terminal::new(TestBackend::new(80, 12)).unwrap();
        terminal.draw(|f| draw::page(&mut view, now(), f.area(), f.buffer_mut())).unwrap();
        let cells = terminal.backend().buffer().content.clone();
        cells.into_iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert_eq!(inks(false), 0);
    assert!(inks(true) > 20);
}

#[test]
fn a_daemon_that_is_away_is_waited_for() {
    let mut view = view();
    view.connected = false;
    let lines = frame(&mut view, 80, 24);
    assert!(lines[0].starts_with("orkestra 0.1.0 · connecting…"), "{lines:#?}");
    view.refresh(status(), now());
    assert!(!frame(&mut view, 80, 24)[0].contains("connecting"));
}

#[test]
fn the_choice_stays_with_its_unit_and_in_sight() {
    let mut view = view();
    press(&mut view, KeyCode::Down);
    assert_eq!(view.selected.as_deref(), Some("bad"));
    write(&mut view, "2");
    let names = |view: &View| view.rows().iter().map(|u| u.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&view), ["bad", "worker", "api", "rest"], "most urgent first");
    write(&mut view, "2");
    assert_eq!(names(&view), ["rest", "api", "worker", "bad"], "the other way");
    assert_eq!((view.selected.as_deref(), view.position()), (Some("bad"), 3));
    write(&mut view, "4");
    assert_eq!(names(&view), ["worker", "bad", "api", "rest"]);
    // Six lines have room for one unit.
    write(&mut view, "1");
    write(&mut view, "G");
    let lines = frame(&mut view, 80, 6);
    assert!(lines.iter().any(|line| line.starts_with("▸ worker")), "{lines:#?}");
    write(&mut view, "g");
    let lines = frame(&mut view, 80, 6);
    assert!(lines.iter().any(|line| line.starts_with("▸ api")), "{lines:#?}");
    // One that is gone from the configuration is not chosen any more.
    let mut fewer = status();
    fewer.units.remove(0);
    view.refresh(fewer, now());
    assert_eq!(view.selected.as_deref(), Some("bad"));
}

#[test]
fn a_filter_is_typed_kept_and_dropped() {
    let mut view = view();
    write(&mut view, "/Ba");
    assert_eq!(view.over, Over::Filter);
    assert_eq!(view.rows().len(), 1);
    assert_eq!(view.selected.as_deref(), Some("bad"));
    press(&mut view, KeyCode::Enter);
    assert_eq!((view.over.clone(), view.rows().len()), (Over::Nothing, 1));
    press(&mut view, KeyCode::Esc);
    assert_eq!(view.rows().len(), 4);
    // Keys that mean something elsewhere are letters here.
    write(&mut view, "/qsr");
    assert!(frame(&mut view, 80, 24).iter().any(|line| line.contains("No unit has")));
    press(&mut view, KeyCode::Esc);
    assert_eq!((view.filter.as_str(), view.over.clone()), ("", Over::Nothing));
}

#[test]
fn what_ends_a_unit_is_asked_for_and_what_starts_one_is_not() {
    let mut view = view();
    let api = || "api".to_owned();
    assert_eq!(write(&mut view, "S"), Some(Order::Act(Verb::Start, api())));
    assert_eq!(write(&mut view, "s"), None);
    assert!(frame(&mut view, 80, 24)[23].starts_with("stop api? y/n"));
    assert_eq!(write(&mut view, "n"), None);
    assert_eq!(view.over, Over::Nothing);
    assert_eq!(write(&mut view, "sy"), Some(Order::Act(Verb::Stop, api())));
    assert_eq!(write(&mut view, "rq"), None, "q is no yes");
    assert_eq!(write(&mut view, "ry"), Some(Order::Act(Verb::Restart, api())));
    view.say(Said { text: "api: Stopped by hand.".to_owned(), failed: false }, now());
    assert_eq!(frame(&mut view, 80, 24)[23], "api: Stopped by hand.");
    assert_eq!(write(&mut view, "q"), Some(Order::Quit));
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    write(&mut view, "/");
    assert_eq!(view.key(control), Some(Order::Quit), "also while something is typed");
}

#[test]
fn an_open_unit_shows_its_last_lines_and_looks_back() {
    let mut view = view();
    assert_eq!(press(&mut view, KeyCode::Enter), Some(Order::Open("api".to_owned())));
    let line = |number: usize| LogLine {
        at: "2026-11-21T12:00:00Z".to_owned(),
        stream: "stdout".to_owned(),
        text: format!("line {number}\x1b[31m"),
        truncated: false,
    };
    view.add_lines("api", (0..100).map(line).collect());
    view.add_lines("bad", vec![line(777)]);
    let lines = frame(&mut view, 80, 24);
    assert!(lines[2].starts_with("api  ● running  Running."), "{lines:#?}");
    assert_eq!(lines[3], "process 7 · up 1 min 5 s · restarts 0 · health healthy");
    assert_eq!(lines[4], "$ ./server --port 80");
    assert_eq!(lines[22], "line 99\u{fffd}[31m", "control characters are not obeyed");
    press(&mut view, KeyCode::Up);
    assert_eq!(frame(&mut view, 80, 24)[22], "line 98\u{fffd}[31m");
    view.add_lines("api", vec![line(100)]);
    let lines = frame(&mut view, 80, 24);
    assert_eq!(lines[22], "line 98\u{fffd}[31m", "who looks back is left in peace");
    assert!(lines[5].contains(" 2 lines below "), "{lines:#?}");
    write(&mut view, "g");
    assert_eq!(frame(&mut view, 80, 24)[6], "line 0\u{fffd}[31m");
    write(&mut view, "G");
    assert_eq!(frame(&mut view, 80, 24)[22], "line 100\u{fffd}[31m");
    for _ in 0..30 {
        view.add_lines("api", (0..100).map(line).collect());
    }
    assert_eq!(view.lines.len(), 2_000);
    assert_eq!(press(&mut view, KeyCode::Esc), Some(Order::Close));
    assert!(view.lines.is_empty() && view.open.is_none());
}
