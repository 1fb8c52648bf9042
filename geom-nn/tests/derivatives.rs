//! Every derivative against central differences, and the laws they obey.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests"
)]

use geom_nn::{
    Activation, Architecture, Cpu, Error, Initialiser, Network, Pass, Request, Seeds, gradcheck,
};
use ndarray::{Array1, Array2, Array3, ArrayD, Dimension, ShapeBuilder};

type Result = std::result::Result<(), Error>;

/// Fixed numbers in (−1, 1) that follow no pattern a network could hide in.
fn numbers<Sh: ShapeBuilder>(shape: Sh, phase: f64) -> ndarray::Array<f64, Sh::Dim> {
    let mut i = 0.0;
    ndarray::Array::from_shape_simple_fn(shape, || {
        i += 1.0;
        let v = (i * 12.9898 + phase * 78.233).sin() * 43_758.545_3;
        2.0 * (v - v.floor()) - 1.0
    })
}

fn net(widths: &[usize], activation: Activation, seed: u64) -> Network<f64> {
    let architecture = Architecture::mlp(widths, activation, Activation::Sigmoid)
        .with_input_activation(activation);
    Network::new(&architecture, Initialiser::PyTorch, seed, &Cpu::default()).unwrap()
}

fn dot<D: Dimension>(a: &ndarray::ArrayView<'_, f64, D>, b: &ndarray::Array<f64, D>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A scalar of everything that a pass holds, linear in it.
struct Probe {
    value: Array2<f64>,
    tangents: Array3<f64>,
    second: Array3<f64>,
}

impl Probe {
    fn new(pass: &Pass<'_, f64, Cpu>) -> Self {
        Self {
            value: numbers(pass.value().dim(), 1.0),
            tangents: pass
                .tangents()
                .map_or(Array3::zeros((0, 0, 0)), |t| numbers(t.dim(), 2.0)),
            second: pass
                .second_tangents()
                .map_or(Array3::zeros((0, 0, 0)), |t| numbers(t.dim(), 3.0)),
        }
    }

    fn scalar(&self, pass: &Pass<'_, f64, Cpu>) -> f64 {
        dot(&pass.value(), &self.value)
            + pass.tangents().map_or(0.0, |t| dot(&t, &self.tangents))
            + pass
                .second_tangents()
                .map_or(0.0, |t| dot(&t, &self.second))
    }

    fn seeds(&self, pass: &Pass<'_, f64, Cpu>) -> Seeds<'_, f64> {
        Seeds {
            value: Some(self.value.view()),
            tangents: pass.tangents().map(|_| self.tangents.view()),
            second: pass.second_tangents().map(|_| self.second.view()),
            ..Seeds::default()
        }
    }
}

#[test]
fn gradients_of_every_request_pass_central_differences() -> Result {
    for (seed, activation) in Activation::ALL.into_iter().enumerate() {
        let net = net(&[3, 7, 5, 4], activation, seed as u64);
        let x = numbers((4, 3), 0.71 + seed as f64);
        let directions = numbers((4, 2, 3), 4.0);
        let pairs = [(0, 0), (0, 1), (1, 1)];
        let requests = |v: &Array3<f64>| -> [Request<'static, f64>; 5] {
            // The tests own every array for as long as they run.
            let v: &'static Array3<f64> = Box::leak(Box::new(v.clone()));
            let pairs: &'static [(usize, usize)] = Box::leak(Box::new(pairs));
            [
                Request::Value,
                Request::Jacobian,
                Request::Directions(v.view()),
                Request::SecondOrder {
                    directions: v.view(),
                    pairs,
                },
                Request::Hessian,
            ]
        };
        for (kind, request) in requests(&directions).into_iter().enumerate() {
            let what = format!("{activation}, request {kind}");
            let pass = net.evaluate(x.view(), request)?;
            let probe = Probe::new(&pass);
            let gradients = pass.backward(probe.seeds(&pass))?;
            let of_parameters = |p: &[f64]| {
                let mut moved = net.clone();
                moved.set_parameters(p).unwrap();
                probe.scalar(&moved.evaluate(x.view(), request).unwrap())
            };
            let flat = gradients.parameters.to_vec();
            // Kinked activations need a step that crosses no kink at these points.
            let step = if activation.is_piecewise_linear() || activation == Activation::Elu {
                1e-5
            } else {
                4e-4
            };
            gradcheck::check(
                &format!("{what}, weights"),
                of_parameters,
                net.parameters(),
                &flat,
                step,
                2e-9,
            )?;
            let of_input = |p: &[f64]| {
                let x = Array2::from_shape_vec((4, 3), p.to_vec()).unwrap();
                probe.scalar(&net.evaluate(x.view(), request).unwrap())
            };
            let flat: Vec<f64> = gradients.input.iter().copied().collect();
            gradcheck::check(
                &format!("{what}, input"),
                of_input,
                x.as_slice().unwrap(),
                &flat,
                step,
                2e-9,
            )?;
            if let Some(gradient) = gradients.directions {
                let of_directions = |p: &[f64]| {
                    let v = Array3::from_shape_vec((4, 2, 3), p.to_vec()).unwrap();
                    let request = match request {
                        Request::SecondOrder { .. } => Request::SecondOrder {
                            directions: v.view(),
                            pairs: &pairs,
                        },
                        _ => Request::Directions(v.view()),
                    };
                    probe.scalar(&net.evaluate(x.view(), request).unwrap())
                };
                let flat: Vec<f64> = gradient.iter().copied().collect();
                let at = directions.as_slice().unwrap();
                gradcheck::check(
                    &format!("{what}, directions"),
                    of_directions,
                    at,
                    &flat,
                    step,
                    2e-9,
                )?;
            }
        }
    }
    Ok(())
}

#[test]
fn tangents_and_hessians_are_the_derivatives_of_the_value() -> Result {
    for activation in [
        Activation::Tanh,
        Activation::Softplus,
        Activation::Silu,
        Activation::Gelu,
        Activation::Sigmoid,
    ] {
        let net = net(&[2, 9, 6], activation, 5);
        let x = numbers((3, 2), 0.1);
        let pass = net.evaluate(x.view(), Request::Hessian)?;
        let (jacobian, second) = (pass.jacobian().unwrap(), pass.second_tangents().unwrap());
        for point in 0..3 {
            for output in 0..6 {
                let mut value = |p: &[f64]| {
                    let x = Array2::from_shape_vec((1, 2), p.to_vec()).unwrap();
                    net.evaluate(x.view(), Request::Value).unwrap().value()[[0, output]]
                };
                let at = x.row(point).to_vec();
                let exact: Vec<f64> = (0..2).map(|k| jacobian[[point, output, k]]).collect();
                gradcheck::check("jacobian", &mut value, &at, &exact, 1e-3, 1e-10)?;
                for (p, &(k, l)) in pass.pairs().iter().enumerate() {
                    let mut slope = |p: &[f64]| {
                        let x = Array2::from_shape_vec((1, 2), p.to_vec()).unwrap();
                        net.evaluate(x.view(), Request::Jacobian)
                            .unwrap()
                            .jacobian()
                            .unwrap()[[0, output, k]]
                    };
                    let numeric = gradcheck::central_difference(&mut slope, &at, l, 1e-3)?;
                    assert!(
                        (numeric - second[[point, p, output]]).abs() < 1e-9,
                        "{activation} {k} {l}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn directional_derivatives_are_the_jacobian_times_the_direction() -> Result {
    let net = net(&[4, 11, 3], Activation::Gelu, 1);
    let (x, v) = (numbers((5, 4), 0.0), numbers((5, 6, 4), 1.0));
    let full = net.evaluate(x.view(), Request::Jacobian)?;
    let some = net.evaluate(x.view(), Request::Directions(v.view()))?;
    let (jacobian, tangents) = (full.jacobian().unwrap(), some.tangents().unwrap());
    for ((j, v), t) in jacobian
        .outer_iter()
        .zip(v.outer_iter())
        .zip(tangents.outer_iter())
    {
        let error = (&v.dot(&j.t()) - &t)
            .mapv(f64::abs)
            .fold(0.0, |a: f64, &b| a.max(b));
        assert!(error < 1e-14, "{error:e}");
    }
    Ok(())
}

#[test]
fn results_are_the_same_bits_for_any_number_of_threads() -> Result {
    let architecture = Architecture::mlp(&[3, 40, 50, 20], Activation::Elu, Activation::Linear);
    let net = Network::<f32>::new(&architecture, Initialiser::PyTorch, 9, &Cpu::default())?;
    for batch in [1, 2, 31, 33, 127, 300] {
        let x = numbers((batch, 3), 0.3).mapv(|v| v as f32);
        let run = || {
            let pass = net.evaluate(x.view(), Request::Jacobian).unwrap();
            let seed = pass.jacobian().unwrap().to_owned();
            let gradients = pass
                .backward(Seeds {
                    jacobian: Some(seed.view()),
                    ..Seeds::default()
                })
                .unwrap();
            (seed, gradients.parameters, gradients.input)
        };
        let pool = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
        };
        let one = pool(1).install(run);
        assert_eq!(one, pool(2).install(run), "batch {batch}");
        assert_eq!(one, pool(5).install(run), "batch {batch}");
    }
    Ok(())
}

#[test]
fn single_precision_follows_double() -> Result {
    for activation in Activation::ALL {
        let double = net(&[3, 17, 9, 6], activation, 2);
        let weights = double.parameters().iter().map(|&p| p as f32).collect();
        let single =
            Network::<f32>::from_parameters(double.architecture(), weights, &Cpu::default())?;
        let x = numbers((20, 3), 0.7).mapv(|v| v as f32);
        let rounded = double
            .parameters()
            .iter()
            .map(|&p| f64::from(p as f32))
            .collect();
        let double =
            Network::<f64>::from_parameters(double.architecture(), rounded, &Cpu::default())?;
        let wide = x.mapv(f64::from);
        let (a, b) = (
            single.evaluate(x.view(), Request::Hessian)?,
            double.evaluate(wide.view(), Request::Hessian)?,
        );
        let compare = |what: &str, a: ArrayD<f32>, b: ArrayD<f64>| {
            let scale = b.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
            for (a, b) in a.iter().zip(&b) {
                assert!(
                    (f64::from(*a) - b).abs() < 2e-5 * scale,
                    "{activation} {what}: {a} {b}"
                );
            }
        };
        compare(
            "value",
            a.value().to_owned().into_dyn(),
            b.value().to_owned().into_dyn(),
        );
        compare(
            "tangents",
            a.tangents().unwrap().to_owned().into_dyn(),
            b.tangents().unwrap().to_owned().into_dyn(),
        );
        let second = (a.second_tangents().unwrap(), b.second_tangents().unwrap());
        compare(
            "second",
            second.0.to_owned().into_dyn(),
            second.1.to_owned().into_dyn(),
        );
    }
    Ok(())
}

#[test]
fn wrong_arguments_are_named() -> Result {
    let net = net(&[3, 4, 2], Activation::Elu, 0);
    let x = numbers((4, 3), 0.0);
    let wrong = numbers((4, 5), 0.0);
    assert!(matches!(
        net.evaluate(wrong.view(), Request::Value),
        Err(Error::Shape { argument: "x", .. })
    ));
    let none = Array2::zeros((0, 3));
    assert!(matches!(
        net.evaluate(none.view(), Request::Value),
        Err(Error::Empty { .. })
    ));
    let v = numbers((4, 2, 2), 0.0);
    let result = net.evaluate(x.view(), Request::Directions(v.view()));
    assert!(matches!(
        result,
        Err(Error::Shape {
            argument: "directions",
            ..
        })
    ));
    let v = numbers((4, 1, 3), 0.0);
    let result = net.evaluate(
        x.view(),
        Request::SecondOrder {
            directions: v.view(),
            pairs: &[(0, 1)],
        },
    );
    assert!(matches!(
        result,
        Err(Error::Argument {
            argument: "pairs",
            ..
        })
    ));
    let pass = net.evaluate(x.view(), Request::Value)?;
    let seed = Array3::zeros((4, 2, 3));
    let result = pass.backward(Seeds {
        jacobian: Some(seed.view()),
        ..Seeds::default()
    });
    assert!(matches!(
        result,
        Err(Error::UnexpectedSeed {
            seed: "jacobian",
            ..
        })
    ));
    let seed = Array2::zeros((4, 3));
    assert!(matches!(
        pass.backward(Seeds::value(seed.view())),
        Err(Error::Shape {
            argument: "value",
            ..
        })
    ));
    let mut copy = net.clone();
    assert!(matches!(
        copy.set_parameters(&[1.0]),
        Err(Error::Shape { .. })
    ));
    let architecture = net.architecture().clone();
    assert!(Network::<f64>::from_parameters(&architecture, vec![0.0; 3], &Cpu::default()).is_err());
    assert_eq!(
        Array1::from_vec(copy.parameters().to_vec()),
        Array1::from_vec(net.parameters().to_vec())
    );
    Ok(())
}

#[test]
fn an_encoder_gives_mean_and_log_variance() -> Result {
    let encoder = net(&[3, 5, 4], Activation::Elu, 0);
    let x = numbers((6, 3), 0.0);
    let pass = encoder.evaluate(x.view(), Request::Value)?;
    let (mean, log_variance) = pass.mean_and_log_variance()?;
    assert_eq!((mean.dim(), log_variance.dim()), ((6, 2), (6, 2)));
    assert_eq!(
        (mean[[5, 1]], log_variance[[5, 0]]),
        (pass.value()[[5, 1]], pass.value()[[5, 2]])
    );
    let odd = net(&[3, 5], Activation::Elu, 0);
    assert!(matches!(
        odd.evaluate(x.view(), Request::Value)?
            .mean_and_log_variance(),
        Err(Error::Shape { .. })
    ));
    Ok(())
}
