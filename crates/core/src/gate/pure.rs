//! Which code only computes. Everything else is asked about.

/// Modules of Python that only compute.
pub(super) const PURE_MODULES: &[&str] = &[
    "json",
    "sys",
    "math",
    "re",
    "datetime",
    "string",
    "collections",
    "itertools",
    "functools",
    "statistics",
    "textwrap",
    "decimal",
    "fractions",
    "hashlib",
    "base64",
    "uuid",
    "time",
    "random",
    "platform",
    "calendar",
    "operator",
    "bisect",
    "heapq",
    "typing",
    "dataclasses",
    "enum",
    "pprint",
    "unicodedata",
    "struct",
    "binascii",
    "html",
    "secrets",
    "colorsys",
    "cmath",
    "zlib",
    "difflib",
    "ast",
];

/// Words of Python, Perl, Ruby and JavaScript with which code can reach the machine, in the forms that inline code uses.
pub(super) const REACHING: &[&str] = &[
    "os",
    "_os",
    "subprocess",
    "exec",
    "eval",
    "compile",
    "open",
    "file",
    "getattr",
    "setattr",
    "delattr",
    "globals",
    "locals",
    "vars",
    "import_module",
    "importlib",
    "builtins",
    "breakpoint",
    "input",
    "modules",
    "system",
    "popen",
    "spawn",
    "fork",
    "remove",
    "unlink",
    "rmtree",
    "rmdir",
    "rename",
    "write_text",
    "write_bytes",
    "socket",
    "urllib",
    "requests",
    "shutil",
    "ctypes",
    "pty",
    "pickle",
    "marshal",
    "shelve",
    "codecs",
    "io",
    "pathlib",
    "Path",
    "tempfile",
    "signal",
    "threading",
    "multiprocessing",
    "asyncio",
    "runpy",
    "code",
    "inspect",
    "gc",
    "tarfile",
    "zipfile",
    "glob",
    "fileinput",
    "sqlite3",
    "http",
    "ftplib",
    "smtplib",
    "telnetlib",
    "webbrowser",
    "attrgetter",
    "methodcaller",
    "settrace",
    "setprofile",
    "addaudithook",
    "meta_path",
    "path_hooks",
    "path",
    "displayhook",
    "excepthook",
    "stdout.buffer",
    "_getframe",
    "f_globals",
    "mro",
    "subclasses",
];

/// Whether Python code only computes and prints. A list of what is allowed, not of what is forbidden, as far as modules go.
pub(super) fn python_only_computes(code: &str) -> bool {
    if code.contains("__")
        && !code
            .replace("__version__", "")
            .replace("__file__", "")
            .replace("__name__", "")
            .replace("__main__", "")
            .replace("__doc__", "")
            .contains("__")
    {
        // Only harmless ones.
    } else if code.contains("__") {
        return false;
    }
    let words: Vec<&str> = code
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    if !code.is_ascii() && words.iter().any(|word| !word.is_ascii()) && !code.contains(['"', '\''])
    {
        return false;
    }
    let version_only = code.contains("__version__") && words.len() <= 8;
    for line in code.split(['\n', ';']) {
        let line = line.trim();
        let modules = if let Some(list) = line.strip_prefix("import ") {
            list.split(',')
                .map(|one| one.split_whitespace().next().unwrap_or_default())
                .collect::<Vec<_>>()
        } else if let Some(list) = line.strip_prefix("from ") {
            vec![list.split_whitespace().next().unwrap_or_default()]
        } else {
            continue;
        };
        if !modules.iter().all(|module| {
            PURE_MODULES.contains(&module.split('.').next().unwrap_or(module))
                || version_only && !REACHING.contains(module)
        }) {
            return false;
        }
    }
    // `import` somewhere else than at the beginning of a statement is not followed.
    let imports = words.iter().filter(|word| **word == "import").count();
    let seen = code
        .split(['\n', ';'])
        .filter(|line| line.trim().starts_with("import ") || line.trim().starts_with("from "))
        .count();
    imports == seen && !words.iter().any(|word| REACHING.contains(word))
}

/// Whether JavaScript is an expression without access to anything.
pub(super) fn script_only_computes(code: &str) -> bool {
    let words: Vec<&str> = code
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '$'))
        .filter(|word| !word.is_empty())
        .collect();
    let allowed_process = code
        .replace("process.version", "")
        .replace("process.versions", "")
        .replace("process.platform", "")
        .replace("process.arch", "");
    let reaches = [
        "require",
        "import",
        "eval",
        "Function",
        "constructor",
        "globalThis",
        "global",
        "fetch",
        "WebAssembly",
        "Bun",
        "Deno",
        "module",
        "this",
        "self",
        "Reflect",
        "__proto__",
        "prototype",
        "binding",
        "mainModule",
        "root",
    ];
    let package = regular_require(code);
    !allowed_process.contains("process")
        && !code.contains('`')
        && !code.contains("[\"")
        && !code.contains("['")
        && (package || !words.iter().any(|word| reaches.contains(word)))
}

/// `require('./package.json').version`: reading a value of the project.
pub(super) fn regular_require(code: &str) -> bool {
    let Some(rest) = code.split_once("require(").map(|(_, rest)| rest) else { return false };
    let name = rest.split(')').next().unwrap_or_default().trim_matches(['"', '\'']);
    code.matches("require").count() == 1
        && name.starts_with("./")
        && name.ends_with(".json")
        && !name.contains("..")
        && !["eval", "Function", "constructor", "import", "fetch", "globalThis"]
            .iter()
            .any(|word| code.contains(word))
}

/// `print 2 + 2`: nothing but numbers, operators and printing.
pub(super) fn expression(code: &str) -> bool {
    let words: Vec<&str> = code
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    !code.contains(['`', '$', '@', '<', '|', '&', '{'])
        && words.iter().all(|word| {
            word.chars().all(|letter| letter.is_ascii_digit() || letter == '_')
                || [
                    "print", "puts", "p", "echo", "say", "sum", "sqrt", "int", "abs", "cat",
                    "println", "n",
                ]
                .contains(word)
        })
}

/// The texts in quotes of a program in any language.
pub(super) fn quoted_texts(code: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        if !['"', '\'', '`'].contains(&letter) {
            continue;
        }
        let mut text = String::new();
        while let Some(inner) = letters.next() {
            match inner {
                '\\' => text.extend(letters.next()),
                other if other == letter => break,
                other => text.push(other),
            }
        }
        if !text.is_empty() {
            out.push(text);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_that_only_computes_is_told_from_the_rest() {
        for code in [
            "print(2+2)",
            "import json,sys; print(json.load(sys.stdin)['name'])",
            "import numpy; print(numpy.__version__)",
            "from datetime import date\nprint(date.today())",
        ] {
            assert!(python_only_computes(code), "{code}");
        }
        for code in [
            "import os",
            "print(open('/etc/passwd').read())",
            "__import__('o'+'s')",
            "import sys; sys.modules['os']",
            "exec('x')",
            "().__class__",
            "import requests",
            "if 1: import os",
        ] {
            assert!(!python_only_computes(code), "{code}");
        }
    }
}
