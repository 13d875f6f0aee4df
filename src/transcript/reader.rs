//! The verifier's channel.

use super::{DIGEST, Transcript};
use crate::algebra::fr::{self, WORD};
use crate::algebra::{Fr, g1::Point};
use crate::commit::{Form, PointId, PointTable};
use crate::protocol::VerifyError;

/// Reads the words of a proof in the order that the instance dictates; whatever is read is absorbed.
pub struct Reader<'a> {
    transcript: Transcript,
    data: &'a [u8],
    position: usize,
    sent: Vec<Form>,
}

impl<'a> Reader<'a> {
    /// Starts at `position` of the proof's bytes.
    #[must_use]
    pub const fn new(transcript: Transcript, data: &'a [u8], position: usize) -> Self {
        Self { transcript, data, position, sent: Vec::new() }
    }

    fn word(&mut self, label: &'static str) -> Result<[u8; WORD], VerifyError> {
        let rest = self.data.get(self.position..).unwrap_or_default();
        let word = *rest.first_chunk::<WORD>().ok_or(VerifyError::TooShort { label, position: self.position })?;
        self.transcript.absorb(label, &word);
        self.position += WORD;
        Ok(word)
    }

    /// The next point, added to the table.
    pub fn point(&mut self, label: &'static str, points: &mut PointTable) -> Result<PointId, VerifyError> {
        let position = self.position;
        let word = self.word(label)?;
        let point = Point::decode(&word).ok_or(VerifyError::InvalidPoint { label, position })?;
        Ok(points.push(point))
    }

    /// The next scalar in the clear.
    pub fn field(&mut self, label: &'static str) -> Result<Fr, VerifyError> {
        let position = self.position;
        let word = self.word(label)?;
        fr::decode(&word).ok_or(VerifyError::InvalidScalar { label, position })
    }

    /// Commitments to hidden scalars, as claims; they join the batched proof of knowledge.
    pub fn scalars<const N: usize>(
        &mut self,
        labels: [&'static str; N],
        points: &mut PointTable,
    ) -> Result<[Form; N], VerifyError> {
        let mut out = [const { Form::zero() }; N];
        for (form, label) in out.iter_mut().zip(labels) {
            *form = Form::point(self.point(label, points)?);
            self.sent.push(form.clone());
        }
        Ok(out)
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

    /// Ends this channel: digest of its transcript, commitments read, position reached.
    #[must_use]
    pub fn finish(mut self) -> ([u8; DIGEST], Vec<Form>, usize) {
        (self.transcript.squeeze("end"), self.sent, self.position)
    }

    /// The commitments read so far.
    #[must_use]
    pub fn sent(&self) -> &[Form] {
        &self.sent
    }

    /// Where the next word starts.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }
}
