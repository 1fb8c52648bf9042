//! t-SNE, by the crate `bhtsne`: a tree for the repulsion, or interpolation with Fourier transforms where there are many points.
//!
//! What could vary from run to run is taken from it: neighbours are geom-graph's exact ones, the first layout is that of the
//! principal components, and the descent runs on one thread, because its sums are in the order of the threads. The same
//! points give the same bits.

use bhtsne::{Neighbor, tSNE};
use geom_graph::{Metric, knn};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::error::check_width;
use super::nearest::among;
use super::{Error, Extended, Pca};

const NAME: &str = "tsne";
/// The deviation of the first layout's first coordinate.
const START: f64 = 1e-4;
/// Beyond this many points repulsion is interpolated.
const MOST_FOR_TREE: usize = 10_000;
/// The angle of the tree's approximation.
const THETA: f64 = 0.5;
/// Neighbours whose codes a new point takes the mean of.
const EXTENSION: (usize, f64) = (15, 5.0);

/// Settings of t-SNE; the defaults are scikit-learn's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TsneOptions {
    /// How many neighbours count, softly; three times as many are looked at.
    pub perplexity: f64,
    /// Steps of the descent, the first 250 of them with exaggerated attraction.
    pub iterations: usize,
    /// The step size; without it n/48, at least 50.
    pub learning_rate: Option<f64>,
    /// The factor of the exaggeration.
    pub exaggeration: f64,
}

impl Default for TsneOptions {
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            iterations: 1000,
            learning_rate: None,
            exaggeration: 12.0,
        }
    }
}

/// An embedding by t-SNE.
///
/// # Source
/// van der Maaten and Hinton 2008; van der Maaten 2014 for the tree, Linderman et al. 2019 for the interpolation.
#[derive(Debug, Clone)]
pub struct Tsne {
    /// The codes of the points, (n, d).
    pub codes: Array2<f64>,
    options: TsneOptions,
    points: Array2<f64>,
}

impl TsneOptions {
    /// Finds the embedding.
    ///
    /// # Shapes
    /// `points` (n, D); d is 1, 2 or 3.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Dimension`] for other d, [`Error::TooFew`] for no more points than three times the
    /// perplexity, [`Error::Graph`] for values that are not finite.
    pub fn fit(&self, points: ArrayView2<'_, f64>, dimension: usize) -> Result<Tsne, Error> {
        let n = points.nrows();
        let k = self.check(n)?;
        let many = n > MOST_FOR_TREE;
        let codes = match dimension {
            1 => self.descend::<1>(points, k, interpolated)?,
            2 if many => self.descend::<2>(points, k, interpolated)?,
            2 => self.descend::<2>(points, k, |tsne, near| {
                tsne.barnes_hut_with_neighbors(THETA, near);
            })?,
            3 => self.descend::<3>(points, k, |tsne, near| {
                tsne.barnes_hut_with_neighbors(THETA, near);
            })?,
            _ => {
                return Err(Error::Dimension {
                    control: NAME,
                    dimension,
                    most: 3,
                });
            }
        };
        Ok(Tsne {
            codes,
            options: *self,
            points: points.to_owned(),
        })
    }

