use super::tridiagonal::{BadPivot, BlockTridiagonal, Factored};
use super::{Segments, Start};
use crate::scalar::{narrow_path, widen};
use crate::{Error, MetricField, Result, Scalar, check};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a geodesic between two points is searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeodesicOptions {
    /// Nodes of the curve, both ends included.
    pub nodes: usize,
    /// Largest displacement of a node in the last iteration, relative to the curve's length; never asked to be below
    /// $4N^2\varepsilon$, where rounding of the map (ε of its type) moves the nodes.
    pub tolerance: f64,
    /// Iterations before giving up; they do not grow with the number of nodes.
    pub max_iterations: usize,
    /// Where to start.
    pub start: Start,
}

impl Default for GeodesicOptions {
    fn default() -> Self {
        Self {
            nodes: 64,
            tolerance: 1e-10,
            max_iterations: 100,
            start: Start::Line,
        }
    }
}

impl GeodesicOptions {
    fn check(&self, operation: &'static str) -> Result<()> {
        let bad = |argument, value, expected| {
            Err(Error::Parameter {
                operation,
                argument,
                value,
                expected,
            })
        };
        if !(2..=1_000_000).contains(&self.nodes) {
            return bad("nodes", self.nodes as f64, "in 2..=1000000");
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return bad("tolerance", self.tolerance, "in (0, 1)");
        }
        Ok(())
    }
}

/// A discrete geodesic: the nodes of a curve of least energy, in the type of the ends; measures of it in `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Geodesic<T = f64> {
    /// The nodes, (N, d), first and last the ends.
    pub nodes: Array2<T>,
    /// $(N-1)\sum_ie_i$: the energy of unit time. Equals the squared length at constant speed.
    pub energy: f64,
    /// $\sum_i\sqrt{e_i}$, below the smooth length by $O(1/N^2)$; [`distance`](super::distance) is accurate.
    pub length: f64,
    /// Newton steps taken.
    pub iterations: usize,
    /// Displacement of the last step relative to the length.
    pub displacement: f64,
    /// Smallest eigenvalue of the energy's Hessian relative to its Gauss–Newton part: $1-(\theta/\pi)^2$ on a great
    /// circle of angle θ, 0 at a conjugate point.
    pub stability: f64,
}

/// The geodesic between two points, by minimising the energy of a discretised curve.
///
/// $$E=(N-1)\textstyle\sum_i\lVert g(c_{i+1})-g(c_i)\rVert^2\quad\text{or}\quad(N-1)\sum_i\Delta_i^\top G(m_i)\Delta_i$$
///
/// One global Newton step solves for all nodes at once through the block-tridiagonal Hessian, in O(N d³); where that is not
/// positive definite, the Gauss–Newton step. Iterations end when the *path* stands still: a small change of energy
/// comes too early.
///
/// # Shapes
/// `a`, `b`: d coordinates.
///
/// # Errors
/// Ends outside the domain; [`Error::NotUnique`] where the ends are conjugate (antipodes on a sphere) or the curve found is no
/// minimum; [`Error::NotConverged`] with the best curve; a metric that is not positive definite along the curve.
///
/// # Examples
/// ```
/// use geom_riemann::{GeodesicOptions, Pullback, charts::Sphere, connect};
/// let sphere = Pullback::of(Sphere { radius: 1.0 });
/// let arc = connect(&sphere, &[1.0, 0.0], &[1.2, 1.5], &GeodesicOptions::default())?;
/// // Energy at constant speed is the squared length.
/// assert!((arc.energy - arc.length * arc.length).abs() < 1e-12);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn connect<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    a: &[T],
    b: &[T],
    options: &GeodesicOptions,
) -> Result<Geodesic<T>> {
    let found = solve("connect", field, &widen(a), &widen(b), options)?;
    Ok(Geodesic {
        nodes: narrow_path("connect", &found.nodes)?,
        energy: found.energy,
        length: found.length,
        iterations: found.iterations,
        displacement: found.displacement,
        stability: found.stability,
    })
}

