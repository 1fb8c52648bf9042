//! Distances between points.

use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use serde::{Deserialize, Serialize};

use crate::{Error, Scalar, simd};

/// A distance between two vectors.
///
/// | metric | $d(a, b)$ |
/// |---|---|
/// | `Euclidean` | $\lVert a - b\rVert$ |
/// | `SquaredEuclidean` | $\lVert a - b\rVert^2$ |
/// | `Cosine` | $1 - \frac{a\cdot b}{\lVert a\rVert \lVert b\rVert} = \tfrac12\lVert \hat a - \hat b\rVert^2$ |
/// | `Manhattan` | $\sum_k \lvert a_k - b_k\rvert$ |
/// | `Chebyshev` | $\max_k \lvert a_k - b_k\rvert$ |
///
/// # Numerics
/// The cosine distance is computed from the difference of the normalised vectors, which keeps its digits when the
/// directions are close; $1 - \cos$ would lose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The Euclidean norm of the difference.
    #[default]
    Euclidean,
    /// Its square.
    SquaredEuclidean,
    /// One minus the cosine of the angle.
    Cosine,
    /// The sum of absolute differences.
    Manhattan,
    /// The largest absolute difference.
    Chebyshev,
}

/// What is compared while searching: monotone in the metric and cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    SquaredEuclidean,
    Manhattan,
    Chebyshev,
}

impl Key {
    pub(crate) fn between<T: Scalar>(self, a: &[T], b: &[T]) -> T {
        match self {
            Self::SquaredEuclidean => simd::squared_distance(a, b),
            Self::Manhattan => a.iter().zip(b).map(|(&x, &y)| (x - y).abs()).sum(),
            Self::Chebyshev => a
                .iter()
                .zip(b)
                .fold(T::zero(), |m, (&x, &y)| m.max((x - y).abs())),
        }
    }
}

impl Metric {
    /// The distance between two vectors of one length.
    ///
    /// # Errors
    /// [`Error::Size`] when the lengths differ, [`Error::ZeroVector`] for the cosine of a zero vector; [`Error::NotFinite`],
    /// [`Error::TooLarge`].
    ///
    /// # Examples
    /// ```
    /// use geom_graph::Metric;
    /// assert_eq!(Metric::Chebyshev.distance(&[0.0, 0.0], &[3.0, -4.0])?, 4.0);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn distance<T: Scalar>(self, a: &[T], b: &[T]) -> Result<T, Error> {
        if a.len() != b.len() {
            return Err(Error::Size {
                operation: "distance",
                argument: "b",
                got: b.len(),
                expected: a.len(),
            });
        }
        for (argument, vector) in [("a", a), ("b", b)] {
            check_points("distance", argument, row_of(vector))?;
        }
        if self == Self::Cosine {
            let mut unit = [a.to_vec(), b.to_vec()];
            for (row, vector) in unit.iter_mut().enumerate() {
                normalise(vector).ok_or(Error::ZeroVector {
                    operation: "distance",
                    argument: "a, b",
                    row,
                })?;
            }
            return Ok(self.finish(self.key().between(&unit[0], &unit[1])));
        }
        Ok(self.finish(self.key().between(a, b)))
    }

    pub(crate) fn key(self) -> Key {
        match self {
            Self::Euclidean | Self::SquaredEuclidean | Self::Cosine => Key::SquaredEuclidean,
            Self::Manhattan => Key::Manhattan,
            Self::Chebyshev => Key::Chebyshev,
        }
    }

    /// The distance that belongs to a key.
    pub(crate) fn finish<T: Scalar>(self, key: T) -> T {
        match self {
            Self::Euclidean => key.sqrt(),
            Self::Cosine => key * T::of(0.5),
            _ => key,
        }
    }

    /// The key that belongs to a distance.
    pub(crate) fn unfinish<T: Scalar>(self, distance: T) -> T {
        match self {
            Self::Euclidean => distance * distance,
            Self::Cosine => distance + distance,
            _ => distance,
        }
    }

    /// The points that the key is computed on: contiguous, checked, of unit length for the cosine.
    pub(crate) fn prepare<'a, T: Scalar>(
        self,
        operation: &'static str,
        argument: &'static str,
        points: ArrayView2<'a, T>,
    ) -> Result<CowArray<'a, T, Ix2>, Error> {
        check_points(operation, argument, points)?;
        if points.ncols() == 0 && self != Self::Cosine {
            // The points of a space without coordinates coincide.
            return Ok(Array2::zeros((points.nrows(), 1)).into());
        }
        if self != Self::Cosine {
            return Ok(contiguous(points));
        }
        let mut unit: Array2<T> = points.as_standard_layout().into_owned();
        for (row, mut vector) in unit.rows_mut().into_iter().enumerate() {
            let vector = vector.as_slice_mut().unwrap_or_default();
            normalise(vector).ok_or(Error::ZeroVector {
                operation,
                argument,
                row,
            })?;
        }
        Ok(unit.into())
    }
}

