//! The program as a user meets it: exit statuses, one sentence for every failure, no panic, no half-written file.

#![cfg(feature = "cli")]

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

// ---- what works

#[test]
fn commit_prove_and_verify() {
    let folder = network();
    let at = folder.path();
    let commit = document(
        at,
        &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key", "--insecure-seed", "1", "--prove-ternary"],
    );
    let digest = commit["digest"].as_str().expect("a digest");
    assert_eq!(digest.len(), 128);
    assert!(digest.bytes().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(commit["key_bytes"], bytes(at, "net.vk").len());
    assert!(commit["commit_s"].as_f64().unwrap() >= 0.0 && commit["ternarity_s"].is_f64());

    let prove = document(at, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch"]);
    for key in ["prove_s", "verify_s", "infer_s"] {
        assert!(prove[key].as_f64().unwrap() >= 0.0, "{key}");
    }
    for stage in ["witness_s", "commit_s", "lookup_s", "linear_s", "opening_s", "close_s"] {
        assert!(prove["stages"][stage].as_f64().unwrap() >= 0.0, "{stage}");
    }
    assert_eq!(prove["stages"].as_object().unwrap().len(), 6);
    assert_eq!(prove["digest"], digest);
    assert_eq!(prove["inputs"], INPUTS);
    assert_eq!(prove["nnz"], commit["nnz"]);
    assert_eq!(prove["parameters"], 20 * 9 + 9 + 9 * 5 + 5);
    assert_eq!(prove["proof_bytes"], bytes(at, "out.proof").len());
    assert_eq!(prove["valid"], true);
    let outputs = prove["outputs"].as_array().unwrap();
    assert!(outputs.len() == INPUTS && outputs.iter().all(|z| z.as_array().unwrap().len() == 5));

    let verify = document(at, &["verify", "out.proof", "--key", "net.vk", "--input", "x.npy"]);
    assert!(verify["verify_s"].as_f64().unwrap() >= 0.0);
    assert_eq!(
        (&verify["valid"], &verify["ternary"], &verify["private_input"]),
        (&true.into(), &true.into(), &false.into())
    );
    assert_eq!((&verify["digest"], &verify["outputs"]), (&prove["digest"], &prove["outputs"]));

    let infer = document(at, &["infer", "net.tern", "x.npy"]);
    assert_eq!(infer["outputs"], prove["outputs"]);
    assert_eq!(names(at), ["net.key", "net.tern", "net.vk", "out.proof", "x.npy"]);

    let text = succeed(at, &["verify", "out.proof", "--key", "net.vk"]);
    assert!(text.starts_with("VALID") && text.contains(&digest[..32]), "{text}");
}

#[test]
fn proof_bytes_is_the_size_of_the_file_everywhere() {
    let folder = proved();
    let verify = document(folder.path(), &["verify", "out.proof", "--key", "net.vk"]);
    assert_eq!(verify["proof_bytes"], bytes(folder.path(), "out.proof").len());
    let inspect = document(folder.path(), &["inspect", "out.proof"]);
    assert_eq!(inspect["proof_bytes"], bytes(folder.path(), "out.proof").len());
}

#[test]
fn demo_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let demo = document(folder.path(), &["demo", "--count", "2"]);
    assert_eq!((&demo["valid"], &demo["inputs"]), (&true.into(), &2.into()));
    assert_eq!(demo["predictions"], demo["labels"]);
    assert_eq!(demo["outputs"].as_array().unwrap().len(), 2);
    assert!(names(folder.path()).is_empty());
    for count in ["0", "21"] {
        assert!(fail(folder.path(), 2, &["demo", "--count", count]).contains("--count"));
    }
}

#[test]
fn insecure_seed_makes_keys_and_proofs_reproducible_and_warns() {
    let folder = committed();
    let at = folder.path();
    let commit =
        ["commit", "net.tern", "-o", "again.vk", "--secret", "again.key", "--insecure-seed", "1", "--prove-ternary"];
    assert!(run(at, &commit).stderr.contains("hides nothing"));
    assert_eq!(bytes(at, "again.vk"), bytes(at, "net.vk"));
    assert_eq!(bytes(at, "again.key"), bytes(at, "net.key"));
    for name in ["a.proof", "b.proof"] {
        let out = run(at, &["prove", "net.tern", "x.npy", "-o", name, "--batch", "--insecure-seed", "5"]);
        assert!(out.code == Some(0) && out.stderr.contains("hides nothing"), "{}", out.stderr);
    }
    assert_eq!(bytes(at, "a.proof"), bytes(at, "b.proof"));
    for name in ["c.proof", "d.proof"] {
        succeed(at, &["prove", "net.tern", "x.npy", "-o", name, "--batch"]);
    }
    assert_ne!(bytes(at, "c.proof"), bytes(at, "d.proof"), "fresh randomness");
    succeed(
        at,
        &["prove", "net.tern", "x.npy", "-o", "e.proof", "--batch", "--insecure-seed", "5", "--device", "reference"],
    );
    assert_eq!(bytes(at, "a.proof"), bytes(at, "e.proof"), "every device makes the same proof");
}

#[test]
fn quiet_prints_nothing() {
    let folder = network();
    let at = folder.path();
    let commands: [&[&str]; 6] = [
        &["random", "--shape", "4,4,4", "-o", "small.tern"],
        &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key"],
        &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch"],
        &["verify", "out.proof", "--key", "net.vk"],
        &["infer", "net.tern", "x.npy"],
        &["inspect", "net.vk"],
    ];
    for args in commands {
        let out = run(at, &[args, &["--quiet"]].concat());
        assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (Some(0), "", ""), "{args:?}");
    }
}

