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
                    let objective = method.objective_with(2.0, &settings).unwrap();
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
