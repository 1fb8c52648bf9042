//! Flattening: other coordinates for a finished latent space, in which the decoder distorts as little as can be.
//!
//! With $w = h(z)$ invertible and the decoder g kept as it is, $g \circ h^{-1}$ has the Jacobian $J_g(z) J_h(z)^{-1}$. h is
//! trained so that a distortion of that is least: the picture changes, reconstructions do not.

mod coupling;
mod files;
mod judged;
mod options;
#[cfg(test)]
mod tests;

pub use judged::Flatness;
pub use options::FlattenOptions;

use geom_nn::{Adam, AdamState, NetworkDevice};
use geom_riemann::{Distortion, RankPolicy};
use nalgebra::DMatrix;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use self::{
    coupling::{Carried, Coupling},
    judged::{Codes, flatness, root},
};
use crate::{Autoencoder, Error, Result, Scalar};

/// An invertible map $w = h(z)$ of a latent space.
#[derive(Clone, Debug)]
pub struct Flattening {
    centre: Array1<f64>,
    scale: f64,
    chain: Vec<Coupling>,
    stretch: f64,
}

/// A flattening with the figures before and after it.
#[derive(Clone, Debug)]
pub struct Flattened {
    /// The map.
    pub map: Flattening,
    /// The decoder in the old coordinates.
    pub before: Flatness,
    /// The decoder in the new ones.
    pub after: Flatness,
    /// Rows of codes at which the decoder has lost rank: they had no part in any of it.
    pub left_out: Vec<usize>,
}

