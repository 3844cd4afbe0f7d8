//! Words of the shell, folded to what they can become: quotes, escapes, braces, and variables that only ever get constants.

use super::shell::{BYTES_MAX, Flow, Walk};
use super::{Place, variable};
use brush_parser::ParserOptions;
use brush_parser::word::{
    BraceExpressionMember, BraceExpressionOrText, Parameter, ParameterExpr, ParameterTransformOp,
    SpecialParameter, TildeExpr, WordPiece, parse, parse_brace_expansions, parse_heredoc,
};

/// Stands in a known text for a part that is not known but cannot do harm in a path: a number, a date, a name without a slash.
pub(super) const TAME: char = '\u{F8FF}';
/// Stands in what is shown for a part that is not known at all.
const HOLE: char = '\u{FFFD}';
/// A word that can become more than this many texts counts as unknown.
const VALUES_MAX: usize = 64;

/// The parser takes twice as long for each brace; a word with more of them cannot be read.
const BRACES_MAX: usize = 6;

/// Opening braces outside of quotes that do not belong to a variable.
fn bare_braces(word: &str) -> usize {
    let mut count = 0;
    let mut quote = None;
    let mut before = ' ';
    for letter in word.chars() {
        match (quote, letter) {
            (None, '\'' | '"') if before != '\\' => quote = Some(letter),
            (Some(mark), letter) if mark == letter => quote = None,
            (None, '{') if before != '$' => count += 1,
            _ => {}
        }
        before = letter;
    }
    count
}

/// One argument as it can reach a program.
#[derive(Clone, Debug, Default)]
pub(super) struct Arg {
    /// The texts that it can be, as far as they are known.
    pub(super) values: Vec<String>,
    /// Whether it can be something else too.
    pub(super) open: bool,
    /// As it was written.
    pub(super) raw: String,
    /// The known parts, with a mark for what is not known.
    pub(super) shown: String,
    /// Whether file names are put in by the shell.
    pub(super) glob: bool,
    /// What an unknown part is made from.
    pub(super) flow: Option<Flow>,
    /// Where it stands.
    pub(super) place: Option<Place>,
}

impl Arg {
    pub(super) fn known(text: impl Into<String>, place: Option<Place>) -> Self {
        let text = text.into();
        Self {
            values: vec![text.clone()],
            raw: text.clone(),
            shown: text,
            place,
            ..Self::default()
        }
    }

    pub(super) fn unknown(place: Option<Place>) -> Self {
        Self { open: true, shown: HOLE.to_string(), place, ..Self::default() }
    }

    /// The one text that it is, if it is exactly known.
    pub(super) fn text(&self) -> Option<&str> {
        match self.values.as_slice() {
            [only] if !self.open && !only.contains(TAME) => Some(only),
            _ => None,
        }
    }

    /// Whether one of the texts that it can be satisfies `test`.
    pub(super) fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.values.iter().any(|value| test(value))
    }

    /// Whether it is exactly `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        self.any(|value| value == text)
    }

    /// Whether it begins like an option: known to, or not known at all.
    pub(super) fn option(&self) -> bool {
        self.any(|value| value.starts_with('-') && value != "-")
    }
}

/// A field while it is put together.
#[derive(Clone)]
struct Field {
    arg: Arg,
    began: bool,
}

impl Field {
    fn new(place: Option<Place>) -> Self {
        let arg = Arg { values: vec![String::new()], place, ..Arg::default() };
        Self { arg, began: false }
    }

    fn push(&mut self, text: &str, quoted: bool) {
        self.began = true;
        if self.arg.shown.len() + text.len() > BYTES_MAX {
            return self.hole(None);
        }
        for value in &mut self.arg.values {
            value.push_str(text);
        }
        self.arg.shown.push_str(text);
        self.arg.glob |= !quoted && text.contains(['*', '?', '[']);
    }

