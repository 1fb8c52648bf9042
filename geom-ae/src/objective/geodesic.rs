//! Reconstruction, denoising and contraction where the data lie on a known Riemannian manifold.
//!
//! The decoder gives raw coordinates u; the reconstruction is the point $\pi(u)$ of the manifold
//! ([`DataManifold::to_point`](geom_riemann::manifold::DataManifold::to_point)). Everything is measured along the manifold, so nothing
//! changes when data and networks are turned by one of its isometries.

use geom_nn::{Request, Seeds};
use geom_riemann::{
    Corrections,
    manifold::{
        geodesic_loss, pushed_energy, tangent_noise, tangent_normals, to_points, to_points_pullback,
    },
};
use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::{Needs, Setting, Step, Term, TermValue, own_codes::OwnCodes};
use crate::{DataSpace, Error, Result, Scalar, scalar::widen};

/// The mean squared geodesic distance of a point and its reconstruction,
/// $$ L = \frac1b\sum_i d(x_i, \pi(g(z_i)))^2. $$
///
/// Source: the geometrically regularised autoencoders for non-Euclidean data (ICLR 2023).
///
/// # Units
/// Squared distance along the manifold, mean over the batch; in flat space the squared error **summed** over D.
///
/// # Numerics
/// Rows whose reconstruction is on the cut locus of the point count in the value, their gradient does not exist and is zero; they
/// are counted as corrections.
#[derive(Clone, Debug)]
pub struct GeodesicError {
    space: DataSpace,
}

/// How far the reconstruction of a point moved by noise along the manifold is from the point,
/// $$ L = \frac1b\sum_i d(x_i, \pi(g(f(\exp_{x_i}\sigma\varepsilon_i))))^2, $$
/// with ε a standard normal tangent vector. For small σ the optimum is $\exp_x(\sigma^2\operatorname{grad}\ln p)$: the score is
/// $\log_x r(x)/\sigma^2$.
///
/// # Units
/// As [`GeodesicError`]; σ in units of distance along the manifold, in every tangent direction. A stochastic encoder is taken at its mean.
#[derive(Clone, Debug)]
pub struct GeodesicDenoising {
    space: DataSpace,
    sigma: f64,
}

/// The Dirichlet energy of the whole autoencoder $r = \pi\circ g\circ f$ as a map of the manifold,
/// $$ L = \frac1b\sum_i\operatorname{tr}(H^{-1}J^\top HJ)(x_i)
///      = \frac1b\sum_i\mathbb E_\varepsilon\lVert Dr(x_i)\lbrace\varepsilon\rbrace\rVert^2_{r(x_i)}, $$
/// by standard normal tangent vectors ε. Its weight in GRCAE is σ².
///
/// # Units
/// A sum over the manifold's dimensions (in expectation), mean over batch and probes. A stochastic encoder is taken at its mean.
///
/// # Numerics
/// [`pushed_energy`]: a quotient of distances of nearby points, relative error about 1e-7.
#[derive(Clone, Debug)]
pub struct GeodesicContraction {
    space: DataSpace,
    probes: usize,
}

impl GeodesicError {
    /// On this manifold.
    pub fn new(space: DataSpace) -> Self {
        Self { space }
    }
}

impl GeodesicDenoising {
    /// With noise of standard deviation σ in every tangent direction.
    ///
    /// # Errors
    /// [`Error::Parameter`] where σ is negative or not finite.
    pub fn new(space: DataSpace, sigma: f64) -> Result<Self> {
        if sigma.is_finite() && sigma >= 0.0 {
            return Ok(Self { space, sigma });
        }
        Err(Error::Parameter {
            parameter: "sigma",
            value: sigma,
            requirement: "finite and not negative",
        })
    }
}

impl GeodesicContraction {
    /// With this many tangent vectors for each point.
    ///
    /// # Errors
    /// [`Error::Parameter`] for none.
    pub fn new(space: DataSpace, probes: usize) -> Result<Self> {
        if probes > 0 {
            return Ok(Self { space, probes });
        }
        Err(Error::Parameter {
            parameter: "probes",
            value: 0.0,
            requirement: "at least 1",
        })
    }
}

