//! The program as a user meets it: exit statuses, one sentence for every failure, no panic, no half-written file.

#![cfg(feature = "cli")]

mod batches;
mod bench;
mod files;
mod interruption;
mod memory;
mod outputs;
mod results;
mod statements;

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_zktern");
const WIDTH: usize = 20;
const INPUTS: usize = 3;

/// What a run left.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the program in a folder; whatever happens, it neither panics nor fails without a sentence.
fn run(folder: &Path, args: &[&str]) -> Run {
    // Mesa writes an error of its own when there is no such folder.
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").unwrap_or_else(|| folder.into());
    let mut command = Command::new(PROGRAM);
    command.args(args).current_dir(folder).env("RUST_BACKTRACE", "1").env("XDG_RUNTIME_DIR", runtime);
    check(args, command.output().unwrap())
}

fn check(args: &[&str], output: Output) -> Run {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let out = Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    for word in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!out.stderr.contains(word), "{args:?}: {}", out.stderr);
    }
    if output.status.success() {
        assert!(!out.stderr.contains("error: "), "{args:?}: {}", out.stderr);
    } else {
        let sentences = out.stderr.lines().filter(|l| l.starts_with("error: ")).count();
        assert_eq!(sentences, 1, "{args:?}: {:?} {}", out.code, out.stderr);
    }
    out
}

/// A run that succeeds; its standard output.
fn succeed(folder: &Path, args: &[&str]) -> String {
    let out = run(folder, args);
    assert_eq!(out.code, Some(0), "{args:?}: {}", out.stderr);
    out.stdout
}

/// The document of a run with `--json`, which must be all that it prints there.
fn document(folder: &Path, args: &[&str]) -> Value {
    let text = succeed(folder, &[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

/// A run that fails with a status; its sentence, which is all that standard error holds.
fn fail(folder: &Path, status: i32, args: &[&str]) -> String {
    sentence(status, args, &run(folder, args))
}

fn sentence(status: i32, args: &[&str], out: &Run) -> String {
    assert_eq!(out.code, Some(status), "{args:?}: {}", out.stderr);
    let lines: Vec<&str> = out.stderr.lines().filter(|l| !l.starts_with("warning: --insecure-seed")).collect();
    assert_eq!(lines.len(), 1, "{args:?}: {}", out.stderr);
    assert_eq!(out.stdout, "", "{args:?}");
    lines[0].strip_prefix("error: ").expect("a sentence").to_owned()
}

/// Names of all files in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut out: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    out.sort();
    out
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).unwrap();
}

/// A folder with `net.tern` and `x.npy`, three inputs.
fn network() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shape = ["random", "--shape", "20,9,5", "--density", "1/2", "--seed", "3", "-o", "net.tern"];
    succeed(folder.path(), &[&shape[..], &["--input", "x.npy", "--count", "3"]].concat());
    folder
}

/// The same, with `net.vk` and `net.key`.
fn committed() -> TempDir {
    let folder = network();
    let args = ["commit", "net.tern", "-o", "net.vk", "--secret", "net.key", "--insecure-seed", "1", "--prove-ternary"];
    succeed(folder.path(), &args);
    folder
}

/// The same, with `out.proof` about all inputs.
fn proved() -> TempDir {
    let folder = committed();
    succeed(folder.path(), &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch"]);
    folder
}

/// Another network with its key and secret, `other.*`.
fn add_other(folder: &Path) {
    succeed(folder, &["random", "--shape", "20,9,5", "--density", "1/2", "--seed", "4", "-o", "other.tern"]);
    succeed(folder, &["commit", "other.tern", "-o", "other.vk", "--secret", "other.key"]);
}

/// One input as .npy of a type.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), data].concat()
}

/// The values of `x.npy`, 32-bit integers at its end.
fn values(folder: &Path) -> Vec<i32> {
    let file = bytes(folder, "x.npy");
    let data = &file[file.len() - 4 * WIDTH * INPUTS..];
    data.chunks(4).map(|c| i32::from_le_bytes(c.try_into().unwrap())).collect()
}
