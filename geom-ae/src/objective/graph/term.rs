//! The graph distortion of the codes.

use geom_graph::{
    BandwidthChoice, DistanceGraph, GraphDistortion, Laplacian, LaplacianParameters,
    LaplacianSlice, Rescaling,
};
use geom_riemann::Corrections;
use ndarray::{ArrayView2, Axis};

use super::{
    Distances, GraphData, GraphReport, GraphSettings, Minibatch, calibration, settings::graph_error,
};
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
    source: Source<E>,
    bandwidth: E,
    parameters: LaplacianParameters,
    reach: Option<f64>,
    /// What the operator is multiplied by, 1 for the paper's.
    factor: E,
    form: Form,
}

#[derive(Clone, Debug)]
enum Source<E> {
    Batch(Distances<E>),
    Whole(Laplacian<E>),
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
    /// With everything given; [`GraphSettings::build`] chooses.
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
            source: Source::Whole(laplacian),
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

    pub(super) fn choose(
        distances: Distances<E>,
        settings: &GraphSettings,
        data: &GraphData<'_, E>,
    ) -> Result<(Self, GraphReport)> {
        check_size(&distances, data.points.nrows())?;
        let parameters = settings.laplacian();
        let components = match &distances {
            Distances::Geodesic(graph) | Distances::Given(graph) => {
                Some(graph.components().count())
            }
            _ => None,
        };
        let rows = data.sample();
        let points = data.rows(&rows);
        let sample = distances.among(points.view(), &rows, None)?;
        let (graph, points) = match settings.minibatch {
            Minibatch::BatchKernel => (sample, points),
            Minibatch::Slicing => (
                whole(&distances, settings, data, &sample)?,
                data.points.to_owned(),
            ),
        };
        let chosen = choose_bandwidth(settings, &graph, points.view(), &parameters)?;
        let bandwidth = narrow::<E>(chosen.bandwidth);
        let laplacian = parameters.build(&graph, bandwidth).map_err(graph_error)?;
        let reach = reach(settings.cut_off, chosen.bandwidth);
        let scale = calibration::sq_scale(&graph, &laplacian).map(f64::sqrt);
        let calibrated = scale.filter(|_| settings.calibrate && !settings.scale_free);
        let mut report = GraphReport {
            scale,
            bandwidth: chosen.bandwidth,
            rule: chosen.rule,
            bias: if calibrated.is_some() {
                Some(0.0)
            } else {
                scale.map(|s| (s - 1.0).abs())
            },
            isolated: laplacian.isolated().len(),
            points: graph.len(),
            components,
            reach,
            stored: false,
        };
        let source = match settings.minibatch {
            Minibatch::Slicing => Source::Whole(laplacian),
            Minibatch::BatchKernel => {
                let distances = match reach {
                    Some(reach) => distances.stored(reach)?,
                    None => distances,
                };
                report.stored = matches!(distances, Distances::Given(_));
                Source::Batch(distances)
            }
        };
        let factor = narrow(calibrated.map_or(1.0, |s| s * s));
        Ok((
            Self {
                source,
                bandwidth,
                parameters,
                reach,
                factor,
                form: settings.form(),
            },
            report,
        ))
    }

