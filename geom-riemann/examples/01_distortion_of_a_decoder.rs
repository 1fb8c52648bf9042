//! 1. What a decoder does to the plane: metric, distortion, and where it tears or shrinks.
//!
//! Run with `cargo run --release -p geom-riemann --example 01_distortion_of_a_decoder`.
#![allow(clippy::print_stdout)] // an example prints its numbers

use geom_riemann::charts::StereographicSphere;
use geom_riemann::diagnostics::{Indicatrices, LogDetField};
use geom_riemann::{
    Distortion, Immersion, RankPolicy, Result, condition_numbers, log_det_metric,
    scaled_isometry_defect, variation_of_metric,
};
use ndarray::Array2;

/// Largest condition number, variance of log det, isometry defect, variation of the metric, largest glyph radius.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// κ(G), 1 for a conformal map.
    pub(crate) condition: f64,
    /// Var ln det G.
    pub(crate) volume: f64,
    /// Relative variance of the eigenvalues.
    pub(crate) defect: f64,
    /// VoR.
    pub(crate) variation: f64,
    /// ln det G at the centre of the plane.
    pub(crate) centre: f64,
    /// Decades of det G between the extremes of the colour scale.
    pub(crate) limit: f64,
    /// Semi-axis of the largest indicatrix.
    pub(crate) glyph: f64,
}

/// The "decoder" is the inverse stereographic projection: conformal, but far from preserving areas.
pub(crate) fn numbers() -> Result<Numbers> {
    let decoder = StereographicSphere { radius: 1.0 };
    let z = Array2::from_shape_fn((25, 2), |(i, k)| {
        0.5 * (if k == 0 { i % 5 } else { i / 5 }) as f64 - 1.0
    });
    let j = decoder.jacobian(z.view())?;
    let condition = condition_numbers(j.view())?.fold(0.0_f64, |m, c| m.max(*c));
    let loss = Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Error)?;
    let field = LogDetField::of(j.view(), 0.95)?;
    let figure = Indicatrices::at(z.view(), j.view(), 0.5)?;
    Ok(Numbers {
        condition,
        volume: loss.value,
        defect: scaled_isometry_defect(j.view())?,
        variation: variation_of_metric(j.view())?,
        centre: log_det_metric(j.view())?[12],
        limit: field.limit,
        glyph: figure
            .glyphs
            .iter()
            .fold(0.0_f64, |m, g| m.max(g.semi_axes[0])),
    })
}

fn main() -> Result<()> {
    let n = numbers()?;
    println!(
        "largest condition number   {:.12}   (conformal: 1)",
        n.condition
    );
    println!("ln det G at the centre     {:.12}   (ln 16)", n.centre);
    println!("Var ln det G               {:.12}", n.volume);
    println!("isometry defect            {:.12}", n.defect);
    println!("variation of the metric    {:.12}", n.variation);
    println!("colour limit, decades      {:.12}", n.limit);
    println!("largest glyph              {:.12}", n.glyph);
    Ok(())
}
