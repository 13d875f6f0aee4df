//! Files that are damaged, missing, or something else; arguments and devices that are not usable.

use super::*;

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
