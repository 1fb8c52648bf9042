//! Laplacian eigenmaps: the first eigenfunctions of a neighbour graph.
//!
//! $$ Wf = \mu Df, \qquad W_{ij} = e^{-d_{ij}^2/h} \text{ for neighbours}, $$
//!
//! the constant left out. A new point takes Nyström's mean over its nearest training points,
//! $f(x) = \frac1\mu\sum_jw(x, x_j)f(x_j)/\sum_jw(x, x_j)$.

use geom_graph::{Bandwidth, LaplacianParameters, Normalisation, SpectrumParameters};
use ndarray::{Array1, Array2, ArrayView2, s};

use super::nearest::{Joined, among};
use super::{Error, Extended};

const NAME: &str = "eigenmaps";

/// Settings of Laplacian eigenmaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EigenmapsOptions {
    /// Nearest neighbours that make the graph, either way; the kernel's $h$ is the mean squared distance to the last of them.
    pub neighbours: usize,
}

impl Default for EigenmapsOptions {
    fn default() -> Self {
        Self { neighbours: 10 }
    }
}

/// An embedding by Laplacian eigenmaps.
///
/// # Source
/// Belkin and Niyogi 2003; the extension is Nyström's (Bengio et al. 2004).
#[derive(Debug, Clone)]
pub struct Eigenmaps {
    /// The codes of the points, (n, d): unit mean square for the degrees in every coordinate.
    pub codes: Array2<f64>,
    /// The eigenvalues $1 - \mu$ of the coordinates, rising.
    pub eigenvalues: Array1<f64>,
    /// The pieces of the neighbour graph, before they were joined.
    pub pieces: usize,
    /// The kernel's $h$, a squared length.
    pub bandwidth: f64,
    options: EigenmapsOptions,
    points: Array2<f64>,
}

impl EigenmapsOptions {
    /// Finds the embedding.
    ///
    /// # Shapes
    /// `points` (n, D); d ≤ n − 2.
    ///
    /// # Errors
    /// [`Error::Graph`] for fewer points than neighbours, values that are not finite, no solution; [`Error::Dimension`].
    pub fn fit(&self, points: ArrayView2<'_, f64>, dimension: usize) -> Result<Eigenmaps, Error> {
        let most = points.nrows().saturating_sub(2);
        if dimension == 0 || dimension > most {
            return Err(Error::Dimension {
                control: NAME,
                dimension,
                most,
            });
        }
        let joined = Joined::new(NAME, points, self.neighbours)?;
        let bandwidth = Bandwidth::Neighbour(self.neighbours)
            .choose(points)
            .map_err(Error::graph(NAME))?
            .bandwidth;
        let parameters = LaplacianParameters {
            normalisation: Normalisation::RandomWalk,
            self_loops: false,
            ..LaplacianParameters::default()
        };
        let laplacian = parameters
            .build(&joined.graph, bandwidth)
            .map_err(Error::graph(NAME))?;
        let spectrum = SpectrumParameters::new(dimension + 1)
            .solve(&laplacian)
            .map_err(Error::graph(NAME))?;
        let time = laplacian.time();
        Ok(Eigenmaps {
            codes: spectrum.eigenfunctions.slice(s![.., 1..]).to_owned(),
            eigenvalues: spectrum
                .eigenvalues
                .slice(s![1..])
                .mapv(|value| value * time),
            pieces: joined.pieces,
            bandwidth,
            options: *self,
            points: points.to_owned(),
        })
    }
}

impl Eigenmaps {
    /// The codes of other points.
    ///
    /// # Shapes
    /// `points` (q, D); the codes are (q, d).
    ///
    /// # Errors
    /// [`Error::Graph`] for points of another width, or values that are not finite.
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Extended, Error> {
        let found = among(NAME, self.points.view(), points, self.options.neighbours)?;
        let mut codes = Array2::zeros((points.nrows(), self.codes.ncols()));
        let mut taken_from_nearest = 0;
        for (query, mut code) in codes.rows_mut().into_iter().enumerate() {
            let mut total = 0.0;
            for (&j, distance) in found
                .indices
                .row(query)
                .iter()
                .zip(found.distances.row(query))
            {
                let weight = (-distance * distance / self.bandwidth).exp();
                code.scaled_add(weight, &self.codes.row(j));
                total += weight;
            }
            if total > 0.0 {
                for (z, eigenvalue) in code.iter_mut().zip(&self.eigenvalues) {
                    *z /= total * (1.0 - eigenvalue);
                }
            } else {
                taken_from_nearest += 1;
                code.assign(&self.codes.row(found.indices[(query, 0)]));
            }
        }
        Ok(Extended {
            codes,
            taken_from_nearest,
        })
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let k = self.options.neighbours;
        let mut remarks = vec![format!(
            "Eigenfunctions of a graph of {k} neighbours, weights exp(−d²/{}).",
            crate::report::number(self.bandwidth)
        )];
        if self.pieces > 1 {
            remarks.push(format!(
                "The graph fell into {} pieces, which the shortest edges between them joined: the first coordinates tell the \
                 pieces apart.",
                self.pieces
            ));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use geom_graph::manifolds;
    use ndarray::{Array2, Axis};

    use super::*;

    #[test]
    fn a_circle_becomes_a_circle_and_goes_on_to_points_between() {
        let at = |t: f64| [t.cos(), t.sin(), 0.0];
        let step = std::f64::consts::TAU / 80.0;
        let points = Array2::from_shape_fn((80, 3), |(i, j)| at(step * i as f64)[j]);
        let found = EigenmapsOptions { neighbours: 4 }
            .fit(points.view(), 2)
            .unwrap();
        for code in found.codes.rows() {
            assert!((code.dot(&code) - 2.0).abs() < 1e-6);
        }
        let same = found.extend(points.view()).unwrap();
        assert_eq!(same.taken_from_nearest, 0);
        // A training point finds itself among its neighbours, and a neighbour less: a third of a step.
        assert!((&same.codes - &found.codes).iter().all(|d| d.abs() < 0.04));
        let between = Array2::from_shape_fn((1, 3), |(_, j)| at(step * 10.5)[j]);
        let code = found.extend(between.view()).unwrap().codes;
        let middle = (&found.codes.row(10) + &found.codes.row(11)) / 2.0;
        assert!(
            (&code.index_axis(Axis(0), 0) - &middle)
                .iter()
                .all(|d| d.abs() < 0.02)
        );
    }

    #[test]
    fn a_point_far_away_takes_the_nearest_code_and_is_counted() {
        let points = manifolds::circle(60, 1);
        let found = EigenmapsOptions::default().fit(points.view(), 2).unwrap();
        let far = found.extend(ndarray::array![[1e3, 0.0]].view()).unwrap();
        assert_eq!(far.taken_from_nearest, 1);
        assert!(
            found
                .codes
                .rows()
                .into_iter()
                .any(|code| code == far.codes.row(0))
        );
    }

    #[test]
    fn what_is_impossible_is_refused() {
        let points = manifolds::circle(12, 1);
        for dimension in [0, 11, usize::MAX] {
            let refused = EigenmapsOptions::default().fit(points.view(), dimension);
            assert!(matches!(refused, Err(Error::Dimension { most: 10, .. })));
        }
        let refused = EigenmapsOptions { neighbours: 12 }.fit(points.view(), 2);
        assert!(matches!(refused, Err(Error::Graph { .. })));
    }
}
