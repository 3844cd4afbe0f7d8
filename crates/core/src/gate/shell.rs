//! Reads a command line with the grammar of the shell and walks over every command in every position.

use super::path::{self, Finding};
use super::variable::Variable;
use super::word::{Arg, TAME};
use super::{Decision, Place, Policy, Scope};
use brush_parser::ast::{
    AndOr, AndOrList, Assignment, AssignmentName, AssignmentValue, Command,
    CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, ExtendedTestExpr, Pipeline,
    Program, SeparatorOperator, SimpleCommand, Word,
};
use brush_parser::{ParserOptions, SourceSpan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A longer line is denied.
pub(super) const BYTES_MAX: usize = 64 * 1024;
/// More commands, words and redirections than this are denied.
const STEPS_MAX: usize = 20_000;
/// Commands within commands (`sh -c`, substitutions, wrappers) deeper than this are denied.
const DEPTH_MAX: usize = 8;
/// More opening brackets than this are denied: the parser calls itself for each.
const OPENERS_MAX: usize = 2_000;
/// More brackets that are left open cannot be read.
const OPEN_MAX: usize = 3;
/// Up to this many, the parser runs on the caller's stack.
const OPENERS_SMALL: usize = 24;
/// The stack of the parser where the line is more deeply nested. It is reserved, not used.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// What flows out of a command and into the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Nothing, or what the agent's own input has.
    Nothing,
    /// A known text.
    Text(String),
    /// A number, a date, a name without a slash.
    Tame,
    /// What comes from the network.
    Download,
    /// What was hidden by an encoding.
    Decoded,
    /// Names of files below these folders.
    Files(Vec<PathBuf>),
    /// Anything.
    Unknown,
}

impl Flow {
    /// What is left of two that follow each other.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, other) => other,
            (one, Self::Nothing) => one,
            (Self::Download, _) | (_, Self::Download) => Self::Download,
            (Self::Decoded, _) | (_, Self::Decoded) => Self::Decoded,
            (Self::Text(one), Self::Text(other)) => Self::Text(one + &other),
            _ => Self::Unknown,
        }
    }
}

/// A file that this very line wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    Download,
    Decoded,
    Text(String),
    Unknown,
}

/// A rule that matched.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) rule: String,
    pub(super) decision: Decision,
    pub(super) what: String,
    pub(super) place: Option<Place>,
}

/// The walk over one line.
pub(super) struct Walk<'a> {
    pub(super) policy: &'a Policy,
    pub(super) scope: &'a Scope,
    pub(super) hits: Vec<Hit>,
    pub(super) variables: BTreeMap<String, Variable>,
    /// The folder in which the next command starts, if it is known.
    pub(super) cwd: Option<PathBuf>,
    /// Files that this line wrote before.
    pub(super) fresh: BTreeMap<PathBuf, Fresh>,
    /// What the standard input of the commands here is.
    pub(super) input: Flow,
    /// Functions whose bodies are being walked.
    within: BTreeSet<String>,
    steps: usize,
    depth: usize,
    /// Variables are being collected: what is found does not count.
    collecting: bool,
    /// Whether a relative `cd` has left the worktree.
    pub(super) strayed: bool,
    /// Whether the stack is big enough for many brackets.
    roomy: bool,
    /// The place of the outer word, while an inner text is walked.
    outer: Option<Place>,
}

/// Everything that was found in `line`.
pub(super) fn judge(policy: &Policy, scope: &Scope, line: &str, cwd: &Path) -> Vec<Hit> {
    let mut walk = Walk::new(policy, scope, cwd);
    if let Some(what) = too_long(line) {
        walk.hit("too-long", what, None);
        return walk.hits;
    }
    walk.characters(line);
    if openers(line) <= OPENERS_SMALL {
        return guarded(walk, line);
    }
    // A thread of its own for its stack only: it is waited for, and nothing is shared.
    std::thread::scope(|scope| {
        let built = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || {
            let mut walk = Walk::new(policy, walk.scope, cwd);
            walk.roomy = true;
            guarded(walk, line)
        });
        let found = built.ok().and_then(|thread| thread.join().ok());
        match found {
            Some(hits) => {
                walk.hits.extend(hits);
                walk.hits
            }
            None => {
                walk.hit("too-long", "", None);
                walk.hits
            }
        }
    })
}

