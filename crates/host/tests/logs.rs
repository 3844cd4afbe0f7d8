//! Output through the shim: nothing lost, nothing doubled, nothing torn.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: they start strangers, and a failure is a panic"
)]

mod support;

use std::time::{Duration, Instant};

use orkestra_host::instance::{Full, Launch, Output};
use orkestra_host::output::{Cursor, LINE_CAP, LogLine, LogReader, Stream};
use support::{Home, all_lines, log_files, texts};

fn rotating(home: &Home, script: &str, max_bytes: u64, keep: u64) -> Launch {
    let mut launch = home.sh(script);
    launch.output = Output::Log { dir: home.path("log"), max_bytes, keep, full: Full::Block };
    launch
}

fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn no_line_is_lost_doubled_or_torn_when_files_rotate_under_load() {
    let home = Home::new();
    // Both streams at once; seq writes in large blocks that end in the middle of lines.
    let launch = rotating(&home, "seq 300000 >&2 & seq 500000; wait", 1 << 20, 1000);
    let exit = home.run(&launch).await;
    assert_eq!((exit.code, exit.dropped), (Some(0), 0));
    let lines = all_lines(&home.logs());
    assert_eq!(texts(&lines, Stream::Stdout), numbers(500_000));
    assert_eq!(texts(&lines, Stream::Stderr), numbers(300_000));
    assert!(lines.is_sorted_by_key(|line| line.cursor_after));
    assert!(lines.is_sorted_by_key(|line| line.at_micros), "one clock, one order");
    let files = log_files(&home.path("log"));
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let bytes = std::fs::read(home.path("log").join(&file)).unwrap();
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{file} ends within a line");
        assert!(bytes.len() < (1 << 20) + (300 << 10), "{file} has {} bytes", bytes.len());
    }
}

#[tokio::test]
async fn only_the_wanted_number_of_files_is_kept_and_a_new_instance_goes_on_in_the_newest() {
    let home = Home::new();
    let launch = rotating(&home, "seq 400000", 500_000, 3);
    home.run(&launch).await;
    let files = log_files(&home.path("log"));
    assert_eq!(files.len(), 3, "{files:?}");
    // Many short lives must not push out what led to them, one file per life.
    for _ in 0..5 {
        home.run(&rotating(&home, "echo again", 500_000, 3)).await;
    }
    assert_eq!(log_files(&home.path("log")), files);
    let page = home.logs().read_after(Cursor { seq: 1, offset: 0 }, 1).unwrap();
    assert!(page.gap, "what was rotated away is not passed over in silence");
    let tail = home.logs().tail(6).unwrap().lines;
    assert_eq!(
        texts(&tail, Stream::Stdout),
        ["400000", "again", "again", "again", "again", "again"]
    );
    // A file that ends within an entry, as a killed shim may leave it, is not gone on with.
    let newest = home.path("log").join(files.last().unwrap());
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() - 3]).unwrap();
    home.run(&rotating(&home, "echo fresh", 500_000, 3)).await;
    assert_eq!(texts(&home.logs().tail(1).unwrap().lines, Stream::Stdout), ["fresh"]);
    assert_ne!(log_files(&home.path("log")).last(), files.last());
}

#[tokio::test]
async fn nul_bytes_broken_text_and_escapes_are_kept_as_they_are() {
    let home = Home::new();
    let script = r"printf 'a\0b\n\377\376\n\033[31mred\033[0m\n\n  two  \r\nlast'";
    home.run(&home.sh(script)).await;
    let lines = all_lines(&home.logs());
    let bytes: Vec<&[u8]> = lines.iter().map(|line| line.bytes.as_slice()).collect();
    let wanted: [&[u8]; 6] =
        [b"a\0b", b"\xff\xfe", b"\x1b[31mred\x1b[0m", b"", b"  two  \r", b"last"];
    assert_eq!(bytes, wanted);
    assert!(lines.iter().all(|line| !line.partial && !line.truncated));
}

