//! Batch normalisation: $\hat x = (x - \mu)s$ with $s = 1/\sqrt{v + \epsilon}$, feature by feature, then the scale $\gamma$.
//!
//! In evaluation $\mu$ and $v$ are constants and the layer is affine. In training they are the batch's: they need every point, hence a
//! barrier between the chunks, and send every point's cotangent to all others,
//! $$\bar x = \gamma s \Big(\bar y - \tfrac1N\sum\bar y - \hat x \tfrac1N\sum \bar y\hat x\Big).$$
//! Sums are taken chunk by chunk in double precision and added in the order of the chunks.

use crate::element::Element;

/// Mean and variance of every feature.
#[derive(Clone, Debug)]
pub(crate) struct Statistics<E> {
    pub(crate) mean: Vec<E>,
    /// Biased, in double precision.
    pub(crate) variance: Vec<f64>,
    /// $1/\sqrt{v + \epsilon}$.
    pub(crate) factor: Vec<E>,
    /// Number of entries of a feature that the statistics were taken of; zero for running statistics.
    pub(crate) count: usize,
}

/// $\tfrac1N\sum\bar y$ and $\tfrac1N\sum\bar y\hat x$ of every feature: how the points of a batch depend on each other.
#[derive(Clone, Debug)]
pub(crate) struct Coupling<E> {
    bar: Vec<E>,
    product: Vec<E>,
}

impl<E: Element> Statistics<E> {
    /// The running statistics of a network.
    pub(crate) fn running(mean: &[E], variance: &[E], epsilon: f64) -> Self {
        let variance: Vec<f64> = variance.iter().map(|v| v.wide()).collect();
        Self {
            mean: mean.to_vec(),
            factor: factors(&variance, epsilon),
            variance,
            count: 0,
        }
    }

    /// Those of a batch whose value rows are given chunk by chunk.
    pub(crate) fn of_batch(features: usize, width: usize, epsilon: f64, chunks: &[&[E]]) -> Self {
        let count = chunks.iter().map(|c| c.len()).sum::<usize>() / width * (width / features);
        let average = |of: &(dyn Fn(usize, f64) -> f64 + Sync)| -> Vec<f64> {
            let sums = in_order(features, chunks, |chunk, sums| {
                for point in chunk.chunks_exact(width) {
                    for (f, pixels) in point.chunks_exact(width / features).enumerate() {
                        sums[f] += pixels.iter().map(|v| of(f, v.wide())).sum::<f64>();
                    }
                }
            });
            sums.into_iter().map(|sum| sum / count as f64).collect()
        };
        let mean = average(&|_, v| v);
        let variance = average(&|f, v| (v - mean[f]).powi(2));
        Self {
            mean: mean.into_iter().map(E::of).collect(),
            factor: factors(&variance, epsilon),
            variance,
            count,
        }
    }

    /// Writes $\hat x$ of every row.
    pub(crate) fn normalise(&self, width: usize, stack: usize, x: &[E], out: &mut [E]) {
        let span = width / self.mean.len();
        for (i, (row, out)) in x
            .chunks_exact(width)
            .zip(out.chunks_exact_mut(width))
            .enumerate()
        {
            let features = row.chunks_exact(span).zip(out.chunks_exact_mut(span));
            for (f, (row, out)) in features.enumerate() {
                let mean = if i % stack == 0 {
                    self.mean[f]
                } else {
                    E::zero()
                };
                for (out, &v) in out.iter_mut().zip(row) {
                    *out = (v - mean) * self.factor[f];
                }
            }
        }
    }

    /// The sums over the batch that the reverse pass in training needs, from inputs and cotangents chunk by chunk.
    pub(crate) fn coupling(&self, width: usize, chunks: &[(&[E], &[E])]) -> Coupling<E> {
        let features = self.mean.len();
        let sums = in_order(2 * features, chunks, |(x, bar), sums| {
            let mut hat = vec![E::zero(); width];
            for (x, bar) in x.chunks_exact(width).zip(bar.chunks_exact(width)) {
                self.normalise(width, 1, x, &mut hat);
                let span = width / features;
                let pixels = hat.chunks_exact(span).zip(bar.chunks_exact(span));
                for (f, (hat, bar)) in pixels.enumerate() {
                    for (h, b) in hat.iter().zip(bar) {
                        sums[f] += b.wide();
                        sums[features + f] += b.wide() * h.wide();
                    }
                }
            }
        });
        let mean = |sums: &[f64]| {
            sums.iter()
                .map(|s| E::of(s / self.count as f64))
                .collect::<Vec<E>>()
        };
        Coupling {
            bar: mean(&sums[..features]),
            product: mean(&sums[features..]),
        }
    }

    /// The cotangents of the input rows; with a coupling those of a training batch, whose points are single rows.
    pub(crate) fn back(
        &self,
        coupling: Option<&Coupling<E>>,
        scale: &[E],
        x: &[E],
        bar: &[E],
        out: &mut [E],
        width: usize,
    ) {
        if let Some(Coupling { bar: mean, product }) = coupling {
            self.normalise(width, 1, x, out);
            let span = width / scale.len();
            for (i, (out, bar)) in out
                .chunks_exact_mut(span)
                .zip(bar.chunks_exact(span))
                .enumerate()
            {
                let f = i % scale.len();
                for (out, &b) in out.iter_mut().zip(bar) {
                    *out = (b - mean[f] - *out * product[f]) * (self.factor[f] * scale[f]);
                }
            }
            return;
        }
        out.copy_from_slice(bar);
        let factors: Vec<E> = self
            .factor
            .iter()
            .zip(scale)
            .map(|(&a, &b)| a * b)
            .collect();
        scale_features(&factors, width, out);
    }
}

/// Multiplies every feature of every row by a number.
pub(crate) fn scale_features<E: Element>(factors: &[E], width: usize, rows: &mut [E]) {
    let span = width / factors.len();
    for row in rows.chunks_exact_mut(width) {
        for (pixels, &factor) in row.chunks_exact_mut(span).zip(factors) {
            for v in pixels {
                *v *= factor;
            }
        }
    }
}

/// The gradient of the scale: $\sum \bar y\hat x$ over all rows, given $\hat x$ row by row.
pub(crate) fn scale_gradient<E: Element>(
    width: usize,
    features: usize,
    hat: &[E],
    bar: &[E],
    sums: &mut [f64],
) {
    let span = width / features;
    for (hat, bar) in hat.chunks_exact(width).zip(bar.chunks_exact(width)) {
        let pixels = hat.chunks_exact(span).zip(bar.chunks_exact(span));
        for (sum, (hat, bar)) in sums.iter_mut().zip(pixels) {
            *sum += hat
                .iter()
                .zip(bar)
                .map(|(h, b)| h.wide() * b.wide())
                .sum::<f64>();
        }
    }
}

fn factors<E: Element>(variance: &[f64], epsilon: f64) -> Vec<E> {
    variance
        .iter()
        .map(|v| E::of(1.0 / (v + epsilon).sqrt()))
        .collect()
}

/// Sums of `count` numbers over chunks: the chunks in parallel, their sums added in order.
fn in_order<C: Sync>(count: usize, chunks: &[C], add: impl Fn(&C, &mut [f64]) + Sync) -> Vec<f64> {
    use rayon::prelude::*;
    let parts: Vec<Vec<f64>> = chunks
        .par_iter()
        .map(|chunk| {
            let mut sums = vec![0.0; count];
            add(chunk, &mut sums);
            sums
        })
        .collect();
    let mut total = vec![0.0; count];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
    total
}
