//! Layers of images: values against plain loops, and what they refuse.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "common/build.rs"]
mod build;

use build::{conv, image, net, transposed, wave};
use geom_nn::{Architecture, Error, Layer, Request};
use ndarray::{Array2, Array4};

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
}
