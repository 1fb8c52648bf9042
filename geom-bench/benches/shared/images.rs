//! MNIST's test images, and a larger set made of them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of a small image"
)]

use std::path::Path;

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The 10,000 test images in a folder with the IDX files, values 0…1.
pub(crate) fn read(folder: &Path) -> Result<Array2<f32>, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(folder.join("t10k-images-idx3-ubyte"))?;
    let pixels: Vec<f32> = bytes
        .iter()
        .skip(16)
        .map(|&b| f32::from(b) / 255.0)
        .collect();
    Ok(Array2::from_shape_vec((pixels.len() / 784, 784), pixels)?)
}

/// Each image and five copies, turned, scaled and shifted a little.
pub(crate) fn jittered(images: &Array2<f32>) -> Array2<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut all = Array2::zeros((images.nrows() * 6, 784));
    for (i, image) in images.rows().into_iter().enumerate() {
        for copy in 0..6 {
            let size = if copy == 0 { 0.0 } else { 1.0_f32 };
            let mut draw = |reach: f32| size * random.random_range(-reach..reach);
            let (turn, scale) = (draw(0.15), 1.0 + draw(0.08));
            let (right, down) = (draw(1.5), draw(1.5));
            let (sin, cos) = turn.sin_cos();
            let at = |row: f32, column: f32| {
                if (0.0..28.0).contains(&row) && (0.0..28.0).contains(&column) {
                    image[row as usize * 28 + column as usize]
                } else {
                    0.0
                }
            };
            for pixel in 0..784 {
                let (y, x) = ((pixel / 28) as f32 - 13.5, (pixel % 28) as f32 - 13.5);
                let row = scale * (cos * y - sin * x) + 13.5 + down;
                let column = scale * (sin * y + cos * x) + 13.5 + right;
                // Bilinear between the four pixels around.
                let (r, c) = (row.floor(), column.floor());
                let (dr, dc) = (row - r, column - c);
                let top = (1.0 - dc) * at(r, c) + dc * at(r, c + 1.0);
                let bottom = (1.0 - dc) * at(r + 1.0, c) + dc * at(r + 1.0, c + 1.0);
                all[(6 * i + copy, pixel)] = (1.0 - dr) * top + dr * bottom;
            }
        }
    }
    all
}
