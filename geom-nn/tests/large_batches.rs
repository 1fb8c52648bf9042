//! Batches large enough for packed weights, against the same points one by one, which take no packed weight.

use geom_nn::{Activation, Architecture, Cpu, Error, Initialiser, Network, Request, Seeds};
use ndarray::{Array, Array1, Array2, ArrayView, Axis, Dimension, ShapeBuilder, s};

fn numbers<Sh: ShapeBuilder>(shape: Sh, phase: f64) -> Array<f64, Sh::Dim> {
    let mut i = 0.0;
    Array::from_shape_simple_fn(shape, || {
        i += 1.0;
        (phase + 0.83 * i).sin()
    })
}

fn assert_close<D: Dimension>(what: &str, a: ArrayView<'_, f64, D>, b: ArrayView<'_, f64, D>) {
    let largest = b.iter().fold(1e-300_f64, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() <= 1e-12 * largest, "{what}: {a} {b}");
    }
}

fn nets() -> Result<Vec<Network<f64>>, Error> {
    // Widths around the edges of tiles and panels; a last layer wide enough for the Gram matrix.
    let widths: [&[usize]; 4] = [
        &[2, 7, 8, 9, 5],
        &[3, 25, 48, 50, 130],
        &[2, 33, 16, 400],
        &[130, 100, 24, 2],
    ];
    widths
        .iter()
        .map(|widths| {
            let net = Architecture::mlp(widths, Activation::Elu, Activation::Linear);
            Network::new(&net, Initialiser::PyTorch, 1, &Cpu::default())
        })
        .collect()
}

#[test]
fn a_batch_is_its_points() -> Result<(), Error> {
    for net in nets()? {
        let (d, n) = (net.input_width(), net.output_width());
        for b in [16, 17, 63, 131] {
            let what = format!("{d} -> {n}, {b} points");
            let x = numbers((b, d), 0.1);
            let value = numbers((b, n), 0.2);
            if d < 10 {
                let jacobian = numbers((b, n, d), 0.3);
                let seeds = |range: std::ops::Range<usize>| Seeds {
                    value: Some(value.slice(s![range.clone(), ..])),
                    jacobian: Some(jacobian.slice(s![range, .., ..])),
                    ..Seeds::default()
                };
                whole_and_parts(&what, &net, x, Request::Jacobian, seeds)?;
            } else {
                let seeds = |range: std::ops::Range<usize>| Seeds {
                    value: Some(value.slice(s![range, ..])),
                    ..Seeds::default()
                };
                whole_and_parts(&what, &net, x, Request::Value, seeds)?;
            }
        }
    }
    Ok(())
}

fn whole_and_parts<'a>(
    what: &str,
    net: &Network<f64>,
    x: Array2<f64>,
    request: Request<'_, f64>,
    seeds: impl Fn(std::ops::Range<usize>) -> Seeds<'a, f64>,
) -> Result<(), Error> {
    let pass = net.evaluate(x.view(), request)?;
    let whole = pass.backward(seeds(0..x.nrows()))?;
    let mut sum = Array1::zeros(net.parameter_count());
    for i in 0..x.nrows() {
        let point = x.slice(s![i..=i, ..]);
        let own = net.evaluate(point, request)?;
        let part = own.backward(seeds(i..i + 1))?;
        sum += &part.parameters;
        assert_close(what, pass.value().slice(s![i..=i, ..]), own.value());
        if let (Some(all), Some(own)) = (pass.jacobian(), own.jacobian()) {
            assert_close(what, all.slice(s![i..=i, .., ..]), own);
        }
        assert_close(what, whole.input.slice(s![i..=i, ..]), part.input.view());
    }
    assert_close(what, whole.parameters.view(), sum.view());
    Ok(())
}

#[test]
fn metrics_of_large_batches_are_those_of_the_jacobian() -> Result<(), Error> {
    for net in nets()?.into_iter().take(3) {
        let (d, n) = (net.input_width(), net.output_width());
        let x = numbers((70, d), 0.4);
        let (value, metric) = (numbers((70, n), 0.5), numbers((70, d, d), 0.6));
        let what = format!("{d} -> {n}");
        let full = net.evaluate(x.view(), Request::Jacobian)?;
        let j = full.jacobian().expect("asked for");
        let pass = net.evaluate(x.view(), Request::Metric)?;
        let mut seed = numbers((70, n, d), 0.0);
        for i in 0..70 {
            let j = j.index_axis(Axis(0), i);
            let g = j.t().dot(&j);
            let found = pass.metric().expect("asked for");
            assert_close(&what, found.index_axis(Axis(0), i), g.view());
            let bar = metric.index_axis(Axis(0), i);
            let both = &bar + &bar.t();
            seed.index_axis_mut(Axis(0), i).assign(&j.dot(&both));
        }
        assert_close(&what, pass.value(), full.value());
        let through_g = pass.backward(Seeds {
            value: Some(value.view()),
            metric: Some(metric.view()),
            ..Seeds::default()
        })?;
        let through_j = full.backward(Seeds {
            value: Some(value.view()),
            jacobian: Some(seed.view()),
            ..Seeds::default()
        })?;
        assert_close(
            &what,
            through_g.parameters.view(),
            through_j.parameters.view(),
        );
        assert_close(&what, through_g.input.view(), through_j.input.view());
    }
    Ok(())
}

#[test]
fn directional_derivatives_are_linear() -> Result<(), Error> {
    for net in nets()? {
        let (d, b) = (net.input_width(), 40);
        let x = numbers((b, d), 0.7);
        let (u, v) = (numbers((b, 1, d), 0.8), numbers((b, 1, d), 0.9));
        let along = |w: &Array<f64, ndarray::Ix3>| -> Result<_, Error> {
            let pass = net.evaluate(x.view(), Request::Directions(w.view()))?;
            Ok(pass.tangents().expect("asked for").to_owned())
        };
        let both = along(&(&u * 2.0 - &v * 0.3))?;
        let expected = along(&u)? * 2.0 - along(&v)? * 0.3;
        assert_close("linear", both.view(), expected.view());
    }
    Ok(())
}
