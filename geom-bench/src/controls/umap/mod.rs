//! UMAP: a layout whose fuzzy neighbourhoods agree with those of the points.
//!
//! | step | file |
//! |---|---|
//! | how strongly a point belongs to another's neighbourhood | `membership.rs` |
//! | how near two codes are to count as neighbours, $1/(1 + ad^{2b})$ | `curve.rs` |
//! | codes that agree, by stochastic gradient descent with negative samples | `layout.rs` |
//!
//! The descent is sequential, as in the reference implementation: the same seed gives the same bits on any number of threads.

mod curve;
mod layout;
mod membership;

use geom_graph::{Laplacian, Metric, Search, SpectrumParameters, knn};
use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::{
    curve::Curve,
    layout::{Layout, Pull},
    membership::memberships,
};
use super::error::check_width;
use super::{Error, Extended, Pca};

const NAME: &str = "umap";
/// Half the width of the first layout.
const SPAN: f64 = 10.0;
/// Noise on the first layout, so that equal points part.
const JITTER: f64 = 1e-4;

/// Settings of UMAP; the defaults are those of McInnes et al. 2018 and of umap-learn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UmapOptions {
    /// Size of a neighbourhood, the point itself counted, as umap-learn counts.
    pub neighbours: usize,
    /// How near codes may lie.
    pub min_dist: f64,
    /// The scale of the layout.
    pub spread: f64,
    /// Passes; without it 500 up to 10,000 points, else 200.
    pub epochs: Option<usize>,
    /// The first step size; it falls to 0.
    pub learning_rate: f64,
    /// Points that push for every one that pulls.
    pub negative_samples: usize,
}

impl Default for UmapOptions {
    fn default() -> Self {
        Self {
            neighbours: 15,
            min_dist: 0.1,
            spread: 1.0,
            epochs: None,
            learning_rate: 1.0,
            negative_samples: 5,
        }
    }
}

/// An embedding by UMAP.
///
/// # Source
/// McInnes, Healy and Melville 2018, algorithms 1–5; constants of umap-learn.
#[derive(Debug, Clone)]
pub struct Umap {
    /// The codes of the points, (n, d).
    pub codes: Array2<f64>,
    /// The pieces of the neighbourhoods' graph; several begin from principal components, one from its eigenfunctions.
    pub pieces: usize,
    options: UmapOptions,
    curve: Curve,
    epochs: usize,
    seed: u64,
    points: Array2<f64>,
}

impl UmapOptions {
    /// Finds the embedding.
    ///
    /// # Shapes
    /// `points` (n, D); d ≤ n − 2.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Dimension`], [`Error::Graph`] for fewer points than neighbours or values that are not finite.
    pub fn fit(
        &self,
        points: ArrayView2<'_, f64>,
        dimension: usize,
        seed: u64,
    ) -> Result<Umap, Error> {
        self.check()?;
        let n = points.nrows();
        let most = n.saturating_sub(2);
        if dimension == 0 || dimension > most {
            return Err(Error::Dimension {
                control: NAME,
                dimension,
                most,
            });
        }
        let found =
            knn(points, self.neighbours - 1, Metric::Euclidean).map_err(Error::graph(NAME))?;
        let directed = memberships(&found);
        let graph = membership::union(n, &found.indices, &directed);
        let pieces = geom_graph::Components::of(&graph).count();
        let curve = Curve::fit(self.min_dist, self.spread);
        let epochs = self.epochs.unwrap_or(if n <= 10_000 { 500 } else { 200 });
        let mut codes = first_layout(points, &graph, pieces, dimension, seed)?;
        let pulls: Vec<Pull> = graph
            .triplet_iter()
            .map(|(head, tail, &weight)| Pull { head, tail, weight })
            .collect();
        Layout {
            curve,
            epochs,
            learning_rate: self.learning_rate,
            negative_samples: self.negative_samples,
            fixed: 0,
            others: n,
            seed,
        }
        .descend(&mut codes, &pulls);
        Ok(Umap {
            codes,
            pieces,
            options: *self,
            curve,
            epochs,
            seed,
            points: points.to_owned(),
        })
    }

    fn check(&self) -> Result<(), Error> {
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
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let k = self.neighbours;
        require(
            k >= 3,
            "neighbours",
            k as f64,
            "at least 3, the point itself counted",
        )?;
        require(
            positive(self.spread),
            "spread",
            self.spread,
            "finite and positive",
        )?;
        let fits = (0.0..=self.spread).contains(&self.min_dist);
        require(fits, "min_dist", self.min_dist, "from 0 to the spread")?;
        require(
            positive(self.learning_rate),
            "learning_rate",
            self.learning_rate,
            "finite and positive",
        )?;
        require(self.epochs != Some(0), "epochs", 0.0, "at least 1")
    }
}

/// Eigenfunctions of the graph in one piece, else principal components, scaled to ±10 and jittered.
fn first_layout(
    points: ArrayView2<'_, f64>,
    graph: &CsrMatrix<f64>,
    pieces: usize,
    dimension: usize,
    seed: u64,
) -> Result<Array2<f64>, Error> {
    let mut codes = if pieces > 1 {
        let found = Pca::fit(points, dimension)?;
        found.codes
    } else {
        let degrees: Vec<f64> = graph
            .row_iter()
            .map(|row| row.values().iter().sum())
            .collect();
        let laplacian =
            Laplacian::from_weights(graph.clone(), degrees.clone()).map_err(Error::graph(NAME))?;
        let spectrum = SpectrumParameters::new(dimension + 1)
            .solve(&laplacian)
            .map_err(Error::graph(NAME))?;
        let mut functions = spectrum.eigenfunctions.slice(s![.., 1..]).to_owned();
        for (mut row, degree) in functions.rows_mut().into_iter().zip(&degrees) {
            row *= degree.sqrt();
        }
        functions
    };
    let largest = codes
        .iter()
        .fold(0.0_f64, |largest, z| largest.max(z.abs()));
    let scale = if largest > 0.0 { SPAN / largest } else { 1.0 };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1);
    codes.mapv_inplace(|z| z * scale + JITTER * rng.random_range(-1.0..1.0));
    Ok(codes)
}

