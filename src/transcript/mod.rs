//! Fiat-Shamir: a domain-separated SHAKE256 transcript, and the two channels that are the only way to use it.
//!
//! ```text
//! absorb(label, data) = update('A' ‖ len32(label) ‖ label ‖ len64(data) ‖ data)
//! squeeze(label)      = update('S' ‖ len32(label) ‖ label); 64 bytes of output of a copy of the state
//! challenge(label)    = squeeze(label) as a big-endian integer, modulo the group order
//! ```
//!
//! | type | who | the only thing it can do |
//! | --- | --- | --- |
//! | [`Writer`] | prover | write a message AND absorb it, in one call |
//! | [`Reader`] | verifier | read the message that the INSTANCE says is next, check its encoding, AND absorb it |
//! | [`Blinds`] | prover | blinding scalars from a seed, each used once |
//!
//! # Why not `spongefish`
//! It was the first candidate. Three things spoke for these hundred lines on top of RustCrypto's SHAKE256: (1) the executable
//! Python reference in `tests/reference` reproduces every byte with `hashlib` alone, so proofs are compared word by word with
//! an implementation that shares no code; (2) deferred openings start a new transcript from the DIGEST of other transcripts'
//! end states, which a duplex sponge does not expose; (3) every message carries a label, so that two messages of equal type
//! cannot be swapped. A byte-oriented hash also keeps clear of the attacks on arithmetic hashes (eprint 2025/118).

mod blinds;
#[cfg(test)]
pub(crate) mod oracle;
mod reader;
#[cfg(feature = "prover")]
mod writer;

pub use blinds::{Blinds, Stream};
pub use reader::Reader;
#[cfg(all(test, feature = "prover"))]
pub(crate) use writer::Tamper;
#[cfg(feature = "prover")]
pub use writer::Writer;

use crate::algebra::Fr;
#[cfg(not(test))]
use crate::algebra::fr;
use shake::{ExtendableOutput, Shake256, Update, XofReader};

/// Length of a digest and of a squeezed block, in bytes.
pub const DIGEST: usize = 64;

/// The running hash of everything said so far.
#[derive(Clone)]
pub struct Transcript {
    state: Shake256,
    #[cfg(test)]
    place: oracle::Place,
}

impl Transcript {
    /// A transcript for one protocol, named by `domain`.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let mut transcript = Self {
            state: Shake256::default(),
            #[cfg(test)]
            place: oracle::Place::new(domain),
        };
        transcript.absorb("init", domain.as_bytes());
        transcript
    }

    /// Appends a labelled, length-prefixed message.
    pub fn absorb(&mut self, label: &str, data: &[u8]) {
        #[cfg(test)]
        if self.place.deaf(label) {
            return;
        }
        self.begin(label, data.len());
        self.state.update(data);
    }

    /// Appends a message that is produced in pieces of `total` bytes in all, without collecting it first.
    pub fn absorb_pieces<T: AsRef<[u8]>>(&mut self, label: &str, total: usize, pieces: impl Iterator<Item = T>) {
        #[cfg(test)]
        if self.place.deaf(label) {
            return;
        }
        self.begin(label, total);
        // A few bytes at a time would cost more than their hash does.
        const TOGETHER: usize = 1 << 12;
        let (mut written, mut buffer) = (0, Vec::with_capacity(TOGETHER));
        for piece in pieces {
            let piece = piece.as_ref();
            written += piece.len();
            if buffer.len() + piece.len() > TOGETHER {
                self.state.update(&buffer);
                buffer.clear();
            }
            buffer.extend_from_slice(piece);
        }
        self.state.update(&buffer);
        debug_assert_eq!(written, total, "`{label}`: the announced length is what follows");
    }

    fn begin(&mut self, label: &str, len: usize) {
        self.state.update(b"A");
        self.label(label);
        self.state.update(&(len as u64).to_be_bytes());
    }

    fn label(&mut self, label: &str) {
        self.state.update(&(label.len() as u32).to_be_bytes());
        self.state.update(label.as_bytes());
    }

    /// 64 bytes that depend on everything absorbed and squeezed before.
    #[must_use]
    pub fn squeeze(&mut self, label: &str) -> [u8; DIGEST] {
        self.state.update(b"S");
        self.label(label);
        let mut out = [0; DIGEST];
        self.state.clone().finalize_xof().read(&mut out);
        out
    }

    /// A full-width challenge.
    #[must_use]
    pub fn challenge(&mut self, label: &str) -> Fr {
        let block = self.squeeze(label);
        #[cfg(test)]
        return self.place.answer(label, &block);
        #[cfg(not(test))]
        fr::from_uniform(&block)
    }
}

/// SHAKE256 of a sequence of pieces, 64 bytes.
pub fn digest<T: AsRef<[u8]>>(pieces: impl IntoIterator<Item = T>) -> [u8; DIGEST] {
    let mut state = Shake256::default();
    for piece in pieces {
        state.update(piece.as_ref());
    }
    let mut out = [0; DIGEST];
    state.finalize_xof().read(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shake256_published_vector() {
        // FIPS 202, SHAKE256 of the empty message, first 32 bytes.
        let expected = [
            0x46, 0xb9, 0xdd, 0x2b, 0x0b, 0xa8, 0x8d, 0x13, 0x23, 0x3b, 0x3f, 0xeb, 0x74, 0x3e, 0xeb, 0x24, 0x3f, 0xcd,
            0x52, 0xea, 0x62, 0xb8, 0x1b, 0x82, 0xb5, 0x0c, 0x27, 0x64, 0x6e, 0xd5, 0x76, 0x2f,
        ];
        assert_eq!(digest([b""])[..32], expected);
    }

    #[test]
    fn every_part_of_the_history_counts() {
        let run = |f: &dyn Fn(&mut Transcript)| {
            let mut t = Transcript::new("test");
            f(&mut t);
            t.challenge("c")
        };
        let base = run(&|t| t.absorb("a", b"xy"));
        assert_eq!(base, run(&|t| t.absorb("a", b"xy")));
        assert_eq!(base, run(&|t| t.absorb_pieces("a", 2, [b"x", b"y"].iter())));
        let others: [&dyn Fn(&mut Transcript); 4] = [
            &|t| t.absorb("b", b"xy"),
            &|t| t.absorb("a", b"xz"),
            &|t| {
                t.absorb("a", b"x");
                t.absorb("a", b"y");
            },
            &|t| {
                t.absorb("a", b"xy");
                let _ = t.squeeze("d");
            },
        ];
        assert!(others.iter().all(|f| run(f) != base));
    }
}
