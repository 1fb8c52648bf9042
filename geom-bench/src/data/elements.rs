//! Arrays of fixed-size elements in binary files: their types, and reading them without trusting the header.

use ndarray::{Array2, ShapeBuilder};

use super::{Scalar, input::Input};
use crate::Error;

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned,
    Signed,
    Float,
}

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementType {
    pub(super) kind: Kind,
    /// Bytes of one element.
    pub(super) size: u8,
    pub(super) big_endian: bool,
}

/// Shape and order of a two-dimensional array in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Column by column instead of row by row.
    pub(super) fortran: bool,
}

impl Layout {
    /// Row and column, from 0, of the element at a position of the file.
    fn place(self, position: usize) -> (usize, usize) {
        if self.fortran {
            (position % self.rows, position / self.rows)
        } else {
            (position / self.columns, position % self.columns)
        }
    }
}

impl ElementType {
    /// Appends the elements in `bytes`, a whole number of them; the first one that is not finite in `E`, with its
    /// position, ends it.
    fn decode<E: Scalar>(self, bytes: &[u8], out: &mut Vec<E>) -> Result<(), (usize, f64)> {
        macro_rules! each {
            ($type:ty) => {{
                let (elements, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                for (position, &element) in elements.iter().enumerate() {
                    let value = if self.big_endian {
                        <$type>::from_be_bytes(element)
                    } else {
                        <$type>::from_le_bytes(element)
                    };
                    #[allow(
                        clippy::cast_lossless,
                        reason = "the macro serves types with and without a lossless conversion"
                    )]
                    let value = value as f64;
                    let converted = E::from_f64(value);
                    if !converted.is_finite() {
                        return Err((position, value));
                    }
                    out.push(converted);
                }
            }};
        }
        match (self.kind, self.size) {
            (Kind::Unsigned, 1) => each!(u8),
            (Kind::Unsigned, 2) => each!(u16),
            (Kind::Unsigned, 4) => each!(u32),
            (Kind::Unsigned, _) => each!(u64),
            (Kind::Signed, 1) => each!(i8),
            (Kind::Signed, 2) => each!(i16),
            (Kind::Signed, 4) => each!(i32),
            (Kind::Signed, _) => each!(i64),
            (Kind::Float, 4) => each!(f32),
            (Kind::Float, _) => each!(f64),
        }
        Ok(())
    }
}

/// Reads the rest of `input` as an array of this shape.
///
/// The sizes are multiplied with overflow checks and compared with the length of the file before memory is asked for,
/// and memory is asked for in a way that may be refused.
pub(super) fn read_array<E: Scalar>(
    input: &mut Input,
    element: ElementType,
    layout: Layout,
) -> Result<Vec<E>, Error> {
    let path = || input.path().to_path_buf();
    let shape = || vec![layout.rows as u64, layout.columns as u64];
    let values = layout.rows.checked_mul(layout.columns);
    let promised = values.and_then(|values| (values as u64).checked_mul(u64::from(element.size)));
    let (Some(values), Some(promised)) = (values, promised) else {
        return Err(Error::HeaderOverflow {
            path: path(),
            shape: shape(),
        });
    };
    if values == 0 {
        return Err(Error::EmptyTable {
            path: path(),
            rows: layout.rows,
            columns: layout.columns,
        });
    }
    input.check_promise(promised)?;
    let mut out = Vec::new();
    out.try_reserve_exact(values)
        .map_err(|_| Error::OutOfMemory {
            path: path(),
            values,
        })?;

    // A multiple of every element size.
    let mut buffer = vec![0; 1 << 16];
    let mut found = 0;
    while found < promised {
        let want =
            usize::try_from(promised - found).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let chunk = &mut buffer[..want];
        let filled = input.fill(chunk)?;
        found += filled as u64;
        if filled < want {
            return Err(Error::LengthMismatch {
                path: input.path().to_path_buf(),
                promised,
                found,
                at_least: false,
            });
        }
        let before = out.len();
        element
            .decode(chunk, &mut out)
            .map_err(|(position, value)| {
                let (row, column) = layout.place(before + position);
                Error::NonFinite {
                    path: input.path().to_path_buf(),
                    unit: "row",
                    row: row as u64 + 1,
                    column: column + 1,
                    value,
                    dtype: E::NAME,
                }
            })?;
    }
    input.check_end(promised)?;
    Ok(out)
}

/// Reads the rest of `input` as a matrix, row by row in memory whatever the order of the file.
pub(super) fn read_matrix<E: Scalar>(
    input: &mut Input,
    element: ElementType,
    layout: Layout,
) -> Result<Array2<E>, Error> {
    let values = read_array(input, element, layout)?;
    let shape = (layout.rows, layout.columns);
    let matrix = Array2::from_shape_vec(shape.set_f(layout.fortran), values);
    let matrix = matrix.expect("read_array returns rows × columns values");
    Ok(if layout.fortran {
        matrix.as_standard_layout().into_owned()
    } else {
        matrix
    })
}

/// Reads the rest of `input` as `count` integer labels.
pub(super) fn read_labels(
    input: &mut Input,
    element: ElementType,
    count: usize,
) -> Result<Vec<i64>, Error> {
    let values = read_array::<f64>(
        input,
        element,
        Layout {
            rows: count,
            columns: 1,
            fortran: false,
        },
    )?;
    values
        .iter()
        .enumerate()
        .map(|(row, &value)| label(value).ok_or_else(|| bad_label(input, row, value)))
        .collect()
}

/// Takes the last column off as labels.
pub(super) fn split_labels<E: Scalar>(
    input: &Input,
    points: Array2<E>,
) -> Result<(Array2<E>, Vec<i64>), Error> {
    let (rows, columns) = points.dim();
    if columns < 2 {
        return Err(Error::EmptyTable {
            path: input.path().to_path_buf(),
            rows,
            columns: columns.saturating_sub(1),
        });
    }
    let (rest, last) = points.view().split_at(ndarray::Axis(1), columns - 1);
    let labels = last
        .iter()
        .enumerate()
        .map(|(row, &value)| label(value).ok_or_else(|| bad_label(input, row, value.as_())));
    let labels = labels.collect::<Result<_, _>>()?;
    Ok((rest.to_owned(), labels))
}

/// The integer a number is, if it is one and small enough that the type tells it from its neighbours.
pub(super) fn label<E: Scalar>(value: E) -> Option<i64> {
    let exact = E::from_f64(2.0) / E::epsilon();
    if value.fract() == E::zero() && value.abs() <= exact {
        num_traits::cast(value)
    } else {
        None
    }
}

fn bad_label(input: &Input, row: usize, value: f64) -> Error {
    Error::BadLabel {
        path: input.path().to_path_buf(),
        unit: "row",
        row: row as u64 + 1,
        value,
    }
}
