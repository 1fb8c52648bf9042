//! Batch and layer normalisation.

use cudarc::driver::DeviceSlice;

use super::{Batch, Out, View, blocks, each, long};
use crate::cuda::engine::{Buffer, Engine};
use crate::element::Element;
use crate::error::Error;

impl Engine {
    /// Mean, biased variance and factor of every feature of a batch of single rows.
    pub(in crate::cuda) fn batch_statistics<E: Element>(
        &self,
        (points, width): (usize, usize),
        epsilon: f64,
        rows: &View<'_, E>,
        mean: &mut Buffer<E>,
        variance: &mut Buffer<f64>,
        factor: &mut Buffer<E>,
    ) -> Result<(), Error> {
        let features = mean.len();
        assert_eq!(width % features, 0, "features of equal width");
        long("rows", rows, points * width);
        long("variances", &**variance, features);
        long("factors", &**factor, features);
        let span = (width / features) as u64;
        let arguments = (
            points as u64,
            width as u64,
            span,
            epsilon,
            rows,
            &mut **mean,
            &mut **variance,
            &mut **factor,
        );
        launch!(self, E, Norm::batch_statistics, blocks(features), arguments)
    }

    /// $\hat x$ of batch normalisation.
    pub(in crate::cuda) fn batch_normalise<E: Element>(
        &self,
        batch: &Batch,
        mean: &Buffer<E>,
        factor: &Buffer<E>,
        rows: &View<'_, E>,
        hat: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let (features, width) = (mean.len(), rows.len() / batch.rows());
        long("factors", &**factor, features);
        long("rows", rows, batch.rows() * width);
        long("normalised rows", hat, batch.rows() * width);
        let span = (width / features) as u64;
        let arguments = (batch.raw(width), span, &**mean, &**factor, rows, hat);
        let config = each(batch.rows() * width);
        launch!(self, E, Norm::batch_normalise, config, arguments)
    }

    /// The means of $\bar y$ and $\bar y\hat x$, of every feature of a batch of single rows.
    pub(in crate::cuda) fn batch_coupling<E: Element>(
        &self,
        (points, width): (usize, usize),
        hat: &View<'_, E>,
        bar: &View<'_, E>,
        means: &mut Buffer<E>,
    ) -> Result<(), Error> {
        let features = means.len() / 2;
        long("normalised rows", hat, points * width);
        long("cotangents", bar, points * width);
        let sizes = (points as u64, width as u64, (width / features) as u64);
        let arguments = (sizes.0, sizes.1, sizes.2, hat, bar, &mut **means);
        launch!(self, E, Norm::batch_coupling, blocks(features), arguments)
    }

    #[allow(clippy::too_many_arguments, reason = "the kernel's own list")]
    /// The cotangents of what batch normalisation was given; `means` are those of [`batch_coupling`](Self::batch_coupling), in training.
    pub(in crate::cuda) fn batch_back<E: Element>(
        &self,
        means: Option<&Buffer<E>>,
        hat: &View<'_, E>,
        factor: &Buffer<E>,
        scale: &View<'_, E>,
        bar: &View<'_, E>,
        width: usize,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let (features, rows) = (scale.len(), bar.len() / width);
        long("factors", &**factor, features);
        if let Some(means) = means {
            long("means", &**means, 2 * features);
        }
        long("normalised rows", hat, rows * width);
        long("cotangents", out, rows * width);
        let arguments = (
            rows as u64,
            width as u64,
            (width / features) as u64,
            u32::from(means.is_some()),
            &**means.unwrap_or(factor),
            hat,
            &**factor,
            scale,
            bar,
            out,
        );
        launch!(self, E, Norm::batch_back, each(rows * width), arguments)
    }

    /// Every entry times its feature's scale.
    pub(in crate::cuda) fn scale_rows<E: Element>(
        &self,
        width: usize,
        scale: &View<'_, E>,
        hat: &View<'_, E>,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let rows = hat.len() / width;
        long("rows", hat, rows * width);
        long("scaled rows", out, rows * width);
        let span = (width / scale.len()) as u64;
        let arguments = (rows as u64, width as u64, span, scale, hat, out);
        launch!(self, E, Norm::scale_rows, each(rows * width), arguments)
    }

    /// Adds to the gradient of the scale.
    pub(in crate::cuda) fn scale_gradient<E: Element>(
        &self,
        width: usize,
        hat: &View<'_, E>,
        bar: &View<'_, E>,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let (rows, features) = (hat.len() / width, out.len());
        long("rows", hat, rows * width);
        long("cotangents", bar, rows * width);
        let sizes = (rows as u64, width as u64, (width / features) as u64);
        let arguments = (sizes.0, sizes.1, sizes.2, hat, bar, out);
        launch!(self, E, Norm::scale_gradient, blocks(features), arguments)
    }

    /// Layer normalisation: centred rows, the scalars of every point, normalised rows.
    pub(in crate::cuda) fn layer_forward<E: Element>(
        &self,
        batch: &Batch,
        epsilon: f64,
        rows: &View<'_, E>,
        centred: &mut Buffer<E>,
        scalars: &mut Buffer<f64>,
        hat: &mut Buffer<E>,
    ) -> Result<(), Error> {
        let width = rows.len() / batch.rows();
        long("rows", rows, batch.rows() * width);
        long("centred rows", &**centred, batch.rows() * width);
        long("scalars", &**scalars, batch.rows());
        long("normalised rows", &**hat, batch.rows() * width);
        let arguments = (
            batch.raw(width),
            &*batch.pairs,
            epsilon,
            rows,
            &mut **centred,
            &mut **scalars,
            &mut **hat,
        );
        launch!(
            self,
            E,
            Norm::layer_forward,
            blocks(batch.points),
            arguments
        )
    }

    /// The cotangents of what layer normalisation was given.
    #[allow(clippy::too_many_arguments, reason = "the kernel's own list")]
    pub(in crate::cuda) fn layer_reverse<E: Element>(
        &self,
        batch: &Batch,
        (centred, scalars): (&Buffer<E>, &Buffer<f64>),
        scale: &View<'_, E>,
        bar: &View<'_, E>,
        scaled: &mut Buffer<E>,
        work: &mut Buffer<f64>,
        out: &mut Buffer<E>,
    ) -> Result<(), Error> {
        let width = scale.len();
        for (what, memory) in [("centred rows", &**centred), ("scaled rows", &**scaled)] {
            long(what, memory, batch.rows() * width);
        }
        long("scalars", &**scalars, batch.rows());
        long("cotangents", bar, batch.rows() * width);
        long("work", &**work, 2 * batch.rows());
        long("result", &**out, batch.rows() * width);
        let arguments = (
            batch.raw(width),
            &*batch.pairs,
            &**centred,
            &**scalars,
            scale,
            bar,
            &mut **scaled,
            &mut **work,
            &mut **out,
        );
        launch!(
            self,
            E,
            Norm::layer_reverse,
            blocks(batch.points),
            arguments
        )
    }
}
