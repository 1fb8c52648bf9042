//! Connected components.

use nalgebra_sparse::CsrMatrix;
use serde::{Deserialize, Serialize};

/// The connected components of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// The component of each point; components are numbered by their lowest point.
    pub labels: Vec<usize>,
    /// The number of points of each component.
    pub sizes: Vec<usize>,
}

impl Components {
    /// The components of the stored off-diagonal entries, taken in both directions.
    pub fn of<T>(graph: &CsrMatrix<T>) -> Self {
        Self::joined(graph, |_| true)
    }

    /// The components of the entries that are edges.
    pub(crate) fn joined<T>(graph: &CsrMatrix<T>, edge: impl Fn(&T) -> bool) -> Self {
        let n = graph.nrows();
        let mut parent: Vec<usize> = (0..n).collect();
        let (offsets, columns, values) = graph.csr_data();
        for i in 0..n {
            let range = offsets[i]..offsets[i + 1];
            let row = columns[range.clone()].iter().zip(&values[range]);
            for (&j, _) in row.filter(|entry| edge(entry.1)) {
                let (a, b) = (root(&mut parent, i), root(&mut parent, j));
                parent[a.max(b)] = a.min(b);
            }
        }
        let mut sizes: Vec<usize> = Vec::new();
        let mut labels: Vec<usize> = vec![0; n];
        for i in 0..n {
            let r = root(&mut parent, i);
            if r == i {
                labels[i] = sizes.len();
                sizes.push(0);
            } else {
                labels[i] = labels[r];
            }
            sizes[labels[i]] += 1;
        }
        Self { labels, sizes }
    }

    /// The number of components.
    pub fn count(&self) -> usize {
        self.sizes.len()
    }

    /// The number of the largest component, the lowest of several.
    pub fn largest(&self) -> Option<usize> {
        (0..self.count()).max_by_key(|&c| (self.sizes[c], std::cmp::Reverse(c)))
    }

    /// The points of component `c`, in order.
    pub fn members(&self, c: usize) -> Vec<usize> {
        (0..self.labels.len())
            .filter(|&i| self.labels[i] == c)
            .collect()
    }

    /// The points of every component, in order.
    pub fn all_members(&self) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> =
            self.sizes.iter().map(|&s| Vec::with_capacity(s)).collect();
        for (i, &label) in self.labels.iter().enumerate() {
            members[label].push(i);
        }
        members
    }

    /// Points that are a component of their own.
    pub fn isolated(&self) -> Vec<usize> {
        (0..self.labels.len())
            .filter(|&i| self.sizes[self.labels[i]] == 1)
            .collect()
    }
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

/// What to do with a graph of several components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentPolicy {
    /// Refuse it.
    #[default]
    Error,
    /// Keep the largest component.
    Largest,
    /// Keep every component, as separate graphs.
    PerComponent,
    /// Join them by the shortest edges between components, a minimum spanning tree over components.
    Joined,
}
