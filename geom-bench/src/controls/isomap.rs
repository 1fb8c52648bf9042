//! Isomap: classical scaling of distances along a neighbour graph, with landmarks where there are many points.
//!
//! $$ z(x) = -\tfrac12\Lambda^{-1/2}V^\top(\delta(x) - \bar\delta) $$
//!
//! with $\delta(x)$ the squared graph distances from x to the landmarks, $\bar\delta$ their means over the landmarks, and $V$,
//! $\Lambda$ the leading eigenpairs of the landmarks' doubly centred $-\frac12\delta$. At the landmarks this is classical
//! scaling itself; with all points as landmarks it is Isomap.

use geom_graph::Geodesics;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::nearest::{Joined, among};
use super::{Error, eigen};

const NAME: &str = "isomap";
/// Up to this many points all are landmarks.
const MOST_LANDMARKS: usize = 1000;

/// Settings of Isomap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsomapOptions {
    /// Nearest neighbours that make the graph. The paper takes 4 to 7 for thousands of points; 10 keeps noisy data in one piece.
    pub neighbours: usize,
    /// Points whose distances to all others are computed, drawn by the seed; without it all, but at most 1,000.
    pub landmarks: Option<usize>,
}

impl Default for IsomapOptions {
    fn default() -> Self {
        Self {
            neighbours: 10,
            landmarks: None,
        }
    }
}

/// An embedding by Isomap.
///
/// # Source
/// Tenenbaum, de Silva and Langford 2000; landmarks: de Silva and Tenenbaum 2003.
///
/// # Examples
/// ```
/// use geom_bench::controls::IsomapOptions;
/// use geom_graph::manifolds::SwissRoll;
/// let roll = SwissRoll::sample(800, 4.71..12.57, 40.0, 1)?;
/// let found = IsomapOptions::default().fit(roll.points.view(), 2, 0)?;
/// let span = found.codes.column(0).iter().fold(0.0_f64, |m, z| m.max(z.abs()));
/// assert!(span > 0.4 * roll.sides.0, "the roll is unrolled, not flattened");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Isomap {
    /// The codes of the points, (n, d).
    pub codes: Array2<f64>,
    /// The pieces of the neighbour graph, before they were joined.
    pub pieces: usize,
    options: IsomapOptions,
    points: Array2<f64>,
    /// Distances from the landmarks to all points, (m, n).
    distances: Array2<f64>,
    /// $\bar\delta$, and $-\frac12\Lambda^{-1/2}V^\top$, (d, m).
    mean: Array1<f64>,
    projection: Array2<f64>,
}

impl IsomapOptions {
    /// Finds the embedding.
    ///
    /// # Shapes
    /// `points` (n, D); d below the number of landmarks.
    ///
    /// # Errors
    /// [`Error::Graph`] for fewer points than neighbours or values that are not finite, [`Error::Dimension`] where the distances have
    /// fewer positive eigenvalues than coordinates are asked for, [`Error::Setting`].
    ///
    /// # Numerics
    /// m(n + m) numbers are held for m landmarks.
    pub fn fit(
        &self,
        points: ArrayView2<'_, f64>,
        dimension: usize,
        seed: u64,
    ) -> Result<Isomap, Error> {
        let n = points.nrows();
        let count = self.landmarks.unwrap_or(MOST_LANDMARKS).min(n);
        let refuse = |most| Error::Dimension {
            control: NAME,
            dimension,
            most,
        };
        if dimension == 0 || dimension >= count {
            return Err(refuse(count.saturating_sub(1)));
        }
        let joined = Joined::new(NAME, points, self.neighbours)?;
        let landmarks = chosen(n, count, seed);
        let distances = Geodesics::new()
            .from(&joined.graph, &landmarks)
            .map_err(Error::graph(NAME))?;
        let squared = Array2::from_shape_fn((count, count), |(a, b)| {
            // Both directions round differently; the smaller is taken, as the shorter path.
            distances[(a, landmarks[b])]
                .min(distances[(b, landmarks[a])])
                .powi(2)
        });
        let mean = squared.mean_axis(Axis(0)).unwrap_or_default();
        let all = mean.mean().unwrap_or_default();
        let centred = faer::Mat::from_fn(count, count, |a, b| {
            -0.5 * (squared[(a, b)] - mean[a] - mean[b] + all)
        });
        let (values, vectors) = eigen::largest(NAME, &centred, dimension)?;
        let lost = values
            .iter()
            .position(|&value| value <= values[0].max(0.0) * 1e-12);
        if let Some(rank) = lost {
            return Err(refuse(rank));
        }
        let projection = Array2::from_shape_fn((dimension, count), |(k, a)| {
            -0.5 * vectors[(a, k)] / values[k].sqrt()
        });
        let codes = triangulated(&projection, &mean, distances.view());
        Ok(Isomap {
            codes,
            pieces: joined.pieces,
            options: *self,
            points: points.to_owned(),
            distances,
            mean,
            projection,
        })
    }
}

