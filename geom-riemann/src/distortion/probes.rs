use crate::kernel::{dot, load_columns};
use crate::spectra::weighted;
use crate::{Error, Result, Scalar, check};
use ndarray::{Array3, ArrayView3, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Distortions estimated with random directions instead of the whole spectrum, as the papers' code does.
///
/// With $q=v^\top Gv=\lVert Jv\rVert^2$ and $w=\lVert Gv\rVert^2$ for probes $v\sim N(0,I)$; means are over all points and probes.
/// Prefer the exact functionals where J is known: they cost no more for small d and have no sampling noise.
///
/// # Examples
/// ```
/// use geom_riemann::{ProbedDistortion, gaussian_probes};
/// use ndarray::Array3;
/// let j = Array3::from_shape_fn((500, 3, 2), |(_, r, k)| if r == k { 2.0 } else { 0.0 });
/// let probes = gaussian_probes::<f64>(500, 4, 2, 1);
/// let loss = ProbedDistortion::RelaxedDistortion.evaluate(j.view(), probes.view())?;
/// assert!((loss.value - 0.5).abs() < 0.03); // 1/d for an isometry up to scale
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProbedDistortion {
    /// $\mathbb E w/(\mathbb E q)^2$ (IRVAE, Lee et al. 2022).
    RelaxedDistortion,
    /// $\mathbb E(q-\lVert v\rVert^2c^2)^2$ with $c^2=\mathbb E q/d$ (SMF, Lee et al. 2022), differentiated through $c$.
    FlatMetric,
}

/// Means over points and probes that determine a probed functional; those of shards merge exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeMoments {
    /// Number of probes in all.
    pub count: usize,
    /// Mean of q = vᵀGv.
    pub stretch: f64,
    /// Mean of ‖Gv‖².
    pub square: f64,
    /// Mean of q².
    pub stretch_square: f64,
    /// Mean of q‖v‖².
    pub cross: f64,
    /// Mean of ‖v‖⁴.
    pub probe_square: f64,
}

impl ProbeMoments {
    /// The moments of both batches together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let total = (self.count + other.count).max(1) as f64;
        let mix = |a: f64, b: f64| (a * self.count as f64 + b * other.count as f64) / total;
        Self {
            count: self.count + other.count,
            stretch: mix(self.stretch, other.stretch),
            square: mix(self.square, other.square),
            stretch_square: mix(self.stretch_square, other.stretch_square),
            cross: mix(self.cross, other.cross),
            probe_square: mix(self.probe_square, other.probe_square),
        }
    }
}

/// Value, gradient and moments of a probed functional.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeEvaluation<T> {
    /// The estimate.
    pub value: T,
    /// Its derivative with respect to the Jacobians, for these probes.
    pub gradient: Array3<T>,
    /// Sufficient means of this batch.
    pub moments: ProbeMoments,
}

/// Standard normal probes of shape (b, p, d) from a seed.
pub fn gaussian_probes<T: Scalar>(
    points: usize,
    probes: usize,
    dimension: usize,
    seed: u64,
) -> Array3<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array3::from_shape_simple_fn((points, probes, dimension), || {
        let draw: f64 = StandardNormal.sample(&mut rng);
        T::narrow(draw)
    })
}

