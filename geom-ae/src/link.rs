//! What a decoder's output goes through to become a point.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{
    Scalar,
    scalar::{narrow, widen},
};

/// From what the decoder gives to a point of the data.
///
/// Geometry is that of the decoder's own output, before the link (Nazari et al. 2023, appendix E.4): a saturated logistic function
/// would flatten every metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Link {
    /// The output itself.
    #[default]
    Identity,
    /// $1/(1 + e^{-y})$: the output is a logit of every entry.
    Logistic,
}

impl Link {
    pub(crate) fn apply<E: Scalar>(self, output: Array2<E>) -> Array2<E> {
        match self {
            Self::Identity => output,
            Self::Logistic => output.mapv_into(|y| {
                // The exponential of what is not positive cannot overflow.
                let e = (-widen(y).abs()).exp();
                let small = e / (1.0 + e);
                narrow(if y < E::zero() { small } else { 1.0 - small })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use geom_nn::{Activation, Cpu};

    use super::*;
    use crate::{Autoencoder, box_autoencoder};

    #[test]
    fn a_link_is_kept_in_the_file_and_applied_to_points_alone() {
        let architecture = box_autoencoder(4, &[5], 2, Activation::Tanh).unwrap();
        let model = Autoencoder::<f64, Cpu>::new(&architecture, 1, &Cpu::default()).unwrap();
        let z = ndarray::array![[0.3, -0.2], [2.0, 40.0]];
        let logits = model.decode(z.view()).unwrap();
        let model = model.through(Link::Logistic);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        model.save(&path, &BTreeMap::new()).unwrap();
        let loaded = Autoencoder::<f64, Cpu>::load(&path, &Cpu::default()).unwrap();
        assert_eq!(loaded.link(), Link::Logistic);
        let points = loaded.decode(z.view()).unwrap();
        for (p, y) in points.iter().zip(&logits) {
            assert!((p - 1.0 / (1.0 + (-y).exp())).abs() < 1e-14);
        }
        let (raw, _) = loaded.decode_with_jacobian(z.view()).unwrap();
        assert_eq!(raw, logits);
        let extreme = Link::Logistic.apply(ndarray::array![[-800.0, 800.0]]);
        assert_eq!(extreme, ndarray::array![[0.0, 1.0]]);
    }
}
