//! Points in a `.npy` file, mapped and not read: training on more data than there is memory.

use std::{
    fs::File,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use ndarray::ArrayView2;

use crate::{Error, Result, Scalar};

/// A two-dimensional `.npy` file of the model's own number type, row-major and little-endian, mapped into memory.
///
/// The system reads rows when they are touched and forgets them when memory is short, so [`MappedPoints::view`] can be handed to
/// everything that takes points, a [`Trainer`](crate::Trainer) say, in bounded memory.
///
/// The file must stay as it is while it is mapped: if another program cuts it short, the system ends this one.
///
/// # Examples
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("points.npy");
/// let mut header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".to_owned();
/// header += &" ".repeat((64 - (header.len() + 11) % 64) % 64);
/// header.push('\n');
/// let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
/// bytes.extend((header.len() as u16).to_le_bytes());
/// bytes.extend(header.as_bytes());
/// bytes.extend((1..=6).flat_map(|i| (i as f32).to_le_bytes()));
/// std::fs::write(&path, bytes)?;
///
/// let points = geom_ae::MappedPoints::<f32>::open(&path)?;
/// assert_eq!(points.view(), ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedPoints<E> {
    map: Mmap,
    start: usize,
    shape: (usize, usize),
    element: PhantomData<E>,
}

impl<E: Scalar> MappedPoints<E> {
    /// Maps a file, after its header has been checked against its length.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be opened; [`Error::Mapped`] where it is no `.npy` file, has other than two dimensions or
    /// another type, order or length than the header promises.
    pub fn open(path: &Path) -> Result<Self> {
        let file = |source| Error::File {
            operation: "map",
            path: path.into(),
            source,
        };
        let opened = File::open(path).map_err(file)?;
        let map = map(&opened).map_err(file)?;
        let refuse = |reason: String| Error::Mapped {
            path: PathBuf::from(path),
            reason,
        };
        let (header, start) = header(&map).ok_or_else(|| refuse("it has no .npy header".into()))?;
        let entry = |key: &str| {
            let after = header.split_once(&format!("'{key}':"))?.1.trim_start();
            Some(after)
        };
        let kind = format!("'<f{}'", size_of::<E>());
        if cfg!(target_endian = "big")
            || !entry("descr").is_some_and(|descr| descr.starts_with(&kind))
        {
            return Err(refuse(format!(
                "its numbers are not {kind}, little-endian; convert it, or read it into memory"
            )));
        }
        if !entry("fortran_order").is_some_and(|order| order.starts_with("False")) {
            return Err(refuse("it is in column-major (Fortran) order".into()));
        }
        let shape = entry("shape").and_then(|shape| {
            let inside = shape.strip_prefix('(')?.split_once(')')?.0;
            let sizes: Option<Vec<usize>> = inside
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(|s| s.parse().ok())
                .collect();
            sizes
        });
        let Some(&[rows, columns]) = shape.as_deref() else {
            return Err(refuse(format!(
                "its shape is {shape:?}, not (points, dimensions)"
            )));
        };
        let expected = rows
            .checked_mul(columns)
            .and_then(|count| count.checked_mul(size_of::<E>()));
        let found = map.len() - start;
        if expected != Some(found) {
            return Err(refuse(format!(
                "{rows} by {columns} numbers do not take {found} bytes"
            )));
        }
        if start % align_of::<E>() != 0 {
            return Err(refuse(format!(
                "its data start at byte {start}, which is not aligned"
            )));
        }
        Ok(Self {
            map,
            start,
            shape: (rows, columns),
            element: PhantomData,
        })
    }

    /// The points, (n, D).
    #[allow(
        clippy::missing_panics_doc,
        reason = "length and shape were checked when the file was mapped"
    )]
    pub fn view(&self) -> ArrayView2<'_, E> {
        ArrayView2::from_shape(self.shape, numbers(&self.map[self.start..]))
            .expect("length and shape agree")
    }
}

