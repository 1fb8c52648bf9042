//! Encoder noise, pre-training and weights that follow their terms.

use ndarray::{Array2, Axis, s};

use super::{
    EncoderNoise, MeanSquaredError, Objective, Pretraining, PretrainingGoal, SumSquaredError,
    latent_tests::{DATA_DIM, LATENT_DIM, check_gradient, model, settled, with_batch},
};
use crate::codes::Prior;

#[test]
fn every_noise_has_the_gradient_of_what_it_gives() {
    let clip = Some((-0.3, 0.1));
    for (noise, codes) in [
        (EncoderNoise::Deterministic, 1),
        (EncoderNoise::Input { deviation: 0.3 }, 1),
        (EncoderNoise::Implicit, 1),
        (EncoderNoise::Gaussian { clip: None }, 2),
        (EncoderNoise::Gaussian { clip }, 2),
        (EncoderNoise::Uniform { clip: None }, 2),
        (EncoderNoise::Uniform { clip }, 2),
    ] {
        let objective = Objective::new()
            .with(1.0, SumSquaredError)
            .with_encoder_noise(noise);
        check_gradient(objective, model(codes), 1e-7);
    }
}

#[test]
fn uniform_noise_is_centred_and_rests_at_the_prior() {
    // μ + e^s U(0, 1), as published, has the mean μ + ½ and at s = 0 half the prior's width.
    let noise = EncoderNoise::Uniform { clip: None };
    let unit = noise.unit::<f64>(20_000, 2, 4);
    assert!(unit.iter().all(|u| (-1.0..1.0).contains(u)));
    let count = unit.len() as f64;
    let mean = unit.sum() / count;
    let square = unit.iter().map(|u| u * u).sum::<f64>() / count;
    assert!(mean.abs() < 5.0 * (1.0 / 3.0 / count).sqrt());
    assert!((3.0 * square - 1.0).abs() < 5.0 * (0.8 / count).sqrt());
}

#[test]
fn noise_on_the_input_is_cut_off_at_two_deviations() {
    let noise = EncoderNoise::Input { deviation: 0.01 };
    let clean = Array2::<f64>::zeros((200, 50));
    let noisy = noise.noisy_input(clean.view(), 7).unwrap();
    assert!(noisy.iter().all(|e| e.abs() <= 0.02));
    // A normal cut off at two deviations has the variance 1 − 4 φ(2)/(2 Φ(2) − 1) = 0.773741.
    let square = noisy.iter().map(|e| e * e).sum::<f64>() / (1e4 * 1e-4);
    assert!((square - 0.773_741).abs() < 0.05, "{square}");
    assert!(
        EncoderNoise::Deterministic
            .noisy_input(clean.view(), 7)
            .is_none()
    );
}

#[test]
fn every_points_noise_is_a_stream_of_its_own() {
    let noise = EncoderNoise::Input { deviation: 1.0 };
    let draw = |points| {
        let clean = Array2::<f64>::zeros((points, 5));
        noise.noisy_input(clean.view(), 7).unwrap()
    };
    let all = draw(9);
    assert_eq!(draw(4), all.slice(s![..4, ..]));
    for i in 1..9 {
        assert_ne!(all.row(i), all.row(i - 1));
    }
}

#[test]
fn clipped_log_variances_are_bounds_without_a_gradient() {
    let model = model(2);
    let evaluate = |noise| {
        let objective = Objective::new()
            .with(1.0, SumSquaredError)
            .with_encoder_noise(noise);
        let objective = settled(objective, &model);
        with_batch(3, |batch| objective.evaluate(&model, batch).unwrap())
    };
    let free = evaluate(EncoderNoise::Gaussian { clip: None });
    let wide = evaluate(EncoderNoise::Gaussian {
        clip: Some((-20.0, 5.0)),
    });
    assert_eq!(free.encoder, wide.encoder);
    let shut = evaluate(EncoderNoise::Gaussian {
        clip: Some((7.0, 8.0)),
    });
    // The last layer's rows of log-variances get nothing.
    let tail = shut.encoder.slice(s![-LATENT_DIM.cast_signed()..]);
    assert!(tail.iter().all(|&g| g == 0.0), "{tail}");
    assert!(
        free.encoder
            .slice(s![-LATENT_DIM.cast_signed()..])
            .iter()
            .all(|&g| g != 0.0)
    );
}