impl Umap {
    /// The codes of other points: the mean of their neighbours' codes, weighted by membership, then a third of the descent in
    /// which the training points stand still, as umap-learn does.
    ///
    /// # Shapes
    /// `points` (q, D); the codes are (q, d).
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::NotFinite`].
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Extended, Error> {
        check_width(NAME, self.points.ncols(), points)?;
        let n = self.points.nrows();
        let k = self.options.neighbours.min(n);
        let found = Search::new()
            .knn_to(self.points.view(), points, k)
            .map_err(Error::graph(NAME))?;
        let weights = memberships(&found);
        let mut begun = Array2::zeros((points.nrows(), self.codes.ncols()));
        let mut pulls = Vec::with_capacity(weights.len());
        for (query, mut code) in begun.rows_mut().into_iter().enumerate() {
            let total: f64 = weights.row(query).sum();
            for (&tail, &weight) in found.indices.row(query).iter().zip(weights.row(query)) {
                code.scaled_add(weight / total, &self.codes.row(tail));
                pulls.push(Pull {
                    head: n + query,
                    tail,
                    weight,
                });
            }
        }
        let both = [self.codes.view(), begun.view()];
        let mut codes = concatenate(Axis(0), &both).unwrap_or_else(|_| begun.clone());
        Layout {
            curve: self.curve,
            epochs: self.epochs.div_ceil(3),
            learning_rate: self.options.learning_rate / 4.0,
            negative_samples: self.options.negative_samples,
            fixed: n,
            others: n,
            seed: self.seed.wrapping_add(1),
        }
        .descend(&mut codes, &pulls);
        Ok(Extended::exact(codes.slice(s![n.., ..]).to_owned()))
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let k = self.options.neighbours;
        let mut remarks = vec![format!(
            "Neighbourhoods of {k} points, {} epochs, min_dist {}.",
            self.epochs, self.options.min_dist
        )];
        if self.pieces > 1 {
            remarks.push(format!(
                "The neighbourhoods fall into {} pieces: the layout began from principal components, and how the pieces lie to each \
                 other means little.",
                self.pieces
            ));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Three far blobs in five dimensions.
    fn blobs(each: usize) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Array2::from_shape_fn((3 * each, 5), |(i, j)| {
            let centre = if i / each == j { 20.0 } else { 0.0 };
            centre + rng.random_range(-1.0..1.0)
        })
    }

    #[test]
    fn blobs_stay_apart_and_new_points_join_their_own() {
        let points = blobs(60);
        let found = UmapOptions::default().fit(points.view(), 2, 3).unwrap();
        assert_eq!(found.pieces, 3);
        let centre = |b: usize| {
            let rows = s![60 * b..60 * (b + 1), ..];
            found.codes.slice(rows).mean_axis(Axis(0)).unwrap()
        };
        let apart = |a: ndarray::ArrayView1<'_, f64>, b: usize| {
            let d = &a - &centre(b);
            d.dot(&d).sqrt()
        };
        let nearest = |code: ndarray::ArrayView1<'_, f64>| {
            (0..3)
                .min_by(|&a, &b| apart(code, a).total_cmp(&apart(code, b)))
                .unwrap()
        };
        for (i, code) in found.codes.rows().into_iter().enumerate() {
            assert_eq!(nearest(code), i / 60);
        }
        let others = blobs(60).mapv(|v| v + 0.05);
        let extended = found.extend(others.view()).unwrap();
        for (i, code) in extended.codes.rows().into_iter().enumerate() {
            assert_eq!(nearest(code), i / 60);
        }
        assert_eq!(
            found.codes,
            UmapOptions::default()
                .fit(points.view(), 2, 3)
                .unwrap()
                .codes
        );
    }

    #[test]
    fn a_circle_is_kept_in_one_piece() {
        let points = geom_graph::manifolds::circle(200, 2);
        let found = UmapOptions::default().fit(points.view(), 2, 0).unwrap();
        assert_eq!(found.pieces, 1);
        let ranks = geom_ae::metrics::summary(
            points.view(),
            found.codes.view(),
            None,
            &geom_ae::metrics::SummaryOptions::default(),
        )
        .unwrap();
        assert!(ranks.value("trustworthiness").unwrap() > 0.95);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let points = blobs(5);
        let refused = |options: UmapOptions| options.fit(points.view(), 2, 0).unwrap_err();
        let fine = UmapOptions::default();
        for options in [
            UmapOptions {
                neighbours: 2,
                ..fine
            },
            UmapOptions {
                min_dist: -0.1,
                ..fine
            },
            UmapOptions {
                min_dist: 2.0,
                ..fine
            },
            UmapOptions {
                spread: f64::NAN,
                ..fine
            },
            UmapOptions {
                learning_rate: 0.0,
                ..fine
            },
            UmapOptions {
                epochs: Some(0),
                ..fine
            },
        ] {
            assert!(
                matches!(refused(options), Error::Setting { .. }),
                "{options:?}"
            );
        }
        let many = UmapOptions {
            neighbours: 16,
            ..fine
        };
        assert!(matches!(refused(many), Error::Graph { .. }));
    }
}
