//! Products with the Jacobian and its transpose, their gradients, and the losses of the papers that use them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::device::{Device, device};
use common::{array2, assert_close, cases, flat, network};
use geom_nn::{Activation, Architecture, Error, Initialiser, Network, Request, gradcheck};
use ndarray::{Array1, Array2, Array3, ArrayView3, Axis};

fn wave(i: usize) -> f64 {
    ((i as f64 + 0.3) * 12.9898).sin()
}

fn net(widths: &[usize], activation: Activation) -> Network<f64, Device> {
    let architecture = Architecture::mlp(widths, activation, Activation::Linear);
    Network::new(&architecture, Initialiser::XavierNormal, 7, &device()).unwrap()
}

fn batch(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| wave(5 * i + j))
}

fn vectors(b: usize, m: usize, n: usize) -> Array3<f64> {
    Array3::from_shape_fn((b, m, n), |(i, j, k)| wave(11 * i + 3 * j + k + 1))
}

fn dot(a: ArrayView3<'_, f64>, b: ArrayView3<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn products_are_those_of_the_jacobian() -> Result<(), Error> {
    let net = net(&[4, 7, 5, 6], Activation::Silu);
    let (x, u, v) = (batch(40, 4), vectors(40, 3, 6), vectors(40, 2, 4));
    let pass = net.evaluate(x.view(), Request::Jacobian)?;
    let jacobian = pass.jacobian().unwrap();
    let (vjp, gram) = (
        net.vjp(x.view(), u.view())?,
        net.gram_products(x.view(), v.view())?,
    );
    for i in 0..40 {
        let j = jacobian.index_axis(Axis(0), i);
        let close = |a: Array2<f64>, b: ndarray::ArrayView2<'_, f64>| {
            assert!((&a - &b).iter().all(|e| e.abs() < 1e-13), "point {i}");
        };
        close(
            u.index_axis(Axis(0), i).dot(&j),
            vjp.products().index_axis(Axis(0), i),
        );
        let jv = v.index_axis(Axis(0), i).dot(&j.t());
        close(jv.clone(), gram.tangents().index_axis(Axis(0), i));
        close(jv.dot(&j), gram.products().index_axis(Axis(0), i));
    }
    let reverse = net.reverse_jacobian(x.view())?;
    assert!(
        (&reverse.products() - &jacobian)
            .iter()
            .all(|e| e.abs() < 1e-13)
    );
    Ok(())
}

#[test]
fn gradients_of_products_pass_central_differences() -> Result<(), Error> {
    for activation in [
        Activation::Tanh,
        Activation::Softplus,
        Activation::Gelu,
        Activation::Silu,
    ] {
        let net = net(&[4, 6, 5, 3], activation);
        let (x, u, v) = (batch(3, 4), vectors(3, 2, 3), vectors(3, 2, 4));
        let (weights, more) = (vectors(3, 2, 4), vectors(3, 2, 3));
        let with = |p: &[f64]| {
            let mut moved = net.clone();
            moved.set_parameters(p).unwrap();
            moved
        };
        let step = 1e-3;
        let vjp_scalar = |net: &Network<f64, Device>, x: &Array2<f64>, u: &Array3<f64>| {
            dot(
                net.vjp(x.view(), u.view()).unwrap().products(),
                weights.view(),
            )
        };
        let found = net.vjp(x.view(), u.view())?.backward(weights.view())?;
        let list = |a: &[f64]| a.to_vec();
        let flat = found.parameters.to_vec();
        gradcheck::check(
            "vjp, weights",
            |p| vjp_scalar(&with(p), &x, &u),
            net.parameters(),
            &flat,
            step,
            1e-9,
        )?;
        let flat: Vec<f64> = found.input.iter().copied().collect();
        let at = |p: &[f64]| Array2::from_shape_vec((3, 4), list(p)).unwrap();
        gradcheck::check(
            "vjp, x",
            |p| vjp_scalar(&net, &at(p), &u),
            x.as_slice().unwrap(),
            &flat,
            step,
            1e-9,
        )?;
        let flat: Vec<f64> = found.directions.unwrap().iter().copied().collect();
        let at_u = |p: &[f64]| Array3::from_shape_vec((3, 2, 3), list(p)).unwrap();
        gradcheck::check(
            "vjp, u",
            |p| vjp_scalar(&net, &x, &at_u(p)),
            u.as_slice().unwrap(),
            &flat,
            step,
            1e-9,
        )?;

        let gram_scalar = |net: &Network<f64, Device>, x: &Array2<f64>, v: &Array3<f64>| {
            let gram = net.gram_products(x.view(), v.view()).unwrap();
            let value: f64 = gram.value().iter().map(|y| y * 0.7).sum();
            value + dot(gram.products(), weights.view()) + dot(gram.tangents(), more.view())
        };
        let gram = net.gram_products(x.view(), v.view())?;
        let value = Array2::from_elem((3, 3), 0.7);
        let found = gram.backward(Some(value.view()), Some(more.view()), Some(weights.view()))?;
        let flat = found.parameters.to_vec();
        gradcheck::check(
            "gram, weights",
            |p| gram_scalar(&with(p), &x, &v),
            net.parameters(),
            &flat,
            step,
            1e-9,
        )?;
        let flat: Vec<f64> = found.input.iter().copied().collect();
        gradcheck::check(
            "gram, x",
            |p| gram_scalar(&net, &at(p), &v),
            x.as_slice().unwrap(),
            &flat,
            step,
            1e-9,
        )?;
        let flat: Vec<f64> = found.directions.unwrap().iter().copied().collect();
        let at_v = |p: &[f64]| Array3::from_shape_vec((3, 2, 4), list(p)).unwrap();
        gradcheck::check(
            "gram, v",
            |p| gram_scalar(&net, &x, &at_v(p)),
            v.as_slice().unwrap(),
            &flat,
            step,
            1e-9,
        )?;
    }
    Ok(())
}

