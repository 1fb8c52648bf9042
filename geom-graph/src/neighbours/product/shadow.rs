//! Shadows of points: images in fewer dimensions whose distances are never longer than those of the points.
//!
//! The coordinates along orthonormal directions, $p$, and the length of what they leave out, $r$, satisfy
//! $\lVert p_i - p_j\rVert^2 + (r_i - r_j)^2 \le \lVert x_i - x_j\rVert^2$, and $(p, r)$ is as long as $x$. Whoever is farther than a limit in
//! the shadow is farther in truth, which a product of a tenth of the width tells. Norms are shortened by a bound on all
//! roundings, so that the statement holds for what is computed.

use rayon::prelude::*;

use super::frame::{Coordinates, Frame};
use crate::Scalar;
use crate::metric::Key;
use crate::simd::{self, PANEL, Panel};

/// Points in panels, in an order of their own.
pub(super) struct Shadow {
    width: usize,
    /// Panel by panel, coordinate by coordinate.
    coordinates: Vec<f32>,
    half_norms: Vec<[f32; PANEL]>,
    /// The middle of each panel and how far its points are from it.
    middles: Vec<f32>,
    radii: Vec<f32>,
}

/// The unit roundoff of single precision.
const UNIT: f64 = 0.5 * f32::EPSILON as f64;

/// Added to limits: larger than all that may have been lost to underflow.
const TINY: f64 = 1e-30;

impl Shadow {
    /// The points by their first `size` coordinates along the basis and the length of the rest.
    pub(super) fn partial(points: &Coordinates, order: &[u32], size: usize) -> Self {
        Self::new(order.len(), size + 1, |place, image| {
            points.shorten(order[place] as usize, size, image);
        })
    }

    /// The whole points.
    pub(super) fn whole<T: Scalar>(frame: &Frame, points: &[T], order: &[u32]) -> Self {
        let width = frame.width();
        Self::new(order.len(), width, |place, image| {
            let i = order[place] as usize;
            frame.place(&points[i * width..(i + 1) * width], image);
        })
    }

    fn new(n: usize, width: usize, image: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let panels = n.div_ceil(PANEL);
        let mut shadow = Self {
            width,
            coordinates: vec![0.0; panels * PANEL * width],
            half_norms: vec![[f32::NAN; PANEL]; panels],
            middles: vec![0.0; panels * width],
            radii: vec![0.0; panels],
        };
        let bound = error_bound(width);
        shadow
            .coordinates
            .par_chunks_exact_mut(PANEL * width)
            .zip(&mut shadow.half_norms)
            .zip(shadow.middles.par_chunks_exact_mut(width))
            .zip(&mut shadow.radii)
            .enumerate()
            .for_each(|(panel, (((coordinates, half_norms), middle), radius))| {
                let places = panel * PANEL..((panel + 1) * PANEL).min(n);
                let count = places.len();
                let mut images = vec![0.0; count * width];
                for (place, row) in places.zip(images.chunks_exact_mut(width)) {
                    image(place, row);
                    middle.iter_mut().zip(row).for_each(|(m, x)| *m += *x);
                }
                for m in &mut *middle {
                    *m /= count as f32;
                }
                let mut largest = 0.0_f64;
                for (l, row) in images.chunks_exact(width).enumerate() {
                    for (k, x) in row.iter().enumerate() {
                        coordinates[k * PANEL + l] = *x;
                    }
                    let sq_norm: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
                    half_norms[l] = f32::of(0.5 * sq_norm * (1.0 - 2.0 * bound));
                    let off = f64::from(simd::squared_distance(row, middle)).sqrt();
                    // What the images were rounded by, and the distance.
                    largest = largest.max(off * (1.0 + bound) + 8.0 * UNIT * sq_norm.sqrt());
                }
                *radius = f32::of(largest * (1.0 + 4.0 * UNIT) + TINY);
            });
        shadow
    }

    pub(super) fn panels(&self) -> usize {
        self.radii.len()
    }

    pub(super) fn panel<'a>(&'a self, panel: usize, half_limits: &'a [f32; PANEL]) -> Panel<'a> {
        let size = PANEL * self.width;
        Panel {
            coordinates: &self.coordinates[panel * size..(panel + 1) * size],
            half_norms: &self.half_norms[panel],
            half_limits,
        }
    }

    /// How far apart the points of two panels are at least, squared and halved; and the squared distance of their middles.
    pub(super) fn gap(&self, panel: usize, other: &Self, q: usize) -> (f32, f32) {
        let middle = |shadow: &Self, p: usize| p * shadow.width..(p + 1) * shadow.width;
        let (a, b) = (middle(self, panel), middle(other, q));
        let sq = simd::squared_distance(&self.middles[a], &other.middles[b]);
        let apart = f64::from(sq).sqrt() * (1.0 - error_bound(self.width));
        let gap = apart - f64::from(self.radii[panel]) - f64::from(other.radii[q]);
        let half_gap = 0.5 * gap.max(0.0).powi(2) * (1.0 - 4.0 * UNIT);
        (f32::of(half_gap), sq)
    }
}

