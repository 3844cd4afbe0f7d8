use super::*;
use std::os::unix::fs::symlink;

fn shop(root: &Path) -> Workshop {
    Workshop {
        root: root.canonicalize().unwrap(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        shell_max: Duration::from_secs(60),
    }
}

async fn call(shop: &Workshop, name: &str, input: Value) -> Done {
    let call = Call { id: "1".into(), name: name.into(), input, signature: None };
    shop.run(&call, &format!("test-{}", std::process::id())).await
}

#[tokio::test]
async fn files_are_written_changed_read_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let done = call(&shop, "write_file", json!({"path": "a/b.txt", "content": "one\ntwo\n"})).await;
    assert_eq!(done.changed.unwrap().1, FileChange::Created);
    let twice = json!({"path": "a/b.txt", "old": "o", "new": "0"});
    assert!(call(&shop, "edit_file", twice).await.output.contains("2 times"));
    let once = json!({"path": "./a/b.txt", "old": "two", "new": "three"});
    assert!(!call(&shop, "edit_file", once).await.is_error);
    let read = call(&shop, "read_file", json!({"path": "a/b.txt", "first_line": 2})).await;
    assert_eq!(read.output, "three\n");
    assert_eq!(call(&shop, "list_dir", json!({})).await.output, "a/");
    assert_eq!(call(&shop, "list_dir", json!({"path": "a"})).await.output, "b.txt (10)");
    let ran = call(&shop, "shell", json!({"command": "cat a/b.txt; exit 4"})).await;
    assert_eq!((ran.output.as_str(), ran.is_error), ("one\nthree\n[exit code 4]", true));
    assert!(call(&shop, "fly", json!({})).await.output.contains("no tool"));
    assert!(call(&shop, "shell", json!("x")).await.is_error);
}

#[tokio::test]
async fn no_way_leads_out_of_the_worktree() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("work"), folder.path().join("outside"));
    std::fs::create_dir_all(root.join("sub")).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("secret"), "s").unwrap();
    symlink(&outside, root.join("link")).unwrap();
    symlink(outside.join("secret"), root.join("file")).unwrap();
    symlink(outside.join("new"), root.join("dangling")).unwrap();
    symlink("sub", root.join("inner")).unwrap();
    let shop = shop(&root);
    for path in [
        "../outside/secret",
        "link/secret",
        "link/new",
        "file",
        "dangling",
        "sub/../../outside/secret",
        "inner/../../outside/secret",
        "missing/../../outside/secret",
        "/etc/passwd",
        "/",
    ] {
        for (tool, input) in [
            ("read_file", json!({"path": path})),
            ("write_file", json!({"path": path, "content": "x"})),
            ("edit_file", json!({"path": path, "old": "s", "new": "x"})),
            ("list_dir", json!({"path": path})),
        ] {
            let done = call(&shop, tool, input).await;
            assert!(done.is_error, "{tool} {path}: {done:?}");
        }
    }
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "s");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    let inner = json!({"path": "inner/x", "content": "x"});
    assert!(!call(&shop, "write_file", inner).await.is_error);
    assert!(root.join("sub/x").exists());
}

#[test]
fn long_texts_are_cut_in_the_middle() {
    let text = "ä".repeat(1000);
    let cut = bounded(&text, 100);
    assert!(cut.len() < 200 && cut.contains("1900 bytes left out"), "{cut}");
}
