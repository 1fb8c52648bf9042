//! Every layer × every derivative × both number types: gradients against central differences.
//!
//! The difference quotients are taken in double precision at weights and inputs that both number types hold exactly; single precision is then
//! held to the double-precision gradients that passed.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests"
)]

use crate::build::device::{Device, device};
use crate::build::wave;
use crate::layers::{WIDTH, around, cases};
use geom_nn::{Element, Error, Layer, Mode, Network, NetworkDevice, Request, Seeds, gradcheck};
use ndarray::{Array, Array2, Array3, ArrayView, Axis, Dimension, ShapeBuilder};

const BATCH: usize = 3;
const DIRECTIONS: usize = 2;
const PAIRS: [(usize, usize); 3] = [(0, 0), (0, 1), (1, 1)];

/// What is differentiated.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Derivative {
    Value,
    Jacobian,
    Directions,
    SecondOrder,
    Hessian,
    Metric,
    MetricUnder,
    Vjp,
    GramProducts,
}

const ALL: [Derivative; 9] = [
    Derivative::Value,
    Derivative::Jacobian,
    Derivative::Directions,
    Derivative::SecondOrder,
    Derivative::Hessian,
    Derivative::Metric,
    Derivative::MetricUnder,
    Derivative::Vjp,
    Derivative::GramProducts,
];

fn numbers<E: Element, Sh: ShapeBuilder>(shape: Sh, phase: usize) -> Array<E, Sh::Dim> {
    let mut i = phase;
    Array::from_shape_simple_fn(shape, || {
        i += 1;
        E::of(f64::from(wave(i) as f32))
    })
}

fn dot<E: Element, D: Dimension>(a: ArrayView<'_, E, D>, b: &Array<E, D>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.wide() * b.wide()).sum()
}

/// A scalar of a derivative, and its gradient with respect to weights, input and directions one after the other.
fn probe<E: Element>(
    net: &Network<E, Device>,
    x: &Array2<E>,
    v: &Array3<E>,
    what: Derivative,
) -> Result<(f64, Vec<f64>), Error>
where
    Device: NetworkDevice<E>,
{
    let outputs = net.output_width();
    let value: Array2<E> = numbers((BATCH, outputs), 1);
    let (scalar, gradients) = match what {
        Derivative::Vjp => {
            let u: Array3<E> = numbers((BATCH, DIRECTIONS, outputs), 2);
            let vjp = net.vjp(x.view(), u.view())?;
            let seed = numbers(vjp.products().dim(), 3);
            let mut gradients = vjp.backward(seed.view())?;
            gradients.directions = None;
            (dot(vjp.products(), &seed), gradients)
        }
        Derivative::GramProducts => {
            let products = net.gram_products(x.view(), v.view())?;
            let seed = numbers(products.products().dim(), 3);
            let rows = numbers(products.tangents().dim(), 4);
            let scalar = dot(products.value(), &value)
                + dot(products.tangents(), &rows)
                + dot(products.products(), &seed);
            let gradients =
                products.backward(Some(value.view()), Some(rows.view()), Some(seed.view()))?;
            (scalar, gradients)
        }
        _ => {
            let half: Array2<E> = numbers((outputs, outputs), 5);
            let ambient = &half + &half.t();
            let request = match what {
                Derivative::Jacobian => Request::Jacobian,
                Derivative::Directions => Request::Directions(v.view()),
                Derivative::SecondOrder => Request::SecondOrder {
                    directions: v.view(),
                    pairs: &PAIRS,
                },
                Derivative::Hessian => Request::Hessian,
                Derivative::Metric => Request::Metric,
                Derivative::MetricUnder => Request::MetricUnder(ambient.view()),
                _ => Request::Value,
            };
            let pass = net.evaluate(x.view(), request)?;
            let rows = pass.tangents().map(|t| numbers(t.dim(), 6));
            let second = pass.second_tangents().map(|t| numbers(t.dim(), 7));
            let metric = pass.metric().map(|g| numbers(g.dim(), 8));
            let scalar = dot(pass.value(), &value)
                + pass
                    .tangents()
                    .map_or(0.0, |t| dot(t, rows.as_ref().unwrap()))
                + pass
                    .second_tangents()
                    .map_or(0.0, |t| dot(t, second.as_ref().unwrap()))
                + pass
                    .metric()
                    .map_or(0.0, |g| dot(g, metric.as_ref().unwrap()));
            let gradients = pass.backward(Seeds {
                value: Some(value.view()),
                tangents: rows.as_ref().map(|a| a.view()),
                second: second.as_ref().map(|a| a.view()),
                metric: metric.as_ref().map(|a| a.view()),
                ..Seeds::default()
            })?;
            (scalar, gradients)
        }
    };
    let mut flat: Vec<f64> = gradients.parameters.iter().map(|g| g.wide()).collect();
    flat.extend(gradients.input.iter().map(|g| g.wide()));
    flat.extend(gradients.directions.iter().flatten().map(|g| g.wide()));
    Ok((scalar, flat))
}

