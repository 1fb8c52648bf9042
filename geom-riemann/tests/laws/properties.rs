//! Random shapes and numbers: no panic, and the laws that hold for all of them.

use geom_riemann::diagnostics::{HullGrid, Indicatrices, LogDetField, convex_hull};
use geom_riemann::{
    AmbientMetric, Curvature, Distortion, FlowOptions, GeodesicOptions, JacobianSpectra, Mixup,
    ProbedDistortion, RankPolicy, SecondFundamentalForm, christoffel, condition_numbers, connect,
    exponential, gaussian_probes, inverse_metric, log_det_metric, pullback_metric, singular_values,
    variation_of_metric, volume_elements,
};
use ndarray::{Array2, Array3};
use proptest::prelude::*;

const ALL: [Distortion; 11] = [
    Distortion::LogDetVariance,
    Distortion::RelaxedDistortion,
    Distortion::Isometry,
    Distortion::FlatMetric,
    Distortion::Dirichlet,
    Distortion::Contractive,
    Distortion::SymmetricDirichlet,
    Distortion::LogIsometry,
    Distortion::Conformal,
    Distortion::VolumePreservation,
    Distortion::BiLipschitz {
        lower: 0.5,
        upper: 2.0,
    },
];

fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -3.0..3.0f64,
        1 => Just(0.0),
        1 => (-300.0..300.0f64).prop_map(|e| 10f64.powf(e)),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX), Just(f64::MIN_POSITIVE)],
    ]
}

