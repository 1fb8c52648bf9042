//! IDX files, the format of MNIST: a magic number, the sizes, the values, all big-endian.
//!
//! A folder holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
//! `t10k-labels-idx1-ubyte`, each plain or with `.gz` (the plain one is taken if there are both; `.idx3-ubyte` is read
//! like `-idx3-ubyte`). With both parts the folder's own split holds: `train` is trained on, `t10k` is tested on. With
//! one part only, its points are one set, to be split as usual. Labels may be missing, but not for one part alone.
//!
//! Bytes are divided by 255, so that pixels lie in $[0, 1]$; other element types are taken as they are.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis, concatenate};

use super::elements::{ElementType, Kind, Layout, read_labels, read_matrix};
use super::{Dataset, Scalar, input::Input, stem};
use crate::Error;

/// The largest byte, by which bytes are divided.
const WHITE: f64 = 255.0;

const FORMAT: &str = "an IDX file (00 00, element type 08 to 0e, number of dimensions)";

/// Images of one file, one a row, with the sizes after the first.
struct Images<E> {
    points: Array2<E>,
    shape: Vec<u64>,
}

/// One of the two parts of a folder.
struct Part<E> {
    name: &'static str,
    images: Images<E>,
    labels: Option<Vec<i64>>,
}

/// Loads a folder in MNIST's layout.
///
/// # Errors
/// No images, a wrong magic number, a length that disagrees with the header, truncated gzip, no image, labels that
/// differ in number from the images or are missing for one part, parts with images of different size.
pub fn load_folder<E: Scalar>(folder: &Path) -> Result<Dataset<E>, Error> {
    let mut parts = Vec::new();
    for name in ["train", "t10k"] {
        if let Some(path) = find(folder, name, "images", 3) {
            let images = load_images::<E>(&path)?;
            let labels = find(folder, name, "labels", 1)
                .map(|path| load_labels(&path, images.points.nrows()));
            parts.push(Part {
                name,
                images,
                labels: labels.transpose()?,
            });
        }
    }
    let whole = match <[Part<E>; 2]>::try_from(parts) {
        Ok([train, test]) => join(folder, train, test)?,
        Err(mut parts) => {
            let part = parts.pop().ok_or_else(|| Error::NoIdxFiles {
                path: folder.to_path_buf(),
            })?;
            (part.images, part.labels, None)
        }
    };
    let (images, labels, predefined_train) = whole;
    let image = match images.shape[..] {
        [height, width] => usize::try_from(height)
            .ok()
            .zip(usize::try_from(width).ok()),
        _ => None,
    };
    Ok(Dataset {
        name: stem(folder),
        points: images.points,
        labels,
        parameters: None,
        image,
        predefined_train,
        attribution: None,
    })
}

type Whole<E> = (Images<E>, Option<Vec<i64>>, Option<usize>);

/// Puts the test part behind the training part.
fn join<E: Scalar>(folder: &Path, train: Part<E>, test: Part<E>) -> Result<Whole<E>, Error> {
    let path = || folder.to_path_buf();
    if train.images.shape != test.images.shape {
        return Err(Error::ImageShapes {
            path: path(),
            train: train.images.shape,
            test: test.images.shape,
        });
    }
    let labels = match (train.labels, test.labels) {
        (Some(first), Some(second)) => Some([first, second].concat()),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Error::MissingLabels {
                path: path(),
                present: train.name,
                missing: test.name,
            });
        }
        (None, Some(_)) => {
            return Err(Error::MissingLabels {
                path: path(),
                present: test.name,
                missing: train.name,
            });
        }
    };
    let points = concatenate(
        Axis(0),
        &[train.images.points.view(), test.images.points.view()],
    );
    let points = points.expect("images of the same shape have the same number of pixels");
    Ok((
        Images {
            points,
            shape: train.images.shape,
        },
        labels,
        Some(train.images.points.nrows()),
    ))
}

