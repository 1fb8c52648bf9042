//! The pass after a product: bias, activation and tangents at once, and its reverse.
//!
//! With $a$ the row of values before the activation, $\dot a_k$ the first and $\ddot a_{kl}$ the second tangents,
//! $$h = \sigma(a), \quad \dot h_k = \sigma'(a) \dot a_k, \quad \ddot h_{kl} = \sigma''(a) \dot a_k \dot a_l + \sigma'(a) \ddot a_{kl}.$$
//! The forward pass leaves $\sigma'$ in place of $a$, and $\sigma''$, $\sigma'''$ beside it, so that the reverse pass needs no
//! exponential.

use crate::activation::{Curve, with_curve};
use crate::element::Element;
use crate::jet::Order;
use crate::plan::Step;

/// The buffers of one step for one chunk, to be written.
pub(crate) struct Written<'a, E> {
    pub(crate) pre: &'a mut [E],
    pub(crate) post: Option<&'a mut [E]>,
    pub(crate) second: Option<&'a mut [E]>,
    pub(crate) third: Option<&'a mut [E]>,
}

impl<E> Written<'_, E> {
    /// What the step hands to the next one.
    pub(crate) fn output(&self) -> &[E] {
        self.post.as_deref().unwrap_or(self.pre)
    }
}

/// The same buffers, to be read.
pub(crate) struct Saved<'a, E> {
    pub(crate) pre: &'a [E],
    pub(crate) second: Option<&'a [E]>,
    pub(crate) third: Option<&'a [E]>,
}

/// Adds the bias to the value rows and applies the activation to all rows.
pub(crate) fn forward<E: Element>(
    step: &Step,
    bias: &[E],
    order: &Order,
    chunk: &mut Written<'_, E>,
) {
    let (width, stack) = (step.outputs, order.stack());
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            if !bias.is_empty() {
                let span = step.bias_span();
                for point in chunk.pre.chunks_exact_mut(stack * width) {
                    if span == 1 {
                        for (a, &b) in point[..width].iter_mut().zip(bias) {
                            *a += b;
                        }
                    } else {
                        for (pixels, &b) in point[..width].chunks_exact_mut(span).zip(bias) {
                            for a in pixels {
                                *a += b;
                            }
                        }
                    }
                }
            }
            if step.is_curved() {
                with_curve!(step.activation, C => curve_forward::<E, C>(width, order, chunk));
            }
        },
    );
}

#[inline(always)]
fn curve_forward<E: Element, C: Curve>(width: usize, order: &Order, chunk: &mut Written<'_, E>) {
    let size = order.stack() * width;
    let Some(post) = chunk.post.as_deref_mut() else {
        return;
    };
    let mut second = chunk
        .second
        .as_deref_mut()
        .map(|s| s.chunks_exact_mut(width));
    let mut third = chunk
        .third
        .as_deref_mut()
        .map(|s| s.chunks_exact_mut(width));
    for (pre, post) in chunk
        .pre
        .chunks_exact_mut(size)
        .zip(post.chunks_exact_mut(size))
    {
        let (a, tangents) = pre.split_at_mut(width);
        let (h, tangents_out) = post.split_at_mut(width);
        let second = second.as_mut().and_then(Iterator::next);
        let third = third.as_mut().and_then(Iterator::next);
        match (&second, third) {
            (Some(_), Some(t3)) => {
                let s2 = second.unwrap_or_default();
                for (((a, h), s2), s3) in a.iter_mut().zip(h).zip(&mut *s2).zip(t3) {
                    let [value, slope, bend, twist] = C::jet(*a);
                    (*h, *a, *s2, *s3) = (value, slope, bend, twist);
                }
                first_tangents(width, order, a, tangents, tangents_out);
                second_tangents(width, order, a, Some(s2), tangents, tangents_out);
            }
            (Some(_), None) => {
                for ((a, h), s2) in a.iter_mut().zip(h).zip(second.unwrap_or_default()) {
                    let [value, slope, bend, _] = C::jet(*a);
                    (*h, *a, *s2) = (value, slope, bend);
                }
                first_tangents(width, order, a, tangents, tangents_out);
            }
            (None, _) => {
                for (a, h) in a.iter_mut().zip(h) {
                    let [value, slope, ..] = C::jet(*a);
                    (*h, *a) = (value, slope);
                }
                first_tangents(width, order, a, tangents, tangents_out);
                second_tangents(width, order, a, None, tangents, tangents_out);
            }
        }
    }
}

