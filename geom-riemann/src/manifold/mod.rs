//! Riemannian manifolds that *data* lie on, as values: directions, angles, covariance matrices, rotations, trees.
//!
//! A straight line between two directions leaves the sphere, and the mean squared error between 359° and 1° is enormous. Here the error
//! is the geodesic distance, noise stays on the manifold, and a mean is a point of it.
//!
//! | value | points | coordinates D | dimension | cut locus | invariant under |
//! |---|---|---|---|---|---|
//! | [`Euclidean`] | vectors | n | n | none | rigid motions |
//! | [`Sphere`] (n = 2: circle) | directions | n | n − 1 | −x, at πr | rotations |
//! | [`FlatTorus`] (m = 1: circle) | angles with periods p | m | m | half a period away | shifts |
//! | [`Rotation`] | SO(3), 3×3 row-major | 9 | 3 | half turns, at π | rotations from both sides |
//! | [`Spd`] | covariances, n×n row-major | n² | n(n+1)/2 | none | congruence, inversion |
//! | [`LogEuclideanSpd`] | the same, flat metric | n² | n(n+1)/2 | none | rotations, scaling, inversion |
//! | [`Hyperbolic`] | hierarchies, (t, s) on the hyperboloid | n + 1 | n | none | boosts and rotations |
//! | [`Product`] | tuples | sum | sum | that of a factor | that of each factor |
//!
//! Three small traits, each on top of the one before:
//! [`Manifold`] (exponential, logarithm, distance, metric), [`TangentSpaces`] (projection, isotropic vectors, covectors, transport),
//! [`DataManifold`] (how far off is a point, how does a network's output become one). They take one point in `f64`.
//! Batches in `f32` or `f64`, on all threads and with the row in every error, go through functions:
//!
//! | to | use |
//! |---|---|
//! | name a manifold in a configuration file | [`Space`] |
//! | refuse data off the manifold | [`check_points`] |
//! | disturb data: $\exp_x(\sigma\varepsilon)$ | [`tangent_noise`], [`tangent_normals`] |
//! | bring a network's output onto the manifold and go back | [`to_points`], [`to_points_pullback`] |
//! | measure reconstruction: mean $d^2$ and its gradient | [`geodesic_loss`], [`squared_distance`] |
//! | measure how much a map onto the manifold stretches, with gradient | [`pushed_energy`] |
//! | look at a decoder onto the manifold in the manifold's metric | [`frame_jacobians`] |
//! | read the score from a denoiser | [`score`] |
//! | average, interpolate | [`frechet_mean`], [`geodesic`], [`geodesic_path`] |
//!
//! One step of a denoising autoencoder on the sphere (cf. the geometrically regularised autoencoders for non-Euclidean data, 2023), the network left out:
//!
//! ```
//! use geom_riemann::manifold::{
//!     check_points, geodesic_loss, tangent_noise, to_points, to_points_pullback, Sphere,
//! };
//! use ndarray::array;
//!
//! let sphere = Sphere::new(3, 1.0)?;
//! let data = array![[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]];
//! check_points(&sphere, data.view(), 1e-6)?;
//! let noisy = tangent_noise(&sphere, data.view(), 0.1, 0)?;
//! // A network would map `noisy` to raw outputs in R³, of any length.
//! let raw = noisy * 1.7;
//! let reconstructions = to_points(&sphere, raw.view())?;
//! let loss = geodesic_loss(&sphere, data.view(), reconstructions.view())?;
//! let gradient = to_points_pullback(&sphere, raw.view(), loss.gradient.view())?;
//! // A step downhill makes the loss smaller.
//! let better = to_points(&sphere, (raw - gradient).view())?;
//! assert!(geodesic_loss(&sphere, data.view(), better.view())?.value < loss.value);
//! # Ok::<(), geom_riemann::manifold::ManifoldError>(())
//! ```

mod traits;

mod euclidean;
mod hyperbolic;
mod log_euclidean;
mod product;
mod rotation;
mod space;
mod spd;
mod sphere;
mod torus;

mod energy;
mod frame;
mod geodesic;
mod loss;
mod mean;
mod noise;

mod check;
mod error;
mod flat;
mod rows;
mod symmetric;

#[cfg(test)]
mod tests;

pub use energy::{PushedEnergy, pushed_energy};
pub use error::{ManifoldError, ManifoldResult};
pub use euclidean::Euclidean;
pub use frame::frame_jacobians;
pub use geodesic::{SquaredDistance, geodesic, geodesic_path, squared_distance};
pub use hyperbolic::Hyperbolic;
pub use log_euclidean::LogEuclideanSpd;
pub use loss::{GeodesicLoss, check_points, geodesic_loss, score, to_points, to_points_pullback};
pub use mean::{FrechetMean, MeanOptions, frechet_mean};
pub use noise::{tangent_noise, tangent_normals};
pub use product::Product;
pub use rotation::Rotation;
pub use space::Space;
pub use spd::Spd;
pub use sphere::Sphere;
pub use torus::FlatTorus;
pub use traits::{DataManifold, Manifold, TangentSpaces};
