//! `geom evaluate`

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use geom_ae::{
    Metrics, Undefined,
    metrics::{
        self, DistanceCorrelation, MetricError, Pairs, SummaryOptions, adjusted_rand_index,
        distance_correlation, distance_correlation_from_sources, normalized_mutual_information,
    },
};
use geom_bench::{
    Error,
    data::{self, Dataset, Labels},
    figures::{self, Cloud},
    report::{self, AbsentFigure, Figure, FigureKind, Footer, Metric, RunReport},
    run_folder,
};
use geom_graph::{DistanceGraph, Geodesics, Search, Symmetrisation, Unreachable};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

/// Pairs of points in a distance correlation, at most; also triplets.
const PAIRS: usize = 1_000_000;
/// Points from which geodesic distances are followed, at most.
const SOURCES: usize = 256;
/// Integers below this are told apart by f64.
const LARGEST: f64 = 9_007_199_254_740_992.0;
/// Endings of a report.
const ENDINGS: &[&str] = &["json", "html"];
/// The figures on top of the page.
const HEADLINE: [&str; 5] = [
    "trustworthiness",
    "continuity",
    "knn_recall_10",
    "spearman",
    "kl_0.1",
];

/// The flags of `geom evaluate`.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    /// The data that were embedded: as `geom train --data`
    #[arg(long, value_name = "DATA")]
    data: String,
    /// The embedding, one row for each row of the data: a .csv, .csv.gz, .npy or .npz file
    #[arg(long, value_name = "FILE")]
    embedding: String,
    /// Where the labels of the data are: none, or last (the last column)
    #[arg(long, value_name = "PLACE", default_value = "none")]
    labels: Labels,
    /// True coordinates of the points, one row each; generated data bring their own
    #[arg(long, value_name = "FILE")]
    truth: Option<String>,
    /// Also compare with shortest paths along the graph of this many nearest neighbours
    #[arg(long, value_name = "K")]
    geodesic: Option<usize>,
    /// A clustering to hold against the labels: one integer a row
    #[arg(long, value_name = "FILE")]
    clusters: Option<String>,
    /// What a decoder made of the embedding, one row for each row of the data, for the reconstruction error
    #[arg(long, value_name = "FILE")]
    reconstruction: Option<String>,
    /// Neighbourhood sizes that rank metrics are averaged over, each below half the points [default: those of 10,20,..,200 that are]
    #[arg(long, value_name = "K,K,..")]
    ks: Option<Sizes>,
    /// Seed of generated data and of samples of pairs
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Threads; the results do not depend on them [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The file to write as well: .json or .html
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Neighbourhood sizes, `10,20,30`.
#[derive(Debug, Clone)]
struct Sizes(Vec<usize>);

impl FromStr for Sizes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let sizes: Result<Vec<usize>, _> = text.split(',').map(|k| k.trim().parse()).collect();
        match sizes {
            Ok(sizes) if !sizes.contains(&0) => Ok(Self(sizes)),
            _ => Err(Error::Setting {
                setting: "ks",
                value: format!("`{}`", text.escape_debug()),
                due: "sizes of at least 1 such as 10,20,30",
            }),
        }
    }
}

/// What a `.json` file holds.
#[derive(Serialize)]
struct Report<'a> {
    data: &'a str,
    embedding: &'a str,
    points: usize,
    data_dimension: usize,
    embedding_dimension: usize,
    ks: &'a [usize],
    metrics: &'a Metrics,
}

