//! Whether an objective's terms are defined for batches of the size that is asked for.

use super::ValidTrainOptions;
use crate::{Error, Objective, Result, Scalar};

/// Refuses a batch, of training or of validation points, that is too small or too large for a term.
pub(super) fn check_batch<E: Scalar>(
    objective: &Objective<E>,
    options: &ValidTrainOptions,
    points: usize,
) -> Result<()> {
    let refuse = |reason| {
        Err(Error::BatchSize {
            batch_size: options.batch_size,
            points,
            reason,
        })
    };
    let (maximum, term) = objective.maximum_batch();
    if options.batch_size > maximum {
        return refuse(format!(
            "{term} holds all pairs of a batch at once and takes at most {maximum} points"
        ));
    }
    let (minimum, term) = objective.minimum_batch();
    let held_out = options.held_out(points);
    let smallest = if held_out > 0 {
        options.batch_size.min(held_out)
    } else {
        options.batch_size
    };
    if smallest >= minimum {
        return Ok(());
    }
    refuse(if smallest < options.batch_size {
        format!(
            "{term} is defined for at least {minimum} points, and {held_out} are held out for validation"
        )
    } else {
        format!("{term} is defined for batches of at least {minimum} points")
    })
}
