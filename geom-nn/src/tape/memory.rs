//! Between tensors and their memory, which dfdx hands out for gradients and optimisers alone.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Storage, Tensor};
use dfdx::tensor_ops::{Device, Momentum, SgdConfig, WeightDecay};

use crate::element::Element;
use crate::error::Error;
use crate::tape::device_error;

const OPERATION: &str = "tape";

/// The entries of a contiguous tensor in memory of their own: the velocity of a step of length zero whose decay is all of the tensor.
pub(crate) fn memory_of<S: Shape, E: Element, D: Device<E>>(
    tensor: &Tensor<S, E, D>,
) -> Result<<D as Storage<E>>::Vec, Error> {
    let take = SgdConfig {
        lr: 0.0,
        momentum: Some(Momentum::Classic(0.0)),
        weight_decay: Some(WeightDecay::L2(1.0)),
    };
    let (device, count) = (tensor.device(), tensor.shape().num_elements());
    let read = || -> Result<_, D::Err> {
        let mut velocity = Storage::<E>::try_alloc_len(device, count)?;
        let nothing = Storage::<E>::try_alloc_len(device, count)?;
        take.try_update(&mut tensor.clone(), &mut velocity, &nothing)?;
        Ok(velocity)
    };
    read().map_err(device_error(OPERATION))
}

/// A tensor whose memory `write` fills: the gradient of a leaf that nobody else knows.
pub(crate) fn tensor_of<S: Shape, E: Element, D: Device<E>>(
    device: &D,
    shape: S,
    write: impl FnOnce(&mut <D as Storage<E>>::Vec) -> Result<(), Error>,
) -> Result<Tensor<S, E, D>, Error> {
    let leaf: Tensor<S, E, D> = device
        .try_zeros_like(&shape)
        .map_err(device_error(OPERATION))?;
    let mut gradients = Gradients::leaky();
    let memory = gradients
        .get_or_alloc_mut(&leaf)
        .map_err(device_error(OPERATION))?;
    write(memory)?;
    Ok(gradients.get(&leaf))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cpu;
    use dfdx::tensor::TensorFromVec;

    #[test]
    fn entries_go_out_and_in_unchanged() -> Result<(), Error> {
        let device = Cpu::default();
        let entries = vec![1.5, f64::INFINITY, -0.3, f64::NAN, 1e300, 0.0];
        let tensor = device.tensor_from_vec(entries.clone(), (2_usize, 3_usize));
        let memory = memory_of(&tensor)?;
        let again = tensor_of(&device, (2_usize, 3_usize), |out| {
            out.copy_from_slice(&memory);
            Ok(())
        })?;
        for found in [&*memory, &again.as_vec(), &tensor.as_vec()] {
            for (f, e) in found.iter().zip(&entries) {
                assert!(f.to_bits() == e.to_bits(), "{f} {e}");
            }
        }
        Ok(())
    }
}
