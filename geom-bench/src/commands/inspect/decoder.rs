//! `geom inspect --weights`: anybody's decoder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use geom_ae::{Diagnosis, network_geometry};
use geom_bench::{
    Error,
    config::Dtype,
    data::{self, Dataset, Labels},
    pictures,
    report::{self, AbsentFigure, FigureKind, Footer, Metric, RunReport},
    run_folder::{self, EmbeddingPart, GeometryPart, RunFolder},
};
use geom_nn::{Architecture, Network, NetworkDevice, files};
use serde::de::DeserializeOwned;

use super::super::{Job, Number};

/// Longest description read, 1 MiB.
const LONGEST: u64 = 1 << 20;

/// The flags that describe somebody else's decoder.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DecoderArgs {
    /// A decoder's weights instead of a run: a .safetensors file, a PyTorch state dictionary for one; --data are then latent points
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "run",
        requires = "data",
        help_heading = "Any decoder"
    )]
    pub(super) weights: Option<PathBuf>,
    /// Its layers: a TOML file with `inputs = 2` and `[[layers]]` such as `kind = "linear"`, `inputs = 2`, `outputs = 100`; files that geom wrote bring theirs
    #[arg(
        long,
        value_name = "FILE",
        requires = "weights",
        help_heading = "Any decoder"
    )]
    architecture: Option<PathBuf>,
    /// What stands before the names of its tensors (PyTorch's 0.weight, 0.bias, ..), `decoder.` for one
    #[arg(
        long,
        value_name = "TEXT",
        requires = "weights",
        default_value = "",
        help_heading = "Any decoder"
    )]
    prefix: String,
    /// A TOML file of names that differ: `"0.weight" = "fc1.weight"`
    #[arg(
        long,
        value_name = "FILE",
        requires = "architecture",
        help_heading = "Any decoder"
    )]
    names: Option<PathBuf>,
    /// The number type of its tensors: f32 or f64
    #[arg(
        long,
        value_name = "TYPE",
        requires = "weights",
        default_value = "f32",
        help_heading = "Any decoder"
    )]
    pub(super) dtype: Dtype,
}

/// The work, once it is known on which device.
pub(super) struct InspectDecoder<'a> {
    pub(super) decoder: &'a DecoderArgs,
    pub(super) weights: &'a Path,
    pub(super) data: &'a str,
    pub(super) labels: Labels,
    pub(super) out: Option<&'a Path>,
}

impl Job for InspectDecoder<'_> {
    type Error = Error;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Error> {
        let decoder: Network<E, D> = self.network(device)?;
        let options = data::Options {
            labels: self.labels,
            ..data::Options::default()
        };
        let codes: Dataset<E> = data::load(self.data, options)?;
        if codes.width() != decoder.input_width() {
            return Err(geom_ae::Error::Width {
                operation: "inspect",
                expected: decoder.input_width(),
                actual: codes.width(),
            }
            .into());
        }
        let geometry = network_geometry(&decoder, codes.points.view())?;
        let diagnosis = Diagnosis {
            embedding: codes.points.mapv(geom_nn::Element::wide),
            metrics: geometry.metrics(),
            geometry,
        };
        let folder = RunFolder::without_settings(self.out, Path::new("."), "inspect")?;
        self.write(&folder, &decoder, &codes, &diagnosis)?;
        super::super::print(&super::super::table(&diagnosis.metrics))?;
        super::super::print(&folder.file(run_folder::REPORT).display().to_string())
    }
}

