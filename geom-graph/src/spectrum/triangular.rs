//! Solves with a supernodal Cholesky factor, four right-hand sides at once and independent subtrees in parallel.
//!
//! A supernode is a panel of columns with the same rows below. The factor is read once forwards and once backwards for four
//! right-hand sides, which is what such a solve costs. Subtrees of the elimination tree do not touch each other; what they
//! add to the rows above is kept apart and added in a fixed order, so that results do not depend on the number of threads.

#![allow(
    clippy::inline_always,
    reason = "a body takes the instruction set of the function it is inlined into"
)]

use std::ops::Range;

use faer::sparse::linalg::cholesky::supernodal::{SupernodalLltRef, SymbolicSupernodalCholesky};
use rayon::prelude::*;

/// Right-hand sides of one pass.
pub(super) const LANES: usize = 4;
/// A subtree that holds at most this share of the factor is one task.
const SHARE: usize = 16;

type Lanes = [f64; LANES];

struct Panel {
    start: usize,
    size: usize,
    /// Where its rows below the diagonal block stand in `targets`.
    below: Range<usize>,
    /// Where its values start, one column after the other.
    values: usize,
}

/// Panels that only touch their own rows and rows of the top.
struct Task {
    panels: Range<usize>,
    rows: Range<usize>,
    outside: Vec<usize>,
}

/// The factor $L$ in panels.
pub(super) struct Triangular {
    panels: Vec<Panel>,
    /// Rows below the diagonal blocks: in a task counted from its first row, rows outside behind its own.
    targets: Vec<u32>,
    values: Vec<f64>,
    tasks: Vec<Task>,
    top: Vec<usize>,
}

impl Triangular {
    /// `None` for more rows than 32 bits count.
    pub(super) fn new(
        symbolic: &SymbolicSupernodalCholesky<usize>,
        values: Vec<f64>,
    ) -> Option<Self> {
        let n = symbolic.nrows();
        u32::try_from(n.checked_mul(2)?).ok()?;
        let factor = SupernodalLltRef::new(symbolic, &values);
        let count = symbolic.n_supernodes();
        let mut panels = Vec::with_capacity(count);
        let mut rows = Vec::new();
        let mut owner = vec![0; n];
        let mut offset = 0;
        for s in 0..count {
            let node = factor.supernode(s);
            let size = node.val().ncols();
            owner[node.start()..node.start() + size].fill(s);
            let below = rows.len()..rows.len() + node.pattern().len();
            rows.extend_from_slice(node.pattern());
            panels.push(Panel {
                start: node.start(),
                size,
                values: offset,
                below: below.clone(),
            });
            offset += (size + below.len()) * size;
        }
        let (tasks, top) = divide(&panels, &rows, &owner, offset);
        #[allow(clippy::cast_possible_truncation, reason = "2n fits, see above")]
        let mut targets: Vec<u32> = rows.iter().map(|&r| r as u32).collect();
        for task in &tasks {
            for panel in &panels[task.panels.clone()] {
                for target in &mut targets[panel.below.clone()] {
                    let row = *target as usize;
                    let inside = task.rows.contains(&row);
                    let behind = task.rows.len() + task.outside.partition_point(|&o| o < row);
                    let local = if inside {
                        row - task.rows.start
                    } else {
                        behind
                    };
                    #[allow(clippy::cast_possible_truncation, reason = "at most 2n")]
                    let local = local as u32;
                    *target = local;
                }
            }
        }
        Some(Self {
            panels,
            targets,
            values,
            tasks,
            top,
        })
    }

