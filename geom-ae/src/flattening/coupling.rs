//! A map that can be inverted whatever its weights: affine coupling.

use geom_nn::{Activation, Architecture, Cpu, Initialiser, Network, Request, Seeds};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};

use crate::Result;

/// One coupling: the kept coordinates a set scale and shift of the others c,
/// $$ y_a = x_a, \qquad y_c = x_c \circ e^{\tanh r(x_a)} + t(x_a), \qquad (r, t) = \text{net}(x_a). $$
///
/// Source: Dinh et al. 2017 (Real NVP).
#[derive(Clone, Debug)]
pub(super) struct Coupling {
    pub(super) net: Network<f64>,
    keep: Vec<usize>,
    change: Vec<usize>,
}

/// Points and the derivatives of each with respect to what came in at the very start, (b, d, d): entry \[m, k\] is ∂y_k/∂x_m.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) points: Array2<f64>,
    pub(super) tangents: Array3<f64>,
}

/// The coordinates that the coupling at `place` keeps, and those that it changes.
fn halves(dim: usize, place: usize) -> (Vec<usize>, Vec<usize>) {
    (0..dim).partition(|k| k % 2 == place % 2)
}

impl Coupling {
    /// The coupling at `place` in a chain keeps every other coordinate, even and odd in turn. It starts close to the identity.
    pub(super) fn new(dim: usize, place: usize, hidden: &[usize], seed: u64) -> Result<Self> {
        let (keep, change) = halves(dim, place);
        let widths: Vec<usize> = std::iter::once(keep.len())
            .chain(hidden.iter().copied())
            .chain([2 * change.len()])
            .collect();
        let architecture = Architecture::mlp(&widths, Activation::Tanh, Activation::Linear);
        let mut net = Network::new(&architecture, Initialiser::default(), seed, &Cpu::default())?;
        let last = net
            .named_parameters()
            .iter()
            .rev()
            .take(2)
            .map(|p| p.range.len())
            .sum::<usize>();
        let start = net.parameter_count() - last;
        net.parameters_mut()[start..]
            .iter_mut()
            .for_each(|weight| *weight *= 0.01);
        Ok(Self { net, keep, change })
    }

    /// The coupling at `place` with this network; none where its widths are others.
    pub(super) fn from_network(dim: usize, place: usize, net: Network<f64>) -> Option<Self> {
        let (keep, change) = halves(dim, place);
        let fits = net.input_width() == keep.len() && net.output_width() == 2 * change.len();
        fits.then_some(Self { net, keep, change })
    }

    pub(super) fn forward(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let pass = self
            .net
            .evaluate(x.select(Axis(1), &self.keep).view(), Request::Value)?;
        let (raw, shift) = pass.value().split_at(Axis(1), self.change.len());
        let mut y = x.to_owned();
        for (i, mut row) in y.rows_mut().into_iter().enumerate() {
            for (c, &k) in self.change.iter().enumerate() {
                row[k] = row[k] * raw[[i, c]].tanh().exp() + shift[[i, c]];
            }
        }
        Ok(y)
    }

    pub(super) fn inverse(&self, y: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let pass = self
            .net
            .evaluate(y.select(Axis(1), &self.keep).view(), Request::Value)?;
        let (raw, shift) = pass.value().split_at(Axis(1), self.change.len());
        let mut x = y.to_owned();
        for (i, mut row) in x.rows_mut().into_iter().enumerate() {
            for (c, &k) in self.change.iter().enumerate() {
                row[k] = (row[k] - shift[[i, c]]) * (-raw[[i, c]].tanh()).exp();
            }
        }
        Ok(x)
    }

    /// Points and tangents one coupling further.
    pub(super) fn carry(&self, x: &Carried) -> Result<Carried> {
        let directions = x.tangents.select(Axis(2), &self.keep);
        let pass = self.net.evaluate(
            x.points.select(Axis(1), &self.keep).view(),
            Request::Directions(directions.view()),
        )?;
        let (value, slopes) = (
            pass.value(),
            pass.tangents().expect("directions were asked for"),
        );
        let n = self.change.len();
        let mut y = x.clone();
        for i in 0..x.points.nrows() {
            for (c, &k) in self.change.iter().enumerate() {
                let scale = value[[i, c]].tanh();
                let (factor, bend) = (scale.exp(), 1.0 - scale * scale);
                let before = x.points[[i, k]];
                y.points[[i, k]] = before * factor + value[[i, n + c]];
                for m in 0..x.tangents.dim().1 {
                    y.tangents[[i, m, k]] = x.tangents[[i, m, k]] * factor
                        + before * factor * bend * slopes[[i, m, c]]
                        + slopes[[i, m, n + c]];
                }
            }
        }
        Ok(y)
    }

    /// The gradient for the weights, and for what came in, from that for what went out.
    pub(super) fn carry_back(
        &self,
        x: &Carried,
        gradient: Carried,
    ) -> Result<(Array1<f64>, Carried)> {
        let directions = x.tangents.select(Axis(2), &self.keep);
        let pass = self.net.evaluate(
            x.points.select(Axis(1), &self.keep).view(),
            Request::Directions(directions.view()),
        )?;
        let (value, slopes) = (
            pass.value(),
            pass.tangents().expect("directions were asked for"),
        );
        let (points, n, tangents) = (x.points.nrows(), self.change.len(), x.tangents.dim().1);
        let mut seed = Array2::zeros((points, 2 * n));
        let mut slope_seed = Array3::zeros((points, tangents, 2 * n));
        let mut back = gradient;
        for i in 0..points {
            for (c, &k) in self.change.iter().enumerate() {
                let scale = value[[i, c]].tanh();
                let (factor, bend) = (scale.exp(), 1.0 - scale * scale);
                let before = x.points[[i, k]];
                let g = back.points[[i, k]];
                let (mut for_scale, mut for_bend, mut for_point) =
                    (g * before * factor, 0.0, g * factor);
                for m in 0..tangents {
                    let g = back.tangents[[i, m, k]];
                    let slope = bend * slopes[[i, m, c]];
                    for_point += g * factor * slope;
                    for_scale += g * factor * (x.tangents[[i, m, k]] + before * slope);
                    for_bend += g * before * factor * slopes[[i, m, c]];
                    slope_seed[[i, m, c]] = g * before * factor * bend;
                    slope_seed[[i, m, n + c]] = g;
                    back.tangents[[i, m, k]] = g * factor;
                }
                // d bend / d scale = −2 scale, d scale / d raw = bend.
                seed[[i, c]] = (for_scale - 2.0 * scale * for_bend) * bend;
                seed[[i, n + c]] = g;
                back.points[[i, k]] = for_point;
            }
        }
        let gradients = pass.backward(Seeds {
            value: Some(seed.view()),
            tangents: Some(slope_seed.view()),
            ..Seeds::default()
        })?;
        let directions = gradients.directions.expect("directions were given");
        for (c, &k) in self.keep.iter().enumerate() {
            let mut column = back.points.column_mut(k);
            column += &gradients.input.column(c);
            let mut rows = back.tangents.slice_mut(s![.., .., k]);
            rows += &directions.slice(s![.., .., c]);
        }
        Ok((gradients.parameters, back))
    }
}