pub(super) fn solve<M: MetricField + ?Sized>(
    operation: &'static str,
    field: &M,
    a: &[f64],
    b: &[f64],
    options: &GeodesicOptions,
) -> Result<Geodesic> {
    options.check(operation)?;
    let d = field.dimension();
    check::shape(operation, "ends", &[a.len(), b.len()], &[d, d])?;
    field.metric(a)?;
    field.metric(b)?;
    let mut nodes = options.start.nodes(a, b, options.nodes)?;
    let mut segments = field.segments(nodes.view())?;
    let tolerance = options
        .tolerance
        .max(4.0 * field.rounding() * (options.nodes as f64).powi(2));
    let mut displacement = 0.0;
    if options.nodes == 2 || segments.energy() == 0.0 {
        return Ok(finish(nodes, &segments, 0, 0.0, 1.0));
    }
    for iteration in 1..=options.max_iterations {
        let (step, stiffness) = newton_step(operation, &segments)?;
        displacement = largest_move(&stiffness, &step, d) / segments.length();
        if displacement.is_nan() {
            break;
        }
        let Some((moved, after)) = advance(field, &nodes, &segments, &step, displacement)? else {
            break;
        };
        (nodes, segments) = (moved, after);
        if displacement <= tolerance {
            let stability = stability(operation, field.rounding(), &segments)?;
            return Ok(finish(nodes, &segments, iteration, displacement, stability));
        }
    }
    let iterations = options.max_iterations;
    Err(Error::NotConverged {
        operation,
        iterations,
        residual: displacement,
        best: Box::new(nodes),
    })
}

/// The geodesics between many pairs of points, in parallel over pairs.
///
/// # Shapes
/// `starts`, `ends`: (p, d).
///
/// # Errors
/// Per pair, as [`connect`]: a failed pair does not stop the others.
///
/// # Examples
/// ```
/// use geom_riemann::{GeodesicOptions, PoincareDisc, connect_all};
/// use ndarray::array;
/// let (a, b) = (array![[0.0, 0.0], [0.1, 0.2]], array![[0.5, 0.0], [2.0, 0.0]]);
/// let curves = connect_all(&PoincareDisc, a.view(), b.view(), &GeodesicOptions::default())?;
/// assert!((curves[0].as_ref().map_or(0.0, |c| c.length) - 3.0_f64.ln()).abs() < 1e-3);
/// assert!(curves[1].is_err()); // (2, 0) is not in the disc
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn connect_all<T: Scalar, M: MetricField + ?Sized>(
    field: &M,
    starts: ArrayView2<'_, T>,
    ends: ArrayView2<'_, T>,
    options: &GeodesicOptions,
) -> Result<Vec<Result<Geodesic<T>>>> {
    pairs("connect_all", field, starts, ends, |a, b| {
        connect(field, a, b, options)
    })
}

/// Runs a function on every pair of rows, in parallel, results in order.
pub(super) fn pairs<T: Scalar, M: MetricField + ?Sized, R: Send>(
    operation: &'static str,
    field: &M,
    starts: ArrayView2<'_, T>,
    ends: ArrayView2<'_, T>,
    work: impl Fn(&[T], &[T]) -> R + Sync,
) -> Result<Vec<R>> {
    let d = field.dimension();
    check::shape(operation, "starts", starts.shape(), &[starts.nrows(), d])?;
    check::shape(operation, "ends", ends.shape(), &[starts.nrows(), d])?;
    Ok((0..starts.nrows())
        .into_par_iter()
        .map(|pair| work(&starts.row(pair).to_vec(), &ends.row(pair).to_vec()))
        .collect())
}

fn finish(
    nodes: Array2<f64>,
    segments: &Segments,
    iterations: usize,
    displacement: f64,
    stability: f64,
) -> Geodesic {
    Geodesic {
        nodes,
        energy: segments.energy(),
        length: segments.length(),
        iterations,
        displacement,
        stability,
    }
}

/// Gradient of Σ eᵢ for the inner nodes.
fn gradient(segments: &Segments) -> Vec<f64> {
    let d = segments.dimension;
    let inner = segments.squares.len() - 1;
    (0..inner * d)
        .map(|i| {
            let (node, p) = (i / d, i % d);
            segments.gradient[node * 2 * d + d + p] + segments.gradient[(node + 1) * 2 * d + p]
        })
        .collect()
}

/// The Newton step where the Hessian is positive definite, else the Gauss–Newton step; with the latter's matrix.
fn newton_step(
    operation: &'static str,
    segments: &Segments,
) -> Result<(Vec<f64>, BlockTridiagonal)> {
    let stiffness = BlockTridiagonal::assemble(segments, &segments.gauss_newton);
    let factored = match BlockTridiagonal::assemble(segments, &segments.hessian).cholesky() {
        Ok(factored) => factored,
        Err(_) => positive(operation, &stiffness)?,
    };
    let descent: Vec<f64> = gradient(segments).iter().map(|g| -g).collect();
    Ok((factored.solve(&descent), stiffness))
}

