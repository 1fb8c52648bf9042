use crate::geodesic::Segments;
use crate::immersion::differences::Difference;
use crate::immersion::{Widened, check_points};
use crate::spectra::symmetrised;
use crate::{AmbientMetric, Error, Immersion, Result, Scalar, check};
use nalgebra::DMatrix;
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};

/// A metric on a latent space, pulled back or given: all that curvature and geodesics need.
///
/// # Examples
/// ```
/// use geom_riemann::{MetricField, PoincareDisc};
/// // At the centre of the disc lengths are doubled.
/// assert_eq!(PoincareDisc.metric(&[0.0, 0.0])?[(0, 0)], 4.0);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub trait MetricField: Sync {
    /// Latent dimension d.
    fn dimension(&self) -> usize;

    /// G(z), d × d.
    ///
    /// # Errors
    /// A point outside the domain or of another width.
    fn metric(&self, z: &[f64]) -> Result<DMatrix<f64>>;

    /// The derivatives $\partial_kG(z)$, one matrix for each k; by default fourth-order central differences of
    /// [`Self::metric`] with a relative error near $10^{-12}$.
    ///
    /// # Errors
    /// As [`Self::metric`], also for points within the differences' reach of the boundary.
    fn derivative(&self, z: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        differenced(z, self.rounding(), |z| self.metric(z))
    }

    /// Relative rounding of the entries of [`Self::metric`]: steps of differences and the smallest tolerances of geodesics
    /// follow from it. `f64::EPSILON` unless the metric comes from a map in single precision.
    fn rounding(&self) -> f64 {
        f64::EPSILON
    }

    /// Squared lengths of the pieces of a curve with their derivatives, for the solver of geodesics; by default
    /// $\Delta^\top G(\text{midpoint})\Delta$.
    ///
    /// # Errors
    /// As [`Self::metric`].
    fn segments(&self, nodes: ArrayView2<'_, f64>) -> Result<Segments> {
        Segments::by_midpoints(self, nodes)
    }
}

/// Fourth-order central differences of a matrix-valued function along every axis.
pub(crate) fn differenced(
    z: &[f64],
    unit: f64,
    matrix: impl Fn(&[f64]) -> Result<DMatrix<f64>>,
) -> Result<Vec<DMatrix<f64>>> {
    let place = Array2::from_shape_fn((1, z.len()), |(_, k)| z[k]);
    (0..z.len())
        .map(|axis| {
            let mut sum: Option<DMatrix<f64>> = None;
            for (shifted, weights) in Difference::first(place.view(), axis, unit).stencil() {
                let term = matrix(&shifted.row(0).to_vec())? * weights[0];
                sum = Some(match sum {
                    None => term,
                    Some(sum) => sum + term,
                });
            }
            Ok(sum.unwrap_or_else(|| DMatrix::zeros(z.len(), z.len())))
        })
        .collect()
}

/// The metric $J^\top HJ$ that an immersion pulls back from its ambient space.
///
/// # Examples
/// ```
/// use geom_riemann::{MetricField, Pullback, charts::SwissRoll};
/// let roll = Pullback::of(SwissRoll);
/// assert!((roll.metric(&[3.0, 0.0])?[(0, 0)] - 10.0).abs() < 1e-14); // 1 + t²
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pullback<I> {
    immersion: I,
    ambient: AmbientMetric,
}

impl<I: Immersion> Pullback<I> {
    /// The pullback of the Euclidean metric.
    pub fn of(immersion: I) -> Self {
        Self {
            immersion,
            ambient: AmbientMetric::euclidean(),
        }
    }

    /// The pullback of an ambient metric.
    pub fn under(immersion: I, ambient: AmbientMetric) -> Self {
        Self { immersion, ambient }
    }

    /// The map itself.
    pub fn immersion(&self) -> &I {
        &self.immersion
    }

