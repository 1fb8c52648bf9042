//! Products with the Jacobian and its transpose, without the Jacobian, each with its exact gradient.
//!
//! The gradient of $\langle w, J^\top u\rangle = \langle u, J w\rangle$ is that of a directional derivative along $w$ seeded with $u$, so reverse
//! mode is differentiated by a forward pass and its reverse: no second tape.

use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};

use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Network;
use crate::request::{Gradients, Input, Request, Seeds, copy};

/// $J^\top u_k$ of a batch; see [`Network::vjp`].
#[derive(Debug)]
pub struct Vjp<'a, E: Element, D: NetworkDevice<E>> {
    network: &'a Network<E, D>,
    x: Array2<E>,
    u: Vectors<E>,
    products: Array3<E>,
}

/// The vectors $u_k$ of every point.
#[derive(Debug)]
enum Vectors<E> {
    /// (b, m, D).
    Given(Array3<E>),
    /// The unit vectors, the same for every point, (D, D).
    Unit(Array2<E>),
}

impl<E> Vectors<E> {
    /// All vectors of a batch, (b, m, D).
    fn view(&self, batch: usize) -> ArrayView3<'_, E> {
        match self {
            Self::Given(u) => u.view(),
            Self::Unit(unit) => {
                let n = unit.nrows();
                unit.broadcast((batch, n, n))
                    .expect("one matrix for every point")
            }
        }
    }
}

/// $J v_k$ and $J^\top J v_k$ of a batch; see [`Network::gram_products`].
#[derive(Debug)]
pub struct GramProducts<'a, E: Element, D: NetworkDevice<E>> {
    network: &'a Network<E, D>,
    x: Array2<E>,
    v: Array3<E>,
    value: Array2<E>,
    tangents: Array3<E>,
    products: Array3<E>,
}

