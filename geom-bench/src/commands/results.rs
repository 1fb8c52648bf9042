//! What is written once a model is there: embedding, geometry, metrics, figures, report.

mod sample;
mod sharpness;

use std::fmt::Write;

use geom_ae::{Autoencoder, Diagnosis, diagnose_codes, metrics::SummaryOptions};
use geom_bench::{
    Error,
    config::Config,
    data::{Dataset, Split},
    history::EpochRecord,
    pictures::{self, Part},
    report::{self, AbsentFigure, Figure, FigureKind, Footer, HEADLINE_METRICS, Metric, RunReport},
    run_folder::{self, EmbeddingPart, GeometryPart, RunFolder},
};
use geom_nn::NetworkDevice;
use ndarray::{Array2, Axis};
use serde::Serialize;

use super::{Number, remarks, score};

/// Points of a part that are compared with each other, at most: more would take longer than most trainings.
const MOST_COMPARED: usize = 20_000;

/// Train and test points of a data set, each diagnosed; without a split all points are one part.
pub(crate) struct Measured<'a, E> {
    dataset: &'a Dataset<E>,
    parts: Vec<MeasuredPart<E>>,
    /// What the report says of codes that came from elsewhere; `None` for a model's own.
    given: Option<Vec<String>>,
}

struct MeasuredPart<E> {
    name: &'static str,
    indices: Vec<usize>,
    points: Dataset<E>,
    diagnosis: Diagnosis,
    /// How many points these were drawn from, where they are a sample.
    drawn_from: Option<usize>,
}

impl<E> MeasuredPart<E> {
    fn part(&self) -> Part<'_> {
        Part {
            diagnosis: &self.diagnosis,
            labels: self.points.labels.as_deref(),
        }
    }
}

impl<'a, E: Number> Measured<'a, E> {
    /// Diagnoses the model on both parts of the split.
    pub(crate) fn split<D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        dataset: &'a Dataset<E>,
        split: Split,
    ) -> Result<Self, Error> {
        Self::new(
            model,
            dataset,
            vec![("train", split.train), ("test", split.test)],
        )
    }

    /// Diagnoses the model on all points.
    pub(crate) fn whole<D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        dataset: &'a Dataset<E>,
    ) -> Result<Self, Error> {
        Self::new(model, dataset, vec![("data", (0..dataset.len()).collect())])
    }

    fn new<D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        dataset: &'a Dataset<E>,
        parts: Vec<(&'static str, Vec<usize>)>,
    ) -> Result<Self, Error> {
        let encoded = |(name, indices): (&'static str, Vec<usize>)| {
            let points = dataset.points.select(Axis(0), &indices);
            let codes = model.encode(points.view())?;
            Ok((name, indices, codes))
        };
        let parts = parts
            .into_iter()
            .map(encoded)
            .collect::<Result<_, Error>>()?;
        Self::at_codes(model, dataset, parts, None)
    }

    /// Diagnoses the decoder on codes that came from elsewhere; `remarks` are what the report says of them.
    pub(crate) fn with_codes<D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        dataset: &'a Dataset<E>,
        parts: Vec<(&'static str, Vec<usize>, Array2<E>)>,
        remarks: Vec<String>,
    ) -> Result<Self, Error> {
        Self::at_codes(model, dataset, parts, Some(remarks))
    }

    fn at_codes<D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        dataset: &'a Dataset<E>,
        parts: Vec<(&'static str, Vec<usize>, Array2<E>)>,
        given: Option<Vec<String>>,
    ) -> Result<Self, Error> {
        let measure = |(name, indices, codes): (&'static str, Vec<usize>, Array2<E>)| {
            let points = dataset.subset(&indices)?;
            let labels = points.labels.as_deref();
            let options = SummaryOptions {
                points: MOST_COMPARED,
                ..SummaryOptions::default()
            };
            let (x, z) = (points.points.view(), codes.view());
            let diagnosis = diagnose_codes(model, x, z, labels, &options)?;
            Ok(MeasuredPart {
                name,
                indices,
                points,
                diagnosis,
                drawn_from: None,
            })
        };
        Ok(Self {
            dataset,
            parts: parts
                .into_iter()
                .filter(|(_, indices, _)| !indices.is_empty())
                .map(measure)
                .collect::<Result<_, Error>>()?,
            given,
        })
    }

    /// The value of a metric on the last part, test where there is one.
    fn figure(&self, name: &str) -> Option<f64> {
        self.parts
            .last()
            .and_then(|part| part.diagnosis.metrics.get(name))
    }

    fn write_data(&self, folder: &RunFolder) -> Result<(), Error> {
        let parts: Vec<EmbeddingPart<'_, f64>> = self
            .parts
            .iter()
            .map(|part| EmbeddingPart {
                split: part.name,
                indices: &part.indices,
                labels: part.points.labels.as_deref(),
                points: part.diagnosis.embedding.view(),
            })
            .collect();
        folder.write_embedding(&parts)?;
        let geometry: Vec<GeometryPart<'_>> = self
            .parts
            .iter()
            .map(|part| GeometryPart {
                split: part.name,
                indices: &part.indices,
                log_det: &part.diagnosis.geometry.log_det,
                condition_number: &part.diagnosis.geometry.condition_number,
            })
            .collect();
        folder.write_geometry(&geometry)?;
        folder.write_json(run_folder::METRICS, &ByPart(&self.parts))
    }

    /// The pictures that can be drawn, and why the others cannot.
    fn pictures<D: NetworkDevice<E>>(
        &self,
        config: &Config,
        model: &Autoencoder<E, D>,
        history: &[EpochRecord],
    ) -> Result<(Vec<Figure>, Vec<AbsentFigure>), Error> {
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let mut absent = Vec::new();
        let test = (self.parts.len() > 1).then(|| last.part());
        let mut pictures = vec![
            pictures::embedding(first.part(), test)?,
            pictures::log_determinant(
                first.diagnosis.embedding.view(),
                first.diagnosis.geometry.log_det.view(),
                None,
            )?,
            pictures::reconstructions(
                model,
                last.points.points.view(),
                last.diagnosis.embedding.view(),
                self.dataset.image,
            )?,
        ];
        let glyphs = pictures::indicatrices_by(first.part(), |centres| {
            Ok(model.decode_with_jacobian(centres)?.1)
        })?;
        match glyphs {
            Ok(figure) => pictures.push(figure),
            Err(reason) => absent.push(AbsentFigure {
                kind: FigureKind::Indicatrices,
                reason: reason.to_owned(),
            }),
        }
        if let Some(prior) = config.prior() {
            pictures.push(pictures::aggregated_posterior(
                model,
                first.points.points.view(),
                config.encoder_noise(),
                prior,
                config.seed,
            )?);
            pictures.push(pictures::samples(
                model,
                last.points.points.view(),
                self.dataset.image,
                prior,
                config.seed,
            )?);
        }
        if history.is_empty() {
            absent.push(AbsentFigure {
                kind: FigureKind::LossCurves,
                reason: "Nothing was trained on these data.".to_owned(),
            });
        } else {
            pictures.push(pictures::loss_curves(history)?);
        }
        Ok((pictures, absent))
    }

    /// Whether all points are one part.
    fn undivided(&self) -> bool {
        self.parts.len() == 1
    }

    /// One row for every metric.
    fn metrics(&self) -> Vec<Metric> {
        let value = |part: Option<&MeasuredPart<E>>, name: &str| {
            part.and_then(|part| part.diagnosis.metrics.get(name))
        };
        let train = self.parts.first().filter(|_| !self.undivided());
        let names = self
            .parts
            .first()
            .into_iter()
            .flat_map(|part| part.diagnosis.metrics.iter());
        names
            .map(|(name, _)| Metric {
                name: name.to_owned(),
                train: value(train, name),
                test: value(self.parts.last(), name),
            })
            .collect()
    }
}

