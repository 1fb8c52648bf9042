//! A derivative on the tape and without one: its values, and the gradients of their weighted sum.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::build::device::Device;
use crate::build::wave;
use dfdx::prelude::{Backward, OwnedTape, Shape, Tensor, TensorFromVec, Trace, TryAdd};
use geom_nn::tape;
use geom_nn::{Element, Error, Network, NetworkDevice, Request, Seeds};
use ndarray::{Array2, Array3, Axis, s};

pub(crate) const DIRECTIONS: usize = 2;
pub(crate) const PAIRS: [(usize, usize); 3] = [(0, 0), (0, 1), (1, 1)];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Derivative {
    Value,
    Jacobian,
    SecondOrder,
    Vjp,
    GramProducts,
    Traces,
    Metric,
    MetricUnder,
}

pub(crate) const ALL: [Derivative; 8] = [
    Derivative::Value,
    Derivative::Jacobian,
    Derivative::SecondOrder,
    Derivative::Vjp,
    Derivative::GramProducts,
    Derivative::Traces,
    Derivative::Metric,
    Derivative::MetricUnder,
];

/// A batch, and vectors for its points: directions, or cotangents for `Vjp`.
pub(crate) struct Point<E> {
    pub(crate) batch: usize,
    pub(crate) x: Vec<E>,
    pub(crate) vectors: Vec<E>,
}

pub(crate) fn numbers<E: Element>(count: usize, phase: usize) -> Vec<E> {
    // Both number types hold them exactly.
    let entry = |i: usize| E::of((wave(i + phase) * 4096.0).round() / 4096.0);
    (0..count).map(entry).collect()
}

impl<E: Element> Point<E> {
    pub(crate) fn new<D: NetworkDevice<E>>(
        net: &Network<E, D>,
        what: Derivative,
        batch: usize,
    ) -> Self {
        let width = match what {
            Derivative::Vjp => net.output_width(),
            _ => net.input_width(),
        };
        Self {
            batch,
            x: numbers(batch * net.input_width(), 40),
            vectors: numbers(batch * DIRECTIONS * width, 60),
        }
    }
}

/// A symmetric ambient metric.
fn ambient<E: Element>(n: usize) -> Array2<E> {
    let half = Array2::from_shape_vec((n, n), numbers::<E>(n * n, 5)).unwrap();
    &half + &half.t()
}

/// Values, and the gradients of their sum weighted by `numbers`: for weights, input, and vectors where there are any.
pub(crate) struct Outcome {
    pub(crate) values: Vec<f64>,
    pub(crate) gradients: [Vec<f64>; 3],
}

fn wide<E: Element>(entries: &[E]) -> Vec<f64> {
    entries.iter().map(|v| v.wide()).collect()
}

type Scalar<E> = Tensor<(), E, Device, OwnedTape<E, Device>>;

/// The weighted sum of a tensor's entries, which join `values`.
pub(crate) fn weighted<S: Shape, E: Element>(
    tensor: Tensor<S, E, Device, OwnedTape<E, Device>>,
    phase: usize,
    values: &mut Vec<E>,
) -> Result<Scalar<E>, Error>
where
    Device: NetworkDevice<E>,
{
    tape::functional(tensor, |entries| {
        values.extend_from_slice(entries);
        let weights = numbers::<E>(entries.len(), phase);
        let sum: f64 = entries
            .iter()
            .zip(&weights)
            .map(|(e, w)| e.wide() * w.wide())
            .sum();
        Ok((E::of(sum), weights))
    })
}

pub(crate) fn on_tape<E: Element>(
    net: &Network<E, Device>,
    what: Derivative,
    point: &Point<E>,
) -> Result<Outcome, Error>
where
    Device: NetworkDevice<E>,
{
    let (gpu, n, outputs) = (net.device(), net.input_width(), net.output_width());
    let theta = net.tensor()?;
    let x = gpu.tensor_from_vec(point.x.clone(), (point.batch, n));
    let size = point.vectors.len() / point.batch / DIRECTIONS;
    let v = gpu.tensor_from_vec(point.vectors.clone(), (point.batch, DIRECTIONS, size));
    let (traced, vectors) = (x.leaky_trace(), v.leaky_trace());
    let mut values = Vec::new();
    let mut uses_vectors = true;
    let loss = match what {
        Derivative::Value | Derivative::Jacobian => {
            uses_vectors = false;
            let rows = net.forward(&theta, traced, what == Derivative::Jacobian)?;
            weighted(rows, 1, &mut values)?
        }
        Derivative::SecondOrder => {
            let rows = net.forward_along(&theta, traced, vectors, &PAIRS)?;
            weighted(rows, 1, &mut values)?
        }
        Derivative::Vjp => {
            let rows = net.forward_vjp(&theta, traced, vectors)?;
            weighted(rows, 1, &mut values)?
        }
        Derivative::GramProducts => {
            let (rows, products) = net.forward_gram_products(&theta, traced, vectors)?;
            let first = weighted(rows, 1, &mut values)?;
            weighted(products, 2, &mut values)?.try_add(first).unwrap()
        }
        Derivative::Traces => {
            let traces = net.forward_traces(&theta, traced, vectors)?;
            weighted(traces, 1, &mut values)?
        }
        Derivative::Metric | Derivative::MetricUnder => {
            uses_vectors = false;
            let h = ambient::<E>(outputs).into_iter().collect();
            let h = gpu.tensor_from_vec(h, (outputs, outputs));
            let h = (what == Derivative::MetricUnder).then_some(&h);
            let (value, metric) = net.forward_metric(&theta, traced, h)?;
            let first = weighted(value, 1, &mut values)?;
            weighted(metric, 2, &mut values)?.try_add(first).unwrap()
        }
    };
    let gradients = loss.backward();
    let vectors = if uses_vectors {
        gradients.get(&v).as_vec()
    } else {
        Vec::new()
    };
    Ok(Outcome {
        values: wide(&values),
        gradients: [
            wide(&gradients.get(&theta).as_vec()),
            wide(&gradients.get(&x).as_vec()),
            wide(&vectors),
        ],
    })
}