#[test]
fn a_failure_with_json_is_a_document_too() {
    let folder = proved();
    put(folder.path(), "wrong.json", format!("[{}]", vec!["1"; WIDTH].join(",")));
    let args = ["verify", "out.proof", "--key", "net.vk", "--input", "wrong.json", "--json"];
    let out = run(folder.path(), &args);
    let document: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!((out.code, &document["valid"]), (Some(1), &false.into()));
    assert_eq!(out.stderr.trim_end(), format!("error: {}", document["error"].as_str().unwrap()));
}

#[test]
fn inputs_come_from_standard_input_too() {
    let folder = network();
    let args = ["infer", "net.tern", "-", "--json"];
    let mut child = Command::new(PROGRAM)
        .args(args)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes(folder.path(), "x.npy")).unwrap();
    let out = check(&args, child.wait_with_output().unwrap());
    let piped: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(piped["outputs"], document(folder.path(), &["infer", "net.tern", "x.npy"])["outputs"]);
}

#[test]
fn inspect_knows_every_kind() {
    let folder = proved();
    let kind = |file| document(folder.path(), &["inspect", file])["kind"].clone();
    assert_eq!(kind("net.tern"), "network");
    assert_eq!(kind("net.vk"), "verifying key");
    assert_eq!(kind("net.key"), "secret");
    assert_eq!(kind("out.proof"), "proof");
    let text = succeed(folder.path(), &["inspect", "net.key"]);
    let seed: String = bytes(folder.path(), "net.key")[20 + 64..][..16].iter().map(|b| format!("{b:02x}")).collect();
    assert!(!text.contains(&seed), "a secret is not printed");
}

#[cfg(unix)]
#[test]
fn the_secret_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = committed();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("net.key"), mode("net.vk")), (0o600, 0o644));
    // Also when a file that everybody could read was there before.
    put(folder.path(), "open.key", "old");
    fs::set_permissions(folder.path().join("open.key"), fs::Permissions::from_mode(0o666)).unwrap();
    succeed(folder.path(), &["commit", "net.tern", "-o", "net.vk", "--secret", "open.key"]);
    assert_eq!(mode("open.key"), 0o600);
}

// ---- statements that a proof is not about

#[test]
fn several_inputs_need_batch() {
    let folder = committed();
    let text = fail(folder.path(), 2, &["prove", "net.tern", "x.npy", "-o", "out.proof"]);
    assert!(text.contains("x.npy") && text.contains("--batch"), "{text}");
    assert!(!folder.path().join("out.proof").exists());
}

#[test]
fn another_input_is_refused() {
    let folder = proved();
    let at = folder.path();
    let mut x = bytes(at, "x.npy");
    let last = x.len() - 4;
    x[last] ^= 1;
    put(at, "wrong.npy", &x);
    let text = fail(at, 1, &["verify", "out.proof", "--key", "net.vk", "--input", "wrong.npy"]);
    assert!(text.contains("out.proof") && text.contains("wrong.npy"), "{text}");
    // One of the three inputs is not the input.
    put(at, "one.npy", npy("<i4", "(20,)", &values(at)[..WIDTH].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()));
    fail(at, 1, &["verify", "out.proof", "--key", "net.vk", "--input", "one.npy"]);
}

#[test]
fn a_context_must_be_the_same_on_both_sides() {
    let folder = proved();
    let at = folder.path();
    succeed(at, &["prove", "net.tern", "x.npy", "-o", "bound.proof", "--batch", "--context", "00ffAB"]);
    let verify = |proof, context: Option<&'static str>| {
        let mut args = vec!["verify", proof, "--key", "net.vk"];
        args.extend(context.iter().flat_map(|c| ["--context", c]));
        args
    };
    for (proof, context) in
        [("bound.proof", None), ("bound.proof", Some("00ffac")), ("bound.proof", Some("00ff")), ("out.proof", Some("00"))]
    {
        let text = fail(at, 1, &verify(proof, context));
        assert!(text.contains(proof) && text.contains("context"), "{text}");
    }
    succeed(at, &verify("bound.proof", Some("00FFab")));
    succeed(at, &verify("out.proof", Some("")));
    for hex in ["0", "00f", "0x00", "gg", "é0", " 0"] {
        let text = fail(at, 2, &verify("out.proof", Some(hex)));
        assert!(text.contains("--context") && text.contains(hex), "{text}");
        fail(at, 2, &["prove", "net.tern", "x.npy", "-o", "new.proof", "--batch", "--context", hex]);
    }
    assert!(!at.join("new.proof").exists());
}

