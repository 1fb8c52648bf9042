//! Layer normalisation of a point's rows, up to second tangents, and its reverse.
//!
//! With $c$ the centred row of the value, $\dot c_k$ and $\ddot c_{kl}$ those of the tangents, $n$ entries wide, and
//! $v = c\cdot c/n$, $s = (v + \epsilon)^{-1/2}$:
//! $$a_k = \tfrac2n c\cdot\dot c_k, \quad b_{kl} = \tfrac2n(c\cdot\ddot c_{kl} + \dot c_k\cdot\dot c_l), \quad
//! \dot s_k = -\tfrac12 s^3 a_k, \quad \ddot s_{kl} = \tfrac34 s^5 a_k a_l - \tfrac12 s^3 b_{kl},$$
//! $$u = s c, \quad \dot u_k = s\dot c_k + \dot s_k c, \quad
//! \ddot u_{kl} = s\ddot c_{kl} + \dot s_k\dot c_l + \dot s_l\dot c_k + \ddot s_{kl} c.$$
//! Scalars are kept in double precision.

use crate::element::Element;
use crate::jet::Order;

/// A point's rows, centred, and the scalars that follow from them.
pub(crate) struct Point<'o, E> {
    order: &'o Order,
    width: usize,
    /// All rows, each minus its mean.
    centred: Vec<E>,
    s: f64,
    a: Vec<f64>,
    b: Vec<f64>,
    s_first: Vec<f64>,
    s_second: Vec<f64>,
}

impl<'o, E: Element> Point<'o, E> {
    pub(crate) fn new(order: &'o Order, width: usize, epsilon: f64, rows: &[E]) -> Self {
        let mut centred = rows.to_vec();
        centred.chunks_exact_mut(width).for_each(centre);
        let row = |i: usize| &centred[i * width..(i + 1) * width];
        let (n, m) = (width as f64, order.tangents);
        let s = 1.0 / (dot(row(0), row(0)) / n + epsilon).sqrt();
        let a: Vec<f64> = (0..m).map(|k| 2.0 / n * dot(row(0), row(1 + k))).collect();
        let b: Vec<f64> = order
            .pairs
            .iter()
            .enumerate()
            .map(|(p, &(k, l))| {
                2.0 / n * (dot(row(0), row(1 + m + p)) + dot(row(1 + k), row(1 + l)))
            })
            .collect();
        let s_first = a.iter().map(|a| -0.5 * s.powi(3) * a).collect();
        let s_second = order
            .pairs
            .iter()
            .zip(&b)
            .map(|(&(k, l), b)| 0.75 * s.powi(5) * a[k] * a[l] - 0.5 * s.powi(3) * b)
            .collect();
        Self {
            order,
            width,
            centred,
            s,
            a,
            b,
            s_first,
            s_second,
        }
    }

    fn row(&self, i: usize) -> &[E] {
        &self.centred[i * self.width..(i + 1) * self.width]
    }

    /// Writes $u$, $\dot u$, $\ddot u$.
    pub(crate) fn normalised(&self, out: &mut [E]) {
        let m = self.order.tangents;
        out.fill(E::zero());
        for (i, out) in out.chunks_exact_mut(self.width).enumerate() {
            add(out, self.s, self.row(i));
            if let Some(k) = i.checked_sub(1).filter(|&k| k < m) {
                add(out, self.s_first[k], self.row(0));
            } else if let Some(p) = i.checked_sub(1 + m) {
                let (k, l) = self.order.pairs[p];
                add(out, self.s_first[k], self.row(1 + l));
                add(out, self.s_first[l], self.row(1 + k));
                add(out, self.s_second[p], self.row(0));
            }
        }
    }

    /// The cotangents of the point's rows from those of the normalised ones.
    pub(crate) fn back(&self, bar: &[E], out: &mut [E]) {
        let (width, m) = (self.width, self.order.tangents);
        let bar = |i: usize| &bar[i * width..(i + 1) * width];
        let at = |i: usize| i * width..(i + 1) * width;
        out.fill(E::zero());
        let mut s_bar = 0.0;
        let (mut first_bar, mut a_bar) = (vec![0.0; m], vec![0.0; m]);
        for i in 0..self.order.stack() {
            add(&mut out[at(i)], self.s, bar(i));
            s_bar += dot(bar(i), self.row(i));
        }
        for (k, first_bar) in first_bar.iter_mut().enumerate() {
            add(&mut out[at(0)], self.s_first[k], bar(1 + k));
            *first_bar = dot(bar(1 + k), self.row(0));
        }
        // Through the scalars: first those of the pairs, which depend on all others.
        let s = self.s;
        let two = 2.0 / width as f64;
        for (p, &(k, l)) in self.order.pairs.iter().enumerate() {
            let own = 1 + m + p;
            add(&mut out[at(0)], self.s_second[p], bar(own));
            add(&mut out[at(1 + k)], self.s_first[l], bar(own));
            add(&mut out[at(1 + l)], self.s_first[k], bar(own));
            first_bar[k] += dot(bar(own), self.row(1 + l));
            first_bar[l] += dot(bar(own), self.row(1 + k));
            let second_bar = dot(bar(own), self.row(0));
            s_bar += second_bar
                * (3.75 * s.powi(4) * self.a[k] * self.a[l] - 1.5 * s.powi(2) * self.b[p]);
            a_bar[k] += second_bar * 0.75 * s.powi(5) * self.a[l];
            a_bar[l] += second_bar * 0.75 * s.powi(5) * self.a[k];
            let b_bar = -0.5 * s.powi(3) * second_bar;
            add(&mut out[at(0)], two * b_bar, self.row(own));
            add(&mut out[at(own)], two * b_bar, self.row(0));
            add(&mut out[at(1 + k)], two * b_bar, self.row(1 + l));
            add(&mut out[at(1 + l)], two * b_bar, self.row(1 + k));
        }
        for k in 0..m {
            s_bar -= 1.5 * s.powi(2) * self.a[k] * first_bar[k];
            a_bar[k] -= 0.5 * s.powi(3) * first_bar[k];
            add(&mut out[at(0)], two * a_bar[k], self.row(1 + k));
            add(&mut out[at(1 + k)], two * a_bar[k], self.row(0));
        }
        add(&mut out[at(0)], -two * 0.5 * s.powi(3) * s_bar, self.row(0));
        out.chunks_exact_mut(width).for_each(centre);
    }
}

/// Takes the mean off a row.
fn centre<E: Element>(row: &mut [E]) {
    let mean = E::of(row.iter().map(|v| v.wide()).sum::<f64>() / row.len() as f64);
    for v in row {
        *v -= mean;
    }
}

fn add<E: Element>(out: &mut [E], factor: f64, row: &[E]) {
    let factor = E::of(factor);
    out.iter_mut().zip(row).for_each(|(o, &v)| *o += factor * v);
}

fn dot<E: Element>(a: &[E], b: &[E]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.wide() * b.wide()).sum()
}
