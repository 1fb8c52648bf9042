//! Every network of the papers can be written down: widths and shapes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use geom_nn::{Activation, Architecture, Cpu, Error, Initialiser, Layer, Network, Request};
use ndarray::Array2;

/// Checks the widths at both ends and the number of weights and biases.
fn check(what: &str, net: &Architecture, ends: (usize, usize), parameters: usize) {
    let found = (net.input_width(), net.output_width().unwrap());
    assert_eq!(found, ends, "{what}");
    assert_eq!(net.parameter_count().unwrap(), parameters, "{what}");
    let json = serde_json::to_string(net).unwrap();
    assert_eq!(
        &serde_json::from_str::<Architecture>(&json).unwrap(),
        net,
        "{what}"
    );
}

/// Weights and biases of dense layers.
fn dense(widths: &[usize]) -> usize {
    widths.windows(2).map(|w| w[0] * w[1] + w[1]).sum()
}

/// Weights and biases of square kernels: (inputs, outputs, kernel).
fn kernels(all: &[(usize, usize, usize)], biases_of: impl Fn(usize, usize) -> usize) -> usize {
    all.iter()
        .map(|&(i, o, k)| i * o * k * k + biases_of(i, o))
        .sum()
}

#[test]
fn dense_networks() {
    use Activation::{Elu, Linear, Relu, Sigmoid, Tanh};
    let box_net = dense(&[50, 100, 100, 100, 100, 2]);
    check(
        "GeomAE encoder",
        &Architecture::geomae_encoder(50, 2),
        (50, 2),
        box_net,
    );
    let box_net = dense(&[2, 100, 100, 100, 100, 50]);
    check(
        "GeomAE decoder",
        &Architecture::geomae_decoder(50, 2),
        (2, 50),
        box_net,
    );
    let five = [3, 256, 256, 256, 256, 256, 2];
    let four = [2, 256, 256, 256, 256, 784];
    let three = [1, 512, 512, 512, 784];
    let small = [784, 256, 256, 256, 8];
    let judge = [8, 512, 512, 512, 512, 1];
    for (what, widths, hidden, output) in [
        ("GGAE, Swiss roll", &five[..], Elu, Linear),
        ("GGAE and IRVAE, digits", &four, Relu, Sigmoid),
        ("NRAE, digits", &three, Relu, Sigmoid),
        ("NRAE, curve", &[1, 512, 512, 512, 2], Elu, Linear),
        ("WAE, small", &small, Relu, Linear),
        ("WAE, adversary", &judge, Relu, Linear),
        ("stochastic encoders", &[4096, 1200, 1200, 32], Relu, Tanh),
    ] {
        let ends = (widths[0], widths[widths.len() - 1]);
        let net = Architecture::mlp(widths, hidden, output);
        check(what, &net, ends, dense(widths));
    }
}

#[test]
fn normalised_networks_of_the_topological_autoencoder() {
    let widths = [101, 32, 32, 2];
    let net = Architecture::normalised_mlp(&widths);
    check("Spheres", &net, (101, 2), dense(&widths) + 2 * (32 + 32));
    let kinds: Vec<&str> = net.layers().iter().map(Layer::kind).collect();
    assert_eq!(kinds[..3], ["linear", "batch_norm", "activation"]);
    let norms = 2 * (1000 + 500 + 250);
    let net = Architecture::deep_encoder(784, 2);
    check(
        "DeepAE encoder",
        &net,
        (784, 2),
        dense(&[784, 1000, 500, 250, 2]) + norms,
    );
    let kinds: Vec<&str> = net.layers().iter().map(Layer::kind).collect();
    assert_eq!(kinds[..3], ["linear", "activation", "batch_norm"]);
    let net = Architecture::deep_decoder(3072, 2);
    check(
        "DeepAE decoder",
        &net,
        (2, 3072),
        dense(&[2, 250, 500, 1000, 3072]) + norms,
    );
}

