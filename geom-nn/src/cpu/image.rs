//! Convolutions, pooling and upsampling of image rows, each with its transpose.

use crate::cpu::product::{Matrix, product};
use crate::element::Element;
use crate::plan::Op;
use crate::window::Window;

/// Copies the patch under every place of the window into a column, (patch, places), zero in the padding.
fn gather<E: Element>(window: &Window, image: &[E], columns: &mut [E]) {
    let (area, count) = (window.kernel * window.kernel, window.count());
    columns.fill(E::zero());
    window.visit(|channel, offset, place, entry| {
        columns[(channel * area + offset) * count + place] = image[entry];
    });
}

/// Adds every column back to the patch it came from: the transpose of [`gather`].
fn scatter<E: Element>(window: &Window, columns: &[E], image: &mut [E]) {
    let (area, count) = (window.kernel * window.kernel, window.count());
    image.fill(E::zero());
    window.visit(|channel, offset, place, entry| {
        image[entry] += columns[(channel * area + offset) * count + place];
    });
}

/// Image to grid: `out = W · columns`, with the weight (features, patch).
pub(crate) fn correlate<E: Element>(
    window: &Window,
    features: usize,
    weight: &[E],
    images: &[E],
    out: &mut [E],
) {
    let (patch, count) = (window.patch(), window.count());
    let mut columns = vec![E::zero(); patch * count];
    for (image, out) in images
        .chunks_exact(window.image())
        .zip(out.chunks_exact_mut(features * count))
    {
        gather(window, image, &mut columns);
        product(
            out,
            count,
            Matrix::rows(weight, (features, patch)),
            Matrix::rows(&columns, (patch, count)),
            false,
        );
    }
}

/// Grid to image, the transpose of [`correlate`].
pub(crate) fn correlate_back<E: Element>(
    window: &Window,
    features: usize,
    weight: &[E],
    grids: &[E],
    out: &mut [E],
) {
    let (patch, count) = (window.patch(), window.count());
    let mut columns = vec![E::zero(); patch * count];
    for (grid, image) in grids
        .chunks_exact(features * count)
        .zip(out.chunks_exact_mut(window.image()))
    {
        let weight = Matrix::rows(weight, (features, patch)).transposed();
        product(
            &mut columns,
            count,
            weight,
            Matrix::rows(grid, (features, count)),
            false,
        );
        scatter(window, &columns, image);
    }
}

/// The gradient of the weight of [`correlate`]: the sum over rows of `grid · columnsᵀ`.
pub(crate) fn correlate_gradient<E: Element>(
    window: &Window,
    features: usize,
    images: &[E],
    grids: &[E],
    out: &mut [E],
) {
    let (patch, count) = (window.patch(), window.count());
    let mut columns = vec![E::zero(); patch * count];
    out.fill(E::zero());
    for (image, grid) in images
        .chunks_exact(window.image())
        .zip(grids.chunks_exact(features * count))
    {
        gather(window, image, &mut columns);
        let columns = Matrix::rows(&columns, (patch, count)).transposed();
        product(
            out,
            patch,
            Matrix::rows(grid, (features, count)),
            columns,
            true,
        );
    }
}

/// The mean under every place of the window, channel by channel.
pub(crate) fn average<E: Element>(window: &Window, images: &[E], out: &mut [E]) {
    let count = window.count();
    let share = E::of(1.0 / (window.kernel * window.kernel) as f64);
    for (image, out) in images
        .chunks_exact(window.image())
        .zip(out.chunks_exact_mut(window.channels * count))
    {
        out.fill(E::zero());
        window
            .visit(|channel, _, place, entry| out[channel * count + place] += share * image[entry]);
    }
}

/// The transpose of [`average`].
pub(crate) fn average_back<E: Element>(window: &Window, grids: &[E], out: &mut [E]) {
    let count = window.count();
    let share = E::of(1.0 / (window.kernel * window.kernel) as f64);
    for (grid, image) in grids
        .chunks_exact(window.channels * count)
        .zip(out.chunks_exact_mut(window.image()))
    {
        image.fill(E::zero());
        window.visit(|channel, _, place, entry| {
            image[entry] += share * grid[channel * count + place];
        });
    }
}

/// The entry of an image that is largest under every place, the first one among equals.
fn largest<E: Element>(window: &Window, image: &[E], chosen: &mut [usize]) {
    let count = window.count();
    chosen.fill(usize::MAX);
    window.visit(|channel, _, place, entry| {
        let best = &mut chosen[channel * count + place];
        // NaN wins, so that it is not hidden.
        if *best == usize::MAX || image[entry] > image[*best] || image[entry].is_nan() {
            *best = entry;
        }
    });
}

