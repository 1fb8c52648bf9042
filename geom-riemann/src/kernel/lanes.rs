/// Independent partial sums, so that the compiler may use vector registers and the order stays fixed.
const LANES: usize = 8;

/// Inner product with a fixed order of summation.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0.0; LANES];
    let (heads_a, heads_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (tail_a, tail_b) = (heads_a.remainder(), heads_b.remainder());
    for (x, y) in heads_a.zip(heads_b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let mut total = tail_a.iter().zip(tail_b).map(|(x, y)| x * y).sum::<f64>();
    for lane in 0..LANES / 2 {
        total += sums[lane] + sums[lane + LANES / 2];
    }
    total
}

/// `y −= factor · x`, and the squared norm of the new `y`, in one pass.
#[inline]
pub(crate) fn subtract_and_square(y: &mut [f64], factor: f64, x: &[f64]) -> f64 {
    let n = y.len().min(x.len());
    let (y, x) = (&mut y[..n], &x[..n]);
    let mut sums = [0.0; LANES];
    let head = n - n % LANES;
    for (ys, xs) in y[..head]
        .chunks_exact_mut(LANES)
        .zip(x[..head].chunks_exact(LANES))
    {
        for lane in 0..LANES {
            ys[lane] -= factor * xs[lane];
            sums[lane] += ys[lane] * ys[lane];
        }
    }
    let mut total = 0.0;
    for (y, x) in y[head..].iter_mut().zip(&x[head..]) {
        *y -= factor * x;
        total += *y * *y;
    }
    for lane in 0..LANES / 2 {
        total += sums[lane] + sums[lane + LANES / 2];
    }
    total
}
