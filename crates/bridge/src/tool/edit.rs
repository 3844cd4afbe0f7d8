//! Changing a part of a file.

use super::files::{save, text};
use super::{Done, Workshop, word};
use orkestra_core::agent::FileChange;
use serde_json::Value;

pub(super) fn edit(shop: &Workshop, input: &Value) -> Result<Done, String> {
    word(input, "path")?;
    let path = shop.path(input)?;
    let (old, new) = (word(input, "old")?, word(input, "new")?);
    let all = input.get("all").and_then(Value::as_bool).unwrap_or(false);
    let shown = shop.shown(&path);
    let before = text(&path, &shown)?;
    if old.is_empty() {
        return Err("The old text is empty; write_file writes a whole file.".to_owned());
    }
    let places = before.matches(old).count();
    match (places, all) {
        (0, _) => return Err(format!("The old text does not stand in {shown}.")),
        (2.., false) => {
            return Err(format!(
                "The old text stands {places} times in {shown}: give more of what is around it, \
                 or set all to true."
            ));
        }
        _ => {}
    }
    save(&path, &before.replace(old, new)).map_err(|error| format!("{shown}: {error}."))?;
    let output = format!("Replaced {places} in {shown}.");
    let changed = Some((path.to_string_lossy().into_owned(), FileChange::Modified));
    Ok(Done { output, is_error: false, changed })
}
