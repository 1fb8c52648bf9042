//! What does not fit is refused before training; what does gives an objective.

use super::*;

#[test]
fn what_does_not_fit_is_refused_before_training() {
    let data = data();
    let check = |objective: &Objective<f64>, coding| {
        objective.check(&Setting {
            data: data.view(),
            latent_dim: LATENT_DIM,
            coding,
        })
    };
    let with = |noise| {
        Objective::new()
            .with(1.0, SumSquaredError)
            .with_encoder_noise(noise)
    };
    let gaussian = with(EncoderNoise::Gaussian { clip: None });
    assert!(check(&gaussian, Coding::Gaussian).is_ok());
    assert!(matches!(
        check(&gaussian, Coding::Point),
        Err(Error::DeterministicEncoder { .. })
    ));
    for noise in [
        EncoderNoise::Deterministic,
        EncoderNoise::Implicit,
        EncoderNoise::Input { deviation: 0.1 },
    ] {
        assert!(check(&with(noise), Coding::Point).is_ok());
        assert!(matches!(
            check(&with(noise), Coding::Gaussian),
            Err(Error::Contradiction { .. })
        ));
    }
    for noise in [
        EncoderNoise::Input { deviation: -1.0 },
        EncoderNoise::Input {
            deviation: f64::NAN,
        },
    ] {
        assert!(check(&with(noise), Coding::Point).is_err());
    }
    let upside_down = with(EncoderNoise::Gaussian {
        clip: Some((1.0, 0.0)),
    });
    assert!(check(&upside_down, Coding::Gaussian).is_err());
    let several = Objective::new().with(1.0, MultiCodeDiscrepancy::default());
    assert!(check(&several, Coding::Point).is_err());
    let one = MultiCodeDiscrepancy {
        codes: 1,
        ..MultiCodeDiscrepancy::default()
    };
    assert!(check(&Objective::new().with(1.0, one), Coding::Gaussian).is_err());
    // The trick needs a density everywhere; a sphere in one dimension is no prior; a step of zero is no training.
    let sphere = Prior::Sphere { radius: 1.0 };
    assert!(Adversary::<f64>::new(sphere, &small(false), 2, 0).is_ok());
    assert!(Adversary::<f64>::new(sphere, &small(true), 2, 0).is_err());
    assert!(Adversary::<f64>::new(sphere, &small(false), 1, 0).is_err());
    let still = AdversarySettings {
        learning_rate: f64::NAN,
        ..small(false)
    };
    assert!(Adversary::<f64>::new(Prior::default(), &still, 2, 0).is_err());
    // Parts that depend on the data are missed by name.
    let unsettled = Objective::new().against(1.0, Prior::default(), small(false));
    let error = with_batch(0, |batch| unsettled.evaluate(&model(1), batch).unwrap_err());
    assert!(matches!(error, Error::NotSettled { .. }), "{error}");
}

#[test]
fn every_setting_of_the_methods_with_a_prior_gives_an_objective() {
    for method in Method::ALL {
        let Some(mut settings) = method.latent_settings() else {
            assert!(
                method
                    .objective_with::<f64>(1.0, &Method::WaeMmd.latent_settings().unwrap())
                    .is_err()
            );
            continue;
        };
        assert_eq!(settings.noise.is_stochastic(), method.is_stochastic());
        settings.adversary = small(false);
        settings.adaptive_every = 2;
        for log_variance in [LogVarianceNorm::L1, LogVarianceNorm::L2] {
            for kernel in [crate::KernelFamily::Imq, crate::KernelFamily::Rbf] {
                for prior in [Prior::default(), Prior::Uniform { half_width: 1.0 }] {
                    let settings = crate::LatentSettings {
                        prior,
                        kernel,
                        log_variance,
                        ..settings.clone()
                    };
                    let objective = method.objective_with(2.0, &settings);
                    if kernel == crate::KernelFamily::Rbf
                        && matches!(method, Method::WaeGan | Method::WaeMulti)
                    {
                        assert!(matches!(objective, Err(Error::Contradiction { .. })));
                        continue;
                    }
                    let objective = objective.unwrap();
                    let model = model(if method.is_stochastic() { 2 } else { 1 });
                    let objective = settled(objective, &model);
                    let found = with_batch(1, |batch| objective.evaluate(&model, batch).unwrap());
                    assert!(found.total().is_finite());
                }
            }
        }
        assert!(method.objective_with::<f64>(-1.0, &settings).is_err());
    }
    let penalty = LogVariancePenalty::default();
    assert_eq!(penalty.clip, Some((-20.0, 5.0)));
}

#[test]
fn what_would_not_fit_into_memory_is_refused_before_it_is_made() {
    let data = data();
    let setting = Setting {
        data: data.view(),
        latent_dim: 1 << 20,
        coding: Coding::Point,
    };
    let implicit = Objective::<f64>::new().with_encoder_noise(EncoderNoise::Implicit);
    let wide = AdversarySettings {
        hidden: vec![1 << 20, 1 << 20],
        ..small(false)
    };
    let adversary = Objective::new().against(1.0, Prior::default(), wide);
    for mut objective in [implicit, adversary] {
        let error = objective.settle(&setting, 1).unwrap_err();
        assert!(matches!(error, Error::TooManyParameters { .. }), "{error}");
    }
}

#[test]
fn several_codes_are_drawn_with_the_noise_and_the_clipping_of_the_encoder() {
    let clip = Some((-0.05, 0.05));
    let term = |codes| MultiCodeDiscrepancy {
        prior: Prior::Uniform { half_width: 1.0 },
        codes,
    };
    for noise in [
        EncoderNoise::Gaussian { clip },
        EncoderNoise::Uniform { clip },
        EncoderNoise::Uniform { clip: None },
    ] {
        let objective = Objective::new()
            .with(0.7, term(3))
            .with_encoder_noise(noise);
        check_gradient(objective, model(2), 1e-8);
    }
    // μ = 0, s = 0 and uniform noise: the codes are draws of the uniform prior; normal ones are not.
    let mut model = model(2);
    let (encoder, _) = model.networks_mut();
    let zeros = vec![0.0; encoder.parameter_count()];
    encoder.set_parameters(&zeros).unwrap();
    let mean = |noise| {
        let objective = Objective::new()
            .with(1.0, term(10))
            .with_encoder_noise(noise);
        let objective = settled(objective, &model);
        let values: ndarray::Array1<f64> = (0..200)
            .map(|seed| {
                with_batch(seed, |batch| {
                    objective.evaluate(&model, batch).unwrap().total()
                })
            })
            .collect();
        (values.mean().unwrap(), values.std(1.0) / 200_f64.sqrt())
    };
    let (uniform, error) = mean(EncoderNoise::Uniform { clip: None });
    assert!(uniform.abs() < 4.0 * error, "{uniform} ± {error}");
    let (normal, error) = mean(EncoderNoise::Gaussian { clip: None });
    assert!(normal > 10.0 * error, "{normal} ± {error}");
}
