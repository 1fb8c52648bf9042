//! Products with a dense weight: transposed once for all rows, its gradient part by part.

use rayon::prelude::*;

use crate::cpu::pool::{Buffer, Pool};
use crate::cpu::product::{Matrix, product};
use crate::element::Element;
use crate::network::Model;
use crate::plan::{Op, Step};

/// Rows from which on a transposed copy of a weight is worth its making.
const FEWEST: usize = 128;
/// Rows of a transposed weight that one task writes.
const ROWS: usize = 64;

/// Which factor a weight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// $x W^\top$.
    Forward,
    /// $\bar y W$.
    Back,
}

/// A weight (outputs, inputs) as the right factor of a product with rows.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, E> {
    pub(crate) weight: &'a [E],
    pub(crate) shape: (usize, usize),
    pub(crate) way: Way,
}

impl<'a, E: Element> Factor<'a, E> {
    /// The weight of a dense step.
    pub(crate) fn of(step: &Step, parameters: &'a [E], way: Way) -> Self {
        Self {
            weight: &parameters[step.weight.clone()],
            shape: (step.outputs, step.inputs),
            way,
        }
    }

    /// `out = left · self`, or adds: matrices of `rows` rows with their strides; `turned` is the weight as [`transposed`] gave it.
    pub(crate) fn multiply(
        &self,
        turned: Option<&[E]>,
        add: bool,
        out: (&mut [E], usize),
        left: (&[E], usize),
        rows: usize,
    ) {
        let (outputs, inputs) = self.shape;
        let (depth, right) = match (self.way, turned) {
            (Way::Back, _) => (outputs, Matrix::rows(self.weight, self.shape)),
            (Way::Forward, Some(turned)) => (inputs, Matrix::rows(turned, (inputs, outputs))),
            (Way::Forward, None) => {
                let weight = Matrix::rows(self.weight, self.shape);
                (inputs, weight.transposed())
            }
        };
        let left = Matrix::strided(left.0, (rows, depth), (left.1, 1));
        product(out.0, out.1, left, right, add);
    }
}

/// The transpose of a weight for products with `rows` rows on the way forward; `None` where the weight is read as it is.
///
/// The products of all chunks read it in the order in which they multiply, where each would have to turn the weight by itself.
pub(crate) fn transposed<E: Element>(
    pool: &Pool<E>,
    factor: Factor<'_, E>,
    rows: usize,
) -> Option<Buffer<E>> {
    let (outputs, inputs) = factor.shape;
    if factor.way == Way::Back || rows < FEWEST || outputs == 0 {
        return None;
    }
    let mut turned = pool.take(factor.weight.len());
    turned
        .par_chunks_mut(ROWS * outputs)
        .enumerate()
        .for_each(|(task, out)| transpose(factor.weight, inputs, task * ROWS, out, outputs));
    Some(turned)
}

/// The weights of the dense steps, [`transposed`].
pub(crate) fn transposed_weights<E: Element>(
    model: &Model<E>,
    steps: &[Step],
    rows: usize,
) -> Vec<Option<Buffer<E>>> {
    let turn = |step: &Step| {
        let factor = Factor::of(step, &model.parameters, Way::Forward);
        (step.op == Op::Dense)
            .then(|| transposed(&model.pool, factor, rows))
            .flatten()
    };
    steps.iter().map(turn).collect()
}

/// Writes columns of a matrix with rows of `stride` entries, from column `first` on, as rows of `height` entries.
fn transpose<E: Element>(from: &[E], stride: usize, first: usize, out: &mut [E], height: usize) {
    const BLOCK: usize = 16;
    let columns = out.len() / height;
    for top in (0..height).step_by(BLOCK) {
        let some = BLOCK.min(height - top);
        for column in (0..columns).step_by(BLOCK) {
            for j in column..columns.min(column + BLOCK) {
                let out = &mut out[j * height + top..][..some];
                for (i, out) in out.iter_mut().enumerate() {
                    *out = from[(top + i) * stride + first + j];
                }
            }
        }
    }
}

/// Rows of a part of a weight's gradient: half of them, but not so few that packing costs more than the product.
fn part_rows(m: usize) -> usize {
    m.div_ceil(2).clamp(48, 512)
}

/// Some rows of $C = A^\top B$ for two row-major matrices of many rows, as the gradient of a weight is.
pub(crate) struct Part<'a, E> {
    first: usize,
    out: &'a mut [E],
}

/// Cuts $C$, (m, n), into parts that are computed independently.
pub(crate) fn parts<E>((m, n): (usize, usize), out: &mut [E]) -> Vec<Part<'_, E>> {
    let rows = part_rows(m);
    out.chunks_mut((rows * n).max(1))
        .enumerate()
        .map(|(i, out)| Part {
            first: i * rows,
            out,
        })
        .collect()
}

impl<E: Element> Part<'_, E> {
    /// Writes the first `some` of the part's `n` columns, or adds to them; `a` and `b` hold `rows` rows each, with their strides.
    pub(crate) fn run(
        &mut self,
        (some, n): (usize, usize),
        rows: usize,
        (a, a_stride): (&[E], usize),
        (b, b_stride): (&[E], usize),
        add: bool,
    ) {
        let left = (rows, self.out.len() / n);
        let left = Matrix::strided(&a[self.first..], left, (a_stride, 1)).transposed();
        let right = Matrix::strided(b, (rows, some), (b_stride, 1));
        product(self.out, n, left, right, add);
    }
}