#[test]
fn pre_training_brings_the_codes_to_the_moments_of_the_prior() {
    let data = Array2::from_shape_fn((300, DATA_DIM), |(i, j)| {
        (0.37 * (i * (j + 2)) as f64).sin()
    });
    let rows: Vec<usize> = (0..300).collect();
    let adam = geom_nn::Adam {
        learning_rate: 0.02,
        ..geom_nn::Adam::default()
    };
    let prior = Prior::Normal { variance: 4.0 };
    let pretraining = Pretraining {
        prior,
        goal: PretrainingGoal::Loss(0.1),
        ..Pretraining::default()
    };
    let objective = Objective::new().with(1.0, SumSquaredError);
    let run = || {
        let mut model = model(1);
        let found = pretraining
            .run(&mut model, &objective, data.view(), &rows, &adam, 3)
            .unwrap();
        (found, model)
    };
    let (found, trained) = run();
    assert!(
        found.loss < 0.1 && found.steps > 1 && found.steps < 200,
        "{found:?}"
    );
    let codes = trained.encode(data.view()).unwrap();
    let variance = codes.var_axis(Axis(0), 1.0);
    assert!(variance.iter().all(|v| (v - 4.0).abs() < 1.5), "{variance}");
    let (again, same) = run();
    assert_eq!(again, found);
    assert_eq!(same.encoder().parameters(), trained.encoder().parameters());
    assert_eq!(same.decoder().parameters(), model(1).decoder().parameters());
}

#[test]
fn an_adaptive_weight_moves_half_way_to_the_ratio() {
    let model = model(1);
    let mut objective = Objective::new()
        .with(0.5, SumSquaredError)
        .with(10.0, MeanSquaredError)
        .adaptive(3);
    let evaluation = with_batch(3, |batch| objective.evaluate(&model, batch).unwrap());
    for step in 1..3 {
        objective.adapt(step, &evaluation);
        assert_eq!(objective.full_weights(), [0.5, 10.0]);
    }
    objective.adapt(3, &evaluation);
    let [first, second] = [0, 1].map(|place| evaluation.terms[place].value);
    let expected = 5.0 + 0.5 * (0.5 * first / second);
    assert!((objective.full_weights()[1] - expected).abs() < 1e-14);
    // A term that vanishes gives no ratio.
    let mut nothing = with_batch(3, |batch| objective.evaluate(&model, batch).unwrap());
    nothing.terms[1].value = 0.0;
    objective.adapt(6, &nothing);
    assert!((objective.full_weights()[1] - expected).abs() < 1e-14);
}

#[test]
fn drawn_codes_have_the_posteriors_spread_around_the_mean() {
    let mut model = model(2);
    let (encoder, _) = model.networks_mut();
    let mut theta = vec![0.0; encoder.parameter_count()];
    let last = theta.len();
    // μ = (1, −2), s = (ln 4, 0) whatever the point.
    theta[last - 4..].copy_from_slice(&[1.0, -2.0, 4.0_f64.ln(), 0.0]);
    encoder.set_parameters(&theta).unwrap();
    let x = ndarray::Array2::zeros((20_000, DATA_DIM));
    let noise = EncoderNoise::Gaussian { clip: None };
    let z = model.draw_codes(x.view(), noise, 7).unwrap();
    let mean = z.mean_axis(ndarray::Axis(0)).unwrap();
    let deviation = z.std_axis(ndarray::Axis(0), 1.0);
    // Five standard errors of 20,000 draws.
    assert!((mean[0] - 1.0).abs() < 0.08 && (mean[1] + 2.0).abs() < 0.04);
    assert!((deviation[0] - 2.0).abs() < 0.06 && (deviation[1] - 1.0).abs() < 0.03);
    assert_eq!(z, model.draw_codes(x.view(), noise, 7).unwrap());
    let refused = model.draw_codes(x.view(), EncoderNoise::Deterministic, 7);
    assert!(refused.is_err());
}
