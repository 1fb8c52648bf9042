//! A sparse matrix in a file: the number of rows, the offsets, the columns (u64), the values (f64), little endian.

use nalgebra_sparse::CsrMatrix;

pub(crate) fn to_bytes(matrix: &CsrMatrix<f64>) -> Vec<u8> {
    let (offsets, columns, values) = matrix.csr_data();
    let whole = [matrix.nrows()].into_iter().chain(offsets.iter().copied());
    let whole = whole.chain(columns.iter().copied());
    let mut bytes: Vec<u8> = whole.flat_map(|x| (x as u64).to_le_bytes()).collect();
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Result<CsrMatrix<f64>, Box<dyn std::error::Error>> {
    let words: Vec<u64> = bytes
        .chunks_exact(8)
        .map(|b| b.iter().rev().fold(0, |x, &b| x << 8 | u64::from(b)))
        .collect();
    let short = "the file is shorter than it says";
    let n = usize::try_from(*words.first().ok_or(short)?)?;
    let numbers =
        |range: std::ops::Range<usize>| -> Result<Vec<usize>, Box<dyn std::error::Error>> {
            let words = words.get(range).ok_or(short)?;
            Ok(words
                .iter()
                .map(|&w| usize::try_from(w))
                .collect::<Result<_, _>>()?)
        };
    let end = n.checked_add(2).ok_or(short)?;
    let offsets = numbers(1..end)?;
    let count = *offsets.last().ok_or(short)?;
    let middle = end.checked_add(count).ok_or(short)?;
    let columns = numbers(end..middle)?;
    let values = words
        .get(middle..)
        .filter(|v| v.len() == count)
        .ok_or(short)?;
    let values = values.iter().map(|&w| f64::from_bits(w)).collect();
    Ok(CsrMatrix::try_from_csr_data(
        n, n, offsets, columns, values,
    )?)
}