/// `count` of `n` indices in order, drawn by the seed.
fn chosen(n: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    if count >= n {
        return all;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = all.partial_shuffle(&mut rng, count).0.to_vec();
    drawn.sort_unstable();
    drawn
}

/// The codes of points at these distances from the landmarks, (m, points).
fn triangulated(
    projection: &Array2<f64>,
    mean: &Array1<f64>,
    distances: ArrayView2<'_, f64>,
) -> Array2<f64> {
    let mut squared = distances.mapv(|d| d * d);
    for (mut row, mean) in squared.rows_mut().into_iter().zip(mean) {
        row -= *mean;
    }
    projection
        .dot(&squared)
        .reversed_axes()
        .as_standard_layout()
        .into_owned()
}

impl Isomap {
    /// The codes of other points: a path to a landmark begins with a step to one of the nearest training points.
    ///
    /// # Shapes
    /// `points` (q, D); the result is (q, d).
    ///
    /// # Errors
    /// [`Error::Graph`] for points of another width, or values that are not finite.
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
        let found = among(NAME, self.points.view(), points, self.options.neighbours)?;
        let landmarks = self.distances.nrows();
        let mut distances = Array2::from_elem((landmarks, points.nrows()), f64::INFINITY);
        for query in 0..points.nrows() {
            for (&j, step) in found
                .indices
                .row(query)
                .iter()
                .zip(found.distances.row(query))
            {
                for landmark in 0..landmarks {
                    let through = step + self.distances[(landmark, j)];
                    let best = &mut distances[(landmark, query)];
                    *best = best.min(through);
                }
            }
        }
        Ok(triangulated(&self.projection, &self.mean, distances.view()))
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let k = self.options.neighbours;
        let landmarks = self.distances.nrows();
        let mut remarks = vec![if landmarks < self.points.nrows() {
            format!("Distances along a graph of {k} neighbours from {landmarks} landmarks.")
        } else {
            format!("Distances along a graph of {k} neighbours.")
        }];
        if self.pieces > 1 {
            remarks.push(format!(
                "The graph fell into {} pieces, which the shortest edges between them joined.",
                self.pieces
            ));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use geom_graph::manifolds::SwissRoll;
    use ndarray::{Array2, array, s};

    use super::*;

    /// A flat sheet of a grid, rotated into three dimensions.
    fn sheet(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows * columns, 3), |(i, j)| {
            let (a, b) = ((i / columns) as f64, (i % columns) as f64);
            [0.6 * a, 0.8 * a, b][j]
        })
    }

    #[test]
    fn a_complete_graph_gives_classical_scaling_and_so_the_sheet_itself() {
        let points = sheet(4, 5);
        let options = IsomapOptions {
            neighbours: 19,
            landmarks: None,
        };
        let found = options.fit(points.view(), 2, 0).unwrap();
        for i in 0..20 {
            for j in 0..i {
                let apart = |m: &Array2<f64>| {
                    let d = &m.row(i) - &m.row(j);
                    d.dot(&d).sqrt()
                };
                assert!((apart(&found.codes) - apart(&points)).abs() < 1e-9);
            }
        }
        let third = options.fit(points.view(), 3, 0);
        assert!(
            matches!(third, Err(Error::Dimension { most: 2, .. })),
            "{third:?}"
        );
    }

    #[test]
    fn a_swiss_roll_is_unrolled_with_landmarks_and_without() {
        let roll = SwissRoll::sample(900, 4.71..12.57, 30.0, 3).unwrap();
        for landmarks in [None, Some(90)] {
            let options = IsomapOptions {
                neighbours: 8,
                landmarks,
            };
            let found = options.fit(roll.points.view(), 2, 5).unwrap();
            let flat =
                Array2::from_shape_fn(
                    (900, 2),
                    |(i, k)| {
                        if k == 0 { roll.arc[i] } else { roll.height[i] }
                    },
                );
            let pairs = geom_ae::metrics::Pairs::All;
            let spearman =
                geom_ae::metrics::distance_correlation(flat.view(), found.codes.view(), pairs)
                    .unwrap()
                    .spearman;
            assert!(spearman > 0.98, "{landmarks:?}: {spearman}");
        }
    }

    #[test]
    fn training_points_go_on_to_themselves_and_others_land_between() {
        let points = sheet(8, 9);
        let found = IsomapOptions::default().fit(points.view(), 2, 0).unwrap();
        let again = found.extend(points.slice(s![10..20, ..])).unwrap();
        assert!(
            (&again - &found.codes.slice(s![10..20, ..]))
                .iter()
                .all(|d| d.abs() < 1e-9)
        );
        // Halfway between two neighbours the squared paths are off by at most a step.
        let middle = (&points.row(30) + &points.row(31)) / 2.0;
        let code = found.extend(middle.view().insert_axis(Axis(0))).unwrap();
        let between = (&found.codes.row(30) + &found.codes.row(31)) / 2.0;
        assert!(
            (&code.row(0) - &between).iter().all(|d| d.abs() < 0.5),
            "{code} {between}"
        );
        assert!(found.extend(array![[0.0]].view()).is_err());
    }

    #[test]
    fn pieces_are_joined_and_counted() {
        let mut points = sheet(4, 4);
        points.slice_mut(s![8.., ..]).mapv_inplace(|v| v + 50.0);
        let options = IsomapOptions {
            neighbours: 3,
            landmarks: None,
        };
        let found = options.fit(points.view(), 2, 0).unwrap();
        assert_eq!(found.pieces, 2);
        assert!(found.remarks()[1].contains("2 pieces"));
        let too_many = IsomapOptions {
            neighbours: 16,
            landmarks: None,
        };
        assert!(matches!(
            too_many.fit(points.view(), 2, 0),
            Err(Error::Graph { .. })
        ));
    }

    #[test]
    fn landmarks_are_distinct_and_the_seed_decides() {
        let a = chosen(100, 20, 1);
        assert!(a.windows(2).all(|w| w[0] < w[1]) && a.len() == 20);
        assert_eq!(a, chosen(100, 20, 1));
        assert_ne!(a, chosen(100, 20, 2));
        assert_eq!(chosen(5, 5, 9), [0, 1, 2, 3, 4]);
    }
}
