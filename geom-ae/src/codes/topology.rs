//! The topological loss of TopoAE.

use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    CodeError, CodeLoss, loss::check_points, pairwise::distance_matrix, spanning_tree::prim,
};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "topological_loss";

/// Which pairs of points are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The edges of both spanning trees: $\sum_{e\in\pi^X}(A^X_e - A^Z_e)^2 + \sum_{e\in\pi^Z}(A^X_e - A^Z_e)^2$.
    #[default]
    Symmetric,
    /// The edges of the data's tree alone.
    OneSided,
    /// As symmetric, with n − 1 random pairs of different points in place of each tree: the control of the paper.
    Random,
    /// The sorted lengths of the two trees, without regard to which points they join: the r-th shortest of the one against the
    /// r-th shortest of the other.
    SortedLengths,
}

/// What the data's distances are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistanceScale {
    /// The largest distance in the batch.
    #[default]
    BatchMaximum,
    /// $\sqrt{4D}$, the diagonal of the cube $\lbrack-1, 1\rbrack^D$: for images with pixels in that range.
    Images,
    /// Nothing.
    None,
}

impl DistanceScale {
    fn of(self, distances: &Array2<f64>, data_dim: usize) -> Result<f64, CodeError> {
        match self {
            Self::None => Ok(1.0),
            Self::Images => Ok((4.0 * data_dim as f64).sqrt()),
            Self::BatchMaximum => {
                let largest = distances
                    .iter()
                    .fold(0.0, |largest: f64, &d| largest.max(d));
                if largest > 0.0 {
                    return Ok(largest);
                }
                Err(CodeError::Coincident {
                    operation: OPERATION,
                    argument: "data",
                })
            }
        }
    }
}

/// The loss of [`topological_loss`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TopologicalLoss<E> {
    /// Value and gradient for the codes; the pairs without a gradient are selected pairs whose codes coincide.
    pub codes: CodeLoss<E>,
    /// ∂L/∂s of the latent scale s.
    pub latent_scale: f64,
    /// The compared pairs: the first half chosen by the data, the second by the codes (empty where one-sided).
    pub pairs: usize,
}