impl ProbedDistortion {
    /// Value and gradient with given probes.
    ///
    /// # Shapes
    /// `j`: (b, D, d); `probes`: (b, p, d), p directions for each point.
    ///
    /// # Errors
    /// Shapes, NaN or infinity, no probes, a mean stretch of zero.
    pub fn evaluate<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        probes: ArrayView3<'_, T>,
    ) -> Result<ProbeEvaluation<T>> {
        let probed = Probed::of(j, probes)?;
        self.finish(j, &probed, &probed.moments)
    }

    /// The same where this batch is a shard and the merged moments of the whole are known.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_within<T: Scalar>(
        &self,
        j: ArrayView3<'_, T>,
        probes: ArrayView3<'_, T>,
        whole: &ProbeMoments,
    ) -> Result<ProbeEvaluation<T>> {
        self.finish(j, &Probed::of(j, probes)?, whole)
    }

    fn finish<T: Scalar>(
        self,
        j: ArrayView3<'_, T>,
        probed: &Probed,
        whole: &ProbeMoments,
    ) -> Result<ProbeEvaluation<T>> {
        let operation = "ProbedDistortion::evaluate";
        let (n, d) = (whole.count as f64, j.dim().2);
        let (m, c) = (whole.stretch, whole.stretch / d as f64);
        let value = match self {
            Self::RelaxedDistortion if m <= 0.0 => {
                return Err(Error::ZeroTrace {
                    operation,
                    point: None,
                });
            }
            Self::RelaxedDistortion => whole.square / m / m,
            Self::FlatMetric => {
                whole.stretch_square - 2.0 * c * whole.cross + c * c * whole.probe_square
            }
        };
        // Slopes of the value with respect to one q and one w.
        let slopes = |q: f64, norm: f64| match self {
            Self::RelaxedDistortion => (-2.0 * value / (n * m), 1.0 / (n * m * m)),
            Self::FlatMetric => {
                let through_c = 2.0 * (c * whole.probe_square - whole.cross) / d as f64;
                ((2.0 * (q - norm * c) + through_c) / n, 0.0)
            }
        };
        let gradient = weighted(operation, j, |point, out| {
            out.fill(0.0);
            for probe in &probed.probes[point * probed.each..(point + 1) * probed.each] {
                let (along, across) = slopes(probe.q, dot(&probe.v, &probe.v));
                for row in 0..d {
                    for column in 0..d {
                        // ∂q/∂G = vvᵀ and ∂w/∂G = Gv vᵀ + v (Gv)ᵀ; twice that multiplies J.
                        let mixed =
                            probe.gv[row] * probe.v[column] + probe.v[row] * probe.gv[column];
                        out[row * d + column] +=
                            2.0 * (along * probe.v[row] * probe.v[column] + across * mixed);
                    }
                }
            }
            f64::INFINITY // no bound is known: look at every entry
        })?;
        Ok(ProbeEvaluation {
            value: T::narrow(value),
            gradient,
            moments: probed.moments,
        })
    }
}

struct Probe {
    v: Vec<f64>,
    gv: Vec<f64>,
    q: f64,
}

struct Probed {
    each: usize,
    probes: Vec<Probe>,
    moments: ProbeMoments,
}

impl Probed {
    fn of<T: Scalar>(j: ArrayView3<'_, T>, probes: ArrayView3<'_, T>) -> Result<Self> {
        let operation = "ProbedDistortion::evaluate";
        let (points, ambient, d) = check::jacobians(operation, j)?;
        let each = probes.dim().1;
        check::shape(
            operation,
            "probes",
            probes.shape(),
            &[points, each.max(1), d],
        )?;
        let mut columns = vec![0.0; ambient * d];
        let mut list = Vec::with_capacity(points * each);
        for point in 0..points {
            load_columns(j.index_axis_move(Axis(0), point), &mut columns);
            for v in probes.index_axis(Axis(0), point).outer_iter() {
                let v: Vec<f64> = v.iter().map(|x| x.wide()).collect();
                let mut image = vec![0.0; ambient];
                for (column, v) in columns.chunks_exact(ambient).zip(&v) {
                    image.iter_mut().zip(column).for_each(|(i, c)| *i += c * v);
                }
                let gv: Vec<f64> = columns
                    .chunks_exact(ambient)
                    .map(|column| dot(column, &image))
                    .collect();
                let q = dot(&image, &image);
                if !(q.is_finite() && gv.iter().all(|x| x.is_finite())) {
                    let argument = if v.iter().all(|x| x.is_finite()) {
                        "jacobians"
                    } else {
                        "probes"
                    };
                    return Err(Error::NotFinite {
                        operation,
                        argument,
                        point,
                    });
                }
                list.push(Probe { v, gv, q });
            }
        }
        let n = list.len() as f64;
        let mean = |term: &dyn Fn(&Probe) -> f64| list.iter().map(term).sum::<f64>() / n;
        let norm = |p: &Probe| dot(&p.v, &p.v);
        let moments = ProbeMoments {
            count: list.len(),
            stretch: mean(&|p| p.q),
            square: mean(&|p| dot(&p.gv, &p.gv)),
            stretch_square: mean(&|p| p.q * p.q),
            cross: mean(&|p| p.q * norm(p)),
            probe_square: mean(&|p| norm(p).powi(2)),
        };
        Ok(Self {
            each,
            probes: list,
            moments,
        })
    }
}