fn positive(operation: &'static str, matrix: &BlockTridiagonal) -> Result<Factored> {
    matrix.cholesky().map_err(
        |BadPivot { node, pivot, value }| Error::NotPositiveDefinite {
            operation,
            argument: "metric along the curve",
            point: node + 1,
            pivot,
            value,
        },
    )
}

/// The largest length of a node's displacement: the diagonal blocks are 4 G.
fn largest_move(stiffness: &BlockTridiagonal, step: &[f64], d: usize) -> f64 {
    step.chunks_exact(d)
        .enumerate()
        .fold(0.0, |largest, (node, v)| {
            let block = stiffness.diagonal_block(node);
            let square: f64 = (0..d * d).map(|i| block[i] * v[i / d] * v[i % d]).sum();
            let length = (0.25 * square.max(0.0)).sqrt();
            if length.is_nan() {
                f64::NAN
            } else {
                f64::max(largest, length)
            }
        })
}

/// Moves along the step, halving it until the energy falls; a move too small for energies to tell is taken whole.
fn advance<M: MetricField + ?Sized>(
    field: &M,
    nodes: &Array2<f64>,
    segments: &Segments,
    step: &[f64],
    displacement: f64,
) -> Result<Option<(Array2<f64>, Segments)>> {
    let d = segments.dimension;
    let slope: f64 = gradient(segments)
        .iter()
        .zip(step)
        .map(|(g, s)| g * s)
        .sum();
    let before: f64 = segments.squares.iter().sum();
    // Energies agree to the map's rounding, which a displacement enters squared.
    let negligible = f64::max(1e-6, 8.0 * field.rounding().sqrt());
    let mut fraction = 1.0;
    for _ in 0..40 {
        let mut moved = nodes.clone();
        for (i, s) in step.iter().enumerate() {
            moved[[1 + i / d, i % d]] += fraction * s;
        }
        match field.segments(moved.view()) {
            Ok(after) => {
                let energy: f64 = after.squares.iter().sum();
                if displacement < negligible || energy <= before + 1e-4 * fraction * slope {
                    return Ok(Some((moved, after)));
                }
            }
            // A trial outside the domain is too long a step, not a failure.
            Err(Error::Domain { .. } | Error::Range { .. } | Error::NotFinite { .. }) => {}
            Err(other) => return Err(other),
        }
        fraction *= 0.5;
    }
    Ok(None)
}

/// Smallest eigenvalue of Hessian · x = μ · Gauss–Newton · x, by inverse iteration from a fixed vector.
fn stability(operation: &'static str, unit: f64, segments: &Segments) -> Result<f64> {
    // Differenced second derivatives of a map in `f32` shift eigenvalues by a few hundred roundings.
    let conjugate = f64::max(1e-6, 100.0 * unit);
    let hessian = BlockTridiagonal::assemble(segments, &segments.hessian);
    let stiffness = BlockTridiagonal::assemble(segments, &segments.gauss_newton);
    let unknowns = segments.dimension * (segments.squares.len() - 1);
    let Ok(factored) = hessian.cholesky() else {
        return Err(Error::NotUnique {
            operation,
            stability: 0.0,
        });
    };
    let inner = segments.squares.len() as f64;
    // A bow that is nonzero in every coordinate and not symmetric about the middle.
    let mut x: Vec<f64> = (0..unknowns)
        .map(|i| {
            let t = ((i / segments.dimension) as f64 + 1.0) / inner;
            t * (1.0 - t) * (1.0 + 0.3 * t + 0.7 * (i % segments.dimension) as f64)
        })
        .collect();
    let mut mu = 1.0;
    for _ in 0..30 {
        let loaded = stiffness.multiply(&x);
        let y = factored.solve(&loaded);
        let (up, down): (f64, f64) = (
            y.iter().zip(&loaded).map(|(a, b)| a * b).sum(),
            y.iter()
                .zip(stiffness.multiply(&y))
                .map(|(a, b)| a * b)
                .sum(),
        );
        let next = up / down;
        let norm = down.sqrt();
        x = y.into_iter().map(|v| v / norm).collect();
        let settled = (next - mu).abs() <= 1e-3 * next.abs();
        mu = next;
        if settled {
            break;
        }
    }
    if mu.is_nan() || mu < conjugate {
        return Err(Error::NotUnique {
            operation,
            stability: mu,
        });
    }
    Ok(mu)
}
