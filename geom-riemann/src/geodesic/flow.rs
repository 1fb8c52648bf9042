use crate::curvature::christoffel_flat;
use crate::scalar::{narrow, narrow_path, widen};
use crate::{Error, MetricField, Result, Scalar, check};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// How the geodesic equation is integrated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowOptions {
    /// Error allowed per step, relative to the length of the velocity vector's largest coordinate; never asked to be below
    /// 8 roundings of the metric ([`MetricField::rounding`]).
    pub tolerance: f64,
    /// Steps before giving up.
    pub max_steps: usize,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            tolerance: 1e-12,
            max_steps: 100_000,
        }
    }
}

impl FlowOptions {
    fn check(&self, operation: &'static str) -> Result<()> {
        if self.tolerance > 0.0 && self.tolerance < 1.0 {
            return Ok(());
        }
        let (argument, expected) = ("tolerance", "in (0, 1)");
        Err(Error::Parameter {
            operation,
            argument,
            value: self.tolerance,
            expected,
        })
    }
}

/// Where a geodesic arrives after unit time, in the caller's type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shot<T = f64> {
    /// $\exp_z(v)$.
    pub point: Vec<T>,
    /// The velocity there, of the same length as v.
    pub velocity: Vec<T>,
    /// Steps taken.
    pub steps: usize,
}

/// The exponential map: where the geodesic from z with velocity v is after unit time.
///
/// $$\ddot c^k+\Gamma^k_{ij}\dot c^i\dot c^j=0,\qquad c(0)=z,\ \dot c(0)=v,\qquad \exp_z(v)=c(1)$$
///
/// # Shapes
/// `z`, `v`: d coordinates.
///
/// # Errors
/// A point outside the domain (also on the way), NaN, [`Error::NotConverged`] with the point reached when steps run out.
///
/// # Numerics
/// Dormand–Prince 5(4) with step-size control; speed is conserved to the tolerance.
///
/// # Examples
/// ```
/// use geom_riemann::{FlowOptions, PoincareDisc, exponential};
/// // From the centre of the disc a radius of length s ends at tanh(s/2).
/// let shot = exponential(&PoincareDisc, &[0.0, 0.0], &[0.5, 0.0], &FlowOptions::default())?;
/// assert!((shot.point[0] - 0.5_f64.tanh()).abs() < 1e-9);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn exponential<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    z: &[T],
    v: &[T],
    options: &FlowOptions,
) -> Result<Shot<T>> {
    let operation = "exponential";
    let (shot, _) = flow(operation, field, &widen(z), &widen(v), &[], options)?;
    Ok(Shot {
        point: narrow(operation, &shot.point)?,
        velocity: narrow(operation, &shot.velocity)?,
        steps: shot.steps,
    })
}

/// Parallel transport of a vector along the geodesic from z with velocity v, for unit time.
///
/// $$\dot w^k+\Gamma^k_{ij}\dot c^iw^j=0$$
///
/// Lengths of and angles between transported vectors do not change.
///
/// # Errors
/// As [`exponential`].
///
/// # Examples
/// ```
/// use geom_riemann::{FlowOptions, Pullback, charts::LinearMap, parallel_transport};
/// let plane = Pullback::of(LinearMap::plane());
/// let moved = parallel_transport(&plane, &[0.0, 0.0], &[1.0, 2.0], &[0.3, 0.4], &FlowOptions::default())?;
/// assert!((moved[0] - 0.3_f64).abs() < 1e-14); // flat: nothing turns
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn parallel_transport<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    z: &[T],
    v: &[T],
    w: &[T],
    options: &FlowOptions,
) -> Result<Vec<T>> {
    let operation = "parallel_transport";
    let carried = [&widen(w)[..]];
    let (_, carried) = flow(operation, field, &widen(z), &widen(v), &carried, options)?;
    narrow(operation, &carried[0])
}

/// Points of the geodesic from z with velocity v at equal times 0, …, 1.
///
/// # Shapes
/// (`nodes`, d), the first row z.
///
/// # Errors
/// As [`exponential`]; fewer than two nodes.
pub fn geodesic_path<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    z: &[T],
    v: &[T],
    nodes: usize,
    options: &FlowOptions,
) -> Result<Array2<T>> {
    let operation = "geodesic_path";
    if nodes < 2 {
        return Err(Error::TooFewPoints {
            operation,
            needed: 2,
            found: nodes,
        });
    }
    let pieces = (nodes - 1) as f64;
    let mut path = Array2::zeros((nodes, z.len()));
    let mut place = widen(z);
    let mut velocity: Vec<f64> = v.iter().map(|x| x.wide() / pieces).collect();
    for (i, mut row) in path.outer_iter_mut().enumerate() {
        if i > 0 {
            let (shot, _) = flow(operation, field, &place, &velocity, &[], options)?;
            (place, velocity) = (shot.point, shot.velocity);
        }
        row.iter_mut().zip(&place).for_each(|(r, p)| *r = *p);
    }
    narrow_path(operation, &path)
}

