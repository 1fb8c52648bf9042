//! Diffusion maps: eigenfunctions of diffusion among the points, without the sampling density.
//!
//! $$ z_k(x) = \mu_k^t\psi_k(x), \qquad P\psi_k = \mu_k\psi_k, $$
//!
//! with the transition matrix of the Gaussian kernel divided by the density's power α. The formula for new points is Nyström's.

use geom_graph::{Bandwidth, DiffusionMap, DiffusionMapParameters, Normalisation};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::error::check_width;
use super::nearest::among;
use super::{Error, Extended};

const NAME: &str = "diffusion-maps";

/// Settings of diffusion maps; the defaults are those of Coifman and Lafon 2006, with a bandwidth that chooses itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionMapsOptions {
    /// The kernel's bandwidth.
    pub bandwidth: Bandwidth,
    /// The power of the density that is divided out: 1 for the geometry alone.
    pub alpha: f64,
    /// Steps of diffusion, t; not negative, not necessarily whole.
    pub steps: f64,
}

impl Default for DiffusionMapsOptions {
    fn default() -> Self {
        Self {
            bandwidth: Bandwidth::default(),
            alpha: 1.0,
            steps: 1.0,
        }
    }
}

/// An embedding by diffusion maps.
///
/// # Source
/// Coifman and Lafon 2006.
#[derive(Debug, Clone)]
pub struct DiffusionMaps {
    /// The codes of the points, (n, d).
    pub codes: Array2<f64>,
    map: DiffusionMap<f64>,
    points: Array2<f64>,
    time: f64,
}

impl DiffusionMapsOptions {
    /// Finds the embedding.
    ///
    /// # Shapes
    /// `points` (n, D); d ≤ n − 2.
    ///
    /// # Errors
    /// [`Error::Graph`] where the kernel graph falls apart or values are not finite, [`Error::Setting`], [`Error::Dimension`].
    pub fn fit(
        &self,
        points: ArrayView2<'_, f64>,
        dimension: usize,
    ) -> Result<DiffusionMaps, Error> {
        let most = points.nrows().saturating_sub(2);
        if dimension == 0 || dimension > most {
            return Err(Error::Dimension {
                control: NAME,
                dimension,
                most,
            });
        }
        if !(self.steps.is_finite() && self.steps >= 0.0) {
            return Err(Error::Setting {
                control: NAME,
                setting: "steps",
                value: self.steps,
                due: "finite and not negative",
            });
        }
        let mut parameters = DiffusionMapParameters {
            dimension,
            bandwidth: self.bandwidth,
            ..DiffusionMapParameters::default()
        };
        parameters.laplacian.normalisation = Normalisation::DiffusionMaps { alpha: self.alpha };
        let map = DiffusionMap::fit(points, &parameters).map_err(Error::graph(NAME))?;
        // One step of the Gaussian kernel is a time of h/4.
        let time = self.steps * map.bandwidth().bandwidth / 4.0;
        Ok(DiffusionMaps {
            codes: map.coordinates(time),
            map,
            points: points.to_owned(),
            time,
        })
    }
}

impl DiffusionMaps {
    /// The codes of other points.
    ///
    /// # Shapes
    /// `points` (q, D); the codes are (q, d).
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::NotFinite`], and [`Error::Graph`] for a coordinate that diffusion has wiped out.
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Extended, Error> {
        check_width(NAME, self.points.ncols(), points)?;
        let nearest = among(NAME, self.points.view(), points, 1)?;
        let mut codes = Array2::zeros((points.nrows(), self.codes.ncols()));
        let mut taken_from_nearest = 0;
        for (query, point) in points.axis_chunks_iter(Axis(0), 1).enumerate() {
            let mut code = codes.row_mut(query);
            match self.map.extend(point) {
                Ok(found) => {
                    code.assign(&found.row(0));
                    let eigenvalues = self.map.spectrum().eigenvalues.iter().skip(1);
                    for (z, eigenvalue) in code.iter_mut().zip(eigenvalues) {
                        *z *= (-eigenvalue * self.time).exp();
                    }
                }
                Err(geom_graph::Error::Isolated { .. }) => {
                    taken_from_nearest += 1;
                    code.assign(&self.codes.row(nearest.indices[(query, 0)]));
                }
                Err(error) => return Err(Error::graph(NAME)(error)),
            }
        }
        Ok(Extended {
            codes,
            taken_from_nearest,
        })
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        vec![format!(
            "Eigenfunctions of a Gaussian kernel of bandwidth h = {}.",
            crate::report::number(self.map.bandwidth().bandwidth)
        )]
    }
}

#[cfg(test)]
mod tests {
    use geom_graph::manifolds;

    use super::*;

    #[test]
    fn points_go_on_as_they_were_fitted_and_far_ones_are_counted() {
        let points = manifolds::circle(200, 2);
        let found = DiffusionMapsOptions::default()
            .fit(points.view(), 2)
            .unwrap();
        let again = found.extend(points.view()).unwrap();
        assert!((&again.codes - &found.codes).iter().all(|d| d.abs() < 1e-3));
        let far = found
            .extend(ndarray::array![[1e3, 0.0], [1.0, 0.0]].view())
            .unwrap();
        assert_eq!(far.taken_from_nearest, 1);
    }

    #[test]
    fn steps_shrink_a_coordinate_at_its_own_rate() {
        let points = manifolds::sphere(150, 3);
        let at = |steps| {
            let options = DiffusionMapsOptions {
                steps,
                ..DiffusionMapsOptions::default()
            };
            options.fit(points.view(), 2).unwrap().codes
        };
        let (zero, one, two) = (at(0.0), at(1.0), at(2.0));
        for k in 0..2 {
            let (first, second) = (one[(3, k)] / zero[(3, k)], two[(3, k)] / one[(3, k)]);
            assert!(first < 1.0 && (first - second).abs() < 1e-9);
        }
        let options = DiffusionMapsOptions {
            steps: -1.0,
            ..DiffusionMapsOptions::default()
        };
        assert!(matches!(
            options.fit(points.view(), 2),
            Err(Error::Setting { .. })
        ));
    }
}