/// The topological loss: distances that matter for the connectedness of the data should be the same among the codes, and the
/// other way round.
///
/// $$ L = \frac1b \Big(\sum_{e\in\pi^X}(A^X_e - A^Z_e)^2 + \sum_{e\in\pi^Z}(A^X_e - A^Z_e)^2\Big), \qquad
///    A^X = \frac{\lVert x_i - x_j\rVert}{c}, \quad A^Z = \frac{\lVert z_i - z_j\rVert}{s}, $$
/// with π the edges of the minimum spanning trees, c the [`DistanceScale`] and s a learnable scale (1 at the start, of any sign).
///
/// Source: Moor et al. 2020, eq. 2–4.
///
/// # Shapes
/// `data` (b, D), `codes` (b, d), b ≥ 2; gradient (b, d).
///
/// # Units
/// **Sum** over edges, divided by the batch size b and not by the number of edges; no factor ½.
///
/// # Errors
/// [`CodeError::TooFew`], [`CodeError::Shape`], [`CodeError::NotFinite`], [`CodeError::Parameter`] for a scale of 0,
/// [`CodeError::Coincident`] where all data agree under [`DistanceScale::BatchMaximum`].
///
/// # Numerics
/// O(b² (D + d)) time, O(b²) memory. The selected pairs are constants of the gradient, as in the paper: the loss is not
/// differentiable where the trees change. Where selected codes coincide, the distance has no gradient; the pair's share counts
/// as zero and the pair is reported. `seed` matters for [`Matching::Random`] alone.
///
/// # Examples
/// ```
/// use geom_ae::codes::{DistanceScale, Matching, topological_loss};
/// use ndarray::array;
/// let x = array![[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [4.0, 3.0]];
/// let z = array![[0.0], [2.0], [1.0], [5.0]];
/// let found = topological_loss(x.view(), z.view(), 1.0, Matching::Symmetric, DistanceScale::BatchMaximum, 0)?;
/// assert!((found.codes.value - 4.947207794).abs() < 1e-9);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn topological_loss<E: Scalar>(
    data: ArrayView2<'_, E>,
    codes: ArrayView2<'_, E>,
    latent_scale: f64,
    matching: Matching,
    scale: DistanceScale,
    seed: u64,
) -> Result<TopologicalLoss<E>, CodeError> {
    check_points(OPERATION, "data", data, 2)?;
    super::loss::check_pairs(OPERATION, "data", "rows", data.nrows())?;
    check_points(OPERATION, "codes", codes, data.nrows())?;
    super::loss::check_shape(
        OPERATION,
        "codes",
        &[data.nrows(), codes.ncols()],
        codes.shape(),
    )?;
    if !latent_scale.is_finite() || latent_scale == 0.0 {
        return Err(CodeError::Parameter {
            operation: OPERATION,
            parameter: "latent_scale",
            value: latent_scale,
            requirement: "finite and not 0",
        });
    }
    let (of_data, of_codes) = (distance_matrix(data), distance_matrix(codes));
    let divisor = scale.of(&of_data, data.ncols())?;
    // The code pair whose distance moves, and the data pair that it should equal.
    let n = data.nrows();
    let itself = |edges: Vec<(usize, usize)>| edges.into_iter().map(|edge| (edge, edge));
    let pairs: Vec<_> = match matching {
        Matching::Symmetric => {
            let (by_data, by_codes) =
                rayon::join(|| prim(of_data.view()), || prim(of_codes.view()));
            itself(by_data).chain(itself(by_codes)).collect()
        }
        Matching::OneSided => itself(prim(of_data.view())).collect(),
        Matching::Random => itself(random_pairs(n, 2 * (n - 1), seed)).collect(),
        Matching::SortedLengths => prim(of_codes.view())
            .into_iter()
            .zip(prim(of_data.view()))
            .collect(),
    };
    let batch = n as f64;
    let mut gradient = Array2::<f64>::zeros(codes.dim());
    let (mut value, mut by_scale, mut coincident) = (0.0, 0.0, 0);
    for &((i, j), data_pair) in &pairs {
        let distance = of_codes[(i, j)];
        let difference = distance / latent_scale - of_data[data_pair] / divisor;
        value += difference * difference / batch;
        let slope = 2.0 * difference / (batch * latent_scale);
        by_scale -= slope * distance / latent_scale;
        if distance == 0.0 {
            coincident += usize::from(slope != 0.0);
            continue;
        }
        for c in 0..codes.ncols() {
            let share = slope * (widen(codes[(i, c)]) - widen(codes[(j, c)])) / distance;
            gradient[(i, c)] += share;
            gradient[(j, c)] -= share;
        }
    }
    Ok(TopologicalLoss {
        codes: CodeLoss::new(value, &gradient, coincident),
        latent_scale: by_scale,
        pairs: pairs.len(),
    })
}

