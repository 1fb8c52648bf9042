//! The graph distortion of the codes.

use geom_graph::{
    DistanceGraph, GraphDistortion, Laplacian, LaplacianParameters, LaplacianSlice, Rescaling,
};
use geom_riemann::Corrections;
use ndarray::{ArrayView2, Axis};

use super::{Distances, settings::graph_error};
use crate::{
    Error, Result, Scalar,
    objective::{Batch, Prepared, Setting, Step, Term, TermValue},
    scalar::{narrow, widen},
};

pub(super) const NAME: &str = "graph_isometry";

/// GGAE's regulariser: how far the encoder is from keeping the distances of a graph on the data,
/// $$ L = \frac1b \sum_i \operatorname{Tr} \tilde H_i^2 - \frac2b \sum_i \operatorname{Tr} \tilde H_i, \qquad
///    \tilde H_i = \frac2h \sum_j P_{ij} (z_j - z_i)(z_j - z_i)^\top, $$
/// with P the density-free random walk of the kernel $e^{-d^2/h}$ on the batch (or a slice of the whole graph's). The minimum is
/// −d where the codes have the data's dimension d. Not scale free; its sibling
/// $\frac1b\sum\operatorname{Tr}\tilde H_i^2 / (\frac1b\sum\operatorname{Tr}\tilde H_i)^2 \ge 1/d$ is. The gradient reaches the
/// encoder alone.
///
/// Source: Lim et al. 2024; the difference form, not the expanded one of the slides, which loses all digits in f32.
///
/// # Units
/// Mean over the batch; distances as they are in the data, h a squared length.
///
/// # Numerics
/// Points of a batch without a neighbour within reach contribute nothing and are counted as corrected.
#[derive(Clone, Debug)]
pub struct GraphIsometry<E> {
    pub(super) source: Source<E>,
    /// What is looked at in its place for batches with held-out rows.
    pub(super) judging: Option<Judging<E>>,
    pub(super) bandwidth: E,
    pub(super) parameters: LaplacianParameters,
    pub(super) reach: Option<f64>,
    /// What the operator is multiplied by, 1 for the paper's.
    pub(super) factor: E,
    pub(super) form: Form,
}

#[derive(Clone, Debug)]
pub(super) enum Source<E> {
    Batch(Distances<E>),
    /// A Laplacian of all points, and how many of them have a part in it.
    Whole(Laplacian<E>, usize),
}

#[derive(Clone, Debug)]
pub(super) struct Judging<E> {
    pub(super) source: Source<E>,
    /// Ascending.
    pub(super) held_out: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Isometry,
    ScaleFree,
}

/// A batch's share of the graph.
struct Share<E> {
    distortion: GraphDistortion<E>,
    isolated: Corrections,
}

impl<E: Scalar> GraphIsometry<E> {
    /// With everything given; [`GraphSettings::build`](super::GraphSettings::build) chooses.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the bandwidth is not positive.
    pub fn new(distances: Distances<E>, bandwidth: f64) -> Result<Self> {
        if !(bandwidth.is_finite() && bandwidth > 0.0) {
            let requirement = "finite and positive";
            return Err(Error::Parameter {
                parameter: "bandwidth",
                value: bandwidth,
                requirement,
            });
        }
        Ok(Self {
            source: Source::Batch(distances),
            judging: None,
            bandwidth: narrow(bandwidth),
            parameters: LaplacianParameters::default(),
            reach: None,
            factor: E::one(),
            form: Form::Isometry,
        })
    }

    /// Slices of one Laplacian on all points.
    pub fn sliced(laplacian: Laplacian<E>) -> Self {
        Self {
            bandwidth: laplacian.time(),
            judging: None,
            source: Source::whole(laplacian),
            parameters: LaplacianParameters::default(),
            reach: None,
            factor: E::one(),
            form: Form::Isometry,
        }
    }

    /// The same term with a constant factor between the distances free.
    #[must_use]
    pub fn scale_free(mut self) -> Self {
        self.form = Form::ScaleFree;
        self
    }

