//! Dropout: in training alone, the same entries on the way back.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "common/build.rs"]
mod build;

use build::{apply, net, wave};
use geom_nn::{Activation, Error, Layer, Mode, Request};
use ndarray::{Array2, Array3};

#[test]
fn dropout_drops_in_training_alone_and_the_same_entries_on_the_way_back() -> Result<(), Error> {
    let layers = vec![
        Layer::Linear {
            inputs: 3,
            outputs: 400,
        },
        apply(Activation::Tanh),
        Layer::Dropout { probability: 0.25 },
    ];
    let mut dropping = net(3, layers);
    let x = Array2::from_shape_fn((5, 3), |(i, j)| wave(i * 3 + j));
    let whole = dropping
        .evaluate(x.view(), Request::Value)?
        .value()
        .to_owned();
    dropping.set_mode(Mode::Training { seed: 1 });
    let some = dropping
        .evaluate(x.view(), Request::Value)?
        .value()
        .to_owned();
    let dropped = some.iter().filter(|&&v| v == 0.0).count();
    // 2,000 draws at 0.25: the standard deviation is 19.
    assert!((420..580).contains(&dropped), "{dropped}");
    for (s, w) in some.iter().zip(&whole) {
        assert!(*s == 0.0 || (s * 0.75 - w).abs() < 1e-15);
    }
    assert_eq!(dropping.evaluate(x.view(), Request::Value)?.value(), some);
    dropping.set_mode(Mode::Training { seed: 2 });
    assert_ne!(dropping.evaluate(x.view(), Request::Value)?.value(), some);

    let layers = vec![
        Layer::Linear {
            inputs: 3,
            outputs: 6,
        },
        Layer::Dropout { probability: 0.4 },
        apply(Activation::Tanh),
        Layer::Linear {
            inputs: 6,
            outputs: 4,
        },
    ];
    let mut small = net(3, layers);
    small.set_mode(Mode::Training { seed: 3 });
    let u = Array3::from_shape_fn((3, 2, 4), |(i, j, k)| wave(i + j + k));
    let x = Array2::from_shape_fn((3, 3), |(i, j)| wave(i * 3 + j));
    let jacobian = small.evaluate(x.view(), Request::Jacobian)?;
    let vjp = small.vjp(x.view(), u.view())?;
    for ((j, u), w) in jacobian
        .jacobian()
        .unwrap()
        .outer_iter()
        .zip(u.outer_iter())
        .zip(vjp.products().outer_iter())
    {
        assert!(
            (&u.dot(&j) - &w).iter().all(|e| e.abs() < 1e-14),
            "the same entries are dropped on the way back"
        );
    }
    Ok(())
}
