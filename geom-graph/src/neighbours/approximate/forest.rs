//! Random projection trees, whose leaves hold points that are likely to be near.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Candidates, Cloud};
use crate::metric::Key;
use crate::progress::Counter;
use crate::simd::{self, PANEL, Panel, Strided};
use crate::{Error, Scalar};

/// The largest leaf for few neighbours, where products of images rule most pairs out.
const LEAF: usize = 10 * PANEL;
/// And where every pair costs a whole distance.
const SMALL_LEAF: usize = 2 * PANEL;
/// Directions that the nodes of one tree choose from.
const DIRECTIONS: usize = 16;
/// Points from which a node estimates the variances that it chooses by.
const LOOK: usize = 1024;
/// Points that one task projects.
const ROWS: usize = 512;

/// How many trees of what kind.
pub(super) struct Forest {
    pub(super) trees: usize,
    pub(super) seed: u64,
    pub(super) leaf: usize,
}

/// The largest leaf when `k` neighbours are sought: a point has that many to choose from.
pub(super) fn leaf(k: usize, key: Key) -> usize {
    let usual = match key {
        Key::SquaredEuclidean => LEAF,
        _ => SMALL_LEAF,
    };
    usual.max(3 * (k + 2))
}

/// The places of a leaf, those that answer first, and their lists.
type Members<'a, T> = [(u32, &'a mut Candidates<T>)];

impl Forest {
    /// Offers every point the points that share a leaf with it, tree by tree.
    pub(super) fn fill<T: Scalar>(
        &self,
        cloud: &Cloud<'_, T>,
        lists: &mut [Candidates<T>],
        counter: &Counter<'_>,
    ) -> Result<(), Error> {
        for tree in 0..self.trees {
            let (order, sizes) = self.grow(cloud, tree);
            let mut slots: Vec<Option<&mut Candidates<T>>> = lists.iter_mut().map(Some).collect();
            let mut members: Vec<(u32, &mut Candidates<T>)> = order
                .iter()
                .filter_map(|&i| Some((i, slots[i as usize].take()?)))
                .collect();
            let mut rest = members.as_mut_slice();
            let mut leaves = Vec::with_capacity(sizes.len());
            for &size in &sizes {
                let (leaf, others) = rest.split_at_mut(size);
                leaves.push(leaf);
                rest = others;
            }
            leaves
                .into_par_iter()
                .for_each_init(Scratch::default, |scratch, leaf| {
                    if cloud.key == Key::SquaredEuclidean {
                        scratch.compare(cloud, leaf);
                    } else {
                        compare_directly(cloud, leaf);
                    }
                });
            counter.advance(1)?;
        }
        Ok(())
    }

    /// The places in the order of the leaves of one tree, and the sizes of the leaves.
    fn grow<T: Scalar>(&self, cloud: &Cloud<'_, T>, tree: usize) -> (Vec<u32>, Vec<usize>) {
        let (images, n) = (&cloud.images, cloud.len());
        let width = images.width;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(tree as u64);
        // Differences of points are directions in which the points extend.
        let mut directions = Vec::with_capacity(DIRECTIONS * width);
        for _ in 0..DIRECTIONS {
            let mut row = || images.row(random.random_range(0..cloud.answers));
            let start = directions.len();
            directions.extend(row().iter().zip(row()).map(|(&x, &y)| x - y));
            let squares = directions[start..].iter().map(|x| f64::from(*x).powi(2));
            let norm = squares.sum::<f64>().sqrt();
            if norm > 0.0 {
                for x in &mut directions[start..] {
                    *x = f32::of(f64::from(*x) / norm);
                }
            }
        }
        let directions = Strided::rows(&directions, DIRECTIONS, width).transposed();
        let mut projections = vec![0.0; n * DIRECTIONS];
        projections
            .par_chunks_mut(ROWS * DIRECTIONS)
            .zip(images.values.par_chunks(ROWS * width))
            .for_each(|(out, rows)| {
                let rows = Strided::rows(rows, rows.len() / width, width);
                simd::product(1.0, rows, directions, 0.0, out);
            });
        let mut places: Vec<u32> = (0..).take(n).collect();
        let (answering, asking) = places.split_at_mut(cloud.answers);
        let leaves = split(answering, asking, self.leaf, &projections);
        let (mut order, mut sizes) = (Vec::with_capacity(n), Vec::with_capacity(leaves.len()));
        let (mut answering, mut asking) = (&*answering, &*asking);
        for (answers, asks) in leaves {
            order.extend(
                answering
                    .iter()
                    .take(answers)
                    .chain(asking.iter().take(asks)),
            );
            (answering, asking) = (&answering[answers..], &asking[asks..]);
            sizes.push(answers + asks);
        }
        (order, sizes)
    }
}

/// Sorts the points that answer into the leaves of a tree, and those that ask to them; how many of either stand in each leaf.
///
/// A node halves the points that answer at the median along the direction of their largest variance.
fn split(
    answering: &mut [u32],
    asking: &mut [u32],
    leaf: usize,
    projections: &[f32],
) -> Vec<(usize, usize)> {
    if answering.len() <= leaf {
        sort(answering, projections);
        return vec![(answering.len(), asking.len())];
    }
    let (half, along) = halve(answering, projections);
    let median = along(answering[half]);
    asking.sort_by_key(|&i| along(i) >= median);
    let (left, right) = answering.split_at_mut(half);
    let (to_left, to_right) = asking.split_at_mut(asking.partition_point(|&i| along(i) < median));
    let (mut leaves, others) = rayon::join(
        || split(left, to_left, leaf, projections),
        || split(right, to_right, leaf, projections),
    );
    leaves.extend(others);
    leaves
}

