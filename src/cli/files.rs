//! Reading and writing files: bounded reads, whole writes.
//!
//! A file is written to a temporary name beside its place, flushed, then renamed: an interrupted or failed run leaves the old
//! file whole and no half-written one. Files that belong together are renamed only when all of them are complete.

use super::Failure;
use crate::model::Network;
use crate::model::codec::{self, FileError, Kind};
use crate::protocol::{Proof, VerifyingKey};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Largest input or foreign file that is read.
const MAX_FOREIGN: u64 = 4 << 30;

/// What an interruption has to clean up and to say.
struct InProgress {
    temporary: Vec<PathBuf>,
    written: Vec<String>,
}

static IN_PROGRESS: Mutex<InProgress> = Mutex::new(InProgress { temporary: Vec::new(), written: Vec::new() });

fn files_in_progress() -> MutexGuard<'static, InProgress> {
    // A poisoned lock means that a thread panicked; its lists are still right.
    IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("{}: cannot {verb} it ({error})", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::OutOfMemory => {
            Failure::machine(format!("{message}; free some space or write elsewhere"))
        }
        _ => Failure::usage(message),
    }
}

/// The name of a file in messages.
pub(super) fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Files up to this length are read before anything but the frame is looked at; larger ones have to look right first.
const SMALL: u64 = 16 << 20;

/// First bytes of a payload that say how long it must be: an architecture, or a proof's counts.
const HEAD: u64 = 1 << 14;

/// What a file is, from its first bytes; a pipe, which can be read but once, keeps them.
pub(super) fn kind(path: &Path) -> Result<Option<Kind>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    if file.metadata().is_ok_and(|m| m.is_file()) {
        file.take(codec::PREFIX as u64).read_to_end(&mut bytes).map_err(|e| cannot("read", path, &e))?;
    }
    Ok(codec::kind_of(&bytes))
}

/// Reads one of our files whole, after its first bytes have said that it is the right kind and length.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, Failure> {
    read_after(path, kind, |_| Ok(None))
}

/// Reads a verifying key.
pub(super) fn read_key(path: &Path) -> Result<VerifyingKey, Failure> {
    let lengths = |head: &[u8]| Ok(Some(VerifyingKey::payload_lengths(head, &name(path))?.to_vec()));
    Ok(VerifyingKey::from_bytes(&read_after(path, Kind::VerifyingKey, lengths)?, &name(path))?)
}

/// Reads a proof that is to be checked against a key; with the length of its file.
pub(super) fn read_proof(path: &Path, key: &VerifyingKey) -> Result<(Proof, usize), Failure> {
    let lengths = |head: &[u8]| Ok(Some(vec![Proof::payload_length(head, key, &name(path))?]));
    let bytes = read_after(path, Kind::Proof, lengths)?;
    Ok((Proof::from_bytes(&bytes, &name(path))?, bytes.len()))
}

/// The same, where the payload's first bytes tell how long it can be (`None`: anything goes).
fn read_after(
    path: &Path,
    kind: Kind,
    lengths: impl Fn(&[u8]) -> Result<Option<Vec<u64>>, FileError>,
) -> Result<Vec<u8>, Failure> {
    let mut file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    let found = file.metadata().map_err(|e| cannot("read", path, &e))?;
    let mut bytes = Vec::new();
    let mut more = |limit: u64, bytes: &mut Vec<u8>| {
        let rest = limit.saturating_sub(bytes.len() as u64);
        (&mut file).take(rest).read_to_end(bytes).map_err(|e| cannot("read", path, &e))
    };
    more(codec::PREFIX as u64, &mut bytes)?;
    let expected = codec::expected_length(kind, &bytes, &name(path))?;
    if found.is_file() {
        codec::check_length(found.len(), expected, &name(path))?;
    }
    if expected > SMALL {
        more(codec::PREFIX as u64 + HEAD, &mut bytes)?;
        let possible = lengths(bytes.get(codec::PREFIX..).unwrap_or_default())?;
        let frame = codec::frame_length(0);
        if let Some(possible) = possible.filter(|p| !p.iter().any(|n| n + frame == expected)) {
            let wanted = possible.iter().max().map_or(0, |n| n + frame);
            let message = format!("{}: {expected} bytes, expected {wanted} for what it begins with", name(path));
            return Err(Failure::usage(message));
        }
    }
    // One byte more than announced, so that a pipe that goes on is noticed.
    more(expected.saturating_add(1), &mut bytes)?;
    Ok(bytes)
}

