use super::{SecondFundamentalForm, christoffel_flat};
use crate::immersion::differences::Difference;
use crate::scalar::widen;
use crate::{Error, Immersion, MetricField, MetricTensor, Result, Scalar, check};
use ndarray::{Array2, Array4};

/// The Riemann tensor at a point, and the curvatures made of it.
///
/// $$R(\partial_i,\partial_j)\partial_k=R^l_{kij}\partial_l,\qquad
///   R^l_{kij}=\partial_i\Gamma^l_{jk}-\partial_j\Gamma^l_{ik}+\Gamma^l_{im}\Gamma^m_{jk}-\Gamma^l_{jm}\Gamma^m_{ik}$$
///
/// with $R_{ijkl}=\langle R(\partial_i,\partial_j)\partial_k,\partial_l\rangle$; the sectional curvature of the sphere is positive.
///
/// # Examples
/// ```
/// use geom_riemann::{Curvature, PoincareDisc};
/// let curvature = Curvature::of(&PoincareDisc, &[0.3, -0.2])?;
/// assert!((curvature.gaussian()? + 1.0).abs() < 1e-9);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Curvature {
    lowered: Array4<f64>,
    metric: MetricTensor,
}

impl Curvature {
    /// From the connection of any metric field, with fourth-order differences of the Christoffel symbols.
    ///
    /// # Errors
    /// A point outside the domain (or within the differences' reach of its boundary), a metric that is not positive definite.
    ///
    /// # Numerics
    /// Relative error near 1e-11 where the field knows its derivatives, 1e-8 where those are differences too; 1e-4 and 1e-2
    /// for a map in `f32`.
    pub fn of<T: Scalar, M: MetricField + ?Sized>(field: &M, z: &[T]) -> Result<Self> {
        let z = &widen(z)[..];
        let d = field.dimension();
        let metric = MetricTensor::of_matrix(&field.metric(z)?)?;
        let gamma = christoffel_flat(field, z)?;
        let at = |k: usize, i: usize, j: usize| (k * d + i) * d + j;
        let place = Array2::from_shape_fn((1, z.len()), |(_, k)| z[k]);
        let mut slope = vec![vec![0.0; d * d * d]; d];
        for (axis, slope) in slope.iter_mut().enumerate() {
            for (shifted, weights) in
                Difference::first(place.view(), axis, field.rounding()).stencil()
            {
                let symbols = christoffel_flat(field, &shifted.row(0).to_vec())?;
                slope
                    .iter_mut()
                    .zip(symbols)
                    .for_each(|(s, g)| *s += weights[0] * g);
            }
        }
        let raised = Array4::from_shape_fn((d, d, d, d), |(i, j, k, l)| {
            let quadratic: f64 = (0..d)
                .map(|m| {
                    gamma[at(l, i, m)] * gamma[at(m, j, k)]
                        - gamma[at(l, j, m)] * gamma[at(m, i, k)]
                })
                .sum();
            slope[i][at(l, j, k)] - slope[j][at(l, i, k)] + quadratic
        });
        let lowered = Array4::from_shape_fn((d, d, d, d), |(i, j, k, l)| {
            (0..d)
                .map(|m| metric.matrix()[(l, m)] * raised[[i, j, k, m]])
                .sum()
        });
        Ok(Self { lowered, metric })
    }

    /// From the second fundamental form of an immersion in Euclidean space, by the Gauss equation: no third derivative.
    ///
    /// $$R_{ijkl}=\langle\mathrm{II}_{jk},\mathrm{II}_{il}\rangle-\langle\mathrm{II}_{ik},\mathrm{II}_{jl}\rangle$$
    ///
    /// # Errors
    /// A point outside the domain, lost rank. Under another ambient metric, [`SecondFundamentalForm::of_pullback`] and
    /// [`Self::of_form`] refuse where that is curved.
    pub fn by_gauss_equation<T: Scalar, I: Immersion + ?Sized>(
        immersion: &I,
        z: &[T],
    ) -> Result<Self> {
        Ok(Self::of_form(&SecondFundamentalForm::of(immersion, z)?))
    }

    /// The Gauss equation for a second fundamental form at hand.
    pub fn of_form(form: &SecondFundamentalForm) -> Self {
        let d = form.metric().dimension();
        let lowered = Array4::from_shape_fn((d, d, d, d), |(i, j, k, l)| {
            form.inner((j, k), (i, l)) - form.inner((i, k), (j, l))
        });
        Self {
            lowered,
            metric: form.metric().clone(),
        }
    }

    /// $R_{ijkl}$, all indices lowered, (d, d, d, d).
    pub fn riemann(&self) -> &Array4<f64> {
        &self.lowered
    }

    /// The metric at the point.
    pub fn metric(&self) -> &MetricTensor {
        &self.metric
    }

    /// The Ricci tensor $\mathrm{Ric}_{jk}=G^{il}R_{ijkl}$, (d, d).
    pub fn ricci(&self) -> Array2<f64> {
        let d = self.metric.dimension();
        Array2::from_shape_fn((d, d), |(j, k)| {
            let mut sum = 0.0;
            for i in 0..d {
                for l in 0..d {
                    sum += self.metric.inverse()[(i, l)] * self.lowered[[i, j, k, l]];
                }
            }
            sum
        })
    }

    /// The scalar curvature $G^{jk}\mathrm{Ric}_{jk}$: $d(d-1)/r^2$ on a sphere.
    pub fn scalar(&self) -> f64 {
        self.ricci()
            .indexed_iter()
            .map(|((j, k), r)| self.metric.inverse()[(j, k)] * r)
            .sum()
    }

    /// The sectional curvature of the plane spanned by two vectors.
    ///
    /// $$K(u,v)=\frac{\langle R(u,v)v,u\rangle}{\lVert u\rVert^2\lVert v\rVert^2-\langle u,v\rangle^2}$$
    ///
    /// # Errors
    /// Vectors of another dimension, or parallel ones.
    pub fn sectional(&self, u: &[f64], v: &[f64]) -> Result<f64> {
        let operation = "Curvature::sectional";
        let d = self.metric.dimension();
        check::shape(operation, "u and v", &[u.len(), v.len()], &[d, d])?;
        let (uu, vv, uv) = (
            self.metric.inner(u, u)?,
            self.metric.inner(v, v)?,
            self.metric.inner(u, v)?,
        );
        let area = uu * vv - uv * uv;
        if area <= 1e-14 * uu * vv {
            let (argument, expected) = (
                "squared area of u and v",
                "positive: the vectors must span a plane",
            );
            return Err(Error::Parameter {
                operation,
                argument,
                value: area,
                expected,
            });
        }
        let numerator: f64 = self
            .lowered
            .indexed_iter()
            .map(|((i, j, k, l), r)| r * u[i] * v[j] * v[k] * u[l])
            .sum();
        Ok(numerator / area)
    }

    /// The Gaussian curvature of a surface, $R_{1221}/\det G$.
    ///
    /// # Errors
    /// Another dimension than 2.
    pub fn gaussian(&self) -> Result<f64> {
        check::shape(
            "Curvature::gaussian",
            "latent dimension",
            &[self.metric.dimension()],
            &[2],
        )?;
        self.sectional(&[1.0, 0.0], &[0.0, 1.0])
    }
}
