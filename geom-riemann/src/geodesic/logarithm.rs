use super::connect::{pairs, solve};
use super::flow::flow;
use super::{FlowOptions, GeodesicOptions};
use crate::scalar::{narrow, widen};
use crate::{Error, MetricField, MetricTensor, Result, Scalar};
use nalgebra::{DMatrix, DVector};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// How a logarithm is found: a discrete geodesic first, then shooting to the tolerance of the flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogarithmOptions {
    /// For the discrete geodesic that starts the shooting.
    pub geodesic: GeodesicOptions,
    /// For the integrations.
    pub flow: FlowOptions,
    /// Largest miss of the end point relative to the velocity's largest coordinate; never asked to be below 64 roundings of
    /// the metric ([`MetricField::rounding`]).
    pub tolerance: f64,
}

impl Default for LogarithmOptions {
    fn default() -> Self {
        let geodesic = GeodesicOptions {
            nodes: 33,
            tolerance: 1e-6,
            ..GeodesicOptions::default()
        };
        Self {
            geodesic,
            flow: FlowOptions::default(),
            tolerance: 1e-10,
        }
    }
}

/// The velocity that leads from one point to another in unit time, in the caller's type; measures of it in `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Logarithm<T = f64> {
    /// $\log_ab$, the velocity at the start.
    pub velocity: Vec<T>,
    /// The velocity on arrival.
    pub arrival: Vec<T>,
    /// The distance $\lVert\log_ab\rVert_{G(a)}$.
    pub distance: f64,
    /// Largest coordinate of the miss of b.
    pub miss: f64,
    /// Integrations of the geodesic equation.
    pub shots: usize,
}

/// The logarithm map: $\exp_a(\log_ab)=b$ along the geodesic that [`connect`](super::connect()) finds.
///
/// # Errors
/// As [`connect`](super::connect()) and [`exponential`](super::exponential); [`Error::NotUnique`] where the exponential map is singular;
/// [`Error::NotConverged`] with the best velocity.
///
/// # Numerics
/// Newton on the end point of the integrated geodesic: accurate to the flow's tolerance, not to the number of nodes.
///
/// # Examples
/// ```
/// use geom_riemann::{LogarithmOptions, Pullback, charts::Sphere, logarithm};
/// let sphere = Pullback::of(Sphere { radius: 1.0 });
/// let equator = std::f64::consts::FRAC_PI_2;
/// let log = logarithm(&sphere, &[equator, 0.0], &[equator, 1.0], &LogarithmOptions::default())?;
/// assert!((log.distance - 1.0).abs() < 1e-9);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn logarithm<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    a: &[T],
    b: &[T],
    options: &LogarithmOptions,
) -> Result<Logarithm<T>> {
    let operation = "logarithm";
    let found = shoot(operation, field, &widen(a), &widen(b), options)?;
    Ok(Logarithm {
        velocity: narrow(operation, &found.velocity)?,
        arrival: narrow(operation, &found.arrival)?,
        distance: found.distance,
        miss: found.miss,
        shots: found.shots,
    })
}