/// Reads a foreign file, or standard input for `-`.
pub(super) fn read_foreign(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_FOREIGN + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|f| f.take(MAX_FOREIGN + 1).read_to_end(&mut bytes))
    };
    read.map_err(|e| cannot("read", path, &e))?;
    if bytes.len() as u64 > MAX_FOREIGN {
        return Err(Failure::usage(format!("{}: larger than {MAX_FOREIGN} bytes; split it", name(path))));
    }
    Ok(bytes)
}

/// Whether a file has the ending of a model of another program; anything else is taken for one of ours, which says more about
/// what is wrong with it.
pub(super) fn is_foreign(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx") || e.eq_ignore_ascii_case("safetensors"))
}

/// Reads a network.
pub(super) fn read_network(path: &Path) -> Result<Network, Failure> {
    Ok(Network::from_bytes(&read(path, Kind::Model)?, &name(path))?)
}

/// Inputs of a network from a file, or from all files of a folder.
pub(super) fn read_inputs(path: &Path, network: &crate::model::Architecture) -> Result<Vec<i32>, Failure> {
    read_all_inputs(&input_files(&[path])?, network, &read_foreign)
}

/// Bytes of the largest of some files.
pub(super) fn largest(paths: &[PathBuf]) -> u64 {
    paths.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|m| m.len()).max().unwrap_or(0)
}

/// Inputs of a network from files, one after the other, each read as `read` does.
pub(super) fn read_all_inputs(
    paths: &[PathBuf],
    network: &crate::model::Architecture,
    read: &dyn Fn(&Path) -> Result<Vec<u8>, Failure>,
) -> Result<Vec<i32>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let bytes = read(path)?;
        let some = super::input::read_inputs(&bytes, &name(path), network.inputs(0), network.input)?;
        if all.is_empty() { all = some } else { all.extend(some) }
    }
    Ok(all)
}

/// The files of inputs that paths stand for: of a folder all that it holds but hidden ones, in the order of their names.
pub(super) fn input_files(paths: &[impl AsRef<Path>]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        if !path.is_dir() {
            all.push(path.to_owned());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut names: Vec<_> =
            entries.map_err(|e| cannot("read", path, &e))?.iter().map(std::fs::DirEntry::file_name).collect();
        names.retain(|n| !n.as_encoded_bytes().starts_with(b"."));
        names.sort();
        let files: Vec<PathBuf> = names.iter().map(|n| path.join(n)).collect();
        if let Some(folder) = files.iter().find(|f| f.is_dir()) {
            return Err(Failure::usage(format!("{}: a folder within a folder, expected files of inputs", name(folder))));
        }
        if files.is_empty() {
            return Err(Failure::usage(format!("{}: an empty folder, expected files of inputs", name(path))));
        }
        all.extend(files);
    }
    Ok(all)
}

/// `OUT-2-of-3.proof` for part 2 of 3 of `OUT.proof`; the path itself when there is one part.
pub(super) fn part(path: &Path, number: usize, of: usize) -> PathBuf {
    if of == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}-of-{of}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

/// Who may read a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// The owner alone.
    Owner,
}

/// A file to write.
pub(super) struct Target<'a> {
    pub(super) path: &'a Path,
    pub(super) bytes: &'a [u8],
    pub(super) access: Access,
}

/// Where a path leads, its last part apart from that (it need not exist).
fn place(path: &Path) -> PathBuf {
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    let name = path.file_name().unwrap_or_default();
    folder(path).canonicalize().map_or_else(|_| path.to_owned(), |f| f.join(name))
}

