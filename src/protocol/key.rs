//! The commitment to a model: the verifying key (public) and the prover's secret (the seed of its blinds).
//!
//! One Pedersen commitment per matrix row and per bias vector, in chunks of `M` entries; ternary entries make that one point
//! addition per non-zero. Blinds are mandatory: a sparse ternary row could be guessed. They come from a seed and a digest of
//! the model, so that one seed never blinds two models.
//!
//! ```text
//! key digest = SHAKE256("zktern/v1/key" ‖ len64(architecture) ‖ architecture ‖ compressed rows), 64 bytes
//! ```
//!
//! Verifying key file: architecture (blob), rows of 64 bytes (count), ternarity proof (blob, may be empty). Secret file: key
//! digest (64 bytes), blinding seed (32 bytes), the verifying key's file (blob).

use super::ternarity;
use crate::algebra::g1::Point;
use crate::model::codec::{self, FileError, Kind, put_blob};
use crate::model::{Architecture, Clamp, HiddenLayer};
use crate::transcript::{DIGEST, digest};

/// Everything that a verifier needs to know about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    architecture: Architecture,
    rows: Vec<Point>,
    digest: [u8; DIGEST],
    /// A proof that all weights are ternary; checked before it gets here.
    ternarity: Option<Vec<u8>>,
}

impl VerifyingKey {
    pub(crate) fn new(architecture: Architecture, rows: Vec<Point>) -> Self {
        let encoded = architecture.encode();
        let header = [b"zktern/v1/key".as_slice(), &(encoded.len() as i64).to_be_bytes(), &encoded].concat();
        let pieces = std::iter::once(header).chain(rows.iter().map(|p| p.encode().to_vec()));
        Self { digest: digest(pieces), architecture, rows, ternarity: None }
    }

    /// The public description.
    #[must_use]
    pub const fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Row commitments: per layer its matrix rows by output then chunk, then its biases by chunk.
    #[must_use]
    pub fn rows(&self) -> &[Point] {
        &self.rows
    }

    /// The model's digest.
    #[must_use]
    pub const fn digest(&self) -> &[u8; DIGEST] {
        &self.digest
    }

    /// The first 16 bytes of the digest, in hexadecimal: what people compare.
    #[must_use]
    pub fn short_digest(&self) -> String {
        hex(&self.digest[..16])
    }

    /// Whether the weights are proved to be ternary.
    #[must_use]
    pub const fn is_ternary(&self) -> bool {
        self.ternarity.is_some()
    }

    /// Digest of the ternarity proof, where there is one.
    #[must_use]
    pub fn ternarity_digest(&self) -> Option<[u8; DIGEST]> {
        self.ternarity.as_ref().map(|proof| digest([proof]))
    }

    /// Attaches a ternarity proof after checking it.
    ///
    /// # Errors
    /// When the proof is not accepted.
    pub fn with_ternarity(mut self, proof: Vec<u8>) -> Result<Self, super::VerifyError> {
        ternarity::verify(&self, &proof)?;
        self.ternarity = Some(proof);
        Ok(self)
    }

    /// (tests only) Other rows, as a cheating committer would publish them.
    #[cfg(test)]
    pub(crate) fn set_rows(&mut self, rows: Vec<Point>) {
        *self = Self::new(self.architecture.clone(), rows);
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * self.rows.len() + 1024);
        put_blob(&mut out, &self.architecture.encode());
        out.extend_from_slice(&(self.rows.len() as u64).to_le_bytes());
        self.rows.iter().for_each(|p| out.extend_from_slice(&p.encode_uncompressed()));
        put_blob(&mut out, self.ternarity.as_deref().unwrap_or_default());
        codec::frame(Kind::VerifyingKey, &out)
    }

    /// Lengths that the payload of a file can have, from its first bytes: without and with a ternarity proof. Nothing is
    /// allocated for what the rest may hold.
    ///
    /// # Errors
    /// When it is not the beginning of a key.
    pub fn payload_lengths(head: &[u8], file: &str) -> Result<[u64; 2], FileError> {
        let mut input = codec::Input::new(head, file);
        let encoded = input.blob()?;
        let architecture = decode_architecture(encoded).ok_or_else(|| input.bad("its architecture is malformed"))?;
        architecture.validate().map_err(|e| input.bad(e.to_string()))?;
        let bare = (3 * 8 + encoded.len()) as u64 + 64 * architecture.key_rows() as u64;
        Ok([bare, bare + ternarity::proof_bytes(&architecture) as u64])
    }

    /// Reads a file's bytes. A ternarity proof in it is verified here.
    ///
    /// # Errors
    /// One sentence about what is wrong with the file.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, FileError> {
        let mut input = codec::unframe(Kind::VerifyingKey, bytes, file)?;
        let architecture = decode_architecture(input.blob()?).ok_or_else(|| input.bad("its architecture is malformed"))?;
        architecture.validate().map_err(|e| input.bad(e.to_string()))?;
        let count = input.count(64)?;
        if count != architecture.key_rows() {
            return Err(input.bad(format!("it has {count} rows, expected {}", architecture.key_rows())));
        }
        let mut rows = Vec::with_capacity(count);
        for i in 0..count {
            let point = Point::decode_uncompressed(&input.array()?);
            rows.push(point.ok_or_else(|| input.bad(format!("row {i} is not a point of the curve")))?);
        }
        let proof = input.blob()?;
        input.end()?;
        let key = Self::new(architecture, rows);
        if proof.is_empty() {
            return Ok(key);
        }
        key.with_ternarity(proof.to_vec()).map_err(|e| input.bad(format!("its ternarity proof is not valid: {e}")))
    }
}

