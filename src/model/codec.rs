//! Reading and writing all of our files: one frame, bounded reads, a digest over everything.
//!
//! ```text
//! "zktern" ‖ kind (1 byte) ‖ 0 ‖ version (u32) ‖ payload length (u64) ‖ payload ‖ SHAKE256 of all before, 32 bytes
//! ```
//!
//! Integers are little-endian. A reader knows from the frame how long the payload is and checks every count against what is
//! left before it allocates. The digest finds accidents (a flipped bit, a cut file); it authenticates nothing.

use crate::transcript::digest;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network, `.tern`.
    Model,
    /// A verifying key, `.vk`.
    VerifyingKey,
    /// A prover's secret, `.key`.
    Secret,
    /// A proof, `.proof`.
    Proof,
    /// Many proofs with one opening, `.proof`.
    Aggregate,
    /// Proofs whose opening is still to be made, with the secret that opens them.
    Deferred,
}

const KINDS: [(Kind, u8, &str, u32); 6] = [
    (Kind::Model, b'M', "network (.tern)", 1),
    (Kind::VerifyingKey, b'V', "verifying key (.vk)", 1),
    (Kind::Secret, b'S', "prover's secret (.key)", 1),
    (Kind::Proof, b'P', "proof (.proof)", 1),
    (Kind::Aggregate, b'A', "aggregate (.proof)", 1),
    (Kind::Deferred, b'D', "deferred proof (.deferred)", 1),
];

const MAGIC: &[u8; 6] = b"zktern";
const HEADER: usize = 6 + 2 + 4 + 8;
const CHECK: usize = 32;

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Not one of ours.
    #[error("{file}: not a zktern file (it does not start with \"zktern\"), expected a {expected}")]
    Magic {
        /// Which file.
        file: String,
        /// What was wanted.
        expected: &'static str,
    },
    /// One of ours, of another kind.
    #[error("{file}: this is a {found}, expected a {expected}")]
    Kind {
        /// Which file.
        file: String,
        /// What it is.
        found: &'static str,
        /// What was wanted.
        expected: &'static str,
    },
    /// A version that this program does not know.
    #[error("{file}: format version {found}, this program reads version {expected}; use the zktern release that wrote it")]
    Version {
        /// Which file.
        file: String,
        /// The version found.
        found: u32,
        /// The version understood.
        expected: u32,
    },
    /// Cut off.
    #[error("{file}: truncated, {found} bytes where at least {expected} were expected; copy or create it again")]
    Truncated {
        /// Which file.
        file: String,
        /// Bytes present.
        found: usize,
        /// Bytes announced.
        expected: usize,
    },
    /// Longer than it says.
    #[error("{file}: {extra} bytes too long, expected {expected}; copy or create it again")]
    TrailingBytes {
        /// Which file.
        file: String,
        /// Bytes beyond the end.
        extra: usize,
        /// Bytes announced.
        expected: usize,
    },
    /// The digest does not match.
    #[error("{file}: damaged, its check digest does not match its contents; copy or create it again")]
    Digest {
        /// Which file.
        file: String,
    },
    /// Contents that make no sense.
    #[error("{file}: {what}")]
    Contents {
        /// Which file.
        file: String,
        /// What was found and what was expected.
        what: String,
    },
}

fn describe(kind: Kind) -> (u8, &'static str, u32) {
    // The table lists every kind; a test walks through it.
    KINDS.iter().find(|(k, ..)| *k == kind).map_or((0, "file", 0), |(_, tag, name, version)| (*tag, name, *version))
}

/// Text from a file for a message: on one line and short, whatever is in it.
#[must_use]
pub fn brief(text: &str) -> String {
    const LONGEST: usize = 120;
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut out: String = text.chars().take(LONGEST).map(clean).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push_str("...");
    }
    out
}

/// What a kind of file is called in messages.
#[must_use]
pub fn name(kind: Kind) -> &'static str {
    describe(kind).1
}

/// The kind of a file from its first bytes, if it is one of ours.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let tag = bytes.strip_prefix(MAGIC)?.first()?;
    KINDS.iter().find(|(_, t, ..)| t == tag).map(|(k, ..)| *k)
}