/// The header's text and where the data start.
fn header(bytes: &[u8]) -> Option<(&str, usize)> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, start) = match *rest.first()? {
        1 => (
            usize::from(u16::from_le_bytes(rest.get(2..4)?.try_into().ok()?)),
            10,
        ),
        2 | 3 => (
            usize::try_from(u32::from_le_bytes(rest.get(2..6)?.try_into().ok()?)).ok()?,
            12,
        ),
        _ => return None,
    };
    let end = length.checked_add(start)?;
    Some((std::str::from_utf8(bytes.get(start..end)?).ok()?, end))
}

#[allow(unsafe_code, reason = "a mapping has no safe form")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the mapping is private to `MappedPoints` and read-only. Its bytes are read as numbers, for which every pattern of
    // bits is valid, so a file that another program changes gives other numbers and nothing worse; that it must not be cut
    // short is documented.
    unsafe { Mmap::map(file) }
}

/// Bytes as numbers, all of them where they are aligned and whole.
#[allow(unsafe_code, reason = "reinterprets plain bytes")]
fn numbers<E: Scalar>(bytes: &[u8]) -> &[E] {
    // SAFETY: E is f32 or f64 (the trait is sealed), for which every pattern of bits is a value.
    let (before, numbers, after) = unsafe { bytes.align_to::<E>() };
    assert!(
        before.is_empty() && after.is_empty(),
        "{} and {} bytes left over",
        before.len(),
        after.len()
    );
    numbers
}

#[cfg(test)]
mod tests {
    use std::{ops::ControlFlow, path::PathBuf};

    use geom_nn::{Activation, Cpu};
    use ndarray::Array2;

    use super::MappedPoints;
    use crate::{Autoencoder, Error, Method, TrainOptions, Trainer, box_autoencoder};

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn a_mapped_file_trains_to_the_same_bits_as_memory() {
        let x = Array2::from_shape_fn((30, 4), |(i, j)| ((i * 4 + j) as f32 * 0.3).sin());
        let data: Vec<u8> = x.iter().flat_map(|v| v.to_le_bytes()).collect();
        let (_folder, path) = written(&npy("<f4", "False", "(30, 4)", &data));
        let mapped = MappedPoints::<f32>::open(&path).unwrap();
        assert_eq!(mapped.view(), x);
        let train = |data: ndarray::ArrayView2<'_, f32>| {
            let architecture = box_autoencoder(4, &[6], 2, Activation::Elu).unwrap();
            let model = Autoencoder::new(&architecture, 1, &Cpu::default()).unwrap();
            let options = TrainOptions {
                epochs: 2,
                batch_size: 10,
                ..TrainOptions::default()
            };
            let objective = Method::GeomAe.objective(0.1).unwrap();
            let mut trainer = Trainer::new(model, objective, data, options).unwrap();
            while trainer
                .next_epoch(|_| ControlFlow::Continue(()))
                .unwrap()
                .is_some()
            {}
            trainer.into_model().encoder().parameters().to_vec()
        };
        assert_eq!(train(mapped.view()), train(x.view()));
    }

    #[test]
    fn files_that_are_not_what_they_say_are_refused() {
        let data = [0_u8; 24];
        let cases = [
            npy("<f8", "False", "(2, 3)", &data),
            npy(">f4", "False", "(2, 3)", &data),
            npy("<f4", "True", "(2, 3)", &data),
            npy("<f4", "False", "(6,)", &data),
            npy("<f4", "False", "(2, 4)", &data),
            npy("<f4", "False", "(4611686018427387904, 4)", &data),
            npy("<f4", "False", "(2, -3)", &data),
            b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(),
            b"\x93NUM".to_vec(),
            b"not a numpy file at all, by far".to_vec(),
        ];
        for bytes in cases {
            let (_folder, path) = written(&bytes);
            assert!(matches!(
                MappedPoints::<f32>::open(&path),
                Err(Error::Mapped { .. })
            ));
        }
        assert!(matches!(
            MappedPoints::<f32>::open("/nowhere/x.npy".as_ref()),
            Err(Error::File { .. })
        ));
    }
}
