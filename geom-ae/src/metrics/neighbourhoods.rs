//! Nearest neighbours and ranks inside one row of distances.
//!
//! The neighbours of point $i$ are all other points in ascending order of squared distance, equal distances in
//! ascending order of index; the point itself has rank 0 and is nobody's neighbour of itself.

/// A neighbour: squared distance, then index, the order of all ranks.
pub(super) type Neighbour = (f64, u32);

fn before(a: &Neighbour, b: &Neighbour) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// The `k` nearest neighbours of point `own` in ascending order, from its row of squared distances.
pub(super) fn nearest(row: &[f64], own: usize, k: usize, found: &mut Vec<Neighbour>) {
    found.clear();
    let capacity = 2 * k;
    let mut bound = f64::INFINITY;
    for (index, &distance) in (0_u32..).zip(row) {
        // A later index never displaces an equal distance, hence the strict comparison.
        if distance < bound && index as usize != own {
            found.push((distance, index));
            if found.len() == capacity {
                found.select_nth_unstable_by(k - 1, before);
                found.truncate(k);
                bound = found[k - 1].0;
            }
        }
    }
    found.sort_unstable_by(before);
    found.truncate(k);
}

/// Scratch for [`Ranking::ranks_of`].
#[derive(Default)]
pub(super) struct Ranking {
    thresholds: Vec<Neighbour>,
    order: Vec<usize>,
    counts: Vec<u32>,
}

impl Ranking {
    /// Writes into `ranks` the rank, in this row, of each of the points `targets`: one plus the number of other
    /// points that come before it. Only counting, no sort of the row.
    pub(super) fn ranks_of(
        &mut self,
        row: &[f64],
        own: usize,
        targets: &[Neighbour],
        ranks: &mut [u32],
    ) {
        let key = |target: usize| (row[targets[target].1 as usize], targets[target].1);
        self.order.clear();
        self.order.extend(0..targets.len());
        self.order
            .sort_unstable_by(|&a, &b| before(&key(a), &key(b)));
        self.thresholds.clear();
        self.thresholds
            .extend(self.order.iter().map(|&target| key(target)));
        self.counts.clear();
        self.counts.resize(targets.len() + 1, 0);
        let Some(&(last, _)) = self.thresholds.last() else {
            return;
        };
        for (index, &distance) in (0_u32..).zip(row) {
            if distance <= last && index as usize != own {
                let position = self
                    .thresholds
                    .partition_point(|&(d, i)| d < distance || (d == distance && i <= index));
                self.counts[position] += 1;
            }
        }
        let mut rank = 1;
        for (&target, count) in self.order.iter().zip(&self.counts) {
            rank += count;
            ranks[target] = rank;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positions in the sorted row, the point itself first.
    fn sorted(row: &[f64], own: usize) -> Vec<Neighbour> {
        let mut all: Vec<Neighbour> = (0_u32..)
            .zip(row)
            .filter(|(i, _)| *i as usize != own)
            .map(|(i, &d)| (d, i))
            .collect();
        all.sort_by(before);
        all
    }

    #[test]
    fn neighbours_and_ranks_equal_a_full_sort_with_and_without_ties() {
        for n in [2_usize, 3, 31, 64, 127] {
            for modulus in [1, 3, 1000] {
                let row: Vec<f64> = (0..n).map(|i| ((i * 7919 + 13) % modulus) as f64).collect();
                for own in [0, n / 2, n - 1] {
                    let all = sorted(&row, own);
                    let mut ranks = vec![0; n - 1];
                    Ranking::default().ranks_of(&row, own, &all, &mut ranks);
                    assert!(
                        ranks
                            .iter()
                            .zip(1_u32..)
                            .all(|(&rank, expected)| rank == expected)
                    );
                    for k in [1, 2, n / 2, n - 1] {
                        if (1..n).contains(&k) {
                            let mut found = Vec::new();
                            nearest(&row, own, k, &mut found);
                            assert_eq!(found, all[..k], "n = {n}, k = {k}, own = {own}");
                        }
                    }
                }
            }
        }
    }
}
