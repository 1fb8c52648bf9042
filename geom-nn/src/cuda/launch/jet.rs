//! Bias, activation and tangents; sums of value rows.

use cudarc::driver::{DeviceSlice, LaunchConfig};

use super::{Batch, Bias, Out, View, blocks, each, long};
use crate::activation::Activation;
use crate::cuda::engine::{Engine, refused};
use crate::element::Element;
use crate::error::Error;

/// Launches one of the two kernels of an activation, which take the same arguments.
macro_rules! jet {
    ($engine:expr, $kernel:ident, $batch:expr, $kind:expr, $rows:expr, $bias:expr, $out:expr) => {{
        let width = checked_bias($batch, $bias, $rows);
        long("result", $out, $batch.rows() * width);
        let arguments = (
            $batch.raw(width),
            &*$batch.pairs,
            $kind as u32,
            $rows,
            &$bias.values,
            $bias.span as u64,
            $out,
        );
        let config = each($batch.points * width);
        launch!($engine, E, Jet::$kernel, config, arguments)
    }};
}

impl Engine {
    /// Bias, activation and tangents.
    pub(in crate::cuda) fn jet_forward<E: Element>(
        &self,
        batch: &Batch,
        kind: Activation,
        rows: &View<'_, E>,
        bias: &Bias<'_, E>,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        jet!(self, jet_forward, batch, kind, rows, bias, out)
    }

    /// The cotangents of the rows that [`jet_forward`](Self::jet_forward) read, in place of those of the rows it wrote.
    pub(in crate::cuda) fn jet_reverse<E: Element>(
        &self,
        batch: &Batch,
        kind: Activation,
        rows: &View<'_, E>,
        bias: &Bias<'_, E>,
        bar: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        jet!(self, jet_reverse, batch, kind, rows, bias, bar)
    }

    /// Adds the bias to the value rows.
    pub(in crate::cuda) fn add_bias<E: Element>(
        &self,
        batch: &Batch,
        bias: &Bias<'_, E>,
        rows: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let width = checked_bias(batch, bias, rows);
        let arguments = (batch.raw(width), &bias.values, bias.span as u64, rows);
        launch!(
            self,
            E,
            Jet::add_bias,
            each(batch.points * width),
            arguments
        )
    }

    /// Adds to the gradient of a bias each of whose entries is shared by `span` columns.
    pub(in crate::cuda) fn sum_values<E: Element>(
        &self,
        batch: &Batch,
        span: usize,
        bar: &View<'_, E>,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error> {
        let width = span * out.len();
        long("cotangents", bar, batch.rows() * width);
        let rows = batch.raw(width);
        if span > 1 {
            let config = blocks(out.len());
            return launch!(
                self,
                E,
                Jet::sum_features,
                config,
                (rows, span as u64, bar, out)
            );
        }
        let groups = u32::try_from(width.div_ceil(32))
            .map_err(|_| refused("sum_columns", format!("{width} columns")))?;
        let config = LaunchConfig {
            grid_dim: (groups, 1, 1),
            block_dim: (32, 16, 1),
            shared_mem_bytes: 0,
        };
        launch!(self, E, Jet::sum_columns, config, (rows, bar, out))
    }
}

/// The width of rows, after their length and the bias's have been compared with it.
fn checked_bias<E>(batch: &Batch, bias: &Bias<'_, E>, rows: &impl DeviceSlice<E>) -> usize {
    let width = rows.len() / batch.rows();
    long("rows", rows, batch.rows() * width);
    if bias.span > 0 {
        assert_eq!(bias.values.len() * bias.span, width, "columns of a bias");
    }
    width
}
