//! Windows over images, pooling, upsampling, padding, dropout.

use cudarc::driver::{DeviceRepr, DeviceSlice};

use super::{Batch, Out, View, each, long};
use crate::cuda::engine::Engine;
use crate::element::Element;
use crate::error::Error;
use crate::window::Window;

/// The kernels' `Window`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawWindow {
    channels: u64,
    height: u64,
    width: u64,
    kernel: u64,
    stride: u64,
    padding: u64,
    rows: u64,
    columns: u64,
}

// SAFETY: a plain struct of the kernels' own fields in the kernels' own order.
unsafe impl DeviceRepr for RawWindow {}

fn raw(window: &Window) -> RawWindow {
    RawWindow {
        channels: window.channels as u64,
        height: window.height as u64,
        width: window.width as u64,
        kernel: window.kernel as u64,
        stride: window.stride as u64,
        padding: window.padding as u64,
        rows: window.grid.0 as u64,
        columns: window.grid.1 as u64,
    }
}

impl Engine {
    /// The patches under a window as rows, or with `back` their transpose.
    pub(in crate::cuda) fn patches<E: Element>(
        &self,
        window: &Window,
        back: bool,
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let (whole, patches) = (window.image(), window.count() * window.patch());
        let whole_images = if back { to.len() } else { from.len() };
        let images = whole_images / whole;
        let (source, target) = if back {
            (patches, whole)
        } else {
            (whole, patches)
        };
        long("source", from, images * source);
        long("target", to, images * target);
        let (config, arguments) = (
            each(images * target),
            (raw(window), images as u64, from, to),
        );
        if back {
            return launch!(self, E, Image::scatter, config, arguments);
        }
        launch!(self, E, Image::gather, config, arguments)
    }

    /// (count, a, b) to (count, b, a).
    pub(in crate::cuda) fn swap<E: Element>(
        &self,
        (a, b): (usize, usize),
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let count = from.len() / (a * b);
        long("source", from, count * a * b);
        long("target", to, count * a * b);
        let arguments = (count as u64, a as u64, b as u64, from, to);
        launch!(self, E, Image::swap, each(count * a * b), arguments)
    }

    /// The mean under a window, or with `back` its transpose.
    pub(in crate::cuda) fn average<E: Element>(
        &self,
        window: &Window,
        rows: usize,
        back: bool,
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        assert_eq!(window.padding, 0, "padding of a pooling window");
        let (image, grid) = (window.image(), window.channels * window.count());
        let (source, target) = if back { (grid, image) } else { (image, grid) };
        long("source", from, rows * source);
        long("target", to, rows * target);
        let planes = (rows * window.channels) as u64;
        let (config, arguments) = (each(rows * target), (raw(window), planes, from, to));
        if back {
            return launch!(self, E, Image::average_back, config, arguments);
        }
        launch!(self, E, Image::average, config, arguments)
    }

    /// The maximum under a window.
    pub(in crate::cuda) fn maximum<E: Element>(
        &self,
        window: &Window,
        batch: &Batch,
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        assert_eq!(window.padding, 0, "padding of a pooling window");
        let grid = window.channels * window.count();
        long("source", from, batch.rows() * window.image());
        long("target", to, batch.rows() * grid);
        let (points, stack) = (batch.points as u64, batch.stack() as u64);
        let arguments = (raw(window), points, stack, from, to);
        launch!(
            self,
            E,
            Image::maximum,
            each(batch.points * grid),
            arguments
        )
    }

    /// The transpose of [`maximum`](Self::maximum) at given values.
    pub(in crate::cuda) fn maximum_back<E: Element>(
        &self,
        window: &Window,
        batch: &Batch,
        from: &View<'_, E>,
        bar: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        assert_eq!(window.padding, 0, "padding of a pooling window");
        let (image, grid) = (window.image(), window.channels * window.count());
        long("source", from, batch.rows() * image);
        long("cotangents", bar, batch.rows() * grid);
        long("target", to, batch.rows() * image);
        let (points, stack) = (batch.points as u64, batch.stack() as u64);
        let arguments = (raw(window), points, stack, from, bar, to);
        launch!(
            self,
            E,
            Image::maximum_back,
            each(batch.points * image),
            arguments
        )
    }

    /// Entries repeated in squares, or with `back` the transpose.
    pub(in crate::cuda) fn upsample<E: Element>(
        &self,
        columns: usize,
        factor: usize,
        back: bool,
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let small = from.len().min(to.len());
        let lines = small / columns;
        let (below, above) = (lines * columns, lines * columns * factor * factor);
        let (source, target) = if back { (above, below) } else { (below, above) };
        long("source", from, source);
        long("target", to, target);
        let sizes = (lines as u64, columns as u64, factor as u64);
        let (config, arguments) = (each(target), (sizes.0, sizes.1, sizes.2, from, to));
        if back {
            return launch!(self, E, Image::upsample_back, config, arguments);
        }
        launch!(self, E, Image::upsample, config, arguments)
    }

    /// Planes of one height and width copied into planes of another, shifted; zeros elsewhere.
    pub(in crate::cuda) fn shift<E: Element>(
        &self,
        (height, width): (usize, usize),
        (to_height, to_width): (usize, usize),
        by: i64,
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let planes = from.len() / (height * width);
        long("source", from, planes * height * width);
        long("target", to, planes * to_height * to_width);
        let arguments = (
            planes as u64,
            height as u64,
            width as u64,
            to_height as u64,
            to_width as u64,
            by,
            from,
            to,
        );
        launch!(
            self,
            E,
            Image::shift,
            each(planes * to_height * to_width),
            arguments
        )
    }

    /// Dropout by the draws of a seed and a layer.
    pub(in crate::cuda) fn dropout<E: Element>(
        &self,
        batch: &Batch,
        (seed, layer): (u64, u64),
        probability: f64,
        from: &View<'_, E>,
        to: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let width = from.len() / batch.rows();
        long("source", from, batch.rows() * width);
        long("target", to, batch.rows() * width);
        let scale = E::of(1.0 / (1.0 - probability));
        let arguments = (batch.raw(width), seed, layer, probability, scale, from, to);
        launch!(
            self,
            E,
            Image::dropout,
            each(batch.points * width),
            arguments
        )
    }
}
