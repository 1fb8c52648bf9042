//! Functionals of a decoder's pullback metric G, taken from G itself as long as G holds their digits.

use geom_riemann::{Distortion, Evaluation, RankPolicy};
use ndarray::ArrayView3;

use crate::{Scalar, scalar::widen};

/// The functional of given metrics and its gradient for them; `None` where it has to go through J.
///
/// A functional that is singular where G loses rank sees the small eigenvalues of G, whose relative error is κ(G)ε: beyond
/// κ = 1/√ε half the digits are gone. The others look at traces and keep theirs.
pub(super) fn of_metrics<E: Scalar>(
    distortion: Distortion,
    rank: &RankPolicy<E>,
    metrics: ArrayView3<'_, E>,
) -> Option<Evaluation<E>> {
    // What G alone finds wrong (lost rank, a negative eigenvalue) is for J to judge.
    let found = distortion.evaluate_metric(metrics, rank).ok()?;
    let limit = 1.0 / widen(E::epsilon()).sqrt();
    (!distortion.needs_full_rank() || found.worst_condition <= limit).then_some(found)
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;
    use geom_nn::Activation;
    use geom_riemann::{Distortion, RankPolicy};
    use ndarray::{Array2, ArrayView1};

    use crate::{
        Autoencoder, Result, Scalar, box_autoencoder,
        objective::{
            Batch, DecoderDistortion, Evaluation, MeanSquaredError, MixupDistortion, Needs,
            Objective, Step, Term, TermValue,
        },
    };

    /// Asks for the Jacobian and adds nothing, so that all other terms go through it.
    #[derive(Debug)]
    struct Jacobian;

    impl<E: Scalar> Term<E> for Jacobian {
        fn name(&self) -> &'static str {
            "jacobian"
        }

        fn needs(&self) -> Needs {
            Needs::DECODER_JACOBIAN
        }

        fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
            assert!(step.decoder_jacobian().is_some() && step.decoder_metric().is_none());
            Ok(0.0.into())
        }
    }

    fn model<E: Scalar>(data_dim: usize, hidden: &[usize]) -> Autoencoder<E, Cpu>
    where
        Cpu: geom_nn::NetworkDevice<E>,
    {
        let architecture = box_autoencoder(data_dim, hidden, 2, Activation::Elu).unwrap();
        Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap()
    }

    fn points<E: Scalar>(count: usize, dim: usize) -> Array2<E> {
        Array2::from_shape_fn((count, dim), |(i, j)| {
            crate::scalar::narrow((1.3 * i as f64 + 0.7 * j as f64).sin())
        })
    }

    fn evaluate<E: Scalar>(
        objective: &Objective<E>,
        model: &Autoencoder<E, Cpu>,
        x: &Array2<E>,
    ) -> Evaluation<E>
    where
        Cpu: geom_nn::NetworkDevice<E>,
    {
        let rows: Vec<usize> = (0..x.nrows()).collect();
        let (data, rows, seed) = (x.view(), &rows[..], 1);
        objective
            .evaluate(model, &Batch { data, rows, seed })
            .unwrap()
    }

    fn assert_close(what: &str, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) {
        let largest = b.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= 1e-12 * largest, "{what}: {a} {b}");
        }
    }

    const FUNCTIONALS: [Distortion; 4] = [
        Distortion::LogDetVariance,
        Distortion::RelaxedDistortion,
        Distortion::FlatMetric,
        Distortion::LogIsometry,
    ];

    #[test]
    fn metrics_and_jacobians_give_the_same_value_and_gradient() {
        // A narrow last layer under many outputs goes through its Gram matrix, the other reduces J in place.
        for (data_dim, hidden) in [(200, &[20, 9][..]), (6, &[20, 9][..])] {
            let (model, x) = (model::<f64>(data_dim, hidden), points(40, data_dim));
            for distortion in FUNCTIONALS {
                let term = || DecoderDistortion::new(distortion, RankPolicy::Error);
                let objective = || {
                    Objective::new()
                        .with(1.0, MeanSquaredError)
                        .with(0.3, term())
                };
                let through_g = evaluate(&objective(), &model, &x);
                let through_j = evaluate(&objective().with(1.0, Jacobian), &model, &x);
                assert_eq!(through_g.through_jacobian, 0, "{distortion:?}");
                let what = format!("{distortion:?} {data_dim}");
                let (g, j) = (through_g.total(), through_j.total());
                assert!((g - j).abs() <= 1e-12 * j.abs(), "{what}: {g} {j}");
                assert_close(&what, through_g.encoder.view(), through_j.encoder.view());
                assert_close(&what, through_g.decoder.view(), through_j.decoder.view());
            }
        }
    }

    /// Scales what the decoder's first layer reads of the second code, so that κ(G) grows with the square.
    fn squeeze<E: Scalar>(model: &mut Autoencoder<E, Cpu>, factor: f64)
    where
        Cpu: geom_nn::NetworkDevice<E>,
    {
        let (_, decoder) = model.networks_mut();
        for entry in decoder.parameters_mut()[..40].iter_mut().skip(1).step_by(2) {
            *entry *= crate::scalar::narrow(factor);
        }
    }

    #[test]
    fn a_metric_that_has_lost_its_digits_gives_way_to_the_jacobian() {
        let mut model = model::<f32>(200, &[20, 20]);
        squeeze(&mut model, 1e-3);
        let x = points::<f32>(40, 200);
        let rank = RankPolicy::Error;
        let objective = || {
            Objective::new().with(
                1.0,
                DecoderDistortion::new(Distortion::LogDetVariance, rank),
            )
        };
        let found = evaluate(&objective(), &model, &x);
        let through_j = evaluate(&objective().with(1.0, Jacobian), &model, &x);
        assert_eq!(found.through_jacobian, 1);
        assert_eq!(found.total().to_bits(), through_j.total().to_bits());
        // A trace does not see the small eigenvalue; volumes at mixed codes do.
        for (distortion, count) in [
            (Distortion::RelaxedDistortion, 0),
            (Distortion::LogDetVariance, 1),
        ] {
            let term = MixupDistortion::new(distortion, rank, 0.2).unwrap();
            let found = evaluate(&Objective::new().with(1.0, term), &model, &x);
            assert_eq!(found.through_jacobian, count, "{distortion:?}");
        }
    }
}
