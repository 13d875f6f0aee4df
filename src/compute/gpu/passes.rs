//! Passes that spare waits and dispatches: two sumcheck rounds in one, several layers of fractions in one.

use super::core::{Core, DeviceTable, Params, View, groups};
use super::kernels::Kernel;
use super::memory::{ELEMENT, words};
use crate::algebra::Fr;
use crate::compute::{Ahead, Result, Summand, Weights};

/// Quadruples that a workgroup of `round_ahead` takes at a time.
const QUADRUPLES: usize = 16;
/// Its workgroups at most: their partial sums are added up by one workgroup.
const AHEAD_GROUPS: usize = 1024;
/// Layers of fractions in one dispatch at most.
pub(super) const MOST_LAYERS: usize = 3;
/// Views must start at multiples of so many elements, which are the 256 bytes that any device allows.
const ALIGNED: usize = 256 / ELEMENT as usize;

impl Core {
    /// Binds up to two top variables, and evaluates two rounds; `None` for a summand of degree three.
    pub(super) fn rounds_ahead(
        &self,
        f: Summand,
        tables: &mut [&mut DeviceTable],
        weights: Weights<'_>,
        bind: &[Fr],
    ) -> Result<Option<Ahead>> {
        let Some(kernel) = Kernel::ahead(f) else { return Ok(None) };
        let n = tables[0].len >> (bind.len() + 2);
        let (high, low, weighted) = self.split(weights)?;
        let challenge = |i: usize| bind.get(i).map(words).unwrap_or_default();
        let params = Params {
            n: n as u32,
            a: bind.len() as u32,
            b: low.entries().trailing_zeros(),
            c: u32::from(weighted),
            x: challenge(0),
            y: challenge(1),
        };
        let count = n.div_ceil(QUADRUPLES).min(AHEAD_GROUPS) as u32;
        let partials = self.scratch(9 * count as usize * ELEMENT as usize)?;
        let mut views = vec![high, low, partials.clone()];
        views.extend(tables.iter().map(|t| t.view()));
        let mut commands = self.commands();
        self.dispatch(&mut commands, kernel, params, &views.iter().collect::<Vec<_>>(), (count, 1))?;
        let sums: [Fr; 9] = self.finish(commands, &partials, count)?;
        tables.iter_mut().for_each(|t| t.len >>= bind.len());
        // A row holds the gate's three values of a pair in Y: at 0, at 1, and of the slope.
        Ok(Some(Ahead(std::array::from_fn(|i| std::array::from_fn(|j| sums[3 * i + j])))))
    }

    /// Numerators and denominators of the `count` layers above, up to `at_once` to a dispatch, all in one submission. Layers of
    /// fewer than `home` fractions come back as values, with one wait, and so does no other.
    pub(super) fn fraction_layers(
        &self,
        (p, q): (Option<&DeviceTable>, &DeviceTable),
        count: usize,
        at_once: usize,
        home: usize,
    ) -> Result<Vec<Layer>> {
        let mut commands = self.commands();
        let mut layers: Vec<[DeviceTable; 2]> = Vec::with_capacity(count);
        while layers.len() < count {
            let (kernel, below) = match (layers.last(), p) {
                (Some([p, q]), _) => (Kernel::FractionLayer, vec![p.view(), q.view()]),
                (None, Some(p)) => (Kernel::FractionLayer, vec![p.view(), q.view()]),
                (None, None) => (Kernel::FractionLeaves, vec![q.view()]),
            };
            let len = q.len >> layers.len();
            let made = at_once.clamp(1, MOST_LAYERS).min(count - layers.len());
            let mut starts = [0; MOST_LAYERS + 1];
            for k in 0..made {
                starts[k + 1] = starts[k] + (len >> (k + 1)).next_multiple_of(ALIGNED);
            }
            let outs = [self.scratch(starts[made] * ELEMENT as usize)?, self.scratch(starts[made] * ELEMENT as usize)?];
            let last = len >> made;
            let params =
                Params { n: last as u32, a: made as u32, b: starts[1] as u32, c: starts[2] as u32, ..Params::default() };
            let views: Vec<&View> = below.iter().chain(&outs).collect();
            self.dispatch(&mut commands, kernel, params, &views, (groups(last), 1))?;
            let part =
                |out: &View, k: usize| DeviceTable { memory: out.memory.clone(), first: starts[k], len: len >> (k + 1) };
            layers.extend((0..made).map(|k| [part(&outs[0], k), part(&outs[1], k)]));
        }
        let large = layers.iter().take_while(|[_, q]| q.len >= home).count();
        let small: Vec<View> = layers[large..].iter().flatten().map(DeviceTable::view).collect();
        let mut out: Vec<Layer> = Vec::with_capacity(count);
        if small.is_empty() {
            self.submit(commands)?;
            out.extend(layers.into_iter().map(Layer::There));
            return Ok(out);
        }
        let read = self.read(commands, &small.iter().collect::<Vec<_>>())?;
        out.extend(layers.into_iter().take(large).map(Layer::There));
        for pair in read.chunks_exact(2) {
            out.push(Layer::Home([self.heap.elements(&pair[0])?, self.heap.elements(&pair[1])?]));
        }
        Ok(out)
    }
}

/// Numerators and denominators of one layer.
#[derive(Debug)]
pub(super) enum Layer {
    /// On the device.
    There([DeviceTable; 2]),
    /// Read back.
    Home([Vec<Fr>; 2]),
}