    fn one_of(&mut self, texts: &[String], quoted: bool) {
        self.began = true;
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        if texts.len() * self.arg.values.len() > VALUES_MAX
            || self.arg.shown.len() + longest > BYTES_MAX
        {
            self.hole(None);
            return;
        }
        let before = std::mem::take(&mut self.arg.values);
        for value in before {
            self.arg.values.extend(texts.iter().map(|text| format!("{value}{text}")));
        }
        self.arg.values.dedup();
        self.arg.shown.push_str(texts.first().map_or("", String::as_str));
        self.arg.glob |= !quoted && texts.iter().any(|text| text.contains(['*', '?', '[']));
    }

    fn hole(&mut self, flow: Option<Flow>) {
        self.began = true;
        self.arg.open = true;
        self.arg.values.clear();
        self.arg.shown.push(HOLE);
        if flow.is_some() {
            self.arg.flow = flow;
        }
    }
}

/// What a part of a word becomes.
pub(super) enum Part {
    Known(Vec<String>),
    /// The known values, and others.
    Open(Vec<String>),
    /// Several fields.
    Fields(Vec<String>),
    Hole(Option<Flow>),
}

pub(super) fn options() -> ParserOptions {
    ParserOptions { tilde_expansion_after_colon: false, ..ParserOptions::default() }
}

