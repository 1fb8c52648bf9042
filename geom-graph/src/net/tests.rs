//! Nets against comparison with every point, the rho-Laplacian against the sphere, refusals.

use super::*;
use crate::{SpectrumParameters, manifolds};

#[test]
fn nets_cover_and_cells_are_nearest() {
    let points = manifolds::sphere(500, 1);
    let nets = [
        greedy_cover(points.view(), 0.3, Progress::none()).unwrap(),
        farthest_points(points.view(), 40, 0.0, 3, Progress::none()).unwrap(),
        farthest_points(points.view(), 500, 0.3, 0, Progress::none()).unwrap(),
    ];
    for net in &nets {
        let distance = |i: usize, c: usize| {
            let (a, b) = (points.row(i), points.row(net.centres[c]));
            (&a - &b).mapv(|x| x * x).sum().sqrt()
        };
        let mut largest = 0.0_f64;
        for i in 0..500 {
            let own = distance(i, net.owners[i]);
            largest = largest.max(own);
            assert!((0..net.centres.len()).all(|c| distance(i, c) >= own - 1e-12));
        }
        assert!((largest - net.radius).abs() < 1e-12);
        assert!((net.measure.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!(nets[0].radius <= 0.3 && nets[2].radius <= 0.3);
    assert_eq!(nets[1].centres.len(), 40);
}

#[test]
fn the_tree_covers_as_comparison_does() {
    let mut points = manifolds::sphere(3000, 4);
    for i in 0..500 {
        let copy = points.row(i).to_owned();
        points.row_mut(2999 - i).assign(&copy);
    }
    // Too wide for the tree.
    let mut wide = ndarray::Array2::zeros((3000, tree::WIDEST + 1));
    wide.slice_mut(ndarray::s![.., ..3]).assign(&points);
    for radius in [0.05, 0.4, 3.0] {
        let net = greedy_cover(points.view(), radius, Progress::none()).unwrap();
        let other = greedy_cover(wide.view(), radius, Progress::none()).unwrap();
        assert_eq!(net, other);
    }
}

#[test]
fn duplicates_end_the_sampling() {
    let same = ndarray::Array2::from_elem((20, 2), 1.5);
    let net = farthest_points(same.view(), 5, 0.0, 4, Progress::none()).unwrap();
    assert_eq!((net.centres, net.radius), (vec![4], 0.0));
    assert!(farthest_points(same.view(), 0, 0.0, 0, Progress::none()).is_err());
    for radius in [f64::NAN, -1.0, f64::INFINITY] {
        let refused = farthest_points(same.view(), 2, radius, 0, Progress::none());
        assert!(matches!(refused, Err(Error::Parameter { .. })), "{radius}");
    }
    assert!(greedy_cover(same.view(), 0.0, Progress::none()).is_err());
}

#[test]
fn rho_laplacian_of_the_sphere() {
    let points = manifolds::sphere(20_000, 2);
    let net = farthest_points(points.view(), 1500, 0.0, 0, Progress::none()).unwrap();
    let area = 4.0 * std::f64::consts::PI;
    let laplacian = net.rho_laplacian(points.view(), 0.35, 2, area).unwrap();
    let spectrum = SpectrumParameters::new(9).solve(&laplacian).unwrap();
    for (found, expected) in spectrum
        .eigenvalues
        .iter()
        .zip([0.0, 2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0])
    {
        assert!(
            (found - expected).abs() <= 0.12 * expected + 1e-9,
            "{found} {expected}"
        );
    }
}

#[test]
fn volumes_of_balls() {
    let pi = std::f64::consts::PI;
    assert!((unit_ball(2) - pi).abs() < 1e-14);
    assert!((unit_ball(3) - 4.0 * pi / 3.0).abs() < 1e-14);
    assert!((unit_ball(0) - 1.0).abs() < 1e-15 && (unit_ball(1) - 2.0).abs() < 1e-15);
    assert!(unit_ball(usize::MAX).abs() < 1e-300);
    let points = manifolds::sphere(20, 1);
    let net = farthest_points(points.view(), 5, 0.0, 0, Progress::none()).unwrap();
    for dimension in [0, 10_000, usize::MAX] {
        let refused = net.rho_laplacian(points.view(), 0.5, dimension, 1.0);
        assert!(
            matches!(refused, Err(Error::Parameter { .. })),
            "{dimension}"
        );
    }
}