impl Flattening {
    /// Flattens the latent space of a model at the codes of `x`.
    ///
    /// # Errors
    /// As [`Flattening::fit`], and data of the wrong width.
    pub fn of_model<E: Scalar, D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        x: ArrayView2<'_, E>,
        options: &FlattenOptions,
    ) -> Result<Flattened> {
        let z = model.encode(x)?;
        Self::train(&Codes::of_model(model, z.view())?, options)
    }

    /// Flattens a latent space from codes and the decoder's Jacobians there.
    ///
    /// The coordinates are centred, and scaled in the end so that the mean of $\operatorname{Tr} G / d$ is 1: lengths in the new
    /// coordinates are those of the data, on average.
    ///
    /// # Shapes
    /// `z` (n, d), `jacobians` (n, D, d), d at least 2.
    ///
    /// # Errors
    /// [`Error::Parameter`] for options out of range, one latent dimension (where arc length already is the answer), codes that
    /// coincide; [`Error::BatchSize`] where fewer codes than a batch have a Jacobian of full rank: the others are left out.
    pub fn fit(
        z: ArrayView2<'_, f64>,
        jacobians: ArrayView3<'_, f64>,
        options: &FlattenOptions,
    ) -> Result<Flattened> {
        if jacobians.dim().0 != z.nrows() || jacobians.dim().2 != z.ncols() {
            return Err(Error::Width {
                operation: "flatten",
                expected: jacobians.dim().2,
                actual: z.ncols(),
            });
        }
        Self::train(&Codes::new(z, root(jacobians)?, f64::EPSILON), options)
    }

    fn train(codes: &Codes, options: &FlattenOptions) -> Result<Flattened> {
        let (z, roots) = (codes.z.view(), &codes.roots);
        options.check(z)?;
        let before = flatness(&options.distortion, roots.view())?;
        let mut map = Self::start(z, options)?;
        let adam = Adam {
            learning_rate: options.learning_rate,
            ..Adam::default()
        };
        let mut states: Vec<_> = map
            .chain
            .iter()
            .map(|coupling| AdamState::new(coupling.net.parameter_count()))
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let mut order: Vec<usize> = (0..z.nrows()).collect();
        for _ in 0..options.epochs {
            order.shuffle(&mut rng);
            for rows in order.chunks_exact(options.batch_size) {
                let (_, gradients) = map.gradient(
                    z.select(Axis(0), rows).view(),
                    roots.select(Axis(0), rows).view(),
                    &options.distortion,
                )?;
                for ((coupling, state), gradient) in
                    map.chain.iter_mut().zip(&mut states).zip(&gradients)
                {
                    adam.step(state, &mut coupling.net, gradient)?;
                }
            }
        }
        let there = map.pushed(z, roots.view())?;
        let d = z.ncols() as f64;
        map.stretch = (there.iter().map(|j| j * j).sum::<f64>() / (z.nrows() as f64 * d)).sqrt();
        let after = flatness(&options.distortion, map.pushed(z, roots.view())?.view())?;
        Ok(Flattened {
            map,
            before,
            after,
            left_out: codes.left_out.clone(),
        })
    }

    /// The identity but for centre and scale.
    fn start(z: ArrayView2<'_, f64>, options: &FlattenOptions) -> Result<Self> {
        let centre = z.mean_axis(Axis(0)).unwrap_or_default();
        let squares = (&z - &centre).iter().map(|v| v * v).sum::<f64>();
        let scale = (squares / z.len() as f64).sqrt();
        if !(scale.is_finite() && scale > 0.0) {
            let requirement = "positive: the codes must not coincide";
            return Err(Error::Parameter {
                parameter: "spread of the codes",
                value: scale,
                requirement,
            });
        }
        let chain = (0..options.couplings)
            .map(|place| {
                Coupling::new(
                    z.ncols(),
                    place,
                    &options.hidden,
                    options.seed.wrapping_add(place as u64),
                )
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            centre,
            scale,
            chain,
            stretch: 1.0,
        })
    }

    /// $w = h(z)$.
    ///
    /// # Shapes
    /// `z` (n, d), the result likewise.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn forward(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.check_width(z)?;
        let start = (&z - &self.centre) / self.scale;
        let end = self
            .chain
            .iter()
            .try_fold(start, |x, coupling| coupling.forward(x.view()))?;
        Ok(end * self.stretch)
    }

    /// $z = h^{-1}(w)$.
    ///
    /// # Shapes
    /// `w` (n, d), the result likewise.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn inverse(&self, w: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.check_width(w)?;
        let end = &w / self.stretch;
        let start = self
            .chain
            .iter()
            .rev()
            .try_fold(end, |y, coupling| coupling.inverse(y.view()))?;
        Ok(start * self.scale + &self.centre)
    }

    /// The Jacobians $\partial h/\partial z$.
    ///
    /// # Shapes
    /// `z` (n, d), result (n, d, d).
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        self.check_width(z)?;
        let end = self
            .carried(z)?
            .pop()
            .map_or_else(|| Array3::zeros((0, 0, 0)), |last| last.tangents);
        Ok((end * self.stretch).permuted_axes([0, 2, 1]))
    }

    fn check_width(&self, z: ArrayView2<'_, f64>) -> Result<()> {
        if z.ncols() == self.centre.len() {
            return Ok(());
        }
        Err(Error::Width {
            operation: "flatten",
            expected: self.centre.len(),
            actual: z.ncols(),
        })
    }

    /// Points and tangents before the first coupling and after each.
    fn carried(&self, z: ArrayView2<'_, f64>) -> Result<Vec<Carried>> {
        let d = z.ncols();
        let tangents = Array3::from_shape_fn((z.nrows(), d, d), |(_, m, k)| {
            f64::from(u8::from(m == k)) / self.scale
        });
        let mut all = vec![Carried {
            points: (&z - &self.centre) / self.scale,
            tangents,
        }];
        for coupling in &self.chain {
            all.push(coupling.carry(&all[all.len() - 1])?);
        }
        Ok(all)
    }

    /// The decoder's Jacobians (their d × d roots) in the new coordinates, $R J_h^{-1}$.
    fn pushed(&self, z: ArrayView2<'_, f64>, roots: ArrayView3<'_, f64>) -> Result<Array3<f64>> {
        let jacobians = self.jacobian(z)?;
        let mut out = roots.to_owned();
        for (mut out, jacobian) in out.outer_iter_mut().zip(jacobians.outer_iter()) {
            let new = out.dot(&inverse(jacobian)?);
            out.assign(&new);
        }
        Ok(out)
    }

    /// The distortion on a batch and its gradient for every coupling.
    ///
    /// With $A = J_h^{-1}$ and $P = RA$: $\partial L/\partial J_h = -A^\top R^\top (\partial L/\partial P) A^\top$.
    fn gradient(
        &self,
        z: ArrayView2<'_, f64>,
        roots: ArrayView3<'_, f64>,
        distortion: &Distortion,
    ) -> Result<(f64, Vec<Array1<f64>>)> {
        let carried = self.carried(z)?;
        let last = &carried[carried.len() - 1];
        let (points, d) = z.dim();
        let mut inverses = Array3::zeros((points, d, d));
        let mut pushed = Array3::zeros((points, d, d));
        for i in 0..points {
            let a = inverse(last.tangents.index_axis(Axis(0), i).t())?;
            pushed
                .index_axis_mut(Axis(0), i)
                .assign(&roots.index_axis(Axis(0), i).dot(&a));
            inverses.index_axis_mut(Axis(0), i).assign(&a);
        }
        let found = distortion
            .evaluate(pushed.view(), &RankPolicy::Error)
            .map_err(refuse)?;
        let mut seed = Carried {
            points: Array2::zeros((points, d)),
            tangents: Array3::zeros((points, d, d)),
        };
        for i in 0..points {
            let a = inverses.index_axis(Axis(0), i);
            let slope = roots
                .index_axis(Axis(0), i)
                .t()
                .dot(&found.gradient.index_axis(Axis(0), i));
            let for_jacobian = -a.t().dot(&slope).dot(&a.t());
            seed.tangents
                .index_axis_mut(Axis(0), i)
                .assign(&for_jacobian.t());
        }
        let mut gradients = Vec::with_capacity(self.chain.len());
        for (coupling, before) in self.chain.iter().zip(&carried).rev() {
            let (gradient, back) = coupling.carry_back(before, seed)?;
            gradients.push(gradient);
            seed = back;
        }
        gradients.reverse();
        Ok((found.value, gradients))
    }
}

fn refuse(source: geom_riemann::Error) -> Error {
    Error::Geometry {
        term: "flatten",
        source,
    }
}

fn inverse(matrix: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let d = matrix.nrows();
    let inverse = DMatrix::from_fn(d, d, |i, j| matrix[[i, j]])
        .try_inverse()
        .ok_or(Error::Parameter {
            parameter: "determinant of the flattening",
            value: 0.0,
            requirement: "other than zero in floating point: lower the learning rate",
        })?;
    Ok(Array2::from_shape_fn((d, d), |(i, j)| inverse[(i, j)]))
}
