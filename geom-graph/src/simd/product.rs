//! Matrix products of any strides on the calling thread.

use gemm::Parallelism;

use crate::Scalar;

/// A matrix in a slice with any strides.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a, T> Strided<'a, T> {
    /// Rows one after the other.
    pub(crate) fn rows(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self {
            data,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// One past the largest offset that an entry has.
    fn extent(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// $C \leftarrow \alpha AB + \beta C$ on the calling thread, $C$ row-major.
///
/// # Panics
/// When the sizes do not fit; callers own the sizes.
pub(crate) fn product<T: Scalar>(
    alpha: T,
    a: Strided<'_, T>,
    b: Strided<'_, T>,
    beta: T,
    c: &mut [T],
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner sizes of a product");
    assert!(
        a.extent() <= a.data.len() && b.extent() <= b.data.len(),
        "operands of a product"
    );
    assert!(
        m * n <= c.len(),
        "destination of a product: {} by {} in {}",
        m,
        n,
        c.len()
    );
    if m == 0 || n == 0 {
        return;
    }
    let stride = |s: usize| s.cast_signed();
    // SAFETY: the asserts above keep every access of the m by k, k by n and m by n entries inside the slices, `c` is
    // borrowed exclusively, and `T` is f32 or f64 (the trait is sealed), the types `gemm` implements.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            stride(n),
            beta != T::zero(),
            a.data.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            beta,
            alpha,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::numbers;
    use super::*;

    #[test]
    fn product_agrees_with_the_definition() {
        let (m, k, n) = (5, 7, 3);
        let (a, b) = (numbers(m * k, 6), numbers(n * k, 7));
        let mut c = vec![1.0; m * n];
        product(
            2.0,
            Strided::rows(&a, m, k),
            Strided::rows(&b, n, k).transposed(),
            0.5,
            &mut c,
        );
        for i in 0..m {
            for j in 0..n {
                let dot: f64 = (0..k).map(|l| a[i * k + l] * b[j * k + l]).sum();
                assert!((c[i * n + j] - (2.0 * dot + 0.5)).abs() < 1e-10);
            }
        }
    }
}