impl<E: Element, D: NetworkDevice<E>> Network<E, D> {
    /// Products $J^\top u_k$ of the transposed Jacobian with given vectors, by reverse mode.
    ///
    /// # Shapes
    /// `x` (b, d), `u` (b, m, D).
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), with `u` in the place of the directions.
    ///
    /// # Examples
    /// ```
    /// # use geom_nn::{Architecture, Cpu, Initialiser, Network};
    /// # use ndarray::{Array2, Array3};
    /// let encoder = Network::<f64>::new(&Architecture::geomae_encoder(50, 2), Initialiser::PyTorch, 0, &Cpu::default())?;
    /// let x = Array2::from_elem((4, 50), 0.3);
    /// let u = Array3::from_elem((4, 1, 2), 1.0);
    /// let vjp = encoder.vjp(x.view(), u.view())?;
    /// assert_eq!(vjp.products().dim(), (4, 1, 50));
    /// // The gradient of Σ (Jᵀu)² with respect to all weights:
    /// let gradients = vjp.backward(vjp.products().mapv(|w| 2.0 * w).view())?;
    /// assert_eq!(gradients.parameters.len(), encoder.parameter_count());
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn vjp(&self, x: ArrayView2<'_, E>, u: ArrayView3<'_, E>) -> Result<Vjp<'_, E, D>, Error> {
        let products = self.transposed_products(x, u)?;
        Ok(Vjp {
            network: self,
            x: x.to_owned(),
            u: Vectors::Given(u.to_owned()),
            products,
        })
    }

    /// The Jacobian by reverse mode, one sweep for each output: the cheaper way where the output is narrow, as an encoder's.
    ///
    /// [`Vjp::products`] is the Jacobian, (b, D, d), and [`Vjp::backward`] takes its gradient.
    ///
    /// # Shapes
    /// `x` (b, d).
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn reverse_jacobian(&self, x: ArrayView2<'_, E>) -> Result<Vjp<'_, E, D>, Error> {
        let n = self.output_width();
        let plan = &self.model.plan;
        plan.check_result("unit vectors", &[n, n])?;
        let u = Vectors::Unit(Array2::eye(n));
        let products = self.transposed_products(x, u.view(x.nrows()))?;
        Ok(Vjp {
            network: self,
            x: x.to_owned(),
            u,
            products,
        })
    }

    /// $J v_k$ and $J^\top J v_k = G v_k$ for given directions, without the Jacobian.
    ///
    /// With standard normal directions they estimate traces: $\mathbb E\lVert Jv\rVert^2 = \operatorname{Tr} G$ and
    /// $\mathbb E\lVert J^\top J v\rVert^2 = \operatorname{Tr} G^2$ (Hutchinson 1990; used by Lee et al. 2022).
    ///
    /// # Shapes
    /// `x` (b, d), `v` (b, m, d).
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn gram_products(
        &self,
        x: ArrayView2<'_, E>,
        v: ArrayView3<'_, E>,
    ) -> Result<GramProducts<'_, E, D>, Error> {
        let pass = self.evaluate(x, Request::Directions(v))?;
        let tangents = pass.tangents().map(|t| t.to_owned()).unwrap_or_default();
        let value = pass.value().to_owned();
        let products = self.transposed_products(x, tangents.view())?;
        Ok(GramProducts {
            network: self,
            x: x.to_owned(),
            v: v.to_owned(),
            value,
            tangents,
            products,
        })
    }

    /// One forward pass, one reverse pass for each vector.
    fn transposed_products(
        &self,
        x: ArrayView2<'_, E>,
        u: ArrayView3<'_, E>,
    ) -> Result<Array3<E>, Error> {
        const OPERATION: &str = "Network::vjp";
        let input = Input::new(x, Request::Value, self.input_width())?;
        let (batch, m) = (input.batch(), u.dim().1);
        if u.dim() != (batch, m, self.output_width()) {
            let (expected, found) = (vec![batch, m, self.output_width()], u.shape().to_vec());
            return Err(Error::Shape {
                operation: OPERATION,
                argument: "u",
                expected,
                found,
            });
        }
        if m == 0 {
            return Err(Error::Empty {
                operation: OPERATION,
                argument: "u",
            });
        }
        // Reverse mode would give the product with the Jacobian of the whole batch.
        let plan = &self.model.plan;
        plan.check(self.model.mode, &Order::first(1), batch)?;
        plan.check_way_back(&input.order, batch)?;
        plan.check_result("products", &[batch, m, self.input_width()])?;
        let depth = plan.steps.len();
        let fill = |point: usize, out: &mut [E]| input.write(point, out);
        let trace = self
            .device()
            .run(&self.model, depth, batch, input.order.clone(), &fill)?;
        let mut products = Array3::zeros((batch, m, self.input_width()));
        for k in 0..m {
            let seed = |point: usize, out: &mut [E]| copy(u.slice(s![point, k, ..]), out);
            let rows = trace
                .back(self.device(), &self.model, &seed, true, None)?
                .unwrap_or_default();
            products
                .slice_mut(s![.., k, ..])
                .iter_mut()
                .zip(rows)
                .for_each(|(to, from)| *to = from);
        }
        Ok(products)
    }
}

