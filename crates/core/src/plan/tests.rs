use super::*;

fn agents() -> Vec<String> {
    ["claude", "codex", "gemini"].map(str::to_owned).to_vec()
}

fn plan_text(tasks: &str) -> String {
    format!("Here is the plan.\n\n```json\n{{\"summary\": \"s\", \"tasks\": [{tasks}]}}\n```\n")
}

fn task(key: &str, more: &str) -> String {
    format!(r#"{{"key": "{key}", "title": "t", "prompt": "p", "role": "r"{more}}}"#)
}

fn problems_of(tasks: &str) -> Vec<String> {
    parse(&plan_text(tasks), &agents()).expect_err("problems")
}

#[test]
fn a_plan_is_found_in_the_last_block_in_a_line_or_as_the_whole_text() {
    let one = task("a", "");
    let block = plan_text(&one);
    let line =
        format!("I thought.\n{{\"type\":\"milestone\",\"text\":\"x\"}}\n{{\"tasks\": [{one}]}}");
    let whole = format!("{{\n \"tasks\": [\n{one}\n]}}");
    let cut_off = block.trim_end().trim_end_matches('`').to_owned();
    let example = format!("```json\n{{\"tasks\": []}}\n```\nNo, better:\n{block}");
    let other_block = format!("{block}\nIt will be run like this:\n```sh\nmake\n```\n");
    for text in [block.clone(), line, whole, cut_off, example, other_block] {
        let plan = parse(&text, &agents()).unwrap_or_else(|why| panic!("{why:?}: {text}"));
        assert_eq!(plan.tasks[0].key, "a");
    }
    // An older block does not stand for a newer one that is broken.
    let broken = format!("{block}\n```json\n{{\"tasks\": [\n```\n");
    assert!(parse(&broken, &agents()).unwrap_err()[0].contains("cannot be read"));
    assert!(parse("I have planned it.", &agents()).unwrap_err()[0].contains("no plan"));
    assert!(parse("```json\n{\"steps\": []}\n```", &agents()).unwrap_err()[0].contains("no plan"));
}

#[test]
fn each_problem_of_a_plan_is_told_in_words() {
    let two = |a: &str, b: &str| format!("{}, {}", task("a", a), task("b", b));
    let cases = [
        (String::new(), "the plan has no task"),
        (r#"{"title": "t", "prompt": "p", "role": "r"}"#.to_owned(), "\"key\" is missing"),
        (r#"{"key": "a", "title": "t", "role": "r"}"#.to_owned(), "\"prompt\" is missing"),
        (
            r#"{"key": "a", "title": "t", "prompt": 1, "role": []}"#.to_owned(),
            "\"role\" must be a text",
        ),
        (format!("{}, {}", task("a", ""), task("a", "")), "two tasks have the key \"a\""),
        (task("a b", ""), "a key has letters"),
        (
            task("a", r#", "agent": "clod""#),
            "there is no agent \"clod\"; there are: claude, codex, gemini",
        ),
        (task("a", r#", "depends": ["z"]"#), "depends on \"z\", and no task has this key"),
        (task("a", r#", "depends": ["a"]"#), "in a circle: a → a"),
        (two(r#", "depends": ["b"]"#, r#", "depends": ["a"]"#), "in a circle: a → b → a"),
        (task("a", r#", "deliverables": ["/etc/passwd"]"#), "must be relative"),
        (task("a", r#", "deliverables": ["x/../../y"]"#), "must stay in the repository"),
        (task("a", r#", "deliverables": [".git/hooks/x"]"#), "must not be in .git"),
        (task("a", r#", "deliverables": ["src/"]"#), "a file and not a folder"),
        (task("a", r#", "deliverables": ["a#contains=b"]"#), "plain path of one file"),
        (task("a", r#", "deliverables": "x""#), "must be a list of texts"),
        (task("a", r#", "evidence": ["files:x"]"#), "is not understood"),
        (task("a", r#", "priority": "urgent""#), "is none of low, medium, high, critical"),
        ("1".to_owned(), "task 1 must be an object"),
    ];
    for (tasks, expected) in cases {
        let found = problems_of(&tasks);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:?}");
    }
    let many: Vec<String> = (0..=TASKS_MAX).map(|n| task(&format!("k{n}"), "")).collect();
    assert!(problems_of(&many.join(","))[0].contains("more than 50 tasks"));
}

#[test]
fn a_circle_is_found_behind_a_long_way_and_a_diamond_is_none() {
    let chain = |key: &str, on: &str| task(key, &format!(r#", "depends": [{on}]"#));
    let diamond =
        [chain("d", r#""b", "c""#), chain("b", r#""a""#), chain("c", r#""a""#), task("a", "")];
    let plan = parse(&plan_text(&diamond.join(",")), &agents()).expect("no circle");
    assert_eq!(plan.order(), ["a", "b", "c", "d"]);
    let circle =
        [chain("a", r#""b""#), chain("b", r#""c""#), chain("c", r#""d""#), chain("d", r#""b""#)];
    let found = problems_of(&circle.join(","));
    assert!(found[0].ends_with("b → c → d → b"), "{found:?}");
}

#[test]
fn deliverables_are_evidence_and_who_only_looks_hands_over_nothing() {
    let read = |more: &str| parse(&plan_text(&task("a", more)), &agents()).unwrap().tasks.remove(0);
    assert_eq!(
        read(r#", "deliverables": ["a.txt"], "evidence": ["command:make"]"#).evidence(),
        ["file:a.txt", "command:make", "clean"]
    );
    assert_eq!(read("").evidence(), ["changed", "clean"]);
    assert_eq!(read(r#", "kind": "review""#).evidence(), ["none"]);
    assert_eq!(read(r#", "kind": "review", "deliverables": ["r.md"]"#).evidence(), ["file:r.md"]);
    assert_eq!(read(r#", "estimated_tokens": 900"#).estimated_tokens.as_deref(), Some("900"));
}

#[test]
fn a_comment_agrees_or_suggests() {
    let comment = comment_of("ok\n```json\n{\"agrees\": true}\n```").unwrap();
    assert!(comment.agrees && comment.suggestions.is_empty());
    let text = r#"{"agrees": false, "suggestions": ["Test first."]}"#;
    assert_eq!(comment_of(text).unwrap().suggestions, ["Test first."]);
    assert!(comment_of("I agree.").unwrap_err().contains("no answer"));
    assert!(comment_of(r#"{"agrees": "yes"}"#).unwrap_err().contains("true or false"));
    assert!(comment_of(r#"{"agrees": false}"#).unwrap_err().contains("suggests nothing"));
}

/// MISSION 1.8 and the system's own list: each tier, and who takes over.
#[test]
fn removing_agents_one_by_one_gives_the_tiers() {
    let named = |gone: &[&str]| {
        let all = ["claude", "codex", "gemini"];
        let absent = |name: &str| gone.contains(&name).then(|| "gone".to_owned());
        let list: Vec<Named<'_>> = all.iter().map(|name| (*name, *name, absent(name))).collect();
        Roles::of(&list)
    };
    let cases = [
        (&[][..], 1, "gemini", "claude", "codex"),
        (&["codex"], 2, "gemini", "claude", "gemini"),
        (&["claude"], 3, "gemini", "gemini", "codex"),
        (&["gemini"], 4, "claude", "claude", "codex"),
        (&["codex", "gemini"], 5, "claude", "claude", "claude"),
        (&["claude", "gemini"], 5, "codex", "codex", "codex"),
    ];
    for (gone, tier, architect, implementer, reviewer) in cases {
        let roles = named(gone).expect("somebody is there");
        let found = (roles.tier, &*roles.architect, &*roles.implementer, &*roles.reviewer);
        assert_eq!(found, (tier, architect, implementer, reviewer), "without {gone:?}");
        assert_eq!(roles.notes.is_empty(), gone.is_empty(), "{:?}", roles.notes);
        for name in gone {
            assert!(roles.notes.iter().any(|note| note.contains(&format!("Without {name},"))));
        }
    }
    assert_eq!(named(&["claude", "codex", "gemini"]), None);
}

#[test]
fn roles_of_other_agents_follow_their_order_and_a_spare_one_takes_over() {
    let there = |names: &[&'static str], gone: &str| {
        let list: Vec<Named<'_>> = names
            .iter()
            .map(|name| (*name, "script", (*name == gone).then(|| "gone".to_owned())))
            .collect();
        Roles::of(&list).expect("somebody is there")
    };
    let roles = there(&["a", "b", "c"], "");
    assert_eq!((&*roles.architect, &*roles.implementer, &*roles.reviewer), ("a", "b", "c"));
    let roles = there(&["a", "b", "c", "d"], "b");
    assert_eq!((roles.tier, &*roles.implementer, &*roles.reviewer), (3, "d", "c"));
    let roles = there(&["a", "b"], "");
    assert_eq!((roles.tier, &*roles.reviewer), (2, "a"));
    assert_eq!(roles.planners(), ["a", "b"]);
}

#[test]
fn the_template_has_the_three_roles_with_their_counts_and_can_be_carried_out() {
    let list: Vec<Named<'_>> =
        ["gemini", "claude", "codex"].map(|name| (name, name, None)).to_vec();
    let roles = Roles::of(&list).unwrap();
    let plan = template("Make the tea\nwith `care`", &roles);
    assert!(plan.problems(&agents()).is_empty());
    let counts: Vec<_> = plan
        .tasks
        .iter()
        .map(|task| {
            (
                &*task.role,
                task.responsibilities.len(),
                task.hands_over.len(),
                task.complexity.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            (ARCHITECT, 6, 5, Some("high")),
            (IMPLEMENTER, 6, 5, Some("high")),
            (REVIEWER, 5, 4, Some("low")),
        ]
    );
    assert_eq!(plan.order(), ["design", "implement", "review"]);
    for task in &plan.tasks {
        assert!(task.prompt.contains("> with `care`"), "{}", task.prompt);
        let role = task.role(&plan, "Make the tea");
        assert!(role.context.is_some_and(|text| text.contains("> Make the tea")));
    }
    let other = template("Make coffee", &roles);
    assert_ne!(plan, other);
}
