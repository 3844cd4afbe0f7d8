//! YAML text → a tree in which every node knows its place.
//!
//! The events come from the parser underneath serde-saphyr. No types are guessed here: `no`,
//! `1.10` and `0x10` stay the text that was written, and the reader of a key decides what it
//! wants. Aliases and `<<` merges are expanded, within bounds.

use super::problem::Problem;
use super::reader::KeyPath;
use serde_saphyr::granit_parser::{
    self as granit, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag,
};
use std::collections::{HashMap, hash_map};

/// Collections inside collections; a configuration needs six.
const DEPTH_MAX: usize = 32;
/// Nodes that may be made by aliases and merges.
const ALIAS_NODES_MAX: usize = 100_000;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file; line and column count from 1, columns and width in characters.
    File {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// How much of the line to underline.
        width: usize,
    },
    /// In this environment variable.
    Env(String),
    /// In this flag of the command line.
    Flag(String),
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The three shapes of YAML.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Text; `plain` when it was written without quotes.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Whether it had no quotes, so that `null` and the like have a meaning.
        plain: bool,
    },
    /// `[a, b]`
    List(Vec<Node>),
    /// `{a: b}`
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key is.
    pub(crate) place: Place,
    /// Its value.
    pub(crate) value: Node,
}

impl Node {
    /// Text from outside the file.
    pub(crate) fn text(text: &str, place: Place) -> Self {
        Self { place, kind: Kind::Scalar { text: text.to_owned(), plain: true } }
    }

    /// An empty mapping.
    pub(crate) fn empty_map(place: Place) -> Self {
        Self { place, kind: Kind::Map(Vec::new()) }
    }

