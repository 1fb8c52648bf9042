//! Isometric autoencoders: a decoder that keeps lengths, and an encoder that is its pseudo-inverse.

use geom_nn::{Request, Seeds};
use geom_riemann::{Corrections, gaussian_probes};
use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::{Needs, Step, Term, TermValue, own_codes::are_finite};
use crate::{
    Result, Scalar,
    scalar::{narrow, widen},
};

/// How far the decoder is from an isometry between the codes,
/// $$ L = \frac1b \sum_i \big(\lVert J_g(z_i) u_i\rVert - 1\big)^2, \qquad z_i \sim N(m, s^2 I), \quad u_i \sim U(S^{d-1}), $$
/// with m and s² mean and variance (over all coordinates) of the batch's codes. The gradient reaches the encoder through m and s.
///
/// Source: Gropp, Atzmon and Lipman 2020, section 2 (I-AE, $L_\text{iso}$).
///
/// # Units
/// Mean over the batch, one direction a point. Not scale free: lengths of the latent space are those of the data.
///
/// # Numerics
/// A direction that the decoder forgets, $J_g u = 0$, has no derivative: it counts as zero and is reported.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecoderIsometry;

/// How far the encoder is from a pseudo-inverse of an isometric decoder, whose derivative is the transpose of the decoder's,
/// $$ L = \frac1b \sum_i \big(\lVert J_f(x_i)^\top u_i\rVert - 1\big)^2, \qquad u_i \sim U(S^{d-1}). $$
///
/// Source: Gropp, Atzmon and Lipman 2020, section 2 (I-AE, $L_\text{piso}$). A stochastic encoder is judged by its mean.
///
/// # Units
/// Mean over the batch, one direction a point.
///
/// # Numerics
/// The encoder's Jacobian costs d sweeps back, or D tangents where 2d ≥ D. As [`DecoderIsometry`] else.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncoderPseudoInverse;

/// Places of the terms' draws.
const DIRECTIONS: u64 = 0;
const POINTS: u64 = 1;

/// Unit vectors, (b, d), the same in distribution whatever the rotation.
fn directions<E: Scalar>(points: usize, dim: usize, seed: u64) -> Array2<E> {
    let mut all = gaussian_probes::<E>(points, 1, dim, seed).index_axis_move(Axis(1), 0);
    for mut row in all.outer_iter_mut() {
        let norm = row.iter().map(|&e| widen(e).powi(2)).sum::<f64>().sqrt();
        // A zero vector is drawn with probability zero; any direction will do.
        if norm > 0.0 {
            row.mapv_inplace(|e| narrow(widen(e) / norm));
        } else {
            row[0] = E::one();
        }
    }
    all
}

/// $\operatorname{mean}_i (\lVert t_i\rVert - 1)^2$, its gradient for the rows t, and the rows without one.
fn unit_length<E: Scalar>(rows: ArrayView2<'_, E>) -> (f64, Array2<E>, Corrections) {
    let points = rows.nrows() as f64;
    let (mut sum, mut lost) = (0.0, Corrections::default());
    let mut gradient = rows.to_owned();
    for (i, mut row) in gradient.outer_iter_mut().enumerate() {
        let norm = row.iter().map(|&t| widen(t).powi(2)).sum::<f64>().sqrt();
        sum += (norm - 1.0).powi(2);
        let factor = if norm > 0.0 {
            2.0 * (norm - 1.0) / (norm * points)
        } else {
            lost.points += 1;
            lost.floored += 1;
            lost.first.get_or_insert(i);
            0.0
        };
        row.mapv_inplace(|t| narrow(factor * widen(t)));
    }
    (sum / points, gradient, lost)
}

/// Mean m (d), standard deviation s over all coordinates, and the derivative of s: (c − m)/(b d s), (b, d).
fn isotropic_fit<E: Scalar>(codes: ArrayView2<'_, E>) -> (Vec<f64>, f64, Array2<f64>) {
    let (points, dim) = codes.dim();
    let wide = codes.mapv(widen);
    let mean = wide.sum_axis(Axis(0)) / points as f64;
    let centred = wide - &mean;
    let count = (points * dim) as f64;
    let spread = (centred.iter().map(|c| c * c).sum::<f64>() / count).sqrt();
    let slope = if spread > 0.0 {
        centred / (count * spread)
    } else {
        centred
    };
    (mean.to_vec(), spread, slope)
}

impl<E: Scalar> Term<E> for DecoderIsometry {
    fn name(&self) -> &'static str {
        "decoder_unit_lengths"
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let (points, dim) = codes.dim();
        let along = directions::<E>(points, dim, step.seed(DIRECTIONS));
        let unit = gaussian_probes::<E>(points, 1, dim, step.seed(POINTS))
            .index_axis_move(Axis(1), 0)
            .mapv(widen);
        let (mean, spread, slope) = isotropic_fit(codes);
        let drawn = Array2::from_shape_fn((points, dim), |(i, k)| {
            narrow::<E>(mean[k] + spread * unit[(i, k)])
        });
        let along = along.insert_axis(Axis(1));
        let pass = step.decode(drawn.view(), Request::Directions(along.view()))?;
        let tangents = pass
            .tangents()
            .expect("directions were asked for")
            .index_axis_move(Axis(1), 0);
        let (value, gradient, corrections) = unit_length(tangents);
        let gradient = gradient.insert_axis(Axis(1));
        let seeds = Seeds {
            tangents: Some(gradient.view()),
            ..Seeds::default()
        };
        let by_point = step.backward(&pass, seeds)?.input.mapv(widen);
        let by_mean = by_point.sum_axis(Axis(0)) / points as f64;
        let by_spread: f64 = by_point.iter().zip(&unit).map(|(g, e)| g * e).sum();
        step.seed_latent(Array2::from_shape_fn((points, dim), |(i, k)| {
            narrow(by_mean[k] + by_spread * slope[(i, k)])
        }));
        Ok(TermValue { value, corrections })
    }
}

impl<E: Scalar> Term<E> for EncoderPseudoInverse {
    fn name(&self) -> &'static str {
        "encoder_unit_lengths"
    }

    fn needs(&self) -> Needs {
        Needs::ENCODER_JACOBIAN
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let jacobian = step
            .encoder_jacobian()
            .expect("the objective requests the Jacobian that this term needs");
        let (points, dim, inputs) = jacobian.dim();
        let along = directions::<E>(points, dim, step.seed(DIRECTIONS));
        let mut pulled = Array2::<E>::zeros((points, inputs));
        for ((mut row, jacobian), u) in pulled
            .outer_iter_mut()
            .zip(jacobian.outer_iter())
            .zip(along.outer_iter())
        {
            row.assign(&u.dot(&jacobian));
        }
        let (value, by_row, corrections) = unit_length(pulled.view());
        let gradient = Array3::from_shape_fn((points, dim, inputs), |(i, k, j)| {
            along[(i, k)] * by_row[(i, j)]
        });
        step.seed_encoder_jacobian(gradient);
        Ok(TermValue { value, corrections })
    }
}