    /// J at one point, whitened: G is its Gram matrix.
    fn root(&self, z: &[f64]) -> Result<DMatrix<f64>> {
        let operation = "Pullback::metric";
        let place = self.place(operation, z)?;
        let map = Widened(&self.immersion);
        let mut j = map.jacobian(place.view())?;
        if !self.ambient.is_euclidean() {
            let x = map.value(place.view())?;
            j = self.ambient.whiten(x.view(), j.view())?;
        }
        let j = j.index_axis_move(Axis(0), 0);
        Ok(DMatrix::from_fn(j.nrows(), j.ncols(), |i, k| j[[i, k]]))
    }

    /// Jacobian and second derivatives at one point in coordinates that make the ambient metric Euclidean.
    pub(crate) fn flattened(
        &self,
        operation: &'static str,
        z: &[f64],
    ) -> Result<(Array2<f64>, Array3<f64>)> {
        if !self.ambient.is_constant() {
            return Err(Error::CurvedAmbient { operation });
        }
        let place = self.place(operation, z)?;
        let map = Widened(&self.immersion);
        let mut j = map.jacobian(place.view())?;
        let second = map.second_derivative(place.view())?;
        let x = Array2::zeros((1, j.len_of(Axis(1))));
        let second = self.whitened_second(x.view(), second)?;
        if !self.ambient.is_euclidean() {
            j = self.ambient.whiten(x.view(), j.view())?;
        }
        Ok((
            j.index_axis_move(Axis(0), 0),
            second.index_axis_move(Axis(0), 0),
        ))
    }

    fn place(&self, operation: &'static str, z: &[f64]) -> Result<Array2<f64>> {
        let place = Array2::from_shape_fn((1, z.len()), |(_, k)| z[k]);
        check_points(operation, self.immersion.dimension(), place.view())?;
        Ok(place)
    }

    /// Second derivatives, whitened by a root that does not depend on the point.
    fn whitened_second(&self, x: ArrayView2<'_, f64>, second: Array4<f64>) -> Result<Array4<f64>> {
        if self.ambient.is_euclidean() {
            return Ok(second);
        }
        let mut out = second;
        for k in 0..self.immersion.dimension() {
            let slice = out.index_axis(Axis(3), k).to_owned();
            out.index_axis_mut(Axis(3), k)
                .assign(&self.ambient.whiten(x, slice.view())?);
        }
        Ok(out)
    }
}

impl<I: Immersion> MetricField for Pullback<I> {
    fn dimension(&self) -> usize {
        self.immersion.dimension()
    }

    fn rounding(&self) -> f64 {
        I::Scalar::UNIT
    }

    fn metric(&self, z: &[f64]) -> Result<DMatrix<f64>> {
        let j = self.root(z)?;
        let g = j.tr_mul(&j);
        Ok((&g + g.transpose()) * 0.5)
    }

    /// $\partial_kG_{ij}=\langle\partial_k\partial_ig,\partial_jg\rangle+\langle\partial_ig,\partial_k\partial_jg\rangle$ under a constant ambient metric; differences of G otherwise.
    fn derivative(&self, z: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        if !self.ambient.is_constant() {
            return differenced(z, self.rounding(), |z| self.metric(z));
        }
        let (j, second) = self.flattened("Pullback::derivative", z)?;
        let d = z.len();
        Ok((0..d)
            .map(|k| {
                let half = DMatrix::from_fn(d, d, |a, b| {
                    (0..j.nrows())
                        .map(|row| second[[row, k, a]] * j[[row, b]])
                        .sum::<f64>()
                });
                &half + half.transpose()
            })
            .collect())
    }

    /// Chords in the ambient space, $\lVert g(c_{i+1})-g(c_i)\rVert^2$, where its metric is constant.
    fn segments(&self, nodes: ArrayView2<'_, f64>) -> Result<Segments> {
        if !self.ambient.is_constant() {
            return Segments::by_midpoints(self, nodes);
        }
        check_points("Pullback::segments", self.immersion.dimension(), nodes)?;
        let map = Widened(&self.immersion);
        let (mut x, mut j) = (map.value(nodes)?, map.jacobian(nodes)?);
        let second = map.second_derivative(nodes)?;
        let second = self.whitened_second(x.view(), second)?;
        if !self.ambient.is_euclidean() {
            j = self.ambient.whiten(x.view(), j.view())?;
            let columns = x.view().insert_axis(Axis(2)).to_owned();
            x = self
                .ambient
                .whiten(x.view(), columns.view())?
                .index_axis_move(Axis(2), 0);
        }
        Ok(Segments::by_chords(x.view(), j.view(), second.view()))
    }
}

