//! Which module may name which, and what the verifier's path may not contain: read from the source files.
//!
//! Comments, and everything that is compiled for tests only, are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, in lines.
const MAX_LINES: usize = 450;

/// Every layer with the layers that its code may name. `compute` is named for the trait and its types only
/// ([`no_layer_chooses_a_backend`]), `protocol` by its stages for errors only ([`stages_take_only_errors_from_the_protocol`]).
const LAYERS: [(&str, &[&str]); 13] = [
    ("algebra", &[]),
    ("model", &["transcript"]),
    ("compute", &["algebra", "model", "commit"]),
    ("transcript", &["algebra", "commit", "compute", "protocol"]),
    ("commit", &["algebra", "compute", "protocol", "sumcheck", "transcript"]),
    ("sumcheck", &["algebra", "commit", "compute", "protocol", "transcript"]),
    ("lookup", &["algebra", "commit", "compute", "model", "protocol", "sumcheck", "transcript"]),
    ("linear", &["algebra", "commit", "compute", "protocol", "sumcheck", "transcript"]),
    ("gkr", &["algebra", "compute", "protocol", "sumcheck", "transcript"]),
    ("protocol", &["algebra", "commit", "compute", "linear", "lookup", "model", "sumcheck", "transcript"]),
    ("tune", &["compute", "model"]),
    ("aggregate", &["algebra", "commit", "compute", "model", "protocol", "transcript"]),
    (
        "cli",
        &[
            "aggregate",
            "algebra",
            "commit",
            "compute",
            "gkr",
            "linear",
            "lookup",
            "model",
            "protocol",
            "sumcheck",
            "transcript",
            "tune",
        ],
    ),
];

/// What a layer below `protocol` takes from it: the names of failures, and nothing that knows the statement.
const ERRORS: [&str; 4] = ["Check", "ProveError", "VerifyError", "InstanceError"];

/// A source file as the rules see it.
struct Source {
    /// Path below `src/`, with forward slashes.
    name: String,
    /// Lines of the whole file.
    length: usize,
    /// Numbered lines of code.
    code: Vec<(usize, String)>,
}

impl Source {
    fn layer(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(layer, _)| layer)
    }

    /// The lines with this word in them, as "file:line: code".
    fn naming(&self, word: &str) -> Vec<String> {
        self.code
            .iter()
            .filter(|(_, line)| words(line).any(|w| w == word))
            .map(|(n, line)| format!("src/{}:{n}: {}", self.name, line.trim()))
            .collect()
    }
}

/// Identifiers of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

/// Braces opened less braces closed.
fn braces(line: &str) -> i32 {
    line.chars().map(|c| i32::from(c == '{') - i32::from(c == '}')).sum()
}

/// Numbered lines without comments and tests, and the files that only tests include.
fn code_of(text: &str) -> (Vec<(usize, String)>, Vec<String>) {
    let (mut code, mut test_files) = (Vec::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        let for_tests = ["#[cfg(test)]", "#[cfg(all(test,"].iter().any(|a| line.trim().starts_with(a));
        if !for_tests {
            let kept = line.split("//").next().unwrap_or_default();
            if !kept.trim().is_empty() {
                code.push((n + 1, kept.to_string()));
            }
            continue;
        }
        // `mod attacks;` names a file or folder of tests; other items for tests are left out; a block of tests ends the file.
        let mut path = None;
        let item = lines.find_map(|(_, l)| {
            if let Some(attribute) = l.trim().strip_prefix("#[") {
                path = attribute.strip_prefix("path = \"").and_then(|p| p.split('"').next()).or(path);
                return None;
            }
            Some(l.trim())
        });
        let Some(item) = item else { break };
        if words(item).any(|w| w == "mod") {
            if !item.ends_with(';') {
                break;
            }
            let name = words(item).last().unwrap_or_default();
            test_files.extend(path.map_or_else(|| vec![format!("{name}.rs"), name.to_string()], |p| vec![p.to_string()]));
            continue;
        }
        let mut depth = braces(item);
        while depth > 0 {
            depth += lines.next().map_or(-depth, |(_, l)| braces(l));
        }
    }
    (code, test_files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Every source file that is compiled outside of tests, in order.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut only_tests = BTreeSet::new();
    let mut out = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (code, tests) = code_of(&text);
        let folder = match path.file_stem().and_then(|s| s.to_str()) {
            Some("mod" | "lib" | "main") => path.parent().unwrap().to_path_buf(),
            _ => path.with_extension(""),
        };
        for test in tests {
            only_tests.insert(folder.join(&test));
            only_tests.insert(path.with_file_name(&test));
        }
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        out.push((path, Source { name, length: text.lines().count(), code }));
    }
    assert!(out.len() > 30, "only {} source files found", out.len());
    out.into_iter().filter(|(path, _)| !path.ancestors().any(|p| only_tests.contains(p))).map(|(_, source)| source).collect()
}

/// Names of the crate's modules in paths: `crate::x`, and the first names in `crate::{x::.., y}`.
fn named_layers(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    for rest in line.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            out.extend(words(rest).next().map(str::to_string));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && c.is_alphabetic() => {
                    out.extend(words(&group[i..]).next().map(str::to_string));
                    start = false;
                }
                _ => {}
            }
        }
    }
    out
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Statements of a file on one line each: a `use` may be spread over many.
fn statements(source: &Source) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (n, line) in &source.code {
        let starts_use = words(line).find(|w| !matches!(*w, "pub" | "super")) == Some("use");
        match out.last_mut() {
            Some((_, last)) if open => last.push_str(line.trim()),
            _ => out.push((*n, line.clone())),
        }
        open = (open || starts_use) && !line.trim_end().ends_with(';');
    }
    out
}