pub(crate) fn run(arguments: &EvaluateArgs) -> Result<(), Error> {
    if let Some(path) = &arguments.out {
        run_folder::check_output(path, ENDINGS)?;
    }
    super::start_threads(arguments.threads)?;
    let options = |labels| data::Options {
        labels,
        seed: arguments.seed,
    };
    let dataset: Dataset<f64> = data::load(&arguments.data, options(arguments.labels))?;
    let rows_of = |file: &str| -> Result<Array2<f64>, Error> {
        let rows = data::load::<f64>(file, options(Labels::None))?.points;
        if rows.nrows() == dataset.len() {
            return Ok(rows);
        }
        Err(Error::RowCount {
            path: file.into(),
            rows: rows.nrows(),
            data: arguments.data.clone(),
            points: dataset.len(),
        })
    };
    let embedding = rows_of(&arguments.embedding)?;
    let truth = match &arguments.truth {
        Some(file) => Some(rows_of(file)?),
        None => dataset.parameters.clone(),
    };
    let decoded = match &arguments.reconstruction {
        Some(file) => {
            let rows = rows_of(file)?;
            let error = metrics::reconstruction_mse(dataset.points.view(), rows.view());
            Some(error.map_err(geom_ae::Error::from)?)
        }
        None => None,
    };
    let clusters = match &arguments.clusters {
        Some(file) => Some((file, rows_of(file)?)),
        None => None,
    };

    let (ks, summed) = measure(arguments, &dataset, embedding.view(), truth, clusters)?;
    let mut metrics = Metrics::default();
    if let Some(error) = decoded {
        metrics.add("reconstruction_mse", Ok(error));
    }
    metrics.extend(summed);
    if let Some(path) = &arguments.out {
        let json = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("json"));
        let contents = if json {
            let report = Report {
                data: &arguments.data,
                embedding: &arguments.embedding,
                points: dataset.len(),
                data_dimension: dataset.width(),
                embedding_dimension: embedding.ncols(),
                ks: &ks,
                metrics: &metrics,
            };
            serde_json::to_string_pretty(&report).map_err(|source| Error::Json {
                operation: "write",
                path: path.clone(),
                source,
            })? + "\n"
        } else {
            page(arguments, &dataset, embedding.view(), &metrics)?
        };
        run_folder::write_atomic(path, contents.as_bytes())?;
    }
    super::print(&super::table(&metrics))?;
    match &arguments.out {
        Some(path) => super::print(&path.display().to_string()),
        None => Ok(()),
    }
}

/// Every figure, and the neighbourhood sizes that were averaged over.
fn measure(
    arguments: &EvaluateArgs,
    dataset: &Dataset<f64>,
    embedding: ArrayView2<'_, f64>,
    truth: Option<Array2<f64>>,
    clusters: Option<(&String, Array2<f64>)>,
) -> Result<(Vec<usize>, Metrics), Error> {
    let (x, labels) = (dataset.points.view(), dataset.labels.as_deref());
    let mut options = SummaryOptions {
        pairs: PAIRS,
        triplets: PAIRS,
        seed: arguments.seed,
        ..SummaryOptions::default()
    };
    if let Some(Sizes(ks)) = &arguments.ks {
        let compared = dataset.len().min(options.points);
        if let Some(&k) = ks.iter().find(|&&k| k >= compared.div_ceil(2)) {
            return Err(Error::SizeTooLarge {
                k,
                points: compared,
            });
        }
        options.ks.clone_from(ks);
    }
    let summary = metrics::summary(x, embedding, labels, &options).map_err(geom_ae::Error::from)?;
    let ks = summary.ks.clone();
    let mut metrics = Metrics::from(summary);
    let mut correlation = |name: &str, found: Result<DistanceCorrelation, MetricError>| {
        let found = found.map_err(Undefined::from);
        let (spearman, pearson) = (found.clone().map(|c| c.spearman), found.map(|c| c.pearson));
        metrics.add(format!("spearman_{name}"), spearman);
        metrics.add(format!("pearson_{name}"), pearson);
    };
    if let Some(truth) = truth {
        let n = dataset.len();
        let pairs = if n.saturating_mul(n.saturating_sub(1)) / 2 <= PAIRS {
            Pairs::All
        } else {
            Pairs::Sampled {
                pairs: PAIRS,
                seed: arguments.seed,
            }
        };
        correlation(
            "truth",
            distance_correlation(truth.view(), embedding, pairs),
        );
    }
    if let Some(k) = arguments.geodesic {
        let (sources, distances) = geodesics(x, k)?;
        correlation(
            "geodesic",
            distance_correlation_from_sources(&sources, distances.view(), embedding),
        );
    }
    if let Some((file, clusters)) = clusters {
        let Some(labels) = labels else {
            return Err(Error::ClustersWithoutLabels { path: file.into() });
        };
        let clusters = integers(file, clusters.view())?;
        let ari = adjusted_rand_index(labels, &clusters);
        metrics.add("ari", ari.map_err(Undefined::from));
        let nmi = normalized_mutual_information(labels, &clusters);
        metrics.add("nmi", nmi.map_err(Undefined::from));
    }
    Ok((ks, metrics))
}

