//! The verifier of aggregates: it replays the tree, entry by entry. No recursion, no parallelism, no panic.

use super::errors::{AggregateError, Part};
use super::file::{Aggregate, Entry, Leaf};
use super::{Role, leaf_transcript, merge_transcript, merge_words};
use crate::algebra::fr::WORD;
use crate::algebra::{Fr, mle::log2_ceil};
use crate::commit::opening::{self, Opening};
use crate::commit::{Form, Generators, KeyRows, PointTable, sigma};
use crate::protocol::key::{VerifyingKey, hex};
use crate::protocol::verify::{sum_to_identity, verify_body};
use crate::protocol::{Check, Instance, InstanceError, VerifyError};
use crate::transcript::{DIGEST, Reader};

/// What is left of an accumulator on the verifier's side: its row as a factor for the row of every leaf below it.
struct Accumulator {
    opening: Opening<Form, Vec<(usize, Fr)>>,
    digest: [u8; DIGEST],
}

/// A check that a part asks for: a form that must be the identity.
type PartCheck = ((Part, Check), Form);

/// What the entries leave.
pub(super) struct Replay {
    points: PointTable,
    checks: Vec<PartCheck>,
    /// The row that every leaf speaks of.
    rows: Vec<Form>,
    left: Vec<Accumulator>,
    /// The last challenge; there is one when the last entry is a decider.
    xi: Option<Fr>,
}

impl Aggregate {
    /// Checks all its proofs against the keys of their models and the context that the verifier expects.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, keys: &[&VerifyingKey], context: &[u8]) -> Result<(), AggregateError> {
        self.check_context(context)?;
        let replay = self.replay(keys, Role::Decider)?;
        match (replay.xi, replay.left.len()) {
            (Some(xi), 0) => replay.all_hold(xi),
            (_, left) => Err(AggregateError::Shape(format!("{left} accumulators are not opened"))),
        }
    }

    /// Compares the context with the expected one.
    pub(super) fn check_context(&self, context: &[u8]) -> Result<(), AggregateError> {
        if self.context == context {
            return Ok(());
        }
        let (found, expected) = (hex(&self.context), hex(context));
        Err(AggregateError::Context(InstanceError::OtherContext { found, expected }))
    }

    /// Reads all entries. With a decider, the last entry is one and leaves nothing.
    pub(super) fn replay(&self, keys: &[&VerifyingKey], last: Role) -> Result<Replay, AggregateError> {
        let left = self.check_tree()?;
        if left != 1 {
            return Err(AggregateError::Shape(format!("they leave {left} accumulators, expected 1")));
        }
        let keys = self.known(keys)?;
        let row_width = common_width(keys.iter().map(|key| key.architecture().row_width))?;
        let mut points = PointTable::new(&Generators::new(row_width));
        let key_rows: Vec<KeyRows> = keys.iter().map(|key| points.push_key(key.rows())).collect();
        let mut replay = Replay { points, checks: Vec::new(), rows: Vec::new(), left: Vec::new(), xi: None };
        let mut bodies: Vec<[u8; DIGEST]> = Vec::new();
        let mut merges = 0;
        for (n, entry) in self.entries.iter().enumerate() {
            match entry {
                Entry::Leaf(leaf) => {
                    let second = replay.rows.len();
                    let at = |source| AggregateError::Part { part: Part::Leaf(second), source };
                    // The tree's check has seen that there is such a key.
                    let (key, rows) = (keys[leaf.key], key_rows[leaf.key]);
                    let instance = leaf.instance(key, &self.context).map_err(|e| at(e.into()))?;
                    let body = replay.leaf(&instance, leaf, rows).map_err(at)?;
                    if let Some(first) = bodies.iter().position(|b| *b == body) {
                        return Err(AggregateError::Repeated { first, second });
                    }
                    bodies.push(body);
                }
                Entry::Merge { children, words } => {
                    let root = n + 1 == self.entries.len() && last == Role::Decider;
                    let (role, part) =
                        if root { (Role::Decider, Part::Decider) } else { (Role::Inner, Part::Merge(merges)) };
                    merges += 1;
                    let merged = replay.merge(*children, words, log2_ceil(row_width), role, part);
                    merged.map_err(|source| AggregateError::Part { part, source })?;
                }
            }
        }
        Ok(replay)
    }

    /// The keys of its models.
    fn known<'a>(&self, keys: &[&'a VerifyingKey]) -> Result<Vec<&'a VerifyingKey>, AggregateError> {
        let find = |(k, digest): (usize, &[u8; DIGEST])| {
            keys.iter().find(|key| key.digest() == digest).copied().ok_or_else(|| AggregateError::UnknownModel {
                leaf: self.leaves().position(|leaf| leaf.key == k).unwrap_or_default(),
                found: hex(&digest[..16]),
                expected: keys.len(),
            })
        };
        self.keys.iter().enumerate().map(find).collect()
    }
}

