//! `geom train`

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use geom_ae::{
    Autoencoder, TrainOptions, Trainer,
    objective::graph::{GraphData, GraphReport, GraphSettings},
    trainer::{Digest, EpochOutcome, Resumed, latest_checkpoint},
};
use geom_bench::{
    Error,
    config::{Config, ConfigArgs, Settings},
    data::Dataset,
    history::{self, EpochRecord},
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;
use ndarray::{ArrayView2, Axis};

use super::{
    Failure, Job, Number, dispatch,
    progress::Progress,
    results::{self, Measured, Provenance},
};

/// Set by Ctrl-C; the training looks at it after every batch.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What to say of a Ctrl-C from now on. It is set once all epochs are on the disk: what follows is written file by file,
/// each whole, and can be done again, so nothing need be waited for.
static TRAINED: OnceLock<String> = OnceLock::new();

/// The flags of `geom train`.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Go on with an interrupted run, to the same bits; of the other flags only --threads may be given
    #[arg(long, value_name = "RUN", help_heading = "Running")]
    resume: Option<PathBuf>,
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
            if folder.file(run_folder::REPORT).exists() {
                return Err(Error::RunFinished { path }.into());
            }
            (folder.config()?.with(only_threads), Some(folder))
        }
    };
    catch_interrupts()?;
    dispatch(&config.clone(), Train { config, resumed })
}

/// The first Ctrl-C ends the training after its batch; a second one, or one after the training, ends the program at once.
fn catch_interrupts() -> Result<(), Error> {
    let handler = || {
        let twice = INTERRUPTED.swap(true, Ordering::SeqCst);
        let trained = TRAINED.get();
        if let Some(message) = trained {
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
        let Self { config, resumed } = self;
        // Everything that can be wrong is found out before the folder is made.
        let (dataset, split) = config.load_data::<E>()?;
        let train = dataset.points.select(Axis(0), &split.train);
        let test = dataset.points.select(Axis(0), &split.test);
        let labels: Option<Vec<i64>> = dataset
            .labels
            .as_ref()
            .map(|labels| split.train.iter().map(|&row| labels[row]).collect());
        let (mut trainer, graph) = prepare(&config, device, train.view(), labels.as_deref())?;
        let fingerprint = fingerprint(&config, &dataset)?;
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
            dataset.name,
            split.train.len(),
            split.test.len(),
            dataset.width(),
            folder.path().display()
        );
        if let Some(graph) = graph {
            eprintln!("{}", graph_line(&graph));
            folder.write_json(run_folder::GRAPH, &graph)?;
        }
        train_epochs(
            &folder,
            &config,
            &mut trainer,
            test.view(),
            &fingerprint,
            &mut history,
        )?;

        let message = format!("interrupted; {}", left_behind(&folder, trainer.epoch()));
        // Whatever comes between these two is seen by one of them.
        let message = TRAINED.get_or_init(|| message);
        if INTERRUPTED.load(Ordering::SeqCst) {
            return Err(Failure::Interrupted(message.clone()));
        }
        eprintln!("measuring and drawing");
        let model = trainer.into_model();
        let measured = Measured::split(&model, &dataset, split)?;
        let provenance = Provenance {
            history: &history,
            epochs: Some(history.len()),
            command: format!("geom train --config {}", run_folder::CONFIG),
        };
        results::write(&folder, &config, &model, &measured, provenance)?;
        folder.remove(run_folder::CHECKPOINTS)?;
        super::print(&results::closing_lines(&folder, &measured))?;
        Ok(())
    }
}

