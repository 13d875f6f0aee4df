//! Many sums of affine points at once.
//!
//! An affine addition costs one inversion and three multiplications; Montgomery's trick shares one inversion among hundreds of
//! independent additions, at three multiplications each. [`sum_lists`] adds up many lists of points by halving all of them
//! together, level by level, so that there are always enough independent additions to share with. About 0.1 µs an addition,
//! half of a mixed projective one. Row commitments, buckets of multi-scalar multiplications and fixed-base tables all use it.
//!
//! Every case of the group law is handled (equal points double, opposite ones cancel): the verifier runs it on points that an
//! adversary chose.

use super::Fq;
use super::g1::Point;
use ark_ff::{AdditiveGroup, Field, One, Zero};

/// Additions that share one inversion: its 5 µs become 10 ns each, and the operands stay in the first-level caches.
const BLOCK: usize = 512;

/// One term of a sum: the index of a point, and whether it is subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u32);

impl Entry {
    /// `+points[index]` or `−points[index]`. Indices stay below 2^31.
    #[must_use]
    #[inline]
    pub const fn new(index: usize, negative: bool) -> Self {
        Self((index as u32) << 1 | negative as u32)
    }

    /// Twice the index, and one more for a minus.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    #[inline]
    fn resolve(self, points: &[Point]) -> Slot {
        let p = points[(self.0 >> 1) as usize];
        Slot { x: p.x(), y: if self.0 & 1 == 1 { -p.y() } else { p.y() } }
    }
}

/// Lists of entries, stored one after the other.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    entries: Vec<Entry>,
    ends: Vec<usize>,
}

impl Lists {
    /// Room for `lists` lists of `entries` terms in all.
    #[must_use]
    pub fn with_capacity(lists: usize, entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), ends: Vec::with_capacity(lists) }
    }

    /// Appends a term to the list being built.
    #[inline]
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Ends the list being built and starts the next.
    pub fn close(&mut self) {
        self.ends.push(self.entries.len());
    }

    /// All entries, list after list.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries every list has.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        let starts = std::iter::once(&0).chain(&self.ends);
        self.ends.iter().zip(starts).map(|(end, start)| end - start)
    }

    /// Entries and list ends that were sorted elsewhere.
    pub(crate) const fn from_parts(entries: Vec<Entry>, ends: Vec<usize>) -> Self {
        Self { entries, ends }
    }
}

/// A point, or the identity as `(0, 0)`, which is not on the curve.
#[derive(Clone, Copy)]
struct Slot {
    x: Fq,
    y: Fq,
}

impl Slot {
    const IDENTITY: Self = Self { x: Fq::ZERO, y: Fq::ZERO };

    fn is_identity(&self) -> bool {
        self.x.is_zero() && self.y.is_zero()
    }
}

/// The sum of every list; `None` where it is the identity (an empty list, for one).
#[must_use]
pub fn sum_lists(points: &[Point], lists: &Lists) -> Vec<Option<Point>> {
    let slots = lists.entries.iter().map(|e| e.resolve(points)).collect();
    let mut lengths = Vec::with_capacity(lists.ends.len());
    let mut start = 0;
    for &end in &lists.ends {
        lengths.push(end - start);
        start = end;
    }
    reduce(slots, lengths)
}

/// Halves every list until each holds at most one slot.
fn reduce(mut slots: Vec<Slot>, mut lengths: Vec<usize>) -> Vec<Option<Point>> {
    let mut next: Vec<Slot> = Vec::with_capacity(slots.len() / 2 + lengths.len());
    let mut pairs: Vec<(usize, usize)> = Vec::with_capacity(slots.len() / 2);
    while lengths.iter().any(|&n| n > 1) {
        pairs.clear();
        next.clear();
        let mut at = 0;
        for n in &mut lengths {
            for i in 0..*n / 2 {
                pairs.push((at + 2 * i, next.len()));
                next.push(Slot::IDENTITY);
            }
            if *n % 2 == 1 {
                next.push(slots[at + *n - 1]);
            }
            at += *n;
            *n = n.div_ceil(2);
        }
        for block in pairs.chunks(BLOCK) {
            add_block(&slots, &mut next, block);
        }
        std::mem::swap(&mut slots, &mut next);
    }
    let mut remaining = slots.into_iter();
    lengths
        .into_iter()
        .map(|n| {
            let slot = if n == 1 { remaining.next() } else { None };
            slot.filter(|s| !s.is_identity()).map(|s| Point::new_unchecked(s.x, s.y))
        })
        .collect()
}

