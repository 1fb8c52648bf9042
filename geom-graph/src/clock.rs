//! The clock of a kernel: by how much its time differs from the one its bandwidth says, told by a second bandwidth.

use ndarray::Array2;

use crate::spectrum::small_eigen;
use crate::{Error, Laplacian, Scalar, Spectrum};

/// Eigenpairs slower than this share in setting the clock: $2t\lambda \le 1$.
const SLOW: f64 = 1.0;
/// Below this, $2t\lambda$ is the rounding of a zero, which sets no clock.
const ZERO: f64 = 1e-9;

/// The factor of the time $t$ of a Laplacian, from its spectrum and a Laplacian `wide` of twice the bandwidth.
///
/// On a manifold that bends in space a kernel of bandwidth $h$ is $e^{t(1 + ah)\Delta}$ with $t = h/4$: chords are shorter than
/// arcs, so that its clock runs fast (on the unit sphere $a = \frac14$). The kernel of $2h$ is
/// $e^{2t(1 + 2ah)\Delta}$, and what it does to the same functions, in Rayleigh and Ritz's values $\mu'_k$, tells
/// $$\frac{\sum_k\ln\mu'_k}{2\sum_k\ln\mu_k} = \frac{1 + 2ah}{1 + ah} \approx 1 + ah.$$
/// One number for all eigenpairs: the sampling noise of each stays out of it.
pub(crate) fn clock<T: Scalar>(
    spectrum: &Spectrum,
    time: f64,
    wide: &Laplacian<T>,
) -> Result<f64, Error> {
    let f: Array2<T> = spectrum.eigenfunctions.mapv(T::of);
    let k = f.ncols();
    let mut image = wide.apply(f.view())?;
    let f = &spectrum.eigenfunctions;
    let mut weighted = f.clone();
    let rows = image.rows_mut().into_iter().zip(weighted.rows_mut());
    for ((mut image, mut f), mass) in rows.zip(wide.mass()) {
        image.mapv_inplace(|x| x * *mass);
        f.mapv_inplace(|x| x * mass.as_f64());
    }
    // -L and the mass on the span of the functions; the mass becomes the identity.
    let stiffness = -f.t().dot(&image.mapv(Scalar::as_f64));
    let (sizes, axes) = small_eigen(&flat(&f.t().dot(&weighted)), k, k)?;
    let root = Array2::from_shape_fn((k, k), |(i, c)| axes[i * k + c] / sizes[c].sqrt());
    let (values, _) = small_eigen(&flat(&root.t().dot(&stiffness).dot(&root)), k, k)?;
    let wide_time = wide.time().as_f64();
    let (mut fast, mut slow) = (0.0, 0.0);
    for (narrow, value) in spectrum.eigenvalues.iter().zip(values.iter().rev()) {
        let log = -(-wide_time * value).ln_1p();
        let expected = 2.0 * time * narrow;
        if log <= SLOW && expected > ZERO {
            fast += log;
            slow += expected;
        }
    }
    Ok(if fast > 0.0 { fast / slow } else { 1.0 })
}

fn flat(matrix: &Array2<f64>) -> Vec<f64> {
    matrix.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DistanceGraph, LaplacianParameters, Metric, Reading, SpectrumParameters, manifolds,
    };

    #[test]
    fn chords_make_the_clock_of_a_circle_run_fast_by_what_theory_says() {
        // Equispaced points have no noise: a = 1/4 on the unit circle by ln(I_k(z)/I_0(z)) at z = 2/h.
        let n = 600;
        let points = Array2::from_shape_fn((n, 2), |(i, j)| {
            let (sin, cos) = (std::f64::consts::TAU * i as f64 / n as f64).sin_cos();
            if j == 0 { cos } else { sin }
        });
        let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
        let h = 0.1;
        let parameters = LaplacianParameters::default();
        let narrow = parameters.build(&graph, h).unwrap();
        let wide = parameters.build(&graph, 2.0 * h).unwrap();
        let solver = SpectrumParameters::new(3).reading(Reading::Logarithm);
        let spectrum = solver.solve(&narrow).unwrap();
        let factor = clock(&spectrum, h / 4.0, &wide).unwrap();
        let before = (spectrum.eigenvalues[1] - 1.0).abs();
        let after = (spectrum.eigenvalues[1] / factor - 1.0).abs();
        assert!(before > 0.02 && after < 0.1 * before, "{before} {after}");
        let sphere = manifolds::sphere(50, 1);
        let graph = DistanceGraph::complete(sphere.view(), Metric::Euclidean).unwrap();
        let one = parameters.build(&graph, 1.0).unwrap();
        let constant = SpectrumParameters::new(1).solve(&one).unwrap();
        assert!((clock(&constant, 0.25, &one).unwrap() - 1.0).abs() < 1e-15);
    }
}
