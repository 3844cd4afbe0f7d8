//! Work of several runs comes into one branch: none of it is lost, or a person is asked.

use crate::crew::{Crew, plan};
use crate::harness::{Home, text};
use crate::site::Site;
use crate::support::git;
use serde_json::{Value, json};
use std::path::Path;

/// Does what it is asked for as a program of the shell. Told more, it does what the desk says.
const HAND: &str = r#"#!/bin/sh
asked=$(cat)
case "$asked" in
  *"NEW INSTRUCTION"*) if [ -e "$DESK/mend" ]; then . "$DESK/mend"; fi ;;
  *) eval "$asked" ;;
esac
echo '{"type":"ended","ok":true,"summary":"done"}'
"#;

/// A person of the tests: commits need one.
const WHO: [&str; 4] = ["-c", "user.name=t", "-c", "user.email=t@example.org"];

fn lines(from: u32, to: u32) -> String {
    (from..=to).map(|line| format!("line {line}\n")).collect()
}

/// A target with a file of 40 lines.
fn site() -> Site {
    let site = Site::new(&[("hand", "script", HAND, json!({}))]);
    let program = site.home.dir.join("hand.sh").display().to_string();
    let desk = site.home.dir.display().to_string();
    let hand = json!({"kind": "script", "command": [program], "env": {"DESK": desk}});
    site.home.configure(&json!({"agents": {"hand": hand}}).to_string());
    site.home.ok(&["config", "reload"]);
    commit(&site, "book", &lines(1, 40), "a book");
    site
}

fn commit(site: &Site, file: &str, content: &str, message: &str) -> String {
    std::fs::write(site.target.join(file), content).expect("a file");
    git(&site.home, &site.target, &["add", "-A"]);
    git(&site.home, &site.target, &[&WHO[..], &["commit", "-q", "-m", message]].concat());
    tip(site)
}

fn tip(site: &Site) -> String {
    git(&site.home, &site.target, &["rev-parse", "main"])
}

/// A run whose agent does this in its worktree.
fn begin(site: &Site, script: &str, evidence: &str) -> String {
    let target = site.target.display().to_string();
    let args =
        ["run", script, "--agent", "hand", "--target", &target, "--detach", "--evidence", evidence];
    let run = site.home.json(&args);
    run["id"].as_str().expect("an id").to_owned()
}

/// The same, to its verified end.
fn done(site: &Site, script: &str) -> String {
    let id = begin(site, script, "changed");
    site.wait_state(&id, "verified");
    id
}

fn merge(home: &Home, id: &str) -> Value {
    let printed = home.run(&["merge", id, "--json"]);
    serde_json::from_slice(&printed.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}{}", text(&printed.stdout), text(&printed.stderr))
    })
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Changes one line of the book.
fn line(number: u32, to: &str) -> String {
    format!("sed -i '{number}s/.*/{to}/' book")
}

#[test]
fn clean_work_of_two_comes_in_and_can_be_taken_out_again() {
    let site = site();
    let first = done(&site, &line(3, "the first"));
    let second = done(&site, &line(30, "the second"));
    let start = tip(&site);
    let shown = site.home.ok(&["run", "show", &first]);
    assert!(shown.contains("orkestra merge "), "{shown}");
    let one = merge(&site.home, &first);
    assert_eq!(one["state"], "merged", "{one:#}");
    let middle = tip(&site);
    let two = merge(&site.home, &second);
    assert_eq!(two["state"], "merged", "{two:#}");
    // Where main is checked out its files went with it.
    let book = read(&site.target, "book");
    assert!(book.contains("the first\n") && book.contains("the second\n"), "{book}");
    assert_eq!(book.lines().count(), 40);
    // The second was put upon the first, and its evidence was looked at there.
    let parent = git(&site.home, &site.target, &["rev-parse", "main^"]);
    assert_eq!(parent, middle);
    assert_eq!(site.told(&second, "run.rebased").len(), 1);
    assert_eq!(site.told(&second, "run.verified").len(), 2);
    assert_eq!(site.told(&second, "run.merged").len(), 1);
    // Asked again it is in already; nothing more comes of it.
    let again = merge(&site.home, &second);
    assert_eq!(
        (again["state"].as_str(), again["commit"].as_str()),
        (Some("merged"), two["commit"].as_str())
    );
    // The earlier one cannot go while the later one is upon it.
    let id = one["id"].as_str().expect("an id");
    let said = site.home.fails(&["merge", "undo", id], 4);
    assert!(said.contains("ORK-0952") && said.contains("git -C"), "{said}");
    let undone = site.home.json(&["merge", "undo", two["id"].as_str().expect("an id")]);
    assert_eq!(undone["state"], "undone");
    assert_eq!((tip(&site), read(&site.target, "book").contains("the second")), (middle, false));
    site.home.ok(&["merge", "undo", id]);
    assert_eq!(
        (tip(&site), git(&site.home, &site.target, &["status", "--porcelain"])),
        (start, String::new())
    );
    let list = site.home.json(&["merge", "list"]);
    assert_eq!(list["merges"].as_array().map(Vec::len), Some(3), "{list:#}");
    // The work is still there, and can come in again.
    assert_eq!(merge(&site.home, &second)["state"], "merged");
}

