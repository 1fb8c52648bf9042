//! Principal components.
//!
//! $$ z = V^\top(x - \mu), \qquad \hat x = \mu + Vz, $$
//!
//! with the mean $\mu$ and the orthonormal eigenvectors $V$ of the covariance's largest eigenvalues: of all linear
//! autoencoders the one with the least squared error. Its decoder is an isometry: $J = V$, $J^\top J = I$ everywhere.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::error::check_finite;
use super::{Error, eigen};

const NAME: &str = "pca";

/// The principal components of a set of points.
///
/// # Source
/// Pearson 1901; Eckart and Young 1936 for the optimality.
///
/// # Examples
/// ```
/// use geom_bench::controls::Pca;
/// let points = ndarray::array![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]];
/// let pca = Pca::fit(points.view(), 1)?;
/// assert!((pca.codes[(2, 0)] - pca.codes[(0, 0)]).abs() - 10.0 < 1e-12);
/// assert!((pca.explained - 1.0).abs() < 1e-12);
/// # Ok::<(), geom_bench::controls::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pca {
    /// The codes of the points, (n, d).
    pub codes: Array2<f64>,
    /// The mean of the points, D.
    pub mean: Array1<f64>,
    /// The orthonormal directions in the columns, (D, d), by falling variance; the entry of largest size is positive.
    pub directions: Array2<f64>,
    /// The share of the variance that the codes keep.
    pub explained: f64,
}

impl Pca {
    /// Finds the components.
    ///
    /// # Shapes
    /// `points` (n, D); d ≤ min(n − 1, D).
    ///
    /// # Errors
    /// [`Error::Dimension`], also where the points span fewer dimensions than asked for; [`Error::NotFinite`].
    ///
    /// # Numerics
    /// From the smaller of covariance and Gram matrix: directions whose variance is below 10⁻¹⁵ of the largest are lost.
    pub fn fit(points: ArrayView2<'_, f64>, dimension: usize) -> Result<Self, Error> {
        check_finite(NAME, points)?;
        let (n, width) = points.dim();
        let most = n.saturating_sub(1).min(width);
        let refuse = |most| Error::Dimension {
            control: NAME,
            dimension,
            most,
        };
        if dimension == 0 || dimension > most {
            return Err(refuse(most));
        }
        let mean = points
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(width));
        let centred = &points - &mean;
        let of_rows = n < width;
        let gram = eigen::gram(centred.view(), of_rows);
        let total: f64 = (0..gram.nrows()).map(|i| gram[(i, i)]).sum();
        let (values, vectors) = eigen::largest(NAME, &gram, dimension)?;
        let lost = values.iter().position(|&value| value <= values[0] * 1e-15);
        if let Some(rank) = lost {
            return Err(refuse(rank));
        }
        let directions = if of_rows {
            let mut directions = centred.t().dot(&vectors);
            for (mut column, value) in directions.columns_mut().into_iter().zip(&values) {
                column /= value.sqrt();
            }
            directions
        } else {
            vectors
        };
        Ok(Self {
            codes: centred.dot(&directions),
            mean,
            directions,
            explained: values.sum() / total,
        })
    }

    /// The codes of other points.
    ///
    /// # Shapes
    /// `points` (m, D); the result is (m, d).
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::NotFinite`].
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
        super::error::check_width(NAME, self.mean.len(), points)?;
        Ok((&points - &self.mean).dot(&self.directions))
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        vec![format!(
            "The codes keep {:.1} % of the variance.",
            100.0 * self.explained
        )]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array, s};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn cloud(n: usize, width: usize, seed: u64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Array2::from_shape_fn((n, width), |(_, j)| {
            rng.random_range(-1.0..1.0) / (1 + j) as f64 + j as f64
        })
    }

    #[test]
    fn covariance_and_gram_matrix_find_the_same() {
        // Taller than wide and, without its last rows, wider than tall: each against the definition.
        for (n, width) in [(40, 7), (6, 7), (7, 7), (3, 2), (31, 64), (2, 1)] {
            let points = cloud(n, width, 3);
            let dimension = 2.min(n - 1).min(width);
            let pca = Pca::fit(points.view(), dimension).unwrap();
            let eye = pca.directions.t().dot(&pca.directions);
            assert!(
                (&eye - &Array2::<f64>::eye(dimension))
                    .iter()
                    .all(|e| e.abs() < 1e-9)
            );
            // Codes are uncorrelated and the directions are eigenvectors of the covariance.
            let centred = &points - &pca.mean;
            let product = centred.t().dot(&centred.dot(&pca.directions));
            for k in 0..dimension {
                let variance = pca.codes.column(k).dot(&pca.codes.column(k));
                let rest = &product.column(k) - &(&pca.directions.column(k) * variance);
                assert!(
                    rest.iter().all(|r| r.abs() < 1e-8 * (1.0 + variance)),
                    "{n} {width}"
                );
            }
        }
    }

    #[test]
    fn points_go_on_as_they_were_fitted() {
        let points = cloud(30, 5, 1);
        let pca = Pca::fit(points.view(), 3).unwrap();
        let again = pca.extend(points.slice(s![4..9, ..])).unwrap();
        assert!(
            (&again - &pca.codes.slice(s![4..9, ..]))
                .iter()
                .all(|d| d.abs() < 1e-12)
        );
        assert!(pca.extend(array![[1.0, 2.0]].view()).is_err());
    }

    #[test]
    fn points_on_a_line_have_one_component() {
        let line = Array2::from_shape_fn((9, 4), |(i, j)| (i * (j + 1)) as f64);
        assert!((Pca::fit(line.view(), 1).unwrap().explained - 1.0).abs() < 1e-12);
        let refused = Pca::fit(line.view(), 2);
        assert!(
            matches!(
                refused,
                Err(Error::Dimension {
                    most: 1,
                    dimension: 2,
                    ..
                })
            ),
            "{refused:?}"
        );
        for dimension in [0, 5] {
            assert!(Pca::fit(line.view(), dimension).is_err());
        }
        assert!(Pca::fit(array![[f64::NAN, 0.0], [1.0, 2.0]].view(), 1).is_err());
    }
}
