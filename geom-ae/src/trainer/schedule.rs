//! How a learning rate or a term's weight changes from epoch to epoch.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A factor for every epoch, 1 at full strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// Always 1.
    #[default]
    Constant,
    /// Times `factor` after every `every` epochs (PyTorch's `StepLR`).
    Step {
        /// Epochs between two changes.
        every: usize,
        /// What each change multiplies by.
        factor: f64,
    },
    /// Half a cosine from 1 in the first epoch towards `floor` after the last (Loshchilov and Hutter 2017, without restarts).
    Cosine {
        /// Where it ends.
        floor: f64,
    },
    /// A straight line from 1/`epochs` in the first epoch to 1, then 1.
    WarmUp {
        /// Epochs until full strength.
        epochs: usize,
    },
    /// [`Schedule::WarmUp`], then [`Schedule::Cosine`] over the rest.
    WarmUpCosine {
        /// Epochs until full strength.
        epochs: usize,
        /// Where it ends.
        floor: f64,
    },
    /// Times `factor` whenever the watched figure (of the validation points, or else of the training) has not improved for more
    /// than `patience` epochs (PyTorch's `ReduceLROnPlateau`).
    Plateau {
        /// Epochs without improvement that are borne.
        patience: usize,
        /// What each change multiplies by.
        factor: f64,
    },
}

impl Schedule {
    /// The factor in `epoch` of `epochs`, both counted from 1, after the plateau that was reached `reductions` times.
    pub(crate) fn factor(&self, epoch: usize, epochs: usize, reductions: u32) -> f64 {
        let done = epoch.saturating_sub(1);
        let cosine = |done: usize, all: usize, floor: f64| {
            let share = done.min(all) as f64 / all.max(1) as f64;
            floor + (1.0 - floor) * 0.5 * (1.0 + (PI * share).cos())
        };
        match *self {
            Self::Constant => 1.0,
            Self::Step { every, factor } => power(factor, done / every.max(1)),
            Self::Cosine { floor } => cosine(done, epochs, floor),
            Self::WarmUp { epochs } => (epoch as f64 / epochs.max(1) as f64).min(1.0),
            Self::WarmUpCosine { epochs: warm, .. } if epoch <= warm => epoch as f64 / warm as f64,
            Self::WarmUpCosine {
                epochs: warm,
                floor,
            } => cosine(done - warm, epochs.saturating_sub(warm), floor),
            Self::Plateau { factor, .. } => power(factor, reductions as usize),
        }
    }

    /// Epochs without improvement after which a plateau is reached.
    pub(crate) fn patience(&self) -> Option<usize> {
        if let Self::Plateau { patience, .. } = self {
            Some(*patience)
        } else {
            None
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a period of no epoch, a factor that is not positive, a floor that is negative.
    pub fn check(&self) -> Result<()> {
        let (parameter, value, fits, requirement) = match *self {
            Self::Step { every: 0, .. } => ("schedule every", 0.0, false, "at least 1"),
            Self::WarmUp { epochs: 0 } | Self::WarmUpCosine { epochs: 0, .. } => {
                ("schedule epochs", 0.0, false, "at least 1")
            }
            Self::Step { factor, .. } | Self::Plateau { factor, .. } => (
                "schedule factor",
                factor,
                factor.is_finite() && factor > 0.0,
                "finite and positive",
            ),
            Self::Cosine { floor } | Self::WarmUpCosine { floor, .. } => (
                "schedule floor",
                floor,
                floor.is_finite() && floor >= 0.0,
                "finite and not negative",
            ),
            Self::Constant | Self::WarmUp { .. } => return Ok(()),
        };
        if fits {
            Ok(())
        } else {
            Err(Error::Parameter {
                parameter,
                value,
                requirement,
            })
        }
    }
}

/// By repeated multiplication: the same bits on every machine.
fn power(factor: f64, times: usize) -> f64 {
    (0..times).fold(1.0, |product, _| product * factor)
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    fn factors(schedule: Schedule, epochs: usize) -> Vec<f64> {
        (1..=epochs)
            .map(|epoch| schedule.factor(epoch, epochs, 0))
            .collect()
    }

    #[test]
    fn factors_of_each_schedule() {
        assert_eq!(
            factors(
                Schedule::Step {
                    every: 2,
                    factor: 0.5
                },
                5
            ),
            [1.0, 1.0, 0.5, 0.5, 0.25]
        );
        assert_eq!(
            factors(Schedule::WarmUp { epochs: 4 }, 6),
            [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
        );
        let cosine = factors(Schedule::Cosine { floor: 0.2 }, 4);
        assert!(
            (cosine[0] - 1.0).abs() < 1e-15 && (cosine[2] - 0.6).abs() < 1e-15,
            "{cosine:?}"
        );
        let both = factors(
            Schedule::WarmUpCosine {
                epochs: 2,
                floor: 0.0,
            },
            6,
        );
        assert_eq!(both[..3], [0.5, 1.0, 1.0]);
        assert!((both[4] - 0.5).abs() < 1e-15, "{both:?}");
        let plateau = Schedule::Plateau {
            patience: 3,
            factor: 0.1,
        };
        assert!((plateau.factor(50, 60, 2) - 0.01).abs() < 1e-17);
    }

    #[test]
    fn impossible_schedules_are_refused() {
        assert!(
            Schedule::Step {
                every: 0,
                factor: 0.5
            }
            .check()
            .is_err()
        );
        assert!(
            Schedule::Plateau {
                patience: 1,
                factor: f64::NAN
            }
            .check()
            .is_err()
        );
        assert!(Schedule::Cosine { floor: -0.1 }.check().is_err());
        assert!(Schedule::WarmUp { epochs: 0 }.check().is_err());
        assert!(
            Schedule::WarmUpCosine {
                epochs: 3,
                floor: 0.1
            }
            .check()
            .is_ok()
        );
    }
}
