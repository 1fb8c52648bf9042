//! The shortest way from points to geometry: the spectrum of the Laplace–Beltrami operator, no parameter chosen.
//!
//! cargo run --release -p geom-graph --example 01_circle
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::{BandwidthChoice, Error, Spectrum, laplace_beltrami, manifolds};

/// A circle hums at these: every tone twice, sine and cosine.
pub(crate) const EXACT: [f64; 7] = [0.0, 1.0, 1.0, 4.0, 4.0, 9.0, 9.0];

/// Listens to 1,000 points of a circle. Nothing tells the crate that they lie on one.
pub(crate) fn hum() -> Result<(Spectrum, BandwidthChoice), Error> {
    let points = manifolds::circle(1000, 7);
    laplace_beltrami(points.view(), EXACT.len())
}

fn main() -> Result<(), Error> {
    let (spectrum, choice) = hum()?;
    println!(
        "bandwidth {:.5}: neighbour {:?}",
        choice.bandwidth, choice.neighbour
    );
    println!(
        "{:?}, {} steps, complete: {}",
        spectrum.method, spectrum.steps, spectrum.complete
    );
    for (found, exact) in spectrum.eigenvalues.iter().zip(EXACT) {
        println!("{found:8.4}   exact {exact}");
    }
    Ok(())
}
