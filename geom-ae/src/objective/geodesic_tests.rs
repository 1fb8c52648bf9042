//! Autoencoders on known manifolds: gradients, laws, the score, refusals.

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture};
use geom_riemann::manifold::{Space, to_points};
use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};

use super::{
    Batch, Evaluation, GeodesicContraction, GeodesicDenoising, GeodesicError, Objective,
    SumSquaredError, Term, gradcheck, seeds::mix,
};
use crate::{Autoencoder, AutoencoderArchitecture, DataSpace, Error, Method, score};

fn space(space: Space) -> DataSpace {
    DataSpace::new(space).unwrap()
}

fn sphere(coordinates: usize) -> Space {
    Space::Sphere {
        coordinates,
        radius: 1.5,
    }
}

fn spaces() -> Vec<DataSpace> {
    let circles = vec![sphere(2), sphere(2)];
    [
        sphere(3),
        sphere(2),
        Space::Product { factors: circles },
        Space::FlatTorus {
            periods: vec![7.0, 9.0, 8.0],
        },
        Space::Rotation {},
        Space::Spd { size: 2 },
        Space::LogEuclideanSpd { size: 2 },
        Space::Hyperbolic {
            dimension: 2,
            radius: 1.0,
        },
    ]
    .map(space)
    .into()
}

fn points(space: &DataSpace, count: usize) -> Array2<f64> {
    let raw = Array2::from_shape_fn((count, space.width()), |(i, k)| {
        (1.3 * i as f64 + 0.7 * k as f64).sin() + 0.4 * ((3 * i + 5 * k) as f64).cos()
    });
    to_points(space.manifold(), raw.view()).unwrap()
}

/// Tanh networks; `codes` = 2 makes the encoder stochastic.
fn model(width: usize, codes: usize) -> Autoencoder<f64, Cpu> {
    let net = |widths: &[usize]| Architecture::mlp(widths, Activation::Tanh, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(&[width, 6, 2 * codes]),
        decoder: net(&[2, 7, width]),
    };
    Autoencoder::new(&architecture, 2, &Cpu::default()).unwrap()
}

fn evaluate(
    objective: &Objective<f64>,
    model: &Autoencoder<f64, Cpu>,
    data: ArrayView2<'_, f64>,
    seed: u64,
) -> Evaluation<f64> {
    let rows: Vec<usize> = (0..data.nrows()).collect();
    let batch = Batch {
        data,
        rows: &rows,
        seed,
    };
    objective.evaluate(model, &batch).unwrap()
}

fn check_gradient(term: impl Term<f64> + 'static, space: &DataSpace, codes: usize, allowed: f64) {
    let data = points(space, 5);
    let batch = Batch {
        data: data.view(),
        rows: &[0, 1, 2, 3, 4],
        seed: 3,
    };
    let name = term.name();
    let mut objective = Objective::new().with(0.7, term);
    let mut model = model(space.width(), codes);
    gradcheck::check(&mut objective, &mut model, &batch, 3e-4, allowed)
        .unwrap_or_else(|error| panic!("{name} on {:?}: {error}", space.space()));
}

#[test]
fn every_term_has_the_gradient_of_its_value_on_every_manifold() {
    for space in spaces() {
        for codes in [1, 2] {
            check_gradient(GeodesicError::new(space.clone()), &space, codes, 1e-6);
            let denoising = GeodesicDenoising::new(space.clone(), 0.2).unwrap();
            check_gradient(denoising, &space, codes, 1e-6);
            // A quotient with a chord of a thousandth.
            let contraction = GeodesicContraction::new(space.clone(), 2).unwrap();
            check_gradient(contraction, &space, codes, 1e-5);
        }
    }
}

#[test]
fn in_flat_space_they_are_the_usual_terms() {
    let flat = space(Space::Euclidean { dimension: 3 });
    let (data, model) = (points(&flat, 6), model(3, 1));
    let geodesic = Objective::new().with(1.0, GeodesicError::new(flat.clone()));
    let squared = Objective::new().with(1.0, SumSquaredError);
    let (a, b) = (
        evaluate(&geodesic, &model, data.view(), 0),
        evaluate(&squared, &model, data.view(), 0),
    );
    assert!((a.total() - b.total()).abs() < 1e-12 * b.total());
    assert!((&a.encoder - &b.encoder).iter().all(|d| d.abs() < 1e-12));
    assert!((&a.decoder - &b.decoder).iter().all(|d| d.abs() < 1e-12));

    // The energy is the squared norm of the Jacobian of the whole map, here by differences.
    let reconstruct =
        |x: ArrayView2<'_, f64>| model.decode(model.encode(x).unwrap().view()).unwrap();
    let mut norm = 0.0;
    for k in 0..3 {
        let shifted = |h: f64| {
            let mut x = data.clone();
            x.column_mut(k).mapv_inplace(|x| x + h);
            reconstruct(x.view())
        };
        let column = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
        norm += column.mapv(|c| c * c).sum() / 6.0;
    }
    let contraction = GeodesicContraction::new(flat, 4000).unwrap();
    let energy = evaluate(
        &Objective::new().with(1.0, contraction),
        &model,
        data.view(),
        1,
    );
    // 24,000 probes, each with a relative spread of at most √2.
    assert!(
        (energy.total() / norm - 1.0).abs() < 0.05,
        "{} {norm}",
        energy.total()
    );
}

