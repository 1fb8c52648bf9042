//! Christoffel symbols of smooth decoders against the golden values.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)] // a helper that panics fails its test

mod common;
use common::{Dense, array2, array4, assert_close, golden_cases, name};
use geom_riemann::{Immersion, Pullback, Result, christoffel};
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};

struct Decoder {
    net: Dense,
    exact: bool,
}

impl Immersion for Decoder {
    type Scalar = f64;

    fn dimension(&self) -> usize {
        self.net.widths().0
    }
    fn ambient_dimension(&self) -> usize {
        self.net.widths().1
    }
    fn value(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((z.nrows(), self.ambient_dimension()));
        z.outer_iter()
            .zip(out.outer_iter_mut())
            .for_each(|(z, mut o)| o.assign(&self.net.at(&z.to_vec()).0));
        Ok(out)
    }
    fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        let mut out = Array3::zeros((z.nrows(), self.ambient_dimension(), self.dimension()));
        z.outer_iter()
            .zip(out.outer_iter_mut())
            .for_each(|(z, mut o)| o.assign(&self.net.at(&z.to_vec()).1));
        Ok(out)
    }
    fn second_derivative(&self, z: ArrayView2<'_, f64>) -> Result<Option<Array4<f64>>> {
        if !self.exact {
            return Ok(None);
        }
        let d = self.dimension();
        let mut out = Array4::zeros((z.nrows(), self.ambient_dimension(), d, d));
        z.outer_iter()
            .zip(out.outer_iter_mut())
            .for_each(|(z, mut o)| o.assign(&self.net.at(&z.to_vec()).2));
        Ok(Some(out))
    }
}

#[test]
fn golden_christoffel_symbols() {
    let mut checked = 0;
    for case in golden_cases() {
        if case
            .get("christoffel")
            .is_none_or(serde_json::Value::is_null)
        {
            continue;
        }
        checked += 1;
        let golden = array4(&case["christoffel"]);
        // Exact second derivatives to 1e-9; differences of the Jacobian lose digits by the metric's condition, and
        // need a Jacobian without kinks, which that of ELU is not.
        let net = Dense::of(&case);
        let routes: &[(bool, f64)] = if net.has("elu") {
            &[(true, 1e-9)]
        } else {
            &[(true, 1e-9), (false, 1e-7)]
        };
        for &(exact, tolerance) in routes {
            let field = Pullback::of(Decoder {
                net: Dense::of(&case),
                exact,
            });
            for (i, z) in array2(&case["z"]).outer_iter().enumerate() {
                let ours = christoffel(&field, &z.to_vec()).unwrap();
                let golden = golden.index_axis(Axis(0), i).to_owned();
                assert_close(&ours, &golden, tolerance, name(&case));
            }
        }
    }
    assert!(checked > 0, "no case holds Christoffel symbols");
}
