//! The terms of codes: gradients for every weight of both networks, laws, refusals.

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture};
use geom_riemann::{Distortion, RankPolicy};
use ndarray::{Array2, s};

use super::{
    Batch, ClassDistances, CodeSeparation, DenoisingError, EncoderDistortion, Evaluation,
    Expansion, GivenEmbedding, LogVariancePenalty, MatchedDistances, NeighbourhoodReconstruction,
    NeighbourhoodSettings, Objective, PriorDiscrepancy, ReconstructionContraction, Setting,
    SumSquaredError, TargetDistances, Term, TopologicalDistance, gradcheck,
};
use crate::{
    Autoencoder, AutoencoderArchitecture, Coding, Error,
    codes::{
        DistanceMatching, DistanceScale, Estimator, Kernel, LogVarianceNorm, Matching,
        NeighbourWeights, Prior, Separation, pairwise_distances,
    },
};

/// Points of the training data; a batch takes some of them.
const POINTS: usize = 12;
const ROWS: [usize; 7] = [3, 0, 11, 5, 8, 2, 9];

fn data(dim: usize) -> Array2<f64> {
    Array2::from_shape_fn((POINTS, dim), |(i, j)| {
        (1.3 * i as f64 + 0.7 * j as f64).sin() + 0.3 * ((i * dim + j) as f64).cos()
    })
}

fn batch_of(data: &Array2<f64>) -> Array2<f64> {
    data.select(ndarray::Axis(0), &ROWS)
}

/// Tanh networks; `codes` = 2 makes the encoder stochastic.
fn model(data_dim: usize, latent_dim: usize, codes: usize) -> Autoencoder<f64, Cpu> {
    let net = |widths: &[usize]| Architecture::mlp(widths, Activation::Tanh, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(&[data_dim, 6, codes * latent_dim]),
        decoder: net(&[latent_dim, 7, data_dim]),
    };
    Autoencoder::new(&architecture, 11, &Cpu::default()).unwrap()
}

fn evaluate(
    term: impl Term<f64> + 'static,
    model: &Autoencoder<f64, Cpu>,
    seed: u64,
) -> Evaluation<f64> {
    let x = batch_of(&data(model.data_dim()));
    let batch = Batch {
        data: x.view(),
        rows: &ROWS,
        seed,
    };
    Objective::new()
        .with(1.0, term)
        .evaluate(model, &batch)
        .unwrap()
}

/// Every derivative of 0.7 times the term to `tolerance` of the largest.
fn check_gradient(term: impl Term<f64> + 'static, model: Autoencoder<f64, Cpu>, tolerance: f64) {
    check_gradient_with(term, model, 3e-4, tolerance);
}

fn check_gradient_with(
    term: impl Term<f64> + 'static,
    mut model: Autoencoder<f64, Cpu>,
    step: f64,
    tolerance: f64,
) {
    let x = batch_of(&data(model.data_dim()));
    let batch = Batch {
        data: x.view(),
        rows: &ROWS,
        seed: 3,
    };
    let name = term.name();
    let mut objective = Objective::new().with(0.7, term);
    gradcheck::check(&mut objective, &mut model, &batch, step, tolerance)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
}

fn check<T: Term<f64>>(term: &T, latent_dim: usize, coding: Coding) -> Result<(), Error> {
    let data = data(4);
    term.check(&Setting {
        data: data.view(),
        latent_dim,
        coding,
    })
}

fn neighbourhood(dim: usize, settings: NeighbourhoodSettings) -> NeighbourhoodReconstruction<f64> {
    let neighbours = Array2::from_shape_fn((POINTS, 3), |(i, k)| (i + 1 + k) % POINTS);
    NeighbourhoodReconstruction::new(data(dim).into_shared(), neighbours, settings).unwrap()
}

#[test]
fn discrepancies_have_the_gradient_of_their_value() {
    let priors = [
        Prior::default(),
        Prior::Uniform { half_width: 1.0 },
        Prior::Sphere { radius: 1.0 },
    ];
    for prior in priors {
        for codes in [1, 2] {
            check_gradient(PriorDiscrepancy::wae(prior), model(4, 2, codes), 1e-8);
            check_gradient(
                PriorDiscrepancy::wae_latent(prior),
                model(4, 2, codes),
                1e-8,
            );
        }
        for kernel in [Kernel::Gaussian { variance: 0.5 }, Kernel::GaussianMedian] {
            // The pair at the median changes within a larger step: rounding 1e-11 is the price.
            let term = PriorDiscrepancy::new(prior, kernel, Estimator::Wae);
            check_gradient_with(term, model(4, 2, 1), 1e-6, 1e-7);
        }
    }
}

