//! What a term asks of the pass that all terms share.

/// What a term needs of the passes over the batch that all terms share; the needs of all terms are joined, so that each network runs
/// once, and not at all where no term looks at it.
///
/// What one term alone needs (other latent points, neighbours, prior samples) it asks for through
/// [`Step::encode`](super::Step::encode) and [`Step::decode`](super::Step::decode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each stands for itself, and any of them may be wanted with any other"
)]
pub struct Needs {
    /// The codes, or the encoder's Gaussians.
    pub codes: bool,
    /// The reconstructions.
    pub reconstruction: bool,
    /// The encoder's Jacobian ∂f/∂x at every point: D tangents or, where 2d < D, d sweeps back through the encoder.
    pub encoder_jacobian: bool,
    /// The decoder's Jacobian ∂g/∂z at every code: d tangents.
    pub decoder_jacobian: bool,
    /// The decoder's pullback metric G = JᵀJ at every code: d tangents, which may stop before the last layer.
    pub decoder_metric: bool,
}

impl Needs {
    /// Nothing: the term runs passes of its own.
    pub const NOTHING: Self = Self {
        codes: false,
        reconstruction: false,
        encoder_jacobian: false,
        decoder_jacobian: false,
        decoder_metric: false,
    };
    /// Codes and reconstructions alone.
    pub const VALUE: Self = Self {
        codes: true,
        reconstruction: true,
        ..Self::NOTHING
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
            codes: self.codes || other.codes,
            reconstruction: self.reconstruction || other.reconstruction,
            encoder_jacobian: self.encoder_jacobian || other.encoder_jacobian,
            decoder_jacobian: self.decoder_jacobian || other.decoder_jacobian,
            decoder_metric: self.decoder_metric || other.decoder_metric,
        }
    }

    /// Whether the decoder runs over the batch's codes.
    pub(super) const fn of_decoder(self) -> bool {
        self.reconstruction || self.decoder_jacobian || self.decoder_metric
    }

    /// Whether the encoder runs over the batch.
    pub(super) const fn of_encoder(self) -> bool {
        self.codes || self.encoder_jacobian || self.of_decoder()
    }
}