#[test]
fn convolutional_networks() {
    let outputs = |_, o| o;
    let count = kernels(&[(1, 16, 3), (16, 8, 3), (8, 2, 2)], outputs);
    check(
        "GeomAE conv encoder",
        &Architecture::geomae_conv_encoder(1, 28, 2),
        (784, 2),
        count,
    );
    let count = kernels(&[(2, 8, 2), (8, 16, 3), (16, 8, 5), (8, 1, 2)], outputs);
    check(
        "GeomAE conv decoder",
        &Architecture::geomae_conv_decoder(2, 1, 28),
        (2, 784),
        count,
    );
    let all = [
        (1, 32, 4),
        (32, 32, 4),
        (32, 64, 4),
        (64, 64, 4),
        (64, 128, 4),
        (128, 3, 1),
    ];
    let count = kernels(&all, outputs);
    check(
        "Conv64",
        &Architecture::conv64_encoder(1, 64, 3),
        (4096, 3),
        count,
    );
    let count = kernels(&all, |i, _| i);
    check(
        "DeConv64",
        &Architecture::conv64_decoder(3, 1, 64),
        (3, 4096),
        count,
    );
}

#[test]
fn convnet28_has_the_layers_of_its_paper() {
    let outputs = |_, o| o;
    let all = [
        (1, 128, 3),
        (128, 256, 3),
        (256, 512, 3),
        (512, 1024, 2),
        (1024, 2, 1),
    ];
    let net = Architecture::conv28_encoder(1, 28, 32, 2);
    check("ConvNet28", &net, (784, 2), kernels(&all, outputs));
    let all = [(2, 1024, 8), (1024, 512, 3), (512, 256, 2), (256, 1, 1)];
    let net = Architecture::conv28_decoder(2, 1, 28, 32);
    check("DeConvNet28", &net, (2, 784), kernels(&all, outputs));
}

#[test]
fn images_of_every_side_that_fits_come_back_in_their_own() {
    let sides = |from: usize, step: usize| (0..5).map(move |k| from + k * step);
    for channels in [1, 3] {
        let pixels = |side: usize| channels * side * side;
        let fits = |what: &str, encoder: Architecture, decoder: Architecture, side| {
            let ends = (encoder.input_width(), encoder.output_width().unwrap());
            assert_eq!(ends, (pixels(side), 5), "{what} {side}");
            let ends = (decoder.input_width(), decoder.output_width().unwrap());
            assert_eq!(ends, (5, pixels(side)), "{what} {side}");
        };
        for side in sides(16, 12) {
            let encoder = Architecture::geomae_conv_encoder(channels, side, 5);
            let decoder = Architecture::geomae_conv_decoder(5, channels, side);
            fits("GeomAE", encoder, decoder, side);
        }
        for side in sides(24, 4) {
            let encoder = Architecture::conv28_encoder(channels, side, 2, 5);
            let decoder = Architecture::conv28_decoder(5, channels, side, 2);
            fits("Conv28", encoder, decoder, side);
        }
        for side in sides(16, 16) {
            let encoder = Architecture::conv64_encoder(channels, side, 5);
            let decoder = Architecture::conv64_decoder(5, channels, side);
            fits("Conv64", encoder, decoder, side);
        }
    }
}

/// Name, image, layers of the encoder and the decoder, filters, kernel, latent dimension, output.
type Dcgan = (
    &'static str,
    [usize; 3],
    usize,
    usize,
    usize,
    usize,
    usize,
    Activation,
);