    /// The rescaling of a finished embedding that the graph asks for, pooled over batches: $s^2 = \sum\operatorname{Tr}\tilde H /
    /// \sum\operatorname{Tr}\tilde H^2$, and the bias |s − 1|.
    ///
    /// # Shapes
    /// `data` (n, D), `latent` (n, d); batches of row numbers.
    ///
    /// # Errors
    /// [`Error::Graph`] where the graph is not defined on a batch.
    pub fn rescaling<'b>(
        &self,
        data: ArrayView2<'_, E>,
        latent: ArrayView2<'_, E>,
        batches: impl IntoIterator<Item = &'b [usize]>,
    ) -> Result<Rescaling<f64>> {
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

    fn share(&self, data: ArrayView2<'_, E>, rows: &[usize]) -> Result<Share<E>> {
        match &self.source {
            Source::Whole(laplacian) => {
                let mut slice = laplacian.slice(rows).map_err(graph_error)?;
                slice.factor *= self.factor;
                Ok(Share {
                    distortion: GraphDistortion::sliced(&slice),
                    isolated: Corrections::default(),
                })
            }
            Source::Batch(distances) => {
                let graph = distances.among(data, rows, self.reach)?;
                let laplacian = self
                    .parameters
                    .build(&graph, self.bandwidth)
                    .map_err(graph_error)?;
                let alone = laplacian.isolated();
                let isolated = Corrections {
                    points: alone.len(),
                    floored: 0,
                    first: alone.first().copied(),
                };
                let whole = LaplacianSlice {
                    matrix: laplacian.matrix(),
                    factor: self.factor,
                };
                Ok(Share {
                    distortion: GraphDistortion::sliced(&whole),
                    isolated,
                })
            }
        }
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
        let points = match &self.source {
            Source::Batch(distances) => return check_size(distances, setting.data.nrows()),
            Source::Whole(laplacian) => laplacian.len(),
        };
        same_size(points, setting.data.nrows())
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

/// The distance at which the Gaussian kernel falls to the cut-off.
fn reach(cut_off: f64, bandwidth: f64) -> Option<f64> {
    (cut_off > 0.0).then(|| (-cut_off.ln() * bandwidth).sqrt())
}

fn check_size<E: Scalar>(distances: &Distances<E>, n: usize) -> Result<()> {
    distances
        .points()
        .map_or(Ok(()), |points| same_size(points, n))
}

fn same_size(graph: usize, data: usize) -> Result<()> {
    if graph == data {
        Ok(())
    } else {
        Err(Error::GraphSize { graph, data })
    }
}

/// For geodesics the distances speak for themselves: all pairs of a batch, an isometric picture of themselves.
fn choose_bandwidth<E: Scalar>(
    settings: &GraphSettings,
    graph: &DistanceGraph<E>,
    points: ArrayView2<'_, E>,
    parameters: &LaplacianParameters,
) -> Result<BandwidthChoice> {
    let complete = graph.edges() == graph.len() * graph.len().saturating_sub(1) / 2;
    let points = (!complete).then_some(points);
    settings
        .bandwidth
        .choose_on(graph, points, parameters)
        .map_err(graph_error)
}

/// The graph on all points that is sliced, every distance up to the reach of a bandwidth that a batch suggests.
fn whole<E: Scalar>(
    distances: &Distances<E>,
    settings: &GraphSettings,
    data: &GraphData<'_, E>,
    sample: &DistanceGraph<E>,
) -> Result<DistanceGraph<E>> {
    let contradiction = |reason| Error::Contradiction {
        first: "slicing",
        second: "cut_off",
        reason,
    };
    if let Distances::Given(graph) = distances {
        return Ok(graph.clone());
    }
    let first = choose_bandwidth(
        settings,
        sample,
        data.rows(&data.sample()).view(),
        &settings.laplacian(),
    )?;
    let reach = reach(settings.cut_off, first.bandwidth).ok_or_else(|| {
        contradiction("the graph on all points is sparse only with a positive cut-off")
    })?;
    let stored = match distances {
        Distances::Euclidean => {
            DistanceGraph::within(data.points, narrow(reach), geom_graph::Metric::Euclidean)
        }
        Distances::Coordinates(points) => {
            DistanceGraph::within(points.view(), narrow(reach), geom_graph::Metric::Euclidean)
        }
        Distances::Geodesic(_) => match distances.clone().stored(reach)? {
            Distances::Given(graph) => Ok(graph),
            _ => {
                return Err(contradiction(
                    "the geodesics within the kernel's reach do not fit into memory",
                ));
            }
        },
        Distances::Given(graph) => Ok(graph.clone()),
    };
    stored.map_err(graph_error)
}