/// The folder that a file lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses outputs that would overwrite each other, or a file that the command reads.
pub(super) fn distinct(outputs: &[&Path], inputs: &[&Path]) -> Result<(), Failure> {
    let read: Vec<PathBuf> = inputs.iter().filter(|p| p.as_os_str() != "-").map(|p| place(p)).collect();
    let mut written = Vec::new();
    for path in outputs {
        let place = place(path);
        let what = if read.contains(&place) {
            "is read by this command"
        } else if written.contains(&place) {
            "is named for two outputs"
        } else {
            written.push(place);
            continue;
        };
        return Err(Failure::usage(format!("{}: {what}, expected a file of its own; give another name", name(path))));
    }
    Ok(())
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), Failure> {
    write_all(&[Target { path, bytes, access }])
}

/// Writes all files whole or none: each is complete on the disk under a temporary name before the first is renamed.
pub(super) fn write_all(targets: &[Target]) -> Result<(), Failure> {
    let mut pending = Pending::default();
    targets.iter().try_for_each(|target| pending.add(target))?;
    pending.commit()
}

/// Files that are complete on the disk under temporary names: to be renamed together, and gone when dropped before.
#[derive(Default)]
pub(super) struct Pending {
    ready: Vec<(tempfile::NamedTempFile, PathBuf)>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.ready.is_empty() {
            self.ready.clear();
            files_in_progress().temporary.clear();
        }
    }
}

impl Pending {
    /// Writes one more under a temporary name.
    pub(super) fn add(&mut self, target: &Target) -> Result<(), Failure> {
        let file = prepare(target).map_err(|e| {
            files_in_progress().temporary.retain(|path| path.exists());
            cannot("write", target.path, &e)
        })?;
        self.ready.push((file, target.path.to_owned()));
        Ok(())
    }

    /// Renames all.
    pub(super) fn commit(mut self) -> Result<(), Failure> {
        // Held over the renames, so that an interruption comes before or after all of them.
        let mut state = files_in_progress();
        for (file, path) in std::mem::take(&mut self.ready) {
            let renamed = file.persist(&path).map_err(|e| cannot("write", &path, &e.error));
            if let Err(failure) = renamed {
                state.temporary.clear();
                let written = state.written.join(", ");
                let note = if written.is_empty() { String::new() } else { format!("; {written} was written, delete it") };
                return Err(Failure { message: failure.message + &note, ..failure });
            }
            let name = name(&path);
            if !state.written.contains(&name) {
                state.written.push(name);
            }
        }
        state.temporary.clear();
        Ok(())
    }
}

fn prepare(target: &Target) -> std::io::Result<tempfile::NamedTempFile> {
    if target.path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".zktern-").suffix(".tmp");
    let mut file = {
        // Under the lock, so that the interrupt handler sees every file that exists. Created with mode 0600.
        let mut state = files_in_progress();
        let file = builder.tempfile_in(folder(target.path))?;
        state.temporary.push(file.path().to_owned());
        file
    };
    file.write_all(target.bytes)?;
    file.as_file().sync_all()?;
    publish(&file, target.access)?;
    Ok(file)
}

#[cfg(unix)]
fn publish(file: &tempfile::NamedTempFile, access: Access) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = if access == Access::Owner { 0o600 } else { 0o644 };
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn publish(_: &tempfile::NamedTempFile, _: Access) -> std::io::Result<()> {
    Ok(())
}

/// Removes temporary files when the user interrupts, says what was written, then ends with the conventional status 130.
pub(super) fn clean_up_on_interrupt() {
    let _ = ctrlc::set_handler(|| {
        let state = files_in_progress();
        for path in &state.temporary {
            let _ = std::fs::remove_file(path);
        }
        let written = if state.written.is_empty() { "nothing".into() } else { state.written.join(", ") };
        let was = if state.written.len() > 1 { "were" } else { "was" };
        if super::ranks::Job::speaks() {
            let _ = writeln!(std::io::stderr(), "interrupted; {written} {was} written");
        }
        std::process::exit(130);
    });
}

/// Bytes from hexadecimal.
pub(super) fn context(hex: Option<&str>) -> Result<Vec<u8>, Failure> {
    let text = hex.unwrap_or_default();
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    match digits {
        Some(d) if d.len() % 2 == 0 => Ok(d.chunks(2).map(|p| (p[0] << 4 | p[1]) as u8).collect()),
        _ => Err(Failure::usage(format!("--context {text}: expected an even number of hexadecimal digits"))),
    }
}
