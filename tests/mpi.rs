//! The program under `mpirun`, on this machine. Without the feature `mpi`, or without `mpirun`, the tests print that they were
//! skipped; `ZKTERN_REQUIRE_MPI=1` makes that a failure.

#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_zktern");

/// Whether there is an MPI to test with.
fn available() -> bool {
    let found = Command::new("mpirun").arg("--version").output().is_ok_and(|o| o.status.success());
    let why = match (cfg!(feature = "mpi"), found) {
        (true, true) => return true,
        (false, _) => "built without the feature `mpi`",
        (true, false) => "mpirun is not installed",
    };
    assert!(std::env::var_os("ZKTERN_REQUIRE_MPI").is_none(), "{why}");
    println!("skipped: {why}");
    false
}

/// The launcher, told that more ranks than cores and the superuser are all right.
fn launcher(folder: &Path) -> Command {
    let mut command = Command::new("mpirun");
    let root = [("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")];
    command.arg("--oversubscribe").envs(root).current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let out = Command::new(PROGRAM).args(args).current_dir(folder).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", text(&out.stderr));
    out
}

/// A folder with a committed network and inputs.
fn committed(shape: &str, count: &str, seed: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &["random", "--shape", shape, "--seed", seed, "-o", "net.tern", "--input", "x.npy", "--count", count]);
    run(at, &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key", "--insecure-seed", "1"]);
    folder
}

const PROVE: [&str; 9] = ["prove", "net.tern", "x.npy", "--batch", "--insecure-seed", "7", "--threads", "1", "-o"];

/// The sentence of a failed job, told once.
fn failure(out: &Output) -> String {
    assert!(!out.status.success());
    let stderr = text(&out.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    let told: Vec<&str> = stderr.lines().filter_map(|l| l.strip_prefix("error: ")).collect();
    assert_eq!(told.len(), 1, "{stderr}");
    told[0].to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut out: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    out.sort();
    out
}

#[test]
fn jobs_make_the_proof_of_one_process() {
    if !available() {
        return;
    }
    let folder = committed("100,300,200,10", "6", "3");
    let at = folder.path();
    run(at, &[&PROVE[..], &["one.proof"]].concat());
    for ranks in ["2", "3", "4"] {
        let job = launcher(at).args(["-n", ranks, PROGRAM]).args(PROVE).args(["many.proof", "--json"]).output().unwrap();
        assert!(job.status.success(), "{}", text(&job.stderr));
        let document: serde_json::Value = serde_json::from_slice(&job.stdout).expect("one document");
        assert_eq!(document["ranks"].to_string(), ranks);
        assert!(fs::read(at.join("many.proof")).unwrap() == fs::read(at.join("one.proof")).unwrap(), "{ranks} ranks");
        let warnings = text(&job.stderr).lines().filter(|l| l.starts_with("warning: --insecure-seed")).count();
        assert_eq!(warnings, 1, "one rank speaks");
    }
    // Fresh randomness is one rank's for all.
    let fresh = ["prove", "net.tern", "-", "--batch", "-o", "fresh.proof"];
    let input = fs::File::open(at.join("x.npy")).unwrap();
    let job = launcher(at).args(["-n", "2", PROGRAM]).args(fresh).stdin(input).output().unwrap();
    assert!(job.status.success(), "{}", text(&job.stderr));
    run(at, &["verify", "fresh.proof", "--key", "net.vk", "--input", "x.npy"]);
}

#[test]
fn a_rank_with_other_files_is_named() {
    if !available() {
        return;
    }
    let (first, second) = (committed("40,30,5", "2", "3"), committed("40,30,5", "2", "4"));
    let job = |other: &Path| {
        let mut command = launcher(first.path());
        command.args(["-n", "1", PROGRAM]).args(PROVE).args(["out.proof", ":", "-n", "1", "--wdir"]).arg(other);
        command.arg(PROGRAM).args(PROVE).arg("out.proof").output().unwrap()
    };
    let out = job(second.path());
    let told = failure(&out);
    assert!(told.starts_with("rank 1: it has another network"), "{told}");
    assert_eq!(out.status.code(), Some(2));
    fs::copy(first.path().join("net.tern"), second.path().join("net.tern")).unwrap();
    assert!(failure(&job(second.path())).starts_with("rank 1: it has another secret"));
    fs::copy(first.path().join("net.key"), second.path().join("net.key")).unwrap();
    assert!(failure(&job(second.path())).starts_with("rank 1: it has another input"));
    fs::remove_file(second.path().join("x.npy")).unwrap();
    assert!(failure(&job(second.path())).starts_with("rank 1: x.npy: cannot read it"));
    let nowhere = tempfile::tempdir().unwrap();
    assert!(failure(&job(nowhere.path())).starts_with("rank 1: net.tern: cannot read it"));
    assert!(!names(first.path()).contains(&"out.proof".to_owned()));
}

/// The process of a rank of a job, once it runs.
#[cfg(target_os = "linux")]
fn process_of(launcher: u32, rank: usize) -> Option<String> {
    let wanted = format!("OMPI_COMM_WORLD_RANK={rank}");
    let is_rank = |pid: &str| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let parent = text(&read("stat")).rsplit(") ").next().and_then(|s| s.split(' ').nth(1)?.parse().ok());
        let program = read("cmdline").split(|b| *b == 0).next().is_some_and(|a| a == PROGRAM.as_bytes());
        parent == Some(launcher) && program && read("environ").split(|b| *b == 0).any(|v| v == wanted.as_bytes())
    };
    for _ in 0..10_000 {
        let all = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().into_string().ok());
        if let Some(pid) = all.filter(|n| n.bytes().all(|b| b.is_ascii_digit())).find(|pid| is_rank(pid)) {
            return Some(pid);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    None
}

#[cfg(target_os = "linux")]
#[test]
fn a_rank_that_is_killed_ends_the_job_and_nothing_is_written() {
    if !available() {
        return;
    }
    let folder = committed("784,4096,4096,10", "64", "3");
    let at = folder.path();
    let before = names(at);
    for (rank, delay) in [(1, 0), (0, 300), (1, 600)] {
        let mut job = launcher(at);
        job.args(["-n", "2", PROGRAM]).args(PROVE).arg("out.proof").stdout(Stdio::null()).stderr(Stdio::null());
        let mut job = job.spawn().unwrap();
        let process = process_of(job.id(), rank).expect("the rank runs");
        std::thread::sleep(std::time::Duration::from_millis(delay));
        assert!(job.try_wait().unwrap().is_none(), "such a proof takes longer than {delay} ms");
        assert!(Command::new("kill").args(["-9", &process]).status().unwrap().success());
        assert!(!job.wait().unwrap().success());
        assert_eq!(names(at), before, "rank {rank} after {delay} ms");
    }
}
