//! Every published pair of networks, trained a few steps by the method of its paper on small images.

use std::ops::ControlFlow;

use dfdx::tensor::Cpu;
use ndarray::Array2;

use super::{EpochOutcome, TrainOptions, Trainer};
use crate::{Autoencoder, Method, NetworkKind, NetworkSize};

const IMAGES: usize = 16;

/// A bright bar on a dark ground, somewhere else in every image.
fn images([channels, height, width]: [usize; 3]) -> Array2<f32> {
    Array2::from_shape_fn((IMAGES, channels * height * width), |(i, pixel)| {
        let (row, column) = (pixel / width % height, pixel % width);
        let bright = (row + i) % height < 3 && column >= i % 4;
        if bright { 0.9 } else { 0.1 }
    })
}

#[test]
fn published_networks_learn_by_their_papers_methods() {
    let small = Some(8);
    for (kind, method, image, filters) in [
        (NetworkKind::DeepAe, Method::TopoAe, [1, 8, 8], None),
        (
            NetworkKind::FcDsprites,
            Method::WaeStochastic,
            [1, 8, 8],
            None,
        ),
        (NetworkKind::ConvGeomae, Method::GeomAe, [1, 16, 16], None),
        (NetworkKind::Conv28, Method::Irvae, [1, 24, 24], small),
        (NetworkKind::Conv64, Method::Ae, [1, 16, 16], None),
        (NetworkKind::DcganCeleba, Method::WaeMmd, [3, 8, 8], small),
        (NetworkKind::DcganDsprites, Method::WaeMmd, [1, 8, 8], small),
    ] {
        let what = format!("{} {method}", kind.name());
        let data = images(image);
        let size = NetworkSize {
            data_dim: data.ncols(),
            image: Some(image),
            latent_dim: 2,
            stochastic: method.is_stochastic(),
            filters,
        };
        let architecture = Method::networks(kind, &method.nets(), size).unwrap();
        let model = Autoencoder::new(&architecture, 1, &Cpu::default()).unwrap();
        let objective = method.objective(0.1 * method.default_weight()).unwrap();
        let options = TrainOptions {
            epochs: 6,
            batch_size: IMAGES / 2,
            validation: None,
            ..TrainOptions::default()
        };
        let mut trainer = Trainer::new(model, objective, data.view(), options).unwrap();
        let weights = |trainer: &Trainer<'_, f32, Cpu>| {
            let model = trainer.model();
            [model.encoder(), model.decoder()].map(|network| network.parameters().to_vec())
        };
        let before = weights(&trainer);
        let mut totals = Vec::new();
        while let Some(EpochOutcome::Finished(report)) =
            trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
        {
            totals.push(report.total);
        }
        assert!(totals[5] < totals[0], "{what}: {totals:?}");
        for (before, after) in before.iter().zip(&weights(&trainer)) {
            let moved = before
                .iter()
                .zip(after)
                .filter(|(b, a)| a.to_bits() != b.to_bits())
                .count();
            // A pixel that is the same in all images may leave a weight where it is.
            assert!(2 * moved > before.len(), "{what}: {moved}");
            assert!(after.iter().all(|w| w.is_finite()), "{what}");
        }
        let codes = trainer.model().encode(data.view()).unwrap();
        let back = trainer.model().decode(codes.view()).unwrap();
        assert_eq!(back.dim(), data.dim(), "{what}");
        assert!(back.iter().all(|y| y.is_finite()), "{what}");
    }
}