#[test]
fn what_is_not_committed_is_never_written_over() {
    let site = site();
    let first = done(&site, &line(3, "the first"));
    let other = done(&site, "echo new > fresh; echo x > other");
    // A change of the person's in the same file, and a file that nobody added.
    let mine = read(&site.target, "book").replace("line 40", "my own line");
    std::fs::write(site.target.join("book"), &mine).expect("a file");
    std::fs::write(site.target.join("fresh"), "mine\n").expect("a file");
    let start = tip(&site);
    for id in [&first, &other] {
        let stopped = merge(&site.home, id);
        assert_eq!(stopped["state"], "person", "{stopped:#}");
        assert!(
            stopped["why"].as_str().is_some_and(|why| why.contains("not committed")),
            "{stopped:#}"
        );
    }
    assert_eq!((tip(&site), read(&site.target, "book")), (start, mine.clone()));
    assert_eq!(read(&site.target, "fresh"), "mine\n");
    assert!(!site.target.join("other").exists());
    let alerts = site.home.wait("two alerts", || {
        let alerts = site.home.json(&["alert", "list"]);
        (alerts["alerts"].as_array()?.len() >= 2).then_some(alerts)
    });
    assert!(alerts.to_string().contains("orkestra merge show"), "{alerts:#}");
    // A change elsewhere is in nobody's way and stays as it is.
    std::fs::remove_file(site.target.join("fresh")).expect("the file");
    let list = site.home.json(&["merge", "list"]);
    let of = |run: &str| {
        let all = list["merges"].as_array().expect("merges").clone();
        let found = all.into_iter().find(|merge| merge["run"] == run).expect("a merge");
        found["id"].as_str().expect("an id").to_owned()
    };
    let now = site.home.json(&["merge", "retry", &of(&other)]);
    assert_eq!(now["state"], "merged", "{now:#}");
    assert_eq!(
        (read(&site.target, "book"), read(&site.target, "fresh")),
        (mine, "new\n".to_owned())
    );
    // The person takes their own away: the first comes in as well.
    git(&site.home, &site.target, &["checkout", "-q", "book"]);
    assert_eq!(site.home.json(&["merge", "retry", &of(&first)])["state"], "merged");
    assert!(read(&site.target, "book").contains("the first"));
}

/// Two at work, each of which waits for a file before it ends.
fn at_work(site: &Site, first: &str, second: &str) -> (String, String) {
    let wait = |script: &str, name: &str| {
        let go = site.home.dir.join(name).display().to_string();
        format!("{script}\nwhile [ ! -e '{go}' ]; do sleep 0.05; done")
    };
    let one = begin(site, &wait(first, "go.1"), "changed");
    let two = begin(site, &wait(second, "go.2"), "changed");
    (one, two)
}