/// How the model came about and by what command it was measured.
pub(crate) struct Provenance<'a> {
    /// The epochs on the data that were measured; none if it was trained on other data.
    pub(crate) history: &'a [EpochRecord],
    /// The epochs it was trained for, if that is known.
    pub(crate) epochs: Option<usize>,
    /// The command.
    pub(crate) command: String,
}

/// Writes everything but the model and the log into `folder`.
pub(crate) fn write<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    model: &Autoencoder<E, D>,
    measured: &Measured<'_, E>,
    provenance: Provenance<'_>,
) -> Result<(), Error> {
    let history = provenance.history;
    measured.write_data(folder)?;
    let (mut figures, mut absent) = measured.pictures(config, model, history)?;
    let points: Vec<_> = measured
        .parts
        .iter()
        .map(|part| part.points.points.view())
        .collect();
    match score::write(folder, config, model, &points)? {
        Some(Ok(figure)) => figures.push(figure),
        Some(Err(reason)) => absent.push(reason),
        None => {}
    }
    if let (Some(_), Some(first)) = (&measured.given, measured.parts.first()) {
        match pictures::geodesics(model.decoder(), first.part())? {
            Ok((figure, ways)) => {
                folder.write_json(run_folder::GEODESICS, &ways)?;
                figures.push(figure);
            }
            Err(reason) => absent.push(AbsentFigure {
                kind: FigureKind::Geodesics,
                reason: reason.to_owned(),
            }),
        }
    }
    folder.write_figures(&figures)?;
    let sizes: Vec<String> = measured
        .parts
        .iter()
        .map(|part| format!("{} {} points", part.indices.len(), part.name))
        .collect();
    let page = report::run_page(&RunReport {
        title: format!("{} on {}", config.method, measured.dataset.name),
        summary: format!(
            "{} of dimension {}, latent dimension {}{}",
            sizes.join(" and "),
            measured.dataset.width(),
            config.latent_dim,
            match provenance.epochs {
                Some(1) => ", 1 epoch".to_owned(),
                Some(epochs) => format!(", {epochs} epochs"),
                None => String::new(),
            }
        ),
        undivided: measured.undivided(),
        warnings: measured.warnings(history),
        figures,
        absent,
        metrics: measured.metrics(),
        settings: config.entries()?,
        footer: Footer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: Some(config.seed),
            command: Some(provenance.command),
            attribution: measured.dataset.attribution.map(str::to_owned),
        },
        ..RunReport::default()
    });
    folder.write(run_folder::REPORT, page.as_bytes())
}

/// The last lines of a command: the folder and the numbers that matter.
pub(crate) fn closing_lines<E: Number>(folder: &RunFolder, measured: &Measured<'_, E>) -> String {
    let part = measured.parts.last().map_or("data", |part| part.name);
    let mut lines = String::new();
    for name in HEADLINE_METRICS {
        let value = measured
            .figure(name)
            .map_or_else(|| "not defined".to_owned(), report::number);
        let _ = writeln!(lines, "{name:28} {value:>12}   ({part})");
    }
    let _ = write!(
        lines,
        "{}",
        folder.path().join(run_folder::REPORT).display()
    );
    lines
}

/// The parts' metrics as one JSON object.
struct ByPart<'a, E>(&'a [MeasuredPart<E>]);

impl<E> Serialize for ByPart<'_, E> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|part| (part.name, &part.diagnosis.metrics)),
        )
    }
}