#[test]
fn turning_data_and_networks_changes_nothing_on_the_sphere() {
    let sphere = space(sphere(3));
    let (data, plain) = (points(&sphere, 8), model(3, 1));
    let (sine, cosine) = 1.1_f64.sin_cos();
    let about_z = array![[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]];
    let about_x = array![[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.0, 0.8, 0.6]];
    let turn = about_z.dot(&about_x);
    // The first layer undoes the turn, the last one makes it.
    let mut turned = model(3, 1);
    let (encoder, decoder) = turned.networks_mut();
    let weights = encoder.parameters().to_vec();
    let first = ArrayView2::from_shape((6, 3), &weights[..18]).unwrap();
    let first: Vec<f64> = first.dot(&turn.t()).iter().copied().collect();
    encoder.parameters_mut()[..18].copy_from_slice(&first);
    let weights = decoder.parameters().to_vec();
    let at = weights.len() - 24;
    let last = ArrayView2::from_shape((3, 7), &weights[at..at + 21]).unwrap();
    let last: Vec<f64> = turn.dot(&last).iter().copied().collect();
    let bias = turn.dot(&Array1::from(weights[at + 21..].to_vec()));
    decoder.parameters_mut()[at..at + 21].copy_from_slice(&last);
    decoder.parameters_mut()[at + 21..].copy_from_slice(bias.as_slice().unwrap());

    let moved = data.dot(&turn.t());
    let objective = Objective::new().with(1.0, GeodesicError::new(sphere.clone()));
    let before = evaluate(&objective, &plain, data.view(), 0);
    let after = evaluate(&objective, &turned, moved.view(), 0);
    assert!((before.total() - after.total()).abs() < 1e-12 * before.total());
    let error = |model: Autoencoder<f64, Cpu>, x: &Array2<f64>| {
        let model = model.on(sphere.clone()).unwrap();
        let back = model
            .decode(model.encode(x.view()).unwrap().view())
            .unwrap();
        sphere.reconstruction_error(x.view(), back.view()).unwrap()
    };
    let (before, after) = (error(plain, &data), error(turned, &moved));
    assert!(before > 0.1 && (before - after).abs() < 1e-12 * before);
}

/// Points of the von Mises–Fisher density exp(κ μ·x) on the unit sphere, μ the third axis, by its exact quantile function.
fn fisher_points(count: usize, kappa: f64) -> Array2<f64> {
    let mut points = Array2::zeros((count, 3));
    for (i, mut point) in points.rows_mut().into_iter().enumerate() {
        let share = (i as f64 + 0.5) / count as f64;
        let height = 1.0 + (share + (1.0 - share) * (-2.0 * kappa).exp()).ln() / kappa;
        let (sine, cosine) = (2.399_963_229_728_653 * i as f64).sin_cos();
        let radius = (1.0 - height * height).sqrt();
        point.assign(&array![radius * cosine, radius * sine, height]);
    }
    points
}

#[test]
fn both_methods_estimate_the_score_of_a_density_on_the_sphere() {
    const KAPPA: f64 = 2.0;
    const VARIANCE: f64 = 0.03;
    let sphere = space(Space::Sphere {
        coordinates: 3,
        radius: 1.0,
    });
    let data = fisher_points(2000, KAPPA);
    for method in [Method::Gdae, Method::Grcae] {
        let objective = method.objective_on_manifold(VARIANCE, &sphere).unwrap();
        // r(x) = Ax + c brought onto the sphere, from the identity.
        let net = || Architecture::mlp(&[3, 3], Activation::Linear, Activation::Linear);
        let architecture = AutoencoderArchitecture {
            encoder: net(),
            decoder: net(),
        };
        let mut model = Autoencoder::<f64, Cpu>::new(&architecture, 1, &Cpu::default()).unwrap();
        let mut identity = [0.0; 12];
        for k in [0, 4, 8] {
            identity[k] = 1.0;
        }
        let (encoder, decoder) = model.networks_mut();
        encoder.set_parameters(&identity).unwrap();
        decoder.set_parameters(&identity).unwrap();
        for iteration in 0..150_u64 {
            let found = evaluate(&objective, &model, data.view(), mix(7, iteration));
            let rate = 0.4 / (1.0 + iteration as f64 / 25.0);
            let (encoder, decoder) = model.networks_mut();
            for (network, gradient) in [(encoder, found.encoder), (decoder, found.decoder)] {
                for (weight, g) in network.parameters_mut().iter_mut().zip(&gradient) {
                    *weight -= rate * g;
                }
            }
        }
        let model = model.on(sphere.clone()).unwrap();
        // grad ln p = κ(μ − (μ·x)x).
        let x = data.slice(s![..;50, ..]).to_owned();
        let found = score(&model, x.view(), VARIANCE).unwrap();
        let exact = Array2::from_shape_fn(x.dim(), |(i, k)| {
            KAPPA * (f64::from(u8::from(k == 2)) - x[(i, 2)] * x[(i, k)])
        });
        let slope = (&found * &exact).sum() / exact.mapv(|e| e * e).sum();
        assert!((slope - 1.0).abs() < 0.1, "{method}: {slope}");
    }
}

