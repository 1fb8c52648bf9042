//! Adam and SGD against the formulas written out, and what they refuse.
#![allow(clippy::float_cmp, reason = "exact results are meant exactly")]

use geom_nn::{
    Activation, Adam, AdamState, Architecture, Cpu, Error, Initialiser, Network, Sgd, WeightDecay,
};
use ndarray::{Array1, array};

#[test]
fn adam_follows_its_formula() -> Result<(), Error> {
    for decay in [
        WeightDecay::None,
        WeightDecay::Coupled(0.1),
        WeightDecay::Decoupled(0.2),
    ] {
        let adam = Adam {
            learning_rate: 0.05,
            weight_decay: decay,
            ..Adam::default()
        };
        let mut state = AdamState::new(2);
        let mut parameters = [1.0_f64, -2.0];
        let (mut plain, mut m, mut v) = (parameters, [0.0; 2], [0.0; 2]);
        for t in 1..=30 {
            let gradient = array![f64::from(t).sin(), plain[0] * 0.3];
            adam.update(&mut state, &mut parameters, &gradient)?;
            for i in 0..2 {
                let mut g = gradient[i];
                match decay {
                    WeightDecay::Coupled(w) => g += w * plain[i],
                    WeightDecay::Decoupled(w) => plain[i] -= 0.05 * w * plain[i],
                    WeightDecay::None => {}
                }
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (mean, square) = (
                    m[i] / (1.0 - 0.9_f64.powi(t)),
                    v[i] / (1.0 - 0.999_f64.powi(t)),
                );
                plain[i] -= 0.05 * mean / (square.sqrt() + 1e-8);
            }
            for i in 0..2 {
                assert!(
                    (parameters[i] - plain[i]).abs() < 1e-13,
                    "{decay:?}, step {t}"
                );
            }
        }
        assert_eq!(state.step, 30);
    }
    Ok(())
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let adam = Adam::default();
    let mut state = AdamState::new(3);
    let mut parameters = [1.0_f32, 2.0, 3.0];
    for bad in [f32::NAN, f32::INFINITY] {
        let result = adam.update(&mut state, &mut parameters, &array![0.0, bad, 1.0]);
        assert!(matches!(result, Err(Error::NotFinite { position, .. }) if position == [1]));
        assert_eq!(
            (parameters, state.clone()),
            ([1.0, 2.0, 3.0], AdamState::new(3))
        );
    }
    assert!(matches!(
        adam.update(&mut state, &mut parameters, &array![0.0]),
        Err(Error::Shape { .. })
    ));
    let wrong = Adam {
        beta1: 1.0,
        ..Adam::default()
    };
    assert!(matches!(
        wrong.check(),
        Err(Error::Argument {
            argument: "beta1",
            ..
        })
    ));
    let wrong = Adam {
        learning_rate: f64::NAN,
        ..Adam::default()
    };
    assert!(matches!(
        wrong.check(),
        Err(Error::Argument {
            argument: "learning_rate",
            ..
        })
    ));
}

#[test]
fn sgd_keeps_its_momentum() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[1, 1], Activation::Linear, Activation::Linear);
    let mut net = Network::<f64>::from_parameters(&architecture, vec![1.0, 2.0], &Cpu::default())?;
    let mut velocity = Array1::zeros(2);
    let sgd = Sgd {
        learning_rate: 0.1,
        momentum: 0.5,
    };
    sgd.step(&mut velocity, &mut net, &array![1.0, 0.0])?;
    sgd.step(&mut velocity, &mut net, &array![1.0, 2.0])?;
    assert_eq!(net.parameters(), [1.0 - 0.1 - 0.1 * 1.5, 2.0 - 0.2]);
    let wrong = Sgd {
        momentum: 1.0,
        ..sgd
    };
    assert!(
        wrong
            .step(&mut velocity, &mut net, &array![0.0, 0.0])
            .is_err()
    );
    Ok(())
}

#[test]
fn training_reduces_a_regression_error() -> Result<(), Error> {
    use geom_nn::{Request, Seeds};
    let architecture = Architecture::mlp(&[1, 20, 1], Activation::Tanh, Activation::Linear);
    let mut net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 4, &Cpu::default())?;
    let x = Array1::linspace(-2.0, 2.0, 50).insert_axis(ndarray::Axis(1));
    let y = x.mapv(f64::sin);
    let adam = Adam {
        learning_rate: 0.02,
        ..Adam::default()
    };
    let mut state = AdamState::new(net.parameter_count());
    let mut error = f64::INFINITY;
    for _ in 0..400 {
        let pass = net.evaluate(x.view(), Request::Value)?;
        let residual = &pass.value() - &y;
        error = residual.mapv(|r| r * r).mean().unwrap();
        let gradient = pass.backward_parameters(Seeds::value((residual * (2.0 / 50.0)).view()))?;
        drop(pass);
        adam.step(&mut state, &mut net, &gradient)?;
    }
    // The sine's variance over the interval is about 0.6.
    assert!(error < 1e-3, "{error}");
    Ok(())
}

#[test]
fn a_norm_known_beforehand_changes_no_bit_and_one_that_is_not_finite_is_not_trusted()
-> Result<(), Error> {
    let adam = Adam::default();
    let gradient = array![0.3_f32, -2.0, 0.0];
    let step = |norm: Option<f64>| -> Result<_, Error> {
        let (mut state, mut parameters) = (AdamState::new(3), [1.0_f32, 2.0, 3.0]);
        match norm {
            Some(norm) => adam.update_knowing(&mut state, &mut parameters, &gradient, norm)?,
            None => adam.update(&mut state, &mut parameters, &gradient)?,
        }
        Ok((state, parameters))
    };
    let plain = step(None)?;
    for norm in [2.1, f64::NAN, f64::INFINITY] {
        assert_eq!(step(Some(norm))?, plain);
    }
    let (mut state, mut parameters) = (AdamState::new(1), [1.0_f32]);
    let bad = array![f32::NAN];
    let refused = adam.update_knowing(&mut state, &mut parameters, &bad, f64::NAN);
    assert!(matches!(refused, Err(Error::NotFinite { .. })));
    assert_eq!((state.step, parameters), (0, [1.0]));
    Ok(())
}
