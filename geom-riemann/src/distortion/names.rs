use super::{Distortion, functional::Pooling};

impl Distortion {
    /// The functional's name, as logs and configuration files have it.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(geom_riemann::Distortion::LogDetVariance.name(), "log_det_variance");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::LogDetVariance => "log_det_variance",
            Self::RelaxedDistortion => "relaxed_distortion",
            Self::Isometry => "isometry",
            Self::FlatMetric => "flat_metric_sum",
            Self::Dirichlet => "dirichlet",
            Self::Contractive => "contractive",
            Self::SymmetricDirichlet => "symmetric_dirichlet",
            Self::LogIsometry => "log_isometry",
            Self::Conformal => "conformal",
            Self::VolumePreservation => "volume_preservation",
            Self::BiLipschitz { .. } => "bi_lipschitz",
        }
    }

    /// The fewest points of a batch on which the functional is defined: 2 for a variance, else 1.
    pub fn minimum_batch(&self) -> usize {
        if self.pooling() == Pooling::Variance {
            2
        } else {
            1
        }
    }
}
