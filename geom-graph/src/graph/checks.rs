//! What lists and matrices of distances must be.

use rayon::prelude::*;

use super::symmetric::OPERATION;
use crate::progress::Counter;
use crate::sparse::ROWS;
use crate::{Error, Scalar};

/// The place of the first entry that is not good.
fn first_bad<T: Sync>(entries: &[T], good: impl Fn(&T) -> bool + Sync) -> Option<usize> {
    const ENTRIES: usize = 1 << 14;
    let chunks = entries.par_chunks(ENTRIES).enumerate();
    let (chunk, part) = chunks.find_first(|(_, part)| !part.iter().all(&good))?;
    Some(chunk * ENTRIES + part.iter().position(|entry| !good(entry))?)
}

/// Refuses indices that name no point.
pub(super) fn check_indices(indices: &[usize], n: usize) -> Result<(), Error> {
    let argument = "neighbours";
    match first_bad(indices, |&j| j < n) {
        None => Ok(()),
        Some(position) => Err(Error::Index {
            operation: OPERATION,
            argument,
            position,
            index: indices[position],
            n,
        }),
    }
}

/// The first entry that is no distance.
pub(super) fn wrong<T: Scalar>(distances: &[T]) -> Option<usize> {
    first_bad(distances, |&d| d >= T::zero() && d < T::infinity())
}

/// The smaller of two distances that are equal up to rounding; `None` where they are not.
pub(super) fn agreed<T: Scalar>(there: T, back: T) -> Option<T> {
    let (a, b) = (there.as_f64(), back.as_f64());
    ((a - b).abs() <= T::epsilon().as_f64().sqrt() * a).then(|| there.min(back))
}

/// Refuses sorted rows with an entry on the diagonal, an entry twice, or one without its mirror image; entries that differ by rounding
/// become the smaller. One sweep: the entries of a row left of the diagonal are met in their order by those above.
pub(super) fn mirror<T: Scalar>(
    offsets: &[usize],
    columns: &[usize],
    values: &mut [T],
    counter: &Counter<'_>,
) -> Result<(), Error> {
    let n = offsets.len().saturating_sub(1);
    let mut next = offsets[..n].to_vec();
    let alone = |row: usize, column: usize, value: T| Error::Asymmetric {
        operation: OPERATION,
        row,
        column,
        value: value.as_f64(),
        transposed: f64::NAN,
    };
    for i in 0..n {
        if i.is_multiple_of(ROWS) {
            counter.advance(ROWS.min(n - i))?;
        }
        let row = offsets[i]..offsets[i + 1];
        let twice = row.clone().skip(1).find(|&p| columns[p] == columns[p - 1]);
        if let Some(second) = twice {
            return Err(Error::Repeated {
                operation: OPERATION,
                argument: "neighbours",
                index: columns[second],
                first: second - 1,
                second,
            });
        }
        for place in row {
            let (j, there) = (columns[place], values[place]);
            if j == i {
                return Err(Error::Diagonal {
                    operation: OPERATION,
                    row: i,
                    value: there.as_f64(),
                });
            }
            if j < i {
                if place >= next[i] {
                    return Err(alone(i, j, there));
                }
                continue;
            }
            let image = next[j];
            if image >= offsets[j + 1] || columns[image] > i {
                return Err(alone(i, j, there));
            }
            if columns[image] < i {
                return Err(alone(j, columns[image], values[image]));
            }
            let Some(same) = agreed(there, values[image]) else {
                return Err(Error::Asymmetric {
                    operation: OPERATION,
                    row: i,
                    column: j,
                    value: there.as_f64(),
                    transposed: values[image].as_f64(),
                });
            };
            values[place] = same;
            values[image] = same;
            next[j] += 1;
        }
    }
    Ok(())
}

/// Refuses an entry that is no distance, or differs from its mirror image by more than rounding.
pub(super) fn check_pair<T: Scalar>(
    operation: &'static str,
    row: usize,
    column: usize,
    there: T,
    back: Option<T>,
) -> Result<(), Error> {
    let value = there.as_f64();
    if value.is_nan() {
        return Err(Error::NotFinite {
            operation,
            argument: "distances",
            row,
            column,
            value,
        });
    }
    if value < 0.0 {
        return Err(Error::NegativeDistance {
            operation,
            row,
            column,
            value,
        });
    }
    if row == column && value != 0.0 {
        return Err(Error::Diagonal {
            operation,
            row,
            value,
        });
    }
    let transposed = back.map_or(f64::NAN, Scalar::as_f64);
    let tolerance = T::epsilon().as_f64().sqrt() * value;
    let same = if value.is_infinite() || transposed.is_infinite() {
        value.is_infinite() && transposed.is_infinite()
    } else {
        (value - transposed).abs() <= tolerance
    };
    if !same {
        return Err(Error::Asymmetric {
            operation,
            row,
            column,
            value,
            transposed,
        });
    }
    Ok(())
}
