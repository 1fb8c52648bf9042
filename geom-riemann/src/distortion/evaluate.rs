use super::functional::Pooling;
use crate::spectra::weighted;
use crate::{
    AmbientMetric, Corrections, Distortion, Error, JacobianSpectra, Moments, RankPolicy, Result,
    Scalar, check,
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

/// A functional's value on a batch, its gradient, and what had to be corrected for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluation<T> {
    /// The number; its reduction is stated at each [`Distortion`].
    pub value: T,
    /// Its derivative, of the shape of the argument (Jacobians or metrics).
    pub gradient: Array3<T>,
    /// Floored singular values.
    pub corrections: Corrections,
    /// Sufficient statistics, to combine batches.
    pub moments: Moments,
    /// The largest condition number $\kappa(G)$ in the batch: beyond $1/\sqrt\varepsilon$ of the type, go through $J$.
    pub worst_condition: f64,
}

/// A functional under an ambient metric, with its gradients for Jacobians and outputs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AmbientEvaluation<T> {
    /// Value and gradient with respect to the Jacobians.
    pub jacobian: Evaluation<T>,
    /// Gradient with respect to the outputs through $H(x)$: zero for constant metrics, exact for Fisher–Rao metrics,
    /// `None` for [`AmbientMetric::field`], whose derivative is not known.
    pub output_gradient: Option<Array2<T>>,
}

/// Everything about the batch that the gradient needs: λ-slopes of the value per point.
struct Pooled {
    slopes: Vec<f64>,
    samples: Vec<f64>,
    corrections: Corrections,
    worst_condition: f64,
}

