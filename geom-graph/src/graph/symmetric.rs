//! A symmetric graph from neighbour lists, without a random walk through memory.
//!
//! Whether a neighbour lists a point back is a question to a far row. Instead the listed edges are first dealt to buckets of
//! consecutive rows; a bucket then holds all that its rows list and all that lists them, and merges the two.

use std::cmp::Ordering;
use std::ops::Range;

use rayon::prelude::*;

use super::Symmetrisation;
use super::checks::agreed;
use crate::progress::Progress;
use crate::sparse::offsets_of;
use crate::{Error, Scalar};

/// Rows of a bucket at least, so that what it works on fits a core's cache.
const LEAST: usize = 2048;
/// Buckets at most, so that dealing writes to few places at once.
const MOST: usize = 256;

pub(super) const OPERATION: &str = "graph";

/// Neighbour lists, k entries a row.
pub(super) struct Lists<'a, T> {
    pub(super) indices: &'a [usize],
    pub(super) distances: &'a [T],
    pub(super) k: usize,
    pub(super) n: usize,
}

/// The bits of a dealt edge that say where it is listed; those above say which row of its bucket it names.
const PLACE: u32 = 40;

/// Consecutive rows and the edges that name them.
struct Bucket<'a> {
    rows: Range<usize>,
    /// In the order of the lists, and once sorted in the order of the rows that they name.
    told: &'a mut [u64],
    /// Where the edges of each row start, once sorted.
    starts: Vec<usize>,
}

impl Bucket<'_> {
    /// Sorts the edges by the rows that they name, in the order of who lists them, which is the order of places.
    fn sort(&mut self) {
        let row = |edge: u64| (edge >> PLACE) as usize;
        let mut counts = vec![0_usize; self.rows.len()];
        for &edge in &*self.told {
            counts[row(edge)] += 1;
        }
        self.starts = offsets_of(counts);
        let mut next = self.starts.clone();
        let mut sorted = vec![0; self.told.len()];
        for &edge in &*self.told {
            let slot = &mut next[row(edge)];
            sorted[*slot] = edge;
            *slot += 1;
        }
        self.told.copy_from_slice(&sorted);
    }

    /// Where the edges are listed that name a row of the bucket.
    fn places(&self, row: usize) -> impl Iterator<Item = usize> {
        let edges = &self.told[self.starts[row]..self.starts[row + 1]];
        edges
            .iter()
            .map(|edge| (edge & ((1 << PLACE) - 1)) as usize)
    }
}

/// Offsets, columns and values.
type Parts<T> = (Vec<usize>, Vec<usize>, Vec<T>);
/// One row's entries on their way into the graph.
type Entries<T> = Vec<(usize, T)>;

