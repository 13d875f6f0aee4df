//! Interruption.

use super::*;

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
