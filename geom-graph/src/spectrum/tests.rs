//! Spectra against closed forms, with multiplicities, by every method.

use super::*;
use crate::{
    DistanceGraph, LaplacianParameters, Metric, Normalisation, Symmetrisation, Time, knn,
    laplace_beltrami, manifolds,
};

/// $e^{-z}I_k(z)$ from its integral; the trapezoidal rule converges geometrically.
fn bessel(k: usize, z: f64) -> f64 {
    let n = 400;
    let turn = |s: usize| std::f64::consts::TAU * s as f64 / n as f64;
    (0..n)
        .map(|s| (z * (turn(s).cos() - 1.0)).exp() * (k as f64 * turn(s)).cos())
        .sum::<f64>()
        / n as f64
}

fn equispaced_circle(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, j)| {
        let (sin, cos) = (std::f64::consts::TAU * i as f64 / n as f64).sin_cos();
        if j == 0 { cos } else { sin }
    })
}

fn torus_grid(n: usize) -> Array2<f64> {
    let circle = equispaced_circle(n);
    Array2::from_shape_fn((n * n, 4), |(p, j)| {
        circle[(if j < 2 { p / n } else { p % n }, j % 2)]
    })
}

#[test]
fn equispaced_circle_has_its_exact_finite_bandwidth_spectrum() {
    let h = 0.1;
    let z = 2.0 / h;
    let graph = DistanceGraph::complete(equispaced_circle(300).view(), Metric::Euclidean).unwrap();
    let laplacian = LaplacianParameters::default().build(&graph, h).unwrap();
    for method in [SpectralMethod::Dense, SpectralMethod::Krylov] {
        let solver = SpectrumParameters::new(9).method(method).tolerance(1e-13);
        let spectrum = solver.solve(&laplacian).unwrap();
        for (i, value) in spectrum.eigenvalues.iter().enumerate() {
            let mu = bessel(i.div_ceil(2), z) / bessel(0, z);
            let found = 1.0 - value * h / 4.0;
            assert!((found - mu).abs() < 1e-12, "{method:?} {i}: {found} {mu}");
        }
    }
}

#[test]
fn torus_grid_has_its_exact_spectrum_and_multiplicities() {
    let h = 0.25;
    let z = 2.0 / h;
    let graph = DistanceGraph::complete(torus_grid(30).view(), Metric::Euclidean).unwrap();
    let laplacian = LaplacianParameters::default().build(&graph, h).unwrap();
    // Pairs (k, l) with signs: 1, 4, 4, 4, 8, then the first of the next.
    let mu = |k: usize| bessel(k, z) / bessel(0, z);
    let mut expected = Vec::new();
    for k in -4_i32..=4 {
        for l in -4_i32..=4 {
            expected.push(mu(k.unsigned_abs() as usize) * mu(l.unsigned_abs() as usize));
        }
    }
    expected.sort_by(|a, b| b.total_cmp(a));
    for method in [SpectralMethod::Dense, SpectralMethod::Krylov] {
        // A block of two columns cannot see eight copies in one run: the proof must find them.
        let solver = SpectrumParameters::new(21)
            .method(method)
            .block(2)
            .tolerance(1e-13);
        let spectrum = solver.solve(&laplacian).unwrap();
        assert!(spectrum.complete);
        for (i, value) in spectrum.eigenvalues.iter().enumerate() {
            let found = 1.0 - value * h / 4.0;
            assert!(
                (found - expected[i]).abs() < 1e-12,
                "{method:?} {i}: {found} {}",
                expected[i]
            );
        }
    }
}

#[test]
fn fibonacci_sphere_is_near_its_finite_bandwidth_spectrum() {
    // I_{l+1/2}(z)/I_{1/2}(z) in elementary functions for l = 0, 1, 2, large z.
    let n = 2000;
    let points = Array2::from_shape_fn((n, 3), |(i, j)| {
        let height = 1.0 - (2.0 * i as f64 + 1.0) / n as f64;
        let turn = std::f64::consts::PI * (3.0 - 5.0_f64.sqrt()) * i as f64;
        let r = (1.0 - height * height).sqrt();
        [r * turn.cos(), r * turn.sin(), height][j]
    });
    let h = 0.1;
    let z = 2.0 / h;
    let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
    let laplacian = LaplacianParameters::default().build(&graph, h).unwrap();
    let spectrum = SpectrumParameters::new(9).solve(&laplacian).unwrap();
    let coth = 1.0 / z.tanh();
    let exact = [1.0, coth - 1.0 / z, 1.0 + 3.0 / (z * z) - 3.0 * coth / z];
    for (i, value) in spectrum.eigenvalues.iter().enumerate() {
        let l = usize::from(i > 0) + usize::from(i > 3);
        let found = 1.0 - value * h / 4.0;
        assert!((found - exact[l]).abs() < 2e-4, "{i}: {found} {}", exact[l]);
    }
}