/// The file of a part, in one of the usual spellings.
fn find(folder: &Path, part: &str, what: &str, dimensions: u8) -> Option<PathBuf> {
    let names = ["", ".gz"].iter().flat_map(|end| {
        ["-", "."].map(|dash| format!("{part}-{what}{dash}idx{dimensions}-ubyte{end}"))
    });
    names
        .map(|name| folder.join(name))
        .find(|path| path.exists())
}

/// Loads images: the first size counts them, the others are their shape.
fn load_images<E: Scalar>(path: &Path) -> Result<Images<E>, Error> {
    let mut input = Input::open(path)?;
    let (element, sizes) = read_header(&mut input)?;
    let (count, shape) = match &sizes[..] {
        [] | [_] => {
            return Err(Error::ArrayShape {
                path: path.to_path_buf(),
                shape: sizes,
                due: "images (count × height × width)",
            });
        }
        [count, shape @ ..] => (*count, shape.to_vec()),
    };
    let pixels = shape
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size));
    let pixels = pixels.and_then(|pixels| usize::try_from(pixels).ok());
    let (Some(columns), Ok(rows)) = (pixels, usize::try_from(count)) else {
        return Err(Error::HeaderOverflow {
            path: path.to_path_buf(),
            shape: sizes,
        });
    };
    let mut points = read_matrix::<E>(
        &mut input,
        element,
        Layout {
            rows,
            columns,
            fortran: false,
        },
    )?;
    if element.kind == Kind::Unsigned {
        points.mapv_inplace(|byte| byte / E::from_f64(WHITE));
    }
    Ok(Images { points, shape })
}

/// Loads the labels of `points` images.
fn load_labels(path: &Path, points: usize) -> Result<Vec<i64>, Error> {
    let mut input = Input::open(path)?;
    let (element, sizes) = read_header(&mut input)?;
    let [count] = sizes[..] else {
        return Err(Error::ArrayShape {
            path: path.to_path_buf(),
            shape: sizes,
            due: "a list of labels",
        });
    };
    let count = usize::try_from(count).map_err(|_| Error::HeaderOverflow {
        path: path.to_path_buf(),
        shape: sizes,
    })?;
    if count != points {
        return Err(Error::LabelCount {
            path: path.to_path_buf(),
            labels: count,
            points,
        });
    }
    read_labels(&mut input, element, count)
}

/// Reads the magic number and the sizes.
fn read_header(input: &mut Input) -> Result<(ElementType, Vec<u64>), Error> {
    let mut magic = [0; 4];
    let filled = input.fill(&mut magic)?;
    let (kind, size) = match magic {
        [0, 0, code, dimensions] if filled == 4 && dimensions > 0 => match code {
            0x08 => (Kind::Unsigned, 1),
            0x09 => (Kind::Signed, 1),
            0x0b => (Kind::Signed, 2),
            0x0c => (Kind::Signed, 4),
            0x0d => (Kind::Float, 4),
            0x0e => (Kind::Float, 8),
            _ => return Err(wrong_magic(input, &magic)),
        },
        _ => return Err(wrong_magic(input, &magic[..filled])),
    };
    let mut sizes = vec![0; 4 * usize::from(magic[3])];
    if input.fill(&mut sizes)? < sizes.len() {
        return Err(Error::BadHeader {
            path: input.path().to_path_buf(),
            format: "IDX",
            reason: "the file ends within the sizes",
        });
    }
    let (sizes, _) = sizes.as_chunks::<4>();
    let sizes = sizes
        .iter()
        .map(|&size| u64::from(u32::from_be_bytes(size)))
        .collect();
    Ok((
        ElementType {
            kind,
            size,
            big_endian: true,
        },
        sizes,
    ))
}

fn wrong_magic(input: &Input, found: &[u8]) -> Error {
    Error::WrongMagic {
        path: input.path().to_path_buf(),
        format: FORMAT,
        found: found.to_vec(),
    }
}

#[cfg(test)]
mod tests;
