//! The term in closed form, its gradient, and the ways to its graph against each other.
#![allow(clippy::float_cmp, reason = "where bits are compared, bits are meant")]

use dfdx::tensor::Cpu;
use geom_graph::{Bandwidth, DistanceGraph, Metric, Symmetrisation, knn};
use geom_nn::{Activation, Architecture, Network};
use ndarray::{Array2, Axis, array, s};

use super::{DistanceRule, Distances, GraphData, GraphIsometry, GraphSettings, Minibatch};
use crate::{
    Autoencoder, Error, TrainOptions, box_autoencoder,
    objective::{Batch, Evaluation, Objective, Term, gradcheck},
};

/// An encoder (I 0) on rows (y, …), and any decoder: the gradient for its bias is the sum of ∂L/∂y, for its weight ∂L/∂yᵀ x.
fn passing_through(data_dim: usize, latent_dim: usize) -> Autoencoder<f64, Cpu> {
    let device = Cpu::default();
    let net = |from, to| Architecture::mlp(&[from, to], Activation::Linear, Activation::Linear);
    let weight =
        Array2::from_shape_fn((latent_dim, data_dim), |(i, j)| f64::from(u8::from(i == j)));
    let parameters = weight
        .iter()
        .copied()
        .chain(vec![0.0; latent_dim])
        .collect();
    let encoder =
        Network::from_parameters(&net(data_dim, latent_dim), parameters, &device).unwrap();
    let decoder = Network::new(
        &net(latent_dim, data_dim),
        geom_nn::Initialiser::default(),
        0,
        &device,
    )
    .unwrap();
    Autoencoder::from_networks(encoder, decoder).unwrap()
}

/// The term at codes y.
pub(super) fn at(term: GraphIsometry<f64>, y: &Array2<f64>, rows: &[usize]) -> Evaluation<f64> {
    evaluated(term, y, rows).unwrap()
}

pub(super) fn evaluated(
    term: GraphIsometry<f64>,
    y: &Array2<f64>,
    rows: &[usize],
) -> crate::Result<Evaluation<f64>> {
    // One column more than the codes, so that the weight's gradient shows each ∂L/∂y_i in a column of its own.
    let (points, dim) = y.dim();
    let mut x = Array2::zeros((points, dim + points));
    x.slice_mut(s![.., ..dim]).assign(y);
    for i in 0..points {
        x[[i, dim + i]] = 1.0;
    }
    let model = passing_through(dim + points, dim);
    Objective::new().with(1.0, term).evaluate(
        &model,
        &Batch {
            data: x.view(),
            rows,
            seed: 0,
        },
    )
}

#[test]
fn three_points_in_closed_form() {
    let coordinates = array![[0.0], [1.0], [3.0]];
    let term = || GraphIsometry::new(Distances::Coordinates(coordinates.clone()), 2.0).unwrap();
    let rows = [0, 1, 2];
    assert!((at(term(), &coordinates, &rows).total() + 0.759_287_349_6).abs() < 1e-10);
    let plane = array![[0.0, 0.0], [1.0, 0.5], [3.0, -1.0]];
    assert!((at(term(), &plane, &rows).total() + 1.045_509_659_6).abs() < 1e-10);
    let rescaling = term()
        .rescaling(coordinates.view(), coordinates.view(), [&rows[..]])
        .unwrap();
    assert!((rescaling.sq_scale - 1.661_148_799_5).abs() < 1e-9);
    assert!(
        term()
            .rescaling(coordinates.view(), coordinates.view(), [&[3][..]])
            .is_err()
    );
    // Scaling the codes by s brings the optimum to 1, and does nothing to the scale-free sibling.
    let scaled = &coordinates * rescaling.sq_scale.sqrt();
    assert!(
        term()
            .rescaling(coordinates.view(), scaled.view(), [&rows[..]])
            .unwrap()
            .bias
            < 1e-12
    );
    assert!(at(term(), &scaled, &rows).total() < at(term(), &coordinates, &rows).total());
    let free = |y: &Array2<f64>| at(term().scale_free(), y, &rows).total();
    assert!((free(&scaled) - free(&coordinates)).abs() < 1e-12);
}

/// Batches of this size.
pub(super) fn training(batch_size: usize) -> TrainOptions {
    TrainOptions {
        batch_size,
        seed: 1,
        ..TrainOptions::default()
    }
}