/// Reads [`Architecture::encode`]; `None` when it is not exactly that.
fn decode_architecture(bytes: &[u8]) -> Option<Architecture> {
    let mut values = bytes.chunks_exact(8).map(|c| i64::from_be_bytes(c.try_into().unwrap_or_default()));
    let mut next = || values.next();
    let row_width = usize::try_from(next()?).ok()?;
    let layers = usize::try_from(next()?).ok().filter(|l| (2..=crate::model::architecture::MAX_LAYERS).contains(l))?;
    let widths = (0..=layers).map(|_| usize::try_from(next()?).ok()).collect::<Option<Vec<_>>>()?;
    let clamp = |min: i64, max: i64| Some(Clamp { min: i32::try_from(min).ok()?, max: i32::try_from(max).ok()? });
    let input = clamp(next()?, next()?)?;
    let logit_bits = u32::try_from(next()?).ok()?;
    let mut layer = || {
        let shift = u32::try_from(next()?).ok()?;
        Some(HiddenLayer { shift, clamp: clamp(next()?, next()?)?, bits: u32::try_from(next()?).ok()? })
    };
    let hidden = (1..layers).map(|_| layer()).collect::<Option<Vec<_>>>()?;
    let out = Architecture { row_width, widths, input, hidden, logit_bits };
    (out.encode() == bytes).then_some(out)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(feature = "prover")]
pub use prover::{Secret, best_row_width, commit, key_blinds};

#[cfg(feature = "prover")]
mod prover {
    use super::{Architecture, DIGEST, FileError, Kind, VerifyingKey, codec, digest};
    use crate::algebra::Fr;
    use crate::commit::Generators;
    use crate::compute::Compute;
    use crate::model::Network;
    use crate::protocol::{InstanceError, ProveError};
    use crate::transcript::{Blinds, Stream};
    use zeroize::{Zeroize, ZeroizeOnDrop};

    /// What the prover keeps: the seed of the key's blinds. Wiped when dropped.
    #[derive(Clone, PartialEq, Eq)]
    pub struct Secret {
        /// The key that it belongs to.
        digest: [u8; DIGEST],
        seed: [u8; 32],
    }

    impl Drop for Secret {
        fn drop(&mut self) {
            self.seed.zeroize();
        }
    }

    impl ZeroizeOnDrop for Secret {}

