//! Latent points and what every latent picture does with them: project, order, count.

use std::collections::BTreeSet;

use ndarray::ArrayView2;

use super::axis::{drawable, extent, padded};
use super::{Error, check_length, counted};

/// The most points that one picture draws; beyond it, an even selection is drawn and the picture says so
const MOST_POINTS: usize = 20_000;

/// Latent points, with labels where there are any
///
/// # Shapes
///
/// `points` is (n, d) with any d ≥ 1, `labels` has n entries.
#[derive(Debug, Clone, Copy)]
pub struct Cloud<'a> {
    /// One point a row
    pub points: ArrayView2<'a, f64>,
    /// The class of every point
    pub labels: Option<&'a [i64]>,
}

/// A point that can be drawn: where, and which row it was
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) at: (f64, f64),
    pub(super) row: usize,
}

impl Cloud<'_> {
    pub(super) fn check(&self, figure: &'static str) -> Result<(), Error> {
        if let Some(labels) = self.labels {
            check_length(figure, "labels", labels.len(), self.points.nrows())?;
        }
        if self.points.ncols() == 0 && self.points.nrows() > 0 {
            return Err(Error::NoCoordinates { figure });
        }
        Ok(())
    }

    /// The drawable points in an order that mixes the classes, so that none is painted over the others
    ///
    /// A single coordinate is spread in height by a fixed jitter in −½…½.
    pub(super) fn placed(&self) -> Vec<Placed> {
        let point = |row: usize| match *self
            .points
            .row(row)
            .as_slice()
            .unwrap_or(&self.points.row(row).to_vec())
        {
            [] => None,
            [x] => drawable(x).then(|| (x, (row as f64 * 0.618_033_988_749_895).fract() - 0.5)),
            [x, y, ..] => (drawable(x) && drawable(y)).then_some((x, y)),
        };
        mixed(self.points.nrows())
            .filter_map(|row| point(row).map(|at| Placed { at, row }))
            .collect()
    }

    pub(super) fn label(&self, row: usize) -> Option<i64> {
        self.labels.map(|labels| labels[row])
    }
}

/// All numbers below `n` in a fixed order whose every beginning is spread evenly over 0…n
fn mixed(n: usize) -> impl Iterator<Item = usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "less than n"
    )]
    let mut stride = ((n as f64 * 0.618_033_988_749_895) as usize).max(1);
    while gcd(stride, n) > 1 {
        stride += 1;
    }
    (0..n).scan(0, move |next, _| {
        let this = *next;
        *next = (this + stride) % n;
        Some(this)
    })
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The distinct labels of all clouds, ascending; a class's rank is its place here
pub(super) fn classes(clouds: &[Cloud<'_>]) -> Vec<i64> {
    let distinct: BTreeSet<i64> = clouds
        .iter()
        .filter_map(|cloud| cloud.labels)
        .flatten()
        .copied()
        .collect();
    distinct.into_iter().collect()
}

/// The range of the horizontal and the vertical coordinate, with room at the edges
pub(super) fn bounds(points: impl Iterator<Item = (f64, f64)> + Clone) -> ((f64, f64), (f64, f64)) {
    let range = |values: Option<(f64, f64)>| padded(values.unwrap_or((0.0, 0.0)), 0.04);
    (
        range(extent(points.clone().map(|p| p.0))),
        range(extent(points.map(|p| p.1))),
    )
}

/// Cuts the groups so that together they hold at most [`MOST_POINTS`], each in proportion
pub(super) fn thin(groups: &mut [Vec<Placed>]) -> Option<String> {
    let total: usize = groups.iter().map(Vec::len).sum();
    if total <= MOST_POINTS {
        return None;
    }
    for group in &mut *groups {
        group.truncate((group.len() * MOST_POINTS).div_ceil(total));
    }
    let drawn: usize = groups.iter().map(Vec::len).sum();
    Some(format!(
        "An even selection of {drawn} of {total} points is drawn."
    ))
}

/// What the reader must know about the projection and about points that are not there
pub(super) fn notes(dimension: usize, missing: usize) -> Vec<String> {
    let mut notes = Vec::new();
    match dimension {
        0 | 2 => {}
        1 => notes.push(
            "There is one latent coordinate; the height of a point means nothing.".to_owned(),
        ),
        more => notes.push(format!(
            "The first two of {more} latent coordinates are shown."
        )),
    }
    if missing > 0 {
        let verb = if missing == 1 { "is" } else { "are" };
        notes.push(format!(
            "{} without finite coordinates {verb} not drawn.",
            counted(missing, "point")
        ));
    }
    notes
}

/// A disc's radius and opacity that suit this number of points
pub(super) fn mark_size(points: usize) -> (f64, f64) {
    let count = points.max(1) as f64;
    (
        (100.0 / count.sqrt()).clamp(1.3, 3.4),
        (1.05 - count.log10() * 0.1).clamp(0.55, 0.9),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixed_order_is_a_permutation() {
        for n in [0, 1, 2, 3, 31, 64, 127, 1000, 1001] {
            let mut order: Vec<usize> = mixed(n).collect();
            order.sort_unstable();
            assert!(order.into_iter().eq(0..n), "n = {n}");
        }
    }

    #[test]
    fn thinning_keeps_the_proportions() {
        let group = |n: usize| {
            vec![
                Placed {
                    at: (0.0, 0.0),
                    row: 0
                };
                n
            ]
        };
        let mut groups = [group(60_000), group(20_000)];
        let note = thin(&mut groups).unwrap();
        assert_eq!((groups[0].len(), groups[1].len()), (15_000, 5_000));
        assert!(note.contains("20000 of 80000"), "{note}");
        assert!(thin(&mut [group(20_000)]).is_none());
    }
}