/// What a person should know about a graph before a model is trained on it.
fn graph_line(graph: &GraphReport) -> String {
    let bias = graph.bias.map_or(String::new(), |bias| {
        format!(
            "; a perfect embedding would be {:.0} % too large or small",
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

/// The trainer, and what there is to know about the graph of a method that needs one.
fn prepare<'a, E: Number, D: NetworkDevice<E>>(
    config: &Config,
    device: &D,
    data: ArrayView2<'a, E>,
    labels: Option<&[i64]>,
) -> Result<(Trainer<'a, E, D>, Option<GraphReport>), Error> {
    let architecture = config.architecture(data.ncols())?;
    let model = Autoencoder::new(&architecture, config.seed, device)?;
    let space = config.data_space(data.ncols())?;
    let options = TrainOptions {
        epochs: config.epochs,
        batch_size: config.batch_size,
        learning_rate: config.learning_rate,
        weight_decay: config.weight_decay,
        seed: config.seed,
        ..config.method.train_options()
    };
    let graph = GraphData {
        points: data,
        labels,
        batch_size: config.batch_size,
        seed: config.seed,
    };
    let (model, objective, report) = match space {
        Some(space) => {
            let objective = config.method.objective_on_manifold(config.weight, &space)?;
            (model.on(space)?, objective, None)
        }
        None => {
            let settings = GraphSettings::default();
            let (objective, report) =
                config
                    .method
                    .objective_on(config.weight, &settings, &graph)?;
            (model, objective, report)
        }
    };
    let trainer = Trainer::with_labels(model, objective, data, labels, options)?;
    Ok((trainer, report))
}

/// Trains to the end; after every epoch the log, a checkpoint and the model are on the disk, in this order.
fn train_epochs<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    trainer: &mut Trainer<'_, E, D>,
    test: ArrayView2<'_, E>,
    fingerprint: &str,
    history: &mut Vec<EpochRecord>,
) -> Result<(), Failure> {
    let mut log = folder.log()?;
    let progress = Progress::new(
        trainer.epoch(),
        config.epochs,
        trainer.batches(),
        config.batch_size,
    );
    loop {
        let outcome = trainer.next_epoch(|report| {
            progress.batch(report);
            if INTERRUPTED.load(Ordering::SeqCst) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let report = match outcome {
            Ok(Some(EpochOutcome::Finished(report))) => report,
            Ok(None) => break,
            Ok(Some(EpochOutcome::Interrupted)) => {
                let left = left_behind(folder, trainer.epoch());
                return Err(Failure::Interrupted(format!("interrupted; {left}")));
            }
            Err(error) => {
                return Err(Failure::Training {
                    error,
                    left: left_behind(folder, trainer.epoch()),
                });
            }
        };
        let test_mse = trainer
            .model()
            .reconstruction_errors(test)
            .map_err(Error::from)?
            .mean();
        progress.epoch(&report, test_mse);
        let record = EpochRecord::new(&report, test_mse);
        log.append(&record)?;
        history.push(record);
        trainer
            .save_checkpoint(&folder.file(run_folder::CHECKPOINTS), fingerprint)
            .map_err(Error::from)?;
        trainer
            .model()
            .save(
                &folder.file(run_folder::MODEL),
                &metadata(config, trainer.epoch()),
            )
            .map_err(Error::from)?;
    }
    Ok(())
}

fn resume<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    trainer: &mut Trainer<'_, E, D>,
    fingerprint: &str,
) -> Result<Vec<EpochRecord>, Error> {
    let checkpoints = folder.file(run_folder::CHECKPOINTS);
    // A run that was stopped before its first checkpoint begins again.
    let resumed = match latest_checkpoint(&checkpoints)? {
        Some(_) => trainer.resume(&checkpoints, fingerprint)?,
        None => Resumed::default(),
    };
    for (path, reason) in &resumed.skipped {
        eprintln!("{} cannot be used: {reason}", path.display());
    }
    eprintln!("resuming after epoch {}", resumed.epoch);
    history::rewind(&folder.file(run_folder::LOG), resumed.epoch)
}

/// What a training that ended after `epoch` whole epochs leaves, and how to go on.
fn left_behind(folder: &RunFolder, epoch: usize) -> String {
    let path = folder.path().display();
    if epoch == 0 {
        format!(
            "no epoch was finished and {path} holds the settings only; `geom train --resume {path}` begins again"
        )
    } else {
        format!(
            "model and log of epoch {epoch} are in {path}, `geom train --resume {path}` goes on"
        )
    }
}

/// What the model's file says of its origin.
fn metadata(config: &Config, epoch: usize) -> BTreeMap<String, String> {
    [
        ("geom", env!("CARGO_PKG_VERSION").to_owned()),
        ("method", config.method.to_string()),
        ("data", config.data.clone()),
        ("seed", config.seed.to_string()),
        ("epoch", epoch.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// What a resumed run must share with the interrupted one: every setting but the threads, and the data.
fn fingerprint<E: Number>(config: &Config, dataset: &Dataset<E>) -> Result<String, Error> {
    let settings = Config {
        threads: 1,
        out: None,
        ..config.clone()
    }
    .to_toml()?;
    let shape = format!("{:?}", dataset.points.dim());
    let digest = dataset.points.iter().fold(
        Digest::new().with(settings).with(shape),
        |digest, &value| digest.with(<E as Into<f64>>::into(value).to_le_bytes()),
    );
    Ok(digest.finish())
}