    /// The number of neighbours that are looked at.
    fn check(&self, n: usize) -> Result<usize, Error> {
        let require = |holds: bool, setting, value, due| {
            if holds {
                return Ok(());
            }
            Err(Error::Setting {
                control: NAME,
                setting,
                value,
                due,
            })
        };
        let fits = (1.0..=1e6).contains(&self.perplexity);
        require(fits, "perplexity", self.perplexity, "from 1 to a million")?;
        require(self.iterations > 0, "iterations", 0.0, "at least 1")?;
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let rate = self.learning_rate.unwrap_or(1.0);
        require(positive(rate), "learning_rate", rate, "finite and positive")?;
        let exaggeration = self.exaggeration;
        require(
            exaggeration >= 1.0 && exaggeration.is_finite(),
            "exaggeration",
            exaggeration,
            "at least 1",
        )?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 3 to 3 million"
        )]
        let k = (3.0 * self.perplexity) as usize;
        if n <= k + 1 {
            return Err(Error::TooFew {
                control: NAME,
                points: n,
                least: k + 2,
            });
        }
        Ok(k)
    }

    fn descend<const D: usize>(
        &self,
        points: ArrayView2<'_, f64>,
        k: usize,
        fit: impl FnOnce(&mut tSNE<'_, f64, usize, D>, &[Vec<Neighbor<f64>>]) + Send,
    ) -> Result<Array2<f64>, Error> {
        let n = points.nrows();
        let found = knn(points, k, Metric::Euclidean).map_err(Error::graph(NAME))?;
        // Affinities do not depend on the unit of length; the search for their width begins at one.
        let unit = found
            .distances
            .mean()
            .filter(|&mean| mean > 0.0)
            .unwrap_or(1.0);
        let neighbours: Vec<Vec<Neighbor<f64>>> = found
            .indices
            .rows()
            .into_iter()
            .zip(found.distances.rows())
            .map(|(indices, distances)| {
                let pairs = indices.iter().zip(distances);
                pairs
                    .map(|(&index, distance)| Neighbor {
                        index,
                        distance: distance / unit,
                    })
                    .collect()
            })
            .collect();
        let start = Pca::fit(points, D)?.codes;
        let deviation = start.column(0).std(0.0);
        let start: Vec<f64> = start.iter().map(|z| z * START / deviation).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|_| Error::OneThread)?;
        let codes = pool.install(|| {
            let rows: Vec<usize> = (0..n).collect();
            let mut tsne: tSNE<'_, f64, usize, D> = tSNE::new(&rows);
            tsne.perplexity(self.perplexity)
                .epochs(self.iterations)
                .early_exaggeration(self.exaggeration)
                .initial_embedding(start);
            if let Some(rate) = self.learning_rate {
                tsne.learning_rate(rate);
            }
            fit(&mut tsne, &neighbours);
            tsne.embedding()
        });
        Ok(Array2::from_shape_fn((n, D), |(i, c)| codes[i * D + c]))
    }
}

fn interpolated<const D: usize>(
    tsne: &mut tSNE<'_, f64, usize, D>,
    neighbours: &[Vec<Neighbor<f64>>],
) where
    bhtsne::Dim<D>: bhtsne::FftDim,
{
    tsne.fit_sne_with_neighbors(neighbours);
}

