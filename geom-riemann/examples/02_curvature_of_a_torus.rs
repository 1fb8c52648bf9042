//! 2. A surface written as a formula: exact curvature, and its integral.
//!
//! Run with `cargo run --release -p geom-riemann --example 02_curvature_of_a_torus`.
#![allow(clippy::print_stdout)] // an example prints its numbers

use geom_riemann::{
    Curvature, DualNum, Formula, Pullback, Result, SecondFundamentalForm, christoffel,
};

/// The torus of revolution with radii 2 and 1: the formula is all that has to be written.
struct Torus;

impl Formula for Torus {
    fn dimension(&self) -> usize {
        2
    }
    fn ambient_dimension(&self) -> usize {
        3
    }
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        let distance = z[1].cos() + 2.0;
        x[0] = distance * z[0].cos();
        x[1] = distance * z[0].sin();
        x[2] = z[1].sin();
    }
}

/// What the example prints.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// K on the outer equator, 1/3.
    pub(crate) outer: f64,
    /// K on the inner equator, −1.
    pub(crate) inner: f64,
    /// ∫ K dA over the torus: 2π times the Euler characteristic 0.
    pub(crate) total: f64,
    /// Area, 8π².
    pub(crate) area: f64,
    /// Mean curvature on the outer equator, 2/3.
    pub(crate) mean: f64,
    /// Γ⁰₀₁ at v = π/2: −sin v/(2 + cos v) = −1/2.
    pub(crate) symbol: f64,
}

/// Everything from first and second derivatives that dual numbers give exactly.
pub(crate) fn numbers() -> Result<Numbers> {
    let pi = std::f64::consts::PI;
    let curvature = |v: f64| Curvature::by_gauss_equation(&Torus, &[0.0, v]);
    let (mut total, mut area) = (0.0, 0.0);
    let n = 64;
    for i in 0..n {
        // Periodic in both angles: the trapezoidal rule converges exponentially.
        let at = curvature(2.0 * pi * f64::from(i) / f64::from(n))?;
        let cell = at.metric().volume() * 2.0 * pi * (2.0 * pi / f64::from(n));
        total += at.gaussian()? * cell;
        area += cell;
    }
    Ok(Numbers {
        outer: curvature(0.0)?.gaussian()?,
        inner: curvature(pi)?.gaussian()?,
        total,
        area,
        mean: SecondFundamentalForm::of(&Torus, &[0.0, 0.0])?.mean_curvature(),
        symbol: christoffel(&Pullback::of(Torus), &[0.0, pi / 2.0])?[[0, 0, 1]],
    })
}

fn main() -> Result<()> {
    let n = numbers()?;
    println!("K on the outer equator   {:.12}   (1/3)", n.outer);
    println!("K on the inner equator   {:.12}   (-1)", n.inner);
    println!("integral of K            {:.1e}   (0)", n.total);
    println!("area                     {:.12}   (8 pi^2)", n.area);
    println!("mean curvature outside   {:.12}   (2/3)", n.mean);
    println!("Christoffel symbol       {:.12}   (-1/2)", n.symbol);
    Ok(())
}
