//! The arguments of a program, told apart: options, their values, operands.

use super::word::Arg;

/// One option as it was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Its name with its dashes: `-o`, `--output`.
    pub(super) name: String,
    /// Its value, if it takes one or was given one.
    pub(super) value: Option<Arg>,
}

/// The arguments of a program.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    /// In their order.
    pub(super) options: Vec<Given>,
    /// Everything else.
    pub(super) operands: Vec<Arg>,
}

impl Arguments {
    /// Whether one of these options was given.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|given| names.contains(&given.name.as_str()))
    }

    /// The values of these options.
    pub(super) fn values<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a Arg> {
        self.options
            .iter()
            .filter(|given| names.contains(&given.name.as_str()))
            .filter_map(|given| given.value.as_ref())
    }

    /// The operands as far as they are known, from the first on.
    pub(super) fn words(&self) -> Vec<&str> {
        self.operands.iter().map_while(|arg| arg.text()).collect()
    }
}

/// `arg` without what stands before byte `at` of each of its texts.
pub(super) fn tail(arg: &Arg, at: usize) -> Arg {
    Arg {
        values: arg
            .values
            .iter()
            .map(|text| text.get(at..).unwrap_or_default().to_owned())
            .collect(),
        shown: arg.shown.get(at..).unwrap_or(&arg.shown).to_owned(),
        ..arg.clone()
    }
}

/// Tells `args` apart. `valued` are the options that take the next word as their value. With `first_only` what follows the first operand is an
/// operand too, as for programs that start others.
pub(super) fn arguments(args: &[Arg], valued: &[&str], first_only: bool) -> Arguments {
    let mut out = Arguments::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let text = arg.values.first().map(String::as_str).unwrap_or_default();
        if text == "--" {
            out.operands.extend(rest.cloned());
            break;
        }
        if text.starts_with("--") {
            let (name, value) = match text.find('=') {
                Some(at) => (text.get(..at).unwrap_or(text), Some(tail(arg, at + 1))),
                None => (text, None),
            };
            let value =
                value.or_else(|| valued.contains(&name).then(|| rest.next().cloned()).flatten());
            out.options.push(Given { name: name.to_owned(), value });
        } else if text.len() > 1 && text.starts_with('-') {
            // Options of one dash and a word (`-exec`, `-out`) come first.
            if valued.contains(&text) && text.len() > 2 {
                out.options.push(Given { name: text.to_owned(), value: rest.next().cloned() });
                continue;
            }
            let letters: Vec<(usize, char)> = text.char_indices().skip(1).collect();
            out.options.push(Given { name: text.to_owned(), value: None });
            for (at, letter) in letters {
                let name = format!("-{letter}");
                if valued.contains(&name.as_str()) {
                    let after = at + letter.len_utf8();
                    let value = if after < text.len() {
                        Some(tail(arg, after))
                    } else {
                        rest.next().cloned()
                    };
                    out.options.push(Given { name, value });
                    break;
                }
                if name != text {
                    out.options.push(Given { name, value: None });
                }
            }
        } else {
            out.operands.push(arg.clone());
            if first_only {
                out.operands.extend(rest.cloned());
                break;
            }
        }
    }
    out
}