pub(crate) fn tape_free<E: Element>(
    net: &Network<E, Device>,
    what: Derivative,
    point: &Point<E>,
) -> Result<Outcome, Error>
where
    Device: NetworkDevice<E>,
{
    let (b, n, outputs) = (point.batch, net.input_width(), net.output_width());
    let x = Array2::from_shape_vec((b, n), point.x.clone()).unwrap();
    let size = point.vectors.len() / b / DIRECTIONS;
    let v = Array3::from_shape_vec((b, DIRECTIONS, size), point.vectors.clone()).unwrap();
    let weights2 = |rows, columns, phase| {
        Array2::from_shape_vec((rows, columns), numbers::<E>(rows * columns, phase)).unwrap()
    };
    let weights3 = |shape: (usize, usize, usize), phase| {
        Array3::from_shape_vec(shape, numbers::<E>(shape.0 * shape.1 * shape.2, phase)).unwrap()
    };
    let mut values: Vec<E> = Vec::new();
    let gradients = match what {
        Derivative::Vjp => {
            let vjp = net.vjp(x.view(), v.view())?;
            values.extend(vjp.products());
            vjp.backward(weights3((b, DIRECTIONS, n), 1).view())?
        }
        Derivative::GramProducts | Derivative::Traces => {
            let gram = net.gram_products(x.view(), v.view())?;
            if what == Derivative::Traces {
                let (first, second) = gram.traces();
                let pairs = first.iter().zip(&second);
                values.extend(pairs.flat_map(|(&a, &b)| [a, b]));
                let seeds = weights2(b, 2, 1);
                gram.backward_traces(seeds.column(0), seeds.column(1))?
            } else {
                let seeds = weights3((b, 1 + DIRECTIONS, outputs), 1);
                for (value, rows) in gram.value().outer_iter().zip(gram.tangents().outer_iter()) {
                    values.extend(value);
                    values.extend(rows);
                }
                values.extend(gram.products());
                let products = weights3((b, DIRECTIONS, n), 2);
                let value = seeds.index_axis(Axis(1), 0);
                let rows = seeds.slice(s![.., 1.., ..]);
                gram.backward(Some(value), Some(rows), Some(products.view()))?
            }
        }
        Derivative::Metric | Derivative::MetricUnder => {
            let h = ambient::<E>(outputs);
            let request = match what {
                Derivative::Metric => Request::Metric,
                _ => Request::MetricUnder(h.view()),
            };
            let pass = net.evaluate(x.view(), request)?;
            values.extend(pass.value());
            values.extend(pass.metric().unwrap());
            let (value, metric) = (weights2(b, outputs, 1), weights3((b, n, n), 2));
            pass.backward(Seeds {
                value: Some(value.view()),
                metric: Some(metric.view()),
                ..Seeds::default()
            })?
        }
        _ => {
            let (request, m, pairs) = match what {
                Derivative::Jacobian => (Request::Jacobian, n, 0),
                Derivative::SecondOrder => {
                    let (directions, pairs) = (v.view(), &PAIRS[..]);
                    (Request::SecondOrder { directions, pairs }, DIRECTIONS, 3)
                }
                _ => (Request::Value, 0, 0),
            };
            let pass = net.evaluate(x.view(), request)?;
            let mut rows = Array3::zeros((b, 1 + m + pairs, outputs));
            rows.slice_mut(s![.., 0, ..]).assign(&pass.value());
            if let Some(tangents) = pass.tangents() {
                rows.slice_mut(s![.., 1..=m, ..]).assign(&tangents);
            }
            if let Some(second) = pass.second_tangents() {
                rows.slice_mut(s![.., 1 + m.., ..]).assign(&second);
            }
            values.extend(&rows);
            let seeds = weights3(rows.dim(), 1);
            pass.backward(Seeds {
                value: Some(seeds.slice(s![.., 0, ..])),
                tangents: (m > 0).then(|| seeds.slice(s![.., 1..=m, ..])),
                second: (pairs > 0).then(|| seeds.slice(s![.., 1 + m.., ..])),
                ..Seeds::default()
            })?
        }
    };
    let vectors = gradients.directions.into_iter().flatten();
    Ok(Outcome {
        values: wide(&values),
        gradients: [
            wide(&gradients.parameters.to_vec()),
            gradients.input.iter().map(|g| g.wide()).collect(),
            vectors.map(E::wide).collect(),
        ],
    })
}

pub(crate) fn agree(what: &str, found: &Outcome, expected: &Outcome, tolerance: f64) {
    let parts = [(&found.values, &expected.values)];
    let gradients = found.gradients.iter().zip(&expected.gradients);
    for (part, (found, expected)) in parts.into_iter().chain(gradients).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}, part {part}");
        let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        for (f, e) in found.iter().zip(expected) {
            let error = (f - e).abs() / scale;
            assert!(error <= tolerance, "{what}, part {part}: {f} {e}");
        }
    }
}
