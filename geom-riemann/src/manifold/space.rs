use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    DataManifold, Euclidean, FlatTorus, Hyperbolic, LogEuclideanSpd, ManifoldResult, Product,
    Rotation, Spd, Sphere,
};

/// A data manifold by name and numbers, as a configuration file holds it; [`build`](Self::build) checks it and makes the value.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{Manifold, Space};
/// let space: Space = serde_json::from_str(r#"{ "kind": "sphere", "coordinates": 3, "radius": 1.0 }"#)?;
/// assert_eq!(space.build()?.point_dimension(), 3);
/// // A negative radius is refused.
/// assert!(Space::Sphere { coordinates: 3, radius: -1.0 }.build().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Space {
    /// [`Euclidean`].
    Euclidean {
        /// Dimension.
        dimension: usize,
    },
    /// [`Sphere`]; two coordinates make a circle.
    Sphere {
        /// Number of coordinates, one more than the dimension.
        coordinates: usize,
        /// Radius.
        radius: f64,
    },
    /// [`FlatTorus`] in angles; one period makes a circle.
    FlatTorus {
        /// Period of each angle.
        periods: Vec<f64>,
    },
    /// [`Hyperbolic`].
    Hyperbolic {
        /// Dimension, one less than the number of coordinates.
        dimension: usize,
        /// Radius of curvature.
        radius: f64,
    },
    /// [`Rotation`].
    Rotation {},
    /// [`Spd`].
    Spd {
        /// Size n of the n×n matrices.
        size: usize,
    },
    /// [`LogEuclideanSpd`].
    LogEuclideanSpd {
        /// Size n of the n×n matrices.
        size: usize,
    },
    /// [`Product`].
    Product {
        /// The factors in the order of their coordinates.
        factors: Vec<Space>,
    },
}

impl Space {
    /// The manifold, its parameters checked.
    ///
    /// # Errors
    /// A parameter outside its range.
    pub fn build(&self) -> ManifoldResult<Arc<dyn DataManifold>> {
        Ok(match self {
            Self::Euclidean { dimension } => Arc::new(Euclidean::new(*dimension)?),
            Self::Sphere {
                coordinates,
                radius,
            } => Arc::new(Sphere::new(*coordinates, *radius)?),
            Self::FlatTorus { periods } => Arc::new(FlatTorus::new(periods)?),
            Self::Hyperbolic { dimension, radius } => {
                Arc::new(Hyperbolic::new(*dimension, *radius)?)
            }
            Self::Rotation {} => Arc::new(Rotation),
            Self::Spd { size } => Arc::new(Spd::new(*size)?),
            Self::LogEuclideanSpd { size } => Arc::new(LogEuclideanSpd::new(*size)?),
            Self::Product { factors } => Arc::new(Product::new(
                factors.iter().map(Self::build).collect::<Result<_, _>>()?,
            )?),
        })
    }
}
