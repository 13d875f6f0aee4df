//! What works, and what it prints.

use super::*;

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
