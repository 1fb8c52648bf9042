use crate::fisher_rao::{FisherRao, softmax};
use crate::{Error, Result, Scalar, check};
use nalgebra::{DMatrix, DVector};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis};
use std::fmt;
use std::sync::Arc;

#[cfg(test)]
mod tests;

type Field = Arc<dyn Fn(ArrayView1<'_, f64>) -> Array2<f64> + Send + Sync>;

/// The metric $H$ of the ambient space; the pullback metric is $G=J^\top HJ$.
///
/// Everything is done through a root $S$ with $S^\top S=H$: the functionals of $J$ under $H$ are those of $SJ$ under the
/// identity, and a gradient in $SJ$ comes back as $S^\top\partial L/\partial(SJ)$. Volumes stay as accurate as $J$ is.
///
/// # Examples
/// ```
/// use geom_riemann::{AmbientMetric, pullback_metric};
/// use ndarray::array;
/// let h = AmbientMetric::diagonal(array![4.0, 1.0].view())?;
/// let (x, j) = (array![[0.0, 0.0]], array![[[1.0, 0.0], [0.0, 1.0]]]);
/// let whitened = h.whiten(x.view(), j.view())?;
/// assert_eq!(pullback_metric(whitened.view())?, array![[[4.0, 0.0], [0.0, 1.0]]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone)]
pub struct AmbientMetric {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Euclidean,
    /// Lᵀ of H = L Lᵀ.
    Constant(DMatrix<f64>),
    Diagonal(Vec<f64>),
    Field(Field),
    FisherRao(FisherRao),
}

impl fmt::Debug for AmbientMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Euclidean => "Euclidean".to_owned(),
            Kind::Constant(root) => format!("Constant {}", root.nrows()),
            Kind::Diagonal(weights) => format!("Diagonal {}", weights.len()),
            Kind::Field(_) => "Field".to_owned(),
            Kind::FisherRao(law) => format!("{law:?}"),
        };
        write!(f, "AmbientMetric({kind})")
    }
}

/// A root S of H at one point, SᵀS = H.
pub(crate) enum Root<'a> {
    Identity,
    Upper(std::borrow::Cow<'a, DMatrix<f64>>),
    Diagonal(std::borrow::Cow<'a, [f64]>),
    /// diag(√p)(I − 1pᵀ).
    Categorical(Vec<f64>),
}

impl Root<'_> {
    fn apply(&self, v: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Upper(root) => {
                let product = root.as_ref() * DVector::from_column_slice(v);
                v.copy_from_slice(product.as_slice());
            }
            Self::Diagonal(roots) => v.iter_mut().zip(roots.iter()).for_each(|(v, r)| *v *= r),
            Self::Categorical(p) => {
                let mean: f64 = v.iter().zip(p).map(|(v, p)| v * p).sum();
                v.iter_mut()
                    .zip(p)
                    .for_each(|(v, p)| *v = p.sqrt() * (*v - mean));
            }
        }
    }

    fn apply_transposed(&self, v: &mut [f64]) {
        match self {
            Self::Upper(root) => {
                let product = root.tr_mul(&DVector::from_column_slice(v));
                v.copy_from_slice(product.as_slice());
            }
            Self::Categorical(p) => {
                v.iter_mut().zip(p).for_each(|(v, p)| *v *= p.sqrt());
                let sum: f64 = v.iter().sum();
                v.iter_mut().zip(p).for_each(|(v, p)| *v -= p * sum);
            }
            Self::Identity | Self::Diagonal(_) => self.apply(v),
        }
    }
}

impl AmbientMetric {
    /// $H=I$.
    pub fn euclidean() -> Self {
        Self {
            kind: Kind::Euclidean,
        }
    }

    /// The same symmetric positive definite $H$ (D, D) everywhere.
    ///
    /// # Errors
    /// Not square, NaN, not symmetric, not positive definite (with the pivot).
    pub fn constant<T: Scalar>(h: ArrayView2<'_, T>) -> Result<Self> {
        let wide = h.mapv(Scalar::wide);
        Ok(Self {
            kind: Kind::Constant(root_of("AmbientMetric::constant", 0, wide.view())?),
        })
    }

    /// $H=\mathrm{diag}(w)$ with positive weights (D).
    ///
    /// # Errors
    /// No weights, NaN, a weight that is not positive (with its index as the pivot).
    pub fn diagonal<T: Scalar>(weights: ArrayView1<'_, T>) -> Result<Self> {
        let weights: Vec<f64> = weights.iter().map(|w| w.wide()).collect();
        Ok(Self {
            kind: Kind::Diagonal(roots_of("AmbientMetric::diagonal", 0, weights)?),
        })
    }

