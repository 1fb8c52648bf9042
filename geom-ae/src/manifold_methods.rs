//! The methods for data on a known Riemannian manifold.

use crate::{
    DataSpace, Error, Method, Objective, Result, Scalar,
    method::check_weight,
    objective::{GeodesicContraction, GeodesicDenoising, GeodesicError},
};

impl Method {
    /// Whether the objective needs to know the manifold that the data lie on.
    pub const fn needs_manifold(self) -> bool {
        matches!(self, Self::Gdae | Self::Grcae)
    }

    /// Whether the trained autoencoder estimates the score of the data's density, with the objective's weight as σ².
    pub const fn estimates_score(self) -> bool {
        matches!(self, Self::Dae | Self::Rcae | Self::Gdae | Self::Grcae)
    }

    /// The objective of `gdae` or `grcae` on the manifold that the data lie on; `weight` is σ².
    ///
    /// # Errors
    /// [`Error::Parameter`] where the weight is negative or not finite, [`Error::Contradiction`] for another method.
    ///
    /// # Examples
    /// ```
    /// use geom_ae::{DataSpace, Method};
    /// use geom_riemann::manifold::Space;
    /// let sphere = DataSpace::new(Space::Sphere { coordinates: 3, radius: 1.0 })?;
    /// let objective = Method::Grcae.objective_on_manifold::<f64>(0.01, &sphere)?;
    /// let terms: Vec<_> = objective.terms().collect();
    /// assert_eq!(terms, [("geodesic_error", 1.0), ("geodesic_contraction", 0.01)]);
    /// # Ok::<(), geom_ae::Error>(())
    /// ```
    pub fn objective_on_manifold<E: Scalar>(
        self,
        weight: f64,
        space: &DataSpace,
    ) -> Result<Objective<E>> {
        self.objective_on_manifold_by(weight, space, 1)
    }

    /// The same with this many tangent vectors for each point in which the contraction of `grcae` is measured.
    ///
    /// # Errors
    /// As [`Method::objective_on_manifold`]; [`Error::Parameter`] for no probe.
    pub fn objective_on_manifold_by<E: Scalar>(
        self,
        weight: f64,
        space: &DataSpace,
        probes: usize,
    ) -> Result<Objective<E>> {
        check_weight(weight)?;
        let space = space.clone();
        match self {
            Self::Gdae => {
                Ok(Objective::new().with(1.0, GeodesicDenoising::new(space, weight.sqrt())?))
            }
            Self::Grcae => Ok(Objective::new()
                .with(1.0, GeodesicError::new(space.clone()))
                .with(weight, GeodesicContraction::new(space, probes)?)),
            _ => Err(Error::Contradiction {
                first: "a manifold of the data",
                second: self.name(),
                reason: "only gdae and grcae are made for one",
            }),
        }
    }
}
