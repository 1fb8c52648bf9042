use crate::immersion::{check_points, second_derivative};
use crate::{Immersion, MetricTensor, Result, check};
use ndarray::{Array1, Array2, Array3, Axis};

/// The second fundamental form of an immersion in Euclidean space: the normal part of its second derivatives.
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
    /// At one point.
    ///
    /// # Errors
    /// A point outside the domain, lost rank.
    ///
    /// # Numerics
    /// Exact second derivatives where the immersion has them, else fourth-order differences of the Jacobian.
    pub fn of<I: Immersion + ?Sized>(immersion: &I, z: &[f64]) -> Result<Self> {
        let place = Array2::from_shape_fn((1, z.len()), |(_, k)| z[k]);
        check_points(
            "SecondFundamentalForm::of",
            immersion.dimension(),
            place.view(),
        )?;
        let j = immersion
            .jacobian(place.view())?
            .index_axis_move(Axis(0), 0);
        let metric = MetricTensor::of_jacobian(j.view())?;
        let mut form = second_derivative(immersion, place.view())?.index_axis_move(Axis(0), 0);
        let d = z.len();
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
