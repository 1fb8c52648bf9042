//! From neighbours to a sparse Laplacian: the Swiss roll is a rolled-up rectangle, and its spectrum says so.
//!
//! cargo run --release -p geom-graph --example 02_swiss_roll
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::manifolds::SwissRoll;
use geom_graph::{
    ComponentPolicy, DistanceGraph, Error, Geodesics, LaplacianParameters, Method, Metric, Reading,
    SpectralMethod, SpectrumParameters, Symmetrisation, knn,
};
use std::f64::consts::PI;

/// What the graph says, each number beside the exact one.
#[derive(Debug)]
pub(crate) struct Unrolled {
    pub(crate) neighbours_by: Method,
    pub(crate) eigenpairs_by: SpectralMethod,
    pub(crate) complete: bool,
    pub(crate) eigenvalues: Vec<(f64, f64)>,
    pub(crate) distances: Vec<(f64, f64)>,
}

pub(crate) fn unroll() -> Result<Unrolled, Error> {
    let roll = SwissRoll::sample(20_000, 1.5 * PI..4.5 * PI, 21.0, 1)?;
    // 1. Neighbours: a kd-tree in three dimensions, and it says so.
    let found = knn(roll.points.view(), 15, Metric::Euclidean)?;
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
    let exact = roll.eigenvalues(10);
    // 5. Distances along the graph against the truth.
    let rows = Geodesics::new().from(&graph, &[0])?;
    let distances = [100, 5000, 19_999]
        .into_iter()
        .map(|j| Ok((rows[(0, j)], roll.distance(0, j, 1.0)?)))
        .collect::<Result<_, Error>>()?;
    Ok(Unrolled {
        neighbours_by: found.method,
        eigenpairs_by: spectrum.method,
        complete: spectrum.complete,
        eigenvalues: spectrum.eigenvalues.into_iter().zip(exact).collect(),
        distances,
    })
}

fn main() -> Result<(), Error> {
    let found = unroll()?;
    println!(
        "neighbours by {:?}, eigenpairs by {:?}, complete: {}",
        found.neighbours_by, found.eigenpairs_by, found.complete
    );
    for (value, exact) in found.eigenvalues {
        println!("eigenvalue {value:9.5}   exact {exact:9.5}");
    }
    for (distance, exact) in found.distances {
        println!("distance   {distance:9.2}   exact {exact:9.2}");
    }
    Ok(())
}
