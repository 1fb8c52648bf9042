//! The methods whose terms are functions of codes, noise or neighbours: what their papers give them.

use geom_graph::{Metric, Search};
use geom_nn::Activation;
use geom_riemann::{Distortion, RankPolicy};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{
    Error, Method, Nets, Result, Scalar, TermSettings, TrainOptions, WeightOn,
    codes::{CodeError, NeighbourWeights, Separation},
    method::collapsed,
    objective::{
        ClassDistances, CodeSeparation, DecoderDistortion, DecoderIsometry, DenoisingError,
        EncoderDistortion, EncoderPseudoInverse, Expansion, GivenEmbedding, MatchedDistances,
        MeanSquaredError, NeighbourhoodReconstruction, NeighbourhoodSettings, Objective,
        ReconstructionContraction, SumSquaredError, TopologicalDistance,
        graph::{DistanceRule, GraphData, GraphSettings},
    },
    scalar::narrow,
    trainer::{HeldOut, Schedule, Validation},
};

/// The most classes that the contrastive loss has a distance for every pair of.
const MOST_CLASSES: usize = 1 << 12;

/// The weight in the method's paper; where there is none, ours: see [`Method::default_weight`].
pub(crate) const fn default_weight(method: Method) -> f64 {
    match method {
        Method::NraeL | Method::NraeQ | Method::Grae => 100.0,
        Method::WaeMmd | Method::WaeGan | Method::WaeMulti => 10.0,
        Method::WaeStochastic => 20.0,
        Method::TopoAe => 0.433_58,
        Method::Iae => 0.025,
        Method::Dae | Method::Rcae | Method::Cae | Method::Gdae | Method::Grcae => 0.01,
        Method::Spae | Method::Mmae | Method::Contrastive => 1.0,
        _ => 0.1,
    }
}

/// NRAE's 3 × 512 ELU; WAE's 3 × 256 ReLU with a sigmoid; GRAE's 800–400–200 ReLU; TopoAE's 32–32 ReLU, which [`Method::network`] normalises; for the others
/// 2 × 128 tanh, ours.
pub(crate) fn nets(method: Method) -> Nets {
    let (hidden, activation, output) = match method {
        Method::NraeL | Method::NraeQ => (vec![512; 3], Activation::Elu, Activation::Linear),
        Method::WaeMmd | Method::WaeGan | Method::WaeMulti | Method::WaeStochastic => {
            (vec![256; 3], Activation::Relu, Activation::Sigmoid)
        }
        Method::Grae => (vec![800, 400, 200], Activation::Relu, Activation::Linear),
        Method::TopoAe => (vec![32; 2], Activation::Relu, Activation::Linear),
        _ => (vec![128; 2], Activation::Tanh, Activation::Linear),
    };
    Nets {
        hidden,
        activation,
        on_input: false,
        output,
    }
}

/// NRAE (Adam 1e-3, batch 32, 2,001 epochs, toy curves; StepLR(10, 0.9) in the last fifth), WAE (1e-3, β₁ = 0.5, batch 100, 100
/// epochs, MNIST; schedule "manual"), TopoAE (2.7268e-4, batch 28, weight decay 1e-5, at most 100
/// epochs, the best by 15 % held out and 10 without a better one, Spheres), GRAE (1e-4, batch 128,
/// 200 epochs); for the others Adam 1e-3, batch 100, 100 epochs.
pub(crate) fn train_options(method: Method) -> TrainOptions {
    let (epochs, batch_size, learning_rate, weight_decay) = match method {
        Method::NraeL | Method::NraeQ => (2001, 32, 1e-3, 0.0),
        Method::TopoAe => (100, 28, 2.7268e-4, 1e-5),
        Method::Grae => (200, 128, 1e-4, 0.0),
        _ => (100, 100, 1e-3, 0.0),
    };
    let (learning_rate_schedule, beta1) = match method {
        Method::NraeL | Method::NraeQ => (
            Schedule::LateStep {
                after: 0.8,
                every: 10,
                factor: 0.9,
            },
            0.9,
        ),
        Method::WaeMmd | Method::WaeGan | Method::WaeMulti => (
            Schedule::Milestones {
                epochs: [30, 50, 100],
                factors: [0.5, 0.2, 0.1],
            },
            0.5,
        ),
        _ => (Schedule::Constant, 0.9),
    };
    TrainOptions {
        epochs,
        batch_size,
        learning_rate,
        learning_rate_schedule,
        weight_decay,
        beta1,
        validation: (method == Method::TopoAe).then_some(Validation {
            fraction: 0.15,
            patience: Some(10),
            choice: HeldOut::Random,
        }),
        ..TrainOptions::default()
    }
}

