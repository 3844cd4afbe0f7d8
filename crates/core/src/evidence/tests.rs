use super::*;
use std::collections::BTreeMap;

fn wanted(text: &str) -> Wanted {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(text: &str) -> Check {
    match wanted(text) {
        Wanted::Check(check) => check,
        other => panic!("{text} is {other:?}"),
    }
}

fn facts() -> Facts {
    Facts {
        changed: Ok(vec!["a".into()]),
        uncommitted: Ok(Vec::new()),
        commits: Ok(1),
        tools: BTreeMap::from([
            ("Write".to_owned(), ToolFacts { called: 2, failed: 1 }),
            ("Bash".to_owned(), ToolFacts { called: 1, failed: 1 }),
        ]),
        files: BTreeMap::from([
            ("file:a".to_owned(), Ok(FileFacts { exists: true, ..FileFacts::default() })),
            (
                "file:a#contains=x".to_owned(),
                Ok(FileFacts { exists: true, ..FileFacts::default() }),
            ),
            ("file:none".to_owned(), Ok(FileFacts::default())),
            ("file:odd".to_owned(), Err("permission denied".to_owned())),
        ]),
        tests_text: Ok(Some(String::new())),
    }
}

#[test]
fn what_is_written_is_read_and_written_the_same() {
    for text in [
        "changed",
        "clean",
        "commits:2",
        "file:src/a.rs",
        "file:a b.txt#contains=x # y: z",
        "command:cargo test --workspace",
        "command@5m:make: all",
        "tool:mcp__x__write",
    ] {
        assert_eq!(check(text).to_string(), text);
    }
    let digest = format!("file:a#sha256={}", "AB".repeat(32));
    assert_eq!(check(&digest).to_string(), digest.to_lowercase());
    assert_eq!(wanted("none"), Wanted::None);
    assert_eq!(wanted("tests"), Wanted::Tests);
}

#[test]
fn what_means_nothing_says_what_would() {
    for text in [
        "",
        "nothing",
        "changed:1",
        "commits",
        "commits:0",
        "commits:x",
        "file:",
        "file:/etc/passwd",
        "file:../up",
        "file:a/../../up",
        "file:a#sha256=12",
        "command:",
        "command@0s:true",
        "command@7h:true",
        "command@soon:true",
        "tool@1s:x",
        "tool:",
        "none:x",
    ] {
        let error = text.parse::<Wanted>().expect_err(text).to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
}

#[test]
fn a_contract_is_what_was_asked_for_else_the_projects_else_the_default() {
    let declared =
        Declared { line: "make test".into(), file: "Makefile".into(), text: "test:".into() };
    let of = |asked: &[&str], project: &[&str], git| {
        let read = |texts: &[&str]| texts.iter().map(|text| wanted(text)).collect::<Vec<_>>();
        Contract::of(&read(asked), &read(project), Some(&declared), git)
    };
    let words = |contract: &Contract| {
        contract.checks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let default = of(&[], &[], true).unwrap();
    assert_eq!(words(&default), "changed, clean, tests (make test)");
    assert_eq!(default.source, Source::Default);
    assert_eq!(words(&of(&[], &[], false).unwrap()), "changed, tests (make test)");
    assert_eq!(words(&Contract::of(&[], &[], None, true).unwrap()), "changed, clean");

    let project = of(&[], &["file:a", "tests"], true).unwrap();
    assert_eq!(
        (words(&project).as_str(), project.source),
        ("file:a, tests (make test)", Source::Project)
    );
    let asked = of(&["commits:1", "commits:1"], &["file:a"], true).unwrap();
    assert_eq!((words(&asked).as_str(), asked.source), ("commits:1", Source::Asked));
    assert!(of(&["none"], &["file:a"], true).unwrap().checks.is_empty());

    assert_eq!(of(&["none", "changed"], &[], true), Err(ContractError::NoneAndMore));
    assert!(matches!(of(&["clean"], &[], false), Err(ContractError::NeedsGit(_))));
    assert!(matches!(of(&["commits:1"], &[], false), Err(ContractError::NeedsGit(_))));
    assert_eq!(Contract::of(&[Wanted::Tests], &[], None, true), Err(ContractError::NoTests));
}

#[test]
fn tests_count_only_when_the_project_declares_them() {
    let line = |folder: &Folder| declared(folder).map(|declared| (declared.line, declared.text));
    let make = |text: &str| Folder {
        makefile: Some(("Makefile".into(), text.into())),
        ..Folder::default()
    };
    assert_eq!(line(&Folder::default()), None);
    assert_eq!(line(&make("all:\n\ttrue\n")), None);
    assert_eq!(line(&make("test := 1\ntests:\n\ttrue\n")), None);
    assert_eq!(
        line(&make("all: test\n\ntest: build\n\tcargo test\n\n\tnpm test\n\nclean:\n\trm x\n")),
        Some(("make test".into(), "test: build\n\tcargo test\n\n\tnpm test".into()))
    );
    let node = |script: &str, lock: &[&str]| Folder {
        package_json: Some(format!("{{\"scripts\": {{\"test\": {script:?}}}}}")),
        locks: lock.iter().map(|lock| (*lock).to_owned()).collect(),
        ..Folder::default()
    };
    assert_eq!(line(&node("vitest run", &[])), Some(("npm test".into(), "vitest run".into())));
    assert_eq!(
        line(&node("vitest", &["pnpm-lock.yaml"])),
        Some(("pnpm test".into(), "vitest".into()))
    );
    assert_eq!(line(&node("echo \"Error: no test specified\" && exit 1", &[])), None);
    assert_eq!(line(&Folder { package_json: Some("{ broken".into()), ..Folder::default() }), None);
    let cargo =
        Folder { cargo_toml: Some("[package]\nname = \"x\"\n".into()), ..Folder::default() };
    assert_eq!(line(&cargo), Some(("cargo test".into(), String::new())));
    let python = |text: &str| Folder { pyproject_toml: Some(text.into()), ..Folder::default() };
    assert_eq!(line(&python("[project]\n")), None);
    assert_eq!(
        line(&python("[tool.pytest.ini_options]\n")),
        Some(("python3 -m pytest".into(), String::new()))
    );
    // What the owner of the project says to us wins over all others.
    let both = Folder { own: Some(" ./check.sh ".into()), ..cargo };
    assert_eq!(line(&both), Some(("./check.sh".into(), "./check.sh".into())));
}

#[test]
fn what_could_not_be_looked_at_has_not_passed() {
    let unknown = Facts::unknown("the worktree is gone");
    let tests = Check::Tests {
        line: "make test".into(),
        declared_in: "Makefile".into(),
        text: "test:".into(),
        limit_ms: 1,
    };
    let mut checks: Vec<Check> =
        ["changed", "clean", "commits:1", "file:a", "command:true", "tool:Write"]
            .map(check)
            .to_vec();
    checks.push(tests);
    for check in checks {
        let (passed, detail) = judge(&check, &unknown, None);
        assert!(!passed, "{check}: {detail}");
        assert!(!detail.is_empty());
    }
}

#[test]
fn checks_are_judged_by_what_was_found() {
    let facts = facts();
    let judged = |text: &str, ran: Option<Ran>| judge(&check(text), &facts, ran.as_ref());
    for (text, ran, passed) in [
        ("changed", None, true),
        ("clean", None, true),
        ("commits:1", None, true),
        ("commits:2", None, false),
        ("file:a", None, true),
        ("file:none", None, false),
        ("file:odd", None, false),
        ("file:a#contains=x", None, false),
        ("tool:Write", None, true),
        ("tool:Bash", None, false),
        ("tool:Edit", None, false),
        ("command:true", Some(Ran::Code(0)), true),
        ("command:true", Some(Ran::Code(1)), false),
        ("command:true", Some(Ran::Code(127)), false),
        ("command:true", Some(Ran::Signal("SIGSEGV".into())), false),
        ("command:true", Some(Ran::TooLong), false),
        ("command:true", Some(Ran::TooMuch), false),
        ("command:true", Some(Ran::Lost("its shim was lost".into())), false),
    ] {
        let (found, detail) = judged(text, ran.clone());
        assert_eq!(found, passed, "{text} {ran:?}: {detail}");
    }
    let nothing = Facts { changed: Ok(Vec::new()), uncommitted: Ok(vec!["a".into()]), ..facts };
    assert!(!judge(&Check::Changed, &nothing, None).0, "a liar changed nothing");
    assert!(!judge(&Check::Clean, &nothing, None).0);
}

#[test]
fn an_agent_that_changes_the_test_command_has_not_passed() {
    let check = Check::Tests {
        line: "npm test".into(),
        declared_in: "package.json".into(),
        text: "vitest run".into(),
        limit_ms: 1_000,
    };
    let now = |text: &str| Facts { tests_text: Ok(Some(text.to_owned())), ..facts() };
    assert!(judge(&check, &now("vitest run"), Some(&Ran::Code(0))).0);
    let (passed, detail) = judge(&check, &now("true"), Some(&Ran::Code(0)));
    assert!(!passed && detail.contains("package.json"), "{detail}");
    assert!(!judge(&check, &Facts { tests_text: Ok(None), ..facts() }, Some(&Ran::Code(0))).0);
}

#[test]
fn one_failed_check_refutes_and_too_few_say_nothing() {
    let contract = Contract::of(&[wanted("changed"), wanted("clean")], &[], None, true).unwrap();
    let result = |check: &str, passed| CheckResult {
        check: self::check(check),
        passed,
        detail: "so it is.".into(),
        duration_ms: 1,
        output: None,
    };
    let mut evidence = Evidence { contract: Some(contract), ..Evidence::default() };
    assert_eq!(evidence.verdict_now(), None);
    evidence.results = vec![result("changed", true)];
    assert_eq!(evidence.verdict_now(), None);
    evidence.results.push(result("clean", true));
    assert_eq!(evidence.verdict_now(), Some(Verdict::Verified));
    evidence.results[0].passed = false;
    assert_eq!(evidence.verdict_now(), Some(Verdict::Refuted));
}
