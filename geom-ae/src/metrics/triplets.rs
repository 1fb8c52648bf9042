//! Triplet accuracy: is the nearer of two points also the nearer one in the embedding?

use ndarray::ArrayView2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::MetricError;
use super::distances::{Block, Points, check_pair, sq_distance};

/// Which triplets are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Triplets {
    /// All $n(n-1)(n-2)/2$, counted by sorting rows in O(n² log n).
    All,
    /// Triplets of different points drawn uniformly, with replacement.
    Sampled {
        /// How many.
        triplets: usize,
        /// Same seed, same triplets.
        seed: u64,
    },
}

/// How the triplets $(i; j, l)$, an anchor and two others, compare in the two spaces.
///
/// $$s_X = \operatorname{sign}\bigl(\lVert x_i - x_j\rVert - \lVert x_i - x_l\rVert\bigr), \qquad s_Z = \operatorname{sign}\bigl(\lVert z_i - z_j\rVert - \lVert z_i - z_l\rVert\bigr)$$
///
/// Wang et al. 2021. Decided on squared distances.
///
/// # Examples
/// ```
/// use geom_ae::metrics::{TripletCounts, Triplets};
/// use ndarray::array;
///
/// let x = array![[0.0], [1.0], [3.0]];
/// let z = array![[0.0], [1.0], [2.0]];
/// let counts = TripletCounts::compute(x.view(), z.view(), Triplets::All)?;
/// assert_eq!((counts.agree, counts.tied_in_one), (2, 1));
/// assert_eq!(counts.accuracy(), 2.0 / 3.0);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TripletCounts {
    /// $s_X = s_Z \ne 0$.
    pub agree: u64,
    /// $s_X = -s_Z \ne 0$.
    pub disagree: u64,
    /// Exactly one of the two is zero.
    pub tied_in_one: u64,
    /// $s_X = s_Z = 0$.
    pub tied_in_both: u64,
}

impl TripletCounts {
    /// Counts all triplets, or a sample of them.
    ///
    /// # Shapes
    /// `x` (n, D), `z` (n, d); f32, f64 or integers.
    ///
    /// # Errors
    /// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 3), [`MetricError::NotFinite`],
    /// [`MetricError::TooLarge`], [`MetricError::Empty`] (no columns, no samples).
    pub fn compute<S, T>(
        x: ArrayView2<'_, S>,
        z: ArrayView2<'_, T>,
        triplets: Triplets,
    ) -> Result<Self, MetricError>
    where
        S: Copy + Into<f64> + Sync,
        T: Copy + Into<f64> + Sync,
    {
        check_pair("triplet accuracy", x, z, 3)?;
        match triplets {
            Triplets::All => Ok(all(&Points::new(x), &Points::new(z))),
            Triplets::Sampled { triplets: 0, .. } => Err(MetricError::Empty {
                argument: "triplets",
            }),
            Triplets::Sampled { triplets, seed } => Ok(sampled(x, z, triplets, seed)),
        }
    }

    /// Number of triplets.
    pub fn total(&self) -> u64 {
        self.agree + self.disagree + self.tied_in_one + self.tied_in_both
    }

    /// Share of triplets with $s_X = s_Z$: a tie counts as right only if both are tied. Range 0 to 1, higher is better.
    pub fn accuracy(&self) -> f64 {
        (self.agree + self.tied_in_both) as f64 / self.total() as f64
    }

    /// Share of right ones among the triplets without any tie; `None` where there is none.
    pub fn accuracy_without_ties(&self) -> Option<f64> {
        let untied = self.agree + self.disagree;
        (untied > 0).then(|| self.agree as f64 / untied as f64)
    }

    /// Share of right ones where a triplet tied in exactly one space counts half.
    pub fn accuracy_ties_half(&self) -> f64 {
        self.accuracy() + 0.5 * self.tied_in_one as f64 / self.total() as f64
    }

    fn add(self, other: Self) -> Self {
        Self {
            agree: self.agree + other.agree,
            disagree: self.disagree + other.disagree,
            tied_in_one: self.tied_in_one + other.tied_in_one,
            tied_in_both: self.tied_in_both + other.tied_in_both,
        }
    }