/// The same array with rows that are slices.
pub(crate) fn contiguous<T: Scalar>(points: ArrayView2<'_, T>) -> CowArray<'_, T, Ix2> {
    if points.is_standard_layout() {
        points.into()
    } else {
        points.as_standard_layout().into_owned().into()
    }
}

/// Scales a vector to length one; `None` when it is zero.
fn normalise<T: Scalar>(vector: &mut [T]) -> Option<()> {
    let largest = vector.iter().fold(T::zero(), |m, x| m.max(x.abs()));
    if largest == T::zero() {
        return None;
    }
    let norm = vector
        .iter()
        .map(|x| ((*x / largest).as_f64()).powi(2))
        .sum::<f64>()
        .sqrt();
    let norm = T::of(norm);
    for x in vector {
        *x = *x / largest / norm;
    }
    Some(())
}

/// Refuses what is no distance.
pub(crate) fn check_distance<T: Scalar>(
    operation: &'static str,
    row: usize,
    column: usize,
    distance: T,
) -> Result<(), Error> {
    let value = distance.as_f64();
    if !value.is_finite() {
        return Err(Error::NotFinite {
            operation,
            argument: "distance",
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
    Ok(())
}

/// A vector as the only row of an array.
fn row_of<T>(vector: &[T]) -> ArrayView2<'_, T> {
    ndarray::ArrayView1::from(vector).insert_axis(ndarray::Axis(0))
}

/// Refuses values that are not finite.
pub(crate) fn check_finite<T: Scalar>(
    operation: &'static str,
    argument: &'static str,
    values: ArrayView2<'_, T>,
) -> Result<(), Error> {
    let mut entries = values.indexed_iter();
    match entries.find(|entry| !entry.1.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::NotFinite {
            operation,
            argument,
            row,
            column,
            value: value.as_f64(),
        }),
    }
}

/// Refuses values that are not finite or whose squared differences overflow.
pub(crate) fn check_points<T: Scalar>(
    operation: &'static str,
    argument: &'static str,
    points: ArrayView2<'_, T>,
) -> Result<(), Error> {
    let limit = (T::max_value() / T::of(16.0 * points.ncols().max(1) as f64)).sqrt();
    let bad = |x: &T| x.is_nan() || x.abs() > limit;
    for (row, values) in points.rows().into_iter().enumerate() {
        let Some(column) = values.iter().position(bad) else {
            continue;
        };
        let value = values[column].as_f64();
        return Err(if value.is_finite() {
            Error::TooLarge {
                operation,
                argument,
                row,
                column,
                value,
                limit: limit.as_f64(),
            }
        } else {
            Error::NotFinite {
                operation,
                argument,
                row,
                column,
                value,
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_on_a_small_triangle() {
        let (a, b) = ([1.0, 0.0], [0.0, 2.0]);
        let distance = |m: Metric| m.distance(&a, &b).unwrap();
        assert!((distance(Metric::Euclidean) - 5.0_f64.sqrt()).abs() < 1e-15);
        assert!((distance(Metric::SquaredEuclidean) - 5.0).abs() < 1e-15);
        assert!((distance(Metric::Cosine) - 1.0).abs() < 1e-15);
        assert!((distance(Metric::Manhattan) - 3.0).abs() < 1e-15);
        assert!((distance(Metric::Chebyshev) - 2.0).abs() < 1e-15);
    }

    #[test]
    fn close_directions_keep_their_digits() {
        let angle = 1e-6_f64;
        let d = Metric::Cosine
            .distance(&[1.0, 0.0], &[angle.cos(), angle.sin()])
            .unwrap();
        assert!((d / (0.5 * angle * angle) - 1.0).abs() < 1e-9, "{d}");
    }

    #[test]
    fn bad_vectors_are_refused() {
        assert!(matches!(
            Metric::Cosine.distance(&[0.0], &[1.0]),
            Err(Error::ZeroVector { row: 0, .. })
        ));
        assert!(matches!(
            Metric::Euclidean.distance(&[0.0], &[1.0, 2.0]),
            Err(Error::Size { .. })
        ));
        for (bad, metric) in [
            (f64::NAN, Metric::Chebyshev),
            (f64::INFINITY, Metric::Manhattan),
        ] {
            assert!(matches!(
                metric.distance(&[0.0, 1.0], &[1.0, bad]),
                Err(Error::NotFinite { column: 1, .. })
            ));
        }
        assert!(matches!(
            Metric::Euclidean.distance(&[1e30_f32], &[0.0]),
            Err(Error::TooLarge { .. })
        ));
        let huge = ndarray::array![[0.0, 1e200]];
        assert!(matches!(
            check_points("test", "points", huge.view()),
            Err(Error::TooLarge { column: 1, .. })
        ));
        let nan = ndarray::array![[0.0], [f64::NAN]];
        assert!(matches!(
            check_points("test", "points", nan.view()),
            Err(Error::NotFinite {
                row: 1,
                column: 0,
                ..
            })
        ));
    }
}
