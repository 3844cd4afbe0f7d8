//! Each rung by itself.

use crate::harness::{is_alive, text};
use crate::place::{ATTACKS, LEFT, PATH, Place, RUNGS, ladder, untouched};
use orkestra_host::sandbox::{Network, Refused, Rung};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process outside, with a secret in its environment, ended with the test.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").env("SECRET", "treasure").spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn came_through(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.starts_with("CAME THROUGH")).collect()
}

#[test]
fn every_attack_is_held_on_each_rung() {
    for rung in RUNGS {
        for network in [Network::Open, Network::None] {
            let place = Place::new();
            let mut bystander = Bystander::new();
            let dir = place.dir.display().to_string();
            let argv = ["bash", "-c", ATTACKS, "attack", &dir, &bystander.pid()];
            let wrapped = place.wrap(rung, network.clone(), &argv);
            let output = place.command(&wrapped).output().unwrap();
            let said = text(&output.stdout);
            let told = format!("{rung:?} {network:?}: {said}{}", text(&output.stderr));
            assert_eq!(came_through(&said), Vec::<&str>::new(), "{told}");
            assert!(LEFT.iter().all(|left| said.contains(left)), "{told}");
            assert_eq!(output.status.code(), Some(9), "{told}");
            assert!(bystander.lives(), "{told}");
            untouched(&place);
        }
    }
}

/// Root in a sandbox has nothing of root, and who is not root has the same sandbox.
#[test]
fn an_ordinary_user_is_held_on_each_rung() {
    if !rustix_root() {
        // The test before was it.
        return;
    }
    for rung in RUNGS {
        let mut place = Place::within(&std::env::temp_dir());
        let helper = place.dir.join("orkestra");
        std::fs::copy(crate::harness::ORKESTRA, &helper).unwrap();
        place.helper = helper;
        let mut bystander = Bystander::new();
        let dir = place.dir.display().to_string();
        let argv = ["bash", "-c", ATTACKS, "attack", &dir, &bystander.pid()];
        let wrapped = place.wrap(rung, Network::Open, &argv);
        let mine = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&place.dir, mine).unwrap();
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(&place.dir).status();
        assert!(owned.unwrap().success());
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
        command.args(&wrapped.argv).env_clear().envs(&wrapped.env).current_dir(place.work());
        let output = command.output().unwrap();
        let said = text(&output.stdout);
        let told = format!("{rung:?}: {said}{}", text(&output.stderr));
        assert_eq!(came_through(&said), Vec::<&str>::new(), "{told}");
        assert!(LEFT.iter().all(|left| said.contains(left)), "{told}");
        assert_eq!(output.status.code(), Some(9), "{told}");
        assert!(bystander.lives());
        untouched(&place);
    }
}

fn rustix_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A server that answers every connection with `hello`.
fn server() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = serving.accept() {
            let mut head = [0; 1024];
            let _read = client.read(&mut head);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            let _told = client.write_all(answer);
        }
    });
    (listener, port)
}

/// Speaks HTTP by bash alone: no other program is needed.
fn get(host: &str, port: u16, request: &str) -> String {
    format!(
        "(exec 3<>/dev/tcp/{host}/{port} && printf '{request}\\r\\n\\r\\n' >&3 && cat <&3) 2>&1"
    )
}

#[test]
fn without_a_network_nothing_is_reached_on_each_rung() {
    let (_server, port) = server();
    let script = format!(
        "{}; (echo x > /dev/udp/127.0.0.1/{port}) 2>/dev/null && echo UDP; exit 0",
        get("127.0.0.1", port, "GET / HTTP/1.0")
    );
    for rung in RUNGS {
        let place = Place::new();
        let open = text(&place.bash(rung, Network::Open, &script).stdout);
        assert!(open.contains("hello") && open.contains("UDP"), "{rung:?}: {open}");
        let none = text(&place.bash(rung, Network::None, &script).stdout);
        assert!(!none.contains("hello") && !none.contains("UDP"), "{rung:?}: {none}");
    }
}