/// Sorts a leaf further, so that its panels hold near points and tell soon who is too far.
fn sort(order: &mut [u32], projections: &[f32]) {
    if order.len() > PANEL {
        let (half, _) = halve(order, projections);
        let (left, right) = order.split_at_mut(half);
        sort(left, projections);
        sort(right, projections);
    }
}

/// Puts the lower half first, along the direction of the largest variance; where the other begins, and that direction.
fn halve<'p>(
    order: &mut [u32],
    projections: &'p [f32],
) -> (usize, impl Fn(u32) -> f32 + Copy + use<'p>) {
    let direction = widest(order, projections);
    let along = move |i: u32| projections[i as usize * DIRECTIONS + direction];
    let half = order.len() / 2;
    order.select_nth_unstable_by(half, |&a, &b| along(a).total_cmp(&along(b)).then(a.cmp(&b)));
    (half, along)
}

fn widest(order: &[u32], projections: &[f32]) -> usize {
    let step = order.len().div_ceil(LOOK);
    let (mut sums, mut squares) = ([0.0; DIRECTIONS], [0.0; DIRECTIONS]);
    let mut count = 0.0;
    for &i in order.iter().step_by(step) {
        count += 1.0;
        let row = &projections[i as usize * DIRECTIONS..(i as usize + 1) * DIRECTIONS];
        for (d, &x) in row.iter().enumerate() {
            sums[d] += f64::from(x);
            squares[d] += f64::from(x) * f64::from(x);
        }
    }
    let variance = |d: usize| squares[d] - sums[d] * sums[d] / count;
    (1..DIRECTIONS).fold(0, |best, d| {
        if variance(d) > variance(best) {
            d
        } else {
            best
        }
    })
}

/// A leaf in panels.
#[derive(Default)]
struct Scratch {
    coordinates: Vec<f32>,
    half_norms: Vec<[f32; PANEL]>,
    half_limits: Vec<[f32; PANEL]>,
    hits: Vec<(u8, u8)>,
    products: Vec<f32>,
}

impl Scratch {
    /// All pairs of a leaf: images say which are worth a distance.
    fn compare<T: Scalar>(&mut self, cloud: &Cloud<'_, T>, members: &mut Members<'_, T>) {
        let width = cloud.images.width;
        let panels = members.len().div_ceil(PANEL);
        // Those that answer stand first; the others have nothing to tell each other.
        let answering = answers(cloud, members).div_ceil(PANEL);
        self.coordinates.resize(panels * PANEL * width, 0.0);
        self.half_norms.clear();
        self.half_norms.resize(panels, [f32::NAN; PANEL]);
        self.half_limits.clear();
        self.half_limits.resize(panels, [f32::NEG_INFINITY; PANEL]);
        for (at, (i, list)) in members.iter().enumerate() {
            let (panel, place) = (at / PANEL, at % PANEL);
            let start = panel * PANEL * width + place;
            for (k, x) in cloud.images.row(*i as usize).iter().enumerate() {
                self.coordinates[start + k * PANEL] = *x;
            }
            self.half_norms[panel][place] = cloud.images.half_norms[*i as usize];
            self.half_limits[panel][place] = 0.5 * cloud.reach(*i as usize, list.threshold());
        }
        // Panels by themselves first: near points, whose lists give limits.
        let themselves = (0..answering).map(|p| (p, p));
        let others = (0..answering).flat_map(|p| (p + 1..panels).map(move |q| (p, q)));
        for (p, q) in themselves.chain(others) {
            let panel = |p: usize| Panel {
                coordinates: &self.coordinates[p * PANEL * width..(p + 1) * PANEL * width],
                half_norms: &self.half_norms[p],
                half_limits: &self.half_limits[p],
            };
            simd::near(panel(p), panel(q), &mut self.hits, &mut self.products);
            for &(row, column) in &self.hits {
                let (row, column) = (usize::from(row), usize::from(column));
                let (a, b) = (p * PANEL + row, q * PANEL + column);
                let (i, j) = (members[a].0, members[b].0);
                // A pair once, and not again if it met in another tree.
                let met = members[a].1.holds(j) || members[b].1.holds(i);
                if a >= b || met || !cloud.is_answer(i) {
                    continue;
                }
                let key = cloud.between(i as usize, j as usize);
                for (at, other) in [(a, j), (b, i)] {
                    let (place, list) = &mut members[at];
                    if cloud.is_answer(other) && list.offer(key, other) {
                        self.half_limits[at / PANEL][at % PANEL] =
                            0.5 * cloud.reach(*place as usize, list.threshold());
                    }
                }
            }
        }
    }
}

/// How many members answer.
fn answers<T: Scalar>(cloud: &Cloud<'_, T>, members: &Members<'_, T>) -> usize {
    members.iter().filter(|(i, _)| cloud.is_answer(*i)).count()
}

/// All pairs of a leaf in a metric of which images tell nothing.
fn compare_directly<T: Scalar>(cloud: &Cloud<'_, T>, members: &mut Members<'_, T>) {
    let answers = answers(cloud, members);
    for a in 1..members.len() {
        let (before, from) = members.split_at_mut(a);
        let (i, list) = &mut from[0];
        for (j, other) in before.iter_mut().take(answers) {
            let key = cloud.between(*i as usize, *j as usize);
            list.offer(key, *j);
            if cloud.is_answer(*i) {
                other.offer(key, *i);
            }
        }
    }
}
