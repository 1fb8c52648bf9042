//! The shortest way from points to geometry: the spectrum of the Laplace–Beltrami operator, no parameter chosen.
//!
//! cargo run --release -p geom-graph --example 01_circle
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::{Error, laplace_beltrami, manifolds};

fn main() -> Result<(), Error> {
    // 1,000 points of a circle. Nothing tells the crate that they lie on one.
    let points = manifolds::circle(1000, 7);
    let (spectrum, choice) = laplace_beltrami(points.view(), 7)?;
    println!(
        "bandwidth {:.5}: neighbour {:?}",
        choice.bandwidth, choice.neighbour
    );
    println!(
        "{:?}, {} steps, complete: {}",
        spectrum.method, spectrum.steps, spectrum.complete
    );
    // A circle hums at 0, 1, 1, 4, 4, 9, 9: every tone twice, sine and cosine.
    for (found, exact) in spectrum
        .eigenvalues
        .iter()
        .zip([0.0, 1.0, 1.0, 4.0, 4.0, 9.0, 9.0])
    {
        println!("{found:8.4}   exact {exact}");
    }
    Ok(())
}
