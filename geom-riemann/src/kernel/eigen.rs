const SWEEPS: usize = 60;

/// Cyclic Jacobi on a symmetric d × d matrix: eigenvalues descending into `values`, eigenvectors into the
/// columns of `vectors` (column k at `vectors[k*d..]`). `matrix` is destroyed.
pub(crate) fn symmetric_eigen(matrix: &mut [f64], values: &mut [f64], vectors: &mut [f64]) {
    let d = values.len();
    let mut basis = vec![0.0; d * d];
    for k in 0..d {
        basis[k * d + k] = 1.0;
    }
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..d {
            for q in p + 1..d {
                turned |= rotate(matrix, &mut basis, d, p, q);
            }
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&a, &b| {
        matrix[b * d + b]
            .total_cmp(&matrix[a * d + a])
            .then(a.cmp(&b))
    });
    for (k, &from) in order.iter().enumerate() {
        values[k] = matrix[from * d + from];
        vectors[k * d..(k + 1) * d].copy_from_slice(&basis[from * d..(from + 1) * d]);
    }
}

/// Annihilates entry (p, q); rows of `basis` are the eigenvectors so far.
fn rotate(matrix: &mut [f64], basis: &mut [f64], d: usize, p: usize, q: usize) -> bool {
    let (a, b, off) = (matrix[p * d + p], matrix[q * d + q], matrix[p * d + q]);
    if off == 0.0 || off.abs() <= 0.5 * f64::EPSILON * (a.abs() * b.abs()).sqrt() {
        return false;
    }
    let ratio = (b - a) / (2.0 * off);
    let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = cosine * tangent;
    for i in 0..d {
        if i != p && i != q {
            let (x, y) = (matrix[i * d + p], matrix[i * d + q]);
            let (x, y) = (cosine * x - sine * y, sine * x + cosine * y);
            matrix[i * d + p] = x;
            matrix[p * d + i] = x;
            matrix[i * d + q] = y;
            matrix[q * d + i] = y;
        }
        let (x, y) = (basis[p * d + i], basis[q * d + i]);
        basis[p * d + i] = cosine * x - sine * y;
        basis[q * d + i] = sine * x + cosine * y;
    }
    matrix[p * d + p] = a - tangent * off;
    matrix[q * d + q] = b + tangent * off;
    matrix[p * d + q] = 0.0;
    matrix[q * d + p] = 0.0;
    true
}
