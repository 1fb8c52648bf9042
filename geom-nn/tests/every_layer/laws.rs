//! The laws that derivatives obey, on every layer: linearity, $Jv$ and $J^\top u$ as products with the Jacobian, symmetry of second
//! derivatives, the chain rule, the metric as $J^\top J$, linearity of reverse mode.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::build::device::Device;
use crate::build::wave;
use crate::layers::{WIDTH, around, cases};
use geom_nn::{Error, Layer, Mode, Network, Request, Seeds};
use ndarray::{Array, Array1, Array2, Array3, ArrayView, Axis, Dimension, ShapeBuilder, s};

const BATCH: usize = 5;
/// Both sides of a law are a few dozen products of numbers near 1.
const ROUNDING: f64 = 1e-13;

fn numbers<Sh: ShapeBuilder>(shape: Sh, phase: usize) -> Array<f64, Sh::Dim> {
    let mut i = phase;
    Array::from_shape_simple_fn(shape, || {
        i += 1;
        wave(i)
    })
}

fn close<D: Dimension>(what: &str, found: ArrayView<'_, f64, D>, law: ArrayView<'_, f64, D>) {
    assert_eq!(found.shape(), law.shape(), "{what}");
    let scale = law.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, l) in found.iter().zip(&law) {
        assert!((f - l).abs() <= ROUNDING * scale, "{what}: {f} {l}");
    }
}

/// Every layer in evaluation, and dropout in training too.
fn nets() -> impl Iterator<Item = (String, Network<f64, Device>)> {
    cases().into_iter().flat_map(|(name, layer)| {
        let net = around(&layer, 4);
        let mut trained = net.clone();
        trained.set_mode(Mode::Training { seed: 5 });
        let drops = matches!(layer, Layer::Dropout { .. });
        let trained = drops.then(|| (format!("{name} in training"), trained));
        [(name, net)].into_iter().chain(trained)
    })
}

/// The tangents along directions, (b, m, D), and the second tangents of pairs of them.
fn along(
    net: &Network<f64, Device>,
    x: &Array2<f64>,
    directions: &Array3<f64>,
    pairs: &[(usize, usize)],
) -> Result<(Array3<f64>, Array3<f64>), Error> {
    let directions = directions.view();
    let pass = net.evaluate(x.view(), Request::SecondOrder { directions, pairs })?;
    let second = pass.second_tangents().map(|t| t.to_owned());
    Ok((
        pass.tangents().unwrap().to_owned(),
        second.unwrap_or_default(),
    ))
}

/// (b, m, n) times (b, n, k), point by point.
fn product(a: &Array3<f64>, b: &Array3<f64>) -> Array3<f64> {
    let mut out = Array3::zeros((a.dim().0, a.dim().1, b.dim().2));
    for ((mut out, a), b) in out.outer_iter_mut().zip(a.outer_iter()).zip(b.outer_iter()) {
        out.assign(&a.dot(&b));
    }
    out
}

fn transposed(a: &Array3<f64>) -> Array3<f64> {
    a.view().permuted_axes([0, 2, 1]).to_owned()
}

#[test]
fn products_with_the_jacobian_and_its_transpose() -> Result<(), Error> {
    for (name, net) in nets() {
        let x = numbers((BATCH, WIDTH), 3);
        let pass = net.evaluate(x.view(), Request::Jacobian)?;
        let jacobian = pass.jacobian().unwrap().to_owned();
        let (v, u) = (numbers((BATCH, 3, WIDTH), 7), numbers((BATCH, 2, 3), 8));
        // Rows: v Jᵀ is (J vᵀ)ᵀ, u J is (Jᵀ uᵀ)ᵀ.
        let jv = product(&v, &transposed(&jacobian));
        let (tangents, _) = along(&net, &x, &v, &[])?;
        close(&format!("{name}: J v"), tangents.view(), jv.view());
        let vjp = net.vjp(x.view(), u.view())?;
        let ju = product(&u, &jacobian);
        close(&format!("{name}: Jᵀ u"), vjp.products(), ju.view());
        let reverse = net.reverse_jacobian(x.view())?;
        close(&format!("{name}: J"), reverse.products(), jacobian.view());
        let gram = net.gram_products(x.view(), v.view())?;
        let jjv = product(&jv, &jacobian);
        close(&format!("{name}: Jᵀ J v"), gram.products(), jjv.view());
        let metric = net.evaluate(x.view(), Request::Metric)?;
        let law = product(&transposed(&jacobian), &jacobian);
        close(
            &format!("{name}: Jᵀ J"),
            metric.metric().unwrap(),
            law.view(),
        );
    }
    Ok(())
}

