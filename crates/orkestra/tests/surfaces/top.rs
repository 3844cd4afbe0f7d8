//! `orkestra top` in a real terminal: a pty, read by an emulator.

use crate::harness::{Home, ORKESTRA, PATIENCE, signal, text};
use std::fs::File;
use std::io::{Read, Write};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const UNITS: &str = "units:\n  web:\n    command: [sh, -c, \"echo hello from web; exec sleep 100000\"]\n  \
    bad:\n    command: [/bin/false]\n    restart: never\n";

/// A program in a terminal of its own.
struct Pty {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
}

impl Pty {
    fn start(home: &Home, args: &[&str], (rows, columns): (u16, u16)) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("its rights");
        unlockpt(&master).expect("its lock");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let size =
            rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&master, size).expect("its size");
        let open = || {
            let name = name.to_str().expect("a path");
            File::options().read(true).write(true).open(name).expect("its other side")
        };
        // The terminal must be the program's own, or the size of the test's would be asked for.
        let child = home
            .command("setsid")
            .env("TERM", "xterm-256color")
            .arg("--ctty")
            .arg(ORKESTRA)
            .args(args)
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .expect("it starts");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let master = File::from(master);
        let mut output = master.try_clone().expect("a second handle");
        let shown = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is the end of everybody who had it open.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("the screen").process(&bytes[..count]);
            }
        });
        Self { child, keyboard: master, screen, reader: Some(reader) }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("keys are pressed");
    }

    fn shown(&self) -> String {
        self.screen.lock().expect("the screen").screen().contents()
    }

    /// Waits until something is on the screen.
    fn wait(&self, what: &str, so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.shown();
            if so(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The exit code, and whether the terminal was given back.
    fn end(mut self) -> (Option<i32>, bool) {
        let status = self.child.wait().expect("it ends");
        let attributes = rustix::termios::tcgetattr(&self.keyboard).expect("the terminal");
        let is_cooked = attributes.local_modes.contains(rustix::termios::LocalModes::ICANON);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader");
        }
        let screen = self.screen.lock().expect("the screen");
        let given_back =
            is_cooked && !screen.screen().alternate_screen() && !screen.screen().hide_cursor();
        (status.code(), given_back)
    }
}

#[test]
fn top_shows_units_live_and_obeys_keys() {
    let mut home = Home::new(UNITS);
    home.up();
    home.pid("web");
    home.wait_state("bad", "failed");
    let mut top = Pty::start(&home, &["top"], (24, 80));
    let shown = top.wait("the table", |s| s.contains("● running") && s.contains("✗ failed"));
    assert!(shown.contains("! bad: ") && shown.contains("q quit"), "{shown}");

    // What others do is seen.
    home.ok(&["unit", "stop", "web"]);
    top.wait("the stop", |s| s.contains("○ stopped"));
    top.press("jS");
    top.wait("the start by a key", |s| s.contains("● running"));
    let first = home.pid("web");
    top.press("r");
    top.wait("the question", |s| s.contains("restart web? y/n"));
    top.press("y");
    home.wait("another process", || (home.pid("web") != first).then_some(()));

    top.press("\r");
    top.wait("its lines", |s| s.contains("hello from web") && s.contains("esc back"));
    top.press("\x1b");
    top.wait("the table again", |s| s.contains("1-6 sort"));
    top.press("/ba\r");
    top.wait("the filter", |s| s.contains("[ba]") && !s.contains("● running"));
    top.press("q");
    assert_eq!(top.end(), (Some(0), true));
    let actors: Vec<_> =
        home.events("unit.start_requested").iter().map(|e| e["actor"].clone()).collect();
    assert!(actors.iter().any(|actor| actor == "person:cli"), "{actors:?}");
}

#[test]
fn top_survives_a_daemon_and_gives_the_terminal_back_on_a_signal() {
    let mut home = Home::new(UNITS);
    home.up();
    home.pid("web");
    let top = Pty::start(&home, &["top"], (12, 60));
    top.wait("the table", |s| s.contains("● running"));
    home.ok(&["down", "--keep-units"]);
    home.wait_for_end();
    top.wait("what it waits for", |s| s.contains("connecting…"));
    home.up();
    top.wait("the daemon", |s| s.contains("● running") && !s.contains("connecting…"));
    signal(top.child.id() as i32, "TERM");
    assert_eq!(top.end(), (Some(0), true));
}

#[test]
fn top_without_a_terminal_prints_one_frame_or_says_how() {
    let mut home = Home::new(UNITS);
    home.fails(&["top", "--once"], 3);
    home.up();
    home.pid("web");
    home.wait_state("bad", "failed");
    let frame = home.ok(&["top", "--once"]);
    assert!(frame.starts_with("orkestra "), "{frame}");
    assert!(frame.contains("● running") && frame.contains("! bad: "), "{frame}");
    assert!(!frame.contains('\x1b'), "{frame}");
    let frame = home.ok(&["top", "--once", "--filter", "WE"]);
    assert!(frame.contains("web") && !frame.contains("✗ failed  "), "{frame}");
    assert!(home.fails(&["top"], 2).contains("--once"));
    assert_eq!(home.json(&["top"])["units"][1]["name"], "web");
    let pipe = home.run(&["top", "--once"]);
    assert!(text(&pipe.stderr).is_empty());
}
