//! The commands of `geom`, one file each.

mod compare;
mod embed;
mod inspect;
mod loaded;
mod progress;
mod results;
mod score;
mod train;

use std::{io::Write, process::ExitCode};

use geom_bench::{
    Error,
    config::{Config, Device, Dtype},
};
use geom_nn::{Cpu, NetworkDevice};

/// What `geom` does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Train a model, measure it, draw it; writes a run folder
    #[command(args_override_self = true)]
    Train(Box<train::TrainArgs>),
    /// Embed data with the model of a run
    Embed(embed::EmbedArgs),
    /// Measure and draw the model of a run again, on its own data or on other data
    Inspect(inspect::InspectArgs),
    /// Write one page with several runs side by side
    Compare(compare::CompareArgs),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Train(arguments) => train::run(*arguments),
        Command::Embed(arguments) => Ok(embed::run(&arguments)?),
        Command::Inspect(arguments) => Ok(inspect::run(&arguments)?),
        Command::Compare(arguments) => Ok(compare::run(&arguments)?),
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
    /// The user.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::from(2),
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
    rayon::ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .build_global()
        .map_err(|source| Error::Threads {
            threads: config.threads,
            source,
        })?;
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

/// Writes a line to standard output.
pub(crate) fn print(line: &str) -> Result<(), Error> {
    writeln!(std::io::stdout(), "{line}").map_err(|source| Error::Io {
        operation: "write to",
        path: "standard output".into(),
        source,
    })
}
