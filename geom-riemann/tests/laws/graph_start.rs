//! A shortest path on a graph as the start of a geodesic, where the straight line is no good start.

use geom_riemann::charts::{Graph, Height};
use geom_riemann::{DualNum, Error, GeodesicOptions, Immersion, Pullback, Start, connect};
use ndarray::{Array2, Axis};

/// A hill between the ends: the way straight over its top is geodesic, but no minimum.
#[derive(Clone, Copy)]
struct Hill;
impl Height for Hill {
    fn dimension(&self) -> usize {
        2
    }
    fn height<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N]) -> N {
        (-(z[0] * z[0] + z[1] * z[1])).exp() * 3.0
    }
}

/// Dijkstra on a lattice of `side` × `side` points over [-2, 2]², edges to the eight neighbours weighted by chords.
fn lattice_path(side: usize, from: usize, to: usize) -> Array2<f64> {
    let place = |i: usize| {
        let along = |k: usize| 4.0 * k as f64 / (side - 1) as f64 - 2.0;
        [along(i % side), along(i / side)]
    };
    let points = Array2::from_shape_fn((side * side, 2), |(i, k)| place(i)[k]);
    let x = Graph(Hill).value(points.view()).unwrap();
    let mut best = vec![f64::INFINITY; side * side];
    let mut previous = vec![from; side * side];
    let mut done = vec![false; side * side];
    best[from] = 0.0;
    while let Some(i) = (0..side * side)
        .filter(|&i| !done[i] && best[i].is_finite())
        .min_by(|&a, &b| best[a].total_cmp(&best[b]))
    {
        done[i] = true;
        for j in 0..side * side {
            let near = (i % side)
                .abs_diff(j % side)
                .max((i / side).abs_diff(j / side))
                == 1;
            let chord = &x.row(i) - &x.row(j);
            let length = best[i] + chord.dot(&chord).sqrt();
            if near && length < best[j] {
                (best[j], previous[j]) = (length, i);
            }
        }
    }
    let mut path = vec![previous[to]];
    while path[path.len() - 1] != from {
        path.push(previous[path[path.len() - 1]]);
    }
    path.pop();
    path.reverse();
    points.select(Axis(0), &path)
}

#[test]
fn a_graph_path_leads_around_the_hill() {
    let field = Pullback::of(Graph(Hill));
    let (a, b) = ([-2.0_f64, 0.0], [2.0, 0.0]);
    let over = connect(&field, &a, &b, &GeodesicOptions::default());
    assert!(
        matches!(over, Err(Error::NotUnique { .. })),
        "the straight line ends on the ridge: {over:?}"
    );
    let side = 17;
    let row = side / 2 * side;
    let path = lattice_path(side, row, row + side - 1);
    assert!(path.nrows() > 5);
    let ways: Vec<_> = [Start::Path(path.clone()), Start::Spline(path)]
        .into_iter()
        .map(|start| {
            let options = GeodesicOptions {
                start,
                ..GeodesicOptions::default()
            };
            connect(&field, &a, &b, &options).unwrap()
        })
        .collect();
    for way in &ways {
        let middle = way.nodes[[32, 1]];
        assert!(middle.abs() > 0.5, "around, not over: {middle}");
        assert!((4.0..6.0).contains(&way.length), "{}", way.length);
        assert!((way.length - ways[0].length).abs() < 1e-9);
        assert!(way.iterations <= 40, "{}", way.iterations);
    }
}