    /// Whether nothing was written: `key:`, `key: ~` or `key: null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// Reads the one document of `text`. `None` when there is none, or none that can be read; the
/// problems say which.
pub(crate) fn parse(text: &str) -> (Option<Node>, Vec<Problem>) {
    let mut options = granit::Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.simple_key_max_lookahead = 64 * 1024;
    let mut builder = Builder::new(text);
    let root = builder.document(Parser::new_from_str_with_options(text, options));
    let root = match root {
        Ok(root) => root,
        Err(problem) => {
            builder.problems.push(*problem);
            None
        }
    };
    (root, builder.problems)
}

/// A collection that is not finished yet.
struct Open {
    place: Place,
    anchor: usize,
    shape: Shape,
}

enum Shape {
    List(Vec<Node>),
    Map(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Vec<Entry>,
    /// Where in `entries` a key is.
    index: HashMap<String, usize>,
    /// The values of `<<`.
    merges: Vec<Node>,
    /// The key whose value comes next, and whether it was plain.
    key: Option<(String, Place, bool)>,
}

impl Mapping {
    /// Adds an entry, or gives back the place of an earlier one of the same key.
    fn add(&mut self, entry: Entry) -> Result<(), Place> {
        match self.index.entry(entry.key.clone()) {
            hash_map::Entry::Occupied(first) => {
                Err(self.entries.get(*first.get()).map_or(entry.place, |e| e.place.clone()))
            }
            hash_map::Entry::Vacant(free) => {
                free.insert(self.entries.len());
                self.entries.push(entry);
                Ok(())
            }
        }
    }
}

type Stop = Box<Problem>;

struct Builder<'a> {
    lines: Vec<&'a str>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    alias_nodes: usize,
    problems: Vec<Problem>,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            lines: text.lines().collect(),
            open: Vec::new(),
            anchors: HashMap::new(),
            alias_nodes: 0,
            problems: Vec::new(),
            root: None,
        }
    }

    fn document(&mut self, parser: Parser<'a, StrInput<'a>>) -> Result<Option<Node>, Stop> {
        let mut documents = 0;
        for next in parser {
            let (event, span) = next.map_err(|error| self.broken(&error))?;
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(Box::new(
                            Problem::at(self.place(&span), "a second document begins here")
                                .hint("a configuration is one document; remove this `---`"),
                        ));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain;
                    let place = self.place(&span);
                    let plain = self.tag(tag.as_deref(), &place, plain);
                    let kind = Kind::Scalar { text: text.into_owned(), plain };
                    self.finish(Node { place, kind }, anchor)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.begin(&span, anchor, tag.as_deref(), Shape::List(Vec::new()))?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.begin(&span, anchor, tag.as_deref(), Shape::Map(Mapping::default()))?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end()?,
                Event::Alias(id) => self.alias(id, &span)?,
                Event::UnresolvedAlias(name) => {
                    let message = format!("no `&{name}` comes before this `*{name}`");
                    return Err(Box::new(
                        Problem::at(self.place(&span), message)
                            .hint("quote a text that begins with `*`"),
                    ));
                }
                _ => {}
            }
        }
        Ok(self.root.take())
    }

    fn place(&self, span: &Span) -> Place {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let end = if span.end.line() == line { span.end.col() + 1 } else { usize::MAX };
        Place::File { line, column, width: self.width(line, column, end) }
    }

    /// From `column` up to `end`, but not beyond the written part of the line.
    fn width(&self, line: usize, column: usize, end: usize) -> usize {
        let written =
            self.lines.get(line.saturating_sub(1)).map_or(0, |l| l.trim_end().chars().count());
        end.min(written + 1).saturating_sub(column).max(1)
    }

    fn begin(
        &mut self,
        span: &Span,
        anchor: usize,
        tag: Option<&Tag>,
        shape: Shape,
    ) -> Result<(), Stop> {
        let place = self.place(span);
        self.tag(tag, &place, true);
        self.not_a_key(&place)?;
        if self.open.len() >= DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} levels inside each other");
            return Err(Box::new(Problem::at(place, message)));
        }
        self.open.push(Open { place, anchor, shape });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.shape {
            Shape::List(items) => Kind::List(items),
            Shape::Map(mapping) => Kind::Map(self.merged(mapping)?),
        };
        self.finish(Node { place: open.place, kind }, open.anchor)
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
            self.count(&node)?;
        }
        match self.open.last_mut().map(|open| &mut open.shape) {
            None => self.root = Some(node),
            Some(Shape::List(items)) => items.push(node),
            Some(Shape::Map(mapping)) => match mapping.key.take() {
                Some((text, _, true)) if text == "<<" => mapping.merges.push(node),
                Some((key, place, _)) => {
                    let mut node = node;
                    if node.is_null() {
                        // Nothing is written there, so the key is what can be pointed at.
                        node.place = place.clone();
                    }
                    let entry = Entry { key: key.clone(), place: place.clone(), value: node };
                    if let Err(first) = mapping.add(entry) {
                        let path = self.path(&key);
                        self.problems.push(duplicate(&key, place, &first).key(path));
                    }
                }
                None => match node.kind {
                    Kind::Scalar { text, plain } => mapping.key = Some((text, node.place, plain)),
                    Kind::List(_) | Kind::Map(_) => return Err(no_key(node.place)),
                },
            },
        }
        Ok(())
    }

    /// The path of a key of the innermost mapping.
    fn path(&self, key: &str) -> String {
        let above = self.open.iter().filter_map(|open| match &open.shape {
            Shape::Map(mapping) => mapping.key.as_ref().map(|(key, _, _)| key.as_str()),
            Shape::List(_) => None,
        });
        above.chain([key]).fold(KeyPath::default(), |path, key| path.join(key)).text()
    }

    /// A list or mapping cannot be a key.
    fn not_a_key(&self, place: &Place) -> Result<(), Stop> {
        match self.open.last().map(|open| &open.shape) {
            Some(Shape::Map(Mapping { key: None, .. })) => Err(no_key(place.clone())),
            _ => Ok(()),
        }
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<(), Stop> {
        let place = self.place(span);
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(Box::new(Problem::at(place, "this alias stands inside what it repeats")));
        };
        self.count(&node).map_err(|mut problem| {
            problem.place = Some(place.clone());
            problem
        })?;
        if self.open.len() + height(&node) > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} levels inside each other");
            return Err(Box::new(Problem::at(place, message)));
        }
        self.finish(node, 0)
    }

    /// Bounds what aliases may unfold to.
    fn count(&mut self, node: &Node) -> Result<(), Stop> {
        self.alias_nodes = self.alias_nodes.saturating_add(size(node));
        if self.alias_nodes > ALIAS_NODES_MAX {
            let message = format!("aliases unfold to more than {ALIAS_NODES_MAX} values");
            return Err(Box::new(Problem::at(node.place.clone(), message)));
        }
        Ok(())
    }

    /// What a mapping says itself wins over what it merges; earlier merges win over later ones.
    fn merged(&mut self, mut mapping: Mapping) -> Result<Vec<Entry>, Stop> {
        for merge in std::mem::take(&mut mapping.merges) {
            let maps = match merge.kind {
                Kind::List(items) => items,
                Kind::Map(_) | Kind::Scalar { .. } => vec![merge],
            };
            for map in maps {
                self.count(&map)?;
                let Kind::Map(more) = map.kind else {
                    self.problems
                        .push(Problem::at(map.place, "only mappings can be merged by `<<`"));
                    continue;
                };
                for entry in more {
                    let _ = mapping.add(entry);
                }
            }
        }
        Ok(mapping.entries)
    }

    /// Checks a tag; whether the text still counts as plain.
    fn tag(&mut self, tag: Option<&Tag>, place: &Place, plain: bool) -> bool {
        let Some(tag) = tag else { return plain };
        match tag.core_suffix() {
            Some("str") => return false,
            Some("int" | "float" | "bool" | "null" | "map" | "seq") => {}
            _ if tag.handle().is_empty() && tag.suffix() == "!" => return false,
            _ => self.problems.push(
                Problem::at(
                    place.clone(),
                    format!("the tag {} has no meaning here", tag.original()),
                )
                .hint("quote a text that begins with `!`"),
            ),
        }
        plain
    }

    fn broken(&self, error: &ScanError) -> Stop {
        let marker = error.marker();
        let last = self.lines.len().max(1);
        let (mut line, mut column) = (marker.line(), marker.col() + 1);
        if line > last {
            line = last;
            column = self.lines.last().map_or(0, |l| l.trim_end().chars().count()) + 1;
        }
        let (what, hint) = explain(error.kind());
        let what = what.map_or_else(|| error.info(), str::to_owned);
        let message = if what.is_empty() { "this is not YAML".to_owned() } else { what };
        let mut problem = Problem::at(Place::File { line, column, width: 1 }, message);
        problem.hint = hint.map(str::to_owned);
        Box::new(problem)
    }
}