/// The objective of a method that needs no graph.
pub(crate) fn objective<E: Scalar>(
    method: Method,
    weight: f64,
    settings: &TermSettings<E>,
) -> Result<Objective<E>> {
    let mean = || Objective::new().with(1.0, MeanSquaredError);
    let sum = || Objective::new().with(1.0, SumSquaredError);
    let matched = || MatchedDistances {
        matching: settings.comparison,
        targets: settings.targets.clone(),
    };
    Ok(match method {
        Method::TopoAe => mean().with(
            weight,
            TopologicalDistance {
                matching: settings.matching,
                scale: settings.distance_scale,
            },
        ),
        Method::Dae => Objective::new().with(1.0, DenoisingError::new(weight.sqrt())?),
        Method::Cae => sum().with(
            weight,
            EncoderDistortion::new(Distortion::Contractive, RankPolicy::Error),
        ),
        Method::Rcae => sum().with(weight, ReconstructionContraction::new(settings.probes)?),
        Method::Iae => sum()
            .with(weight, DecoderIsometry)
            .with(weight, EncoderPseudoInverse),
        Method::Conformal => mean().with(
            weight,
            DecoderDistortion::new(Distortion::Conformal, collapsed()),
        ),
        Method::Spae | Method::Mmae => mean().with(weight, matched()),
        Method::Blae => {
            let (lower, upper) = settings.bounds;
            let hinge = Distortion::BiLipschitz { lower, upper };
            mean()
                .with(weight, DecoderDistortion::new(hinge, collapsed()))
                .with(
                    weight,
                    CodeSeparation {
                        numbers: Separation { lower, from: 0.0 },
                        targets: settings.targets.clone(),
                    },
                )
        }
        method => {
            return Err(Error::NeedsGraph {
                method: method.name(),
            });
        }
    })
}

/// GRAE's objective: both errors are means over elements, as in the authors' code.
pub(crate) fn towards<E: Scalar>(weight: f64, embedding: ArrayView2<'_, E>) -> Objective<E> {
    let dim = embedding.ncols().max(1) as f64;
    Objective::new().with(1.0, MeanSquaredError).with(
        weight / dim,
        GivenEmbedding {
            embedding: embedding.to_owned().into_shared(),
        },
    )
}

/// The contrastive objective: the codes of two classes keep a distance of the margin, or of their own.
///
/// # Errors
/// [`Error::Parameter`] for a margin that is negative or not finite, and for more classes than there can be distances of pairs;
/// [`CodeError::Shape`] for distances of another number of classes.
pub(crate) fn on_labels<E: Scalar>(
    weight: f64,
    labels: &[i64],
    settings: &TermSettings<E>,
) -> Result<Objective<E>> {
    let mut known = labels.to_vec();
    known.sort_unstable();
    known.dedup();
    let class = |label| known.binary_search(label).unwrap_or_default();
    let classes = known.len();
    if classes > MOST_CLASSES {
        return Err(Error::Parameter {
            parameter: "classes",
            value: classes as f64,
            requirement: "at most 4096: every pair of them has a distance",
        });
    }
    let margins = match &settings.class_distances {
        None if settings.margin.is_finite() && settings.margin >= 0.0 => {
            Array2::from_elem((classes, classes), narrow(settings.margin))
        }
        None => {
            return Err(Error::Parameter {
                parameter: "margin",
                value: settings.margin,
                requirement: "finite and not negative",
            });
        }
        Some(given) if given.dim() == (classes, classes) => given.to_owned().into_owned(),
        Some(given) => {
            return Err(CodeError::Shape {
                operation: "contrastive",
                argument: "class distances",
                expected: vec![classes, classes],
                found: given.shape().to_vec(),
            }
            .into());
        }
    };
    Ok(Objective::new().with(1.0, MeanSquaredError).with(
        weight,
        ClassDistances {
            classes: labels.iter().map(class).collect(),
            margins,
        },
    ))
}

