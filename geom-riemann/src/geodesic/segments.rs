use crate::{MetricField, Result};
use ndarray::{ArrayView2, ArrayView3, ArrayView4};

/// Squared lengths of the pieces of a curve and their first two derivatives: what the solver of geodesics sees.
///
/// Piece i joins node i to node i + 1 and depends on their 2d coordinates only, so the Hessian of the energy
/// $(N-1)\sum_ie_i$ is block tridiagonal.
#[derive(Clone, Debug)]
pub struct Segments {
    pub(crate) dimension: usize,
    /// eᵢ.
    pub(crate) squares: Vec<f64>,
    /// 2d numbers a piece: derivatives for its first node, then its second.
    pub(crate) gradient: Vec<f64>,
    /// (2d)² numbers a piece, row-major.
    pub(crate) hessian: Vec<f64>,
    /// The positive semidefinite part of the Hessian: without second derivatives of map or metric.
    pub(crate) gauss_newton: Vec<f64>,
}

impl Segments {
    fn empty(pieces: usize, d: usize) -> Self {
        Self {
            dimension: d,
            squares: Vec::with_capacity(pieces),
            gradient: Vec::with_capacity(pieces * 2 * d),
            hessian: Vec::with_capacity(pieces * 4 * d * d),
            gauss_newton: Vec::with_capacity(pieces * 4 * d * d),
        }
    }

    /// Squared lengths of the pieces.
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// The energy $(N-1)\sum_ie_i$ of N nodes: at least the squared length, equal where all pieces are equally long.
    pub fn energy(&self) -> f64 {
        self.squares.len() as f64 * self.squares.iter().sum::<f64>()
    }

    /// The length $\sum_i\sqrt{e_i}$: a sum of norms, not of their squares.
    pub fn length(&self) -> f64 {
        self.squares.iter().map(|e| e.max(0.0).sqrt()).sum()
    }

    /// From squared chords $\lVert x_{i+1}-x_i\rVert^2$ in a Euclidean ambient space, with exact derivatives.
    ///
    /// # Shapes
    /// `x`: (N, D), `j`: (N, D, d), `second`: (N, D, d, d).
    pub fn by_chords(
        x: ArrayView2<'_, f64>,
        j: ArrayView3<'_, f64>,
        second: ArrayView4<'_, f64>,
    ) -> Self {
        let (nodes, rows, d) = j.dim();
        let (x, j): (Vec<f64>, Vec<f64>) =
            (x.iter().copied().collect(), j.iter().copied().collect());
        let second: Vec<f64> = second.iter().copied().collect();
        let mut out = Self::empty(nodes.saturating_sub(1), d);
        let mut chord = vec![0.0; rows];
        for i in 1..nodes {
            chord
                .iter_mut()
                .enumerate()
                .for_each(|(r, c)| *c = x[i * rows + r] - x[(i - 1) * rows + r]);
            out.squares.push(chord.iter().map(|c| c * c).sum());
            let (gradient, hessian) = (out.gradient.len(), out.hessian.len());
            out.gradient.resize(gradient + 2 * d, 0.0);
            out.gauss_newton.resize(hessian + 4 * d * d, 0.0);
            let (g, k) = (
                &mut out.gradient[gradient..],
                &mut out.gauss_newton[hessian..],
            );
            let mut curved = vec![0.0; 4 * d * d];
            for r in 0..rows {
                let a = &j[((i - 1) * rows + r) * d..][..d];
                let b = &j[(i * rows + r) * d..][..d];
                let (ha, hb) = (
                    &second[((i - 1) * rows + r) * d * d..][..d * d],
                    &second[(i * rows + r) * d * d..][..d * d],
                );
                for p in 0..d {
                    g[p] -= 2.0 * chord[r] * a[p];
                    g[d + p] += 2.0 * chord[r] * b[p];
                    for q in 0..d {
                        k[p * 2 * d + q] += 2.0 * a[p] * a[q];
                        k[p * 2 * d + d + q] -= 2.0 * a[p] * b[q];
                        k[(d + p) * 2 * d + q] -= 2.0 * b[p] * a[q];
                        k[(d + p) * 2 * d + d + q] += 2.0 * b[p] * b[q];
                        curved[p * 2 * d + q] -= 2.0 * chord[r] * ha[p * d + q];
                        curved[(d + p) * 2 * d + d + q] += 2.0 * chord[r] * hb[p * d + q];
                    }
                }
            }
            out.hessian
                .extend(k.iter().zip(&curved).map(|(k, c)| k + c));
        }
        out
    }

    /// From the metric at midpoints, $\Delta^\top G(m)\Delta$; the Hessian's second derivatives of G are differences,
    /// which costs only speed of convergence.
    ///
    /// # Errors
    /// Nodes outside the field's domain.
    pub fn by_midpoints<M: MetricField + ?Sized>(
        field: &M,
        nodes: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let d = field.dimension();
        crate::check::shape(
            "Segments::by_midpoints",
            "nodes",
            nodes.shape(),
            &[nodes.nrows(), d],
        )?;
        let mut out = Self::empty(nodes.nrows().saturating_sub(1), d);
        for i in 1..nodes.nrows() {
            let (a, b) = (nodes.row(i - 1), nodes.row(i));
            let step: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - a).collect();
            let middle: Vec<f64> = b.iter().zip(a).map(|(b, a)| 0.5 * (a + b)).collect();
            let metric = field.metric(&middle)?;
            let slopes = field.derivative(&middle)?;
            let times = |matrix: &nalgebra::DMatrix<f64>| -> Vec<f64> {
                (0..d)
                    .map(|r| (0..d).map(|c| matrix[(r, c)] * step[c]).sum())
                    .collect()
            };
            let inner = |v: &[f64]| v.iter().zip(&step).map(|(v, s)| v * s).sum::<f64>();
            let lowered = times(&metric);
            let turned: Vec<Vec<f64>> = slopes.iter().map(times).collect();
            let mut bent = vec![0.0; d * d];
            for k in 0..d {
                let h = (1e-4 * middle[k].abs().max(1.0)).log2().round().exp2();
                for sign in [1.0, -1.0] {
                    let mut moved = middle.clone();
                    moved[k] += sign * h;
                    for (l, slope) in field.derivative(&moved)?.iter().enumerate() {
                        let value = sign * inner(&times(slope)) / (2.0 * h) * 0.25;
                        bent[k * d + l] += 0.5 * value;
                        bent[l * d + k] += 0.5 * value;
                    }
                }
            }
            out.squares.push(inner(&lowered));
            for sign in [-1.0, 1.0] {
                out.gradient
                    .extend((0..d).map(|k| sign * 2.0 * lowered[k] + 0.5 * inner(&turned[k])));
            }
            for outer in [-1.0, 1.0] {
                for p in 0..d {
                    for inner_sign in [-1.0, 1.0] {
                        for q in 0..d {
                            let straight = outer * inner_sign * 2.0 * metric[(p, q)];
                            let mixed = outer * turned[q][p] + inner_sign * turned[p][q];
                            out.gauss_newton.push(straight);
                            out.hessian.push(straight + mixed + bent[p * d + q]);
                        }
                    }
                }
            }
        }
        Ok(out)
    }
}