/// The one width of all rows.
pub(super) fn common_width(mut widths: impl Iterator<Item = usize>) -> Result<usize, AggregateError> {
    let first = widths.next().ok_or_else(|| AggregateError::Shape("there are none".into()))?;
    widths.find(|w| *w != first).map_or(Ok(first), |second| Err(AggregateError::RowWidths { first, second }))
}

/// A part's words must be as many as its statement implies.
fn check_length(words: &[u8], expected: usize) -> Result<(), VerifyError> {
    let (found, expected) = (words.len(), WORD * expected);
    if found < expected {
        return Err(VerifyError::TooShort { label: "words", position: found });
    }
    if found > expected { Err(VerifyError::TrailingBytes { extra: found - expected }) } else { Ok(()) }
}

impl Replay {
    /// Reads a leaf and returns the digest of its body.
    fn leaf(&mut self, instance: &Instance<'_>, leaf: &Leaf, rows: KeyRows) -> Result<[u8; DIGEST], VerifyError> {
        let arch = instance.key().architecture();
        check_length(&leaf.words, instance.plan().leaf_words(arch))?;
        let points = &mut self.points;
        let (body, body_digest, position) = verify_body(instance, &leaf.words, points, rows)?;
        let mut reader = Reader::new(leaf_transcript(&body_digest), &leaf.words, position);

        // Stage 4: opening reduction.
        let bodies = [body];
        let Opening { value, point, row } = opening::verify(&mut reader, points, &bodies, log2_ceil(arch.row_width))?;

        // Stage 5: close, but for the opening.
        let [body] = bodies;
        let (products, sent): (Vec<_>, Vec<_>) = (body.products.iter().collect(), body.sent.iter().collect());
        let checks = sigma::verify(&mut reader, points, &products, &sent, None)?;

        let part = Part::Leaf(self.rows.len());
        self.checks.extend(checks.into_iter().map(|(check, form)| ((part, check), form)));
        let members = vec![(self.rows.len(), Fr::from(1u64))];
        let (digest, ..) = reader.finish();
        self.left.push(Accumulator { opening: Opening { value, point, row: members }, digest });
        self.rows.push(row);
        Ok(body_digest)
    }

    /// Reads a merge of the last `count` accumulators.
    fn merge(&mut self, count: usize, words: &[u8], row_bits: usize, role: Role, part: Part) -> Result<(), VerifyError> {
        check_length(words, merge_words(role, row_bits))?;
        // The tree's check has seen that there are as many.
        let children = self.left.split_off(self.left.len().saturating_sub(count));
        let (openings, digests): (Vec<_>, Vec<_>) = children.into_iter().map(|c| (c.opening, c.digest)).unzip();
        let mut reader = Reader::new(merge_transcript(role, &digests), words, 0);
        let points = &mut self.points;
        let Opening { value, point, row: factors } = opening::verify_merge(&mut reader, points, &openings, row_bits)?;
        let of_child = |(child, factor): (Opening<Form, Vec<(usize, Fr)>>, Fr)| {
            child.row.into_iter().map(move |(leaf, k)| (leaf, k * factor))
        };
        let members: Vec<_> = openings.into_iter().zip(factors).flat_map(of_child).collect();
        let checks = match role {
            Role::Inner => sigma::verify(&mut reader, points, &[], &[], None)?,
            Role::Decider => {
                let opening = Opening { value: value.clone(), point: point.clone(), row: combined(&self.rows, &members) };
                sigma::verify(&mut reader, points, &[], &[], Some(&opening))?
            }
        };
        self.checks.extend(checks.into_iter().map(|(check, form)| ((part, check), form)));
        match role {
            Role::Inner => {
                let (digest, ..) = reader.finish();
                self.left.push(Accumulator { opening: Opening { value, point, row: members }, digest });
            }
            Role::Decider => self.xi = Some(reader.challenge("xi")),
        }
        Ok(())
    }

