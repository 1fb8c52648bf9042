use std::f64::consts::TAU;

use ndarray::{Array1, ArrayView1};

use super::{
    DataManifold, Manifold, ManifoldError, ManifoldResult, check, flat::flat_tangent_spaces,
};

/// The flat torus $\mathbb R^m/(p_1\mathbb Z\times\dots\times p_m\mathbb Z)$ in its angles; with m = 1 the circle.
///
/// $$\exp_x v = x + v \bmod p,\qquad \log_x y = y - x - p\operatorname{round}\frac{y-x}{p},\qquad d = \lVert\log_x y\rVert .$$
/// The cut locus of x has some coordinate half a period away. Every vector of finite numbers is a point; results are at least 0 and below the period.
///
/// A network with angles as *inputs* sees a jump at the seam; [`embed`](Self::embed) gives the 2m coordinates without one, which
/// are points of a [`Product`](super::Product) of circles.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{FlatTorus, Manifold};
/// use ndarray::array;
/// let degrees = FlatTorus::new(&[360.0])?;
/// assert_eq!(degrees.distance(array![350.0].view(), array![20.0].view())?, 30.0);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FlatTorus {
    periods: Array1<f64>,
}

const SPACE: &str = "flat torus";

impl FlatTorus {
    /// The torus with these periods, one per coordinate.
    ///
    /// # Errors
    /// No period, or one that is not positive and finite.
    pub fn new(periods: &[f64]) -> ManifoldResult<Self> {
        check::at_least("FlatTorus::new", "number of periods", periods.len(), 1)?;
        for &period in periods {
            check::positive("FlatTorus::new", "period", period)?;
        }
        Ok(Self {
            periods: Array1::from(periods.to_vec()),
        })
    }

    /// The periods.
    pub fn periods(&self) -> ArrayView1<'_, f64> {
        self.periods.view()
    }

    /// The isometric embedding in $\mathbb R^{2m}$: $\frac{p_k}{2\pi}(\cos\frac{2\pi x_k}{p_k}, \sin\frac{2\pi x_k}{p_k})$ for each coordinate.
    ///
    /// # Errors
    /// A wrong width, NaN.
    pub fn embed(&self, x: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("embed", "x", x)?;
        Ok(x.iter()
            .zip(&self.periods)
            .flat_map(|(&angle, &period)| {
                let (sine, cosine) = (TAU * angle / period).sin_cos();
                [cosine * period / TAU, sine * period / TAU]
            })
            .collect())
    }

    /// The angles of embedded points, at least 0 and below the period: the inverse of [`embed`](Self::embed) along rays.
    ///
    /// # Errors
    /// A wrong width, NaN, a pair at its circle's centre.
    pub fn unembed(&self, embedded: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        check::vector("unembed", "embedded", embedded, 2 * self.periods.len())?;
        self.periods
            .iter()
            .enumerate()
            .map(|(k, &period)| {
                let (cosine, sine) = (embedded[2 * k], embedded[2 * k + 1]);
                if cosine == 0.0 && sine == 0.0 {
                    return Err(ManifoldError::NoPoint {
                        operation: "unembed",
                        space: SPACE,
                        quantity: "the length of a pair",
                        value: 0.0,
                    });
                }
                Ok(wrap(sine.atan2(cosine) / TAU * period, period))
            })
            .collect()
    }

    fn vector(
        &self,
        operation: &'static str,
        argument: &'static str,
        x: ArrayView1<f64>,
    ) -> ManifoldResult<()> {
        check::vector(operation, argument, x, self.periods.len())
    }

    fn difference(
        &self,
        operation: &'static str,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.vector(operation, "x", x)?;
        self.vector(operation, "y", y)?;
        let mut difference = &y - &x;
        difference.zip_mut_with(&self.periods, |d, &p| *d -= p * (*d / p).round());
        Ok(difference)
    }

    fn off_cut(&self, operation: &'static str, difference: &Array1<f64>) -> ManifoldResult<()> {
        for (&step, &period) in difference.iter().zip(&self.periods) {
            if step.abs() >= 0.5 * period * (1.0 - 4.0 * f64::EPSILON) {
                return Err(ManifoldError::CutLocus {
                    operation,
                    space: SPACE,
                    distance: step.abs(),
                    cut_distance: 0.5 * period,
                });
            }
        }
        Ok(())
    }
}

fn wrap(angle: f64, period: f64) -> f64 {
    let wrapped = angle.rem_euclid(period);
    // A tiny negative angle rounds up to the period itself.
    if wrapped < period { wrapped } else { 0.0 }
}

impl Manifold for FlatTorus {
    fn point_dimension(&self) -> usize {
        self.periods.len()
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("exponential", "x", x)?;
        self.vector("exponential", "v", v)?;
        let mut end = &x + &v;
        end.zip_mut_with(&self.periods, |angle, &p| *angle = wrap(*angle, p));
        check::finite("exponential", end)
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let difference = self.difference("logarithm", x, y)?;
        self.off_cut("logarithm", &difference)?;
        check::finite("logarithm", difference)
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let difference = self.difference("distance", x, y)?;
        check::in_range("distance", "the distance", check::norm(difference.view()))
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        self.vector("inner_product", "x", x)?;
        self.vector("inner_product", "u", u)?;
        self.vector("inner_product", "v", v)?;
        check::in_range("inner_product", "the inner product", u.dot(&v))
    }
}

flat_tangent_spaces!(FlatTorus);

impl DataManifold for FlatTorus {
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64> {
        self.vector("residual", "x", x)?;
        Ok(0.0)
    }

    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("to_point", "raw", raw)?;
        let mut point = raw.to_owned();
        point.zip_mut_with(&self.periods, |angle, &p| *angle = wrap(*angle, p));
        check::finite("to_point", point)
    }

    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.vector("to_point_pullback", "raw", raw)?;
        self.vector("to_point_pullback", "covector", covector)?;
        check::finite("to_point_pullback", covector.to_owned())
    }
}