/// Checks one layer and derivative in both number types.
fn check(name: &str, net: &Network<f64, Device>, what: Derivative) -> Result<(), Error> {
    let x: Array2<f64> = numbers((BATCH, WIDTH), 40);
    let v: Array3<f64> = numbers((BATCH, DIRECTIONS, WIDTH), 60);
    let (_, exact) = probe(net, &x, &v, what)?;
    let mut at = net.parameters().to_vec();
    at.extend(&x);
    if exact.len() > at.len() {
        at.extend(&v);
    }
    let scalar = |p: &[f64]| {
        let (weights, rest) = p.split_at(net.parameter_count());
        let (inputs, directions) = rest.split_at(x.len());
        let mut moved = net.clone();
        moved.set_parameters(weights).unwrap();
        let x = Array2::from_shape_vec(x.dim(), inputs.to_vec()).unwrap();
        let v = match directions {
            [] => v.clone(),
            _ => Array3::from_shape_vec(v.dim(), directions.to_vec()).unwrap(),
        };
        probe(&moved, &x, &v, what).unwrap().0
    };
    // A step that crosses no kink at these points.
    let label = format!("{name}, {what:?}, f64");
    gradcheck::check(&label, scalar, &at, &exact, 1e-4, 1e-8)?;

    let weights = net.parameters().iter().map(|&p| p as f32).collect();
    let mut single = Network::<f32, _>::from_parameters(net.architecture(), weights, &device())?;
    let statistics: Vec<f32> = net.running_statistics().iter().map(|&v| v as f32).collect();
    single.set_running_statistics(&statistics)?;
    single.set_mode(net.mode());
    let (_, rounded) = probe(&single, &x.mapv(|v| v as f32), &v.mapv(|v| v as f32), what)?;
    let scale = exact.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (r, e)) in rounded.iter().zip(&exact).enumerate() {
        let error = (r - e).abs() / scale;
        assert!(error < 2e-5, "{name}, {what:?}, f32, entry {i}: {r} {e}");
    }
    Ok(())
}

#[test]
fn gradients_of_every_derivative_of_every_layer_pass_central_differences() -> Result<(), Error> {
    for (seed, (name, layer)) in cases().into_iter().enumerate() {
        let mut net = around(&layer, seed as u64);
        if let Layer::Dropout { .. } = layer {
            net.set_mode(Mode::Training { seed: 5 });
        }
        for what in ALL {
            check(&name, &net, what)?;
        }
    }
    Ok(())
}

/// The second derivatives' own values: central differences of the Jacobian.
#[test]
fn hessians_are_differences_of_jacobians() -> Result<(), Error> {
    for (seed, (name, layer)) in cases().into_iter().enumerate() {
        let mut net = around(&layer, seed as u64);
        if let Layer::Dropout { .. } = layer {
            net.set_mode(Mode::Training { seed: 5 });
        }
        let x: Array2<f64> = numbers((BATCH, WIDTH), 40);
        let pass = net.evaluate(x.view(), Request::Hessian)?;
        let second = pass.second_tangents().unwrap();
        let pairs = (0..WIDTH).flat_map(|k| (k..WIDTH).map(move |l| (k, l)));
        for (p, (k, l)) in pairs.enumerate() {
            for ((i, o), &exact) in second.index_axis(Axis(1), p).indexed_iter() {
                let mut slope = |at: &[f64]| {
                    let mut moved = x.clone();
                    moved[[i, l]] = at[0];
                    let pass = net.evaluate(moved.view(), Request::Jacobian).unwrap();
                    pass.jacobian().unwrap()[[i, o, k]]
                };
                let numeric = gradcheck::central_difference(&mut slope, &[x[[i, l]]], 0, 1e-4)?;
                let error = (exact - numeric).abs() / numeric.abs().max(1.0);
                assert!(error < 1e-8, "{name}, ({k}, {l}): {exact} {numeric}");
            }
        }
    }
    Ok(())
}

#[test]
fn batch_norm_in_training_has_gradients_of_its_value_and_names_what_it_lacks() -> Result<(), Error>
{
    let mut net = around(&Layer::batch_norm(2), 3);
    net.set_mode(Mode::Training { seed: 0 });
    check("batch_norm in training", &net, Derivative::Value)?;
    for what in ALL.into_iter().skip(1) {
        let error = check("batch_norm in training", &net, what).unwrap_err();
        let named = matches!(
            error,
            Error::MissingDerivative {
                layer: 3,
                kind: "batch_norm",
                ..
            }
        );
        assert!(named, "{what:?}: {error}");
    }
    Ok(())
}
