//! How flat a latent space is, in old and in new coordinates.

use geom_nn::NetworkDevice;
use geom_riemann::{
    Distortion, JacobianSpectra, RankPolicy, mean_condition_number, variation_of_metric,
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use serde::Serialize;

use super::{Flattening, refuse};
use crate::{Autoencoder, Result, Scalar, scalar::widen};

/// Jacobians held at a time.
const CHUNK: usize = 512;

/// How far the decoder is from an isometry up to one scale, in some coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Flatness {
    /// The functional that was made least.
    pub distortion: f64,
    /// Mean condition number of the metric, at least 1.
    pub mean_condition_number: f64,
    /// Variation of the metric over the codes, at least 0.
    pub variation_of_metric: f64,
}

/// Codes with the decoder's metric there, without those where it has lost rank.
pub(super) struct Codes {
    pub(super) z: Array2<f64>,
    /// The d × d matrix $\operatorname{diag}(\sigma) V^\top$ of every Jacobian, (n, d, d).
    pub(super) roots: Array3<f64>,
    /// Rows that were left out.
    pub(super) left_out: Vec<usize>,
}

impl Codes {
    /// Singular values below `epsilon` times the largest cannot be told from zero.
    pub(super) fn new(z: ArrayView2<'_, f64>, roots: Array3<f64>, epsilon: f64) -> Self {
        // The rows of a root are orthogonal and as long as its singular values.
        let has_rank = |root: ArrayView2<'_, f64>| {
            let norms = root.outer_iter().map(|row| row.dot(&row).sqrt());
            let (least, most) = norms.fold((f64::INFINITY, 0.0_f64), |(least, most), norm| {
                (least.min(norm), most.max(norm))
            });
            least > most * epsilon
        };
        let (kept, left_out): (Vec<usize>, Vec<usize>) =
            (0..z.nrows()).partition(|&row| has_rank(roots.index_axis(Axis(0), row)));
        if left_out.is_empty() {
            return Self {
                z: z.to_owned(),
                roots,
                left_out,
            };
        }
        Self {
            z: z.select(Axis(0), &kept),
            roots: roots.select(Axis(0), &kept),
            left_out,
        }
    }

    pub(super) fn of_model<E: Scalar, D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        z: ArrayView2<'_, E>,
    ) -> Result<Self> {
        let d = model.latent_dim();
        let mut roots = Array3::zeros((z.nrows(), d, d));
        for start in (0..z.nrows()).step_by(CHUNK) {
            let end = (start + CHUNK).min(z.nrows());
            let (_, jacobian) = model.decode_with_jacobian(z.slice(s![start..end, ..]))?;
            roots
                .slice_mut(s![start..end, .., ..])
                .assign(&root(jacobian.mapv(widen).view())?);
        }
        Ok(Self::new(z.mapv(widen).view(), roots, widen(E::epsilon())))
    }
}

impl Flattening {
    /// The decoder before and after at the codes of other points, test points say, and the rows at which it has lost rank, which are
    /// left out.
    ///
    /// # Errors
    /// Data of the wrong width; [`Error::Geometry`](crate::Error::Geometry) where too few codes are of full rank.
    pub fn judge<E: Scalar, D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        x: ArrayView2<'_, E>,
        distortion: &Distortion,
    ) -> Result<(Flatness, Flatness, Vec<usize>)> {
        let codes = Codes::of_model(model, model.encode(x)?.view())?;
        let (z, roots) = (codes.z.view(), codes.roots.view());
        let before = flatness(distortion, roots)?;
        let after = flatness(distortion, self.pushed(z, roots)?.view())?;
        Ok((before, after, codes.left_out))
    }
}

pub(super) fn flatness(
    distortion: &Distortion,
    jacobians: ArrayView3<'_, f64>,
) -> Result<Flatness> {
    Ok(Flatness {
        distortion: distortion
            .evaluate(jacobians, &RankPolicy::Error)
            .map_err(refuse)?
            .value,
        mean_condition_number: mean_condition_number(jacobians).map_err(refuse)?,
        variation_of_metric: variation_of_metric(jacobians).map_err(refuse)?,
    })
}

/// The d × d matrix $\operatorname{diag}(\sigma) V^\top$ of every Jacobian, which has the same metric and singular values.
pub(super) fn root(jacobians: ArrayView3<'_, f64>) -> Result<Array3<f64>> {
    let spectra = JacobianSpectra::of(jacobians).map_err(refuse)?;
    let mut roots = spectra.right_vectors().to_owned();
    for (mut root, sigma) in roots.outer_iter_mut().zip(spectra.singular_values().rows()) {
        for (mut row, &s) in root.rows_mut().into_iter().zip(sigma) {
            row *= s;
        }
    }
    Ok(roots)
}