#[test]
fn hot_lines_are_shown_before_either_is_done_and_the_merge_of_both_loses_no_line_or_stops() {
    let site = site();
    let (one, two) = at_work(&site, &line(7, "as one wants it"), &line(7, "as two wants it"));
    let overlap = site.home.wait("an overlap", || {
        let list = site.home.json(&["merge", "overlaps"]);
        list["overlaps"].as_array()?.first().cloned()
    });
    assert_eq!(overlap["level"], "hot", "{overlap:#}");
    assert_eq!(
        (overlap["one"].as_str(), overlap["other"].as_str()),
        (Some(one.as_str()), Some(two.as_str()))
    );
    assert_eq!(overlap["files"], json!([{"path": "book", "hot": true, "lines": [[7, 7]]}]));
    for id in [&one, &two] {
        assert_eq!(site.show(id)["state"], "running", "neither is done");
        assert_eq!(site.show(id)["overlaps"][0]["level"], "hot");
    }
    let shown = site.home.ok(&["run", "show", &one]);
    assert!(shown.contains("hot") && shown.contains("book:7"), "{shown}");
    let listed = text(&site.home.run(&["run", "list"]).stderr);
    assert!(listed.contains("book:7"), "{listed}");
    assert_eq!(site.home.api("GET", "/api/v1/overlaps", "").json()["overlaps"][0]["level"], "hot");
    // Both end, and both are to come in.
    for name in ["go.1", "go.2"] {
        std::fs::write(site.home.dir.join(name), "").expect("a file");
    }
    for id in [&one, &two] {
        site.wait_state(id, "verified");
        assert_eq!(site.told(id, "run.overlap").len(), 1, "told once");
    }
    assert_eq!(merge(&site.home, &one)["state"], "merged");
    // The author of the second is told; this one does the same again, so a person is asked.
    let stopped = merge(&site.home, &two);
    assert_eq!(stopped["state"], "person", "{stopped:#}");
    let run = site.show(&two);
    assert_eq!(run["instructions"].as_array().map(Vec::len), Some(1), "{run:#}");
    assert!(
        run["instructions"][0]["text"].as_str().is_some_and(|told| told.contains("- book")),
        "{run:#}"
    );
    assert!(read(&site.target, "book").contains("as one wants it"), "nothing is lost on main");
    let branch = run["branch"].as_str().expect("a branch");
    let kept = git(&site.home, &site.target, &["show", &format!("{branch}:book")]);
    assert!(kept.contains("as two wants it"), "nor on its own branch");
    let shown = site.home.ok(&["merge", "show", stopped["id"].as_str().expect("an id")]);
    assert!(shown.contains("orkestra merge retry") || shown.contains("waits for you"), "{shown}");
    // When it is given up and thrown away they do not meet any more.
    site.home.ok(&["merge", "cancel", stopped["id"].as_str().expect("an id")]);
    site.home.ok(&["run", "discard", &two]);
    site.home.wait("the overlap to be gone", || {
        let list = site.home.json(&["merge", "overlaps"]);
        list["overlaps"].as_array()?.is_empty().then_some(())
    });
    assert_eq!(site.told(&two, "run.overlap_gone").len(), 1);
}

#[test]
fn other_places_of_a_file_are_soft() {
    let site = site();
    let (one, _two) = at_work(&site, &line(2, "one"), &line(30, "two"));
    let overlap = site.home.wait("an overlap", || {
        let list = site.home.json(&["merge", "overlaps"]);
        list["overlaps"].as_array()?.first().cloned()
    });
    assert_eq!(overlap["level"], "soft", "{overlap:#}");
    // It comes nearer while it works: told again, once.
    let run = site.show(&one);
    let worktree = run["worktree"].as_str().expect("a worktree").to_owned();
    let book = read(Path::new(&worktree), "book").replace("line 30\n", "thirty\n");
    std::fs::write(Path::new(&worktree).join("book"), book).expect("a file");
    site.home.wait("the overlap to be hot", || {
        (site.told(&one, "run.overlap").len() == 2).then_some(())
    });
    assert_eq!(site.show(&one)["overlaps"][0]["files"][0]["lines"], json!([[30, 30]]));
}

#[test]
fn an_author_settles_a_conflict_and_must_not_drop_what_the_other_did() {
    let site = site();
    let one = done(&site, &line(7, "as one wants it"));
    let two = done(&site, &line(7, "as two wants it"));
    let three = done(&site, &line(7, "as three wants it"));
    assert_eq!(merge(&site.home, &one)["state"], "merged");
    // This author rebases as it was told, and keeps both lines.
    let mend = |settle: &str| {
        format!(
            "onto=$(printf '%s\\n' \"$asked\" | sed -n 's/^1. git rebase //p' | tail -n 1)\n\
             git -c user.name=a -c user.email=a@x rebase -q \"$onto\" > /dev/null 2>&1\n{settle}\n\
             git add -A\n\
             git -c user.name=a -c user.email=a@x -c core.editor=true rebase --continue > rebased 2>&1\n\
             rm -f rebased\n"
        )
    };
    std::fs::write(
        site.home.dir.join("mend"),
        mend("sed -i '/^<<<<<<<\\|^=======\\|^>>>>>>>/d' book"),
    )
    .expect("what it does");
    let merged = merge(&site.home, &two);
    assert_eq!(merged["state"], "merged", "{merged:#}\n{:#}", site.show(&two));
    let book = read(&site.target, "book");
    assert!(book.contains("as one wants it\n") && book.contains("as two wants it\n"), "{book}");
    // This one takes only its own: the evidence is found, but lines of the others are not.
    std::fs::write(site.home.dir.join("mend"), mend("git checkout -q --theirs book")).expect("it");
    let stopped = merge(&site.home, &three);
    assert_eq!(stopped["state"], "person", "{stopped:#}");
    let losses = stopped["losses"].to_string();
    assert!(losses.contains("as one wants it") && losses.contains("as two wants it"), "{losses}");
    assert_eq!(read(&site.target, "book"), book);
    // The person takes it as it is.
    let id = stopped["id"].as_str().expect("an id");
    let taken = site.home.json(&["merge", "retry", id, "--accept"]);
    assert_eq!(taken["state"], "merged", "{taken:#}");
    assert!(read(&site.target, "book").contains("as three wants it"));
}