impl Walk<'_> {
    /// The arguments that a word becomes.
    pub(super) fn fold(&mut self, word: &str, place: Option<Place>) -> Vec<Arg> {
        self.step();
        if bare_braces(word) > BRACES_MAX {
            return vec![self.lost(word, place)];
        }
        if word.contains('{')
            && let Ok(Some(pieces)) = parse_brace_expansions(word, &options())
            && pieces.iter().any(|piece| matches!(piece, BraceExpressionOrText::Expr(_)))
        {
            let Some(words) = braces(&pieces) else { return vec![self.lost(word, place)] };
            let mut out = Vec::new();
            for one in words {
                out.extend(self.fold_one(&one, word, place));
            }
            return out;
        }
        self.fold_one(word, word, place)
    }

    /// The one text of a word in a place where it is not split: an assignment, a redirection.
    pub(super) fn fold_single(&mut self, word: &str, place: Option<Place>) -> Arg {
        let mut found = self.fold_one(word, word, place);
        match found.len() {
            1 => found.remove(0),
            0 => Arg::known("", place),
            _ => {
                let whole: Option<Vec<&str>> = found.iter().map(Arg::text).collect();
                whole
                    .map_or_else(|| Arg::unknown(place), |words| Arg::known(words.join(" "), place))
            }
        }
    }

    /// A text with variables and substitutions but without quotes: a here-document.
    pub(super) fn fold_document(&mut self, text: &str, place: Option<Place>) -> Arg {
        self.step();
        let Ok(pieces) = parse_heredoc(text, &options()) else { return self.lost(text, place) };
        let mut fields = vec![Field::new(place)];
        for piece in &pieces {
            self.piece(&piece.piece, true, &mut fields, place);
        }
        let mut arg = fields.swap_remove(0).arg;
        arg.raw = text.to_owned();
        arg
    }

    fn lost(&mut self, word: &str, place: Option<Place>) -> Arg {
        self.hit("unreadable", word, place);
        Arg { raw: word.to_owned(), ..Arg::unknown(place) }
    }

    fn fold_one(&mut self, word: &str, raw: &str, place: Option<Place>) -> Vec<Arg> {
        let Ok(pieces) = parse(word, &options()) else { return vec![self.lost(word, place)] };
        let mut fields = vec![Field::new(place)];
        for piece in &pieces {
            self.piece(&piece.piece, false, &mut fields, place);
        }
        fields
            .into_iter()
            .filter(|field| field.began)
            .map(|field| Arg { raw: raw.to_owned(), ..field.arg })
            .collect()
    }

    fn piece(
        &mut self,
        piece: &WordPiece,
        quoted: bool,
        fields: &mut Vec<Field>,
        place: Option<Place>,
    ) {
        let part = match piece {
            WordPiece::Text(text) => return add(fields, text, quoted, place),
            WordPiece::SingleQuotedText(text) => return add(fields, text, true, place),
            WordPiece::AnsiCQuotedText(text) => return add(fields, &ansi(text), true, place),
            WordPiece::DoubleQuotedSequence(inner)
            | WordPiece::GettextDoubleQuotedSequence(inner) => {
                add(fields, "", true, place);
                for one in inner {
                    self.piece(&one.piece, true, fields, place);
                }
                return;
            }
            WordPiece::EscapeSequence(text) => {
                let text = text.strip_prefix('\\').unwrap_or(text);
                // A line that goes on on the next one.
                return add(fields, if text == "\n" { "" } else { text }, true, place);
            }
            WordPiece::TildeExpansion(tilde) => self.tilde(tilde),
            WordPiece::ParameterExpansion(expression) => self.parameter(expression, place),
            WordPiece::CommandSubstitution(text) => self.substitution(text, place),
            WordPiece::BackquotedCommandSubstitution(text) => {
                self.substitution(&unescape_backquoted(text), place)
            }
            WordPiece::ArithmeticExpression(expression) => {
                self.arithmetic(&expression.value, place);
                Part::Known(vec![TAME.to_string()])
            }
        };
        self.put(part, quoted, fields, place);
    }

    fn put(&mut self, part: Part, quoted: bool, fields: &mut Vec<Field>, place: Option<Place>) {
        let split = !quoted && self.variables.contains_key("IFS");
        match part {
            Part::Known(_) | Part::Fields(_) if split => add_hole(fields, None),
            Part::Known(texts)
                if quoted || !texts.iter().any(|text| text.contains(char::is_whitespace)) =>
            {
                if let Some(field) = fields.last_mut()
                    && (quoted || texts.iter().any(|text| !text.is_empty()))
                {
                    field.one_of(&texts, quoted);
                }
            }
            Part::Known(texts) => match texts.as_slice() {
                [only] => {
                    // The shell splits it at white space; at its edges too.
                    if only.starts_with(char::is_whitespace) {
                        next(fields, place);
                    }
                    for (index, word) in only.split_whitespace().enumerate() {
                        if index > 0 {
                            next(fields, place);
                        }
                        add(fields, word, false, place);
                    }
                    if only.ends_with(char::is_whitespace) {
                        next(fields, place);
                    }
                }
                _ => {
                    let words: Vec<String> = texts
                        .iter()
                        .flat_map(|text| text.split_whitespace())
                        .map(str::to_owned)
                        .collect();
                    if let Some(field) = fields.last_mut() {
                        field.one_of(&words, false);
                        field.arg.open = true;
                    }
                }
            },
            Part::Open(texts) => {
                if let Some(field) = fields.last_mut() {
                    field.one_of(&texts, quoted);
                    field.arg.open = true;
                }
            }
            Part::Fields(texts) => {
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        next(fields, place);
                    }
                    add(fields, text, quoted, place);
                }
            }
            Part::Hole(flow) => add_hole(fields, flow),
        }
    }

    fn tilde(&self, tilde: &TildeExpr) -> Part {
        match tilde {
            TildeExpr::Home => match self.variables.get("HOME") {
                None => Part::Known(vec![self.scope.home.display().to_string()]),
                Some(_) => self.value("HOME"),
            },
            TildeExpr::UserHome(user) if user == "root" => Part::Known(vec!["/root".to_owned()]),
            TildeExpr::UserHome(user) => Part::Known(vec![format!("/home/{user}")]),
            TildeExpr::WorkingDir => self.value("PWD"),
            _ => Part::Hole(None),
        }
    }

    fn substitution(&mut self, text: &str, place: Option<Place>) -> Part {
        let flow = self.nested(text, place);
        match flow {
            Flow::Text(text) => Part::Known(vec![text.trim_end_matches('\n').to_owned()]),
            Flow::Tame => Part::Known(vec![TAME.to_string()]),
            other => Part::Hole(Some(other)),
        }
    }

    /// Substitutions in an arithmetic expression run, those in its subscripts too.
    pub(super) fn arithmetic(&mut self, text: &str, place: Option<Place>) {
        self.fold_document(text, place);
        let _ = self.embedded(text, place);
    }

    /// A text that the shell may take for an expression: a substitution in a subscript is run even from quotes.
    pub(super) fn embedded(&mut self, text: &str, place: Option<Place>) -> bool {
        let found = text.contains("[$(")
            || text.contains("[`")
            || text.contains("[<(")
            || text.contains("[${");
        if found {
            self.hit("hidden-command", text, place);
        }
        found
    }

    fn of(&self, parameter: &Parameter) -> Part {
        match parameter {
            Parameter::Named(name) => self.value(name),
            Parameter::NamedWithIndex { name, index } => {
                match (self.variables.get(name), index.parse::<usize>()) {
                    (Some(variable), Ok(index)) => {
                        match variable.array.as_ref().and_then(|list| list.get(index)) {
                            Some(text) if !variable.open => Part::Known(vec![text.clone()]),
                            _ => Part::Hole(None),
                        }
                    }
                    _ => Part::Hole(None),
                }
            }
            Parameter::NamedWithAllIndices { name, concatenate } => {
                match self.variables.get(name) {
                    Some(variable) if !variable.open => match &variable.array {
                        Some(list) if *concatenate => Part::Known(vec![list.join(" ")]),
                        Some(list) => Part::Fields(list.clone()),
                        None => Part::Hole(None),
                    },
                    _ => Part::Hole(None),
                }
            }
            Parameter::Special(special) => match special {
                SpecialParameter::AllPositionalParameters { .. } | SpecialParameter::ShellName => {
                    Part::Hole(None)
                }
                _ => Part::Known(vec![TAME.to_string()]),
            },
            Parameter::Positional(_) => Part::Hole(None),
        }
    }

    fn value(&self, name: &str) -> Part {
        if let Some(variable) = self.variables.get(name) {
            return if !variable.open && !variable.values.is_empty() {
                Part::Known(variable.values.clone())
            } else if !variable.open && variable.array.is_some() {
                Part::Known(variable.array.iter().flatten().take(1).cloned().collect())
            } else if variable.values.is_empty() {
                Part::Hole(variable.flow.clone())
            } else {
                Part::Open(variable.values.clone())
            };
        }
        let known = match name {
            "HOME" => self.scope.home.display().to_string(),
            "TMPDIR" => self.scope.temp.display().to_string(),
            "PWD" => match &self.cwd {
                Some(folder) => folder.display().to_string(),
                None => return Part::Hole(None),
            },
            "RANDOM" | "SECONDS" | "UID" | "EUID" | "PPID" | "LINENO" | "BASHPID"
            | "EPOCHSECONDS" | "USER" | "LOGNAME" | "HOSTNAME" => TAME.to_string(),
            _ => return Part::Hole(None),
        };
        Part::Known(vec![known])
    }

    /// `${x%…}`, `${x%%…}`, `${x#…}`, `${x##…}`.
    fn shortened(&mut self, expression: &ParameterExpr, place: Option<Place>) -> Part {
        use ParameterExpr as E;
        match expression {
            E::RemoveSmallestSuffixPattern { parameter, pattern, .. }
            | E::RemoveLargestSuffixPattern { parameter, pattern, .. } => {
                let large = matches!(expression, E::RemoveLargestSuffixPattern { .. });
                let pattern = self.fold_single(pattern.as_deref().unwrap_or_default(), place);
                let Some(pattern) = pattern.text().map(str::to_owned) else {
                    return Part::Hole(None);
                };
                change(self.of(parameter), &|text| variable::without_end(text, &pattern, large))
            }
            E::RemoveSmallestPrefixPattern { parameter, pattern, .. }
            | E::RemoveLargestPrefixPattern { parameter, pattern, .. } => {
                let large = matches!(expression, E::RemoveLargestPrefixPattern { .. });
                let pattern = self.fold_single(pattern.as_deref().unwrap_or_default(), place);
                let Some(pattern) = pattern.text().map(str::to_owned) else {
                    return Part::Hole(None);
                };
                change(self.of(parameter), &|text| variable::without_start(text, &pattern, large))
            }
            _ => Part::Hole(None),
        }
    }

    fn parameter(&mut self, expression: &ParameterExpr, place: Option<Place>) -> Part {
        use ParameterExpr as E;
        match expression {
            E::Parameter { parameter, indirect: false } => self.of(parameter),
            E::Parameter { parameter, indirect: true } => match self.of(parameter) {
                Part::Known(names) if names.len() == 1 => {
                    names.first().map_or(Part::Hole(None), |name| self.value(name))
                }
                _ => Part::Hole(None),
            },
            E::UseDefaultValues { parameter, default_value: word, .. }
            | E::AssignDefaultValues { parameter, default_value: word, .. } => {
                let default = self.fold_single(word.as_deref().unwrap_or_default(), place);
                match self.of(parameter) {
                    Part::Known(mut texts) => {
                        texts.extend(default.values);
                        if default.open { Part::Open(texts) } else { Part::Known(texts) }
                    }
                    // Nobody sets it here: it comes from the environment, or is the default.
                    _ => Part::Open(default.values),
                }
            }
            E::UseAlternativeValue { alternative_value: word, .. } => {
                let other = self.fold_single(word.as_deref().unwrap_or_default(), place);
                let mut texts = other.values;
                if other.open {
                    Part::Open(texts)
                } else {
                    texts.push(String::new());
                    Part::Known(texts)
                }
            }
            E::IndicateErrorIfNullOrUnset { parameter, error_message, .. } => {
                self.fold_single(error_message.as_deref().unwrap_or_default(), place);
                self.of(parameter)
            }
            E::ParameterLength { .. } => Part::Known(vec![TAME.to_string()]),
            E::RemoveSmallestSuffixPattern { .. }
            | E::RemoveLargestSuffixPattern { .. }
            | E::RemoveSmallestPrefixPattern { .. }
            | E::RemoveLargestPrefixPattern { .. } => self.shortened(expression, place),
            E::Substring { parameter, offset, length, .. } => {
                self.arithmetic(&offset.value, place);
                let from = offset.value.trim().parse::<usize>().ok();
                let count = match length {
                    None => Some(usize::MAX),
                    Some(length) => {
                        self.arithmetic(&length.value, place);
                        length.value.trim().parse::<usize>().ok()
                    }
                };
                let (Some(from), Some(count)) = (from, count) else { return Part::Hole(None) };
                change(self.of(parameter), &|text| {
                    Some(text.chars().skip(from).take(count).collect())
                })
            }
            E::Transform { op, .. } => {
                if matches!(
                    op,
                    ParameterTransformOp::PromptExpand
                        | ParameterTransformOp::ExpandEscapeSequences
                ) {
                    self.hit("computed-command", "", place);
                }
                Part::Hole(None)
            }
            E::UppercasePattern { parameter, pattern: None, .. } => {
                change(self.of(parameter), &|text| Some(text.to_uppercase()))
            }
            E::LowercasePattern { parameter, pattern: None, .. } => {
                change(self.of(parameter), &|text| Some(text.to_lowercase()))
            }
            E::ReplaceSubstring { parameter, pattern, replacement, match_kind, .. } => {
                let pattern = self.fold_single(pattern, place);
                let by = self.fold_single(replacement.as_deref().unwrap_or_default(), place);
                let (Some(pattern), Some(by)) = (pattern.text(), by.text()) else {
                    return Part::Hole(None);
                };
                change(self.of(parameter), &|text| {
                    variable::replaced(text, pattern, by, match_kind)
                })
            }
            E::UppercaseFirstChar { .. }
            | E::LowercaseFirstChar { .. }
            | E::UppercasePattern { .. }
            | E::LowercasePattern { .. }
            | E::VariableNames { .. }
            | E::MemberKeys { .. } => Part::Hole(None),
        }
    }
}