#[inline(always)]
fn first_tangents<E: Element>(
    width: usize,
    order: &Order,
    slope: &[E],
    tangents: &[E],
    out: &mut [E],
) {
    for k in 0..order.tangents {
        let rows = k * width..(k + 1) * width;
        for ((out, &t), &s) in out[rows.clone()].iter_mut().zip(&tangents[rows]).zip(slope) {
            *out = s * t;
        }
    }
}

#[inline(always)]
fn second_tangents<E: Element>(
    width: usize,
    order: &Order,
    slope: &[E],
    bend: Option<&[E]>,
    tangents: &[E],
    out: &mut [E],
) {
    for (p, &(k, l)) in order.pairs.iter().enumerate() {
        let at = (order.tangents + p) * width;
        let out = &mut out[at..at + width];
        let own = &tangents[at..at + width];
        let (first, other) = (
            &tangents[k * width..(k + 1) * width],
            &tangents[l * width..(l + 1) * width],
        );
        for ((out, &t), &s) in out.iter_mut().zip(own).zip(slope) {
            *out = s * t;
        }
        if let Some(bend) = bend {
            for (((out, &b), &t), &u) in out.iter_mut().zip(bend).zip(first).zip(other) {
                *out += b * t * u;
            }
        }
    }
}

/// Turns the cotangents of a step's output rows into those of its rows before the activation, in place.
pub(crate) fn reverse<E: Element>(step: &Step, order: &Order, saved: &Saved<'_, E>, bar: &mut [E]) {
    if step.is_curved() {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || curve_reverse(step.outputs, order, saved, bar),
        );
    }
}

#[inline(always)]
fn curve_reverse<E: Element>(width: usize, order: &Order, saved: &Saved<'_, E>, bar: &mut [E]) {
    let size = order.stack() * width;
    for (i, (pre, bar)) in saved
        .pre
        .chunks_exact(size)
        .zip(bar.chunks_exact_mut(size))
        .enumerate()
    {
        let (slope, tangents) = pre.split_at(width);
        let (value, bars) = bar.split_at_mut(width);
        let second = saved.second.map(|s| &s[i * width..(i + 1) * width]);
        let third = saved.third.map(|s| &s[i * width..(i + 1) * width]);
        for (v, &s) in value.iter_mut().zip(slope) {
            *v *= s;
        }
        for k in 0..order.tangents {
            let rows = k * width..(k + 1) * width;
            let (t, t_bar) = (&tangents[rows.clone()], &mut bars[rows]);
            match second {
                Some(second) => {
                    for ((((v, b), &t), &s2), &s) in
                        value.iter_mut().zip(t_bar).zip(t).zip(second).zip(slope)
                    {
                        *v += s2 * t * *b;
                        *b *= s;
                    }
                }
                None => {
                    for (b, &s) in t_bar.iter_mut().zip(slope) {
                        *b *= s;
                    }
                }
            }
        }
        for (p, &(k, l)) in order.pairs.iter().enumerate() {
            let at = (order.tangents + p) * width;
            if let (Some(second), Some(third)) = (second, third) {
                for j in 0..width {
                    let b = bars[at + j];
                    let (t, u) = (tangents[k * width + j], tangents[l * width + j]);
                    value[j] += b * (third[j] * t * u + second[j] * tangents[at + j]);
                    bars[k * width + j] += b * second[j] * u;
                    bars[l * width + j] += b * second[j] * t;
                }
            }
            for (b, &s) in bars[at..at + width].iter_mut().zip(slope) {
                *b *= s;
            }
        }
    }
}
