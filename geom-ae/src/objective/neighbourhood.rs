//! NRAE's reconstruction of neighbours from an expansion of the decoder.

use geom_nn::{Request, Seeds};
use ndarray::{ArcArray2, Array2, Array3, Axis, concatenate, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Needs, Setting, Step, Term, TermValue, own_codes::OwnCodes};
use crate::{
    Error, Result, Scalar,
    codes::{CodeError, NeighbourWeights, Prediction, neighbourhood_reconstruction},
};

/// How far the decoder is expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expansion {
    /// To first order: NRAE-L.
    Linear,
    /// To second order: NRAE-Q.
    Quadratic,
}

/// NRAE's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourhoodSettings {
    /// How far the decoder is expanded.
    pub expansion: Expansion,
    /// Neighbours of a point among which the step draws, k.
    pub neighbours: usize,
    /// Pairs for each point and step, the centre included where it counts.
    pub per_point: usize,
    /// Whether the first pair is the point itself.
    pub include_centre: bool,
    /// Whether one neighbour may be drawn twice in a step.
    pub replacement: bool,
    /// Which pairs carry λ.
    pub weights: NeighbourWeights,
}

impl Default for NeighbourhoodSettings {
    /// Second order, 10 neighbours, 2 pairs drawn with replacement and without the centre, λ = 100 on neighbours: the paper's noisy
    /// sine curve.
    fn default() -> Self {
        Self {
            expansion: Expansion::Quadratic,
            neighbours: 10,
            per_point: 2,
            include_centre: false,
            replacement: true,
            weights: NeighbourWeights::OnNeighbours(100.0),
        }
    }
}

/// [`neighbourhood_reconstruction`] of a batch: a reconstruction term, used in place of the squared error.
///
/// For every point of the batch `per_point` of its nearest neighbours are drawn, with or without replacement, the point itself
/// first where the centre counts. The gradient reaches the encoder through the codes of centres and neighbours. A stochastic encoder
/// is taken at its mean.
///
/// Source: Lee et al. 2021.
///
/// # Units
/// **Sum** over D, mean over pairs.
#[derive(Clone, Debug)]
pub struct NeighbourhoodReconstruction<E> {
    points: ArcArray2<E>,
    neighbours: Array2<usize>,
    settings: NeighbourhoodSettings,
}

const NAME: &str = "neighbourhood_reconstruction";

impl<E: Scalar> NeighbourhoodReconstruction<E> {
    /// On training data and the rows of each point's nearest neighbours, (n, k).
    ///
    /// # Errors
    /// [`Error::Parameter`] where fewer neighbours are given than the settings name or than a step draws,
    /// [`Error::Codes`] for neighbours of other points.
    pub fn new(
        points: ArcArray2<E>,
        neighbours: Array2<usize>,
        settings: NeighbourhoodSettings,
    ) -> Result<Self> {
        let drawn = settings
            .per_point
            .saturating_sub(usize::from(settings.include_centre));
        let refuse = |parameter, value: usize, requirement| {
            Err(Error::Parameter {
                parameter,
                value: value as f64,
                requirement,
            })
        };
        if settings.per_point == 0 {
            return refuse("per_point", 0, "at least 1");
        }
        if settings.neighbours
            < if settings.replacement {
                drawn.min(1)
            } else {
                drawn
            }
        {
            return refuse(
                "neighbours",
                settings.neighbours,
                "as many as a step draws for each point",
            );
        }
        if neighbours.ncols() < settings.neighbours {
            return refuse(
                "neighbours",
                settings.neighbours,
                "at most as many as are given for each point",
            );
        }
        let fits = neighbours.iter().all(|&row| row < points.nrows());
        if neighbours.nrows() != points.nrows() || !fits {
            return Err(CodeError::Shape {
                operation: NAME,
                argument: "neighbours",
                expected: vec![points.nrows(), settings.neighbours],
                found: neighbours.shape().to_vec(),
            }
            .into());
        }
        settings.weights.of(
            Array2::<E>::zeros((1, 1)).view(),
            Array3::<E>::zeros((1, 1, 1)).view(),
        )?;
        Ok(Self {
            points,
            neighbours,
            settings,
        })
    }