#[test]
fn only_named_hosts_are_reached_and_refusals_are_written_down() {
    let place = Place::new();
    let ((_one, named), (_two, other)) = (server(), server());
    let hosts = Network::Hosts(vec![format!("127.0.0.1:{named}"), "example.org".to_owned()]);
    let proxy = "P=${HTTP_PROXY##*:}; ";
    let direct = get("127.0.0.1", named, "GET / HTTP/1.0");
    let closed = get("127.0.0.1", other, "GET / HTTP/1.0");
    // By the proxy: the named port, the other one, and a name that is not on the list.
    let by_proxy = |request: &str| {
        format!(
            "(exec 3<>/dev/tcp/127.0.0.1/$P && printf '{request}\\r\\n\\r\\n' >&3 && cat <&3) 2>&1"
        )
    };
    let script = format!(
        "{proxy} echo 1; {direct}; echo; echo 2; {closed}; echo; echo 3; {}; echo; echo 4; {}; echo; echo 5; {}; \
         echo; echo 6; (echo x > /dev/udp/127.0.0.1/{named}) 2>&1; exit 0",
        by_proxy(&format!("GET http://127.0.0.1:{named}/ HTTP/1.1")),
        by_proxy(&format!("GET http://127.0.0.1:{other}/ HTTP/1.1")),
        by_proxy("CONNECT evil.example:443 HTTP/1.1"),
    );
    let output = place.bash(Rung::Bubblewrap, hosts.clone(), &script);
    let said = text(&output.stdout);
    let part = |number: usize| {
        let rest = said.split_once(&format!("{number}\n")).expect(&said).1;
        rest.split(&format!("\n{}\n", number + 1)).next().unwrap().to_owned()
    };
    assert!(part(1).contains("hello"), "{said}");
    assert!(!part(2).contains("hello"), "{said}");
    assert!(part(3).contains("hello"), "{said}");
    assert!(part(4).contains("403 Forbidden"), "{said}");
    assert!(part(5).contains("403 Forbidden") && part(5).contains("evil.example:443"), "{said}");
    assert!(part(6).contains("not permitted"), "{said}");
    let refusals = std::fs::read_to_string(place.dir.join("refusals")).unwrap();
    assert_eq!(refusals.lines().count(), 2, "{refusals}");
    assert!(refusals.contains("\"host\":\"evil.example\",\"port\":443"), "{refusals}");

    // The other rung cannot tell hosts apart, and says so.
    let refused = place.sandbox(hosts).wrap_on(
        Rung::Landlock,
        &ladder(),
        &["true".to_owned()],
        &[("PATH".to_owned(), PATH.to_owned())].into(),
        &place.work(),
    );
    assert!(matches!(refused, Err(Refused::HostsNeedBubblewrap { .. })), "{refused:?}");
}

