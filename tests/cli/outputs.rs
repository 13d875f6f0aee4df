//! Outputs that cannot be written.

use super::*;

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
