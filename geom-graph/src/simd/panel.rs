//! Which pairs of two panels of points may be near: the inner loop of the exact search in many dimensions.
//!
//! $g_{ab} + \max(l_a, l_b) \ge h_a + h_b$ with $g$ the inner product, $h$ half the squared norm and $l$ half the
//! squared distance asked for says $\lVert a - b\rVert^2 \le 2\max(l_a, l_b)$ up to rounding, for which callers leave room.

use super::product::{Strided, product};

/// Points of a panel.
pub(crate) const PANEL: usize = 48;

/// Points side by side: the first coordinate of all, then the second, and so on.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// `PANEL` numbers for each coordinate.
    pub(crate) coordinates: &'a [f32],
    /// Half the squared norms; NaN where there is no point.
    pub(crate) half_norms: &'a [f32; PANEL],
    /// Half the squared distances within which a point asks for others.
    pub(crate) half_limits: &'a [f32; PANEL],
}

/// Sets `hits` to the pairs (place in `a`, place in `b`) that may be near, and perhaps a few that are just not.
///
/// `products` is scratch memory.
pub(crate) fn near(a: Panel<'_>, b: Panel<'_>, hits: &mut Vec<(u8, u8)>, products: &mut Vec<f32>) {
    assert_eq!(
        a.coordinates.len(),
        b.coordinates.len(),
        "two panels of one space"
    );
    hits.clear();
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512f") {
        // SAFETY: the instruction set was detected on this processor.
        return unsafe { near_avx512(a, b, hits) };
    }
    near_portable(a, b, hits, products);
}

fn near_portable(a: Panel<'_>, b: Panel<'_>, hits: &mut Vec<(u8, u8)>, products: &mut Vec<f32>) {
    let width = a.coordinates.len() / PANEL;
    products.resize(PANEL * PANEL, 0.0);
    let rows = Strided::rows(a.coordinates, width, PANEL).transposed();
    let columns = Strided::rows(b.coordinates, width, PANEL);
    product(1.0, rows, columns, 0.0, products);
    for (row, line) in (0_u8..).zip(products.chunks_exact(PANEL)) {
        let (norm, limit) = (a.half_norms[row as usize], a.half_limits[row as usize]);
        let mut found = [false; PANEL];
        let mut any = false;
        for l in 0..PANEL {
            found[l] = line[l] + b.half_limits[l].max(limit) - b.half_norms[l] >= norm;
            any |= found[l];
        }
        if any {
            hits.extend((0_u8..).zip(found).filter(|p| p.1).map(|p| (row, p.0)));
        }
    }
}

