use ndarray::{Array1, Array2, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{ManifoldResult, TangentSpaces, check, rows};
use crate::Scalar;

/// One standard normal tangent vector at each point: no direction is preferred, $\mathbb E\lVert\varepsilon\rVert^2 = d$.
///
/// Also the Hutchinson probe of a contraction term: for a map r of the manifold,
/// $\mathbb E\lVert Dr\lbrace\varepsilon\rbrace\rVert^2 = \operatorname{tr}(H^{-1}J^\top HJ)$.
///
/// # Shapes
/// `(n, D)` to `(n, D)`.
///
/// # Numerics
/// Row i draws from stream i of the seed's generator: the same bits for any number of threads, and for the first rows of a longer batch.
///
/// # Errors
/// A row off the manifold, an empty batch.
pub fn tangent_normals<T: Scalar, M: TangentSpaces + ?Sized>(
    manifold: &M,
    points: ArrayView2<T>,
    seed: u64,
) -> ManifoldResult<Array2<T>> {
    let width = manifold.point_dimension();
    let wide = rows::wide("tangent_normals", "points", points, width)?;
    let vectors = normals(manifold, &wide, seed)?;
    rows::narrow("tangent_normals", &vectors, width)
}

/// The points moved by isotropic noise, $\exp_x(\sigma\varepsilon)$ with ε a standard normal tangent vector: the input of a geometric denoising autoencoder.
///
/// # Shapes
/// `(n, D)` to `(n, D)`.
///
/// # Units
/// σ in units of distance along the manifold; the mean squared step is σ²d.
///
/// # Numerics
/// As [`tangent_normals`].
///
/// # Errors
/// A row off the manifold, an empty batch, σ negative or not finite.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{check_points, tangent_noise, Sphere};
/// use ndarray::Array2;
/// let sphere = Sphere::new(3, 1.0)?;
/// let mut poles = Array2::<f32>::zeros((100, 3));
/// poles.column_mut(2).fill(1.0);
/// let noisy = tangent_noise(&sphere, poles.view(), 0.1, 7)?;
/// assert!(check_points(&sphere, noisy.view(), 1e-6)? < 1e-6);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn tangent_noise<T: Scalar, M: TangentSpaces + ?Sized>(
    manifold: &M,
    points: ArrayView2<T>,
    sigma: f64,
    seed: u64,
) -> ManifoldResult<Array2<T>> {
    if sigma != 0.0 {
        check::positive("tangent_noise", "sigma", sigma)?;
    }
    let width = manifold.point_dimension();
    let wide = rows::wide("tangent_noise", "points", points, width)?;
    let vectors = normals(manifold, &wide, seed)?;
    let moved = rows::map(wide.nrows(), |row| {
        manifold.exponential(wide.row(row), (&vectors[row] * sigma).view())
    })?;
    rows::narrow("tangent_noise", &moved, width)
}

fn normals<M: TangentSpaces + ?Sized>(
    manifold: &M,
    points: &Array2<f64>,
    seed: u64,
) -> ManifoldResult<Vec<Array1<f64>>> {
    rows::map(points.nrows(), |row| {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(row as u64);
        let z: Array1<f64> = StandardNormal
            .sample_iter(&mut generator)
            .take(manifold.point_dimension())
            .collect();
        manifold.isotropic(points.row(row), z.view())
    })
}
