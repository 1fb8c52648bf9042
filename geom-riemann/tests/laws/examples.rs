//! The numbers that the examples print.

#[allow(dead_code)]
#[path = "../../examples/02_curvature_of_a_torus.rs"]
mod curvature;
#[allow(dead_code)]
#[path = "../../examples/01_distortion_of_a_decoder.rs"]
mod distortion;
#[allow(dead_code)]
#[path = "../../examples/03_geodesics.rs"]
mod geodesics;

use std::f64::consts::{FRAC_PI_2, PI};

fn near(ours: f64, expected: f64, tolerance: f64) {
    assert!((ours - expected).abs() <= tolerance, "{ours} {expected}");
}

#[test]
fn first() {
    let n = distortion::numbers().unwrap();
    // G = 4 / (1 + |z|²)² I on the grid {−1, −½, 0, ½, 1}²: everything in closed form.
    let lambda: Vec<f64> = (0..25)
        .map(|i| {
            let (x, y) = (0.5 * f64::from(i % 5) - 1.0, 0.5 * f64::from(i / 5) - 1.0);
            4.0 / (1.0 + x * x + y * y).powi(2)
        })
        .collect();
    let mean = |f: &dyn Fn(f64) -> f64| lambda.iter().map(|l| f(*l)).sum::<f64>() / 25.0;
    let m = mean(&|l| l);
    let log = mean(&|l| 2.0 * l.ln());
    near(n.condition, 1.0, 1e-12);
    near(n.centre, 16.0_f64.ln(), 1e-14);
    near(
        n.volume,
        mean(&|l| (2.0 * l.ln() - log).powi(2)) * 25.0 / 24.0,
        1e-12,
    );
    near(n.defect, mean(&|l| (l - m).powi(2)) / (m * m), 1e-12);
    near(n.variation, mean(&|l| 2.0 * (l / m).ln().powi(2)), 1e-12);
    // |z|² takes the values 0, ¼, ½, 1, 5/4, 2 on 1, 4, 4, 4, 8, 4 points: the median is 1, the largest 2.
    near(n.glyph, 0.35 * 0.5 * 3.0 / 2.0, 1e-12);
    near(n.limit, 4.0 * (2.0_f64 / 1.25).log10(), 1e-12);
}

#[test]
fn second() {
    let n = curvature::numbers().unwrap();
    near(n.outer, 1.0 / 3.0, 1e-14);
    near(n.inner, -1.0, 1e-14);
    near(n.total, 0.0, 1e-13 * n.area);
    near(n.area, 8.0 * PI * PI, 1e-11);
    near(n.mean, 2.0 / 3.0, 1e-14);
    near(n.symbol, -0.5, 1e-14);
}

#[test]
fn third() {
    let n = geodesics::numbers().unwrap();
    near(n.quarter, FRAC_PI_2, 1e-9);
    near(n.hyperbolic, 3.0_f64.ln(), 1e-9);
    near(n.holonomy, FRAC_PI_2, 1e-8);
    near(n.miss, 0.0, 1e-9);
    // Unrolled, the geodesic is straight; the latent line is not.
    let arc = |t: f64| 0.5 * (t * (1.0 + t * t).sqrt() + t.asinh());
    let shortest = (arc(12.0) - arc(2.0)).hypot(40.0);
    let line = (0..200_000).map(|i| 2.0 + 10.0 * (f64::from(i) + 0.5) / 200_000.0);
    let straight = line
        .map(|t| (10.0 * (1.0 + t * t).sqrt()).hypot(40.0) / 200_000.0)
        .sum::<f64>();
    near(n.detour, straight / shortest, 1e-5);
}