#[test]
fn topological_distances_have_the_gradient_of_their_value() {
    for matching in [
        Matching::Symmetric,
        Matching::OneSided,
        Matching::Random,
        Matching::SortedLengths,
    ] {
        for scale in [
            DistanceScale::BatchMaximum,
            DistanceScale::Images,
            DistanceScale::None,
        ] {
            check_gradient(
                TopologicalDistance { matching, scale },
                model(5, 2, 1),
                1e-7,
            );
        }
    }
}

#[test]
fn distances_embeddings_and_classes_have_the_gradient_of_their_value() {
    let given = TargetDistances::Given(pairwise_distances(data(9).view()).unwrap().into_shared());
    for matching in [
        DistanceMatching::Absolute,
        DistanceMatching::Relative,
        DistanceMatching::LogRatioVariance,
    ] {
        for targets in [TargetDistances::Euclidean, given.clone()] {
            check_gradient(MatchedDistances { matching, targets }, model(4, 2, 1), 1e-7);
        }
    }
    // The hinges' second derivative jumps.
    let numbers = Separation {
        lower: 0.5,
        from: 0.2,
    };
    let targets = TargetDistances::Euclidean;
    check_gradient(CodeSeparation { numbers, targets }, model(4, 2, 1), 1e-6);
    let term = ClassDistances {
        classes: (0..POINTS).map(|i| i % 3).collect(),
        margins: Array2::from_shape_fn((3, 3), |(i, j)| 0.4 * i.abs_diff(j) as f64),
    };
    check_gradient(term, model(4, 2, 1), 1e-6);
    let embedding = data(2).into_shared();
    check_gradient(GivenEmbedding { embedding }, model(4, 2, 2), 1e-8);
}

#[test]
fn noisy_terms_have_the_gradient_of_their_value() {
    for codes in [1, 2] {
        check_gradient(DenoisingError::new(0.3).unwrap(), model(4, 2, codes), 1e-8);
        for probes in [1, 3] {
            let term = ReconstructionContraction::new(probes).unwrap();
            check_gradient(term, model(4, 2, codes), 1e-8);
        }
    }
    for norm in [LogVarianceNorm::L1, LogVarianceNorm::L2] {
        for clip in [None, Some((-20.0, 5.0))] {
            check_gradient(LogVariancePenalty { norm, clip }, model(4, 2, 2), 1e-7);
        }
    }
}

#[test]
fn neighbourhoods_have_the_gradient_of_their_value() {
    for expansion in [Expansion::Linear, Expansion::Quadratic] {
        for include_centre in [false, true] {
            for weights in [
                NeighbourWeights::OnNeighbours(3.0),
                NeighbourWeights::OnCentre(0.2),
            ] {
                for codes in [1, 2] {
                    let settings = NeighbourhoodSettings {
                        replacement: false,
                        expansion,
                        neighbours: 3,
                        per_point: 3,
                        include_centre,
                        weights,
                    };
                    check_gradient(neighbourhood(4, settings), model(4, 2, codes), 1e-8);
                }
            }
        }
    }
}

#[test]
fn the_centre_alone_is_the_plain_reconstruction_and_no_noise_is_too() {
    let settings = NeighbourhoodSettings {
        include_centre: true,
        neighbours: 1,
        per_point: 1,
        ..NeighbourhoodSettings::default()
    };
    let model = model(4, 2, 1);
    let plain = evaluate(SumSquaredError, &model, 0);
    let noiseless = evaluate(DenoisingError::new(0.0).unwrap(), &model, 0);
    for found in [evaluate(neighbourhood(4, settings), &model, 0), noiseless] {
        assert!((found.total() - plain.total()).abs() < 1e-13 * plain.total());
        for (found, plain) in [
            (&found.encoder, &plain.encoder),
            (&found.decoder, &plain.decoder),
        ] {
            assert!(found.iter().zip(plain).all(|(f, p)| (f - p).abs() < 1e-13));
        }
    }
}

#[test]
fn a_linear_decoder_is_expanded_exactly() {
    // A linear decoder predicts every point that it reconstructs: both expansions equal the reconstruction of the neighbours.
    let net = |widths: &[usize]| Architecture::mlp(widths, Activation::Linear, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(&[4, 2]),
        decoder: net(&[2, 4]),
    };
    let model = Autoencoder::<f64, Cpu>::new(&architecture, 5, &Cpu::default()).unwrap();
    let of = |expansion| {
        let settings = NeighbourhoodSettings {
            replacement: false,
            expansion,
            neighbours: 3,
            per_point: 3,
            include_centre: false,
            weights: NeighbourWeights::OnNeighbours(1.0),
        };
        evaluate(neighbourhood(4, settings), &model, 0).total()
    };
    let x = data(4);
    let errors = model.reconstruction_errors(x.view()).unwrap();
    let expected: f64 = ROWS
        .iter()
        .flat_map(|row| (1..=3).map(move |k| (row + k) % POINTS))
        .map(|row| 4.0 * errors[row])
        .sum::<f64>()
        / (3 * ROWS.len()) as f64;
    for expansion in [Expansion::Linear, Expansion::Quadratic] {
        assert!(
            (of(expansion) - expected).abs() < 1e-12 * expected,
            "{expansion:?}"
        );
    }
}

