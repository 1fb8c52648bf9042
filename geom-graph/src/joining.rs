//! Joining components by the shortest edges between them.

use ndarray::{ArrayView2, Axis};

use crate::components::Components;
use crate::{Error, Scalar, Search};

/// The edges of a minimum spanning tree over the components, by Borůvka's rounds.
///
/// In each round every component asks for its nearest point outside; ties go to the lower pair of indices, so that
/// no cycle arises.
pub(crate) fn bridges<T: Scalar>(
    points: ArrayView2<'_, T>,
    components: &Components,
) -> Result<Vec<(usize, usize, T)>, Error> {
    let mut labels = components.labels.clone();
    let mut edges = Vec::new();
    loop {
        let groups = groups(&labels);
        if groups.len() <= 1 {
            return Ok(edges);
        }
        let mut shortest: Vec<(T, usize, usize)> = Vec::new();
        for group in &groups {
            // The larger side is the one that is indexed, so that the work is that of the smaller.
            let outside: Vec<usize> = (0..labels.len())
                .filter(|&i| labels[i] != labels[group[0]])
                .collect();
            let (base, asking) = if group.len() > outside.len() {
                (group, &outside)
            } else {
                (&outside, group)
            };
            let found = Search::new().knn_to(
                points.select(Axis(0), base).view(),
                points.select(Axis(0), asking).view(),
                1,
            )?;
            let candidates = asking.iter().enumerate().map(|(row, &i)| {
                let j = base[found.indices[(row, 0)]];
                (found.distances[(row, 0)], i.min(j), i.max(j))
            });
            shortest.extend(candidates.reduce(|a, b| if b < a { b } else { a }));
        }
        shortest.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        for (d, i, j) in shortest {
            let (a, b) = (labels[i], labels[j]);
            if a != b {
                edges.push((i, j, d));
                labels
                    .iter_mut()
                    .filter(|l| **l == a.max(b))
                    .for_each(|l| *l = a.min(b));
            }
        }
    }
}

/// The points of each label.
fn groups(labels: &[usize]) -> Vec<Vec<usize>> {
    let count = labels.iter().max().map_or(0, |m| m + 1);
    let mut groups = vec![Vec::new(); count];
    labels
        .iter()
        .enumerate()
        .for_each(|(i, &l)| groups[l].push(i));
    groups.retain(|g| !g.is_empty());
    groups
}
