//! Sumcheck rounds: bind the last challenge and evaluate this round's polynomial in one pass over the tables, in place.
//!
//! A table of `4h` entries has quarters `A B C D`. Binding its top variable gives `a = A + r(C − A)`, `b = B + r(D − B)`, which
//! are the halves of the next round's pairs: four reads, two writes, no second pass. Tasks are split by halving, without
//! allocation, down to a grain.

use crate::algebra::Fr;
use crate::compute::{RoundValues, Summand, Weights};
use ark_ff::{AdditiveGroup, Field, Zero};

/// Pairs that a task evaluates at least.
const PAIRS: usize = 1 << 8;

/// One table's part of a task: the pairs `(a[x], b[x])`, with the entries they are still to be bound with.
struct Part<'a> {
    a: &'a mut [Fr],
    b: &'a mut [Fr],
    c: &'a [Fr],
    d: &'a [Fr],
}

impl<'a> Part<'a> {
    fn new(table: &'a mut [Fr], bind: bool) -> Self {
        if bind {
            let (low, high) = table.split_at_mut(table.len() / 2);
            let (c, d) = high.split_at(high.len() / 2);
            let (a, b) = low.split_at_mut(low.len() / 2);
            Self { a, b, c, d }
        } else {
            let (a, b) = table.split_at_mut(table.len() / 2);
            Self { a, b, c: &[], d: &[] }
        }
    }

    /// Keeps the pairs below `at`, returns the rest.
    fn split_off(&mut self, at: usize) -> Self {
        let (a, a1) = std::mem::take(&mut self.a).split_at_mut(at);
        let (b, b1) = std::mem::take(&mut self.b).split_at_mut(at);
        let (c, c1) = self.c.split_at(at.min(self.c.len()));
        let (d, d1) = self.d.split_at(at.min(self.d.len()));
        *self = Self { a, b, c, d };
        Self { a: a1, b: b1, c: c1, d: d1 }
    }

    /// The pair at `x`, bound where there is something to bind with.
    #[inline]
    fn pair(&mut self, x: usize, bind: Option<Fr>) -> (Fr, Fr) {
        if let Some(r) = bind {
            self.a[x] += r * (self.c[x] - self.a[x]);
            self.b[x] += r * (self.d[x] - self.b[x]);
        }
        (self.a[x], self.b[x])
    }
}

/// A summand with a fixed number of tables: what it adds to `[g(0), g(1) − g(0), [X²]g, [X³]g]` for one pair of entries.
trait Gate<const N: usize>: Copy + Send + Sync {
    /// The values that [`Gate::finish`] turns into the result: as few multiplications a pair as possible.
    fn pair(pairs: [(Fr, Fr); N]) -> [Fr; 3];
    fn finish(sums: [Fr; 3]) -> RoundValues;
}

/// `a·b`: `g(0)`, `g(1)` and the product of differences.
#[derive(Clone, Copy)]
struct ProductGate;
impl Gate<2> for ProductGate {
    #[inline]
    fn pair([(a0, a1), (b0, b1)]: [(Fr, Fr); 2]) -> [Fr; 3] {
        [a0 * b0, a1 * b1, (a1 - a0) * (b1 - b0)]
    }
    fn finish([g0, g1, c]: [Fr; 3]) -> RoundValues {
        [g0, g1 - g0, c, Fr::zero()]
    }
}

/// `a·b` where only `g(0)` and the square coefficient are wanted: `g(1)` follows from the claim.
#[derive(Clone, Copy)]
struct PlainProductGate;
impl Gate<2> for PlainProductGate {
    #[inline]
    fn pair([(a0, a1), (b0, b1)]: [(Fr, Fr); 2]) -> [Fr; 3] {
        [a0 * b0, Fr::zero(), (a1 - a0) * (b1 - b0)]
    }
    fn finish([g0, _, c]: [Fr; 3]) -> RoundValues {
        [g0, Fr::zero(), c, Fr::zero()]
    }
}

/// `q1·(q0 + p0) + q0·p1`.
#[derive(Clone, Copy)]
struct FractionGate;
impl Gate<4> for FractionGate {
    #[inline]
    fn pair([p0, p1, q0, q1]: [(Fr, Fr); 4]) -> [Fr; 3] {
        let f = |p0: Fr, p1: Fr, q0: Fr, q1: Fr| Fr::sum_of_products(&[q1, q0], &[q0 + p0, p1]);
        let slope = |t: (Fr, Fr)| t.1 - t.0;
        [f(p0.0, p1.0, q0.0, q1.0), f(p0.1, p1.1, q0.1, q1.1), f(slope(p0), slope(p1), slope(q0), slope(q1))]
    }
    fn finish([g0, g1, c]: [Fr; 3]) -> RoundValues {
        [g0, g1 - g0, c, Fr::zero()]
    }
}

