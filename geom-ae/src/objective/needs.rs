//! What a term asks of the pass that all terms share.

/// The derivatives that a term needs of the batch's own pass; those of all terms are joined, so that each network runs once.
///
/// What one term alone needs (other latent points, neighbours, prior samples) it asks for through
/// [`Step::encode`](super::Step::encode) and [`Step::decode`](super::Step::decode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The encoder's Jacobian ∂f/∂x at every point: D tangents, D times the cost of the value.
    pub encoder_jacobian: bool,
    /// The decoder's Jacobian ∂g/∂z at every code: d tangents.
    pub decoder_jacobian: bool,
    /// The decoder's pullback metric G = JᵀJ at every code: d tangents, which may stop before the last layer.
    pub decoder_metric: bool,
}

impl Needs {
    /// Codes and reconstructions alone.
    pub const VALUE: Self = Self {
        encoder_jacobian: false,
        decoder_jacobian: false,
        decoder_metric: false,
    };
    /// The decoder's Jacobian, too.
    pub const DECODER_JACOBIAN: Self = Self {
        decoder_jacobian: true,
        ..Self::VALUE
    };
    /// The decoder's pullback metric, too.
    pub const DECODER_METRIC: Self = Self {
        decoder_metric: true,
        ..Self::VALUE
    };
    /// The encoder's Jacobian, too.
    pub const ENCODER_JACOBIAN: Self = Self {
        encoder_jacobian: true,
        ..Self::VALUE
    };

    /// What either needs.
    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        Self {
            encoder_jacobian: self.encoder_jacobian || other.encoder_jacobian,
            decoder_jacobian: self.decoder_jacobian || other.decoder_jacobian,
            decoder_metric: self.decoder_metric || other.decoder_metric,
        }
    }
}
