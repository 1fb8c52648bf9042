//! Codes against a given embedding of the training data, and against given classes.

use ndarray::{ArcArray2, Array2, Axis};

use super::{
    Setting, Step, Term, TermValue,
    own_codes::{are_finite, hand_over},
};
use crate::{
    Result, Scalar,
    codes::{CodeError, contrastive, embedding_loss},
};

fn check_rows(
    operation: &'static str,
    argument: &'static str,
    expected: &[usize],
    found: &[usize],
) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(CodeError::Shape {
        operation,
        argument,
        expected: expected.to_vec(),
        found: found.to_vec(),
    }
    .into())
}

/// [`embedding_loss`] of a batch: GRAE's geometric regularisation.
///
/// # Errors
/// An embedding with other rows than the data, or another dimension than the codes, is refused before training.
#[derive(Clone, Debug)]
pub struct GivenEmbedding<E> {
    /// The embedding of the training data, (n, d).
    pub embedding: ArcArray2<E>,
}

impl<E: Scalar> Term<E> for GivenEmbedding<E> {
    fn name(&self) -> &'static str {
        "given_embedding"
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        let expected = [setting.data.nrows(), setting.latent_dim];
        check_rows(self.name(), "embedding", &expected, self.embedding.shape())
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let targets = self.embedding.select(Axis(0), step.rows());
        let loss = embedding_loss(codes, targets.view())?;
        Ok(hand_over(step, loss))
    }
}

/// [`contrastive`] of a batch.
#[derive(Clone, Debug)]
pub struct ClassDistances<E> {
    /// The class of every point of the training data.
    pub classes: Vec<usize>,
    /// The distance that the codes of two classes keep, (classes, classes).
    pub margins: Array2<E>,
}

impl<E: Scalar> Term<E> for ClassDistances<E> {
    fn name(&self) -> &'static str {
        "contrastive"
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        let expected = [setting.data.nrows()];
        check_rows(self.name(), "classes", &expected, &[self.classes.len()])
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let classes: Vec<usize> = step.rows().iter().map(|&row| self.classes[row]).collect();
        let loss = contrastive(codes, &classes, self.margins.view())?;
        Ok(hand_over(step, loss))
    }
}
