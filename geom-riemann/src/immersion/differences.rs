use ndarray::{Array2, ArrayView2};

/// Fourth-order central differences along one axis, for a whole batch at once.
///
/// First derivative: $(f_{-2}-8f_{-1}+8f_1-f_2)/12h$ with $h=\varepsilon^{1/5}\max(1,|z|)$, second with $\varepsilon^{1/6}$;
/// ε (`unit`) is the relative rounding of the values that are differenced.
pub(crate) struct Difference<'a> {
    z: ArrayView2<'a, f64>,
    axis: usize,
    steps: Vec<f64>,
    offsets: &'static [(f64, f64)],
    power: i32,
}

const FIRST: [(f64, f64); 4] = [
    (-2.0, 1.0 / 12.0),
    (-1.0, -2.0 / 3.0),
    (1.0, 2.0 / 3.0),
    (2.0, -1.0 / 12.0),
];
const SECOND: [(f64, f64); 5] = [
    (-2.0, -1.0 / 12.0),
    (-1.0, 4.0 / 3.0),
    (0.0, -2.5),
    (1.0, 4.0 / 3.0),
    (2.0, -1.0 / 12.0),
];

impl<'a> Difference<'a> {
    pub(crate) fn first(z: ArrayView2<'a, f64>, axis: usize, unit: f64) -> Self {
        Self::new(z, axis, unit.powf(0.2), &FIRST, 1)
    }

    pub(crate) fn second(z: ArrayView2<'a, f64>, axis: usize, unit: f64) -> Self {
        Self::new(z, axis, unit.powf(1.0 / 6.0), &SECOND, 2)
    }

    fn new(
        z: ArrayView2<'a, f64>,
        axis: usize,
        step: f64,
        offsets: &'static [(f64, f64)],
        power: i32,
    ) -> Self {
        // A step that is exact in binary makes z ± h exact for moderate z.
        let exact = |x: f64| (step * x.abs().max(1.0)).log2().round().exp2();
        let steps = z.column(axis).iter().map(|x| exact(*x)).collect();
        Self {
            z,
            axis,
            steps,
            offsets,
            power,
        }
    }

    /// Shifted batches with the weight of each point.
    pub(crate) fn stencil(&self) -> impl Iterator<Item = (Array2<f64>, Vec<f64>)> + '_ {
        self.offsets.iter().map(|(offset, weight)| {
            let mut shifted = self.z.to_owned();
            shifted
                .column_mut(self.axis)
                .iter_mut()
                .zip(&self.steps)
                .for_each(|(x, h)| *x += offset * h);
            (
                shifted,
                self.steps
                    .iter()
                    .map(|h| weight / h.powi(self.power))
                    .collect(),
            )
        })
    }
}
