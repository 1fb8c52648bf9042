//! The split of a data set into points to train on and points to test on.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::named::named_enum;

/// Stream of the generator that shuffles, so that other users of the same seed draw other numbers.
const STREAM: u64 = 1;

named_enum! {
    /// Which points become test points.
    #[derive(Default)]
    SplitRule, "split" {
        /// A random choice that depends on the seed.
        #[default]
        Shuffled = "shuffled",
        /// The last ones in the order of the file.
        Contiguous = "contiguous",
        /// The last ones, with the shares that the papers' loaders have: a seventh each to test and to validate on.
        PaperCompatible = "paper-compatible",
    }
}

/// Indices of the points to train on and of those to test on: disjoint, complete, each ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Points to train on.
    pub train: Vec<usize>,
    /// Points to test on.
    pub test: Vec<usize>,
    /// Whether the data themselves say so, in which case fraction and rule had no say.
    pub predefined: bool,
}

impl Split {
    /// Sets `fraction` of `points` points, rounded to the nearest integer, apart for testing.
    ///
    /// # Errors
    /// A fraction outside $[0, 1)$, and one that leaves no point to train on or none to test on.
    ///
    /// # Examples
    /// ```
    /// use geom_bench::data::{Split, SplitRule};
    /// let split = Split::new(5, SplitRule::Contiguous, 0.4, 0)?;
    /// assert_eq!((split.train, split.test), (vec![0, 1, 2], vec![3, 4]));
    /// # Ok::<(), geom_bench::Error>(())
    /// ```
    pub fn new(points: usize, rule: SplitRule, fraction: f64, seed: u64) -> Result<Self, Error> {
        let (train, _) = Self::sizes(points, fraction)?;
        let mut order: Vec<usize> = (0..points).collect();
        if rule == SplitRule::Shuffled {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(STREAM);
            order.shuffle(&mut rng);
        }
        let mut test = order.split_off(train);
        order.sort_unstable();
        test.sort_unstable();
        Ok(Self {
            train: order,
            test,
            predefined: false,
        })
    }

    /// How many of `points` points are trained on and how many are tested on.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn sizes(points: usize, fraction: f64) -> Result<(usize, usize), Error> {
        check_fraction(fraction)?;
        let wanted = (points as f64 * fraction).round();
        // The product is finite, not negative and at most `points`.
        let test = num_traits::cast::<f64, usize>(wanted)
            .unwrap_or(points)
            .min(points);
        let train = points - test;
        for (part, count) in [("train", train), ("test", test)] {
            if count == 0 {
                return Err(Error::EmptyPart {
                    part,
                    points,
                    fraction,
                });
            }
        }
        Ok((train, test))
    }

    /// The first `train` points against the rest.
    pub(super) fn predefined(train: usize, points: usize) -> Self {
        Self {
            train: (0..train).collect(),
            test: (train..points).collect(),
            predefined: true,
        }
    }
}

/// Refuses a fraction outside $[0, 1)$.
pub(crate) fn check_fraction(fraction: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&fraction) {
        Ok(())
    } else {
        Err(Error::Setting {
            setting: "test-fraction",
            value: fraction.to_string(),
            due: "at least 0 and below 1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_is_a_partition_in_order() {
        for points in [2, 3, 31, 64, 127, 1797] {
            for rule in SplitRule::ALL {
                let split = Split::new(points, *rule, 0.3, 5).unwrap();
                let mut all = [split.train.clone(), split.test.clone()].concat();
                assert!(split.train.is_sorted() && split.test.is_sorted());
                all.sort_unstable();
                assert_eq!(all, (0..points).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let split = |seed| Split::new(100, SplitRule::Shuffled, 0.2, seed).unwrap();
        assert_eq!(split(7), split(7));
        assert_ne!(split(7).test, split(8).test);
        assert_ne!(split(0).test, (80..100).collect::<Vec<_>>());
    }

    #[test]
    fn the_choice_is_uniform() {
        // 1,000 draws of 20 out of 100: each point is drawn 200 times on average, standard deviation sqrt(1000·0.2·0.8) ≈ 12.6.
        let mut drawn = [0_u32; 100];
        for seed in 0..1000 {
            for i in Split::new(100, SplitRule::Shuffled, 0.2, seed)
                .unwrap()
                .test
            {
                drawn[i] += 1;
            }
        }
        assert!(
            drawn.iter().all(|&count| (130..270).contains(&count)),
            "{drawn:?}"
        );
    }

    #[test]
    fn ten_thousand_images_split_as_8000_and_2000() {
        let split = Split::new(10_000, SplitRule::Contiguous, 0.2, 3).unwrap();
        assert_eq!((split.train.len(), split.test[0]), (8000, 8000));
    }

    #[test]
    fn a_fraction_out_of_range_or_an_empty_part_is_refused() {
        for fraction in [-0.1, 1.0, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Split::new(10, SplitRule::Shuffled, fraction, 0).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Setting {
                        setting: "test-fraction",
                        ..
                    }
                ),
                "{error}"
            );
        }
        for (points, fraction, part) in [
            (10, 0.0, "test"),
            (10, 0.04, "test"),
            (1, 0.9, "train"),
            (10, 0.99, "train"),
        ] {
            match Split::new(points, SplitRule::Shuffled, fraction, 0) {
                Err(Error::EmptyPart { part: found, .. }) => assert_eq!(found, part),
                other => panic!("{other:?}"),
            }
        }
        assert!(Split::new(0, SplitRule::Shuffled, 0.5, 0).is_err());
    }
}