impl InspectDecoder<'_> {
    fn network<E: Number, D: NetworkDevice<E>>(&self, device: &D) -> Result<Network<E, D>, Error> {
        let nn = |error: geom_nn::Error| Error::from(geom_ae::Error::from(error));
        let file = files::load(self.weights).map_err(nn)?;
        file.check_finite::<E>().map_err(nn)?;
        let prefix = &self.decoder.prefix;
        let architecture: Architecture = match &self.decoder.architecture {
            Some(path) => read_toml(path)?,
            None => file
                .architecture(prefix)
                .map_err(|source| Error::ArchitectureMissing {
                    path: self.weights.into(),
                    source: Box::new(source),
                })?,
        };
        let names: BTreeMap<String, String> = match &self.decoder.names {
            Some(path) => read_toml(path)?,
            None => BTreeMap::new(),
        };
        let rename = |name: &str| match names.get(name) {
            Some(theirs) => format!("{prefix}{theirs}"),
            None => format!("{prefix}{name}"),
        };
        file.network_as(&architecture, rename, device).map_err(nn)
    }

    fn write<E: Number, D: NetworkDevice<E>>(
        &self,
        folder: &RunFolder,
        decoder: &Network<E, D>,
        codes: &Dataset<E>,
        diagnosis: &Diagnosis,
    ) -> Result<(), Error> {
        let indices: Vec<usize> = (0..codes.len()).collect();
        folder.write_embedding(&[EmbeddingPart {
            split: "data",
            indices: &indices,
            labels: codes.labels.as_deref(),
            points: diagnosis.embedding.view(),
        }])?;
        folder.write_geometry(&[GeometryPart {
            split: "data",
            indices: &indices,
            log_det: &diagnosis.geometry.log_det,
            condition_number: &diagnosis.geometry.condition_number,
        }])?;
        let by_part = BTreeMap::from([("data", &diagnosis.metrics)]);
        folder.write_json(run_folder::METRICS, &by_part)?;

        let part = pictures::Part {
            diagnosis,
            labels: codes.labels.as_deref(),
        };
        let mut drawn = vec![
            pictures::embedding(part, None)?,
            pictures::log_determinant(
                diagnosis.embedding.view(),
                diagnosis.geometry.log_det.view(),
                None,
            )?,
        ];
        let mut absent: Vec<AbsentFigure> = [FigureKind::Reconstructions, FigureKind::LossCurves]
            .map(|kind| AbsentFigure {
                kind,
                reason: "This is a decoder alone, and nothing was trained here.".to_owned(),
            })
            .into();
        match pictures::indicatrices(decoder, part)? {
            Ok(figure) => drawn.push(figure),
            Err(reason) => absent.push(AbsentFigure {
                kind: FigureKind::Indicatrices,
                reason: reason.to_owned(),
            }),
        }
        folder.write_figures(&drawn)?;
        let undefined = diagnosis.metrics.iter().filter_map(|(name, value)| {
            let reason = value.err()?;
            Some(format!("{name} is not defined for these points: {reason}."))
        });
        let (weights, prefix) = (self.weights.display(), &self.decoder.prefix);
        let mut settings = vec![("weights", weights.to_string()), ("prefix", prefix.clone())];
        let files = [
            ("architecture", &self.decoder.architecture),
            ("names", &self.decoder.names),
        ];
        for (name, path) in files {
            settings.extend(path.as_ref().map(|path| (name, path.display().to_string())));
        }
        settings.push(("data", self.data.to_owned()));
        let flags: Vec<String> = settings
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("--{name} {value}"))
            .collect();
        let page = report::run_page(&RunReport {
            title: format!("The decoder of {weights}"),
            summary: format!(
                "{} latent points of dimension {}, decoded to dimension {}",
                codes.len(),
                decoder.input_width(),
                decoder.output_width()
            ),
            undivided: true,
            warnings: undefined.collect(),
            figures: drawn,
            absent,
            headline: Some(vec![
                "log_det_variance",
                "condition_number_mean",
                "condition_number_median",
                "variation_of_metric",
                "rank_deficient_points",
            ]),
            metrics: diagnosis
                .metrics
                .iter()
                .map(|(name, value)| Metric {
                    name: name.to_owned(),
                    train: None,
                    test: value.ok(),
                })
                .collect(),
            settings: settings
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            footer: Footer {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                command: Some(format!("geom inspect {}", flags.join(" "))),
                ..Footer::default()
            },
        });
        folder.write(run_folder::REPORT, page.as_bytes())
    }
}

/// Reads a small TOML file; errors name the line.
fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let io = |source| Error::Io {
        operation: "read",
        path: path.to_path_buf(),
        source,
    };
    if fs::metadata(path).map_err(io)?.len() > LONGEST {
        return Err(io(std::io::ErrorKind::FileTooLarge.into()));
    }
    let text = fs::read_to_string(path).map_err(io)?;
    toml::from_str(&text).map_err(|error| {
        let before = &text[..error.span().map_or(0, |span| span.start.min(text.len()))];
        let (line, rest) = (before.matches('\n').count(), before.rsplit('\n').next());
        Error::ConfigFile {
            path: path.to_path_buf(),
            line: line + 1,
            column: rest.map_or(0, |rest| rest.chars().count()) + 1,
            message: error
                .message()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        }
    })
}
