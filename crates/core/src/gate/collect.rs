//! Collects what each variable of a line can be, before the line is judged.

use super::shell::{Flow, Walk};
use super::word::{Arg, TAME};
use brush_parser::ast::{
    AndOr, Assignment, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item,
    CompoundCommand, CompoundList, Pipeline, SimpleCommand,
};

impl Walk<'_> {
    pub(super) fn collect_list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            self.collect_pipeline(&item.0.first);
            for more in &item.0.additional {
                let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = more;
                self.collect_pipeline(pipeline);
            }
        }
    }

    pub(super) fn collect_pipeline(&mut self, pipeline: &Pipeline) {
        for command in &pipeline.seq {
            if self.spent() {
                return;
            }
            match command {
                Command::Simple(simple) => self.collect_simple(simple),
                Command::Compound(compound, _) => self.collect_compound(compound),
                Command::Function(function) => self.collect_compound(&function.body.0),
                Command::ExtendedTest(..) => {}
            }
        }
    }

    pub(super) fn collect_compound(&mut self, compound: &CompoundCommand) {
        match compound {
            CompoundCommand::Arithmetic(command) => self.collect_arithmetic(&command.expr.value),
            CompoundCommand::ArithmeticForClause(command) => {
                for part in [&command.initializer, &command.condition, &command.updater]
                    .into_iter()
                    .flatten()
                {
                    self.collect_arithmetic(&part.value);
                }
                self.collect_list(&command.body.list);
            }
            CompoundCommand::BraceGroup(group) => self.collect_list(&group.list),
            CompoundCommand::Subshell(shell) => self.collect_list(&shell.list),
            CompoundCommand::ForClause(clause) => {
                match &clause.values {
                    None => self.lose(&clause.variable_name, None),
                    Some(words) => {
                        for word in words {
                            for arg in self.word(word) {
                                let quoted = arg.clone();
                                self.assign(&clause.variable_name, &quoted);
                            }
                        }
                        self.variables.entry(clause.variable_name.clone()).or_default();
                    }
                }
                self.collect_list(&clause.body.list);
            }
            CompoundCommand::CaseClause(clause) => {
                for list in clause.cases.iter().filter_map(|case| case.cmd.as_ref()) {
                    self.collect_list(list);
                }
            }
            CompoundCommand::IfClause(clause) => {
                self.collect_list(&clause.condition);
                self.collect_list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    if let Some(condition) = &other.condition {
                        self.collect_list(condition);
                    }
                    self.collect_list(&other.body);
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.collect_list(&clause.0);
                self.collect_list(&clause.1.list);
            }
            CompoundCommand::Coprocess(process) => {
                if let Command::Compound(compound, _) = process.body.as_ref() {
                    self.collect_compound(compound);
                }
            }
        }
    }

    /// `x=…`, `x++` in an expression: a number.
    pub(super) fn collect_arithmetic(&mut self, text: &str) {
        for name in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')) {
            if name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
                && text.contains(['=', '+', '-'])
            {
                self.variables.entry(name.to_owned()).or_default().add(TAME.to_string());
            }
        }
    }

    pub(super) fn collect_simple(&mut self, command: &SimpleCommand) {
        for item in command.prefix.iter().flat_map(|prefix| &prefix.0) {
            if let Item::AssignmentWord(assignment, _) = item {
                self.collect_assignment(assignment);
            }
        }
        let Some(name) =
            command.word_or_name.as_ref().map(|word| word.value.trim_start_matches('\\'))
        else {
            return;
        };
        let sets = [
            "read",
            "mapfile",
            "readarray",
            "getopts",
            "printf",
            "export",
            "declare",
            "typeset",
            "local",
            "readonly",
            "let",
            "builtin",
            "command",
            "unset",
            "wait",
            "env",
        ];
        if !sets.contains(&name) {
            return;
        }
        let words: Vec<&Item> = command.suffix.iter().flat_map(|suffix| &suffix.0).collect();
        for item in words {
            match item {
                Item::AssignmentWord(assignment, _) => {
                    if name == "let" {
                        self.collect_arithmetic(&format!("{}=", assignment.name))
                    } else {
                        self.collect_assignment(assignment)
                    }
                }
                Item::Word(word) => {
                    for arg in self.word(word) {
                        self.collect_word(name, &arg);
                    }
                }
                _ => {}
            }
        }
    }

    /// A word of a builtin that sets variables.
    fn collect_word(&mut self, builtin: &str, arg: &Arg) {
        let reads =
            ["read", "mapfile", "readarray", "getopts", "printf", "wait", "builtin", "command"];
        match arg.text() {
            Some(text) if reads.contains(&builtin) && is_name(text) => {
                let flow = self.input.clone();
                self.lose(text, Some(flow));
            }
            Some(_) if reads.contains(&builtin) => {}
            Some(text) if builtin == "let" => self.collect_arithmetic(text),
            Some(text) => {
                let Some((variable, value)) = text.split_once('=') else { return };
                let variable = variable.trim_end_matches('+');
                if is_name(variable) {
                    self.assign(variable, &Arg::known(value, None));
                }
            }
            // Any variable may be meant.
            None if arg.values.is_empty() && builtin != "printf" => {
                for variable in self.variables.values_mut() {
                    variable.lose(None);
                }
            }
            None => {}
        }
    }

    pub(super) fn collect_assignment(&mut self, assignment: &Assignment) {
        match (&assignment.name, &assignment.value) {
            (AssignmentName::VariableName(name), AssignmentValue::Scalar(word)) => {
                let value = self.fold_single(&word.value, None);
                if assignment.append {
                    match (
                        self.variables.get(name).map(|variable| variable.values.clone()),
                        value.text(),
                    ) {
                        (Some(before), Some(text))
                            if before.len() == 1
                                && !before.iter().any(|before| before.ends_with(text)) =>
                        {
                            for before in before {
                                self.assign(name, &Arg::known(format!("{before}{text}"), None));
                            }
                        }
                        (Some(before), Some(text))
                            if before.iter().any(|before| before.ends_with(text)) => {}
                        _ => self.lose(name, None),
                    }
                } else {
                    self.assign(name, &value);
                }
            }
            (AssignmentName::VariableName(name), AssignmentValue::Array(list)) => {
                let mut texts = Vec::new();
                let mut open = assignment.append;
                for (_, word) in list {
                    for arg in self.fold(&word.value, None) {
                        match arg.text() {
                            Some(text) => texts.push(text.to_owned()),
                            None => open = true,
                        }
                    }
                }
                let variable = self.variables.entry(name.clone()).or_default();
                if variable.array.as_ref() != Some(&texts) {
                    variable.set_array(texts);
                }
                variable.open |= open;
            }
            (AssignmentName::ArrayElementName(name, _), _) => self.lose(name, None),
        }
    }

    pub(super) fn assign(&mut self, name: &str, value: &Arg) {
        let variable = self.variables.entry(name.to_owned()).or_default();
        for text in &value.values {
            variable.add(text.clone());
        }
        if value.open {
            variable.lose(value.flow.clone());
        }
    }

    pub(super) fn lose(&mut self, name: &str, flow: Option<Flow>) {
        self.variables.entry(name.to_owned()).or_default().lose(flow);
    }
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
