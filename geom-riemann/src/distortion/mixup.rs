use crate::{Error, Result, Scalar, check};
use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Latent points on (and slightly beyond) the segments between random pairs of a batch.
///
/// $$\tilde z_i=\alpha_iz_i+(1-\alpha_i)z_{\pi(i)},\qquad \alpha_i\sim U(-\eta,1+\eta)$$
///
/// with a random permutation π (IRVAE, Lee et al. 2022; their η is 0.2): where a distortion is asked for beyond the data.
///
/// # Examples
/// ```
/// use geom_riemann::Mixup;
/// use ndarray::array;
/// let z = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
/// let mixed = Mixup::new(z.view(), 0.2, 7)?;
/// assert_eq!(mixed.points, Mixup::new(z.view(), 0.2, 7)?.points); // the same seed, the same bits
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mixup<T> {
    /// The mixed points, (b, d).
    pub points: Array2<T>,
    /// π: the partner of each point.
    pub partners: Vec<usize>,
    /// α: the weight of the point itself.
    pub weights: Vec<T>,
}

impl<T: Scalar> Mixup<T> {
    /// Draws the permutation and the weights with a seed.
    ///
    /// # Errors
    /// No points, or η negative or not finite.
    pub fn new(z: ArrayView2<'_, T>, eta: f64, seed: u64) -> Result<Self> {
        let operation = "Mixup::new";
        if z.nrows() == 0 {
            return Err(Error::EmptyBatch { operation });
        }
        if !(eta >= 0.0 && eta.is_finite()) {
            let expected = "finite and at least 0";
            return Err(Error::Parameter {
                operation,
                argument: "eta",
                value: eta,
                expected,
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut partners: Vec<usize> = (0..z.nrows()).collect();
        for i in (1..partners.len()).rev() {
            partners.swap(i, rng.random_range(0..=i));
        }
        let weights: Vec<T> = partners
            .iter()
            .map(|_| T::narrow((1.0 + 2.0 * eta) * rng.random::<f64>() - eta))
            .collect();
        let points = Array2::from_shape_fn(z.dim(), |(i, k)| {
            weights[i] * z[[i, k]] + (T::one() - weights[i]) * z[[partners[i], k]]
        });
        Ok(Self {
            points,
            partners,
            weights,
        })
    }

    /// A gradient with respect to the mixed points as one with respect to the batch.
    ///
    /// # Errors
    /// Another shape than that of the points.
    pub fn pull_back(&self, gradient: ArrayView2<'_, T>) -> Result<Array2<T>> {
        check::shape(
            "Mixup::pull_back",
            "gradient",
            gradient.shape(),
            self.points.shape(),
        )?;
        let mut out = Array2::zeros(gradient.dim());
        for (i, g) in gradient.outer_iter().enumerate() {
            out.row_mut(i).scaled_add(self.weights[i], &g);
            out.row_mut(self.partners[i])
                .scaled_add(T::one() - self.weights[i], &g);
        }
        Ok(out)
    }
}
