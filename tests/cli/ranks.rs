//! One proof on several ranks of this process, and what happens under a launcher of many processes.

use super::*;

const PROVE: [&str; 8] = ["prove", "net.tern", "x.npy", "--batch", "--insecure-seed", "7", "--device", "cpu"];

#[test]
fn ranks_of_one_process_make_the_same_proof() {
    let folder = committed();
    let at = folder.path();
    for private in [&[][..], &["--private-input"]] {
        succeed(at, &[&PROVE[..], private, &["-o", "one.proof"]].concat());
        for ranks in ["2", "3", "5"] {
            let json =
                document(at, &[&PROVE[..], private, &["-o", "many.proof", "--ranks", ranks, "--threads", "4"]].concat());
            assert_eq!(json["ranks"].to_string(), ranks);
            assert_eq!(bytes(at, "many.proof"), bytes(at, "one.proof"), "{ranks} ranks, {private:?}");
        }
    }
    succeed(at, &["verify", "many.proof", "--key", "net.vk"]);
    let json = document(at, &[&PROVE[..], &["-o", "one.proof"]].concat());
    assert_eq!(json["ranks"], 1);
}

#[test]
fn standard_input_is_read_once() {
    let folder = committed();
    let at = folder.path();
    let args = ["prove", "net.tern", "-", "--batch", "-o", "out.proof", "--ranks", "3"];
    let mut child = Command::new(PROGRAM)
        .args(args)
        .current_dir(at)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes(at, "x.npy")).unwrap();
    let out = check(&args, child.wait_with_output().unwrap());
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    succeed(at, &["verify", "out.proof", "--key", "net.vk", "--input", "x.npy"]);
}

#[test]
fn what_goes_wrong_is_told_once() {
    let folder = committed();
    let at = folder.path();
    let before = names(at);
    let told = fail(at, 2, &["prove", "net.tern", "none.npy", "-o", "out.proof", "--ranks", "3"]);
    assert!(told.starts_with("none.npy: "), "{told}");
    let told = fail(at, 2, &["prove", "net.tern", "x.npy", "-o", "out.proof", "--ranks", "2"]);
    assert!(told.contains("add --batch"), "{told}");
    for ranks in ["0", "257"] {
        let told = fail(at, 2, &[&PROVE[..], &["-o", "out.proof", "--ranks", ranks]].concat());
        assert_eq!(told, format!("--ranks {ranks}: expected 1 to 256"));
    }
    assert_eq!(names(at), before);
}

/// A process of a job that has no launcher.
fn in_job(folder: &Path, rank: &str, args: &[&str]) -> Output {
    let job = [("OMPI_COMM_WORLD_SIZE", "2"), ("OMPI_COMM_WORLD_RANK", rank)];
    Command::new(PROGRAM).args(args).current_dir(folder).envs(job).output().unwrap()
}

#[test]
fn processes_that_would_write_the_same_files_are_refused() {
    let folder = committed();
    let at = folder.path();
    let before = names(at);
    let mut refused = vec![
        (["commit", "net.tern", "-o", "a.vk", "--secret", "a.key"], "only prove shares its work"),
        (["prove", "net.tern", "x.npy", "-o", "a.proof", "--ranks=2"], "leave it out under mpirun"),
    ];
    if cfg!(not(feature = "mpi")) {
        refused.push((["prove", "net.tern", "x.npy", "--batch", "-o", "a.proof"], "without the feature `mpi`"));
    }
    for (args, why) in refused {
        let told = sentence(2, &args, &check(&args, in_job(at, "0", &args)));
        assert!(told.contains(why), "{told}");
        let other = in_job(at, "1", &args);
        assert_eq!((other.status.code(), other.stdout, other.stderr), (Some(2), vec![], vec![]), "one rank speaks");
    }
    assert_eq!(names(at), before);
}
