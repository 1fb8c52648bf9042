//! Layers of images: the shapes they take and give.

use super::here::Here;
use super::{Op, Plan};
use crate::architecture::Layer;
use crate::error::Error;
use crate::window::Window;

impl Plan {
    /// An image to the grid of a window.
    pub(super) fn convolution(
        &mut self,
        here: Here,
        layer: &Layer,
        shape: &[usize],
    ) -> Result<Vec<usize>, Error> {
        let Layer::Conv2d {
            inputs,
            outputs,
            kernel,
            stride,
            padding,
        } = *layer
        else {
            return Ok(shape.to_vec());
        };
        let image = here.image(shape, Some(inputs))?;
        here.positive("outputs", outputs)?;
        let window = here.window(image, kernel, stride, padding)?;
        let area = kernel * kernel;
        let op = Op::Convolution {
            window,
            features: outputs,
        };
        let size = here.size(&[outputs, window.grid.0, window.grid.1])?;
        let fans = (inputs * area, outputs * area);
        self.weighted(
            here,
            op,
            window.image(),
            size,
            &[outputs, inputs, kernel, kernel],
            fans,
            outputs,
        )?;
        Ok(vec![outputs, window.grid.0, window.grid.1])
    }

    /// The grid of a window to an image.
    pub(super) fn transposed_convolution(
        &mut self,
        here: Here,
        layer: &Layer,
        shape: &[usize],
    ) -> Result<Vec<usize>, Error> {
        let Layer::ConvTranspose2d {
            inputs,
            outputs,
            kernel,
            stride,
            padding,
            output_padding,
        } = *layer
        else {
            return Ok(shape.to_vec());
        };
        let [c, h, w] = here.image(shape, Some(inputs))?;
        for (argument, value) in [("outputs", outputs), ("kernel", kernel), ("stride", stride)] {
            here.positive(argument, value)?;
        }
        let length = |n: usize| {
            let full = (n - 1)
                .checked_mul(stride)?
                .checked_add(kernel)?
                .checked_add(output_padding)?;
            full.checked_sub(padding.checked_mul(2)?)
                .filter(|&length| length > 0)
        };
        let (Some(height), Some(columns)) = (length(h), length(w)) else {
            return Err(here.option("padding", padding as f64, "small enough to leave an output"));
        };
        let window = here.window([outputs, height, columns], kernel, stride, padding)?;
        if window.grid != (h, w) {
            return Err(here.option(
                "output_padding",
                output_padding as f64,
                "smaller than the stride",
            ));
        }
        let area = kernel * kernel;
        let op = Op::Transposed {
            window,
            features: c,
        };
        // PyTorch counts the fan-in of a transposed convolution over the channels of its output.
        let fans = (outputs * area, inputs * area);
        self.weighted(
            here,
            op,
            c * h * w,
            window.image(),
            &[inputs, outputs, kernel, kernel],
            fans,
            outputs,
        )?;
        Ok(vec![outputs, height, columns])
    }

    /// An image with lines added or cut.
    pub(super) fn padding(
        &mut self,
        here: Here,
        shape: &[usize],
        before: i64,
        after: i64,
    ) -> Result<Vec<usize>, Error> {
        let [c, h, w] = here.image(shape, None)?;
        let length = |n: usize| {
            let n = i64::try_from(n).ok()?;
            let kept = n.checked_add(before.min(0))?.checked_add(after.min(0))?;
            let whole = n.checked_add(before)?.checked_add(after)?;
            usize::try_from(whole).ok().filter(|_| kept > 0)
        };
        let (Some(height), Some(columns)) = (length(h), length(w)) else {
            let lines = before.min(after) as f64;
            return Err(here.option("lines", lines, "a number of lines that leaves an image"));
        };
        let outputs = here.size(&[c, height, columns])?;
        let op = Op::Pad {
            image: [c, h, w],
            before,
            after,
        };
        self.plain(here, op, c * h * w, outputs);
        Ok(vec![c, height, columns])
    }
}

impl Here {
    /// The input as an image (channels, height, width).
    pub(super) fn image(
        self,
        shape: &[usize],
        channels: Option<usize>,
    ) -> Result<[usize; 3], Error> {
        match *shape {
            [c, h, w] if channels.is_none_or(|wanted| wanted == c) => Ok([c, h, w]),
            _ => {
                if let Some(channels) = channels {
                    self.positive("inputs", channels)?;
                }
                Err(self.chain(vec![channels.unwrap_or(1), 1, 1], shape.to_vec()))
            }
        }
    }

    pub(super) fn window(
        self,
        [channels, height, width]: [usize; 3],
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Window, Error> {
        self.positive("kernel", kernel)?;
        self.positive("stride", stride)?;
        if padding >= kernel {
            return Err(self.option("padding", padding as f64, "smaller than the kernel"));
        }
        self.size(&[channels, height, width, kernel, kernel])?;
        let places = |length| Window::places(length, kernel, stride, padding);
        match (places(height), places(width)) {
            (Some(rows), Some(columns)) => Ok(Window {
                channels,
                height,
                width,
                kernel,
                stride,
                padding,
                grid: (rows, columns),
            }),
            _ => Err(self.option(
                "kernel",
                kernel as f64,
                "at most the padded height and width of its input",
            )),
        }
    }
}
