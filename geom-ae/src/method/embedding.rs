//! The embedding that GRAE follows where none is given.

use geom_graph::{DiffusionMap, DiffusionMapParameters};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{
    Error, Result, Scalar,
    scalar::{narrow, widen},
};

/// A diffusion map of the points, every coordinate with mean 0 and variance 1.
///
/// Duque et al. 2020 follow PHATE, which is built on the same operator; an embedding of PHATE can be given as it is.
///
/// # Shapes
/// `points` (n, D), result (n, `latent_dim`).
///
/// # Errors
/// [`Error::Graph`] where no map can be made: too few points, points that all coincide.
pub fn diffusion_embedding<E: Scalar>(
    points: ArrayView2<'_, E>,
    latent_dim: usize,
) -> Result<Array2<E>> {
    let parameters = DiffusionMapParameters {
        dimension: latent_dim,
        ..DiffusionMapParameters::default()
    };
    let map = DiffusionMap::fit(points, &parameters).map_err(|source| Error::Graph {
        term: "given_embedding",
        source: Box::new(source),
    })?;
    let mut codes = map.coordinates(0.0).mapv(widen);
    let count = codes.nrows() as f64;
    for mut column in codes.axis_iter_mut(Axis(1)) {
        let mean = column.sum() / count;
        column -= mean;
        let deviation = (column.dot(&column) / count).sqrt();
        if deviation > 0.0 {
            column /= deviation;
        }
    }
    Ok(codes.mapv(narrow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_standardised() {
        // Evenly spaced: the eigenfunctions are cosines and sines, whatever the kernel.
        let points = Array2::from_shape_fn((200, 2), |(i, k)| {
            let angle = std::f64::consts::TAU * i as f64 / 200.0;
            [angle.cos(), angle.sin()][k]
        });
        let codes = diffusion_embedding(points.view(), 2).unwrap();
        assert_eq!(codes.dim(), (200, 2));
        for column in codes.axis_iter(Axis(1)) {
            assert!(column.sum().abs() < 1e-10);
            assert!((column.dot(&column) / 200.0 - 1.0).abs() < 1e-10);
        }
        // Every point at the distance √2 from the middle.
        for code in codes.outer_iter() {
            assert!((code.dot(&code) - 2.0).abs() < 1e-6, "{code}");
        }
        assert!(diffusion_embedding(points.slice(ndarray::s![..1, ..]), 2).is_err());
    }
}