fn no_key(place: Place) -> Stop {
    Box::new(
        Problem::at(place, "a list or a mapping cannot be a key")
            .hint("quote a text that begins with `{`, `[` or `?`"),
    )
}

fn duplicate(key: &str, place: Place, first: &Place) -> Problem {
    let problem = Problem::at(place, format!("the key {key:?} stands here a second time"));
    match first {
        Place::File { line, .. } => problem.hint(format!("the first one is on line {line}")),
        Place::Env(_) | Place::Flag(_) => problem,
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| 1 + size(&entry.value)).sum(),
    }
}

fn height(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|e| height(&e.value)).max().unwrap_or(0),
    }
}

/// The parser's frequent complaints in words for people.
fn explain(kind: &ErrorKind) -> (Option<&'static str>, Option<&'static str>) {
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => {
            (Some("a tab cannot indent"), Some("indent with spaces"))
        }
        ErrorKind::UnclosedQuotedScalar => (Some("this quote is not closed"), None),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping => (Some("this bracket is not closed"), None),
        ErrorKind::ExpectedFlowSequenceSeparator => {
            (Some("a `,` or `]` is missing before this"), None)
        }
        ErrorKind::ExpectedFlowMappingSeparator => {
            (Some("a `,` or `}` is missing before this"), None)
        }
        ErrorKind::MappingValueNotAllowed => (
            Some("a `:` cannot stand here"),
            Some("quote a text that contains `: `, and check the indentation"),
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            (Some("a `:` is missing after this key"), Some("write `key: value`"))
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => (
            Some("this does not fit to the lines above"),
            Some("keys of the same mapping begin in the same column"),
        ),
        ErrorKind::UnexpectedCharacter { .. } => {
            (None, Some("quote a text that begins with such a character"))
        }
        ErrorKind::UnknownQuotedScalarEscape => (
            Some("this backslash begins no known escape"),
            Some("write `\\\\`, or use single quotes, in which a backslash is a backslash"),
        ),
        ErrorKind::RecursionLimitExceeded => (Some("too many levels inside each other"), None),
        _ => (None, Some("check the brackets, quotes and indentation here and above")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node) -> String {
        let at = match &node.place {
            Place::File { line, column, width } => format!("@{line}:{column}+{width}"),
            other => format!("{other:?}"),
        };
        match &node.kind {
            Kind::Scalar { text, plain: true } => format!("{text}{at}"),
            Kind::Scalar { text, plain: false } => format!("{text:?}{at}"),
            Kind::List(items) => {
                format!("[{}]{at}", items.iter().map(show).collect::<Vec<_>>().join(", "))
            }
            Kind::Map(entries) => {
                let one = |e: &Entry| format!("{}: {}", e.key, show(&e.value));
                format!("{{{}}}{at}", entries.iter().map(one).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn parsed(text: &str) -> String {
        let (node, problems) = parse(text);
        match (node, problems.as_slice()) {
            (Some(node), []) => show(&node),
            (None, []) => "nothing".to_owned(),
            (_, problems) => problems
                .iter()
                .map(|p| match &p.place {
                    Some(Place::File { line, column, width }) => {
                        format!("{line}:{column}+{width} {}", p.message)
                    }
                    place => format!("{place:?} {}", p.message),
                })
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    #[test]
    fn keeps_what_was_written_and_where() {
        for (text, tree) in [
            ("", "nothing"),
            ("# only a comment\n", "nothing"),
            ("a: no\nb: 1.10\n", "{a: no@1:4+2, b: 1.10@2:4+4}@1:1+1"),
            ("a: [x, 'y', \"z\\n\"]", "{a: [x@1:5+1, \"y\"@1:8+3, \"z\\n\"@1:13+5]@1:4+1}@1:1+1"),
            ("ä: {ö: ü}", "{ä: {ö: ü@1:8+1}@1:4+1}@1:1+1"),
            ("a:\nb: x", "{a: ~@1:1+1, b: x@2:4+1}@1:1+1"),
            ("a: !!str no", "{a: \"no\"@1:10+2}@1:1+1"),
            ("a: &x 1\nb: *x", "{a: 1@1:7+1, b: 1@1:7+1}@1:1+1"),
            (
                "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}",
                "{a: {p: 1@1:11+1, q: 2@1:17+1}@1:7+1, b: {q: 3@2:16+1, p: 1@1:11+1}@2:4+1}@1:1+1",
            ),
        ] {
            assert_eq!(parsed(text), tree, "{text}");
        }
    }
}
