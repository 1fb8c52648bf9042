//! cuBLAS's products, single and point by point.

use std::ffi::c_int;

use cudarc::cublas::sys::cublasOperation_t as Operation;
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig, StridedBatchedConfig};
use cudarc::driver::DeviceSlice;

use super::{Out, View, long};
use crate::cuda::engine::{Engine, refused};
use crate::element::Element;
use crate::error::Error;

const OPERATION: &str = "product";

/// A matrix in memory, row by row.
#[derive(Debug)]
pub(in crate::cuda) struct Matrix<'a, 'b, E> {
    pub(in crate::cuda) entries: &'b View<'a, E>,
    /// As stored.
    pub(in crate::cuda) shape: (usize, usize),
    /// Whether its transpose is meant.
    pub(in crate::cuda) transposed: bool,
}

impl<'a, 'b, E> Matrix<'a, 'b, E> {
    pub(in crate::cuda) fn new(entries: &'b View<'a, E>, shape: (usize, usize)) -> Self {
        Self {
            entries,
            shape,
            transposed: false,
        }
    }

    pub(in crate::cuda) fn transposed(entries: &'b View<'a, E>, shape: (usize, usize)) -> Self {
        Self {
            entries,
            shape,
            transposed: true,
        }
    }

    /// Sides of what is meant.
    fn dim(&self) -> (usize, usize) {
        if self.transposed {
            (self.shape.1, self.shape.0)
        } else {
            self.shape
        }
    }
}

fn int(count: usize) -> Result<c_int, Error> {
    let refusal = |_| refused(OPERATION, format!("cuBLAS takes no side of {count}"));
    c_int::try_from(count).map_err(refusal)
}

/// What cuBLAS is told. It counts by columns, so it is given the transposed factors in reverse order.
fn config<E: Element>(
    a: &Matrix<'_, '_, E>,
    b: &Matrix<'_, '_, E>,
    add: bool,
) -> Result<GemmConfig<E>, Error> {
    let ((m, k), (inner, n)) = (a.dim(), b.dim());
    assert_eq!(k, inner, "inner widths of a product");
    let operation = |transposed| {
        if transposed {
            Operation::CUBLAS_OP_T
        } else {
            Operation::CUBLAS_OP_N
        }
    };
    Ok(GemmConfig {
        transa: operation(b.transposed),
        transb: operation(a.transposed),
        m: int(n)?,
        n: int(m)?,
        k: int(k)?,
        alpha: E::one(),
        lda: int(b.shape.1)?,
        ldb: int(a.shape.1)?,
        beta: if add { E::one() } else { E::zero() },
        ldc: int(n)?,
    })
}

impl Engine {
    /// `out = a b`, or `out += a b`.
    pub(in crate::cuda) fn product<E: Element>(
        &self,
        a: Matrix<'_, '_, E>,
        b: Matrix<'_, '_, E>,
        add: bool,
        out: &mut Out<'_, E>,
    ) -> Result<(), Error>
    where
        CudaBlas: Gemm<E>,
    {
        let config = config(&a, &b, add)?;
        long("left factor", a.entries, a.shape.0 * a.shape.1);
        long("right factor", b.entries, b.shape.0 * b.shape.1);
        long("product", out, a.dim().0 * b.dim().1);
        self.device
            .bind_to_thread()
            .map_err(|e| refused(OPERATION, e))?;
        // SAFETY: the three lengths were compared with the sides above.
        unsafe { self.blas.gemm(config, b.entries, a.entries, out) }
            .map_err(|e| refused(OPERATION, e))
    }

    /// `out_i = a_i b_i`, or `out_i += a_i b_i`, for each of so many points; the matrices are the first point's, and those of the next
    /// point lie so many entries further on.
    pub(in crate::cuda) fn products<E: Element>(
        &self,
        points: usize,
        (a, a_step): (Matrix<'_, '_, E>, usize),
        (b, b_step): (Matrix<'_, '_, E>, usize),
        add: bool,
        (out, out_step): (&mut Out<'_, E>, usize),
    ) -> Result<(), Error>
    where
        CudaBlas: Gemm<E>,
    {
        let gemm = config(&a, &b, add)?;
        let distance = |step: usize| {
            i64::try_from(step).map_err(|_| refused(OPERATION, format!("a distance of {step}")))
        };
        let config = StridedBatchedConfig {
            gemm,
            batch_size: int(points)?,
            stride_a: distance(b_step)?,
            stride_b: distance(a_step)?,
            stride_c: distance(out_step)?,
        };
        let last = points.saturating_sub(1);
        let fits = |what: &str, memory: usize, size: usize, step: usize| {
            assert!(
                last * step + size <= memory,
                "{points} matrices of {size} entries, {step} apart, exceed the {memory} of the {what}"
            );
        };
        let sides = (a.dim().0, b.dim().1);
        fits(
            "left factor",
            a.entries.len(),
            a.shape.0 * a.shape.1,
            a_step,
        );
        fits(
            "right factor",
            b.entries.len(),
            b.shape.0 * b.shape.1,
            b_step,
        );
        fits("product", out.len(), sides.0 * sides.1, out_step);
        assert!(out_step >= sides.0 * sides.1, "products that overlap");
        self.device
            .bind_to_thread()
            .map_err(|e| refused(OPERATION, e))?;
        // SAFETY: the three lengths were compared with the sides and distances above.
        unsafe {
            self.blas
                .gemm_strided_batched(config, b.entries, a.entries, out)
        }
        .map_err(|e| refused(OPERATION, e))
    }
}
