//! Statements that a proof is not about.

use super::*;

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