/// Eight rows by three vectors of sixteen columns at a time, compared where they were summed.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn near_avx512(a: Panel<'_>, b: Panel<'_>, hits: &mut Vec<(u8, u8)>) {
    use std::arch::x86_64::{
        _CMP_GE_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_max_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
    };
    const ROWS: usize = 8;
    const VECTORS: usize = PANEL / 16;
    const { assert!(PANEL.is_multiple_of(ROWS) && PANEL.is_multiple_of(16) && PANEL < 256) };

    let width = a.coordinates.len() / PANEL;
    assert!(b.coordinates.len() >= width * PANEL, "panels of one space");
    for (first, row) in (0_u8..).step_by(ROWS).zip((0..PANEL).step_by(ROWS)) {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        for k in 0..width {
            // SAFETY: k < width and row + ROWS <= PANEL, both panels hold at least width * PANEL numbers (asserted above).
            let (left, right) = unsafe {
                (
                    a.coordinates.as_ptr().add(k * PANEL + row),
                    b.coordinates.as_ptr().add(k * PANEL),
                )
            };
            // SAFETY: the three vectors are the PANEL numbers that start at `right`, see above.
            let columns: [_; VECTORS] =
                std::array::from_fn(|v| unsafe { _mm512_loadu_ps(right.add(16 * v)) });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: r < ROWS numbers start at `left`, see above.
                let x = _mm512_set1_ps(unsafe { *left.add(r) });
                for v in 0..VECTORS {
                    sums[v] = _mm512_fmadd_ps(x, columns[v], sums[v]);
                }
            }
        }
        for v in 0..VECTORS {
            // SAFETY: 16 v + 16 <= PANEL, the length of both arrays.
            let (norms, limits) = unsafe {
                (
                    _mm512_loadu_ps(b.half_norms.as_ptr().add(16 * v)),
                    _mm512_loadu_ps(b.half_limits.as_ptr().add(16 * v)),
                )
            };
            for (r, sums) in (0_u8..).zip(&sums) {
                let place = row + usize::from(r);
                let limit = _mm512_max_ps(_mm512_set1_ps(a.half_limits[place]), limits);
                let reach = _mm512_sub_ps(_mm512_add_ps(sums[v], limit), norms);
                let norm = _mm512_set1_ps(a.half_norms[place]);
                let mut mask = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(reach, norm);
                while mask != 0 {
                    #[allow(clippy::cast_possible_truncation, reason = "a place in a panel")]
                    hits.push((first + r, (16 * v) as u8 + mask.trailing_zeros() as u8));
                    mask &= mask - 1;
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision, and places in a panel"
)]
mod tests {
    use super::super::tests::numbers;
    use super::*;

    #[test]
    fn both_versions_find_what_the_definition_finds() {
        for width in [1, 2, 17, 64, 131] {
            let panel = |seed| -> Vec<f32> {
                let numbers = numbers(width * PANEL, seed);
                numbers.iter().map(|x| *x as f32 * 0.1).collect()
            };
            let (a, b) = (panel(1), panel(2));
            let point = |panel: &[f32], i: usize| -> Vec<f64> {
                (0..width)
                    .map(|k| f64::from(panel[k * PANEL + i]))
                    .collect()
            };
            let half_norms = |panel: &[f32]| -> [f32; PANEL] {
                std::array::from_fn(|i| {
                    0.5 * point(panel, i).iter().map(|x| x * x).sum::<f64>() as f32
                })
            };
            let (of_a, mut of_b) = (half_norms(&a), half_norms(&b));
            of_b[7] = f32::NAN;
            let limits_a: [f32; PANEL] = std::array::from_fn(|i| 0.01 * (width * i) as f32);
            let mut limits_b: [f32; PANEL] =
                std::array::from_fn(|i| 0.2 * (width * (i % 5)) as f32);
            limits_b[3] = f32::NEG_INFINITY;
            limits_b[9] = f32::INFINITY;
            let left = Panel {
                coordinates: &a,
                half_norms: &of_a,
                half_limits: &limits_a,
            };
            let right = Panel {
                coordinates: &b,
                half_norms: &of_b,
                half_limits: &limits_b,
            };
            let (mut found, mut portable) = (Vec::new(), Vec::new());
            near(left, right, &mut found, &mut Vec::new());
            near_portable(left, right, &mut portable, &mut Vec::new());
            for found in [found, portable] {
                let mut count = 0;
                for i in 0..PANEL {
                    for j in 0..PANEL {
                        let (x, y) = (point(&a, i), point(&b, j));
                        let sq: f64 = x.iter().zip(&y).map(|(x, y)| (x - y) * (x - y)).sum();
                        let limit = 2.0 * f64::from(limits_a[i].max(limits_b[j]));
                        let size = f64::from(of_a[i] + of_b[j]).max(limit).max(1e-3);
                        let hit = found.contains(&(i as u8, j as u8));
                        count += usize::from(hit);
                        if j == 7 {
                            assert!(!hit, "a place without a point");
                        } else if j == 9 || (sq - limit).abs() > 1e-4 * size {
                            assert_eq!(hit, sq <= limit || j == 9, "{width} {i} {j}");
                        }
                    }
                }
                assert_eq!(count, found.len(), "a pair twice");
            }
        }
    }
}