#[test]
fn a_commit_is_made_on_the_own_branch_and_the_repository_is_held() {
    for rung in RUNGS {
        let place = Place::new().with_repository();
        let target = place.repository.clone().unwrap();
        let config = std::fs::read_to_string(target.join(".git/config")).unwrap();
        let git = target.join(".git").display().to_string();
        let script = format!(
            "echo work > file; git add -A && git commit -qm 'my work' || exit 1
             try() {{ if (\"$@\") >/dev/null 2>&1; then echo \"CAME THROUGH: $*\"; fi; }}
             try touch {git}/hooks/pre-commit
             try git config core.hooksPath /tmp
             try sh -c 'echo x >> {git}/config'
             try touch {git}/objects/pack/x
             try git branch -f main HEAD
             try git update-ref refs/heads/new HEAD
             try git worktree add ../other
             try sh -c 'echo x > {git}/HEAD'
             git log --format=%s -1"
        );
        let output = place.bash(rung, Network::None, &script);
        let said = text(&output.stdout);
        let told = format!("{rung:?}: {said}{}", text(&output.stderr));
        assert_eq!(said.trim(), "my work", "{told}");
        assert!(output.status.success(), "{told}");
        assert_eq!(place.git(&target, &["log", "--format=%s", "-1", "orkestra/mine"]), "my work");
        assert_eq!(place.git(&target, &["log", "--format=%s", "-1", "main"]), "start");
        assert_eq!(place.git(&target, &["status", "--porcelain"]), "");
        assert_eq!(place.git(&place.work(), &["status", "--porcelain"]), "");
        assert_eq!(std::fs::read_to_string(target.join(".git/config")).unwrap(), config);
    }
}

#[test]
fn settings_in_the_worktree_and_other_branches_are_held_by_bubblewrap() {
    let place = Place::new().with_repository();
    let target = place.repository.clone().unwrap();
    std::fs::write(place.work().join(".mcp.json"), "{}").unwrap();
    let git = target.join(".git").display().to_string();
    let script = format!(
        "try() {{ if (\"$@\") >/dev/null 2>&1; then echo \"CAME THROUGH: $*\"; fi; }}
         try sh -c 'echo x > .mcp.json'
         try rm -f .mcp.json
         try sh -c 'echo x > .git'
         try mv .git elsewhere
         try mkdir .claude/hooks
         try touch .claude/settings.json
         try touch .envrc
         try sh -c 'echo 0 > {git}/refs/heads/orkestra/other'
         try sh -c 'echo x > {git}/worktrees/w1/commondir'
         git add -A; git status --porcelain"
    );
    let output = place.bash(Rung::Bubblewrap, Network::Open, &script);
    assert_eq!(text(&output.stdout).trim(), "A  .mcp.json", "{}", text(&output.stderr));
    // What was only there to hold a place is gone again.
    let mut names: Vec<_> = std::fs::read_dir(place.work())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".git", ".mcp.json"]);
}

#[test]
fn an_end_is_told_as_it_was_and_nobody_is_left() {
    for rung in RUNGS {
        let place = Place::new();
        let code = |script: &str| place.bash(rung, Network::None, script).status;
        assert_eq!(code("exit 42").code(), Some(42), "{rung:?}");
        assert_eq!(code("kill -TERM $$").signal(), Some(15), "{rung:?}");
        assert_eq!(code("kill -KILL $$").signal(), Some(9), "{rung:?}");
        let refused = place.sandbox(Network::Open).wrap_on(
            rung,
            &ladder(),
            &["no-such-program".to_owned()],
            &[("PATH".to_owned(), PATH.to_owned())].into(),
            &place.work(),
        );
        assert!(matches!(refused, Err(Refused::NoProgram { .. })), "{refused:?}");
    }
    // In a world of its own a child that was left behind ends with it.
    let place = Place::new();
    let started = Instant::now();
    let script = "setsid sleep 600 >/dev/null 2>&1 & exit 3";
    assert_eq!(place.bash(Rung::Bubblewrap, Network::Open, script).status.code(), Some(3));
    assert!(started.elapsed() < Duration::from_secs(300));
}

#[test]
fn signals_reach_the_agent_once_and_killing_the_outside_kills_all() {
    for rung in RUNGS {
        let place = Place::new();
        let script = "trap 'echo heard >> told; N=$((N+1)); [ $N = 2 ] && exit 7' TERM
                      touch up; while :; do sleep 0.05; done";
        let wrapped = place.wrap(rung, Network::Open, &["bash", "-c", script]);
        let mut child = place.command(&wrapped).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let told = || std::fs::read_to_string(place.work().join("told")).unwrap_or_default();
        wait("it is up", || place.work().join("up").exists());
        crate::harness::signal(pid, "TERM");
        wait("it has heard", || told() == "heard\n");
        crate::harness::signal(pid, "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(7), "{rung:?}");
        assert_eq!(told(), "heard\nheard\n", "{rung:?}");
    }
    let place = Place::new();
    let script = "exec sleep 600";
    let wrapped = place.wrap(Rung::Bubblewrap, Network::None, &["bash", "-c", script]);
    let mut child = place.command(&wrapped).stdout(Stdio::piped()).spawn().unwrap();
    // Each of them has the place in its environment: ourselves twice, bubblewrap, the agent.
    let place = place.dir.display().to_string();
    let all = || crate::harness::living(|environment| environment.contains(&place));
    wait("the agent is up", || all().len() == 4);
    let mine = all();
    child.kill().unwrap();
    child.wait().unwrap();
    wait("all are gone", || !mine.iter().any(|pid| is_alive(*pid)));
}

fn wait(what: &str, so: impl Fn() -> bool) {
    let until = Instant::now() + crate::harness::PATIENCE;
    while !so() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What agents work with: compilers, and Node where it is installed.
#[test]
fn tools_work_inside_on_each_rung() {
    for rung in RUNGS {
        let place = Place::new();
        std::fs::create_dir(place.work().join("src")).unwrap();
        let manifest =
            "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(place.work().join("Cargo.toml"), manifest).unwrap();
        std::fs::write(place.work().join("src/main.rs"), "fn main() { println!(\"built\") }")
            .unwrap();
        let rustc = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
        let tools = format!("{}/bin", text(&rustc.stdout).trim());
        let script = format!(
            // From the root: cargo reads settings in each folder above, and those are not open here.
            "export PATH={tools}:$PATH; here=$PWD; cd /
             cargo run --quiet --offline --manifest-path \"$here/Cargo.toml\" || exit 1
             cd \"$here\"
             if command -v node >/dev/null; then
               node -e 'require(\"fs\").writeFileSync(\"n\", \"1\"); new (require(\"worker_threads\").Worker)(\"1\", {{eval: true}}); console.log(require(\"child_process\").execSync(\"echo by node\").toString())' || exit 2
             fi
             exit 0"
        );
        let output = place.bash(rung, Network::None, &script);
        let said = format!("{rung:?}: {}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("built"), "{said}");
    }
}
