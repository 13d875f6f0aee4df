//! What a file may cost whoever looks at it: memory and reading are bounded by the verifying key, not by what a file claims.
//!
//! The files are sparse: a gigabyte that takes no room on the disk. The program gets less memory than that, so that it ends with
//! a signal instead of a status if it reads one whole.

#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_zktern");
const GIGABYTE: u64 = 1 << 30;
/// Bytes of a frame before its payload.
const PREFIX: usize = 20;
/// Bytes of a frame in all.
const FRAME: u64 = 52;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1").join(name)
}

/// Runs the program with half a gigabyte of memory: its exit status and its sentence.
fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let words: Vec<String> = args.iter().map(|a| format!("'{a}'")).collect();
    let script = format!("ulimit -v 524288; exec '{PROGRAM}' {}", words.join(" "));
    let out = Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap();
    (out.status.code(), String::from_utf8(out.stderr).unwrap())
}

/// A file of a gigabyte that starts so.
fn sparse(folder: &Path, name: &str, start: &[u8]) {
    let mut file = File::create(folder.join(name)).unwrap();
    file.set_len(GIGABYTE).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(start).unwrap();
}

/// The first bytes of a real file, announcing a gigabyte.
fn announced(name: &str, payload: usize) -> Vec<u8> {
    let mut start = fs::read(fixture(name)).unwrap();
    start.truncate(PREFIX + payload);
    start[12..20].copy_from_slice(&(GIGABYTE - FRAME).to_le_bytes());
    start
}

#[test]
fn a_gigabyte_of_garbage_is_refused_by_its_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (from, to) in [("small.vk", "net.vk"), ("small.proof", "good.proof")] {
        fs::copy(fixture(from), at.join(to)).unwrap();
    }
    let (code, text) = run(at, &["verify", "--key", "net.vk", "good.proof", "--context", "66697874757265"]);
    assert_eq!(code, Some(0), "half a gigabyte is enough for what is right: {text}");

    // Architecture: L = 2 layers of the fixture; its counts start behind 8 bytes of length.
    let mut other_counts = announced("small.proof", 400);
    other_counts[PREFIX + 65..PREFIX + 69].copy_from_slice(&60_000u32.to_le_bytes());
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("zeros.proof", vec![], "not a zktern file"),
        ("key.proof", announced("small.vk", 0), "expected a proof"),
        ("empty.proof", announced("small.proof", 0), "it is about the model with digest 0000"),
        ("long.proof", announced("small.proof", 400), "1073741824 bytes, expected 3840"),
        ("batch.proof", other_counts, "bytes, expected"),
        ("zeros.vk", vec![], "not a zktern file"),
        ("empty.vk", announced("small.vk", 0), "its architecture is malformed"),
        ("long.vk", announced("small.vk", 400), "1073741824 bytes, expected 1996"),
    ];
    for (name, start, what) in cases {
        sparse(at, name, &start);
        let (key, proof) = if name.ends_with(".vk") { (name, "good.proof") } else { ("net.vk", name) };
        let (code, text) = run(at, &["verify", "--key", key, proof, "--context", "66697874757265"]);
        assert_eq!(code, Some(2), "{name}: {text}");
        assert!(text.starts_with("error: ") && text.contains(what) && text.contains(name), "{name}: {text}");
        fs::remove_file(at.join(name)).unwrap();
    }
}

/// The peak of the program's memory when it verifies is a small multiple of what the key asks for.
#[test]
fn verifying_a_small_proof_takes_little_memory() {
    let args = ["verify", "--json", "--context", "66697874757265", "--key"];
    let out = Command::new(PROGRAM).args(args).args([fixture("small.vk"), fixture("hidden.proof")]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let document: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let peak = document["peak_rss_bytes"].as_u64().expect("known on Linux");
    assert!(peak < 64 << 20, "{peak} bytes");
}

/// A deep network and a large batch, about which a quarter of a megabyte says that it is a proof: room is made for what is there.
#[test]
fn a_short_proof_about_much_is_refused_before_room_is_made() {
    use zktern::compute::cpu::Cpu;
    use zktern::model::random::{self, Shape};
    use zktern::model::{Architecture, architecture::MAX_LAYERS};
    use zktern::protocol::plan::MAX_BATCH;
    use zktern::protocol::{Proof, commit};

    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let network = random::network(&Shape { widths: vec![1; MAX_LAYERS + 1], density: 1.0, max: 1 }, 1).unwrap();
    let arch = Architecture::of(&network, 1).unwrap();
    let (key, _) = commit(&Cpu, &network, &arch, [1; 32], |_| {}).unwrap();
    let proof = Proof {
        key_digest: *key.digest(),
        inputs: None,
        logits: vec![0; MAX_BATCH],
        batch: MAX_BATCH,
        context: Vec::new(),
        words: vec![0; 640],
    };
    fs::write(at.join("deep.vk"), key.to_bytes()).unwrap();
    fs::write(at.join("deep.proof"), proof.to_bytes()).unwrap();
    let (code, text) = run(at, &["verify", "--key", "deep.vk", "deep.proof"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the proof ends at byte 640, where `row` was expected"), "{text}");
}