#[test]
fn a_model_on_a_manifold_decodes_onto_it_and_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    for space in spaces() {
        let width = space.width();
        let model = model(width, 1).on(space.clone()).unwrap();
        let z = array![[0.3, -0.4], [1.2, 0.7]];
        let (decoded, jacobian) = model.decode_with_jacobian(z.view()).unwrap();
        assert!(space.check(decoded.view()).unwrap() < 1e-12);
        assert_eq!(decoded, model.decode(z.view()).unwrap());
        // JᵀJ measures short steps as the manifold does.
        for direction in [array![1.0, 0.0], array![-0.6, 0.8]] {
            const H: f64 = 1e-4;
            let ends =
                [-0.5 * H, 0.5 * H].map(|h| model.decode((&z + &(&direction * h)).view()).unwrap());
            for (i, j) in jacobian.outer_iter().enumerate() {
                let step = space
                    .manifold()
                    .distance(ends[0].row(i), ends[1].row(i))
                    .unwrap()
                    / H;
                let length = j.dot(&direction).mapv(|c| c * c).sum().sqrt();
                assert!(
                    (step - length).abs() < 1e-6 * length,
                    "{:?}: {step} {length}",
                    space.space()
                );
            }
        }
        let path = folder.path().join("model.safetensors");
        model
            .save(&path, &std::collections::BTreeMap::new())
            .unwrap();
        let read = Autoencoder::<f64, Cpu>::load(&path, &Cpu::default()).unwrap();
        assert_eq!(read.data_space(), Some(&space));
        assert_eq!(read.decode(z.view()).unwrap(), decoded);
    }
    let other = space(sphere(4));
    assert!(matches!(model(3, 1).on(other), Err(Error::Width { .. })));
}

#[test]
fn a_network_that_diverged_gives_no_number_and_no_error() {
    let sphere = space(sphere(3));
    let (data, mut diverged) = (points(&sphere, 4), model(3, 1));
    let (_, decoder) = diverged.networks_mut();
    decoder.parameters_mut().fill(f64::NAN);
    for method in [Method::Gdae, Method::Grcae] {
        let objective = method.objective_on_manifold(0.01, &sphere).unwrap();
        let found = evaluate(&objective, &diverged, data.view(), 0);
        assert!(found.total().is_nan(), "{method}");
    }
}

#[test]
fn data_off_the_manifold_are_refused_before_training_with_row_and_distance() {
    let sphere = space(sphere(3));
    let mut data = points(&sphere, 20);
    data.row_mut(13).mapv_inplace(|x| 1.2 * x);
    for method in [Method::Gdae, Method::Grcae] {
        let objective = method.objective_on_manifold(0.01, &sphere).unwrap();
        let options = crate::TrainOptions {
            batch_size: 5,
            ..crate::TrainOptions::default()
        };
        let refused = crate::Trainer::new(model(3, 1), objective, data.view(), options);
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains("row 13") && message.contains("1 of 20 rows"),
            "{message}"
        );
        assert!(matches!(
            method.objective::<f64>(0.01),
            Err(Error::NeedsManifold { .. })
        ));
        assert!(method.objective_on_manifold::<f64>(-1.0, &sphere).is_err());
    }
    let other = Method::Dae.objective_on_manifold::<f64>(0.01, &sphere);
    assert!(matches!(other, Err(Error::Contradiction { .. })));
    assert!(GeodesicDenoising::new(sphere.clone(), f64::NAN).is_err());
    assert!(GeodesicContraction::new(sphere.clone(), 0).is_err());
    let model = model(3, 1);
    let x = points(&sphere, 2);
    for variance in [0.0, -1.0, f64::NAN] {
        assert!(score(&model, x.view(), variance).is_err());
    }
    let empty = x.slice_axis(Axis(0), ndarray::Slice::from(..0));
    assert!(
        model
            .on(sphere)
            .unwrap()
            .decode(empty.slice(s![.., ..2]))
            .is_ok()
    );
}
