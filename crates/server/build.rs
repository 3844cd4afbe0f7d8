//! Says where the dashboard's files are: `web/dist` when it was built, else a page that tells how
//! to get it, so that the binary builds on a machine without Node.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manifest =
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("no manifest folder")?);
    let built = manifest.join("../../web/dist");
    println!("cargo:rerun-if-changed={}", built.display());
    println!("cargo:rerun-if-changed=build.rs");
    let folder = if built.join("index.html").exists() {
        watch(&built)?;
        built
    } else {
        let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no output folder")?);
        let folder = out.join("no-dashboard");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("index.html"), include_str!("src/no-dashboard.html"))?;
        folder
    };
    println!("cargo:rustc-env=ORKESTRA_WEB_DIST={}", folder.display());
    Ok(())
}

fn watch(folder: &Path) -> std::io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            watch(&path)?;
        } else {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    Ok(())
}
