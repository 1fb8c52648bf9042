//! The accuracy of the Laplace–Beltrami spectrum on iid points, ahead of every peer with its bandwidth picked by hand.
//!
//! The bounds are what is asked of the crate; the example prints the medians themselves.
#![allow(clippy::unwrap_used, reason = "tests: what fails shall panic")]

use geom_graph::manifolds;

#[allow(dead_code, reason = "the tests need no main")]
#[path = "../examples/accuracy.rs"]
mod accuracy;

use accuracy::{CIRCLE, SPHERE, automatic, sparse};

#[test]
fn circle_with_no_parameter() {
    for (n, bound) in [(1000, 0.065), (4000, 0.025)] {
        let error = automatic(manifolds::circle, n, &CIRCLE).unwrap();
        assert!(error <= bound, "{n}: {error}");
    }
}

#[test]
fn sphere_with_no_parameter() {
    for (n, bound) in [(1000, 0.11), (4000, 0.036)] {
        let error = automatic(manifolds::sphere, n, &SPHERE).unwrap();
        assert!(error <= bound, "{n}: {error}");
    }
}

#[test]
fn sixteen_thousand_points() {
    // One seed of the five: the medians are the example's.
    let worst = |points: ndarray::Array2<f64>, exact: &[f64]| {
        let (spectrum, choice) = geom_graph::laplace_beltrami(points.view(), 9).unwrap();
        let radius = matches!(choice.support, Some(geom_graph::Support::Radius(_)));
        assert!(radius, "{:?}", choice.support);
        let pairs = spectrum.eigenvalues.iter().zip(exact).skip(1);
        pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max)
    };
    let circle = worst(manifolds::circle(16_000, 1), &CIRCLE);
    assert!(circle <= 0.009, "{circle}");
    let sphere = worst(manifolds::sphere(16_000, 1), &SPHERE);
    assert!(sphere <= 0.012, "{sphere}");
}

#[test]
fn sparse_sphere_whatever_the_bandwidth() {
    // Quarter to full squared distance of the last neighbour.
    for share in [0.25, 1.0] {
        let error = sparse(16_000, share).unwrap();
        assert!(error <= 0.03, "{share}: {error}");
    }
}
