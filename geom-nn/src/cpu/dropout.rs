//! Dropout: the same entries for the value and all tangents of a point, chosen without a state.

use crate::cpu::linear::Rows;
use crate::element::Element;
use crate::network::Mode;
use crate::plan::Step;

/// Scales kept entries by $1/(1 - p)$ and clears the others; symmetric, so its own transpose.
pub(crate) fn apply<E: Element>(
    step: &Step,
    probability: f64,
    rows: Rows<'_, E>,
    x: &[E],
    out: &mut [E],
) {
    let Mode::Training { seed } = rows.mode else {
        out.copy_from_slice(x);
        return;
    };
    let width = step.outputs;
    let scale = E::of(1.0 / (1.0 - probability));
    let mut factors = vec![E::zero(); width];
    let points = x
        .chunks_exact(rows.stack() * width)
        .zip(out.chunks_exact_mut(rows.stack() * width));
    for (i, (point, out)) in points.enumerate() {
        for (j, factor) in factors.iter_mut().enumerate() {
            let draw = uniform(seed, step.layer as u64, (rows.first + i) as u64, j as u64);
            *factor = if draw < probability { E::zero() } else { scale };
        }
        for (row, out) in point.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for ((out, &v), &factor) in out.iter_mut().zip(row).zip(&factors) {
                *out = v * factor;
            }
        }
    }
}

/// What dropout multiplies the rows of a whole batch with.
pub(crate) fn factors<E: Element>(
    step: &Step,
    probability: f64,
    seed: u64,
    batch: usize,
    stack: usize,
) -> Vec<E> {
    let (width, scale) = (step.outputs, E::of(1.0 / (1.0 - probability)));
    let factor = |i: usize| {
        let (point, entry) = (i / (stack * width), i % width);
        let draw = uniform(seed, step.layer as u64, point as u64, entry as u64);
        if draw < probability { E::zero() } else { scale }
    };
    (0..batch * stack * width).map(factor).collect()
}

/// Uniform in $[0, 1)$ from four numbers, by the mixing function of SplitMix64 (Steele et al. 2014).
fn uniform(seed: u64, layer: u64, point: u64, entry: u64) -> f64 {
    let mix = |state: u64, next: u64| {
        let mut z = (state ^ next).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let bits = mix(mix(mix(mix(0, seed), layer), point), entry);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