#[test]
fn every_method_agrees_on_a_sparse_graph() {
    let roll = manifolds::SwissRoll::sample(1500, 4.0..10.0, 12.0, 3).unwrap();
    let found = knn(roll.points.view(), 12, Metric::Euclidean).unwrap();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    let laplacian = LaplacianParameters::sparse(2.0).build(&graph, 1.0).unwrap();
    let solve = |method| {
        SpectrumParameters::new(12)
            .method(method)
            .solve(&laplacian)
            .unwrap()
    };
    let dense = solve(SpectralMethod::Dense);
    for method in [SpectralMethod::ShiftInvert, SpectralMethod::Krylov] {
        let other = solve(method);
        assert_eq!(other.method, method);
        assert!(other.complete);
        let scale = dense.eigenvalues[11];
        for k in 0..12 {
            let (a, b) = (dense.eigenvalues[k], other.eigenvalues[k]);
            assert!((a - b).abs() < 1e-8 * scale, "{method:?} {k}: {a} {b}");
        }
    }
    assert_eq!(
        SpectrumParameters::new(3).solve(&laplacian).unwrap().method,
        SpectralMethod::ShiftInvert
    );
}

#[test]
fn as_many_constants_as_components() {
    // Seven separate circles: zero seven times, then one twice for each.
    let circles = vec![DistanceGraph::<f64>::cyclic_time(100); 7];
    let graph = DistanceGraph::disjoint(&circles);
    let graph = graph.edit(|_, _, d| (d <= 6.0).then_some(d));
    let laplacian = LaplacianParameters::default().build(&graph, 9.0).unwrap();
    for method in [
        SpectralMethod::ShiftInvert,
        SpectralMethod::Krylov,
        SpectralMethod::Dense,
    ] {
        let spectrum = SpectrumParameters::new(15)
            .method(method)
            .solve(&laplacian)
            .unwrap();
        let zeros = spectrum
            .eigenvalues
            .iter()
            .filter(|v| v.abs() < 1e-9)
            .count();
        assert_eq!(zeros, 7, "{method:?}: {:?}", spectrum.eigenvalues);
        let first = spectrum.eigenvalues[7];
        assert!(
            spectrum
                .eigenvalues
                .iter()
                .skip(7)
                .all(|v| (v / first - 1.0).abs() < 1e-6),
            "{method:?}"
        );
    }
}

