//! Reading and writing files: bounded reads, whole writes.
//!
//! A file is written to a temporary name beside its place, flushed, then renamed: an interrupted or failed run leaves the old
//! file whole and no half-written one.

use super::Failure;
use crate::model::Network;
use crate::model::codec::{self, Kind};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Largest input or foreign file that is read.
const MAX_FOREIGN: u64 = 4 << 30;

/// The temporary file being written, for the interrupt handler.
static IN_PROGRESS: Mutex<Option<PathBuf>> = Mutex::new(None);

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

/// Reads one of our files whole, after its first bytes have said that it is the right kind and length.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, Failure> {
    let mut file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    let found = file.metadata().map_err(|e| cannot("read", path, &e))?;
    let mut bytes = Vec::new();
    (&mut file).take(codec::PREFIX as u64).read_to_end(&mut bytes).map_err(|e| cannot("read", path, &e))?;
    let expected = codec::expected_length(kind, &bytes, &name(path))?;
    if found.is_file() {
        codec::check_length(found.len(), expected, &name(path))?;
    }
    // One byte more than announced, so that a pipe that goes on is noticed.
    let rest = expected.saturating_sub(bytes.len() as u64).saturating_add(1);
    file.take(rest).read_to_end(&mut bytes).map_err(|e| cannot("read", path, &e))?;
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

/// Reads a network.
pub(super) fn read_network(path: &Path) -> Result<Network, Failure> {
    Ok(Network::from_bytes(&read(path, Kind::Model)?, &name(path))?)
}

/// Inputs of a network from a file.
pub(super) fn read_inputs(path: &Path, network: &crate::model::Architecture) -> Result<Vec<i32>, Failure> {
    let bytes = read_foreign(path)?;
    Ok(super::input::read_inputs(&bytes, &name(path), network.inputs(0), network.input)?)
}

/// Who may read a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// The owner alone.
    Owner,
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), Failure> {
    let fail = |e: std::io::Error| cannot("write", path, &e);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".zktern-").suffix(".tmp");
    // Created with mode 0600.
    let mut temporary = builder.tempfile_in(folder).map_err(fail)?;
    register(Some(temporary.path().to_owned()));
    let written = temporary.write_all(bytes).and_then(|()| temporary.as_file().sync_all());
    let done = written.and_then(|()| publish(&temporary, access)).map_err(fail);
    let done = done.and_then(|()| temporary.persist(path).map_err(|e| fail(e.error)).map(drop));
    register(None);
    done
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

fn register(path: Option<PathBuf>) {
    if let Ok(mut slot) = IN_PROGRESS.lock() {
        *slot = path;
    }
}

/// Removes a half-written temporary file when the user interrupts, then ends with the conventional status 130.
pub(super) fn clean_up_on_interrupt() {
    let _ = ctrlc::set_handler(|| {
        if let Some(path) = IN_PROGRESS.lock().ok().and_then(|mut slot| slot.take()) {
            let _ = std::fs::remove_file(path);
        }
        eprintln!("interrupted; nothing was written");
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