fn random_pairs(n: usize, count: usize, seed: u64) -> Vec<(usize, usize)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let i = rng.random_range(0..n);
            (i, (i + rng.random_range(1..n)) % n)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::codes::testing::{assert_close, check_gradient, cloud, with_one_and_two_threads};

    const MATCHINGS: [Matching; 4] = [
        Matching::Symmetric,
        Matching::OneSided,
        Matching::Random,
        Matching::SortedLengths,
    ];
    const SCALES: [DistanceScale; 3] = [
        DistanceScale::BatchMaximum,
        DistanceScale::Images,
        DistanceScale::None,
    ];

    #[test]
    fn four_points_by_hand() {
        let x = array![[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [4.0, 3.0]];
        let z = array![[0.0], [2.0], [1.0], [5.0]];
        let found = |matching| {
            let scale = DistanceScale::BatchMaximum;
            topological_loss(x.view(), z.view(), 1.0, matching, scale, 0).unwrap()
        };
        assert_close(
            found(Matching::OneSided).codes.value,
            14.96 / 4.0,
            1e-12,
            "data's tree",
        );
        assert_close(
            found(Matching::Symmetric).codes.value,
            4.947_207_794,
            1e-9,
            "both",
        );
        assert_eq!(found(Matching::Symmetric).pairs, 6);
        // Lengths (1, 1, 3) against (1, 3, 3)/5.
        let sorted = (0.8_f64.powi(2) + 0.4_f64.powi(2) + 2.4_f64.powi(2)) / 4.0;
        assert_close(
            found(Matching::SortedLengths).codes.value,
            sorted,
            1e-12,
            "sorted",
        );
    }

    #[test]
    fn gradients_agree_with_central_differences() {
        for (n, d) in [(2, 1), (3, 2), (12, 2), (20, 3)] {
            let (x, z) = (cloud(n, 5, 1), cloud(n, d, 2));
            for matching in MATCHINGS {
                for scale in SCALES {
                    for s in [1.0, -0.7] {
                        let loss = |z: &Array2<f64>, s: f64| {
                            topological_loss(x.view(), z.view(), s, matching, scale, 9).unwrap()
                        };
                        let what = format!("{matching:?} {scale:?} n = {n}");
                        let found = loss(&z, s);
                        let gradient = &found.codes.gradient;
                        check_gradient(&what, &z, |z| loss(z, s).codes.value, gradient, 1e-8);
                        let by_scale = array![[found.latent_scale]];
                        let value = |s: &Array2<f64>| loss(&z, s[(0, 0)]).codes.value;
                        check_gradient(&what, &array![[s]], value, &by_scale, 1e-8);
                    }
                }
            }
        }
    }

    #[test]
    fn codes_that_are_the_data_cost_nothing_and_scales_do_as_they_say() {
        let x = cloud(15, 3, 7);
        for matching in MATCHINGS {
            let found = topological_loss(x.view(), x.view(), 1.0, matching, DistanceScale::None, 1)
                .unwrap();
            assert_eq!(found.codes.value, 0.0, "{matching:?}");
        }
        let z = cloud(15, 2, 8);
        let at = |scale, factor: f64| {
            let x = &x * factor;
            topological_loss(x.view(), z.view(), 1.0, Matching::Symmetric, scale, 0)
                .unwrap()
                .codes
                .value
        };
        assert_close(
            at(DistanceScale::BatchMaximum, 50.0),
            at(DistanceScale::BatchMaximum, 1.0),
            1e-12,
            "max",
        );
        assert_close(
            at(DistanceScale::Images, 12_f64.sqrt()),
            at(DistanceScale::None, 1.0),
            1e-12,
            "images",
        );
    }

    #[test]
    fn duplicates_are_safe_and_counted() {
        let x = cloud(6, 3, 1);
        let mut z = cloud(6, 2, 2);
        for row in 1..4 {
            let first = z.row(0).to_owned();
            z.row_mut(row).assign(&first);
        }
        let found = topological_loss(
            x.view(),
            z.view(),
            1.0,
            Matching::Symmetric,
            DistanceScale::None,
            0,
        )
        .unwrap();
        assert!(found.codes.gradient.iter().all(|g| g.is_finite()));
        assert!(
            found.codes.without_gradient >= 3,
            "{}",
            found.codes.without_gradient
        );
        let all = Array2::<f64>::ones((6, 2));
        let found = topological_loss(
            x.view(),
            all.view(),
            1.0,
            Matching::Symmetric,
            DistanceScale::None,
            0,
        )
        .unwrap();
        assert_eq!(found.codes.without_gradient, 10);
        let refused = topological_loss(
            all.view(),
            z.view(),
            1.0,
            Matching::Symmetric,
            DistanceScale::BatchMaximum,
            0,
        );
        assert!(matches!(refused, Err(CodeError::Coincident { .. })));
    }

    #[test]
    fn the_bits_do_not_depend_on_threads() {
        let (x, z) = (cloud(70, 9, 1), cloud(70, 2, 2));
        let (one, two) = with_one_and_two_threads(|| {
            topological_loss(
                x.view(),
                z.view(),
                1.0,
                Matching::Symmetric,
                DistanceScale::BatchMaximum,
                0,
            )
            .unwrap()
        });
        assert_eq!(one, two);
    }

    #[test]
    fn bad_input_is_refused() {
        let (x, z) = (cloud(5, 3, 1), cloud(4, 2, 2));
        let loss = |x: ArrayView2<'_, f64>, z: ArrayView2<'_, f64>, s| {
            topological_loss(x, z, s, Matching::Symmetric, DistanceScale::None, 0)
        };
        assert!(loss(x.view(), z.view(), 1.0).is_err());
        assert!(loss(z.view(), x.view(), 1.0).is_err());
        assert!(loss(x.view(), x.view(), 0.0).is_err());
        assert!(
            loss(
                x.slice(ndarray::s![..1, ..]),
                x.slice(ndarray::s![..1, ..]),
                1.0
            )
            .is_err()
        );
    }
}