#[test]
fn probes_estimate_the_frobenius_norm() {
    let model = model(4, 2, 1);
    let x = batch_of(&data(4));
    // r = g ∘ f by its own Jacobian, one unit vector at a time.
    let step = 1e-5;
    let reconstruct = |x: &Array2<f64>| {
        model
            .decode(model.encode(x.view()).unwrap().view())
            .unwrap()
    };
    let mut exact = 0.0;
    for c in 0..4 {
        let moved = |by: f64| {
            let mut x = x.clone();
            x.slice_mut(s![.., c]).mapv_inplace(|v| v + by);
            reconstruct(&x)
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        exact += slope.iter().map(|v| v * v).sum::<f64>() / ROWS.len() as f64;
    }
    let found = evaluate(ReconstructionContraction::new(20_000).unwrap(), &model, 1).total();
    // The relative standard error is at most √(2 / probes) = 1 %.
    assert!(
        (found / exact - 1.0).abs() < 0.05,
        "{found} against {exact}"
    );
    let contractive = EncoderDistortion::new(Distortion::Contractive, RankPolicy::Error);
    assert!(evaluate(contractive, &model, 0).total() > 0.0);
}

#[test]
fn settings_that_do_not_fit_are_refused_before_training() {
    let sphere = PriorDiscrepancy::wae(Prior::Sphere { radius: 1.0 });
    assert!(check(&sphere, 2, Coding::Point).is_ok());
    assert!(check(&sphere, 1, Coding::Point).is_err());
    let penalty = LogVariancePenalty::default();
    assert!(check(&penalty, 2, Coding::Gaussian).is_ok());
    assert!(matches!(
        check(&penalty, 2, Coding::Point),
        Err(Error::DeterministicEncoder { .. })
    ));
    let embedding = GivenEmbedding {
        embedding: data(2).into_shared(),
    };
    assert!(check(&embedding, 2, Coding::Point).is_ok());
    assert!(check(&embedding, 3, Coding::Point).is_err());
    let classes = ClassDistances {
        classes: vec![0; POINTS - 1],
        margins: Array2::<f64>::zeros((1, 1)),
    };
    assert!(check(&classes, 2, Coding::Point).is_err());
    let targets = TargetDistances::Given(Array2::<f64>::zeros((3, 3)).into_shared());
    let matching = DistanceMatching::Absolute;
    assert!(check(&MatchedDistances { matching, targets }, 2, Coding::Point).is_err());
    assert!(
        check(
            &neighbourhood(
                5,
                NeighbourhoodSettings {
                    neighbours: 3,
                    ..NeighbourhoodSettings::default()
                }
            ),
            2,
            Coding::Point
        )
        .is_err()
    );
    assert!(DenoisingError::new(-1.0).is_err() && DenoisingError::new(f64::NAN).is_err());
    assert!(ReconstructionContraction::new(0).is_err());
}

#[test]
fn geodesic_targets_are_those_along_the_curve() {
    // A half circle of radius 1: neighbours along it, and a chord of 2 is an arc of nearly π.
    let half = Array2::from_shape_fn((41, 2), |(i, k)| {
        let angle = std::f64::consts::PI * i as f64 / 40.0;
        [angle.cos(), angle.sin()][k]
    });
    let geodesic = TargetDistances::geodesic(half.view(), 2).unwrap();
    let along = Array2::from_shape_fn((41, 1), |(i, _)| i as f64 * std::f64::consts::PI / 40.0);
    let value = |targets| {
        // Codes that are the arc length: the geodesics are theirs up to the polygon's shortness.
        let found = targets_of(&targets, &half);
        let loss = crate::codes::distance_matching(
            along.view(),
            found.view(),
            crate::codes::DistanceMatching::Absolute,
        );
        loss.unwrap().value
    };
    assert!(value(geodesic) < 1e-5);
    assert!(value(TargetDistances::Euclidean) > 0.05);
    assert!(value(TargetDistances::Coordinates(along.clone().into_shared())) < 1e-20);
    let apart = Array2::from_shape_fn((8, 1), |(i, _)| i as f64 + 100.0 * (i / 4) as f64);
    let error = TargetDistances::geodesic(apart.view(), 2).unwrap_err();
    assert!(matches!(error, Error::Graph { .. }), "{error}");
}

fn targets_of(targets: &TargetDistances<f64>, points: &Array2<f64>) -> Array2<f64> {
    let rows: Vec<usize> = (0..points.nrows()).collect();
    let batch = super::Batch {
        data: points.view(),
        rows: &rows,
        seed: 0,
    };
    targets.of(&batch).unwrap()
}