#[test]
fn layers_name_only_layers_that_they_may() {
    let mut found = Vec::new();
    for source in sources() {
        let Some((layer, allowed)) = LAYERS.iter().find(|(l, _)| *l == source.layer()) else {
            continue;
        };
        for (n, line) in statements(&source) {
            for name in named_layers(&line) {
                if name != *layer && !allowed.contains(&name.as_str()) {
                    found.push(format!("src/{}:{n}: {layer} names {name}: {}", source.name, line.trim()));
                }
            }
        }
    }
    none(&found, "a layer names one that it may not");
}

#[test]
fn every_folder_is_a_layer() {
    let layers: BTreeSet<&str> = LAYERS.iter().map(|(l, _)| *l).collect();
    let found: Vec<_> = sources()
        .iter()
        .filter(|s| !["lib.rs", "main.rs"].contains(&s.name.as_str()) && !layers.contains(s.layer()))
        .map(|s| s.name.clone())
        .collect();
    none(&found, "a folder without rules of its own: add it to LAYERS");
}

/// Below `protocol`, only its errors are known, so that no stage depends on the statement that uses it.
#[test]
fn stages_take_only_errors_from_the_protocol() {
    let mut found = Vec::new();
    for source in sources() {
        if !["transcript", "commit", "sumcheck", "lookup", "linear", "gkr"].contains(&source.layer()) {
            continue;
        }
        for (n, line) in statements(&source) {
            for path in line.split("crate::protocol::").skip(1) {
                let end = path.find(['}', ';']).unwrap_or(path.len());
                let group = if path.starts_with('{') { &path[..end] } else { words(path).next().unwrap_or_default() };
                if words(group).any(|w| !ERRORS.contains(&w)) {
                    found.push(format!("src/{}:{n}: {}", source.name, line.trim()));
                }
            }
        }
    }
    none(&found, "a stage takes more than errors from the protocol");
}

#[test]
fn only_backends_know_threads_and_devices() {
    let mut found = Vec::new();
    for source in sources() {
        if !["compute", "cli", "lib.rs", "main.rs"].contains(&source.layer()) {
            for word in ["rayon", "wgpu", "thread"] {
                found.extend(source.naming(word));
            }
        }
    }
    none(&found, "threads and devices belong to src/compute");
}

#[test]
fn no_layer_chooses_a_backend() {
    let mut found = Vec::new();
    for source in sources() {
        if !["compute", "cli", "lib.rs", "main.rs"].contains(&source.layer()) {
            for word in ["Cpu", "Gpu", "Reference"] {
                found.extend(source.naming(word));
            }
        }
    }
    none(&found, "the caller chooses the backend");
}

#[test]
fn only_the_command_line_talks_to_people() {
    let mut found = Vec::new();
    for source in sources() {
        if !["cli", "lib.rs", "main.rs"].contains(&source.layer()) {
            for word in ["clap", "indicatif", "miette", "println", "eprintln", "stdout", "stderr"] {
                found.extend(source.naming(word));
            }
        }
    }
    none(&found, "what talks to people belongs to src/cli");
}

/// No file whose proof it reads may stop the verifier: no panic on purpose, and no order that depends on a hash.
#[test]
fn the_verifiers_path_has_no_panic_and_no_hash_map() {
    let path = [
        "protocol/verify.rs",
        "protocol/instance.rs",
        "protocol/plan.rs",
        "protocol/proof.rs",
        "protocol/scope.rs",
        "protocol/ternarity.rs",
        "commit/claim.rs",
        "commit/functional.rs",
        "commit/opening.rs",
        "commit/sigma.rs",
        "gkr/circuit.rs",
        "gkr/mod.rs",
        "gkr/rounds.rs",
        "gkr/verify.rs",
        "linear/mod.rs",
        "lookup/fraction_tree.rs",
        "sumcheck/mod.rs",
        "transcript/mod.rs",
        "transcript/reader.rs",
    ];
    let words_not_to_use =
        ["HashMap", "HashSet", "panic!", "unwrap()", "expect(", "todo!", "unimplemented!", "unreachable!", "assert!"];
    let sources = sources();
    let mut found = Vec::new();
    for name in path {
        let source = sources.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("src/{name} is not there"));
        // The prover's half of a file is a module of its own, at its end.
        for (n, line) in source.code.iter().take_while(|(_, line)| line.trim() != "mod prover {") {
            let is_lint = line.trim().starts_with("#[");
            if !is_lint && words_not_to_use.iter().any(|w| line.contains(w)) {
                found.push(format!("src/{name}:{n}: {}", line.trim()));
            }
        }
    }
    none(&found, "the verifier's path");
}

#[test]
fn files_are_short() {
    let found: Vec<_> = sources()
        .iter()
        .filter(|s| s.length > MAX_LINES)
        .map(|s| format!("src/{}: {} lines, at most {MAX_LINES}", s.name, s.length))
        .collect();
    none(&found, "files that are too long");
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text = "use a; // rayon\n/// rayon\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod t;\nfn b() {}\n#[cfg(all(test, feature = \"f\"))]\nmod tests {\n rayon";
    let (code, files) = code_of(text);
    assert_eq!(code, [(1, "use a; ".to_string()), (6, "fn b() {}".to_string())]);
    assert_eq!(files, ["x.rs"]);
    assert_eq!(named_layers("use crate::{a::{b, c}, d}; crate::e::f()"), ["a", "d", "e"]);
}