/// Wraps a payload.
#[must_use]
pub fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    frame_with(kind, payload.len(), |out| out.extend_from_slice(payload))
}

/// The same for a payload of about `length` bytes that is written where it belongs, so that a large one is not copied.
pub fn frame_with(kind: Kind, length: usize, payload: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (tag, _, version) = describe(kind);
    let mut out = Vec::with_capacity(HEADER + length + CHECK);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[tag, 0]);
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    payload(&mut out);
    let length = (out.len() - HEADER) as u64;
    out[HEADER - 8..HEADER].copy_from_slice(&length.to_le_bytes());
    let check = digest([&out]);
    out.extend_from_slice(&check[..CHECK]);
    out
}

/// Bytes of a file with so many of payload.
#[must_use]
pub const fn frame_length(payload: u64) -> u64 {
    payload.saturating_add((HEADER + CHECK) as u64)
}

/// Bytes that [`expected_length`] looks at.
pub const PREFIX: usize = HEADER;

/// Checks the first bytes of a file (at most [`PREFIX`]) and tells how long it must be: nothing else has to be read to refuse a
/// file of another kind, version or length.
///
/// # Errors
/// What the first bytes are instead.
pub fn expected_length(kind: Kind, prefix: &[u8], file: &str) -> Result<u64, FileError> {
    let (tag, expected, version) = describe(kind);
    let name = || file.to_owned();
    if prefix.is_empty() || !prefix.starts_with(&MAGIC[..prefix.len().min(MAGIC.len())]) {
        return Err(FileError::Magic { file: name(), expected });
    }
    let Some(header) = prefix.first_chunk::<HEADER>() else {
        return Err(FileError::Truncated { file: name(), found: prefix.len(), expected: HEADER + CHECK });
    };
    if header[6] != tag {
        let found = kind_of(prefix).map_or("file of an unknown kind", |k| describe(k).1);
        return Err(FileError::Kind { file: name(), found, expected });
    }
    let mut fields = Input::new(&header[8..], file);
    let (found, length) = (fields.u32()?, fields.u64()?);
    if found != version {
        return Err(FileError::Version { file: name(), found, expected: version });
    }
    Ok(frame_length(length))
}

/// Compares a file's length with what its first bytes announce.
///
/// # Errors
/// Cut off, or too long.
pub fn check_length(found: u64, expected: u64, file: &str) -> Result<(), FileError> {
    let clip = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (file, found, expected) = (file.to_owned(), clip(found), clip(expected));
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(FileError::Truncated { file, found, expected }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(FileError::TrailingBytes { file, extra: found - expected, expected }),
    }
}

/// Checks the frame and gives the payload. `file` is a name for messages.
///
/// # Errors
/// A sentence that says which part of the frame is wrong.
pub fn unframe<'a>(kind: Kind, bytes: &'a [u8], file: &'a str) -> Result<Input<'a>, FileError> {
    let expected = expected_length(kind, bytes, file)?;
    check_length(bytes.len() as u64, expected, file)?;
    let (header, rest) = bytes.split_at(HEADER);
    let (payload, check) = rest.split_at(rest.len() - CHECK);
    if header[7] != 0 || digest([header, payload])[..CHECK] != *check {
        return Err(FileError::Digest { file: file.to_owned() });
    }
    Ok(Input::new(payload, file))
}

/// Bounded reads from a payload.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
    file: &'a str,
}

impl<'a> Input<'a> {
    /// Reads from `bytes`; `file` is a name for messages.
    #[must_use]
    pub const fn new(bytes: &'a [u8], file: &'a str) -> Self {
        Self { rest: bytes, file }
    }