    /// The rows of the drawn neighbours, (b, n).
    fn draw(&self, rows: &[usize], seed: u64) -> Array2<usize> {
        let NeighbourhoodSettings {
            neighbours: k,
            per_point,
            include_centre,
            replacement,
            ..
        } = self.settings;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..k).collect();
        let mut drawn = Array2::zeros((rows.len(), per_point));
        for (mut drawn, &row) in drawn.outer_iter_mut().zip(rows) {
            let first = usize::from(include_centre);
            if include_centre {
                drawn[0] = row;
            }
            if replacement {
                drawn
                    .iter_mut()
                    .skip(first)
                    .for_each(|drawn| *drawn = self.neighbours[(row, rng.random_range(0..k))]);
                continue;
            }
            // The start of a Fisher–Yates shuffle.
            for place in first..per_point {
                let at = place - first;
                order.swap(at, rng.random_range(at..k));
                drawn[place] = self.neighbours[(row, order[at])];
            }
        }
        drawn
    }
}

impl<E: Scalar> Term<E> for NeighbourhoodReconstruction<E> {
    fn name(&self) -> &'static str {
        match self.settings.expansion {
            Expansion::Linear => "neighbourhood_linear",
            Expansion::Quadratic => "neighbourhood_quadratic",
        }
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        if self.points.dim() == setting.data.dim() {
            return Ok(());
        }
        Err(CodeError::Shape {
            operation: NAME,
            argument: "points",
            expected: setting.data.shape().to_vec(),
            found: self.points.shape().to_vec(),
        }
        .into())
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let drawn = self.draw(step.rows(), step.seed(0));
        let (b, n) = drawn.dim();
        let data = step.data();
        let dim = data.ncols();
        // The centre's pair with itself has dz = 0: no code of its own, no direction, and no gradient but the value's.
        let own = usize::from(self.settings.include_centre);
        let m = n - own;
        let flat: Vec<usize> = drawn.slice(s![.., own..]).iter().copied().collect();
        let ends = self.points.select(Axis(0), &flat);
        let both = concatenate![Axis(0), data, ends];
        let codes = OwnCodes::new(step, both.view(), Request::Value)?;
        let (z, z_ends) = codes.codes().split_at(Axis(0), b);
        let latent = z.ncols();
        let directions = Array3::from_shape_fn((b, m, latent), |(i, k, c)| {
            z_ends[(i * m + k, c)] - z[(i, c)]
        });
        let pairs: Vec<(usize, usize)> = (0..m).map(|k| (k, k)).collect();
        let request = match self.settings.expansion {
            _ if m == 0 => Request::Value,
            Expansion::Linear => Request::Directions(directions.view()),
            Expansion::Quadratic => Request::SecondOrder {
                directions: directions.view(),
                pairs: &pairs,
            },
        };
        let decoded = step.decode(z, request)?;
        let mut neighbours = Array3::zeros((b, n, dim));
        let ends = ends
            .to_shape((b, m, dim))
            .expect("b · m rows were selected");
        neighbours.slice_mut(s![.., own.., ..]).assign(&ends);
        if own == 1 {
            neighbours.index_axis_mut(Axis(1), 0).assign(&data);
        }
        let weights = self.settings.weights.of(data, neighbours.view())?;
        let none = Array3::zeros((b, 0, dim));
        let prediction = Prediction {
            value: decoded.value(),
            first: decoded.tangents().unwrap_or(none.view()),
            second: decoded.second_tangents(),
        };
        let loss = neighbourhood_reconstruction(prediction, neighbours.view(), weights.view())?;
        let back = step.backward(
            &decoded,
            Seeds {
                value: Some(loss.by_value.view()),
                tangents: (m > 0).then(|| loss.by_first.view()),
                second: loss.by_second.as_ref().map(|s| s.view()),
                ..Seeds::default()
            },
        )?;
        // A neighbour's code enters through dz alone; the centre's also as the point of expansion.
        let mut by_code = Array2::zeros((b + b * m, latent));
        let (mut by_centre, mut by_end) = by_code.view_mut().split_at(Axis(0), b);
        by_centre.assign(&back.input);
        if let Some(by_direction) = back.directions {
            by_centre -= &by_direction.sum_axis(Axis(1));
            for (mut to, from) in by_end.outer_iter_mut().zip(by_direction.rows()) {
                to.assign(&from);
            }
        }
        let by_output = codes.pad(by_code);
        step.backward_parameters(&codes.pass, Seeds::value(by_output.view()))?;
        Ok(loss.value.into())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn draws_are_neighbours_without_repetition_and_the_centre_first() {
        let points = Array2::<f64>::from_shape_fn((6, 1), |(i, _)| i as f64).into_shared();
        let neighbours = Array2::from_shape_fn((6, 4), |(i, k)| (i + k + 1) % 6);
        for include_centre in [false, true] {
            let settings = NeighbourhoodSettings {
                neighbours: 3,
                per_point: 3,
                include_centre,
                replacement: false,
                ..NeighbourhoodSettings::default()
            };
            let term =
                NeighbourhoodReconstruction::new(points.clone(), neighbours.clone(), settings)
                    .unwrap();
            let mut seen = std::collections::BTreeSet::new();
            for seed in 0..40 {
                let drawn = term.draw(&[5, 2], seed);
                for (row, &point) in drawn.outer_iter().zip(&[5, 2]) {
                    let first = usize::from(include_centre);
                    assert!(!include_centre || row[0] == point);
                    let mut others = row.slice(s![first..]).to_vec();
                    others.sort_unstable();
                    others.dedup();
                    assert_eq!(others.len(), 3 - first);
                    let near = neighbours.slice(s![point, ..3]);
                    assert!(others.iter().all(|o| near.iter().any(|n| n == o)));
                    seen.extend(others);
                }
            }
            assert_eq!(seen.len(), 6);
        }
    }