/// The parser has a few places that panic on numbers which are too big; such a line is one that cannot be read.
fn guarded(mut walk: Walk<'_>, line: &str) -> Vec<Hit> {
    let (policy, scope, cwd) = (walk.policy, walk.scope, walk.cwd.clone());
    let hits = std::mem::take(&mut walk.hits);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        walk.top(line);
        walk.hits
    }));
    let more = found.unwrap_or_else(|_| {
        let mut walk = Walk::new(policy, scope, cwd.as_deref().unwrap_or(&scope.worktree));
        walk.hit("unreadable", "", None);
        walk.hits
    });
    hits.into_iter().chain(more).collect()
}

fn openers(line: &str) -> usize {
    line.bytes().filter(|byte| b"({[`!".contains(byte)).count()
        + line
            .split(|letter: char| !letter.is_ascii_alphabetic())
            .filter(|word| {
                [
                    "if", "while", "until", "for", "case", "then", "else", "elif", "do",
                    "function", "coproc", "time",
                ]
                .contains(word)
            })
            .count()
}

/// How many round brackets outside of quotes and comments are not closed.
fn open_brackets(text: &str) -> usize {
    let mut depth = 0usize;
    let mut letters = text.chars();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            '\'' => while letters.next().is_some_and(|letter| letter != '\'') {},
            '"' => {
                while let Some(inner) = letters.next() {
                    match inner {
                        '\\' => {
                            letters.next();
                        }
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '#' if before.is_whitespace() => {
                while letters.next().is_some_and(|letter| letter != '\n') {}
            }
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = letter;
    }
    depth
}

fn too_long(line: &str) -> Option<&'static str> {
    if line.len() > BYTES_MAX {
        Some("over 64 KiB")
    } else if openers(line) > OPENERS_MAX {
        Some("over 2,000 brackets")
    } else {
        None
    }
}

/// Numbers with which the parser cannot deal: it panics instead of saying so.
fn numbers_too_big(line: &str) -> bool {
    let bytes = line.as_bytes();
    let mut run = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if byte.is_ascii_digit() {
            run += 1;
            continue;
        }
        if run > 9 {
            let before =
                at.checked_sub(run + 1).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
            if matches!(byte, b'<' | b'>')
                || b"~+-{.".contains(&before)
                || matches!(byte, b'}' | b'.') && line.contains("..")
            {
                return true;
            }
        }
        run = 0;
    }
    false
}

pub(super) fn place_of(span: &SourceSpan) -> Place {
    Place { start: span.start.index, end: span.end.index }
}

impl<'a> Walk<'a> {
    fn new(policy: &'a Policy, scope: &'a Scope, cwd: &Path) -> Self {
        Self {
            policy,
            scope,
            hits: Vec::new(),
            variables: BTreeMap::new(),
            cwd: Some(path::resolve(cwd, &scope.worktree)),
            fresh: BTreeMap::new(),
            input: Flow::Nothing,
            within: BTreeSet::new(),
            steps: 0,
            depth: 0,
            collecting: false,
            strayed: false,
            roomy: false,
            outer: None,
        }
    }

    /// Records that a built-in rule matched.
    pub(super) fn hit(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        place: Option<Place>,
    ) {
        let finding = Finding::new(rule, what);
        self.found(finding, place);
    }

    pub(super) fn found(&mut self, finding: Finding, place: Option<Place>) {
        let decision =
            self.policy.changed.get(finding.rule).copied().unwrap_or_else(|| finding.decision());
        if self.hits.len() < 200 || decision == Decision::Deny {
            self.hits.push(Hit {
                rule: finding.rule.to_owned(),
                decision,
                what: finding.what,
                place: self.outer.or(place),
            });
        }
    }