fn shoot<M: MetricField + ?Sized>(
    operation: &'static str,
    field: &M,
    a: &[f64],
    b: &[f64],
    options: &LogarithmOptions,
) -> Result<Logarithm> {
    let curve = solve(operation, field, a, b, &options.geodesic)?;
    let metric = MetricTensor::of_matrix(&field.metric(a)?)?;
    let d = a.len();
    if a == b {
        let (velocity, arrival) = (vec![0.0; d], vec![0.0; d]);
        return Ok(Logarithm {
            velocity,
            arrival,
            distance: 0.0,
            miss: 0.0,
            shots: 0,
        });
    }
    let mut velocity = initial_velocity(&curve.nodes);
    let mut shots = 1;
    let (mut shot, _) = flow(operation, field, a, &velocity, &[], &options.flow)?;
    let tolerance = options.tolerance.max(64.0 * field.rounding());
    let failed = |velocity: &[f64], residual: f64, iterations: usize| Error::NotConverged {
        operation,
        iterations,
        residual,
        best: Box::new(Array2::from_shape_fn((1, d), |(_, k)| velocity[k])),
    };
    let mut rounds = 0;
    let missed = |point: &[f64]| DVector::from_iterator(d, point.iter().zip(b).map(|(p, b)| p - b));
    let mut miss = missed(&shot.point);
    loop {
        let scale = velocity.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        if miss.amax() <= tolerance * scale {
            break;
        }
        rounds += 1;
        if rounds > 20 {
            return Err(failed(&velocity, miss.amax(), shots));
        }
        // Differential of the exponential map by central differences.
        let h = field.rounding().cbrt() * scale;
        let mut slope = DMatrix::zeros(d, d);
        for k in 0..d {
            let end = |sign: f64| -> Result<Vec<f64>> {
                let mut moved = velocity.clone();
                moved[k] += sign * h;
                let (shot, _) = flow(operation, field, a, &moved, &[], &options.flow)?;
                Ok(shot.point)
            };
            let (up, down) = (end(1.0)?, end(-1.0)?);
            shots += 2;
            (0..d).for_each(|row| slope[(row, k)] = (up[row] - down[row]) / (2.0 * h));
        }
        let Some(correction) = slope.lu().solve(&miss) else {
            return Err(Error::NotUnique {
                operation,
                stability: 0.0,
            });
        };
        let mut fraction = 1.0;
        loop {
            let trial: Vec<f64> = velocity
                .iter()
                .zip(&correction)
                .map(|(v, c)| v - fraction * c)
                .collect();
            shots += 1;
            if let Ok((next, _)) = flow(operation, field, a, &trial, &[], &options.flow) {
                let next_miss = missed(&next.point);
                if next_miss.amax() < miss.amax() {
                    (velocity, shot, miss) = (trial, next, next_miss);
                    break;
                }
            }
            fraction *= 0.5;
            if fraction < 1e-4 {
                return Err(failed(&velocity, miss.amax(), shots));
            }
        }
    }
    let distance = metric.length(&velocity)?;
    Ok(Logarithm {
        velocity,
        arrival: shot.velocity,
        distance,
        miss: miss.amax(),
        shots,
    })
}

/// One-sided fourth-order difference at the first node, of lower order on very short curves.
fn initial_velocity(nodes: &Array2<f64>) -> Vec<f64> {
    let pieces = (nodes.nrows() - 1) as f64;
    let weights: &[f64] = if nodes.nrows() >= 5 {
        &[-25.0, 48.0, -36.0, 16.0, -3.0]
    } else {
        &[-12.0, 12.0]
    };
    (0..nodes.ncols())
        .map(|k| {
            pieces / 12.0
                * weights
                    .iter()
                    .enumerate()
                    .map(|(i, w)| w * nodes[[i, k]])
                    .sum::<f64>()
        })
        .collect()
}

/// A geodesic distance with its gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Distance<T = f64> {
    /// The distance.
    pub value: f64,
    /// Derivatives (covectors) with respect to the start and the end: $-G(a)\log_ab/\mathrm{dist}$ and $-G(b)\log_ba/\mathrm{dist}$.
    /// `None` where the points coincide: the distance has a corner there.
    pub gradients: Option<(Vec<T>, Vec<T>)>,
}

/// The geodesic distance between two points, with its gradient with respect to both (first variation of length).
///
/// # Errors
/// As [`logarithm`].
///
/// # Examples
/// ```
/// use geom_riemann::{LogarithmOptions, PoincareDisc, distance};
/// let (a, b) = ([0.1, 0.2], [-0.5, 0.3]);
/// let ours = distance(&PoincareDisc, &a, &b, &LogarithmOptions::default())?;
/// assert!((ours.value - PoincareDisc::distance(a, b)?).abs() < 1e-9);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn distance<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    a: &[T],
    b: &[T],
    options: &LogarithmOptions,
) -> Result<Distance<T>> {
    let operation = "distance";
    let (a, b) = (&widen(a)[..], &widen(b)[..]);
    let log = shoot(operation, field, a, b, options)?;
    if log.distance == 0.0 {
        return Ok(Distance {
            value: 0.0,
            gradients: None,
        });
    }
    let covector = |z: &[f64], v: &[f64], sign: f64| -> Result<Vec<T>> {
        let lowered = field.metric(z)? * DVector::from_column_slice(v) * (sign / log.distance);
        narrow(operation, lowered.as_slice())
    };
    let gradients = Some((
        covector(a, &log.velocity, -1.0)?,
        covector(b, &log.arrival, 1.0)?,
    ));
    Ok(Distance {
        value: log.distance,
        gradients,
    })
}

/// The distances of many pairs, in parallel over pairs.
///
/// # Shapes
/// `starts`, `ends`: (p, d).
///
/// # Errors
/// Per pair, as [`distance`]: a failed pair does not stop the others.
pub fn distances<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    starts: ArrayView2<'_, T>,
    ends: ArrayView2<'_, T>,
    options: &LogarithmOptions,
) -> Result<Vec<Result<Distance<T>>>> {
    pairs("distances", field, starts, ends, |a, b| {
        distance(field, a, b, options)
    })
}