/// A metric given as a function of the point.
///
/// # Examples
/// ```
/// use geom_riemann::{FieldOf, MetricField};
/// use nalgebra::DMatrix;
/// let half_plane = FieldOf::new(2, |z: &[f64]| DMatrix::identity(2, 2) / (z[1] * z[1]));
/// assert_eq!(half_plane.metric(&[0.0, 0.5])?[(1, 1)], 4.0);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FieldOf<F> {
    dimension: usize,
    metric: F,
}

impl<F: Fn(&[f64]) -> DMatrix<f64> + Sync> FieldOf<F> {
    /// A field of d × d matrices; what it returns is checked for shape, symmetry and NaN.
    pub fn new(dimension: usize, metric: F) -> Self {
        Self { dimension, metric }
    }
}

impl<F: Fn(&[f64]) -> DMatrix<f64> + Sync> MetricField for FieldOf<F> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn metric(&self, z: &[f64]) -> Result<DMatrix<f64>> {
        let operation = "FieldOf::metric";
        let d = self.dimension;
        check::shape(operation, "point", &[z.len()], &[d])?;
        let g = (self.metric)(z);
        check::shape(operation, "metric", &[g.nrows(), g.ncols()], &[d, d])?;
        let view = Array2::from_shape_fn((d, d), |(i, k)| g[(i, k)]);
        let mut flat = vec![0.0; d * d];
        symmetrised(operation, "metric", 0, view.view(), &mut flat)?;
        Ok(DMatrix::from_row_slice(d, d, &flat))
    }
}

/// The hyperbolic plane as the unit disc, $G=\frac{4}{(1-\lVert z\rVert^2)^2}I$: K = −1, no immersion needed.
///
/// Distances are $\mathrm{arcosh}\big(1+\frac{2\lVert a-b\rVert^2}{(1-\lVert a\rVert^2)(1-\lVert b\rVert^2)}\big)$.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoincareDisc;

impl PoincareDisc {
    fn gap(z: &[f64]) -> Result<f64> {
        let operation = "PoincareDisc::metric";
        check::shape(operation, "point", &[z.len()], &[2])?;
        let value = z[0].hypot(z[1]);
        if value < 1.0 {
            Ok((1.0 - value) * (1.0 + value))
        } else {
            Err(Error::Domain {
                operation,
                point: 0,
                quantity: "distance from the centre",
                value,
                expected: "below 1",
            })
        }
    }

    /// The closed form of the distance between two points of the disc.
    ///
    /// # Errors
    /// Points on or outside the circle.
    ///
    /// # Numerics
    /// Written as 2 arsinh of a ratio, which keeps the digits of small distances.
    pub fn distance(a: [f64; 2], b: [f64; 2]) -> Result<f64> {
        let gaps = Self::gap(&a)? * Self::gap(&b)?;
        Ok(2.0 * ((a[0] - b[0]).hypot(a[1] - b[1]) / gaps.sqrt()).asinh())
    }
}

impl MetricField for PoincareDisc {
    fn dimension(&self) -> usize {
        2
    }

    fn metric(&self, z: &[f64]) -> Result<DMatrix<f64>> {
        Ok(DMatrix::identity(2, 2) * (2.0 / Self::gap(z)?).powi(2))
    }

    fn derivative(&self, z: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        let gap = Self::gap(z)?;
        Ok((0..2)
            .map(|k| DMatrix::identity(2, 2) * (16.0 * z[k] / gap.powi(3)))
            .collect())
    }
}
