//! Where input comes from and output goes.

use super::shell::{Flow, Fresh, Walk, place_of};
use super::word::{Arg, TAME};
use brush_parser::ast::{IoFileRedirectKind, IoFileRedirectTarget, IoRedirect};
use std::path::PathBuf;

impl Walk<'_> {
    /// Both sides of a redirection; what the input is, if it is one of the input.
    pub(super) fn redirect(&mut self, redirect: &IoRedirect, output: &Flow) -> Option<Flow> {
        self.redirect_out(redirect, output);
        self.redirect_in(redirect)
    }

    pub(super) fn redirect_in(&mut self, redirect: &IoRedirect) -> Option<Flow> {
        match redirect {
            IoRedirect::HereDocument(number, document) => {
                let place = document.here_end.loc.as_ref().map(place_of);
                let text = if document.requires_expansion {
                    self.fold_document(&document.doc.value, place)
                } else {
                    Arg::known(document.doc.value.clone(), place)
                };
                number.is_none_or(|number| number == 0).then(|| match text.text() {
                    Some(text) => Flow::Text(text.to_owned()),
                    None => text.flow.clone().unwrap_or(Flow::Unknown),
                })
            }
            IoRedirect::HereString(_, word) => {
                let text = self.fold_single(&word.value, word.loc.as_ref().map(place_of));
                Some(match text.text() {
                    Some(text) => Flow::Text(format!("{text}\n")),
                    None => text.flow.clone().unwrap_or(Flow::Unknown),
                })
            }
            IoRedirect::File(
                _,
                IoFileRedirectKind::Read | IoFileRedirectKind::ReadAndWrite,
                target,
            ) => match target {
                IoFileRedirectTarget::Filename(word) => {
                    let arg = self.fold_single(&word.value, word.loc.as_ref().map(place_of));
                    self.reads(&arg);
                    Some(self.content(&arg))
                }
                IoFileRedirectTarget::ProcessSubstitution(kind, shell) => {
                    self.process(kind, &shell.list, &shell.loc).flow
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// What a file has, as far as this line has written it.
    pub(super) fn content(&self, arg: &Arg) -> Flow {
        let path = arg.text().and_then(|text| self.located(text));
        match path.and_then(|path| self.fresh.get(&path)) {
            Some(Fresh::Download) => Flow::Download,
            Some(Fresh::Decoded) => Flow::Decoded,
            Some(Fresh::Text(text)) => Flow::Text(text.clone()),
            Some(Fresh::Unknown) | None => arg.flow.clone().unwrap_or(Flow::Unknown),
        }
    }

    /// Judges where output goes; true if standard output goes into a file.
    pub(super) fn redirect_out(&mut self, redirect: &IoRedirect, output: &Flow) -> bool {
        let (word, standard, append) = match redirect {
            IoRedirect::OutputAndError(word, append) => (word, true, *append),
            IoRedirect::File(number, kind, target) => {
                let writes = matches!(
                    kind,
                    IoFileRedirectKind::Write
                        | IoFileRedirectKind::Append
                        | IoFileRedirectKind::Clobber
                        | IoFileRedirectKind::ReadAndWrite
                );
                match target {
                    IoFileRedirectTarget::Filename(word) if writes => (
                        word,
                        number.is_none_or(|number| number == 1),
                        matches!(kind, IoFileRedirectKind::Append),
                    ),
                    // `>&word` is a file unless the word is a number or a dash.
                    IoFileRedirectTarget::Duplicate(word) => {
                        let arg = self.fold_single(&word.value, word.loc.as_ref().map(place_of));
                        let number = |text: &str| {
                            text.trim_end_matches('-')
                                .chars()
                                .all(|digit| digit.is_ascii_digit() || digit == TAME)
                        };
                        if !arg.open && arg.values.iter().all(|text| number(text)) {
                            return false;
                        }
                        (word, true, false)
                    }
                    IoFileRedirectTarget::ProcessSubstitution(kind, shell) if writes => {
                        self.process(kind, &shell.list, &shell.loc);
                        return true;
                    }
                    _ => return false,
                }
            }
            _ => return false,
        };
        let arg = self.fold_single(&word.value, word.loc.as_ref().map(place_of));
        self.writes(&arg);
        if let Some(path) = arg.text().and_then(|text| self.located(text)) {
            self.remember(path, output, append);
        }
        standard
    }

    /// Remembers what was written into a file of this line.
    pub(super) fn remember(&mut self, path: PathBuf, output: &Flow, append: bool) {
        if path.starts_with("/dev") {
            return;
        }
        let fresh = match output {
            Flow::Download => Fresh::Download,
            Flow::Decoded => Fresh::Decoded,
            Flow::Text(text) => Fresh::Text(text.clone()),
            Flow::Nothing => Fresh::Text(String::new()),
            _ => Fresh::Unknown,
        };
        let fresh = match (append, self.fresh.get(&path), fresh) {
            (true, Some(Fresh::Text(before)), Fresh::Text(text)) => {
                Fresh::Text(format!("{before}{text}"))
            }
            (true, Some(before @ (Fresh::Download | Fresh::Decoded)), _) => before.clone(),
            (true, None, Fresh::Text(_)) => Fresh::Unknown,
            (_, _, fresh) => fresh,
        };
        self.fresh.insert(path, fresh);
    }
}