    /// $L^{-\top}L^{-1}x$.
    pub(super) fn solve(&self, x: &mut [Lanes]) {
        let arch = pulp::Arch::new();
        let added: Vec<Vec<Lanes>> = self
            .own_rows(x)
            .into_par_iter()
            .map(|(task, own)| {
                let mut local = own.to_vec();
                local.resize(own.len() + task.outside.len(), [0.0; LANES]);
                let mut sums = Vec::new();
                for panel in &self.panels[task.panels.clone()] {
                    arch.dispatch(
                        #[inline(always)]
                        || self.forward(panel, task.rows.start, &mut local, &mut sums),
                    );
                }
                own.copy_from_slice(&local[..own.len()]);
                local.split_off(own.len())
            })
            .collect();
        for (task, added) in self.tasks.iter().zip(&added) {
            for (&row, added) in task.outside.iter().zip(added) {
                (0..LANES).for_each(|l| x[row][l] += added[l]);
            }
        }
        let mut sums = Vec::new();
        for &s in &self.top {
            arch.dispatch(
                #[inline(always)]
                || self.forward(&self.panels[s], 0, x, &mut sums),
            );
        }
        for &s in self.top.iter().rev() {
            arch.dispatch(
                #[inline(always)]
                || self.backward(&self.panels[s], 0, x, &mut sums),
            );
        }
        let gathered = |task: &Task| task.outside.iter().map(|&row| x[row]).collect::<Vec<_>>();
        let outside: Vec<Vec<Lanes>> = self.tasks.iter().map(gathered).collect();
        let tasks = self.own_rows(x).into_par_iter().zip(outside);
        tasks.for_each(|((task, own), outside)| {
            let mut local = own.to_vec();
            local.extend(outside);
            let mut sums = Vec::new();
            for panel in self.panels[task.panels.clone()].iter().rev() {
                arch.dispatch(
                    #[inline(always)]
                    || self.backward(panel, task.rows.start, &mut local, &mut sums),
                );
            }
            own.copy_from_slice(&local[..own.len()]);
        });
    }

    /// Each task with its own rows.
    fn own_rows<'a>(&'a self, x: &'a mut [Lanes]) -> Vec<(&'a Task, &'a mut [Lanes])> {
        let (mut rest, mut end) = (x, 0);
        let split = self.tasks.iter().map(|task| {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(task.rows.start - end);
            let (own, tail) = tail.split_at_mut(task.rows.len());
            (rest, end) = (tail, task.rows.end);
            (task, own)
        });
        split.collect()
    }

    #[allow(
        clippy::inline_always,
        reason = "takes the instruction set of its caller"
    )]
    #[inline(always)]
    fn forward(&self, panel: &Panel, base: usize, x: &mut [Lanes], sums: &mut Vec<Lanes>) {
        let targets = &self.targets[panel.below.clone()];
        let (size, height) = (panel.size, panel.size + targets.len());
        let values = &self.values[panel.values..panel.values + size * height];
        let own = &mut x[panel.start - base..panel.start - base + size];
        for (j, column) in values.chunks_exact(height).enumerate() {
            let pivot = 1.0 / column[j];
            let y = own[j].map(|v| v * pivot);
            own[j] = y;
            for (x, &l) in own[j + 1..].iter_mut().zip(&column[j + 1..size]) {
                (0..LANES).for_each(|lane| x[lane] -= l * y[lane]);
            }
        }
        if targets.is_empty() {
            return;
        }
        sums.clear();
        sums.resize(targets.len(), [0.0; LANES]);
        let mut blocks = values.chunks_exact(4 * height);
        for (block, y) in blocks.by_ref().zip(own.chunks_exact(4)) {
            let (a, rest) = block.split_at(height);
            let (b, rest) = rest.split_at(height);
            let (c, d) = rest.split_at(height);
            let (a, b, c, d) = (&a[size..], &b[size..], &c[size..], &d[size..]);
            for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                for lane in 0..LANES {
                    sum[lane] +=
                        (a * y[0][lane] + b * y[1][lane]) + (c * y[2][lane] + d * y[3][lane]);
                }
            }
        }
        let rest = blocks.remainder().chunks_exact(height);
        for (column, y) in rest.zip(&own[size - size % 4..]) {
            for (sum, l) in sums.iter_mut().zip(&column[size..]) {
                (0..LANES).for_each(|lane| sum[lane] += l * y[lane]);
            }
        }
        for (&target, sum) in targets.iter().zip(&*sums) {
            let x = &mut x[target as usize];
            (0..LANES).for_each(|lane| x[lane] -= sum[lane]);
        }
    }

    #[allow(
        clippy::inline_always,
        reason = "takes the instruction set of its caller"
    )]
    #[inline(always)]
    fn backward(&self, panel: &Panel, base: usize, x: &mut [Lanes], sums: &mut Vec<Lanes>) {
        let targets = &self.targets[panel.below.clone()];
        let (size, height) = (panel.size, panel.size + targets.len());
        let values = &self.values[panel.values..panel.values + size * height];
        sums.clear();
        sums.extend(targets.iter().map(|&target| x[target as usize]));
        let own = &mut x[panel.start - base..panel.start - base + size];
        let mut blocks = values.chunks_exact(4 * height);
        for (block, own) in blocks.by_ref().zip(own.chunks_exact_mut(4)) {
            let (a, rest) = block.split_at(height);
            let (b, rest) = rest.split_at(height);
            let (c, d) = rest.split_at(height);
            let (a, b, c, d) = (&a[size..], &b[size..], &c[size..], &d[size..]);
            let mut total = [[0.0; LANES]; 4];
            for ((((sum, a), b), c), d) in sums.iter().zip(a).zip(b).zip(c).zip(d) {
                for lane in 0..LANES {
                    total[0][lane] += a * sum[lane];
                    total[1][lane] += b * sum[lane];
                    total[2][lane] += c * sum[lane];
                    total[3][lane] += d * sum[lane];
                }
            }
            for (x, total) in own.iter_mut().zip(total) {
                (0..LANES).for_each(|lane| x[lane] -= total[lane]);
            }
        }
        let rest = blocks.remainder().chunks_exact(height);
        for (column, x) in rest.zip(&mut own[size - size % 4..]) {
            for (sum, l) in sums.iter().zip(&column[size..]) {
                (0..LANES).for_each(|lane| x[lane] -= l * sum[lane]);
            }
        }
        for (j, column) in values.chunks_exact(height).enumerate().rev() {
            let mut y = own[j];
            for (x, &l) in own[j + 1..].iter().zip(&column[j + 1..size]) {
                (0..LANES).for_each(|lane| y[lane] -= l * x[lane]);
            }
            let pivot = 1.0 / column[j];
            own[j] = y.map(|v| v * pivot);
        }
    }
}