fn batches() -> impl Strategy<Value = Array3<f64>> {
    (0usize..4, 0usize..6, 0usize..6).prop_flat_map(|(b, rows, d)| {
        proptest::collection::vec(numbers(), b * rows * d)
            .prop_map(move |data| Array3::from_shape_vec((b, rows, d), data).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(j in batches(), relative in -0.5..1.5f64) {
        let single = j.mapv(<f32 as geom_riemann::Scalar>::narrow);
        for policy in [RankPolicy::Error, RankPolicy::Floor { relative }] {
            for distortion in ALL {
                if let Ok(loss) = distortion.evaluate(j.view(), &policy) {
                    prop_assert!(loss.gradient.iter().all(|g| g.is_finite()));
                }
                let _ = distortion.evaluate_metric(j.view(), &policy);
            }
            let _ = Distortion::LogDetVariance.evaluate(single.view(), &RankPolicy::Floor { relative: <f32 as geom_riemann::Scalar>::narrow(relative) });
        }
        let (b, rows, d) = j.dim();
        let _ = (pullback_metric(j.view()), singular_values(j.view()), log_det_metric(single.view()));
        let _ = (condition_numbers(j.view()), inverse_metric(j.view()), volume_elements(single.view()));
        let _ = (variation_of_metric(j.view()), LogDetField::of(j.view(), 0.9));
        let x = Array2::zeros((b, rows));
        let weights = ndarray::Array1::from_elem(rows, 2.0);
        if let Ok(h) = AmbientMetric::diagonal(weights.view()) {
            let _ = Distortion::Isometry.evaluate_under(j.view(), x.view(), &h, &RankPolicy::Error);
        }
        let probes = gaussian_probes(b, 2, d, 1);
        let _ = ProbedDistortion::RelaxedDistortion.evaluate(j.view(), probes.view());
        let _ = Mixup::new(x.view(), 0.2, 1);
        let points = Array2::from_shape_fn((b, 2), |(i, k)| (i * 2 + k) as f64);
        let _ = Indicatrices::at(points.view(), j.view(), 1.0);
        if let Some(first) = j.outer_iter().next() {
            let _ = (convex_hull(first), HullGrid::within(first, 5));
        }
    }

    #[test]
    fn singular_values_reproduce_the_metric(
        (rows, d) in (1usize..7).prop_flat_map(|d| (d..12, Just(d))),
        seed in 0u64..1000,
    ) {
        let j = gaussian_probes::<f64>(3, rows, d, seed);
        let spectra = JacobianSpectra::of(j.view()).unwrap();
        let g = pullback_metric(j.view()).unwrap();
        for i in 0..3 {
            let v = spectra.right_vectors().index_axis_move(ndarray::Axis(0), i).to_owned();
            let orthogonal = v.dot(&v.t());
            prop_assert!((&orthogonal - &Array2::<f64>::eye(d)).iter().all(|e| e.abs() < 1e-12));
            let squares = Array2::from_diag(&spectra.singular_values().row(i).mapv(|s| s * s));
            let rebuilt = v.t().dot(&squares).dot(&v);
            let error = &rebuilt - &g.index_axis(ndarray::Axis(0), i);
            let scale = spectra.singular_values()[[i, 0]].powi(2);
            prop_assert!(error.iter().all(|e| e.abs() < 1e-12 * scale));
            let sum: f64 = spectra.singular_values().row(i).iter().map(|s| s.ln()).sum();
            prop_assert!((sum - spectra.log_volumes()[i]).abs() < 1e-10);
        }
    }

    #[test]
    fn functionals_do_not_see_rotations_of_the_output(seed in 0u64..1000, angle in 0.0..6.0f64) {
        let j = gaussian_probes::<f64>(5, 4, 2, seed);
        let mut turned = j.clone();
        let (s, c) = angle.sin_cos();
        for mut block in turned.outer_iter_mut() {
            let (a, b) = (block.row(0).to_owned(), block.row(2).to_owned());
            block.row_mut(0).assign(&(c * &a - s * &b));
            block.row_mut(2).assign(&(s * &a + c * &b));
        }
        for distortion in ALL {
            let value = |j: &Array3<f64>| distortion.evaluate(j.view(), &RankPolicy::Error).unwrap().value;
            let (plain, turned) = (value(&j), value(&turned));
            prop_assert!((plain - turned).abs() <= 1e-9 * plain.abs().max(1.0), "{distortion:?} {plain} {turned}");
        }
    }
}

#[test]
fn hull_and_grid_of_degenerate_embeddings() {
    let line = Array2::from_shape_fn((7, 2), |(i, _)| i as f64);
    assert_eq!(convex_hull(line.view()).unwrap(), [[0.0, 0.0], [6.0, 6.0]]);
    assert!(HullGrid::within(line.view(), 4).unwrap().points.is_empty());
    let dot = Array2::<f64>::ones((5, 2));
    assert_eq!(convex_hull(dot.view()).unwrap().len(), 1);
    assert!(HullGrid::within(dot.view(), 4).is_err());
    assert!(HullGrid::within(line.view(), 0).is_err());
    // The disc: a grid of area π r² / h² points, symmetric.
    let disc = Array2::from_shape_fn((400, 2), |(i, k)| {
        let angle = std::f64::consts::TAU * i as f64 / 400.0;
        if k == 0 { angle.cos() } else { angle.sin() }
    });
    let grid = HullGrid::within(disc.view(), 40).unwrap();
    let expected = std::f64::consts::PI / grid.spacing.powi(2);
    assert!((grid.points.len() as f64 - expected).abs() < 0.02 * expected);
    assert!(grid.points.iter().all(|p| p[0].hypot(p[1]) <= 1.0));
}

#[test]
fn glyphs_are_unit_circles_of_the_metric_and_scale_free() {
    let z = Array2::from_shape_fn((6, 2), |(i, k)| (i * 2 + k) as f64);
    let mut j = gaussian_probes::<f64>(6, 5, 2, 9);
    let figure = Indicatrices::at(z.view(), j.view(), 0.5).unwrap();
    let g = pullback_metric(j.view()).unwrap();
    for glyph in &figure.glyphs {
        let g = g.index_axis(ndarray::Axis(0), glyph.point);
        for corner in glyph.polygon(40) {
            let v = ndarray::arr1(&[corner[0] - glyph.centre[0], corner[1] - glyph.centre[1]])
                / figure.scale;
            assert!((v.dot(&g.dot(&v)) - 1.0).abs() < 1e-12);
        }
    }
    // Units of the data do not matter.
    j.mapv_inplace(|x| 1000.0 * x);
    let other = Indicatrices::at(z.view(), j.view(), 0.5).unwrap();
    for (a, b) in figure.glyphs.iter().zip(&other.glyphs) {
        assert!(
            (a.semi_axes[0] - b.semi_axes[0]).abs() < 1e-12 && (a.angle - b.angle).abs() < 1e-12
        );
    }
    // A collapsed point is reported, not drawn.
    j.index_axis_mut(ndarray::Axis(0), 2).fill(0.0);
    let collapsed = Indicatrices::at(z.view(), j.view(), 0.5).unwrap();
    assert_eq!(
        (collapsed.lost.clone(), collapsed.glyphs.len()),
        (vec![2], 5)
    );
    let text = serde_json::to_string(&collapsed).unwrap();
    assert_eq!(
        serde_json::from_str::<Indicatrices>(&text).unwrap().lost,
        [2]
    );
    assert!(Indicatrices::at(z.view(), j.view(), 0.0).is_err());
    assert!(Indicatrices::at(z.view(), Array3::<f64>::zeros((6, 5, 2)).view(), 1.0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn geodesics_and_curvature_of_random_points_do_not_panic(
        a in proptest::collection::vec(-4.0..4.0f64, 0..4),
        b in proptest::collection::vec(prop_oneof![9 => -4.0..4.0f64, 1 => Just(f64::NAN)], 0..4),
    ) {
        let options = GeodesicOptions { nodes: 6, max_iterations: 15, ..GeodesicOptions::default() };
        let flow = FlowOptions { tolerance: 1e-6, max_steps: 200 };
        for (name, field, _) in crate::spaces::fields() {
            if let Ok(curve) = connect(&*field, &a, &b, &options) {
                prop_assert!(curve.length.is_finite() && curve.nodes.iter().all(|x| x.is_finite()), "{name}");
                prop_assert!(curve.energy >= curve.length.powi(2) * (1.0 - 1e-12), "{name}: Cauchy and Schwarz");
            }
            if let Ok(shot) = exponential(&*field, &a, &b, &flow) {
                prop_assert!(shot.point.iter().all(|x| x.is_finite()));
            }
            let _ = (christoffel(&*field, &a), Curvature::of(&*field, &b));
        }
        for (_, immersion, _, _) in crate::spaces::immersions() {
            let _ = (Curvature::by_gauss_equation(&*immersion, &a), SecondFundamentalForm::of(&*immersion, &b));
        }
    }
}