/// Changes each of the texts that a part can be; what is not known stays so.
fn change(part: Part, with: &dyn Fn(&str) -> Option<String>) -> Part {
    match part {
        Part::Known(texts) => {
            let out: Option<Vec<String>> = texts.iter().map(|text| with(text)).collect();
            out.map_or(Part::Hole(None), Part::Known)
        }
        _ => Part::Hole(None),
    }
}

fn next(fields: &mut Vec<Field>, place: Option<Place>) {
    if fields.last().is_some_and(|field| field.began) {
        fields.push(Field::new(place));
    }
}

fn add(fields: &mut Vec<Field>, text: &str, quoted: bool, place: Option<Place>) {
    if fields.is_empty() {
        fields.push(Field::new(place));
    }
    if let Some(field) = fields.last_mut() {
        field.push(text, quoted);
    }
}

fn add_hole(fields: &mut [Field], flow: Option<Flow>) {
    if let Some(field) = fields.last_mut() {
        field.hole(flow);
    }
}

/// The words that braces become; none if they are too many.
fn braces(pieces: &[BraceExpressionOrText]) -> Option<Vec<String>> {
    let mut out = vec![String::new()];
    for piece in pieces {
        let choices = match piece {
            BraceExpressionOrText::Text(text) => vec![text.clone()],
            BraceExpressionOrText::Expr(members) => {
                let mut choices = Vec::new();
                for member in members {
                    match member {
                        BraceExpressionMember::Child(inner) => choices.extend(braces(inner)?),
                        BraceExpressionMember::NumberSequence { start, end, increment } => {
                            let step = increment.unsigned_abs().max(1);
                            let count = usize::try_from(start.abs_diff(*end) / step).ok()?;
                            if count >= VALUES_MAX {
                                return None;
                            }
                            let (low, high) = (*start.min(end), *start.max(end));
                            choices.extend(
                                (low..=high)
                                    .step_by(usize::try_from(step).ok()?)
                                    .map(|n| n.to_string()),
                            );
                        }
                        BraceExpressionMember::CharSequence { start, end, .. } => {
                            choices.extend((*start.min(end)..=*start.max(end)).map(String::from));
                        }
                    }
                    if choices.len() > VALUES_MAX {
                        return None;
                    }
                }
                choices
            }
        };
        if out.len() * choices.len() > VALUES_MAX {
            return None;
        }
        out = out
            .iter()
            .flat_map(|head| choices.iter().map(move |tail| format!("{head}{tail}")))
            .collect();
    }
    Some(out)
}

