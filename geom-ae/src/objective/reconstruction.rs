//! What counts as a good reconstruction, by name.

use serde::{Deserialize, Serialize};

use super::{
    BernoulliNll, CosineDistance, GaussianNll, MeanSquaredError, Objective, SumSquaredError, Term,
};
use crate::{Error, Link, Result, Scalar, scalar::narrow};

/// A reconstruction term; in words what its reduction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reconstruction {
    /// Squared error, mean over elements.
    Mean,
    /// Squared error, summed over D, mean over the batch.
    Sum,
    /// The negative log-likelihood of a Gaussian with one learned σ, summed over D.
    Gaussian,
    /// The negative log-likelihood of independent bits, summed over D; the decoder gives logits, the data lie in \[0, 1\].
    Bernoulli,
    /// One minus the cosine of the angle, mean over the batch.
    Cosine,
}

impl Reconstruction {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Mean,
        Self::Sum,
        Self::Gaussian,
        Self::Bernoulli,
        Self::Cosine,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Gaussian => "gaussian",
            Self::Bernoulli => "bernoulli",
            Self::Cosine => "cosine",
        }
    }

    /// From the decoder's output to a point.
    pub const fn link(self) -> Link {
        match self {
            Self::Bernoulli => Link::Logistic,
            _ => Link::Identity,
        }
    }

    fn term<E: Scalar>(self) -> Box<dyn Term<E>> {
        match self {
            Self::Mean => Box::new(MeanSquaredError),
            Self::Sum => Box::new(SumSquaredError),
            Self::Gaussian => Box::new(GaussianNll::default()),
            Self::Bernoulli => Box::new(BernoulliNll),
            Self::Cosine => Box::new(CosineDistance),
        }
    }
}

impl<E: Scalar> Objective<E> {
    /// Another reconstruction term in place of the first one, at its weight; the other terms stay.
    ///
    /// A model that is trained on it decodes through the term's [link](Reconstruction::link):
    /// [`Autoencoder::through`](crate::Autoencoder::through).
    ///
    /// # Errors
    /// [`Error::Contradiction`] where the objective does not begin with one of [`Reconstruction`]'s terms, or is settled already.
    pub fn reconstructing(mut self, reconstruction: Reconstruction) -> Result<Self> {
        let contradiction = |second, reason| {
            Err(Error::Contradiction {
                first: "a reconstruction term",
                second,
                reason,
            })
        };
        if self.noise_start.is_some() {
            return contradiction("a settled objective", "its parameters have their places");
        }
        let names = Reconstruction::ALL.map(|one| one.term::<E>().name());
        let Some(first) = self.entries.first_mut() else {
            return contradiction("an objective of no term", "there is none to replace");
        };
        if !names.contains(&first.term.name()) {
            let reason = "its first term is the method itself, not a likelihood of single points";
            return contradiction(first.term.name(), reason);
        }
        first.term = reconstruction.term();
        self.parameters.clear();
        for entry in &mut self.entries {
            let start = self.parameters.len();
            let own = entry.term.parameters();
            self.parameters
                .extend(own.iter().map(|parameter| narrow::<E>(parameter.initial)));
            entry.parameters = start..self.parameters.len();
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    #[test]
    fn the_first_term_is_replaced_and_own_parameters_keep_their_order() {
        for reconstruction in Reconstruction::ALL {
            let objective = Method::Irvae.objective::<f64>(3.0).unwrap();
            let objective = objective.reconstructing(reconstruction).unwrap();
            let terms: Vec<_> = objective.terms().collect();
            assert_eq!(terms[0], (reconstruction.term::<f64>().name(), 1.0));
            assert_eq!(
                terms[1..],
                [("kl_divergence", 1.0), ("relaxed_distortion", 3.0)]
            );
            let own = usize::from(reconstruction == Reconstruction::Gaussian);
            assert_eq!(objective.named_parameters().len(), own);
            assert_eq!(objective.parameters().len(), own);
        }
    }

    #[test]
    fn a_first_term_that_is_the_method_itself_stays() {
        let refused = Objective::<f64>::new().reconstructing(Reconstruction::Mean);
        assert!(matches!(refused, Err(Error::Contradiction { .. })));
        let other = Objective::<f64>::new().with(1.0, super::super::KlDivergence);
        let refused = other.reconstructing(Reconstruction::Mean);
        assert!(matches!(
            refused,
            Err(Error::Contradiction {
                second: "kl_divergence",
                ..
            })
        ));
    }
}
