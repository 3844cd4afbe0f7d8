//! A machine in small: a data folder with secrets, a worktree, and something outside.

use crate::harness::{ORKESTRA, text};
use orkestra_host::sandbox::{Ladder, Network, Rung, Sandbox, Wrapped, repository};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Every rung; a rung that this machine lacks is a failure.
pub(crate) const RUNGS: [Rung; 2] = [Rung::Bubblewrap, Rung::Landlock];

pub(crate) struct Place {
    _root: tempfile::TempDir,
    pub(crate) dir: PathBuf,
    pub(crate) helper: PathBuf,
    pub(crate) repository: Option<PathBuf>,
}

impl Place {
    /// Not in the folder for temporary files, which is a different one inside.
    pub(crate) fn new() -> Self {
        Self::within(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    pub(crate) fn within(folder: &Path) -> Self {
        let root = tempfile::Builder::new().prefix("sandbox-").tempdir_in(folder).unwrap();
        let dir = root.path().canonicalize().unwrap();
        for folder in ["home/secrets", "home/runs/other", "home/runs/1", "outside", "user/.ssh"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        for file in [
            "home/secrets/token",
            "home/state.db",
            "home/runs/other/stdout",
            "user/.ssh/id",
            "outside/file",
        ] {
            std::fs::write(dir.join(file), "treasure").unwrap();
        }
        let place = Self { _root: root, helper: ORKESTRA.into(), repository: None, dir };
        std::fs::create_dir_all(place.work()).unwrap();
        place
    }

    /// The folder in which the agent works.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.join("home/worktrees/w1")
    }

    /// Makes the worktree one of a repository.
    pub(crate) fn with_repository(mut self) -> Self {
        let target = self.dir.join("target");
        std::fs::create_dir(&target).unwrap();
        std::fs::remove_dir(self.work()).unwrap();
        let work = self.work().display().to_string();
        for args in [
            &["init", "--quiet", "--initial-branch", "main"][..],
            &["config", "user.name", "t"],
            &["config", "user.email", "t@example.org"],
            &["commit", "--quiet", "--allow-empty", "-m", "start"],
            &["worktree", "add", "--quiet", "-b", "orkestra/mine", &work],
            &["branch", "orkestra/other"],
        ] {
            self.git(&target, args);
        }
        self.repository = Some(target);
        self
    }

    pub(crate) fn git(&self, folder: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().env("PATH", PATH).env("HOME", &self.dir).current_dir(folder);
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    /// The sandbox of an agent here.
    pub(crate) fn sandbox(&self, network: Network) -> Sandbox {
        let tmp = self.dir.join("home/runs/1/tmp");
        let mut sandbox = Sandbox::new(self.helper.clone(), tmp);
        sandbox.guarded.push(self.dir.join("home"));
        sandbox.guard_home(&self.dir.join("user"));
        sandbox.write.push(self.work());
        sandbox.protect_settings(&self.work());
        sandbox.network = network;
        sandbox.refusals = Some(self.dir.join("refusals"));
        if let Some(target) = &self.repository {
            let opened = repository::of_worktree(target, &self.work(), "orkestra/mine").unwrap();
            sandbox.open_repository(opened);
        }
        sandbox
    }

    /// The command line of an agent on a rung.
    pub(crate) fn wrap(&self, rung: Rung, network: Network, argv: &[&str]) -> Wrapped {
        let env: BTreeMap<String, String> =
            [("PATH", PATH), ("HOME", self.dir.join("user").to_str().unwrap())]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let ladder = ladder();
        self.sandbox(network).wrap_on(rung, &ladder, &argv, &env, &self.work()).unwrap()
    }

    pub(crate) fn command(&self, wrapped: &Wrapped) -> Command {
        let mut command = Command::new(&wrapped.argv[0]);
        command.args(&wrapped.argv[1..]).env_clear().envs(&wrapped.env);
        command.current_dir(self.work());
        command
    }

    /// Runs a script of bash in the sandbox.
    pub(crate) fn bash(&self, rung: Rung, network: Network, script: &str) -> Output {
        let wrapped = self.wrap(rung, network, &["bash", "-c", script]);
        self.command(&wrapped).output().unwrap()
    }
}

/// What this machine has: all of it.
pub(crate) fn ladder() -> Ladder {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ladder = runtime.block_on(Ladder::probe(PATH));
    assert!(ladder.bubblewrap.is_ok(), "{ladder:?}");
    assert!(ladder.landlock.is_ok() && ladder.seccomp.is_ok(), "{ladder:?}");
    ladder
}

/// What every attack prints when it comes through: `NAME` at the beginning of a line. `$1` is
/// the place, `$2` a process outside.
pub(crate) const ATTACKS: &str = r#"
D="$1"; P="$2"
came_through() { echo "CAME THROUGH: $1"; }
(echo x > "$D/outside/direct") 2>/dev/null && came_through direct
(echo x > "../../../outside/dots") 2>/dev/null && came_through dots
ln -s "$D/outside" link 2>/dev/null; (echo x > link/symlink) 2>/dev/null && came_through symlink
ln "$D/outside/file" hard 2>/dev/null && echo x > hard && came_through hardlink
(echo x >> "$D/outside/file") 2>/dev/null && came_through append
rm -f "$D/outside/file" 2>/dev/null; mv "$D/outside/file" . 2>/dev/null && came_through move
truncate -s 0 "$D/outside/file" 2>/dev/null && came_through truncate
(echo x > "/proc/self/root$D/outside/proc") 2>/dev/null && came_through procroot
mkdir "$D/outside/folder" 2>/dev/null && came_through mkdir
(sleep 0.3; echo x > "$D/outside/left") >/dev/null 2>&1 & disown
(setsid sh -c "sleep 0.3; echo x > $D/outside/left2" >/dev/null 2>&1 &)
for secret in home/secrets/token home/state.db home/runs/other/stdout user/.ssh/id; do
  grep -q treasure "$D/$secret" 2>/dev/null && came_through "read $secret"
  grep -q treasure "/proc/self/root$D/$secret" 2>/dev/null && came_through "read by proc $secret"
  ln -s "$D/$secret" "s$RANDOM" 2>/dev/null
done
cat s* 2>/dev/null | grep -q treasure && came_through "read by link"
kill -0 "$P" 2>/dev/null && came_through "signal 0"
kill -KILL "$P" 2>/dev/null && came_through kill
kill -TERM -- "-$P" 2>/dev/null && came_through "kill group"
grep -qa treasure "/proc/$P/environ" 2>/dev/null && came_through environ
unshare -Ur true 2>/dev/null && came_through userns
unshare -m true 2>/dev/null && came_through mountns
mount -t tmpfs none /mnt 2>/dev/null && came_through mount
chroot / true 2>/dev/null && came_through chroot
(echo x > /etc/orkestra-attack) 2>/dev/null && came_through etc
(echo x > /proc/sys/kernel/hostname) 2>/dev/null && came_through sysctl
(echo x > /sys/orkestra-attack) 2>/dev/null && came_through sys
for disk in /dev/vda /dev/sda /dev/nvme0n1 /dev/mem; do
  (head -c 1 "$disk" >/dev/null) 2>/dev/null && came_through "disk $disk"
done
(echo x > "$TMPDIR/mine") && grep -q x "$TMPDIR/mine" && echo "own temporary files"
(echo x > mine) && echo "own files"
(echo x > /dev/null) && echo "devices"
grep -q "^NoNewPrivs:.*1$" /proc/self/status && echo "no new privileges"
grep -q "^CapEff:.*0000000000000000$" /proc/self/status && echo "no capabilities"
grep -q "^CapBnd:.*0000000000000000$" /proc/self/status && echo "none to come" || id -u
exit 9
"#;

/// What is left to an agent, in the order of the script.
pub(crate) const LEFT: [&str; 5] =
    ["own temporary files", "own files", "devices", "no new privileges", "no capabilities"];

/// Nothing outside has changed.
pub(crate) fn untouched(place: &Place) {
    std::thread::sleep(std::time::Duration::from_millis(600));
    let names: Vec<_> = std::fs::read_dir(place.dir.join("outside"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["file"]);
    assert_eq!(std::fs::read_to_string(place.dir.join("outside/file")).unwrap(), "treasure");
    assert!(!Path::new("/etc/orkestra-attack").exists());
}