impl<T: Scalar> Lists<'_, T> {
    /// Offsets, columns and values of the symmetric graph, rows sorted.
    ///
    /// # Errors
    /// [`Error::Repeated`] for a neighbour listed twice, [`Error::Diagonal`] for a point among its own neighbours,
    /// [`Error::Asymmetric`], [`Error::Cancelled`].
    pub(super) fn symmetric(
        &self,
        rule: Symmetrisation,
        progress: Progress<'_>,
    ) -> Result<Parts<T>, Error> {
        let counter = progress.start(OPERATION, 2 * self.n);
        let mut dealt = vec![0; self.indices.len()];
        let mut buckets = self.deal(&mut dealt);
        let counts = buckets
            .par_iter_mut()
            .map(|bucket| {
                bucket.sort();
                let mut counts = Vec::with_capacity(bucket.rows.len());
                counter.advance(bucket.rows.len())?;
                self.merge(bucket, (rule, false), |row| counts.push(row.len()))?;
                Ok(counts)
            })
            .collect::<Result<Vec<Vec<usize>>, Error>>()?;
        let offsets = offsets_of(counts.into_iter().flatten());
        let total = offsets.last().copied().unwrap_or_default();
        let (mut columns, mut values) = (vec![0; total], vec![T::zero(); total]);
        let mut tasks = Vec::with_capacity(buckets.len());
        let (mut c, mut v) = (columns.as_mut_slice(), values.as_mut_slice());
        for bucket in &buckets {
            let entries = offsets[bucket.rows.end] - offsets[bucket.rows.start];
            let (own, rest) = c.split_at_mut(entries);
            c = rest;
            let (own_values, rest) = v.split_at_mut(entries);
            v = rest;
            tasks.push((bucket, own, own_values));
        }
        tasks
            .into_par_iter()
            .try_for_each(|(bucket, columns, values)| {
                counter.advance(bucket.rows.len())?;
                let mut end = 0;
                self.merge(bucket, (rule, true), |row| {
                    for &(j, d) in row {
                        (columns[end], values[end]) = (j, d);
                        end += 1;
                    }
                })
            })?;
        Ok((offsets, columns, values))
    }

    /// Deals the listed edges to buckets of the rows that they name.
    fn deal<'a>(&self, mut dealt: &'a mut [u64]) -> Vec<Bucket<'a>> {
        let width = self.n.div_ceil(MOST).clamp(LEAST, 1 << (64 - PLACE));
        let count = self.n.div_ceil(width).max(1);
        let mut sizes = vec![0_usize; count];
        for &j in self.indices {
            sizes[j / width] += 1;
        }
        let mut next = offsets_of(sizes.iter().copied());
        for (place, &j) in (0..).zip(self.indices) {
            let slot = &mut next[j / width];
            dealt[*slot] = ((j % width) as u64) << PLACE | place;
            *slot += 1;
        }
        let buckets = sizes.into_iter().enumerate().map(|(b, size)| {
            let (told, rest) = std::mem::take(&mut dealt).split_at_mut(size);
            dealt = rest;
            Bucket {
                rows: b * width..((b + 1) * width).min(self.n),
                told,
                starts: Vec::new(),
            }
        });
        buckets.collect()
    }

    /// Hands over the entries of each row, sorted by column; `agree` compares the distances of points that list each other.
    fn merge(
        &self,
        bucket: &Bucket<'_>,
        (rule, agree): (Symmetrisation, bool),
        mut put: impl FnMut(&Entries<T>),
    ) -> Result<(), Error> {
        let k = self.k;
        let (mut own, mut out) = (Entries::with_capacity(k), Entries::with_capacity(4 * k));
        for (row, i) in bucket.rows.clone().enumerate() {
            let list = i * k..(i + 1) * k;
            let nearest = self.indices.get(list.start).copied().filter(|_| k > 0);
            own.clear();
            let listed = self.indices[list.clone()].iter().zip(&self.distances[list]);
            own.extend(listed.map(|(&j, &d)| (j, d)));
            own.sort_unstable_by_key(|e| e.0);
            self.check(i, &own)?;
            out.clear();
            let mut own = own.iter().peekable();
            let mut others = bucket.places(row).peekable();
            loop {
                let order = match (own.peek(), others.peek()) {
                    (None, None) => break,
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some((j, _)), Some(place)) => j.cmp(&(place / k)),
                };
                let mine = if order.is_le() { own.next() } else { None };
                let theirs = if order.is_ge() { others.next() } else { None };
                let stays = match rule {
                    Symmetrisation::Union => true,
                    Symmetrisation::Intersection => order.is_eq(),
                    // A point's nearest neighbour is the first of its list.
                    Symmetrisation::Mutual => {
                        order.is_eq()
                            || mine.is_some_and(|e| Some(e.0) == nearest)
                            || theirs.is_some_and(|place| place % k == 0)
                    }
                };
                if !stays {
                    continue;
                }
                out.push(match (mine, theirs) {
                    (Some(&(j, there)), Some(place)) if agree => {
                        let back = self.distances[place];
                        let d = agreed(there, back).ok_or(Error::Asymmetric {
                            operation: OPERATION,
                            row: i,
                            column: j,
                            value: there.as_f64(),
                            transposed: back.as_f64(),
                        })?;
                        (j, d)
                    }
                    (Some(&entry), _) => entry,
                    (None, Some(place)) => (place / k, self.distances[place]),
                    (None, None) => break,
                });
            }
            put(&out);
        }
        Ok(())
    }

    /// Whether the sorted list of row `i` names others, each once.
    fn check(&self, i: usize, own: &Entries<T>) -> Result<(), Error> {
        let operation = OPERATION;
        if let Some(&(row, distance)) = own.iter().find(|e| e.0 == i) {
            let value = distance.as_f64();
            return Err(Error::Diagonal {
                operation,
                row,
                value,
            });
        }
        let Some(twice) = own.windows(2).find(|w| w[0].0 == w[1].0) else {
            return Ok(());
        };
        let index = twice[0].0;
        let list = &self.indices[i * self.k..(i + 1) * self.k];
        let mut places = (i * self.k..)
            .zip(list)
            .filter(|p| *p.1 == index)
            .map(|p| p.0);
        let (first, second) = (places.next(), places.next());
        Err(Error::Repeated {
            operation,
            argument: "neighbours",
            index,
            first: first.unwrap_or_default(),
            second: second.unwrap_or_default(),
        })
    }
}
