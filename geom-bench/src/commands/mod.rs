//! The commands of `geom`, one file each.

mod compare;
mod control;
mod embed;
mod evaluate;
mod experiment;
mod fit_decoder;
mod flatten;
mod inspect;
mod loaded;
mod progress;
mod remarks;
mod results;
mod run_data;
mod score;
mod train;

use std::{io::Write, process::ExitCode};

use geom_ae::Metrics;
use geom_bench::{
    Error,
    config::{Config, Device, Dtype, MOST_THREADS},
    report::number,
};
use geom_nn::{Cpu, NetworkDevice};

/// What `geom` does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Train a model, measure it, draw it; writes a run folder
    #[command(args_override_self = true)]
    Train(Box<train::TrainArgs>),
    /// Fit a decoder to an embedding from a file, measure it, draw it; writes a run folder
    #[command(args_override_self = true)]
    FitDecoder(Box<fit_decoder::FitDecoderArgs>),
    /// Embed data with the model of a run
    Embed(embed::EmbedArgs),
    /// Measure and draw the model of a run again, on its own data or on other data, or anybody's decoder
    Inspect(Box<inspect::InspectArgs>),
    /// Measure anybody's embedding of some data
    Evaluate(evaluate::EvaluateArgs),
    /// Other latent coordinates for the model of a run, in which its decoder distorts less
    Flatten(flatten::FlattenArgs),
    /// Run an experiment of a paper again: a figure, numbers over several seeds, what the paper says beside them
    Experiment(experiment::ExperimentArgs),
    /// Write one page with several runs side by side
    Compare(compare::CompareArgs),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Train(arguments) => train::run(*arguments),
        Command::FitDecoder(arguments) => fit_decoder::run(*arguments),
        Command::Embed(arguments) => Ok(embed::run(&arguments)?),
        Command::Inspect(arguments) => Ok(inspect::run(&arguments)?),
        Command::Evaluate(arguments) => Ok(evaluate::run(&arguments)?),
        Command::Flatten(arguments) => Ok(flatten::run(&arguments)?),
        Command::Experiment(arguments) => Ok(experiment::run(arguments)?),
        Command::Compare(arguments) => Ok(compare::run(&arguments)?),
    }
}

/// Where a model that is trained already is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Machine {
    /// Where to compute: cpu or cuda [default: as the run]
    #[arg(long, value_name = "DEVICE")]
    device: Option<Device>,
    /// Threads; the results do not depend on them [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Machine {
    /// The settings of a run, on this machine.
    pub(crate) fn over(&self, config: Config) -> Config {
        Config {
            device: self.device.unwrap_or(config.device),
            threads: self.threads.unwrap_or(Config::default().threads),
            ..config
        }
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something the user handed in.
    #[error(transparent)]
    Input(#[from] Error),
    /// The training itself.
    #[error("{error}; {left}")]
    Training {
        /// What happened.
        error: geom_ae::Error,
        /// What it leaves behind.
        left: String,
    },
    /// A run that cannot be written: a full disk, say.
    #[error("{error}; {left}")]
    Unwritten {
        /// What was refused.
        error: Error,
        /// What the run leaves behind.
        left: String,
    },
    /// The user.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::Unwritten { .. } => ExitCode::from(2),
            Self::Training { .. } => ExitCode::FAILURE,
            // 128 + SIGINT, as a shell reports it.
            Self::Interrupted(_) => ExitCode::from(130),
        }
    }
}

/// A number type that both data and networks know.
pub(crate) trait Number: geom_bench::data::Scalar + geom_ae::Scalar {}

impl Number for f32 {}
impl Number for f64 {}

/// Work that is written once for every number type and device.
pub(crate) trait Job {
    /// What goes wrong.
    type Error: From<Error>;

    /// Does it.
    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Self::Error>;
}

/// Runs `job` in the number type, on the device and with the threads that the settings ask for.
pub(crate) fn dispatch<J: Job>(config: &Config, job: J) -> Result<(), J::Error> {
    start_threads(Some(config.threads))?;
    match (config.device, config.dtype) {
        (Device::Cpu, Dtype::F32) => job.run::<f32, _>(&Cpu::default()),
        (Device::Cpu, Dtype::F64) => job.run::<f64, _>(&Cpu::default()),
        #[cfg(feature = "cuda")]
        (Device::Cuda, dtype) => {
            let device =
                geom_nn::cuda(0).map_err(|error| Error::from(geom_ae::Error::from(error)))?;
            match dtype {
                Dtype::F32 => job.run::<f32, _>(&device),
                Dtype::F64 => job.run::<f64, _>(&device),
            }
        }
        #[cfg(not(feature = "cuda"))]
        (Device::Cuda, _) => Err(Error::NoCuda.into()),
    }
}

/// Starts so many threads, or as many as there are cores.
pub(crate) fn start_threads(threads: Option<usize>) -> Result<(), Error> {
    let threads = threads.unwrap_or(Config::default().threads);
    if !(1..=MOST_THREADS).contains(&threads) {
        return Err(Error::Setting {
            setting: "threads",
            value: threads.to_string(),
            due: "from 1 to 1024",
        });
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|source| Error::Threads { threads, source })
}

/// Figures as lines of text: name, value or reason.
pub(crate) fn table(metrics: &Metrics) -> String {
    let lines = metrics.iter().map(|(name, value)| match value {
        Ok(value) => format!("{name:28} {:>12}", number(value)),
        Err(reason) => format!("{name:28}  not defined: {reason}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a line to standard output.
pub(crate) fn print(line: &str) -> Result<(), Error> {
    writeln!(std::io::stdout(), "{line}").map_err(|source| Error::Io {
        operation: "write to",
        path: "standard output".into(),
        source,
    })
}
