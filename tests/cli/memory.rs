//! Budgets of memory: they are kept to, whatever that takes, and refused when they are too small.

use super::*;

const BATCH: usize = 1024;

/// A network whose lookups are most of what a batch of [`BATCH`] inputs takes.
fn large() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let count = BATCH.to_string();
    succeed(at, &["random", "--shape", "64,256,10", "-o", "net.tern", "--input", "x.npy", "--count", &count]);
    succeed(at, &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key"]);
    folder
}

/// `prove` within a budget, reproducible: its document.
fn within(at: &Path, budget: u64) -> Value {
    let budget = budget.to_string();
    document(at, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--insecure-seed", "1", "--memory", &budget])
}

/// What `estimate` says about a budget.
fn estimate(at: &Path, budget: u64) -> Value {
    let (count, budget) = (BATCH.to_string(), budget.to_string());
    document(at, &["estimate", "net.tern", "--count", &count, "--memory", &budget])
}

/// The largest budget that is too small for one proof.
fn too_small_for_one(at: &Path) -> u64 {
    let mut budget = 1 << 40;
    loop {
        let forecast = estimate(at, budget);
        if forecast["parts"].as_array().unwrap().len() > 1 {
            return budget;
        }
        budget = forecast["host_bytes"].as_u64().unwrap() - 1;
    }
}

/// What `prove` says that it takes at most.
fn at_most(document: &Value) -> u64 {
    document["memory"]["at_most_bytes"].as_u64().unwrap()
}

/// The process's peak is within what was said, and that within the budget.
fn kept(document: &Value, budget: u64) {
    assert!(at_most(document) <= budget, "{budget}: {}", document["memory"]);
    if cfg!(target_os = "linux") {
        let peak = document["peak_rss_bytes"].as_u64().unwrap();
        assert!(peak <= budget, "a peak of {peak} bytes within {budget}: {}", document["memory"]);
    }
}

/// Where reading the inputs takes more than proving them in many parts.
#[test]
fn inputs_are_counted_while_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    succeed(at, &["random", "--shape", "784,16,10", "-o", "net.tern", "--input", "x.npy", "--count", "4096"]);
    succeed(at, &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key"]);
    let refused = fail(at, 2, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--memory", "1000"]);
    let smallest = refused.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(smallest > 2 * 4 * 784 * 4096, "{refused}");
    kept(&within(at, smallest), smallest);
}

#[test]
fn budgets_are_kept_and_do_not_change_the_proof() {
    let folder = large();
    let at = folder.path();
    let first = document(at, &["prove", "net.tern", "x.npy", "-o", "all.proof", "--batch", "--insecure-seed", "1"]);
    assert_eq!((&first["memory"]["depth"], &first["split"]), (&0.into(), &Value::Null));
    let expected = bytes(at, "all.proof");
    // Every step is one byte too small for the one before.
    let (mut budget, mut depths) = (at_most(&first), Vec::new());
    loop {
        let run = within(at, budget);
        kept(&run, budget);
        if run["proofs"].as_array().unwrap().len() > 1 {
            break;
        }
        assert!(bytes(at, "out.proof") == expected, "{}", run["memory"]);
        fs::remove_file(at.join("out.proof")).unwrap();
        depths.push(run["memory"]["depth"].as_u64().unwrap());
        budget = at_most(&run) - 1;
    }
    assert!(depths.len() > 2 && depths.is_sorted(), "{depths:?}");
    assert!(!at.join("out.proof").exists(), "parts have names of their own");
}

#[test]
fn a_batch_that_does_not_fit_is_split_and_said_so() {
    let folder = large();
    let at = folder.path();
    let whole = document(at, &["infer", "net.tern", "x.npy"]);
    let budget = too_small_for_one(at);
    let run = within(at, budget);
    kept(&run, budget);
    let proofs = run["proofs"].as_array().unwrap();
    let count = proofs.len();
    assert!(count > 1);
    let why = run["split"].as_str().unwrap();
    assert!(why.contains(&format!("1024 inputs in {count} proofs")) && why.contains(&budget.to_string()), "{why}");
    let forecast = estimate(at, budget);
    assert_eq!((&forecast["host_bytes"], &forecast["depth"]), (&at_most(&run).into(), &run["memory"]["depth"]));
    let mut outputs = Vec::new();
    for (n, proof) in proofs.iter().enumerate() {
        let name = format!("out-{}-of-{count}.proof", n + 1);
        assert_eq!((&proof["file"], &proof["proof_bytes"]), (&Value::from(name.clone()), &bytes(at, &name).len().into()));
        assert_eq!(proof["inputs"], forecast["parts"][n]);
        let verified = document(at, &["verify", &name, "--key", "net.vk"]);
        assert_eq!(verified["inputs"], proof["inputs"]);
        outputs.extend(verified["outputs"].as_array().unwrap().clone());
    }
    assert_eq!(Value::from(outputs), whole["outputs"], "every input is in one of the proofs, in order");
    assert_eq!(names(at).len(), count + 4);
    let budget = budget.to_string();
    let text = succeed(at, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--memory", &budget]);
    assert!(text.contains(why), "{text}");
}

#[test]
fn a_budget_that_is_too_small_is_refused_with_one_that_works() {
    let folder = committed();
    let at = folder.path();
    let before = names(at);
    let with = |budget: &str| run(at, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--memory", budget]);
    let refused = |budget: &str| {
        let out = with(budget);
        assert_eq!((out.code, names(at)), (Some(2), before.clone()), "{budget}: {}", out.stderr);
        let (_, rest) = out.stderr.split_once("expected at least ").expect("what works");
        rest.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let smallest = refused("1MiB");
    assert_eq!(refused(&(smallest - 1).to_string()), smallest);
    assert_eq!(with(&smallest.to_string()).code, Some(0));
    let text = fail(at, 2, &["estimate", "net.tern", "--memory", "1MiB"]);
    assert!(text.contains("expected at least"), "{text}");
}

#[test]
fn sizes_that_are_none_are_refused() {
    let folder = committed();
    for size in ["0", "much", "12XB", "1e9", ""] {
        let text = fail(folder.path(), 2, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--memory", size]);
        assert!(text.contains("--memory"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn parts_are_written_all_or_not_at_all() {
    let folder = large();
    let at = folder.path();
    let budget = too_small_for_one(at);
    let count = estimate(at, budget)["parts"].as_array().unwrap().len();
    let budget = budget.to_string();
    // The last part cannot be written: its place is a folder.
    fs::create_dir(at.join(format!("out-{count}-of-{count}.proof"))).unwrap();
    let before = names(at);
    fail(at, 2, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--batch", "--quiet", "--memory", &budget]);
    assert_eq!(names(at), before);
    // Or it is read by the command itself.
    let input = format!("in-1-of-{count}.proof");
    fs::copy(at.join("x.npy"), at.join(&input)).unwrap();
    let text = fail(at, 2, &["prove", "net.tern", &input, "-o", "in.proof", "--batch", "--quiet", "--memory", &budget]);
    assert!(text.contains("read by this command"), "{text}");
}