    /// An error about the contents.
    #[must_use]
    pub fn bad(&self, what: impl Into<String>) -> FileError {
        FileError::Contents { file: self.file.to_owned(), what: what.into() }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], FileError> {
        if n > self.rest.len() {
            return Err(FileError::Truncated { file: self.file.to_owned(), found: self.rest.len(), expected: n });
        }
        let (head, tail) = self.rest.split_at(n);
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(N)?);
        Ok(out)
    }

    /// A byte.
    ///
    /// # Errors
    /// At the end.
    pub fn u8(&mut self) -> Result<u8, FileError> {
        self.array::<1>().map(|[b]| b)
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// At the end.
    pub fn u32(&mut self) -> Result<u32, FileError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A signed 32-bit integer.
    ///
    /// # Errors
    /// At the end.
    pub fn i32(&mut self) -> Result<i32, FileError> {
        self.array().map(i32::from_le_bytes)
    }

    /// A 64-bit integer.
    ///
    /// # Errors
    /// At the end.
    pub fn u64(&mut self) -> Result<u64, FileError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things of `size` bytes each, which must all still be there: nothing is allocated for a count that lies.
    ///
    /// # Errors
    /// When they are not there.
    pub fn count(&mut self, size: usize) -> Result<usize, FileError> {
        let n = self.u64()?;
        let needed = usize::try_from(n).ok().and_then(|n| n.checked_mul(size.max(1))).unwrap_or(usize::MAX);
        if needed > self.rest.len() {
            return Err(FileError::Truncated { file: self.file.to_owned(), found: self.rest.len(), expected: needed });
        }
        Ok(n as usize)
    }

    /// A length-prefixed string of bytes.
    ///
    /// # Errors
    /// When it is not all there.
    pub fn blob(&mut self) -> Result<&'a [u8], FileError> {
        let n = self.count(1)?;
        self.bytes(n)
    }

    /// `n` signed 32-bit integers.
    ///
    /// # Errors
    /// When they are not all there.
    pub fn i32s(&mut self, n: usize) -> Result<Vec<i32>, FileError> {
        let bytes = self.bytes(n.checked_mul(4).ok_or_else(|| self.bad("a count is too large"))?)?;
        Ok(bytes.chunks_exact(4).map(|c| i32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect())
    }

    /// The end must have been reached.
    ///
    /// # Errors
    /// When something is left.
    pub fn end(&self) -> Result<(), FileError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.bad(format!("{} bytes too many in it", self.rest.len()))) }
    }
}

/// Appends a length-prefixed string of bytes.
pub fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Appends signed 32-bit integers.
pub fn put_i32s(out: &mut Vec<u8>, values: &[i32]) {
    values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip() {
        for (kind, ..) in KINDS {
            let bytes = frame(kind, b"hello");
            assert_eq!(kind_of(&bytes), Some(kind));
            let mut input = unframe(kind, &bytes, "f").unwrap();
            assert_eq!(input.bytes(5).unwrap(), b"hello");
            input.end().unwrap();
        }
    }

    #[test]
    fn every_byte_and_every_length_matters() {
        let good = frame(Kind::Model, b"payload");
        for i in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[i] ^= 1 << bit;
                assert!(unframe(Kind::Model, &bad, "f").is_err(), "byte {i}, bit {bit}");
            }
            assert!(unframe(Kind::Model, &good[..i], "f").is_err(), "cut at {i}");
        }
        let longer = [good.as_slice(), b"x"].concat();
        assert!(matches!(unframe(Kind::Model, &longer, "f"), Err(FileError::TrailingBytes { extra: 1, .. })));
        let mut newer = good.clone();
        newer[8] = 9;
        assert!(matches!(unframe(Kind::Model, &newer, "f"), Err(FileError::Version { found: 9, .. })));
        assert!(matches!(unframe(Kind::Proof, &good, "f"), Err(FileError::Kind { .. })));
        assert!(matches!(unframe(Kind::Model, b"PK\x03\x04", "f"), Err(FileError::Magic { .. })));
        assert!(matches!(unframe(Kind::Model, b"", "f"), Err(FileError::Magic { .. })));
    }

    #[test]
    fn counts_that_lie_allocate_nothing() {
        let bytes = u64::MAX.to_le_bytes();
        assert!(matches!(Input::new(&bytes, "f").count(8), Err(FileError::Truncated { .. })));
        assert!(matches!(Input::new(&bytes, "f").blob(), Err(FileError::Truncated { .. })));
    }
}