#[test]
fn a_private_input_stays_hidden() {
    let folder = committed();
    let at = folder.path();
    succeed(at, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--private-input"]);
    let text = succeed(at, &["verify", "out.proof", "--key", "net.vk"]);
    assert!(text.lines().any(|l| l.starts_with("input") && l.contains("hidden")), "{text}");
    let verify = document(at, &["verify", "out.proof", "--key", "net.vk"]);
    assert_eq!((&verify["private_input"], &verify["valid"]), (&true.into(), &true.into()));
    let (proof, x) = (bytes(at, "out.proof"), values(at));
    let holds = |needle: &[u8]| proof.windows(needle.len()).any(|w| w == needle);
    for part in x.chunks(4) {
        assert!(!holds(&part.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()), "{part:?} as i32");
    }
    for part in x.chunks(WIDTH) {
        assert!(!holds(&part.iter().map(|v| *v as u8).collect::<Vec<_>>()), "{part:?} as bytes");
    }
    // The same search finds a public input.
    succeed(at, &["prove", "net.tern", "x.npy", "-o", "public.proof", "--batch"]);
    let public = bytes(at, "public.proof");
    let needle: Vec<u8> = x[..4].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert!(public.windows(needle.len()).any(|w| w == needle));
    let text = fail(at, 1, &["verify", "out.proof", "--key", "net.vk", "--input", "x.npy"]);
    assert!(text.contains("hidden"), "{text}");
}

#[test]
fn another_models_key_or_secret_is_refused() {
    let folder = proved();
    let at = folder.path();
    add_other(at);
    let digest = |file| document(at, &["inspect", file])["digest"].as_str().unwrap()[..16].to_owned();
    let (ours, theirs) = (digest("net.vk"), digest("other.vk"));
    let out = run(at, &["verify", "out.proof", "--key", "other.vk"]);
    assert!(matches!(out.code, Some(1 | 2)), "{:?}", out.code);
    assert!(out.stderr.contains(&ours) && out.stderr.contains(&theirs), "{}", out.stderr);
    // A secret of the other model, whose shape is the same, and of a model of another shape.
    let prove = |secret| ["prove", "net.tern", "x.npy", "-o", "new.proof", "--batch", "--secret", secret];
    fail(at, 2, &prove("other.key"));
    succeed(at, &["random", "--shape", "20,8,5", "-o", "third.tern"]);
    succeed(at, &["commit", "third.tern", "-o", "third.vk", "--secret", "third.key"]);
    fail(at, 2, &prove("third.key"));
    assert!(!at.join("new.proof").exists());
}

#[test]
fn without_a_secret_the_sentence_says_how_to_get_one() {
    let folder = network();
    let text = fail(folder.path(), 2, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch"]);
    assert!(text.contains("net.key") && text.contains("zktern commit"), "{text}");
}

// ---- files that are damaged, missing, or something else

/// A command that reads a file of each kind.
const READERS: [(&str, &[&str]); 4] = [
    ("net.tern", &["infer", "FILE", "x.npy"]),
    ("net.vk", &["verify", "out.proof", "--key", "FILE"]),
    ("net.key", &["prove", "net.tern", "x.npy", "-o", "new.proof", "--batch", "--secret", "FILE"]),
    ("out.proof", &["verify", "FILE", "--key", "net.vk"]),
];

/// Every reader of a kind refuses these bytes, naming the file.
fn refused(folder: &Path, name: &str, bytes: &[u8], what: &str) {
    put(folder, "damaged", bytes);
    let (_, reader) = READERS.iter().find(|(kind, _)| *kind == name).unwrap();
    let args: Vec<&str> = reader.iter().map(|a| if *a == "FILE" { "damaged" } else { a }).collect();
    for args in [args.as_slice(), &["inspect", "damaged"]] {
        let text = fail(folder, 2, args);
        assert!(text.starts_with("damaged: "), "{name}, {what}: {text}");
    }
}

#[test]
fn truncated_and_extended_files_are_refused() {
    let folder = proved();
    for (name, _) in READERS {
        let whole = bytes(folder.path(), name);
        let n = whole.len();
        for length in [0, 1, 5, 6, 7, 11, 12, 19, 20, 21, 52, n / 2, n - 33, n - 32, n - 31, n - 1] {
            refused(folder.path(), name, &whole[..length], &format!("{length} of {n} bytes"));
        }
        for extra in [vec![0], vec![7; 100]] {
            refused(folder.path(), name, &[whole.clone(), extra].concat(), "extended");
        }
    }
    assert!(!folder.path().join("new.proof").exists());
}

#[test]
fn a_flipped_bit_is_noticed_everywhere() {
    let folder = proved();
    for (name, _) in READERS {
        let whole = bytes(folder.path(), name);
        let header = 0..20.min(whole.len());
        let rest = (20..whole.len()).step_by(whole.len() / 24);
        for position in header.chain(rest).chain([whole.len() - 32, whole.len() - 1]) {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << (position % 8);
            refused(folder.path(), name, &damaged, &format!("byte {position}"));
        }
    }
    assert!(!folder.path().join("new.proof").exists());
}

#[test]
fn another_version_is_named() {
    let folder = proved();
    for (name, reader) in READERS {
        let mut other = bytes(folder.path(), name);
        other[8] = 9;
        refused(folder.path(), name, &other, "version");
        let args: Vec<&str> = reader.iter().map(|a| if *a == "FILE" { "damaged" } else { a }).collect();
        let text = fail(folder.path(), 2, &args);
        assert!(text.contains("version 9") && text.contains("version 1"), "{text}");
    }
}

#[test]
fn a_file_of_another_kind_is_named() {
    let folder = proved();
    for (name, reader) in READERS {
        for other in ["net.tern", "net.vk", "net.key", "out.proof", "x.npy", "."] {
            if other != name {
                let args: Vec<&str> = reader.iter().map(|a| if *a == "FILE" { other } else { a }).collect();
                let text = fail(folder.path(), 2, &args);
                assert!(text.starts_with(other), "{args:?}: {text}");
            }
        }
    }
    let text = fail(folder.path(), 2, &["verify", "net.vk", "--key", "net.vk"]);
    assert!(text.contains("verifying key") && text.contains("expected a proof"), "{text}");
}

#[test]
fn unusable_inputs_are_refused() {
    let folder = committed();
    let at = folder.path();
    let float = |v: f32| [v].repeat(WIDTH).iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let ints = |v: i32, n: usize| vec![v; n].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let noise: Vec<u8> = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let files: [(&str, Vec<u8>); 14] = [
        ("narrow.npy", npy("<i4", "(19,)", &ints(1, 19))),
        ("wide.npy", npy("<i4", "(2, 21)", &ints(1, 42))),
        ("large.npy", npy("<i4", "(20,)", &ints(256, WIDTH))),
        ("negative.npy", npy("<i4", "(20,)", &ints(-1, WIDTH))),
        ("nan.npy", npy("<f4", "(20,)", &float(f32::NAN))),
        ("infinite.npy", npy("<f4", "(20,)", &float(f32::INFINITY))),
        ("half.npy", npy("<f4", "(20,)", &float(0.5))),
        ("huge.npy", npy("<i4", "(4611686018427387904, 20)", &ints(1, WIDTH))),
        ("cut.npy", npy("<i4", "(20,)", &ints(1, WIDTH - 1))),
        ("none.npy", npy("<i4", "(0, 20)", &[])),
        ("empty", Vec::new()),
        ("noise", noise),
        ("text.json", format!("[{}, \"two\"]", vec!["1"; WIDTH - 1].join(",")).into_bytes()),
        ("deep.json", vec![b'['; 100_000]),
    ];
    for (name, contents) in files {
        put(at, name, contents);
        let commands: [&[&str]; 2] =
            [&["infer", "net.tern", name], &["prove", "net.tern", name, "-o", "out.proof", "--batch"]];
        for args in commands {
            let text = fail(at, 2, args);
            assert!(text.starts_with(name), "{text}");
        }
    }
    assert!(!at.join("out.proof").exists());
}

#[test]
fn missing_files_are_named() {
    let folder = proved();
    let at = folder.path();
    let commands: [&[&str]; 10] = [
        &["commit", "missing", "-o", "a.vk", "--secret", "a.key"],
        &["prove", "missing", "x.npy", "-o", "a.proof", "--secret", "net.key"],
        &["prove", "net.tern", "missing", "-o", "a.proof"],
        &["prove", "net.tern", "x.npy", "-o", "a.proof", "--secret", "missing"],
        &["verify", "missing", "--key", "net.vk"],
        &["verify", "out.proof", "--key", "missing"],
        &["verify", "out.proof", "--key", "net.vk", "--input", "missing"],
        &["infer", "missing", "x.npy"],
        &["inspect", "missing"],
        &["import", "missing", "-o", "a.tern"],
    ];
    let before = names(at);
    for args in commands {
        let text = fail(at, 2, args);
        assert!(text.starts_with("missing: "), "{args:?}: {text}");
    }
    assert_eq!(names(at), before);
}

#[test]
fn unusable_arguments_end_with_two() {
    let folder = proved();
    let commands: [&[&str]; 18] = [
        &["frobnicate"],
        &["infer", "net.tern", "x.npy", "--threads", "1025"],
        &["infer", "net.tern", "x.npy", "--threads", "18446744073709551615"],
        &["verify", "out.proof", "--key", "net.vk", "--frobnicate"],
        &["verify", "out.proof"],
        &["prove", "net.tern", "x.npy"],
        &["infer", "net.tern"],
        &["demo", "--count", "-1"],
        &["demo", "--count", "two"],
        &["random", "--shape", "20,x", "-o", "a.tern"],
        &["random", "--shape", "20", "-o", "a.tern"],
        &["random", "--shape", "20,0,5", "-o", "a.tern"],
        &["random", "--shape", "20,9,5", "--density", "0", "-o", "a.tern"],
        &["random", "--shape", "20,9,5", "--density", "1/0", "-o", "a.tern"],
        &["random", "--shape", "20,9,5", "--density", "NaN", "-o", "a.tern"],
        &["estimate", "net.tern", "--count", "0"],
        &["commit", "net.tern", "-o", "a.vk", "--secret", "a.key", "--profile", "none"],
        &["infer", "net.tern", "x.npy", "--threads", "many"],
    ];
    let before = names(folder.path());
    for args in commands {
        fail(folder.path(), 2, args);
        assert_eq!(names(folder.path()), before, "{args:?}");
        let out = run(folder.path(), &[args, &["--json"]].concat());
        let document: Value = serde_json::from_str(&out.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", out.stdout));
        assert!(document["error"].is_string(), "{args:?}");
    }
}

/// Runs `random` with a number of inputs that cannot be; nothing is written.
fn impossible_count(count: &str) {
    let folder = tempfile::tempdir().unwrap();
    let args = ["random", "--shape", "4,4,4", "-o", "a.tern", "--input", "a.npy", "--count", count];
    let out = run(folder.path(), &args);
    assert!(matches!(out.code, Some(2 | 3)), "{count}: {:?}", out.code);
    assert!(names(folder.path()).is_empty(), "{count}");
}

#[test]
fn no_random_inputs_are_refused() {
    impossible_count("0");
}

#[test]
fn too_many_random_inputs_are_refused() {
    impossible_count("18446744073709551615");
}

#[test]
fn devices_that_are_not_there() {
    let folder = committed();
    let with = |device| ["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--device", device];
    for (device, status) in [("gpu:no such adapter", 3), ("nonsense", 2), ("", 2), ("CPU", 2)] {
        let text = fail(folder.path(), status, &with(device));
        assert!(text.contains(&format!("--device {device}")), "{text}");
    }
    assert!(!folder.path().join("out.proof").exists());
    let text = fail(folder.path(), 3, &with("gpu:no such adapter"));
    assert!(text.contains("no such adapter"), "{text}");
    // With or without a GPU: a proof, or what to do.
    let out = run(folder.path(), &with("gpu"));
    match out.code {
        Some(0) => {}
        Some(3) => assert!(out.stderr.contains("install") && out.stderr.contains("--device cpu"), "{}", out.stderr),
        other => panic!("{other:?}: {}", out.stderr),
    }
    for device in ["auto", "cpu", "reference"] {
        succeed(folder.path(), &with(device));
    }
}

/// A named adapter makes the same bytes; its thresholds are its own.
#[test]
fn a_named_software_adapter_proves_the_same() {
    let folder = committed();
    let with = |device, proof| {
        let args = ["prove", "net.tern", "x.npy", "-o", proof, "--batch", "--insecure-seed", "5", "--device", device];
        run(folder.path(), &args)
    };
    assert_eq!(with("cpu", "cpu.proof").code, Some(0));
    let out = with("gpu:llvmpipe", "gpu.proof");
    if out.code == Some(3) && std::env::var_os("ZKTERN_REQUIRE_GPU").is_none() {
        println!("skipped: {}", out.stderr);
        return;
    }
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    assert_eq!(bytes(folder.path(), "cpu.proof"), bytes(folder.path(), "gpu.proof"));
    let doctor = document(folder.path(), &["doctor"]);
    let adapters = doctor["gpu"].as_array().expect("adapters");
    let software = adapters.iter().find(|a| a["name"].as_str().unwrap().contains("llvmpipe")).expect("llvmpipe");
    assert_eq!((&software["software"], &software["portable"]), (&true.into(), &true.into()));
    assert_eq!(software["native"], software["int64"]);
}

// ---- outputs that cannot be written

#[test]
fn a_missing_folder_leaves_nothing() {
    let folder = committed();
    let at = folder.path();
    let commands: [&[&str]; 3] = [
        &["random", "--shape", "4,4,4", "-o", "missing/a.tern"],
        &["commit", "net.tern", "-o", "a.vk", "--secret", "missing/a.key"],
        &["prove", "net.tern", "x.npy", "-o", "missing/a.proof", "--batch"],
    ];
    let before = names(at);
    for args in commands {
        let out = run(at, args);
        assert!(out.code != Some(0) && out.stderr.contains("missing/"), "{args:?}: {}", out.stderr);
        assert_eq!(names(at), before, "{args:?} left something");
    }
}

#[test]
fn two_outputs_are_written_both_or_not_at_all() {
    let folder = committed();
    let at = folder.path();
    let (before, key) = (names(at), bytes(at, "net.key"));
    let commands: [&[&str]; 3] = [
        &["commit", "net.tern", "-o", "missing/a.vk", "--secret", "a.key"],
        &["commit", "net.tern", "-o", "missing/net.vk", "--secret", "net.key"],
        &["random", "--shape", "4,4,4", "-o", "a.tern", "--input", "missing/a.npy"],
    ];
    let mut wrong = Vec::new();
    for args in commands {
        assert_eq!(run(at, args).code, Some(2), "{args:?}");
        if names(at) != before || bytes(at, "net.key") != key {
            wrong.push(args);
            put(at, "net.key", &key);
            names(at).iter().filter(|n| !before.contains(n)).for_each(|n| fs::remove_file(at.join(n)).unwrap());
        }
    }
    assert!(wrong.is_empty(), "one of two outputs was written: {wrong:?}");
}

#[test]
fn existing_files_survive_a_failure() {
    let folder = proved();
    let at = folder.path();
    let mut damaged = bytes(at, "net.tern");
    damaged[40] ^= 1;
    put(at, "damaged.tern", damaged);
    put(at, "wrong.json", "[1, 2]");
    let commands: [&[&str]; 6] = [
        &["commit", "damaged.tern", "-o", "net.vk", "--secret", "net.key"],
        &["commit", "net.tern", "-o", "net.vk", "--secret", "missing/net.key"],
        &["prove", "net.tern", "wrong.json", "-o", "out.proof"],
        &["prove", "net.tern", "x.npy", "-o", "out.proof"],
        &["import", "wrong.json", "-o", "net.tern"],
        &["random", "--shape", "20", "-o", "net.tern"],
    ];
    let all = |at: &Path| names(at).iter().map(|n| (n.clone(), bytes(at, n))).collect::<Vec<_>>();
    let before = all(at);
    for args in commands {
        assert_ne!(run(at, args).code, Some(0), "{args:?}");
        for ((name, old), (now_name, now)) in before.iter().zip(&all(at)) {
            assert_eq!(name, now_name, "{args:?}");
            assert!(old == now, "{args:?} changed {name}");
        }
        assert_eq!(names(at).len(), before.len(), "{args:?}");
    }
}

#[test]
fn two_outputs_need_two_files() {
    let folder = network();
    let before = bytes(folder.path(), "net.tern");
    // One would overwrite the other.
    let commands: [&[&str]; 3] = [
        &["commit", "net.tern", "-o", "./same", "--secret", "same"],
        &["commit", "net.tern", "-o", "same", "--secret", "same"],
        &["random", "--shape", "4,4,4", "-o", "same", "--input", "same"],
    ];
    let codes = commands.map(|args| run(folder.path(), args).code);
    assert_eq!(codes, [Some(2); 3], "{:?}", names(folder.path()));
    assert_eq!(names(folder.path()), ["net.tern", "x.npy"]);
    assert_eq!(bytes(folder.path(), "net.tern"), before);
}

#[test]
fn an_output_does_not_overwrite_what_the_command_reads() {
    let folder = committed();
    let at = folder.path();
    let all = |at: &Path| names(at).iter().map(|n| (n.clone(), bytes(at, n))).collect::<Vec<_>>();
    let before = all(at);
    let commands: [&[&str]; 6] = [
        &["commit", "net.tern", "-o", "./net.tern", "--secret", "a.key"],
        &["commit", "net.tern", "-o", "a.vk", "--secret", "net.tern"],
        &["prove", "net.tern", "x.npy", "-o", "net.tern", "--batch"],
        &["prove", "net.tern", "x.npy", "-o", "x.npy", "--batch"],
        &["prove", "net.tern", "x.npy", "-o", "net.key", "--batch"],
        &["prove", "net.tern", "x.npy", "-o", "net.key", "--batch", "--secret", "./net.key"],
    ];
    for args in commands {
        assert!(fail(at, 2, args).contains("read by this command"), "{args:?}");
        assert!(all(at) == before, "{args:?}");
    }
}

/// A folder as an output.
#[test]
fn a_folder_is_no_output_file() {
    let folder = committed();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let before = names(folder.path());
    let text = fail(folder.path(), 2, &["prove", "net.tern", "x.npy", "-o", "folder", "--batch"]);
    assert!(text.starts_with("folder: "), "{text}");
    assert_eq!(names(folder.path()), before);
    assert!(names(&folder.path().join("folder")).is_empty());
}

/// A reader that goes away, or a full disk behind standard output, is no reason to panic.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_takes_nothing() {
    let folder = proved();
    let commands: [&[&str]; 4] = [
        &["infer", "net.tern", "x.npy"],
        &["infer", "net.tern", "x.npy", "--json"],
        &["verify", "out.proof", "--key", "net.vk"],
        &["--help"],
    ];
    for args in commands {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        for (stdout, status) in [(Stdio::from(full), 3), (Stdio::from(closed), 0)] {
            let out = Command::new(PROGRAM).args(args).current_dir(folder.path()).stdout(stdout).output().unwrap();
            let text = String::from_utf8(out.stderr).unwrap();
            assert!(!text.contains("panicked"), "{args:?}: {text}");
            // Help is not worth a failure.
            assert_eq!(out.status.code(), Some(if args[0] == "--help" { 0 } else { status }), "{args:?}: {text}");
        }
    }
    // Standard error that takes nothing does not change the status.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let args = ["infer", "missing", "x.npy"];
    let status = Command::new(PROGRAM).args(args).current_dir(folder.path()).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

/// Unmounts when dropped, also when an assertion fails.
#[cfg(target_os = "linux")]
struct Mounted<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[cfg(target_os = "linux")]
fn tmpfs<'a>(at: &'a Path, size: &str) -> Option<Mounted<'a>> {
    fs::create_dir_all(at).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(at).output();
    if mounted.is_ok_and(|o| o.status.success()) {
        return Some(Mounted(at));
    }
    println!("skipped: a tmpfs cannot be mounted here (needs root)");
    None
}

/// Commits and proves into a disk of this size, which is too small.
#[cfg(target_os = "linux")]
fn full_disk(size: &str) {
    let folder = committed();
    let at = folder.path();
    let disk = at.join("disk");
    let Some(_mounted) = tmpfs(&disk, size) else { return };
    let commands: [&[&str]; 2] = [
        &["prove", "net.tern", "x.npy", "-o", "disk/a.proof", "--batch"],
        &["commit", "net.tern", "-o", "disk/a.vk", "--secret", "disk/a.key", "--prove-ternary"],
    ];
    for args in commands {
        let text = fail(at, 3, args);
        assert!(text.starts_with("disk/a.") && text.contains("space"), "{text}");
        assert!(names(&disk).is_empty(), "{args:?} left {:?}", names(&disk));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing() {
    full_disk("4k");
}

/// The secret fits, the key does not.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_with_room_for_the_secret_alone_is_left_empty() {
    full_disk("8k");
}

/// A limit on the size of files works without special rights.
#[cfg(target_os = "linux")]
#[test]
fn a_file_size_limit_leaves_nothing() {
    let folder = committed();
    let at = folder.path();
    let before = names(at);
    for command in ["commit net.tern -o a.vk --secret a.key", "prove net.tern x.npy -o a.proof --batch"] {
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {PROGRAM} {command}");
        let out = check(&[command], Command::new("sh").args(["-c", &script]).current_dir(at).output().unwrap());
        assert!(matches!(out.code, Some(2 | 3)), "{:?}: {}", out.code, out.stderr);
        assert_eq!(names(at), before, "{command}");
    }
}

// ---- interruption

/// Waits until a process handles interrupts: before that it dies as any process would.
#[cfg(target_os = "linux")]
fn handles_interrupts(pid: u32) -> bool {
    let caught = |status: String| {
        let line = status.lines().find_map(|l| l.strip_prefix("SigCgt:"))?.trim().to_owned();
        Some(u64::from_str_radix(&line, 16).ok()? & 2 != 0)
    };
    for _ in 0..2000 {
        if fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(caught) == Some(true) {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    false
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_commit_leaves_the_old_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    succeed(at, &["random", "--shape", "784,4096,4096,10", "--seed", "1", "-o", "large.tern"]);
    put(at, "old.vk", "an old key");
    put(at, "old.key", "an old secret");
    for delay in [0, 100, 400] {
        let mut child = Command::new(PROGRAM)
            .args(["commit", "large.tern", "-o", "old.vk", "--secret", "old.key"])
            .current_dir(at)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert!(handles_interrupts(child.id()), "the handler is set up");
        std::thread::sleep(std::time::Duration::from_millis(delay));
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).output().unwrap();
        let done = child.try_wait().unwrap().is_some();
        let out = child.wait_with_output().unwrap();
        let text = String::from_utf8(out.stderr).unwrap();
        assert!(!text.contains("panicked"), "{text}");
        assert_eq!(names(at), ["large.tern", "old.key", "old.vk"], "after {delay} ms");
        match out.status.code() {
            Some(130) => {
                assert!(text.contains("interrupted"), "{text}");
                assert_eq!(bytes(at, "old.vk"), b"an old key");
                assert_eq!(bytes(at, "old.key"), b"an old secret");
            }
            Some(0) => {
                println!("after {delay} ms it was done (sent: {}, ended: {done})", sent.status.success());
                succeed(at, &["inspect", "old.vk"]);
                succeed(at, &["inspect", "old.key"]);
                put(at, "old.vk", "an old key");
                put(at, "old.key", "an old secret");
            }
            other => panic!("status {other:?}: {text}"),
        }
    }
}

// ---- bench

#[test]
fn bench_matvec_measures_every_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "matvec", "--min-log", "5", "--max-log", "6", "--samples", "2", "--html", "report.html"];
    let printed = document(at, &[&args[..], &["--json-file", "rows.json"]].concat());
    assert_eq!(names(at), ["report.html", "rows.json"]);
    let kept: Value = serde_json::from_slice(&bytes(at, "rows.json")).unwrap();
    assert_eq!(kept, printed);
    let rows = printed["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 16);
    for row in rows {
        assert_eq!(row["valid"], true);
        for key in ["prove_s", "prove_s_min", "open_s", "prove_with_opening_s", "verify_s", "commit_s"] {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key}: {row}");
        }
        let (claim, opened) = (row["proof_bytes"].as_u64().unwrap(), row["proof_with_opening_bytes"].as_u64().unwrap());
        // An opening sends a row and seven words.
        assert_eq!(opened - claim, 32 * ((1 << row["log"].as_u64().unwrap()) + 7), "{row}");
    }
    let gates = |name: &str| rows.iter().find(|r| r["configuration"] == name && r["log"] == 6).unwrap()["gates"].clone();
    assert_eq!(gates("gkr-dense"), serde_json::json!([4096, 2 * (4096 - 64)]));
    assert_eq!(gates("gkr-sparse")[0], 64 * 4);
    let ratios = printed["comparisons"].as_array().unwrap();
    assert!(ratios.iter().any(|c| c["what"].as_str().unwrap().starts_with("gkr-dense / ternary-1/16")));
    let html = String::from_utf8(bytes(at, "report.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("gkr-dense") && !html.contains("http") && !html.contains("src="));
}

#[test]
fn bench_mlp_and_stages_give_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "mlp", "--hidden", "16,8x8", "--count", "1,3", "--density", "0.5", "--samples", "2"];
    let mlp = document(at, &args);
    let rows = mlp["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        for key in ["commit_s", "prove_s", "verify_s", "floor_s", "proof_bytes", "key_bytes", "nnz"] {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key}: {row}");
        }
        let stages: f64 = row["stages"].as_object().unwrap().values().map(|v| v.as_f64().unwrap()).sum();
        assert!(stages <= 1.01 * row["prove_s_max"].as_f64().unwrap(), "{row}");
    }
    let args =
        ["bench", "stages", "--log-size", "8", "--samples", "1", "--device", "cpu,reference", "--json-file", "s.json"];
    succeed(at, &args);
    let stages: Value = serde_json::from_slice(&bytes(at, "s.json")).unwrap();
    let rows = stages["rows"].as_array().unwrap();
    let of = |device: &str| rows.iter().filter(|r| r["device"].as_str().unwrap().starts_with(device)).count();
    assert!(of("cpu") > 25 && of("cpu") == of("reference"), "{} {}", of("cpu"), of("reference"));
}