    /// All checks at once; when they fail, the first part that does.
    fn all_hold(&self, xi: Fr) -> Result<(), AggregateError> {
        if sum_to_identity(xi, &self.points, self.checks.iter().map(|(_, form)| form)) {
            return Ok(());
        }
        let wrong = self.checks.iter().find(|(_, form)| !form.is_identity(&self.points));
        let (part, check) = wrong.map_or((Part::Decider, Check::Knowledge), |(name, _)| *name);
        Err(AggregateError::Part { part, source: VerifyError::CheckFailed(check) })
    }

    /// The accumulator that is left, as a form of its row and of its value, with its point and digest.
    #[cfg(feature = "prover")]
    fn accumulator(&self) -> Option<(Opening<Form, Form>, [u8; DIGEST])> {
        let Accumulator { opening, digest } = self.left.last()?;
        let row = combined(&self.rows, &opening.row);
        Some((Opening { value: opening.value.clone(), point: opening.point.clone(), row }, *digest))
    }
}

/// `Σ factor·row` over leaves.
fn combined(rows: &[Form], members: &[(usize, Fr)]) -> Form {
    let mut out = Form::zero();
    members.iter().filter_map(|(leaf, k)| Some((rows.get(*leaf)?, k))).for_each(|(row, k)| out.add_scaled(*k, row));
    out
}

#[cfg(feature = "prover")]
mod deferred {
    use super::{AggregateError, Check, Form, Part, Role};
    use crate::aggregate::Deferred;
    use crate::algebra::{eq, mle};
    use crate::protocol::VerifyingKey;
    use crate::transcript::{DIGEST, Transcript};

    impl Deferred {
        /// Checks all that can be checked before the opening, and that the secret opens it: what its maker does before it leaves
        /// the house, and what tells a bad one from good ones when their aggregate is refused.
        ///
        /// # Errors
        /// What does not hold.
        pub fn check(&self, keys: &[&VerifyingKey]) -> Result<(), AggregateError> {
            let mut replay = self.parts.replay(keys, Role::Inner)?;
            let (claimed, digest) = replay.accumulator().ok_or(AggregateError::Secret)?;
            let opening = &self.opening;
            if (digest, &claimed.point, claimed.point.len())
                != (self.digest, &opening.point, mle::log2_ceil(self.row_width()))
            {
                return Err(AggregateError::Secret);
            }
            let mut row = claimed.row - Form::commitment(0u64.into(), opening.row.blind);
            opening.row.values.iter().enumerate().for_each(|(j, w)| row.push(replay.points.generator(j), -*w));
            let at_t = mle::inner_product(&eq::table(&opening.point), &opening.row.values);
            if at_t != opening.value.value {
                return Err(AggregateError::Secret);
            }
            let value = claimed.value - Form::commitment(at_t, opening.value.blind);
            let last = Part::Leaf(replay.rows.len().saturating_sub(1));
            replay.checks.push(((last, Check::OpeningRow), row));
            replay.checks.push(((last, Check::OpeningValue), value));
            replay.all_hold(self.last_challenge(&digest))
        }

        /// A challenge that depends on all that is checked.
        fn last_challenge(&self, digest: &[u8; DIGEST]) -> crate::algebra::Fr {
            let mut transcript = Transcript::new("zktern/v1/deferred");
            transcript.absorb("accumulator", digest);
            transcript.absorb("secret", &self.to_bytes());
            transcript.challenge("xi")
        }
    }
}
