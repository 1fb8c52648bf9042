//! Neighbours of neighbours are likely to be neighbours.

use rayon::prelude::*;

use super::{Candidates, Cloud};
use crate::neighbours::{ROWS, label};
use crate::progress::Counter;
use crate::sparse::offsets_of;
use crate::{Error, Scalar};

/// The most candidates of a list that are ways to others.
pub(super) const FARTHEST: usize = 10;

/// Improves the lists for at most `most` rounds, until fewer than one neighbour in two hundred changes; returns the rounds.
pub(super) fn improve<T: Scalar>(
    cloud: &Cloud<'_, T>,
    lists: &mut [Candidates<T>],
    k: usize,
    most: usize,
    counter: &Counter<'_>,
) -> Result<usize, Error> {
    let reach = FARTHEST;
    for round in 0..most {
        let ways = Ways::of(lists, cloud.answers, reach);
        let changes: usize = lists
            .par_chunks_mut(ROWS)
            .enumerate()
            .map(|(chunk, lists)| {
                let mut seen = Seen::new(4 * (2 * reach + 1) * (2 * reach + 1));
                let rows = lists.iter_mut().enumerate();
                rows.map(|(l, list)| ways.follow(cloud, chunk * ROWS + l, list, &mut seen))
                    .sum::<usize>()
            })
            .sum();
        counter.advance(1)?;
        if changes.saturating_mul(200) < lists.len().saturating_mul(k) {
            return Ok(round + 1);
        }
    }
    Ok(most)
}

/// A way from one point to another.
#[derive(Clone, Copy, Default)]
struct Way {
    to: u32,
    fresh: bool,
}

/// Ways from each point: to its nearest candidates, and back from points that answer whose candidate it is.
struct Ways {
    offsets: Vec<usize>,
    ways: Vec<Way>,
}

impl Ways {
    /// Takes the first `reach` candidates of every list, which are not fresh any more, and as many ways back, near ones first.
    fn of<T: Scalar>(lists: &mut [Candidates<T>], answers: usize, reach: usize) -> Self {
        let mut back = vec![0_usize; lists.len()];
        for list in &lists[..answers] {
            for c in list.first(reach) {
                back[c.index as usize] += 1;
            }
        }
        let counts = lists.iter().zip(&back);
        let offsets = offsets_of(counts.map(|(list, &b)| list.first(reach).len() + b.min(reach)));
        let total = offsets.last().copied().unwrap_or_default();
        let mut ways = vec![Way::default(); total];
        let mut next = offsets.clone();
        let mut put = |from: usize, to: u32, fresh: bool| {
            if next[from] < offsets[from + 1] {
                ways[next[from]] = Way { to, fresh };
                next[from] += 1;
            }
        };
        for (i, list) in lists.iter().enumerate() {
            for c in list.first(reach) {
                put(i, c.index, c.fresh);
            }
        }
        for rank in 0..reach {
            for (i, list) in lists[..answers].iter().enumerate() {
                if let Some(c) = list.first(reach).get(rank) {
                    put(c.index as usize, label(i), c.fresh);
                }
            }
        }
        drop(next);
        lists.par_iter_mut().for_each(|list| list.settle(reach));
        Self { offsets, ways }
    }

    fn from(&self, i: usize) -> &[Way] {
        &self.ways[self.offsets[i]..self.offsets[i + 1]]
    }

    /// Offers what is one or two ways off, where one of them is fresh; returns how many were taken.
    fn follow<T: Scalar>(
        &self,
        cloud: &Cloud<'_, T>,
        i: usize,
        list: &mut Candidates<T>,
        seen: &mut Seen,
    ) -> usize {
        seen.clear();
        seen.insert(label(i));
        for j in list.indices() {
            seen.insert(j);
        }
        let mut changes = 0;
        let mut reach = cloud.reach(i, list.threshold());
        for first in self.from(i) {
            let direct = std::iter::once(first);
            for second in direct.chain(self.from(first.to as usize)) {
                let to = second.to as usize;
                if (first.fresh || second.fresh)
                    && seen.insert(second.to)
                    && cloud.may(i, to, reach)
                    && list.offer(cloud.between(i, to), second.to)
                {
                    changes += 1;
                    reach = cloud.reach(i, list.threshold());
                }
            }
        }
        changes
    }
}

/// A set of a few labels.
struct Seen {
    table: Vec<u32>,
    mask: usize,
}

impl Seen {
    /// Labels are below this: searches refuse as many points.
    const FREE: u32 = u32::MAX;

    /// For fewer labels than `size`.
    fn new(size: usize) -> Self {
        let size = size.next_power_of_two();
        Self {
            table: vec![Self::FREE; size],
            mask: size - 1,
        }
    }

    fn clear(&mut self) {
        self.table.fill(Self::FREE);
    }

    /// Whether the label was not there.
    fn insert(&mut self, label: u32) -> bool {
        let mut place = (label.wrapping_mul(0x9E37_79B1) >> 7) as usize & self.mask;
        while self.table[place] != Self::FREE {
            if self.table[place] == label {
                return false;
            }
            place = (place + 1) & self.mask;
        }
        self.table[place] = label;
        true
    }
}
