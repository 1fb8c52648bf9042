//! `geom inspect`

mod decoder;

use std::path::{Path, PathBuf};

use geom_bench::{
    Error,
    config::Config,
    data::{self, Dataset, Labels},
    history::EpochRecord,
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;

use self::decoder::{DecoderArgs, InspectDecoder};
use super::{
    Job, Machine, Number, dispatch, loaded,
    results::{self, Measured, Provenance},
    run_data::RunData,
};

/// The flags of `geom inspect`.
#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The folder of a run
    #[arg(value_name = "RUN", required_unless_present = "weights")]
    run: Option<PathBuf>,
    /// Other data than the run's own: as `geom train --data`
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Where a table's labels are: none, or last (the last column)
    #[arg(long, value_name = "PLACE", requires = "data")]
    labels: Option<Labels>,
    /// The folder to write into, new or empty [default: the next free RUN/inspect-NUMBER]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    decoder: DecoderArgs,
}

pub(crate) fn run(arguments: &InspectArgs) -> Result<(), Error> {
    if let (Some(weights), Some(data)) = (&arguments.decoder.weights, &arguments.data) {
        let config = arguments.machine.over(Config {
            dtype: arguments.decoder.dtype,
            ..Config::default()
        });
        config.check()?;
        return dispatch(
            &config,
            InspectDecoder {
                decoder: &arguments.decoder,
                weights,
                data,
                labels: arguments.labels.unwrap_or_default(),
                out: arguments.out.as_deref(),
            },
        );
    }
    // The parser asks for one of the two.
    let folder = RunFolder::open(arguments.run.as_deref().unwrap_or(Path::new("")))?;
    let config = arguments.machine.over(folder.config()?);
    config.check()?;
    dispatch(
        &config,
        Inspect {
            arguments,
            folder: &folder,
            config: &config,
        },
    )
}

struct Inspect<'a> {
    arguments: &'a InspectArgs,
    folder: &'a RunFolder,
    config: &'a Config,
}

impl Job for Inspect<'_> {
    type Error = Error;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Error> {
        let Self {
            arguments,
            folder,
            config,
        } = self;
        let model = loaded::model::<E, D>(folder, config, device)?;
        let own = arguments.data.is_none();
        let options = data::Options {
            labels: arguments
                .labels
                .unwrap_or(if own { config.labels } else { Labels::None }),
            seed: config.seed,
        };
        let name = arguments.data.as_ref().unwrap_or(&config.data);
        let (file, dataset): (RunData<E>, Dataset<E>);
        let measured = if own && config.mapped {
            file = RunData::map(config)?;
            file.measured(&model)?
        } else {
            dataset = data::load(name, options)?;
            if own {
                let split = dataset.split(config.split, config.test_fraction, config.seed)?;
                Measured::split(&model, &dataset, split)?
            } else {
                Measured::whole(&model, &dataset)?
            }
        };
        let log = folder.file(run_folder::LOG);
        let history = if log.exists() {
            Some(run_folder::read_log::<EpochRecord>(&log)?.records)
        } else {
            None
        };
        let mut command = format!("geom inspect {}", folder.path().display());
        if !own {
            command = format!("{command} --data {name} --labels {}", options.labels);
        }
        let provenance = Provenance {
            epochs: history.as_ref().map(Vec::len),
            history: history.as_deref().filter(|_| own).unwrap_or_default(),
            command,
        };
        let target = Config {
            data: name.clone(),
            labels: options.labels,
            out: arguments.out.clone(),
            ..config.clone()
        };
        let target = RunFolder::create_named(&target, folder.path(), "inspect")?;
        results::write(&target, config, &model, &measured, provenance)?;
        super::print(&results::closing_lines(&target, &measured))
    }
}
