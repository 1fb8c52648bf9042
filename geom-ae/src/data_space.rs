//! The manifold that data lie on and that a decoder's output is brought onto.

use std::sync::Arc;

use geom_riemann::manifold::{
    DataManifold, Space, check_points, frame_jacobians, geodesic_loss, to_points,
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

use crate::{Error, Result, Scalar};

/// How far, relatively, a point may be off its manifold: some eighty roundings of `f32`.
const TOLERANCE: f64 = 1e-5;

/// A known Riemannian manifold that the data lie on: its description and the value made from it.
///
/// # Examples
/// ```
/// use geom_ae::DataSpace;
/// use geom_riemann::manifold::Space;
/// use ndarray::array;
///
/// let sphere = DataSpace::new(Space::Sphere { coordinates: 3, radius: 1.0 })?;
/// let error = sphere.check(array![[1.0, 0.0, 0.0], [0.0, 1.5, 0.0]].view()).unwrap_err();
/// assert!(error.to_string().contains("row 1 is off the manifold: residual 5e-1"));
/// # Ok::<(), geom_ae::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataSpace {
    space: Space,
    manifold: Arc<dyn DataManifold>,
}

impl DataSpace {
    /// The manifold of this description.
    ///
    /// # Errors
    /// [`Error::Manifold`] for a parameter outside its range.
    pub fn new(space: Space) -> Result<Self> {
        let manifold = space.build().map_err(Error::manifold("data space"))?;
        Ok(Self { space, manifold })
    }

    /// Its description.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The manifold.
    pub fn manifold(&self) -> &dyn DataManifold {
        self.manifold.as_ref()
    }

    /// The number D of coordinates of a point.
    pub fn width(&self) -> usize {
        self.manifold.point_dimension()
    }

    /// Refuses points off the manifold, with the row that is farthest off and how far; else the largest relative residual.
    ///
    /// # Errors
    /// [`Error::Manifold`].
    pub fn check<E: Scalar>(&self, points: ArrayView2<'_, E>) -> Result<f64> {
        check_points(self.manifold(), points, TOLERANCE).map_err(Error::manifold("data"))
    }

    /// Raw outputs of a network as points.
    pub(crate) fn points<E: Scalar>(&self, raw: ArrayView2<'_, E>) -> Result<Array2<E>> {
        if raw.nrows() == 0 {
            return Ok(raw.to_owned());
        }
        to_points(self.manifold(), raw).map_err(Error::manifold("decode"))
    }

    /// Jacobians of the raw outputs in an orthonormal frame of the manifold.
    pub(crate) fn jacobians<E: Scalar>(
        &self,
        raw: ArrayView2<'_, E>,
        jacobians: ArrayView3<'_, E>,
    ) -> Result<Array3<E>> {
        if raw.nrows() == 0 {
            return Ok(jacobians.to_owned());
        }
        frame_jacobians(self.manifold(), raw, jacobians).map_err(Error::manifold("decode"))
    }

    /// The mean squared geodesic distance of points and reconstructions, both on the manifold.
    ///
    /// # Errors
    /// [`Error::Manifold`] with the row that is off.
    pub fn reconstruction_error<E: Scalar>(
        &self,
        points: ArrayView2<'_, E>,
        reconstructions: ArrayView2<'_, E>,
    ) -> Result<f64> {
        let loss = geodesic_loss(self.manifold(), points, reconstructions)
            .map_err(Error::manifold("geodesic_reconstruction_error"))?;
        Ok(crate::scalar::widen(loss.value))
    }
}

impl PartialEq for DataSpace {
    fn eq(&self, other: &Self) -> bool {
        self.space == other.space
    }
}
