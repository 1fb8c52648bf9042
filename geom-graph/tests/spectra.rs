//! Spectra against limits on manifolds with and without a boundary, residuals from their definition, spectral distances by other ways.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: what fails shall panic"
)]

use geom_graph::{
    DistanceGraph, Laplacian, LaplacianParameters, Metric, Progress, SpectralDistance,
    SpectralMethod, SpectrumParameters, Symmetrisation, heat, knn, laplace_beltrami, manifolds,
};
use nalgebra_sparse::{CooMatrix, CsrMatrix};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn worst(points: &Array2<f64>, exact: &[f64]) -> f64 {
    let (spectrum, _) = laplace_beltrami(points.view(), exact.len()).unwrap();
    let pairs = spectrum.eigenvalues.iter().zip(exact).skip(1);
    pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max)
}

fn uniform(n: usize, sides: [f64; 2]) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    Array2::from_shape_fn((n, 2), |(_, j)| sides[j] * random.random_range(0.0..1.0))
}

#[test]
fn a_flat_torus_has_four_copies() {
    let errors = [500, 4000].map(|n| {
        let angles = uniform(n, [std::f64::consts::TAU; 2]);
        let torus = Array2::from_shape_fn((n, 4), |(i, j)| {
            let (sin, cos) = angles[(i, j / 2)].sin_cos();
            if j % 2 == 0 { cos } else { sin }
        });
        worst(&torus, &[0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    });
    println!("torus {errors:?}");
    assert!(
        errors[1] < 0.08 && errors[1] < 0.6 * errors[0],
        "{errors:?}"
    );
}

#[test]
fn a_rectangle_has_the_modes_of_its_free_boundary() {
    // Sides π and π/1.3: k² + (1.3 l)², cosines, whose slope vanishes at the boundary.
    let errors = [500, 4000].map(|n| {
        let side = std::f64::consts::PI;
        let sheet = uniform(n, [side, side / 1.3]);
        worst(&sheet, &[0.0, 1.0, 1.69, 2.69, 4.0])
    });
    println!("rectangle {errors:?}");
    assert!(errors[1] < 0.1 && errors[1] < 0.7 * errors[0], "{errors:?}");
}

#[test]
fn residuals_are_what_they_say_by_every_method() {
    let x = manifolds::sphere(520, 3);
    let found = knn(x.view(), 10, Metric::Euclidean).unwrap();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    let laplacian = LaplacianParameters::sparse(2.0)
        .build(&graph, 0.02)
        .unwrap();
    let conjugate = laplacian.conjugate();
    let norm = conjugate
        .row_iter()
        .map(|row| row.values().iter().map(|x| x.abs()).sum::<f64>())
        .fold(0.0, f64::max);
    for method in [
        SpectralMethod::Dense,
        SpectralMethod::ShiftInvert,
        SpectralMethod::Krylov,
    ] {
        let solver = SpectrumParameters::new(7).method(method);
        let spectrum = solver.solve(&laplacian).unwrap();
        for k in 0..7 {
            let function = spectrum.eigenfunctions.column(k);
            let pairs = function.iter().zip(laplacian.mass());
            let u: Vec<f64> = pairs.map(|(f, m)| f * m.sqrt()).collect();
            let length = u.iter().map(|x| x * x).sum::<f64>().sqrt();
            let rest = conjugate.row_iter().zip(&u).map(|(row, x)| {
                let sum = row.col_indices().iter().zip(row.values());
                let image: f64 = sum.map(|(&j, a)| -a * u[j]).sum();
                (image - spectrum.eigenvalues[k] * x).powi(2)
            });
            let residual = rest.sum::<f64>().sqrt() / length;
            let told = spectrum.residuals[k];
            assert!(
                (residual - told).abs() < 1e-14 * norm,
                "{method:?} {k}: {residual} {told}"
            );
            assert!(told < 1e-7 * norm, "{method:?} {k}: {told}");
        }
    }
    // A tolerance that no iteration reaches: the dense method answers in its place.
    let strict = SpectrumParameters::new(3).tolerance(1e-30);
    let found = strict.solve(&laplacian).unwrap();
    assert_eq!(found.method, SpectralMethod::Dense);
    assert!(found.complete);
    // A block wider than the space is as wide as the space.
    let large = SpectrumParameters::new(3).block(usize::MAX);
    let found = large.method(SpectralMethod::Krylov).solve(&ring(30));
    assert!(found.unwrap().complete);
}

/// A ring of unit weights with masses of its own.
fn ring(n: usize) -> Laplacian<f64> {
    let mut weights = CooMatrix::new(n, n);
    for i in 0..n {
        weights.push(i, (i + 1) % n, 1.0);
        weights.push((i + 1) % n, i, 1.0);
    }
    let mass = (0..n).map(|i| 1.0 + (i % 3) as f64).collect();
    Laplacian::from_weights(CsrMatrix::from(&weights), mass).unwrap()
}

#[test]
fn commute_times_are_resistances_and_diffusion_distances_are_heat() {
    let n = 14;
    let ring = ring(n);
    let total: f64 = ring.mass().iter().sum();
    let spectrum = SpectrumParameters::new(n).solve(&ring).unwrap();
    let time = 0.7;
    for j in 1..n {
        // k resistors one way round and n - k the other, side by side.
        let resistance = (j * (n - j)) as f64 / n as f64;
        let commute = spectrum
            .distance(SpectralDistance::CommuteTime, 0, j)
            .unwrap();
        assert!(
            (commute * commute / (total * resistance) - 1.0).abs() < 1e-10,
            "{j}"
        );
        // Heat from unit sources at either point, compared in the norm of the mass.
        let sources = Array2::from_shape_fn((n, 1), |(i, _)| {
            let sign = f64::from(u8::from(i == 0)) - f64::from(u8::from(i == j));
            sign / ring.mass()[i]
        });
        let later = heat(&ring, sources.view(), time, Progress::none()).unwrap();
        let weighed = later.iter().zip(ring.mass()).map(|(u, m)| m * u * u);
        let expected = (total * weighed.sum::<f64>()).sqrt();
        let kind = SpectralDistance::Diffusion { time };
        let found = spectrum.distance(kind, 0, j).unwrap();
        assert!(
            (found / expected - 1.0).abs() < 1e-10,
            "{j}: {found} {expected}"
        );
    }
    for time in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(
            spectrum
                .distance(SpectralDistance::Diffusion { time }, 0, 1)
                .is_err()
        );
    }
    // In two pieces heat never passes, and the distance across stays.
    let cycle = DistanceGraph::<f64>::cyclic_time(9);
    let pair = DistanceGraph::disjoint(&[cycle.clone(), cycle]);
    let pair = LaplacianParameters::default().build(&pair, 4.0).unwrap();
    let spectrum = SpectrumParameters::new(18).solve(&pair).unwrap();
    let kind = SpectralDistance::Diffusion { time: 1e6 };
    assert!((spectrum.distance(kind, 0, 9).unwrap() - 2.0).abs() < 1e-6);
    assert!(spectrum.distance(kind, 0, 3).unwrap() < 1e-6);
}
