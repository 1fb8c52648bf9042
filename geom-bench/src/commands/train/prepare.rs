//! Model, objective and trainer of a run, with the graph of a method that needs one.

use geom_ae::{
    Autoencoder, AutoencoderArchitecture, Link, Objective, Trainer,
    objective::{
        Reconstruction,
        graph::{DataGraph, Distances, GraphData, GraphReport},
    },
};
use geom_bench::{
    Error,
    config::{Config, DistanceSource, MOST_PARAMETERS, Method},
    data::{self, Dataset, Split},
};
use geom_graph::{DistanceGraph, Rescaling};
use geom_nn::{Activation, Architecture, Layer, NetworkDevice};
use ndarray::{ArrayView2, Axis};
use serde::Serialize;

use super::{super::Number, terms::term_settings};

/// The trainer, and the graph of a method that needs one.
pub(super) struct Prepared<'a, E: Number, D: NetworkDevice<E>> {
    pub(super) trainer: Trainer<'a, E, D>,
    pub(super) graph: Option<DataGraph<E>>,
}

/// Everything that a training needs.
pub(super) fn prepare<'a, E: Number, D: NetworkDevice<E>>(
    config: &Config,
    device: &D,
    dataset: &Dataset<E>,
    split: &Split,
    train: ArrayView2<'a, E>,
    labels: Option<&[i64]>,
) -> Result<Prepared<'a, E, D>, Error> {
    let architecture = config.architecture(train.ncols())?;
    check_size(config, &architecture)?;
    check_output(config, &architecture)?;
    let model = Autoencoder::new(&architecture, config.seed, device)?;
    let options = config.train_options();
    let space = config.data_space(train.ncols())?;
    let on_manifold = space
        .as_ref()
        .map(|space| {
            let probes = config.term_settings::<E>().probes;
            config
                .method
                .objective_on_manifold_by(config.weight, space, probes)
        })
        .transpose()?;
    let (mut objective, graph) = match on_manifold {
        Some(objective) => (objective, None),
        None => on_graph(config, dataset, split, train, labels)?,
    };
    if let Some(reconstruction) = config.reconstruction {
        objective = objective.reconstructing(reconstruction)?;
    }
    objective.schedule_regularisers(config.weight_schedule)?;
    let model = match space {
        Some(space) => model.on(space)?,
        None => model,
    };
    let link = config.reconstruction.unwrap_or(Reconstruction::Mean).link();
    let trainer = Trainer::with_labels(model.through(link), objective, train, labels, options)?;
    Ok(Prepared { trainer, graph })
}

/// Refuses logits from a network that ends in a function of its own.
fn check_output(config: &Config, architecture: &AutoencoderArchitecture) -> Result<(), Error> {
    let linear = !matches!(
        architecture.decoder.layers().last(),
        Some(Layer::Activation { function }) if *function != Activation::Linear
    );
    match config.reconstruction {
        Some(reconstruction) if reconstruction.link() == Link::Logistic && !linear => {
            Err(Error::Setting {
                setting: "reconstruction",
                value: reconstruction.name().to_owned(),
                due: "another one for this --network, whose decoder does not end in logits",
            })
        }
        _ => Ok(()),
    }
}

/// The objective of every other method, on a graph of the data where it needs one.
fn on_graph<E: Number>(
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
    train: ArrayView2<'_, E>,
    labels: Option<&[i64]>,
) -> Result<(Objective<E>, Option<DataGraph<E>>), Error> {
    let options = config.train_options();
    let graph = GraphData {
        points: train,
        labels,
        training: &options,
    };
    let settings = config.graph_settings();
    let own = match config.latent_settings() {
        Some(settings) => Some(config.method.objective_with(config.weight, &settings)?),
        None => towards(config, dataset, split, train)?,
    };
    if let Some(objective) = own {
        return Ok((objective, None));
    }
    if let Some(distances) = distances(config, dataset, split, labels)? {
        let graph = DataGraph::from(settings.build_with(distances, &graph)?);
        let objective = Method::objective_of_graph(config.weight, &graph)?;
        return Ok((objective, Some(graph)));
    }
    // A batch too large is the clearest thing to say first.
    options.clone().check(train.nrows())?;
    let terms = term_settings(config, dataset, split, train)?;
    Ok(config
        .method
        .objective_under(config.weight, &terms, &settings, &graph)?)
}

/// Refuses published networks that would not fit into memory; dense ones were looked at before.
fn check_size(config: &Config, architecture: &AutoencoderArchitecture) -> Result<(), Error> {
    let count = |network: &Architecture| network.parameter_count().map_err(geom_ae::Error::from);
    let parameters = count(&architecture.encoder)?.saturating_add(count(&architecture.decoder)?);
    if parameters <= MOST_PARAMETERS {
        return Ok(());
    }
    Err(Error::NetworkTooLarge {
        network: config.latent.network.unwrap_or_default().name(),
        parameters,
        limit: MOST_PARAMETERS,
    })
}

/// The objective of a method that follows an embedding: that of the file, or a diffusion map of the training points.
fn towards<E: Number>(
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
    train: ArrayView2<'_, E>,
) -> Result<Option<Objective<E>>, Error> {
    if !config.method.needs_embedding() {
        return Ok(None);
    }
    let embedding = match &config.latent.towards {
        None => geom_ae::diffusion_embedding(train, config.latent_dim)?,
        Some(path) => super::embedding_of_file(path, config, dataset, split)?,
    };
    let method = config.method;
    Ok(Some(
        method.objective_towards(config.weight, embedding.view())?,
    ))
}

