//! Panels: some columns of a matrix, copied into the order in which the inner loop of a product reads them.

use super::tile::Lanes;

/// Vectors of a panel.
pub(super) const VECTORS: usize = 3;

/// Some columns of a matrix: `columns` of them from `start`, padded to `width`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub(crate) start: usize,
    pub(crate) columns: usize,
    pub(crate) width: usize,
}

/// Cuts columns into panels, none of them much narrower than the others.
pub(crate) fn panels(columns: usize, lanes: usize) -> impl Iterator<Item = Panel> {
    let vectors = columns.div_ceil(lanes);
    let mut done = 0;
    std::iter::from_fn(move || {
        let some = match vectors - done {
            0 => return None,
            4 => 2,
            rest => rest.min(VECTORS),
        };
        let (start, width) = (done * lanes, some * lanes);
        done += some;
        Some(Panel {
            start,
            columns: width.min(columns - start),
            width,
        })
    })
}

/// Entries of a packed matrix (depth, columns).
pub(crate) fn packed_len(depth: usize, columns: usize, lanes: usize) -> usize {
    depth * columns.next_multiple_of(lanes)
}

/// Packs the panel of a row-major matrix with rows of `stride` entries, from row `first` on, as deep as `out` holds.
pub(crate) fn pack<E: Lanes>(
    panel: Panel,
    matrix: &[E],
    stride: usize,
    first: usize,
    out: &mut [E],
) {
    for (l, out) in out.chunks_exact_mut(panel.width).enumerate() {
        let start = (first + l) * stride + panel.start;
        let (out, padding) = out.split_at_mut(panel.columns);
        out.copy_from_slice(&matrix[start..start + panel.columns]);
        padding.fill(E::zeroed());
    }
}

/// Packs the panel of the transpose of a row-major matrix with rows of `stride` entries, as deep as `out` holds.
pub(crate) fn pack_transposed<E: Lanes>(panel: Panel, matrix: &[E], stride: usize, out: &mut [E]) {
    const BLOCK: usize = 16;
    let (width, depth) = (panel.width, out.len() / panel.width);
    for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
        let first = block * BLOCK;
        let some = BLOCK.min(depth - first);
        for j in 0..panel.columns {
            let start = (panel.start + j) * stride + first;
            let source = &matrix[start..start + some];
            for (l, &x) in source.iter().enumerate() {
                out[l * width + j] = x;
            }
        }
        for row in out.chunks_exact_mut(width) {
            row[panel.columns..].fill(E::zeroed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_cover_the_columns_once() {
        for lanes in [1, 4, 16] {
            for columns in 1..200 {
                let mut next = 0;
                for panel in panels(columns, lanes) {
                    assert_eq!(panel.start, next);
                    assert!(panel.columns <= panel.width && panel.width <= VECTORS * lanes);
                    next += panel.columns;
                }
                assert_eq!(next, columns);
            }
        }
    }
}