/// Limits for shadows from squared distances of points as they are evaluated.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    scale: f64,
    slack: f64,
}

impl Limits {
    /// `width` is that of the points.
    pub(super) fn new<T: Scalar>(frame: &Frame, width: usize) -> Self {
        Self {
            scale: frame.scale,
            // A computed distance may be that much below the true one.
            slack: 1.0 + (width + 16) as f64 * T::epsilon().as_f64(),
        }
    }

    /// Half the squared distance in the shadow that no point passes whose distance is computed as at most `key`.
    pub(super) fn half<T: Scalar>(self, key: T) -> f32 {
        let half = 0.5 * (key.as_f64() * self.scale) * self.scale * self.slack;
        f32::of(half * (1.0 + 4.0 * UNIT) + TINY)
    }
}

/// A bound on the error of $n_i + n_j - 2 g_{ij}$, relative to $(\lVert x_i\rVert + \lVert x_j\rVert)^2$: of the images, the products and the
/// comparison; every sum of $K$ terms errs by at most $K$ roundings of its largest possible size.
fn error_bound(width: usize) -> f64 {
    (width + 64) as f64 * UNIT
}

/// How many directions the shadow shall have; `None` when the whole points are the better shadow.
///
/// Estimated from pairs of sampled points with the distances of their neighbours in the order; any answer is valid.
pub(super) fn size<T: Scalar>(
    frame: &Frame,
    (points, width): (&[T], usize),
    coordinates: &Coordinates,
    order: &[u32],
    k: usize,
) -> Option<usize> {
    const SAMPLE: usize = 192;
    const STEP: usize = 8;
    let n = order.len();
    if !frame.is_partial() || n < 2 * SAMPLE || k > super::BLOCK / 4 {
        return None;
    }
    let row = |place: usize| {
        let i = order[place] as usize;
        &points[i * width..(i + 1) * width]
    };
    let places: Vec<usize> = (0..SAMPLE).map(|s| s * n / SAMPLE).collect();
    let limits: Vec<f64> = places
        .par_iter()
        .map(|&place| {
            let start = place.saturating_sub(super::BLOCK / 2);
            let near = start..(start + super::BLOCK).min(n);
            let mut keys: Vec<f64> = near
                .map(|other| {
                    Key::SquaredEuclidean
                        .between(row(place), row(other))
                        .as_f64()
                })
                .collect();
            // The point itself is the first.
            let at = k.min(keys.len() - 1);
            let limit = *keys.select_nth_unstable_by(at, f64::total_cmp).1;
            limit * frame.scale * frame.scale
        })
        .collect();
    // How many pairs are within their limit by the first coordinates, for every eighth number of them.
    let sizes: Vec<usize> = (STEP..=coordinates.width).step_by(STEP).collect();
    let along = |s: usize| {
        let i = order[places[s]] as usize;
        let values = &coordinates.values[i * coordinates.width..(i + 1) * coordinates.width];
        (values, coordinates.sq_norms[i])
    };
    let counts: Vec<Vec<usize>> = (0..SAMPLE)
        .into_par_iter()
        .map(|a| {
            let mut counts = vec![0; sizes.len()];
            let (first, norm) = along(a);
            for b in 0..a {
                let (second, other) = along(b);
                let limit = limits[a].max(limits[b]);
                let (mut sq, mut rest) = (0.0, (norm, other));
                for ((first, second), count) in first
                    .chunks_exact(STEP)
                    .zip(second.chunks_exact(STEP))
                    .zip(&mut counts)
                {
                    for (&x, &y) in first.iter().zip(second) {
                        let (x, y) = (f64::from(x), f64::from(y));
                        sq += (x - y) * (x - y);
                        rest = (rest.0 - x * x, rest.1 - y * y);
                    }
                    let across = rest.0.max(0.0).sqrt() - rest.1.max(0.0).sqrt();
                    *count += usize::from(sq + across * across <= limit);
                }
            }
            counts
        })
        .collect();
    let pairs = (SAMPLE * (SAMPLE - 1) / 2) as f64;
    // In units of one coordinate of one pair; what a whole distance costs was measured.
    let distance = 600.0 + 6.0 * width as f64;
    let cost = |at: usize| {
        let hits: usize = counts.iter().map(|counts| counts[at]).sum();
        (sizes[at] + 1) as f64 + distance * (hits as f64 / pairs)
    };
    let best = (0..sizes.len()).min_by(|&a, &b| cost(a).total_cmp(&cost(b)))?;
    let last = (0..SAMPLE)
        .map(|a| counts[a][sizes.len() - 1])
        .sum::<usize>();
    // The whole points let through what the longest shadow lets through, or less.
    let whole = width as f64 + 0.5 * distance * (last as f64 / pairs);
    (cost(best) < whole).then(|| sizes[best])
}
