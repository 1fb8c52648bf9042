//! Passes that no term looks at do not run, and nothing changes by it.
#![allow(clippy::float_cmp, reason = "the same sums are meant")]

use ndarray::Axis;

use super::{
    Batch, DenoisingError, Objective, ReconstructionContraction, SumSquaredError,
    latent_tests::{ROWS, data, model, with_batch},
};

#[test]
fn a_shared_pass_that_only_a_term_of_no_weight_reads_changes_no_gradient() {
    let model = model(1);
    let lone = || {
        Objective::new()
            .with(1.0, DenoisingError::new(0.1).unwrap())
            .with(0.5, ReconstructionContraction::new(2).unwrap())
    };
    let evaluate = |objective: Objective<f64>| {
        with_batch(3, |batch| objective.evaluate(&model, batch).unwrap())
    };
    let (alone, shared) = (
        evaluate(lone()),
        evaluate(lone().with(0.0, SumSquaredError)),
    );
    assert_eq!(alone.encoder, shared.encoder);
    assert_eq!(alone.decoder, shared.decoder);
    assert_eq!(alone.total(), shared.total());
    assert_eq!(alone.non_finite_row, None);
}

#[test]
fn a_point_that_is_not_finite_is_named_with_and_without_shared_passes() {
    let model = model(1);
    let mut x = data().select(Axis(0), &ROWS);
    x[(4, 1)] = f64::NAN;
    let batch = Batch {
        data: x.view(),
        rows: &ROWS,
        seed: 3,
    };
    let own = Objective::new().with(1.0, DenoisingError::new(0.1).unwrap());
    let shared = Objective::new().with(1.0, SumSquaredError);
    for objective in [own, shared] {
        let found = objective.evaluate(&model, &batch).unwrap();
        assert_eq!(found.non_finite_row, Some(4), "{objective:?}");
        assert!(!found.gradient_norm.is_finite());
    }
}