    /// The rescaling of a finished embedding that the graph asks for, pooled over batches: $s^2 = \sum\operatorname{Tr}\tilde H /
    /// \sum\operatorname{Tr}\tilde H^2$, and the bias |s − 1|.
    ///
    /// # Shapes
    /// `data` (n, D), `latent` (n, d); batches of row numbers.
    ///
    /// # Errors
    /// [`Error::GraphSize`] for other data than the graph's, [`Error::Parameter`] for a row that is none, [`Error::Graph`] where the
    /// graph is not defined on a batch.
    pub fn rescaling<'b>(
        &self,
        data: ArrayView2<'_, E>,
        latent: ArrayView2<'_, E>,
        batches: impl IntoIterator<Item = &'b [usize]>,
    ) -> Result<Rescaling<f64>> {
        self.check_size(data.nrows())?;
        let (mut first, mut second) = (0.0, 0.0);
        let points = data.nrows().min(latent.nrows());
        for rows in batches {
            if let Some(&row) = rows.iter().find(|&&row| row >= points) {
                let requirement = "the number of a point";
                return Err(Error::Parameter {
                    parameter: "row",
                    value: row as f64,
                    requirement,
                });
            }
            let share = self.share(data.select(Axis(0), rows).view(), rows)?;
            let h = share
                .distortion
                .h_tilde(latent.select(Axis(0), rows).view())
                .map_err(graph_error)?;
            for h in h.outer_iter() {
                first += h.diag().iter().map(|&x| widen(x)).sum::<f64>();
                second += h.iter().map(|&x| widen(x).powi(2)).sum::<f64>();
            }
        }
        let sq_scale = first / second;
        Ok(Rescaling {
            sq_scale,
            bias: (sq_scale.sqrt() - 1.0).abs(),
        })
    }

    fn check_size(&self, data: usize) -> Result<()> {
        match &self.source {
            Source::Batch(distances) => distances.check_size(data),
            Source::Whole(laplacian, _) if laplacian.len() != data => Err(Error::GraphSize {
                graph: laplacian.len(),
                data,
            }),
            Source::Whole(..) => Ok(()),
        }
    }

    fn share(&self, data: ArrayView2<'_, E>, rows: &[usize]) -> Result<Share<E>> {
        let is_held_out = |judging: &&Judging<E>| {
            let held_out = &judging.held_out;
            rows.iter().any(|row| held_out.binary_search(row).is_ok())
        };
        let judging = self.judging.as_ref().filter(is_held_out);
        let source = judging.map_or(&self.source, |judging| &judging.source);
        match source {
            Source::Whole(laplacian, parts) => {
                let slice = self.slice(laplacian, *parts, rows)?;
                Ok(Share {
                    distortion: GraphDistortion::sliced(&slice),
                    isolated: Corrections::default(),
                })
            }
            Source::Batch(distances) => {
                let graph = distances.among(data, rows, self.reach)?;
                let (laplacian, slice) = self.rebuilt(&graph)?;
                let alone = laplacian.isolated();
                let isolated = Corrections {
                    points: alone.len(),
                    floored: 0,
                    first: alone.first().copied(),
                };
                Ok(Share {
                    distortion: GraphDistortion::sliced(&slice),
                    isolated,
                })
            }
        }
    }

    /// Rows and columns of a Laplacian of which only some points have a part.
    pub(super) fn slice(
        &self,
        laplacian: &Laplacian<E>,
        parts: usize,
        rows: &[usize],
    ) -> Result<LaplacianSlice<E>> {
        let mut slice = laplacian.slice(rows).map_err(graph_error)?;
        let share = parts as f64 / laplacian.len().max(1) as f64;
        slice.factor *= self.factor * narrow::<E>(share);
        Ok(slice)
    }

    /// The Laplacian of a batch's own graph.
    pub(super) fn rebuilt(
        &self,
        graph: &DistanceGraph<E>,
    ) -> Result<(Laplacian<E>, LaplacianSlice<E>)> {
        let laplacian = self
            .parameters
            .build(graph, self.bandwidth)
            .map_err(graph_error)?;
        let slice = LaplacianSlice {
            matrix: laplacian.matrix(),
            factor: self.factor,
        };
        Ok((laplacian, slice))
    }
}

impl<E: Scalar> Source<E> {
    pub(super) fn whole(laplacian: Laplacian<E>) -> Self {
        let points = laplacian.len();
        Self::Whole(laplacian, points)
    }
}

impl<E: Scalar> Term<E> for GraphIsometry<E> {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Isometry => NAME,
            Form::ScaleFree => "scale_free_graph_isometry",
        }
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.check_size(setting.data.nrows())
    }

    fn prepare(&self, batch: &Batch<'_, E>) -> Result<Prepared> {
        Ok(Prepared::of(self.share(batch.data.view(), batch.rows)?))
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let share = match step.take_prepared::<Share<E>>() {
            Some(share) => share,
            None => Box::new(self.share(step.data(), step.rows())?),
        };
        let found = match self.form {
            Form::Isometry => share.distortion.evaluate(step.latent()),
            Form::ScaleFree => share.distortion.evaluate_scale_free(step.latent()),
        }
        .map_err(graph_error)?;
        step.seed_latent(found.gradient);
        Ok(TermValue {
            value: widen(found.value),
            corrections: share.isolated,
        })
    }
}
