//! Layers of images: values against plain loops, derivatives against central differences, and the papers' networks.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use geom_nn::{
    Activation, Architecture, Cpu, Error, Initialiser, Layer, Mode, Network, Request, Seeds,
    gradcheck,
};
use ndarray::{Array2, Array3, Array4};

fn wave(i: usize) -> f64 {
    ((i as f64 + 0.3) * 12.9898).sin()
}

fn net(inputs: usize, layers: Vec<Layer>) -> Network<f64> {
    Network::new(
        &Architecture::new(inputs, layers),
        Initialiser::PyTorch,
        5,
        &Cpu::default(),
    )
    .unwrap()
}

fn image(channels: usize, height: usize, width: usize) -> Layer {
    Layer::Reshape {
        shape: vec![channels, height, width],
    }
}

fn conv(inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Conv2d {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
    }
}

fn transposed(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Layer {
    Layer::ConvTranspose2d {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
        output_padding: 0,
    }
}

fn apply(function: Activation) -> Layer {
    Layer::Activation { function }
}

/// Conv2d by its definition, out of range counting as zero.
fn plain_conv(
    x: &Array4<f64>,
    w: &Array4<f64>,
    b: &[f64],
    stride: usize,
    padding: usize,
) -> Array4<f64> {
    let (n, c, height, width) = x.dim();
    let (outputs, _, k, _) = w.dim();
    let size = |length: usize| (length + 2 * padding - k) / stride + 1;
    Array4::from_shape_fn((n, outputs, size(height), size(width)), |(n, o, gy, gx)| {
        let mut sum = b[o];
        for ch in 0..c {
            for dy in 0..k {
                for dx in 0..k {
                    let (y, x_at) = (gy * stride + dy, gx * stride + dx);
                    if y >= padding
                        && y - padding < height
                        && x_at >= padding
                        && x_at - padding < width
                    {
                        sum += w[[o, ch, dy, dx]] * x[[n, ch, y - padding, x_at - padding]];
                    }
                }
            }
        }
        sum
    })
}

#[test]
fn convolutions_follow_their_definition() -> Result<(), Error> {
    for (c, o, size, kernel, stride, padding) in [
        (1, 3, 5, 3, 1, 0),
        (2, 4, 7, 3, 2, 1),
        (3, 2, 6, 2, 2, 0),
        (2, 3, 5, 1, 1, 0),
        (1, 2, 8, 5, 3, 2),
    ] {
        let net = net(
            c * size * size,
            vec![image(c, size, size), conv(c, o, kernel, stride, padding)],
        );
        let x = Array2::from_shape_fn((3, c * size * size), |(i, j)| wave(i * 97 + j));
        let shapes: Vec<_> = net
            .named_parameters()
            .iter()
            .map(|p| p.shape.clone())
            .collect();
        assert_eq!(shapes, [vec![o, c, kernel, kernel], vec![o]]);
        let (w, b) = net
            .parameters()
            .split_at(net.named_parameters()[0].range.end);
        let w = Array4::from_shape_vec((o, c, kernel, kernel), w.to_vec()).unwrap();
        let images = x.clone().into_shape_with_order((3, c, size, size)).unwrap();
        let expected = plain_conv(&images, &w, b, stride, padding);
        let pass = net.evaluate(x.view(), Request::Value)?;
        for (a, e) in pass.value().iter().zip(&expected) {
            assert!((a - e).abs() < 1e-13, "{a} {e}");
        }
    }
    Ok(())
}

#[test]
fn a_transposed_convolution_is_the_transpose() -> Result<(), Error> {
    for (c, o, size, kernel, stride, padding) in [
        (2, 3, 3, 3, 2, 1),
        (3, 1, 4, 2, 2, 0),
        (1, 2, 5, 4, 2, 1),
        (2, 2, 1, 4, 1, 0),
    ] {
        let up = net(
            c * size * size,
            vec![
                image(c, size, size),
                transposed(c, o, kernel, stride, padding),
            ],
        );
        let large = (1..100).find(|n| n * n * o == up.output_width()).unwrap();
        assert_eq!(large, (size - 1) * stride + kernel - 2 * padding);
        // ⟨convT(x), y⟩ = ⟨x, conv(y)⟩ with the same weight and no bias.
        let mut down = net(
            o * large * large,
            vec![image(o, large, large), conv(o, c, kernel, stride, padding)],
        );
        let mut up = up;
        let weights = up.named_parameters()[0].range.len();
        up.parameters_mut()[weights..].fill(0.0);
        down.parameters_mut()[weights..].fill(0.0);
        let shared = up.parameters()[..weights].to_vec();
        down.parameters_mut()[..weights].copy_from_slice(&shared);
        let x = Array2::from_shape_fn((2, up.input_width()), |(i, j)| wave(i * 31 + j));
        let y = Array2::from_shape_fn((2, down.input_width()), |(i, j)| wave(i * 57 + 3 * j));
        let (a, b) = (
            up.evaluate(x.view(), Request::Value)?,
            down.evaluate(y.view(), Request::Value)?,
        );
        let (first, second) = ((&a.value() * &y).sum(), (&b.value() * &x).sum());
        assert!(
            (first - second).abs() < 1e-12 * first.abs().max(1.0),
            "{first} {second}"
        );
    }
    Ok(())
}

#[test]
fn pooling_and_upsampling_follow_their_definition() -> Result<(), Error> {
    let x = ndarray::array![[1.0, 5.0, 2.0, 0.0, 3.0, 4.0, 7.0, 6.0, 9.0]];
    let pool = |layer: Layer| -> Result<Vec<f64>, Error> {
        let net = net(9, vec![image(1, 3, 3), layer]);
        Ok(net
            .evaluate(x.view(), Request::Value)?
            .value()
            .iter()
            .copied()
            .collect())
    };
    assert_eq!(
        pool(Layer::MaxPool2d {
            kernel: 2,
            stride: 1
        })?,
        [5.0, 5.0, 7.0, 9.0]
    );
    assert_eq!(
        pool(Layer::AveragePool2d {
            kernel: 2,
            stride: 1
        })?,
        [2.25, 3.5, 4.0, 5.5]
    );
    assert_eq!(
        pool(Layer::MaxPool2d {
            kernel: 2,
            stride: 2
        })?,
        [5.0]
    );
    let up = pool(Layer::UpsampleNearest2d { factor: 2 })?;
    assert_eq!(
        up[..12],
        [1.0, 1.0, 5.0, 5.0, 2.0, 2.0, 1.0, 1.0, 5.0, 5.0, 2.0, 2.0]
    );
    assert_eq!(up.len(), 36);
    Ok(())
}

/// Every request's gradient against central differences.
fn check(what: &str, net: &Network<f64>, batch: usize) -> Result<(), Error> {
    let width = net.input_width();
    let x = Array2::from_shape_fn((batch, width), |(i, j)| wave(i * 13 + 7 * j + 2));
    let v = Array3::from_shape_fn((batch, 2, width), |(i, j, k)| wave(i + 5 * j + 3 * k));
    let pairs = [(0, 0), (0, 1)];
    let request = Request::SecondOrder {
        directions: v.view(),
        pairs: &pairs,
    };
    let outputs = net.output_width();
    let seed = Array2::from_shape_fn((batch, outputs), |(i, j)| wave(i + 2 * j));
    let rows = Array3::from_shape_fn((batch, 2, outputs), |(i, j, k)| wave(i + 3 * j + k));
    let second = Array3::from_shape_fn((batch, 2, outputs), |(i, j, k)| wave(2 * i + j + k + 9));
    let scalar = |net: &Network<f64>, x: &Array2<f64>| {
        let pass = net.evaluate(x.view(), request).unwrap();
        (&pass.value() * &seed).sum()
            + (&pass.tangents().unwrap() * &rows).sum()
            + (&pass.second_tangents().unwrap() * &second).sum()
    };
    let gradients = net.evaluate(x.view(), request)?.backward(Seeds {
        value: Some(seed.view()),
        tangents: Some(rows.view()),
        second: Some(second.view()),
        ..Seeds::default()
    })?;
    let by_weights = |p: &[f64]| {
        let mut moved = net.clone();
        moved.set_parameters(p).unwrap();
        scalar(&moved, &x)
    };
    let flat = gradients.parameters.to_vec();
    gradcheck::check(
        &format!("{what}, weights"),
        by_weights,
        net.parameters(),
        &flat,
        1e-4,
        2e-8,
    )?;
    let by_input = |p: &[f64]| {
        scalar(
            net,
            &Array2::from_shape_vec((batch, width), p.to_vec()).unwrap(),
        )
    };
    let flat: Vec<f64> = gradients.input.iter().copied().collect();
    gradcheck::check(
        &format!("{what}, input"),
        by_input,
        x.as_slice().unwrap(),
        &flat,
        1e-4,
        2e-8,
    )?;
    // The tangents are the derivatives of the value.
    let pass = net.evaluate(x.view(), request)?;
    let step = 1e-4;
    let moved = |s: f64| {
        let x = &x + &(&v.index_axis(ndarray::Axis(1), 0) * s);
        net.evaluate(x.view(), Request::Value)
            .unwrap()
            .value()
            .to_owned()
    };
    let numeric = (moved(step) - moved(-step)) / (2.0 * step);
    for (n, t) in numeric
        .iter()
        .zip(pass.tangents().unwrap().index_axis(ndarray::Axis(1), 0))
    {
        assert!((n - t).abs() < 1e-6, "{what}: {n} {t}");
    }
    Ok(())
}

#[test]
fn derivatives_of_image_layers_pass_central_differences() -> Result<(), Error> {
    use Activation::{Silu, Tanh};
    let nets = [
        (
            "conv",
            net(
                18,
                vec![
                    image(2, 3, 3),
                    conv(2, 3, 2, 1, 1),
                    apply(Tanh),
                    conv(3, 1, 3, 2, 0),
                ],
            ),
        ),
        (
            "transposed",
            net(
                8,
                vec![
                    image(2, 2, 2),
                    transposed(2, 3, 3, 2, 1),
                    apply(Silu),
                    transposed(3, 1, 2, 1, 0),
                ],
            ),
        ),
        (
            "pools",
            net(
                32,
                vec![
                    image(2, 4, 4),
                    apply(Tanh),
                    Layer::MaxPool2d {
                        kernel: 2,
                        stride: 1,
                    },
                    apply(Silu),
                    Layer::AveragePool2d {
                        kernel: 2,
                        stride: 1,
                    },
                    Layer::UpsampleNearest2d { factor: 2 },
                    conv(2, 2, 3, 1, 1),
                    Layer::Reshape { shape: vec![32] },
                    Layer::Linear {
                        inputs: 32,
                        outputs: 3,
                    },
                ],
            ),
        ),
    ];
    for (what, net) in nets {
        check(what, &net, 2)?;
    }
    Ok(())
}

#[test]
fn dropout_drops_in_training_alone_and_has_derivatives() -> Result<(), Error> {
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
    check("dropout", &small, 3)?;
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

#[test]
fn the_convolutional_networks_of_the_papers_can_be_written_down() -> Result<(), Error> {
    use Activation::{Elu, Relu};
    let max_pool = |kernel, stride| Layer::MaxPool2d { kernel, stride };
    // Nazari et al. 2023, 28 × 28.
    let encoder = net(
        784,
        vec![
            image(1, 28, 28),
            conv(1, 16, 3, 3, 1),
            apply(Elu),
            max_pool(2, 2),
            conv(16, 8, 3, 2, 1),
            apply(Elu),
            max_pool(2, 1),
            conv(8, 2, 2, 1, 0),
        ],
    );
    assert_eq!(encoder.output_width(), 2);
    let decoder = net(
        2,
        vec![
            image(2, 1, 1),
            transposed(2, 8, 2, 1, 0),
            apply(Elu),
            transposed(8, 16, 3, 2, 0),
            apply(Elu),
            transposed(16, 8, 5, 3, 1),
            apply(Elu),
            transposed(8, 1, 2, 2, 1),
            apply(Activation::Tanh),
        ],
    );
    assert_eq!(decoder.output_width(), 900 - 116);
    let pass = decoder.evaluate(Array2::from_elem((2, 2), 0.3).view(), Request::Jacobian)?;
    assert!(pass.jacobian().unwrap().iter().all(|v| v.is_finite()));
    // Conv64 and DeConv64 of Lim et al. 2024.
    let mut layers = vec![image(1, 64, 64)];
    for (a, b) in [(1, 32), (32, 32), (32, 64), (64, 64)] {
        layers.extend([conv(a, b, 4, 2, 1), apply(Relu)]);
    }
    layers.extend([conv(64, 128, 4, 1, 0), apply(Relu), conv(128, 3, 1, 1, 0)]);
    assert_eq!(net(4096, layers).output_width(), 3);
    let mut layers = vec![
        image(3, 1, 1),
        conv(3, 128, 1, 1, 0),
        apply(Relu),
        transposed(128, 64, 4, 1, 0),
    ];
    for (a, b) in [(64, 64), (64, 32), (32, 32), (32, 1)] {
        layers.extend([apply(Relu), transposed(a, b, 4, 2, 1)]);
    }
    assert_eq!(net(3, layers).output_width(), 4096);
    Ok(())
}

#[test]
fn wrong_images_and_options_are_named() {
    let refuse =
        |inputs: usize, layers: Vec<Layer>| Architecture::new(inputs, layers).check().unwrap_err();
    let wrong = refuse(9, vec![conv(1, 1, 2, 1, 0)]);
    assert!(matches!(wrong, Error::Chain { layer: 0, .. }), "{wrong}");
    let wrong = refuse(18, vec![image(2, 3, 3), conv(1, 1, 2, 1, 0)]);
    assert!(
        matches!(&wrong, Error::Chain { layer: 1, found, .. } if *found == [2, 3, 3]),
        "{wrong}"
    );
    assert!(matches!(
        refuse(9, vec![image(1, 3, 4)]),
        Error::Chain { layer: 0, .. }
    ));
    assert!(matches!(
        refuse(9, vec![image(1, 3, 3), conv(1, 1, 4, 1, 0)]),
        Error::LayerOption {
            argument: "kernel",
            ..
        }
    ));
    assert!(matches!(
        refuse(9, vec![image(1, 3, 3), conv(1, 1, 0, 1, 0)]),
        Error::ZeroWidth {
            argument: "kernel",
            ..
        }
    ));
    assert!(matches!(
        refuse(9, vec![image(1, 3, 3), conv(1, 1, 2, 0, 0)]),
        Error::ZeroWidth {
            argument: "stride",
            ..
        }
    ));
    assert!(matches!(
        refuse(9, vec![image(1, 3, 3), conv(1, 1, 2, 1, 2)]),
        Error::LayerOption {
            argument: "padding",
            ..
        }
    ));
    assert!(matches!(
        refuse(1, vec![image(1, 1, 1), transposed(1, 1, 2, 1, 1)]),
        Error::LayerOption { .. }
    ));
    let wrong = refuse(1, vec![Layer::Dropout { probability: 1.0 }]);
    assert!(
        matches!(
            wrong,
            Error::LayerOption {
                argument: "probability",
                ..
            }
        ),
        "{wrong}"
    );
    let huge = Layer::UpsampleNearest2d { factor: usize::MAX };
    assert!(matches!(
        refuse(1, vec![image(1, 1, 1), huge]),
        Error::TooLarge { .. }
    ));
    let net = net(9, vec![image(1, 3, 3), conv(1, 1, 2, 1, 0)]);
    let theta = net.tensor().unwrap();
    let x = dfdx::tensor::TensorFromVec::tensor_from_vec(net.device(), vec![0.0; 9], (1, 9));
    let wrong = net.forward_composed(&theta, x, false).unwrap_err();
    assert!(
        matches!(
            wrong,
            Error::MissingDerivative {
                layer: 1,
                kind: "conv2d",
                ..
            }
        ),
        "{wrong}"
    );
}
