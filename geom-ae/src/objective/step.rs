//! What a term sees of one batch, and where it leaves its gradient.

use geom_riemann::Corrections;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

use crate::{Scalar, scalar::narrow};

/// A term's value on a batch.
#[derive(Clone, Debug, Default)]
pub struct TermValue {
    /// The value, before the term's weight.
    pub value: f64,
    /// Points at which the term had to be corrected to stay finite.
    pub corrections: Corrections,
}

/// The points of one step.
#[derive(Debug)]
pub struct Batch<'a, E> {
    /// The points x, (b, D).
    pub data: ArrayView2<'a, E>,
    /// Their rows in the training data.
    pub rows: &'a [usize],
    /// A seed of this step alone, for terms that draw probes or samples.
    pub seed: u64,
}

impl<E> Batch<'_, E> {
    /// The same batch, borrowed for a shorter time.
    pub(crate) fn reborrow(&self) -> Batch<'_, E> {
        Batch { data: self.data.view(), rows: self.rows, seed: self.seed }
    }
}

/// One batch on its way through the networks: data, codes, reconstructions, and the gradients gathered so far.
#[derive(Debug)]
pub struct Step<'a, E> {
    batch: Batch<'a, E>,
    latent: ArrayView2<'a, E>,
    reconstruction: ArrayView2<'a, E>,
    jacobian: Option<ArrayView3<'a, E>>,
    weight: f64,
    seeds: StepSeeds<E>,
}

/// The gradients of the objective with respect to what the networks gave.
#[derive(Debug)]
pub(crate) struct StepSeeds<E> {
    pub(crate) latent: Option<Array2<E>>,
    pub(crate) reconstruction: Option<Array2<E>>,
    pub(crate) jacobian: Option<Array3<E>>,
}

impl<'a, E: Scalar> Step<'a, E> {
    pub(crate) fn new(
        batch: Batch<'a, E>,
        latent: ArrayView2<'a, E>,
        reconstruction: ArrayView2<'a, E>,
        jacobian: Option<ArrayView3<'a, E>>,
    ) -> Self {
        Self {
            batch,
            latent,
            reconstruction,
            jacobian,
            weight: 1.0,
            seeds: StepSeeds { latent: None, reconstruction: None, jacobian: None },
        }
    }

    /// The data x, (b, D).
    pub fn data(&self) -> ArrayView2<'a, E> {
        self.batch.data
    }

    /// The points' rows in the training data.
    pub fn rows(&self) -> &'a [usize] {
        self.batch.rows
    }

    /// A seed of this step alone.
    pub fn seed(&self) -> u64 {
        self.batch.seed
    }

    /// The codes z = f(x), (b, d).
    pub fn latent(&self) -> ArrayView2<'a, E> {
        self.latent
    }

    /// The reconstructions y = g(z), (b, D).
    pub fn reconstruction(&self) -> ArrayView2<'a, E> {
        self.reconstruction
    }

    /// The decoder's Jacobians at z, (b, D, d); `None` unless a term of the objective needs them.
    pub fn decoder_jacobian(&self) -> Option<ArrayView3<'a, E>> {
        self.jacobian
    }

    /// Adds weight · ∂L/∂z, (b, d).
    pub fn seed_latent(&mut self, gradient: Array2<E>) {
        accumulate(&mut self.seeds.latent, gradient, self.weight);
    }

    /// Adds weight · ∂L/∂y, (b, D).
    pub fn seed_reconstruction(&mut self, gradient: Array2<E>) {
        accumulate(&mut self.seeds.reconstruction, gradient, self.weight);
    }

    /// Adds weight · ∂L/∂J, (b, D, d).
    pub fn seed_decoder_jacobian(&mut self, gradient: Array3<E>) {
        accumulate(&mut self.seeds.jacobian, gradient, self.weight);
    }

    pub(crate) fn set_weight(&mut self, weight: f64) {
        self.weight = weight;
    }

    pub(crate) fn into_seeds(self) -> StepSeeds<E> {
        self.seeds
    }

    /// The first row whose code or reconstruction is not finite.
    pub(crate) fn non_finite_row(&self) -> Option<usize> {
        let finite = |view: ArrayView2<'_, E>, row| view.row(row).iter().all(|v: &E| v.is_finite());
        (0..self.latent.nrows())
            .find(|&row| !finite(self.latent, row) || !finite(self.reconstruction, row))
    }
}

fn accumulate<E: Scalar, I: ndarray::Dimension>(
    seed: &mut Option<ndarray::Array<E, I>>,
    mut gradient: ndarray::Array<E, I>,
    weight: f64,
) {
    let weight = narrow::<E>(weight);
    if weight != E::one() {
        gradient.mapv_inplace(|g| g * weight);
    }
    match seed {
        None => *seed = Some(gradient),
        Some(sum) => sum.zip_mut_with(&gradient, |sum, &g| *sum = *sum + g),
    }
}