/// Tasks of whole subtrees, in order, and the panels above them.
fn divide(
    panels: &[Panel],
    rows: &[usize],
    owner: &[usize],
    total: usize,
) -> (Vec<Task>, Vec<usize>) {
    let limit = total / SHARE;
    let height = |s: usize| panels[s].size + panels[s].below.len();
    let parent = |s: usize| {
        rows.get(panels[s].below.clone())?
            .first()
            .map(|&r| owner[r])
    };
    let mut work: Vec<usize> = (0..panels.len())
        .map(|s| height(s) * panels[s].size)
        .collect();
    let mut count = vec![1_usize; panels.len()];
    let mut first: Vec<usize> = (0..panels.len()).collect();
    for s in 0..panels.len() {
        if let Some(p) = parent(s) {
            work[p] += work[s];
            count[p] += count[s];
            first[p] = first[p].min(first[s]);
        }
    }
    // A subtree can be a task when its panels stand together, as a postorder puts them.
    let small = |s: usize| work[s] <= limit && first[s] + count[s] == s + 1;
    let mut tasks: Vec<(Range<usize>, usize)> = Vec::new();
    let mut top = Vec::new();
    let mut inside = vec![false; panels.len()];
    for s in (0..panels.len()).rev() {
        if inside[s] {
            continue;
        }
        if !small(s) {
            top.push(s);
            continue;
        }
        inside[first[s]..=s].fill(true);
        match tasks.last_mut() {
            Some((range, sum)) if range.start == s + 1 && *sum + work[s] <= limit => {
                range.start = first[s];
                *sum += work[s];
            }
            _ => tasks.push((first[s]..s + 1, work[s])),
        }
    }
    top.reverse();
    tasks.reverse();
    let tasks = tasks.into_iter().map(|(range, _)| {
        let last = &panels[range.end - 1];
        let own = panels[range.start].start..last.start + last.size;
        let below = panels[range.start].below.start..last.below.end;
        let mut outside: Vec<usize> = rows[below]
            .iter()
            .copied()
            .filter(|r| !own.contains(r))
            .collect();
        outside.sort_unstable();
        outside.dedup();
        Task {
            panels: range,
            rows: own,
            outside,
        }
    });
    (tasks.collect(), top)
}
