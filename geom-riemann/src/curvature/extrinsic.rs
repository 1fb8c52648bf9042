use crate::immersion::Widened;
use crate::scalar::widen;
use crate::{Immersion, MetricTensor, Pullback, Result, Scalar, check};
use ndarray::{Array1, Array2, Array3, Axis};

/// The second fundamental form of an immersion in a Euclidean (or constant) ambient metric: the normal part of its second derivatives.
///
/// $$\mathrm{II}_{ij}=(I-JG^{-1}J^\top)\partial_i\partial_jg,\qquad H=\tfrac1dG^{ij}\mathrm{II}_{ij}$$
///
/// # Examples
/// ```
/// use geom_riemann::{SecondFundamentalForm, charts::Cylinder};
/// let form = SecondFundamentalForm::of(&Cylinder { radius: 2.0 }, &[0.3, 1.0])?;
/// assert!((form.mean_curvature() - 0.25).abs() < 1e-14); // 1/2r
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SecondFundamentalForm {
    form: Array3<f64>,
    metric: MetricTensor,
}

impl SecondFundamentalForm {
    /// At one point, in Euclidean space.
    ///
    /// # Errors
    /// A point outside the domain, lost rank.
    ///
    /// # Numerics
    /// Exact second derivatives where the immersion has them, full or directional, else fourth-order differences of the Jacobian.
    pub fn of<T: Scalar, I: Immersion + ?Sized>(immersion: &I, z: &[T]) -> Result<Self> {
        let operation = "SecondFundamentalForm::of";
        check::shape(operation, "point", &[z.len()], &[immersion.dimension()])?;
        let place = Array2::from_shape_fn((1, z.len()), |(_, k)| z[k].wide());
        let map = Widened(immersion);
        let j = map.jacobian(place.view())?.index_axis_move(Axis(0), 0);
        let second = map
            .second_derivative(place.view())?
            .index_axis_move(Axis(0), 0);
        Self::normal_part::<I::Scalar>(&j, second)
    }

    /// At one point of a pullback, in the coordinates $H^{1/2}x$ that make a constant ambient metric H Euclidean.
    ///
    /// # Errors
    /// As [`Self::of`]; [`Error::CurvedAmbient`](crate::Error::CurvedAmbient) under a metric that varies with the point: the space
    /// around the surface is then curved itself, which the Gauss equation here does not account for.
    ///
    /// # Examples
    /// ```
    /// use geom_riemann::{AmbientMetric, Pullback, SecondFundamentalForm, charts::Sphere};
    /// use ndarray::array;
    /// // Under 4 I all lengths double: the unit sphere has radius 2.
    /// let ambient = AmbientMetric::diagonal(array![4.0, 4.0, 4.0].view())?;
    /// let field = Pullback::under(Sphere { radius: 1.0 }, ambient);
    /// let form = SecondFundamentalForm::of_pullback(&field, &[1.0, 0.5])?;
    /// assert!((form.mean_curvature() - 0.5).abs() < 1e-14);
    /// # Ok::<(), geom_riemann::Error>(())
    /// ```
    pub fn of_pullback<T: Scalar, I: Immersion>(field: &Pullback<I>, z: &[T]) -> Result<Self> {
        let (j, second) = field.flattened("SecondFundamentalForm::of_pullback", &widen(z))?;
        Self::normal_part::<I::Scalar>(&j, second)
    }

    /// Removes the tangent part of (D, d, d) second derivatives; rank is judged by the rounding of S.
    fn normal_part<S: Scalar>(j: &Array2<f64>, mut form: Array3<f64>) -> Result<Self> {
        let metric = MetricTensor::of_jacobian(j.mapv(S::narrow).view())?;
        let d = j.ncols();
        for i in 0..d {
            for k in 0..d {
                let mut vector = form.slice_mut(ndarray::s![.., i, k]);
                // Projecting twice removes what the first pass leaves of the tangent part.
                for _ in 0..2 {
                    let along = j.t().dot(&vector);
                    for a in 0..d {
                        let coefficient: f64 =
                            (0..d).map(|b| metric.inverse()[(a, b)] * along[b]).sum();
                        vector.scaled_add(-coefficient, &j.column(a));
                    }
                }
            }
        }
        Ok(Self { form, metric })
    }

    /// II, (D, d, d): a normal vector for each pair of directions.
    pub fn form(&self) -> &Array3<f64> {
        &self.form
    }

    /// The metric at the point.
    pub fn metric(&self) -> &MetricTensor {
        &self.metric
    }

    pub(crate) fn inner(&self, a: (usize, usize), b: (usize, usize)) -> f64 {
        let (a, b) = (
            self.form.slice(ndarray::s![.., a.0, a.1]),
            self.form.slice(ndarray::s![.., b.0, b.1]),
        );
        a.dot(&b)
    }

    /// The mean curvature vector H, (D).
    pub fn mean_curvature_vector(&self) -> Array1<f64> {
        let d = self.metric.dimension();
        let mut sum = Array1::zeros(self.form.len_of(Axis(0)));
        for i in 0..d {
            for k in 0..d {
                let weight = self.metric.inverse()[(i, k)] / d as f64;
                sum.scaled_add(weight, &self.form.slice(ndarray::s![.., i, k]));
            }
        }
        sum
    }

    /// $\lVert H\rVert$: $1/r$ on a sphere, 0 on a minimal surface.
    pub fn mean_curvature(&self) -> f64 {
        let vector = self.mean_curvature_vector();
        vector.dot(&vector).sqrt()
    }

    /// The acceleration that the ambient space sees along a geodesic with velocity v: $\mathrm{II}(v,v)$, (D).
    ///
    /// # Errors
    /// A vector of another dimension.
    pub fn normal_curvature(&self, v: &[f64]) -> Result<Array1<f64>> {
        let d = self.metric.dimension();
        check::shape(
            "SecondFundamentalForm::normal_curvature",
            "v",
            &[v.len()],
            &[d],
        )?;
        let mut sum = Array1::zeros(self.form.len_of(Axis(0)));
        for i in 0..d {
            for k in 0..d {
                sum.scaled_add(v[i] * v[k], &self.form.slice(ndarray::s![.., i, k]));
            }
        }
        Ok(sum)
    }
}