#[test]
fn the_networks_of_the_wasserstein_autoencoder() {
    use Activation::{Sigmoid, Tanh};
    let sets: [Dcgan; 3] = [
        ("MNIST", [1, 28, 28], 4, 3, 1024, 4, 8, Sigmoid),
        ("CelebA", [3, 64, 64], 4, 4, 1024, 5, 64, Tanh),
        ("dSprites", [1, 64, 64], 4, 4, 256, 4, 12, Sigmoid),
    ];
    for (what, shape, down, up, filters, kernel, latent, output) in sets {
        let pixels = shape.iter().product();
        let mut side = shape[1];
        let mut encoder = 0;
        let mut before = shape[0];
        for i in 0..down {
            let after = filters >> (down - 1 - i);
            encoder += kernels(&[(before, after, kernel)], |_, o| 3 * o);
            (before, side) = (after, side.div_ceil(2));
        }
        encoder += dense(&[filters * side * side, latent]);
        let net = Architecture::dcgan_encoder(shape, down, filters, kernel, latent);
        check(what, &net, (pixels, latent), encoder);

        let small = shape[1] >> (up - 1);
        let mut decoder = dense(&[latent, filters * small * small]) + 2 * filters;
        for i in 0..up - 1 {
            decoder += kernels(&[(filters >> i, filters >> (i + 1), kernel)], |_, o| 3 * o);
        }
        decoder += kernels(&[(filters >> (up - 1), shape[0], kernel)], |_, o| o);
        let net = Architecture::dcgan_decoder(latent, shape, up, filters, kernel, output);
        check(what, &net, (latent, pixels), decoder);
    }
}

#[test]
fn a_small_one_of_each_kind_runs() -> Result<(), Error> {
    let sigmoid = Activation::Sigmoid;
    for net in [
        Architecture::geomae_conv_decoder(2, 1, 28),
        Architecture::geomae_conv_encoder(1, 28, 2),
        Architecture::conv28_encoder(1, 28, 1, 2),
        Architecture::conv28_decoder(2, 1, 28, 1),
        Architecture::normalised_mlp(&[5, 4, 4, 2]),
        Architecture::dcgan_encoder([1, 7, 7], 2, 8, 4, 3),
        Architecture::dcgan_decoder(3, [1, 8, 8], 3, 16, 4, sigmoid),
        Architecture::dcgan_decoder(3, [2, 8, 8], 2, 4, 5, sigmoid),
    ] {
        let outputs = net.output_width()?;
        let net = Network::<f64>::new(&net, Initialiser::PyTorch, 0, &Cpu::default())?;
        let x = Array2::from_elem((2, net.input_width()), 0.3);
        let directions = ndarray::Array3::from_elem((2, 1, net.input_width()), 0.1);
        let pass = net.evaluate(x.view(), Request::Directions(directions.view()))?;
        assert_eq!(pass.value().dim(), (2, outputs));
        assert!(pass.tangents().unwrap().iter().all(|v| v.is_finite()));
    }
    Ok(())
}

#[test]
fn impossible_sizes_are_errors() {
    let tanh = Activation::Tanh;
    for net in [
        Architecture::dcgan_encoder([1, 8, 8], 90, 8, 4, 2),
        Architecture::dcgan_encoder([0, 8, 8], 2, 8, 4, 2),
        Architecture::dcgan_encoder([1, 8, 8], 2, 8, 0, 2),
        Architecture::dcgan_decoder(2, [1, 2, 2], 5, 8, 4, tanh),
        Architecture::dcgan_decoder(2, [1, 8, 8], 2, usize::MAX, 4, tanh),
        Architecture::dcgan_encoder([1, 8, 8], 1, 8, usize::MAX, 2),
        Architecture::deep_encoder(0, 2),
        Architecture::normalised_mlp(&[]),
        Architecture::conv64_decoder(0, 1, 64),
        Architecture::conv64_encoder(1, 15, 2),
        Architecture::geomae_conv_encoder(1, 12, 2),
        Architecture::conv28_encoder(1, 20, 2, 2),
        Architecture::conv28_encoder(1, 28, usize::MAX, 2),
        Architecture::conv28_encoder(1, usize::MAX, 2, 2),
    ] {
        assert!(net.check().is_err(), "{net:?}");
    }
}