    /// Counts a step. When they are too many, nothing more is judged and the line is denied.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        if self.steps == STEPS_MAX {
            self.collecting = false;
            self.hit("too-long", "over 20,000 parts", None);
        }
    }

    pub(super) fn spent(&self) -> bool {
        self.steps >= STEPS_MAX
    }

    /// Characters that a person who is asked would not see, or would take for others.
    fn characters(&mut self, line: &str) {
        let mut before = ' ';
        for (at, letter) in line.chars().enumerate() {
            let joiner = letter == '\u{200D}' && before > '\u{2000}';
            let hidden = match letter {
                '\n' | '\t' => false,
                '\u{A0}'
                | '\u{AD}'
                | '\u{1680}'
                | '\u{180E}'
                | '\u{2000}'..='\u{200F}'
                | '\u{2028}'..='\u{202F}'
                | '\u{205F}'..='\u{206F}'
                | '\u{3000}'
                | '\u{3164}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}' => !joiner,
                TAME => true,
                other => other.is_control(),
            };
            if hidden {
                let place = Place { start: at, end: at + 1 };
                self.hit("hidden-characters", format!("U+{:04X}", u32::from(letter)), Some(place));
                return;
            }
            before = letter;
        }
    }

    fn top(&mut self, line: &str) {
        if let Some(program) = self.parse(line, None) {
            self.program(&program);
        }
    }

    fn parse(&mut self, text: &str, place: Option<Place>) -> Option<Program> {
        if numbers_too_big(text) || text.contains('\0') {
            self.hit("unreadable", "", place);
            return None;
        }
        // The parser tries every way to close what is left open, which takes longer with each.
        let left_open = open_brackets(text);
        if left_open > OPEN_MAX || text.matches("${${").count() > OPEN_MAX {
            self.hit("unreadable", "brackets that are not closed", place);
            return None;
        }
        // A text that was made from the line can have more brackets than the line.
        let most = if self.roomy { OPENERS_MAX } else { OPENERS_SMALL * 2 };
        if text.len() > BYTES_MAX || openers(text) > most {
            self.hit("too-long", "", place);
            return None;
        }
        // A backslash at the end of a line joins it with the next, but not in quotes; the parser knows.
        let options = ParserOptions::default();
        let parsed = brush_parser::Parser::new(text.as_bytes(), &options).parse_program();
        match parsed {
            Ok(program) => Some(program),
            Err(_) => {
                self.hit("unreadable", "", place);
                None
            }
        }
    }

    fn program(&mut self, program: &Program) -> Flow {
        if !self.collecting {
            // Twice, since a variable may be made of one that is set further down, in a loop.
            self.collecting = true;
            let (hits, cwd, fresh) = (self.hits.len(), self.cwd.clone(), self.fresh.clone());
            for _ in 0..2 {
                for list in &program.complete_commands {
                    self.collect_list(list);
                }
            }
            if !self.spent() {
                self.hits.truncate(hits);
            }
            self.cwd = cwd;
            self.fresh = fresh;
            self.collecting = false;
        }
        let mut flow = Flow::Nothing;
        for list in &program.complete_commands {
            flow = flow.join(self.list(list));
        }
        flow
    }

    /// A text that a shell runs within this line, as if it stood here.
    pub(super) fn inner(&mut self, text: &str, place: Option<Place>) -> Flow {
        if self.depth >= DEPTH_MAX {
            self.hit("too-long", "commands within commands, over 8 deep", place);
            return Flow::Unknown;
        }
        if self.spent() {
            return Flow::Unknown;
        }
        let before = self.outer;
        self.outer = before.or(place);
        self.depth += 1;
        let flow = match self.parse(text, place) {
            Some(program) => self.program(&program),
            None => Flow::Unknown,
        };
        self.depth -= 1;
        self.outer = before;
        flow
    }

    /// The same in a shell of its own: its folder does not stay.
    pub(super) fn nested(&mut self, text: &str, place: Option<Place>) -> Flow {
        let before = (self.cwd.clone(), self.strayed);
        let flow = self.inner(text, place);
        (self.cwd, self.strayed) = before;
        flow
    }

    /// One level deeper, for wrappers.
    pub(super) fn deeper(
        &mut self,
        place: Option<Place>,
        work: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        if self.depth >= DEPTH_MAX * 2 {
            self.hit("too-long", "commands within commands", place);
            return Flow::Unknown;
        }
        self.depth += 1;
        let flow = work(self);
        self.depth -= 1;
        flow
    }

    fn list(&mut self, list: &CompoundList) -> Flow {
        let mut flow = Flow::Nothing;
        for item in &list.0 {
            if self.spent() {
                return Flow::Unknown;
            }
            flow = flow.join(self.and_or(&item.0));
        }
        flow
    }

    fn and_or(&mut self, list: &AndOrList) -> Flow {
        let mut flow = self.pipeline(&list.first);
        for more in &list.additional {
            let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = more;
            flow = flow.join(self.pipeline(pipeline));
        }
        flow
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Flow {
        let many = pipeline.seq.len() > 1;
        let before = self.input.clone();
        let cwd = self.cwd.clone();
        let mut flow = before.clone();
        for (index, command) in pipeline.seq.iter().enumerate() {
            self.input = if index == 0 { before.clone() } else { flow };
            flow = self.command(command);
            if many {
                self.cwd.clone_from(&cwd);
            }
        }
        self.input = before;
        flow
    }

    fn command(&mut self, command: &Command) -> Flow {
        self.step();
        if self.spent() {
            return Flow::Unknown;
        }
        self.command_within(command)
    }

    fn command_within(&mut self, command: &Command) -> Flow {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                let before = self.input.clone();
                for redirect in redirects.iter().flat_map(|list| &list.0) {
                    if let Some(input) = self.redirect(redirect, &Flow::Unknown) {
                        self.input = input;
                    }
                }
                let flow = self.compound(compound);
                self.input = before;
                flow
            }
            Command::Function(function) => {
                let name = function.fname.value.clone();
                if self.within.contains(&name) {
                    return Flow::Nothing;
                }
                if bomb(&name, &function.body.0) {
                    self.hit("fork-bomb", name.clone(), function.fname.loc.as_ref().map(place_of));
                }
                self.within.insert(name.clone());
                let cwd = self.cwd.clone();
                for redirect in function.body.1.iter().flat_map(|list| &list.0) {
                    self.redirect(redirect, &Flow::Unknown);
                }
                self.compound(&function.body.0);
                self.cwd = cwd;
                self.within.remove(&name);
                Flow::Nothing
            }
            Command::ExtendedTest(test, redirects) => {
                self.test(&test.expr);
                for redirect in redirects.iter().flat_map(|list| &list.0) {
                    self.redirect(redirect, &Flow::Unknown);
                }
                Flow::Nothing
            }
        }
    }

    fn test(&mut self, test: &ExtendedTestExpr) {
        match test {
            ExtendedTestExpr::And(one, other) | ExtendedTestExpr::Or(one, other) => {
                self.test(one);
                self.test(other);
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => {
                self.test(inner)
            }
            ExtendedTestExpr::UnaryTest(_, word) => self.test_word(word),
            ExtendedTestExpr::BinaryTest(_, one, other) => {
                self.test_word(one);
                self.test_word(other);
            }
        }
    }

    fn test_word(&mut self, word: &Word) {
        let place = word.loc.as_ref().map(place_of);
        let arg = self.fold_single(&word.value, place);
        for value in arg.values {
            self.embedded(&value, place);
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) -> Flow {
        match compound {
            CompoundCommand::Arithmetic(command) => {
                let place = Some(place_of(&command.loc));
                self.arithmetic(&command.expr.value, place);
                self.perhaps_commands(&command.expr.value, place);
                Flow::Nothing
            }
            CompoundCommand::ArithmeticForClause(command) => {
                let parts = [&command.initializer, &command.condition, &command.updater];
                for part in parts.into_iter().flatten() {
                    self.arithmetic(&part.value, Some(place_of(&command.loc)));
                }
                self.list(&command.body.list)
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(shell) => {
                let cwd = self.cwd.clone();
                let flow = self.list(&shell.list);
                self.cwd = cwd;
                flow
            }
            CompoundCommand::ForClause(clause) => {
                for word in clause.values.iter().flatten() {
                    self.fold(&word.value, word.loc.as_ref().map(place_of));
                }
                self.list(&clause.body.list)
            }
            CompoundCommand::CaseClause(clause) => {
                self.fold_single(&clause.value.value, clause.value.loc.as_ref().map(place_of));
                let mut flow = Flow::Nothing;
                for case in &clause.cases {
                    for pattern in &case.patterns {
                        self.fold_single(&pattern.value, pattern.loc.as_ref().map(place_of));
                    }
                    if let Some(list) = &case.cmd {
                        flow = flow.join(self.list(list));
                    }
                }
                flow
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition);
                let mut flow = self.list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    if let Some(condition) = &other.condition {
                        self.list(condition);
                    }
                    flow = flow.join(self.list(&other.body));
                }
                flow
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0);
                let endless = clause.0.to_string();
                let endless = ["true", ":", "1"].contains(&endless.trim());
                if endless
                    && clause.1.list.0.iter().any(|item| matches!(item.1, SeparatorOperator::Async))
                {
                    self.hit(
                        "fork-bomb",
                        "a loop without end starts processes",
                        Some(place_of(&clause.2)),
                    );
                }
                self.list(&clause.1.list);
                Flow::Unknown
            }
            CompoundCommand::Coprocess(process) => {
                self.command(&process.body);
                Flow::Nothing
            }
        }
    }

    /// The parser takes `( ( cmd ) )` for arithmetic, a shell does not. So the text is judged as commands too, but for what only says that it
    /// is not understood.
    fn perhaps_commands(&mut self, text: &str, place: Option<Place>) {
        let before = self.hits.len();
        self.nested(text, place);
        let mut index = 0;
        self.hits.retain(|hit| {
            index += 1;
            let unclear = ["unreadable", "computed-command", "computed-operand", "write-outside"];
            index <= before || !unclear.contains(&hit.rule.as_str())
        });
    }

    fn simple(&mut self, command: &SimpleCommand) -> Flow {
        let mut args = Vec::new();
        let mut redirects = Vec::new();
        let mut assigned = Vec::new();
        for item in command.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::IoRedirect(redirect) => redirects.push(redirect),
                Item::AssignmentWord(assignment, _) => assigned.push(assignment),
                Item::Word(word) => args.extend(self.word(word)),
                Item::ProcessSubstitution(kind, shell) => {
                    args.push(self.process(kind, &shell.list, &shell.loc))
                }
            }
        }
        if let Some(word) = &command.word_or_name {
            args.extend(self.word(word));
        }
        for item in command.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                Item::IoRedirect(redirect) => redirects.push(redirect),
                Item::AssignmentWord(_, word) | Item::Word(word) => args.extend(self.word(word)),
                Item::ProcessSubstitution(kind, shell) => {
                    args.push(self.process(kind, &shell.list, &shell.loc))
                }
            }
        }
        for assignment in assigned {
            self.assignment(assignment);
        }
        let before = self.input.clone();
        // Where the output goes is judged with what it is, so the command comes first; but where its input comes from, before.
        for redirect in &redirects {
            if let Some(input) = self.redirect_in(redirect) {
                self.input = input;
            }
        }
        let flow = if args.is_empty() { Flow::Nothing } else { self.argv(&args) };
        self.input = before;
        let mut to_file = false;
        for redirect in &redirects {
            to_file |= self.redirect_out(redirect, &flow);
        }
        if to_file { Flow::Nothing } else { flow }
    }

    pub(super) fn word(&mut self, word: &Word) -> Vec<Arg> {
        self.fold(&word.value, word.loc.as_ref().map(place_of))
    }

    pub(super) fn process(
        &mut self,
        kind: &brush_parser::ast::ProcessSubstitutionKind,
        list: &CompoundList,
        span: &SourceSpan,
    ) -> Arg {
        let before = (self.input.clone(), self.cwd.clone());
        if matches!(kind, brush_parser::ast::ProcessSubstitutionKind::Write) {
            self.input = Flow::Unknown;
        }
        let flow = self.list(list);
        (self.input, self.cwd) = before;
        Arg { flow: Some(flow), ..Arg::known("/dev/fd/63", Some(place_of(span))) }
    }

    /// The value of an assignment is walked, and its name looked at.
    fn assignment(&mut self, assignment: &Assignment) {
        let place = Some(place_of(&assignment.loc));
        let name = match &assignment.name {
            AssignmentName::VariableName(name) => name,
            AssignmentName::ArrayElementName(name, index) => {
                self.arithmetic(index, place);
                name
            }
        };
        match &assignment.value {
            AssignmentValue::Scalar(word) => {
                let value = self.fold_single(&word.value, place);
                self.environment(name, &value, place);
            }
            AssignmentValue::Array(list) => {
                for (key, word) in list {
                    if let Some(key) = key {
                        self.arithmetic(&key.value, place);
                    }
                    self.fold(&word.value, place);
                }
                self.environment(name, &Arg::unknown(place), place);
            }
        }
    }

    /// The path that a text means here; none if it depends on a folder that is not known.
    pub(super) fn located(&self, text: &str) -> Option<PathBuf> {
        let path = Path::new(text);
        match &self.cwd {
            Some(cwd) => Some(path::resolve(path, cwd)),
            None if path.is_absolute() => Some(path::resolve(path, Path::new("/"))),
            None => None,
        }
    }
}

/// Whether a function starts itself in a pipe or in the background.
fn bomb(name: &str, body: &CompoundCommand) -> bool {
    let text = body.to_string();
    let calls = text
        .split(['|', '&', ';', '\n', '(', '{'])
        .filter(|command| command.split_whitespace().next() == Some(name))
        .count();
    calls > 0
        && text
            .replace("||", "")
            .replace("&&", "")
            .replace(">&", "")
            .replace("&>", "")
            .contains(['|', '&'])
}
