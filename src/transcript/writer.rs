//! The prover's channel.

use super::{Blinds, DIGEST, Stream, Transcript};
use crate::algebra::{Fr, fr, g1::Point};
use crate::commit::{Hidden, Pedersen};
use crate::compute::Compute;
use crate::protocol::ProveError;

/// Writes the words of a proof; whatever is written is absorbed.
pub struct Writer<'a> {
    transcript: Transcript,
    bytes: Vec<u8>,
    sent: Vec<Hidden>,
    pedersen: &'a Pedersen,
    /// Blinds with their multiples of H, computed ahead; the nth scalar sent takes the nth.
    masks: Vec<(Fr, Point)>,
    #[cfg(test)]
    pub(crate) tamper: Option<Tamper>,
}

/// A place in a channel that it can go back to.
pub struct Checkpoint {
    transcript: Transcript,
    bytes: usize,
    sent: usize,
}

/// What a finished channel leaves: the digest of its transcript, the scalars sent, the bytes written.
pub type Written = ([u8; DIGEST], Vec<Hidden>, Vec<u8>);

/// (tests only) Replaces a value just before it is committed to.
#[cfg(test)]
pub(crate) type Tamper = Box<dyn FnMut(&str, Fr) -> Fr>;

impl<'a> Writer<'a> {
    /// A channel that will send `scalars` hidden scalars. Their blinds do not depend on the transcript, so `ρ·H` is computed
    /// here for all of them at once.
    pub fn new<C: Compute>(
        transcript: Transcript,
        scalars: usize,
        blinds: &mut Blinds,
        compute: &C,
    ) -> Result<Self, ProveError> {
        let first = blinds.reserve(Stream::Scalar, scalars);
        let rho: Vec<Fr> = (first..first + scalars as u64).map(|n| blinds.at(Stream::Scalar, n)).collect();
        let pairs: Vec<(Fr, Fr)> = rho.iter().map(|r| (Fr::from(0u64), *r)).collect();
        let masks = rho.into_iter().zip(compute.commit_scalars(&pairs)?).collect();
        Ok(Self {
            transcript,
            bytes: Vec::new(),
            sent: Vec::with_capacity(scalars),
            pedersen: Pedersen::get(),
            masks,
            #[cfg(test)]
            tamper: None,
        })
    }

    fn word(&mut self, label: &str, word: [u8; 32]) {
        self.transcript.absorb(label, &word);
        self.bytes.extend_from_slice(&word);
    }

    /// Sends a point.
    pub fn point(&mut self, label: &str, point: &Point) {
        self.word(label, point.encode());
    }

    /// Sends a scalar in the clear: a response that is uniform by itself.
    pub fn field(&mut self, label: &str, value: &Fr) {
        self.word(label, fr::encode(value));
    }

    /// Sends hiding commitments to scalars that belong together; they join the batched proof of knowledge.
    pub fn scalars<const N: usize>(&mut self, labels: [&str; N], values: [Fr; N]) -> Result<[Hidden; N], ProveError> {
        #[cfg(test)]
        let values = match &mut self.tamper {
            Some(f) => std::array::from_fn(|i| f(labels[i], values[i])),
            None => values,
        };
        let mut hidden = [Hidden::default(); N];
        let mut sums = [ark_bn254::G1Projective::default(); N];
        for i in 0..N {
            let next = self.masks.get(self.sent.len() + i).copied();
            let (blind, mask) = next.ok_or(ProveError::Internal("more scalars sent than announced"))?;
            hidden[i] = Hidden { value: values[i], blind };
            sums[i] = self.pedersen.g.add_to(mask.to_affine().into(), &values[i]);
        }
        let points = Point::normalise(&sums).ok_or(ProveError::UnluckyChallenge)?;
        for (label, point) in labels.iter().zip(&points) {
            self.point(label, point);
        }
        self.sent.extend(hidden);
        Ok(hidden)
    }

    /// (tests only) Moves the first blinds to the end: the same proof, blinded otherwise.
    #[cfg(test)]
    pub(crate) fn rotate_blinds(&mut self, by: usize) {
        self.masks.rotate_left(by);
    }

    /// The next challenge.
    #[must_use]
    pub fn challenge(&mut self, label: &str) -> Fr {
        self.transcript.challenge(label)
    }

    /// Public data that both sides know.
    pub fn transcript(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    /// Ends this channel: digest of its transcript, scalars sent, bytes written.
    pub fn finish(mut self) -> Result<Written, ProveError> {
        if self.sent.len() != self.masks.len() {
            return Err(ProveError::Internal("fewer scalars sent than announced"));
        }
        Ok((self.transcript.squeeze("end"), self.sent, self.bytes))
    }

    /// Where the channel stands.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { transcript: self.transcript.clone(), bytes: self.bytes.len(), sent: self.sent.len() }
    }

    /// Takes back everything since a checkpoint. What is sent again must be the same function of statement, witness and
    /// challenges: it will be masked by the same blinds.
    pub fn rewind(&mut self, to: Checkpoint) {
        self.transcript = to.transcript;
        self.bytes.truncate(to.bytes);
        self.sent.truncate(to.sent);
    }

    /// The scalars sent so far.
    #[must_use]
    pub fn sent(&self) -> &[Hidden] {
        &self.sent
    }
}