/// A rolled-up strip: its geodesics are those of the plane.
pub(super) fn roll(points: usize) -> (Array2<f64>, Array2<f64>) {
    let golden = 0.618_033_988_749_894_9;
    let flat = Array2::from_shape_fn((points, 2), |(i, k)| match k {
        0 => 6.0 * (i as f64 + 0.5) / points as f64,
        _ => 2.0 * ((i as f64 * golden).fract()),
    });
    let x = Array2::from_shape_fn((points, 3), |(i, k)| match k {
        0 => 2.5 * (flat[[i, 0]] / 2.5).cos(),
        1 => 2.5 * (flat[[i, 0]] / 2.5).sin(),
        _ => flat[[i, 1]],
    });
    (x, flat)
}

#[test]
fn gradients_agree_with_central_differences_for_every_weight() {
    let (x, flat) = roll(40);
    let data = GraphData {
        points: x.view(),
        labels: None,
        training: &training(12),
    };
    let settings = GraphSettings {
        distances: DistanceRule::Geodesic { neighbours: 6 },
        ..GraphSettings::default()
    };
    let free = GraphSettings {
        scale_free: true,
        distances: DistanceRule::Euclidean,
        ..settings
    };
    let slices = GraphSettings {
        minibatch: Minibatch::Slicing,
        ..settings
    };
    let terms = [
        settings.build(&data).unwrap().0,
        free.build(&data).unwrap().0,
        slices.build(&data).unwrap().0,
        settings
            .build_with(Distances::Coordinates(flat), &data)
            .unwrap()
            .0,
    ];
    for term in terms {
        let rows: Vec<usize> = (0..12).map(|i| (i * 7 + 3) % 40).collect();
        let part = x.select(Axis(0), &rows);
        let architecture = box_autoencoder(3, &[6, 5], 2, Activation::Tanh).unwrap();
        let mut model = Autoencoder::<f64, Cpu>::new(&architecture, 4, &Cpu::default()).unwrap();
        let mut objective = Objective::new().with(0.6, term);
        let batch = Batch {
            data: part.view(),
            rows: &rows,
            seed: 0,
        };
        gradcheck::check(&mut objective, &mut model, &batch, 3e-4, 1e-8).unwrap();
    }
}

#[test]
fn an_automatic_bandwidth_leaves_a_flat_picture_nearly_as_it_is() {
    let (x, flat) = roll(600);
    let data = GraphData {
        points: x.view(),
        labels: None,
        training: &training(300),
    };
    let settings = GraphSettings::default();
    let rows: Vec<usize> = (0..600).step_by(2).collect();
    let bias = |term: &GraphIsometry<f64>| {
        term.rescaling(x.view(), flat.view(), [&rows[..]])
            .unwrap()
            .bias
    };
    let (term, report) = settings
        .build_with(Distances::Coordinates(flat.clone()), &data)
        .unwrap();
    assert!(bias(&term) < 0.03, "{report:?} {}", bias(&term));
    // Measured on batches that it was not calibrated on: close to 0, and not 0 by definition.
    assert!(
        report.bias.unwrap() > 0.0 && report.bias.unwrap() < 0.02,
        "{report:?}"
    );
    assert!(
        report.spread.unwrap() > 0.0 && report.judged_batches == 5,
        "{report:?}"
    );
    let paper = GraphSettings {
        calibrate: false,
        ..settings
    };
    let (term, report) = paper
        .build_with(Distances::Coordinates(flat.clone()), &data)
        .unwrap();
    // The Gram form at 64 points of a batch says what the coordinates say at all.
    assert!(
        (report.bias.unwrap() - bias(&term)).abs() < 0.03,
        "{report:?} {}",
        bias(&term)
    );
    // Paths along ten neighbours are some percent longer than the truth, so the picture they ask for is larger.
    let (term, report) = settings.build(&data).unwrap();
    assert_eq!(
        (
            report.isolated,
            report.components,
            report.points,
            report.stored
        ),
        (0, Some(1), 300, true)
    );
    assert!(bias(&term) < 0.12, "{report:?}");
    // A bandwidth far below the spacing isolates points and asks for too large a picture; the report says so.
    let tight = GraphSettings {
        bandwidth: Bandwidth::Fixed(1.5e-3),
        ..settings
    };
    let (_, report) = tight.build(&data).unwrap();
    assert!(report.isolated > 50, "{report:?}");
    let nothing = GraphSettings {
        bandwidth: Bandwidth::Fixed(1e-4),
        ..settings
    };
    assert!(matches!(nothing.build(&data), Err(Error::Graph { .. })));
}

