//! The pullback metric from dfdx's operations around a network's rows on the tape.

use dfdx::shapes::{Axes2, Axes3, Axis, HasShape};
use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, WithEmptyTape};
use dfdx::tensor_ops::{BroadcastTo, Device, PermuteTo, ReshapeTo, TryAdd, TryMatMul};

use super::{block, fresh, rows};
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::metric::Metric;
use crate::network::Model;
use crate::tape::{Batch, Parameters, Parts, Stacked, Taped, device_error};

const OPERATION: &str = "Network::forward_metric";

/// The value, and $G = J^\top H J$ with the whole tape, from a network that runs by `run`.
///
/// Through the Gram matrix of the last layer where that needs fewer multiplications: with the tangents $S$ before that layer,
/// $G = S (W^\top H W) S^\top$, and the Jacobian is never formed.
pub(crate) fn forward<E: Element, D: Device<E>, T: Tape<E, D>>(
    model: &Model<E>,
    theta: &Parameters<E, D>,
    input: Stacked<E, D, T>,
    ambient: Option<&Batch<E, D, NoneTape>>,
    run: impl FnOnce(
        &Model<E>,
        &Parameters<E, D>,
        Stacked<E, D, T>,
        &Order,
    ) -> Result<Taped<E, D, T>, Error>,
) -> Result<Parts<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    let &(batch, stack, _) = input.shape();
    let order = Order::first(stack - 1);
    let (steps, outputs) = (&model.plan.steps, model.plan.output_width());
    let gram = Metric::<E>::is_cheaper_by_gram(&model.plan, batch);
    let depth = steps.len() - usize::from(gram);
    let (stacked, _) = run(&model.up_to(depth), theta, input, &order)?;
    let width = stacked.shape().2;
    let value = rows(stacked.with_empty_tape(), 0..1)?;
    let mut value = value
        .try_reshape_like(&(batch, width))
        .map_err(fail(OPERATION))?;
    let tangents = rows(stacked, 1..stack)?;
    // The matrix between the tangents and themselves; none where it is the identity.
    let mut matrix: Option<Batch<E, D, T>> = ambient.map(dfdx::tensor::Tensor::retaped);
    if let (true, Some(last)) = (gram, steps.last()) {
        let theta = fresh(theta.retaped::<T>())?;
        let bias = block(&theta, &last.bias)?;
        let weight = block(&theta, &last.weight)?;
        let (weight, tape) = weight.split_tape();
        let weight = weight.put_tape(tape.merge(theta.split_tape().1));
        let weight = weight
            .try_reshape_like(&(outputs, width))
            .map_err(fail(OPERATION))?;
        let turned = |weight: Batch<E, D, T>| weight.try_permute::<_, Axes2<1, 0>>();
        let through = || -> Result<_, D::Err> {
            let product = value.try_matmul(turned(weight.with_empty_tape())?)?;
            let bias = bias.try_broadcast_like::<_, Axis<0>>(&(batch, outputs))?;
            product.try_add(bias)
        };
        value = through().map_err(fail(OPERATION))?;
        // Two uses of one tensor in a product would panic in dfdx.
        let own = fresh(weight.with_empty_tape())?;
        let product = || -> Result<_, D::Err> {
            let weighted = match matrix {
                Some(h) => h.try_matmul(own)?,
                None => own,
            };
            turned(weight)?.try_matmul(weighted)
        };
        matrix = Some(product().map_err(fail(OPERATION))?);
    }
    let again = fresh(tangents.with_empty_tape())?;
    let product = || -> Result<_, D::Err> {
        let right = again.try_permute::<_, Axes3<0, 2, 1>>()?;
        let left = match matrix {
            Some(matrix) => {
                let flat = tangents.try_reshape_like(&(batch * (stack - 1), width))?;
                let mixed = flat.try_matmul(matrix)?;
                mixed.try_reshape_like(&(batch, stack - 1, width))?
            }
            None => tangents,
        };
        left.try_matmul(right)
    };
    Ok((value, product().map_err(fail(OPERATION))?))
}
