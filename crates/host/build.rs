//! Builds the shim as a static, position-dependent binary without a C library, so that it can be
//! embedded.
//!
//! A second cargo is needed because link options of a dependency cannot be set from here: a
//! position-independent or dynamically linked shim would cost megabytes in every unit.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../shim/src");
    println!("cargo:rerun-if-changed=../shim/Cargo.toml");
    let (Some(out), Some(root), Some(target), Some(cargo)) = (
        env::var_os("OUT_DIR").map(PathBuf::from),
        env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        env::var_os("TARGET"),
        env::var_os("CARGO"),
    ) else {
        fail("cargo did not set OUT_DIR, CARGO_MANIFEST_DIR, TARGET and CARGO")
    };
    let target_dir = out.join("shim");
    #[allow(clippy::disallowed_methods, reason = "a build script, not the program")]
    let mut build = Command::new(cargo);
    build.current_dir(&root).args(["build", "--quiet", "--release", "-p", "orkestra-shim"]);
    build.arg("--manifest-path").arg(root.join("../shim/Cargo.toml"));
    build.arg("--target-dir").arg(&target_dir).arg("--target").arg(&target);
    for setting in ["panic='abort'", "opt-level='s'", "lto=true", "codegen-units=1", "strip=true"] {
        build.arg("--config").arg(format!("profile.release.{setting}"));
    }
    // What the outer cargo tells its own compilers must not reach the inner ones: flags, wrappers
    // (clippy), profiles, the target folder and the job server's descriptors.
    for (key, _) in env::vars_os() {
        let Some(name) = key.to_str() else { continue };
        let needed = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE"];
        let inner = name.starts_with("CARGO") || name.starts_with("RUSTC") || name == "MAKEFLAGS";
        if inner && !needed.iter().any(|prefix| name.starts_with(prefix)) {
            build.env_remove(&key);
        }
    }
    // No C library, not even its start: it costs more than the shim itself (crates/shim/src/kernel.rs).
    build.env(
        "RUSTFLAGS",
        "--cfg orkestra_bare -C target-feature=+crt-static -C relocation-model=static \
         -C link-arg=-nostartfiles -C link-arg=-nostdlib",
    );
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("building the shim failed: {status}")),
        Err(error) => fail(&format!("cargo cannot be started: {error}")),
    }
    let shim = target_dir.join(&target).join("release/orkestra-shim");
    println!("cargo:rustc-env=ORKESTRA_SHIM={}", shim.display());
}

fn fail(message: &str) -> ! {
    println!("cargo:error={message}");
    std::process::exit(1)
}