#[test]
fn bench_refuses_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let suite = fail(at, 2, &["bench", "gkr", "--json-file", "rows.json"]);
    assert!(suite.contains("matvec, mlp, stages, all"), "{suite}");
    assert!(fail(at, 2, &["bench", "matvec", "--only", "gkr"]).contains("gkr-dense"));
    for args in [
        &["bench", "matvec", "--samples", "0"][..],
        &["bench", "matvec", "--min-log", "9", "--max-log", "8"],
        &["bench", "mlp", "--hidden", "12,x"],
        &["bench", "mlp", "--count", "0"],
        &["bench", "mlp", "--density", "2"],
        &["bench", "stages", "--log-size", "60"],
        &["bench", "stages", "--device", "cpu,quantum"],
        &["bench", "mlp", "--json-file", "a", "--html", "a"],
    ] {
        fail(at, 2, args);
    }
    #[cfg(target_os = "linux")]
    {
        let memory = fail(at, 3, &["bench", "matvec", "--max-log", "15", "--only", "gkr-dense"]);
        assert!(memory.contains("needs about") && memory.contains("--max-log"), "{memory}");
    }
    assert!(names(at).is_empty());
}

#[cfg(unix)]
#[test]
fn an_interrupted_bench_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "stages", "--log-size", "10", "--samples", "1000", "--json-file", "rows.json"];
    let mut child =
        Command::new(PROGRAM).args(args).current_dir(at).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let since = std::time::Instant::now();
    while !at.join("rows.json").exists() {
        assert!(since.elapsed().as_secs() < 60, "no row after a minute");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let kept: Value = serde_json::from_slice(&bytes(at, "rows.json")).unwrap();
    assert!(!kept["rows"].as_array().unwrap().is_empty());
    assert_eq!(names(at), ["rows.json"]);
}
