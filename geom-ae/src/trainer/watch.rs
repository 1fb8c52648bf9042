//! What a run remembers of its own progress: the best figure, and for how long there was none better.

use serde::{Deserialize, Serialize};

/// The watched figure is that of the validation points, or else the training objective.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// The least figure, as the bits of an f64, so that a checkpoint holds it exactly.
    best: Option<u64>,
    /// The epoch of that figure.
    pub(super) best_epoch: usize,
    /// Epochs since then.
    pub(super) stale: usize,
    /// Epochs since then, or since the last plateau.
    since_plateau: usize,
    /// Plateaus reached.
    pub(super) plateaus: u32,
}

impl Watch {
    /// The least figure so far.
    pub(super) fn best(&self) -> Option<f64> {
        self.best.map(f64::from_bits)
    }

    /// Takes note of an epoch's figure; whether it is the best so far. A plateau is reached after more than `patience` epochs
    /// without a better one.
    pub(super) fn note(&mut self, epoch: usize, figure: f64, patience: Option<usize>) -> bool {
        if self.best().is_none_or(|best| figure < best) {
            *self = Self {
                best: Some(figure.to_bits()),
                best_epoch: epoch,
                plateaus: self.plateaus,
                ..Self::default()
            };
            return true;
        }
        self.stale += 1;
        self.since_plateau += 1;
        if patience.is_some_and(|patience| self.since_plateau > patience) {
            self.since_plateau = 0;
            self.plateaus += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;

    #[test]
    fn a_plateau_is_reached_after_more_epochs_than_the_patience() {
        let mut watch = Watch::default();
        assert!(watch.note(1, 5.0, Some(1)));
        assert!(!watch.note(2, 5.0, Some(1)));
        assert_eq!(watch.plateaus, 0);
        watch.note(3, 6.0, Some(1));
        assert_eq!((watch.plateaus, watch.stale), (1, 2));
        watch.note(4, 6.0, Some(1));
        assert_eq!(watch.plateaus, 1);
        assert!(watch.note(5, 4.0, Some(1)));
        assert_eq!(
            (watch.best(), watch.best_epoch, watch.stale, watch.plateaus),
            (Some(4.0), 5, 0, 1)
        );
    }

    #[test]
    fn nothing_that_is_not_a_number_is_best() {
        let mut watch = Watch::default();
        watch.note(1, 3.0, None);
        assert!(!watch.note(2, f64::NAN, None));
        assert_eq!(watch.best(), Some(3.0));
    }
}