/// `w³ − w` with `w = w0 + X·D`: `g(1) − g(0)`, `3·w0·D²` and `D³`; zero pairs cost nothing.
#[derive(Clone, Copy)]
struct CubicGate;
impl Gate<1> for CubicGate {
    #[inline]
    fn pair([(w0, w1)]: [(Fr, Fr); 1]) -> [Fr; 3] {
        if w0.is_zero() && w1.is_zero() {
            return [Fr::zero(); 3];
        }
        let d = w1 - w0;
        let dd = d.square();
        let wdd = w0 * dd;
        let cube = |w: Fr| w.square() * w - w;
        [cube(w1) - cube(w0), wdd.double() + wdd, dd * d]
    }
    fn finish([d, c2, c3]: [Fr; 3]) -> RoundValues {
        [Fr::zero(), d, c2, c3]
    }
}

/// Runs one round. `g(0)` is not computed where the protocol does not send it.
pub(super) fn round(f: Summand, tables: &mut [Vec<Fr>], weights: Weights<'_>, bind: Option<Fr>) -> RoundValues {
    let out = match (f, &weights) {
        (Summand::Product, Weights::Plain) => run::<PlainProductGate, 2>(tables, &weights, bind),
        (Summand::Product, Weights::Eq(..)) => run::<ProductGate, 2>(tables, &weights, bind),
        (Summand::Fraction, _) => run::<FractionGate, 4>(tables, &weights, bind),
        (Summand::Cubic, _) => run::<CubicGate, 1>(tables, &weights, bind),
    };
    if bind.is_some() {
        tables.iter_mut().for_each(|t| t.truncate(t.len() / 2));
    }
    out
}

fn run<G: Gate<N>, const N: usize>(tables: &mut [Vec<Fr>], weights: &Weights<'_>, bind: Option<Fr>) -> RoundValues {
    let Ok(tables) = <&mut [Vec<Fr>; N]>::try_from(tables) else {
        unreachable!("a summand of {N} tables");
    };
    let parts = tables.each_mut().map(|t| Part::new(t, bind.is_some()));
    G::finish(task::<G, N>(parts, 0, weights, bind))
}

/// Pairs `from..` of a round, halved until they are few.
fn task<G: Gate<N>, const N: usize>(
    mut parts: [Part<'_>; N],
    from: usize,
    weights: &Weights<'_>,
    bind: Option<Fr>,
) -> [Fr; 3] {
    let len = parts[0].a.len();
    if len >= 2 * PAIRS {
        let middle = len / 2;
        let second = parts.each_mut().map(|p| p.split_off(middle));
        let (l, r) =
            rayon::join(|| task::<G, N>(parts, from, weights, bind), || task::<G, N>(second, from + middle, weights, bind));
        return std::array::from_fn(|i| l[i] + r[i]);
    }
    let mut total = [Fr::zero(); 3];
    match weights {
        Weights::Plain => {
            for x in 0..len {
                let values = G::pair(parts.each_mut().map(|p| p.pair(x, bind)));
                total.iter_mut().zip(values).for_each(|(t, v)| *t += v);
            }
        }
        Weights::Eq(split, bound) => {
            let (high, low) = split.suffix(*bound);
            let mut x = 0;
            while x < len {
                // One entry of the high table at a time: its factor is taken out of the inner sum.
                let (h, l) = ((from + x) / low.len(), (from + x) % low.len());
                let stop = len.min(x + low.len() - l);
                let mut inner = [Fr::zero(); 3];
                for (x, weight) in (x..stop).zip(&low[l..]) {
                    let values = G::pair(parts.each_mut().map(|p| p.pair(x, bind)));
                    inner.iter_mut().zip(values).for_each(|(t, v)| *t += *weight * v);
                }
                total.iter_mut().zip(inner).for_each(|(t, v)| *t += high[h] * v);
                x = stop;
            }
        }
    }
    total
}

/// Binds one table's top variable.
pub(super) fn bind(table: &mut Vec<Fr>, r: Fr) {
    let half = table.len() / 2;
    let (low, high) = table.split_at_mut(half);
    bind_part(low, high, r);
    table.truncate(half);
}

fn bind_part(low: &mut [Fr], high: &[Fr], r: Fr) {
    if low.len() >= 4 * PAIRS {
        let middle = low.len() / 2;
        let (l0, l1) = low.split_at_mut(middle);
        let (h0, h1) = high.split_at(middle);
        rayon::join(|| bind_part(l0, h0, r), || bind_part(l1, h1, r));
    } else {
        low.iter_mut().zip(high).for_each(|(a, b)| *a += r * (*b - *a));
    }
}
