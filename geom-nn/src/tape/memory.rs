//! Between tensors and their memory, which dfdx hands out for gradients and optimisers alone.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, Gradients, Storage, Tensor};
use dfdx::tensor_ops::{AdamConfig, Device, Momentum, SgdConfig, WeightDecay};

use crate::element::Element;
use crate::error::Error;
use crate::optimiser::{self, Adam};
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
        if count == 0 {
            // A GPU refuses to run over nothing.
            return Ok(velocity);
        }
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

/// The entries of a contiguous tensor on the CPU, in one copy; dfdx's `as_vec` there goes entry by entry.
pub(crate) fn entries_of<S: Shape, E: Element, T>(tensor: &Tensor<S, E, Cpu, T>) -> Vec<E> {
    let mut entries = vec![E::zero(); tensor.shape().num_elements()];
    tensor.copy_into(&mut entries);
    entries
}

/// A copy of memory as a tensor.
pub(crate) fn tensor_from<E: Element, D: Device<E>>(
    device: &D,
    entries: &<D as Storage<E>>::Vec,
) -> Result<Tensor<(usize,), E, D>, Error> {
    tensor_of(device, (Storage::<E>::len(device, entries),), |memory| {
        memory.clone_from(entries);
        Ok(())
    })
}

/// `sum += term`: a step of length -1.
pub(crate) fn accumulate<E: Element, D: Device<E>>(
    device: &D,
    sum: &mut <D as Storage<E>>::Vec,
    term: &<D as Storage<E>>::Vec,
) -> Result<(), Error> {
    let back = SgdConfig {
        lr: -1.0,
        momentum: None,
        weight_decay: None,
    };
    let count = Storage::<E>::len(device, term);
    if count == 0 {
        return Ok(());
    }
    let mut tensor = tensor_from(device, sum)?;
    let mut unused = Storage::<E>::try_alloc_len(device, count).map_err(device_error(OPERATION))?;
    back.try_update(&mut tensor, &mut unused, term)
        .map_err(device_error(OPERATION))?;
    *sum = memory_of(&tensor)?;
    Ok(())
}

/// One step of Adam; whether the gradient was finite, else nothing is changed.
pub(crate) fn adam<E: Element, D: Device<E>>(
    device: &D,
    adam: &Adam,
    step: u64,
    [parameters, mean, square]: [&mut <D as Storage<E>>::Vec; 3],
    gradient: &<D as Storage<E>>::Vec,
) -> Result<bool, Error> {
    if !optimiser::is_finite(&tensor_from(device, gradient)?.as_vec()) {
        return Ok(false);
    }
    let config = AdamConfig {
        lr: adam.learning_rate,
        betas: [adam.beta1, adam.beta2],
        eps: adam.epsilon,
        weight_decay: match adam.weight_decay {
            optimiser::WeightDecay::None => None,
            optimiser::WeightDecay::Coupled(w) => Some(WeightDecay::L2(w)),
            optimiser::WeightDecay::Decoupled(w) => Some(WeightDecay::Decoupled(w)),
        },
    };
    let mut tensor = tensor_from(device, parameters)?;
    // The memory of the mean is long gone when the count of steps no longer fits.
    let step = i32::try_from(step).unwrap_or(i32::MAX);
    config
        .try_update(step, &mut tensor, mean, square, gradient)
        .map_err(device_error(OPERATION))?;
    *parameters = memory_of(&tensor)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkDevice;
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

    #[test]
    fn composed_sums_and_steps_agree_with_the_kernels() -> Result<(), Error> {
        let device = Cpu::default();
        let wave = |phase: f64| -> Result<_, Error> {
            let entries: Vec<f64> = (0..40)
                .map(|i| (f64::from(i) * 0.7 + phase).sin())
                .collect();
            memory_of(&device.tensor_from_vec(entries, (40_usize,)))
        };
        let (mut sum, mut same) = (wave(0.1)?, wave(0.1)?);
        accumulate(&device, &mut sum, &wave(2.0)?)?;
        crate::NetworkDevice::<f64>::accumulate(&device, &mut same, &wave(2.0)?)?;
        assert_eq!(*sum, *same);
        for weight_decay in [
            optimiser::WeightDecay::None,
            optimiser::WeightDecay::Coupled(0.1),
            optimiser::WeightDecay::Decoupled(0.1),
        ] {
            let rule = Adam {
                weight_decay,
                ..Adam::default()
            };
            let start = || -> Result<_, Error> { Ok([wave(0.3)?, wave(1.0)?, wave(4.0)?]) };
            let ([mut a, mut b, mut c], [mut p, mut q, mut r]) = (start()?, start()?);
            c.iter_mut().for_each(|v| *v = v.abs());
            r.iter_mut().for_each(|v| *v = v.abs());
            for step in 1..4 {
                let gradient = wave(step as f64)?;
                assert!(adam(
                    &device,
                    &rule,
                    step,
                    [&mut a, &mut b, &mut c],
                    &gradient
                )?);
                device.adam(&rule, step, [&mut p, &mut q, &mut r], &gradient)?;
            }
            for (found, expected) in [(&a, &p), (&b, &q), (&c, &r)] {
                for (f, e) in found.iter().zip(expected.iter()) {
                    assert!((f - e).abs() < 1e-14, "{weight_decay:?}: {f} {e}");
                }
            }
            let mut gradient = wave(0.0)?;
            gradient[7] = f64::NAN;
            let before = a.clone();
            assert!(!adam(
                &device,
                &rule,
                4,
                [&mut a, &mut b, &mut c],
                &gradient
            )?);
            assert_eq!(*a, *before);
        }
        Ok(())
    }
}