#[test]
fn first_tangents_are_linear_and_second_ones_bilinear_and_symmetric() -> Result<(), Error> {
    for (name, net) in nets() {
        let x = numbers((BATCH, WIDTH), 3);
        let three = numbers((BATCH, 3, WIDTH), 9);
        let mut all = Array3::zeros((BATCH, 4, WIDTH));
        all.slice_mut(s![.., ..3, ..]).assign(&three);
        let (u, v) = (three.slice(s![.., 0, ..]), three.slice(s![.., 1, ..]));
        all.slice_mut(s![.., 3, ..]).assign(&(&u * 2.0 - &v * 0.75));
        let pairs = [(0, 2), (1, 2), (3, 2), (2, 3)];
        let (first, second) = along(&net, &x, &all, &pairs)?;
        let law = |rows: &Array3<f64>| {
            &rows.index_axis(Axis(1), 0) * 2.0 - &rows.index_axis(Axis(1), 1) * 0.75
        };
        let row = |rows: &Array3<f64>, i| rows.index_axis(Axis(1), i).to_owned();
        let what = format!("{name}: linear");
        close(&what, row(&first, 3).view(), law(&first).view());
        let what = format!("{name}: bilinear");
        close(&what, row(&second, 2).view(), law(&second).view());
        let what = format!("{name}: symmetric");
        close(&what, row(&second, 3).view(), row(&second, 2).view());
    }
    Ok(())
}

#[test]
fn the_chain_rule_of_first_and_second_order() -> Result<(), Error> {
    // g ∘ f with f: R² → R³, then a map back, then any layer.
    let back = around(&Layer::Reshape { shape: vec![18] }, 6);
    for (name, net) in nets() {
        let first = net;
        let mut narrow = narrowed(&back)?;
        narrow.set_mode(first.mode());
        let whole = first.then(&narrow)?;
        let x = numbers((BATCH, WIDTH), 3);
        let v = numbers((BATCH, 2, WIDTH), 5);
        let pairs = [(0, 1), (1, 1)];
        let y = first.evaluate(x.view(), Request::Value)?.value().to_owned();
        let (f1, f2) = along(&first, &x, &v, &pairs)?;
        let (g1, g2) = along(&narrow, &y, &f1, &pairs)?;
        let (bent, _) = along(&narrow, &y, &f2, &[])?;
        let (h1, h2) = along(&whole, &x, &v, &pairs)?;
        close(&format!("{name}: first"), h1.view(), g1.view());
        // ∂²(g∘f)[v, w] = ∂²g[Jf v, Jf w] + Jg ∂²f[v, w].
        let law = &g2 + &bent;
        close(&format!("{name}: second"), h2.view(), law.view());
    }
    Ok(())
}

/// A network from R³, where `net` is one from R².
fn narrowed(net: &Network<f64, Device>) -> Result<Network<f64, Device>, Error> {
    let linear = Layer::Linear {
        inputs: 3,
        outputs: WIDTH,
    };
    let architecture = geom_nn::Architecture::new(3, vec![linear]);
    let initialiser = geom_nn::Initialiser::XavierNormal;
    Network::new(&architecture, initialiser, 2, net.device())?.then(net)
}

#[test]
fn reverse_mode_is_linear_and_the_transpose_of_forward_mode() -> Result<(), Error> {
    for (name, net) in nets() {
        let x = numbers((BATCH, WIDTH), 3);
        let v = numbers((BATCH, 2, WIDTH), 5);
        let pass = net.evaluate(x.view(), Request::Directions(v.view()))?;
        let (a, b) = (numbers((BATCH, 2, 3), 6), numbers((BATCH, 3), 7));
        let run = |tangents: &Array3<f64>, value: &Array2<f64>| -> Result<Array1<f64>, Error> {
            let gradients = pass.backward(Seeds {
                value: Some(value.view()),
                tangents: Some(tangents.view()),
                ..Seeds::default()
            })?;
            let mut all = gradients.parameters.to_vec();
            all.extend(&gradients.input);
            all.extend(gradients.directions.iter().flatten());
            Ok(Array1::from_vec(all))
        };
        let (none, empty) = (Array3::zeros(a.dim()), Array2::zeros(b.dim()));
        let law = run(&a, &empty)? * 2.0 - run(&none, &b)? * 0.5;
        let found = run(&(&a * 2.0), &(&b * -0.5))?;
        close(&format!("{name}: reverse"), found.view(), law.view());
        // ⟨a, J v⟩ = ⟨Jᵀ a, v⟩, and the gradient of it with respect to v is Jᵀ a.
        let seeds = Seeds {
            tangents: Some(a.view()),
            ..Seeds::default()
        };
        let gradient = pass.backward(seeds)?.directions.unwrap();
        let vjp = net.vjp(x.view(), a.view())?;
        close(
            &format!("{name}: transpose"),
            gradient.view(),
            vjp.products(),
        );
        let forward = (&pass.tangents().unwrap() * &a).sum();
        let reverse = (&vjp.products() * &v).sum();
        assert!(
            (forward - reverse).abs() < 1e-12,
            "{name}: {forward} {reverse}"
        );
    }
    Ok(())
}
