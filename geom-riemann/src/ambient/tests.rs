use crate::{AmbientMetric, Distortion, Error, FisherRao, RankPolicy};
use ndarray::{Array2, Array3, array};

fn laws() -> Vec<(AmbientMetric, Array2<f64>)> {
    let fisher = |law| AmbientMetric::fisher_rao(law).unwrap();
    let logits = array![
        [0.3, -1.0, 0.7, 0.1],
        [1.0, 0.2, -0.4, 0.9],
        [0.0, 0.5, 0.5, -2.0]
    ];
    vec![
        (
            fisher(FisherRao::Bernoulli),
            logits.mapv(|x: f64| 1.0 / (1.0 + (-x).exp())),
        ),
        (fisher(FisherRao::BernoulliLogits), logits.clone()),
        (fisher(FisherRao::CategoricalLogits), logits.clone()),
        (fisher(FisherRao::Gaussian), logits.clone()),
        (
            fisher(FisherRao::NegativeBinomial { dispersion: 3.0 }),
            logits.mapv(f64::exp),
        ),
    ]
}

fn jacobians() -> Array3<f64> {
    Array3::from_shape_fn((3, 4, 2), |(i, r, k)| {
        ((i * 11 + r * 5 + k * 3 + 1) as f64).sin() + 0.2 * r as f64
    })
}

#[test]
fn closed_forms_of_fisher_information() {
    let fisher = |law, x: &[f64]| {
        AmbientMetric::fisher_rao(law)
            .unwrap()
            .at(ndarray::ArrayView1::from(x))
            .unwrap()
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} {b}");
    near(fisher(FisherRao::Bernoulli, &[0.25])[[0, 0]], 16.0 / 3.0);
    near(fisher(FisherRao::BernoulliLogits, &[0.0])[[0, 0]], 0.25);
    near(
        fisher(FisherRao::NegativeBinomial { dispersion: 2.0 }, &[2.0])[[0, 0]],
        0.25,
    );
    near(
        fisher(FisherRao::Gaussian, &[5.0, 2.0_f64.ln()])[[0, 0]],
        0.25,
    );
    let h = fisher(FisherRao::CategoricalLogits, &[0.0, 0.0, 0.0]);
    near(h[[0, 0]], 2.0 / 9.0);
    near(h[[0, 1]], -1.0 / 9.0);
    near(h.sum(), 0.0);
}

#[test]
fn gradients_under_every_law_agree_with_differences() {
    let j = jacobians();
    for (law, x) in laws() {
        for distortion in [Distortion::LogDetVariance, Distortion::Isometry] {
            let value = |j: &Array3<f64>, x: &Array2<f64>| {
                let policy = RankPolicy::Error;
                distortion
                    .evaluate_under(j.view(), x.view(), &law, &policy)
                    .unwrap()
                    .jacobian
                    .value
            };
            let ours = distortion
                .evaluate_under(j.view(), x.view(), &law, &RankPolicy::Error)
                .unwrap();
            let h = 1e-5;
            for (index, gradient) in ours.jacobian.gradient.indexed_iter() {
                let (mut up, mut down) = (j.clone(), j.clone());
                up[index] += h;
                down[index] -= h;
                let difference = (value(&up, &x) - value(&down, &x)) / (2.0 * h);
                assert!(
                    (difference - gradient).abs() < 1e-6 * (1.0 + gradient.abs()),
                    "{law:?} {index:?}"
                );
            }
            for (index, gradient) in ours.output_gradient.unwrap().indexed_iter() {
                let (mut up, mut down) = (x.clone(), x.clone());
                up[index] += h;
                down[index] -= h;
                let difference = (value(&j, &up) - value(&j, &down)) / (2.0 * h);
                assert!(
                    (difference - gradient).abs() < 1e-6 * (1.0 + gradient.abs()),
                    "{law:?} {index:?} {difference} {gradient}"
                );
            }
        }
    }
}

#[test]
fn a_field_equal_to_a_constant_gives_the_same() {
    let (j, x) = (jacobians(), Array2::zeros((3, 4)));
    let h = Array2::from_shape_fn((4, 4), |(i, k)| if i == k { 2.0 + i as f64 } else { 0.3 });
    let constant = AmbientMetric::constant(h.view()).unwrap();
    let field = AmbientMetric::field(move |_| h.clone());
    let value = |m: &AmbientMetric| {
        Distortion::LogDetVariance
            .evaluate_under(j.view(), x.view(), m, &RankPolicy::Error)
            .unwrap()
    };
    assert_eq!(
        value(&constant).jacobian.value.to_bits(),
        value(&field).jacobian.value.to_bits()
    );
    assert!(value(&field).output_gradient.is_none());
}

#[test]
fn what_is_no_metric_is_refused_with_point_and_pivot() {
    let bad = array![[1.0, 2.0], [2.0, 1.0]];
    let refused = AmbientMetric::constant(bad.view()).unwrap_err();
    assert!(
        matches!(refused, Error::NotPositiveDefinite { pivot: 1, .. }),
        "{refused}"
    );
    assert!(matches!(
        AmbientMetric::diagonal(array![1.0, -2.0].view()),
        Err(Error::NotPositiveDefinite { pivot: 1, .. })
    ));
    let field = AmbientMetric::field(|x| Array2::from_diag(&array![1.0, x[0]]));
    let x = array![[1.0, 0.0], [-1.0, 0.0]];
    let refused = field
        .whiten(x.view(), Array3::<f64>::ones((2, 2, 1)).view())
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::NotPositiveDefinite {
                point: 1,
                pivot: 1,
                ..
            }
        ),
        "{refused}"
    );
    let refused = AmbientMetric::fisher_rao(FisherRao::Bernoulli)
        .unwrap()
        .whiten(
            array![[0.5, 1.5]].view(),
            Array3::<f64>::ones((1, 2, 1)).view(),
        );
    assert!(matches!(refused, Err(Error::Domain { point: 0, .. })));
    assert!(AmbientMetric::fisher_rao(FisherRao::NegativeBinomial { dispersion: 0.0 }).is_err());
    assert!(AmbientMetric::constant(Array2::<f64>::zeros((0, 0)).view()).is_err());
}
