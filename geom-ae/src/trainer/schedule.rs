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
    /// As [`Schedule::Step`], but counted from the last part of the epochs (NRAE: 0.8, every 10, times 0.9).
    LateStep {
        /// The share of the epochs that pass before, in \[0, 1\].
        after: f64,
        /// Epochs between two changes.
        every: usize,
        /// What each change multiplies by.
        factor: f64,
    },
    /// Times each of three factors once so many epochs are done (WAE's "manual": ½ after 30, ⅕ after 50, ⅒ after 100).
    Milestones {
        /// Epochs before each change.
        epochs: [usize; 3],
        /// What each change multiplies by.
        factors: [f64; 3],
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
            Self::LateStep {
                after,
                every,
                factor,
            } => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a count is a count"
                )]
                let before = (after * epochs as f64).floor() as usize;
                power(factor, done.saturating_sub(before) / every.max(1))
            }
            Self::Milestones {
                epochs: marks,
                factors,
            } => marks
                .iter()
                .zip(factors)
                .filter(|&(&mark, _)| done >= mark)
                .fold(1.0, |product, (_, factor)| product * factor),
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
            Self::Step { every: 0, .. } | Self::LateStep { every: 0, .. } => {
                ("schedule every", 0.0, false, "at least 1")
            }
            Self::WarmUp { epochs: 0 } | Self::WarmUpCosine { epochs: 0, .. } => {
                ("schedule epochs", 0.0, false, "at least 1")
            }
            Self::LateStep { after, .. } if !(0.0..=1.0).contains(&after) => {
                ("schedule after", after, false, "in [0, 1]")
            }
            Self::Milestones { factors, .. } => {
                let worst = factors
                    .into_iter()
                    .find(|factor| !(factor.is_finite() && *factor > 0.0));
                (
                    "schedule factors",
                    worst.unwrap_or(1.0),
                    worst.is_none(),
                    "finite and positive",
                )
            }
            Self::Step { factor, .. }
            | Self::LateStep { factor, .. }
            | Self::Plateau { factor, .. } => (
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
        let late = Schedule::LateStep {
            after: 0.5,
            every: 2,
            factor: 0.5,
        };
        assert_eq!(factors(late, 8), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5]);
        let marks = Schedule::Milestones {
            epochs: [1, 3, 9],
            factors: [0.5, 0.5, 0.1],
        };
        assert_eq!(factors(marks, 5), [1.0, 0.5, 0.5, 0.25, 0.25]);
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
        let late = |after, every| Schedule::LateStep {
            after,
            every,
            factor: 0.5,
        };
        assert!(late(0.8, 10).check().is_ok());
        assert!(late(0.8, 0).check().is_err() && late(1.1, 10).check().is_err());
        let marks = |factors| Schedule::Milestones {
            epochs: [1, 2, 3],
            factors,
        };
        assert!(marks([0.5, 0.2, 0.1]).check().is_ok());
        assert!(marks([0.5, 0.0, 0.1]).check().is_err());
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