/// The distances that do not come from the training points themselves.
fn distances<E: Number>(
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
    labels: Option<&[i64]>,
) -> Result<Option<Distances<E>>, Error> {
    let refuse = |due| {
        Err(Error::Distances {
            from: config.distances.to_string(),
            reason: due,
        })
    };
    if config.method != Method::Ggae {
        return Ok(None);
    }
    match &config.distances {
        DistanceSource::Geodesic | DistanceSource::Euclidean => Ok(None),
        DistanceSource::GroundTruth => match &dataset.parameters {
            Some(parameters) => Ok(Some(Distances::Coordinates(
                parameters.select(Axis(0), &split.train),
            ))),
            None => {
                refuse("only generated data know theirs; give a file as coordinates:FILE".into())
            }
        },
        DistanceSource::Coordinates(path) => {
            let rows = rows_of_file::<E>(config, path, dataset.len())?;
            Ok(Some(Distances::Coordinates(
                rows.select(Axis(0), &split.train),
            )))
        }
        DistanceSource::Given(path) => {
            let all = rows_of_file::<E>(config, path, dataset.len())?;
            if all.ncols() != dataset.len() {
                let (points, columns) = (dataset.len(), all.ncols());
                return refuse(format!("it has {columns} columns for {points} points"));
            }
            let among = all
                .select(Axis(0), &split.train)
                .select(Axis(1), &split.train);
            let graph = DistanceGraph::from_dense(among.view()).map_err(|source| {
                geom_ae::Error::Graph {
                    term: "distances",
                    source: Box::new(source),
                }
            })?;
            Ok(Some(Distances::Given(graph)))
        }
        DistanceSource::Series(length) => {
            if !split.train.windows(2).all(|pair| pair[1] == pair[0] + 1) {
                return refuse("series are consecutive points: give --split contiguous".into());
            }
            let length = match (length, labels) {
                (Some(length), _) => *length,
                (None, None) => {
                    return refuse(
                        "without a length they are runs of one label, and there are no labels"
                            .into(),
                    );
                }
                (None, Some(labels)) => match run_length(labels) {
                    Ok(length) => length,
                    Err((a, b)) => {
                        return refuse(format!(
                            "the series are of unequal length, {a} and {b} points"
                        ));
                    }
                },
            };
            Ok(Some(Distances::cyclic_series(split.train.len(), length)?))
        }
    }
}

/// The one length of all runs of equal labels, or two that differ.
fn run_length(labels: &[i64]) -> Result<usize, (usize, usize)> {
    let mut runs = labels.chunk_by(|a, b| a == b).map(<[i64]>::len);
    let first = runs.next().unwrap_or(0);
    match runs.find(|&run| run != first) {
        None => Ok(first),
        Some(other) => Err((first, other)),
    }
}

pub(super) fn rows_of_file<E: Number>(
    config: &Config,
    path: &std::path::Path,
    points: usize,
) -> Result<ndarray::Array2<E>, Error> {
    let options = data::Options {
        seed: config.seed,
        ..data::Options::default()
    };
    let rows = data::load::<E>(&path.to_string_lossy(), options)?.points;
    if rows.nrows() == points {
        return Ok(rows);
    }
    Err(Error::Distances {
        from: config.distances.to_string(),
        reason: format!("it has {} rows for {points} points", rows.nrows()),
    })
}

/// What `graph.json` holds.
#[derive(Serialize)]
pub(super) struct GraphFile<'a> {
    #[serde(flatten)]
    report: &'a GraphReport,
    /// Once the codes are there: the factor on them that the graph asks for, and how far it is from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    rescaling: Option<CodesRescaling>,
}

#[derive(Serialize)]
struct CodesRescaling {
    scale: f64,
    bias: f64,
}

impl<'a> GraphFile<'a> {
    pub(super) fn new<E>(graph: &'a DataGraph<E>, rescaling: Option<Rescaling<f64>>) -> Self {
        Self {
            report: &graph.report,
            rescaling: rescaling.map(|found| CodesRescaling {
                scale: found.sq_scale.sqrt(),
                bias: found.bias,
            }),
        }
    }
}

/// What a person should know about a graph before a model is trained on it.
pub(super) fn graph_line(graph: &GraphReport) -> String {
    let bias = graph.bias.map_or(String::new(), |bias| {
        let spread = graph.spread.map_or(String::new(), |spread| {
            format!(
                " (± {:.1} over {} batches)",
                100.0 * spread,
                graph.judged_batches
            )
        });
        format!(
            "; a perfect embedding would be {:.1} % too large or small{spread}",
            100.0 * bias
        )
    });
    let components = graph
        .components
        .map_or(String::new(), |count| format!("; {count} components"));
    format!(
        "graph: bandwidth {:.4}, {} of {} points isolated{components}{bias}",
        graph.bandwidth, graph.isolated, graph.points
    )
}

#[cfg(test)]
mod tests {
    use super::run_length;

    #[test]
    fn runs_of_one_label_are_series_of_one_length_or_none() {
        assert_eq!(run_length(&[4, 4, 4, 1, 1, 1, 4, 4, 4]), Ok(3));
        assert_eq!(run_length(&[4, 4, 1, 1, 1]), Err((2, 3)));
        assert_eq!(run_length(&[7]), Ok(1));
    }
}
