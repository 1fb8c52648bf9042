//! How many tangents travel with the values.

/// The rows that a point carries through the network: its value, first tangents, and second tangents for pairs of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Number of first tangents.
    pub(crate) tangents: usize,
    /// Pairs $(k, l)$ of first tangents whose second derivative is wanted.
    pub(crate) pairs: Vec<(usize, usize)>,
}

impl Order {
    pub(crate) fn first(tangents: usize) -> Self {
        Self {
            tangents,
            pairs: Vec::new(),
        }
    }

    /// Rows of a point.
    pub(crate) fn stack(&self) -> usize {
        1 + self.tangents + self.pairs.len()
    }
}