    fn of_signs(x: std::cmp::Ordering, z: std::cmp::Ordering) -> Self {
        let mut counts = Self::default();
        *match (x.is_eq(), z.is_eq()) {
            (true, true) => &mut counts.tied_in_both,
            (false, false) if x == z => &mut counts.agree,
            (false, false) => &mut counts.disagree,
            _ => &mut counts.tied_in_one,
        } = 1;
        counts
    }
}

fn sampled<S, T>(
    x: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
    triplets: usize,
    seed: u64,
) -> TripletCounts
where
    S: Copy + Into<f64> + Sync,
    T: Copy + Into<f64> + Sync,
{
    /// Triplets drawn with one generator, the unit of parallel work.
    const CHUNK: usize = 1 << 12;
    let n = x.nrows();
    let count = |chunk: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(chunk as u64);
        let mut draw = |below: usize| rng.random_range(0..below);
        let size = CHUNK.min(triplets - chunk * CHUNK);
        (0..size).fold(TripletCounts::default(), |counts, _| {
            // Three different points: the later draws skip the earlier ones.
            let i = draw(n);
            let mut j = draw(n - 1);
            j += usize::from(j >= i);
            let mut l = draw(n - 2);
            l += usize::from(l >= i.min(j));
            l += usize::from(l >= i.max(j));
            let order_x =
                sq_distance(x.row(i), x.row(j)).total_cmp(&sq_distance(x.row(i), x.row(l)));
            let order_z =
                sq_distance(z.row(i), z.row(j)).total_cmp(&sq_distance(z.row(i), z.row(l)));
            counts.add(TripletCounts::of_signs(order_x, order_z))
        })
    };
    (0..triplets.div_ceil(CHUNK))
        .into_par_iter()
        .map(count)
        .reduce(TripletCounts::default, TripletCounts::add)
}

fn all(x: &Points, z: &Points) -> TripletCounts {
    (0..x.blocks())
        .into_par_iter()
        .map_init(
            <(Block, Block, Vec<(f64, f64)>, Vec<f64>)>::default,
            |(bx, bz, pairs, scratch), block| {
                x.block(block, bx);
                z.block(block, bz);
                x.rows(block).fold(TripletCounts::default(), |counts, i| {
                    pairs.clear();
                    pairs.extend(bx.row(i).iter().copied().zip(bz.row(i).iter().copied()));
                    pairs.swap_remove(i);
                    counts.add(of_row(pairs, scratch))
                })
            },
        )
        .reduce(TripletCounts::default, TripletCounts::add)
}

/// Counts the pairs of one anchor: sort by x, then count inversions in z (Knight 1966).
fn of_row(pairs: &mut [(f64, f64)], scratch: &mut Vec<f64>) -> TripletCounts {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let choose = |size: usize| (size * size.saturating_sub(1) / 2) as u64;
    let tied_x: u64 = pairs
        .chunk_by(|a, b| a.0 == b.0)
        .map(|ties| choose(ties.len()))
        .sum();
    let tied_in_both: u64 = pairs
        .chunk_by(|a, b| a == b)
        .map(|ties| choose(ties.len()))
        .sum();
    let mut z: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    scratch.resize(z.len(), 0.0);
    let disagree = sort_counting_inversions(&mut z, scratch);
    let tied_z: u64 = z
        .chunk_by(|a, b| a == b)
        .map(|ties| choose(ties.len()))
        .sum();
    let tied_in_one = tied_x + tied_z - 2 * tied_in_both;
    let agree = choose(pairs.len()) - disagree - tied_in_one - tied_in_both;
    TripletCounts {
        agree,
        disagree,
        tied_in_one,
        tied_in_both,
    }
}

/// Merge sort that counts the pairs in strictly wrong order.
fn sort_counting_inversions(values: &mut [f64], scratch: &mut [f64]) -> u64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0;
    }
    let (left, right) = values.split_at_mut(middle);
    let mut inversions = sort_counting_inversions(left, &mut scratch[..middle]);
    inversions += sort_counting_inversions(right, &mut scratch[middle..]);
    let (mut i, mut j) = (0, 0);
    for slot in scratch.iter_mut() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            *slot = right[j];
            j += 1;
            inversions += (left.len() - i) as u64;
        }
    }
    values.copy_from_slice(scratch);
    inversions
}