/// `to[d] = from[s] + from[s + 1]` for every `(s, d)`, with one inversion.
fn add_block(from: &[Slot], to: &mut [Slot], pairs: &[(usize, usize)]) {
    let mut prefix = [Fq::ZERO; BLOCK];
    let mut product = Fq::one();
    for (slot, &(s, _)) in prefix.iter_mut().zip(pairs) {
        *slot = product;
        product *= denominator(&from[s], &from[s + 1]);
    }
    // Never zero: denominator() replaces zeros by one.
    let mut inverse = product.inverse().unwrap_or_else(Fq::one);
    for (slot, &(s, d)) in prefix.iter().zip(pairs).rev() {
        let (a, b) = (&from[s], &from[s + 1]);
        let inverted = inverse * slot;
        inverse *= denominator(a, b);
        to[d] = finish_addition(a, b, inverted);
    }
}

/// What the slope of the line through `a` and `b` is divided by; one where there is no such line.
fn denominator(a: &Slot, b: &Slot) -> Fq {
    let d = b.x - a.x;
    if a.is_identity() || b.is_identity() {
        Fq::one()
    } else if !d.is_zero() {
        d
    } else if a.y == b.y {
        a.y.double() // never zero: the group has odd order
    } else {
        Fq::one()
    }
}

fn finish_addition(a: &Slot, b: &Slot, inverted: Fq) -> Slot {
    if a.is_identity() {
        return *b;
    }
    if b.is_identity() {
        return *a;
    }
    let rise = if a.x != b.x {
        b.y - a.y
    } else if a.y == b.y {
        let square = a.x.square();
        square.double() + square
    } else {
        return Slot::IDENTITY;
    };
    let slope = rise * inverted;
    let x = slope.square() - a.x - b.x;
    Slot { x, y: slope * (a.x - x) - a.y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::{Fr, g1};
    use ark_bn254::G1Projective;
    use ark_ec::PrimeGroup;
    use proptest::prelude::*;

    /// Multiples 1..=n of the generator: small enough that sums collide, double and cancel all the time.
    fn multiples(n: u64) -> Vec<Point> {
        (1..=n).map(|k| Point::from_projective(&(G1Projective::generator() * Fr::from(k))).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn agrees_with_projective_sums(lists in prop::collection::vec(prop::collection::vec((0usize..6, any::<bool>()), 0..40), 1..30)) {
            let points = multiples(6);
            let mut input = Lists::default();
            for list in &lists {
                list.iter().for_each(|&(i, n)| input.push(Entry::new(i, n)));
                input.close();
            }
            let got = sum_lists(&points, &input);
            for (list, got) in lists.iter().zip(got) {
                let expected = g1::sum(list.iter().map(|&(i, n)| if n { -points[i] } else { points[i] }));
                prop_assert_eq!(got, Point::from_projective(&expected));
            }
        }
    }

    #[test]
    fn long_lists_span_several_blocks() {
        let points = multiples(40);
        let mut input = Lists::default();
        (0..5000).for_each(|i| input.push(Entry::new(i * i % 40, i % 3 == 0)));
        input.close();
        input.close();
        let expected = g1::sum((0..5000).map(|i| if i % 3 == 0 { -points[i * i % 40] } else { points[i * i % 40] }));
        assert_eq!(sum_lists(&points, &input), [Point::from_projective(&expected), None]);
    }
}
