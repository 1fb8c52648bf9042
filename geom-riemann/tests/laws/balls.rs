//! Geodesic balls and normal grids against the sphere, the disc and the plane.

use geom_riemann::charts::{Cone, LinearMap, Sphere};
use geom_riemann::{Error, FlowOptions, GeodesicBall, NormalGrid, PoincareDisc, Pullback};
use ndarray::array;

#[test]
fn the_boundary_of_a_ball_is_at_its_radius() {
    let options = FlowOptions::default();
    let ball = GeodesicBall::about(&PoincareDisc, [0.3, -0.2], 1.2, 16, 3, &options).unwrap();
    assert_eq!((ball.boundary.len(), ball.rays.len()), (16, 16));
    for (end, ray) in ball.boundary.iter().zip(&ball.rays) {
        assert_eq!(ray.len(), 4);
        assert_eq!(ray[0].map(f64::to_bits), ball.centre.map(f64::to_bits));
        assert_eq!(Some(ray[3]), *end);
        for (i, point) in ray.iter().enumerate() {
            let walked = PoincareDisc::distance(ball.centre, *point).unwrap();
            assert!(
                (walked - 0.4 * i as f64).abs() < 1e-9,
                "equal steps: {walked}"
            );
        }
    }
    // A cap of geodesic radius ρ about a point of the sphere.
    let centre = [1.1_f64, 0.4];
    let at = |z: [f64; 2]| [z[0].sin() * z[1].cos(), z[0].sin() * z[1].sin(), z[0].cos()];
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    let ball = GeodesicBall::about(&sphere, centre, 0.5, 12, 1, &options).unwrap();
    for end in ball.boundary {
        let cosine: f64 = at(end.unwrap())
            .iter()
            .zip(at(centre))
            .map(|(a, b)| a * b)
            .sum();
        assert!((cosine.acos() - 0.5).abs() < 1e-9);
    }
    // The same from single precision.
    let single = GeodesicBall::about(&sphere, [1.1_f32, 0.4], 0.5, 12, 1, &options).unwrap();
    assert!((single.centre[0] - 1.1).abs() < 1e-7);
}

#[test]
fn rays_end_where_the_domain_does() {
    // The tip of a cone at distance 1 below the centre: only rays near that direction are lost.
    let cone = Pullback::of(Cone { half_angle: 0.6 });
    let ball = GeodesicBall::about(&cone, [1.0, 0.0], 1.5, 8, 6, &FlowOptions::default()).unwrap();
    let lost = ball.boundary.iter().filter(|end| end.is_none()).count();
    assert!((1..4).contains(&lost), "{lost}");
    for (end, ray) in ball.boundary.iter().zip(&ball.rays) {
        assert_eq!(end.is_some(), ray.len() == 7);
        assert!(ray.iter().all(|p| p[0] > 0.0));
    }
}

#[test]
fn normal_coordinates_of_a_plane_are_a_square_grid() {
    // In sheared coordinates; the images in space are the grid, right angles and spacing kept.
    let shear = array![[2.0, 1.0], [0.0, 0.5], [0.0, 0.0]];
    let plane = Pullback::of(LinearMap::new(shear.clone()));
    let grid = NormalGrid::about(&plane, [0.4, -1.0], 0.25, 2, &FlowOptions::default()).unwrap();
    assert_eq!((grid.points.len(), grid.points[0].len()), (5, 5));
    let image = |i: usize, j: usize| shear.dot(&ndarray::arr1(&grid.points[j][i].unwrap()));
    let middle = image(2, 2);
    for j in 0..5 {
        for i in 0..5 {
            let offset = image(i, j) - &middle;
            let expected = [0.25 * (i as f64 - 2.0), 0.25 * (j as f64 - 2.0), 0.0];
            for (a, b) in offset.iter().zip(expected) {
                assert!((a - b).abs() < 1e-12, "{offset} {expected:?}");
            }
        }
    }
}

#[test]
fn normal_coordinates_keep_radial_distances() {
    let options = FlowOptions::default();
    let grid = NormalGrid::about(&PoincareDisc, [0.2, 0.1], 0.5, 2, &options).unwrap();
    for (j, row) in grid.points.iter().enumerate() {
        for (i, point) in row.iter().enumerate() {
            let expected = 0.5 * (i as f64 - 2.0).hypot(j as f64 - 2.0);
            let walked = PoincareDisc::distance(grid.centre, point.unwrap()).unwrap();
            assert!((walked - expected).abs() < 1e-9, "{walked} {expected}");
        }
    }
    let text = serde_json::to_string(&grid).unwrap();
    let back: NormalGrid = serde_json::from_str(&text).unwrap();
    assert_eq!(back.points.len(), 5);
    // Where the domain ends there is no point.
    let cone = Pullback::of(Cone { half_angle: 0.6 });
    let grid = NormalGrid::about(&cone, [1.0, 0.0], 0.75, 2, &options).unwrap();
    assert!(grid.points.iter().flatten().any(Option::is_none));
    assert!(grid.points[2][2].is_some());
}

#[test]
fn balls_and_grids_refuse_nonsense() {
    let options = FlowOptions::default();
    let disc = &PoincareDisc;
    for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let ball = GeodesicBall::about(disc, [0.0, 0.0], radius, 4, 1, &options);
        assert!(matches!(ball, Err(Error::Parameter { .. })), "{radius}");
        let grid = NormalGrid::about(disc, [0.0, 0.0], radius, 1, &options);
        assert!(matches!(grid, Err(Error::Parameter { .. })), "{radius}");
    }
    for (directions, points) in [(0, 1), (4, 0)] {
        assert!(GeodesicBall::about(disc, [0.0, 0.0], 1.0, directions, points, &options).is_err());
    }
    let outside = GeodesicBall::about(disc, [2.0, 0.0], 1.0, 4, 1, &options);
    assert!(matches!(outside, Err(Error::Domain { .. })));
    assert!(NormalGrid::about(disc, [0.0, 0.0], 1.0, 1001, &options).is_err());
    let line = Pullback::of(LinearMap::new(array![[1.0], [0.0]]));
    let ball = GeodesicBall::about(&line, [0.0, 0.0], 1.0, 4, 1, &options);
    assert!(matches!(ball, Err(Error::Shape { .. })));
}