    #[test]
    fn with_replacement_neighbours_come_again_and_all_are_as_likely() {
        let points = Array2::<f64>::from_shape_fn((6, 1), |(i, _)| i as f64).into_shared();
        let neighbours = Array2::from_shape_fn((6, 4), |(i, k)| (i + k + 1) % 6);
        let settings = NeighbourhoodSettings {
            neighbours: 2,
            per_point: 4,
            include_centre: true,
            ..NeighbourhoodSettings::default()
        };
        let term = NeighbourhoodReconstruction::new(points, neighbours, settings).unwrap();
        let mut counts = [0_usize; 6];
        for seed in 0..1000 {
            let drawn = term.draw(&[3], seed);
            assert_eq!(drawn[(0, 0)], 3);
            drawn.iter().skip(1).for_each(|&row| counts[row] += 1);
        }
        // 3,000 draws of two: a share is known to 1 %.
        assert_eq!(counts[4] + counts[5], 3000);
        assert!((1350..1650).contains(&counts[4]), "{counts:?}");
    }

    #[test]
    fn settings_that_do_not_fit_are_refused() {
        let points = Array2::<f64>::zeros((3, 2)).into_shared();
        let neighbours = array![[1, 2], [0, 2], [0, 1]];
        let new = |neighbours: &Array2<usize>, settings| {
            NeighbourhoodReconstruction::new(points.clone(), neighbours.clone(), settings)
        };
        let fine = NeighbourhoodSettings {
            neighbours: 2,
            replacement: false,
            include_centre: true,
            ..NeighbourhoodSettings::default()
        };
        assert!(new(&neighbours, fine).is_ok());
        let more = NeighbourhoodSettings {
            neighbours: 3,
            ..fine
        };
        assert!(new(&neighbours, more).is_err());
        let drawn = NeighbourhoodSettings {
            per_point: 4,
            ..fine
        };
        assert!(new(&neighbours, drawn).is_err());
        let again = NeighbourhoodSettings {
            replacement: true,
            ..drawn
        };
        assert!(new(&neighbours, again).is_ok());
        let none = NeighbourhoodSettings {
            per_point: 0,
            ..fine
        };
        assert!(new(&neighbours, none).is_err());
        let weights = NeighbourWeights::OnNeighbours(-1.0);
        assert!(new(&neighbours, NeighbourhoodSettings { weights, ..fine }).is_err());
        assert!(new(&array![[1, 2], [0, 2], [0, 3]], fine).is_err());
    }
}