impl Distortion {
    /// Value and gradient with respect to the Jacobians.
    ///
    /// # Shapes
    /// `j`: (b, D, d), any strides; the gradient has the same shape and keeps contiguous columns contiguous.
    ///
    /// # Errors
    /// Empty or wide batches, NaN or infinity, too few points, lost rank under [`RankPolicy::Error`], a zero trace
    /// where the functional divides by it, a gradient outside the range of `T`.
    ///
    /// # Numerics
    /// Singular values come from a pivoted QR of $J$; the gradient is one product $J\cdot W_i$ a point, with $W_i$ symmetric d × d.
    ///
    /// # Examples
    /// ```
    /// use geom_riemann::{Distortion, RankPolicy};
    /// use ndarray::array;
    /// let j = array![[[2.0, 0.0], [0.0, 1.0]]];
    /// let isometry = Distortion::Isometry.evaluate(j.view(), &RankPolicy::Error)?;
    /// assert_eq!(isometry.value, 9.0);                  // (4 − 1)²
    /// assert_eq!(isometry.gradient[[0, 0, 0]], 24.0);   // 4 σ (σ² − 1)
    /// # Ok::<(), geom_riemann::Error>(())
    /// ```
    pub fn evaluate<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        policy: &RankPolicy<T>,
    ) -> Result<Evaluation<T>> {
        self.along(j, policy, None)
    }

    /// The same where this batch is one shard of a larger one whose merged moments are known: the value is that of
    /// the whole, the gradient is the whole's with respect to this shard.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; a shard of one point is fine.
    pub fn evaluate_within<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        policy: &RankPolicy<T>,
        whole: &Moments,
    ) -> Result<Evaluation<T>> {
        self.along(j, policy, Some(whole))
    }

    /// The sufficient statistics of a batch, to be merged with those of others.
    ///
    /// # Errors
    /// As [`Self::evaluate`], but a batch of one is fine.
    pub fn moments<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        policy: &RankPolicy<T>,
    ) -> Result<Moments> {
        let operation = "Distortion::moments";
        let spectra = JacobianSpectra::named(operation, j)?;
        Ok(Moments::of(self.pool(operation, &spectra, policy)?.samples))
    }

    fn along<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        policy: &RankPolicy<T>,
        whole: Option<&Moments>,
    ) -> Result<Evaluation<T>> {
        let operation = "Distortion::evaluate";
        let spectra = JacobianSpectra::named(operation, j)?;
        let (value, moments, pooled) = self.reduce(operation, &spectra, policy, whole)?;
        let gradient = through_jacobian(operation, j, &spectra, &pooled.slopes)?;
        Ok(Evaluation {
            value: T::narrow(value),
            gradient,
            corrections: pooled.corrections,
            moments,
            worst_condition: pooled.worst_condition,
        })
    }

    /// Value and gradients where the ambient space has a metric $H$, i.e. for $G=J^\top HJ$.
    ///
    /// # Shapes
    /// `j`: (b, D, d); `outputs`: (b, D), the points where $H$ is taken.
    ///
    /// # Errors
    /// As [`Self::evaluate`] and [`AmbientMetric::whiten`].
    ///
    /// # Examples
    /// ```
    /// use geom_riemann::{AmbientMetric, Distortion, RankPolicy};
    /// use ndarray::array;
    /// let h = AmbientMetric::diagonal(array![4.0, 1.0].view())?;
    /// let (x, j) = (array![[0.0, 0.0]], array![[[0.5, 0.0], [0.0, 1.0]]]);
    /// let loss = Distortion::Isometry.evaluate_under(j.view(), x.view(), &h, &RankPolicy::Error)?;
    /// assert_eq!(loss.jacobian.value, 0.0); // an isometry under H
    /// # Ok::<(), geom_riemann::Error>(())
    /// ```
    pub fn evaluate_under<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        outputs: ArrayView2<'_, T>,
        ambient: &AmbientMetric,
        policy: &RankPolicy<T>,
    ) -> Result<AmbientEvaluation<T>> {
        let operation = "Distortion::evaluate_under";
        check::jacobians(operation, j)?;
        let whitened = ambient.whiten(outputs, j)?;
        let spectra = JacobianSpectra::named(operation, whitened.view())?;
        let (value, moments, pooled) = self.reduce(operation, &spectra, policy, None)?;
        let gradient = through_jacobian(operation, whitened.view(), &spectra, &pooled.slopes)?;
        let gradient = ambient.unwhiten(outputs, gradient.view())?;
        let d = spectra.dimension();
        let mut output = Some(Array2::zeros(outputs.dim()));
        let mut matrix = vec![0.0; d * d];
        for (point, (x, j)) in outputs.outer_iter().zip(j.outer_iter()).enumerate() {
            spectra.sandwich(
                point,
                &pooled.slopes[point * d..(point + 1) * d],
                &mut matrix,
            );
            let x: Vec<f64> = x.iter().map(|x| x.wide()).collect();
            let through = ambient.output_gradient(&x, j.mapv(Scalar::wide).view(), &matrix);
            match (&mut output, through) {
                (Some(output), Some(through)) => {
                    output
                        .row_mut(point)
                        .iter_mut()
                        .zip(through)
                        .for_each(|(o, v)| *o = T::narrow(v));
                }
                _ => output = None,
            }
        }
        let jacobian = Evaluation {
            value: T::narrow(value),
            gradient,
            corrections: pooled.corrections,
            moments,
            worst_condition: pooled.worst_condition,
        };
        Ok(AmbientEvaluation {
            jacobian,
            output_gradient: output,
        })
    }

    /// Value and gradient with respect to given metrics $G$, for callers that never form $J$.
    ///
    /// The gradient is the symmetric matrix with $dL=\sum_{kl}(\partial L/\partial G)_{kl}\,dG_{kl}$.
    ///
    /// # Shapes
    /// `metrics`: (b, d, d), symmetric; the gradient has the same shape.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; also asymmetry and negative eigenvalues beyond rounding, with the point.
    ///
    /// # Numerics
    /// $G$ holds the squared condition: a ratio of eigenvalues below 4 d ε counts as lost rank. Watch
    /// [`Evaluation::worst_condition`].
    ///
    /// # Examples
    /// ```
    /// use geom_riemann::{Distortion, RankPolicy};
    /// use ndarray::array;
    /// let g = array![[[1.0, 0.0], [0.0, 4.0]], [[4.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [1.0, 3.0]]];
    /// let loss = Distortion::RelaxedDistortion.evaluate_metric(g.view(), &RankPolicy::Error)?;
    /// assert!((loss.value - 0.653_333_333_333_333_3_f64).abs() < 1e-15);
    /// # Ok::<(), geom_riemann::Error>(())
    /// ```
    pub fn evaluate_metric<T: Scalar>(
        &self,
        metrics: ArrayView3<'_, T>,
        policy: &RankPolicy<T>,
    ) -> Result<Evaluation<T>> {
        let operation = "Distortion::evaluate_metric";
        let spectra = JacobianSpectra::of_metrics(operation, metrics)?;
        let (value, moments, pooled) = self.reduce(operation, &spectra, policy, None)?;
        let (points, d) = (spectra.points(), spectra.dimension());
        let mut gradient = Array3::zeros((points, d, d));
        let mut matrix = vec![0.0; d * d];
        for (point, mut target) in gradient.outer_iter_mut().enumerate() {
            spectra.sandwich(
                point,
                &pooled.slopes[point * d..(point + 1) * d],
                &mut matrix,
            );
            for (entry, value) in target.iter_mut().zip(&matrix) {
                *entry = T::narrow(*value);
                if !entry.is_finite() {
                    return Err(Error::Range {
                        operation,
                        quantity: "gradient",
                        point,
                    });
                }
            }
        }
        Ok(Evaluation {
            value: T::narrow(value),
            gradient,
            corrections: pooled.corrections,
            moments,
            worst_condition: pooled.worst_condition,
        })
    }

    /// Pools the batch and turns the slopes of the samples into slopes of the value.
    fn reduce<T: Scalar>(
        &self,
        operation: &'static str,
        spectra: &JacobianSpectra,
        policy: &RankPolicy<T>,
        whole: Option<&Moments>,
    ) -> Result<(f64, Moments, Pooled)> {
        let d = spectra.dimension();
        let mut pooled = self.pool(operation, spectra, policy)?;
        let own = Moments::of(pooled.samples.iter().copied());
        let moments = whole.copied().unwrap_or(own);
        let value = self.value(&moments, d)?;
        let per_point = pooled.samples.len() / spectra.points();
        let width = d / per_point;
        for (slopes, sample) in pooled.slopes.chunks_exact_mut(width).zip(&pooled.samples) {
            let outer = self.sample_slope(&moments, d, *sample);
            for slope in slopes {
                *slope *= outer;
            }
        }
        Ok((value, own, pooled))
    }

    fn pool<T: Scalar>(
        &self,
        operation: &'static str,
        spectra: &JacobianSpectra,
        policy: &RankPolicy<T>,
    ) -> Result<Pooled> {
        self.check(operation)?;
        let floor = policy.check(operation)?;
        if self.needs_full_rank() && floor.is_none() {
            spectra.require_full_rank(operation)?;
        }
        let (points, d) = (spectra.points(), spectra.dimension());
        let all_eigenvalues = matches!(self.pooling(), Pooling::Spread | Pooling::RelativeSpread);
        let mut slopes = vec![1.0; points * d];
        let mut samples = Vec::with_capacity(if all_eigenvalues { points * d } else { points });
        let mut corrections = Corrections::default();
        let mut worst_condition = 1.0_f64;
        let mut sigma = vec![0.0; d];
        for (point, row) in spectra.singular_values().rows().into_iter().enumerate() {
            sigma.iter_mut().zip(row).for_each(|(s, r)| *s = *r);
            worst_condition = worst_condition.max((sigma[0] / sigma[d - 1]).powi(2));
            if all_eigenvalues {
                samples.extend(sigma.iter().map(|s| s * s));
                continue;
            }
            let kept = match floor.filter(|_| self.needs_full_rank()) {
                None => d,
                Some(relative) => raise(&mut sigma, relative, T::TINY),
            };
            corrections.count(point, d - kept);
            let slopes = &mut slopes[point * d..(point + 1) * d];
            samples.push(self.sample(&sigma, slopes).ok_or(Error::ZeroTrace {
                operation,
                point: Some(point),
            })?);
            slopes[kept..].fill(0.0);
        }
        if worst_condition.is_nan() {
            worst_condition = f64::INFINITY;
        }
        Ok(Pooled {
            slopes,
            samples,
            corrections,
            worst_condition,
        })
    }
}

/// ∂L/∂J = 2 J ∂L/∂G at every point, from the slopes ∂L/∂λ.
fn through_jacobian<T: Scalar>(
    operation: &'static str,
    j: ArrayView3<'_, T>,
    spectra: &JacobianSpectra,
    slopes: &[f64],
) -> Result<Array3<T>> {
    let d = spectra.dimension();
    weighted(operation, j, |point, out| {
        spectra.sandwich(point, &slopes[point * d..(point + 1) * d], out);
        for entry in out {
            *entry *= 2.0;
        }
        spectra.singular_values()[[point, 0]]
    })
}

/// Raises descending singular values to the floor; returns how many stand above it.
fn raise(sigma: &mut [f64], relative: f64, tiny: f64) -> usize {
    let floor = (relative * sigma[0]).max(tiny);
    let kept = sigma.iter().take_while(|s| **s >= floor).count();
    sigma[kept..].fill(floor);
    kept
}
