#![allow(clippy::inline_always)] // a loop compiled for other instructions must be inside the dispatched function

/// Independent partial sums, so that four of the widest vector registers are busy and the order stays fixed.
const LANES: usize = 32;

/// Runs loops compiled for the vector instructions of the machine that it finds itself on.
///
/// Products and sums stay apart and keep their order, so the bits are the same on every machine. The functions called
/// inside must be `#[inline(always)]`, or they are compiled for the oldest machine.
#[inline]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Inner product with a fixed order of summation.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    if n < LANES {
        return a.iter().zip(b).map(|(x, y)| x * y).sum();
    }
    vectorised(
        #[inline(always)]
        || dot_lanes(a, b),
    )
}

#[inline(always)]
fn dot_lanes(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((heads_a, tail_a), (heads_b, tail_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in heads_a.iter().zip(heads_b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail = tail_a.iter().zip(tail_b).map(|(x, y)| x * y).sum::<f64>();
    folded(sums, tail)
}

/// Adds the lanes pairwise, then the tail.
#[inline(always)]
fn folded(mut sums: [f64; LANES], tail: f64) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0] + tail
}

/// `y −= factor · x`, and the squared norm of the new `y`, in one pass.
#[inline]
pub(crate) fn subtract_and_square(y: &mut [f64], factor: f64, x: &[f64]) -> f64 {
    let n = y.len().min(x.len());
    let (y, x) = (&mut y[..n], &x[..n]);
    vectorised(
        #[inline(always)]
        || subtract_lanes(y, factor, x),
    )
}

#[inline(always)]
fn subtract_lanes(y: &mut [f64], factor: f64, x: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((heads_y, tail_y), (heads_x, tail_x)) =
        (y.as_chunks_mut::<LANES>(), x.as_chunks::<LANES>());
    for (ys, xs) in heads_y.iter_mut().zip(heads_x) {
        for lane in 0..LANES {
            ys[lane] -= factor * xs[lane];
            sums[lane] += ys[lane] * ys[lane];
        }
    }
    let mut tail = 0.0;
    for (y, x) in tail_y.iter_mut().zip(tail_x) {
        *y -= factor * x;
        tail += *y * *y;
    }
    folded(sums, tail)
}