/// Cuts the lower triangle of an (n, n) matrix into parts of about equal area, each of whole rows.
fn triangle_parts<E>(n: usize, out: &mut [E]) -> Vec<Part<'_, E>> {
    let count = (n / 64).clamp(1, 8);
    let end = |i: usize| {
        if i == count {
            return n;
        }
        (n * n * i / count).isqrt() / 8 * 8
    };
    let (mut rest, mut parts) = (out, Vec::with_capacity(count));
    for i in 0..count {
        let first = end(i);
        let (out, tail) = rest.split_at_mut((end(i + 1) - first) * n);
        rest = tail;
        parts.push(Part { first, out });
    }
    parts
}

/// The two factors of a summand $A^\top A'$, each with the stride of its rows.
pub(crate) type Factors<'a, E> = ((&'a [E], usize), (&'a [E], usize));

/// $C = \sum_k A_k^\top A'_k$ where it is known to be symmetric, (n, n), row-major; all factors have `rows` rows.
pub(crate) fn symmetric<E: Element>(
    summands: &[Factors<'_, E>],
    rows: usize,
    n: usize,
    out: &mut [E],
) {
    const BLOCK: usize = 16;
    // On and below the diagonal.
    triangle_parts(n, out)
        .into_par_iter()
        .with_max_len(1)
        .for_each(|mut part| {
            let some = part.first + part.out.len() / n;
            for (k, &(a, b)) in summands.iter().enumerate() {
                part.run((some, n), rows, a, b, k > 0);
            }
        });
    // In blocks, so that neither the rows nor the columns leave the cache.
    for bottom in (0..n).step_by(BLOCK) {
        for left in (0..=bottom).step_by(BLOCK) {
            for i in bottom..n.min(bottom + BLOCK) {
                for j in left..i.min(left + BLOCK) {
                    out[j * n + i] = out[i * n + j];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * step).sin()).collect()
    }

    #[test]
    fn both_ways_agree_with_the_triple_loop() {
        // Sizes around a block, a task, and the number of rows from which on the weight is transposed.
        for (rows, outputs, inputs) in [(1, 1, 1), (127, 17, 65), (128, 15, 64), (300, 33, 130)] {
            let (weight, x) = (
                entries(outputs * inputs, 0.37),
                entries(rows * inputs, 0.91),
            );
            let y = entries(rows * outputs, 0.53);
            for way in [Way::Forward, Way::Back] {
                let factor = Factor {
                    weight: &weight,
                    shape: (outputs, inputs),
                    way,
                };
                let turned = transposed(&Pool::default(), factor, rows);
                assert_eq!(turned.is_some(), way == Way::Forward && rows >= FEWEST);
                let (left, k, n) = match way {
                    Way::Forward => (&x, inputs, outputs),
                    Way::Back => (&y, outputs, inputs),
                };
                let mut out = vec![f64::NAN; rows * n];
                factor.multiply(turned.as_deref(), false, (&mut out, n), (left, k), rows);
                for i in 0..rows {
                    for j in 0..n {
                        let plain: f64 = (0..k)
                            .map(|l| {
                                left[i * k + l]
                                    * match way {
                                        Way::Forward => weight[j * inputs + l],
                                        Way::Back => weight[l * inputs + j],
                                    }
                            })
                            .sum();
                        assert!((out[i * n + j] - plain).abs() < 1e-11, "{way:?} {rows}");
                    }
                }
            }
        }
    }

    #[test]
    fn parts_and_symmetric_halves_make_up_the_whole() {
        for (m, n, rows) in [
            (1, 1, 1),
            (47, 3, 5),
            (49, 49, 20),
            (200, 7, 31),
            (193, 193, 8),
        ] {
            let (a, b) = (entries(rows * m, 0.37), entries(rows * n, 0.91));
            let mut out = vec![f64::NAN; m * n];
            for mut part in parts((m, n), &mut out) {
                part.run((n, n), rows, (&a, m), (&b, n), false);
            }
            let product = |a: &[f64], i: usize, b: &[f64], j: usize| -> f64 {
                (0..rows).map(|l| a[l * m + i] * b[l * n + j]).sum()
            };
            for i in 0..m {
                for j in 0..n {
                    assert!((out[i * n + j] - product(&a, i, &b, j)).abs() < 1e-12);
                }
            }
            if m == n {
                // Twice AᵀA, from the first half of the rows and from the second.
                let top = rows / 2;
                let halves = [(&a[..top * n], n), (&a[top * n..], n)].map(|half| (half, half));
                symmetric(&[((&a, n), (&a, n))], rows, n, &mut out);
                let mut twice = vec![f64::NAN; n * n];
                if rows % 2 == 0 {
                    symmetric(&halves, top, n, &mut twice);
                }
                for i in 0..n {
                    for j in 0..n {
                        let plain = product(&a, i, &a, j);
                        assert!((out[i * n + j] - plain).abs() < 1e-12);
                        assert!(rows % 2 == 1 || (twice[i * n + j] - plain).abs() < 1e-12);
                    }
                }
            }
        }
    }
}
