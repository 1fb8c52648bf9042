//! A layer while it is being resolved, and what can be wrong with it.

use crate::error::Error;

/// A layer while it is being resolved.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) layer: usize,
    pub(super) kind: &'static str,
}

/// Buffers are addressed in bytes by signed offsets.
pub(super) const MOST: usize = isize::MAX as usize / 64;

impl Here {
    pub(super) fn positive(self, argument: &'static str, value: usize) -> Result<(), Error> {
        if value == 0 {
            return Err(Error::ZeroWidth {
                layer: self.layer,
                kind: self.kind,
                argument,
            });
        }
        Ok(())
    }

    pub(super) fn chain(self, expected: Vec<usize>, found: Vec<usize>) -> Error {
        Error::Chain {
            layer: self.layer,
            kind: self.kind,
            expected,
            found,
        }
    }

    pub(super) fn option(
        self,
        argument: &'static str,
        value: f64,
        expected: &'static str,
    ) -> Error {
        Error::LayerOption {
            layer: self.layer,
            kind: self.kind,
            argument,
            value,
            expected,
        }
    }

    pub(super) fn too_large(self) -> Error {
        Error::TooLarge {
            layer: self.layer,
            kind: self.kind,
            argument: "entries",
        }
    }

    /// The product of a shape, where it can be held.
    pub(super) fn size(self, shape: &[usize]) -> Result<usize, Error> {
        let product = shape
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n));
        product
            .filter(|&count| count <= MOST)
            .ok_or(self.too_large())
    }
}
