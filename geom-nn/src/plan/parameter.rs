//! Named blocks of the flat parameters and buffers.

use std::ops::Range;

use super::Plan;
use super::here::{Here, MOST};
use crate::error::Error;

/// What a block of numbers does in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A matrix or kernel.
    Weight,
    /// What is added after it.
    Bias,
    /// $\gamma$ of a normalisation; starts at 1.
    Scale,
    /// $\beta$ of a normalisation; starts at 0.
    Shift,
    /// A running mean, which no gradient moves; starts at 0.
    RunningMean,
    /// A running variance, which no gradient moves; starts at 1.
    RunningVariance,
}

impl Role {
    /// The name in files, as PyTorch gives it.
    fn name(self) -> &'static str {
        match self {
            Self::Weight | Self::Scale => "weight",
            Self::Bias | Self::Shift => "bias",
            Self::RunningMean => "running_mean",
            Self::RunningVariance => "running_var",
        }
    }
}

/// A named block of the flat parameters, or of the running statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// The name: `{layer}.weight`, `{layer}.bias`, `{layer}.running_mean` or `{layer}.running_var`, as PyTorch's `nn.Sequential` gives it.
    pub name: String,
    /// What the block does.
    pub role: Role,
    /// The block's shape, row-major.
    pub shape: Vec<usize>,
    /// Where the block lies in the flat array.
    pub range: Range<usize>,
    /// Number of inputs that feed one output.
    pub fan_in: usize,
    /// Number of outputs that one input feeds.
    pub fan_out: usize,
}

impl Plan {
    /// Adds a block to the parameters, or by its role to the buffers.
    pub(super) fn parameter(
        &mut self,
        here: Here,
        role: Role,
        shape: &[usize],
        (fan_in, fan_out): (usize, usize),
    ) -> Result<Range<usize>, Error> {
        let count = here.size(shape)?;
        let blocks = match role {
            Role::RunningMean | Role::RunningVariance => &mut self.buffers,
            _ => &mut self.parameters,
        };
        let start = blocks.last().map_or(0, |p| p.range.end);
        let end = start
            .checked_add(count)
            .filter(|&end| end <= MOST)
            .ok_or(here.too_large())?;
        blocks.push(Parameter {
            name: format!("{}.{}", here.layer, role.name()),
            role,
            shape: shape.to_vec(),
            range: start..end,
            fan_in,
            fan_out,
        });
        Ok(start..end)
    }
}