/// In back quotes a backslash before `$`, a back quote or a backslash is taken away first.
fn unescape_backquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.peek().is_some_and(|next| ['$', '`', '\\'].contains(next)) {
            out.extend(letters.next());
        } else {
            out.push(letter);
        }
    }
    out
}

/// `$'…'`: the escapes of ANSI C.
pub(super) fn ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(letter) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        let number = |base: u32, most: usize, digits: &str| {
            let taken: String =
                digits.chars().take(most).take_while(|digit| digit.is_digit(base)).collect();
            (u32::from_str_radix(&taken, base).ok().and_then(char::from_u32), taken.len())
        };
        let (made, used) = match letter {
            'n' => (Some('\n'), 1),
            't' => (Some('\t'), 1),
            'r' => (Some('\r'), 1),
            'a' => (Some('\u{7}'), 1),
            'b' => (Some('\u{8}'), 1),
            'e' | 'E' => (Some('\u{1b}'), 1),
            'f' => (Some('\u{c}'), 1),
            'v' => (Some('\u{b}'), 1),
            'x' => {
                let (made, used) = number(16, 2, after);
                (made, used + 1)
            }
            'u' => {
                let (made, used) = number(16, 4, after);
                (made, used + 1)
            }
            'U' => {
                let (made, used) = number(16, 8, after);
                (made, used + 1)
            }
            'c' => {
                let control =
                    after.chars().next().and_then(|c| char::from_u32(u32::from(c) & 0x1f));
                (control, 1 + after.chars().next().map_or(0, char::len_utf8))
            }
            '0'..='7' => number(8, 3, rest),
            '\\' | '\'' | '"' | '?' => (Some(letter), 1),
            other => {
                out.push('\\');
                (Some(other), other.len_utf8())
            }
        };
        out.extend(made);
        rest = rest.get(used.max(1)..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}