    /// A position-dependent $H(x)$, a function of the output.
    ///
    /// It is checked where it is used: a matrix that is not symmetric positive definite is an error that names point and pivot.
    pub fn field(h: impl Fn(ArrayView1<'_, f64>) -> Array2<f64> + Send + Sync + 'static) -> Self {
        Self {
            kind: Kind::Field(Arc::new(h)),
        }
    }

    /// The Fisher information of an output law.
    ///
    /// # Errors
    /// A dispersion that is not positive and finite.
    pub fn fisher_rao(law: FisherRao) -> Result<Self> {
        if let FisherRao::NegativeBinomial { dispersion: value } = law
            && !(value > 0.0 && value.is_finite())
        {
            let (operation, argument, expected) = (
                "AmbientMetric::fisher_rao",
                "dispersion",
                "positive and finite",
            );
            return Err(Error::Parameter {
                operation,
                argument,
                value,
                expected,
            });
        }
        Ok(Self {
            kind: Kind::FisherRao(law),
        })
    }

    /// $\tilde J=SJ$ at every point: under the identity it has the geometry that $J$ has under $H$.
    ///
    /// # Shapes
    /// `outputs`: (b, D), the points x where H is taken; `j`: (b, D, d) → (b, D, d).
    ///
    /// # Errors
    /// Shapes, NaN, an output outside the law's domain, a matrix that is not positive definite (with point and pivot).
    pub fn whiten<T: Scalar>(
        &self,
        outputs: ArrayView2<'_, T>,
        j: ArrayView3<'_, T>,
    ) -> Result<Array3<T>> {
        self.each_column("AmbientMetric::whiten", outputs, j, |root, v| {
            root.apply(v);
        })
    }

    /// $S^\top\tilde g$: a gradient with respect to the whitened Jacobians as one with respect to the Jacobians.
    ///
    /// # Errors
    /// As [`Self::whiten`].
    pub fn unwhiten<T: Scalar>(
        &self,
        outputs: ArrayView2<'_, T>,
        gradient: ArrayView3<'_, T>,
    ) -> Result<Array3<T>> {
        self.each_column("AmbientMetric::unwhiten", outputs, gradient, |root, v| {
            root.apply_transposed(v);
        })
    }

    fn each_column<T: Scalar>(
        &self,
        operation: &'static str,
        outputs: ArrayView2<'_, T>,
        j: ArrayView3<'_, T>,
        map: impl Fn(&Root<'_>, &mut [f64]),
    ) -> Result<Array3<T>> {
        let (points, ambient, _) = j.dim();
        check::shape(operation, "outputs", outputs.shape(), &[points, ambient])?;
        let mut out = Array3::zeros(j.dim());
        for (point, (j, mut out)) in j.outer_iter().zip(out.outer_iter_mut()).enumerate() {
            let x: Vec<f64> = outputs.row(point).iter().map(|x| x.wide()).collect();
            let root = self.root(operation, point, &x)?;
            for (source, mut target) in j.axis_iter(Axis(1)).zip(out.axis_iter_mut(Axis(1))) {
                let mut column: Vec<f64> = source.iter().map(|v| v.wide()).collect();
                map(&root, &mut column);
                target
                    .iter_mut()
                    .zip(&column)
                    .for_each(|(t, v)| *t = T::narrow(*v));
            }
        }
        Ok(out)
    }

    pub(crate) fn is_euclidean(&self) -> bool {
        matches!(self.kind, Kind::Euclidean)
    }

    /// Whether H is the same at every point.
    pub(crate) fn is_constant(&self) -> bool {
        !matches!(self.kind, Kind::Field(_) | Kind::FisherRao(_))
    }

    pub(crate) fn root(
        &self,
        operation: &'static str,
        point: usize,
        x: &[f64],
    ) -> Result<Root<'_>> {
        use std::borrow::Cow;
        if !x.iter().all(|x| x.is_finite()) {
            return Err(Error::NotFinite {
                operation,
                argument: "outputs",
                point,
            });
        }
        Ok(match &self.kind {
            Kind::Euclidean => Root::Identity,
            Kind::Constant(root) => {
                check::shape(
                    operation,
                    "ambient metric",
                    &[root.nrows(), root.ncols()],
                    &[x.len(), x.len()],
                )?;
                Root::Upper(Cow::Borrowed(root))
            }
            Kind::Diagonal(roots) => {
                check::shape(operation, "ambient weights", &[roots.len()], &[x.len()])?;
                Root::Diagonal(Cow::Borrowed(roots))
            }
            Kind::Field(field) => {
                let h = field(ArrayView1::from(x));
                check::shape(operation, "ambient metric", h.shape(), &[x.len(), x.len()])?;
                Root::Upper(Cow::Owned(root_of(operation, point, h.view())?))
            }
            Kind::FisherRao(FisherRao::CategoricalLogits) => Root::Categorical(softmax(x)),
            Kind::FisherRao(law) => Root::Diagonal(Cow::Owned(roots_of(
                operation,
                point,
                law.weights(operation, point, x)?,
            )?)),
        })
    }

    /// The matrix H at an output x, (D, D).
    ///
    /// # Errors
    /// As [`Self::whiten`].
    pub fn at(&self, x: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        let x: Vec<f64> = x.to_vec();
        let root = self.root("AmbientMetric::at", 0, &x)?;
        let mut h = Array2::eye(x.len());
        for mut column in h.columns_mut() {
            let mut v = column.to_vec();
            root.apply(&mut v);
            root.apply_transposed(&mut v);
            column.iter_mut().zip(v).for_each(|(c, v)| *c = v);
        }
        Ok(h)
    }

    /// ∂L/∂x through H(x), given J and M = ∂L/∂G at one point; `None` for a field, whose derivative is not known.
    pub(crate) fn output_gradient(
        &self,
        x: &[f64],
        j: ArrayView2<'_, f64>,
        m: &[f64],
    ) -> Option<Vec<f64>> {
        let Kind::FisherRao(law) = &self.kind else {
            return (!matches!(self.kind, Kind::Field(_))).then(|| vec![0.0; x.len()]);
        };
        let d = j.ncols();
        let m = ArrayView2::from_shape((d, d), m).ok()?;
        let jm = j.dot(&m);
        let diagonal: Vec<f64> = jm
            .outer_iter()
            .zip(j.outer_iter())
            .map(|(a, b)| a.dot(&b))
            .collect();
        if *law == FisherRao::CategoricalLogits {
            let p = softmax(x);
            let mean = j.t().dot(&ArrayView1::from(&p));
            let slopes: Vec<f64> = diagonal
                .iter()
                .zip(jm.dot(&mean))
                .map(|(k, cross)| k - 2.0 * cross)
                .collect();
            let mean: f64 = slopes.iter().zip(&p).map(|(s, p)| s * p).sum();
            return Some(slopes.iter().zip(&p).map(|(s, p)| p * (s - mean)).collect());
        }
        Some(law.weight_gradient(x, &diagonal))
    }
}

/// Lᵀ of the Cholesky factor; the failing pivot otherwise.
pub(crate) fn root_of(
    operation: &'static str,
    point: usize,
    h: ArrayView2<'_, f64>,
) -> Result<DMatrix<f64>> {
    let argument = "ambient metric";
    let n = h.nrows();
    if n == 0 || n != h.ncols() {
        let (found, expected) = (h.shape().to_vec(), vec![n.max(1), n.max(1)]);
        return Err(Error::Shape {
            operation,
            argument,
            found,
            expected,
        });
    }
    let mut flat = vec![0.0; n * n];
    crate::spectra::symmetrised(operation, argument, point, h, &mut flat)?;
    let mut upper = DMatrix::<f64>::zeros(n, n);
    for row in 0..n {
        for column in row..n {
            let known = upper
                .view((0, row), (row, 1))
                .dot(&upper.view((0, column), (row, 1)));
            let rest = flat[row * n + column] - known;
            if row == column {
                if rest <= n as f64 * f64::EPSILON * flat[row * n + row].abs() {
                    return Err(Error::NotPositiveDefinite {
                        operation,
                        argument,
                        point,
                        pivot: row,
                        value: rest,
                    });
                }
                upper[(row, row)] = rest.sqrt();
            } else {
                upper[(row, column)] = rest / upper[(row, row)];
            }
        }
    }
    Ok(upper)
}

fn roots_of(operation: &'static str, point: usize, weights: Vec<f64>) -> Result<Vec<f64>> {
    let argument = "ambient weights";
    if weights.is_empty() {
        return Err(Error::Shape {
            operation,
            argument,
            found: vec![0],
            expected: vec![1],
        });
    }
    match weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
        Some(pivot) if weights[pivot].is_finite() => Err(Error::NotPositiveDefinite {
            operation,
            argument,
            point,
            pivot,
            value: weights[pivot],
        }),
        Some(_) => Err(Error::NotFinite {
            operation,
            argument,
            point,
        }),
        None => Ok(weights.into_iter().map(f64::sqrt).collect()),
    }
}