#[test]
fn a_merge_survives_kill_at_any_step_and_happens_once() {
    let mut site = site();
    // Evidence that takes a moment, so that there are moments in which to die.
    let evidence = "command:sleep 0.3";
    let mut expected = String::new();
    let points = [
        "merge.requested",
        "merge.rebased",
        "run.rebased",
        "merge.checking",
        "run.check_started",
        "run.verified",
        "",
    ];
    for (round, point) in points.into_iter().enumerate() {
        let number = u32::try_from(round).expect("a number") * 4 + 2;
        let id = begin(&site, &line(number, &format!("round {round}")), evidence);
        site.wait_state(&id, "verified");
        // Somebody else commits meanwhile, so that it must be rebased.
        commit(&site, &format!("file{round}"), "x\n", "meanwhile");
        let before = tip(&site);
        let verified = site.told(&id, "run.verified").len();
        let asked = site.home.json(&["merge", &id, "--detach"]);
        let merge = asked["id"].as_str().expect("an id").to_owned();
        if point == "run.verified" {
            site.home.wait("the second verdict", || {
                (site.told(&id, point).len() > verified).then_some(())
            });
        } else if !point.is_empty() {
            site.home.wait(point, || {
                let all = site.home.events(point);
                let of = |event: &Value| {
                    event["subject"] == merge.as_str() || event["subject"] == id.as_str()
                };
                all.iter().any(of).then_some(())
            });
        }
        site.home.kill_daemon();
        site.home.up();
        let merged = site.home.wait("the merge", || {
            let merge = site.home.json(&["merge", "show", &merge]);
            (merge["state"] == "merged").then_some(merge)
        });
        assert_eq!(merged["commit"].as_str(), Some(tip(&site).as_str()), "{point}");
        // Once: one commit upon what was there.
        let count =
            git(&site.home, &site.target, &["rev-list", "--count", &format!("{before}..main")]);
        assert_eq!(count, "1", "{point}");
        assert_eq!(
            site.home
                .events("merge.done")
                .iter()
                .filter(|e| e["subject"] == merge.as_str())
                .count(),
            1
        );
        assert_eq!(git(&site.home, &site.target, &["status", "--porcelain"]), "", "{point}");
        expected = format!("{expected}round {round}\n");
        let book = read(&site.target, "book");
        let rounds: String = book
            .lines()
            .filter(|line| line.starts_with("round"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(rounds, expected, "{point}");
    }
}

#[test]
fn tasks_of_a_session_come_into_its_branch_in_order_and_its_result_into_the_persons() {
    let crew = Crew::new(&["ann", "bob", "cy"], json!({}));
    let tasks = [
        ("one", json!({"agent": "ann"})),
        ("two", json!({"agent": "bob"})),
        ("three", json!({"agent": "cy", "depends": ["one", "two"]})),
    ];
    crew.answers("plan", "Divide", &plan(&tasks));
    let (code, said) = crew.run("Write three files", &["--involvement", "low", "--merge"]);
    let id = crew.newest();
    assert_eq!(code, Some(0), "{said}\n{}", crew.story(&id));
    let session = crew.home.wait("the result on main", || {
        let session = crew.show(&id);
        session["delivered"].is_string().then_some(session)
    });
    assert_eq!(session["state"], "verified");
    for file in ["one.txt", "two.txt", "three.txt"] {
        assert!(crew.target.join(file).exists(), "{file} is on main");
    }
    // The third began where the other two were in.
    let third = crew.git(&["log", "-1", "--format=%H", "main", "--", "three.txt"]);
    for file in ["one.txt", "two.txt"] {
        crew.git(&["cat-file", "-e", &format!("{third}:{file}")]);
    }
    assert_eq!(crew.home.events("task.merged").len(), 3, "{}", crew.story(&id));
    assert_eq!(session["delivered"].as_str(), Some(crew.git(&["rev-parse", "main"]).as_str()));
}