impl<E: Element, D: NetworkDevice<E>> Vjp<'_, E, D> {
    /// $J^\top u_k$, (b, m, d).
    pub fn products(&self) -> ArrayView3<'_, E> {
        self.products.view()
    }

    /// The gradient of a scalar with respect to weights, input and the vectors $u_k$ (as
    /// [`directions`](Gradients::directions)), from its gradient with respect to the products, (b, m, d).
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::MissingDerivative`] from a layer without second derivatives, [`Error::Device`].
    pub fn backward(&self, seed: ArrayView3<'_, E>) -> Result<Gradients<E>, Error> {
        check("Vjp::backward", "seed", self.products.shape(), seed.shape())?;
        let pass = self
            .network
            .evaluate(self.x.view(), Request::Directions(seed))?;
        let mut gradients = pass.backward(Seeds {
            tangents: Some(self.u.view(self.x.nrows())),
            ..Seeds::default()
        })?;
        gradients.directions = pass.tangents().map(|t| t.to_owned());
        Ok(gradients)
    }
}

impl<E: Element, D: NetworkDevice<E>> GramProducts<'_, E, D> {
    /// The network's value, (b, D).
    pub fn value(&self) -> ArrayView2<'_, E> {
        self.value.view()
    }

    /// $J v_k$, (b, m, D).
    pub fn tangents(&self) -> ArrayView3<'_, E> {
        self.tangents.view()
    }

    /// $J^\top J v_k$, (b, m, d).
    pub fn products(&self) -> ArrayView3<'_, E> {
        self.products.view()
    }

    /// The means over the directions of $\lVert J v_k\rVert^2$ and $\lVert J^\top J v_k\rVert^2$, point by point: estimates of
    /// $\operatorname{Tr} G$ and $\operatorname{Tr} G^2$ for standard normal directions.
    pub fn traces(&self) -> (Array1<E>, Array1<E>) {
        (
            mean_square(self.tangents.view()),
            mean_square(self.products.view()),
        )
    }

    /// The gradient of a scalar with respect to weights, input and directions, from its gradients with respect to the value,
    /// $J v_k$ and $J^\top J v_k$.
    ///
    /// # Errors
    /// As [`Vjp::backward`].
    pub fn backward(
        &self,
        value: Option<ArrayView2<'_, E>>,
        tangents: Option<ArrayView3<'_, E>>,
        products: Option<ArrayView3<'_, E>>,
    ) -> Result<Gradients<E>, Error> {
        const OPERATION: &str = "GramProducts::backward";
        if let Some(seed) = tangents {
            check(OPERATION, "tangents", self.tangents.shape(), seed.shape())?;
        }
        let Some(products) = products else {
            let pass = self
                .network
                .evaluate(self.x.view(), Request::Directions(self.v.view()))?;
            return pass.backward(Seeds {
                value,
                tangents,
                ..Seeds::default()
            });
        };
        check(
            OPERATION,
            "products",
            self.products.shape(),
            products.shape(),
        )?;
        // ⟨t̄, JᵀJv⟩ = ⟨J t̄, J v⟩: both factors depend on the network, each seeds the other.
        let m = self.v.dim().1;
        let both = concatenate![Axis(1), self.v.view(), products];
        let pass = self
            .network
            .evaluate(self.x.view(), Request::Directions(both.view()))?;
        let Some(rows) = pass.tangents() else {
            return Err(Error::Empty {
                operation: OPERATION,
                argument: "directions",
            });
        };
        let mut seed = Array3::zeros(rows.dim());
        seed.slice_mut(s![.., ..m, ..])
            .assign(&rows.slice(s![.., m.., ..]));
        seed.slice_mut(s![.., m.., ..])
            .assign(&rows.slice(s![.., ..m, ..]));
        if let Some(tangents) = tangents {
            let mut first = seed.slice_mut(s![.., ..m, ..]);
            first += &tangents;
        }
        let mut gradients = pass.backward(Seeds {
            value,
            tangents: Some(seed.view()),
            ..Seeds::default()
        })?;
        gradients.directions = gradients
            .directions
            .map(|d| d.slice(s![.., ..m, ..]).to_owned());
        Ok(gradients)
    }

    /// As [`backward`](Self::backward), from gradients with respect to the two [`traces`](Self::traces) of every point.
    ///
    /// # Errors
    /// As [`Vjp::backward`].
    pub fn backward_traces(
        &self,
        trace: ndarray::ArrayView1<'_, E>,
        square: ndarray::ArrayView1<'_, E>,
    ) -> Result<Gradients<E>, Error> {
        const OPERATION: &str = "GramProducts::backward_traces";
        check(OPERATION, "trace", &[self.x.nrows()], trace.shape())?;
        check(OPERATION, "square", &[self.x.nrows()], square.shape())?;
        let factor = E::of(2.0 / self.v.dim().1 as f64);
        let scaled = |rows: &Array3<E>, by: ndarray::ArrayView1<'_, E>| {
            let mut rows = rows.clone();
            for (mut point, &by) in rows.outer_iter_mut().zip(by) {
                point.mapv_inplace(|v| v * by * factor);
            }
            rows
        };
        let (tangents, products) = (
            scaled(&self.tangents, trace),
            scaled(&self.products, square),
        );
        self.backward(None, Some(tangents.view()), Some(products.view()))
    }
}

/// The mean over rows of their squared length, point by point, summed in double precision.
fn mean_square<E: Element>(rows: ArrayView3<'_, E>) -> Array1<E> {
    let m = rows.dim().1 as f64;
    rows.outer_iter()
        .map(|point| E::of(point.iter().map(|v| v.wide() * v.wide()).sum::<f64>() / m))
        .collect()
}

fn check(
    operation: &'static str,
    argument: &'static str,
    expected: &[usize],
    found: &[usize],
) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Shape {
        operation,
        argument,
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}
