//! The networks as a term sees them: passes over any points, whatever the device.

use std::fmt::Debug;

use geom_nn::{Gradients, NetworkDevice, Pass, Request, Seeds};
use ndarray::{Array1, ArrayView2, ArrayView3};

use crate::{Autoencoder, Result, Scalar};

/// Which network a pass went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Encoder,
    Decoder,
}

/// A finished pass of a network over points that a term chose; [`Step::backward`](super::Step::backward) sends its gradient back.
#[derive(Debug)]
pub struct NetworkPass<'a, E: Scalar> {
    which: Which,
    pass: Box<dyn AnyPass<E> + 'a>,
}

impl<E: Scalar> NetworkPass<'_, E> {
    /// The network's value, (b, outputs).
    pub fn value(&self) -> ArrayView2<'_, E> {
        self.pass.value()
    }

    /// The Jacobian, (b, outputs, inputs), if the whole was asked for.
    pub fn jacobian(&self) -> Option<ArrayView3<'_, E>> {
        self.pass.jacobian()
    }

    /// The directional derivatives $Jv_k$, (b, m, outputs), if any were asked for.
    pub fn tangents(&self) -> Option<ArrayView3<'_, E>> {
        self.pass.tangents()
    }

    /// The second directional derivatives, (b, pairs, outputs), if any were asked for.
    pub fn second_tangents(&self) -> Option<ArrayView3<'_, E>> {
        self.pass.second_tangents()
    }

    /// The pullback metrics, (b, inputs, inputs), if they were asked for.
    pub fn metric(&self) -> Option<ArrayView3<'_, E>> {
        self.pass.metric()
    }

    pub(crate) fn which(&self) -> Which {
        self.which
    }

    pub(crate) fn backward(&self, seeds: &Seeds<'_, E>) -> Result<Gradients<E>> {
        self.pass.backward(seeds)
    }

    pub(crate) fn backward_parameters(&self, seeds: &Seeds<'_, E>) -> Result<Array1<E>> {
        self.pass.backward_parameters(seeds)
    }
}

/// A pass with its device forgotten.
trait AnyPass<E: Scalar>: Debug {
    fn value(&self) -> ArrayView2<'_, E>;
    fn jacobian(&self) -> Option<ArrayView3<'_, E>>;
    fn tangents(&self) -> Option<ArrayView3<'_, E>>;
    fn second_tangents(&self) -> Option<ArrayView3<'_, E>>;
    fn metric(&self) -> Option<ArrayView3<'_, E>>;
    fn backward(&self, seeds: &Seeds<'_, E>) -> Result<Gradients<E>>;
    fn backward_parameters(&self, seeds: &Seeds<'_, E>) -> Result<Array1<E>>;
}

impl<E: Scalar, D: NetworkDevice<E>> AnyPass<E> for Pass<'_, E, D> {
    fn value(&self) -> ArrayView2<'_, E> {
        Pass::value(self)
    }

    fn jacobian(&self) -> Option<ArrayView3<'_, E>> {
        Pass::jacobian(self)
    }

    fn tangents(&self) -> Option<ArrayView3<'_, E>> {
        Pass::tangents(self)
    }

    fn second_tangents(&self) -> Option<ArrayView3<'_, E>> {
        Pass::second_tangents(self)
    }

    fn metric(&self) -> Option<ArrayView3<'_, E>> {
        Pass::metric(self)
    }

    fn backward(&self, seeds: &Seeds<'_, E>) -> Result<Gradients<E>> {
        Ok(Pass::backward(self, *seeds)?)
    }

    fn backward_parameters(&self, seeds: &Seeds<'_, E>) -> Result<Array1<E>> {
        Ok(Pass::backward_parameters(self, *seeds)?)
    }
}

/// Both networks with their device forgotten, so that a [`Step`](super::Step) and the terms need not name it.
pub(crate) trait Networks<E: Scalar>: Debug {
    fn run(
        &self,
        which: Which,
        x: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<NetworkPass<'_, E>>;
}

impl<E: Scalar, D: NetworkDevice<E>> Networks<E> for Autoencoder<E, D> {
    fn run(
        &self,
        which: Which,
        x: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<NetworkPass<'_, E>> {
        let network = match which {
            Which::Encoder => self.encoder(),
            Which::Decoder => self.decoder(),
        };
        Ok(NetworkPass {
            which,
            pass: Box::new(network.evaluate(x, request)?),
        })
    }
}