    impl std::fmt::Debug for Secret {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Secret(of {})", super::hex(&self.digest[..16]))
        }
    }

    impl Secret {
        /// The file's bytes, with the key it belongs to, so that proving needs no other file. Whoever reads them can test
        /// guesses of the weights: keep the file private.
        #[must_use]
        pub fn to_bytes(&self, key: &VerifyingKey) -> Vec<u8> {
            let mut out = [self.digest.as_slice(), &self.seed].concat();
            codec::put_blob(&mut out, &key.to_bytes());
            codec::frame(Kind::Secret, &out)
        }

        /// Reads a file's bytes.
        ///
        /// # Errors
        /// One sentence about what is wrong with the file.
        pub fn from_bytes(bytes: &[u8], file: &str) -> Result<(Self, VerifyingKey), FileError> {
            let mut input = codec::unframe(Kind::Secret, bytes, file)?;
            let secret = Self { digest: input.array()?, seed: input.array()? };
            let key = VerifyingKey::from_bytes(input.blob()?, file)?;
            input.end()?;
            secret.check(&key).map_err(|e| input.bad(e.to_string()))?;
            Ok((secret, key))
        }

        /// (tests only) A secret for any key.
        #[cfg(test)]
        pub(crate) const fn from_parts(digest: [u8; DIGEST], seed: [u8; 32]) -> Self {
            Self { digest, seed }
        }

        /// The digest of the key that it belongs to.
        #[must_use]
        pub const fn digest(&self) -> &[u8; DIGEST] {
            &self.digest
        }

        pub(crate) const fn seed(&self) -> &[u8; 32] {
            &self.seed
        }

        /// The blinds of all rows of the key, in order.
        pub(crate) fn blinds(&self, architecture: &Architecture) -> Vec<Fr> {
            row_blinds(self.seed, architecture)
        }

        /// Whether it belongs to a key.
        ///
        /// # Errors
        /// Which key it belongs to.
        pub fn check(&self, key: &VerifyingKey) -> Result<(), InstanceError> {
            let name = |d: &[u8]| format!("digest {}", super::hex(&d[..16]));
            if self.digest == *key.digest() {
                return Ok(());
            }
            Err(InstanceError::OtherModel { found: name(key.digest()), expected: name(&self.digest) })
        }
    }

    fn row_blinds(seed: [u8; 32], architecture: &Architecture) -> Vec<Fr> {
        let mut blinds = Blinds::new(seed);
        (0..architecture.key_rows()).map(|_| blinds.draw(Stream::Weight)).collect()
    }

    /// The seed of a model's blinds: a caller's seed never blinds two models.
    #[must_use]
    pub fn key_blinds(seed: &[u8; 32], network: &Network) -> [u8; 32] {
        let full = digest([b"zktern/v1/key-blinds".as_slice(), seed, &digest([network.to_bytes()])]);
        let mut out = [0; 32];
        out.copy_from_slice(&full[..32]);
        out
    }

    /// Commits to a network: `nnz` point additions, and one fixed-base multiplication per row.
    ///
    /// # Errors
    /// When the network cannot be proved, or the device fails.
    pub fn commit<C: Compute>(
        compute: &C,
        network: &Network,
        architecture: &Architecture,
        seed: [u8; 32],
        mut progress: impl FnMut(usize),
    ) -> Result<(VerifyingKey, Secret), ProveError> {
        let generators = Generators::new(architecture.row_width);
        let blinds = row_blinds(seed, architecture);
        let mut rows = Vec::with_capacity(architecture.key_rows());
        for (b, layer) in network.layers.iter().enumerate() {
            let weights = architecture.weight_rows(b);
            rows.extend(compute.commit_matrix(generators.rows(), &layer.weights, &blinds[rows.len()..][..weights])?);
            let bias: Vec<&[i32]> = layer.bias.chunks(architecture.row_width).collect();
            rows.extend(compute.commit_rows(generators.rows(), &bias, &blinds[rows.len()..][..bias.len()])?);
            progress(b + 1);
        }
        let key = VerifyingKey::new(architecture.clone(), rows);
        let secret = Secret { digest: *key.digest(), seed };
        Ok((key, secret))
    }

    /// Weights of the three costs that the row width trades against each other.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Profile {
        /// Prover's and verifier's time alike.
        Balanced,
        /// Prover's time.
        Prover,
        /// Verifier's time.
        Verifier,
        /// Bytes of the proof.
        Size,
    }

    /// The row width for a network. The prover pays a full-width multiplication of `M` points; the verifier one of
    /// `M + rows` points; the proof carries `M` scalars.
    #[must_use]
    pub fn best_row_width(network: &Network, profile: Profile) -> usize {
        let widths = network.widths();
        let rows = |m: usize| -> usize { widths.windows(2).map(|w| w[1] * w[0].div_ceil(m) + w[1].div_ceil(m)).sum() };
        let cost = |m: usize| match profile {
            Profile::Balanced => 2 * m + rows(m),
            Profile::Prover => 4 * m + rows(m) / 4,
            Profile::Verifier => m + rows(m),
            Profile::Size => 16 * m + rows(m) / 4,
        };
        // Wider than every vector would be a waste; wider than the embedded generators would have to derive some.
        (4..=12).map(|bits| 1 << bits).min_by_key(|m| cost(*m)).unwrap_or(256)
    }
}

#[cfg(feature = "prover")]
pub use prover::Profile;
