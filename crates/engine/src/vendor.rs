//! What an agent's vendor needs on the disk before it is started.

use orkestra_agents::{AgentSpec, Invocation, RunRequest, discover, hook};
use orkestra_host::program::find_program;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::Path;

/// Adds to a request what the user's own settings of the vendor say, where the wiring of its hooks
/// must take them along.
pub(crate) fn read_settings(
    request: &mut RunRequest,
    spec: &AgentSpec,
    inherited: &[(String, String)],
) {
    let variable = |name: &str| {
        let inherited = inherited.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        spec.env.get(name).or(inherited).cloned()
    };
    let Some(file) = hook::settings_file(spec.kind, variable) else { return };
    request.vendor_home = file.parent().map(Path::to_path_buf);
    request.vendor_settings = std::fs::read_to_string(&file).ok();
}

/// Writes the files and makes the links of an invocation, for its owner only.
pub(crate) fn furnish(invocation: &Invocation) -> std::io::Result<()> {
    let private =
        |folder: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    for (path, text) in &invocation.files {
        private(path.parent().unwrap_or(Path::new("/")))?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
    }
    for (link, named) in &invocation.links {
        private(link.parent().unwrap_or(Path::new("/")))?;
        // What the vendor has not made yet it makes in the private folder, and that is lost with
        // the run; but conversations must be found again by the next attempt.
        if named.ends_with("tmp") {
            private(named)?;
        }
        if named.exists() {
            match symlink(named, link) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Starts the vendor's own program instead of the script around it, where there is one: a script in
/// between would get our signals and not hand them on.
pub(crate) fn native(spec: &AgentSpec, invocation: &mut Invocation, path: Option<&str>) {
    // With words of the user's between, such as `nice codex`, we leave it alone.
    if spec.command.len() > 1 {
        return;
    }
    let Some(first) = invocation.argv.first_mut() else { return };
    let found = find_program(first, path.unwrap_or_default());
    let Some(real) = found.and_then(|found| found.canonicalize().ok()) else { return };
    let native = discover::native(spec.kind, &real).into_iter().find(|path| path.is_file());
    if let Some(native) = native {
        *first = native.to_string_lossy().into_owned();
    }
}
