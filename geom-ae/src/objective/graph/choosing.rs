//! From settings and data to the term: the bandwidth, the factor that calibrates it, and what is left of the bias.

use geom_graph::{BandwidthChoice, DistanceGraph, LaplacianParameters, Metric, Rescaling};
use ndarray::ArrayView2;

use super::{
    Distances, GraphData, GraphIsometry, GraphReport, GraphSettings, Minibatch,
    calibration::{CALIBRATING, JUDGING, Left, Part, pooled_scale},
    held_out::{Both, remaining, without},
    settings::graph_error,
    term::{Judging, Source},
};
use crate::{Error, Result, Scalar, scalar::narrow, trainer::first_batches};

impl<E: Scalar> GraphIsometry<E> {
    pub(super) fn choose(
        both: Both<E>,
        settings: &GraphSettings,
        data: &GraphData<'_, E>,
    ) -> Result<(Self, GraphReport)> {
        let parameters = settings.laplacian();
        let held_out = data.held_out();
        let components = both.components(&held_out);
        let count = CALIBRATING + JUDGING;
        let batches = first_batches(data.points, data.labels, data.training, count)?;
        let first = data.rows(&batches[0]);
        let sample = both.training.among(first.view(), &batches[0], None)?;
        // The batch's own distances speak for themselves: an isometric picture of themselves.
        let mut chosen = choose_bandwidth(settings, &sample, None, &parameters)?;
        let whole = match settings.minibatch {
            Minibatch::BatchKernel => None,
            Minibatch::Slicing => {
                let reach = match &both.training {
                    Distances::Given(_) => f64::INFINITY,
                    _ => reach(settings.cut_off, chosen.bandwidth).ok_or_else(dense)?,
                };
                let graph = without(&whole(&both.training, reach, data)?, &held_out)?;
                let coordinates = both.training.coordinates(data.points);
                chosen = choose_bandwidth(settings, &graph, coordinates, &parameters)?;
                Some((graph, reach))
            }
        };
        let bandwidth = narrow::<E>(chosen.bandwidth);
        let reach = reach(settings.cut_off, chosen.bandwidth);
        let seen = whole.as_ref().map_or(&sample, |(graph, _)| graph);
        let laplacian = parameters.build(seen, bandwidth).map_err(graph_error)?;
        let train = remaining(data.points.nrows(), &held_out);
        let alone = laplacian.isolated();
        let isolated = match &whole {
            None => alone.len(),
            Some(_) => alone.len() - held_out.len(),
        };
        let (source, judging) = if let Some((_, reach)) = &whole {
            let judging = if held_out.is_empty() {
                None
            } else {
                let distances = both.judging.as_ref().unwrap_or(&both.training);
                let graph = self::whole(distances, *reach, data)?;
                let built = parameters.build(&graph, bandwidth).map_err(graph_error)?;
                Some(Source::whole(built))
            };
            (Source::Whole(laplacian, train.len()), judging)
        } else {
            both.sources(reach)?
        };
        let stored = matches!(source, Source::Batch(Distances::Given(_)));
        let mut term = Self {
            source,
            judging: judging.map(|source| Judging { source, held_out }),
            bandwidth,
            parameters,
            reach,
            factor: E::one(),
            form: settings.form(),
        };
        let graph = whole.map(|(graph, _)| graph);
        let (calibrating, others) = batches.split_at(CALIBRATING.min(batches.len()));
        let parts = calibrating.iter();
        let scale = pooled_scale(parts.map(|rows| term.part(graph.as_ref(), data, rows)))?;
        if let Some(scale) = scale.filter(|_| settings.calibrate) {
            term.factor = narrow(scale * scale);
        }
        // Where an epoch is one batch of everything, that batch is all there is to judge by.
        let judged = if others.is_empty() {
            calibrating
        } else {
            others
        };
        let mut scales = Vec::with_capacity(judged.len());
        for rows in judged {
            scales.extend(pooled_scale([term.part(graph.as_ref(), data, rows)])?);
        }
        let left = Left::of(&scales);
        let report = GraphReport {
            scale,
            bandwidth: chosen.bandwidth,
            rule: chosen.rule,
            bias: left.map(|left| left.bias),
            spread: left.and_then(|left| left.spread),
            judged_batches: left.map_or(0, |left| left.batches),
            isolated,
            points: if graph.is_some() {
                train.len()
            } else {
                sample.len()
            },
            components,
            reach,
            stored,
        };
        Ok((term, report))
    }