#[test]
fn stored_geodesics_are_those_of_the_batch() {
    let (x, _) = roll(200);
    let found = knn(x.view(), 6, Metric::Euclidean).unwrap();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    let per_batch = Distances::Geodesic(graph);
    let stored = per_batch.clone().stored(1.7).unwrap();
    assert!(matches!(stored, Distances::Given(_)));
    let rows: Vec<usize> = (0..60).map(|i| (i * 13) % 200).collect();
    let part = x.select(Axis(0), &rows);
    let a = per_batch
        .among(part.view(), &rows, Some(1.7))
        .unwrap()
        .to_dense();
    let b = stored
        .among(part.view(), &rows, Some(1.7))
        .unwrap()
        .to_dense();
    for (a, b) in a.iter().zip(&b) {
        assert!(a == b || (a - b).abs() < 1e-12, "{a} {b}");
    }
}

#[test]
fn what_is_prepared_beforehand_changes_no_bit() {
    let (x, _) = roll(60);
    let data = GraphData {
        points: x.view(),
        labels: None,
        training: &training(20),
    };
    let (term, _) = GraphSettings::default().build(&data).unwrap();
    let architecture = box_autoencoder(3, &[8], 2, Activation::Elu).unwrap();
    let model = Autoencoder::<f64, Cpu>::new(&architecture, 4, &Cpu::default()).unwrap();
    let rows: Vec<usize> = (5..25).collect();
    let part = x.select(Axis(0), &rows);
    let batch = Batch {
        data: part.view(),
        rows: &rows,
        seed: 0,
    };
    let prepared = vec![Term::prepare(&term, &batch).unwrap()];
    let objective = Objective::new().with(1.0, term);
    let with = objective
        .evaluate_prepared(&model, &batch, prepared)
        .unwrap();
    let without = objective
        .evaluate_prepared(&model, &batch, Vec::new())
        .unwrap();
    assert_eq!(with.encoder, without.encoder);
    assert_eq!(with.total().to_bits(), without.total().to_bits());
}

#[test]
fn contradictions_are_refused_before_training() {
    let (x, _) = roll(50);
    let data = GraphData {
        points: x.view(),
        labels: None,
        training: &training(20),
    };
    let refused = |settings: GraphSettings| settings.build::<f64>(&data).map(|_| ());
    let supervised = GraphSettings {
        class_multiplier: 2.0,
        ..GraphSettings::default()
    };
    assert!(matches!(
        refused(supervised),
        Err(Error::Contradiction {
            first: "class_multiplier",
            ..
        })
    ));
    let dropped = GraphSettings {
        drop_edges: 0.1,
        distances: DistanceRule::Euclidean,
        ..GraphSettings::default()
    };
    assert!(matches!(
        refused(dropped),
        Err(Error::Contradiction {
            first: "drop_edges",
            ..
        })
    ));
    let both = GraphSettings {
        class_multiplier: 2.0,
        ..dropped
    };
    let labels = vec![0; 50];
    let labelled = GraphData {
        labels: Some(&labels),
        ..data
    };
    for settings in [supervised, dropped, both] {
        let own = Distances::Coordinates(x.clone());
        let refused = settings.build_with(own, &labelled).map(|_| ());
        assert!(
            matches!(refused, Err(Error::Contradiction { .. })),
            "{settings:?}"
        );
    }
    let dense = GraphSettings {
        minibatch: Minibatch::Slicing,
        cut_off: 0.0,
        ..GraphSettings::default()
    };
    assert!(matches!(refused(dense), Err(Error::Contradiction { .. })));
    let many = GraphSettings {
        distances: DistanceRule::Geodesic { neighbours: 50 },
        ..GraphSettings::default()
    };
    assert!(matches!(refused(many), Err(Error::Graph { .. })));
    assert!(matches!(
        Distances::<f64>::cyclic_series(10, 4),
        Err(Error::Contradiction { .. })
    ));
    let series = Distances::<f64>::cyclic_series(12, 4).unwrap();
    let other = GraphSettings::default()
        .build_with(series, &data)
        .map(|_| ());
    assert!(matches!(
        other,
        Err(Error::GraphSize {
            graph: 12,
            data: 50
        })
    ));
    assert!(GraphIsometry::<f64>::new(Distances::Euclidean, 0.0).is_err());
}
