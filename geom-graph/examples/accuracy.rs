//! The accuracy of the Laplace–Beltrami spectrum with no parameter, and on a sparse graph: medians over five seeds of the largest
//! relative error among the first nine eigenvalues.
//!
//! cargo run --release -p geom-graph --example accuracy [-- N...]
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::{
    DistanceGraph, Error, LaplacianParameters, Metric, Reading, SpectrumParameters, Symmetrisation,
    knn, laplace_beltrami, manifolds,
};
use ndarray::{Array1, Array2};

pub(crate) const CIRCLE: [f64; 9] = [0.0, 1.0, 1.0, 4.0, 4.0, 9.0, 9.0, 16.0, 16.0];
pub(crate) const SPHERE: [f64; 9] = [0.0, 2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0];

fn worst(found: &Array1<f64>, exact: &[f64]) -> f64 {
    let pairs = found.iter().zip(exact).skip(1);
    pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max)
}

fn median(mut errors: Vec<f64>) -> f64 {
    errors.sort_by(f64::total_cmp);
    errors[errors.len() / 2]
}

/// The spectrum with no parameter.
pub(crate) fn automatic(
    sample: fn(usize, u64) -> Array2<f64>,
    n: usize,
    exact: &[f64],
) -> Result<f64, Error> {
    let errors = (0..5).map(|seed| {
        let (spectrum, _) = laplace_beltrami(sample(n, seed).view(), exact.len())?;
        Ok(worst(&spectrum.eigenvalues, exact))
    });
    Ok(median(errors.collect::<Result<_, Error>>()?))
}

/// About 75 neighbours a row, no self-loops, the time from the moments; `share` of the mean squared distance to the last neighbour.
pub(crate) fn sparse(n: usize, share: f64) -> Result<f64, Error> {
    let errors = (0..5).map(|seed| {
        let found = knn(manifolds::sphere(n, seed).view(), 66, Metric::Euclidean)?;
        let last = found.distances.column(65).mapv(|d| d * d);
        let bandwidth = share * last.sum() / last.len() as f64;
        let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
        let laplacian = LaplacianParameters::sparse(2.0).build(&graph, bandwidth)?;
        let solver = SpectrumParameters::new(9).reading(Reading::Logarithm);
        Ok(worst(&solver.solve(&laplacian)?.eigenvalues, &SPHERE))
    });
    Ok(median(errors.collect::<Result<_, Error>>()?))
}

fn main() -> Result<(), Error> {
    let asked: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    let sizes = if asked.is_empty() {
        vec![1000, 4000, 16_000]
    } else {
        asked
    };
    println!("     N   circle   sphere   sphere, sparse: d²/4   d²/2     d²");
    for n in sizes {
        let circle = automatic(manifolds::circle, n, &CIRCLE)?;
        let sphere = automatic(manifolds::sphere, n, &SPHERE)?;
        let shares = [0.25, 0.5, 1.0].map(|share| sparse(n, share));
        let [quarter, half, one] = shares;
        println!(
            "{n:>6}   {circle:.4}   {sphere:.4}                  {:.4} {:.4} {:.4}",
            quarter?, half?, one?
        );
    }
    Ok(())
}