#[test]
fn accuracy_on_the_sphere_and_the_circle() {
    // Median over five seeds of the largest relative error among the first nine eigenvalues.
    let median = |points: &dyn Fn(u64) -> Array2<f64>, exact: &[f64]| {
        let mut errors: Vec<f64> = (0..5)
            .map(|seed| {
                let (spectrum, _) = laplace_beltrami(points(seed).view(), 9).unwrap();
                let pairs = spectrum.eigenvalues.iter().zip(exact).skip(1);
                pairs
                    .map(|(found, exact)| (found / exact - 1.0).abs())
                    .fold(0.0, f64::max)
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        errors[2]
    };
    let circle = median(
        &|seed| manifolds::circle(1000, seed),
        &[0.0, 1.0, 1.0, 4.0, 4.0, 9.0, 9.0, 16.0, 16.0],
    );
    let sphere = median(
        &|seed| manifolds::sphere(1000, seed),
        &[0.0, 2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0],
    );
    println!("circle {circle:.4}, sphere {sphere:.4}");
    assert!(circle <= 0.065, "{circle}");
    assert!(sphere <= 0.11, "{sphere}");
}

#[test]
fn a_sparse_graph_with_moments_is_accurate_at_any_bandwidth() {
    let points = manifolds::sphere(4000, 1);
    let found = knn(points.view(), 60, Metric::Euclidean).unwrap();
    let last = found.distances.column(59).mapv(|d| d * d).mean().unwrap();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    for share in [0.25, 0.5, 1.0] {
        let laplacian = LaplacianParameters::sparse(2.0)
            .build(&graph, share * last)
            .unwrap();
        let solver = SpectrumParameters::new(9).reading(Reading::Logarithm);
        let spectrum = solver.solve(&laplacian).unwrap();
        let exact = [2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0];
        let pairs = spectrum.eigenvalues.iter().skip(1).zip(exact);
        let error = pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
        println!("share {share}: {error:.4}");
        assert!(error < 0.08, "{share}: {error}");
    }
}

#[test]
fn density_is_removed_by_alpha_one_and_by_sinkhorn() {
    // A circle sampled with density 1 + 0.8 cos: only α = 1 and Sinkhorn see the circle.
    let n = 800;
    let mut angle = 0.0_f64;
    let points = Array2::from_shape_fn((n, 2), |(i, j)| {
        if j == 0 {
            let share = std::f64::consts::TAU * (i as f64 + 0.5) / n as f64;
            for _ in 0..50 {
                angle -= (angle + 0.8 * angle.sin() - share) / (1.0 + 0.8 * angle.cos());
            }
            angle.cos()
        } else {
            angle.sin()
        }
    });
    let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
    let error = |normalisation, time| {
        let parameters = LaplacianParameters {
            normalisation,
            time,
            ..Default::default()
        };
        let laplacian = parameters.build(&graph, 0.02).unwrap();
        let spectrum = SpectrumParameters::new(5).solve(&laplacian).unwrap();
        let exact = [1.0, 1.0, 4.0, 4.0];
        let pairs = spectrum.eigenvalues.iter().skip(1).zip(exact);
        pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max)
    };
    let alpha = |alpha| error(Normalisation::DiffusionMaps { alpha }, Time::Quarter);
    let (zero, half, one) = (alpha(0.0), alpha(0.5), alpha(1.0));
    let sinkhorn = error(Normalisation::Sinkhorn, Time::Quarter);
    assert!(one < 0.03 && sinkhorn < 0.03, "{one} {sinkhorn}");
    assert!(half > 3.0 * one && zero > half, "{zero} {half} {one}");
}

#[test]
fn permutation_and_rigid_motion_change_nothing() {
    let points = manifolds::sphere(200, 9);
    let solve = |points: &Array2<f64>| {
        let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
        let laplacian = LaplacianParameters::default().build(&graph, 0.3).unwrap();
        SpectrumParameters::new(10)
            .solve(&laplacian)
            .unwrap()
            .eigenvalues
    };
    let expected = solve(&points);
    let order: Vec<usize> = (0..200).map(|i| i * 37 % 200).collect();
    let (sin, cos) = 0.6_f64.sin_cos();
    let turn = ndarray::array![[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]];
    for moved in [
        points.select(ndarray::Axis(0), &order),
        points.dot(&turn) + 5.0,
    ] {
        assert!((solve(&moved) - &expected).iter().all(|d| d.abs() < 1e-9));
    }
}

#[test]
fn the_same_bits_on_one_and_two_threads() {
    let points = manifolds::sphere(3000, 4);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let found = knn(points.view(), 20, Metric::Euclidean).unwrap();
            let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
            let laplacian = LaplacianParameters::sparse(2.0)
                .build(&graph, 0.01)
                .unwrap();
            SpectrumParameters::new(6).solve(&laplacian).unwrap()
        })
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn bad_requests_are_refused() {
    let graph = DistanceGraph::<f64>::cyclic_time(20);
    let laplacian = LaplacianParameters::default().build(&graph, 4.0).unwrap();
    for count in [0, 21] {
        assert!(matches!(
            SpectrumParameters::new(count).solve(&laplacian),
            Err(Error::Count { .. })
        ));
    }
    let solver = SpectrumParameters::new(2).tolerance(0.0);
    assert!(matches!(
        solver.solve(&laplacian),
        Err(Error::Parameter { .. })
    ));
    let parameters = LaplacianParameters {
        normalisation: Normalisation::Combinatorial,
        ..Default::default()
    };
    let combinatorial = parameters.build(&graph, 4.0).unwrap();
    let solver = SpectrumParameters::new(2).reading(Reading::Logarithm);
    assert!(matches!(
        solver.solve(&combinatorial),
        Err(Error::Parameter { .. })
    ));
}

#[test]
fn what_did_not_converge_brings_its_best_eigenpairs() {
    // Beyond the size of the dense fallback; no iteration reaches a tolerance below rounding.
    let graph = cycle(4100);
    let laplacian = LaplacianParameters::sparse(1.0).build(&graph, 2.0).unwrap();
    let solver = SpectrumParameters::new(3)
        .method(SpectralMethod::Krylov)
        .tolerance(1e-30);
    let error = solver.solve(&laplacian).unwrap_err();
    let Error::NotConverged {
        residual,
        tolerance,
        spectrum: Some(best),
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(residual > tolerance && residual.is_finite(), "{residual}");
    assert_eq!(best.eigenvalues.len(), 3);
    assert!(best.eigenvalues[0].abs() < 1e-12);
    assert!(!best.complete);
}

/// A ring of points at distance one, joined to their neighbours alone.
fn cycle(n: usize) -> DistanceGraph<f64> {
    let mut all = nalgebra_sparse::CooMatrix::new(n, n);
    for i in 0..n {
        all.push(i, (i + 1) % n, 1.0);
        all.push((i + 1) % n, i, 1.0);
    }
    DistanceGraph::from_sparse(&nalgebra_sparse::CsrMatrix::from(&all)).unwrap()
}
