//! `geom compare`

use std::{
    fs,
    path::{Path, PathBuf},
};

use geom_bench::{
    Error, figures, pictures,
    report::{ComparedRun, Comparison, Figure, FigureKind, Footer, Metric, comparison_page},
    run_folder::{self, PointGeometry, RunFolder},
};
use serde_json::{Map, Value};

/// The flags of `geom compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// The folders of the runs, from left to right
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// The page to write
    #[arg(long, value_name = "FILE", default_value = "comparison.html")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &CompareArgs) -> Result<(), Error> {
    let mut warnings = Vec::new();
    let mut compared = Vec::new();
    let mut geometries = Vec::new();
    for path in &arguments.runs {
        let folder = RunFolder::open(path)?;
        compared.push(ComparedRun {
            name: path.display().to_string(),
            settings: folder.config()?.entries()?,
            figures: figures_of(&folder, &mut warnings)?,
            metrics: metrics_of(&folder, &mut warnings)?,
        });
        geometries.push(folder.read_geometry()?);
    }
    share_colours(&mut compared, &geometries)?;
    let setting = |run: &ComparedRun, name: &str| {
        run.settings
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    for name in ["data", "labels", "split", "test_fraction"] {
        let first = compared.first().and_then(|run| setting(run, name));
        if compared.iter().any(|run| setting(run, name) != first) {
            warnings.push(format!(
                "The runs differ in {name}: their metrics are of different points."
            ));
        }
    }
    let page = comparison_page(&Comparison {
        title: format!("{} runs side by side", compared.len()),
        warnings,
        runs: compared,
        footer: Footer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Footer::default()
        },
    });
    run_folder::write_atomic(&arguments.out, page.as_bytes())?;
    super::print(&arguments.out.display().to_string())
}

/// The pictures that the run has drawn.
fn figures_of(folder: &RunFolder, warnings: &mut Vec<String>) -> Result<Vec<Figure>, Error> {
    let mut figures = Vec::new();
    for kind in FigureKind::ALL {
        match folder.read_figure(kind)? {
            Some(figure) => figures.push(figure),
            None if !kind.always() => {}
            None => {
                let path = folder.file(&run_folder::figure_file(kind));
                warnings.push(format!("{} is missing.", path.display()));
            }
        }
    }
    Ok(figures)
}

/// The numbers of `metrics.json`: train and test, or all points where they were measured as one part.
fn metrics_of(folder: &RunFolder, warnings: &mut Vec<String>) -> Result<Vec<Metric>, Error> {
    let path = folder.file(run_folder::METRICS);
    let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
    let parts: Value = serde_json::from_str(&text).map_err(|source| Error::Json {
        operation: "read",
        path: path.clone(),
        source,
    })?;
    let part = |name: &str| parts.get(name).and_then(Value::as_object);
    let (train, test) = match (part("train"), part("test"), part("data")) {
        (Some(train), test, None) => (Some(train), test),
        (None, None, Some(data)) => {
            warnings.push(format!(
                "{} was measured on all points of its data: its values stand with the test values of the others.",
                folder.path().display()
            ));
            (None, Some(data))
        }
        _ => {
            let reason = "not the metrics of a run: no objects `train` and `test`".to_owned();
            return Err(Error::RunTable { path, reason });
        }
    };
    let value = |part: Option<&Map<String, Value>>, name: &str| part?.get(name)?.as_f64();
    let names = train.or(test).into_iter().flat_map(Map::keys);
    Ok(names
        .map(|name| Metric {
            name: name.clone(),
            train: value(train, name),
            test: value(test, name),
        })
        .collect())
}

/// Draws the heatmaps again, all on one scale of colours.
fn share_colours(runs: &mut [ComparedRun], geometries: &[PointGeometry]) -> Result<(), Error> {
    let fields: Vec<_> = geometries
        .iter()
        .map(|geometry| geometry.log_det.view())
        .collect();
    let limit = figures::log_determinant_limit(&fields);
    for (run, geometry) in runs.iter_mut().zip(geometries) {
        run.figures
            .retain(|figure| figure.kind != FigureKind::LogDeterminant);
        run.figures.push(pictures::log_determinant(
            geometry.embedding.view(),
            geometry.log_det.view(),
            Some(limit),
        )?);
    }
    Ok(())
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        operation: "read",
        path: path.to_path_buf(),
        source,
    }
}