#[tokio::test]
async fn long_lines_come_whole_and_huge_ones_cut_and_flagged() {
    let home = Home::new();
    let lengths = [16_383, 16_384, 16_385, 32_768, 900_000, LINE_CAP, LINE_CAP + 1, 10 << 20];
    let script: String =
        lengths.iter().map(|len| format!("head -c {len} /dev/zero | tr '\\0' x; echo; ")).collect();
    home.run(&rotating(&home, &format!("{script} echo end"), 1 << 20, 100)).await;
    let lines = all_lines(&home.logs());
    assert_eq!(lines.len(), lengths.len() + 1);
    for (line, len) in lines.iter().zip(lengths) {
        assert_eq!(line.bytes.len(), len.min(LINE_CAP));
        assert!(line.bytes.iter().all(|byte| *byte == b'x') && !line.partial);
        assert_eq!(line.truncated, len > LINE_CAP);
    }
    assert_eq!(lines.last().unwrap().bytes, b"end");
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_delays_neither_exit_nor_release() {
    let home = Home::new();
    let script = "setsid sh -c 'trap \"\" TERM; touch deaf; while :; do sleep 1; done' & \
                  while ! [ -e deaf ]; do sleep 0.01; done; echo before; exit 0";
    let mut launch = home.sh(script);
    launch.grace = Duration::from_millis(100);
    let began = Instant::now();
    let exit = home.run(&launch).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!((exit.code, exit.killed), (Some(0), true));
    assert_eq!(texts(&all_lines(&home.logs()), Stream::Stdout), ["before"]);
}

#[tokio::test]
async fn a_unit_that_closes_its_output_lives_on() {
    let home = Home::new();
    let mut running =
        home.start(&home.sh("echo one; exec >&- 2>&-; sleep 0.3; touch done; exit 3")).await;
    assert_eq!(running.exit().await.code, Some(3));
    assert!(home.path("done").exists());
}

#[tokio::test]
async fn a_prompt_without_a_line_end_is_shown_and_its_rest_follows() {
    let home = Home::new();
    let mut running =
        home.start(&home.sh("printf 'Password: '; sleep 2; echo given; exec sleep 1000")).await;
    let mut follower = home.logs().follow(Cursor::default()).unwrap();
    let first = follower.next().await.unwrap().lines;
    assert_eq!((first[0].bytes.as_slice(), first[0].partial), (&b"Password: "[..], true));
    let rest = follower.next().await.unwrap().lines;
    assert_eq!((rest[0].bytes.as_slice(), rest[0].partial), (&b"given"[..], false));
    running.handle.stop(Duration::ZERO, None).await;
    running.exit().await;
}

#[tokio::test]
async fn a_follower_sees_each_line_once_and_soon_while_files_rotate() {
    let home = Home::new();
    let mut follower = home.logs().follow(Cursor::default()).unwrap();
    let script = "sleep 0.2; echo first; sleep 0.5; seq 2 200000; sleep 0.2; echo last";
    let mut running = home.start(&rotating(&home, script, 300_000, 1000)).await;
    let mut seen: Vec<LogLine> = Vec::new();
    let mut waited = None;
    while seen.last().is_none_or(|line| line.bytes != b"last") {
        let page = tokio::time::timeout(support::PATIENCE, follower.next()).await.unwrap().unwrap();
        assert!(!page.gap);
        if waited.is_none() {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
            waited = Some(now - page.lines[0].at_micros);
            assert_eq!(page.lines.len(), 1, "a single line is not held back for more");
        }
        // A position given to a client and taken back leads to the same place.
        let cursor: Cursor = page.cursor.to_string().parse().unwrap();
        assert_eq!(cursor, page.cursor);
        assert!(cursor >= page.lines.last().unwrap().cursor_after);
        seen.extend(page.lines);
    }
    assert!(waited.unwrap() < 100_000, "{waited:?} µs after it was written");
    let mut wanted = numbers(200_000);
    wanted[0] = "first".into();
    wanted.push("last".into());
    assert_eq!(texts(&seen, Stream::Stdout), wanted);
    running.exit().await;
}

#[tokio::test]
async fn a_deleted_log_file_or_folder_does_not_swallow_later_lines() {
    let home = Home::new();
    let script = "echo one; while ! [ -e go ]; do sleep 0.01; done; echo two; \
                  while ! [ -e on ]; do sleep 0.01; done; echo three";
    let mut running = home.start(&home.sh(script)).await;
    let log = home.path("log");
    support::eventually("one", || log.join("00000001.log").exists().then_some(())).await;
    std::fs::remove_file(log.join("00000001.log")).unwrap();
    std::fs::write(home.path("go"), "").unwrap();
    support::eventually("two", || log.join("00000002.log").exists().then_some(())).await;
    assert_eq!(texts(&all_lines(&home.logs()), Stream::Stdout), ["two"]);
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::write(home.path("on"), "").unwrap();
    running.exit().await;
    assert_eq!(texts(&home.logs().tail(9).unwrap().lines, Stream::Stdout), ["three"]);
}

#[tokio::test]
async fn the_tail_is_the_end_of_the_whole_log_at_any_length() {
    let home = Home::new();
    home.run(&rotating(&home, "seq 50000; head -c 40000 /dev/zero; echo; echo z", 200_000, 999))
        .await;
    let all = all_lines(&home.logs());
    assert_eq!(all.len(), 50_002);
    for count in [0, 1, 2, 3, 4, 100, 2_999, 20_000, 50_001, 50_002, 60_000] {
        let page = home.logs().tail(count).unwrap();
        let from = all.len().saturating_sub(count);
        assert_eq!(page.lines, all[from..], "the last {count}");
        // It may be the begin of the next, still empty file: what counts is what follows.
        assert!(page.cursor >= all.last().unwrap().cursor_after);
        assert_eq!(home.logs().read_after(page.cursor, 9).unwrap().lines, []);
    }
    assert_eq!(LogReader::new(home.path("none")).tail(5).unwrap().lines, []);
}

#[tokio::test]
async fn streams_that_interrupt_each_other_leave_every_cursor_exact() {
    let home = Home::new();
    let log = home.path("log");
    std::fs::create_dir(&log).unwrap();
    let (at, full) = ("2026-01-02T03:04:05.000006Z", "x".repeat(16 << 10));
    let text = format!(
        "{at} stdout P {full}\n{at} stderr F warn\n{at} stdout F end\nnot ours\n\
         {at} stdout P {full}\n{at} stdout P {full}\n{at} stdout F \n{at} stdout F torn"
    );
    std::fs::write(log.join("00000001.log"), text).unwrap();
    let all = all_lines(&home.logs());
    let shape: Vec<(usize, bool)> =
        all.iter().map(|line| (line.bytes.len(), line.partial)).collect();
    assert_eq!(shape, [(16_384, true), (4, false), (3, false), (32_768, false)]);
    for (index, line) in all.iter().enumerate() {
        let page = home.logs().read_after(line.cursor_after, 99).unwrap();
        assert_eq!(page.lines, all[index + 1..]);
    }
    // The torn end of a crashed shim's file is handed over once it is sure that nothing follows.
    std::fs::write(log.join("00000002.log"), format!("{at} stdout F next\n")).unwrap();
    assert_eq!(texts(&all_lines(&home.logs()), Stream::Stdout)[3..], ["torn", "next"]);
}

#[tokio::test]
async fn a_line_by_line_writer_is_not_slowed_down() {
    let home = Home::new();
    // One write per line, as an unbuffered program does it.
    let script = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo $i; done";
    let began = Instant::now();
    home.run(&home.sh(script)).await;
    println!("100,000 single writes in {:?}", began.elapsed());
    assert_eq!(texts(&all_lines(&home.logs()), Stream::Stdout), numbers(100_000));
}

/// `cargo test -p orkestra-host --release --test logs -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn throughput_of_a_million_lines() {
    let home = Home::new();
    let line = format!("{}\n", "x".repeat(99));
    std::fs::write(home.path("data"), line.repeat(1_000_000)).unwrap();
    for (name, block) in [("one write per line", 100), ("64 KiB writes", 65_536)] {
        let script = format!("exec dd status=none if=data bs={block}");
        let mut launch = rotating(&home, &script, 10 << 20, 100);
        launch.instance += name.split(' ').next().unwrap();
        let began = Instant::now();
        home.run(&launch).await;
        let rate = 1e6 / began.elapsed().as_secs_f64();
        println!("{name}: {rate:.0} lines/s");
    }
    let began = Instant::now();
    let mut count = 0;
    let mut cursor = Cursor::default();
    loop {
        let page = home.logs().read_after(cursor, 10_000).unwrap();
        cursor = page.cursor;
        count += page.lines.len();
        if page.at_end {
            break;
        }
    }
    println!("reading: {:.0} lines/s", count as f64 / began.elapsed().as_secs_f64());
    let began = Instant::now();
    home.logs().tail(100).unwrap();
    println!("the last 100: {:?}", began.elapsed());
    let (mut starts, mut deaths) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let began = Instant::now();
        let mut running = home.start(&home.sh("exec sleep 1000")).await;
        starts.push(began.elapsed());
        let began = Instant::now();
        running.handle.signal(9).await;
        running.exit().await;
        deaths.push(began.elapsed());
        running.handle.release().await.unwrap();
    }
    starts.sort();
    deaths.sort();
    println!("start {:?}, kill to exit known {:?} (medians)", starts[25], deaths[25]);
}

#[tokio::test]
async fn a_log_knows_whether_it_was_written_to_lately() {
    let home = Home::new();
    let now = || {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        u64::try_from(since.as_micros()).unwrap()
    };
    let before = now();
    assert!(!home.logs().was_written_since(0), "there is no file yet");
    home.run(&home.sh("echo one")).await;
    assert!(home.logs().was_written_since(before));
    assert!(!home.logs().was_written_since(now() + 3_600_000_000));
}