/// Shortest paths from evenly spaced points to all others; infinite between components.
fn geodesics(x: ArrayView2<'_, f64>, k: usize) -> Result<(Vec<usize>, Array2<f64>), Error> {
    let n = x.nrows();
    let sources: Vec<usize> = (0..n.min(SOURCES))
        .map(|i| i * n / n.min(SOURCES))
        .collect();
    let found = Search::new().knn(x, k).and_then(|found| {
        let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
        Geodesics::new()
            .unreachable(Unreachable::Infinite)
            .from(&graph, &sources)
    });
    let distances = found.map_err(|source| geom_ae::Error::Graph {
        term: "geodesic distances",
        source: Box::new(source),
    })?;
    Ok((sources, distances))
}

/// The one column of a clustering.
fn integers(file: &str, column: ArrayView2<'_, f64>) -> Result<Vec<i64>, Error> {
    if column.ncols() != 1 {
        return Err(Error::ArrayShape {
            path: file.into(),
            shape: column.shape().iter().map(|&n| n as u64).collect(),
            due: "one column",
        });
    }
    let label = |(row, &value): (usize, &f64)| {
        num_traits::cast::<f64, i64>(value)
            .filter(|&integer| integer as f64 - value == 0.0 && value.abs() < LARGEST)
            .ok_or_else(|| Error::BadLabel {
                path: file.into(),
                unit: "row",
                row: row as u64 + 1,
                value,
            })
    };
    column.iter().enumerate().map(label).collect()
}

fn page(
    arguments: &EvaluateArgs,
    dataset: &Dataset<f64>,
    embedding: ArrayView2<'_, f64>,
    metrics: &Metrics,
) -> Result<String, Error> {
    let svg = figures::embedding(&figures::Embedding {
        title: "Embedding",
        train: Cloud {
            points: embedding,
            labels: dataset.labels.as_deref(),
        },
        test: None,
    })?;
    let absent = FigureKind::ALL
        .into_iter()
        .filter(|kind| *kind != FigureKind::Embedding)
        .map(|kind| AbsentFigure {
            kind,
            reason: "It needs a decoder, and this is an embedding alone.".to_owned(),
        });
    let undefined = metrics.iter().filter_map(|(name, value)| {
        let reason = value.err()?;
        Some(format!("{name} is not defined for these points: {reason}."))
    });
    Ok(report::run_page(&RunReport {
        title: format!("An embedding of {}", dataset.name),
        summary: format!(
            "{} points of dimension {}, embedded in dimension {}",
            dataset.len(),
            dataset.width(),
            embedding.ncols()
        ),
        undivided: true,
        warnings: undefined.collect(),
        figures: vec![Figure {
            kind: FigureKind::Embedding,
            svg,
            remark: None,
        }],
        absent: absent.collect(),
        headline: Some(HEADLINE.to_vec()),
        metrics: metrics
            .iter()
            .map(|(name, value)| Metric {
                name: name.to_owned(),
                train: None,
                test: value.ok(),
            })
            .collect(),
        settings: BTreeMap::from([
            ("data", arguments.data.clone()),
            ("embedding", arguments.embedding.clone()),
            ("labels", arguments.labels.to_string()),
        ])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect(),
        footer: Footer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: Some(arguments.seed),
            command: Some(format!(
                "geom evaluate --data {} --embedding {} --labels {}",
                arguments.data, arguments.embedding, arguments.labels
            )),
            attribution: dataset.attribution.map(str::to_owned),
        },
    }))
}