/// The maximum under every place: chosen by a point's value, taken from all of its rows.
pub(crate) fn maximum<E: Element>(window: &Window, stack: usize, images: &[E], out: &mut [E]) {
    let (size, grid) = (window.image(), window.channels * window.count());
    let mut chosen = vec![0; grid];
    for (point, out) in images
        .chunks_exact(stack * size)
        .zip(out.chunks_exact_mut(stack * grid))
    {
        largest(window, &point[..size], &mut chosen);
        for (row, out) in point.chunks_exact(size).zip(out.chunks_exact_mut(grid)) {
            out.iter_mut()
                .zip(&chosen)
                .for_each(|(o, &entry)| *o = row[entry]);
        }
    }
}

/// The transpose of [`maximum`] at given values.
pub(crate) fn maximum_back<E: Element>(
    window: &Window,
    stack: usize,
    images: &[E],
    bars: &[E],
    out: &mut [E],
) {
    let (size, grid) = (window.image(), window.channels * window.count());
    let mut chosen = vec![0; grid];
    out.fill(E::zero());
    let points = images
        .chunks_exact(stack * size)
        .zip(bars.chunks_exact(stack * grid));
    for ((point, bars), out) in points.zip(out.chunks_exact_mut(stack * size)) {
        largest(window, &point[..size], &mut chosen);
        for (bar, out) in bars.chunks_exact(grid).zip(out.chunks_exact_mut(size)) {
            bar.iter()
                .zip(&chosen)
                .for_each(|(&b, &entry)| out[entry] += b);
        }
    }
}

/// Every entry repeated in a square of `factor` × `factor`; images are (channels, rows, columns) with all rows in one count.
pub(crate) fn upsample<E: Element>(factor: usize, columns: usize, images: &[E], out: &mut [E]) {
    for (line, lines) in images
        .chunks_exact(columns)
        .zip(out.chunks_exact_mut(columns * factor * factor))
    {
        for out in lines.chunks_exact_mut(columns * factor) {
            out.chunks_exact_mut(factor)
                .zip(line)
                .for_each(|(out, &v)| out.fill(v));
        }
    }
}

/// The transpose of [`upsample`].
pub(crate) fn upsample_back<E: Element>(factor: usize, columns: usize, bars: &[E], out: &mut [E]) {
    for (lines, line) in bars
        .chunks_exact(columns * factor * factor)
        .zip(out.chunks_exact_mut(columns))
    {
        line.fill(E::zero());
        for bar in lines.chunks_exact(columns * factor) {
            let sums = bar
                .chunks_exact(factor)
                .map(|part| part.iter().fold(E::zero(), |sum, &b| sum + b));
            line.iter_mut().zip(sums).for_each(|(v, sum)| *v += sum);
        }
    }
}

/// Adds or cuts lines around images.
pub(crate) fn pad<E: Element>(op: &Op, images: &[E], out: &mut [E]) {
    if let Op::Pad {
        image: [c, h, w],
        before,
        after,
    } = *op
    {
        shift(
            c,
            (h, w),
            (grown(h, before, after), grown(w, before, after)),
            before,
            images,
            out,
        );
    }
}

/// The transpose of [`pad`]: cuts what it added, adds zeros where it cut.
pub(crate) fn pad_back<E: Element>(op: &Op, bars: &[E], out: &mut [E]) {
    if let Op::Pad {
        image: [c, h, w],
        before,
        after,
    } = *op
    {
        shift(
            c,
            (grown(h, before, after), grown(w, before, after)),
            (h, w),
            -before,
            bars,
            out,
        );
    }
}

/// A length that the plan has checked.
fn grown(length: usize, before: i64, after: i64) -> usize {
    let whole = i64::try_from(length).unwrap_or(0) + before + after;
    usize::try_from(whole).unwrap_or(0)
}

/// Copies planes of `from` (height, width) into planes of `to`, `by` lines further down and right; zeros elsewhere.
fn shift<E: Element>(
    channels: usize,
    from: (usize, usize),
    to: (usize, usize),
    by: i64,
    images: &[E],
    out: &mut [E],
) {
    let range = |from: usize, to: usize| {
        let first = usize::try_from(by).unwrap_or(0);
        let skip = usize::try_from(-by).unwrap_or(0);
        (
            first,
            skip,
            from.saturating_sub(skip).min(to.saturating_sub(first)),
        )
    };
    let ((y, skip_y, rows), (x, skip_x, columns)) = (range(from.0, to.0), range(from.1, to.1));
    out.fill(E::zero());
    let planes = images.chunks_exact(from.0 * from.1);
    debug_assert_eq!(planes.len() % channels, 0, "whole images");
    for (plane, out) in planes.zip(out.chunks_exact_mut(to.0 * to.1)) {
        for row in 0..rows {
            let source = (skip_y + row) * from.1 + skip_x;
            let target = (y + row) * to.1 + x;
            out[target..target + columns].copy_from_slice(&plane[source..source + columns]);
        }
    }
}
