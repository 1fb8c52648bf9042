//! From neighbours to a sparse Laplacian: the Swiss roll is a rolled-up rectangle, and its spectrum says so.
//!
//! cargo run --release -p geom-graph --example 02_swiss_roll
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::manifolds::SwissRoll;
use geom_graph::{
    ComponentPolicy, DistanceGraph, Error, Geodesics, LaplacianParameters, Metric, Reading,
    SpectrumParameters, Symmetrisation, knn,
};
use std::f64::consts::PI;

fn main() -> Result<(), Error> {
    let roll = SwissRoll::sample(20_000, 1.5 * PI..4.5 * PI, 21.0, 1)?;
    // 1. Neighbours: a kd-tree in three dimensions, and it says so.
    let found = knn(roll.points.view(), 15, Metric::Euclidean)?;
    println!("found by {:?}", found.method);
    // 2. A symmetric graph; several components would be an error here.
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    let (graph, _) = graph.resolve(ComponentPolicy::Error, None)?.remove(0);
    // 3. The operator. Few neighbours a row: no self-loops, time from the moments.
    let squares = found.distances.column(14).mapv(|d| d * d);
    let bandwidth = squares.sum() / squares.len() as f64;
    let laplacian = LaplacianParameters::sparse(2.0).build(&graph, bandwidth)?;
    // 4. Eigenvalues of a rectangle with free boundary.
    let solver = SpectrumParameters::new(10).reading(Reading::Logarithm);
    let spectrum = solver.solve(&laplacian)?;
    println!("{:?}, complete: {}", spectrum.method, spectrum.complete);
    for (found, exact) in spectrum.eigenvalues.iter().zip(roll.eigenvalues(10)) {
        println!("{found:9.5}   exact {exact:9.5}");
    }
    // 5. Distances along the graph against the truth.
    let distances = Geodesics::new().from(&graph, &[0])?;
    for j in [100, 5000, 19_999] {
        println!(
            "0 to {j}: {:.2}, exact {:.2}",
            distances[(0, j)],
            roll.distance(0, j, 1.0)?
        );
    }
    Ok(())
}
