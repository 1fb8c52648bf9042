//! A square window that slides over an image: the geometry of convolutions and pooling.

/// Images of `channels` × `height` × `width`, and the grid of places where the window lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    /// Rows and columns of the grid.
    pub(crate) grid: (usize, usize),
}

impl Window {
    /// Places of the window in one direction: $\lfloor (n + 2p - k)/s\rfloor + 1$, none if it does not fit.
    pub(crate) fn places(
        length: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Option<usize> {
        let padded = length.checked_add(padding.checked_mul(2)?)?;
        Some(padded.checked_sub(kernel)? / stride + 1)
    }

    /// Number of places.
    pub(crate) fn count(&self) -> usize {
        self.grid.0 * self.grid.1
    }

    /// Entries of an image.
    pub(crate) fn image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Entries that the window covers, over all channels.
    pub(crate) fn patch(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Calls `visit(channel, offset in the window, place, entry of the image)` for every entry under the window, in a fixed order;
    /// what falls into the padding is left out.
    #[inline(always)]
    pub(crate) fn visit(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        for channel in 0..self.channels {
            for dy in 0..self.kernel {
                for dx in 0..self.kernel {
                    for gy in 0..self.grid.0 {
                        let Some(y) = (gy * self.stride + dy).checked_sub(self.padding) else {
                            continue;
                        };
                        if y >= self.height {
                            continue;
                        }
                        for gx in 0..self.grid.1 {
                            let Some(x) = (gx * self.stride + dx).checked_sub(self.padding) else {
                                continue;
                            };
                            if x < self.width {
                                let entry = (channel * self.height + y) * self.width + x;
                                visit(channel, dy * self.kernel + dx, gy * self.grid.1 + gx, entry);
                            }
                        }
                    }
                }
            }
        }
    }
}
