//! `geom train`

mod beginning;
mod embedding;
mod epochs;
mod prepare;
mod resuming;
mod seeds;
mod terms;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use geom_ae::{Metrics, objective::graph::GraphData, trainer::latest_checkpoint};
use geom_bench::{
    Error,
    config::{Config, ConfigArgs, Method, Settings},
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;

use self::{
    beginning::begin,
    embedding::embedding_of_file,
    epochs::train_epochs,
    prepare::{GraphFile, Prepared, graph_line, prepare},
    resuming::{fingerprint, left_behind, resume},
    seeds::Seeds,
};
use super::{
    Failure, Job, Number, dispatch,
    results::{self, Provenance},
    run_data::RunData,
};

/// Set by Ctrl-C; the training looks at it after every batch.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What to say of a Ctrl-C from now on. It is set once all epochs are on the disk: what follows is written file by file,
/// each whole, and can be done again, so nothing need be waited for.
static TRAINED: Mutex<Option<String>> = Mutex::new(None);

fn set_trained(message: Option<String>) {
    *TRAINED.lock().unwrap_or_else(PoisonError::into_inner) = message;
}

/// The flags of `geom train`.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Go on with an interrupted run, or with the interrupted runs of --seeds, to the same bits; of the other flags only --threads may be given
    #[arg(long, value_name = "RUN", help_heading = "Running")]
    resume: Option<PathBuf>,
    /// Train once for each of several seeds, N from --seed on or a list, and sum the figures up as mean ± standard deviation
    #[arg(
        long,
        value_name = "N | A,B,..",
        help_heading = "Running",
        conflicts_with = "resume"
    )]
    seeds: Option<Seeds>,
}

pub(crate) fn run(arguments: TrainArgs) -> Result<(), Failure> {
    let (config, resumed) = match arguments.resume {
        None => (arguments.config.resolve()?, None),
        Some(path) => {
            let threads = arguments.config.settings.threads;
            let only_threads = Settings {
                threads,
                ..Settings::default()
            };
            if arguments.config.config.is_some() || arguments.config.settings != only_threads {
                return Err(Error::ResumeWithSettings { path }.into());
            }
            let folder = RunFolder::open_to_write(&path)?;
            if folder.file(run_folder::SEEDS).exists() {
                catch_interrupts()?;
                return seeds::resume(folder, threads);
            }
            if folder.file(run_folder::REPORT).exists() {
                return Err(Error::RunFinished { path }.into());
            }
            (folder.config()?.with(only_threads), Some(folder))
        }
    };
    catch_interrupts()?;
    match arguments.seeds {
        None => dispatch(&config.clone(), Train { config, resumed }),
        Some(seeds) => seeds::run(&config, &seeds),
    }
}

/// The first Ctrl-C ends the training after its batch; a second one, or one after the training, ends the program at once.
fn catch_interrupts() -> Result<(), Error> {
    let handler = || {
        let twice = INTERRUPTED.swap(true, Ordering::SeqCst);
        let trained = TRAINED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = &*trained {
            eprintln!("geom: {message}");
        }
        if twice || trained.is_some() {
            #[expect(
                clippy::exit,
                reason = "there is nothing to wait for, or the user asked twice"
            )]
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|source| Error::Signals { source })
}

struct Train {
    config: Config,
    resumed: Option<RunFolder>,
}

impl Job for Train {
    type Error = Failure;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Failure> {
        let finished = train(self.config, self.resumed, device)?;
        super::print(&finished.lines)?;
        Ok(())
    }
}

/// What a finished run has to say.
pub(super) struct Finished {
    pub(super) lines: String,
    pub(super) parts: Vec<(&'static str, Metrics)>,
}

/// Whether the user asked to stop.
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Trains, measures and draws one run.
fn train<E: Number, D: NetworkDevice<E>>(
    mut config: Config,
    resumed: Option<RunFolder>,
    device: &D,
) -> Result<Finished, Failure> {
    if let Method::Control(control) = config.method {
        return super::control::train(control, config, resumed, device);
    }
    // Everything that can be wrong is found out before the folder is made.
    let data = RunData::<E>::load(&config)?;
    config.see(&data.dataset);
    let (train, labels) = (data.train(), data.train_labels());
    let Prepared { mut trainer, graph } = prepare(
        &config,
        device,
        &data.dataset,
        &data.split,
        train,
        labels.as_deref(),
    )?;
    // A run that has a checkpoint is past its beginning.
    let is_past = match &resumed {
        Some(folder) => latest_checkpoint(&folder.file(run_folder::CHECKPOINTS))
            .map_err(Error::from)?
            .is_some(),
        None => false,
    };
    let picture = if is_past {
        None
    } else {
        beginning::picture(&config, &data)?
    };
    let fingerprint = fingerprint(&config, &data)?;
    if INTERRUPTED.load(Ordering::SeqCst) {
        let message = "interrupted before the training began; nothing was written";
        return Err(Failure::Interrupted(message.to_owned()));
    }

    let (folder, mut history) = match resumed {
        None => (
            RunFolder::create(&config, Path::new(run_folder::RUNS))?,
            Vec::new(),
        ),
        Some(folder) => {
            let history = resume(&folder, &mut trainer, &fingerprint)?;
            (folder, history)
        }
    };
    eprintln!(
        "{} on {}: {} train and {} test points of dimension {}; {}",
        config.method,
        data.dataset.name,
        train.nrows(),
        data.test().nrows(),
        train.ncols(),
        folder.path().display()
    );
    if let Some(graph) = &graph {
        eprintln!("{}", graph_line(&graph.report));
        folder.write_json(run_folder::GRAPH, &GraphFile::new(graph, None))?;
    }
    if let Some(picture) = picture {
        begin(&mut trainer, picture, &config, &folder)?;
    }
    train_epochs(
        &folder,
        &config,
        &mut trainer,
        data.test(),
        &fingerprint,
        &mut history,
    )?;

    let message = format!("interrupted; {}", left_behind(&folder, trainer.epoch()));
    // Whatever comes between these two is seen by one of them.
    set_trained(Some(message.clone()));
    if INTERRUPTED.load(Ordering::SeqCst) {
        return Err(Failure::Interrupted(message));
    }
    eprintln!("measuring and drawing");
    let model = trainer.into_model();
    if let Some(graph) = &graph {
        let codes = model.encode(train).map_err(Error::from)?;
        let points = GraphData {
            points: train,
            labels: labels.as_deref(),
            training: &config.train_options(),
        };
        let rescaling = graph.term.rescaling_on(&points, codes.view());
        let file = GraphFile::new(graph, Some(rescaling.map_err(Error::from)?));
        folder.write_json(run_folder::GRAPH, &file)?;
    }
    let mut measured = data.measured(&model)?;
    measured.judge_images(&model, &config)?;
    let provenance = Provenance {
        history: &history,
        epochs: Some(history.len()),
        command: format!("geom train --config {}", run_folder::CONFIG),
    };
    results::write(&folder, &config, &model, &measured, provenance)?;
    folder.remove(run_folder::CHECKPOINTS)?;
    set_trained(None);
    Ok(Finished {
        lines: results::closing_lines(&folder, &measured),
        parts: measured.metrics_by_part(),
    })
}
