//! A network as an immersion, so that curvature, geodesics and indicatrices run on a trained decoder.

use geom_nn::{Network, NetworkDevice, Request};
use geom_riemann::Immersion;
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};

use crate::Scalar;

/// A network $g : \mathbb R^d \to \mathbb R^D$ as an [`Immersion`] of geom-riemann, with exact first and second derivatives.
///
/// A decoder with kinks (ReLU) has a locally constant Jacobian: its second derivatives are zero between the kinks, and
/// curvature says nothing there.
///
/// # Errors
/// Its methods give `geom_riemann::Error::External` with geom-nn's own error inside: points of another width, a layer
/// without a second derivative.
///
/// # Examples
/// ```
/// use geom_ae::NetworkChart;
/// use geom_nn::{Activation, Architecture, Cpu, Initialiser, Network};
/// use geom_riemann::{GeodesicOptions, Pullback, connect};
///
/// let decoder = Architecture::mlp(&[2, 16, 5], Activation::Tanh, Activation::Linear);
/// let decoder = Network::<f64>::new(&decoder, Initialiser::default(), 1, &Cpu::default())?;
/// let metric = Pullback::of(NetworkChart(&decoder));
/// let way = connect(&metric, &[-1.0, 0.0], &[1.0, 0.5], &GeodesicOptions::default())?;
/// // No longer than the straight line of codes, no shorter than the straight line of outputs.
/// let ends = decoder.evaluate(ndarray::array![[-1.0, 0.0], [1.0, 0.5]].view(), geom_nn::Request::Value)?;
/// let chord = (&ends.value().row(0) - &ends.value().row(1)).mapv(|v| v * v).sum().sqrt();
/// assert!(way.length >= chord);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NetworkChart<'a, E: Scalar, D: NetworkDevice<E>>(
    /// The network.
    pub &'a Network<E, D>,
);

impl<E: Scalar, D: NetworkDevice<E>> Immersion for NetworkChart<'_, E, D> {
    type Scalar = E;

    fn dimension(&self) -> usize {
        self.0.input_width()
    }

    fn ambient_dimension(&self) -> usize {
        self.0.output_width()
    }

    fn value(&self, z: ArrayView2<'_, E>) -> geom_riemann::Result<Array2<E>> {
        let pass = self
            .0
            .evaluate(z, Request::Value)
            .map_err(external("value"))?;
        Ok(pass.value().to_owned())
    }

    fn jacobian(&self, z: ArrayView2<'_, E>) -> geom_riemann::Result<Array3<E>> {
        let pass = self
            .0
            .evaluate(z, Request::Jacobian)
            .map_err(external("jacobian"))?;
        let jacobian = pass.jacobian().expect("a Jacobian was requested");
        Ok(jacobian.to_owned())
    }

    fn second_derivative(&self, z: ArrayView2<'_, E>) -> geom_riemann::Result<Option<Array4<E>>> {
        let pass = self
            .0
            .evaluate(z, Request::Hessian)
            .map_err(external("second_derivative"))?;
        let second = pass
            .second_tangents()
            .expect("second derivatives were requested");
        let d = self.dimension();
        let mut hessian = Array4::zeros((z.nrows(), self.ambient_dimension(), d, d));
        for (&(k, l), column) in pass.pairs().iter().zip(second.axis_iter(Axis(1))) {
            hessian.slice_mut(ndarray::s![.., .., k, l]).assign(&column);
            hessian.slice_mut(ndarray::s![.., .., l, k]).assign(&column);
        }
        Ok(Some(hessian))
    }

    fn directional_second_derivative(
        &self,
        z: ArrayView2<'_, E>,
        v: ArrayView2<'_, E>,
    ) -> geom_riemann::Result<Option<Array2<E>>> {
        let request = Request::SecondOrder {
            directions: v.insert_axis(Axis(1)),
            pairs: &[(0, 0)],
        };
        let pass = self
            .0
            .evaluate(z, request)
            .map_err(external("directional_second_derivative"))?;
        let second = pass
            .second_tangents()
            .expect("second derivatives were requested");
        Ok(Some(second.index_axis(Axis(1), 0).to_owned()))
    }
}

fn external(operation: &'static str) -> impl Fn(geom_nn::Error) -> geom_riemann::Error {
    move |source| geom_riemann::Error::External {
        operation,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use geom_nn::{Activation, Architecture, Cpu, Initialiser, Network};
    use geom_riemann::Immersion;
    use ndarray::{Array2, Axis, array};

    use super::NetworkChart;

    fn network(activation: Activation) -> Network<f64, Cpu> {
        let net = Architecture::mlp(&[3, 12, 7], activation, Activation::Tanh);
        Network::new(&net, Initialiser::default(), 3, &Cpu::default()).unwrap()
    }

    #[test]
    fn derivatives_are_those_of_the_values() {
        const H: f64 = 1e-5;
        let net = network(Activation::Softplus);
        let chart = NetworkChart(&net);
        let z = array![[0.3, -0.2, 0.9], [1.1, 0.4, -0.7]];
        let (jacobian, hessian) = (
            chart.jacobian(z.view()).unwrap(),
            chart.second_derivative(z.view()).unwrap().unwrap(),
        );
        for k in 0..3 {
            let shifted = |h: f64| {
                let mut z = z.clone();
                z.column_mut(k).mapv_inplace(|v| v + h);
                (
                    chart.value(z.view()).unwrap(),
                    chart.jacobian(z.view()).unwrap(),
                )
            };
            let ((value_up, jacobian_up), (value_down, jacobian_down)) = (shifted(H), shifted(-H));
            let first = (value_up - value_down) / (2.0 * H);
            let second = (jacobian_up - jacobian_down) / (2.0 * H);
            assert!(
                (first - jacobian.index_axis(Axis(2), k))
                    .iter()
                    .all(|d| d.abs() < 1e-9)
            );
            assert!(
                (second - hessian.index_axis(Axis(3), k))
                    .iter()
                    .all(|d| d.abs() < 1e-9)
            );
        }
    }

    #[test]
    fn the_directional_derivative_is_the_form_on_the_diagonal() {
        let net = network(Activation::Silu);
        let chart = NetworkChart(&net);
        let z = array![[0.3, -0.2, 0.9]];
        let v = array![[0.5, 2.0, -1.0]];
        let along = chart
            .directional_second_derivative(z.view(), v.view())
            .unwrap()
            .unwrap();
        let hessian = chart.second_derivative(z.view()).unwrap().unwrap();
        let form = Array2::from_shape_fn((1, 7), |(_, i)| {
            let entry = |k: usize, l: usize| hessian[[0, i, k, l]] * v[[0, k]] * v[[0, l]];
            (0..9).map(|kl| entry(kl / 3, kl % 3)).sum::<f64>()
        });
        assert!((along - form).iter().all(|d| d.abs() < 1e-12));
    }

    #[test]
    fn points_of_another_width_are_refused() {
        let net = network(Activation::Elu);
        let error = NetworkChart(&net)
            .value(array![[0.0, 0.0]].view())
            .unwrap_err();
        assert!(
            matches!(error, geom_riemann::Error::External { .. }),
            "{error}"
        );
    }
}