#[test]
fn many_probes_estimate_the_traces() -> Result<(), Error> {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    let net = net(&[3, 8, 10], Activation::Tanh);
    let x = batch(2, 3);
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let v = Array3::from_shape_simple_fn((2, 20_000, 3), || StandardNormal.sample(&mut random));
    let (trace, square) = net.gram_products(x.view(), v.view())?.traces();
    let pass = net.evaluate(x.view(), Request::Metric)?;
    for (i, g) in pass.metric().unwrap().outer_iter().enumerate() {
        let (exact, exact_square) = (g.diag().sum(), (&g * &g).sum());
        // The estimates' standard deviations are about 1 % and 2 % with 20,000 probes.
        assert!(
            (trace[i] / exact - 1.0).abs() < 0.05,
            "{} {exact}",
            trace[i]
        );
        assert!(
            (square[i] / exact_square - 1.0).abs() < 0.1,
            "{} {exact_square}",
            square[i]
        );
    }
    Ok(())
}

#[test]
fn a_composition_has_the_product_of_the_jacobians() -> Result<(), Error> {
    let (first, second) = (
        net(&[5, 6, 2], Activation::Tanh),
        net(&[2, 7, 5], Activation::Elu),
    );
    let both = first.then(&second)?;
    let x = batch(4, 5);
    let pass = both.evaluate(x.view(), Request::Jacobian)?;
    let inner = first.evaluate(x.view(), Request::Jacobian)?;
    let outer = second.evaluate(inner.value(), Request::Jacobian)?;
    let (a, b) = (outer.jacobian().unwrap(), inner.jacobian().unwrap());
    for ((whole, a), b) in pass
        .jacobian()
        .unwrap()
        .outer_iter()
        .zip(a.outer_iter())
        .zip(b.outer_iter())
    {
        assert!((&whole - &a.dot(&b)).iter().all(|e| e.abs() < 1e-13));
    }
    assert!(matches!(first.then(&first), Err(Error::Chain { .. })));
    Ok(())
}

#[test]
fn golden_one_probe_relaxed_distortion() {
    for case in cases("decoder_geometry.json") {
        let name = case["name"].as_str().unwrap();
        let net = network(&case["net"]);
        let (z, probes) = (array2(&case["z"]), array2(&case["probes"]));
        let gram = net
            .gram_products(z.view(), probes.view().insert_axis(Axis(1)))
            .unwrap();
        let (first, second) = gram.traces();
        let (t1, t2, b) = (
            first.mean().unwrap(),
            second.mean().unwrap(),
            z.nrows() as f64,
        );
        let golden = &case["losses"]["relaxed_distortion_one_probe"];
        assert_close(
            name,
            &[t2 / (t1 * t1)],
            &[golden["value"].as_f64().unwrap()],
            1e-9,
        );
        let by_first = Array1::from_elem(z.nrows(), -2.0 * t2 / t1.powi(3) / b);
        let by_second = Array1::from_elem(z.nrows(), 1.0 / (t1 * t1) / b);
        let gradients = gram
            .backward_traces(by_first.view(), by_second.view())
            .unwrap();
        assert_close(
            &format!("{name} grad_z"),
            &gradients.input,
            &array2(&golden["grad_z"]),
            1e-9,
        );
        assert_close(
            &format!("{name} grad_net"),
            &gradients.parameters,
            &flat(&golden["grad_net"]),
            1e-9,
        );
    }
}
