//! Parts of stacked rows: the value rows, all tangents, the unit vectors that a full Jacobian starts from.

use std::ops::Range;

use cudarc::driver::DeviceSlice;

use super::{Batch, Out, View, each, long};
use crate::cuda::engine::Engine;
use crate::element::Element;
use crate::error::Error;

/// The value row of every point.
pub(in crate::cuda) const VALUES: Range<usize> = 0..1;

impl Engine {
    /// Takes some rows of every point out of the stacked ones, or adds them to what is there.
    pub(in crate::cuda) fn take_rows<E: Element>(
        &self,
        batch: &Batch,
        some: Range<usize>,
        rows: &View<'_, E>,
        add: bool,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let sizes = sizes(batch, &some, rows.len(), out.len());
        let (config, add) = (each(out.len()), u32::from(add));
        let arguments = (sizes.0, sizes.1, sizes.2, sizes.3, rows, add, out);
        launch!(self, E, Rows::take_rows, config, arguments)
    }

    /// Puts some rows of every point into the stacked ones, or adds them to those there.
    pub(in crate::cuda) fn put_rows<E: Element>(
        &self,
        batch: &Batch,
        some: Range<usize>,
        from: &View<'_, E>,
        add: bool,
        rows: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let sizes = sizes(batch, &some, rows.len(), from.len());
        let (config, add) = (each(from.len()), u32::from(add));
        let arguments = (sizes.0, sizes.1, sizes.2, sizes.3, from, add, rows);
        launch!(self, E, Rows::put_rows, config, arguments)
    }

    /// Stacks the unit vectors under every point.
    pub(in crate::cuda) fn stack_units<E: Element>(
        &self,
        batch: &Batch,
        points: &View<'_, E>,
        rows: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let width = points.len() / batch.points;
        assert_eq!(batch.stack(), 1 + width, "a tangent for every column");
        long("points", points, batch.points * width);
        long("rows", rows, batch.rows() * width);
        let config = each(rows.len());
        let arguments = (rows.len() as u64, width as u64, points, rows);
        launch!(self, E, Rows::stack_units, config, arguments)
    }
}

/// Entries of the rows of all points, of those of one point, of the stack of one point, and where the former begin in it.
fn sizes(batch: &Batch, some: &Range<usize>, rows: usize, part: usize) -> (u64, u64, u64, u64) {
    let width = rows / batch.rows();
    assert_eq!(rows, batch.rows() * width, "entries of rows");
    assert!(some.end <= batch.stack(), "rows of a point");
    assert_eq!(part, batch.points * some.len() * width, "entries of a part");
    (
        part as u64,
        (some.len() * width) as u64,
        (batch.stack() * width) as u64,
        (some.start * width) as u64,
    )
}
