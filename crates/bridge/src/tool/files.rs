//! Reading, writing and listing.

use super::{Done, FILE_BYTES, OUTPUT_BYTES, Workshop, bounded, word};
use orkestra_core::agent::FileChange;
use serde_json::Value;
use std::path::Path;

/// Entries of a folder that are listed at most.
const ENTRIES: usize = 1_000;

/// The text of a file.
pub(super) fn text(path: &Path, shown: &str) -> Result<String, String> {
    let facts = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}."))?;
    if !facts.is_file() {
        return Err(format!("{shown} is no file."));
    }
    if facts.len() > FILE_BYTES {
        return Err(format!("{shown} is too large ({} bytes); use the shell.", facts.len()));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{shown}: {error}."))?;
    String::from_utf8(bytes).map_err(|_| format!("{shown} is no text in UTF-8."))
}

pub(super) fn read(shop: &Workshop, input: &Value) -> Result<Done, String> {
    let path = shop.path(input)?;
    let text = text(&path, &shop.shown(&path))?;
    let number = |key: &str| {
        let number = input.get(key).and_then(Value::as_u64);
        number.map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    };
    let (first, lines) = (number("first_line"), number("lines"));
    if first.is_none() && lines.is_none() {
        return Ok(Done::said(bounded(&text, OUTPUT_BYTES)));
    }
    let skip = first.unwrap_or(1).saturating_sub(1);
    let some = text.split_inclusive('\n').skip(skip).take(lines.unwrap_or(usize::MAX));
    Ok(Done::said(bounded(&some.collect::<String>(), OUTPUT_BYTES)))
}

pub(super) fn write(shop: &Workshop, input: &Value) -> Result<Done, String> {
    word(input, "path")?;
    let path = shop.path(input)?;
    let content = word(input, "content")?;
    let new = !path.exists();
    let shown = shop.shown(&path);
    save(&path, content).map_err(|error| format!("{shown}: {error}."))?;
    let change = if new { FileChange::Created } else { FileChange::Modified };
    let output = format!("Wrote {} bytes to {shown}.", content.len());
    let changed = Some((path.to_string_lossy().into_owned(), change));
    Ok(Done { output, is_error: false, changed })
}

/// Writes a file in one step, so that nobody sees half of it; its mode is kept.
pub(super) fn save(path: &Path, content: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    if path.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = std::fs::write(&fresh, content).and_then(|()| {
        if let Ok(facts) = path.metadata() {
            std::fs::set_permissions(&fresh, facts.permissions())?;
        }
        std::fs::rename(&fresh, path)
    });
    if written.is_err() {
        let _was_never_there = std::fs::remove_file(&fresh);
    }
    written
}

pub(super) fn list(shop: &Workshop, input: &Value) -> Result<Done, String> {
    let path = shop.path(input)?;
    let shown = shop.shown(&path);
    let entries = std::fs::read_dir(&path).map_err(|error| format!("{shown}: {error}."))?;
    let mut lines: Vec<String> = entries
        .flatten()
        .take(ENTRIES + 1)
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => format!("{name}/"),
                Ok(facts) if facts.is_symlink() => format!("{name} (link)"),
                Ok(facts) => format!("{name} ({})", facts.len()),
                Err(_) => name,
            }
        })
        .collect();
    lines.sort();
    if lines.len() > ENTRIES {
        lines.truncate(ENTRIES);
        lines.push("[… and more …]".to_owned());
    }
    let text = if lines.is_empty() { "(empty)".to_owned() } else { lines.join("\n") };
    Ok(Done::said(bounded(&text, OUTPUT_BYTES)))
}
