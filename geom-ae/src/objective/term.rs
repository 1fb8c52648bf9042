//! One summand of an objective.

use std::{any::Any, fmt, sync::Arc};

use ndarray::ArrayView2;

use super::{Batch, Needs, Step, TermValue};
use crate::{Result, Scalar, model::Coding};

/// One summand of an objective: an equation, its value and its gradient.
pub trait Term<E: Scalar>: fmt::Debug + Send + Sync {
    /// The name under which the term is logged; it says the reduction.
    fn name(&self) -> &'static str;

    /// What it needs of the shared pass.
    fn needs(&self) -> Needs {
        Needs::VALUE
    }

    /// The fewest points for which it is defined (2 for a variance).
    fn minimum_batch(&self) -> usize {
        1
    }

    /// The most points for which it is defined: a term that holds all pairs of a batch at once says
    /// [`MOST_PAIRED`](crate::codes::MOST_PAIRED).
    fn maximum_batch(&self) -> usize {
        usize::MAX
    }

    /// Its own parameters that are trained along with the networks, with their first values.
    fn parameters(&self) -> Vec<OwnParameter> {
        Vec::new()
    }

    /// Refuses data or a model for which it is not defined, before any training.
    ///
    /// # Errors
    /// One that says what does not fit.
    fn check(&self, _setting: &Setting<'_, E>) -> Result<()> {
        Ok(())
    }

    /// Whatever it can work out from the batch's points alone, before the codes are known.
    ///
    /// The trainer asks for it while the batch before is on its way; the term finds it again through
    /// [`Step::take_prepared`].
    ///
    /// # Errors
    /// Where the term is not defined on this batch.
    fn prepare(&self, _batch: &Batch<'_, E>) -> Result<Prepared> {
        Ok(Prepared::default())
    }

    /// Its value on the batch; its gradient is handed to the step's `seed_…` methods.
    ///
    /// # Errors
    /// Where the term is not defined on this batch.
    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue>;
}

/// A term that somebody else holds, too.
impl<E: Scalar, T: Term<E> + ?Sized> Term<E> for Arc<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn minimum_batch(&self) -> usize {
        (**self).minimum_batch()
    }

    fn parameters(&self) -> Vec<OwnParameter> {
        (**self).parameters()
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        (**self).check(setting)
    }

    fn prepare(&self, batch: &Batch<'_, E>) -> Result<Prepared> {
        (**self).prepare(batch)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        (**self).evaluate(step)
    }
}

/// A number that a term owns and that is trained along with the networks.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnParameter {
    /// Its name in checkpoints and logs.
    pub name: &'static str,
    /// Its first value.
    pub initial: f64,
}

/// What an objective is about to be trained on.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a, E> {
    /// The training data, (n, D).
    pub data: ArrayView2<'a, E>,
    /// The latent dimension d.
    pub latent_dim: usize,
    /// Whether the encoder gives points or Gaussians.
    pub coding: Coding,
}

/// What a term worked out beforehand, of a type that it alone knows.
#[derive(Default)]
pub struct Prepared(pub(crate) Option<Box<dyn Any + Send + Sync>>);

impl Prepared {
    /// Wraps what the term will want back.
    pub fn of(value: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(value)))
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.0.is_some()).finish()
    }
}