impl Tsne {
    /// Codes for other points, for which t-SNE has no formula: the mean of the codes of the 15 nearest training points, weighted
    /// by its own affinities at perplexity 5.
    ///
    /// # Shapes
    /// `points` (q, D); the codes are (q, d).
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::NotFinite`].
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Extended, Error> {
        check_width(NAME, self.points.ncols(), points)?;
        let (k, perplexity) = EXTENSION;
        let found = among(NAME, self.points.view(), points, k)?;
        let mut codes = Array2::zeros((points.nrows(), self.codes.ncols()));
        for (query, mut code) in codes.rows_mut().into_iter().enumerate() {
            let squared: Vec<f64> = found.distances.row(query).iter().map(|d| d * d).collect();
            let weights = affinities(&squared, perplexity);
            for (&j, weight) in found.indices.row(query).iter().zip(weights) {
                code.scaled_add(weight, &self.codes.row(j));
            }
        }
        Ok(Extended::exact(codes))
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        vec![
            format!(
                "Perplexity {}, {} iterations, from principal components.",
                self.options.perplexity, self.options.iterations
            ),
            "t-SNE has no formula for new points: test points took the weighted mean of the codes of their nearest training points."
                .to_owned(),
        ]
    }
}

/// Weights $\propto e^{-\beta d^2}$ that add up to one and whose entropy is ln(perplexity); all equal where no β gives it.
fn affinities(squared: &[f64], perplexity: f64) -> Vec<f64> {
    let least = squared.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = squared.iter().map(|d| d - least).sum::<f64>() / squared.len() as f64;
    let weights = |beta: f64| -> Vec<f64> {
        let raw: Vec<f64> = squared
            .iter()
            .map(|d| (-beta * (d - least)).exp())
            .collect();
        let total: f64 = raw.iter().sum();
        raw.into_iter().map(|w| w / total).collect()
    };
    if mean <= 0.0 {
        return weights(0.0);
    }
    let (mut low, mut high, mut beta) = (0.0, f64::INFINITY, 1.0 / mean);
    for _ in 0..100 {
        let found = weights(beta);
        let entropy: f64 = found
            .iter()
            .filter(|w| **w > 0.0)
            .map(|w| -w * w.ln())
            .sum();
        if (entropy - perplexity.ln()).abs() < 1e-6 {
            break;
        }
        if entropy > perplexity.ln() {
            low = beta;
        } else {
            high = beta;
        }
        beta = if high.is_finite() {
            f64::midpoint(low, high)
        } else {
            2.0 * beta
        };
    }
    weights(beta)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, s};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn blobs(each: usize, scale: f64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Array2::from_shape_fn((3 * each, 5), |(i, j)| {
            let centre = if i / each == j { 20.0 } else { 0.0 };
            scale * (centre + rng.random_range(-1.0..1.0))
        })
    }

    #[test]
    fn blobs_stay_apart_whatever_their_unit_and_new_points_join_their_own() {
        for scale in [1.0, 1e5, 1e-7] {
            let points = blobs(50, scale);
            let options = TsneOptions {
                perplexity: 10.0,
                iterations: 400,
                ..TsneOptions::default()
            };
            let found = options.fit(points.view(), 2).unwrap();
            let centre = |b: usize| {
                let rows = s![50 * b..50 * (b + 1), ..];
                found.codes.slice(rows).mean_axis(Axis(0)).unwrap()
            };
            let nearest = |code: ndarray::ArrayView1<'_, f64>| {
                let apart = |b: usize| {
                    let d = &code - &centre(b);
                    d.dot(&d)
                };
                (0..3)
                    .min_by(|&a, &b| apart(a).total_cmp(&apart(b)))
                    .unwrap()
            };
            let extended = found.extend(points.view()).unwrap().codes;
            for i in 0..150 {
                assert_eq!(nearest(found.codes.row(i)), i / 50, "{scale}");
                assert_eq!(nearest(extended.row(i)), i / 50, "{scale}");
            }
            assert_eq!(found.codes, options.fit(points.view(), 2).unwrap().codes);
        }
    }

    #[test]
    fn affinities_have_their_perplexity() {
        let squared: Vec<f64> = (0..15).map(|i| f64::from(i * i)).collect();
        let weights = affinities(&squared, 5.0);
        let entropy: f64 = weights.iter().map(|w| -w * w.ln()).sum();
        assert!((entropy.exp() - 5.0).abs() < 1e-4);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(affinities(&[2.0; 4], 5.0), [0.25; 4]);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let points = blobs(50, 1.0);
        let fine = TsneOptions::default();
        for options in [
            TsneOptions {
                perplexity: 0.5,
                ..fine
            },
            TsneOptions {
                perplexity: f64::NAN,
                ..fine
            },
            TsneOptions {
                iterations: 0,
                ..fine
            },
            TsneOptions {
                learning_rate: Some(-1.0),
                ..fine
            },
            TsneOptions {
                exaggeration: 0.0,
                ..fine
            },
        ] {
            assert!(
                matches!(options.fit(points.view(), 2), Err(Error::Setting { .. })),
                "{options:?}"
            );
        }
        let wide = TsneOptions {
            perplexity: 50.0,
            ..fine
        };
        assert!(matches!(
            wide.fit(points.view(), 2),
            Err(Error::TooFew { least: 152, .. })
        ));
        for dimension in [0, 4] {
            assert!(matches!(
                fine.fit(points.view(), dimension),
                Err(Error::Dimension { .. })
            ));
        }
    }
}