/// The objective of NRAE on the training data; λ is the weight of the neighbours, or of the centre.
pub(crate) fn on_neighbours<E: Scalar>(
    method: Method,
    weight: f64,
    terms: &TermSettings<E>,
    settings: &GraphSettings,
    data: &GraphData<'_, E>,
    held_out: &[usize],
) -> Result<Objective<E>> {
    let DistanceRule::Geodesic { neighbours } = settings.distances else {
        return Err(Error::Contradiction {
            first: "neighbourhood reconstruction",
            second: "distances without a neighbour graph",
            reason: "it reconstructs the nearest neighbours of every point",
        });
    };
    let indices = neighbours_in_training(data.points, neighbours, held_out).map_err(|source| {
        Error::Graph {
            term: "neighbourhood_reconstruction",
            source: Box::new(source),
        }
    })?;
    let expansion = if method == Method::NraeL {
        Expansion::Linear
    } else {
        Expansion::Quadratic
    };
    let settings = NeighbourhoodSettings {
        expansion,
        neighbours,
        per_point: terms.per_point,
        include_centre: terms.include_centre,
        replacement: terms.replacement,
        weights: match terms.weight_on {
            WeightOn::Neighbours => NeighbourWeights::OnNeighbours(weight),
            WeightOn::Centre => NeighbourWeights::OnCentre(weight),
        },
    };
    let points = data.points.to_owned().into_shared();
    Ok(Objective::new().with(
        1.0,
        NeighbourhoodReconstruction::new(points, indices, settings)?,
    ))
}

/// The nearest neighbours of every point among those that are not held out, (n, k).
fn neighbours_in_training<E: Scalar>(
    points: ArrayView2<'_, E>,
    k: usize,
    held_out: &[usize],
) -> Result<Array2<usize>, geom_graph::Error> {
    if held_out.is_empty() {
        return Ok(geom_graph::knn(points, k, Metric::Euclidean)?.indices);
    }
    let train: Vec<usize> = (0..points.nrows())
        .filter(|row| !held_out.contains(row))
        .collect();
    // A training point finds itself, too, and is left out.
    let found = Search::new().metric(Metric::Euclidean).knn_to(
        points.select(Axis(0), &train).view(),
        points,
        k + 1,
    )?;
    let mut indices = Array2::zeros((points.nrows(), k));
    for (row, (found, mut kept)) in found
        .indices
        .outer_iter()
        .zip(indices.outer_iter_mut())
        .enumerate()
    {
        let others = found
            .iter()
            .map(|&place| train[place])
            .filter(|&j| j != row);
        kept.iter_mut().zip(others).for_each(|(kept, j)| *kept = j);
    }
    Ok(indices)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::neighbours_in_training;

    #[test]
    fn held_out_points_are_nobodys_neighbours() {
        let line = Array2::from_shape_fn((6, 1), |(i, _)| i as f64);
        let found = neighbours_in_training(line.view(), 2, &[2, 5]).unwrap();
        // Of equally far ones the first comes first; a held-out point has neighbours, but is none.
        assert_eq!(
            found,
            array![[1, 3], [0, 3], [1, 3], [4, 1], [3, 1], [4, 3]]
        );
        let all = neighbours_in_training(line.view(), 2, &[]).unwrap();
        assert_eq!(all.row(2), array![1, 3]);
        // As many duplicates as there are neighbours: the point itself is still left out.
        let same = Array2::<f64>::zeros((4, 1));
        let found = neighbours_in_training(same.view(), 2, &[0]).unwrap();
        assert_eq!(found, array![[1, 2], [2, 3], [1, 3], [1, 2]]);
    }
}