pub(super) fn flow<M: MetricField + ?Sized>(
    operation: &'static str,
    field: &M,
    z: &[f64],
    v: &[f64],
    carried: &[&[f64]],
    options: &FlowOptions,
) -> Result<(Shot, Vec<Vec<f64>>)> {
    options.check(operation)?;
    let d = field.dimension();
    check::shape(
        operation,
        "point and velocity",
        &[z.len(), v.len()],
        &[d, d],
    )?;
    let mut state: Vec<f64> = z.iter().chain(v).copied().collect();
    for w in carried {
        check::shape(operation, "carried vector", &[w.len()], &[d])?;
        state.extend_from_slice(w);
    }
    if !state.iter().all(|x| x.is_finite()) {
        return Err(Error::NotFinite {
            operation,
            argument: "point or vector",
            point: 0,
        });
    }
    field.metric(z)?;
    let derivative = |y: &[f64], out: &mut [f64]| -> Result<()> {
        let gamma = christoffel_flat(field, &y[..d])?;
        let velocity = &y[d..2 * d];
        out[..d].copy_from_slice(velocity);
        for (block, w) in out[d..].chunks_exact_mut(d).zip(y[d..].chunks_exact(d)) {
            for (k, entry) in block.iter_mut().enumerate() {
                let mut sum = 0.0;
                for i in 0..d {
                    for j in 0..d {
                        sum += gamma[(k * d + i) * d + j] * velocity[i] * w[j];
                    }
                }
                *entry = -sum;
            }
        }
        Ok(())
    };
    let steps = if v.iter().all(|x| *x == 0.0) {
        0
    } else {
        {
            let options = FlowOptions {
                tolerance: options.tolerance.max(8.0 * field.rounding()),
                ..*options
            };
            integrate(operation, &mut state, derivative, d, &options)?
        }
    };
    let mut parts = state.chunks_exact(d).map(<[f64]>::to_vec);
    let (point, velocity) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let shot = Shot {
        point,
        velocity,
        steps,
    };
    Ok((shot, parts.collect()))
}

const NODES: [[f64; 6]; 6] = [
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
        0.0,
        0.0,
    ],
    [
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
        0.0,
    ],
    [
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];
/// Difference of the fifth- and fourth-order weights.
const ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// Dormand and Prince 1980, 5(4), first same as last, over unit time. Coordinates d.. are vectors of the field's scale.
fn integrate(
    operation: &'static str,
    y: &mut Vec<f64>,
    derivative: impl Fn(&[f64], &mut [f64]) -> Result<()>,
    d: usize,
    options: &FlowOptions,
) -> Result<usize> {
    let n = y.len();
    let scale = y[d..2 * d].iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mut stages = vec![vec![0.0; n]; 7];
    derivative(y, &mut stages[0])?;
    let (mut time, mut step) = (0.0, 0.05_f64);
    let mut trial = vec![0.0; n];
    for steps in 1..=options.max_steps {
        step = step.min(1.0 - time);
        let mut outcome = Ok(());
        for (stage, weights) in NODES.iter().enumerate() {
            for i in 0..n {
                let sum: f64 = (0..=stage).map(|s| weights[s] * stages[s][i]).sum();
                trial[i] = y[i] + step * sum;
            }
            outcome = derivative(&trial, &mut stages[stage + 1]);
            if outcome.is_err() {
                break;
            }
        }
        let error = match outcome {
            Ok(()) => (0..n).fold(0.0_f64, |worst, i| {
                let error: f64 = step * (0..7).map(|s| ERROR[s] * stages[s][i]).sum::<f64>();
                // Carried vectors have a scale of their own.
                let own = if i < 2 * d {
                    scale
                } else {
                    y[i - i % d..][..d]
                        .iter()
                        .fold(0.0_f64, |m, v| m.max(v.abs()))
                };
                let allowed = options.tolerance * own + 4.0 * f64::EPSILON * y[i].abs();
                let ratio = if error == 0.0 {
                    0.0
                } else {
                    error.abs() / allowed
                };
                if ratio.is_nan() {
                    f64::INFINITY
                } else {
                    worst.max(ratio)
                }
            }),
            // A trial stage outside the domain: the step is too long, or the geodesic leaves it.
            Err(refused) if step < 1e-10 => return Err(refused),
            Err(_) => f64::INFINITY,
        };
        if error <= 1.0 {
            time += step;
            std::mem::swap(y, &mut trial);
            stages.swap(0, 6);
            if time >= 1.0 - 1e-15 {
                return Ok(steps);
            }
        }
        step *= (0.9 * error.max(1e-10).powf(-0.2)).clamp(0.1, 5.0);
        if step < 1e-14 {
            break;
        }
    }
    let best = Array2::from_shape_fn((1, d), |(_, k)| y[k]);
    let (iterations, residual) = (options.max_steps, 1.0 - time);
    Err(Error::NotConverged {
        operation,
        iterations,
        residual,
        best: Box::new(best),
    })
}