    /// The [rescaling](GraphIsometry::rescaling) that the graph asks of a finished embedding of the training data, pooled over
    /// batches of held-out points, or of the first training points where none are held out.
    ///
    /// # Shapes
    /// `latent` (n, d), its rows those of the data.
    ///
    /// # Errors
    /// As [`GraphIsometry::rescaling`] and [`TrainOptions::check`](crate::TrainOptions::check).
    pub fn rescaling_on(
        &self,
        data: &GraphData<'_, E>,
        latent: ArrayView2<'_, E>,
    ) -> Result<Rescaling<f64>> {
        let held_out = data.held_out();
        let size = data.training.batch_size.max(2);
        let mut batches: Vec<Vec<usize>> = held_out.chunks_exact(size).map(<[_]>::to_vec).collect();
        if batches.is_empty() && held_out.len() > 1 {
            batches.push(held_out);
        }
        if batches.is_empty() {
            batches = first_batches(data.points, data.labels, data.training, JUDGING)?;
        }
        self.rescaling(data.points, latent, batches.iter().map(Vec::as_slice))
    }

    /// A batch's own distances, and what the term makes of them.
    fn part(
        &self,
        whole: Option<&DistanceGraph<E>>,
        data: &GraphData<'_, E>,
        rows: &[usize],
    ) -> Result<Part<E>> {
        match (&self.source, whole) {
            (Source::Batch(distances), _) => {
                let graph = distances.among(data.rows(rows).view(), rows, self.reach)?;
                let (_, slice) = self.rebuilt(&graph)?;
                Ok(Part { graph, slice })
            }
            (Source::Whole(laplacian, parts), Some(graph)) => Ok(Part {
                graph: graph.induced(rows).map_err(graph_error)?,
                slice: self.slice(laplacian, *parts, rows)?,
            }),
            (Source::Whole(..), None) => Err(dense()),
        }
    }
}

impl<E: Scalar> Both<E> {
    /// Components of the graph on the training points, where there is one: a held-out point without an edge is none.
    fn components(&self, held_out: &[usize]) -> Option<usize> {
        let graph = self.training.neighbour_graph()?;
        let is_alone = |row: &&usize| graph.matrix().row(**row).nnz() == 0;
        let alone = held_out.iter().filter(is_alone).count();
        Some(graph.components().count() - alone)
    }

    /// Where a batch's own distances come from, stored up to the reach where they fit into memory.
    fn sources(self, reach: Option<f64>) -> Result<(Source<E>, Option<Source<E>>)> {
        let within = |distances: Distances<E>| match reach {
            Some(reach) => distances.stored(reach),
            None => Ok(distances),
        };
        let judging = self.judging.map(within).transpose()?;
        Ok((
            Source::Batch(within(self.training)?),
            judging.map(Source::Batch),
        ))
    }
}

/// The distance at which the Gaussian kernel falls to the cut-off.
fn reach(cut_off: f64, bandwidth: f64) -> Option<f64> {
    (cut_off > 0.0).then(|| (-cut_off.ln() * bandwidth).sqrt())
}

fn dense() -> Error {
    contradiction("the graph on all points is sparse only with a positive cut-off")
}

fn contradiction(reason: &'static str) -> Error {
    Error::Contradiction {
        first: "slicing",
        second: "cut_off",
        reason,
    }
}

fn choose_bandwidth<E: Scalar>(
    settings: &GraphSettings,
    graph: &DistanceGraph<E>,
    coordinates: Option<ArrayView2<'_, E>>,
    parameters: &LaplacianParameters,
) -> Result<BandwidthChoice> {
    settings
        .bandwidth
        .choose_on(graph, coordinates, parameters)
        .map_err(graph_error)
}

/// The graph on all points that is sliced: every distance up to the reach of a bandwidth that a batch suggests.
fn whole<E: Scalar>(
    distances: &Distances<E>,
    reach: f64,
    data: &GraphData<'_, E>,
) -> Result<DistanceGraph<E>> {
    if let Some(points) = distances.coordinates(data.points) {
        return DistanceGraph::within(points, narrow(reach), Metric::Euclidean)
            .map_err(graph_error);
    }
    match distances.clone().stored(reach)? {
        Distances::Given(graph) => Ok(graph),
        _ => Err(contradiction(
            "the geodesics within the kernel's reach do not fit into memory",
        )),
    }
}
