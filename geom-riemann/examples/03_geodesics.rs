//! 3. Shortest paths: on a sphere, in the hyperbolic disc, and what a straight line in latent space costs.
//!
//! Run with `cargo run --release -p geom-riemann --example 03_geodesics`.
#![allow(clippy::print_stdout)] // an example prints its numbers

use geom_riemann::charts::{Sphere, SwissRoll};
use geom_riemann::{
    FlowOptions, GeodesicOptions, LogarithmOptions, MetricField, PoincareDisc, Pullback, Result,
    connect, distance, exponential, parallel_transport,
};
use ndarray::Array2;

/// What the example prints.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// A quarter of a meridian: π/2.
    pub(crate) quarter: f64,
    /// Distance of (0, 0) and (1/2, 0) in the disc: ln 3.
    pub(crate) hyperbolic: f64,
    /// Length of the straight latent line between two points of the Swiss roll, over the geodesic's.
    pub(crate) detour: f64,
    /// exp undoes log: the miss.
    pub(crate) miss: f64,
    /// Angle by which a vector turns around an octant of the sphere: its area, π/2.
    pub(crate) holonomy: f64,
}

/// Distances, a detour and a holonomy.
pub(crate) fn numbers() -> Result<Numbers> {
    let options = LogarithmOptions::default();
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    let (a, b) = ([0.5, 1.0], [0.5 + std::f64::consts::FRAC_PI_2, 1.0]);
    let quarter = distance(&sphere, &a, &b, &options)?.value;
    let hyperbolic = distance(&PoincareDisc, &[0.0, 0.0], &[0.5, 0.0], &options)?.value;

    let roll = Pullback::of(SwissRoll);
    let (a, b) = ([2.0, 0.0], [12.0, 40.0]);
    let line = Array2::from_shape_fn((2000, 2), |(i, k)| a[k] + (b[k] - a[k]) * i as f64 / 1999.0);
    let straight = roll.segments(line.view())?.length();
    let shortest = connect(
        &roll,
        &a,
        &b,
        &GeodesicOptions {
            nodes: 2000,
            ..Default::default()
        },
    )?
    .length;

    let log = geom_riemann::logarithm(&PoincareDisc, &[0.1, 0.2], &[-0.5, 0.3], &options)?;
    let shot = exponential(
        &PoincareDisc,
        &[0.1, 0.2],
        &log.velocity,
        &FlowOptions::default(),
    )?;
    let miss = (shot.point[0] + 0.5_f64).hypot(shot.point[1] - 0.3);

    Ok(Numbers {
        quarter,
        hyperbolic,
        detour: straight / shortest,
        miss,
        holonomy: holonomy(&sphere)?,
    })
}

/// Carries a vector around a triangle of three right angles, in a chart turned so that no pole is met.
fn holonomy(sphere: &impl MetricField) -> Result<f64> {
    let options = FlowOptions::default();
    let third = (1.0_f64 / 3.0).sqrt().acos();
    // Three points at right angles to each other, all at the same height.
    let corners = [0.0, 1.0, 2.0].map(|k| [third, k * std::f64::consts::TAU / 3.0]);
    let start = vec![1.0, 0.0];
    let mut carried = start.clone();
    for leg in 0..3 {
        let (from, mut to) = (corners[leg], corners[(leg + 1) % 3]);
        if leg == 2 {
            to[1] += std::f64::consts::TAU;
        }
        let log = geom_riemann::logarithm(sphere, &from, &to, &LogarithmOptions::default())?;
        carried = parallel_transport(sphere, &from, &log.velocity, &carried, &options)?;
    }
    geom_riemann::MetricTensor::of_matrix(&sphere.metric(&corners[0])?)?.angle(&start, &carried)
}

fn main() -> Result<()> {
    let n = numbers()?;
    println!("quarter of a meridian      {:.10}   (pi/2)", n.quarter);
    println!("hyperbolic distance        {:.10}   (ln 3)", n.hyperbolic);
    println!("straight line / geodesic   {:.6}", n.detour);
    println!("exp after log misses by    {:.1e}", n.miss);
    println!("holonomy of an octant      {:.10}   (pi/2)", n.holonomy);
    Ok(())
}
