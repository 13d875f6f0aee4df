//! Many inputs: where they come from, and the proofs that they end in.

use super::*;

/// The inputs of `x.npy`, one by one.
fn items(at: &Path) -> Vec<Vec<i32>> {
    values(at).chunks(WIDTH).map(<[i32]>::to_vec).collect()
}

fn json(values: &[i32]) -> String {
    serde_json::to_string(values).unwrap()
}

/// An IDX file of unsigned bytes.
fn idx(items: &[Vec<i32>]) -> Vec<u8> {
    let mut out = vec![0, 0, 8, 2];
    [items.len(), WIDTH].iter().for_each(|n| out.extend((*n as u32).to_be_bytes()));
    out.extend(items.iter().flatten().map(|v| u8::try_from(*v).unwrap()));
    out
}

/// A grey image of 5 x 4 pixels.
fn pgm(values: &[i32]) -> String {
    let pixels: Vec<String> = values.iter().map(i32::to_string).collect();
    format!("P2\n5 4\n255\n{}\n", pixels.join(" "))
}

/// `prove` of some inputs, reproducible.
fn prove<'a>(inputs: &[&'a str], output: &'a str) -> Vec<&'a str> {
    let rest = ["-o", output, "--batch", "--insecure-seed", "7"];
    [&["prove", "net.tern"], inputs, &rest].concat()
}

/// `committed`, and `stacked.proof` about all inputs of `x.npy`.
fn stacked() -> TempDir {
    let folder = committed();
    succeed(folder.path(), &prove(&["x.npy"], "stacked.proof"));
    folder
}

#[test]
fn a_folder_is_its_files_in_the_order_of_their_names() {
    let folder = stacked();
    let at = folder.path();
    let x = items(at);
    fs::create_dir(at.join("digits")).unwrap();
    // One file of each sort, written in another order than they are read; hidden files are left out.
    put(at, "digits/c.idx", idx(&x[2..]));
    put(at, "digits/a.json", json(&x[0]));
    put(at, "digits/b.pgm", pgm(&x[1]));
    put(at, "digits/.hidden", "not an input");
    let document = document(at, &prove(&["digits"], "folder.proof"));
    assert_eq!(document["inputs"], INPUTS);
    assert_eq!(bytes(at, "folder.proof"), bytes(at, "stacked.proof"));
    succeed(at, &["verify", "folder.proof", "--key", "net.vk", "--input", "digits"]);
    let (one, all) = (succeed(at, &["infer", "net.tern", "digits"]), succeed(at, &["infer", "net.tern", "x.npy"]));
    assert_eq!(one, all);
}

#[test]
fn several_files_are_taken_as_they_are_named() {
    let folder = stacked();
    let at = folder.path();
    let x = items(at);
    put(at, "one.json", json(&x[0]));
    put(at, "rest.idx", idx(&x[1..]));
    put(at, "all.idx", idx(&x));
    for inputs in [&["one.json", "rest.idx"][..], &["all.idx"]] {
        succeed(at, &prove(inputs, "several.proof"));
        assert_eq!(bytes(at, "several.proof"), bytes(at, "stacked.proof"), "{inputs:?}");
    }
    succeed(at, &prove(&["rest.idx", "one.json"], "other.proof"));
    assert_ne!(bytes(at, "other.proof"), bytes(at, "stacked.proof"), "another order is another statement");
    let text = fail(at, 2, &["prove", "net.tern", "one.json", "rest.idx", "-o", "out.proof"]);
    assert!(text.contains("--batch"), "{text}");
    // One file of one input is no batch, wherever it lies.
    fs::create_dir(at.join("one")).unwrap();
    put(at, "one/x.json", json(&x[0]));
    succeed(at, &["prove", "net.tern", "one", "-o", "out.proof"]);
}

#[test]
fn what_is_wrong_in_a_folder_is_named() {
    let folder = committed();
    let at = folder.path();
    let x = items(at);
    fs::create_dir_all(at.join("digits/inner")).unwrap();
    fs::create_dir(at.join("empty")).unwrap();
    put(at, "digits/a.json", json(&x[0]));
    let before = names(at);
    let refused = |inputs: &[&str]| {
        let args = [&["prove", "net.tern"], inputs, &["-o", "out.proof", "--batch"]].concat();
        let text = fail(at, 2, &args);
        assert_eq!(names(at), before, "{args:?}");
        text
    };
    let text = refused(&["empty"]);
    assert!(text.starts_with("empty: ") && text.contains("empty folder"), "{text}");
    let text = refused(&["digits"]);
    assert!(text.starts_with("digits/inner: ") && text.contains("folder"), "{text}");
    fs::remove_dir(at.join("digits/inner")).unwrap();
    for (name, contents, what) in [
        ("b.json", json(&x[1][1..]), "19"),
        ("b.txt", "hello".into(), "unknown format"),
        ("b.pgm", pgm(&x[1]).replace("5 4", "5 5"), "5 x 5"),
        ("b.zero", String::new(), "empty"),
    ] {
        put(at, &format!("digits/{name}"), contents);
        let text = refused(&["digits"]);
        assert!(text.starts_with(&format!("digits/{name}: ")) && text.contains(what), "{text}");
        fs::remove_file(at.join("digits").join(name)).unwrap();
    }
    assert!(refused(&["x.npy", "missing"]).starts_with("missing: "));
    // A file of the folder is read by the command like any other.
    let text = fail(at, 2, &["prove", "net.tern", "digits", "-o", "digits/a.json", "--batch"]);
    assert!(text.contains("read by this command"), "{text}");
}