impl<E: Scalar> Term<E> for GeodesicError {
    fn name(&self) -> &'static str {
        "geodesic_error"
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.space.check(setting.data).map(drop)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let (value, gradient) = error(self, &self.space, step.data(), step.reconstruction())?;
        step.seed_reconstruction(gradient);
        Ok(value)
    }
}

impl<E: Scalar> Term<E> for GeodesicDenoising {
    fn name(&self) -> &'static str {
        "geodesic_denoising_error"
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.space.check(setting.data).map(drop)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let data = step.data();
        let noisy = tangent_noise(self.space.manifold(), data, self.sigma, step.seed(0))
            .map_err(failed::<E>(self))?;
        let encoded = OwnCodes::new(step, noisy.view(), Request::Value)?;
        let decoded = step.decode(encoded.codes(), Request::Value)?;
        let (value, seed) = error(self, &self.space, data, decoded.value())?;
        let by_code = step.backward(&decoded, Seeds::value(seed.view()))?.input;
        let by_output = encoded.pad(by_code);
        step.backward_parameters(&encoded.pass, Seeds::value(by_output.view()))?;
        Ok(value)
    }
}

impl<E: Scalar> Term<E> for GeodesicContraction {
    fn name(&self) -> &'static str {
        "geodesic_contraction"
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.space.check(setting.data).map(drop)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let data = step.data();
        let manifold = self.space.manifold();
        let (points, dim) = data.dim();
        let mut probes = Array3::zeros((points, self.probes, dim));
        for (draw, mut probe) in (0..).zip(probes.axis_iter_mut(Axis(1))) {
            let normals =
                tangent_normals(manifold, data, step.seed(draw)).map_err(failed::<E>(self))?;
            probe.assign(&normals);
        }
        let encoded = OwnCodes::new(step, data, Request::Directions(probes.view()))?;
        let pushed = encoded
            .cut(encoded.pass.tangents().expect("directions were asked for"))
            .to_owned();
        let decoded = step.decode(encoded.codes(), Request::Directions(pushed.view()))?;
        let tangents = decoded.tangents().expect("directions were asked for");
        if !finite(decoded.value().iter().chain(&tangents)) {
            return Ok(f64::NAN.into());
        }
        let energy =
            pushed_energy(manifold, decoded.value(), tangents).map_err(failed::<E>(self))?;
        let by_decoder = step.backward(
            &decoded,
            Seeds {
                value: Some(energy.by_raw.view()),
                tangents: Some(energy.by_directions.view()),
                ..Seeds::default()
            },
        )?;
        let by_code = encoded.pad(by_decoder.input);
        let by_tangent = by_decoder.directions.map(|d| encoded.pad(d));
        step.backward_parameters(
            &encoded.pass,
            Seeds {
                value: Some(by_code.view()),
                tangents: by_tangent.as_ref().map(|d| d.view()),
                ..Seeds::default()
            },
        )?;
        Ok(widen(energy.value).into())
    }
}

/// The geodesic error of raw outputs and its gradient in them; NaN where an output is none, and the trainer decides what to do.
fn error<E: Scalar>(
    term: &impl Term<E>,
    space: &DataSpace,
    data: ArrayView2<'_, E>,
    raw: ArrayView2<'_, E>,
) -> Result<(TermValue, Array2<E>)> {
    let manifold = space.manifold();
    if !finite(raw) {
        return Ok((f64::NAN.into(), Array2::zeros(raw.dim())));
    }
    let points = to_points(manifold, raw).map_err(failed::<E>(term))?;
    let loss = geodesic_loss(manifold, data, points.view()).map_err(failed::<E>(term))?;
    let gradient =
        to_points_pullback(manifold, raw, loss.gradient.view()).map_err(failed::<E>(term))?;
    let value = TermValue {
        value: widen(loss.value),
        corrections: Corrections {
            points: loss.cut_locus,
            floored: loss.cut_locus,
            first: loss.first_cut_locus,
        },
    };
    Ok((value, gradient))
}

fn finite<'a, E: Scalar>(values: impl IntoIterator<Item = &'a E>) -> bool {
    values
        .into_iter()
        .all(|value| num_traits::Float::is_finite(*value))
}

fn failed<E: Scalar>(
    term: &impl Term<E>,
) -> impl Fn(geom_riemann::manifold::ManifoldError) -> Error {
    Error::manifold(term.name())
}
